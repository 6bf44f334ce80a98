"""Questions to PxWeb servers: what a declared query means for the table as it is today, in parts that fit the limits.

The limits and the table's own description are asked for once in a run; they are no figures, and kept for an hour only.
What is asked in the end names every value, so that it can be asked again years later and means the same.

Standards: PxWeb API 1 (Statistics Sweden), PxWebApi 2 (https://github.com/PxTools/PxApiSpecs).
"""

from __future__ import annotations

import itertools
import json
import logging
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from migstats import lake, settings, web
from migstats.errors import DriftError, MigstatsError, PermanentError, PublisherError
from migstats.pxquery import Choice, PxWeb
from migstats.readers import answer
from migstats.source import Dataset, Slice

log = logging.getLogger("migstats")

#: Statuses by which PxWeb says that more was asked for than it answers at once.
TOO_BIG: Final = (403, 413)
#: Parts of one slice beyond which it is a declaration that is wrong.
MAX_PARTS: Final = 1_000
#: How often a part is halved where the publisher refuses what its own limits allow.
HALVINGS: Final = 4

#: Seconds for which an answer that is no figure stands for the rest of its run.
_KEPT: Final = 3600.0
#: Characters of an address that every server takes; a longer question goes by POST.
_LONGEST: Final = 2000
_ROOT: Final = re.compile(r"^(.*/api/v[0-9.]+/[a-z]{2,3}(?:-[A-Za-z]+)?)/")
#: What has a meaning of its own among the values of a GET: wildcards, lists, expressions such as top(3).
_SPECIAL: Final = re.compile(r"[,*?()\[\]]")


@dataclass(frozen=True)
class Question:
    """One request: an address, and what is sent to it (None: a GET)."""

    url: str
    body: str | None = None
    #: Variable → the codes that the answer has to hold; empty: nobody says.
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Limits:
    """What a server answers at most: cells at once, and calls in so many seconds."""

    cells: int
    calls: float | None
    seconds: float | None


@dataclass(frozen=True)
class _Variable:
    """A variable of a table: its values in the publisher's order, with what they are called."""

    values: tuple[str, ...]
    texts: tuple[str, ...]
    eliminable: bool


def questions(client: web.Client, slice_: Slice, dataset: Dataset, *, run_id: str, halved: int = 0) -> list[Question]:
    """The questions that together ask for one slice, each within the limits of the server, in the order of the cube.

    `run_id` is of the run that shares what is asked once. `halved`: how often the limit is halved,
    since the server refused what it says that it allows. `client` is slowed to the pace that the server asks for.
    DriftError names every variable and value that the table does not have, or has and nobody declared.
    """
    pxweb = dataset.pxweb
    assert pxweb is not None
    limits_at, table_at = _config_url(slice_.url, pxweb), _table_url(slice_.url, pxweb)
    try:
        limits = _limits(client, limits_at, pxweb, run_id)
        if limits.calls and limits.seconds:
            client.slow_down(limits.calls, limits.seconds)
        table = _table(_asked_once(client, table_at, run_id), pxweb, table_at)
        chosen = _chosen(table, pxweb, slice_, table_at)
    except PermanentError:
        for url in (limits_at, table_at):
            _kept_at(url, run_id).unlink(missing_ok=True)  # who mends it asks anew
        raise
    cells = limits.cells >> halved
    if cells < 1:
        raise PublisherError(f"{limits_at}: the limit is {limits.cells} cells, less than one figure; ask the publisher")
    count = math.prod(map(len, chosen.values()))
    parts = list(itertools.islice(split(chosen, cells), MAX_PARTS + 1))
    if len(parts) > MAX_PARTS:
        raise PermanentError(
            f"slice {slice_.slice}: {count:,} cells in parts of {cells:,} are more than {MAX_PARTS:,} requests; "
            "declare smaller slices, or fewer values"
        )
    if len(parts) > 1:
        log.info("%s: %d cells, the limit is %d; asking for it in %d parts", slice_.slice, count, cells, len(parts))
    return [_question(part, pxweb, slice_.url) for part in parts]


def split(chosen: Mapping[str, Sequence[str]], cells: int) -> Iterator[dict[str, tuple[str, ...]]]:
    """Cut a query along its variables into parts of at most `cells` cells; their union, in order, is the whole.

    Variables are kept whole from the last one on, as long as they fit; the next one is cut evenly, those before it go
    value by value.
    """
    steps: dict[str, int] = {}
    room = cells
    for variable, values in reversed(list(chosen.items())):
        step = max(1, min(len(values), room))
        pieces = math.ceil(len(values) / step)
        steps[variable] = math.ceil(len(values) / pieces)
        room = room // step if pieces == 1 else 1
    pieces_of = [
        [tuple(values[at : at + steps[variable]]) for at in range(0, len(values), steps[variable])]
        for variable, values in chosen.items()
    ]
    for combination in itertools.product(*pieces_of):
        yield dict(zip(chosen, combination, strict=True))


class _Category(msgspec.Struct):
    index: dict[str, int] | list[str] | None = None
    label: dict[str, str] | None = None


