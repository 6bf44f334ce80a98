"""Reader of SDMX-CSV 1.0 and 2.0, one observation per record."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.readers import Envelope, TextTable, answer, cells, sdmx
from migstats.source import SdmxCsvLayout

_EXPECTED: Final = "SDMX-CSV"
_UPDATED: Final = "LAST UPDATE"
#: Actions of SDMX-CSV 2.0 that tell of figures: information, append, replace, merge.
_ACTIONS: Final = frozenset({"I", "A", "R", "M"})
_BLOCK: Final = 1 << 24
_START: Final = 1 << 18
#: Columns of the format itself.
_STRUCTURE: Final = re.compile(
    r"DATAFLOW|STRUCTURE(\[.*\])?|STRUCTURE_ID|STRUCTURE_NAME|ACTION|SERIES_KEY|OBS_KEY|LAST UPDATE|UPDATED"
)
#: Columns that tell figures apart wherever they stand; all others do so before the figure.
_DIMENSION: Final = frozenset(
    {"FREQ", "REF_AREA", "GEO", "COUNTERPART_AREA", "INDICATOR", "MEASURE", "SEX", "AGE", "UNIT", "UNIT_MEASURE"}
)
_PLACE: Final = re.compile(r"line (\d+) column (.+)", re.DOTALL)

Lines = npt.NDArray[np.int64]


def inspect(payload: bytes, layout: SdmxCsvLayout) -> Envelope:
    """The update stamp of the first record; SDMX-CSV has no pages.

    TryAgainError: a web page, or not CSV at all. PublisherError: an error body, `NoRecordsFound`, or a header
    without records. DriftError: a header without OBS_VALUE, with a name twice, or with another delimiter.
    """
    text = answer.body(payload, _EXPECTED)
    header, first = _first_records(text)
    _value_column(header)
    if first is None:
        raise PublisherError("line 2: the header is followed by no record; no rows are not zero rows")
    stamp = first[header.index(_UPDATED)] if _UPDATED in header and len(first) == len(header) else ""
    return Envelope(updated=_iso(stamp))


def read(payload: bytes, layout: SdmxCsvLayout) -> TextTable:
    """One row per record, columns as in the header, each as text; `_value` is null where OBS_VALUE is empty.

    PublisherError names the line with a field too many or too few, or that is not UTF-8. DriftError: records
    that delete (ACTION D), an action that SDMX does not have, ids and labels within one cell.
    """
    envelope = inspect(payload, layout)
    text = answer.body(payload, _EXPECTED)
    header, _ = _first_records(text)
    figure = _value_column(header)
    table = _table(text, header, figure)
    lines = _lines(text, table.num_rows)
    columns = {name: _coded(table[name]) for name in header if name != figure}
    dimensions = _dimensions(header, figure, columns, layout)
    pairs = [same for same in dimensions if len(same) == 2]
    labels = {code: cells.labels_of(columns[code], columns[label]) for code, label in pairs}
    if "ACTION" in columns:
        _refuse_actions(columns["ACTION"], lines)
    if _UPDATED in columns:
        stamps = sorted(filter(None, map(_iso, columns[_UPDATED].dictionary.to_pylist())))
        envelope = Envelope(updated=stamps[-1] if stamps else None)
    value = _one(table[figure])
    value = pc.if_else(pc.equal(value, ""), pa.scalar(None, pa.string()), value)
    return cells.text_table(
        columns,
        value,
        [f"line {{}} column {figure}"],
        lines,
        envelope=envelope,
        dimensions=dimensions,
        labels=labels,
    )


def locate(payload: bytes, place: str) -> str | None:
    """The figure at a place such as `line 17 column OBS_VALUE`, as `read` gives it; None where it is empty.

    PublisherError where no record begins on that line.
    """
    match = _PLACE.fullmatch(place)
    if not match:
        raise PublisherError(f"{place!r} is no place such as `line 17 column {sdmx.OBS_VALUE}`")
    records = _records(answer.body(payload, _EXPECTED))
    _, header = next(records)
    for begins, record in records:
        if begins == int(match[1]) and match[2] in header:
            return record[header.index(match[2])] or None
    raise PublisherError(f"the payload has no place {place}")


def _dimensions(
    header: list[str], figure: str, columns: dict[str, pa.DictionaryArray], layout: SdmxCsvLayout
) -> list[tuple[str, ...]]:
    """The columns that tell figures apart, each with the column of its labels where there is one.

    SDMX-CSV does not mark them. They stand before the figure, but some publishers put attributes there too: what has
    the usual name of one, or is declared to be one, is none.
    """
    found: list[tuple[str, ...]] = []
    before = header.index(figure)
    for position, name in enumerate(header):
        usual = name.upper()
        if name == figure or name in layout.attributes or _STRUCTURE.fullmatch(usual):
            continue
        if columns[name].dictionary.to_pylist() == [""]:
            continue  # it says nothing
        previous = header[position - 1] if position else figure
        if previous in columns and _labels(previous, name, columns):
            found = [(*same, name) if same == (previous,) else same for same in found]
        elif (position < before and not sdmx.is_attribute(name, ())) or usual in (*_DIMENSION, sdmx.TIME):
            found.append((name,))
    return found


def _labels(name: str, label: str, columns: dict[str, pa.DictionaryArray]) -> bool:
    """Whether a column holds the labels of the codes before it: its name is no id, and each code has its own label."""
    if not _looks_like_text(label) or _looks_like_text(name):
        return False
    codes, texts = columns[name], columns[label]
    labels = texts.dictionary.to_pylist()
    if len(codes.dictionary) != len(labels) or not (name == sdmx.TIME or any(map(_looks_like_text, labels))):
        return False
    at = codes.indices.to_numpy(zero_copy_only=False)
    texts_at = texts.indices.to_numpy(zero_copy_only=False)
    label_of = np.zeros(len(labels), dtype=texts_at.dtype)
    label_of[at] = texts_at
    return bool((label_of[at] == texts_at).all())


def _looks_like_text(name: str) -> bool:
    """`Country of birth` and `Sex` are written for people, `c_birth` and `SEX` for programs."""
    return any(map(str.islower, name)) and (" " in name or any(map(str.isupper, name)))


def _first_records(text: bytes) -> tuple[list[str], list[str] | None]:
    """Header and first record; a payload that starts with anything but a header of CSV is refused."""
    start = text[:_START]
    if start.lstrip()[:1] in (b"{", b"["):
        answer.json_document(text, _EXPECTED)
        raise TryAgainError(f"the answer is JSON, {_EXPECTED} was expected: {answer.short(start)!r}")
    if b"\0" in start[:4096]:
        raise TryAgainError(f"the answer is not text, {_EXPECTED} was expected: {answer.short(start)!r}")
    records = csv.reader(io.StringIO(start.decode("utf-8", "replace"), newline=""))
    try:
        found = [record for _, record in zip(range(2), filter(None, records), strict=False)]
    except csv.Error as error:
        raise PublisherError(f"line {records.line_num}: is not CSV: {error}") from error
    if any("\ufffd" in name for name in found[0]):
        next(_records(text))  # a name that is not UTF-8 is refused there
    return found[0], found[1] if len(found) > 1 else None


def _value_column(header: list[str]) -> str:
    """The name of the column with the figures, once the header is one that we can read."""
    if len(header) == 1:
        other = next((mark for mark in ";\t|" if mark in header[0] and sdmx.OBS_VALUE in header[0].upper()), None)
        if other:
            raise DriftError(f"line 1: the delimiter is {other!r}, a comma was expected; ask with `Accept: text/csv`")
        raise TryAgainError(f"line 1: {_EXPECTED} was expected, the answer begins with {header[0][:60]!r}")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DriftError(f"line 1: the header has {', '.join(map(repr, twice))} twice")
    for name in header:
        if name.upper().startswith(sdmx.OBS_VALUE + ":"):
            raise DriftError(
                f"line 1: ids and labels stand in one cell ({name!r}); ask for the codes alone (labels=id), "
                "or for ids and names in columns of their own (labels=name)"
            )
    for name in header:
        if name.upper() == sdmx.OBS_VALUE:
            return name
    raise DriftError(f"line 1: there is no column {sdmx.OBS_VALUE}; there are {', '.join(map(repr, header))}")


def _table(text: bytes, header: list[str], figure: str) -> pa.Table:
    """All records as text. A figure is plain text, every other column is coded while it is read."""
    types = {name: pa.string() if name == figure else cells.CODED for name in header}
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(text),
            read_options=pa_csv.ReadOptions(block_size=_BLOCK),
            parse_options=pa_csv.ParseOptions(newlines_in_values=b'"' in text),
            convert_options=pa_csv.ConvertOptions(column_types=types, strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        _diagnose(text, len(header))
        raise PublisherError(f"the answer is no {_EXPECTED} that we can read: {error}") from error
    if b'"' in text and text.count(b'"') % 2:
        _diagnose(text, len(header))
    return table


def _diagnose(text: bytes, width: int) -> None:
    """Raise the error of the first line that is not as it has to be; return where there is none."""
    ends = text.endswith((b"\n", b"\r"))
    records = _records(text)
    for line, record in records:
        if len(record) != width:
            cut = not ends and len(record) < width and next(records, None) is None
            raise (TryAgainError if cut else PublisherError)(
                f"line {line}: {len(record)} fields, {width} expected; "
                + ("the file was cut off there" if cut else "a comma stands unquoted in a field, or a field is gone")
            )


def _records(text: bytes) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record begins, and its fields: slow, and exact about lines and errors."""
    try:
        whole = text.decode()
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise PublisherError(
            f"line {line}: byte {text[error.start]:#x} is not UTF-8, in which {_EXPECTED} is written; "
            "the publisher changed the encoding"
        ) from error
    records = csv.reader(io.StringIO(whole, newline=""), strict=True)
    begins = 1
    try:
        for record in records:
            if record:
                yield begins, record
            begins = records.line_num + 1
    except csv.Error as error:
        raise PublisherError(f"line {begins}: is not CSV: {error}; the file may have been cut off") from error


