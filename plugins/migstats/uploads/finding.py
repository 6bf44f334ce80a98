"""Findings: what is wrong, asked or noticed, at which place of an uploaded file. Their texts are in the catalogues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

#: `refused`: the whole file. `error`: to be mended before it can be accepted. `question`: the official has to answer.
#: `notice`: harmless, told so that nobody wonders.
Weight = Literal["refused", "error", "question", "notice"]

ORDER: Final[tuple[Weight, ...]] = ("refused", "error", "question", "notice")

#: Every finding that there can be, and how much it weighs. Each has its texts in all five languages (a test holds it).
CODES: Final[Mapping[str, Weight]] = {
    # the file, before it is read
    "empty_file": "refused",
    "too_big": "refused",
    "wrong_kind": "refused",  # a PDF, an old .xls, an HTML page called .xls ... ; words: kind
    "password": "refused",  # pragma: allowlist secret
    "damaged": "refused",
    "unpacks_too_big": "refused",
    "too_many_members": "refused",
    "unsafe_path": "refused",
    "macros": "refused",
    "external_link": "refused",
    "embedded_object": "refused",
    "active_formula": "refused",  # DDE and the like
    "doctype": "refused",
    "far_cell": "refused",
    "too_many_cells": "refused",  # words: limit
    "virus": "refused",
    "scanner_away": "refused",
    "took_too_long": "refused",
    "encoding": "refused",
    "bad_byte": "refused",
    "one_column": "refused",
    "long_field": "refused",
    "broken_quotes": "refused",  # a quote that is not closed, or text after a closing one
    # which form it is, and where its table is
    "no_form": "refused",  # in a watched folder: it does not say for which form and year it is
    "wrong_form": "refused",
    "wrong_country": "refused",
    "wrong_period": "refused",
    "wrong_version": "refused",
    "no_table": "refused",
    "header_missing": "refused",  # words: header, nearest
    "header_twice": "refused",
    "header_merged": "refused",
    "wide_years": "refused",
    "no_figures": "refused",
    "microdata": "refused",
    # rows and cells
    "unknown_code": "error",  # words: nearest
    "unclear_name": "error",  # words: could_mean
    "not_in_list": "error",
    "other_country": "error",
    "empty_key": "error",
    "key_changed": "error",
    "not_a_number": "error",
    "unknown_symbol": "error",
    "not_whole": "error",
    "too_low": "error",
    "too_high": "error",
    "too_exact": "error",
    "error_cell": "error",
    "no_result": "error",  # a formula without a result
    "merged_cells": "error",
    "date_for_text": "error",  # 1-4 that Excel made a date
    "bad_period": "error",
    "missing_figure": "error",
    "undivided": "error",  # a figure in a row of a group by which its measure is not told apart
    "row_twice": "error",  # words: other
    "sum_differs": "error",  # words: sum, total
    "age_overlap": "error",
    # to be answered
    "unclear_number": "error",
    "unclear_unit": "error",
    "mojibake": "error",
    "hidden_sheet": "question",
    "hidden_cells": "question",
    "outlier": "question",
    "removed_rows": "question",
    # noticed
    "extra_sheet": "notice",
    "extra_column": "notice",
    "columns_moved": "notice",
    "header_other_language": "notice",
    "older_version": "notice",
    "row_repeated": "notice",
    "totals_row": "notice",
    "note_below": "notice",
    "raised_note": "notice",
    "mark_beside": "notice",  # 5 (e), 5*
    "suppressed_range": "notice",
    "number_as_text": "notice",
    "text_cleaned": "notice",
    "properties_missing": "notice",
}


@dataclass(frozen=True)
class Finding:
    """One finding. `code` is the key of its texts (`finding.<code>.what`, `.why`, `.todo`, `.example`)."""

    code: str
    #: Sheet name, row and column from 1; 0 where it is about the whole file, sheet or row.
    sheet: str = ""
    row: int = 0
    column: int = 0
    #: What was seen, as it stands in the file.
    seen: str = ""
    #: Further words of the texts, such as `expected` or `nearest`.
    words: Mapping[str, str] = field(default_factory=dict)

    @property
    def weight(self) -> Weight:
        """How much it weighs. KeyError for a code that is none."""
        return CODES[self.code]


class RefusedFileError(Exception):
    """The whole file is refused; nothing of it was read on."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


def in_order(findings: Iterable[Finding], sheets: Iterable[str] = ()) -> list[Finding]:
    """By sheet (as they stand in the file), row and column; what is about the whole comes first."""
    at = {name: number for number, name in enumerate(sheets, start=1)}
    return sorted(findings, key=lambda f: (at.get(f.sheet, 0), f.row, f.column, ORDER.index(f.weight), f.code))
