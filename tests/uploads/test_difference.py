"""What an official is shown and asked before confirming."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

import pytest

from migstats.uploads.declaration import DIMENSIONS, HEADER
from migstats.uploads.difference import difference, outliers

ROW: Mapping[str, str] = {
    "ref_area": "MAR",
    "time_period": "2025",
    "indicator": "LABOUR_DEPARTURES",
    "unit": "PS",
    **dict.fromkeys(DIMENSIONS, "_T"),
    "counterpart_basis": "destination",
    "obs_status": "A",
    "sheet": "Permis",
}


def table(figures: Mapping[str, str], year: str = "2025") -> bytes:
    """Country of destination -> figure, in the cells F5, F6 ..."""
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADER, restval="", lineterminator="\n")
    writer.writeheader()
    for row, (area, value) in enumerate(figures.items(), start=5):
        writer.writerow({**ROW, "counterpart_area": area, "time_period": year, "value": value, "cell": f"F{row}"})
    return text.getvalue().encode()


def test_figures_are_new_changed_removed_or_the_same() -> None:
    found = difference(
        table({"FRA": "120", "ESP": "80", "DEU": "9"}), table({"FRA": "100", "ESP": "80", "ITA": "7"}), {}
    )
    assert (found.new, found.changed, found.removed, found.same) == (1, 1, 1, 1)
    assert found.largest[0]["key"]["counterpart_area"] == "FRA"
    assert (found.largest[0]["was"], found.largest[0]["now"], found.largest[0]["share"]) == ("100", "120", 0.2)


def test_the_largest_by_size_and_by_share_are_others() -> None:
    found = difference(table({"FRA": "1100", "ESP": "30"}), table({"FRA": "1000", "ESP": "10"}), {})
    assert [row["key"]["counterpart_area"] for row in found.largest] == ["FRA", "ESP"]
    assert [row["key"]["counterpart_area"] for row in found.largest_share] == ["ESP", "FRA"]


def test_a_figure_that_becomes_missing_is_a_change() -> None:
    found = difference(table({"FRA": "O:not_available"}), table({"FRA": "100"}), {})
    assert (found.changed, found.largest[0]["now"], found.largest_share) == (1, "O:not_available", ())


def test_the_first_submission_is_all_new() -> None:
    assert (difference(table({"FRA": "1"}), None, {}).new, list(outliers(table({"FRA": "1"}), None))) == (1, [])


def test_totals_by_year_are_those_of_the_tables() -> None:
    found = difference(table({"_T": "120", "FRA": "100"}), None, {2024: table({"_T": "90", "FRA": "90"}, "2024")})
    assert found.by_year == {"LABOUR_DEPARTURES": {"2024": 90.0, "2025": 120.0}}


def test_totals_of_two_bases_are_no_line_of_one() -> None:
    both = table({"_T": "120"}) + table({"_T": "90"}).replace(b"destination", b"citizenship").partition(b"\n")[2]
    assert difference(both, None, {}).by_year == {}


@pytest.mark.parametrize(
    ("now", "before", "asked"),
    [
        ("1000", "300", True),
        ("1000", "400", False),
        ("300", "1000", True),
        ("90", "10", False),  # both small
        ("1000", "0", True),
        ("O:not_available", "1000", False),
        ("1000", "Q:suppressed", False),
    ],
)
def test_a_figure_far_from_the_year_before_is_asked_about_at_its_cell(now: str, before: str, asked: bool) -> None:
    found = list(outliers(table({"FRA": now}), table({"FRA": before}, "2024")))
    assert [(f.code, f.sheet, f.row, f.column, f.seen) for f in found] == (
        [("outlier", "Permis", 5, 6, now)] if asked else []
    )
