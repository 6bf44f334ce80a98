"""SDMX-ML by whole columns: messages whose observations are attributes alone, which nearly all are.

A double quote stands in such a text only around the value of an attribute. What stands between values is then a handful
of different texts, each a few tags, and the values are columns. Each of these texts is read once, strictly; that they
follow each other as elements nest is checked for every one. A message with anything else in it is not read here.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]

_NAME: Final = r"[A-Za-z_][\w.-]*"
_FIRST: Final = re.compile(rf"<(?:{_NAME}:)?(?:Series|Obs)[\s>]".encode())
_DATA_SET: Final = re.compile(rf"<(?:{_NAME}:)?DataSet[\s>]".encode())
_LAST: Final = re.compile(rf"</(?:{_NAME}:)?DataSet\s*>".encode())
_ENCODING: Final = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([^\"']+)[\"']")
#: The prefix of a namespace, and the namespace.
_PREFIX: Final = re.compile(rf"""\sxmlns(?::({_NAME}))?\s*=\s*(?:"([^"]*)"|'([^']*)')""")
#: What may stand between two values: the end of a tag, whole tags without attributes, and the name of an attribute.
_ATTRIBUTE: Final = re.compile(rf"\s+({_NAME})=")
_TAG: Final = re.compile(rf"\s*(?:<(/?)(?:({_NAME}):)?({_NAME})\s*(/?)>)")
_OPENING: Final = re.compile(rf"\s*<(?:({_NAME}):)?({_NAME})\s+({_NAME})=")
_END: Final = re.compile(r"\s*(/?)>")
_REFERENCE: Final = re.compile(r"&(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9A-Fa-f]+);")
#: What XML does not have in a value, or makes a space of.
_CONTROL: Final = "[\\x00-\\x1f<\\x{FFFE}\\x{FFFF}]"
#: More different texts between values than this are no shape.
_SHAPES: Final = 2000

#: The elements that are open within the data set.
_Path = tuple[str, ...]

_GENERIC: Final[Mapping[_Path, str]] = {
    ("Series", "SeriesKey", "Value"): "series",
    ("Series", "Attributes", "Value"): "series",
    ("Series", "Obs", "ObsKey", "Value"): "observation",
    ("Series", "Obs", "Attributes", "Value"): "observation",
    ("Series", "Obs", "ObsDimension"): "observation",
    ("Series", "Obs", "ObsValue"): "observation",
    ("Obs", "ObsKey", "Value"): "observation",
    ("Obs", "Attributes", "Value"): "observation",
    ("Obs", "ObsValue"): "observation",
}
_SPECIFIC: Final[Mapping[_Path, str]] = {
    ("Series",): "series",
    ("Series", "Obs"): "observation",
    ("Obs",): "observation",
}
_KEYS: Final = frozenset({"SeriesKey", "ObsKey"})


@dataclass(frozen=True)
class Scanned:
    """What stands in a message: columns of series and of observations, and the rest of the message, to be parsed."""

    series: Mapping[str, pa.DictionaryArray]
    observations: Mapping[str, pa.DictionaryArray]
    #: For each observation the number of its series, -1 for none.
    series_of: Ints
    #: Of generic data, the names of dimensions in their order; "" stands for the dimension at the observation.
    dimensions: tuple[str, ...]
    rest: bytes


@dataclass(frozen=True)
class _Between:
    """A text between two values: the tags in it, and the attribute whose value follows; "" at the end."""

    #: Whether it begins within a tag, and how that ends: " " another attribute follows, ">" or "/".
    begins: str
    #: Names of elements that open, or with `/` before them that close; the last one that opens may go on.
    tags: tuple[str, ...]
    attribute: str


class _OddError(Exception):
    """The message is not of this shape."""


def scanned(text: bytes, *, generic: bool) -> Scanned | None:
    """The columns of a message; None where it is not of the shape that can be read so. Nothing is said of errors."""
    try:
        return _scanned(text, generic=generic)
    except _OddError:
        return None


