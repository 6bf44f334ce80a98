"""Delimited text (RFC 4180): its records as a table, the lines on which they begin, and what is wrong with it.

A quote that went missing joins records, and no field is too many or too few. So each quote has to stand where RFC 4180
has one. A quote within an unquoted field, as in `5" pipe`, is a character: such a field ends with its line.

A last record without a line end, which has all its fields, may have been cut within its figure (48 of 480), and nothing
tells. Good files end so too, behind a figure (KNOMAD's matrix of 2018 as CSV) or a text (IOM's Missing Migrants): it is
no reason to refuse one. What was cut on its way does not land: an answer has to say where it ends (`readers.closes`).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from migstats.errors import PublisherError, TryAgainError
from migstats.readers import answer, cells

#: Small enough for the blocks of a file to be read side by side.
_BLOCK: Final = 1 << 21
_START: Final = 1 << 18
#: An apostrophe before the beginning of a formula; if one stood there already, before that.
_APOSTROPHE: Final = re.compile("'+[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
#: What to do about a quote that is not where it should be.
_LOST: Final = "a quote is missing there, or one within a field is not doubled: have the publisher write the file anew"
_PLACE: Final = re.compile(r"line (\d+) column (.+)", re.DOTALL)

#: So many delimiters in each line of a record are no chance.
_WIDE: Final = 3

Lines = npt.NDArray[np.int64]
_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Dialect:
    """How fields are told apart. `expected` names the format, for messages."""

    expected: str
    delimiter: str = ","
    quoted: bool = True

    @property
    def options(self) -> dict[str, Any]:
        """The same for the csv module."""
        return {"delimiter": self.delimiter, "quoting": csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE}

    def quotes(self, text: bytes) -> bool:
        """Whether a quote in this text may hold delimiters and line breaks."""
        return self.quoted and b'"' in text


def start_of(text: bytes, expected: str) -> bytes:
    """The first part of a text, in which a header stands; TryAgainError where it is JSON, or no text at all."""
    start = text[:_START]
    if start.lstrip()[:1] in (b"{", b"["):
        answer.json_document(text, expected)
        raise TryAgainError(f"the answer is JSON, {expected} was expected: {answer.short(start)!r}")
    if b"\0" in start[:4096]:
        raise TryAgainError(f"the answer is not text, {expected} was expected: {answer.short(start)!r}")
    return start


def table(
    text: bytes,
    columns: Sequence[str],
    dialect: Dialect,
    *,
    names: Sequence[str] | None = None,
    first: int = 1,
) -> pa.Table:
    """These columns as text; `names` are those of all fields where the text has no header itself.

    PublisherError names the line (`first` is the number of the first one) with a field too many or too few.
    """
    try:
        return pa_csv.read_csv(
            pa.BufferReader(text),
            read_options=pa_csv.ReadOptions(block_size=_BLOCK, column_names=names),
            parse_options=pa_csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char='"' if dialect.quoted else False,
                newlines_in_values=dialect.quotes(text),
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                include_columns=None if names is None else list(columns),
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        _diagnose(text, len(columns if names is None else names), dialect, first)
        raise PublisherError(f"the answer is no {dialect.expected} that we can read: {error}") from error


def _diagnose(text: bytes, width: int, dialect: Dialect, first: int) -> None:
    """Raise the error of the first line that is not as it has to be; return where there is none."""
    ends = text.endswith((b"\n", b"\r"))
    found = records(text, dialect, first)
    for line, record in found:
        if len(record) != width:
            cut = not ends and len(record) < width and next(found, None) is None
            mark = "comma" if dialect.delimiter == "," else repr(dialect.delimiter)
            raise (TryAgainError if cut else PublisherError)(
                f"line {line}: {len(record)} fields, {width} expected; "
                + ("the file was cut off there" if cut else f"a {mark} stands unquoted in a field, or a field is gone")
            )


def blocks(pieces: Iterable[bytes], dialect: Dialect, size: int = _BLOCK) -> Iterator[bytes]:
    """A text that comes in pieces as blocks of whole records, about `size` bytes each.

    PublisherError where no record ends within sixteen times as much: a quote opens there and is not closed.
    """
    held: list[bytes] = []
    length, enough = 0, size
    for piece in pieces:
        held.append(piece)
        length += len(piece)
        if length < enough:
            continue
        text = b"".join(held)
        end = _end_of_last_record(text, dialect)
        if end:
            yield text[:end]
            held, length, enough = [text[end:]], len(text) - end, size
        elif length < 16 * size:
            held, enough = [text], 2 * length
        else:
            raise PublisherError(
                f"no record ends within {length} bytes from {answer.short(text)!r} on; a quote that opens there is not "
                "closed, or lines end in another way"
            )
    rest = b"".join(held)
    if rest:
        yield rest


def _end_of_last_record(text: bytes, dialect: Dialect) -> int:
    """Where the last whole record of a text ends: behind a line break outside of quotes; 0 where there is none."""
    if not dialect.quotes(text):
        return text.rfind(b"\n") + 1
    quotes, end = text.count(b'"'), len(text)
    while (at := text.rfind(b"\n", 0, end)) >= 0:
        quotes -= text.count(b'"', at, end)
        if quotes % 2 == 0:
            return at + 1
        end = at
    return 0


def records(text: bytes, dialect: Dialect, first: int = 1) -> Iterator[tuple[int, list[str]]]:
    """The line on which each record begins, and its fields: slow, and exact about lines and errors."""
    ends = text.endswith((b"\n", b"\r"))
    try:
        whole = text.decode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            raise TryAgainError("the text ends within a character; the file was cut off there") from error
        line = text.count(b"\n", 0, error.start) + first
        raise PublisherError(
            f"line {line}: byte {text[error.start]:#x} is not UTF-8, in which {dialect.expected} is written; "
            "the publisher changed the encoding"
        ) from error
    found = csv.reader(io.StringIO(whole, newline=""), strict=True, **dialect.options)
    begins = first
    try:
        for record in found:
            if record:
                yield begins, record
            begins = first + found.line_num
    except csv.Error as error:
        if "expected after" in str(error):
            raise PublisherError(
                f"line {first + found.line_num - 1}: text stands behind a quote that ends a field, in "
                f"the record that begins on line {begins}; {_LOST}"
            ) from error
        cut = not ends and "end of data" in str(error)
        raise (TryAgainError if cut else PublisherError)(
            f"line {begins}: is not CSV: {error}; the file may have been cut off"
        ) from error


def lines(text: bytes, count: int, dialect: Dialect, first: int = 1) -> Lines:
    """The physical line on which each of the `count` records of a text begins; `first` is the number of its first.

    PublisherError names the line with a quote that is not where it should be, or is missing.
    """
    plain = not dialect.quotes(text) and b"\r" not in text
    if plain and _line_ends(text) + (not text.endswith(b"\n")) == count:
        return np.arange(first, first + count)  # no line is blank, and none is the second of a record
    quick = _lines_by_quotes(text, count, dialect, first)
    if quick is not None:
        return quick
    found = [line for line, _ in records(text, dialect, first)]
    if len(found) != count:
        raise PublisherError(
            f"{len(found)} or {count} records, depending on how the quotes are read; a quote stands within "
            "a field, or after it"
        )
    return np.array(found, dtype=np.int64)


def _line_ends(text: bytes) -> int:
    """How many there are, by pieces that stay in the processor's cache: three times as fast as bytes.count."""
    raw = np.frombuffer(text, dtype=np.uint8)
    return sum(int(np.count_nonzero(raw[at : at + _START] == ord("\n"))) for at in range(0, len(raw), _START))


