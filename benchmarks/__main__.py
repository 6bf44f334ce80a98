"""`make bench`: generates a million observations and measures, side by side in one run, our way and others.

Every measurement is a process of its own; rounds are interleaved, so that a busy machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import psycopg

from benchmarks import generate
from migstats import lake, landing, postgres, warehouse
from migstats.landing import Landed
from migstats.source import read_source

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent
PEERS = CHECKOUT / ".venv-bench"
PASSWORD = "benchmark"  # of a server that listens on 127.0.0.1 for the time of the run


@dataclass
class Figures:
    """What was measured: seconds and peak megabytes of each round, by name."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    megabytes: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, seconds: float, megabytes: float | None = None) -> None:
        self.seconds[name].append(seconds)
        if megabytes is not None:
            self.megabytes[name].append(megabytes)

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def peak(self, name: str) -> float:
        return max(self.megabytes[name])


#: Runs a command and prints its seconds, status and peak kilobytes. A process of its own and small: Linux counts what a
#: process was forked from into its peak, and this one would count the tables that it generated.
LAUNCH = """
import os, subprocess, sys, time
since = time.perf_counter()
with open(sys.argv[1], "wb") as said:
    child = subprocess.Popen(sys.argv[2:], stdout=said, stderr=said)
    _, status, usage = os.wait4(child.pid, 0)
print(time.perf_counter() - since, status, usage.ru_maxrss)
"""


def measured(command: list[str], environment: dict[str, str], log: Path) -> tuple[float, float]:
    """Wall seconds and peak resident megabytes (its own children not added) of one process; ends where it fails."""
    launched = [sys.executable, "-S", "-c", LAUNCH, str(log), *command]
    found = subprocess.run(launched, env=environment, cwd=log.parent, stdout=subprocess.PIPE, text=True, check=True)
    seconds, status, kilobytes = found.stdout.split()
    if int(status):
        sys.stderr.write(log.read_text(errors="replace")[-3000:])
        raise SystemExit(f"{' '.join(command[:4])} ended with status {os.waitstatus_to_exitcode(int(status))}")
    return float(seconds), int(kilobytes) / 1024


def peers_python() -> Path:
    """The Python of the peers' environment, made from the pinned list where it is not there or the list changed."""
    stamp = PEERS / "requirements.txt"
    wanted = (HERE / "requirements.txt").read_bytes()
    if not stamp.is_file() or stamp.read_bytes() != wanted:
        print("installing the peers into .venv-bench ...", flush=True)
        venv.create(PEERS, with_pip=True)
        subprocess.run(
            [PEERS / "bin" / "pip", "install", "--quiet", "-r", HERE / "requirements.txt"], check=True, timeout=1800
        )
        stamp.write_bytes(wanted)
    return PEERS / "bin" / "python"


