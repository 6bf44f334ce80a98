"""Parts of countries: what a publisher's text means, and what becomes of a figure whose unit nobody knows."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
import toy

from migstats import checks, gate, pipeline, publish, vintage, warehouse
from migstats.codelists import read_codelist
from migstats.comparison import Figures
from migstats.errors import DeclarationError, DriftError
from migstats.harmonise import harmonise, read_codes, wide
from migstats.rules import Rules, read_golden, read_lists
from migstats.source import Source, folder_of, plan, read_source
from migstats.subdivisions import Level, Subdivisions, told_apart, unmatched

FOLDER = Path("include/codelists")
UNITS = Subdivisions.read(FOLDER)
EN = Level("name_en")


@pytest.mark.parametrize(
    ("area", "above", "text", "how", "code"),
    [
        ("MAR", "_T", "Tanger-Tétouan-Al Hoceïma", Level("name_fr"), "MA-01"),
        ("MAR", "_T", "TANGER - TETOUAN - AL HOCEIMA", Level("name_fr"), "MA-01"),
        ("MAR", "_T", "L’Oriental", Level("name_fr"), "MA-02"),
        ("MAR", "_T", "طنجة - تطوان - الحسيمة", Level("name_ar"), "MA-01"),
        ("MAR", "_T", "Gharb-Chrarda-Béni Hssen", Level("name_fr"), None),  # a region until 2015
        ("KGZ", "_T", "Chuy oblast", EN, "KG-C"),
        ("KGZ", "_T", "Chui", EN, "KG-C"),
        ("KGZ", "_T", "Ysykkul", EN, "KG-Y"),
        ("KGZ", "_T", "Djalal-Abad", EN, "KG-J"),
        ("KGZ", "_T", "Osh city", EN, "KG-GO"),
        ("KGZ", "_T", "Osh oblast", EN, "KG-O"),
        ("KGZ", "_T", "Osh", EN, None),  # the oblast or the city
        ("KGZ", "_T", "Чуйская область", Level("name_ru"), "KG-C"),
        ("PHL", "_T", "Region IV A - CALABARZON", EN, "PH-40"),
        ("PHL", "_T", "National Capital Region (NCR)", EN, "PH-00"),
        ("PHL", "PH-40", "BATANGAS", EN, "PH-BTG"),
        ("PHL", "PH-00", "BATANGAS", EN, None),  # not a part of it
        ("NPL", "_T", "Province-1", EN, "NP-P1"),
        ("NPL", "NP-P1", "Taplejung", EN, "NP0101"),
        ("NPL", "NP-P1", "Province-1", EN, "NP-P1"),  # the unit above stands for itself
        ("NPL", "NP-P2", "Taplejung", EN, None),
        ("NPL", "_T", "NP0101", Level("pcode"), "NP0101"),
        ("NPL", "_T", "NP-P1", Level("code"), "NP-P1"),
        ("NPL", "_T", "Taplejun", EN, None),  # near is not the same
        ("NPL", "_T", "Bagmati", EN, "NP-P3"),
        ("NPL", "_T", "Bagmati", Level("name_en", None, "2001-06-22"), "NP-BA"),  # the zone of that time
        ("NPL", "_T", "Mechi", EN, None),
        ("BGD", "_T", "Dhaka", EN, None),  # a division and a district of it
        ("BGD", "_T", "Dhaka", Level("name_en", 1), "BD-C"),
        ("BGD", "BD-C", "Dhaka", EN, None),
        ("BGD", "BD-C", "Dhaka", Level("name_en", 2), "BD-13"),
        ("SEN", "_T", "Taplejung", EN, None),  # of another country
        ("SEN", "_T", "Thies", EN, "SN-TH"),
        ("TUN", "_T", "Manouba", Level("name_fr"), "TN-14"),
        ("MDA", "_T", "Chisinau", EN, "MD-CU"),
        ("SRB", "_T", "Belgrade", EN, "RS-00"),
        ("ECU", "_T", "Santo Domingo de los Tsachilas", Level("name_es"), "EC-SD"),
        ("JAM", "_T", "Saint Ann", EN, "JM-06"),
    ],
)
def test_a_text_is_one_unit_of_the_country_or_none(area: str, above: str, text: str, how: Level, code: str) -> None:
    assert UNITS.find(area, above, text, how) == code


def test_every_unit_is_found_by_its_own_name_within_what_it_lies_in() -> None:
    lost = []
    for code, row in UNITS.rows.items():
        if row["area"] and not row["valid_to"] and row["name_en"] != "Osh":
            how = Level("name_en", int(row["level"]))
            if UNITS.find(row["area"], row["parent"] or "_T", row["name_en"], how) != code:
                lost.append(code)
    assert lost == []


def test_the_programme_countries_have_units_and_every_unit_is_of_one() -> None:
    areas = read_codelist(FOLDER, "area").rows
    programme = {code for code, row in areas.items() if row["programme"] == "yes"}
    assert {row["area"] for row in UNITS.rows.values() if row["area"]} == programme


def test_a_unit_that_is_not_matched_says_what_it_lies_in_and_what_it_is_called() -> None:
    code = unmatched("NP-P1", ["  Phaktanlung  Gaunpalika"])
    assert code == "NP-P1+Phaktanlung Gaunpalika"
    told = told_apart(code)
    assert told is not None
    assert (told.above, told.levels, told.name) == ("NP-P1", 1, "Phaktanlung Gaunpalika")
    assert (UNITS.level(code), UNITS.area(code), UNITS.above(code, 1)) == (2, "NPL", "NP-P1")
    deep = unmatched("NPL", ["East", "Everest + Lhotse"])
    assert deep == "NPL++East > Everest + Lhotse"
    assert (UNITS.level(deep), UNITS.area(deep), UNITS.above(deep, 1), UNITS.above(deep, 0)) == (2, "NPL", None, "_T")
    assert told_apart("NP-P1") is None


@pytest.mark.parametrize(
    "line",
    [f"{line},,A,,,,,,," for line in ("MA+01,MAR,,1", "XX-1,MAR,NP-P1,2", "XX-1,NPL,NP-P1,3", "XX-1,NPL,NP-P9,2")],
    ids=["a plus", "a parent of another country", "a parent two levels above", "a parent that is none"],
)
def test_a_code_with_a_plus_or_without_its_parent_is_refused(tmp_path: Path, line: str) -> None:
    text = (FOLDER / "subdivision.csv").read_text(encoding="utf-8")
    (tmp_path / "subdivision.csv").write_text(f"{text}{line}\n", encoding="utf-8")
    with pytest.raises(DeclarationError, match=r"a code has no \+, and its parent is a unit of the same area one"):
        Subdivisions.read(tmp_path)


# -- a table of several levels ------------------------------------------------------------------------------------

#: As the census of Nepal prints it: the totals and the parts of each level in one table.
TABLE: Sequence[tuple[str, str, str, str]] = (
    ("Nepal", "Nepal", "0", "100"),
    ("Province-1", "Province-1", "0", "60"),
    ("Madhesh", "Madhesh", "0", "40"),
    ("Province-1", "Taplejung", "0", "25"),
    ("Province-1", "Everest", "0", "35"),
    ("Madhesh", "Saptari", "0", "40"),
)
_CONCEPT = """\
      subdivision:
        column: LOCAL
        name: LOCAL_NAME
        within:
          column: DIST
          scheme: name_en
          within: {column: PROV, scheme: name_en}
