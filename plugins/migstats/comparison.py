"""A candidate beside what was accepted: figures of both as numbers of the same series and periods."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from migstats.observation import SERIES_DIMENSIONS, period_of
from migstats.rules import place

#: What a figure is known by: its series and its period, each by its number in the tables of a comparison.
KEY: Final = ["series", "period"]

#: Places (series times periods) up to which one is held for each, 4 bytes; beyond, and where they are more than this
#: many times the figures, figures are searched for.
_PLACES, _FACTOR = 64_000_000, 4

Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Figures:
    """What one side says: facts (series_id, time_id, value; one row a figure) and their series.

    The series have series_id and SERIES_DIMENSIONS (texts); one may be there twice, or have no figure.
    """

    facts: pl.DataFrame
    series: pl.DataFrame

    @classmethod
    def concat(cls, parts: Iterable[Figures]) -> Figures:
        """The figures of several slices."""
        parts = list(parts)
        return cls(pl.concat([p.facts for p in parts]), pl.concat([p.series for p in parts]))


@dataclass(frozen=True)
class Comparison:
    """Both sides. A figure is a row of series, period (numbers of rows of the tables of that name) and value."""

    #: series_id, SERIES_DIMENSIONS; each once, with its number as `series`.
    series: pl.DataFrame
    #: time_period in the order of time, with its number as `period`.
    periods: pl.DataFrame
    now: pl.DataFrame
    was: pl.DataFrame

    @classmethod
    def of(cls, candidate: Figures, accepted: Figures) -> Comparison:
        """Number the series and periods of both."""
        columns = ["series_id", *SERIES_DIMENSIONS]
        every = pl.concat([side.series.select(columns) for side in (candidate, accepted)])
        series = every.unique("series_id", keep="any").sort("series_id").with_row_index("series")
        codes = pl.concat([side.facts["time_id"].unique() for side in (candidate, accepted)]).unique().sort()
        periods = pl.DataFrame({"time_period": [period_of(code) for code in codes]}, schema={"time_period": pl.String})
        ids, times = series.select("series_id", "series"), codes.to_frame().with_row_index("period")

        def numbered(facts: pl.DataFrame) -> pl.DataFrame:
            joined = facts.join(ids, on="series_id", how="left", maintain_order="left")
            return joined.join(times, on="time_id", how="left", maintain_order="left").select(*KEY, "value")

        return cls(series, periods.with_row_index("period"), numbered(candidate.facts), numbered(accepted.facts))

    @cached_property
    def both(self) -> pl.DataFrame:
        """The candidate's figures with `was` (the accepted value) and `there` (whether it was accepted at all)."""
        if not self.was.height:
            return self.now.with_columns(was=pl.lit(None, pl.Float64), there=pl.lit(value=False))
        rows = self._rows_of(self.was, self.now)
        there = pl.Series("there", rows >= 0)
        was = self.was["value"].gather(np.maximum(rows, 0)).alias("was")
        return self.now.with_columns(was, there).with_columns(was=pl.when("there").then("was"))

    @cached_property
    def gone(self) -> pl.DataFrame:
        """The accepted figures that the candidate does not have."""
        return self.was.filter(self._rows_of(self.now, self.was) < 0)

    @cached_property
    def moved(self) -> pl.DataFrame:
        """Series and period of what is new, gone, or has another value."""
        other = self.both.filter(~pl.col("there") | pl.col("value").ne_missing(pl.col("was")))
        return pl.concat([other.select(KEY), self.gone.select(KEY)])

    def series_of(self, figures: pl.DataFrame) -> pl.DataFrame:
        """The rows of `series` that have one of these figures."""
        held = np.zeros(self.series.height, dtype=bool)
        held[figures["series"].to_numpy()] = True
        return self.series.filter(held)

    def named(self, figures: pl.DataFrame) -> pl.DataFrame:
        """Figures with their `place` and `time_period` in words, in the same order."""
        places = self.series_of(figures).select("series", place=place())
        return figures.join(places, on="series", how="left", maintain_order="left").join(
            self.periods, on="period", how="left", maintain_order="left"
        )

    def _rows_of(self, table: pl.DataFrame, keys: pl.DataFrame) -> Ints:
        """For each key the row of `table` that has it, -1 where none has."""
        width = max(self.periods.height, 1)
        has, asked = (t["series"].to_numpy().astype(np.int64) * width + t["period"].to_numpy() for t in (table, keys))
        places = self.series.height * width
        if places <= max(_PLACES, _FACTOR * len(has)):
            row_at = np.full(places, -1, dtype=np.int32)
            row_at[has] = np.arange(len(has), dtype=np.int32)
            found: Ints = row_at[asked]
            return found
        order = np.argsort(has)
        ordered = has[order]
        at = np.minimum(np.searchsorted(ordered, asked), max(len(has) - 1, 0))
        return np.where(ordered[at] == asked, order[at], -1) if len(has) else np.full(len(asked), -1)
