"""The gate: what a candidate says against what was accepted last, by rules with an owner and a reason.

Candidate and accepted are frames with series_id, SERIES_DIMENSIONS, time_period (texts), value (double, null where
there is none) and obs_status; one row a figure. Nothing was accepted before a first load: then only what a candidate
says by itself is judged (golden figures, sums).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from migstats.codelists import Folders, read_codelist, read_csv
from migstats.errors import DeclarationError
from migstats.observation import DEFAULTS, SERIES_DIMENSIONS

Severity = Literal["breach", "notice"]

#: What a finding may be about; waivers name one of them.
KINDS: Final = (
    "deleted",
    "changed",
    "added",
    "coverage",
    "missing",
    "jump",
    "scale",
    "sign",
    "time_shift",
    "golden",
    "additivity",
    "conservation",
)

#: Dimensions whose codes make up the coverage of a source, beside its periods.
_COVERAGE: Final = ("indicator", "ref_area", "counterpart_area", "subdivision", "sex", "age", "migration_status")

#: Half the width of the middle half of a normal distribution, in standard deviations: makes the MAD one.
_MAD: Final = 1.4826

_KEY: Final = ["series_id", "time_period"]


class Limit(BaseModel):
    """A threshold, who answers for it, and why it is what it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limit: float = Field(ge=0)
    owner: str = Field(min_length=1)
    reason: str = Field(min_length=10)


def _limit(limit: float, reason: str) -> Limit:
    return Limit(limit=limit, owner="migration statisticians", reason=reason)


