"""`make bench` measures what the tasks call: the same comparison, on few rows, has to run through."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.mark.database
def test_the_benchmark_runs_through_and_names_each_goal(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    few = ["--rows", "3000", "--rounds", "1", "--held", "2", "--without-peers", "--json", str(figures)]
    command = [sys.executable, "-m", "benchmarks", *few]
    done = subprocess.run(command, check=False, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text())
    assert [goal["what"] for goal in found["goals"]] == [
        "first load, peak memory",
        "load, against a server-side COPY into bare tables",
        "load, against the same COPY with its keys",
        "load, against the same COPY with every key and check",
        "unchanged, same bytes",
        "unchanged, other bytes",
        "1 % changed of 3,000 against 6,000 held, after reading",
        "Great Expectations, every suite",
        "parse of all DAG files, against import airflow.sdk",
    ]
    assert all(goal["found"] > 0 for goal in found["goals"])


@pytest.mark.slow
def test_the_readers_are_compared_on_the_same_observations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our reader reads the same of each file; whether libraries do is what `python -m benchmarks.readers` finds out."""
    monkeypatch.syspath_prepend(PROJECT)
    from benchmarks import readers

    found = {
        format_: readers.measured(Path(sys.executable), "ours", format_, file)
        for format_, file in readers.write(tmp_path, 120).items()
    }
    assert set(found) == set(readers.PEERS)
    digests = {(one["count"], one["digest"]) for one in found.values() if one}
    assert len(digests) == 1
    assert digests.pop()[0] == 120


@pytest.mark.slow
def test_the_benchmark_of_records_finds_the_same_figures_in_each_way() -> None:
    command = [sys.executable, "-m", "benchmarks.microdata", "--rows", "2000"]
    done = subprocess.run(command, check=False, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line.split("  ")[0] for line in done.stdout.splitlines()[1:]] == [
        "ours",
        "pandas, in pieces",
        "pandas, all at once",
    ]


@pytest.mark.slow
def test_the_benchmark_of_dashboards_asks_every_query_before_and_during_a_publication() -> None:
    few = ["--figures", "0.1", "--published", "2000", "--readers", "2", "--seconds", "2"]
    command = [sys.executable, "-m", "benchmarks.dashboards", *few]
    done = subprocess.run(command, check=False, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "error:" not in done.stdout
    assert len(re.findall(r"^(?:reached|MISSED): ", done.stdout, flags=re.MULTILINE)) == 4
