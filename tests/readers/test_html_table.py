"""Tables of web pages: found by caption and headers, spans expanded, raised marks never glued to digits."""

from __future__ import annotations

from typing import Any

import pytest

from migstats.errors import DriftError, MigstatsError, PublisherError, TryAgainError
from migstats.layout import HtmlTableLayout
from migstats.readers import NOTE, PLACE, ROW, VALUE, TextTable, html_cells, reader_for

HEADER = "<tr><th>Year</th><th>Country</th><th>Men</th><th>Women</th></tr>"


def layout(**changes: Any) -> HtmlTableLayout:
    facts = {
        "format": "html_table",
        "columns": {"year": ["Year", "Année"], "country": ["Country"]},
        "figures": ["Men", "Women"],
        "caption": "Arrivals",
    }
    return HtmlTableLayout.model_validate({k: v for k, v in (facts | changes).items() if v is not None})


def page(*rows: str, caption: str = "Arrivals", header: str = HEADER, before: str = "", after: str = "") -> str:
    return (
        f"<!DOCTYPE html><html><head><meta charset=utf-8><title>Statistics</title></head><body>{before}"
        f"<table><caption>{caption}</caption>{header}{''.join(rows)}</table>{after}</body></html>"
    )


def record(*texts: str) -> str:
    return "<tr>" + "".join(f"<td>{text}</td>" for text in texts) + "</tr>"


def read(text: str | bytes, declared: HtmlTableLayout | None = None) -> TextTable:
    """The table; each figure is found again at its place."""
    declared = declared or layout()
    payload = text.encode() if isinstance(text, str) else text
    reader = reader_for(declared)
    table = reader.read(payload, declared)
    reader.inspect(payload, declared)
    for row in table.data.to_pylist():
        place = row[PLACE].replace("{}", str(row[ROW]))
        assert reader.locate(payload, place, declared) == row[VALUE], place
    return table


def figures(table: TextTable, *names: str) -> list[tuple[Any, ...]]:
    wanted = names or ("year", "country", "measure", VALUE)
    return [tuple(row.get(name) for name in wanted) for row in table.data.to_pylist()]


A, B = record("2020", "Nepal", "12", "7"), record("2020", "Chad", "3", "")


def test_each_cell_of_a_record_stands_at_its_table_row_and_column() -> None:
    table = read(page(A, B, before="<table><tr><td>menu</td></tr></table>"))
    assert figures(table) == [
        ("2020", "Nepal", "Men", "12"),
        ("2020", "Chad", "Men", "3"),
        ("2020", "Nepal", "Women", "7"),
        ("2020", "Chad", "Women", None),
    ]
    assert table.landed == 4
    first = table.data.to_pylist()[0]
    assert (first[PLACE], first[ROW]) == ("table 2 row {} column 3", 2)


