from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
import zipfile

import pyarrow.compute as pc
import pytest
from pydantic import ValidationError

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.layout import DelimitedLayout
from migstats.readers import PLACE, ROW, VALUE, closes, csv_text, delimited, packed, reader_for

LONG = (
    b"year,area,Area name,figure,note\n"
    b'2020,NA,"Namibia, NULL",1E5,\n'
    b'2020,AT,"Aus\ntria ""A""",007,"p, q"\n'
    b"\n"
    b"2021,BE,nan,,\n"
)
#: As the World Bank writes its bulk files.
WIDE = (
    b'\xef\xbb\xbf"Data Source","World Development Indicators",\r\n\r\n'
    b'"Last Updated Date","2024-06-28",\r\n\r\n'
    b'"Country Name","Country Code","1960","1961",\r\n'
    b'"Aruba","ABW","0","-569",\r\n'
    b'"Yemen, Rep.","YEM","","1.50",\r\n'
)


def layout(**declared):
    return DelimitedLayout(format="delimited", **declared)


def wide(**declared):
    return layout(
        **{
            "across": "(?P<year>[0-9]{4})",
            "columns": {"name": ("Country Name",), "code": ("Country Code", "ISO3")},
            "updated": "Last Updated Date",
        }
        | declared
    )


FIGURE = layout(figures=("figure",))


def rows(table):
    """Each row without its place."""
    return table.data.drop_columns([PLACE, ROW]).to_pylist()


def test_text_stays_text_and_an_empty_figure_is_null(keeps_the_contract):
    table = delimited.read(LONG, FIGURE)
    assert table.data[VALUE].to_pylist() == ["1E5", "007", None]
    assert table.data["area"].to_pylist() == ["NA", "AT", "BE"]
    assert table.data["Area name"].to_pylist() == ["Namibia, NULL", 'Aus\ntria "A"', "nan"]
    assert table.data[ROW].to_pylist() == [2, 3, 6]
    assert set(table.data[PLACE].to_pylist()) == {"line {} column figure"}
    assert table.landed == 3
    keeps_the_contract(delimited, LONG, table, FIGURE)
    with pytest.raises(PublisherError, match="line 4"):
        delimited.locate(LONG, "line 4 column figure", FIGURE)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be with its mark", "cp1252"])
def test_line_ends_marks_and_declared_encodings_change_no_fact(end, last, encoding, keeps_the_contract):
    text = LONG.decode().replace("nan", "Côte d'Ivoire")
    encoding, _, marked = encoding.partition(" ")
    payload = (("\ufeff" if marked else "") + (text if last else text.rstrip("\n"))).replace("\n", end).encode(encoding)
    declared = layout(figures=("figure",), encoding=encoding)
    table = delimited.read(payload, declared)
    assert table.data[ROW].to_pylist() == [2, 3, 6]
    assert table.data.column_names[0] == "year"
    assert table.data["Area name"].to_pylist()[2] == "Côte d'Ivoire"
    keeps_the_contract(delimited, payload, table, declared)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters_are_declared(delimiter, keeps_the_contract):
    payload = f"year{delimiter}figure\n2020{delimiter}1,5\n".encode()
    declared = layout(figures=("figure",), delimiter=delimiter)
    table = delimited.read(payload, declared)
    assert rows(table) == [{"year": "2020", VALUE: "1,5"}]
    keeps_the_contract(delimited, payload, table, declared)
    with pytest.raises(DriftError, match=f"line 1: the delimiter is {re.escape(repr(delimiter))}"):
        delimited.inspect(payload, FIGURE)


def test_without_quotes_a_quote_is_a_character(keeps_the_contract):
    payload = b'name\tfigure\n"Rep. of" Korea\t1\nO"Neill\t2\n'
    declared = layout(figures=("figure",), delimiter="\t", quoted=False)
    table = delimited.read(payload, declared)
    assert table.data["name"].to_pylist() == ['"Rep. of" Korea', 'O"Neill']
    keeps_the_contract(delimited, payload, table, declared)
    odd = payload.replace(b'"Rep. of" Korea', b'"Korea')
    assert delimited.locate(odd, "line 3 column figure", declared) == "2"


def test_a_field_with_a_line_break_may_cross_the_blocks_in_which_a_text_is_read(monkeypatch):
    monkeypatch.setattr(csv_text, "_BLOCK", 64)
    payload = b"name,figure\n" + b'"a b c\nd e f\ng h i",1\n' * 20
    table = delimited.read(payload, FIGURE)
    assert set(table.data["name"].to_pylist()) == {"a b c\nd e f\ng h i"}
    assert table.data[ROW].to_pylist() == list(range(2, 62, 3))


