"""Rows of a form against each other: the same row twice, parts against their total, ages that overlap."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from migstats.uploads.contract import Form, Sum
from migstats.uploads.finding import Finding
from migstats.uploads.formats import canonical
from migstats.uploads.grid import address
from migstats.uploads.keys import above, bounds_of_age
from migstats.uploads.value import Value


@dataclass(frozen=True)
class Row:
    """One row of figures: its number, the codes of its keys in the order of the form, and what its measures say."""

    number: int
    codes: tuple[str, ...]
    values: Mapping[str, Value]
    raw: Mapping[str, str]
    #: What the file calls the subdivision.
    name: str = ""


def without_duplicates(
    rows: Sequence[Row], sheet: str, columns: Mapping[str, int]
) -> tuple[list[Row], list[Finding], int, int]:
    """Rows once, findings, figures refused since two rows say different things, figures that only repeat others."""
    by_codes: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        by_codes.setdefault(row.codes, []).append(row)
    kept: list[Row] = []
    findings: list[Finding] = []
    refused = repeated = 0
    first_column = min(columns.values())
    for same in by_codes.values():
        first, *others = same
        if all(_says(row) == _says(first) for row in others):
            kept.append(first)
            for row in others:
                repeated += len(row.values)
                words = {"other": address(first.number, first_column)}
                findings.append(Finding("row_repeated", sheet, row.number, first_column, words=words))
            continue
        refused += sum(len(row.values) for row in same)
        for row in same:
            other = same[1] if row is first else first
            differs = next((m for m in columns if _said(row, m) != _said(other, m)), "")
            column = columns.get(differs, first_column)
            words = {"other": address(other.number, column)}
            findings.append(Finding("row_twice", sheet, row.number, column, row.raw.get(differs, ""), words))
    return sorted(kept, key=lambda row: row.number), findings, refused, repeated


def _said(row: Row, measure: str) -> tuple[str | None, str, str] | None:
    value = row.values.get(measure)
    return None if value is None else (value.value, value.obs_status, value.missing_reason)


def _says(row: Row) -> dict[str, tuple[str | None, str, str] | None]:
    return {measure: _said(row, measure) for measure in row.values}


def checked(form: Form, rows: Sequence[Row], sheet: str, columns: Mapping[str, int]) -> Iterator[Finding]:
    """Sums that the form declares, and ages that overlap, within each group of the other keys."""
    ids = [key.id for key in form.keys]
    for one in form.sums:
        measures = [measure.id for summed, measure in form.sums_of_measures if summed == one]
        yield from _sums(form, one, ids.index(one.column), measures, rows, sheet, columns)
    for at, key in enumerate(form.keys):
        if key.concept == "age":
            yield from _overlaps(at, rows, sheet, columns[key.id])


def _groups(at: int, rows: Sequence[Row]) -> Iterator[dict[str, Row]]:
    """Rows that differ in the key `at` alone, by its code."""
    groups: dict[tuple[str, ...], dict[str, Row]] = {}
    for row in rows:
        groups.setdefault((*row.codes[:at], *row.codes[at + 1 :]), {})[row.codes[at]] = row
    yield from groups.values()


def _sums(
    form: Form,
    one: Sum,
    at: int,
    measures: Sequence[str],
    rows: Sequence[Row],
    sheet: str,
    columns: Mapping[str, int],
) -> Iterator[Finding]:
    concept = form.keys[at].concept
    for group in _groups(at, rows):
        whole = group.get(one.total)
        if whole is None or len(group) < 2:
            continue
        parts = one.parts or _parts(concept, [code for code in group if code != one.total])
        for measure in measures:
            total = _figure(whole, measure)
            figures = [_figure(group[code], measure) if code in group else None for code in parts]
            numbers = [figure for figure in figures if figure is not None]
            if total is None or not numbers or len(numbers) < len(figures):
                continue
            found = sum(numbers, Decimal(0))
            if abs(found - total) > Decimal(str(one.tolerance)):
                words = {"sum": canonical(found), "total": canonical(total)}
                yield Finding("sum_differs", sheet, whole.number, columns[measure], whole.raw.get(measure, ""), words)


def _parts(concept: str, codes: Sequence[str]) -> list[str]:
    """The codes that are parts of the total: of subdivisions, those that lie in no other that is there."""
    if concept != "subdivision":
        return list(codes)
    return [code for code in codes if above(code).isdisjoint(codes)]


def _figure(row: Row, measure: str) -> Decimal | None:
    value = row.values.get(measure)
    return None if value is None or value.value is None else Decimal(value.value)


def _overlaps(at: int, rows: Sequence[Row], sheet: str, column: int) -> Iterator[Finding]:
    """Age groups of which each has ages of the other, and neither lies in the other."""
    for group in _groups(at, rows):
        ages = sorted((bounds, code) for code in group if (bounds := bounds_of_age(code)) is not None)
        for number, (bounds, code) in enumerate(ages):
            for (low, high), earlier in ages[:number]:
                if low < bounds[0] <= high < bounds[1]:
                    row = max(group[code], group[earlier], key=lambda row: row.number)
                    other = group[earlier] if row is group[code] else group[code]
                    words = {"other": f"{other.codes[at]} ({address(other.number, column)})"}
                    yield Finding("age_overlap", sheet, row.number, column, row.codes[at], words)
                    break


def totals_rows(
    form: Form,
    rows: Sequence[Row],
    totals: Collection[tuple[int, Mapping[str, Value]]],
    sheet: str,
    columns: Mapping[str, int],
) -> Iterator[Finding]:
    """A total that somebody typed below the table, held against the figures; it is no figure itself.

    Against the row whose keys are all totals where there is one, else against the sum of the rows, if none is a total.
    It is not checked where neither can be told, or where there are several (subtotals).
    """
    if len(totals) != 1:
        return
    number, said = next(iter(totals))
    total_only = [row for row in rows if all(code == "_T" for code in row.codes)]
    for measure in form.measures:
        typed = said.get(measure.id)
        if typed is None or typed.value is None:
            continue
        figures = [_figure(row, measure.id) for row in total_only or rows]
        without = [figure for figure in figures if figure is not None]
        if not total_only and (any("_T" in row.codes for row in rows) or len(without) < len(rows)):
            continue
        found = sum(without, Decimal(0))
        if without and found != Decimal(typed.value):
            words = {"sum": canonical(found), "total": typed.value}
            yield Finding("sum_differs", sheet, number, columns[measure.id], typed.value, words)
