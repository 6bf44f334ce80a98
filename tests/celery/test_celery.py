"""CeleryExecutor with the settings and commands of docker-compose.yml: real Redis, PostgreSQL and two workers.

Not part of `make test`; run by `make test-celery`, which needs `redis-server` (Debian: apt-get install redis-server).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from test_compose import SERVICES, fill, free_port, make_databases, make_secrets, postgres_server

pytestmark = [pytest.mark.celery, pytest.mark.timeout(600)]

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]
TASKS = 6

#: Each task waits until tasks ran on two workers or 20 seconds are over, so that one worker cannot do all.
DAG = '''
import os
import time
from pathlib import Path

from airflow.sdk import dag, task

SEEN = Path(os.environ["MIGSTATS_STATE"]) / "seen"


@dag(schedule=None)
def spread():
    @task(retries=0)
    def work(number: int) -> str:
        worker = os.environ["TRIAL_WORKER"]
        SEEN.mkdir(exist_ok=True)
        (SEEN / f"{number}").write_text(f"{worker} {os.getpid()}")
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if len({path.read_text().split()[0] for path in SEEN.iterdir()} - {""}) > 1:
                break
            time.sleep(0.1)
        return worker

    work.expand(number=list(range(6)))


spread()
'''


@dataclass
class Installation:
    """The services of docker-compose.yml as processes of this machine."""

    folder: Path
    secrets: dict[str, str]
    ports: dict[str, int]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def environment(self, service: str) -> dict[str, str]:
        """The environment of a service, with this machine's addresses and folders in place of the containers'."""
        here = {
            "@postgres:5432": f"@127.0.0.1:{self.ports['postgres']}",
            "@redis:6379": f"@127.0.0.1:{self.ports['redis']}",
            "//api-server:8080": f"//127.0.0.1:{self.ports['api']}",
            "/opt/airflow": str(self.folder / "home"),
            "/var/lib/migstats": str(self.folder / "state"),
        }
        values = {}
        for name, text in SERVICES[service]["environment"].items():
            value = fill(str(text), self.secrets)
            for there, address in here.items():
                value = value.replace(there, address)
            values[name] = value
        values["AIRFLOW__LOGGING__BASE_LOG_FOLDER"] = str(self.folder / "logs")
        inherited = {name: os.environ[name] for name in ("LANG", "TZ") if name in os.environ}
        return {
            **inherited,
            "PATH": f"{BIN}:/usr/bin:/bin",
            "HOME": str(self.folder / "tmp"),
            "TMPDIR": str(self.folder / "tmp"),
            "AIRFLOW_HOME": str(self.folder / "home"),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.ports["api"]),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.ports["scheduler"]),
            "AIRFLOW__TRIGGERER__TRIGGER_LOG_SERVER_PORT": str(self.ports["triggerer"]),
            **values,
        }

    def start(self, name: str, service: str, *further: str, **environment: str) -> None:
        """Start a service under a name; its output goes to `<folder>/<name>.txt`."""
        command = [str(word) for word in SERVICES[service]["command"]]
        with (self.folder / f"{name}.txt").open("wb") as output:
            self.running[name] = subprocess.Popen(
                [*WITHOUT_PRIVILEGES, *command, *further],
                env={**self.environment(service), **environment},
                cwd=self.folder / "tmp",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, service: str, *command: str, text: str | None = None, **environment: str) -> str:
        """Run one command of a service to its end and return what it printed."""
        result = subprocess.run(
            [*WITHOUT_PRIVILEGES, *command],
            env={**self.environment(service), **environment},
            cwd=self.folder / "tmp",
            input=text,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        assert result.returncode == 0, f"{command}: {result.stdout[-2000:]} {result.stderr[-3000:]}"
        return result.stdout

    def stop(self) -> None:
        """End every process of every service that was started, and wait until they are gone."""
        for wanted in (signal.SIGTERM, signal.SIGKILL):
            for process in self.running.values():
                # The group has members after its leader has ended: Airflow's own children.
                if wanted is signal.SIGKILL or process.poll() is None:
                    signal_group(process.pid, wanted)
            until = time.monotonic() + 40
            while time.monotonic() < until and any(process.poll() is None for process in self.running.values()):
                time.sleep(0.2)
        self.running.clear()

    def check_alive(self) -> None:
        """Fail with the last lines of a service that has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                tail = (self.folder / f"{name}.txt").read_text(errors="replace")[-3000:]
                pytest.fail(f"{name} ended with {process.returncode}:\n{tail}")


