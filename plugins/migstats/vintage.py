"""Vintages: compare a candidate with what was accepted last, and write what changed, in one transaction."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

import polars as pl
import psycopg
import pyarrow as pa

from migstats import lake, warehouse
from migstats.comparison import Figures
from migstats.errors import DriftError, PermanentError, SupersededError
from migstats.faultpoint import reach
from migstats.observation import SERIES_DIMENSIONS
from migstats.reading import Moment, Read, State, is_outdated, place_in_time
from migstats.warehouse import Connection

_KEY = ["series_id", "time_id"]
_SAID = ["value", "obs_status", "attribute_id"]


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
    #: In what a load that was made again is not what is on record.
    differs: str = ""


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


_FACTS = {
    "series_id": pl.Int64,
    "time_id": pl.Int32,
    "value": pl.Float64,
    "obs_status": pl.String,
    "attribute_id": pl.Int64,
}


def _accepted(connection: Connection, read: Read, moment: Moment) -> pl.DataFrame:
    """What held of a slice until this moment: its file in the lake if it is the ledger's, else from the database."""
    kept = _kept(moment)
    if kept is None:
        assert moment.before is not None
        key = {"source": read.source, "slice": read.slice, "at": moment.before["released_at"]}
        return pl.DataFrame(warehouse.rows(connection, "load/current_facts", key), schema=_FACTS)
    return kept


def _kept(moment: Moment) -> pl.DataFrame | None:
    """What the lake keeps of what held until this moment; None where its file is gone or is not the ledger's."""
    if moment.before is None:
        return pl.DataFrame(schema=_FACTS)
    try:
        return _plain(lake.read_table(lake.absolute(moment.before["facts_path"]), moment.before["facts_sha256"]))
    except PermanentError:
        return None


def figures(read: Read) -> Figures:
    """What a slice says."""
    folder = lake.absolute(read.folder)
    facts = lake.read_table(folder / "facts.parquet", read.facts_sha256)
    return Figures(_compared(_frame(facts)), _frame(lake.read_table(folder / "series.parquet")))


def accepted_figures(connection: Connection, read: Read, known: pl.DataFrame) -> Figures:
    """What was accepted of the slice and would be continued or replaced by this reading.

    Series that are in `known` (the reading's own) are not described again.
    """
    states = _states(connection, read.source, [read]).get(read.slice, ())
    facts = _compared(_accepted(connection, read, place_in_time(read, states)))
    ids = facts.select("series_id").join(known, on="series_id", how="anti")["series_id"].unique().to_list()
    found = warehouse.rows(connection, "load/series_of", {"source": read.source, "ids": ids}) if ids else []
    return Figures(
        facts, pl.DataFrame(found, schema={"series_id": pl.Int64, **dict.fromkeys(SERIES_DIMENSIONS, pl.String)})
    )


def _compared(facts: pl.DataFrame) -> pl.DataFrame:
    return facts.select("series_id", "time_id", "value")


def overtaken(connection: Connection, reads: Sequence[Read]) -> list[bool]:
    """For each reading whether something that was served after it stands by now."""
    states = _states(connection, reads[0].source, reads) if reads else {}
    found = []
    for read in reads:
        try:
            place_in_time(read, states.get(read.slice, ()))
        except SupersededError:
            found.append(True)
        else:
            found.append(False)
    return found


def moments_of(connection: Connection, reads: Sequence[Read]) -> list[Moment]:
    """Where what each of these slices says stands on the release clock."""
    states = _states(connection, reads[0].source, reads)
    return [place_in_time(read, states.get(read.slice, ())) for read in reads]


def differs(connection: Connection, reads: Sequence[Read]) -> bool:
    """Whether one of these slices says something else than what was accepted of it."""
    return any(moment.fate != "same" for moment in moments_of(connection, reads))


