"""Reader of SDMX-ML data messages: 2.1 generic, 2.1 and 3.0 structure-specific; flat, by time series, by section."""

from __future__ import annotations

import itertools
import json
import re
from array import array
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NoReturn
from xml.parsers import expat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migstats.errors import DriftError, MigstatsError, PublisherError, TryAgainError
from migstats.layout import SdmxMlLayout
from migstats.readers import Envelope, TextTable, answer, cells, sdmx, sdmx_ml_scan

_EXPECTED: Final = "an SDMX-ML data message"
_MESSAGE: Final = re.compile(r"http://www\.sdmx\.org/resources/sdmxml/schemas/v(2_1|3_0)/message")
_DATA: Final = frozenset(
    {"GenericData", "GenericTimeSeriesData", "StructureSpecificData", "StructureSpecificTimeSeriesData"}
)
_ROOT: Final = re.compile(rb"<(?:[\w.-]+:)?(Generic|StructureSpecific)(?:TimeSeries)?Data[\s>]")
_GENERIC: Final = "/data/generic"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance "
_LANGUAGE: Final = "http://www.w3.org/XML/1998/namespace lang"
#: What a data set says of itself in attributes of its element; what else stands there is said of its observations.
_OF_DATA_SET: Final = frozenset(
    {"structureRef", "setID", "action", "dataScope", "reportingBeginDate", "reportingEndDate", "validFromDate"}
    | {"validToDate", "publicationYear", "publicationPeriod", "structureURN", "structureURL"}
)
#: Elements in which nothing is said of figures.
_ASIDE: Final = frozenset({"Annotations", "DataProvider"})
_ALL: Final = "AllDimensions"
#: Small enough for what is read of it to stay in the cache of the processor until it is put away.
_BLOCK: Final = 1 << 16
_PLACE: Final = re.compile(r"observation (\d+)")

_Begin = Callable[[dict[str, str]], None]
_End = Callable[[str], None]


def inspect(payload: bytes, layout: SdmxMlLayout) -> Envelope:
    """Whether it is a whole data message with observations; SDMX-ML has no pages, its stamp is that of the request.

    TryAgainError: not XML, cut off, or the message says come back later. PublisherError: an error message, structures
    instead of data, a DOCTYPE, or no observations.
    """
    text = _body(payload)
    _check_whole(text)
    if b"Footer" in text:
        _parsed(text)
    else:
        _parsed(text, until=1)
    return Envelope()


def read(payload: bytes, layout: SdmxMlLayout) -> TextTable:
    """One row per Obs in document order; columns are the ids of dimensions and attributes, each as text.

    What a series, a group or a data set says is said of each of its observations. `_value` is null where an Obs has
    no OBS_VALUE, or an empty one. DriftError: an unknown element, a data set that deletes, or two places that say
    different things of one observation.
    """
    text = _body(payload)
    with sdmx.uncollected():
        found = _scanned(text) or _parsed(text)
    columns, value = _columns(found, layout)
    dimensions = found.dimensions or _likely_dimensions(found, columns, layout)
    return cells.text_table(
        columns,
        pc.if_else(pc.equal(value, ""), pa.scalar(None, pa.string()), value),
        ["observation {}"],
        np.arange(1, len(value) + 1),
        dimensions=((name,) for name in dimensions),
    )


def locate(payload: bytes, place: str, layout: SdmxMlLayout) -> str | None:
    """The figure at a place such as `observation 17`, counted in document order; None where there is none."""
    match = _PLACE.fullmatch(place)
    if not match:
        raise PublisherError(f"{place!r} is no place such as `observation 17`")
    number = int(match[1])
    found = _parsed(_body(payload), until=number).observations
    if not 0 < number <= found.total:
        raise PublisherError(f"the payload has no place {place}")
    return found.rows[number - 1 - found.count].get(sdmx.OBS_VALUE) or None


