"""The command line: the same functions as the tasks; errors in one line with the remedy."""

from __future__ import annotations

import csv
import json
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