class _Extension(msgspec.Struct):
    elimination: bool = False


class _Dimension(msgspec.Struct):
    category: _Category = msgspec.field(default_factory=_Category)
    extension: _Extension = msgspec.field(default_factory=_Extension)


class _Cube(msgspec.Struct):
    id: list[str]
    dimension: dict[str, _Dimension]


def check(body: bytes, question: Question) -> None:
    """Refuse an answer that holds something else than was asked for; a server may take no notice of a query.

    PublisherError names each variable with the values that are too many or missing.
    """
    if not question.codes:
        return
    cube = _decoded(body, _Cube, "the answer")
    found = {name: set(_codes(cube.dimension[name])) for name in cube.id if name in cube.dimension}
    wrong = [f"variable {name!r} was not asked for" for name in found if name not in question.codes]
    for name, asked in question.codes.items():
        if name not in found:
            wrong.append(f"variable {name!r} is not there")
        elif found[name] != set(asked):
            more, less = sorted(found[name] - set(asked)), sorted(set(asked) - found[name])
            wrong.append(f"variable {name!r}: too many {_few(more)}, missing {_few(less)}")
    if wrong:
        raise PublisherError(
            f"the answer is not what was asked for: {'; '.join(wrong)}. Nothing was loaded; see how the publisher "
            "takes questions today"
        )


def _codes(dimension: _Dimension) -> list[str]:
    index = dimension.category.index
    if isinstance(index, dict):
        return sorted(index, key=index.__getitem__)
    return list(index if index is not None else dimension.category.label or {})


def _few(values: Sequence[str]) -> str:
    return (", ".join(values[:5]) + (f" and {len(values) - 5} more" if len(values) > 5 else "")) or "none"


# -- what is asked once -----------------------------------------------------------------------------------------


def _table_url(url: str, pxweb: PxWeb) -> str:
    if pxweb.version == 1:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.removesuffix("/data") + "/metadata"))


def _config_url(url: str, pxweb: PxWeb) -> str:
    if pxweb.config is not None:
        return pxweb.config
    parts = urlsplit(url)
    bare = urlunsplit(parts._replace(query=""))
    if pxweb.version == 2:
        return bare[: bare.rindex("/tables/")] + "/config"
    root = _ROOT.match(bare)
    if root is None:
        raise PermanentError(
            f"{url}: the root of its API cannot be seen; declare `config`, where the limits are asked for"
        )
    return f"{root[1]}/?config"


def _kept_at(url: str, run_id: str) -> Path:
    return settings.state() / "pxweb" / sha256(f"{run_id}\n{settings.replay()}\n{url}".encode()).hexdigest()


def _asked_once(client: web.Client, url: str, run_id: str) -> bytes:
    """What a server says at an address, asked once in a run; of another run, or an hour old, it is asked again."""
    path = _kept_at(url, run_id)
    now = time.time()
    if path.is_file() and 0 <= now - path.stat().st_mtime < _KEPT:
        return path.read_bytes()
    body = client.get(url).body
    for other in path.parent.glob("*"):
        if now - other.stat().st_mtime > _KEPT:
            other.unlink(missing_ok=True)
    lake.write_text(body.decode("utf-8", "replace"), path)
    return body


class _Config(msgspec.Struct, rename="camel"):
    """`?config` of version 1 and `/config` of version 2, whose names differ."""

    max_values: int | None = None
    max_cells: int | None = None
    max_calls: float | None = None
    time_window: float | None = None
    max_data_cells: int | None = None
    max_calls_per_time_window: float | None = None


def _limits(client: web.Client, url: str, pxweb: PxWeb, run_id: str) -> _Limits:
    """The limits that the server tells, and the declared one where that is stricter."""
    try:
        said = _decoded(_asked_once(client, url, run_id), _Config, url)
    except PublisherError as error:
        if pxweb.max_cells is None:
            raise PublisherError(
                f"{error}. The limits of the server are not known; see where it tells them and declare that as "
                "`config`, or declare `max_cells`"
            ) from error
        log.warning("%s; going by max_cells = %d", error, pxweb.max_cells)
        said = _Config()
    told = [said.max_values, said.max_cells] if pxweb.version == 1 else [said.max_data_cells]
    cells = [limit for limit in (*told, pxweb.max_cells) if limit is not None]
    if not cells:
        names = "maxValues and maxCells" if pxweb.version == 1 else "maxDataCells"
        raise DriftError(f"{url}: {names} are expected, and are not there; declare `max_cells`, or look at the address")
    calls = said.max_calls if pxweb.version == 1 else said.max_calls_per_time_window
    return _Limits(min(cells), calls, said.time_window)


class _OfTable(msgspec.Struct, rename="camel"):
    code: str
    values: list[str]
    value_texts: list[str]
    elimination: bool = False


class _Table(msgspec.Struct):
    variables: list[_OfTable]


