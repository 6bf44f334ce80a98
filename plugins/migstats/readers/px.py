"""Reader of PC-Axis files (.px): keywords in plain text, then the figures of a cube, cell by cell.

The format is that of the PC-Axis file format specification of Statistics Sweden (AXIS-VERSION up to 2013).
"""

from __future__ import annotations

import codecs
import datetime as dt
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.layout import PxLayout
from migstats.readers import NOTE, Envelope, Explained, TextTable, answer, cells

_EXPECTED: Final = "a PC-Axis file"
#: A statement ends with the first semicolon that stands in no text. Nothing is tried twice, however long it is.
_STATEMENT: Final = re.compile(r'(?:[^";]++|"[^"]*+")*+;')
_KEYWORD: Final = re.compile(r'\s*([A-Z][A-Z0-9_-]*)\s*(?:\[([^\]"]+)\])?\s*(?:\(((?:[^"()]++|"[^"]*+")*+)\))?\s*=\s*')
_TEXT: Final = re.compile(r'"([^"]*+)"(?:\s*"([^"]*+)")*+')
_ADJACENT: Final = re.compile(r'"\s*"')
_LIST: Final = re.compile(r'TLIST\(\s*([AHQMWD])1?\s*(?:,\s*"(\d+)"\s*-\s*"(\d+)"\s*)?\)')
_AS_DECLARED: Final = re.compile(rb'(CHARSET|CODEPAGE)\s*=\s*"([^"]*)"')
#: What stands between two cells: blank, tab, end of line, comma.
_BETWEEN: Final = np.isin(np.arange(256, dtype=np.uint8), np.frombuffer(b" \t\r\n,", dtype=np.uint8))
_PLACE: Final = re.compile(r"line ([0-9]+) cell ([0-9]+)")
#: The column with the unit of each figure, and the end of the name of that with the SDMX period of a time variable.
_UNITS: Final = "UNITS"
_PERIOD: Final = ".period"

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Statement:
    """`KEYWORD[language]("of","of")=value;`."""

    keyword: str
    language: str | None
    of: tuple[str, ...]
    value: str


@dataclass(frozen=True)
class _Variable:
    """A dimension: `name` is its column, `own` the name by which the file's other keywords call it."""

    name: str
    own: str
    codes: tuple[str, ...]
    texts: tuple[str, ...]
    periods: tuple[str, ...] | None


@dataclass(frozen=True)
class _File:
    """The keywords of a file, and where its cells begin: `line` is the number of the line on which `data` begins."""

    statements: dict[tuple[str, str | None, tuple[str, ...]], _Statement]
    stub: tuple[_Variable, ...]
    heading: tuple[_Variable, ...]
    data: str
    line: int

    @property
    def variables(self) -> tuple[_Variable, ...]:
        return (*self.stub, *self.heading)

    def of(self, keyword: str) -> Iterator[_Statement]:
        """The statements of a keyword in the file's first language."""
        return (s for s in self.statements.values() if s.keyword == keyword and s.language is None)


@dataclass(frozen=True)
class _Cells:
    """The cells as they stand: the text of each, and its line (of the file) and number in that line, both from 1."""

    texts: pa.Array
    line: Numbers
    number: Numbers


def inspect(payload: bytes, layout: PxLayout) -> Envelope:
    """The stamp of the last update; there are no pages.

    TryAgainError: a web page, or cut off. PublisherError: nothing, or an error body. DriftError: no PC-Axis file, or
    one whose keywords contradict each other.
    """
    return Envelope(updated=_updated(_open(payload, layout)))


def read(payload: bytes, layout: PxLayout) -> TextTable:
    """One row per cell, in the order of the file; columns are the variables, by VARIABLECODE where there is one.

    `_value` is the text of the cell without its quotes, so that `..` and `-` are for `codes.csv`. A time variable has a
    second column `<name>.period` with SDMX periods where TIMEVAL says them; `UNITS` and `_note` (VALUENOTE, CELLNOTE)
    stand beside where the file has any. With KEYS, rows that are left out are counted as absent.

    DriftError where the number of cells is not the product of the variables, or a key is unknown or stands twice.
    """
    file = _open(payload, layout)
    found = _cells(file)
    sizes = [len(variable.codes) for variable in file.variables]
    absent = 0
    if any(True for _ in file.of("KEYS")):
        position, found = _keyed(file, found)
        absent = math.prod(sizes) - len(position)
    else:
        position = np.arange(len(found.texts), dtype=np.int64)
        if len(position) != math.prod(sizes):
            shape = " x ".join(f"{variable.name} {len(variable.codes)}" for variable in file.variables)
            raise DriftError(
                f"DATA (from line {file.line}) has {len(position)} cells, {math.prod(sizes)} were expected ({shape}); "
                "the file was cut or put together wrongly: fetch it again, and tell the publisher if it stays so"
            )
    if not len(position):
        raise PublisherError("DATA holds no cell: no rows are not zero rows; look at the table of the publisher")
    columns, dimensions = _columns(file, position, sizes)
    templates, which, row = _places(found)
    example = f"line {found.line[-1]} cell {found.number[-1]}"
    return cells.text_table(
        columns,
        found.texts,
        templates,
        row,
        template=which,
        explained=[Explained("absent_position", absent, f"after {example}")] if absent else [],
        envelope=Envelope(updated=_updated(file)),
        dimensions=dimensions,
        labels={v.name: dict(zip(v.codes, v.texts, strict=True)) for v in file.variables},
    )


