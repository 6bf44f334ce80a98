from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from migstats.errors import DriftError, LaterError, PublisherError, TooBigError, TryAgainError
from migstats.layout import SdmxJsonLayout, SdmxMlLayout
from migstats.readers import PLACE, ROW, VALUE, sdmx_json, sdmx_ml

LAYOUT = SdmxMlLayout(format="sdmx_ml")
SDMX = "http://www.sdmx.org/resources/sdmxml/schemas"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


def message(kind, data, *, version="v2_1", at="TIME_PERIOD", header="", footer="", structure=""):
    """A message as publishers write it, around the elements of a data set."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<mes:{kind} xmlns:mes="{SDMX}/{version}/message" xmlns:gen="{SDMX}/{version}/data/generic"
    xmlns:ss="{SDMX}/{version}/data/structurespecific" xmlns:com="{SDMX}/{version}/common"
    xmlns:footer="{SDMX}/{version}/message/footer" xmlns:ns1="urn:sdmx:x" xmlns:xsi="{XSI}">
  <mes:Header>
    <mes:ID>IREF1</mes:ID>
    <mes:Prepared>2026-10-01T12:00:00</mes:Prepared>
    <mes:Sender id="KEN"><com:Name xml:lang="en">Office</com:Name></mes:Sender>
    <mes:Structure structureID="S1" dimensionAtObservation="{at}" {structure}>
      <com:Structure><Ref agencyID="KEN" id="MIG" version="1.0"/></com:Structure>
    </mes:Structure>{header}
  </mes:Header>
  {data}{footer}
</mes:{kind}>
""".encode()


def specific(content, *, attributes="", **more):
    data = f'<mes:DataSet ss:structureRef="S1" xsi:type="ns1:DataSetType" ss:action="Replace" {attributes}>'
    return message("StructureSpecificData", f"{data}\n{content}\n</mes:DataSet>", **more)


def generic(content, **more):
    return message("GenericData", f'<mes:DataSet structureRef="S1">\n{content}\n</mes:DataSet>', **more)


def values(holder, **texts):
    inside = "".join(f'<gen:Value id="{name}" value="{text}"/>' for name, text in texts.items())
    return f"<gen:{holder}>{inside}</gen:{holder}>"


SERIES = """
<Series FREQ="A" REF_AREA="NA" SEX="F" UNIT_MULT="0">
  <Obs TIME_PERIOD="2020" OBS_VALUE="1E5" OBS_STATUS="A"/>
  <Obs TIME_PERIOD="2021" OBS_VALUE="007"/>
</Series>
<Series FREQ="A" REF_AREA="KEN" SEX="M" UNIT_MULT="0">
  <Obs TIME_PERIOD="2020" OBS_STATUS="O"/>
  <Obs TIME_PERIOD="2021" OBS_VALUE="" OBS_STATUS="O"></Obs>
</Series>"""

EXPECTED = [
    ("A", "NA", "F", "2020", "0", "A", "1E5"),
    ("A", "NA", "F", "2021", "0", None, "007"),
    ("A", "KEN", "M", "2020", "0", "O", None),
    ("A", "KEN", "M", "2021", "0", "O", None),
]
COLUMNS = ("FREQ", "REF_AREA", "SEX", "TIME_PERIOD", "UNIT_MULT", "OBS_STATUS", VALUE)
KEY = ("FREQ", "REF_AREA", "SEX")


def figure(text):
    return "" if text is None else f'<gen:ObsValue value="{text}"/>'


def status(text, **more):
    said = ({} if text is None else {"OBS_STATUS": text}) | more
    return values("Attributes", **said) if said else ""


def generic_series():
    found = []
    for area, sex in (("NA", "F"), ("KEN", "M")):
        rows = [r for r in EXPECTED if r[1] == area]
        found.append(
            "<gen:Series>"
            + values("SeriesKey", FREQ="A", REF_AREA=area, SEX=sex)
            + values("Attributes", UNIT_MULT="0")
            + "".join(
                f'<gen:Obs><gen:ObsDimension value="{r[3]}"/>{figure(r[6])}{status(r[5])}</gen:Obs>' for r in rows
            )
            + "</gen:Series>"
        )
    return generic("\n".join(found))


