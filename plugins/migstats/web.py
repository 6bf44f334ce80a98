"""The web client: one pooled, bounded and polite way to ask declared hosts, and nobody else, for bytes.

What it holds to, whatever the other side does:

- Only hosts of `Manners.hosts` are asked. Redirects are followed by hand, each one checked like a first request.
- One total deadline covers name look-up, connection, headers and body; a time-out per read would never end
  for a server that sends one byte now and then. So every read of the socket asks for the time that is left.
- Bodies are decoded here and not by `requests`, which takes a gzip stream that was cut off for a whole one.
  The cap counts decoded bytes while they stream.
- Hosts are asked at most `requests_per_second` times over all threads and processes of this machine, and not
  at all for a while after many failures (`turns`).
- Proxies (HTTPS_PROXY, NO_PROXY ...) and a CA bundle (REQUESTS_CA_BUNDLE) are taken from the environment;
  .netrc and cookies are not used, and certificates are always verified. A replay server is asked without proxy.
- No secret of a URL stands in an error, a log line or an Answer (`redact`). Errors are raised without the
  library's own exception as their cause, since its text holds the whole URL.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import http.client
import io
import logging
import math
import os
import queue
import random
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from http.cookiejar import DefaultCookiePolicy
from importlib import metadata
from typing import Any, Final, Self, cast
from urllib.parse import urldefrag, urlencode, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import parse_url
from urllib3.util.ssl_ import create_urllib3_context

from migstats import turns
from migstats.errors import (
    ConfigurationError,
    DeclarationError,
    DeniedError,
    LaterError,
    MigstatsError,
    PublisherError,
    TooBigError,
    TryAgainError,
)
from migstats.redaction import clean, redact
from migstats.source import Source

log = logging.getLogger("migstats.web")
# urllib3 writes whole URLs, secrets too, at level DEBUG; our own line per request has the redacted one.
logging.getLogger("urllib3").setLevel(logging.INFO)

#: Seconds that one request waits inside its task for a busy server; longer waits are the scheduler's.
PATIENCE: Final = 30.0
#: Seconds without a single byte after which an answer is given up, where the deadline leaves as much.
SILENCE: Final = 120.0
MAX_REDIRECTS: Final = 5

_PIECE: Final = 256 * 1024
_EXCERPT: Final = 300
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_BUSY: Final = frozenset({202, 408, 425, 429})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_TRANSPORT: Final = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
)
_NO_URL: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    urllib3.exceptions.LocationValueError,
)


@dataclass(frozen=True)
class Manners:
    """How the hosts of one source are asked.

    `deadline_seconds` is for one try, redirects included; `max_bytes` for one body after decompression.
    `replay` is the base URL of a server that stands in for every host: `https://host/path?query` is then asked
    for as `<replay>/host/path?query`, while the check of hosts is made on the declared URL.
    `key_parameter` and `key_header` are the name and the key that the publisher wants.
    """

    hosts: frozenset[str]
    requests_per_second: float
    max_bytes: int
    deadline_seconds: float
    user_agent: str | None
    connect_timeout: float = 10
    tries: int = 3
    replay: str | None = None
    key_parameter: tuple[str, str] | None = field(default=None, repr=False)
    key_header: tuple[str, str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("requests_per_second", "max_bytes", "deadline_seconds", "connect_timeout", "tries"):
            if not getattr(self, name) > 0:
                raise DeclarationError(f"{name} is {getattr(self, name)!r}; it has to be above 0")


def manners_of(source: Source, replay: str | None) -> Manners:
    """The manners that a source declares; `replay` as in `Manners`, and then without a key.

    ConfigurationError where the publisher wants a key and the environment has none, DeclarationError where it would go
    into a parameter that logs show.
    """
    key = None if replay else source.key
    secret = os.environ.get(key.variable, "").strip() if key else ""
    if key and not secret:
        raise ConfigurationError(
            f"source {source.id}: {source.publisher} wants a key with each request; ask for one at {key.request}, and "
            f"give it in the environment variable {key.variable}"
        )
    if key and key.parameter and secret in redact(f"https://host/?{key.parameter}={secret}"):
        raise DeclarationError(
            f"source {source.id}: the parameter {key.parameter!r} is not known to hold a secret; add its name to "
            "redaction.py, so that no log shows the key"
        )
    return Manners(
        key_parameter=(key.parameter, secret) if key and key.parameter else None,
        key_header=(key.header, secret) if key and key.header else None,
        hosts=frozenset(host.lower() for host in source.hosts),
        requests_per_second=source.requests_per_second,
        max_bytes=source.max_bytes,
        deadline_seconds=source.deadline_seconds,
        user_agent=source.user_agent,
        replay=replay,
    )


@dataclass(frozen=True)
class Answer:
    """One complete answer: `body` is decoded and whole; empty only where `not_modified`."""

    url: str  # as asked, secrets replaced by ***
    status: int
    body: bytes
    etag: str | None
    last_modified: str | None
    content_type: str | None
    retrieved_at: dt.datetime  # UTC
    not_modified: bool
    #: The transport says where the body ends (a length, chunks, a compressed stream), so that a cut is found here.
    framed: bool


def back_off(attempt: int) -> float:
    """Seconds to wait after the failed try number `attempt` (from 1): 1 to 2, 2 to 4, 4 to 8 ... at most 20."""
    return min(2.0**attempt, 20.0) * random.uniform(0.5, 1.0)  # noqa: S311 (spreads load, guards nothing)


# --- sockets that know the deadline ----------------------------------------------------------------------------

#: When the request of this thread has to be over, in time.monotonic() seconds.
_until: ContextVar[float] = ContextVar("_until", default=math.inf)


class _DeadlineError(TimeoutError):
    """The total time of the request is used up."""


class _NoConnectionError(TimeoutError):
    """No connection came about in time."""


def _seconds_left() -> float:
    left = _until.get() - time.monotonic()
    if left <= 0:
        raise _DeadlineError
    return min(left, SILENCE)


class _Socket(socket.socket):
    """A socket of which each read ends with the request's deadline."""

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        self.settimeout(_seconds_left())
        try:
            return super().recv_into(buffer, nbytes, flags)
        except TimeoutError:
            _seconds_left()  # says so where the deadline was the reason, and not the silence
            raise


