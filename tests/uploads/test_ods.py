"""OpenDocument spreadsheets as cells: each kind of cell, what is repeated, merged, hidden."""

from __future__ import annotations

import pytest
from workbooks import ods_number, ods_parts, ods_row, ods_rows, ods_text, zipped

from migstats.uploads.finding import RefusedFileError
from migstats.uploads.grid import Cell, Grid
from migstats.uploads.limits import Limits
from migstats.uploads.reading import read
from migstats.uploads.safety import inspect

STYLES = (
    '<number:percentage-style style:name="N1"><number:number number:decimal-places="2"/><number:text>%</number:text>'
    "</number:percentage-style>"
    '<number:number-style style:name="N2"><number:number number:decimal-places="0" number:grouping="true" '
    'number:display-factor="1000"/><number:text> k</number:text></number:number-style>'
    '<number:date-style style:name="N3"><number:day/><number:text>/</number:text><number:month number:style="long"/>'
    "</number:date-style>"
    '<style:style style:name="percent" style:family="table-cell" style:data-style-name="N1"/>'
    '<style:style style:name="thousands" style:family="table-cell" style:data-style-name="N2"/>'
    '<style:style style:name="day" style:family="table-cell" style:data-style-name="N3"/>'
    '<style:style style:name="up" style:family="text">'
    '<style:text-properties style:text-position="super 58%"/></style:style>'
    '<style:style style:name="gone" style:family="table"><style:table-properties table:display="false"/></style:style>'
)


def grid(content: bytes, limits: Limits | None = None) -> Grid:
    return read(content, inspect(content, "a.ods").kind, [], limits)


def one(cell: str) -> Cell | None:
    """The cell B1 that this XML makes."""
    return grid(ods_rows(ods_row(ods_text("a"), cell), styles=STYLES)).sheets[0].cells.get((1, 2))


def value(kind: str, attributes: str, shown: str = "") -> str:
    return f'<table:table-cell office:value-type="{kind}" {attributes}><text:p>{shown}</text:p></table:table-cell>'


@pytest.mark.parametrize(
    ("xml", "expected"),
    [
        (ods_text("Maroc"), Cell("Maroc", "text")),
        (ods_text('12<text:span text:style-name="up">3</text:span>'), Cell("12", "text", raised="3")),
        (ods_text("12³"), Cell("12", "text", raised="³")),
        (ods_text("a</text:p><text:p>b<text:s text:c='2'/>c<text:tab/><text:line-break/>d"), Cell("a\nb  c\t\nd",
         "text")),
        (ods_text("a<office:annotation><text:p>a comment</text:p></office:annotation>"), Cell("a", "text")),
        (ods_text(""), None),
        ("<table:table-cell/>", None),
        ('<table:table-cell office:value-type="string" office:string-value="x"/>', Cell("x", "text")),
        (ods_number("12"), Cell("12", "number")),
        (ods_number("9007199254740993", "9.00E15"), Cell("9007199254740993", "number")),
        (ods_number("0.1", "0,1"), Cell("0.1", "number")),
        (ods_number("12000", "12 k", 'table:style-name="thousands"'), Cell("12000", "number", shown_as='#,##0," k"')),
        (
            value("percentage", 'office:value="0.12" table:style-name="percent"', "12.00%"),
            Cell("0.12", "number", shown_as="0.00%"),
        ),
        (value("percentage", 'office:value="0.12"', "12%"), Cell("0.12", "number", shown_as="0%")),
        (value("currency", 'office:currency="EUR" office:value="5"', "5 €"), Cell("5", "number")),
        (value("boolean", 'office:boolean-value="true"', "VRAI"), Cell("TRUE", "boolean")),
        (value("date", 'office:date-value="2024-01-04" table:style-name="day"', "4/01"), Cell("2024-01-04", "date",
         "", "d/mm")),
        (value("date", 'office:date-value="2024-01-04T12:30:00"'), Cell("2024-01-04T12:30:00", "date")),
        (value("time", 'office:time-value="PT01H30M00S"', "01:30"), Cell("01:30:00", "date")),
        (value("date", 'office:date-value="soon"', "soon"), Cell("soon", "text")),
        (
            value("string", 'office:string-value="" calcext:value-type="error" table:formula="of:=1/0"', "#DIV/0!"),
            Cell("#DIV/0!", "error", formula="=1/0"),
        ),
        (value("float", 'office:value="0" table:formula="of:=[.A9]"', "#REF!"), Cell("#REF!", "error",
         formula="=[.A9]")),
        (value("float", 'office:value="45" table:formula="of:=SUM([.A1:.A9])"', "45"), Cell("45", "number",
         formula="=SUM([.A1:.A9])")),
        ('<table:table-cell table:formula="of:=SUM([.A1:.A9])"/>', Cell("=SUM([.A1:.A9])", "formula")),
    ],
)  # fmt: skip
def test_a_cell_is_read_as_it_was_seen(xml: str, expected: Cell | None) -> None:
    assert one(xml) == expected


