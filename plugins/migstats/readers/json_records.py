"""Reader of JSON records: an array of objects somewhere in a document, its envelope and its figures declared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import msgspec
import numpy as np

from migstats.errors import DriftError, PublisherError
from migstats.layout import WHOLE, JsonRecordsLayout
from migstats.readers import Envelope, TextTable, aggregate, answer, cells, fields

_EXPECTED: Final = "JSON with records"
_REMEDY: Final = (
    "add each to `measures`, to `others` where the dataset is not to hold it, or where its numbers are no figures to "
    "`identity` or `attributes`"
)


def inspect(payload: bytes, layout: JsonRecordsLayout) -> Envelope:
    """Page, pages, total and stamp where the layout says where they stand.

    TryAgainError: not JSON, or cut off. PublisherError: an error body, or no records. DriftError: the records, or what
    is declared of the envelope, are not where they were.
    """
    return _open(payload, layout)[0]


def read(payload: bytes, layout: JsonRecordsLayout) -> TextTable:
    """One row per record and measure, measure after measure; the other fields stay columns of text.

    Fields of nested objects have their names with a dot between, arrays are JSON text. Figures of `others` are counted
    as `outside_tables`. DriftError where a record is no object or lacks a measure, or has figures under a name of which
    nothing is declared.

    With `nested` one row per object of the array in each record, and measure; its record's fields beside it.
    With `aggregate` one row per group of records and measure, as `aggregate.table` says.
    """
    envelope, records = _open(payload, layout)
    if layout.aggregate is not None:
        return aggregate.table(partial(_blocks, records, layout), _of_records(layout), envelope)
    known = {*layout.identity, *layout.attributes, *layout.labels.values()}

    def labels(names: Sequence[str]) -> dict[str, str]:
        return {code: label for code, label in layout.labels.items() if {code, label} <= set(names)}

    return fields.table(
        records,
        layout.records,
        fields.Facts(layout.measures, layout.others, known.__contains__, _REMEDY),
        envelope=envelope,
        across=len(layout.measures) > 1,
        dimensions=lambda names: cells.dimensions(names, layout.attributes, layout.labels, ()),
        labels=labels,
        nested=layout.nested,
    )


def locate(payload: bytes, place: str, layout: JsonRecordsLayout) -> str | None:
    """The figure at a place such as `/results/57/figure` or `/data/3/values/7/value`, as `read` gives it.

    None for null.
    """
    if layout.aggregate is not None and aggregate.is_group(_of_records(layout), place):
        _, records = _open(payload, layout)
        return aggregate.locate(partial(_blocks, records, layout), _of_records(layout), place)
    return cells.at_pointer(answer.body(payload, _EXPECTED), place)


def records_of(payload: bytes, place: str, layout: JsonRecordsLayout) -> str | None:
    """Of which records a figure is made; None for what stands in a cell. PublisherError where the place is none."""
    of = _of_records(layout)
    if not aggregate.is_group(of, place):
        return None
    _, records = _open(payload, layout)
    return aggregate.records(partial(_blocks, records, layout), of, place)


def _of_records(layout: JsonRecordsLayout) -> aggregate.Records:
    assert layout.aggregate is not None
    return aggregate.Records(
        layout.aggregate,
        layout.measures,
        f"{layout.records}/{{}}",
        lambda name: f"{layout.records}/{{}}{cells.pointer(*name.split('.'))}",
    )


def _blocks(records: bytes, layout: JsonRecordsLayout) -> Iterator[aggregate.Block]:
    """All records in one block."""
    assert layout.aggregate is not None
    once = layout.aggregate.once
    required = layout.aggregate.required if once in (None, WHOLE) else (*layout.aggregate.required, once)
    columns = fields.columns(records, layout.records, layout.measures, required)
    wanted = {name: cells.coded(columns[name]) for name in layout.aggregate.columns if name in columns}
    figures = [cells.text_array(columns[name]) for name in layout.measures]
    rows = np.arange(len(figures[0]) if figures else len(next(iter(columns.values()))))
    repeats, contradicts = fields.repeated(columns, once)
    yield aggregate.Block(wanted, figures, rows, repeats=repeats, contradicts=contradicts)


def _open(payload: bytes, layout: JsonRecordsLayout) -> tuple[Envelope, bytes]:
    """The envelope, and the raw array of records."""
    first = cells.tokens_of(layout.records)[:1] if layout.records else []
    document = answer.json_document(payload, _EXPECTED, figures=first)
    for pointer in layout.errors:
        raw = _at(document, pointer)
        said = msgspec.json.decode(raw) if raw is not None else None
        if said:
            answer.refuse_error(said)
    records = _records(answer.body(payload, _EXPECTED), document, layout)
    envelope = Envelope(
        page=_count(document, layout.page) if layout.page else 1,
        pages=_count(document, layout.pages) if layout.pages else 1,
        total=_count(document, layout.total) if layout.total else None,
        updated=_updated(document, layout),
    )
    if re.fullmatch(rb"\[\s*\]|null", records) or envelope.total == 0:
        raise PublisherError(
            f"{layout.records or '/'}: no records (page {envelope.page} of {envelope.pages}, total {envelope.total}); "
            "no rows are not zero rows: check the codes, the years and the page asked for"
        )
    if not records.startswith(b"["):
        raise DriftError(
            f"{layout.records or '/'}: an array of records is expected, it begins with {answer.short(records)!r}"
        )
    return envelope, records


def _records(body: bytes, document: answer.JsonObject | answer.JsonArray, layout: JsonRecordsLayout) -> bytes:
    if not layout.records:
        return body.strip()
    raw = _at(document, layout.records)
    if raw is None:
        there = ", ".join(list(document)[:20]) if isinstance(document, dict) else "an array"
        raise DriftError(
            f"{layout.records}: records are expected there, and nothing is; the document has {there}: "
            "see where the publisher puts them today"
        )
    return raw


def _at(document: answer.JsonObject | answer.JsonArray, pointer: str) -> bytes | None:
    """The raw value at a pointer; None where there is none."""
    node: Any = document
    raw: bytes | None = None
    seen = ""
    for token in cells.tokens_of(pointer):
        if raw is not None:
            node = _members(raw, seen)
        if isinstance(node, dict) and token in node:
            raw = bytes(node[token])
        elif isinstance(node, list) and token.isdecimal() and int(token) < len(node):
            raw = bytes(node[int(token)])
        else:
            return None
        seen += cells.pointer(token)
    return raw


def _members(raw: bytes, where: str) -> answer.JsonObject | answer.JsonArray | None:
    if raw[:1] not in (b"{", b"["):
        return None
    found: answer.JsonObject | answer.JsonArray = msgspec.json.decode(raw, type=answer.JsonObject | answer.JsonArray)
    if isinstance(found, dict):
        answer.require_once(raw, found, where)
    return found


def _count(document: Any, pointer: str) -> int:
    found = _said(document, pointer)
    if type(found) is int and found >= 0:
        return found
    if isinstance(found, str) and found.isdecimal():
        return int(found)
    raise DriftError(f"{pointer}: a count is expected, found {found!r}")


def _updated(document: Any, layout: JsonRecordsLayout) -> str | None:
    return cells.stamp(str(_said(document, layout.updated)), layout.updated) if layout.updated else None


def _said(document: Any, pointer: str) -> Any:
    raw = _at(document, pointer)
    if raw is None:
        raise DriftError(f"{pointer}: nothing is there any more; see where the publisher says it today")
    return msgspec.json.decode(raw)
