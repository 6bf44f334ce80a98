"""Processes of this machine: who one is beyond its number, who listens on a port, and ending a whole session."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from migstats.errors import ConfigurationError

#: The start times of one process, read twice, differ by less than this; those of two with one number never do.
_SAME_START_SECONDS = 2.0


@dataclass(frozen=True)
class Identity:
    """A process: its number alone may belong to another one tomorrow."""

    pid: int
    #: Seconds since 1970, UTC.
    started: float


def identify(pid: int) -> Identity | None:
    """The living process with this number; None where there is none, or only its remains (a zombie)."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Identity(pid, process.create_time())
    except psutil.NoSuchProcess:
        return None


def is_alive(identity: Identity) -> bool:
    """Whether this very process still runs; another one with the same number does not count."""
    now = identify(identity.pid)
    return now is not None and abs(now.started - identity.started) < _SAME_START_SECONDS


def session_of(leader: Identity) -> list[int]:
    """Numbers of the living processes of the session that `leader` began, itself included, even after its death.

    The kernel gives no new process the number of a session that still has members. So they are the leader's
    unless a younger process leads a session of that number now.
    """
    successor = identify(leader.pid)
    if successor is not None and not is_alive(leader):
        return []
    found = []
    for process in psutil.process_iter():
        try:
            if (
                os.getsid(process.pid) == leader.pid
                and process.create_time() > leader.started - _SAME_START_SECONDS
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue  # it ended while we looked
    return found


def carrying(variable: str, value: str) -> list[Identity]:
    """Processes of ours that were started with this environment variable: found even where no one recorded them."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(variable) == value:
                identity = identify(process.pid)
                if identity is not None:
                    found.append(identity)
        except (psutil.Error, OSError):
            continue  # another user's, or it ended while we looked
    return found


def in_folder(folder: str, name: str) -> list[int]:
    """Numbers of the living processes called `name` whose working directory is `folder` (absolute, links resolved)."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == name and process.cwd() == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal those that are still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def end_sessions(leaders: Iterable[Identity], patience: float = 10.0) -> None:
    """End the sessions of these leaders: asked first, together, and after `patience` seconds killed.

    Returns when no process of theirs is left. Raises ConfigurationError where one cannot be ended.
    """
    leaders = list(leaders)
    send([leader.pid for leader in leaders if is_alive(leader)], signal.SIGTERM)
    _kill_the_rest(lambda: [pid for leader in leaders for pid in session_of(leader)], patience)


def end(processes: Iterable[Identity], patience: float = 10.0) -> None:
    """End these processes and no other ones, as `end_sessions` does."""
    processes = list(processes)
    send([one.pid for one in processes if is_alive(one)], signal.SIGTERM)
    _kill_the_rest(lambda: [one.pid for one in processes if is_alive(one)], patience)


def _kill_the_rest(left: Callable[[], list[int]], patience: float) -> None:
    if not _wait_until_none(left, patience):
        send(left(), signal.SIGKILL)
        if not _wait_until_none(left, 10.0):
            raise ConfigurationError(
                f"processes {left()} do not end, not even by SIGKILL; they wait for a device: "
                "see `ps -o pid,stat,wchan,cmd`"
            )


def _wait_until_none(left: Callable[[], list[int]], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while left():
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.1)
    return True


def wait_until_gone(pids: Iterable[int], seconds: float) -> bool:
    """Wait for these numbers to vanish; False where some are left after `seconds`."""
    wanted = list(pids)
    return _wait_until_none(lambda: [pid for pid in wanted if identify(pid) is not None], seconds)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def require_free_port(port: int, what: str, variable: str) -> None:
    """Raise ConfigurationError where `port` of 127.0.0.1 is taken: who has it, and how to choose another.

    `what` wants the port (`PostgreSQL`); `variable` is the environment variable that moves it (`PORT_POSTGRES`).
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise ConfigurationError(
                f"{what} may not listen on port {port}: ports below 1024 are the system's; "
                f"choose another: `{variable}={port + 8000} make demo`"
            ) from error
        except OSError as error:
            raise ConfigurationError(
                f"port {port} of 127.0.0.1, which {what} needs, is taken by {_holder(port)}; "
                f"stop that, or choose another port: `{variable}={_next_free(port)} make demo`"
            ) from error


def _next_free(port: int) -> int:
    for candidate in range(port + 1, min(port + 100, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return candidate
    return free_port()


def _holder(port: int) -> str:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:  # macOS shows other users' connections to root only
        connections = []
    listening = [c for c in connections if c.status == psutil.CONN_LISTEN and c.laddr]
    holders: set[int] = {c.pid for c in listening if c.pid and getattr(c.laddr, "port", None) == port}
    if not holders:
        return "a process of another user"
    # children that a server just started hold its port too
    pid = min(holders, key=lambda holder: (_parent(holder) in holders, holder))
    try:
        process = psutil.Process(pid)
        return f"process {pid} (`{' '.join(process.cmdline())[:80] or process.name()}`)"
    except psutil.Error:
        return f"process {pid}"


def _parent(pid: int) -> int | None:
    try:
        return int(psutil.Process(pid).ppid())
    except psutil.Error:
        return None


def chosen_port(environment: Mapping[str, str], variable: str, default: int) -> int:
    """The port that an environment variable names, else `default`; ConfigurationError where it is no port."""
    text = environment.get(variable) or str(default)
    if not text.isascii() or not text.isdigit() or not 1024 <= int(text) <= 65535:
        raise ConfigurationError(f"{variable}={text!r} is no port; give a number from 1024 to 65535")
    return int(text)


@contextmanager
def alone(file: Path) -> Iterator[None]:
    """One process (or thread) at a time, held by a lock on a file; the file is not left where nobody holds it."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if is_still(file, descriptor):
            break
        os.close(descriptor)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(descriptor)


def is_still(file: Path, descriptor: int) -> bool:
    """Whether an open file is still the one of this name; a lock on one that was removed meanwhile is on nothing."""
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