def generic_flat():
    return generic(
        "\n".join(
            "<gen:Obs>"
            + values("ObsKey", FREQ=r[0], REF_AREA=r[1], SEX=r[2], TIME_PERIOD=r[3])
            + figure(r[6])
            + status(r[5], UNIT_MULT=r[4])
            + "</gen:Obs>"
            for r in EXPECTED
        ),
        at="AllDimensions",
    )


def generic_section():
    return generic(
        values("Attributes", UNIT_MULT="0")
        + "\n".join(
            "<gen:Series>"
            + values("SeriesKey", FREQ=r[0], TIME_PERIOD=r[3], SEX=r[2])
            + f'<gen:Obs><gen:ObsDimension id="REF_AREA" value="{r[1]}"/>{figure(r[6])}{status(r[5])}</gen:Obs>'
            + "</gen:Series>"
            for r in EXPECTED
        ),
        at="REF_AREA",
    )


def attributes(**texts):
    return " ".join(f'{name}="{text}"' for name, text in texts.items() if text is not None)


def specific_flat():
    names = (*COLUMNS[:-1], "OBS_VALUE")
    return specific(
        "\n".join(f"<Obs {attributes(**dict(zip(names, r, strict=True)))}/>" for r in EXPECTED), at="AllDimensions"
    )


def explicit():
    return specific(
        "\n".join(
            f'<Series FREQ="A" SEX="{r[2]}" TIME_PERIOD="{r[3]}">'
            f'<Obs xsi:type="ns1:{r[1]}" {attributes(OBS_VALUE=r[6], OBS_STATUS=r[5])}/></Series>'
            for r in EXPECTED
        ),
        attributes='UNIT_MULT="0"',
        at="REF_AREA",
        structure='explicitMeasures="true"',
    )


def grouped():
    """2.1: the attributes of a series stand in a group that names some of its dimensions."""
    return specific(
        '<Group xsi:type="ns1:Sibling" REF_AREA="NA" SEX="F" UNIT_MULT="0"/>\n'
        '<Group xsi:type="ns1:Sibling" REF_AREA="KEN" SEX="M" UNIT_MULT="0"/>\n'
        '<Group xsi:type="ns1:Sibling" REF_AREA="XXX" SEX="M" UNIT_MULT="6"/>\n' + SERIES.replace(' UNIT_MULT="0"', "")
    )


def generic_grouped():
    groups = "".join(
        '<gen:Group type="Sibling">'
        + values("GroupKey", REF_AREA=area)
        + values("Attributes", UNIT_MULT="0")
        + "</gen:Group>"
        for area in ("NA", "KEN", "XXX")
    )
    unit = values("Attributes", UNIT_MULT="0").encode()
    payload = generic_series().replace(unit, b"")
    return payload.replace(b'structureRef="S1">\n', b'structureRef="S1">\n' + groups.encode())


def version_3():
    return specific(SERIES.replace("</Series>", "</Series>\n<!-- a remark -->"), version="v3_0")


def version_3_atts():
    atts = '<Atts FREQ="A" REF_AREA="NA" SEX="F" UNIT_MULT="0"/><Atts REF_AREA="KEN" UNIT_MULT="0"/>'
    return specific(atts + SERIES.replace(' UNIT_MULT="0"', ""), version="v3_0")


WAYS = {
    way.__name__: way()
    for way in (
        *(generic_series, generic_flat, generic_section, specific_flat, explicit, grouped, generic_grouped),
        *(version_3, version_3_atts),
    )
} | {"series": specific(SERIES)}


def read(payload, *declared):
    return sdmx_ml.read(payload, SdmxMlLayout(format="sdmx_ml", attributes=declared))


def rows(payload):
    return read(payload).data.drop_columns([PLACE, ROW]).to_pylist()


def facts(found, columns=COLUMNS):
    return [tuple(row[name] for name in columns) for row in found]


def local(name):
    return name.rpartition("}")[2]


