"""Reader of SDMX-CSV 1.0 and 2.0, one observation per record."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.layout import SdmxCsvLayout
from migstats.readers import Envelope, Explained, TextTable, answer, cells, csv_text, sdmx

_EXPECTED: Final = "SDMX-CSV"
_DIALECT: Final = csv_text.Dialect(_EXPECTED)
_UPDATED: Final = "LAST UPDATE"
#: Actions of SDMX-CSV 2.0 that tell of figures: information, append, replace, merge.
_ACTIONS: Final = frozenset({"I", "A", "R", "M"})
#: Columns of the format itself.
_STRUCTURE: Final = re.compile(
    r"DATAFLOW|STRUCTURE(\[.*\])?|STRUCTURE_ID|STRUCTURE_NAME|ACTION|SERIES_KEY|OBS_KEY|LAST UPDATE|UPDATED"
)
#: Columns that tell figures apart wherever they stand; all others do so before the figure.
_DIMENSION: Final = frozenset(
    {"FREQ", "REF_AREA", "GEO", "COUNTERPART_AREA", "INDICATOR", "MEASURE", "SEX", "AGE", "UNIT", "UNIT_MEASURE"}
)


def inspect(payload: bytes, layout: SdmxCsvLayout) -> Envelope:
    """The update stamp of the first record; SDMX-CSV has no pages.

    TryAgainError: a web page, or not CSV at all. PublisherError: an error body, `NoRecordsFound`, or a header
    without records. DriftError: a header without OBS_VALUE, with a name twice, or with another delimiter.
    """
    text = answer.body(payload, _EXPECTED)
    header, first = _first_records(text)
    _value_column(header)
    if first is None:
        raise PublisherError("line 2: the header is followed by no record; no rows are not zero rows")
    stamp = first[header.index(_UPDATED)] if _UPDATED in header and len(first) == len(header) else ""
    return Envelope(updated=_iso(stamp))


def read(payload: bytes, layout: SdmxCsvLayout) -> TextTable:
    """One row per record, columns as in the header, each as text; `_value` is null where OBS_VALUE is empty.

    A record of a series with neither a period nor a figure holds its attributes alone: it is explained as `blank`. One
    with a flag, or a mark of confidentiality, is of an observation whose period is lost, and stays.
    PublisherError names the line with a field too many or too few, or that is not UTF-8. DriftError: records
    that delete (ACTION D), an action that SDMX does not have, ids and labels within one cell.
    """
    envelope = inspect(payload, layout)
    text = answer.body(payload, _EXPECTED)
    header, _ = _first_records(text)
    figure = _value_column(header)
    table = csv_text.table(text, header, _DIALECT)
    lines = csv_text.lines(text, table.num_rows + 1, _DIALECT)[1:]
    columns = csv_text.coded(table, {name: name for name in header if name != figure})
    if layout.apostrophes:
        columns = {name: csv_text.without_apostrophes(column) for name, column in columns.items()}
    dimensions = _dimensions(header, figure, columns, layout)
    pairs = [same for same in dimensions if len(same) == 2]
    labels = {code: cells.labels_of(columns[code], columns[label]) for code, label in pairs}
    if "ACTION" in columns:
        _refuse_actions(columns["ACTION"], lines)
    if _UPDATED in columns:
        stamps = sorted(filter(None, map(_iso, columns[_UPDATED].dictionary.to_pylist())))
        envelope = Envelope(updated=stamps[-1] if stamps else None)
    value = csv_text.without_empty(table[figure])
    columns, value, lines, explained = _without_bare_series(columns, value, lines, f"line {{}} column {figure}")
    return cells.text_table(
        columns,
        value,
        [f"line {{}} column {figure}"],
        lines,
        explained=explained,
        envelope=envelope,
        dimensions=dimensions,
        labels=labels,
    )


def _without_bare_series(
    columns: dict[str, pa.DictionaryArray], value: pa.Array, lines: csv_text.Lines, place: str
) -> tuple[dict[str, pa.DictionaryArray], pa.Array, csv_text.Lines, list[Explained]]:
    """Leave out the records that hold only what is said of a whole series, and count them."""
    periods = columns.get(sdmx.TIME)
    if periods is None or "" not in periods.dictionary.to_pylist():
        return columns, value, lines, []
    bare = pc.and_(pc.equal(periods, ""), pc.is_null(value))
    for name, column in columns.items():
        if sdmx.is_status(name):
            bare = pc.and_(bare, pc.equal(column, ""))
    at = np.flatnonzero(bare.to_numpy(zero_copy_only=False))
    if not len(at):
        return columns, value, lines, []
    if len(at) == len(lines):
        raise PublisherError(
            f"all {len(at)} records are of series without a period and a figure ({place.format(lines[at[0]])}); no "
            "rows are not zero rows: check the periods that were asked for"
        )
    kept = pc.invert(bare)
    explained = [Explained("blank", len(at), place.format(lines[at[0]]))]
    return (
        {name: column.filter(kept) for name, column in columns.items()},
        value.filter(kept),
        np.delete(lines, at),
        explained,
    )


def locate(payload: bytes, place: str, layout: SdmxCsvLayout) -> str | None:
    """The figure at a place such as `line 17 column OBS_VALUE`, as `read` gives it; None where it is empty.

    PublisherError where no record begins on that line.
    """
    records = csv_text.records(answer.body(payload, _EXPECTED), _DIALECT)
    _, header = next(records)
    return csv_text.cell(records, header, place)


def _dimensions(
    header: list[str], figure: str, columns: dict[str, pa.DictionaryArray], layout: SdmxCsvLayout
) -> list[tuple[str, ...]]:
    """The columns that tell figures apart, each with the column of its labels where there is one.

    SDMX-CSV does not mark them. They stand before the figure, but some publishers put attributes there too: what has
    the usual name of one, or is declared to be one, is none.
    """
    found: list[tuple[str, ...]] = []
    before = header.index(figure)
    said = {  # what neither is of the format, nor empty, nor declared to tell nothing apart
        name: column
        for name, column in columns.items()
        if not (name in layout.attributes or _STRUCTURE.fullmatch(name.upper()))
        and column.dictionary.to_pylist() != [""]
    }
    label_of = _pairs(header, said, columns)
    for position, name in enumerate(header):
        usual = name.upper()
        if name not in said or name in label_of.values():
            continue
        if (position < before and not sdmx.is_attribute(name, ())) or usual in (*_DIMENSION, sdmx.TIME):
            found.append((name, label_of[name]) if name in label_of else (name,))
    return found


def _pairs(
    header: list[str], said: dict[str, pa.DictionaryArray], columns: dict[str, pa.DictionaryArray]
) -> dict[str, str]:
    """Column of codes → column of their labels: that whose name says the same, or else the one behind it."""
    found: dict[str, str] = {}
    behind = dict(zip(header[1:], header, strict=False))
    labels = list(filter(_looks_like_text, said))
    for label in labels:
        told = {code: len(_words(code)) for code in said if _same_name(code, label) and _labels(code, label, columns)}
        best = [code for code, words in told.items() if words == max(told.values())]
        code = best[0] if len(best) == 1 else behind.get(label, "")
        if code in best:
            found.setdefault(code, label)
    for label in labels:
        code = behind.get(label, "")
        if label not in found.values() and code in columns and _labels(code, label, columns):
            found.setdefault(code, label)
    return found


def _same_name(code: str, label: str) -> bool:
    """Whether each word of an id begins one of its label: `REF_AREA` is the `Reference area`."""
    return all(any(word.startswith(part) for word in _words(label)) for part in _words(code))


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", name.lower())


def _labels(name: str, label: str, columns: dict[str, pa.DictionaryArray]) -> bool:
    """Whether a column holds the labels of the codes before it: its name is no id, and each code has its own label."""
    if not _looks_like_text(label) or _looks_like_text(name):
        return False
    codes, texts = columns[name], columns[label]
    labels = texts.dictionary.to_pylist()
    if len(codes.dictionary) != len(labels) or not (name == sdmx.TIME or any(map(_looks_like_text, labels))):
        return False
    at = codes.indices.to_numpy(zero_copy_only=False)
    texts_at = texts.indices.to_numpy(zero_copy_only=False)
    label_of = np.zeros(len(labels), dtype=texts_at.dtype)
    label_of[at] = texts_at
    return bool((label_of[at] == texts_at).all())


def _looks_like_text(name: str) -> bool:
    """`Country of birth` and `Sex` are written for people, `c_birth` and `SEX` for programs."""
    return any(map(str.islower, name)) and (" " in name or any(map(str.isupper, name)))


def _first_records(text: bytes) -> tuple[list[str], list[str] | None]:
    """Header and first record; a payload that starts with anything but a header of CSV is refused."""
    start = csv_text.start_of(text, _EXPECTED)
    records = csv.reader(io.StringIO(start.decode("utf-8", "replace"), newline=""))
    try:
        found = [record for _, record in zip(range(2), filter(None, records), strict=False)]
    except csv.Error as error:
        raise PublisherError(f"line {records.line_num}: is not CSV: {error}") from error
    if any("\ufffd" in name for name in found[0]):
        next(csv_text.records(text, _DIALECT))  # a name that is not UTF-8 is refused there
    return found[0], found[1] if len(found) > 1 else None


def _value_column(header: list[str]) -> str:
    """The name of the column with the figures, once the header is one that we can read."""
    if len(header) == 1:
        other = next((mark for mark in ";\t|" if mark in header[0] and sdmx.OBS_VALUE in header[0].upper()), None)
        if other:
            raise DriftError(f"line 1: the delimiter is {other!r}, a comma was expected; ask with `Accept: text/csv`")
        raise TryAgainError(f"line 1: {_EXPECTED} was expected, the answer begins with {header[0][:60]!r}")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DriftError(f"line 1: the header has {', '.join(map(repr, twice))} twice")
    for name in header:
        if name.upper().startswith(sdmx.OBS_VALUE + ":"):
            raise DriftError(
                f"line 1: ids and labels stand in one cell ({name!r}); ask for the codes alone (labels=id), "
                "or for ids and names in columns of their own (labels=name)"
            )
    for name in header:
        if name.upper() == sdmx.OBS_VALUE:
            return name
    raise DriftError(f"line 1: there is no column {sdmx.OBS_VALUE}; there are {', '.join(map(repr, header))}")


def _refuse_actions(actions: pa.DictionaryArray, lines: csv_text.Lines) -> None:
    codes = actions.dictionary.to_pylist()
    indices = actions.indices.to_numpy(zero_copy_only=False)
    for index, code in enumerate(codes):
        if code.strip() not in _ACTIONS:
            line = lines[np.flatnonzero(indices == index)[0]]
            if code.strip() == "D":
                raise DriftError(
                    f"line {line} column ACTION: D deletes; deletions are not supported by this reader, "
                    "ask for the whole slice instead"
                )
            raise DriftError(f"line {line} column ACTION: found {code!r}, expected one of I, A, R, M")


def _iso(stamp: str) -> str | None:
    """Eurostat's `dd/mm/yy hh:mm:ss` as ISO 8601; None for anything else."""
    try:
        return dt.datetime.strptime(stamp, "%d/%m/%y %H:%M:%S").isoformat()
    except ValueError:
        return None
