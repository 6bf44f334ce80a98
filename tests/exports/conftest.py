"""Warehouses to export from: one with the samples of all sources, and one with a few invented figures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
import samples
import toy

from migstats import postgres as server
from migstats import publish
from migstats.source import Source, read_sources


@pytest.fixture(scope="session")
def of_samples(postgres: server.Server, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A warehouse in which the samples of every source that may be passed on are published, first pages alone."""
    server.create_database(postgres, "exported", template=_template)
    url = postgres.url("exported")
    at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGSTATS_STATE", str(tmp_path_factory.mktemp("exported")))
        patch.delenv("MIGSTATS_LAKE", raising=False)
        for source in read_sources().values():
            if source.licence.redistribution != "allowed":
                continue
            by_release: dict[str, list[tuple]] = {}
            for slice_, payload in samples.payloads(source):
                by_release.setdefault(slice_.release, []).append((slice_, payload))
            for _, slices in sorted(by_release.items()):
                reads = [toy.land(url, source, slice_, payload, at) for slice_, payload in slices]
                toy.load(url, source, *reads)
        publish.publish(url, run_id="test")
        yield url


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
    publish.publish(warehouse_url, run_id="test")
    return warehouse_url
