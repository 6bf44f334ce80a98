"""What the writer of templates writes, read as an upload: the same figures, and nothing to complain of."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from migstats.names import LANGUAGES
from migstats.uploads import xlsx
from migstats.uploads.contract import Form, form_of, forms
from migstats.uploads.example import example, figures_of
from migstats.uploads.formats import declared_countries, formats_of
from migstats.uploads.limits import Limits
from migstats.uploads.sheet_layout import SYMBOLS
from migstats.uploads.template import Accepted, write
from migstats.uploads.understanding import understand
from migstats.uploads.understood import Understood

#: Every form once, each language and country by turns; and two forms in every language.
TURNS = [
    pytest.param(form, declared_countries()[at % len(declared_countries())], LANGUAGES[at % len(LANGUAGES)], id=form.id)
    for at, form in enumerate(forms().values())
] + [
    pytest.param(form_of(form), "MAR", language, id=f"{form}-{language}")
    for form in ("labour_permits", "programme_results")
    for language in LANGUAGES
]


def read(content: bytes, form: Form, country: str = "MAR", language: str = "fr") -> Understood:
    grid = xlsx.read(content, Limits())
    return understand(form, grid, country, 2025, formats_of(country), language=language)


def filled(form: Form, country: str, language: str) -> bytes:
    file = io.BytesIO()
    example(form, country, 2025, language, file)
    return file.getvalue()


@cache
def permits() -> bytes:
    return filled(form_of("labour_permits"), "MAR", "fr")


def edited(content: bytes, change: Callable[[Worksheet], None]) -> bytes:
    """As it is after somebody changed the table and saved it with another program."""
    book, file = openpyxl.load_workbook(io.BytesIO(content)), io.BytesIO()
    change(book["Permis de travail"])
    book.save(file)
    return file.getvalue()


def found(understood: Understood) -> list[tuple[str, int, int]]:
    return [(finding.code, finding.row, finding.column) for finding in understood.findings]


@pytest.mark.parametrize(("form", "country", "language"), TURNS)
def test_an_example_is_read_as_it_was_written(form: Form, country: str, language: str) -> None:
    understood = read(filled(form, country, language), form, country, language)
    assert found(understood) == []
    assert understood.balanced
    figures, wanted = understood.figures, figures_of(form, country, 2025).texts
    codes = zip(*(figures.keys[key.concept] for key in form.keys), strict=True)
    values = {
        (c, m): None if v is None else float(v) for c, m, v in zip(codes, figures.measure, figures.value, strict=True)
    }
    assert values == {at: None if text in SYMBOLS else float(text) for at, text in wanted.items()}


def test_an_empty_template_has_no_figures_and_no_other_fault() -> None:
    form = form_of("labour_permits")
    file = io.BytesIO()
    write(form, "MAR", 2025, "fr", file)
    assert [code for code, *_ in found(read(file.getvalue(), form))] == ["no_figures"]


def test_figures_in_grey_are_no_figures_of_the_submission() -> None:
    form = form_of("labour_permits")
    file = io.BytesIO()
    accepted = [Accepted(("ESP", "_T", sex, "_T"), "permits", "100", 2024) for sex in ("F", "M", "_U", "_T")]
    write(form, "MAR", 2025, "fr", file, accepted=accepted)

    def fill(table: Worksheet) -> None:
        for row, figure in enumerate((10, 12, 1, 23), start=6):
            table.cell(row, 5).value = figure

    understood = read(edited(file.getvalue(), fill), form)
    assert found(understood) == []
    assert list(understood.figures.value) == ["10", "12", "1", "23"]


def test_a_workbook_that_another_program_saved_is_the_same() -> None:
    form = form_of("labour_permits")
    again = read(edited(permits(), lambda table: None), form)
    assert found(again) == []
    assert again.figures == read(permits(), form).figures


def test_a_key_that_was_changed_by_hand_is_noticed() -> None:
    """X46: the check of the row is that of the keys that it was made for."""

    def change(table: Worksheet) -> None:
        table.cell(7, 1).value = "ESP · Espagne"

    assert found(read(edited(permits(), change), form_of("labour_permits"))) == [("key_changed", 7, 1)]


def test_a_total_that_is_not_its_parts_is_noticed_as_the_workbook_shows_it() -> None:
    def change(table: Worksheet) -> None:
        table.cell(9, 5).value = int(str(table.cell(9, 5).value)) + 1

    assert found(read(edited(permits(), change), form_of("labour_permits"))) == [("sum_differs", 9, 5)]
