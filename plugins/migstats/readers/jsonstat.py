"""Reader of JSON-stat 1.x and 2.0: a cube whose figures stand at flat positions, row by row."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pc

from migstats.errors import DriftError, PublisherError
from migstats.layout import JsonStatLayout
from migstats.readers import Envelope, Explained, TextTable, answer, cells

_EXPECTED: Final = "a JSON-stat dataset"
_STATUS: Final = "_status"
_SPACE: Final = b" \t\r\n"
#: What a unit says of how its figures are printed, and not of what they are.
_PRINTED: Final = frozenset({"decimals", "symbol", "position"})

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Cube:
    """A dataset whose shape has been checked; `at` is the JSON pointer of its `value`."""

    at: str
    codes: dict[str, list[str]]
    labels: dict[str, dict[str, str]]
    #: Dimension → code → unit, of dimensions whose categories have units.
    units: dict[str, dict[str, str]]
    value: bytes
    status: Any
    updated: str | None

    @property
    def cells(self) -> int:
        return math.prod(len(codes) for codes in self.codes.values())


def inspect(payload: bytes, layout: JsonStatLayout) -> Envelope:
    """The update stamp; JSON-stat has no pages.

    TryAgainError: not JSON, or a ticket of Eurostat's. PublisherError: an error body, a collection of links, a 0 in
    `size` (a code asked for is unknown), or no rows. DriftError: several datasets, and not the one that is declared.
    """
    return Envelope(updated=_open(payload, layout).updated)


def read(payload: bytes, layout: JsonStatLayout) -> TextTable:
    """One row per position with a figure or a status, by position; columns are the dimension ids and `_status`.

    `<dimension>.unit` says in which unit a figure is, where the payload says so of the categories of a dimension (of
    what is measured): the label and the base of the unit, and what else it says but for how figures are printed.
    `_value` is null where there is a status and no figure; positions with neither are counted as absent.
    DriftError where a position, a category or a length does not fit `size`, or a key stands twice.
    """
    cube = _open(payload, layout)
    shown = _shown(cube, layout)
    positions, values = _values(cube)
    marked, statuses = _statuses(cube, positions)
    null = values.is_null().to_numpy(zero_copy_only=False)
    where = _either(positions[~null], marked)
    if not len(where):
        raise PublisherError(f"{cube.at}: no position holds a figure or a status: no rows")
    value = values.take(pa.array(_found(positions, where), pa.int64()))
    status = statuses.take(pa.array(_found(marked, where), pa.int64()))
    taken = {_STATUS, *map(_unit_column, cube.units)} & set(cube.codes)
    if taken:
        raise DriftError(f"{cube.at}: a dimension {min(taken)!r} would stand in the way of the column of that name")
    columns: dict[str, pa.DictionaryArray] = {}
    stride = cube.cells
    for name, codes in cube.codes.items():
        stride //= len(codes)
        at = where // stride % len(codes)
        columns[name] = cells.indexed(at, shown.get(name, codes))
        if name in cube.units:
            columns[_unit_column(name)] = _of_codes(at, [cube.units[name].get(code) for code in codes])
    columns[_STATUS] = status.dictionary_encode()
    absent = cube.cells - len(where)
    explained = [Explained("absent_position", absent, f"{cube.at}/{_first_gap(where)}")] if absent else []
    return cells.text_table(
        columns,
        value,
        [cube.at + "/{}"],
        where,
        explained=explained,
        envelope=Envelope(updated=cube.updated),
        dimensions=((name,) for name in cube.codes),
        labels={name: labels for name, labels in cube.labels.items() if name not in shown},
    )


def locate(payload: bytes, place: str, layout: JsonStatLayout) -> str | None:
    """The figure at a place such as `/value/260`, as `read` gives it; None where there is only a status."""
    return cells.at_pointer(answer.body(payload, _EXPECTED), place)


def _shown(cube: _Cube, layout: JsonStatLayout) -> dict[str, list[str]]:
    """Dimension → the labels that its column holds in the place of codes, as `texts` declares; a code without one is
    its own label, as JSON-stat says.
    """
    unknown = [name for name in layout.texts if name not in cube.codes]
    if unknown:
        raise DriftError(
            f"`texts` names {', '.join(map(repr, unknown))}, the dimensions are {', '.join(cube.codes)}; "
            "was one renamed?"
        )
    shown = {name: [cube.labels[name].get(code, code) for code in cube.codes[name]] for name in layout.texts}
    for name, texts in shown.items():
        wrong = sorted({text for text in texts if texts.count(text) > 1})
        if wrong:
            raise DriftError(
                f"dimension {name!r}: the label {wrong[0]!r} stands at several codes, and `texts` says "
                "that labels tell its categories apart"
            )
    return shown


def _open(payload: bytes, layout: JsonStatLayout) -> _Cube:
    document = answer.json_document(payload, _EXPECTED, ("value", "items", "dataset", "link"))
    if isinstance(document, list):
        raise PublisherError(f"the answer is a JSON array, {_EXPECTED} was expected: {answer.short(payload)!r}")
    kind = msgspec.json.decode(document.get("class", b'"dataset"'))
    at: list[str] = []
    if kind == "collection":
        document, at = _of_collection(document, layout)
    elif kind != "dataset":
        raise PublisherError(
            f"/class is {kind!r}, {_EXPECTED} was expected; ask for one of the datasets that a {kind} lists"
        )
    elif "dimension" not in document:
        document, at = _of_bundle(document, layout)
    where = cells.pointer(*at) or "/"
    lacking = [name for name in ("dimension", "value") if name not in document]
    if lacking:
        raise PublisherError(f"{where}: {_EXPECTED} has `dimension` and `value`; missing: {', '.join(lacking)}")
    answer.refuse_repeated(bytes(document["dimension"]), cells.pointer(*at, "dimension"))
    categories = _categories(document, where)
    codes = {name: _codes(name, category, size) for name, (category, size) in categories.items()}
    labels = {
        name: {code: label for code, label in (category.label or {}).items() if label}
        for name, (category, _) in categories.items()
    }
    said = {name: _units(category.unit or {}) for name, (category, _) in categories.items()}
    units = {name: unit_of for name, unit_of in said.items() if unit_of}
    status = msgspec.json.decode(document["status"]) if "status" in document else None
    if isinstance(status, dict) and answer.count_keys(bytes(document["status"])) != len(status):
        answer.refuse_repeated(bytes(document["status"]), cells.pointer(*at, "status"))
    if isinstance(status, dict) and isinstance(status.get("value"), list | dict):
        status = status["value"]  # Eurostat's first JSON-stat put the labels of the flags beside them
    value = bytes(document["value"])
    if not value.translate(None, _SPACE + b"[]{}") and not status:
        raise PublisherError(f"{cells.pointer(*at, 'value')} is empty and there is no status: no rows")
    updated = msgspec.json.decode(document["updated"]) if "updated" in document else None
    return _Cube(cells.pointer(*at, "value"), codes, labels, units, value, status, _stamp(updated))


class _Item(msgspec.Struct):
    kind: str = msgspec.field(name="class", default="dataset")
    href: str | None = None
    label: str | None = None


class _Link(msgspec.Struct):
    item: list[msgspec.Raw] = []


def _of_collection(collection: answer.JsonObject, layout: JsonStatLayout) -> tuple[answer.JsonObject, list[str]]:
    """JSON-stat 2.0: the embedded dataset of a collection that is declared, or the only one."""
    try:
        raw = msgspec.json.decode(collection.get("link", b"{}"), type=_Link).item
        items = [msgspec.json.decode(one, type=_Item) for one in raw]
    except msgspec.ValidationError as error:
        raise DriftError(f"/link/item is not as JSON-stat says: {error}") from error
    datasets = [n for n, item in enumerate(items) if item.kind == "dataset"]
    members = {n: msgspec.json.decode(raw[n], type=answer.JsonObject) for n in datasets}
    embedded = [n for n in datasets if "dimension" in members[n]]
    if not embedded:
        listed = "; ".join(f"{items[n].label!r} at {items[n].href}" for n in datasets[:12])
        raise PublisherError(
            f"the answer is a collection of {len(datasets)} links, {_EXPECTED} was expected: {listed or 'nothing'}; "
            "let `url` be the address of one of these datasets, a dataset of source.yaml for each"
        )
    wanted = layout.dataset
    named = [n for n in embedded if wanted is None or wanted in (items[n].label, items[n].href)]
    _require_one(named, [str(items[n].label or items[n].href) for n in embedded], wanted)
    at = ["link", "item", str(named[0])]
    answer.require_once(bytes(raw[named[0]]), members[named[0]], cells.pointer(*at))
    return members[named[0]], at


def _require_one(named: list[Any], there: list[str], wanted: str | None) -> None:
    if len(named) == 1:
        return
    listed = ", ".join(map(repr, there[:12]))
    if wanted is None or named:
        raise DriftError(
            f"the answer has {len(there)} datasets: {listed}; say with `dataset` of the reader which it is"
        )
    raise DriftError(f"the answer has no dataset {wanted!r}, as `dataset` of the reader says; it has {listed}")


def _of_bundle(bundle: answer.JsonObject, layout: JsonStatLayout) -> tuple[answer.JsonObject, list[str]]:
    """JSON-stat 1.x: an object whose members are datasets, by name; the one that is declared, or the only one."""
    found: dict[str, answer.JsonObject] = {}
    for name, raw in bundle.items():
        if bytes(raw).startswith(b"{"):
            member = msgspec.json.decode(raw, type=answer.JsonObject)
            if "dimension" in member and "value" in member:
                found[name] = member
    if not found:
        raise PublisherError(
            f"{_EXPECTED} was expected; the object has {', '.join(list(bundle)[:12])}, and none of them is a dataset"
        )
    wanted = layout.dataset
    named = [
        name
        for name, member in found.items()
        if wanted is None or wanted in (name, msgspec.json.decode(member.get("label", b"null")))
    ]
    _require_one(named, list(found), wanted)
    [name] = named
    answer.require_once(bytes(bundle[name]), found[name], cells.pointer(name))
    return found[name], [name]


class _Category(msgspec.Struct):
    index: dict[str, int] | list[str | int] | None = None
    label: dict[str, str | None] | None = None
    unit: dict[str, Any] | None = None


class _Dimension(msgspec.Struct):
    category: _Category = msgspec.field(default_factory=_Category)


def _categories(document: answer.JsonObject, where: str) -> dict[str, tuple[_Category, int]]:
    """Dimension id → its categories, and how many there have to be."""
    try:
        dimension = msgspec.json.decode(document["dimension"], type=answer.JsonObject)
        ids = msgspec.json.decode(document.get("id", dimension.get("id", b"[]")), type=list[str])
        sizes = msgspec.json.decode(document.get("size", dimension.get("size", b"[]")), type=list[int])
        if not ids or len(ids) != len(sizes) or len(set(ids)) != len(ids):
            raise DriftError(f"{where}: `id` {ids} and `size` {sizes} are not lists of one length, each name once")
        unknown = [name for name, size in zip(ids, sizes, strict=True) if size == 0]
        if unknown:
            raise PublisherError(
                f"{where}: `size` is 0 for {', '.join(unknown)}: none of the codes asked for exists there"
            )
        return {name: (_category(dimension, name), size) for name, size in zip(ids, sizes, strict=True)}
    except msgspec.ValidationError as error:
        raise DriftError(f"{where}: `id`, `size` or `dimension` is not as JSON-stat says: {error}") from error


def _category(dimension: answer.JsonObject, name: str) -> _Category:
    if name not in dimension:
        raise DriftError(f"dimension {name!r} stands in `id`, but not in `dimension`: {', '.join(dimension)}")
    return msgspec.json.decode(dimension[name], type=_Dimension).category


def _unit_column(dimension: str) -> str:
    return f"{dimension}.unit"


def _units(said: dict[str, Any]) -> dict[str, str]:
    """Code → its unit as text, such as `number` or `Euro, multiplier 6`; a unit that says nothing is left out."""
    found = {code: _unit(unit) if isinstance(unit, dict) else str(unit or "") for code, unit in said.items()}
    return {code: text for code, text in found.items() if text}


def _unit(unit: dict[str, Any]) -> str:
    told = {name: str(value) for name, value in unit.items() if name not in _PRINTED and value not in (None, "")}
    named = dict.fromkeys(told.pop(name) for name in ("label", "base") if name in told)
    return ", ".join([*named, *(f"{name} {told[name]}" for name in sorted(told))])


def _codes(name: str, category: _Category, size: int) -> list[str]:
    """The codes of a dimension in the order of their positions."""
    index = category.index
    if index is None:  # a single category needs no index
        codes = list(category.label or {})
    elif isinstance(index, dict):
        codes = sorted(index, key=index.__getitem__)
        if sorted(index.values()) != list(range(len(index))):
            raise DriftError(f"dimension {name!r}: the positions of its categories have gaps or stand twice")
    else:
        codes = [str(code) for code in index]
    if len(codes) != size or len(set(codes)) != size:
        raise DriftError(f"dimension {name!r}: {len(set(codes))} different categories, `size` says {size}")
    return codes


def _values(cube: _Cube) -> tuple[Positions, pa.Array]:
    """Positions that `value` names, rising, and the text of each; null where it says null."""
    compact = cube.value.translate(None, _SPACE)
    sliced = None if any(mark in compact for mark in (b"\\", b':"', b":[", b":{")) else _sliced(compact)
    positions, values = sliced or _decoded(cube)
    if cube.value.startswith(b"["):
        if len(positions) != cube.cells:
            raise DriftError(f"{cube.at}: {len(positions)} values, the product of `size` is {cube.cells}")
    else:
        positions, order = _rising(cube, positions)
        values = values if order is None else values.take(pa.array(order))
    return positions, values


def _sliced(compact: bytes) -> tuple[Positions, pa.Array] | None:
    """Read the text of `value` as CSV, many times faster than JSON; None where it is not plain numbers.

    `compact` is valid JSON without white space, and no value of an object in it is a string or nested.
    """
    keyed = compact.startswith(b"{")
    inner = compact[1:-1]
    if not inner or (not keyed and any(mark in inner for mark in (b'"', b"[", b"{"))):
        return None
    text = inner.translate(bytes.maketrans(b",", b"\n"), b'"' if keyed else b"")
    names = ["position", "value"] if keyed else ["value"]
    try:
        table = pc.read_csv(
            pa.BufferReader(text),
            read_options=pc.ReadOptions(column_names=names, block_size=1 << 24),
            parse_options=pc.ParseOptions(delimiter=":", quote_char=False),
            convert_options=pc.ConvertOptions(
                column_types={"position": pa.int64(), "value": pa.string()},
                null_values=["null"],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return None
    values = _one(table["value"])
    if keyed:
        return _one(table["position"]).to_numpy(), values
    return np.arange(len(values), dtype=np.int64), values


def _decoded(cube: _Cube) -> tuple[Positions, pa.Array]:
    found = cells.SCALARS.decode(cube.value)
    if isinstance(found, list):
        return np.arange(len(found), dtype=np.int64), cells.text_array(found)
    if not isinstance(found, dict):
        raise DriftError(f"{cube.at}: an object or an array is expected, found {type(found).__name__}")
    if answer.count_keys(cube.value) != len(found):
        answer.refuse_repeated(cube.value, cube.at)
    return _integers(cube, list(found)), cells.text_array(list(found.values()))


def _statuses(cube: _Cube, positions: Positions) -> tuple[Positions, pa.Array]:
    """Positions that have a status, rising, and their statuses."""
    status = cube.status
    if isinstance(status, list) and len(status) == 1 and cube.cells > 1:
        status = status[0]
    if status is None or isinstance(status, str):
        marks: list[Any] = [status] * len(positions) if status else []
        where = positions[: len(marks)]
    elif isinstance(status, list):
        if len(status) != cube.cells:
            raise DriftError(f"`status` has {len(status)} entries, the product of `size` is {cube.cells}")
        where, marks = np.arange(len(status), dtype=np.int64), status
    elif isinstance(status, dict):
        where, order = _rising(cube, _integers(cube, list(status)))
        marks = list(status.values())
        marks = marks if order is None else [marks[i] for i in order]
    else:
        raise DriftError(f"`status` is {type(status).__name__}; an object, an array or a text is expected")
    texts = cells.text_array(marks)
    said = np.array([bool(mark) for mark in marks], dtype=bool)
    return where[said], texts.filter(pa.array(said))


def _integers(cube: _Cube, keys: list[str]) -> Positions:
    try:
        found: Positions = pa.array(keys, pa.string()).cast(pa.int64()).to_numpy()
        return found
    except pa.ArrowInvalid as error:
        raise DriftError(f"{cube.at}: a key is not a position: {error}") from error


def _rising(cube: _Cube, positions: Positions) -> tuple[Positions, Positions | None]:
    """Positions in rising order, and the order that makes them so (None: they were)."""
    order = None
    if len(positions) > 1 and not (positions[1:] > positions[:-1]).all():
        order = np.argsort(positions, kind="stable")
        positions = positions[order]
        twice = positions[1:][positions[1:] == positions[:-1]]
        if len(twice):
            raise DriftError(f"{cube.at}/{twice[0]}: the position stands twice")
    if len(positions) and not 0 <= positions[0] <= positions[-1] < cube.cells:
        beyond = positions[0] if positions[0] < 0 else positions[-1]
        raise DriftError(f"{cube.at}/{beyond}: the product of `size` is {cube.cells}; the cube was cut or changed")
    return positions, order


def _found(positions: Positions, where: Positions) -> npt.NDArray[Any]:
    """For each of `where` its index in the rising `positions`, masked where it is not among them."""
    index = np.searchsorted(positions, where)
    inside = np.minimum(index, max(len(positions) - 1, 0))
    missing = positions[inside] != where if len(positions) else np.ones(len(where), dtype=bool)
    return np.ma.masked_array(index, mask=missing)


def _either(one: Positions, other: Positions) -> Positions:
    """The union of two rising runs, rising. A stable sort merges runs; numpy's own union hashes, slowly."""
    if not len(other):
        return one
    both = np.sort(np.concatenate([one, other]), kind="stable")
    union: Positions = both[np.concatenate([[True], both[1:] != both[:-1]])]
    return union


def _first_gap(where: Positions) -> int:
    """The lowest position that is not among these rising ones."""
    off = np.flatnonzero(where != np.arange(len(where)))
    return int(off[0]) if len(off) else len(where)


def _of_codes(at: Positions, texts: list[str | None]) -> pa.DictionaryArray:
    """Column of what each code says; null where it says nothing."""
    distinct = list(dict.fromkeys(text for text in texts if text is not None))
    index = pa.array([None if text is None else distinct.index(text) for text in texts], pa.int32())
    return pa.DictionaryArray.from_arrays(index.take(pa.array(at)), pa.array(distinct, pa.string()))


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _stamp(updated: object) -> str | None:
    try:
        return dt.datetime.fromisoformat(updated).isoformat() if isinstance(updated, str) else None
    except ValueError:  # ONS writes 14/09/2016: which of the two is the month is not said
        return None
