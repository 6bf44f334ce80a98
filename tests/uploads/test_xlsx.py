"""Workbooks as cells: each kind of cell, each program that writes them, each thing that hides."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from workbooks import (
    HEAD,
    MAIN,
    OFFICE,
    STRICT,
    STRICT_OFFICE,
    relation,
    relations,
    rows_xlsx,
    sheet_xml,
    with_parts,
    xlsx,
    xlsx_parts,
    zipped,
)

from migstats.uploads.finding import RefusedFileError
from migstats.uploads.grid import Cell, Grid, position
from migstats.uploads.limits import Limits
from migstats.uploads.reading import pack, read, read_apart, unpack
from migstats.uploads.safety import inspect

STYLES = (
    '<numFmts count="3"><numFmt numFmtId="164" formatCode="#,##0,&quot; k&quot;"/>'
    '<numFmt numFmtId="165" formatCode="dd/mm/yyyy"/><numFmt numFmtId="166" formatCode="General"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="16"/><xf numFmtId="10"/><xf numFmtId="164"/>'
    '<xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="20"/><xf numFmtId="49"/></cellXfs>'
)
STRINGS = (
    "<si><t>Maroc</t></si>"
    "<si><r><t>12</t></r><r><rPr><vertAlign val='superscript'/></rPr><t>3</t></r></si>"
    "<si><t>12³</t></si>"
    "<si><t xml:space='preserve'> Total_x000D_\nF </t></si>"
    "<si><t>東京</t><rPh sb='0' eb='2'><t>トウキョウ</t></rPh></si>"
    "<si><t/></si>"
)


def grid(content: bytes, limits: Limits | None = None) -> Grid:
    return read(content, inspect(content, "a.xlsx").kind, [], limits)


def cells(content: bytes) -> dict[str, Cell]:
    """The cells of the first sheet by their address."""
    from migstats.uploads.grid import address

    return {address(*place): cell for place, cell in grid(content).sheets[0].cells.items()}


def one(cell: str, **facts: object) -> Cell | None:
    """The cell B2 that this XML makes."""
    facts = {"strings": STRINGS, "styles": STYLES, **facts}
    content = rows_xlsx(f'<row r="1"><c r="A1"><v>0</v></c></row><row r="2">{cell}</row>', **facts)
    return grid(content).sheets[0].cells.get((2, 2))


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        ('<c r="B2" t="s"><v>0</v></c>', Cell("Maroc", "text")),
        ('<c r="B2" t="s"><v>1</v></c>', Cell("12", "text", raised="3")),  # X22: 12, never 123
        ('<c r="B2" t="s"><v>2</v></c>', Cell("12", "text", raised="³")),
        ('<c r="B2" t="s"><v>3</v></c>', Cell(" Total\r\nF ", "text")),
        ('<c r="B2" t="s"><v>4</v></c>', Cell("東京", "text")),
        ('<c r="B2" t="s"><v>5</v></c>', None),
        ('<c r="B2" t="inlineStr"><is><t>Maroc</t></is></c>', Cell("Maroc", "text")),
        (
            '<c r="B2" t="inlineStr"><is><r><t>5</t></r><r><rPr><vertAlign val="subscript"/>'
            '</rPr><t>b</t></r></is></c>',
            Cell("5", "text", raised="b"),
        ),
        ('<c r="B2" t="str"><v>12 p</v></c>', Cell("12 p", "text")),
        ('<c r="B2" t="b"><v>1</v></c>', Cell("TRUE", "boolean")),
        ('<c r="B2" t="b"><v>0</v></c>', Cell("FALSE", "boolean")),
        ('<c r="B2" s="3"/>', None),
        ('<c r="B2" t="str"><v>  </v></c>', None),
        # X24, X32: the text of the file, exactly; the double where a program wrote 17 digits of it
        ('<c r="B2"><v>0</v></c>', Cell("0", "number")),
        ('<c r="B2" t="n"><v>-12.50</v></c>', Cell("-12.50", "number")),
        ('<c r="B2"><v>9007199254740993</v></c>', Cell("9007199254740993", "number")),
        ('<c r="B2"><v>12345678901234567890</v></c>', Cell("12345678901234567890", "number")),
        ('<c r="B2"><v>0.30000000000000004</v></c>', Cell("0.30000000000000004", "number")),
        ('<c r="B2"><v>2.2999999999999998</v></c>', Cell("2.3", "number")),
        ('<c r="B2"><v>1.2E+3</v></c>', Cell("1200", "number")),
        ('<c r="B2"><v>1E-7</v></c>', Cell("0.0000001", "number")),
        ('<c r="B2"><v>12.0</v></c>', Cell("12", "number")),
        ('<c r="B2"><v>1,5</v></c>', Cell("1,5", "text")),
        ('<c r="B2"><v>NaN</v></c>', Cell("NaN", "text")),
        # X28: how it is shown
        ('<c r="B2" s="3"><v>0.12</v></c>', Cell("0.12", "number", shown_as="0.00%")),
        ('<c r="B2" s="4"><v>12000</v></c>', Cell("12000", "number", shown_as='#,##0," k"')),
        ('<c r="B2" s="6"><v>5</v></c>', Cell("5", "number")),
        ('<c r="B2" s="8"><v>5</v></c>', Cell("5", "number", shown_as="@")),
        ('<c r="B2" s="99"><v>5</v></c>', Cell("5", "number")),
        # X33: dates, and ages that became dates
        ('<c r="B2" s="1"><v>45352</v></c>', Cell("2024-03-01", "date", shown_as="mm-dd-yy")),
        ('<c r="B2" s="2"><v>45295</v></c>', Cell("2024-01-04", "date", shown_as="d-mmm")),
        ('<c r="B2" s="5"><v>45352.5</v></c>', Cell("2024-03-01T12:00:00", "date", shown_as="dd/mm/yyyy")),
        ('<c r="B2" s="7"><v>0.5</v></c>', Cell("12:00:00", "date", shown_as="h:mm")),
        ('<c r="B2" s="1"><v>1</v></c>', Cell("1900-01-01", "date", shown_as="mm-dd-yy")),
        ('<c r="B2" s="1"><v>59</v></c>', Cell("1900-02-28", "date", shown_as="mm-dd-yy")),
        ('<c r="B2" s="1"><v>60</v></c>', Cell("60", "error", shown_as="mm-dd-yy")),  # there was no such day
        ('<c r="B2" s="1"><v>61</v></c>', Cell("1900-03-01", "date", shown_as="mm-dd-yy")),
        ('<c r="B2" s="1"><v>-3</v></c>', Cell("-3", "error", shown_as="mm-dd-yy")),
        ('<c r="B2" s="1"><v>99999999</v></c>', Cell("99999999", "error", shown_as="mm-dd-yy")),
        ('<c r="B2" t="d"><v>2024-03-01T00:00:00</v></c>', Cell("2024-03-01", "date")),
        ('<c r="B2" t="d"><v>01/03/2024</v></c>', Cell("01/03/2024", "text")),
        # X31: errors, formulas
        ('<c r="B2" t="e"><v>#REF!</v></c>', Cell("#REF!", "error")),
        ('<c r="B2" t="e"><f>A9/0</f><v>#DIV/0!</v></c>', Cell("#DIV/0!", "error", formula="=A9/0")),
        ('<c r="B2"><f>SUM(A1:A9)</f><v>45</v></c>', Cell("45", "number", formula="=SUM(A1:A9)")),
        ('<c r="B2" t="str"><f>A1&amp;"x"</f><v>ax</v></c>', Cell("ax", "text", formula='=A1&"x"')),
        ('<c r="B2" s="1"><f>TODAY()</f><v>45352</v></c>', Cell("2024-03-01", "date", "", "mm-dd-yy", "=TODAY()")),
        ('<c r="B2"><f>SUM(A1:A9)</f></c>', Cell("=SUM(A1:A9)", "formula")),
        ('<c r="B2"><f>SUM(A1:A9)</f><v></v></c>', Cell("=SUM(A1:A9)", "formula")),
        ('<c r="B2"><f>SUM(A1:A9)</f><v>0</v></c>', Cell("0", "number", formula="=SUM(A1:A9)")),
        ('<c r="B2" t="str"><f>""</f><v></v></c>', None),  # calculated: it shows nothing
        # neither prefixes nor order of attributes matter
        (f'<x:c xmlns:x="{MAIN}" t="s" r="B2"><x:v>0</x:v></x:c>', Cell("Maroc", "text")),
        ('<c r="$B$2"><v>3</v></c>', Cell("3", "number")),
        ('<c r="B2"><v>3</v><extLst><ext uri="x"><c xmlns="urn:x" r="C9"><v>9</v></c></ext></extLst></c>', Cell("3",
         "number")),
    ],
)  # fmt: skip
def test_a_cell_is_read_as_it_was_seen(xml: str, expected: Cell | None) -> None:
    assert one(xml) == expected


def test_a_zero_that_a_program_wrote_unasked_is_no_result() -> None:
    """X31: with fullCalcOnLoad nobody has calculated yet."""
    facts = {"book": '|<calcPr calcId="124519" fullCalcOnLoad="1"/>'}
    assert one('<c r="B2"><f>SUM(A1:A9)</f><v>0</v></c>', **facts) == Cell("=SUM(A1:A9)", "formula")
    assert one('<c r="B2"><f>SUM(A1:A9)</f><v>7</v></c>', **facts) == Cell("7", "number", formula="=SUM(A1:A9)")


def test_a_workbook_that_counts_from_1904() -> None:
    """X33."""
    assert one('<c r="B2" s="1"><v>43890</v></c>', book='<workbookPr date1904="1"/>|') == Cell(
        "2024-03-01", "date", shown_as="mm-dd-yy"
    )


def test_a_shared_formula_without_results_names_its_first_cell_s() -> None:
    rows = (
        '<row r="1"><c r="A1"><f t="shared" ref="A1:A2" si="0">B1*2</f><v>4</v></c></row>'
        '<row r="2"><c r="A2"><f t="shared" si="0"/></c></row>'
    )
    found = cells(rows_xlsx(rows))
    assert found == {"A1": Cell("4", "number", formula="=B1*2"), "A2": Cell("=B1*2", "formula")}


def test_cells_and_rows_without_addresses_follow_each_other() -> None:
    rows = (
        '<row><c t="inlineStr"><is><t>a</t></is></c><c/><c><v>1</v></c></row><row r="5">'
        "<c><v>2</v></c></row><row><c><v>3</v></c></row>"
    )
    assert {place: cell.text for place, cell in cells(rows_xlsx(rows)).items()} == {
        "A1": "a",
        "C1": "1",
        "A5": "2",
        "A6": "3",
    }


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>',
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1"><c r="A1"><v>2</v></c></row>',
        '<row r="1"><c r="A2"><v>1</v></c></row>',
        '<row r="1"><c r="Ä1"><v>1</v></c></row>',
        '<row r="x"><c r="A1"><v>1</v></c></row>',
        '<row r="1"><c r="A1" t="s"><v>0</v></c></row>',  # sharedStrings are missing
        '<row r="1"><c r="A1" t="s"><v>-1</v></c></row>',
        '<row r="1"><c r="A1" t="s"><v>x</v></c></row>',
        '<row r="1"><c r="A1" s="x"><v>1</v></c></row>',
        '<row r="1"><c r="A1"><v>1</c></row>',
    ],
)
def test_a_sheet_that_contradicts_itself_is_damaged(rows: str) -> None:
    with pytest.raises(RefusedFileError, match="damaged"):
        grid(rows_xlsx(rows))


def test_hidden_sheets_rows_and_columns_are_said() -> None:
    """X14, X35: filtered rows are hidden ones; a width of nought hides, too."""
    rows = (
        '<row r="1"><c r="A1"><v>1</v></c><c r="B1"><v>1</v></c><c r="D1"><v>1</v></c></row>'
        '<row r="2" hidden="1"><c r="A2"><v>2</v></c></row>'
        '<row r="3" ht="0" customHeight="1"><c r="A3"><v>3</v></c></row>'
        '<row r="4" hidden="true"/>'
    )
    cols = '<cols><col min="2" max="3" hidden="1"/><col min="4" max="4" width="0" customWidth="1"/></cols>'
    sheets = (sheet_xml(rows, cols), sheet_xml(), sheet_xml())
    found = grid(xlsx(*sheets, names=("Données", "B", "C"), states=("", "hidden", "veryHidden")))
    assert [(sheet.name, sheet.hidden) for sheet in found.sheets] == [("Données", False), ("B", True), ("C", True)]
    assert (found.sheets[0].hidden_rows, found.sheets[0].hidden_columns) == ({2, 3}, {2, 4})


def test_merged_areas_are_said_and_big_ones_as_far_as_something_stands() -> None:
    """X18, X19."""
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="4"><c r="D4"><v>1</v></c></row>'
    merge = (
        '<mergeCells><mergeCell ref="A1:C2"/><mergeCell ref="B3:B90000"/>'
        '<mergeCell ref="D4"/><mergeCell ref="Z1:AB1"/></mergeCells>'
    )
    found = grid(xlsx(sheet_xml(rows, after=merge)))
    assert found.sheets[0].merged == ((1, 1, 2, 3), (3, 2, 4, 2), (1, 26, 1, 28))


def test_the_properties_of_the_document_are_read() -> None:
    custom = (
        f'{HEAD}<Properties xmlns="{OFFICE.replace("relationships", "custom-properties")}" '
        f'xmlns:vt="{OFFICE.replace("relationships", "docPropsVTypes")}">'
        '<property fmtid="x" pid="2" name="form"><vt:lpwstr>labour_permits</vt:lpwstr></property>'
        '<property fmtid="x" pid="3" name="version"><vt:i4>1</vt:i4></property></Properties>'
    )
    root = relations(
        relation("rId1", "officeDocument", "/xl/workbook.xml"),
        relation("rId2", "custom-properties", "docProps/custom.xml"),
    )
    found = grid(with_parts({"_rels/.rels": root, "docProps/custom.xml": custom}))
    assert found.properties == {"form": "labour_permits", "version": "1"}


def test_too_much_is_refused() -> None:
    rows = "".join(f'<row r="{r}"><c r="A{r}"><v>{r}</v></c></row>' for r in range(1, 60))
    for limits, code in (
        (Limits(cells=50), "too_many_cells"),
        (Limits(written_cells=50), "too_many_cells"),
        (Limits(rows=50), "far_cell"),
        (Limits(text=1), "long_field"),
    ):
        with pytest.raises(RefusedFileError, match=code):
            grid(rows_xlsx(rows), limits)
    with pytest.raises(RefusedFileError, match="too_many_cells"):
        grid(xlsx(*[sheet_xml()] * 3), Limits(sheets=2))


# --- X48: programs that write workbooks ---

EXPECTED = {"A1": "Pays", "B1": "Permis", "A2": "Côte d'Ivoire", "B2": "12", "A3": "Maroc", "B3": "0.5"}
TABLE = [("Pays", "Permis"), ("Côte d'Ivoire", 12), ("Maroc", 0.5)]


def texts(content: bytes) -> dict[str, str]:
    return {place: cell.text for place, cell in cells(content).items()}


def by_openpyxl(path: Path) -> bytes:
    book = openpyxl.Workbook()
    for row in TABLE:
        book.active.append(row)
    book.save(path)
    return path.read_bytes()


def by_openpyxl_as_a_stream(path: Path) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Permis")
    for row in TABLE:
        sheet.append(row)
    book.save(path)
    return path.read_bytes()


def by_xlsxwriter(path: Path, **options: object) -> bytes:
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(TABLE):
            sheet.write_row(number, 0, row)
    return path.read_bytes()


def by_r_writexl(path: Path) -> bytes:
    """libxlsxwriter in constant memory: texts within the cells, no shared strings."""
    return by_xlsxwriter(path, constant_memory=True)


def by_xlsxwriter_zip64(path: Path) -> bytes:
    with xlsxwriter.Workbook(str(path)) as book:
        book.use_zip64()
        sheet = book.add_worksheet()
        for number, row in enumerate(TABLE):
            sheet.write_row(number, 0, row)
    return path.read_bytes()


GOOGLE_ROWS = (
    '<row r="1"><c r="A1" s="1" t="s"><v>0</v></c><c r="B1" s="1" t="s"><v>1</v></c><c r="C1" s="1"/></row>'
    '<row r="2"><c r="A2" s="2" t="s"><v>2</v></c><c r="B2" s="2"><v>12.0</v></c></row>'
    '<row r="3"><c r="A3" s="2" t="s"><v>3</v></c><c r="B3" s="2"><v>0.5</v></c>'
    '</row><row r="4"><c r="A4" s="2"/></row>'
)
GOOGLE_STRINGS = "<si><t>Pays</t></si><si><t>Permis</t></si><si><t>Côte d'Ivoire</t></si><si><t>Maroc</t></si>"


def in_the_manner_of_google(path: Path) -> bytes:
    """Many namespaces, `1.0` for whole numbers, dimensions wrong, styles on empty cells, extensions."""
    parts = xlsx_parts(strings=GOOGLE_STRINGS, styles="<cellXfs><xf/><xf/><xf/></cellXfs>")
    parts["xl/worksheets/sheet1.xml"] = (
        f'{HEAD}<worksheet xmlns="{MAIN}" xmlns:r="{OFFICE}" '
        f'xmlns:mx="http://schemas.microsoft.com/office/mac/excel/2008/main" '
        'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
        'xmlns:mv="urn:schemas-microsoft-com:mac:vml">'
        f'<sheetPr><outlinePr summaryBelow="0"/></sheetPr><sheetFormatPr customHeight="1"/>'
        f'<sheetData>{GOOGLE_ROWS}</sheetData><drawing r:id="rId1"/></worksheet>'
    )
    return zipped(parts)


def in_the_manner_of_wps(path: Path) -> bytes:
    """Kingsoft's extensions, line ends, custom properties of its own, standalone quotes."""
    rows = (
        GOOGLE_ROWS.replace(' s="1"', "")
        .replace(' s="2"', "")
        .replace("12.0", "12")
        .replace("<row ", '\n<row spans="1:3" ')
    )
    parts = xlsx_parts(
        sheet_xml(
            rows,
            '<sheetPr/><dimension ref="A1:XFD1048576"/>',
            '<extLst><ext uri="x" xmlns:etc="http://www.wps.cn/officeDocument/2017/etCustomData"/></extLst>',
        ),
        strings=f"<!-- WPS -->{GOOGLE_STRINGS}",
    )
    return zipped({name: str(text).replace("\n", "\r\n") for name, text in parts.items()})


