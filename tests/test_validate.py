"""Validation: every expectation of every suite has a broken input that fails it, and it alone."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import yaml

from migstats import frames, validate
from migstats.errors import DeclarationError, ValidationFailedError
from migstats.observation import DEFAULTS, SERIES_DIMENSIONS, SHARED_ATTRIBUTES, series_id, time_id

ROOT = Path(__file__).resolve().parents[1]
CODELISTS = ROOT / "include" / "codelists"
SUITES = ROOT / "expectations"
SHA = "ab" * 32

#: Source → `clean`, figures that pass its suite, and `breaks`, expectation → cells of one row that break it.
SUITE_OF: dict[str, dict[str, Any]] = {
    path.parent.name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted(Path(__file__).with_name("sources").glob("*/suite.yaml"))
}
SOURCES = tuple(SUITE_OF)
CLEAN: dict[str, list[dict[str, Any]]] = {
    source: [{"source": source, **figure} for figure in facts["clean"]] for source, facts in SUITE_OF.items()
}


# -- a candidate in a few rows ----------------------------------------------------------------------------------

FIGURE: dict[str, Any] = {
    **dict.fromkeys(SHARED_ATTRIBUTES, ""),
    **DEFAULTS,
    "source": "undesa_stock",
    "dataset": "stock",
    "indicator": "MIG_STOCK",
    "ref_area": "MAR",
    "time_period": "2020",
    "value": 10.0,
    "obs_status": "A",
    "conf_status": "F",
    "unit": "PS",
    "unit_mult": "0",
    "concept_basis": "birth",
    "reference_point": "07-01",
    "snapshot": SHA,
    "place": "Table 1!F{}",
}


def candidate(figures: Iterable[Mapping[str, Any]]) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Series, attributes and facts of figures that differ from FIGURE as they say."""
    series: dict[int, dict[str, Any]] = {}
    attributes: dict[tuple[str, ...], int] = {}
    facts = []
    for number, differs in enumerate(figures, start=12):
        figure = {**FIGURE, **differs}
        key = series_id(tuple(figure[d] for d in SERIES_DIMENSIONS))
        series[key] = {"series_id": key, **{d: figure[d] for d in SERIES_DIMENSIONS}}
        shared = tuple(figure[a] for a in SHARED_ATTRIBUTES)
        facts.append(
            {
                "series_id": figure.get("series_id", key),
                "time_id": figure.get("time_id") or time_id(figure["time_period"]),
                "value": figure["value"],
                "obs_status": figure["obs_status"],
                "attribute_id": attributes.setdefault(shared, len(attributes)),
                "snapshot": figure["snapshot"],
                "place": figure["place"],
                "row": number,
            }
        )
    held = [{"attribute_id": i, **dict(zip(SHARED_ATTRIBUTES, a, strict=True))} for a, i in attributes.items()]
    texts = dict.fromkeys(
        (*SERIES_DIMENSIONS, "obs_status", "snapshot", "place"), pa.dictionary(pa.int32(), pa.string())
    )
    numbers = {"series_id": pa.int64(), "time_id": pa.int32(), "value": pa.float64(), "row": pa.int32()}
    types = {**texts, **numbers, "attribute_id": pa.int64(), **dict.fromkeys(SHARED_ATTRIBUTES, pa.string())}
    return (
        _table(list(series.values()), ("series_id", *SERIES_DIMENSIONS), types),
        _table(held, ("attribute_id", *SHARED_ATTRIBUTES), types),
        _table(
            facts,
            ("series_id", "time_id", "value", "obs_status", "attribute_id", "snapshot", "place", "row"),
            types,
        ),
    )


def _table(rows: list[dict[str, Any]], columns: tuple[str, ...], types: Mapping[str, pa.DataType]) -> pa.Table:
    return pa.table(
        {
            c: pa.array([r[c] for r in rows], type=pa.string() if pa.types.is_dictionary(types[c]) else types[c])
            for c in columns
        }
    )


def by_sex(total: float, males: float, females: float, **differs: Any) -> list[dict[str, Any]]:
    values = {"_T": total, "M": males, "F": females}
    return [{**differs, "sex": sex, "value": value} for sex, value in values.items()]


REGIONS = {"002": 40.0, "142": 100.0, "150": 90.0, "419": 20.0, "021": 60.0, "009": 10.0}
WORLD = [
    {"ref_area": area, "value": value, "concept_basis": "mixed"} for area, value in {"001": 320.0, **REGIONS}.items()
]
EUROSTAT = {"source": "eurostat_migr", "indicator": "POP", "concept_basis": "citizenship", "reference_point": "start"}


