"""Corridors: what two countries say of the persons and the money between them, and stocks against flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from shown import rows_of, show

pytestmark = pytest.mark.database

Row = Mapping[str, Any]
FLOW = {"reference_point": "period"}


def immigrants(origin: str, destination: str, value: float | None, **said: object) -> dict[str, Any]:
    """What the destination reports: immigrants from the origin by last residence."""
    where = {"ref_area": destination, "counterpart_area": origin, "counterpart_basis": "previous_residence"}
    return {**FLOW, "indicator": "IMMIGRATION", **where, "value": value, **said}


def emigrants(origin: str, destination: str, value: float | None, **said: object) -> dict[str, Any]:
    """What the origin reports: emigrants to the destination by next residence."""
    where = {"ref_area": origin, "counterpart_area": destination, "counterpart_basis": "next_residence"}
    return {**FLOW, "indicator": "EMIGRATION", "source": "bee", **where, "value": value, **said}


def between(
    indicator: str, ref_area: str, counterpart: str, basis: str, value: float | None, **said: object
) -> dict[str, Any]:
    where = {"ref_area": ref_area, "counterpart_area": counterpart, "counterpart_basis": basis}
    return {"indicator": indicator, **where, "value": value, **said}


#: One corridor, from Morocco to Italy, with a figure of each kind.
CORRIDOR: Sequence[Row] = (
    between("MIG_STOCK", "ITA", "MAR", "origin", 450, concept_basis="birth", reference_point="07-01"),
    between("MIG_STOCK", "ITA", "MAR", "origin", 210, concept_basis="birth", reference_point="07-01", sex="F"),
    between("POP", "ITA", "MAR", "citizenship", 420, source="bee"),  # another basis: beside, not first
    between("POP", "ITA", "MAR", "citizenship", 200, source="bee", sex="F"),
    between("CITIZENS_ABROAD", "MAR", "ITA", "destination", 480, source="cat"),
    immigrants("MAR", "ITA", 20),
    emigrants("MAR", "ITA", 16),
    between("IMMIGRATION", "ITA", "MAR", "citizenship", 18, **FLOW),
    between("EMIGRATION", "ITA", "MAR", "citizenship", 3, **FLOW),
    between("IMMIGRATION", "ITA", "MAR", "birth", 19, source="cat", **FLOW),
    between("RETURNEES", "MAR", "ITA", "previous_residence", 2, **FLOW),
    between("LABOUR_PERMITS", "MAR", "ITA", "destination", 9, **FLOW),
    between("LABOUR_DEPARTURES", "MAR", "ITA", "destination", 8, **FLOW),
    between("EMIGRANTS_REGISTERED", "MAR", "ITA", "destination", 7, **FLOW),
    between("RES_PERMITS_FIRST", "ITA", "MAR", "citizenship", 15, **FLOW),
    between("REMIT_IN", "MAR", "ITA", "previous_residence", 1000, unit="USD", **FLOW),
    between("REMIT_OUT", "ITA", "MAR", "destination", 800, unit="USD", **FLOW),
    between("REMIT_BILATERAL", "MAR", "ITA", "previous_residence", 900, unit="USD", nature="M", **FLOW),
    between("REMIT_IN", "ITA", "MAR", "previous_residence", 5, unit="USD", **FLOW),
    between("REMIT_BILATERAL", "ITA", "MAR", "previous_residence", 6, unit="USD", nature="M", **FLOW),
    between("REMIT_COST_CORRIDOR", "MAR", "ITA", "previous_residence", 6.5, unit="PT", **FLOW),
    between("ASYLUM_APPLICATIONS", "ITA", "MAR", "citizenship", 30, **FLOW),
    between("ASYLUM_APPLICATIONS", "ITA", "MAR", "origin", 25, breakdown="UNHCR_ASYLUM:G_N_FI", source="bee", **FLOW),
    between("REFUGEES", "ITA", "MAR", "origin", 4),
)
EXPECTED = {
    "stock": 450,
    "stock_basis": "origin",
    "stock_concept": "birth",
    "stock_is_modelled": False,
    "stock_source": "ark",
    "stock_observation_id": "ark-MIG_STOCK-ITA-MAR-origin-_T-_T-PS-2020",
    "stock_women": 210,
    "flow_reported_by_destination": 20,
    "flow_reported_by_destination_source": "ark",
    "flow_reported_by_origin": 16,
    "flow_reported_by_origin_source": "bee",
    "mirror_asymmetry": 0.2,
    "missing_mirror": None,
    "flow_reported_by_destination_modelled": None,
    "flow_reported_by_origin_modelled": None,
    "citizens_abroad": 480,
    "inflow_of_citizens": 18,
    "outflow_of_citizens": 3,
    "inflow_of_natives": 19,
    "returnees": 2,
    "labour_permits": 9,
    "labour_departures": 8,
    "emigrants_registered": 7,
    "first_residence_permits": 15,
    "remittances_reported_by_origin": 1000,
    "remittances_reported_by_destination": 800,
    "remittances_modelled": 900,
    "remittances_back": 5,
    "remittances_back_modelled": 6,
    "remittance_cost": 6.5,
    "asylum_applications": 30,
    "asylum_applications_new": 25,
    "refugees": 4,
    "modelled_elsewhere": None,
    "origin_name": "Morocco",
    "origin_is_programme": True,
    "destination_name": "Italy",
    "destination_is_programme": False,
    "is_latest": True,
}


def corridors(url: str) -> dict[tuple[str, str, int], dict[str, Any]]:
    from migstats import warehouse

    with warehouse.connect(url) as connection:
        found = connection.execute("SELECT * FROM bi.corridors").fetchall()
    return {(row["origin"], row["destination"], row["year"]): row for row in found}


def test_a_corridor_has_every_figure_in_its_direction(warehouse_url: str) -> None:
    show(warehouse_url, CORRIDOR)
    found = corridors(warehouse_url)
    assert set(found) == {("MAR", "ITA", 2020), ("ITA", "MAR", 2020)}
    there = found["MAR", "ITA", 2020]
    assert {name: there[name] for name in EXPECTED} == EXPECTED
    keys = {"origin", "destination", "year"}
    ids = {"flow_reported_by_destination_observation_id", "flow_reported_by_origin_observation_id"}
    assert set(there) == set(EXPECTED) | keys | ids
    # of the way back money alone is told: what Italy sends to Morocco is what Morocco gets
    back = {name: cell for name, cell in found["ITA", "MAR", 2020].items() if name not in keys and cell is not None}
    assert back == {
        "origin_name": "Italy",
        "origin_is_programme": False,
        "destination_name": "Morocco",
        "destination_is_programme": True,
        "remittances_reported_by_origin": 5,
        "remittances_back": 1000,
        "remittances_modelled": 6,
        "remittances_back_modelled": 900,
        "is_latest": True,
    }


def test_a_stock_that_was_imputed_says_so_and_comes_after_an_observed_one(warehouse_url: str) -> None:
    imputed = between("MIG_STOCK", "ITA", "MAR", "origin", 450, concept_basis="birth+imputed")
    show(warehouse_url, [imputed])
    there = corridors(warehouse_url)["MAR", "ITA", 2020]
    assert (there["stock"], there["stock_is_modelled"]) == (450, True)
    show(warehouse_url, [imputed, CORRIDOR[2]])
    there = corridors(warehouse_url)["MAR", "ITA", 2020]
    assert (there["stock"], there["stock_is_modelled"], there["stock_basis"]) == (420, False, "citizenship")


def test_the_latest_year_of_a_pair_is_the_latest_with_a_stock_else_with_anything(warehouse_url: str) -> None:
    stocks = [between("MIG_STOCK", "ITA", "MAR", "origin", 450 + n, time_period=str(2010 + n)) for n in (0, 5)]
    refugees = [between("REFUGEES", where, "MAR", "origin", 4, time_period="2020") for where in ("ITA", "ESP")]
    nothing = between("REFUGEES", "ESP", "MAR", "origin", None, time_period="2021", obs_status="O")
    show(warehouse_url, [*stocks, *refugees, nothing])
    latest = {key: row["is_latest"] for key, row in corridors(warehouse_url).items()}
    assert latest == {
        ("MAR", "ITA", 2010): False,
        ("MAR", "ITA", 2015): True,
        ("MAR", "ITA", 2020): False,
        ("MAR", "ESP", 2020): True,
        ("MAR", "ESP", 2021): False,
    }


def test_women_are_told_of_the_same_stock_or_not_at_all(warehouse_url: str) -> None:
    show(warehouse_url, [CORRIDOR[0], *CORRIDOR[2:4]])
    there = corridors(warehouse_url)["MAR", "ITA", 2020]
    assert (there["stock"], there["stock_women"]) == (450, None)


#: Two flows → which column has them: observed by destination, by origin, modelled by destination, by origin.
MODELLED = {
    "a figure of nature M is modelled": ([immigrants("MAR", "ITA", 20, nature="M")], (None, None, 20, None)),
    "an estimate is no observation": ([emigrants("MAR", "ITA", 16, obs_status="E")], (None, None, None, 16)),
    "an observed flow beside a modelled one of the other side": (
        [immigrants("MAR", "ITA", 20, nature="C"), emigrants("MAR", "ITA", 16, nature="M")],
        (20, None, None, 16),
    ),
}


@pytest.mark.parametrize(("rows", "expected"), MODELLED.values(), ids=MODELLED)
def test_a_modelled_flow_never_stands_where_observed_ones_do(
    warehouse_url: str, rows: Sequence[Row], expected: tuple[float | None, ...]
) -> None:
    show(warehouse_url, rows)
    there = corridors(warehouse_url)["MAR", "ITA", 2020]
    names = [f"flow_reported_by_{side}{kind}" for kind in ("", "_modelled") for side in ("destination", "origin")]
    assert tuple(there[name] for name in names) == expected
    assert there["mirror_asymmetry"] is None
    seen = rows_of(warehouse_url, "SELECT by_origin, by_destination FROM bi.corridor_mirrors")
    assert seen == [(expected[1], expected[0])] * any(v is not None for v in expected[:2])


def test_a_modelled_figure_without_a_column_is_named(warehouse_url: str) -> None:
    modelled = between("ASYLUM_APPLICATIONS", "ITA", "MAR", "citizenship", 30, obs_status="E", **FLOW)
    show(warehouse_url, [modelled])
    there = corridors(warehouse_url)["MAR", "ITA", 2020]
    assert (there["asylum_applications"], there["modelled_elsewhere"]) == (None, "asylum_applications")


def test_of_mirrors_a_figure_ten_times_too_large_comes_first_and_missing_ones_are_listed(warehouse_url: str) -> None:
    pairs = {
        # by the destination, by the origin
        ("MAR", "ITA"): (20_000, 16_000),
        ("TUN", "ITA"): (50_000, 5_000),  # ten times, planted
        ("SEN", "ITA"): (1, 10),  # ten times, of ten persons
        ("ALB", "ITA"): (900_000, 450_000),
        ("ALB", "DEU"): (7_000, 7_000),
        ("ALB", "FRA"): (300, None),
        ("ALB", "ESP"): (None, 40),
        ("ALB", "GRC"): (0, 0),
    }
    rows = [immigrants(*pair, one) for pair, (one, _) in pairs.items()]
    rows += [emigrants(*pair, other) for pair, (_, other) in pairs.items()]
    show(warehouse_url, rows)
    found = rows_of(
        warehouse_url,
        "SELECT origin, destination, by_destination, by_origin, asymmetry, missing_mirror, rank "
        "FROM bi.corridor_mirrors ORDER BY rank, origin, destination",
    )
    # 0.9 ln 50001 = 9.7; 0.5 ln 900001 = 6.9; 0.9 ln 11 = 2.2; 0.2 ln 20001 = 2.0
    assert found == [
        ("TUN", "ITA", 50_000, 5_000, 0.9, None, 1),
        ("ALB", "ITA", 900_000, 450_000, 0.5, None, 2),
        ("SEN", "ITA", 1, 10, 0.9, None, 3),
        ("MAR", "ITA", 20_000, 16_000, 0.2, None, 4),
        ("ALB", "DEU", 7_000, 7_000, 0, None, 5),
        ("ALB", "GRC", 0, 0, 0, None, 5),
        ("ALB", "ESP", None, 40, None, "destination", None),
        ("ALB", "FRA", 300, None, None, "origin", None),
    ]
    by_corridor = {
        key: (row["mirror_asymmetry"], row["missing_mirror"]) for key, row in corridors(warehouse_url).items()
    }
    assert by_corridor == {(row[0], row[1], 2020): (row[4], row[5]) for row in found}


def test_both_sides_of_remittances_are_a_mirror_of_their_own(warehouse_url: str) -> None:
    show(warehouse_url, CORRIDOR)
    found = rows_of(
        warehouse_url,
        "SELECT mirror, origin, destination, by_origin, by_destination, asymmetry, missing_mirror, rank "
        "FROM bi.corridor_mirrors ORDER BY mirror, origin",
    )
    assert found == [
        ("migration", "MAR", "ITA", 16, 20, 0.2, None, 1),
        ("remittances", "ITA", "MAR", 5, None, None, "destination", None),
        ("remittances", "MAR", "ITA", 1000, 800, 0.2, None, 1),
    ]


def test_flows_by_citizenship_are_no_mirror(warehouse_url: str) -> None:
    show(
        warehouse_url,
        [between("IMMIGRATION", "ITA", "MAR", "citizenship", 18, **FLOW), emigrants("MAR", "ITA", 16)],
    )
    there = corridors(warehouse_url)["MAR", "ITA", 2020]
    assert (there["mirror_asymmetry"], there["missing_mirror"]) == (None, "destination")


def test_what_is_no_corridor_stays_visible_and_every_figure_has_its_row(warehouse_url: str) -> None:
    rows = [
        between("MIG_STOCK", "ITA", "MAR", "origin", 450),
        between("MIG_STOCK", "ITA", "_U", "origin", 30),
        between("MIG_STOCK", "ITA", "_X_STATELESS", "origin", 5),
        between("MIG_STOCK", "ITA", "ITA", "origin", 2),
        between("MIG_STOCK", "ITA", "202", "origin", 900),  # a group of areas counts what its members count
        between("MIG_STOCK", "ITA", "_T", "origin", 485),  # a total is no part
        between("POP", "ITA", "MAR", "citizenship", 420, source="bee"),
        between("REFUGEES", "001", "MAR", "origin", 77),  # of the world
    ]
    show(warehouse_url, rows)
    kinds = (
        "SELECT kind, count(*), sum(value) FROM bi.corridor_figures WHERE measure <> 'refugees' GROUP BY 1 ORDER BY 1"
    )
    assert rows_of(warehouse_url, kinds) == [
        ("corridor", 2, 870),
        ("group", 1, 900),
        ("residual", 2, 35),
        ("same_area", 1, 2),
    ]
    balance = rows_of(
        warehouse_url,
        "SELECT (SELECT count(*) FROM bi.corridor_figures) AS there, (SELECT count(*) FROM bi.observation_all AS f "
        "INNER JOIN ref.corridor_measure AS m ON f.indicator = m.indicator AND f.sex = m.sex "
        "AND f.breakdown = m.breakdown AND f.counterpart_basis = any(string_to_array(m.counterpart_basis, '|')) "
        "WHERE f.preferred AND f.counterpart_area <> '_T') AS expected",
    )
    assert balance == [(7, 7)]
    assert {key: row["stock"] for key, row in corridors(warehouse_url).items()} == {("MAR", "ITA", 2020): 450}
    remainder = "SELECT ref_area, kind, value, figures FROM bi.corridor_remainder ORDER BY 2"
    assert rows_of(warehouse_url, remainder) == [("ITA", "residual", 35, 2), ("ITA", "same_area", 2, 1)]


UNKNOWN_BIRTH = between("POP", "ITA", "_U", "birth", 30)
STATELESS = between("POP", "ITA", "_X_STATELESS", "citizenship", 5)
#: Figures of one country → what is added up: value, figures, indicator, basis, source.
REMAINDER = {
    "two bases are two counts of the same people": ([UNKNOWN_BIRTH, STATELESS], (30, 1, "POP", "birth", "ark")),
    "two indicators too": (
        [STATELESS, between("FOREIGN_POP", "ITA", "_U", "citizenship", 8)],
        (5, 1, "POP", "citizenship", "ark"),
    ),
    "two sources too": (
        [UNKNOWN_BIRTH, between("POP", "ITA", "_X_OTHER", "birth", 40, source="bee")],
        (40, 1, "POP", "birth", "bee"),
    ),
    "the members of one count are added up": (
        [STATELESS, between("POP", "ITA", "_U", "citizenship", 8)],
        (13, 2, "POP", "citizenship", "ark"),
    ),
    "a count without a figure comes last": (
        [{**UNKNOWN_BIRTH, "value": None}, STATELESS],
        (5, 1, "POP", "citizenship", "ark"),
    ),
}


@pytest.mark.parametrize(("rows", "expected"), REMAINDER.values(), ids=REMAINDER)
def test_what_is_no_corridor_is_added_up_of_one_count(
    warehouse_url: str, rows: Sequence[Row], expected: tuple[Any, ...]
) -> None:
    show(warehouse_url, rows)
    columns = "value, figures, indicator, counterpart_basis, source"
    assert rows_of(warehouse_url, f"SELECT {columns} FROM bi.corridor_remainder") == [expected]


def test_corridors_have_nothing_of_a_source_that_may_not_be_passed_on(warehouse_url: str) -> None:
    show(warehouse_url, [immigrants("MAR", "ITA", 20, source="zoo"), emigrants("MAR", "ITA", 16)])
    there = corridors(warehouse_url)["MAR", "ITA", 2020]
    assert (there["flow_reported_by_destination"], there["missing_mirror"]) == (None, "destination")


# -- stocks and flows -------------------------------------------------------------------------------------------


def stock(year: int, value: float, **said: object) -> dict[str, Any]:
    basis = {"counterpart_basis": "citizenship", "concept_basis": "citizenship"}
    return {"indicator": "FOREIGN_POP", **basis, "time_period": str(year), "value": value, **said}


def flows(year: int, came: float, left: float, naturalised: float, **said: object) -> list[dict[str, Any]]:
    parts = {"INFLOWS_FOREIGN": came, "OUTFLOWS_FOREIGN": left, "CITIZENSHIP_ACQUISITIONS": naturalised}
    basis = {"counterpart_basis": "citizenship", "time_period": str(year), **FLOW}
    return [{"indicator": i, "value": v, **basis, **said} for i, v in parts.items()]


NO = None
#: Figures → stock before and after, inflow, outflow, naturalisation, residual, why none, prorated.
ACCOUNTS: Mapping[str, tuple[Sequence[Row], tuple[object, ...]]] = {
    # 31 December 2019 to 31 December 2020: 1000 + 100 - 30 - 20 = 1050, and there are 1040
    "a year between two ends of years": (
        [stock(2019, 1000), stock(2020, 1040), *flows(2020, 100, 30, 20)],
        ("2020-01-01", "2020-12-31", 1000, 1040, 100, 30, 20, -10, NO, False),
    ),
    "a year between two first days": (
        [
            *(stock(y, v, reference_point="start") for y, v in ((2020, 1000), (2021, 1040))),
            *flows(2020, 100, 30, 20),
        ],
        ("2020-01-01", "2020-12-31", 1000, 1040, 100, 30, 20, -10, NO, False),
    ),
    "several years": (
        [stock(2018, 1000), stock(2020, 1100), *flows(2019, 100, 30, 20), *flows(2020, 70, 10, 10)],
        ("2019-01-01", "2020-12-31", 1000, 1100, 170, 40, 30, 0, NO, False),
    ),
    "a year that is missing of one part": (
        [stock(2018, 1000), stock(2020, 1100), *flows(2019, 100, 30, 20), *flows(2020, 70, 10, 10)[::2]],
        ("2019-01-01", "2020-12-31", 1000, 1100, 170, NO, 30, NO, "no figure: outflow 2020", False),
    ),
    "no flow at all": (
        [stock(2019, 1000), stock(2020, 1040)],
        (
            *("2020-01-01", "2020-12-31", 1000, 1040, NO, NO, NO, NO),
            *("no figure: inflow 2020; naturalisation 2020; outflow 2020", False),
        ),
    ),
    # 184 of 366 days of 2020 and 181 of 365 of 2021
    "years that are cut count by days, and it is said": (
        [
            *(stock(y, v, reference_point="07-01") for y, v in ((2020, 1000), (2021, 1100))),
            *flows(2020, 366, 183, 0),
            *flows(2021, 365, 0, 0),
        ],
        ("2020-07-01", "2021-06-30", 1000, 1100, 365, 92, 0, -173, NO, True),
    ),
    "a break in the series": (
        [stock(2019, 1000), stock(2020, 1040, obs_status="B"), *flows(2020, 100, 30, 20)],
        ("2020-01-01", "2020-12-31", 1000, 1040, 100, 30, 20, NO, "a break in the series of stocks", False),
    ),
}


@pytest.mark.parametrize(("rows", "expected"), ACCOUNTS.values(), ids=ACCOUNTS)
def test_the_change_of_a_stock_is_held_against_its_flows(
    warehouse_url: str, rows: Sequence[Row], expected: tuple[object, ...]
) -> None:
    show(warehouse_url, rows)
    found = rows_of(
        warehouse_url,
        "SELECT first_day::text, last_day::text, stock_before, stock_after, inflow, outflow, naturalisation, residual, "
        "why_no_residual, is_prorated FROM bi.stock_flow WHERE account = 'foreign_citizens'",
    )
    assert found == [tuple(pytest.approx(e) if isinstance(e, float | int) else e for e in expected)]


def test_an_account_says_its_share_what_it_holds_and_what_was_modelled(warehouse_url: str) -> None:
    show(warehouse_url, [stock(2019, 1000), stock(2020, 1040), *flows(2020, 100, 30, 20, obs_status="E")])
    found = rows_of(warehouse_url, "SELECT change, residual_share, residual_holds, is_modelled FROM bi.stock_flow")
    assert found == [(40, pytest.approx(-0.01), "births, deaths", True)]


def test_stocks_that_count_other_people_have_no_residual(warehouse_url: str) -> None:
    def born(year: int, concept: str) -> dict[str, Any]:
        return {"indicator": "MIG_STOCK", "time_period": str(year), "concept_basis": concept, "value": 5}

    show(warehouse_url, [born(2019, "birth"), born(2020, "birth+refugees"), *flows(2020, 100, 30, 20)])
    assert rows_of(warehouse_url, "SELECT account, residual, why_no_residual FROM bi.stock_flow") == [
        ("foreign_born", None, "the stocks differ in who counts")
    ]


# -- what is published one after the other is what is published at once ------------------------------------------

TABLES = ("core.reconciliation", "bi.corridor_figures", "bi.stock_flow")


def contents(url: str) -> dict[str, list[tuple[Any, ...]]]:
    return {table: rows_of(url, f"SELECT t::text FROM {table} AS t ORDER BY 1") for table in TABLES}


def test_publishing_one_indicator_after_the_other_gives_what_all_at_once_gives(warehouse_url: str) -> None:
    rows = [
        *CORRIDOR,
        *({**row, "source": "cat", "value": row["value"] * 1.5} for row in CORRIDOR if row.get("source") is None),
        *(stock(2019, 1000), stock(2020, 1040), *flows(2020, 100, 30, 20)),
        {"indicator": "REFUGEES", "ref_area": "ITA", "counterpart_basis": "origin", "value": 300},
        {"source": "bee", "value": 200, "concept_basis": "birth+refugees"},
    ]
    show(warehouse_url, rows)
    at_once = contents(warehouse_url)
    assert all(at_once.values())
    indicators = {row.get("indicator", "MIG_STOCK") for row in rows}
    for indicator in sorted(indicators):
        show(warehouse_url, [], touched=[indicator])
    assert contents(warehouse_url) == {table: [] for table in TABLES}
    for indicator in sorted(indicators, reverse=True):
        show(warehouse_url, [row for row in rows if row.get("indicator", "MIG_STOCK") == indicator])
    assert contents(warehouse_url) == at_once
