"""The catalogue of sources: the page is current, and what is said to be verified was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import toy
from typer.testing import CliRunner

from migstats import catalogue, cli, pipeline
from migstats.codelists import read_csv
from migstats.source import folder_of, read_sources

SOURCES = read_sources()
PAGE = Path(__file__).parents[1] / "docs" / "sources.md"


def test_the_page_is_made_from_the_declarations() -> None:
    stale = "run `migstats sources --markdown -o docs/sources.md`"
    assert PAGE.read_text(encoding="utf-8") == catalogue.page(SOURCES, pipeline.concepts()), stale


@pytest.mark.parametrize("source_id", SOURCES)
def test_each_source_says_what_it_covers_and_has_figures(source_id: str) -> None:
    [entry] = catalogue.entries([SOURCES[source_id]], pipeline.concepts())
    assert entry.areas
    assert entry.first
    assert entry.indicators


@pytest.mark.parametrize("source_id", SOURCES)
def test_a_dataset_is_verified_against_payloads_where_figures_of_them_are_on_record(source_id: str) -> None:
    golden = folder_of(source_id) / "golden.csv"
    figures = read_csv(golden) if golden.is_file() else ()
    on_record = {row["dataset"] for row in figures if not row["file"].startswith("samples/")}
    assert {d.id for d in SOURCES[source_id].datasets if d.verified == "payload"} == on_record


def test_the_list_names_what_people_look_for() -> None:
    shown = CliRunner().invoke(cli.app, ["sources", "--json"])
    assert shown.exit_code == 0, shown.output
    found = {entry["id"]: entry for entry in json.loads(shown.stdout)}
    assert set(found) == set(SOURCES)
    stock = found["undesa_stock"]
    assert (stock["readers"], stock["indicators"], stock["first"], stock["last"]) == (
        ["workbook"],
        ["MIG_STOCK"],
        "1990",
        "2024",
    )
    assert stock["verified"] == ["real payload", "documentation"]


def test_a_private_source_without_coverage_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.declare(tmp_path, monkeypatch, "toy")
    shown = CliRunner().invoke(cli.app, ["sources", "--json"])
    entry = next(entry for entry in json.loads(shown.stdout) if entry["id"] == "toy")
    assert (entry["areas"], entry["first"], entry["last"], entry["verified"]) == ("", "", "", ["sample only"])
