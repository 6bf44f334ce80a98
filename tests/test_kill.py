"""Kill anything: at every named point something goes wrong, the work runs again, and the facts are the same."""

from __future__ import annotations

import datetime as dt
import http.server
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
import toy

from migstats import house, landing, ledger, pipeline, publish, settings, warehouse
from migstats import postgres as server
from migstats.errors import MigstatsError
from migstats.source import folder_of, plan, read_source

pytestmark = pytest.mark.database

#: The children are forked from a process that has imported what they need, which takes them no time.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["migstats.pipeline", "migstats.datadocs", "great_expectations", "pytest"])

BODY = {
    "a": toy.payload([{"OBS_VALUE": "100"}, {"SEX": "M", "OBS_VALUE": "60"}, {"SEX": "F", "OBS_VALUE": "40"}]),
    "b": toy.payload([{"REF_AREA": "SRB", "OBS_VALUE": ":", "OBS_STATUS": ""}, {"REF_AREA": "XXA"}]),
    "c": toy.payload([{"REF_AREA": "TUN", "TIME_PERIOD": str(year), "OBS_VALUE": "7"} for year in range(2000, 2020)]),
}


class Publisher(http.server.BaseHTTPRequestHandler):
    """Serves the three slices of the toy source."""

    def do_GET(self) -> None:
        body = BODY[Path(self.path.partition("?")[0]).stem]
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def publisher() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, publisher: str) -> Path:
    toy.declare(tmp_path, monkeypatch, "toy")
    toy.few_expectations(tmp_path / "expectations")
    monkeypatch.setenv("MIGSTATS_REPLAY", publisher)
    monkeypatch.setenv("MIGSTATS_DATA_DOCS", str(tmp_path / "docs"))
    return tmp_path


def work(url: str, environment: dict[str, str]) -> None:
    """The whole way of one source, as the tasks of its DAGs go it; an error of ours is left in a file."""
    os.environ.update(environment)
    settings.expectations = lambda: Path(os.environ["MIGSTATS_SOURCES"]).parent / "expectations"
    try:
        go(url)
    except MigstatsError as error:
        Path(os.environ["MIGSTATS_SOURCES"], "..", "error.txt").write_text(str(error), encoding="utf-8")
        raise


def go(url: str) -> None:
    folder = folder_of("toy")
    source = read_source(folder / "source.yaml")
    today = dt.date(2026, 1, 1)
    run = ledger.Run("run", "ingest_toy", "manual", "test")
    step = partial(ledger.attempt, url, run, "toy")
    landings = []
    for slice_ in plan(source, today=today):
        with step("land", slice_.slice):
            landings.append(landing.land(slice_, source, run_id="run", url=url))
    with step("read"):
        reads = [pipeline.read(w, source, folder) for landed in landings for w in landing.waiting(landed, url=url)]
    with step("check"):
        for generation in pipeline.generations_of(reads):
            pipeline.check(generation, source, run_id="run", url=url, today=today)
    with step("gate"):
        pipeline.gate(reads, source, folder, run_id="run", url=url)
    with step("load") as tally:
        pipeline.load(reads, source, folder, run_id="run", url=url, attempt_id=tally.attempt_id)
    with step("check_warehouse"):
        pipeline.check_warehouse("toy", run_id="run", url=url, today=today)
    with ledger.attempt(url, run, "*", "publish") as tally:
        publish.publish(url, run_id="run", attempt_id=tally.attempt_id)


def attempt(url: str, fault: str = "", trace: Path | None = None) -> int | None:
    """Run the work in a process of its own; its exit code (negative: the signal that ended it)."""
    environment = {k: v for k, v in os.environ.items() if k.startswith("MIGSTATS_")}
    environment |= {"MIGSTATS_FAULT": fault} if fault else {}
    environment |= {"MIGSTATS_FAULT_TRACE": str(trace)} if trace else {}
    process = FORKS.Process(target=work, args=(url, environment))
    process.start()
    process.join(60)
    assert process.exitcode is not None, "it hangs"
    return process.exitcode


