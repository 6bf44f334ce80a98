"""Two figures that claim the same: every pair is there, with what they differ by, whether that may be, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from shown import rows_of, show

from migstats import settings, warehouse
from migstats.codelists import read_codelist, read_csv

pytestmark = pytest.mark.database

Row = Mapping[str, Any]


def pair(first: Row, second: Row) -> list[dict[str, Any]]:
    """One cell, as ark and as bee have it; of equal rank, so that ark is named first."""
    return [{"source": "ark", **first}, {"source": "bee", **second}]


#: What ark and bee say of one cell → why they differ, whether they may.
REASONS: Mapping[str, tuple[list[dict[str, Any]], tuple[str | None, bool]]] = {
    "equal figures need no reason": (pair({"value": 100}, {"value": 100.0}), (None, True)),
    "another criterion of residence is another definition": (
        pair({"value": 100, "residence_criterion": "de_jure"}, {"value": 150, "residence_criterion": "de_facto"}),
        ("definition", False),
    ),
    "both say who is a migrant, and differently": (
        pair({"value": 100, "concept_basis": "birth"}, {"value": 70, "concept_basis": "citizenship"}),
        ("basis", False),
    ),
    "who does not say who is a migrant explains nothing": (
        pair({"value": 103, "concept_basis": "birth"}, {"value": 71}),
        ("unexplained", False),
    ),
    "mid-year and the end of the year": (
        pair({"value": 1037}, {"value": 1011, "reference_point": "07-01"}),
        ("reference_date", True),
    ),
    "one covers a part": (pair({"value": 103}, {"value": 71, "coverage": "Without Kosovo"}), ("coverage", False)),
    "one is rounded to thousands": (pair({"value": 52000}, {"value": 51730}), ("rounding", True)),
    "one is rounded, the other lies beyond half of its last digit": (
        pair({"value": 52000}, {"value": 51430}),
        ("unexplained", True),
    ),
    "the other one is rounded": (pair({"value": 51730}, {"value": 52000}), ("rounding", True)),
    "a figure of one digit may be anything": (pair({"value": 100}, {"value": 61}), ("unexplained", False)),
    "rounded to one decimal": (
        pair(
            {"indicator": "MIG_STOCK_SHARE", "unit": "PT", "value": 4.2},
            {"indicator": "MIG_STOCK_SHARE", "unit": "PT", "value": 4.24},
        ),
        ("rounding", False),
    ),
    "of several reasons the first of the order": (
        pair(
            {"value": 100, "concept_basis": "birth", "coverage": "Cities"},
            {"value": 70, "concept_basis": "citizenship", "reference_point": "07-01"},
        ),
        ("basis", False),
    ),
    "nought against a figure": (pair({"value": 0}, {"value": 17}), ("unexplained", False)),
}


@pytest.mark.parametrize(("rows", "expected"), REASONS.values(), ids=REASONS)
def test_why_two_sources_differ_is_said_by_what_differs_in_their_figures(
    warehouse_url: str, rows: Sequence[Row], expected: tuple[str | None, bool]
) -> None:
    show(warehouse_url, rows)
    assert rows_of(warehouse_url, "SELECT reason_code, within_tolerance FROM bi.reconciliation") == [expected]


def test_the_arithmetic_of_a_pair(warehouse_url: str) -> None:
    show(warehouse_url, pair({"value": 150}, {"value": 100}))
    found = rows_of(
        warehouse_url,
        "SELECT source, other_source, published_value, other_value, difference, ratio, relative_difference, tolerance, "
        "preferred_source, score, rank, comparison FROM bi.reconciliation",
    )
    # a third of the larger; 1/3 * ln 151 = 1.6724
    assert found == [
        (
            "ark",
            "bee",
            150,
            100,
            50,
            1.5,
            pytest.approx(1 / 3),
            0.05,
            "ark",
            pytest.approx(1.67243, abs=1e-5),
            1,
            "cell",
        )
    ]


def test_every_cell_that_two_sources_claim_is_there_and_nothing_else(warehouse_url: str) -> None:
    rows = [
        {"source": "ark", "value": 10},
        {"source": "bee", "value": 10},
        {"source": "cat", "value": 12},
        {"source": "ark", "value": 5, "sex": "F"},  # alone in its cell
        {"source": "bee", "value": 6, "time_period": "2019"},
        {"source": "cat", "value": None, "time_period": "2019"},  # no figure, no claim
        {"source": "ark", "value": 3, "counterpart_area": "FRA", "counterpart_basis": "birth"},
        {"source": "bee", "value": 4, "counterpart_area": "FRA", "counterpart_basis": "citizenship"},  # others
        {"source": "ark", "value": 7, "ref_area": "ESP", "counterpart_basis": "birth"},
        {"source": "bee", "value": 8, "ref_area": "ESP", "counterpart_basis": "citizenship"},  # the same total
    ]
    show(warehouse_url, rows)
    found = rows_of(
        warehouse_url, "SELECT ref_area, source, other_source, difference FROM bi.reconciliation ORDER BY 1, 2, 3"
    )
    assert found == [
        ("ESP", "ark", "bee", -1),
        ("ITA", "ark", "bee", 0),
        ("ITA", "ark", "cat", -2),
        ("ITA", "bee", "cat", -2),
    ]
    assert rows_of(warehouse_url, "SELECT ref_area, difference FROM bi.discrepancies ORDER BY 1, 2") == [
        ("ESP", -1),
        ("ITA", -2),
        ("ITA", -2),
    ]


def test_the_largest_comes_first_and_a_tiny_one_does_not(warehouse_url: str) -> None:
    of = {"AUT": (40_000, 4_000), "BEL": (1, 10), "CHE": (1_000_000, 500_000), "DEU": (9_000_000, 8_990_000)}
    show(
        warehouse_url,
        [
            row
            for area, (a, b) in of.items()
            for row in pair({"ref_area": area, "value": a}, {"ref_area": area, "value": b})
        ],
    )
    # 0.9 ln 40001 = 9.5; 0.5 ln 1000001 = 6.9; 0.9 ln 11 = 2.2; 0.0011 ln 9000001 = 0.02
    ranked = rows_of(warehouse_url, "SELECT ref_area FROM bi.reconciliation ORDER BY rank")
    assert [area for (area,) in ranked] == ["AUT", "CHE", "BEL", "DEU"]


def test_another_order_of_sources_changes_what_is_preferred_and_no_figure(warehouse_url: str) -> None:
    rows = pair({"value": 150}, {"value": 100})
    preferred = "SELECT source, preferred_source FROM bi.reconciliation"
    figures = "SELECT observation_id, source, published_value, obs_status FROM bi.observation_all ORDER BY 1"
    show(warehouse_url, rows)
    before = rows_of(warehouse_url, figures)
    assert rows_of(warehouse_url, preferred) == [("ark", "ark")]
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("UPDATE ref.source_preference SET sources = 'bee|ark' WHERE code = 'MIG_STOCK'")
    show(warehouse_url, rows)
    assert rows_of(warehouse_url, preferred) == [("bee", "bee")]
    assert rows_of(warehouse_url, figures) == before
    shown = rows_of(warehouse_url, "SELECT source, why_preferred, published_value FROM bi.fact_observation")
    assert shown == [("bee", "declared", 100)]


def test_a_tolerance_is_that_of_the_pair_before_the_indicator_before_the_unit(warehouse_url: str) -> None:
    with warehouse.connect(warehouse_url) as connection:
        connection.execute(
            "INSERT INTO ref.tolerance (code, indicator, unit, source, other_source, tolerance, reason_code, why) "
            "VALUES ('test', 'MIG_STOCK', 'PS', 'bee', 'ark', 0.5, 'definition', 'declared')"
        )
    rows = [*pair({"value": 150}, {"value": 100}), {"source": "cat", "value": 100}]
    rows += pair({"indicator": "REFUGEES", "value": 150}, {"indicator": "REFUGEES", "value": 100})
    rows += pair(
        {"indicator": "REMIT_IN", "unit": "USD", "value": 5}, {"indicator": "REMIT_IN", "unit": "USD", "value": 5}
    )
    show(warehouse_url, rows)
    found = rows_of(
        warehouse_url,
        "SELECT indicator, source, other_source, tolerance, within_tolerance, reason_code FROM bi.reconciliation "
        "ORDER BY 1, 2, 3",
    )
    assert found == [
        ("MIG_STOCK", "ark", "bee", 0.5, True, "definition"),
        ("MIG_STOCK", "ark", "cat", 0.05, False, "unexplained"),
        ("MIG_STOCK", "bee", "cat", 0.05, True, None),
        ("REFUGEES", "ark", "bee", 0.01, False, "unexplained"),
        ("REMIT_IN", "ark", "bee", 0.02, True, None),
    ]


# -- refugees: UN DESA, UNHCR, SDG 10.7.4, a national count ------------------------------------------------------

ORIGIN = {"indicator": "REFUGEES", "ref_area": "001", "counterpart_basis": "origin"}
REFUGEES: Sequence[Row] = (
    # 5,000 refugees from Morocco, 95,000 people in it: 5,000 of 100,000, where the SDG database has 5,100
    {**ORIGIN, "source": "ark", "counterpart_area": "MAR", "value": 5000},
    {"source": "bee", "indicator": "POP", "ref_area": "MAR", "value": 95000, "reference_point": "07-01"},
    {"source": "cat", "indicator": "REFUGEES_ORIGIN_RATE", "unit": "RATE_100000", "ref_area": "MAR", "value": 5100},
    # of the world: 9,000 of 900,000 and themselves are 990.099 of 100,000
    {**ORIGIN, "source": "ark", "counterpart_area": "_T", "value": 9000},
    {"source": "bee", "indicator": "POP", "ref_area": "001", "value": 900_000, "reference_point": "07-01"},
    {"source": "cat", "indicator": "REFUGEES_ORIGIN_RATE", "unit": "RATE_100000", "ref_area": "001", "value": 990},
    # nobody has the population of Senegal: there is nothing to hold the rate against
    {**ORIGIN, "source": "ark", "counterpart_area": "SEN", "value": 10},
    {"source": "cat", "indicator": "REFUGEES_ORIGIN_RATE", "unit": "RATE_100000", "ref_area": "SEN", "value": 1},
    # refugees are among the migrants where UN DESA says that they were added, and only there
    *(
        {"source": "ark", "indicator": "REFUGEES", "ref_area": area, "counterpart_basis": "origin", "value": 300}
        for area in ("ITA", "DEU", "FRA")
    ),
    {"source": "bee", "ref_area": "ITA", "value": 200, "concept_basis": "birth+refugees", "reference_point": "07-01"},
    {"source": "bee", "ref_area": "DEU", "value": 900, "concept_basis": "birth+refugees", "reference_point": "07-01"},
    {"source": "bee", "ref_area": "FRA", "value": 200, "concept_basis": "birth", "reference_point": "07-01"},
    # a national count of the same day, in the month that the year ends with
    {
        "source": "cat",
        "indicator": "TEMP_PROTECTION",
        "ref_area": "ITA",
        "freq": "M",
        "time_period": "2020-12",
        "counterpart_basis": "citizenship",
        "value": 320,
        "point_in_time": "2020-12-31",
    },
    {
        "source": "cat",
        "indicator": "TEMP_PROTECTION",
        "ref_area": "ITA",
        "freq": "M",
        "time_period": "2020-11",
        "counterpart_basis": "citizenship",
        "value": 999,
        "point_in_time": "2020-11-30",
    },
    # UNRWA's stand apart
    {"source": "bee", "indicator": "PALESTINE_REFUGEES", "ref_area": "DEU", "counterpart_basis": "origin", "value": 50},
)
EXPECTED = {
    # comparison, area → first, other, within, reason, scored
    ("sdg_10_7_4", "MAR"): (5100, 5000, True, "unexplained", True),
    ("sdg_10_7_4", "001"): (990, pytest.approx(990.09901), True, "rounding", True),
    ("desa_refugees", "ITA"): (300, 200, False, "reference_date", True),
    ("desa_refugees", "DEU"): (300, 900, True, "definition", False),
    ("temporary_protection", "ITA"): (320, 300, False, "unexplained", True),
    ("palestine_refugees", "DEU"): (50, 300, None, "definition", False),
}


def test_refugees_of_different_publishers_are_held_against_each_other(warehouse_url: str) -> None:
    show(warehouse_url, REFUGEES)
    found = rows_of(
        warehouse_url,
        "SELECT comparison, ref_area, published_value, other_value, within_tolerance, reason_code, score IS NOT NULL "
        "FROM bi.reconciliation",
    )
    assert {(row[0], row[1]): row[2:] for row in found} == EXPECTED
    assert len(found) == len(EXPECTED)
    divided = rows_of(
        warehouse_url,
        "SELECT o.source, o.published_value FROM bi.reconciliation AS r INNER JOIN bi.observation_all AS o "
        "ON r.denominator_observation_id = o.observation_id WHERE r.ref_area = 'MAR'",
    )
    assert divided == [("bee", 95000)]


def test_a_pair_of_indicators_is_made_anew_when_either_of_them_or_what_divides_it_is_published(
    warehouse_url: str,
) -> None:
    rate = "SELECT other_value FROM bi.reconciliation WHERE comparison = 'sdg_10_7_4'"
    for row in REFUGEES[:3]:
        show(warehouse_url, [row])
    assert rows_of(warehouse_url, rate) == [(5000,)]
    show(warehouse_url, [{**REFUGEES[1], "value": 45000}])
    assert rows_of(warehouse_url, rate) == [(10000,)]
    show(warehouse_url, [], touched=["REFUGEES"])
    assert rows_of(warehouse_url, rate) == []


# -- who may see it ---------------------------------------------------------------------------------------------


def test_a_pair_with_a_figure_that_may_not_be_passed_on_is_not_in_bi(warehouse_url: str) -> None:
    rows = [*pair({"value": 150}, {"value": 100}), {"source": "zoo", "value": 7777}]
    show(warehouse_url, rows)
    seen = "SELECT source, other_source, rank FROM {} ORDER BY 1, 2"
    assert rows_of(warehouse_url, seen.format("bi.reconciliation")) == [("ark", "bee", 1)]
    assert rows_of(warehouse_url, seen.format("core.reconciliation")) == [
        ("ark", "bee", 1),
        ("ark", "zoo", 2),
        ("bee", "zoo", 1),
    ]


def test_what_may_be_passed_on_no_more_leaves_the_pairs_at_once(warehouse_url: str) -> None:
    show(warehouse_url, pair({"value": 150}, {"value": 100}))
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("UPDATE ref.source SET redistribution = 'unclear' WHERE code = 'bee'")
        for table in ("", "_beside"):
            warehouse.execute(connection, f"publication/withhold{table}", {"source": "bee"})
    assert rows_of(warehouse_url, "SELECT count(*) FROM bi.reconciliation") == [(0,)]
    assert rows_of(warehouse_url, "SELECT count(*) FROM core.reconciliation") == [(1,)]


# -- the facts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tolerance", "comparable", "corridor_measure", "stock_flow"])
def test_the_facts_of_comparisons_are_in_the_warehouse_as_they_are_in_the_file(warehouse_url: str, name: str) -> None:
    codes = [row["code"] for row in read_csv(settings.include() / "comparisons" / f"{name}.csv")]
    assert len(set(codes)) == len(codes)
    assert sorted(c for (c,) in rows_of(warehouse_url, f"SELECT code FROM ref.{name}")) == sorted(codes)


def test_a_fact_that_left_the_file_leaves_the_warehouse(warehouse_url: str) -> None:
    with warehouse.connect(warehouse_url) as connection:
        connection.execute(
            "INSERT INTO ref.tolerance (code, tolerance, why) VALUES ('gone', 1, 'an older file had it')"
        )
    warehouse.setup(warehouse_url)
    assert rows_of(warehouse_url, "SELECT code FROM ref.tolerance WHERE code = 'gone'") == []


def test_the_sources_and_bases_that_comparisons_name_are_declared() -> None:
    from migstats.source import read_sources

    facts = settings.include() / "comparisons"
    named = {r[c] for r in read_csv(facts / "tolerance.csv") for c in ("source", "other_source") if r[c]}
    assert named <= set(read_sources())
    bases = {b for r in read_csv(facts / "corridor_measure.csv") for b in r["counterpart_basis"].split("|")}
    assert bases <= set(read_codelist(settings.include() / "codelists", "counterpart_basis").rows)