def test_years_go_down_where_they_went_across(keeps_the_contract):
    table = delimited.read(WIDE, wide())
    assert rows(table) == [
        {"name": "Aruba", "code": "ABW", "year": "1960", VALUE: "0"},
        {"name": "Yemen, Rep.", "code": "YEM", "year": "1960", VALUE: None},
        {"name": "Aruba", "code": "ABW", "year": "1961", VALUE: "-569"},
        {"name": "Yemen, Rep.", "code": "YEM", "year": "1961", VALUE: "1.50"},
    ]
    assert table.data[PLACE].to_pylist()[2:] == ["line {} column 1961"] * 2
    assert table.data[ROW].to_pylist() == [6, 7, 6, 7]
    assert table.envelope.updated == "2024-06-28"
    assert table.dimensions == (("name",), ("code",), ("year",))
    keeps_the_contract(delimited, WIDE, table, wide())


def test_every_group_of_the_headers_across_is_a_column():
    payload = b"area,Female_0_4,Female_5_9,Male_0_4\nAT,1,2,3\n"
    table = delimited.read(payload, layout(across="(?P<sex>Female|Male)_(?P<age>.+)", columns={"area": ("area",)}))
    got = [(r["sex"], r["age"], r[VALUE]) for r in table.data.to_pylist()]
    assert got == [("Female", "0_4", "1"), ("Female", "5_9", "2"), ("Male", "0_4", "3")]


def test_several_figures_of_a_record_are_told_apart_by_measure_and_others_are_counted(keeps_the_contract):
    payload = b"year,REF,IDP,OOC\n2020,1,2,3\n2021,4,,6\n"
    declared = layout(figures=("refugees", "IDP"), columns={"refugees": ("REF",), "year": ("year",)}, others=("OOC",))
    table = delimited.read(payload, declared)
    got = [(r["year"], r["measure"], r[VALUE], r[PLACE]) for r in table.data.to_pylist()]
    assert got == [
        ("2020", "refugees", "1", "line {} column REF"),
        ("2021", "refugees", "4", "line {} column REF"),
        ("2020", "IDP", "2", "line {} column IDP"),
        ("2021", "IDP", None, "line {} column IDP"),
    ]
    assert [(e.reason, e.count, e.example) for e in table.explained] == [("outside_tables", 2, "line 2 column OOC")]
    assert table.landed == 4 + 2
    assert table.dimensions == (("year",), ("measure",))
    keeps_the_contract(delimited, payload, table, declared)


def test_columns_are_found_by_their_texts_in_any_order_and_edition():
    declared = layout(columns={"area": ("Country Code", "ISO3"), "year": ("Year",)}, figures=("figure",))
    for payload in (b"Year,ISO3,figure\n2020,AUT,7\n", b'figure," Country\n  Code ",Year\n7,AUT,2020\n'):
        assert [dict(sorted(r.items())) for r in rows(delimited.read(payload, declared))] == [
            {VALUE: "7", "area": "AUT", "year": "2020"}
        ]


def test_labels_and_attributes_do_not_tell_figures_apart():
    payload = b"prov,provname,url,kind,number\n1,Koshi,x,a,5\n2,Madhesh,y,,6\n3,,z,,7\n,All,z,,8\n"
    table = delimited.read(payload, layout(figures=("number",), labels={"prov": "provname"}, attributes=("url",)))
    assert table.dimensions == (("prov", "provname"), ("kind",))
    assert table.labels == {"prov": {"1": "Koshi", "2": "Madhesh"}}


@pytest.mark.parametrize("figure", ["12", "-1.50", "1e+05", "12 345,6", "1,234"])
def test_numbers_below_a_header_that_came_new_are_drift(figure):
    declared = layout(columns={"area": ("area",)}, figures=("figure",))
    payload = f'area,figure,new\nAT,1,\nBE,2,"{figure}"\n'.encode()
    with pytest.raises(DriftError, match=f"'new' .line 3: {re.escape(figure)}.*`figures`, `others`, `columns`"):
        delimited.read(payload, declared)
    with pytest.raises(DriftError, match=r"'1962 est\.'"):
        delimited.read(WIDE.replace(b'"1961"', b'"1962 est."'), wide())
    for harmless in ("2020-01-01", "12.01.2014", "AF15", "36.77, -2.24", "15 - 19", "n/a"):
        payload = f'area,figure,new\nAT,1,"{harmless}"\n'.encode()
        assert delimited.read(payload, declared).dimensions == (("area",), ("new",))


TAGS = b"#country+code,#date+year,#value+num"
HXL = b"area,year,figure\n" + TAGS + b"\nAFG,2017,638\nAFG,2016,673\n"


def test_a_row_of_tags_below_the_header_is_declared(keeps_the_contract):
    declared = layout(figures=("figure",), hxl=True)
    table = delimited.read(HXL, declared)
    assert table.data[VALUE].to_pylist() == ["638", "673"]
    assert table.data[ROW].to_pylist() == [3, 4]
    keeps_the_contract(delimited, HXL, table, declared)


