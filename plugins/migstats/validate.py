"""Validation: small frames that describe a candidate, and Great Expectations, which judges them by suites in JSON.

A million facts become a *profile* of some hundred rows (distinct values, groups, worst differences, each with a
place), since what Great Expectations costs depends on its rows and on its rules, and a profile keeps both small.
Frames are sparse: a cell is empty where a row is not about that column, and expectations pass over empty cells.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import polars as pl
import pyarrow as pa

from migstats.codelists import read_codelist
from migstats.errors import DeclarationError, ValidationFailedError
from migstats.observation import SERIES_DIMENSIONS, SHARED_ATTRIBUTES, WITHOUT_VALUE, period_of, time_id

if TYPE_CHECKING:
    import pandas as pd

#: What each severity does: critical stops the load, warning is shown, info is recorded.
SEVERITIES: Final = ("critical", "warning", "info")

#: Rows of a frame that a judgement shows.
SHOWN: Final = 20

#: Worst rows that a profile keeps per sum, and keys that it keeps of those that stand twice.
WORST: Final = 20

#: Shares of a difference are of the total, but of this many at least: a rounding of a small figure is no imbalance.
SMALL: Final = 1000.0

#: SDMX:CL_CONF_STATUS code of what anybody may see; an empty cell says the same.
FREE: Final = "F"

#: Code of the unit that counts people.
PERSONS: Final = "PS"
#: How the codes of the units that are shares begin.
PERCENT: Final = "PT"

#: Columns of a frame that say which row it is; shown beside what failed.
CONTEXT: Final = (
    *("dataset", "slice", "indicator", "unit", "obs_status", "key", "ref_area", "counterpart_area"),
    *("time_period", "about", "n"),
    *("value_min", "value_max"),
)

#: Suites that every source has to obey; beside them stands one per source, named for it.
SHARED_SUITES: Final = ("landed", "observation", "warehouse")

#: What the warehouse suite asks for, one statement each; see `warehouse_frame`.
MEASURES: Final = (
    "facts_current",
    "orphan_series",
    "orphan_area",
    "orphan_counterpart_area",
    "orphan_indicator",
    "orphan_attributes",
    "duplicate_current_keys",
    "known_ranges_overlap",
    "known_ranges_reversed",
    "null_status_mismatch",
    "nonfinite_values",
    "facts_without_snapshot",
    "facts_without_place",
    "balance_difference",
    "candidate_minus_current",
    "published_minus_current",
)


# -- suites -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """One expectation of a suite: what it asks, what happens when it fails, and why it is there."""

    id: str
    expectation: str
    column: str
    severity: str
    reason: str
    owner: str
    #: Column of the frame that holds the place of what failed.
    place: str = "place"
    #: An empty frame, or a column without a value, is no fault of this rule's.
    may_be_empty: bool = False


@dataclass(frozen=True)
class Sum:
    """An additive check that a source declares: over `axis`, the figure of `total` is the sum of `parts`."""

    axis: str
    total: str
    parts: tuple[str, ...]
    #: Only figures with these statuses are added up; empty: whatever their status.
    obs_status: tuple[str, ...] = ()


@dataclass(frozen=True)
class Suite:
    """A suite as it stands in its file, checked; `rules` is in the order of the file."""

    name: str
    rules: tuple[Rule, ...]
    sums: Mapping[str, Sum]
    parameters: frozenset[str]
    text: str


def read_suite(folder: Path, name: str) -> Suite:
    """Read and check `<folder>/<name>.json`. DeclarationError gathers every finding, with its rule.

    Great Expectations is not asked here; what only it knows (names and arguments of expectations) shows when a
    suite is judged, and in the project's tests.
    """
    path = folder / f"{name}.json"
    try:
        text = path.read_text(encoding="utf-8")
        facts = json.loads(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DeclarationError(
            f"{path}: the suite cannot be read: {error}; restore the file, an absent suite is a failure"
        ) from error
    found: list[str] = []
    expectations = facts.get("expectations") if isinstance(facts, dict) else None
    if not isinstance(expectations, list) or not expectations:
        raise DeclarationError(f"{path}: the suite holds no expectation; 0 expectations evaluated is a failure")
    if facts.get("name") != name:
        found.append(f"name: found {facts.get('name')!r}, expected {name!r}")
    rules = [_rule(number, e, found) for number, e in enumerate(expectations, start=1)]
    ids = [r.id for r in rules]
    found += [f"the id {i!r} stands twice" for i in sorted({i for i in ids if ids.count(i) > 1})]
    sums = _sums(facts.get("meta"), found)
    if found:
        raise DeclarationError("\n".join(f"{path}: {f}; mend the suite" for f in found))
    parameters = frozenset(re.findall(r'"\$PARAMETER"\s*:\s*"([^"]+)"', text))
    return Suite(name, tuple(rules), sums, parameters, text)


def _rule(number: int, facts: object, found: list[str]) -> Rule:
    if not isinstance(facts, dict):
        found.append(f"expectation {number} is not an object")
        return Rule(f"#{number}", "", "", "critical", "", "")
    facts = cast(dict[str, Any], facts)
    meta, kwargs = facts.get("meta"), facts.get("kwargs")
    meta, kwargs = (meta if isinstance(meta, dict) else {}), (kwargs if isinstance(kwargs, dict) else {})
    name = str(meta.get("id") or f"#{number}")
    for key in ("id", "reason", "owner"):
        if not isinstance(meta.get(key), str) or not meta[key].strip():
            found.append(f"expectation {name}: meta.{key} is missing")
    if not isinstance(facts.get("type"), str):
        found.append(f"expectation {name}: type is missing")
    if facts.get("severity") not in SEVERITIES:
        found.append(f"expectation {name}: severity: found {facts.get('severity')!r}, expected {', '.join(SEVERITIES)}")
    columns = [kwargs[k] for k in ("column", "column_A", "column_B") if isinstance(kwargs.get(k), str)]
    return Rule(
        id=name,
        expectation=str(facts.get("type", "")),
        column=", ".join(columns or kwargs.get("column_list", [])),
        severity=str(facts.get("severity", "")),
        reason=str(meta.get("reason", "")),
        owner=str(meta.get("owner", "")),
        place=str(meta.get("place", "place")),
        may_be_empty=meta.get("may_be_empty") is True,
    )


def _sums(meta: object, found: list[str]) -> dict[str, Sum]:
    declared = meta.get("sums", {}) if isinstance(meta, dict) else {}
    sums: dict[str, Sum] = {}
    for name, facts in declared.items():
        try:
            found_sum = Sum(facts["axis"], facts["total"], tuple(facts["parts"]), tuple(facts.get("obs_status", ())))
        except (KeyError, TypeError, AttributeError):
            found.append(f"meta.sums.{name}: expected axis, total and parts, found {facts!r}")
            continue
        if found_sum.axis not in SERIES_DIMENSIONS or len(found_sum.parts) < 2:
            found.append(f"meta.sums.{name}: axis {found_sum.axis!r} is no dimension, or fewer than two parts")
        sums[name] = found_sum
    return sums


def read_suites(folder: Path) -> dict[str, Suite]:
    """Every suite of a folder by name. DeclarationError gathers the findings of all, and a shared one missing."""
    suites: dict[str, Suite] = {}
    found: list[str] = []
    for name in sorted({*SHARED_SUITES, *(p.stem for p in folder.glob("*.json"))}):
        try:
            suites[name] = read_suite(folder, name)
        except DeclarationError as error:
            found.append(str(error))
    if found:
        raise DeclarationError("\n".join(found))
    return suites


def parameters(codelists: Path, *, today: dt.date, quarantine_bound: float) -> dict[str, object]:
    """What suites ask for at run time with `$PARAMETER`: the codes of each codelist, and the run's own bounds.

    One parameter per codelist, named for it, holds its codes; beside them `area_kind` (kinds of areas), `max_year`
    (the year of the run + 1) and `quarantine_bound` (a share, 0 to 1).
    """
    names = sorted(p.stem for p in codelists.glob("*.csv"))
    codes: dict[str, object] = {name: sorted(read_codelist(codelists, name).rows) for name in names}
    kinds = sorted(set(read_codelist(codelists, "area").column("kind").values()))
    return {**codes, "area_kind": kinds, "max_year": today.year + 1, "quarantine_bound": quarantine_bound}


# -- frames -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Landing:
    """What became of one snapshot. Counts are cells, but for `publisher_rows`, which are the publisher's own."""

    dataset: str
    slice: str
    snapshot: str
    bytes: int
    page: int
    pages: int
    landed: int
    observations: int
    quarantined: int
    explained: int
    #: Rows read over all pages of the slice; how many there are as the publisher says. None: it does not say.
    publisher_rows: int | None = None
    publisher_total: int | None = None


