"""A scripted server on 127.0.0.1 that misbehaves as told, and keeps a log of what it was asked.

A script is a function from a request to an action; an action is a function that writes to the connection and
says whether the connection may be used again. `inject` builds the usual ones.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    target: str  # path and query, or the whole URL where the client takes us for a proxy
    headers: Mapping[str, str]  # names in lower case
    at: float  # time.monotonic()
    connection: int  # number of the TCP connection, from 1
    body: bytes = b""


#: Writes an answer; True where the connection stays open for the next request.
Action = Callable[["Wire"], bool]
Script = Callable[[Asked], Action]


@dataclass(frozen=True)
class Wire:
    """The server's side of one connection."""

    sock: socket.socket
    stopped: threading.Event

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Action:
    """A whole answer. Header names are written with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def act(wire: Wire) -> bool:
        bare = status in (204, 304)
        wire.send(head(status, named if bare else {"Content-Length": str(len(body)), **named}))
        if not bare:
            wire.send(body)
        return named.get("Connection") != "close"

    return act


def chunked(chunks: list[bytes], *, last: bool = True, **headers: str) -> Action:
    """A body in chunks; without `last` the closing chunk is left out."""

    def act(wire: Wire) -> bool:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        wire.send(head(200, {"Transfer-Encoding": "chunked", **named}))
        for chunk in chunks:
            wire.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if last:
            wire.send(b"0\r\n\r\n")
        return last

    return act


def silent(seconds: float = 30.0) -> Action:
    """Takes the request and says nothing."""

    def act(wire: Wire) -> bool:
        wire.stopped.wait(seconds)
        return False

    return act


def trickle(start: bytes, pause: float) -> Action:
    """`start` at once, then one byte after each pause, for ever."""

    def act(wire: Wire) -> bool:
        wire.send(start)
        while not wire.stopped.wait(pause):
            wire.send(b"x")
        return False

    return act


def raw(data: bytes, *, reset: bool = False) -> Action:
    """These bytes, then the end of the connection."""

    def act(wire: Wire) -> bool:
        wire.send(data)
        if reset:
            time.sleep(0.1)  # RST throws away what the other side has not read yet
            wire.reset()
        return False

    return act


def endless(start: bytes, piece: bytes) -> Action:
    """The same piece again and again, until the client has had enough."""

    def act(wire: Wire) -> bool:
        wire.send(start)
        while not wire.stopped.is_set():
            wire.send(piece)
        return False

    return act


def in_turn(*actions: Action) -> Script:
    """The actions one after the other; the last one stays."""
    counter = itertools.count()
    lock = threading.Lock()

    def script(_: Asked) -> Action:
        with lock:
            return actions[min(next(counter), len(actions) - 1)]

    return script


def by_path(table: Mapping[str, Action]) -> Script:
    """An action per path (without query); 404 for the others."""
    return lambda asked: table.get(asked.target.partition("?")[0], answer(404, b"no such path"))


@dataclass
class FaultServer:
    """`with FaultServer(script) as server:` serves at `server.url` until the block ends."""

    script: Script
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._stopped = threading.Event()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="fault server", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        return len({asked.connection for asked in self.asked})

    def _accept(self) -> None:
        for number in itertools.count(1):
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, plain: socket.socket, number: int) -> None:
        # A client that goes away in the middle is what many scripts are about.
        with contextlib.suppress(OSError):
            sock = self.tls.wrap_socket(plain, server_side=True) if self.tls else plain
            with self._lock:
                self._open.add(sock)
            try:
                with sock, sock.makefile("rb") as stream:
                    for asked in self._requests(stream, number):
                        with self._lock:
                            self.asked.append(asked)
                        if not self.script(asked)(Wire(sock, self._stopped)):
                            break
            finally:
                with self._lock:
                    self._open.discard(sock)

    def _requests(self, stream: object, number: int) -> Iterator[Asked]:
        while line := stream.readline().decode("latin-1").split():  # type: ignore[attr-defined]
            headers: dict[str, str] = {}
            while text := stream.readline().decode("latin-1").strip():  # type: ignore[attr-defined]
                name, _, value = text.partition(":")
                headers[name.lower()] = value.strip()
            body = stream.read(int(headers.get("content-length", "0")))  # type: ignore[attr-defined]
            yield Asked(line[0], line[1], headers, time.monotonic(), number, body)


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """The port of a listener whose queue is full, so that a connection to it neither comes about nor fails."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting: list[socket.socket] = []
    try:
        for _ in range(16):
            sock = socket.socket()
            waiting.append(sock)
            sock.settimeout(0.2)
            try:
                sock.connect(listener.getsockname())
            except TimeoutError:
                break
        yield listener.getsockname()[1]
    finally:
        for sock in [*waiting, listener]:
            sock.close()


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