def test_a_row_of_tags_that_is_missing_unannounced_or_elsewhere_is_drift():
    declared = layout(figures=("figure",), hxl=True)
    for act in (delimited.inspect, delimited.read):
        with pytest.raises(DriftError, match=r"line 2: a row of HXL tags is expected.*AFG"):
            act(HXL.replace(TAGS + b"\n", b""), declared)
        with pytest.raises(DriftError, match=r"line 2: a row of HXL tags is not expected.*`hxl`"):
            act(HXL, FIGURE)
    with pytest.raises(DriftError, match="line 5: a row of HXL tags stands among the records"):
        delimited.read(HXL + TAGS + b"\n", declared)
    with pytest.raises(DriftError, match="line 5: a row of HXL tags stands among the records"):
        delimited.read(HXL + b",,#value+num\n", declared)


def test_remarks_keep_the_numbers_of_the_lines(keeps_the_contract):
    payload = b'# source: 7",5\nyear,note,figure\n#2019,,9\n2020,"a\n#b",1\n# end "\n2021,,2\n'
    declared = layout(figures=("figure",), comments="#")
    table = delimited.read(payload, declared)
    assert [(r["year"], r["note"], r[VALUE], r[ROW]) for r in table.data.to_pylist()] == [
        ("2020", "a\n#b", "1", 4),
        ("2021", "", "2", 7),
    ]
    assert [(e.reason, e.count, e.example) for e in table.explained] == [("header_or_note", 3, "line 1")]
    keeps_the_contract(delimited, payload, table, declared)


FOOTED = b'year,figure\n2020,1\n2021,"2"\n\nLast Updated: 06/28/2024\nTotal,3\n'


def test_what_stands_below_the_table_is_declared_and_its_numbers_are_counted(keeps_the_contract):
    declared = layout(figures=("figure",), ends_before="Last Updated: ")
    table = delimited.read(FOOTED, declared)
    assert table.data[VALUE].to_pylist() == ["1", "2"]
    assert [(e.reason, e.count, e.example) for e in table.explained] == [("outside_tables", 1, "line 6")]
    keeps_the_contract(delimited, FOOTED, table, declared)
    within = FOOTED.replace(b'"2"', b'"2\nLast Updated: "')
    assert delimited.read(within, declared).data[VALUE].to_pylist() == ["1", "2\nLast Updated: "]
    with pytest.raises(PublisherError, match="line 5: 1 fields, 2 expected"):
        delimited.read(FOOTED, FIGURE)


def test_a_footer_that_is_missing_means_that_the_file_was_cut():
    declared = layout(figures=("figure",), ends_before="Last Updated: ")
    for act in (delimited.inspect, delimited.read):
        with pytest.raises(TryAgainError, match="cut off"):
            act(FOOTED[:20], declared)
    assert closes(declared)
    assert not closes(FIGURE)


def test_numbers_above_the_header_are_counted():
    table = delimited.read(b"Population,2024\nUnit: persons\n\nyear,figure\n2020,1\n", FIGURE)
    assert [(e.reason, e.count, e.example) for e in table.explained] == [("header_or_note", 1, "line 1")]
    assert table.data[ROW].to_pylist() == [5]


def test_records_without_any_text_are_blank_and_counted():
    payload = b"year,a,b\n2020,1,2\n,,\n2021,,3\n,,\n"
    table = delimited.read(payload, layout(figures=("a", "b")))
    assert table.data[ROW].to_pylist() == [2, 4, 2, 4]
    assert table.data[VALUE].to_pylist() == ["1", None, "2", "3"]
    assert [(e.reason, e.count, e.example) for e in table.explained] == [("blank", 4, "line 3 column a")]
    with pytest.raises(PublisherError, match="no rows"):
        delimited.read(b"year,a,b\n,,\n", layout(figures=("a", "b")))


def test_a_column_without_a_header_holds_nothing_or_is_declared():
    payload = b",figure,,\nAT,1,,\nBE,2,,\n"
    declared = layout(columns={"area": ("",)}, figures=("figure",))
    assert rows(delimited.read(payload, declared)) == [{"area": "AT", VALUE: "1"}, {"area": "BE", VALUE: "2"}]
    with pytest.raises(DriftError, match="line 3: '7' stands in field 4, which has no header"):
        delimited.read(payload.replace(b"BE,2,,", b"BE,2,,7"), declared)
    with pytest.raises(DriftError, match="line 2: 'AT' stands in field 1"):
        delimited.read(payload, FIGURE)


def test_a_header_among_the_records_is_the_seam_of_two_tables():
    with pytest.raises(DriftError, match=r"line 5: the header stands among the records once more.*`ends_before`"):
        delimited.read(b"year,figure\n2020,1\n2021,2\n\nYear,figure\n2020,7\n", FIGURE)
    across = layout(across="(?P<year>[0-9]{4})", columns={"area": ("area",)})
    with pytest.raises(DriftError, match="line 3: the header"):
        delimited.read(b"area,1960\nAT,1960\narea,1960\n", across)
    assert delimited.read(b"area,1960\nAT,1960\n", across).data[VALUE].to_pylist() == ["1960"]