def naive(payload):
    """The obvious way: a tree of the whole message, observation by observation."""
    root = ET.fromstring(payload)
    structure = next((e for e in root.iter() if local(e.tag) == "Structure" and "structureID" in e.attrib), None)
    at = structure.get("dimensionAtObservation") if structure is not None else None

    def said(element):
        found = {local(k): v for k, v in element.attrib.items() if "}" not in k}
        for child in element:
            name = local(child.tag)
            if name == "Comp":
                texts = [
                    {t.get("{http://www.w3.org/XML/1998/namespace}lang", "en"): t.text for t in value} or value.text
                    for value in child
                ]
                one = len(texts) == 1 and isinstance(texts[0], str)
                found[child.get("id")] = texts[0] if one else json.dumps(texts, ensure_ascii=False)
            elif name in ("SeriesKey", "ObsKey", "Attributes"):
                found |= {value.get("id"): value.get("value") for value in child}
            elif name == "ObsDimension":
                found[child.get("id") or at] = child.get("value")
            elif name == "ObsValue":
                found["OBS_VALUE"] = child.get("value")
        if structure is not None and structure.get("explicitMeasures") and local(element.tag) == "Obs":
            found[at] = element.get(f"{{{XSI}}}type").rpartition(":")[2]
        return found

    found = []
    for data_set in (e for e in root if local(e.tag) == "DataSet"):
        whole = {k: v for k, v in said(data_set).items() if k not in ("structureRef", "action")}
        for child in data_set:
            if local(child.tag) == "Obs":
                found.append(whole | said(child))
            elif local(child.tag) == "Series":
                found += [whole | said(child) | said(obs) for obs in child if local(obs.tag) == "Obs"]
    names = dict.fromkeys(name for row in found for name in row if name != "OBS_VALUE")
    return [{name: row.get(name) for name in names} | {VALUE: row.get("OBS_VALUE") or None} for row in found]


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_writing_the_same_data_gives_the_same_observations(way, keeps_the_contract):
    payload = WAYS[way]
    table = read(payload)
    assert sorted(facts(rows(payload)), key=str) == sorted(EXPECTED, key=str)
    assert table.landed == 4
    assert table.envelope.updated is None, "`Prepared` is when we asked"
    assert sorted(name for same in table.dimensions for name in same) == sorted((*KEY, "TIME_PERIOD"))
    keeps_the_contract(sdmx_ml, payload, table, LAYOUT)
    assert sdmx_ml.inspect(payload, LAYOUT).pages == 1


def test_an_attribute_that_is_said_of_no_observation_is_empty_where_it_is_declared():
    payload = specific('<Obs GEO="MAR" TIME_PERIOD="2020" OBS_VALUE="1" NOTE="n"/>', at="AllDimensions", version="v3_0")
    layout = SdmxMlLayout(format="sdmx_ml", attributes=("NOTE", "WHY"), optional=("NOTE", "WHY"))
    table = sdmx_ml.read(payload, layout).data
    assert (table["NOTE"].to_pylist(), table["WHY"].to_pylist()) == (["n"], [""])
    assert "WHY" not in sdmx_ml.read(payload, LAYOUT).data.column_names


def test_places_count_observations_in_document_order():
    payload = WAYS["series"]
    table = read(payload)
    assert table.data[ROW].to_pylist() == [1, 2, 3, 4]
    assert set(table.data[PLACE].to_pylist()) == {"observation {}"}
    assert sdmx_ml.locate(payload, "observation 2", LAYOUT) == "007"
    for place in ("observation 5", "observation 0", "line 3"):
        with pytest.raises(PublisherError, match=place):
            sdmx_ml.locate(payload, place, LAYOUT)


def test_many_blocks_give_what_one_block_gives(monkeypatch):
    whole = {way: read(payload).data for way, payload in WAYS.items()}
    monkeypatch.setattr(sdmx_ml, "_BLOCK", 7)
    for way, payload in WAYS.items():
        assert read(payload).data.to_pylist() == whole[way].to_pylist(), way
        assert sdmx_ml.locate(payload, "observation 2", LAYOUT) == whole[way][VALUE][1].as_py()


def test_an_observation_that_stands_twice_is_two_rows():
    obs = '<Obs TIME_PERIOD="2021" OBS_VALUE="007"/>'
    payload = specific(SERIES.replace(obs, obs + obs.replace("007", "008")))
    assert [r[VALUE] for r in rows(payload)] == ["1E5", "007", "008", None, None]


