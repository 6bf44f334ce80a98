"""What a publisher answers instead of data: pages of a web server, error bodies, tickets, nothing at all."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from typing import Any, Final

import msgspec
import numpy as np

from migstats.errors import DriftError, LaterError, PublisherError, TooBigError, TryAgainError

BOM: Final = b"\xef\xbb\xbf"
#: How a packed file begins, and what `compression` calls it.
_PACKED: Final = {b"\x1f\x8b\x08": "gzip", b"PK\x03\x04": "zip"}
#: Words by which OECD and other SDMX services say, as plain text, that nothing matched.
_NOTHING: Final = ("norecordsfound", "noresultsfound")
#: Codes of SDMX web services: more than is answered at once, and busy or broken for the moment.
_TOO_BIG: Final = frozenset({"130", "413", "510"})
_BUSY: Final = frozenset({"500", "503"})
#: An address at which the answer will stand once it is prepared.
_TO_POLL: Final = re.compile(r"(file|written|located|prepared|available)\b.*https?://", re.DOTALL | re.IGNORECASE)
#: What programs write as a number that is none.
_NO_NUMBER: Final = re.compile(rb"[:\[,]\s*(-?(?:NaN|Infinity))\s*[,}\]]")
#: What an entry of an error says once more, in other languages, and where to read on.
_FURTHER: Final = frozenset({"titles", "details", "links"})
_START: Final = 4096
_SPACE: Final = b" \t\r\n"

JsonObject = dict[str, msgspec.Raw]
JsonArray = list[msgspec.Raw]


def body(payload: bytes, expected: str, *, markup: bool = False) -> bytes:
    """The payload without byte order mark, once it is neither empty, nor a page, nor an XML error.

    `expected` names the format for the message; `markup`: it is XML. TryAgainError: a page, or XML that says come
    back later.
    PublisherError: nothing at all, or the publisher's own error. DriftError: a packed file.
    """
    packed = next((name for magic, name in _PACKED.items() if payload.startswith(magic)), None)
    if packed:
        raise DriftError(
            f"the answer is a {packed} file, {expected} was expected: where the publisher packs it now, declare "
            f"`compression: {packed}` of the reader"
        )
    start = payload[:_START].removeprefix(BOM).lstrip()
    if not start:
        raise PublisherError(f"the answer is empty, {expected} with rows was expected; no rows are not zero rows")
    if start.startswith(b"<"):
        _refuse_markup(payload[: 16 * _START], expected, markup)
    text = start[:64].decode("utf-8", "replace").strip().lower().replace(" ", "")
    if text.startswith(_NOTHING):
        raise PublisherError(
            f"the publisher answers {short(start)!r}: no rows; check the codes and years that were asked for"
        )
    return payload[len(BOM) :] if payload.startswith(BOM) else payload


def is_utf8(payload: bytes) -> bool:
    """Whether a text has letters beyond ASCII and all of them are as UTF-8 writes them, which is no chance."""
    if payload.isascii():
        return False
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in payload


def json_document(
    payload: bytes, expected: str, figures: Iterable[str] = ("value", "items", "dataset")
) -> JsonObject | JsonArray:
    """The outermost object or array, its members still raw JSON; the whole payload is checked to be JSON.

    A document that has one of the members `figures` is no error body, whatever else it has.

    TryAgainError: not JSON, or cut off. PublisherError: `{}`, `[]`, NaN as a figure, or an error body of Eurostat's or
    SDMX's kind.
    DriftError: a key of the outermost object stands twice.
    """
    document = body(payload, expected)
    try:
        document.decode()  # a raw member is not checked for UTF-8
        found: JsonObject | JsonArray = msgspec.json.decode(document, type=JsonObject | JsonArray)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        odd = _NO_NUMBER.search(document)
        if odd and document.rstrip().endswith((b"}", b"]")):
            raise PublisherError(
                f"the answer is not {expected}: {odd[1].decode()} stands in it as a figure (byte {odd.start(1)}), and "
                "JSON has no such number; ask the publisher for null"
            ) from error
        raise TryAgainError(
            f"the answer is not whole {expected}: {error}; it begins with {short(document)!r} and ends with "
            f"{short(document[-60:].lstrip())!r}; it may have been cut off, or a server page stood in for it"
        ) from error
    if not found:
        raise PublisherError(f"the answer is {short(document)!r}, {expected} with rows was expected: no rows")
    if isinstance(found, dict):
        for name in ("error", "errors", "warning"):
            said = msgspec.json.decode(found[name]) if name in found else None
            if said and not set(figures) & set(found):
                refuse_error(said)
        require_once(document, found, "the answer")
    return found


def require_once(raw: bytes, members: JsonObject, where: str) -> None:
    """DriftError where a key stands twice in an object, of which a decoder kept the last member.

    What was lost has a length, and without white space all else has a known one.
    """
    parts = [msgspec.json.encode(list(members)), *map(bytes, members.values())]
    if _length(raw) != sum(map(_length, parts)) + len(members):
        refuse_repeated(raw, where)


def _length(raw: bytes) -> int:
    return len(raw.translate(None, _SPACE))


def count_keys(raw: bytes) -> int:
    """Number of keys in valid JSON, in all its objects; a key that stands twice in one counts twice.

    A decoder keeps the last of equal keys: where it gives fewer than this, something was lost.
    """
    text = raw.translate(None, _SPACE)  # white space within strings goes too, and their quotes stay
    if b"\\" in text:
        text = text.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    codes = np.frombuffer(text + b" ", dtype=np.uint8)
    closing = np.flatnonzero(codes == ord('"'))[1::2]
    return int(np.count_nonzero(codes[closing + 1] == ord(":")))


def refuse_repeated(raw: bytes, where: str) -> None:
    """Raise DriftError for the first object in which a key stands twice; slow, and sure."""

    def check(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            name = next(name for name in names if names.count(name) > 1)
            values = " and ".join(str(value)[:60] for other, value in pairs if other == name)
            raise DriftError(
                f"{where}: the key {name!r} stands twice in one object, with {values}; which of them is meant is not "
                "said: tell the publisher"
            )

    try:
        json.loads(raw, object_pairs_hook=check, parse_int=str, parse_float=str)
    except RecursionError as error:
        raise PublisherError(f"{where}: the JSON is nested too deeply to be figures") from error


def refuse_error(error: Any) -> None:
    """Raise what an error body says: TryAgainError for a ticket, PublisherError with its id and label."""
    entries = error if isinstance(error, list) else [error]
    said = "; ".join(
        ", ".join(f"{k} {v}" for k, v in entry.items() if k not in _FURTHER) if isinstance(entry, dict) else str(entry)
        for entry in entries
    )
    refuse_said(said, {str(entry["code"]) for entry in entries if isinstance(entry, dict) and "code" in entry})


def is_refusal(codes: Collection[str]) -> bool:
    """Whether one of these codes says that an answer, if there is one, is not all."""
    return not (_TOO_BIG | _BUSY).isdisjoint(codes)


def refuse_said(said: str, codes: Collection[str] = ()) -> None:
    """Raise what a publisher's message says; `codes` are those of SDMX that stand in it.

    TooBigError: a part of it may be asked for. LaterError: the answer is being prepared. TryAgainError: busy.
    """
    if "EXTRACTION_TOO_BIG" in said:
        raise TooBigError(f"the publisher says that the extraction is too big: {said}; cut the slice smaller")
    if "ASYNCHRONOUS" in said.upper() or "syncResponse" in said:
        raise LaterError(
            f"the publisher prepares the answer and asks to come back later: {said}; "
            "if it says so again and again, declare smaller slices"
        )
    if not _TOO_BIG.isdisjoint(codes) and _TO_POLL.search(said):
        raise LaterError(f"the publisher prepares the answer and says where it will be: {said}; come back later")
    if not _TOO_BIG.isdisjoint(codes):
        raise TooBigError(
            f"the publisher says that this is more than it answers at once: {said}; cut the slice smaller"
        )
    if not _BUSY.isdisjoint(codes):
        raise TryAgainError(f"the publisher says that it cannot answer now: {said}")
    raise PublisherError(f"the publisher answers with an error: {said or '(without a text)'}; mend what is asked for")


def _refuse_markup(start: bytes, expected: str, markup: bool) -> None:
    text = start.decode("utf-8", "replace")
    if re.search(r"<(!doctype\s+html|html|head|body)\b", text, re.IGNORECASE):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        what = f", titled {title[1].strip()!r}" if title else ""
        raise TryAgainError(f"the answer is a web page{what}, {expected} was expected; the server may be busy")
    fault = re.search(r"<(?:\w+:)?faultstring[^>]*>(.*?)</", text, re.DOTALL)
    if fault:
        refuse_said(fault[1].strip())
    if re.search(r"<(?:\w+:)?(syncResponse|queued)\b", text):
        refuse_said(f"syncResponse {short(start)}")
    if not markup:
        raise TryAgainError(f"the answer is XML, {expected} was expected; it begins with {short(start)!r}")


def short(raw: bytes) -> str:
    """The first 60 characters as text, for a message."""
    return raw[:240].decode("utf-8", "replace").strip()[:60]
