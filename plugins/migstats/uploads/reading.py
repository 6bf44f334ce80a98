"""From an uploaded file to its cells: inspected here, read in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from migstats.uploads import csv_file, ods, safety, sandbox, xlsx
from migstats.uploads import limits as bounds
from migstats.uploads.finding import Finding, RefusedFileError
from migstats.uploads.grid import Cell, Grid, Kind, Sheet
from migstats.uploads.limits import Limits
from migstats.uploads.safety import Accepted


class PackedSheet(msgspec.Struct, array_like=True):
    """A sheet; `cells` has row, column and number of the distinct cell, one behind the other."""

    name: str
    cells: list[int]
    hidden: bool
    hidden_rows: list[int]
    hidden_columns: list[int]
    merged: list[tuple[int, int, int, int]]


class PackedGrid(msgspec.Struct, array_like=True):
    """A grid on its way between processes: each distinct cell once (text, kind, raised, shown_as, formula)."""

    kind: Accepted
    distinct: list[tuple[str, Kind, str, str, str]]
    sheets: list[PackedSheet]
    properties: dict[str, str]


def read(content: bytes, kind: Accepted, encodings: Sequence[str], limits: Limits | None = None) -> Grid:
    """The cells of an inspected file. `encodings` are those of the country, for CSV. RefusedFileError."""
    limits = limits or Limits()
    if kind == "xlsx":
        return xlsx.read(content, limits)
    if kind == "ods":
        return ods.read(content, limits)
    return csv_file.read(content, encodings, limits)


def read_apart(
    path: Path, name: str, encodings: Sequence[str], limits: Limits | None = None
) -> tuple[Grid, safety.Inspected]:
    """Inspect an uploaded file and read it in the sandbox. `name` is the one that the uploader gave.

    RefusedFileError, whatever the file is. ConfigurationError: this machine cannot start the sandbox.
    """
    limits = limits or bounds.limits()
    inspected = safety.inspect(path, name, limits)
    packed = sandbox.run(
        read_packed,
        path,
        PackedGrid,
        kind=inspected.kind,
        encodings=list(encodings),
        limits=msgspec.to_builtins(limits),
    )
    return unpack(packed), inspected


def read_packed(path: str, kind: Accepted, encodings: list[str], limits: dict[str, int]) -> PackedGrid:
    """What the sandbox runs: `read`, packed."""
    return pack(read(Path(path).read_bytes(), kind, encodings, Limits(**limits)))


def pack(grid: Grid) -> PackedGrid:
    """A grid as what can be sent."""
    numbers: dict[int, int] = {}
    distinct: list[tuple[str, Kind, str, str, str]] = []
    sheets = []
    for sheet in grid.sheets:
        cells: list[int] = []
        for (row, column), cell in sheet.cells.items():
            number = numbers.get(id(cell))
            if number is None:
                number = numbers[id(cell)] = len(distinct)
                distinct.append((cell.text, cell.kind, cell.raised, cell.shown_as, cell.formula))
            cells += (row, column, number)
        sheets.append(
            PackedSheet(
                sheet.name,
                cells,
                sheet.hidden,
                sorted(sheet.hidden_rows),
                sorted(sheet.hidden_columns),
                list(sheet.merged),
            )
        )
    return PackedGrid(grid.kind, distinct, sheets, dict(grid.properties))


def unpack(packed: PackedGrid) -> Grid:
    """The grid again. RefusedFileError (damaged): what was sent does not hold together."""
    distinct = [Cell(*one) for one in packed.distinct]
    sheets = []
    for sheet in packed.sheets:
        at = iter(sheet.cells)
        try:
            cells = {(row, column): distinct[number] for row, column, number in zip(at, at, at, strict=True)}
        except (IndexError, ValueError) as error:
            raise RefusedFileError(Finding("damaged")) from error
        sheets.append(
            Sheet(
                sheet.name,
                cells,
                sheet.hidden,
                frozenset(sheet.hidden_rows),
                frozenset(sheet.hidden_columns),
                tuple(sheet.merged),
            )
        )
    return Grid(packed.kind, tuple(sheets), packed.properties)
