"""The gate: each kind of finding with an example that breaches and one beside it that does not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import toy

from migstats import comparison, gate, local, pipeline
from migstats.comparison import Comparison, Figures
from migstats.errors import DeclarationError
from migstats.observation import DEFAULTS, SERIES_DIMENSIONS, series_id, time_id
from migstats.rules import Finding, Golden, Limit, Policy, Rules, read_golden, read_lists, read_rules
from migstats.source import folder_of, read_sources

LISTS = read_lists(pipeline.concepts())
AREAS = ("MAR", "NPL", "SRB", "TUN", "PHL", "SEN", "KGZ", "MDA", "JAM", "ECU", "BGD")
YEARS = (2010, 2015, 2020)

Row = Mapping[str, object]


def frame(rows: Sequence[Row]) -> pl.DataFrame:
    """Figures as the gate takes them; what a row does not say is at its total."""
    base = {"source": "toy", "indicator": "MIG_STOCK", "counterpart_basis": "origin", "obs_status": "A"}
    filled = [{**DEFAULTS, **base, **row} for row in rows]
    for row in filled:
        row["series_id"] = series_id(tuple(str(row[d]) for d in SERIES_DIMENSIONS))
    schema = {
        "series_id": pl.Int64,
        **dict.fromkeys(SERIES_DIMENSIONS, pl.String),
        "time_period": pl.String,
        "value": pl.Float64,
        "obs_status": pl.String,
    }
    return pl.DataFrame(filled, schema=schema)


def compared(candidate: pl.DataFrame, accepted: pl.DataFrame) -> Comparison:
    """Two frames of figures with all their dimensions, as the gate compares them."""

    def side(table: pl.DataFrame) -> Figures:
        codes = pl.Series("time_id", [time_id(period) for period in table["time_period"]], dtype=pl.Int32)
        return Figures(table.select("series_id", codes, "value"), table.select("series_id", *SERIES_DIMENSIONS))

    return Comparison.of(side(candidate), side(accepted))


def judge(candidate: pl.DataFrame, accepted: pl.DataFrame, *given: Any, release: str) -> tuple[Finding, ...]:
    return gate.judge(compared(candidate, accepted), *given, release=release)


def grid(**changes: float | None) -> pl.DataFrame:
    """Eleven areas and three years; `changes` (MAR2020=5) say what differs, None takes a figure away."""
    rows = []
    for number, area in enumerate(AREAS, start=1):
        for year in YEARS:
            value: float | None = 10_000 * number + 37 * (year - 2000) * number
            name = f"{area}{year}"
            if name in changes and changes[name] is None:
                continue
            rows.append({"ref_area": area, "time_period": str(year), "value": changes.get(name, value)})
    return frame(rows)


def every(factor: float) -> pl.DataFrame:
    return grid().with_columns(pl.col("value") * factor)


def found(
    candidate: pl.DataFrame, accepted: pl.DataFrame, rules: Rules | None = None, **more: object
) -> set[tuple[str, str]]:
    findings = judge(candidate, accepted, rules or Rules(), more.get("golden", ()), LISTS, release="")  # type: ignore[arg-type]
    return {(f.kind, f.severity) for f in findings}


def limit(value: float) -> Limit:
    return Limit(limit=value, owner="tests", reason="an example of a rule")


SHIFTED = (
    grid().sort("series_id", "time_period").with_columns(pl.col("value").shift(1).over("series_id")).drop_nulls("value")
)

BREACHES: Mapping[str, tuple[pl.DataFrame, str]] = {
    "one area of eleven is gone": (grid(**{f"MAR{y}": None for y in YEARS}), "coverage"),
    "a year is gone": (grid(**{f"{a}2010": None for a in AREAS}), "deleted"),
    "persons became thousands": (every(0.001), "scale"),
    "thousands became persons": (every(1000), "scale"),
    "every sign turned round": (every(-1), "sign"),
    "every figure is that of the period before": (SHIFTED, "time_shift"),
    "one figure is ten times what it was": (grid(MAR2020=107_400), "jump"),
    "most figures have another value": (every(1.01), "changed"),
    "a tenth of the figures has no value": (
        grid().with_columns(value=pl.when(pl.col("ref_area") == "MAR").then(None).otherwise("value")),
        "missing",
    ),
    "three times as many figures": (
        pl.concat([grid(), *(grid().with_columns(pl.lit(sex).alias("sex"), pl.col("series_id") + n)
                             for n, sex in enumerate("MF", 1))]),
        "added",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREACHES)
def test_what_breaches(name: str) -> None:
    candidate, kind = BREACHES[name]
    assert (kind, "breach") in found(candidate, grid())


def where(condition: pl.Expr, value: pl.Expr | float | None, table: pl.DataFrame | None = None) -> pl.DataFrame:
    """The large table with another value where the condition holds."""
    table = LARGE if table is None else table
    return table.with_columns(value=pl.when(condition).then(value).otherwise("value").cast(pl.Float64))


def large() -> pl.DataFrame:
    """Three indicators, thirty areas from a hundred persons up, by sex, in eight periods: 2,160 figures that add up."""
    rows = []
    for indicator in ("MIG_STOCK", "REFUGEES", "POP"):
        for number, area in enumerate(COUNTRIES):
            for step, year in enumerate(range(1990, 2030, 5)):
                men = 100 * 2 ** (number / 2) * (1 + 0.08 * step)
                both = {"M": round(men), "F": round(men * 0.9)}
                rows += [
                    {"indicator": indicator, "ref_area": area, "sex": sex, "time_period": str(year), "value": value}
                    for sex, value in {"_T": sum(both.values()), **both}.items()
                ]
    return frame(rows)


COUNTRIES = sorted(LISTS.areas.filter(pl.col("kind") == "country")["code"])[:30]
LARGE = large()
REVISED = pl.Series([10 ** (0.05 * (n % 7 - 3)) for n in range(LARGE.height)])
OF_ONE = pl.col("indicator") == "REFUGEES"
AREA, SMALL = pl.col("ref_area") == COUNTRIES[20], pl.col("ref_area") == COUNTRIES[0]
SERIES = OF_ONE & AREA & (pl.col("sex") == "_T")
FIGURE = SERIES & (pl.col("time_period") == "2010")
EARLIER = pl.coalesce(pl.col("value").shift(1).over("series_id", order_by="time_period"), "value")
VALUE = pl.col("value")

#: Each was let through once: what happened, the kind of the breach, and words of its scope.
HOLES: Mapping[str, tuple[pl.DataFrame, str, str]] = {
    "an indicator in another unit, revised as well": (where(OF_ONE, VALUE * 1000 * REVISED), "scale", "REFUGEES"),
    "an indicator seven times as large": (where(OF_ONE, VALUE * 7), "scale", "indicator=REFUGEES"),
    "an indicator of which a hundredth is left": (where(OF_ONE, VALUE * 0.013), "scale", "indicator=REFUGEES"),
    "an area in thousands, of figures below a thousand": (where(SMALL, VALUE / 1000), "scale", COUNTRIES[0]),
    "a series in thousands": (where(SERIES & (VALUE > 0), VALUE / 1000), "scale", COUNTRIES[20]),
    "a series with the other sign": (where(SERIES, -VALUE), "sign", COUNTRIES[20]),
    "an area with the other sign": (where(AREA, -VALUE), "sign", COUNTRIES[20]),
    "a series of the periods before": (where(SERIES, EARLIER), "time_shift", COUNTRIES[20]),
    "an area of the periods before": (where(AREA, EARLIER), "time_shift", COUNTRIES[20]),
    "nearly half of the areas of the periods before": (
        where(pl.col("ref_area").is_in(COUNTRIES[:13]), EARLIER), "time_shift", COUNTRIES[12],
    ),
    "ten areas at nought": (where(pl.col("ref_area").is_in(COUNTRIES[:10]), 0), "zero", COUNTRIES[0]),
    "a series at nought": (where(SERIES, 0), "zero", COUNTRIES[20]),
    "one large figure at nought": (where(FIGURE, 0), "jump", COUNTRIES[20]),
    "one total off by a hundredth": (where(FIGURE, VALUE * 1.01), "additivity", "axis=sex newly"),
    "an area without its sexes": (
        LARGE.filter(~(AREA & (pl.col("sex") != "_T"))), "coverage", f"ref_area={COUNTRIES[20]} by sex",
    ),
    "an area without one indicator": (
        LARGE.filter(~(AREA & OF_ONE)), "coverage", f"ref_area={COUNTRIES[20]} by indicator",
    ),
    "an area without a year": (
        LARGE.filter(~(AREA & (pl.col("time_period") == "2025"))), "coverage",
        f"ref_area={COUNTRIES[20]} time_period=2025",
    ),
    "an area of which nothing is known any more": (where(AREA, None), "coverage", f"ref_area={COUNTRIES[20]}"),
    "one series is gone": (LARGE.filter(~(SERIES)), "deleted", COUNTRIES[20]),
}  # fmt: skip


@pytest.mark.parametrize("name", HOLES)
def test_what_is_wrong_with_a_part_is_held_and_named(name: str) -> None:
    candidate, kind, scope = HOLES[name]
    findings = judge(candidate, LARGE, Rules(), (), LISTS, release="")
    held = [f for f in findings if f.severity == "breach"]
    assert any(f.kind == kind and scope in f.scope for f in held), [(f.kind, f.scope) for f in held]
    assert all(f.size is not None and f.size > 0 for f in held)
    assert len(held) <= 30


def test_a_revision_of_a_tenth_everywhere_holds_nothing() -> None:
    parts = pl.col("sex") != "_T"
    revised = where(parts, (VALUE * pl.Series([1 + 0.01 * (n % 11) for n in range(LARGE.height)])).round())
    total = (
        revised.filter(parts).group_by("indicator", "ref_area", "time_period").agg(pl.col("value").sum().alias("of"))
    )
    candidate = revised.join(total, on=["indicator", "ref_area", "time_period"], how="left").with_columns(
        value=pl.when(parts).then(VALUE).otherwise("of")
    )
    held = judge(candidate.drop("of"), LARGE, Rules(changed_share=limit(1)), (), LISTS, release="")
    assert [f for f in held if f.severity == "breach"] == []


def test_of_a_block_in_two_units_the_half_that_changed_is_named() -> None:
    """Men in thousands: the unchanged half is not what is reported, and the others of the block are told apart."""
    by_sex = LARGE.filter(OF_ONE & (pl.col("sex") != "_T"))
    [scale] = told(where(pl.col("sex") == "M", VALUE * 1000, by_sex), by_sex, "scale")
    assert (scale.found, scale.size) == ("x 1000", 1000)
    assert "240 of 480 figures" in scale.message
    assert scale.message.endswith("they are those of sex M")
    assert told(where(pl.col("sex") == "M", VALUE * 1000, by_sex), by_sex, "jump") == []


def test_what_is_told_of_an_area_is_not_told_again_of_its_series_and_figures() -> None:
    findings = judge(where(AREA, VALUE * 1000), LARGE, Rules(), (), LISTS, release="")
    assert {(f.kind, f.scope) for f in findings if f.severity == "breach"} == {
        ("scale", f"indicator={indicator} ref_area={COUNTRIES[20]}") for indicator in ("MIG_STOCK", "POP", "REFUGEES")
    }


def test_of_a_code_that_is_gone_its_periods_and_series_are_not_told() -> None:
    findings = judge(LARGE.filter(~AREA), LARGE, Rules(), (), LISTS, release="")
    assert [f.scope for f in findings if f.severity == "breach"] == ["all", f"ref_area={COUNTRIES[20]}"]


HARMLESS: Mapping[str, pl.DataFrame] = {
    "the same": grid(),
    "the same in another order": grid().reverse(),
    "one figure is twice what it was": grid(MAR2020=2 * 10_740),
    "a new year": pl.concat([grid(), frame([{"ref_area": a, "time_period": "2024", "value": 1.0} for a in AREAS])]),
    "a small figure is ten times what it was": grid(MAR2020=107_400).filter(pl.lit(value=False)).vstack(grid()),
    "one sign turned round": grid(MAR2020=-10_740),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_passes(name: str) -> None:
    assert {kind for kind, severity in found(HARMLESS[name], grid()) if severity == "breach"} == set()


def test_of_small_figures_no_change_is_a_jump() -> None:
    small = grid().with_columns(pl.col("value") / 1000)
    wild = small.with_columns(value=pl.when(pl.col("ref_area") == "MAR").then(pl.col("value") * 9).otherwise("value"))
    assert ("jump", "breach") not in found(wild, small)
    assert ("jump", "breach") in found(wild, small, Rules(jump_floor=limit(1)))


def test_where_everything_moves_alike_nothing_jumps() -> None:
    """A population that is revised by a third everywhere is one revision, not eleven jumps."""
    kinds = {kind for kind, _ in found(every(4), grid())}
    assert "changed" in kinds
    assert "jump" not in kinds


def test_what_hardly_changed_is_no_jump_where_all_else_moved() -> None:
    everything = every(2.9).with_columns(
        value=pl.when((pl.col("ref_area") == "MAR") & (pl.col("time_period") == "2020")).then(9_666).otherwise("value")
    )
    assert "jump" not in {kind for kind, _ in found(everything, grid())}


def test_a_share_is_of_the_accepted_figures() -> None:
    one_gone = grid(MAR2020=None)
    assert ("deleted", "breach") in found(one_gone, grid(), Rules(deleted_share=limit(1 / 34)))
    assert ("deleted", "notice") in found(one_gone, grid(), Rules(deleted_share=limit(1 / 32)))


@pytest.mark.parametrize(("known", "breach"), [(11_000, True), (10_740, False)])
def test_a_golden_figure_says_what_a_candidate_of_its_release_has_to_say(known: float, breach: bool) -> None:
    key = (("indicator", "MIG_STOCK"), ("ref_area", "MAR"), ("counterpart_basis", "origin"))
    golden = [Golden(key, "", "2020", known), Golden(key, "another release", "2020", 1)]
    assert (("golden", "breach") in found(grid(), grid().clear(), golden=golden)) == breach


def test_a_golden_figure_that_was_there_and_is_gone_is_held_with_its_citation() -> None:
    key = (("indicator", "MIG_STOCK"), ("ref_area", "MAR"), ("counterpart_basis", "origin"))
    golden = [Golden(key, "", "2020", 10_740, cited="stock.xlsx Table 1!F9")]
    [gone] = [f for f in judge(grid(MAR2020=None), grid(), Rules(), golden, LISTS, release="") if f.kind == "golden"]
    assert gone.message == (
        "golden figure indicator=MIG_STOCK ref_area=MAR counterpart_basis=origin of 2020 is gone, known is 10,740 "
        "(stock.xlsx Table 1!F9)"
    )
    # another slice of the source, in which it never was
    other = grid().filter(pl.col("ref_area") != "MAR")
    assert found(other, other, golden=golden) == set()


def yearly(*values: float, origin: str = "VNM", indicator: str = "REFUGEES") -> pl.DataFrame:
    return frame(
        [
            {
                "indicator": indicator,
                "ref_area": "CHN",
                "counterpart_area": origin,
                "time_period": str(year),
                "value": v,
            }
            for year, v in enumerate(values, start=2015)
        ]
    )


@pytest.mark.parametrize(
    ("series", "told_of"),
    [
        (yearly(317_000, 317_098, 321_502, 321_502, 303_095, 303_107, 26), ["2021"]),  # China of 2021
        (yearly(317_000, 317_098, 321_502, 321_502, 303_095, 303_107, 0), ["2021"]),
        (yearly(300, 310, 305, 290, 300, 2), []),  # of few persons
        (yearly(1000, 30_000, 900, 28_000, 1100, 26_000), []),  # a series that always jumps
        (yearly(0, 0, 0, 250_000, 260_000), []),  # crises begin from nought
        (yearly(1000, 9000), []),
        (yearly(1000, 11_000), ["2016"]),
    ],
)
def test_a_jump_from_one_period_to_the_next_is_looked_at_and_never_held(
    series: pl.DataFrame, told_of: list[str]
) -> None:
    odd = told(series, series.clear(), "anomaly")
    assert [f.time_period for f in odd] == told_of
    assert {f.severity for f in odd} <= {"notice"}
    # what was accepted like that was looked at
    assert told(series, series, "anomaly") == []
    next_year = yearly(*series["value"], series["value"][-1])
    assert told(next_year, series, "anomaly") == []


def test_persons_who_fled_to_where_they_fled_from_are_looked_at_by_the_policy_of_the_source() -> None:
    policy = Policy(indicators=("REFUGEES",), owner="tests", reason="an example of a policy")
    both = pl.concat([yearly(500, origin="CHN"), yearly(900, origin="CHN", indicator="IDPS"), yearly(9)])
    said = told(both, both.clear(), "anomaly", self_corridors=policy)  # type: ignore[arg-type]
    assert [(f.severity, f.scope, f.now) for f in said] == [
        ("notice", "self-corridors", None),
        ("notice", "indicator=REFUGEES ref_area=CHN counterpart_area=CHN counterpart_basis=origin", 500),
    ]
    assert "an example of a policy" in said[0].message
    assert told(both, both.clear(), "anomaly") == []


SEXES = [
    {"ref_area": "MAR", "time_period": "2020", "sex": "_T", "value": 100.0},
    {"ref_area": "MAR", "time_period": "2020", "sex": "M", "value": 60.0},
    {"ref_area": "MAR", "time_period": "2020", "sex": "F", "value": 40.0},
]
UNKNOWN_SEX = {"ref_area": "MAR", "time_period": "2020", "sex": "_U", "value": 10.0}
AGES = [
    {"ref_area": "MAR", "time_period": "2020", "age": "_T", "value": 100.0},
    {"ref_area": "MAR", "time_period": "2020", "age": "Y0T14", "value": 60.0},
    {"ref_area": "MAR", "time_period": "2020", "age": "Y_GE15", "value": 30.0},
    {"ref_area": "MAR", "time_period": "2020", "age": "_U", "value": 10.0},
]
ORIGINS = [
    {"ref_area": "MAR", "time_period": "2020", "counterpart_area": "_T", "value": 100.0},
    {"ref_area": "MAR", "time_period": "2020", "counterpart_area": "FRA", "value": 60.0},
    {"ref_area": "MAR", "time_period": "2020", "counterpart_area": "SEN", "value": 30.0},
]
PARTS = [
    {"ref_area": "MAR", "time_period": "2020", "subdivision": "_T", "value": 100.0},
    {"ref_area": "MAR", "time_period": "2020", "subdivision": "MA-01", "value": 60.0},
    {"ref_area": "MAR", "time_period": "2020", "subdivision": "MA-02", "value": 30.0},
]
DISTRICTS = [
    {"ref_area": "NPL", "time_period": "2021", "subdivision": unit, "value": value}
    for unit, value in (("_T", 100.0), ("NP-P1", 60.0), ("NP-P2", 30.0), ("NP0101", 25.0), ("NP0102", 30.0))
]


def changed(rows: Sequence[Row], number: int, **change: object) -> list[Row]:
    return [{**row, **change} if n == number else row for n, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        (SEXES, False),
        (changed(SEXES, 1, value=63.0), False),  # three parts, each rounded by one
        (changed(SEXES, 1, value=64.0), True),
        ([*changed(SEXES, 1, value=50.0), UNKNOWN_SEX], False),  # those of unknown sex are persons too
        ([*SEXES, UNKNOWN_SEX], True),
        ([*SEXES, {**UNKNOWN_SEX, "value": None}], False),  # how many they are is not known
        (changed(SEXES, 1, value=50.0), True),
        (changed(SEXES, 1, value=None, obs_status="Q"), False),  # suppressed: cannot be added
        (changed(SEXES, 1, indicator="MIG_STOCK_SHARE"), False),
        ([{**row, "indicator": "MIG_STOCK_SHARE"} for row in changed(SEXES, 1, value=50.0)], False),  # shares never add
        (SEXES[:2], False),  # a part is missing
        (AGES, False),
        (changed(AGES, 1, value=70.0), True),
        (changed(AGES, 2, age="Y_GE18"), False),  # a band is missing
        (ORIGINS, False),  # not every origin is published
        (changed(ORIGINS, 1, value=80.0), True),
        (changed(ORIGINS, 1, value=80.0, counterpart_area="UNDESA_903"), False),  # a group of areas
        (PARTS, False),
        (changed(PARTS, 1, value=80.0), True),
        (DISTRICTS, False),  # provinces beside their districts
        (changed(DISTRICTS, 1, value=80.0), True),  # a province against the country
        (changed(DISTRICTS, 3, value=40.0), True),  # a district against its province
        (changed(DISTRICTS, 3, value=40.0, subdivision="NP-P1+Everest"), True),  # its name is not known, its level is
        (changed(DISTRICTS, 3, value=40.0, subdivision="NPL++East > Everest"), False),  # of which province?
        ([DISTRICTS[0], DISTRICTS[3], {**DISTRICTS[4], "value": 90.0}], True),  # without the provinces between
    ],
)
def test_parts_make_up_their_total_within_the_rounding(rows: Sequence[Row], wrong: bool) -> None:
    kinds = found(frame(rows), frame(rows).clear())
    assert (("additivity", "breach") in kinds) == wrong


def test_a_few_totals_that_never_added_up_are_told_and_do_not_stop_a_source() -> None:
    rows = [{**row, "ref_area": f"MAR{n}"} for n in range(200) for row in SEXES]
    candidate = frame(changed(rows, 1, value=50.0))
    findings = judge(candidate, candidate.clear(), Rules(), (), LISTS, release="")
    assert {(f.kind, f.severity) for f in findings} == {("additivity", "notice")}
    assert findings[0].found == "0.50%"


AGES_TWICE = [
    {"ref_area": "MAR", "time_period": "2020", "age": age, "value": value}
    for age, value in (("_T", 100.0), ("Y0T4", 20.0), ("Y5T14", 40.0), ("Y0T14", 60.0), ("Y_GE15", 40.0))
]


@pytest.mark.parametrize("number", range(5))
def test_ages_are_judged_by_the_finer_and_by_the_broader_bands_that_stand_beside_them(number: int) -> None:
    assert ("additivity", "breach") not in found(frame(AGES_TWICE), frame(AGES_TWICE).clear())
    wrong = frame(changed(AGES_TWICE, number, value=90.0))
    assert ("additivity", "breach") in found(wrong, wrong.clear())


def told(candidate: pl.DataFrame, accepted: pl.DataFrame, kind: str, **differs: Limit) -> list[Finding]:
    findings = judge(candidate, accepted, Rules(**differs), (), LISTS, release="")  # type: ignore[arg-type]
    return [f for f in findings if f.kind == kind]


def by_origin(of_france: float, *, of_senegal: float | None = 400.0, unknown: float | None = 100.0) -> pl.DataFrame:
    """One destination with a total of 1,000 and three origins, of which None is not there."""
    parts = {"_T": 1000.0, "FRA": of_france, "SEN": of_senegal, "_U": unknown}
    return frame(
        [
            {"ref_area": "MAR", "time_period": "2020", "counterpart_area": origin, "value": value}
            for origin, value in parts.items()
            if value is not None
        ]
    )


@pytest.mark.parametrize(
    ("now", "was", "breach"),
    [
        (by_origin(510), by_origin(500), True),  # more than the total
        (by_origin(490), by_origin(500), True),  # less, where they made it up before
        (by_origin(498), by_origin(500), False),  # within the rounding of three parts
        (by_origin(410), by_origin(400), True),  # a tenth was left out before, and less is now
        (by_origin(450, of_senegal=450), by_origin(500), False),  # moved from one origin to another
        (by_origin(200), by_origin(100), False),  # four tenths were left out: the parts are a selection
        (by_origin(500), by_origin(500, unknown=None), False),  # another origin is published
        (by_origin(490), by_origin(490), False),  # it never added up
        (by_origin(490), by_origin(490).clear(), False),  # nobody knows what is left out
    ],
)
def test_what_the_parts_leave_out_stays_what_it_was(now: pl.DataFrame, was: pl.DataFrame, breach: bool) -> None:
    rules = {"jump_floor": limit(1e9), "changed_share": limit(1), "added_share": limit(9)}
    assert any(f.severity == "breach" for f in told(now, was, "additivity", **rules)) == breach


def test_one_total_that_added_up_and_does_not_any_more_is_held_with_its_parts_named() -> None:
    rows = [{**row, "ref_area": f"MAR{n}"} for n in range(200) for row in SEXES]
    [newly, _, one] = told(frame(changed(rows, 0, value=110.0)), frame(rows), "additivity")
    assert (newly.severity, newly.scope, newly.size) == ("breach", "axis=sex newly", 10)
    assert one.message == (
        "indicator=MIG_STOCK ref_area=MAR0 counterpart_basis=origin of 2020 is 110, its 2 parts by sex are 100 "
        "(they were off by 0 when they were accepted): M 60, F 40"
    )


@pytest.mark.parametrize("unknown", [None, 0.0], ids=["gone", "nought"])
def test_persons_of_unknown_origin_are_told_better_or_are_lost(unknown: float | None) -> None:
    rules = {"coverage_lost": limit(9), "series_lost": limit(9)}
    [lost] = told(by_origin(500, unknown=unknown), by_origin(500), "conservation", **rules)
    assert (lost.severity, lost.was, lost.now, lost.size) == ("breach", 100, unknown, 100)
    [moved] = told(by_origin(600, unknown=unknown), by_origin(500), "conservation", **rules)
    assert moved.severity == "notice"


def test_persons_of_unknown_origin_do_not_vanish_while_their_total_stays() -> None:
    rows = [*ORIGINS, {"ref_area": "MAR", "time_period": "2020", "counterpart_area": "STATELESS", "value": 10.0}]
    codes = set(LISTS.areas.filter(pl.col("kind") == "residual")["code"])
    [residual] = sorted(codes)[:1]
    accepted = frame(changed(rows, 3, counterpart_area=residual))
    rules = Rules(deleted_share=limit(1), coverage_lost=limit(9))
    assert ("conservation", "breach") in found(frame(ORIGINS), accepted, rules)
    assert ("conservation", "breach") not in found(frame(ORIGINS[1:]), accepted, rules)


def test_of_many_findings_the_rest_is_counted() -> None:
    rules = Rules(most_findings=limit(3), deleted_share=limit(1))
    candidate = grid(**{f"{a}{y}": None for a in AREAS[:8] for y in YEARS})
    coverage = [f for f in judge(candidate, grid(), rules, (), LISTS, release="") if f.kind == "coverage"]
    assert [f.severity for f in coverage] == ["breach"] * 4
    assert coverage[-1].message == "5 more of kind coverage"


def test_findings_are_the_same_in_whatever_order_figures_come() -> None:
    candidate = BREACHES["one figure is ten times what it was"][0]
    told: set[tuple[Finding, ...]] = {
        judge(candidate.sample(fraction=1, shuffle=True, seed=n), grid(), Rules(), (), LISTS, release="")
        for n in range(4)
    }
    assert len(told) == 1


def test_the_largest_differences_are_shown_with_both_sides() -> None:
    shown = gate.largest(compared(grid(MAR2020=107_400, NPL2010=None), grid()), 2)
    assert shown.rows() == [
        ("indicator=MIG_STOCK ref_area=MAR counterpart_basis=origin", "2020", 10_740.0, 107_400.0),
        ("indicator=MIG_STOCK ref_area=NPL counterpart_basis=origin", "2010", 20_740.0, None),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("deleted_share: {limit: 0.1}", "deleted_share.owner"),
        ("deleted_share: {limit: 0.1, owner: me, reason: short}", "deleted_share.reason"),
        ("deleted_share: {limit: -1, owner: me, reason: a longer reason}", "deleted_share.limit"),
        ("nonsense: {limit: 1, owner: me, reason: a longer reason}", "nonsense"),
        ("deleted_share: [", "cannot be read as YAML"),
    ],
)
def test_a_wrong_rule_is_named_with_its_file(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "gate.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(DeclarationError, match=says) as refused:
        read_rules(tmp_path)
    assert str(tmp_path / "gate.yaml") in str(refused.value)


@pytest.mark.parametrize("source_id", sorted(read_sources()))
def test_rules_and_golden_figures_of_each_source_can_be_read(source_id: str) -> None:
    assert read_rules(folder_of(source_id))
    assert len(read_golden(folder_of(source_id))) in (0, *range(10, 1000))  # none, or enough of them


DESA = {
    "2019": "undesa_pd_2019_migrant_stock_total_dataset.xlsx",
    "2020": "undesa_pd_2020_ims_stock_by_sex_and_destination.xlsx",
    "2024": "undesa_pd_2024_ims_stock_by_sex_and_destination.xlsx",
}


def edition(payloads: Path, release: str) -> Figures:
    """The figures by destination of a real edition."""
    source, folder = read_sources()["undesa_stock"], folder_of("undesa_stock")
    file = payloads / "un_desa" / DESA[release]
    done = local.read_file(file, source, "destination", folder, today=dt.date(2026, 1, 1))
    return toy.figures(done.facts, done.series)


@pytest.mark.payloads
@pytest.mark.parametrize(
    ("older", "newer", "held"),
    [
        (
            "2019",
            "2020",
            ["ref_area=UNDESA_1518", "ref_area=BES by sex", "time_period=2019"],
        ),
        (
            "2020",
            "2024",
            ["ref_area=BLM", "ref_area=MAF", *(f"jump {area} 1990" for area in ("SRB", "SRB", "SRB", "IDN", "IDN"))],
        ),
    ],
)
def test_a_real_edition_after_another_asks_what_a_person_can_answer(
    payloads: Path, older: str, newer: str, held: list[str]
) -> None:
    folder = folder_of("undesa_stock")
    was, now = edition(payloads, older), edition(payloads, newer)
    rules, golden = read_rules(folder), read_golden(folder)
    assert gate.judge(toy.alone(was), rules, golden, LISTS, release=older) == ()
    findings = gate.judge(Comparison.of(now, was), rules, golden, LISTS, release=newer)
    found = [
        f"jump {f.place.split('ref_area=')[1][:3]} {f.time_period}" if f.kind == "jump" else f.scope
        for f in findings
        if f.severity == "breach"
    ]
    assert found == held
    assert len(findings) <= 15


@pytest.mark.payloads
def test_between_real_editions_the_gate_finds_what_a_statistician_would_ask_about(payloads: Path) -> None:
    """Serbia of 1990 is ten times larger in Rev.2024: the former Yugoslavia counts otherwise there."""
    folder = folder_of("undesa_stock")
    rules, golden = read_rules(folder), read_golden(folder)
    older, newer = edition(payloads, "2020"), edition(payloads, "2024")
    assert gate.judge(toy.alone(newer), rules, golden, LISTS, release="2024") == ()
    findings = gate.judge(Comparison.of(newer, older), rules, golden, LISTS, release="2024")
    assert {f.kind for f in findings if f.severity == "breach"} == {"coverage", "jump"}
    first = next(f for f in findings if f.kind == "jump")
    assert ("ref_area=SRB" in first.place, first.time_period, first.was, first.now) == (True, "1990", 52557, 566091)


@pytest.mark.parametrize("accepted", [grid(MAR2020=5, NPL2010=None), grid(MAR2010=None), grid().clear()])
def test_a_sparse_candidate_is_compared_as_a_dense_one(monkeypatch: pytest.MonkeyPatch, accepted: pl.DataFrame) -> None:
    """Where series times periods are too many to hold a place for each, figures are searched for."""
    candidate = grid(SRB2015=None).sample(fraction=1, shuffle=True, seed=3)

    def sides() -> list[list[tuple[object, ...]]]:
        side = compared(candidate, accepted)
        return [sorted(table.rows(), key=str) for table in (side.both, side.gone, side.moved)]

    dense = sides()
    monkeypatch.setattr(comparison, "_PLACES", 0)
    monkeypatch.setattr(comparison, "_FACTOR", 0)
    assert sides() == dense
    assert len(dense[0]) == 32
