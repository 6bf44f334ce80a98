"""Workbooks in a real Airflow: checked, confirmed, approved, published; a broken one holds up none."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from real_airflow import PARKED, Site

from migstats.uploads import submission
from migstats.uploads.contract import forms
from migstats.uploads.example import example
from migstats.uploads.submission import Sent, Submission

pytestmark = [pytest.mark.end_to_end, pytest.mark.airflow, pytest.mark.database]

RUNS = "/api/v2/dags/upload/dagRuns"


def send(site: Site, country: str, content: bytes) -> Submission:
    """What the portal does: keep it, give a receipt, ask Airflow for a run."""
    sent = Sent(country, "labour_permits", 2025, "fr", "portal", f"official@{country.lower()}.example.org", "p.xlsx")
    there, _ = submission.receive(site.url, sent, content)
    body = {"logical_date": None, "dag_run_id": there.upload_id, "conf": {"upload": there.upload_id}}
    assert site.airflow.call("POST", RUNS, body) is not None
    return there


def state_of(site: Site, there: Submission) -> str:
    return submission.find(site.url, there.upload_id).state


def until(site: Site, there: Submission, *states: str) -> Submission:
    site.until(f"{there.upload_id} is {states}", lambda: state_of(site, there) in states)
    return submission.find(site.url, there.upload_id)


def tasks_of(site: Site, there: Submission) -> dict[str, str]:
    found = site.airflow.call("GET", f"{RUNS}/{there.upload_id}/taskInstances")["task_instances"]
    return {task["task_id"]: task["state"] for task in found}


def answer(site: Site, there: Submission, option: str) -> None:
    """Answer the form of a run as a statistician does; again, where Airflow lost the answer."""
    form = f"{RUNS}/{there.upload_id}/taskInstances/decide/-1/hitlDetails"
    site.until(f"{there.upload_id} asks", lambda: tasks_of(site, there)["decide"] == "awaiting_input")
    for _ in range(3):
        time.sleep(PARKED)
        site.airflow.call("PATCH", form, {"chosen_options": [option], "params_input": {"reason": "looked at it"}})

        def settled() -> bool:
            state = tasks_of(site, there)["decide"]
            lost = state == "awaiting_input" and not site.airflow.call("GET", form)["response_received"]
            return lost or state in ("success", "failed", "skipped")

        site.until(f"{there.upload_id} goes on", settled)
        if tasks_of(site, there)["decide"] != "awaiting_input":
            return
    raise AssertionError("every answer was lost")


def ended(site: Site, there: Submission) -> str:
    def state() -> Any:
        return site.airflow.call("GET", f"{RUNS}/{there.upload_id}")["state"]

    site.until(f"the run of {there.upload_id} ends", lambda: state() in ("success", "failed"))
    return str(state())


def test_workbooks_go_their_way_and_a_broken_one_holds_up_none(site: Site, tmp_path: Path) -> None:
    for dag in ("upload", "publish"):
        site.airflow.call("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})
    for country in ("MAR", "TUN"):
        example(forms()["labour_permits"], country, 2025, "fr", tmp_path / f"{country}.xlsx")
    good, refused = (send(site, country, (tmp_path / f"{country}.xlsx").read_bytes()) for country in ("MAR", "TUN"))
    broken = send(site, "SEN", b"PK\3\4 no workbook")

    assert until(site, broken, "rejected").state == "rejected"
    assert ended(site, broken) == "success", "what an official has to mend is no fault of ours"
    assert tasks_of(site, broken)["load"] == "skipped"
    for there in (good, refused):
        ready = until(site, there, "ready", "rejected")
        assert ready.state == "ready", submission.findings(site.url, there.upload_id)
        submission.confirm(site.url, there.upload_id, str(ready.content_sha256), who=ready.sent_by)
    answer(site, good, "Approve")
    answer(site, refused, "Reject")

    assert until(site, good, "approved", "published").state in ("approved", "published")
    assert until(site, refused, "rejected").reason == "looked at it"
    assert ended(site, good) == "success"
    assert until(site, good, "published").state == "published"
    shown = site.ask(
        "SELECT source, count(*) AS n FROM bi.fact_observation WHERE source LIKE 'upload%%' GROUP BY source"
    )
    assert [(row["source"], row["n"]) for row in shown] == [
        ("upload_mar", submission.find(site.url, good.upload_id).figures)
    ]
    steps = [(event["state"], event["who"]) for event in submission.events(site.url, good.upload_id)]
    assert [state for state, _ in steps] == ["received", "ready", "submitted", "approved", "published"]
    assert steps[3][1] == "admin"
