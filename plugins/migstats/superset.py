"""`make superset`: an Apache Superset beside the demo, in an environment of its own, that shows our dashboards.

`python -m migstats.superset check | up | down`
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import requests

from migstats import dashboards, postgres, process, services, settings
from migstats.errors import ConfigurationError, MigstatsError, PermanentError
from migstats.roles import role_url

#: Marks the server by its state folder, so that it is found even where no record of it is left.
MARK = "MIGSTATS_SUPERSET_OF"

_HEALTHY_WITHIN = 180.0


@dataclass(frozen=True)
class Record:
    """`superset.json`: what the next `make superset` or `make stop` has to know. Readable by its owner only."""

    port: int
    secret_key: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    admin: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    server: process.Identity | None = None
    #: Of what was loaded last; another one is loaded anew.
    loaded: str = ""


def root() -> Path:
    """MIGSTATS_SUPERSET (default `.superset/` of the checkout): everything that Superset writes, but its packages."""
    return Path(os.environ.get("MIGSTATS_SUPERSET") or settings.home() / ".superset").absolute()


def programs() -> Path:
    """Where the programs of Superset's environment are; `make superset` installs it."""
    return settings.home().absolute() / ".superset" / "venv" / "bin"


def read_record(folder: Path) -> Record | None:
    """The record, or None where there is none. ConfigurationError where it cannot be understood."""
    file = folder / "superset.json"
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        server = facts.pop("server")
        return Record(server=process.Identity(**server) if server else None, **facts)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{file}: is no record of this version ({error!r}); delete the folder {folder} and run `make superset`"
        ) from error


def _write(folder: Path, record: Record) -> Record:
    services.write_private(folder / "superset.json", json.dumps(asdict(record), indent=1) + "\n")
    return record


# --- the warehouse that is shown -----------------------------------------------------------------------------------


def warehouse_uri() -> str:
    """The warehouse of the demo (or the one that MIGSTATS_WAREHOUSE names) as bi_reader, for SQLAlchemy with psycopg2.

    ConfigurationError where the demo does not run.
    """
    state = settings.state()
    if not os.environ.get("MIGSTATS_WAREHOUSE"):
        if services.read_record(state) is None:
            raise ConfigurationError("there is no warehouse to show: run `make demo` first, then `make superset`")
        if not postgres.is_running(state / "postgres"):
            raise ConfigurationError(
                f"the demo of {state}, which Superset shows, was stopped: run `make demo`, then `make superset`"
            )
    return role_url(settings.warehouse_url(), "bi_reader").replace("postgresql://", "postgresql+psycopg2://", 1)


# --- starting and stopping -----------------------------------------------------------------------------------------


