"""`make demo`: the whole pipeline on one laptop, started, watched, summed up and stopped.

`python -m migstats.demo up [--live] | down | status`
"""

from __future__ import annotations

import argparse
import datetime as dt
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, Final

import requests
import yaml
from requests.adapters import HTTPAdapter
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from urllib3.util import Retry

from migstats import postgres, process, replay, services, settings, warehouse
from migstats.errors import ConfigurationError, DeclarationError, MigstatsError, PermanentError, TryAgainError
from migstats.pools import DESCRIPTION, pools
from migstats.services import AIRFLOW_SERVICES, Ports, Record
from migstats.source import Source, folder_of, read_sources

#: Seconds that the runs of the samples, and those of the real publishers, may take before we stop watching.
PATIENCE = {"demo": 900.0, "live": 6 * 3600.0}

#: Of the years that `demo.yaml` lists, how many `make demo` asks for: a figure, and the one before. Each is a slice of
#: each dataset, and each slice two tasks of Airflow.
NEWEST = 2

_HEALTHY_WITHIN = 240.0
_POLL = 1.0
#: Seconds between two looks at runs where nobody watches. Their tasks are counted when it is time to say something (and
#: when a run has ended): to list them costs Airflow 0.1 s of a processor for each run.
_POLL_UNSEEN = 3.0
_ENDED = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


# --- the terminal ----------------------------------------------------------------------------------------------


def terminal() -> Console:
    """A terminal, or plain lines of up to 140 characters where the output goes to a file."""
    console = Console(highlight=False, soft_wrap=True)
    return console if console.is_terminal else Console(highlight=False, soft_wrap=True, width=140)


@contextmanager
def _step(console: Console, what: str) -> Iterator[list[str]]:
    """Say what is being done, then how long it took, and what the block put into the list."""
    began, said = time.monotonic(), list[str]()
    if console.is_terminal:
        with console.status(f"{what} ..."):
            yield said
    else:
        yield said
    console.print(f"[green]✓[/] {what}{''.join(f', {s}' for s in said)} ({time.monotonic() - began:.1f} s)")


# --- Airflow by REST -------------------------------------------------------------------------------------------


#: What may be asked twice is, where Airflow fails: its scheduler may change the same run at the same moment.
_AGAIN: Final = Retry(
    None,
    connect=0,
    read=0,
    other=0,
    status=5,
    status_forcelist=(500, 503),
    allowed_methods=("PATCH",),
    backoff_factor=0.5,
    raise_on_status=False,
)


