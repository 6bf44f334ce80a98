"""An Airflow of the test's own: a metadata database of its own in SQLite, DAG runs without a scheduler, its files."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from migstats import settings

#: A run in one process. `dag.test()` of Airflow 3.3 cannot write the deadline of a run, so that it has none here.
_RUN = """
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1], bundle_path=Path(sys.argv[1]), bundle_name="dags-folder")
dag = bag.dags[sys.argv[2]]
dag.deadline = None
run = dag.test(run_conf=json.loads(sys.argv[3]))
tasks = [[t.task_id, t.map_index, str(t.state or ""), t.try_number] for t in run.get_task_instances()]
print("RUN" + json.dumps({"id": run.run_id, "state": str(run.state), "tasks": tasks}))
"""


@dataclass(frozen=True)
class Ran:
    """What became of a run: task → (state, tries) of all its instances; and all that was printed."""

    id: str
    state: str
    tasks: Mapping[str, list[tuple[str, int]]]
    said: str


@dataclass(frozen=True)
class Sandbox:
    """Airflow's home below `root`, with variables of its own on top of those of the tests."""

    root: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.root / "airflow.db"

    def environment(self, **variables: str) -> dict[str, str]:
        return {
            **os.environ,
            "AIRFLOW_HOME": str(self.root / "home"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.root / "logs"),
            "MIGSTATS_STATE": str(self.root / "state"),
            "MIGSTATS_DATA_DOCS": str(self.root / "data_docs"),
            **self.variables,
            **variables,
        }

    def python(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: PLW1510
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            env=self.environment(**variables),
            timeout=300,
        )

    def migrate(self) -> None:
        done = self.python("-m", "airflow", "db", "migrate")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]

    def cli(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.python("-c", "from migstats.cli import main; main()", *arguments, **variables)

    def run(self, dag: str, conf: Mapping[str, object], **variables: str) -> Ran:
        done = self.python("-c", _RUN, str(settings.home() / "dags"), dag, json.dumps(conf), **variables)
        line = next((x for x in done.stdout.splitlines() if x.startswith("RUN")), None)
        assert line, done.stdout[-3000:] + done.stderr[-3000:]
        facts = json.loads(line.removeprefix("RUN"))
        tasks: dict[str, list[tuple[str, int]]] = {}
        for task, _, state, tries in facts["tasks"]:
            tasks.setdefault(task, []).append((state, tries))
        return Ran(facts["id"], facts["state"], tasks, done.stdout + done.stderr)

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.database) as connection:
            return connection.execute(query, values).fetchall()

    def execute(self, statement: str) -> None:
        with sqlite3.connect(self.database) as connection:
            connection.execute(statement)
