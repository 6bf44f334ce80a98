"""Turns: who may ask a publisher's host, and when, over all threads and processes of this machine.

A small locked file `<state>/rate/<host>` holds when the host is free next, until when it is to be left alone (a
Retry-After named that time), and how many requests in a row failed: after BREAK_AFTER of them nobody asks that
host for COOL_DOWN seconds, and then one request goes ahead to see whether it is back.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import IO, Final

from migstats import settings
from migstats.errors import ConfigurationError

#: The longest time (seconds) for which a Retry-After holds back the others who ask the same host.
LONGEST_HOLD: Final = 900.0
#: Failed requests in a row, over all processes of this machine, after which a host is left alone ...
BREAK_AFTER: Final = 6
#: ... for so many seconds.
COOL_DOWN: Final = 60.0


@dataclass(frozen=True)
class _Turns:
    """What everybody on this machine has to know of one host. Times are seconds of the epoch."""

    next_free: float = 0.0
    held_until: float = 0.0
    failures: int = 0


def _parse_turns(text: str) -> _Turns:
    try:
        next_free, held_until, failures = json.loads(text)
        return _Turns(float(next_free), float(held_until), int(failures))
    except (ValueError, TypeError):
        return _Turns()  # new, or its writer was killed


@contextlib.contextmanager
def _locked(name: str) -> Iterator[IO[str]]:
    path = settings.state() / "rate" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written ({error.strerror}); it keeps the pace at which a host is asked, "
            "let MIGSTATS_STATE name a folder that can be written"
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _change_turns(name: str, change: Callable[[_Turns], _Turns]) -> _Turns:
    """Change the file of a host under its lock; returns what was there before."""
    with _locked(name) as file:
        file.seek(0)
        before = _parse_turns(file.read(200))
        after = change(before)
        if after != before:
            file.seek(0)
            file.truncate()
            file.write(json.dumps([after.next_free, after.held_until, after.failures]))
    return before


@dataclass(frozen=True)
class Turn:
    """The answer to "may I ask now?": go after `wait` seconds, or leave it for `refused` seconds."""

    wait: float = 0.0
    refused: float = 0.0
    failures: int = 0


def take(name: str, now: float, interval: float, patience: float, queue_limit: float) -> Turn:
    """Ask for the next turn at the host `name`; all times in seconds, `now` of the epoch.

    It is refused where the host is held for more than `patience`, or where the queue is longer than `queue_limit`.
    """
    turn = Turn()

    def change(turns: _Turns) -> _Turns:
        nonlocal turn
        # A time further ahead than we ever write was written before the clock was set back.
        held = turns.held_until - now if turns.held_until - now <= LONGEST_HOLD else 0.0
        queued = turns.next_free - now if turns.next_free - now <= LONGEST_HOLD + interval else 0.0
        wait = max(0.0, held, queued)
        if held > patience or wait > queue_limit:
            turn = Turn(refused=wait, failures=turns.failures)
            return turns
        turn = Turn(wait=wait, failures=turns.failures)
        # One request goes ahead to see whether a host that failed is back; the others stay away meanwhile.
        trial = turns.failures >= BREAK_AFTER
        return replace(
            turns,
            next_free=now + wait + interval,
            held_until=now + wait + COOL_DOWN if trial else turns.held_until,
        )

    _change_turns(name, change)
    return turn


def note_failure(name: str, now: float, told: float | None) -> None:
    """A request failed at `now`; `told` are the seconds of a Retry-After, where there was one."""

    def change(turns: _Turns) -> _Turns:
        failures = turns.failures + 1
        hold = max(min(told or 0.0, LONGEST_HOLD), COOL_DOWN if failures >= BREAK_AFTER else 0.0)
        return replace(turns, failures=failures, held_until=max(turns.held_until, now + hold))

    _change_turns(name, change)


def note_success(name: str) -> None:
    """A request came through: the count of failures begins anew."""

    def change(turns: _Turns) -> _Turns:
        return replace(turns, failures=0, held_until=0.0 if turns.failures >= BREAK_AFTER else turns.held_until)

    _change_turns(name, change)