def profile(figures: Iterable[Mapping[str, Any]], source: str = "undesa_stock") -> pd.DataFrame:
    return frames.profile(*candidate(figures), CODELISTS, validate.read_suite(SUITES, source).sums)


def landing(**differs: Any) -> frames.Landing:
    facts = {"dataset": "d", "slice": "d/year=2020", "snapshot": SHA, "bytes": 9, "page": 1, "pages": 1}
    counts = {"landed": 12, "observations": 10, "quarantined": 0, "explained": 2}
    return frames.Landing(**{**facts, **counts, **differs})


def measures(**differs: float) -> list[tuple[str, float, str]]:
    return [(m, {"facts_current": 5.0, **differs}.get(m, 0.0), "core.observation") for m in frames.MEASURES]


@pytest.fixture(scope="module")
def parameters() -> dict[str, object]:
    return validate.parameters(CODELISTS, today=dt.date(2026, 11, 1), quarantine_bound=0.05)


@pytest.fixture(scope="module")
def clean() -> dict[str, pd.DataFrame]:
    """Suite → a frame that passes it. The observation's is that of all sources' candidates."""
    profiles = {source: profile(CLEAN[source], source) for source in SOURCES}
    landed = [landing(), landing(slice="d/year=2021", publisher_rows=12, publisher_total=12)]
    return {
        "landed": frames.landed_frame("undesa_stock", landed),
        "observation": profiles["undesa_stock"],
        "warehouse": frames.warehouse_frame(measures()),
        **profiles,
    }


def source_of(suite: str) -> str:
    return suite if suite in SOURCES else "undesa_stock"


# -- every expectation ------------------------------------------------------------------------------------------

_UNKNOWN = {"indicator": "NOTHING", "counterpart_basis": "shoe_size", "sex": "X", "age": "Y9T1"}

#: Suite → expectation → cells of one row that break it, and no other expectation.
MUTATIONS: dict[str, dict[str, dict[str, Any]]] = {
    "landed": {
        "bytes_some": {"bytes": 0},
        "snapshot_is_sha256": {"snapshot": "AB" * 32},
        "page_once": {"dataset": "d", "slice": "d/year=2020", "page": 1, "pages": 1},
        "page_within_pages": {"page": 3, "pages": 2},
        "balance": {"difference": 1},
        "accepted_some": {"accepted": 0},
        "quarantine_bound": {"quarantine_share": 0.051},
        "figures_some": {"figures": 0},
        "publisher_total": {"publisher_rows": 99, "publisher_total": 100},
        "codes_known": {"unknown_code": "citizenship 'XY', keeps 2 figures in quarantine"},
    },
    "observation": {
        "source_is_this_one": {"source": "another"},
        **{
            f"{name}_known": {name: _UNKNOWN.get(name, "NOTHING")}
            for name in (
                *("indicator", "counterpart_basis", "sex", "age", "migration_status", "education"),
                *("labour_status", "occupation", "activity", "reason", "urbanisation", "disability", "obs_status"),
                *("conf_status", "missing_reason", "nature", "concept_basis", "residence_criterion"),
            )
        },
        "subdivision_known": {"unit_kind": "not in the codelist"},
        "subdivision_matched": {"unit_matched": "no: NPL+Everest"},
        "ref_area_known": {"area_kind": "not in the codelist"},
        "counterpart_area_known": {"counterpart_kind": "not in the codelist"},
        "freq_known": {"freq": "X", "period_freq": "X"},
        "unit_known": {"unit": "SHEEP", "unit_expected": "SHEEP"},
        "breakdown_is_scheme_and_code": {"breakdown": "no scheme"},
        "unit_of_indicator": {"unit": "PT", "unit_expected": "PS"},
        "stock_or_flow_of_indicator": {"kind": "flow", "kind_expected": "stock"},
        "value_agrees_with_status": {"holds": "value", "status_says": "no value"},
        "value_finite": {"nonfinite": 1},
        "value_not_below": {"value_min": -1, "bound_min": 0, "place_min": "value_not_below"},
        "value_not_above": {"value_max": 101, "bound_max": 100, "place_max": "value_not_above"},
        "period_of_freq": {"freq": "A", "period_freq": "M"},
        "period_within_reach": {"period_year": 2028},
        "age_band_ordered": {"age_min": 9, "age_max": 1},
        "key_once": {"copies": 2},
        "no_orphans": {"orphans": 1},
        "every_fact_has_a_place": {"unplaced": 1},
        "dataset_has_figures": {"dataset_figures": 0},
    },
    "warehouse": {
        "facts_current_some": {"facts_current": 0},
        **{f"{m}_none": {m: 1} for m in frames.MEASURES if m != "facts_current"},
    },
    **{source: facts["breaks"] for source, facts in SUITE_OF.items()},
}


