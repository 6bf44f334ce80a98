"""Figures made from records: what each figure is made of, what cannot be read, and the way back to the records."""

from __future__ import annotations

import calendar
import csv
import gzip
import io
import json
import random
import zipfile
from collections import Counter
from decimal import Decimal

import pytest
from pydantic import ValidationError

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.layout import DelimitedLayout, JsonRecordsLayout
from migstats.readers import (
    NOTE,
    PLACE,
    PROBLEM,
    RECORDS,
    ROW,
    VALUE,
    aggregate,
    csv_text,
    delimited,
    json_records,
    packed,
    reader_for,
    records_of,
)

PERIOD = {"to": "month", "date": "date", "formats": ("%Y-%m-%d", "%d-%b-%y", "%a, %d/%m/%Y - %H:%M")}
SUM = {"figure": "sum", "by": ("region",), "period": PERIOD}
COUNT = {**SUM, "figure": "count"}
COLUMNS = {"region": ("Region of Incident", "region"), "date": ("Reported Date", "Incident Date", "date")}


def delimited_layout(figures=("dead",), made=SUM, **declared):
    return DelimitedLayout(format="delimited", figures=figures, aggregate=made, **declared)


def json_layout(measures=("dead", "missing"), made=SUM, **declared):
    return JsonRecordsLayout(format="json_records", measures=measures, aggregate=made, **declared)


def rows(table):
    """Each row as region, period, measure, figure, status, note, cells, problem; what there is of them."""
    names = ["region", "period", "measure", VALUE, aggregate.STATUS, NOTE, RECORDS, PROBLEM]
    there = [name for name in names if name in table.data.column_names]
    return [tuple(row[name] for name in there) for row in table.data.to_pylist()]


def told(table):
    return [(e.reason, e.count, e.example) for e in table.explained]


def places(table):
    return [(row[PLACE].replace("{}", str(row[ROW])), row[VALUE]) for row in table.data.to_pylist()]


#: As IOM writes: all texts, nothing for unknown, escaped slashes, line breaks, one id for several incidents.
INCIDENTS = [
    {
        "id": "1",
        "region": "Sea",
        "date": "2025-03-01",
        "dead": "2",
        "missing": "",
        "where": "off A\n",
        "url": "http://x",
    },
    {"id": "1", "region": "Sea ", "date": "2025-03-31", "dead": "", "missing": "", "where": "off  A\n", "url": ""},
    {"id": "2", "region": "Land", "date": "2025-03-02", "dead": "0", "missing": "", "where": "in B", "url": ""},
    {"id": "3", "region": "Sea", "date": "2025-04-01", "dead": "7", "missing": "1", "where": "", "url": ""},
]
PAYLOAD = json.dumps(INCIDENTS).replace("/", "\\/").encode()


def test_a_figure_is_the_sum_of_its_records_and_unknown_is_never_nought(keeps_the_contract):
    table = json_records.read(PAYLOAD, json_layout())
    assert rows(table) == [
        ("Sea", "2025-03", "dead", "2", "partial", "not stated in 1 of 2 records", 1, None),
        ("Land", "2025-03", "dead", "0", "complete", None, 1, None),
        ("Sea", "2025-04", "dead", "7", "complete", None, 1, None),
        ("Sea", "2025-03", "missing", None, "none", None, 2, None),
        ("Land", "2025-03", "missing", None, "none", None, 1, None),
        ("Sea", "2025-04", "missing", "1", "complete", None, 1, None),
    ]
    assert told(table) == [("blank", 1, "sum of dead over the records as /0 in region, period")]
    assert (table.landed, table.records) == (len(INCIDENTS) * 2, len(INCIDENTS))
    assert table.dimensions == (("region",), ("period",), ("measure",), ("_status",))
    keeps_the_contract(json_records, PAYLOAD, table, json_layout())


def test_a_figure_leads_back_to_its_records():
    layout = json_layout()
    place = "sum of dead over the records as /0 in region, period"
    assert json_records.locate(PAYLOAD, place, layout) == "2"
    assert records_of(PAYLOAD, place, layout) == "2 records with region=Sea, period=2025-03: /0, /1"
    assert json_records.locate(PAYLOAD, "sum of missing over the records as /0 in region, period", layout) is None
    for odd in ("sum of dead over the records as /1 in region, period", "number of the records as /0 in region"):
        with pytest.raises(PublisherError):
            json_records.locate(PAYLOAD, odd, layout)
    assert records_of(PAYLOAD, "/0/dead", layout) is None
    assert records_of(PAYLOAD, "/0/dead", JsonRecordsLayout(format="json_records", measures=("dead",))) is None


