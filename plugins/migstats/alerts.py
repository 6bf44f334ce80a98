"""Alerts: what is wrong with a source, told once per change of state, held back while somebody asked for silence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal

from migstats import warehouse
from migstats.errors import MigstatsError, PermanentError, TryAgainError
from migstats.freshness import Freshness, freshness, moment
from migstats.source import Source, declared, sent
from migstats.warehouse import Connection

Kind = Literal["late", "failing", "quarantine", "decision", "snapshot", "slow"]
KINDS: Final[tuple[Kind, ...]] = ("late", "failing", "quarantine", "decision", "snapshot", "slow")

#: The source of what concerns all of them: the publish.
ALL: Final = "*"

#: A passing fault is an alert once nothing was tried again for so long.
PATIENCE: Final = dt.timedelta(hours=1)

Conditions = Mapping[tuple[str, Kind], str]


@dataclass(frozen=True)
class Alert:
    """A change of state, as it is told."""

    alert_id: int
    source: str
    kind: Kind
    change: Literal["raised", "cleared"]
    message: str
    at: dt.datetime

    @property
    def title(self) -> str:
        """One line for a subject: which source, which kind, and that it is over where it is."""
        name = "publish" if self.source == ALL else self.source
        return f"{name}: {self.kind}{' no more' if self.change == 'cleared' else ''}"


@dataclass(frozen=True)
class Look:
    """What a look at all sources came to."""

    freshness: Mapping[str, Freshness]
    raised: tuple[tuple[str, Kind], ...]
    cleared: tuple[tuple[str, Kind], ...]


# -- what is wrong now ------------------------------------------------------------------------------------------


def look(url: str, *, now: dt.datetime) -> Look:
    """Judge every declared source and append what changed to ops.alert; ops.freshness says how each stands.

    What stands already is not raised again. A source that was declared and is no more has its alerts cleared; one whose
    declaration cannot be read at the moment keeps them, and fails.
    """
    asked, wrong = declared()
    sources = {**asked, **sent()}
    unreadable = {folder.name: what for folder, what in wrong.items() if folder.name not in sources}
    with warehouse.connect(url) as connection:
        _lock(connection)
        found, stands = _conditions(connection, sources, now)
        for name, what in unreadable.items():
            found[name, "failing"] = f"its declaration cannot be read: {what.splitlines()[0]}"
        standing = {(row["source"], row["kind"]): row for row in warehouse.rows(connection, "alerts/standing")}
        for (name, kind), row in standing.items():
            unchanged = {"source": name, "at": row["since"]}
            goes_on = kind == "slow" and not warehouse.rows(connection, "alerts/over", unchanged)[0]["over"]
            if (name in unreadable and kind != "failing") or (goes_on and name in sources):
                found.setdefault((name, kind), row["message"])
        raised = tuple(key for key in found if key not in standing)
        cleared = tuple(key for key in standing if key not in found)
        for key in raised:
            _change(connection, key, "raised", found[key], now)
        for key in cleared:
            _change(connection, key, "cleared", standing[key]["message"], now)
        for name, (fresh, loaded_at) in stands.items():
            row = {**asdict(fresh), "source": name, "loaded_at": loaded_at, "at": now}
            warehouse.execute(connection, "alerts/add_freshness", row)
        warehouse.execute(connection, "alerts/forget_freshness", {"sources": list(stands)})
    return Look({name: fresh for name, (fresh, _) in stands.items()}, raised, cleared)


def _lock(connection: Connection) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('migstats.alerts', 0))")


def _change(connection: Connection, key: tuple[str, Kind], change: str, message: str, now: dt.datetime) -> None:
    row = {"source": key[0], "kind": key[1], "change": change, "message": message, "at": now}
    warehouse.execute(connection, "alerts/add", row)


def _conditions(
    connection: Connection, sources: Mapping[str, Source], now: dt.datetime
) -> tuple[dict[tuple[str, Kind], str], dict[str, tuple[Freshness, dt.datetime | None]]]:
    """What is wrong with each declared source at this moment, and how fresh it is."""
    found: dict[tuple[str, Kind], str] = {}
    loads = {row["source"]: row for row in warehouse.rows(connection, "alerts/loads")}
    failing: dict[str, list[Mapping[str, object]]] = {}
    for row in warehouse.rows(connection, "report/failing", {"source": None}):
        if row["error_class"] != TryAgainError.__name__ or row["last_at"] <= now - PATIENCE:
            failing.setdefault(row["source"], []).append(row)
    stands = {}
    for name, source in sources.items():
        load = loads.get(name, {})
        since = min((row["since"] for row in failing.get(name, ())), default=None)  # type: ignore[type-var]
        fresh = freshness(
            source.schedule,
            loaded_at=load.get("loaded_at"),
            now=now,
            grace=source.grace,
            failing_since=since,  # type: ignore[arg-type]
        )
        stands[name] = (fresh, load.get("loaded_at"))
        if fresh.overdue:
            found[name, "late"] = fresh.text
        share = load.get("share") or 0.0
        if not load.get("within_bound", True):
            found[name, "quarantine"] = (
                f"more than the allowed {source.quarantine_bound:.0%} would be in quarantine, and nothing is loaded: "
                f"{load['failing'].splitlines()[0]}"
            )
        elif share > source.quarantine_bound:
            found[name, "quarantine"] = (
                f"{share:.1%} of the figures of the last load are in quarantine, {source.quarantine_bound:.0%} may be"
            )
    for name in (*sources, ALL):
        if rows := failing.get(name):
            last = rows[-1]
            place = f"{last['step']} {last['slice'] or ''}".strip()
            more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
            found[name, "failing"] = f"{place}: {last['error_class']}: {last['message']}{more}"[:2000]
    for row in warehouse.rows(connection, "report/open_decisions"):
        if row["source"] in sources:
            found[row["source"], "decision"] = (
                f"candidate {row['candidate_id']} has {row['breaches']} breaches and waits for a person since "
                f"{moment(row['judged_at'])}"
            )
    for row in warehouse.rows(connection, "alerts/snapshots"):
        if row["source"] in sources:
            found[row["source"], "snapshot"] = (
                f"{row['snapshots']} snapshots of the lake are not what their hash says, such as {row['sha256']} "
                f"({row['found']}, slice {row['slice']}); restore them from a backup"
            )
    return found, stands


def slow(url: str, source_id: str, *, run_id: str, hours: float, now: dt.datetime) -> bool:
    """Raise `slow` for a run that takes too long; not while a decision of the source waits, and not twice."""
    with warehouse.connect(url) as connection:
        _lock(connection)
        waits = any(row["source"] == source_id for row in warehouse.rows(connection, "report/open_decisions"))
        standing = {(row["source"], row["kind"]) for row in warehouse.rows(connection, "alerts/standing")}
        if waits or (source_id, "slow") in standing:
            return False
        _change(connection, (source_id, "slow"), "raised", f"{run_id} takes longer than {hours:g} hours", now)
    return True


# -- telling ----------------------------------------------------------------------------------------------------


def tell(url: str, notifier: str, notify: Callable[[Alert], None], *, now: dt.datetime) -> list[Alert]:
    """Let a notifier (by its name in the ledger) tell what it has not told yet; what was told is returned.

    That it was told is kept in the moment it was. An alert that cannot be told holds up no other one, and is told
    the next time; TryAgainError says at the end which they were and why.
    """
    with warehouse.connect(url) as connection:
        waiting = warehouse.rows(connection, "alerts/to_tell", {"notifier": notifier, "at": now})
    told: list[Alert] = []
    failed: dict[str, str] = {}
    for alert in (Alert(**row) for row in waiting):
        try:
            with warehouse.connect(url) as connection:
                row = {"alert_id": alert.alert_id, "notifier": notifier, "at": now}
                if not warehouse.execute(connection, "alerts/add_told", row):
                    continue  # another process tells it at this moment
                notify(alert)
        except MigstatsError as error:
            failed[alert.title] = str(error)
        else:
            told.append(alert)
    if failed:
        what = "; ".join(f"{title} ({error})" for title, error in failed.items())
        raise TryAgainError(f"{notifier} could not tell, and is asked again the next time: {what}")
    return told


# -- silence ----------------------------------------------------------------------------------------------------


def silence(
    url: str, source_id: str, *, kind: str, author: str, reason: str, until: dt.datetime, now: dt.datetime
) -> int:
    """Hold alerts of a source back until a moment; the number of the silence. `kind` may be `*`, for all of them.

    The last one for a source and kind counts, so that a shorter one ends a longer one. PermanentError for an unknown
    kind or source, a moment that has passed, or a reason too short to be one.
    """
    if kind not in ("*", *KINDS):
        raise PermanentError(f"{kind!r} is no kind of alert; they are {', '.join(KINDS)}, and * for all")
    if until <= now:
        raise PermanentError(f"a silence has to end later than now, {moment(until)} has passed; choose a later --until")
    with warehouse.connect(url) as connection:
        known = {*declared()[0], ALL, *(row["source"] for row in warehouse.rows(connection, "alerts/standing"))}
        if source_id not in known:
            raise PermanentError(f"no source {source_id!r} is declared; they are {', '.join(sorted(known))}")
        row = {"source": source_id, "kind": kind, "author": author, "reason": reason, "expires_at": until}
        number: int = warehouse.rows(connection, "alerts/add_silence", row)[0]["silence_id"]
    return number
