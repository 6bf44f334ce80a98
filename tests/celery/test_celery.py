"""CeleryExecutor with the settings and commands of docker-compose.yml: real Redis, PostgreSQL and two workers.

Not part of `make test`; run by `make test-celery`, which needs `redis-server` (Debian: apt-get install redis-server).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg
import pytest
from test_compose import ROOT, SERVICES, fill, free_port, make_databases, make_secrets, postgres_server

from migstats import demo
from migstats.source import read_sources

pytestmark = [pytest.mark.celery, pytest.mark.timeout(600)]

WORKERS = ("worker-1", "worker-2")

#: Each task waits until tasks ran on two workers or 20 seconds are over, so that a fast worker cannot do all of them.
DAG = """
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
        (SEEN / f"{worker}_{number}_{os.getppid()}").touch()
        until = time.monotonic() + 20
        while len({path.name.split("_")[0] for path in SEEN.iterdir()}) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        return worker

    work.expand(number=list(range(6)))


spread()
"""

#: Permission bits do not bind root. Without capabilities they do, so that a read-only folder is one (O13).
UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"] if os.geteuid() == 0 else []


@dataclass
class Installation:
    """The services of docker-compose.yml as processes of this machine, in one folder."""

    folder: Path
    secrets: dict[str, str]
    ports: dict[str, int]
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def here(self, text: str) -> str:
        """A text of docker-compose.yml with this machine's addresses and folders in place of the containers'."""
        addresses = {
            "@postgres:5432": f"@127.0.0.1:{self.ports['postgres']}",
            "@redis:6379": f"@127.0.0.1:{self.ports['redis']}",
            "//api-server:8080": f"//127.0.0.1:{self.ports['api']}",
            "127.0.0.1:8080": f"127.0.0.1:{self.ports['api']}",
            "127.0.0.1:8974": f"127.0.0.1:{self.ports['scheduler']}",
            "/opt/airflow": f"{self.folder}/home",
            "/var/lib/migstats": f"{self.folder}/state",
            "/tmp/": f"{self.folder}/tmp/",
            "dir /data": f"dir {self.folder}/redis\nbind 127.0.0.1\nport {self.ports['redis']}",
        }
        # In one pass: an address may hold what another one is for.
        return re.sub("|".join(map(re.escape, addresses)), lambda match: addresses[match[0]], text)

    def environment(self, service: str) -> dict[str, str]:
        """The environment that the service's container would have."""
        declared = SERVICES[service]["environment"]
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self.folder / "tmp"),
            "TMPDIR": str(self.folder / "tmp"),
            "AIRFLOW_HOME": str(self.folder / "home"),
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.ports["api"]),
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_PORT": str(self.ports["scheduler"]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(self.ports["triggerer"]),
            **{name: self.here(fill(str(text), self.secrets)) for name, text in declared.items()},
        }

    def start(self, name: str, service: str, *command: str, **environment: str) -> None:
        """Start a service under a name; its output goes to `<folder>/<name>.txt`."""
        with (self.folder / f"{name}.txt").open("wb") as output:
            self.running[name] = subprocess.Popen(
                [*UNPRIVILEGED, *command],
                env={**self.environment(service), **environment},
                cwd=self.folder / "tmp",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, service: str, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one command in the environment of a service, to its end."""
        return subprocess.run(
            [*UNPRIVILEGED, *command],
            env={**self.environment(service), **environment},
            cwd=self.folder / "tmp",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )

    def health(self, service: str, **environment: str) -> int:
        """Exit status of the service's own health check."""
        kind, *words = (self.here(fill(word, {})) for word in SERVICES[service]["healthcheck"]["test"])
        return self.run(service, *(words if kind == "CMD" else ["sh", "-c", *words]), **environment).returncode

    def output(self, name: str) -> str:
        """The end of what a service printed."""
        return f"--- {name}\n" + (self.folder / f"{name}.txt").read_text(errors="replace")[-2000:]

    def processes(self) -> list[psutil.Process]:
        """Every process of this installation, found by its environment; PostgreSQL has another one."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if str(self.folder) in process.environ().get("HOME", ""):
                    found.append(process)
        return found

    def stop(self) -> None:
        """End every process of every service, politely first, and wait until they are gone."""
        for process in self.running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        psutil.wait_procs(self.processes(), timeout=40)
        for left in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()
        psutil.wait_procs(self.processes(), timeout=10)
        for process in self.running.values():
            process.wait(timeout=10)

    def ask(self, path: str, token: str = "", body: object = None, method: str | None = None) -> Any:
        """Ask the API; the answer as JSON. urllib.error.URLError where nobody answers, or with an error."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['api']}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def token(self) -> str:
        """What the user `admin`, made by airflow-init, logs in with."""
        body = {"username": "admin", "password": self.secrets["ADMIN_PASSWORD"]}
        return str(self.ask("/auth/token", body=body)["access_token"])

    def wait_until(self, what: str, seconds: float, done: Callable[[], bool]) -> float:
        """Wait until `done`; the seconds that it took. Fails with what the services printed."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            ended = [name for name, process in self.running.items() if process.poll() is not None]
            if ended:
                pytest.fail(f"{what}: {ended} ended\n" + "\n".join(map(self.output, ended)))
            # Connections are refused until the API server listens.
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                if done():
                    return time.monotonic() - began
            time.sleep(0.3)
        pytest.fail(f"{what}: not within {seconds} s\n" + "\n".join(map(self.output, self.running)))

    def components_are_healthy(self) -> bool:
        """What Airflow says of its own components."""
        said = self.ask("/api/v2/monitor/health")
        return all(
            said[name]["status"] == "healthy" for name in ("metadatabase", "scheduler", "dag_processor", "triggerer")
        )


def results(installation: Installation) -> dict[str, int]:
    """How many tasks have which state in Celery's result backend."""
    with psycopg.connect(
        host="127.0.0.1",
        port=installation.ports["postgres"],
        dbname="airflow",
        user="airflow",
        password=installation.secrets["AIRFLOW_DB_PASSWORD"],
    ) as metadata:
        return dict(metadata.execute("SELECT status, count(*) FROM celery_taskmeta GROUP BY status").fetchall())


def code_below(home: Path) -> set[Path]:
    """Everything in the folder of code but the logs, which are a volume."""
    return {path for path in home.rglob("*") if home / "logs" not in path.parents}


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """Every service of docker-compose.yml, with two workers; not yet healthy."""
    if shutil.which("redis-server") is None:
        pytest.skip("CELERY WAS NOT TRIED: redis-server is not installed (Debian: apt-get install redis-server)")
    folder = Path(tempfile.mkdtemp(prefix="migstats-celery-"))
    for name in ("home", "home/dags", "home/plugins", "home/logs", "state", "tmp", "redis"):
        (folder / name).mkdir()
    (folder / "home" / "airflow.cfg").write_text("# as in the image\n", encoding="utf-8")
    (folder / "home" / "dags" / "spread.py").write_text(DAG, encoding="utf-8")
    for name in ("include", "expectations"):
        (folder / "home" / name).symlink_to(ROOT / name)
    code = [folder / "home" / "dags", folder / "home" / "plugins", folder / "home"]
    for part in code:
        part.chmod(0o555)
    secrets = make_secrets(folder / ".env")
    ports = {name: free_port() for name in ("redis", "api", "scheduler", "triggerer", *WORKERS)}
    with postgres_server(secrets["POSTGRES_PASSWORD"]) as ports["postgres"]:
        make_databases(ports["postgres"], secrets["POSTGRES_PASSWORD"], secrets)
        services = Installation(folder, secrets, ports)
        try:
            redis = SERVICES["redis"]
            services.start("redis", "redis", *redis["entrypoint"], services.here(fill(redis["command"][0], {})))
            for _ in range(2):  # airflow-init runs at each `up`
                job = SERVICES["airflow-init"]
                made = services.run("airflow-init", *job["entrypoint"], fill(job["command"][0], {}))
                assert made.returncode == 0, made.stderr[-3000:]
            services.start("watchdog", "watchdog", *SERVICES["watchdog"]["command"])
            for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
                services.start(name, name, *SERVICES[name]["command"])
            for name in WORKERS:
                words = [services.here(word) for word in SERVICES["worker"]["command"]]
                services.start(
                    name,
                    "worker",
                    # Two workers on one host: another name, pid file and log port; containers have their own.
                    *(word.replace("worker.pid", f"{name}.pid") for word in words),
                    "--celery-hostname",
                    name,
                    TRIAL_WORKER=name,
                    AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=str(ports[name]),
                    AIRFLOW__CELERY__WORKER_CONCURRENCY="2",
                )
            yield services
        finally:
            services.stop()
            left = services.processes()
            for part in reversed(code):
                part.chmod(0o755)
            shutil.rmtree(folder)
            assert left == [], left


def test_a_run_succeeds_and_both_workers_do_work(installation: Installation) -> None:
    before = code_below(installation.folder / "home")
    healthy = installation.wait_until("healthy services", 180, installation.components_are_healthy)

    token = installation.token()
    installation.wait_until("the DAG", 90, lambda: installation.ask("/api/v2/dags", token)["total_entries"] == 1)
    installation.ask("/api/v2/dags/spread", token, {"is_paused": False}, "PATCH")
    seconds = []
    for number in range(2):
        run = installation.ask("/api/v2/dags/spread/dagRuns", token, {"logical_date": None})["dag_run_id"]
        address = f"/api/v2/dags/spread/dagRuns/{quote(run)}"
        states: list[str] = []

        def ended(address: str = address, states: list[str] = states) -> bool:
            states.append(installation.ask(address, token)["state"])
            return states[-1] in ("success", "failed")

        seconds.append(installation.wait_until(f"run {number}", 180, ended))
        tasks = installation.ask(f"{address}/taskInstances", token)["task_instances"]
        assert states[-1] == "success", [(task["map_index"], task["state"]) for task in tasks]
        assert sorted((task["map_index"], task["state"]) for task in tasks) == [(n, "success") for n in range(6)]
        if number == 0:
            seen = [path.name.split("_") for path in (installation.folder / "state" / "seen").iterdir()]
            split = {worker: sum(name == worker for name, _, _ in seen) for worker in WORKERS}

    assert sorted(int(number) for _, number, _ in seen) == list(range(6))
    assert min(split.values()) >= 1, split
    # The result backend knows all of them; a worker tells it just after Airflow.
    installation.wait_until("results of 12 tasks", 30, lambda: results(installation) == {"SUCCESS": 12})
    # O13: read-only code, and none of the services has privileges.
    assert code_below(installation.folder / "home") == before

    pss = sum(process.memory_full_info().pss for process in installation.processes())
    print(
        f"\nhealthy after {healthy:.1f} s; runs {', '.join(f'{s:.1f} s' for s in seconds)}; tasks {split}; "
        f"{pss / 2**20:.0f} MiB (PSS)"
    )


@pytest.mark.parametrize("service", ["api-server", "scheduler", "dag-processor", "triggerer", "watchdog"])
def test_the_health_check_of_a_healthy_service_says_so(installation: Installation, service: str) -> None:
    installation.wait_until("healthy services", 180, installation.components_are_healthy)
    assert installation.health(service) == 0


def test_the_health_check_of_a_worker_asks_that_worker(installation: Installation) -> None:
    installation.wait_until("healthy services", 180, installation.components_are_healthy)
    assert installation.health("worker", HOSTNAME="worker-1") == 0
    assert installation.health("worker", HOSTNAME="worker-9") != 0


def test_the_queue_is_closed_to_those_without_its_password(installation: Installation) -> None:
    ping = ["redis-cli", "-p", str(installation.ports["redis"]), "ping"]
    asked = {
        password: installation.run("redis", *ping, REDISCLI_AUTH=password).stdout.strip()
        for password in (installation.secrets["REDIS_PASSWORD"], "wrong")
    }
    assert asked[installation.secrets["REDIS_PASSWORD"]] == "PONG"
    assert "NOAUTH" in asked["wrong"] or "WRONGPASS" in asked["wrong"]


def test_every_host_of_a_source_has_its_pool(installation: Installation) -> None:
    """O05: a task whose pool is missing waits for ever."""
    installation.wait_until("healthy services", 180, installation.components_are_healthy)
    there = {pool["name"] for pool in installation.ask("/api/v2/pools", installation.token())["pools"]}
    wanted = set(demo.pools(read_sources().values()))
    assert wanted <= there


def test_the_watchdog_ends_a_long_query_of_the_bi_role(installation: Installation) -> None:
    """With the passwords that airflow-init gave to the roles; `--once --seconds 1`, since a test cannot wait longer."""
    with (
        psycopg.connect(
            host="127.0.0.1",
            port=installation.ports["postgres"],
            dbname="warehouse",
            user="bi_reader",
            password=installation.secrets["MIGSTATS_BI_READER_PASSWORD"],
            autocommit=True,
        ) as reader,
        ThreadPoolExecutor() as threads,
    ):
        query = threads.submit(reader.execute, "SELECT pg_sleep(60)")
        time.sleep(2)
        looked = installation.run("watchdog", *SERVICES["watchdog"]["command"], "--once", "--seconds", "1")
        assert looked.returncode == 0, looked.stderr[-2000:]
        with pytest.raises(psycopg.OperationalError):
            query.result(timeout=20)