def locate(payload: bytes, place: str, layout: PxLayout) -> str | None:
    """The text at a place such as `line 40 cell 2`, as `read` gives it."""
    match = _PLACE.fullmatch(place)
    if match is None:
        raise PublisherError(f"{place!r} is no place of {_EXPECTED}, such as line 40 cell 2")
    found = _cells(_open(payload, layout))
    [where] = np.nonzero((found.line == int(match[1])) & (found.number == int(match[2])))
    if not len(where):
        raise PublisherError(f"the payload has no place {place}")
    text: str | None = found.texts[int(where[0])].as_py()
    return text


# -- keywords ---------------------------------------------------------------------------------------------------


def _open(payload: bytes, layout: PxLayout) -> _File:
    start = answer.body(payload, _EXPECTED)[:200].decode("latin-1").lstrip()
    if _KEYWORD.match(start) is None:
        raise DriftError(f"the answer is not {_EXPECTED}; it begins with {start[:60]!r}")
    text = _decoded(payload, layout).removeprefix("\ufeff")
    statements: dict[tuple[str, str | None, tuple[str, ...]], _Statement] = {}
    at = 0
    while True:
        keyword = _KEYWORD.match(text, at)
        line = text.count("\n", 0, at) + 1
        if keyword is None:
            rest = text[at:].strip()
            if not rest:
                raise TryAgainError(f"{_EXPECTED} ends in line {line} without DATA; it was cut off: ask again later")
            raise DriftError(f'near line {line}: a keyword is expected, such as VALUES("sex")=, found {rest[:60]!r}')
        whole = _STATEMENT.match(text, keyword.end())
        if whole is None:
            raise TryAgainError(
                f"{keyword[1]}, which begins near line {line}, has no semicolon at its end; the file was cut off: ask "
                "again later"
            )
        value = text[keyword.end() : whole.end() - 1]
        if keyword[1] == "DATA":
            rest = text[whole.end() :].strip(" \t\r\n\x1a")
            if rest:
                after = text.count("\n", 0, whole.end()) + 1
                raise DriftError(f"line {after}: after the cells stands {rest[:60]!r}; DATA has to be the last keyword")
            stub, heading = _variables(statements, layout)
            return _File(statements, stub, heading, value, text.count("\n", 0, keyword.end()) + 1)
        statement = _Statement(keyword[1], keyword[2], tuple(_texts(keyword[3] or "")), value)
        key = (statement.keyword, statement.language, statement.of)
        if key in statements and statements[key].value != value and statement.keyword in _ONCE:
            raise DriftError(f"near line {line}: {statement.keyword} of {statement.of} stands twice, and not the same")
        statements.setdefault(key, statement)
        at = whole.end()


#: Keywords by which cells get their meaning; of two that differ nobody says which holds.
_ONCE: Final = frozenset({"STUB", "HEADING", "VALUES", "CODES", "VARIABLECODE", "TIMEVAL", "KEYS", "LANGUAGE", "UNITS"})


def _decoded(payload: bytes, layout: PxLayout) -> str:
    said = dict(_AS_DECLARED.findall(payload[:4096]))
    name = (
        layout.encoding
        or ("utf-8" if payload.startswith(answer.BOM) else "")
        or said.get(b"CODEPAGE", b"").decode("ascii", "replace")
    )
    if not name and said.get(b"CHARSET", b"").upper() == b"ANSI":
        name = "cp1252"
    if not name and payload.isascii():
        name = "ascii"
    if not name:
        raise DriftError(
            'the file says neither CODEPAGE nor CHARSET="ANSI", and has letters beyond ASCII; declare `encoding` of '
            "the reader, such as cp850"
        )
    try:
        if codecs.lookup(name).name not in ("utf-8", "utf-8-sig") and answer.is_utf8(payload):
            raise DriftError(
                f"the file is UTF-8 from its first byte to its last, and {name} is said; declare `encoding: utf-8`"
            )
        return codecs.decode(payload, name)
    except LookupError:
        raise DriftError(f"CODEPAGE is {name!r}, no encoding that Python knows; declare `encoding`") from None
    except UnicodeError as error:
        raise DriftError(f"the file is not in {name}, as it says: {error}; declare `encoding` of the reader") from None


