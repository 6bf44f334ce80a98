"""The codelists: codes stand once, schemes are one-to-one, and every code of the real payloads has a place."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import python_calamine
import yaml

from migstats import settings
from migstats.codelists import Codelist, codelist_of, read_codelist, read_csv
from migstats.errors import DeclarationError
from migstats.harmonise import read_codes
from migstats.observation import DEFAULTS, EITHER_WAY, SERIES_DIMENSIONS, SHARED_ATTRIBUTES, WITHOUT_VALUE
from migstats.source import folder_of, read_sources
from migstats.uploads import contract

FOLDER = settings.include() / "codelists"
NAMES = ("name_en", "name_fr", "name_es", "name_ar", "name_ru")
PROGRAMME = {"MAR", "BGD", "ECU", "JAM", "KGZ", "MDA", "NPL", "PHL", "SEN", "SRB", "TUN"}
SCHEMES = {
    "area": ("m49", "iso2", "iso3", "unhcr", "worldbank", "eurostat", "undesa", "oecd", "ilo"),
    "sex": ("eurostat",),
    "age": ("eurostat", "unhcr"),
    "freq": ("eurostat",),
    "conf_status": ("eurostat",),
    "education": ("eurostat",),
    "unit": ("eurostat",),
    "concept_basis": ("undesa",),
    "subdivision": ("pcode",),
}


def codelist(name: str) -> Codelist:
    return read_codelist(FOLDER, name)


def all_names() -> list[str]:
    return sorted(p.stem for p in FOLDER.glob("*.csv"))


# -- the reader --------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sex.csv").write_text("code,theirs,name_en\nF,2|w,Female\nM,1,Male\n_T,,Total\n", encoding="utf-8")
    return tmp_path


def test_a_scheme_maps_each_of_several_codes_and_leaves_empty_cells_out(folder: Path) -> None:
    assert read_codelist(folder, "sex").scheme("theirs") == {"2": "F", "w": "F", "1": "M"}


def test_a_code_that_stands_for_two_of_ours_is_refused(folder: Path) -> None:
    (folder / "age.csv").write_text("code,theirs\nY0T4,a\nY5T9,b|a\n", encoding="utf-8")
    with pytest.raises(DeclarationError, match="'a' stands for both Y0T4 and Y5T9"):
        read_codelist(folder, "age").scheme("theirs")


def test_a_scheme_that_is_not_there_is_refused_and_those_there_are_named(folder: Path) -> None:
    with pytest.raises(DeclarationError, match="no column 'thiers'; it has code, theirs, name_en"):
        read_codelist(folder, "sex").scheme("thiers")


@pytest.mark.parametrize("rows", ["F,x\nF,y\n", ",x\n"], ids=["twice", "empty"])
def test_a_code_that_is_empty_or_stands_twice_is_refused(tmp_path: Path, rows: str) -> None:
    (tmp_path / "bad.csv").write_text("code,name_en\n" + rows, encoding="utf-8")
    with pytest.raises(DeclarationError, match="is empty or stands twice"):
        read_codelist(tmp_path, "bad")


def test_a_line_with_a_field_too_many_is_refused_by_number(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("code,name_en\nKOR,Korea, Republic of\n", encoding="utf-8")
    with pytest.raises(DeclarationError, match="line 2: 3 fields, 2 expected"):
        read_csv(tmp_path / "bad.csv")


# -- all lists ---------------------------------------------------------------------------------------------------

#: Lists whose codes are those of another list, or formulas: they have no names of their own.
NAMELESS = {
    *("source_preference", "indicator_catalogue", "indicator_definition", "derived_indicator"),
    *("area_group", "area_part", "age_scheme"),
}


@pytest.mark.parametrize("name", all_names())
def test_every_list_reads_with_the_code_first_and_no_stray_blanks(name: str) -> None:
    rows = read_csv(FOLDER / f"{name}.csv")
    assert rows
    assert next(iter(rows[0])) == "code"
    assert len(codelist(name).rows) == len(rows)
    text = (FOLDER / f"{name}.csv").read_bytes()
    assert not text.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in text
    assert b"\t" not in text
    assert "\u00c3" not in text.decode("utf-8"), "mojibake"


@pytest.mark.parametrize(("name", "scheme"), [(n, s) for n, schemes in SCHEMES.items() for s in schemes])
def test_a_publishers_code_stands_for_one_of_ours(name: str, scheme: str) -> None:
    theirs = codelist(name).scheme(scheme)
    assert theirs
    assert all(code == code.strip() != "" for code in theirs)


@pytest.mark.parametrize("name", [n for n in all_names() if n not in (*NAMELESS, "subdivision")])
def test_every_row_has_an_english_name_that_no_other_row_has(name: str) -> None:
    english = [row["name_en"] for row in codelist(name).rows.values()]
    assert all(english)
    assert len(set(english)) == len(english), sorted({n for n in english if english.count(n) > 1})


@pytest.mark.parametrize("name", [n for n in all_names() if n not in (*NAMELESS, "area", "subdivision")])
def test_lists_that_people_see_are_named_in_five_languages(name: str) -> None:
    missing = [(c, n) for c, row in codelist(name).rows.items() for n in NAMES if not row[n]]
    assert not missing


@pytest.mark.parametrize("concept", [d for d in SERIES_DIMENSIONS if d != "source"])
def test_every_dimension_has_a_list_that_holds_its_default(concept: str) -> None:
    known = codelist_of(FOLDER, concept)
    assert known is not None, f"{concept} has no codelist"
    assert concept not in DEFAULTS or DEFAULTS[concept] in known


@pytest.mark.parametrize("concept", sorted(set(DEFAULTS) - {"freq", "counterpart_basis"}))
def test_every_dimension_has_total_unknown_and_not_applicable(concept: str) -> None:
    known = codelist_of(FOLDER, concept)
    assert known is not None
    assert {"_T", "_U", "_Z"} <= set(known.rows)


@pytest.mark.parametrize(
    "attribute", ["unit", "missing_reason", "nature", "concept_basis", "residence_criterion", "conf_status"]
)
def test_coded_attributes_have_a_list(attribute: str) -> None:
    assert codelist_of(FOLDER, attribute) is not None
    assert attribute in (*SHARED_ATTRIBUTES, "conf_status")


# -- area --------------------------------------------------------------------------------------------------------


def test_every_area_has_a_kind_and_a_code_in_the_form_of_its_kind() -> None:
    forms = {
        "country": r"[A-Z]{3}",
        "territory": r"[A-Z]{3}|AB9",
        "historical": r"[A-Z]{3}(_FORMER)?",
        "group": r"[0-9]{3}|(WB|ESTAT|UNDESA|NSO_NPL|IOM_MM)_[A-Z0-9_]+|GLOBAL_PROGRAMME",
        "residual": r"_U|_Z|_X_[A-Z_]+",
        "total": r"_T",
    }
    wrong = [c for c, row in codelist("area").rows.items() if not re.fullmatch(forms[row["kind"]], c)]
    assert not wrong


def test_countries_are_the_193_member_states_and_2_observers() -> None:
    kinds = [row["kind"] for row in codelist("area").rows.values()]
    assert kinds.count("country") == 195


def test_the_programme_has_its_eleven_countries() -> None:
    assert set(codelist("area").column("programme")) == PROGRAMME
    assert set(codelist("area").column("programme").values()) == {"yes"}


def test_m49_numbers_are_padded_and_name_the_group_that_they_are_the_code_of() -> None:
    for code, m49 in codelist("area").column("m49").items():
        assert re.fullmatch(r"[0-9]{3}", m49), code
        assert not code.isdigit() or code == m49


def test_m49_areas_are_named_in_five_languages() -> None:
    unnamed = [
        code
        for code, row in codelist("area").rows.items()
        if (row["m49"] or row["kind"] in ("country", "total")) and not all(row[n] for n in NAMES)
    ]
    assert not unnamed


def test_names_are_written_in_the_script_of_their_language() -> None:
    arabic, cyrillic = re.compile("[\u0600-\u06ff]"), re.compile("[\u0400-\u04ff]")
    for name in all_names():
        for code, row in codelist(name).rows.items():
            for column, script in (("name_ar", arabic), ("name_ru", cyrillic)):
                text = row.get(column, "")
                digits = not re.search(r"[^\W\d_]", text)
                assert not text or digits or script.search(text), (name, code, column, text)


def test_states_begin_before_they_end_and_groups_have_no_dates() -> None:
    for code, row in codelist("area").rows.items():
        begin, end = (dt.date.fromisoformat(row[c]) if row[c] else None for c in ("valid_from", "valid_to"))
        if begin and end:
            assert begin < end, code
        assert not (begin or end) or row["kind"] in ("country", "territory", "historical"), code
        assert (end is not None) == (row["kind"] == "historical"), code


@pytest.mark.parametrize(
    ("former", "successors"),
    [
        ("SUN", ("RUS", "UKR", "KGZ", "MDA")),
        ("CSK", ("CZE", "SVK")),
        ("YUG", ("SCG",)),
        ("SCG", ("SRB", "MNE")),
        ("ANT", ("CUW", "SXM", "BES")),
        ("YMD", ("YEM",)),
        ("SDN_FORMER", ("SSD",)),
    ],
)
def test_a_successor_begins_on_the_day_after_its_predecessor(former: str, successors: tuple[str, ...]) -> None:
    areas = codelist("area").rows
    after = dt.date.fromisoformat(areas[former]["valid_to"]) + dt.timedelta(days=1)
    assert {areas[s]["valid_from"] for s in successors} == {after.isoformat()}


@pytest.mark.parametrize(
    ("scheme", "theirs", "ours"),
    [
        ("unhcr", "AUS", "AUT"),
        ("unhcr", "AUL", "AUS"),
        ("unhcr", "GFR", "DEU"),
        ("unhcr", "ARE", "EGY"),
        ("unhcr", "UAE", "ARE"),
        ("unhcr", "MOR", "MAR"),
        ("unhcr", "MAR", "MTQ"),
        ("unhcr", "CHI", "CHN"),
        ("unhcr", "ANT", "ATG"),
        ("unhcr", "STA", "_X_STATELESS"),
        ("unhcr", "UKN", "_U"),
        ("unhcr", "TIB", "_X_TIBETAN"),
        ("unhcr", "-", "_T"),
        ("worldbank", "ZG", "WB_SSF"),
        ("worldbank", "1W", "001"),
        ("worldbank", "XD", "WB_HIC"),
        ("worldbank", "JG", "CHI"),
        ("worldbank", "XK", "XKX"),
        ("eurostat", "EL", "GRC"),
        ("eurostat", "UK", "GBR"),
        ("eurostat", "EX_SU", "SUN"),
        ("eurostat", "AN", "ANT"),
        ("eurostat", "STLS", "_X_STATELESS"),
        ("eurostat", "RNC", "_X_RNC"),
        ("eurostat", "TOTAL", "_T"),
        ("eurostat", "AFR_N", "ESTAT_AFR_N"),
        ("undesa", "900", "001"),
        ("undesa", "1834", "202"),
        ("undesa", "947", "202"),
        ("undesa", "910", "014"),
        ("undesa", "830", "CHI"),
        ("undesa", "158", "TWN"),
        ("undesa", "50", "BGD"),
        ("undesa", "2003", "_X_OTHER"),
        ("m49", "050", "BGD"),
        ("m49", "910", None),
        ("m49", "736", "SDN_FORMER"),
        ("iso2", "CS", None),
        ("eurostat", "GR", None),
    ],
)
def test_codes_that_are_easily_mistaken(scheme: str, theirs: str, ours: str | None) -> None:
    assert codelist("area").scheme(scheme).get(theirs) == ours


def test_a_groups_code_of_un_desa_is_never_taken_for_an_m49_number() -> None:
    theirs = codelist("area").scheme("undesa")
    wrong = {u: a for u, a in theirs.items() if a.isdigit() and u.zfill(3) == a}
    assert not wrong


# -- sex, age, status --------------------------------------------------------------------------------------------


def test_sex_is_sdmx_cl_sex() -> None:
    assert set(codelist("sex").rows) == {"F", "M", "_O", "_N", "_U", "_T", "_Z"}
    assert codelist("sex").scheme("eurostat") == {"F": "F", "M": "M", "T": "_T", "UNK": "_U"}


@pytest.mark.parametrize(
    ("scheme", "theirs", "ours"),
    [
        ("eurostat", "Y_LT5", "Y0T4"),
        ("eurostat", "Y5-9", "Y5T9"),
        ("eurostat", "Y15-64", "Y15T64"),
        ("eurostat", "Y_GE85", "Y_GE85"),
        ("eurostat", "Y_LT1", "Y0"),
        ("eurostat", "Y20", "Y20"),
        ("eurostat", "TOTAL", "_T"),
        ("eurostat", "UNK", "_U"),
        ("eurostat", "Y_OPEN", None),
        ("unhcr", "0-4", "Y0T4"),
        ("unhcr", "5-11", "Y5T11"),
        ("unhcr", "12-17", "Y12T17"),
        ("unhcr", "18-59", "Y18T59"),
        ("unhcr", "60+", "Y_GE60"),
    ],
)
def test_ages_of_publishers_are_ours_under_another_name(scheme: str, theirs: str, ours: str | None) -> None:
    assert codelist("age").scheme(scheme).get(theirs) == ours


def test_an_age_code_says_its_own_bounds() -> None:
    for code, row in codelist("age").rows.items():
        low, high = row["min_age"], row["max_age"]
        if band := re.fullmatch(r"Y([0-9]+)T([0-9]+)", code):
            assert (low, high) == band.groups()
            assert int(low) < int(high)
        elif single := re.fullmatch(r"Y([0-9]+)", code):
            assert low == high == single[1]
        elif over := re.fullmatch(r"Y_GE([0-9]+)", code):
            assert (low, high) == (over[1], "")
        else:
            assert code in ("_T", "_U", "_Z")
            assert (low, high) == ("0" if code == "_T" else "", "")


def test_five_year_bands_cover_every_age_once() -> None:
    ages = codelist("age").rows
    bands = [f"Y{a}T{a + 4}" for a in range(0, 100, 5)] + ["Y_GE100"]
    assert all(b in ages for b in bands)


def test_statuses_without_a_value_are_those_that_the_observation_knows() -> None:
    status = codelist("obs_status").column("has_value")
    assert set(status.values()) == {"yes", "no", "either"}
    assert {c for c, has in status.items() if has == "no"} == WITHOUT_VALUE
    assert {c for c, has in status.items() if has == "either"} == EITHER_WAY


def test_every_reason_for_a_missing_figure_goes_with_a_status_that_has_none() -> None:
    assert set(codelist("missing_reason").column("obs_status").values()) <= WITHOUT_VALUE
    assert len(codelist("missing_reason").column("obs_status")) == len(codelist("missing_reason").rows)


# -- concept basis -----------------------------------------------------------------------------------------------


def test_the_concept_basis_says_base_refugees_and_imputation_in_its_code() -> None:
    for code, row in codelist("concept_basis").rows.items():
        parts = set(code.split("+"))
        if row["base"] in ("birth", "citizenship", "both"):
            assert row["base"] in parts
        if code not in ("mixed", "_U", "_Z"):
            assert (row["refugees_added"] == "yes") == ("refugees" in parts)
            assert (row["imputed"] == "yes") == ("imputed" in parts)
        letters = {t for form in row["undesa"].split("|") for t in form.replace(" ", "")}
        if letters:
            base = {"birth": {"B"}, "citizenship": {"C"}, "both": {"B", "C"}, "_U": set()}[row["base"]]
            assert letters - {"R", "I"} == base
            assert ("R" in letters, "I" in letters) == (row["refugees_added"] == "yes", row["imputed"] == "yes")


def test_a_label_of_citizenship_never_speaks_of_birth() -> None:
    birth = re.compile(r"birth|born|naissance|nacimiento|nacid|ميلاد|مولود|рожд", re.IGNORECASE)
    for name, code in [("concept_basis", c) for c in codelist("concept_basis").rows if c.startswith("citizenship")] + [
        ("counterpart_basis", "citizenship")
    ]:
        row = codelist(name).rows[code]
        assert not any(birth.search(text) for text in row.values()), code


# -- indicators --------------------------------------------------------------------------------------------------


def test_every_indicator_is_defined_owned_and_typed() -> None:
    topics = {"migrant_stock", "migration_flows", "displacement", "remittances", "population"}
    topics |= {"labour_market", "integration", "policy"}
    for code, row in codelist("indicator").rows.items():
        assert re.fullmatch(r"[A-Z][A-Z_]+", code)
        assert len(row["definition"]) > 60, code
        assert row["unit"] in codelist("unit"), code
        assert row["stock_or_flow"] in ("stock", "flow"), code
        assert row["topic"] in topics, code
        assert row["owner"], code
        assert float(row["min_value"]) < float(row["max_value"]), code
        assert row["sdg_series"] == "none" or re.fullmatch(r"[A-Z]{2}(_[A-Z0-9]+)+", row["sdg_series"]), code
        assert row["sdg_indicator"] == "none" or re.fullmatch(r"[0-9]+\.[0-9a-z]+\.[0-9]+", row["sdg_indicator"])
        assert (row["sdg_series"] == "none") == (row["sdg_indicator"] == "none"), code


def test_only_net_migration_costs_gaps_and_growth_may_be_negative() -> None:
    """An exchange rate that beats the market makes a transfer cost less than nothing; it is published so."""
    negative = {c for c, low in codelist("indicator").column("min_value").items() if float(low) < 0}
    costs = {"REMIT_COST", "REMIT_COST_SENDING", "REMIT_COST_CORRIDOR", "REMIT_COST_SMART"}
    gaps = {"EMPLOYMENT_GAP", "NEET_GAP", "EDUCATION_GAP"}
    assert negative == {"NET_MIG", "NET_MIG_RATE", "MIG_STOCK_GROWTH", *gaps, *costs}


def test_shares_are_bounded_and_in_a_unit_of_shares() -> None:
    share = codelist("indicator").rows["MIG_STOCK_SHARE"]
    assert (share["unit"], share["min_value"], share["max_value"]) == ("PT", "0", "101")
    assert codelist("indicator").rows["REMIT_IN_GDP"]["unit"] == "PT_GDP"


def given() -> set[str]:
    """Indicators that a declared source gives."""
    found = set()
    for source in read_sources().values():
        codes = read_codes(folder_of(source.id), FOLDER)
        for dataset in source.datasets:
            how = dataset.concepts["indicator"]
            targets = (
                [how]
                if isinstance(how, str)
                else [t for t, _ in codes.of(dataset.id, how.column, "indicator").values()]
            )
            found |= {target for target in targets if target}
    return found


def test_what_any_source_of_migration_figures_needs_next_is_in_the_catalogue() -> None:
    flows = {"IMMIGRATION", "EMIGRATION", "RES_PERMITS_FIRST", "ASYLUM_APPLICATIONS", "LABOUR_DEPARTURES", "RETURNEES"}
    flows |= {"ASYLUM_DECISIONS_POSITIVE", "ASYLUM_DECISIONS_NEGATIVE"}
    kinds = codelist("indicator").column("stock_or_flow")
    assert {code: kinds.get(code) for code in flows} == dict.fromkeys(flows, "flow")
    assert kinds["RES_PERMITS_VALID"] == "stock"


def test_each_indicator_of_a_source_has_a_preference_of_sources_and_each_source_is_named_once() -> None:
    preferences = read_codelist(FOLDER, "source_preference").rows
    assert given() <= set(preferences) <= set(codelist("indicator").rows)
    assert len(given()) > 10
    for code, row in preferences.items():
        sources = row["sources"].split("|")
        assert len(set(sources)) == len(sources), code
        assert all(re.fullmatch(r"[a-z][a-z0-9_]{1,47}", s) for s in sources), code
        assert row["reason"], code


def test_forms_of_countries_have_their_place_in_the_order_of_each_indicator_that_they_ask_for() -> None:
    preferences = read_codelist(FOLDER, "source_preference").rows
    asked = {measure.indicator for form in contract.forms().values() for measure in form.measures}
    assert len(asked) > 20
    assert {code for code in asked if "uploads" not in preferences[code]["sources"].split("|")} == set()


# -- real payloads -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def payloads() -> Path:
    folder = os.environ.get("MIGSTATS_PAYLOADS")
    if not folder:
        pytest.skip("MIGSTATS_PAYLOADS is not set: real payloads are not on this machine")
    return Path(folder)


def unknown(scheme: str, codes: set[str], name: str = "area") -> list[str]:
    return sorted(codes - set(codelist(name).scheme(scheme)))


def located(path: Path, sheet: str) -> tuple[list[dict[str, Any]], int]:
    """Rows of a UN DESA table as {location, type, figures}, and how many rows carry a location code."""
    rows = python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name(sheet)
    table = rows.to_python(skip_empty_area=False)
    headers = ("location code", "code", "country code")
    top = next(i for i, r in enumerate(table) if any(isinstance(c, str) and c.strip().lower() in headers for c in r))
    texts = [c.strip().lower() if isinstance(c, str) else "" for c in table[top]]
    at = next(i for i, t in enumerate(texts) if t in headers)
    kind = next(i for i, t in enumerate(texts) if t.startswith(("type of data", "data type")))
    found = [
        {"location": str(int(r[at])), "type": str(r[kind]).strip(), "figures": r[max(at, kind) + 1 :]}
        for r in table[top + 1 :]
        if r[at] != ""
    ]
    return found, len(found)


UNDESA = {
    "UN_MigrantStockByOriginAndDestination_2015.xlsx": "Table 16",
    "UN_MigrantStockTotal_2019.xlsx": "Table 1",
    "undesa_pd_2019_migrant_stock_total_dataset.xlsx": "Table 1",
    "undesa_pd_2020_ims_stock_by_sex_and_destination.xlsx": "Table 1",
    "undesa_pd_2020_ims_stock_by_sex_and_destination__earlier_vintage.xlsx": "Table 1",
    "undesa_pd_2020_ims_stock_by_sex_and_origin.xlsx": "Table 1",
    "undesa_pd_2024_ims_stock_by_sex_and_destination.xlsx": "Table 1",
}


@pytest.mark.payloads
@pytest.mark.parametrize(("file", "sheet"), UNDESA.items())
def test_every_location_and_data_type_of_un_desa_has_a_place(payloads: Path, file: str, sheet: str) -> None:
    rows, count = located(payloads / "un_desa" / file, sheet)
    assert count > 250
    assert unknown("undesa", {r["location"] for r in rows}) == []
    assert unknown("undesa", {r["type"] for r in rows} - {""}, "concept_basis") == []


@pytest.mark.payloads
@pytest.mark.parametrize(("file", "sheet"), UNDESA.items())
def test_locations_that_share_a_code_of_ours_have_the_same_figures(payloads: Path, file: str, sheet: str) -> None:
    rows, _ = located(payloads / "un_desa" / file, sheet)
    ours = codelist("area").scheme("undesa")
    figures: dict[str, list[Any]] = {}
    for row in rows:
        assert figures.setdefault(ours[row["location"]], row["figures"]) == row["figures"], row["location"]


@pytest.mark.payloads
def test_the_largest_published_share_is_within_the_bounds_of_its_indicator(payloads: Path) -> None:
    rows, _ = located(payloads / "un_desa" / "undesa_pd_2024_ims_stock_by_sex_and_destination.xlsx", "Table 3")
    shares = [f for r in rows for f in r["figures"] if isinstance(f, float)]
    bounds = codelist("indicator").rows["MIG_STOCK_SHARE"]
    assert 100 < max(shares) < float(bounds["max_value"])
    assert min(shares) >= float(bounds["min_value"])


@pytest.mark.payloads
def test_un_desas_own_crosswalk_agrees(payloads: Path) -> None:
    workbook = python_calamine.CalamineWorkbook.from_path(str(payloads / "un_wpp" / "WPP2024_F01_LOCATIONS.xlsx"))
    header, *rows = workbook.get_sheet_by_name("DB").to_python()
    areas, ours = codelist("area").rows, codelist("area").scheme("undesa")
    compared = 0
    for values in rows:
        row = dict(zip(header, values, strict=True))
        code = ours.get(str(int(row["LocID"])))
        if code is None:
            assert row["LocTypeName"] in ("Label/Separator", "Ad Hoc groups"), row["Location"]
            continue
        sdmx = str(row["SDMX_Code"]).strip().removesuffix(".0")
        if row["LocTypeName"] == "Country/Area":
            assert (areas[code]["iso3"], areas[code]["iso2"]) == (row["ISO3_Code"], row["ISO2_Code"])
            assert sdmx.zfill(3) == (areas[code]["m49"] or "412")
        elif sdmx and row["LocTypeName"] != "Income group":
            # UN DESA prints two groups a second time among the SDG regions; those are rows of their own.
            twins = {"UNDESA_1830": "419", "UNDESA_1836": "053"}
            assert twins.get(code, code) == sdmx.zfill(3), row["Location"]
        compared += 1
    assert compared > 280


def _unhcr(payloads: Path) -> Iterator[tuple[str, str]]:
    """UNHCR code and ISO code of every row that has them."""
    for path in sorted((payloads / "unhcr").glob("api_*.json")):
        for item in json.loads(path.read_bytes())["items"]:
            for side in ("coo", "coa"):
                if side in item:
                    yield item[side], item.get(f"{side}_iso") or ""
            if path.name == "api_countries.json":
                yield item["code"], item["iso"] or ""
    for table in ("population", "asylum_applications", "idmc", "unrwa"):
        with gzip.open(payloads / "unhcr" / "derived_from_rda" / f"{table}.csv.gz", "rt", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for side in ("coo", "coa"):
                    if side in row:
                        yield row[side], row.get(f"{side}_iso") or ""


@pytest.mark.payloads
def test_every_code_of_unhcr_has_a_place_and_is_the_country_of_its_iso_code(payloads: Path) -> None:
    pairs = set(_unhcr(payloads))
    assert len(pairs) > 230
    assert unknown("unhcr", {code for code, _ in pairs}) == []
    ours, iso3 = codelist("area").scheme("unhcr"), codelist("area").scheme("iso3")
    assert [(code, iso) for code, iso in pairs if iso in iso3 and ours[code] != iso3[iso]] == []
    assert {ours[code] for code, iso in pairs if iso not in iso3} == {
        "_T",
        "_U",
        "_X_STATELESS",
        "_X_TIBETAN",
        "_X_UNHCR_CRB",
        "_X_UNHCR_CUR",
        "AB9",
        "SGS",
    }


def _worldbank(payloads: Path) -> Iterator[tuple[str, str]]:
    """World Bank 2-letter and 3-letter code of every country or aggregate in the payloads."""

    def walk(node: Any) -> Iterator[tuple[str, str]]:
        if isinstance(node, list):
            for item in node:
                yield from walk(item)
        elif isinstance(node, dict):
            if isinstance(node.get("country"), dict):
                yield node["country"]["id"], node.get("countryiso3code", "")
            elif "iso2Code" in node and "id" in node:
                yield node["iso2Code"], node["id"]
            elif "iso2code" in node and "code" in node:
                yield node["iso2code"], node["code"]
            else:
                for item in node.values():
                    yield from walk(item)

    for path in sorted((payloads / "worldbank").glob("wb_*.json")):
        yield from walk(json.loads(path.read_bytes()))
    for path in sorted((payloads / "worldbank").glob("*.yaml")):
        for exchange in yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)["interactions"]:
            body = exchange["response"]["body"]
            if body.startswith(("[", "{")):
                yield from walk(json.loads(body))


@pytest.mark.payloads
def test_every_area_of_the_world_bank_has_a_place_under_its_own_code(payloads: Path) -> None:
    pairs = set(_worldbank(payloads))
    assert len(pairs) > 260
    assert unknown("worldbank", {two for two, _ in pairs}) == []
    ours = codelist("area").scheme("worldbank")
    wrong = [(t, c, ours[t]) for t, c in pairs if c and ours[t] not in (c, f"WB_{c}", {"WLD": "001"}.get(c))]
    assert wrong == []


@pytest.mark.payloads
def test_every_area_in_the_world_banks_bulk_file_has_a_place(payloads: Path) -> None:
    path = next((payloads / "worldbank").glob("Metadata_Country_*.csv"))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    areas = codelist("area").rows
    for row in rows:
        code = row["Country Code"]
        ours = code if row["Region"] else {"WLD": "001"}.get(code, f"WB_{code}")
        assert ours in areas, code
        assert (areas[ours]["kind"] == "group") == (not row["Region"]), code
        assert areas[ours]["worldbank"], code


def _eurostat(payloads: Path) -> Iterator[tuple[str, str]]:
    """Dimension and code of every Eurostat payload that carries codes (not labels alone)."""
    for path in sorted((payloads / "eurostat").glob("*.json")):
        document = json.loads(path.read_bytes())
        for name, dimension in document.get("dimension", {}).items():
            for code in dimension["category"]["index"]:
                yield name, code
    for path in sorted((payloads / "eurostat").glob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if "STRUCTURE_ID" in (reader.fieldnames or []):
                for row in reader:
                    yield from row.items()


@pytest.mark.payloads
@pytest.mark.parametrize(
    ("dimension", "name"),
    [
        ("citizen", "area"),
        ("c_birth", "area"),
        ("geo", "area"),
        ("sex", "sex"),
        ("age", "age"),
        ("unit", "unit"),
        ("isced11", "education"),
        ("freq", "freq"),
    ],
)
def test_every_code_of_eurostat_has_a_place(payloads: Path, dimension: str, name: str) -> None:
    codes = {code for at, code in _eurostat(payloads) if at == dimension}
    assert codes or dimension == "c_birth", "no payload with codes carries c_birth today"
    assert unknown("eurostat", codes, name) == []


# -- areas as people write them ------------------------------------------------------------------------------------


def _areas() -> list[tuple[str, str, str]]:
    with (Path(__file__).parent / "contracts" / "areas.csv").open(encoding="utf-8", newline="") as file:
        return [(row["scheme"], row["text"], row["code"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize(("scheme", "text", "code"), _areas())
def test_a_code_or_name_is_one_area_or_none(scheme: str, text: str, code: str) -> None:
    assert (codelist("area").resolver(scheme)(text.strip()) or "") == code


def test_the_same_name_of_two_areas_in_a_language_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "area.csv").write_text("code,name_en\nDMA,Dominica\nDOM,Dominican Republic\n", encoding="utf-8")
    (tmp_path / "names").mkdir()
    names = tmp_path / "names" / "area.csv"
    names.write_text("code,language,name,note\nDOM,en,The  DOMÍNICA,\n", encoding="utf-8")
    with pytest.raises(DeclarationError, match="stands for both DMA and DOM"):
        read_codelist(tmp_path, "area")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("code,name\nDMA,x\n", "line 1: the columns are code, name"),
        ("code,language,name,note\nDMA,de,Dominica,\n", "line 2: a name in one of en, fr, es, ar, ru"),
        ("code,language,name,note\n,en,Guinea,\n", "line 2: .* without one and with a note"),
        ("code,language,name,note\nXYZ,en,Guinea,\n", "'Guinea' has the code 'XYZ', which is none"),
    ],
)
def test_a_file_of_names_that_is_wrong_says_where(tmp_path: Path, lines: str, said: str) -> None:
    (tmp_path / "area.csv").write_text("code,name_en\nDMA,Dominica\n", encoding="utf-8")
    (tmp_path / "names").mkdir()
    (tmp_path / "names" / "area.csv").write_text(lines, encoding="utf-8")
    with pytest.raises(DeclarationError, match=said):
        read_codelist(tmp_path, "area")
