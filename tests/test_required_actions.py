"""A breach in a real Airflow: it asks in Required Actions, and what is answered there, or is not, is what counts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import toy
from real_airflow import ASKING, A, Site
from test_pages import browser, watched  # noqa: F401 (a fixture)

from migstats import pipeline, publish
from migstats.source import Source, folder_of, read_source

pytestmark = [pytest.mark.end_to_end, pytest.mark.airflow, pytest.mark.database]

AREAS = ("MAR", "NPL", "SRB", "TUN", "PHL")


def rows(**changes: str) -> list[dict[str, str]]:
    values = {area: str(10_000 * n) for n, area in enumerate(AREAS, start=1)} | changes
    return [{"REF_AREA": area, "OBS_VALUE": value} for area, value in values.items() if value]


def accept(url: str, source: Source, slice_id: str, served: list[dict[str, str]], *, at: dt.datetime = toy.DAY) -> None:
    """What another run would land and load."""
    read = toy.read(url, source, slice_id, served, at=at)
    pipeline.load([read], source, folder_of(source.id), run_id="first", url=url)


@dataclass(frozen=True)
class Asked:
    """Source → the run that asks about it; what stood in core and bi before."""

    first: dict[str, str]
    before: dict[str, tuple[int, str]]


@pytest.fixture(scope="module")
def asked(site: Site) -> Asked:
    for name in ASKING:
        accept(site.url, read_source(site.sources / name / "source.yaml"), A, rows())
    publish.publish(site.url, run_id="first")
    before = toy.fingerprint(site.url)
    for name in ASKING:
        site.serve(name, rows(MAR=""))
    return Asked({name: site.run(name) for name in ASKING}, before)


def test_a_breach_asks_with_a_table_and_a_link_and_changes_nothing(site: Site, asked: Asked) -> None:
    form = site.until_asked("approved", asked.first["approved"])

    assert form["subject"] == "approved: 2 findings breach the gate"
    assert "| breach | scope | found | allowed |" in form["body"]
    assert "| series | period | was | now |" in form["body"]
    [candidate] = site.ask("SELECT candidate_id FROM ops.candidate WHERE source = 'approved' AND breaches > 0")
    assert f"]({site.airflow.url}/migstats/gate/{candidate['candidate_id']})" in form["body"]
    assert form["options"] == ["Approve", "Reject"]
    assert form["params"]["reason"]["schema"]["minLength"] == 3
    listed = site.airflow.listed("/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false", "hitl_details")
    assert "ingest_approved" in {one["task_instance"]["dag_id"] for one in listed}
    assert ("approved", f"ingest_approved/{asked.first['approved']}") in site.open_decisions()
    assert toy.fingerprint(site.url) == asked.before


@pytest.mark.browser
def test_a_person_sees_the_table_as_a_table_and_the_link_leads_to_the_report(
    site: Site,
    asked: Asked,
    browser: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    run = asked.first["approved"]
    site.until_asked("approved", run)
    base = site.airflow.url
    with watched(browser) as (page, _, _):
        page.set_default_timeout(60_000)
        page.goto(f"{base}/auth/login")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", site.password)
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/auth/login" not in url)

        page.goto(f"{base}/required_actions?response_received=false")
        page.get_by_role("link", name="approved: 2 findings breach the gate").first.click()
        page.wait_for_url(lambda url: "required_actions" in url and run in url)
        page.get_by_role("columnheader", name="breach").wait_for()
        page.screenshot(path=tmp_path / "form.png", full_page=True)
        cells = page.get_by_role("cell").all_inner_texts()
        assert any("ref_area=MAR" in cell for cell in cells), cells
        assert not any("\\" in cell for cell in cells), "what was escaped is shown as it was"
        assert page.get_by_label("Reason").or_(page.get_by_placeholder("Reason")).count() or "Reason" in page.content()
        approve = page.get_by_role("button", name="Approve")
        assert approve.is_disabled(), "the form demands a reason"
        report = page.get_by_role("link", name="The whole report, with a chart")
        address = report.get_attribute("href")
        page.goto(str(address))
        page.get_by_role("heading", name="approved").wait_for()
        assert page.title() == "approved: candidate waits"
        page.screenshot(path=tmp_path / "report.png", full_page=True)

        # the Warehouse page leads to this very form
        page.goto(f"{base}/migstats/warehouse/")
        page.screenshot(path=tmp_path / "warehouse.png", full_page=True)
        page.locator("tr#approved").get_by_role("link", name="decide").click()
        page.wait_for_url(lambda url: url.endswith(f"/runs/{run}/tasks/decide/required_actions"))
        page.get_by_role("columnheader", name="breach").wait_for()


def test_nobody_answers_in_time_and_the_run_is_red_not_accepted_and_not_asked_again(site: Site, asked: Asked) -> None:
    run = asked.first["silent"]
    assert site.until_ended("silent", run) == "failed"
    decide, load = site.task("silent", run, "decide"), site.task("silent", run, "load")
    assert (decide["state"], decide["try_number"], load["state"]) == ("failed", 1, "upstream_failed")
    assert "silent" not in dict(site.open_decisions())
    told = site.ask("SELECT error_class, message FROM ops.outcome WHERE source = 'silent' AND step = 'decide'")
    assert [row["error_class"] for row in told] == ["UndecidedError"]
    assert "it is not accepted" in told[0]["message"]
    assert site.ask("SELECT 1 FROM ops.vintage WHERE source = 'silent' OFFSET 1") == []


def test_what_is_approved_is_loaded_and_who_when_and_why_is_kept_with_the_vintage(site: Site, asked: Asked) -> None:
    run = asked.first["approved"]
    site.until_asked("approved", run)
    was = site.facts("approved")
    site.answer("approved", run, "Approve", "Morocco left the survey")
    assert site.until_ended("approved", run) == "success"
    assert site.task("approved", run, "load")["state"] == "success"
    [told] = site.ask(
        "SELECT d.verdict, d.decided_by, d.reason, d.decided_at >= c.judged_at AS later, v.closed "
        "FROM ops.vintage AS v INNER JOIN ops.candidate AS c USING (candidate_id) "
        "INNER JOIN ops.decision AS d USING (candidate_id) WHERE v.source = 'approved'"
    )
    assert told == {
        "verdict": "approved",
        "decided_by": "admin",
        "reason": "Morocco left the survey",
        "later": True,
        "closed": 1,
    }
    assert site.facts("approved") != was
    assert "approved" not in dict(site.open_decisions())

    # a changed candidate asks again: the approval was of the other bytes
    site.serve("approved", rows(MAR="", NPL=""))
    again = site.run("approved")
    site.until_asked("approved", again)
    assert ("approved", f"ingest_approved/{again}") in site.open_decisions()


def test_what_is_rejected_changes_nothing_and_is_not_asked_again_for_the_same_bytes(site: Site, asked: Asked) -> None:
    run, was = asked.first["rejected"], site.facts("rejected")
    site.until_asked("rejected", run)
    site.answer("rejected", run, "Reject", "a broken file")
    assert site.until_ended("rejected", run) == "success"
    assert site.task("rejected", run, "load")["state"] == "skipped"
    assert site.facts("rejected") == was
    [told] = site.ask(
        "SELECT d.verdict, d.decided_by, d.reason FROM ops.decision AS d "
        "INNER JOIN ops.candidate AS c USING (candidate_id) WHERE c.source = 'rejected'"
    )
    assert told == {"verdict": "rejected", "decided_by": "admin", "reason": "a broken file"}

    again = site.run("rejected")
    assert site.until_ended("rejected", again) == "success"
    assert {site.task("rejected", again, task)["state"] for task in ("decide", "load")} == {"skipped"}
    assert site.airflow.call("GET", site.form("rejected", again)) is None, "there is no second form"
    assert site.facts("rejected") == was


def test_a_later_run_goes_on_while_one_waits_and_takes_the_place_of_its_question(site: Site, asked: Asked) -> None:
    older = asked.first["overtaken"]
    site.until_asked("overtaken", older)
    assert ("overtaken", f"ingest_overtaken/{older}") in site.open_decisions()
    site.serve("overtaken", rows(MAR="", NPL=""))
    newer = site.run("overtaken")
    site.until_asked("overtaken", newer)
    assert [run for source, run in site.open_decisions() if source == "overtaken"] == [f"ingest_overtaken/{newer}"]

    # nobody touches the older form: it sees by itself that it asks in vain
    assert site.until_ended("overtaken", older) == "success"
    assert {site.task("overtaken", older, task)["state"] for task in ("decide", "load")} == {"skipped"}
    told = site.ask(
        "SELECT step, status, message FROM ops.outcome "
        "WHERE run_id = %(run)s AND step IN ('decide', 'load') ORDER BY step",
        run=f"ingest_overtaken/{older}",
    )
    assert [(row["step"], row["status"], "superseded" in row["message"]) for row in told] == [
        ("decide", "skip", True),
        ("load", "skip", True),
    ]
    site.answer("overtaken", newer, "Approve", "both left the survey")
    assert site.until_ended("overtaken", newer) == "success"
    assert site.task("overtaken", newer, "load")["state"] == "success"
    assert not any(source == "overtaken" for source, _ in site.open_decisions())


def test_what_was_approved_against_a_state_that_has_gone_is_judged_and_asked_again_by_clearing_gate(
    site: Site, asked: Asked
) -> None:
    run, source = asked.first["regated"], read_source(site.sources / "regated" / "source.yaml")
    site.until_asked("regated", run)
    # the state of the slice that was asked about moves; that of another one would change nothing for the question
    later = [*rows(), *({**row, "TIME_PERIOD": "2021"} for row in rows())]
    accept(site.url, source, A, later, at=toy.DAY + dt.timedelta(days=1))
    site.answer("regated", run, "Approve", "Morocco left the survey")
    assert site.until_ended("regated", run) == "failed"
    [told] = site.ask(
        "SELECT message FROM ops.outcome WHERE source = 'regated' AND step = 'load' AND status = 'failed'"
    )
    assert "clear `gate`" in told["message"]
    assert not any(fact[-2] is False for fact in site.facts("regated")), "nothing was closed"

    site.clear("regated", run, "gate")
    site.until_asked("regated", run)
    site.answer("regated", run, "Approve", "Morocco left the survey, still")
    assert site.until_ended("regated", run) == "success"
    assert site.task("regated", run, "load")["state"] == "success"
    closed = [fact for fact in site.facts("regated") if fact[-2] is False]
    assert "MAR" in {fact[2] for fact in closed}
