"""What each row below the header of a table is: figures, a total that nobody asked for, a note, nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final, Literal

from migstats.names import LANGUAGES, normal
from migstats.uploads.contract import KeyColumn, Measure
from migstats.uploads.grid import Cell
from migstats.uploads.keys import Keys
from migstats.uploads.table import LONGEST, Table, normals
from migstats.uploads.vocabulary import vocabulary

Kind = Literal["figures", "total", "note", "header", "unfilled", "blank"]

#: A text of this length is no name of anything.
_LONG: Final = 80

_NUMBERED: Final = re.compile(r"\(?([0-9]{1,2})\)?")
_UNSEEN: Final = re.compile(r"[\u00a0\u00ad\u200b-\u200f\u202a-\u202f\u2066-\u2069\ufeff]|^\s|\s$|\s\s|[\r\n]")
_MARK: Final = re.compile(
    r"(\([^\W_]{1,2}\)|\[[^\W_]{1,2}\]|[*\u2020\u2021\u00b9\u00b2\u00b3\u2070-\u209c\u1d43-\u1d6a]+)\s*(.+)"
)


def unseen(text: str) -> bool:
    """Whether a text holds blanks or marks that nobody sees and that were left out to understand it."""
    return bool(_UNSEEN.search(text))


def kind_of_row(
    row: int,
    cells: Mapping[int, Cell],
    table: Table,
    keys: Sequence[tuple[KeyColumn, int]],
    measures: Sequence[tuple[Measure, int]],
    known: Mapping[str, Keys],
    *,
    after_figures: bool,
) -> Kind:
    """What a row of the table is, by what stands in which of its columns."""
    said = [(column, cells[number]) for column, number in keys if number in cells]
    figures = [cells[number] for _, number in measures if number in cells]
    if not said and not figures:
        return "note" if any(number not in table.own for number in cells) else "blank"
    if _is_header(row, cells, table, [number for _, number in (*keys, *measures)]):
        return "header"
    if not figures:
        return "note" if _is_note(said, len(keys), known, after_figures=after_figures) else "unfilled"
    typed = said and all(_begins(cell.text, "total") for _, cell in said)
    if typed and (len(said) < len(keys) or not any(known[column.id].of(cell).found for column, cell in said)):
        return "total"
    return "figures"


def _is_header(row: int, cells: Mapping[int, Cell], table: Table, numbers: Sequence[int]) -> bool:
    """The header once more, a row of HXL tags, or the numbers of the columns below their headers."""
    texts = [cells[number].text.strip() for number in numbers if number in cells]
    first = row == table.header[1] + 1
    if not first and any(cells[number].kind == "number" for number in numbers if number in cells):
        return False
    headers = {number: table.headers[column] for column, number in table.columns.items()}
    again = [
        number for number in numbers if number in cells and normals(cells[number].text) == normals(headers[number])
    ]
    if len(again) > 1 and len(again) == len(texts):
        return True
    if texts and all(text.startswith("#") and text[1:2].isalpha() for text in texts):
        return True
    counted = [match[1] for match in map(_NUMBERED.fullmatch, texts) if match]
    return (
        first
        and len(counted) == len(texts) >= 3
        and [int(text) for text in counted] == list(range(int(counted[0]), int(counted[0]) + len(counted)))
    )


def _is_note(
    said: Sequence[tuple[KeyColumn, Cell]], width: int, known: Mapping[str, Keys], *, after_figures: bool
) -> bool:
    """A row without figures and keys: one text that is no code, or one that is long or begins like a note."""
    if any(_begins(cell.text, "note") or len(cell.text) > _LONG for _, cell in said):
        return True
    if len(said) != 1 or (width == 1 and not after_figures):
        return False
    column, cell = said[0]
    return not known[column.id].of(cell).found


@cache
def _beginnings(kind: str) -> re.Pattern[str]:
    texts = {normal(text, language) for text in vocabulary(kind) for language in LANGUAGES}
    either = "|".join(sorted(map(re.escape, texts), key=len, reverse=True))
    return re.compile(rf"(?:{either})(?:s?\s*[:.\u2014-].*|\s*|\s+(?P<more>\S.*))", re.DOTALL)


def _begins(text: str, kind: str) -> bool:
    match = _beginnings(kind).fullmatch(normal(text[:LONGEST], "en"))
    return match is not None and (kind == "total" or not match["more"])


def notes_below(notes: Sequence[str]) -> dict[str, str]:
    """Mark → text of the note below the table that explains it: `3` → `³ Provisoire`."""
    found: dict[str, str] = {}
    for note in notes:
        match = _MARK.fullmatch(note)
        if match:
            found.setdefault(bare_mark(match[1]), f"{match[1]} {match[2]}")
    return found


def bare_mark(mark: str) -> str:
    """A mark without brackets and whether it is raised: `³`, `(3)` and `3` are one."""
    return unicodedata.normalize("NFKC", mark).strip("()[] ")