def _lines_by_quotes(text: bytes, count: int, dialect: Dialect, first: int) -> Lines | None:
    """Lines from the places of line breaks and quotes; None where that does not give `count` records."""
    returns = text.count(b"\r")
    if returns and text.count(b"\r\n") != returns:
        return None  # a lone carriage return breaks lines too
    raw = np.frombuffer(text, dtype=np.uint8)
    breaks = np.flatnonzero(raw == ord("\n"))
    if not len(breaks) or breaks[-1] != len(raw) - 1:
        breaks = np.append(breaks, len(raw))
    starts = np.concatenate([[0], breaks[:-1] + 1])
    begins = breaks - starts != (1 if returns else 0)
    if dialect.quotes(text):
        quotes = np.flatnonzero(raw == ord('"'))
        if not _in_place(raw, quotes, dialect):
            return None
        outside = np.searchsorted(quotes, starts) % 2 == 0
        begins &= outside
        if begins.sum() == count and not outside.all():
            _refuse_joined(text, starts, outside, dialect, first)
    found = np.flatnonzero(begins)
    return found + first if len(found) == count else None


def _in_place(raw: npt.NDArray[np.uint8], quotes: Lines, dialect: Dialect) -> bool:
    """Whether all quotes stand at the borders of fields, or are doubled within one.

    Every second one opens a field, and has a border before it; the others close one, and have a border behind them.
    Of a doubled one the first half closes and the second one opens: each is the border of the other.
    """
    border = np.zeros(256, dtype=bool)
    border[list(b'"\r\n' + dialect.delimiter.encode())] = True
    before = raw[np.maximum(quotes[::2] - 1, 0)]
    behind = raw[np.minimum(quotes[1::2] + 1, len(raw) - 1)]
    return len(quotes) % 2 == 0 and bool(border[before].all() and border[behind].all())


