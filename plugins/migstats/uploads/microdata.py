"""Records of persons, which nobody may send here: columns of names, birth dates, documents, telephones, e-mails.

A finding names the column by its place. What stands in it is not repeated anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from migstats.names import LANGUAGES, normal
from migstats.uploads.finding import Finding
from migstats.uploads.formats import plain
from migstats.uploads.grid import Cell, Grid
from migstats.uploads.sheet_layout import own_sheets
from migstats.uploads.table import LONGEST, Headers, by_row, normals
from migstats.uploads.vocabulary import vocabulary

Rows = Mapping[int, Mapping[int, Cell]]

#: How far down a header is looked for, and from how many records on a column without a telling header is judged.
_DEEP: Final = 50
_RECORDS: Final = 5
_MANY: Final = 10

#: Kinds of the vocabulary that head columns of persons. What is headed as `person_or_place` has to look like names.
_KINDS: Final = ("person", "person_or_place", "birth", "document", "phone", "email")

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]{2,}")
_PHONE: Final = re.compile(r"(?:\+|00?)[0-9][0-9 ().\-/]{6,18}")
_ANY_PHONE: Final = re.compile(r"\+?[0-9][0-9 ().\-/]{5,18}")
_PASSPORT: Final = re.compile(r"[A-Z]{1,3}[ -]?[0-9]{5,9}[A-Z]?")
_LONG_ID: Final = re.compile(r"[0-9]{9,20}")
_DOCUMENT: Final = re.compile(r"(?=.*[0-9])[A-Z0-9][A-Z0-9 /.\-]{3,24}", re.IGNORECASE)
_NAMELIKE: Final = re.compile(r"[^\W\d_][^\d@]{1,60}")


def microdata(grid: Grid, headers: Headers) -> Finding | None:
    """The first column of a file that is about persons, or None; `about`: person, birth, document, phone, email, id.

    The template's own sheets and the columns of figures of the form are not looked at.
    """
    own = {normal(name, language) for name in own_sheets() for language in LANGUAGES}
    for sheet in grid.sheets:
        if not own.isdisjoint(normals(sheet.name).values()):
            continue
        rows = by_row(sheet)
        for at, column, kind, header in _columns(headers, rows):
            words = {"about": kind} | ({"header": " ".join(header.split())} if header else {})
            return Finding("microdata", sheet.name, at, column, words=words)
    return None


def _columns(headers: Headers, rows: Rows) -> Iterator[tuple[int, int, str, str]]:
    """Header row, column, kind, and the header where it is a word of ours, of what is about persons."""
    if not rows:
        return
    first = list(rows)[:_DEEP]
    for at in first:
        if len(rows[at]) < 2:
            continue
        for column, cell in sorted(rows[at].items()):
            kind = _headed().get(_bare(cell.text), "") if cell.kind == "text" else ""
            if kind and _bears_out(kind, _below(rows, at, column), alone=len(rows[at]) < 3):
                yield at, column, "person" if kind == "person_or_place" else kind, cell.text
    at = max(first, key=lambda row: (sum(cell.kind == "text" for cell in rows[row].values()), -row))
    known = {column for column, cell in rows[at].items() if cell.kind == "text" and _is_known(headers, cell.text)}
    for column in sorted({column for cells in rows.values() for column in cells} - known):
        kind = _by_content([cell for _, cell in _below(rows, at - 1, column)])
        if kind:
            yield at, column, kind, ""
    if not known or not _figures(headers, rows, at):
        yield from ((at, column, "id", "") for column in _unique(rows, at, known))


def _is_known(headers: Headers, text: str) -> bool:
    return bool(headers.column_of(text)[0]) or headers.is_own(text)


def _bare(text: str) -> str:
    return normal(" ".join(text[:LONGEST].split()).rstrip(" :*."), "en")


@cache
def _headed() -> Mapping[str, str]:
    return {_bare(text): kind for kind in _KINDS for text in vocabulary(kind)}


def _below(rows: Rows, at: int, column: int) -> list[tuple[int, Cell]]:
    return [(row, cells[column]) for row, cells in rows.items() if row > at and column in cells]


def _share(cells: Sequence[Cell], fits: Callable[[Cell], object]) -> float:
    return sum(bool(fits(cell)) for cell in cells) / len(cells) if cells else 0.0


def _distinct(cells: Sequence[Cell]) -> float:
    return len({cell.text.strip().casefold() for cell in cells}) / len(cells) if cells else 0.0


def _fits(pattern: re.Pattern[str]) -> Callable[[Cell], object]:
    return lambda cell: pattern.fullmatch(plain(cell.text[:LONGEST]))


def _is_date(cell: Cell) -> bool:
    said = plain(cell.text[:30]).split("T")[0].split(" ")[0]
    return cell.kind == "date" or bool(re.fullmatch(r"[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}", said))


def _bears_out(kind: str, below: Sequence[tuple[int, Cell]], *, alone: bool) -> bool:
    """Whether what stands below a telling header is what it says; a line of contact above a table is none."""
    cells = [cell for _, cell in below]
    if len(cells) < (_RECORDS if alone else 1):
        return False
    if kind == "person":
        return _share(cells, _fits(_NAMELIKE)) > 0.6 and (len(cells) < _RECORDS or _distinct(cells) > 0.3)
    if kind == "person_or_place":
        two = _share(cells, lambda cell: len(cell.text.split()) > 1 and _NAMELIKE.fullmatch(cell.text.strip()))
        return len(cells) >= _RECORDS and two > 0.6 and _distinct(cells) > 0.9
    if kind == "birth":
        return _share(cells, _is_date) > 0.5
    pattern = {"document": _DOCUMENT, "phone": _ANY_PHONE, "email": _EMAIL}[kind]
    return _share(cells, _fits(pattern)) > 0.5


def _by_content(cells: Sequence[Cell]) -> str:
    """What a column under no telling header holds; empty where it may be anything."""
    if sum(bool(_EMAIL.fullmatch(cell.text.strip()[:LONGEST])) for cell in cells) >= 3:
        return "email"
    if len(cells) < _RECORDS or _distinct(cells) < 0.8:
        return ""
    for kind, pattern in (("phone", _PHONE), ("document", _PASSPORT), ("id", _LONG_ID)):
        if _share(cells, _fits(pattern)) > 0.8:
            return kind
    years = {cell.text[:4] for cell in cells if cell.kind == "date"}
    return "birth" if len(cells) >= _MANY and _share(cells, _is_date) > 0.8 and len(years) >= _MANY else ""


def _figures(headers: Headers, rows: Rows, at: int) -> bool:
    """Whether the columns of figures hold any but ones: a record of one person has no other."""
    measures = {
        column
        for column, cell in rows[at].items()
        if headers.column_of(cell.text)[0] in {measure.id for measure in headers.form.measures}
    }
    return any(
        cell.text.strip() not in ("", "1")
        for row, cells in rows.items()
        if row > at
        for column, cell in cells.items()
        if column in measures
    )


def _unique(rows: Rows, at: int, known: set[int]) -> Iterator[int]:
    """Columns that tell every record apart, and are no numbers of lines."""
    records = [row for row in rows if row > at]
    for column in sorted(rows[at].keys() - known):
        cells = [cell for _, cell in _below(rows, at, column)]
        if len(cells) < max(_MANY, len(records)) or _distinct(cells) < 1:
            continue
        numbers = [int(text) for text in (plain(cell.text[:20]) for cell in cells) if text.isascii() and text.isdigit()]
        if len(numbers) == len(cells) and (numbers == list(range(numbers[0], numbers[0] + len(numbers)))):
            continue
        if all(cell.kind == "number" for cell in cells) and len(numbers) < len(cells):
            continue
        if _share(cells, lambda cell: any(letter.isdigit() for letter in cell.text)) > 0.9:
            yield column
