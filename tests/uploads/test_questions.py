"""Questions about what a country sends stand beside each other, each as long as its own table has not moved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from sending import AMAL, SOURCE, approved, asked, confirmed, published_figures, read, standing

from migstats import ledger, upload_tasks
from migstats.errors import RefusedError
from migstats.uploads import runs, submission
from migstats.uploads.submission import Submission

pytestmark = pytest.mark.database

RETURNEES: Mapping[str, str] = {"indicator": "RETURNEES", "value": "7"}


@pytest.fixture
def url(warehouse_url: str, lake: Path) -> str:
    return warehouse_url


def published(url: str, there: Submission) -> Submission:
    one = read(url, there)
    judged, _ = asked(url, there, one)
    approved(url, there, one, judged)
    published_figures(url)
    submission.published(url)
    return submission.find(url, there.upload_id)


def test_of_two_forms_of_a_country_each_is_approved_whatever_became_of_the_other(url: str) -> None:
    permits = confirmed(url, {}, content="a")
    returnees = confirmed(url, RETURNEES, content="b", form="returnees")
    one, two = read(url, permits), read(url, returnees)
    first, state = asked(url, permits, one)
    second, other_state = asked(url, returnees, two)
    assert (state, other_state) == ("open", "open")
    approved(url, permits, one, first)
    assert standing(url, returnees, two, second) == "open"
    approved(url, returnees, two, second)
    assert [value for _, _, value, _ in published_figures(url)] == [120.0, 7.0]


def test_of_two_submissions_of_one_table_the_elder_is_superseded(url: str) -> None:
    elder, newer = confirmed(url, {}, content="a"), confirmed(url, {"value": "130"}, content="b")
    one, two = read(url, elder), read(url, newer)
    first, _ = asked(url, elder, one)
    second, state = asked(url, newer, two)
    assert (state, standing(url, elder, one, first)) == ("open", "superseded")
    approved(url, newer, two, second)
    with pytest.raises(RefusedError, match="superseded"):
        approved(url, elder, one, first)
    assert [value for _, _, value, _ in published_figures(url)] == [130.0]


def test_a_form_that_is_taken_back_leaves_the_questions_about_others_as_they_are(url: str) -> None:
    permits = published(url, confirmed(url, {}, content="a"))
    returnees = confirmed(url, RETURNEES, content="b", form="returnees")
    two = read(url, returnees)
    second, _ = asked(url, returnees, two)
    back = submission.withdraw(url, permits.upload_id, who=AMAL, reason="counted twice")
    one = read(url, back)
    first, state = asked(url, back, one)
    assert state == "open"
    assert approved(url, back, one, first).closed == 1
    assert standing(url, returnees, two, second) == "open"
    approved(url, returnees, two, second)
    assert [value for _, _, value, _ in published_figures(url)] == [7.0]


def test_what_is_taken_back_waits_for_a_newer_one_of_the_same_table_that_waits(url: str) -> None:
    first = published(url, confirmed(url, {}, content="a"))
    second = confirmed(url, {"value": "130"}, content="b")
    two = read(url, second)
    judged, _ = asked(url, second, two)
    back = submission.withdraw(url, first.upload_id, who=AMAL, reason="counted twice")
    assert submission.to_withdraw(url) == []
    approved(url, second, two, judged)
    assert [value for _, _, value, _ in published_figures(url)] == [130.0]
    submission.published(url)
    assert submission.to_withdraw(url) == [], "its figures do not stand any more"
    assert submission.find(url, back.upload_id).state == "withdrawn"


def test_what_is_taken_back_is_asked_for_again_when_the_newer_one_was_refused(url: str) -> None:
    first = published(url, confirmed(url, {}, content="a"))
    back = submission.withdraw(url, first.upload_id, who=AMAL, reason="counted twice")
    one = read(url, back)
    judged, _ = asked(url, back, one)
    second = confirmed(url, {"value": "130"}, content="b")
    asked(url, second, read(url, second))
    assert standing(url, back, one, judged) == "superseded"
    submission.step(url, second.upload_id, "rejected", who="statistician", reason="no")
    [again] = submission.to_withdraw(url)
    [run] = run_of_intake(url, {})
    assert run["run_id"] == runs.run_id(again, withdraw=True, again=1)
    assert run["conf"] == {"upload": first.upload_id, "withdraw": True}
    one = read(url, again)
    judged, state = asked(url, again, one, run="again")
    assert state == "open"
    assert approved(url, again, one, judged).closed == 1
    assert published_figures(url) == []


# -- runs that are missing


def run_of_intake(url: str, states: Mapping[str, str]) -> list[dict[str, object]]:
    """What `collect` has started, where Airflow has runs in these states."""
    task = SimpleNamespace(
        get_dr_count=lambda dag, run_ids: sum(run in states for run in run_ids),
        get_dagrun_state=lambda dag, run: states[run],
    )
    return upload_tasks.missing_runs(url, task)


def test_what_was_confirmed_after_its_run_was_over_has_another_run_once(url: str) -> None:
    there = confirmed(url, {}, content="a")
    waited, next_one = runs.run_id(there), runs.run_id(there, again=1)
    assert run_of_intake(url, {waited: "running"}) == [], "it waits for the official"
    assert run_of_intake(url, {waited: "failed", next_one: "queued"}) == []
    [run] = run_of_intake(url, {waited: "failed"})
    assert run == {
        "run_id": f"{waited}.2",
        "conf": {"upload": there.upload_id, "withdraw": False},
        "note": "MAR · Labour migration permits and departures 2025",
    }
    [run] = run_of_intake(url, {waited: "failed", next_one: "success"})
    assert run["run_id"] == f"{waited}.3"
    with ledger.attempt(url, ledger.Run("upload/r", "upload", "manual", "test"), SOURCE, "land", there.upload_id):
        pass
    assert run_of_intake(url, {waited: "failed"}) == [], "its failure is seen in Airflow; a loop would hide it"