@contextmanager
def pages(folder: Path) -> Iterator[str]:
    """Serve a folder over HTTP; the answer is its URL."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()


def write_pages(table: pl.DataFrame, folder: Path, rows: int, size: int = 10_000) -> None:
    """The first rows of the payloads as pages of JSON; each says where the next one is, relative to the first."""
    folder.mkdir()
    starts = range(0, rows, size)
    for number, start in enumerate(starts):
        results = json.loads(table[start : min(start + size, rows)].drop("part").write_json())
        last = number == len(starts) - 1
        (folder / f"page-{number}.json").write_text(
            json.dumps({"results": results, "next": None if last else f"page-{number + 1}.json"})
        )


def _free_port() -> int:
    with socket.socket() as at:
        at.bind(("127.0.0.1", 0))
        return int(at.getsockname()[1])


class Bench:
    """The folders, the server and the figures of one run."""

    def __init__(self, work: Path, given: argparse.Namespace) -> None:
        self.work, self.given = work, given
        self.figures = Figures()
        self.state = work / "state"
        self.sources = generate.declare(work / "home")
        os.environ |= {
            "MIGSTATS_HOME": str(work / "home"),
            "MIGSTATS_SOURCES": str(self.sources),
            "MIGSTATS_STATE": str(self.state),
        }
        self.python = sys.executable
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(CHECKOUT), os.environ.get("PYTHONPATH", "")]),
        }
        self.peers = peers_python() if not given.without_peers else Path()
        print("starting PostgreSQL ...", flush=True)
        self.server = postgres.start(work / "pg" / "data", _free_port(), PASSWORD)
        self.held_lake = work / "held-lake"  # of the warehouse that is changed: it keeps what was accepted last
        self.exchange = work / "exchange"  # the server writes here what it copies back in
        self.exchange.mkdir()
        self.exchange.chmod(0o777)

    # -- what is measured against what ---------------------------------------------------------------------------

    def prepare(self) -> None:
        """Payloads in the lake and their ledger in a database that every first load is copied from."""
        print("generating ...", flush=True)
        payloads = self.work / "payloads"
        self.landed: dict[str, Path] = {}
        self.files: dict[str, list[Path]] = {}
        snapshots: list[warehouse.Snapshot] = []
        table = generate.observations(0, self.given.rows)
        versions = {"first": table, "reordered": generate.reordered(table)}
        for number in range(self.given.rounds):
            table = generate.revised(table, number)
            versions[f"revised-{number}"] = table
        self.bytes = 0
        for name, rows in versions.items():
            stamp = f"12/02/25 11:{len(self.landed):02d}:00"
            snapshots += self._land(name, "b0", generate.write(rows, payloads / name, stamp))
        self.pages = self.work / "pages"
        write_pages(versions["first"], self.pages, min(self.given.slow_rows, self.given.rows))
        del versions, table
        for number in range(1, self.given.held):
            name = f"held-{number}"
            rows = generate.observations(number, self.given.rows)
            snapshots += self._land(name, f"b{number}", generate.write(rows, payloads / name, "12/02/25 11:00:00"))
        self.held_lake.mkdir()
        (self.held_lake / "raw").symlink_to(self.state / "lake" / "raw")
        postgres.create_database(self.server, "empty")
        source = read_source(self.sources / generate.SOURCE / "source.yaml")
        warehouse.setup(self.server.url("empty"), [source])
        with warehouse.connect(self.server.url("empty")) as connection:
            warehouse.add_source(connection, source)
            warehouse.add_snapshots(connection, snapshots)
        for file in self.landed.values():
            for one in json.loads(file.read_text()):
                landing.note_landing(self.server.url("empty"), Landed.model_validate(one), "benchmark")
        postgres.create_database(self.server, "peers")
        self.bytes = sum(f.stat().st_size for f in self.files["first"])

    def _land(self, name: str, block: str, files: list[Path]) -> list[warehouse.Snapshot]:
        shas = [lake.store_snapshot(file.read_bytes()) for file in files]
        landed = generate.landings(files, block, iter(shas), len(self.landed))
        self.files[name] = files
        self.landed[name] = self.work / f"landed-{name}.json"
        self.landed[name].write_text(json.dumps([one.model_dump(mode="json") for one in landed]))
        return [_snapshot(one) for one in landed]

    def ours(self, steps: str, landed: str, database: str, name: str) -> dict[str, Any]:
        report = self.work / "report.json"
        command = [self.python, "-m", "benchmarks.ours", steps, str(self.landed[landed]), self.server.url(database)]
        files = ["--files", *map(str, self.files[landed])] if "land" in steps else []
        environment = {**self.environment, **({"MIGSTATS_LAKE": str(self.held_lake)} if database == "held" else {})}
        wall, peak = measured([*command, str(report), *files], environment, self.work / "ours.log")
        found: dict[str, Any] = json.loads(report.read_text())
        at = found["seconds"]
        self.figures.add(f"{name}: process", wall, peak)
        self.figures.add(name, sum(seconds for step, seconds in at.items() if step != "import"), peak)
        for step, seconds in at.items():
            self.figures.add(f"{name}: {step}", seconds)
        print(f"  {name}: {wall:.2f} s, {peak:.0f} MB, {at}", flush=True)
        return found

    def peer(self, script: str, name: str, *arguments: str) -> None:
        work = Path(tempfile.mkdtemp(dir=self.work))
        report = work / "report.json"
        url = self.server.url("peers")
        first, *rest = arguments
        command = [str(self.peers), str(HERE / "peers" / f"{script}.py"), url, first, str(work), str(report), *rest]
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "MIGSTATS"))},
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DLT_DATA_DIR": str(work),
        }
        wall, peak = measured(command, environment, work / "log")
        found = json.loads(report.read_text())
        at = found["seconds"]
        share = self.given.rows / found["rows"]
        fixed = at.get("read", 0.0)
        work_seconds = (sum(v for k, v in at.items() if k != "import") - fixed) * share + fixed
        self.figures.add(name, work_seconds, peak)
        self.figures.add(f"{name}: process", work_seconds + wall - sum(v for k, v in at.items() if k != "import"), peak)
        print(f"  {name}: {wall:.2f} s for {found['rows']:,} rows, {peak:.0f} MB, {at}", flush=True)
        shutil.rmtree(work)
        with psycopg.connect(url, autocommit=True) as connection:
            for (schema,) in connection.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'dlt%' OR nspname = 'public'"
            ).fetchall():
                connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
            connection.execute("CREATE SCHEMA public")

    def round(self, number: int) -> None:
        """Everything once; the next round begins from the same state."""
        print(f"round {number + 1} of {self.given.rounds}", flush=True)
        self._drop("first")
        shutil.rmtree(self.state / "lake" / "observations", ignore_errors=True)
        postgres.create_database(self.server, "first", template="empty")
        self._checkpoint()
        rows = self.ours("read+check+gate+load", "first", "first", "first load")["rows"]
        assert rows == self.given.rows, f"{rows} observations of {self.given.rows} records"
        if not self.given.without_peers:
            files = str(self.files["first"][0].parent)
            self._checkpoint()
            self.peer("dlt_arrow", "dlt, Arrow to Parquet", files, "parquet")
            self._checkpoint()
            self.peer("dlt_arrow", "dlt, Arrow to CSV", files, "csv")
            self._checkpoint()
            self.peer("dlt_arrow", "dlt, Arrow to Parquet, with history", files, "parquet", "history")
            self._checkpoint()
            self.peer("pandas_to_sql", "pandas to_sql", files, str(self.given.slow_rows))
            self._checkpoint()
            with pages(self.pages) as url:
                self.peer("dlt_rest", "dlt, rest source", url)
        self._checkpoint()
        self.copies()
        same = self.ours("land+read+gate+load", "first", "first", "unchanged, same bytes")
        assert same["outcome"] == "unchanged"
        other = self.ours("read+gate+load", "reordered", "first", "unchanged, other bytes")
        assert other["outcome"] == "unchanged", other
        self.ours("read+check+warehouse", "first", "first", "every suite")
        self._checkpoint()
        changed = self.ours("read+gate+load", f"revised-{number}", "held", "1 % changed")
        assert changed["outcome"] == "accepted", changed
        self.parse()

    def hold(self) -> None:
        """The warehouse that is changed by one in a hundred: `held` million facts, loaded block by block."""
        postgres.create_database(self.server, "held", template="empty")
        for name in ["first", *(f"held-{n}" for n in range(1, self.given.held))]:
            self.ours("read+load", name, "held", "block of the held")

    def copies(self) -> None:
        """Server-side COPY of the rows of the first load: into bare tables, then with the two keys that tell rows
        apart, and into tables that have every key and check of ours.
        """
        parts = ("series", "observation")
        with psycopg.connect(self.server.url("first"), autocommit=True) as connection:
            for part in parts:
                connection.execute(f"COPY core.{part}_{generate.SOURCE} TO '{self.exchange / part}'")
            bare = _copied(connection, self.exchange, "", parts)
            self.figures.add("server-side COPY, bare tables", bare)
            keys = _timed(connection, "ALTER TABLE bare_series ADD PRIMARY KEY (source, series_id)")
            keys += _timed(
                connection,
                "ALTER TABLE bare_observation ADD UNIQUE NULLS NOT DISTINCT (series_id, time_id, vintage_to, source)",
            )
            self.figures.add("server-side COPY, then the two keys", bare + keys)
            connection.execute("DROP TABLE bare_series, bare_observation")
            seconds = _copied(connection, self.exchange, "INCLUDING CONSTRAINTS", parts)
            for part in parts:
                for (definition,) in connection.execute(_KEYS, (f"core.{part}",)).fetchall():
                    seconds += _timed(connection, f"ALTER TABLE bare_{part} ADD {definition}")
            self.figures.add("server-side COPY, every key and check", seconds)
            connection.execute("DROP TABLE bare_series, bare_observation")
            for part in parts:
                connection.execute(f"COPY (SELECT) TO '{self.exchange / part}'")  # empties the file

    def parse(self) -> None:
        """Parsing all DAG files against importing what any of them needs."""
        sdk = "import airflow.sdk"
        files = sorted((CHECKOUT / "dags").glob("*.py"))
        every = "import runpy\n" + "\n".join(f"runpy.run_path({str(file)!r})" for file in files)
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("MIGSTATS")},
            "AIRFLOW_HOME": str(self.work / "airflow"),
            "PYTHONPATH": os.pathsep.join([str(CHECKOUT / "plugins"), str(CHECKOUT / "dags")]),
        }
        for name, code in (("import airflow.sdk", sdk), ("parse of all DAG files", every)):
            self.figures.add(name, *measured([self.python, "-c", code], environment, self.work / "parse.log"))

    def _checkpoint(self) -> None:
        """What was written before is on disk: nobody's commit waits for the files of another."""
        os.sync()
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def _drop(self, database: str) -> None:
        with psycopg.connect(self.server.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def close(self) -> None:
        postgres.stop(self.work / "pg" / "data")


def _snapshot(landed: Landed) -> warehouse.Snapshot:
    page = landed.pages[0]
    return warehouse.Snapshot(
        source=landed.slice.source,
        dataset=landed.slice.dataset,
        slice=landed.slice.slice,
        release="",
        part=1,
        sha256=page.sha256,
        bytes=page.bytes,
        url=landed.slice.url,
        media_type="text/csv",
        etag=None,
        last_modified=None,
        retrieved_at=page.retrieved_at,
    )


#: Primary, unique and foreign keys of a partitioned table, as ALTER TABLE takes them.
_KEYS = """
SELECT pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = %s::regclass AND conparentid = 0 AND contype IN ('p', 'u', 'f')
ORDER BY contype DESC
"""


def _copied(connection: psycopg.Connection[Any], folder: Path, including: str, parts: Iterable[str]) -> float:
    """Seconds of a server-side COPY into new tables like ours, and of what the planner is told of them."""
    seconds = 0.0
    for part in parts:
        connection.execute(f"CREATE TABLE bare_{part} (LIKE core.{part}_{generate.SOURCE} {including})")
        seconds += _timed(connection, f"COPY bare_{part} FROM '{folder / part}'")
        if including:  # keys are to be checked, and we analyse before that as well
            seconds += _timed(connection, f"ANALYZE bare_{part}")
    return seconds


def _timed(connection: psycopg.Connection[Any], statement: str) -> float:
    since = time.perf_counter()
    connection.execute(statement)
    return time.perf_counter() - since


# -- report -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Goal:
    """One line of the report: what was found, and what it is to be."""

    what: str
    found: float
    bound: float
    unit: str
    at_least: bool = False

    @property
    def reached(self) -> bool:
        return self.found >= self.bound if self.at_least else self.found <= self.bound

    def text(self) -> str:
        sign = "at least" if self.at_least else "at most"
        verdict = "reached" if self.reached else "NOT REACHED"
        return f"{self.what:<66} {self.found:>9.2f} {self.unit:<5} {sign:>8} {self.bound:>6g}   {verdict}"


def goals(figures: Figures, given: argparse.Namespace) -> list[Goal]:
    """The goals that these figures can be held against."""
    ours = figures.median("first load")
    found = []
    if not given.without_peers:
        fastest = min(figures.median("dlt, Arrow to Parquet"), figures.median("dlt, Arrow to CSV"))
        found += [
            Goal("first load, as times faster: dlt at its fastest", fastest / ours, 3, "x", True),
            Goal("first load, as times faster: pandas to_sql", figures.median("pandas to_sql") / ours, 30, "x", True),
            Goal(
                "first load, as times faster: dlt's rest source",
                figures.median("dlt, rest source") / ours,
                30,
                "x",
                True,
            ),
        ]
    load = figures.median("first load: load")
    suites = figures.median("every suite: check") + figures.median("every suite: warehouse")
    same, other = figures.median("unchanged, same bytes"), figures.median("unchanged, other bytes")
    parse = figures.median("parse of all DAG files") / figures.median("import airflow.sdk")
    return [
        *found,
        Goal("first load, peak memory", figures.peak("first load: process"), 1000, "MB"),
        Goal(
            "load, against a server-side COPY into bare tables",
            load / figures.median("server-side COPY, bare tables"),
            1.5,
            "x",
        ),
        Goal(
            "load, against the same COPY with its keys",
            load / figures.median("server-side COPY, then the two keys"),
            1.5,
            "x",
        ),
        Goal(
            "load, against the same COPY with every key and check",
            load / figures.median("server-side COPY, every key and check"),
            1.5,
            "x",
        ),
        Goal("unchanged, same bytes", same, 0.2, "s"),
        Goal("unchanged, other bytes", other, 1.3, "s"),
        Goal(
            f"1 % changed of {given.rows:,} against {given.rows * given.held:,} held, after reading",
            figures.median("1 % changed: gate") + figures.median("1 % changed: load"),
            3,
            "s",
        ),
        Goal("Great Expectations, every suite", suites, 2, "s"),
        Goal("parse of all DAG files, against import airflow.sdk", parse, 1.5, "x"),
    ]


def table(figures: Figures) -> Iterable[str]:
    """Seconds of each measurement: median, least, most, and the ratio to our first load; peak memory."""
    ours = figures.median("first load")
    yield f"{'':<46} {'median s':>9} {'least':>9} {'most':>9} {'ratio':>8} {'peak MB':>8}"
    for name, seconds in figures.seconds.items():
        peak = f"{figures.peak(name):8.0f}" if name in figures.megabytes else ""
        yield (
            f"{name:<46} {figures.median(name):9.2f} {min(seconds):9.2f} {max(seconds):9.2f} "
            f"{figures.median(name) / ours:8.2f} {peak}"
        )


def main() -> int:
    """Run everything; exit status 0 where it ran through, whether or not the goals were reached (`--strict`: or)."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="observations of one delivery (at most 1,008,000)")
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds; medians are shown")
    parser.add_argument(
        "--held", type=int, default=10, help="deliveries that the warehouse holds for the change (to 10)"
    )
    parser.add_argument(
        "--slow-rows",
        type=int,
        default=50_000,
        help="rows for to_sql and the rest source; times are scaled up to --rows",
    )
    parser.add_argument("--without-peers", action="store_true", help="ours alone, without .venv-bench")
    parser.add_argument("--json", type=Path, default=CHECKOUT / "build" / "benchmarks.json", help="where figures go")
    parser.add_argument("--strict", action="store_true", help="exit status 1 where a goal is not reached")
    given = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="migstats-bench-"))
    work.chmod(0o755)  # the server may run as another user
    bench = Bench(work, given)
    try:
        bench.prepare()
        bench.hold()
        for number in range(given.rounds):
            bench.round(number)
    finally:
        bench.close()
        shutil.rmtree(work)
    found = goals(bench.figures, given)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"\n{given.rows:,} observations, {bench.bytes / 1e6:.0f} MB in {generate.PARTS} files; {machine}\n")
    print("\n".join(table(bench.figures)))
    print(f"\n(to_sql and rest source: {given.slow_rows:,} rows, scaled)\n")
    print("\n".join(goal.text() for goal in found))
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(
        json.dumps(
            {
                "machine": machine,
                "arguments": {name: str(value) for name, value in vars(given).items()},
                "seconds": bench.figures.seconds,
                "megabytes": bench.figures.megabytes,
                "goals": [{"what": g.what, "found": g.found, "bound": g.bound, "reached": g.reached} for g in found],
            },
            indent=1,
        )
    )
    print(f"\nfigures: {given.json}")
    return int(given.strict and not all(goal.reached for goal in found))


if __name__ == "__main__":
    sys.exit(main())
