"""The portal as it is served: against slow and endless requests, by the command line, and in a real browser."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import forked
import httpx
import pytest
import uvicorn
from portal_site import AMAL, EVIL, OMAR, PASSWORD, READ, as_portal, send, signed, token_of
from test_pages import browser  # noqa: F401 (a fixture)

from migstats import settings
from migstats.process import free_port
from migstats.uploads import accounts, portal, submission
from migstats.uploads.inflow import Pace, PatientProtocol
from migstats.uploads.portal import Portal

pytestmark = pytest.mark.database

#: Seconds that a request may stand still in these tests.
PATIENCE = 1.0


@pytest.fixture
def url(warehouse_url: str, lake: Path) -> str:
    """A warehouse of the test's own, as its owner, with an official of Morocco and one of Tunisia."""
    return with_officials(warehouse_url)


def with_officials(warehouse: str) -> str:
    accounts.add(warehouse, AMAL, country="MAR", language="fr", email="amal@example.org", password=PASSWORD)
    accounts.add(warehouse, OMAR, country="TUN", language="ar", email="omar@example.org", password=PASSWORD)
    return warehouse


class Hasty(PatientProtocol):
    patience = PATIENCE


@contextmanager
def served(app: Any) -> Iterator[int]:
    """The application on a real server of its own; the port."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, http=Hasty, ws="none", lifespan="off", log_level="warning", server_header=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until(lambda: server.started, 20)
    yield port
    server.should_exit = True
    thread.join(30)


def until(done: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.05)


@pytest.fixture
def port(url: str) -> Iterator[int]:
    pace = Pace(biggest=2_000_000, idle=PATIENCE, grace=1, slowest=100_000, drain=1, drained_times=2)
    with served(portal.create_app(Portal(as_portal(url), secure=False, pace=pace))) as there:
        yield there


def connection(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def answer_of(wire: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    parts = []
    while True:
        try:
            part = wire.recv(65536)
        except ConnectionError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)


def head(port: int, cookies: str = "", more: str = "") -> bytes:
    return f"POST /upload HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookies}\r\n{more}".encode()


FORM = "Content-Type: multipart/form-data; boundary=b\r\n"


def cookies_of(port: int, name: str = AMAL) -> tuple[httpx.Client, str]:
    client = signed(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30), name)  # type: ignore[arg-type]
    return client, f"migstats={client.cookies['migstats']}"  # type: ignore[return-value]


def test_slow_and_endless_requests_are_cut_and_others_are_served_meanwhile(port: int, url: str) -> None:
    """S06: slowloris with heads, with bodies, an endless body; nobody else waits, and nothing of them is kept."""
    client, cookie = cookies_of(port)
    with closing(connection(port)) as mute, closing(connection(port)) as dripping, closing(connection(port)) as still:
        dripping.sendall(head(port)[:20])
        still.sendall(head(port, cookie, f"{FORM}Content-Length: 1000\r\n\r\n") + b"--b\r\n")
        began = time.monotonic()
        assert client.get("/submissions").status_code == 200
        assert send(client, b"PK of somebody else")  # type: ignore[arg-type]
        assert answer_of(mute) == b""
        assert answer_of(dripping) == b""
        assert answer_of(still).startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began < 15
    with closing(connection(port)) as endless:
        endless.sendall(head(port, cookie, f"{FORM}Transfer-Encoding: chunked\r\n\r\n"))
        sent = 0
        try:
            while sent < 50_000_000:
                endless.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 65536
        except OSError:
            pass
        assert sent < 20_000_000, "it was cut"
    with closing(connection(port)) as trickle:  # never still, and never at an end
        trickle.sendall(head(port, cookie, f"{FORM}Content-Length: 1000000\r\n\r\n"))
        began = time.monotonic()
        try:
            while time.monotonic() - began < 20:
                trickle.sendall(b"x")
                time.sleep(0.1)
        except OSError:
            pass
        assert time.monotonic() - began < 15
    assert [there.file_name for there in submission.listed(url)] == ["permis 2025.xlsx"]
    assert client.get("/submissions").status_code == 200


def test_who_is_not_signed_in_sends_nothing(port: int, url: str) -> None:
    with closing(connection(port)) as wire:
        wire.sendall(head(port, "", f"{FORM}Content-Length: 1000000000\r\n\r\n"))
        answer = answer_of(wire)
    assert answer.startswith(b"HTTP/1.1 401")
    assert b"connection: close" in answer.lower()


def test_a_file_that_is_too_big_has_an_answer_that_a_browser_shows(port: int) -> None:
    client, _ = cookies_of(port)
    assert send(client, b"x" * 3_000_000, whole=True).status_code == 413  # type: ignore[arg-type]


def test_one_official_sends_two_files_at_once_and_no_more(port: int, url: str) -> None:
    _, cookie = cookies_of(port)
    other, _ = cookies_of(port, OMAR)
    wires = [connection(port) for _ in range(3)]
    for wire in wires:
        wire.sendall(head(port, cookie, f"{FORM}Content-Length: 1000\r\n\r\n") + b"--b\r\n")
    assert send(other)  # type: ignore[arg-type]
    statuses = sorted(answer_of(wire)[9:12] for wire in wires)
    assert statuses == [b"408", b"408", b"429"]


# -- the command line -------------------------------------------------------------------------------------------


def migstats(*arguments: str, url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code, given = "from migstats.cli import main; main()", "a password of my own\n"
    return forked.run(code, "portal", *arguments, environment=surroundings(url, **environment), given=given)


def surroundings(url: str, **environment: str) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(settings.home() / "plugins"),
        "MIGSTATS_WAREHOUSE": url,
        "MIGSTATS_PORTAL_PASSWORD": "test-only",  # pragma: allowlist secret
        **environment,
    }


def test_accounts_are_kept_on_the_command_line(warehouse_url: str) -> None:
    url = warehouse_url
    facts = ("--email", "amal@example.org", "--language", "fr")
    made = migstats("user", "add", "Amal", "--country", "mar", *facts, url=url)
    assert made.returncode == 0, made.stderr
    [password] = re.findall(r"shown this once: (\S+)", made.stdout)
    assert accounts.matching(url, "amal", password) == accounts.Official("amal", "MAR", "fr")
    for wrong, said in (
        (("user", "add", "amal", "--country", "MAR", *facts), "already"),
        (("user", "add", "b", "--country", "XXX", *facts), "no country"),
        (("user", "add", "b", "--country", "MAR", "--email", "a@b", "--language", "de"), "languages"),
        (("user", "disable", "nobody"), "there is no account"),
        (("serve", "--host", "0.0.0.0", "--plain-http"), "can be reached from elsewhere"),
    ):
        refused = migstats(*wrong, url=url)
        assert refused.returncode == 1
        assert said in refused.stderr
        assert "Traceback" not in refused.stderr
    asked = migstats("user", "password", "amal", "--ask", url=url)
    assert "shown" not in asked.stdout
    assert accounts.matching(url, "amal", "a password of my own") is not None
    assert migstats("user", "disable", "amal", url=url).returncode == 0
    [listed] = json.loads(migstats("user", "list", "--json", url=url).stdout)
    assert (listed["name"], listed["country"], listed["active"]) == ("amal", "MAR", False)
    assert "password" not in listed
    assert migstats("user", "disable", "amal", "--undo", url=url).returncode == 0
    assert accounts.listed(url)[0].active


# -- in a browser -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(fresh_warehouse: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The warehouse of `site`, which its tests share, each with a year of its own; and the folder beside it."""
    folder = tmp_path_factory.mktemp("portal")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGSTATS_STATE", str(folder / "state"))
        yield with_officials(fresh_warehouse()), folder


