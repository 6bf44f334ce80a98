"""Which source is shown: one figure per cell by the declared order, with its reason; the others one join away."""

from __future__ import annotations

from pathlib import Path

import pytest
import toy
from samples import Filled

from migstats import publish, warehouse
from migstats.source import Source

pytestmark = pytest.mark.database

PART = "figures/part=a"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Source]:
    return {source.id: source for source in toy.declare(tmp_path, monkeypatch, "toy", "zoo", "ark", "upload_mar")}


def order(url: str, sources: str) -> None:
    with warehouse.connect(url) as connection:
        connection.execute("UPDATE ref.source_preference SET sources = %s WHERE code = 'MIG_STOCK'", [sources])


def shown(url: str) -> list[tuple[str, float | None, str]]:
    with warehouse.connect(url) as connection:
        found = connection.execute(
            "SELECT source, published_value, why_preferred FROM bi.fact_observation ORDER BY source, published_value"
        ).fetchall()
    return [(r["source"], r["published_value"], r["why_preferred"]) for r in found]


CASES: dict[str, tuple[str, dict[str, list[dict[str, str]]], list[tuple[str, float | None, str]]]] = {
    "alone in its cell": ("", {"zoo": [{"OBS_VALUE": "1"}]}, [("zoo", 1, "only_source")]),
    "cells that differ in one dimension are two": (
        "",
        {"zoo": [{"OBS_VALUE": "9"}], "ark": [{"SEX": "F", "OBS_VALUE": "4"}]},
        [("ark", 4, "only_source"), ("zoo", 9, "only_source")],
    ),
    "the declared order decides": (
        "zoo|ark",
        {"ark": [{"OBS_VALUE": "1"}], "zoo": [{"OBS_VALUE": "2"}]},
        [("zoo", 2, "declared")],
    ),
    "a source that is named comes before one that is not": (
        "zoo",
        {"ark": [{"OBS_VALUE": "1"}], "zoo": [{"OBS_VALUE": "2"}]},
        [("zoo", 2, "declared")],
    ),
    "forms of whatever country have one place in the order": (
        "zoo|uploads|ark",
        {
            "ark": [{"OBS_VALUE": "1"}, {"SEX": "F", "OBS_VALUE": "1"}],
            "upload_mar": [{"OBS_VALUE": "2"}, {"SEX": "F", "OBS_VALUE": "2"}],
            "zoo": [{"OBS_VALUE": "3"}],
        },
        [("upload_mar", 2, "declared"), ("zoo", 3, "declared")],
    ),
    "a country that is named alone goes by its own place": (
        "upload_mar|zoo|uploads",
        {"upload_mar": [{"OBS_VALUE": "2"}], "zoo": [{"OBS_VALUE": "3"}]},
        [("upload_mar", 2, "declared")],
    ),
    "without an order the figures that are added up are shown": (
        "",
        {
            "ark": [{"AGE": "Y_GE15", "OBS_VALUE": "1"}],
            "zoo": [{"OBS_VALUE": "3"}, {"AGE": "Y_GE15", "OBS_VALUE": "2"}],
        },
        [("ark", 1, "counted"), ("zoo", 3, "only_source")],
    ),
    "of shares without an order the name decides, and it is said": (
        "",
        {
            source: [{"INDICATOR": "MIG_STOCK_SHARE", "UNIT": "PT", "OBS_VALUE": value}]
            for source, value in (("zoo", "2"), ("ark", "1"))
        },
        [("ark", 1, "first_by_name")],
    ),
    "a figure comes before none, whatever the order": (
        "zoo|ark",
        {"ark": [{"OBS_VALUE": "1"}], "zoo": [{"OBS_VALUE": "", "OBS_STATUS": "O"}]},
        [("ark", 1, "only_figure")],
    ),
    "nought is a figure": (
        "zoo|ark",
        {"ark": [{"OBS_VALUE": "1"}], "zoo": [{"OBS_VALUE": "0"}]},
        [("zoo", 0, "declared")],
    ),
    "the order decides among those that have a figure": (
        "toy|zoo|ark",
        {"ark": [{"OBS_VALUE": "1"}], "zoo": [{"OBS_VALUE": "2"}], "toy": [{"OBS_VALUE": "", "OBS_STATUS": "O"}]},
        [("zoo", 2, "declared")],
    ),
    "what is suppressed is no gap that another source fills": (
        "zoo|ark",
        {
            "ark": [{"SEX": "F", "OBS_VALUE": "1"}, {"OBS_VALUE": "3"}],
            "zoo": [{"SEX": "F", "OBS_VALUE": "", "OBS_STATUS": "Q"}, {"OBS_VALUE": "4"}],
        },
        [("zoo", None, "declared"), ("zoo", 4, "declared")],
    ),
    "nor is a total that is suppressed": (
        "zoo|ark",
        {"ark": [{"OBS_VALUE": "1"}], "zoo": [{"OBS_VALUE": "", "OBS_STATUS": "Q"}]},
        [("zoo", None, "declared")],
    ),
    "nor one whose other part is no whole": (
        "zoo|ark",
        {
            "ark": [{"OBS_VALUE": "3"}],
            "zoo": [{"OBS_VALUE": "", "OBS_STATUS": "Q"}, {"SEX": "M", "OBS_VALUE": "2"}],
        },
        [("zoo", 2, "only_source"), ("zoo", None, "declared")],
    ),
    "another source that is named first is shown": (
        "ark|zoo",
        {"ark": [{"OBS_VALUE": "1"}], "zoo": [{"OBS_VALUE": "", "OBS_STATUS": "Q"}]},
        [("ark", 1, "declared")],
    ),
    "no figure in either is shown once": (
        "zoo|ark",
        {"ark": [{"OBS_VALUE": "", "OBS_STATUS": "O"}], "zoo": [{"OBS_VALUE": "", "OBS_STATUS": "Q"}]},
        [("zoo", None, "declared")],
    ),
}