class Rules(BaseModel):
    """`gate.yaml` of a source: what differs from the defaults, which suit a source that revises little."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deleted_share: Limit = _limit(0.02, "publishers correct, but they do not withdraw one figure in fifty")
    changed_share: Limit = _limit(0.5, "a routine update leaves most of the past as it was")
    added_share: Limit = _limit(1.0, "an update that more than doubles a source is another source")
    missing_share: Limit = _limit(0.02, "figures that turn into none are withdrawn, or were not read")
    coverage_lost: Limit = _limit(0, "an area, a period or a breakdown never leaves a source in silence")
    jump_deviations: Limit = _limit(8, "robust standard deviations; one series in many thousands is beyond by chance")
    jump_factor: Limit = _limit(3, "a figure that is less than three times the other is no jump, however calm the rest")
    jump_floor: Limit = _limit(1000, "of small figures every change is large in per cent")
    shifted_share: Limit = _limit(0.5, "figures of a neighbouring period for half of a block are a shifted column")
    flipped_share: Limit = _limit(0.5, "a block whose signs turned round was defined the other way round")
    rounding: Limit = _limit(1, "figures are published as whole numbers, so each part may be off by one")
    rounding_share: Limit = _limit(0.0005, "publishers round large totals apart from their parts")
    incoherent_share: Limit = _limit(0.01, "some published totals do not add up; more than one in a hundred is ours")
    most_findings: Limit = _limit(25, "of one kind; what a person can look through")


@dataclass(frozen=True)
class Golden:
    """A figure that is known to be right: a candidate of its release that says otherwise was read wrongly."""

    key: tuple[tuple[str, str], ...]
    release: str
    time_period: str
    value: float | None


@dataclass(frozen=True)
class Lists:
    """What the gate knows of our codelists."""

    #: code, kind of an area.
    areas: pl.DataFrame
    #: code, min_age, max_age (null: open) of an age band.
    ages: pl.DataFrame
    #: Indicators whose figures add up: persons and amounts, no shares.
    additive: frozenset[str]


@dataclass(frozen=True)
class Finding:
    """What the gate found. Waivers go by `kind` and `scope`."""

    kind: str
    severity: Severity
    scope: str
    found: str
    limit: str
    message: str
    place: str = ""
    time_period: str = ""
    was: float | None = None
    now: float | None = None


# -- facts ------------------------------------------------------------------------------------------------------


def read_rules(folder: Path) -> Rules:
    """`gate.yaml` of a source folder; the defaults where there is none. DeclarationError names file, field, remedy."""
    path = folder / "gate.yaml"
    if not path.is_file():
        return Rules()
    try:
        return Rules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{path}: cannot be read as YAML: {error}; mend the line named") from error
    except ValidationError as error:
        lines = [
            f"{path}: {'.'.join(str(p) for p in e['loc']) or '(the whole file)'}: {e['msg']}" for e in error.errors()
        ]
        known = ", ".join(Rules.model_fields)
        raise DeclarationError(
            "\n".join(lines) + f"\na rule has limit, owner and a reason of ten letters or more; the rules are {known}"
        ) from None


def read_golden(folder: Path) -> tuple[Golden, ...]:
    """`golden.csv` of a source folder; none where there is no such file."""
    path = folder / "golden.csv"
    if not path.is_file():
        return ()
    golden = []
    for number, row in enumerate(read_csv(path), start=2):
        missing = {"release", "time_period", "value", "indicator", "ref_area"} - set(row)
        if missing:
            raise DeclarationError(f"{path}: line 1: the columns {sorted(missing)} are missing")
        try:
            value = float(row["value"]) if row["value"] else None
        except ValueError:
            raise DeclarationError(f"{path}: line {number}: value {row['value']!r} is no figure") from None
        key = tuple((d, row[d]) for d in SERIES_DIMENSIONS if row.get(d))
        golden.append(Golden(key, row["release"], row["time_period"], value))
    return tuple(golden)


def read_lists(concepts: Folders) -> Lists:
    """The codelists that the gate goes by."""
    areas = read_codelist(concepts, "area").rows
    ages = read_codelist(concepts, "age").rows
    indicators = read_codelist(concepts, "indicator").rows
    bands = [
        (code, int(row["min_age"]), int(row["max_age"]) if row["max_age"] else None)
        for code, row in ages.items()
        if row["min_age"] and code != "_T"
    ]
    return Lists(
        areas=pl.DataFrame({"code": list(areas), "kind": [row["kind"] for row in areas.values()]}),
        ages=pl.DataFrame(bands, schema={"code": pl.String, "min_age": pl.Int64, "max_age": pl.Int64}, orient="row"),
        additive=frozenset(code for code, row in indicators.items() if row["unit"] in ("PS", "USD")),
    )


# -- judging ----------------------------------------------------------------------------------------------------


def judge(
    candidate: pl.DataFrame,
    accepted: pl.DataFrame,
    rules: Rules,
    golden: Sequence[Golden],
    lists: Lists,
    *,
    release: str,
) -> tuple[Finding, ...]:
    """Findings about a candidate, in the order of KINDS; beyond `most_findings` of a kind the rest is counted."""
    found: dict[str, list[Finding]] = {kind: [] for kind in KINDS}
    for finding in _all(candidate, accepted, rules, golden, lists, release):
        found[finding.kind].append(finding)
    most = int(rules.most_findings.limit)
    return tuple(finding for kind in KINDS for finding in _capped(found[kind], most))


def _capped(findings: list[Finding], most: int) -> Iterator[Finding]:
    yield from findings[:most]
    rest = findings[most:]
    if rest:
        grave: Severity = "breach" if any(f.severity == "breach" for f in rest) else "notice"
        kind = rest[0].kind
        yield Finding(kind, grave, "the rest", str(len(rest)), f"{most} are listed", f"{len(rest)} more of kind {kind}")


def _all(
    candidate: pl.DataFrame,
    accepted: pl.DataFrame,
    rules: Rules,
    golden: Sequence[Golden],
    lists: Lists,
    release: str,
) -> Iterator[Finding]:
    if accepted.height:
        both = candidate.select(*_KEY, "value").join(
            accepted.select(*_KEY, was="value", there=pl.lit(True)), on=_KEY, how="left"
        )
        gone = accepted.join(candidate.select(_KEY), on=_KEY, how="anti")
        yield from _shares(both, gone, accepted.height, rules)
        yield from _coverage(candidate, accepted, rules)
        yield from _upgrades(both, _series(candidate), accepted, rules)
        yield from _conserved(candidate, gone, lists)
    yield from _golden(candidate, golden, release)
    yield from _sums(candidate, rules, lists)


def _shares(both: pl.DataFrame, gone: pl.DataFrame, held: int, rules: Rules) -> Iterator[Finding]:
    """How many of the accepted figures are gone, changed, no longer there as a value; how many are new."""
    counted = both.select(
        added=pl.col("there").is_null().sum(),
        changed=(pl.col("there") & pl.col("was").is_not_null() & pl.col("value").is_not_null())
        .and_(pl.col("was") != pl.col("value"))
        .sum(),
        missing=(pl.col("there") & pl.col("was").is_not_null() & pl.col("value").is_null()).sum(),
    ).row(0, named=True)
    said: Iterable[tuple[str, int, Limit, str]] = (
        ("deleted", gone.height, rules.deleted_share, "of the accepted figures are gone"),
        ("changed", counted["changed"], rules.changed_share, "of the accepted figures have another value"),
        ("added", counted["added"], rules.added_share, "figures are new, against those accepted"),
        ("missing", counted["missing"], rules.missing_share, "of the accepted figures have no value any more"),
    )
    for kind, number, rule, words in said:
        share = number / held
        if number:
            severity: Severity = "breach" if share > rule.limit else "notice"
            yield Finding(
                kind, severity, "all", f"{share:.2%}", f"{rule.limit:.2%}", f"{number:,} ({share:.2%}) {words}"
            )


def _coverage(candidate: pl.DataFrame, accepted: pl.DataFrame, rules: Rules) -> Iterator[Finding]:
    """Codes of a dimension, and periods, that the candidate does not know any more."""
    for dimension in (*_COVERAGE, "time_period"):
        lost = sorted(set(accepted[dimension].unique()) - set(candidate[dimension].unique()))
        severity: Severity = "breach" if len(lost) > rules.coverage_lost.limit else "notice"
        for code in lost:
            figures = accepted.filter(pl.col(dimension) == code).height
            yield Finding(
                "coverage",
                severity,
                f"{dimension}={code}",
                "gone",
                f"{rules.coverage_lost.limit:g} may go",
                f"{dimension} {code} is gone with its {figures:,} figures",
            )


def _series(figures: pl.DataFrame) -> pl.DataFrame:
    """series_id and SERIES_DIMENSIONS, once each: texts are made of them, and not of a million figures."""
    return figures.select("series_id", *SERIES_DIMENSIONS).unique("series_id", keep="any")


def _upgrades(both: pl.DataFrame, series: pl.DataFrame, accepted: pl.DataFrame, rules: Rules) -> Iterator[Finding]:
    """What upgrades do to figures: scale, sign, a shift in time, for whole blocks; and jumps of single figures."""
    pairs = both.filter(pl.col("was").is_not_null() & pl.col("value").is_not_null()).join(
        series.select("series_id", block=_block()), on="series_id", how="left"
    )
    if not pairs.height:
        return
    yield from _signs(pairs, rules)
    yield from _shifts(pairs, accepted, rules)
    ratio = (pl.col("value").abs().log10() - pl.col("was").abs().log10()).alias("log")
    floor = rules.jump_floor.limit
    large = pairs.filter(
        (pl.max_horizontal(pl.col("value").abs(), pl.col("was").abs()) >= floor)
        & (pl.col("value") != 0)
        & (pl.col("was") != 0)
    ).with_columns(ratio)
    power = pl.col("log").round()
    scaled = (
        large.with_columns(power=power, near=(pl.col("log") - power).abs() < 0.02)
        .group_by("block")
        .agg(
            n=pl.len(),
            power=pl.col("power").median(),
            same=(pl.col("near") & (pl.col("power") == pl.col("power").median())).sum(),
        )
    )
    blocks = scaled.filter((pl.col("power") != 0) & (pl.col("same") >= 3) & (pl.col("same") >= 0.8 * pl.col("n")))
    for row in blocks.sort("block").iter_rows(named=True):
        yield Finding(
            "scale",
            "breach",
            row["block"],
            f"x 10^{row['power']:.0f}",
            "x 1",
            f"{row['same']:,} of {row['n']:,} figures of {row['block']} are 10^{row['power']:.0f} times what they "
            "were: has the unit changed?",
        )
    rest = large.join(blocks.select("block"), on="block", how="anti")
    yield from _jumps(rest, series, rules)


def _block() -> pl.Expr:
    """What belongs together: an indicator and the dimensions that it is broken down by."""
    parts = [
        pl.when(pl.col(d) == DEFAULTS.get(d, "")).then(pl.lit("")).otherwise(pl.lit(f" by {d}"))
        for d in SERIES_DIMENSIONS
        if d not in ("source", "indicator", "freq", "ref_area", "counterpart_basis")
    ]
    return pl.concat_str([pl.format("indicator={}", pl.col("indicator")), *parts])


def _place(columns: Iterable[str] = SERIES_DIMENSIONS) -> pl.Expr:
    """A series in words: the dimensions that are not at their default."""
    parts = [
        pl.when(pl.col(d) == DEFAULTS.get(d, "")).then(pl.lit("")).otherwise(pl.format(f"{d}={{}} ", pl.col(d)))
        for d in columns
        if d != "source"
    ]
    return pl.concat_str(parts).str.strip_chars()


def _signs(pairs: pl.DataFrame, rules: Rules) -> Iterator[Finding]:
    turned = (pl.col("value") * pl.col("was") < 0).sum()
    blocks = (
        pairs.filter((pl.col("value") != 0) & (pl.col("was") != 0))
        .group_by("block")
        .agg(n=pl.len(), turned=turned)
        .filter(pl.col("turned") > 0)
        .sort("block")
    )
    for row in blocks.iter_rows(named=True):
        share = row["turned"] / row["n"]
        severity: Severity = "breach" if share > rules.flipped_share.limit else "notice"
        yield Finding(
            "sign",
            severity,
            row["block"],
            f"{share:.0%}",
            f"{rules.flipped_share.limit:.0%}",
            f"{row['turned']:,} of {row['n']:,} figures of {row['block']} have the other sign",
        )


def _shifts(pairs: pl.DataFrame, accepted: pl.DataFrame, rules: Rules) -> Iterator[Finding]:
    """Blocks whose changed figures are those that were accepted for the period before or after."""
    changed = pairs.filter(pl.col("value") != pl.col("was"))
    ordered = accepted.select(*_KEY, "value").join(changed, on="series_id", how="semi").sort(_KEY)
    neighbours = ordered.select(
        *_KEY,
        before=pl.col("value").shift(1).over("series_id"),
        after=pl.col("value").shift(-1).over("series_id"),
    )
    changed = changed.join(neighbours, on=_KEY, how="left")
    total = pairs.group_by("block").agg(n=pl.len())
    blocks = (
        changed.group_by("block")
        .agg(
            earlier=(pl.col("value") == pl.col("before")).sum(),
            later=(pl.col("value") == pl.col("after")).sum(),
        )
        .join(total, on="block")
        .with_columns(shifted=pl.max_horizontal("earlier", "later"))
        .filter((pl.col("shifted") >= 3) & (pl.col("shifted") > rules.shifted_share.limit * pl.col("n")))
        .sort("block")
    )
    for row in blocks.iter_rows(named=True):
        where = "before" if row["earlier"] >= row["later"] else "after"
        yield Finding(
            "time_shift",
            "breach",
            row["block"],
            f"{row['shifted'] / row['n']:.0%}",
            f"{rules.shifted_share.limit:.0%}",
            f"{row['shifted']:,} of {row['n']:,} figures of {row['block']} are those accepted for the period {where}",
        )


def _jumps(pairs: pl.DataFrame, series: pl.DataFrame, rules: Rules) -> Iterator[Finding]:
    """Single figures that changed far more than the others of their block."""
    if not pairs.height:
        return
    middle = pl.col("log").median().over("block")
    spread = _MAD * (pl.col("log") - middle).abs().median().over("block")
    # A calm block has no spread: what differs by less than five per cent is calm.
    deviations = (pl.col("log") - middle).abs() / pl.max_horizontal(spread, pl.lit(0.02))
    factor = pl.lit(10.0).pow((pl.col("log") - middle).abs())
    jumped = (
        pairs.with_columns(deviations=deviations, factor=factor)
        .filter((pl.col("deviations") > rules.jump_deviations.limit) & (pl.col("factor") > rules.jump_factor.limit))
        .join(series.select("series_id", place=_place()), on="series_id", how="left")
        .sort("factor", "place", "time_period", descending=[True, False, False])
    )
    for row in jumped.iter_rows(named=True):
        yield Finding(
            "jump",
            "breach",
            row["place"],
            f"{row['factor']:.3g} times",
            f"{rules.jump_factor.limit:g} times",
            f"{row['place']} of {row['time_period']} was {row['was']:,.10g} and is {row['value']:,.10g}, "
            f"{row['deviations']:.0f} robust standard deviations from the other figures of its kind",
            row["place"],
            row["time_period"],
            row["was"],
            row["value"],
        )


def _conserved(candidate: pl.DataFrame, gone: pl.DataFrame, lists: Lists) -> Iterator[Finding]:
    """Other, Unknown and Stateless that vanish while their total stays take persons out of every sum."""
    residual = set(lists.areas.filter(pl.col("kind") == "residual")["code"])
    unknown = pl.col("sex").is_in(["_U", "_O"]) | (pl.col("age") == "_U")
    lost = gone.filter((pl.col("counterpart_area").is_in(residual) | unknown) & (pl.col("value") != 0))
    if not lost.height:
        return
    totals = candidate.filter(
        (pl.col("counterpart_area") == "_T") & (pl.col("sex") == "_T") & (pl.col("age") == "_T")
    ).select("indicator", "ref_area", "time_period")
    still = lost.join(totals.unique(), on=["indicator", "ref_area", "time_period"], how="semi")
    for row in still.with_columns(place=_place()).sort("place", "time_period").iter_rows(named=True):
        yield Finding(
            "conservation",
            "breach",
            row["place"],
            "gone",
            "kept",
            f"{row['place']} of {row['time_period']} ({row['value']:,.10g}) is gone while its total is still there",
            row["place"],
            row["time_period"],
            row["value"],
        )


def _golden(candidate: pl.DataFrame, golden: Sequence[Golden], release: str) -> Iterator[Finding]:
    """Golden figures of this release that are there with another value."""
    wanted = [g for g in golden if g.release == release]
    if not wanted or not candidate.height:
        return
    totals = {d: code for d, code in DEFAULTS.items() if d not in ("counterpart_basis", "freq")}
    for figure in wanted:
        key = {**totals, **dict(figure.key)}
        here = candidate.filter(
            pl.all_horizontal(*(pl.col(d) == code for d, code in key.items())),
            pl.col("time_period") == figure.time_period,
        )
        for row in here.with_columns(place=_place()).iter_rows(named=True):
            if row["value"] != figure.value:
                yield Finding(
                    "golden",
                    "breach",
                    row["place"],
                    _text(row["value"]),
                    _text(figure.value),
                    f"golden figure {row['place']} of {row['time_period']} is {_text(row['value'])}, "
                    f"known is {_text(figure.value)}",
                    row["place"],
                    row["time_period"],
                    figure.value,
                    row["value"],
                )


def _text(value: float | None) -> str:
    return "none" if value is None else f"{value:,.10g}"


# -- sums -------------------------------------------------------------------------------------------------------


#: A figure on one axis: `cell` is one number for all that the figures of a sum share, `code` its code on the axis.
_FIGURE: Final = ("cell", "code", "value")


def _sums(candidate: pl.DataFrame, rules: Rules, lists: Lists) -> Iterator[Finding]:
    """Parts against their published total on each axis, where all parts are there; within the source's rounding."""
    series = _series(candidate).filter(pl.col("indicator").is_in(lists.additive))
    periods = candidate.select("time_period").unique().with_row_index("period")
    figures = (
        candidate.select("series_id", "time_period", "value")
        .join(series.select("series_id"), on="series_id", how="semi")
        .join(periods, on="time_period", how="left")
    )
    members = lists.areas.filter(pl.col("kind") != "group")["code"].to_list()
    is_part = pl.col("code") != "_T"
    for axis in ("sex", "age", "counterpart_area", "subdivision"):
        coded = _on_axis(axis, series, periods.height)
        if not coded.height:
            continue
        there = figures.join(coded, on="series_id", how="inner").with_columns(cell=pl.col("group") + pl.col("period"))
        parts = there.filter(is_part).select(_FIGURE)
        if axis == "sex":
            parts = _whole_sexes(parts)
        elif axis == "age":
            parts = _whole_ages(parts, lists)
        elif axis == "counterpart_area":
            # Whether every origin, or every part of a country, is there cannot be known: more than the total is too
            # much.
            parts = parts.filter(pl.col("code").is_in(members))
        totals = there.filter(~is_part & pl.col("value").is_not_null())
        yield from _against_total(axis, parts, totals, series, rules, whole=axis in ("sex", "age"))


