from __future__ import annotations

import itertools
import json

import pytest

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.layout import JsonStatLayout
from migstats.readers import PLACE, ROW, VALUE, answer, jsonstat

LAYOUT = JsonStatLayout(format="jsonstat")

CUBE = {
    "version": "2.0",
    "class": "dataset",
    "updated": "2026-08-10T11:00:00+0200",
    "id": ["sex", "geo"],
    "size": [2, 3],
    "dimension": {
        "sex": {"category": {"index": ["F", "M"]}},
        "geo": {"category": {"index": {"FR": 2, "AT": 0, "BE": 1}}},
    },
    "value": {"4": 12.50, "0": 7, "5": None},
    "status": {"5": "|C", "0": "p", "1": ":"},
}


def cube(**changes):
    return json.dumps({k: v for k, v in (CUBE | changes).items() if v is not ...}).encode()


def read(payload):
    return jsonstat.read(payload, LAYOUT)


def rows(table):
    beside = [PLACE, *(name for name in table.data.column_names if name.endswith(".unit"))]
    return [tuple(r.values()) for r in table.data.drop_columns(beside).to_pylist()]


def units(table, column):
    return [r[column] for r in table.data.to_pylist()]


def naive(payload):
    """The obvious way: every position of the product of codes, one after another."""
    document = json.loads(payload, parse_float=str, parse_int=str)
    if "dimension" not in document:
        document = next(v for v in document.values() if isinstance(v, dict) and "dimension" in v)
    dimension = document["dimension"]
    ids = document.get("id") or dimension["id"]
    axes = []
    for name in ids:
        category = dimension[name]["category"]
        index = category.get("index")
        if isinstance(index, dict):
            index = sorted(index, key=lambda c: int(category["index"][c]))
        axes.append(index or list(category["label"]))
    value, status = document["value"], document.get("status")
    if isinstance(status, dict) and isinstance(status.get("value"), list | dict):
        status = status["value"]

    def at(holder, i):
        if isinstance(holder, dict):
            return holder.get(str(i))
        return holder[i] if isinstance(holder, list) else holder if holder and at(value, i) is not None else None

    found = []
    for i, codes in enumerate(itertools.product(*axes)):
        if at(value, i) is not None or at(status, i):
            found.append((*codes, at(status, i), at(value, i), i))
    return found


def test_codes_come_from_the_strides_and_a_status_without_value_is_a_row(keeps_the_contract):
    table = read(cube())
    assert rows(table) == [
        ("F", "AT", "p", "7", 0),
        ("F", "BE", ":", None, 1),
        ("M", "BE", None, "12.5", 4),
        ("M", "FR", "|C", None, 5),
    ]
    assert table.landed == 6
    assert [(e.reason, e.count, e.example) for e in table.explained] == [("absent_position", 2, "/value/2")]
    assert table.envelope.updated == "2026-08-10T11:00:00+02:00"
    keeps_the_contract(jsonstat, cube(), table, LAYOUT)


def test_the_order_of_keys_and_dimensions_changes_no_fact():
    turned = cube(
        id=["geo", "sex"],
        size=[3, 2],
        value={"5": None, "3": 12.50, "0": 7},
        status={"2": ":", "5": "|C", "0": "p"},
    )
    facts = {tuple(sorted(r.items())) for r in read(cube()).data.drop_columns([PLACE, ROW]).to_pylist()}
    assert {tuple(sorted(r.items())) for r in read(turned).data.drop_columns([PLACE, ROW]).to_pylist()} == facts


@pytest.mark.parametrize("token", ["12.50", "1E5", "-0.0", "123456789012345678901", "-7", "true"])
def test_a_number_keeps_the_text_that_the_publisher_wrote(token):
    payload = cube(value={"0": "HERE"}, status=...).replace(b'"HERE"', token.encode())
    assert read(payload).data[VALUE].to_pylist() == [token]
    array = cube(value=["HERE", None, None, None, None, None], status=...).replace(b'"HERE"', token.encode())
    assert read(array).data[VALUE].to_pylist() == [token]
    assert jsonstat.locate(payload, "/value/0", LAYOUT) == jsonstat.locate(array, "/value/0", LAYOUT) == token


