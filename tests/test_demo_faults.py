"""`make demo` where it cannot go on, or was killed: it says so in one line, leaves nothing running, harms nothing."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from migstats import process, services, settings

UP = [sys.executable, "-m", "migstats.demo", "up"]
DOWN = [sys.executable, "-m", "migstats.demo", "down"]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Of a demo of the test's own; stopped in any case."""
    scratch = Path(tempfile.gettempdir()).resolve()
    for folder in (tmp_path, *tmp_path.parents):
        if scratch in folder.resolve().parents:
            folder.chmod(0o755)  # PostgreSQL may run as another user
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MIGSTATS_", "AIRFLOW", "PORT_"))}
    ports = {name: str(process.free_port()) for name in ("PORT_UI", "PORT_POSTGRES", "PORT_REPLAY")}
    own = {**clean, **ports, "MIGSTATS_STATE": str(tmp_path / "state")}
    yield own
    subprocess.run(DOWN, env=own, capture_output=True, check=False, timeout=120)
    assert running(own) == []


def running(environment: Mapping[str, str]) -> list[int]:
    """Numbers of the processes of this demo, PostgreSQL's too."""
    state = environment["MIGSTATS_STATE"]
    marked = [one.pid for one in process.carrying(services.MARK, state)]
    return marked + process.in_folder(str(Path(state).resolve() / "postgres"), "postgres")


def run(command: list[str], environment: Mapping[str, str], seconds: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=seconds)


def wait_for(what: Path, within: float, watched: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + within
    while not what.exists():
        assert watched.poll() is None, f"ended with {watched.returncode} before {what}"
        assert time.monotonic() < deadline, f"no {what} after {within} s"
        time.sleep(0.05)


# --- ports -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "what"),
    [
        ("PORT_UI", "the web interface of Airflow"),
        ("PORT_POSTGRES", "PostgreSQL"),
        ("PORT_REPLAY", "the replay server"),
    ],
)
def test_a_taken_port_is_one_clear_line_and_nothing_is_started(
    environment: dict[str, str], variable: str, what: str
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run(UP, {**environment, variable: str(port)})
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"Error: port {port} of 127.0.0.1, which {what} needs, is taken by process {os.getpid()} (`")
    assert f"choose another port: `{variable}=" in line
    assert done.stdout == ""
    assert running(environment) == []
    assert not (Path(environment["MIGSTATS_STATE"]) / "postgres").exists()
    assert not (Path(environment["MIGSTATS_STATE"]) / "demo.lock").exists()


def test_the_port_that_is_offered_instead_is_free_and_no_service_is_recorded(environment: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        refused = run(UP, {**environment, "PORT_UI": str(other.getsockname()[1])})
        offered = refused.stderr.rpartition("PORT_UI=")[2].split()[0]
        process.require_free_port(int(offered), "the web interface of Airflow", "PORT_UI")
    record = services.read_record(Path(environment["MIGSTATS_STATE"]))
    assert record is not None
    assert record.processes == {}


# --- two at once -----------------------------------------------------------------------------------------------


@pytest.mark.database
def test_of_two_demos_at_once_one_goes_on_and_the_other_says_why_not(environment: dict[str, str]) -> None:
    both = [
        subprocess.Popen(UP, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        deadline = time.monotonic() + 60
        while all(one.poll() is None for one in both) and time.monotonic() < deadline:
            time.sleep(0.05)
        [loser] = [one for one in both if one.poll() is not None]
        [winner] = [one for one in both if one is not loser]
        said = loser.communicate()[1]
        assert loser.returncode == 1
        assert said.count("\n") == 1
        assert said.startswith("Error: ")
        assert f"another `make demo` or `make stop` is at work (process {winner.pid})" in said
        assert winner.poll() is None
        wait_for(Path(environment["MIGSTATS_STATE"]) / "postgres" / "postmaster.pid", 60, winner)
        winner.send_signal(signal.SIGTERM)
        assert "Interrupted: what was started stays" in winner.communicate(timeout=60)[1]
        assert winner.returncode == 130
    finally:
        for one in both:
            one.kill()
            one.communicate()
    assert services.read_record(Path(environment["MIGSTATS_STATE"])) is not None
    stopped = run(DOWN, environment)
    assert stopped.returncode == 0, stopped.stderr
    assert running(environment) == []


# --- killed ----------------------------------------------------------------------------------------------------


def kill_all(environment: Mapping[str, str], first: int) -> list[int]:
    """As a power cut does: the demo, its services, its tasks and its database, with no time to say anything."""
    killed: list[int] = []
    process.send([first], signal.SIGKILL)
    while left := running(environment):
        process.send(left, signal.SIGKILL)
        killed += left
        process.wait_until_gone(left, 5)
    return killed


def kill_in_the_middle_of_its_runs(environment: Mapping[str, str], said: Path) -> None:
    """Start a demo and kill all of it while tasks of Airflow are at work."""
    logs = Path(environment["MIGSTATS_STATE"]) / "logs" / "tasks"
    with (
        said.open("w") as out,
        subprocess.Popen(
            UP, env=dict(environment), stdout=out, stderr=subprocess.STDOUT, text=True, cwd=said.parent
        ) as first,
    ):
        deadline = time.monotonic() + 300
        while not any(logs.glob("dag_id=ingest_*/*/*/**/attempt=1.log")):
            assert first.poll() is None, said.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(3)
        assert first.poll() is None, "it was done before it could be killed"
        killed = kill_all(environment, first.pid)
        first.wait(timeout=30)
    assert len(killed) > 10, "Airflow, its tasks and PostgreSQL were to be killed"


@pytest.mark.database
def test_what_a_killed_start_left_is_stopped_without_a_trace(environment: dict[str, str]) -> None:
    """Killed as soon as PostgreSQL runs."""
    state = Path(environment["MIGSTATS_STATE"])
    with subprocess.Popen(UP, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as first:
        wait_for(state / "postgres" / "postmaster.pid", 60, first)
        assert kill_all(environment, first.pid)
        first.communicate(timeout=30)
    assert (state / "demo.lock").exists(), "a killed process cannot have cleaned up"
    stopped = run(DOWN, environment)
    assert stopped.returncode == 0, stopped.stderr
    assert not (state / "postgres" / "postmaster.pid").exists()
    assert not (state / "demo.lock").exists()


# --- the environment -------------------------------------------------------------------------------------------


def test_a_package_index_out_of_reach_is_said_and_the_environment_is_not_taken_for_whole(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("NO MAKE: the front door of the checkout cannot be tried")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("Makefile", "requirements.txt", "pyproject.toml", "README.md"):
        shutil.copy(settings.home() / name, checkout / name)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "MAKE", "MFLAGS"))}
    unreachable = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
    }
    venv = tmp_path / "venv"
    for attempt in ("the first time", "and again"):
        done = run(
            ["make", "-C", str(checkout), "venv", f"VENV={venv}", f"PYTHON={sys.executable}"], clean | unreachable
        )
        assert done.returncode != 0, attempt
        assert "Error: the packages of requirements.txt could not be installed" in done.stderr
        assert "a mirror is PIP_INDEX_URL" in done.stderr
        assert not (venv / ".installed").exists(), attempt
    assert (venv / "bin" / "python").exists()
