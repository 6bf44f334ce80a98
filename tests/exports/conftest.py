"""Warehouses to export from: one with the samples of all sources, and one with a few invented figures."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import toy
import yaml

from migstats import landing, pipeline, publish, replay, settings
from migstats import postgres as server
from migstats.source import Source, folder_of, plan, read_sources

TODAY = dt.date(2026, 11, 1)


@pytest.fixture(scope="session")
def of_samples(postgres: server.Server, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A warehouse in which the samples of every source that may be passed on are published."""
    server.create_database(postgres, "exported", template=_template)
    url = postgres.url("exported")
    served = settings.include() / "samples"
    asked = yaml.safe_load((served / "demo.yaml").read_text("utf-8"))
    replaying = replay.serve(0, served)
    threading.Thread(target=replaying.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGSTATS_STATE", str(tmp_path_factory.mktemp("exported")))
        patch.delenv("MIGSTATS_LAKE", raising=False)
        patch.setenv("MIGSTATS_REPLAY", f"http://127.0.0.1:{replaying.server_address[1]}")
        for source in read_sources().values():
            if source.licence.redistribution == "allowed":
                _take_in(url, source, asked.get(source.id, {}).get("years", []))
        publish.publish(url, run_id="test")
        replaying.shutdown()
        replaying.server_close()
        yield url


def _take_in(url: str, source: Source, years: list[int]) -> None:
    """Land, read and load the samples of a source, each of its releases, oldest first."""
    folder = folder_of(source.id)
    for release in [r.id for r in sorted(source.releases, key=lambda r: r.released)] or [None]:
        named = [slice_ for slice_ in replay.sampled(folder) if slice_.release == (release or "")]
        planned = named or plan(source, today=TODAY, release=release, years=years)
        landed = [landing.land(slice_, source, run_id="test", url=url) for slice_ in planned]
        toy.load(url, source, *(pipeline.read(each, source, folder) for each in landed))


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