def test_two_headers_that_mean_the_same_are_drift():
    declared = layout(across=r"(?P<year>[0-9]{4})( \(p\))?", columns={"area": ("area",)})
    payload = b"area,2019,2020,2020 (p)\nAT,1,2,3\n"
    with pytest.raises(DriftError, match=r"'2020' and '2020 \(p\)' both mean \{'year': '2020'\}"):
        delimited.read(payload, declared)
    left = declared.model_copy(update={"others": ("2020 (p)",)})
    assert delimited.read(payload, left).data["year"].to_pylist() == ["2019", "2020"]


SAMPLE = layout(figures=("figure",), columns={"area": ("geo", "area")})


@pytest.mark.parametrize(
    ("payload", "error", "said"),
    [
        (b"geo,figure\nA,1\nB,2,3\nC,4\n", PublisherError, "line 3: 3 fields, 2 expected"),
        (b'geo,figure\n"A\n",1\nB\nC,4\n', PublisherError, "line 4: 1 fields, 2 expected"),
        (b"x\n\ngeo,figure\nA,1\nB\nC,4\n", PublisherError, "line 5: 1 fields, 2 expected"),
        (b"geo,figure,n\nA,1,2\nB,1", TryAgainError, "line 3: 2 fields, 3 expected; the file was cut off"),
        (b'geo,figure\nA,1\nB,"2\n', PublisherError, "line 3: is not CSV"),
        (b'geo,figure\nA,1\nB,"2', TryAgainError, "line 3: is not CSV"),
        (b"geo,figure\nA,1\nB\xff,2\n", PublisherError, "line 3: byte 0xff"),
        (b"geo,figure\nA,1\nB,2\xc3", TryAgainError, "within a character"),
        (b"geo,figure,figure\nA,A,1\n", DriftError, "line 1: the header has 'figure' twice"),
        (b"geo,area,figure\nA,A,1\n", DriftError, "line 1: the header has 'area' twice"),
        (b"geo,_value,figure\nA,A,1\n", DriftError, "_value"),
        (b"geo,x,figure{}\nA,A,1\n", DriftError, "lacks what is declared: 'figure'; not declared are 'x', 'figure{}'"),
        (b"geo;figure\nA;1\n", DriftError, "delimiter is ';', not ','"),
        (b"country,figure\nA,1\n", DriftError, "'geo' or 'area'; not declared are 'country'"),
        (b"country,value\nA,1\n", DriftError, "'geo' or 'area'; 'figure'; not declared are 'country', 'value'"),
        (b"Title\n\ncountry,value\nA,1\n", DriftError, "line 3: the header lacks"),
        (b"geo,figure\n", PublisherError, "line 2: the header is followed by no record"),
        (b"geo,figure", PublisherError, "line 2: the header is followed by no record"),
        (b"\xff\xfeg\0e\0o\0", DriftError, "UTF-16"),
        (b"", PublisherError, "empty"),
        (b"{}", PublisherError, "no rows"),
        (b'{"error":[{"id":150,"label":"INVALID"}]}', PublisherError, "150"),
        (b'{"message":"no"}', TryAgainError, "JSON"),
        (b"<html>busy</html>", TryAgainError, "web page"),
        (b"Please wait", TryAgainError, "Please wait"),
        (b"PK\x03\x04\0\0", DriftError, "is a zip file"),
    ],
)
def test_what_is_no_whole_text_of_this_layout_is_refused(payload, error, said):
    with pytest.raises(error, match=said):
        delimited.read(payload, SAMPLE)


def test_inspect_refuses_what_has_no_header_or_no_record():
    for payload, error in (
        (b"<html>", TryAgainError),
        (b"geo,x\nA,1\n", DriftError),
        (b"geo,figure\n", PublisherError),
    ):
        with pytest.raises(error):
            delimited.inspect(payload, SAMPLE)
    assert delimited.inspect(WIDE, wide()).updated == "2024-06-28"
    with pytest.raises(DriftError, match="'Stand vom'"):
        delimited.inspect(WIDE, wide(updated="Stand vom"))


@pytest.mark.parametrize(
    ("encoding", "payload", "error", "said"),
    [
        ("cp1252", "geo,figure\nCôte,1\n".encode(), DriftError, "is UTF-8"),
        ("cp1252", b"geo,figure\nC\x81te,1\n", PublisherError, "line 2: byte 0x81 is not cp1252"),
        ("ascii", b"geo,figure\nC\xf4te,1\n", PublisherError, "line 2: byte 0xf4 is not ascii"),
        ("utf-16", "geo,figure\nA,1\n".encode("utf-16")[:-1], TryAgainError, "cut off"),
    ],
)
def test_another_encoding_than_declared_is_told(encoding, payload, error, said):
    with pytest.raises(error, match=said):
        delimited.read(payload, layout(figures=("figure",), encoding=encoding))


