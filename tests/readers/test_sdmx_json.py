from __future__ import annotations

import copy
import json

import pytest

from migstats.errors import DriftError, PublisherError, TooBigError, TryAgainError
from migstats.layout import SdmxJsonLayout
from migstats.readers import PLACE, ROW, VALUE, sdmx_json

LAYOUT = SdmxJsonLayout(format="sdmx_json")


def coded(name, *codes, **more):
    return {"id": name, "name": name.title(), "values": [{"id": c, "name": f"{c} in words"} for c in codes]} | more


#: SDMX-JSON 2.0 by series, as ILOSTAT writes it: years in any order, one dimension of the whole data set.
MESSAGE = {
    "meta": {"id": "IREF1", "prepared": "2026-09-27T20:24:37Z", "test": False, "contentLanguages": ["en"]},
    "data": {
        "dataSets": [
            {
                "structure": 0,
                "action": "Information",
                "links": [{"urn": "urn:sdmx:x", "rel": "DataStructure"}],
                "annotations": [0],
                "attributes": [0, "somebody@example.org"],
                "dimensionGroupAttributes": {":0::": ["Register"], ":1::": ["Census"]},
                "series": {
                    "0:1": {"attributes": [1], "observations": {"1": [7.50, 0], "0": [None, 1]}},
                    "1:0": {"attributes": [None], "annotations": [], "observations": {"1": [12]}},
                },
            }
        ],
        "structures": [
            {
                "name": "A dataflow",
                "dimensions": {
                    "dataSet": [coded("FREQ", "A")],
                    "series": [coded("REF_AREA", "NA", "KEN"), coded("SEX", "F", "M")],
                    "observation": [coded("TIME_PERIOD", "2022", "2020")],
                },
                "attributes": {
                    "dataSet": [coded("UNIT_MULT", "3"), {"id": "CONTACT", "format": {"dataType": "String"}}],
                    "dimensionGroup": [{"id": "SOURCE", "relationship": {"dimensions": ["REF_AREA"]}}],
                    "series": [{"id": "TITLE", "values": [{"name": "Total"}, {"name": "Males"}]}],
                    "observation": [coded("OBS_STATUS", "A", "O")],
                },
                "annotations": [{"type": "NOTE"}],
            }
        ],
    },
    "errors": [],
}


def message(**changes):
    """The message as bytes, with changes by path: `data__dataSets__0__action="Delete"`; None takes a member out."""
    changed = copy.deepcopy(MESSAGE)
    for path, value in changes.items():
        *steps, last = [int(step) if step.isdigit() else step for step in path.split("__")]
        at = changed
        for step in steps:
            at = at[step]
        if value is ...:
            del at[last]
        else:
            at[last] = value
    return json.dumps(changed).encode()


def flat(observations, **changes):
    structure = copy.deepcopy(MESSAGE["data"]["structures"][0])
    by_level = structure["dimensions"]
    structure["dimensions"] = {"observation": [*by_level["dataSet"], *by_level["series"], *by_level["observation"]]}
    structure["attributes"] = {"observation": structure["attributes"]["observation"]}
    return message(data__structures=[structure], data__dataSets=[{"observations": observations}], **changes)


def read(payload):
    return sdmx_json.read(payload, LAYOUT)


def rows(payload):
    return read(payload).data.drop_columns([PLACE, ROW]).to_pylist()


class Pairs(list):
    """The members of an object in their order, also those that stand twice."""

    def get(self, name, default=None):
        return next((value for key, value in self if key == name), default)


