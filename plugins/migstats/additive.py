"""What readers know to add up: the sums that tie published figures together, on every axis and between axes.

A relation says that parts make up a whole: men and women, bands of age, districts and their province, quarters and a
year, deaths and missing. It is kept only where the figures bear it out, since no reader can use one that they do not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import sparse

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


@dataclass(frozen=True)
class Sums:
    """Relations between figures: `matrix` @ figures = 0, a row each; the last columns are what the parts leave out."""

    matrix: sparse.csr_array
    #: The figures themselves; for what is not known, a value that the relations bear out.
    values: Floats
    #: The last columns: how much of a whole its parts leave out, which nobody publishes.
    rest: Bools

    @cached_property
    def columns(self) -> sparse.csc_array:
        """The same by figure."""
        return sparse.csc_array(self.matrix)


def unpublished(figures: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """The wholes that parts among `figures` have and that do not stand there: KEYS, of each state and axis.

    A reader adds up a row as well as a total: where women stand by age and by province, and nowhere alone, both rows
    come to the same.
    """
    frame = figures.select(*KEYS)
    for dimension in ADDED_ALONG:
        others = [k for k in KEYS if k != dimension]
        # a total over all counterparts is the same under every basis
        common = [k for k in others if dimension != "counterpart_area" or k != "counterpart_basis"]
        parts = frame.filter(pl.col(dimension).is_in([TOTAL, NOT_APPLICABLE]).not_())
        if dimension == "counterpart_area":
            parts = parts.filter(pl.col(dimension).is_in(list(facts.groups)).not_())
        there = frame.filter(pl.col(dimension).is_in([TOTAL, NOT_APPLICABLE])).select(common)
        found = (
            parts.group_by(common, maintain_order=True)
            .agg(pl.col(dimension).n_unique().alias("parts"), *(pl.col(k).first() for k in others if k not in common))
            .filter(pl.col("parts") > 1)
            .join(there, on=common, how="anti", nulls_equal=True, maintain_order="left")
        )
        frame = pl.concat([frame, found.with_columns(pl.lit(TOTAL).alias(dimension)).select(frame.columns)])
    return frame.slice(figures.height)


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
    """The relations among `figures`: KEYS, `variable`, `value`, `kept` (a null value is one that the sender hid), and
    `unpublished` where there is such a column (a whole that nobody published).

    Two rows with one `variable` (0, 1, 2 ...) are the same figure, published twice.
    """
    frame = figures.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
    relation: list[Ints] = []
    member: list[Ints] = []
    sign: list[Floats] = []
    exact: list[Bools] = []
    count = 0
    for rows, rule in _applied(frame, facts):
        used = np.flatnonzero(rule.signs)
        groups = rows.shape[0]
        relation.append(np.repeat(np.arange(count, count + groups, dtype=np.int64), len(used)))
        member.append(rows[:, used].ravel())
        sign.append(np.tile(np.asarray(rule.signs, dtype=np.float64)[used], groups))
        exact.append(np.full(groups, rule.exact))
        count += groups
    width = int(frame["variable"].max() or 0) + 1 if frame.height else 0  # type: ignore[arg-type]
    values = np.full(width, np.nan)
    hidden_by_sender = np.zeros(width, dtype=bool)
    variables = frame["variable"].to_numpy().astype(np.int64)
    values[variables] = frame["value"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    hidden_by_sender[variables] = frame["kept"].to_numpy() & np.isnan(values[variables])
    nowhere = np.zeros(width, dtype=bool)
    if "unpublished" in frame.columns:
        nowhere[variables] = frame["unpublished"].to_numpy()
    if not count:
        return Sums(sparse.csr_array((0, width)), np.nan_to_num(values), np.zeros(width, dtype=bool))
    raw = sparse.csr_array(
        (np.concatenate(sign), (np.concatenate(relation), variables[np.concatenate(member)])), shape=(count, width)
    )
    return _kept(_distinct(raw, np.concatenate(exact)), values, hidden_by_sender | nowhere, nowhere)


def _distinct(matrix: sparse.csr_array, exact: Bools) -> tuple[sparse.csr_array, Bools]:
    """Each relation once: what did not change says the same before and now."""
    mark = np.random.default_rng(0).random(matrix.shape[1])
    _, first = np.unique(np.round(matrix @ mark, 9), return_index=True)
    first.sort()
    return sparse.csr_array(matrix[first]), exact[first]


def _told(matrix: sparse.csr_array, nowhere: Bools) -> Bools:
    """Relations that say something: a whole that nobody published, and that stands in no other one, says nothing."""
    pattern = abs(matrix)
    keep = np.ones(matrix.shape[0], dtype=bool)
    while True:
        alone = nowhere & (pattern.T @ keep.astype(np.float64) == 1)
        idle = keep & (pattern @ alone.astype(np.float64) > 0)
        if not idle.any():
            return keep
        keep &= ~idle


def _at_least(matrix: sparse.csr_array, values: Floats, nowhere: Bools) -> Floats:
    """A whole that nobody published is as large as the largest row of parts that there is of it."""
    wholes = sparse.csr_array(matrix.multiply(matrix < 0))
    own = np.flatnonzero((np.diff(wholes.indptr) == 1) & (abs(wholes) @ nowhere.astype(np.float64) > 0))
    rows, parts = sparse.csr_array(wholes[own]).indices, sparse.csr_array(matrix[own])
    values = values.copy()
    for _ in ADDED_ALONG:
        before = values.copy()
        np.maximum.at(values, rows, values[rows] + parts @ values)
        if np.array_equal(before, values):
            break
    return values


def _kept(found: tuple[sparse.csr_array, Bools], values: Floats, hidden_by_sender: Bools, nowhere: Bools) -> Sums:
    """The relations that the figures bear out."""
    matrix, exact = found
    if nowhere.any():
        said = _told(matrix, nowhere)
        matrix, exact = sparse.csr_array(matrix[said]), exact[said]
    missing = np.isnan(values) & ~hidden_by_sender
    negative = (matrix < 0).astype(np.float64)
    without_whole = (negative @ missing.astype(np.float64)) > 0
    lacking = (abs(matrix) @ missing.astype(np.float64)) > 0
    keep = ~without_whole & ~(exact & lacking)
    matrix, exact, lacking = sparse.csr_array(matrix[keep]), exact[keep], lacking[keep]
    matrix = sparse.csr_array(matrix @ sparse.diags_array(np.where(missing, 0.0, 1.0)))
    matrix.eliminate_zeros()
    values = _filled(matrix, np.where(missing, 0.0, values))
    if nowhere.any():
        values = _at_least(matrix, values, nowhere)
    members = np.diff(matrix.indptr)
    over = matrix @ values  # parts less their whole
    near = 0.5 * members
    holds = np.abs(over) <= near
    leaves_out = ~exact & ((over < -near) | (lacking & (over <= near)))
    keep = (members > 1) & (holds | leaves_out)
    matrix, over, leaves_out = sparse.csr_array(matrix[keep]), over[keep], leaves_out[keep]
    open_ = np.flatnonzero(leaves_out)
    rests = sparse.csr_array((np.ones(len(open_)), (open_, np.arange(len(open_)))), shape=(matrix.shape[0], len(open_)))
    return Sums(
        sparse.csr_array(sparse.hstack([matrix, rests], format="csr")),
        np.concatenate([values, np.maximum(-over[open_], 0.0)]),
        np.concatenate([np.zeros(len(values), dtype=bool), np.ones(len(open_), dtype=bool)]),
    )


def _filled(matrix: sparse.csr_array, values: Floats) -> Floats:
    """Figures that the sender hid, as a reader would work them out: alone in a relation first, else in equal shares."""
    values = values.copy()
    while True:
        unknown = np.isnan(values)
        if not unknown.any():
            return values
        per_relation = abs(matrix) @ unknown.astype(np.float64)
        tried = np.flatnonzero(per_relation > 0)
        if not len(tried):
            values[unknown] = 1.0  # nothing is known of them, and no relation asks
            return values
        fewest = tried[per_relation[tried] == per_relation[tried].min()]
        for least in fewest:
            inside = slice(matrix.indptr[least], matrix.indptr[least + 1])
            members, signs = matrix.indices[inside], matrix.data[inside]
            asked = np.isnan(values[members])
            if asked.any():
                known = float(signs[~asked] @ values[members[~asked]])
                values[members[asked]] = np.maximum(-known / asked.sum() * signs[asked], 1.0)


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
        for (codes,), alike in groups.group_by(pl.col("codes").list.join("\x1f")):
            places = np.array(alike["row"].to_list(), dtype=np.int64)
            for rule in _rules(dimension, str(codes).split("\x1f"), facts):
                yield places, rule


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
        exact = False
        if way is None:
            steps[low].append((high, band, 1))
            steps[high].append((low, band, -1))
            way = [(inner, 1) for inner in _within(before, low, high)]
        else:
            exact = any(direction < 0 for _, direction in way)
        before.append((low, high, band))
        if way:
            signs = [0] * len(codes)
            for part, direction in way:
                signs[part] = direction
            signs[band] = -1
            yield _Rule(tuple(signs), exact)


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
    """Bands that lie in low..high beside each other."""
    found, reached = [], low
    for begins, ends, band in sorted(bands):
        if begins >= reached and ends <= high:
            found.append(band)
            reached = ends
    return found