def dump(url: str) -> dict[str, list[str]]:
    """Everything that counts, row by row, without numbers and times that a second run may give otherwise."""
    queries = {
        "series": "SELECT s::text AS row FROM core.series AS s",
        "attributes": "SELECT a::text AS row FROM core.attributes AS a",
        "facts": """
            SELECT jsonb_build_array(o.source, o.series_id, o.time_id, o.value, o.obs_status, o.attribute_id, o.raw,
                   o.place_row, p.template, n.sha256, o.known_to, o.end_reason, v.release, v.cause)::text AS row
            FROM core.observation AS o INNER JOIN core.place AS p USING (place_id)
            INNER JOIN raw.snapshot AS n USING (snapshot_id)
            INNER JOIN ops.vintage AS v ON o.vintage_from = v.vintage_id
        """,
        "vintages": """
            SELECT jsonb_build_array(source, release, added, changed, closed, cause)::text AS row FROM ops.vintage
        """,
        "balance": """
            SELECT jsonb_build_array(sha256, landed, loaded, unchanged, quarantined, explained, difference)::text AS row
            FROM ops.balance
        """,
        "quarantine": "SELECT (to_jsonb(q) - 'load_id' - 'snapshot_id')::text AS row FROM ops.quarantine AS q",
        "bi": "SELECT (to_jsonb(f) - 'vintage' - 'disclosure')::text AS row FROM bi.observation_all AS f",
    }
    with warehouse.connect(url) as connection:
        return {name: sorted(r["row"] for r in connection.execute(query)) for name, query in queries.items()}


def told(url: str) -> tuple[set[int], dict[int, int]]:
    """Attempts that were begun, and how many outcomes each has."""
    with warehouse.connect(url) as connection:
        attempts = {row["attempt_id"] for row in connection.execute("SELECT attempt_id FROM ops.attempt").fetchall()}
        found = connection.execute(
            "SELECT attempt_id, count(*) AS n FROM ops.outcome WHERE attempt_id IS NOT NULL GROUP BY attempt_id"
        ).fetchall()
    return attempts, {row["attempt_id"]: row["n"] for row in found}


def outcomes_of(url: str, step: str) -> list[tuple[str, str]]:
    """Status and message of each outcome of a step, as they were kept."""
    with warehouse.connect(url) as connection:
        found = connection.execute(
            "SELECT status, message FROM ops.outcome WHERE step = %s ORDER BY outcome_id", (step,)
        ).fetchall()
    return [(row["status"], row["message"] or "") for row in found]


def leftovers(home: Path) -> list[str]:
    """Files that were begun and never brought to their place."""
    return [str(path) for path in home.rglob(".writing-*")]


POINTS = (
    "land.fetched",
    "lake.written",
    "lake.in_place",
    "land.stored",
    "land.snapshots_noted",
    "land.noted",
    "read.harmonised",
    "read.tables_written",
    "check.judged",
    "check.kept",
    "gate.begun",
    "gate.kept",
    "load.staged",
    "load.written",
    "load.before_commit",
    "load.committed",
    "publish.disclosed",
    "publish.staged",
    "publish.removed",
    "publish.before_commit",
    "publish.committed",
)
ONCE_A_STEP = ("land.stored", "read.tables_written", "check.kept", "gate.kept", "load.written", "publish.staged")


#: What a run that nothing disturbs gives; made once by each process that runs these tests.
UNDISTURBED: dict[str, list[str]] = {}


@pytest.fixture
def undisturbed(
    postgres: server.Server, _template: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[str]]:
    """What a run that nothing disturbs gives, in a database and a lake of its own."""
    if not UNDISTURBED:
        server.create_database(postgres, "undisturbed", template=_template)
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("MIGSTATS_LAKE", str(home / "undisturbed" / "lake"))
            elsewhere.setenv("MIGSTATS_DATA_DOCS", str(home / "undisturbed" / "docs"))
            assert attempt(postgres.url("undisturbed")) == 0
        UNDISTURBED.update(dump(postgres.url("undisturbed")))
    return UNDISTURBED


def test_the_points_that_are_named_are_those_that_a_run_reaches(
    warehouse_url: str, home: Path, undisturbed: dict[str, list[str]]
) -> None:
    trace = home / "trace"
    assert attempt(warehouse_url, trace=trace) == 0
    assert sorted(set(trace.read_text("utf-8").split())) == sorted(POINTS)
    assert dump(warehouse_url) == undisturbed


def ended_by(number: signal.Signals) -> int:
    """The exit code of a process that a signal ended; Ctrl-C is an exception, and ends it as one."""
    return 1 if number == signal.SIGINT else -number


