"""Totals against their parts: what adds up, what added up before, and whom no part counts any more.

Frames are those of `gate`. A cell is one total on one axis: all that its parts share.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from migstats.observation import SERIES_DIMENSIONS
from migstats.rules import Finding, Lists, Rules, Severity, place, the_rest

#: A figure on one axis: `cell` is one number for all that the figures of a sum share, `code` its code on the axis.
_FIGURE: Final = ("cell", "code", "value")

#: Wrong totals that are told one by one with their parts, and the parts of one that are named.
_TOLD, _NAMED = 10, 8


def of_candidate(
    candidate: pl.DataFrame, accepted: pl.DataFrame, series: pl.DataFrame, rules: Rules, lists: Lists
) -> Iterator[Finding]:
    """Parts against their published total on each axis, and residual members that vanish while their total stays.

    By sex and age all parts have to be there, then they make up the total. Whether every origin or subdivision is
    there cannot be known: parts are never more than their total, and where they made up nearly all of it, what they
    leave out stays what it was. `series` has the series_id and SERIES_DIMENSIONS of both, some of them twice.
    """
    series = series.unique("series_id", keep="any").filter(pl.col("indicator").is_in(lists.additive))
    codes = pl.concat([candidate.select("time_period"), accepted.select("time_period")]).unique().sort("time_period")
    periods = codes.with_row_index("period")
    now, was = (_figures(t, series, periods) for t in (candidate, accepted))
    for axis in ("sex", "age", "counterpart_area", "subdivision"):
        coded = _on_axis(axis, series, periods.height)
        if coded.height:
            yield from _of_axis(_Axis(axis, coded, series, periods, rules, lists), now, was)


def _figures(table: pl.DataFrame, series: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    return (
        table.select("series_id", "time_period", "value")
        .join(series.select("series_id"), on="series_id", how="semi")
        .join(periods, on="time_period", how="left")
        .select("series_id", "period", "value")
    )


def _on_axis(axis: str, series: pl.DataFrame, periods: int) -> pl.DataFrame:
    """series_id, `code` on the axis, and `group`: the same multiple of `periods` for series that differ only there.

    Series without a counterpart (all parts and no total, or a total without parts) are left out.
    """
    others = [d for d in SERIES_DIMENSIONS if d != axis and series[d].n_unique() > 1]
    rest = pl.struct(others).rank("dense") if others else pl.lit(1)
    coded = series.select("series_id", code=pl.col(axis).cast(pl.String), group=rest.cast(pl.Int64) * periods)
    is_total = pl.col("code") == "_T"
    return coded.filter(is_total.any().over("group") & (~is_total).any().over("group"))


@dataclass(frozen=True)
class _Axis:
    name: str
    coded: pl.DataFrame
    series: pl.DataFrame
    periods: pl.DataFrame
    rules: Rules
    lists: Lists

    @property
    def whole(self) -> bool:
        """Whether it can be known that all parts are there."""
        return self.name in ("sex", "age")

    @property
    def residual(self) -> list[str]:
        """Codes under which stand those who belong to none of the others."""
        if self.name == "counterpart_area":
            return self.lists.areas.filter(pl.col("kind") == "residual")["code"].to_list()
        return ["_U", "_O"]

    def figures(self, figures: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(totals, parts), each cell, code, value."""
        there = figures.join(self.coded, on="series_id", how="inner").select(
            "series_id", "period", "code", "value", cell=pl.col("group") + pl.col("period")
        )
        is_part = pl.col("code") != "_T"
        parts = there.filter(is_part).select(_FIGURE)
        if self.name == "counterpart_area":
            members = self.lists.areas.filter(pl.col("kind") != "group")["code"].to_list()
            parts = parts.filter(pl.col("code").is_in(members))
        return there.filter(~is_part & pl.col("value").is_not_null()), parts

    def partitions(self, parts: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Ways to make up the total of these parts; more than one where broader age bands stand beside finer ones."""
        if self.name == "sex":
            yield parts.filter(pl.col("code").is_in(["M", "F"]).sum().over("cell") == 2)
        elif self.name == "age":
            yield from _whole_ages(parts, self.lists)
        else:
            yield parts


def _whole_ages(parts: pl.DataFrame, lists: Lists) -> Iterator[pl.DataFrame]:
    """The finest and the broadest bands that follow each other from nought to the open end; the same ones once."""
    bands = parts.join(lists.ages, on="code", how="inner").with_columns(pl.col("max_age").fill_null(10_000))
    bands = bands.sort("cell", "min_age", "max_age")
    if not bands.height:
        return
    starts = bands.group_by("cell", "min_age", maintain_order=True)
    fine = starts.first()
    wide = starts.last().sort("cell", "min_age")
    reached = pl.col("max_age").cum_max().shift(1).over("cell").fill_null(-1)
    broad = wide.filter(pl.col("min_age") > reached)
    fine = _unbroken(fine)
    yield _with_unknown(fine, parts)
    broad = _unbroken(broad)
    other = broad.join(fine.select("cell", "code"), on=["cell", "code"], how="anti").select("cell").unique()
    yield _with_unknown(broad.join(other, on="cell", how="semi"), parts)


def _unbroken(bands: pl.DataFrame) -> pl.DataFrame:
    begins = (pl.col("cell") != pl.col("cell").shift(1)).fill_null(value=True)
    follows = (
        pl.when(begins).then(pl.col("min_age") == 0).otherwise(pl.col("min_age") == pl.col("max_age").shift(1) + 1)
    )
    whole = (
        bands.with_columns(follows=follows.fill_null(value=False))
        .group_by("cell")
        .agg(pl.col("follows").all(), open=(pl.col("max_age") == 10_000).sum())
        .filter(pl.col("follows") & (pl.col("open") == 1))
    )
    return bands.join(whole.select("cell"), on="cell", how="semi")


def _with_unknown(bands: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    unknown = parts.filter(pl.col("code") == "_U").join(bands.select("cell"), on="cell", how="semi")
    return pl.concat([bands.select(_FIGURE), unknown])


def _of_axis(axis: _Axis, now: pl.DataFrame, was: pl.DataFrame) -> Iterator[Finding]:
    totals, parts = axis.figures(now)
    totals_was, parts_was = axis.figures(was)
    before = [_added_up(axis, totals_was, made_of) for made_of in axis.partitions(parts_was)]
    judged = []
    for number, made_of in enumerate(axis.partitions(parts)):
        # What were the finest bands before may be others now: a sum is compared with the one of the same way.
        held = before[number] if number < len(before) else None
        judged.append((made_of, _judged(axis, _added_up(axis, totals, made_of), held)))
    for made_of, sums in judged:
        yield from _told(axis, sums, made_of)
    first = judged[0][1] if judged else None
    yield from _conserved(axis, totals, parts, parts_was, first)


def _added_up(axis: _Axis, totals: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """A row per total: cell, series_id, period, value, total (of its parts), parts, unknown, off, allowed."""
    sums = parts.group_by("cell").agg(
        total=pl.col("value").sum(), parts=pl.len(), unknown=pl.col("value").is_null().sum()
    )
    allowed = pl.max_horizontal(
        axis.rules.rounding.limit * (pl.col("parts") + 1), axis.rules.rounding_share.limit * pl.col("value").abs()
    )
    return totals.join(sums, on="cell", how="inner").with_columns(
        off=pl.col("total") - pl.col("value"), allowed=allowed
    )


def _judged(axis: _Axis, sums: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    """`sums` with `wrong`, `newly` (it was right when it was accepted) and `grown` (more is left out than was)."""
    held = (sums.clear() if before is None else before).select(
        "cell", was="value", was_off="off", was_parts="parts", was_unknown="unknown", was_allowed="allowed"
    )
    sums = sums.join(held, on="cell", how="left")
    known = pl.col("unknown") == 0
    was_known = (pl.col("was_unknown") == 0).fill_null(value=False)
    # What the parts left out before, of the total as it is now.
    expected = pl.when(pl.col("was") != 0).then(pl.col("was_off") * pl.col("value") / pl.col("was")).otherwise(0.0)
    moved = (pl.col("off") - expected).fill_null(0)
    bound = pl.max_horizontal("allowed", "was_allowed", axis.rules.residual_share.limit * pl.col("value").abs())
    if axis.whole:
        # A part that is missing or suppressed cannot be added: the total is not judged.
        wrong = known & (pl.col("off").abs() > pl.col("allowed"))
        newly = wrong & was_known & (pl.col("was_off").abs() <= pl.col("was_allowed"))
    else:
        over = known & (pl.col("off") > pl.col("allowed"))
        better = (pl.col("parts") > pl.col("was_parts")) & (moved > 0) & (pl.col("off") <= pl.col("allowed"))
        covered = pl.col("was") + pl.col("was_off") >= axis.rules.covered_share.limit * pl.col("was")
        other = was_known & known & covered & (moved.abs() > bound) & ~better
        newly = (over & was_known & (pl.col("was_off") <= pl.col("was_allowed"))) | other
        wrong = over | other
    return sums.with_columns(
        # How far from what was to be expected: of a whole axis from the total, else from what was left out before.
        size=(
            pl.col("off") if axis.whole else pl.coalesce(pl.when(pl.col("was").is_not_null()).then(moved), "off")
        ).abs(),
        wrong=wrong.fill_null(value=False),
        newly=newly.fill_null(value=False),
        grown=-moved > bound,
        judged=known,
    )


def _told(axis: _Axis, sums: pl.DataFrame, parts: pl.DataFrame) -> Iterator[Finding]:
    wrong = sums.filter("wrong")
    if not wrong.height:
        return
    rules, judged = axis.rules, int(sums["judged"].sum())
    share = wrong.height / judged
    severity: Severity = "breach" if share > rules.incoherent_share.limit else "notice"
    yield Finding(
        "additivity",
        severity,
        f"axis={axis.name}",
        f"{share:.2%}",
        f"{rules.incoherent_share.limit:.2%} of the totals",
        f"{wrong.height:,} of {judged:,} totals are not the sum of their parts by {axis.name}",
        size=share,
    )
    newly = wrong.filter("newly")
    if newly.height:
        persons = float(newly["size"].sum())
        yield Finding(
            "additivity",
            "breach" if newly.height > rules.newly_incoherent.limit else "notice",
            f"axis={axis.name} newly",
            f"{newly.height:,}",
            f"{rules.newly_incoherent.limit:g} totals",
            f"{newly.height:,} totals by {axis.name} stood in another way to their parts when they were accepted; the "
            f"parts are off by {persons:,.10g} together",
            size=persons,
        )
    worst = _described(axis, wrong).sort("newly", "size", "place", "time_period", descending=[True, True, False, False])
    for row in worst.head(_TOLD).iter_rows(named=True):
        before = "" if row["was_off"] is None else f" (they were off by {row['was_off']:,.10g} when they were accepted)"
        yield Finding(
            "additivity",
            "notice",
            f"axis={axis.name} {row['place']}",
            f"{row['total']:,.10g}",
            f"{row['value']:,.10g}",
            f"{row['place']} of {row['time_period']} is {row['value']:,.10g}, its {row['parts']} parts by {axis.name} "
            f"are {row['total']:,.10g}{before}: {_children(parts, row['cell'])}",
            row["place"],
            row["time_period"],
            row["value"],
            row["total"],
            row["size"],
        )


def _described(axis: _Axis, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with the place and the period of their total."""
    places = axis.series.join(rows, on="series_id", how="semi").select("series_id", place=place())
    return rows.join(places, on="series_id", how="left").join(axis.periods, on="period", how="left")


def _children(parts: pl.DataFrame, cell: int) -> str:
    """The parts of a total in words, the largest first."""
    own = parts.filter(pl.col("cell") == cell).sort("value", "code", descending=[True, False], nulls_last=True)
    said = [
        f"{code} {'none' if value is None else f'{value:,.10g}'}" for _, code, value in own.head(_NAMED).iter_rows()
    ]
    more = own.height - len(said)
    return ", ".join(said) + (f" and {more} more" if more else "")


def _conserved(
    axis: _Axis, totals: pl.DataFrame, parts: pl.DataFrame, parts_was: pl.DataFrame, sums: pl.DataFrame | None
) -> Iterator[Finding]:
    """Other, Unknown and Stateless that vanish while their total stays take persons out of every sum.

    Where other parts grew by as much, they were only told apart better: a notice.
    """
    held = parts_was.filter(pl.col("code").is_in(axis.residual) & (pl.col("value") != 0))
    lost = (
        held.join(parts.select("cell", "code", now="value"), on=["cell", "code"], how="left")
        .filter(pl.col("now").fill_null(0) == 0)
        .join(totals.select("cell", "series_id", "period", of="value"), on="cell", how="inner")
    )
    if not lost.height:
        return
    schema = {"cell": pl.Int64, "grown": pl.Boolean}
    judged = pl.DataFrame(schema=schema) if sums is None else sums.select("cell", "grown", "unknown")
    lost = lost.join(judged, on="cell", how="left").with_columns(
        breach=(pl.col("grown").fill_null(value=True)) & (pl.col("value").abs() > 2 * axis.rules.rounding.limit)
    )
    told = _described(axis, lost).sort(
        "breach", pl.col("value").abs(), "place", "code", "time_period", descending=[True, True, False, False, False]
    )
    most = int(axis.rules.most_findings.limit)
    yield from the_rest("conservation", told["breach"][most:])
    for row in told.head(most).iter_rows(named=True):
        where = f"{axis.name}={row['code']} of {row['place']}"
        gone = "gone" if row["now"] is None else "0"
        yield Finding(
            "conservation",
            "breach" if row["breach"] else "notice",
            where,
            gone,
            "kept",
            f"{where} of {row['time_period']} was {row['value']:,.10g} and is {gone}, while its total of "
            f"{row['of']:,.10g} " + ("is still there" if row["breach"] else "is made up by other parts"),
            where,
            row["time_period"],
            row["value"],
            row["now"],
            abs(row["value"]),
        )