def in_the_manner_of_spss(path: Path) -> bytes:
    """Java libraries: no addresses, UTF-16 parts, absolute targets, names in other case."""
    rows = (
        '<row><c t="inlineStr"><is><t>Pays</t></is></c><c t="inlineStr"><is><t>Permis</t></is></c></row>'
        '<row><c t="inlineStr"><is><t>Côte d\'Ivoire</t></is></c><c><v>12</v></c></row>'
        '<row><c t="inlineStr"><is><t>Maroc</t></is></c><c><v>5E-1</v></c></row>'
    )
    parts = xlsx_parts(sheet_xml(rows))
    text = str(parts.pop("xl/worksheets/sheet1.xml")).replace("UTF-8", "UTF-16")
    parts["xl/Worksheets/Sheet1.xml"] = text.encode("utf-16")
    parts["xl/_rels/workbook.xml.rels"] = relations(relation("rId1", "worksheet", "/xl/worksheets/sheet1.xml"))
    return zipped(parts)


def in_the_manner_of_the_open_xml_sdk(path: Path) -> bytes:
    """Every name with the prefix `x:`."""
    rows = GOOGLE_ROWS.replace("12.0", "12").replace("<row", "<x:row").replace("</row", "</x:row")
    rows = rows.replace("<c ", "<x:c ").replace("</c>", "</x:c>").replace("<v>", "<x:v>").replace("</v>", "</x:v>")
    parts = xlsx_parts(strings=GOOGLE_STRINGS)
    parts["xl/worksheets/sheet1.xml"] = f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>{rows}</x:sheetData></x:worksheet>'
    parts["xl/workbook.xml"] = (
        f'<x:workbook xmlns:x="{MAIN}"><x:sheets><x:sheet name="S" sheetId="1" d:id="rId1" xmlns:d="{OFFICE}"/>'
        "</x:sheets></x:workbook>"
    )
    return zipped(parts)


