"""D06: a figure that came as confidential stands where it is worked on, and nowhere else that anybody looks at.

A publisher may print a confidential figure by mistake. It is no observation: the row goes to quarantine, which does not
tell the figure. Canaries are numbers that stand nowhere else: whoever finds one found a figure.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import toy
from typer.testing import CliRunner

from migstats import cli, lake, pipeline, publish, warehouse
from migstats.reading import Read
from migstats.source import Source, folder_of, read_source

pytestmark = pytest.mark.database

SLICE = toy.SLICES[0]
TODAY = toy.DAY.date() + dt.timedelta(days=7)
#: Printed beside its mark; in an area that nobody knows; not even a number; twice, and once without the mark; beside a
#: mark of which nobody knows what it means.
PRINTED, UNPLACED, WORDS, TWICE, UNCLEAR = "86420753", "97531864", "75319864", "64208531", "53197642"
CANARIES = (PRINTED, UNPLACED, WORDS, TWICE, UNCLEAR)
ROWS = [
    {"OBS_VALUE": "100"},
    {"SEX": "F", "OBS_VALUE": "60"},
    {"SEX": "F", "AGE": "Y0T14", "OBS_VALUE": PRINTED, "NOTE": "C"},
    {"REF_AREA": "XQZ", "OBS_VALUE": UNPLACED, "NOTE": "C"},
    {"SEX": "F", "AGE": "Y15T24", "OBS_VALUE": f"about {WORDS}", "NOTE": "C"},
    {"SEX": "F", "AGE": "Y_GE65", "OBS_VALUE": TWICE, "NOTE": "C"},
    {"SEX": "F", "AGE": "Y_GE65", "OBS_VALUE": "7", "NOTE": ""},
    {"SEX": "M", "OBS_VALUE": UNCLEAR, "NOTE": "X"},
]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A source whose column of notes says what is confidential."""
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("MIGSTATS_DATA_DOCS", str(tmp_path / "data_docs"))
    toy.declare(tmp_path, monkeypatch, "toy")
    toy.open_gate(tmp_path, "toy")
    folder = tmp_path / "sources" / "toy"
    facts = folder / "source.yaml"
    facts.write_text(facts.read_text("utf-8").replace("note: {column: NOTE}", "conf_status: {column: NOTE}"), "utf-8")
    with (folder / "codes.csv").open("a", encoding="utf-8") as file:
        file.write("*,NOTE,C,conf_status,C,map\n*,NOTE,X,conf_status,,unknown\n")
    return read_source(facts)


def run(url: str, source: Source, rows: list[dict[str, str]], day: int) -> Read:
    """A whole run, step by step, as the DAG has them."""
    read = toy.read(url, source, SLICE, rows, at=toy.DAY + dt.timedelta(days=day))
    folder = folder_of("toy")
    pipeline.check([read], source, run_id=f"run{day}", url=url, today=TODAY)
    pipeline.gate([read], source, folder, run_id=f"run{day}", url=url)
    pipeline.load([read], source, folder, run_id=f"run{day}", url=url)
    pipeline.check_warehouse("toy", run_id=f"run{day}", url=url, today=TODAY)
    publish.publish(url, run_id=f"run{day}")
    return read


def tables(url: str) -> Iterator[tuple[str, str]]:
    """Every row of every table and view of the warehouse, as text."""
    with warehouse.connect(url) as connection:
        names = connection.execute(
            "SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class AS c "
            "INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid "
            "WHERE n.nspname IN ('ref', 'raw', 'core', 'ops', 'bi') AND c.relkind IN ('r', 'p', 'v', 'm')"
        ).fetchall()
        for row in names:
            found = connection.execute(f"SELECT t::text AS line FROM {row['name']} AS t").fetchall()  # type: ignore[call-overload]
            yield row["name"], "\n".join(line["line"] or "" for line in found)


def written(root: Path, snapshots: Path) -> Iterator[tuple[str, str]]:
    """Every file but the snapshots, which are what the publisher sent."""
    for path in sorted(root.rglob("*")):
        if path.is_dir() or snapshots in path.parents:
            continue
        if path.suffix == ".parquet":
            yield str(path), str(pq.read_table(path).to_pylist())
        else:
            yield str(path), path.read_bytes().decode("utf-8", "replace")


def leaks(places: Iterator[tuple[str, str]]) -> tuple[list[str], int]:
    """Where a canary stands, and how many places were looked at."""
    found, looked = [], 0
    for name, text in places:
        looked += 1
        found += [f"{name}: {canary}" for canary in CANARIES if canary in text.replace(",", "")]
    return found, looked


def test_a_confidential_figure_that_was_printed_is_told_nowhere(
    warehouse_url: str,
    source: Source,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    run(warehouse_url, source, ROWS, 0)
    run(warehouse_url, source, [{**row, "OBS_VALUE": row["OBS_VALUE"] + ".0"} for row in ROWS], 1)

    with warehouse.connect(warehouse_url) as connection:
        kept = connection.execute("SELECT reason, place, raw FROM ops.standing_quarantine ORDER BY place").fetchall()
    assert [row["raw"] for row in kept].count("(confidential)") >= 5
    assert {row["reason"] for row in kept} >= {"contradiction", "unknown_code", "not_a_number", "declared_unknown"}
    assert all(row["place"] for row in kept), "who may see the snapshot finds it"

    found, looked = leaks(tables(warehouse_url))
    assert looked > 80
    assert found == []
    found, looked = leaks(written(tmp_path, lake.snapshot_path("00").parents[1]))
    assert looked > 20, "tables between steps, Data Docs"
    assert found == []
    assert leaks(iter([("log", caplog.text)])) == ([], 1)
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", warehouse_url)
    for command in (["status"], ["status", "--json"], ["doctor"], ["sources", "--json"]):
        said = CliRunner().invoke(cli.app, command).output
        assert said
        assert leaks(iter([(" ".join(command), said)])) == ([], 1)


def test_a_canary_that_is_not_confidential_is_found(warehouse_url: str, source: Source) -> None:
    """The search sees what it looks for."""
    run(warehouse_url, source, [{"OBS_VALUE": PRINTED}], 0)
    found, _ = leaks(tables(warehouse_url))
    assert {line.partition(":")[0] for line in found} >= {"core.observation", "bi.observation_all"}
