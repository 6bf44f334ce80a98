"""The assets that join the DAGs: an accepted vintage of a source wakes publish."""

from airflow.sdk import Asset

from migstats.source import Source


def vintage_asset(source: Source) -> Asset:
    """The asset that an accepted vintage of a source updates."""
    return Asset(f"vintage_{source.id}", uri=f"x-migstats://vintage/{source.id}", group="vintage")