@pytest.mark.parametrize("text", ["12.50", "-0.0", "NaN", "..", "1,5", " 7 ", "&lt;5", "&#197;"])
def test_a_figure_keeps_the_text_that_the_publisher_wrote(text):
    expected = ET.fromstring(f'<o v="{text}"/>').get("v")
    for payload in (WAYS["series"], WAYS["generic_series"]):
        changed = payload.replace(b'"007"', f'"{text}"'.encode())
        assert rows(changed)[1][VALUE] == expected
        assert sdmx_ml.locate(changed, "observation 2", LAYOUT) == expected


def test_texts_in_several_languages_and_several_codes_stay_together():
    comp = (
        '<Comp id="OBS_STATUS" xsi:type="ns1:X"><Value>A</Value><Value>F</Value></Comp>',
        '<Comp id="TITLE"><Value><com:Text>Some</com:Text>\n<com:Text xml:lang="fr">Des</com:Text></Value></Comp>',
        '<Comp id="SOURCE"><Value>one &amp; only</Value></Comp>',
    )
    payload = specific(
        f'<Series FREQ="A">{comp[1]}<Obs TIME_PERIOD="2020" OBS_VALUE="1">\n{comp[0]}</Obs>'
        f'<Obs TIME_PERIOD="2021" OBS_VALUE="2"/>{comp[2]}</Series>',
        version="v3_0",
    )
    assert facts(rows(payload), ("OBS_STATUS", "TITLE", "SOURCE", VALUE)) == [
        ('["A", "F"]', '{"en": "Some", "fr": "Des"}', "one & only", "1"),
        (None, '{"en": "Some", "fr": "Des"}', "one & only", "2"),
    ]


def test_what_is_a_dimension_is_said_by_generic_data_and_guessed_for_others():
    more = SERIES.replace('SEX="F"', 'SEX="F" COLL_METHOD="Survey" TITLE_COMPL="x"')
    assert [d[0] for d in read(specific(more)).dimensions] == ["FREQ", "REF_AREA", "SEX", "COLL_METHOD", "TIME_PERIOD"]
    declared = read(specific(more), "COLL_METHOD")
    assert [d[0] for d in declared.dimensions] == [*KEY, "TIME_PERIOD"]
    assert declared.data["COLL_METHOD"].to_pylist() == ["Survey", "Survey", None, None]
    of_generic = generic_series().replace(b'id="UNIT_MULT"', b'id="COLL_METHOD"')
    assert [d[0] for d in read(of_generic).dimensions] == [*KEY, "TIME_PERIOD"]


def test_several_data_sets_have_attributes_and_structures_of_their_own():
    typed = SERIES.replace(' UNIT_MULT="0"', "").replace("<Obs ", '<Obs xsi:type="ns1:ObsType" ')
    first = f'<mes:DataSet ss:structureRef="S1" UNIT_MULT="3">{typed}</mes:DataSet>'
    second = (
        '<ns1:DataSet ss:structureRef="S2" UNIT_MULT="6"><Series FREQ="A" SEX="F" TIME_PERIOD="2020">'
        '<Obs xsi:type="ns1:UGA" OBS_VALUE="9"/></Series></ns1:DataSet>'
    )
    header = '<mes:Structure structureID="S2" dimensionAtObservation="REF_AREA" explicitMeasures="true"/>'
    payload = message("StructureSpecificData", first + second, header=header)
    assert [(r["REF_AREA"], r["UNIT_MULT"], r[VALUE]) for r in rows(payload)][1:] == [
        *(("NA", "3", "007"), ("KEN", "3", None), ("KEN", "3", None), ("UGA", "6", "9"))
    ]


def test_what_the_header_says_holds_for_data_sets_that_do_not_name_their_structure():
    assert rows(WAYS["explicit"].replace(b'ss:structureRef="S1"', b"")) == rows(WAYS["explicit"])
    otherwise = WAYS["generic_section"].replace(b'Observation="REF_AREA"', b'Observation="TIME_PERIOD"')
    assert rows(otherwise) == rows(WAYS["generic_section"]), "an ObsDimension may name its dimension"