def _scanned(text: bytes, *, generic: bool) -> Scanned:
    first = _FIRST.search(text)
    if first is None or len(_DATA_SET.findall(text[: first.start()])) != 1:
        raise _OddError
    last = _LAST.search(text, max(first.start(), len(text) - 65536))
    if last is None or _DATA_SET.search(text, first.start()) or _LAST.search(text, first.start(), last.start()):
        raise _OddError
    encoding = _ENCODING.match(text[:200])
    if encoding is not None and encoding[1].lower() != b"utf-8":
        raise _OddError
    bulk = text[first.start() : last.start()]
    between, values = _split(bulk)
    codes = between.indices.to_numpy(zero_copy_only=False)
    namespaces = _namespaces(text[: first.start()])
    shapes = [_between(part, namespaces, generic=generic) for part in between.dictionary.to_pylist()]
    paths, states = _run(shapes, codes, _GENERIC if generic else _SPECIFIC)
    rows = {kind: _numbered(shapes, codes, kind) for kind in ("Series", "Obs")}
    columns = _Columns(shapes, codes, values, paths, states, rows)
    dimensions = columns.of_generic() if generic else columns.of_specific()
    return Scanned(
        columns.series,
        columns.observations,
        _series_of(shapes, codes, rows["Series"]),
        dimensions,
        text[: first.start()] + text[last.start() :],
    )


def _split(bulk: bytes) -> tuple[pa.DictionaryArray, pa.Array]:
    """The texts between values, one more than there are values, and the values."""
    quotes = np.flatnonzero(np.frombuffer(bulk, dtype=np.uint8) == ord('"'))
    if len(quotes) % 2 or not len(quotes) or len(bulk) >= 2**31:
        raise _OddError
    try:
        bulk.decode()
    except UnicodeDecodeError:
        raise _OddError from None
    offsets = np.concatenate([[0], quotes - np.arange(len(quotes)), [len(bulk) - len(quotes)]]).astype(np.int32)
    without = bulk.replace(b'"', b"")
    texts = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(without))
    between = texts.take(pa.array(np.arange(0, len(texts), 2))).dictionary_encode()
    if len(between.dictionary) > _SHAPES:
        raise _OddError
    return between, texts.take(pa.array(np.arange(1, len(texts), 2)))


def _namespaces(before: bytes) -> dict[str, str]:
    """Prefix → namespace of what is declared before the observations; a prefix that means two things is odd."""
    found: dict[str, str] = {}
    for prefix, one, other in _PREFIX.findall(before.decode("utf-8", "replace")):
        if found.setdefault(prefix, one or other) != (one or other):
            raise _OddError
    return found


def _between(text: str, namespaces: Mapping[str, str], *, generic: bool) -> _Between:
    """Read one text strictly; _OddError where there is anything in it that is not known."""

    def named(prefix: str | None, local: str) -> str:
        namespace = namespaces.get(prefix or "", "" if not prefix else None)
        if namespace is None or namespace.endswith("/data/generic") != generic:
            raise _OddError
        return local

    attribute = _ATTRIBUTE.fullmatch(text)
    if attribute:
        return _Between(" ", (), attribute[1])
    end = _END.match(text)
    begins, at = ("", 0) if end is None else (end[1] or ">", end.end())
    tags: list[str] = []
    while True:
        tag = _TAG.match(text, at)
        if tag is None:
            break
        closing, prefix, local, alone = tag.groups()
        if closing and alone:
            raise _OddError
        tags.append(closing + named(prefix, local))
        if alone:
            tags.append(f"/{local}")
        at = tag.end()
    opening = _OPENING.match(text, at)
    if opening:
        if opening.end() != len(text):
            raise _OddError
        return _Between(begins, (*tags, named(opening[1], opening[2])), opening[3])
    if text[at:].strip(" \t\r\n"):
        raise _OddError
    return _Between(begins, tuple(tags), "")


# -- that elements nest -------------------------------------------------------------------------------------------


