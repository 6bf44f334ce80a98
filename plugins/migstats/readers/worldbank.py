"""Reader of the World Bank Indicators API v2, JSON: an array of a header and the rows."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
import numpy as np

from migstats.errors import DriftError, PublisherError
from migstats.layout import WorldBankLayout
from migstats.readers import Envelope, TextTable, answer, cells

_EXPECTED: Final = "World Bank JSON `[header, rows]`"
_PAIRS: Final = ("indicator", "country")
#: Fields that every recorded answer has; `scale` and `footnote` come and go with the request.
_FIELDS: Final = ("indicator.id", "country.id", "countryiso3code", "date", "value", "unit", "obs_status", "decimal")
_KNOWN: Final = (*_FIELDS, "indicator.value", "country.value", "scale", "footnote")
_DIMENSIONS: Final = (
    ("indicator.id", "indicator.value"),
    ("country.id", "country.value", "countryiso3code"),
    ("date",),
)


def inspect(payload: bytes, layout: WorldBankLayout) -> Envelope:
    """Page, pages, total and update stamp of the header.

    TryAgainError: not JSON. PublisherError: the World Bank's own message (it comes as HTTP 200), or no rows.
    """
    return _open(payload)[0]


def read(payload: bytes, layout: WorldBankLayout) -> TextTable:
    """One row per element of the second array; `_value` null where the figure is null.

    DriftError where a field that all rows used to have is in none of them.
    """
    envelope, rows = _open(payload)
    columns = cells.records(rows, "/1", _PAIRS)
    count = len(columns["indicator.id"])
    gone = [name for name in _FIELDS if all(cell is msgspec.UNSET for cell in columns.get(name, ()))]
    if gone:
        further = [name for name in columns if name not in _KNOWN]
        raise DriftError(
            f"/1: no row has the fields {', '.join(gone)} any more; fields not known before: "
            f"{', '.join(further) or 'none'}; see whether the publisher renamed one"
        )
    value = cells.text_array(columns.pop("value"))
    coded = {name: cells.coded(values) for name, values in columns.items()}
    labels = {f"{name}.id": cells.labels_of(coded[f"{name}.id"], coded[f"{name}.value"]) for name in _PAIRS}
    return cells.text_table(
        coded,
        value,
        ["/1/{}/value"],
        np.arange(count),
        envelope=envelope,
        dimensions=_DIMENSIONS,
        labels=labels,
    )


def locate(payload: bytes, place: str, layout: WorldBankLayout) -> str | None:
    """The figure at a place such as `/1/57/value`, as `read` gives it; None for null."""
    return cells.at_pointer(answer.body(payload, _EXPECTED), place)


def _open(payload: bytes) -> tuple[Envelope, bytes]:
    document = answer.json_document(payload, _EXPECTED)
    header = msgspec.json.decode(document[0]) if isinstance(document, list) else None
    if not isinstance(document, list) or not isinstance(header, dict):
        raise PublisherError(f"the answer is not {_EXPECTED}; it begins with {answer.short(payload)!r}")
    answer.refuse_repeated(bytes(document[0]), "/0")
    if "message" in header:
        raise PublisherError(
            f"the World Bank answers with an error: {_said(header['message'])}; look in its catalogue for "
            "the indicator and the version of the interface, then mend the URL (docs/operations.md)"
        )
    if len(document) != 2:
        raise PublisherError(f"the answer has {len(document)} parts, {_EXPECTED} was expected")
    if "page" not in header or "pages" not in header:
        raise DriftError(f"/0: `page` and `pages` are expected, the header has {', '.join(header)}")
    rows = bytes(document[1])
    total = _count(header, "total") if "total" in header else None
    if total == 0 or rows == b"null" or re.fullmatch(rb"\[\s*\]", rows):
        raise PublisherError(
            f"the World Bank answers with no rows (page {header['page']} of {header['pages']}, total {total}); "
            "check the indicator, the dates and the page asked for"
        )
    if not rows.startswith(b"["):
        raise DriftError(f"/1: an array of rows is expected, it begins with {answer.short(rows)!r}")
    updated = header.get("lastupdated")
    stamp = updated if isinstance(updated, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", updated) else None
    return Envelope(_count(header, "page"), _count(header, "pages"), total, stamp), rows


def _count(header: dict[str, Any], name: str) -> int:
    found = header[name]
    if isinstance(found, str) and found.isdecimal():
        return int(found)
    if type(found) is int:
        return found
    raise DriftError(f"/0/{name}: a count is expected, found {found!r}")


def _said(message: Any) -> str:
    entries = message if isinstance(message, list) else [message]
    return "; ".join(
        f"id {e.get('id')}, key {e.get('key')!r}, value {e.get('value')!r}" if isinstance(e, dict) else str(e)
        for e in entries
    )