@pytest.mark.parametrize(("declared", "figures", "expected"), CASES.values(), ids=CASES)
def test_one_figure_is_shown_per_cell(
    warehouse_url: str,
    sources: dict[str, Source],
    declared: str,
    figures: dict[str, list[dict[str, str]]],
    expected: list[tuple[str, float | None, str]],
) -> None:
    order(warehouse_url, declared)
    for source, rows in figures.items():
        toy.load(warehouse_url, sources[source], toy.read(warehouse_url, sources[source], PART, rows))
    publish.publish(warehouse_url, run_id="all")
    assert shown(warehouse_url) == sorted(expected, key=lambda r: (r[0], r[1] is None, r[1] or 0))
    with warehouse.connect(warehouse_url) as connection:
        every = connection.execute("SELECT count(*) AS n FROM bi.observation_all").fetchall()
        reasons = connection.execute(
            "SELECT DISTINCT f.why_preferred FROM bi.observation_all AS f LEFT JOIN bi.dim_preference AS d "
            "USING (why_preferred) WHERE (f.why_preferred IS NULL) = f.preferred OR (f.preferred AND d.name_ar IS NULL)"
        ).fetchall()
    assert every == [{"n": sum(len(rows) for rows in figures.values())}]
    assert reasons == []


def test_a_total_that_is_suppressed_is_not_added_up_from_another_source(
    warehouse_url: str, sources: dict[str, Source]
) -> None:
    order(warehouse_url, "zoo|ark")
    for source, row in (("ark", {"OBS_VALUE": "3"}), ("zoo", {"OBS_VALUE": "", "OBS_STATUS": "Q"})):
        toy.load(warehouse_url, sources[source], toy.read(warehouse_url, sources[source], PART, [row]))
    publish.publish(warehouse_url, run_id="all")
    with warehouse.connect(warehouse_url) as connection:
        for relation in ("fact_observation", "observation_all", "annual_sum"):
            found = connection.execute(f"SELECT sum(value) AS n FROM bi.{relation}").fetchall()  # type: ignore[call-overload]
            assert found == [{"n": None}], relation


def test_another_order_changes_what_is_shown_and_no_figure(warehouse_url: str, sources: dict[str, Source]) -> None:
    figures = "SELECT observation_id, source, published_value FROM bi.observation_all ORDER BY observation_id"
    for source, value in (("ark", "95"), ("zoo", "100")):
        toy.load(warehouse_url, sources[source], toy.read(warehouse_url, sources[source], PART, [{"OBS_VALUE": value}]))
    seen = []
    for declared in ("zoo|ark", "ark|zoo"):
        order(warehouse_url, declared)
        publish.publish(warehouse_url, run_id=declared, anew=True)
        with warehouse.connect(warehouse_url) as connection:
            seen.append((shown(warehouse_url), connection.execute(figures).fetchall()))
    assert [found for found, _ in seen] == [[("zoo", 100, "declared")], [("ark", 95, "declared")]]
    assert seen[0][1] == seen[1][1]


