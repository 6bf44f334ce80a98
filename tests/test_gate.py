"""The gate: each kind of finding with an example that breaches and one beside it that does not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pytest

from migstats import gate, pipeline, vintage
from migstats.errors import DeclarationError
from migstats.gate import Finding, Golden, Limit, Rules
from migstats.observation import DEFAULTS, SERIES_DIMENSIONS, series_id
from migstats.source import folder_of, read_sources

LISTS = gate.read_lists(pipeline.concepts())
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
    findings = gate.judge(candidate, accepted, rules or Rules(), more.get("golden", ()), LISTS, release="")  # type: ignore[arg-type]
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


def test_a_share_is_of_the_accepted_figures() -> None:
    one_gone = grid(MAR2020=None)
    assert ("deleted", "breach") in found(one_gone, grid(), Rules(deleted_share=limit(1 / 34)))
    assert ("deleted", "notice") in found(one_gone, grid(), Rules(deleted_share=limit(1 / 32)))


@pytest.mark.parametrize(("known", "breach"), [(11_000, True), (10_740, False)])
def test_a_golden_figure_says_what_a_candidate_of_its_release_has_to_say(known: float, breach: bool) -> None:
    key = (("indicator", "MIG_STOCK"), ("ref_area", "MAR"), ("counterpart_basis", "origin"))
    golden = [Golden(key, "", "2020", known), Golden(key, "another release", "2020", 1)]
    assert (("golden", "breach") in found(grid(), grid().clear(), golden=golden)) == breach


SEXES = [
    {"ref_area": "MAR", "time_period": "2020", "sex": "_T", "value": 100.0},
    {"ref_area": "MAR", "time_period": "2020", "sex": "M", "value": 60.0},
    {"ref_area": "MAR", "time_period": "2020", "sex": "F", "value": 40.0},
]
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


def changed(rows: Sequence[Row], number: int, **change: object) -> list[Row]:
    return [{**row, **change} if n == number else row for n, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        (SEXES, False),
        (changed(SEXES, 1, value=63.0), False),  # three parts, each rounded by one
        (changed(SEXES, 1, value=64.0), True),
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
    ],
)
def test_parts_make_up_their_total_within_the_rounding(rows: Sequence[Row], wrong: bool) -> None:
    kinds = found(frame(rows), frame(rows).clear())
    assert (("additivity", "breach") in kinds) == wrong


def test_a_few_totals_that_never_added_up_are_told_and_do_not_stop_a_source() -> None:
    rows = [{**row, "ref_area": f"MAR{n}"} for n in range(200) for row in SEXES]
    candidate = frame(changed(rows, 1, value=50.0))
    findings = gate.judge(candidate, candidate.clear(), Rules(), (), LISTS, release="")
    assert {(f.kind, f.severity) for f in findings} == {("additivity", "notice")}
    assert findings[0].found == "0.50%"


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
    coverage = [f for f in gate.judge(candidate, grid(), rules, (), LISTS, release="") if f.kind == "coverage"]
    assert [f.severity for f in coverage] == ["breach"] * 4
    assert coverage[-1].message == "5 more of kind coverage"


def test_findings_are_the_same_in_whatever_order_figures_come() -> None:
    candidate = BREACHES["one figure is ten times what it was"][0]
    told: set[tuple[Finding, ...]] = {
        gate.judge(candidate.sample(fraction=1, shuffle=True, seed=n), grid(), Rules(), (), LISTS, release="")
        for n in range(4)
    }
    assert len(told) == 1


def test_the_largest_differences_are_shown_with_both_sides() -> None:
    shown = gate.largest(grid(MAR2020=107_400, NPL2010=None), grid(), 2)
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
        gate.read_rules(tmp_path)
    assert str(tmp_path / "gate.yaml") in str(refused.value)


@pytest.mark.parametrize("source_id", sorted(read_sources()))
def test_rules_and_golden_figures_of_each_source_can_be_read(source_id: str) -> None:
    assert gate.read_rules(folder_of(source_id))
    assert len(gate.read_golden(folder_of(source_id))) >= 10


DESA = {
    "2019": "undesa_pd_2019_migrant_stock_total_dataset.xlsx",
    "2020": "undesa_pd_2020_ims_stock_by_sex_and_destination.xlsx",
    "2024": "undesa_pd_2024_ims_stock_by_sex_and_destination.xlsx",
}


@pytest.mark.payloads
def test_between_real_editions_the_gate_finds_what_a_statistician_would_ask_about(payloads: Path) -> None:
    """Serbia of 1990 is ten times larger in Rev.2024: the former Yugoslavia counts otherwise there."""
    source, folder = read_sources()["undesa_stock"], folder_of("undesa_stock")

    def edition(release: str) -> pl.DataFrame:
        file = payloads / "un_desa" / DESA[release]
        done = pipeline.read_file(file, source, "destination", folder, today=dt.date(2026, 1, 1))
        series = pl.from_arrow(done.series)
        assert isinstance(series, pl.DataFrame)
        return vintage._described(vintage._plain(done.facts), series)

    rules, golden = gate.read_rules(folder), gate.read_golden(folder)
    older, newer = edition("2020"), edition("2024")
    assert gate.judge(newer, newer.clear(), rules, golden, LISTS, release="2024") == ()
    findings = gate.judge(newer, older, rules, golden, LISTS, release="2024")
    assert {f.kind for f in findings if f.severity == "breach"} == {"coverage", "jump"}
    first = next(f for f in findings if f.kind == "jump")
    assert ("ref_area=SRB" in first.place, first.time_period, first.was, first.now) == (True, "1990", 52557, 566091)