#: The rule → rows of the page → figures of the column Men.
QUIRKS = {
    "a mark raised beside a figure is no digit of it": ([record("2020", "Nepal", "12<sup>3</sup>", "7")], ["12"]),
    "a tag within a number does not cut it": ([record("2020", "Nepal", "<b>1</b>2", "7")], ["12"]),
    "a line break sets words apart": ([record("2020", "Nepal", "12<br>13", "7")], ["12 13"]),
    "spaces that do not break group digits as others do": ([record("2020", "Nepal", "1&nbsp;204", "7")], ["1 204"]),
    "entities are letters": ([record("2020", "Nepal", "&lt;5", "7")], ["<5"]),
    "what a script writes is no cell": (
        [record("2020", "Nepal", "12<script>document.write('<td>9</td>')</script><style>td{}</style>", "7")],
        ["12"],
    ),
    "remarks are no text": ([record("2020", "Nepal", "1<!-- <td>9</td> -->2", "7")], ["12"]),
    "a mark lowered beside a figure is no digit of it": ([record("2020", "Nepal", "12<sub>3</sub>", "7")], ["12"]),
    "what is crossed out is no digit of what stands instead": (
        [record("2020", "Nepal", "<del>11</del><ins>12</ins>", "7"), record("2021", "Chad", "<s>3</s>", "7")],
        ["12", None],
    ),
    "a link to a note behind a figure is no digit of it": (
        [record("2020", "Nepal", '12<a href="#note1">1</a>', "7"), record("2021", "Chad", '<a href="#c">3</a>', "7")],
        ["12", "3"],
    ),
    "what a reader does not see in a cell is no digit of it": (
        [
            record("2020", "Nepal", '<span style="display:none">000012</span>12', "7"),
            record("2021", "Chad", "<div hidden>9<div>8</div>7</div>3", "7"),
            record("2022", "Mali", '<span hidden/>4<img hidden src="x">', "7"),
            record("2023", "Togo", "<span hidden>5", "7"),
            record("2024", "Peru", "6", "7"),
        ],
        ["12", "3", "4", None, "6"],
    ),
    "the choices of a list are not one number": (
        [record("2020", "Nepal", "<select><option>1<option>2</select>", "7")],
        ["1 2"],
    ),
    "ends of cells and rows may be left out": (
        ["<tr><td>2020<td>Nepal<td>12<td>7", "<tr><td>2021<td>Chad<td>3<td>4"],
        ["12", "3"],
    ),
    "a cell over several rows is of each of them": (
        ["<tr><td rowspan=2>2020</td><td>Nepal</td><td>12</td><td>7</td></tr>", record("Chad", "3", "4")],
        ["12", "3"],
    ),
    "a span that is too long ends with its group of rows": (
        ["<tbody><tr><td rowspan=9>2020</td><td>Nepal</td><td>12</td><td>7</td></tr></tbody><tbody>", B, "</tbody>"],
        ["12", "3"],
    ),
    "a span of nought goes to the end of its group": (
        [
            "<tbody><tr><td rowspan=0>2020</td><td>Nepal</td><td>12</td><td>7</td></tr>",
            record("Chad", "3", "4"),
            record("Mali", "5", "6"),
            "</tbody>",
        ],
        ["12", "3", "5"],
    ),
    "empty rows are no records": ([A, record("", "", "", ""), B], ["12", "3"]),
    "upper case is the same": ([A.upper().replace("NEPAL", "Nepal")], ["12"]),
}


@pytest.mark.parametrize("rule", QUIRKS)
def test_quirks_of_pages(rule: str) -> None:
    rows, expected = QUIRKS[rule]
    found = figures(read(page(*rows)), "measure", VALUE)
    assert [value for measure, value in found if measure == "Men"] == expected


def test_rows_below_a_span_are_of_its_cell() -> None:
    rows = ["<tr><td rowspan=2>2020</td><td>Nepal</td><td>12</td><td>7</td></tr>", record("Chad", "3", "4")]
    assert figures(read(page(*rows)), "year", "country")[:2] == [("2020", "Nepal"), ("2020", "Chad")]


def test_headers_of_two_rows_are_found_by_the_lower_one() -> None:
    header = (
        "<thead><tr><th rowspan=2>Année</th><th rowspan=2>Country</th><th colspan=2>Persons</th></tr>"
        "<tr><th>Men</th><th>Women</th></tr></thead>"
    )
    assert figures(read(page(A, header=header)))[0] == ("2020", "Nepal", "Men", "12")


def test_marks_beside_a_figure_its_header_and_its_record_are_its_note() -> None:
    header = HEADER.replace("Women", "Women<sup>b</sup>")
    rows = [record("2020", "Nepal<sup>a</sup>", "12<sup>3</sup>", "7"), B]
    table = read(page(*rows, header=header))
    assert figures(table, "country", "measure", NOTE) == [
        ("Nepal", "Men", "a, 3"),
        ("Chad", "Men", None),
        ("Nepal", "Women", "b, a"),
        ("Chad", "Women", "b"),
    ]


def test_hidden_rows_and_remarks_below_are_counted_and_are_no_figures() -> None:
    hidden = A.replace("<tr>", '<tr style="DISPLAY : none">')
    foot = "<tfoot><tr><td colspan=4>2021</td></tr><tr><td colspan=4>Source: the office</td></tr></tfoot>"
    table = read(page(B, hidden, foot))
    assert [value for *_, value in figures(table)] == ["3", None]
    told = {e.reason: (e.count, e.example) for e in table.explained}
    assert told == {"outside_tables": (3, "table 1 row 3 column 1"), "header_or_note": (1, "table 1 row 4 column 1")}
    assert table.landed == 2 + 3 + 1


