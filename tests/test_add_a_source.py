"""docs/add-a-source.md, followed word for word: each of its files is written, each of its commands run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from migstats.cli import app

PAGE = Path(__file__).parents[1] / "docs" / "add-a-source.md"
_BLOCK = re.compile(r"^```(?P<language>\w+)(?P<how>[^\n]*)\n(?P<text>.*?)^```\n(?:\n> (?P<said>[^\n]+))?", re.M | re.S)


def test_the_walk_through_works_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIGSTATS_SOURCES", raising=False)
    files = runs = 0
    for block in _BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        how = block["how"].split()
        named = [word.removeprefix("file=") for word in how if word.startswith("file=")]
        if named:
            file = tmp_path / named[0]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block["text"], encoding="utf-8")
            files += 1
        elif "run" in how:
            program, *arguments = shlex.split(block["text"])
            assert program == "migstats"
            done = CliRunner().invoke(app, arguments)
            assert done.exit_code == ("fails" in how), done.output
            if block["said"]:
                assert block["said"] in done.output
            runs += 1
    assert (files, runs) == (4, 4)
    found = pl.read_csv(tmp_path / "arrivals.csv", infer_schema=False)
    assert found.filter(counterpart_area="SEN", sex="F").select("value", "obs_status", "missing_reason").rows() == [
        (None, "O", "not_available")
    ]
    assert found.filter(counterpart_area="KOR")["value"].sort().to_list() == ["12.0", "15.0"]
    assert found.filter(counterpart_area="_T", sex="M")["value"].to_list() == ["1530.0"]


def test_the_shell_finds_the_program_before_it_is_called() -> None:
    first, *others = [
        block["text"] for block in _BLOCK.finditer(PAGE.read_text("utf-8")) if block["language"] == "bash"
    ]
    assert "make venv" in first
    assert "/.venv/bin:$PATH" in first
    assert any(text.startswith("migstats ") for text in others)