def _on_axis(axis: str, series: pl.DataFrame, periods: int) -> pl.DataFrame:
    """series_id, `code` on the axis, and `group`: the same multiple of `periods` for series that differ only there.

    Series without a counterpart (all parts and no total, or a total without parts) are left out.
    """
    others = [d for d in SERIES_DIMENSIONS if d != axis and series[d].n_unique() > 1]
    rest = pl.struct(others).rank("dense") if others else pl.lit(1)
    coded = series.select("series_id", code=pl.col(axis).cast(pl.String), group=rest.cast(pl.Int64) * periods)
    is_total = pl.col("code") == "_T"
    return coded.filter(is_total.any().over("group") & (~is_total).any().over("group"))


def _whole_sexes(parts: pl.DataFrame) -> pl.DataFrame:
    both = pl.col("code").is_in(["M", "F"]).sum().over("cell") == 2
    return parts.filter(both)


def _whole_ages(parts: pl.DataFrame, lists: Lists) -> pl.DataFrame:
    """Parts of which the bands of each figure follow each other from nought to the open end."""
    bands = parts.join(lists.ages, on="code", how="inner").sort("cell", "min_age")
    if not bands.height:
        return parts.clear()
    begins = (pl.col("cell") != pl.col("cell").shift(1)).fill_null(value=True)
    follows = (
        pl.when(begins).then(pl.col("min_age") == 0).otherwise(pl.col("min_age") == pl.col("max_age").shift(1) + 1)
    )
    whole = (
        bands.with_columns(follows=follows.fill_null(value=False))
        .group_by("cell")
        .agg(pl.col("follows").all(), open=pl.col("max_age").is_null().sum())
        .filter(pl.col("follows") & (pl.col("open") == 1))
    )
    of_whole = pl.concat([bands.select(_FIGURE), parts.filter(pl.col("code") == "_U")])
    return of_whole.join(whole.select("cell"), on="cell", how="semi")


