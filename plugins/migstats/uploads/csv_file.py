"""Delimited text of officials (.csv, .txt, .tsv) as cells: encodings as declared, delimiter by what is consistent."""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from migstats.errors import DeclarationError
from migstats.uploads.finding import Finding, RefusedFileError
from migstats.uploads.gathered import Budget, SheetCells
from migstats.uploads.grid import Grid
from migstats.uploads.limits import Limits

SHEET: Final = "csv"
#: In the order in which they are believed where two explain a file equally well: a comma is in texts and figures, too.
_DELIMITERS: Final = (";", "\t", "|", ",")
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
#: Letters of no text: unassigned, private use, half of a pair.
_NO_TEXT: Final = frozenset({"Cn", "Co", "Cs"})
_SEPARATOR: Final = re.compile(r"sep=([;,\t|])[;,\t|]*(\r\n|\r|\n|$)", re.IGNORECASE)
_TAG: Final = re.compile(r"#[A-Za-z][\w]*(\s*\+\s*[A-Za-z][\w]*)*\s*")
#: Begins a row: the header of a column of numbers, and errors of Excel.
_NO_REMARK: Final = re.compile(r"#(N/A|REF!|DIV/0!|VALUE!|NAME\?|NUM!|NULL!)?")
#: Records by which the delimiter is told; a longer file goes on as it began.
_LOOKED_AT: Final = 2_000
_DOS_END: Final = "\x1a"

Record = list[str]


def read(content: bytes, encodings: Sequence[str], limits: Limits) -> Grid:
    """The text as one sheet called `csv`; rows count records as a spreadsheet program shows them, blank ones included.

    `encodings` are those of the country, in its order: the first in which the whole file is text is taken. A byte
    order mark says the encoding itself. A line of remarks (`# ...`) is one cell, a row of HXL tags is a row.
    RefusedFileError: encoding; bad_byte (row: the line of the text) where only one encoding is declared; one_column,
    broken_quotes, long_field, far_cell, too_many_cells, empty_file. DeclarationError: an encoding that is none.
    """
    text = decoded(content, encodings).removesuffix(_DOS_END)
    separator = _SEPARATOR.match(text)
    if separator:
        text = text[separator.end() :]
    if not text.strip():
        raise RefusedFileError(Finding("empty_file"))
    delimiter = separator[1] if separator else _delimiter(text)
    sheet = SheetCells(SHEET, Budget(limits))
    width, wrapped = _shape(text, delimiter)
    for row, record in enumerate(_records(text, delimiter), start=1):
        sheet.budget.write(len(record))
        for column, field in enumerate(_fields(record, delimiter, width, wrapped), start=1):
            if field:
                cell = sheet.budget.text(field)
                if cell is not None:
                    sheet.put(row, column, cell)
    if not sheet.cells:
        raise RefusedFileError(Finding("empty_file"))
    return Grid("csv", (sheet.done(),))


# --- characters ---


def decoded(content: bytes, encodings: Sequence[str]) -> str:
    """The file as text, by its byte order mark or the first declared encoding in which all of it is text."""
    if not encodings:
        raise DeclarationError("no encoding is declared for this country: `encodings` in countries.yaml")
    tried = list(encodings)
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            content, tried = content[len(mark) :], [encoding]
            break
    first: UnicodeDecodeError | None = None
    for encoding in tried:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError as error:
            first = first or error
            continue
        except LookupError:
            raise DeclarationError(f"{encoding!r} is no encoding; see `encodings` in countries.yaml") from None
        if is_text(text):
            return text
    if len(tried) == 1 and first is not None:
        at = content[first.start : first.start + 1]
        raise RefusedFileError(
            Finding("bad_byte", row=_line(content, first), seen=f"0x{at.hex().upper()}", words={"encoding": tried[0]})
        )
    raise RefusedFileError(Finding("encoding", words={"tried": ", ".join(tried)}))


def is_text(text: str) -> bool:
    """Whether these are characters that people write: none of control (but tabs and line ends), none unassigned."""
    body = text.removesuffix(_DOS_END)
    if _CONTROL.search(body):
        return False
    return body.isascii() or not any(unicodedata.category(one) in _NO_TEXT for one in set(body))