def test_a_group_of_other_codes_says_nothing_of_these():
    series = "".join(
        f'<Series REF_AREA="{area}" SEX="{sex}"><Obs TIME_PERIOD="2020" OBS_VALUE="1"/></Series>'
        for area, sex in (("NA", "F"), ("NA", "M"), ("KEN", "F"))
    )
    groups = '<Group REF_AREA="KEN" SEX="X" METHOD="a"/><Group REF_AREA="NA" METHOD="b"/>'
    table = read(specific(groups + series))
    assert table.data["METHOD"].to_pylist() == ["b", "b", None]
    assert [d[0] for d in table.dimensions] == ["REF_AREA", "SEX", "TIME_PERIOD"], "what groups alone say is none"


def test_a_group_says_nothing_of_other_data_sets():
    obs = '<Series REF_AREA="NA"><Obs TIME_PERIOD="2020" OBS_VALUE="1"/></Series>'
    other = '<Series GEO="NA"><Obs TIME_PERIOD="2020" OBS_VALUE="1"/></Series>'
    sets = (
        f'<mes:DataSet><Group {key}="NA" UNIT_MULT="{power}"/>{series}</mes:DataSet>'
        for power, key, series in ((3, "REF_AREA", obs), (6, "REF_AREA", obs), (0, "GEO", other))
    )
    found = rows(message("StructureSpecificData", "".join(sets)))
    assert facts(found, ("REF_AREA", "GEO", "UNIT_MULT")) == [("NA", None, "3"), ("NA", None, "6"), (None, "NA", "0")]


def test_annotations_and_who_provided_it_change_no_fact():
    aside = "<com:Annotations><com:Annotation><com:Obs>99</com:Obs></com:Annotation></com:Annotations>"
    provider = '<DataProvider><Ref id="x"/></DataProvider>'
    payload = specific(provider + SERIES.replace("<Obs", aside + "<Obs", 1))
    assert facts(rows(payload)) == EXPECTED
    assert facts(rows(b"\xef\xbb\xbf" + WAYS["series"].replace(b"\n", b"\r\n"))) == EXPECTED


def footer(code, *texts, severity="Infomation"):
    inside = "".join(f'<com:Text xml:lang="en">{text}</com:Text>' for text in texts)
    return (
        f'<footer:Footer><footer:Message code="{code}" severity="{severity}">{inside}</footer:Message></footer:Footer>'
    )


TICKET = "the response will be written to a file which will be located under URL: http://example.org/file/7JUd"


