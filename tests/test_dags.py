"""The DAG files: light, complete, and they run."""

from __future__ import annotations

import ast
import contextlib
import datetime as dt
import inspect
import json
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from sandbox import Sandbox

from migstats import deadline, settings, tasks, warehouse
from migstats.errors import PermanentError
from migstats.ledger import Tally
from migstats.replay import serve
from migstats.source import read_sources

DAGS = settings.home() / "dags"

LOOK = """
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
before = set(sys.modules)
bag = DagBag(dag_folder=sys.argv[1], bundle_path=Path(sys.argv[1]), bundle_name="dags-folder")
heavy = {"pandas", "great_expectations", "polars", "pyarrow", "numpy", "psycopg", "requests"}
heavy &= set(sys.modules) - before
facts = {
    d.dag_id: {"owner": d.owner, "tags": sorted(d.tags), "doc": bool(d.doc_md), "params": sorted(d.params.keys()),
               "retries": [t.retries for t in d.tasks], "policy": all(t.retry_policy is not None for t in d.tasks),
               "longest": sorted({t.max_retry_delay.total_seconds() if t.max_retry_delay else 0 for t in d.tasks}),
               "timeouts": all(t.execution_timeout for t in d.tasks),
               "forms": [t.task_id for t in d.tasks if set(t.params) & set(d.params)],
               "split": [t.task_id for t in d.tasks if getattr(t, "multiple_outputs", False)],
               "deadline": [[a.interval.total_seconds(), a.callback.path] for a in d.deadline or ()],
               "form": sorted(DagSerialization.from_dict(DagSerialization.to_dict(d)).params)}
    for d in bag.dags.values()
}
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager
from migstats import source
read, read_text = [], source.read_text
source.read_text = lambda path: read.append(path.parent.name) or read_text(path)
with _airflow_parsing_context_manager(dag_id="ingest_undesa_stock", task_id="plan"):
    own = DagBag(dag_folder=sys.argv[1] + "/ingest.py", bundle_path=Path(sys.argv[1]), bundle_name="dags-folder")
of_task = {"dags": sorted(own.dags), "read": read}
print("FACTS" + json.dumps({"errors": bag.import_errors, "heavy": sorted(heavy), "dags": facts, "of_task": of_task}))
"""


@pytest.fixture(scope="module")
def look() -> dict[str, object]:
    done = subprocess.run(  # noqa: PLW1510
        [sys.executable, "-c", LOOK, str(DAGS)], capture_output=True, text=True, timeout=120
    )
    line = next((x for x in done.stdout.splitlines() if x.startswith("FACTS")), None)
    assert line, done.stderr[-3000:]
    return json.loads(line.removeprefix("FACTS"))


@pytest.mark.airflow
def test_there_is_one_dag_per_source_and_those_of_the_house(look) -> None:
    assert look["errors"] == {}
    assert set(look["dags"]) == {
        "publish",
        "maintain",
        "upload",
        "intake",
        *(f"ingest_{source}" for source in read_sources()),
    }


@pytest.mark.airflow
def test_parsing_imports_nothing_heavy(look) -> None:
    assert look["heavy"] == []


@pytest.mark.airflow
def test_the_process_of_a_task_reads_the_declaration_of_its_source_alone(look) -> None:
    assert look["of_task"] == {"dags": ["ingest_undesa_stock"], "read": ["undesa_stock"]}


@pytest.mark.airflow
def test_every_dag_says_what_an_engineer_needs(look) -> None:
    for name, facts in look["dags"].items():
        assert facts["owner"] == "migstats", name
        assert facts["tags"], name
        assert facts["doc"], name
        assert facts["policy"], name
        assert facts["longest"] == [15 * 60], name
        assert facts["timeouts"], name
        if name.startswith("ingest_"):
            assert {"datasets", "years", "slices", "dry_run"} <= set(facts["params"]), name


@pytest.mark.airflow
def test_the_form_of_a_run_is_kept_once_and_not_with_each_of_its_tasks(look) -> None:
    """Airflow checks each field of a form whenever it writes a DAG down: with the tasks', that was most of a parse."""
    for name, facts in look["dags"].items():
        if name.startswith("ingest_"):
            assert facts["forms"] == [], name
            assert facts["form"] == facts["params"], name


@pytest.mark.airflow
def test_what_a_task_tells_is_kept_once(look) -> None:
    """Airflow keeps each entry of a dict once more, by a request each, unless it is told not to."""
    assert {name: facts["split"] for name, facts in look["dags"].items() if facts["split"]} == {}


def test_dag_files_import_only_the_task_sdk_and_declarations() -> None:
    ours = {"source", "links", "errors", "deadline", "decision", "retry"}
    allowed = {"airflow.sdk", *(f"migstats.{name}" for name in ours)} | set(sys.stdlib_module_names)
    for file in DAGS.glob("*.py"):
        for node in ast.parse(file.read_text("utf-8")).body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert set(names) <= allowed, (file.name, names)