def signal_group(pid: int, wanted: signal.Signals) -> None:
    """Send a signal to a process group that may be gone already."""
    try:
        os.killpg(pid, wanted)
    except ProcessLookupError:
        return


#: Permission bits do not bind root; without capabilities they do, and a read-only folder is one (O13).
WITHOUT_PRIVILEGES = (
    ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"] if os.geteuid() == 0 else []
)


def get(url: str, token: str = "", body: object = None, method: str | None = None) -> Any:
    """Ask the API; the answer as JSON. urllib.error.URLError where nobody answers."""
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def wait_for(what: str, installation: Installation, seconds: float, done: Any) -> float:
    """Wait until `done()` is true; the seconds it took. Fails with the output of a service that ended."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        installation.check_alive()
        try:
            if done():
                return time.monotonic() - start
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            pass  # not there yet
        time.sleep(0.3)
    tails = {n: (installation.folder / f"{n}.txt").read_text(errors="replace")[-1500:] for n in installation.running}
    pytest.fail(f"{what}: not after {seconds} s\n" + "\n".join(f"--- {n}\n{t}" for n, t in tails.items()))


def start_redis(installation: Installation) -> None:
    """Redis by the very script of docker-compose.yml, in a folder and on a port of its own."""
    (installation.folder / "redis").mkdir()
    script = fill(SERVICES["redis"]["command"][0], installation.secrets)
    script = script.replace("dir /data", f"dir {installation.folder}/redis\nbind 127.0.0.1\nport {installation.ports['redis']}")
    with (installation.folder / "redis.txt").open("wb") as output:
        installation.running["redis"] = subprocess.Popen(
            [*SERVICES["redis"]["entrypoint"], script],
            env={"PATH": "/usr/bin:/bin", "REDIS_PASSWORD": installation.secrets["REDIS_PASSWORD"]},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def redis_says(installation: Installation, password: str) -> str:
    """The answer to PING."""
    return subprocess.run(
        ["redis-cli", "-p", str(installation.ports["redis"]), "ping"],
        env={"PATH": "/usr/bin:/bin", "REDISCLI_AUTH": password},
        capture_output=True,
        text=True,
        check=False,
    ).stdout


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """Every service of docker-compose.yml but the watchdog, healthy, with two workers."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server): CELERY WAS NOT TRIED")
    folder = Path(tempfile.mkdtemp(prefix="migstats-celery-"))
    folder.chmod(0o755)
    for name in ("home", "home/dags", "home/plugins", "state", "logs", "tmp"):
        (folder / name).mkdir()
    (folder / "home" / "airflow.cfg").write_text("# as in the image\n")
    (folder / "home" / "dags" / "spread.py").write_text(DAG)
    for path in (folder / "home" / "dags", folder / "home" / "plugins", folder / "home"):
        path.chmod(0o555)
    names = ("postgres", "redis", "api", "scheduler", "triggerer", "worker-1", "worker-2")
    with postgres_server_with_secrets(folder) as (port, secrets):
        here = Installation(folder, secrets, {**{name: free_port() for name in names}, "postgres": port})
        try:
            start_redis(here)
            here.run("airflow-init", "airflow", "db", "migrate")
            password = secrets["ADMIN_PASSWORD"]
            for _ in range(2):  # as at each `up`
                here.run(
                    "airflow-init", "airflow", "users", "create", "--role", "Admin", "--username", "admin",
                    "--firstname", "Admin", "--lastname", "Admin", "--email", "admin@localhost",
                    text=f"{password}\n{password}\n",
                )  # fmt: skip
            began = time.monotonic()
            for service in ("api-server", "scheduler", "dag-processor", "triggerer"):
                here.start(service, service)
            for worker in ("worker-1", "worker-2"):
                (folder / "tmp" / worker).mkdir()
                here.start(
                    worker, "worker", "--celery-hostname", worker, "--pid", str(folder / "tmp" / f"{worker}.pid"),
                    TRIAL_WORKER=worker,
                    AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=str(here.ports[worker]),
                    AIRFLOW__CELERY__WORKER_CONCURRENCY="2",
                )  # fmt: skip
            wait_for("all services healthy", here, 180, lambda: healthy(here))
            print(f"\nhealthy after {time.monotonic() - began:.1f} s; {memory(here)} MiB (PSS)")
            yield here
        finally:
            here.stop()
            (folder / "home").chmod(0o755)
            if os.environ.get("KEEP") != "1":
                shutil.rmtree(folder)