ONCE = [
    {"id": 1, "region": "Sea", "date": "2025-03-01", "dead": 1},
    {"id": 1, "region": "Sea", "date": "2025-03-01", "dead": 1},
    {"id": 2, "region": "Sea", "date": "2025-03-02", "dead": 4},
    {"id": 2, "region": "Sea", "date": "2025-03-02", "dead": 5},
    {"id": None, "region": "Sea", "date": "2025-03-03", "dead": 2},
    {"id": None, "region": "Sea", "date": "2025-03-03", "dead": 2},
]


def test_a_record_that_comes_twice_is_not_added_twice(keeps_the_contract):
    payload, layout = json.dumps(ONCE).encode(), json_layout(("dead",), {**SUM, "once": "id"})
    table = json_records.read(payload, layout)
    assert rows(table) == [
        ("Sea", "2025-03", "5", "partial", "not stated in 2 of 5 records", 3, None),
        ("Sea", "2025-03", "4", "complete", None, 1, "conflicting_duplicate"),
        ("Sea", "2025-03", "5", "complete", None, 1, "conflicting_duplicate"),
    ]
    assert told(table) == [("identical_duplicate", 1, "/1")]
    assert table.landed == len(ONCE)
    keeps_the_contract(json_records, payload, table, layout)
    without = json.dumps([{**one, "number": one["id"]} for one in ONCE]).replace('"id"', '"other"').encode()
    with pytest.raises(DriftError, match="'id'"):
        json_records.read(without, layout)


def test_where_the_whole_record_is_what_comes_once_equal_ones_are_repeats_and_none_contradicts(keeps_the_contract):
    """A field that is not there in one of them, or null, tells them apart as another text does."""
    more = [{**ONCE[0], "note": note} for note in (None, "a", "a")]
    payload, layout = json.dumps(ONCE + more).encode(), json_layout(("dead",), {**SUM, "once": "*"})
    table = json_records.read(payload, layout)
    assert rows(table) == [("Sea", "2025-03", str(1 + 4 + 5 + 2 + 1 + 1), "complete", None, 6, None)]
    assert told(table) == [("identical_duplicate", 3, "/1")]
    keeps_the_contract(json_records, payload, table, layout)


def test_incidents_that_share_an_id_are_all_added_where_nobody_says_that_they_are_one():
    [row] = rows(json_records.read(json.dumps(ONCE).encode(), json_layout(("dead",))))
    assert row[:4] == ("Sea", "2025-03", "15", "complete")


def test_of_many_records_the_first_five_are_named():
    text = b"region,date\n" + b"Sea,2025-03-01\n" * 7
    layout = delimited_layout(figures=(), made=COUNT)
    [(place, value)] = places(delimited.read(text, layout))
    assert value == "7"
    assert records_of(text, place, layout) == (
        "7 records with region=Sea, period=2025-03: line 2, line 3, line 4, line 5, line 6, ..."
    )


def test_what_cannot_be_read_has_its_own_place_and_leaves_the_others_alone(keeps_the_contract):
    text = b"region,date,dead\nSea,2025-03-01,1\nSea,2025-03-02,some\nSea,soon,4\nSea,2025-03-03,1e2\nSea,2025,5\n"
    table = delimited.read(text, delimited_layout())
    assert rows(table) == [
        ("Sea", "2025-03", "1", "partial", "not stated in 2 of 3 records", 1, None),
        ("Sea", "2025-03", "some", "complete", None, 1, "not_a_number"),
        ("Sea", "soon", "4", "complete", None, 1, "bad_period"),
        ("Sea", "2025-03", "1e2", "complete", None, 1, "not_a_number"),
        ("Sea", "2025", "5", "complete", None, 1, "bad_period"),
    ]
    assert [place for place, _ in places(table)][1:] == [f"line {n} column dead" for n in (3, 4, 5, 6)]
    assert (table.landed, table.records) == (5, 5)
    keeps_the_contract(delimited, text, table, delimited_layout())


