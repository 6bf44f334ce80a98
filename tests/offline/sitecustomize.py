"""A Python that starts with this folder in PYTHONPATH, and each Python that it starts, reaches nobody over a network.

What is tried is an error there, and a line in the file OFFLINE_LOG, so that whoever passes over the error is seen too.
Sockets of Python are what is guarded: libpq opens its own, to the warehouse.
"""

from __future__ import annotations

import os
import sys

#: Events of Python's audit → which of their arguments says where to.
GUARDED = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
}


def note(text: str) -> None:
    """Add a line of this process to the log."""
    with open(os.environ["OFFLINE_LOG"], "a", encoding="utf-8") as file:
        file.write(f"{os.getpid()} {text}\n")


def guard(event: str, arguments: tuple[object, ...]) -> None:
    """Refuse what leaves this process, but for the sockets of Unix, whose addresses are paths."""
    if event not in GUARDED:
        return
    to = arguments[GUARDED[event]]
    if event in ("socket.getaddrinfo", "socket.gethostbyname") or not isinstance(to, str | bytes | None):
        note(f"refused {event} {to}")
        raise OSError(f"{event} {to}: no network in this test")


note("guarded")
sys.addaudithook(guard)
