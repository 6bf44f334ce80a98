"""Vintages: compare a candidate with what was accepted last, and write what changed, in one transaction."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import polars as pl
import psycopg
import pyarrow as pa

from migstats import lake, warehouse
from migstats.errors import DriftError, PermanentError
from migstats.warehouse import Connection

_KEY = ["series_id", "time_id"]
_SAID = ["value", "obs_status", "attribute_id"]


@dataclass(frozen=True)
class Read:
    """What reading one slice gave: where its tables lie in the lake, and what they amount to."""

    source: str
    dataset: str
    slice: str
    release: str
    released_at: str
    snapshots: tuple[str, ...]
    folder: str
    facts_sha256: str
    content_sha256: str
    codes_sha256: str
    made_of: str
    observations: int
    quarantined: int
    explained: int
    #: When its bytes were last served; an older landing never replaces a newer one.
    landed_at: str
    #: Snapshot → cells that could hold a figure, and figures that came of them.
    landed: Mapping[str, int]
    figures: Mapping[str, int]


@dataclass(frozen=True)
class Counts:
    """What a load came to."""

    load_id: str
    outcome: str
    vintage_id: int | None
    snapshots: int
    landed: int
    loaded: int
    unchanged: int
    quarantined: int
    explained: int
    closed: int = 0


def load_id_of(source: str, reads: Sequence[Read]) -> str:
    """Deterministic id of a load: the same snapshots, codes, declarations and release are the same load."""
    digest = sha256(source.encode())
    for read in sorted(reads, key=lambda r: r.slice):
        digest.update("\x1f".join([read.slice, read.release, read.made_of, read.content_sha256]).encode())
    return digest.hexdigest()[:32]


def compare(candidate: pl.DataFrame, accepted: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame]:
    """What a slice says now against what was accepted: (`new` | `changed` | `same` for each row, ended keys).

    The ended keys have a `reason`: `revised` or `deleted_at_source`. Keys are unique on both sides.
    """
    was = accepted.select(*_KEY, *(pl.col(c).alias(f"was_{c}") for c in _SAID))
    now = candidate.select(*_KEY, *_SAID)
    both = now.join(was, on=_KEY, how="left", maintain_order="left")
    same = pl.all_horizontal(pl.col(c).eq_missing(pl.col(f"was_{c}")) for c in _SAID)
    fate = both.select(
        pl.when(pl.col("was_attribute_id").is_null())
        .then(pl.lit("new"))
        .when(same)
        .then(pl.lit("same"))
        .otherwise(pl.lit("changed"))
        .alias("fate")
    ).to_series()
    revised = both.filter(fate == "changed").select(*_KEY, reason=pl.lit("revised"))
    vanished = was.join(now, on=_KEY, how="anti").select(*_KEY, reason=pl.lit("deleted_at_source"))
    return fate, pl.concat([revised, vanished])


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _plain(facts: pa.Table) -> pl.DataFrame:
    """Facts with the small texts as plain text, so that two files compare."""
    return _frame(facts).with_columns(pl.col("obs_status").cast(pl.String))


def _accepted(connection: Connection, read: Read, state: Mapping[str, Any] | None) -> pl.DataFrame:
    """The accepted facts of a slice: its file in the lake if that is still the one in the ledger, else the database."""
    if state is None:
        empty = {"series_id": pl.Int64, "time_id": pl.Int32, "value": pl.Float64, "obs_status": pl.String}
        return pl.DataFrame(schema={**empty, "attribute_id": pl.Int64})
    try:
        return _plain(lake.read_table(lake.absolute(state["facts_path"]), state["facts_sha256"]))
    except PermanentError:
        found = warehouse.rows(connection, "load/current_facts", {"source": read.source, "slice": read.slice})
        schema = {"series_id": pl.Int64, "time_id": pl.Int32, "value": pl.Float64, "obs_status": pl.String}
        return pl.DataFrame(found, schema={**schema, "attribute_id": pl.Int64})


def accept(url: str, source: str, reads: Sequence[Read], *, run_id: str, code_version: str) -> Counts:
    """Load a candidate and make it a vintage: one transaction, serialised per source, written at most once.

    A load that was made before, or that says what was accepted last, writes no fact and makes no vintage. Facts that
    are gone from a slice are closed as `deleted_at_source`; slices that are not among `reads` are not touched.
    Raises PermanentError for a release older than the accepted one, or where the database refuses the data.
    """
    began = time.monotonic()
    load_id = load_id_of(source, reads)
    with warehouse.connect(url) as connection:
        warehouse.execute(connection, "load/lock_source", {"source": source})
        states = _states(connection, source, reads)
        done = warehouse.rows(connection, "load/find_load", {"load_id": load_id})
        if done and not _comes_back(reads, states):
            counts = Counts(load_id, "unchanged", loaded=0, **{**done[0], "vintage_id": _latest(connection, source)})
        else:
            if done:  # the publisher went back to what it said before: the same input, and yet another load
                load_id = sha256(f"{load_id} after {_latest(connection, source)}".encode()).hexdigest()[:32]
            _require_newer(reads, states)
            counts = _write(connection, source, reads, states, load_id, run_id, code_version, began)
        warehouse.add_outcome(
            connection,
            warehouse.Outcome(
                run_id=run_id,
                source=source,
                step="load",
                status="done" if counts.outcome == "accepted" else "skip",
                message=None if counts.outcome == "accepted" else "nothing changed since the last accepted vintage",
                load_id=load_id,
                vintage_id=counts.vintage_id,
                snapshots=counts.snapshots,
                landed=counts.landed,
                loaded=counts.loaded,
                unchanged=counts.unchanged,
                quarantined=counts.quarantined,
                explained=counts.explained,
                seconds=time.monotonic() - began,
            ),
        )
    return counts


def _states(connection: Connection, source: str, reads: Sequence[Read]) -> dict[str, dict[str, Any]]:
    """What was accepted last of each slice."""
    slices = {"source": source, "slices": [read.slice for read in reads]}
    return {state["slice"]: state for state in warehouse.rows(connection, "load/slice_states", slices)}


def _lands_later(read: Read, state: Mapping[str, Any]) -> bool:
    return bool(dt.datetime.fromisoformat(read.landed_at) > state["landed_at"])


def _comes_back(reads: Sequence[Read], states: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a load that was made before says something else than what stands, and was served since."""
    return any(
        states[read.slice]["content_sha256"] != read.content_sha256 and _lands_later(read, states[read.slice])
        for read in reads
        if read.slice in states
    )