_LANDED_TEXTS: Final = ("source", "dataset", "slice", "snapshot", "place")
_LANDED_NUMBERS: Final = (
    *("bytes", "page", "pages", "landed", "observations", "quarantined", "explained", "figures", "accepted"),
    *("difference", "quarantine_share", "publisher_rows", "publisher_total"),
)


def landed_frame(source: str, landings: Iterable[Landing]) -> pd.DataFrame:
    """One row per snapshot, `difference` and `quarantine_share` worked out; place is the slice and page."""
    rows = []
    for at in landings:
        figures = at.observations + at.quarantined
        rows.append(
            {
                "source": source,
                "dataset": at.dataset,
                "slice": at.slice,
                "snapshot": at.snapshot,
                "place": f"{at.slice} page {at.page} of {at.pages} ({at.snapshot[:12]})",
                "bytes": at.bytes,
                "page": at.page,
                "pages": at.pages,
                "landed": at.landed,
                "observations": at.observations,
                "quarantined": at.quarantined,
                "explained": at.explained,
                "figures": figures,
                # Where there was no figure at all, none could be accepted; that is another rule's to say.
                "accepted": at.observations if figures else None,
                "difference": at.landed - at.observations - at.quarantined - at.explained,
                "quarantine_share": at.quarantined / figures if figures else 0.0,
                "publisher_rows": at.publisher_rows,
                "publisher_total": at.publisher_total,
            }
        )
    schema = {**dict.fromkeys(_LANDED_TEXTS, pl.String), **dict.fromkeys(_LANDED_NUMBERS, pl.Float64)}
    return _pandas(pl.DataFrame(rows, schema=schema, strict=False))