def _run(
    shapes: Sequence[_Between], codes: npt.NDArray[np.int32], known: Mapping[_Path, str]
) -> tuple[list[_Path], Ints]:
    """The paths that there are, and for each text which path is open after it; _OddError where elements do not nest."""
    inner = np.array([shape.begins == " " for shape in shapes])
    moving = np.flatnonzero(~inner[codes])
    paths: list[_Path] = [()]
    numbers: dict[_Path, int] = {(): 0}
    table: list[dict[int, int]] = [{}]

    def moved(state: int, code: int) -> int:
        after = table[state].get(code)
        if after is None:
            path = _after(paths[state], shapes[code], known)
            if path not in numbers:
                numbers[path] = len(paths)
                paths.append(path)
                table.append({})
            after = table[state][code] = numbers[path]
        return after

    states = np.fromiter(itertools.accumulate(codes[moving].tolist(), moved, initial=0), np.int64, len(moving) + 1)
    if states[-1] != 0:
        raise _OddError
    if not len(moving) or moving[0] != 0:
        raise _OddError
    return paths, states[np.cumsum(~inner[codes])]


def _after(path: _Path, shape: _Between, known: Mapping[_Path, str]) -> _Path:
    if bool(path) != bool(shape.begins):
        raise _OddError
    stack = list(path)
    if shape.begins == "/":
        stack.pop()
    for tag in shape.tags:
        if tag.startswith("/"):
            if not stack or stack.pop() != tag[1:]:
                raise _OddError
        else:
            stack.append(tag)
            if not any(one[: len(stack)] == tuple(stack) for one in known):
                raise _OddError
    if shape.attribute and tuple(stack) not in known:
        raise _OddError
    if not shape.attribute and stack:
        raise _OddError
    return tuple(stack)


def _numbered(shapes: Sequence[_Between], codes: npt.NDArray[np.int32], kind: str) -> Ints:
    """For each text how many elements of a kind have begun with it; at most one may begin in a text."""
    opened = np.array([shape.tags.count(kind) for shape in shapes], dtype=np.int64)
    if opened.max() > 1:
        raise _OddError
    return np.cumsum(opened[codes])


def _series_of(shapes: Sequence[_Between], codes: npt.NDArray[np.int32], series: Ints) -> Ints:
    """For each observation the number of the series in which it begins, -1 for none."""
    begins = np.zeros(len(shapes), dtype=bool)
    flat = np.zeros(len(shapes), dtype=bool)
    for number, shape in enumerate(shapes):
        if "Obs" not in shape.tags:
            continue
        begins[number] = True
        at = shape.tags.index("Obs")
        if "Series" in shape.tags[at:]:
            raise _OddError  # it belongs to the series before, and another one begins in the same text
        flat[number] = "/Series" in shape.tags[:at] and "Series" not in shape.tags[:at]
    if flat.any():
        raise _OddError  # series, and then observations outside of any
    of = series[begins[codes]] - 1
    return np.asarray(of, dtype=np.int64)


# -- the columns --------------------------------------------------------------------------------------------------