def test_a_number_below_nought_is_not_taken_from_the_sum_of_the_others(keeps_the_contract):
    text = b"region,date,dead\nSea,2025-03-01,6\nSea,2025-03-02,-1\nSea,2025-03-03,-0\nLand,2025-03-04,-0.5\n"
    table = delimited.read(text, delimited_layout())
    assert rows(table) == [
        ("Sea", "2025-03", "6", "partial", "not stated in 1 of 3 records", 2, None),
        ("Sea", "2025-03", "-1", "complete", None, 1, "out_of_bounds"),
        ("Land", "2025-03", "-0.5", "complete", None, 1, "out_of_bounds"),
    ]
    assert [place for place, _ in places(table)][1:] == ["line 3 column dead", "line 5 column dead"]
    keeps_the_contract(delimited, text, table, delimited_layout())
    balance = rows(delimited.read(text, delimited_layout(made={**SUM, "negative": True})))
    assert [row[2:4] for row in balance] == [("5", "complete"), ("-0.5", "complete")]
    unknown = delimited.read(text, delimited_layout(made={**SUM, "blank": ("-1",)}))
    assert rows(unknown)[0][2:5] == ("6", "partial", "not stated in 1 of 3 records")


def test_of_a_record_without_period_a_count_says_what_stands_for_its_date(keeps_the_contract):
    text = b"region,date\nSea,2025-03-01\nSea,soon\nSea,\n"
    layout = delimited_layout(figures=(), made=COUNT)
    table = delimited.read(text, layout)
    assert rows(table)[1:] == [("Sea", "soon", "soon", 1, "bad_period"), ("Sea", "", "", 1, "bad_period")]
    assert places(table)[1][0] == "line 3 column date"
    assert delimited.locate(text, "line 3 column date", layout) == "soon"


ERAS = {
    "2020": b"Web ID,Region of Incident,Reported Date,dead\n1,Sea,1-Mar-25,2\n1,Sea,31-Mar-25,\n2,Land,2-Mar-25,0\n",
    "2026": b'"Main ID","Incident ID","Region of Incident","Incident Date",dead\n'
    b'1,1.1,Sea,"Sat, 01/03/2025 - 12:00",2\n'
    b'1,1.2,Sea,"Mon, 31/03/2025 - 08:30",\n2,2.1,Land,"Sun, 02/03/2025 - 00:00",0\n',
    "JSON": b"region,date,dead\nSea,2025-03-01,2\nSea,2025-03-31,\nLand,2025-03-02,0\n",
}


@pytest.mark.parametrize("era", ERAS)
def test_each_era_of_headers_and_dates_gives_the_same_figures(era):
    assert rows(delimited.read(ERAS[era], delimited_layout(columns=COLUMNS))) == [
        ("Sea", "2025-03", "2", "partial", "not stated in 1 of 2 records", 1, None),
        ("Land", "2025-03", "0", "complete", None, 1, None),
    ]


def crossings(count, seed=3):
    """CSV of invented records whose fields hold line breaks, quotes and delimiters, and the same as dicts."""
    chance = random.Random(seed)
    records = [
        {
            "note": chance.choice(["", "a\nb", 'he said "no"', "x, y", "plain"]),
            "region": chance.choice(["Sea", "Land", " Sea", "Río"]),
            "date": f"2025-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
            "dead": chance.choice(["", "0", "1", "12", "0.1", "0.2"]),
        }
        for _ in range(count)
    ]
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue().encode(), records


def in_small_blocks(monkeypatch):
    monkeypatch.setattr(delimited, "BLOCK", 1000)
    monkeypatch.setattr(packed, "_PIECE", 300)


