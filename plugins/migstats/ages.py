"""Age bands: exact sums of published bands to standard ones, and a modelled split for whoever asks for one.

A standard band is a sum where published bands tile it: no gap, no overlap, its end open where the standard band's is.
Anything else is refused with its reason; 5-11 and 12-17 never become 5-14 in silence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import polars as pl

from migstats.algebra import total
from migstats.codelists import Folders, read_codelist
from migstats.errors import DeclarationError

#: An age that nobody reaches: where an open band ends.
OPEN: Final = 10_000

#: Codes that are no band: all ages, unknown age, not applicable.
NO_BAND: Final = ("_T", "_U", "_Z")

#: How a figure of a standard band came about.
METHODS: Final = ("published", "sum", "pro-rata")

_TOLD: Final = ("value", "obs_status", "missing_reason")


@dataclass(frozen=True)
class Band:
    """Ages from `first` to `last` completed years; `last` is OPEN for an open band."""

    code: str
    first: int
    last: int

    def lies_in(self, other: Band) -> bool:
        """Whether all its ages are ages of the other."""
        return other.first <= self.first and self.last <= other.last

    def meets(self, other: Band) -> bool:
        """Whether they have an age in common."""
        return self.first <= other.last and other.first <= self.last


@cache
def bands(concepts: Folders) -> dict[str, Band]:
    """Code → band, of the list of ages; what is no band is not there."""
    rows = read_codelist(concepts, "age").rows
    return {
        code: Band(code, int(row["min_age"]), int(row["max_age"] or OPEN))
        for code, row in rows.items()
        if code not in NO_BAND
    }


@cache
def schemes(concepts: Folders) -> dict[str, tuple[Band, ...]]:
    """Name of a standard scheme → its bands, by age."""
    known = bands(concepts)
    found: dict[str, list[Band]] = {}
    for row in read_codelist(concepts, "age_scheme").rows.values():
        found.setdefault(row["scheme"], []).append(known[row["age"]])
    return {name: tuple(sorted(of, key=lambda band: band.first)) for name, of in found.items()}


def cover(available: Iterable[Band], target: Band, *, finest: bool = False) -> tuple[Band, ...] | None:
    """The fewest bands (`finest`: the most) that tile the target exactly, by age; None where none do.

    Where that leaves a choice the wider band is the first.
    """
    # from the end: how many bands it takes from an age to the end of the target, and which is the first of them
    inside = sorted((b for b in available if b.lies_in(target)), key=lambda b: (b.first, b.last), reverse=True)
    best: dict[int, tuple[int, Band | None]] = {target.last + 1: (0, None)}
    for band in inside:
        rest = best.get(band.last + 1)
        if rest is None:
            continue
        count, so_far = rest[0] + 1, best.get(band.first, (0, None))[0]
        if band.first not in best or (count > so_far if finest else count < so_far):
            best[band.first] = (count, band)
    if target.first not in best:
        return None
    chain: list[Band] = []
    following = best[target.first][1]
    while following is not None:
        chain.append(following)
        following = best[following.last + 1][1]
    return tuple(chain)


def why_not(available: Iterable[Band], target: Band) -> str:
    """Why these bands do not tile the target: the bands that cross its ends, or the ages that none of them has."""
    met = sorted((b for b in available if b.meets(target)), key=lambda b: (b.first, b.last))
    crossing = [b.code for b in met if not b.lies_in(target)]
    if crossing:
        return f"{', '.join(crossing)} cross the bounds of {target.code}"
    reached = target.first
    for band in met:
        if band.first > reached:
            break
        reached = max(reached, band.last + 1)
    if reached <= target.last:
        return f"no band of {target.code} has the age {reached}"
    return f"{', '.join(b.code for b in met)} overlap within {target.code}"


def parse(text: str, codes: Mapping[str, Band]) -> tuple[Band, ...]:
    """The bands among the codes of ages in a text, parted by blanks."""
    return tuple(codes[code] for code in text.split() if code in codes)


def covers(sets: Iterable[str], targets: Collection[Band], codes: Mapping[str, Band]) -> pl.DataFrame:
    """For each set of bands (codes parted by blanks) and each target that two or more of them tile: a row per part.

    Columns: `bands` (the set), `target`, `part`.
    """
    rows = []
    for text in sets:
        there = parse(text, codes)
        for target in targets:
            parts = cover(there, target) or ()
            if len(parts) > 1:
                rows += [(text, target.code, part.code) for part in parts]
    return pl.DataFrame(rows, schema=dict.fromkeys(("bands", "target", "part"), pl.String), orient="row")


def aggregate(
    frame: pl.DataFrame, targets: Sequence[Band], by: Sequence[str], codes: Mapping[str, Band]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Figures by published bands (`by`, `age`, `value`, `obs_status`, `missing_reason`) → figures by standard bands.

    Two tables: the figures, with `method` (`published` where the band itself is there, else `sum`) and `parts`; and
    what was refused, with `why`. A sum that misses a part has no value, and the status that the algebra gives it.
    Unknown age and all ages are passed on as they are.
    """
    apart = frame.filter(pl.col("age").is_in(NO_BAND)).select(
        *by, "age", *_TOLD, pl.lit("published").alias("method"), pl.col("age").alias("parts")
    )
    of_cells = frame.filter(pl.col("age").is_in(list(codes))).with_columns(
        pl.col("age").sort().str.join(" ").over(by).alias("_bands")
    )
    done, refused = [apart], []
    for (text,), cells in of_cells.group_by("_bands", maintain_order=True):
        there = parse(str(text), codes)
        for target in targets:
            parts = cover(there, target)
            if parts is None:
                why = why_not(there, target)
                refused.append(
                    cells.select(*by).unique(maintain_order=True).with_columns(age=pl.lit(target.code), why=pl.lit(why))
                )
                continue
            summed = total(cells.filter(pl.col("age").is_in([b.code for b in parts])), by, value="value")
            done.append(
                summed.select(
                    *by,
                    pl.lit(target.code).alias("age"),
                    *_TOLD,
                    pl.lit("sum" if len(parts) > 1 else "published").alias("method"),
                    pl.lit(" ".join(b.code for b in parts)).alias("parts"),
                )
            )
    none = pl.DataFrame(schema={**{k: frame.schema[k] for k in by}, "age": pl.String, "why": pl.String})
    return pl.concat(done), pl.concat(refused) if refused else none


