"""The canonical observation: its dimensions, attributes and time codes.

The record follows SDMX concepts (REF_AREA, COUNTERPART_AREA, SEX, AGE, TIME_PERIOD, OBS_VALUE, OBS_STATUS,
CONF_STATUS, UNIT_MULT). `_T` is the total of a dimension, `_U` unknown, `_Z` not applicable.
"""

from __future__ import annotations

import datetime as dt
import re
from hashlib import blake2b
from typing import Final

#: Dimensions that, with `time_period`, identify an observation; without it they identify a series.
SERIES_DIMENSIONS: Final = (
    "source",
    "indicator",
    "freq",
    "ref_area",
    "subdivision",
    "counterpart_area",
    "counterpart_basis",
    "sex",
    "age",
    "migration_status",
    "education",
    "labour_status",
    "occupation",
    "activity",
    "reason",
    "urbanisation",
    "disability",
    "breakdown",
)

#: The value of a dimension that a dataset does not declare: the total where rows can be broken down by it.
DEFAULTS: Final[dict[str, str]] = {
    "freq": "A",
    "subdivision": "_T",
    "counterpart_area": "_T",
    "counterpart_basis": "_Z",
    "sex": "_T",
    "age": "_T",
    "migration_status": "_T",
    "education": "_T",
    "labour_status": "_T",
    "occupation": "_T",
    "activity": "_T",
    "reason": "_T",
    "urbanisation": "_T",
    "disability": "_T",
    "breakdown": "_T",
}

#: Attributes that many observations share; stored once per distinct combination.
SHARED_ATTRIBUTES: Final = (
    "dataset",
    "conf_status",
    "unit",
    "unit_mult",
    "missing_reason",
    "nature",
    "concept_basis",
    "coverage",
    "residence_criterion",
    "reference_point",
    "note",
)

#: Where a figure comes from. The place is a template with one hole for the row, such as `Table 1!F{}`.
PLACE: Final = ("snapshot", "place", "raw")

#: The columns of an observation as people and programs read it (`migstats read -o`).
COLUMNS: Final = (
    *SERIES_DIMENSIONS,
    "time_period",
    "value",
    "obs_status",
    *SHARED_ATTRIBUTES,
    "period_start",
    "period_end",
    "point_in_time",
    *PLACE,
    "slice",
)

#: SDMX:CL_OBS_STATUS codes that say there is no figure. The database holds the same list (ref.obs_status).
WITHOUT_VALUE: Final = frozenset({"H", "L", "M", "N", "O", "Q"})

#: SDMX:CL_OBS_STATUS codes that stand with a figure or without one, as ref.obs_status has them.
EITHER_WAY: Final = frozenset({"J", "K", "S"})

#: Reasons for which a cell of a payload is counted, but is not a figure (design: a closed list).
EXPLAINED: Final = (
    "blank",
    "header_or_note",
    "identical_duplicate",
    "absent_position",
    "outside_tables",
    "declared_ignored",
    "not_selected",
    "aggregated",
)

#: Reasons for which a cell goes to quarantine (a closed list; docs say what to do about each).
QUARANTINED: Final = (
    "unknown_code",
    "declared_unknown",
    "not_a_number",
    "bad_period",
    "conflicting_duplicate",
    "out_of_bounds",
    "future_period",
    "missing_dimension",
    "contradiction",
    "point_outside_period",
)


def series_id(key: tuple[str, ...]) -> int:
    """Deterministic signed 64-bit id of a series, from its dimensions in the order of SERIES_DIMENSIONS."""
    digest = blake2b("\x1f".join(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


_YEAR = r"(?P<year>[0-9]{4})"
_PERIODS: Final = (
    (re.compile(rf"{_YEAR}"), "A"),
    (re.compile(rf"{_YEAR}-S(?P<part>[12])"), "S"),
    (re.compile(rf"{_YEAR}-Q(?P<part>[1-4])"), "Q"),
    (re.compile(rf"{_YEAR}-(?P<part>0[1-9]|1[0-2])"), "M"),
)
_MONTHS: Final = {"A": 12, "S": 6, "Q": 3, "M": 1}


def period_bounds(time_period: str) -> tuple[str, dt.date, dt.date]:
    """SDMX:CL_FREQ frequency, first and last day of an SDMX period (`2024`, `2024-S1`, `2024-Q1`, `2024-01`).

    Raises ValueError for anything else, and for years outside 1800 to 2200.
    """
    for pattern, freq in _PERIODS:
        match = pattern.fullmatch(time_period)
        if match:
            year = int(match["year"])
            if not 1800 <= year <= 2200:
                break
            months = _MONTHS[freq]
            part = int(match.groupdict().get("part") or 1)
            first = dt.date(year, (part - 1) * months + 1, 1)
            after = first.month + months
            last = dt.date(year + (after > 12), (after - 1) % 12 + 1, 1) - dt.timedelta(days=1)
            return freq, first, last
    raise ValueError(f"{time_period!r} is not an SDMX period such as 2024, 2024-S1, 2024-Q1 or 2024-01")


def time_id(time_period: str) -> int:
    """Integer code of a period that sorts by time: year * 1000 + 0, 101..102, 201..204 or 301..312 (ref.period)."""
    freq, first, _ = period_bounds(time_period)
    part = (first.month - 1) // _MONTHS[freq] + 1
    return first.year * 1000 + {"A": 0, "S": 100 + part, "Q": 200 + part, "M": 300 + part}[freq]


def period_of(code: int) -> str:
    """The period of a time_id."""
    year, part = divmod(code, 1000)
    kind, number = divmod(part, 100)
    return f"{year}" + ("", f"-S{number}", f"-Q{number}", f"-{number:02d}")[kind]


def point_in_time(reference_point: str, first: dt.date, last: dt.date) -> dt.date | None:
    """The day that a stock refers to: `start`, `end` or `MM-DD` of the year in which the period begins; None for flows.

    `MM-DD` may lie outside a period that is shorter than a year: nothing is about that day then.
    """
    if reference_point == "period":
        return None
    if reference_point == "start":
        return first
    if reference_point == "end":
        return last
    month, day = (int(part) for part in reference_point.split("-"))
    return dt.date(first.year, month, day)