def test_blocks_of_a_stream_give_the_table_of_the_whole(monkeypatch):
    text, records = crossings(3000)
    whole = delimited.read(text, delimited_layout())
    in_small_blocks(monkeypatch)
    monkeypatch.setattr(aggregate, "_COMPACT", 20)
    parts = len(list(delimited._parts(text, delimited_layout())))
    assert parts > 50
    for payload, packing in (
        (text, {}),
        (gzip.compress(text, mtime=0), {"compression": "gzip"}),
        (zipped(("esi.csv", text)), {"compression": "zip"}),
    ):
        layout = delimited_layout(**packing)
        streamed = reader_for(layout).read(payload, layout)
        assert streamed.data.to_pylist() == whole.data.to_pylist()
        assert streamed.explained == whole.explained
        assert (streamed.landed, streamed.records) == (3000, 3000)
        place, value = places(streamed)[7]
        assert reader_for(layout).locate(payload, place, layout) == value
        assert records_of(payload, place, layout) == records_of(text, place, delimited_layout())
    sums = Counter()
    for record in records:
        sums[record["region"].strip(), record["date"][:7]] += Decimal(record["dead"] or 0)
    assert {(region, period): Decimal(value or 0) for region, period, value, *_ in rows(whole)} == sums


def zipped(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def test_blocks_are_whole_records_and_no_larger_than_they_have_to_be():
    text, _ = crossings(500)
    dialect = csv_text.Dialect("delimited text")
    found = list(csv_text.blocks((text[at : at + 100] for at in range(0, len(text), 100)), dialect, 400))
    assert b"".join(found) == text
    assert max(map(len, found)) < 600
    assert all(len(list(csv_text.records(block, dialect))) > 0 and block.endswith(b"\n") for block in found)


def test_a_quote_that_is_never_closed_does_not_fill_the_memory(monkeypatch):
    in_small_blocks(monkeypatch)
    text = b'region,date,dead\nSea,2025-03-01,"1\n' + b"Sea,2025-03-01,1\n" * 5000
    with pytest.raises(PublisherError, match="not closed"):
        delimited.read(text, delimited_layout())


def test_sums_are_exact():
    text = b"region,date,dead\n" + b"Sea,2025-03-01,0.1\nSea,2025-03-01,0.2\nSea,2025-03-01,100\n" * 1000
    assert rows(delimited.read(text, delimited_layout()))[0][2] == "100300"
    big = b"region,date,dead\n" + b"Sea,2025-03-01,999999999999999999\n" * 3
    assert rows(delimited.read(big, delimited_layout()))[0][2] == "2999999999999999997"


@pytest.mark.parametrize(
    ("number", "text", "figure"),
    [
        ({}, "1,234", None),
        ({"group": ","}, "1,234", "1234"),
        ({"group": ","}, "12,34", None),
        ({"group": ".", "decimal": ","}, "1.234,5", "1234.5"),
        ({"group": ".", "decimal": ","}, "1.5", None),
        ({"decimal": ","}, "1,5", "1.5"),
        ({"group": " "}, "1\u202f234", "1234"),
        ({}, "-3", "-3"),
        ({}, "NA", None),
        ({}, "0.1234567890", None),
    ],
)
def test_numbers_are_read_as_they_are_declared_and_never_guessed(number, text, figure):
    payload = f'region,date,dead\nSea,2025-03-01,"{text}"\n'.encode()
    [row] = rows(delimited.read(payload, delimited_layout(made={**SUM, "number": number, "negative": True})))
    assert row[2] == (figure if figure is not None else text)
    assert row[-1] == (None if figure is not None else "not_a_number")


def test_a_declared_text_for_an_unknown_number_is_blank():
    payload = b"region,date,dead\nSea,2025-03-01,NA\nSea,2025-03-01,2\n"
    [row] = rows(delimited.read(payload, delimited_layout(made={**SUM, "blank": ("NA",)})))
    assert row == ("Sea", "2025-03", "2", "partial", "not stated in 1 of 2 records", 1, None)


ROLES = (
    b"region,date,dead,role\nSea,2025-03-01,1,Recommended figure\nSea,2025-03-01,5,Triangulation\nSea,2025-03-01,2,\n"
)


@pytest.mark.parametrize(
    ("wanted", "figure", "left"), [(("Recommended figure",), "1", 2), (("Recommended figure", ""), "3", 1)]
)
def test_records_that_do_not_count_are_counted(wanted, figure, left):
    table = delimited.read(ROLES, delimited_layout(made={**SUM, "where": {"role": wanted}}))
    assert [row[2] for row in rows(table)] == [figure]
    assert told(table) == [("not_selected", left, "line 3")]
    assert table.landed == 3


def test_a_payload_of_which_no_record_counts_is_drift_and_says_what_its_column_holds():
    renamed = ROLES.replace(b"Recommended figure", b"Best figure")
    said = "role says 'Best figure', 'Triangulation', '', wanted is 'Recommended figure'; .* `aggregate.where`"
    with pytest.raises(DriftError, match=said):
        delimited.read(renamed, delimited_layout(made={**SUM, "where": {"role": ("Recommended figure",)}}))
    undated = renamed + b"Sea,2025-02-30,1,Recommended figure\n"  # one counts, and cannot be read
    table = delimited.read(undated, delimited_layout(made={**SUM, "where": {"role": ("Recommended figure",)}}))
    assert [row[-1] for row in rows(table)] == ["bad_period"]


def test_a_column_that_says_which_records_count_may_be_gone_only_where_an_empty_cell_counts():
    without = b"region,date,dead\nSea,2025-03-01,1\n"
    allowed = {**SUM, "where": {"role": ("Recommended figure", "")}}
    demanded = {**SUM, "where": {"role": ("Recommended figure",)}}
    assert [row[2] for row in rows(delimited.read(without, delimited_layout(made=allowed)))] == ["1"]
    with pytest.raises(DriftError, match="'role'"):
        delimited.read(without, delimited_layout(made=demanded))
    with pytest.raises(DriftError, match="'role'"):
        json_records.read(PAYLOAD, json_layout(made=demanded))


@pytest.mark.parametrize("gone", ["region", "date", "dead"])
def test_a_column_that_was_renamed_stops_and_is_named(gone):
    with pytest.raises(DriftError, match=f"'{gone}'.*not declared are 'other'"):
        delimited.read(ERAS["JSON"].replace(gone.encode(), b"other", 1), delimited_layout())
    renamed = [{("other" if key == gone else key): value for key, value in one.items()} for one in INCIDENTS]
    with pytest.raises(DriftError, match=f"'{gone}'"):
        json_records.read(json.dumps(renamed).encode(), json_layout())


def test_other_columns_and_the_order_of_records_do_not_matter():
    table = rows(delimited.read(ERAS["JSON"], delimited_layout()))
    head, *records = ERAS["JSON"].splitlines()
    more = b"\n".join([head + b",new", *(record + b",9" for record in reversed(records)), b""])
    assert sorted(rows(delimited.read(more, delimited_layout()))) == sorted(table)


def test_a_stamp_of_utc_is_the_day_of_the_publishers_zone():
    text = b"region,date,dead\nSea,2023-09-30T11:00:00.000Z,1\nSea,2023-09-30,2\n"
    period = {"to": "month", "date": "date", "formats": ("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%.fZ")}
    there = {**period, "zone": "Pacific/Auckland"}
    here = rows(delimited.read(text, delimited_layout(made={**SUM, "period": period})))
    assert [(row[1], row[2]) for row in here] == [("2023-09", "3")]
    theirs = rows(delimited.read(text, delimited_layout(made={**SUM, "period": there})))
    assert [(row[1], row[2]) for row in theirs] == [("2023-10", "1"), ("2023-09", "2")]


def test_a_date_that_could_be_two_months_is_not_guessed():
    both = {"to": "month", "date": "date", "formats": ("%d/%m/%Y", "%m/%d/%Y")}
    text = b"region,date,dead\nSea,03/04/2025,1\nSea,04/04/2025,2\nSea,30/04/2025,3\n"
    found = rows(delimited.read(text, delimited_layout(made={**SUM, "period": both})))
    assert [(row[1], row[2], row[-1]) for row in found] == [("2025-04", "5", None), ("03/04/2025", "1", "bad_period")]


@pytest.mark.parametrize(
    ("year", "month", "period"),
    [
        ("2024", "Marzo", "2024-03"),
        ("2024", "3", "2024-03"),
        ("2024.0", "03.0", "2024-03"),
        ("2024", "Brumaire", None),
        ("2024", "", None),
        ("24", "3", None),
        ("", "3", None),
    ],
)
def test_a_year_and_a_month_are_a_period(year, month, period):
    told_by = {"to": "month", "year": "anio", "month": "mes", "months": {"Marzo": 3}}
    made = {"figure": "count", "period": told_by}
    [row] = delimited.read(f"anio,mes\n{year},{month}\n".encode(), delimited_layout((), made)).data.to_pylist()
    assert (row["period"], row[PROBLEM]) == ((period, None) if period else (f"{year} {month}", "bad_period"))


def test_years_need_no_month():
    made = {"figure": "count", "period": {"to": "year", "year": "anio"}}
    table = delimited.read(b"anio\n2024\n2023\n2024\n", delimited_layout((), made))
    assert [(row["period"], row[VALUE]) for row in table.data.to_pylist()] == [("2024", "2"), ("2023", "1")]
    assert places(table)[0][0] == "number of the records as line 2 in period"


def test_spellings_that_are_declared_to_be_one_are_one_group():
    text = b"region,date,dead\nSea,2025-03-01,1\nThe Sea,2025-03-01,2\n"
    made = {**SUM, "same": {"region": {"The Sea": "Sea"}}}
    assert [row[:3] for row in rows(delimited.read(text, delimited_layout(made=made)))] == [("Sea", "2025-03", "3")]


def test_an_empty_record_is_blank_and_one_that_says_something_else_is_not():
    text = b"region,date,dead,note\nSea,2025-03-01,1,\n,,,\n,,,seen\n"
    table = delimited.read(text, delimited_layout())
    assert told(table) == [("blank", 1, "line 3")]
    assert rows(table)[1] == ("", "", None, "complete", None, 1, "bad_period")


def test_what_was_cut_off_is_told_before_anything_is_kept(monkeypatch):
    in_small_blocks(monkeypatch)
    whole = gzip.compress(crossings(2000)[0], mtime=0)
    layout = delimited_layout(compression="gzip")
    assert reader_for(layout).inspect(whole, layout).pages == 1
    with pytest.raises(TryAgainError, match="cut off"):
        reader_for(layout).inspect(whole[:-20], layout)
    small = delimited_layout(compression="gzip", unpacked_bytes=1000)
    with pytest.raises(PublisherError, match="unpacked_bytes"):
        reader_for(small).read(whole, small)


def test_the_encoding_is_as_declared():
    text = "region,date\nRío,2025-03-01\n"
    layout = delimited_layout((), COUNT, encoding="cp1252")
    assert rows(delimited.read(text.encode("cp1252"), layout))[0][0] == "Río"
    with pytest.raises(DriftError, match="encoding: utf-8"):
        delimited.read(text.encode(), layout)
    with pytest.raises(PublisherError, match="line 2: byte 0xed is not UTF-8"):
        delimited.read(text.encode("cp1252"), delimited_layout((), COUNT))
    assert rows(delimited.read(b"\xef\xbb\xbf" + text.encode(), delimited_layout((), COUNT)))[0][0] == "Río"


def test_a_row_of_tags_is_as_declared():
    text = b"region,date\n#region,#date\nSea,2025-03-01\n"
    [row] = rows(delimited.read(text, delimited_layout((), COUNT, hxl=True)))
    assert row == ("Sea", "2025-03", "1", 1, None)
    with pytest.raises(DriftError, match="HXL"):
        delimited.read(text, delimited_layout((), COUNT))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (b"region,date,dead\n", PublisherError, "no record"),
        (b"region;date;dead\nSea;2025-03-01;1\n", DriftError, "delimiter is ';'"),
        (b"Incidents\nregion,date,dead\nSea,2025-03-01,1\n", DriftError, "line 2: the header"),
        (b"region,date,dead\nSea,2025-03-01\n", PublisherError, "line 2: 2 fields"),
        (b"<html><title>Busy</title></html>", TryAgainError, "web page"),
    ],
)
def test_what_is_no_table_of_records_is_refused(text, error, message):
    with pytest.raises(error, match=message):
        delimited.read(text, delimited_layout())