def naive(payload):
    """The obvious way: observation by observation, from a list of pairs."""
    document = json.loads(payload, object_pairs_hook=Pairs, parse_float=str, parse_int=str)
    root = document.get("data") or document
    found = []
    for data_set in root.get("dataSets"):
        structures = root.get("structures")
        structure = structures[int(data_set.get("structure", 0))] if structures else root.get("structure")
        dimensions, attributes = structure.get("dimensions"), structure.get("attributes")
        levels = ("dataSet", "series", "observation")
        names = [d.get("id") for level in levels for d in dimensions.get(level) or []]

        def said(attribute, cells, i):
            cell = cells[i] if i < len(cells) else None
            values = attribute.get("values")
            if values is not None and isinstance(cell, str) and cell.isdigit():
                entry = values[int(cell)]
                cell = entry and (entry.get("id") or entry.get("name"))
            if isinstance(cell, Pairs):
                cell = json.dumps(dict(cell), ensure_ascii=False)
            elif isinstance(cell, list):
                cell = cell[0] if len(cell) == 1 else json.dumps(cell, ensure_ascii=False)
            return attribute.get("default") if cell is None else cell

        def codes(key, among):
            parts = key.split(":") if among else []
            assert len(parts) == len(among)
            return {d.get("id"): (d.get("values")[int(p)].get("id"), p) for d, p in zip(among, parts, strict=True)}

        of = {level: dimensions.get(level) or [] for level in levels}
        whole = {d.get("id"): (d.get("values")[0].get("id"), "0") for d in of["dataSet"]}
        series = data_set.get("series")
        if series is None:
            all_rows = [({}, [], k, o, [*of["series"], *of["observation"]]) for k, o in data_set.get("observations")]
        else:
            all_rows = [
                (codes(key, of["series"]), one.get("attributes") or [], k, o, of["observation"])
                for key, one in series
                for k, o in one.get("observations") or []
            ]
        for first, series_cells, key, cells, among in all_rows:
            row = whole | first | codes(key, among)
            record = {name: row[name][0] for name in names}
            for i, a in enumerate(attributes.get("dataSet") or []):
                record[a.get("id")] = said(a, data_set.get("attributes") or [], i)
            for i, a in enumerate(attributes.get("dimensionGroup") or []):
                groups = [
                    group
                    for parts, group in ((k.split(":"), g) for k, g in data_set.get("dimensionGroupAttributes") or [])
                    if all(p in ("", "~", row[n][1]) for n, p in zip(names, parts, strict=True))
                ]
                told = [g for g in groups if i < len(g) and g[i] is not None]
                record[a.get("id")] = said(a, told[0] if told else [], i)
            for i, a in enumerate(attributes.get("series") or []):
                record[a.get("id")] = said(a, series_cells, i)
            for i, a in enumerate(attributes.get("observation") or []):
                record[a.get("id")] = said(a, cells, i + 1)
            found.append(record | {VALUE: cells[0]})
    return found


def test_each_observation_is_a_row_with_codes_and_all_attributes(keeps_the_contract):
    payload = message()
    table = read(payload)
    common = {"FREQ": "A", "UNIT_MULT": "3", "CONTACT": "somebody@example.org"}
    first = {"REF_AREA": "NA", "SEX": "M", "SOURCE": "Register", "TITLE": "Males"}
    second = {"REF_AREA": "KEN", "SEX": "F", "SOURCE": "Census", "TITLE": None}
    assert rows(payload) == [
        common | first | {"TIME_PERIOD": "2020", "OBS_STATUS": "A", VALUE: "7.5"},
        common | first | {"TIME_PERIOD": "2022", "OBS_STATUS": "O", VALUE: None},
        common | second | {"TIME_PERIOD": "2020", "OBS_STATUS": None, VALUE: "12"},
    ]
    assert table.landed == 3
    assert table.envelope.updated is None, "`prepared` is when we asked"
    assert table.dimensions == (("FREQ",), ("REF_AREA",), ("SEX",), ("TIME_PERIOD",))
    assert table.labels["REF_AREA"] == {"NA": "NA in words", "KEN": "KEN in words"}
    keeps_the_contract(sdmx_json, payload, table, LAYOUT)