"""
_WHOLE = """\
figures,PROV,Nepal,subdivision,_T,map
figures,DIST,Nepal,subdivision,_T,map
figures,LOCAL,0,subdivision,_T,map
"""
A = toy.SLICES[0]


def payload(rows: Sequence[tuple[str, ...]], **cells: str) -> bytes:
    text = io.StringIO()
    own = ("PROV", "DIST", "LOCAL", "OBS_VALUE")
    writer = csv.DictWriter(text, [*toy.ROW, *own[:3], "LOCAL_NAME"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        said = dict(zip(own, row, strict=False))
        name = row[4] if len(row) > 4 else ""
        writer.writerow({**toy.ROW, "REF_AREA": "NPL", **cells, **said, "LOCAL_NAME": name})
    return text.getvalue().encode()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    toy.declare(tmp_path, monkeypatch, "toy")
    toy.open_gate(tmp_path, "toy")
    folder = folder_of("toy")
    declaration = folder / "source.yaml"
    text = declaration.read_text().replace("      note: {column: NOTE}\n", "      note: {column: NOTE}\n" + _CONCEPT)
    declaration.write_text(text.replace("{format: sdmx_csv}", "{format: sdmx_csv, attributes: [LOCAL_NAME]}"))
    map_codes(_WHOLE)
    return read_source(declaration)


def map_codes(lines: str) -> None:
    with (folder_of("toy") / "codes.csv").open("a", encoding="utf-8") as file:
        file.write(lines)


def harmonised(source: Source, body: bytes) -> tuple[dict[str, float], list[str], dict[str, str]]:
    """(unit → value, reasons of quarantine, unit → name) of a payload."""
    dataset, lists = source.datasets[0], pipeline.concepts()
    table = pipeline.read_page(body, dataset)
    codes = read_codes(folder_of("toy"), lists)
    made = harmonise({"a" * 64: table}, "toy", dataset, codes, concepts=lists, last_year=2026)
    facts = pl.DataFrame(pl.from_arrow(made.facts)).join(pl.DataFrame(pl.from_arrow(made.series)), on="series_id")
    return (
        dict(facts.select("subdivision", "value").iter_rows()),
        made.quarantine["reason"].to_pylist(),
        dict(pl.DataFrame(pl.from_arrow(made.units)).iter_rows()),
    )


def test_a_code_of_ours_for_a_unit_that_is_not_matched_is_read_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an export of ours has it."""
    toy.declare(tmp_path, monkeypatch, "toy")
    declaration = folder_of("toy") / "source.yaml"
    concept = "      subdivision: {column: LOCAL, name: LOCAL_NAME, scheme: code}\n"
    text = declaration.read_text().replace("      note: {column: NOTE}\n", "      note: {column: NOTE}\n" + concept)
    declaration.write_text(
        text.replace("{format: sdmx_csv}", "{format: sdmx_csv, attributes: [LOCAL_NAME, PROV, DIST]}")
    )
    map_codes("figures,LOCAL,_T,subdivision,_T,map\n")
    units = ["_T", "NP-P1", "NP-P1+Everest", "NPL++East > Lhotse + more"]
    rows = [("", "", unit, str(value), f"name of {unit}") for value, unit in enumerate(units)]
    found, wrong, names = harmonised(read_source(declaration), payload(rows))
    assert found == dict(zip(units, range(4), strict=True))
    assert wrong == []
    assert names == {unit: f"name of {unit}" for unit in units[1:]}
    other, _, _ = harmonised(read_source(declaration), payload([("", "", "MAR+Everest", "1", "")]))
    assert list(other) == ["NPL+MAR+Everest"], "what is said of another country is not believed"


