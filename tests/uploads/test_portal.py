"""The portal: what officials see and do, and what nobody does."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from argon2 import PasswordHasher
from fastapi.routing import APIRoute
from portal_site import AMAL, EVIL, OMAR, PASSWORD, READ, as_portal, send, sign_in, signed, token_of
from starlette.testclient import TestClient

from migstats import lake, warehouse
from migstats.errors import ConfigurationError, PermanentError, TryAgainError
from migstats.uploads import accounts, portal, portal_pages, sessions, submission, trigger
from migstats.uploads.finding import Finding
from migstats.uploads.inflow import Pace
from migstats.uploads.portal import Portal
from migstats.uploads.submission import Submission

pytestmark = pytest.mark.database


@pytest.fixture
def url(warehouse_url: str, lake: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The warehouse, as its owner, with an official of Morocco and one of Tunisia; passwords cost little here."""
    monkeypatch.setattr(accounts, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    accounts._nobody.cache_clear()
    accounts.add(warehouse_url, AMAL, country="MAR", language="fr", email="amal@example.org", password=PASSWORD)
    accounts.add(warehouse_url, OMAR, country="TUN", language="ar", email="omar@example.org", password=PASSWORD)
    return warehouse_url


Client = Callable[..., TestClient]


@pytest.fixture
def client(url: str) -> Client:
    """Browsers of a portal, each with cookies of its own."""

    def made(**differs: Any) -> TestClient:
        app = portal.create_app(replace(Portal(as_portal(url)), **differs))
        return TestClient(app, base_url="https://portal.example.org", follow_redirects=False)

    return made


def read(url: str, upload_id: str, **differs: Any) -> Submission:
    """What the service does after an upload."""
    return submission.read(url, upload_id, replace(READ, **differs), who="service")


# -- signing in -------------------------------------------------------------------------------------------------


def test_an_official_signs_in_and_out(client: Client) -> None:
    browser = client()
    assert browser.get("/submissions").status_code == 401
    answer = sign_in(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/submissions")
    [cookie] = [c for c in answer.headers.get_list("set-cookie") if c.startswith("__Host-migstats=")]
    assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Envois de votre pays" in browser.get("/submissions").text
    token = browser.cookies["__Host-migstats"]
    browser.post("/sign-out", data={"form_token": token_of(browser)})
    assert browser.get("/submissions").status_code == 401
    browser.cookies.set("__Host-migstats", token)
    assert browser.get("/submissions").status_code == 401, "the session is over in the warehouse too"


@pytest.mark.parametrize(
    ("name", "password"), [(AMAL, "wrong" * 4), ("nobody", PASSWORD), ("", ""), (AMAL, "x" * 201), (EVIL, "\0" * 20)]
)
def test_a_wrong_name_and_a_wrong_password_are_told_alike(client: Client, name: str, password: str) -> None:
    answer = sign_in(client(), name, password)
    assert answer.status_code == 401
    assert "Le nom d’utilisateur ou le mot de passe" in answer.text
    assert "<script>" not in answer.text


def test_a_name_that_nobody_has_costs_as_much_to_check(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    hasher = accounts._HASHER

    class Counting:
        def verify(self, kept: str, password: str) -> bool:
            checked.append(kept)
            return hasher.verify(kept, password)

        def hash(self, password: str) -> str:
            return hasher.hash(password)

    monkeypatch.setattr(accounts, "_HASHER", Counting())
    accounts._nobody.cache_clear()
    assert accounts.matching(as_portal(url), "nobody", PASSWORD) is None
    assert accounts.matching(as_portal(url), AMAL, "wrong" * 4) is None
    assert [kept.rsplit("$", 2)[0] for kept in checked] == [checked[0].rsplit("$", 2)[0]] * 2


def test_a_disabled_account_and_a_changed_password_sign_everybody_out(client: Client, url: str) -> None:
    for change in (
        lambda: accounts.set_active(url, AMAL, active=False),
        lambda: (accounts.set_active(url, AMAL, active=True), accounts.set_password(url, AMAL, PASSWORD)),
    ):
        browser = client()
        accounts.set_active(url, AMAL, active=True)
        sign_in(browser)
        assert browser.get("/submissions").status_code == 200
        change()
        assert browser.get("/submissions").status_code == 401
    accounts.set_active(url, AMAL, active=False)
    assert sign_in(client()).status_code == 401


def test_an_official_changes_the_password(client: Client, url: str) -> None:
    browser = signed(client())
    new = "four words of my own"
    given = {"form_token": token_of(browser), "old": PASSWORD, "new": new, "again": new}
    for wrong in ({"old": "x"}, {"new": "short", "again": "short"}, {"again": "another one of mine"}):
        answer = browser.post("/password", data={**given, **wrong})
        assert answer.status_code == 422
        assert 'role="alert"' in answer.text
    assert browser.post("/password", data=given).status_code == 200
    assert browser.get("/submissions").status_code == 401
    assert sign_in(client(), AMAL, PASSWORD).status_code == 401
    assert sign_in(client(), AMAL, new).status_code == 303


@pytest.mark.parametrize(
    "ago", ["seen_at = clock_timestamp() - interval '31 min'", "started_at = clock_timestamp() - interval '481 min'"]
)
def test_a_session_is_over_after_half_an_hour_without_a_request_and_after_eight_hours(
    client: Client, url: str, ago: str
) -> None:
    browser = signed(client())
    with psycopg.connect(url) as connection:
        connection.execute(f"UPDATE ops.portal_session SET {ago}")
    answer = browser.get("/submissions")
    assert answer.status_code == 401
    assert "Votre session est terminée" in browser.get("/submissions", headers={"Accept-Language": "fr"}).text


def test_a_page_that_loads_itself_anew_does_not_keep_the_session_alive(client: Client, url: str) -> None:
    browser = signed(client())
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE ops.portal_session SET seen_at = clock_timestamp() - interval '20 min'")
    browser.get("/submissions?again=1")
    with psycopg.connect(url) as connection:
        idle = "SELECT clock_timestamp() - seen_at > interval '19 min' FROM ops.portal_session"
        assert connection.execute(idle).fetchone() == (True,)
        browser.get("/submissions")
        assert connection.execute(idle).fetchone() == (False,)


def test_neither_token_nor_password_nor_address_is_in_the_warehouse(client: Client, url: str) -> None:
    browser = signed(client())
    sign_in(client(), AMAL, "wrong" * 4)
    with psycopg.connect(url) as connection:
        kept = [
            str(connection.execute(f"SELECT * FROM ops.{table}").fetchall())
            for table in ("official", "portal_session", "portal_attempt")
        ]
    for secret in (browser.cookies["__Host-migstats"], PASSWORD, "testclient"):
        assert secret not in "".join(kept)


def test_sign_ins_that_fail_have_to_wait_longer_and_longer_whatever_the_process(client: Client, url: str) -> None:
    """S08: several workers agree, since the warehouse counts."""
    workers = [client(), client()]
    statuses = [sign_in(workers[n % 2], AMAL, "wrong" * 4).status_code for n in range(6)]
    assert statuses == [401] * 5 + [429]
    answer = sign_in(client(), AMAL, PASSWORD)
    assert answer.status_code == 429, "the right password too"
    assert 1 <= int(answer.headers["retry-after"]) <= 31
    assert sign_in(client(), OMAR, PASSWORD).status_code == 303, "others are not held up"
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE ops.portal_attempt SET at = at - interval '31 s'")
    assert sign_in(client(), AMAL, PASSWORD).status_code == 303
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM ops.portal_attempt").fetchone() == (7,), "by address"


def test_many_sign_ins_at_once_are_not_more_than_the_limit(url: str) -> None:
    counted = sessions.keys_of_sign_in(AMAL, "192.0.2.1")
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: sessions.attempt(as_portal(url), counted), range(24)))
    assert sum(wait == 0 for wait in waits) == 5


# -- what nobody does -------------------------------------------------------------------------------------------

OPEN = {"/health", "/style.css", "/sign-in"}


def test_every_route_but_sign_in_health_and_style_refuses_without_a_session(client: Client) -> None:
    """S09."""
    browser = client()
    routes = [(route.path, method) for route in browser.app.routes for method in route.methods]  # type: ignore[attr-defined]
    assert all(isinstance(route, APIRoute) for route in browser.app.routes)  # type: ignore[attr-defined]
    assert len(routes) > 15
    for path, method in routes:
        if path in OPEN:
            continue
        answer = browser.request(method, path.replace("{upload_id}", "MAR-2025-00000000"), data={"x": "y"})
        assert answer.status_code == 401, (method, path)
        assert 'action="/sign-in' in answer.text


def test_every_form_has_to_come_from_a_page_of_the_session(client: Client, url: str) -> None:
    """S08: wrong CSRF."""
    browser, other = signed(client()), signed(client(), OMAR)
    upload_id = send(browser)
    posts = [r.path for r in browser.app.routes if "POST" in r.methods and r.path != "/sign-in"]  # type: ignore[attr-defined]
    assert len(posts) == 7
    for path in posts:
        for forged in ("", "0" * 64, token_of(other), "é"):
            answer = browser.post(path.replace("{upload_id}", upload_id), data={"form_token": forged})
            assert answer.status_code == 403, path
    assert submission.find(url, upload_id).state == "received"
    assert client().post("/sign-in", data={"name": AMAL, "password": PASSWORD}).status_code == 403


@pytest.mark.parametrize("what", ["", "/receipt", "/marked"])
def test_what_is_of_another_country_is_not_there(client: Client, url: str, what: str) -> None:
    """S08, S14: 404 and not 403, so that nobody learns which numbers there are."""
    ours = signed(client())
    upload_id = send(ours)
    lake.store_upload(b"marked")
    read(url, upload_id, preview={"marked": {"sha256": lake.store_upload(b"marked"), "suffix": "xlsx"}})
    theirs = signed(client(), OMAR)
    assert ours.get(f"/submissions/{upload_id}{what}").status_code == 200
    answer = theirs.get(f"/submissions/{upload_id}{what}")
    missing = theirs.get(f"/submissions/MAR-2025-00000000{what}")
    assert answer.status_code == missing.status_code == 404
    assert answer.text.replace(upload_id, "X") == missing.text.replace("MAR-2025-00000000", "X")
    assert upload_id not in theirs.get("/submissions").text + theirs.get("/receipts").text


@pytest.mark.parametrize("what", ["answers", "confirm", "withdraw"])
def test_nothing_is_done_to_what_is_of_another_country(client: Client, url: str, what: str) -> None:
    upload_id = send(signed(client()))
    before = read(url, upload_id)
    theirs = signed(client(), OMAR)
    given = {"answer_1": "it is right", "consent": "yes", "content_sha256": "2" * 64, "reason": "not ours"}
    answer = theirs.post(f"/submissions/{upload_id}/{what}", data={**given, "form_token": token_of(theirs)})
    assert answer.status_code == 404
    assert submission.find(url, upload_id) == before


def test_the_database_holds_the_scope_where_the_portal_would_forget_it(url: str) -> None:
    """S14: not by its owner, not by a view, not by a setting that was left behind."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class AS c INNER JOIN pg_namespace AS n ON c.relnamespace = n.oid "
            "WHERE nspname = 'ops' AND relkind = 'r' AND NOT relrowsecurity "
            "AND has_table_privilege('migstats_portal', c.oid, 'SELECT')"
        ).fetchall()
        role = "SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname = 'migstats_portal'"
        assert connection.execute(role).fetchone() == (False,)
    assert {row[0] for row in tables} == {"portal_session", "portal_attempt"}
    sent = submission.Sent("MAR", "labour_permits", 2025, "fr", "portal", AMAL, "p.xlsx")
    there, _ = submission.receive(url, sent, b"PK")
    for country, official, seen in (("MAR", AMAL, 1), ("TUN", OMAR, 0), ("", "", 0)):
        scope = warehouse.Scoped(as_portal(url), {"migstats.country": country, "migstats.official": official})
        assert len(submission.listed(scope)) == seen
        with warehouse.connect(scope) as connection:
            for view in ("upload", "upload_now", "upload_event"):
                found = warehouse.Connection.execute(connection, f"SELECT upload_id FROM ops.{view}").fetchall()
                assert len(found) == seen
    assert submission.listed(as_portal(url)) == []
    with pytest.raises(PermanentError, match="there is no upload"):
        submission.find(warehouse.Scoped(as_portal(url), {"migstats.country": "TUN"}), there.upload_id)


def test_the_settings_of_one_official_end_with_the_transaction(url: str) -> None:
    scope = accounts.Official(AMAL, "MAR", "fr").scope(as_portal(url))
    with warehouse.connect(scope) as connection:
        asked = "SELECT current_setting('migstats.country', true) AS country"
        assert connection.execute(asked).fetchall() == [{"country": "MAR"}]
        connection.commit()
        assert connection.execute(asked).fetchall() == [{"country": ""}]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ops.official SET password = password || 'x' WHERE name = 'omar'",
        "UPDATE ops.official SET country = 'TUN'",
        "UPDATE ops.official SET active = true",
        "INSERT INTO ops.official SELECT 'eve', country, language, email, password FROM ops.official",
        "DELETE FROM ops.official",
        "UPDATE ops.portal_session SET official = 'omar'",
    ],
)
def test_the_portal_changes_no_account_but_the_password_of_whom_it_serves(url: str, statement: str) -> None:
    before = accounts.listed(url)
    scope = accounts.Official(AMAL, "MAR", "fr").scope(as_portal(url))
    with warehouse.connect(scope) as connection:
        try:
            assert connection.execute(statement.encode()).rowcount == 0
        except psycopg.errors.InsufficientPrivilege:
            connection.rollback()
    assert accounts.listed(url) == before
    assert accounts.matching(url, OMAR, PASSWORD) is not None


def test_an_official_cannot_approve(client: Client, url: str) -> None:
    """S10: the portal has no way to, and the role that it connects as may not."""
    browser = signed(client())
    upload_id = send(browser)
    read(url, upload_id, findings=())
    submission.confirm(accounts.Official(AMAL, "MAR", "fr").scope(as_portal(url)), upload_id, "2" * 64, who=AMAL)
    for path in ("approve", "approved", "state"):
        answer = browser.post(f"/submissions/{upload_id}/{path}", data={"form_token": token_of(browser)})
        assert answer.status_code in (404, 405)
    with pytest.raises(psycopg.Error, match="row-level security"):
        submission.step(accounts.Official(AMAL, "MAR", "fr").scope(as_portal(url)), upload_id, "approved", who=AMAL)
    assert submission.find(url, upload_id).state == "submitted"


def test_every_answer_says_what_a_browser_may_do_with_it(client: Client) -> None:
    browser = signed(client())
    for path in ("/submissions", "/nowhere", "/sign-in", "/upload", "/health", "/style.css"):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        for part in ("default-src 'none'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'"):
            assert part in policy, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["strict-transport-security"]
        assert "server" not in answer.headers
    assert browser.get("/submissions").headers["cache-control"] == "no-store"


def test_what_breaks_is_told_without_a_stack_trace(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    app = portal.create_app(Portal(as_portal(url)))
    monkeypatch.setattr(sessions, "find", lambda *_, **__: 1 / 0)
    answer = TestClient(app, base_url="https://x", raise_server_exceptions=False).get("/submissions")
    assert answer.status_code == 500
    assert "Traceback" not in answer.text
    assert "division" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_warehouse_that_is_away_is_told_plainly() -> None:
    app = portal.create_app(Portal("postgresql://migstats_portal:x@127.0.0.1:1/none"))
    browser = TestClient(app, base_url="https://x", cookies={"__Host-migstats": "x"})
    answer = browser.get("/submissions")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "61")
    assert "127.0.0.1" not in answer.text


# -- sending ----------------------------------------------------------------------------------------------------


def test_a_workbook_is_kept_and_has_a_receipt_and_airflow_is_told(client: Client, url: str) -> None:
    told: list[str] = []
    browser = signed(client(tell=lambda there: told.append(there.upload_id)))
    upload_id = send(browser, b"PK workbook")
    there = submission.find(url, upload_id)
    assert (there.country, there.sent_by, there.channel, there.state) == ("MAR", AMAL, "portal", "received")
    assert lake.read_upload(there.sha256) == b"PK workbook"
    assert told == [upload_id]
    page = browser.get(f"/submissions/{upload_id}/receipt").text
    assert upload_id in page
    assert there.sha256 in page
    assert send(browser, b"PK workbook") == upload_id, "the same file, the same receipt"


@pytest.mark.parametrize("fault", [TryAgainError("away"), ConfigurationError("refused"), None])
def test_the_receipt_is_given_where_airflow_is_away_and_says_so(client: Client, url: str, fault: Exception) -> None:
    def tell(_: Submission) -> None:
        raise fault

    browser = signed(client(tell=tell if fault else None))
    answer = send(browser, whole=True)
    assert answer.headers["location"].endswith("/receipt?later=1")
    assert "un peu plus tard" in browser.get(answer.headers["location"]).text
    assert submission.listed(url)[0].state == "received"


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"form": "no_form"}, "Choisissez un des formulaires"),
        ({"year": "3025"}, "Écrivez l’année"),
        ({"year": "٢٠٢٥"}, "Écrivez l’année"),
        ({"language": "de"}, "Choisissez la langue"),
        ({"file": None}, "Choisissez un fichier"),
    ],
)
def test_a_form_that_is_wrong_says_where_and_keeps_what_was_written(
    client: Client, url: str, differs: dict[str, Any], said: str
) -> None:
    browser = signed(client())
    answer = send(browser, whole=True, **differs)
    assert answer.status_code == 422
    [summary] = re.findall(r'<div class="summary" role="alert".*?</div>', answer.text, re.DOTALL)
    assert said in summary
    for field in re.findall(r'href="#(\w+)"', summary):
        assert f'id="{field}"' in answer.text
    assert submission.listed(url) == []


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\a\\permis.xlsx", "permis.xlsx"),
        ("تصاريح 2025.xlsx", "تصاريح 2025.xlsx"),
        ("a\u202excod\u200e.exe.xlsx", "axcod.exe.xlsx"),
        (EVIL + ".xlsx", None),
        ("x" * 400, "x" * 200),
    ],
)
def test_the_name_of_a_file_is_only_ever_a_text(client: Client, url: str, sent: str, kept: str | None) -> None:
    """S01, S02, S03."""
    browser = signed(client())
    upload_id = send(browser, name=sent)
    there = submission.find(url, upload_id)
    assert kept is None or there.file_name == kept
    sha = lake.store_upload(b"marked")
    read(url, upload_id, preview={"marked": {"sha256": sha, "suffix": "xlsx"}})
    disposition = browser.get(f"/submissions/{upload_id}/marked").headers["content-disposition"]
    assert re.fullmatch(
        rf"attachment; filename=\"{upload_id}\.xlsx\"; filename\*=UTF-8''[A-Za-z0-9%._~-]+", disposition
    )
    for path in ("/submissions", f"/submissions/{upload_id}", f"/submissions/{upload_id}/receipt", "/receipts"):
        assert "<script" not in browser.get(path).text
        assert "<img" not in browser.get(path).text


def test_too_many_uploads_in_an_hour_have_to_wait(client: Client, url: str) -> None:
    """S07."""
    browser = signed(client())
    statuses = [send(browser, b"PK %d" % n, whole=True).status_code for n in range(60)]
    assert statuses == [303] * 30 + [429] * 30
    answer = send(browser, whole=True)
    assert 3000 < int(answer.headers["retry-after"]) <= 3601
    assert "Trop de fichiers" in answer.text or "Too many files" in answer.text
    assert len(submission.listed(url)) == 30
    assert send(signed(client(), OMAR), whole=True).status_code == 303, "others are not held up"


def test_a_file_that_is_too_big_is_refused_and_nothing_of_it_is_kept(client: Client, url: str) -> None:
    """S06: by what it says of its size, by what came, and by the size of the file in it."""
    browser = signed(client(pace=Pace(biggest=100_000)))
    token = token_of(browser)
    assert send(browser, b"x" * 200_000, whole=True).status_code == 413

    def endless() -> Iterator[bytes]:
        yield b'--b\r\ncontent-disposition: form-data; name="form_token"\r\n\r\n' + token.encode() + b"\r\n"
        yield b'--b\r\ncontent-disposition: form-data; name="file"; filename="a.xlsx"\r\n\r\n'
        yield from (b"x" * 10_000 for _ in range(1000))

    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = browser.post("/upload", content=endless(), headers=headers)
    assert answer.status_code == 413
    small = signed(client(biggest=1000))
    assert send(small, b"x" * 2000, whole=True).status_code == 413
    assert browser.post("/sign-out", data={"x": "y" * 300_000}).status_code == 413
    assert submission.listed(url) == []


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "multipart/form-data; boundary=b"),
        (b"--b\r\n\r\n", "multipart/form-data"),
        (b"\xff\xfe", "multipart/form-data; boundary=b"),
        (b"{}", "application/json"),
        (b"a=b", "application/x-www-form-urlencoded"),
        (b"--b\r\ncontent-disposition: form-data; name=x\r\n\r\n" * 50, "multipart/form-data; boundary=b"),
    ],
)
def test_a_body_that_is_no_form_changes_nothing(client: Client, url: str, content: bytes, kind: str) -> None:
    """S05."""
    browser = signed(client())
    answer = browser.post("/upload", content=content, headers={"content-type": kind})
    assert answer.status_code in (400, 403)
    assert submission.listed(url) == []


def test_no_log_has_a_figure_or_a_text_of_an_official(
    client: Client, url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D06: not even where the warehouse refuses a row, and says which."""

    class Refusing:
        find, findings = submission.find, submission.findings

        @staticmethod
        def answer(scope: Any, upload_id: str, answers: Any, *, who: str) -> None:
            submission.answer(scope, upload_id, dict.fromkeys(answers, "9"), who=who)

    caplog.set_level(logging.DEBUG)

    def tell(_: Submission) -> None:
        raise TryAgainError("away")

    browser = signed(client(tell=tell))
    upload_id = send(browser, b"PK 918273", name="918273.xlsx")
    seen = Finding("outlier", "Permis", 14, 6, "918273")
    read(url, upload_id, findings=(seen,), preview={"first": [{"sex": "918273"}], "columns": {"sex": "C"}})
    assert "918273" in browser.get(f"/submissions/{upload_id}").text
    given = {"form_token": token_of(browser), "answer_1": "918273 it is"}
    monkeypatch.setattr(portal, "submission", Refusing)
    assert browser.post(f"/submissions/{upload_id}/answers", data=given).status_code == 409
    assert "violates check constraint" in caplog.text
    assert "918273" not in caplog.text
    assert "Failing row" not in caplog.text


# -- what became of it ------------------------------------------------------------------------------------------


def page_of(browser: TestClient, upload_id: str, **query: str) -> str:
    answer = browser.get(f"/submissions/{upload_id}", params=query)
    assert answer.status_code == 200
    return answer.text


def test_the_page_loads_itself_anew_only_while_the_file_is_read_and_not_for_ever(client: Client, url: str) -> None:
    browser = signed(client())
    upload_id = send(browser)
    assert f'content="5;url=/submissions/{upload_id}?again=1"' in page_of(browser, upload_id)
    assert f'content="5;url=/submissions/{upload_id}?again=8"' in page_of(browser, upload_id, again="7")
    for times in ("120", "99999", "x"):
        assert "refresh" not in page_of(browser, upload_id, again=times)
    read(url, upload_id)
    assert "refresh" not in page_of(browser, upload_id)


def test_questions_are_answered_and_then_the_figures_are_confirmed(client: Client, url: str) -> None:
    browser = signed(client())
    upload_id = send(browser)
    assert read(url, upload_id).state == "checked"
    assert 'name="content_sha256"' not in page_of(browser, upload_id)
    ours = {"form_token": token_of(browser)}
    answer = browser.post(f"/submissions/{upload_id}/answers", data={**ours, "answer_1": "ok"})
    assert answer.status_code == 422
    assert ">ok</textarea>" in answer.text
    said = "=cmd|'/c calc'!A1 <b>\0"
    browser.post(f"/submissions/{upload_id}/answers", data={**ours, "answer_1": said})
    assert submission.findings(url, upload_id)[0].answer == said.rstrip("\0")
    assert "&lt;b&gt;" in page_of(browser, upload_id)
    assert 'data-outcome="ready"' in page_of(browser, upload_id), "what was answered is not asked again"
    confirmed = {**ours, "content_sha256": "2" * 64}
    answer = browser.post(f"/submissions/{upload_id}/confirm", data=confirmed)
    assert answer.status_code == 422, "without consent"
    assert "CC BY 4.0" in answer.text
    answer = browser.post(f"/submissions/{upload_id}/confirm", data={**confirmed, "consent": "yes"})
    assert answer.status_code == 303
    event = submission.events(url, upload_id)[-1]
    assert (event["state"], event["who"], event["content_sha256"]) == ("submitted", AMAL, "2" * 64)


def test_figures_with_a_release_date_are_confirmed_with_an_embargo(client: Client, url: str) -> None:
    """D09."""
    browser = signed(client())
    upload_id = send(browser)
    read(url, upload_id, findings=())
    given = {"form_token": token_of(browser), "consent": "yes", "content_sha256": "2" * 64}
    for wrong in ("2020-01-01", "2199-01-01", "tomorrow"):
        answer = browser.post(f"/submissions/{upload_id}/confirm", data={**given, "not_before": wrong})
        assert answer.status_code == 422
        assert f'value="{wrong}"' in answer.text
    assert submission.find(url, upload_id).state == "ready"
    day = (dt.datetime.now(dt.UTC) + dt.timedelta(days=2)).date()
    browser.post(f"/submissions/{upload_id}/confirm", data={**given, "not_before": day.isoformat()})
    there = submission.find(url, upload_id)
    assert (there.state, there.embargo_until) == ("submitted", dt.datetime.combine(day, dt.time(12), dt.UTC))
    assert "Sous embargo" in page_of(browser, upload_id)


def test_what_is_confirmed_is_what_the_page_showed(client: Client, url: str) -> None:
    """S11."""
    browser = signed(client())
    upload_id = send(browser)
    read(url, upload_id, findings=())
    given = {"form_token": token_of(browser), "consent": "yes", "content_sha256": "9" * 64}
    assert browser.post(f"/submissions/{upload_id}/confirm", data=given).status_code == 409
    assert submission.find(url, upload_id).state == "ready"


def test_a_submission_is_taken_back_with_a_reason(client: Client, url: str) -> None:
    browser = signed(client())
    upload_id = send(browser)
    ours = {"form_token": token_of(browser)}
    assert browser.post(f"/submissions/{upload_id}/withdraw", data={**ours, "reason": " "}).status_code == 422
    browser.post(f"/submissions/{upload_id}/withdraw", data={**ours, "reason": "the wrong year"})
    there = submission.find(url, upload_id)
    assert (there.state, there.who, there.reason) == ("withdrawn", AMAL, "the wrong year")
    assert "/withdraw" not in page_of(browser, upload_id)


def test_two_officials_at_once_do_each_step_once(client: Client, url: str) -> None:
    accounts.add(url, "hind", country="MAR", language="fr", email="h@example.org", password=PASSWORD)
    browsers = [signed(client()), signed(client(), "hind")]
    tokens = [token_of(browser) for browser in browsers]
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(send, browsers)
        assert first == second, "the same file"
        assert len(submission.listed(url)) == 1
        read(url, first, findings=())

        def confirm(n: int) -> int:
            given = {"form_token": tokens[n], "consent": "yes", "content_sha256": "2" * 64}
            return browsers[n].post(f"/submissions/{first}/confirm", data=given).status_code

        def withdraw(n: int) -> int:
            given = {"form_token": tokens[n], "reason": "the wrong year"}
            return browsers[n].post(f"/submissions/{first}/withdraw", data=given).status_code

        assert set(pool.map(confirm, (0, 1))) <= {303, 409}
        assert set(pool.map(withdraw, (0, 1))) <= {303, 409}
    assert [e["state"] for e in submission.events(url, first)] == ["received", "ready", "submitted", "withdrawn"]


def test_two_countries_at_once_see_each_their_own(client: Client, url: str) -> None:
    browsers = [signed(client()), signed(client(), OMAR)]
    with ThreadPoolExecutor(2) as pool:
        ids = list(pool.map(lambda browser: [send(browser, b"PK %d" % n) for n in range(5)], browsers))
        for _ in range(5):
            pages = list(pool.map(lambda browser: browser.get("/submissions").text, browsers))
            for page, ours, theirs in zip(pages, ids, reversed(ids), strict=True):
                assert all(one in page for one in ours)
                assert not any(one in page for one in theirs)


def test_no_text_of_an_uploader_becomes_part_of_a_page(client: Client, url: str) -> None:
    """S02, S03: in every place that a workbook reaches."""
    browser = signed(client())
    upload_id = send(browser, name=f"{EVIL}.xlsx")
    change = {"key": {"indicator": EVIL, "sex": EVIL, EVIL: EVIL, "time_period": EVIL}, "was": EVIL, "now": EVIL}
    preview = {
        "sheet": EVIL,
        "decimal": EVIL,
        "columns": {"sex": EVIL},
        "first": [{"sex": EVIL}],
        "totals": [{"measure": EVIL, "total": EVIL, "column": EVIL}],
        "difference": {"changed": 1, "largest": [change], "by_year": {EVIL: {EVIL: 3}}},
    }
    questions = (Finding("outlier", EVIL, 14, 6, EVIL, {"before": EVIL}), Finding("hidden_cells", EVIL, 15, 6, EVIL))
    read(url, upload_id, findings=questions, preview=preview)
    assert page_of(browser, upload_id).count("&lt;script&gt;") > 10
    for text in (page_of(browser, upload_id), browser.get("/submissions").text):
        assert "{{7*7}}${7*7}" in text
        assert "<script" not in text
        assert "<img" not in text


@pytest.mark.parametrize(
    "preview",
    [
        {},
        {"difference": None, "columns": [], "first": {}, "totals": "12", "marked": {"sha256": "../../x"}},
        {"difference": {"largest": [None, {}], "by_year": {"X": None}, "new": "7"}, "first": [None, {"a": 1}]},
        {"difference": {"by_year": {"X": {"2024": "nan", "2025": 0, "2026": -5}}}, "columns": {"a": None}},
    ],
)
def test_a_preview_of_any_shape_is_shown(client: Client, url: str, preview: dict[str, Any]) -> None:
    browser = signed(client())
    upload_id = send(browser)
    read(url, upload_id, preview=preview, findings=())
    page_of(browser, upload_id)
    assert browser.get(f"/submissions/{upload_id}/marked").status_code == 404


def test_a_template_is_made_for_the_own_country(client: Client) -> None:
    browser = signed(client())
    asked = {"form": "labour_permits", "year": "2025", "language": "ar"}
    answer = browser.get("/template/workbook", params=asked)
    assert answer.content.startswith(b"PK")
    assert 'filename="labour_permits_MAR_2025_ar.xlsx"' in answer.headers["content-disposition"]
    assert browser.get("/template/workbook", params={**asked, "year": "1900"}).status_code == 422


def test_the_difference_is_told_in_words_of_the_official(client: Client, url: str) -> None:
    browser = signed(client())
    upload_id = send(browser)
    read(url, upload_id)
    page = page_of(browser, upload_id)
    assert "Permis délivrés · France · Femmes" in page
    assert re.search(r"1\s000", page)
    assert "+25,0\u202f%" in page or "+25,0 %" in page
    assert "Non disponible" in page, "a marker by its meaning"
    assert '<rect class="now"' in page
    assert '<rect class="was"' in page
    assert 'style="' not in page, "the policy would block it"


# -- languages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "fr", "es", "ar", "ru"])
def test_every_page_is_there_in_every_language(client: Client, url: str, language: str) -> None:
    browser = signed(client())
    browser.post("/language", data={"form_token": token_of(browser), "language": language, "path": "/upload"})
    upload_id = send(browser)
    read(url, upload_id)
    way = "rtl" if language == "ar" else "ltr"
    for path in (
        *("/submissions", "/receipts", "/upload", "/template", "/password", f"/sign-in?language={language}"),
        *(f"/submissions/{upload_id}", f"/submissions/{upload_id}/receipt?later=1&same=1"),
    ):
        text = browser.get(path).text
        assert f'<html lang="{language}" dir="{way}">' in text
        assert "portal." not in text.replace("portal.example.org", "")
        assert len(re.findall(r"<h1", text)) == 1
        assert re.search(r'<main id="main"', text)
        for field in re.findall(r'<(?:input|select|textarea) id="([\w-]+)"', text):
            assert f'<label for="{field}"' in text, (path, field)


def test_the_languages_have_the_same_texts() -> None:
    keys = {language: set(portal_pages.words(language)) for language in ("en", "fr", "es", "ar", "ru")}
    assert all(found == keys["en"] for found in keys.values())
    for language in keys:
        for key, text in portal_pages.words(language).items():
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", portal_pages.words("en")[key])), key


def test_every_text_is_used_and_every_used_text_is_there() -> None:
    folder = Path(portal_pages.__file__).parents[3] / "include" / "portal"
    texts = "".join(file.read_text("utf-8") for file in folder.glob("*.j2")) + Path(portal.__file__).read_text("utf-8")
    used = {f"portal.{key}" for key in re.findall(r'\bt\("([a-z_.0-9]*[a-z0-9])"', texts)}
    assert used <= set(portal_pages.words("en"))
    prefixes = ("state.", "stopped.", "format.", "difference.", "nav.", "password.", "sign_in.", "upload.no_")
    rest = {key for key in set(portal_pages.words("en")) - used if not key.removeprefix("portal.").startswith(prefixes)}
    assert rest == set()


@pytest.mark.parametrize(
    ("accepted", "language"), [("ar-MA,fr;q=0.8", "ar"), ("de,ru;q=0.5", "ru"), ("", "en"), ("xx" * 999, "en")]
)
def test_before_anybody_signed_in_the_browser_says_which_language(client: Client, accepted: str, language: str) -> None:
    assert f'<html lang="{language}"' in client().get("/sign-in", headers={"Accept-Language": accepted}).text


@pytest.mark.parametrize("path", ["//evil.example.org", "https://evil.example.org", "/\\evil", "/x?y"])
def test_nobody_is_led_elsewhere(client: Client, path: str) -> None:
    browser = signed(client())
    answer = browser.post("/language", data={"form_token": token_of(browser), "language": "ru", "path": path})
    assert answer.headers["location"] == "/submissions"


# -- Airflow ----------------------------------------------------------------------------------------------------


@pytest.fixture
def airflow() -> Iterator[tuple[str, list[tuple[str, str, Any]], dict[str, int]]]:
    """An API that gives a token, takes runs, and answers as it is told."""
    asked: list[tuple[str, str, Any]] = []
    says = {"token": 201, "run": 200}

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked.append((self.path, self.headers.get("authorization", ""), body))
            status = says["token"] if self.path == "/auth/token" else says["run"]
            if self.path != "/auth/token" and self.headers.get("authorization") != "Bearer t":
                status = 401
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"access_token": "t"}')

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked, says
    server.shutdown()