def test_places_count_observations_in_document_order():
    table = read(message())
    assert table.data[ROW].to_pylist() == [1, 2, 3]
    assert set(table.data[PLACE].to_pylist()) == {"observation {} of data set 1"}
    assert sdmx_json.locate(message(), "observation 3 of data set 1", LAYOUT) == "12"
    for place in ("observation 4 of data set 1", "observation 0 of data set 1", "observation 1 of data set 2", "/data"):
        with pytest.raises(PublisherError, match=place):
            sdmx_json.locate(message(), place, LAYOUT)


def test_a_series_that_stands_several_times_loses_no_observation(keeps_the_contract):
    first = '"0:1": {"attributes": [1], "observations": {"0": [5]}}, '
    payload = message().decode().replace('"series": {', f'"series": {{{first}{first.replace("[5]", "[6]")}', 1).encode()
    found = [(r["REF_AREA"], r["SEX"], r["TIME_PERIOD"], r[VALUE]) for r in rows(payload)]
    assert found == [
        ("NA", "M", "2022", "5"),
        ("NA", "M", "2022", "6"),
        ("NA", "M", "2020", "7.5"),
        ("NA", "M", "2022", None),
        ("KEN", "F", "2020", "12"),
    ]
    keeps_the_contract(sdmx_json, payload, read(payload), LAYOUT)


def test_an_observation_that_stands_twice_is_two_rows():
    payload = message().replace(b'{"1": [12]}', b'{"1": [12], "1": [13], "\\u0031": [14]}')
    assert [r[VALUE] for r in rows(payload)] == ["7.5", None, "12", "13", "14"]
    twice = flat({"0:0:0:0": [1]}).replace(b'{"0:0:0:0": [1]}', b'{"0:0:0:0": [1], "0:0:0:0": [2]}')
    assert [r[VALUE] for r in rows(twice)] == ["1", "2"]
    assert sdmx_json.locate(twice, "observation 2 of data set 1", LAYOUT) == "2"


def test_flat_and_by_series_give_the_same_observations():
    columns = ("FREQ", "REF_AREA", "SEX", "TIME_PERIOD", "OBS_STATUS", VALUE)
    payload = flat({"0:0:1:1": [7.50, 0], "0:0:1:0": [None, 1], "0:1:0:1": [12]})
    assert [[r[c] for c in columns] for r in rows(payload)] == [[r[c] for c in columns] for r in rows(message())]


def test_version_1_has_one_structure_and_may_have_no_data_member():
    one = copy.deepcopy(MESSAGE["data"])
    one["structure"] = one.pop("structures")[0]
    del one["dataSets"][0]["structure"]
    for document in ({"header": {"id": "1"}, **one}, {"meta": {}, "data": one, "errors": []}, {"data": one}):
        assert rows(json.dumps(document).encode()) == rows(message())


@pytest.mark.parametrize("token", ["12.50", "1E5", "-0.0", "123456789012345678901", "-7", "0"])
def test_a_number_keeps_the_text_that_the_publisher_wrote(token):
    payload = message().replace(b"[12]", b"[%s]" % token.encode())
    assert rows(payload)[2][VALUE] == token
    assert sdmx_json.locate(payload, "observation 3 of data set 1", LAYOUT) == token


@pytest.mark.parametrize("text", ["007", "NaN", "", ":", "1,5", "Ä\\u0031"])
def test_a_figure_that_is_text_stays_that_text(text):
    payload = message().replace(b"[12]", f'["{text}"]'.encode())
    assert rows(payload)[2][VALUE] == json.loads(f'"{text}"')
    assert sdmx_json.locate(payload, "observation 3 of data set 1", LAYOUT) == json.loads(f'"{text}"')