@pytest.mark.parametrize(
    ("row", "code", "name"),
    [
        (("Nepal", "Nepal", "0"), "_T", None),
        (("Province-1", "Province-1", "0"), "NP-P1", "Province-1"),
        (("Province-1", "Taplejung", "0"), "NP0101", "Taplejung"),
        (("Province-1", "TAPLEJUNG ", "0"), "NP0101", "TAPLEJUNG"),
        (("Province-1", "Everest", "0"), "NP-P1+Everest", "Everest"),
        (("Madhesh", "Taplejung", "0"), "NP-P2+Taplejung", "Taplejung"),  # of another province
        (("East", "Everest", "0"), "NPL++East > Everest", "Everest"),
        (("East", "Taplejung", "0"), "NPL++East > Taplejung", "Taplejung"),
        (("East", "Nepal", "0"), "NPL+East", "East"),
        (("East", "East", "0"), "NPL+East", "East"),  # as the row of a province repeats its name
        (("Province-1", "Taplejung", "7", "1", "Phaktanlung"), "NP0101+7", "Phaktanlung"),
        (("Province-1", "Everest", "7", "1", "Phaktanlung"), "NP-P1++Everest > 7", "Phaktanlung"),
    ],
)
def test_a_figure_stands_under_its_unit_or_under_the_one_above_with_its_own_name(
    source: Source, row: tuple[str, ...], code: str, name: str | None
) -> None:
    figures, held, names = harmonised(source, payload([(*row[:3], "1", *row[4:])]))
    assert held == []
    assert figures == {code: 1.0}
    assert names.get(code) == name


