"""Freshness: a source is measured by its own schedule, whatever ran or did not run."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys

import pytest

from migstats.freshness import freshness

NOW = dt.datetime(2026, 11, 24, 8, 30, tzinfo=dt.UTC)
WEEKLY = "10 5 * * 2"  # NOW is a Tuesday; the last tick was at 05:10 of it
TWICE_A_YEAR = "40 4 20 6,11 *"


def days(count: float) -> dt.timedelta:
    return dt.timedelta(days=count)


@pytest.mark.parametrize(
    ("schedule", "loaded", "grace", "state"),
    [
        (WEEKLY, None, None, "never"),
        (WEEKLY, days(6), None, "fresh"),  # the run of today has some hours left
        (WEEKLY, days(8), None, "late"),
        (WEEKLY, days(8), days(8), "fresh"),
        (WEEKLY, days(6), dt.timedelta(minutes=5), "late"),
        ("*/10 * * * *", dt.timedelta(minutes=9), None, "fresh"),
        ("*/10 * * * *", dt.timedelta(minutes=31), None, "late"),
        (TWICE_A_YEAR, days(200), None, "late"),
        (TWICE_A_YEAR, days(150), None, "late"),
        (TWICE_A_YEAR, days(150), days(10), "fresh"),
        (TWICE_A_YEAR, days(3), None, "fresh"),
        (None, days(900), None, "by hand"),
        (None, None, None, "never"),
    ],
)
def test_a_source_is_measured_by_its_own_schedule(
    schedule: str | None, loaded: dt.timedelta | None, grace: dt.timedelta | None, state: str
) -> None:
    at = None if loaded is None else NOW - loaded
    assert freshness(schedule, loaded_at=at, now=NOW, grace=grace).state == state


def test_it_says_what_is_expected_and_since_when_it_is_due() -> None:
    late = freshness(WEEKLY, loaded_at=NOW - days(8), now=NOW)
    assert late.text == "loaded 8 days ago; expected every 7 days, due since 2026-11-17 05:10"
    assert late.due_at == dt.datetime(2026, 11, 17, 5, 10, tzinfo=dt.UTC)


def test_a_source_that_never_loaded_is_overdue_long_before_its_next_tick() -> None:
    assert freshness(TWICE_A_YEAR, loaded_at=None, now=NOW).overdue
    assert not freshness(None, loaded_at=None, now=NOW).overdue


@pytest.mark.parametrize(("loaded", "overdue"), [(days(8), True), (days(6), False)])
def test_a_failing_source_is_overdue_only_where_what_was_due_did_not_come(loaded: dt.timedelta, overdue: bool) -> None:
    found = freshness(WEEKLY, loaded_at=NOW - loaded, now=NOW, failing_since=NOW - days(1))
    assert (found.state, found.overdue) == ("failing", overdue)
    assert found.text.endswith("failing since 2026-11-23 08:30")


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/Jamaica", "Europe/Belgrade"])
def test_it_is_the_same_in_every_time_zone_and_over_a_change_of_the_clock(zone: str) -> None:
    code = """
import datetime as dt
from migstats.freshness import freshness
now = dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)
found = freshness("0 1 * * *", loaded_at=now - dt.timedelta(hours=24), now=now)
print(found.state, found.due_at)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "TZ": zone}, check=True
    )
    assert done.stdout == "fresh 2026-03-28 01:00:00+00:00\n"