def test_attributes_may_be_literal_several_nothing_or_have_a_default():
    attributes = [
        coded("OBS_STATUS", "A", "O", default="A"),
        {"id": "EMBARGO", "format": {"dataType": "BasicTimePeriod"}},
        {"id": "NOTE", "values": [None, {"id": "n1"}, {"value": 5}]},
    ]
    changed = {"data__structures__0__attributes__observation": attributes}
    payload = message(
        **changed,
        data__dataSets__0__series={"0:0": {"observations": {"0": [1, [0, 1], 2030, 1], "1": [2, [1], {"en": "x"}, 2]}}},
    )
    found = [(r["OBS_STATUS"], r["EMBARGO"], r["NOTE"], r["TITLE"]) for r in rows(payload)]
    assert found == [('["A", "O"]', "2030", "n1", None), ("O", '{"en": "x"}', "5", None)]
    plain = message(**changed, data__dataSets__0__series={"0:0": {"observations": {"0": [1, 1, None, 0], "1": [2]}}})
    assert [(r["OBS_STATUS"], r["NOTE"]) for r in rows(plain)] == [("O", None), ("A", None)]


def test_annotations_may_stand_after_the_attributes():
    payload = message().replace(b'{"1": [12]}', b'{"1": [12, 0, 0], "0": [13, 0, null], "0": [14, 1, [0]]}')
    assert [(r["OBS_STATUS"], r[VALUE]) for r in rows(payload)][2:] == [("A", "12"), ("A", "13"), ("O", "14")]


def test_groups_that_name_other_dimensions_are_joined():
    groups = {"~:0:~:~": ["Register"], "0:1:0:1": ["One figure"], "~:~:~:0": [None, 7]}
    assert [r["SOURCE"] for r in rows(message(data__dataSets__0__dimensionGroupAttributes=groups))] == [
        *("Register", "Register", "One figure")
    ]
    agreeing = groups | {"0:0:~:~": ["Register"]}
    assert rows(message(data__dataSets__0__dimensionGroupAttributes=agreeing))[0]["SOURCE"] == "Register"


def test_several_data_sets_are_read_with_their_own_structures(keeps_the_contract):
    second = copy.deepcopy(MESSAGE["data"]["structures"][0])
    second["dimensions"]["series"][0]["values"].reverse()
    second["attributes"]["observation"].append(coded("CONF_STATUS", "F"))
    data_set = copy.deepcopy(MESSAGE["data"]["dataSets"][0]) | {"structure": 1}
    data_set["series"] = {"0:1": {"observations": {"1": [3, 0, 0]}}}
    payload = message(
        data__structures=[MESSAGE["data"]["structures"][0], second],
        data__dataSets=[{"action": "Replace"}, MESSAGE["data"]["dataSets"][0], data_set],
    )
    assert [(r["REF_AREA"], r["CONF_STATUS"], r[VALUE]) for r in rows(payload)] == [
        ("NA", None, "7.5"),
        ("NA", None, None),
        ("KEN", None, "12"),
        ("KEN", "F", "3"),
    ]
    table = read(payload)
    assert sorted(set(table.data[PLACE].to_pylist())) == [f"observation {{}} of data set {n}" for n in (2, 3)]
    keeps_the_contract(sdmx_json, payload, table, LAYOUT)


def test_data_sets_of_other_dimensions_are_not_mixed():
    other = copy.deepcopy(MESSAGE["data"]["structures"][0])
    other["dimensions"]["dataSet"] = [coded("FREQUENCY", "A")]
    first = MESSAGE["data"]["dataSets"][0]
    payload = message(
        data__structures=[MESSAGE["data"]["structures"][0], other], data__dataSets=[first, first | {"structure": 1}]
    )
    with pytest.raises(DriftError, match="dataSets/1: its dimensions are FREQUENCY"):
        read(payload)


