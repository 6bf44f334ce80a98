"""What readers know to add up: the sums that tie published figures together, on every axis and between axes.

A relation says that parts make up a whole: men and women, bands of age, districts and their province, quarters and a
year, deaths and missing. It is kept only where the figures bear it out, since no reader can use one that they do not.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse
from scipy.optimize import OptimizeResult, linprog

from migstats.errors import PermanentError
from migstats.observation import SERIES_DIMENSIONS, period_bounds

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

TOTAL, UNKNOWN, NOT_APPLICABLE = "_T", "_U", "_Z"

#: An age band without end, in years.
_OPEN: Final = 10_000

#: Columns that make a figure what it is, beside its source. `state` tells what was published before from what is to be.
KEYS: Final = ("state", "unit", *(d for d in SERIES_DIMENSIONS if d != "source"), "time_period")

_LISTED: Final = ("sex", "migration_status", "labour_status", "occupation", "activity", "reason", "urbanisation")
#: Dimensions of which the total is the sum of the rest.
ADDED_ALONG: Final = (*_LISTED, "disability", "breakdown", "subdivision", "age", "education", "counterpart_area")

#: Places of a table, those that nobody published among them, from which on no more of them are looked for.
_PLACES: Final = 200_000

_ISCED: Final = re.compile(r"ISCED11_(\d)(?:T(\d))?")


@dataclass(frozen=True)
class Share:
    """`share` is `numerator` / `denominator` times `per`."""

    share: str
    numerator: str
    denominator: str
    per: float


@dataclass(frozen=True)
class Facts:
    """What is known of codes: what lies in what, and what is made of what."""

    #: Age band -> first year, first year after it.
    ages: Mapping[str, tuple[int, int]]
    #: Concept -> code -> what it may lie in, nearest first; of every other code it is the total.
    inside: Mapping[str, Mapping[str, tuple[str, ...]]]
    #: Groups of areas, which overlap: no parts of a total.
    groups: frozenset[str]
    #: Indicator -> the indicators that it is the sum of.
    sums: Mapping[str, tuple[str, ...]]
    #: Indicator -> indicators that count some of its persons.
    within: Mapping[str, tuple[str, ...]]
    shares: tuple[Share, ...]
    #: Indicators of which a figure may be below nought.
    signed: frozenset[str]
    flows: frozenset[str]


@dataclass(frozen=True)
class _Rule:
    """A sum over the codes of one group: -1 for the whole, 1 (or -1) for each part, 0 for what is not in it."""

    signs: tuple[int, ...]
    #: It holds exactly, or it is none; else the parts may be fewer than those that there are.
    exact: bool
    #: Parts are known to be left out: a quarter of the year, an age between two bands, a code that stands elsewhere.
    gaps: bool = False
    #: The part is no more than the whole, and nobody expects it to be as much.
    less: bool = False
    #: What it is the whole of: rules that say the same of other figures tell whether parts are left out.
    kind: str = ""

    @property
    def odd(self) -> float:
        """How odd it is that parts are left out: a table may lack districts, ages and origins, but no third sex."""
        if self.exact or self.gaps:
            return 10.0 if self.exact else 0.1
        of_what, whole = self.kind.split(" ", 1)
        return 3.0 if of_what == "sex" else 0.5 if of_what == "subdivision" and whole != TOTAL else 1.0


@dataclass(frozen=True)
class _Relations:
    """Sums that may hold, a row each, and what their rules say of them; `kind` as a number."""

    matrix: sparse.csr_array
    exact: Bools
    gaps: Bools
    less: Bools
    odd: Floats
    kind: Ints

    def these(self, rows: Bools) -> _Relations:
        matrix = sparse.csr_array(self.matrix[rows])
        return _Relations(matrix, self.exact[rows], self.gaps[rows], self.less[rows], self.odd[rows], self.kind[rows])


@dataclass(frozen=True)
class Sums:
    """Relations between figures: `matrix` @ figures = 0, a row each; the last columns are what the parts leave out."""

    matrix: sparse.csr_array
    #: The figures themselves; for what is not known, a value that the relations bear out.
    values: Floats
    #: The last columns: how much of a whole its parts leave out, which nobody publishes.
    rest: Bools
    #: Relations that say no more than that one figure is no more than another.
    less: Bools

    @cached_property
    def columns(self) -> sparse.csc_array:
        """The same by figure."""
        return sparse.csc_array(self.matrix)


def unpublished(figures: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Figures that the sums among `figures` speak of, and that do not stand there: KEYS, of each state.

    A reader adds up a row as well as a total: where women stand by age and by province, and nowhere alone, both rows
    come to the same. And one who misses a figure in a row of ages and in a row of provinces knows that it is the same.
    """
    frame = figures.select(*KEYS)
    frame = pl.concat([frame, _wholes(frame, facts)])
    frame = pl.concat([frame, _cubes(frame, facts)])
    while (gaps := _gaps(frame, facts)).height:
        frame = pl.concat([frame, gaps])
        frame = pl.concat([frame, _wholes(frame, facts)])
        if frame.height > _PLACES:
            break
    return frame.slice(figures.height)


