"""Keeping house: damaged snapshots are found and told, what is not needed goes, what is needed stays."""

from __future__ import annotations

import datetime as dt
import json
import os
import uuid
from pathlib import Path

import pytest
import toy
from openlineage.client.event_v2 import Job, Run, RunEvent
from openlineage.client.transport.file import FileConfig, FileTransport
from sandbox import Sandbox
from typer.testing import CliRunner

from migstats import alerts, datadocs, house, lake, pipeline, services, settings, warehouse
from migstats.cli import app
from migstats.errors import ConfigurationError
from migstats.events import appended_files
from migstats.house import Keep, Tidied
from migstats.source import Source, folder_of
from migstats.validate import Judgement, Report

A, B, C = toy.SLICES
AREA = {A: {"REF_AREA": "MAR"}, B: {"REF_AREA": "TUN"}, C: {"REF_AREA": "SEN"}}
NOW = dt.datetime.now(dt.UTC)
KEEP = Keep(tables=dt.timedelta(days=30), logs=dt.timedelta(days=90), pages=dt.timedelta(days=90))


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path / "state"))
    [declared] = toy.declare(tmp_path, monkeypatch, "toy")
    toy.open_gate(tmp_path, "toy")
    return declared


def load(url: str, source: Source, slice_id: str, value: str, day: int = 0) -> None:
    read = toy.read(
        url, source, slice_id, [{"OBS_VALUE": value, **AREA[slice_id]}], at=toy.DAY + dt.timedelta(days=day)
    )
    pipeline.load([read], source, folder_of("toy"), run_id="test", url=url)


def age(path: Path, days: float) -> None:
    """Let a file, or all of a folder, be so old."""
    then = (NOW - dt.timedelta(days=days)).timestamp()
    for file in (path, *(path.rglob("*") if path.is_dir() else ())):
        os.utime(file, (then, then))


