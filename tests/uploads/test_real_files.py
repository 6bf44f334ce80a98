"""Files from their bytes to their figures: what the readers give is what the understanding expects."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable

import pytest
from grids import HEADER, PROPERTIES, SHEET, form, said, values
from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.packaging.custom import StringProperty
from openpyxl.worksheet.worksheet import Worksheet

from migstats.uploads import reading
from migstats.uploads.formats import formats_of
from migstats.uploads.safety import Accepted
from migstats.uploads.understanding import understand
from migstats.uploads.understood import Understood, content_sha256

ROW = ["FRA · France", "Total", "Femmes", "15–24 ans", 10, 4]


def workbook(change: Callable[[Worksheet], object] | None = None) -> bytes:
    """A workbook with a title, the table of the form from row 3 on, and two rows of figures."""
    book = Workbook()
    sheet = book.active
    sheet.title = SHEET
    for name, text in PROPERTIES.items():
        book.custom_doc_props.append(StringProperty(name=name, value=text))
    for line in (["Ministère du travail"], [], HEADER, ROW, ["Espagne", "Total", "M", "65+", 7, ".."]):
        sheet.append(line)
    sheet.merge_cells("A1:F1")
    if change is not None:
        change(sheet)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def understood(content: bytes, kind: Accepted = "xlsx") -> Understood:
    how = formats_of("MAR")
    found = understand(form(), reading.read(content, kind, how.encodings), "MAR", 2025, how, language="fr")
    assert found.balanced
    return found


def test_a_workbook_is_understood() -> None:
    found = understood(workbook())
    assert (said(found), values(found)) == ([], {"E4": "10", "F4": "4", "E5": "7", "F5": "O"})
    assert found.figures.keys["age"] == ["Y15T24", "Y15T24", "Y_GE65", "Y_GE65"]


def put(address: str, seen: object, shown_as: str = "General") -> Callable[[Worksheet], object]:
    def change(sheet: Worksheet) -> None:
        sheet[address] = seen
        sheet[address].number_format = shown_as

    return change


def _hidden(sheet: Worksheet) -> None:
    other = sheet.parent.create_sheet("Ancien")
    other["A1"], other.sheet_state = 5, "hidden"


CHANGES: list[tuple[str, Callable[[Worksheet], object], list[str], str | None]] = [
    # what is done to the workbook, findings, what E4 is then
    ("a date for an age", put("D4", dt.date(2025, 4, 1), "d-mmm"), ["date_for_text D4"], None),
    ("a raised number", put("E4", CellRichText("12", TextBlock(InlineFont(vertAlign="superscript"), "3"))),
     ["number_as_text E4", "raised_note E4"], "12"),
    ("no result", put("E4", "=E5+3"), ["no_result E4"], None),
    ("an error", put("E4", "#REF!"), ["error_cell E4"], None),
    ("per cent", put("E4", 0.12, "0%"), ["unclear_unit E4"], None),
    ("thousands by word", put("E4", 12, '0" k"'), ["unclear_unit E4"], None),
    ("thousands by scale", put("E4", 12000, '#,##0," k"'), [], "12000"),
    ("blanks that do not break", put("E4", "1\u202f234"), ["number_as_text E4"], "1234"),
    ("a range", put("E4", "1-4"), ["suppressed_range E4"], "Q"),
    ("a hidden row", lambda sheet: setattr(sheet.row_dimensions[4], "hidden", True), ["hidden_cells 4"], "10"),
    ("merged figures", lambda sheet: sheet.merge_cells("E4:E5"), ["merged_cells E4"], None),
    ("a note", put("A7", "Source : ministère"), ["note_below A7"], "10"),
    ("a total", put("E7", 17), ["empty_key A7"], "10"),
    ("a hidden sheet", _hidden, ["hidden_sheet"], "10"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "findings", "figure"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_what_officials_do_to_a_workbook(
    change: Callable[[Worksheet], object], findings: list[str], figure: str | None
) -> None:
    found = understood(workbook(change))
    assert (said(found), values(found).get("E4")) == (findings, figure)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_csv_says_the_same_as_the_workbook(delimiter: str, encoding: str) -> None:
    lines = [HEADER, ROW, ["Espagne", "Total", "M", "65+", "7", ".."]]
    text = "\r\n".join(delimiter.join(f'"{seen}"' for seen in line) for line in lines)
    found = understood(text.encode(encoding), "csv")
    assert said(found) == ["properties_missing"]
    assert content_sha256(found) == content_sha256(understood(workbook()))