def test_units_of_one_name_that_the_publisher_numbers_are_two(source: Source) -> None:
    rows = [("Province-1", "Taplejung", str(n), "5", "Sirijangha") for n in (1, 2)]
    figures, held, _ = harmonised(source, payload(rows))
    assert (figures, held) == ({"NP0101+1": 5.0, "NP0101+2": 5.0}, [])


def test_an_empty_cell_is_no_unit(source: Source) -> None:
    assert harmonised(source, payload([("Province-1", "", "0", "1")]))[:2] == ({}, ["missing_dimension"])


def test_a_name_that_codes_csv_maps_to_a_unit_of_another_country_stops_the_source(source: Source) -> None:
    map_codes("figures,DIST,Everest,subdivision,MA-01,map\n")
    with pytest.raises(DeclarationError, match="DIST 'Everest' is mapped to MA-01, a part of MAR, in a row about NPL"):
        harmonised(source, payload([("Province-1", "Everest", "0", "1")]))


def test_the_scheme_of_every_column_of_the_unit_is_checked(source: Source) -> None:
    assert checks.findings(today=toy.DAY.date())[0] == []
    declaration = folder_of("toy") / "source.yaml"
    text = declaration.read_text().replace("{column: PROV, scheme: name_en}", "{column: PROV, scheme: x}")
    declaration.write_text(text)
    [found] = checks.findings(today=toy.DAY.date())[0]
    assert "subdivision: column 'PROV': codelist subdivision has no column 'x'" in found


# -- in the warehouse ---------------------------------------------------------------------------------------------


def load(url: str, source: Source, body: bytes) -> vintage.Counts:
    counts = toy.load(url, source, toy.read(url, source, A, body))
    publish.publish(url, run_id="test")
    return counts


def shown(url: str, sql: str) -> list[tuple[object, ...]]:
    with warehouse.connect(url) as connection:
        return [tuple(row.values()) for row in connection.execute(sql.encode()).fetchall()]


@pytest.mark.database
def test_by_iso_unit_a_query_gives_figures_with_the_publishers_own_names(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, payload(TABLE))
    of_unit = """
        SELECT subdivision, subdivision_published, match_level, published_value FROM bi.fact_observation
        WHERE subdivision_matched = 'NP-P1' ORDER BY subdivision
    """
    assert shown(warehouse_url, of_unit) == [("NP-P1", "Province-1", 1, 60), ("NP-P1+Everest", "Everest", 1, 35)]
    country = "SELECT subdivision, published_value FROM bi.fact_observation WHERE subdivision = '_T'"
    assert shown(warehouse_url, country) == [("_T", 100)]
    told = "SELECT source, subdivision, matched, level, name, figures FROM ops.unmatched_unit"
    assert shown(warehouse_url, told) == [("toy", "NP-P1+Everest", "NP-P1", 2, "Everest", 1)]
    listed = "SELECT area, parent, level, is_matched FROM bi.dim_subdivision WHERE subdivision = 'NP-P1+Everest'"
    assert shown(warehouse_url, listed) == [("NPL", "NP-P1", 2, False)]


def values(rows: Sequence[tuple[str, ...]], **changed: str) -> list[tuple[str, ...]]:
    return [(*row[:3], changed.get(row[1], row[3])) for row in rows]


@pytest.mark.database
@pytest.mark.parametrize(
    ("rows", "total", "counted"),
    [
        (TABLE, 100, {"NP0101", "NP-P1+Everest", "NP0215"}),
        (values(TABLE, Everest="30"), 100, {"NP-P1", "NP-P2"}),  # the districts are not all there
        (values(TABLE, Everest="30", Madhesh="30"), 100, {"_T"}),
        (TABLE[1:], 100, {"NP-P1", "NP-P2"}),  # without a total nobody knows whether the districts are all there
        ([*TABLE[:4], ("East", "Everest", "0", "35"), TABLE[5]], 100, {"NP0101", "NPL++East > Everest", "NP0215"}),
        ([*TABLE, ("Nepal", "East", "0", "7")], 100, {"NP0101", "NP-P1+Everest", "NP0215"}),
    ],
    ids=["districts", "provinces", "country", "no total", "a district of an unknown province", "an unknown province"],
)
def test_each_person_counts_once_at_the_finest_level_that_is_complete(
    warehouse_url: str, source: Source, rows: Sequence[tuple[str, ...]], total: float, counted: set[str]
) -> None:
    load(warehouse_url, source, payload(rows))
    found = shown(warehouse_url, "SELECT subdivision, value FROM bi.fact_observation WHERE value IS NOT NULL")
    assert {unit for unit, _ in found} == counted
    assert sum(float(str(value)) for _, value in found) == total
    assert len(shown(warehouse_url, "SELECT 1 FROM bi.fact_observation")) == len(rows)


