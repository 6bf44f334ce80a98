"""The ledger of runs: each attempt of each step has one outcome, whatever ended it."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import pytest

from migstats import ledger, warehouse
from migstats.errors import PermanentError, RefusedError

pytestmark = pytest.mark.database

RUN = ledger.Run("ingest_toy/one", "ingest_toy", "manual", "1.0", parameters={"years": [2020]})


def outcomes(url: str) -> list[dict[str, Any]]:
    with warehouse.connect(url) as connection:
        return connection.execute("SELECT * FROM ops.outcome ORDER BY outcome_id").fetchall()


def unfinished(url: str) -> int:
    with warehouse.connect(url) as connection:
        return int(connection.execute("SELECT count(*) AS n FROM ops.unfinished").fetchall()[0]["n"])


def test_a_step_that_ends_well_is_kept_with_its_counts(warehouse_url: str) -> None:
    with ledger.attempt(warehouse_url, RUN, "toy", "land", "a") as tally:
        assert unfinished(warehouse_url) == 1
        tally.add(snapshots=1, bytes=10, message="fine")
    [kept] = outcomes(warehouse_url)
    assert [kept[n] for n in ("step", "slice", "status", "snapshots", "bytes", "message", "error_class")] == [
        *("land", "a", "done", 1, 10, "fine", None)
    ]
    assert kept["seconds"] >= 0
    assert unfinished(warehouse_url) == 0


@pytest.mark.parametrize(
    ("error", "status", "kind", "message"),
    [
        (PermanentError("the column is gone"), "failed", "PermanentError", "the column is gone"),
        (ZeroDivisionError("api_key=hunter22"), "failed", "ZeroDivisionError", "ZeroDivisionError: api_key=***"),
        (SystemExit(3), "failed", "SystemExit", "SystemExit: 3"),
        (RefusedError("somebody said no"), "refused", "RefusedError", "somebody said no"),
    ],
)
def test_whatever_ends_a_step_is_kept_and_goes_on(
    warehouse_url: str, caplog: pytest.LogCaptureFixture, error: BaseException, status: str, kind: str, message: str
) -> None:
    def step() -> None:
        with ledger.attempt(warehouse_url, RUN, "toy", "read", "a") as tally:
            tally.add(message="half way")
            raise error

    with pytest.raises(type(error)):
        step()
    [kept] = outcomes(warehouse_url)
    assert (kept["status"], kept["error_class"], kept["message"]) == (status, kind, message)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ([f"read failed: a: {message}"] if status == "failed" else [])


def test_a_run_is_one_row_with_what_was_asked_of_it(warehouse_url: str) -> None:
    for step in ("land", "read"):
        with ledger.attempt(warehouse_url, RUN, "toy", step):
            pass
    with warehouse.connect(warehouse_url) as connection:
        [run] = connection.execute("SELECT dag, kind, parameters, outcomes, failures FROM ops.run_state").fetchall()
    assert run == {"dag": "ingest_toy", "kind": "manual", "parameters": {"years": [2020]}, "outcomes": 2, "failures": 0}


KILLED = """
import os, signal, sys
from migstats import ledger
run = ledger.Run("ingest_toy/one", "ingest_toy", "manual", "1.0")
with ledger.attempt(sys.argv[1], run, "toy", sys.argv[2], "a"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_in(url: str, step: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, url, step], check=False)
    assert done.returncode == -9
    assert unfinished(url) == 1


def test_the_next_attempt_finds_that_the_one_before_was_killed(warehouse_url: str) -> None:
    kill_in(warehouse_url, "read")
    with ledger.attempt(warehouse_url, RUN, "toy", "read", "b"):
        pass  # another slice: it says nothing about this one
    assert unfinished(warehouse_url) == 1
    with ledger.attempt(warehouse_url, RUN, "toy", "read", "a", number=2):
        pass
    found = [(row["slice"], row["status"], row["error_class"]) for row in outcomes(warehouse_url)]
    assert found == [("b", "done", None), ("a", "failed", "Killed"), ("a", "done", None)]


def test_what_no_attempt_follows_is_found_by_maintenance(warehouse_url: str) -> None:
    kill_in(warehouse_url, "land")
    with ledger.attempt(warehouse_url, RUN, "toy", "read", "a"):
        assert ledger.close_lost(warehouse_url) == 1, "and not the one that is at work"
    assert [row["status"] for row in outcomes(warehouse_url)] == ["failed", "done"]
    assert ledger.close_lost(warehouse_url) == 0