def test_a_hidden_group_of_rows_is_counted_and_the_next_group_is_read() -> None:
    table = read(page(f"<tbody hidden>{A}</tbody><tbody>{B}</tbody>", before="<div hidden><p>menu</p></div>"))
    assert [value for *_, value in figures(table)] == ["3", None]
    assert {e.reason: e.count for e in table.explained} == {"outside_tables": 3}


def test_sections_over_the_whole_width_become_a_declared_column() -> None:
    rows = ["<tr><th colspan=4>By air</th></tr>", A, "<tr><th colspan=4>By land</th></tr>", A, B]
    with pytest.raises(DriftError, match=r"table 1 row 2: 'By air' .* with `section`"):
        read(page(*rows))
    found = figures(read(page(*rows), layout(section="border")), "border", "country", VALUE)
    assert found[:3] == [("By air", "Nepal", "12"), ("By land", "Nepal", "12"), ("By land", "Chad", "3")]


def test_a_dimension_may_go_across() -> None:
    header = "<tr><th>Country</th><th>2020</th><th>2021</th></tr>"
    declared = layout(columns={"country": ["Country"]}, figures=None, across="(?P<year>[0-9]{4})")
    table = read(page(record("Nepal", "12", "13"), header=header), declared)
    assert figures(table, "year", "country", VALUE) == [("2020", "Nepal", "12"), ("2021", "Nepal", "13")]


def test_a_table_is_told_by_the_heading_above_it_where_it_has_no_caption() -> None:
    other = f"<h2>Departures</h2><table>{HEADER}{B}</table>"
    text = f"<html><body>{other}<h3>Arrivals <em>by sex</em></h3><p>In persons.</p><table>{HEADER}{A}</table></html>"
    assert figures(read(text))[0] == ("2020", "Nepal", "Men", "12")


@pytest.mark.parametrize(
    ("encoding", "charset", "declared"),
    [
        ("utf-8", "utf-8", None),
        ("cp1252", "ISO-8859-1", None),
        ("cp1251", "windows-1251", None),
        ("cp1251", "utf-8", "cp1251"),
        ("utf-8-sig", "cp1252", None),
    ],
)
def test_the_encoding_is_what_the_page_says_or_what_is_declared(
    encoding: str, charset: str, declared: str | None
) -> None:
    name = "Непал" if "1251" in encoding else "Côte d’Ivoire"
    text = page(record("2020", name, "12", "7")).replace("charset=utf-8", f'charset="{charset}"')
    assert figures(read(text.encode(encoding), layout(encoding=declared)), "country")[0] == (name,)