class _TlsSocket(ssl.SSLSocket):
    """The same under TLS."""

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        self.settimeout(_seconds_left())
        try:
            return super().recv_into(buffer, nbytes, flags)
        except TimeoutError:
            _seconds_left()  # says so where the deadline was the reason, and not the silence
            raise


def _addresses(host: str, port: int, until: float) -> list[tuple[Any, ...]]:
    """getaddrinfo in a thread that is left behind when it hangs, since it knows no time-out."""
    found: queue.SimpleQueue[list[tuple[Any, ...]] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except OSError as error:
            found.put(error)
        except UnicodeError:
            found.put(socket.gaierror(socket.EAI_NONAME, "not a host name"))

    threading.Thread(target=look_up, name=f"look up {host}", daemon=True).start()
    try:
        answer = found.get(timeout=max(until - time.monotonic(), 0.001))
    except queue.Empty:
        raise socket.gaierror(socket.EAI_AGAIN, "the name server did not answer in time") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _dial(host: str, port: int, seconds: float) -> _Socket:
    """Connect to the first address that answers; all addresses together get `seconds`, evenly shared."""
    until = min(time.monotonic() + seconds, _until.get())
    addresses = _addresses(host, port, until)
    failure: OSError = socket.gaierror(socket.EAI_NONAME, "no address")
    for position, (family, kind, protocol, _, address) in enumerate(addresses):
        left = max(until - time.monotonic(), 0.001)
        sock = _Socket(family, kind, protocol)
        try:
            sock.settimeout(left / (len(addresses) - position))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(max(until - time.monotonic(), 0.001))  # what TLS may take for its handshake
            return sock
        except TimeoutError:
            sock.close()
            failure = _NoConnectionError(f"no connection within {seconds:g} s")
        except OSError as error:
            sock.close()
            failure = error
    raise failure


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _dial(self.host.strip("[]"), self.port, _connect_seconds(self.timeout))


class _TlsConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _dial(self.host.strip("[]"), self.port, _connect_seconds(self.timeout))

    def connect(self) -> None:
        context = create_urllib3_context()  # certificate and host name are checked, TLS 1.2 or later
        context.sslsocket_class = _TlsSocket
        self.ssl_context = context
        super().connect()


def _connect_seconds(timeout: object) -> float:
    return float(timeout) if isinstance(timeout, int | float) else 10.0


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: Final = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    """The adapter of requests with connections that know the deadline."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: `requests` reads the whole body of a redirect, and follows it where it likes."""
        return None


def user_agent() -> str:
    """`migstats/<version> (+homepage)`, from the installed package's own metadata."""
    try:
        facts = metadata.metadata("migstats")
    except metadata.PackageNotFoundError:
        return "migstats"
    urls = dict(line.split(", ", 1) for line in facts.get_all("Project-URL") or [] if ", " in line)
    homepage = urls.get("Homepage")
    return f"migstats/{facts['Version']}" + (f" (+{homepage})" if homepage else "")


def _session(manners: Manners) -> requests.Session:
    session = _Session()
    session.trust_env = False  # no .netrc; proxies and the CA bundle are read from the environment by name
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    session.headers.update(
        {
            "User-Agent": manners.user_agent or user_agent(),
            "Accept": "*/*",
            "Accept-Language": "en",  # some publishers change labels, delimiter and decimal sign by it
            "Accept-Encoding": "gzip, deflate",
        }
    )
    for scheme in _DEFAULT_PORTS:
        session.mount(f"{scheme}://", _Adapter(pool_connections=8, pool_maxsize=16))
    return session


def _ca_bundle() -> str | bool:
    """REQUESTS_CA_BUNDLE, else CURL_CA_BUNDLE, else the bundle that comes with requests (True)."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        path = os.environ.get(name)
        if path:
            if not os.path.exists(path):
                raise ConfigurationError(f"{name} names {path}, which is not there; mend the path or unset it")
            return path
    return True


# --- bodies --------------------------------------------------------------------------------------------------


def _inflater(coding: str, head: bytes) -> Any:
    if coding == "gzip":
        return zlib.decompressobj(wbits=31)
    wrapped = head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0
    return zlib.decompressobj(wbits=15 if wrapped else -15)  # some servers leave the zlib wrapper out


def _inflated(pieces: Iterator[bytes], coding: str) -> Iterator[bytes]:
    """Decode gzip or deflate in pieces of bounded size; PublisherError where the stream has no proper end."""
    inflater: Any = None
    started, head = False, b""
    for received in pieces:
        data, head = head + received, b""
        while data:
            if inflater is None:
                if started and not data.strip(b"\0"):
                    break  # gzip may be padded with zeros
                if started and (coding != "gzip" or data[0] != 0x1F):
                    raise PublisherError(f"there are bytes after the end of the {coding} stream")
                if len(data) < 2:
                    head = data
                    break
                inflater, started = _inflater(coding, data), True
            full = True
            while full or data:
                try:
                    out = inflater.decompress(data, _PIECE)
                except zlib.error as error:
                    raise PublisherError(f"the {coding} stream is damaged ({error})") from None
                data = inflater.unconsumed_tail
                full = len(out) == _PIECE
                if out:
                    yield out
                if inflater.eof:
                    data, inflater = inflater.unused_data, None
                    break
    if inflater is not None or head:
        raise PublisherError(f"the {coding} stream ends before its end, so the body was cut off")


def _codings(response: requests.Response) -> list[str]:
    named = [c.strip().lower() for c in response.headers.get("Content-Encoding", "").split(",")]
    codings = [c.removeprefix("x-") for c in named if c and c != "identity"]
    if len(codings) > 2 or not set(codings) <= {"gzip", "deflate"}:
        raise PublisherError(f"Content-Encoding is {', '.join(named)!r}, asked for was gzip, deflate or none")
    return codings


def _is_framed(response: requests.Response) -> bool:
    """Whether a body that was cut off would have been an error; one that ends with the connection may end anywhere."""
    length = response.headers.get("Content-Length", "").split(",")
    told = all(part.strip().isdecimal() for part in length)  # of what is no number the transport takes no notice
    chunked = response.headers.get("Transfer-Encoding", "").strip().lower() == "chunked"
    return told or chunked or bool(_codings(response))


def _pieces(response: requests.Response, max_bytes: int) -> Iterator[bytes]:
    """The decoded body as it arrives; PublisherError as soon as it is larger than `max_bytes`."""
    too_big = PublisherError(
        f"the body is larger than max_bytes = {max_bytes:,}; declare smaller slices, or raise max_bytes"
    )
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > max_bytes:
        raise too_big

    def wire() -> Iterator[bytes]:
        taken = 0
        for piece in response.raw.stream(64 * 1024, decode_content=False):
            _seconds_left()
            taken += len(piece)
            if taken > max_bytes:
                raise too_big
            yield piece

    pieces = wire()
    for coding in reversed(_codings(response)):
        pieces = _inflated(pieces, coding)
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > max_bytes:
            raise too_big
        yield piece


def _body(response: requests.Response, max_bytes: int) -> bytes:
    sink = io.BytesIO()  # its getvalue() copies nothing, so that memory stays near the size of the body
    for piece in _pieces(response, max_bytes):
        sink.write(piece)
    return sink.getvalue()


def _excerpt(response: requests.Response) -> bytes:
    """The start of an error's body, as far as it can be had."""
    start = b""
    with contextlib.suppress(PublisherError, *_TRANSPORT):
        for piece in _pieces(response, max_bytes=2**20):
            start += piece
            if len(start) >= 16 * 1024:
                break
    return start[: 16 * 1024]


# --- the client ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reply:
    """What came back for one request, before it is judged."""

    status: int
    headers: requests.structures.CaseInsensitiveDict[str]
    body: bytes  # whole for 200 and 203; else the start of an error's text
    retrieved_at: dt.datetime
    framed: bool


@dataclass
class _Trip:
    """One call of `ask`: what was done for it so far."""

    url: str
    at: str
    #: What is sent with a POST; None: a GET.
    body: bytes | None = None
    #: Statuses by which this publisher says that more was asked for than it answers at once.
    too_big: frozenset[int] = frozenset()
    asked: int = 0
    #: The key that goes into a header; one in a parameter is found in the URL.
    key: str = ""

    @property
    def where(self) -> str:
        via = "" if self.at == self.url else f" (redirected to {redact(self.at)})"
        return redact(self.url) + via

    def text(self, foreign: str) -> str:
        return clean(foreign.replace(self.key, "***") if self.key else foreign, self.url, self.at)


class Client:
    """Asks the hosts of one source. May be shared by threads; close it, or use it in a `with`.

    `patience` is how long (seconds) one call of `ask` waits in all for a server that is busy. `pause`, `wait_after`
    and `clock` (seconds of the epoch) are for tests.
    """

    def __init__(
        self,
        manners: Manners,
        *,
        patience: float = PATIENCE,
        pause: Callable[[float], object] = time.sleep,
        wait_after: Callable[[int], float] = back_off,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.manners = manners
        self._patience = patience
        self._pause = pause
        self._wait_after = wait_after
        self._clock = clock
        self._session = _session(manners)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._session.close()

    def slow_down(self, calls: float, seconds: float) -> None:
        """Ask at most `calls` times in so many seconds from now on, as a publisher says; never faster than before."""
        rate = min(self.manners.requests_per_second, calls / seconds)
        self.manners = replace(self.manners, requests_per_second=rate)

    def get(
        self, url: str, *, etag: str | None = None, last_modified: str | None = None, accept: str | None = None
    ) -> Answer:
        """The body at `url`, as `ask` gives it; with `etag` or `last_modified`, perhaps only that nothing changed.

        `accept` is the media type that is asked for; without it, any.
        """
        headers: dict[str, str] = {}
        if etag:
            headers["If-None-Match"] = etag
        if last_modified:
            headers["If-Modified-Since"] = last_modified
        if accept:
            headers["Accept"] = accept
        return self.ask(url, headers=headers)

    def ask(
        self,
        url: str,
        body: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        too_big: Collection[int] = (),
    ) -> Answer:
        """The whole, decoded body that answers a GET, or the POST of a question `body` (JSON), which changes nothing.

        `too_big` are further statuses that mean TooBigError. Raises TryAgainError (with `retry_after` where the server
        said so) after `tries` passing faults, or at once where the wait would be longer than our patience; LaterError
        at once; PublisherError for what the publisher says or sends wrong; DeniedError for a host that is not declared,
        and for a POST that is redirected; ConfigurationError for a wrong proxy or CA bundle.
        """
        headers = dict(headers or {})
        url = self._with_key(url)
        secret = self.manners.key_header[1] if self.manners.key_header else ""
        sent = None if body is None else body.encode()
        trip = _Trip(url, url, body=sent, too_big=frozenset(too_big), key=secret)
        began, waited = time.monotonic(), 0.0
        for attempt in range(1, self.manners.tries + 1):
            try:
                return self._follow(trip, headers, self._patience - waited)
            except LaterError:
                raise  # the caller knows how long it is worth waiting for
            except TryAgainError as error:
                failure = error
            wait = max(failure.retry_after or 0.0, self._wait_after(attempt))
            if attempt == self.manners.tries or waited + wait > self._patience:
                break
            self._pause(wait)
            waited += wait
        raise TryAgainError(
            f"{trip.where}: {failure}; asked {trip.asked} times in {time.monotonic() - began:.0f} s "
            f"(at most {self.manners.tries} tries). Nothing was changed; ask again later",
            failure.retry_after,
        )

    def _with_key(self, url: str) -> str:
        if self.manners.key_parameter is None:
            return url
        return f"{url}{'&' if '?' in url else '?'}{urlencode([self.manners.key_parameter])}"

    def _key_header(self, trip: _Trip) -> dict[str, str]:
        """The header with the key, for the host that was asked and for none to which it redirects."""
        header = self.manners.key_header
        return dict([header]) if header and urlsplit(trip.at).hostname == urlsplit(trip.url).hostname else {}

    def _follow(self, trip: _Trip, headers: dict[str, str], patience: float) -> Answer:
        """One try: the request and the redirects that it leads to, within one deadline."""
        trip.at = trip.url
        self._check(trip, trip.url, before=None)
        left = self.manners.deadline_seconds
        for _ in range(MAX_REDIRECTS + 1):
            failures = self._wait_for_turn(trip, patience)
            began = time.monotonic()
            reply = self._ask(trip, {**headers, **self._key_header(trip)}, left)
            left -= time.monotonic() - began
            host = self._turns_name(trip.at)
            passing = reply.status in _BUSY or reply.status >= 500
            if passing:
                turns.note_failure(host, self._clock(), _retry_after(reply))
            elif failures:
                turns.note_success(host)
            if reply.status not in _REDIRECTS:
                return self._judge(trip, reply, conditional=bool(headers))
            if trip.body is not None:
                to = trip.text(reply.headers.get("Location", ""))[:200]
                raise DeniedError(
                    f"{trip.where}: status {reply.status} redirects a POST to {to!r}; a question is not sent on: look "
                    "where the publisher answers today, and mend the URL"
                )
            before, trip.at = trip.at, self._next_url(trip, reply)
            self._check(trip, trip.at, before=before)
        raise DeniedError(f"{trip.where}: more than {MAX_REDIRECTS} redirects; declare the URL where they end")

    def _check(self, trip: _Trip, url: str, before: str | None) -> None:
        """Refuse a URL that leads anywhere but to a declared host. `before` is the URL that redirects to it."""
        hosts = ", ".join(sorted(self.manners.hosts))
        try:
            if re.search(r"[\x00-\x20\x7f\\]", url):
                raise ValueError
            # Two parsers have to agree, so that no spelling shows one host to us and another one to the socket.
            strict, usual = parse_url(url), urlsplit(url)
            scheme, host = usual.scheme, usual.hostname or ""
            same = (strict.scheme, (strict.host or "").strip("[]")) == (scheme, host)
            port = usual.port or _DEFAULT_PORTS[scheme]
        except (ValueError, KeyError):
            same, scheme, host, port = False, "", "", 0
        if not same:
            raise DeniedError(f"{trip.where}: this is not a plain http or https URL of one of the hosts {hosts}")
        if host not in self.manners.hosts:
            raise DeniedError(
                f"{trip.where}: the host {host!r} is not declared (declared are {hosts}); "
                "if it is the publisher's, add it to `hosts` in source.yaml"
            )
        if before is None:
            return
        first, previous = urlsplit(trip.url), urlsplit(before)
        if port not in (_DEFAULT_PORTS[scheme], first.port):
            raise DeniedError(f"{trip.where}: a redirect to port {port} is not followed")
        if previous.scheme == "https" and scheme == "http":
            raise DeniedError(f"{trip.where}: a redirect from https to http is not followed")

    def _target(self, url: str) -> str:
        """Where a declared URL is asked for: itself, or its place on the replay server."""
        if not self.manners.replay:
            return url
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        query = f"?{parts.query}" if parts.query else ""
        return f"{self.manners.replay.rstrip('/')}/{host}{parts.path}{query}"

    def _next_url(self, trip: _Trip, reply: _Reply) -> str:
        """The declared URL to which a redirect leads; a relative Location is the publisher's own."""
        location = reply.headers.get("Location", "").encode("latin-1", "replace").decode("utf-8", "replace")
        if not location:
            raise PublisherError(f"{trip.where}: status {reply.status} (a redirect) without Location")
        replay = self.manners.replay
        if replay and location.startswith(replay.rstrip("/") + "/"):
            return f"{urlsplit(trip.at).scheme}://{location[len(replay.rstrip('/')) + 1 :]}"
        with contextlib.suppress(ValueError):
            return urldefrag(urljoin(trip.at, location.replace(" ", "%20"))).url
        raise DeniedError(f"{trip.where}: redirects to what is no URL: {trip.text(location)[:200]}")

    def _turns_name(self, url: str) -> str:
        host = re.sub(r"[^a-z0-9.-]", "_", (urlsplit(url).hostname or "").lower())
        return f"replay-{host}" if self.manners.replay else host

    def _wait_for_turn(self, trip: _Trip, patience: float) -> int:
        """Wait until this host may be asked; returns how many requests to it failed in a row."""
        # Our own replay server needs no courtesy; what it says of waiting is obeyed all the same.
        interval = 0.0 if self.manners.replay else 1 / self.manners.requests_per_second
        limit = min(self.manners.deadline_seconds, turns.LONGEST_HOLD)
        turn = turns.take(self._turns_name(trip.at), self._clock(), interval, patience, max(limit, interval))
        if turn.refused:
            host = urlsplit(trip.at).hostname
            why = (
                f"the last {turn.failures} requests to it failed"
                if turn.failures
                else "it asked to wait, or others are before us"
            )
            raise TryAgainError(f"{host} is left alone for {turn.refused:.0f} s, since {why}", turn.refused)
        if turn.wait:
            self._pause(turn.wait)
        return turn.failures

    def _ask(self, trip: _Trip, headers: dict[str, str], seconds: float) -> _Reply:
        """One request and its answer; no redirect is followed."""
        target = self._target(trip.at)
        began = time.monotonic()
        token = _until.set(began + seconds)
        trip.asked += 1
        status, size = "failed", 0
        reply: _Reply | None = None
        failure: MigstatsError | None = None
        try:
            reply = self._exchange(target, headers, trip.body)
            status, size = str(reply.status), len(reply.body)
        except PublisherError as error:
            failure = PublisherError(f"{trip.where}: {error}")
        except _TRANSPORT as error:
            failure = self._translated(trip, error)
        finally:
            _until.reset(token)
            log.info(
                "%s %s status=%s bytes=%d seconds=%.3f",
                "GET" if trip.body is None else "POST",
                redact(trip.at),
                status,
                size,
                time.monotonic() - began,
            )
        # Raised here and not above, so that no exception of a library, with the URL in it, hangs on ours.
        if isinstance(failure, TryAgainError):
            turns.note_failure(self._turns_name(trip.at), self._clock(), None)
        if failure is not None:
            raise failure
        return cast(_Reply, reply)

    def _exchange(self, target: str, headers: dict[str, str], body: bytes | None) -> _Reply:
        manners = self.manners
        proxies = {} if manners.replay else _proxies(target)
        if body is not None:
            headers = {**headers, "Content-Type": "application/json; charset=utf-8"}
        method = "GET" if body is None else "POST"
        request = self._session.prepare_request(requests.Request(method, target, headers=headers, data=body))
        response = self._session.send(
            request,
            stream=True,
            allow_redirects=False,
            verify=_ca_bundle(),
            proxies=proxies,
            timeout=(min(manners.connect_timeout, manners.deadline_seconds), manners.deadline_seconds),
        )
        whole = False
        try:
            if response.status_code in (200, 203):
                body = _body(response, manners.max_bytes)
                whole = True
            else:
                body = _excerpt(response)
            now = dt.datetime.now(dt.UTC)
            return _Reply(response.status_code, response.headers, body, now, _is_framed(response))
        finally:
            if not whole:
                response.close()  # a connection with unread bytes cannot be used again

    def _translated(self, trip: _Trip, error: BaseException) -> MigstatsError:
        """Our error for one of the transport's."""
        chain = list(_chain(error))
        host = urlsplit(self._target(trip.at)).hostname
        manners = self.manners

        def find(*kinds: type[BaseException]) -> BaseException | None:
            return next((e for e in chain if isinstance(e, kinds)), None)

        certificate = find(ssl.SSLCertVerificationError)
        if isinstance(certificate, ssl.SSLCertVerificationError):
            return PublisherError(
                f"{trip.where}: the certificate of {host} is not valid: {certificate.verify_message}; tell the "
                "publisher, or, where your network has its own authority, name its bundle in REQUESTS_CA_BUNDLE"
            )
        if isinstance(error, _NO_URL):
            return ConfigurationError(
                f"{trip.where}: cannot be asked: {trip.text(str(error))}; check the URL and the proxy settings"
            )
        if find(_DeadlineError):
            return TryAgainError(f"{host} did not finish its answer within {manners.deadline_seconds:g} s in all")
        unknown = find(socket.gaierror)
        if unknown:
            return TryAgainError(f"the name {host!r} could not be looked up ({unknown.args[-1]})")
        if find(_NoConnectionError):
            seconds = min(manners.connect_timeout, manners.deadline_seconds)
            return TryAgainError(f"{host} took no connection within {seconds:g} s")
        if find(ConnectionRefusedError):
            return TryAgainError(f"{host} refused the connection")
        if find(TimeoutError):
            seconds = min(SILENCE, manners.deadline_seconds)
            return TryAgainError(f"{host} was silent until time was up (at most {seconds:g} s)")
        if find(ConnectionResetError, BrokenPipeError):
            return TryAgainError(f"{host} cut the connection before its answer was whole")
        short = find(http.client.IncompleteRead)  # urllib3's is one too
        if isinstance(short, http.client.IncompleteRead):
            partial = cast(object, short.partial)  # a number where urllib3 made it
            size = len(partial) if isinstance(partial, bytes) else partial
            return TryAgainError(f"the body of {host} ended too early, after {size} bytes ({short.expected} more said)")
        if any("prematurely" in str(e) for e in chain):  # urllib3, where no further chunk comes
            return TryAgainError(f"the body of {host} ended too early, before its last chunk")
        return TryAgainError(f"the exchange with {host} failed: {trip.text(str(chain[-1]) or repr(chain[-1]))[:300]}")

    def _judge(self, trip: _Trip, reply: _Reply, *, conditional: bool) -> Answer:
        """The Answer in a reply, or the error that its status means."""
        status = reply.status
        if status in (200, 203) and reply.body:
            return _answer(trip, reply, not_modified=False)
        if status == 304 and conditional:
            return _answer(trip, replace(reply, body=b""), not_modified=True)
        said = trip.text(reply.body.decode("utf-8", "replace"))[:_EXCERPT]
        found = f"status {status}" + (f": {said}" if said else "")
        if status in _BUSY or status >= 500:
            told = _retry_after(reply)
            raise TryAgainError(found + ("" if told is None else f" (asks to wait {told:.0f} s)"), told)
        found = f"{trip.where}: {found}"
        if status in trip.too_big:
            raise TooBigError(
                f"{found}; this publisher says so where more is asked for than it answers at once, or where "
                "nobody is let in: declare smaller slices, or look whether the address still answers"
            )
        if status in (200, 203, 204, 205):
            raise PublisherError(f"{found} with an empty body; nothing is not the same as no figures, look at the URL")
        if status in (404, 410):
            raise PublisherError(
                f"{found}; dataset withdrawn? Look at the publisher's catalogue, then mend the URL (docs/operations.md)"
            )
        if status in (401, 403):
            raise PublisherError(
                f"{found}; access is refused: renew the key or token, or declare the `user_agent` that is let in"
            )
        if status == 407:
            raise ConfigurationError(f"{found}; the proxy asks for a login, give it in HTTPS_PROXY")
        if status == 413:
            if b"ASYNCHRONOUS" in reply.body.upper():  # one status for two things: only the label tells them apart
                raise LaterError(f"{found}; the publisher prepares the answer: later, or declare smaller slices")
            raise TooBigError(f"{found}; the slice is too big for the publisher, declare smaller slices")
        raise PublisherError(f"{found}; status 200 was expected, look at the URL and its parameters")


def _answer(trip: _Trip, reply: _Reply, *, not_modified: bool) -> Answer:
    return Answer(
        url=redact(trip.url),
        status=reply.status,
        body=reply.body,
        etag=reply.headers.get("ETag"),
        last_modified=reply.headers.get("Last-Modified"),
        content_type=reply.headers.get("Content-Type"),
        retrieved_at=reply.retrieved_at,
        not_modified=not_modified,
        framed=reply.framed,
    )


def _proxies(target: str) -> dict[str, str]:
    """Proxies of the environment for this URL; none for loopback, whatever NO_PROXY says."""
    host = urlsplit(target).hostname or ""
    if host in ("localhost", "::1") or host.startswith("127."):
        return {}
    return dict(requests.utils.get_environ_proxies(target))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, then all that it was made from, in whichever way its library keeps them."""
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        current = todo.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        todo += [*current.args, getattr(current, "reason", None), current.__cause__, current.__context__]


def _retry_after(reply: _Reply) -> float | None:
    """Seconds that Retry-After asks for (RFC 9110: seconds or a date); None where it is absent or neither."""
    text = reply.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    until = _http_date(text)
    # Against the server's own clock, where it tells it: ours may be wrong.
    now = _http_date(reply.headers.get("Date", "")) or reply.retrieved_at
    return None if until is None else max(0.0, (until - now).total_seconds())


def _http_date(text: str) -> dt.datetime | None:
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=dt.UTC)
