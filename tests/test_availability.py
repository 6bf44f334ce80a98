"""What there is: the counts of bi.availability are those of a slow count, and the score is that of a count by hand."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from pathlib import Path

import pytest
import toy
from samples import Filled

from migstats import publish, warehouse
from migstats.observation import SERIES_DIMENSIONS
from migstats.source import Source

pytestmark = pytest.mark.database

PART = "figures/part=a"
#: Dimensions that figures can be broken down by.
BROKEN_DOWN = tuple(
    d for d in SERIES_DIMENSIONS if d not in ("source", "indicator", "freq", "ref_area", "counterpart_basis")
)
Key = tuple[str, str, str, int, str]


def counted(url: str) -> dict[Key, Counter[str]]:
    """The slow count: one row of observation_all after the other. A source's only band of age, where nobody has a total
    of all ages, breaks nothing down."""
    found: dict[Key, Counter[str]] = {}
    with warehouse.connect(url) as connection:
        rows = connection.execute("SELECT * FROM bi.observation_all").fetchall()
    totals = {(row["indicator"], row["ref_area"]) for row in rows if row["age"] in ("_T", "_Z")}
    ages: dict[tuple[object, ...], set[str]] = {}
    for row in rows:
        ages.setdefault(tuple(row[d] for d in ("source", "indicator", "ref_area", "year")), set()).add(row["age"])
    for row in rows:
        said = {d for d in BROKEN_DOWN if row[d] not in ("_T", "_Z")}
        place = (row["source"], row["indicator"], row["ref_area"], row["year"])
        if len(ages[place]) == 1 and place[1:3] not in totals:
            said.discard("age")
        projected = row["breakdown"].startswith("WPP:")
        dimensions = [d for d in BROKEN_DOWN if d in said and not (projected and d == "breakdown")]
        if projected or row["obs_status"] == "F":
            dimensions.append("projection")
        key = (*place, " ".join(dimensions) or "none")
        state = "suppressed" if row["obs_status"] == "Q" else "missing"
        counts = found.setdefault(key, Counter())
        counts[state if row["published_value"] is None else "figures"] += 1
        counts["preferred"] += row["published_value"] is not None and row["preferred"]
    return found


def available(url: str) -> dict[Key, Counter[str]]:
    found: dict[Key, Counter[str]] = {}
    with warehouse.connect(url) as connection:
        for row in connection.execute("SELECT * FROM bi.availability").fetchall():
            dimensions = row["breakdowns"]
            assert row["depth"] == (0 if dimensions == "none" else len(dimensions.split()))
            key = (row["source"], row["indicator"], row["ref_area"], row["year"], dimensions)
            assert key not in found
            found[key] = Counter({c: row[c] for c in ("figures", "missing", "suppressed", "preferred")})
    return found


def test_availability_of_all_samples_is_what_a_slow_count_finds(warehouse_of_samples: Filled) -> None:
    found = available(warehouse_of_samples.url)
    assert found == counted(warehouse_of_samples.url)
    assert len({key[0] for key in found}) > 25
    assert max(len(key[4].split()) for key in found) >= 3


def test_what_there_is_in_all_years_is_counted_from_availability(warehouse_of_samples: Filled) -> None:
    slow: dict[tuple[object, ...], list[dict[str, int]]] = {}
    with warehouse.connect(warehouse_of_samples.url) as connection:
        for row in connection.execute("SELECT * FROM bi.availability").fetchall():
            slow.setdefault((row["source"], row["indicator"], row["ref_area"]), []).append(row)
        ready = connection.execute("SELECT * FROM bi.availability_total").fetchall()
    counts = ("figures", "missing", "suppressed", "preferred")
    expected = {}
    for key, rows in slow.items():
        years = [row["year"] for row in rows if row["figures"] and "projection" not in row["breakdowns"]]
        ends = (min(years), max(years)) if years else (None, None)
        expected[key] = (*(sum(row[count] for row in rows) for count in counts), *ends)
    found = {(r["source"], r["indicator"], r["ref_area"]): tuple(r.values())[3:] for r in ready}
    assert found == expected
    assert any(last is None for *_, last in found.values()), "an area of which there are gaps alone"


def test_sums_of_all_samples_are_what_a_slow_sum_of_fact_observation_finds(warehouse_of_samples: Filled) -> None:
    slow: dict[tuple[object, ...], list[float]] = {}
    with warehouse.connect(warehouse_of_samples.url) as connection:
        for row in connection.execute("SELECT * FROM bi.fact_observation").fetchall():
            if row["value"] is not None:
                key = (row["indicator"], row["source"], row["ref_area"], row["unit"], row["year"])
                slow.setdefault(key, []).append(row["value"])
        ready = connection.execute("SELECT * FROM bi.annual_sum").fetchall()
    found = {
        (r["indicator"], r["source"], r["ref_area"], r["unit"], r["year"]): (r["value"], r["figures"]) for r in ready
    }
    assert {key: figures for key, (_, figures) in found.items()} == {key: len(values) for key, values in slow.items()}
    assert [key for key, (value, _) in found.items() if value != pytest.approx(sum(slow[key]), rel=1e-12)] == []
    assert len({key[0] for key in found}) > 30


REVISIONS = """
SELECT source, release, count(*)::integer AS figures, count(*) FILTER (WHERE known_to IS NULL)::integer AS still_stand,
    count(*) FILTER (WHERE known_to IS NOT NULL AND end_reason = 'revised')::integer AS revised_later,
    count(*) FILTER (WHERE known_to IS NOT NULL AND end_reason = 'deleted_at_source')::integer AS taken_back_later
