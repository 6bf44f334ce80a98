"""Files of tests as grids: rows of texts and numbers instead of a workbook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from migstats.uploads.contract import Form, form_of
from migstats.uploads.finding import Finding
from migstats.uploads.formats import formats_of
from migstats.uploads.grid import Cell, Grid, Sheet, address
from migstats.uploads.understanding import understand
from migstats.uploads.understood import Understood

SHEET = "Permis de travail"
PROPERTIES = {"form": "labour_permits", "country": "MAR", "year": "2025", "version": "1", "language": "fr"}
HEADER = ["Pays de destination", "Région d'origine", "Sexe", "Âge", "Permis délivrés", "Départs"]

#: A text, a number as the file holds it, a cell of another kind, or nothing.
Seen = str | int | float | Cell | None


def form() -> Form:
    return form_of("labour_permits")


def cell(seen: Seen) -> Cell | None:
    if seen is None or isinstance(seen, Cell):
        return seen
    return Cell(seen, "text") if isinstance(seen, str) else Cell(str(seen), "number")


def sheet(rows: Sequence[Sequence[Seen]], name: str = SHEET, **how: Any) -> Sheet:
    cells = {
        (row, column): made
        for row, line in enumerate(rows, start=1)
        for column, seen in enumerate(line, start=1)
        if (made := cell(seen)) is not None
    }
    return Sheet(name, cells, **how)


def read(
    *sheets: Sheet,
    country: str = "MAR",
    year: int = 2025,
    language: str = "fr",
    kind: Any = "xlsx",
    properties: Mapping[str, str] | None = None,
    accepted: frozenset[tuple[str, ...]] | None = None,
) -> Understood:
    """What is understood of sheets sent as labour permits of Morocco for 2025; all its cells are accounted for."""
    said = {**PROPERTIES, "country": country} if properties is None else properties
    grid = Grid(kind, sheets, said)
    found = understand(form(), grid, country, year, formats_of(country), language=language, accepted=accepted)
    assert found.balanced, (found.cells, len(found.figures), found.refused, found.explained)
    return found


def rows(*lines: Sequence[Seen], header: Sequence[Seen] = HEADER, **how: Any) -> Understood:
    """What is understood of these rows below the header."""
    of_sheet = {name: how.pop(name) for name in ("hidden_rows", "hidden_columns", "merged") if name in how}
    return read(sheet([header, *lines], **of_sheet), **how)


def said(found: Understood | Sequence[Finding]) -> list[str]:
    """Findings as `code place`, the place being a cell, a row or nothing."""
    findings = found.findings if isinstance(found, Understood) else found
    return [f"{f.code} {address(f.row, f.column) if f.column else f.row or ''}".strip() for f in findings]


def values(found: Understood) -> dict[str, str]:
    """Cell → figure, or its status."""
    figures = found.figures
    return {
        at: status if value is None else value
        for at, value, status in zip(figures.cell, figures.value, figures.obs_status, strict=True)
    }
