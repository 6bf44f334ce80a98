"""Freshness: how a source stands against its own schedule, from the schedule, its last load and the time alone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Final, Literal

State = Literal["fresh", "late", "never", "by hand", "failing"]

#: Without a declared grace a run has half of its interval to come to an end, and at most this.
LONGEST: Final = dt.timedelta(days=1)


@dataclass(frozen=True)
class Freshness:
    """How a source stands. `overdue` may hold of a failing source too: it says that what was due did not come."""

    state: State
    overdue: bool
    text: str
    #: The tick whose load had to be there by now; None without a schedule.
    due_at: dt.datetime | None


def freshness(
    schedule: str | None,
    *,
    loaded_at: dt.datetime | None,
    now: dt.datetime,
    grace: dt.timedelta | None = None,
    failing_since: dt.datetime | None = None,
) -> Freshness:
    """Judge a source by its cron `schedule` (UTC; None: only by hand) and when a load last came to an end.

    A load that found nothing new counts. `grace` is how long after a tick its load may end. A source with a schedule
    that never loaded is overdue at once, and not only after its next tick, which may be half a year away.
    """
    age = "never loaded" if loaded_at is None else f"loaded {span(now - loaded_at)} ago"
    due: dt.datetime | None = None
    if schedule is None:
        text, overdue = f"{age}; no schedule", False
    else:
        due, interval = _due(schedule, now, grace)
        overdue = loaded_at is None or loaded_at < due
        late = f", due since {moment(due)}" if overdue and loaded_at is not None else ""
        text = f"{age}; expected every {span(interval)}{late}"
    if failing_since is not None:
        return Freshness("failing", overdue, f"{text}; failing since {moment(failing_since)}", due)
    if loaded_at is None:
        return Freshness("never", overdue, text, due)
    if schedule is None:
        return Freshness("by hand", False, text, due)
    return Freshness("late" if overdue else "fresh", overdue, text, due)


def _due(schedule: str, now: dt.datetime, grace: dt.timedelta | None) -> tuple[dt.datetime, dt.timedelta]:
    """The last tick whose grace is over, and the time between the ticks around now."""
    from croniter import croniter

    last: dt.datetime = croniter(schedule, now).get_prev(dt.datetime)
    interval = croniter(schedule, now).get_next(dt.datetime) - last
    allowed = min(interval / 2, LONGEST) if grace is None else grace
    due: dt.datetime = croniter(schedule, now - allowed).get_prev(dt.datetime)
    return due, interval


def moment(at: dt.datetime | None) -> str:
    """A time in UTC, to the minute."""
    return "never" if at is None else at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M")


def span(length: dt.timedelta) -> str:
    """A length of time in its largest whole unit."""
    seconds = max(int(length.total_seconds()), 0)
    for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit:
            count = seconds // unit
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "less than a minute"
