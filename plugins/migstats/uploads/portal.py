"""The portal of officials: they sign in, send a workbook, see their receipts, the answer, the difference, and confirm.

It puts bytes into the lake and tells Airflow; nothing that was sent is read here. What an official sees is held by the
row level security of the warehouse: each transaction says whom it serves. Pages work without JavaScript.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

import psycopg
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from migstats import lake, settings
from migstats.errors import MigstatsError, PermanentError, TryAgainError
from migstats.names import LANGUAGES
from migstats.uploads import accounts, portal_pages, portal_parts, sessions, submission, trigger
from migstats.uploads.contract import forms
from migstats.uploads.inflow import CutError, Inflow, Pace
from migstats.uploads.preview import Preview, preview_of
from migstats.uploads.sessions import Limit, Session
from migstats.uploads.submission import Sent, Submission

log = logging.getLogger("migstats.portal")

#: Bytes of the fields beside a workbook.
_BESIDE: Final = 64 * 1024

#: Uploads of one official at once in one process, and of all.
_OF_ONE: Final = 2
_OF_ALL: Final = 16

#: The page of an upload that is being read loads itself anew: seconds between, and times.
_AGAIN_AFTER: Final = 5
_AGAIN_MOST: Final = 120

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}

#: States in which an official may take a submission back.
WITHDRAWABLE: Final = ("received", "checked", "ready", "submitted", "published")

_RECEIPT: Final = re.compile(r"[A-Z]{3}-[0-9]{4}-[0-9A-Z]{8}")
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Portal:
    """What a portal needs to know."""

    #: The warehouse, as the role migstats_portal.
    url: str
    #: Who is told that a workbook came; raises TryAgainError or ConfigurationError. None: the watcher finds it.
    tell: Callable[[Submission], None] | None = None
    #: Cookies go over HTTPS only.
    secure: bool = True
    uploads_per_hour: int = 30
    #: Bytes of a workbook.
    biggest: int = field(default_factory=settings.upload_bytes)
    #: How big and how slow a request may be; None: as big as a workbook and its fields.
    pace: Pace | None = None

    @property
    def cookie(self) -> str:
        """Name of the session's cookie; with `__Host-` a browser takes it from no other host and no plain HTTP."""
        return "__Host-migstats" if self.secure else "migstats"

    @property
    def visit(self) -> str:
        """Name of the cookie of those who are not signed in yet: the form to sign in is held against it."""
        return f"{self.cookie}-visit"


class SignInError(Exception):
    """A page that needs a session was asked for without one, or it is over."""


class StoppedError(Exception):
    """A request that is not answered: HTTP status, key of the text, seconds to wait."""

    def __init__(self, status: int, key: str, wait: float | None = None) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.wait = wait