@pytest.mark.parametrize(
    ("number", "point"),
    [
        *((signal.SIGKILL, point) for point in POINTS),
        # with a handler of our own in the way, once in each step
        *((number, point) for number in (signal.SIGTERM, signal.SIGINT) for point in ONCE_A_STEP),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_run_that_is_killed_and_runs_again_gives_the_same(
    warehouse_url: str, home: Path, undisturbed: dict[str, list[str]], point: str, number: signal.Signals
) -> None:
    assert attempt(warehouse_url, f"{point}={number.name}") == ended_by(number)
    assert attempt(warehouse_url) == 0
    assert dump(warehouse_url) == undisturbed
    attempts, outcomes = told(warehouse_url)
    assert [a for a, n in outcomes.items() if n != 1] == [], "one outcome for each attempt"
    assert set(outcomes) == attempts
    if number == signal.SIGKILL and point.startswith("load."):
        assert attempt(warehouse_url) == 0, "and once more changes nothing"
        assert dump(warehouse_url) == undisturbed


@pytest.mark.parametrize(
    ("number", "left"), [(signal.SIGKILL, 1), (signal.SIGTERM, 1), (signal.SIGINT, 0)], ids=["KILL", "TERM", "INT"]
)
def test_a_file_that_a_killed_run_was_writing_is_not_taken_for_whole_and_goes_with_tidy(
    warehouse_url: str, home: Path, undisturbed: dict[str, list[str]], number: signal.Signals, left: int
) -> None:
    assert attempt(warehouse_url, f"lake.written={number.name}") == ended_by(number)
    assert len(leftovers(home)) == left
    assert attempt(warehouse_url) == 0
    now = dt.datetime.now(dt.UTC)
    assert house.tidy(warehouse_url, house.kept(), now=now).leftovers == 0, "it may be being written at this moment"
    assert house.tidy(warehouse_url, house.kept(), now=now + dt.timedelta(days=1, minutes=1)).leftovers == left
    assert leftovers(home) == []
    assert dump(warehouse_url) == undisturbed


#: Every third file of the lake is enough, where the two points do not begin with the same.
@pytest.mark.parametrize(("point", "first"), [("lake.written", 2), ("lake.in_place", 3)])
def test_a_run_that_is_killed_again_and_again_each_time_a_few_files_later_gives_the_same(
    warehouse_url: str, home: Path, undisturbed: dict[str, list[str]], point: str, first: int
) -> None:
    """Snapshots, facts of ours, tables between steps: whichever file it is that a run does not get to."""
    killed = 0
    for number in range(first, 100, 3):
        code = attempt(warehouse_url, f"{point}@{number}=SIGKILL")
        if code == 0:
            break
        assert code == -signal.SIGKILL
        killed += 1
    assert code == 0, "it never gets to its end"
    assert killed >= 5
    assert dump(warehouse_url) == undisturbed


def program(home: Path, text: str) -> Path:
    """A shell script that a fault runs."""
    path = home / "fault.sh"
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


IN_DATABASE = [p for p in POINTS if p.startswith(("gate.", "load.", "publish.")) and not p.endswith("committed")]


@pytest.mark.parametrize("point", IN_DATABASE)
def test_a_backend_that_is_terminated_leaves_nothing(
    warehouse_url: str, home: Path, undisturbed: dict[str, list[str]], point: str
) -> None:
    name = warehouse_url.rpartition("/")[2]
    script = home / "terminate.py"
    script.write_text(
        "import psycopg, sys\n"
        "with psycopg.connect(sys.argv[1], autocommit=True) as c:\n"
        "    c.execute('SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = %s AND pid <> pg_backend_pid()', (sys.argv[2],))\n",
        encoding="utf-8",
    )
    admin = warehouse_url.rpartition("/")[0] + "/postgres"
    fault = program(home, f"exec {sys.executable} {script} '{admin}' {name}")
    assert attempt(warehouse_url, f"{point}={fault}") not in (0, None)
    assert attempt(warehouse_url) == 0
    assert dump(warehouse_url) == undisturbed


def let_in(home: Path) -> None:
    """PostgreSQL may run as another user, who has to get there."""
    shared = Path(tempfile.gettempdir()).resolve()
    for folder in (home, *home.parents):
        if folder.is_relative_to(shared) and folder != shared:
            folder.chmod(0o755)


def test_a_server_that_is_stopped_at_once_and_started_again_loses_nothing_committed(
    postgres: object, warehouse_url: str, home: Path, undisturbed: dict[str, list[str]]
) -> None:
    """Durable as in production: a server of its own, since the tests' one trades safety for speed."""
    from migstats.process import free_port

    let_in(home)
    data = home / "server"
    own = server.start(data, free_port(), "test-only")
    try:
        server.create_database(own, "w")
        url = own.url("w")
        passwords = dict.fromkeys(warehouse.ROLES, "test-only")
        warehouse.setup(url, [read_source(folder_of("toy") / "source.yaml")], passwords)
        for point in ("load.before_commit", "publish.before_commit"):
            pid = (data / "postmaster.pid").read_text("utf-8").split()[0]
            fault = program(home, f"kill -QUIT {pid}; sleep 1")  # an immediate shutdown: no checkpoint, no goodbye
            assert attempt(url, f"{point}={fault}") not in (0, None)
            own = server.start(data, own.port, "test-only")
        assert attempt(url) == 0
        assert dump(url) == undisturbed
    finally:
        server.stop(data)


@contextmanager
def small_disk(home: Path, megabytes: int) -> Iterator[Path]:
    """A file system of a few megabytes."""
    small = home / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("NOT ROOT: without the right to mount a small file system, no disk can be filled")
    try:
        yield small
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def filled(home: Path, disk: Path) -> Path:
    """A fault that leaves no byte free on a disk."""
    return program(home, f"cat /dev/zero > {disk}/full 2>/dev/null; true")


@pytest.mark.parametrize("point", ["land.fetched", "read.harmonised"])
def test_a_full_disk_is_said_and_nothing_is_lost_when_space_returns(
    warehouse_url: str, home: Path, undisturbed: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    with small_disk(home, 4) as small:
        monkeypatch.setenv("MIGSTATS_LAKE", str(small))
        assert attempt(warehouse_url, f"{point}={filled(home, small)}") == 1
        assert "the disk is full" in (home / "error.txt").read_text("utf-8")
        assert leftovers(small) == []
        (small / "full").unlink()
        assert attempt(warehouse_url) == 0
        assert dump(warehouse_url) == undisturbed


@pytest.fixture
def on_small_disk(postgres: server.Server, _template: str, home: Path) -> Iterator[tuple[str, Path]]:
    """A warehouse whose tables lie on a disk of their own, and that disk."""
    with small_disk(home, 100) as small:
        let_in(small)
        owner = postgres.data.stat()
        os.chown(small, owner.st_uid, owner.st_gid)
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{small}'")
            connection.execute(f"CREATE DATABASE on_small TEMPLATE {_template} TABLESPACE small")
            yield postgres.url("on_small"), small
            connection.execute("DROP DATABASE on_small WITH (FORCE)")
            connection.execute("DROP TABLESPACE small")


@pytest.mark.parametrize("point", ["gate.begun", "load.staged", "publish.staged"])
def test_a_full_disk_of_the_warehouse_is_said_and_nothing_is_lost_when_space_returns(
    on_small_disk: tuple[str, Path], home: Path, undisturbed: dict[str, list[str]], point: str
) -> None:
    url, disk = on_small_disk
    assert attempt(url, f"{point}={filled(home, disk)}") == 1
    assert "No space left on device" in (home / "error.txt").read_text("utf-8")
    assert dump(url)["bi"] == [], "readers see what they saw before"
    (disk / "full").unlink()
    assert attempt(url) == 0
    assert dump(url) == undisturbed


def test_two_runs_at_once_write_the_facts_once_and_the_other_says_that_nothing_changed(
    warehouse_url: str, home: Path, undisturbed: dict[str, list[str]]
) -> None:
    environment = {k: v for k, v in os.environ.items() if k.startswith("MIGSTATS_")}
    both = [FORKS.Process(target=work, args=(warehouse_url, environment)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert [one.exitcode for one in both] == [0, 0]
    assert dump(warehouse_url) == undisturbed
    nothing = ("skip", "nothing changed since the last accepted vintage")
    first, *others = outcomes_of(warehouse_url, "load")
    assert (first, set(others)) == (("done", ""), {nothing})


@pytest.mark.parametrize(("point", "step"), [("check.kept", "gate"), ("gate.kept", "load")])
def test_of_two_runs_the_one_that_asked_the_publisher_first_and_comes_last_says_superseded(
    warehouse_url: str, home: Path, monkeypatch: pytest.MonkeyPatch, point: str, step: str
) -> None:
    """It waits between two steps while the other one lands what is newer, and loads it."""
    toy.open_gate(home, "toy")
    here, go_on = home / "here", home / "go_on"
    fault = program(home, f"touch {here}; while [ ! -e {go_on} ]; do sleep 0.05; done")
    environment = {k: v for k, v in os.environ.items() if k.startswith("MIGSTATS_")}
    slow = FORKS.Process(target=work, args=(warehouse_url, {**environment, "MIGSTATS_FAULT": f"{point}={fault}"}))
    slow.start()
    try:
        began = time.monotonic()
        while not here.exists():
            assert time.monotonic() < began + 60, f"{point} is not reached"
            time.sleep(0.05)
        rows = [{"OBS_VALUE": "101"}, {"SEX": "M", "OBS_VALUE": "61"}, {"SEX": "F", "OBS_VALUE": "40"}]
        monkeypatch.setitem(BODY, "a", toy.payload(rows))
        assert attempt(warehouse_url) == 0
        after, loads = dump(warehouse_url), outcomes_of(warehouse_url, "load")
    finally:
        go_on.touch()
        slow.join(60)
    assert slow.exitcode == 1
    status, message = outcomes_of(warehouse_url, step)[-1]
    assert status == "skip"
    assert re.fullmatch(
        rf"slice {toy.SLICES[0]} landed on .*, before what stands, .*; it is superseded: run again, .*", message
    )
    assert dump(warehouse_url) == after
    assert [one for one in outcomes_of(warehouse_url, "load") if one[0] == "done"] == loads
