from __future__ import annotations

import json

import pyarrow.compute as pc
import pytest
from pydantic import ValidationError

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.layout import JsonRecordsLayout
from migstats.pipeline import check_total
from migstats.readers import PLACE, ROW, VALUE, json_records


def layout(**declared):
    return JsonRecordsLayout(format="json_records", **declared)


#: As IDMC answers.
GIDD = layout(
    records="/results",
    measures=("new_displacement", "total_displacement"),
    others=("total_rounded", "gone"),
    identity=("year",),
    labels={"iso3": "country_name"},
    total="/count",
    updated="/last_updated",
    errors=("/detail",),
)
ITEM = {
    "iso3": "AFG",
    "country_name": "Afghanistan",
    "year": 2009,
    "new_displacement": 0,
    "total_rounded": 297000,
    "total_displacement": None,
}


def answer(*items, **changes):
    return json.dumps(
        {"last_updated": "2025-05-13", "count": 961, "next": None, "results": list(items)} | changes
    ).encode()


def rows(table):
    """Each row without its place."""
    return table.data.drop_columns([PLACE, ROW]).to_pylist()


def test_records_are_melted_and_the_envelope_is_read(keeps_the_contract):
    payload = answer(ITEM, ITEM | {"iso3": "NA", "country_name": "Namibia", "new_displacement": "-", "new": "x"})
    table = json_records.read(payload, GIDD)
    got = [(r["iso3"], r["year"], r["measure"], r[VALUE], r[PLACE], r[ROW]) for r in table.data.to_pylist()]
    assert got == [
        ("AFG", "2009", "new_displacement", "0", "/results/{}/new_displacement", 0),
        ("NA", "2009", "new_displacement", "-", "/results/{}/new_displacement", 1),
        ("AFG", "2009", "total_displacement", None, "/results/{}/total_displacement", 0),
        ("NA", "2009", "total_displacement", None, "/results/{}/total_displacement", 1),
    ]
    assert table.data["new"].to_pylist() == [None, "x", None, "x"]
    assert [(e.reason, e.count, e.example) for e in table.explained] == [
        ("outside_tables", 2, "/results/0/total_rounded")
    ]
    assert (table.landed, table.records) == (2 * 2 + 2, 2)
    assert (table.envelope.page, table.envelope.pages, table.envelope.total) == (1, 1, 961)
    assert table.envelope.updated == "2025-05-13"
    assert table.dimensions == (("iso3", "country_name"), ("year",), ("new",), ("measure",))
    assert table.labels == {"iso3": {"AFG": "Afghanistan", "NA": "Namibia"}}
    keeps_the_contract(json_records, payload, table, GIDD)


#: As the UNSD answers.
SDG = layout(
    records="/data",
    measures=("value",),
    others=("lowerBound", "upperBound"),
    identity=("geoAreaCode", "timePeriodStart"),
    attributes=("goal", "target", "indicator", "source", "footnotes", "timeCoverage", "valueType"),
    labels={"series": "seriesDescription", "geoAreaCode": "geoAreaName"},
    total="/totalElements",
    page="/pageNumber",
    pages="/totalPages",
)
SDG_BODY = (
    b'{"size":3,"totalElements":5,"totalPages":2,"pageNumber":1,\n'
    b' "attributes":[{"id":"Nature","codes":[{"code":"C","description":"Country data"}]}],"dimensions":[],\n'
    b' "data":[\n'
    b'  {"goal":["10"],"target":["10.c"],"indicator":["10.c.1"],"series":"SI_RMT_COST_BC",'
    b'"seriesDescription":"Corridor remittance costs (%)","geoAreaCode":"504","geoAreaName":"Morocco ",'
    b'"timePeriodStart":2022.0,"value":"12.30","valueType":"Float","time_detail":null,"timeCoverage":null,'
    b'"upperBound":null,"lowerBound":null,"source":"World Bank","footnotes":["", "a\\"b"],'
    b'"attributes":{"Nature":"C","Units":"PERCENT"},"dimensions":{"Reporting Type":"G","Counterpart.area":"FR"}},\n'
    b'  {"goal":["10"],"target":["10.c"],"indicator":["10.c.1"],"series":"SI_RMT_COST_BC",'
    b'"seriesDescription":"Corridor remittance costs (%)","geoAreaCode":"454","geoAreaName":"Malawi",'
    b'"timePeriodStart":2022.0,"value":"-0.10","valueType":"Float","time_detail":null,"timeCoverage":null,'
    b'"upperBound":null,"lowerBound":null,"source":"World Bank","footnotes":[],'
    b'"attributes":{"Nature":"C","Units":"PERCENT"},"dimensions":{"Reporting Type":"G"}},\n'
    b'  {"goal":["10"],"target":["10.c"],"indicator":["10.c.1"],"series":"SI_RMT_COST_BC",'
    b'"seriesDescription":"Corridor remittance costs (%)","geoAreaCode":"50","geoAreaName":"Bangladesh",'
    b'"timePeriodStart":2022.0,"value":"NaN","valueType":"Float","time_detail":null,"timeCoverage":null,'
    b'"upperBound":null,"lowerBound":null,"source":"World Bank","footnotes":[],'
    b'"attributes":{"Nature":"NA","Units":"PERCENT"},"dimensions":null}\n'
    b" ]}\n"
)


