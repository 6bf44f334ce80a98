"""Which missing figures are missing because the area was not there: it began later, or had ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from migstats.coded import Coded, Ints, Mask, take
from migstats.codelists import Folders, read_codelist
from migstats.figures import Figures
from migstats.observation import period_bounds

#: Before and after any day of a period (years 1800 to 2200), as ordinals of `datetime.date`.
_ALWAYS, _EVER = 0, 10**7


def of_areas(figures: Figures, ref_area: Coded, counterpart: Coded, period: Coded, concepts: Folders) -> Figures:
    """The figures, with `did_not_exist` in place of "not available" where the whole period is out of an area's life.

    That is a fact of the calendar (valid_from and valid_to of the list of areas), which publishers do not print: they
    have two dots for all that they lack. A figure that was printed stays one, since publishers back-cast; and where
    they do for an area and a period, what they lack beside it is not available. Whoever was born in a state that is no
    more lives on, so that the other area is only looked at for its beginning.
    """
    reason = figures.missing_reason
    unsaid = _is(figures.obs_status, "O") & _is(reason, "not_available")
    if not unsaid.any():
        return figures
    areas = read_codelist(concepts, "area").rows
    bounds = [period_bounds(text)[1:] for text in period.values]
    first = take([start.toordinal() for start, _ in bounds], period.codes, _EVER)
    last = take([end.toordinal() for _, end in bounds], period.codes, _EVER)
    there = figures.value.is_not_null().to_numpy()
    out = (last < _days(ref_area, areas, "valid_from", _ALWAYS)) | (first > _days(ref_area, areas, "valid_to", _EVER))
    absent = out & ~_back_cast(ref_area, period, there)
    absent |= (last < _days(counterpart, areas, "valid_from", _ALWAYS)) & ~_back_cast(counterpart, period, there)
    absent &= unsaid
    return replace(
        figures,
        obs_status=_with(figures.obs_status, "M", absent),
        missing_reason=_with(reason, "did_not_exist", absent),
    )


def _is(column: Coded, code: str) -> Mask:
    return np.isin(column.codes, [i for i, value in enumerate(column.values) if value == code])


def _back_cast(area: Coded, period: Coded, there: Mask) -> Mask:
    """Rows of an area and a period of which any row has a figure."""
    cells = area.codes * (len(period.values) + 1) + period.codes
    return np.isin(cells, np.unique(cells[there]))


def _days(area: Coded, areas: Mapping[str, Mapping[str, str]], column: str, otherwise: int) -> Ints:
    cells = [areas[code][column] if code in areas else "" for code in area.values]
    days = [dt.date.fromisoformat(cell).toordinal() if cell else otherwise for cell in cells]
    return take(days, area.codes, otherwise)


def _with(column: Coded, code: str, rows: Mask) -> Coded:
    values = list(column.values) if code in column.values else [*column.values, code]
    return Coded(np.where(rows, values.index(code), column.codes), values)