def environment(folder: Path, record: Record) -> dict[str, str]:
    """The environment of Superset's programs."""
    astray = ("AIRFLOW", "PYTHON", "SUPERSET", "FLASK", "MIGSTATS", "VIRTUAL_ENV", "PG")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(astray)}
    return inherited | {
        MARK: str(folder),
        "SUPERSET_CONFIG_PATH": str(settings.home().absolute() / "deploy" / "superset_config.py"),
        "SUPERSET_HOME": str(folder),
        "SUPERSET_SECRET_KEY": record.secret_key,
        "SUPERSET_METADATA": f"sqlite:///{folder}/superset.db",
        "SUPERSET_ADMIN_PASSWORD": record.admin,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def check() -> None:
    """Raise DeclarationError for wrong dashboards, ConfigurationError where there is no warehouse to show."""
    dashboards.read_dashboards()
    warehouse_uri()


def up() -> None:
    """Bring Superset to the declared dashboards and start it. What is as it should be is left alone."""
    declared = dashboards.read_dashboards()
    uri = warehouse_uri()
    folder = root()
    port = process.chosen_port(os.environ, "PORT_SUPERSET", 8088)
    if not (programs() / "gunicorn").exists():
        raise ConfigurationError(f"Superset is not installed in {programs().parent}; `make superset` does it")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with process.alone(folder / "superset.lock"):
        record = read_record(folder) or Record(port)
        files = dashboards.bundle(declared, uri)
        wanted = _fingerprint(files)
        if record.loaded != wanted or not (folder / "superset.db").exists():
            record = _load(folder, _stop(folder, record), files, wanted)  # a running server would keep its old settings
        if record.port != port or not _answers(record):
            record = _start(folder, _stop(folder, replace(record, port=port)))
    at = urlsplit(uri)
    print(f"Superset   http://127.0.0.1:{record.port}/dashboard/list/   (to look: nothing to log in)")
    for dashboard in declared.dashboards:
        print(f"           http://127.0.0.1:{record.port}{path_of(dashboard)}   {dashboard.title}")
    print(f"To edit    http://127.0.0.1:{record.port}/login/   user admin, password {record.admin}")
    print(f"Shows      {at.path.removeprefix('/')} at {at.hostname}:{at.port} as {at.username}; schema bi, read only")
    print(f"Kept in    {folder}\nStop       make stop")


def path_of(dashboard: dashboards.Dashboard) -> str:
    """Where the server shows a dashboard."""
    return f"/superset/dashboard/{dashboard.id.replace('_', '-')}/"


def _fingerprint(files: dict[str, str]) -> str:
    deployed = sorted((settings.home() / "deploy").glob("superset_*.py"))
    facts = [
        dashboards.zipped(files),
        (settings.home() / "requirements-superset.txt").read_bytes(),
        *(file.read_bytes() for file in deployed),
    ]
    return sha256(b"\0".join(facts)).hexdigest()


def _load(folder: Path, record: Record, files: dict[str, str], wanted: str) -> Record:
    """Migrate Superset's database and import the bundle; about a minute the first time."""
    print("Bringing Superset to the declared dashboards (a minute the first time) ...", flush=True)
    _write(folder, record)  # the key first: what it encrypts is lost without it
    bundle = folder / "bundle.zip"
    dashboards.write(bundle, dashboards.zipped(files))
    log = folder / "load.log"
    try:
        with log.open("wb") as stream:
            done = subprocess.run(
                [programs() / "python", settings.home().absolute() / "deploy" / "superset_load.py", bundle],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environment(folder, record),
                check=False,
            )
    finally:
        bundle.unlink(missing_ok=True)
    if done.returncode:
        raise PermanentError(f"Superset did not take the dashboards; the end of {log}:\n{services.tail(log)}")
    return _write(folder, replace(record, loaded=wanted))


def _start(folder: Path, record: Record) -> Record:
    process.require_free_port(record.port, "Superset", "PORT_SUPERSET")
    log = folder / "server.log"
    command = [
        *(str(programs() / "gunicorn"), "superset.app:create_app()", "--bind", f"127.0.0.1:{record.port}"),
        *("--worker-class", "gthread", "--workers", "1", "--threads", "8", "--timeout", "180"),
    ]
    with log.open("wb") as stream:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=environment(folder, record),
            start_new_session=True,
        )
    record = _write(folder, replace(record, server=process.identify(child.pid)))
    deadline = time.monotonic() + _HEALTHY_WITHIN
    while not _answers(record):
        if child.poll() is not None or time.monotonic() > deadline:
            what = "ended by itself" if child.poll() is not None else f"does not answer after {_HEALTHY_WITHIN:.0f} s"
            raise PermanentError(f"Superset {what}; the end of {log}:\n{services.tail(log)}")
        time.sleep(0.5)
    return record


def _answers(record: Record) -> bool:
    """Whether our server runs, and says that it is well."""
    if record.server is None or not process.is_alive(record.server):
        return False
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"http://127.0.0.1:{record.port}/health", timeout=10).ok
    except requests.RequestException:
        return False


def _stop(folder: Path, record: Record) -> Record:
    if record.server is not None:
        process.end_sessions([record.server])
    process.end(process.carrying(MARK, str(folder)))
    return _write(folder, replace(record, server=None))


def down() -> None:
    """Stop the server; what it keeps stays."""
    folder = root()
    record = read_record(folder)
    if record is None:
        return
    with process.alone(folder / "superset.lock"):
        if record.server is not None or process.carrying(MARK, str(folder)):
            _stop(folder, record)
            print("Stopped Superset")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, 1 not done (and why, on standard error)."""
    parser = argparse.ArgumentParser(prog="python -m migstats.superset", description="Superset beside the demo.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="say what is missing before anything is installed")
    commands.add_parser("up", help="load the dashboards, start the server")
    commands.add_parser("down", help="stop the server")
    chosen = parser.parse_args(arguments)
    try:
        {"check": check, "up": up, "down": down}[chosen.command]()
    except MigstatsError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
