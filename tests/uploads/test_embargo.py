"""D09: what is under embargo is in no table of facts before its day, whoever approved it; then it goes its way."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from sending import AMAL, approved, asked, confirmed, published_figures, read

from migstats import candidate, tasks, upload_tasks, warehouse
from migstats.errors import PermanentError
from migstats.uploads import submission
from migstats.uploads.submission import Submission

NOW = dt.datetime(2026, 11, 26, 15, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("day", "until"),
    [
        ("2026-11-27", dt.datetime(2026, 11, 27, 12, tzinfo=dt.UTC)),
        ("2027-02-24", dt.datetime(2027, 2, 24, 12, tzinfo=dt.UTC)),
        ("2026-11-26", None),
        ("2020-01-01", None),
        ("2027-02-25", None),
    ],
)
def test_a_day_begins_when_it_has_begun_everywhere(day: str, until: dt.datetime | None) -> None:
    if until is None:
        with pytest.raises(PermanentError, match="choose one from tomorrow to 2027-02-24"):
            submission.embargo_of(dt.date.fromisoformat(day), NOW)
    else:
        assert submission.embargo_of(dt.date.fromisoformat(day), NOW) == until


@pytest.fixture
def url(warehouse_url: str, lake: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(tasks, "warehouse_url", lambda: warehouse_url)
    return warehouse_url


def embargoed(url: str) -> Submission:
    """Confirmed, with an embargo until the day after tomorrow."""
    day = (dt.datetime.now(dt.UTC) + dt.timedelta(days=2)).date()
    return confirmed(url, {}, content="a", not_before=day)


def the_day_comes(url: str) -> None:
    """As if the embargo had been over since yesterday."""
    with warehouse.connect(url) as connection:
        connection.execute("ALTER TABLE ops.upload_event DISABLE TRIGGER append_only")
        connection.execute(
            "UPDATE ops.upload_event SET embargo_until = now() - interval '1 day' WHERE embargo_until IS NOT NULL"
        )
        connection.execute("ALTER TABLE ops.upload_event ENABLE TRIGGER append_only")


def goes_on(there: Submission, judged: candidate.Candidate, **params: object) -> bool:
    context = {"params": {"upload": there.upload_id, **params}}
    return upload_tasks.is_released({"breaches": judged.breaches, "candidate_id": judged.candidate_id}, context)


@pytest.mark.database
def test_what_was_approved_is_seen_by_nobody_before_its_day_and_by_readers_after(url: str) -> None:
    there = embargoed(url)
    assert there.embargo_until is not None
    one = read(url, there)
    judged, _ = asked(url, there, one)
    assert not goes_on(there, judged)
    with pytest.raises(PermanentError, match=f"upload {there.upload_id} is under embargo until"):
        approved(url, there, one, judged)
    told = candidate.story(url, judged.candidate_id)
    assert (told["verdict"], told["embargo_until"]) == ("approved", there.embargo_until)
    assert published_figures(url) == []
    with warehouse.connect(url) as connection:
        assert connection.execute("SELECT count(*) AS n FROM core.observation").fetchall() == [{"n": 0}]
    the_day_comes(url)
    assert goes_on(there, judged)
    approved(url, there, one, judged)
    assert [value for _, _, value, _ in published_figures(url)] == [120.0]


@pytest.mark.database
def test_nobody_waits_for_what_was_refused_or_taken_back_or_is_only_tried(url: str) -> None:
    there = embargoed(url)
    judged, _ = asked(url, there, read(url, there))
    assert goes_on(there, judged, dry_run=True)
    candidate.decide(url, judged.candidate_id, verdict="rejected", decided_by="statistician", reason="looked at")
    assert goes_on(there, judged)
    other = embargoed(url)
    submission.withdraw(url, other.upload_id, who=AMAL, reason="wrong year")
    assert goes_on(other, judged)
    assert upload_tasks.is_released(None, {"params": {"upload": other.upload_id}}), "nothing was judged"


@pytest.mark.database
def test_only_a_confirmation_has_an_embargo(url: str) -> None:
    there = confirmed(url, {}, content="a")
    assert there.embargo_until is None
    with pytest.raises(PermanentError, match="embargo_of_confirmed"):
        submission.step(url, there.upload_id, "rejected", who="s", embargo_until=NOW)