@pytest.mark.parametrize("text", [":", "12", "2,3:4", "a\\b", "..", "null", "", "Ä"])
def test_a_value_that_is_text_stays_that_text(text):
    payload = cube(value={"0": text, "3": 1}, status=...)
    assert read(payload).data[VALUE].to_pylist() == [text, "1"]
    assert jsonstat.locate(payload, "/value/0", LAYOUT) == text
    assert read(cube(value=[text, 1, None, None, None, None], status=...)).data[VALUE].to_pylist() == [text, "1"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (["p", None, "", "b", None, None], ["p", "b"]),
        ("e", ["e", "e"]),
        (["e"], ["e", "e"]),
        (None, [None, None]),
    ],
)
def test_status_may_be_an_array_or_one_text(status, expected):
    table = read(cube(value={"0": 1, "3": 2}, status=status))
    assert table.data["_status"].to_pylist() == expected


def test_a_bundle_of_version_1_with_one_dataset_is_read_with_its_own_pointer(keeps_the_contract):
    inner = {k: CUBE[k] for k in ("value", "status")} | {
        "dimension": {**CUBE["dimension"], "id": CUBE["id"], "size": CUBE["size"]}
    }
    payload = json.dumps({"a/b": inner}).encode()
    table = read(payload)
    assert rows(table) == rows(read(cube()))
    assert table.data[PLACE].to_pylist()[0] == "/a~1b/value/{}"
    keeps_the_contract(jsonstat, payload, table, LAYOUT)
    with pytest.raises(PublisherError, match="2 datasets"):
        read(json.dumps({"a": inner, "b": inner}).encode())


def test_a_single_category_needs_no_index():
    dimension = {"sex": {"category": {"label": {"T": "Total"}}}, "geo": CUBE["dimension"]["geo"]}
    table = read(cube(size=[1, 3], dimension=dimension, value=[1, 2, 3], status=...))
    assert rows(table)[2] == ("T", "FR", None, "3", 2)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"value": {"6": 1}}, DriftError, "/value/6"),
        ({"value": {"-1": 1}}, DriftError, "/value/-1"),
        ({"value": {"x": 1}}, DriftError, "not a position"),
        ({"value": [1, 2]}, DriftError, "2 values"),
        ({"status": ["p", "p"]}, DriftError, "2 entries"),
        ({"size": [2, 4]}, DriftError, "geo"),
        ({"size": [2]}, DriftError, "one length"),
        ({"size": [2, 0]}, PublisherError, "geo"),
        ({"id": ["sex", "age"]}, DriftError, "age"),
        ({"dimension": {"sex": [], "geo": []}}, DriftError, "JSON-stat"),
        ({"dimension": {"sex": {}, "geo": {"category": {"index": {"A": 0, "B": 0, "C": 1}}}}}, DriftError, "sex"),
        ({"value": {}, "status": ...}, PublisherError, "no rows"),
        ({"value": [], "status": {}}, PublisherError, "no rows"),
        ({"value": [None] * 6, "status": ...}, PublisherError, "no rows"),
        ({"class": "collection"}, PublisherError, "collection"),
        ({"value": ...}, PublisherError, "value"),
    ],
)
def test_a_cube_that_does_not_fit_is_refused(changes, error, said):
    with pytest.raises(error, match=said):
        read(cube(**changes))


def test_every_dimension_is_named_as_one():
    assert read(cube()).dimensions == (("sex",), ("geo",))
    with pytest.raises(DriftError, match="'_status'"):
        read(
            cube(
                id=["_status", "geo"], dimension={"_status": CUBE["dimension"]["sex"], "geo": CUBE["dimension"]["geo"]}
            )
        )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"0": "p"', '"0": "p", "0": "b"', "/status: the key '0' stands twice in one object, with p and b"),
        ('"0": 7', '"0": 7, "0": ":"', "/value: the key '0' stands twice"),
        ('"AT": 0', '"AT": 0, "AT": 1', "/dimension: the key 'AT' stands twice"),
        ('"class"', '"v\\u0061lue": 1, "class"', "the answer: the key 'value' stands twice"),
        ('"class"', '"value": {"0": 99}, "class"', "the answer: the key 'value' stands twice"),
        ('"class"', '"note": "\\\\\\"x\\\\", "id": [":"], "class"', "the answer: the key 'id' stands twice"),
    ],
)
def test_a_key_that_stands_twice_is_not_decided_by_the_last(old, new, said):
    payload = cube().replace(old.encode(), new.encode(), 1)
    assert json.loads(payload)
    with pytest.raises(DriftError, match=said):
        read(payload)


