"""An Airflow of the test's own: a metadata database of its own in SQLite, DAG runs without a scheduler, its files."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import forked

from migstats import settings

#: Runs in one process, one after the other. `dag.test()` of Airflow 3.3 cannot write the deadline of a run, so that it
#: has none here; and before each run it parses and writes every DAG of the folder, so that here there are only those
#: that run.
_RUN = r"""
import json, sys
from pathlib import Path
from airflow.dag_processing import dagbag
bag = dagbag.DagBag(dag_folder=sys.argv[1], bundle_path=Path(sys.argv[1]), bundle_name="dags-folder")
given = json.loads(sys.argv[2])
bag.dags = {name: bag.dags[name] for name, _ in given}
dagbag.BundleDagBag = lambda **_: bag
for dag in bag.dags.values():
    dag.deadline = None
for name, conf in given:
    run = bag.dags[name].test(run_conf=conf)
    tasks = [[t.task_id, t.map_index, str(t.state or ""), t.try_number] for t in run.get_task_instances()]
    told = {"id": run.run_id, "state": str(run.state), "tasks": tasks}
    sys.stdout.write("\nRUN" + json.dumps(told) + "\n")  # at once: threads of Airflow log there too
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

    def python(
        self, code: str, *arguments: str, seconds: float = 300, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Python in a process that has imported Airflow already, as the processes of tasks have (`forked`)."""
        return forked.run(code, *arguments, environment=self.environment(**variables), seconds=seconds)

    def migrate(self) -> None:
        shutil.copy(migrated(), self.database)

    def make_pools(self, *names: str) -> None:
        """Pools of two slots, as `migstats pools` or a person makes them."""
        with sqlite3.connect(self.database) as connection:
            connection.executemany(
                "INSERT INTO slot_pool (pool, slots, include_deferred) VALUES (?, 2, 0)", [(name,) for name in names]
            )

    def cli(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return self.python("from migstats.cli import main; main()", *arguments, **variables)

    def run(self, dag: str, conf: Mapping[str, object], **variables: str) -> Ran:
        [ran] = self.runs((dag, conf), **variables)
        return ran

    def runs(self, *given: tuple[str, Mapping[str, object]], **variables: str) -> list[Ran]:
        """Runs of DAGs with their forms, one after the other in one process; what was printed is that of all."""
        arguments = (str(settings.home() / "dags"), json.dumps(given))
        done = self.python(_RUN, *arguments, seconds=300 * len(given), **variables)
        lines = [line.removeprefix("RUN") for line in done.stdout.splitlines() if line.startswith("RUN")]
        assert len(lines) == len(given), done.stdout[-3000:] + done.stderr[-3000:]
        return [_ran(json.loads(line), done.stdout + done.stderr) for line in lines]

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.database) as connection:
            return connection.execute(query, values).fetchall()

    def execute(self, statement: str) -> None:
        with sqlite3.connect(self.database) as connection:
            connection.execute(statement)


def _ran(facts: Mapping[str, Any], said: str) -> Ran:
    tasks: dict[str, list[tuple[str, int]]] = {}
    for task, _, state, tries in facts["tasks"]:
        tasks.setdefault(task, []).append((state, tries))
    return Ran(facts["id"], facts["state"], tasks, said)


@cache
def migrated() -> Path:
    """Airflow's database after `airflow db migrate`; made once by each process that runs tests."""
    made = Sandbox(Path(os.environ["AIRFLOW_HOME"]) / "migrated")
    made.root.mkdir(parents=True)
    done = made.python("from airflow.__main__ import main; main()", "db", "migrate")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return made.database
