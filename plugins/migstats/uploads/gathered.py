"""The cells of a file while it is read: bounded in number, place and length, each distinct one kept once."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from migstats import excel
from migstats.uploads.finding import Finding, RefusedFileError
from migstats.uploads.grid import Cell, Kind, Sheet
from migstats.uploads.limits import Limits

Area = tuple[int, int, int, int]
#: Cells of a merged area beyond which only its part that holds something is told.
_BIG_AREA: Final = 10_000


class Budget:
    """How many cells a whole file may still have, and the distinct cells that it had so far."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.cells = limits.cells
        self.written = limits.written_cells
        self.sheets = limits.sheets
        self._known: dict[tuple[str, str, str, str, str], Cell] = {}

    def cell(self, text: str, kind: Kind, raised: str = "", shown_as: str = "", formula: str = "") -> Cell:
        """A cell; the same one for the same content."""
        key = (text, kind, raised, shown_as, formula)
        found = self._known.get(key)
        if found is None:
            found = Cell(text, kind, raised, shown_as, formula)
            if len(self._known) < 500_000:
                self._known[key] = found
        return found

    def text(self, plain: str, raised: str = "", formula: str = "") -> Cell | None:
        """The cell of a text, raised characters behind a figure set apart; None where it shows nothing."""
        plain, behind = excel.split_raised(plain)
        raised = (behind + raised).strip()
        if not raised and not plain.strip():
            return None
        return self.cell(plain, "text", raised, "", formula)

    def write(self, count: int = 1) -> None:
        """Count cells that are written down, empty ones included."""
        self.written -= count
        if self.written < 0:
            raise too_many(self.limits)


class SheetCells:
    """The cells of one sheet."""

    def __init__(self, name: str, budget: Budget) -> None:
        self.name = name
        self.budget = budget
        self.cells: dict[tuple[int, int], Cell] = {}

    def put(self, row: int, column: int, cell: Cell) -> None:
        """Keep a cell that holds something. RefusedFileError: far_cell, too_many_cells, long_field, damaged (twice)."""
        bounds = self.budget.limits
        if not (0 < row <= bounds.rows and 0 < column <= bounds.columns):
            raise self.refused("far_cell", row, column, cell.text)
        if len(cell.text) > bounds.text or len(cell.formula) > bounds.text or len(cell.raised) > bounds.text:
            raise self.refused("long_field", row, column, cell.text)
        self.budget.cells -= 1
        if self.budget.cells < 0:
            raise too_many(bounds)
        if (row, column) in self.cells:
            raise self.refused("damaged", row, column, cell.text)
        self.cells[row, column] = cell

    def refused(self, code: str, row: int, column: int, seen: str = "") -> RefusedFileError:
        """A finding at a cell of this sheet."""
        return RefusedFileError(Finding(code, self.name, row, column, seen[:200]))

    def done(
        self,
        *,
        hidden: bool = False,
        hidden_rows: Iterable[int] = (),
        hidden_columns: Iterable[tuple[int, int]] = (),
        merged: Iterable[Area] = (),
    ) -> Sheet:
        """The sheet; what is hidden (columns: first, last), and big merged areas, are cut to what holds something."""
        used_rows = {row for row, _ in self.cells}
        used_columns = {column for _, column in self.cells}
        last_row, last_column = max(used_rows, default=0), max(used_columns, default=0)
        edges = [0] * (last_column + 2)
        for first, last in hidden_columns:
            if 0 < first <= min(last, last_column):
                edges[first] += 1
                edges[min(last, last_column) + 1] -= 1
        depth = list(accumulate(edges))
        areas = (
            (t, left, min(b, last_row), min(r, last_column))
            if (b - t + 1) * (r - left + 1) > _BIG_AREA
            else (t, left, b, r)
            for t, left, b, r in merged
        )
        return Sheet(
            name=self.name,
            cells=self.cells,
            hidden=hidden,
            hidden_rows=frozenset(used_rows.intersection(hidden_rows)),
            hidden_columns=frozenset(column for column in used_columns if depth[column]),
            merged=tuple((t, left, b, r) for t, left, b, r in areas if b >= t and r >= left and (b, r) != (t, left)),
        )


def too_many(limits: Limits) -> RefusedFileError:
    """What is refused because nobody could look through it."""
    return RefusedFileError(Finding("too_many_cells", words={"limit": f"{limits.cells}"}))
