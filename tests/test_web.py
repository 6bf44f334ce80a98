"""The web client against a server that misbehaves as told."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import gzip
import ipaddress
import logging
import os
import re
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
import traceback
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from faults.server import (
    Action,
    FaultServer,
    answer,
    black_hole,
    by_path,
    chunked,
    closed_port,
    endless,
    head,
    in_turn,
    raw,
    silent,
    trickle,
)

from migstats import turns, web
from migstats.errors import (
    ConfigurationError,
    DeclarationError,
    DeniedError,
    PermanentError,
    PublisherError,
    TryAgainError,
)
from migstats.redaction import clean, redact
from migstats.source import Dataset, Key, Licence, Source, read_sources
from migstats.web import Client, Manners, manners_of

PROJECT = Path(__file__).resolve().parents[1]
BODY = b'[{"page":1},[{"value":111069}]]'


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """State of its own for each test, and no proxy or CA bundle of this machine."""
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path / "state"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return tmp_path / "state" / "rate"


@dataclass
class Clock:
    """Time that passes only when somebody waits."""

    now: float = 1_790_000_000.0
    waits: list[float] = field(default_factory=list)

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def manners(**changed: Any) -> Manners:
    usual: dict[str, Any] = {
        "hosts": frozenset({"127.0.0.1"}),
        "requests_per_second": 1e6,
        "max_bytes": 1_000_000,
        "deadline_seconds": 3.0,
        "user_agent": None,
        "connect_timeout": 1.0,
    }
    return Manners(**{**usual, **changed})


def client(clock: Clock | None = None, *, patience: float = web.PATIENCE, **changed: Any) -> Client:
    clock = clock or Clock()
    return Client(manners(**changed), patience=patience, pause=clock.pause, wait_after=lambda n: 1.0 * n, clock=clock)


def get(url: str, clock: Clock | None = None, **changed: Any) -> web.Answer:
    with client(clock, **changed) as c:
        return c.get(url)


def always(action: Action) -> FaultServer:
    return FaultServer(in_turn(action))


# --- what works ---


def test_an_answer_holds_the_body_and_what_is_needed_to_ask_again() -> None:
    with always(answer(body=BODY, ETag='"1"', Last_Modified="Mon, 01 Jun 2026 00:00:00 GMT", Content_Type="a/b")) as s:
        got = get(s.url + "/v2/x?format=json")
    assert got.body == BODY
    assert (got.status, got.url, got.not_modified) == (200, s.url + "/v2/x?format=json", False)
    assert (got.etag, got.last_modified, got.content_type) == ('"1"', "Mon, 01 Jun 2026 00:00:00 GMT", "a/b")
    assert got.retrieved_at.tzinfo is dt.UTC


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


LONG = bytes(range(256)) * 3000  # larger than the pieces in which bodies are decoded
ZEROS = bytes(256 * 1024 + 21)  # the last byte of its raw deflate is taken in before all of it is given out


@pytest.mark.parametrize(
    ("coding", "sent"),
    [
        ("gzip", gzip.compress(LONG)),
        ("x-gzip", gzip.compress(LONG)),
        ("gzip", gzip.compress(LONG[:5]) + gzip.compress(LONG[5:]) + b"\0\0\0"),
        ("deflate", zlib.compress(LONG)),
        ("deflate", raw_deflate(LONG)),
        ("deflate", raw_deflate(ZEROS)),
        ("gzip, gzip", gzip.compress(gzip.compress(LONG))),
        ("identity", LONG),
    ],
)
def test_bodies_are_decoded_however_they_are_cut_on_the_way(coding: str, sent: bytes) -> None:
    pieces = [sent[:1], sent[1:2], sent[2:-1], sent[-1:]]
    with (
        FaultServer(in_turn(answer(body=sent, Content_Encoding=coding), chunked(pieces, Content_Encoding=coding))) as s,
        client() as c,
    ):
        assert c.get(s.url).body in (LONG, ZEROS)
        assert c.get(s.url).body in (LONG, ZEROS)


def test_five_requests_use_one_connection() -> None:
    with always(answer(body=BODY)) as s, client() as c:
        for _ in range(5):
            c.get(s.url)
    assert (len(s.asked), s.connections) == (5, 1)


def test_one_client_serves_several_threads() -> None:
    got: list[bytes] = []
    with always(answer(body=BODY)) as s, client() as c:
        threads = [threading.Thread(target=lambda: got.append(c.get(s.url).body)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert got == [BODY] * 8


def test_we_say_who_we_are_and_ask_only_for_what_we_decode() -> None:
    with always(answer(body=BODY)) as s:
        get(s.url)
        get(s.url, user_agent="Mozilla/5.0 (compatible)")
    usual, declared = (asked.headers for asked in s.asked)
    assert re.fullmatch(r"migstats/[0-9.]+( \(\+http\S+\))?", usual["user-agent"])
    assert declared["user-agent"] == "Mozilla/5.0 (compatible)"
    assert usual["accept-encoding"] == "gzip, deflate"
    assert usual["accept-language"] == "en"
    assert usual["accept"] == "*/*"


def test_the_user_agent_names_the_homepage_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    from email.message import Message

    facts = Message()
    facts["Version"] = "1.2"
    facts["Project-URL"] = "Homepage, https://migstats.example"
    monkeypatch.setattr(web.metadata, "metadata", lambda _: facts)
    assert web.user_agent() == "migstats/1.2 (+https://migstats.example)"


def test_conditional_requests_say_that_nothing_changed() -> None:
    def script(asked: Any) -> Action:
        return answer(304, ETag='"1"') if "if-none-match" in asked.headers else answer(body=BODY)

    with FaultServer(script) as s, client() as c:
        first = c.get(s.url)
        second = c.get(s.url, etag='"1"', last_modified="Mon, 01 Jun 2026 00:00:00 GMT")
    assert (first.not_modified, second.not_modified, second.body, second.etag) == (False, True, b"", '"1"')
    assert s.asked[1].headers["if-none-match"] == '"1"'
    assert s.asked[1].headers["if-modified-since"] == "Mon, 01 Jun 2026 00:00:00 GMT"
    with always(answer(304)) as s, pytest.raises(PublisherError, match="status 304"):
        get(s.url)


def test_cookies_are_not_kept() -> None:
    with always(answer(body=BODY, Set_Cookie="track=1; Path=/")) as s, client() as c:
        c.get(s.url)
        c.get(s.url)
    assert "cookie" not in s.asked[1].headers


# --- the transport fails ---


def test_a_refused_connection_is_tried_again_and_then_told() -> None:
    clock = Clock()
    with pytest.raises(TryAgainError, match=r"127\.0\.0\.1 refused the connection; asked 3 times"):
        get(f"http://127.0.0.1:{closed_port()}/x", clock)
    assert clock.waits == [1.0, 2.0]


def test_an_unknown_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TryAgainError, match=r"'api\.example' could not be looked up .*not known.*asked 3 times"):
        get("https://api.example/x", hosts=frozenset({"api.example"}))


def test_a_name_server_that_hangs_does_not_outlast_the_connect_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(20) and [])
    began = time.monotonic()
    with pytest.raises(TryAgainError, match=r"'api\.example' could not be looked up .*in time"):
        get("https://api.example/x", hosts=frozenset({"api.example"}), connect_timeout=0.3, tries=1)
    release.set()
    assert time.monotonic() - began < 2


def test_a_connection_that_hangs_ends_with_the_connect_timeout() -> None:
    assert Manners.connect_timeout <= 10
    began = time.monotonic()
    with black_hole() as port, pytest.raises(TryAgainError, match=r"took no connection within 0\.4 s; asked 2 times"):
        get(f"http://127.0.0.1:{port}/", connect_timeout=0.4, deadline_seconds=30, tries=2)
    assert 0.7 < time.monotonic() - began < 3


def test_the_second_address_of_a_host_is_tried_within_the_connect_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    with black_hole() as port, always(answer(body=BODY)) as s:
        began = time.monotonic()
        there = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", p)) for p in (port, s.port)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: there)
        assert get("http://two.example/", hosts=frozenset({"two.example"}), connect_timeout=1.2).body == BODY
    assert time.monotonic() - began < 1.0


HEAD = head(200, {"Content-Length": "1000000"})


@pytest.mark.parametrize(
    "action",
    [
        silent(),
        trickle(b"", 0.05),
        trickle(b"HTTP/1.1 200 OK\r\nX-Slow: ", 0.05),
        trickle(HEAD, 0.05),
        trickle(head(200, {"Connection": "close"}), 0.05),
        trickle(head(500, {"Content-Length": "1000000"}), 0.05),
        endless(head(200, {"Transfer-Encoding": "chunked"}), b"1\r\nx\r\n"),
        endless(head(200, {}).replace(b"\r\n\r\n", b"\r\nX-A: "), b"x"),
    ],
    ids=["silent", "status line", "headers", "body", "open end", "error body", "chunks", "header for ever"],
)
def test_the_deadline_covers_all_of_an_answer(action: Action) -> None:
    began = time.monotonic()
    with always(action) as s, pytest.raises(TryAgainError):
        get(s.url, deadline_seconds=0.5, tries=1, max_bytes=10**9)
    assert time.monotonic() - began < 1.5


def test_the_deadline_is_named() -> None:
    with always(trickle(HEAD, 0.05)) as s, pytest.raises(TryAgainError, match=r"did not finish .* within 0\.4 s"):
        get(s.url, deadline_seconds=0.4, tries=1)


def test_redirects_share_one_deadline() -> None:
    def slow_redirect(wire: Any) -> bool:
        time.sleep(0.3)
        return answer(302, Location="/again")(wire)

    began = time.monotonic()
    with always(slow_redirect) as s, pytest.raises(TryAgainError):
        get(s.url, deadline_seconds=0.7, tries=1)
    assert time.monotonic() - began < 1.5


BROKEN = {
    "reset in the middle": (raw(HEAD + b"x" * 500, reset=True), "cut the connection"),
    "shorter than Content-Length": (raw(HEAD + b"x" * 500), "ended too early, after 500 bytes"),
    "no last chunk": (chunked([b"x" * 500], last=False), "failed|ended too early"),
    "nothing at all": (raw(b""), "cut the connection"),
    "not HTTP": (raw(b"SSH-2.0-OpenSSH\r\n"), "failed"),
    "two lengths": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello"), "failed"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_transport_is_tried_again(fault: str) -> None:
    action, reason = BROKEN[fault]
    with FaultServer(in_turn(action, answer(body=BODY))) as s:
        assert get(s.url).body == BODY
    with always(action) as s, pytest.raises(TryAgainError, match=reason):
        get(s.url)
    assert len(s.asked) == 3


# --- bodies that lie ---


WHOLE = gzip.compress(LONG)


@pytest.mark.parametrize(
    ("coding", "sent"),
    [
        ("gzip", WHOLE[:-1]),
        ("gzip", WHOLE[: len(WHOLE) // 2]),
        ("gzip", WHOLE[:1]),
        ("gzip", WHOLE + WHOLE[:40]),
        ("gzip", WHOLE + b"surplus"),
        ("gzip", WHOLE[:-8] + b"\0" * 8),
        ("gzip", b"plain text"),
        ("deflate", zlib.compress(LONG)[:-1]),
        ("deflate", raw_deflate(LONG)[:-1]),
        ("br", b"whatever"),
        ("gzip, gzip, gzip", WHOLE),
    ],
)
def test_a_coded_body_without_its_end_fails_at_once(coding: str, sent: bytes) -> None:
    with always(answer(body=sent, Content_Encoding=coding)) as s, pytest.raises(PublisherError, match=r"stream|coding"):
        get(s.url)
    assert len(s.asked) == 1


def test_a_gzip_bomb_is_cut_at_the_cap_and_memory_stays_small(tmp_path: Path) -> None:
    """5 MB that become 5 GB, in a process of its own so that its memory can be read."""
    member = gzip.compress(bytes(64 * 2**20), 9)
    program = f"""
        import resource, sys
        from migstats.errors import PublisherError
        from migstats.web import Client, Manners
        def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        manners = Manners(frozenset({{"127.0.0.1"}}), 50, {64 * 2**20}, 60, None)
        before = peak()
        try:
            Client(manners).get(sys.argv[1])
        except PublisherError as error:
            assert "larger than max_bytes" in str(error), error
        else:
            sys.exit("the bomb was taken")
        print(peak() - before)
    """
    with always(answer(body=member * 80, Content_Encoding="gzip")) as s:
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), s.url],
            capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "PYTHONPATH": str(PROJECT / "plugins")},
        )  # fmt: skip
    assert len(member) * 80 > 4e6
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 150


@pytest.mark.parametrize(
    "action",
    [
        answer(body=b"x" * 5001),
        chunked([b"x" * 1000] * 6),
        raw(head(200, {}) + b"x" * 5001),
        endless(head(200, {}), b"x" * 1000),
        answer(body=gzip.compress(b"x" * 5001), Content_Encoding="gzip"),
        answer(body=gzip.compress(gzip.compress(bytes(10_000_000))), Content_Encoding="gzip, gzip"),
        # Empty blocks of deflate: bytes for ever, and never a figure.
        endless(head(200, {"Content-Encoding": "deflate"}), b"\x00\x00\x00\xff\xff" * 100),
    ],
    ids=["length", "chunks", "open end", "endless", "gzip", "twice", "empty blocks"],
)
def test_a_body_above_the_cap_is_refused_at_once(action: Action) -> None:
    with always(action) as s, pytest.raises(PublisherError, match=r"larger than max_bytes = 5,000"):
        get(s.url, max_bytes=5000)
    assert len(s.asked) == 1


def test_a_body_as_large_as_the_cap_is_taken() -> None:
    with always(answer(body=gzip.compress(b"x" * 5000), Content_Encoding="gzip")) as s:
        assert len(get(s.url, max_bytes=5000).body) == 5000


@pytest.mark.parametrize("action", [answer(204), answer(200), answer(200, Content_Encoding="gzip"), chunked([])])
def test_an_empty_answer_is_never_no_figures(action: Action) -> None:
    with always(action) as s, pytest.raises(PublisherError, match="empty body"):
        get(s.url)
    assert len(s.asked) == 1


# --- the publisher says no ---


REFUSALS: dict[int, tuple[type[PermanentError], str]] = {
    400: (PublisherError, "INVALID_QUERY_DIMENSION"),
    401: (PublisherError, "renew the key"),
    403: (PublisherError, "user_agent"),
    404: (PublisherError, r"dataset withdrawn\?"),
    407: (ConfigurationError, "proxy"),
    410: (PublisherError, r"dataset withdrawn\?"),
    413: (PublisherError, "too big"),
    422: (PublisherError, "INVALID_QUERY_DIMENSION"),
    206: (PublisherError, "status 206"),
    300: (PublisherError, "status 300"),
}


@pytest.mark.parametrize("status", REFUSALS)
def test_a_refusal_fails_at_once_with_the_publishers_words(status: int) -> None:
    kind, reason = REFUSALS[status]
    body = b'{"error":[{"status":400,\r\n"id":150,"label":"\x1b[31mINVALID_QUERY_DIMENSION"}]}' + b"." * 5000
    with always(answer(status, body)) as s, pytest.raises(kind, match=reason) as raised:
        get(s.url + "/d")
    message = str(raised.value)
    assert len(s.asked) == 1
    assert f"{s.url}/d" in message
    assert "INVALID_QUERY_DIMENSION" in message
    assert message.isprintable()
    assert len(message) < 600


def test_an_error_body_is_decoded_and_its_faults_do_not_hide_the_status() -> None:
    coded, cut = gzip.compress(b"size limit 5000000"), gzip.compress(b"gone")[:-4]
    script = by_path(
        {"/a": answer(400, coded, Content_Encoding="gzip"), "/b": answer(404, cut, Content_Encoding="gzip")}
    )
    with FaultServer(script) as s, client() as c:
        with pytest.raises(PublisherError, match="status 400: size limit 5000000"):
            c.get(s.url + "/a")
        with pytest.raises(PublisherError, match="withdrawn"):
            c.get(s.url + "/b")


# --- the server is busy or ill ---


def test_two_503_and_then_a_200_are_one_answer() -> None:
    clock = Clock()
    with FaultServer(in_turn(answer(503), answer(503), answer(body=BODY))) as s:
        assert get(s.url, clock).body == BODY
    assert (len(s.asked), clock.waits) == (3, [1.0, 2.0])


def http_date(seconds_ahead: float) -> str:
    return email.utils.format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds_ahead), usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("told", "waits"),
    [("7", 7.0), ("0", 1.0), ("abc", 1.0), ("-5", 1.0), ("1.5", 1.0), ("9" * 5000, 1.0), (None, 1.0), ("date", 7.0)],
)
def test_we_wait_as_told(status: int, told: str | None, waits: float) -> None:
    headers = {} if told is None else {"Retry_After": http_date(7) if told == "date" else told}
    clock = Clock()
    with FaultServer(in_turn(answer(status, **headers), answer(body=BODY))) as s:
        assert get(s.url, clock).body == BODY
    assert sum(clock.waits) == pytest.approx(waits, abs=1.5 if told == "date" else 1e-6)


def test_a_date_to_wait_for_is_read_by_the_servers_own_clock() -> None:
    clock = Clock()
    busy = answer(429, Retry_After="Mon, 01 Jun 2020 00:00:09 GMT", Date="Mon, 01 Jun 2020 00:00:00 GMT")
    with FaultServer(in_turn(busy, answer(body=BODY))) as s:
        get(s.url, clock)
    assert sum(clock.waits) == pytest.approx(9)


@pytest.mark.parametrize(("told", "seconds"), [("86400", 86400.0), ("31", 31.0)])
def test_a_long_wait_is_handed_to_the_scheduler(told: str, seconds: float) -> None:
    clock = Clock()
    with always(answer(429, Retry_After=told)) as s, pytest.raises(TryAgainError, match="asks to wait") as raised:
        get(s.url, clock)
    assert (raised.value.retry_after, clock.waits, len(s.asked)) == (seconds, [], 1)


def test_patience_is_for_all_tries_together_and_can_be_set() -> None:
    clock = Clock()
    with always(answer(429, Retry_After="20")) as s, pytest.raises(TryAgainError) as raised:
        get(s.url, clock)
    assert (raised.value.retry_after, sum(clock.waits), len(s.asked)) == (20.0, 20.0, 2)
    with FaultServer(in_turn(answer(429, Retry_After="200"), answer(body=BODY))) as s:
        assert get(s.url, Clock(clock.now + 1000), patience=300).body == BODY


def test_a_host_that_asked_to_wait_is_left_alone_by_everybody_and_others_are_not() -> None:
    clock = Clock()
    with always(answer(429, Retry_After="300")) as s, always(answer(body=BODY)) as other:
        with pytest.raises(TryAgainError):
            get(s.url, clock)
        clock.now += 100
        with pytest.raises(TryAgainError, match=r"127\.0\.0\.1 is left alone for 200 s") as raised:
            get(s.url, clock)
        assert (raised.value.retry_after, len(s.asked), clock.waits) == (200.0, 1, [])
        local = f"http://localhost:{other.port}"
        assert get(local, clock, hosts=frozenset({"localhost"})).body == BODY


def test_a_hold_is_forgotten_after_a_quarter_of_an_hour() -> None:
    clock = Clock()
    with FaultServer(in_turn(answer(429, Retry_After="86400"), answer(body=BODY))) as s:
        for _ in range(2):
            with pytest.raises(TryAgainError):
                get(s.url, clock)
        assert len(s.asked) == 1
        clock.now += turns.LONGEST_HOLD + 1
        assert get(s.url, clock).body == BODY


def test_500_for_ever_makes_no_storm_of_requests() -> None:
    """Eleven mapped tasks, three tries each: without the circuit 33 requests."""
    clock = Clock()
    with always(answer(500, b"ORA-00936")) as s:
        for _ in range(11):
            with pytest.raises(TryAgainError) as raised:
                get(s.url, clock)
        assert len(s.asked) == turns.BREAK_AFTER
        assert "the last 6 requests to it failed" in str(raised.value)
        assert raised.value.retry_after == pytest.approx(turns.COOL_DOWN)


def test_the_circuit_bounds_threads_too() -> None:
    with always(answer(500)) as s:

        def task() -> None:
            with pytest.raises(TryAgainError):
                get(s.url, Clock())

        threads = [threading.Thread(target=task) for _ in range(11)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert len(s.asked) <= turns.BREAK_AFTER + 10


def test_after_the_cool_down_one_request_goes_ahead_and_opens_the_way() -> None:
    clock = Clock()
    with FaultServer(in_turn(*[answer(500)] * 6, answer(body=BODY))) as s:
        for _ in range(3):
            with pytest.raises(TryAgainError):
                get(s.url, clock)
        clock.now += turns.COOL_DOWN
        took = turns.take("127.0.0.1", clock.now, 0.0, 30.0, 30.0)
        assert not took.refused
        with pytest.raises(TryAgainError, match="left alone"):
            get(s.url, clock)  # somebody else is trying
        clock.now += turns.COOL_DOWN
        assert get(s.url, clock).body == BODY
        assert get(s.url, clock).body == BODY
    assert len(s.asked) == 8


def test_only_faults_in_a_row_open_the_circuit() -> None:
    clock = Clock()
    with FaultServer(in_turn(*[answer(500), answer(500), answer(body=BODY)] * 5)) as s:
        for _ in range(5):
            assert get(s.url, clock).body == BODY
    assert len(s.asked) == 15


def test_back_off_doubles_with_jitter_and_is_bounded() -> None:
    for attempt, most in ((1, 2), (2, 4), (3, 8), (9, 20)):
        waits = [web.back_off(attempt) for _ in range(200)]
        assert most / 2 <= min(waits)
        assert max(waits) <= most
        assert len(set(waits)) > 100


# --- pace ---


def test_threads_together_keep_the_pace() -> None:
    with always(answer(body=BODY)) as s, Client(manners(requests_per_second=20)) as c:
        threads = [threading.Thread(target=c.get, args=(s.url,)) for _ in range(6)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert len(s.asked) == 6
    assert max(asked.at for asked in s.asked) - began >= 5 * 0.05 - 0.01


def test_processes_together_keep_the_pace(machine: Path) -> None:
    program = """
        import sys
        from migstats.web import Client, Manners
        with Client(Manners(frozenset({"127.0.0.1"}), 10, 10000, 20, None)) as client:
            print("ready", flush=True)
            sys.stdin.readline()
            for _ in range(3):
                client.get(sys.argv[1])
    """
    assert not machine.exists()
    command = [sys.executable, "-c", textwrap.dedent(program)]
    with always(answer(body=BODY)) as s, contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen([*command, s.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            for _ in range(2)
        ]
        for process in running:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        for process in running:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait(60) for process in running] == [0, 0]
    assert len(s.asked) == 6
    assert max(asked.at for asked in s.asked) - began >= 5 * 0.1 - 0.01


def test_the_pace_is_kept_over_redirects_and_tries() -> None:
    clock = Clock()
    script = by_path({"/a": answer(302, Location="/b"), "/b": answer(body=BODY)})
    with FaultServer(script) as s:
        get(s.url + "/a", clock, requests_per_second=0.5)
    assert clock.waits == [2.0]


def test_a_clock_that_was_set_back_stops_nobody() -> None:
    clock = Clock()
    with always(answer(body=BODY)) as s:
        get(s.url, clock, requests_per_second=0.1)
        clock.now -= 86400
        get(s.url, clock, requests_per_second=0.1)
    assert clock.waits == []


@pytest.mark.parametrize("left", ["", "[1", "null", '["a", 1, 2]', "\x00\x00"])
def test_a_damaged_pace_file_is_made_anew(machine: Path, left: str) -> None:
    machine.mkdir(parents=True)
    (machine / "127.0.0.1").write_text(left)
    with always(answer(body=BODY)) as s:
        assert get(s.url).body == BODY
    assert (machine / "127.0.0.1").read_text().startswith("[")


def test_a_state_folder_that_cannot_be_written_is_named(machine: Path) -> None:
    machine.parent.parent.mkdir(exist_ok=True)
    machine.parent.write_text("a file where the folder should be")
    with always(answer(body=BODY)) as s, pytest.raises(ConfigurationError, match="MIGSTATS_STATE"):
        get(s.url)
    assert s.asked == []


# --- where we go ---


@pytest.fixture
def no_connections(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Any]]:
    """A guard at the socket: lists each address to which a connection is begun."""
    begun: list[Any] = []
    connect = web._Socket.connect

    def watched(self: socket.socket, address: Any) -> None:
        begun.append(address)
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(web._Socket, "connect", watched)
    return lambda: begun


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "http://api.worldbank.org.evil.example/",
        "http://api.worldbank.org@evil.example/",
        "http://evil.example\\@api.worldbank.org/",
        "http://api.worldbank.org\\@evil.example/",
        "http://api.worldbank.org:80@evil.example/",
        "http://evil.example#@api.worldbank.org/",
        "http://evil.example?@api.worldbank.org/",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://localhost/",
        "file:///etc/passwd",
        "ftp://api.worldbank.org/",
        "gopher://api.worldbank.org/",
        "//api.worldbank.org/x",
        "api.worldbank.org/x",
        "http://api.worldbank.org/a b",
        "http://api.worldbank.org/\r\nHost: evil",
        "http://api.worldbank.org:99999/",
        "http://",
        "",
    ],
)
def test_no_url_leads_to_a_host_that_is_not_declared(url: str, no_connections: Callable[[], list[Any]]) -> None:
    with pytest.raises(DeniedError):
        get(url, hosts=frozenset({"api.worldbank.org"}))
    assert no_connections() == []


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.2/",
        "http://localhost/",
        "http://[::1]/",
        "http://[broken/",
        "http://127.0.0.1:1/",
        "/\\evil.example/",
        "/a\x01b",
    ],
)
def test_a_redirect_elsewhere_is_refused(location: str, no_connections: Callable[[], list[Any]]) -> None:
    with always(answer(302, Location=location)) as s, pytest.raises(DeniedError):
        get(s.url)
    assert len(s.asked) == 1
    assert set(no_connections()) == {("127.0.0.1", s.port)}


def test_redirects_to_declared_hosts_are_followed() -> None:
    def script(asked: Any) -> Action:
        steps = {
            "/1": answer(301, b"moved", Location="/2?x=1"),
            "/2?x=1": answer(307, Location=f"http://localhost:{s.port}/3#fragment"),
            "/3": answer(303, Location="4%20b c"),
        }
        return steps.get(asked.target, answer(body=BODY))

    with FaultServer(script) as s:
        got = get(s.url + "/1", hosts=frozenset({"127.0.0.1", "localhost"}))
    assert [a.target for a in s.asked] == ["/1", "/2?x=1", "/3", "/4%20b%20c"]
    assert (got.body, got.url) == (BODY, s.url + "/1")


def test_a_loop_of_redirects_ends_after_five() -> None:
    with always(answer(302, Location="/again")) as s, pytest.raises(DeniedError, match="more than 5 redirects"):
        get(s.url)
    assert len(s.asked) == 6


def test_five_redirects_are_allowed() -> None:
    with FaultServer(in_turn(*[answer(302, Location="/n")] * 5, answer(body=BODY))) as s:
        assert get(s.url).body == BODY


def test_a_redirect_without_location_is_the_publishers_error() -> None:
    with always(answer(302)) as s, pytest.raises(PublisherError, match="without Location"):
        get(s.url)


def test_the_body_of_a_redirect_is_not_taken_in() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    script = by_path({"/a": answer(302, bomb, Content_Encoding="gzip", Location="/b"), "/b": answer(body=BODY)})
    with FaultServer(script) as s:
        assert get(s.url + "/a", deadline_seconds=2).body == BODY


# --- replay and proxies ---


WDI = "https://api.worldbank.org/v2/country/MAR/indicator/SM.POP.NETM?format=json&date=2020:2024"


def test_a_replay_server_stands_in_for_declared_hosts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
    hosts = frozenset({"api.worldbank.org"})
    with always(answer(body=BODY)) as s:
        got = get(WDI, hosts=hosts, replay=s.url + "/")
        assert got.url == WDI
        assert s.asked[0].target == "/api.worldbank.org/v2/country/MAR/indicator/SM.POP.NETM?format=json&date=2020:2024"
        with pytest.raises(DeniedError):
            get("https://evil.example/", hosts=hosts, replay=s.url)
        with pytest.raises(DeniedError):
            get(s.url + "/api.worldbank.org/", hosts=hosts, replay=s.url)
    assert len(s.asked) == 1


@pytest.mark.parametrize(
    ("location", "then"),
    [
        ("{replay}/api.worldbank.org/v2/b?x=1", "/api.worldbank.org/v2/b?x=1"),
        ("https://api.worldbank.org/v2/b", "/api.worldbank.org/v2/b"),
        ("/v2/b", "/api.worldbank.org/v2/b"),
        ("b", "/api.worldbank.org/v2/b"),
        ("{replay}/evil.example/b", None),
        ("{replay}", None),
        ("http://api.worldbank.org/v2/b", None),
        ("https://evil.example/b", None),
    ],
)
def test_redirects_of_a_replay_server_are_checked_as_the_publishers(location: str, then: str | None) -> None:
    def script(asked: Any) -> Action:
        if asked.target == "/api.worldbank.org/v2/a":
            return answer(302, Location=location.format(replay=s.url))
        return answer(body=BODY)

    with FaultServer(script) as s:
        asking = client(hosts=frozenset({"api.worldbank.org"}), replay=s.url)
        if then is None:
            with pytest.raises(DeniedError):
                asking.get("https://api.worldbank.org/v2/a")
            assert len(s.asked) == 1
        else:
            assert asking.get("https://api.worldbank.org/v2/a").body == BODY
            assert s.asked[1].target == then
        asking.close()


def test_our_own_replay_server_is_not_asked_slowly_and_does_not_mix_with_the_real_host(machine: Path) -> None:
    clock = Clock()
    hosts = frozenset({"api.worldbank.org"})
    with always(answer(body=BODY)) as s, client(clock, hosts=hosts, replay=s.url, requests_per_second=0.1) as c:
        for _ in range(3):
            c.get(WDI)
    assert clock.waits == []
    assert [f.name for f in machine.iterdir()] == ["replay-api.worldbank.org"]


def test_proxies_of_the_environment_are_used_and_netrc_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine stats.example login user password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with always(answer(body=BODY)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:pass-of-proxy@127.0.0.1:{proxy.port}")
        assert get("http://stats.example/x", hosts=frozenset({"stats.example"})).body == BODY
    (asked,) = proxy.asked
    assert asked.target == "http://stats.example/x"
    assert "proxy-authorization" in asked.headers
    assert "authorization" not in asked.headers


def test_loopback_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    with always(answer(body=BODY)) as s:
        assert get(s.url).body == BODY


def test_a_proxy_obeys_the_deadline_and_keeps_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    began = time.monotonic()
    with always(trickle(b"HTTP/1.1 200 ", 0.05)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pass-of-proxy@127.0.0.1:{proxy.port}")
        with pytest.raises(TryAgainError) as raised:
            get("https://stats.example/x", hosts=frozenset({"stats.example"}), deadline_seconds=0.5, tries=1)
    assert time.monotonic() - began < 1.5
    assert "pass-of-proxy" not in "".join(traceback.format_exception(raised.value))
    assert proxy.asked[0].method == "CONNECT"


def test_a_proxy_that_is_no_url_is_our_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://")
    with pytest.raises(ConfigurationError, match="proxy"):
        get("http://stats.example/x", hosts=frozenset({"stats.example"}))


# --- TLS ---


@dataclass(frozen=True)
class Authority:
    """A certificate authority of the test, and where its certificate lies."""

    folder: Path
    key: Any
    certificate: Any

    def server(self, name: str, *, days: int = 1, trusted: bool = True) -> ssl.SSLContext:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        signer, issuer = (self.key, self.certificate.subject) if trusted else (key, None)
        certificate = certify(key, signer, issuer, name, days=days)
        file = self.folder / f"{name}-{days}-{trusted}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def certify(key: Any, signer: Any, issuer: Any, name: str, *, days: int = 1, authority: bool = False) -> Any:
    """A certificate for `name`; without issuer it is self-signed; negative days have passed."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if re.fullmatch(r"[0-9.]+", name):
        names = [x509.IPAddress(ipaddress.ip_address(name))]
    unused = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        encipher_only=False,
        decipher_only=False,
        **dict.fromkeys(unused, False),
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=30))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        # Python from 3.13 on refuses certificates without what RFC 5280 demands.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(usage, critical=True)
        .sign(signer, hashes.SHA256())
    )


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    certificate = certify(key, key, None, "authority.example", authority=True)
    bundle = tmp_path / "authority.pem"
    bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    return Authority(tmp_path, key, certificate)