def test_nested_objects_have_dots_and_figures_that_are_strings_stay_that_text(keeps_the_contract):
    table = json_records.read(SDG_BODY, SDG)
    first, second, third = rows(table)
    assert [r[VALUE] for r in (first, second, third)] == ["12.30", "-0.10", "NaN"]
    assert (first["attributes.Nature"], third["attributes.Nature"]) == ("C", "NA")
    assert (first["dimensions.Reporting Type"], third["dimensions.Reporting Type"]) == ("G", None)
    assert (first["dimensions.Counterpart.area"], second["dimensions.Counterpart.area"]) == ("FR", None)
    assert (first["timePeriodStart"], first["goal"], first["footnotes"]) == ("2022.0", '["10"]', '["", "a\\"b"]')
    assert (table.envelope.page, table.envelope.pages, table.envelope.total) == (1, 2, 5)
    assert "measure" not in table.data.column_names
    assert ("geoAreaCode", "geoAreaName") in table.dimensions
    assert ("attributes.Nature",) in table.dimensions
    assert not {("goal",), ("source",)} & set(table.dimensions)
    assert [(e.reason, e.count) for e in table.explained] == [("outside_tables", 3), ("outside_tables", 3)]
    keeps_the_contract(json_records, SDG_BODY, table, SDG)


def test_a_measure_may_stand_in_a_nested_object(keeps_the_contract):
    payload = b'[{"a":"x","of":{"k.1":{"figure":1E5}}},{"a":"y","of":{"k.1":{"figure":007.0}}}]'.replace(
        b"007.0", b"7.0"
    )
    payload = payload[:-1] + b',{"a":"z","of":null}]'
    declared = layout(measures=("of.k.1.figure",))
    table = json_records.read(payload, declared)
    assert rows(table)[0] == {"a": "x", VALUE: "1E5"}
    assert table.data[VALUE].to_pylist() == ["1E5", "7.0", None]
    assert set(table.data[PLACE].to_pylist()) == {"/{}/of/k.1/figure"}
    keeps_the_contract(json_records, payload, table, declared)


def test_numbers_keep_their_text(keeps_the_contract):
    tokens = [b"-1.50", b"1E5", b"0", b"null", b'"12 "', b"123456789012345678901", b'""', b'"007"']
    payload = b"[" + b",".join(b'{"n":"a","v":%s}' % token for token in tokens) + b"]"
    table = json_records.read(payload, layout(measures=("v",)))
    assert table.data[VALUE].to_pylist() == ["-1.50", "1E5", "0", None, "12 ", "123456789012345678901", "", "007"]
    keeps_the_contract(json_records, payload, table, layout(measures=("v",)))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (999, "999"),
        ("0", "0"),
        (1.5, "1.5"),
        ("12 345", "12 345"),
        ([1, 2], r"\[1, 2\]"),
        (["10"], r"\[\"10\"\]"),
        ({"sub": 7}, "7"),
        ([{"key": "2020", "value": 1}], r"\[\{\"key"),
    ],
)
def test_figures_of_which_nothing_is_declared_are_drift(value, said):
    with pytest.raises(DriftError, match=f"'new(.sub)?' ./results/1/new(/sub)?: {said}.*`measures`.*`others`"):
        json_records.read(answer(ITEM | {"new": "-"}, ITEM | {"iso3": "NA", "new": value}), GIDD)
    told = GIDD.model_copy(update={"attributes": ("new", "new.sub")})
    assert ("new",) not in json_records.read(answer(ITEM | {"new": value}), told).dimensions