def test_white_space_order_and_further_members_change_no_fact():
    turned = json.loads(message(), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    turned["data"]["dataSets"][0] |= {"series": MESSAGE["data"]["dataSets"][0]["series"], "validFrom": "2026"}
    turned["data"]["structures"][0]["dimensions"]["series"][0]["annotations"] = [0]
    assert rows(b"\xef\xbb\xbf\n" + json.dumps(turned, indent=3).encode()) == rows(message())


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"data__dataSets__0__action": "Delete"}, DriftError, "/data/dataSets/0/action: found 'Delete'"),
        ({"data__dataSets__0__action": "Frobnicate"}, DriftError, "found 'Frobnicate'"),
        ({"data__dataSets__0__attributes": {}}, DriftError, "/attributes: an array"),
        ({"data__structures__0__dimensions__series": []}, DriftError, "key '0:1' where no dimension"),
        (
            {"data__structures__0__dimensions__observation": [{"id": "T", "values": [None]}]},
            DriftError,
            "0 of T has no id",
        ),
        ({"data__dataSets__0__series__1:1": {"observations": {"0": [1], "": [2]}}}, DriftError, "found the key ''"),
        ({"data__dataSets__0__series": {}}, PublisherError, "no data set has an observation"),
        ({"data__dataSets__0__series": {"0:0": {}}}, PublisherError, "series, but no observations"),
        ({"data__dataSets": []}, PublisherError, "no data set has an observation"),
        ({"data__dataSets": {}}, DriftError, "/data/dataSets: an array is expected"),
        ({"data__dataSets": ...}, PublisherError, "ask for data"),
        ({"data__structures": []}, DriftError, "no structure"),
        ({"data__structures": ...}, DriftError, "no structure"),
        ({"data__dataSets__0__structure": 1}, DriftError, "/structure: found 1"),
        ({"data__dataSets__0__observations": {"0": [1]}}, DriftError, "`series` and `observations`"),
        (
            {"data__dataSets__0__series__0:2": {"observations": {"0": [1]}}},
            DriftError,
            "'0:2' points to value 2 of SEX",
        ),
        ({"data__dataSets__0__series__0": {"observations": {"0": [1]}}}, DriftError, "key '0'.*REF_AREA, SEX"),
        ({"data__dataSets__0__series__0:x": {"observations": {"0": [1]}}}, DriftError, "key '0:x'"),
        ({"data__dataSets__0__series__0:-1": {"observations": {"0": [1]}}}, DriftError, "'0:-1'"),
        ({"data__dataSets__0__series__1:1": {"observations": {"2": [1]}}}, DriftError, "value 2 of TIME_PERIOD"),
        ({"data__dataSets__0__series__1:1": {"observations": {"0\n0": [1], "": [2]}}}, DriftError, "key '0.n0'"),
        ({"data__dataSets__0__series__1:1": {"observations": {"0": []}}}, DriftError, "observation 4.*detail=full"),
        ({"data__dataSets__0__series__1:1": {"observations": {"0": 5}}}, DriftError, "observations are not as"),
        ({"data__dataSets__0__series__1:1": {"observations": {"0": [1, 2]}}}, DriftError, "OBS_STATUS.*value 2"),
        ({"data__dataSets__0__series__1:1": {"observations": {"0": [1, -1]}}}, DriftError, "OBS_STATUS.*value -1"),
        (
            {"data__dataSets__0__series__1:1": {"observations": {"0": [1, 0, 4]}}},
            DriftError,
            "observation 4.*3 entries",
        ),
        ({"data__dataSets__0__series__1:1": {"attributes": [2], "observations": {"0": [1]}}}, DriftError, "TITLE"),
        (
            {"data__dataSets__0__series__1:1": {"attributes": [1, 0], "observations": {"0": [1]}}},
            DriftError,
            "2 attrib",
        ),
        ({"data__dataSets__0__attributes": [1]}, DriftError, "UNIT_MULT is said to be its value 1"),
        ({"data__dataSets__0__dimensionGroupAttributes": {":0:": ["x"]}}, DriftError, "a part for each of FREQ"),
        ({"data__dataSets__0__dimensionGroupAttributes": {":9::": ["x"]}}, DriftError, "value 9 of REF_AREA"),
        (
            {"data__dataSets__0__dimensionGroupAttributes": {":0::": ["x"], "0:0::": ["y"]}},
            DriftError,
            "SOURCE: two groups.*'x' and 'y'",
        ),
        ({"data__structures__0__dimensions__series": [coded("REF_AREA", "A", "A")]}, DriftError, "value 'A' twice"),
        ({"data__structures__0__dimensions__series": [coded("FREQ", "A")]}, DriftError, "FREQ stands twice"),
        ({"data__structures__0__dimensions__group": [coded("G", "A")]}, DriftError, "levels group"),
        ({"data__structures__0__dimensions__dataSet": [coded("FREQ", "A", "M")]}, DriftError, "FREQ has 2 values"),
        ({"data__structures__0__dimensions__dataSet": [coded("_value", "A")]}, DriftError, "'_value'"),
        ({"data__structures__0__dimensions": ...}, DriftError, "/data/structures/0: is not as"),
        (
            {"data__structures__0__measures": {"observation": [{"id": "OBS_VALUE"}, {"id": "TURNOVER"}]}},
            DriftError,
            "one measure.*OBS_VALUE, TURNOVER",
        ),
        ({"errors": [{"code": 130, "title": "Response too large"}]}, TooBigError, "130.*cut the slice"),
        ({"errors": [{"code": 503, "title": "Busy", "links": ["x"]}]}, TryAgainError, "503, title Busy$"),
        ({"errors": [{"code": 100, "title": "No results found"}]}, PublisherError, "No results found"),
    ],
)
def test_a_message_that_does_not_fit_is_refused(changes, error, said):
    with pytest.raises(error, match=said):
        read(message(**changes))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('{"1": [12]}', '{"1": [12]}, "observations": {"1": [13]}', "series/1:0: 'observations' stands twice"),
        ('{"1": [12]}', '{"1": [12]}, "\\u006fbservations": {}', "series/1:0: 'observations' stands twice"),
        ('"attributes": [null]', '"attributes": [null], "attributes": [1]', "series/1:0: 'attributes' stands twice"),
        ('"series": {', '"series": {}, "series": {', "/data/dataSets/0: the key 'series' stands twice"),
        ('"dataSets": [', '"dataSets": [], "dataSets": [', "/data: the key 'dataSets' stands twice"),
        ('{"id": "NA",', '{"id": "NA", "id": "KEN",', "/data/structures/0: the key 'id' stands twice"),
        ('":0::": ["Register"]', '":0::": ["Register"], ":0::": ["x"]', "':0::' stands twice"),
    ],
)
def test_a_member_that_stands_twice_is_not_decided_by_the_last(old, new, said):
    payload = message().replace(old.encode(), new.encode(), 1)
    assert json.loads(payload)
    with pytest.raises(DriftError, match=said):
        read(payload)