def test_every_expectation_of_every_suite_has_a_broken_input() -> None:
    expected = {name: {rule.id for rule in suite.rules} for name, suite in validate.read_suites(SUITES).items()}

    assert {name: set(rules) for name, rules in MUTATIONS.items()} == expected


@pytest.mark.parametrize("suite", MUTATIONS)
def test_a_clean_frame_passes(suite: str, clean: Mapping[str, pd.DataFrame], parameters: Mapping[str, object]) -> None:
    report = validate.judge({suite: clean[suite]}, SUITES, source_of(suite), parameters)

    assert [(j.rule, j.failing) for j in report.judgements if not j.success] == []
    assert [j.rule for j in report.judgements] == [r.id for r in validate.read_suite(SUITES, suite).rules]
    validate.demand(report)


@pytest.mark.parametrize("suite", MUTATIONS)
def test_each_broken_row_fails_its_expectation_and_no_other(
    suite: str, clean: Mapping[str, pd.DataFrame], parameters: Mapping[str, object]
) -> None:
    broken = {rule: cells for rule, cells in MUTATIONS[suite].items() if cells}
    rows = pd.DataFrame([{"place": rule, **cells} for rule, cells in broken.items()])
    frame = pd.concat([clean[suite], rows.astype({c: clean[suite][c].dtype for c in rows.columns})], ignore_index=True)

    report = validate.judge({suite: frame}, SUITES, source_of(suite), parameters)

    # The row that a page repeats fails with the page that repeats it; all others fail alone.
    twice = {"page_once": 2}
    failed = {
        j.rule: (j.unexpected, [t.rpartition(" at ")[2] for t in j.failing][-1:])
        for j in report.judgements
        if not j.success
    }
    assert failed == {rule: (twice.get(rule, 1), [rule]) for rule in broken}


@pytest.mark.parametrize("suite", MUTATIONS)
def test_a_failed_critical_expectation_stops_and_a_warning_does_not(suite: str) -> None:
    for rule in validate.read_suite(SUITES, suite).rules:
        judgement = validate.Judgement(
            suite=suite,
            source="s",
            rule=rule.id,
            expectation=rule.expectation,
            column=rule.column,
            severity=rule.severity,
            success=False,
            evaluated=7,
            unexpected=2,
            reason=rule.reason,
            owner=rule.owner,
            failing=("sex=X at Table 1!F12",),
        )
        report = validate.Report((judgement,))
        if rule.severity == "critical":
            with pytest.raises(ValidationFailedError) as error:
                validate.demand(report)
            for said in (
                suite,
                rule.id,
                rule.expectation,
                rule.column,
                "2 of 7",
                rule.reason,
                "Table 1!F12",
                "What to do",
            ):
                assert said in str(error.value)
        else:
            validate.demand(report)
            assert report.warned == (judgement,)


def test_an_answer_without_groups_is_shown(parameters: Mapping[str, object]) -> None:
    frame = profile([f for f in CLEAN["worldbank_wdi"] if f.get("ref_area") != "WB_ARB"], "worldbank_wdi")

    report = validate.judge({"worldbank_wdi": frame}, SUITES, "worldbank_wdi", parameters)

    (judgement,) = (j for j in report.judgements if not j.success)
    assert (judgement.rule, judgement.severity) == ("countries_and_groups", "warning")
    assert "country" in judgement.failing[0]


@pytest.mark.parametrize("status", "JKS")
@pytest.mark.parametrize("value", [None, 5.0])
def test_some_statuses_stand_with_a_figure_and_without(
    status: str, value: float | None, parameters: Mapping[str, object]
) -> None:
    frame = profile([{"obs_status": status, "value": value, "ref_area": "SEN"}])
    report = validate.judge({"observation": frame}, SUITES, "undesa_stock", parameters)
    judged = {j.rule: j.success for j in report.judgements if j.rule == "value_agrees_with_status"}
    assert judged == {"value_agrees_with_status": True}


