"""Secrets in URLs: keys and passwords that must reach no log, message, ledger or XCom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

# fmt: off
_SECRET_PARTS: Final = frozenset({
    "key", "apikey", "token", "secret", "password", "passwd", "passphrase", "pwd", "pass", "signature", "sig",
    "credential", "credentials", "auth", "authorization", "session", "sessionid", "jwt",
})
# fmt: on
_SECRET_NAMES: Final = frozenset({"clientid", "appidentifier", "appid", "accesskeyid"})
_NAME_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
# These run over what strangers send, so each one takes time in proportion to the text.
_QUERY_NAME: Final = re.compile(r"[?&#]([^=&#?]+)=")
_USERINFO: Final = re.compile(r"(?<=://)[^/?#\s]*@")
_TEXT_PAIR: Final = re.compile(r"""(?<![\w.-])([\w.-]++)(=|%3D|["']?\s*+:\s*+["'])([^&\s"'<>]+)""", re.IGNORECASE)


def _is_secret(name: str) -> bool:
    parts = [part.lower() for part in _NAME_PART.findall(unquote(name))]
    return "".join(parts) in _SECRET_NAMES or not _SECRET_PARTS.isdisjoint(parts)


def _secret_values(url: str) -> Iterator[tuple[int, int]]:
    """Where the values of secret parameters begin and end."""
    end = 0
    for name in _QUERY_NAME.finditer(url):
        if name.start() >= end and _is_secret(name[1]):
            stops = (url.find(mark, name.end()) for mark in "&#")
            end = min((stop for stop in stops if stop >= 0), default=len(url))
            yield name.end(), end


def redact(url: str) -> str:
    """The URL with user, password and the values of secret parameters (key, token, client_id ...) as `***`."""
    shown, done = "", 0
    for start, end in _secret_values(url):
        shown, done = f"{shown}{url[done:start]}***", end
    return _USERINFO.sub("***@", shown + url[done:])


def secrets_of(url: str) -> set[str]:
    """The secret texts in a URL, in each spelling in which they may be given back; shorter than 3 are none."""
    raw = {url[start:end] for start, end in _secret_values(url)}
    userinfo = _USERINFO.search(url)
    if userinfo:
        raw |= set(userinfo[0][:-1].split(":", 1))
    plain = raw | {unquote(text) for text in raw} | {unquote_plus(text) for text in raw}
    spelt = plain | {quote(text, safe="") for text in plain} | {quote_plus(text) for text in plain}
    return {text for text in spelt if len(text) >= 3}


def clean(text: str, *urls: str) -> str:
    """Foreign text made fit for a message: one line, no control characters, no secret of these URLs."""
    for secret in sorted(set().union(*map(secrets_of, urls)), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _USERINFO.sub("***@", text)
    text = _TEXT_PAIR.sub(lambda m: f"{m[1]}{m[2]}***" if _is_secret(m[1]) else m[0], text)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
