"""Work that misbehaves in the sandbox, each in one way."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from migstats.errors import DeclarationError
from migstats.uploads.finding import Finding, RefusedFileError


def size(path: str, add: int = 0) -> int:
    return Path(path).stat().st_size + add


def refuse(path: str) -> int:
    raise RefusedFileError(Finding("far_cell", "Permis", 3, 4, "12³", {"limit": "é"}))


def declare(path: str) -> int:
    raise DeclarationError("'latin-9' is no encoding")


def fail(path: str) -> int:
    return int("secret text of the file")


def spin(path: str) -> int:
    while True:
        pass


def sleep(path: str) -> int:
    time.sleep(600)
    return 0


def eat(path: str) -> int:
    return len([bytes(2**24) for _ in range(1000)])


def crash(path: str) -> int:
    return ctypes.string_at(0)[0]


def abort(path: str) -> int:
    os.abort()


def leave(path: str) -> int:
    os._exit(0)


def recurse(path: str) -> int:
    return recurse(path)


def shout(path: str) -> str:
    print("x" * 100_000)
    sys.stderr.write("y" * 1_000_000)
    return "said"


def flood(path: str) -> str:
    return "x" * 5_000_000


def lie(path: str) -> list[str]:
    return ["a", "b"]


def forge(path: str) -> int:
    """Bytes that are no frame, on every open channel."""
    for channel in range(3, 20):
        try:
            os.write(channel, b"\0\0\0\0\0\0\0\5Rjunk")
        except OSError:
            continue
    os._exit(0)


def environment(path: str) -> dict[str, str]:
    return dict(os.environ)


def folder(path: str) -> list[str]:
    Path("note.txt").write_text("a", encoding="utf-8")
    os.mkdir("below")
    os.rename("note.txt", "below/note.txt")
    return [os.getcwd(), *os.listdir("below")]


def kept(path: str) -> list[str]:
    Path("note.txt").write_text("a" * 1000, encoding="utf-8")
    return os.listdir(".")


def write(path: str, target: str) -> int:
    with open(target, "w", encoding="utf-8") as file:
        return file.write("a")


def write_below_python(path: str, target: str) -> int:
    """As native code would that took over: past the hooks of the interpreter."""
    library = ctypes.PyDLL(None)
    number = int(library.open(target.encode(), os.O_WRONLY | os.O_CREAT, 0o600))
    return number


def remove(path: str, target: str) -> int:
    os.remove(target)
    return 0


def connect(path: str, port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=2) as talk:
        return talk.send(b"x")


def raw_socket(path: str, port: int) -> int:
    import _socket

    return _socket.socket().fileno()


def resolve(path: str) -> str:
    return socket.gethostbyname("example.org")


def start(path: str) -> int:
    return subprocess.run(["true"], check=False).returncode


def fork(path: str) -> int:
    return os.fork()


def execute(path: str) -> int:
    os.execv("/bin/true", ["true"])


def kill_parent(path: str) -> int:
    os.kill(os.getppid(), signal.SIGTERM)
    return 0


def more_memory(path: str) -> int:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return 0


def many_files(path: str) -> int:
    return len([open(path, "rb") for _ in range(1000)])


def big_file(path: str) -> int:
    with open("big", "wb") as file:
        for _ in range(1000):
            file.write(bytes(2**20))
    return 0


def limits(path: str) -> dict[str, int]:
    import resource

    return {name: resource.getrlimit(getattr(resource, name))[0] for name in ("RLIMIT_AS", "RLIMIT_CORE", "RLIMIT_CPU")}


def interfaces(path: str) -> list[str]:
    return [line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text(encoding="ascii").splitlines()[2:]]
