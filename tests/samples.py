"""A warehouse in which the samples of all sources are published: filled once, for tests that read it."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from migstats import candidate, landing, pipeline, publish, replay, settings
from migstats import postgres as server
from migstats.source import Source, folder_of, plan, read_sources

SAMPLES = settings.include() / "samples"
TODAY = dt.date(2026, 11, 1)


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