def _lines(text: bytes, count: int) -> Lines:
    """The physical line on which each of the `count` records begins, from 1; the header is not among them."""
    plain = b'"' not in text and b"\r" not in text
    if plain and text.count(b"\n") + (not text.endswith(b"\n")) == count + 1:
        return np.arange(2, count + 2)  # no line is blank, and none is the second of a record
    quick = _lines_by_quotes(text, count)
    if quick is not None:
        return quick
    found = [line for line, _ in _records(text)]
    if len(found) != count + 1:
        raise PublisherError(
            f"{len(found) - 1} or {count} records, depending on how the quotes are read; a quote stands within "
            "a field, or after it"
        )
    return np.array(found[1:], dtype=np.int64)


def _lines_by_quotes(text: bytes, count: int) -> Lines | None:
    """Lines from the places of line breaks and quotes; None where that does not give `count` records."""
    returns = text.count(b"\r")
    if returns and text.count(b"\r\n") != returns:
        return None  # a lone carriage return breaks lines too
    raw = np.frombuffer(text, dtype=np.uint8)
    breaks = np.flatnonzero(raw == ord("\n"))
    if not len(breaks) or breaks[-1] != len(raw) - 1:
        breaks = np.append(breaks, len(raw))
    starts = np.concatenate([[0], breaks[:-1] + 1])
    blank = breaks - starts == (1 if returns else 0)
    begins = ~blank
    if b'"' in text:
        quotes = np.flatnonzero(raw == ord('"'))
        begins = ~blank & (np.searchsorted(quotes, starts) % 2 == 0)
    lines = np.flatnonzero(begins) + 1
    return lines[1:] if len(lines) == count + 1 else None


def _coded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    unified = pa.chunked_array(column.chunks, column.type).unify_dictionaries()
    return _one(unified) if unified.num_chunks else pa.array([], cells.CODED)


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _refuse_actions(actions: pa.DictionaryArray, lines: Lines) -> None:
    codes = actions.dictionary.to_pylist()
    indices = actions.indices.to_numpy(zero_copy_only=False)
    for index, code in enumerate(codes):
        if code not in _ACTIONS:
            line = lines[np.flatnonzero(indices == index)[0]]
            if code == "D":
                raise DriftError(
                    f"line {line} column ACTION: D deletes; deletions are not supported by this reader, "
                    "ask for the whole slice instead"
                )
            raise DriftError(f"line {line} column ACTION: found {code!r}, expected one of I, A, R, M")


def _iso(stamp: str) -> str | None:
    """Eurostat's `dd/mm/yy hh:mm:ss` as ISO 8601; None for anything else."""
    try:
        return dt.datetime.strptime(stamp, "%d/%m/%y %H:%M:%S").isoformat()
    except ValueError:
        return None
