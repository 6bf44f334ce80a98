"""Declarations fail when they are made: file, field, what was found, what to do."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError

from migstats import settings
from migstats.checks import source_schema
from migstats.errors import DeclarationError, PublisherError
from migstats.pipeline import read_page
from migstats.source import Dataset, declared, folder_of, plan, read_source, read_sources

TODAY = dt.date(2026, 11, 1)
SCHEMA = settings.home() / "docs" / "source.schema.json"
DECLARED = sorted((settings.include() / "sources").glob("*/source.yaml"))

DATASET: dict[str, Any] = {
    "id": "stock",
    "title": "Stock",
    "url": "https://stats.example.org/api/{year}",
    "slices": {"year": {"start": 2020, "end": 2022}},
    "reader": {"format": "sdmx_csv"},
    "concepts": {
        "indicator": "MIG_STOCK",
        "unit": "PS",
        "time_period": {"column": "TIME_PERIOD"},
        "ref_area": {"column": "REF_AREA", "scheme": "iso3"},
    },
    "stock_or_flow": "stock",
    "reference_point": "end",
}
SOURCE: dict[str, Any] = {
    "id": "stat_office",
    "title": "Stocks",
    "publisher": "Statistical Office",
    "homepage": "https://stats.example.org",
    "description": "A source for tests.",
    "owner": "statisticians",
    "licence": {"id": "CC-BY-4.0", "url": "https://creativecommons.org", "redistribution": "allowed"},
    "citation": "Statistical Office",
    "hosts": ["stats.example.org"],
    "datasets": [DATASET],
}

TABLE = {"sheet": "Table 1", "columns": {"code": ["Code"]}, "key": "code"}

Change = Callable[[dict[str, Any], dict[str, Any]], object]


def written(folder: Path, change: Change = lambda source, dataset: None, name: str = "stat_office") -> Path:
    """A source.yaml whose facts (the source's, and its first dataset's) were changed."""
    facts = json.loads(json.dumps(SOURCE))
    change(facts, facts["datasets"][0])
    path = folder / name / "source.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(facts, sort_keys=False), encoding="utf-8")
    return path


def test_a_good_declaration_is_read(tmp_path: Path) -> None:
    source = read_source(written(tmp_path))
    assert (source.id, source.datasets[0].dated_by) == ("stat_office", "year")


# each: what is wrong, the field that the message names, what was found or what is missing
BAD: dict[str, tuple[Change, str, str]] = {
    "unknown field": (lambda s, d: s.update(licens="x"), "licens", "Extra inputs are not permitted"),
    "missing licence": (lambda s, d: s.pop("licence"), "licence: ", "Field required"),
    "unknown redistribution": (
        lambda s, d: s["licence"].update(redistribution="maybe"),
        "licence.redistribution: ",
        "'maybe'",
    ),
    "empty title": (lambda s, d: s.update(title=" "), "title", "found ' '"),
    "unknown concept": (lambda s, d: d["concepts"].update(refarea="x"), "datasets.0.concepts", "'refarea' is no conc"),
    "concept left out": (lambda s, d: d["concepts"].pop("unit"), "datasets.0.concepts", "'unit' has to be declared"),
    "host not listed": (
        lambda s, d: s.update(hosts=["other.org"]),
        "(the whole file): ",
        "'stats.example.org' is not in",
    ),
    "other protocol": (
        lambda s, d: d.update(url="ftp://stats.example.org/{year}"),
        "(the whole file): ",
        "'ftp' is not",
    ),
    "two datasets of one id": (
        lambda s, d: s["datasets"].append(d),
        "(the whole file): ",
        "repeat: ['stock', 'stock']",
    ),
    "hole without axis": (lambda s, d: d.update(url=d["url"] + "/{geo}"), "datasets.0", "asks for ['geo']"),
    "hole without name": (lambda s, d: d.update(url=d["url"] + "/{}"), "datasets.0", "asks for ['']"),
    "hole not closed": (lambda s, d: d.update(url=d["url"] + "/{geo"), "datasets.0", "expected '}'"),
    "axis without hole": (
        lambda s, d: d["slices"].update(geo=["MA"]),
        "datasets.0",
        "['geo'] of `slices` or `split` stand now",
    ),
    "axis that repeats": (lambda s, d: d.update(slices={"year": ["2020", "2020"]}), "datasets.0", "repeats a value"),
    "axis without values": (lambda s, d: d.update(slices={"year": []}), "datasets.0", "is empty"),
    "years end before start": (
        lambda s, d: d["slices"]["year"].update(end=2019),
        "datasets.0.slices.year",
        "ends in 2019, before it starts in 2020",
    ),
    "release in url, none declared": (
        lambda s, d: d.update(url=d["url"] + "/{release}"),
        "(the whole file): ",
        "`releases` is empty",
    ),
    "flow with a point": (lambda s, d: d.update(stock_or_flow="flow"), "datasets.0", "a flow has reference_point"),
    "stock over a period": (lambda s, d: d.update(reference_point="period"), "datasets.0", "a stock a point"),
    "hole with a format": (
        lambda s, d: d.update(url=d["url"] + "/{year:>z}"),
        "datasets.0: ",
        "asks for ['{year:>z}']",
    ),
    "hole with a conversion": (lambda s, d: d.update(query={"y": "{year!x}"}), "datasets.0: ", "asks for ['{year!x}']"),
    "day that is not in every year": (
        lambda s, d: d.update(reference_point="02-29"),
        "datasets.0: ",
        "'02-29' is no day",
    ),
    "day that is in no year": (lambda s, d: d.update(reference_point="06-31"), "datasets.0: ", "'06-31' is no day"),
    "selection of nothing": (lambda s, d: d.update(only={"SEX": []}), "datasets.0.only.SEX: ", "at least 1 item"),
    "years that are text": (
        lambda s, d: d["slices"]["year"].update(start="old"),
        "datasets.0.slices.year.start: ",
        "'old'",
    ),
    "axis that is a number": (
        lambda s, d: d["slices"].update(year=2020),
        "datasets.0.slices.year: ",
        "dictionary or instance of Years, or: Input should be a valid tuple (found 2020)",
    ),
    "column with a setting misspelt": (
        lambda s, d: d["concepts"].update(ref_area={"column": "AREA", "shceme": "iso3"}),
        "datasets.0.concepts.ref_area.shceme: ",
        "Extra inputs",
    ),
    "column that is not named": (
        lambda s, d: d["concepts"].update(ref_area={"scheme": "iso3"}),
        "datasets.0.concepts.ref_area.column: ",
        "Field required",
    ),
    "no such day": (lambda s, d: d.update(reference_point="13-01"), "datasets.0.reference_point", "'13-01'"),
    "unknown reader": (lambda s, d: d.update(reader={"format": "pdf"}), "datasets.0.reader", "'pdf'"),
    "key that is no column": (
        lambda s, d: d.update(reader={"format": "workbook", "tables": [{**TABLE, "key": "b"}]}),
        "datasets.0.reader.tables.0",
        "key 'b' is none of the columns code",
    ),
    "periods that are no expression": (
        lambda s, d: d.update(reader={"format": "workbook", "tables": [{**TABLE, "periods": "("}]}),
        "datasets.0.reader.tables.0",
        "'(' is no regular expression",
    ),
    "period that is none": (
        lambda s, d: d["concepts"].update(time_period="2024/25"),
        "datasets.0.concepts",
        "'2024/25' is not an SDMX period",
    ),
    "setting of another concept": (
        lambda s, d: d["concepts"].update(time_period={"column": "t", "blank": "2024"}),
        "datasets.0.concepts",
        "time_period: blank says nothing about this concept",
    ),
    "schedule of six fields": (lambda s, d: s.update(schedule="0 0 0 1 1 *"), "(the whole file): ", "five fields"),
    "country that YAML reads as false": (
        lambda s, d: d.update(only={"geo": [False]}),
        "datasets.0.only.geo.0",
        "found False",
    ),
    "number where text belongs": (lambda s, d: d.update(query={"rows": 500}), "datasets.0.query.rows", "found 500"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_declaration_fails_with_file_field_found_and_remedy(tmp_path: Path, case: str) -> None:
    change, field, found = BAD[case]
    path = written(tmp_path, change)
    with pytest.raises(DeclarationError) as caught:
        read_source(path)
    [only] = str(caught.value).splitlines()
    assert only.startswith(f"{path}: ")
    assert f" {field}" in only
    assert found in only
    assert "docs/source.schema.json" in only


def test_every_wrong_field_of_a_file_is_named_not_only_the_first(tmp_path: Path) -> None:
    path = written(tmp_path, lambda s, d: (s.pop("licence"), s.update(colour="red"), d.update(unit_mult=99)))
    with pytest.raises(DeclarationError) as caught:
        read_source(path)
    assert all(f"{path}: {field}: " in str(caught.value) for field in ("licence", "colour", "datasets.0.unit_mult"))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("id: a\nid: b\n", "the key 'id' stands twice.* line 2"),
        ("licence: {id: x, id: y}\n", "the key 'id' stands twice"),
        ("id: !!python/object:builtins.dict {}\n", "python/object"),
        ("id: [\n", "while parsing"),
        ("id: a\nreleased: 2024-02-30\n", "'2024-02-30' is no date: .* line 2"),
        ("released: 2024-01-01T25:00:00\n", "is no date"),
        ("id: !!int x\n", "invalid literal"),
        ("? [a]\n: b\n", r"a key has to be one word, found \['a'\].* line 1"),
        ("? {a: b}\n: b\n", "a key has to be one word"),
        ("a: " + "[" * 3_000 + "]" * 3_000, "more than 50 collections stand in one another.* line 1"),
        ("a: " + "[" * 300_000, "more than 50 collections"),
    ],
    ids=lambda text: text[:20],
)
def test_a_file_that_is_no_plain_yaml_is_refused_in_one_line(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "source.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DeclarationError, match=found) as caught:
        read_source(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith("; mend the line named")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "a: &a {b: *a}\n", "- 1\n", "", "id: 2024-02-28\n"])
def test_yaml_that_is_no_declaration_is_refused_by_field(tmp_path: Path, text: str) -> None:
    path = tmp_path / "source.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DeclarationError, match=r"docs/source\.schema\.json"):
        read_source(path)


def test_a_declaration_that_an_editor_of_windows_saved_is_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_source(path).id == "stat_office"


def test_an_error_within_a_dataset_is_not_said_of_the_list_of_datasets_too(tmp_path: Path) -> None:
    path = written(tmp_path, lambda s, d: d["concepts"].update(sex={"column": "SEX", "colour": "red"}))
    with pytest.raises(DeclarationError) as caught:
        read_source(path)
    assert str(caught.value).count("\n") == 0
    path = written(tmp_path, lambda s, d: s.update(datasets=[]))
    with pytest.raises(DeclarationError, match="datasets: Tuple should have at least 1 item"):
        read_source(path)


def test_a_folder_is_named_for_the_id_of_its_source(tmp_path: Path) -> None:
    path = written(tmp_path, name="statoffice")
    with pytest.raises(DeclarationError, match=r"id: found 'stat_office' in folder 'statoffice'; name the folder"):
        read_source(path)


# -- where declarations are found


def test_the_findings_of_all_files_are_gathered(tmp_path: Path) -> None:
    bad = [written(tmp_path, lambda s, d, n=n: (s.update(id=n), s.pop("owner")), n) for n in ("first", "second")]
    with pytest.raises(DeclarationError) as caught:
        read_sources([tmp_path])
    assert all(f"{path}: owner" in str(caught.value) for path in bad)


def test_a_bad_declaration_does_not_hide_the_good_ones(tmp_path: Path) -> None:
    bad = written(tmp_path, lambda s, d: s.pop("owner"))
    good, wrong = declared([tmp_path])
    assert set(good) == {path.parent.name for path in DECLARED}
    assert list(wrong) == [bad.parent]


def test_an_id_is_declared_once_and_the_projects_own_stands(tmp_path: Path) -> None:
    twin = written(tmp_path, lambda s, d: s.update(id="undesa_stock"), "undesa_stock")
    good, wrong = declared([tmp_path])
    assert good["undesa_stock"].publisher == "UN DESA Population Division"
    assert "'undesa_stock' is declared already" in wrong[twin.parent]
    with pytest.raises(DeclarationError, match="declared already"):
        read_sources([tmp_path])


def test_private_sources_come_from_the_environment_and_the_same_folder_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "a")
    written(tmp_path / "b", lambda s, d: s.update(id="other"), "other")
    monkeypatch.setenv("MIGSTATS_SOURCES", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    assert {"stat_office", "other", "undesa_stock"} <= set(read_sources([tmp_path / "b"]))
    assert folder_of("other") == tmp_path / "b" / "other"


@pytest.mark.parametrize(("file", "said"), [("source.yml", "but source.yml;"), ("", "but nothing;")])
def test_a_folder_without_a_declaration_beside_good_ones_is_found(tmp_path: Path, file: str, said: str) -> None:
    written(tmp_path)
    forgotten = tmp_path / "forgotten"
    forgotten.mkdir()
    if file:
        (forgotten / file).write_text("id: forgotten\n")
    for name in ("codelists", "samples", ".git", "_drafts"):
        (tmp_path / name).mkdir()
    good, wrong = declared([tmp_path])
    assert "stat_office" in good
    assert list(wrong) == [forgotten]
    assert wrong[forgotten].startswith(f"{forgotten}: has no source.yaml, {said}")


@pytest.mark.parametrize("name", ["nowhere", "a/stat_office"])
def test_a_folder_without_sources_in_it_is_an_error_not_an_empty_list(tmp_path: Path, name: str) -> None:
    (written(tmp_path / "a").parent / "sample").mkdir()
    with pytest.raises(DeclarationError, match="each source is a folder in it"):
        read_sources([tmp_path / name])


def test_a_source_that_nobody_declared_is_named() -> None:
    with pytest.raises(DeclarationError, match="no source 'undesa' is declared"):
        folder_of("undesa")


# -- the plan of a run


def names(*arguments: Any, **options: Any) -> list[str]:
    return [s.slice for s in plan(*arguments, today=TODAY, **options)]


def test_a_run_of_years_goes_to_the_year_of_the_run_less_its_lag(tmp_path: Path) -> None:
    source = read_source(written(tmp_path, lambda s, d: d.update(slices={"year": {"start": 2023, "lag": 1}})))
    assert names(source) == ["stock/year=2023", "stock/year=2024", "stock/year=2025"]
    assert [s.year for s in plan(source, today=TODAY)] == [2023, 2024, 2025]


def test_axes_are_multiplied_and_stand_in_url_and_query(tmp_path: Path) -> None:
    def change(source: dict[str, Any], dataset: dict[str, Any]) -> None:
        dataset.update(slices={"year": {"start": 2021, "end": 2022}, "geo": ["MA", "TN"]})
        dataset.update(query={"geo": "{geo}", "sex": ["M", "F"], "q": "a b;c:d"})

    planned = plan(read_source(written(tmp_path, change)), today=TODAY)
    assert [s.slice for s in planned] == [f"stock/year={y}/geo={g}" for y in (2021, 2022) for g in ("MA", "TN")]
    assert planned[1].url == "https://stats.example.org/api/2021?geo=TN&sex=M&sex=F&q=a+b;c:d"


def test_the_newest_release_is_planned_unless_another_is_asked_for() -> None:
    source = read_sources()["undesa_stock"]
    newest = plan(source, today=TODAY)
    older = plan(source, today=TODAY, release="2020")
    assert {s.release for s in newest} == {"2024"}
    assert {(s.release, s.released) for s in older} == {("2020", dt.date(2021, 1, 15))}
    assert [s.slice for s in newest] == ["destination", "origin", "corridors"]
    assert [s.slice for s in older] == ["destination", "origin", "corridors", "age"]
    assert all("_2020_" in s.url for s in older)


def test_datasets_years_and_slices_narrow_a_plan() -> None:
    unhcr = read_sources()["unhcr_population"]
    assert names(unhcr, years=[2020], datasets=["asylum"]) == ["asylum/year=2020"]
    assert names(unhcr, years=[2020, 2021], slices=["pairs/year=2021"]) == ["pairs/year=2021"]
    assert len(names(unhcr)) == 6 * len(range(2000, 2026))


def test_years_leave_undated_datasets_out(tmp_path: Path) -> None:
    undated = {**DATASET, "id": "whole", "url": "https://stats.example.org/all", "slices": {}}
    source = read_source(written(tmp_path, lambda s, d: s["datasets"].append(undated)))
    assert names(source, years=[2021]) == ["stock/year=2021"]
    assert names(source)[-1] == "whole"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            {"datasets": ["pear"]},
            "no dataset 'pear'; it has pairs, asylum, origin, returned, returned_asylum, returned_origin",
        ),
        ({"release": "2024"}, "declares no releases, '2024' was asked for"),
        ({"slices": ["pairs/year=1850"]}, r"no slice \['pairs/year=1850'\]"),
        ({"years": [1850]}, r"no slice is left .* years=\['1850'\]"),
        ({"years": [2020, 1850]}, r"no slices of the years \['1850'\]"),
    ],
)
def test_a_name_that_is_unknown_is_refused_and_never_left_out(wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        plan(read_sources()["unhcr_population"], today=TODAY, **wanted)


def test_a_release_that_is_unknown_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(DeclarationError, match="no release '2022'; it has 2019, 2020, 2024"):
        plan(read_sources()["undesa_stock"], today=TODAY, release="2022")


# -- the published schema


def test_the_schema_in_the_docs_is_that_of_the_model() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == source_schema(), "run: migstats schema -o docs/source.schema.json"


@pytest.mark.parametrize("path", DECLARED, ids=lambda path: path.parent.name)
def test_every_declaration_keeps_the_schema(path: Path) -> None:
    facts = json.loads(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), default=str))
    jsonschema.validate(facts, json.loads(source_schema()), jsonschema.Draft202012Validator)


def test_the_schema_refuses_what_is_misspelt() -> None:
    with pytest.raises(jsonschema.ValidationError, match="licens"):
        jsonschema.validate({**SOURCE, "licens": "x"}, json.loads(source_schema()))


def test_an_editor_or_a_hook_can_check_the_files_with_the_schema(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMA)]
    good = subprocess.run([*command, *map(str, DECLARED)], capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stdout
    bad = written(tmp_path, lambda s, d: s.update(licens="x"))
    refused = subprocess.run([*command, str(bad)], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "licens" in refused.stdout


def test_a_page_is_asked_for_by_its_number_or_by_an_offset() -> None:
    numbered = Dataset.model_validate({**DATASET, "page_parameter": "page"})
    assert [numbered.page_value(n) for n in (1, 2, 3)] == [1, 2, 3]
    offset = {**DATASET, "query": {"limit": "100"}, "page_parameter": "offset", "page_from": 0, "page_step": 100}
    by_rows = Dataset.model_validate(offset)
    assert [by_rows.page_value(n) for n in (1, 2, 3)] == [0, 100, 200]
    assert [by_rows.page_of(value) for value in (0, 100, 150, 200)] == [1, 2, None, 3]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"page_from": 0}, "say nothing without page_parameter"),
        ({"page_parameter": "offset", "page_step": 100}, "no parameter of `query` asks for as many rows"),
        ({"most_records": 100, "query": {"limit": "10"}}, "no parameter of `query` asks for as many"),
    ],
)
def test_pages_that_nobody_could_ask_for_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Dataset.model_validate({**DATASET, **changes})


@pytest.mark.parametrize(("asked", "refused"), [(4, False), (3, True), (2, True)])
def test_an_answer_as_long_as_was_asked_for_at_most_may_have_been_cut_there(asked: int, refused: bool) -> None:
    dataset = Dataset.model_validate({**DATASET, "query": {"limit": str(asked)}, "most_records": asked})
    answer = b"DATAFLOW,REF_AREA,TIME_PERIOD,OBS_VALUE\nX,MAR,2020,1\nX,MAR,2021,2\nX,MAR,2022,3\n"
    if not refused:
        assert read_page(answer, dataset).landed == 3
        return
    with pytest.raises(PublisherError, match=f"has 3 records, and {asked} were asked for at most.*smaller slices"):
        read_page(answer, dataset)


def test_whoever_asks_for_so_many_records_and_no_pages_knows_when_there_are_more() -> None:
    for source in read_sources().values():
        for dataset in source.datasets:
            limits = {"limit", "$limit", "top", "$top", "rows", "pageSize", "per_page"} & dataset.query.keys()
            assert not limits or dataset.page_parameter or dataset.most_records, f"{source.id} {dataset.id}"
