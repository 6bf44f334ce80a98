"""Vintages: what a load writes, what it leaves alone, and that it happens once or not at all."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import toy

from migstats import lake, publish, warehouse
from migstats.errors import DriftError, PermanentError, TryAgainError
from migstats.reading import Read
from migstats.source import Source

pytestmark = pytest.mark.database

A, B, C = toy.SLICES
LATER = toy.DAY + dt.timedelta(days=30)
MAROC = [{"OBS_VALUE": "100"}, {"SEX": "M", "OBS_VALUE": "60"}, {"SEX": "F", "OBS_VALUE": "40"}]
NEPAL = [{"REF_AREA": "NPL", "OBS_VALUE": "7"}, {"REF_AREA": "NPL", "TIME_PERIOD": "2021", "OBS_VALUE": "8"}]
SERBIA = [{"REF_AREA": "SRB", "OBS_VALUE": ":", "OBS_STATUS": ""}]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    return toy.declare(tmp_path, monkeypatch, "toy")[0]


def standing(url: str) -> dict[tuple[object, ...], object]:
    """(area, sex, year) → value of the figures that stand."""
    return {(f[2], f[4], f[6]): f[7] for f in toy.facts(url) if f[9]}


# -- what a load writes -------------------------------------------------------------------------------------------


def test_a_first_load_writes_every_figure_as_one_vintage(warehouse_url: str, source: Source) -> None:
    counts = toy.load(
        warehouse_url, source, toy.read(warehouse_url, source, A, MAROC), toy.read(warehouse_url, source, B, SERBIA)
    )
    assert (counts.outcome, counts.landed, counts.loaded, counts.unchanged) == ("accepted", 4, 4, 0)
    assert standing(warehouse_url) == {
        ("MAR", "_T", "2020"): 100,
        ("MAR", "M", "2020"): 60,
        ("MAR", "F", "2020"): 40,
        ("SRB", "_T", "2020"): None,
    }
    assert toy.counts(warehouse_url, "ops.vintage", "ops.load", "ops.slice_state") == {
        "ops.vintage": 1,
        "ops.load": 1,
        "ops.slice_state": 2,
    }


def test_the_same_load_again_writes_nothing_and_says_skip(warehouse_url: str, source: Source) -> None:
    """Also what happens where the answer to a commit was lost and the task runs again."""
    read = toy.read(warehouse_url, source, A, MAROC)
    first = toy.load(warehouse_url, source, read)
    tables = ("core.observation", "ops.vintage", "ops.load", "ops.load_snapshot", "raw.snapshot")
    before, marks = toy.counts(warehouse_url, *tables), toy.fingerprint(warehouse_url)
    again = toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, MAROC))
    assert (again.outcome, again.vintage_id, again.loaded, again.unchanged) == ("unchanged", first.vintage_id, 0, 3)
    assert again.load_id == first.load_id
    assert toy.counts(warehouse_url, *tables) == before
    assert toy.fingerprint(warehouse_url) == marks
    with warehouse.connect(warehouse_url) as connection:
        steps = connection.execute("SELECT status FROM ops.outcome WHERE step = 'load' ORDER BY outcome_id").fetchall()
    assert [s["status"] for s in steps] == ["done", "skip"]


def other_order(rows: list[dict[str, str]]) -> bytes:
    return toy.payload(rows[::-1])


def other_number_format(rows: list[dict[str, str]]) -> bytes:
    return toy.payload([{**row, "OBS_VALUE": f"{row['OBS_VALUE']}.0"} for row in rows])


def other_line_ends(rows: list[dict[str, str]]) -> bytes:
    return toy.payload(rows).replace(b"\n", b"\r\n")


@pytest.mark.parametrize("served", [other_order, other_number_format, other_line_ends])
def test_the_same_figures_in_other_bytes_are_a_snapshot_but_no_vintage(
    warehouse_url: str, source: Source, served: Callable[[list[dict[str, str]]], bytes]
) -> None:
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, MAROC))
    facts = toy.fingerprint(warehouse_url)["core.observation"]
    counts = toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, served(MAROC), at=LATER))
    assert (counts.outcome, counts.loaded, counts.unchanged) == ("unchanged", 0, 3)
    assert toy.counts(warehouse_url, "raw.snapshot", "ops.vintage") == {"raw.snapshot": 2, "ops.vintage": 1}
    assert toy.fingerprint(warehouse_url)["core.observation"] == facts


def test_a_revised_figure_closes_one_row_and_adds_one(warehouse_url: str, source: Source) -> None:
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, MAROC))
    revised = [{"OBS_VALUE": "101"}, *MAROC[1:]]
    counts = toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, revised, at=LATER))
    assert (counts.outcome, counts.loaded, counts.unchanged, counts.closed) == ("accepted", 1, 2, 0)
    total = [f for f in toy.facts(warehouse_url) if f[4] == "_T"]
    assert sorted(f[7:] for f in total) == [(100, "A", False, "revised"), (101, "A", True, None)]
    assert toy.counts(warehouse_url, "core.observation") == {"core.observation": 4}


@pytest.mark.parametrize(
    "row",
    [{"OBS_STATUS": "E"}, {"NOTE": "provisional"}, {"OBS_VALUE": ":", "OBS_STATUS": ""}],
    ids=["status", "attribute", "value gone, row there"],
)
def test_another_status_or_attribute_or_no_value_is_a_revision_too(
    warehouse_url: str, source: Source, row: dict[str, str]
) -> None:
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, MAROC))
    revised = [MAROC[0] | row, *MAROC[1:]]
    counts = toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, revised, at=LATER))
    assert (counts.outcome, counts.loaded, counts.unchanged) == ("accepted", 1, 2)


def test_a_vanished_figure_is_closed_only_within_the_slice_that_landed(warehouse_url: str, source: Source) -> None:
    def landed(slice_id: str, rows: list[dict[str, str]], at: dt.datetime = toy.DAY) -> Read:
        return toy.read(warehouse_url, source, slice_id, rows, at=at)

    toy.load(warehouse_url, source, landed(A, MAROC), landed(B, NEPAL))
    counts = toy.load(warehouse_url, source, landed(A, MAROC[:1], LATER))
    assert (counts.outcome, counts.loaded, counts.unchanged, counts.closed) == ("accepted", 0, 1, 2)
    ended = {(f[2], f[4], f[10]) for f in toy.facts(warehouse_url) if not f[9]}
    assert ended == {("MAR", "M", "deleted_at_source"), ("MAR", "F", "deleted_at_source")}
    assert {k for k in standing(warehouse_url) if k[0] == "NPL"} == {("NPL", "_T", "2020"), ("NPL", "_T", "2021")}


def test_a_figure_that_comes_back_is_a_new_row_and_its_history_stays(warehouse_url: str, source: Source) -> None:
    for days, rows in enumerate((MAROC, MAROC[:1], MAROC)):
        at = toy.DAY + dt.timedelta(days=days)
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, rows, at=at))
    men = sorted(str(f[9:]) for f in toy.facts(warehouse_url) if f[4] == "M")
    assert men == ["(False, 'deleted_at_source')", "(True, None)"]


def test_a_publisher_that_goes_back_to_earlier_figures_is_followed(warehouse_url: str, source: Source) -> None:
    """The bytes were loaded before, but they are not what stands."""
    other = [{"OBS_VALUE": "999"}, *MAROC[1:]]
    for days, rows in enumerate((MAROC, other, MAROC)):
        at = toy.DAY + dt.timedelta(days=days)
        counts = toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, rows, at=at))
    assert counts.outcome == "accepted"
    assert standing(warehouse_url)["MAR", "_T", "2020"] == 100
    again = toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, MAROC, at=at))
    assert (again.outcome, again.vintage_id) == ("unchanged", counts.vintage_id)
    assert toy.counts(warehouse_url, "ops.vintage") == {"ops.vintage": 3}


def test_an_old_run_that_is_repeated_does_not_undo_a_newer_one(warehouse_url: str, source: Source) -> None:
    old = toy.read(warehouse_url, source, A, MAROC)
    new = toy.read(warehouse_url, source, A, [{"OBS_VALUE": "999"}, *MAROC[1:]], at=LATER)
    toy.load(warehouse_url, source, old)
    toy.load(warehouse_url, source, new)
    marks = toy.fingerprint(warehouse_url)
    assert toy.load(warehouse_url, source, old).outcome == "unchanged"
    assert toy.fingerprint(warehouse_url) == marks


def test_a_slice_that_landed_before_what_stands_is_refused(warehouse_url: str, source: Source) -> None:
    """Two runs at once: the one that asked first comes to load last."""
    old = toy.read(warehouse_url, source, A, MAROC)
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, [{"OBS_VALUE": "999"}], at=LATER))
    marks = toy.fingerprint(warehouse_url)
    with pytest.raises(PermanentError, match=r"figures/part=a.*2024-05-01.*2024-05-31.*run again"):
        toy.load(warehouse_url, source, old)
    assert toy.fingerprint(warehouse_url) == marks


def test_an_older_release_never_overwrites_a_newer_one(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [source] = toy.declare(tmp_path, monkeypatch, "toy", releases=True)
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, MAROC, release="2024"))
    before = standing(warehouse_url)
    old = toy.read(warehouse_url, source, A, [{"OBS_VALUE": "1"}], release="2020", at=LATER)
    counts = toy.load(warehouse_url, source, old)
    assert (counts.outcome, counts.loaded, counts.closed) == ("accepted", 1, 0)
    assert standing(warehouse_url) == before
    assert toy.load(warehouse_url, source, old).outcome == "unchanged"


def test_a_newer_release_is_compared_with_the_one_before(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [source] = toy.declare(tmp_path, monkeypatch, "toy", releases=True)
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, MAROC, release="2020"))
    newer = toy.read(warehouse_url, source, A, MAROC[:2], release="2024", at=LATER)
    counts = toy.load(warehouse_url, source, newer)
    assert (counts.loaded, counts.unchanged, counts.closed) == (0, 2, 1)


# -- slices -------------------------------------------------------------------------------------------------------


def test_slices_loaded_one_by_one_in_any_order_give_the_same_facts_as_all_at_once(
    warehouse_url: str, postgres: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {A: MAROC, B: NEPAL, C: SERBIA}
    found = []
    for number, order in enumerate([[A, B, C], *itertools.permutations([[A], [B], [C]])]):
        [source] = toy.declare(tmp_path / str(number), monkeypatch, f"toy{number}")
        for group in [order] if isinstance(order, list) else order:
            toy.load(warehouse_url, source, *(toy.read(warehouse_url, source, s, rows[s]) for s in group))
        found.append({fact[1:] for fact in toy.facts(warehouse_url, source)})
    assert len(found) == 7
    assert all(facts == found[0] for facts in found)


def test_two_slices_that_publish_the_same_cell_are_refused_whole(warehouse_url: str, source: Source) -> None:
    reads = [toy.read(warehouse_url, source, A, MAROC), toy.read(warehouse_url, source, B, MAROC[1:2])]
    with pytest.raises(DriftError, match="two slices publish the same cell"):
        toy.load(warehouse_url, source, *reads)
    tables = ("core.observation", "core.series", "core.attributes", "core.place", "ops.load", "ops.vintage")
    assert set(toy.counts(warehouse_url, *tables).values()) == {0}
    toy.load(warehouse_url, source, reads[0])
    marks = toy.fingerprint(warehouse_url)
    with pytest.raises(DriftError, match="two slices publish the same cell"):
        toy.load(warehouse_url, source, reads[1])
    assert toy.fingerprint(warehouse_url) == marks


def test_a_figure_may_move_from_one_slice_to_another(warehouse_url: str, source: Source) -> None:
    toy.load(
        warehouse_url, source, toy.read(warehouse_url, source, A, MAROC), toy.read(warehouse_url, source, B, NEPAL)
    )
    moved = [
        toy.read(warehouse_url, source, A, MAROC[:2], at=LATER),
        toy.read(warehouse_url, source, B, [*NEPAL, MAROC[2]], at=LATER),
    ]
    toy.load(warehouse_url, source, *moved)
    assert standing(warehouse_url)["MAR", "F", "2020"] == 40
    assert len(standing(warehouse_url)) == 5


# -- the books ----------------------------------------------------------------------------------------------------


def test_every_cell_is_loaded_unchanged_quarantined_or_explained(warehouse_url: str, source: Source) -> None:
    unknown = {"REF_AREA": "XXX", "OBS_VALUE": "5"}
    first = toy.read(warehouse_url, source, A, [*MAROC, MAROC[0], unknown])
    counts = toy.load(warehouse_url, source, first)
    assert (counts.landed, counts.loaded, counts.unchanged, counts.quarantined, counts.explained) == (5, 3, 0, 1, 1)
    counts = toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, [*MAROC, *NEPAL, unknown], at=LATER))
    assert (counts.landed, counts.loaded, counts.unchanged, counts.quarantined, counts.explained) == (6, 2, 3, 1, 0)
    with warehouse.connect(warehouse_url) as connection:
        balance = connection.execute("SELECT * FROM ops.balance").fetchall()
        held = connection.execute("SELECT place, reason, code, raw FROM ops.quarantine ORDER BY place").fetchall()
        told = connection.execute("SELECT reason, cells, example FROM ops.explained").fetchall()
    assert len(balance) == 2
    for row in balance:
        assert row["difference"] == 0
        assert row["landed"] == row["loaded"] + row["unchanged"] + row["quarantined"] + row["explained"]
    assert [h["reason"] for h in held] == ["unknown_code", "unknown_code"]
    assert held[0] == {"place": "line 6 column OBS_VALUE", "reason": "unknown_code", "code": "XXX", "raw": "5"}
    assert told == [{"reason": "identical_duplicate", "cells": 1, "example": "line 5 column OBS_VALUE"}]


def test_a_cell_that_nobody_accounts_for_stops_the_load(warehouse_url: str, source: Source) -> None:
    from dataclasses import replace

    read = toy.read(warehouse_url, source, A, MAROC)
    lost = replace(read, landed={sha: n + 1 for sha, n in read.landed.items()})
    with pytest.raises(PermanentError, match="balance"):
        toy.load(warehouse_url, source, lost)
    assert toy.counts(warehouse_url, "core.observation", "ops.load") == {"core.observation": 0, "ops.load": 0}


def test_where_every_row_is_quarantined_no_figure_is_closed_in_silence(warehouse_url: str, source: Source) -> None:
    counts = toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, [{"REF_AREA": "XXX"}]))
    assert (counts.outcome, counts.vintage_id, counts.quarantined) == ("unchanged", None, 1)
    assert publish.waiting(warehouse_url) == {}
    after = toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, MAROC, at=LATER))
    assert (after.outcome, after.loaded) == ("accepted", 3)


# -- the lake -----------------------------------------------------------------------------------------------------


def gone(path: Path) -> None:
    path.unlink()


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"\0")


@pytest.mark.parametrize("happens", [gone, damaged])
def test_without_the_accepted_file_the_database_says_what_was_accepted(
    warehouse_url: str, source: Source, happens: Callable[[Path], None]
) -> None:
    first = toy.read(warehouse_url, source, A, [*MAROC, *SERBIA])
    toy.load(warehouse_url, source, first, toy.read(warehouse_url, source, B, NEPAL))
    revised = [{"OBS_VALUE": "101"}, MAROC[1], *SERBIA]
    second = toy.read(warehouse_url, source, A, revised, at=LATER)
    happens(lake.absolute(first.folder) / "facts.parquet")
    counts = toy.load(warehouse_url, source, second)
    assert (counts.loaded, counts.unchanged, counts.closed) == (1, 2, 1)
    assert standing(warehouse_url) == {
        ("MAR", "_T", "2020"): 101,
        ("MAR", "M", "2020"): 60,
        ("SRB", "_T", "2020"): None,
        ("NPL", "_T", "2020"): 7,
        ("NPL", "_T", "2021"): 8,
    }


@pytest.mark.parametrize("table", ["facts", "series", "attributes", "quarantine", "explained"])
@pytest.mark.parametrize("happens", [gone, damaged])
def test_a_damaged_table_of_the_candidate_is_made_again_by_reading_again(
    warehouse_url: str, source: Source, table: str, happens: Callable[[Path], None]
) -> None:
    first = toy.read(warehouse_url, source, A, MAROC)
    happens(lake.absolute(first.folder) / f"{table}.parquet")
    again = toy.read(warehouse_url, source, A, MAROC)
    assert again == first
    assert toy.load(warehouse_url, source, again).loaded == 3


def test_a_file_of_the_candidate_that_changed_is_not_loaded(warehouse_url: str, source: Source) -> None:
    read = toy.read(warehouse_url, source, A, MAROC)
    damaged(lake.absolute(read.folder) / "facts.parquet")
    with pytest.raises(PermanentError, match="changed since it was written"):
        toy.load(warehouse_url, source, read)
    assert toy.counts(warehouse_url, "core.observation", "ops.load") == {"core.observation": 0, "ops.load": 0}


def test_a_warehouse_that_disagrees_with_the_lake_is_not_written_to(warehouse_url: str, source: Source) -> None:
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, MAROC))
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("DELETE FROM core.observation WHERE value = 60")
    revised = [MAROC[0], {"SEX": "M", "OBS_VALUE": "61"}, MAROC[2]]
    with pytest.raises(PermanentError, match="disagree on what was accepted last"):
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, revised, at=LATER))


def test_a_snapshot_that_the_ledger_does_not_know_is_not_loaded(warehouse_url: str, source: Source) -> None:
    from dataclasses import replace

    read = toy.read(warehouse_url, source, A, MAROC)
    stranger = replace(read, snapshots=("ab" * 32,), landed={"ab" * 32: 3})
    with pytest.raises(PermanentError, match="not in the ledger"):
        toy.load(warehouse_url, source, stranger)


# -- crashes and company ------------------------------------------------------------------------------------------

_STATEMENTS = (
    *("load/stage", "load/add_attributes", "load/new_vintage", "load/add_load", "load/set_slice_state"),
    *("load/add_load_snapshot", "load/add_explained", "load/add_outcome"),
)


@pytest.mark.parametrize("first", [True, False], ids=["first load", "later load"])
@pytest.mark.parametrize("point", _STATEMENTS)
def test_a_load_that_is_killed_leaves_nothing_and_running_again_gives_the_same(
    warehouse_url: str, source: Source, monkeypatch: pytest.MonkeyPatch, point: str, first: bool
) -> None:
    rows = [*MAROC, MAROC[0], {"REF_AREA": "XXX"}]
    if not first:
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, NEPAL, at=toy.DAY - dt.timedelta(days=1)))
    read = toy.read(warehouse_url, source, A, rows)
    before = toy.fingerprint(warehouse_url)
    plain = warehouse.statement

    def kill(name: str) -> bytes:
        if name == point:
            with psycopg.connect(warehouse_url, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = 'migstats' AND datname = current_database()"
                )
        return plain(name)

    with monkeypatch.context() as patch:
        patch.setattr(warehouse, "statement", kill)
        with pytest.raises(TryAgainError, match="nothing was committed"):
            toy.load(warehouse_url, source, read)
    assert toy.fingerprint(warehouse_url) == before
    with warehouse.connect(warehouse_url) as connection:
        left = connection.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE '%\\_toy' AND relkind = 'r' OR relname LIKE 'stage\\_%'"
        ).fetchall()
        locks = connection.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'").fetchall()
    assert [r["relname"] for r in left] == ([] if first else ["series_toy", "observation_toy"])
    assert not locks
    assert toy.load(warehouse_url, source, read).outcome == "accepted"
    again = toy.fingerprint(warehouse_url)
    assert toy.load(warehouse_url, source, read).outcome == "unchanged"
    assert toy.fingerprint(warehouse_url) == again


def test_two_loads_of_one_source_at_once_write_the_figures_once(warehouse_url: str, source: Source) -> None:
    read = toy.read(warehouse_url, source, A, MAROC)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: toy.load(warehouse_url, source, read).outcome, range(4)))
    assert sorted(outcomes) == ["accepted", "unchanged", "unchanged", "unchanged"]
    assert toy.counts(warehouse_url, "core.observation", "ops.vintage") == {"core.observation": 3, "ops.vintage": 1}


def test_first_loads_of_several_sources_at_once_do_not_get_in_each_others_way(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"toy{number}" for number in range(6)]
    sources = toy.declare(tmp_path, monkeypatch, *names)
    reads = [toy.read(warehouse_url, s, A, MAROC) for s in sources]
    start = threading.Barrier(len(sources))

    def load(number: int) -> str:
        start.wait()
        return toy.load(warehouse_url, sources[number], reads[number]).outcome

    with ThreadPoolExecutor(len(sources)) as pool:
        assert list(pool.map(load, range(len(sources)))) == ["accepted"] * len(sources)
    assert toy.counts(warehouse_url, "core.observation") == {"core.observation": 18}


def test_a_load_waits_for_one_of_the_same_source_and_no_other(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = toy.declare(tmp_path, monkeypatch, "one", "two")
    reads = {s.id: toy.read(warehouse_url, s, A, MAROC) for s in (one, two)}
    for source in (one, two):
        toy.load(warehouse_url, source, reads[source.id])
    with warehouse.connect(warehouse_url) as holder, ThreadPoolExecutor(1) as pool:
        warehouse.execute(holder, "load/lock_source", {"source": "one"})
        assert toy.load(warehouse_url, two, reads["two"]).outcome == "unchanged"
        waiting = pool.submit(toy.load, warehouse_url, one, reads["one"])
        time.sleep(0.3)
        assert not waiting.done()
        holder.commit()
        assert waiting.result(timeout=20).outcome == "unchanged"


def test_an_older_release_that_goes_to_and_fro_is_followed(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [editions] = toy.declare(tmp_path, monkeypatch, "toy", releases=True)
    toy.load(warehouse_url, editions, toy.read(warehouse_url, editions, A, MAROC, release="2024"))
    for number, value in enumerate("ABABA"):
        at = toy.DAY + dt.timedelta(days=number + 1)
        rows = [{"OBS_VALUE": "1" if value == "A" else "2"}]
        counts = toy.load(warehouse_url, editions, toy.read(warehouse_url, editions, A, rows, release="2019", at=at))
        assert counts.outcome == "accepted"
    assert standing(warehouse_url) == {("MAR", "_T", "2020"): 100, ("MAR", "M", "2020"): 60, ("MAR", "F", "2020"): 40}


def test_a_state_that_was_loaded_and_is_gone_is_no_first_load(warehouse_url: str, source: Source) -> None:
    reads = [toy.read(warehouse_url, source, A, [{"OBS_VALUE": str(n)}], at=toy.DAY + dt.timedelta(n)) for n in (1, 2)]
    toy.load(warehouse_url, source, reads[0])
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("DELETE FROM ops.slice_state")
    with pytest.raises(PermanentError, match=r"figures/part=a: its accepted state is gone .* `migstats rebuild`"):
        toy.load(warehouse_url, source, reads[1])
    assert [fact[7] for fact in toy.facts(warehouse_url)] == [1.0]