def test_a_valid_certificate_is_taken(authority: Authority) -> None:
    with FaultServer(in_turn(answer(body=BODY)), tls=authority.server("127.0.0.1")) as s, client() as c:
        assert c.get(s.url).body == BODY
        assert c.get(s.url).body == BODY
    assert s.connections == 1


@pytest.mark.parametrize(
    ("name", "days", "trusted", "reason"),
    [
        ("127.0.0.1", 1, False, "self.signed"),
        ("127.0.0.1", -2, True, "expired"),
        ("other.example", 1, True, "mismatch"),
    ],
)
def test_a_certificate_that_is_not_valid_fails_at_once_with_the_reason(
    authority: Authority, name: str, days: int, trusted: bool, reason: str
) -> None:
    clock = Clock()
    shown = pytest.raises(PublisherError, match=rf"certificate of 127\.0\.0\.1 is not valid: .*{reason}")
    tls = authority.server(name, days=days, trusted=trusted)
    with FaultServer(in_turn(answer(body=BODY)), tls=tls) as s, shown:
        get(s.url, clock)
    assert (s.asked, clock.waits) == ([], [])


def test_an_unknown_authority_is_not_trusted_by_default(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    shown = pytest.raises(PublisherError, match="REQUESTS_CA_BUNDLE")
    with FaultServer(in_turn(answer(body=BODY)), tls=authority.server("127.0.0.1")) as s, shown:
        get(s.url)


def test_the_deadline_covers_tls(authority: Authority) -> None:
    began = time.monotonic()
    shown = pytest.raises(TryAgainError, match="did not finish")
    with FaultServer(in_turn(trickle(HEAD, 0.05)), tls=authority.server("127.0.0.1")) as s, shown:
        get(s.url, deadline_seconds=0.6, tries=1)
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(TryAgainError):
        get(f"https://127.0.0.1:{mute.getsockname()[1]}/", connect_timeout=0.4, tries=1)
    assert time.monotonic() - began < 3


def test_a_redirect_from_https_to_http_is_refused(authority: Authority) -> None:
    def script(_: Any) -> Action:
        return answer(302, Location=f"http://127.0.0.1:{s.port}/")

    with FaultServer(script, tls=authority.server("127.0.0.1")) as s, pytest.raises(DeniedError, match="https to http"):
        get(s.url)


def test_a_ca_bundle_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with always(answer(body=BODY)) as s, pytest.raises(ConfigurationError, match=r"/nowhere/ca\.pem"):
        get(s.url)


def test_nowhere_in_the_project_is_verification_of_certificates_turned_off() -> None:
    off = re.compile(
        r"verify\s*=\s*False|CERT_NON[E]|check_hostname\s*=\s*False|_create_unverified_contex[t]|--insecur[e]"
    )
    folders = ("plugins", "dags", "include", "benchmarks", ".ci")
    files = [f for folder in folders for f in (PROJECT / folder).rglob("*") if f.suffix in (".py", ".sh", ".yaml", "")]
    texts = [(f, f.read_text(encoding="utf-8", errors="replace")) for f in files if f.is_file()]
    assert len(texts) > 5
    assert [str(f) for f, text in texts if off.search(text)] == []


# --- secrets ---


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/p?client_id=abc&x=1", "https://h/p?client_id=***&x=1"),
        ("https://h/p?app_identifier=bWln%3D%3D&limit=10", "https://h/p?app_identifier=***&limit=10"),
        ("https://h/p?subscription-key=abc", "https://h/p?subscription-key=***"),
        ("https://h/p?apiKey=abc&API_KEY=d", "https://h/p?apiKey=***&API_KEY=***"),
        ("https://h/p?access_token=abc#token=d", "https://h/p?access_token=***#token=***"),
        ("https://h/p?AWSAccessKeyId=a&X-Amz-Signature=b", "https://h/p?AWSAccessKeyId=***&X-Amz-Signature=***"),
        ("https://h/p?pass%77ord=abc", "https://h/p?pass%77ord=***"),
        ("https://user:pass@h:8/p", "https://***@h:8/p"),
        ("https://user:p@ss@h/p?q=a@b", "https://***@h/p?q=a@b"),
        ("https://h/p?keyword=a&format=json&mrv=1&date=2010:2022", "https://h/p?keyword=a&format=json&mrv=1&date=2010:2022"),
        ("https://h/p?next=http://h/?token=abc&x=1", "https://h/p?next=http://h/?token=***&x=1"),
        ("https://h/p?token=a?b=c#d", "https://h/p?token=***#d"),
        ("no url", "no url"),
    ],
)  # fmt: skip
def test_secrets_of_a_url_are_replaced_and_all_else_stays(url: str, shown: str) -> None:
    assert redact(url) == shown