def test_figures_of_single_records_and_a_drift_of_all_dates_are_refused(monkeypatch):
    text, _ = crossings(300)
    monkeypatch.setattr(aggregate, "MOST_GROUPS", 5)
    with pytest.raises(DriftError, match=r"aggregate\.by"):
        delimited.read(text, delimited_layout())
    monkeypatch.setattr(aggregate, "MOST_UNREADABLE", 5)
    with pytest.raises(DriftError, match="is no date as it is declared"):
        delimited.read(text.replace(b"2025-", b"25 "), delimited_layout())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: delimited_layout(()), "`sum` adds up"),
        (lambda: delimited_layout(("dead",), COUNT), "`count` has none"),
        (lambda: delimited_layout(across="(?P<year>[0-9]{4})"), "`across` says nothing"),
        (lambda: delimited_layout(others=("x",)), "`others` says nothing"),
        (lambda: json_layout(identity=("x",)), "`identity` says nothing"),
        (lambda: json_layout(pages="/pages"), "`pages` says nothing"),
        (lambda: delimited_layout(made={**SUM, "once": "id"}), "`once` is for JSON"),
        (lambda: json_layout((), {**COUNT, "once": "id"}), "`once` is about"),
        (lambda: JsonRecordsLayout(format="json_records"), "`measures`"),
        (lambda: delimited_layout(("region",)), "'region' stands twice"),
        (lambda: delimited_layout(made={**SUM, "by": ("date",)}), "'date' stands twice"),
        (lambda: delimited_layout(made={**SUM, "same": {"x": {"a": "b"}}}), "not in `by` or `where`"),
        (lambda: delimited_layout(made={**SUM, "same": {"region": {"a": "b", "b": "c"}}}), "'b'"),
        (lambda: delimited_layout(made={**SUM, "period": {"to": "month"}}), "declare one of the two"),
        (lambda: delimited_layout(made={**SUM, "period": {"to": "month", "date": "d"}}), "`formats`"),
        (lambda: delimited_layout(made={**SUM, "period": {"to": "month", "year": "y"}}), "`month` beside"),
        (lambda: delimited_layout(made={**SUM, "period": {"to": "year", "year": "y", "month": "m"}}), "have none"),
        (lambda: delimited_layout(made={**SUM, "period": {**PERIOD, "month": "m"}}), "a date has its month"),
        (lambda: delimited_layout(made={**SUM, "period": {**PERIOD, "zone": "Nowhere"}}), "no time zone"),
        (
            lambda: delimited_layout(
                made={**SUM, "period": {"to": "month", "date": "d", "formats": ("%Y",), "zone": "UTC"}}
            ),
            "time of day",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_when_it_is_declared(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


# -- real payloads: the same sums by the standard library --------------------------------------------------------


def totals(records, region, month, figure):
    found = Counter()
    for record in records:
        found[record[region], month(record)] += int(record[figure] or 0)
    return dict(found)


@pytest.mark.payloads
@pytest.mark.parametrize("year", [2014, 2025])
def test_missing_migrants_json_adds_up(year, payloads):
    payload = (payloads / f"iom_missing_migrants/{year}-json.json").read_bytes()
    made = {
        "figure": "sum",
        "by": ("region",),
        "period": {"to": "month", "date": "reported_date", "formats": ("%Y-%m-%d",)},
    }
    table = json_records.read(payload, json_layout(("number_missing", "total_dead_and_missing"), made))
    records = json.loads(payload)
    expected = totals(records, "region", lambda r: r["reported_date"][:7], "total_dead_and_missing")
    found = {row[:2]: int(row[3]) for row in rows(table) if row[2] == "total_dead_and_missing"}
    assert found == expected
    assert table.landed == 2 * len(records)
    assert sum(expected.values()) == {2014: 5548, 2025: 3780}[year]


@pytest.mark.payloads
def test_missing_migrants_csv_adds_up(payloads):
    payload = (payloads / "iom_missing_migrants/MissingMigrants-Global-2020-01.csv").read_bytes()
    figures = ("Number Dead", "Total Dead and Missing")
    table = delimited.read(
        payload, delimited_layout(figures, columns={"region": COLUMNS["region"], "date": COLUMNS["date"]})
    )
    records = list(csv.DictReader(io.StringIO(payload.decode(), newline="")))
    months = {name: number for number, name in enumerate(calendar.month_abbr)}
    expected = totals(
        records,
        "Region of Incident",
        lambda r: f"{r['Reported Year']}-{months[r['Reported Month']]:02d}",
        "Total Dead and Missing",
    )
    assert {row[:2]: int(row[3]) for row in rows(table) if row[2] == figures[1]} == expected
    assert table.landed == 2 * len(records) == 2 * 6339
    chance = random.Random(1)
    for place, value in chance.sample(places(table), 5):
        assert delimited.locate(payload, place, delimited_layout(figures, columns=COLUMNS)) == value
