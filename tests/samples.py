"""The samples of the declared sources, as the publishers would answer with them, and a warehouse of all of them."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from migstats import candidate, landing, pipeline, publish, replay, settings
from migstats import postgres as server
from migstats.source import Slice, Source, folder_of, plan, read_sources

SAMPLES = settings.include() / "samples"
TODAY = dt.date(2026, 11, 1)
IMITATED = ("eurostat_migr", "undesa_stock", "unhcr_population", "worldbank_wdi")
YEARS = {"unhcr_population": range(2020, 2025), "eurostat_migr": range(2020, 2025)}


def slices_with_samples(source: Source) -> list[Slice]:
    """Those that a file is named for; of the four imitated publishers all slices of the years of their samples."""
    if source.id not in IMITATED:
        return replay.sampled(folder_of(source.id))
    releases = [r.id for r in source.releases] or [None]
    planned = [plan(source, today=TODAY, release=r, years=YEARS.get(source.id, ())) for r in releases]
    return [slice_ for of_release in planned for slice_ in of_release]


def payloads(source: Source) -> Iterator[tuple[Slice, bytes]]:
    """Each slice that has a sample, and its first page; of a PxWeb server, which answers in parts, the whole."""
    for slice_ in slices_with_samples(source):
        if source.dataset(slice_.dataset).pxweb is not None:
            yield slice_, (SAMPLES / source.id / f"{slice_.slice}.json").read_bytes()
            continue
        target = "/" + slice_.url.removeprefix("https://")
        got = replay.answer(SAMPLES, target, {"User-Agent": source.user_agent or "migstats"})
        assert got.status == 200, (slice_.slice, got.status)
        yield slice_, got.body


@dataclass(frozen=True)
class Filled:
    """Its URL, as its owner, and the folder of the lake with the payloads (MIGSTATS_STATE)."""

    url: str
    state: Path


def take_in(url: str, source: Source, years: list[int]) -> None:
    """Land, read, check and load the samples of a source, each of its releases, oldest first; a revision that breaches
    the gate is approved."""
    folder = folder_of(source.id)
    for release in sorted((r.id for r in source.releases), key=lambda r: source.release(r).released) or [None]:  # type: ignore[union-attr]
        reads = []
        named = [slice_ for slice_ in replay.sampled(folder) if slice_.release == (release or "")]
        for slice_ in named or plan(source, today=TODAY, release=release, years=years):
            landed = landing.land(slice_, source, run_id="test", url=url)
            reads.append(pipeline.read(landed, source, folder))
        pipeline.check(reads, source, run_id="test", url=url, today=TODAY)
        judged = pipeline.gate(reads, source, folder, run_id="test", url=url)
        if judged.waits:
            candidate.decide(url, judged.candidate_id, verdict="approved", decided_by="test", reason="a new release")
        pipeline.load(reads, source, folder, run_id="test", url=url)


def fill(postgres: server.Server, template: str, state: Path) -> Filled:
    """Take in and publish the samples of all sources."""
    server.create_database(postgres, "samples", template=template)
    url = postgres.url("samples")
    replaying = replay.serve(0, SAMPLES)
    threading.Thread(target=replaying.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGSTATS_STATE", str(state))
        patch.delenv("MIGSTATS_LAKE", raising=False)
        patch.setenv("MIGSTATS_REPLAY", f"http://127.0.0.1:{replaying.server_address[1]}")
        asked = yaml.safe_load((SAMPLES / "demo.yaml").read_text("utf-8"))
        for source in read_sources().values():
            take_in(url, source, asked.get(source.id, {}).get("years", []))
        publish.publish(url, run_id="test")
    replaying.shutdown()
    replaying.server_close()
    return Filled(url, state)