def create_app(portal: Portal) -> FastAPI:
    """The portal as an ASGI application."""
    app = FastAPI(title="migstats portal", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.portal = portal
    app.state.busy = Counter[str]()
    extra = {"Strict-Transport-Security": "max-age=31536000"} if portal.secure else {}
    app.add_middleware(Inflow, pace=portal.pace or Pace(biggest=portal.biggest + _BESIDE), headers={**HEADERS, **extra})
    app.include_router(anyone)
    app.include_router(officials)
    app.add_exception_handler(SignInError, _not_signed_in)
    app.add_exception_handler(StoppedError, _stopped)
    app.add_exception_handler(CutError, _cut)
    app.add_exception_handler(MigstatsError, _trouble)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(500, _broken)
    return app


def from_settings() -> FastAPI:
    """The portal of this installation: MIGSTATS_PORTAL_URL, _PLAIN_HTTP, _UPLOADS_PER_HOUR and those of Airflow."""
    airflow = trigger.from_settings()
    return create_app(
        Portal(
            url=os.environ["MIGSTATS_PORTAL_URL"],
            tell=airflow.trigger if airflow else None,
            secure=os.environ.get("MIGSTATS_PORTAL_PLAIN_HTTP") != "yes",
            uploads_per_hour=settings.portal_uploads_per_hour(),
        )
    )


# -- who asks ---------------------------------------------------------------------------------------------------


def _portal(request: Request) -> Portal:
    portal = request.app.state.portal
    assert isinstance(portal, Portal)
    return portal


def signed_in(request: Request) -> Session:
    """The session of a request; SignInError where it has none that lasts."""
    portal = _portal(request)
    token = request.cookies.get(portal.cookie, "")
    session = sessions.find(portal.url, token, touch="again" not in request.query_params)
    if session is None:
        raise SignInError
    return session


Signed = Annotated[Session, Depends(signed_in)]


async def posted(request: Request, session: Signed) -> FormData:
    """The fields of a form that this session was shown. StoppedError for one that it was not."""
    form = await request.form(max_files=0, max_fields=1000)
    _require_ours(form, session.token)
    return form


Posted = Annotated[FormData, Depends(posted)]

#: What everybody may ask for. Nothing else has a route outside of `officials`.
anyone = APIRouter()
officials = APIRouter(dependencies=[Depends(signed_in)])


def _require_ours(form: FormData, token: str) -> None:
    if not sessions.is_ours(token, _field(form, "form_token")):
        raise StoppedError(403, "stopped.form")


def _field(form: FormData, name: str) -> str:
    """A field of a form as text that can be kept: without characters that nobody sees; "" where it is missing."""
    value = form.get(name)
    return _clean(value) if isinstance(value, str) else ""


def _clean(text: str) -> str:
    kept = "".join(
        c for c in text if c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs", "Cn") and c not in _BIDI)
    )
    return unicodedata.normalize("NFC", kept).strip()


def _language_of(request: Request) -> str:
    asked = request.query_params.get("language", "")
    return asked if asked in LANGUAGES else portal_pages.best_language(request.headers.get("accept-language", ""))


def _page(request: Request, session: Session | None, template: str, status: int = 200, **facts: object) -> HTMLResponse:
    language = session.language if session else _language_of(request)
    text = portal_pages.page(
        template,
        language,
        session=session,
        form_token=sessions.form_token(session.token) if session else "",
        path=request.url.path,
        **facts,
    )
    return HTMLResponse(text, status)


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, 303)


# -- what stops a request ---------------------------------------------------------------------------------------


def _not_signed_in(request: Request, _: Exception) -> Response:
    over = bool(request.cookies.get(_portal(request).cookie))
    return _sign_in_page(request, 401, error="sign_in.over" if over else "")


def _stopped(request: Request, error: Exception) -> Response:
    assert isinstance(error, StoppedError)
    minutes = None if error.wait is None else max(1, round(error.wait / 60 + 0.49))
    words = {"minutes": minutes, "megabytes": _portal(request).biggest >> 20}
    answer = _page(request, None, "stopped.html.j2", error.status, key=error.key, **words)
    if error.wait is not None:
        answer.headers["Retry-After"] = str(int(error.wait) + 1)
    return answer


def _cut(request: Request, error: Exception) -> Response:
    assert isinstance(error, CutError)
    return _stopped(request, StoppedError(error.status, "stopped.big" if error.status == 413 else "stopped.slow"))


def _trouble(request: Request, error: Exception) -> Response:
    """What the warehouse or the lake says. Their words are for the log; an official is told what to do."""
    cause = error.__cause__
    # the detail of a refused row is what an official wrote
    said = cause.diag.message_primary if isinstance(cause, psycopg.errors.IntegrityError) else error
    log.warning("%s %s: %s", request.method, request.url.path, said)
    again = isinstance(error, TryAgainError)
    return _stopped(request, StoppedError(503, "stopped.away", 60) if again else StoppedError(409, "stopped.changed"))


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    key = {404: "stopped.unknown", 405: "stopped.unknown"}.get(error.status_code, "stopped.request")
    return _stopped(request, StoppedError(error.status_code, key))


