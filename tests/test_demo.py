"""What `make demo` remembers, refuses and reports; the services themselves are in test_end_to_end.py."""

from __future__ import annotations

import fcntl
import http.server
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import toy
import yaml

from migstats import demo, process, services, settings
from migstats.errors import ConfigurationError, DeclarationError, MigstatsError
from migstats.services import Ports, Record
from migstats.source import read_sources

PORTS = Ports(ui=18080, postgres=15433, replay=18100)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"PORT_UI": "http"}, "PORT_UI='http'"),
        ({"PORT_UI": "80"}, "PORT_UI='80'"),
        ({"PORT_REPLAY": "70000"}, "PORT_REPLAY='70000'"),
        ({"PORT_UI": "9000", "PORT_POSTGRES": "9000"}, "must differ"),
    ],
)
def test_ports_that_cannot_be_are_refused_by_name(environment: Mapping[str, str], wanted: str) -> None:
    with pytest.raises(ConfigurationError, match=wanted):
        services.chosen_ports(environment)


def test_the_record_comes_back_as_it_was_and_is_its_owners_only(tmp_path: Path) -> None:
    record = Record(ports=PORTS, processes={"scheduler": process.Identity(7, 1.5)}, migrated="3.3.2")
    services.write_record(tmp_path, record)
    assert services.read_record(tmp_path) == record
    assert stat.S_IMODE(services.record_file(tmp_path).stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"ports": {"ui": 1}}'])
def test_a_record_that_is_none_says_what_to_do(tmp_path: Path, text: str) -> None:
    services.record_file(tmp_path).write_text(text)
    with pytest.raises(ConfigurationError, match="delete it"):
        services.read_record(tmp_path)


def test_a_nearly_full_disk_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**10, 0, 10**9))
    with pytest.raises(ConfigurationError, match=r"1\.00 GB are free .* needs 1\.5 GB"):
        services.prepare(tmp_path / "var")


def test_two_that_begin_at_the_same_moment_both_find_the_state_folder_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "run" / "state"
    made = Path.mkdir

    def after_the_other(folder: Path, *given: Any, **named: Any) -> None:
        if folder == state:
            monkeypatch.setattr(Path, "mkdir", made)
            services.prepare(state)
        made(folder, *given, **named)

    monkeypatch.setattr(Path, "mkdir", after_the_other)
    services.prepare(state)
    assert stat.S_IMODE(state.stat().st_mode) == 0o755
    assert (state / "airflow").is_dir()


def test_a_holder_that_has_not_said_who_it_is_yet_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "demo.lock"
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        writing = threading.Timer(0.2, file.write_text, ("4711",))
        writing.start()
        with pytest.raises(ConfigurationError, match="process 4711"), services.exclusive(tmp_path):
            raise AssertionError("two at once")
        writing.join()


def test_only_one_at_a_time_and_the_other_is_named(tmp_path: Path) -> None:
    with (
        services.exclusive(tmp_path),
        pytest.raises(ConfigurationError, match=rf"process {os.getpid()}"),
        services.exclusive(tmp_path),
    ):
        raise AssertionError("two at once")
    assert list(tmp_path.iterdir()) == []
    with services.exclusive(tmp_path):
        assert (tmp_path / "demo.lock").read_text() == str(os.getpid())


def test_stop_takes_over_from_a_demo_that_is_at_work(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from migstats import services\n"
        "with services.exclusive(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with services.exclusive(tmp_path, take_over=True):
            assert holder.wait(timeout=10) == -signal.SIGTERM


def test_a_recycled_number_is_another_process() -> None:
    me = process.identify(os.getpid())
    assert me is not None
    assert process.is_alive(me)
    assert not process.is_alive(process.Identity(me.pid, me.started - 3600))
    assert process.session_of(process.Identity(me.pid, me.started - 3600)) == []


def test_ending_a_session_ends_children_that_outlive_their_parent() -> None:
    script = "trap '' TERM; sleep 60 & echo $!; wait"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True) as leader:
        assert leader.stdout is not None
        child = int(leader.stdout.readline())
        identity = process.identify(leader.pid)
        assert identity is not None
        leader.kill()
        leader.wait()
        assert process.session_of(identity) == [child]
        process.end_sessions([identity], patience=0)
        assert process.identify(child) is None


def test_a_taken_port_names_who_has_it_and_another_one() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError) as raised:
            process.require_free_port(port, "the web interface", "PORT_UI")
    assert f"process {os.getpid()}" in str(raised.value)
    assert "PORT_UI=" in str(raised.value)