@pytest.mark.parametrize(
    ("payload", "error", "said"),
    [
        (
            message("GenericData", "", footer=footer(413, "Too large", "limit (1000000 entries).")),
            TooBigError,
            "413.*limit",
        ),
        (message("GenericData", "", footer=footer(413, "Too large", TICKET)), LaterError, "example.org/file/7JUd"),
        (message("GenericData", "", footer=footer(503, "Busy")), TryAgainError, "Busy"),
        (message("GenericData", "", footer=footer(100, "No results")), PublisherError, "code 100: No results"),
        (specific(SERIES, footer=footer(510, "Cut")), TooBigError, "510"),
        (specific(SERIES, footer=footer(150, "Wrong", severity="Error")), PublisherError, "Wrong"),
        (message("GenericData", ""), PublisherError, "no observation"),
        (specific(""), PublisherError, "no observation"),
        (specific('<Series FREQ="A"/>'), PublisherError, "no observation"),
        (
            f'<m:Error xmlns:m="{SDMX}/v2_1/message" xmlns:c="{SDMX}/v2_1/common"><m:ErrorMessage code="140">'
            "<c:Text>Syntax</c:Text></m:ErrorMessage></m:Error>".encode(),
            PublisherError,
            "code 140: Syntax",
        ),
        (message("Structure", "<mes:Structures/>"), PublisherError, "message Structure and has no data"),
        (f'<CompactData xmlns="{SDMX}/v2_0/message"/>'.encode(), DriftError, "CompactData of .*v2_0"),
        (b"<feed/>", TryAgainError, "XML .feed."),
        (WAYS["series"][:-40], TryAgainError, "cut off"),
        (WAYS["series"].replace(b"</mes:DataSet>", b""), TryAgainError, "mismatched tag"),
        (WAYS["series"].replace(b'OBS_VALUE="007"', b'OBS_VALUE="007" OBS_VALUE="8"'), TryAgainError, "duplicate attr"),
        (b'<!DOCTYPE a [<!ENTITY e "x">]>' + WAYS["series"][39:], PublisherError, "DOCTYPE"),
        (b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;', PublisherError, "DOCTYPE"),
        (WAYS["series"].replace(b'"007"', b'"&e;"'), TryAgainError, "undefined entity"),
        (b"", PublisherError, "empty"),
        (b"<html><title>Down</title></html>", TryAgainError, "Down"),
        (b"NoResultsFound", PublisherError, "no rows"),
        (b'{"error":[{"status":413,"id":413,"label":"EXTRACTION_TOO_BIG: 9 rows"}]}', TooBigError, "too big"),
        (b'{"a": 1}', TryAgainError, "not XML"),
        (b"PK\x03\x04", DriftError, "declare `compression: zip`"),
        (WAYS["series"].replace(b"UTF-8", b"big5"), PublisherError, "encoding that is not read"),
        (WAYS["series"].replace(b"UTF-8", b"klingon"), PublisherError, "encoding that is not read"),
        (b"<S:Fault><faultstring>ASYNCHRONOUS_RESPONSE</faultstring></S:Fault>", LaterError, "later"),
    ],
)
def test_what_is_no_data_message_is_refused_by_both(payload, error, said):
    for act in (sdmx_ml.inspect, sdmx_ml.read):
        with pytest.raises(error, match=said):
            act(payload, LAYOUT)


def test_a_footer_that_only_informs_beside_data_is_no_error():
    assert facts(rows(specific(SERIES, footer=footer(0, "All is well", severity="Information")))) == EXPECTED


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('ss:action="Replace"', 'ss:action="Delete"', "DataSet action: found 'Delete'"),
        ("<Obs ", "<Observation ", "line 16: the element Observation is not known within Series"),
        ("<Series", "<Section>5</Section><Series", "Section is not known within DataSet"),
        ('OBS_VALUE="007"/>', 'OBS_VALUE="007">8</Obs>', "found the text '8' between elements"),
        ("<Obs ", "5<Obs ", "found the text '5' between elements"),
        ('OBS_VALUE="007"', 'OBS_VALUE="007" SEX="M"', "observation 2: SEX is 'F' and 'M'"),
        ('OBS_VALUE="007"', 'OBS_VALUE="007" ss:thing="M"', "attributes of a namespace: .*thing"),
        ('A"/>', 'A"><Comp id="OBS_STATUS"><Value>F</Value></Comp></Obs>', "OBS_STATUS stands twice"),
        ("OBS_VALUE", "TURNOVER", "no observation has OBS_VALUE.*TURNOVER"),
        ("<Series", '<Group xsi:type="x" UNIT_MULT="3"/><Series', "a group has the key {}"),
        ("<Series", '<Group SEX="F" UNIT_MULT="3"/><Series', "observation 1: UNIT_MULT is '0' and '3'"),
        ("<Series", '<Group SEX="F" X="3"/><Group SEX="F" X="4"/><Series', "says '3' and '4' of X"),
        ("<Series", '<Group SEX="F" X="3"/><Group FREQ="A" X="4"/><Series', "X: two groups .* say '3' and '4'"),
        ('action="Replace"', 'action="Replace" UNIT_MULT="3"', "UNIT_MULT is '0' and '3'"),
        ('SEX="F"', '_value="F"', "_value"),
    ],
)
def test_structure_specific_data_that_do_not_fit_are_refused(old, new, said):
    payload = WAYS["series"].decode()
    assert old in payload
    with pytest.raises(DriftError, match=said):
        read(payload.replace(old, new, 99 if old == "OBS_VALUE" else 1).encode())


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('<gen:Value id="SEX" value="F"/>', '<gen:Value id="FREQ" value="F"/>', "FREQ stands twice"),
        ('<gen:Value id="OBS_STATUS" value="A"/>', '<gen:Value id="OBS_STATUS"/>', "a Value has no 'value'"),
        (
            '<gen:Value id="OBS_STATUS" value="A"/>',
            '<gen:Value id="TIME_PERIOD" value="A"/>',
            "TIME_PERIOD stands twice",
        ),
        (
            '<gen:ObsValue value="1E5"/>',
            '<gen:ObsValue value="1E5"/><gen:ObsValue value="2"/>',
            "OBS_VALUE stands twice",
        ),
        ('dimensionAtObservation="TIME_PERIOD"', 'dimensionAtObservation="AllDimensions"', "ObsDimension has no id"),
        ("<gen:ObsValue", "<gen:Figure", "Figure is not known within generic:Obs"),
        ("</mes:Structure>", "</mes:Structure><mes:DataSetAction>Delete</mes:DataSetAction>", "found 'Delete'"),
        ("<gen:Series>", "<gen:Group>" + values("GroupKey", AGE="T") + "</gen:Group><gen:Series>", "AGE"),
    ],
)
def test_generic_data_that_do_not_fit_are_refused(old, new, said):
    payload = WAYS["generic_series"].decode()
    assert old in payload
    with pytest.raises(DriftError, match=said):
        read(payload.replace(old, new, 1).encode())