@pytest.mark.parametrize(
    ("payload", "error", "said"),
    [
        (b"", PublisherError, "empty"),
        (b"{}", PublisherError, "no rows"),
        (b"[1]", PublisherError, "JSON array"),
        (b'{"data": []}', DriftError, "/data: an object"),
        (b'{"errors": []}', PublisherError, "dataSets"),
        (message()[:-9], TryAgainError, "cut off"),
        (b'{"data":' * 5000, TryAgainError, "whole"),
        (b"<html><title>Down</title>", TryAgainError, "Down"),
        (b"NoRecordsFound", PublisherError, "no rows"),
        (b'{"error":"deprecated or invalid dataset id=FOO"}', PublisherError, "FOO"),
    ],
)
def test_what_is_no_data_message_is_refused_by_both(payload, error, said):
    for act in (sdmx_json.inspect, sdmx_json.read):
        with pytest.raises(error, match=said):
            act(payload, LAYOUT)


def test_inspect_sees_that_there_are_rows_and_no_stamp():
    assert sdmx_json.inspect(message(), LAYOUT).updated is None
    with pytest.raises(DriftError):
        sdmx_json.inspect(message(data__dataSets__0__action="Delete"), LAYOUT)


#: Real messages that are refused, and the reason that is given.
REFUSED = {
    "khaeru_ECB_EXR_action-delete.json": "/dataSets/1/action: found 'Delete'",
    "khaeru_OECD_data-PART2-all-all.json": "TIME_FORMAT.*0 values",
    "khaeru_v3_json_data_constructed-sample-full.json": "code 123",
    "khaeru_v3_json_data_generated-sample.json": "code 90483457.7170785",
    "sdmxjson_CBR_duplicate_series_keys_EXCERPT.json": "no structure",
}


