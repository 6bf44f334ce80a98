"""Records of JSON with one figure or several: which fields hold them, which are left, and what nobody declared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from types import NoneType
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from migstats.errors import DriftError, PublisherError
from migstats.layout import WHOLE
from migstats.readers import Envelope, Explained, TextTable, cells

MEASURE: Final = "measure"
_MOST: Final = 200
#: An array in which a number stands, as text: `[1, 2]`, `["10"]`.
_NUMBERS: Final = r'\[(.*, )?"?-?[0-9]+([.][0-9]+)?"?(, .*)?\]'
_NESTED: Final = {dict, NoneType, msgspec.UnsetType}

Path = tuple[str, ...]


class Rows:
    """The rows of an array of records, and where each stands in the document: a row per record."""

    def __init__(self, columns: Mapping[str, list[Any]], where: str) -> None:
        self.where = where
        self.columns = dict(columns)
        self.records = len(next(iter(self.columns.values()), []))

    def at(self, row: int, path: Path) -> str:
        """The place of a field of a row."""
        return f"{self.where}/{row}{cells.pointer(*path)}"

    def templates(self, path: Path) -> list[str]:
        """The places of a field with one hole for the numbers of `holes`."""
        return [f"{self.where}/{{}}{cells.pointer(*path)}"]

    @property
    def holes(self) -> cells.Indices:
        """What goes into the hole, of each row."""
        return np.arange(self.records)

    @property
    def template(self) -> cells.Indices | None:
        """Which of the templates each row has; None: there is one."""
        return None


class NestedRows(Rows):
    """A row per object of the array that each record has in one field; the record's other fields stand beside it."""

    def __init__(self, columns: Mapping[str, list[Any]], where: str, nested: str) -> None:
        super().__init__(columns, where)
        self.nested = nested
        if nested not in self.columns:
            raise DriftError(
                f"{where}: no record has the field {nested!r}, in which the figures stand; the fields there are "
                f"{', '.join(self.columns)}: where it was renamed, mend `nested`"
            )
        arrays = self.columns[nested]
        odd = next((at for at, found in enumerate(arrays) if not _is_array_of_objects(found)), None)
        if odd is not None:
            found = "nothing" if arrays[odd] is msgspec.UNSET else repr(arrays[odd])[:60]
            raise DriftError(f"{self.where}/{odd}/{nested}: an array of objects is expected there, found {found}")
        lengths = np.fromiter(map(len, arrays), dtype=np.int64, count=len(arrays))
        self.outer = np.repeat(np.arange(len(arrays)), lengths)
        self.inner = np.arange(len(self.outer)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        if not len(self.outer):
            raise PublisherError(
                f"{where}: there are {len(arrays)} records, and nothing in {nested!r} of any; no rows are not zero rows"
            )
        #: The fewer of the two make the templates.
        self._by_record = len(arrays) <= lengths.max()
        records = self.outer.tolist()
        for name, values in self.columns.items():
            self.columns[name] = list(map(values.__getitem__, records))
        self.columns[nested] = list(chain.from_iterable(arrays))

    def at(self, row: int, path: Path) -> str:
        """The place of a field of an object, or of its record."""
        return self._template(path, str(self.outer[row]), str(self.inner[row]))

    def templates(self, path: Path) -> list[str]:
        """One for each record, or for each number of an object in its array: the fewer of the two."""
        if self._by_record:
            return [self._template(path, str(record), "{}") for record in range(self.records)]
        return [self._template(path, "{}", str(item)) for item in range(int(self.inner.max()) + 1)]

    def _template(self, path: Path, record: str, item: str) -> str:
        within = f"{cells.pointer(self.nested)}/{item}" if path[0] == self.nested else ""
        return f"{self.where}/{record}{within}{cells.pointer(*(path[1:] if within else path))}"

    @property
    def holes(self) -> cells.Indices:
        """The numbers of the objects in their arrays, or those of their records."""
        return self.inner if self._by_record else self.outer

    @property
    def template(self) -> cells.Indices | None:
        """The other one of the two."""
        return self.outer if self._by_record else self.inner


def _is_array_of_objects(found: object) -> bool:
    return type(found) is list and set(map(type, found)) <= {dict}


@dataclass(frozen=True)
class Facts:
    """What is declared of the fields of a record."""

    measures: Sequence[str]
    others: Sequence[str]
    #: Whether a field holds numbers that are no figures.
    is_identity: Callable[[str], bool]
    #: What to do with figures in a field of which nothing is declared.
    remedy: str


def table(
    raw: bytes,
    where: str,
    facts: Facts,
    *,
    envelope: Envelope,
    across: bool,
    dimensions: Callable[[Sequence[str]], Iterable[tuple[str, ...]]],
    labels: Callable[[Sequence[str]], Mapping[str, str]],
    nested: str | None = None,
) -> TextTable:
    """One row per record and measure, measure after measure; the other fields stay columns of text.

    `where` is the JSON pointer of the array of records. `nested` is a field with an array of objects: a row is one of
    these then. `across` adds the column `measure`. `dimensions` and `labels`
    say of the names of the other fields which tell figures apart, and which of them label which.
    DriftError where a record lacks a measure, or has figures under a name of which nothing is declared.
    """
    found = cells.records(raw, where)
    rows = Rows(found, where) if nested is None else NestedRows(found, where, nested)
    columns, paths = _flat({(name,): values for name, values in rows.columns.items()}, where)
    _require(columns, facts.measures, rows, paths)
    left = [_left(columns.pop(name), rows, paths[name]) for name in facts.others if name in columns]
    figures = [cells.text_array(columns.pop(name)) for name in facts.measures]
    coded = {name: cells.coded(values) for name, values in columns.items()}
    _refuse_unheard(coded, paths, facts, rows)
    names = list(coded)
    made = cells.melted_table(
        coded,
        figures,
        {MEASURE: facts.measures} if across else {},
        list(chain.from_iterable(rows.templates(paths[name]) for name in facts.measures)),
        rows.holes,
        template=rows.template,
        explained=left,
        envelope=envelope,
        dimensions=[*dimensions(names), *([(MEASURE,)] if len(figures) > 1 else [])],
        labels={code: cells.labels_of(coded[code], coded[label]) for code, label in labels(names).items()},
    )
    return replace(made, records=rows.records)


def columns(raw: bytes, where: str, measures: Sequence[str], required: Sequence[str]) -> dict[str, list[Any]]:
    """The values of all fields of the records, by their names, those of nested objects with a dot between.

    DriftError where a record lacks a measure, or none has a field that is required.
    """
    rows = Rows(cells.records(raw, where), where)
    found, paths = _flat({(name,): values for name, values in rows.columns.items()}, where)
    lacking = [name for name in required if name not in found]
    if lacking:
        raise DriftError(
            f"{where}: no record has the declared fields {', '.join(map(repr, lacking))}; the fields there are "
            f"{', '.join(found)}: where one was renamed, mend `aggregate`"
        )
    _require(found, measures, rows, paths)
    return found


def repeated(
    columns: Mapping[str, list[Any]], once: str | None
) -> tuple[npt.NDArray[np.bool_] | None, npt.NDArray[np.bool_] | None]:
    """Which records repeat an earlier one in all fields, and which contradict others of the same `once`; None: nobody
    asked. A record without it is like no other; where it is the whole record, none contradicts another.
    """
    if once is None:
        return None, None
    keys = list(map(repr, zip(*columns.values(), strict=True))) if once == WHOLE else columns[once]
    rows: dict[str, list[int]] = {}
    for at, value in enumerate(keys):
        if value not in (None, "", msgspec.UNSET):
            rows.setdefault(str(value), []).append(at)
    count = len(keys)
    repeats, contradicts = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    for same in (found for found in rows.values() if len(found) > 1):
        distinct = {repr([values[at] for values in columns.values()]) for at in same}
        if len(distinct) == 1:
            repeats[same[1:]] = True
        else:
            contradicts[same] = True
    return repeats, contradicts


def _flat(columns: Mapping[Path, list[Any]], where: str) -> tuple[dict[str, list[Any]], dict[str, Path]]:
    """Fields by their names, those of nested objects with a dot between; and the way to each."""
    found: dict[str, list[Any]] = {}
    paths: dict[str, Path] = {}

    def add(path: Path, values: list[Any]) -> None:
        kinds = set(map(type, values))
        if dict in kinds:
            if kinds - _NESTED:  # in some records an object, in others not
                keep(path, [msgspec.UNSET if type(value) is dict else value for value in values])
            for key in _keys(values, where, path):
                add((*path, key), [_member(value, key) for value in values])
        else:
            keep(path, values)

    def keep(path: Path, values: list[Any]) -> None:
        name = ".".join(path)
        if name in found:
            raise DriftError(f"{where}: two fields of a record would both be called {name!r}; ask for one of them")
        found[name] = values
        paths[name] = path

    for path, values in columns.items():
        add(path, values)
    return found, paths


def _keys(values: Iterable[Any], where: str, path: Path) -> list[str]:
    keys = list(dict.fromkeys(chain.from_iterable(value for value in values if type(value) is dict)))
    if len(keys) > _MOST:
        raise DriftError(
            f"{where}: the objects in {'.'.join(path)!r} have {len(keys)} different keys, such as {keys[0]!r}: "
            "keys that differ from record to record are values; this reader does not take them for fields"
        )
    return keys


def _member(value: Any, key: str) -> Any:
    if type(value) is dict:
        return value.get(key, msgspec.UNSET)
    return None if value is None else msgspec.UNSET


def _require(columns: Mapping[str, list[Any]], measures: Sequence[str], rows: Rows, paths: Mapping[str, Path]) -> None:
    lacking = []
    for name in measures:
        values = columns.get(name)
        if values is None:
            lacking.append(f"{name!r} in all of them")
        elif msgspec.UNSET in values:
            place = rows.at(values.index(msgspec.UNSET), paths[name])
            lacking.append(f"{name!r} in {place.removesuffix(cells.pointer(paths[name][-1]))}")
    if lacking:
        others = ", ".join(name for name in columns if name not in measures)
        raise DriftError(
            f"{rows.where}: declared measures are missing: {'; '.join(lacking)}; undeclared fields there: {others}"
        )


def _left(values: list[Any], rows: Rows, path: Path) -> Explained:
    """The cells of a measure that the dataset leaves to another one."""
    there = [at for at, value in enumerate(values) if value is not msgspec.UNSET]
    return Explained("outside_tables", len(there), rows.at(there[0] if there else 0, path))


def _refuse_unheard(
    columns: Mapping[str, pa.DictionaryArray], paths: Mapping[str, Path], facts: Facts, rows: Rows
) -> None:
    """Numbers in a field that nobody declared are figures of a category that came new; objects in arrays hide some."""
    found = []
    for name, column in columns.items():
        if facts.is_identity(name):
            continue
        for pattern in (cells.NUMBER, _NUMBERS, r"\[.*\{.*"):
            mask = cells.fitting(column, pattern)
            if mask is not None:
                at = int(np.flatnonzero(mask)[0])
                text = re.sub(r"(?s)(.{60}).+", r"\1...", column[at].as_py())
                found.append(f"{name!r} ({rows.at(at, paths[name])}: {text})")
                break
    if found:
        raise DriftError(
            f"{rows.where}: figures stand under names that are not declared: {', '.join(found)}; {facts.remedy}"
        )
