"""The lock itself: what is pinned imports, migrates and runs. `make test` begins with this."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.lock

DAG = """
from airflow.sdk import DAG, task
with DAG("smoke", schedule=None):
    @task
    def one(): return 1
    one()
"""

RUN = """
import sys
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=sys.argv[1], bundle_path=Path(sys.argv[1]), bundle_name="dags-folder")
assert bag.import_errors == {}, bag.import_errors
assert str(bag.dags["smoke"].test().state) == "success"
"""


def run(*arguments: str, **environment: str) -> None:
    import os

    done = subprocess.run(  # noqa: PLW1510 (the assertion shows more than the exception would)
        [sys.executable, *arguments], capture_output=True, text=True, env={**os.environ, **environment}, timeout=300
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def test_executors_import() -> None:
    run(
        "-c",
        "from airflow.executors.local_executor import LocalExecutor\n"
        "from airflow.providers.celery.executors.celery_executor import CeleryExecutor\n",
    )


def test_airflow_migrates_an_empty_postgresql_and_runs_a_dag(postgres, tmp_path: Path) -> None:
    from migstats import postgres as server

    server.create_database(postgres, "lock")
    url = postgres.url("lock").replace("postgresql://", "postgresql+psycopg2://")
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "smoke.py").write_text(DAG)
    environment = {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url,
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
    }
    run("-m", "airflow", "db", "migrate", **environment)
    run("-c", RUN, str(folder), **environment)
