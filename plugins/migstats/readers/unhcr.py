"""Reader of UNHCR's Population Statistics API, JSON: items with identity fields and several measures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from migstats.errors import DriftError, PublisherError
from migstats.layout import UnhcrLayout
from migstats.readers import Envelope, TextTable, answer, cells, fields

_EXPECTED: Final = "UNHCR JSON with `items`"
#: Numbers that are no figures: years, and the numbers of areas.
_IDENTITY: Final = re.compile(r"year|id|.+_id")
_SAME: Final = ("_id", "_name", "_iso")
_REMEDY: Final = (
    "add each to `measures`, with its line in codes.csv, or to `others` where the dataset is not to hold it"
)


def inspect(payload: bytes, layout: UnhcrLayout) -> Envelope:
    """Page and pages. TryAgainError: not JSON. PublisherError: an error body, or no items."""
    return _open(payload)[0]


def read(payload: bytes, layout: UnhcrLayout) -> TextTable:
    """One row per item and declared measure, measure after measure; the other fields stay columns of text.

    `"-"` and `"0"` stay text. Figures that the layout leaves to other datasets are counted as `outside_tables`.
    DriftError where an item lacks a declared measure, or has figures under a name that the layout does not know.
    """
    envelope, items = _open(payload)
    return fields.table(
        items,
        "/items",
        fields.Facts(layout.measures, layout.others, lambda name: _IDENTITY.fullmatch(name) is not None, _REMEDY),
        envelope=envelope,
        across=True,
        dimensions=_dimensions,
        labels=lambda names: {name: f"{name}_name" for name in names if f"{name}_name" in names},
    )


def locate(payload: bytes, place: str, layout: UnhcrLayout) -> str | None:
    """The figure at a place such as `/items/57/refugees`, as `read` gives it; None for null."""
    return cells.at_pointer(answer.body(payload, _EXPECTED), place)


def _dimensions(names: Sequence[str]) -> list[tuple[str, ...]]:
    """The fields that are no figures, each with its number, name and ISO code; `coo_iso` says what `coo` says."""
    return [
        (name, *(f"{name}{end}" for end in _SAME if f"{name}{end}" in names))
        for name in names
        if not any(name.endswith(end) and name.removesuffix(end) in names for end in _SAME)
    ]


def _open(payload: bytes) -> tuple[Envelope, bytes]:
    document = answer.json_document(payload, _EXPECTED)
    if not isinstance(document, dict) or "items" not in document:
        raise PublisherError(f"the answer is not {_EXPECTED}; it begins with {answer.short(payload)!r}")
    page, pages = (_count(document, name) for name in ("page", "maxPages"))
    items = bytes(document["items"])
    if not items.translate(None, b" \t\r\n[]"):
        raise PublisherError(
            f"UNHCR answers with no items (page {page} of {pages}); no rows are not zero rows: "
            "check the codes, the years and the page asked for"
        )
    return Envelope(page=page, pages=pages), items


def _count(document: dict[str, Any], name: str) -> int:
    found = msgspec.json.decode(document[name]) if name in document else None
    if type(found) is not int:
        raise DriftError(f"/{name}: a count is expected, found {found!r}")
    return found
