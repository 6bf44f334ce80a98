"""The indicator catalogue: no indicator is an orphan, every word is known, and the page says what the facts say."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import pytest
from test_cli import run

from migstats import indicators, settings, warehouse
from migstats.catalogue import indicators_of
from migstats.codelists import read_codelist
from migstats.harmonise import read_codes
from migstats.source import codelist_folders, folder_of, read_sources

FOLDER = settings.include() / "codelists"


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """A copy of the codelists, to change."""
    return Path(shutil.copytree(FOLDER, tmp_path / "codelists"))


@pytest.fixture
def facts(lists: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same copy, and everything goes by it."""
    for folder in settings.include().iterdir():
        if folder.name != "codelists":
            (lists.parent / folder.name).symlink_to(folder)
    monkeypatch.setattr(settings, "include", lambda: lists.parent)
    return lists


def change(file: Path, code: str, column: str | None, text: str = "") -> None:
    """Put another text into a cell; without a column the line goes."""
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    kept = [{**row, column: text} if column and row["code"] == code else row for row in rows]
    kept = [row for row in kept if column or row["code"] != code]
    assert kept != rows, f"{file.name} has no {code}, or says so already"
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)


def test_nothing_is_wrong_with_ours() -> None:
    assert indicators.findings(codelist_folders()) == []
    assert len(read_codelist(FOLDER, "indicator_catalogue").rows) == len(read_codelist(FOLDER, "indicator").rows) > 100


CATALOGUE, DEFINITION, DERIVED = "indicator_catalogue", "indicator_definition", "derived_indicator"
WRONG = {
    "an indicator without tags": (CATALOGUE, "POP", None, "", "POP of indicator.csv has no line"),
    "an indicator without translations": (DEFINITION, "POP", None, "", "POP of indicator.csv has no line"),
    "tags of an indicator that is none": (CATALOGUE, "POP", "code", "POPS", "POPS is no code of indicator.csv"),
    "a definition that is not translated": (DEFINITION, "POP", "definition_ar", "", "definition_ar is empty"),
    "a name that is not translated": ("indicator", "POP", "name_ru", "", "POP: name_ru is empty"),
    "an empty cell": (CATALOGUE, "POP", "gcm_objective", "", "gcm_objective is empty; write none"),
    "a target that is none": (CATALOGUE, "POP", "sdg_target", "10.7|18.1", "'18.1' is no target"),
    "a target that is not that of the indicator": (
        CATALOGUE,
        "REMIT_COST",
        "sdg_target",
        "17.3",
        "SDG indicator 10.c.1",
    ),
    "an objective that is none": (CATALOGUE, "POP", "gcm_objective", "24", "'24' is no objective"),
    "a sector that is none": (CATALOGUE, "POP", "sector", "sports", "'sports' is no code of codelist sector"),
    "a day that is none": (CATALOGUE, "POP", "reference_point", "07-32", "'07-32' is none of"),
    "a stock of a period": (CATALOGUE, "POP", "reference_point", "period", "but it is a stock"),
    "a basis that is none": (
        CATALOGUE,
        "POP",
        "concept_basis",
        "blood",
        "'blood' is no code of codelist concept_basis",
    ),
    "a dimension that is none": (CATALOGUE, "POP", "required_breakdowns", "sex|race", "no dimension 'race'"),
    "a sum of shares": (CATALOGUE, "MIG_STOCK_SHARE", "aggregation_area", "sum", "figures in PT are never added up"),
    "a sum of stocks over time": (CATALOGUE, "POP", "aggregation_time", "sum", "stocks are never added up over time"),
    "a weight that is none": (CATALOGUE, "NEET_RATE", "aggregation_area", "mean:PEOPLE", "'PEOPLE' is no indicator"),
    "a weight that is a share": (CATALOGUE, "NEET_RATE", "aggregation_area", "mean:REMIT_COST", "may not be added up"),
    "another word": (CATALOGUE, "NEET_RATE", "aggregation_area", "median", "'median' is none of sum, none, mean"),
    "an input that is none": (DERIVED, "mig_stock_share", "other", "PEOPLE", "other 'PEOPLE' is no code"),
    "an input that is derived": (DERIVED, "mig_stock_share", "input", "REMIT_IN_PER_CAPITA", "is derived itself"),
    "a kind that is none": (DERIVED, "mig_stock_share", "kind", "product", "kind 'product' is none of"),
    "a period that is none": (DERIVED, "mig_stock_share", "period", "about", "period 'about' is none of"),
    "a basis of a formula that is none": (DERIVED, "mig_stock_share", "basis", "any", "basis 'any' is none of"),
    "a multiplier that is none": (DERIVED, "mig_stock_share", "multiplier", "0", "multiplier '0' is no number above"),
    "a growth that is of one day": (DERIVED, "mig_stock_growth", "period", "same_day", "go together"),
    "a difference of two units": (DERIVED, "neet_gap_status", "other", "POP", "inputs in different units: PS, PT"),
    "a dimension that is not there": (DERIVED, "mig_stock_share", "carry", "sex|race", "no dimension 'race'"),
    "a member that is none": (DERIVED, "mig_sex_ratio", "other_where", "sex=W", "'W' is no code of sex"),
    "a condition on no dimension": (DERIVED, "mig_sex_ratio", "other_where", "unit=PS", "no dimension 'unit'"),
    "a dimension that is fixed and carried": (DERIVED, "mig_sex_ratio", "carry", "sex", "sex is carried as well"),
    "a formula without a reason": (DERIVED, "mig_sex_ratio", "reason", "", "reason is empty"),
}


