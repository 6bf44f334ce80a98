"""What `make demo` keeps running on a laptop: which services, with which settings, started, found again, stopped."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from migstats import postgres, process, settings, source
from migstats.errors import ConfigurationError

AIRFLOW_SERVICES = ("api-server", "scheduler", "dag-processor", "triggerer")

#: Marks the processes of a demo by its state folder, so that they are found even where no record of them is left.
MARK = "MIGSTATS_DEMO"

#: Bytes that have to be free before anything is started: Airflow's database, logs, lake and warehouse of the samples.
SPACE = 1_500_000_000


@dataclass(frozen=True)
class Ports:
    """TCP ports of 127.0.0.1."""

    ui: int
    postgres: int
    replay: int


def chosen_ports(environment: Mapping[str, str]) -> Ports:
    """PORT_UI, PORT_POSTGRES and PORT_REPLAY, or their defaults. ConfigurationError for what is no port, or twice."""
    ports = Ports(
        ui=process.chosen_port(environment, "PORT_UI", 8080),
        postgres=process.chosen_port(environment, "PORT_POSTGRES", 5433),
        replay=process.chosen_port(environment, "PORT_REPLAY", 8100),
    )
    if len({ports.ui, ports.postgres, ports.replay}) < 3:
        raise ConfigurationError(f"PORT_UI, PORT_POSTGRES and PORT_REPLAY must differ; found {ports}")
    return ports


def _password() -> str:
    return secrets.token_urlsafe(12)


@dataclass(frozen=True)
class Secrets:
    """Made once per state folder; the names of roles are those of the warehouse."""

    postgres: str = field(default_factory=_password)
    airflow: str = field(default_factory=_password)
    migstats_etl: str = field(default_factory=_password)
    migstats_watchdog: str = field(default_factory=_password)
    migstats_portal: str = field(default_factory=_password)
    bi_reader: str = field(default_factory=_password)
    admin: str = field(default_factory=_password)
    viewer: str = field(default_factory=_password)
    fernet_key: str = field(default_factory=lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    jwt_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    api_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48))


@dataclass(frozen=True)
class Record:
    """`demo.json`: what the next `make demo` or `make stop` has to know. Readable by its owner only."""

    ports: Ports
    live: bool = False
    secrets: Secrets = field(default_factory=Secrets)
    processes: Mapping[str, process.Identity] = field(default_factory=dict)
    #: Of the code and settings that the services run with; others mean a restart.
    fingerprint: str = ""
    #: Version of Airflow that its database was last migrated to.
    migrated: str = ""


def record_file(state: Path) -> Path:
    """Where the record of a state folder is."""
    return state / "demo.json"


def read_record(state: Path) -> Record | None:
    """The record, or None where there is none. ConfigurationError where it cannot be understood."""
    try:
        facts = json.loads(record_file(state).read_text(encoding="utf-8"))
        return Record(
            ports=Ports(**facts["ports"]),
            live=bool(facts["live"]),
            secrets=Secrets(**facts["secrets"]),
            processes={name: process.Identity(**identity) for name, identity in facts["processes"].items()},
            fingerprint=facts["fingerprint"],
            migrated=facts["migrated"],
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{record_file(state)}: is no record of a demo of this version ({error!r}); "
            "delete it, then `make stop` and `make demo`: new passwords are made, the data stay"
        ) from error


def write_record(state: Path, record: Record) -> Record:
    """Keep the record; at any moment the file is the old one or the new one, whole."""
    write_private(record_file(state), json.dumps(asdict(record), indent=1) + "\n")
    return record


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read, in one step."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)


# --- the state folder ------------------------------------------------------------------------------------------


def prepare(state: Path) -> None:
    """Make the state folder. ConfigurationError where it cannot be written or its disk is nearly full."""
    try:
        with suppress(FileExistsError):  # two that begin at the same moment both see no folder
            state.mkdir(parents=True)
            state.chmod(0o755)  # whatever the umask is: the user of PostgreSQL has to pass through
        (state / "logs").mkdir(exist_ok=True)
        (state / "airflow").mkdir(exist_ok=True, mode=0o700)
        events_file(state).parent.mkdir(exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{state}: cannot be written ({error.strerror}); make it writable, or put what runs leave elsewhere: "
            "`MIGSTATS_STATE=/a/folder/of/yours make demo`"
        ) from error
    free = shutil.disk_usage(state).free
    if free < SPACE:
        raise ConfigurationError(
            f"{state}: only {free / 1e9:.2f} GB are free on this disk, the demo needs {SPACE / 1e9:.1f} GB; "
            "free some space, or use another disk: `MIGSTATS_STATE=/a/larger/disk make demo`"
        )


@contextmanager
def exclusive(state: Path, *, take_over: bool = False) -> Iterator[None]:
    """Only one process at a time starts or stops the services of a state folder.

    The kernel drops the lock with its holder, however that ends. With `take_over` the holder is asked to end.
    Raises ConfigurationError where another one holds it.
    """
    file = state / "demo.lock"
    deadline = time.monotonic() + (30 if take_over else 0)
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(descriptor)
            os.close(descriptor)
            if time.monotonic() >= deadline:
                raise ConfigurationError(
                    f"{state}: another `make demo` or `make stop` is at work (process {holder or 'unknown'}); "
                    "wait for it, or end it with Ctrl-C where it runs"
                ) from None
            if holder.isdigit():
                process.send([int(holder)], signal.SIGTERM)
            time.sleep(0.5)
            continue
        if process.is_still(file, descriptor):
            break
        os.close(descriptor)  # its former holder has just removed it: this lock would be on nothing
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    """The process that holds the lock; empty where it has not written its number within a second."""
    for _ in range(20):
        if found := os.pread(descriptor, 32, 0).decode("ascii", "replace").strip():
            return found
        time.sleep(0.05)
    return ""


# --- settings --------------------------------------------------------------------------------------------------


def server(state: Path, record: Record) -> postgres.Server:
    """The PostgreSQL server of this state folder, as it would run."""
    return postgres.Server(state / "postgres", record.ports.postgres, record.secrets.postgres)


def warehouse_urls(state: Path, record: Record) -> dict[str, str]:
    """Role → URL of the warehouse; `owner` may change its shape, `migstats_etl` loads, `bi_reader` reads `bi`."""
    at = server(state, record)
    return {
        "owner": at.url("warehouse"),
        "migstats_etl": at.url("warehouse", "migstats_etl", record.secrets.migstats_etl),
        "bi_reader": at.url("warehouse", "bi_reader", record.secrets.bi_reader),
    }


def events_file(state: Path) -> Path:
    """Where OpenLineage events are kept: one JSON object on each line, the newest last."""
    return state / "openlineage" / "events.jsonl"


def transport(file: Path) -> dict[str, object]:
    """The transport of OpenLineage events: a file, before any other one, so that what hangs cannot keep it waiting."""
    to_file = {"type": "file", "log_file_path": str(file), "append": True, "priority": 1}
    return {"type": "composite", "sort_transports": True, "transports": {"file": to_file}}


def metrics_settings(endpoint: str | None) -> dict[str, str]:
    """Airflow's settings that send metrics by OTLP/HTTP to an endpoint, such as http://127.0.0.1:4318; none without."""
    if not endpoint:
        return {}
    return {
        "MIGSTATS_OTEL": endpoint,
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_METRIC_EXPORT_INTERVAL": "30000",
        "OTEL_SERVICE_NAME": "migstats",
    }


