"""The ledger of runs: a row for each run, one for each attempt of a step as it begins, one for what came of it."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from migstats import process, warehouse
from migstats.errors import MigstatsError, RefusedError, SupersededError
from migstats.redaction import clean
from migstats.warehouse import Outcome

log = logging.getLogger("migstats")

#: An attempt that began so long ago and has no outcome was killed, wherever it ran: no step may run so long.
LOST_AFTER = dt.timedelta(hours=3)

_LONGEST_MESSAGE = 2000


@dataclass(frozen=True)
class Run:
    """A run of a DAG, or of a command, as the ledger keeps it."""

    run_id: str
    dag: str
    kind: str
    code_version: str
    logical_date: dt.datetime | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass
class Tally:
    """What a step says of itself while it goes on: counts for its outcome, by the names of Outcome's fields."""

    attempt_id: int | None = None
    status: str = "done"
    counts: dict[str, Any] = field(default_factory=dict)

    def add(self, **counts: int | str | None) -> None:
        """Set counts."""
        self.counts |= counts


@contextmanager
def attempt(
    url: str | None,
    run: Run,
    source: str,
    step: str,
    slice_id: str | None = None,
    *,
    number: int = 1,
    logged: bool = True,
) -> Iterator[Tally]:
    """One attempt of a step, with one outcome: done, skip, refused or failed, whatever ends it.

    A failure is logged in one line of level ERROR that says which slice and why (unless not `logged`: a command says it
    itself), and is raised again. An attempt of the same step that was killed gets its outcome now. Without `url`
    nothing is kept.
    """
    began = time.monotonic()
    tally = Tally()
    if url is not None:
        tally.attempt_id = _begin(url, run, source, step, slice_id, number)
    try:
        yield tally
    except RefusedError as error:
        status = "skip" if isinstance(error, SupersededError) else "refused"
        _end(url, run, source, step, slice_id, tally, status, began, error)
        raise
    except BaseException as error:
        if logged:
            log.error("%s failed: %s: %s", step, slice_id or source, _said(error))
        _end(url, run, source, step, slice_id, tally, "failed", began, error)
        raise
    _end(url, run, source, step, slice_id, tally, tally.status, began)


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, MigstatsError) else f"{type(error).__name__}: {clean(str(error))}"


def _begin(url: str, run: Run, source: str, step: str, slice_id: str | None, number: int) -> int:
    key = {"run_id": run.run_id, "source": source, "step": step, "slice": slice_id}
    me = process.identify(os.getpid())
    with warehouse.connect(url) as connection:
        facts = {
            "dag": run.dag,
            "kind": run.kind,
            "logical_date": run.logical_date,
            "parameters": json.dumps(dict(run.parameters), default=str),
            "code_version": run.code_version,
        }
        warehouse.execute(connection, "load/add_run", {"run_id": run.run_id, **facts})
        earlier = warehouse.rows(connection, "load/unfinished_attempts", {**key, "before": dt.datetime.now(dt.UTC)})
        for row in earlier:
            if _is_gone(row):
                _lose(connection, row)
        here = {"number": number, "host": socket.gethostname(), "process": _name(me)}
        attempt_id: int = warehouse.rows(connection, "load/add_attempt", {**key, **here})[0]["attempt_id"]
    return attempt_id


def _name(identity: process.Identity | None) -> str:
    return f"{identity.pid} {identity.started}" if identity is not None else f"{os.getpid()} 0"


def _is_gone(row: Mapping[str, Any]) -> bool:
    """Whether the process of an attempt is known not to run: on another host nobody can tell, until it is too old."""
    if dt.datetime.now(dt.UTC) - row["began_at"] > LOST_AFTER:
        return True
    if row["host"] != socket.gethostname():
        return False
    pid, _, started = row["process"].partition(" ")
    return not process.is_alive(process.Identity(int(pid), float(started)))


def _lose(connection: warehouse.Connection, row: Mapping[str, Any]) -> None:
    warehouse.add_outcome(
        connection,
        Outcome(
            run_id=row["run_id"],
            source=row["source"],
            step=row["step"],
            status="failed",
            slice=row["slice"],
            error_class="Killed",
            message=f"try {row['number']} on {row['host']} ended without a word: killed, or its machine was lost",
            attempt_id=row["attempt_id"],
        ),
    )


def year_taken(url: str, attempt_id: int) -> str | None:
    """The other run of the same backfill that has taken the slices of the year that this attempt plans."""
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "load/year_taken", {"attempt_id": attempt_id})
    return found[0]["run_id"] if found else None


def close_lost(url: str) -> int:
    """Give an outcome to the attempts that were killed and that no later attempt missed; how many they were."""
    now = dt.datetime.now(dt.UTC)
    everything = {"run_id": None, "source": None, "step": None, "slice": None, "before": now}
    with warehouse.connect(url) as connection:
        lost = [row for row in warehouse.rows(connection, "load/unfinished_attempts", everything) if _is_gone(row)]
        for row in lost:
            _lose(connection, row)
    return len(lost)


def _end(
    url: str | None,
    run: Run,
    source: str,
    step: str,
    slice_id: str | None,
    tally: Tally,
    status: str,
    began: float,
    error: BaseException | None = None,
) -> None:
    """Keep the outcome, unless the step kept it itself with what it did. A failure of this never hides another."""
    if url is None:
        return
    message = tally.counts.pop("message", None)
    outcome = Outcome(
        run_id=run.run_id,
        source=source,
        step=step,
        status=status,
        slice=slice_id,
        error_class=type(error).__name__ if error is not None else None,
        message=_said(error)[:_LONGEST_MESSAGE] if error is not None else message,
        seconds=time.monotonic() - began,
        attempt_id=tally.attempt_id,
        **tally.counts,
    )
    try:
        with warehouse.connect(url) as connection:
            warehouse.add_outcome(connection, outcome)
    except MigstatsError as lost:
        log.warning("the outcome could not be kept: %s", lost)
