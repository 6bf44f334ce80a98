"""`migstats check`: what would go wrong at the first run is found before a byte is fetched, one line for each."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import toy
from test_cli import run

from migstats.checks import findings
from migstats.source import plan, read_source

TODAY = dt.date(2026, 6, 1)
CORRECTION = (
    "id,dataset,time_period,published,corrected,why,evidence,author,expires\n"
    "c1,figures,2020,1,2,a slip,a letter,tests,2026-05-31\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a good source, of which each test makes a bad one."""
    toy.declare(tmp_path, monkeypatch, "toy")
    folder = tmp_path / "sources" / "toy"
    assert findings(today=TODAY)[0] == []
    return folder


def change(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def found(folder: Path, today: dt.date = TODAY) -> list[str]:
    lines, summary = findings(today=today)
    assert all(line.startswith(str(folder)) for line in lines)
    assert bool(summary) or lines[0].startswith(f"{folder}/source.yaml: ")
    return lines


def test_a_column_without_scheme_and_codes_is_found_before_every_row_is_quarantined(folder: Path) -> None:
    change(folder / "source.yaml", "ref_area: {column: REF_AREA, scheme: code}", "ref_area: {column: REF_AREA}")
    [said] = found(folder)
    assert "dataset figures: ref_area: column 'REF_AREA' has no scheme" in said
    assert "`scheme: code`" in said
    with (folder / "codes.csv").open("a") as file:
        file.write("figures,REF_AREA,Maroc,ref_area,MAR,map\n")
    assert found(folder) == []


def test_a_column_of_free_text_needs_neither_scheme_nor_codes(folder: Path) -> None:
    assert "note: {column: NOTE}" in (folder / "source.yaml").read_text()
    assert found(folder) == []


def test_a_correction_is_found_when_it_has_expired_and_not_before(folder: Path) -> None:
    (folder / "corrections.csv").write_text(CORRECTION)
    assert found(folder, dt.date(2026, 5, 31)) == []
    [said] = found(folder)
    assert said.startswith(f"{folder}/corrections.csv: c1: expired on 2026-05-31; ")


def test_a_run_of_years_may_begin_next_year(folder: Path) -> None:
    years = "slices: {part: [a, b, c], year: {start: 2027, lag: 1}}"
    change(folder / "source.yaml", "slices: {part: [a, b, c]}", years)
    change(folder / "source.yaml", "{part}.csv", "{part}/{year}.csv")
    assert found(folder) == []
    source = read_source(folder / "source.yaml")
    assert {s.year for s in plan(source, today=dt.date(2028, 12, 31))} == {2027}


def test_findings_are_counted_one_by_one(folder: Path) -> None:
    change(folder / "source.yaml", "title: toy\n", "colour: red\nshape: round\n")
    assert len(found(folder)) == 3
    code, _, said = run("check")
    assert code == 1
    assert said.splitlines()[-1] == "migstats: 3 findings in the declarations; mend the lines named above"
    assert len(said.splitlines()) == 4


def test_a_date_that_is_none_is_one_line_for_every_command(folder: Path) -> None:
    change(folder / "source.yaml", "title: toy\n", "title: 2024-02-30\n")
    for command in (["sources"], ["check"], ["read", "toy", "x.csv", "-o", "o.csv"]):
        code, _, said = run(*command)
        assert code == 1
        assert "'2024-02-30' is no date" in said
        assert "Traceback" not in said
