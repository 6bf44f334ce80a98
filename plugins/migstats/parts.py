"""Parts: columns that say something together only, and figures that are parts of one whole."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from migstats.coded import Coded, Mask, coded, combine, dictionary, take
from migstats.errors import DriftError
from migstats.readers import ROW, SNAPSHOT
from migstats.readers.fields import MEASURE
from migstats.source import Dataset

#: What stands between the parts of a combined column.
BETWEEN: Final = "|"


def with_combined(table: pa.Table, dataset: Dataset) -> pa.Table:
    """The table, and the columns that source.yaml makes of several: `G|N|FI`; empty where all parts are.

    DriftError where a part is not in the payload, or a text holds what is to stand between two of them.
    """
    for name, parts in dataset.combined.items():
        absent = [part for part in parts if part not in table.column_names]
        if absent or name in table.column_names:
            there = ", ".join(column for column in table.column_names if not column.startswith("_"))
            wrong = f"{absent} are not in the payload" if absent else f"the payload has a column {name!r} itself"
            raise DriftError(
                f"dataset {dataset.id}: {name!r} is to be made of {', '.join(parts)}, and {wrong}, which has {there}; "
                "mend `combined` in source.yaml"
            )
        columns = [coded(table[part]) for part in parts]
        for part, column in zip(parts, columns, strict=True):
            found = next((value for value in column.values if BETWEEN in value), None)
            if found is not None:
                raise DriftError(
                    f"dataset {dataset.id}: column {part} says {found!r}, with the {BETWEEN!r} that stands between the "
                    f"parts of {name!r}; a combination of them would not be clear"
                )
        numbers, texts = combine(columns, "")
        made = [BETWEEN.join(text.strip() for text in part) for part in texts]
        empty = [-1 if not text.strip(BETWEEN) else at for at, text in enumerate(made)]
        table = table.append_column(name, dictionary(Coded(take(empty, numbers, -1), made)))
    return table


def not_broken_down(table: pa.Table, dataset: Dataset, value: pl.Series) -> Mask:
    """Parts that are nought in a record whose whole is not: the publisher has the whole alone, and no nought.

    DriftError where a measure that source.yaml names is not among those of the table.
    """
    found = np.zeros(table.num_rows, dtype=bool)
    if not dataset.wholes:
        return found
    measure = coded(table[MEASURE])
    named = {*dataset.wholes, *(part for parts in dataset.wholes.values() for part in parts)}
    absent = sorted(named - set(measure.values))
    if absent:
        raise DriftError(
            f"dataset {dataset.id}: `wholes` of source.yaml names {', '.join(absent)}, and the measures are "
            f"{', '.join(measure.values)}; mend the names"
        )
    is_nought = value.fill_null(0.0).to_numpy() == 0
    is_figure = ~value.is_null().to_numpy()
    row = table[ROW].to_numpy().astype(np.int64)
    key = coded(table[SNAPSHOT]).codes * (row.max(initial=0) + 1) + row
    record = np.unique(key, return_inverse=True)[1]
    for whole, parts in dataset.wholes.items():
        of_whole = measure.codes == measure.values.index(whole)
        of_parts = np.isin(measure.codes, [measure.values.index(part) for part in parts])
        has_whole, has_part = (np.zeros(len(record), dtype=bool) for _ in range(2))
        has_whole[record[of_whole & ~is_nought]] = True
        has_part[record[of_parts & ~is_nought]] = True
        found |= of_parts & is_figure & (has_whole & ~has_part)[record]
    return found
