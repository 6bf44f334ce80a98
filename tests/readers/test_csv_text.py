"""Quotes that went missing or stand where none should: records are joined by them, and no field is too many."""

from __future__ import annotations

import csv
import io

import pytest

from migstats.errors import PublisherError
from migstats.layout import DelimitedLayout, SdmxCsvLayout
from migstats.readers import ROW, VALUE, csv_text, delimited, sdmx_csv

HEADER = "area,sex,TIME_PERIOD,OBS_VALUE,note\n"
SDMX = SdmxCsvLayout(format="sdmx_csv")
PLAIN = DelimitedLayout(format="delimited", figures=("OBS_VALUE",), attributes=("note",))
COUNTED = DelimitedLayout(
    format="delimited",
    aggregate={"figure": "count", "by": ["area"], "period": {"to": "year", "year": "TIME_PERIOD"}},
)
READERS = [(sdmx_csv, SDMX), (delimited, PLAIN), (delimited, COUNTED)]

#: What is wrong, the records below the header, and how the error begins.
MALFORMED = {
    "two closing quotes are lost": ('A,F,2020,1,"x,2\nB,F,2020,2,"y,2\nC,F,2020,3,z\n', "line 3: text stands behind"),
    "two opening quotes are lost on the left": ('A,"F,2020,1,x\nB,"F,2020,2,y\nC,F,2020,3,z\n', "line 3: text stands"),
    "a blank behind a quote": ('A,F,2020,1,x\nB,"F" ,2020,2,y\n', "line 3: text stands behind a quote"),
    "a quote within a quoted field": ('A,F,2020,1,"the "big" one"\nB,F,2020,2,y\n', "line 2: text stands behind"),
    "behind a field of two lines": (
        'A,F,2020,1,"x\ny"z\nB,F,2020,2,y\n',
        "line 3: text .* begins on line 2",
    ),
    "in other line ends": ('A,F,2020,1,"x\r\nB,F,2020,2,"y"\r\n', "line 3: text stands behind"),
    "a closing and the next opening quote": (
        'A,F,2020,1,x\nB,F,"2020,2,y\nC,F,2020",3,z\n',
        "line 3: .* to line 4",
    ),
    "no quote closes": ('A,F,2020,1,x\nB,F,2020,2,"y\nC,F,2020,3,z\n', "line 3: is not CSV: unexpected end"),
}


@pytest.mark.parametrize(("records", "said"), MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize(("reader", "layout"), READERS, ids=["sdmx_csv", "delimited", "aggregate"])
def test_a_quote_out_of_place_is_refused_with_its_line(reader, layout, records, said):
    with pytest.raises(PublisherError, match=said):
        reader.read((HEADER + records).encode(), layout)


#: Quotes as RFC 4180 has them, or within an unquoted field, which ends with its line whatever stands in it.
HARMLESS = {
    "empty and doubled": 'A,"",2020,1,""""\n"B","F","2020","2","a ""b"""\n',
    "several lines": 'A,F,2020,1,"x\n\ny, z"\nB,F,2020,2,"a\n""b"",\nc"\nC,F,2020,3,z',
    "several lines of prose as wide as a record": 'A,F,2020,1,"from\nB, C, D, E, F"\nB,F,2020,2,\n',
    "within an unquoted field": 'A,F,2020,1,5" pipe\nB,F,2020,2,"x\ny"\nC,F,2020,3,the "big" one\n',
}


@pytest.mark.parametrize("records", HARMLESS.values(), ids=HARMLESS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(("reader", "layout"), READERS[:2], ids=["sdmx_csv", "delimited"])
def test_other_quotes_stay_and_records_are_those_of_the_strict_parser(reader, layout, end, records):
    text = (HEADER + records).replace("\n", end)
    found = csv.reader(io.StringIO(text, newline=""), strict=True)
    expected = [(found.line_num, record[4]) for record in found][1:]
    table = reader.read(text.encode(), layout)
    assert table.data["note"].to_pylist() == [note for _, note in expected]
    ends = [line for line, _ in expected]
    assert table.data[ROW].to_pylist() == [2, *(line + 1 for line in ends[:-1])]


#: Columns of one character: what their texts have in common must not make them the same.
NEARLY_THE_SAME = {
    "as long together as if all were the first": ["aa", "a", "aaa"],
    "shorter ones": ["aa", "a", "a"],
    "of one length": ["ab", "ab", "ac"],
    "cut elsewhere": ["aba", "b", "ab"],
    "empty and not": ["", "a", ""],
    "all empty": ["", "", ""],
    "the same throughout": ["aa", "aa", "aa"],
    "of several bytes": ["é", "é", "è"],
}


@pytest.mark.parametrize("times", [1, 40], ids=["in one piece", "in several"])
@pytest.mark.parametrize("texts", NEARLY_THE_SAME.values(), ids=NEARLY_THE_SAME)
@pytest.mark.parametrize(("reader", "layout"), READERS[:2], ids=["sdmx_csv", "delimited"])
def test_a_column_holds_the_text_of_each_record(monkeypatch, reader, layout, texts, times):
    monkeypatch.setattr(csv_text, "_BLOCK", 1 << 8)
    records = [(text, "F", "2020", str(at), "") for at, text in enumerate(texts * times)]
    payload = HEADER + "".join(",".join(record) + "\n" for record in records)
    found = reader.read(payload.encode(), layout).data
    assert found["area"].to_pylist() == [record[0] for record in records]
    assert found[VALUE].to_pylist() == [record[3] for record in records]