def warehouse_frame(rows: Iterable[tuple[str, float, str]]) -> pd.DataFrame:
    """(measure, value, place) → one row each, the value in the column of its measure.

    A measure without a row leaves its column empty, and its rule fails for having had nothing to judge.
    DeclarationError for a measure that is not in MEASURES.
    """
    table = [{"place": place, measure: float(value)} for measure, value, place in rows]
    unknown = {name for row in table for name in row} - {"place", *MEASURES}
    if unknown:
        raise DeclarationError(
            f"the measures {sorted(unknown)} are unknown to the suite `warehouse`; add them to validate.MEASURES "
            "and to expectations/warehouse.json, or mend the statement's name"
        )
    schema = {"place": pl.String, **dict.fromkeys(MEASURES, pl.Float64)}
    return _pandas(pl.DataFrame(table, schema=schema))


#: Dimensions that are profiled by their distinct values; `indicator` and `freq` stand in groups and periods.
_VALUED: Final = tuple(d for d in SERIES_DIMENSIONS if d not in ("indicator", "freq"))

#: Areas are judged by the kind that the codelist gives them: Great Expectations copies a set dozens of times.
AREA_KINDS: Final = {"ref_area": "area_kind", "counterpart_area": "counterpart_kind"}

_GROUP: Final = ("indicator", "attribute_id", "obs_status", "has_value")

#: Columns of a profile that are always there, whatever the candidate holds.
_PROFILE: Final[dict[str, type[pl.DataType]]] = {
    "about": pl.String,
    "n": pl.Float64,
    "place": pl.String,
    **dict.fromkeys(SERIES_DIMENSIONS, pl.String),
    **dict.fromkeys(SHARED_ATTRIBUTES, pl.String),
    **dict.fromkeys(("area_kind", "counterpart_kind", "time_period", "period_freq"), pl.String),
    **dict.fromkeys(("obs_status", "status_says", "holds"), pl.String),
    **dict.fromkeys(("unit_expected", "kind", "kind_expected", "place_min", "place_max", "key"), pl.String),
    **dict.fromkeys(
        (
            "age_min",
            "age_max",
            "period_year",
            "value_min",
            "value_max",
            "bound_min",
            "bound_max",
            "nonfinite",
            "unplaced",
            "fractional",
            "below_five",
            "share_max",
            "without_basis",
            "dataset_figures",
            "figures",
            "copies",
            "orphans",
            "self_corridor",
        ),
        pl.Float64,
    ),
}


def profile(
    series: pa.Table,
    attributes: pa.Table,
    facts: pa.Table,
    codelists: Path,
    sums: Mapping[str, Sum] | None = None,
) -> pd.DataFrame:
    """Describe a candidate in some hundred rows, for the suite `observation` and the one of its source.

    `series`: series_id, SERIES_DIMENSIONS · `attributes`: attribute_id, SHARED_ATTRIBUTES · `facts`: series_id,
    time_id, value, obs_status, attribute_id, snapshot, place, row. Text may be dictionary-coded.

    `about` says what a row describes: `group` (facts of one indicator, attributes, status, with a value or without),
    a dimension (one row per distinct code), `period`, `dataset`, `key` (facts of one series and period that stand
    `copies` times), `self_corridor` (figures other than 0 from an area to itself), or the name of a declared sum
    (columns `<name>_total`, `<name>_difference`, `<name>_share` of its worst rows). `n` is a number of facts.
    """
    s, f = _frame(series), _frame(facts).with_row_index("at")
    a = _attributes(attributes)
    per_series = f.group_by("series_id").agg(n=pl.len(), at=pl.col("at").min())
    used = s.join(per_series, on="series_id", how="inner")
    parts = [
        _groups(used, a, f, codelists),
        *(_values(used, name, codelists) for name in _VALUED),
        _periods(used, f),
        _keys(f, per_series, s, a),
        _self_corridors(used, f, codelists),
        *(_sum(used, a, f, name, declared) for name, declared in (sums or {}).items()),
    ]
    parts.append(_datasets(parts[0]))
    of_sums = dict.fromkeys((f"{n}_{c}" for n in sums or {} for c in ("total", "difference", "share")), pl.Float64)
    empty = pl.DataFrame(schema={**_PROFILE, **of_sums, "at": pl.UInt32, "at_min": pl.UInt32, "at_max": pl.UInt32})
    table = pl.concat([empty, *parts], how="diagonal_relaxed")
    for column in ("", "_min", "_max"):
        table = table.with_columns(_places(f, table[f"at{column}"]).alias(f"place{column}"))
    return _pandas(table.select(list(_PROFILE) + list(of_sums)))


def _frame(table: pa.Table) -> pl.DataFrame:
    return cast(pl.DataFrame, pl.from_arrow(table))


def _attributes(attributes: pa.Table) -> pl.DataFrame:
    """Attributes as text. An attribute that is not said is no cell to judge, but for unit and dataset: they must be."""
    texts = [pl.col(a).cast(pl.String).replace("", None) for a in SHARED_ATTRIBUTES]
    return _frame(attributes).with_columns(texts).with_columns(pl.col("dataset", "unit").fill_null(""))


