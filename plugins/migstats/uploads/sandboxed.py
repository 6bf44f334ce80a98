"""The inside of the sandbox: the script that `sandbox.run` starts. It binds itself, then reads one file.

It is run by its path in a Python that is isolated from environment and working directory, and imports nothing of ours
before its limits hold.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import resource
import signal
import struct
import sys
from contextlib import suppress
from typing import Any, Final

CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_CAP_DAC_READ_SEARCH: Final = 1 << 2
_CAPABILITIES: Final = 0x20080522
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
#: Rights of Landlock by the bit: run, write, remove, make, move, truncate. Reading is not among them.
_RIGHTS: Final = 0b11 | 0b1_1111_1111 << 4
_RIGHT_REFER, _RIGHT_TRUNCATE = 1 << 13, 1 << 14
_IN_SCRATCH: Final = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8
_WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: Audit events that are never allowed, and those that are within the scratch folder.
_NEVER: Final = (
    "socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "os.kill",
    "os.startfile", "pty.", "signal.pthread_kill", "ctypes.", "ftplib.", "smtplib.", "http.", "urllib.", "imaplib.",
    "poplib.", "telnetlib.", "nntplib.", "sqlite3.", "syslog.", "resource.setrlimit", "resource.prlimit",
    "os.putenv", "os.unsetenv", "webbrowser.", "os.link", "os.symlink", "os.chown", "os.setxattr",
    "os.removexattr", "os.chflags",
)  # fmt: skip
_WITHIN: Final = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.utime", "os.chmod", "shutil.")


def main() -> None:
    """Bind this process, do the work that standard input describes, write the frame of its result, end."""
    channel = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    task = json.loads(sys.stdin.buffer.read())
    held = bind(task)
    gc.disable()  # it lives for one file
    sys.path[:] = [*task["path"], *(one for one in sys.path if one not in task["path"])]
    try:
        import msgspec

        from migstats.errors import DeclarationError
        from migstats.uploads.finding import RefusedFileError

        module, _, name = task["work"].partition(":")
        work = getattr(importlib.import_module(module), name)
        guard(task["scratch"])
        try:
            frame = b"R" + msgspec.msgpack.encode((held, work(task["file"], **task["arguments"])))
        except RefusedFileError as error:
            frame = b"F" + msgspec.msgpack.encode(error.finding)
        except DeclarationError as error:
            frame = b"D" + str(error).encode()
        send(channel, frame)
    except MemoryError:
        send(channel, b"M")
    except BaseException as error:
        send(channel, b"E" + f"{type(error).__name__} {_place(error)}".encode())
        raise


def send(channel: int, frame: bytes) -> None:
    """Length, then the frame."""
    view = memoryview(struct.pack("!Q", len(frame)) + frame)
    while view:
        view = view[os.write(channel, view) :]


def _place(error: BaseException) -> str:
    """Module and line where it happened; nothing of what was read."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace is not None else ""


def bind(task: dict[str, Any]) -> list[str]:
    """Limits of this process, from the cheapest to the strongest; the names of those that hold."""
    held = []
    limits = {
        "memory": (resource.RLIMIT_AS, task["memory"]),
        "cpu": (resource.RLIMIT_CPU, task["cpu"]),
        "open_files": (resource.RLIMIT_NOFILE, 64),
        "core": (resource.RLIMIT_CORE, 0),
        "file_size": (resource.RLIMIT_FSIZE, task["file_size"]),
    }
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != task["parent"]:
            os._exit(1)  # the parent died before it could be heard of
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        was_root = os.geteuid() == 0
        if libc.unshare(CLONE_NEWNET) == 0 or libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
            held.append("no_network")
        if _drop_capabilities(libc, _CAP_DAC_READ_SEARCH if was_root else 0):
            held.append("no_capabilities")
        if _landlock(libc, task["scratch"]):
            held.append("landlock")
        limits["processes"] = (resource.RLIMIT_NPROC, 0)
    for name, (what, most) in limits.items():
        with suppress(ValueError, OSError):
            hard = resource.getrlimit(what)[1]
            bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(what, (bound, bound))
            held.append(name)
    return sorted(held)


def _drop_capabilities(libc: ctypes.CDLL, kept: int) -> bool:
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES, 0)
    sets = (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)  # effective, permitted, inheritable; twice 32 of them
    return bool(libc.capset(header, sets) == 0)


def _landlock(libc: ctypes.CDLL, scratch: str) -> bool:
    """Have the kernel refuse to write outside of the scratch folder, to run programs, and to connect by TCP."""
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), 1)
    if version < 1:
        return False
    newer = (_RIGHT_TRUNCATE if version >= 3 else 0) | (_RIGHT_REFER if version >= 2 else 0)
    rights = _RIGHTS | newer
    ruleset = struct.pack("=QQ", rights, 3) if version >= 4 else struct.pack("=Q", rights)
    rules = libc.syscall(_LANDLOCK_CREATE, ruleset, ctypes.c_size_t(len(ruleset)), 0)
    if rules < 0:
        return False
    folder = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
    rule = struct.pack("=Qi", _IN_SCRATCH | newer, folder)
    done: bool = libc.syscall(_LANDLOCK_ADD, rules, 1, rule, 0) == 0 and libc.syscall(_LANDLOCK_RESTRICT, rules, 0) == 0
    os.close(folder)
    os.close(rules)
    return done


def guard(scratch: str) -> None:
    """Refuse what Python itself is asked to do: connect, start programs, write outside of the scratch folder."""
    root = os.path.realpath(scratch) + os.sep

    def outside(path: object) -> bool:
        if isinstance(path, int) or path is None:
            return False  # it was opened before
        return not (os.path.realpath(os.fsdecode(path)) + os.sep).startswith(root)  # type: ignore[arg-type]

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = given
            writes = bool(flags & _WRITES) or (isinstance(mode, str) and any(one in mode for one in "wax+"))
            if writes and outside(path):
                raise PermissionError(f"{event} is not allowed here")
        elif event.startswith(_NEVER) or (
            event.startswith(_WITHIN) and any(outside(one) for one in given if isinstance(one, str | bytes))
        ):
            raise PermissionError(f"{event} is not allowed here")

    sys.addaudithook(hook)


if __name__ == "__main__":
    main()
