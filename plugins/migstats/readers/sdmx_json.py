"""Reader of SDMX-JSON 1.0 and 2.0 data messages: observations under keys of positions, flat or by series."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from migstats.errors import DriftError, PublisherError
from migstats.layout import SdmxJsonLayout
from migstats.readers import Envelope, TextTable, answer, cells, sdmx

_EXPECTED: Final = "an SDMX-JSON data message"
#: Where dimensions and attributes are attached, in the order of the parts of a key.
_KEY_LEVELS: Final = ("dataSet", "series", "observation")
_ATTRIBUTE_LEVELS: Final = ("dataSet", "dimensionGroup", "series", "observation")
_PLACE: Final = re.compile(r"observation (\d+) of data set (\d+)")
_NOT_PART: Final = ("", "~")

Positions = npt.NDArray[np.int64]


class _Key(str):
    """A key that equals no other one, so that a dictionary keeps all of those that an object has twice."""

    __slots__ = ()
    __hash__ = object.__hash__
    __eq__ = object.__eq__
    __ne__ = object.__ne__


class _Value(msgspec.Struct):
    id: Any = None
    value: Any = None
    name: Any = None
    names: Any = None


class _Component(msgspec.Struct):
    """A dimension, an attribute or a measure; an attribute without `values` is not coded."""

    id: str
    values: list[_Value | None] | msgspec.UnsetType | None = msgspec.UNSET
    default: Any = None


_Levels = dict[str, list[_Component] | None]


class _Said(msgspec.Struct):
    """A structure as the message has it."""

    dimensions: _Levels
    attributes: _Levels = msgspec.field(default_factory=dict)
    measures: _Levels = msgspec.field(default_factory=dict)
    annotations: list[Any] | None = None


@dataclass(frozen=True)
class _Structure:
    """A structure that has been checked: components by level, and the codes of each dimension by position."""

    dimensions: dict[str, list[_Component]]
    attributes: dict[str, list[_Component]]
    codes: dict[str, list[str]]
    labels: dict[str, dict[str, str]]
    annotations: int


@dataclass(frozen=True)
class _DataSet:
    """A data set whose observations are raw; `at` is its JSON pointer, `number` counts from 1."""

    number: int
    at: str
    structure: _Structure
    attributes: list[Any]
    groups: msgspec.Raw
    observations: bytes
    by_series: bool


@dataclass(frozen=True)
class _Part:
    """The rows of one data set."""

    columns: dict[str, pa.DictionaryArray]
    value: pa.Array


def inspect(payload: bytes, layout: SdmxJsonLayout) -> Envelope:
    """Whether it is a data message with observations; SDMX-JSON has no pages, and its stamp is that of the request.

    TryAgainError: not JSON, or busy. PublisherError: `errors` of the message, or no observations. DriftError: a
    structure that cannot be understood, or a data set that deletes.
    """
    _open(payload)
    return Envelope()


def read(payload: bytes, layout: SdmxJsonLayout) -> TextTable:
    """One row per observation in document order; columns are the ids of dimensions and attributes, codes as text.

    An observation that stands twice is two rows. `_value` is null where the message says null. DriftError where a
    key or an attribute points to what the structure does not have.
    """
    data_sets = _open(payload)
    with sdmx.uncollected():
        parts = [_part(data_set) for data_set in data_sets]
    sizes = [len(part.value) for part in parts]
    if not sum(sizes):
        raise PublisherError(f"{data_sets[0].at}: there are series, but no observations; ask with detail=full")
    names = list(data_sets[0].structure.codes)
    labels: dict[str, dict[str, str]] = {}
    for data_set in data_sets:
        if set(data_set.structure.codes) != set(names):
            raise DriftError(
                f"{data_set.at}: its dimensions are {', '.join(data_set.structure.codes)}, those of the first data "
                f"set {', '.join(names)}; ask for one dataflow at a time"
            )
        for name, said in data_set.structure.labels.items():
            labels.setdefault(name, {}).update(said)
    attributes = dict.fromkeys(itertools.chain.from_iterable(part.columns for part in parts))
    columns = {name: _joined([part.columns.get(name) for part in parts], sizes) for name in attributes}
    return cells.text_table(
        columns,
        pa.concat_arrays([part.value for part in parts]),
        [f"observation {{}} of data set {data_set.number}" for data_set in data_sets],
        np.concatenate([np.arange(1, size + 1) for size in sizes]),
        template=np.repeat(np.arange(len(sizes)), sizes),
        dimensions=((name,) for name in names),
        labels=labels,
    )


def locate(payload: bytes, place: str, layout: SdmxJsonLayout) -> str | None:
    """The figure at a place such as `observation 17 of data set 1`, counted in document order; None for null."""
    match = _PLACE.fullmatch(place)
    if not match:
        raise PublisherError(f"{place!r} is no place such as `observation 17 of data set 1`")
    number, wanted = (int(group) for group in match.groups())
    data_set = next((found for found in _open(payload) if found.number == wanted), None)
    if data_set is not None and number:
        kind = dict[_Key, _Observations] if data_set.by_series else dict[_Key, msgspec.Raw]
        found = _decode(data_set.observations, kind)
        holders = (series.observations for series in found.values()) if data_set.by_series else [found]
        before = 0
        for holder in holders:
            if number <= before + len(holder):
                raw = list(holder.values())[number - before - 1]
                return cells.scalar(msgspec.json.decode(raw, type=list[msgspec.Raw])[0])
            before += len(holder)
    raise PublisherError(f"the payload has no place {place}")


class _Observations(msgspec.Struct):
    observations: dict[_Key, msgspec.Raw] = msgspec.field(default_factory=dict)


# -- the message --------------------------------------------------------------------------------------------------


def _open(payload: bytes) -> list[_DataSet]:
    """The data sets that have observations or series; each with its structure."""
    document = answer.json_document(payload, _EXPECTED)
    if isinstance(document, list):
        raise PublisherError(f"the answer is a JSON array, {_EXPECTED} was expected: {answer.short(payload)!r}")
    root, at = document, ""
    if "data" in document and "dataSets" not in document:
        root, at = _object(document["data"], "/data"), "/data"
    if "dataSets" not in root:
        raise PublisherError(
            f"{at or '/'}: {_EXPECTED} has `dataSets`; found: {', '.join(list(root)[:12])}; ask for data, not for "
            "structures"
        )
    structures = _structures(root, at)
    found = [
        _data_set(raw, f"{at}/dataSets/{i}", i + 1, structures)
        for i, raw in enumerate(_array(root["dataSets"], f"{at}/dataSets"))
    ]
    with_rows = [data_set for data_set in found if data_set is not None]
    if not with_rows:
        raise PublisherError(
            f"{at}/dataSets: no data set has an observation; no rows are not zero rows: check the codes and the "
            "years that were asked for"
        )
    return with_rows


def _object(raw: msgspec.Raw, where: str) -> answer.JsonObject:
    try:
        found = msgspec.json.decode(raw, type=answer.JsonObject)
    except msgspec.ValidationError as error:
        raise DriftError(f"{where}: an object is expected; {error}") from error
    answer.require_once(bytes(raw), found, where)
    return found


def _array(raw: msgspec.Raw, where: str) -> answer.JsonArray:
    try:
        return msgspec.json.decode(raw, type=answer.JsonArray)
    except msgspec.ValidationError as error:
        raise DriftError(f"{where}: an array is expected; {error}") from error


def _structures(root: answer.JsonObject, at: str) -> list[_Structure]:
    if "structures" in root:
        raws = {f"{at}/structures/{i}": raw for i, raw in enumerate(_array(root["structures"], f"{at}/structures"))}
    else:
        raws = {f"{at}/structure": root["structure"]} if "structure" in root else {}
    if not raws:
        raise DriftError(f"{at or '/'}: there is no structure, without which the keys of figures mean nothing")
    return [_structure(raw, where) for where, raw in raws.items()]


def _structure(raw: msgspec.Raw, where: str) -> _Structure:
    answer.refuse_repeated(bytes(raw), where)
    try:
        said = msgspec.json.Decoder(_Said, float_hook=str).decode(raw)
    except msgspec.ValidationError as error:
        raise DriftError(f"{where}: is not as SDMX-JSON says: {error}") from error
    dimensions = _levels(said.dimensions, _KEY_LEVELS, f"{where}/dimensions")
    attributes = _levels(said.attributes, _ATTRIBUTE_LEVELS, f"{where}/attributes")
    measures = _levels(said.measures, ("observation",), f"{where}/measures")["observation"]
    if len(measures) > 1 or any(measure.values for measure in measures):
        raise DriftError(
            f"{where}/measures: one measure with plain figures is expected, found "
            f"{', '.join(measure.id for measure in measures)}; ask for one measure at a time"
        )
    ids = [c.id for level in (*dimensions.values(), *attributes.values()) for c in level]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise DriftError(f"{where}: {', '.join(twice)} stands twice among dimensions and attributes")
    known = {c.id: _codes(c, f"{where}/dimensions") for level in dimensions.values() for c in level}
    for component in dimensions["dataSet"]:
        if len(known[component.id]) != 1:
            raise DriftError(
                f"{where}/dimensions/dataSet: {component.id} has {len(known[component.id])} values; a dimension of the "
                "whole data set has one"
            )
    labels = {c.id: _labels(c, known[c.id]) for level in dimensions.values() for c in level}
    return _Structure(dimensions, attributes, known, labels, len(said.annotations or ()))


def _levels(said: _Levels, known: Sequence[str], where: str) -> dict[str, list[_Component]]:
    unknown = [name for name, level in said.items() if level and name not in known]
    if unknown:
        raise DriftError(f"{where}: found the levels {', '.join(unknown)}, known are {', '.join(known)}")
    return {name: said.get(name) or [] for name in known}


def _codes(dimension: _Component, where: str) -> list[str]:
    """The codes of a dimension by position."""
    texts = _texts_of(dimension.values or ())
    codes = [text for text in texts if text is not None]
    if len(codes) != len(texts):
        raise DriftError(f"{where}: value {texts.index(None)} of {dimension.id} has no id")
    if len(set(codes)) != len(codes):
        twice = next(code for code in codes if codes.count(code) > 1)
        raise DriftError(f"{where}: {dimension.id} has the value {twice!r} twice")
    return codes


def _texts_of(values: Sequence[_Value | None]) -> list[str | None]:
    """What the entries of `values` stand for: the id of each, or where it has none its value or name."""
    said = ((value.id, value.value, value.name, value.names) if value else () for value in values)
    return list(cells.text_array([next((text for text in one if text is not None), None) for one in said]).to_pylist())


def _labels(dimension: _Component, codes: list[str]) -> dict[str, str]:
    values = dimension.values or ()
    named = ((code, value.name) for code, value in zip(codes, values, strict=True) if value)
    return {code: name for code, name in named if isinstance(name, str) and name}


def _data_set(raw: msgspec.Raw, at: str, number: int, structures: list[_Structure]) -> _DataSet | None:
    """A data set; None where it has neither an observation nor a series."""
    members = _object(raw, at)
    action = msgspec.json.decode(members["action"]) if "action" in members else None
    sdmx.refuse_action(str(action or ""), f"{at}/action")
    holders = [name for name in ("series", "observations") if name in members and not _is_empty(members[name])]
    if len(holders) > 1:
        raise DriftError(f"{at}: has `series` and `observations`; one of them is expected")
    if not holders:
        return None
    which = cells.SCALARS.decode(members["structure"]) if "structure" in members else 0
    if type(which) is not int or not 0 <= which < len(structures):
        raise DriftError(f"{at}/structure: found {which!r}, there are {len(structures)} structures")
    attributes = cells.SCALARS.decode(members["attributes"]) if "attributes" in members else None
    if not isinstance(attributes, list | None):
        raise DriftError(f"{at}/attributes: an array is expected")
    return _DataSet(
        number,
        at,
        structures[which],
        attributes or [],
        members.get("dimensionGroupAttributes", msgspec.Raw(b"{}")),
        bytes(members[holders[0]]),
        by_series=holders == ["series"],
    )


def _is_empty(raw: msgspec.Raw) -> bool:
    return bytes(memoryview(raw)[:99]).translate(None, b" \t\r\n") in (b"{}", b"null")


# -- the observations ---------------------------------------------------------------------------------------------


def _part(data_set: _DataSet) -> _Part:
    structure, at = data_set.structure, data_set.at
    series_level, level = (structure.dimensions[name] for name in ("series", "observation"))
    attributes = structure.attributes
    observations, keys, series = _observations(data_set, 1 + len(attributes["observation"]))
    where: dict[str, Positions] = {d.id: np.zeros(len(keys), dtype=np.int64) for d in structure.dimensions["dataSet"]}
    if series is None:
        where |= _positions(keys, [*series_level, *level], data_set)
        of_series: Positions = np.empty(0, dtype=np.int64)
        series_attributes: list[list[Any]] = []
    else:
        of_series = np.repeat(np.arange(len(series)), [len(one.observations or ()) for one in series.values()])
        found = _positions(list(series), series_level, data_set)
        where |= {name: positions[of_series] for name, positions in found.items()}
        where |= _positions(keys, level, data_set)
        series_attributes = [one.attributes or [] for one in series.values()]
    columns = {name: cells.indexed(where[name], codes) for name, codes in structure.codes.items()}
    wholes = [data_set.attributes]
    for component, said in zip(
        attributes["dataSet"], _across(wholes, attributes["dataSet"], f"{at}/attributes"), strict=True
    ):
        columns[component.id] = _column(component, said, at).take(pa.array(np.zeros(len(keys), dtype=np.int64)))
    columns |= _group_columns(data_set, where)
    across = _across(series_attributes, attributes["series"], f"{at}/series") if series is not None else None
    for i, component in enumerate(attributes["series"]):
        said = across[i] if across is not None else [None] * len(keys)
        column = _column(component, said, at)
        columns[component.id] = column.take(pa.array(of_series)) if across is not None else column
    for i, component in enumerate(attributes["observation"]):
        columns[component.id] = _column(component, list(map(attrgetter(f"a{i}"), observations)), at)
    return _Part(columns, cells.text_array(list(map(attrgetter("value"), observations))))


def _observations(data_set: _DataSet, width: int) -> tuple[list[Any], list[str], dict[str, Any] | None]:
    """The observations in document order, their keys, and the series to which they belong where there are series."""
    one = msgspec.defstruct(
        "Observation",
        [("value", Any), *((f"a{i}", Any, None) for i in range(width - 1))],
        array_like=True,
        forbid_unknown_fields=True,
        gc=False,
    )
    try:
        return _held(data_set, one)
    except msgspec.ValidationError:
        pass
    try:  # arrays longer than the attributes have annotations at their end
        arrays, keys, series = _held(data_set, list[Any])
    except msgspec.ValidationError as error:
        raise DriftError(f"{data_set.at}: the observations are not as SDMX-JSON says: {error}") from error
    for number, array in enumerate(arrays, start=1):
        place = f"observation {number} of data set {data_set.number}"
        if not array:
            raise DriftError(f"{place}: is empty, a figure was expected first; ask with detail=full")
        further = itertools.chain.from_iterable(cell if isinstance(cell, list) else [cell] for cell in array[width:])
        for cell in further:
            if cell is not None and not (type(cell) is int and 0 <= cell < data_set.structure.annotations):
                raise DriftError(
                    f"{place}: has {len(array)} entries, the structure knows {width} (the figure and its attributes), "
                    f"and {cell!r} is no annotation"
                )
    return [one(*array[:width]) for array in arrays], keys, series


def _held(data_set: _DataSet, one: Any) -> tuple[list[Any], list[str], dict[str, Any] | None]:
    """As `_observations`, where each observation is of the type `one`."""
    if not data_set.by_series:
        found = _decode(data_set.observations, dict[_Key, one])
        return list(found.values()), list(found), None
    members = [
        ("attributes", list[Any] | None | msgspec.UnsetType, msgspec.UNSET),
        ("observations", dict[_Key, one] | msgspec.UnsetType, msgspec.UNSET),
    ]
    series = _decode(data_set.observations, dict[_Key, msgspec.defstruct("Series", members, gc=False)])  # type: ignore[misc]
    _refuse_repeated_members(data_set, series.values())
    held = [each.observations or {} for each in series.values()]
    observations = list(itertools.chain.from_iterable(each.values() for each in held))
    return observations, list(itertools.chain.from_iterable(held)), series


def _decode(raw: bytes, kind: Any) -> Any:
    """What the JSON holds; the keys of objects stay apart."""
    return msgspec.json.Decoder(kind, float_hook=str, dec_hook=str.__new__).decode(raw)


def _refuse_repeated_members(data_set: _DataSet, series: Collection[Any]) -> None:
    """DriftError where `observations` or `attributes` stands twice in one series: the decoder kept the last one.

    A series may itself stand several times; ILOSTAT writes one per year.
    """
    raw = data_set.observations
    there = (
        raw.count(b'"%s"' % name.encode()) == sum(getattr(one, name) is not msgspec.UNSET for one in series)
        for name in ("attributes", "observations")
    )
    if b"\\" not in raw and all(there):
        return
    for key, members in _decode(raw, dict[_Key, dict[_Key, msgspec.Raw]]).items():
        names = list(map(str, members))
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise DriftError(
                f"{data_set.at}/series/{key}: {twice!r} stands twice in one series; which of them is meant is not "
                "said: tell the publisher"
            )


def _positions(keys: list[str], dimensions: list[_Component], data_set: _DataSet) -> dict[str, Positions]:
    """Dimension id → for each key its position among the values of the dimension."""
    if not dimensions:
        if any(keys):
            raise DriftError(f"{data_set.at}: found the key {next(filter(None, keys))!r} where no dimension has a part")
        return {}
    names = [d.id for d in dimensions]
    if not keys:
        return {name: np.empty(0, dtype=np.int64) for name in names}
    text = "\n".join(keys)
    try:
        if text.count("\n") != len(keys) - 1:
            raise pa.ArrowInvalid("a key holds a line break")
        table = pa_csv.read_csv(
            pa.BufferReader(text.encode()),
            read_options=pa_csv.ReadOptions(column_names=names, block_size=1 << 24),
            parse_options=pa_csv.ParseOptions(delimiter=":", quote_char=False, ignore_empty_lines=False),
            convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.int64()), null_values=[]),
        )
        if table.num_rows != len(keys):
            raise pa.ArrowInvalid("a key is empty")
    except pa.ArrowInvalid as error:
        shape = re.compile(":".join([r"[0-9]{1,9}"] * len(names)))
        key = next((key for key in keys if not shape.fullmatch(key)), keys[0])
        raise DriftError(
            f"{data_set.at}: found the key {key!r}, expected one position for each of {', '.join(names)}"
        ) from error
    found = {name: table[name].to_numpy() for name in names}
    for name, positions in found.items():
        known = len(data_set.structure.codes[name])
        beyond = np.flatnonzero((positions < 0) | (positions >= known))
        if len(beyond):
            raise DriftError(
                f"{data_set.at}: the key {keys[beyond[0]]!r} points to value {positions[beyond[0]]} of {name}, "
                f"which has {known}"
            )
    return found


# -- attributes ---------------------------------------------------------------------------------------------------


def _across(rows: list[list[Any]], components: list[_Component], where: str) -> list[list[Any]]:
    """For each component what the rows say of it; a row that is shorter says nothing of the last ones."""
    width = len(components)
    longer = next((row for row in rows if any(cell is not None for cell in row[width:])), None)
    if longer is not None:
        raise DriftError(f"{where}: found {len(longer)} attributes, the structure has {width}")
    return [[row[i] if i < len(row) else None for row in rows] for i in range(width)]


def _column(component: _Component, said: list[Any], where: str) -> pa.DictionaryArray:
    """What is said of an attribute, as text: positions among its values, or texts where it is not coded."""
    texts: pa.Array
    if component.values is None or component.values is msgspec.UNSET:
        texts = cells.text_array([_said(cell, []) for cell in said] if list in set(map(type, said)) else said)
        texts = texts.dictionary_encode()
    else:
        values = _texts_of(component.values)
        kinds = set(map(type, said))
        if kinds <= {int, type(None)}:
            at = pa.array(said, pa.int64())
            beyond = [cell for cell in pc.min_max(at).as_py().values() if cell is not None]
        else:
            several = itertools.chain.from_iterable(cell if isinstance(cell, list) else [cell] for cell in said)
            beyond = [cell for cell in several if type(cell) is int]
        if beyond and (min(beyond) < 0 or max(beyond) >= len(values)):
            found = next(cell for cell in beyond if not 0 <= cell < len(values))
            raise DriftError(
                f"{where}: the attribute {component.id} is said to be its value {found}, the structure has "
                f"{len(values)} values of it"
            )
        if kinds <= {int, type(None)}:
            texts = pa.array(values, pa.string()).dictionary_encode().take(at)
        else:
            texts = cells.text_array([_said(cell, values) for cell in said]).dictionary_encode()
    if component.default is not None and texts.null_count:
        default = cells.text_array([component.default])[0]
        texts = texts.cast(pa.string()).fill_null(default).dictionary_encode()
    return texts.cast(cells.CODED) if texts.type != cells.CODED else texts


def _said(cell: Any, values: list[str | None]) -> Any:
    """A position among the values becomes the value, also within a list of several; a list of one is that one."""
    if isinstance(cell, list):
        several = [_said(each, values) for each in cell]
        return several[0] if len(several) == 1 else several
    return values[cell] if values and type(cell) is int else cell


def _group_columns(data_set: _DataSet, where: dict[str, Positions]) -> dict[str, pa.DictionaryArray]:
    """The columns of the attributes that are said of all observations with some codes of some dimensions.

    A key has a part for each dimension, which is empty where the dimension is not among them.
    """
    components = data_set.structure.attributes["dimensionGroup"]
    if not components:
        return {}
    at = f"{data_set.at}/dimensionGroupAttributes"
    try:
        groups = _decode(bytes(data_set.groups), dict[_Key, list[Any]] | None) or {}
    except msgspec.ValidationError as error:
        raise DriftError(f"{at}: is not as SDMX-JSON says: {error}") from error
    names = [d.id for level in data_set.structure.dimensions.values() for d in level]
    patterns: sdmx.Groups[list[Any]] = {}
    for key, said in groups.items():
        parts = key.split(":")
        if len(parts) != len(names) or not all(part in _NOT_PART or part.isdecimal() for part in parts):
            raise DriftError(f"{at}: found the key {str(key)!r}, expected a part for each of {', '.join(names)}")
        given = {name: int(part) for name, part in zip(names, parts, strict=True) if part not in _NOT_PART}
        for name, position in given.items():
            if position >= len(data_set.structure.codes[name]):
                raise DriftError(f"{at}: the key {str(key)!r} points to value {position} of {name}, which it has not")
        known = patterns.setdefault(tuple(given), {})
        before = known.setdefault(tuple(given.values()), said)
        if before != said:
            raise DriftError(f"{at}: the key {str(key)!r} stands twice, with {before} and {said}")
    count = len(next(iter(where.values())))
    return {
        component.id: _group_column(component, i, patterns, where, count, at) for i, component in enumerate(components)
    }


def _group_column(
    component: _Component,
    index: int,
    patterns: sdmx.Groups[list[Any]],
    where: dict[str, Positions],
    count: int,
    at: str,
) -> pa.DictionaryArray:
    """What the groups say of one attribute, for each observation."""
    told = {
        names: {key: cell[index] for key, cell in groups.items() if index < len(cell) and cell[index] is not None}
        for names, groups in patterns.items()
    }
    of_row, found = sdmx.of_groups(told, where, count, f"{at}: {component.id}")
    return _column(component, found, at).take(pa.array(of_row, mask=of_row < 0))


def _joined(parts: list[pa.DictionaryArray | None], sizes: list[int]) -> pa.DictionaryArray:
    """One column from those of the data sets; null where a data set does not have it."""
    chunks = [pa.nulls(size, cells.CODED) if part is None else part for part, size in zip(parts, sizes, strict=True)]
    if len(chunks) == 1:
        return chunks[0]
    return pa.chunked_array(chunks, cells.CODED).unify_dictionaries().combine_chunks()