def strict(path: Path) -> bytes:
    rows = GOOGLE_ROWS.replace("12.0", "12")
    return zipped(xlsx_parts(sheet_xml(rows, main=STRICT), strings=GOOGLE_STRINGS, main=STRICT, office=STRICT_OFFICE))


@pytest.mark.parametrize(
    "made",
    [
        by_openpyxl,
        by_openpyxl_as_a_stream,
        by_xlsxwriter,
        by_xlsxwriter_zip64,
        by_r_writexl,
        in_the_manner_of_google,
        in_the_manner_of_wps,
        in_the_manner_of_spss,
        in_the_manner_of_the_open_xml_sdk,
        strict,
    ],
    ids=lambda made: made.__name__,
)
def test_whichever_program_wrote_it(made: object, tmp_path: Path) -> None:
    """X48."""
    assert texts(made(tmp_path / "a.xlsx")) == EXPECTED  # type: ignore[operator]


def test_formulas_dates_and_formats_of_real_writers(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        sheet.write_formula("A1", "=SUM(B1:B2)")
        sheet.write_formula("A2", "=SUM(B1:B2)", value=7)
        sheet.write_datetime("A3", dt.datetime(2024, 3, 1), book.add_format({"num_format": "dd/mm/yyyy"}))
        sheet.write_rich_string("A4", "12", book.add_format({"font_script": 1}), "3")
        sheet.write_comment("A4", "a comment")
        sheet.merge_range("B1:C1", "merged")
        sheet.set_row(2, None, None, {"hidden": True})
        sheet.data_validation("D1:D9", {"validate": "list", "source": ["F", "M"]})
        book.set_custom_property("form", "labour_permits")
        book.add_worksheet("hidden").hide()
    found = grid(path.read_bytes())
    sheet = found.sheets[0]
    assert sheet.cells[1, 1] == Cell("=SUM(B1:B2)", "formula")
    assert sheet.cells[2, 1] == Cell("7", "number", formula="=SUM(B1:B2)")
    assert sheet.cells[3, 1] == Cell("2024-03-01", "date", shown_as="dd/mm/yyyy")
    assert sheet.cells[4, 1] == Cell("12", "text", raised="3")
    assert (sheet.merged, sheet.hidden_rows) == (((1, 2, 1, 3),), {3})
    assert (found.properties["form"], found.sheets[1].hidden) == ("labour_permits", True)


def test_what_is_sent_between_processes_is_what_was_read(tmp_path: Path) -> None:
    rows = (
        '<row r="1" hidden="1"><c r="A1" t="s"><v>1</v></c><c r="B1" t="s"><v>1</v></c>'
        '<c r="C1" t="e"><v>#N/A</v></c></row>'
    )
    content = rows_xlsx(rows, strings=STRINGS)
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    found, inspected = read_apart(path, "a.xlsx", [])
    assert found == grid(content) == unpack(pack(found))
    assert inspected.kind == "xlsx"


def test_reading_takes_a_fifth_of_a_millisecond_a_row() -> None:
    """P22: 60 seconds for 50,000 rows of eight columns; reading may take ten of them, of this process's own time."""
    texts_ = "".join(f"<si><t>pays {number}</t></si>" for number in range(200))
    rows = "".join(
        f'<row r="{r}"><c r="A{r}" t="s"><v>{r % 200}</v></c><c r="B{r}" t="s"><v>1</v>'
        f'</c><c r="C{r}" s="3"><v>{r}</v></c>'
        f'<c r="D{r}"><v>{r * 7}</v></c><c r="E{r}"><v>{r}.5</v></c><c r="F{r}" s="1">'
        f'<v>{r}</v></c><c r="G{r}"><v>1</v></c>'
        f'<c r="H{r}"><v>0</v></c></row>'
        for r in range(1, 10_001)
    )
    content = rows_xlsx(rows, strings=texts_, styles=STYLES)
    began = time.process_time()
    found = grid(content)
    assert time.process_time() - began < 2
    assert len(found.sheets[0].cells) == 80_000
    assert found.sheets[0].cells[10_000, 4].text == "70000"
    assert position("H10000") in found.sheets[0].cells