@pytest.mark.parametrize("text", ["plain", '"', ":", '":"', "\\", '\\"', ',":', "a:b", " : ", "{", "é\u2028"])
def test_keys_are_counted_whatever_stands_in_texts(text):
    document = {text: text, "list": [text, {text: {"x": [text]}}, 1.5, None, True], "": {}}
    for spaces in ({"separators": (",", ":")}, {"indent": 3}, {"separators": (" , ", " : ")}, {"ensure_ascii": False}):
        assert answer.count_keys(json.dumps(document, **spaces).encode()) == 5


def test_a_position_that_stands_twice_is_refused():
    with pytest.raises(DriftError, match="/value/4: the position stands twice"):
        read(cube(status=...).replace(b'{"4": 12.5,', b'{"4": 12.5, "4": 13,'))


@pytest.mark.parametrize(
    ("payload", "error", "said"),
    [
        (b"", PublisherError, "empty"),
        (b" \n", PublisherError, "empty"),
        (b"{}", PublisherError, "no rows"),
        (b"[]", PublisherError, "no rows"),
        (cube()[:-9], TryAgainError, "cut off"),
        (cube(value={"0": "Q"}).replace(b'"Q"', b"NaN"), PublisherError, "NaN stands in it as a figure .* for null"),
        (cube(value={"0": "Q"}).replace(b'"Q"', b"-Infinity"), PublisherError, "-Infinity stands in it"),
        (cube(value={"0": "Q"}).replace(b'"Q"', b"NaN")[:-9], TryAgainError, "cut off"),
        (cube(value={"0": "Q"}).replace(b'"Q"', b'"\xff"'), TryAgainError, "whole"),
        (b"[" * 100_000, TryAgainError, "whole"),
        (b"<!DOCTYPE html><title>Down</title>", TryAgainError, "Down"),
        (b"<html></html>", TryAgainError, "web page"),
        (b"Service Unavailable", TryAgainError, "Service Unavailable"),
        (b'{"warning":{"status":413,"label":"ASYNCHRONOUS_RESPONSE. Later."}}', TryAgainError, "413"),
        (b'{"error":[{"status":413,"id":413,"label":"ASYNCHRONOUS_RESPONSE"}]}', TryAgainError, "later"),
        (
            b'{"error":[{"status":413,"id":413,"label":"EXTRACTION_TOO_BIG: 9 rows"}]}',
            PublisherError,
            "too big.*413.*cut the slice",
        ),
        (b'{"error":[{"status":400,"id":150,"label":"INVALID_QUERY_DIMENSION"}]}', PublisherError, "150.*INVALID"),
        (
            b"<S:Fault><faultcode>413</faultcode><faultstring>EXTRACTION_TOO_BIG: 9 rows</faultstring></S:Fault>",
            PublisherError,
            "too big",
        ),
    ],
)
def test_what_is_no_dataset_is_refused_by_both(payload, error, said):
    for act in (jsonstat.inspect, jsonstat.read):
        with pytest.raises(error, match=said):
            act(payload, LAYOUT)


def measured(**unit_of):
    dimension = {**CUBE["dimension"], "sex": {"category": {"index": ["F", "M"], "unit": unit_of}}}
    return cube(dimension=dimension)


def test_the_unit_of_what_is_measured_is_a_column(keeps_the_contract):
    payload = measured(F={"base": "number", "decimals": 0}, M={"label": "per 1 000", "base": "number", "decimals": 1})
    table = read(payload)
    assert units(table, "sex.unit") == ["number", "number", "per 1 000, number", "per 1 000, number"]
    assert table.dimensions == (("sex",), ("geo",))
    keeps_the_contract(jsonstat, payload, table, LAYOUT)


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        ({"base": "euro", "multiplier": 6, "symbol": "€", "position": "start"}, "euro, multiplier 6"),
        ({"label": "persons", "base": "persons"}, "persons"),
        ({"base": "", "type": "count", "label": None}, "type count"),
        ("persons", "persons"),
    ],
)
def test_a_unit_is_all_that_is_said_of_it_but_how_it_is_printed(unit, text):
    assert units(read(measured(M=unit)), "sex.unit") == [None, None, text, text]