def _text(column: str) -> pl.Expr:
    """A code as text; an empty one is '', which no codelist holds, so that it is judged and not passed over."""
    return pl.col(column).cast(pl.String).fill_null("")


def _in(column: str, codes: Sequence[str]) -> pl.Expr:
    return pl.col(column).cast(pl.String).is_in(list(codes))


def _places(facts: pl.DataFrame, at: pl.Series) -> pl.Series:
    """The place of each fact, such as `Table 1!F12 (8f3a12bc90de)`; null where there is no fact."""
    columns = facts.select("place", "row", "snapshot")
    rows = columns[at.drop_nulls().cast(pl.Int64)].with_columns(pl.col("place", "snapshot").cast(pl.String))
    texts = iter(
        f"{str(place).replace('{}', str(row), 1)} ({str(snapshot)[:12]})" for place, row, snapshot in rows.iter_rows()
    )
    return pl.Series([None if i is None else next(texts) for i in at], dtype=pl.String)


def _groups(used: pl.DataFrame, attributes: pl.DataFrame, facts: pl.DataFrame, codelists: Path) -> pl.DataFrame:
    """One row per indicator, attributes, status and presence of a value, with bounds and where they are."""
    value, finite = pl.col("value"), pl.col("value").is_finite()
    placed = pl.col("place").is_not_null() & pl.col("snapshot").is_not_null() & pl.col("row").is_not_null()
    indicators = used.select("series_id", pl.col("indicator").cast(pl.String).cast(pl.Categorical))
    found = (
        facts.select("series_id", "attribute_id", "obs_status", "value", "at", unplaced=~placed)
        .join(indicators, on="series_id", how="inner")
        .with_columns(has_value=value.is_not_null())
        .group_by(_GROUP)
        .agg(
            n=pl.len(),
            at=pl.col("at").min(),
            figures=value.count(),
            value_min=value.filter(finite).min(),
            value_max=value.filter(finite).max(),
            at_min=pl.col("at").get(value.fill_nan(None).arg_min()),
            at_max=pl.col("at").get(value.fill_nan(None).arg_max()),
            nonfinite=(~finite).sum(),
            fractional=(finite & (value != value.round(0))).sum(),
            below_five=(finite & (value > 0) & (value < 5)).sum(),
            unplaced=pl.col("unplaced").sum(),
        )
        .join(attributes, on="attribute_id", how="left")
        .with_columns(_text("indicator"), _text("obs_status"))
        .sort("at", *_GROUP)
    )
    catalogue = _catalogue(codelists)
    without, persons = sorted(WITHOUT_VALUE), pl.col("unit_expected") == PERSONS
    return found.join(catalogue, on="indicator", how="left").select(
        pl.lit("group").alias("about"),
        *("n", "at", "at_min", "at_max", "indicator", *SHARED_ATTRIBUTES, "obs_status"),
        *("value_min", "value_max", "bound_min", "bound_max", "nonfinite", "unplaced", "figures", "kind_expected"),
        pl.col("unit_expected").fill_null(""),
        # Only persons are counted one by one.
        fractional=pl.when(persons).then("fractional"),
        below_five=pl.when(persons).then("below_five"),
        share_max=pl.when(pl.col("unit_expected").str.starts_with(PERCENT)).then("value_max"),
        without_basis=pl.when(pl.col("concept_basis").is_null()).then("n").otherwise(0),
        kind=pl.when(pl.col("reference_point") == "period").then(pl.lit("flow")).otherwise(pl.lit("stock")),
        status_says=pl.when(_in("obs_status", without)).then(pl.lit("no value")).otherwise(pl.lit("value")),
        holds=pl.when("has_value").then(pl.lit("value")).otherwise(pl.lit("no value")),
    )


def _catalogue(codelists: Path) -> pl.DataFrame:
    """Indicator → unit, stock or flow, and bounds of the indicator catalogue; an empty bound is none."""
    rows = read_codelist(codelists, "indicator").rows
    try:
        table = [
            (code, row["unit"], row["stock_or_flow"], _bound(row["min_value"]), _bound(row["max_value"]))
            for code, row in rows.items()
        ]
    except (KeyError, ValueError) as error:
        raise DeclarationError(
            f"{codelists / 'indicator.csv'}: {error}; expected the columns unit and stock_or_flow, and numbers in "
            "min_value and max_value"
        ) from error
    texts, bounds = ("indicator", "unit_expected", "kind_expected"), ("bound_min", "bound_max")
    schema = {**dict.fromkeys(texts, pl.String), **dict.fromkeys(bounds, pl.Float64)}
    return pl.DataFrame(table, schema=schema, orient="row")


def _bound(cell: str) -> float | None:
    return float(cell) if cell else None


