"""An official's own workbook back: its cells coloured and commented, and a sheet that leads to each of them.

Of a file that is no workbook, or too big a one, a report: the same sheet, and the rows concerned. No text of an
uploader becomes a formula or a link. All of it runs where the file is read, in the sandbox: plain arguments, and bytes.

openpyxl keeps values, formulas, formats, widths, merged cells, drop-downs, conditional formats, protection, defined
names, comments and document properties; `kept` puts back what figures and drop-downs would lose. Lost
are drawings: charts, shapes, text boxes, buttons, and pictures where Pillow is not there; besides slicers, sparklines,
threads of comments, and the fonts within a comment.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from migstats.names import LANGUAGES
from migstats.uploads.answer import place
from migstats.uploads.finding import ORDER, Finding, Weight, in_order
from migstats.uploads.grid import Cell, Grid, address, letters
from migstats.uploads.kept import put_back
from migstats.uploads.messages import counted, direction, dotted, said, text, visible

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook
    from openpyxl.worksheet.worksheet import Worksheet
    from xlsxwriter.format import Format

#: Cells that get a comment, and findings that the sheet lists.
COMMENTS: Final = 500
LISTED: Final = 2000

#: Cells of a workbook that is marked itself; of a bigger one there is a report.
CELLS: Final = 400_000

#: Rows, and cells in each, that a report shows.
ROWS: Final = 1000
COLUMNS: Final = 60

#: What a file is refused for after it was read: it can be marked.
READ_ALL_THE_SAME: Final = frozenset(
    {
        "wrong_form",
        "wrong_country",
        "wrong_period",
        "wrong_version",
        "no_table",
        "header_missing",
        "header_twice",
        "header_merged",
        "wide_years",
        "no_figures",
    }
)

#: Property of the document that names the sheet that was added: it is no part of the submission.
PROPERTY: Final = "migstats_answer"

AUTHOR: Final = "migstats"

#: Colours by weight; nobody else fills a cell with exactly these.
COLOURS: Final[Mapping[Weight, str]] = {
    "refused": "F4C7C4",
    "error": "F4C7C3",
    "question": "FFE8A3",
    "notice": "D6E4F8",
}

_LAST_ROW: Final = 1_048_576
_LAST_COLUMN: Final = 16_384

#: Between our comment and one that was there before.
_BEFORE: Final = "\n\n· · ·\n"
_COMMENT: Final = 900

_HEADERS: Final = ("marked.number", "weight", "part.place", "part.what", "part.why", "part.todo", "part.example")
_WIDTHS: Final = (6, 15, 32, 48, 48, 56, 40)

#: What makes a program run a text as a formula, where it is pasted or saved as CSV.
_ACTIVE: Final = tuple("=+-@＝＋－＠")

#: What openpyxl raises about a workbook that it does not understand.
_NOT_UNDERSTOOD: Final = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    OSError,
    SyntaxError,  # a part that is no XML
    zipfile.BadZipFile,
)


def mark(
    content: bytes, kind: str, findings: Sequence[Finding], language: str, grid: Grid | None = None
) -> bytes | None:
    """An xlsx workbook: the file of this kind with its findings marked, or a report of them.

    `grid` is the file as it was read, for the rows of a report. None where nothing was found, where the file was
    refused before it was read, and of microdata, of which nothing is kept. A workbook that openpyxl does not understand
    gets a report. What fails beyond that is the sandbox's: the answer does not need this.
    """
    if not findings or any(f.weight == "refused" and f.code not in READ_ALL_THE_SAME for f in findings):
        return None
    marked = _marked(content, findings, language) if kind == "xlsx" and _cells(content) <= CELLS else None
    return marked or report(findings, language, grid)


def _cells(content: bytes) -> int:
    """Cells of all sheets of a workbook. BadZipFile where it is none, which `safety` has ruled out."""
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        found = 0
        for name in package.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                with package.open(name) as part:
                    while block := part.read(1 << 20):
                        found += block.count(b"<c ")
    return found


# -- their own workbook -----------------------------------------------------------------------------------------


def _marked(content: bytes, findings: Sequence[Finding], language: str) -> bytes | None:
    """The workbook, marked; None where openpyxl does not understand it, or cannot write what it read."""
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parts that openpyxl leaves out; they are named above
        try:
            book = load_workbook(io.BytesIO(content), rich_text=True, keep_links=False)
        except _NOT_UNDERSTOOD:
            return None
    _unmark(book)
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    ordered = in_order(findings, book.sheetnames)
    at = _by_cell(ordered, sheets)
    for number, ((name, row, column), here) in enumerate(at.items()):
        _mark_cell(sheets[name], row, column, here, language, commented=number < COMMENTS)
    capped = counted("marked.comments_capped", COMMENTS, language) if len(at) > COMMENTS else ""
    _add_sheet(book, ordered, sheets, language, capped)
    written = io.BytesIO()
    try:
        book.save(written)
    except _NOT_UNDERSTOOD:
        return None
    return put_back(written.getvalue(), content)


def _by_cell(findings: Iterable[Finding], sheets: Mapping[str, Worksheet]) -> dict[tuple[str, int, int], list[Finding]]:
    """Findings by the cell that is marked: of a whole row its first one, of merged cells the one that has the text."""
    merged: dict[str, list[Any]] = {name: list(sheet.merged_cells.ranges) for name, sheet in sheets.items()}
    found: dict[tuple[str, int, int], list[Finding]] = {}
    for finding in findings:
        row, column = finding.row, finding.column or 1
        if finding.sheet not in sheets or not 0 < row <= _LAST_ROW or column > _LAST_COLUMN:
            continue
        for area in merged[finding.sheet]:
            if area.min_row <= row <= area.max_row and area.min_col <= column <= area.max_col:
                row, column = area.min_row, area.min_col
                break
        found.setdefault((finding.sheet, row, column), []).append(finding)
    return found


def _mark_cell(
    sheet: Worksheet, row: int, column: int, findings: Sequence[Finding], language: str, *, commented: bool
) -> None:
    from openpyxl.comments import Comment
    from openpyxl.styles import PatternFill

    cell = sheet.cell(row, column)
    gravest = min((finding.weight for finding in findings), key=ORDER.index)
    cell.fill = PatternFill("solid", fgColor=COLOURS[gravest])
    if not commented:
        return
    told = "\n\n".join(f"{said(f, 'what', language)}\n{said(f, 'todo', language)}" for f in findings[:3])[:_COMMENT]
    before = cell.comment.text if cell.comment else ""
    cell.comment = Comment(told + (_BEFORE + before if before else ""), AUTHOR, height=150, width=320)


def _unmark(book: Workbook) -> None:
    """Take away what an earlier answer left: its sheet, its comments and its colours."""
    from openpyxl.comments import Comment
    from openpyxl.styles import PatternFill

    name = next((p.value for p in book.custom_doc_props.props if p.name == PROPERTY), None)
    if name is None:
        return
    del book.custom_doc_props[PROPERTY]
    if name in book.sheetnames and len(book.sheetnames) > 1:
        book.remove(book[name])
    ours = {f"00{colour}" for colour in COLOURS.values()} | {f"FF{colour}" for colour in COLOURS.values()}
    for sheet in book.worksheets:
        for cells in sheet.iter_rows():
            for cell in cells:
                if cell.has_style and cell.fill.fgColor.rgb in ours:
                    cell.fill = PatternFill()
                if cell.comment and cell.comment.author == AUTHOR:
                    _, _, before = cell.comment.text.partition(_BEFORE)
                    cell.comment = Comment(before, AUTHOR.upper()) if before else None


def _add_sheet(
    book: Workbook, findings: Sequence[Finding], sheets: Mapping[str, Worksheet], language: str, capped: str
) -> None:
    """The sheet with the table of findings, as the first one and the one that is shown."""
    from openpyxl.packaging.custom import StringProperty
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.worksheet.hyperlink import Hyperlink

    title = _free_title(text("marked.sheet", language), book.sheetnames)
    sheet = book.create_sheet(title, 0)
    sheet.sheet_view.rightToLeft = direction(language) == "rtl"
    wrapped = Alignment(wrap_text=True, vertical="top")
    bold, linked = Font(bold=True), Font(color="0B5CAD", underline="single")
    grey = PatternFill("solid", fgColor="E9EDF1")
    fills = {weight: PatternFill("solid", fgColor=colour) for weight, colour in COLOURS.items()}

    def put(row: int, column: int, value: str, font: Font | None = None, alignment: Alignment | None = wrapped) -> Any:
        cell = sheet.cell(row, column)
        cell.value = value
        cell.data_type = "s"  # whatever it begins with
        cell.alignment = alignment
        if font:
            cell.font = font
        return cell

    put(1, 1, text("marked.title", language), Font(bold=True, size=14), None)
    put(2, 1, text("marked.intro", language), None, None)
    notes = _notes(findings, language, capped)
    for row, note in enumerate(notes, start=3):
        put(row, 1, note, bold, None)
    top = 4 + len(notes)
    for column, (name, width) in enumerate(zip(_headers(language), _WIDTHS, strict=True), start=1):
        put(top, column, name, bold).fill = grey
        sheet.column_dimensions[letters(column)].width = width
    for row, (finding, line) in enumerate(_lines(findings, language), start=top + 1):
        sheet.cell(row, 1, row - top).alignment = wrapped
        for column, value in enumerate(line, start=2):
            put(row, column, value)
        sheet.cell(row, 2).fill = fills[finding.weight]
        if finding.sheet in sheets:
            cell = sheet.cell(row, 3)
            cell.hyperlink = Hyperlink(ref=cell.coordinate, location=_location(finding))
            cell.font = linked
    sheet.freeze_panes = sheet.cell(top + 1, 1)
    book.custom_doc_props.append(StringProperty(name=PROPERTY, value=title))
    for other in book.worksheets:
        other.sheet_view.tabSelected = other is sheet
    book.active = 0
    for view in book.views:
        view.firstSheet = 0


def _location(finding: Finding) -> str:
    """Where a link within the workbook leads: `'Labour permits'!C14`."""
    name = finding.sheet.replace("'", "''")
    row, column = min(max(finding.row, 1), _LAST_ROW), min(max(finding.column, 1), _LAST_COLUMN)
    return f"'{name}'!{address(row, column)}"


def without_answer(grid: Grid) -> Grid:
    """A workbook that is sent again, without the sheet that an earlier answer added, whatever it is called now."""
    titles = {text("marked.title", language) for language in LANGUAGES}
    kept = tuple(sheet for sheet in grid.sheets if (1, 1) not in sheet.cells or sheet.cells[1, 1].text not in titles)
    return replace(grid, sheets=kept) if kept else grid


# -- the table of findings --------------------------------------------------------------------------------------


def _headers(language: str) -> list[str]:
    return [text("weight.word" if key == "weight" else key, language) for key in _HEADERS]


def _lines(findings: Sequence[Finding], language: str) -> Iterable[tuple[Finding, list[str]]]:
    """The first findings, each with the texts of its line: weight, place, and the parts of what is said of it."""
    for finding in findings[:LISTED]:
        word = text(dotted("weight", finding.weight, "word"), language)
        parts = [said(finding, part, language) for part in ("what", "why", "todo", "example")]
        yield finding, [word, place(finding, language), *parts]


def _notes(findings: Sequence[Finding], language: str, *others: str) -> list[str]:
    rest = len(findings) - LISTED
    notes = [*others, counted("marked.rows_capped", rest, language) if rest > 0 else ""]
    return [note for note in notes if note]


def _free_title(wanted: str, taken: Iterable[str]) -> str:
    """A name for a sheet that no other sheet has."""
    names = {name.casefold() for name in taken}
    tried, number = wanted, 1
    while tried.casefold() in names:
        number += 1
        tried = f"{wanted} {number}"
    return tried


# -- a report ---------------------------------------------------------------------------------------------------


def report(findings: Sequence[Finding], language: str, grid: Grid | None = None) -> bytes:
    """An xlsx workbook with the table of findings, and the rows of the file that they are about."""
    import xlsxwriter

    result = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(result, options) as book:
        ordered = in_order(findings, [sheet.name for sheet in grid.sheets] if grid else ())
        title = text("marked.sheet", language)
        rows_title = _free_title(text("marked.rows", language), [title])
        sheet = book.add_worksheet(title)
        wrapped = {"text_wrap": True, "valign": "top"}
        plain, bold = book.add_format(wrapped), book.add_format({"bold": True})
        header = book.add_format({**wrapped, "bold": True, "bg_color": "#E9EDF1"})
        link = book.add_format({**wrapped, "font_color": "#0B5CAD", "underline": 1})
        fills = {weight: book.add_format({**wrapped, "bg_color": f"#{c}"}) for weight, c in COLOURS.items()}
        line_of = _rows_concerned(book, rows_title, ordered, grid, fills, header, language) if grid else {}

        sheet.write_string(0, 0, text("marked.title", language), book.add_format({"bold": True, "font_size": 14}))
        sheet.write_string(1, 0, text("marked.report_intro", language))
        notes = _notes(ordered, language)
        for row, note in enumerate(notes, start=2):
            sheet.write_string(row, 0, note, bold)
        top = 3 + len(notes)
        for column, (name, width) in enumerate(zip(_headers(language), _WIDTHS, strict=True)):
            sheet.set_column(column, column, width)
            sheet.write_string(top, column, name, header)
        for row, (finding, line) in enumerate(_lines(ordered, language), start=top + 1):
            sheet.write_number(row, 0, row - top, plain)
            for column, value in enumerate(line, start=1):
                sheet.write_string(row, column, value, fills[finding.weight] if column == 1 else plain)
            shown = line_of.get((finding.sheet, finding.row))
            if shown is not None:
                column = min(max(finding.column, 1), COLUMNS) + (1 if finding.column else -1)
                target = f"internal:'{rows_title}'!{address(shown + 1, column + 1)}"
                sheet.write_url(row, 2, target, link, line[1])
        sheet.freeze_panes(top + 1, 0)
        if direction(language) == "rtl":
            for one in book.worksheets():
                one.right_to_left()
    return result.getvalue()


def _rows_concerned(
    book: Any,
    title: str,
    findings: Sequence[Finding],
    grid: Grid,
    fills: Mapping[Weight, Format],
    header: Format,
    language: str,
) -> dict[tuple[str, int], int]:
    """A sheet with each row of the file that has a finding, behind the names of its sheet and row.

    Gives the line of each (from 0) by sheet and row. Columns C, D, ... are columns A, B, ... of the file.
    """
    weights: dict[tuple[str, int], dict[int, Weight]] = {}
    for finding in findings:
        if finding.row:
            cells = weights.setdefault((finding.sheet, finding.row), {})
            cells.setdefault(finding.column, finding.weight)
    sheets = {one.name: one for one in grid.sheets}
    wanted = [key for key in weights if key[0] in sheets][:ROWS]
    by_row: dict[tuple[str, int], dict[int, Cell]] = {key: {} for key in wanted}
    for name, one in sheets.items():
        for (row, column), cell in one.cells.items():
            if (name, row) in by_row and column <= COLUMNS:
                by_row[name, row][column] = cell
    if not wanted:
        return {}
    sheet = book.add_worksheet(title)
    last = max((column for cells in by_row.values() for column in cells), default=1)
    for column, name in enumerate(["", text("marked.row", language), *map(letters, range(1, last + 1))]):
        sheet.write_string(0, column, name, header)
    sheet.set_column(0, last + 1, 16)
    for line, (name, row) in enumerate(wanted, start=1):
        sheet.write_string(line, 0, harmless(name))
        sheet.write_number(line, 1, row, fills[weights[name, row][0]] if 0 in weights[name, row] else None)
        for column in sorted({*by_row[name, row], *(c for c in weights[name, row] if 0 < c <= COLUMNS)}):
            weight = weights[name, row].get(column)
            seen = by_row[name, row].get(column)
            sheet.write_string(line, column + 1, harmless(seen.text if seen else ""), fills[weight] if weight else None)
    sheet.freeze_panes(1, 2)
    return {key: line for line, key in enumerate(wanted, start=1)}


def harmless(word: str) -> str:
    """A text that no program takes for a formula: an apostrophe goes before what might be one."""
    shown = visible(word, 250)
    return f"'{shown}" if shown.lstrip().startswith(_ACTIVE) and not _is_negative(shown) else shown


def _is_negative(word: str) -> bool:
    return word[:1] == "-" and word[1:].replace(".", "", 1).isdecimal() and word.isascii()


__all__ = [
    "AUTHOR",
    "CELLS",
    "COLOURS",
    "COMMENTS",
    "LISTED",
    "PROPERTY",
    "harmless",
    "mark",
    "report",
    "without_answer",
]