def test_a_publishers_column_does_not_take_the_name_of_another_one():
    for declared in (layout(figures=("a", "b")), layout(across="(?P<measure>a|b)", columns={"x": ("x",)})):
        with pytest.raises(DriftError, match="a column 'measure' of its own"):
            delimited.read(b"measure,x,a,b\nm,n,1,2\n", declared)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({}, "`figures`.*`across`"),
        ({"figures": ["a"], "across": "(?P<y>.)"}, "`figures`.*`across`"),
        ({"across": "[0-9]{4}"}, "no named group"),
        ({"across": "(?P<y>["}, "no regular expression"),
        ({"across": "(?P<y>.)"}, "`columns` has to name one"),
        ({"figures": ["a"], "ends_before": "["}, "no regular expression"),
        ({"figures": ["a"], "encoding": "klingon"}, "klingon"),
        ({"figures": ["a"], "hxl": True, "comments": "#"}, "`comments`"),
        ({"figures": ["a"], "others": ["a"]}, "'a' stands twice"),
        ({"figures": ["a"], "columns": {"x": ["t"], "y": ["t"]}}, "'t' stands twice"),
        ({"figures": ["a"], "columns": {"x": []}}, "no header text"),
        ({"figures": ["a"], "member": "x"}, "`compression: zip`"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(declared, said):
    with pytest.raises(ValidationError, match=said):
        layout(**declared)


# -- packed -----------------------------------------------------------------------------------------------------


def zipped(*members, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


GZIP = layout(figures=("figure",), compression="gzip")
ZIP = layout(figures=("figure",), compression="zip")


@pytest.mark.parametrize(
    ("payload", "declared"),
    [
        (gzip.compress(LONG, mtime=0), GZIP),
        (gzip.compress(LONG[:50], mtime=0) + gzip.compress(LONG[50:], mtime=0) + b"\0\0", GZIP),
        (zipped(("data/x.csv", LONG)), ZIP),
        (zipped(("a.csv", b"x"), ("meta/b.csv", LONG)), ZIP.model_copy(update={"member": r"meta/.*\.csv"})),
    ],
)
def test_what_is_packed_is_read_as_if_it_were_not(payload, declared, keeps_the_contract):
    reader = reader_for(declared)
    table = reader.read(payload, declared)
    assert table.data.equals(delimited.read(LONG, FIGURE).data)
    assert reader.inspect(payload, declared) == delimited.inspect(LONG, FIGURE)
    assert closes(declared)
    keeps_the_contract(reader, payload, table, declared)


def damaged(payload, at):
    return payload[:at] + bytes([payload[at] ^ 0xFF]) + payload[at + 1 :]


LINES = b"year,figure\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(500))


@pytest.mark.parametrize(
    ("payload", "declared", "error", "said"),
    [
        (gzip.compress(LONG, mtime=0)[:-9], GZIP, TryAgainError, "cut off"),
        (gzip.compress(LONG, mtime=0)[:6], GZIP, TryAgainError, "cut off"),
        (damaged(gzip.compress(LONG, mtime=0), -6), GZIP, TryAgainError, "damaged"),
        (gzip.compress(LONG, mtime=0) + b"more", GZIP, PublisherError, "4 bytes after"),
        (
            gzip.compress(b"\0" * 2000, mtime=0),
            GZIP.model_copy(update={"unpacked_bytes": 1000}),
            PublisherError,
            "1000 bytes",
        ),
        (LONG, GZIP, DriftError, "not a gzip file.*year,area"),
        (b"<html>busy</html>", GZIP, TryAgainError, "web page"),
        (b'{"error":"unknown"}', GZIP, PublisherError, "answers with an error: unknown"),
        (b"", GZIP, PublisherError, "empty"),
        (gzip.compress(LONG, mtime=0), ZIP, DriftError, "is a gzip file, a zip file was"),
        (zipped(("a.csv", LINES))[:-30], ZIP, TryAgainError, "cut off"),
        (damaged(zipped(("a.csv", LINES)), 60), ZIP, TryAgainError, "damaged"),
        (zipped(("a.csv", LINES)).replace(b"PK\x05\x06", b"PK\x05\x06\0\0\0\0", 1), ZIP, TryAgainError, "damaged"),
        (zipped(("\u00e9.csv", LINES)).replace(b"\xc3\xa9", b"\xff\xfe"), ZIP, TryAgainError, "damaged"),
        (damaged(zipped(("a.csv", LINES), method=zipfile.ZIP_BZIP2), 60), ZIP, TryAgainError, "damaged"),
        (damaged(zipped(("a.csv", LINES), method=zipfile.ZIP_LZMA), 60), ZIP, TryAgainError, "damaged"),
        (gzip.compress(LONG, mtime=0), FIGURE, DriftError, "is a gzip file.*declare `compression: gzip`"),
        (zipped(("a.csv", LONG)), FIGURE, DriftError, "is a zip file.*declare `compression: zip`"),
        (zipped(("/etc/a.csv", LONG)), ZIP, PublisherError, "leads out"),
        (zipped(("a.csv", LONG), ("x/../../a.csv", LONG)), ZIP, PublisherError, "leads out"),
        (zipped(("..\\a.csv", LONG)), ZIP, PublisherError, "leads out"),
        (zipped(("C:a.csv", LONG)), ZIP, PublisherError, "leads out"),
        (zipped(("a.csv", LONG), ("b.csv", LONG)), ZIP, DriftError, "'a.csv', 'b.csv', one file was expected"),
        (zipped(("a/", b"")), ZIP, DriftError, "no file"),
        (zipped(("a.csv", LONG)), ZIP.model_copy(update={"member": "b.*"}), DriftError, "named 'b"),
        (zipped(("a.csv", b"\0" * 2000)), ZIP.model_copy(update={"unpacked_bytes": 1000}), PublisherError, "1000 b"),
    ],
)
def test_what_is_packed_badly_is_refused(payload, declared, error, said):
    with pytest.raises(error, match=said):
        reader_for(declared).inspect(payload, declared)


def test_an_encrypted_member_is_refused():
    payload = bytearray(zipped(("a.csv", LONG)))
    payload[6] |= 1  # the flag of the member, and of its entry in the directory
    payload[payload.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(PublisherError, match="encrypted"):
        packed.unpacked(bytes(payload), ZIP)


# -- real files -------------------------------------------------------------------------------------------------

EUROSTAT = {"figures": ("OBS_VALUE",), "attributes": ("DATAFLOW", "LAST UPDATE", "OBS_FLAG", "CONF_STATUS")}
POPULATION = ("Refugees", "Returned Refugees", "Asylum Seekers", "IDPs", "Returned IDPs", "Stateless", "HST", "OOC")
NEPAL = {"figures": ("number",), "labels": {"prov": "provname", "dist": "dname", "gapa": "gapaname", "sex": "sexname"}}
YEAR = {"year": ("Year",)}
HAPI = ("population",)

#: File → its layout, and some figures of it: the cells of the record, in any order, and the figure.
REAL = {
    "ilostat/rplumber_sample.csv": (
        layout(figures=("obs_value",)),
        [({"ref_area": "USA", "time": "2025"}, "9.981")],
    ),
    "worldbank/API_SM.POP.NETM_DS2_en_csv_v2_*.csv": (
        wide(
            columns={"code": ("Country Code",), "indicator": ("Indicator Code",)},
            attributes=("Indicator Name",),
            labels={"code": "Country Name"},
        ),
        [({"code": "ABW", "year": "1961"}, "-569"), ({"code": "ZWE", "year": "2023"}, "-9999")],
    ),
    "unhcr/HDX_AsylumApplications.csv": (
        layout(figures=("Applications",), attributes=("ApplicationAveragePersonsPerCase",)),
        [({"Year": "2000", "ISO3CoO": "AFG"}, "245854")],
    ),
    "unhcr/HDX_AsylumDecisions.csv": (
        layout(
            figures=("Recognized", "RecognizedOther", "OtherwiseClosed", "Rejected", "TotalDecided"),
            columns=YEAR,
            attributes=("DecisionsAveragePersonsPerCase",),
        ),
        [({"year": "2000", "ISO3CoO": "AFG", "measure": "TotalDecided"}, "233626")],
    ),
    "unhcr/HDX_Demographics.csv": (
        layout(across="(?P<sex>Female|Male)_(?P<age>.+)", columns=YEAR, others=("Total",)),
        [({"year": "2001", "ISO3CoO": "AFG", "ISO3CoA": "IRN", "sex": "Male", "age": "18_59"}, "539273")],
    ),
    "unhcr/HDX_EndYearPopulationTotals.csv": (
        layout(figures=("REF", "IDP", "ASY", "OOC", "STA", "OIP"), columns=YEAR),
        [({"year": "1979", "ISO3CoO": "AFG", "measure": "REF"}, "1e+05")],
    ),
    "unhcr/ukraine_refugees_total.csv": (
        layout(figures=POPULATION, columns=YEAR),
        [({"year": "2024", "measure": "IDPs"}, "3669000")],
    ),
    "unhcr/ukraine_refugees_in_EU.csv": (
        layout(figures=POPULATION[:1], columns=YEAR, others=POPULATION[1:]),
        [({"year": "2024", "Country of Asylum ISO": "SWE"}, "41883")],
    ),
    "unhcr/derived_from_rda/population.csv.gz": (
        layout(
            compression="gzip",
            figures=("refugees", "asylum_seekers", "idps"),
            columns={"year": ("year",)},
            others=("returned_refugees", "returned_idps", "stateless", "ooc", "oip", "hst"),
        ),
        [({"year": "1951.0", "coa_iso": "AUT", "measure": "refugees"}, "282000.0")],
    ),
    "unhcr/derived_from_rda/asylum_applications.csv.gz": (
        layout(compression="gzip", figures=("applied",)),
        [({"year": "2006.0", "coo_iso": "AFG", "coa_iso": "AUS", "dec_level": "AR"}, "14.0")],
    ),
    "hdx_hapi/gender-and-science_AFG.csv": (
        layout(figures=("Value",), hxl=True),
        [({"Year": "2017", "Indicator Code": "SH.STA.MMRT"}, "638")],
    ),
    "hdx_hapi/indicators_AFG.csv": (
        layout(figures=("Value",), hxl=True),
        [({"Indicator Code": "SP.POP.TOTL"}, "37172386")],
    ),
    "hdx_hapi/worldbank_topline.csv": (
        layout(figures=("value",), hxl=True),
        [({"countryiso": "AFG", "date": "2018-01-01"}, "37172386")],
    ),
    "hdx_hapi/global-iom-dtm-from-api-admin-0-to-2.csv": (
        layout(
            figures=("numPresentIdpInd", "numberMales", "numberFemales"),
            columns={n: (n,) for n in ("adminLevel", "yearReportingDate", "monthReportingDate", "roundNumber")},
            attributes=("id",),
            hxl=True,
        ),
        [({"id": "36747", "measure": "numberFemales"}, "2869")],
    ),
    "hdx_hapi/hdx_hapi_idps_global.csv": (
        layout(figures=HAPI),
        [({"admin2_name": "Fouli", "reporting_round": "9", "assessment_type": "SA"}, "80847")],
    ),
    "idmc/ind_idmc_idu_events.csv": (
        layout(figures=("figure",), attributes=("id", "latitude", "longitude", "link", "description")),
        [({"id": "112605"}, "3720")],
    ),
    "iom_missing_migrants/MissingMigrants-Global-2020-01.csv": (
        layout(
            figures=("Number Dead", "Minimum Estimated Number of Missing", "Total Dead and Missing"),
            others=("Number of Survivors", "Number of Females", "Number of Males", "Number of Children"),
            columns={"year": ("Reported Year",), "quality": ("Source Quality",)},
            attributes=("Web ID", "latitude", "longitude"),
        ),
        [({"Web ID": "52771", "measure": "Total Dead and Missing"}, "29")],
    ),
    "knomad/Bilateralremittancematrix2018Oct2019.csv": (
        layout(across="(?P<receiver>.+)", columns={"sender": ("",)}),
        [({"sender": "United States", "receiver": "Mexico"}, "34704")],
    ),
    "national_PHL/Emigrant-1981-2020-Age.csv": (
        layout(across="(?P<age>.+)", columns=YEAR),
        [({"year": "2020", "age": "Not Reported / No Response"}, "9")],
    ),
    "national_PHL/Emigrant-1981-2020-Sex.csv": (
        layout(across="(?P<sex>MALE|FEMALE)", columns=YEAR),
        [({"year": "1981", "sex": "FEMALE"}, "28517")],
    ),
    # both have the table once more below empty records, under other headers
    "national_PHL/Emigrant-1981-2020-AllCountries.csv": (
        layout(across="(?P<country>.+)", columns=YEAR, ends_before="Country,PHILIPPINES,"),
        [({"year": "2020", "country": "CANADA"}, "4579")],
    ),
    "national_PHL/Emigrant-1988-2020-PlaceOfOrigin.csv": (
        layout(across="(?P<region>.+)", columns=YEAR, ends_before=",+Region,"),
        [({"year": "2020", "region": "National Capital Region (NCR)"}, "3416")],
    ),
    "national_NPL/derived_from_rda/Hhld17.csv": (
        layout(figures=("number",), others=("tot_hhld", "absnt_hhld")),
        [({"prov": "0", "category": "Male"}, "1799675")],
    ),
    "national_NPL/derived_from_rda/Hhld18.csv.gz": (
        layout(compression="gzip", **NEPAL),
        [({"prov": "0", "sexname": "Total", "category": "00to04"}, "70958")],
    ),
    "national_NPL/derived_from_rda/Hhld19.csv.gz": (
        layout(compression="gzip", **NEPAL),
        [({"prov": "0", "sexname": "Total", "agegrp": "0", "category": "India"}, "744855")],
    ),
    "national_NPL/derived_from_rda/Hhld21.csv.gz": (
        layout(compression="gzip", **NEPAL),
        [({"prov": "0", "sexname": "Total", "reason": "0", "category": "Total"}, "2190592")],
    ),
    "un_wpp/UN_WPP_2024_net_migration.csv": (
        layout(figures=("Net Number of Migrants",), columns={"position": ("",)} | YEAR, attributes=("position",)),
        [({"year": "1950.0", "Country ISO": "AGO"}, "-25000.0")],
    ),
    "eurostat/country_population.csv": (
        layout(**EUROSTAT),
        [({"geo": "Kosovo*", "TIME_PERIOD": "2022"}, "1773971")],
    ),
    "eurostat/migrants_illegally_present.csv": (
        layout(**EUROSTAT),
        [({"geo": "United Kingdom", "TIME_PERIOD": "2019", "reason": "Total", "apprehen": "Total"}, "22275")],
    ),
    "eurostat/migrants_refused_entry_at_the_border.csv": (
        layout(**EUROSTAT),
        [({"geo": "Austria", "TIME_PERIOD": "2014"}, "455")],
    ),
    "eurostat/migration_permits_issued.csv": (
        layout(**EUROSTAT),
        [({"geo": "Austria", "TIME_PERIOD": "2012"}, "37816")],
    ),
    "eurostat/proportion_of_population_by_sex_and_citizenship.csv": (
        layout(**EUROSTAT),
        [({"geo": "Austria", "TIME_PERIOD": "2023", "sex": "Females"}, "53.1")],
    ),
    "eurostat/proportion_of_population_by_sex_and_country_of_birth.csv": (
        layout(**EUROSTAT),
        [({"geo": "Bulgaria", "TIME_PERIOD": "2022", "sex": "Females"}, "47.6")],
    ),
}


def figures_of(payload, declared):
    """The obvious way: cell by cell with the csv module. Line, header, figure, and the blank records."""
    text = gzip.decompress(payload) if declared.compression else payload
    reader = csv.reader(io.StringIO(text.decode("utf-8-sig"), newline=""))
    pattern = re.compile(declared.across or "|".join(map(re.escape, declared.figures)))
    known = set(itertools.chain.from_iterable(declared.columns.values())) | {"Country Name", "Indicator Name"}
    header, found, blank, begins = None, [], 0, 1
    for record in reader:
        line, begins = begins, reader.line_num + 1
        if header is None:
            if any(map(pattern.fullmatch, record)) and len(record) > 2:
                header = record
                over = [
                    n
                    for n, text in enumerate(header)
                    if pattern.fullmatch(text) and text not in known | {*declared.others, *declared.attributes}
                ]
        elif declared.ends_before and re.match(declared.ends_before, ",".join(record)):
            break
        elif record and not (declared.hxl and record[over[0]].startswith("#")):
            if any(record):
                found += [(line, header[n], record[n] or None) for n in over]
            else:
                blank += len(over)
    return found, blank


@pytest.mark.payloads
@pytest.mark.parametrize("pattern", REAL)
def test_every_real_file_equals_the_obvious_reading(pattern, files, keeps_the_contract):
    declared, golden = REAL[pattern]
    [(_, payload)] = files(pattern)
    reader = reader_for(declared)
    table = reader.read(payload, declared)
    rows_of = zip(
        table.data[ROW].to_pylist(), table.data[PLACE].to_pylist(), table.data[VALUE].to_pylist(), strict=True
    )
    got = [(line, place.removeprefix("line {} column "), value) for line, place, value in rows_of]
    expected, blank = figures_of(payload, declared)
    assert len(got) == len(expected)
    assert sorted(got, key=str) == sorted(expected, key=str)
    assert sum(e.count for e in table.explained if e.reason == "blank") == blank
    assert reader.inspect(payload, declared) == table.envelope
    keeps_the_contract(reader, payload, table, declared)
    for cells, figure in golden:
        mask = None
        for name, text in cells.items():
            fits = pc.equal(table.data[name].cast("string"), text)
            mask = fits if mask is None else pc.and_(mask, fits)
        assert figure in table.data.filter(mask)[VALUE].to_pylist(), cells


@pytest.mark.payloads
def test_real_files_that_need_more_words_say_which(files):
    def refused(pattern, declared, error, said):
        [(_, payload)] = files(pattern)
        with pytest.raises(error, match=said):
            reader_for(declared).read(payload, declared)

    refused("ilostat/header_only.csv", layout(figures=("obs_value",)), PublisherError, "line 2: .*no record")
    origin = "national_PHL/Emigrant-1988-2020-PlaceOfOrigin.csv"
    refused(origin, layout(across="(?P<region>.+)", columns=YEAR), DriftError, "no header")
    refused("hdx_hapi/indicators_AFG.csv", layout(figures=("Value",)), DriftError, "HXL")
    netm = "worldbank/API_SM.POP.NETM_DS2_en_csv_v2_*.csv"
    refused(netm, wide(across="(?P<year>19[0-9]{2})"), DriftError, r"'2000' \(line 6: ")
    refused("ilostat/err_retired_dataset.json", layout(figures=("obs_value",)), PublisherError, "deprecated")
    refused("national_NPL/derived_from_rda/Hhld17.csv", layout(compression="gzip", **NEPAL), DriftError, "not a gzip")
