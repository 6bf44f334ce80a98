"""Corrections: figures that we publish otherwise than the publisher does, each a record with its why and a guard."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pyarrow as pa

from migstats.codelists import read_csv
from migstats.errors import DeclarationError
from migstats.harmonise import OVERRIDES, Harmonised, attribute_id
from migstats.observation import DEFAULTS, SERIES_DIMENSIONS, SHARED_ATTRIBUTES, period_bounds, time_id

#: What a correction must say beside the key of its figure. It is `why`, since `reason` is a dimension.
REQUIRED = ("id", "dataset", "time_period", "published", "corrected", "why", "evidence", "author", "expires")


@dataclass(frozen=True)
class Correction:
    """One record of corrections.csv. `key` holds the dimensions that it names; others are at their total.

    Where it names none, `freq` is that of the period, and `counterpart_basis`, which has no total, may be any.
    """

    id: str
    dataset: str
    key: tuple[tuple[str, str], ...]
    time_period: str
    #: The edition that it corrects; empty: whichever is read.
    release: str
    published: float
    corrected: float
    why: str
    evidence: str
    author: str
    expires: dt.date

    @property
    def figure(self) -> str:
        """The figure that it is about, as a person reads it: the dimensions that it names, and the period."""
        edition = f" of release {self.release}" if self.release else ""
        named = ", ".join(f"{dimension} {code}" for dimension, code in self.key)
        return f"{self.dataset}{edition}: {named}, {self.time_period}"


def read_corrections(folder: Path) -> tuple[Correction, ...]:
    """Read `corrections.csv` of a source folder; none where there is no such file.

    DeclarationError gathers the lines that lack a field or hold something else than a number, period or date.
    """
    path = folder / "corrections.csv"
    if not path.is_file():
        return ()
    found: list[str] = []
    corrections: list[Correction] = []
    for number, row in enumerate(read_csv(path), start=2):
        unheard = set(row) - {*REQUIRED, *SERIES_DIMENSIONS, "release", "note"}
        if unheard:
            found.append(f"line 1: {', '.join(sorted(unheard))} is no dimension and no field of a correction")
            break
        missing = [name for name in REQUIRED if not row.get(name)]
        if missing:
            found.append(f"line {number}: {', '.join(missing)} is empty or missing")
            continue
        try:
            time_id(row["time_period"])
            corrections.append(
                Correction(
                    id=row["id"],
                    dataset=row["dataset"],
                    key=tuple((d, row[d]) for d in SERIES_DIMENSIONS if row.get(d)),
                    time_period=row["time_period"],
                    release=row.get("release", ""),
                    published=_figure(row["published"]),
                    corrected=_figure(row["corrected"]),
                    why=row["why"],
                    evidence=row["evidence"],
                    author=row["author"],
                    expires=dt.date.fromisoformat(row["expires"]),
                )
            )
        except ValueError as error:
            found.append(f"line {number}: {error}")
    ids = [c.id for c in corrections]
    found += [f"the id {i!r} stands twice" for i in sorted({i for i in ids if ids.count(i) > 1})]
    if found:
        raise DeclarationError("\n".join(f"{path}: {f}; mend the record" for f in found))
    return tuple(corrections)


def _figure(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"{text!r} is no figure")
    return float(text)


def require_unexpired(corrections: Iterable[Correction], today: dt.date) -> None:
    """DeclarationError for the records that expired before this day: each is to be looked at again, or removed."""
    late = [c for c in corrections if c.expires < today]
    if late:
        raise DeclarationError(
            "\n".join(
                f"correction {c.id} expired on {c.expires}; look at the figure again, then give it a later date or "
                "remove it"
                for c in late
            )
        )


def correct(
    harmonised: Harmonised, corrections: tuple[Correction, ...], *, dataset: str, release: str = ""
) -> Harmonised:
    """Apply the corrections of a dataset and edition; a corrected figure carries the record's id in its note.

    The records that were applied are in `overrides`. DeclarationError where the publisher no longer publishes the
    figure that one corrects (the guard): then the record has to go, or to be looked at again.
    """
    mine = [c for c in corrections if c.dataset == dataset and c.release in ("", release)]
    if not mine:
        return harmonised
    facts, series, attributes = (_frame(t) for t in (harmonised.facts, harmonised.series, harmonised.attributes))
    applied: list[dict[str, object]] = []
    for correction in mine:
        totals = {d: total for d, total in DEFAULTS.items() if d != "counterpart_basis"}
        wanted = {**totals, "freq": period_bounds(correction.time_period)[0], **dict(correction.key)}
        found = series.filter(pl.all_horizontal(pl.col(d) == code for d, code in wanted.items()))
        here = facts["series_id"].is_in(found["series_id"].to_list()) & (
            facts["time_id"] == time_id(correction.time_period)
        )
        matches = facts.filter(here)
        if not matches.height:
            continue  # another slice holds the period
        if matches.height > 1 or matches["value"][0] != correction.published:
            raise DeclarationError(
                f"correction {correction.id}: expected one published figure {correction.published:g}, found "
                f"{matches['value'].to_list()}; the publisher may have mended it: remove the record or mend its guard"
            )
        row = attributes.filter(pl.col("attribute_id") == matches["attribute_id"][0]).row(0, named=True)
        applied.append(
            {
                "series_id": matches["series_id"][0],
                "time_id": matches["time_id"][0],
                "override_id": correction.id,
                "published": correction.published,
                "corrected": correction.corrected,
                "why": correction.why,
                "evidence": correction.evidence,
                "author": correction.author,
                "expires": correction.expires,
            }
        )
        note = "; ".join(filter(None, [row["note"], f"correction {correction.id}: published {correction.published:g}"]))
        row = {**row, "note": note}
        row["attribute_id"] = attribute_id([row[a] for a in SHARED_ATTRIBUTES])
        attributes = pl.concat([attributes, pl.DataFrame([row], schema=attributes.schema)])
        facts = facts.with_columns(
            value=pl.when(here).then(pl.lit(correction.corrected)).otherwise("value"),
            attribute_id=pl.when(here).then(pl.lit(row["attribute_id"])).otherwise("attribute_id"),
        )
    return replace(
        harmonised,
        attributes=attributes.to_arrow().cast(harmonised.attributes.schema),
        facts=facts.to_arrow().cast(harmonised.facts.schema),
        overrides=pa.Table.from_pylist(applied, schema=OVERRIDES),
    )


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame
