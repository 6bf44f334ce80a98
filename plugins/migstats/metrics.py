"""Metrics of our own beside Airflow's: the time of each step, figures loaded and quarantined.

They go through Airflow's own metrics, so that one setting (MIGSTATS_OTEL, docs/deploy.md) sends both to one place;
where it is off, nothing happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from migstats.vintage import Counts


@contextmanager
def step(source: str, name: str) -> Iterator[None]:
    """The time that a step of a source takes, failures included: `migstats.step`, by source and step."""
    from airflow.sdk.observability import stats

    with stats.timer("migstats.step", tags={"source": source, "step": name}):
        yield


def loaded(source: str, counts: Counts) -> None:
    """What a load came to, by source: `migstats.rows_loaded`, `..._unchanged` and `..._quarantined`."""
    from airflow.sdk.observability import stats

    tags = {"source": source}
    stats.incr("migstats.rows_loaded", counts.loaded, tags=tags)
    stats.incr("migstats.rows_unchanged", counts.unchanged, tags=tags)
    stats.incr("migstats.rows_quarantined", counts.quarantined, tags=tags)
