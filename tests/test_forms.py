"""Other forms of declared tables (forms.yaml): files are read with the meaning of their dataset; none is scheduled."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from test_sources import HERE, SOURCES, is_cell, rows_of

from migstats import local, pipeline, settings
from migstats.audit import audit
from migstats.errors import DeclarationError
from migstats.forms import read_forms
from migstats.harmonise import Harmonised, harmonise, read_codes, wide
from migstats.readers import reader_for
from migstats.source import Dataset, folder_of, plan

TODAY = dt.date(2026, 11, 26)
FORMS = {(source.id, form.id): form for source in SOURCES.values() for form in read_forms(folder_of(source.id), source)}
EXPORT = (
    'Year,"Country of Asylum","Country of Origin","Country of Asylum ISO","Country of Origin ISO",Refugees,'
    '"Returned Refugees","Asylum Seekers",IDPs,"Returned IDPs",Stateless,HST,OOC\n'
)
PACKAGE = "year,coo_name,coo,coo_iso,coa_name,coa,coa_iso,"
PERSONS = "refugees,asylum_seekers,returned_refugees,idps,returned_idps,stateless,ooc,oip,hst"
BANDS = ("0_4", "5_11", "12_17", "18_59", "60", "Unknown", "total")
HDX = '"Year","ISO3CoO","ISO3CoA",'
DEMOGRAPHICS = (
    HDX
    + '"PT","location","urbanRural","accommodationType",'
    + "".join(f'"{sex}_{band}",' for sex in ("Female", "Male") for band in BANDS)
    + '"Total"\n'
)


def workbook(sheets: Mapping[str, tuple[int, Sequence[Sequence[object]], Sequence[str]]]) -> bytes:
    """Name of a sheet → the row in which its texts begin, the rows, and what is merged."""
    book = openpyxl.Workbook()
    for name, (first, rows, merged) in sheets.items():
        page = book.create_sheet(name)
        for number, row in enumerate(rows, first):
            for column, value in enumerate(row, 1):
                page.cell(number, column).value = value  # type: ignore[assignment]
        for area in merged:
            page.merge_cells(area)
    del book[book.sheetnames[0]]
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def of_2015(number: int, sex: str, figures: Sequence[Sequence[object]]) -> dict[str, Any]:
    """A matrix of Rev.2015, its header in two rows."""
    title = f"Table {number}. {sex} migrant stock at mid-year by origin and by major area, region, country or area of"
    header = ["Sort\norder", "Major area, region, country or area of destination", "Notes", "Country code"]
    rows = [
        [None] * 4 + [f"{title} destination, 2015"],
        *([],) * 4,
        [*header, "Type of data (a)", "Country of origin"],
        [None] * 5 + ["Total", "Other South", "Congo", "Democratic Republic of the Congo"],
        *figures,
    ]
    return {f"Table {number}": (10, rows, [f"{column}15:{column}16" for column in "ABCDE"])}


MATRICES = workbook(
    of_2015(16, "Total", [[1, "WORLD", None, 900, None, 16, 1, 5, 10], [2, "Gabon", None, 266, "B R ", 16, 1, 5, 10]])
    | of_2015(17, "Male", [[1, "WORLD", None, 900, None, 9, None, 3, 6], [2, "Gabon", None, 266, "B R", 9, None, 3, 6]])
    | {"NOTES": (1, [["(a)", "Including nobody."]], [])}
)
AREA_OF_WPP = [1, "Medium", "Morocco", None, 504, "MAR", "MA", 504, "Country/Area", 912]
WPP_HEADER = [
    *("Index", "Variant", "Region, subregion, country or area *", "Notes", "Location code", "ISO3 Alpha-code"),
    *("ISO2 Alpha-code", "SDMX code**", "Type", "Parent code", "Year"),
    "Total Population, as of 1 January (thousands)",
    "Total Population, as of 1 July (thousands)",
    "Male Population, as of 1 July (thousands)",
    "Female Population, as of 1 July (thousands)",
    "Net Number of Migrants (thousands)",
    "Net Migration Rate (per 1,000 population)",
]
#: Headers in row 17; a row of a group, whose figures are none of these datasets, and one that only sets groups apart.
COMPACT = workbook(
    {
        sheet: (
            17,
            [
                WPP_HEADER,
                [1, variant, "Label", None, 1803, None, None, None, "Label/Separator", 900, None, *["..."] * 6],
                [2, variant, "Africa", None, 903, None, None, 2, "Region", 900, year, 9, 9, 4, 5, 1, 1],
                [3, variant, *AREA_OF_WPP[2:], year, 8, 10.5, 5.25, 5.25, -1.234, -2.5],
            ],
            [],
        )
        for sheet, variant, year in (("Estimates", "Estimates", 2023), ("Medium variant", "Medium", 2024))
    }
)
#: Cells of the compact workbook of which a form with so many figures in a row says something.
OF_COMPACT = len(WPP_HEADER[11:]) * 6

#: Source, form → a file as the publisher writes it (figures invented) → what is told of it: cells, and figures by key.
EXAMPLES: dict[tuple[str, str], tuple[str | bytes, int, list[tuple[dict[str, str], float | None]]]] = {
    ("undesa_stock", "corridors_2015"): (
        MATRICES,
        16,
        [
            ({"ref_area": "GAB", "counterpart_area": "COG", "sex": "_T", "time_period": "2015"}, 5),
            ({"ref_area": "GAB", "counterpart_area": "COD", "sex": "M", "concept_basis": "birth+refugees"}, 6),
            ({"ref_area": "GAB", "counterpart_area": "_X_OTHER_SOUTH"}, 1),
            ({"ref_area": "001", "counterpart_area": "_T", "sex": "M", "concept_basis": "mixed"}, 9),
        ],
    ),
    ("undesa_wpp", "migration_compact"): (
        COMPACT,
        OF_COMPACT,
        [
            ({"ref_area": "MAR", "time_period": "2023", "breakdown": "_T", "unit": "PS"}, -1_234),
            ({"ref_area": "MAR", "time_period": "2024", "breakdown": "WPP:MEDIUM"}, -1_234),
        ],
    ),
    ("undesa_wpp", "rate_compact"): (
        COMPACT,
        OF_COMPACT,
        [({"ref_area": "MAR", "time_period": "2023", "unit": "RATE_1000"}, -2.5)],
    ),
    ("undesa_wpp", "population_compact"): (
        COMPACT,
        OF_COMPACT,
        [
            ({"ref_area": "MAR", "time_period": "2023", "sex": "_T"}, 10_500),
            ({"ref_area": "MAR", "time_period": "2024", "sex": "F", "breakdown": "WPP:MEDIUM"}, 5_250),
        ],
    ),
    ("unhcr_population", "pairs_export"): (
        EXPORT + "2031,Austria,Ukraine,AUT,UKR,221,3,515,0,0,0,0,0\n",
        8,
        [({"indicator": "REFUGEES", "ref_area": "AUT", "counterpart_area": "UKR"}, 221)],
    ),
    ("unhcr_population", "origin_export"): (
        EXPORT + "2031,-,Ukraine,-,UKR,28410,3,1905,0,0,0,0,0\n",
        8,
        [({"indicator": "ASYLUM_SEEKERS", "ref_area": "001", "counterpart_area": "UKR"}, 1905)],
    ),
    ("unhcr_population", "returned_pairs_export"): (
        EXPORT + "2031,Austria,Ukraine,AUT,UKR,221,3,515,0,7,0,0,0\n",
        8,
        [({"indicator": "REFUGEES_RETURNED"}, 3), ({"indicator": "IDPS_RETURNED"}, 7)],
    ),
    ("unhcr_population", "returned_origin_export"): (
        EXPORT + "2031,-,Ukraine,-,UKR,221,3,515,0,7,0,0,0\n",
        8,
        [({"indicator": "REFUGEES_RETURNED", "ref_area": "001"}, 3)],
    ),
    ("unhcr_population", "pairs_bulk"): (
        HDX + '"REF","IDP","ASY","OOC","STA","OIP"\n2031,"AFG","IRN",1e+05,0,12,0,0,0\n2031,"UKN","IRN",5,0,0,0,0,0\n',
        12,
        [
            ({"indicator": "REFUGEES", "ref_area": "IRN", "counterpart_area": "AFG"}, 100_000),
            ({"indicator": "REFUGEES", "ref_area": "IRN", "counterpart_area": "_U"}, 5),
        ],
    ),
    ("unhcr_population", "pairs_package"): (
        PACKAGE + PERSONS + "\n2031.0,Germany,GFR,DEU,Austria,AUS,AUT,180000.0,0.0,4.0,0.0,0.0,0.0,0.0,,0.0\n",
        9,
        [
            ({"indicator": "REFUGEES", "ref_area": "AUT", "counterpart_area": "DEU"}, 180_000),
            ({"indicator": "OTHER_IN_NEED_OF_PROTECTION"}, None),
        ],
    ),
    ("unhcr_population", "returned_package"): (
        PACKAGE + PERSONS + "\n2031.0,Germany,GFR,DEU,Austria,AUS,AUT,180000.0,0.0,4.0,0.0,0.0,0.0,0.0,,0.0\n",
        9,
        [({"indicator": "REFUGEES_RETURNED", "ref_area": "AUT", "counterpart_area": "DEU"}, 4)],
    ),
    ("unhcr_unrwa", "refugees_package"): (
        PACKAGE + "total\n2031.0,Palestinian,GAZ,PSE,Lebanon,LEB,LBN,103135.0\n",
        1,
        [({"ref_area": "LBN", "counterpart_area": "PSE", "time_period": "2031"}, 103_135)],
    ),
    ("unhcr_asylum", "applications_package"): (
        PACKAGE + "procedure_type,app_type,dec_level,app_pc,applied\n"
        "2031.0,Albania,ALB,ALB,Australia,AUL,AUS,G,A,AR,C,21.0\n2031.0,Albania,ALB,ALB,Australia,AUL,AUS,G,A,AR,P,30.0\n",
        2,
        [
            ({"indicator": "ASYLUM_APPLICATION_CASES", "breakdown": "UNHCR_ASYLUM:G_A_AR", "unit": "CASES"}, 21),
            ({"indicator": "ASYLUM_APPLICATIONS", "breakdown": "UNHCR_ASYLUM:G_A_AR", "unit": "PS"}, 30),
        ],
    ),
    ("unhcr_asylum", "applications_bulk"): (
        HDX
        + '"ProcedureType","ApplicationType","ApplicationDataType","ApplicationAveragePersonsPerCase","Applications"\n'
        '2031,"AFG","IRN","U","N","P","0",245\n',
        1,
        [({"indicator": "ASYLUM_APPLICATIONS", "ref_area": "IRN", "breakdown": "UNHCR_ASYLUM:U_N_ANY"}, 245)],
    ),
    ("unhcr_asylum", "decisions_bulk"): (
        HDX + '"ProcedureType","DecisionType","DecisionDataType","DecisionsAveragePersonsPerCase","Recognized",'
        '"RecognizedOther","OtherwiseClosed","Rejected","TotalDecided"\n2031,"AFG","IRN","G","FI","P","0",82,39,0,14,135\n',
        5,
        [
            ({"indicator": "ASYLUM_RECOGNISED", "breakdown": "UNHCR_ASYLUM:G_FI"}, 82),
            ({"indicator": "ASYLUM_DECISIONS_NEGATIVE"}, 14),
        ],
    ),
    ("unhcr_demographics", "pairs_bulk"): (
        DEMOGRAPHICS
        + f'2031,"IRN","AFG","REF","","","",{"1,2,3,4,5,6,21," * 2}42\n2031,"IRN","AFG","RET","","","",{"0," * 14}9\n',
        30,
        [
            ({"indicator": "REFUGEES", "sex": "F", "age": "Y12T17"}, 3),
            ({"indicator": "REFUGEES", "sex": "_T", "age": "_T"}, 42),
        ],
    ),
    ("unhcr_demographics", "returned_pairs_bulk"): (
        DEMOGRAPHICS + f'2031,"IRN","AFG","RET","","","",{"0," * 14}9\n',
        15,
        [({"indicator": "REFUGEES_RETURNED", "sex": "_T"}, 9)],
    ),
    ("knomad_remittances", "matrix_2018"): (
        '\ufeff,Nepal,"Congo, Dem. Rep."\nQatar,12.5,0\nNepal,0,N/A\n',
        4,
        [
            ({"ref_area": "NPL", "counterpart_area": "QAT", "time_period": "2018"}, 12_500_000),
            ({"ref_area": "COD", "counterpart_area": "QAT"}, None),  # nought is "none or not known"
        ],
    ),
    ("worldbank_wdi", "flows_bulk"): (
        '\ufeff"Data Source","World Development Indicators",\n\n"Last Updated Date","2031-06-28",\n\n'
        '"Country Name","Country Code","Indicator Name","Indicator Code","2019","2020",\n'
        '"Aruba","ABW","Net migration","SM.POP.NETM","-569","",\n'
        '"Arab World","ARB","Net migration","SM.POP.NETM","7","8",\n',
        4,
        [
            ({"ref_area": "ABW", "time_period": "2019"}, -569),
            ({"ref_area": "ABW", "time_period": "2020"}, None),
            ({"ref_area": "WB_ARB", "time_period": "2020"}, 8),
        ],
    ),
    ("iom_missing_migrants", "world_2020"): (
        "Web ID,Region of Incident,Reported Date,Reported Year,Reported Month,Number Dead,"
        "Minimum Estimated Number of Missing,Total Dead and Missing,Cause of Death\n"
        "1,US-Mexico Border,13-Jan-20,2020,Jan,1,,1,Drowning\n2,Mediterranean,12-Jan-20,2020,Jan,12,17,29,Drowning\n",
        6,
        [
            ({"indicator": "MIG_DEATHS", "ref_area": "001", "time_period": "2020-01", "obs_status": "A"}, 13),
            ({"indicator": "MIG_MISSING", "time_period": "2020-01", "obs_status": "U"}, 17),
        ],
    ),
}


def read_form(source_id: str, form: Dataset, payload: bytes) -> tuple[pl.DataFrame, Harmonised, int]:
    """The observations, what became of all cells, and how many cells landed."""
    table = reader_for(form.reader).read(payload, form.reader)
    concepts = pipeline.concepts()
    codes = read_codes(folder_of(source_id), concepts)
    done = harmonise({"0" * 64: table}, source_id, form, codes, concepts=concepts, last_year=2040)
    return wide(done, "x"), done, table.landed


def written(example: str | bytes, year: str = "2031") -> bytes:
    return example if isinstance(example, bytes) else example.replace("2031", year).encode()


def test_each_form_has_an_example() -> None:
    assert set(EXAMPLES) == set(FORMS)


@pytest.mark.parametrize("key", sorted(EXAMPLES), ids="-".join)
def test_a_form_is_read_with_the_meaning_of_its_dataset(key: tuple[str, str]) -> None:
    example, landed, expected = EXAMPLES[key]
    frame, done, found = read_form(key[0], FORMS[key], written(example))
    assert (found, done.quarantine.num_rows) == (landed, 0)
    for cell, value in expected:
        rows = frame.filter(*(pl.col(name) == text for name, text in cell.items()))
        assert rows["value"].to_list() == [value], cell


@pytest.mark.parametrize("key", sorted(EXAMPLES), ids="-".join)
def test_audit_and_read_take_a_file_as_its_form(key: tuple[str, str], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(written(EXAMPLES[key][0], year="2021"))
    [account] = audit([file], [SOURCES[key[0]]], today=TODAY)
    assert (account.outcome, account.source, account.balances) == ("loaded", key[0], True)
    done = local.read_file(file, SOURCES[key[0]], key[1], folder_of(key[0]), today=TODAY)
    assert done.facts.num_rows


def test_a_table_with_the_same_header_is_not_taken_for_another(tmp_path: Path) -> None:
    """IDMC's table in UNHCR's package has the header of UNRWA's."""
    rows = "".join(f"{year}.0,Chad,CHD,TCD,Chad,CHD,TCD,{year}00.0\n" for year in range(2009, 2021))
    file = tmp_path / "idmc.csv"
    file.write_text(PACKAGE + "total\n" + rows, encoding="utf-8")
    [account] = audit([file], [SOURCES["unhcr_unrwa"]], today=TODAY)
    assert account.outcome == "refused"
    assert "unknown_code" in account.why


