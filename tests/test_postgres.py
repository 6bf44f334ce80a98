"""The embedded PostgreSQL as a laptop treats it: killed, moved, blocked, filled up."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from migstats import postgres, process
from migstats.errors import ConfigurationError

pytestmark = pytest.mark.database


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder that the server's user may enter, whoever that is."""
    scratch = Path(tempfile.gettempdir()).resolve()
    for folder in (tmp_path, *tmp_path.parents):
        if scratch in folder.resolve().parents:
            folder.chmod(0o755)
    return tmp_path


@pytest.fixture
def data(home: Path) -> Iterator[Path]:
    folder = home / "postgres"
    yield folder
    postgres.stop(folder)


def postmaster(data: Path) -> int:
    return int((data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])


def serving(data: Path) -> list[int]:
    return process.in_folder(str(data.resolve()), "postgres")


def ask(server: postgres.Server, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url("postgres")) as connection:
        return connection.execute(query).fetchall()


def start(data: Path, port: int = 0, password: str = "first", *, durable: bool = False) -> postgres.Server:
    return postgres.start(data, port or process.free_port(), password, durable=durable)


def fill(folder: Path, leave: int) -> None:
    """Take all the space of the disk of `folder` but `leave` bytes."""
    with (folder / "ballast").open("wb") as ballast:
        ballast.write(bytes(shutil.disk_usage(folder).free - leave))


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """A disk of 60 MB."""
    if os.geteuid() != 0 or not sys.platform.startswith("linux"):
        pytest.skip("NO SMALL DISK: mounting one needs root on Linux")
    disk = home / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60m,mode=0755", "tmpfs", disk], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"NO SMALL DISK: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


# --- the life of a server --------------------------------------------------------------------------------------


def test_a_server_starts_answers_on_its_url_and_stops_without_a_trace(data: Path) -> None:
    port = process.free_port()
    server = start(data, port)
    expected = f"postgresql://postgres:first@127.0.0.1:{port}/postgres"  # pragma: allowlist secret
    assert server.url("postgres") == expected
    assert ask(server, "SELECT inet_server_port(), current_setting('listen_addresses')") == [(port, "127.0.0.1")]
    assert postgres.is_running(data)
    assert postgres.port_of(data) == port
    left = serving(data)
    assert postmaster(data) in left
    postgres.stop(data)
    assert serving(data) == []
    assert process.wait_until_gone(left, 0)
    assert not (data / "postmaster.pid").exists()
    assert not postgres.is_running(data)
    postgres.stop(data)  # once more: nothing to do
    process.require_free_port(port, "PostgreSQL", "PORT_POSTGRES")