@pytest.fixture(scope="module")
def site(shared: tuple[str, Path]) -> Iterator[str]:
    """The portal as the command line serves it, with two workers; its address."""
    port, (url, folder) = free_port(), shared
    log = (folder / "portal.log").open("wb")
    command = [sys.executable, "-c", "from migstats.cli import main; main()", "portal", "serve", "--plain-http"]
    process = subprocess.Popen(
        [*command, "--port", str(port), "--workers", "2"], env=surroundings(url), stdout=log, stderr=log
    )
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, (folder / "portal.log").read_text()
        try:
            return httpx.get(f"{address}/health").status_code == 200
        except httpx.TransportError:
            return False

    until(answers, 60)
    yield address
    process.terminate()
    assert process.wait(60) is not None


@contextmanager
def visit(browser: Any, **how: Any) -> Iterator[Any]:  # noqa: F811
    """A page without JavaScript; what its policy blocked, or what was not there, fails the test."""
    wrong: list[str] = []
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1200, "height": 900}, **how)
    page = context.new_page()
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("requestfailed", lambda request: wrong.append(request.url))
    yield page
    context.close()
    assert [text for text in wrong if "status of 4" not in text] == []


#: Where pictures are kept for people to look at; nowhere by default.
PICTURES = os.environ.get("PORTAL_PICTURES")