def labels(folder: str) -> pl.DataFrame | None:
    """What the codes of a reading were called, as labels.LABELS says; None for one that did not keep it."""
    try:
        return _frame(lake.read_table(lake.absolute(folder) / "labels.parquet"))
    except PermanentError:
        return None


def accept(
    url: str,
    source: str,
    reads: Sequence[Read],
    *,
    run_id: str,
    code_version: str,
    candidate_id: str | None = None,
    attempt_id: int | None = None,
    again: Recorded | None = None,
) -> Counts:
    """Load a candidate and make it a vintage: one transaction, serialised per source, written at most once.

    A load that was made before, or that says what was accepted last, writes no fact and makes no vintage. Facts that
    are gone from a slice are closed as `deleted_at_source`; slices that are not among `reads` are not touched. A
    release older than the accepted one fills its own range of the release clock and changes nothing that stands.
    With `candidate_id` only what the gate judged is loaded, and only while what it was compared with stands. With
    `again` the facts of a load that is on record are made anew, and the record is not written again.
    Raises SupersededError where something newer stands, PermanentError where the database refuses the data.
    """
    began = time.monotonic()
    load_id = load_id_of(source, reads)
    with warehouse.connect(url) as connection:
        if again is None:  # not while everything is made anew
            connection.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('migstats.rebuild', 0))")
        warehouse.execute(connection, "load/lock_source", {"source": source})
        states = _states(connection, source, reads, anew=again is not None)
        done = warehouse.rows(connection, "load/find_load", {"load_id": load_id})
        if again is not None:
            moments = [place_in_time(read, states.get(read.slice, ())) for read in reads]
            load = _Load(source, again.load_id, run_id, code_version, None, began, again)
            return _write(connection, load, reads, moments)
        if done and all(_is_settled(read, states.get(read.slice, ())) for read in reads):
            counts = Counts(load_id, "unchanged", loaded=0, **{**done[0], "vintage_id": _latest(connection, source)})
        else:
            if done:  # publisher or codes went back to what they said before: the same input, and yet another load
                load_id = _load_id_after(load_id, states)
            moments = [place_in_time(read, states.get(read.slice, ())) for read in reads]
            if candidate_id is not None:
                _require_judged(connection, candidate_id, changes=any(m.fate != "same" for m in moments))
            load = _Load(source, load_id, run_id, code_version, candidate_id, began)
            counts = _write(connection, load, reads, moments)
        reach("load.written")
        for read in reads:
            key = {"source": source, "slice": read.slice, "release": read.release, "landed_at": read.landed_at}
            warehouse.execute(connection, "load/settle", {**key, "load_id": load_id, "reason": "loaded"})
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
                attempt_id=attempt_id,
            ),
        )
        reach("load.before_commit")
    reach("load.committed")
    return counts


def _states(
    connection: Connection, source: str, reads: Sequence[Read], *, anew: bool = False
) -> dict[str, list[State]]:
    """What was accepted of each slice, ordered by release. PermanentError where that was loaded and is gone.

    `anew` while everything is made again from the snapshots, which begins with no state.
    """
    found: dict[str, list[State]] = {}
    slices = [read.slice for read in reads]
    for state in warehouse.rows(connection, "load/slice_states", {"source": source, "slices": slices}):
        found.setdefault(state["slice"], []).append(state)
    without = [slice_ for slice_ in slices if slice_ not in found]
    if without and not anew:
        for lost in warehouse.rows(connection, "load/lost_states", {"source": source, "slices": without}):
            raise PermanentError(
                f"slice {lost['slice']}: its accepted state is gone from ops.slice_state, although load "
                f"{lost['load_id']} wrote it; `migstats rebuild` makes it again from the snapshots"
            )
    return found


def _load_id_after(load_id: str, states: Mapping[str, Sequence[State]]) -> str:
    """The id of a load that is made once more, after the loads that its slices stand by."""
    after = {state["load_id"] for of_slice in states.values() for state in of_slice}
    return sha256(f"{load_id} after {', '.join(sorted(after))}".encode()).hexdigest()[:32]