def _line(content: bytes, error: UnicodeDecodeError) -> int:
    before = content[: error.start].decode(error.encoding, "replace")
    return len(re.findall(r"\r\n|\r|\n", before)) + 1


# --- records ---


def _records(text: str, delimiter: str) -> Iterator[Record]:
    """Records with blank ones, and remarks as one field. RefusedFileError: broken_quotes, long_field."""
    lines = io.StringIO(text, newline="")
    found = csv.reader(_remarks_quoted(lines, delimiter), delimiter=delimiter, strict=True)
    number = 0
    try:
        for record in found:
            number += 1
            yield record
    except csv.Error as error:
        code = "long_field" if "limit" in str(error) else "broken_quotes"
        raise RefusedFileError(Finding(code, SHEET, number + 1)) from error


def _remarks_quoted(lines: io.StringIO, delimiter: str) -> Iterator[str]:
    """The lines; one that begins with `#`, is no row of HXL tags and stands outside of quotes becomes one field."""
    within = False
    for line in lines:
        if not within and line.startswith("#"):
            fields = [field.strip().strip('"') for field in line.rstrip("\r\n").split(delimiter)]
            tags = [field for field in fields if field]
            if not all(_TAG.fullmatch(tag) for tag in tags) and not _NO_REMARK.fullmatch(fields[0]):
                body = line.rstrip("\r\n")
                yield '"' + body.replace('"', '""') + '"' + line[len(body) :]
                continue
        if '"' in line:
            within ^= line.count('"') % 2 == 1
        yield line


def _delimiter(text: str) -> str:
    """The one by which most records have the same number of fields. RefusedFileError (one_column): none does."""
    scores: list[tuple[int, str]] = []
    broken: RefusedFileError | None = None
    for delimiter in _DELIMITERS:
        try:
            counts = Counter(_widths(text, delimiter))
        except RefusedFileError as error:
            broken = broken or error
            continue
        total = sum(counts.values())
        best = max((count for width, count in counts.items() if width > 1), default=0)
        if best and (best >= 0.2 * total):
            scores.append((best, delimiter))
    if scores:
        most = max(score for score, _ in scores)
        return next(delimiter for score, delimiter in scores if score == most)
    if broken is not None:
        raise broken
    raise RefusedFileError(Finding("one_column", SHEET, seen=text.lstrip().splitlines()[0][:200]))


def _widths(text: str, delimiter: str) -> Iterator[int]:
    """Fields of each of the first records that are not blank, whole-line quotes undone."""
    looked_at = 0
    for record in _records(text, delimiter):
        if len(record) == 1 and record[0].startswith("#"):
            continue
        if any(field.strip() for field in record):
            yield len(_unwrapped(record, delimiter) or record)
            looked_at += 1
        if looked_at >= _LOOKED_AT:
            return


def _shape(text: str, delimiter: str) -> tuple[int, bool]:
    """The usual number of fields, and whether most records are lines that are quoted as a whole."""
    widths: Counter[int] = Counter()
    wrapped = total = 0
    for record in _records(text, delimiter):
        if any(field.strip() for field in record):
            inner = _unwrapped(record, delimiter)
            wrapped += inner is not None
            total += 1
            widths[len(inner or record)] += 1
        if total >= _LOOKED_AT:
            break
    width = max(widths, key=lambda one: (widths[one], one), default=1)
    return width, 2 * wrapped > total


def _unwrapped(record: Record, delimiter: str) -> Record | None:
    """The fields within a line that is quoted as a whole, as Excel does to lines that it did not split; else None."""
    if len(record) != 1 or delimiter not in record[0] or record[0].startswith("#"):
        return None
    try:
        inner = next(csv.reader([record[0]], delimiter=delimiter, strict=True), None)
    except csv.Error:
        return None
    return inner if inner and len(inner) > 1 else None


def _fields(record: Record, delimiter: str, width: int, wrapped: bool) -> Record:
    """The fields of a record; a title that is quoted because it has a delimiter in it stays one field."""
    inner = _unwrapped(record, delimiter)
    return inner if inner is not None and (wrapped or (len(inner) == width and width > 2)) else record
