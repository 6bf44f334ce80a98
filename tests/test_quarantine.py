"""What stands in quarantine: of each slice the rows of its last load, and a summary by source, reason and column."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path

import pytest
import toy

from migstats import pipeline, tasks, warehouse
from migstats.errors import PermanentError
from migstats.source import Source

pytestmark = pytest.mark.database

A, B, C = toy.SLICES
AREA = {"REF_AREA": "Moroco", "OBS_VALUE": "5"}
PERIOD = {"TIME_PERIOD": "20", "OBS_VALUE": "6"}


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Source]:
    return toy.declare(tmp_path, monkeypatch, "toy", "zoo")


def load(url: str, source: Source, slice_id: str, *rows: dict[str, str], day: int = 0) -> None:
    toy.load(url, source, toy.read(url, source, slice_id, rows, at=toy.DAY + dt.timedelta(days=day)))


def standing(url: str) -> list[tuple[object, ...]]:
    with warehouse.connect(url) as connection:
        found = connection.execute(
            "SELECT source, dataset, slice, release, reason, column_name, code, place, raw, suggestion "
            "FROM ops.standing_quarantine ORDER BY source, slice, place"
        ).fetchall()
    return [tuple(row.values()) for row in found]


def summary(url: str) -> list[tuple[object, ...]]:
    with warehouse.connect(url) as connection:
        found = connection.execute("SELECT * FROM ops.quarantine_summary ORDER BY source, reason").fetchall()
    return [tuple(row.values()) for row in found]


def test_each_row_says_where_it_stands_why_and_what_may_be_meant(warehouse_url: str, sources: list[Source]) -> None:
    load(warehouse_url, sources[0], A, {}, AREA, PERIOD)
    assert standing(warehouse_url) == [
        (
            "toy",
            "figures",
            A,
            "",
            "unknown_code",
            "REF_AREA",
            "Moroco",
            "line 3 column OBS_VALUE",
            "5",
            "MAR (Morocco)",
        ),
        ("toy", "figures", A, "", "bad_period", "TIME_PERIOD", "20", "line 4 column OBS_VALUE", "6", None),
    ]


def test_of_each_slice_the_last_load_counts(warehouse_url: str, sources: list[Source]) -> None:
    load(warehouse_url, sources[0], A, {}, AREA, PERIOD)
    load(warehouse_url, sources[0], B, {"REF_AREA": "SRB"}, AREA, day=1)
    load(warehouse_url, sources[0], A, {}, PERIOD, day=2)
    load(warehouse_url, sources[0], B, {"REF_AREA": "SRB"}, AREA, day=3)  # nothing changed, and it stays in quarantine
    assert [(row[2], row[6], row[7]) for row in standing(warehouse_url)] == [
        (A, "20", "line 3 column OBS_VALUE"),
        (B, "Moroco", "line 3 column OBS_VALUE"),
    ]
    load(warehouse_url, sources[0], B, {"REF_AREA": "SRB"}, day=4)
    load(warehouse_url, sources[0], A, {}, day=5)
    assert standing(warehouse_url) == summary(warehouse_url) == []


def test_the_summary_counts_by_source_reason_and_column_and_has_an_example(
    warehouse_url: str, sources: list[Source]
) -> None:
    load(warehouse_url, sources[0], A, {}, {"REF_AREA": "SRB"}, AREA, {**AREA, "REF_AREA": "??"})
    load(warehouse_url, sources[0], B, {"REF_AREA": "NPL"}, {**AREA, "SEX": "F"}, PERIOD, day=1)
    load(warehouse_url, sources[0], C, {"REF_AREA": "PHL"}, day=2)
    load(warehouse_url, sources[1], A, {}, PERIOD)
    place = "line 4 column OBS_VALUE"
    assert summary(warehouse_url) == [
        ("toy", "bad_period", "TIME_PERIOD", 1, 1, "20", f"{B} {place}", None, 1 / 8),
        ("toy", "unknown_code", "REF_AREA", 3, 2, "Moroco", f"{A} {place}", "MAR (Morocco)", 3 / 8),
        ("zoo", "bad_period", "TIME_PERIOD", 1, 1, "20", f"{A} line 3 column OBS_VALUE", None, 1 / 2),
    ]


def test_cells_that_are_no_figures_do_not_make_the_share_smaller(warehouse_url: str, sources: list[Source]) -> None:
    load(warehouse_url, sources[0], A, {}, {}, {}, AREA)  # the first row stands three times
    [row] = summary(warehouse_url)
    assert row[-1] == 1 / 2


def test_each_edition_has_its_own(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [source] = toy.declare(tmp_path, monkeypatch, "toy", releases=True)
    for release, row in (("2020", AREA), ("2022", PERIOD)):
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, [{}, row], release=release))
    assert [(row[3], row[6]) for row in standing(warehouse_url)] == [("2020", "Moroco"), ("2022", "20")]


def test_the_role_of_the_tasks_may_read_it(warehouse_url: str, sources: list[Source]) -> None:
    load(warehouse_url, sources[0], A, {}, AREA)
    etl = warehouse_url.replace("postgres:test-only", "migstats_etl:test-only")
    assert len(standing(etl)) == len(summary(etl)) == 1


def test_a_code_that_nobody_mapped_is_named_by_check_and_makes_the_run_red_while_all_else_passes(
    warehouse_url: str, sources: list[Source]
) -> None:
    source = sources[0]
    rows = [{}, {"REF_AREA": "QQQ"}, {"REF_AREA": "QQQ", "TIME_PERIOD": "2021"}, {"SEX": "X"}]
    read = toy.read(warehouse_url, source, toy.SLICES[0], rows)
    whole = toy.read(warehouse_url, source, toy.SLICES[1], [{"REF_AREA": "SRB"}])
    planned = [{"slice": slice_} for slice_ in toy.SLICES[:2]]

    report = pipeline.check([read, whole], source, run_id="r", url=None, today=toy.DAY.date())
    [judgement] = [j for j in report.judgements if j.rule == "codes_known"]
    assert (judgement.severity, judgement.success, judgement.unexpected) == ("warning", False, 2)
    assert judgement.failing[0] == (
        "unknown_code=REF_AREA 'QQQ', keeps 2 figures in quarantine at figures/part=a line 3 column OBS_VALUE"
    )

    tasks.complete(source.id, planned[1:], [[asdict(whole)]])
    with pytest.raises(PermanentError) as raised:
        tasks.complete(source.id, planned, [[asdict(read)], [asdict(whole)]])
    assert str(raised.value) == (
        f"{source.id}: 2 code(s) that nobody has mapped; all else was loaded. "
        "figures/part=a: REF_AREA 'QQQ', keeps 2 figures in quarantine at line 3 column OBS_VALUE; "
        "figures/part=a: SEX 'X', keeps 1 figures in quarantine at line 5 column OBS_VALUE. "
        "Say in codes.csv what they mean (or that nobody can know it: `unknown`), then run again with `replay`"
    )
