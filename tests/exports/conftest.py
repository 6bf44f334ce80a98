"""A warehouse to export from, with a few invented figures."""

from __future__ import annotations

from pathlib import Path

import pytest
import toy

from migstats import publish
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
