"""Which records of a payload are those that are declared: what is said of all of them, and which of them are wanted."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Final

import numpy as np
import pyarrow as pa

from migstats.coded import Problems, coded, constant, take
from migstats.errors import DriftError
from migstats.source import Dataset

#: The version of a table or a structure, as SDMX writes it: `ABS:NOM_CY(1.0.0)`.
_VERSION: Final = re.compile(r"\([^()]*\)$")


def require_always(table: pa.Table, dataset: Dataset) -> None:
    """What is said of all figures (their unit, their table) is what was said of those that were declared."""
    for name, wanted in dataset.always.items():
        cells = coded(table[name]) if name in table.column_names else constant("", table.num_rows)
        odd = sorted(v for v in {v.strip() for v in cells.values} if not {v, _VERSION.sub("(*)", v)} & set(wanted))
        if odd or ("" not in wanted and (cells.codes < 0).any()):
            raise DriftError(
                f"dataset {dataset.id}: {name} says {', '.join(map(repr, odd[:4])) or 'nothing'}, and has always said "
                f"{' or '.join(map(repr, wanted))}: the figures may be in another unit, or of another table; find out "
                "what they are, and mend `always` and what is declared of them in source.yaml"
            )


def select(table: pa.Table, dataset: Dataset, known: Callable[[str], Container[str]], problems: Problems) -> None:
    """Explain the records that are not among those of `only`; one that does not say goes to quarantine.

    DriftError where none is left: a code that changed would else empty a source without a word. A year in which there
    is nothing but other kinds, which `known` has (the codes of a column in codes.csv), is none.
    """
    left = np.ones(table.num_rows, dtype=bool)
    for name, wanted in dataset.only.items():
        cells = coded(table[name])
        blank = take([not v.strip() for v in cells.values], cells.codes, 1).astype(bool)
        keep = take([v.strip() in wanted for v in cells.values], cells.codes, "" in wanted).astype(bool)
        problems.add(blank & ~keep, "missing_dimension", name)
        problems.add(~keep, "not_selected", name, explained=True)
        if left.any() and not (left & keep | blank).any():
            found = sorted({cells.values[code] for code in np.unique(cells.codes[left & (cells.codes >= 0)])})
            if all(text.strip() in known(name) for text in found):
                return
            raise DriftError(
                f"dataset {dataset.id}: no record is left: {name} says {', '.join(map(repr, found[:4]))}"
                f"{' ...' if len(found) > 4 else ''} in all of them, and {' or '.join(map(repr, wanted))} is wanted; "
                "find out what the publisher calls it now, and mend `only` in source.yaml"
            )
        left &= keep
