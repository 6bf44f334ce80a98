"""A warehouse to export from, with a few invented figures."""

from __future__ import annotations

from pathlib import Path

import pytest
import toy

from migstats import publish
from migstats.exports import sdg
from migstats.source import Source


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Source]:
    return toy.declare(tmp_path, monkeypatch, "ark", "zoo")


ROWS = [
    {"OBS_VALUE": "100", "NOTE": "=1+1"},
    {"SEX": "M", "OBS_VALUE": "60.25", "NOTE": 'said "so", <twice> & more\nin two lines'},
    {"SEX": "F", "OBS_VALUE": "", "OBS_STATUS": "Q"},
    {"OBS_VALUE": "7", "COUNTERPART": "FRA", "BASIS": "birth", "NOTE": "'=once more"},
    {"REF_AREA": "NPL", "OBS_VALUE": "-0.1", "INDICATOR": "NET_MIG", "NOTE": "@here"},
]


@pytest.fixture
def few(warehouse_url: str, sources: list[Source]) -> str:
    """A warehouse in which two sources published a few figures."""
    for source in sources:
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, "figures/part=a", ROWS))
    toy.derive_nothing(warehouse_url)
    publish.publish(warehouse_url, run_id="test")
    return warehouse_url


#: Figures of a series of the global SDG indicators.
OF_SDG = [
    {"OBS_VALUE": "4.5", "NOTE": "=1+1"},
    {"TIME_PERIOD": "2021", "OBS_VALUE": "0.1", "NOTE": 'said "so", <twice> & more\nin two lines'},
    {"TIME_PERIOD": "2022", "OBS_VALUE": "", "OBS_STATUS": "Q", "NOTE": "'=once more"},
    {"COUNTERPART": "FRA", "BASIS": "destination", "OBS_VALUE": "1.25", "OBS_STATUS": "E"},
    {"REF_AREA": "NPL", "OBS_VALUE": "22.5"},
]


@pytest.fixture
def of_sdg(warehouse_url: str, sources: list[Source], monkeypatch: pytest.MonkeyPatch) -> str:
    """A warehouse in which a source published a few figures of an SDG series; both sources count as national ones."""
    known = sdg.codes
    national = {source.id: "N" for source in sources}
    monkeypatch.setattr(sdg, "codes", lambda concept: known(concept) | (national if concept == "source" else {}))
    rows = [{"INDICATOR": "REMIT_IN_GDP", "UNIT": "PT_GDP", **row} for row in OF_SDG]
    toy.load(warehouse_url, sources[0], toy.read(warehouse_url, sources[0], "figures/part=a", rows))
    toy.derive_nothing(warehouse_url)
    publish.publish(warehouse_url, run_id="test")
    return warehouse_url
