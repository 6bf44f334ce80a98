"""What a sum and a ratio say where something is missing: zero, missing, suppressed, not applicable and "did not exist"
are five things, and stay so.

The rule of each status is a line of `include/algebra.csv`; SQL has the same in `include/sql/publish/algebra.sql`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import polars as pl

from migstats import settings
from migstats.codelists import read_csv

#: Ranks of what is no part of a sum, and of what is a part without a figure; between them are the figures.
_FIGURE, _MISSING = 10, 30

#: The columns that say what a figure is.
_TOLD: Final = ("obs_status", "missing_reason")


@cache
def rules() -> pl.DataFrame:
    """The lines of `include/algebra.csv`: one for each status with or without a figure."""
    rows = pl.DataFrame(read_csv(settings.include() / "algebra.csv"))
    return rows.with_columns(pl.col("rank", "rank_in_ratio").cast(pl.Int64))


def _rank(value: str, status: str, reason: str, column: str = "rank") -> pl.Expr:
    code = (
        pl.when((pl.col(status) == "M") & (pl.col(reason) == "did_not_exist").fill_null(value=False))
        .then(pl.lit("M:did_not_exist"))
        .when(pl.col(value).is_null() & pl.col(status).is_in(["J", "K", "S"]))
        .then(pl.col(status) + "-")
        .otherwise(pl.col(status))
    )
    table = rules()
    return code.replace_strict(table["code"], table[column], return_dtype=pl.Int64)


def _told(rank: pl.Expr, column: str = "rank") -> list[pl.Expr]:
    """obs_status and missing_reason of a result whose first rank this is."""
    first = rules().unique(column, keep="first", maintain_order=True)
    reasons = first["sum_reason"].replace("", None)
    return [
        rank.replace_strict(first[column], first["sum_status"], default="O").alias(_TOLD[0]),
        rank.replace_strict(first[column], reasons, default=None, return_dtype=pl.String).alias(_TOLD[1]),
    ]


def total(frame: pl.DataFrame, by: Sequence[str], *, value: str = "published_value") -> pl.DataFrame:
    """The sums of a frame of figures (`value`, `obs_status`, `missing_reason`) by some of its columns.

    Columns: `by`; `value`, null unless every part has a figure; `obs_status` and `missing_reason`, those of the part
    that says most against the sum; `known`, the sum of the figures that there are; `parts`; `coverage`, the share of
    the parts that have a figure (null where there is no part). What is not applicable or did not exist is no part.
    """
    ranked = frame.with_columns(_rank(value, *_TOLD).alias("_rank"))
    has_figure = pl.col("_rank").is_between(_FIGURE, _MISSING - 1)
    is_part = pl.col("_rank") >= _FIGURE
    summed = ranked.group_by(by, maintain_order=True).agg(
        pl.col("_rank").max(),
        pl.col(value).filter(has_figure).sum().alias("known"),
        has_figure.sum().cast(pl.Int64).alias("_figures"),
        is_part.sum().cast(pl.Int64).alias("parts"),
    )
    some = pl.col("_figures") > 0
    return summed.select(
        *by,
        pl.when(some & (pl.col("_rank") < _MISSING)).then(pl.col("known")).alias("value"),
        *_told(pl.col("_rank")),
        pl.when(some).then(pl.col("known")).alias("known"),
        "parts",
        pl.when(pl.col("parts") > 0).then(pl.col("_figures") / pl.col("parts")).alias("coverage"),
    )


def ratio(frame: pl.DataFrame, *, factor: float = 1.0) -> pl.DataFrame:
    """The frame with `value`, `obs_status` and `missing_reason` of numerator by denominator times `factor`.

    It has `numerator` and `denominator`, and of each status and reason (`numerator_status`, `numerator_reason` ...).
    Nothing divides by a denominator of zero: that ratio is not applicable. A numerator of zero is a ratio of zero.
    """
    sides = ("numerator", "denominator")
    ranks = [_rank(side, f"{side}_status", f"{side}_reason", "rank_in_ratio") for side in sides]
    by_zero = pl.all_horizontal(rank < _MISSING for rank in ranks) & (pl.col("denominator") == 0)
    not_applicable = int(rules().filter(pl.col("code") == "M")["rank_in_ratio"].item())
    rank = pl.when(by_zero).then(not_applicable).otherwise(pl.max_horizontal(ranks))
    done = frame.with_columns(rank.alias("_rank"))
    quotient = pl.col("numerator") * factor / pl.col("denominator")
    return done.with_columns(
        pl.when(pl.col("_rank") < _MISSING).then(quotient).alias("value"),
        *_told(pl.col("_rank"), "rank_in_ratio"),
    ).drop("_rank")