class _Columns:
    """Values become columns: which one, the text before says, or in generic data the value before."""

    def __init__(
        self,
        shapes: Sequence[_Between],
        codes: npt.NDArray[np.int32],
        values: pa.Array,
        paths: Sequence[_Path],
        states: Ints,
        rows: Mapping[str, Ints],
    ) -> None:
        self.shapes, self.values, self.paths = shapes, values, paths
        self.codes, self.states = codes[:-1], states[:-1]  # no value follows the last text
        self.rows = {kind: numbers[:-1] - 1 for kind, numbers in rows.items()}
        self.counts = {kind: int(numbers[-1]) for kind, numbers in rows.items()}
        self.series: dict[str, pa.DictionaryArray] = {}
        self.observations: dict[str, pa.DictionaryArray] = {}
        self.attributes = list(dict.fromkeys(shape.attribute for shape in shapes if shape.attribute))
        numbers_of = {name: number for number, name in enumerate(self.attributes)}
        of_code = np.array([numbers_of.get(shape.attribute, -1) for shape in shapes])
        self.attribute = of_code[self.codes]
        if (self.attribute < 0).any():
            raise _OddError  # something in quotes that is no attribute

    def of_specific(self) -> tuple[str, ...]:
        """Attributes of Series and Obs; there are no dimensions to be told."""
        if "xmlns" in self.attributes:
            raise _OddError
        for kind, into in (("Series", self.series), ("Obs", self.observations)):
            here = self._in(lambda path, kind=kind: path[-1] == kind)  # type: ignore[misc]
            found = [(np.flatnonzero(here & (self.attribute == n)), name) for n, name in enumerate(self.attributes)]
            self._take(kind, into, [(at, name) for at, name in found if len(at)])
        return ()

    def of_generic(self) -> tuple[str, ...]:
        """Elements Value with an id and a value; ObsDimension and ObsValue have a value alone."""
        named = self._in(lambda path: path[-1] == "Value")
        ids, texts = (self.attribute == self._number(name) for name in ("id", "value"))
        if not (ids | texts).all() or (ids & ~named).any():
            raise _OddError
        at_id = np.flatnonzero(ids)
        at = np.flatnonzero(named & texts)
        within = np.array([shape.begins == " " for shape in self.shapes])[self.codes]
        if not np.array_equal(at, at_id + 1) or not within[at].all():
            raise _OddError  # each id has its value, in the same tag
        names = self.values.take(pa.array(at_id)).dictionary_encode()
        number, told = names.indices.to_numpy(zero_copy_only=False), names.dictionary.to_pylist()
        if any("&" in name or not re.fullmatch(_NAME, name) for name in told):
            raise _OddError
        keys = self._in(lambda path: bool(_KEYS.intersection(path)))
        own = np.flatnonzero(self._in(lambda path: path[-1] == "ObsDimension"))
        figures = np.flatnonzero(self._in(lambda path: path[-1] == "ObsValue"))
        dimensions = [(at[keys[at] & (number == n)], name) for n, name in enumerate(told)]
        order = sorted([(found[0], name) for found, name in dimensions if len(found)] + [(p, "") for p in own[:1]])
        for kind, into in (("Series", self.series), ("Obs", self.observations)):
            here = self._in(lambda path, kind=kind: ("Obs" in path) == (kind == "Obs"))[at]  # type: ignore[misc]
            found = [(at[here & (number == n)], name) for n, name in enumerate(told)]
            if kind == "Obs":
                found += [(own, ""), (figures, "OBS_VALUE")]
            self._take(kind, into, [(places, name) for places, name in found if len(places)])
        return tuple(name for _, name in order)

    def _number(self, name: str) -> int:
        return self.attributes.index(name) if name in self.attributes else -2

    def _in(self, fits: Callable[[_Path], bool]) -> npt.NDArray[np.bool_]:
        """Where the open path is one that fits."""
        return np.array([bool(path) and fits(path) for path in self.paths])[self.states]

    def _take(self, kind: str, into: dict[str, pa.DictionaryArray], found: Sequence[tuple[Ints, str]]) -> None:
        """Make columns of values, in the order in which they come first; a row with two of a name is odd."""
        names = [name for _, name in found]
        if len(set(names)) != len(names):
            raise _OddError
        for at, name in sorted(found, key=lambda one: int(one[0][0])):
            rows = self.rows[kind][at]
            if (np.diff(rows) <= 0).any():
                raise _OddError
            coded = self.values.take(pa.array(at)).dictionary_encode()
            texts = _meant(coded.dictionary)
            if len(rows) == self.counts[kind]:
                indices = coded.indices
            else:
                spread = np.full(self.counts[kind], -1, dtype=np.int32)
                spread[rows] = coded.indices.to_numpy(zero_copy_only=False)
                indices = pa.array(spread, mask=spread < 0)
            column = pa.DictionaryArray.from_arrays(indices, texts)
            into[name] = column if texts is coded.dictionary else column.cast(pa.string()).dictionary_encode()


def _meant(raw: pa.Array) -> pa.Array:
    """Values as they are meant, the same array where that is what stands there; _OddError where XML says otherwise."""
    if pc.any(pc.match_substring_regex(raw, _CONTROL)).as_py():
        raise _OddError
    if not pc.any(pc.match_substring(raw, "&")).as_py():
        return raw
    texts = []
    for text in raw.to_pylist():
        if "&" in _REFERENCE.sub("", text):
            raise _OddError
        meant = _REFERENCE.sub(lambda match: unescape(match[0]), text)
        if any(character < " " or character in "\ufffe\uffff" for character in meant):
            raise _OddError
        texts.append(meant)
    return pa.array(texts, pa.string())