FROM bi.revisions GROUP BY source, release ORDER BY source, release
"""


def released(url: str) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """What became of the figures of each release: as it is kept ready, and counted anew."""
    with warehouse.connect(url) as connection:
        ready = connection.execute("SELECT * FROM bi.release_figures ORDER BY source, release").fetchall()
        return ready, connection.execute(REVISIONS).fetchall()


def test_what_became_of_releases_is_counted_from_revisions(warehouse_of_samples: Filled) -> None:
    ready, counted_anew = released(warehouse_of_samples.url)
    assert ready == counted_anew
    assert len(ready) > 25


def test_a_release_that_a_later_one_changes_is_counted_again(warehouse_url: str, sources: list[Source]) -> None:
    [toy_source, *_] = sources
    for day, rows in enumerate(([{"OBS_VALUE": "10"}, {"SEX": "F", "OBS_VALUE": "4"}], [{"OBS_VALUE": "11"}])):
        at = toy.DAY + dt.timedelta(days=day)
        toy.load(warehouse_url, toy_source, toy.read(warehouse_url, toy_source, PART, rows, at=at))
        publish.publish(warehouse_url, run_id="test")
    ready, counted_anew = released(warehouse_url)
    assert ready == counted_anew
    assert [tuple(r.values())[2:] for r in ready if r["source"] == "toy"] == [(3, 1, 1, 1)], "of one rolling release"


ROWS = [
    {"OBS_VALUE": "10"},
    {"SEX": "F", "OBS_VALUE": "4"},
    {"SEX": "M", "OBS_VALUE": "", "OBS_STATUS": "Q"},
    {"SEX": "F", "AGE": "Y0T14", "OBS_VALUE": "", "OBS_STATUS": "O"},
    {"REF_AREA": "SRB", "OBS_VALUE": "0"},
]
EXPECTED: dict[Key, Counter[str]] = {
    ("toy", "MIG_STOCK", "MAR", 2020, "none"): Counter(figures=1, preferred=1),
    ("toy", "MIG_STOCK", "MAR", 2020, "sex"): Counter(figures=1, suppressed=1, preferred=1),
    ("toy", "MIG_STOCK", "MAR", 2020, "sex age"): Counter(missing=1),
    ("toy", "MIG_STOCK", "SRB", 2020, "none"): Counter(figures=1, preferred=1),
}


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Source]:
    return toy.declare(tmp_path, monkeypatch, "toy", "zoo")


def load(url: str, source: Source, rows: list[dict[str, str]]) -> None:
    toy.load(url, source, toy.read(url, source, PART, [{**row} for row in rows]))
    toy.derive_nothing(url)
    publish.publish(url, run_id="test")


def test_nought_missing_and_suppressed_are_counted_apart(warehouse_url: str, sources: list[Source]) -> None:
    load(warehouse_url, sources[0], ROWS)
    assert available(warehouse_url) == EXPECTED


def test_what_another_source_brings_is_added_and_what_it_takes_is_gone(
    warehouse_url: str, sources: list[Source]
) -> None:
    load(warehouse_url, sources[0], ROWS)
    load(warehouse_url, sources[1], [{"SEX": "F", "OBS_VALUE": "5"}, {"REF_AREA": "TUN", "OBS_VALUE": "1"}])
    assert available(warehouse_url) == counted(warehouse_url)
    assert {key[0] for key in available(warehouse_url)} == {"toy", "zoo"}


def scores(url: str, indicator: str) -> dict[str, tuple[int, float, float, str | None]]:
    with warehouse.connect(url) as connection:
        rows = connection.execute(
            "SELECT * FROM bi.disaggregation_score WHERE indicator = %s ORDER BY ref_area", [indicator]
        ).fetchall()
    return {r["ref_area"]: (r["required"], r["score"], r["score_lately"], r["gaps"]) for r in rows}


def test_the_score_is_the_share_of_required_breakdowns_that_have_figures(
    warehouse_url: str, sources: list[Source]
) -> None:
    """MIG_STOCK has to be broken down by sex, age and counterpart_area."""
    rows = [
        {"OBS_VALUE": "10"},
        {"SEX": "F", "OBS_VALUE": "4"},
        {"AGE": "Y0T14", "OBS_VALUE": "1", "TIME_PERIOD": "2019"},
        # what is kept back is no figure
        {"COUNTERPART": "FRA", "BASIS": "birth", "OBS_VALUE": "", "OBS_STATUS": "Q"},
        {"REF_AREA": "FRA", "OBS_VALUE": "7"},
    ]
    load(warehouse_url, sources[0], rows)
    found = scores(warehouse_url, "MIG_STOCK")
    assert found["MAR"] == (3, 2 / 3, 1 / 3, "counterpart_area")
    assert found["FRA"] == (3, 0, 0, "age counterpart_area sex")
    # the countries of the programme are there without figures, others are not
    assert found["TUN"] == (3, 0, 0, "age counterpart_area sex")
    assert "ESP" not in found


def test_the_gaps_of_the_programme_say_what_is_missing_and_how(warehouse_url: str, sources: list[Source]) -> None:
    rows = [
        {"OBS_VALUE": "10"},
        {"SEX": "F", "OBS_VALUE": "4"},
        {"AGE": "Y0T14", "OBS_VALUE": "1", "TIME_PERIOD": "2019"},
    ]
    load(warehouse_url, sources[0], rows)
    with warehouse.connect(warehouse_url) as connection:
        found = connection.execute(
            "SELECT dimension, state, latest_year, latest_year_broken_down FROM bi.disaggregation_gap "
            "WHERE indicator = 'MIG_STOCK' AND ref_area = 'MAR' ORDER BY dimension"
        ).fetchall()
        countries = connection.execute(
            "SELECT count(DISTINCT ref_area) AS n FROM bi.disaggregation_gap WHERE state = 'no_figures'"
        ).fetchall()
    assert [tuple(row.values()) for row in found] == [
        ("age", "not_lately", 2020, 2019),
        ("counterpart_area", "not_broken_down", 2020, None),
    ]
    assert countries == [{"n": 11}]


RATES = {"INDICATOR": "EMPLOYMENT_RATE", "UNIT": "PT", "OBS_VALUE": "60", "AGE": "Y15T64"}
FOREIGN = {"COUNTERPART": "ESTAT_FOR", "BASIS": "citizenship"}
#: Rates of employment, which have to be broken down by sex, age and migration status → the gaps that are left.
GAPS = {
    "one band of age is no breakdown": ([RATES], "age migration_status sex"),
    "nor is it with men and women": ([{**RATES, "SEX": sex} for sex in ("F", "M")], "age migration_status"),
    "nor when it changes": ([RATES, {**RATES, "AGE": "Y20T64", "TIME_PERIOD": "2019"}], "age migration_status sex"),
    "two bands are one": ([RATES, {**RATES, "AGE": "Y15T24"}], "migration_status sex"),
    "a band beside the total is one": ([RATES, {**RATES, "AGE": "_T"}], "migration_status sex"),
    "foreigners are told from others": ([RATES, {**RATES, **FOREIGN}], "age sex"),
}


@pytest.mark.parametrize(("rows", "gaps"), GAPS.values(), ids=GAPS)
def test_the_only_band_of_age_breaks_nothing_down_and_citizenship_tells_migrants(
    warehouse_url: str, sources: list[Source], rows: list[dict[str, str]], gaps: str
) -> None:
    load(warehouse_url, sources[0], rows)
    assert available(warehouse_url) == counted(warehouse_url)
    assert scores(warehouse_url, "EMPLOYMENT_RATE")["MAR"][3] == gaps


def test_a_band_of_age_of_one_source_is_a_part_of_the_total_of_another(
    warehouse_url: str, sources: list[Source]
) -> None:
    load(warehouse_url, sources[0], [{"AGE": "Y0T17", "OBS_VALUE": "4"}])
    assert scores(warehouse_url, "MIG_STOCK")["MAR"][3] == "age counterpart_area sex"
    load(warehouse_url, sources[1], [{"OBS_VALUE": "10"}])
    assert scores(warehouse_url, "MIG_STOCK")["MAR"][3] == "counterpart_area sex"
    assert available(warehouse_url) == counted(warehouse_url)


def test_a_projection_is_named_and_makes_no_year_the_latest(warehouse_url: str, sources: list[Source]) -> None:
    population = {"INDICATOR": "POP", "OBS_VALUE": "10"}
    projected = {**population, "TIME_PERIOD": "2024", "BREAKDOWN": "WPP:MEDIUM"}
    load(warehouse_url, sources[0], [population, {**population, "SEX": "F"}, projected, {**projected, "AGE": "Y0T14"}])
    assert available(warehouse_url) == counted(warehouse_url)
    assert {key[3:] for key in available(warehouse_url)} >= {(2024, "projection"), (2024, "age projection")}
    with warehouse.connect(warehouse_url) as connection:
        found = connection.execute(
            "SELECT dimension, state, latest_year FROM bi.disaggregation WHERE indicator = 'POP' AND ref_area = 'MAR' "
            "ORDER BY dimension"
        ).fetchall()
        total = connection.execute(
            "SELECT figures, first_year, last_year FROM bi.availability_total WHERE indicator = 'POP'"
        ).fetchall()
    assert [tuple(row.values()) for row in found] == [("age", "not_broken_down", 2020), ("sex", "available", 2020)]
    assert [tuple(row.values()) for row in total] == [(4, 2020, 2020)]
