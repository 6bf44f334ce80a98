"""Questions to a person: which candidate is asked about, in which run, until when, and whether the question stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from migstats import warehouse
from migstats.errors import PermanentError
from migstats.reading import Read
from migstats.warehouse import Connection


@dataclass(frozen=True)
class Scope:
    """What of a source a candidate speaks about: its slices with their release, and when the newest was served."""

    slices: tuple[str, ...]
    landed_at: str

    @classmethod
    def of(cls, reads: Sequence[Read]) -> Scope:
        """The scope of what was read."""
        newest = max((read.landed_at for read in reads), key=dt.datetime.fromisoformat)
        return cls(tuple(sorted({f"{read.slice} {read.release}".strip() for read in reads})), newest)


@dataclass(frozen=True)
class Standing:
    """How a question stands, and in words why.

    `open`: a person has to answer. `decided`: somebody did. `superseded`: something newer took its place. `elsewhere`:
    another run asks about the same candidate.
    """

    state: Literal["open", "decided", "superseded", "elsewhere"]
    message: str
    verdict: str | None = None
    decided_by: str | None = None


def look(url: str, candidate_id: str, scope: Scope, *, run_id: str) -> Standing:
    """How the question of this run about a candidate stands. PermanentError for a candidate that nobody judged."""
    with warehouse.connect(url) as connection:
        return _look(connection, candidate_id, scope, run_id)


def ask(
    url: str, candidate_id: str, scope: Scope, *, run_id: str, until: dt.datetime, alive_until: dt.datetime | None
) -> Standing:
    """Ask, unless there is nothing to ask any more: note that this run waits `until` then for a person.

    `alive_until` is when the form of Airflow counts as gone, unless `keep` says otherwise before; None for a question
    that is answered on the command line. Of two runs at once one asks, and the other finds it asking.
    """
    with warehouse.connect(url) as connection:
        source = _of(connection, candidate_id, scope, run_id)["source"]
        warehouse.execute(connection, "load/lock_questions", {"source": source})
        standing = _look(connection, candidate_id, scope, run_id)
        if standing.state == "open":
            warehouse.execute(
                connection,
                "load/add_question",
                {
                    "candidate_id": candidate_id,
                    "run_id": run_id,
                    "slices": list(scope.slices),
                    "landed_at": scope.landed_at,
                    "expires_at": until,
                    "alive_until": alive_until,
                },
            )
    return standing


def keep(url: str, candidate_id: str, *, run_id: str, alive_until: dt.datetime) -> None:
    """Say that the form of this run is still there."""
    key = {"candidate_id": candidate_id, "run_id": run_id, "alive_until": alive_until}
    with warehouse.connect(url) as connection:
        warehouse.execute(connection, "load/keep_question", key)


def _of(connection: Connection, candidate_id: str, scope: Scope, run_id: str) -> Mapping[str, Any]:
    key = {"candidate_id": candidate_id, "run_id": run_id, "slices": list(scope.slices), "landed_at": scope.landed_at}
    found = warehouse.rows(connection, "load/question_of", key)
    if not found:
        raise PermanentError(f"no candidate {candidate_id!r} was judged; clear `gate`, so that it is")
    return found[0]


def _look(connection: Connection, candidate_id: str, scope: Scope, run_id: str) -> Standing:
    at = _of(connection, candidate_id, scope, run_id)
    if at["verdict"] is not None:
        message = f"candidate {candidate_id} was {at['verdict']} by {at['decided_by']}"
        return Standing("decided", message, at["verdict"], at["decided_by"])
    if at["base_vintage"] != at["latest_vintage"]:
        return Standing(
            "superseded",
            f"candidate {candidate_id} was compared with vintage {at['base_vintage'] or 'none'} of its slices, and "
            f"vintage {at['latest_vintage']} stands now; it is superseded",
        )
    if at["newer_run"] is not None:
        return Standing(
            "superseded",
            f"the run {at['newer_run']} asks about what landed later in the same slices; candidate {candidate_id} is "
            "superseded",
        )
    if at["asking_run"] is not None:
        return Standing(
            "elsewhere",
            f"the run {at['asking_run']} asks about candidate {candidate_id} until "
            f"{at['asking_until'].astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC; nobody is asked twice",
        )
    return Standing("open", f"candidate {candidate_id} waits for a person")
