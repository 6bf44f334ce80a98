"""Cells as coded columns: how every reader turns what it found into a text table."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from migstats.errors import DriftError, PublisherError
from migstats.readers import PLACE, ROW, SNAPSHOT, VALUE, Envelope, Explained, TextTable, answer

Indices = npt.NDArray[np.integer[Any]]

#: Dictionary type of every publisher's column.
CODED: Final = pa.dictionary(pa.int32(), pa.string())
#: Decodes JSON so that a number with a fraction or an exponent keeps its text.
SCALARS: Final = msgspec.json.Decoder(float_hook=str)
#: What is written as a number: `7`, `-1.50`, `1E5`, `12 345,6`. A date, a code or a range is not.
NUMBER: Final = " *[-+]?([0-9]+|[0-9]{1,3}([ ,.'\u00a0\u202f][0-9]{3})+)([.,][0-9]+)?([eE][-+]?[0-9]+)? *"
_NUMBER: Final = re.compile(NUMBER)
_FURTHER_FIELDS: Final = 200
#: What the name of a field cannot hold: the decoder takes no such name.
_NO_NAME: Final = re.compile(r'[\x00-\x1f"\\]')


def text_table(
    columns: Mapping[str, pa.DictionaryArray],
    value: pa.Array,
    templates: Sequence[str],
    row: Indices,
    *,
    template: Indices | None = None,
    explained: Iterable[Explained] = (),
    envelope: Envelope | None = None,
    dimensions: Iterable[tuple[str, ...]] = (),
    labels: Mapping[str, Mapping[str, str]] | None = None,
) -> TextTable:
    """Put the columns together; `template` says per row which of the place templates holds (None: the first).

    DriftError where a publisher's column has the name of a reserved one, or a place cannot be a template.
    """
    for name in (VALUE, PLACE, ROW, SNAPSHOT):
        if name in columns:
            raise DriftError(
                f"the payload has a column {name!r}, a name that the text table keeps for itself; ask the publisher "
                "for another name, or for the answer without this column"
            )
    for text in templates:
        if text.count("{") != 1 or text.count("}") != 1:
            raise DriftError(f"the place {text!r} cannot be a template, since a name in it holds a brace")
    where = np.zeros(len(row), dtype=np.int32) if template is None else template
    data = pa.table({**columns, VALUE: value, PLACE: indexed(where, templates), ROW: pa.array(row.astype(np.int32))})
    told = tuple(e for e in explained if e.count)
    return TextTable(data, told, envelope or Envelope(), tuple(dimensions), labels or {})


def melted_table(
    columns: Mapping[str, pa.DictionaryArray],
    figures: Sequence[pa.Array],
    across: Mapping[str, Sequence[str]],
    templates: Sequence[str],
    row: Indices,
    *,
    template: Indices | None = None,
    **told: Any,
) -> TextTable:
    """Text table of several columns of figures, one after the other, with the other columns beside each.

    `across` and `templates` say for each column of figures what it is of, and where; `template` says which of them each
    row has, where each column of figures has as many, one after the other. `told` goes to `text_table`.
    """
    times = len(figures)
    which = np.repeat(np.arange(times), len(row))
    place = which if template is None else which * (len(templates) // max(times, 1)) + np.tile(template, times)
    data = {name: _repeated(column, times) for name, column in columns.items()}
    for name, texts in across.items():
        if name in data:
            raise DriftError(f"the payload has a column {name!r} of its own; it would stand in the way of another one")
        codes = {text: code for code, text in enumerate(dict.fromkeys(texts))}
        data[name] = indexed(np.array([codes[text] for text in texts])[which], list(codes))
    return text_table(data, pa.concat_arrays(figures), templates, np.tile(row, times), template=place, **told)


def _repeated(column: pa.DictionaryArray, times: int) -> pa.DictionaryArray:
    if times == 1:
        return column
    return pa.DictionaryArray.from_arrays(pa.concat_arrays([column.indices] * times), column.dictionary)


def dimensions(
    columns: Iterable[str], attributes: Iterable[str], labels: Mapping[str, str], across: Iterable[str]
) -> list[tuple[str, ...]]:
    """The columns that tell figures apart, each with that of its labels; those across come last."""
    none = {*attributes, *labels.values()}
    names = list(columns)
    found = [(name, *(label for label in [labels.get(name)] if label in names)) for name in names if name not in none]
    return [*found, *((name,) for name in across)]


def fitting(column: pa.Array, pattern: str) -> npt.NDArray[np.bool_] | None:
    """Where the texts of a column, coded or not, are as a pattern says; None where none is."""
    texts = column.dictionary if isinstance(column, pa.DictionaryArray) else column
    fits = pc.match_substring_regex(texts, f"^(?:{pattern})$").fill_null(False)
    if not pc.any(fits).as_py():
        return None
    if isinstance(column, pa.DictionaryArray):
        fits = fits.take(column.indices).fill_null(False)
    mask: npt.NDArray[np.bool_] = fits.to_numpy(zero_copy_only=False)
    return mask


def is_number(text: str) -> bool:
    """Whether a cell holds what is written as a number."""
    return _NUMBER.fullmatch(text) is not None


def stamp(text: str, where: str) -> str:
    """A date or time of a last update, as ISO 8601; DriftError where it is none."""
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise DriftError(f"{where}: a date such as 2025-05-13 is expected, found {text!r}") from None
    return text.strip() if len(text.strip()) == len("2025-05-13") else moment.isoformat()


def labels_of(codes: pa.DictionaryArray, texts: pa.DictionaryArray) -> dict[str, str]:
    """Code → label where there are both, from two columns of the same rows; of several labels the first by alphabet."""
    width = len(texts.dictionary)
    at, text_at = (column.indices.cast(pa.int64()) for column in (codes, texts))
    pairs = pc.unique(pc.add(pc.multiply(at, width), text_at)).drop_null().to_pylist()
    code_of, text_of = codes.dictionary.to_pylist(), texts.dictionary.to_pylist()
    found = ((code_of[pair // width], text_of[pair % width]) for pair in pairs)
    return dict(sorted((pair for pair in found if all(pair)), reverse=True))


def indexed(indices: Indices, texts: Sequence[str | None]) -> pa.DictionaryArray:
    """Column of texts from indices into them."""
    return pa.DictionaryArray.from_arrays(pa.array(indices.astype(np.int32, copy=False)), pa.array(texts, pa.string()))


def coded(values: list[Any]) -> pa.DictionaryArray:
    """Coded column of JSON scalars, None stays null."""
    return text_array(values).dictionary_encode()


def text_array(values: list[Any]) -> pa.Array:
    """JSON scalars as their text: strings as they are, numbers and true/false as JSON writes them."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        return pa.array(values, pa.string())
    if kinds == {int}:
        try:
            return pa.array(values, pa.int64()).cast(pa.string())
        except OverflowError:
            return pa.array([_text(v) for v in values], pa.string())
    if list in kinds:  # mostly the same few; equal ones may be written otherwise, as 1 and true
        texts: dict[str, str | None] = {}
        keys = list(map(repr, values))
        for key, value in zip(keys, values, strict=True):
            if key not in texts:
                texts[key] = _text(value)
        return pa.array(map(texts.__getitem__, keys), pa.string())
    return pa.array([v if type(v) is str else _text(v) for v in values], pa.string())


