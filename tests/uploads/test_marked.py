"""Their own workbook back: marked at the exact cells, as it was besides, and harmless."""

from __future__ import annotations

import io
import pickle
import re
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from migstats.names import LANGUAGES
from migstats.uploads import marked
from migstats.uploads.finding import CODES, Finding
from migstats.uploads.grid import Cell, Grid, Sheet
from migstats.uploads.marked import COLOURS, PROPERTY, harmless, mark, report, without_answer
from migstats.uploads.messages import said, text

SHEET = "Labour permits"
ROWS = (("MAR", "F", 600, 12.5), ("Marocco", "M", 400, 0.25), ("TUN", "=cmd|'/c calc'!A1", -3, 1))
FOUND = (
    Finding("unknown_code", SHEET, 3, 1, "Marocco", {"nearest": "Morocco"}),
    Finding("not_in_list", SHEET, 4, 2, "=cmd|'/c calc'!A1"),
    Finding("outlier", SHEET, 2, 3, "600"),
    Finding("too_low", SHEET, 4, 3, "-3"),
    Finding("row_twice", SHEET, 4, 0, "", {"other": "A3"}),
    Finding("columns_moved", SHEET),
    Finding("properties_missing"),
)
EVIL = (
    "=cmd|'/c calc'!A1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "＝1+1",
    "<script>alert(1)</script>",
    '"><img onerror=x>',
    "{{7*7}}",
    "'; drop table x",
    "a\x00b\x0b",
    "\ud800\uffff",
    "http://example.org/x",
    "internal:'x'!A1",
    "]]>&amp;",
)


