"""What comes in from browsers has an end: requests that are too big or too slow are cut before anything holds them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class CutError(Exception):
    """A request that was not read to its end; `status`: 413 too big, 408 too slow."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


@dataclass(frozen=True)
class Pace:
    """How big a request may be, in bytes, and how slow."""

    #: Of the paths in `wide`.
    biggest: int
    #: Of all others: forms of a few fields.
    small: int = 256 * 1024
    wide: tuple[str, ...] = ("/upload",)
    #: Seconds that may pass without a byte.
    idle: float = 15
    #: Seconds of grace, then so many bytes for each second.
    grace: float = 30
    slowest: int = 4096
    longest: float = 1800
    #: After an answer that it is too big: seconds, and times the limit, that are read on and dropped.
    drain: float = 60
    drained_times: int = 8

    def limit(self, path: str) -> int:
        """How many bytes a request of this path may have."""
        return self.biggest if path in self.wide else self.small


class Inflow:
    """ASGI middleware: raises CutError inside of the application that reads a body, and adds headers to each answer."""

    def __init__(self, app: Application, pace: Pace, headers: Mapping[str, str]) -> None:
        self.app = app
        self.pace = pace
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        has_body = b"content-length" in headers or b"transfer-encoding" in headers
        limit = self.pace.limit(scope["path"])
        taken, ended = 0, not has_body
        began = asyncio.get_running_loop().time()

        async def measured() -> Message:
            nonlocal taken, ended
            if ended:
                return await receive()
            if _declared(headers) > limit:
                raise CutError(413)
            try:
                message = await asyncio.wait_for(receive(), self.pace.idle)
            except TimeoutError:
                raise CutError(408) from None
            taken += len(message.get("body", b""))
            ended = message["type"] != "http.request" or not message.get("more_body", False)
            seconds = asyncio.get_running_loop().time() - began
            if taken > limit:
                raise CutError(413)
            too_slow = seconds > self.pace.grace and taken < (seconds - self.pace.grace) * self.pace.slowest
            if not ended and (too_slow or seconds > self.pace.longest):
                raise CutError(408)
            return message

        async def drained() -> None:
            """Read on without keeping it, for a while: a browser shows an answer only when it has sent all."""
            nonlocal taken, ended
            until = asyncio.get_running_loop().time() + self.pace.drain
            while not ended and taken < self.pace.drained_times * limit:
                left = until - asyncio.get_running_loop().time()
                try:
                    message = await asyncio.wait_for(receive(), min(left, self.pace.idle))
                except TimeoutError:
                    return
                taken += len(message.get("body", b""))
                ended = message["type"] != "http.request" or not message.get("more_body", False)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] == 413:
                    await drained()
                there = {name.lower() for name, _ in message["headers"]}
                extra = [pair for pair in self.headers if pair[0] not in there]
                if not ended:  # nobody reads what is still to come
                    extra.append((b"connection", b"close"))
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        await self.app(scope, measured, told)


def _declared(headers: Mapping[bytes, bytes]) -> int:
    text = headers.get(b"content-length", b"0")
    return int(text) if text.isdigit() else 0


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, which waits for the head of a request, but not for ever."""

    #: Seconds from the opening of a connection to the end of the first head.
    patience = 15.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        asyncio.get_running_loop().call_later(self.patience, self._give_up)

    def _give_up(self) -> None:
        if not self.headers and not self.transport.is_closing():  # no head of a request came to its end
            self.transport.abort()
