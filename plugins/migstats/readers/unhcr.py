"""Reader of UNHCR's Population Statistics API, JSON: items with identity fields and several measures."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from migstats.errors import DriftError, PublisherError
from migstats.readers import Envelope, Explained, TextTable, answer, cells
from migstats.source import UnhcrLayout

_EXPECTED: Final = "UNHCR JSON with `items`"
_MEASURE: Final = "measure"
#: Numbers that are no figures: years, and the numbers of areas.
_IDENTITY: Final = re.compile(r"year|id|.+_id")
_FIGURE: Final = re.compile(r"-?[0-9]+([.][0-9]+)?")
_SCALARS: Final = {int, str, type(None), msgspec.UnsetType}
_SAME: Final = ("_id", "_name", "_iso")


def inspect(payload: bytes, layout: UnhcrLayout) -> Envelope:
    """Page and pages. TryAgainError: not JSON. PublisherError: an error body, or no items."""
    return _open(payload)[0]


def read(payload: bytes, layout: UnhcrLayout) -> TextTable:
    """One row per item and declared measure, measure after measure; the other fields stay columns of text.

    `"-"` and `"0"` stay text. Figures that the layout leaves to other datasets are counted as `outside_tables`.
    DriftError where an item lacks a declared measure, or has figures under a name that the layout does not know.
    """
    envelope, items = _open(payload)
    columns = cells.records(items, "/items")
    lacking = []
    for name in layout.measures:
        values = columns.get(name)
        if values is None:
            lacking.append(f"{name!r} in all of them")
        elif msgspec.UNSET in values:
            lacking.append(f"{name!r} in /items/{values.index(msgspec.UNSET)}")
    if lacking:
        others = ", ".join(name for name in columns if name not in layout.measures)
        raise DriftError(
            f"/items: declared measures are missing: {'; '.join(lacking)}; undeclared fields there: {others}"
        )
    if _MEASURE in columns and _MEASURE not in layout.measures:
        raise DriftError("/items: a field `measure` would stand in the way of the column of that name")
    count = len(columns[layout.measures[0]])
    explained = [_left(name, columns.pop(name)) for name in layout.others if name in columns]
    _refuse_unheard({name: values for name, values in columns.items() if name not in layout.measures})
    figures = [cells.text_array(columns.pop(name)) for name in layout.measures]
    which = np.repeat(np.arange(len(figures)), count)
    coded = {name: cells.coded(values) for name, values in columns.items()}
    labels = {name: cells.labels_of(coded[name], coded[f"{name}_name"]) for name in coded if f"{name}_name" in coded}
    data = {name: _repeated(column, len(figures)) for name, column in coded.items()}
    data[_MEASURE] = cells.indexed(which, layout.measures)
    return cells.text_table(
        data,
        pa.concat_arrays(figures),
        [cells.pointer("items", "{}", name) for name in layout.measures],
        np.tile(np.arange(count), len(figures)),
        template=which,
        envelope=envelope,
        explained=explained,
        dimensions=[*_dimensions(columns), *([(_MEASURE,)] if len(layout.measures) > 1 else [])],
        labels=labels,
    )


def _left(name: str, values: list[Any]) -> Explained:
    """The cells of a measure that the dataset leaves to another one."""
    there = [i for i, value in enumerate(values) if value is not msgspec.UNSET]
    return Explained("outside_tables", len(there), cells.pointer("items", str(there[0]), name))


def _refuse_unheard(columns: dict[str, list[Any]]) -> None:
    """Numbers in a field that nobody declared are figures of a category that came new."""
    found = []
    for name, values in columns.items():
        if not _IDENTITY.fullmatch(name):
            scalars = values if set(map(type, values)) <= _SCALARS else [v for v in values if type(v) in _SCALARS]
            figures = {value for value in set(scalars) if _FIGURE.fullmatch(str(value))}
            if figures:
                at = next(i for i, value in enumerate(values) if type(value) in _SCALARS and value in figures)
                found.append(f"{name!r} ({cells.pointer('items', str(at), name)}: {values[at]})")
    if found:
        raise DriftError(
            f"/items: figures stand under names that are not declared: {', '.join(found)}; add each to `measures`, "
            "with its line in codes.csv, or to `others` where the dataset is not to hold it"
        )


def _dimensions(columns: dict[str, list[Any]]) -> list[tuple[str, ...]]:
    """The fields that are no figures, each with its number, name and ISO code; `coo_iso` says what `coo` says."""
    return [
        (name, *(f"{name}{end}" for end in _SAME if f"{name}{end}" in columns))
        for name in columns
        if not any(name.endswith(end) and name.removesuffix(end) in columns for end in _SAME)
    ]


def locate(payload: bytes, place: str, layout: UnhcrLayout) -> str | None:
    """The figure at a place such as `/items/57/refugees`, as `read` gives it; None for null."""
    return cells.at_pointer(answer.body(payload, _EXPECTED), place)


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


def _repeated(column: pa.DictionaryArray, times: int) -> pa.DictionaryArray:
    return pa.concat_arrays([column] * times) if times > 1 else column
