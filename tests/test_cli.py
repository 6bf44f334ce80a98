"""The command line: the same functions as the tasks; errors in one line with the remedy."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import toy
from typer.testing import CliRunner

from migstats.checks import source_schema
from migstats.cli import app
from migstats.observation import COLUMNS
from migstats.settings import home

SAMPLE = home() / "include/samples/worldbank_wdi/SM.POP.NETM.json"


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_sources_is_a_list_for_programs() -> None:
    code, out, _ = run("sources", "--json")
    assert code == 0
    assert {s["id"] for s in json.loads(out)} >= {"undesa_stock", "unhcr_population", "worldbank_wdi", "eurostat_migr"}


def test_check_passes_on_the_project() -> None:
    assert run("check")[0] == 0


def test_check_names_file_field_and_remedy(tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "source.yaml").write_text("id: bad\nlicense: x\n")
    code, _, err = run("check", "--sources", str(tmp_path))
    assert code == 1
    for part in (str(folder / "source.yaml"), "license", "publisher", "docs/source.schema.json"):
        assert part in err
    assert "Traceback" not in err


GOLDEN = {
    "file": "a.csv",
    "place": "line 2",
    "raw": "1",
    "dataset": "figures",
    "release": "",
    "indicator": "MIG_STOCK",
    "ref_area": "MAR",
    "sex": "_T",
    "reason": "_T",
    "time_period": "2020",
    "value": "1",
    "obs_status": "A",
    "concept_basis": "",
    "owner": "tests",
    "why": "an example of a figure",
}


def write_golden(folder: Path, *rows: Mapping[str, str]) -> None:
    with (folder / "golden.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_check_reads_the_gate_and_the_golden_figures_of_further_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.declare(tmp_path, monkeypatch, "toy")
    monkeypatch.delenv("MIGSTATS_SOURCES")
    folder = tmp_path / "sources" / "toy"
    (folder / "gate.yaml").write_text(
        "rounding: {limit: 5, owner: tests, reason: rounded to fives}\n", encoding="utf-8"
    )
    write_golden(folder, GOLDEN)
    assert run("check", "--sources", str(tmp_path / "sources"))[0] == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": "1,000"}, "line 3: value '1,000' is no figure; write digits"),
        ({"value": "nan"}, "line 3: value 'nan' is no figure"),
        ({"owner": ""}, "line 3: owner is empty; say it"),
        ({"why": "short"}, "line 3: why 'short' is too short; say"),
        ({"reason": "family"}, "line 3: reason: 'family' is no code of codelist reason; mend the code"),
        ({"place": ""}, "line 3: place is empty"),
        ({"ref_area": "Morocco"}, "line 3: ref_area: 'Morocco' is no code of codelist area; mend the code"),
        ({"sex": "men"}, "line 3: sex: 'men' is no code of codelist sex; mend the code"),
        ({"indicator": "MIGSTOCK"}, "line 3: indicator: 'MIGSTOCK' is no code of codelist indicator; mend the code"),
        ({"obs_status": "?"}, "line 3: obs_status: '?' is no code of codelist obs_status; mend the code"),
        ({"time_period": "20"}, "line 3: time_period: '20' is not an SDMX period"),
        ({"dataset": "other"}, "line 3: dataset: 'other' is not declared in source.yaml; mend the name"),
        ({"release": "2024"}, "line 3: release: '2024' is not declared in source.yaml"),
    ],
)
def test_check_names_line_and_remedy_of_a_wrong_golden_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Mapping[str, str], says: str
) -> None:
    toy.declare(tmp_path, monkeypatch, "toy")
    path = tmp_path / "sources" / "toy" / "golden.csv"
    write_golden(path.parent, GOLDEN, {**GOLDEN, **change})
    code, _, err = run("check")
    assert code == 1
    assert f"{path}: {says}" in err


@pytest.mark.parametrize(
    ("column", "says"),
    [("owner", "line 1: the columns owner are missing; add them"), ("sec", "line 1: the columns sec")],
)
def test_check_names_the_columns_of_golden_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, says: str
) -> None:
    toy.declare(tmp_path, monkeypatch, "toy")
    path = tmp_path / "sources" / "toy" / "golden.csv"
    row = (
        {name: cell for name, cell in GOLDEN.items() if name != column} if column in GOLDEN else {**GOLDEN, "sec": "M"}
    )
    write_golden(path.parent, row)
    code, _, err = run("check")
    assert code == 1
    assert f"{path}: {says}" in err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jumpfactor: {limit: 3, owner: tests, reason: a long reason}", "line 2: jumpfactor: Extra inputs"),
        ("rounding: {limit: many, owner: tests, reason: a long reason}", "line 2: rounding.limit: Input should be a"),
        (
            "rounding:\n  limit: -1\n  owner: tests\n  reason: a long reason",
            "line 3: rounding.limit: Input should be g",
        ),
        (
            "rounding: {limit: .inf, owner: tests, reason: a long reason}",
            "line 2: rounding.limit: Input should be a finite",
        ),
        ("rounding:\n  limit: 1\n  reason: a long reason", "line 2: rounding.owner: Field required; a rule has limit"),
        ("rounding: {limit: 1, owner: a, reason: a long reason}\n" * 2, "line 3: rounding stands twice; remove one"),
        ("rounding: [", "cannot be read as YAML"),
        (
            "self_corridors:\n  indicators: [REFUGEES, REFUGES]\n  owner: tests\n  reason: a long reason",
            "line 3: self_corridors.indicators: 'REFUGES' is no code of codelist indicator; mend the code",
        ),
    ],
)
def test_check_names_line_and_remedy_of_a_wrong_rule_of_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    toy.declare(tmp_path, monkeypatch, "toy")
    path = tmp_path / "sources" / "toy" / "gate.yaml"
    path.write_text(f"# a comment\n{text}\n", encoding="utf-8")
    write_golden(path.parent, {**GOLDEN, "sex": "men"})
    code, _, err = run("check")
    assert code == 1
    assert f"{path}: {says}" in err
    assert "'men' is no code of codelist sex" in err, "all findings, not the first"


def test_read_writes_observations_and_counts_every_cell(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    code, said, err = run("read", "worldbank_wdi", SAMPLE, "--dataset", "flows", "-o", out, "--json")
    assert code == 0, err
    [report] = json.loads(said)
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == report["observations"] > 0
    assert report["landed"] == report["observations"] + report["quarantined"] + report["explained"]
    assert (tmp_path / "out.quarantine.csv").is_file()


def test_read_of_a_page_that_is_no_data_is_one_line(tmp_path: Path) -> None:
    page = tmp_path / "page.json"
    page.write_text("<html>maintenance</html>")
    code, _, err = run("read", "worldbank_wdi", page, "--dataset", "flows", "-o", tmp_path / "o.csv")
    assert code == 1
    assert err.startswith("migstats: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_fifth_source_is_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    toy.declare(tmp_path, monkeypatch, "toy")
    folder = tmp_path / "sources"
    if way == "option":
        monkeypatch.delenv("MIGSTATS_SOURCES")
    payload = tmp_path / "a.csv"
    payload.write_bytes(toy.payload([{}, {"REF_AREA": "SRB", "OBS_VALUE": "5"}, {"REF_AREA": "??"}]))
    option = ["--sources", str(folder)] if way == "option" else []
    code, said, err = run("read", "toy", payload, "-o", tmp_path / "o.csv", "--json", *option)
    assert code == 0, err
    [report] = json.loads(said)
    assert (report["observations"], report["quarantine_reasons"]) == (2, {"unknown_code": 1})


def test_without_a_warehouse_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path))
    code, _, err = run("url")
    assert code == 1
    assert "make demo" in err


def test_the_published_schema_is_the_models() -> None:
    assert (home() / "docs/source.schema.json").read_text("utf-8") == source_schema()