@pytest.mark.parametrize(
    "text", ["?" * 60_000, "." * 16_000, "a." * 8_000, "://" * 20_000, "a: " * 20_000, "&a=" * 20_000]
)
def test_hiding_secrets_takes_time_in_proportion_to_the_text(text: str) -> None:
    began = time.monotonic()
    redact(text)
    clean(text, text)
    assert time.monotonic() - began < 0.5


CANARY = "c4n4ry+s3cr%2Ft"
SPELLINGS = (CANARY, "c4n4ry s3cr/t", "c4n4ry+s3cr/t", "c4n4ry", "s3cr", "u53r-n4me")


def leaking(asked: Any) -> bytes:
    return f"no: {asked.target} c4n4ry s3cr/t c4n4ry+s3cr/t {{'client_id': 'c4n4ry'}}".encode()


LEAKS: dict[str, Callable[[Any], Action]] = {
    **{f"status {n}": (lambda a, n=n: answer(n, leaking(a))) for n in (400, 401, 403, 404, 407, 413, 429, 500, 503)},
    "reset": lambda _: raw(HEAD, reset=True),
    "not HTTP": lambda a: raw(leaking(a)),
    "short": lambda _: raw(HEAD),
    "empty": lambda _: answer(),
    "cut gzip": lambda a: answer(body=gzip.compress(leaking(a))[:-1], Content_Encoding="gzip"),
    "silent": lambda _: silent(),
    "elsewhere": lambda a: answer(302, Location="http://evil.example" + a.target),
    "no url": lambda a: answer(302, Location="http://[" + a.target),
    "signed": lambda a: (
        answer(302, Location="/dump?X-Amz-Signature=" + CANARY) if a.target[:2] == "/p" else answer(500, leaking(a))
    ),
}