def test_repeated_cells_and_rows_keep_everything_in_its_place() -> None:
    rows = (
        ods_row(
            '<table:table-cell table:number-columns-repeated="3"/>',
            ods_number("1", "1", 'table:number-columns-repeated="2"'),
        )
        + ods_row("<table:table-cell/>", attributes='table:number-rows-repeated="4"')
        + ods_row(ods_text("a"), attributes='table:number-rows-repeated="2"')
        + ods_row(ods_text("end"))
    )
    found = {place: cell.text for place, cell in grid(ods_rows(rows)).sheets[0].cells.items()}
    assert found == {(1, 4): "1", (1, 5): "1", (6, 1): "a", (7, 1): "a", (8, 1): "end"}


def test_merged_hidden_and_sheets_are_said() -> None:
    """X14, X19, X35."""
    merged = ods_text("a", 'table:number-columns-spanned="2" table:number-rows-spanned="2"')
    table = (
        '<table:table table:name="Données"><table:table-column/>'
        '<table:table-column table:visibility="collapse" table:number-columns-repeated="2"/>'
        + ods_row(merged, "<table:covered-table-cell/>", ods_text("c"))
        + ods_row('<table:covered-table-cell table:number-columns-repeated="2"/>', ods_text("c"))
        + ods_row(ods_text("filtered"), attributes='table:visibility="filter"')
        + '</table:table><table:table table:name="B" table:style-name="gone">'
        + ods_row(ods_text("secret"))
        + "</table:table>"
    )
    meta = '<meta:user-defined meta:name="form">labour_permits</meta:user-defined>'
    found = grid(zipped(ods_parts(table, styles=STYLES, meta=meta)))
    sheet = found.sheets[0]
    assert (sheet.merged, sheet.hidden_rows, sheet.hidden_columns) == (((1, 1, 2, 2),), {3}, {3})
    assert [(one.name, one.hidden) for one in found.sheets] == [("Données", False), ("B", True)]
    assert found.properties == {"form": "labour_permits"}


def test_rows_that_were_deleted_under_tracked_changes_are_none() -> None:
    changes = (
        "<table:tracked-changes><table:cell-content-change><table:previous><table:change-track-table-cell>"
        "<text:p>old</text:p></table:change-track-table-cell></table:previous>"
        "</table:cell-content-change></table:tracked-changes>"
    )
    table = f'{changes}<table:table table:name="S">{ods_row(ods_text("new"))}</table:table>'
    assert [cell.text for cell in grid(zipped(ods_parts(table))).sheets[0].cells.values()] == ["new"]


def test_the_format_of_a_column_counts_where_a_cell_has_none() -> None:
    rows = '<table:table-column table:default-cell-style-name="percent"/>' + ods_row(ods_number("0.5"))
    assert grid(ods_rows(rows, styles=STYLES)).sheets[0].cells[1, 1].shown_as == "0.00%"


def test_a_table_within_a_cell_is_refused() -> None:
    inner = f"<table:table-cell><table:table>{ods_row(ods_text('x'))}</table:table></table:table-cell>"
    with pytest.raises(RefusedFileError, match="embedded_object"):
        grid(ods_rows(ods_row(inner)))


def test_a_chart_is_harmless() -> None:
    chart = '<table:shapes><draw:frame><draw:object xlink:href="./Object 1"/></draw:frame></table:shapes>'
    assert len(grid(ods_rows(chart + ods_row(ods_text("a")))).sheets[0].cells) == 1