def _against_total(
    axis: str, parts: pl.DataFrame, totals: pl.DataFrame, series: pl.DataFrame, rules: Rules, *, whole: bool
) -> Iterator[Finding]:
    if not parts.height:
        return
    # A part that is missing or suppressed cannot be added: the total is not judged.
    sums = (
        parts.group_by("cell")
        .agg(total=pl.col("value").sum(), parts=pl.len(), unknown=pl.col("value").is_null().sum())
        .filter(pl.col("unknown") == 0)
    )
    judged = totals.join(sums, on="cell", how="inner").with_columns(off=pl.col("total") - pl.col("value"))
    allowed = pl.max_horizontal(
        rules.rounding.limit * (pl.col("parts") + 1), rules.rounding_share.limit * pl.col("value").abs()
    )
    wrong = judged.filter(pl.col("off").abs() > allowed if whole else pl.col("off") > allowed)
    if not wrong.height:
        return
    share = wrong.height / judged.height
    severity: Severity = "breach" if share > rules.incoherent_share.limit else "notice"
    limit = f"{rules.incoherent_share.limit:.2%} of the totals"
    yield Finding(
        "additivity",
        severity,
        f"axis={axis}",
        f"{share:.2%}",
        limit,
        f"{wrong.height:,} of {judged.height:,} totals are not the sum of their parts by {axis}",
    )
    places = series.select("series_id", place=_place())
    worst = wrong.join(places, on="series_id", how="left").sort(
        pl.col("off").abs(), "place", "time_period", descending=[True, False, False]
    )
    for row in worst.head(10).iter_rows(named=True):
        yield Finding(
            "additivity",
            "notice",
            f"axis={axis} {row['place']}",
            f"{row['total']:,.10g}",
            f"{row['value']:,.10g}",
            f"{row['place']} of {row['time_period']} is {row['value']:,.10g}, its parts by {axis} are "
            f"{row['total']:,.10g}",
            row["place"],
            row["time_period"],
            row["value"],
            row["total"],
        )