def _text(value: Any) -> str | None:
    if value is None or value is msgspec.UNSET:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def scalar(raw: bytes) -> str | None:
    """Text of one raw JSON value, as `text_array` would give it."""
    return _text(SCALARS.decode(raw))


def pointer(*tokens: str) -> str:
    """JSON pointer (RFC 6901) of these tokens."""
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)


def tokens_of(place: str) -> list[str]:
    """Tokens of a JSON pointer."""
    if not place.startswith("/"):
        raise PublisherError(f"{place!r} is no JSON pointer such as /1/57/value")
    return [token.replace("~1", "/").replace("~0", "~") for token in place[1:].split("/")]


def at_pointer(document: bytes, place: str) -> str | None:
    """Text of the scalar at a JSON pointer; None for null, below null, and for a member that an object does not have.

    PublisherError where the way to it is not there.
    """
    raw: bytes = document
    for token in tokens_of(place):
        if raw == b"null":
            return None
        try:
            node: Any = msgspec.json.decode(raw, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
        except msgspec.DecodeError:
            node = None
        if isinstance(node, dict):
            if token not in node:
                return None
            raw = bytes(node[token])
        elif isinstance(node, list) and token.isdecimal() and int(token) < len(node):
            raw = bytes(node[int(token)])
        else:
            raise PublisherError(f"the payload has no place {place}: nothing is at {token!r}")
    return scalar(raw)


def records(raw: bytes, where: str, pairs: Iterable[str] = ()) -> dict[str, list[Any]]:
    """Rows of a raw JSON array of objects, as one list per field; a field that a row lacks is msgspec.UNSET.

    The fields named in `pairs` hold an object `{id, value}` and become `<field>.id` and `<field>.value`.
    DriftError names the place where the array does not hold such objects, or where one has a field twice.
    """
    nested = dict.fromkeys(pairs, _PAIR)
    fields: list[str] = list(nested)
    while True:  # a row with a field not seen before stops the decoder, mostly at the first row
        row_type = msgspec.defstruct(
            "Row",
            [
                (f"f{i}", nested.get(name, Any), msgspec.field(name=name, default=msgspec.UNSET))
                for i, name in enumerate(fields)
            ],
            forbid_unknown_fields=True,
            gc=False,
        )
        try:
            rows = msgspec.json.Decoder(list[row_type], float_hook=str).decode(raw)  # type: ignore[valid-type]
            break
        except msgspec.ValidationError as error:
            further = _unknown_field(str(error))
            if further is None or further in fields or len(fields) > _FURTHER_FIELDS:
                at = re.search(r"at `\$\[([0-9]+)\]", str(error))
                place = f"{where}/{at[1]}" if at else where or "/"
                raise DriftError(f"{place}: the rows are not what they were: {error}") from error
            if _NO_NAME.search(further):
                raise DriftError(
                    f"{where}: a row has a field named {further!r}; a name with a quote, a backslash or a control "
                    "character is not read: see what the publisher means by it, and ask for the answer without it"
                ) from None
            fields.append(further)
    columns: dict[str, list[Any]] = {}
    said = 0
    for i, name in enumerate(fields):
        cells = list(map(attrgetter(f"f{i}"), rows))
        if name in nested:
            holders = [_NO_PAIR if cell is None or cell is msgspec.UNSET else cell for cell in cells]
            columns[f"{name}.id"] = list(map(attrgetter("id"), holders))
            columns[f"{name}.value"] = list(map(attrgetter("value"), holders))
        else:
            columns[name] = cells
        said += _keys(cells)
    said += sum(_keys(columns[f"{name}.{part}"]) for name in nested for part in ("id", "value"))
    if answer.count_keys(raw) != said:
        answer.refuse_repeated(raw, where)
    return columns


def _keys(values: list[Any]) -> int:
    """How many keys a field has in all rows, those of objects in it with them.

    By the types of its values, since to compare each with UNSET is slow.
    """
    kinds = set(map(type, values))
    count = len(values)
    if msgspec.UnsetType in kinds:
        count -= Counter(map(type, values))[msgspec.UnsetType]
    return count if {dict, list}.isdisjoint(kinds) else count + sum(map(_keys_within, values))


def _keys_within(value: Any) -> int:
    if type(value) is dict:
        return len(value) + sum(map(_keys_within, value.values()))
    return sum(map(_keys_within, value)) if type(value) is list else 0


class _Pair(msgspec.Struct, gc=False):
    id: Any = msgspec.UNSET
    value: Any = msgspec.UNSET


_PAIR: Final = _Pair | None
_NO_PAIR: Final = _Pair()


def _unknown_field(message: str) -> str | None:
    found = message.split("unknown field `", 1)
    return found[1].split("` - at", 1)[0].rstrip("`") if len(found) == 2 else None