def _texts(value: str) -> list[str]:
    """The texts of a list; those that stand side by side, on lines of their own, are one (line continuation)."""
    return [_ADJACENT.sub("", match[0])[1:-1] for match in _TEXT.finditer(value)]


def _variables(
    statements: dict[tuple[str, str | None, tuple[str, ...]], _Statement], layout: PxLayout
) -> tuple[tuple[_Variable, ...], tuple[_Variable, ...]]:
    first = _first(statements, "LANGUAGE") or None
    language = None if layout.language in (None, first) else layout.language
    there = _texts(statements[key].value) if (key := ("LANGUAGES", None, ())) in statements else [first]
    if layout.language is not None and layout.language not in there:
        raise DriftError(f"the file has no language {layout.language!r}; it has {', '.join(map(str, there))}")

    def texts(keyword: str, of: tuple[str, ...], in_language: str | None) -> list[str]:
        found = statements.get((keyword, in_language, of))
        return _texts(found.value) if found else []

    def made(place: str) -> tuple[_Variable, ...]:
        own = texts(place, (), None)
        named = texts(place, (), language) or own
        if len(named) != len(own):
            raise DriftError(f"{place} names {len(own)} variables, and {len(named)} in language {language!r}")
        return tuple(variable(a, b) for a, b in zip(own, named, strict=True))

    def variable(own: str, named: str) -> _Variable:
        values = texts("VALUES", (own,), None)
        shown = texts("VALUES", (named,), language) or values
        codes = texts("CODES", (own,), None) or values
        timeval = statements.get(("TIMEVAL", None, (own,)))
        if not values:
            raise DriftError(f"the variable {own!r} has no VALUES; the file has changed, or was cut")
        for what, found in (("CODES", codes), (f"VALUES in {language}", shown)):
            if len(found) != len(values):
                raise DriftError(f"the variable {own!r} has {len(values)} VALUES and {len(found)} {what}")
        if len(set(codes)) != len(codes):
            twice = sorted({code for code in codes if codes.count(code) > 1})
            raise DriftError(f"the variable {own!r} has the code {', '.join(twice)} twice; which is meant is not said")
        name = (texts("VARIABLECODE", (own,), None) or [named])[0]
        periods = _periods(own, timeval.value, len(values)) if timeval else None
        return _Variable(name, own, tuple(codes), tuple(shown), periods)

    stub, heading = made("STUB"), made("HEADING")
    names = [variable.name for variable in (*stub, *heading)]
    if not names:
        raise DriftError("the file has neither STUB nor HEADING, and so no variables")
    if len(set(names)) != len(names):
        raise DriftError(f"two variables have one name: {', '.join(names)}")
    return stub, heading


def _first(statements: dict[tuple[str, str | None, tuple[str, ...]], _Statement], keyword: str) -> str:
    found = statements.get((keyword, None, ()))
    return (_texts(found.value) or [""])[0] if found else ""


#: Letter of TLIST → digits of a period, and how SDMX writes it.
_FORMS: Final = {
    "A": (4, "{0}"),
    "H": (5, "{0}-S{1}"),
    "Q": (5, "{0}-Q{1}"),
    "M": (6, "{0}-{1}"),
    "W": (6, "{0}-W{1}"),
    "D": (8, "{0}-{1}-{2}"),
}


def _periods(own: str, value: str, count: int) -> tuple[str, ...] | None:
    """The SDMX periods of a time variable; None where TIMEVAL says only how long they are."""
    match = _LIST.match(value.strip())
    if match is None:
        raise DriftError(f"TIMEVAL({own!r}) is {value[:60]!r}; TLIST(A1 or another length) is expected")
    digits, form = _FORMS[match[1]]
    listed = _texts(value[match.end() :])
    if not listed and match[2] and match[1] == "A":
        listed = [str(year) for year in range(int(match[2]), int(match[3]) + 1)]
    if not listed:
        return None
    if len(listed) != count:
        raise DriftError(f"TIMEVAL({own!r}) has {len(listed)} periods, there are {count} VALUES")
    wrong = [period for period in listed if not re.fullmatch(rf"[0-9]{{{digits}}}", period)]
    if wrong:
        raise DriftError(f"TIMEVAL({own!r}): {wrong[0]!r} is no period of TLIST({match[1]}1)")
    return tuple(form.format(period[:4], period[4:6], period[6:]) for period in listed)