# -- what a candidate's fault looks like in the profile -----------------------------------------------------------

#: Fault → figures that carry it (all of one area of their own), and what the failed expectations say of them.
FAULTS: dict[str, tuple[list[dict[str, Any]], dict[str, str]]] = {
    "an area that is not in the codelist": ([{"ref_area": "XXX"}], {"ref_area_known": "ref_area=XXX"}),
    "a counterpart that is not in the codelist": (
        [{"counterpart_area": "YYY"}],
        {"counterpart_area_known": "counterpart_area=YYY"},
    ),
    "an unknown sex": ([{"sex": "X"}], {"sex_known": "sex=X"}),
    "no value although the status says there is one": (
        [{"value": None}],
        {"value_agrees_with_status": "holds=no value"},
    ),
    "a value although the status says there is none": (
        [{"obs_status": "Q"}],
        {"value_agrees_with_status": "obs_status=Q"},
    ),
    "NaN": ([{"value": math.nan}], {"value_finite": "nonfinite=1"}),
    "infinity": ([{"value": math.inf}], {"value_finite": "nonfinite=1"}),
    "a negative count": ([{"value": -3.0}], {"value_not_below": "value_min=-3"}),
    "a million times too many": ([{"value": 1e12}], {"value_not_above": "value_max=1000000000000"}),
    "two figures for one key": ([{}, {}], {"key_once": "copies=2"}),
    "three figures for one key": ([{}, {}, {}], {"key_once": "copies=3"}),
    "a year beyond the next": ([{"time_period": "2028"}], {"period_within_reach": "period_year=2028"}),
    "a monthly period in an annual series": ([{"time_period": "2020-03"}], {"period_of_freq": "period_freq=M"}),
    "a period that is none": ([{"time_id": 2020999}], {"period_of_freq": "period_freq=no SDMX period"}),
    "a unit that is not the indicator's": ([{"unit": "USD"}], {"unit_of_indicator": "unit_expected=PS"}),
    "no unit": ([{"unit": ""}], {"unit_known": "indicator=MIG_STOCK", "unit_of_indicator": "unit_expected=PS"}),
    "a stock taken for a flow": ([{"reference_point": "period"}], {"stock_or_flow_of_indicator": "kind=flow"}),
    "a fact without a place": ([{"place": None}], {"every_fact_has_a_place": "unplaced=1"}),
    "a fact of a series that is not there": ([{"series_id": 1}], {"no_orphans": "orphans=1"}),
    "another source's fact": ([{"source": "another"}], {"source_is_this_one": "source=another"}),
    "a dataset without any figure": (
        [{"dataset": "origin", "value": None, "obs_status": "M"}],
        {"dataset_has_figures": "dataset=origin"},
    ),
}


@pytest.fixture(scope="module")
def found(parameters: Mapping[str, object]) -> dict[str, dict[str, str]]:
    """Place → expectation → what it says, of one candidate that holds all faults beside what is clean."""
    areas = sorted(set(validate.parameters(CODELISTS, today=dt.date(2026, 1, 1), quarantine_bound=0)["area"]) - {"MAR"})  # type: ignore[call-overload]
    figures = [f for f in CLEAN["undesa_stock"] if f.get("ref_area", "MAR") == "MAR"]
    for number, (fault, (carriers, _)) in enumerate(FAULTS.items()):
        # A note of its own keeps the groups of the faults apart, a place of its own tells them apart.
        own = {"ref_area": areas[number], "note": fault, "place": f"{fault}!{{}}"}
        figures += [{**own, **carrier} for carrier in carriers]
    report = validate.judge({"observation": profile(figures)}, SUITES, "undesa_stock", parameters)
    by_place: dict[str, dict[str, str]] = {}
    for j in report.judgements:
        for text in j.failing:
            by_place.setdefault(text.rpartition(" at ")[2].partition("!")[0], {})[j.rule] = text
    return by_place


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_candidate_is_found_at_its_place(fault: str, found: Mapping[str, Mapping[str, str]]) -> None:
    expected = FAULTS[fault][1]

    # Where a fact has no place, only the snapshot can be said.
    at = found[fault if fault != "a fact without a place" else "None (abababababab)"]

    assert set(at) == set(expected)
    for rule, said in expected.items():
        assert said in at[rule]