def _require_newer(reads: Sequence[Read], states: Mapping[str, Mapping[str, Any]]) -> None:
    """PermanentError where what stands was served after what is to be loaded (two runs at once)."""
    for read in reads:
        state = states.get(read.slice)
        if state is None or state["content_sha256"] == read.content_sha256 or _lands_later(read, state):
            continue
        landed = dt.datetime.fromisoformat(read.landed_at)
        if landed < state["landed_at"] and (read.release == state["release"]):
            raise PermanentError(
                f"slice {read.slice} landed on {landed:%Y-%m-%d %H:%M}, before what stands, which landed on "
                f"{state['landed_at']:%Y-%m-%d %H:%M}; run again, so that it is asked for anew"
            )


def _latest(connection: Connection, source: str) -> int | None:
    found = warehouse.rows(connection, "load/latest_vintage", {"source": source})
    return found[0]["vintage_id"] if found else None


def _released_at(connection: Connection, source: str, reads: Sequence[Read]) -> dt.datetime:
    """When the publisher put the candidate out. Declared releases keep their date; others never go back in time."""
    released = max(dt.datetime.fromisoformat(r.released_at) for r in reads)
    newest = warehouse.rows(connection, "load/newest_release", {"source": source})[0]["released_at"]
    if newest is None or released >= newest:
        return released
    if reads[0].release:
        raise PermanentError(
            f"release {reads[0].release} of {source} came out on {released:%Y-%m-%d}, before the accepted one of "
            f"{newest:%Y-%m-%d}; old never overwrites new: load releases in the order in which they came out"
        )
    return newest  # type: ignore[no-any-return]


