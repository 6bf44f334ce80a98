"""Corridors and pairs of the declared sources: which column of a publisher is the origin, and what meets what."""

from __future__ import annotations

from typing import Any

import pytest
from shown import rows_of

from migstats import postgres as server
from migstats import publish

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def url(warehouse_of_samples: Any) -> str:
    """The warehouse of all samples, to be read."""
    return str(warehouse_of_samples.url)


#: Column of bi.corridors, origin, destination, year → the figure as the publisher's table has it.
FIGURES: dict[str, tuple[str, str, int, Any]] = {
    # UN DESA 2024: persons from France in Morocco
    "stock": ("FRA", "MAR", 2024, 41301),
    "stock_women": ("FRA", "MAR", 2024, 20061),
    "stock_concept": ("FRA", "MAR", 2024, "citizenship+refugees"),
    # KNOMAD: Morocco receives 100.5 million dollars from the United States; of the other way it is what goes back
    "remittances_modelled": ("MAR", "USA", 2021, 100_500_000),
    "remittances_back_modelled": ("USA", "MAR", 2021, 100_500_000),
    # Eurostat: Moroccan citizens who immigrated into Germany are no emigrants from Morocco
    "inflow_of_citizens": ("MAR", "DEU", 2023, 20000),
    "asylum_applications": ("UKR", "ITA", 2023, 1255),
}


@pytest.mark.parametrize("column", FIGURES)
def test_a_figure_of_a_publisher_stands_in_its_corridor(url: str, column: str) -> None:
    origin, destination, year, figure = FIGURES[column]
    there = rows_of(
        url,
        f"SELECT {column} FROM bi.corridors WHERE (origin, destination, year) = ('{origin}', '{destination}', {year})",
    )
    assert there == [(figure,)]


def test_modelled_remittances_stand_in_no_column_of_reports(url: str) -> None:
    reported = "remittances_reported_by_origin, remittances_reported_by_destination, remittances_back"
    there = rows_of(url, f"SELECT DISTINCT {reported} FROM bi.corridors WHERE remittances_modelled IS NOT NULL")
    assert there == [(None, None, None)]
    flagged = rows_of(url, "SELECT DISTINCT is_modelled FROM bi.remittances WHERE indicator = 'REMIT_BILATERAL'")
    assert flagged == [(True,)]


def test_every_figure_of_a_corridor_measure_has_its_row(url: str) -> None:
    """Of each measure: the figures that could tell it, and the rows that it has."""
    of_bi = rows_of(
        url,
        "SELECT m.measure, count(*) AS n FROM bi.fact_observation AS f INNER JOIN ref.corridor_measure AS m "
        "ON f.indicator = m.indicator AND f.sex = m.sex AND f.breakdown = m.breakdown "
        "AND f.counterpart_basis = any(string_to_array(m.counterpart_basis, '|')) "
        "WHERE f.freq = 'A' AND f.counterpart_area <> '_T' AND '_T' = ALL (ARRAY[f.subdivision, f.age, "
        "f.migration_status, f.education, f.labour_status, f.occupation, f.activity, f.reason, f.urbanisation, "
        "f.disability]) GROUP BY 1 ORDER BY 1",
    )
    assert rows_of(url, "SELECT measure, count(*) AS n FROM bi.corridor_figures GROUP BY 1 ORDER BY 1") == of_bi
    assert len(of_bi) > 7


def test_the_sdg_rate_meets_unhcr_and_the_population(url: str) -> None:
    """Of Morocco in 2022: 4,000 refugees (as the sample has them), of 37,333,000 people and themselves."""
    found = rows_of(
        url,
        "SELECT r.published_value, r.other_published_value, p.published_value AS population, r.other_value, "
        "r.other_source, r.restricted FROM core.reconciliation AS r INNER JOIN core.published AS p "
        "ON r.denominator_observation_id = p.observation_id "
        "WHERE r.comparison = 'sdg_10_7_4' AND r.ref_area = 'MAR' AND r.year = 2022",
    )
    ((rate, refugees, population, worked_out, source, restricted),) = found
    assert (rate, population, source, restricted) == (260, 37_333_000, "unhcr_population", True)
    assert worked_out == pytest.approx(refugees * 100_000 / (37_333_000 + refugees))
    assert rows_of(url, "SELECT count(*) AS n FROM bi.reconciliation WHERE comparison = 'sdg_10_7_4'") == [(0,)]


def test_refugees_of_the_world_bank_meet_those_of_unhcr_by_asylum_and_by_origin(url: str) -> None:
    met = rows_of(
        url,
        "SELECT DISTINCT ref_area = '001' AS by_origin, source, preferred_source, other_source FROM bi.reconciliation "
        "WHERE comparison = 'cell' AND indicator = 'REFUGEES' AND other_source = 'worldbank_migration' "
        "AND source = 'unhcr_population' ORDER BY 1",
    )
    pair = ("unhcr_population", "unhcr_population", "worldbank_migration")
    assert met == [(False, *pair), (True, *pair)]


SOME = ("worldbank_wdi", "undesa_stock", "knomad_remittances", "eurostat_flows")


def test_sources_that_are_published_one_after_the_other_give_what_all_at_once_give(
    postgres: server.Server, url: str
) -> None:
    server.create_database(postgres, "corridors", template=url.rsplit("/", 1)[1])
    copy = postgres.url("corridors")

    def contents() -> list[list[tuple[Any, ...]]]:
        tables = ("core.reconciliation", "bi.corridor_figures", "bi.stock_flow")
        return [rows_of(copy, f"SELECT t::text FROM {table} AS t ORDER BY 1") for table in tables]

    publish.publish(copy, run_id="test", anew=True, only=SOME)
    at_once = contents()
    assert all(at_once)
    for number, source in enumerate(reversed(SOME)):
        publish.publish(copy, run_id="test", anew=number == 0, only=[source])
    assert contents() == at_once


def test_net_migration_of_world_population_prospects_is_modelled_whoever_passes_it_on(url: str) -> None:
    sources = "source IN ('undesa_wpp', 'worldbank_wdi', 'migstats')"
    flagged = rows_of(
        url,
        "SELECT DISTINCT source, indicator, is_modelled FROM bi.migration_flows "
        f"WHERE indicator IN ('NET_MIG', 'NET_MIG_RATE') AND {sources} ORDER BY 1, 2",
    )
    assert flagged == [
        ("migstats", "NET_MIG_RATE", True),
        ("undesa_wpp", "NET_MIG", True),
        ("undesa_wpp", "NET_MIG_RATE", True),
        ("worldbank_wdi", "NET_MIG", True),
    ]
