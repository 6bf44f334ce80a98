"""Workbooks of publishers, read as uploads are: cell by cell what another reader finds in them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from migstats.uploads.grid import Cell
from migstats.uploads.reading import read
from migstats.uploads.safety import inspect

pytestmark = pytest.mark.payloads


def agrees(value: object, cell: Cell | None) -> bool:
    """Whether a cell is what calamine makes of it; calamine knows no raised runs, and leaves out errors."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return cell is None or cell.kind in ("error", "formula")
    if cell is None:
        return False
    if isinstance(value, bool):
        return cell.text == str(value).upper()
    if isinstance(value, int | float):
        return cell.kind == "number" and float(cell.text) == float(value)
    if isinstance(value, dt.date):
        return cell.kind == "date" and cell.text[:10] == value.isoformat()[:10]
    whole = str(value).replace("\r", "").strip()
    return (cell.text + cell.raised).replace("\r", "").strip() == whole or (bool(cell.raised) and cell.text in whole)


@pytest.mark.parametrize(
    "name",
    [
        "reference/wb_income_classifications.xlsx",
        "un_desa/UN_MigrantStockByOriginAndDestination_2015.xlsx",
        "un_desa/undesa_pd_2020_ims_stock_by_sex_and_origin.xlsx",
    ],
)
def test_every_cell_is_what_another_reader_finds(payloads: Path, name: str) -> None:
    path = payloads / name
    if not path.exists():
        pytest.skip(f"{name} is not among the payloads")
    content = path.read_bytes()
    found = read(content, inspect(content, path.name).kind, [])
    book = CalamineWorkbook.from_path(str(path))
    assert [sheet.name for sheet in found.sheets] == book.sheet_names
    for sheet in found.sheets:
        rows = book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
        wrong = [
            (row, column, value)
            for row, values in enumerate(rows, start=1)
            for column, value in enumerate(values, start=1)
            if not agrees(value, sheet.cells.get((row, column)))
        ]
        assert wrong == []
