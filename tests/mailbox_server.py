"""An SMTP server of the test's own, which may be down, that keeps what it is given."""

from __future__ import annotations

import socketserver
import threading
from typing import Self

from migstats.process import free_port


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        say = self.wfile.write
        say(b"220 tests\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                say(b"354 go on\r\n")
                text = []
                while (part := self.rfile.readline()) != b".\r\n":
                    text.append(part)
                self.server.received.append(b"".join(text).decode())  # type: ignore[attr-defined]
            say(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
            if verb == b"QUIT":
                return


class Mailbox:
    """Listens on `port` inside its block only."""

    def __init__(self) -> None:
        self.port = free_port()
        self.received: list[str] = []

    def __enter__(self) -> Self:
        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", self.port), _Talk)
        self._server.daemon_threads = True
        self._server.received = self.received  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
