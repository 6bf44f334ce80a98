"""Coded columns: a table as codes into its distinct values, and what is wrong with its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Coded:
    """A column as codes into `values`; -1 where the cell is empty."""

    codes: Ints
    values: Sequence[str]


def coded(column: pa.ChunkedArray) -> Coded:
    """A column of an Arrow table as codes."""
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    array = column.unify_dictionaries().combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks else pa.array([], column.type)
    codes = pc.fill_null(array.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    values = [v if v is not None else "" for v in array.dictionary.to_pylist()]
    return Coded(codes, values)


def constant(value: str, n: int) -> Coded:
    """One value in all of n rows."""
    return Coded(np.zeros(n, dtype=np.int64), [value])


def take(mapping: Sequence[int], codes: Ints, empty: int) -> Ints:
    """New codes of the rows, from the new code of each old one; `empty` for empty cells."""
    table = np.asarray([*mapping, empty], dtype=np.int64)
    return table[codes]


def dictionary(column: Coded) -> pa.Array:
    """A coded column as an Arrow dictionary."""
    null = column.codes < 0
    return pa.DictionaryArray.from_arrays(
        pa.array(column.codes.astype(np.int32), mask=null), pa.array(list(column.values), pa.string())
    )


def combine(columns: Sequence[Coded], empty: str | None) -> tuple[Ints, list[tuple[Any, ...]]]:
    """Number the distinct combinations of some columns: (number of each row, the combinations).

    `empty` stands for a cell in which there is nothing.
    """
    n = len(columns[0].codes)
    key = np.zeros(n, dtype=np.int64)
    size = 1
    for column in columns:
        width = len(column.values) + 1
        if size * width >= 2**62:
            key, distinct = _dense(key)
            size = len(distinct)
        key = key * width + (column.codes + 1)
        size *= width
    numbers, distinct = _dense(key)
    first = np.empty(len(distinct), dtype=np.int64)
    first[numbers[::-1]] = np.arange(n - 1, -1, -1)
    texts = [np.asarray([*column.values, empty], dtype=object)[column.codes[first]].tolist() for column in columns]
    return numbers, list(zip(*texts, strict=True))


def _dense(key: Ints) -> tuple[Ints, Ints]:
    encoded = pa.array(key).dictionary_encode()
    return (
        encoded.indices.cast(pa.int64()).to_numpy(zero_copy_only=False),
        encoded.dictionary.to_numpy(zero_copy_only=False),
    )


class Problems:
    """Which rows cannot become observations, and why. The first reason found for a row stands."""

    def __init__(self, n: int) -> None:
        self.reason = np.zeros(n, dtype=np.int64)  # 0 none, else index into `kinds` + 1
        #: reason, columns that it is about, is it explained (not quarantined)?
        self.kinds: list[tuple[str, tuple[str, ...], bool]] = []

    def add(self, rows: Mask, reason: str, *columns: str, explained: bool = False) -> None:
        """Note a reason for these rows; `explained` are counted and are no figures, the others go to quarantine."""
        self.kinds.append((reason, columns, explained))
        self.reason[rows & (self.reason == 0)] = len(self.kinds)

    @property
    def fine(self) -> Mask:
        """Rows of which nothing is wrong."""
        return np.equal(self.reason, 0)