def _updated(file: _File) -> str | None:
    """The latest LAST-UPDATED; None where there is none, or it is written otherwise than the format says."""
    found = []
    for statement in file.of("LAST-UPDATED"):
        for text in _texts(statement.value):
            for form in ("%Y%m%d %H:%M", "%Y%m%d"):
                try:
                    found.append(dt.datetime.strptime(text, form))
                    break
                except ValueError:
                    continue
    return max(found).isoformat() if found else None


# -- cells ------------------------------------------------------------------------------------------------------


def _cells(file: _File) -> _Cells:
    """All cells of DATA, whatever stands between them; quotes are taken off."""
    raw = np.frombuffer(file.data.encode() + b"\n", dtype=np.uint8)
    quotes = np.flatnonzero(raw == ord('"'))
    between = _BETWEEN[raw]
    if len(quotes):
        between &= ~np.logical_xor.accumulate(raw == ord('"'))
    edge = np.flatnonzero(between[1:] != between[:-1]) + 1
    bounds = np.concatenate([[0], edge]) if not between[0] else edge
    starts, ends = bounds[::2], bounds[1::2]
    inside = np.searchsorted(quotes, ends) - np.searchsorted(quotes, starts)
    line, number = _numbered(np.searchsorted(np.flatnonzero(raw == ord("\n")), starts) + file.line)
    # Two cells without a blank between them would pass for one: "..".."
    odd = np.flatnonzero((inside != 0) & ((inside != 2) | (raw[starts] != ord('"')) | (raw[ends - 1] != ord('"'))))
    if len(odd):
        at = int(odd[0])
        found = raw[starts[at] : ends[at]].tobytes().decode("utf-8", "replace")
        raise DriftError(
            f"line {line[at]} cell {number[at]}: a figure, or a sign in quotes, is expected, found {found[:60]!r}"
        )
    between[quotes] = True
    offsets = np.concatenate([[0], np.cumsum(ends - starts - inside)]).astype(np.int32)
    texts = pa.StringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(raw[~between].tobytes()))
    return _Cells(texts, line, number)


def _numbered(line: Numbers) -> tuple[Numbers, Numbers]:
    """The lines of cells, and the number of each cell within its line, from 1."""
    first = np.flatnonzero(np.concatenate([[True], line[1:] != line[:-1]])) if len(line) else line
    return line, np.arange(len(line)) - np.repeat(first, np.diff(np.append(first, len(line)))) + 1


def _keyed(file: _File, found: _Cells) -> tuple[Numbers, _Cells]:
    """The positions of the cells of a file with KEYS, of which each row begins with the keys of its stub."""
    by = {statement.of[0]: statement.value.strip() for statement in file.of("KEYS") if statement.of}
    lacking = [variable.own for variable in file.stub if variable.own not in by]
    if lacking or len(by) != len(file.stub):
        raise DriftError(f"KEYS are of {sorted(by)}, of each variable of STUB were expected; lacking: {lacking}")
    keys, figures = len(file.stub), math.prod(len(variable.codes) for variable in file.heading)
    rows, rest = divmod(len(found.texts), keys + figures)
    if rest:
        raise DriftError(
            f"DATA has {len(found.texts)} keys and cells, in rows of {keys} keys and {figures} cells {rest} are too "
            "many; the file was cut or put together wrongly"
        )
    table = np.arange(len(found.texts)).reshape(rows, keys + figures)
    position = np.zeros(rows, dtype=np.int64)
    for number, variable in enumerate(file.stub):
        known = variable.texts if by[variable.own] == "VALUES" else variable.codes
        texts = found.texts.take(pa.array(table[:, number]))
        index = pc.index_in(texts, value_set=pa.array(known, pa.string()))
        if index.null_count:
            at = int(np.flatnonzero(index.is_null().to_numpy(zero_copy_only=False))[0])
            raise DriftError(
                f"line {found.line[table[at, number]]}: {texts[at].as_py()!r} is no key of {variable.name!r}; "
                f"known are {', '.join(known[:8])}"
            )
        position = position * len(variable.codes) + index.to_numpy()
    if len(np.unique(position)) != rows:
        order = np.argsort(position, kind="stable")
        at = int(order[1:][position[order][1:] == position[order][:-1]][0])
        raise DriftError(f"line {found.line[table[at, 0]]}: the keys of this row stand on an earlier line already")
    kept = table[:, keys:].ravel()
    spread = (position[:, None] * figures + np.arange(figures)).ravel()
    return spread, _Cells(found.texts.take(pa.array(kept)), found.line[kept], found.number[kept])


