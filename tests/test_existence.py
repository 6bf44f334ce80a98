"""A figure that is missing because the area was not there says so; a printed one stays."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from migstats import settings
from migstats.coded import Coded, constant
from migstats.existence import of_areas
from migstats.figures import Figures

CONCEPTS = settings.include() / "codelists"

#: area, other area, period, figure, status and reason as read → status and reason
CASES = {
    "South Sudan in 1990": ("SSD", "_T", "1990", None, "O", "not_available", "M", "did_not_exist"),
    "the month before its first day": ("SSD", "_T", "2011-06", None, "O", "not_available", "M", "did_not_exist"),
    "the month that it began in": ("SSD", "_T", "2011-07", None, "O", "not_available", "O", "not_available"),
    "the year that it began in": ("SSD", "_T", "2011", None, "O", "not_available", "O", "not_available"),
    "a figure that the publisher back-casts": ("SSD", "_T", "1990", 652365.0, "A", "", "A", ""),
    "Montenegro in 2005": ("MNE", "_T", "2005", None, "O", "not_available", "M", "did_not_exist"),
    "Serbia and Montenegro in 2005": ("SCG", "_T", "2005", None, "O", "not_available", "O", "not_available"),
    "Serbia and Montenegro after its end": ("SCG", "_T", "2007", None, "O", "not_available", "M", "did_not_exist"),
    "none of South Sudan in 1990": ("ETH", "SSD", "1990", None, "O", "not_available", "M", "did_not_exist"),
    "the natives of a state live on": ("DEU", "SUN", "2020", None, "O", "not_available", "O", "not_available"),
    "suppressed is not absent": ("SSD", "_T", "1990", None, "Q", "suppressed", "Q", "suppressed"),
    "not collected is another thing": ("SSD", "_T", "1990", None, "L", "not_collected", "L", "not_collected"),
    "an area without dates": ("MAR", "_T", "1950", None, "O", "not_available", "O", "not_available"),
    "a group": ("002", "_T", "1950", None, "O", "not_available", "O", "not_available"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_could_not_be_is_not_what_is_lacking(case: tuple[str, str, str, float | None, str, str, str, str]) -> None:
    area, other, period, value, status, reason, then, why = case
    reasons = constant(reason, 1) if reason else Coded(np.full(1, -1), [])
    figures = Figures(pl.Series([value], dtype=pl.Float64), constant(status, 1), constant("F", 1), reasons)
    found = of_areas(figures, constant(area, 1), constant(other, 1), constant(period, 1), CONCEPTS)
    assert found.obs_status.values[found.obs_status.codes[0]] == then
    code = found.missing_reason.codes[0]
    assert (found.missing_reason.values[code] if code >= 0 else "") == why
    assert found.value.to_list() == [value]


def test_what_is_lacking_beside_a_figure_of_its_area_and_period_is_not_available() -> None:
    """Sint Maarten in 2005: UN DESA back-casts the total, and has two dots for men and women."""
    areas, periods = Coded(np.array([0, 0, 0]), ["SXM"]), Coded(np.array([0, 0, 1]), ["2005", "2000"])
    figures = Figures(pl.Series([13099.0, None, None]), Coded(np.array([0, 1, 1]), ["A", "O"]), constant("F", 3), Coded(
        np.array([-1, 0, 0]), ["not_available"]
    ))  # fmt: skip
    found = of_areas(figures, areas, constant("_T", 3), periods, CONCEPTS)
    assert [found.obs_status.values[code] for code in found.obs_status.codes] == ["A", "O", "M"]