class Airflow:
    """The public API of the Airflow that this demo runs."""

    def __init__(self, port: int, password: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._password = password
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy stands between us and this machine
        self._session.mount(self.url, HTTPAdapter(max_retries=_AGAIN))

    def is_healthy(self) -> bool:
        """Whether all components say that they are well."""
        try:
            answer = self._session.get(f"{self.url}/api/v2/monitor/health", timeout=10)
            return answer.ok and all(
                (answer.json().get(part) or {}).get("status") == "healthy"
                for part in ("metadatabase", "scheduler", "triggerer", "dag_processor")
            )
        except (requests.RequestException, ValueError):
            return False

    def call(self, method: str, path: str, body: object = None) -> Any:
        """What the API answers, None for 404.

        Raises TryAgainError where it is away, ConfigurationError where it refuses.
        """
        answer = self._send(method, path, body)
        if answer.status_code == 401:
            self._log_in()
            answer = self._send(method, path, body)
        if answer.status_code == 404:
            return None
        if answer.status_code >= 500:
            raise TryAgainError(f"Airflow answers {answer.status_code} to {method} {path}: {answer.text[:200]}")
        if not answer.ok:
            raise ConfigurationError(f"Airflow refuses {method} {path} ({answer.status_code}): {answer.text[:500]}")
        return answer.json() if answer.content else {}

    def listed(self, path: str, key: str) -> list[dict[str, Any]]:
        """All members of a list that the API gives in pages."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.call("GET", f"{path}{'&' if '?' in path else '?'}limit=100&offset={len(found)}") or {}
            found += page.get(key, [])
            if not page.get(key) or len(found) >= page["total_entries"]:
                return found

    def _send(self, method: str, path: str, body: object) -> requests.Response:
        try:
            return self._session.request(method, f"{self.url}{path}", json=body, timeout=30)
        except requests.RequestException as error:
            raise TryAgainError(f"Airflow does not answer at {self.url}: {error}") from error

    def _log_in(self) -> None:
        answer = self._send("POST", "/auth/token", {"username": "admin", "password": self._password})
        if not answer.ok:
            raise ConfigurationError(f"Airflow at {self.url} refuses our password ({answer.status_code})")
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def _until(
    done: Callable[[], bool], guard: Callable[[], None], patience: float, late: str, pause: float = _POLL
) -> None:
    """Ask until `done`, the services guarded meanwhile: Airflow may be away for two minutes (it is started anew).

    Raises PermanentError with the text `late` after `patience` seconds.
    """
    answered, deadline = time.monotonic(), time.monotonic() + patience
    while True:
        guard()
        try:
            if done():
                return
            answered = time.monotonic()
        except TryAgainError:
            if time.monotonic() > answered + 120:
                raise
        if time.monotonic() > deadline:
            raise PermanentError(f"{late} after {patience:.0f} s")
        time.sleep(pause)


# --- what is run -----------------------------------------------------------------------------------------------


def selection(sources: Mapping[str, Source], *, live: bool = False, every: bool = False) -> dict[str, dict[str, Any]]:
    """Source → parameters of its run: those of `include/samples/demo.yaml`, the short list, and every private source.

    Of the years that are listed the last NEWEST. `every` takes all of them, and adds the others of the project. A
    source that is not on the list runs for the slices that there are samples of, newest release. `live` runs all of
    all of them.
    """
    file = settings.include() / "samples" / "demo.yaml"
    try:
        facts = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise DeclarationError(f"{file}: cannot be read: {error}") from error
    if not isinstance(facts, dict) or not all(isinstance(v, dict | None) for v in facts.values()):
        raise DeclarationError(f"{file}: each line is `source: {{parameter: value}}`; found {str(facts)[:80]!r}")
    unknown = sorted(set(facts) - set(sources))
    if unknown:
        raise DeclarationError(f"{file}: {unknown} are no sources; there are {sorted(sources)}")
    others = {
        name: {} if live else _sampled(name)
        for name in sorted(set(sources) - set(facts))
        if live or every or not is_ours(name)
    }
    listed = {name: facts[name] or {} for name in sorted(facts)}
    if not live and not every:
        listed = {name: _newest(asked) for name, asked in listed.items()}
    return listed | {name: chosen for name, chosen in others.items() if live or chosen}


def _newest(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a run for the last years of those that are asked for."""
    return {**asked, "years": sorted(asked["years"])[-NEWEST:]} if "years" in asked else dict(asked)


def is_ours(source_id: str) -> bool:
    """Whether a source is one of the project, and not of MIGSTATS_SOURCES."""
    return folder_of(source_id).parent == settings.include() / "sources"


def _sampled(source_id: str) -> dict[str, Any]:
    """Parameters of a run for which there are samples; none where there is no sample."""
    found = replay.sampled(folder_of(source_id))
    newest = max(found, key=lambda s: s.released or dt.date.min, default=None)
    if newest is None:
        return {}
    slices = [s.slice for s in found if s.release == newest.release]
    return {"slices": slices} | ({"release": newest.release} if newest.release else {})


def _set_pools(airflow: Airflow, slots: Mapping[str, int]) -> None:
    entities = [
        {"name": name, "slots": n, "description": DESCRIPTION, "include_deferred": False} for name, n in slots.items()
    ]
    action = {"action": "create", "entities": entities, "action_on_existence": "overwrite"}
    answer = airflow.call("PATCH", "/api/v2/pools", {"actions": [action]})
    if answer["create"]["errors"]:
        raise ConfigurationError(f"Airflow refuses the pools: {answer['create']['errors']}")


def _wait_for_dags(airflow: Airflow, dag_ids: Iterable[str]) -> None:
    deadline = time.monotonic() + 120
    wanted = set(dag_ids)
    while True:
        broken = airflow.listed("/api/v2/importErrors", "import_errors")
        if broken:
            raise PermanentError(
                "\n".join(f"{e['filename']}: cannot be imported:\n{e['stack_trace'].strip()}" for e in broken)
            )
        wanted -= {dag["dag_id"] for dag in airflow.listed("/api/v2/dags?exclude_stale=true", "dags")}
        if not wanted:
            return
        if time.monotonic() > deadline:
            raise PermanentError(
                f"Airflow does not know the DAGs {sorted(wanted)} after two minutes; see dag-processor.log in "
                f"{settings.state() / 'logs'}"
            )
        time.sleep(_POLL)


@dataclass(frozen=True)
class Run:
    """A run of a DAG, as we see it."""

    dag: str
    run: str
    began: float
    state: str = "queued"
    tasks: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self.state in ("success", "failed")


def _trigger(airflow: Airflow, dag: str, conf: Mapping[str, Any], adopt: bool) -> Run:
    """A run of `dag`: with `adopt` one of an earlier `make demo` that is still at work, else a new one.

    Without `adopt`, what is left of earlier runs is ended: their tasks died with the services.
    """
    unfinished = airflow.listed(f"/api/v2/dags/{dag}/dagRuns?state=running&state=queued", "dag_runs")
    for left in unfinished:
        earlier = _look(airflow, Run(dag, left["dag_run_id"], time.monotonic()))
        if adopt and earlier.run.startswith("demo__") and not {"failed", "upstream_failed"} & set(earlier.tasks):
            return earlier
        airflow.call("PATCH", f"/api/v2/dags/{dag}/dagRuns/{earlier.run}", {"state": "failed"})
    run = f"demo__{dt.datetime.now(dt.UTC):%Y-%m-%dT%H-%M-%S.%f}"
    airflow.call("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})
    body = {"logical_date": None, "dag_run_id": run, "conf": dict(conf)}
    if airflow.call("POST", f"/api/v2/dags/{dag}/dagRuns", body) is None:
        raise ConfigurationError(f"Airflow does not know the DAG {dag!r} any more; see its import errors in the UI")
    return Run(dag, run, time.monotonic())


def _look(airflow: Airflow, run: Run, *, closely: bool = True) -> Run:
    """The run as it is now; its tasks too where we look closely, or it has ended."""
    path = f"/api/v2/dags/{run.dag}/dagRuns/{run.run}"
    answer = airflow.call("GET", path)
    if answer is None:
        raise PermanentError(f"the run {run.run} of {run.dag} was deleted while we watched it")
    now = replace(run, state=answer["state"], seconds=time.monotonic() - run.began)
    if not closely and not now.ended:
        return now
    states = Counter(t["state"] or "waiting" for t in airflow.listed(f"{path}/taskInstances", "task_instances"))
    return replace(now, tasks=states)


def _progress(runs: Sequence[Run]) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    for column in ("run", "state", "tasks", ""):
        table.add_column(column)
    for run in runs:
        table.add_row(run.dag, run.state, *_counts(run))
    return table


def _counts(run: Run) -> tuple[str, str]:
    done = sum(n for state, n in run.tasks.items() if state in _ENDED)
    others = [f"{n} {state}" for state, n in sorted(run.tasks.items()) if state not in ("success", "waiting")]
    return f"{done} of {sum(run.tasks.values())}", ", ".join(others)


def _watch(console: Console, airflow: Airflow, runs: Sequence[Run], guard: Callable[[], None], patience: float) -> None:
    """Show the runs until all of them have succeeded.

    Raises PermanentError as soon as one has failed, with what its task said; after `patience` seconds too.
    """
    now = {run.dag: run for run in runs}
    said: dict[str, str] = {}
    counted = 0.0
    live = Live(_progress(runs), console=console, refresh_per_second=4) if console.is_terminal else None

    def done() -> bool:
        nonlocal counted
        closely = live is not None or time.monotonic() - counted > SAY_EVERY
        if closely:
            counted = time.monotonic()
        for dag, run in now.items():
            if not run.ended:
                now[dag] = _look(airflow, run, closely=closely)
        if live:
            live.update(_progress(list(now.values())))
        else:
            _say_changes(console, now.values(), said)
        failed = [run for run in now.values() if run.state == "failed" or run.tasks.get("failed")]
        if failed:
            raise PermanentError("\n".join(_why_failed(airflow, run) for run in failed))
        return all(run.ended for run in now.values())

    late = f"the runs of {', '.join(now)} go on (see {airflow.url}; `make demo` watches them again), but are not done"
    with live or nullcontext():
        _until(done, guard, patience, late, _POLL if live else _POLL_UNSEEN)


#: Seconds between two lines on the progress of runs, where there is no terminal.
SAY_EVERY = 15.0


def _say_changes(console: Console, runs: Iterable[Run], said: dict[str, str]) -> None:
    """One line now and then where there is no terminal to draw on, and one for each run that ends."""
    lines = {run.dag: f"{run.dag} {run.state} {_counts(run)[0]}" for run in runs}
    ended = {dag for dag, line in lines.items() if " success " in line and " success " not in said.get(dag, "")}
    late = time.monotonic() - float(said.get("at", "0")) > SAY_EVERY
    if (late and any(said.get(dag) != line for dag, line in lines.items())) or ended:
        console.print(f"  {'; '.join(lines.values())}")
        said.update(lines, at=str(time.monotonic()))


def _why_failed(airflow: Airflow, run: Run) -> str:
    """What the failed tasks of a run said, and where their logs are."""
    path = f"/api/v2/dags/{run.dag}/dagRuns/{run.run}/taskInstances?state=failed"
    found = [f"{run.dag}: the run {run.run} failed"]
    for task in airflow.listed(path, "task_instances")[:5]:
        mapped = [f"map_index={task['map_index']}"] if task["map_index"] >= 0 else []
        folder = Path(f"dag_id={run.dag}", f"run_id={run.run}", f"task_id={task['task_id']}", *mapped)
        log = settings.state() / "logs" / "tasks" / folder / f"attempt={task['try_number']}.log"
        label = f" ({task['rendered_map_index'] or task['map_index']})" if mapped else ""
        found.append(f"  task {task['task_id']}{label}:")
        found += [f"    {line}" for line in error_lines(log)[:6]] or ["    (its log has no line of level ERROR)"]
        found.append(f"    its log: {log}")
    return "\n".join(found)


def error_lines(log: Path) -> list[str]:
    """The lines of level ERROR or CRITICAL of a task's log, in words: the event, and the exception's own."""
    found = []
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    for line in text.splitlines():
        try:
            fact = json.loads(line)
        except ValueError:
            continue  # what a library printed to standard output
        if isinstance(fact, dict) and str(fact.get("level", "")).lower() in ("error", "critical"):
            raised = [f"{e.get('exc_type')}: {e.get('exc_value')}" for e in fact.get("error_detail") or []]
            found.append("; ".join([str(fact.get("event", "")), *raised]).replace("\n", " ")[:1000])
    return found


def _wait_for_publish(airflow: Airflow, guard: Callable[[], None], since: str) -> None:
    """Wait until no new vintage waits for a publish, and all publishes since `since` (ISO time) have succeeded."""

    def done() -> bool:
        waiting = airflow.call("GET", "/api/v2/dags/publish/assets/queuedEvents") or {}
        runs = airflow.listed(f"/api/v2/dags/publish/dagRuns?run_after_gte={since}", "dag_runs")
        failed = [Run("publish", run["dag_run_id"], 0.0) for run in runs if run["state"] == "failed"]
        if failed:
            raise PermanentError("\n".join(_why_failed(airflow, run) for run in failed))
        return not waiting.get("queued_events") and all(run["state"] == "success" for run in runs)

    _until(done, guard, 300, f"the DAG `publish` did not follow (see {airflow.url})")


# --- services --------------------------------------------------------------------------------------------------


def _run_once(state: Path, record: Record, name: str, command: list[str], **variables: str) -> subprocess.Popen[bytes]:
    """Start a command that ends by itself; it writes to `logs/<name>.log`."""
    with services.log_of(state, name).open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=state / "airflow",
            env=services.environment(state, record) | variables,
        )


def _finish(state: Path, name: str, child: subprocess.Popen[bytes]) -> None:
    try:
        code = child.wait(timeout=300)
    except subprocess.TimeoutExpired:
        child.kill()
        log = services.log_of(state, name)
        raise ConfigurationError(f"{name} did not end within five minutes; see {log}") from None
    if code != 0:
        log = services.log_of(state, name)
        raise ConfigurationError(f"{name} failed ({code}); the end of {log}:\n{services.tail(log)}")


def _require_new_ports(old: Ports, new: Ports, live: bool) -> None:
    """Refuse a change of ports before what runs on the old ones is stopped."""
    if new.ui != old.ui:
        process.require_free_port(new.ui, "the web interface of Airflow", "PORT_UI")
    if new.replay != old.replay and not live:
        process.require_free_port(new.replay, "the replay server", "PORT_REPLAY")
    if new.postgres != old.postgres:
        process.require_free_port(new.postgres, "PostgreSQL", "PORT_POSTGRES")


def _require_ports(record: Record, state: Path) -> None:
    """Refuse before anything is started where a port that we need is another's."""
    if not services.is_up(record, "api-server"):
        process.require_free_port(record.ports.ui, "the web interface of Airflow", "PORT_UI")
    if not record.live and not services.is_up(record, "replay"):
        process.require_free_port(record.ports.replay, "the replay server", "PORT_REPLAY")
    if not postgres.is_running(state / "postgres"):
        process.require_free_port(record.ports.postgres, "PostgreSQL", "PORT_POSTGRES")


def _wait_for_port(state: Path, record: Record, name: str, port: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while True:
        if not services.is_up(record, name):
            raise services.ended_early(state, name)
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                log = services.log_of(state, name)
                raise ConfigurationError(f"{name} does not listen on {port} after {seconds:.0f} s; see {log}") from None
            time.sleep(0.1)


def _wait_until_healthy(state: Path, record: Record, airflow: Airflow, seconds: float) -> bool:
    """Whether Airflow became healthy in time; ConfigurationError as soon as one of its services has ended."""
    deadline = time.monotonic() + seconds
    while not airflow.is_healthy():
        for name in AIRFLOW_SERVICES:
            if not services.is_up(record, name):
                raise services.ended_early(state, name)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def _start(console: Console, state: Path, record: Record, airflow: Airflow) -> tuple[Record, bool]:
    """Bring up whatever is not up. The answer is the record, and whether all of Airflow was up before."""
    names = tuple(services.commands(record))
    fresh = services.fingerprint(state, record)
    if record.fingerprint != fresh:  # other code, ports or settings: what runs has taken in the old ones
        record = services.stop_services(state, record)
        record = services.write_record(state, replace(record, fingerprint=fresh))
    record = services.clear_dead(state, record)
    if not postgres.is_running(state / "postgres"):
        record = services.stop_services(state, record, (*AIRFLOW_SERVICES, "watchdog"))  # they lost their database
    _require_ports(record, state)

    with _step(console, "PostgreSQL") as said:
        postgres.start(state / "postgres", record.ports.postgres, record.secrets.postgres)
        new = services.set_up_databases(state, record)
        said.append(f"127.0.0.1:{record.ports.postgres}, databases airflow and warehouse")
    if not record.live:
        with _step(console, "Replay server") as said:
            if services.is_up(record, "replay"):
                said.append("was running")
            else:
                record = services.start_service(state, record, "replay")
            _wait_for_port(state, record, "replay", record.ports.replay)
            said.append(f"127.0.0.1:{record.ports.replay} stands in for the publishers")

    adopted = all(services.is_up(record, name) for name in AIRFLOW_SERVICES)
    if new or not adopted:
        with _step(console, "Tables and codelists"):
            record = _set_up(state, record, new)

    with _step(console, "Airflow") as said:
        passwords = {"admin": record.secrets.admin, "viewer": record.secrets.viewer}
        services.write_private(state / "airflow" / "passwords.json", json.dumps(passwords) + "\n")
        if adopted and not _wait_until_healthy(state, record, airflow, 45):  # there, but it does not do its work
            record, adopted = services.stop_services(state, record, AIRFLOW_SERVICES), False
        for name in names:
            if not services.is_up(record, name):
                record = services.start_service(state, record, name)
        if not _wait_until_healthy(state, record, airflow, _HEALTHY_WITHIN):
            raise ConfigurationError(
                f"Airflow is not healthy after {_HEALTHY_WITHIN:.0f} s; see {airflow.url}/api/v2/monitor/health and "
                f"the logs in {state / 'logs'}; `make stop` and `make demo` start anew"
            )
        said.append(f"{'was running' if adopted else 'healthy'} at {airflow.url}")
    return record, adopted


def _set_up(state: Path, record: Record, new: bool) -> Record:
    """Bring both databases to the shape that this version wants: Airflow's and the warehouse, side by side."""
    ready = version("apache-airflow")
    setup = [str(Path(sys.executable).parent / "migstats"), "setup"]
    owner = services.warehouse_urls(state, record)["owner"]
    jobs = {"setup": _run_once(state, record, "setup", setup, MIGSTATS_ADMIN=owner)}
    if new or record.migrated != ready:
        migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
        jobs["airflow-db-migrate"] = _run_once(state, record, "airflow-db-migrate", migrate)
    try:
        for name, child in jobs.items():
            _finish(state, name, child)
    finally:
        for child in jobs.values():
            if child.poll() is None:
                child.kill()
    return services.write_record(state, replace(record, migrated=ready))


class _Guard:
    """Restarts a service that ends while we watch; a call returns after a look at all of them."""

    def __init__(self, console: Console, state: Path, record: Record) -> None:
        self.record = record
        self._console, self._state, self._restarts = console, state, Counter[str]()

    def __call__(self) -> None:
        if not postgres.is_running(self._state / "postgres"):
            self._again("PostgreSQL")
            postgres.start(self._state / "postgres", self.record.ports.postgres, self.record.secrets.postgres)
        for name in services.commands(self.record):
            if not services.is_up(self.record, name):
                self._again(name)
                self.record = services.start_service(self._state, self.record, name)

    def _again(self, name: str) -> None:
        self._restarts[name] += 1
        log = self._state / "postgres" / "server.log" if name == "PostgreSQL" else services.log_of(self._state, name)
        if self._restarts[name] > 3:
            raise ConfigurationError(f"{name} has ended four times; the end of {log}:\n{services.tail(log)}")
        self._console.print(f"[yellow]![/] {name} has ended and is started again; its log: {log}")


# --- the report ------------------------------------------------------------------------------------------------


#: What `make demo` shows of the last load of each source.
_LOAD_COLUMNS = (
    "source",
    "snapshots",
    "landed",
    "loaded",
    "unchanged",
    "quarantined",
    "explained",
    "seconds",
    "vintage",
)


def _report_loads(console: Console, url: str) -> None:
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "report/load_summary")
    _print_rows(console, "Loaded", [{name: row[name] for name in _LOAD_COLUMNS} for row in found])


def _report_answer(console: Console, url: str, file: Path) -> None:
    """Run a query and print its rows under the title that stands in its first line."""
    title = file.read_text(encoding="utf-8").splitlines()[0].removeprefix("--").strip()
    with warehouse.connect(url) as connection:
        _print_rows(console, title, warehouse.rows(connection, f"report/{file.stem}"))


def _print_rows(console: Console, title: str, rows: Sequence[Mapping[str, object]]) -> None:
    console.print()
    console.print(f"[bold]{title}[/]")
    if not rows:
        console.print("  no rows: the warehouse has nothing of this kind")
        return
    table = Table(box=None, pad_edge=False)
    for column in rows[0]:
        numbers = any(isinstance(row[column], int | float) for row in rows)
        table.add_column(column.replace("_", " "), justify="right" if numbers else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(_shown(column, value) for column, value in row.items()))
    console.print(table)


def _shown(column: str, value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool) or "year" in column or "vintage" in column:
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.1f}"
    return str(value)