@pytest.mark.payloads
def test_every_real_message_equals_the_naive_reading_or_says_why(files, keeps_the_contract):
    whole = 0
    for name, payload in files(
        *("oecd/sdmxjson_*.json", "ilostat/sdmxjson_*.json"),
        *(f"sdmx_structures/khaeru_{what}*.json" for what in ("ECB_EXR", "OECD_data", "v3_json_data")),
    ):
        if name in REFUSED:
            with pytest.raises(PublisherError, match=REFUSED[name]):
                read(payload)
            continue
        assert rows(payload) == naive(payload), name
        keeps_the_contract(sdmx_json, payload, read(payload), LAYOUT)
        whole += 1
    assert whole >= 9


@pytest.mark.payloads
def test_the_excerpt_of_ilostat_keeps_its_eighteen_observations(payloads, keeps_the_contract):
    raw = (payloads / "ilostat/sdmxjson_CBR_duplicate_series_keys_EXCERPT.json").read_bytes()
    sizes = {"REF_AREA": 2, "FREQ": 1, "MEASURE": 1, "SEX": 1, "AGE": 1, "CBR": 4}
    structure = {
        "dimensions": {
            "series": [coded(name, *(f"{name}{i}" for i in range(size))) for name, size in sizes.items()],
            "observation": [coded("TIME_PERIOD", *(str(2015 + i) for i in range(9)))],
        },
        "attributes": {
            "series": [coded(f"S{i}", "x") for i in range(3)],
            "observation": [coded(f"O{i}", "x", "y", "z") for i in range(8)],
        },
    }
    payload = raw.replace(b'"structures":[]', b'"structures":[%s]' % json.dumps(structure).encode())
    assert len(json.loads(payload)["data"]["dataSets"][0]["series"]) == 7
    assert rows(payload) == naive(payload)
    assert len(rows(payload)) == 18
    of_total = {r["TIME_PERIOD"]: r[VALUE] for r in rows(payload) if (r["REF_AREA"], r["CBR"]) == ("REF_AREA1", "CBR0")}
    figures = ["16.431", "16.033", "15.807", "14.094", "12.885", "13.937", "10.391", "3.782"]
    assert of_total == {str(2016 + i): figure for i, figure in enumerate(figures)}
    keeps_the_contract(sdmx_json, payload, read(payload), LAYOUT)


@pytest.mark.payloads
def test_each_way_of_the_full_sample_gives_the_same_observations(payloads):
    raw = json.loads((payloads / "sdmx_structures/khaeru_v3_json_data_constructed-sample-full.json").read_bytes())
    del raw["errors"]
    by_series, flat_, keys_only, data_only, _ = raw["data"]["dataSets"]
    found = []
    for data_set in (by_series, flat_, data_only):
        raw["data"]["dataSets"] = [data_set]
        payload = json.dumps(raw).encode()
        assert rows(payload) == naive(payload)
        found.append([(r["CURRENCY"], r["TIME_PERIOD"], r[VALUE]) for r in rows(payload)])
    assert found[0] == found[1] == found[2]
    raw["data"]["dataSets"] = [keys_only]
    with pytest.raises(DriftError, match="detail=full"):
        read(json.dumps(raw).encode())


@pytest.mark.payloads
def test_golden_figures_of_the_oecd_whose_years_are_not_sorted(payloads):
    payload = (payloads / "oecd/sdmxjson_AUS_B14.json").read_bytes()
    assert {r["TIME_PERIOD"]: r[VALUE] for r in rows(payload)}["2022"] == "7681720"
    assert sdmx_json.locate(payload, "observation 3 of data set 1", LAYOUT) == "7681720"