def environment(state: Path, record: Record) -> dict[str, str]:
    """The environment of all services: this process's, cleaned of what would lead them astray, and our settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "OPENLINEAGE", "PG", "MIGSTATS_")) and name != "PYTHONDONTWRITEBYTECODE"
    }
    handed_on = (
        "MIGSTATS_NOTIFIERS",
        "MIGSTATS_VERIFY_PER_RUN",
    )
    for name in os.environ:
        if os.environ[name] and (name in handed_on or name.startswith(("MIGSTATS_KEEP_", "AIRFLOW_CONN_SMTP_"))):
            inherited[name] = os.environ[name]
    # services run in folders of their own: what is relative is meant from where the command was given
    if further := source.listed_folders():
        inherited["MIGSTATS_SOURCES"] = os.pathsep.join(str(folder.absolute()) for folder in further)
    inherited |= metrics_settings(os.environ.get("MIGSTATS_OTEL"))
    home, ports, keys = settings.home(), record.ports, record.secrets
    urls = warehouse_urls(state, record)
    database = server(state, record).url("airflow", "airflow", keys.airflow)
    ours = {
        MARK: str(state),
        "MIGSTATS_HOME": str(home),
        "MIGSTATS_STATE": str(state),
        "MIGSTATS_LAKE": str(settings.lake().absolute()),
        "MIGSTATS_DATA_DOCS": str(settings.data_docs().absolute()),
        "MIGSTATS_WAREHOUSE": urls["migstats_etl"],
        "AIRFLOW_CONN_WAREHOUSE": urls["migstats_etl"],
        "AIRFLOW_HOME": str(state / "airflow"),
        "AIRFLOW__CORE__EXECUTOR": "migstats.executor.ForkingExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX": "glob",
        "AIRFLOW__CORE__FERNET_KEY": keys.fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{ports.ui}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(state / "airflow" / "passwords.json"),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(ports.ui),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{ports.ui}",
        "AIRFLOW__API__SECRET_KEY": keys.api_secret,
        "AIRFLOW__API__INSTANCE_NAME": "migstats, live" if record.live else "migstats, demo",
        "AIRFLOW__API_AUTH__JWT_SECRET": keys.jwt_secret,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.replace("postgresql://", "postgresql+psycopg2://", 1),
        # a new file is seen within seconds, a changed declaration within a minute: each look at all sources costs
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        # tasks of a scheduler that was killed are found within a minute, not within five
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "20",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        # who watches over a task sleeps this long where its process has closed everything and is not quite gone: with
        # the default of five seconds every second task kept its worker so much longer
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(state / "logs" / "tasks"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(state / "logs" / "dag_processor"),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING",
        "AIRFLOW__OPENLINEAGE__NAMESPACE": "migstats",
        "AIRFLOW__OPENLINEAGE__EXTRACTORS": "migstats.extractor.StepExtractor",
        # in a fork, the default, our extractor gets no answer from Airflow and every task waits for it
        "AIRFLOW__OPENLINEAGE__EXECUTE_IN_THREAD": "True",
        "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "5",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport(events_file(state))),
        # the client adds an HTTP transport where this is set
        "OPENLINEAGE_URL": os.environ.get("MIGSTATS_OPENLINEAGE_URL", ""),
        "OPENLINEAGE_API_KEY": os.environ.get("MIGSTATS_OPENLINEAGE_API_KEY", ""),
        "GX_ANALYTICS_ENABLED": "False",
        # the services talk to each other on this machine, whatever proxy leads out of it
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
    if not record.live:
        ours["MIGSTATS_REPLAY"] = f"http://127.0.0.1:{ports.replay}"
    return inherited | ours


def commands(record: Record) -> dict[str, list[str]]:
    """Service → its command line, in the order of starting; PostgreSQL is not among them."""
    programs = Path(sys.executable).parent
    watchdog = {"watchdog": [str(programs / "migstats"), "watchdog"]}
    replay = {"replay": [sys.executable, "-m", "migstats.replay", "--port", str(record.ports.replay)]}
    airflow = {name: [sys.executable, "-m", "airflow", name] for name in AIRFLOW_SERVICES}
    for name in ("scheduler", "triggerer"):  # logs are files of this machine: no server for them on a fixed port
        airflow[name].append("--skip-serve-logs")
    return ({} if record.live else replay) | watchdog | airflow


def fingerprint(state: Path, record: Record) -> str:
    """Changes with the code and the settings that running services have taken in."""
    code = sha256()
    for file in sorted((settings.home() / "plugins").rglob("*.py")):
        code.update(file.read_bytes())
    private = [part for folder in source.listed_folders() for part in folder.absolute().glob("codelists/*.csv")]
    for part in sorted([*settings.include().rglob("*"), *private]):
        code.update(f"{part.name} {part.stat().st_size} {part.stat().st_mtime_ns}".encode())
    ours = {
        name: value
        for name, value in environment(state, record).items()
        if name.startswith(("AIRFLOW", "MIGSTATS", "OPENLINEAGE", "GX_", "OTEL_"))
    }
    code.update(json.dumps([ours, commands(record), sys.version], sort_keys=True).encode())
    return code.hexdigest()


# --- starting and stopping -------------------------------------------------------------------------------------


def log_of(state: Path, name: str) -> Path:
    """Where a service writes; the file of the start before is beside it with `.1`."""
    return state / "logs" / f"{name}.log"


def is_up(record: Record, name: str) -> bool:
    """Whether the service runs that the record names, and not another process with its number."""
    identity = record.processes.get(name)
    return identity is not None and process.is_alive(identity)


def start_service(state: Path, record: Record, name: str) -> Record:
    """Start one service in a session of its own; what an earlier one of this name left behind is ended first."""
    if name in record.processes:
        process.end_sessions([record.processes[name]], patience=0)
    log = log_of(state, name)
    if log.exists():
        log.replace(log.with_name(f"{log.name}.1"))
    with log.open("wb") as stream:
        child = subprocess.Popen(
            commands(record)[name],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=state / "airflow",
            env=environment(state, record),
            start_new_session=True,
        )
    identity = process.identify(child.pid)
    if identity is None:
        raise ended_early(state, name)
    return write_record(state, replace(record, processes={**record.processes, name: identity}))


def ended_early(state: Path, name: str) -> ConfigurationError:
    """What to say of a service that ended by itself: its last words, and where the others are."""
    return ConfigurationError(f"{name} ended by itself; the end of {log_of(state, name)}:\n{tail(log_of(state, name))}")


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log file, indented; a note where it is empty."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - 64_000))
            text = stream.read().decode("utf-8", "replace")
    except FileNotFoundError:
        text = ""
    last = [line for line in text.splitlines() if line.strip()][-lines:]
    return "\n".join(f"  {line}" for line in last) or "  (it is empty)"


def stop_services(state: Path, record: Record, names: tuple[str, ...] | None = None) -> Record:
    """Stop services (all for None, strays of an unrecorded start too); none of their processes is left."""
    chosen = [name for name in record.processes if names is None or name in names]
    process.end_sessions([record.processes[name] for name in chosen])
    if names is None:
        process.end(process.carrying(MARK, str(state)))
    left = {name: identity for name, identity in record.processes.items() if name not in chosen}
    return write_record(state, replace(record, processes=left))


def clear_dead(state: Path, record: Record) -> Record:
    """End what is left of services that were killed, and processes that no record names: a start was cut off."""
    process.end_sessions([i for i in record.processes.values() if not process.is_alive(i)], patience=0)
    recorded = {pid for identity in record.processes.values() for pid in process.session_of(identity)}
    process.end([i for i in process.carrying(MARK, str(state)) if i.pid not in recorded], patience=2)
    alive = {name: identity for name, identity in record.processes.items() if process.is_alive(identity)}
    return write_record(state, replace(record, processes=alive))


def set_up_databases(state: Path, record: Record) -> bool:
    """Databases and roles of a running server; the answer is whether Airflow's database is new."""
    at = server(state, record)
    postgres.create_role(at, "airflow", record.secrets.airflow)
    new = postgres.create_database(at, "airflow", owner="airflow")
    postgres.create_database(at, "warehouse")
    postgres.close_to_public(at, ("airflow", "postgres", "template1"))
    write_private(state / "warehouse.url", warehouse_urls(state, record)["migstats_etl"] + "\n")
    roles = ("migstats_etl", "migstats_watchdog", "migstats_portal", "bi_reader")
    passwords = {role: getattr(record.secrets, role) for role in roles}
    write_private(state / "roles.json", json.dumps(passwords) + "\n")  # `migstats setup` gives them to the roles
    return new
