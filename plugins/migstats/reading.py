"""What reading one slice gave, and where it stands on the release clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from migstats.errors import PermanentError, SupersededError

State = Mapping[str, Any]

_INSTANT = dt.timedelta(microseconds=1)


@dataclass(frozen=True)
class Read:
    """What reading one slice gave: where its tables lie in the lake, and what they amount to."""

    source: str
    dataset: str
    slice: str
    release: str
    released_at: str
    #: When the next declared edition came out; None for the newest, and for a source without editions.
    followed_at: str | None
    snapshots: tuple[str, ...]
    folder: str
    facts_sha256: str
    content_sha256: str
    codes_sha256: str
    made_of: str
    observations: int
    quarantined: int
    explained: int
    #: When its bytes were last served; an older landing never replaces a newer one.
    landed_at: str
    #: Folder of the lake with the declaration, codes, corrections and codelists that it was made with.
    made_with: str
    #: Snapshot → cells that could hold a figure, and figures that came of them.
    landed: Mapping[str, int]
    figures: Mapping[str, int]


@dataclass(frozen=True)
class Moment:
    """Where what a slice says stands on the release clock: it holds from `at` to `until` (None: it is the newest).

    `same` is what was accepted, `remapped` the same bytes understood otherwise, `new` a release or a revision.
    `before` is the state that it replaces or continues, None for the first one.
    """

    fate: Literal["same", "remapped", "new"]
    at: dt.datetime
    until: dt.datetime | None
    before: State | None


def place_in_time(read: Read, states: Sequence[State]) -> Moment:
    """Find the moment of a slice among its accepted `states`, which are ordered by release.

    A declared release stands at its date, whenever it arrives. Put out again under its old name it stands when it was
    first seen so, and at the latest just before the next edition: what it said before was what the world could know.
    A rolling source stands at the publisher's stamp if that moved, else at the time it was served. Raises
    SupersededError for what was served before the state that it would replace, PermanentError for two releases of one
    date, and for a release whose date lies before a second posting of an older one.
    """
    released = dt.datetime.fromisoformat(read.released_at)
    landed = dt.datetime.fromisoformat(read.landed_at)
    own = [state for state in states if state["release"] == read.release]
    if not own:
        if any(state["released_at"] == released for state in states):
            raise PermanentError(
                f"slice {read.slice}: release {read.release} has the date of another release, {released:%Y-%m-%d}; "
                "mend `releases` of source.yaml"
            )
        reposted = next((s for s in states if s["released_at"] > released > _edition_of(s, states)), None)
        if reposted is not None and read.release:
            raise PermanentError(
                f"slice {read.slice}: release {read.release} of {released:%Y-%m-%d} was declared after release "
                f"{reposted['release']} was posted again on {reposted['released_at']:%Y-%m-%d}, which stands since "
                "then; declare the editions first, then load into an empty warehouse, oldest first"
            )
        return _between(states, released)
    last = own[-1]
    until = next((s["released_at"] for s in states if s["released_at"] > last["released_at"]), None)
    if last["content_sha256"] == read.content_sha256:
        return Moment("same", last["released_at"], until, last)
    if list(last["snapshots"]) == list(read.snapshots):
        return Moment("remapped", last["released_at"], until, last)
    if landed <= last["landed_at"]:
        raise SupersededError(
            f"slice {read.slice} landed on {landed:%Y-%m-%d %H:%M}, before what stands, which landed on "
            f"{last['landed_at']:%Y-%m-%d %H:%M}; it is superseded: run again, so that it is asked for anew"
        )
    if read.release:
        return _posted_again(read, landed, last, until)
    at = released if released > last["released_at"] else max(landed, last["released_at"] + _INSTANT)
    return Moment("new", at, None, last)


def _edition_of(state: State, states: Sequence[State]) -> dt.datetime:
    """The date of the edition that a state belongs to."""
    dates: list[dt.datetime] = [s["released_at"] for s in states if s["release"] == state["release"]]
    return min(dates)


def _posted_again(read: Read, landed: dt.datetime, last: State, until: dt.datetime | None) -> Moment:
    """The moment of an edition that holds other figures than when it was loaded before."""
    bounds = [until, dt.datetime.fromisoformat(read.followed_at) if read.followed_at else None]
    bound = min((b for b in bounds if b is not None), default=None)
    at = max(landed, last["released_at"] + _INSTANT)
    if bound is not None and at >= bound:
        # Seen after its successor: it answers no question about the past, and is on record all the same.
        at = max(bound - _INSTANT, last["released_at"])
    return Moment("new", at, until, last)


def _between(states: Sequence[State], at: dt.datetime) -> Moment:
    before = next((s for s in reversed(states) if s["released_at"] < at), None)
    return Moment("new", at, next((s["released_at"] for s in states if s["released_at"] > at), None), before)


def is_outdated(read: Read, moment: Moment) -> bool:
    """Whether other bytes that say the same were served after it: what those call codes stands."""
    landed = dt.datetime.fromisoformat(read.landed_at)
    return moment.fate == "same" and moment.before is not None and landed < moment.before["landed_at"]


def delivered_before(read: Read, moment: Moment) -> str | None:
    """The folder of the reading that this one continues or replaces; None where there is none, or of the same bytes."""
    before = moment.before
    if before is None or list(before["snapshots"]) == list(read.snapshots):
        return None
    return Path(before["facts_path"]).parent.as_posix()
