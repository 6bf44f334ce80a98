from __future__ import annotations

import json

import pytest

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.layout import UnhcrLayout
from migstats.readers import PLACE, ROW, VALUE, unhcr

LAYOUT = UnhcrLayout(format="unhcr", measures=("refugees", "idps"))
ITEM = {"year": 2023, "coo": "-", "coa_id": 8, "coa": "ARE", "refugees": 240507, "idps": "0"}


def answer(*items, **changes):
    return json.dumps({"page": 2, "maxPages": 11, "total": [], "items": list(items)} | changes).encode()


def test_items_are_melted_and_markers_stay_text(keeps_the_contract):
    payload = answer(ITEM, ITEM | {"coa": "GFR", "refugees": "-", "idps": None, "new": "x"})
    table = unhcr.read(payload, LAYOUT)
    got = [(r["coa"], r["measure"], r[VALUE], r[PLACE], r[ROW]) for r in table.data.to_pylist()]
    assert got == [
        ("ARE", "refugees", "240507", "/items/{}/refugees", 0),
        ("GFR", "refugees", "-", "/items/{}/refugees", 1),
        ("ARE", "idps", "0", "/items/{}/idps", 0),
        ("GFR", "idps", None, "/items/{}/idps", 1),
    ]
    assert table.data["year"].to_pylist() == ["2023"] * 4
    assert table.data["new"].to_pylist() == [None, "x", None, "x"]
    assert table.landed == 2 * 2
    assert (table.envelope.page, table.envelope.pages, table.envelope.total) == (2, 11, None)
    keeps_the_contract(unhcr, payload, table, LAYOUT)


def test_a_missing_measure_is_drift_that_names_it_and_what_is_there():
    without = {k: v for k, v in ITEM.items() if k != "idps"}
    with pytest.raises(DriftError, match=r"'idps' in all of them.*displaced"):
        unhcr.read(answer(without | {"displaced": 5}), LAYOUT)
    with pytest.raises(DriftError, match="'idps' in /items/1"):
        unhcr.read(answer(ITEM, without), LAYOUT)
    with pytest.raises(DriftError, match="'refugees' in all"):
        unhcr.read(answer({}), LAYOUT)


@pytest.mark.parametrize("value", [999, "0", 1.5])
def test_figures_of_a_category_that_came_new_are_drift(value):
    with pytest.raises(DriftError, match=f"'newcat' .*/items/1/newcat: {value}.*`measures`.*`others`"):
        unhcr.read(answer(ITEM | {"newcat": "-"}, ITEM | {"coa": "GFR", "newcat": value}), LAYOUT)


def test_figures_that_are_left_to_another_dataset_are_counted():
    layout = UnhcrLayout(format="unhcr", measures=("refugees",), others=("idps", "gone"))
    table = unhcr.read(answer({k: v for k, v in ITEM.items() if k != "idps"}, ITEM, ITEM), layout)
    assert [(e.reason, e.count, e.example) for e in table.explained] == [("outside_tables", 2, "/items/1/idps")]
    assert table.landed == 3 + 2
    assert "idps" not in table.data.column_names


def test_fields_that_are_no_figures_tell_them_apart():
    same = {"coa_name": "Egypt", "coa_iso": "EGY", "app_type": "N"}
    dimensions = unhcr.read(answer(ITEM | same), LAYOUT).dimensions
    assert set(dimensions) == {
        ("year",),
        ("coo",),
        ("coa", "coa_id", "coa_name", "coa_iso"),
        ("app_type",),
        ("measure",),
    }


def test_a_key_that_stands_twice_is_not_decided_by_the_last():
    for old, new in (('"idps": "0"', '"idps": "0", "idps": 7'), ('"total": []', '"total": [], "items": []')):
        with pytest.raises(DriftError, match="stands twice"):
            unhcr.read(answer(ITEM).replace(old.encode(), new.encode(), 1), LAYOUT)


@pytest.mark.parametrize(
    ("payload", "error", "said"),
    [
        (answer(), PublisherError, "no items"),
        (answer(maxPages=0), PublisherError, "page 2 of 0"),
        (b"", PublisherError, "empty"),
        (b"{}", PublisherError, "no rows"),
        (b"[]", PublisherError, "no rows"),
        (b'{"error":"unknown endpoint"}', PublisherError, "unknown endpoint"),
        (b'{"page":1}', PublisherError, "items"),
        (answer(ITEM)[:-3], TryAgainError, "cut off"),
        (b"<!doctype html><html>404</html>", TryAgainError, "web page"),
        (answer(ITEM, page="x"), DriftError, "/page"),
    ],
)
def test_what_has_no_items_is_refused_by_both(payload, error, said):
    for act in (unhcr.inspect, unhcr.read):
        with pytest.raises(error, match=said):
            act(payload, LAYOUT)


def test_items_that_are_no_objects_are_drift():
    for items in ([1], {"a": 1}, None):
        with pytest.raises(DriftError):
            unhcr.read(answer(items=items), LAYOUT)


POPULATION = "refugees asylum_seekers returned_refugees idps returned_idps stateless ooc oip hst"
DECISIONS = "dec_recognized dec_other dec_rejected dec_closed dec_total"
AGES = "0_4 5_11 12_17 18_59 60 other total"
MEASURES = {
    "api_population-egypt-2023.json": POPULATION,
    "api_population-syria-origin-2023.json": POPULATION,
    "api_asylum-applications-egypt-2023.json": "applied",
    "api_asylum-decisions-egypt-2023.json": DECISIONS,
    "api_asylumDecisionsALG_from_elm.json": DECISIONS,
    "api_demographics-egypt-latest.json": " ".join([*(f"{s}_{age}" for s in "fm" for age in AGES.split()), "total"]),
}


@pytest.mark.payloads
def test_every_real_answer_equals_the_naive_reading(files, keeps_the_contract):
    for name, payload in files("unhcr/api_*.json"):
        if name not in MEASURES:
            continue  # areas, no figures
        measures = MEASURES[name].split()
        items = json.loads(payload, parse_int=str)["items"]
        others = {field for item in items for field in item} - set(measures)
        for taken, left in ((measures, []), (measures[:1], measures[1:])):
            table = unhcr.read(payload, UnhcrLayout(format="unhcr", measures=taken, others=left))
            expected = [
                {f: item.get(f) for f in others} | {"measure": measure, VALUE: item[measure]}
                for measure in taken
                for item in items
            ]
            assert table.data.drop_columns([PLACE, ROW]).to_pylist() == expected, name
            assert table.landed == len(items) * len(measures), name
            keeps_the_contract(unhcr, payload, table, LAYOUT)


@pytest.mark.payloads
def test_golden_figures_of_unhcr(payloads):
    payload = (payloads / "unhcr/api_population-syria-origin-2023.json").read_bytes()
    assert unhcr.locate(payload, "/items/0/refugees", LAYOUT) == "6355788"
    assert unhcr.locate(payload, "/items/0/oip", LAYOUT) == "-"
    assert unhcr.locate(payload, "/items/0/stateless", LAYOUT) == "0"


def test_areas_have_their_names_where_the_answer_has_them():
    item = ITEM | {"coo": "SYR", "coo_name": "Syrian Arab Rep.", "coa_name": "United Arab Emirates"}
    table = unhcr.read(answer(item, item | {"coa": "GFR", "coa_name": "Germany"}), LAYOUT)
    assert table.labels == {
        "coo": {"SYR": "Syrian Arab Rep."},
        "coa": {"ARE": "United Arab Emirates", "GFR": "Germany"},
    }
    assert unhcr.read(answer(ITEM), LAYOUT).labels == {}