# -- for the person who decides ---------------------------------------------------------------------------------


def largest(candidate: pl.DataFrame, accepted: pl.DataFrame, n: int) -> pl.DataFrame:
    """The `n` largest differences: series (in words), time_period, was, now.

    Figures that are there on both sides come first; null is a figure that is not there.
    """
    now = candidate.select(*_KEY, now="value")
    was = accepted.select(*_KEY, was="value")
    both = now.join(was, on=_KEY, how="full", coalesce=True)
    size = (pl.col("now").fill_null(0) - pl.col("was").fill_null(0)).abs()
    differing = both.select(*_KEY, "now", "was", size=size, alone=pl.col("now").is_null() | pl.col("was").is_null())
    first = pl.concat([_largest(differing.filter(pl.col("alone") == alone), n) for alone in (False, True)]).head(n)
    shown = [t.join(first, on="series_id", how="semi") for t in (candidate, accepted)]
    described = _series(pl.concat([t.select("series_id", *SERIES_DIMENSIONS) for t in shown]))
    return first.join(
        described.select("series_id", _place().alias("series")), on="series_id", how="left", maintain_order="left"
    ).select("series", "time_period", "was", "now")


def _largest(differing: pl.DataFrame, n: int) -> pl.DataFrame:
    """The `n` rows with the largest `size` above 0, without sorting all of them."""
    least = differing["size"].top_k(n).min()
    if least is None:
        return differing
    return (
        differing.filter((pl.col("size") >= least) & (pl.col("size") > 0))
        .sort("size", "series_id", "time_period", descending=[True, False, False])
        .head(n)
    )
