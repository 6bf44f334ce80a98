"""Workbooks in a real Airflow: checked, confirmed, approved, published; a broken one holds up none."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from real_airflow import PARKED, Site

from migstats.uploads import runs, submission
from migstats.uploads.contract import forms
from migstats.uploads.example import example
from migstats.uploads.submission import Sent, Submission

pytestmark = [pytest.mark.end_to_end, pytest.mark.airflow, pytest.mark.database]

RUNS = "/api/v2/dags/upload/dagRuns"


def send(site: Site, country: str, content: bytes) -> Submission:
    """What the portal does: keep it, give a receipt, ask Airflow for a run."""
    sent = Sent(country, "labour_permits", 2025, "fr", "portal", f"official@{country.lower()}.example.org", "p.xlsx")
    there, _ = submission.receive(site.url, sent, content)
    body = {"logical_date": None, "dag_run_id": runs.run_id(there), "conf": {"upload": there.upload_id}}
    assert site.airflow.call("POST", RUNS, body) is not None
    return there


def from_folder(site: Site, country: str, content: bytes) -> Submission:
    """What a ministry does that has a watched folder: it lays a workbook there, and `intake` starts its run."""
    folder = site.sources.parent / "state" / "intake" / country
    folder.mkdir(parents=True)
    (folder / "p.xlsx").write_bytes(content)
    a_while_ago = time.time() - 300
    os.utime(folder / "p.xlsx", (a_while_ago, a_while_ago))
    site.airflow.call("PATCH", "/api/v2/dags/intake", {"is_paused": False})  # a run is due every five minutes
    site.airflow.call("POST", "/api/v2/dags/intake/dagRuns", {"logical_date": None, "dag_run_id": "by_hand"})

    def started() -> list[tuple[str, str]]:
        found = site.airflow.call("GET", "/api/v2/dags/intake/dagRuns/~/taskInstances")["task_instances"]
        tasks = [t for t in found if t["task_id"] == "start" and t["map_index"] >= 0]
        return [(t["state"], t["rendered_map_index"]) for t in tasks if t["state"] in ("success", "failed", "skipped")]

    site.until("intake starts a run", lambda: bool(started()))
    [row] = site.ask("SELECT upload_id FROM ops.upload WHERE channel = 'folder'")
    there = submission.find(site.url, row["upload_id"])
    assert started() == [("success", runs.label(there))]
    assert site.airflow.call("GET", f"{RUNS}/{runs.run_id(there)}")["note"] == runs.label(there)
    return there


def state_of(site: Site, there: Submission) -> str:
    return submission.find(site.url, there.upload_id).state


def until(site: Site, there: Submission, *states: str) -> Submission:
    site.until(f"{there.upload_id} is {states}", lambda: state_of(site, there) in states)
    return submission.find(site.url, there.upload_id)


def tasks_of(site: Site, there: Submission) -> dict[str, str]:
    found = site.airflow.call("GET", f"{RUNS}/{runs.run_id(there)}/taskInstances")["task_instances"]
    return {task["task_id"]: task["state"] for task in found}


def answer(site: Site, there: Submission, option: str) -> None:
    """Answer the form of a run as a statistician does; again, where Airflow lost the answer."""
    form = f"{RUNS}/{runs.run_id(there)}/taskInstances/decide/-1/hitlDetails"
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
        return site.airflow.call("GET", f"{RUNS}/{runs.run_id(there)}")["state"]

    site.until(f"the run of {there.upload_id} ends", lambda: state() in ("success", "failed"))
    return str(state())


def test_workbooks_go_their_way_and_a_broken_one_holds_up_none(site: Site, tmp_path: Path) -> None:
    for dag in ("upload", "publish"):
        site.airflow.call("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})
    for country in ("MAR", "TUN"):
        example(forms()["labour_permits"], country, 2025, "fr", tmp_path / f"{country}.xlsx")
    good = send(site, "MAR", (tmp_path / "MAR.xlsx").read_bytes())
    refused = from_folder(site, "TUN", (tmp_path / "TUN.xlsx").read_bytes())
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