#: As the office of Kyrgyzstan answers: a record for each region, in it an object for each year.
NESTED = layout(
    records="/data",
    nested="values",
    measures=("values.value",),
    others=("values.rank",),
    identity=("values.key",),
    attributes=("pk",),
    labels={"title_en": "title_ru"},
)


def region(name, *figures, **changes):
    values = [{"key": 2020 + at, "value": figure} for at, figure in enumerate(figures)]
    return {"pk": 7, "title_en": name, "title_ru": f"{name} ru", "values": values} | changes


def nested(*regions):
    return json.dumps({"data": list(regions), "units": "thousand"}).encode()


@pytest.mark.parametrize(
    ("regions", "templates"),
    [
        (2, {"/data/0/values/{}/value", "/data/1/values/{}/value"}),
        (5, {f"/data/{{}}/values/{at}/value" for at in range(3)}),
    ],
)
def test_an_array_nested_in_each_record_gives_a_row_per_object(regions, templates, keeps_the_contract):
    payload = nested(*(region(f"R{at}", 1.50 + at, None, *([f"{at}"] if at else [])) for at in range(regions)))
    payload = payload.replace(b"1.5}", b"1.50}")
    table = json_records.read(payload, NESTED)
    got = [
        (r["title_en"], r["values.key"], r[VALUE], r[PLACE].replace("{}", str(r[ROW]))) for r in table.data.to_pylist()
    ]
    expected = [("R0", "2020", "1.50", "/data/0/values/0/value"), ("R0", "2021", None, "/data/0/values/1/value")]
    for at in range(1, regions):
        expected += [
            (f"R{at}", "2020", f"{1.5 + at}", f"/data/{at}/values/0/value"),
            (f"R{at}", "2021", None, f"/data/{at}/values/1/value"),
            (f"R{at}", "2022", f"{at}", f"/data/{at}/values/2/value"),
        ]
    assert got == expected
    assert set(table.data[PLACE].to_pylist()) == templates
    assert (table.landed, table.records) == (3 * regions - 1, regions)
    assert table.dimensions == (("title_en", "title_ru"), ("values.key",))
    assert table.labels["title_en"]["R1"] == "R1 ru"
    keeps_the_contract(json_records, payload, table, NESTED)


def test_several_figures_of_a_nested_object_have_their_own_places(keeps_the_contract):
    declared = layout(
        records="/data",
        nested="values",
        measures=("values.men", "values.women"),
        others=("values.all",),
        identity=("values.key",),
    )
    objects = [{"key": 1, "men": 5, "women": 6, "all": 11}, {"key": 2, "men": 7, "women": None}]
    payload = json.dumps({"data": [{"name": "a", "values": objects[:1]}, {"name": "b", "values": objects}]}).encode()
    table = json_records.read(payload, declared)
    got = [
        (r["measure"], r["name"], r["values.key"], r[VALUE], r[PLACE].replace("{}", str(r[ROW])))
        for r in table.data.to_pylist()
    ]
    assert got == [
        ("values.men", "a", "1", "5", "/data/0/values/0/men"),
        ("values.men", "b", "1", "5", "/data/1/values/0/men"),
        ("values.men", "b", "2", "7", "/data/1/values/1/men"),
        ("values.women", "a", "1", "6", "/data/0/values/0/women"),
        ("values.women", "b", "1", "6", "/data/1/values/0/women"),
        ("values.women", "b", "2", None, "/data/1/values/1/women"),
    ]
    assert [(e.reason, e.count, e.example) for e in table.explained] == [("outside_tables", 2, "/data/0/values/0/all")]
    keeps_the_contract(json_records, payload, table, declared)