@pytest.mark.parametrize("fault", LEAKS)
def test_no_fault_shows_a_secret(fault: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with FaultServer(LEAKS[fault]) as s:
        url = f"http://u53r-n4me:{CANARY}@127.0.0.1:{s.port}/p?client_id={CANARY}&format=json"
        with pytest.raises((TryAgainError, PermanentError)) as raised:
            get(url, deadline_seconds=0.4, tries=2)
    told = "".join(traceback.format_exception(raised.value)) + caplog.text + "".join(map(repr, caplog.records))
    # The source line of this test stands in the traceback too, but not the values.
    assert [text for text in SPELLINGS if text in told] == []
    assert "***" in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert s.asked[0].headers["authorization"].startswith("Basic ")


def test_the_answer_and_the_log_show_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with always(answer(body=BODY)) as s:
        got = get(f"{s.url}/p?client_id={CANARY}&format=json")
    assert got.url == f"{s.url}/p?client_id=***&format=json"
    assert s.asked[0].target == f"/p?client_id={CANARY}&format=json"
    lines = [r.getMessage() for r in caplog.records if r.name == "migstats.web"]
    assert len(lines) == 1
    assert re.fullmatch(
        rf"GET {re.escape(s.url)}/p\?client_id=\*\*\*&format=json status=200 bytes=31 seconds=[0-9.]+", lines[0]
    )
    assert CANARY not in caplog.text


def test_each_request_has_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="migstats.web")
    with FaultServer(in_turn(raw(b""), answer(503), answer(302, Location="/b"), answer(body=BODY))) as s:
        get(s.url, tries=4)
    assert [re.findall("status=([a-z0-9]+)", r.getMessage())[0] for r in caplog.records] == [
        "failed",
        "503",
        "302",
        "200",
    ]


