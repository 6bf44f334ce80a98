"""SDMX-ML by whole columns gives what the parser gives, or leaves the message to it; so do damaged messages."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from readers.test_sdmx_ml import generic, message, specific, values

from migstats.errors import MigstatsError
from migstats.layout import SdmxMlLayout
from migstats.readers import TextTable, sdmx_ml

LAYOUT = SdmxMlLayout(format="sdmx_ml")
FIGURES = [
    ("NA", "2020", "1E5", "A"),
    ("KEN", "2021", "007", None),
    ("KEN", "2020", None, "O"),
    ("NA", "2022", "", "O"),
]


def attributes(**texts: str | None) -> str:
    return "".join(f' {name}="{text}"' for name, text in texts.items() if text is not None)


def flat() -> bytes:
    obs = (attributes(REF_AREA=a, TIME_PERIOD=t, OBS_VALUE=v, OBS_STATUS=s) for a, t, v, s in FIGURES)
    return specific("\n".join(f"<Obs{one}/>" for one in obs), at="AllDimensions", attributes='UNIT="PS"')


def series() -> bytes:
    found = []
    for area in ("NA", "KEN", "UGA"):
        own = (attributes(TIME_PERIOD=t, OBS_VALUE=v, OBS_STATUS=s) for a, t, v, s in FIGURES if a == area)
        found.append(f"<Series{attributes(FREQ='A', REF_AREA=area)}>{''.join(f'<Obs{o}></Obs>' for o in own)}</Series>")
    return specific("\n".join(found))


def said(value: str | None, status: str | None) -> str:
    figure = "" if value is None else f'<gen:ObsValue value="{value}"/>'
    return figure + (values("Attributes", OBS_STATUS=status) if status else "")


def generic_series() -> bytes:
    found = []
    for area in ("NA", "KEN"):
        own = "".join(
            f'<gen:Obs><gen:ObsDimension value="{t}"/>{said(v, s)}</gen:Obs>' for a, t, v, s in FIGURES if a == area
        )
        key = values("SeriesKey", FREQ="A", REF_AREA=area) + (values("Attributes", UNIT="PS") if area == "NA" else "")
        found.append(f"<gen:Series>{key}{own}</gen:Series>")
    return generic("\n".join(found))


def generic_flat() -> bytes:
    obs = (values("ObsKey", REF_AREA=a, TIME_PERIOD=t) + said(v, s) for a, t, v, s in FIGURES)
    return generic("\n".join(f"<gen:Obs>{one}</gen:Obs>" for one in obs), at="AllDimensions")


SHAPES = {"flat": flat, "series": series, "generic series": generic_series, "generic flat": generic_flat}


def by_parser(monkeypatch: pytest.MonkeyPatch, payload: bytes) -> Any:
    with monkeypatch.context() as patched:
        patched.setattr(sdmx_ml, "_scanned", lambda text: None)
        return outcome(payload)


def outcome(payload: bytes) -> Any:
    try:
        table: TextTable = sdmx_ml.read(payload, LAYOUT)
    except MigstatsError as error:
        return type(error), str(error)
    return table.data.column_names, table.data.to_pylist(), table.dimensions, table.explained, table.labels


@pytest.mark.parametrize("shape", SHAPES)
def test_the_usual_shapes_are_read_by_columns_and_alike(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    payload = SHAPES[shape]()
    assert sdmx_ml._scanned(payload) is not None
    found = outcome(payload)
    assert len(found[1]) == len(FIGURES)
    assert found == by_parser(monkeypatch, payload)


@pytest.mark.parametrize(
    ("old", "new", "by_columns"),
    [
        ('"KEN"', '"K&amp;N &#233; &lt;"', True),
        ('"KEN"', '"Kenia\u0301 ‚Küste‘"', True),
        ('"KEN"', '"K&nbsp;N"', False),
        ('"KEN"', '"a\tb"', False),
        ('"KEN"', '"a<b"', False),
        ('"KEN"', '"&#9;"', False),
        ('"KEN"', "'K\"N'", False),
        ("<Obs", "<!-- a note --><Obs", False),
        ("<Obs", "<![CDATA[ ]]><Obs", False),
        ("<Obs", "<ns1:Obs", True),
        ("<Obs", "<nobody:Obs", False),
        (' OBS_VALUE="007"', ' OBS_VALUE="007" OBS_VALUE="8"', False),
        (' OBS_VALUE="007"', ' OBS_VALUE = "007"', False),
        (' OBS_VALUE="007"', ' xsi:type="ns1:x" OBS_VALUE="007"', False),
        (' OBS_VALUE="007"', ' xmlns="urn:x" OBS_VALUE="007"', False),
        (' OBS_VALUE="007"', ' OBS_VALUE="007"OTHER="1"', False),
        ("<Obs", "text <Obs", False),
        ("<Obs", "<Note/><Obs", False),
        ("\n</mes:DataSet>", '\n<Group REF_AREA="KEN" TITLE="t"/></mes:DataSet>', False),
        ('ss:action="Replace"', 'ss:action="Delete"', False),
    ],
)
def test_whatever_else_stands_there_is_left_to_the_parser(
    old: str, new: str, by_columns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, first, after = flat().decode().partition("<Obs")
    if old in before and old not in after:
        before = before.replace(old, new)
    else:
        assert old in after
        after = after.replace(old, new, 1)
    changed = (before + first + after).encode()
    assert (sdmx_ml._scanned(changed) is not None) == by_columns
    assert outcome(changed) == by_parser(monkeypatch, changed)


@pytest.mark.parametrize(
    ("shape", "old", "new"),
    [
        ("series", 'REF_AREA="KEN">', 'REF_AREA="KEN"'),
        ("series", 'REF_AREA="KEN">', 'REF_AREA="KEN"/>'),
        ("series", "</Series>\n</mes:DataSet>", "</mes:DataSet>"),
        ("series", "</Series>\n</mes:DataSet>", '</Series><Series A="\n</mes:DataSet>"/></mes:DataSet>'),
        ("series", "<Series FREQ", '<Obs REF_AREA="X" TIME_PERIOD="2020"/><Series FREQ'),
        ("series", "</Series>\n<Series", '</Series><Obs REF_AREA="X" TIME_PERIOD="2020"/><Series'),
        ("series", "</Series>\n<Series", "<Obs/></Series><Series"),
        ("series", "</Series>\n<Series", "</Series><Series/><Series"),
        ("series", "</Series>\n<Series", '</Series>"said"<Series'),
        ("flat", '<Obs REF_AREA="KEN"', '<Obs/><Obs REF_AREA="KEN"'),
        ("flat", 'OBS_STATUS="O"/>\n</mes:DataSet>', 'OBS_STATUS="O" TITLE=</mes:DataSet>'),
        ("generic series", '<gen:Value id="FREQ" value="A"/>', '<gen:Value id="FREQ"/><gen:Value value="A"/>'),
        ("generic series", '<gen:Value id="FREQ" value="A"/>', '<gen:Value value="A" id="FREQ"/>'),
        ("generic series", '<gen:Value id="FREQ" value="A"/>', '<gen:Value id="FREQ"/>'),
        ("generic series", 'id="FREQ"', 'id="REF_AREA"'),
        ("generic series", '<gen:ObsValue value="1E5"/>', '<gen:ObsValue value="1E5"/><gen:ObsValue value="1"/>'),
        ("generic flat", 'id="OBS_STATUS"', 'id="OBS_VALUE"'),
        ("generic flat", "<gen:ObsValue", "<ObsValue"),
    ],
)
def test_what_is_no_sdmx_ml_or_other_than_usual_is_not_read_otherwise(
    shape: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = SHAPES[shape]().decode()
    assert old in payload
    changed = payload.replace(old, new, 1).encode()
    assert outcome(changed) == by_parser(monkeypatch, changed)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_damaged_message_is_never_read_otherwise(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    payload = SHAPES[shape]()
    start = payload.index(b"DataSet")
    for seed in range(250):
        chance = random.Random(seed)
        at = chance.randrange(start, len(payload))
        length = chance.choice((0, 1, 1, 2, 9, 40))
        other = chance.choice((b"", b'"', b"<", b">", b"/", b"Obs", b"&", b" x", b'"/>', payload[at - 30 : at]))
        changed = payload[:at] + other + payload[at + length :]
        assert outcome(changed) == by_parser(monkeypatch, changed), (seed, changed)


def test_an_error_and_a_footer_are_still_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    footer = '<footer:Footer><footer:Message code="413" severity="Error"><com:Text>too big</com:Text></footer:Message>'
    data = '<mes:DataSet ss:structureRef="S1"><Obs REF_AREA="KEN" OBS_VALUE="1"/></mes:DataSet>'
    payload = message("StructureSpecificData", data, footer=footer + "</footer:Footer>")
    assert outcome(payload) == by_parser(monkeypatch, payload)
    assert "too big" in outcome(payload)[1]


@pytest.mark.payloads
def test_the_real_messages_are_read_alike(payloads: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [path for path in sorted(payloads.rglob("*.xml")) if b"Data" in path.read_bytes()[:500]]
    assert len(files) >= 12
    for path in files:
        payload = path.read_bytes()
        assert outcome(payload) == by_parser(monkeypatch, payload), path