def test_nothing_is_found_where_there_is_no_fault(found: Mapping[str, Mapping[str, str]]) -> None:
    assert set(found) == {*(f for f in FAULTS if f != "a fact without a place"), "None (abababababab)"}


def test_the_place_of_a_bound_is_that_of_the_figure_which_breaks_it(parameters: Mapping[str, object]) -> None:
    figures = [{"ref_area": a, "value": v} for a, v in {"MAR": 5.0, "TUN": -1.0, "SEN": 9.0, "NPL": 2e12}.items()]

    report = validate.judge({"observation": profile(figures)}, SUITES, "undesa_stock", parameters)

    failed = {j.rule: j.failing[0] for j in report.judgements if not j.success}
    assert failed["value_not_below"].endswith("at Table 1!F13 (abababababab)")
    assert failed["value_not_above"].endswith("at Table 1!F15 (abababababab)")


SUMS: dict[str, tuple[str, list[dict[str, Any]], str | None]] = {
    "sexes that add up": ("undesa_stock", by_sex(10, 6, 4), None),
    "within one person of rounding": ("undesa_stock", by_sex(10, 6, 3), None),
    "two persons are missing": ("undesa_stock", by_sex(10, 5, 3), "sexes_add_up"),
    "a fault of 1 %, among many": (
        "undesa_stock",
        [*by_sex(10, 6, 4), *by_sex(1000, 600, 390, ref_area="NPL"), *by_sex(8, 4, 4, ref_area="SEN")],
        "sexes_add_up",
    ),
    "a missing part is no difference": (
        "undesa_stock",
        [*by_sex(10, 6, 4), {"ref_area": "NPL", "sex": "_T"}, {"ref_area": "NPL", "sex": "M", "value": 1.0}],
        None,
    ),
    "a part without a value is no difference": (
        "undesa_stock",
        [
            *by_sex(10, 6, 4),
            *by_sex(10, 6, 4, ref_area="NPL")[:2],
            {"ref_area": "NPL", "sex": "F", "value": None, "obs_status": "Q"},
        ],
        None,
    ),
    "regions that miss a million": (
        "undesa_stock",
        [*by_sex(10, 6, 4), *[{**w, "value": w["value"] * 1e6} for w in WORLD[:-1]], {**WORLD[-1], "value": 9e6}],
        "regions_add_up",
    ),
    "flagged figures are not added up": (
        "eurostat_migr",
        [{**f, "obs_status": "B"} for f in by_sex(10_000, 5_000, 4_000, **EUROSTAT)],
        None,
    ),
    "Eurostat's sexes miss 1 %": ("eurostat_migr", by_sex(10_000, 5_900, 4_000, **EUROSTAT), "sexes_add_up"),
    "small figures are rounded": ("eurostat_migr", by_sex(7, 5, 0, **EUROSTAT), None),
}


@pytest.mark.parametrize("case", SUMS)
def test_sums_are_judged_where_all_their_figures_are_there(case: str, parameters: Mapping[str, object]) -> None:
    source, figures, expected = SUMS[case]

    report = validate.judge({source: profile(figures, source)}, SUITES, source, parameters)

    failed = {j.rule: j.failing for j in report.judgements if not j.success}
    assert set(failed) == ({expected} if expected else set())
    if case == "a fault of 1 %, among many":
        assert failed["sexes_add_up"] == (
            "sexes_difference=10 key=ref_area=NPL time_period=2020 about=sexes n=3 at Table 1!F15 (abababababab)",
        )


def test_a_corridor_from_an_area_to_itself_is_shown_and_does_not_stop(parameters: Mapping[str, object]) -> None:
    figures = [
        {**CLEAN["unhcr_population"][0], "counterpart_area": "MAR", "value": 85.0},
        {**CLEAN["unhcr_population"][0], "ref_area": "TUN", "counterpart_area": "TUN", "value": 0.0},
        {**CLEAN["unhcr_population"][0], "ref_area": "_T", "counterpart_area": "_T", "value": 90.0},
    ]

    report = validate.judge(
        {"unhcr_population": profile(figures, "unhcr_population")}, SUITES, "unhcr_population", parameters
    )

    (judgement,) = (j for j in report.judgements if not j.success)
    assert (judgement.rule, judgement.severity, judgement.unexpected) == ("self_corridor_none", "warning", 1)
    assert "ref_area=MAR" in judgement.failing[0]
    validate.demand(report)