# --- manners ---


def test_manners_are_those_of_the_source() -> None:
    dataset = Dataset.model_validate(
        {
            "id": "stock", "title": "t", "url": "https://API.example/x",
            "reader": {"format": "jsonstat"},
            "concepts": {"indicator": "a", "ref_area": "b", "time_period": "2020", "unit": "c"},
            "stock_or_flow": "flow", "reference_point": "period",
        }
    )  # fmt: skip
    source = Source(
        id="some", title="t", publisher="p", homepage="https://p", description="d", owner="o",
        licence=Licence(id="CC0", url="https://l", redistribution="allowed"), citation="c",
        hosts=("API.example", "api.example"), requests_per_second=0.5, max_bytes=10, deadline_seconds=20,
        user_agent="ua", datasets=(dataset,),
    )  # fmt: skip
    assert manners_of(source, "http://127.0.0.1:8100") == Manners(
        hosts=frozenset({"api.example"}),
        requests_per_second=0.5,
        max_bytes=10,
        deadline_seconds=20,
        user_agent="ua",
        replay="http://127.0.0.1:8100",
    )


@pytest.mark.parametrize("field_name", ["requests_per_second", "max_bytes", "deadline_seconds", "tries"])
def test_manners_without_sense_are_refused_when_they_are_made(field_name: str) -> None:
    with pytest.raises(DeclarationError, match=field_name):
        manners(**{field_name: 0})


