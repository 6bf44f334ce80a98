from __future__ import annotations

import json
import re

import pytest
import yaml

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.layout import WorldBankLayout
from migstats.readers import PLACE, ROW, VALUE, worldbank

LAYOUT = WorldBankLayout(format="worldbank")
HEADER = {"page": 1, "pages": 2, "per_page": "50", "total": 3, "sourceid": None, "lastupdated": "2026-07-13"}


def row(**changes):
    whole = {
        "indicator": {"id": "SM.POP.NETM", "value": "Net migration"},
        "country": {"id": "MA", "value": "Morocco"},
        "countryiso3code": "MAR",
        "date": "2024",
        "value": -1.50,
        "unit": "",
        "obs_status": "",
        "decimal": 0,
    }
    return {k: v for k, v in (whole | changes).items() if v is not ...}


def answer(*rows, header=HEADER):
    return json.dumps([header, list(rows)]).encode()


def read(payload):
    return worldbank.read(payload, LAYOUT)


def naive(payload):
    """The obvious way: row by row, nested objects flattened."""

    def text(value):
        return value if value is None or isinstance(value, str) else str(value)

    found = []
    for item in json.loads(payload, parse_float=str, parse_int=str)[1]:
        flat = {}
        for name, value in item.items():
            parts = {f"{name}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {name: value}
            flat |= {k: text(v) for k, v in parts.items()}
        found.append(flat)
    return found


def test_rows_are_flattened_and_numbers_keep_their_text(keeps_the_contract):
    tokens = [b"-1.50", b"1E5", b"0", b"null", b'"12 "', b"123456789012345678901"]
    payload = answer(*(row(value="HERE", date=str(n)) for n, _ in enumerate(tokens)))
    for token in tokens:
        payload = payload.replace(b'"HERE"', token, 1)
    table = read(payload)
    assert table.data[VALUE].to_pylist() == ["-1.50", "1E5", "0", None, "12 ", "123456789012345678901"]
    assert table.data["country.id"].to_pylist()[0] == "MA"
    assert table.data["decimal"].to_pylist()[0] == "0"
    assert table.data[PLACE].to_pylist()[0] == "/1/{}/value"
    assert table.landed == len(tokens)
    keeps_the_contract(worldbank, payload, table, LAYOUT)


def test_header_says_page_pages_total_and_update():
    envelope = worldbank.inspect(answer(row()), LAYOUT)
    assert (envelope.page, envelope.pages, envelope.total, envelope.updated) == (1, 2, 3, "2026-07-13")
    older = {"page": 1, "pages": "2", "per_page": 50, "total": "3", "sourcename": "WDI", "sourceid": "2"}
    assert worldbank.inspect(answer(row(), header=older), LAYOUT).updated is None


def test_fields_that_come_and_go_are_null_where_they_are_missing():
    table = read(answer(row(), row(scale="", footnote="x"), row(value=..., new=[1])))
    assert table.data["footnote"].to_pylist() == [None, "x", None]
    assert table.data["scale"].to_pylist() == [None, "", None]
    assert table.data["new"].to_pylist() == [None, None, "[1]"]
    assert table.data[VALUE].to_pylist() == ["-1.5", "-1.5", None]


def test_a_renamed_field_is_drift_that_names_both_sides():
    with pytest.raises(DriftError, match=r"countryiso3code.*iso3"):
        read(answer(row(countryiso3code=..., iso3="MAR")))
    with pytest.raises(DriftError, match=r"\$\[0\]\.country"):
        read(answer(row(country="MA")))
    with pytest.raises(DriftError, match=r"country\.id"):
        read(answer(row(country={"code": "MA"})))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            '"value": -1.5,',
            '"value": -1.5, "value": 2,',
            "/1: the key 'value' stands twice in one object, with -1.5 and 2",
        ),
        ('"id": "MA"', '"id": "MA", "id": "TN"', "/1: the key 'id' stands twice"),
        ('"total": 3', '"total": 3, "total": 9', "/0: the key 'total' stands twice"),
    ],
)
def test_a_key_that_stands_twice_is_not_decided_by_the_last(old, new, said):
    with pytest.raises(DriftError, match=said):
        read(answer(row()).replace(old.encode(), new.encode(), 1))


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\tb"])
def test_a_field_whose_name_cannot_be_one_is_named(name):
    with pytest.raises(DriftError, match=f"/1: a row has a field named {re.escape(repr(name))}"):
        read(answer(row(**{name: 1})))