def test_no_confidential_figure_is_shown(parameters: Mapping[str, object]) -> None:
    canary = 987_654_321_012.0
    figures = [
        *by_sex(10, 6, 4),
        {"ref_area": "NPL", "value": canary, "conf_status": "C"},
        {"ref_area": "NPL", "sex": "M", "value": canary / 2},
        {"ref_area": "NPL", "sex": "F", "value": 4.0},
    ]

    report = validate.judge(
        dict.fromkeys(("observation", "undesa_stock"), profile(figures)), SUITES, "undesa_stock", parameters
    )

    said = [text for j in report.stopped for text in j.failing]
    assert "confidential, at Table 1!F15 (abababababab)" in said
    assert not any(
        "987654321012" in text or "493827160502" in text
        for text in said
        if "sex=M" not in text and "value_max=493827160506" not in text
    )
    failed = {j.rule: j.failing for j in report.stopped}
    assert failed["sexes_add_up"] == ("confidential, at Table 1!F15 (abababababab)",)


def test_the_profile_of_dictionaries_is_that_of_plain_text() -> None:
    tables = candidate(CLEAN["undesa_stock"])
    coded = [
        pa.table(
            {
                n: c.dictionary_encode() if pa.types.is_string(c.type) else c
                for n, c in zip(t.column_names, t.columns, strict=True)
            }
        )
        for t in tables
    ]

    pd.testing.assert_frame_equal(frames.profile(*tables, CODELISTS), frames.profile(*coded, CODELISTS))


def test_the_profile_does_not_depend_on_the_order_of_attributes_or_series() -> None:
    series, attributes, facts = candidate(CLEAN["undesa_stock"])
    sums = validate.read_suite(SUITES, "undesa_stock").sums

    turned = frames.profile(series[::-1], attributes[::-1], facts, CODELISTS, sums)

    pd.testing.assert_frame_equal(frames.profile(series, attributes, facts, CODELISTS, sums), turned)


# -- what was landed ----------------------------------------------------------------------------------------------

LANDINGS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "all is well": ({}, set()),
    "a cell was lost": ({"explained": 1}, {"balance"}),
    "all rows are in quarantine": ({"observations": 0, "quarantined": 10}, {"accepted_some", "quarantine_bound"}),
    "more in quarantine than the source allows": ({"observations": 9, "quarantined": 1}, {"quarantine_bound"}),
    "an empty body": ({"bytes": 0}, {"bytes_some"}),
    "the publisher counts more rows": ({"publisher_rows": 10, "publisher_total": 11}, {"publisher_total"}),
    "nothing but blanks": ({"observations": 0, "explained": 12}, {"figures_some", "accepted_some"}),
}


@pytest.mark.parametrize("case", LANDINGS)
def test_what_was_landed_is_judged_per_snapshot(case: str, parameters: Mapping[str, object]) -> None:
    differs, expected = LANDINGS[case]

    report = validate.judge({"landed": frames.landed_frame("s", [landing(**differs)])}, SUITES, "s", parameters)

    assert {j.rule for j in report.judgements if not j.success} == expected
    assert all("d/year=2020" in t or "0 elements" in t for j in report.stopped for t in j.failing)


def test_nothing_landed_is_a_failure(parameters: Mapping[str, object]) -> None:
    report = validate.judge({"landed": frames.landed_frame("s", [])}, SUITES, "s", parameters)

    assert {j.severity for j in report.judgements if not j.success} == {"critical"}
    assert "0 elements evaluated" in report.stopped[0].failing[0]


def test_a_measure_that_was_not_taken_is_a_failure(parameters: Mapping[str, object]) -> None:
    taken = [m for m in measures() if m[0] not in ("orphan_area", "published_minus_current")]

    report = validate.judge({"warehouse": frames.warehouse_frame(taken)}, SUITES, "s", parameters)

    assert [j.rule for j in report.stopped] == ["orphan_area_none"]


def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(DeclarationError, match="orphan_sheep"):
        frames.warehouse_frame([("orphan_sheep", 0, "core")])


# -- suites that cannot be judged -----------------------------------------------------------------------------------


def suite_of(folder: Path, *expectations: Mapping[str, Any]) -> Path:
    (folder / "small.json").write_text(json.dumps({"name": "small", "expectations": list(expectations), "meta": {}}))
    return folder


def expectation(**differs: Any) -> dict[str, Any]:
    meta = {"id": "n_some", "reason": "why", "owner": "who", **differs.pop("meta", {})}
    given = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "n", "min_value": 1}}
    return {**given, "severity": "warning", "meta": meta, **differs}