def test_no_column_of_units_is_there_where_none_is_said():
    for payload in (cube(), measured(), measured(M={"decimals": 0}), measured(M=None)):
        assert "sex.unit" not in read(payload).data.column_names


def test_a_dimension_with_the_name_of_a_column_of_units_is_refused():
    dimension = {"sex": {"category": {"index": ["F", "M"], "unit": {"F": {"base": "n"}}}}}
    dimension["sex.unit"] = CUBE["dimension"]["geo"]
    with pytest.raises(DriftError, match=r"'sex\.unit' would stand in the way"):
        read(cube(id=["sex", "sex.unit"], dimension=dimension))


@pytest.mark.payloads
@pytest.mark.parametrize(
    ("file", "column", "expected"),
    [
        ("29843.json", "ContentsCode.unit", {"index", "per 1 000"}),
        ("cso_ie-NQQ25.json", "Statistic.unit", {"Euro Million"}),
        ("statswe.json", "ContentsCode.unit", {"antal"}),
    ],
)
def test_units_of_real_cubes(payloads, file, column, expected):
    assert set(units(read((payloads / "jsonstat" / file).read_bytes()), column)) == expected


@pytest.mark.payloads
def test_every_real_cube_equals_the_naive_reading(files, keeps_the_contract):
    cubes = 0
    for name, payload in files("jsonstat/*.json", "eurostat/eurostat_*.json", "eurostat/migr_*.json"):
        if name == "collection.json":
            with pytest.raises(PublisherError, match="collection"):
                read(payload)
            continue
        table = read(payload)
        assert rows(table) == naive(payload), name
        keeps_the_contract(jsonstat, payload, table, LAYOUT)
        cubes += 1
    assert cubes >= 10


@pytest.mark.payloads
def test_real_answers_that_are_no_cube_say_why(files):
    for _, payload in files("eurostat/err_*", "eurostat/warn_*", "pxweb/*.json"):
        with pytest.raises((PublisherError, TryAgainError)):
            read(payload)


@pytest.mark.payloads
def test_golden_figures_of_eurostat(payloads):
    payload = (payloads / "eurostat/eurostat_migr_pop1ctz.json").read_bytes()
    table = read(payload)
    assert (table.data.num_rows, table.landed) == (417, 585)
    figures = {(r["geo"], r["time"]): (r[VALUE], r["_status"]) for r in table.data.to_pylist()}
    assert figures["EU27_2020", "2014"] == ("28740222", "be")
    assert jsonstat.locate(payload, "/value/260", LAYOUT) == "879102"


def test_categories_have_their_labels_where_the_cube_has_them():
    geo = {"category": {"index": {"FR": 2, "AT": 0, "BE": 1}, "label": {"FR": "France", "AT": "Austria", "BE": None}}}
    labels = read(cube(dimension=CUBE["dimension"] | {"geo": geo})).labels
    assert labels == {"sex": {}, "geo": {"FR": "France", "AT": "Austria"}}


def collection(*items, **more):
    return json.dumps({"version": "2.0", "class": "collection", "link": {"item": list(items)}, **more}).encode()


LINK = {"class": "dataset", "href": "https://stat.example.org/arrivals.json", "label": "Arrivals"}


def test_the_only_embedded_dataset_of_a_collection_is_read_with_its_own_pointer(keeps_the_contract):
    payload = collection(LINK, CUBE | {"label": "Departures"}, {"class": "collection", "href": "more.json"})
    table = read(payload)
    assert rows(table) == rows(read(cube()))
    assert set(table.data[PLACE].to_pylist()) == {"/link/item/1/value/{}"}
    assert table.envelope.updated == read(cube()).envelope.updated
    keeps_the_contract(jsonstat, payload, table, LAYOUT)