def _broken(request: Request, _: Exception) -> Response:
    answer = _stopped(request, StoppedError(500, "stopped.broken"))
    answer.headers.update(HEADERS)
    return answer


# -- anyone -----------------------------------------------------------------------------------------------------


@anyone.get("/health")
def health() -> Response:
    """Whether the process answers."""
    return Response("ok\n", media_type="text/plain")


@anyone.get("/style.css")
def style() -> Response:
    """The style sheet: ours, and what the answers of a submission need."""
    return Response(portal_parts.style(), media_type="text/css", headers={"Cache-Control": "public, max-age=300"})


@anyone.get("/sign-in")
def sign_in_page(request: Request) -> Response:
    """The form to sign in."""
    return _sign_in_page(request)


def _sign_in_page(request: Request, status: int = 200, *, error: str = "", name: str = "") -> Response:
    portal = _portal(request)
    visit = request.cookies.get(portal.visit) or sessions.visit_token()
    answer = HTMLResponse(
        portal_pages.page(
            "sign_in.html.j2",
            _language_of(request),
            session=None,
            form_token=sessions.form_token(visit),
            path="/sign-in",
            error=error,
            name=name,
        ),
        status,
    )
    _set_cookie(answer, portal, portal.visit, visit)
    return answer


@anyone.post("/sign-in")
async def sign_in(request: Request) -> Response:
    """Sign in with name and password. 401 where they do not match, 429 after too many attempts."""
    portal = _portal(request)
    form = await request.form(max_files=0, max_fields=10)
    _require_ours(form, request.cookies.get(portal.visit, ""))
    name = _field(form, "name").lower()[:200]
    password = form.get("password")
    address = request.client.host if request.client else ""
    counted = sessions.keys_of_sign_in(name, address)

    def signed() -> Session | float | None:
        wait = sessions.attempt(portal.url, counted)
        if wait:
            return wait
        if not isinstance(password, str) or len(password) > accounts.LONGEST:
            return None
        official = accounts.matching(portal.url, name, password)
        if official is None:
            return None
        sessions.forgive(portal.url, counted[:2])
        return sessions.begin(portal.url, official, official.language)

    session = await run_in_threadpool(signed)
    if isinstance(session, float):
        raise StoppedError(429, "stopped.sign_in", session)
    if session is None:
        return _sign_in_page(request, 401, error="sign_in.wrong", name=name)
    answer = _to("/submissions")
    _set_cookie(answer, portal, portal.cookie, session.token)
    answer.delete_cookie(portal.visit, path="/", secure=portal.secure, httponly=True, samesite="strict")
    return answer


def _set_cookie(answer: Response, portal: Portal, name: str, value: str) -> None:
    answer.set_cookie(name, value, path="/", secure=portal.secure, httponly=True, samesite="strict")


# -- officials --------------------------------------------------------------------------------------------------


@officials.get("/")
def start() -> Response:
    """To the list."""
    return _to("/submissions")


@officials.post("/sign-out")
def sign_out(request: Request, session: Signed, form: Posted) -> Response:
    """End the session."""
    portal = _portal(request)
    sessions.end(portal.url, session.token)
    answer = _to(f"/sign-in?language={session.language}")
    answer.delete_cookie(portal.cookie, path="/", secure=portal.secure, httponly=True, samesite="strict")
    return answer


@officials.post("/language")
def language(request: Request, session: Signed, form: Posted) -> Response:
    """Show the pages in another language, from the page on where it was chosen."""
    chosen, path = _field(form, "language"), _field(form, "path")
    if chosen in LANGUAGES:
        sessions.set_language(_portal(request).url, session.token, chosen)
    return _to(path if re.fullmatch(r"/[A-Za-z0-9/-]*", path) and not path.startswith("//") else "/submissions")


@officials.get("/password")
def password_page(request: Request, session: Signed) -> Response:
    """The form to change one's password."""
    return _page(request, session, "password.html.j2", errors=[])