FRAME = pd.DataFrame({"n": [1.0, 2.0], "text": pd.Series(["a", "b"], dtype="str"), "place": ["A1", "A2"]})


def test_a_missing_suite_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ValidationFailedError, match=r"0 expectations evaluated.*small\.json"):
        validate.judge({"small": FRAME}, tmp_path, "s")


def test_no_frame_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ValidationFailedError, match="0 expectations evaluated"):
        validate.judge({}, tmp_path, "s")


def test_no_judgement_is_a_failure() -> None:
    with pytest.raises(ValidationFailedError, match="0 expectations evaluated"):
        validate.demand(validate.Report(()))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"name": "small", "expectations": []}', "{", "\xff"])
def test_an_empty_or_broken_suite_is_a_failure(text: str, tmp_path: Path) -> None:
    (tmp_path / "small.json").write_text(text, encoding="latin-1")

    with pytest.raises(ValidationFailedError, match="0 expectations evaluated"):
        validate.judge({"small": FRAME}, tmp_path, "s")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"severity": "fatal"}, "severity: found 'fatal'"),
        ({"severity": None}, "severity: found None"),
        ({"meta": {"reason": ""}}, "meta.reason is missing"),
        ({"meta": {"owner": ""}}, "meta.owner is missing"),
        ({"meta": {"id": ""}}, "meta.id is missing"),
        ({"type": None}, "type is missing"),
        ({"type": "expect_the_unexpected"}, "Great Expectations refuses"),
        ({"kwargs": {"column": "n", "minimum": 1}}, "Great Expectations refuses"),
        ({"kwargs": {"column": "n", "min_value": {"$PARAMETER": "least"}}}, "asks for the parameters ['least']"),
    ],
)
def test_a_malformed_expectation_is_a_failure(wrong: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationFailedError) as error:
        validate.judge({"small": FRAME}, suite_of(tmp_path, expectation(**wrong)), "s")

    assert said in str(error.value)


def test_an_id_that_stands_twice_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ValidationFailedError, match="stands twice"):
        validate.judge({"small": FRAME}, suite_of(tmp_path, expectation(), expectation()), "s")


def test_a_renamed_column_is_critical_whatever_the_suite_says(tmp_path: Path) -> None:
    suites = suite_of(tmp_path, expectation(meta={"may_be_empty": True}))

    report = validate.judge({"small": FRAME.rename(columns={"n": "count"})}, suites, "s")

    (judgement,) = report.stopped
    assert judgement.severity == "critical"
    assert "the column n is not in the frame" in judgement.failing[0]


def test_an_exception_inside_an_expectation_is_critical_whatever_the_suite_says(tmp_path: Path) -> None:
    suites = suite_of(tmp_path, expectation(kwargs={"column": "text", "min_value": 1}))

    (judgement,) = validate.judge({"small": FRAME}, suites, "s").stopped

    assert judgement.severity == "critical"
    assert judgement.failing[0].startswith("exception: ")


@pytest.mark.parametrize("rows", [0, 2])
def test_nothing_to_evaluate_is_critical_unless_the_rule_may_be_empty(rows: int, tmp_path: Path) -> None:
    frame = FRAME.assign(n=math.nan).head(rows)
    suites = suite_of(tmp_path, expectation(), expectation(meta={"id": "other", "may_be_empty": True}, severity="info"))

    report = validate.judge({"small": frame}, suites, "s")

    assert [(j.rule, j.success, j.severity) for j in report.judgements] == [
        ("n_some", False, "critical"),
        ("other", True, "info"),
    ]
    assert "0 elements evaluated" in report.stopped[0].failing[0]


def test_at_most_twenty_rows_are_shown(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [0.0] * 50, "place": [f"A{i}" for i in range(50)]})

    (judgement,) = validate.judge({"small": frame}, suite_of(tmp_path, expectation()), "s").warned

    assert (judgement.evaluated, judgement.unexpected, len(judgement.failing)) == (50, 50, 20)


def test_judging_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suites = suite_of(tmp_path, expectation())
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)

    validate.judge({"small": FRAME}, suites, "s")

    assert list(empty.iterdir()) == []


def test_great_expectations_is_not_imported_with_the_module() -> None:
    import subprocess
    import sys

    code = "import sys, migstats.validate; sys.exit('great_expectations' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