def _values(used: pl.DataFrame, dimension: str, codelists: Path) -> pl.DataFrame:
    """One row per distinct code of a dimension."""
    found = (
        used.group_by(dimension)
        .agg(pl.col("n").sum(), pl.col("at").min())
        .with_columns(_text(dimension), about=pl.lit(dimension))
        .sort("at")
    )
    if dimension in AREA_KINDS:
        kind = AREA_KINDS[dimension]
        found = found.join(_column(codelists, "area", "kind", kind, dimension), on=dimension, how="left")
        return found.with_columns(pl.col(kind).fill_null("not in the codelist"))
    if dimension == "age":
        for theirs, ours in (("min_age", "age_min"), ("max_age", "age_max")):
            column = _column(codelists, "age", theirs, ours, dimension)
            found = found.join(column, on=dimension, how="left").with_columns(pl.col(ours).cast(pl.Float64))
    return found


def _column(codelists: Path, name: str, column: str, alias: str, code: str) -> pl.DataFrame:
    cells = read_codelist(codelists, name).column(column)
    return pl.DataFrame({code: list(cells), alias: list(cells.values())}, schema={code: pl.String, alias: pl.String})


def _periods(used: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """One row per frequency and time period, with the frequency and year that the period itself says."""
    freqs = used.select("series_id", pl.col("freq").cast(pl.String).cast(pl.Categorical))
    table = facts.select("series_id", "time_id", "at")
    if freqs["freq"].n_unique() == 1:
        coded = table.with_columns(freq=pl.lit(freqs["freq"].cast(pl.String)[0]))
    else:
        coded = table.join(freqs, on="series_id", how="inner")
    found = (
        coded.group_by("freq", "time_id")
        .agg(n=pl.len(), at=pl.col("at").min())
        .with_columns(_text("freq"), about=pl.lit("period"))
        .sort("at")
    )
    texts = [_period(code) for code in found["time_id"]]
    return found.drop("time_id").with_columns(
        time_period=pl.Series(texts, dtype=pl.String),
        period_freq=pl.Series([_FREQ.get(t[4:6], "no SDMX period") for t in texts], dtype=pl.String),
        period_year=pl.Series([float(t[:4]) if t[:4].isdigit() else None for t in texts], dtype=pl.Float64),
    )


#: What follows the year in a period → its frequency; `_period` lets nothing else through.
_FREQ: Final = {"": "A", "-S": "S", "-Q": "Q", "-0": "M", "-1": "M"}


def _period(code: int) -> str:
    """The SDMX period of a time_id, or a text that is none where the code is none."""
    try:
        text = period_of(code)
        known = time_id(text) == code
    except (ValueError, IndexError):
        known = False
    return text if known else f"code {code}"


def _keys(
    facts: pl.DataFrame, per_series: pl.DataFrame, series: pl.DataFrame, attributes: pl.DataFrame
) -> pl.DataFrame:
    """Facts whose series and period stand more than once (the WORST most), or one row that says there are none.

    Also facts of a series or of attributes that are not there, as `orphans` of that row.
    """
    # Equal keys have equal codes; sorting one integer per fact finds the few that can be equal.
    code = facts["series_id"].to_numpy() ^ (facts["time_id"].cast(pl.Int64).to_numpy() * 0x9E3779B97F4A7C1)
    code.sort()
    copies = pl.DataFrame(schema={"n": pl.UInt32, "at": pl.UInt32, "copies": pl.Float64})
    if bool((code[1:] == code[:-1]).any()):
        copies = (
            facts.group_by("series_id", "time_id")
            .agg(n=pl.len(), at=pl.col("at").max(), copies=pl.len().cast(pl.Float64))
            .filter(pl.col("copies") > 1)
            .sort("copies", "at", descending=[True, False])
            .head(WORST)
            .select("n", "at", "copies")
        )
    known = pl.Series(series["series_id"]).implode()
    of_series = per_series.filter(~pl.col("series_id").is_in(known))
    of_attributes = facts.filter(~pl.col("attribute_id").is_in(attributes["attribute_id"].implode()))
    at = min(
        (t["at"].min() for t in (of_series, of_attributes) if t.height),
        default=0 if facts.height else None,  # type: ignore[type-var]
    )
    orphans = int(of_series["n"].sum()) + of_attributes.height
    whole = {"n": facts.height, "at": at, "copies": 1.0, "orphans": float(orphans)}
    overall = pl.DataFrame(
        [whole], schema={"n": pl.UInt32, "at": pl.UInt32, "copies": pl.Float64, "orphans": pl.Float64}
    )
    rows = [overall, copies.with_columns(orphans=pl.lit(None, dtype=pl.Float64))]
    return pl.concat(rows, how="diagonal").with_columns(about=pl.lit("key"))


def _self_corridors(used: pl.DataFrame, facts: pl.DataFrame, codelists: Path) -> pl.DataFrame:
    """Figures other than 0 that lead from an area to itself: one row per area (the WORST most), or one that says 0."""
    # From all to all, or from unknown to unknown, is no corridor.
    kinds = read_codelist(codelists, "area").column("kind")
    places = [code for code, kind in kinds.items() if kind not in ("total", "residual", "group")]
    same = used.with_columns(_text("ref_area"), _text("counterpart_area")).filter(
        (pl.col("ref_area") == pl.col("counterpart_area")) & _in("ref_area", places)
    )
    found = (
        facts.filter(pl.col("series_id").is_in(same["series_id"].implode()) & (pl.col("value") != 0))
        .join(same.select("series_id", "ref_area"), on="series_id")
        .group_by("ref_area")
        .agg(n=pl.len(), at=pl.col("at").min())
        .sort("n", "at", descending=[True, False])
        .head(WORST)
    )
    if not found.height:
        found = pl.DataFrame({"ref_area": [None], "n": [0], "at": [None]}, schema=found.schema)
    return found.with_columns(self_corridor=pl.col("n").cast(pl.Float64), about=pl.lit("self_corridor"))


def _sum(used: pl.DataFrame, attributes: pl.DataFrame, facts: pl.DataFrame, name: str, declared: Sum) -> pl.DataFrame:
    """The WORST rows of an additive check by difference and by share, the largest total, and the first compared.

    Only where the total and all parts have a figure; what is missing is no difference.
    """
    others = [d for d in SERIES_DIMENSIONS if d != declared.axis]
    codes = (declared.total, *declared.parts)
    coded = used.with_columns(pl.col(declared.axis).cast(pl.String)).filter(pl.col(declared.axis).is_in(codes))
    varying = [d for d in others if coded[d].n_unique() > 1]
    whole = (
        coded.select("series_id", declared.axis, *(varying or others[:1]))
        .group_by(varying or others[:1])
        .agg(pl.col("series_id"), pl.col(declared.axis))
        .filter(pl.col("series_id").list.len() == len(codes))
        .with_row_index("group")
    )
    members = whole.select("group", "series_id", declared.axis).explode("series_id", declared.axis)
    signs = members.select(
        "group", "series_id", sign=pl.when(pl.col(declared.axis) == declared.total).then(1.0).otherwise(-1.0)
    )
    is_total = pl.col("sign") > 0
    hidden = attributes.filter(pl.col("conf_status").fill_null(FREE) != FREE)["attribute_id"]
    figures = facts.filter(_in("obs_status", declared.obs_status)) if declared.obs_status else facts
    compared = (
        figures.select("series_id", "time_id", "value", "attribute_id", "at")
        .join(signs, on="series_id", how="inner")
        # One integer for group and period, and plain sums over it: half the time of two keys and conditions.
        .select(
            key=pl.col("group").cast(pl.Int64) * _PERIOD_SPAN + pl.col("time_id"),
            signed=pl.col("value") * pl.col("sign"),
            total=pl.when(is_total).then("value"),
            at=pl.when(is_total).then("at"),
            hidden=pl.col("attribute_id").is_in(hidden.implode()).cast(pl.UInt32),
        )
        .group_by("key")
        .agg(pl.col("signed", "total", "hidden").sum(), pl.col("at").max(), figures=pl.col("signed").count())
        .filter(pl.col("figures") == len(codes))
        .select(
            "total",
            "at",
            group=(pl.col("key") // _PERIOD_SPAN).cast(pl.UInt32),
            time_id=pl.col("key") % _PERIOD_SPAN,
            hidden=pl.col("hidden") > 0,
            difference=pl.col("signed").abs(),
        )
        .with_columns(share=pl.col("difference") / pl.max_horizontal(pl.col("total").abs(), pl.lit(SMALL)))
    )
    tops = (_top(compared, "difference", WORST), _top(compared, "share", WORST), _top(compared, "total", 1))
    first = compared.filter(pl.col("at") == pl.col("at").min())
    worst = pl.concat([*tops, first]).unique("at", maintain_order=True)
    labelled = worst.join(whole.select("group", *(varying or others[:1])), on="group", how="left")
    periods = pl.Series("time_period", [_period(code) for code in labelled["time_id"]], dtype=pl.String)
    key = pl.concat_str([pl.format(f"{d}={{}}", _text(d)) for d in (*varying, "time_period")], separator=" ")
    return labelled.with_columns(periods).select(
        pl.lit(name).alias("about"),
        pl.lit(compared.height).alias("n"),
        "at",
        key.alias("key"),
        pl.when("hidden").then(pl.lit("C")).otherwise(pl.lit(FREE)).alias("conf_status"),
        pl.col("total").alias(f"{name}_total"),
        pl.col("difference").alias(f"{name}_difference"),
        pl.col("share").alias(f"{name}_share"),
    )


#: More than the largest time_id, so that a group and a period fit into one integer.
_PERIOD_SPAN: Final = 4_000_000


def _top(table: pl.DataFrame, column: str, rows: int) -> pl.DataFrame:
    """The rows with the largest cells above 0, equal ones in the order of the facts; no sort of the whole table."""
    largest = table[column].top_k(rows).min()
    if largest is None:
        return table.clear()
    above = table.filter((pl.col(column) >= largest) & (pl.col(column) > 0))
    return above.sort(column, "at", descending=[True, False]).head(rows)


def _datasets(groups: pl.DataFrame) -> pl.DataFrame:
    """One row per dataset: how many facts and figures it has."""
    return (
        groups.group_by("dataset", maintain_order=True)
        .agg(pl.col("n").sum(), pl.col("at").min(), dataset_figures=pl.col("figures").sum())
        .with_columns(about=pl.lit("dataset"))
    )


def _pandas(table: pl.DataFrame) -> pd.DataFrame:
    """A pandas frame whose text columns are text even where every cell is empty."""
    import pandas as pd

    columns = {
        name: pd.Series(column.to_list(), dtype="str" if column.dtype == pl.String else "float64")
        for name, column in zip(table.columns, table.iter_columns(), strict=True)
    }
    return pd.DataFrame(columns)


# -- judging ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judgement:
    """What one expectation said of one frame. Counts are rows of the frame, `failing` examples of them."""

    suite: str
    source: str
    rule: str
    expectation: str
    column: str
    #: As declared; `critical` where the expectation could not be judged at all.
    severity: str
    success: bool
    evaluated: int
    unexpected: int
    reason: str
    owner: str
    #: Short texts of rows that failed, with their place; at most SHOWN, and no confidential value.
    failing: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """The judgements of a run, in the order of the suites and of their files."""

    judgements: tuple[Judgement, ...]

    @property
    def stopped(self) -> tuple[Judgement, ...]:
        """The critical ones that failed: the load must not go on."""
        return tuple(j for j in self.judgements if not j.success and j.severity == "critical")

    @property
    def warned(self) -> tuple[Judgement, ...]:
        """The others that failed: shown or recorded, the load goes on."""
        return tuple(j for j in self.judgements if not j.success and j.severity != "critical")


def judge(
    frames: Mapping[str, pd.DataFrame],
    suites: Path,
    source: str,
    parameters: Mapping[str, object] | None = None,
) -> Report:
    """Judge frames (suite name → frame) by the suites of a folder, with Great Expectations.

    The parameter `source` is known here; `parameters()` makes the others.

    Raises ValidationFailedError where there is nothing to judge by: no frame, a suite that is missing, empty or
    malformed (its severities too), a parameter that nobody gave. Everything that goes wrong within one expectation
    (an exception, a column that is not there, not one element to judge while `meta.may_be_empty` is not true) is a
    failed judgement of severity `critical`, whatever the suite declares.
    """
    if not frames:
        raise ValidationFailedError(
            f"source {source}: 0 expectations evaluated, since no frame was given; judge at least one suite"
        )
    given = {"source": [source], **(parameters or {})}
    judgements: list[Judgement] = []
    for name, frame in frames.items():
        try:
            suite = read_suite(suites, name)
        except DeclarationError as error:
            raise ValidationFailedError(f"source {source}: 0 expectations evaluated: {error}") from error
        missing = suite.parameters - set(given)
        if missing:
            raise ValidationFailedError(
                f"source {source}: suite {name} asks for the parameters {sorted(missing)}, which were not given; "
                "add the codelist, or mend the name in the suite"
            )
        judgements += _judge(frame, suite, source, given)
    return Report(tuple(judgements))


def demand(report: Report) -> None:
    """Raise ValidationFailedError where a critical expectation failed; its message leads to the figures."""
    stopped = report.stopped
    if not report.judgements:
        raise ValidationFailedError("0 expectations evaluated; nothing may be loaded unjudged")
    if not stopped:
        return
    lines = [
        f"source {stopped[0].source}: {len(stopped)} critical expectation(s) of {len(report.judgements)} failed; "
        "nothing was accepted, what is published stays as it is"
    ]
    for j in stopped:
        lines.append(
            f"- {j.suite}/{j.rule}: {j.expectation} on {j.column or 'the frame'}: {j.unexpected} of {j.evaluated} "
            f"failed. Why it is there: {j.reason}"
        )
        lines += [f"    {text}" for text in j.failing[:3]]
        if len(j.failing) > 3:
            lines.append(f"    ... {len(j.failing) - 3} more in ops.validation_result")
    lines.append(
        "What to do: look at the places named; where the publisher is wrong, add a correction with evidence; where "
        "our mapping is, mend codes.csv or source.yaml; where the bound is, ask the owner that the suite names; "
        "then run again"
    )
    raise ValidationFailedError("\n".join(lines))


def _judge(frame: pd.DataFrame, suite: Suite, source: str, given: Mapping[str, object]) -> list[Judgement]:
    import logging

    import great_expectations as gx

    # Its INFO lines would bury the run's own in a task's log. (Its import sets a level of its own.)
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    facts = json.loads(suite.text)
    for expectation, rule in zip(facts["expectations"], suite.rules, strict=True):
        expectation["meta"] = {"id": rule.id}
    try:
        loaded = gx.ExpectationSuite(**facts)
    except (ValueError, TypeError, gx.exceptions.GreatExpectationsError) as error:
        raise ValidationFailedError(
            f"source {source}: Great Expectations refuses the suite {suite.name}: {error}; mend "
            f"expectations/{suite.name}.json"
        ) from error
    # It logs what it cannot make an expectation of, and goes on without it.
    dropped = {rule.id for rule in suite.rules} - {e.meta["id"] for e in loaded.expectations}
    if dropped:
        raise ValidationFailedError(
            f"source {source}: Great Expectations refuses {sorted(dropped)} of the suite {suite.name}: no such "
            f"expectation, or wrong arguments; mend expectations/{suite.name}.json"
        )
    wanted = {name: given[name] for name in suite.parameters}
    narrow = frame[_judged(frame, suite)]
    first = _validate(narrow, loaded, "BASIC", wanted)
    failed = [rule.id for rule in suite.rules if not first[rule.id].success]
    rows: dict[str, Any] = {}
    if failed:
        # Rows are asked for only when something failed: finding them costs several times the judging.
        again = {**facts, "expectations": [e for e in facts["expectations"] if e["meta"]["id"] in failed]}
        rows = _validate(narrow, gx.ExpectationSuite(**again), "COMPLETE", wanted)
    return [_judgement(suite, source, rule, first[rule.id], rows.get(rule.id), frame) for rule in suite.rules]


def _judged(frame: pd.DataFrame, suite: Suite) -> list[str]:
    """The columns that a suite names (in arguments or row conditions): Great Expectations copies all it is given."""
    return [c for c in frame.columns if re.search(rf"\b{re.escape(str(c))}\b", suite.text)]


def _validate(frame: pd.DataFrame, suite: Any, result_format: str, given: Mapping[str, object]) -> dict[str, Any]:
    """Results by the rule's id, from an ephemeral context: nothing is written, parallel runs share nothing."""
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset(suite.name)
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch({"dataframe": frame})
    result = batch.validate(
        suite, result_format={"result_format": result_format}, expectation_parameters=dict(given) or None
    )
    return {r.expectation_config.meta["id"]: r for r in result.results}


def _judgement(suite: Suite, source: str, rule: Rule, result: Any, rows: Any, frame: pd.DataFrame) -> Judgement:
    facts = result.result or {}
    element_count = int(facts.get("element_count", len(frame)))
    evaluated = element_count - int(facts.get("missing_count") or 0)
    failed = Judgement(
        suite=suite.name,
        source=source,
        rule=rule.id,
        expectation=rule.expectation,
        column=rule.column,
        severity=rule.severity,
        success=False,
        evaluated=evaluated,
        unexpected=int(facts.get("unexpected_count", 1)),
        reason=rule.reason,
        owner=rule.owner,
        failing=(),
    )
    absent = [c for c in rule.column.split(", ") if c and c not in frame.columns]
    if absent:
        text = f"the column {', '.join(absent)} is not in the frame {suite.name}; it has {', '.join(frame.columns)}"
        return replace(failed, severity="critical", evaluated=0, unexpected=1, failing=(text,))
    raised = _raised(result.exception_info)
    if raised:
        return replace(failed, severity="critical", evaluated=0, unexpected=1, failing=(f"exception: {raised}",))
    if evaluated == 0:
        if rule.may_be_empty:
            return replace(failed, success=True, unexpected=0)
        text = f"0 elements evaluated: {rule.column or 'the frame'} holds no value in {len(frame)} rows"
        return replace(failed, severity="critical", unexpected=1, failing=(text,))
    if result.success:
        return replace(failed, success=True, unexpected=int(facts.get("unexpected_count") or 0))
    complete = (rows.result if rows is not None else None) or {}
    indices = complete.get("unexpected_index_list") or []
    texts = tuple(_row_text(frame, int(i), rule) for i in indices[:SHOWN])
    if not texts:
        texts = _without_rows(complete or facts, rule, frame)
    return replace(failed, unexpected=max(failed.unexpected, 1), failing=texts)


def _raised(info: Any) -> str:
    """The message of an exception within an expectation, '' where there was none (GX nests them by metric)."""
    if not info:
        return ""
    found = [info] if "raised_exception" in info else list(info.values())
    return "; ".join(sorted({str(i.get("exception_message")).strip() for i in found if i.get("raised_exception")}))


def _row_text(frame: pd.DataFrame, position: int, rule: Rule) -> str:
    """`column=value ... at place`; only the place where the row is confidential."""
    import pandas as pd

    row = frame.iloc[position]
    shown = {str(name): cell for name, cell in row.items() if pd.notna(cell) and cell != ""}
    place = shown.get(rule.place) or shown.get("place") or f"row {position + 1} of the frame"
    if shown.get("conf_status", FREE) != FREE:
        return f"confidential, at {place}"
    asked = rule.column.split(", ")
    names = [*asked, *(name for name in CONTEXT if name not in asked)]
    cells = [f"{name}={_short(shown[name])}" for name in names if name in shown]
    return f"{' '.join(cells)} at {place}"


def _short(cell: object) -> str:
    if isinstance(cell, float):
        return f"{int(cell)}" if cell.is_integer() and abs(cell) < 1e15 else repr(float(cell))
    text = str(cell)
    return text if len(text) <= 120 else text[:117] + "..."


def _without_rows(facts: Mapping[str, Any], rule: Rule, frame: pd.DataFrame) -> tuple[str, ...]:
    """What an expectation on a whole column or frame observed; the first place stands for where to look."""
    seen = facts.get("observed_value")
    if seen is None and rule.column in frame.columns:
        seen = ", ".join(sorted(str(v) for v in frame[rule.column].dropna().unique()[:SHOWN]))
    places = frame[rule.place].dropna() if rule.place in frame.columns else ()
    where: Sequence[Any] = list(places[:1]) or ["an empty frame"]
    return (f"observed {_short(seen)} over {len(frame)} rows, from {where[0]}",)