def test_indicator_area_and_date_tell_figures_apart():
    assert [same[0] for same in read(answer(row())).dimensions] == ["indicator.id", "country.id", "date"]


@pytest.mark.parametrize(
    ("payload", "error", "said"),
    [
        (
            b'[{"message":[{"id":"120","key":"Invalid value","value":"not valid"},'
            b'{"id":"175","key":"k","value":"gone"}]}]',
            PublisherError,
            "id 120, key 'Invalid value', value 'not valid'; id 175, key 'k', value 'gone'",
        ),
        (b'[{"page":0,"pages":0,"per_page":0,"total":0},null]', PublisherError, "no rows"),
        (b'[{"page":1,"pages":1,"per_page":50,"total":5},null]', PublisherError, "no rows"),
        (b'[{"page":1,"pages":1,"total":5},[]]', PublisherError, "no rows"),
        (b'[{"page":1,"pages":1,"total":0},[{}]]', PublisherError, "no rows"),
        (b'[{"page":1,"pages":1,"total":5},{}]', DriftError, "array"),
        (b'[{"page":1,"pages":1,"total":5},[null]]', DriftError, "/1"),
        (b'[{"page":1,"pages":1,"total":5}]', PublisherError, "1 parts"),
        (b'[{"total":5},[{}]]', DriftError, "pages"),
        (b'[{"page":"one","pages":1},[{}]]', DriftError, "/0/page"),
        (b'{"page":1}', PublisherError, "header, rows"),
        (b"[1,2]", PublisherError, "header, rows"),
        (b"", PublisherError, "empty"),
        (b"{}", PublisherError, "no rows"),
        (b"[]", PublisherError, "no rows"),
        (answer(row())[:-2], TryAgainError, "cut off"),
        (b"\xef\xbb\xbf<?xml version='1.0'?><html><title>Request Error</title>", TryAgainError, "Request Error"),
        (b"<wb:error xmlns:wb='x'/>", TryAgainError, "XML"),
    ],
)
def test_what_is_no_answer_with_rows_is_refused_by_both(payload, error, said):
    with pytest.raises(error, match=said):
        read(payload)
    if error is not DriftError:
        with pytest.raises(error, match=said):
            worldbank.inspect(payload, LAYOUT)


@pytest.mark.payloads
def test_every_recorded_answer_equals_the_naive_reading_or_says_why(files, keeps_the_contract):
    bodies = [payload for _, payload in files("worldbank/wb_*.json", "worldbank/e*.json")]
    for name, cassette in files("worldbank/*.yaml"):
        if "IndicatorValues" in name:
            bodies += [i["response"]["body"].encode() for i in yaml.safe_load(cassette)["interactions"]]
    rows = refused = 0
    for payload in bodies:
        if b'"message"' in payload[:20] or b"<html" in payload or b"null]" in payload[-6:]:
            with pytest.raises((PublisherError, TryAgainError)):
                read(payload)
            refused += 1
            continue
        table = read(payload)
        slow = naive(payload)
        for got, expected in zip(table.data.drop_columns([PLACE, ROW]).to_pylist(), slow, strict=True):
            expected[VALUE] = expected.pop("value")
            assert {k: v for k, v in got.items() if v is not None or k in expected} == expected
        keeps_the_contract(worldbank, payload, table, LAYOUT)
        rows += table.landed
    assert (rows, refused) == (3445 + 8 * 50 + 9 * 2, 18)


@pytest.mark.payloads
def test_golden_figures_of_the_world_bank(payloads):
    payload = (payloads / "worldbank/wb_SM_POP_TOTL.json").read_bytes()
    table = read(payload)
    years = [r["date"] for r in table.data.to_pylist() if r[VALUE] is not None]
    assert {year: years.count(year) for year in sorted(set(years))} == {"2010": 262, "2015": 262, "2020": 262}


def test_indicators_and_countries_have_their_labels():
    """C14: of two labels of one code the first in the alphabet, so that the order of rows does not matter."""
    other = row(country={"id": "TR", "value": "Turkiye"}, date="2023")
    rows = [row(), other, row(country={"id": "TR", "value": "Turkey"}), row(country={"id": "XK", "value": None})]
    labels = read(answer(*rows)).labels
    assert labels == {
        "indicator.id": {"SM.POP.NETM": "Net migration"},
        "country.id": {"MA": "Morocco", "TR": "Turkey"},
    }
    assert read(answer(*reversed(rows))).labels == labels
