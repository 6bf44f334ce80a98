"""Readers: pure functions from a publisher's bytes to a table of text cells with their places.

A reader is named for a *format*. Each module here offers three functions:

`inspect(payload, layout) -> Envelope`
    a cheap look at one payload as it was served: is it what was asked for, how many pages are there?
    Raises TryAgainError where the body is not the format at all (a maintenance page), PublisherError where it
    is the publisher's own error message.

`read(payload, layout) -> TextTable`
    every cell that could hold a figure, as text, with its place; or counted in `explained`.

`locate(payload, place, layout) -> str | None`
    the text at one place, as `read` gave it; lineage reads figures again with it.

What a layout says to be packed (`compression`) is unpacked before.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import pyarrow as pa
import pyarrow.compute as pc

from migstats.layout import Layout
from migstats.readers import packed

#: Reserved columns of a text table; every other column is the publisher's and is dictionary<int32, string>.
VALUE = "_value"  # string: the raw text of the figure, null where the payload has a flag but no value
PLACE = "_place"  # dictionary<int32, string>: template with one hole for the row, `Table 1!F{}`, `/1/{}/value`
ROW = "_row"  # int32: what goes into the hole
SNAPSHOT = "_snapshot"  # added where a slice has several pages: the snapshot (sha256) that a row is of
#: A mark that stands raised beside a figure (`12³`); the note of the figure, unless the dataset declares another.
NOTE = "_note"
#: Of figures that are made from records: how many cells of the payload each is made of, int64.
RECORDS = "_records"
#: Beside them, a cell that its reader could not read: one of observation.QUARANTINED, else null.
PROBLEM = "_problem"


@dataclass(frozen=True)
class Explained:
    """Cells that could have held a figure and do not: `reason` is one of observation.EXPLAINED."""

    reason: str
    count: int
    example: str  # a place such as `Table 1!F40`


@dataclass(frozen=True)
class Envelope:
    """What a payload says about itself before it is read."""

    page: int = 1
    pages: int = 1
    #: Rows over all pages as the publisher counts them; None where it does not say.
    total: int | None = None
    #: The publisher's own stamp of the last update, ISO 8601 date or time; None where it does not say.
    updated: str | None = None


@dataclass(frozen=True)
class TextTable:
    """A payload as text. `landed` = rows + explained cells: every place that could hold a figure.

    A row that is made from records counts for the cells that it is made of.
    """

    data: pa.Table
    explained: tuple[Explained, ...] = ()
    envelope: Envelope = field(default_factory=Envelope)
    #: Columns by which the publisher tells its figures apart. Those of one entry say the same, as a code and its label
    #: do; a dataset has to declare one of them, or figures of several codes would pass for one.
    dimensions: tuple[tuple[str, ...], ...] = ()
    #: Column → code → what the publisher calls it, where the payload says so.
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: Records as the publisher counts them, where one holds several figures; None: as many as landed.
    records: int | None = None

    @property
    def landed(self) -> int:
        """Number of cells that could hold a figure."""
        rows = pc.sum(self.data[RECORDS]).as_py() or 0 if RECORDS in self.data.column_names else self.data.num_rows
        return int(rows) + sum(e.count for e in self.explained)


def closes(layout: Layout) -> bool:
    """Whether a payload of this format ends with a sign of its own, so that one that was cut off cannot be read.

    JSON has its last bracket, a workbook its directory, and what is packed its checksum; CSV that is cut at the end of
    a line is CSV, unless a line is declared that stands below the table.
    """
    if layout.compression is not None:
        return True
    if layout.format == "delimited":
        return layout.ends_before is not None
    return layout.format != "sdmx_csv"


class Reader(Protocol):
    """The functions of a reader module."""

    def inspect(self, payload: bytes, layout: Any) -> Envelope:
        """Look at one payload as served."""

    def read(self, payload: bytes, layout: Any) -> TextTable:
        """Turn one payload into text cells with places."""

    def locate(self, payload: bytes, place: str, layout: Any) -> str | None:
        """Read one place again: the text that `read` gave for it."""


def reader_for(layout: Layout) -> Reader:
    """The reader module of a layout; imported when first used, since formats need heavy libraries."""
    reader = cast(Reader, importlib.import_module(f"migstats.readers.{layout.format}"))
    streams = layout.format == "delimited" and layout.aggregate is not None  # it unpacks while it reads
    return reader if layout.compression is None or streams else _Unpacking(reader)


def records_of(payload: bytes, place: str, layout: Layout) -> str | None:
    """Of which records a figure is made that stands in no cell; None for a figure that does.

    PublisherError where the place is none.
    """
    if layout.format not in ("delimited", "json_records") or layout.aggregate is None:
        return None
    reader = reader_for(layout)
    unpacked = reader.payload(payload, layout) if isinstance(reader, _Unpacking) else payload
    module = importlib.import_module(f"migstats.readers.{layout.format}")
    found: str | None = module.records_of(unpacked, place, layout)
    return found


@dataclass(frozen=True)
class _Unpacking:
    """A reader that is given what a packed payload holds."""

    reader: Reader

    @staticmethod
    def payload(payload: bytes, layout: Any) -> bytes:
        """What was packed."""
        return packed.unpacked(payload, layout)

    def inspect(self, payload: bytes, layout: Any) -> Envelope:
        return self.reader.inspect(packed.unpacked(payload, layout), layout)

    def read(self, payload: bytes, layout: Any) -> TextTable:
        return self.reader.read(packed.unpacked(payload, layout), layout)

    def locate(self, payload: bytes, place: str, layout: Any) -> str | None:
        return self.reader.locate(packed.unpacked(payload, layout), place, layout)
