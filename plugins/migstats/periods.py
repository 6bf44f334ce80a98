"""Periods: what a publisher writes of time → SDMX periods, and whether these are what else is said of the figures."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

import numpy as np
import pyarrow as pa

from migstats.coded import Coded, Problems, coded, take
from migstats.errors import DriftError
from migstats.observation import period_bounds, point_in_time, time_id
from migstats.source import Column, Dataset

#: The year that begins on a date, and ends on the other one where there are two.
_WHOLE_YEAR: Final = re.compile(r"(?P<year>\d{4})-01-01(T00:00:00)?(\|(?P=year)-12-31(T(00:00:00|23:59:59))?)?")
#: A year and a month as SDMX writes reporting periods (Technical Notes 4.2.6); its half-years and quarters are ours.
_REPORTING: Final = re.compile(r"(?P<year>\d{4})-(A1|M(?P<month>0[1-9]|1[0-2]))")
#: The column that says when a reporting year begins, and its day where that is the year of the calendar.
_START_DAY: Final = "REPORTING_YEAR_START_DAY"
_FIRST_OF_JANUARY: Final = ("", "--01-01")
#: Frequencies that periods of ours can have.
_FREQUENCIES: Final = frozenset({"A", "S", "Q", "M"})


def periods(how: Column, cells: Coded, problems: Problems, last_year: int) -> Coded:
    """The SDMX period of each row; what is none goes to quarantine, and what begins after `last_year`."""
    bad, future = -2, -3
    targets: dict[str, int] = {}

    def number(cell: str) -> int:
        text = _period_of(cell, how)
        if text is None:
            return bad
        _, first, _ = period_bounds(text)
        return future if first.year > last_year else targets.setdefault(text, len(targets))

    new = take([number(v) for v in cells.values], cells.codes, bad)
    problems.add(new == bad, "bad_period", how.column)
    problems.add(new == future, "future_period", how.column)
    return Coded(np.maximum(new, -1), list(targets))


def _period_of(cell: str, how: Column) -> str | None:
    """What a cell says, as a period of ours; None where it is none."""
    text = cell.strip()
    if how.period == "year":
        text = text.removesuffix(".0")
    if how.period == "whole_year":
        match = _WHOLE_YEAR.fullmatch(text)
        text = match["year"] if match else ""
    if how.period in (None, "sdmx") and (match := _REPORTING.fullmatch(text)):
        text = match["year"] + (f"-{match['month']}" if match["month"] else "")
    try:
        if how.period == "month":
            text = dt.date.fromisoformat(text[:10]).isoformat()[:7]
        freq, _, _ = period_bounds(text)
    except ValueError:
        return None
    return None if how.period == "year" and freq != "A" else text


def require_detail(table: pa.Table, period: Coded, how: Column, problems: Problems) -> None:
    """A figure of 2019 to 2020 is none of 2019: a column that says more exactly of when a figure is, says the same.

    SDG figures are annual by convention, and `TIME_DETAIL` has what that hides, such as an average of two years
    (Guidelines for the Global Data Structure Definition for SDG indicators, FREQ).
    """
    if how.detail is None:
        return
    said = coded(table[how.detail])
    index = {text: code for code, text in enumerate(period.values)}
    silent, other = -2, -3
    told = [index.get(_period_of(cell, how) or "", other) if cell.strip() else silent for cell in said.values]
    same = take(told, said.codes, silent)
    problems.add((same != silent) & (same != period.codes), "bad_period", how.column, how.detail)


def require_calendar(table: pa.Table, dataset: str) -> None:
    """DriftError where a reporting year begins on another day than a year: its first quarter is then another one."""
    for name in (name for name in table.column_names if name.upper() == _START_DAY):
        odd = sorted({text.strip() for text in coded(table[name]).values} - set(_FIRST_OF_JANUARY))
        if odd:
            raise DriftError(
                f"dataset {dataset}: {name} says {', '.join(map(repr, odd[:4]))}: years, quarters and months are "
                "counted from that day, and are none of the calendar; ask the publisher for figures of calendar periods"
            )


def require_point_within(period: Coded, dataset: Dataset, problems: Problems) -> None:
    """A stock on 1 July is no figure about a first quarter: the period or the reference point is misunderstood."""
    outside = []
    for text in period.values:
        _, first, last = period_bounds(text)
        point = point_in_time(dataset.reference_point, first, last)
        outside.append(point is not None and not first <= point <= last)
    how = dataset.concepts["time_period"]
    column = how.column if isinstance(how, Column) else ""
    problems.add(take(outside, period.codes, 0).astype(bool), "point_outside_period", column)


def require_frequency(table: pa.Table, period: Coded, dataset: Dataset, problems: Problems) -> None:
    """A quarter among annual figures is no year: what the publisher says of the frequency, and the period, agree."""
    freqs = [period_bounds(text)[0] for text in period.values]
    how = dataset.concepts["time_period"]
    for name in (name for name in dataset.only if name.casefold() == "freq"):
        said = coded(table[name])
        kinds = [text.strip() for text in said.values]
        pairs = said.codes * (len(freqs) + 1) + period.codes
        odd = [
            at * (len(freqs) + 1) + of
            for at, kind in enumerate(kinds)
            for of, freq in enumerate(freqs)
            if kind in _FREQUENCIES and kind != freq
        ]
        known = (said.codes >= 0) & (period.codes >= 0)
        problems.add(known & np.isin(pairs, odd), "bad_period", how.column if isinstance(how, Column) else "", name)


def time_ids(period: Coded) -> pa.Array:
    """Each period as the integer of ref.period."""
    ids = np.asarray([*(time_id(p) for p in period.values), 0], dtype=np.int32)
    return pa.array(ids[period.codes])


def frequencies(period: Coded) -> Coded:
    """The frequency (SDMX:CL_FREQ) of each period."""
    freqs = [period_bounds(p)[0] for p in period.values]
    distinct = sorted(set(freqs)) or ["A"]
    return Coded(take([distinct.index(f) for f in freqs], period.codes, 0), distinct)
