"""What an official looks at before confirming: `preview` of a reading, as it is written and as the portal shows it.

`ops.upload_reading.preview` is a JSON object; every key may be missing:

- `sheet`, `header_row`, `language`, `decimal`, `group`: where the table was found, and how its numbers were read;
- `columns`: id of a column of the form → the letter and header under which it was found, such as `C · Sexe`;
- `first`: the first rows, each an object: id of a column → what was understood of its cell, as text;
- `totals`: objects with `measure` (id of a column), `figures`, `without` (counts), `total` (text or null: the figure of
  the row that is total in every key) and `column` (text: what the whole column adds up to);
- `difference`, from the last accepted submission of the same form, country and year:
  - `new`, `changed`, `removed`, `same`: counts of figures;
  - `largest`, `largest_share`: objects with `key` (dimension → code), `was` and `now` (the figure as text, or a marker
    such as `O:not_available`), `share` (the difference in parts of what was, or null), largest first;
  - `by_year`: indicator → year → the figure that is total in every dimension, of this and of accepted submissions;
- `marked`: `{"sha256": text, "suffix": "xlsx"}`, the workbook with its cells marked, in the lake among the uploads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any, Final

from migstats import settings
from migstats.codelists import read_codelist
from migstats.observation import SERIES_DIMENSIONS
from migstats.uploads.contract import Form

#: What is shown at most, whatever is written there.
_ROWS: Final = 20
_DIFFERENCES: Final = 20
_YEARS: Final = 30
_MEASURES: Final = 6

#: Dimensions that the heading of the page says, or that say nothing to an official.
_UNTOLD: Final = ("indicator", "ref_area", "time_period", "unit", "counterpart_basis")

_FORMATS: Final = ("sheet", "header_row", "language", "decimal", "group")

#: A figure, or what stands in its place, in words; None: nothing.
Shown = Decimal | str | None


@dataclass(frozen=True)
class Total:
    """What was understood of a measure."""

    label: str
    figures: int
    without: int
    total: Shown
    column: Shown


@dataclass(frozen=True)
class Change:
    """A figure as it is accepted, and as it was sent; `share`: the difference in parts of what was."""

    label: str
    period: str
    was: Shown
    now: Shown
    share: float | None

    @property
    def size(self) -> Decimal | None:
        """By how much it differs; None where one of them is no figure."""
        return self.now - self.was if isinstance(self.was, Decimal) and isinstance(self.now, Decimal) else None


@dataclass(frozen=True)
class Point:
    """The total of one year; `sent`: of this submission, else of one that was accepted."""

    period: str
    value: Decimal
    sent: bool


@dataclass(frozen=True)
class Measured:
    """The totals of a measure over time."""

    label: str
    points: Sequence[Point]

    @property
    def top(self) -> Decimal:
        """Where the axis ends; 1 where nothing is above zero."""
        return max((point.value for point in self.points if point.value > 0), default=Decimal(1))


@dataclass(frozen=True)
class Difference:
    """How a submission differs from the last accepted one."""

    new: int
    changed: int
    removed: int
    same: int
    largest: Sequence[Change]
    largest_share: Sequence[Change]
    by_year: Sequence[Measured]

    @property
    def is_first(self) -> bool:
        """Whether there was nothing to compare with."""
        return not (self.changed or self.removed or self.same)


@dataclass(frozen=True)
class Marked:
    """The marked copy of the workbook."""

    sha256: str
    suffix: str


@dataclass(frozen=True)
class Preview:
    """What was understood, to be looked at. `formats` are (key of the text, values)."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    totals: Sequence[Total]
    formats: Sequence[tuple[str, Sequence[str]]]
    difference: Difference | None
    marked: Marked | None


def preview_of(written: Mapping[str, Any] | None, form: Form | None, year: int, language: str) -> Preview:
    """The preview of a reading in words of this language; what has not the shape above is left out."""
    facts = written or {}
    found = {str(column): _text(header) for column, header in _object(facts, "columns").items()}
    # jsonb does not keep the order of keys; that of the form is the one that officials know
    columns = {c: found[c] for c in _in_order(found, [column.id for column in form.columns] if form else [])}
    return Preview(
        columns=list(columns.values()),
        rows=[[_text(row.get(column)) for column in columns] for row in _objects(facts, "first")[:_ROWS]],
        totals=[_total(total, form, language) for total in _objects(facts, "totals")],
        formats=[(key, _marks(facts[key])) for key in _FORMATS if facts.get(key)],
        difference=_difference(facts.get("difference"), form, year, language),
        marked=_marked(facts.get("marked")),
    )


