"""Accounts of officials: each for one country, with a password of which only the Argon2id hash is kept."""

from __future__ import annotations

import datetime as dt
import secrets
import threading
from dataclasses import dataclass
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from migstats import settings, warehouse
from migstats.codelists import read_codelist
from migstats.errors import PermanentError
from migstats.names import LANGUAGES
from migstats.warehouse import Address, Scoped

#: Characters of a password.
SHORTEST: Final = 12
LONGEST: Final = 200

#: Passwords that one process checks at once: each takes 64 MB of memory for a moment.
_AT_ONCE: Final = threading.BoundedSemaphore(4)
_HASHER: Final = PasswordHasher()

#: Without letters that are taken for others when they are read out.
_LETTERS: Final = "23456789abcdefghjkmnpqrstuvwxyz"  # pragma: allowlist secret


@dataclass(frozen=True)
class Official:
    """Who is served: a name to sign in with, and the one country of which they see and send figures."""

    name: str
    country: str
    language: str

    def scope(self, url: str) -> Scoped:
        """The warehouse as far as this official may see it."""
        return Scoped(url, {"migstats.country": self.country, "migstats.official": self.name})


@dataclass(frozen=True)
class Account:
    """An account as the command line lists it."""

    name: str
    country: str
    language: str
    email: str
    active: bool
    created_at: dt.datetime


def add(url: str, name: str, *, country: str, language: str, email: str, password: str) -> Official:
    """Make an account. PermanentError where the name is taken, or what is given cannot be one."""
    name = name.strip().lower()
    areas = read_codelist(settings.include() / "codelists", "area").rows
    if areas.get(country, {}).get("kind") not in ("country", "territory"):
        raise PermanentError(f"{country!r} is no country; write its three letters of ISO 3166-1")
    if language not in LANGUAGES:
        raise PermanentError(f"{language!r} is none of the languages {', '.join(LANGUAGES)}")
    facts = {"name": name, "country": country, "language": language, "email": email.strip()}
    with warehouse.connect(url) as connection:
        if warehouse.rows(connection, "portal/official", {"name": name}):
            raise PermanentError(f"there is an account {name!r} already; give another name, or set its password")
        warehouse.execute(connection, "portal/add_official", {**facts, "password": _hash(password)})
    return Official(name, country, language)


def listed(url: str) -> list[Account]:
    """All accounts."""
    with warehouse.connect(url) as connection:
        return [Account(**row) for row in warehouse.rows(connection, "portal/officials")]


def set_active(url: str, name: str, *, active: bool) -> None:
    """Take an account away, or give it back. What is signed in with it is signed out. PermanentError: there is none."""
    _changed(url, "portal/set_active", {"name": name.strip().lower(), "active": active})


def set_password(url: Address, name: str, password: str) -> None:
    """Give an account another password; what is signed in with it is signed out. PermanentError: there is none."""
    _changed(url, "portal/set_password", {"name": name.strip().lower(), "password": _hash(password)})


def matching(url: Address, name: str, password: str) -> Official | None:
    """The official of this name and password; None for a wrong name, a wrong password or a disabled account.

    Takes as long for a name that nobody has.
    """
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "portal/official", {"name": name.strip().lower()})
    kept = found[0]["password"] if found else _nobody()
    with _AT_ONCE:
        try:
            _HASHER.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return None
    if not (found and found[0]["active"]):
        return None
    return Official(found[0]["name"], found[0]["country"], found[0]["language"])


def generated() -> str:
    """A password that can be read out: five groups of four letters and digits, about 99 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(5))


def _changed(url: Address, statement: str, facts: dict[str, object]) -> None:
    with warehouse.connect(url) as connection:
        if warehouse.execute(connection, statement, facts) != 1:
            raise PermanentError(f"there is no account {facts['name']!r}; `migstats portal user list` names them")


def _hash(password: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        raise PermanentError(f"the password has {len(password)} characters; it needs {SHORTEST} to {LONGEST}")
    with _AT_ONCE:
        return _HASHER.hash(password)


@cache
def _nobody() -> str:
    """A hash that is no one's, as costly to check as any."""
    return _HASHER.hash(secrets.token_urlsafe(32))