@officials.post("/password")
def password(request: Request, session: Signed, form: Posted) -> Response:
    """Change one's password; every session of the account ends."""
    portal = _portal(request)
    old, new, again = (str(form.get(name) or "") for name in ("old", "new", "again"))
    counted = sessions.keys_of_sign_in(session.official.name, request.client.host if request.client else "")
    wait = sessions.attempt(portal.url, counted)
    if wait:
        raise StoppedError(429, "stopped.sign_in", wait)
    errors = []
    if len(old) > accounts.LONGEST or accounts.matching(portal.url, session.official.name, old) is None:
        errors.append(("old", "password.wrong"))
    else:
        sessions.forgive(portal.url, counted)
    if not accounts.SHORTEST <= len(new) <= accounts.LONGEST:
        errors.append(("new", "password.short"))
    if new != again:
        errors.append(("again", "password.differs"))
    if errors:
        return _page(request, session, "password.html.j2", 422, errors=errors)
    accounts.set_password(session.official.scope(portal.url), session.official.name, new)
    return _sign_in_page(request, 200, error="password.done", name=session.official.name)


@officials.get("/submissions")
def submissions(request: Request, session: Signed) -> Response:
    """What the country sent, newest first."""
    official = session.official
    found = submission.listed(official.scope(_portal(request).url), country=official.country)
    return _page(request, session, "submissions.html.j2", submissions=found, forms=forms())


@officials.get("/receipts")
def receipts(request: Request, session: Signed) -> Response:
    """The receipts of the country."""
    official = session.official
    found = submission.listed(official.scope(_portal(request).url), country=official.country, most=1000)
    return _page(request, session, "receipts.html.j2", submissions=found, forms=forms())


@officials.get("/template")
def template_page(request: Request, session: Signed) -> Response:
    """The form to get an empty workbook."""
    return _page(request, session, "template.html.j2", forms=forms(), year=_last_year(), errors=[], given={})


@officials.get("/template/workbook")
def template(request: Request, session: Signed) -> Response:
    """An empty workbook for the own country, with its last accepted figures in grey."""
    given = {name: request.query_params.get(name, "") for name in ("form", "year", "language")}
    errors = _wrong(given)
    if errors:
        facts = {"forms": forms(), "year": _last_year(), "errors": errors, "given": given}
        return _page(request, session, "template.html.j2", 422, **facts)
    country, scope = session.official.country, session.official.scope(_portal(request).url)
    made = portal_parts.template(scope, given["form"], country, int(given["year"]), given["language"])
    name = f"{given['form']}_{country}_{given['year']}_{given['language']}.xlsx"
    return _file(made, name, name)


def _file(content: bytes, name: str, fallback: str) -> Response:
    disposition = portal_pages.attachment(name, fallback)
    return Response(content, media_type="application/octet-stream", headers={"Content-Disposition": disposition})


def _last_year() -> int:
    return dt.datetime.now(dt.UTC).year - 1


def _wrong(given: Mapping[str, str]) -> list[tuple[str, str]]:
    """(field, key of the text) of each field that cannot be right."""
    errors = []
    form = forms().get(given["form"])
    if form is None:
        errors.append(("form", "upload.no_form"))
    known = re.fullmatch(r"[0-9]{4}", given["year"], re.ASCII)
    if not known or not (form.first_year if form else 1950) <= int(given["year"]) <= _last_year() + 1:
        errors.append(("year", "upload.no_year"))
    if given["language"] not in LANGUAGES:
        errors.append(("language", "upload.no_language"))
    return errors


# -- sending ----------------------------------------------------------------------------------------------------


@officials.get("/upload")
def upload_page(request: Request, session: Signed) -> Response:
    """The form to send a workbook."""
    return _upload_page(request, session, {}, [])


def _upload_page(
    request: Request, session: Session, given: Mapping[str, str], errors: list[tuple[str, str]]
) -> HTMLResponse:
    facts = {"forms": forms(), "year": _last_year(), "given": given, "errors": errors}
    return _page(
        request, session, "upload.html.j2", 422 if errors else 200, megabytes=_portal(request).biggest >> 20, **facts
    )


