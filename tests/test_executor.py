"""The executor of the demo: what its workers hand on to the processes of tasks, and that those can work with it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.airflow

#: Runs in a process of its own, as a scheduler is one: it prints what a task had to import after `import_ahead`, what
#: the module itself brought, and whether a fork can use what it inherited.
FORK = """
import json, os, signal, sys
from airflow.executors.local_executor import LocalExecutor
before = set(sys.modules)
from migstats import executor
light = sorted(set(sys.modules) - before)

class Workers(LocalExecutor):
    def start(self):
        known = set(sys.modules)
        read, write = os.pipe()
        if os.fork() == 0:
            signal.alarm(60)
            import datetime as dt
            import io
            import great_expectations as gx
            import pandas as pd
            import polars as pl
            from airflow.sdk.execution_time.task_runner import get_listener_manager
            from migstats import decision, extractor, tasks, upload_tasks, validate
            get_listener_manager()
            roots = {name.split(".")[0] for name in set(sys.modules) - known}
            tables = pl.DataFrame({"a": ["x", "y"] * 50_000, "b": range(100_000)})
            sums = tables.group_by("a").agg(pl.col("b").sum()).sort("a")["b"].to_list()
            file = io.BytesIO()
            tables.write_parquet(file)
            import pyarrow.parquet as pq
            rows = pq.read_table(file, use_threads=True).num_rows
            batch = (
                gx.get_context(mode="ephemeral").data_sources.add_pandas("p").add_dataframe_asset("a")
                .add_batch_definition_whole_dataframe("w").get_batch({"dataframe": pd.DataFrame({"a": [1, None]})})
            )
            judged = batch.validate(gx.expectations.ExpectColumnValuesToNotBeNull(column="a")).success
            told = {"sums": sums, "rows": rows, "judged": judged, "anew": sorted(roots)}
            os.write(write, json.dumps(told).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as answer:
            print("TOLD" + json.dumps({"light": light, **json.loads(answer.read())}))

executor.ForkingExecutor.__bases__ = (Workers,)
executor.ForkingExecutor(parallelism=1).start()
"""


def test_a_task_finds_imported_what_it_needs_and_computes_with_it() -> None:
    """And who only asks which executor there is imports nothing of the pipeline."""
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=180, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("TOLD")), None)
    assert line, done.stderr[-3000:]
    told = json.loads(line.removeprefix("TOLD"))
    assert told["light"] == ["migstats", "migstats.executor"]
    ours = {"airflow", "migstats", "migstats_airflow"}
    others = {"fastapi", "great_expectations", "openlineage", "pandas", "polars"}
    assert (ours | others) & set(told["anew"]) == set()
    assert told["sums"] == [sum(range(0, 100_000, 2)), sum(range(1, 100_000, 2))]
    assert (told["rows"], told["judged"]) == (100_000, False)


def test_workers_that_are_no_forks_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where processes are spawned (macOS), each imports for itself, whatever there is before."""
    from airflow.executors.local_executor import LocalExecutor

    from migstats import executor

    done: list[str] = []
    monkeypatch.setattr(executor, "import_ahead", lambda: done.append("imported"))
    monkeypatch.setattr(LocalExecutor, "start", lambda self: done.append("started"))
    workers = executor.ForkingExecutor(parallelism=1)
    for forks in (True, False):
        workers.is_mp_using_fork = forks
        workers.start()
    assert done == ["imported", "started", "started"]