def test_the_preferred_source_that_comes_later_takes_the_cell(warehouse_url: str, sources: dict[str, Source]) -> None:
    order(warehouse_url, "zoo|ark")
    seen = []
    for source, value in (("ark", "95"), ("zoo", "100")):
        toy.load(warehouse_url, sources[source], toy.read(warehouse_url, sources[source], PART, [{"OBS_VALUE": value}]))
        publish.publish(warehouse_url, run_id=source)
        seen.append(shown(warehouse_url))
    assert seen == [[("ark", 95, "only_source")], [("zoo", 100, "declared")]]


def test_what_is_added_up_is_shown(warehouse_url: str, sources: dict[str, Source]) -> None:
    """The order names a source whose bands cross; the figures that make up the sum of the year are shown."""
    order(warehouse_url, "zoo|ark")
    figures = {
        "zoo": [{"AGE": "Y0T14", "OBS_VALUE": "4"}, {"AGE": "Y10T19", "OBS_VALUE": "5"}],
        "ark": [{"OBS_VALUE": "10"}, {"AGE": "Y0T14", "OBS_VALUE": "6"}, {"AGE": "Y_GE15", "OBS_VALUE": "4"}],
    }
    for source, rows in figures.items():
        toy.load(warehouse_url, sources[source], toy.read(warehouse_url, sources[source], PART, rows))
    publish.publish(warehouse_url, run_id="all")
    with warehouse.connect(warehouse_url) as connection:
        sums = connection.execute(
            "SELECT sum(f.value) AS shown, (SELECT sum(a.value) FROM bi.observation_all AS a) AS every "
            "FROM bi.fact_observation AS f"
        ).fetchall()
    assert sums == [{"shown": 10, "every": 10}]


def test_the_declared_order_can_be_read_in_bi(warehouse_url: str) -> None:
    order(warehouse_url, "zoo|ark")
    with warehouse.connect(warehouse_url) as connection:
        found = connection.execute(
            "SELECT rank, source FROM bi.source_preference WHERE indicator = 'MIG_STOCK' ORDER BY rank"
        ).fetchall()
    assert found == [{"rank": 1, "source": "zoo"}, {"rank": 2, "source": "ark"}]


def test_the_employed_of_a_country_are_not_its_employed_foreign_born(warehouse_of_samples: Filled) -> None:
    """ilostat_migrants counts migrants alone: what it has over all countries of birth is no total of everybody."""
    with warehouse.connect(warehouse_of_samples.url) as connection:
        profile = connection.execute(
            "SELECT indicator, published_value, source FROM bi.country_profile WHERE ref_area = 'ESP' "
            "AND indicator IN ('EMPLOYED', 'WORKING_AGE_POP') ORDER BY indicator"
        ).fetchall()
        whole = connection.execute(
            "SELECT DISTINCT source FROM bi.observation_all WHERE indicator IN ('EMPLOYED', 'WORKING_AGE_POP') "
            "AND counterpart_area = '_T' AND migration_status = '_T'"
        ).fetchall()
        statuses = connection.execute(
            "SELECT DISTINCT migration_status FROM bi.observation_all WHERE source = 'ilostat_migrants' "
            "AND indicator IN ('EMPLOYED', 'WORKING_AGE_POP')"
        ).fetchall()
        by_country = connection.execute(
            "SELECT counterpart_area, published_value, source FROM bi.fact_observation WHERE indicator = 'EMPLOYED' "
            "AND ref_area = 'ESP' AND counterpart_basis = 'birth' AND counterpart_area IN ('MAR', 'SEN') "
            "AND sex = '_T' ORDER BY counterpart_area"
        ).fetchall()
        sums = connection.execute(
            "SELECT indicator, source, ref_area, value FROM bi.annual_sum "
            "WHERE indicator IN ('EMPLOYED', 'WORKING_AGE_POP') ORDER BY indicator, ref_area"
        ).fetchall()
    assert [tuple(row.values()) for row in profile] == [
        ("EMPLOYED", 18_000_000, "ilostat_rplumber"),
        ("WORKING_AGE_POP", 32_000_000, "ilostat_rplumber"),
    ]
    assert whole == [{"source": "ilostat_rplumber"}]
    assert statuses == [{"migration_status": "MIGRANT"}]
    assert [tuple(row.values()) for row in by_country] == [
        ("MAR", 1_440_000, "ilostat_migrants"),
        ("SEN", 720_000, "ilostat_migrants"),
    ]
    assert {row["source"] for row in sums} == {"ilostat_rplumber"}, sums
    assert {r["value"] for r in sums if (r["indicator"], r["ref_area"]) == ("EMPLOYED", "ESP")} == {18_000_000}
