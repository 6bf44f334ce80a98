"""What the writer of templates and their reader agree on."""

from __future__ import annotations

import re

import pytest

from migstats.names import LANGUAGES
from migstats.uploads import sheet_layout
from migstats.uploads.contract import forms
from migstats.uploads.sheet_layout import Stamp
from migstats.uploads.wording import words


def test_every_language_has_the_same_words_with_the_same_holes() -> None:
    holes = {key: set(re.findall(r"{(\w+)}", text)) for key, text in words("en").items()}
    for language in LANGUAGES:
        assert {key: set(re.findall(r"{(\w+)}", text)) for key, text in words(language).items()} == holes


def test_the_line_above_the_table_says_what_the_properties_say() -> None:
    stamp = Stamp("labour_permits", 3, "MAR", 2025, "ar")
    assert sheet_layout.read_stamp(f" {stamp.text} ") == stamp
    assert stamp.properties == {
        "form": "labour_permits",
        "version": "3",
        "country": "MAR",
        "year": "2025",
        "language": "ar",
    }


@pytest.mark.parametrize(
    "text", ["", "Maroc, 2025", "migstats · labour_permits · MAR · 2025", "x · a · v1 · MAR · 2025 · fr"]
)
def test_other_lines_are_no_stamp(text: str) -> None:
    assert sheet_layout.read_stamp(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [("MAR · Maroc", "MAR"), ("_T · المجموع", "_T"), (" MAR·Maroc ", "MAR"), ("Maroc", "Maroc"), ("A · b · c", "A")],
)
def test_the_code_is_what_stands_before_the_separator(text: str, code: str) -> None:
    assert sheet_layout.code_of(text) == code


def test_the_check_of_a_row_changes_with_anything_it_was_made_for() -> None:
    made = ("labour_permits", "MAR", 2025, ("ESP", "_T", "F", "_T"))
    others = [
        ("returnees", *made[1:]),
        (made[0], "TUN", *made[2:]),
        (*made[:2], 2024, made[3]),
        (*made[:3], ("FRA", "_T", "F", "_T")),
        (*made[:3], ("ESP", "F", "_T", "_T")),
    ]
    checks = {sheet_layout.key_check(*one) for one in (made, *others)}
    assert len(checks) == 1 + len(others)
    assert sheet_layout.key_check(*made) == sheet_layout.key_check(*made)


def test_no_sheet_and_no_header_of_the_template_is_one_of_a_form() -> None:
    sheets = {name.casefold() for name in sheet_layout.own_sheets()}
    for form in forms().values():
        ours = {header.casefold() for header in sheet_layout.own_headers(form)}
        for language in LANGUAGES:
            assert form.sheet.of(language).casefold() not in sheets
            assert not ours & {column.header.of(language).casefold() for column in form.columns}
        assert not ours & {text.casefold() for column in form.columns for text in column.also}
