"""Frames: small tables that describe a candidate or the warehouse, for Great Expectations to judge.

A million facts become a *profile* of some hundred rows (distinct values, groups, worst differences, each with a
place), since what Great Expectations costs depends on its rows and on its rules, and a profile keeps both small.
Frames are sparse: a cell is empty where a row is not about that column, and expectations pass over empty cells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

import polars as pl
import pyarrow as pa

from migstats.codelists import Folders, read_codelist
from migstats.errors import DeclarationError
from migstats.observation import EITHER_WAY, SERIES_DIMENSIONS, SHARED_ATTRIBUTES, WITHOUT_VALUE, period_of, time_id
from migstats.subdivisions import Subdivisions, told_apart

if TYPE_CHECKING:
    import pandas as pd

#: Code of the unit that counts people.
PERSONS: Final = "PS"

#: How the codes of the units that are shares begin.
PERCENT: Final = "PT"

#: Shares of a difference are of the total, but of this many at least: a rounding of a small figure is no imbalance.
SMALL: Final = 1000.0

#: Worst rows that a profile keeps per sum, and keys that it keeps of those that stand twice.
WORST: Final = 20

#: SDMX:CL_CONF_STATUS code of what anybody may see; an empty cell says the same.
FREE: Final = "F"

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
    "states_minus_known",
    "published_minus_current",
)


@dataclass(frozen=True)
class Sum:
    """An additive check that a source declares: over `axis`, the figure of `total` is the sum of `parts`."""

    axis: str
    total: str
    parts: tuple[str, ...]
    #: Only figures with these statuses are added up; empty: whatever their status.
    obs_status: tuple[str, ...] = ()


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
    #: Of the explained, those that are in an observation with others.
    aggregated: int = 0
    #: Rows read over all pages of the slice; how many there are as the publisher says. None: it does not say.
    publisher_rows: int | None = None
    publisher_total: int | None = None


@dataclass(frozen=True)
class UnknownCode:
    """A code of the publisher's that nobody has mapped, and the figures that it keeps in quarantine."""

    slice: str
    column: str
    code: str
    rows: int
    #: The first of them.
    place: str
    #: What it may mean.
    suggestion: str

    def __str__(self) -> str:
        """What a person has to know to map it."""
        meant = f", which may be {self.suggestion}" if self.suggestion else ""
        return f"{self.column} {self.code!r}{meant}, keeps {self.rows} figures in quarantine"


_LANDED_TEXTS: Final = ("source", "dataset", "slice", "snapshot", "place", "unknown_code")
_LANDED_NUMBERS: Final = (
    *("bytes", "page", "pages", "landed", "observations", "quarantined", "explained", "figures", "accepted"),
    *("difference", "quarantine_share", "publisher_rows", "publisher_total"),
)


def landed_frame(source: str, landings: Iterable[Landing], unknown: Iterable[UnknownCode] = ()) -> pd.DataFrame:
    """One row per snapshot, `difference` and `quarantine_share` worked out, place its slice and page; then one row per
    unknown code.
    """
    rows: list[dict[str, object]] = [
        {"place": f"{code.slice} {code.place}", "unknown_code": str(code)} for code in unknown
    ]
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
                # Of cells that say something: a figure made from records weighs as many as it has.
                "quarantine_share": at.quarantined / (figures + at.aggregated) if figures else 0.0,
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
    **dict.fromkeys(("unit_kind", "unit_matched"), pl.String),
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
    codelists: Folders,
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


def _groups(used: pl.DataFrame, attributes: pl.DataFrame, facts: pl.DataFrame, codelists: Folders) -> pl.DataFrame:
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
    persons = pl.col("unit_expected") == PERSONS
    must_not, may = _in("obs_status", sorted(WITHOUT_VALUE)), _in("obs_status", sorted(EITHER_WAY))
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
        status_says=pl.when(must_not | (may & ~pl.col("has_value")))
        .then(pl.lit("no value"))
        .otherwise(pl.lit("value")),
        holds=pl.when("has_value").then(pl.lit("value")).otherwise(pl.lit("no value")),
    )


def _catalogue(codelists: Folders) -> pl.DataFrame:
    """Indicator → unit, stock or flow, and bounds of the indicator catalogue; an empty bound is none."""
    rows = read_codelist(codelists, "indicator").rows
    try:
        table = [
            (code, row["unit"], row["stock_or_flow"], _bound(row["min_value"]), _bound(row["max_value"]))
            for code, row in rows.items()
        ]
    except (KeyError, ValueError) as error:
        raise DeclarationError(
            f"codelist indicator: {error}; expected the columns unit and stock_or_flow, and numbers in "
            "min_value and max_value"
        ) from error
    texts, bounds = ("indicator", "unit_expected", "kind_expected"), ("bound_min", "bound_max")
    schema = {**dict.fromkeys(texts, pl.String), **dict.fromkeys(bounds, pl.Float64)}
    return pl.DataFrame(table, schema=schema, orient="row")


def _bound(cell: str) -> float | None:
    return float(cell) if cell else None


def _values(used: pl.DataFrame, dimension: str, codelists: Folders) -> pl.DataFrame:
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
    if dimension == "subdivision":
        units = Subdivisions.read(codelists)
        kinds = [_unit_kind(code, units) for code in found["subdivision"]]
        return found.with_columns(
            unit_kind=pl.Series([known for known, _ in kinds], dtype=pl.String),
            unit_matched=pl.Series([matched for _, matched in kinds], dtype=pl.String),
        )
    if dimension == "age":
        for theirs, ours in (("min_age", "age_min"), ("max_age", "age_max")):
            column = _column(codelists, "age", theirs, ours, dimension)
            found = found.join(column, on=dimension, how="left").with_columns(pl.col(ours).cast(pl.Float64))
    return found


def _unit_kind(code: str, units: Subdivisions) -> tuple[str, str]:
    """Whether a part of a country (or what it lies in) is in the codelist, and whether it is matched itself."""
    other = told_apart(code)
    if other is None:
        return ("known" if code in units.rows else "not in the codelist"), "yes"
    return ("known" if other.above in units.rows or units.area(code) else "not in the codelist"), f"no: {code}"


def _column(codelists: Folders, name: str, column: str, alias: str, code: str) -> pl.DataFrame:
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


def _self_corridors(used: pl.DataFrame, facts: pl.DataFrame, codelists: Folders) -> pl.DataFrame:
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
