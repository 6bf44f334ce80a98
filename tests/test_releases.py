"""A date of a release that is mended in source.yaml: history keeps the one it was accepted with, and that is told."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import toy

from migstats import doctor, pipeline, warehouse
from migstats.source import Source, folder_of, read_source

pytestmark = pytest.mark.database

A, B, _ = toy.SLICES


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    [declared] = toy.declare(tmp_path, monkeypatch, "toy", releases=True)
    toy.open_gate(tmp_path, "toy")
    return declared


def mend(source: Source, was: str, now: str) -> Source:
    """Give a release another date in source.yaml."""
    path = folder_of(source.id) / "source.yaml"
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, now), encoding="utf-8")
    return read_source(path)


def load(url: str, source: Source, slice_id: str, *, release: str, day: int = 0, **row: str) -> None:
    read = toy.read(url, source, slice_id, [row], release=release, at=toy.DAY + dt.timedelta(days=day))
    pipeline.load([read], source, folder_of("toy"), run_id="r", url=url)


def told(url: str) -> list[str]:
    with warehouse.connect(url) as connection:
        return [str(finding) for finding in doctor.moved_releases(connection)]


def known_from(url: str) -> set[str]:
    with warehouse.connect(url) as connection:
        found = connection.execute("SELECT DISTINCT known_from FROM core.observation").fetchall()
    return {f"{row['known_from']:%Y-%m-%d}" for row in found}


def test_a_mended_date_moves_nothing_and_is_told_by_the_load_and_by_the_doctor(
    warehouse_url: str, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    load(warehouse_url, source, A, release="2020")
    load(warehouse_url, source, B, release="2020", REF_AREA="SRB")
    load(warehouse_url, source, A, release="2022")
    assert told(warehouse_url) == []
    mended = mend(source, "2020-12-01", "2021-01-15")
    both = "release 2020 of toy is declared with 2021-01-15, 2 slices of it were accepted with 2020-12-01"
    remedy = (
        "history keeps 2020-12-01, whatever is loaded or rebuilt: declare that date again in source.yaml, or live with "
        "it; only an empty warehouse takes the new one"
    )
    assert told(warehouse_url) == [f"history has another date than the one that is declared: {both}; {remedy}"]

    caplog.clear()
    load(warehouse_url, mended, A, release="2022", day=1)  # another release: not what it is about
    load(warehouse_url, mended, A, release="2020", day=1)
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [f"{both}: {remedy}"]
    before = known_from(warehouse_url)
    assert "2020-12-01" in before
    pipeline.rebuild(url=warehouse_url, admin=warehouse_url)
    assert (known_from(warehouse_url), len(told(warehouse_url))) == (before, 1), "and this is why the remedy says so"
    mend(mended, "2021-01-15", "2020-12-01")
    assert told(warehouse_url) == []


def test_slices_of_one_release_with_different_dates_are_told_apart(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, A, release="2020")
    mended = mend(source, "2020-12-01", "2021-01-15")
    load(warehouse_url, mended, B, release="2020", REF_AREA="SRB")
    [line] = told(warehouse_url)
    assert "is declared with 2021-01-15, 1 slices of it were accepted with 2020-12-01" in line


def test_other_figures_under_the_name_of_a_release_are_no_other_date(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, A, release="2024", OBS_VALUE="1")
    load(warehouse_url, source, A, release="2024", OBS_VALUE="2", day=400)
    assert told(warehouse_url) == []


def test_a_source_without_releases_has_no_such_date(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [rolling] = toy.declare(tmp_path, monkeypatch, "toy")
    toy.open_gate(tmp_path, "toy")
    load(warehouse_url, rolling, A, release="")
    assert told(warehouse_url) == []
