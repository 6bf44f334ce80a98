"""The gate: what a candidate says against what was accepted last, by rules with an owner and a reason.

Figures are rows of series and period (their numbers in the comparison) and value (null where there is none). Nothing
was accepted before a first load: then only what a candidate says by itself is judged (golden figures, sums, jumps from
one period to the next).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from migstats import sums
from migstats.comparison import KEY, Comparison
from migstats.observation import DEFAULTS, SERIES_DIMENSIONS
from migstats.rules import KINDS, THE_REST, Finding, Golden, Limit, Lists, Rules, Severity, place, the_rest

#: Dimensions whose codes make up the coverage of a source, beside its periods.
_COVERAGE: Final = tuple(d for d in SERIES_DIMENSIONS if d not in ("source", "freq"))

#: Dimensions by which the figures of an area are broken down. A corridor that goes is a series that goes.
_BREAKDOWNS: Final = tuple(d for d in _COVERAGE if d not in ("ref_area", "counterpart_area", "counterpart_basis"))

#: Half the width of the middle half of a normal distribution, in standard deviations: makes the MAD one.
_MAD: Final = 1.4826

#: A calm series has no spread: what differs by less than five per cent (in log10) is calm.
_CALM: Final = 0.02

#: A pattern (scale, sign, shift, zero) is one from three figures on: two can be alike by chance.
_PATTERN: Final = 3

#: Steps from which on a series has a usual one.
_STEPS: Final = 4


def judge(
    compared: Comparison, rules: Rules, golden: Sequence[Golden], lists: Lists, *, release: str
) -> tuple[Finding, ...]:
    """Findings about a candidate, in the order of KINDS, breaches first; beyond `most_findings` of a kind the rest is
    counted.
    """
    return listed(_all(compared, rules, golden, lists, release), rules)


def listed(findings: Iterable[Finding], rules: Rules) -> tuple[Finding, ...]:
    """Findings in the order of KINDS, breaches first; beyond `most_findings` of a kind the rest is counted."""
    found: dict[str, list[Finding]] = {kind: [] for kind in KINDS}
    for finding in findings:
        found[finding.kind].append(finding)
    most = int(rules.most_findings.limit)
    return tuple(finding for kind in KINDS for finding in _capped(kind, found[kind], most))


def _capped(kind: str, findings: list[Finding], most: int) -> Iterator[Finding]:
    told = sorted((f for f in findings if f.scope != THE_REST), key=lambda f: f.severity != "breach")
    yield from told[:most]
    rest = [*told[most:], *(f for f in findings if f.scope == THE_REST)]
    number = sum(int(f.size or 1) if f.scope == THE_REST else 1 for f in rest)
    for finding in the_rest(kind, pl.Series([f.severity == "breach" for f in rest], dtype=pl.Boolean)):
        message = f"{number:,} more of kind {kind}"
        yield replace(finding, found=str(number), limit=f"{most} are listed", message=message, size=number)


def _all(compared: Comparison, rules: Rules, golden: Sequence[Golden], lists: Lists, release: str) -> Iterator[Finding]:
    if compared.was.height:
        yield from _shares(compared, rules)
        yield from _coverage(compared, rules)
        yield from _upgrades(compared, rules)
    yield from _golden(compared, golden, release)
    yield from sums.of_candidate(compared, rules, lists)
    yield from _self_corridors(compared, rules, lists)
    yield from _steps(compared, rules)


def _shares(compared: Comparison, rules: Rules) -> Iterator[Finding]:
    """How many of the accepted figures are gone, changed, no longer there as a value; how many are new."""
    counted = compared.both.select(
        added=(~pl.col("there")).sum(),
        changed=(pl.col("there") & pl.col("was").is_not_null() & pl.col("value").is_not_null())
        .and_(pl.col("was") != pl.col("value"))
        .sum(),
        missing=(pl.col("there") & pl.col("was").is_not_null() & pl.col("value").is_null()).sum(),
    ).row(0, named=True)
    said: Iterable[tuple[str, int, Limit, str]] = (
        ("deleted", compared.gone.height, rules.deleted_share, "of the accepted figures are gone"),
        ("changed", counted["changed"], rules.changed_share, "of the accepted figures have another value"),
        ("added", counted["added"], rules.added_share, "figures are new, against those accepted"),
        ("missing", counted["missing"], rules.missing_share, "of the accepted figures have no value any more"),
    )
    for kind, number, rule, words in said:
        share = number / compared.was.height
        if number:
            severity: Severity = "breach" if share > rule.limit else "notice"
            message = f"{number:,} ({share:.2%}) {words}"
            yield Finding(kind, severity, "all", f"{share:.2%}", f"{rule.limit:.2%}", message, size=share)


# -- coverage ---------------------------------------------------------------------------------------------------


def _coverage(compared: Comparison, rules: Rules) -> Iterator[Finding]:
    """What had figures and has none any more: codes, periods, what areas are broken down by, their periods, series.

    What is told once is not told again: of an area that is gone its periods and series are not listed.
    """
    missing = compared.both.filter(pl.col("was").is_not_null() & pl.col("value").is_null())
    lost = pl.concat(
        [
            compared.gone.select(*KEY, valued=pl.col("value").is_not_null()),
            missing.select(*KEY, valued=pl.lit(value=True)),
        ]
    ).join(compared.series, on="series", how="left")
    if not lost.height:
        return
    now = compared.series_of(compared.now)
    kept = compared.now.filter(pl.col("value").is_not_null()).select(KEY)
    valued = compared.series_of(kept)
    told = pl.lit(value=False)
    for dimension in _COVERAGE:
        counts = lost.group_by(code=dimension).agg(figures=pl.col("valued").sum(), listed=pl.len())
        has_none = ~pl.col("code").is_in(valued[dimension].unique().to_list()) & (pl.col("figures") > 0)
        # A code that was listed without a figure, and is not listed any more, is gone too.
        is_none = ~pl.col("code").is_in(now[dimension].unique().to_list())
        codes = counts.filter(has_none | is_none).select(
            "code", figures=pl.when(pl.col("figures") > 0).then("figures").otherwise("listed")
        )
        yield from _gone_codes(codes, dimension, rules.coverage_lost)
        told |= pl.col(dimension).is_in(codes["code"].to_list())
    lost = lost.filter(pl.col("valued") & ~told)
    for dimension in _BREAKDOWNS:
        pair = ["ref_area", dimension]
        without = lost.join(valued, on=pair, how="anti")
        yield from _gone_breakdowns(without, dimension, rules.coverage_lost)
        lost = lost.join(without.select(pair).unique(), on=pair, how="anti")
    lost = lost.join(compared.periods, on="period", how="left")
    known = kept["period"].unique().to_list()
    counts = lost.filter(~pl.col("period").is_in(known)).group_by(code="time_period").agg(figures=pl.len())
    yield from _gone_codes(counts, "time_period", rules.coverage_lost)
    cell = ["ref_area", "period"]
    lost = lost.filter(pl.col("period").is_in(known))
    still = kept.join(lost.select("period").unique(), on="period", how="semi")
    cells = still.join(now.select("series", "ref_area"), on="series", how="left").select(cell).unique()
    without = lost.join(cells, on=cell, how="anti")
    yield from _gone_cells(without, rules.coverage_lost)
    ended = lost.join(without, on=KEY, how="anti").join(valued, on="series", how="anti")
    counts = ended.group_by("series").agg(figures=pl.len())
    series = compared.series.join(counts, on="series", how="inner")
    yield from _gone_series(series, rules.series_lost, rules.most_findings)


def _gone_codes(lost: pl.DataFrame, dimension: str, rule: Limit) -> Iterator[Finding]:
    severity: Severity = "breach" if lost.height > rule.limit else "notice"
    for code, figures in lost.sort("code").iter_rows():
        message = f"{dimension} {code} is gone with its {figures:,} figures"
        yield Finding(
            "coverage", severity, f"{dimension}={code}", "gone", f"{rule.limit:g} may go", message, size=figures
        )


def _gone_breakdowns(lost: pl.DataFrame, dimension: str, rule: Limit) -> Iterator[Finding]:
    areas = lost.group_by("ref_area").agg(figures=pl.len(), codes=pl.col(dimension).unique().sort())
    severity: Severity = "breach" if areas.height > rule.limit else "notice"
    for area, figures, codes in areas.select("ref_area", "figures", "codes").sort("ref_area").iter_rows():
        message = f"{area} is not broken down any more by {dimension} {', '.join(codes)}: {figures:,} figures are gone"
        scope = f"ref_area={area} by {dimension}"
        yield Finding("coverage", severity, scope, "gone", f"{rule.limit:g} may go", message, size=figures)


def _gone_cells(cells: pl.DataFrame, rule: Limit) -> Iterator[Finding]:
    lost = cells.group_by("ref_area", "time_period").agg(figures=pl.len()).sort("time_period", "ref_area")
    severity: Severity = "breach" if lost.height > rule.limit else "notice"
    for area, period, figures in lost.iter_rows():
        message = f"{area} has no figure of {period} any more: {figures:,} are gone"
        scope = f"ref_area={area} time_period={period}"
        yield Finding(
            "coverage", severity, scope, "gone", f"{rule.limit:g} may go", message, time_period=period, size=figures
        )


def _gone_series(lost: pl.DataFrame, rule: Limit, most: Limit) -> Iterator[Finding]:
    breach = lost.height > rule.limit
    told = lost.with_columns(place=place()).sort("figures", "place", descending=[True, False])
    shown = int(most.limit)
    yield from the_rest("deleted", pl.Series([breach] * max(told.height - shown, 0), dtype=pl.Boolean))
    for where, figures in told.head(shown).select("place", "figures").iter_rows():
        message = f"the series {where} is gone with its {figures:,} figures"
        yield Finding(
            "deleted",
            "breach" if breach else "notice",
            where,
            "gone",
            f"{rule.limit:g} series may go",
            message,
            where,
            size=figures,
        )


# -- what upgrades do to figures --------------------------------------------------------------------------------

#: What belongs together, the widest first: what is told of a block is not told again of its areas and series.
_BLOCK, _AREA, _SERIES = "block", "area", "series"


@dataclass(frozen=True)
class _Changes:
    """Figures that are there on both sides and differ, and what they are measured against."""

    rules: Rules
    compared: Comparison
    #: series, period, value, was, log (of the ratio; infinite where one is nought), block, area.
    changed: pl.DataFrame
    #: Per series: block, area, and how many figures are there on both sides (n), not nought (nonzero), not nought
    #: before (was_nonzero), or large and not nought (large).
    totals: pl.DataFrame
    #: The series of the comparison with block and area.
    series: pl.DataFrame

    def without(self, series: pl.DataFrame) -> _Changes:
        """Without the figures of these series (a frame with `series`): what is wrong with them was told."""
        return replace(self, changed=self.changed.join(series, on="series", how="anti"))


def _upgrades(compared: Comparison, rules: Rules) -> Iterator[Finding]:
    """Other scale, other sign, nought or a shift in time, of blocks, areas and series; and jumps of single figures."""
    valued = compared.both.filter(pl.col("was").is_not_null() & pl.col("value").is_not_null())
    if not valued.height:
        return
    series = compared.series.with_columns(
        block=_block(), area=pl.format("indicator={} ref_area={}", "indicator", "ref_area")
    )
    nonzero = (pl.col("was") != 0) & (pl.col("value") != 0)
    large = pl.max_horizontal(pl.col("value").abs(), pl.col("was").abs()) >= rules.jump_floor.limit
    totals = (
        valued.group_by("series")
        .agg(
            n=pl.len(),
            nonzero=nonzero.sum(),
            was_nonzero=(pl.col("was") != 0).sum(),
            large=(nonzero & large).sum(),
        )
        .join(series.select("series", "block", "area"), on="series", how="left")
    )
    # All that follows is about figures that changed: most of an update did not.
    changed = (
        valued.filter(pl.col("value") != pl.col("was"))
        .select(*KEY, "value", "was", log=pl.col("value").abs().log10() - pl.col("was").abs().log10())
        .join(totals.select("series", "block", "area"), on="series", how="left")
    )
    changes = _Changes(rules, compared, changed, totals, series)
    for look in (_scales, _signs, _zeros, _shifts):
        findings, whose = look(changes)
        yield from findings
        changes = changes.without(whose)
    yield from _jumps(changes)


#: Findings, and the series (a frame with `series`) of which nothing more needs to be told.
_Told = tuple[list[Finding], pl.DataFrame]


def _pattern(
    changes: _Changes, marked: pl.DataFrame, of: str, shares: Mapping[str, float]
) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """(level, groups, figures) for each level at which marked figures are more than their share of all; widest first.

    `of` is the count of `totals` that the shares are of. Groups have `scope` (in words), `marked`, `of` and `share`,
    the largest share of the largest groups first; figures are those marked in them.
    """
    size = pl.max_horizontal(pl.col("value").abs(), pl.col("was").abs())
    marked = marked.filter(size >= changes.rules.pattern_floor.limit)
    for level, share in shares.items():
        if marked.height < _PATTERN:
            return
        groups = (
            marked.group_by(level)
            .agg(marked=pl.len())
            .filter(pl.col("marked") >= _PATTERN)
            .join(changes.totals.group_by(level).agg(of=pl.col(of).sum()), on=level, how="left")
            .with_columns(share=pl.col("marked") / pl.col("of"))
            .filter(pl.col("share") > share)
        )
        if not groups.height:
            continue
        if level == _SERIES:
            own = changes.series.join(groups, on=_SERIES, how="semi")
            groups = groups.join(own.select(_SERIES, scope=place()), on=_SERIES, how="left")
        else:
            groups = groups.with_columns(scope=pl.col(level))
        figures = marked.join(groups.select(level), on=level, how="semi")
        yield level, groups.sort("marked", "scope", descending=[True, False]), figures
        marked = marked.join(groups.select(level), on=level, how="anti")


def _tell(
    changes: _Changes,
    kind: str,
    marked: pl.DataFrame,
    of: str,
    shares: Mapping[str, float],
    words: str | Callable[[pl.DataFrame], str],
    size: Callable[[pl.DataFrame], float] | None = None,
) -> _Told:
    """A breach for each pattern among the marked figures. `words` say what they are; without `size` it is the share."""
    findings: list[Finding] = []
    whose = [changes.series.select("series").clear()]
    most = int(changes.rules.most_findings.limit)
    for level, groups, figures in _pattern(changes, marked, of, shares):
        whose.append(changes.totals.join(groups.select(level), on=level, how="semi").select("series"))
        findings += the_rest(kind, pl.Series([True] * max(groups.height - most, 0), dtype=pl.Boolean))
        for group in groups.head(most).iter_rows(named=True):
            own = figures.filter(pl.col(level) == group[level])
            how = words if isinstance(words, str) else words(own)
            measured = group["share"] if size is None else size(own)
            findings.append(
                Finding(
                    kind,
                    "breach",
                    group["scope"],
                    f"{group['share']:.0%}" if size is None else f"x {_factor(own):.4g}",
                    f"{shares[level]:.0%}" if size is None else "x 1",
                    f"{group['marked']:,} of {group['of']:,} figures of {group['scope']} {how}{_example(changes, own)}",
                    group["scope"] if level == _SERIES else "",
                    size=measured,
                )
            )
    return findings, pl.concat(whose).unique()


def _example(changes: _Changes, figures: pl.DataFrame) -> str:
    """The largest of these figures, and what they have in common that the others of their block do not have."""
    size = pl.max_horizontal(pl.col("value").abs(), pl.col("was").abs())
    largest = figures.sort(size, *KEY, descending=[True, False, False]).head(1)
    [first] = changes.compared.named(largest).iter_rows(named=True)
    own = changes.series.join(figures, on="series", how="semi")
    rest = changes.series.filter(pl.col("block") == first["block"]).join(own, on="series", how="anti")
    common = [
        f"{d} {', '.join(codes[:_NAMED])}" + (f" and {len(codes) - _NAMED} more" if len(codes) > _NAMED else "")
        for d in _COVERAGE
        if rest.height and not set(codes := sorted(own[d].unique())) & set(rest[d].unique())
    ]
    apart = f"; they are those of {'; '.join(common)}" if common else ""
    return f"; {first['place']} of {first['time_period']} was {first['was']:,.10g} and is {first['value']:,.10g}{apart}"


#: Codes that are named of many.
_NAMED: Final = 8


def _factor(figures: pl.DataFrame) -> float:
    middle = figures["log"].median()
    return float(10.0**middle) if isinstance(middle, float) else math.nan


def _gravity(figures: pl.DataFrame) -> float:
    """How many times larger or smaller: 1000 for a thousandth too."""
    factor = _factor(figures)
    return max(factor, 1 / factor)


def _scales(changes: _Changes) -> _Told:
    """Figures that are a power of ten of what they were; blocks of which many are beyond the factor of a jump."""
    rules, power = changes.rules, pl.col("log").round()
    nonzero = changes.changed.filter(pl.col("log").is_finite())
    tens = nonzero.with_columns(power=power).filter(
        (pl.col("power") != 0) & ((pl.col("log") - pl.col("power")).abs() < 2 * _CALM)
    )
    shares = {_BLOCK: rules.jumped_share.limit, _AREA: rules.scaled_share.limit, _SERIES: rules.scaled_share.limit}
    findings: list[Finding] = []
    whose = [changes.series.select("series").clear()]
    for exponent in tens["power"].unique().sort():
        words = f"are 10^{exponent:.0f} times what they were: has the unit changed"
        alike = tens.filter(pl.col("power") == exponent)
        told, of = _tell(changes, "scale", alike, "nonzero", shares, words, _gravity)
        findings += told
        whose.append(of)
    left = changes.without(pl.concat(whose).unique())
    size = pl.max_horizontal(pl.col("value").abs(), pl.col("was").abs())
    beyond = left.changed.filter(
        pl.col("log").is_finite()
        & (pl.col("log").abs() > math.log10(max(rules.jump_factor.limit, 1)))
        & (size >= rules.jump_floor.limit)
    )
    told, of = _tell(
        left,
        "scale",
        beyond,
        "large",
        {_BLOCK: rules.jumped_share.limit},
        lambda own: f"are about {_factor(own):.4g} times what they were",
        _gravity,
    )
    return findings + told, pl.concat([*whose, of]).unique()


def _signs(changes: _Changes) -> _Told:
    """Figures with the other sign; of areas and series those that are what they were but for the sign."""
    share = changes.rules.flipped_share.limit
    turned = changes.changed.filter(pl.col("value") * pl.col("was") < 0)

    words = "have the other sign"
    findings, whose = _tell(changes, "sign", turned, "nonzero", {_BLOCK: share}, words)
    alike = turned.filter(pl.col("log").abs() < math.log10(1.5)).join(whose, on="series", how="anti")
    told, of = _tell(changes, "sign", alike, "nonzero", {_AREA: share, _SERIES: share}, words)
    whose = pl.concat([whose, of]).unique()
    rest = turned.join(whose, on="series", how="anti").group_by("block").agg(n=pl.len()).sort("block")
    of_all = dict(changes.totals.group_by("block").agg(pl.col("nonzero").sum()).iter_rows())
    notices = [
        Finding(
            "sign",
            "notice",
            block,
            f"{n / of_all[block]:.0%}",
            f"{share:.0%}",
            f"{n:,} of {of_all[block]:,} figures of {block} have the other sign",
            size=n / of_all[block],
        )
        for block, n in rest.iter_rows()
    ]
    return findings + told + notices, whose


def _zeros(changes: _Changes) -> _Told:
    share = changes.rules.zeroed_share.limit
    zeroed = changes.changed.filter(pl.col("value") == 0)
    shares = {_BLOCK: share, _AREA: share, _SERIES: share}
    return _tell(changes, "zero", zeroed, "was_nonzero", shares, "are nought and were not")


def _shifts(changes: _Changes) -> _Told:
    """Figures that are those accepted for the period before or after."""
    changed, share = changes.changed, changes.rules.shifted_share.limit
    ordered = changes.compared.was.join(changed, on="series", how="semi").sort(KEY)
    neighbours = ordered.select(
        *KEY,
        before=pl.when(pl.col("series") == pl.col("series").shift(1)).then(pl.col("value").shift(1)),
        after=pl.when(pl.col("series") == pl.col("series").shift(-1)).then(pl.col("value").shift(-1)),
    )
    changed = changed.join(neighbours, on=KEY, how="left")
    findings: list[Finding] = []
    whose = [changes.series.select("series").clear()]
    for side in ("before", "after"):
        shifted = changed.filter(pl.col("value") == pl.col(side)).join(whose[-1], on="series", how="anti")
        words = f"are those accepted for the period {side}"
        shares = {_BLOCK: share, _AREA: share, _SERIES: share}
        told, of = _tell(changes, "time_shift", shifted, "n", shares, words)
        findings += told
        whose.append(of)
    return findings, pl.concat(whose).unique()


def _jumps(changes: _Changes) -> Iterator[Finding]:
    """Single figures that changed far more than the others of their block, and large ones that are nought now."""
    rules = changes.rules
    factor, floor = rules.jump_factor.limit, rules.jump_floor.limit
    size = pl.max_horizontal(pl.col("value").abs(), pl.col("was").abs())
    large = changes.changed.filter(size >= floor)
    # What did not change has a ratio of one: the middle of a block is that of all its large figures.
    alone = large.filter(pl.col("log").is_finite())
    spread = _spread(alone.select("block", "log"), changes.totals)
    far = (pl.col("log") - pl.col("middle")).abs()
    beyond = math.log10(max(factor, 1))
    jumped = (
        alone.filter(pl.col("log").abs() > beyond)
        .join(spread, on="block", how="left")
        .with_columns(deviations=far / pl.col("spread"), factor=pl.lit(10.0).pow(far))
        .filter((pl.col("deviations") > rules.jump_deviations.limit) & (pl.col("factor") > factor))
        .with_columns(breach=pl.lit(value=True))
    )
    # Whole numbers: what is nought may have been rounded from less than one.
    nought = large.filter(~pl.col("log").is_finite()).with_columns(
        factor=size, breach=(pl.col("value") == 0) & (size > factor)
    )
    columns = (*KEY, "was", "value", "factor", "breach", "deviations")
    found = pl.concat(
        [jumped.select(columns), nought.with_columns(deviations=pl.lit(None, pl.Float64)).select(columns)]
    )
    told = changes.compared.named(found).sort(
        "breach", "factor", "place", "period", descending=[True, True, False, False]
    )
    most = int(rules.most_findings.limit)
    yield from the_rest("jump", told["breach"][most:])
    for row in told.head(most).iter_rows(named=True):
        how = (
            "nought stands against it"
            if row["deviations"] is None
            else f"{row['deviations']:.0f} robust standard deviations from the other figures of its kind"
        )
        yield Finding(
            "jump",
            "breach" if row["breach"] else "notice",
            row["place"],
            f"{row['factor']:.3g} times",
            f"{factor:g} times",
            f"{row['place']} of {row['time_period']} was {row['was']:,.10g} and is {row['value']:,.10g}, {how}",
            row["place"],
            row["time_period"],
            row["was"],
            row["value"],
            row["factor"],
        )


def _spread(changed: pl.DataFrame, totals: pl.DataFrame) -> pl.DataFrame:
    """block, middle and spread (robust standard deviation) of the ratios of its large figures, unchanged ones included.

    Those that did not change are counted, not listed: each has the ratio of one, whose logarithm is nought.
    """
    still = totals.group_by("block").agg(n=pl.col("large").sum())
    counted = changed.group_by("block").agg(pl.col("log"), changed=pl.len()).join(still, on="block", how="left")
    zeros = pl.lit(0.0).repeat_by((pl.col("n") - pl.col("changed")).clip(0))
    listed = counted.select("block", log=pl.concat_list("log", zeros)).explode("log")
    middle = listed.group_by("block").agg(middle=pl.col("log").median())
    off = listed.join(middle, on="block", how="left").with_columns(off=(pl.col("log") - pl.col("middle")).abs())
    mad = off.group_by("block").agg(spread=pl.max_horizontal(_MAD * pl.col("off").median(), pl.lit(_CALM)))
    return middle.join(mad, on="block", how="left")


def _block() -> pl.Expr:
    """What belongs together: an indicator and the dimensions that it is broken down by."""
    parts = [
        pl.when(pl.col(d) == DEFAULTS.get(d, "")).then(pl.lit("")).otherwise(pl.lit(f" by {d}"))
        for d in SERIES_DIMENSIONS
        if d not in ("source", "indicator", "freq", "ref_area", "counterpart_basis")
    ]
    return pl.concat_str([pl.format("indicator={}", pl.col("indicator")), *parts])


# -- golden figures ---------------------------------------------------------------------------------------------


def _golden(compared: Comparison, golden: Sequence[Golden], release: str) -> Iterator[Finding]:
    """Golden figures of this release that are there with another value, or were there and are gone."""
    totals = {d: code for d, code in DEFAULTS.items() if d not in ("counterpart_basis", "freq")}
    for figure in (g for g in golden if g.release == release):
        key = {**totals, **dict(figure.key)}
        own = compared.series.lazy().filter(pl.all_horizontal(*(pl.col(d) == code for d, code in key.items())))
        series = own.select("series").collect()["series"].to_list()
        period = compared.periods.filter(pl.col("time_period") == figure.time_period)["period"].to_list()
        its = pl.col("series").is_in(series) & pl.col("period").is_in(period)
        found = compared.now.filter(its)
        for row in compared.named(found).iter_rows(named=True):
            if row["value"] != figure.value:
                yield _other_than(figure, row["place"], _text(row["value"]), row["value"])
        if not found.height:
            for row in compared.named(compared.was.filter(its)).iter_rows(named=True):
                yield _other_than(figure, row["place"], "gone", None)


def _other_than(figure: Golden, where: str, found: str, now: float | None) -> Finding:
    measured = figure.value is not None and now is not None
    cited = f" ({figure.cited})" if figure.cited else ""
    return Finding(
        "golden",
        "breach",
        where,
        found,
        _text(figure.value),
        f"golden figure {where} of {figure.time_period} is {found}, known is {_text(figure.value)}{cited}",
        where,
        figure.time_period,
        figure.value,
        now,
        abs(now - figure.value) if measured and now is not None and figure.value is not None else None,
    )


def _text(value: float | None) -> str:
    return "none" if value is None else f"{value:,.10g}"


# -- to be looked at, never held: what is new or changed, and odd by itself --------------------------------------


def _self_corridors(compared: Comparison, rules: Rules, lists: Lists) -> Iterator[Finding]:
    """Persons counted where they come from. Unknown to unknown is no such pair."""
    policy = rules.self_corridors
    if policy is None:
        return
    residual = lists.areas.filter(pl.col("kind") == "residual")["code"].to_list()
    pairs = compared.series.filter(
        pl.col("indicator").is_in(policy.indicators)
        & (pl.col("counterpart_area") == pl.col("ref_area"))
        & ~pl.col("ref_area").is_in(residual)
    )
    other = ~pl.col("there") | pl.col("value").ne_missing(pl.col("was"))
    own = compared.both.filter(pl.col("series").is_in(pairs["series"].to_list()) & (pl.col("value") != 0) & other)
    if not own.height:
        return
    count = own.height
    said = f"{count:,} figures are of persons whose area of origin is that of asylum: {policy.reason}"
    yield Finding("anomaly", "notice", "self-corridors", f"{count:,}", "review", said, size=float(count))
    latest = (
        compared.named(own)
        .join(pairs.select("series", "ref_area"), on="series", how="left")
        .sort("period")
        .group_by("place")
        .agg(pl.col("ref_area", "time_period", "value").last(), years=pl.len(), largest=pl.col("value").max())
        .sort("largest", "place", descending=[True, False])
    )
    most = int(rules.most_findings.limit) // 2
    yield from the_rest("anomaly", pl.Series([False] * max(latest.height - most, 0), dtype=pl.Boolean))
    for row in latest.head(most).iter_rows(named=True):
        yield Finding(
            "anomaly",
            "notice",
            row["place"],
            "self-corridor",
            "review",
            f"{row['place']} counts persons from {row['ref_area']} in {row['ref_area']}, in {row['years']} periods, "
            f"{row['largest']:,.10g} at most: review",
            row["place"],
            row["time_period"],
            None,
            row["value"],
            row["largest"],
        )


def _steps(compared: Comparison, rules: Rules) -> Iterator[Finding]:
    """Figures that are far from the one of the period before, further than the steps of their series are.

    What begins from nought is no step: crises do. What falls to nought comes last.
    """
    floor = rules.jump_floor.limit
    both = compared.both
    if compared.was.height:
        fresh = both.filter(~pl.col("there") | pl.col("value").ne_missing(pl.col("was")))
        both = both.join(fresh, on="series", how="semi")
    some = both.filter(pl.col("value").abs() >= floor)
    ordered = both.drop_nulls("value").join(some, on="series", how="semi").sort(KEY)
    size = pl.col("value").abs().clip(1).log10()
    same = pl.col("series") == pl.col("series").shift(1)
    still = pl.col("there") & (pl.col("value") == pl.col("was"))
    stepped = ordered.select(
        *KEY,
        "value",
        before=pl.when(same).then(pl.col("value").shift(1)),
        before_period=pl.when(same).then(pl.col("period").shift(1)),
        step=pl.when(same).then(size - size.shift(1)),
        # A step between two figures that stood as they are is no news.
        known=(same & still & still.shift(1)).fill_null(value=False),
    )
    large = pl.max_horizontal(pl.col("value").abs(), pl.col("before").abs()) >= floor
    begins = pl.col("before") == 0
    far = stepped.filter(
        large & ~begins & (pl.col("step").abs() > math.log10(max(rules.anomaly_factor.limit, 1))) & ~pl.col("known")
    )
    if not far.height:
        return
    own = stepped.join(far, on="series", how="semi").filter(pl.col("step").is_not_null())
    # Of a few steps nobody can say what is usual: they are all calm.
    usual = pl.when(pl.len() >= _STEPS).then(_MAD * pl.col("step").abs().median()).otherwise(0.0)
    spreads = own.group_by("series").agg(spread=pl.max_horizontal(usual, pl.lit(_CALM)))
    deviations = pl.col("step").abs() / pl.col("spread")
    odd = far.join(spreads, on="series").filter(deviations > rules.anomaly_deviations.limit)
    told = (
        compared.named(odd)
        .join(compared.periods.rename({"period": "before_period", "time_period": "before_time"}), on="before_period")
        .sort(pl.col("value") == 0, pl.col("step").abs(), "place", "period", descending=[False, True, False, False])
    )
    most = int(rules.most_findings.limit)
    yield from the_rest("anomaly", pl.Series([False] * max(told.height - most, 0), dtype=pl.Boolean))
    for row in told.head(most).iter_rows(named=True):
        grew = abs(row["value"]) > abs(row["before"])
        factor = 10.0 ** abs(row["step"])
        change = f"x {factor:.3g}" if grew else f"{(row['value'] - row['before']) / abs(row['before']):+.1%}"
        yield Finding(
            "anomaly",
            "notice",
            row["place"],
            change,
            f"{rules.anomaly_factor.limit:g} times",
            f"{row['place']} was {row['before']:,.10g} in {row['before_time']} and is {row['value']:,.10g} in "
            f"{row['time_period']} ({change}): review",
            row["place"],
            row["time_period"],
            row["before"],
            row["value"],
            factor,
        )


# -- for the person who decides ---------------------------------------------------------------------------------


def largest(compared: Comparison, n: int) -> pl.DataFrame:
    """The `n` largest differences: series (in words), time_period, was, now.

    Figures that are there on both sides come first; null is a figure that is not there.
    """
    changed = compared.both.filter(~pl.col("there") | pl.col("value").ne_missing(pl.col("was")))
    none = pl.lit(None, pl.Float64)
    differing = pl.concat(
        [
            changed.select(*KEY, now="value", was="was"),
            compared.gone.select(*KEY, now=none, was="value"),
        ]
    ).with_columns(
        size=(pl.col("now").fill_null(0) - pl.col("was").fill_null(0)).abs(),
        alone=pl.col("now").is_null() | pl.col("was").is_null(),
    )
    first = pl.concat([_largest(differing.filter(pl.col("alone") == alone), n) for alone in (False, True)]).head(n)
    return compared.named(first).select(pl.col("place").alias("series"), "time_period", "was", "now")


def _largest(differing: pl.DataFrame, n: int) -> pl.DataFrame:
    """The `n` rows with the largest `size` above 0, without sorting all of them."""
    least = differing["size"].top_k(n).min()
    if least is None:
        return differing
    return (
        differing.filter((pl.col("size") >= least) & (pl.col("size") > 0))
        .sort("size", *KEY, descending=[True, False, False])
        .head(n)
    )
