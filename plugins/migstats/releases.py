"""Releases: where the date from which an edition holds in the warehouse is not the one that is declared any more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from migstats import warehouse
from migstats.source import Source
from migstats.warehouse import Connection


@dataclass(frozen=True)
class Moved:
    """A release whose date in source.yaml was mended after slices of it had been accepted with another one."""

    source: str
    release: str
    declared: dt.date
    accepted: dt.date
    slices: int

    @property
    def place(self) -> str:
        """Which release, and both dates."""
        return (
            f"release {self.release} of {self.source} is declared with {self.declared}, {self.slices} slices of it "
            f"were accepted with {self.accepted}"
        )

    @property
    def remedy(self) -> str:
        """What holds, and what can be done: neither a load nor a rebuild moves history that was accepted."""
        return (
            f"history keeps {self.accepted}, whatever is loaded or rebuilt: declare that date again in source.yaml, or "
            "live with it; only an empty warehouse takes the new one"
        )


def moved(connection: Connection, source: Source) -> Iterator[Moved]:
    """The releases of a source that were accepted with another date than the declared one; oldest first."""
    declared = {release.id: release.released for release in source.releases}
    for row in warehouse.rows(connection, "report/accepted_releases", {"source": source.id}):
        accepted = row["accepted"].astimezone(dt.UTC).date()
        wanted = declared.get(row["release"], accepted)
        if accepted != wanted:
            yield Moved(source.id, row["release"], wanted, accepted, row["slices"])