@pytest.mark.database
def test_a_mapping_moves_a_figure_to_its_own_unit_without_a_download_and_history_says_so(
    warehouse_url: str, source: Source
) -> None:
    load(warehouse_url, source, payload(TABLE))
    before = dt.datetime.now(dt.UTC)
    map_codes("figures,DIST,Everest,subdivision,NP0102,map\n")
    again = pipeline.read(toy.landed(warehouse_url, "toy"), source, folder_of("toy"))
    counts = toy.load(warehouse_url, source, again)
    publish.publish(warehouse_url, run_id="test")
    assert (counts.outcome, counts.loaded) == ("accepted", 1)
    units = "SELECT subdivision, subdivision_published FROM bi.fact_observation WHERE published_value = 35"
    assert shown(warehouse_url, units) == [("NP0102", "Everest")]
    history = """
        SELECT subdivision, end_reason, cause FROM bi.revisions WHERE published_value = 35 ORDER BY subdivision
    """
    assert shown(warehouse_url, history) == [("NP-P1+Everest", "remapped", "publisher"), ("NP0102", None, "crosswalk")]
    old = f"SELECT subdivision FROM bi.as_published('{before.isoformat()}') WHERE published_value = 35"
    assert shown(warehouse_url, old) == [("NP-P1+Everest",)]
    assert shown(warehouse_url, "SELECT * FROM ops.unmatched_unit") == []
    landings = "SELECT count(*) FROM raw.snapshot"
    assert shown(warehouse_url, landings) == [(1,)]


@pytest.mark.database
def test_bi_does_not_tell_the_units_of_a_source_that_may_not_be_passed_on(warehouse_url: str, source: Source) -> None:
    withheld = source.model_copy(update={"licence": source.licence.model_copy(update={"redistribution": "forbidden"})})
    load(warehouse_url, withheld, payload(TABLE))
    listed = "SELECT subdivision FROM bi.dim_subdivision WHERE NOT is_matched"
    assert shown(warehouse_url, listed) == []
    assert shown(warehouse_url, "SELECT subdivision_published FROM core.published WHERE published_value = 35") == [
        ("Everest",)
    ]


@pytest.mark.database
def test_a_unit_that_is_not_matched_is_a_warning_of_the_run_and_no_quarantine(
    warehouse_url: str, source: Source
) -> None:
    read = toy.read(warehouse_url, source, A, payload(TABLE))
    assert (read.observations, read.quarantined) == (6, 0)
    report = pipeline.check([read], source, run_id="r", url=warehouse_url, today=toy.DAY.date())
    [judged] = [j for j in report.judgements if j.rule == "subdivision_matched"]
    assert (judged.success, judged.severity) == (False, "warning")
    assert "NP-P1+Everest" in " ".join(judged.failing)


@pytest.mark.database
def test_units_of_a_later_load_are_known_too(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, payload(TABLE[:3]))
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, toy.SLICES[1], payload(TABLE[3:])))
    found = shown(warehouse_url, "SELECT subdivision FROM ops.unmatched_unit")
    assert found == [("NP-P1+Everest",)]


# -- the national sources -----------------------------------------------------------------------------------------

SAMPLES = Path("include/samples")


def of_source(source_id: str, dataset_id: str, body: bytes) -> pl.DataFrame:
    """The observations of a payload of a declared source; what is in quarantine fails."""
    source, lists = read_source(folder_of(source_id) / "source.yaml"), pipeline.concepts()
    dataset = source.dataset(dataset_id)
    made = harmonise(
        {"a" * 64: pipeline.read_page(body, dataset)},
        source_id,
        dataset,
        read_codes(folder_of(source_id), lists),
        concepts=lists,
        last_year=2026,
    )
    assert made.quarantine["reason"].to_pylist() == []
    return wide(made, "s")