def write(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


# -- snapshots


def verify(url: str, most: int | None = None, hours: int = 0) -> dict[str, str]:
    return house.verify(url, most=most, run_id="test", now=NOW + dt.timedelta(hours=hours)).wrong


def snapshots(url: str) -> list[str]:
    with warehouse.connect(url) as connection:
        return [r["sha256"] for r in connection.execute("SELECT sha256 FROM raw.snapshot ORDER BY 1").fetchall()]


@pytest.mark.database
@pytest.mark.parametrize(("harm", "found"), [("write", "damaged"), ("unlink", "missing")])
def test_a_snapshot_that_is_not_whole_is_an_alert_and_one_outcome_until_it_is_restored(
    warehouse_url: str, source: Source, harm: str, found: str
) -> None:
    load(warehouse_url, source, A, "1")
    assert verify(warehouse_url) == {}
    [sha] = snapshots(warehouse_url)
    file = lake.snapshot_path(sha)
    content = file.read_bytes()
    if harm == "write":
        file.write_bytes(b"x" + content[1:])
    else:
        file.unlink()
    for hour in range(3):
        assert list(verify(warehouse_url, hours=hour)) == [sha]
        alerts.look(warehouse_url, now=NOW)
    with warehouse.connect(warehouse_url) as connection:
        outcomes = connection.execute("SELECT message FROM ops.outcome WHERE step = 'verify'").fetchall()
        [standing] = [row for row in warehouse.rows(connection, "alerts/standing") if row["source"] == "toy"]
        assert warehouse.rows(connection, "report/failing", {"source": "toy"}) == []
    assert len(outcomes) == 1
    assert f"the snapshot of slice {A} is {found}; restore the file from a backup" in outcomes[0]["message"]
    assert standing["kind"] == "snapshot"
    assert f"{sha} ({found}, slice {A})" in standing["message"]
    file.write_bytes(content)
    assert verify(warehouse_url) == {}
    assert ("toy", "snapshot") in alerts.look(warehouse_url, now=NOW).cleared


@pytest.mark.database
def test_each_run_verifies_those_that_waited_longest_and_those_that_were_damaged_first(
    warehouse_url: str, source: Source
) -> None:
    for day, slice_id in enumerate((A, B, C)):
        load(warehouse_url, source, slice_id, str(day))
    first, second, third = snapshots(warehouse_url)
    lake.snapshot_path(second).write_bytes(b"damaged")
    seen = [sorted(verify(warehouse_url, most=1, hours=hour)) for hour in range(4)]
    assert seen == [[], [second], [second], [second]]
    lake.snapshot_path(second).unlink()
    assert sorted(verify(warehouse_url, most=2, hours=9)) == [second]
    with warehouse.connect(warehouse_url) as connection:
        at = connection.execute("SELECT sha256, verified_at FROM ops.verification").fetchall()
    assert {row["sha256"] for row in at} == {first, second, third}


@pytest.mark.database
def test_the_command_says_what_is_damaged_and_ends_with_1(
    warehouse_url: str, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", warehouse_url)
    load(warehouse_url, source, A, "1")
    assert CliRunner().invoke(app, ["verify"]).exit_code == 0
    lake.snapshot_path(snapshots(warehouse_url)[0]).unlink()
    done = CliRunner().invoke(app, ["verify"])
    assert done.exit_code == 1
    assert "is missing; restore the file from a backup" in done.output
    assert "1 of 1 snapshots are not what their hash says" in done.output


# -- tidying


@pytest.mark.database
def test_tables_that_a_slice_does_not_refer_to_go_and_all_else_of_the_lake_stays(
    warehouse_url: str, source: Source
) -> None:
    load(warehouse_url, source, A, "1")
    load(warehouse_url, source, A, "2", day=1)
    load(warehouse_url, source, B, "5", day=1)
    unused = toy.read(warehouse_url, source, C, [{"OBS_VALUE": "7"}])
    kept = {file for part in ("raw", "facts") for file in (settings.lake() / part).rglob("*") if file.is_file()}
    age(settings.lake(), 31)
    before = toy.fingerprint(warehouse_url)

    would = house.tidy(warehouse_url, KEEP, now=NOW, dry_run=True)
    assert lake.absolute(unused.folder).is_dir()
    assert house.tidy(warehouse_url, KEEP, now=NOW) == would
    assert would.tables == 1
    assert not lake.absolute(unused.folder).exists()
    assert len(list((settings.lake() / "observations").glob("*/*/*/facts.parquet"))) == 3
    assert all(file.is_file() for file in kept)
    assert house.tidy(warehouse_url, KEEP, now=NOW) == Tidied(0, 0, 0, 0, 0, 0)
    pipeline.rebuild(url=warehouse_url, admin=warehouse_url)
    assert toy.fingerprint(warehouse_url) == before


@pytest.mark.database
def test_tables_that_are_young_or_used_again_stay(warehouse_url: str, source: Source) -> None:
    young = toy.read(warehouse_url, source, A, [{"OBS_VALUE": "7"}])
    assert house.tidy(warehouse_url, KEEP, now=NOW).tables == 0
    age(settings.lake(), 31)
    toy.read(warehouse_url, source, A, [{"OBS_VALUE": "7"}])  # the same bytes: not read again
    assert house.tidy(warehouse_url, KEEP, now=NOW).tables == 0
    assert lake.absolute(young.folder).is_dir()


@pytest.mark.database
def test_what_killed_processes_left_behind_goes_after_a_day(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, A, "1")
    old = [write(settings.lake() / "raw" / "ab" / ".writing-1"), write(settings.data_docs() / "toy" / ".abc.part")]
    for file in old:
        age(file, 1.1)
    fresh = write(settings.lake() / "raw" / "ab" / ".writing-2")
    assert house.tidy(warehouse_url, KEEP, now=NOW).leftovers == 2
    assert [file.exists() for file in (*old, fresh)] == [False, False, True]


@pytest.mark.database
def test_old_logs_of_tasks_go_by_run(warehouse_url: str, source: Source, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    old = write(logs / "dag_id=ingest_toy" / "run_id=1" / "task_id=plan" / "attempt=1.log")
    age(logs, 91)
    parsed = write(logs / "dag_processor" / "2026-01-01" / "dags-folder" / "ingest.py.log")
    age(logs / "dag_processor", 91)
    young = write(logs / "dag_id=ingest_toy" / "run_id=2" / "task_id=plan" / "attempt=1.log")
    other = write(logs / "scheduler.log")
    age(other, 900)
    assert house.tidy(warehouse_url, KEEP, now=NOW, logs=logs).logs == 2
    assert [file.exists() for file in (old, parsed, young, other)] == [False, False, True, True]


def event(days: float) -> str:
    return json.dumps({"eventTime": (NOW - dt.timedelta(days=days)).isoformat(), "eventType": "START"}) + "\n"


def set_aside(file: Path) -> list[Path]:
    return sorted(path for path in file.parent.iterdir() if path != file)


@pytest.mark.database
def test_a_file_of_events_is_set_aside_after_a_day_and_one_that_is_being_written_loses_none(
    warehouse_url: str, source: Source, tmp_path: Path
) -> None:
    file = write(tmp_path / "openlineage" / "events.jsonl", event(0.9))
    house.tidy(warehouse_url, KEEP, now=NOW, events=[file])
    assert set_aside(file) == [], "it is of today"
    file.write_text(event(1.1) + event(0.5))
    house.tidy(warehouse_url, KEEP, now=NOW, events=[file], dry_run=True)
    assert set_aside(file) == [], "a dry run moves nothing"
    with file.open("a") as writer:  # what another process does with an event
        writer.write(event(0.1)[:20])
        writer.flush()
        house.tidy(warehouse_url, KEEP, now=NOW, events=[file])
        writer.write(event(0.1)[20:])
    told = RunEvent(eventTime=NOW.isoformat(), run=Run(str(uuid.uuid4())), job=Job("migstats", "next"))
    FileTransport(FileConfig(str(file), append=True)).emit(told)
    [aside] = set_aside(file)
    assert aside.read_text() == event(1.1) + event(0.5) + event(0.1)
    assert [json.loads(line)["job"]["name"] for line in file.read_text().splitlines()] == ["next"]
    house.tidy(warehouse_url, KEEP, now=NOW, events=[file])
    assert set_aside(file) == [aside], "the new one is young"


@pytest.mark.database
def test_files_of_events_that_were_set_aside_go_when_nobody_wrote_to_them_for_long(
    warehouse_url: str, source: Source, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    old, young = (write(tmp_path / f"events.jsonl.2026-01-0{day}T010203", event(100)) for day in (1, 2))
    others = [write(tmp_path / name) for name in ("events.jsonl.bak", "other.jsonl.2026-01-01T010203")]
    for path in (old, *others):
        age(path, 91)
    age(young, 89)
    tidied = house.tidy(warehouse_url, KEEP, now=NOW, events=[file])
    assert (tidied.events, tidied.bytes) == (1, len(event(100)))
    assert [path.exists() for path in (old, young, *others)] == [False, True, True, True]


@pytest.mark.database
@pytest.mark.parametrize("first", ["no event\n", '{"eventType": "START"}\n', "[]\n", "\n"])
def test_a_file_of_events_whose_first_line_tells_no_time_is_set_aside_and_kept(
    warehouse_url: str, source: Source, tmp_path: Path, first: str
) -> None:
    file = write(tmp_path / "openlineage" / "events.jsonl", first + event(0.1))
    house.tidy(warehouse_url, KEEP, now=NOW, events=[file])
    assert [path.read_text() for path in set_aside(file)] == [first + event(0.1)]


def test_the_files_of_events_are_found_in_the_setting_of_airflow() -> None:
    demo = json.dumps(services.transport(Path("/state/events.jsonl")))
    assert appended_files(demo) == [Path("/state/events.jsonl")]
    assert appended_files('{"type": "file", "log_file_path": "file:///e.jsonl", "append": true}') == [Path("/e.jsonl")]
    for nothing in (
        "",
        "{",
        '{"type": "http", "url": "https://example.org"}',
        '{"type": "file", "log_file_path": "s3://bucket/e.jsonl", "append": true}',
        '{"type": "file", "log_file_path": "/a/file/per/event"}',
    ):
        assert appended_files(nothing) == []


def report(source: str) -> Report:
    facts = {"suite": "landed", "rule": "r", "expectation": "e", "column": "c", "severity": "info", "success": True}
    counts = {"evaluated": 1, "unexpected": 0, "reason": "r", "owner": "o", "failing": ()}
    return Report((Judgement(source=source, **facts, **counts),))  # type: ignore[arg-type]


def test_old_pages_of_the_data_docs_go_but_never_the_last_one_of_a_source(tmp_path: Path) -> None:
    for source, run, days in (("toy", "1", 200), ("toy", "2", 100), ("toy", "3", 1), ("quiet", "1", 500)):
        datadocs.render(report(source), run_id=run, target=tmp_path, at=NOW - dt.timedelta(days=days))
    assert datadocs.prune(tmp_path, before=NOW - dt.timedelta(days=90)) == 2
    pages = {page.relative_to(tmp_path).as_posix() for page in tmp_path.glob("*/*.html")}
    assert pages == {datadocs.page_of("quiet", "1"), datadocs.page_of("toy", "3")}
    index = (tmp_path / "index.html").read_text()
    assert datadocs.page_of("toy", "3") in index
    assert datadocs.page_of("toy", "2") not in index


def test_tables_stay_as_long_as_a_person_may_take_to_decide(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGSTATS_KEEP_TABLES_DAYS", "1")
    assert house.kept().tables == dt.timedelta(days=source.decision_days + 1)


@pytest.mark.parametrize("text", ["0", "-3", "1.5", "ten", "٣"])
def test_a_setting_that_is_no_number_of_days_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MIGSTATS_KEEP_LOGS_DAYS", text)
    with pytest.raises(ConfigurationError, match=r"MIGSTATS_KEEP_LOGS_DAYS: found .* write a whole number from 1 on"):
        house.kept()


# -- the DAG, and Airflow's own database


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    sandbox.migrate()
    return sandbox


@pytest.mark.airflow
@pytest.mark.database
def test_maintain_is_red_while_a_snapshot_is_damaged_and_tells_it_and_airflow_s_database_can_be_cleaned(
    warehouse_url: str, source: Source, airflow: Sandbox, tmp_path: Path
) -> None:
    load(warehouse_url, source, A, "1")
    file = write(tmp_path / "openlineage" / "events.jsonl", event(2))
    here = {
        "AIRFLOW__OPENLINEAGE__DISABLED": "True",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(services.transport(file)),
        "AIRFLOW_CONN_WAREHOUSE": warehouse_url,
        "MIGSTATS_WAREHOUSE": warehouse_url,
        "MIGSTATS_LAKE": str(settings.lake()),
        "MIGSTATS_SOURCES": os.environ["MIGSTATS_SOURCES"],
    }
    lake.snapshot_path(snapshots(warehouse_url)[0]).unlink()
    _, ran = airflow.runs(("maintain", {}), ("maintain", {}), **here)
    assert [path.read_text() for path in set_aside(file)] == [event(2)], ran.said[-6000:]
    assert ran.state == "failed"
    assert ran.tasks["verify"] == [("failed", 1)]
    assert [ran.tasks[task][0][0] for task in ("freshness", "tell", "tidy")] == ["success"] * 3
    # Freshness and verification do not wait for each other: it is told in one of the two runs, once.
    alert = "ALERT toy: snapshot: 1 snapshots of the lake are not what their hash says"
    assert ran.said.count(alert) == 1  # what both of them said

    runs = "SELECT count(*) FROM dag_run WHERE run_type = 'manual'"
    assert airflow.rows(runs) == [(2,)]
    airflow.execute("UPDATE dag_run SET start_date = '2020-01-01 00:00:00'")
    airflow.execute("UPDATE task_instance SET start_date = '2020-01-01 00:00:00'")
    done = airflow.cli("tidy", "--airflow", "--dry-run", **here)
    assert done.returncode == 0, done.stderr
    assert airflow.rows(runs) == [(2,)]
    done = airflow.cli("tidy", "--airflow", **here)
    assert done.returncode == 0, done.stderr
    assert "runs of more than 180 days ago are no longer in the database" in done.stdout
    assert airflow.rows(runs) == [(0,)]


@pytest.mark.airflow
def test_a_database_of_airflow_that_is_not_there_is_said(tmp_path: Path) -> None:
    done = Sandbox(tmp_path).cli("tidy", "--airflow")
    assert done.returncode == 1
    assert "`airflow db clean` ended with" in done.stderr
