"""Disclosure control within a publication: the figures of a source go to `disclosure`, and its marks come back.

Every source has its run, on record in ops.disclosure; without it the database refuses its figures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from migstats import settings, warehouse
from migstats.additive import KEYS, Facts, nested
from migstats.codelists import read_codelist
from migstats.disclosure import Disclosed, disclose, read_facts
from migstats.source import Disclosure, codelist_folders

_TEXT: Final = [*(k for k in KEYS if k != "state"), "observation_id", "obs_status", "conf_status"]
_SCHEMA: Final[dict[str, Any]] = {**dict.fromkeys(_TEXT, pl.String), "vintage": pl.Int64, "value": pl.Float64}
_SCHEMA_LAST: Final[dict[str, Any]] = {**_SCHEMA, "kind": pl.String, "told": pl.Boolean, "shown": pl.Float64}


def begin(connection: warehouse.Connection) -> None:
    """Note what readers see, before anything of it is taken away."""
    warehouse.execute(connection, "publication/stage_last_seen")


def control(connection: warehouse.Connection, sources: Sequence[str], run_id: str) -> None:
    """Hide and round what is staged in pg_temp.published, and register the runs of all its sources."""
    warehouse.execute(connection, "publication/stage_disclosed")
    cells: dict[str, int] = {}
    exposed: dict[str, int | None] = {}
    facts: Facts | None = None
    for row in warehouse.rows(connection, "publication/sources_to_disclose"):
        source = row["source"]
        facts = facts or _facts()
        found = _of_source(connection, row, sources, facts)
        cells[source], exposed[source] = found.cells, found.exposed
        changes = found.changes.with_columns(pl.col("vintage").cast(pl.Int32), source=pl.lit(source))
        warehouse.copy(connection, ("pg_temp", "disclosed"), changes)
    warehouse.execute(connection, "publication/hide")
    counted = {"run_id": run_id, "cells": json.dumps(cells), "exposed": json.dumps(exposed)}
    warehouse.execute(connection, "publication/add_disclosure", counted)
    touched = {"sources": list(sources), "looked_at": list(cells)}
    warehouse.execute(connection, "publication/lift_suppressed", touched)
    warehouse.execute(connection, "publication/add_suppressed")
    warehouse.execute(connection, "publication/add_withheld_snapshot")


def codes_inside() -> pl.DataFrame:
    """Codes that lie in one another, as `additive.nested` has them."""
    return nested(_facts(), list(read_codelist(codelist_folders(), "education").rows))


def _facts() -> Facts:
    return read_facts(codelist_folders(), settings.include() / "relations.csv")


def _of_source(
    connection: warehouse.Connection, row: dict[str, Any], sources: Sequence[str], facts: Facts
) -> Disclosed:
    asked = {**{name: row[name] for name in ("source", "indicators", "areas")}, "sources": list(sources)}
    figures = _frame(warehouse.rows(connection, "publication/figures_to_disclose", asked), _SCHEMA)
    last = _frame(warehouse.rows(connection, "publication/last_seen", asked), _SCHEMA_LAST)
    policy = Disclosure.model_validate_json(row["disclosure_rule"])
    return disclose(figures, policy, facts, last if last.height else None)


def _frame(rows: list[dict[str, Any]], schema: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame({name: [row[name] for row in rows] for name in schema}, schema=schema)