def test_services_listen_on_this_machine_only_and_know_nothing_of_another_airflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", "postgresql://elsewhere/warehouse")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    found = services.environment(tmp_path, Record(ports=PORTS))
    assert found["AIRFLOW__CORE__EXECUTOR"] == "migstats.executor.ForkingExecutor"
    assert found["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert found["MIGSTATS_WAREHOUSE"].startswith("postgresql://migstats_etl:")
    assert "PYTHONDONTWRITEBYTECODE" not in found
    assert found["MIGSTATS_REPLAY"] == "http://127.0.0.1:18100"


def test_live_asks_the_publishers_themselves(tmp_path: Path) -> None:
    live = Record(ports=PORTS, live=True)
    assert "MIGSTATS_REPLAY" not in services.environment(tmp_path, live)
    assert "replay" not in services.commands(live)


def test_every_selected_source_is_declared_and_every_host_has_a_pool() -> None:
    sources = read_sources()
    assert set(demo.selection(sources)) <= set(sources)
    slots = demo.pools(sources.values())
    assert set(slots) == {f"host_{host}" for source in sources.values() for host in source.hosts}
    assert min(slots.values()) >= 1


@pytest.mark.parametrize("releases", [True, False])
def test_a_further_source_runs_for_the_slices_that_it_has_samples_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, releases: bool
) -> None:
    toy.declare(tmp_path, monkeypatch, "toy", "zoo", releases=releases)
    if releases:
        declaration = tmp_path / "sources" / "toy" / "source.yaml"
        declaration.write_text(declaration.read_text().replace("{part}.csv", "{part}-{release}.csv"))
    sources = read_sources()
    before = demo.selection(sources)
    assert not {"toy", "zoo"} & set(before), "without a sample nothing can be asked for"
    for release in ("2019", "2022") if releases else ("",):
        file = tmp_path / "sources" / "toy" / "sample" / release / "figures" / "part=b.csv"
        file.parent.mkdir(parents=True)
        file.write_bytes(toy.payload([{}]))
    wanted = {"slices": ["figures/part=b"]} | ({"release": "2022"} if releases else {})
    assert demo.selection(sources) == {**before, "toy": wanted}
    named = yaml.safe_load((settings.include() / "samples" / "demo.yaml").read_text())
    assert demo.selection(sources, live=True) == {**{name: {} for name in sources}, **named}
    assert set(before) == set(named), "further sources of the project are not on the short list"
    assert "inflows/year=2022" in demo.selection(sources, every=True)["oecd_migration"]["slices"]


def test_services_find_the_folders_that_were_meant_where_the_command_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIGSTATS_SOURCES", os.pathsep.join(["mine", "/srv/yours"]))
    monkeypatch.setenv("MIGSTATS_LAKE", "lake")
    monkeypatch.setenv("MIGSTATS_STATE", "var")
    found = services.environment(tmp_path / "var", Record(ports=PORTS))
    assert found["MIGSTATS_SOURCES"] == f"{tmp_path}/mine{os.pathsep}/srv/yours"
    assert found["MIGSTATS_LAKE"] == f"{tmp_path}/lake"
    assert found["MIGSTATS_DATA_DOCS"] == f"{tmp_path}/var/data_docs"


def test_the_short_list_is_run_for_its_newest_years_and_all_of_them_where_everything_is_asked_for() -> None:
    sources = read_sources()
    named = yaml.safe_load((settings.include() / "samples" / "demo.yaml").read_text())
    years = {name: asked["years"] for name, asked in named.items() if "years" in asked}
    assert min(len(there) for there in years.values()) > 2
    short = demo.selection(sources)
    every, live = demo.selection(sources, every=True), demo.selection(sources, live=True)
    for name, there in years.items():
        assert short[name] == {**named[name], "years": sorted(there)[-2:]}
        assert every[name] == live[name] == named[name]


@pytest.mark.parametrize(("text", "wanted"), [("- a", "each line is"), ("no_such_source:", "are no sources")])
def test_a_selection_that_cannot_be_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, wanted: str
) -> None:
    sources = read_sources()
    (tmp_path / "include" / "samples").mkdir(parents=True)
    (tmp_path / "include" / "samples" / "demo.yaml").write_text(text)
    monkeypatch.setenv("MIGSTATS_HOME", str(tmp_path))
    with pytest.raises(DeclarationError, match=wanted):
        demo.selection(sources)


def test_errors_of_a_tasks_log_are_told_with_the_exception_and_nothing_else(tmp_path: Path) -> None:
    log = tmp_path / "attempt=1.log"
    facts = [
        {"event": "GET https://example.org", "level": "info"},
        {
            "event": "Task failed with exception",
            "level": "error",
            "error_detail": [{"exc_type": "DriftError", "exc_value": "Table 1: no header `Year`"}],
        },
    ]
    log.write_text("\n".join(["printed by a library", *map(json.dumps, facts)]))
    assert demo.error_lines(log) == ["Task failed with exception; DriftError: Table 1: no header `Year`"]
    assert demo.error_lines(tmp_path / "none.log") == []


def test_missing_is_shown_as_missing_and_zero_as_zero() -> None:
    shown = [demo._shown("figure", value) for value in (None, 0, 0.0, 1234567, 2.25)]
    assert shown == ["–", "0", "0", "1,234,567", "2.2"]
    assert demo._shown("year", 2024) == "2024"


def test_status_of_what_never_ran_is_not_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path))
    began = signal.getsignal(signal.SIGTERM)
    try:
        assert demo.main(["status"]) == 1
        assert "Nothing runs" in capsys.readouterr().out
        assert demo.main(["down"]) == 0
    finally:
        signal.signal(signal.SIGTERM, began)


@pytest.mark.parametrize(
    ("method", "answers", "asked", "ends_well"),
    [
        ("PATCH", [500, 500, 200], 3, True),  # the scheduler changed the same run, and Airflow's database gave us up
        ("PATCH", [500] * 9, 6, False),
        ("PATCH", [409], 1, False),
        ("POST", [500, 200], 1, False),  # asked again, it would make two runs
    ],
)
def test_a_change_that_airflow_fails_to_make_is_asked_for_again_a_new_run_is_not(
    method: str, answers: list[int], asked: int, ends_well: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo._AGAIN, "backoff_factor", 0)
    left = list(answers)

    class Failing(http.server.BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(left.pop(0))
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_PATCH

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Failing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        airflow = demo.Airflow(server.server_port, "unused")
        if ends_well:
            assert airflow.call(method, "/api/v2/dags/d/dagRuns/r", {"state": "failed"}) == {}
        else:
            with pytest.raises(MigstatsError):
                airflow.call(method, "/api/v2/dags/d/dagRuns/r", {"state": "failed"})
        assert len(answers) - len(left) == asked
    finally:
        server.shutdown()
        server.server_close()
