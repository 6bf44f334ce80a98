"""The roles of the warehouse as those who connect need them: their passwords and URLs."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from migstats import settings
from migstats.errors import ConfigurationError


def role_url(base: str, role: str | None) -> str:
    """The URL of the warehouse for a role; its password from the environment or `<state>/roles.json`."""
    parts = urlsplit(base.replace("postgresql+psycopg://", "postgresql://", 1))
    if role is None:
        return urlunsplit(parts)
    password = passwords().get(role)
    if password is None:
        raise ConfigurationError(
            f"no password is known for role {role!r}; known are {', '.join(sorted(passwords())) or 'none'} "
            f"({roles_file()}); run `migstats setup`"
        )
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{quote(password)}@{host}"))


def roles_file() -> Path:
    """Where `migstats setup` keeps the passwords that it made."""
    return settings.state() / "roles.json"


def passwords() -> dict[str, str]:
    """Passwords of the warehouse's roles: MIGSTATS_<ROLE>_PASSWORD, else those that `migstats setup` made."""
    from migstats.warehouse import ROLES

    known: Mapping[str, Any] = json.loads(roles_file().read_text("utf-8")) if roles_file().is_file() else {}
    given = {role: os.environ.get(f"MIGSTATS_{role.upper().removeprefix('MIGSTATS_')}_PASSWORD") for role in ROLES}
    return {role: str(p) for role in ROLES if (p := given[role] or known.get(role))}