@pytest.fixture
def no_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning asks nobody; that it is kept in the ledger is tested with a real run."""
    monkeypatch.setattr(tasks, "attempt_of", lambda *_: contextlib.nullcontext(Tally()))


def context(source: str, *, run_type: str = "manual", date: dt.datetime, **params: object) -> dict[str, object]:
    return {
        "dag": SimpleNamespace(dag_id=f"ingest_{source}"),
        "dag_run": SimpleNamespace(run_type=run_type, run_after=date, logical_date=date),
        "run_id": "test",
        "params": params,
    }


TICK = dt.datetime(2021, 6, 20, 4, 40, tzinfo=dt.UTC)


@pytest.mark.usefixtures("no_ledger")
def test_a_backfilled_run_takes_the_slices_of_its_year() -> None:
    planned = tasks.plan("unhcr_population", context("unhcr_population", run_type="backfill", date=TICK))
    assert {p["year"] for p in planned} == {2021}


@pytest.mark.usefixtures("no_ledger")
def test_a_backfilled_run_of_a_source_without_years_is_skipped() -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    with pytest.raises(AirflowSkipException, match="the slices of worldbank_wdi are not dated"):
        tasks.plan("worldbank_wdi", context("worldbank_wdi", run_type="backfill", date=TICK))


@pytest.mark.database
def test_the_first_run_of_a_backfill_that_asks_for_a_year_takes_it_wherever_the_range_begins(
    warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    monkeypatch.setattr(tasks, "warehouse_url", lambda: warehouse_url)

    def plan(month: int, year: int = 2021, kind: str = "backfill", **params: object) -> set[int] | str:
        date = dt.datetime(year, month, 20, 4, 40, tzinfo=dt.UTC)
        run_id = f"{kind}__{date}{params or ''}"
        run = {**context("unhcr_population", run_type=kind, date=date, **params), "run_id": run_id}
        try:
            return {p["year"] for p in tasks.plan("unhcr_population", run)}
        except AirflowSkipException as skipped:
            return str(skipped)

    taken = (
        "the slices of 2021 came with ingest_unhcr_population/backfill__2021-11-20 04:40:00+00:00 of the same backfill"
    )
    assert plan(11) == {2021}
    assert plan(12) == taken
    assert plan(1) == taken
    assert plan(11) == {2021}, "cleared, it takes its year again"
    assert plan(12) == taken
    assert plan(3, year=2022) == {2022}
    assert plan(12, datasets=["pairs"]) == {2021}, "another form is another backfill"
    assert len(plan(12, kind="manual")) > 2
    with warehouse.connect(warehouse_url) as connection:
        found = connection.execute(
            "SELECT status, message FROM ops.outcome WHERE step = 'plan' ORDER BY 1, 2"
        ).fetchall()
    assert [row["status"] for row in found] == ["done"] * 5 + ["skip"] * 3
    assert {row["message"] for row in found if row["status"] == "skip"} == {taken}


@pytest.mark.usefixtures("no_ledger")
def test_the_form_narrows_a_run() -> None:
    date = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
    planned = tasks.plan("unhcr_population", context("unhcr_population", date=date, years=[2023], datasets=["pairs"]))
    assert [p["slice"] for p in planned] == ["pairs/year=2023"]


def test_a_slice_that_did_not_come_through_makes_the_run_red_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    planned = [{"slice": "a"}, {"slice": "b"}]
    with pytest.raises(PermanentError, match="1 of 2 slices did not come through: b"):
        tasks.complete("toy", planned, [{"slice": "a"}])
    assert [r.levelname for r in caplog.records] == ["ERROR"]


def test_without_a_plan_nothing_is_said_to_be_missing() -> None:
    with pytest.raises(PermanentError, match="see the log of `plan`"):
        tasks.complete("toy", None, None)


@pytest.mark.airflow
def test_every_ingest_run_has_a_deadline_whose_callback_can_be_imported_and_awaited(look) -> None:
    sources = read_sources()
    for name, facts in look["dags"].items():
        if name.startswith("ingest_"):
            source = sources[name.removeprefix("ingest_")]
            assert facts["deadline"] == [[source.run_hours * 3600, "migstats.deadline.overran"]], name
    assert inspect.iscoroutinefunction(deadline.overran)


@pytest.mark.airflow
@pytest.mark.database
def test_an_ingest_dag_runs_from_plan_to_accepted(warehouse_url: str, tmp_path: Path) -> None:
    server = serve(0, settings.include() / "samples")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    airflow = Sandbox(
        tmp_path,
        {"AIRFLOW_CONN_WAREHOUSE": warehouse_url, "MIGSTATS_REPLAY": f"http://127.0.0.1:{server.server_address[1]}"},
    )
    try:
        airflow.migrate()
        airflow.make_pools("host_api.worldbank.org")
        ran = airflow.run("ingest_worldbank_wdi", {"datasets": ["flows", "shares"]})
        assert ran.state == "success", ran.said[-6000:]
    finally:
        server.shutdown()
    with warehouse.connect(warehouse_url) as connection:
        [load] = warehouse.rows(connection, "report/load_summary")
        judged = connection.execute(
            "SELECT count(*) AS n, bool_and(success) AS ok FROM ops.validation_result"
        ).fetchall()
    assert (load["source"], load["outcome"], load["snapshots"]) == ("worldbank_wdi", "done", 2)
    assert load["loaded"] == load["landed"] > 0
    with warehouse.connect(warehouse_url) as connection:
        [run] = connection.execute("SELECT * FROM ops.run_state").fetchall()
        kept = connection.execute(
            "SELECT step, slice, status, attempt_id, bytes, landed, seconds FROM ops.outcome "
            "WHERE attempt_id IS NOT NULL ORDER BY attempt_id"
        ).fetchall()
    assert (run["dag"], run["kind"], run["failures"], run["unfinished"]) == ("ingest_worldbank_wdi", "manual", 0, 0)
    assert run["parameters"]["datasets"] == ["flows", "shares"]
    steps = ["plan", *["land"] * 2, *["read"] * 2, "check", "gate", "load"]
    assert sorted(k["step"] for k in kept) == sorted(steps)
    assert {k["status"] for k in kept} == {"done"}
    assert all(k["bytes"] > 0 and k["slice"] for k in kept if k["step"] in ("land", "read"))
    assert sum(k["landed"] or 0 for k in kept if k["step"] == "read") == load["landed"]
    assert judged[0]["n"] > 20
    assert judged[0]["ok"]
