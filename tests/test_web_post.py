"""Questions by POST: the web client sends them as carefully as it gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from faults.server import Action, FaultServer, answer, in_turn, silent

from migstats.errors import DeniedError, PublisherError, TooBigError, TryAgainError
from migstats.web import Client, Manners

BODY = b'{"value":[111069]}'


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State of its own for each test."""
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path / "state"))


def client(**changed: Any) -> Client:
    usual: dict[str, Any] = {"requests_per_second": 1e6, "max_bytes": 1_000_000, "deadline_seconds": 3.0}
    manners = Manners(**{"hosts": frozenset({"127.0.0.1"}), "user_agent": None, **usual, **changed})
    return Client(manners, wait_after=lambda attempt: 0.0)


def always(action: Action) -> FaultServer:
    return FaultServer(in_turn(action))


def test_a_question_is_posted_and_asked_again_after_a_passing_fault() -> None:
    with FaultServer(in_turn(answer(503, b"busy"), answer(body=BODY))) as s, client() as c:
        got = c.ask(s.url + "/table.px", '{"query":["\u00c5land"]}')
    assert (got.body, got.status, len(s.asked)) == (BODY, 200, 2)
    for asked in s.asked:
        assert (asked.method, asked.target) == ("POST", "/table.px")
        assert asked.body == '{"query":["\u00c5land"]}'.encode()
        assert asked.headers["content-type"] == "application/json; charset=utf-8"


def test_a_question_keeps_to_the_cap_the_deadline_and_the_hosts() -> None:
    big, slow = always(answer(body=b"x" * 5001)), always(silent())
    with big as s, client(max_bytes=5000) as c, pytest.raises(PublisherError, match="larger than max_bytes"):
        c.ask(s.url, "{}")
    with slow as s, client(deadline_seconds=0.5, tries=1) as c, pytest.raises(TryAgainError, match=r"in all|silent"):
        c.ask(s.url, "{}")
    with client() as c, pytest.raises(DeniedError, match="not declared"):
        c.ask("http://elsewhere.example.org/", "{}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_question_that_is_redirected_is_sent_nowhere_else(status: int) -> None:
    said = rf"status {status} redirects a POST to '/moved'"
    moved = always(answer(status, Location="/moved"))
    with moved as s, client() as c, pytest.raises(DeniedError, match=said):
        c.ask(s.url, "{}")
    assert [asked.target for asked in s.asked] == ["/"]


def test_a_status_that_means_too_much_is_told_by_who_asks() -> None:
    with always(answer(403, b"too many cells")) as s, client() as c:
        with pytest.raises(TooBigError, match=r"403: too many cells.*smaller slices"):
            c.ask(s.url, "{}", too_big=(403,))
        with pytest.raises(PublisherError, match="access is refused") as caught:
            c.ask(s.url, "{}")
    assert not isinstance(caught.value, TooBigError)