HARMLESS = {
    "rows in another order": page(B, A),
    "another table above": page(A, B, before="<h1>Home</h1><table><tr><td>a</td><td>b</td></tr></table>"),
    "white space and tags": page(A, B).replace("<td>", "\n <td class='x'>  <span>").replace("</td>", "</span>\n</td>"),
    "a further column without numbers": page(
        A.replace("</tr>", "<td>text</td></tr>"),
        B.replace("</tr>", "<td></td></tr>"),
        header=HEADER.replace("</tr>", "<th>Remark</th></tr>"),
    ),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_harmless_change_passes(change: str) -> None:
    expected = sorted(figures(read(page(A, B))), key=str)
    assert sorted(figures(read(HARMLESS[change])), key=str) == expected


LOGIN = "<html><head><title>Please log in</title></head><body><form><input name=user></form></body></html>"
REFUSED: dict[str, tuple[str | bytes, type[MigstatsError], str]] = {
    "the caption is gone": (page(A, caption="Entries"), DriftError, "no table has a caption .*'Arrivals'.*'Entries'"),
    "a header was renamed": (
        page(A, header=HEADER.replace("Men", "Males")),
        DriftError,
        "table 1 row 1: .*'Men'.*not declared are 'Males'",
    ),
    "two tables match": (
        page(A, after=f"<table><caption>Arrivals, again</caption>{HEADER}{B}</table>"),
        DriftError,
        "tables 1, 2 .*`caption`",
    ),
    "a column of figures came new": (
        page(A.replace("</tr>", "<td>5</td></tr>"), header=HEADER.replace("</tr>", "<th>Other</th></tr>")),
        DriftError,
        "table 1 row 1: numbers stand below headers that are not declared: 'Other'",
    ),
    "a figure of no header": (
        page(A.replace("</tr>", "<td>5</td></tr>")),
        DriftError,
        "table 1 row 2: '5' .*no header",
    ),
    "a header stands twice": (
        page(A, header=HEADER.replace("Women", "Men") + HEADER.replace("Women", "Men")),
        DriftError,
        ".",
    ),
    "the header stands among the records": (page(A, HEADER, B), DriftError, "table 1 row 3: the header stands among"),
    "a table in a table": (
        page(A, record("2020", "Chad", "<table><tr><td>3</td></tr></table>", "4")),
        DriftError,
        "table 1: a table stands in a cell",
    ),
    "a figure over two rows": (
        page("<tr><td>2020<td>Nepal<td rowspan=2>12<td>7", "<tr><td>2020<td>Chad<td>4"),
        DriftError,
        "table 1 row 2 column 3: '12'",
    ),
    "a figure over two columns": (
        page("<tr><td>2020<td>Nepal<td colspan=2>12"),
        DriftError,
        "table 1 row 2 column 3: '12'",
    ),
    "a hidden cell": (
        page("<tr><td>2020<td>Nepal<td hidden>1<td>12<td>7"),
        DriftError,
        "table 1 row 2: a cell is hidden",
    ),
    "a page without a table": (LOGIN, TryAgainError, "'Please log in' has none"),
    "a hidden table": (page(A).replace("<table>", "<table hidden>"), TryAgainError, "'Statistics' has none"),
    "a table within what is hidden": (
        page(A, before="<div style='display:none'>", after="</div>"),
        TryAgainError,
        "'Statistics' has none",
    ),
    "a page that was cut off": (page(A, B).split("</table>")[0], TryAgainError, "table 1 .*no end"),
    "no record": (page(), PublisherError, "no record"),
    "nothing": (b" \n", PublisherError, "empty"),
    "JSON": ('{"a": 1}', TryAgainError, "web page was expected"),
    "bytes of another encoding": (
        page(record("2020", "Népal", "1", "2")).encode("cp1252"),
        PublisherError,
        "0xe9 is not utf-8",
    ),
    "an encoding nobody knows": (page(A).replace("charset=utf-8", "charset=klingon"), DriftError, "'klingon'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_such_table_is_refused_with_what_was_found(what: str) -> None:
    text, kind, said = REFUSED[what]
    payload = text.encode() if isinstance(text, str) else text
    with pytest.raises(kind, match=said):
        reader_for(layout()).read(payload, layout())


@pytest.mark.parametrize("text", [page("<tr><td rowspan=99 colspan=1000>x</td></tr>" * 30), page(*[A] * 30)])
def test_a_page_has_no_more_cells_than_figures_can_have(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_cells, "MOST_CELLS", 100)
    with pytest.raises(PublisherError, match="more than 100 cells"):
        reader_for(layout()).read(text.encode(), layout())
    monkeypatch.setattr(html_cells, "MOST_BYTES", 10)
    with pytest.raises(PublisherError, match="more than 10"):
        reader_for(layout()).read(text.encode(), layout())


@pytest.mark.parametrize(
    "place", ["table 1 row 9 column 1", "table 2 row 1 column 1", "table 1 row 2 column 5", "row 1"]
)
def test_a_place_that_there_is_not_is_refused(place: str) -> None:
    with pytest.raises(PublisherError, match="no place"):
        reader_for(layout()).locate(page(A).encode(), place, layout())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"caption": "("}, "no regular expression"),
        ({"section": "country"}, "column of the table already"),
        ({"encoding": "klingon"}, "none that Python knows"),
        ({"figures": None}, "either `figures`"),
    ],
)
def test_a_layout_that_says_nothing_sensible_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        layout(**changes)
