"""Reader of plain delimited text (CSV, TSV) as publishers write it, long or wide; its quirks are declared."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.layout import DelimitedLayout
from migstats.readers import Envelope, Explained, TextTable, aggregate, answer, cells, csv_text, packed

_EXPECTED: Final = "delimited text"
_MEASURE: Final = "measure"
_DELIMITERS: Final = ",;\t|"
_TAG: Final = r"\s*#[A-Za-z].*"
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

#: How much of a text whose records are made into figures is in memory at a time.
BLOCK: Final = 1 << 24

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Header:
    """The header of a table: for each field its text, and the name of its column; "" where it has neither."""

    line: int
    texts: list[str]
    names: list[str]
    #: Bytes and lines from the beginning of the text to the first record below it.
    end: int
    next_line: int


@dataclass(frozen=True)
class _Text:
    """A payload cut into its parts: the header, the records below it, and what stands beside the table."""

    header: _Header
    records: bytes
    first: int  # line on which the records begin
    beside: tuple[Explained, ...]
    updated: str | None


def inspect(payload: bytes, layout: DelimitedLayout) -> Envelope:
    """The stamp above the header, where one is declared; delimited text has no pages.

    TryAgainError: a web page, no text at all, or `ends_before` is not there. PublisherError: an error body, a byte that
    is not of the encoding, or no record. DriftError: a declared header is missing or stands twice, another delimiter
    or encoding, a row of HXL tags that is there against what is declared.
    """
    if layout.aggregate is not None:
        for _ in _parts(payload, layout):
            pass  # to the end: what was cut off is told there
        return Envelope()
    return Envelope(updated=_open(payload, layout).updated)


def read(payload: bytes, layout: DelimitedLayout) -> TextTable:
    """One row per record and column of figures, column after column; `_value` is null where the cell is empty.

    Columns keep their header texts, or have the names that `columns` gives them. Records without any text are counted
    as `blank`, figures of `others` and below the table as `outside_tables`, numbers above it as `header_or_note`.
    DriftError where figures stand under a header that is not declared or empty, or a row of HXL tags among the records.

    With `aggregate` one row per group of records and figure, as `aggregate.table` says; what stands in other columns is
    not looked at, and memory does not grow with the number of records.
    """
    if layout.aggregate is not None:
        return aggregate.table(partial(_blocks, payload, layout), _of_records(payload, layout), Envelope())
    text = _open(payload, layout)
    header = text.header
    figures = [at for at, name in enumerate(header.names) if _is_figure(name, header.texts[at], layout)]
    left = [at for at, name in enumerate(header.names) if name in layout.others]
    names = [str(at) for at in range(len(header.names))]
    others = [at for at in range(len(names)) if at not in figures and at not in left]
    table = csv_text.table(
        text.records, [names[at] for at in (*others, *figures)], _dialect(layout), names=names, first=text.first
    )
    lines = csv_text.lines(text.records, table.num_rows, _dialect(layout), text.first)
    coded = csv_text.coded(table, {at: names[at] for at in others})
    if layout.apostrophes:
        coded = {at: csv_text.without_apostrophes(column) for at, column in coded.items()}
    values = [csv_text.without_empty(table[names[at]]) for at in figures]

    _refuse_tags([*coded.values(), *values], lines)
    _refuse_header_again(coded | dict(zip(figures, values, strict=True)), header, figures, lines)
    _refuse_headless({at: column for at, column in coded.items() if not header.names[at]}, lines)
    if layout.columns:
        unheard = {at: column for at, column in coded.items() if header.names[at] not in layout.told}
        _refuse_unheard(unheard, header, lines)

    explained = [
        *text.beside,
        *(Explained("outside_tables", len(lines), f"line {lines[0]} column {header.texts[at]}") for at in left),
    ]
    blank = _blank([*values, *coded.values()], len(lines))
    if blank.any():
        example = f"line {lines[blank][0]} column {header.texts[figures[0]]}"
        explained.append(Explained("blank", int(blank.sum()) * len(figures), example))
        keep = pa.array(~blank)
        coded = {at: column.filter(keep) for at, column in coded.items()}
        values, lines = [column.filter(keep) for column in values], lines[~blank]
        if not len(lines):
            raise PublisherError("all records are empty; no rows are not zero rows")
    columns = {header.names[at]: column for at, column in coded.items() if header.names[at]}
    across = _across([header.names[at] for at in figures], [header.texts[at] for at in figures], layout)
    labels = {code: label for code, label in layout.labels.items() if code in columns and label in columns}
    return cells.melted_table(
        columns,
        values,
        across,
        [f"line {{}} column {header.texts[at]}" for at in figures],
        lines,
        explained=explained,
        envelope=Envelope(updated=text.updated),
        dimensions=cells.dimensions(columns, layout.attributes, layout.labels, across),
        labels={code: cells.labels_of(columns[code], columns[label]) for code, label in labels.items()},
    )


def locate(payload: bytes, place: str, layout: DelimitedLayout) -> str | None:
    """The figure at a place such as `line 17 column 2020`, as `read` gives it; None where it is empty.

    PublisherError where no record begins on that line.
    """
    if layout.aggregate is not None:
        of = _of_records(payload, layout)
        if aggregate.is_group(of, place):
            return aggregate.locate(partial(_blocks, payload, layout), of, place)
        return _cell_of_records(payload, layout, place)
    text = _open(payload, layout)
    return csv_text.cell(csv_text.records(text.records, _dialect(layout), text.first), text.header.texts, place)


def records_of(payload: bytes, place: str, layout: DelimitedLayout) -> str | None:
    """Of which records a figure is made; None for what stands in a cell. PublisherError where the place is none."""
    of = _of_records(payload, layout)
    return aggregate.records(partial(_blocks, payload, layout), of, place) if aggregate.is_group(of, place) else None


def header_of(text: bytes, layout: DelimitedLayout) -> tuple[int, list[str]]:
    """The line of the header, and its texts; DriftError says what is missing, and what is new."""
    header, _ = _header(csv_text.start_of(text, _EXPECTED), layout)
    return header.line, header.texts


def _dialect(layout: DelimitedLayout) -> csv_text.Dialect:
    return csv_text.Dialect(_EXPECTED, layout.delimiter, layout.quoted)


# -- figures made from records ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """Some records of a text, the header above all of them, and the line of the first one."""

    header: _Header
    records: bytes
    first: int


def _parts(payload: bytes, layout: DelimitedLayout) -> Iterator[_Part]:
    """A text in parts of whole records, as little of it in memory as can be."""
    dialect = _dialect(layout)
    found = csv_text.blocks(_transcoded(packed.pieces(payload, layout), layout), dialect, BLOCK)
    start = answer.body(next(found, b""), _EXPECTED)
    header, above = _header(csv_text.start_of(start, _EXPECTED), layout)
    first, end = _first_record(start, header, layout)
    if above:
        raise DriftError(
            f"line {header.line}: the header stands there, and {', '.join(above[0][1])[:80]!r} above it; "
            "figures are made from records of files that begin with their header"
        )
    any_record = False
    for records in itertools.chain([start[end:]], found):
        if records and not records.isspace():
            any_record = True
            yield _Part(header, records, first)
        first += records.count(b"\n")
    if not any_record:
        raise PublisherError(f"line {first}: the header is followed by no record; no rows are not zero rows")


def _blocks(payload: bytes, layout: DelimitedLayout) -> Iterator[aggregate.Block]:
    """The records that are to be made into figures."""
    assert layout.aggregate is not None
    dialect, wanted = _dialect(layout), (*layout.aggregate.columns, *layout.figures)
    for part in _parts(payload, layout):
        names = [str(at) for at in range(len(part.header.names))]
        at = {name: str(part.header.names.index(name)) for name in wanted if name in part.header.names}
        table = csv_text.table(part.records, list(at.values()), dialect, names=names, first=part.first)
        lines = csv_text.lines(part.records, table.num_rows, dialect, part.first)
        columns = csv_text.coded(table, {name: at[name] for name in layout.aggregate.columns if name in at})
        figures = [csv_text.without_empty(table[at[name]]) for name in layout.figures]
        yield aggregate.Block(columns, figures, lines, _nothing(part, [*figures, *columns.values()], lines, layout))


def _nothing(part: _Part, columns: Sequence[Any], lines: csv_text.Lines, layout: DelimitedLayout) -> Mask:
    """Records without any text: those of which no column that we read says something, if no other does either."""
    blank = _blank(columns, len(lines))
    if blank.any():
        texts = part.records.split(b"\n")
        marks = (layout.delimiter + '" \t\r').encode()
        blank[blank] = [not texts[line - part.first].strip(marks) for line in lines[blank]]
    return blank


def _of_records(payload: bytes, layout: DelimitedLayout) -> aggregate.Records:
    assert layout.aggregate is not None
    header = next(_parts(payload, layout)).header
    texts = dict(zip(header.names, header.texts, strict=True))
    return aggregate.Records(
        layout.aggregate, layout.figures, "line {}", lambda name: f"line {{}} column {texts.get(name, name)}"
    )


def _cell_of_records(payload: bytes, layout: DelimitedLayout, place: str) -> str | None:
    """One cell of one record; the parts before it are not taken apart."""
    dialect = _dialect(layout)
    line = int(match[1]) if (match := re.match(r"line ([0-9]+) column ", place)) else 0
    for part in _parts(payload, layout):
        if part.first <= line < part.first + part.records.count(b"\n") + 1:
            found = csv_text.records(part.records, dialect, part.first)
            return csv_text.cell(found, part.header.texts, place)
    raise PublisherError(f"the payload has no place {place}")


def _transcoded(pieces: Iterable[bytes], layout: DelimitedLayout) -> Iterator[bytes]:
    """Pieces of a text as UTF-8; errors as `_decoded` tells them."""
    if codecs.lookup(layout.encoding).name in ("utf-8", "utf-8-sig"):
        first = True
        for piece in pieces:
            if first and piece.startswith(_UTF16):
                raise DriftError("line 1: the text begins with the mark of UTF-16; declare `encoding: utf-16`")
            first = False
            yield piece
        return
    decoder = codecs.getincrementaldecoder(layout.encoding)()
    other: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")()
    line, ascii_only = 1, True
    for piece in itertools.chain(pieces, [b""]):
        ascii_only = ascii_only and piece.isascii()
        try:
            if other is not None:
                other.decode(piece, final=not piece)
        except UnicodeDecodeError:
            other = None
        try:
            text = decoder.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise PublisherError(
                f"line {line} or one of the next: byte {error.object[error.start]:#x} is not {layout.encoding}, as "
                f"`encoding` says ({error.reason}); the publisher changed the encoding"
            ) from error
        line += piece.count(b"\n")
        yield text.removeprefix("\ufeff").encode()
    if other is not None and not ascii_only:
        raise DriftError(
            f"the text is UTF-8 from its first byte to its last, `encoding` says {layout.encoding}: the publisher "
            "changed the encoding; declare `encoding: utf-8`"
        )


# -- the parts of a text ----------------------------------------------------------------------------------------


def _open(payload: bytes, layout: DelimitedLayout) -> _Text:
    whole = _decoded(payload, layout)
    dialect = _dialect(layout)
    csv_text.start_of(whole, _EXPECTED)
    text, remarks = _without_comments(whole, layout)
    header, above = _header(csv_text.start_of(text, _EXPECTED), layout)
    first, end = _first_record(text, header, layout)
    records, below = _without_footer(text[end:], layout)
    if re.search(rb"\S", records) is None:
        raise PublisherError(f"line {first}: the header is followed by no record; no rows are not zero rows")
    counted = [
        _numbers("header_or_note", [*((line, fields) for line, fields in above), *remarks]),
        _numbers("outside_tables", _lines_below(below, records, first, dialect)),
    ]
    return _Text(header, records, first, tuple(filter(None, counted)), _updated(above, layout))


def _first_record(text: bytes, header: _Header, layout: DelimitedLayout) -> tuple[int, int]:
    """The line of the first record below the header, and the tags where there are some; and where it begins."""
    first, end = header.next_line, header.end
    tags = next(_beginnings(text[end : end + (1 << 18)], _dialect(layout)), None)
    if (tags is not None and _is_tags(tags.fields)) != layout.hxl:
        raise DriftError(
            f"line {first}: a row of HXL tags is {'' if layout.hxl else 'not '}expected below the header, found "
            f"{', '.join(tags.fields)[:80] if tags else 'nothing'!r}; `hxl` says whether the publisher writes one"
        )
    if layout.hxl and tags is not None:
        first, end = first + tags.lines, end + tags.end
    return first, end


def _decoded(payload: bytes, layout: DelimitedLayout) -> bytes:
    """The text as UTF-8, without byte order mark."""
    plain = answer.body(payload, _EXPECTED)
    if codecs.lookup(layout.encoding).name in ("utf-8", "utf-8-sig"):
        if plain.startswith(_UTF16):
            raise DriftError("line 1: the text begins with the mark of UTF-16; declare `encoding: utf-16`")
        return plain
    if answer.is_utf8(payload):
        raise DriftError(
            f"the text is UTF-8 from its first byte to its last, `encoding` says {layout.encoding}: the publisher "
            "changed the encoding; declare `encoding: utf-8`"
        )
    try:
        return payload.decode(layout.encoding).removeprefix("\ufeff").encode()
    except UnicodeDecodeError as error:
        if error.end >= len(payload) and codecs.lookup(layout.encoding).name.startswith(("utf-16", "utf-32")):
            raise TryAgainError(f"the text ends within a character of {layout.encoding}; it was cut off") from error
        line = payload.count(b"\n", 0, error.start) + 1
        raise PublisherError(
            f"line {line}: byte {payload[error.start]:#x} is not {layout.encoding}, as `encoding` says "
            f"({error.reason}); the publisher changed the encoding"
        ) from error


def _without_comments(text: bytes, layout: DelimitedLayout) -> tuple[bytes, list[tuple[int, list[str]]]]:
    """The text with empty lines in place of those that `comments` declares, so that lines keep their numbers."""
    if layout.comments is None:
        return text, []
    kept, remarks, at, seen, quotes, line = [], [], 0, 0, 0, 1
    for match in re.finditer(rb"(?m)^" + re.escape(layout.comments.encode()) + rb"[^\r\n]*", text):
        before = text[seen : match.start()]
        seen, quotes, line = match.start(), quotes + before.count(b'"'), line + before.count(b"\n")
        if layout.quoted and quotes % 2:
            continue  # the line is a further one of a field
        kept.append(text[at : match.start()])
        at = seen = match.end()
        remark = match[0].decode("utf-8", "replace").removeprefix(layout.comments)
        remarks.append((line, remark.split(layout.delimiter)))
    return b"".join([*kept, text[at:]]), remarks


@dataclass(frozen=True)
class _Beginning:
    """A record near the beginning of a text: its fields, its line, and how much of the text ends with it."""

    fields: list[str]
    line: int
    end: int
    lines: int


def _beginnings(start: bytes, dialect: csv_text.Dialect) -> Iterator[_Beginning]:
    """The records at the beginning of a text, as far as they are CSV."""
    at = 0

    def lines() -> Iterator[str]:
        nonlocal at
        for line in start.splitlines(keepends=True):
            at += len(line)
            yield line.decode("utf-8", "replace")

    found = csv.reader(lines(), **dialect.options)
    begins = 1
    try:
        for fields in found:
            if fields:
                yield _Beginning(fields, begins, at, found.line_num)
            begins = found.line_num + 1
    except csv.Error:
        return


def _header(start: bytes, layout: DelimitedLayout) -> tuple[_Header, list[tuple[int, list[str]]]]:
    """The first record that has all declared header texts, and the records above it."""
    above: list[tuple[int, list[str]]] = []
    possible = _may_have_header(start, layout)
    for record in _beginnings(start, _dialect(layout)):
        if not possible:
            above.append((record.line, record.fields))
            continue
        texts = [" ".join(field.split()) for field in record.fields]
        names = _names(texts, layout)
        if not _lacking(names, texts, layout):
            _refuse_twice(record.line, names)
            return _Header(record.line, texts, names, record.end, record.lines + 1), above
        above.append((record.line, record.fields))
    raise _no_header(start, above, layout)


def _may_have_header(start: bytes, layout: DelimitedLayout) -> bool:
    """Whether the words of each declared header text stand anywhere: quicker than to read every record in vain."""

    def stands(text: str) -> bool:
        return '"' in text or all(word.encode() in start for word in text.split())

    return all(any(map(stands, layout.columns.get(name, (name,)))) for name in layout.there)


def _names(texts: Sequence[str], layout: DelimitedLayout) -> list[str]:
    """Header texts → names of columns."""
    known = {" ".join(text.split()): name for name, declared in layout.columns.items() for text in declared}
    names = [known.get(text, text) if text else "" for text in texts]
    if "" in known and "" in texts:
        names[texts.index("")] = known[""]
    return names


def _lacking(names: Sequence[str], texts: Sequence[str], layout: DelimitedLayout) -> list[str]:
    """What is declared and not among these header texts."""
    lacking = [" or ".join(map(repr, layout.columns.get(name, (name,)))) for name in layout.there if name not in names]
    if layout.across and not any(_is_figure(name, text, layout) for name, text in zip(names, texts, strict=True)):
        lacking.append(f"any that is as {layout.across!r}")
    return lacking


def _no_header(start: bytes, above: list[tuple[int, list[str]]], layout: DelimitedLayout) -> Exception:
    """The error of a text in which no record has all that is declared: what is missing, and what is new."""
    for other in _DELIMITERS if _may_have_header(start, layout) else ():
        if other != layout.delimiter:
            for record in _beginnings(start, csv_text.Dialect(_EXPECTED, other, layout.quoted)):
                texts = [" ".join(field.split()) for field in record.fields]
                if not _lacking(_names(texts, layout), texts, layout):
                    return DriftError(f"line {record.line}: the delimiter is {other!r}, not {layout.delimiter!r}")
    line, texts, names = 1, [""], [""]
    most, widest = -1, 0
    for number, fields in above:
        found = [" ".join(field.split()) for field in fields]
        called = _names(found, layout)
        there = len({*layout.there}.intersection(called))
        if (there, len(fields)) > (most, widest):
            most, widest = there, len(fields)
            line, texts, names = number, found, called
    if len(texts) == 1:
        return TryAgainError(f"line {line}: {_EXPECTED} was expected, the answer begins with {texts[0][:60]!r}")
    new = [text for name, text in zip(names, texts, strict=True) if text and name not in layout.told]
    return DriftError(
        f"line {line}: the header lacks what is declared: {'; '.join(_lacking(names, texts, layout))}; "
        f"not declared are {', '.join(map(repr, new[:20])) or 'none'}{' ...' if len(new) > 20 else ''}; "
        "where a column was renamed, add its text to `columns`"
    )


def _refuse_twice(line: int, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DriftError(f"line {line}: the header has {', '.join(map(repr, twice))} twice; which is meant is not said")


def _without_footer(text: bytes, layout: DelimitedLayout) -> tuple[bytes, bytes]:
    """The records, and what stands below the table from the line that `ends_before` declares."""
    if layout.ends_before is None:
        return text, b""
    whole = text.decode("utf-8", "replace")
    at = quotes = 0
    for match in re.finditer(rf"(?m)^(?:{layout.ends_before})", whole):
        quotes += whole.count('"', at, match.start()) if layout.quoted else 0
        at = match.start()
        if quotes % 2 == 0:
            end = len(whole[:at].encode())
            return text[:end], text[end:]
    raise TryAgainError(
        f"no line below the table begins as `ends_before` says ({layout.ends_before!r}): the file may have been cut "
        "off; if it stays so, the publisher leaves that line out today"
    )


def _lines_below(
    below: bytes, records: bytes, first: int, dialect: csv_text.Dialect
) -> Iterator[tuple[int, list[str]]]:
    if below:
        line = first + records.count(b"\n")
        rows = csv.reader(io.StringIO(below.decode("utf-8", "replace"), newline=""), **dialect.options)
        yield from ((line + rows.line_num - 1, fields) for fields in rows)


def _numbers(reason: str, rows: Any) -> Explained | None:
    """How many cells beside the table are numbers."""
    found = [line for line, fields in rows for field in fields if cells.is_number(field)]
    return Explained(reason, len(found), f"line {found[0]}") if found else None


def _updated(above: list[tuple[int, list[str]]], layout: DelimitedLayout) -> str | None:
    if layout.updated is None:
        return None
    for _, fields in above:
        if layout.updated in fields[:-1]:
            return cells.stamp(fields[fields.index(layout.updated) + 1], f"`updated` ({layout.updated})")
    raise DriftError(
        f"no cell above the header is {layout.updated!r}, as `updated` says; see where the stamp stands today"
    )


# -- which columns are what -------------------------------------------------------------------------------------


def _is_figure(name: str, text: str, layout: DelimitedLayout) -> bool:
    if layout.across is None:
        return name in layout.figures
    return bool(text) and name not in layout.told and re.fullmatch(layout.across, text) is not None


def _across(names: list[str], texts: list[str], layout: DelimitedLayout) -> dict[str, list[str]]:
    """What the columns of figures are of: the groups of `across`, or the measure where there are several."""
    if layout.across is None:
        return {_MEASURE: names} if len(names) > 1 else {}
    pattern = re.compile(layout.across)
    said = [match.groupdict(default="") for match in map(pattern.fullmatch, texts) if match]
    for at, meaning in enumerate(said):
        if meaning in said[:at]:
            raise DriftError(
                f"the headers {texts[said.index(meaning)]!r} and {texts[at]!r} both mean {meaning}; which of them "
                "is to be taken is not said: narrow `across`, and put the other one into `others`"
            )
    return {group: [meaning[group] for meaning in said] for group in pattern.groupindex}


# -- what is refused --------------------------------------------------------------------------------------------


def _is_tags(fields: Sequence[str]) -> bool:
    said = [field for field in fields if field.strip()]
    return bool(said) and all(re.fullmatch(_TAG, field) for field in said)


def _refuse_tags(columns: Sequence[Any], lines: csv_text.Lines) -> None:
    """HXL tags stand directly below the header; a row of them elsewhere is the seam of two files."""
    every = np.ones(len(lines), dtype=bool)
    for column in columns:
        tags = cells.fitting(column, _TAG)
        every &= _empty(column) if tags is None else tags | _empty(column)
        if not every.any():
            return
    every &= ~_blank(columns, len(lines))
    if every.any():
        raise DriftError(
            f"line {lines[every][0]}: a row of HXL tags stands among the records; the file may be two in one"
        )


def _refuse_header_again(
    columns: dict[int, Any], header: _Header, figures: Sequence[int], lines: csv_text.Lines
) -> None:
    """The header below records is the seam of two tables; a figure 1960 in the column 1960 is none."""
    texts = {at: header.texts[at] for at in figures}
    if all(map(cells.is_number, texts.values())):
        texts |= {at: text for at, text in enumerate(header.texts) if text and at in columns}
    again: Mask = np.ones(len(lines), dtype=bool)
    for at, text in texts.items():
        same = cells.fitting(columns[at], re.escape(text))
        if same is None:
            return
        again &= same
    if again.any():
        raise DriftError(
            f"line {lines[again][0]}: the header stands among the records once more; the file may be several tables in "
            "one: `ends_before` says where the first one ends"
        )


def _refuse_headless(columns: dict[int, pa.DictionaryArray], lines: csv_text.Lines) -> None:
    for at, column in columns.items():
        said = ~_empty(column)
        if said.any():
            row = int(np.flatnonzero(said)[0])
            raise DriftError(
                f"line {lines[row]}: {column[row].as_py()[:60]!r} stands in field {at + 1}, which has no header; "
                "see whether the publisher shifted the records; the first such column can be declared in `columns` "
                "with an empty text"
            )


def _refuse_unheard(columns: dict[int, pa.DictionaryArray], header: _Header, lines: csv_text.Lines) -> None:
    """Numbers below a header that nobody declared are figures of a category that came new."""
    found = []
    for at, column in columns.items():
        numbers = cells.fitting(column, cells.NUMBER)
        if header.names[at] and numbers is not None:
            row = int(np.flatnonzero(numbers)[0])
            found.append(f"{header.texts[at]!r} (line {lines[row]}: {column[row].as_py()})")
    if found:
        raise DriftError(
            f"line {header.line}: numbers stand below headers that are not declared: {', '.join(found[:20])}; "
            "add each to `figures`, `others`, `columns` or `attributes`"
        )


def _blank(columns: Sequence[Any], count: int) -> Mask:
    """Records in which all cells are empty; figures come first, since they mostly are not."""
    blank: Mask = np.ones(count, dtype=bool)
    for column in columns:
        blank &= _empty(column)
        if not blank.any():
            break
    return blank


def _empty(column: Any) -> Mask:
    """Where a column of texts, coded or not, is empty."""
    if isinstance(column, pa.DictionaryArray):
        at = pc.index_in(pa.scalar(""), column.dictionary).as_py()
        codes = column.indices.to_numpy(zero_copy_only=False)
        return np.zeros(len(codes), dtype=bool) if at is None else codes == at
    null: Mask = column.is_null().to_numpy(zero_copy_only=False)
    return null