def picture(page: Any, name: str) -> None:
    """A picture for those who want one."""
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "language", "answer"),
    [(AMAL, "fr", "Un nouveau bureau a ouvert"), (OMAR, "ar", "افتُتح مكتب جديد")],
)
def test_an_official_sends_reads_answers_and_confirms(
    site: str,
    shared: tuple[str, Path],
    browser: Any,  # noqa: F811
    tmp_path: Path,
    name: str,
    language: str,
    answer: str,
) -> None:
    url, _ = shared
    file = tmp_path / "permis 2025.xlsx"
    file.write_bytes(b"PK a workbook")
    with visit(browser, locale={"fr": "fr-FR", "ar": "ar-TN"}[language]) as page:
        page.goto(f"{site}/")
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
        picture(page, f"{language}-1-sign-in")
        page.fill("#name", name)
        page.fill("#password", "not the password")
        page.press("#password", "Enter")
        assert page.locator("[role=alert]").is_visible()
        picture(page, f"{language}-2-wrong")
        page.fill("#password", PASSWORD)
        page.press("#password", "Enter")
        page.wait_for_url(f"{site}/submissions")
        picture(page, f"{language}-3-empty")

        page.click("main a.button")
        assert page.input_value("#form") == "", "nobody sends the first form by mistake"
        page.select_option("#form", "labour_permits")
        page.set_input_files("#file", file)
        page.fill("#year", "2025")
        picture(page, f"{language}-4-upload")
        page.click("main button[type=submit]")
        page.wait_for_url("**/receipt*")
        upload_id = page.locator("main dd strong").inner_text()
        assert submission.find(url, upload_id).state == "received"
        picture(page, f"{language}-5-receipt")
        page.click("main a.button")
        page.wait_for_url(f"{site}/submissions/{upload_id}")
        picture(page, f"{language}-6-waits")

        submission.read(url, upload_id, READ, who="service")
        page.wait_for_selector("textarea#answer_1", timeout=20_000)  # the page loaded itself anew
        picture(page, f"{language}-7-report")
        page.fill("#answer_1", answer)
        page.click("main form[action$=answers] button")
        page.wait_for_selector("#consent")
        assert answer in page.locator("main").inner_text()
        page.check("#consent")
        picture(page, f"{language}-8-confirm")
        page.click("main form[action$=confirm] button")
        page.wait_for_selector("form[action$=confirm]", state="detached")
        picture(page, f"{language}-9-confirmed")
        page.goto(f"{site}/submissions")
        picture(page, f"{language}-10-list")
        page.goto(f"{site}/receipts")
        picture(page, f"{language}-11-receipts")
        page.click("form[action='/sign-out'] button")
        page.wait_for_url("**/sign-in*")
        page.goto(f"{site}/submissions/{upload_id}")
        assert page.locator("#password").is_visible()
    there = submission.find(url, upload_id)
    assert (there.state, there.who, there.content_sha256) == ("submitted", name, "2" * 64)
    assert submission.findings(url, upload_id)[0].answer == answer


@pytest.mark.browser
def test_a_page_is_used_with_the_keyboard_and_on_a_telephone(
    site: str,
    shared: tuple[str, Path],
    browser: Any,  # noqa: F811
) -> None:
    url, _ = shared
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="fr-FR")
    page = context.new_page()
    page.goto(f"{site}/sign-in")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "name"
    page.keyboard.type(AMAL)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/submissions")
    there, _ = submission.receive(
        url, submission.Sent("MAR", "labour_permits", 2024, "fr", "portal", AMAL, f"{EVIL} {'x' * 90}.xlsx"), b"PK"
    )
    submission.read(url, there.upload_id, replace(READ), who="service")
    for path in (
        "",
        "submissions",
        f"submissions/{there.upload_id}",
        f"submissions/{there.upload_id}/receipt",
        "upload",
    ):
        page.goto(f"{site}/{path}")
        assert page.title() != "owned"
        assert page.evaluate(WIDE) == [], path
        assert page.evaluate(BAD_FIELDS) == [], path
        assert page.evaluate(CONTRAST) == [], path
    picture(page, "telephone")
    context.close()


@pytest.mark.browser
def test_nothing_is_too_faint_in_the_dark(site: str, shared: tuple[str, Path], browser: Any) -> None:  # noqa: F811
    url, _ = shared
    context = browser.new_context(color_scheme="dark", locale="ru-RU")
    page = context.new_page()
    page.goto(f"{site}/sign-in")
    page.fill("#name", AMAL)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    there, _ = submission.receive(url, submission.Sent("MAR", "labour_permits", 2023, "fr", "portal", AMAL, "x"), b"PK")
    submission.read(url, there.upload_id, replace(READ, findings=()), who="service")
    page.goto(f"{site}/submissions/{there.upload_id}")
    assert page.evaluate(CONTRAST) == []
    picture(page, "dark")
    context.close()


#: Texts whose contrast with what is behind them is below 4.5 (WCAG AA).
CONTRAST = """() => {
  const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
  const linear = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
    if (!e.getBoundingClientRect().width || e.closest('svg')) continue;
    const a = light(parse(getComputedStyle(e).color)), b = light(ground(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) faint.push(`${e.tagName} ${ratio.toFixed(2)} ${e.textContent.slice(0, 30)}`);
  }
  return faint;
}"""

#: Fields that no label names, and buttons and fields too small for a finger.
BAD_FIELDS = """() => [...document.querySelectorAll('main :is(button, input, select, textarea):not([type=hidden])')]
  .filter(e => e.getBoundingClientRect().height && (e.getBoundingClientRect().height < 19
    || (e.tagName !== 'BUTTON' && !e.labels.length))).map(e => e.id)"""

#: What is wider than the window, unless it can be scrolled by itself.
WIDE = """() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? []
  : [...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll')
    && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"""


def test_two_workers_know_of_each_others_sessions(site: str) -> None:
    client = signed(httpx.Client(base_url=site, timeout=30))  # type: ignore[arg-type]
    assert {client.get("/submissions", headers={"Connection": "close"}).status_code for _ in range(12)} == {200}
    client.post("/sign-out", data={"form_token": token_of(client)})
    assert {client.get("/submissions", headers={"Connection": "close"}).status_code for _ in range(12)} == {401}