def _is_settled(read: Read, states: Sequence[State]) -> bool:
    """Whether a slice that was loaded before needs no load: its bytes stand, or others were served since.

    Bytes that say what stands, and in which labels or stamps went back to what they were, stand from now on.
    """
    own = [state for state in states if state["release"] == read.release]
    if not own:
        return False
    if list(own[-1]["snapshots"]) == list(read.snapshots):
        return bool(own[-1]["content_sha256"] == read.content_sha256)
    return bool(dt.datetime.fromisoformat(read.landed_at) <= own[-1]["landed_at"])


def _require_judged(connection: Connection, candidate_id: str, *, changes: bool) -> None:
    """PermanentError where the gate did not judge this, compared it with what stands no longer, or let it pass by
    waivers that are spent. One that `changes` nothing, and of which the gate found nothing, is not kept.
    """
    found = warehouse.rows(connection, "load/judged_against", {"candidate_id": candidate_id})
    if not found and not changes:
        return
    if not found:
        raise PermanentError(f"candidate {candidate_id} was not judged by the gate; run `gate` again")
    [judged] = found
    if judged["base_vintage"] != judged["latest_vintage"] and judged["latest_candidate"] != candidate_id:
        raise SupersededError(
            f"candidate {candidate_id} was compared with vintage {judged['base_vintage']} of its slices, and vintage "
            f"{judged['latest_vintage']} stands now; it is superseded: clear `gate`, so that it is judged again"
        )
    if judged["spent_waivers"]:
        raise PermanentError(
            f"candidate {candidate_id} counts on waivers that expired or that another candidate used: "
            f"{', '.join(map(str, judged['spent_waivers']))}; clear `gate`, so that it is judged without them"
        )
    if judged["verdict"] == "rejected" or (judged["breaches"] and judged["verdict"] != "approved"):
        raise PermanentError(f"candidate {candidate_id} breached the gate and was not approved; nothing was loaded")


def _latest(connection: Connection, source: str) -> int | None:
    found = warehouse.rows(connection, "load/latest_vintage", {"source": source})
    return found[0]["vintage_id"] if found else None


@dataclass(frozen=True)
class Recorded:
    """A load that is on record, what its vintage came to, and what each of its slices said (where that was kept)."""

    load_id: str
    vintage_id: int | None
    totals: Mapping[str, int]
    contents: Mapping[str, str]
    #: Whether it was made by the code that runs now: then it has to come out the same.
    same_code: bool = True

    def differs(self, reads: Sequence[Read], totals: Mapping[str, int]) -> str:
        """In what a reading of today is not what is on record; empty where it is."""
        other = [r.slice for r in reads if self.contents.get(r.slice) not in (None, r.content_sha256)]
        if other:
            return f"says something else in {', '.join(sorted(other))}"
        return "" if dict(totals) == dict(self.totals) else f"gave {dict(self.totals)} and gives {dict(totals)} now"


@dataclass(frozen=True)
class _Load:
    """One load as it goes on."""

    source: str
    load_id: str
    run_id: str
    code_version: str
    candidate_id: str | None
    began: float
    again: Recorded | None = None


