"""A client of clamd, the daemon of the ClamAV antivirus: one file by INSTREAM, over TCP or a Unix socket."""

from __future__ import annotations

import socket
import struct
import time
from typing import Final

from migstats.uploads.finding import Finding, RefusedFileError

_PIECE: Final = 1 << 17
_LONGEST_ANSWER: Final = 4096


def scan(content: bytes, address: str, seconds: float = 30) -> None:
    """Have clamd look at these bytes; returns where it found nothing.

    `address` is `host:port` (`tcp://` before it is allowed) or the path of a socket (`unix:` before it).
    RefusedFileError: virus (words: name), scanner_away where it gives no clear answer within `seconds`.
    """
    try:
        answer = _ask(content, address, time.monotonic() + seconds)
    except (OSError, ValueError) as error:
        raise RefusedFileError(Finding("scanner_away")) from error
    said = answer.rstrip(b"\0\r\n").decode("utf-8", "replace").rpartition(": ")[2]
    if said.endswith(" FOUND"):
        raise RefusedFileError(Finding("virus", words={"name": said.removesuffix(" FOUND")[:100]}))
    if said != "OK":
        raise RefusedFileError(Finding("scanner_away"))


def _ask(content: bytes, address: str, deadline: float) -> bytes:
    with _connect(address, deadline) as talk:
        view = memoryview(content)
        talk.sendall(b"zINSTREAM\0")
        for at in range(0, len(content), _PIECE):
            talk.settimeout(_left(deadline))
            piece = view[at : at + _PIECE]
            talk.sendall(struct.pack("!L", len(piece)))
            talk.sendall(piece)
        talk.sendall(struct.pack("!L", 0))
        answer = b""
        while not answer.endswith(b"\0") and len(answer) < _LONGEST_ANSWER:
            talk.settimeout(_left(deadline))
            more = talk.recv(_LONGEST_ANSWER)
            if not more:
                break
            answer += more
        return answer


def _connect(address: str, deadline: float) -> socket.socket:
    path = address.removeprefix("unix://").removeprefix("unix:")
    if path.startswith("/"):
        talk = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            talk.settimeout(_left(deadline))
            talk.connect(path)
        except BaseException:
            talk.close()
            raise
        return talk
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=_left(deadline))


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
