"""Lineage: from a published figure back to the cell that it came from."""

from __future__ import annotations

import re
from typing import Any

from migstats import indicators, lake, warehouse
from migstats.errors import PermanentError
from migstats.readers import reader_for, records_of
from migstats.source import Source, folder_of, read_source
from migstats.uploads import canonical, submission

_ID = re.compile(r"(?P<source>[a-z][a-z0-9_]*)-(?P<series>[0-9a-f]{16})-(?P<period>[0-9A-Z-]+)")

#: Source of the figures that we compute from those of others.
OURS = "migstats"


def trace(url: str, observation_id: str) -> dict[str, Any]:
    """Everything that leads back from an observation: publisher, citation, URL, sha256, place, raw text.

    `reread` is the text at that place, read again from the snapshot; `agrees` says whether it is the stored one. Of a
    figure that was made from records, `records` says of which, and where the first ones stand. Of a figure that a
    country sent, `cell` is where it stands in its workbook, and `workbook` the sha256 of that. A figure that we
    computed has a `formula` and `inputs` instead, each with the id that leads on, and `recomputed`.
    PermanentError for an id that is none, or that no figure has.
    """
    match = _ID.fullmatch(observation_id)
    if match is None:
        raise PermanentError(
            f"{observation_id!r} is no observation id; they look like undesa_stock-00f1e2d3c4b5a697-2024 "
            "(column observation_id of any view in bi)"
        )
    if match["source"] == OURS:
        return _computed(url, observation_id)
    series = int(match["series"], 16)
    key = {
        "source": match["source"],
        "series_id": series - (1 << 64) if series >= 1 << 63 else series,
        "time_period": match["period"],
        "observation_id": observation_id,
    }
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "report/trace", key)
    if not found:
        raise PermanentError(f"no figure has the id {observation_id!r}; was it published from another warehouse?")
    traced = found[0]
    source = _declaration(traced["source"], traced["made_with"])
    layout = source.dataset(traced["dataset"]).reader
    payload = lake.read_snapshot(traced["sha256"])
    traced["reread"] = reader_for(layout).locate(payload, traced["place"], layout)
    of = records_of(payload, traced["place"], layout)
    if of is not None:
        traced["records"] = of
    traced["agrees"] = traced["reread"] == traced["raw"]
    if source.delivery == "sent":
        sent = submission.find(url, traced["url"].removeprefix("upload:"))
        traced |= {
            "cell": canonical.cell_at(payload, traced["place"]),
            "workbook": sent.sha256,
            "sent_by": sent.sent_by,
        }
    return traced


def _computed(url: str, observation_id: str) -> dict[str, Any]:
    """A figure of ours: `agrees` where its formula gives it again from what went in, and all of that is there."""
    key = {"observation_id": observation_id}
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "report/trace_computed", key)
        inputs = warehouse.rows(connection, "report/trace_inputs", key)
    if not found:
        raise PermanentError(f"no figure has the id {observation_id!r}; was it published from another warehouse?")
    traced = {name: value for name, value in found[0].items() if name not in _FORMULA}
    formula = {name: found[0][name] or "" for name in _FORMULA}
    traced["formula"] = indicators.formula(formula) if formula["kind"] else ""
    traced["inputs"] = inputs
    there = bool(inputs) and all(row["indicator"] is not None for row in inputs)
    again = not formula["kind"] or traced["published_value"] in (None, traced["recomputed"])
    traced["agrees"] = there and again
    return traced


#: Columns of ref.derived_indicator of which the formula is written.
_FORMULA = ("kind", "multiplier", "input", "input_where", "other", "other_where")


def _declaration(source_id: str, made_with: str | None) -> Source:
    """The declaration that the figure was made with, since columns and sheets may be found otherwise today."""
    kept = lake.facts_path(made_with) / source_id / "source.yaml" if made_with else None
    return read_source(kept if kept is not None and kept.is_file() else folder_of(source_id) / "source.yaml")
