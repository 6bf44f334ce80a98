"""Derived indicators: computed by hand beside what the warehouse computes, and every way to have no figure."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Final

import pytest
import toy

from migstats import lineage, publish, settings, warehouse
from migstats.codelists import read_codelist
from migstats.source import Source

pytestmark = pytest.mark.database

FOLDER = settings.include() / "codelists"
INDICATORS = read_codelist(FOLDER, "indicator").rows
#: Source that figures of an indicator are of where a case does not say otherwise.
SOURCES: Final = {
    code: row["sources"].split("|")[0]
    for code, row in read_codelist(FOLDER, "source_preference").rows.items()
    if not row["sources"].startswith("uploads")
}
Figure = dict[str, Any]


def figure(indicator: str, value: float | None, **said: Any) -> Figure:
    """A published, preferred figure: of Morocco in 2024, a total, of the day on which its publisher counts."""
    period = said.get("time_period", "2024")
    year = int(period[:4])
    stock = INDICATORS[indicator]["stock_or_flow"] == "stock"
    point = dt.date(year, 12, 31) if indicator == "REFUGEES" else dt.date(year, 7, 1)
    totals = ("sex", "age", "migration_status", "education", "labour_status", "occupation", "activity", "reason")
    row = {
        "source": SOURCES.get(indicator, "undesa_stock"),
        "dataset": "test",
        "indicator": indicator,
        "freq": "A",
        "ref_area": "MAR",
        "counterpart_basis": "_Z",
        "time_period": period,
        "year": year,
        "value": None,
        "published_value": value,
        "is_total": True,
        "unit": INDICATORS[indicator]["unit"],
        "obs_status": "A" if value is not None else "O",
        "conf_status": "F",
        "missing_reason": None if value is not None else "not_available",
        "reference_point": "07-01" if stock else "period",
        "point_in_time": point if stock else None,
        "release": "2024",
        "vintage": 7,
        "match_level": 0,
        "preferred": True,
        "why_preferred": "only_source",
        "method": "published",
        **dict.fromkeys(("subdivision", "subdivision_matched", "counterpart_area", *totals), "_T"),
        **dict.fromkeys(("urbanisation", "disability", "breakdown"), "_T"),
        **said,
    }
    key = [str(row[c]) for c in row if c not in ("published_value", "value", "obs_status", "vintage", "preferred")]
    return {"observation_id": "|".join(key), **row}


def insert(connection: warehouse.Connection, table: str, figures: list[Figure]) -> None:
    connection.execute("SET LOCAL session_replication_role = replica")  # no run of disclosure control goes before
    for row in figures:
        columns, places = ", ".join(row), ", ".join(f"%({column})s" for column in row)
        connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", row)


def derived(url: str, figures: list[Figure], touched: set[str] | None = None) -> list[Figure]:
    """What is derived from these figures; those of indicators that are not touched stand in bi already."""
    with warehouse.connect(url) as connection:
        connection.execute("CREATE TEMPORARY TABLE published (LIKE bi.observation_all) ON COMMIT DROP")
        connection.execute("CREATE TEMPORARY TABLE touched (indicator text) ON COMMIT DROP")
        news = touched if touched is not None else {row["indicator"] for row in figures}
        for indicator in news:
            connection.execute("INSERT INTO pg_temp.touched VALUES (%s)", (indicator,))
        insert(connection, "pg_temp.published", [row for row in figures if row["indicator"] in news])
        insert(connection, "bi.observation_all", [row for row in figures if row["indicator"] not in news])
        warehouse.execute(connection, "publication/stage_derivation")
        warehouse.execute(connection, "publication/stage_derived_touched")
        publish.derive(connection)
        found = connection.execute("SELECT * FROM pg_temp.derived ORDER BY indicator, observation_id").fetchall()
        connection.rollback()
    return found


# -- by hand --------------------------------------------------------------------------------------------------------

#: UN DESA, International Migrant Stock 2024, tables 1 and 2 (Morocco): males and females, and the population.
STOCK = figure("MIG_STOCK", 111069, counterpart_basis="origin", concept_basis="citizenship+refugees")
STOCK_M = {**STOCK, "sex": "M", "published_value": 57192, "observation_id": "m"}
STOCK_F = {**STOCK, "sex": "F", "published_value": 53877, "observation_id": "f"}
STOCK_2020 = figure(
    "MIG_STOCK", 102358, counterpart_basis="origin", concept_basis="citizenship+refugees", time_period="2020"
)
POP = figure("POP", 38081173)
POP_F = figure("POP", 18879151, sex="F", source="undesa_wpp")
#: Eurostat lfsa_ergan and edat_lfs_9911 (the second one invented): Germany, 2023, by citizenship.
RATE = {"ref_area": "DEU", "age": "Y15T64", "time_period": "2023", "concept_basis": "citizenship"}
FOR = {**RATE, "counterpart_area": "ESTAT_FOR", "counterpart_basis": "citizenship"}
NAT = {**RATE, "counterpart_area": "ESTAT_NAT", "counterpart_basis": "citizenship"}

#: Figures → indicator and value, worked out beside it.
BY_HAND = {
    # 111,069 / 38,081,173; table 3 of the same workbook prints 0.2916638098306478
    "share of migrants": ([STOCK, POP], {"MIG_STOCK_SHARE": 0.2916638098306478}),
    # 53,877 / 18,879,151; table 3 prints 0.2853782990559268
    "share of migrants among women": ([STOCK_F, POP_F], {"MIG_STOCK_SHARE": 0.2853782990559268}),
    # 57,192 / 53,877
    "sex ratio": ([STOCK_M, STOCK_F], {"MIG_SEX_RATIO": 106.15290383652}),
    # ln(111,069 / 102,358) / 4 years; table 5 prints 2.041878939723505
    "growth since the last stock": ([STOCK, STOCK_2020], {"MIG_STOCK_GROWTH": 2.041878939723505}),
    # -39,998 (World Bank SM.POP.NETM, 2023) over an invented population
    "net migration rate": (
        [figure("NET_MIG", -39998, time_period="2023"), figure("POP", 37_700_000, time_period="2023")],
        {"NET_MIG_RATE": -1.0609549071618},
    ),
    # 18,889 / 38,081,173
    "refugees hosted": ([figure("REFUGEES", 18889), POP], {"REFUGEES_HOSTED_RATE": 49.6019384907}),
    # 12,000,000,000 / 38,081,173
    "remittances per inhabitant": ([figure("REMIT_IN", 12_000_000_000), POP], {"REMIT_IN_PER_CAPITA": 315.1163437113}),
    # 5,000,000,000 / 5,081,769,542,379.77 (World Bank NY.GDP.MKTP.CD, Japan 2019)
    "remittances as a share of GDP": (
        [
            figure("REMIT_IN", 5_000_000_000, ref_area="JPN", time_period="2019"),
            figure("REMIT_OUT", 10_000_000_000, ref_area="JPN", time_period="2019"),
            figure("GDP", 5081769542379.77, ref_area="JPN", time_period="2019"),
        ],
        {"REMIT_IN_GDP": 0.0983909238367, "REMIT_OUT_GDP": 0.1967818476734},
    ),
    # 2,400 dollars paid, 320 earned in a month
    "recruitment cost in months": (
        [figure("RECRUITMENT_COST_USD", 2400), figure("MIGRANT_EARNINGS_USD", 320)],
        {"RECRUITMENT_COST": 7.5},
    ),
    # 65.8 - 79.7
    "employment gap by citizenship": (
        [figure("EMPLOYMENT_RATE", 65.8, **FOR), figure("EMPLOYMENT_RATE", 79.7, **NAT)],
        {"EMPLOYMENT_GAP": -13.9},
    ),
    "employment gap by migration status": (
        [
            figure("EMPLOYMENT_RATE", 40, migration_status="MIGRANT"),
            figure("EMPLOYMENT_RATE", 45.5, migration_status="NON_MIGRANT"),
        ],
        {"EMPLOYMENT_GAP": -5.5},
    ),
    "NEET gap": (
        [
            figure("NEET_RATE", 21.5, migration_status="MIGRANT", age="Y15T24"),
            figure("NEET_RATE", 14, migration_status="NON_MIGRANT", age="Y15T24"),
        ],
        {"NEET_GAP": 7.5},
    ),
    "education gap": (
        [
            figure("EDU_ATTAINMENT_SHARE", 35, education="ED5-8", **FOR),
            figure("EDU_ATTAINMENT_SHARE", 30.5, education="ED5-8", **NAT),
        ],
        {"EDUCATION_GAP": 4.5},
    ),
}


@pytest.mark.parametrize(("figures", "expected"), BY_HAND.values(), ids=BY_HAND)
def test_a_formula_gives_what_is_computed_by_hand(
    warehouse_url: str, figures: list[Figure], expected: dict[str, float]
) -> None:
    found = derived(warehouse_url, figures)
    assert {row["indicator"]: row["published_value"] for row in found} == pytest.approx(expected, rel=1e-9)
    assert len(found) == len(expected)
    for row in found:
        assert row["unit"] == INDICATORS[row["indicator"]]["unit"]
        assert (row["obs_status"], row["missing_reason"]) == ("A", None)
        assert {row["input_id"], row["other_id"]} <= {said["observation_id"] for said in figures}


def test_every_formula_has_an_example_by_hand() -> None:
    shown = {indicator for _, expected in BY_HAND.values() for indicator in expected}
    assert shown == {row["indicator"] for row in read_codelist(FOLDER, "derived_indicator").rows.values()}


# -- when there is no figure ----------------------------------------------------------------------------------------

GONE: dict[str, Any] = {"published_value": None}
SUPPRESSED = {**GONE, "obs_status": "Q", "conf_status": "C", "missing_reason": "suppressed"}
NEVER = {**GONE, "obs_status": "M", "missing_reason": "did_not_exist"}
MISSING = {**GONE, "obs_status": "O", "missing_reason": "not_available"}
SMALL = {**GONE, "obs_status": "N", "missing_reason": "below_half_unit"}
MIXED = "not computed: the inputs have different concept bases"
NOUGHT = "not computed: an input is nought"
#: Figures → the status of what is derived, its reason, confidentiality and note.
NO_FIGURE = {
    "suppressed above the line": ([{**STOCK, **SUPPRESSED}, POP], ("Q", "suppressed", "C", None)),
    "suppressed below the line": ([STOCK, {**POP, **SUPPRESSED}], ("Q", "suppressed", "C", None)),
    "suppressed beats missing": ([{**STOCK, **MISSING}, {**POP, **SUPPRESSED}], ("Q", "suppressed", "C", None)),
    "missing": ([{**STOCK, **MISSING}, POP], ("O", "not_available", "F", None)),
    "missing below the line": ([STOCK, {**POP, **MISSING}], ("O", "not_available", "F", None)),
    "did not exist": ([{**STOCK, **NEVER}, POP], ("M", "did_not_exist", "F", None)),
    "less than half a unit is no nought": ([{**STOCK, **SMALL}, POP], ("O", "not_available", "F", None)),
    "nought below the line": ([STOCK, {**POP, "published_value": 0}], ("M", "not_applicable", "F", NOUGHT)),
    "growth from nought": ([STOCK, {**STOCK_2020, "published_value": 0}], ("M", "not_applicable", "F", NOUGHT)),
    "growth of another kind of migrants": (
        [STOCK, {**STOCK_2020, "concept_basis": "birth"}],
        ("M", "not_applicable", "F", MIXED),
    ),
    "growth without saying of whom": (
        [STOCK, {**STOCK_2020, "concept_basis": None}],
        ("M", "not_applicable", "F", MIXED),
    ),
    "a result that cannot be": (
        [STOCK, {**POP, "published_value": 100_000}],
        ("M", "not_applicable", "F", "not computed: the result is outside what the indicator can be"),
    ),
}


@pytest.mark.parametrize(("figures", "expected"), NO_FIGURE.values(), ids=NO_FIGURE)
def test_where_there_is_no_figure_the_status_says_why(
    warehouse_url: str, figures: list[Figure], expected: tuple[str | None, ...]
) -> None:
    [row] = derived(warehouse_url, figures)
    assert row["published_value"] is None
    told = row["note"].removeprefix(f"formula {row['formula']}").removeprefix("; ") or None
    assert (row["obs_status"], row["missing_reason"], row["conf_status"], told) == expected


EUROSTAT = {"source": "eurostat_migr", "reference_point": "start", "point_in_time": dt.date(2024, 1, 1)}
NOTHING = {
    "one input alone": [STOCK],
    "a population of another day": [STOCK, {**POP, **EUROSTAT}],
    "a population of another day, under a flow": [figure("REMIT_IN", 5), {**POP, **EUROSTAT}],
    "another year": [STOCK, figure("POP", 37_000_000, time_period="2023")],
    "another frequency": [STOCK, {**POP, "freq": "M"}],
    "another unit": [STOCK, {**POP, "unit": "NUMBER"}],
    "another country": [STOCK, {**POP, "ref_area": "TUN"}],
    "a group of countries": [{**STOCK, "ref_area": "001"}, {**POP, "ref_area": "001"}],
    "another sex": [STOCK_F, POP],
    "a projection": [STOCK, {**POP, "breakdown": "WPP:MEDIUM"}],
    "a stock by origin over everybody": [{**STOCK, "counterpart_area": "FRA"}, POP],
    "figures that another source goes before": [{**STOCK, "preferred": False}, POP],
    "figures that migstats made": [{**STOCK, "method": "sum"}, POP],
    "figures that may not be passed on": [{**STOCK, "source": "upload_mar"}, POP],
    "two bases of one total": [STOCK_M, {**STOCK_F, "counterpart_basis": "citizenship"}],
    "men of one source and women of another": [STOCK_M, {**STOCK_F, "source": "oecd_migration"}],
    "migrants of one survey and others of another": [
        figure("EMPLOYMENT_RATE", 40, migration_status="MIGRANT"),
        figure("EMPLOYMENT_RATE", 45.5, migration_status="NON_MIGRANT", source="ilostat_migrants"),
    ],
    "a first stock": [STOCK, {**STOCK_2020, "source": "oecd_migration"}],
}


@pytest.mark.parametrize("figures", NOTHING.values(), ids=NOTHING)
def test_what_does_not_belong_together_gives_nothing(warehouse_url: str, figures: list[Figure]) -> None:
    with warehouse.connect(warehouse_url) as connection:
        connection.execute(
            "INSERT INTO ref.source SELECT (jsonb_populate_record(s, "
            '\'{"code": "upload_mar", "redistribution": "unclear"}\')).* FROM ref.source AS s LIMIT 1 '
            "ON CONFLICT (code) DO UPDATE SET redistribution = 'unclear'"
        )
    assert derived(warehouse_url, figures) == []


STATUSES = {
    "an estimate makes an estimate": ("E", "A", "E"),
    "an imputed one too": ("A", "I", "E"),
    "a forecast goes before an estimate": ("E", "F", "F"),
    "unreliable goes before provisional": ("P", "U", "U"),
    "a break is told": ("A", "B", "B"),
    "another definition is told": ("D", "A", "D"),
}


@pytest.mark.parametrize(("first", "second", "expected"), STATUSES.values(), ids=STATUSES)
def test_the_weakest_status_of_the_inputs_is_that_of_the_figure(
    warehouse_url: str, first: str, second: str, expected: str
) -> None:
    [row] = derived(warehouse_url, [{**STOCK, "obs_status": first}, {**POP, "obs_status": second}])
    assert row["obs_status"] == expected
    assert row["published_value"] is not None


NATURES = {
    "of a modelled figure": ("M", None, "M"),
    "over a modelled one": (None, "M", "M"),
    "modelled goes before estimated": ("E", "M", "M"),
    "of an estimated figure": ("E", "C", "E"),
    "of what countries have": ("C", "C", None),
}


@pytest.mark.parametrize(("first", "second", "expected"), NATURES.values(), ids=NATURES)
def test_what_comes_of_a_modelled_figure_is_modelled(
    warehouse_url: str, first: str | None, second: str | None, expected: str | None
) -> None:
    flow = figure("NET_MIG", -39998, nature=first)
    [row] = derived(warehouse_url, [flow, {**POP, "nature": second}])
    assert row["nature"] == expected


# -- which figures go together ---------------------------------------------------------------------------------------


def test_growth_passes_over_what_is_missing_and_says_since_when(warehouse_url: str) -> None:
    gap = [figure("MIG_STOCK", None, **{**BASES, "time_period": str(year)}) for year in (2021, 2022, 2023)]
    older = figure("MIG_STOCK", 92424, **{**BASES, "time_period": "2015"})
    found = {row["time_period"]: row for row in derived(warehouse_url, [STOCK, STOCK_2020, older, *gap])}
    assert set(found) == {"2020", "2021", "2022", "2023", "2024"}
    assert found["2024"]["note"] == "formula mig_stock_growth; since 2020"
    assert found["2024"]["other_id"] == STOCK_2020["observation_id"]
    # table 5 of UN DESA, 2015 to 2020
    assert found["2020"]["published_value"] == pytest.approx(2.041795740752165, rel=1e-9)
    assert {found[year]["obs_status"] for year in ("2021", "2022", "2023")} == {"O"}


BASES = {"counterpart_basis": "origin", "concept_basis": "citizenship+refugees"}


def test_of_several_totals_the_one_of_the_preferred_source_is_below_the_line_and_nothing_is_computed_twice(
    warehouse_url: str,
) -> None:
    other = figure("POP", 1, counterpart_basis="birth", source="undesa_wpp")
    third = figure("POP", 2, counterpart_basis="citizenship", source="eurostat_migr")
    [row] = derived(warehouse_url, [STOCK, other, third, POP])
    assert row["other_id"] == POP["observation_id"]


def test_a_derived_figure_has_the_cell_of_its_inputs(warehouse_url: str) -> None:
    [row] = derived(warehouse_url, [figure("EMPLOYMENT_RATE", 65.8, **FOR), figure("EMPLOYMENT_RATE", 79.7, **NAT)])
    cell = {"ref_area": "DEU", "age": "Y15T64", "sex": "_T", "counterpart_area": "_T", "time_period": "2023"}
    assert {name: row[name] for name in cell} == cell
    assert (row["counterpart_basis"], row["concept_basis"]) == ("citizenship", "citizenship")
    [ratio] = derived(warehouse_url, [STOCK_M, STOCK_F])
    assert (ratio["sex"], ratio["point_in_time"]) == ("_T", dt.date(2024, 7, 1))


def test_whichever_input_is_new_the_same_is_derived(warehouse_url: str) -> None:
    """An input that is not touched is taken from what bi shows."""
    both = derived(warehouse_url, [STOCK, POP])
    assert both
    assert derived(warehouse_url, [STOCK, POP], {"MIG_STOCK"}) == both
    assert derived(warehouse_url, [STOCK, POP], {"POP"}) == both
    assert derived(warehouse_url, [STOCK, POP], {"MIG_STOCK_SHARE"}) == both
    assert derived(warehouse_url, [STOCK, POP], {"REMIT_OUT"}) == []


# -- as it is published ----------------------------------------------------------------------------------------------

A, B, _ = toy.SLICES
PEOPLE = {"INDICATOR": "POP", "OBS_VALUE": "38081173"}
MIGRANTS = {"OBS_VALUE": "111069", "BASIS": "origin"}


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Source]:
    return toy.declare(tmp_path, monkeypatch, "toy", "zoo")


def bring(url: str, source: Source, slice_id: str, *rows: dict[str, str], day: int = 0) -> publish.Publication:
    toy.load(url, source, toy.read(url, source, slice_id, list(rows), at=toy.DAY + dt.timedelta(days=day)))
    return publish.publish(url, run_id="test")


def ask(url: str, query: str) -> list[dict[str, Any]]:
    with warehouse.connect(url) as connection:
        return connection.execute(query).fetchall()


OURS = "SELECT * FROM bi.observation_all WHERE source = 'migstats' ORDER BY observation_id"
LINKS = "SELECT * FROM bi.derivation ORDER BY observation_id, role"


def test_a_derived_figure_is_published_with_its_inputs_and_never_summed(
    warehouse_url: str, sources: list[Source]
) -> None:
    bring(warehouse_url, sources[0], A, MIGRANTS)
    assert ask(warehouse_url, OURS) == []
    bring(warehouse_url, sources[1], A, PEOPLE)
    [row] = ask(warehouse_url, OURS)
    assert (row["indicator"], row["dataset"], row["method"]) == ("MIG_STOCK_SHARE", "derived", "derived")
    assert row["published_value"] == pytest.approx(0.2916638098306478, rel=1e-9)
    assert (row["value"], row["is_total"], row["preferred"], row["why_preferred"]) == (None, True, True, "only_source")
    assert (row["ref_area"], row["time_period"], row["point_in_time"]) == ("MAR", "2020", dt.date(2020, 12, 31))
    links = ask(warehouse_url, LINKS)
    assert [(link["observation_id"], link["role"]) for link in links] == [
        (row["observation_id"], "denominator"),
        (row["observation_id"], "numerator"),
    ]
    shown = {f["observation_id"]: f["indicator"] for f in ask(warehouse_url, "SELECT * FROM bi.fact_observation")}
    assert [shown[link["input_observation_id"]] for link in links] == ["POP", "MIG_STOCK"]
    assert row["observation_id"] not in {f["observation_id"] for f in ask(warehouse_url, "SELECT * FROM bi.lineage")}


def test_trace_names_the_formula_and_leads_on_to_the_cell_of_each_input(
    warehouse_url: str, sources: list[Source]
) -> None:
    bring(warehouse_url, sources[0], A, MIGRANTS, PEOPLE)
    [row] = ask(warehouse_url, OURS)
    traced = lineage.trace(warehouse_url, row["observation_id"])
    assert traced["formula"] == "100 × MIG_STOCK / POP"
    assert traced["reason"].startswith("UN DESA")
    assert traced["recomputed"] == traced["published_value"]
    assert traced["agrees"] is True
    leads = {way["role"]: lineage.trace(warehouse_url, way["observation_id"]) for way in traced["inputs"]}
    assert {role: lead["raw"] for role, lead in leads.items()} == {"numerator": "111069", "denominator": "38081173"}
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")  # no run of disclosure control goes before
        connection.execute("UPDATE bi.observation_all SET published_value = 5 WHERE source = 'migstats'")
    assert lineage.trace(warehouse_url, row["observation_id"])["agrees"] is False


def test_a_derived_figure_moves_and_goes_with_its_inputs(warehouse_url: str, sources: list[Source]) -> None:
    bring(warehouse_url, sources[0], A, MIGRANTS)
    bring(warehouse_url, sources[1], A, PEOPLE)
    [before] = ask(warehouse_url, OURS)
    bring(warehouse_url, sources[1], A, {**PEOPLE, "OBS_VALUE": "40000000"}, day=1)
    [after] = ask(warehouse_url, OURS)
    assert after["observation_id"] == before["observation_id"]
    assert after["published_value"] == pytest.approx(0.2776725)
    bring(warehouse_url, sources[1], A, {**PEOPLE, "REF_AREA": "TUN"}, day=2)
    assert ask(warehouse_url, OURS) == []
    assert ask(warehouse_url, LINKS) == []


def test_publishing_bit_by_bit_is_publishing_all_at_once(warehouse_url: str, sources: list[Source]) -> None:
    sexes = [{**MIGRANTS, "SEX": "M", "OBS_VALUE": "57192"}, {**MIGRANTS, "SEX": "F", "OBS_VALUE": "53877"}]
    earlier = {**MIGRANTS, "TIME_PERIOD": "2016", "OBS_VALUE": "102358"}
    bring(warehouse_url, sources[0], A, MIGRANTS, *sexes)
    bring(warehouse_url, sources[1], A, PEOPLE)
    bring(warehouse_url, sources[0], B, earlier)
    rows, links = ask(warehouse_url, OURS), ask(warehouse_url, LINKS)
    assert sorted(row["indicator"] for row in rows) == ["MIG_SEX_RATIO", "MIG_STOCK_GROWTH", "MIG_STOCK_SHARE"]
    assert len(links) == 6
    publish.publish(warehouse_url, run_id="again", anew=True)
    # each publication has a run of disclosure control of its own
    assert [{**row, "disclosure": None} for row in ask(warehouse_url, OURS)] == [
        {**row, "disclosure": None} for row in rows
    ]
    assert ask(warehouse_url, LINKS) == links


def test_a_published_figure_goes_before_ours_and_a_suppressed_one_is_not_told(
    warehouse_url: str, sources: list[Source]
) -> None:
    share = {"INDICATOR": "MIG_STOCK_SHARE", "UNIT": "PT", "BASIS": "origin"}
    bring(warehouse_url, sources[0], A, MIGRANTS, PEOPLE, {**share, "OBS_VALUE": "0.3"})
    cell = "SELECT * FROM bi.observation_all WHERE indicator = 'MIG_STOCK_SHARE' ORDER BY source"
    ours, theirs = ask(warehouse_url, cell)
    assert (ours["preferred"], theirs["preferred"]) == (False, True)
    assert theirs["why_preferred"] == "published_first"
    bring(warehouse_url, sources[0], A, MIGRANTS, PEOPLE, {**share, "OBS_VALUE": "", "OBS_STATUS": "Q"}, day=1)
    ours, theirs = ask(warehouse_url, cell)
    assert (ours["published_value"], ours["obs_status"], ours["missing_reason"]) == (None, "Q", "suppressed")


def test_no_figure_is_derived_from_one_that_may_not_be_passed_on(
    warehouse_url: str, tmp_path: Path, sources: list[Source]
) -> None:
    bring(warehouse_url, sources[0], A, MIGRANTS, PEOPLE)
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("UPDATE ref.source SET redistribution = 'unclear' WHERE code = 'toy'")
    publish.publish(warehouse_url, run_id="restricted")
    assert ask(warehouse_url, OURS) == []
    assert ask(warehouse_url, LINKS) == []