REAL = "sdmx_structures/khaeru_{}.xml"


@pytest.mark.payloads
def test_every_real_message_equals_the_tree_or_says_what_it_is(files, keeps_the_contract):
    whole = 0
    for name, payload in files("sdmx_structures/*.xml"):
        if b"DataSet " not in payload:
            with pytest.raises(PublisherError, match=r"message (Structure|\w+Query)|code 413"):
                read(payload)
            continue
        assert rows(payload) == naive(payload) or (
            [sorted(r.items(), key=str) for r in rows(payload)] == [sorted(r.items(), key=str) for r in naive(payload)]
        ), name
        keeps_the_contract(sdmx_ml, payload, read(payload), LAYOUT)
        whole += 1
    assert whole >= 12


@pytest.mark.payloads
def test_exchange_rates_of_the_ecb_are_the_same_in_every_way(payloads):
    found = {
        way: rows((payloads / REAL.format(f"ECB_EXR_ng-{way}")).read_bytes())
        for way in ("flat", "flat-ss", "ts", "ts-ss", "xs")
    }
    columns = sorted(found["ts"][0])
    first = sorted(facts(found["ts"], columns), key=str)
    assert len(first) == 12
    for way, other in found.items():
        assert sorted(other[0]) == columns, way
        assert sorted(facts(other, columns), key=str) == first, way
    assert ("CHF", "2010-08", "1.3413") in facts(found["xs"], ("CURRENCY", "TIME_PERIOD", VALUE))


@pytest.mark.payloads
def test_the_same_figures_as_json_and_as_version_3(payloads):
    """The ECB's samples in JSON hold other days: written as SDMX-ML, they give the rows that JSON gives."""
    for name in ("flat", "ts"):
        payload = (payloads / f"sdmx_structures/khaeru_ECB_EXR_{name}.json").read_bytes()
        of_json = sdmx_json.read(payload, SdmxJsonLayout(format="sdmx_json"))
        of_json = of_json.data.drop_columns([PLACE, ROW]).to_pylist()
        obs = "".join(f"<Obs {attributes(**{**r, 'OBS_VALUE': r[VALUE], VALUE: None})}/>" for r in of_json)
        for version in ("v2_1", "v3_0"):
            assert facts(rows(specific(obs, version=version)), list(of_json[0])) == facts(of_json, list(of_json[0]))


@pytest.mark.payloads
def test_golden_figures(payloads):
    demography = (payloads / REAL.format("ESTAT_demography-xs")).read_bytes()
    found = {
        (r["DEMO"], r["TIME_PERIOD"], r["SEX"], r["COUNTRY"]): (r[VALUE], r["OBS_STATUS"]) for r in rows(demography)
    }
    assert found["LBIRTHST", "2007", "T", "BE"] == ("124095", "A")
    assert found["DEATHST", "2009", "M", "BE"] == (None, "M")
    insee = (payloads / REAL.format("INSEE_CNA-2010-CONSO-SI-A17")).read_bytes()
    assert sdmx_ml.locate(insee, "observation 2", LAYOUT) == "92.7"
    assert [d[0] for d in read(insee).dimensions] == ["SECT-INST", "OPERATION", "PRODUIT", "PRIX", "TIME_PERIOD"]