# -- the message --------------------------------------------------------------------------------------------------


def _body(payload: bytes) -> bytes:
    text = answer.body(payload, _EXPECTED, markup=True)
    start = text[:4096].lstrip()
    if start[:1] in (b"{", b"["):
        answer.json_document(text, _EXPECTED)
    if not start.startswith(b"<"):
        raise TryAgainError(f"the answer is not XML, {_EXPECTED} was expected; it begins with {answer.short(start)!r}")
    return text


def whole(payload: bytes) -> bytes:
    """The payload as well-formed XML without a DOCTYPE; raises as `inspect` does where it is none."""
    text = _body(payload)
    _check_whole(text)
    return text


def _check_whole(text: bytes) -> None:
    """TryAgainError where this is no well-formed XML; quick, since nothing is done with what it says."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    _feed(parser, text)


def _feed(parser: expat.XMLParserType, text: bytes, after: Callable[[], bool] = lambda: False) -> None:
    """Parse block by block; `after` is called after each block, and says whether this is enough."""
    view = memoryview(text)
    try:
        for start in range(0, len(text), _BLOCK):
            parser.Parse(view[start : start + _BLOCK], False)
            if after():
                return
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise TryAgainError(
            f"the answer is not whole {_EXPECTED}: {error}; it ends with {answer.short(text[-60:].lstrip())!r}; it may "
            "have been cut off"
        ) from error
    except (LookupError, ValueError) as error:
        if type(error) not in (LookupError, ValueError):
            raise
        raise PublisherError(
            f"the XML is in an encoding that is not read ({error}); ask the publisher for UTF-8"
        ) from error


def _refuse_doctype(*_: object) -> NoReturn:
    raise PublisherError(
        "the answer declares a DOCTYPE, which SDMX-ML does not have and which could make a small answer huge: not read"
    )


class _Codes(dict[str | None, int]):
    """Text → its number, in the order in which texts come; -1 for none."""

    def __init__(self) -> None:
        super().__init__({None: -1})

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self) - 1
        return number


class _Rows:
    """Elements as dictionaries of texts; those that are whole are put away as columns of numbers, block by block."""

    def __init__(self) -> None:
        self.rows: list[dict[str, str]] = []
        self.count = 0
        self._columns: dict[str, tuple[_Codes, array[int]]] = {}

    def put_away(self, keep: int) -> None:
        """Put away all rows but the last `keep`."""
        whole = self.rows[: len(self.rows) - keep]
        del self.rows[: len(whole)]
        for name in dict.fromkeys(itertools.chain.from_iterable(whole)):
            if name not in self._columns:
                self._columns[name] = _Codes(), array("i", [-1]) * self.count
        for name, (codes, numbers) in self._columns.items():
            numbers.extend(map(codes.__getitem__, [row.get(name) for row in whole]))
        self.count += len(whole)

    def forget(self, keep: int) -> None:
        """Let go of all rows but the last `keep`."""
        self.count += len(self.rows) - keep if self.rows else 0
        del self.rows[: len(self.rows) - keep]

    @property
    def total(self) -> int:
        """How many rows there have been."""
        return self.count + len(self.rows)

    @property
    def names(self) -> Iterable[str]:
        """The names of the columns, once all rows are put away."""
        return self._columns.keys()

    def columns(self) -> dict[str, pa.DictionaryArray]:
        """All rows as coded columns."""
        self.put_away(0)
        found = {}
        for name, (codes, numbers) in self._columns.items():
            indices = np.array(numbers, dtype=np.int32)
            texts = pa.array([text for text in codes if text is not None], pa.string())
            found[name] = pa.DictionaryArray.from_arrays(pa.array(indices, mask=indices < 0), texts)
        return found


class _Whole(_Rows):
    """Elements that were read as whole columns."""

    def __init__(self, columns: Mapping[str, pa.DictionaryArray], count: int) -> None:
        super().__init__()
        self.count = count
        self._whole = dict(columns)

    @property
    def names(self) -> Iterable[str]:
        return self._whole.keys()

    def columns(self) -> dict[str, pa.DictionaryArray]:
        return dict(self._whole)


@dataclass
class _DataSet:
    """What a data set says of all its observations, the first of which is number `first`, from 0."""

    first: int
    attributes: dict[str, str]
    #: The dimension of which an Obs has its own code, and whether the type of the Obs is that code.
    at_observation: str
    explicit: bool


@dataclass
class _Group:
    """What is said of all observations of one data set that have the codes of the key.

    A structure-specific group does not tell the two apart: its key is empty here.
    """

    data_set: int
    key: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)


@dataclass
class _Found:
    """What stands in a message; filled by `_Parsing`."""

    generic: bool = False
    observations: _Rows = field(default_factory=_Rows)
    series: _Rows = field(default_factory=_Rows)
    #: For each observation the number of its series, -1 for none.
    series_of: array[int] = field(default_factory=lambda: array("q"))
    data_sets: list[_DataSet] = field(default_factory=list)
    groups: list[_Group] = field(default_factory=list)
    #: Of generic data, which say what is a dimension; in their order.
    dimensions: dict[str, None] = field(default_factory=dict)


class _Element:
    """An element that is known where it stands: what is done when it begins and ends, and what may stand in it."""

    __slots__ = ("begin", "end", "inner", "kind")

    def __init__(self, kind: str, begin: _Begin | None, end: _End | None) -> None:
        self.kind, self.begin, self.end = kind, begin, end
        self.inner: dict[str, _Element] = {}


def _kind(name: str) -> str:
    """The name of an element as expat gives it, without its namespace but for that of generic data."""
    namespace, _, local = name.rpartition(" ")
    return f"generic:{local}" if namespace.endswith(_GENERIC) else local


def _scanned(text: bytes) -> _Found | None:
    """What stands in a message that can be read by whole columns; None for all others, and where anything is wrong."""
    root = _ROOT.search(text[:4096])
    if root is None:
        return None
    scanned = sdmx_ml_scan.scanned(text, generic=root[1] == b"Generic")
    if scanned is None:
        return None
    parsing = _Parsing()
    try:
        _feed(parsing.parser, scanned.rest)
        parsing.check_texts()
    except MigstatsError:
        return None
    found = parsing.found
    if parsing.has_said() or found.observations.total or len(found.data_sets) != 1 or found.data_sets[0].explicit:
        return None
    own = found.data_sets[0].at_observation
    observations = {name or own: column for name, column in scanned.observations.items()}
    if len(observations) != len(scanned.observations) or ("" in scanned.observations and own == _ALL):
        return None
    found.series = _Whole(scanned.series, max(map(len, scanned.series.values()), default=0))
    found.observations = _Whole(observations, len(scanned.series_of))
    found.series_of = array("q", scanned.series_of.tobytes())
    found.dimensions = dict.fromkeys(name or own for name in scanned.dimensions)
    return found


def _parsed(text: bytes, until: int | None = None) -> _Found:
    """What stands in the message, or enough of it to hold the observation number `until`, as a row.

    Raises what the message says where it is an error, or has a footer that says so.
    """
    parsing = _Parsing()
    found = parsing.found

    def after_block() -> bool:
        parsing.check_texts()
        if until is not None and found.observations.total > until:
            return True
        for rows in (found.observations, found.series):
            (rows.put_away if until is None else rows.forget)(1)
        return False

    _feed(parsing.parser, text, after_block)
    parsing.check_texts()
    if until is None or found.observations.total <= until:
        parsing.refuse_said()
    return found


class _Parsing:
    """The handlers of a parser, one for each element and the one that it stands in."""

    def __init__(self) -> None:
        self.found = _Found()
        #: Texts between elements; the one to be read begins at `_captured`, and what is aside at `_left`.
        self._texts: list[str] = []
        self._captured: int | None = None
        self._left = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = _refuse_doctype
        self.parser.StartElementHandler = self._root
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._texts.append
        #: The element that is open, and those in which it stands.
        self._open = _Element("", None, None)
        self._around: list[_Element] = []
        #: How deep within something that says nothing of figures.
        self._aside = 0
        self._structures: dict[str, dict[str, str]] = {}
        self._action = ""
        self._current: dict[str, str] = {}
        self._observation: dict[str, str] = {}
        self._series: dict[str, str] = {}
        self._series_number = -1
        self._put_row = self.found.observations.rows.append
        self._put_series = self.found.series_of.append
        self._component: tuple[dict[str, str], str, list[str | dict[str, str]]] = ({}, "", [])
        self._languages: dict[str, str] = {}
        self._language = ""
        self._said: list[tuple[str, str, list[str]]] = []

    def has_said(self) -> bool:
        """Whether the message says anything beside data."""
        return bool(self._said)

    def refuse_said(self) -> None:
        """Raise what the message says instead of data, or beside data that are not all."""
        said = "; ".join(f"code {code}: {'; '.join(texts)}" for code, _, texts in self._said)
        codes = {code for code, _, _ in self._said}
        rows = self.found.observations.total
        if self._said and (not rows or answer.is_refusal(codes) or any(s == "error" for _, s, _ in self._said)):
            answer.refuse_said(said, codes)
        if not rows:
            raise PublisherError(
                "the message has no observation; no rows are not zero rows: check the codes and the years that were "
                "asked for"
            )

    # What expat calls.

    def _root(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if not _MESSAGE.fullmatch(namespace):
            if "sdmx" in namespace.lower():
                raise DriftError(
                    f"the answer is a message {local} of {namespace}; SDMX-ML 2.1 or 3.0 is expected: say so in "
                    "the request"
                )
            raise TryAgainError(f"the answer is XML ({local}), {_EXPECTED} was expected")
        if local != "Error" and local not in _DATA:
            raise PublisherError(f"the answer is a message {local} and has no data, {_EXPECTED} was expected")
        self.found.generic = local.startswith("Generic")
        self._around.append(self._open)
        self._open = _Element("Error" if local == "Error" else "message", None, None)
        self.parser.StartElementHandler = self._start

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._aside:
            self._aside += 1
            return
        within = self._open
        element = within.inner.get(name) or self._known(within, name)
        if element is None:
            self._aside = 1
            self._left = len(self._texts)
            return
        self._around.append(within)
        self._open = element
        if element.begin is not None:
            element.begin(attributes)

    def _known(self, within: _Element, name: str) -> _Element | None:
        """The element with this name; None for one that says nothing of figures."""
        kind = _kind(name)
        if (within.kind, kind) in _BEGINS:
            begin, end = _BEGINS[within.kind, kind], _ENDS.get(kind)
            within.inner[name] = _Element(kind, begin and begin.__get__(self), end and end.__get__(self))
            return within.inner[name]
        if within.kind in ("Header", "Structure") or kind in _ASIDE:
            return None
        raise self._drift(f"the element {kind} is not known within {within.kind}")

    def _end(self, name: str) -> None:
        if self._aside:
            self._aside -= 1
            if not self._aside:
                del self._texts[self._left :]
            return
        ended = self._open
        self._open = self._around.pop()
        if ended.end is not None:
            ended.end(self._open.kind)

    def check_texts(self) -> None:
        """DriftError for a text that stands where none is expected: a figure may be in it."""
        if self._captured is None and not self._aside:
            stray = "".join(self._texts).strip()
            self._texts.clear()
            if stray:
                before = len(self.found.series_of)
                raise DriftError(
                    f"found the text {stray[:40]!r} between elements, where none is expected, not far from observation "
                    f"{before}"
                )

    def _drift(self, message: str) -> DriftError:
        return DriftError(f"line {self.parser.CurrentLineNumber}: {message}")

    # Header, data set, footer.

    def _structure(self, attributes: dict[str, str]) -> None:
        self._structures[attributes.get("structureID", "")] = attributes

    def _capture(self, attributes: dict[str, str]) -> None:
        self._captured = len(self._texts)

    def _taken(self) -> str:
        """The text since `_capture`."""
        begin, self._captured = self._captured or 0, None
        text = "".join(self._texts[begin:])
        del self._texts[begin:]
        return text

    def _message(self, attributes: dict[str, str]) -> None:
        self._said.append((attributes.get("code", "-"), attributes.get("severity", "").lower(), []))

    def _data_set(self, attributes: dict[str, str]) -> None:
        plain = {name.rpartition(" ")[2]: text for name, text in attributes.items() if not name.startswith(_XSI)}
        sdmx.refuse_action(plain.get("action", self._action), f"line {self.parser.CurrentLineNumber}: DataSet action")
        structure = self._structures.get(plain.get("structureRef", ""), {})
        if not structure and len(self._structures) == 1:
            structure = next(iter(self._structures.values()))
        self.found.data_sets.append(
            _DataSet(
                len(self.found.series_of),
                {name: text for name, text in plain.items() if name not in _OF_DATA_SET},
                structure.get("dimensionAtObservation", sdmx.TIME),
                structure.get("explicitMeasures") == "true",
            )
        )

    # Structure-specific data.

    def _begin_series(self, attributes: dict[str, str]) -> None:
        self._series = attributes
        self._series_number += 1
        self.found.series.rows.append(attributes)

    def _specific_group(self, attributes: dict[str, str]) -> None:
        self.found.groups.append(_Group(len(self.found.data_sets) - 1, said=attributes))

    def _observation_of_series(self, attributes: dict[str, str]) -> None:
        self._put_row(attributes)
        self._put_series(self._series_number)

    def _flat_observation(self, attributes: dict[str, str]) -> None:
        self._put_row(attributes)
        self._put_series(-1)

    def _start_component(self, attributes: dict[str, str]) -> None:
        within = self._around[-1].kind
        if within == "DataSet":
            holder = self.found.data_sets[-1].attributes
        elif within in ("Group", "Atts"):
            holder = self.found.groups[-1].said
        else:
            holder = (self.found.series if within == "Series" else self.found.observations).rows[-1]
        self._component = (holder, attributes.get("id", ""), [])

    def _component_value(self, attributes: dict[str, str]) -> None:
        self._languages = {}
        self._capture(attributes)

    def _component_text(self, attributes: dict[str, str]) -> None:
        self._language = attributes.get(_LANGUAGE, "en")
        self._capture(attributes)

    def _end_component(self, within: str) -> None:
        holder, name, values = self._component
        self._put(holder, name, values[0] if len(values) == 1 and isinstance(values[0], str) else _json(values))

    # Generic data.

    def _generic_group(self, attributes: dict[str, str]) -> None:
        self.found.groups.append(_Group(len(self.found.data_sets) - 1))

    def _generic_series(self, attributes: dict[str, str]) -> None:
        self._begin_series({})

    def _generic_observation(self, attributes: dict[str, str]) -> None:
        self._observation = self._current = {}
        self._observation_of_series(self._observation)

    def _generic_flat_observation(self, attributes: dict[str, str]) -> None:
        self._observation = self._current = {}
        self._flat_observation(self._observation)

    def _of_series(self, attributes: dict[str, str]) -> None:
        self._current = self._series

    def _of_observation(self, attributes: dict[str, str]) -> None:
        self._current = self._observation

    def _of_group_key(self, attributes: dict[str, str]) -> None:
        self._current = self.found.groups[-1].key

    def _of_group(self, attributes: dict[str, str]) -> None:
        self._current = self.found.groups[-1].said

    def _of_data_set(self, attributes: dict[str, str]) -> None:
        self._current = self.found.data_sets[-1].attributes

    def _value(self, attributes: dict[str, str]) -> None:
        try:
            name, text = attributes["id"], attributes["value"]
        except KeyError as error:
            raise self._drift(f"a Value has no {error}") from None
        if name in self._current:
            raise self._drift(f"{name} stands twice")
        self._current[name] = text

    def _key_value(self, attributes: dict[str, str]) -> None:
        self._value(attributes)
        self.found.dimensions[attributes["id"]] = None

    def _own_code(self, attributes: dict[str, str]) -> None:
        if "id" not in attributes:
            attributes["id"] = self.found.data_sets[-1].at_observation
            if attributes["id"] == _ALL:
                raise self._drift(f"an ObsDimension has no id, and the header says {_ALL}")
        self._current = self._observation
        self._key_value(attributes)

    def _figure(self, attributes: dict[str, str]) -> None:
        if "value" in attributes:
            self._put(self._observation, sdmx.OBS_VALUE, attributes["value"])

    # Texts.

    def _end_text(self, within: str) -> None:
        text = self._taken().strip()
        if within == "Value":
            self._languages[self._language] = text
        else:
            self._said[-1][2].append(text)

    def _end_value(self, within: str) -> None:
        if self._languages:
            self._component[2].append(self._languages)
        else:
            self._component[2].append(self._taken())

    def _end_action(self, within: str) -> None:
        self._action = self._taken().strip()

    def _put(self, holder: dict[str, str], name: str, text: str) -> None:
        if name in holder:
            raise self._drift(f"{name} stands twice")
        holder[name] = text


def _json(values: list[str | dict[str, str]]) -> str:
    return json.dumps(values[0] if len(values) == 1 else values, ensure_ascii=False)


#: The element in which another stands, and that one → what is done when it begins, if anything.
_BEGINS: Final[Mapping[tuple[str, str], Callable[[_Parsing, dict[str, str]], None] | None]] = {
    ("message", "Header"): None,
    ("Header", "Structure"): _Parsing._structure,
    ("Header", "DataSetAction"): _Parsing._capture,
    ("message", "DataSet"): _Parsing._data_set,
    ("message", "Footer"): None,
    ("Footer", "Message"): _Parsing._message,
    ("Message", "Text"): _Parsing._capture,
    ("Error", "ErrorMessage"): _Parsing._message,
    ("ErrorMessage", "Text"): _Parsing._capture,
    ("DataSet", "Series"): _Parsing._begin_series,
    ("DataSet", "Group"): _Parsing._specific_group,
    ("DataSet", "Atts"): _Parsing._specific_group,
    ("DataSet", "Obs"): _Parsing._flat_observation,
    ("Series", "Obs"): _Parsing._observation_of_series,
    **{(holder, "Comp"): _Parsing._start_component for holder in ("DataSet", "Group", "Atts", "Series", "Obs")},
    ("Comp", "Value"): _Parsing._component_value,
    ("Value", "Text"): _Parsing._component_text,
    ("DataSet", "generic:Series"): _Parsing._generic_series,
    ("DataSet", "generic:Group"): _Parsing._generic_group,
    ("DataSet", "generic:Obs"): _Parsing._generic_flat_observation,
    ("generic:Series", "generic:Obs"): _Parsing._generic_observation,
    ("DataSet", "generic:Attributes"): _Parsing._of_data_set,
    ("generic:Series", "generic:SeriesKey"): _Parsing._of_series,
    ("generic:Series", "generic:Attributes"): _Parsing._of_series,
    ("generic:Group", "generic:GroupKey"): _Parsing._of_group_key,
    ("generic:Group", "generic:Attributes"): _Parsing._of_group,
    ("generic:Obs", "generic:ObsKey"): _Parsing._of_observation,
    ("generic:Obs", "generic:Attributes"): _Parsing._of_observation,
    ("generic:Obs", "generic:ObsDimension"): _Parsing._own_code,
    ("generic:Obs", "generic:ObsValue"): _Parsing._figure,
    ("generic:SeriesKey", "generic:Value"): _Parsing._key_value,
    ("generic:ObsKey", "generic:Value"): _Parsing._key_value,
    ("generic:GroupKey", "generic:Value"): _Parsing._value,
    ("generic:Attributes", "generic:Value"): _Parsing._value,
}
_ENDS: Final[Mapping[str, Callable[[_Parsing, str], None]]] = {
    "Text": _Parsing._end_text,
    "Value": _Parsing._end_value,
    "Comp": _Parsing._end_component,
    "DataSetAction": _Parsing._end_action,
}


# -- the columns --------------------------------------------------------------------------------------------------


def _columns(found: _Found, layout: SdmxMlLayout) -> tuple[dict[str, pa.DictionaryArray], pa.Array]:
    """What is said of each observation, wherever it is said, and the figures."""
    own = found.observations.columns()
    count = len(found.series_of)
    types = own.pop(_XSI + "type", None)
    value = own.pop(sdmx.OBS_VALUE, None)
    if value is None:
        raise DriftError(f"no observation has {sdmx.OBS_VALUE}; they have {', '.join(own)}")
    series_of = np.frombuffer(found.series_of, dtype=np.int64) if count else np.empty(0, dtype=np.int64)
    row = pa.array(series_of, mask=series_of < 0)
    columns: dict[str, pa.DictionaryArray] = {}
    for name, column in found.series.columns().items():
        if not name.startswith(_XSI):
            _add(columns, name, column.take(row))
    for name, column in own.items():
        _add(columns, name, column)
    for name, column in _explicit(found, types, count).items():
        _add(columns, name, column)
    qualified = [name for name in columns if " " in name]
    if qualified:
        raise DriftError(f"series or observations have attributes of a namespace: {', '.join(qualified)}; not known")
    for name, column in _of_groups(found, columns, count, layout).items():
        _add(columns, name, column)
    for name, column in _of_data_sets(found, count).items():
        _add(columns, name, column)
    nowhere = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, dtype=np.int32)), pa.array([""], pa.string()))
    columns |= {name: nowhere for name in layout.optional if name not in columns}
    return columns, value.cast(pa.string())


def _add(columns: dict[str, pa.DictionaryArray], name: str, further: pa.DictionaryArray) -> None:
    """Take in what one more place says; DriftError where it is something else of the same observation."""
    if name not in columns:
        columns[name] = further
        return
    one, other = columns[name].cast(pa.string()), further.cast(pa.string())
    differ = pc.not_equal(one, other).fill_null(False)
    if pc.any(differ).as_py():
        at = pc.index(differ, True).as_py()
        raise DriftError(
            f"observation {at + 1}: {name} is {one[at].as_py()!r} and {other[at].as_py()!r}; which of them is meant is "
            "not said: tell the publisher"
        )
    columns[name] = pc.coalesce(one, other).dictionary_encode()


def _explicit(found: _Found, types: pa.DictionaryArray | None, count: int) -> dict[str, pa.DictionaryArray]:
    """The codes that observations have as the type of their element, where the header says that they do."""
    columns: dict[str, pa.DictionaryArray] = {}
    for data_set, end in _spans(found, count):
        if data_set.explicit and types is not None:
            local = [text.rpartition(":")[2] for text in types.dictionary.to_pylist()]
            codes = pa.array(local, pa.string()).dictionary_encode().take(types.indices)
            inside = (np.arange(count) >= data_set.first) & (np.arange(count) < end)
            codes = pc.if_else(pa.array(inside), codes.cast(pa.string()), pa.scalar(None, pa.string()))
            _add(columns, data_set.at_observation, codes.dictionary_encode())
    return columns


def _of_data_sets(found: _Found, count: int) -> dict[str, pa.DictionaryArray]:
    """What data sets say of all their observations."""
    columns: dict[str, pa.DictionaryArray] = {}
    spans = list(_spans(found, count))
    sizes = [end - data_set.first for data_set, end in spans]
    for name in dict.fromkeys(itertools.chain.from_iterable(data_set.attributes for data_set, _ in spans)):
        texts = pa.array([data_set.attributes.get(name) for data_set, _ in spans], pa.string()).dictionary_encode()
        columns[name] = texts.take(pa.array(np.repeat(np.arange(len(spans)), sizes)))
    return columns


def _spans(found: _Found, count: int) -> Iterable[tuple[_DataSet, int]]:
    """Each data set with the number of the first observation after it."""
    ends = [*(data_set.first for data_set in found.data_sets[1:]), count]
    return zip(found.data_sets, ends, strict=True)


def _of_groups(
    found: _Found, columns: Mapping[str, pa.DictionaryArray], count: int, layout: SdmxMlLayout
) -> dict[str, pa.DictionaryArray]:
    """What groups say of the observations of their data set that have all codes of their key."""
    if not found.groups:
        return {}
    spans = list(_spans(found, count))
    number: dict[str, dict[str, int]] = {}
    where = {"": np.repeat(np.arange(len(spans)), [end - data_set.first for data_set, end in spans])}
    told: dict[str, sdmx.Groups[str]] = {}
    whole = [
        {name for name, column in columns.items() if not column.slice(span.first, end - span.first).null_count}
        for span, end in spans
    ]
    for group in found.groups:
        key, attributes = _keyed(group, whole[group.data_set], layout) if not found.generic else (group.key, group.said)
        unknown = [name for name in key if name not in columns]
        if unknown or not key:
            raise DriftError(
                f"a group has the key {key}, of which the observations do not have {unknown or 'anything'}"
            )
        for name in key.keys() - number.keys():
            number[name] = {code: i for i, code in enumerate(columns[name].dictionary.to_pylist())}
            where[name] = columns[name].indices.fill_null(-1).to_numpy().astype(np.int64)
        names = tuple(sorted(key))
        at = (group.data_set, *(number[name].get(key[name], -2) for name in names))
        if -2 in at:
            continue  # it is said of none of these observations
        for name, text in attributes.items():
            before = told.setdefault(name, {}).setdefault(("", *names), {}).setdefault(at, text)
            if before != text:
                raise DriftError(f"the group {key} says {before!r} and {text!r} of {name}")
    added: dict[str, pa.DictionaryArray] = {}
    for name, groups in told.items():
        row, texts = sdmx.of_groups(groups, where, count, name)
        added[name] = pa.array(texts, pa.string()).dictionary_encode().take(pa.array(row, mask=row < 0))
    return added


def _keyed(group: _Group, whole: Collection[str], layout: SdmxMlLayout) -> tuple[dict[str, str], dict[str, str]]:
    """Key and attributes of a structure-specific group: its key are the columns of which each observation of the data
    set has a code, as it has of a dimension.
    """
    plain = {name: text for name, text in group.said.items() if not name.startswith(_XSI)}
    parts = {name for name in plain if name in whole and not sdmx.is_attribute(name, layout.attributes)}
    return (
        {name: text for name, text in plain.items() if name in parts},
        {name: text for name, text in plain.items() if name not in parts},
    )


def _likely_dimensions(found: _Found, columns: Iterable[str], layout: SdmxMlLayout) -> list[str]:
    """Columns of series and observations that tell figures apart: all but those that are declared to be none, or have
    the usual name of an attribute, or stand in groups or data sets alone.
    """
    said = {*found.series.names, *found.observations.names, *(data_set.at_observation for data_set in found.data_sets)}
    return [name for name in columns if name in said and not sdmx.is_attribute(name, layout.attributes)]