@pytest.mark.parametrize("name", ["Departures", "https://stat.example.org/departures.json"])
def test_of_several_datasets_the_declared_one_is_read(name):
    other = CUBE | {"label": "Arrivals", "value": {"0": 99}, "status": {}}
    wanted = CUBE | {"label": "Departures", "href": "https://stat.example.org/departures.json"}
    layout = JsonStatLayout(format="jsonstat", dataset=name)
    assert rows(jsonstat.read(collection(other, wanted), layout)) == rows(read(cube()))
    bundle = json.dumps({"first": other, "second": wanted}).encode()
    assert rows(jsonstat.read(bundle, JsonStatLayout(format="jsonstat", dataset="second"))) == rows(read(cube()))
    for payload in (collection(other, wanted), bundle):
        with pytest.raises(DriftError, match=r"2 datasets: .*say with `dataset`"):
            read(payload)
        with pytest.raises(DriftError, match=r"no dataset 'Balance'.*it has"):
            jsonstat.read(payload, JsonStatLayout(format="jsonstat", dataset="Balance"))
    with pytest.raises(DriftError, match="2 datasets"):
        jsonstat.read(collection(wanted, wanted), layout)


def test_a_collection_of_links_is_refused_with_the_addresses_to_ask_for():
    for payload in (collection(LINK), collection(LINK, dataset="no figures here")):
        for act in (jsonstat.inspect, jsonstat.read):
            with pytest.raises(PublisherError, match=r"1 links.*'Arrivals' at https://stat.example.org/arrivals.json"):
                act(payload, LAYOUT)
    with pytest.raises(PublisherError, match=r"0 links.*nothing"):
        read(collection())
    with pytest.raises(DriftError, match="/link/item is not"):
        read(b'{"class":"collection","link":{"item":{"a":1}}}')


def test_a_key_that_stands_twice_in_a_dataset_of_a_collection_is_refused():
    payload = collection(CUBE).replace(b'"size": [2, 3]', b'"size": [2, 3], "size": [3, 2]')
    with pytest.raises(DriftError, match="'size' stands twice"):
        read(payload)


@pytest.mark.payloads
def test_the_real_collection_of_links_names_its_datasets(payloads):
    with pytest.raises(PublisherError, match=r"collection of 8 links.*oecd.json.*let `url` be"):
        read((payloads / "jsonstat/collection.json").read_bytes())


GEO = {"category": {"index": {"2": 2, "0": 0, "1": 1}, "label": {"2": "France", "0": "Austria", "1": "Belgium"}}}
BY_TEXT = JsonStatLayout(format="jsonstat", texts=("geo",))


def test_labels_stand_in_the_place_of_codes_that_are_only_positions(keeps_the_contract):
    payload = cube(dimension=CUBE["dimension"] | {"geo": GEO})
    table = jsonstat.read(payload, BY_TEXT)
    assert table.data["geo"].to_pylist() == ["Austria", "Belgium", "Belgium", "France"]
    assert read(payload).data["geo"].to_pylist() == ["0", "1", "1", "2"]
    assert "geo" not in table.labels
    keeps_the_contract(jsonstat, payload, table, BY_TEXT)


def test_a_code_without_a_label_is_its_own():
    geo = {"category": GEO["category"] | {"label": {"2": "France", "1": "Belgium"}}}
    table = jsonstat.read(cube(dimension=CUBE["dimension"] | {"geo": geo}), BY_TEXT)
    assert table.data["geo"].to_pylist() == ["0", "Belgium", "Belgium", "France"]


@pytest.mark.parametrize("label", [{"2": "France", "0": "France", "1": "Belgium"}, {"2": "France", "0": "1"}])
def test_labels_that_do_not_tell_categories_apart_are_refused(label):
    geo = {"category": GEO["category"] | {"label": label}}
    with pytest.raises(DriftError, match=r"'geo': the label '(France|1)' stands at several"):
        jsonstat.read(cube(dimension=CUBE["dimension"] | {"geo": geo}), BY_TEXT)
    with pytest.raises(DriftError, match="`texts` names 'area', the dimensions are sex, geo"):
        jsonstat.read(cube(), JsonStatLayout(format="jsonstat", texts=("area",)))