def test_nothing_that_is_scheduled_knows_of_forms() -> None:
    for source_id, form_id in FORMS:
        source = SOURCES[source_id]
        assert form_id not in {planned.dataset for planned in plan(source, today=TODAY)}
        with pytest.raises(DeclarationError, match="has no dataset"):
            source.dataset(form_id)


READER = "reader: {format: delimited, figures: [x]}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"forms: [{{id: flows, of: stocks, title: t, {READER}}}]", "flows: another dataset or form has this id"),
        (f"forms: [{{id: aa, of: nowhere, title: t, {READER}}}]", "aa: of: .*has no dataset 'nowhere'"),
        (f"forms: [{{id: bb, of: bb, title: t, {READER}}}]", "bb: .*give it one of its own"),
        (f"forms: [{{id: cc, of: flows, title: t, {READER}, concepts: {{unit: null}}}}]", "cc: concepts: .*'unit'"),
        (f"forms: [{{id: dd, of: flows, title: t, {READER}, urls: [x]}}]", "dd.urls: Extra inputs"),
        ("forms: []", "forms: "),
        ("- id: e", "the whole file"),
    ],
)
def test_a_form_that_is_declared_wrong_is_told_by_its_id(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "forms.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DeclarationError, match=f"forms.yaml: .*{said}"):
        read_forms(tmp_path, SOURCES["worldbank_wdi"])


#: Figures of the real files, with their places.
GOLDEN = [
    (source_id, row)
    for source_id in sorted({source_id for (source_id, _), form in FORMS.items() if form.verified == "payload"})
    for row in rows_of(HERE / source_id / "forms.csv")
]


def test_each_form_that_was_held_against_a_file_has_golden_figures() -> None:
    seen = {(source_id, row["dataset"]) for source_id, row in GOLDEN}
    assert seen == {key for key, form in FORMS.items() if form.verified == "payload"}


@pytest.mark.payloads
@pytest.mark.parametrize("key", sorted({(source_id, row["dataset"]) for source_id, row in GOLDEN}), ids="-".join)
def test_golden_figures_stand_in_the_real_files(key: tuple[str, str], payloads: Path) -> None:
    form = FORMS[key]
    known = [row for source_id, row in GOLDEN if (source_id, row["dataset"]) == key]
    for name in {row["file"] for row in known}:
        payload = (payloads / name).read_bytes()
        payload = gzip.decompress(payload) if name.endswith(".gz") else payload
        frame, done, landed = read_form(key[0], form, payload)
        left = sum(done.explained["count"].to_pylist())
        held = sum(done.quarantine["cells"].to_pylist())
        assert landed == sum(done.landed.values()) == done.facts.num_rows + held + left
        for row in (row for row in known if row["file"] == name):
            [found] = frame.filter(*is_cell(row)).to_dicts()
            assert (found["place"], found["raw"] or "") == (row["place"], row["raw"]), row
            assert found["value"] == (float(row["value"]) if row["value"] else None), row
            assert (reader_for(form.reader).locate(payload, row["place"], form.reader) or "") == row["raw"]


def columns_of(payload: bytes) -> list[dict[str, Any]]:
    return list(csv.DictReader(payload.decode("utf-8-sig").splitlines()))


@pytest.mark.payloads
def test_every_application_of_the_package_is_accounted_for_and_cases_are_no_persons(payloads: Path) -> None:
    """120,597 rows of 1999 to 2025 in one file."""
    payload = gzip.decompress((payloads / "unhcr/derived_from_rda/asylum_applications.csv.gz").read_bytes())
    frame, done, _ = read_form("unhcr_asylum", FORMS["unhcr_asylum", "applications_package"], payload)
    rows = columns_of(payload)
    assert (len(rows), frame.height, done.quarantine.num_rows) == (120_597, 120_597, 0)
    said = {unit: (n, total) for unit, n, total in frame.group_by("unit").agg(pl.len(), pl.col("value").sum()).rows()}
    for code, unit in (("P", "PS"), ("C", "CASES")):
        figures = [float(row["applied"]) for row in rows if row["app_pc"] == code]
        assert said[unit] == (len(figures), sum(figures))


@pytest.mark.payloads
def test_the_matrix_of_migrants_adds_up_down_and_across_to_what_it_prints(payloads: Path) -> None:
    """232 countries and areas and 33 groups down; 232 origins, two residuals and their total across."""
    payload = (payloads / "un_desa/UN_MigrantStockByOriginAndDestination_2015.xlsx").read_bytes()
    frame, done, landed = read_form("undesa_stock", FORMS["undesa_stock", "corridors_2015"], payload)
    assert (landed, frame.height, done.quarantine.num_rows) == (265 * 235, 19_651, 0)
    assert [(e["reason"], e["count"]) for e in done.explained.to_pylist()] == [("blank", 265 * 235 - 19_651)]
    groups = [a["code"] for a in rows_of(settings.include() / "codelists/area.csv") if a["kind"] == "group"]
    assert frame.filter(pl.col("ref_area").is_in(groups))["ref_area"].n_unique() == 33
    total = pl.col("counterpart_area") == "_T"
    across = frame.filter(~total).group_by("ref_area").agg(pl.col("value").sum().alias("parts"))
    rows = across.join(frame.filter(total), on="ref_area", validate="1:1")
    assert (rows.height, rows.filter(pl.col("parts") == pl.col("value")).height) == (265, 265)
    down = frame.filter(~pl.col("ref_area").is_in(groups)).group_by("counterpart_area").agg(parts=pl.col("value").sum())
    world = down.join(frame.filter(ref_area="001"), on="counterpart_area", validate="1:1")
    assert (world.height, world.filter(pl.col("parts") == pl.col("value")).height) == (235, 235)
    assert frame.filter(ref_area="001", counterpart_area="_T")["value"].to_list() == [243_700_236]


@pytest.mark.payloads
def test_bulk_demographics_have_no_nought_where_only_the_total_is_known(payloads: Path) -> None:
    payload = (payloads / "unhcr/HDX_Demographics.csv").read_bytes()
    form = FORMS["unhcr_demographics", "pairs_bulk"]
    _, done, _ = read_form("unhcr_demographics", form, payload)
    stocks = [row for row in columns_of(payload) if row["PT"] in form.only["pop_type"]]
    bands = [f"{sex}_{band}" for sex in ("Female", "Male") for band in BANDS]
    alone = [row for row in stocks if row["Total"] != "0" and all(row[band] == "0" for band in bands)]
    assert (len(stocks), len(alone)) == (1_059, 249)
    left = dict(zip(done.explained["reason"].to_pylist(), done.explained["count"].to_pylist(), strict=True))
    assert left["declared_ignored"] >= len(alone) * 14


@pytest.mark.payloads
def test_the_matrix_is_read_in_dollars_and_its_noughts_are_no_figures(payloads: Path) -> None:
    payload = (payloads / "knomad/Bilateralremittancematrix2018Oct2019.csv").read_bytes()
    frame, _, landed = read_form("knomad_remittances", FORMS["knomad_remittances", "matrix_2018"], payload)
    assert (landed, frame.height, frame.filter(raw="0").height) == (214 * 214, 214 * 214, 39_730)
    assert (frame["value"] == 0).sum() == 0
    received = frame.group_by("ref_area").agg(pl.col("value").sum()).filter(pl.col("ref_area").is_in(["MAR", "NPL"]))
    assert dict(received.iter_rows()) == {"MAR": 6_913_000_000, "NPL": 8_317_000_000}