# -- a modelled split, only for whoever asks for it -----------------------------------------------------------------


def split(
    frame: pl.DataFrame,
    population: pl.DataFrame,
    targets: Sequence[Band],
    by: Sequence[str],
    codes: Mapping[str, Band],
    *,
    on: Sequence[str],
    whole: bool = False,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """As `aggregate`, and what it refuses by cutting published bands in proportion to the population of the same ages.

    `population` has `on` (columns of `by`), `age` and `population`. A figure of a cut band has the method `pro-rata`,
    the status `E` and the `parts` that it was cut from. All pieces of a band are the band: to the last person with
    `whole`, where the largest remainders are rounded up. What the population does not tell apart stays refused.
    """
    exact, refused = aggregate(frame, targets, by, codes)
    if refused.is_empty():
        return exact, refused
    people = {
        key: {codes[row["age"]]: row["population"] for row in rows.iter_rows(named=True) if row["age"] in codes}
        for key, rows in population.group_by(on)
    }
    rows, still = [], []
    told = frame.filter(pl.col("age").is_in(list(codes))).partition_by(by, as_dict=True, maintain_order=True)
    for key, wanted in refused.partition_by(by, as_dict=True, maintain_order=True).items():
        figures = {codes[row["age"]]: row for row in told[key].iter_rows(named=True)}
        where = tuple(dict(zip(by, key, strict=True))[column] for column in on)
        for code in wanted["age"]:
            done = _cut(figures, people.get(where, {}), codes[code], targets, whole=whole)
            if isinstance(done, str):
                still.append((*key, code, done))
            else:
                rows.append((*key, code, *done))
    modelled = pl.DataFrame(rows, schema=exact.schema, orient="row")
    return pl.concat([exact, modelled]), pl.DataFrame(still, schema=refused.schema, orient="row")


def _cut(
    figures: Mapping[Band, Mapping[str, object]],
    people: Mapping[Band, float | None],
    target: Band,
    targets: Sequence[Band],
    *,
    whole: bool,
) -> tuple[object, ...] | str:
    """Value, status, reason, method and parts of the target, or why there are none."""
    # one tiling for all targets, or two of them would cut one figure in two ways
    met = [band for band in figures if any(band.meets(t) for t in targets)]
    span = Band("", min(b.first for b in met), max(b.last for b in met)) if met else target
    base = cover(met, span, finest=True)
    if base is None:
        return f"{', '.join(sorted(b.code for b in met)) or 'no bands'} overlap or leave ages out"
    if not target.lies_in(span):
        return f"no band of {target.code} has the age {target.first if span.first > target.first else span.last + 1}"
    parts = [band for band in base if band.meets(target)]
    frame = []
    for band in parts:
        row = figures[band]
        value = row["value"]
        if value is None or band.lies_in(target):
            frame.append((0, value, row["obs_status"], row["missing_reason"]))
            continue
        if not isinstance(value, float):
            raise DeclarationError(f"the figure of {band.code} is no number: {value!r}")
        pieces = _pieces(band, value, people, targets, whole=whole)
        if isinstance(pieces, str):
            return pieces
        frame.append(
            (0, sum(p for first, last, p in pieces if target.first <= first and last <= target.last), "E", None)
        )
    schema = {"_": pl.Int64, "value": pl.Float64, "obs_status": pl.String, "missing_reason": pl.String}
    summed = total(pl.DataFrame(frame, schema=schema, orient="row"), ["_"], value="value").row(0, named=True)
    status = summed["obs_status"] if summed["value"] is None else "E"
    return summed["value"], status, summed["missing_reason"], "pro-rata", " ".join(band.code for band in parts)


def _pieces(
    band: Band, value: float, people: Mapping[Band, float | None], targets: Sequence[Band], *, whole: bool
) -> list[tuple[int, int, float]] | str:
    """First and last age and value of the pieces into which the standard bands cut a band."""
    edges = {t.first for t in targets} | {t.last + 1 for t in targets}
    starts = [band.first, *sorted(edge for edge in edges if band.first < edge <= band.last)]
    ends = [*(start - 1 for start in starts[1:]), band.last]
    weights: list[float] = []
    for first, last in zip(starts, ends, strict=True):
        tiles = cover([b for b, n in people.items() if n is not None], Band("", first, last))
        if tiles is None:
            age = f"{first} and over" if last == OPEN else f"{first} to {last}"
            return f"no population of the ages {age}, by which {band.code} would be cut"
        weights.append(sum(people[tile] or 0.0 for tile in tiles))
    if sum(weights) <= 0:
        return f"nobody lives there at the ages of {band.code}"
    shares = [value * weight / sum(weights) for weight in weights]
    if whole:
        if value != round(value):
            return f"the figure of {band.code} is no whole number"
        shares = _rounded(shares, round(value))
    return list(zip(starts, ends, shares, strict=True))


def _rounded(shares: Sequence[float], to: int) -> list[float]:
    """Whole numbers that add up to `to`: all rounded down, and the largest remainders up; the first of equal ones."""
    floors = [int(share // 1) for share in shares]
    order = sorted(range(len(shares)), key=lambda i: (floors[i] - shares[i], i))
    for i in order[: to - sum(floors)]:
        floors[i] += 1
    return [float(number) for number in floors]