def test_a_closed_database_lets_its_owner_in_and_no_other_role(data: Path) -> None:
    at = start(data)
    for role in ("airflow", "bi_reader"):
        postgres.create_role(at, role, role)
    postgres.create_database(at, "airflow", owner="airflow")
    postgres.close_to_public(at, ("airflow", "postgres", "template1"))
    local = {"host": "127.0.0.1", "port": at.port}
    psycopg.connect(**local, user="airflow", password="airflow", dbname="airflow").close()  # pragma: allowlist secret
    for name in ("airflow", "postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(**local, user="bi_reader", password="bi_reader", dbname=name)  # pragma: allowlist secret


def test_a_second_start_changes_nothing(data: Path) -> None:
    first = start(data)
    before = postmaster(data)
    settings = (data / "migstats.conf").stat().st_mtime_ns
    assert start(data, first.port) == first
    assert postmaster(data) == before
    assert (data / "migstats.conf").stat().st_mtime_ns == settings


def test_another_port_moves_the_server_with_its_data(data: Path) -> None:
    first = start(data)
    with psycopg.connect(first.url("postgres")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS figure")
    second = start(data, process.free_port())
    assert second.port != first.port
    assert ask(second, "TABLE kept") == [(7,)]
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(first.url("postgres"), connect_timeout=2)


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_another_password_becomes_the_new_one(data: Path, running: bool) -> None:
    first = start(data)
    if not running:
        postgres.stop(data)
    second = start(data, first.port, "it's a \\ new/one")
    assert ask(second, "SELECT 1") == [(1,)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(first.url("postgres"))


def test_a_password_that_postgres_cannot_take_is_never_taken_for_set(data: Path) -> None:
    first = start(data)
    with pytest.raises(ConfigurationError, match="password"):
        start(data, first.port, "two\nlines")


# --- killed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("durable", [True, False])
def test_what_was_committed_outlives_a_kill(data: Path, durable: bool) -> None:
    first = start(data, durable=durable)
    with psycopg.connect(first.url("postgres")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS figure")
    orphans = serving(data)
    os.kill(postmaster(data), signal.SIGKILL)
    second = start(data, first.port, durable=durable)
    assert ask(second, "SELECT count(*) FROM kept") == [(1000,)]
    assert not set(orphans) & set(serving(data))


def test_only_a_durable_server_forces_its_writes_to_the_disk(home: Path) -> None:
    for durable, wanted in ((True, "on"), (False, "off")):
        folder = home / f"durable_{durable}"
        try:
            server = start(folder, durable=durable)
            assert ask(server, "SHOW fsync") == [(wanted,)]
            assert ask(server, "SHOW full_page_writes") == [(wanted,)]
            assert ask(server, "SHOW synchronous_commit") == [("on",)]
        finally:
            postgres.stop(folder)


def test_a_query_that_outlives_its_postmaster_is_ended_before_the_next_start(data: Path) -> None:
    first = start(data)
    with psycopg.connect(first.url("postgres"), autocommit=True) as connection:
        backend = connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)  # as one that waits for a disk: it does not see that its server died
        os.kill(postmaster(data), signal.SIGKILL)
        second = start(data, first.port)
        assert process.identify(backend) is None
    assert ask(second, "SELECT 1") == [(1,)]


def test_a_pid_file_of_another_process_does_not_count_and_that_process_lives(data: Path) -> None:
    server = start(data)
    lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    postgres.stop(data)
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            (data / "postmaster.pid").write_text("\n".join([str(other.pid), *lines[1:]]) + "\n", encoding="utf-8")
            assert not postgres.is_running(data)
            again = start(data, server.port)
            assert ask(again, "SELECT 1") == [(1,)]
            assert postmaster(data) != other.pid
            assert other.poll() is None
        finally:
            other.kill()


def test_the_server_of_another_folder_is_not_taken_for_ours(home: Path, data: Path) -> None:
    other = home / "other"
    try:
        theirs = start(other)
        ours = start(data)
        postgres.stop(data)
        shutil.copy(other / "postmaster.pid", data / "postmaster.pid")
        assert not postgres.is_running(data)
        start(data, ours.port)
        postgres.stop(data)
        assert ask(theirs, "SELECT 1") == [(1,)]
    finally:
        postgres.stop(other)


@pytest.mark.parametrize("text", ["", "garbage\n", "1\n"])
def test_a_pid_file_that_was_cut_off_is_no_hindrance(data: Path, text: str) -> None:
    server = start(data)
    postgres.stop(data)
    (data / "postmaster.pid").write_text(text)
    assert ask(start(data, server.port), "SELECT 1") == [(1,)]


def test_a_server_that_is_still_recovering_is_waited_for(data: Path) -> None:
    server = start(data)
    programs = Path(os.readlink(f"/proc/{postmaster(data)}/exe")).parent
    owner = (data / "PG_VERSION").stat()
    postgres.stop(data)
    (data / "recovery.signal").touch()
    os.chown(data / "recovery.signal", owner.st_uid, owner.st_gid)
    with (data / "postgresql.auto.conf").open("a") as conf:
        conf.write("restore_command = 'sleep 1; exit 1'\n")
    subprocess.run(
        [programs / "pg_ctl", "-W", "-D", data, "-l", postgres.log_file(data), "start"],
        user=owner.st_uid,
        group=owner.st_gid,
        cwd="/",
        check=True,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 10
    while not postgres.is_running(data) and time.monotonic() < deadline:
        time.sleep(0.01)
    before = postmaster(data)
    with pytest.raises(psycopg.OperationalError, match=r"starting up|refused|not yet accepting"):
        psycopg.connect(server.url("postgres"))
    assert ask(start(data, server.port), "SELECT 1") == [(1,)]
    assert postmaster(data) == before


def test_a_server_that_is_just_ending_is_waited_for_and_started_again(data: Path) -> None:
    server = start(data)
    with psycopg.connect(server.url("postgres")):
        before = postmaster(data)
        os.kill(before, signal.SIGTERM)  # a smart shutdown: no one is let in, and it ends with its last client
        time.sleep(0.3)
        closing = threading.Timer(1.0, lambda: os.kill(before, signal.SIGINT))
        closing.start()
        assert ask(start(data, server.port), "SELECT 1") == [(1,)]
        closing.join()
    assert postmaster(data) != before


# --- refused ---------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_names_who_has_it_and_another_one(data: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError) as raised:
            start(data, port)
    said = str(raised.value)
    assert f"port {port} of 127.0.0.1, which PostgreSQL needs, is taken by process {os.getpid()}" in said
    assert "PORT_POSTGRES=" in said
    assert not data.exists()


def test_the_port_of_another_postgres_is_taken_too(home: Path, data: Path) -> None:
    other = home / "other"
    try:
        theirs = start(other)
        with pytest.raises(ConfigurationError, match=rf"taken by process {postmaster(other)}"):
            start(data, theirs.port)
        assert ask(theirs, "SELECT 1") == [(1,)]
    finally:
        postgres.stop(other)


def test_data_of_another_major_version_are_refused_and_left_alone(data: Path) -> None:
    start(data)
    postgres.stop(data)
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(ConfigurationError, match=r"made by PostgreSQL 9, the programs here are \d+; .*pg_dump"):
        start(data)
    assert (data / "PG_VERSION").read_text() == "9\n"
    assert not postgres.is_running(data)


def test_a_folder_of_something_else_is_refused_and_left_alone(data: Path) -> None:
    data.mkdir()
    (data / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="is not empty and no PostgreSQL data; move it away"):
        start(data)
    assert [(file.name, file.read_text()) for file in data.iterdir()] == [("thesis.txt", "mine")]


def test_an_initialisation_that_was_cut_off_is_begun_anew(data: Path) -> None:
    half = data.with_name("postgres.new")
    half.mkdir()
    (half / "PG_VERSION").write_text("17\n")
    assert ask(start(data), "SELECT 1") == [(1,)]
    assert not half.exists()


def test_a_folder_that_the_servers_user_may_not_enter_is_refused(home: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("NOT ROOT: an ordinary user's server runs as that user")
    private = home / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(ConfigurationError, match=f"may not enter {private}; .*chmod o"):
        start(private / "postgres")


# --- no space --------------------------------------------------------------------------------------------------

FULL = r"the disk is full \(\d+ MB are free, the demo needs 1,500\).*MIGSTATS_STATE="


@pytest.mark.parametrize("free", [0, 10_000_000, 30_000_000])
def test_a_disk_too_small_for_a_new_server_is_said_to_be_full(small_disk: Path, free: int) -> None:
    fill(small_disk, free)
    with pytest.raises(ConfigurationError, match=FULL):
        start(small_disk / "postgres")
    assert serving(small_disk / "postgres") == []
    assert not list(small_disk.glob("*.new"))


def test_a_disk_that_filled_up_between_two_starts_is_said_to_be_full(small_disk: Path) -> None:
    data = small_disk / "postgres"
    try:
        server = start(data)
        with psycopg.connect(server.url("postgres")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS figure")
        postgres.stop(data)
        fill(small_disk, 0)
        with pytest.raises(ConfigurationError, match=FULL):
            start(data, server.port)
        assert serving(data) == []
        (small_disk / "ballast").unlink()
        assert ask(start(data, server.port), "TABLE kept") == [(7,)]
    finally:
        postgres.stop(data)


def test_a_disk_too_small_for_the_lent_programs_is_said_to_be_full(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_can_run", lambda programs, owner: False)  # as with a checkout below /root
    fill(small_disk, 10_000_000)
    with pytest.raises(ConfigurationError, match=FULL):
        start(small_disk / "postgres")
    assert [file.name for file in small_disk.iterdir()] == ["ballast"]