@officials.post("/upload")
async def upload(request: Request, session: Signed) -> Response:
    """Take a workbook into the lake, give its receipt, and tell Airflow. Its bytes are not looked at."""
    portal, official = _portal(request), session.official
    limit = Limit("upload", portal.uploads_per_hour, 3600)
    wait = await run_in_threadpool(sessions.attempt, portal.url, [(limit, official.name)])
    if wait:
        raise StoppedError(429, "stopped.uploads", wait)
    busy: Counter[str] = request.app.state.busy
    if busy[official.name] >= _OF_ONE or busy.total() >= _OF_ALL:
        raise StoppedError(429 if busy[official.name] >= _OF_ONE else 503, "stopped.busy", 60)
    busy[official.name] += 1
    try:
        async with request.form(max_files=1, max_fields=10, max_part_size=_BESIDE) as form:
            return await _taken(request, session, form)
    finally:
        busy[official.name] -= 1


async def _taken(request: Request, session: Session, form: FormData) -> Response:
    portal, official = _portal(request), session.official
    _require_ours(form, session.token)
    given = {name: _field(form, name) for name in ("form", "year", "language")}
    errors = _wrong(given)
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        return _upload_page(request, session, given, [*errors, ("file", "upload.no_file")])
    if errors:
        return _upload_page(request, session, given, errors)
    if (file.size or 0) > portal.biggest:
        raise StoppedError(413, "stopped.big")
    name = _clean(file.filename.replace("\\", "/").rpartition("/")[2]).replace("\n", " ") or "workbook"
    sent = Sent(
        country=official.country,
        form=given["form"],
        year=int(given["year"]),
        language=given["language"],
        channel="portal",
        sent_by=official.name,
        file_name=name,
    )
    content = await file.read()
    there, new = await run_in_threadpool(submission.receive, official.scope(portal.url), sent, content)
    told = await run_in_threadpool(_told, portal, there) if there.state == "received" else True
    notes = [note for note, holds in (("same=1", not new), ("later=1", not told)) if holds]
    return _to(f"/submissions/{there.upload_id}/receipt{'?' if notes else ''}{'&'.join(notes)}")


def _told(portal: Portal, there: Submission) -> bool:
    """Tell Airflow. It may be away: the receipt holds, and the watcher of intake tells it later."""
    if portal.tell is None:
        return False
    try:
        portal.tell(there)
    except MigstatsError as error:
        log.warning("upload %s waits for the watcher: %s", there.upload_id, error)
        return False
    return True


# -- one submission ---------------------------------------------------------------------------------------------


def _submission(request: Request, session: Session, upload_id: str) -> Submission:
    """A submission of the own country; 404 for any other, whether it is there or not."""
    if not _RECEIPT.fullmatch(upload_id):
        raise StoppedError(404, "stopped.unknown")
    try:
        found = submission.find(session.official.scope(_portal(request).url), upload_id)
    except PermanentError:
        raise StoppedError(404, "stopped.unknown") from None
    if found.country != session.official.country:
        raise StoppedError(404, "stopped.unknown")
    return found


def _preview(there: Submission, session: Session) -> Preview:
    return preview_of(there.preview, forms().get(there.form), there.year, session.language)


@officials.get("/submissions/{upload_id}/receipt")
def receipt(request: Request, session: Signed, upload_id: str) -> Response:
    """The receipt: number, hash, time, and what happens next."""
    notes = {note: request.query_params.get(note) == "1" for note in ("same", "later")}
    there = _submission(request, session, upload_id)
    return _page(request, session, "receipt.html.j2", s=there, forms=forms(), **notes)


@officials.get("/submissions/{upload_id}")
def state(request: Request, session: Signed, upload_id: str) -> Response:
    """What became of a submission; while it is being read, the page loads itself anew."""
    return _state_page(request, session, _submission(request, session, upload_id))