def test_airflow_is_asked_to_run_the_dag_for_an_upload_once(client: Client, url: str, airflow: Any) -> None:
    address, asked, says = airflow
    api = trigger.Airflow(address, "portal", "secret")
    upload_id = send(signed(client(tell=api.trigger)))
    runs = "/api/v2/dags/upload/dagRuns"
    assert [path for path, _, _ in asked] == [runs, "/auth/token", runs]
    assert asked[-1][2]["conf"] == {"upload": upload_id}
    assert asked[-1][2]["dag_run_id"] == f"MAR.labour_permits.2025.{upload_id[-8:]}"
    assert asked[-1][2]["note"] == "MAR · Labour migration permits and departures 2025"
    says["run"] = 409
    api.trigger(submission.find(url, upload_id))  # it is being read already
    says["run"] = 503
    with pytest.raises(TryAgainError):
        api.trigger(submission.find(url, upload_id))
    says["run"] = 403
    with pytest.raises(ConfigurationError, match="may 'portal' do it"):
        api.trigger(submission.find(url, upload_id))
    assert "secret" not in repr(api)


def test_an_airflow_that_is_away_or_refuses_is_told(client: Client, url: str, airflow: Any) -> None:
    address, _, says = airflow
    there = submission.find(url, send(signed(client())))
    says["token"] = 401
    with pytest.raises(ConfigurationError, match="refuses the password"):
        trigger.Airflow(address, "portal", "wrong").trigger(there)
    with pytest.raises(TryAgainError, match="does not answer"):
        trigger.Airflow("http://127.0.0.1:1", "portal", "secret").trigger(there)
