"""Totals against their parts: what adds up, what added up before, and whom no part counts any more.

A cell is one total on one axis in one period: its number is that of all that its parts share.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from migstats.comparison import KEY, Comparison
from migstats.observation import SERIES_DIMENSIONS
from migstats.rules import Finding, Lists, Rules, Severity, the_rest
from migstats.subdivisions import WHOLE

#: An age band without end, in years.
_OPEN: Final = 10_000

#: What a series is on an axis: a total, a part that counts, or neither.
_TOTAL, _PART, _OTHER = 0, 1, 2

#: Wrong totals that are told one by one with their parts, and the parts of one that are named.
_TOLD, _NAMED = 10, 8


def of_candidate(compared: Comparison, rules: Rules, lists: Lists) -> Iterator[Finding]:
    """Parts against their published total on each axis, and residual members that vanish while their total stays.

    By sex and age all parts have to be there, then they make up the total. Whether every origin or subdivision is
    there cannot be known: parts are never more than their total, and where they made up nearly all of it, what they
    leave out stays what it was. Units of a country are parts of those of the level above that the source has.
    """
    series = compared.series.filter(pl.col("indicator").is_in(lists.additive))
    for name, coded in _axes(series, compared.periods.height, lists):
        if coded.height:
            places = compared.series.select("series").join(coded, on="series", how="left", maintain_order="left")
            yield from _of_axis(_Axis(name, places, compared, rules, lists))


def _axes(series: pl.DataFrame, periods: int, lists: Lists) -> Iterator[tuple[str, pl.DataFrame]]:
    for name in ("sex", "age", "counterpart_area"):
        yield name, _on_axis(name, series, periods, lists)
    yield from _levels(series, periods, lists)


def _levels(series: pl.DataFrame, periods: int, lists: Lists) -> Iterator[tuple[str, pl.DataFrame]]:
    """For each level of units, and the one above it that is there, what `_on_axis` gives of these two."""
    units = lists.units
    codes = series["subdivision"].unique().to_list()
    level = {code: 0 if code == WHOLE else units.level(code) or 1 for code in codes}
    present = sorted({0, *level.values()})
    for above, below in itertools.pairwise(present):
        whole = [(code, WHOLE, code) for code in codes if level[code] == above]
        parts = [(code, code, units.above(code, above)) for code in codes if level[code] == below]
        schema = {"subdivision": pl.String, "part": pl.String, "unit": pl.String}
        of_both = pl.DataFrame([*whole, *parts], schema=schema, orient="row").drop_nulls()
        coded = series.join(of_both, on="subdivision").drop("subdivision").rename({"part": "subdivision"})
        yield f"subdivision{f':{below}' if above else ''}", _on_axis("subdivision", coded, periods, lists)


def _on_axis(axis: str, series: pl.DataFrame, periods: int, lists: Lists) -> pl.DataFrame:
    """series, `code` on the axis, `role`, and `group`: the same multiple of `periods` where they differ only there.

    Series without a counterpart (all parts and no total, or a total without parts) are left out.
    """
    shared = [d for d in (*SERIES_DIMENSIONS, "unit") if d != axis and d in series.columns]
    others = [d for d in shared if series[d].n_unique() > 1]
    rest = (
        pl.struct(pl.col(d).cast(pl.Categorical).to_physical() for d in others).rank("dense") if others else pl.lit(1)
    )
    coded = series.select("series", code=axis, group=rest.cast(pl.Int64) * periods)
    counts = pl.lit(value=True)
    if axis == "counterpart_area":
        counts = pl.col("code").is_in(lists.areas.filter(pl.col("kind") != "group")["code"].to_list())
    is_total = pl.col("code") == "_T"
    role = pl.when(is_total).then(_TOTAL).when(counts).then(_PART).otherwise(_OTHER).cast(pl.Int8)
    paired = is_total.any().over("group") & (~is_total).any().over("group")
    return coded.with_columns(role=role).filter(paired)


@dataclass(frozen=True)
class _Axis:
    name: str
    #: A row for each series of the comparison: series, code, group, role; null where it is not on the axis.
    places: pl.DataFrame
    compared: Comparison
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

    def with_cells(self, figures: pl.DataFrame) -> pl.DataFrame:
        """Figures with their `cell`, null where they are not on the axis."""
        group = self.places["group"].gather(figures["series"])
        return figures.with_columns(cell=group + figures["period"].cast(pl.Int64))

    def figures(self, figures: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(totals, parts) of figures that have a cell."""
        role = self.places["role"].gather(figures["series"])
        return figures.filter((role == _TOTAL) & figures["value"].is_not_null()), figures.filter(role == _PART)

    def of_codes(self, parts: pl.DataFrame, codes: Sequence[str]) -> pl.DataFrame:
        """The parts with one of these codes."""
        return parts.filter(self.places["code"].is_in(codes).gather(parts["series"]))

    def with_codes(self, parts: pl.DataFrame) -> pl.DataFrame:
        """Parts with their `code`."""
        return parts.with_columns(code=self.places["code"].gather(parts["series"]))

    def ways(self, parts: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
        """(parts, their sums) that make up the total; more than one where broader age bands stand beside finer ones."""
        if self.name == "sex":
            pair = self.of_codes(parts, ["M", "F"])
            both = _summed(pair).filter(pl.col("parts") == 2).select("cell")
            made_of = _with_unknown(self, parts, pair.join(both, on="cell", how="semi"))
            yield made_of, _summed(made_of)
        elif self.name == "age":
            for ages in _whole_ages(self, parts):
                yield ages, _summed(ages)
        else:
            yield parts, _summed(parts)


def _summed(parts: pl.DataFrame) -> pl.DataFrame:
    """cell, total, parts (how many), unknown (how many of them have no value)."""
    value = pl.col("value")
    return parts.group_by("cell").agg(total=value.sum(), parts=pl.len(), unknown=value.is_null().sum())


def _whole_ages(axis: _Axis, parts: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The finest and the broadest bands that follow each other from nought to the open end; the same ones once."""
    bands = axis.places.join(axis.lists.ages, on="code", how="inner").filter(pl.col("role") == _PART)
    if not bands.height:
        return
    bands = bands.with_columns(pl.col("max_age").fill_null(_OPEN)).sort("group", "min_age", "max_age")
    overlaps = pl.col("min_age") <= pl.col("max_age").cum_max().shift(1)
    # Most series of a source have the same bands, one after the other: their cells are whole where they are all there.
    # Bands that leave a gap, or have no beginning or end, make up nothing. Others have to be looked at cell by cell.
    groups = bands.group_by("group", maintain_order=True).agg(
        chain=_follows() & ((pl.col("max_age") == _OPEN).sum() == 1),
        overlap=overlaps.any() & (pl.col("min_age") == 0).any() & (pl.col("max_age") == _OPEN).any(),
        bands=pl.len(),
    )
    known = bands.join(groups, on="group", how="left").select(
        "series", "min_age", "max_age", "chain", "overlap", "bands"
    )
    of = axis.places.select("series").join(known, on="series", how="left", maintain_order="left")

    chained = parts.filter(of["chain"].gather(parts["series"]))
    counts = chained.group_by("cell").agg(pl.len(), pl.col("series").first())
    whole = counts.filter(pl.col("len") == of["bands"].gather(counts["series"])).select("cell")
    mixed = parts.filter(of["overlap"].gather(parts["series"]))
    ages = of.select("min_age", "max_age")[mixed["series"]]
    mixed = mixed.hstack(ages).sort("cell", "min_age", "max_age")
    starts = mixed.group_by("cell", "min_age", maintain_order=True)
    fine = _unbroken(starts.first())
    yield _with_unknown(axis, parts, chained.join(whole, on="cell", how="semi"), fine)

    wide = starts.last().sort("cell", "min_age")
    reached = pl.col("max_age").cum_max().shift(1).over("cell").fill_null(-1)
    broad = _unbroken(wide.filter(pl.col("min_age") > reached))
    other = broad.join(fine.select(*KEY), on=KEY, how="anti").select("cell").unique()
    yield _with_unknown(axis, parts, broad.join(other, on="cell", how="semi"))


def _follows() -> pl.Expr:
    """Whether the bands of a group, in order, begin at nought and each where the one before ended."""
    first = pl.col("min_age").first() == 0
    return first & (pl.col("min_age") == pl.col("max_age").shift(1) + 1).fill_null(value=True).all()


def _unbroken(bands: pl.DataFrame) -> pl.DataFrame:
    """The bands of those cells in which they follow each other from nought to one open end."""
    whole = (
        bands.group_by("cell", maintain_order=True)
        .agg(follows=_follows(), open=(pl.col("max_age") == _OPEN).sum())
        .filter(pl.col("follows") & (pl.col("open") == 1))
    )
    return bands.join(whole.select("cell"), on="cell", how="semi")


def _with_unknown(axis: _Axis, parts: pl.DataFrame, *bands: pl.DataFrame) -> pl.DataFrame:
    """Bands, and in their cells those of unknown age; of sexes those of unknown or other sex, or who did not say."""
    columns = ("cell", *KEY, "value")
    every = pl.concat([band.select(columns) for band in bands])
    unknown = axis.of_codes(parts, ["_U", "_O", "_N"] if axis.name == "sex" else ["_U"])
    if not unknown.height:
        return every
    return pl.concat([every, unknown.join(every.select("cell"), on="cell", how="semi").select(columns)])


def _of_axis(axis: _Axis) -> Iterator[Finding]:
    compared = axis.compared
    totals, parts = axis.figures(axis.with_cells(compared.now))
    ways = [(made_of, _added_up(axis, totals, summed)) for made_of, summed in axis.ways(parts)]
    parts_was, before = parts.clear(), list[pl.DataFrame]()
    if compared.was.height:
        # What was accepted counts where something is wrong now, or has changed.
        moved = axis.with_cells(compared.moved).select("cell")
        wrong = [sums.filter(_is_off(axis)).select("cell") for _, sums in ways]
        needed = pl.concat([moved, *wrong]).drop_nulls().unique()
        totals_was, parts_was = axis.figures(axis.with_cells(compared.was).join(needed, on="cell", how="semi"))
        before = [_added_up(axis, totals_was, summed) for _, summed in axis.ways(parts_was)]
    judged = []
    for number, (made_of, sums) in enumerate(ways):
        # What were the finest bands before may be others now: a sum is compared with the one of the same way.
        held = before[number] if number < len(before) else None
        judged.append((made_of, _judged(axis, sums, held)))
    for made_of, sums in judged:
        yield from _told(axis, sums, made_of)
    first = judged[0][1] if judged else None
    yield from _conserved(axis, totals, parts, parts_was, first)


def _added_up(axis: _Axis, totals: pl.DataFrame, sums: pl.DataFrame) -> pl.DataFrame:
    """A row per total: cell, series, period, value, total (of its parts), parts, unknown, off, allowed."""
    allowed = pl.max_horizontal(
        axis.rules.rounding.limit * (pl.col("parts") + 1), axis.rules.rounding_share.limit * pl.col("value").abs()
    )
    return totals.join(sums, on="cell", how="inner").with_columns(
        off=pl.col("total") - pl.col("value"), allowed=allowed
    )


def _is_off(axis: _Axis) -> pl.Expr:
    """Whether parts are not their total (of a whole axis) or more than it. Where a part is missing nobody can say."""
    off = pl.col("off").abs() if axis.whole else pl.col("off")
    return (pl.col("unknown") == 0) & (off > pl.col("allowed"))


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
        wrong = _is_off(axis)
        newly = wrong & was_known & (pl.col("was_off").abs() <= pl.col("was_allowed"))
    else:
        over = _is_off(axis)
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
    worst = axis.compared.named(wrong).sort("newly", "size", "place", "period", descending=[True, True, False, False])
    for row in worst.head(_TOLD).iter_rows(named=True):
        before = "" if row["was_off"] is None else f" (they were off by {row['was_off']:,.10g} when they were accepted)"
        yield Finding(
            "additivity",
            "notice",
            f"axis={axis.name} {row['place']}",
            f"{row['total']:,.10g}",
            f"{row['value']:,.10g}",
            f"{row['place']} of {row['time_period']} is {row['value']:,.10g}, its {row['parts']} parts by {axis.name} "
            f"are {row['total']:,.10g}{before}: {_children(axis, parts, row['cell'])}",
            row["place"],
            row["time_period"],
            row["value"],
            row["total"],
            row["size"],
        )


def _children(axis: _Axis, parts: pl.DataFrame, cell: int) -> str:
    """The parts of a total in words, the largest first."""
    own = axis.with_codes(parts.filter(pl.col("cell") == cell))
    own = own.sort("value", "code", descending=[True, False], nulls_last=True).select("code", "value")
    said = [f"{code} {'none' if value is None else f'{value:,.10g}'}" for code, value in own.head(_NAMED).iter_rows()]
    more = own.height - len(said)
    return ", ".join(said) + (f" and {more} more" if more else "")


def _conserved(
    axis: _Axis, totals: pl.DataFrame, parts: pl.DataFrame, parts_was: pl.DataFrame, sums: pl.DataFrame | None
) -> Iterator[Finding]:
    """Other, Unknown and Stateless that vanish while their total stays take persons out of every sum.

    Where other parts grew by as much, they were only told apart better: a notice.
    """
    held = axis.with_codes(axis.of_codes(parts_was, axis.residual).filter(pl.col("value") != 0))
    now = axis.of_codes(parts, axis.residual).select(*KEY, now="value")
    lost = held.join(now, on=KEY, how="left").filter(pl.col("now").fill_null(0) == 0).drop("series")
    lost = lost.join(totals.select("cell", "series", of="value"), on="cell", how="inner")
    if not lost.height:
        return
    schema = {"cell": pl.Int64, "grown": pl.Boolean}
    judged = pl.DataFrame(schema=schema) if sums is None else sums.select("cell", "grown", "unknown")
    lost = lost.join(judged, on="cell", how="left").with_columns(
        breach=(pl.col("grown").fill_null(value=True)) & (pl.col("value").abs() > 2 * axis.rules.rounding.limit)
    )
    told = axis.compared.named(lost).sort(
        "breach", pl.col("value").abs(), "place", "code", "period", descending=[True, True, False, False, False]
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