def _table(body: bytes, pxweb: PxWeb, url: str) -> dict[str, _Variable]:
    """The variables of a table, in its order."""
    if pxweb.version == 1:
        if body.removeprefix(answer.BOM).lstrip().startswith(b"["):
            raise DriftError(f"{url}: a table is expected, and a folder answers; look where the table is today")
        variables = _decoded(body, _Table, url).variables
        table = {v.code: _Variable(tuple(v.values), tuple(v.value_texts), v.elimination) for v in variables}
    else:
        cube = _decoded(body, _Cube, url)
        table = {}
        for name in cube.id:
            dimension = cube.dimension.get(name, _Dimension())
            codes, labels = _codes(dimension), dimension.category.label or {}
            texts = tuple(labels.get(code, code) for code in codes)
            table[name] = _Variable(tuple(codes), texts, dimension.extension.elimination)
    odd = [name for name, v in table.items() if len(v.values) != len(v.texts) or len(set(v.values)) != len(v.values)]
    if odd or not table:
        raise DriftError(
            f"{url}: the values of {', '.join(odd) or 'no variable'} and their texts do not fit each other"
        )
    return table


_Kind = TypeVar("_Kind", bound=msgspec.Struct)


def _decoded(body: bytes, kind: type[_Kind], where: str) -> _Kind:
    """An answer as what it should be. TryAgainError: not JSON, or cut off; DriftError: other members."""
    try:
        answer.json_document(body, "JSON", ("variables", "dimension", "maxCells", "maxDataCells"))
        return msgspec.json.decode(body.removeprefix(answer.BOM), type=kind)
    except msgspec.ValidationError as error:
        raise DriftError(f"{where}: {error}; the interface of the publisher has changed") from error
    except MigstatsError as error:
        raise type(error)(f"{where}: {error}") from error


# -- the query --------------------------------------------------------------------------------------------------


def _chosen(table: Mapping[str, _Variable], pxweb: PxWeb, slice_: Slice, url: str) -> dict[str, tuple[str, ...]]:
    """Variable → the codes that are asked for, in the order of the table; all findings in one DriftError."""
    choices = pxweb.choices
    wrong = [f"variable {name!r} is not in the table (renamed, or gone)" for name in choices if name not in table] + [
        f"variable {name!r} is new ({len(table[name].values)} values: {_few(table[name].texts)})"
        for name in table
        if name not in choices
    ]
    chosen: dict[str, tuple[str, ...]] = {}
    for name, variable in table.items():
        choice = choices.get(name)
        if choice is not None:
            chosen[name], unknown = _values(variable, choice, {**slice_.at, "release": slice_.release})
            if unknown:
                there = _few(_known(variable, choice))
                wrong.append(f"variable {name!r} has not, or more than once, {_few(unknown)}; it has {there}")
        elif name in choices and not variable.eliminable:
            wrong.append(f"variable {name!r} cannot be left out (null): the publisher gives no total over it")
    if wrong:
        raise DriftError(f"{url}: {'; '.join(wrong)}. Mend `pxweb.query` of dataset {slice_.dataset!r} by this")
    return chosen


def _known(variable: _Variable, choice: Choice) -> tuple[str, ...]:
    return variable.texts if choice.texts else variable.values


def _values(variable: _Variable, choice: Choice, holes: Mapping[str, str]) -> tuple[tuple[str, ...], list[str]]:
    """The codes that a choice means, in the table's order, and what it names that the table does not have.

    The values of a codelist are in no table's description; the server and the check of its answer judge them.
    """
    if choice.values == "*":
        return variable.values, []
    wanted = dict.fromkeys(value.format(**holes) for value in choice.values)
    if choice.codelist is not None:
        return tuple(wanted), []
    known = _known(variable, choice)
    unknown = [value for value in wanted if known.count(value) != 1]
    return tuple(code for code, name in zip(variable.values, known, strict=True) if name in wanted), unknown


def _question(part: Mapping[str, tuple[str, ...]], pxweb: PxWeb, url: str) -> Question:
    asked = Question(url, codes=dict(part))
    lists = {name: choice.codelist for name, choice in pxweb.choices.items() if choice and choice.codelist}
    if pxweb.version == 1:
        query = [
            {"code": name, "selection": {"filter": lists.get(name, "item"), "values": list(values)}}
            for name, values in part.items()
        ]
        return replace(asked, body=_compact({"query": query, "response": {"format": "json-stat2"}}))
    address = f"{url}{'&' if '?' in url else '?'}outputFormat=json-stat2"
    plain = not any(_SPECIAL.search(value) for values in part.values() for value in values)
    query_string = "".join(
        [f"&codelist[{quote(name)}]={quote(listed, safe='')}" for name, listed in lists.items()]
        + [f"&valueCodes[{quote(name)}]={','.join(quote(v, safe='') for v in values)}" for name, values in part.items()]
    )
    if plain and len(address) + len(query_string) <= _LONGEST:
        return replace(asked, url=address + query_string)
    selection = [
        {"variableCode": name, **({"codelist": lists[name]} if name in lists else {}), "valueCodes": list(values)}
        for name, values in part.items()
    ]
    return replace(asked, url=address, body=_compact({"selection": selection}))


def _compact(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
