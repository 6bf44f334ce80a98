"""A breach in a real Airflow: it asks in Required Actions, and what is answered there, or is not, is what counts.

One Airflow for all cases, with its services as `make demo` starts them: the sources run side by side.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import toy
from faults.server import Action, FaultServer, answer, by_path
from test_pages import browser, watched  # noqa: F401 (a fixture)

from migstats import demo, pipeline, postgres, publish, services, warehouse
from migstats.process import free_port
from migstats.source import Source, folder_of

pytestmark = [pytest.mark.end_to_end, pytest.mark.airflow, pytest.mark.database]

A = toy.SLICES[0]
AREAS = ("MAR", "NPL", "SRB", "TUN", "PHL")

#: Source → seconds that a person has; `silent` is never answered.
SOURCES = {"approved": 864_000, "rejected": 864_000, "silent": 5, "overtaken": 900}

#: An answer within about a second of the task going to wait is lost in Airflow 3.3.
PARKED = 4.0


def rows(**changes: str) -> list[dict[str, str]]:
    values = {area: str(10_000 * n) for n, area in enumerate(AREAS, start=1)} | changes
    return [{"REF_AREA": area, "OBS_VALUE": value} for area, value in values.items() if value]


@dataclass
class Site:
    """An Airflow that runs, its warehouse, and a publisher that serves what it is told."""

    airflow: demo.Airflow
    password: str
    url: str
    served: dict[str, Action]
    #: Source → what stood in core and bi before anything ran in Airflow.
    before: dict[str, tuple[int, str]] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def serve(self, source: str, served: list[dict[str, str]]) -> None:
        self.served[f"/example.org/{source}/a.csv"] = answer(200, toy.payload(served))

    def run(self, source: str, **conf: object) -> str:
        run = f"test__{dt.datetime.now(dt.UTC):%H-%M-%S.%f}"
        body = {"logical_date": None, "dag_run_id": run, "conf": {"slices": [A], **conf}}
        assert self.airflow.call("POST", f"/api/v2/dags/ingest_{source}/dagRuns", body) is not None
        return run

    def state(self, source: str, run: str) -> str:
        return str(self.airflow.call("GET", f"/api/v2/dags/ingest_{source}/dagRuns/{run}")["state"])

    def task(self, source: str, run: str, task: str) -> dict[str, Any]:
        found = self.airflow.call("GET", f"/api/v2/dags/ingest_{source}/dagRuns/{run}/taskInstances/{task}")
        return dict(found)

    def until(self, what: str, done: Callable[[], bool], seconds: float = 400) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"not {what} after {seconds} s: {self.told()}"
            time.sleep(0.5)

    def told(self) -> str:
        with warehouse.connect(self.url) as connection:
            found = connection.execute("SELECT source, step, status, message FROM ops.outcome ORDER BY 1, outcome_id")
            return "\n".join(str(tuple(row.values())) for row in found.fetchall())

    def until_asked(self, source: str, run: str) -> dict[str, Any]:
        """The form of a run, as soon as it waits for an answer."""
        self.until(f"{source} asks", lambda: self.task(source, run, "decide")["state"] == "awaiting_input")
        return dict(self.airflow.call("GET", self.form(source, run)))

    def until_ended(self, source: str, run: str) -> str:
        self.until(f"{source} ends", lambda: self.state(source, run) in ("success", "failed"))
        return self.state(source, run)

    def form(self, source: str, run: str) -> str:
        return f"/api/v2/dags/ingest_{source}/dagRuns/{run}/taskInstances/decide/-1/hitlDetails"

    def answer(self, source: str, run: str, option: str, reason: str) -> None:
        """Answer as a person does: again, where the answer was lost and the form is there anew."""
        body = {"chosen_options": [option], "params_input": {"reason": reason}}
        for _ in range(3):
            time.sleep(PARKED)
            assert self.airflow.call("PATCH", self.form(source, run), body)["chosen_options"] == [option]
            self.until(f"{source} goes on", lambda: self.asks_again(source, run) or self.went_on(source, run))
            if self.went_on(source, run):
                return
        raise AssertionError(f"{source} loses every answer")

    def asks_again(self, source: str, run: str) -> bool:
        waits = self.task(source, run, "decide")["state"] == "awaiting_input"
        return waits and not self.airflow.call("GET", self.form(source, run))["response_received"]

    def went_on(self, source: str, run: str) -> bool:
        return self.task(source, run, "decide")["state"] in ("success", "failed", "skipped")

    def facts(self, source: str) -> set[tuple[object, ...]]:
        return {fact for fact in toy.facts(self.url) if fact[0] == source}

    def ask(self, query: str, **parameters: object) -> list[dict[str, Any]]:
        with warehouse.connect(self.url) as connection:
            return connection.execute(query, parameters).fetchall()

    def open_decisions(self) -> list[tuple[str, str]]:
        found = self.ask("SELECT source, run_id FROM ops.open_decision ORDER BY 1, 2")
        return [(row["source"], row["run_id"]) for row in found]


def readable(folder: Path) -> None:
    """PostgreSQL may run as another user, who has to get there."""
    shared = Path(tempfile.gettempdir()).resolve()
    for each in (folder, *folder.parents):
        if each.resolve().is_relative_to(shared) and each.resolve() != shared:
            each.chmod(0o755)


def first_vintage(url: str, source: Source) -> None:
    read = toy.read(url, source, A, rows())
    pipeline.load([read], source, folder_of(source.id), run_id="first", url=url)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root = tmp_path_factory.mktemp("required")
    readable(root)
    state, served = root / "state", dict[str, Action]()
    with pytest.MonkeyPatch.context() as patch, FaultServer(by_path(served)) as publisher:
        sources = toy.declare(root, patch, *SOURCES)
        for name, seconds in SOURCES.items():
            with (root / "sources" / name / "source.yaml").open("a", encoding="utf-8") as file:
                file.write(f"decision_days: {seconds / 86400}\n")
        patch.setenv("MIGSTATS_STATE", str(state))
        services.prepare(state)
        port = int(publisher.url.rpartition(":")[2])
        record = services.Record(ports=services.Ports(ui=free_port(), postgres=free_port(), replay=port))
        record = services.write_record(state, record)
        (state / "airflow" / "airflow.cfg").write_text("[scheduler]\ntrigger_timeout_check_interval = 2\n")
        passwords = {"admin": record.secrets.admin, "viewer": record.secrets.viewer}
        services.write_private(state / "airflow" / "passwords.json", json.dumps(passwords))
        try:
            postgres.start(state / "postgres", record.ports.postgres, record.secrets.postgres, durable=False)
            services.set_up_databases(state, record)
            record = demo._set_up(state, record, new=True)
            for name in services.AIRFLOW_SERVICES:
                record = services.start_service(state, record, name)
            urls = services.warehouse_urls(state, record)
            airflow = demo.Airflow(record.ports.ui, record.secrets.admin)
            running = Site(airflow, record.secrets.admin, urls["migstats_etl"], served)
            for source in sources:
                first_vintage(running.url, source)
            publish.publish(running.url, run_id="first")
            running.before = toy.fingerprint(running.url)
            assert demo._wait_until_healthy(state, record, airflow, 240)
            demo._wait_for_dags(airflow, [f"ingest_{name}" for name in SOURCES])
            demo._set_pools(airflow, {"host_example.org": 4})
            for name in SOURCES:
                running.serve(name, rows(MAR=""))
                airflow.call("PATCH", f"/api/v2/dags/ingest_{name}", {"is_paused": False})
                running.first[name] = running.run(name)
            yield running
        finally:
            services.stop_services(state, record)
            postgres.stop(state / "postgres")


def test_a_breach_asks_with_a_table_and_a_link_and_changes_nothing(site: Site) -> None:
    form = site.until_asked("approved", site.first["approved"])

    assert form["subject"] == "approved: 2 findings breach the gate"
    assert "| breach | scope | found | allowed |" in form["body"]
    assert "| series | period | was | now |" in form["body"]
    [candidate] = site.ask("SELECT candidate_id FROM ops.candidate WHERE source = 'approved' AND breaches > 0")
    assert f"]({site.airflow.url}/migstats/gate/{candidate['candidate_id']})" in form["body"]
    assert form["options"] == ["Approve", "Reject"]
    assert form["params"]["reason"]["schema"]["minLength"] == 3
    listed = site.airflow.listed("/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false", "hitl_details")
    assert "ingest_approved" in {one["task_instance"]["dag_id"] for one in listed}
    assert ("approved", f"ingest_approved/{site.first['approved']}") in site.open_decisions()
    assert toy.fingerprint(site.url) == site.before


@pytest.mark.browser
def test_a_person_sees_the_table_as_a_table_and_the_link_leads_to_the_report(
    site: Site,
    browser: Any,  # noqa: F811
    tmp_path: Path,
) -> None:
    run = site.first["approved"]
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


def test_nobody_answers_in_time_and_the_run_is_red_not_accepted_and_not_asked_again(site: Site) -> None:
    run = site.first["silent"]
    assert site.until_ended("silent", run) == "failed"
    decide, load = site.task("silent", run, "decide"), site.task("silent", run, "load")
    assert (decide["state"], decide["try_number"], load["state"]) == ("failed", 1, "upstream_failed")
    assert "silent" not in dict(site.open_decisions())
    told = site.ask("SELECT error_class, message FROM ops.outcome WHERE source = 'silent' AND step = 'decide'")
    assert [row["error_class"] for row in told] == ["UndecidedError"]
    assert "it is not accepted" in told[0]["message"]
    assert site.ask("SELECT 1 FROM ops.vintage WHERE source = 'silent' OFFSET 1") == []


def test_what_is_approved_is_loaded_and_who_when_and_why_is_kept_with_the_vintage(site: Site) -> None:
    run = site.first["approved"]
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


def test_what_is_rejected_changes_nothing_and_is_not_asked_again_for_the_same_bytes(site: Site) -> None:
    run, was = site.first["rejected"], site.facts("rejected")
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


def test_a_later_run_goes_on_while_one_waits_and_takes_the_place_of_its_question(site: Site) -> None:
    older = site.first["overtaken"]
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
