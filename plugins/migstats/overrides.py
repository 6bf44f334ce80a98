"""Overrides: which records of corrections.csv a figure of the warehouse carries, and which change nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from migstats import lake, warehouse
from migstats.corrections import Correction, read_corrections
from migstats.errors import DeclarationError
from migstats.source import Slice, Source, plan
from migstats.warehouse import Connection

#: What to do about a record that changes nothing.
REMEDY = "mend its dimensions or period where they are mistyped; remove it where the publisher withdrew the figure"


def idle(connection: Connection, source: Source, folder: Path) -> Iterator[Correction]:
    """Records of corrections.csv that no figure carries, although every slice that could hold it was read with them.

    A slice proves nothing where it never landed, or was read before the record was there: nothing is said of a record
    then. A record without a release is looked for in the newest one; that an older one carries it is enough.
    """
    records = read_corrections(folder)
    of_source = {"source": source.id}
    states = warehouse.rows(connection, "report/last_states", of_source) if records else []
    if not states:
        return
    carried = {row["override_id"] for row in warehouse.rows(connection, "report/carried_corrections", of_source)}
    kept = {made_with: _kept(made_with, source.id) for made_with in {state["made_with"] for state in states}}
    read_with = {(state["slice"], state["release"]): kept[state["made_with"]] for state in states}
    today = max(state["landed_at"].date() for state in states)
    for record in records:
        slices = _slices(record, source, today)
        known = bool(slices) and all(record in read_with.get((s.slice, s.release), ()) for s in slices)
        if known and record.id not in carried:
            yield record


def _kept(made_with: str, source_id: str) -> tuple[Correction, ...]:
    """The corrections that a state was read with; none where they are lost, or in a form that is not read any more."""
    try:
        return read_corrections(lake.facts_path(made_with) / source_id)
    except DeclarationError:
        return ()


def _slices(record: Correction, source: Source, today: dt.date) -> list[Slice]:
    """The slices that could hold the figure of a record: of a dated dataset those of its year, where there are some."""
    try:
        slices = plan(source, today=today, release=record.release or None, datasets=[record.dataset])
    except DeclarationError:
        return []  # a dataset or release that is not declared, which `migstats check` tells
    return [s for s in slices if str(s.year) == record.time_period[:4]] or slices