def _refuse_joined(text: bytes, starts: Lines, outside: npt.NDArray[np.bool_], dialect: Dialect, first: int) -> None:
    """PublisherError where each line of a record is as wide as a whole one: its quotes are those of two records.

    In prose a blank follows a comma, and a record of few fields may be as wide as a line of prose by chance.
    """
    delimiter = dialect.delimiter.encode()
    marks = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord(delimiter))
    widths = np.diff(np.searchsorted(marks, np.append(starts, len(text))))
    heads = np.flatnonzero(outside)
    least, most = np.minimum.reduceat(widths, heads), np.maximum.reduceat(widths, heads)
    lines_of = np.diff(np.append(heads, len(starts)))
    for at in np.flatnonzero((lines_of > 1) & (least == most) & (least >= _WIDE)):
        begin, end = int(heads[at]), int(heads[at] + lines_of[at])
        record = text[starts[begin] : starts[end] if end < len(starts) else len(text)]
        fields = next(csv.reader(io.StringIO(record.decode("utf-8", "replace"), newline=""), **dialect.options))
        if len(fields) == least[at] + 1 and delimiter + b" " not in record:
            raise PublisherError(
                f"line {first + begin}: a quoted field goes on to line {first + end - 1}, and each of these lines has "
                f"{len(fields)} fields as if it were a record of its own; {_LOST}"
            )


def coded(table: pa.Table, names: Mapping[_Key, str]) -> dict[_Key, pa.DictionaryArray]:
    """The columns of these names, each as codes in one piece."""
    first = np.zeros(table.num_rows, dtype=np.int32)
    with ThreadPoolExecutor(pa.cpu_count()) as threads:
        found = threads.map(lambda name: _coded(table[name], first), names.values())
        return dict(zip(names, found, strict=True))


def _coded(column: pa.ChunkedArray, first: npt.NDArray[np.int32]) -> pa.DictionaryArray:
    """A column as codes; `first` is what all of them are where it has one text throughout, as many of SDMX-CSV have."""
    same = {_same_text(chunk) for chunk in column.chunks}
    if len(same) == 1 and None not in same:
        return cells.indexed(first, list(same))
    return one(column.dictionary_encode()) if column.num_chunks else pa.array([], cells.CODED)


def _same_text(texts: pa.StringArray) -> str | None:
    """The text that all of these are; None where there are several, or none."""
    if not len(texts):
        return None
    _, ends, characters = texts.buffers()
    starts = np.frombuffer(ends, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    length = starts[1] - starts[0]
    if (np.diff(starts) != length).any():
        return None
    if length:
        raw = np.frombuffer(characters, dtype=np.uint8)[starts[0] : starts[-1]]
        if (raw[length:] != raw[:-length]).any():
            return None
    return str(texts[0])


def without_apostrophes(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """A column without the apostrophe that stands before what a spreadsheet would take for a formula."""
    texts = column.dictionary.to_pylist()
    if not any(map(_APOSTROPHE.match, texts)):
        return column
    bare = [text[1:] if _APOSTROPHE.match(text) else text for text in texts]
    return (
        pa.DictionaryArray.from_arrays(column.indices, pa.array(bare, pa.string()))
        .cast(pa.string())
        .dictionary_encode()
    )


def one(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def without_empty(column: pa.ChunkedArray) -> pa.Array:
    """A column of figures in one piece, an empty text as null."""
    texts = one(column)
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def cell(found: Iterator[tuple[int, list[str]]], header: Sequence[str], place: str) -> str | None:
    """The figure at a place such as `line 17 column OBS_VALUE` in these records; None where it is empty.

    PublisherError where no record begins on that line.
    """
    match = _PLACE.fullmatch(place)
    if not match:
        raise PublisherError(f"{place!r} is no place such as `line 17 column OBS_VALUE`")
    for begins, record in found:
        if begins == int(match[1]) and match[2] in header:
            return record[header.index(match[2])] or None
    raise PublisherError(f"the payload has no place {place}")