# -- keys that the publisher wants ---------------------------------------------------------------------------------

GIVEN = "s3cret/key"


def keyed(**key: str) -> Source:
    declared = {"variable": "MIGSTATS_KEY_TEST", "request": "https://example.org/register", **key}
    return read_sources()["worldbank_wdi"].model_copy(update={"key": Key(**declared)})


def test_a_key_goes_into_its_parameter_and_into_no_answer_or_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("MIGSTATS_KEY_TEST", GIVEN)
    caplog.set_level(logging.INFO)
    with always(answer(200, BODY)) as s:
        asked = manners_of(keyed(parameter="client_id"), None)
        with client(**parameter_of(asked)) as c:
            found = c.get(f"{s.url}/gidd?limit=100")
            c.get(f"{s.url}/gidd")
    assert [asked_for.target for asked_for in s.asked] == [
        "/gidd?limit=100&client_id=s3cret%2Fkey",
        "/gidd?client_id=s3cret%2Fkey",
    ]
    assert found.url.endswith("/gidd?limit=100&client_id=***")
    assert "s3cret" not in caplog.text
    assert "s3cret" not in repr(asked)


def parameter_of(asked: Manners) -> dict[str, Any]:
    return {"key_parameter": asked.key_parameter, "key_header": asked.key_header}