@pytest.mark.parametrize(
    ("regions", "error", "said"),
    [
        ([region("A", 1), region("B", 1, values=None)], DriftError, "/data/1/values: an array of objects .* None"),
        ([region("A", 1), region("B", 1, values=[1])], DriftError, r"/data/1/values: .*found \[1\]"),
        ([region("A", 1), region("B", 1, values={"2020": 1})], DriftError, "/data/1/values: an array of objects"),
        ([region("A", 1), {"pk": 7, "title_en": "B"}], DriftError, "/data/1/values: .*found nothing"),
        ([{"pk": 7, "title_en": "B", "figures": []}], DriftError, "'values', .*there are pk, title_en, figures"),
        ([region("A"), region("B")], PublisherError, "there are 2 records, and nothing in 'values' of any"),
        (
            [region("A", 1), region("B", 1, values=[{"key": 1, "value": 1}, {"key": 2}])],
            DriftError,
            "'values.value' in /data/1/values/1",
        ),
        (
            [region("A", 1), region("B", 1, values=[{"key": 1, "value": 1, "men": 5}])],
            DriftError,
            "'values.men' ./data/1/values/0/men: 5",
        ),
        ([region("A", 1), region("B", 1, code=5)], DriftError, "'code' ./data/1/code: 5"),
    ],
)
def test_what_is_nested_otherwise_is_refused_with_its_place(regions, error, said):
    with pytest.raises(error, match=said):
        json_records.read(nested(*regions), NESTED)


def test_a_record_without_objects_has_no_rows_and_counts_as_a_record():
    table = json_records.read(nested(region("A", 1), region("B"), region("C", 2)), NESTED)
    assert table.data["title_en"].to_pylist() == ["A", "C"]
    assert table.records == 3


def test_a_missing_measure_is_drift_that_names_it_and_what_is_there():
    without = {k: v for k, v in ITEM.items() if k != "new_displacement"}
    with pytest.raises(DriftError, match=r"'new_displacement' in all of them.*displaced"):
        json_records.read(answer(without | {"displaced": 5}), GIDD)
    with pytest.raises(DriftError, match="'new_displacement' in /results/1"):
        json_records.read(answer(ITEM, without), GIDD)
    with pytest.raises(DriftError, match="'new_displacement' in /results/1"):
        json_records.read(answer(ITEM, ITEM | {"new_displacement": {"conflict": 5}}), GIDD)


@pytest.mark.parametrize(("item", "found"), [(5, "int"), (None, "null"), ("x", "str"), ([1], "array")])
def test_a_record_that_is_no_object_is_drift_with_its_place(item, found):
    with pytest.raises(DriftError, match=f"/results/1: .*`{found}"):
        json_records.read(answer(ITEM, item), GIDD)
    with pytest.raises(DriftError, match=f"/1: .*`{found}"):
        json_records.read(json.dumps([ITEM, item]).encode(), layout(measures=("new_displacement",)))


def test_a_key_that_stands_twice_is_not_decided_by_the_last():
    nested = SDG_BODY.replace(b'"Units":"PERCENT"', b'"Nature":"E"', 1)
    listed = SDG_BODY.replace(b'"footnotes":[]', b'"footnotes":[{"a":1,"a":2}]', 1)
    for payload, declared in (
        (answer(ITEM).replace(b'"year": 2009', b'"year": 2009, "year": 2010'), GIDD),
        (answer(ITEM).replace(b'"count": 961', b'"count": 961, "count": 1'), GIDD),
        (b'{"data":{"n":1,"rows":[{"v":1}],"rows":[]}}', layout(records="/data/rows", measures=("v",))),
        (nested, SDG),
        (listed, SDG),
    ):
        with pytest.raises(DriftError, match="stands twice"):
            json_records.read(payload, declared)


def test_two_fields_of_one_name_are_drift():
    with pytest.raises(DriftError, match=r"'a\.b'"):
        json_records.read(b'[{"a":{"b":"x"},"a.b":"y","v":1}]', layout(measures=("v",)))


