"""Sessions of the portal, and how often somebody may try something; both in the database, so that all workers agree."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from migstats import warehouse
from migstats.uploads.accounts import Official


@dataclass(frozen=True)
class Session:
    """A session that lasts: whom it serves, in which language, and the token that its cookie holds."""

    official: Official
    language: str
    token: str


def begin(url: str, official: Official, language: str) -> Session:
    """Begin a session; sessions of yesterday are forgotten."""
    token = secrets.token_urlsafe(32)
    with warehouse.connect(url) as connection:
        warehouse.execute(connection, "portal/forget_sessions")
        facts = {"token_sha256": _sha256(token), "name": official.name, "language": language}
        warehouse.execute(connection, "portal/add_session", facts)
    return Session(official, language, token)


def find(url: str, token: str, *, touch: bool = True) -> Session | None:
    """The session of a token; None where there is none, or it is over.

    Without `touch` (a page that loads itself anew) the time without a request goes on.
    """
    if not token:
        return None
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "portal/session", {"token_sha256": _sha256(token), "touch": touch})
    if not found:
        return None
    row = found[0]
    return Session(Official(row["name"], row["country"], row["language"]), row["language"], token)


def end(url: str, token: str) -> None:
    """End a session."""
    with warehouse.connect(url) as connection:
        warehouse.execute(connection, "portal/end_session", {"token_sha256": _sha256(token)})


def set_language(url: str, token: str, language: str) -> None:
    """Show the pages of a session in another language from now on."""
    with warehouse.connect(url) as connection:
        warehouse.execute(connection, "portal/set_language", {"token_sha256": _sha256(token), "language": language})


# -- forms that are ours ----------------------------------------------------------------------------------------


def visit_token() -> str:
    """A token for somebody who is not signed in."""
    return secrets.token_urlsafe(32)


def form_token(token: str) -> str:
    """What every form of a session (or of a visit that is not signed in) holds; nobody else can make it."""
    return hmac.new(token.encode(), b"migstats.portal.form", hashlib.sha256).hexdigest()


def is_ours(token: str, given: str) -> bool:
    """Whether a form came from a page that this session was shown."""
    return bool(token) and hmac.compare_digest(form_token(token).encode(), given.encode())


# -- limits -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Limit:
    """How many attempts at something are free within a while, and how the wait after more of them grows.

    `growing`: 30 seconds after the first attempt too many, twice that after the next, up to the whole while. Else the
    next one is free when the oldest is a while ago.
    """

    what: str
    free: int
    seconds: int
    growing: bool = False


#: Failed sign-ins: from one address with one name, with one name from anywhere, from one address with any name.
SIGN_INS: Final = (
    Limit("sign_in.both", 5, 900, growing=True),
    Limit("sign_in.name", 20, 900, growing=True),
    Limit("sign_in.address", 50, 900, growing=True),
)


def keys_of_sign_in(name: str, address: str) -> Sequence[tuple[Limit, str]]:
    """What a sign-in is counted by."""
    name = name.strip().lower()
    return tuple(zip(SIGN_INS, (f"{name}\n{address}", name, address), strict=True))


def attempt(url: str, counted: Sequence[tuple[Limit, str]]) -> float:
    """Count an attempt under each key, where none is above its limit; else the seconds to wait, and it is not counted.

    Attempts at the same thing take turns, so that many at once are not more than the limit.
    """
    keys = [(limit, _sha256(f"{limit.what}\n{key}")) for limit, key in counted]
    with warehouse.connect(url) as connection:
        warehouse.execute(connection, "portal/forget_attempts")
        for _, key in sorted(keys, key=lambda pair: pair[1]):
            warehouse.execute(connection, "portal/lock_attempts", {"key": key})
        wait = 0.0
        for limit, key in keys:
            there = warehouse.rows(connection, "portal/attempts", {"key": key, "seconds": limit.seconds})[0]
            if there["attempts"] < limit.free:
                continue
            if limit.growing:
                pause = min(30.0 * 2 ** min(there["attempts"] - limit.free, 10), limit.seconds)
                wait = max(wait, pause - there["last_before"])
            else:
                wait = max(wait, limit.seconds - there["first_before"])
        if wait <= 0:
            for _, key in keys:
                warehouse.execute(connection, "portal/add_attempt", {"key": key})
    return max(wait, 0.0)


def forgive(url: str, counted: Sequence[tuple[Limit, str]]) -> None:
    """Forget the attempts: the last one was right."""
    with warehouse.connect(url) as connection:
        for limit, key in counted:
            warehouse.execute(connection, "portal/clear_attempts", {"key": _sha256(f"{limit.what}\n{key}")})


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()
