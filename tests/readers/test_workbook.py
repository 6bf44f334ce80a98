from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections import Counter

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from python_calamine import CalamineWorkbook

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.layout import WorkbookLayout, WorkbookTable
from migstats.readers import PLACE, ROW, VALUE, workbook, xlsx

RAISED = InlineFont(vertAlign="superscript")


def layout(**changes):
    declared = {
        "sheet": "Table 1",
        "columns": {"area": ("Region, country or area", "Country"), "code": ("Location code",)},
        "key": "code",
    }
    return WorkbookLayout(format="workbook", tables=(WorkbookTable(**(declared | changes)),))


#: Title, labels of blocks, headers and three rows, as UN DESA lays them out.
GRID = {
    "C2": "International Migrant Stock",
    "C4": "both sexes",
    "E4": "males",
    "A6": "Location\n code ",
    "B6": "REGION,  country or area",
    "C6": 1990,
    "D6": 2024,
    "E6": 1990,
    "F6": 2024,
    "A7": 900,
    "B7": "World",
    "C7": 153916063,
    "D7": 304021813,
    "E7": 0.1,
    "F7": "..",
    "A8": 504,
    "B8": " Morocco*",
    "C8": 0,
    "D8": "~",
    "E8": "—",
}


def save(cells=GRID, sheet="Table 1", before=None):
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    for place, value in cells.items():
        page[place] = value
    if before:
        before(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def edit(payload, path, change):
    """The workbook with one member rewritten, as another program might have written it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(payload)) as old, zipfile.ZipFile(out, "w") as new:
        for name in {path: 0} | dict.fromkeys(old.namelist()):
            data = old.read(name) if name in old.namelist() else b""
            new.writestr(name, change(data) if name == path else data)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def with_cell(xml):
    """The small table with cell C7 written like this."""
    return edit(save(), SHEET, lambda raw: re.sub(rb'<c r="C7".*?</c>', lambda m: xml.encode(), raw))


def figures(table):
    return {r[PLACE].replace("{}", str(r[ROW])): r[VALUE] for r in table.data.to_pylist()}


def one(value, **changes):
    """What the reader makes of one figure cell: its text and its note."""
    payload = save(GRID | {"C7": value}) if not isinstance(value, bytes) else value
    table = workbook.read(payload, layout(**changes))
    found = {r[PLACE].format(r[ROW]): (r[VALUE], r["_note"]) for r in table.data.to_pylist()}
    assert workbook.locate(payload, "Table 1!C7", layout()) == found["Table 1!C7"][0]
    return found["Table 1!C7"]


def test_a_table_is_found_by_its_headers_and_every_figure_has_its_place(keeps_the_contract):
    payload = save()
    table = workbook.read(payload, layout())
    assert table.data.slice(0, 1).to_pylist() == [
        {
            "area": "World",
            "code": "900",
            "block": "both sexes",
            "period": "1990",
            "_note": None,
            VALUE: "153916063",
            PLACE: "Table 1!C{}",
            ROW: 7,
        }
    ]
    assert figures(table) == {
        "Table 1!C7": "153916063",
        "Table 1!D7": "304021813",
        "Table 1!E7": "0.1",
        "Table 1!F7": "..",
        "Table 1!C8": "0",
        "Table 1!D8": "~",
        "Table 1!E8": "—",
    }
    assert [(e.reason, e.count, e.example) for e in table.explained] == [("blank", 1, "Table 1!F8")]
    assert table.landed == 2 * 4
    assert Counter(table.data["block"].to_pylist()) == {"both sexes": 4, "males": 3}
    keeps_the_contract(workbook, payload, table, layout())


def test_position_of_rows_and_columns_does_not_matter():
    def moved(place):
        column, row = re.fullmatch(r"([A-Z])(\d)", place).groups()
        return f"{chr(ord(column) + 3)}{int(row) + 9}"

    here, there = (workbook.read(save(c), layout()) for c in (GRID, {moved(k): v for k, v in GRID.items()}))
    facts = [t.data.drop_columns([PLACE, ROW]).to_pylist() for t in (here, there)]
    assert facts[0] == facts[1]
    assert figures(there)["Table 1!F16"] == "153916063"


def test_a_header_of_two_rows_is_read_to_its_last_row():
    cells = {k: v for k, v in GRID.items() if k[1] != "4" and k not in ("A6", "B6")}
    cells |= {"A5": "Location code", "B5": "Country", "C5": "both sexes", "E5": "males"}
    merged = save(cells, before=lambda book: [book.active.merge_cells(a) for a in ("A5:A6", "B5:B6")])
    for payload in (merged, save(cells)):
        table = workbook.read(payload, layout())
        assert figures(table) == figures(workbook.read(save(), layout()))
        assert table.data["block"].to_pylist()[2] == "males"


@pytest.mark.parametrize(
    ("held", "is_figure"),
    [
        (7, True),
        ("7", True),
        (" 1 234 ", True),
        ("-1,5", True),
        ("12³", True),
        ("Source: Census 2020", False),
        ("2020 revision", False),
        ("NA", False),
        ("(7)", False),
    ],
)
def test_a_number_in_a_row_without_a_key_is_kept_even_if_it_is_stored_as_text(held, is_figure):
    table = workbook.read(save(GRID | {"B10": "Totals", "D10": held}), layout())
    assert (table.data[ROW].to_pylist()[-1] == 10) is is_figure
    assert ("header_or_note" in {e.reason for e in table.explained}) is not is_figure


def test_rows_without_a_key_are_explained_unless_they_hold_a_number():
    cells = GRID | {"B9": "AFRICA", "B10": "Totals", "C10": 7, "C11": "Source: nobody", "D11": "#REF!"}
    table = workbook.read(save(cells), layout())
    assert {e.reason: (e.count, e.example) for e in table.explained} == {
        "blank": (1 + 4 + 3 + 2, "Table 1!F8"),
        "header_or_note": (1, "Table 1!C11"),
    }
    number, error = table.data.to_pylist()[-2:]
    assert (number["code"], number["area"], number[VALUE], number[ROW]) == (None, "Totals", "7", 10)
    assert (error["code"], error[VALUE], error[ROW]) == (None, "#REF!", 11)
    assert table.landed == 5 * 4


@pytest.mark.parametrize(
    ("value", "text", "note"),
    [
        (12, "12", None),
        (12.0, "12", None),
        (5743494.979000002, "5743494.979000002", None),
        (1e-7, "0.0000001", None),
        (-3, "-3", None),
        (True, "TRUE", None),
        (" 1 234", " 1 234", None),
        ("12³", "12", "³"),
        ("5ᵇ", "5", "ᵇ"),
        ("5*", "5*", None),
        ("007", "007", None),
        ("NA", "NA", None),
        ("1E5", "1E5", None),
        (CellRichText("12", TextBlock(RAISED, "3")), "12", "3"),
        (CellRichText(TextBlock(RAISED, "a")), None, "a"),
        ("#REF!", "#REF!", None),
        ("=1+1", "=1+1", None),
    ],
)
def test_the_text_of_a_figure_is_what_the_cell_holds(value, text, note):
    assert one(value) == (text, note)


@pytest.mark.parametrize(
    ("xml", "text"),
    [
        ('<c r="C7"><v>0.10000000000000001</v></c>', "0.1"),
        ('<c r="C7"><v>1.5390000000000001E5</v></c>', "153900"),
        ('<c r="C7" t="n"><v>12345678901234567890</v></c>', "12345678901234567890"),
        ('<c r="C7"><v>9007199254740993</v></c>', "9007199254740993"),
        ('<c r="C7" t="e"><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c r="C7"><f>A1+1</f><v>5</v></c>', "5"),
        ('<c r="C7"><f>A1+1</f></c>', "=A1+1"),
        ('<c r="C7"><f>A1+1</f><v></v></c>', "=A1+1"),
        ('<c r="C7"><f>A1&amp;"x"</f><v/></c>', '=A1&"x"'),
        ('<c r="C7" t="str"><f>A1</f><v>..</v></c>', ".."),
        ('<c r="C7" t="inlineStr"><is><t>a&amp;b</t></is></c>', "a&b"),
        ('<c t="inlineStr" r="C7"><is><r><t>1</t></r><rPh sb="0" eb="1"><t>x</t></rPh></is></c>', "1"),
        ('<c s="1" r="C7"><v>8</v></c>', "8"),
    ],
)
def test_every_way_of_writing_a_cell_is_read(xml, text):
    assert one(with_cell(xml))[0] == text


def test_a_raised_mark_of_a_shared_string_is_a_note_and_not_a_digit():
    strings = (
        '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>x</t></si><si>'
        '<r><rPr><b/></rPr><t xml:space="preserve">1 2</t></r>'
        '<r><rPr><vertAlign val="superscript"/></rPr><t>3</t></r><r><t>4</t></r>'
        '<phoneticPr fontId="1"/></si></sst>'
    )
    payload = edit(with_cell('<c r="C7" t="s"><v>1</v></c>'), "xl/sharedStrings.xml", lambda raw: strings.encode())
    assert one(payload) == ("1 24", "3")


def test_the_declared_size_of_a_sheet_is_not_believed():
    payload = edit(save(), SHEET, lambda raw: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1"', raw))
    assert b'<dimension ref="A1"' in zipfile.ZipFile(io.BytesIO(payload)).read(SHEET)
    assert workbook.read(payload, layout()).landed == 8


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: re.sub(rb'(<row|<c) r="[0-9A-Z]+"', rb"\1", raw),
        lambda raw: raw.replace(b"<sheetData>", b"<!-- by hand --><sheetData>"),
        lambda raw: re.sub(rb"<(/?)(?=[a-zA-Z])", rb"<\1x:", raw).replace(b"xmlns=", b"xmlns:x="),
        lambda raw: re.sub(rb'(<row) (r="\d+")([^>]*)>', rb"\1\3 \2>", raw),
    ],
    ids=["no references", "a comment", "prefixes", "attributes turned"],
)
def test_other_producers_write_the_same_table(change):
    cells = {k: v for k, v in GRID.items() if k[1] in "678"}
    cells = {
        k.replace("6", "1").replace("7", "2").replace("8", "3") if k != "E8" else "E3": v for k, v in cells.items()
    }
    payload = save(cells)
    plain = layout(blocks=False, periods="(19|20)[0-9]{2}")
    with_period_twice = {k: v for k, v in cells.items() if k[0] not in "EF"}
    payload = save(with_period_twice)
    expected = workbook.read(payload, plain)
    got = workbook.read(edit(payload, SHEET, change), plain)
    assert figures(got) == figures(expected)
    assert len(figures(got)) == 4


@pytest.mark.parametrize(
    ("cells", "changes", "said"),
    [
        ({}, {"sheet": "Table 9"}, "no sheet 'Table 9'; it has 'Table 1'"),
        ({"A6": "Code"}, {}, r"row 6: no header for code \(Location code\).*'Code'"),
        ({"A6": None, "B6": None}, {}, "no row holds any of the headers"),
        ({"G6": "Country"}, {}, "area in B, G"),
        ({"D6": 1990}, {}, "twice"),
        ({"C6": "x", "D6": "x", "E6": "x", "F6": "x"}, {}, "no header over figures"),
        ({"C4": None}, {}, "label of each block"),
        ({}, {"sheet": "Table 1", "blocks": False}, "twice"),
    ],
)
def test_a_table_that_moved_beyond_its_headers_is_drift(cells, changes, said):
    with pytest.raises(DriftError, match=said):
        workbook.read(save(GRID | cells), layout(**changes))


@pytest.mark.parametrize("header", ["2024*", "2024 (a)", "mid-2024", "2022/23", None, "Total"])
@pytest.mark.parametrize("figure", [304021813, "304 021 813"], ids=["number", "number as text"])
def test_numbers_under_a_header_that_is_no_period_are_not_passed_over(header, figure):
    said = (
        rf"row 6: numbers stand in columns .*: D \(header '{re.escape(header or '')}', first D7: {figure}\).*`outside`"
    )
    with pytest.raises(DriftError, match=said):
        workbook.read(save(GRID | {"D6": header, "D7": figure}), layout())


def test_numbers_beside_the_last_figure_are_not_passed_over_and_remarks_and_an_index_are():
    with pytest.raises(DriftError, match=r"G \(header '', first G8: 5\)"):
        workbook.read(save(GRID | {"G8": 5}), layout())
    index = {f"{chr(ord(place[0]) + 1)}{place[1:]}": value for place, value in GRID.items()} | {"A7": 1, "A8": 2}
    remarks = {"H7": "see the notes", "H9": 2019}
    assert len(figures(workbook.read(save(index | remarks), layout()))) == 7


def test_a_period_before_the_last_declared_column_is_missed_too():
    moved = {
        "A6": "Country",
        "B6": "2019*",
        "C6": "Location code",
        "D6": 2020,
        "A7": "Morocco",
        "B7": 5,
        "C7": 504,
        "D7": 6,
    }
    with pytest.raises(DriftError, match=r"B \(header '2019\*', first B7: 5\)"):
        workbook.read(save(moved), layout(blocks=False))


HEADERS = {"A10": "Location code", "B10": "Country", "C10": 1980, "D10": 1985, "E10": 1980, "F10": 1985}


@pytest.mark.parametrize(
    ("further", "row"),
    [
        (HEADERS, 10),
        (HEADERS | {"A10": "LOCATION  code"}, 10),
        ({"A9": "Code", "B9": "Pays", "C9": 1990, "D9": 2024, "E9": 1990, "F9": 2024}, 9),
    ],
)
def test_a_header_among_the_rows_begins_another_table_and_is_drift(further, row):
    below = {f"A{row + 1}": 788, f"C{row + 1}": 5}
    with pytest.raises(DriftError, match=rf"sheet 'Table 1' row {row}: the header of row 6 stands there once more"):
        workbook.read(save(GRID | further | below), layout())


def test_figures_that_look_like_a_header_are_figures():
    row = {"A9": 788, "B9": "Country", "C9": 1990, "D9": 2024, "E9": 1990, "F9": 2023}
    assert figures(workbook.read(save(GRID | row), layout()))["Table 1!D9"] == "2024"


def test_what_is_declared_to_be_outside_is_counted():
    payload = save(GRID | {"G6": "Change\n1990-2024", "G7": 0.5, "G8": "..", "H6": "Total", "H7": 5})
    table = workbook.read(payload, layout(outside="Change .*|Total"))
    assert {e.reason: (e.count, e.example) for e in table.explained} == {
        "blank": (1, "Table 1!F8"),
        "outside_tables": (3, "Table 1!G7"),
    }
    assert table.landed == 7 + 1 + 3
    with pytest.raises(DriftError, match="H "):
        workbook.read(payload, layout(outside="Change .*"))


def test_a_header_may_hold_more_than_its_period():
    grid = GRID | {"D6": "2024*", "F6": "2024*"}
    table = workbook.read(save(grid), layout(periods=r"(?P<period>(19|20)[0-9]{2})[*]?"))
    assert set(table.data["period"].to_pylist()) == {"1990", "2024"}


def test_a_table_with_the_same_headers_and_another_title_is_another_table():
    by = {n: save(GRID | {"C2": f"Table 1:  Migrant stock\n by {n}, 1990-2024"}) for n in ("destination", "origin")}
    table = layout(title="^Table 1.* by destination, ")
    assert workbook.read(by["destination"], table).landed == 8
    with pytest.raises(DriftError, match=r"no text above the header in row 6 matches .*by origin, 1990-2024.*`title`"):
        workbook.read(by["origin"], table)
    below = save({**GRID, "A9": "Table 1: Migrant stock by destination, 1990-2024"})
    with pytest.raises(DriftError, match="no text above"):
        workbook.read(below, table)


DAY = dt.datetime(2020, 5, 5)


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (DAY, "yyyy-mm-dd", "2020-05-05"),
        (DAY, "mm-dd-yy", "2020-05-05"),
        (DAY.replace(hour=12), 'd" de "mmmm hh:mm', "2020-05-05T12:00:00"),
        (1, "d/m/yyyy", "1900-01-01"),
        (61, "d/m/yyyy", "1900-03-01"),
        (1e9, "d/m/yyyy", "1000000000 (a date)"),
        (43956, "General", "43956"),
        (43956, '#,##0 "days and months"', "43956"),
        (43956, "[Red]#,##0;[<0]-0", "43956"),
        (0.12, "0.00%", "0.12"),
    ],
)
def test_a_date_is_no_number_of_persons(value, form, text):
    def formatted(book):
        book.active["C7"].number_format = form

    assert one(save(GRID | {"C7": value}, before=formatted)) == (text, None)


def test_days_may_count_from_1904():
    def mac(book):
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904

    assert one(save(GRID | {"C7": DAY}, before=mac)) == ("2020-05-05", None)


def test_styles_by_another_producer_tell_dates_as_well():
    payload = edit(save(GRID | {"C7": DAY}), "xl/styles.xml", lambda raw: re.sub(rb'="([^"]*)"', rb"='\1'", raw))
    assert one(payload) == ("2020-05-05", None)


def test_headers_over_figures_tell_them_apart_where_there_are_several():
    assert workbook.read(save(), layout()).dimensions == (("block",), ("period",))
    single = {"A6": "Country", "B6": "Location code", "C6": "2020", "A7": "Morocco", "B7": 504, "C7": 6}
    assert workbook.read(save(single), layout(blocks=False)).dimensions == ()


def test_hidden_sheets_and_merged_figures_are_not_guessed_about():
    def hide(book):
        book.create_sheet("open")
        book["Table 1"].sheet_state = "hidden"

    with pytest.raises(DriftError, match="hidden"):
        workbook.inspect(save(before=hide), layout())
    with pytest.raises(DriftError, match="C7:D7 are merged"):
        workbook.read(save(before=lambda book: book.active.merge_cells("C7:D7")), layout())


@pytest.mark.parametrize(
    ("payload", "error", "said"),
    [
        (b"", PublisherError, "empty"),
        (b"<!DOCTYPE html><html><title>Maintenance</title>", TryAgainError, "Maintenance"),
        (b"code,value\n1,2\n", TryAgainError, "not an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", PublisherError, "password"),
        (b"%PDF-1.7", PublisherError, "PDF"),
        (save()[:2000], TryAgainError, "damaged"),
        (re.sub(rb"(PK\x01\x02..).", rb"\1c", save(), count=1, flags=re.DOTALL), PublisherError, "save it again"),
        (edit(save(), SHEET, lambda raw: raw[:300]), PublisherError, "XML"),
        (edit(save(), SHEET, lambda raw: b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + raw), PublisherError, "DOCTYPE"),
        (edit(save(), "xl/workbook.xml", lambda raw: b"<!DOCTYPE x>" + raw), PublisherError, "DOCTYPE"),
        (with_cell('<c r="C7" t="s"><v>9999</v></c>'), PublisherError, "cell C7 cannot be read"),
        (with_cell('<c r="7C"><v>1</v></c>'), PublisherError, "'7C' is no cell reference"),
    ],
)
def test_what_is_no_whole_workbook_is_refused(payload, error, said):
    with pytest.raises(error, match=said):
        workbook.read(payload, layout())


def test_a_zip_without_a_workbook_is_refused():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(PublisherError, match=r"workbook\.xml"):
        workbook.inspect(out.getvalue(), layout())


def test_what_would_not_fit_into_memory_is_refused(monkeypatch):
    with pytest.raises(PublisherError, match="more than 10 cells"):
        workbook.read(save(), layout().model_copy(update={"max_cells": 10}))
    monkeypatch.setattr(xlsx, "_MAX_UNPACKED", 1000)
    with pytest.raises(PublisherError, match="unpacks to"):
        workbook.inspect(save(), layout())


def test_several_tables_become_one():
    def second(book):
        page = book.create_sheet("Table 2")
        for place, value in {"A1": "Code", "B1": 2020, "A2": 4, "B2": 5}.items():
            page[place] = value

    tables = (
        layout().tables[0],
        WorkbookTable(sheet="Table 2", columns={"code": ("Code",)}, key="code", blocks=False),
    )
    table = workbook.read(save(before=second), WorkbookLayout(format="workbook", tables=tables))
    assert table.landed == 8 + 1
    last = table.data.to_pylist()[-1]
    assert (last["area"], last["code"], last["block"], last["period"], last[VALUE]) == (None, "4", "", "2020", "5")
    assert last[PLACE].format(last[ROW]) == "Table 2!B2"


#: Destinations down, origins across; the header ends one row below that of the other columns, and is merged there.
MATRIX = {
    "A1": "Table 16. Total migrant stock, 2015",
    "A3": "Sort\norder",
    "B3": "Country code",
    "C3": "Country of origin",
    "C4": "Total",
    "D4": "Albania",
    "E4": "Côte d'Ivoire",
    "A5": 1,
    "B5": 900,
    "C5": 7,
    "D5": 3,
    "E5": 4,
    "A6": 2,
    "B6": 504,
    "C6": 3,
    "D6": 3,
}
OF_MATRIX = {
    "sheet": "Table [0-9]+",
    "each": True,
    "title": r"^Table [0-9]+[.] (?P<sex>Total|Male) migrant stock, (?P<year>[0-9]{4})$",
    "columns": {"code": ("Country code",)},
    "periods": "(?P<origin>.+)",
    "blocks": False,
}


def matrix(sheet="Table 16", cells=None, second=None):
    """One table, or two of the same shape, the other with these cells of its own."""

    def before(book):
        pages = [book[sheet]]
        if second:
            pages.append(book.create_sheet("Table 17"))
            for place, value in (MATRIX | second).items():
                pages[1][place] = value
        for page in pages:
            page.merge_cells("A3:A4")
            page.merge_cells("B3:B4")

    return save(MATRIX | (cells or {}), sheet, before)


def test_what_stands_across_becomes_a_column_of_its_name_and_the_title_says_the_rest():
    table = workbook.read(matrix(), layout(**OF_MATRIX))
    first = {"code": "900", "block": "", "origin": "Total", "sex": "Total", "year": "2015", "_note": None}
    assert table.data.slice(0, 1).to_pylist() == [first | {VALUE: "7", PLACE: "Table 16!C{}", ROW: 5}]
    assert table.data["origin"].to_pylist() == ["Total", "Albania", "Côte d'Ivoire", "Total", "Albania"]
    assert [(e.reason, e.count, e.example) for e in table.explained] == [("blank", 1, "Table 16!E6")]
    assert (table.landed, table.dimensions) == (6, (("origin",),))


def test_each_sheet_of_a_pattern_has_the_table_and_its_own_title():
    males = {"A1": "Table 17. Male migrant stock, 2015", "C5": 2}
    table = workbook.read(matrix(second=males), layout(**OF_MATRIX))
    told = {(r["sex"], r[PLACE].format(r[ROW])): r[VALUE] for r in table.data.to_pylist()}
    assert (told["Total", "Table 16!C5"], told["Male", "Table 17!C5"], table.landed) == ("7", "2", 12)
    assert table.dimensions == (("origin",), ("sex",))
    assert workbook.locate(matrix(second=males), "Table 17!C5", layout(**OF_MATRIX)) == "2"


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (matrix("Annex 16"), r"no sheet 'Table \[0-9\]\+'; it has 'Annex 16'"),
        (matrix(cells={"A1": "Table 16. Migrant stock, 2015"}), "matches the title"),
        (matrix(cells={"A2": "Table 16. Male migrant stock, 2015"}), "do not say the same"),
        (matrix(cells={"E4": "Albania"}), r"twice \(block, origin\): \[\('', 'Albania'\)\]"),
        (matrix(cells={"F5": 9}), r"numbers stand in columns .*: F"),
    ],
    ids=["sheet", "title", "two titles", "two columns", "a number beside"],
)
def test_a_matrix_that_moved_is_drift(payload, said):
    with pytest.raises(DriftError, match=said):
        workbook.read(payload, layout(**OF_MATRIX))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"periods": "(?P<code>.+)"}, "'code' stands twice"),
        ({"title": "(?P<origin>.+)"}, "'origin' stands twice"),
        ({"sheet": "Table ("}, "sheet 'Table \\(' is no regular expression"),
    ],
)
def test_a_layout_names_each_column_once(changes, said):
    with pytest.raises(ValueError, match=said):
        layout(**OF_MATRIX | changes)


AREA = "Region, development group, country or area"
UN_DESA = {
    "area": (
        AREA,
        f"{AREA} of destination",
        f"{AREA} of origin",
        "Major area, region, country or area of destination",
    ),
    "code": ("Location code", "Country code", "Code"),
}
WITH_TYPE = UN_DESA | {"type": ("Data type", "Type of data", "Type of data (a)")}

#: File, columns, sheet and periods; landed, figures.
REAL = [
    ("undesa_pd_2024_ims_stock_by_sex_and_destination.xlsx", WITH_TYPE, {}, 287 * 24, 287 * 24 - 48),
    ("undesa_pd_2024_ims_stock_by_sex_and_destination.xlsx", UN_DESA, {"sheet": "Table 3"}, 287 * 24, 287 * 24 - 48),
    ("undesa_pd_2020_ims_stock_by_sex_and_destination.xlsx", WITH_TYPE, {}, 283 * 21, 283 * 21),
    ("undesa_pd_2020_ims_stock_by_sex_and_destination__earlier_vintage.xlsx", WITH_TYPE, {}, 283 * 21, 283 * 21),
    ("undesa_pd_2020_ims_stock_by_sex_and_origin.xlsx", UN_DESA, {}, 284 * 21, 284 * 21),
    ("undesa_pd_2019_migrant_stock_total_dataset.xlsx", WITH_TYPE, {}, 283 * 21, 279 * 21),
    ("UN_MigrantStockTotal_2019.xlsx", WITH_TYPE, {}, 283 * 21, 279 * 21),
    (
        "UN_MigrantStockByOriginAndDestination_2015.xlsx",
        WITH_TYPE,
        {"sheet": "Table 16", "periods": ".+"},
        265 * 235,
        19651,
    ),
]


def real(payloads, name, columns, changes):
    payload = (payloads / "un_desa" / name).read_bytes()
    table = layout(columns=columns, **changes)
    return payload, workbook.read(payload, table), table.tables[0].sheet


@pytest.mark.payloads
@pytest.mark.parametrize(("name", "columns", "changes", "landed", "rows"), REAL)
def test_real_workbooks_equal_what_calamine_reads(payloads, keeps_the_contract, name, columns, changes, landed, rows):
    payload, table, sheet = real(payloads, name, columns, changes)
    assert (table.landed, table.data.num_rows) == (landed, rows)
    page = CalamineWorkbook.from_filelike(io.BytesIO(payload)).get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    for place, text in figures(table).items():
        column, row = openpyxl.utils.cell.coordinate_from_string(place.split("!")[1])
        value = page[row - 1][openpyxl.utils.cell.column_index_from_string(column) - 1]
        assert text == (value if isinstance(value, str) else str(value).removesuffix(".0")), place
    keeps_the_contract(workbook, payload, table, layout())


@pytest.mark.payloads
def test_golden_figures_of_un_desa(payloads):
    payload, table, _ = real(payloads, REAL[0][0], WITH_TYPE, {})
    rows = {(r["code"], r["block"][-12:], r["period"]): r for r in table.data.to_pylist()}
    world = rows["900", "xes combined", "2024"]
    assert (world[VALUE], world[PLACE].format(world[ROW])) == ("304021813", "Table 1!M12")
    morocco = rows["504", "xes combined", "2024"]
    assert (morocco[VALUE], morocco["type"]) == ("111069", "C R")
    assert workbook.locate(payload, "Table 1!M12", layout()) == "304021813"
    for name in (REAL[2][0], REAL[3][0], REAL[4][0]):
        _, table, _ = real(payloads, name, UN_DESA, {})
        world = [r for r in table.data.to_pylist() if r["code"] == "900" and r["period"] == "2020"]
        assert world[0][VALUE] == "280598105"


@pytest.mark.payloads
def test_both_byte_versions_of_2020_hold_the_same_facts(payloads):
    one, other = (real(payloads, REAL[i][0], WITH_TYPE, {})[1].data for i in (2, 3))
    assert one.equals(other)