def workbook(fill: Callable[[Any, Any], None] | None = None, name: str = SHEET) -> bytes:
    """A workbook with a table, a formula, formats and drop-downs, as xlsxwriter writes it."""
    result = io.BytesIO()
    with xlsxwriter.Workbook(result, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet(name)
        lists = book.add_worksheet("Lists")
        lists.write_column(0, 0, ["F", "M", "_T"])
        sheet.write_row(0, 0, ["Country", "Sex", "Permits", "Rate"])
        percent = book.add_format({"num_format": "0.0%"})
        for row, values in enumerate(ROWS, start=1):
            sheet.write_row(row, 0, values[:3])
            sheet.write_number(row, 3, values[3], percent)
        sheet.write_formula(4, 2, "=SUM(C2:C4)", None, 997)
        sheet.write_formula(5, 2, '=IF(C5>1,"differs","")', None, "differs & <so>")
        sheet.data_validation(1, 1, 3, 1, {"validate": "list", "source": "=Lists!$A$1:$A$3"})
        sheet.set_column(0, 0, 33)
        sheet.merge_range(7, 0, 8, 1, "merged")
        book.set_custom_property("form", "labour_permits")
        if fill:
            fill(book, sheet)
    return result.getvalue()


def opened(content: bytes | None, **how: Any) -> Any:
    assert content is not None
    return openpyxl.load_workbook(io.BytesIO(content), **how)


def parts(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        return {name: package.read(name).decode() for name in package.namelist() if name.endswith((".xml", ".rels"))}


def rewritten(content: bytes, member: str, change: Callable[[str], str]) -> bytes:
    """The package with one member changed."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(result, "w") as after:
        for name in before.namelist():
            found = before.read(name)
            after.writestr(name, change(found.decode()).encode() if name == member else found)
    return result.getvalue()


def colour(cell: Any) -> str:
    return str(cell.fill.fgColor.rgb)[2:]


# -- the workbook -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_cells_are_coloured_and_commented_where_something_was_found(language: str) -> None:
    sheet = opened(mark(workbook(), "xlsx", FOUND, language))[SHEET]
    comments = {c.coordinate: c.comment.text for row in sheet.iter_rows() for c in row if c.comment}
    assert sorted(comments) == ["A3", "A4", "B4", "C2", "C4"]
    assert comments["A3"] == f"{said(FOUND[0], 'what', language)}\n{said(FOUND[0], 'todo', language)}"
    filled = {c.coordinate: colour(c) for row in sheet.iter_rows() for c in row if c.fill.fill_type}
    error, question = COLOURS["error"], COLOURS["question"]
    assert filled == {"A3": error, "A4": error, "B4": error, "C4": error, "C2": question}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_added_sheet_leads_to_each_cell(language: str) -> None:
    book = opened(mark(workbook(), "xlsx", FOUND, language))
    title = text("marked.sheet", language)
    assert book.sheetnames == [title, SHEET, "Lists"]
    assert book.active.title == title
    assert [s.sheet_view.tabSelected for s in book] == [True, False, False]
    assert bool(book[title].sheet_view.rightToLeft) == (language == "ar")
    links = [row[2].hyperlink.location if row[2].hyperlink else None for row in book[title].iter_rows(min_row=5)]
    whole, of_sheet, *cells = links
    assert whole is None
    assert of_sheet == f"'{SHEET}'!A1"
    assert cells == [f"'{SHEET}'!{at}" for at in ("C2", "A3", "A4", "B4", "C4")]
    lines = [[cell.value for cell in row] for row in book[title].iter_rows(min_row=5)]
    assert [line[0] for line in lines] == [1, 2, 3, 4, 5, 6, 7]
    assert lines[3][3] == said(FOUND[0], "what", language)


def test_what_was_in_the_workbook_stays() -> None:
    book = opened(mark(workbook(), "xlsx", FOUND, "en"))
    sheet = book[SHEET]
    assert sheet["C5"].value == "=SUM(C2:C4)"
    assert (sheet["D3"].value, sheet["D3"].number_format) == (0.25, "0.0%")
    assert sheet.column_dimensions["A"].width == pytest.approx(33.7, abs=0.5)
    (choice,) = sheet.data_validations.dataValidation
    assert (str(choice.sqref), choice.formula1) == ("B2:B4", "Lists!$A$1:$A$3")
    assert [str(area) for area in sheet.merged_cells.ranges] == ["A8:B9"]
    assert {p.name: p.value for p in book.custom_doc_props.props} == {"form": "labour_permits", PROPERTY: "To correct"}


def test_results_of_formulas_stay() -> None:
    """Sent again without having been opened, the file still has its figures."""
    sheet = opened(mark(workbook(), "xlsx", FOUND, "en"), data_only=True)[SHEET]
    assert (sheet["C5"].value, sheet["C6"].value) == (997, "differs & <so>")


def prefixed(part: str) -> str:
    """The same sheet as some libraries write it, with a prefix before each element."""
    part = re.sub(r"<(/?)(?=[a-zA-Z])", r"<\1x:", part)
    return part.replace("xmlns=", "xmlns:x=")


@pytest.mark.parametrize("write", [str, prefixed])
def test_no_digit_of_a_number_changes(write: Callable[[str], str]) -> None:
    """openpyxl keeps 16 digits; the file may be sent again, and its figures are still the same."""
    content = rewritten(
        workbook(),
        "xl/worksheets/sheet1.xml",
        lambda part: write(
            part.replace("<v>0.25</v>", "<v>2.8717762721866524</v>").replace("<v>600</v>", "<v>6E2</v>")
        ),
    )
    result = mark(content, "xlsx", FOUND, "en")
    sheet = opened(result, data_only=True)[SHEET]
    assert [sheet[at].value for at in ("C2", "D3", "C4", "C5")] == [600, 2.8717762721866524, -3, 997]
    assert result is not None
    assert "<v>2.8717762721866524</v>" in "".join(parts(result).values())


PREFIXES = (
    'xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main" '
    'xmlns:xr="http://schemas.microsoft.com/office/spreadsheetml/2014/revision"'
)
EXTENSION = (
    '<extLst><ext xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main" '
    'uri="{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF}">'
    '<x14:dataValidations xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main" count="1">'
    '<x14:dataValidation type="list" allowBlank="1" xr:uid="{00000000-0002-0000-0000-000000000000}">'
    "<x14:formula1><xm:f>Lists!$A$1:$A$3</xm:f></x14:formula1><xm:sqref>B2:B4</xm:sqref>"
    "</x14:dataValidation></x14:dataValidations></ext></extLst></worksheet>"
)


@pytest.mark.filterwarnings("ignore:Data Validation extension")
@pytest.mark.parametrize(
    ("extension", "kept"), [(EXTENSION, True), (EXTENSION.replace('xmlns:x14="', 'xmlns:x15="'), False)]
)
def test_drop_downs_from_another_sheet_as_excel_writes_them_stay_where_they_are_whole(
    extension: str, kept: bool
) -> None:
    content = rewritten(
        workbook(),
        "xl/worksheets/sheet1.xml",
        lambda part: part.replace("</worksheet>", extension).replace("<worksheet ", f"<worksheet {PREFIXES} ", 1),
    )
    result = mark(content, "xlsx", FOUND, "en")
    assert result is not None
    written = [part for name, part in parts(result).items() if "worksheets/sheet" in name and "x14:formula1" in part]
    assert len(written) == kept
    assert SHEET in opened(result).sheetnames
    assert not any("xr:uid" in part for part in written)


def test_raised_characters_stay_raised() -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_rich_string("F2", "12", book.add_format({"font_script": 1}), "3")

    written = mark(workbook(fill), "xlsx", FOUND, "en")
    runs = opened(written, rich_text=True)[SHEET]["F2"].value
    assert [(str(run), getattr(getattr(run, "font", None), "vertAlign", None)) for run in runs] == [
        ("12", None),
        ("3", "superscript"),
    ]


def test_a_comment_that_was_there_stays_below_ours() -> None:
    content = workbook(lambda book, sheet: sheet.write_comment("A3", "Ask Fatima"))
    comment = opened(mark(content, "xlsx", FOUND, "en"))[SHEET]["A3"].comment.text
    assert comment.startswith(said(FOUND[0], "what", "en"))
    assert comment.endswith("Ask Fatima")


def test_what_was_found_in_merged_cells_is_marked_where_the_text_is() -> None:
    sheet = opened(mark(workbook(), "xlsx", [Finding("merged_cells", SHEET, 9, 2)], "en"))[SHEET]
    assert colour(sheet["A8"]) == COLOURS["error"]
    assert sheet["A8"].comment


def test_marked_again_only_what_is_found_now_is_marked() -> None:
    content = workbook(lambda book, sheet: sheet.write_comment("A3", "Ask Fatima"))
    once = mark(content, "xlsx", FOUND, "fr")
    assert once is not None
    again = opened(mark(once, "xlsx", [Finding("too_low", SHEET, 4, 3, "-3")], "ar"))
    assert again.sheetnames == ["للتصحيح", SHEET, "Lists"]
    sheet = again[SHEET]
    assert {c.coordinate for row in sheet.iter_rows() for c in row if c.fill.fill_type} == {"C4"}
    assert {c.coordinate: c.comment.text for row in sheet.iter_rows() for c in row if c.comment and c.row == 3} == {
        "A3": "Ask Fatima"
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_added_sheet_is_left_out_when_the_file_is_sent_again(language: str) -> None:
    book = opened(mark(workbook(), "xlsx", FOUND, language))
    sent = [
        Sheet(sheet.title, {(c.row, c.column): Cell(str(c.value), "text") for row in sheet.iter_rows() for c in row})
        for sheet in book
    ]
    renamed = Sheet("Sheet9", sent[0].cells)
    empty = Sheet("Empty", {})
    kept = without_answer(Grid("xlsx", (renamed, *sent, empty)))
    assert [sheet.name for sheet in kept.sheets] == [SHEET, "Lists", "Empty"]
    alone = Grid("xlsx", (renamed,))
    assert without_answer(alone) == alone


def test_a_sheet_of_theirs_with_our_name_is_not_replaced() -> None:
    content = workbook(name="To Correct")
    assert opened(mark(content, "xlsx", [Finding("too_low", "To Correct", 2, 3)], "en")).sheetnames == [
        "To correct 2",
        "To Correct",
        "Lists",
    ]


def test_a_sheet_name_with_a_quote_is_led_to() -> None:
    book = opened(mark(workbook(name="Côte d'Ivoire"), "xlsx", [Finding("too_low", "Côte d'Ivoire", 4, 3)], "en"))
    assert book["To correct"]["C5"].hyperlink.location == "'Côte d''Ivoire'!C4"


def test_what_is_too_much_is_cut_short_and_the_sheet_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marked, "COMMENTS", 5)
    monkeypatch.setattr(marked, "LISTED", 7)
    found = [Finding("missing_figure", SHEET, row, 5) for row in range(2, 22)]
    book = opened(mark(workbook(), "xlsx", found, "en"))
    sheet = book["To correct"]
    assert sheet["A3"].value == "Only the first 5 cells have a comment; all cells are coloured."
    assert sheet["A4"].value == "13 more findings are not in this table."
    assert sheet.max_row == 6 + 7
    cells = [c for row in book[SHEET].iter_rows() for c in row if c.fill.fill_type]
    assert (len(cells), len([c for c in cells if c.comment])) == (20, 5)


@pytest.mark.parametrize("evil", EVIL)
def test_no_text_of_an_uploader_becomes_a_formula_or_a_link(evil: str) -> None:
    found = (Finding("unknown_code", SHEET, 3, 1, evil, {"nearest": evil}), Finding("hidden_sheet", evil))
    result = mark(workbook(), "xlsx", found, "en")
    assert result is not None
    written = parts(result)
    assert sum(part.count("<f>") for part in written.values()) == 2  # the two that were there
    assert not any('TargetMode="External"' in part for part in written.values())
    assert opened(result)[SHEET]["B4"].data_type == "s"
    sheet = opened(result)["To correct"]
    values = [str(c.value) for row in sheet.iter_rows() for c in row if c.value is not None]
    assert not any(value.startswith(("=", "+", "-", "@", "\t", "\r", "＝")) for value in values)
    assert not any(c.data_type == "f" for row in sheet.iter_rows() for c in row)


def test_findings_beyond_the_sheet_break_nothing() -> None:
    found = [
        Finding("too_low", SHEET, 2_000_000, 3),
        Finding("too_low", SHEET, 3, 20_000),
        Finding("too_low", "?", 1, 1),
    ]
    sheet = opened(mark(workbook(), "xlsx", found, "en"))[SHEET]
    assert (sheet.max_row, sheet.max_column) == (9, 4)


def test_a_chart_sheet_is_passed_over() -> None:
    def fill(book: Any, sheet: Any) -> None:
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": f"='{SHEET}'!$C$2:$C$4"})
        book.add_chartsheet("Chart").set_chart(chart)

    assert SHEET in opened(mark(workbook(fill), "xlsx", [Finding("hidden_sheet", "Chart"), *FOUND], "en")).sheetnames


@pytest.mark.parametrize(
    "found",
    [
        (),
        (Finding("macros"),),
        (Finding("microdata", SHEET, 1, 2, "Passport"), Finding("too_low", SHEET, 2, 3)),
        (Finding("far_cell", SHEET, 1_048_576, 16_384),),
    ],
)
def test_what_was_not_read_or_must_not_be_kept_gets_no_copy(found: tuple[Finding, ...]) -> None:
    assert mark(workbook(), "xlsx", found, "en") is None


def test_what_is_refused_after_it_was_read_is_marked() -> None:
    assert {CODES[code] for code in marked.READ_ALL_THE_SAME} == {"refused"}
    sheet = opened(mark(workbook(), "xlsx", [Finding("header_twice", SHEET, 1, 3, "Permits")], "en"))[SHEET]
    assert colour(sheet["C1"]) == COLOURS["refused"]


def test_it_can_be_sent_to_another_process() -> None:
    again = pickle.loads(pickle.dumps((mark, FOUND)))
    assert again[0] is mark
    assert again[1] == FOUND


# -- the report -------------------------------------------------------------------------------------------------


def grid(*names: str) -> Grid:
    """The table as it was read from a text file or an ODS."""
    lines = (("Country", "Sex", "Permits"), *(tuple(map(str, row[:3])) for row in ROWS))
    cells = {(r, c): Cell(word, "text") for r, line in enumerate(lines, 1) for c, word in enumerate(line, 1)}
    return Grid("csv", tuple(Sheet(name, cells) for name in names))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["csv", "ods"])
def test_other_files_get_a_report_with_the_rows_concerned(kind: str, language: str) -> None:
    found = [Finding("unknown_code", SHEET, 3, 1, "Marocco"), Finding("row_twice", SHEET, 4), Finding("no_table")]
    book = opened(mark(b"a,b", kind, found, language, grid(SHEET)))
    first, rows = book.worksheets
    assert (first.title, rows.title) == (text("marked.sheet", language), text("marked.rows", language))
    assert {bool(s.sheet_view.rightToLeft) for s in book} == {language == "ar"}
    assert first["A2"].value == text("marked.report_intro", language)
    assert [row[2].hyperlink.location if row[2].hyperlink else None for row in first.iter_rows(min_row=5)] == [
        None,
        f"'{rows.title}'!C2",
        f"'{rows.title}'!A3",
    ]
    assert [[c.value for c in row] for row in rows.iter_rows(min_row=2)] == [
        [SHEET, 3, "Marocco", "M", "400"],
        [SHEET, 4, "TUN", "'=cmd|'/c calc'!A1", "-3"],
    ]
    assert [colour(rows[at]) for at in ("C2", "B3")] == [COLOURS["error"]] * 2


@pytest.mark.parametrize("evil", EVIL)
def test_a_report_has_no_formula_and_no_link_to_elsewhere(evil: str) -> None:
    seen = Grid("csv", (Sheet("", {(1, 1): Cell(evil, "text"), (2, 2): Cell(evil, "text")}),))
    written = report([Finding("unknown_code", "", 2, 2, evil), Finding("extra_column", "", 1, 1, evil)], "en", seen)
    whole = parts(written)
    assert not any("<f>" in part or 'TargetMode="External"' in part for part in whole.values())
    values = [str(c.value) for sheet in opened(written) for row in sheet.iter_rows() for c in row if c.value]
    assert not any(value.startswith(("=", "+", "-", "@", "\t", "\r", "＝")) for value in values)


@pytest.mark.parametrize(
    ("word", "shown"),
    [("=1", "'=1"), (" ＠x", "' ＠x"), ("-12.5", "-12.5"), ("-1+1", "'-1+1"), ("Maroc", "Maroc"), ("\t=1", "\u2409=1")],
)
def test_what_might_be_a_formula_gets_an_apostrophe(word: str, shown: str) -> None:
    assert harmless(word) == shown


def test_a_workbook_that_openpyxl_does_not_understand_gets_a_report() -> None:
    content = rewritten(workbook(), "xl/styles.xml", lambda part: part.replace("<cellXfs", "<cellXfs><nonsense"))
    assert opened(mark(content, "xlsx", FOUND, "en", grid(SHEET))).sheetnames == ["To correct", "Rows concerned"]


def test_a_workbook_that_is_too_big_gets_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marked, "CELLS", 10)
    assert opened(mark(workbook(), "xlsx", FOUND, "en")).sheetnames == ["To correct"]
