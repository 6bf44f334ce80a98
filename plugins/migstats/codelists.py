"""Codelists: `include/codelists/<name>.csv`, one row per code, read as text.

Column `code` is ours; further columns hold names and other publishers' codes for the same thing (schemes).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from migstats.errors import DeclarationError

#: Concepts whose codes stand in a codelist of another name.
CODELIST_OF = {"ref_area": "area", "counterpart_area": "area"}


@dataclass(frozen=True)
class Codelist:
    """One codelist. `rows` is code → row; every cell is text, an empty cell is ''."""

    name: str
    rows: Mapping[str, Mapping[str, str]]

    def __contains__(self, code: object) -> bool:
        return code in self.rows

    def column(self, column: str) -> dict[str, str]:
        """Code → cell of this column, empty cells left out."""
        self._has(column)
        return {code: row[column] for code, row in self.rows.items() if row[column]}

    def scheme(self, column: str) -> dict[str, str]:
        """Another publisher's code → ours. Several codes in one cell are separated by `|`.

        Raises DeclarationError for a column that is not there, or a code that stands for two of ours.
        """
        found: dict[str, str] = {}
        for code, cell in self.column(column).items():
            for theirs in cell.split("|"):
                if theirs in found:
                    raise DeclarationError(
                        f"codelist {self.name}: {column} {theirs!r} stands for both {found[theirs]} and {code}"
                    )
                found[theirs] = code
        return found

    def _has(self, column: str) -> None:
        first = next(iter(self.rows.values()), {})
        if column not in first:
            raise DeclarationError(
                f"codelist {self.name} has no column {column!r}; it has {', '.join(first)}; add it or mend the scheme"
            )


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV of facts as text. DeclarationError names the line that has a field too many or too few."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets write a byte order mark
            reader = csv.reader(file, strict=True)
            header = next(reader, None)
            if not header or len(set(header)) != len(header):
                raise DeclarationError(f"{path}: line 1: the header is missing or repeats a name: {header}")
            rows = []
            for fields in reader:
                if len(fields) != len(header):
                    raise DeclarationError(
                        f"{path}: line {reader.line_num}: {len(fields)} fields, {len(header)} expected; "
                        "quote a field that holds a comma"
                    )
                rows.append(dict(zip(header, (f.strip() for f in fields), strict=True)))
            return rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DeclarationError(f"{path}: cannot be read as UTF-8 CSV: {error}") from error


@cache
def read_codelist(folder: Path, name: str) -> Codelist:
    """Read `<folder>/<name>.csv`; DeclarationError where a code is empty or stands twice."""
    rows: dict[str, Mapping[str, str]] = {}
    for row in read_csv(folder / f"{name}.csv"):
        code = row.get("code", "")
        if not code or code in rows:
            raise DeclarationError(f"{folder / name}.csv: the code {code!r} is empty or stands twice")
        rows[code] = row
    return Codelist(name, rows)


def codelist_of(folder: Path, concept: str) -> Codelist | None:
    """The codelist of a concept, or None where the concept is free text (unit has one, note has none)."""
    name = CODELIST_OF.get(concept, concept)
    return read_codelist(folder, name) if (folder / f"{name}.csv").is_file() else None
