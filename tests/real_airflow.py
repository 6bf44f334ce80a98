"""A real Airflow for tests: services as `make demo` starts them, a warehouse, a publisher that serves what it is told.

One for all end-to-end tests that need one (the fixture `site`): the sources run side by side.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import toy
from faults.server import Action, FaultServer, Wire, answer, by_path

from migstats import demo, postgres, services, warehouse
from migstats.process import free_port

#: Source → seconds that a person has to decide; `silent` is never answered.
ASKING = {"approved": 864_000, "rejected": 864_000, "silent": 5, "overtaken": 900, "regated": 864_000}

#: Sources whose slices are years, and whose runs are half-yearly.
YEARLY = ("backfilled", "whole")

#: Sources with the slices of every toy.
PLAIN = ("late", "replayed")

A = toy.SLICES[0]

#: An answer within about a second of the task going to wait is lost in Airflow 3.3.
PARKED = 4.0


@dataclass
class Site:
    """An Airflow that runs, its warehouse, and a publisher that serves what it is told."""

    airflow: demo.Airflow
    password: str
    url: str
    served: dict[str, Action]
    publisher: FaultServer
    sources: Path

    def serve(self, source: str, rows: Sequence[dict[str, str]], name: str = "a") -> None:
        """Serve rows as a slice of a source from now on."""
        self.served[f"/example.org/{source}/{name}.csv"] = answer(200, toy.payload(rows))

    def serve_in_turn(self, source: str, states: Sequence[Sequence[dict[str, str]]]) -> None:
        """Serve other rows each time that the slice `a` is asked for, the last ones for ever."""
        answers = [answer(200, toy.payload(rows)) for rows in states]
        turn = itertools.count()

        def next_one(wire: Wire) -> bool:
            return answers[min(next(turn), len(answers) - 1)](wire)

        self.served[f"/example.org/{source}/a.csv"] = next_one

    def asked(self, source: str) -> int:
        """How often the publisher was asked for something of a source."""
        return sum(one.target.startswith(f"/example.org/{source}/") for one in self.publisher.asked)

    def run(self, source: str, *, logical_date: dt.datetime | None = None, **conf: object) -> str:
        """Trigger the DAG of a source; by default for its first slice alone."""
        run = f"test__{dt.datetime.now(dt.UTC):%H-%M-%S.%f}"
        day = logical_date.isoformat() if logical_date else None
        body = {"logical_date": day, "dag_run_id": run, "conf": {"slices": [A], **conf}}
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
            time.sleep(1)  # to ask costs Airflow more of a processor than to wait

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

    def clear(self, source: str, run: str, *tasks: str) -> None:
        """Clear tasks of a run and what comes after them; without names those that failed."""
        body = {"dag_run_id": run, "dry_run": False, "include_downstream": True, "reset_dag_runs": True}
        which = {"task_ids": list(tasks), "only_failed": False} if tasks else {"only_failed": True}
        assert self.airflow.call("POST", f"/api/v2/dags/ingest_{source}/clearTaskInstances", body | which) is not None

    def deadlines(self, source: str, run: str) -> int:
        """How many deadlines a run has."""
        return int(self.airflow.call("GET", f"/ui/dags/ingest_{source}/dagRuns/{run}/deadlines")["total_entries"])

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


def _readable(folder: Path) -> None:
    """PostgreSQL may run as another user, who has to get there."""
    shared = Path(tempfile.gettempdir()).resolve()
    for each in (folder, *folder.parents):
        if each.resolve().is_relative_to(shared) and each.resolve() != shared:
            each.chmod(0o755)


def _declare(root: Path, patch: pytest.MonkeyPatch) -> None:
    toy.declare(root, patch, *ASKING, *YEARLY, *PLAIN)
    toy.open_gate(root, *YEARLY, *PLAIN)
    for name, seconds in ASKING.items():
        with (root / "sources" / name / "source.yaml").open("a", encoding="utf-8") as file:
            file.write(f"decision_days: {seconds / 86400}\n")
    for name in YEARLY:
        file = root / "sources" / name / "source.yaml"
        text = file.read_text("utf-8").replace("{part}", "{year}")
        text = text.replace("{part: [a, b, c]}", "{year: {start: 2019, lag: 1}}")
        file.write_text(text.replace("datasets:", 'schedule: "0 4 1 1,7 *"\ndatasets:'), "utf-8")


@contextmanager
def running(root: Path) -> Iterator[Site]:
    """Everything, until the block ends. The DAGs of the sources are unpaused, and nothing has run."""
    _readable(root)
    state, served = root / "state", dict[str, Action]()
    with pytest.MonkeyPatch.context() as patch, FaultServer(by_path(served)) as publisher:
        _declare(root, patch)
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
            url = services.warehouse_urls(state, record)["migstats_etl"]
            airflow = demo.Airflow(record.ports.ui, record.secrets.admin)
            assert demo._wait_until_healthy(state, record, airflow, 240)
            dags = [f"ingest_{name}" for name in (*ASKING, *YEARLY, *PLAIN)]
            demo._wait_for_dags(airflow, dags)
            demo._set_pools(airflow, {"host_example.org": 4})
            for dag in dags:
                airflow.call("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})
            yield Site(airflow, record.secrets.admin, url, served, publisher, root / "sources")
        finally:
            services.stop_services(state, record)
            postgres.stop(state / "postgres")