def _how_to_go_on(console: Console, state: Path, record: Record) -> None:
    keys, ports = record.secrets, record.ports
    console.print()
    lines = (
        ("Airflow", f"http://127.0.0.1:{ports.ui}   user admin, password {keys.admin}   (viewer: {keys.viewer})"),
        (
            "BI tools",
            f"host 127.0.0.1, port {ports.postgres}, database warehouse, schema bi, "
            f"user bi_reader, password {keys.bi_reader}",
        ),
        ("", f"psql {services.warehouse_urls(state, record)['bi_reader']}"),
        ("Kept in", f"{state}   (logs in {state / 'logs'})"),
        ("Again", "make demo   (nothing new: no row is written)      make status   what runs"),
        ("Stop", "make stop"),
    )
    for name, what in lines:
        console.print(f"[bold]{name:<9}[/]{what}", markup=True)


# --- commands --------------------------------------------------------------------------------------------------


def up(*, live: bool = False, every: bool = False) -> None:
    """Start what is not running, run the pipeline, print what came of it. Services stay when it returns."""
    console, began = terminal(), time.monotonic()
    state = settings.state().absolute()
    ports = services.chosen_ports(os.environ)
    sources = read_sources()
    wanted = selection(sources, live=live, every=every)
    left = sorted(set(sources) - set(selection(sources, live=live, every=True)))
    for name in left:
        place = replay.samples_of(folder_of(name))
        console.print(
            f"[yellow]![/] {name} is not run: it has no sample; CONTRIBUTING.md says how to name one in {place}"
        )
    services.prepare(state)
    with services.exclusive(state):
        record = services.read_record(state) or Record(ports=ports, live=live)
        if record.ports != ports or record.live != live:
            _require_new_ports(record.ports, ports, live)
            record = services.stop_services(state, record)
            record = replace(record, ports=ports, live=live)
        record = services.write_record(state, record)
        airflow = Airflow(ports.ui, record.secrets.admin)
        record, adopted = _start(console, state, record, airflow)
        guard = _Guard(console, state, record)
        with _step(console, "DAGs") as said:
            dags = {f"ingest_{name}": conf for name, conf in wanted.items()}
            _wait_for_dags(airflow, ["publish", "maintain", *dags])
            _set_pools(airflow, pools(sources.values()))
            for dag in ("publish", "maintain"):
                airflow.call("PATCH", f"/api/v2/dags/{dag}", {"is_paused": False})
            since = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            runs = [_trigger(airflow, dag, conf, adopted) for dag, conf in dags.items()]
            said.append(f"{len(runs)} runs asked for")
        patience = PATIENCE["live" if live else "demo"]
        with _step(console, "Ingest") if not console.is_terminal else _plain(console, "Ingest"):
            _watch(console, airflow, runs, guard, patience)
        with _step(console, "Publish"):
            _wait_for_publish(airflow, guard, since)
        urls = services.warehouse_urls(state, guard.record)
        _report_loads(console, urls["migstats_etl"])
        for file in sorted((settings.include() / "sql" / "report").glob("answer_*.sql")):
            _report_answer(console, urls["bi_reader"], file)
        if not live:
            console.print(
                "Figures of samples: some are invented (of remittances, population, the newest year, all of IDMC), see "
                "include/samples/LICENCES.md\n"
            )
        further = sorted(set(sources) - set(wanted) - set(left))
        if further:
            console.print(f"{len(further)} further sources have samples ({', '.join(further)}): make demo-all\n")
        _how_to_go_on(console, state, guard.record)
    console.print(f"[green]Done[/] in {time.monotonic() - began:.0f} s")