def _columns(
    file: _File, position: Numbers, sizes: Sequence[int]
) -> tuple[dict[str, pa.DictionaryArray], list[tuple[str, ...]]]:
    columns: dict[str, pa.DictionaryArray] = {}
    dimensions: list[tuple[str, ...]] = []
    codes: dict[str, Numbers] = {}
    stride = math.prod(sizes)
    for variable in file.variables:
        stride //= len(variable.codes)
        codes[variable.own] = position // stride % len(variable.codes)
        columns[variable.name] = cells.indexed(codes[variable.own], variable.codes)
        if variable.periods is not None:
            columns[variable.name + _PERIOD] = cells.indexed(codes[variable.own], variable.periods)
        dimensions.append((variable.name, *([variable.name + _PERIOD] if variable.periods is not None else [])))
    for name, column in ((_UNITS, _units(file, codes)), (NOTE, _notes(file, codes, len(position)))):
        if column is not None:
            if name in columns:
                raise DriftError(f"a variable {name!r} would stand in the way of the column of that name")
            columns[name] = column
    return columns, dimensions


def _units(file: _File, codes: dict[str, Numbers]) -> pa.DictionaryArray | None:
    """The unit of each cell: that of its contents (CONTVARIABLE), else that of the whole table."""
    said = {statement.of: (_texts(statement.value) or [""])[0] for statement in file.of("UNITS")}
    if not said:
        return None
    contents = _first(file.statements, "CONTVARIABLE")
    variable = next((v for v in file.variables if v.own == contents), None)
    if variable is None:
        known: list[str | None] = [said.get(()) or None]
        return cells.indexed(np.zeros(len(next(iter(codes.values()))), dtype=np.int64), known)
    values = _values_of(file, variable)
    return cells.indexed(codes[variable.own], [said.get((value,)) or said.get(()) or None for value in values])


def _values_of(file: _File, variable: _Variable) -> list[str]:
    """The texts of a variable in the file's first language, by which its keywords call them."""
    return _texts(file.statements["VALUES", None, (variable.own,)].value)


def _notes(file: _File, codes: dict[str, Numbers], count: int) -> pa.DictionaryArray | None:
    """The notes of each cell (VALUENOTE, CELLNOTE, and those with X), side by side; those of the table are none."""
    masks: list[tuple[npt.NDArray[np.bool_], str]] = []
    values = {variable.own: _values_of(file, variable) for variable in file.variables}
    order = [variable.own for variable in file.variables]
    for statement in file.statements.values():
        if statement.language is not None:
            continue
        if statement.keyword in ("VALUENOTE", "VALUENOTEX") and len(statement.of) == 2:
            where = {statement.of[0]: statement.of[1]}
        elif statement.keyword in ("CELLNOTE", "CELLNOTEX") and len(statement.of) == len(order):
            where = dict(zip(order, statement.of, strict=True))
        else:
            continue
        mask = np.ones(count, dtype=bool)
        for own, value in where.items():
            if value == "*":
                continue
            if value not in values.get(own, ()):
                raise DriftError(f"{statement.keyword} is of {value!r} of {own!r}, which the file does not have")
            mask &= codes[own] == values[own].index(value)
        masks.append((mask, " ".join(" ".join(_texts(statement.value)).replace("#", " ").split())))
    if not masks:
        return None
    told = np.stack([mask for mask, _ in masks], axis=1)
    kinds, which = np.unique(told, axis=0, return_inverse=True)
    texts = [
        "; ".join(dict.fromkeys(text for (_, text), here in zip(masks, kind, strict=True) if here and text)) or None
        for kind in kinds
    ]
    return cells.indexed(which.ravel(), texts)


def _places(found: _Cells) -> tuple[list[str], npt.NDArray[Any], Numbers]:
    """Templates, which of them each cell has, and what goes into it: the fewer of lines and cells of a line."""
    new = np.concatenate([[True], found.line[1:] != found.line[:-1]])  # lines only rise
    lines, longest = found.line[new], int(found.number.max())
    if len(lines) < longest:
        return [f"line {line} cell {{}}" for line in lines], np.cumsum(new) - 1, found.number
    return [f"line {{}} cell {number}" for number in range(1, longest + 1)], found.number - 1, found.line