@pytest.mark.parametrize(("file", "code", "column", "text", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(lists: Path, file: str, code: str, column: str | None, text: str, said: str) -> None:
    change(lists / f"{file}.csv", code, column, text)
    found = indicators.findings(lists)
    assert any(said in finding for finding in found), found
    assert all(file in finding or "indicator.csv" in finding for finding in found), found


def test_check_fails_on_a_source_whose_indicator_is_an_orphan(facts: Path) -> None:
    """The whole command, on our own sources, with a catalogue that lacks one of theirs."""
    change(facts / "indicator_catalogue.csv", "MIG_STOCK", None)
    code, out, err = run("check")
    assert code != 0
    assert "MIG_STOCK of indicator.csv has no line; add one" in out + err


def said_in(text: str) -> tuple[set[str], set[str]]:
    """The codes and the numbers of a definition; thousands are grouped otherwise in each language."""
    codes = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b|\b(?:REFUGEES|RETURNEES|ENROLLED)\b|\b[a-z]+_[a-z]+\b", text))
    return codes, set(re.findall(r"\d+", re.sub(r"(?<=\d)[ \u00a0\u202f,.](?=\d{3})", "", text)))


@pytest.mark.parametrize("language", ["fr", "es", "ar", "ru"])
def test_a_translated_definition_has_the_codes_and_numbers_of_the_english_one_in_its_own_script(language: str) -> None:
    script = {"ar": r"[\u0600-\u06ff]", "ru": r"[\u0400-\u04ff]"}.get(language, r"[a-zà-ÿ]")
    definitions = read_codelist(FOLDER, "indicator_definition").rows
    for code, row in read_codelist(FOLDER, "indicator").rows.items():
        text = definitions[code][f"definition_{language}"]
        assert said_in(text) == said_in(row["definition"]), code
        assert len(re.findall(script, text)) > len(text) / 2, code
        assert 0.6 < len(text) / len(row["definition"]) < 1.7, code


def test_where_the_catalogue_fixes_a_reference_point_all_declared_sources_have_it() -> None:
    fixed = read_codelist(FOLDER, "indicator_catalogue").column("reference_point")
    kinds = read_codelist(FOLDER, "indicator").column("stock_or_flow")
    others = {}
    for source in read_sources().values():
        codes = read_codes(folder_of(source.id), FOLDER)
        for dataset in source.datasets:
            for code in indicators_of(dataset, codes):
                same_kind = kinds[code] == dataset.stock_or_flow
                if same_kind and code in fixed and fixed[code] != dataset.reference_point:
                    others[code, source.id, dataset.id] = dataset.reference_point
    assert not others
    assert len(fixed) > 50


# -- as it is read -------------------------------------------------------------------------------------------------


def test_the_page_is_current(tmp_path: Path) -> None:
    written = tmp_path / "indicators.md"
    assert run("indicators", "--markdown", "-o", str(written))[0] == 0
    page = written.read_text(encoding="utf-8")
    assert page == (settings.include().parent / "docs" / "indicators.md").read_text(encoding="utf-8"), (
        "run `migstats indicators --markdown -o docs/indicators.md`"
    )
    assert all(f"### {code}\n" in page for code in read_codelist(FOLDER, "indicator").rows)
    assert "Sources: none" not in page, "an indicator that nobody brings"
    assert all(f"**{code}**" in page for code in read_codelist(FOLDER, "derived_indicator").rows)


@pytest.mark.database
def test_bi_shows_the_catalogue_with_definitions_in_five_languages_and_no_orphan(warehouse_url: str) -> None:
    with warehouse.connect(warehouse_url) as connection:
        rows = connection.execute("SELECT * FROM bi.dim_indicator").fetchall()
    shown = {row["indicator"]: row for row in rows}
    catalogue = read_codelist(FOLDER, "indicator_catalogue").rows
    assert set(shown) == set(catalogue)
    may_be_empty = {"reference_point", "concept_basis", "also_topic"}
    assert not [(c, n) for c, row in shown.items() for n, v in row.items() if v in (None, "") and n not in may_be_empty]
    for code, row in catalogue.items():
        assert {k: shown[code][k] for k in row if k != "code"} == {k: v or None for k, v in row.items() if k != "code"}
    assert (
        shown["MIG_STOCK"]["definition_ru"]
        == read_codelist(FOLDER, "indicator_definition").rows["MIG_STOCK"]["definition_ru"]
    )
    assert {c for c, row in shown.items() if row["is_derived"]} == {
        row["indicator"] for row in read_codelist(FOLDER, "derived_indicator").rows.values()
    }


FILTERS = {
    ("sdg_target", "8.8", "RECRUITMENT_COST"): True,
    ("sdg_target", "10.7", "RECRUITMENT_COST"): True,
    ("sdg_indicator", "10.7.1", "RECRUITMENT_COST"): True,
    ("sdg_series", "SL_EMP_RCOST_MO", "RECRUITMENT_COST"): True,
    ("gcm_objective", "6", "RECRUITMENT_COST"): True,
    ("sector", "employment", "RECRUITMENT_COST"): True,
    ("sector", "finance", "RECRUITMENT_COST"): False,
    ("required_breakdown", "counterpart_area", "MIG_STOCK"): True,
    ("required_breakdown", "none", "REMIT_IN"): False,
    ("sdg_series", "none", "MIG_STOCK"): False,
    ("gcm_objective", "none", "REFUGEES"): False,
}


@pytest.mark.database
def test_a_tool_can_filter_by_each_of_several_tags(warehouse_url: str) -> None:
    with warehouse.connect(warehouse_url) as connection:
        rows = connection.execute("SELECT scheme, tag, indicator FROM bi.indicator_tag").fetchall()
    tags = [(row["scheme"], row["tag"], row["indicator"]) for row in rows]
    assert {key: key in tags for key in FILTERS} == FILTERS
    assert len(set(tags)) == len(tags)


@pytest.mark.database
def test_a_formula_that_leaves_the_file_leaves_the_warehouse(warehouse_url: str, facts: Path) -> None:
    change(facts / "derived_indicator.csv", "mig_sex_ratio", None)
    warehouse.setup(warehouse_url)
    with warehouse.connect(warehouse_url) as connection:
        left = {row["code"] for row in connection.execute("SELECT code FROM ref.derived_indicator").fetchall()}
    assert left == set(read_codelist(facts, "derived_indicator").rows)


def test_a_narrower_topic_is_a_view_that_readers_were_promised_and_holds_its_indicators() -> None:
    rows = read_codelist(FOLDER, "indicator_catalogue").rows
    topics = {row["also_topic"] for row in rows.values() if row["also_topic"]}
    with (Path(__file__).parent / "contracts" / "bi.csv").open(encoding="utf-8", newline="") as file:
        promised = {row["relation"] for row in csv.DictReader(file)}
    assert {"deaths", "labour_migration", "programme_results"} == topics <= promised
    made = (settings.include() / "sql" / "publish" / "narrower_topics.sql").read_text(encoding="utf-8")
    assert {topic for topic in topics if f"('{topic}'," in made or f"'{topic}',\n" in made} == topics