def _write(
    connection: Connection,
    source: str,
    reads: Sequence[Read],
    states: Mapping[str, Mapping[str, Any]],
    load_id: str,
    run_id: str,
    code_version: str,
    began: float,
) -> Counts:
    released_at = _released_at(connection, source, reads)
    warehouse.execute(connection, "load/lock_first_load", {"source": source})
    first = connection.execute("SELECT core.new_partition(%s) AS made", (source,)).fetchall()[0]["made"]
    connection.execute(warehouse.statement("load/stage"))
    totals = {"added": 0, "changed": 0, "closed": 0}
    seen = pl.DataFrame(schema={"series_id": pl.Int64})
    balance: list[dict[str, object]] = []
    explained: list[dict[str, object]] = []
    quarantine: list[pl.DataFrame] = []
    for read in reads:
        folder = lake.absolute(read.folder)
        ids = _snapshot_ids(connection, read)
        state = states.get(read.slice)
        if state is not None and state["content_sha256"] == read.content_sha256:
            changed_per: dict[str, int] = {}
        else:
            changed_per = _stage(connection, read, state, ids, totals, alone=first)
            seen = _stage_series(connection, read, seen, alone=first)
        told = _frame(lake.read_table(folder / "explained.parquet"))
        held = _frame(lake.read_table(folder / "quarantine.parquet"))
        explained += [
            {"load_id": load_id, "snapshot_id": ids[sha], "reason": reason, "cells": cells, "example": example}
            for sha, reason, cells, example in told.iter_rows()
        ]
        if held.height:
            quarantine.append(
                held.select(
                    pl.lit(load_id).alias("load_id"),
                    pl.col("snapshot").replace_strict(ids, return_dtype=pl.Int32).alias("snapshot_id"),
                    *("place", "reason", pl.col("column").alias("column_name"), "code", "raw", "suggestion"),
                )
            )
        out = dict(told.group_by("snapshot").agg(pl.col("count").sum()).iter_rows())
        kept = dict(held.group_by("snapshot").len().iter_rows())
        for sha in read.snapshots:
            parts = {"loaded": changed_per.get(sha, 0), "quarantined": kept.get(sha, 0), "explained": out.get(sha, 0)}
            rest = read.figures.get(sha, 0) - parts["loaded"]
            balance.append(
                {"load_id": load_id, "snapshot_id": ids[sha], "landed": read.landed[sha], "unchanged": rest, **parts}
            )
    vintage_id = _record(connection, source, reads, load_id, run_id, code_version, began, released_at, totals, first)
    warehouse.execute_many(connection, "load/add_load_snapshot", balance)
    warehouse.execute_many(connection, "load/add_explained", explained)
    if quarantine:
        warehouse.copy(connection, ("ops", "quarantine"), pl.concat(quarantine))

    def total(name: str) -> int:
        return sum(int(str(b[name])) for b in balance)

    return Counts(
        load_id=load_id,
        outcome="accepted" if any(totals.values()) else "unchanged",
        vintage_id=vintage_id,
        snapshots=len(balance),
        closed=totals["closed"],
        **{name: total(name) for name in ("landed", "loaded", "unchanged", "quarantined", "explained")},
    )


def _snapshot_ids(connection: Connection, read: Read) -> dict[str, int]:
    found = warehouse.rows(
        connection,
        "load/snapshot_ids",
        {"source": read.source, "slice": read.slice, "release": read.release, "sha256": list(read.snapshots)},
    )
    ids = {row["sha256"]: row["snapshot_id"] for row in found}
    missing = set(read.snapshots) - set(ids)
    if missing:
        raise PermanentError(
            f"slice {read.slice}: the snapshots {sorted(missing)} are not in the ledger; land it again"
        )
    return ids


def _stage(
    connection: Connection,
    read: Read,
    state: Mapping[str, Any] | None,
    ids: Mapping[str, int],
    totals: dict[str, int],
    *,
    alone: bool,
) -> dict[str, int]:
    """Stage what changed in one slice (straight into the table that stands alone on a first load).

    The answer is how many facts of each snapshot are new or changed.
    """
    folder = lake.absolute(read.folder)
    facts = _plain(lake.read_table(folder / "facts.parquet", read.facts_sha256))
    fate, ended = compare(facts, _accepted(connection, read, state))
    counted = dict(fate.value_counts().iter_rows())
    totals["added"] += counted.get("new", 0)
    totals["changed"] += counted.get("changed", 0)
    totals["closed"] += ended.filter(pl.col("reason") == "deleted_at_source").height
    written = facts if counted.get("same", 0) == 0 else facts.filter(fate != "same")
    written = written.with_columns(pl.col("snapshot", "place").cast(pl.String))
    warehouse.copy(connection, ("stage_ended",), ended)
    warehouse.copy(connection, ("stage_attributes",), _frame(lake.read_table(folder / "attributes.parquet")))
    used = written.select("snapshot", "place").unique()
    for (sha,), templates in used.group_by("snapshot"):
        warehouse.execute(
            connection,
            "load/add_places",
            {"snapshot_id": ids[str(sha)], "templates": templates["place"].sort().to_list()},
        )
    places = warehouse.rows(connection, "load/place_ids", {"snapshot_ids": list(ids.values())})
    lookup = pl.DataFrame(
        [(p["snapshot_id"], p["template"], p["place_id"]) for p in places],
        schema={"snapshot_id": pl.Int32, "place": pl.String, "place_id": pl.Int32},
        orient="row",
    )
    rows = (
        written.with_columns(snapshot_id=pl.col("snapshot").replace_strict(dict(ids), return_dtype=pl.Int32))
        .join(lookup, on=["snapshot_id", "place"], how="left", maintain_order="left")
        .select(
            *_KEY,
            *_SAID,
            "place_id",
            pl.col("row").alias("place_row"),
            pl.when(pl.col("raw") != _shortest("value")).then("raw").alias("raw"),
        )
    )
    target = ("core", f"observation_{read.source}") if alone else ("stage_facts",)
    if alone:
        rows = rows.with_columns(vintage_from=pl.lit(_next_vintage(connection), pl.Int32))
    warehouse.copy(connection, target, rows)
    return dict(written.group_by("snapshot").len().iter_rows())


