"""Tables of figures for disclosure control: made, changed, thinned out, and as a reader sees them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import polars as pl
from attacker import TOTAL, Place

from migstats import disclosure
from migstats.additive import KEYS, Facts
from migstats.disclosure import Disclosed
from migstats.observation import DEFAULTS
from migstats.source import Disclosure

AXES: Final = ("sex", "age", "counterpart_area")
SEXES, AGES, ORIGINS = ("F", "M"), ("Y0T14", "Y15T64", "Y_GE65"), ("FRA", "ESP", "ITA", "DEU")

#: Below it a figure counts as small in these tables.
THRESHOLD: Final = 5

Table = dict[Place, float]


def figures(table: Mapping[Place, float | None], axes: Sequence[str] = AXES, **same: object) -> pl.DataFrame:
    """The figures of a table as a publication has them."""
    rows = []
    for place, value in table.items():
        row = {
            **DEFAULTS,
            "unit": "PS",
            "indicator": "FOREIGN_POP",
            "ref_area": "MDA",
            "time_period": "2023",
            "counterpart_basis": "citizenship",
            "vintage": 1,
            "value": value,
            "conf_status": "F",
            "obs_status": "A" if value is not None else "Q",
            **dict(zip(axes, place, strict=True)),
            **same,
        }
        rows.append({**row, "observation_id": "|".join(str(row[k]) for k in KEYS if k != "state")})
    columns = [*(k for k in KEYS if k != "state"), *disclosure.FIGURE]
    return pl.DataFrame([{c: row[c] for c in columns} for row in rows], infer_schema_length=None)


def seen(table: Mapping[Place, float | None], found: Disclosed, shown: pl.DataFrame) -> dict[Place, float | None]:
    """The table as a reader sees it."""
    changed = dict(found.changes.select("observation_id", "shown").iter_rows())
    ids = shown["observation_id"].to_list()
    return {place: changed.get(i, value) for i, (place, value) in zip(ids, table.items(), strict=True)}


def with_margins(inner: np.ndarray, codes: Sequence[Sequence[str]]) -> Table:  # type: ignore[type-arg]
    """A whole table: every combination, with all totals."""
    table: Table = {}
    for index in itertools.product(*(range(len(c) + 1) for c in codes)):
        of = tuple(slice(None) if i == len(c) else i for i, c in zip(index, codes, strict=True))
        place = tuple(TOTAL if i == len(c) else c[i] for i, c in zip(index, codes, strict=True))
        table[place] = float(inner[of].sum())
    return table


def random_table(seed: int, mean: float = 12.0) -> Table:
    """Persons by sex, age and origin: many small counts beside large ones, as tables of migrants have them."""
    pick = np.random.default_rng(seed)
    inner = pick.poisson(pick.gamma(0.6, mean / 0.6, (2, 3, 4)))
    return with_margins(inner, (SEXES, AGES, ORIGINS))


def published(table: Mapping[Place, float | None], found: Disclosed, shown: pl.DataFrame) -> pl.DataFrame:
    """What `disclose` is told of the last vintage: the figures, what readers see of them, and why."""
    was = found.changes.select("observation_id", "kind", "told", conf="conf_status", hidden="shown")
    return (
        shown.join(was, on="observation_id", how="left", maintain_order="left")
        .with_columns(
            shown=pl.when(pl.col("kind").is_null()).then("value").otherwise("hidden"),
            conf_status=pl.coalesce("conf", "conf_status"),
        )
        .drop("conf", "hidden")
    )


def two_vintages(
    before: Mapping[Place, float | None], after: Mapping[Place, float | None], policy: Disclosure, facts: Facts
) -> tuple[dict[Place, float | None], dict[Place, float | None], Disclosed]:
    """What a reader sees of a table and of what it is later, and what became of the later one."""
    first, second = figures(before), figures(after, vintage=2)
    found = disclosure.disclose(first, policy, facts)
    again = disclosure.disclose(second, policy, facts, published(before, found, first))
    return seen(before, found, first), seen(after, again, second), again


def without_numbers(table: Mapping[Place, float | None], how: str) -> pl.DataFrame:
    """The figures of a table; those without a number have this status."""
    return figures(table).with_columns(
        pl.col("value").cast(pl.Float64),
        obs_status=pl.when(pl.col("value").is_null()).then(pl.lit(how)).otherwise(pl.lit("A")),
    )


def changed(table: Table, seed: int, persons: int) -> Table:
    """The table a year later in the life of a register: some persons more, here and there."""
    pick = np.random.default_rng(seed + 1000)
    later = dict(table)
    for _ in range(persons):
        at = tuple(codes[pick.integers(len(codes))] for codes in (SEXES, AGES, ORIGINS))
        for place in itertools.product(*((code, TOTAL) for code in at)):
            later[place] += 1
    return later


def left_out(table: Table, how: str, seed: int) -> tuple[Table, set[Place]]:
    """The table without some of its figures, and which of those that stay have no value."""
    pick = np.random.default_rng(seed + 500)
    if how == "nought":
        return {p: v for p, v in table.items() if v}, set()
    there = {p: v for p, v in table.items() if pick.random() > 0.4}
    return there, {p for p, v in there.items() if how != "gone" and v > THRESHOLD and pick.random() < 0.15}
