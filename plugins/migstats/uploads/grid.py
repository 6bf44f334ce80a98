"""What an uploaded file holds, whatever its format: sheets of cells, each as it was seen, none interpreted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

#: What a cell is. `number`: the exact decimal text that the file has. `date`: ISO 8601. `error`: `#REF!` and the like.
#: `formula`: a formula whose result the file does not hold.
Kind = Literal["text", "number", "date", "boolean", "error", "formula"]

_LETTERS: Final = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")


@dataclass(frozen=True)
class Cell:
    """One cell that holds something."""

    text: str
    kind: Kind
    #: Raised or lowered characters that stood beside the text (`12³`): they are no part of it.
    raised: str = ""
    #: Of numbers: how the file shows them, such as `0.00%` or `#,##0," k"`.
    shown_as: str = ""
    #: The formula, where the text is its result as the file keeps it.
    formula: str = ""


@dataclass(frozen=True)
class Sheet:
    """One sheet; rows and columns count from 1."""

    name: str
    cells: Mapping[tuple[int, int], Cell]
    hidden: bool = False
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    #: top, left, bottom, right; the cell at the top left has the text.
    merged: tuple[tuple[int, int, int, int], ...] = ()


@dataclass(frozen=True)
class Grid:
    """A file as sheets. `properties` are the custom properties of the document (form, country, year, version ...)."""

    kind: Literal["xlsx", "ods", "csv"]
    sheets: tuple[Sheet, ...]
    properties: Mapping[str, str] = field(default_factory=dict)


def letters(column: int) -> str:
    """`A` of 1, `AA` of 27."""
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def address(row: int, column: int) -> str:
    """`C14` of row 14, column 3."""
    return f"{letters(column)}{row}"


def position(text: str) -> tuple[int, int]:
    """Row and column of `C14`. ValueError for anything else."""
    match = _LETTERS.fullmatch(text)
    if not match:
        raise ValueError(f"{text!r} is no address of a cell such as C14")
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - 64
    return int(match[2]), column