def _total(written: Mapping[str, Any], form: Form | None, language: str) -> Total:
    measure = _text(written.get("measure"))
    headers = {m.id: m.header.of(language) for m in form.measures} if form else {}
    return Total(
        label=headers.get(measure, measure),
        figures=_count(written.get("figures")),
        without=_count(written.get("without")),
        total=_shown(written.get("total"), language),
        column=_shown(written.get("column"), language),
    )


def _difference(written: object, form: Form | None, year: int, language: str) -> Difference | None:
    if not isinstance(written, Mapping):
        return None
    headers = {m.indicator: m.header.of(language) for m in form.measures} if form else {}

    def changes(key: str) -> list[Change]:
        return [_change(change, headers, language) for change in _objects(written, key)[:_DIFFERENCES]]

    by_year = []
    for indicator, years in list(_object(written, "by_year").items())[:_MEASURES]:
        values = {period: _shown(v, language) for period, v in years.items()} if isinstance(years, Mapping) else {}
        points = [Point(str(p), v, str(p) == str(year)) for p, v in sorted(values.items()) if isinstance(v, Decimal)]
        label = headers.get(indicator) or _name("indicator", str(indicator), language)
        by_year.append(Measured(label, points[-_YEARS:]))
    return Difference(
        new=_count(written.get("new")),
        changed=_count(written.get("changed")),
        removed=_count(written.get("removed")),
        same=_count(written.get("same")),
        largest=changes("largest"),
        largest_share=changes("largest_share"),
        by_year=by_year,
    )


def _change(written: Mapping[str, Any], headers: Mapping[str, str], language: str) -> Change:
    key = _object(written, "key")
    indicator = _text(key.get("indicator"))
    told = [_name(d, _text(key[d]), language) for d in _in_order(key, SERIES_DIMENSIONS) if d not in _UNTOLD]
    share = written.get("share")
    return Change(
        label=" · ".join([headers.get(indicator) or _name("indicator", indicator, language), *told]),
        period=_text(key.get("time_period")),
        was=_shown(written.get("was"), language),
        now=_shown(written.get("now"), language),
        share=float(share) if isinstance(share, int | float) and isfinite(share) else None,
    )


def _name(dimension: str, code: str, language: str) -> str:
    """What a code of a dimension is called; the code itself where it has no name."""
    codelist = "area" if dimension == "counterpart_area" else dimension
    folder = settings.include() / "codelists"
    if not re.fullmatch(r"[a-z_]+", codelist) or not (folder / f"{codelist}.csv").is_file():
        return code
    row = read_codelist(folder, codelist).rows.get(code, {})
    return row.get(f"name_{language}") or row.get("name_en") or code


def _marked(written: object) -> Marked | None:
    if not isinstance(written, Mapping):
        return None
    sha, suffix = _text(written.get("sha256")), _text(written.get("suffix"))
    known = re.fullmatch(r"[0-9a-f]{64}", sha) and suffix in ("xlsx", "ods", "csv")
    return Marked(sha, suffix) if known else None


def _shown(value: object, language: str) -> Shown:
    """A figure; of a marker what it means."""
    text = _text(value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return _name("missing_reason", text.rpartition(":")[2], language) if text else None
    return number if number.is_finite() else None


def _in_order(names: Iterable[str], order: Sequence[str]) -> list[str]:
    """Names in this order; those that are not in it at the end."""
    return sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))


def _marks(value: object) -> tuple[str, ...]:
    """One or several marks; blanks of all kinds are one."""
    marks = [_text(mark) for mark in value] if isinstance(value, list) else [_text(value)]
    return tuple(dict.fromkeys(mark if mark.strip() else " " for mark in marks))


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0


def _object(facts: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = facts.get(key)
    return found if isinstance(found, Mapping) else {}


def _objects(facts: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = facts.get(key)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _text(value: object) -> str:
    return "" if value is None else str(value)