def test_keys_that_differ_from_record_to_record_are_no_fields():
    payload = json.dumps([{"v": 1, "by": {f"k{n}": "x"}} for n in range(300)]).encode()
    with pytest.raises(DriftError, match="'by' have 300 different keys, such as 'k0'"):
        json_records.read(payload, layout(measures=("v",)))


@pytest.mark.parametrize(
    ("payload", "error", "said"),
    [
        (answer(), PublisherError, "/results: no records"),
        (answer(results=None), PublisherError, "/results: no records"),
        (answer(ITEM, count=0), PublisherError, "total 0"),
        (answer(results={"a": 1}), DriftError, "/results: an array of records is expected"),
        (answer(results="none"), DriftError, "/results: an array of records is expected"),
        (answer(ITEM).replace(b'"results"', b'"rows"'), DriftError, "/results: .*last_updated, count, next, rows"),
        (b'[{"a":1}]', DriftError, "/results: .*an array"),
        (answer(ITEM, count="many"), DriftError, "/count: a count is expected, found 'many'"),
        (answer(ITEM, count=9.5), DriftError, "/count: a count is expected, found 9.5"),
        (answer(ITEM, count=-1), DriftError, "/count: a count is expected, found -1"),
        (answer(ITEM, count=True), DriftError, "/count: a count is expected, found True"),
        (answer(ITEM).replace(b'"count"', b'"counted"'), DriftError, "/count: nothing is there any more"),
        (answer(ITEM, last_updated="13/05/2025"), DriftError, "/last_updated: a date .*found '13/05/2025'"),
        (answer(ITEM, detail="Client is not registered."), PublisherError, "Client is not registered"),
        (b'{"detail":"Client is not registered."}', PublisherError, "Client is not registered"),
        (b'{"error":"unknown endpoint"}', PublisherError, "unknown endpoint"),
        (b"", PublisherError, "empty"),
        (b"{}", PublisherError, "no rows"),
        (b"[]", PublisherError, "no rows"),
        (answer(ITEM)[:-3], TryAgainError, "cut off"),
        (b"<!doctype html><html>404</html>", TryAgainError, "web page"),
        (b"[" * 100_000, TryAgainError, "not whole"),
    ],
)
def test_what_has_no_records_is_refused_by_both(payload, error, said):
    for act in (json_records.inspect, json_records.read):
        with pytest.raises(error, match=said):
            act(payload, GIDD)


def test_a_count_may_be_written_as_text_and_an_empty_error_is_none():
    payload = answer(ITEM, count="2", error=None, detail=[], errors={})
    assert json_records.inspect(payload, GIDD).total == 2


def test_nesting_without_end_is_refused():
    payload = b'{"count":1,"last_updated":"2025-05-13","results":[{"a":' + b"[" * 90_000 + b"]" * 90_000 + b"}]}"
    with pytest.raises((PublisherError, TryAgainError)):
        json_records.read(payload, GIDD)


