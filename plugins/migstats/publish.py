"""Publish: bring what BI reads to the accepted vintages, in one transaction; readers see one whole state.

Figures of a source that may not be passed on stand in core.restricted, which readers of `bi` cannot see.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import sql as composed

from migstats import ages, disclosed, warehouse
from migstats.faultpoint import reach
from migstats.indicators import COUNTED
from migstats.source import codelist_folders

#: What is staged first: the indicators that the publication is about, all their figures, where ours come from.
_STAGED: Final = ("touched", "derived_touched", "disclosure", "published", "derivation")

#: What is staged for age bands, before the covers, and for sums of groups of areas; each is analysed before the next.
_OF_AGES: Final = ("age_part", "age_cell")
_OF_GROUPS: Final = ("group_figure", "group_cell", "group_member")

#: How derived indicators are computed, by statements `derive_<step>` in this order (docs/indicators.md).
_DERIVED: Final = ("inputs", "pairs", "pairs_before", "figures", "suppressed", "rows", "links")

#: Where figures go: what may be passed on to bi.observation_all, all else to core.restricted.
_TABLES: Final = ("published", "restricted")

#: Figures that claim the same, in pairs: of one cell, of two indicators (which needs what the tables hold by then).
_CLAIMS: Final = ("claims", "comparable")

#: What is made of the figures of `bi`, anew for the touched indicators: `remove_<table>` and `add_<table>`.
_BESIDE: Final = (
    *("derivation", "comparability", "availability", "availability_total", "annual_sum", "group_total"),
    *("reconciliation", "corridor_figures", "corridor", "corridor_mirror", "stock_flow"),
)


@dataclass(frozen=True)
class Publication:
    """What a publish came to: the sources that moved (with their vintage), rows removed and added, seconds."""

    vintages: dict[str, int]
    removed: int
    added: int
    seconds: float


def waiting(url: str) -> dict[str, int]:
    """Sources that have an accepted vintage which `bi` does not show yet, with that vintage."""
    with warehouse.connect(url) as connection:
        return {row["source"]: row["vintage_id"] for row in warehouse.rows(connection, "publication/to_publish")}


def publish(
    url: str,
    *,
    run_id: str,
    only: Sequence[str] | None = None,
    attempt_id: int | None = None,
    anew: bool = False,
) -> Publication:
    """Bring `bi` to the accepted vintages of all sources (or of `only`); nothing new is a no-op.

    Only rows that differ are written (with `anew` all of them, and `bi` holds nothing else). Publishes are serialised;
    a reader sees the state before or the state after.
    """
    began = time.monotonic()
    with warehouse.connect(url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('migstats.publish', 0))")
        if anew:
            disclosed.begin(connection)
            warehouse.execute(connection, "rebuild/unpublish")
        vintages = {row["source"]: row["vintage_id"] for row in warehouse.rows(connection, "publication/to_publish")}
        if only is not None:
            vintages = {source: vintage for source, vintage in vintages.items() if source in only}
        removed = added = 0
        if vintages:
            if not anew:
                disclosed.begin(connection)
            _stage(connection, list(vintages), run_id)
            reach("publish.staged")
            removed = sum(warehouse.execute(connection, f"publication/remove_{table}") for table in _TABLES)
            reach("publish.removed")
            added = sum(warehouse.execute(connection, f"publication/add_{table}") for table in _TABLES)
            refresh(connection)
            for source, vintage in vintages.items():
                moved = {"source": source, "vintage_id": vintage}
                warehouse.execute(connection, "publication/set_publication", moved)
                warehouse.execute(connection, "publication/add_published_vintage", moved)
            for change in ("remove", "add"):
                warehouse.execute(connection, f"publication/{change}_release_figures", {"sources": list(vintages)})
        seconds = time.monotonic() - began
        for source in [*vintages, "*"]:
            warehouse.add_outcome(
                connection,
                warehouse.Outcome(
                    run_id=run_id,
                    source=source,
                    step="publish",
                    status="done" if vintages else "skip",
                    message=None if vintages else "no accepted vintage is new",
                    vintage_id=vintages.get(source),
                    seconds=seconds,
                    attempt_id=attempt_id if source == "*" else None,
                ),
            )
        reach("publish.before_commit")
    reach("publish.committed")
    return Publication(vintages, removed, added, seconds)


def refresh(connection: warehouse.Connection) -> None:
    """Make anew what stands beside the figures of `bi`, for the indicators of pg_temp.touched, whose figures are staged
    in pg_temp.published and stand in their tables."""
    _stage_each(connection, _OF_GROUPS)
    for staged in _CLAIMS:
        warehouse.execute(connection, f"publication/stage_{staged}")
    for table in _BESIDE:
        for change in ("remove", "add"):
            warehouse.execute(connection, f"publication/{change}_{table}")


def _stage(connection: warehouse.Connection, sources: Sequence[str], run_id: str) -> None:
    """Stage what `bi` is to hold of the indicators that these sources touch: pg_temp.published, with all its marks."""
    for staged in _STAGED:
        warehouse.execute(connection, f"publication/stage_{staged}", {"sources": sources})
    connection.execute("ANALYZE pg_temp.touched")
    connection.execute("CREATE UNIQUE INDEX ON pg_temp.published (observation_id)")
    connection.execute("ANALYZE pg_temp.published")
    # before anything is said of the figures: which of them count, and what is computed from them, gives none away
    disclosed.control(connection, sources, run_id)
    reach("publish.disclosed")
    warehouse.execute(connection, "publication/stage_code_inside")
    warehouse.copy(connection, ("pg_temp", "code_inside"), disclosed.codes_inside())
    # of its steps the planner knows no sizes: joined row by row they take minutes
    connection.execute("SET LOCAL enable_nestloop = off")
    warehouse.execute(connection, "publication/mark_additive", {"counted": list(COUNTED)})
    connection.execute("SET LOCAL enable_nestloop = on")
    warehouse.execute(connection, "publication/mark_preferred", {})
    # ours are made of what is preferred, and take their own place in their cells
    for computed in (add_ages, derive):
        if computed(connection):
            warehouse.execute(connection, "publication/mark_disclosed")
            warehouse.execute(connection, "publication/mark_preferred", {})


def add_ages(connection: warehouse.Connection) -> int:
    """Add standard age bands that published ones tile (which do is found once for each set of bands); how many rows."""
    _stage_each(connection, _OF_AGES)
    sets = [row["bands"] for row in warehouse.rows(connection, "publication/age_sets")]
    concepts = codelist_folders()
    targets = {band for of in ages.schemes(concepts).values() for band in of}
    covers = ages.covers(sets, sorted(targets, key=lambda band: band.code), ages.bands(concepts))
    warehouse.execute(connection, "publication/stage_age_cover")
    warehouse.copy(connection, ("pg_temp", "age_cover"), covers)
    return warehouse.execute(connection, "publication/derive_ages")


def _stage_each(connection: warehouse.Connection, tables: Sequence[str]) -> None:
    for table in tables:
        warehouse.execute(connection, f"publication/stage_{table}", {"counted": list(COUNTED)})
        # without it the planner takes the table for a small one, and joins it row by row
        connection.execute(composed.SQL("ANALYZE {}").format(composed.Identifier("pg_temp", table)))


def derive(connection: warehouse.Connection) -> int:
    """Add our figures to pg_temp.published, and where they come from to pg_temp.derivation; 0 where there are none."""
    return sum(warehouse.execute(connection, f"publication/derive_{kind}") for kind in _DERIVED)