def _state_page(
    request: Request,
    session: Session,
    there: Submission,
    errors: list[tuple[str, str]] | None = None,
    given: Mapping[str, str] | None = None,
) -> HTMLResponse:
    scope = session.official.scope(_portal(request).url)
    numbered = submission.findings(scope, there.upload_id)
    text = request.query_params.get("again", "0")
    times = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else _AGAIN_MOST
    again = times + 1 if there.state == "received" and times < _AGAIN_MOST else None
    return _page(
        request,
        session,
        "state.html.j2",
        422 if errors else 200,
        s=there,
        forms=forms(),
        events=submission.events(scope, there.upload_id),
        told=portal_parts.told(there, numbered, session.language),
        questions=[portal_parts.question(n, session.language) for n in numbered if n.finding.weight == "question"],
        preview=_preview(there, session),
        again=again,
        after=_AGAIN_AFTER,
        withdrawable=there.state in WITHDRAWABLE,
        errors=errors or [],
        given=given or {},
    )


@officials.get("/submissions/{upload_id}/marked")
def marked(request: Request, session: Signed, upload_id: str) -> Response:
    """The workbook with its cells marked, as the service made it."""
    there = _submission(request, session, upload_id)
    copy = _preview(there, session).marked
    if copy is None:
        raise StoppedError(404, "stopped.unknown")
    stem = there.file_name.rpartition(".")[0] or there.file_name
    content = lake.read_upload(copy.sha256)
    return _file(content, f"{stem}.{there.upload_id}.{copy.suffix}", f"{there.upload_id}.{copy.suffix}")


@officials.post("/submissions/{upload_id}/answers")
def answers(request: Request, session: Signed, upload_id: str, form: Posted) -> Response:
    """Keep the answers to questions; those that are too short are asked again."""
    there = _submission(request, session, upload_id)
    scope = session.official.scope(_portal(request).url)
    open_ = [n for n in submission.findings(scope, upload_id) if n.finding.weight == "question" and n.answer is None]
    given = {f"answer_{n.number}": _field(form, f"answer_{n.number}")[:2000] for n in open_}
    errors = [(name, "state.no_answer") for name, said in given.items() if len(said) < 3]
    kept = {n.number: given[f"answer_{n.number}"] for n in open_ if len(given[f"answer_{n.number}"]) >= 3}
    if kept and there.state == "checked":
        there = submission.answer(scope, upload_id, kept, who=session.official.name)
    return _state_page(request, session, there, errors, given) if errors else _to(f"/submissions/{upload_id}")


@officials.post("/submissions/{upload_id}/confirm")
def confirm(request: Request, session: Signed, upload_id: str, form: Posted) -> Response:
    """Confirm what was understood: of this content and no other, under the licence that the page names."""
    there = _submission(request, session, upload_id)
    if _field(form, "consent") != "yes":
        return _state_page(request, session, there, [("consent", "state.no_consent")])
    scope, said = session.official.scope(_portal(request).url), _field(form, "not_before")
    try:
        day = dt.date.fromisoformat(said) if said else None
        if day is not None:
            submission.embargo_of(day, dt.datetime.now(dt.UTC))
    except (ValueError, PermanentError):
        return _state_page(request, session, there, [("not_before", "state.no_day")], {"not_before": said[:20]})
    content = _field(form, "content_sha256")
    submission.confirm(scope, upload_id, content, who=session.official.name, not_before=day)
    return _to(f"/submissions/{upload_id}")


@officials.post("/submissions/{upload_id}/withdraw")
def withdraw(request: Request, session: Signed, upload_id: str, form: Posted) -> Response:
    """Take a submission back, with a reason."""
    there = _submission(request, session, upload_id)
    reason = _field(form, "reason")[:2000]
    if len(reason) < 3:
        return _state_page(request, session, there, [("reason", "state.no_reason")], {"reason": reason})
    scope = session.official.scope(_portal(request).url)
    submission.withdraw(scope, upload_id, who=session.official.name, reason=reason)
    return _to(f"/submissions/{upload_id}")