def _wholes(figures: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Totals of two parts or more, on one axis after the other."""
    frame = figures
    for dimension in ADDED_ALONG:
        others = [k for k in KEYS if k != dimension]
        # a total over all counterparts is the same under every basis
        common = [k for k in others if dimension != "counterpart_area" or k != "counterpart_basis"]
        parts = _parts(frame, dimension, facts)
        there = frame.filter(pl.col(dimension).is_in([TOTAL, NOT_APPLICABLE])).select(common)
        found = (
            parts.group_by(common, maintain_order=True)
            .agg(pl.col(dimension).n_unique().alias("parts"), *(pl.col(k).first() for k in others if k not in common))
            .filter(pl.col("parts") > 1)
            .join(there, on=common, how="anti", nulls_equal=True, maintain_order="left")
        )
        frame = pl.concat([frame, found.with_columns(pl.lit(TOTAL).alias(dimension)).select(frame.columns)])
    return frame.slice(figures.height)


def _cubes(figures: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Cells of three dimensions of which all three faces are there, and no cell: none of them is below nought."""
    found = [figures.clear()]
    varying = [d for d in ADDED_ALONG if figures[d].n_unique() > 2]
    parts = {d: pl.col(d).is_in([TOTAL, NOT_APPLICABLE, *facts.groups]).not_() for d in varying}
    for three in combinations(varying, 3):
        others = [k for k in KEYS if k not in three]
        inside = figures.filter(*(parts[d] for d in three)).select(others).unique()
        faces = [
            figures.filter(pl.col(d) == TOTAL, *(parts[o] for o in three if o != d))
            .select(pl.exclude(d))
            .join(inside, on=others, how="anti", nulls_equal=True, maintain_order="left")
            for d in three
        ]
        if all(face.height > 0 for face in faces) and math.prod(figures[d].n_unique() for d in three) < _PLACES:
            cells = faces[0].join(faces[1], on=[*others, three[2]], nulls_equal=True, maintain_order="left")
            cells = cells.join(faces[2], on=[*others, *three[:2]], how="semi", nulls_equal=True, maintain_order="left")
            found.append(cells.select(KEYS))
    return pl.concat(found).unique(maintain_order=True)


def _gaps(figures: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Places that two rows of parts or more, on different axes, leave out: with codes that stand elsewhere."""
    whole_of = _families(facts)
    # an age of one indicator is an age of those that it makes up a whole with
    frame = figures.with_columns(
        year=pl.col("time_period").str.head(4), family=pl.col("indicator").cast(pl.String).replace(whole_of)
    )
    found = []
    for dimension in (*ADDED_ALONG, "indicator", "time_period"):
        own = ["freq", "time_period"] if dimension == "time_period" else [dimension]
        around = ["state", "unit", "family", "ref_area", "counterpart_basis"]
        if dimension == "time_period":
            around.append("year")
        rows = _parts(frame, dimension, facts).select(pl.exclude(own)).unique(maintain_order=True)
        codes = frame.filter(pl.col(dimension).is_in([NOT_APPLICABLE, *facts.groups]).not_())
        codes = codes.select(*around, *own).unique(maintain_order=True)
        found.append(rows.join(codes, on=around, nulls_equal=True).select(KEYS))
    return (
        pl.concat(found)
        .group_by(KEYS, maintain_order=True)
        .len()
        .filter(pl.col("len") > 1)
        .select(KEYS)
        .join(figures, on=KEYS, how="anti", nulls_equal=True, maintain_order="left")
    )


def _families(facts: Facts) -> dict[str, str]:
    """Indicator -> one that stands for all that it makes up a whole with, or that are some of it."""
    found: dict[str, str] = {}
    for whole, parts in [*facts.sums.items(), *facts.within.items()]:
        joined = {found.get(code, code) for code in (whole, *parts)}
        first = min(joined)
        found |= dict.fromkeys((whole, *parts), first) | {c: first for c, of in found.items() if of in joined}
    return found


def _parts(figures: pl.DataFrame, dimension: str, facts: Facts) -> pl.DataFrame:
    """Rows that are part of something along `dimension`."""
    if dimension == "indicator":
        tied = {c for parts in facts.sums.values() for c in parts} | set(facts.within)
        return figures.filter(pl.col("indicator").is_in(sorted(tied | {c for of in facts.within.values() for c in of})))
    if dimension == "time_period":
        return figures.filter(pl.col("indicator").is_in(list(facts.flows)) & (pl.col("freq") != "A"))
    rows = figures.filter(pl.col(dimension).is_in([TOTAL, NOT_APPLICABLE]).not_())
    if dimension == "counterpart_area":
        rows = rows.filter(pl.col(dimension).is_in(list(facts.groups)).not_())
    return rows


def nested(facts: Facts, education: Sequence[str]) -> pl.DataFrame:
    """Codes that lie in one another, by dimension: `code`, the `whole` that holds it, and whether it `is_inside` it.

    A code that holds others has itself as its whole. Units of areas, ages and counterparts are not among them.
    """
    pairs = [
        (dimension, code, wholes[0])
        for dimension, of in facts.inside.items()
        if dimension in _LISTED
        for code, wholes in of.items()
    ]
    levels = {code: (int(m[1]), int(m[2] or m[1])) for code in education if (m := _ISCED.fullmatch(code))}
    for code, (low, high) in levels.items():
        wider = [c for c, (a, z) in levels.items() if a <= low and high <= z and (a, z) != (low, high)]
        if wider:
            nearest = min(wider, key=lambda c: levels[c][1] - levels[c][0])
            pairs.append(("education", code, nearest))
    holding = {(dimension, whole) for dimension, _, whole in pairs} - {(d, code) for d, code, _ in pairs}
    rows = [(*pair, True) for pair in pairs] + [(d, whole, whole, False) for d, whole in sorted(holding)]
    return pl.DataFrame(rows, schema=["dimension", "code", "whole", "is_inside"], orient="row")


def build(figures: pl.DataFrame, facts: Facts) -> Sums:
    """The relations among `figures`: KEYS, `variable`, `value`, `kept` (a null value is one that the sender hid; any
    other null is of a figure that nobody published).

    Two rows with one `variable` (0, 1, 2 ...) are the same figure, published twice.
    """
    frame = figures.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    relation: list[Ints] = []
    member: list[Ints] = []
    sign: list[Floats] = []
    exact: list[Bools] = []
    gaps: list[Bools] = []
    less: list[Bools] = []
    odd: list[Floats] = []
    kinds: list[Ints] = []
    numbers: dict[str, int] = {}
    count = 0
    for rows, rule in _applied(frame, facts):
        used = np.flatnonzero(rule.signs)
        groups = rows.shape[0]
        relation.append(np.repeat(np.arange(count, count + groups, dtype=np.int64), len(used)))
        member.append(rows[:, used].ravel())
        sign.append(np.tile(np.asarray(rule.signs, dtype=np.float64)[used], groups))
        exact.append(np.full(groups, rule.exact))
        gaps.append(np.full(groups, rule.gaps))
        less.append(np.full(groups, rule.less))
        odd.append(np.full(groups, rule.odd))
        kinds.append(np.full(groups, numbers.setdefault(rule.kind, len(numbers)), dtype=np.int64))
        count += groups
    width = int(frame["variable"].max() or 0) + 1 if frame.height else 0  # type: ignore[arg-type]
    values = np.full(width, np.nan)
    by_sender, signed = np.zeros(width, dtype=bool), np.zeros(width, dtype=bool)
    variables = frame["variable"].to_numpy().astype(np.int64)
    values[variables] = frame["value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    by_sender[variables] = frame["kept"].to_numpy()
    signed[variables] = frame["indicator"].is_in(list(facts.signed)).to_numpy()
    if not count:
        none = np.zeros(0, dtype=bool)
        return Sums(sparse.csr_array((0, width)), np.nan_to_num(values), np.zeros(width, dtype=bool), none)
    raw = sparse.csr_array(
        (np.concatenate(sign), (np.concatenate(relation), variables[np.concatenate(member)])), shape=(count, width)
    )
    # each relation once: what did not change says the same before and now
    mark = np.random.default_rng(0).random(width)
    first = np.sort(np.unique(np.round(raw @ mark, 9), return_index=True)[1])
    matrix, nowhere = sparse.csr_array(raw[first]), np.isnan(values) & ~by_sender
    known = _Relations(
        matrix,
        np.concatenate(exact)[first],
        np.concatenate(gaps)[first],
        np.concatenate(less)[first],
        np.concatenate(odd)[first],
        np.concatenate(kinds)[first],
    )
    return _kept(known, values, nowhere, signed)


def _told(matrix: sparse.csr_array, exact: Bools, nowhere: Bools) -> Bools:
    """Relations that say something: a whole that nobody published, and that stands in no other one, says nothing."""
    pattern, wholes = abs(matrix), sparse.csr_array(matrix < 0).astype(np.float64)
    keep = np.ones(matrix.shape[0], dtype=bool)
    while True:
        alone = nowhere & (pattern.T @ keep.astype(np.float64) == 1)
        idle = keep & ~exact & (wholes @ alone.astype(np.float64) > 0)
        if not idle.any():
            return keep
        keep &= ~idle


def _without(matrix: sparse.csr_array, columns: Bools) -> sparse.csr_array:
    found = sparse.csr_array(matrix @ sparse.diags_array(np.where(columns, 0.0, 1.0)))
    found.eliminate_zeros()
    return found


def _supposed(known: _Relations, values: Floats, signed: Bools) -> Floats:
    """Values of what is not known, with which as much as possible adds up and as little as possible is left out.

    Where it is open which of two sums leaves something out (women hidden by their sender are all less men, and no less
    than the girls), it is rather the one of a kind that leaves something out elsewhere too.
    """
    open_ = np.isnan(values)
    if not (abs(known.matrix) @ open_.astype(np.float64)).any():
        return np.nan_to_num(values)
    found = _least_odd(known.matrix, known.odd, values, signed)
    lacks = ~known.exact & (known.matrix @ found < -0.5 * np.diff(known.matrix.indptr))
    if not (lacks & ~known.gaps).any():
        return found
    often = np.bincount(known.kind, lacks) / np.maximum(np.bincount(known.kind), 1)
    usual = np.where(known.exact, 1.0, 1.0 - 0.9 * often[known.kind])
    return _least_odd(known.matrix, known.odd * usual, values, signed)


def _least_odd(matrix: sparse.csr_array, odd: Floats, values: Floats, signed: Bools) -> Floats:
    unknown = np.flatnonzero(np.isnan(values))
    asked = np.flatnonzero(abs(matrix) @ np.isnan(values).astype(np.float64) > 0)
    values = np.nan_to_num(values)
    system, none = sparse.csr_array(matrix[asked]), np.zeros(len(asked))
    left_out = sparse.eye_array(len(asked), format="csr")
    least = np.concatenate([np.where(signed[unknown], -np.inf, 0.0), none, none])
    found = linprog(
        np.concatenate([np.zeros(len(unknown)), odd[asked], none + 10.0]),
        A_eq=sparse.hstack([system[:, unknown], left_out, -left_out], format="csr"),
        b_eq=-(system @ values),
        bounds=np.column_stack([least, np.full(len(least), np.inf)]),
        method="highs",
    )
    values[unknown] = solved(found)[: len(unknown)]
    return values


def solved(found: OptimizeResult) -> Floats:
    """The solution of a linear programme that always has one. Raises PermanentError where the solver gave up."""
    if found.x is None:
        raise PermanentError(
            f"disclosure control: a linear programme was not solved ({found.message}). Nothing of the source is "
            "published, and what readers see stays as it was; publish again, and report it if that gives the same"
        )
    return np.asarray(found.x, dtype=np.float64)


def _nobody(matrix: sparse.csr_array, exact: Bools, gaps: Bools, values: Floats, nowhere: Bools) -> Bools:
    """Of what nobody published, parts of a known whole that the other parts come to: there is nobody there."""
    parts, wholes = (sparse.csr_array(of).astype(np.float64) for of in (matrix > 0, matrix < 0))
    one_whole = np.asarray(wholes.sum(axis=1)).ravel() == 1
    whole_adds_up = ~exact & ~gaps & one_whole & (np.abs(matrix @ values) < 0.5)
    nobody = np.zeros(len(values), dtype=bool)
    told = ~nowhere
    while True:
        open_ = (~told).astype(np.float64)
        by_parts = whole_adds_up & (parts @ open_ == 0)
        full = ~exact & (wholes @ open_ == 0) & (matrix @ np.where(told, values, 0.0) > -0.5)
        none = ~told & (parts.T @ full.astype(np.float64) > 0)
        more = ~told & (wholes.T @ by_parts.astype(np.float64) > 0) | none
        if not more.any():
            return nobody
        nobody |= none
        told |= more


def _kept(known: _Relations, values: Floats, nowhere: Bools, signed: Bools) -> Sums:
    """The relations that the figures bear out."""
    if nowhere.any():
        known = known.these(_told(known.matrix, known.exact, nowhere))
    values = _supposed(known, values, signed)
    matrix, exact, gaps = known.matrix, known.exact, known.gaps
    if nowhere.any():
        matrix = _without(matrix, _nobody(matrix, exact, gaps, values, nowhere & ~signed))
    members = np.diff(matrix.indptr)
    over = matrix @ values  # parts less their whole
    near = 0.5 * members
    # one person less is no rounding where parts are known to be left out, or where those that stand there are nobody
    nought = sparse.csr_array(matrix > 0) @ np.abs(values) < 0.5
    # a part that is as much as its whole need not be: who reads it knows no more than that it is not more
    leaves_out = (~exact & (over < -np.where(gaps | nought, 0.5, near))) | (known.less & (over <= near))
    keep = (members > 1) & ((np.abs(over) <= near) | leaves_out)
    matrix, over, leaves_out = sparse.csr_array(matrix[keep]), over[keep], leaves_out[keep]
    open_ = np.flatnonzero(leaves_out)
    rests = sparse.csr_array((np.ones(len(open_)), (open_, np.arange(len(open_)))), shape=(matrix.shape[0], len(open_)))
    return Sums(
        sparse.csr_array(sparse.hstack([matrix, rests], format="csr")),
        np.concatenate([values, np.maximum(-over[open_], 0.0)]),
        np.concatenate([np.zeros(len(values), dtype=bool), np.ones(len(open_), dtype=bool)]),
        known.less[keep],
    )


# -- which figures make a group, and what adds up in it ---------------------------------------------------------


def _applied(frame: pl.DataFrame, facts: Facts) -> Iterator[tuple[Ints, _Rule]]:
    """Rows of groups (one group a line, in the order of the rule's codes) and a rule that they may keep."""
    for rows, dimension, others in _axes(frame, facts):
        if rows[dimension].n_unique() < 2:
            continue
        groups = (
            rows.unique([*others, dimension], keep="first", maintain_order=True)
            .sort(dimension)
            .group_by(others, maintain_order=True)
            .agg(pl.col(dimension).alias("codes"), pl.col("row"))
            .filter(pl.col("codes").list.len() > 1)
        )
        known = set(rows[dimension].unique()) - {NOT_APPLICABLE, *facts.groups}
        for (joined,), alike in groups.group_by(pl.col("codes").list.join("\x1f")):
            places = np.array(alike["row"].to_list(), dtype=np.int64)
            codes = str(joined).split("\x1f")
            for rule in _rules(dimension, codes, facts):
                whole = codes[rule.signs.index(-1)]
                gaps = rule.gaps or (whole == TOTAL and bool(known - set(codes)))
                yield places, replace(rule, gaps=gaps, kind=f"{dimension} {whole}")


def _axes(frame: pl.DataFrame, facts: Facts) -> Iterator[tuple[pl.DataFrame, str, list[str]]]:
    """Rows, the column along which they may add up, and what they have to have in common."""

    def others(*names: str) -> list[str]:
        return [k for k in KEYS if k not in names]

    for dimension in ADDED_ALONG[:-1]:
        yield frame, dimension, others(dimension)
    whole = pl.col("counterpart_area") == TOTAL
    bases = frame.filter(~whole)["counterpart_basis"].unique().to_frame().sort("counterpart_basis")
    own = frame.with_columns(first=pl.lit(0))
    lent = (frame.filter(whole).drop("counterpart_basis").join(bases, how="cross").select(frame.columns)).with_columns(
        first=pl.lit(1)
    )
    yield (
        pl.concat([own, lent]).sort("first", maintain_order=True).drop("first"),
        "counterpart_area",
        others("counterpart_area"),
    )
    totals = frame.filter(whole)
    yield totals, "counterpart_basis", others("counterpart_basis")
    anyhow = frame.with_columns(
        counterpart_basis=pl.when(whole).then(pl.lit("")).otherwise(pl.col("counterpart_basis"))
    )
    yield anyhow, "indicator", others("indicator")
    flows = frame.filter(pl.col("indicator").is_in(list(facts.flows)))
    yield flows, "time_period", others("time_period", "freq")


def _rules(dimension: str, codes: Sequence[str], facts: Facts) -> Iterator[_Rule]:
    if dimension == "indicator":
        yield from _of_indicators(codes, facts)
    elif dimension == "counterpart_basis":
        yield from (_Rule((-1, *(int(n == m) for n in range(1, len(codes)))), exact=True) for m in range(1, len(codes)))
    elif dimension == "age":
        yield from _of_bands(codes, {c: facts.ages[c] for c in codes if c in facts.ages and c != TOTAL})
    elif dimension == "education":
        found = {c: _ISCED.fullmatch(c) for c in codes}
        yield from _of_bands(codes, {c: (int(m[1]), int(m[2] or m[1]) + 1) for c, m in found.items() if m})
    elif dimension == "time_period":
        bounds = {c: period_bounds(c) for c in codes}
        yield from _of_bands(codes, {c: (b[1].toordinal(), b[2].toordinal() + 1) for c, b in bounds.items()})
    else:
        yield from _of_list(dimension, codes, facts)


def _of_list(dimension: str, codes: Sequence[str], facts: Facts) -> Iterator[_Rule]:
    inside = facts.inside.get(dimension, {})
    parts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for code in codes:
        if code in (TOTAL, NOT_APPLICABLE) or (dimension == "counterpart_area" and code in facts.groups):
            continue
        scheme = code.split(":", 1)[0] if dimension == "breakdown" and ":" in code else ""
        whole = next((w for w in (*inside.get(code, ()), TOTAL) if w in codes), None)
        if whole is not None:
            parts[whole, scheme].append(code)
    for (whole, _), of_whole in parts.items():
        yield _Rule(tuple(-1 if c == whole else int(c in of_whole) for c in codes), exact=False)


def _of_indicators(codes: Sequence[str], facts: Facts) -> Iterator[_Rule]:
    for whole, parts in facts.sums.items():
        if {whole, *parts} <= set(codes):
            yield _Rule(tuple(-1 if c == whole else int(c in parts) for c in codes), exact=True)
    for whole, parts in facts.within.items():
        # in their order: the order of a set is another one in each run
        for part in (p for p in parts if p in codes and whole in codes):
            signs = tuple(-1 if c == whole else int(c == part) for c in codes)
            yield _Rule(signs, exact=False, gaps=True, less=True)


def _of_bands(codes: Sequence[str], bounds: Mapping[str, tuple[int, int]]) -> Iterator[_Rule]:
    """Bands are differences between their ends: every way to go from one end to the other by other bands is a sum."""
    if not bounds:
        return
    place = {code: number for number, code in enumerate(codes)}
    first, last = min(b[0] for b in bounds.values()), max(b[1] for b in bounds.values())
    bands = sorted(((*b, place[c]) for c, b in bounds.items()), key=lambda b: (b[1] - b[0], b[0]))
    end = last
    if UNKNOWN in place:
        end = last + 1
        bands.append((last, end, place[UNKNOWN]))
    if TOTAL in place:
        bands.append((first, end, place[TOTAL]))
    steps: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    before: list[tuple[int, int, int]] = []
    for low, high, band in bands:
        way = _way(steps, low, high)
        exact, gaps = False, way is None
        if way is None:
            steps[low].append((high, band, 1))
            steps[high].append((low, band, -1))
            way = [(inner, 1) for inner in _within(before, low, high)]
        else:
            # from the first end to the last one the bands come to no more than all
            exact = band != place.get(TOTAL) and any(direction < 0 for _, direction in way)
        before.append((low, high, band))
        if way:
            signs = [0] * len(codes)
            for part, direction in way:
                signs[part] = direction
            signs[band] = -1
            yield _Rule(tuple(signs), exact, gaps)
    yield from _of_ends(steps, len(codes))


def _of_ends(steps: Mapping[int, list[tuple[int, int, int]]], width: int) -> Iterator[_Rule]:
    """Between an end of bands and the next one that bands lead to stands nobody at least, also where no band does."""
    open_ = set(steps)
    while open_:
        ends = sorted(_reached(steps, min(open_)))
        open_ -= set(ends)
        for low, high in pairwise(ends):
            way = _way(steps, low, high) or []
            if len(way) > 1:
                signs = [0] * width
                for band, direction in way:
                    signs[band] = -direction
                yield _Rule(tuple(signs), exact=False, gaps=True, less=True)


def _reached(steps: Mapping[int, list[tuple[int, int, int]]], start: int) -> set[int]:
    """Ends to which bands lead from one of them."""
    found, open_ = {start}, [start]
    while open_:
        more = {to for to, _, _ in steps[open_.pop()]} - found
        found |= more
        open_ += more
    return found


def _way(steps: Mapping[int, list[tuple[int, int, int]]], start: int, goal: int) -> list[tuple[int, int]] | None:
    """The bands that lead from one end to another, with their direction; there is never more than one way."""
    open_: list[tuple[int, int, list[tuple[int, int]]]] = [(start, -1, [])]
    while open_:
        at, came_by, way = open_.pop()
        if at == goal and way:
            return way
        for to, band, direction in steps.get(at, ()):
            if band != came_by:
                open_.append((to, band, [*way, (band, direction)]))
    return None


def _within(bands: Sequence[tuple[int, int, int]], low: int, high: int) -> list[int]:
    """Bands that lie in low..high beside each other and leave out as little as they can; of equals, the finer ones."""
    ways: list[tuple[int, int, list[int]]] = [(low, 0, [])]
    for begins, ends, band in sorted(bands, key=lambda b: b[1]):
        if low <= begins and ends <= high:
            _, covered, way = max((w for w in ways if w[0] <= begins), key=lambda w: (w[1], len(w[2])))
            ways.append((ends, covered + ends - begins, [*way, band]))
    return max(ways, key=lambda w: (w[1], len(w[2])))[2]