def test_a_key_in_a_header_goes_to_the_host_of_the_url_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGSTATS_KEY_TEST", GIVEN)
    asked = manners_of(keyed(header="Ocp-Apim-Subscription-Key"), None)

    def script(got: Any) -> Action:
        return answer(302, Location=f"http://localhost:{s.port}/dump") if got.target == "/v3" else answer(body=BODY)

    with (
        FaultServer(script) as s,
        client(hosts=frozenset({"127.0.0.1", "localhost"}), **parameter_of(asked)) as c,
    ):
        c.get(f"{s.url}/v3")
    assert [got.headers.get("ocp-apim-subscription-key") for got in s.asked] == [GIVEN, None]


@pytest.mark.parametrize("place", [{"parameter": "client_id"}, {"header": "X-Key"}])
def test_a_key_that_the_publisher_gives_back_is_not_told(
    monkeypatch: pytest.MonkeyPatch, place: dict[str, str]
) -> None:
    monkeypatch.setenv("MIGSTATS_KEY_TEST", GIVEN)
    asked = manners_of(keyed(**place), None)
    refusal = answer(403, f"the key {GIVEN} is not registered".encode())
    with always(refusal) as s, client(**parameter_of(asked)) as c, pytest.raises(PublisherError) as refused:
        c.get(f"{s.url}/gidd")
    assert "is not registered" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_without_its_key_a_source_says_where_to_get_one_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIGSTATS_KEY_TEST", raising=False)
    with pytest.raises(ConfigurationError, match=r"register, and give it in .* MIGSTATS_KEY_TEST"):
        manners_of(keyed(parameter="client_id"), None)


def test_the_replay_server_gets_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MIGSTATS_KEY_TEST", raising=False)
    asked = manners_of(keyed(parameter="client_id"), "http://127.0.0.1:1")
    assert parameter_of(asked) == {"key_parameter": None, "key_header": None}


def test_a_parameter_that_logs_would_show_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGSTATS_KEY_TEST", GIVEN)
    with pytest.raises(DeclarationError, match="'who' is not known to hold a secret"):
        manners_of(keyed(parameter="who"), None)


@pytest.mark.parametrize("places", [{}, {"parameter": "client_id", "header": "X-Key"}])
def test_a_key_has_one_place(places: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="a parameter or into a header"):
        keyed(**places)
