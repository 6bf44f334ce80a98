"""A process for one file: bounded in memory, time and reach, and gone when its result is there.

What holds where:

- Everywhere: a Python of its own without this one's environment, open files and working directory; limits of memory
  (macOS has none that holds), CPU, open files and file size; no core dump; the whole process group is killed when the
  time is over. A hook of the interpreter refuses sockets, other programs and writing outside of the scratch folder: it
  binds Python code, not native code that a broken file took over.
- Linux: the child dies with its parent, gains no privilege, and loses the capabilities that it has (of root it keeps
  reading any file, so that it can open the upload). It can start no process, unless it is root, whom this limit does
  not bind; the next two do.
- Linux where the kernel allows it: a network namespace without any network, entered as root or through a user
  namespace (some distributions forbid these, and so do containers without a profile for them); Landlock, by which the
  kernel itself refuses to write outside of the scratch folder, to run a program, and to connect by TCP.

What is not there: it may read every file that this user may read, and seccomp filters no system calls. `held` says
which of these hold on this machine.
"""

from __future__ import annotations

import json
import logging
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from migstats.errors import ConfigurationError, DeclarationError
from migstats.uploads import sandboxed
from migstats.uploads.finding import Finding, RefusedFileError

_log = logging.getLogger(__name__)
_PREFIX: Final = "migstats-sandbox-"
_PIECE: Final = 1 << 20
_LENGTH: Final = struct.Struct("!Q")

T = TypeVar("T")


@dataclass(frozen=True)
class Bounds:
    """What the process may use: bytes of memory, of its result and of a file that it writes; seconds."""

    memory: int = 1536 * 2**20
    result: int = 256 * 2**20
    file_size: int = 64 * 2**20
    cpu: int = 60
    wall: float = 60


def run(work: Callable[..., T], file: Path, result: type[T], bounds: Bounds | None = None, **arguments: Any) -> T:
    """`work(path of the file, **arguments)` in a process of its own.

    `work` is a function at the top of a module; arguments are JSON, the result is a `result` that msgspec can send.
    RefusedFileError: what `work` refuses; took_too_long where time or memory ran out; damaged where the process
    crashed or its answer is none; unpacks_too_big where the answer is beyond `bounds.result`.
    DeclarationError: raised by `work`. ConfigurationError: the process could not be started.
    """
    return _run(work, file, result, bounds or Bounds(), arguments)[1]


def held(bounds: Bounds | None = None) -> list[str]:
    """Names of the limits that hold on this machine, see the head of this module."""
    return _run(_nothing, Path(os.devnull), bool, bounds or Bounds(), {})[0]


def _nothing(_: str) -> bool:
    return True


def _run(
    work: Callable[..., T], file: Path, result: type[T], bounds: Bounds, arguments: dict[str, Any]
) -> tuple[list[str], T]:
    _sweep()
    scratch = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-")
    try:
        frame = _frame(_task(work, file, scratch, bounds, arguments), scratch, bounds)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    kind, body = frame[:1], frame[1:]
    try:
        if kind == b"F":
            raise RefusedFileError(msgspec.msgpack.decode(body, type=Finding))
        if kind == b"R":
            return msgspec.msgpack.decode(body, type=tuple[list[str], result])  # type: ignore[valid-type]
    except msgspec.MsgspecError as error:
        _log.warning("the answer of the sandbox is none: %s", type(error).__name__)
        raise RefusedFileError(Finding("damaged")) from error
    if kind == b"D":
        raise DeclarationError(body.decode("utf-8", "replace"))
    if kind == b"M":
        raise RefusedFileError(Finding("took_too_long", words={"reason": "memory"}))
    _log.warning("reading a file ended in the sandbox: %s", body[:200].decode("utf-8", "replace"))
    raise RefusedFileError(Finding("damaged"))


def _task(work: Callable[..., T], file: Path, scratch: str, bounds: Bounds, arguments: dict[str, Any]) -> bytes:
    name = getattr(work, "__qualname__", "")
    if not name.isidentifier():
        raise ConfigurationError(f"{work!r} is no function at the top of a module")
    return json.dumps(
        {
            "work": f"{work.__module__}:{name}",
            "file": str(file.resolve()),
            "arguments": arguments,
            "scratch": scratch,
            "path": [str(Path(one).resolve()) for one in sys.path if one and Path(one).exists()],
            "parent": os.getpid(),
            "memory": bounds.memory,
            "cpu": bounds.cpu,
            "file_size": bounds.file_size,
        }
    ).encode()


def _frame(task: bytes, scratch: str, bounds: Bounds) -> bytes:
    """Start the process, give it its task, and return the frame that it answers."""
    deadline = time.monotonic() + bounds.wall
    try:
        child = subprocess.Popen(
            [sys.executable, "-I", "-B", sandboxed.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=scratch,
            env={"LANG": "C.UTF-8", "PATH": os.defpath, "TMPDIR": scratch},
            close_fds=True,
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigurationError(f"the sandbox cannot be started: {error}") from error
    assert child.stdin is not None
    assert child.stdout is not None
    answer: bytes | None = b""
    try:
        with suppress(BrokenPipeError):
            child.stdin.write(task)
            child.stdin.close()
        answer = _answer(child.stdout.fileno(), deadline, bounds.result)
    finally:
        # The child was not waited for yet, so that the number of its group is still its own.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        with suppress(BrokenPipeError):
            child.stdin.close()
        child.stdout.close()
    if answer is None:
        raise RefusedFileError(Finding("took_too_long", words={"reason": "time"}))
    if len(answer) >= _LENGTH.size and len(answer) - _LENGTH.size == _LENGTH.unpack_from(answer)[0]:
        return answer[_LENGTH.size :]
    if child.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise RefusedFileError(Finding("took_too_long", words={"reason": "time"}))
    _log.warning("the sandbox ended with %s and without an answer", child.returncode)
    raise RefusedFileError(Finding("damaged"))


def _answer(channel: int, deadline: float, most: int) -> bytes | None:
    """What comes until a whole frame is there or the end of the channel; None where the time is over."""
    pieces: list[bytes] = []
    size, whole = 0, _LENGTH.size
    while size < whole or whole == _LENGTH.size:
        ready, _, _ = select.select([channel], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            return None
        piece = os.read(channel, _PIECE)
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
        if whole == _LENGTH.size and size >= whole:
            whole += _LENGTH.unpack_from(b"".join(pieces))[0]
        if whole > most or size > most:
            raise RefusedFileError(Finding("unpacks_too_big", words={"limit": str(most)}))
    return b"".join(pieces)


def _sweep() -> None:
    """Remove scratch folders of processes that were killed before they could do it."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not _lives(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
