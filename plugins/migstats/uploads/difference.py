"""What a submission says differently from the last accepted one: for the official to see before confirming."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from migstats.uploads.declaration import DIMENSIONS, HEADER, KEY
from migstats.uploads.finding import Finding
from migstats.uploads.grid import position

#: Figures that are listed: the largest differences by size, and by share.
SHOWN: Final = 10
#: A figure that is so many times that of the year before, or the reverse, is asked about, unless both are small.
FACTOR: Final = 3.0
SMALL: Final = 100.0

_CELL: Final = (*KEY, *DIMENSIONS)
_OF_YEAR: Final = tuple(name for name in _CELL if name != "time_period")


@dataclass(frozen=True)
class Difference:
    """How many figures are new, changed, gone and the same, which differ most, and the totals by year."""

    new: int
    changed: int
    removed: int
    same: int
    largest: tuple[Mapping[str, Any], ...]
    largest_share: tuple[Mapping[str, Any], ...]
    #: Indicator -> year -> the figure over all other dimensions, where the table has it.
    by_year: Mapping[str, Mapping[str, float]]

    def as_json(self) -> dict[str, Any]:
        """For `preview` of a reading."""
        return asdict(self)


def difference(now: bytes, was: bytes | None, other_years: Mapping[int, bytes]) -> Difference:
    """Compare canonical tables: this one, the last accepted of the same year, and those of other years."""
    ours, before = _table(now), _table(was)
    both = ours.join(before, on=_CELL, how="full", coalesce=True, suffix="_was")
    there, then = pl.col("value").is_not_null(), pl.col("value_was").is_not_null()
    differs = pl.col("value") != pl.col("value_was")
    changed = both.filter(there & then & differs).with_columns(
        by=(pl.col("number") - pl.col("number_was")).abs(),
        share=((pl.col("number") - pl.col("number_was")).abs() / pl.col("number_was").abs()),
    )
    return Difference(
        new=both.filter(there & ~then).height,
        changed=changed.height,
        removed=both.filter(~there & then).height,
        same=both.filter(there & then & ~differs).height,
        largest=_listed(changed.sort("by", descending=True, nulls_last=True)),
        largest_share=_listed(
            changed.filter(pl.col("share").is_finite()).sort("share", descending=True, nulls_last=True)
        ),
        by_year=_by_year([now, *other_years.values()]),
    )


def outliers(now: bytes, year_before: bytes | None) -> Iterator[Finding]:
    """Figures far from those of the year before, which the official is asked about."""
    beside = _table(now).join(_table(year_before).select(*_OF_YEAR, "number"), on=_OF_YEAR, suffix="_before")
    low, high = pl.min_horizontal("number", "number_before"), pl.max_horizontal("number", "number_before")
    far = beside.filter((high >= SMALL) & (low >= 0) & (high > FACTOR * low))
    for row in far.iter_rows(named=True):
        line, column = position(row["cell"])
        words = {"before": f"{row['number_before']:.15g}"}
        yield Finding("outlier", row["sheet"], line, column, row["value"], words)


def _table(text: bytes | None) -> pl.DataFrame:
    """A canonical table as text, with the figure as a number where there is one."""
    table = (
        pl.DataFrame(schema=dict.fromkeys(HEADER, pl.String))
        if text is None
        else pl.read_csv(io.BytesIO(text), infer_schema=False).fill_null("")
    )
    return table.with_columns(number=pl.col("value").cast(pl.Float64, strict=False))


def _listed(rows: pl.DataFrame) -> tuple[Mapping[str, Any], ...]:
    return tuple(
        {
            "key": {name: row[name] for name in _CELL if row[name] not in ("_T", "_Z")},
            "was": row["value_was"],
            "now": row["value"],
            "share": row["share"],
        }
        for row in rows.head(SHOWN).iter_rows(named=True)
    )


def _by_year(tables: list[bytes]) -> dict[str, dict[str, float]]:
    """The total over all dimensions of each indicator, as the tables have it: nothing is added up here.

    An indicator that has several totals in a year (of those born abroad, and of foreign citizens) has no line.
    """
    found: dict[str, dict[str, float]] = {}
    unclear: set[str] = set()
    for table in tables:
        whole = _table(table).filter(
            pl.all_horizontal(pl.col(name).is_in(["_T", "_Z"]) for name in DIMENSIONS if name != "counterpart_basis")
            & pl.col("number").is_not_null()
        )
        for row in whole.iter_rows(named=True):
            years = found.setdefault(row["indicator"], {})
            if row["time_period"] in years:
                unclear.add(row["indicator"])
            years[row["time_period"]] = row["number"]
    return {name: dict(sorted(years.items())) for name, years in sorted(found.items()) if name not in unclear}