def test_a_region_that_the_philippines_made_after_our_list_stands_under_the_country() -> None:
    body = (SAMPLES / "phl_cfo" / "origin.csv").read_bytes().replace(b"Region XIII - Caraga", b"Negros Island Region")
    found = of_source("phl_cfo", "origin", body).filter(pl.col("subdivision").str.contains("+", literal=True))
    assert set(found["subdivision"]) == {"PHL+Negros Island Region"}
    assert found.height == 2


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (b"dname", b"district", "the declared columns ['dname'] are not in the payload"),
        (b"sexname,category", b"sexname,agegroup", "the declared columns ['category'] are not in the payload"),
        (b"gapa,sex,", b"gapa,rural,", "the declared columns ['sex'] are not in the payload"),
    ],
)
def test_a_column_of_the_census_that_was_renamed_is_named(was: bytes, now: bytes, said: str) -> None:
    body = (SAMPLES / "npl_census" / "absent_by_age.csv").read_bytes().replace(was, now, 1)
    with pytest.raises(DriftError) as caught:
        of_source("npl_census", "absent_by_age", body)
    assert said in str(caught.value)


def test_harmless_changes_of_the_census_change_nothing() -> None:
    body = (SAMPLES / "npl_census" / "absent_by_age.csv").read_text(encoding="utf-8")
    header, *lines = body.splitlines()
    other = "\n".join([header, *(line.replace(",Taplejung,", ", TAPLEJUNG ,") for line in reversed(lines))]) + "\n"
    key = ["subdivision", "sex", "age", "value"]
    both = [of_source("npl_census", "absent_by_age", text.encode()).select(key).sort(key) for text in (body, other)]
    assert both[0].equals(both[1])


@pytest.mark.payloads
@pytest.mark.database
def test_the_census_of_nepal_counts_each_absentee_once(
    payloads: Path, warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGSTATS_LAKE", str(tmp_path / "lake"))
    source = read_source(folder_of("npl_census") / "source.yaml")
    files = {"absent_by_age": "Hhld18", "absent_by_country": "Hhld19", "absent_by_reason": "Hhld21"}
    reads = []
    for slice_ in plan(source, today=toy.DAY.date()):
        [path] = payloads.rglob(f"{files[slice_.dataset]}.csv.gz")
        reads.append(toy.land(warehouse_url, source, slice_, gzip.decompress(path.read_bytes()), toy.DAY))
    assert [read.quarantined for read in reads] == [0, 0, 0]

    compared = toy.alone(Figures.concat([vintage.figures(read) for read in reads]))
    findings = gate.judge(compared, Rules(), read_golden(folder_of("npl_census")), read_lists(FOLDER), release="")
    assert [f.message for f in findings if f.severity == "breach"] == []

    toy.load(warehouse_url, source, *reads)
    publish.publish(warehouse_url, run_id="test")
    assert shown(warehouse_url, "SELECT sum(value) FROM core.published") == [(2_190_592,)]
    by_sex = "SELECT sex, sum(value) FROM core.published WHERE value IS NOT NULL GROUP BY sex ORDER BY sex"
    assert shown(warehouse_url, by_sex) == [("F", 390_917), ("M", 1_799_675)]
    province = """
        SELECT count(DISTINCT f.subdivision), sum(f.value) FROM core.published AS f
        INNER JOIN ref.subdivision AS u ON f.subdivision = u.code
        INNER JOIN bi.dim_subdivision AS d ON coalesce(u.matched, u.code) = d.subdivision
        WHERE d.first_level = 'NP-P1' AND f.value IS NOT NULL
    """
    assert shown(warehouse_url, province) == [(137, 343_034)]
    assert shown(warehouse_url, "SELECT count(*) FROM ops.unmatched_unit") == [(753,)]
    one = """
        SELECT subdivision_matched, subdivision_published, match_level, published_value FROM core.published
        WHERE subdivision = 'NP0101+1' AND sex = '_T' AND age = '_T'
    """
    assert shown(warehouse_url, one) == [("NP0101", "Phaktanlung Gaunpalika", 2, 477)]
    assert shown(warehouse_url, "SELECT count(*) FROM bi.fact_observation") == [(0,)]
    assert shown(warehouse_url, "SELECT count(*) FROM bi.dim_subdivision WHERE NOT is_matched") == [(0,)]
