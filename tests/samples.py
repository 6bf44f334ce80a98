"""The samples of the declared sources, as the publishers would answer with them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from migstats import settings
from migstats.replay import answer
from migstats.replay import sampled as sampled_slices
from migstats.source import Slice, Source, folder_of, plan

TODAY = dt.date(2026, 11, 24)
IMITATED = ("eurostat_migr", "undesa_stock", "unhcr_population", "worldbank_wdi")
YEARS = {"unhcr_population": range(2020, 2025), "eurostat_migr": range(2020, 2025)}


def slices_with_samples(source: Source) -> list[Slice]:
    """Those that a file is named for; of the four imitated publishers all slices of the years of their samples."""
    if source.id not in IMITATED:
        return sampled_slices(folder_of(source.id))
    releases = [r.id for r in source.releases] or [None]
    planned = [plan(source, today=TODAY, release=r, years=YEARS.get(source.id, ())) for r in releases]
    return [slice_ for of_release in planned for slice_ in of_release]


def payloads(source: Source) -> Iterator[tuple[Slice, bytes]]:
    """Each slice that has a sample, and its first page; of a PxWeb server, which answers in parts, the whole."""
    samples = settings.include() / "samples"
    for slice_ in slices_with_samples(source):
        if source.dataset(slice_.dataset).pxweb is not None:
            yield slice_, (samples / source.id / f"{slice_.slice}.json").read_bytes()
            continue
        target = "/" + slice_.url.removeprefix("https://")
        got = answer(samples, target, {"User-Agent": source.user_agent or "migstats"})
        assert got.status == 200, (slice_.slice, got.status)
        yield slice_, got.body
