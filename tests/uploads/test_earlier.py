"""The last accepted figures in grey: those that were accepted, beside the cells to fill, and never read as entered."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import openpyxl
import pytest
from portal_site import as_portal
from sending import AMAL
from typer.testing import CliRunner

from migstats import lake as lakes
from migstats.cli import app
from migstats.names import LANGUAGES
from migstats.uploads import portal_parts, submission, xlsx
from migstats.uploads.contract import Form, form_of, forms
from migstats.uploads.earlier import last_accepted, of_table
from migstats.uploads.example import example, figures_of
from migstats.uploads.formats import formats_of
from migstats.uploads.limits import Limits
from migstats.uploads.sheet_layout import KEY_CHECK, SYMBOLS, own_headers
from migstats.uploads.submission import Reading, Sent
from migstats.uploads.template import write
from migstats.uploads.understanding import understand
from migstats.uploads.understood import Understood, canonical
from migstats.uploads.wording import words
from migstats.warehouse import Scoped

#: Two forms in every language: one with sums and subdivisions of its own, one with cells that stay empty.
TURNS = [
    pytest.param(form_of(form), language, id=f"{form}-{language}")
    for form in ("labour_permits", "programme_results")
    for language in LANGUAGES
]


def read(content: bytes, form: Form, language: str, year: int = 2025) -> Understood:
    return understand(form, xlsx.read(content, Limits()), "MAR", year, formats_of("MAR"), language=language)


@cache
def accepted_table(form_id: str, year: int = 2024) -> bytes:
    """The canonical table of the filled example of a form."""
    form, file = form_of(form_id), io.BytesIO()
    example(form, "MAR", year, "fr", file)
    return canonical(read(file.getvalue(), form, "fr", year))


def with_grey(form: Form, language: str) -> bytes:
    file = io.BytesIO()
    write(form, "MAR", 2025, language, file, accepted=of_table(form, accepted_table(form.id), 2024))
    return file.getvalue()


def told(content: bytes, language: str) -> set[object]:
    sheet = openpyxl.load_workbook(io.BytesIO(content))[words(language)["template.sheet.instructions"]]
    return {cell.value for row in sheet.iter_rows() for cell in row}


def plain(text: object) -> float | str:
    """A number whatever its zeros, or the symbol."""
    return str(text) if text in SYMBOLS else float(str(text))


@pytest.mark.parametrize("form", [pytest.param(form, id=form.id) for form in forms().values()])
def test_what_was_accepted_stands_in_the_cells_that_it_was_sent_in(form: Form) -> None:
    accepted = of_table(form, accepted_table(form.id), 2024)
    sent = {at: plain(text) for at, text in figures_of(form, "MAR", 2024).texts.items()}
    assert {(one.codes, one.measure): plain(one.text) for one in accepted} == sent
    assert {one.year for one in accepted} == {2024}


@pytest.mark.parametrize(("form", "language"), TURNS)
def test_an_unfilled_template_with_grey_figures_reads_as_empty(form: Form, language: str) -> None:
    content = with_grey(form, language)
    understood = read(content, form, language)
    assert [finding.code for finding in understood.findings] == ["no_figures"]
    assert len(understood.figures) == 0
    assert understood.balanced
    assert words(language)["template.earlier.shown"].format(years="2024") in told(content, language)


@pytest.mark.parametrize(("form", "language"), TURNS)
def test_a_template_with_grey_figures_reads_as_what_was_entered_and_nothing_else(form: Form, language: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(with_grey(form, language)))
    sheet, keys = book[form.sheet.of(language)], len(form.keys)
    [header] = [row for row in range(1, 20) if sheet.cell(row, 1).value == form.columns[0].header.of(language)]
    headers = {cell.value: cell.column for cell in sheet[header]}
    grey = set(headers) & (own_headers(form) - {KEY_CHECK})
    assert len(grey) == len(form.measures)
    row = next(  # the first whose white cells may all be filled in: totals by everything
        row
        for row in range(header + 1, sheet.max_row)
        if all(str(sheet.cell(row, at).value).startswith("_T") or at == 1 for at in range(1, keys + 1))
    )
    entered = {}
    for at, measure in enumerate(form.measures):
        cell = sheet.cell(row, headers[measure.header.of(language)])
        cell.value = 7 + at
        entered[cell.coordinate] = str(7 + at)
    file = io.BytesIO()
    book.save(file)
    figures = read(file.getvalue(), form, language).figures
    assert dict(zip(figures.cell, figures.value, strict=True)) == entered


def test_two_figures_of_one_cell_are_both_left_out() -> None:
    table = accepted_table("labour_permits")
    head, first, *_ = table.decode().splitlines()
    once = of_table(form_of("labour_permits"), f"{head}\n{first}\n".encode(), 2024)
    assert len(once) == 1
    assert of_table(form_of("labour_permits"), f"{head}\n{first}\n{first}\n".encode(), 2024) == ()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_workbook_without_grey_figures_says_why(language: str) -> None:
    form = form_of("labour_permits")
    for accepted, key in ((None, "template.earlier.unknown"), ((), "template.earlier.none")):
        file = io.BytesIO()
        write(form, "MAR", 2025, language, file, accepted=accepted)
        assert words(language)[key] in told(file.getvalue(), language)


# -- from the warehouse -------------------------------------------------------------------------------------------


def accept(url: str, country: str, year: int, table: bytes, state: str = "approved") -> None:
    there, _ = submission.receive(url, Sent(country, "labour_permits", year, "fr", "portal", AMAL, "p.xlsx"), table)
    content = f"{year}{country.lower()}".ljust(64, "0").replace("m", "a").replace("r", "b")[:64]
    submission.read(url, there.upload_id, Reading(lakes.store_snapshot(table), content, 1, 1, {}, ()), who="service")
    submission.confirm(url, there.upload_id, content, who=AMAL)
    if state != "submitted":
        submission.step(url, there.upload_id, state, who="statistician")  # type: ignore[arg-type]


@pytest.mark.database
@pytest.mark.usefixtures("lake")
def test_what_is_shown_is_of_the_year_or_of_the_last_one_before_it_and_of_the_own_country(
    warehouse_url: str, tmp_path: Path
) -> None:
    form = form_of("labour_permits")
    assert last_accepted(warehouse_url, form, "MAR", 2025) == ()
    accept(warehouse_url, "MAR", 2022, accepted_table("labour_permits", 2022))
    accept(warehouse_url, "MAR", 2024, accepted_table("labour_permits"))
    accept(warehouse_url, "MAR", 2025, accepted_table("labour_permits", 2025), state="submitted")
    shown = {
        year: {one.year for one in last_accepted(warehouse_url, form, "MAR", year)} for year in (2021, 2023, 2024, 2025)
    }
    assert shown == {2021: set(), 2023: {2022}, 2024: {2024}, 2025: {2024}}
    assert last_accepted(warehouse_url, form, "TUN", 2025) == ()


def grey_figures(content: bytes, language: str = "fr") -> list[object]:
    form = form_of("labour_permits")
    sheet = openpyxl.load_workbook(io.BytesIO(content))[form.sheet.of(language)]
    columns = [
        cell.column
        for cell in next(row for row in sheet.iter_rows(min_row=5, max_row=5))
        if cell.value in own_headers(form) - {KEY_CHECK}
    ]
    return [v for c in columns for v in (sheet.cell(r, c).value for r in range(6, sheet.max_row + 1)) if v is not None]


@pytest.mark.database
@pytest.mark.usefixtures("lake")
def test_the_command_and_the_portal_show_what_was_accepted(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(warehouse_url, "MAR", 2024, accepted_table("labour_permits"))
    wanted = sorted(figures_of(form_of("labour_permits"), "MAR", 2024).texts.values())
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", warehouse_url)
    asked = ["template", "--form", "labour_permits", "--country", "MAR", "--year", "2025", "--lang", "fr"]
    result = CliRunner().invoke(app, [*asked, "-o", str(tmp_path / "a.xlsx")])
    assert result.exit_code == 0, result.output
    assert sorted(map(str, grey_figures((tmp_path / "a.xlsx").read_bytes()))) == wanted

    portal_url = as_portal(warehouse_url)
    scoped = Scoped(portal_url, {"migstats.country": "MAR", "migstats.official": AMAL})
    made = portal_parts.template(scoped, "labour_permits", "MAR", 2025, "fr")
    assert sorted(map(str, grey_figures(made))) == wanted
    other = Scoped(portal_url, {"migstats.country": "TUN", "migstats.official": AMAL})
    assert grey_figures(portal_parts.template(other, "labour_permits", "MAR", 2025, "fr")) == [], "another country"


def test_without_a_warehouse_a_template_is_made_and_says_that_it_shows_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", "postgresql://nobody@127.0.0.1:1/none")
    file = tmp_path / "a.xlsx"
    asked = ["template", "--form", "labour_permits", "--country", "MAR", "--year", "2025", "--lang", "fr"]
    result = CliRunner().invoke(app, [*asked, "-o", str(file)])
    assert result.exit_code == 0
    assert "shows no earlier figures" in result.output
    assert words("fr")["template.earlier.unknown"] in told(file.read_bytes(), "fr")