def test_the_publishers_total_counts_records_and_not_figures():
    whole = json_records.read(answer(ITEM, ITEM | {"iso3": "NA"}, count=2), GIDD)
    check_total("all", {"a": whole})
    with pytest.raises(PublisherError, match=r"counts \[3\] rows, 2 came"):
        check_total("all", {"a": json_records.read(answer(ITEM, ITEM | {"iso3": "NA"}, count=3), GIDD)})


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"measures": []}, "measures"),
        ({"measures": ["v"], "records": "results"}, "records"),
        ({"measures": ["v"], "others": ["v"]}, "'v' stands twice"),
        ({"measures": ["v"], "total": ""}, "total"),
        ({"measures": ["values.v", "w"], "nested": "values"}, "w would stand once for each object in 'values'"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(declared, said):
    with pytest.raises(ValidationError, match=said):
        layout(**declared)


# -- real answers -----------------------------------------------------------------------------------------------

DEATHS = ("number_dead", "number_missing", "total_dead_and_missing")
#: Pattern → layout, how the obvious reader finds the records, and a figure: the fields of its record.
REAL = {
    "idmc/displacement_*.json": (
        layout(
            records="/results",
            measures=("new_displacement", "total_displacement"),
            others=("new_displacement_rounded", "total_displacement_rounded"),
            identity=("year",),
            labels={"iso3": "country_name"},
            total="/count",
            updated="/last_updated",
            errors=("/detail",),
        ),
        lambda document: document["results"],
        [({"iso3": "COL", "year": "2024", "measure": "total_displacement"}, "7264767")],
    ),
    "idmc/idmc_idu.json": (
        layout(
            measures=("figure",),
            identity=("year",),
            attributes=(
                "id",
                "latitude",
                "longitude",
                "centroid",
                "standard_popup_text",
                "standard_info_text",
                "old_id",
            ),
        ),
        lambda document: document,
        [({"id": "126716"}, "2")],
    ),
    "iom_dtm/displacement-admin?-*.json": (
        layout(
            records="/result",
            measures=("numPresentIdpInd", "numberMales", "numberFemales"),
            identity=("yearReportingDate", "monthReportingDate", "roundNumber"),
            attributes=("id",),
            labels={"admin0Pcode": "admin0Name"},
            total="/totalRecordsCount",
            errors=("/errorMessages",),
        ),
        lambda document: document["result"],
        [({"admin0Pcode": "AFG", "reportingDate": "2017-03-30T00:00:00", "displacementReason": "Conflict"}, "179956")],
    ),
    "iom_missing_migrants/*-json.json": (
        layout(
            measures=DEATHS,
            others=("number_of_survivors", "number_of_female", "number_of_male", "number_of_children"),
            attributes=("web_id", "source_quality", "location_coodinates", "url", "information_source"),
        ),
        lambda document: document,
        [({"web_id": "2014.MMP00259", "measure": "number_missing"}, "750"), ({"web_id": "2025.MMP0937"}, "")],
    ),
}


def text(value):
    return value if value is None or isinstance(value, str) else str(value)


@pytest.mark.payloads
@pytest.mark.parametrize("pattern", REAL)
def test_every_real_answer_equals_the_obvious_reading(pattern, files, keeps_the_contract):
    declared, records_of, golden = REAL[pattern]
    seen = set()
    for name, payload in files(pattern):
        table = json_records.read(payload, declared)
        records = records_of(json.loads(payload, parse_int=str, parse_float=str))
        others = {field for record in records for field in record} - {*declared.measures, *declared.others}
        expected = [
            {field: text(record.get(field)) for field in others}
            | ({"measure": measure} if len(declared.measures) > 1 else {})
            | {VALUE: text(record[measure])}
            for measure in declared.measures
            for record in records
        ]
        assert rows(table) == expected, name
        assert table.records == len(records), name
        assert table.landed == len(records) * (len(declared.measures) + len(declared.others)), name
        assert table.envelope == json_records.inspect(payload, declared), name
        keeps_the_contract(json_records, payload, table, declared)
        for number, (fields, figure) in enumerate(golden):
            found = table.data
            for field, value in fields.items():
                found = found.filter(pc.equal(found[field].cast("string"), value))
            if figure in found[VALUE].to_pylist():
                seen.add(number)
    assert len(seen) == len(golden)


@pytest.mark.payloads
def test_totals_of_real_answers_are_those_of_the_publisher(files):
    dtm = REAL["iom_dtm/displacement-admin?-*.json"][0]
    for name, payload in files("iom_dtm/displacement-admin?-*.json"):
        check_total(name, {name: json_records.read(payload, dtm)})
    gidd = REAL["idmc/displacement_*.json"][0]
    pages = {name: json_records.read(payload, gidd) for name, payload in files("idmc/displacement_*.json")}
    with pytest.raises(PublisherError, match=r"counts \[961\] rows, 261 came"):
        check_total("gidd", pages)


@pytest.mark.payloads
def test_real_errors_are_the_publishers_own(files):
    for pattern, declared, said in (
        ("idmc/err_403*.json", REAL["idmc/displacement_*.json"][0], "Client is not registered"),
        ("iom_dtm/err_404*.json", layout(records="/result", measures=("x",), errors=("/message",)), "not found"),
    ):
        [(_, payload)] = files(pattern)
        with pytest.raises(PublisherError, match=said) as raised:
            json_records.inspect(payload, declared)
        assert not isinstance(raised.value, DriftError)