@contextmanager
def _plain(console: Console, what: str) -> Iterator[None]:
    """Like _step where a live table is shown meanwhile."""
    began = time.monotonic()
    yield
    console.print(f"[green]✓[/] {what} ({time.monotonic() - began:.1f} s)")


def down() -> None:
    """Stop everything that `up` started; neither processes nor pid files nor locks are left. Data stay."""
    console = terminal()
    state = settings.state().absolute()
    if not state.is_dir():
        console.print(f"Nothing runs: {state} is not there")
        return
    with services.exclusive(state, take_over=True), _step(console, "Stopped Airflow, replay server, PostgreSQL"):
        try:
            record = services.read_record(state)
            if record is not None:
                services.stop_services(state, record)
        finally:
            process.end(process.carrying(services.MARK, str(state)))
            postgres.stop(state / "postgres")


def status() -> int:
    """Print what runs; 0 where everything does, else 1."""
    console = terminal()
    state = settings.state().absolute()
    record = services.read_record(state)
    if record is None:
        console.print(f"Nothing runs: `make demo` was never run with {state}")
        return 1
    table = Table(box=None, pad_edge=False)
    for column in ("service", "state", "process", "where"):
        table.add_column(column)
    port = postgres.port_of(state / "postgres")
    healthy = port is not None
    table.add_row("postgres", "up" if port else "down", "", f"127.0.0.1:{port}" if port else "")
    if port is None and not any(services.is_up(record, name) for name in services.commands(record)):
        console.print("Nothing runs; `make demo` starts everything")
        return 1
    at = {"api-server": f"http://127.0.0.1:{record.ports.ui}", "replay": f"127.0.0.1:{record.ports.replay}"}
    for name in services.commands(record):
        is_up = services.is_up(record, name)
        healthy = healthy and is_up
        pid = str(record.processes[name].pid) if is_up else ""
        table.add_row(name, "up" if is_up else "down", pid, at.get(name, "") if is_up else "")
    console.print(table)
    well = healthy and Airflow(record.ports.ui, record.secrets.admin).is_healthy()
    console.print("All is well" if well else f"Not all is well; logs are in {state / 'logs'}; `make demo` mends it")
    return 0 if well else 1


def _interrupted(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, 1 not done (and why, on standard error), 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m migstats.demo", description="The pipeline on one laptop.")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("up", help="start, run, report")
    start.add_argument("--live", action="store_true", help="ask the publishers themselves, not the samples")
    start.add_argument("--all", action="store_true", help="every source that there is a sample of, not the short list")
    commands.add_parser("down", help="stop everything")
    commands.add_parser("status", help="what runs")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        if chosen.command == "up":
            up(live=chosen.live, every=chosen.all)
        elif chosen.command == "down":
            down()
        else:
            return status()
    except MigstatsError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        free = shutil.disk_usage(settings.state()).free / 1e6
        print(
            f"Error: the disk of {settings.state()} is full ({free:,.0f} MB are free); free some space and try again",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted: what was started stays; `make demo` goes on, `make stop` ends it", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