def _write(connection: Connection, load: _Load, reads: Sequence[Read], moments: Sequence[Moment]) -> Counts:
    source, load_id = load.source, load.load_id
    warehouse.execute(connection, "load/lock_first_load", {"source": source})
    first = connection.execute("SELECT core.new_partition(%s) AS made", (source,)).fetchall()[0]["made"]
    connection.execute(warehouse.statement("load/stage"))
    if load.again is not None and load.again.vintage_id is not None:
        connection.execute("INSERT INTO pg_temp.drawn (vintage_id) VALUES (%s)", (load.again.vintage_id,))
    totals = {"added": 0, "changed": 0, "closed": 0}
    seen = pl.DataFrame(schema={"series_id": pl.Int64})
    balance: list[dict[str, object]] = []
    explained: list[dict[str, object]] = []
    quarantine: list[pl.DataFrame] = []
    for read, moment, difference in zip(reads, moments, _differences(connection, reads, moments), strict=True):
        folder = lake.absolute(read.folder)
        ids = _snapshot_ids(connection, read)
        changed_per: dict[str, int] = {}
        if difference is not None:
            _stage(connection, read, moment, difference, ids, alone=first)
            seen = _stage_series(connection, read, seen, difference.fresh, alone=first)
            changed_per = dict(difference.changed_per)
            totals["added"] += difference.counted.get("new", 0)
            totals["changed"] += difference.counted.get("changed", 0)
            totals["closed"] += difference.vanished
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
                    *("place", "reason", pl.col("column").alias("column_name"), "code", "raw", "suggestion", "cells"),
                )
            )
        out = dict(told.group_by("snapshot").agg(pl.col("count").sum()).iter_rows())
        kept = dict(held.group_by("snapshot").agg(pl.col("cells").sum()).iter_rows())
        for sha in read.snapshots:
            parts = {"loaded": changed_per.get(sha, 0), "quarantined": kept.get(sha, 0), "explained": out.get(sha, 0)}
            rest = read.figures.get(sha, 0) - parts["loaded"]
            balance.append(
                {"load_id": load_id, "snapshot_id": ids[sha], "landed": read.landed[sha], "unchanged": rest, **parts}
            )
    reach("load.staged")
    vintage_id = _record(connection, load, reads, moments, totals, first=first)
    if load.again is None:
        warehouse.execute_many(connection, "load/add_load_snapshot", balance)
        warehouse.execute_many(connection, "load/add_explained", explained)
        if quarantine:
            warehouse.copy(connection, ("ops", "quarantine"), pl.concat(quarantine))

    def total(name: str) -> int:
        return sum(int(str(b[name])) for b in balance)

    return Counts(
        load_id=load_id,
        outcome="accepted" if any(totals.values()) else "unchanged",
        differs=load.again.differs(reads, totals) if load.again is not None else "",
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


@dataclass(frozen=True)
class _Difference:
    """What one slice says that was not accepted of it."""

    #: Facts that are new or changed; `raw` where it is not the shortest text of the figure, `used` is a row of places.
    written: pl.DataFrame
    #: The places that they are at: snapshot, place (with {} for the row).
    places: pl.DataFrame
    #: Snapshot → facts that are new or changed.
    changed_per: Mapping[str, int]
    #: Keys of facts that are no more what they were, with a `reason`.
    ended: pl.DataFrame
    #: `new` | `changed` | `same` → facts.
    counted: Mapping[str, int]
    #: The series_id of what is new.
    fresh: pl.DataFrame
    #: How many facts the publisher no longer has.
    vanished: int


def _differences(
    connection: Connection, reads: Sequence[Read], moments: Sequence[Moment]
) -> Iterator[_Difference | None]:
    """For each slice its difference, None where it says what was accepted.

    The next one is made while the last one goes to the database; the connection stays with this thread.
    """
    with ThreadPoolExecutor(1) as beside:

        def begin(at: int) -> Future[_Difference | None] | None:
            told = at < len(reads) and moments[at].fate != "same"
            return beside.submit(_difference, reads[at], _kept, moments[at]) if told else None

        ahead = begin(0)
        for at, (read, moment) in enumerate(zip(reads, moments, strict=True)):
            made, ahead = ahead, begin(at + 1)
            if made is None:
                yield None
            else:
                yield made.result() or _difference(read, partial(_accepted, connection, read), moment)


def _difference(read: Read, accepted: Callable[[Moment], pl.DataFrame | None], moment: Moment) -> _Difference | None:
    """What a slice says against what was accepted until this moment; None where that cannot be had so."""
    was = accepted(moment)
    if was is None:
        return None
    facts = _plain(lake.read_table(lake.absolute(read.folder) / "facts.parquet", read.facts_sha256))
    fate, ended = compare(facts, was)
    counted = dict(fate.value_counts().iter_rows())
    vanished = ended.filter(pl.col("reason") == "deleted_at_source").height
    if moment.fate == "remapped":
        ended = ended.with_columns(reason=pl.lit("remapped"))
    written = facts if counted.get("same", 0) == 0 else facts.filter(fate != "same")
    at = ["snapshot", "place"]
    places = written.group_by(at, maintain_order=True).len(name="facts").with_row_index("used")
    return _Difference(
        written=written.join(places, on=at, how="left", maintain_order="left").select(
            *_KEY,
            *_SAID,
            pl.col("row").alias("place_row"),
            pl.when(pl.col("raw").ne_missing(_shortest("value"))).then("raw").alias("raw"),
            "used",
        ),
        places=places.select(pl.col(at).cast(pl.String)),
        changed_per=dict(places.group_by(pl.col("snapshot").cast(pl.String)).agg(pl.col("facts").sum()).iter_rows()),
        ended=ended,
        counted=counted,
        fresh=facts.filter(fate == "new").select("series_id").unique(),
        vanished=vanished,
    )


def _stage(
    connection: Connection,
    read: Read,
    moment: Moment,
    difference: _Difference,
    ids: Mapping[str, int],
    *,
    alone: bool,
) -> None:
    """Stage the facts of one slice that changed (straight into the table that stands alone on a first load)."""
    written, at, until = difference.written, _stamp(moment.at), _stamp(moment.until)
    folder = lake.absolute(read.folder)
    warehouse.copy(connection, ("stage_ended",), difference.ended.with_columns(at=at, until=until))
    warehouse.copy(connection, ("stage_attributes",), _frame(lake.read_table(folder / "attributes.parquet")))
    for (sha,), templates in difference.places.group_by("snapshot"):
        warehouse.execute(
            connection,
            "load/add_places",
            {"snapshot_id": ids[str(sha)], "templates": templates["place"].sort().to_list()},
        )
    known = warehouse.rows(connection, "load/place_ids", {"snapshot_ids": list(ids.values())})
    id_of = {(row["snapshot_id"], row["template"]): row["place_id"] for row in known}
    place_ids = [id_of[ids[sha], place] for sha, place in difference.places.iter_rows()]
    rows = written.drop("used").with_columns(
        place_id=pl.Series(place_ids, dtype=pl.Int32).gather(written["used"]), known_from=at
    )
    _stage_overrides(connection, read, written)
    target = ("core", f"observation_{read.source}") if alone else ("stage_facts",)
    if alone:
        rows = rows.with_columns(vintage_from=pl.lit(_next_vintage(connection), pl.Int32))
    else:
        rows = rows.with_columns(known_to=until)
    warehouse.copy(connection, target, rows)


def _stage_overrides(connection: Connection, read: Read, written: pl.DataFrame) -> None:
    """Note which of the facts that are written were corrected, by which record."""
    overrides = _frame(lake.read_table(lake.absolute(read.folder) / "overrides.parquet"))
    if overrides.is_empty():
        return
    applied = overrides.join(written.select(_KEY), on=_KEY, how="semi")
    if applied.height:
        vintage_id = pl.lit(_next_vintage(connection), pl.Int32)
        rows = applied.with_columns(source=pl.lit(read.source), vintage_from=vintage_id)
        warehouse.copy(connection, ("core", "override"), rows)


def _stamp(moment: dt.datetime | None) -> pl.Expr:
    return pl.lit(None if moment is None else moment.astimezone(dt.UTC), pl.Datetime("us", "UTC"))


def _stage_series(
    connection: Connection, read: Read, seen: pl.DataFrame, fresh: pl.DataFrame, *, alone: bool
) -> pl.DataFrame:
    """Stage the series of new facts that no slice before had; the answer is all that were seen so far.

    The series of a fact that was accepted before is there since then.
    """
    series = _frame(lake.read_table(lake.absolute(read.folder) / "series.parquet"))
    series = series.join(fresh, on="series_id", how="semi").join(seen, on="series_id", how="anti")
    _add_subdivisions(connection, read, series)
    warehouse.copy(connection, ("core", f"series_{read.source}") if alone else ("stage_series",), series)
    return pl.concat([seen, series.select("series_id")])


def _add_subdivisions(connection: Connection, read: Read, series: pl.DataFrame) -> None:
    units = lake.absolute(read.folder) / "units.parquet"
    names = dict(_frame(lake.read_table(units)).sort("name", descending=True).iter_rows()) if units.is_file() else {}
    warehouse.add_subdivisions(connection, read.source, read.dataset, series["subdivision"].unique(), names)


def _next_vintage(connection: Connection) -> int:
    """The vintage of this transaction; drawn once, when the first fact is written."""
    found = connection.execute(warehouse.statement("load/draw_vintage")).fetchall()
    return int(found[0]["vintage_id"])


def _shortest(column: str) -> pl.Expr:
    """The shortest text of a double as PostgreSQL writes it; null where it writes, or polars would, an exponent."""
    value = pl.col(column)
    whole = (value == value.round()) & (value.abs() < 1e15)
    text = value.cast(pl.String)
    plain = pl.when((value.abs() >= 1e-4) & (value.abs() < 1e15) & ~text.str.contains("e")).then(text)
    return pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(plain)


def _record(
    connection: Connection,
    load: _Load,
    reads: Sequence[Read],
    moments: Sequence[Moment],
    totals: Mapping[str, int],
    *,
    first: bool,
) -> int | None:
    """Write the staged facts as a vintage if there are any, and the load in any case."""
    source = load.source
    vintage_id = _latest(connection, source)
    changed = any(totals.values())
    told = [moment for moment in moments if moment.fate != "same"] or moments
    released_at = max(moment.at for moment in told)
    warehouse.execute(connection, "load/add_attributes")
    try:
        if changed:
            vintage_id = _next_vintage(connection)
            if load.again is None:
                _add_vintage(connection, load, reads, moments, vintage_id, released_at, totals)
            if not first:
                _merge(connection, source, vintage_id, late=any(moment.until for moment in told))
        elif load.candidate_id is not None and vintage_id is not None:
            warehouse.execute(
                connection, "load/use_waivers", {"candidate_id": load.candidate_id, "vintage": vintage_id}
            )
        if first:
            connection.execute("SELECT core.attach_partition(%s)", (source,))
    except psycopg.errors.UniqueViolation as error:
        if not (error.diag.table_name or "").startswith("observation_"):
            raise
        raise DriftError(
            f"source {source}: two slices publish the same cell ({error.diag.message_detail}); declare for one of them "
            "which rows are not its own (`ignore` in codes.csv, or `only`)"
        ) from error
    if load.again is not None:
        difference = load.again.differs(reads, totals)
        if difference and load.again.same_code:
            raise PermanentError(
                f"load {load.load_id} of {source} {difference}; its snapshots or facts are not what they were"
            )
    else:
        _add_load(connection, load, reads, released_at, vintage_id, changed=changed)
        for read in reads:
            key = {"source": source, "slice": read.slice, "release": read.release, "landed_at": read.landed_at}
            made = {
                "load_id": load.load_id,
                "made_with": read.made_with,
                "content_sha256": read.content_sha256,
            }
            if warehouse.execute(connection, "load/add_load_landing", {**key, **made}) != 1:
                raise PermanentError(
                    f"slice {read.slice}: its landing of {read.landed_at} is not in the ledger; land it again"
                )
    _set_states(connection, load, reads, moments)
    return vintage_id


def _add_vintage(
    connection: Connection,
    load: _Load,
    reads: Sequence[Read],
    moments: Sequence[Moment],
    vintage_id: int,
    released_at: dt.datetime,
    totals: Mapping[str, int],
) -> None:
    warehouse.execute(
        connection,
        "load/new_vintage",
        {
            "vintage": vintage_id,
            "source": load.source,
            "release": reads[0].release,
            "released_at": released_at,
            "load_id": load.load_id,
            "cause": _cause(reads, moments),
            "made_with": reads[0].made_with,
            "candidate_id": load.candidate_id,
            **totals,
        },
    )
    warehouse.execute(connection, "load/use_waivers", {"candidate_id": load.candidate_id, "vintage": vintage_id})


def _add_load(
    connection: Connection,
    load: _Load,
    reads: Sequence[Read],
    released_at: dt.datetime,
    vintage_id: int | None,
    *,
    changed: bool,
) -> None:
    warehouse.execute(
        connection,
        "load/add_load",
        {
            "load_id": load.load_id,
            "source": load.source,
            "release": reads[0].release,
            "released_at": released_at,
            "outcome": "accepted" if changed else "unchanged",
            "vintage_id": vintage_id,
            "run_id": load.run_id,
            "code_version": load.code_version,
            "codes_sha256": reads[0].codes_sha256,
            "seconds": time.monotonic() - load.began,
        },
    )


def _set_states(connection: Connection, load: _Load, reads: Sequence[Read], moments: Sequence[Moment]) -> None:
    warehouse.execute_many(
        connection,
        "load/set_slice_state",
        [
            {
                "source": load.source,
                "slice": read.slice,
                "release": read.release,
                "released_at": moment.at,
                "content_sha256": read.content_sha256,
                "facts_path": f"{read.folder}/facts.parquet",
                "facts_sha256": read.facts_sha256,
                "load_id": load.load_id,
                "landed_at": read.landed_at,
                "snapshots": list(read.snapshots),
                "made_with": read.made_with,
                "figures": read.observations,
            }
            for read, moment in zip(reads, moments, strict=True)
            if not is_outdated(read, moment)
        ],
    )


def _cause(reads: Sequence[Read], moments: Sequence[Moment]) -> str:
    """Why there is a vintage: other bytes, or the same ones with other codes or corrections, or with other code."""
    if any(moment.fate == "new" for moment in moments):
        return "publisher"
    remapped = [(read, moment.before) for read, moment in zip(reads, moments, strict=True) if moment.fate == "remapped"]
    mapped = any(before is not None and before["made_with"] != read.made_with for read, before in remapped)
    return "crosswalk" if mapped else "code"


def _merge(connection: Connection, source: str, vintage_id: int, *, late: bool) -> None:
    """End what is staged as ended, and add the staged facts; `late` where some hold only until a later release."""
    named = {"vintage": vintage_id, "source": source}
    # Without it a join takes by loops what it ought to take by hashing, or the other way round.
    connection.execute("ANALYZE pg_temp.stage_ended")
    connection.execute("ANALYZE pg_temp.stage_facts")
    warehouse.execute(connection, "load/add_series")
    ended = connection.execute("SELECT count(*) AS n FROM pg_temp.stage_ended").fetchall()[0]["n"]
    closed = warehouse.execute(connection, "load/close_facts", named)
    if late:
        warehouse.execute(connection, "load/keep_past_facts", named)
        warehouse.execute(connection, "load/split_past_facts", named)
        closed += warehouse.execute(connection, "load/shorten_past_facts", named)
    if closed != ended:
        raise PermanentError(
            f"source {source}: {ended} facts were to be ended, {closed} were found; the lake and the warehouse "
            "disagree on what was accepted last"
        )
    warehouse.execute(connection, "load/add_facts", named)
    if late:
        warehouse.execute(connection, "load/add_past_facts", named)