def _stage_series(connection: Connection, read: Read, seen: pl.DataFrame, *, alone: bool) -> pl.DataFrame:
    """Stage the series of a slice that no slice before it had; the answer is all that were seen so far."""
    series = _frame(lake.read_table(lake.absolute(read.folder) / "series.parquet")).join(
        seen, on="series_id", how="anti"
    )
    warehouse.copy(connection, ("core", f"series_{read.source}") if alone else ("stage_series",), series)
    return pl.concat([seen, series.select("series_id")])


def _next_vintage(connection: Connection) -> int:
    """The vintage of this transaction; drawn once, when the first fact is written."""
    found = connection.execute(warehouse.statement("load/draw_vintage")).fetchall()
    return int(found[0]["vintage_id"])


def _shortest(column: str) -> pl.Expr:
    """The shortest text of a double as PostgreSQL writes it; null where it would need an exponent."""
    value = pl.col(column)
    whole = (value == value.round()) & (value.abs() < 1e15)
    text = value.cast(pl.String)
    plain = pl.when(~text.str.contains("e")).then(text)
    return pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(plain)


def _record(
    connection: Connection,
    source: str,
    reads: Sequence[Read],
    load_id: str,
    run_id: str,
    code_version: str,
    began: float,
    released_at: dt.datetime,
    totals: Mapping[str, int],
    first: bool,
) -> int | None:
    """Write the staged facts as a vintage if there are any, and the load in any case."""
    release = reads[0].release
    vintage_id = _latest(connection, source)
    changed = any(totals.values())
    warehouse.execute(connection, "load/add_attributes")
    if changed:
        vintage_id = _next_vintage(connection)
        named = {"vintage": vintage_id, "source": source}
        warehouse.execute(
            connection,
            "load/new_vintage",
            {**named, "release": release, "released_at": released_at, "load_id": load_id, **totals},
        )
        if not first:
            warehouse.execute(connection, "load/add_series")
            ended = connection.execute("SELECT count(*) AS n FROM pg_temp.stage_ended").fetchall()[0]["n"]
            closed = warehouse.execute(connection, "load/close_facts", named)
            if closed != ended:
                raise PermanentError(
                    f"source {source}: {ended} facts were to be ended, {closed} were found; the lake and the warehouse "
                    "disagree on what was accepted last"
                )
    try:
        if changed and not first:
            warehouse.execute(connection, "load/add_facts", named)
        if first:
            connection.execute("SELECT core.attach_partition(%s)", (source,))
    except psycopg.errors.UniqueViolation as error:
        raise DriftError(
            f"source {source}: two slices publish the same cell ({error.diag.message_detail}); declare for one of them "
            "which rows are not its own (`ignore` in codes.csv, or `only`)"
        ) from error
    warehouse.execute(
        connection,
        "load/add_load",
        {
            "load_id": load_id,
            "source": source,
            "release": release,
            "released_at": released_at,
            "outcome": "accepted" if changed else "unchanged",
            "vintage_id": vintage_id,
            "run_id": run_id,
            "code_version": code_version,
            "codes_sha256": reads[0].codes_sha256,
            "seconds": time.monotonic() - began,
        },
    )
    warehouse.execute_many(
        connection,
        "load/set_slice_state",
        [
            {
                "source": source,
                "slice": read.slice,
                "release": read.release,
                "content_sha256": read.content_sha256,
                "facts_path": f"{read.folder}/facts.parquet",
                "facts_sha256": read.facts_sha256,
                "load_id": load_id,
                "landed_at": read.landed_at,
            }
            for read in reads
        ],
    )
    return vintage_id
