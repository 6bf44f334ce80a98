"""`migstats forms` and `migstats template`."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from migstats import settings
from migstats.cli import app
from migstats.uploads.contract import forms
from migstats.uploads.dictionary import page

LABOUR = ("template", "--form", "labour_permits", "--country", "MAR", "--year", "2024")


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_the_forms_are_listed() -> None:
    code, told = run("forms")
    assert code == 0
    assert all(form in told for form in forms())
    code, told = run("forms", "--json")
    assert [form["id"] for form in json.loads(told)] == list(forms())


def test_the_page_of_the_forms_is_that_of_the_contracts() -> None:
    stale = "run `migstats forms --markdown -o docs/forms.md`"
    assert (settings.home() / "docs" / "forms.md").read_text(encoding="utf-8") == page(forms().values()), stale


def test_a_template_and_its_example_are_written(tmp_path: Path) -> None:
    empty, filled = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    code, told = run(*LABOUR, "--lang", "fr", "--contact", "stats@example.org", "-o", str(empty))
    assert code == 0
    assert "MAR 2024" in told
    code, _ = run(*LABOUR[:4], "Maroc", *LABOUR[5:], "--example", "-o", str(filled))
    assert code == 0
    sheets = [openpyxl.load_workbook(file) for file in (empty, filled)]
    assert sheets[0].sheetnames[1] == "Permis de travail"
    assert "stats@example.org" in {cell.value for row in sheets[0].worksheets[0].iter_rows() for cell in row}
    assert sheets[1].worksheets[1]["F6"].value is not None


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({2: "permits"}, "there is no form 'permits'; there are diaspora"),
        ({4: "Korea"}, "it could be the Republic of Korea"),
        ({6: "1960"}, "is for years from 1970 to"),
        ({6: "2199"}, "is for years from 1970 to"),
    ],
)
def test_what_is_wrong_is_told_with_what_there_is(tmp_path: Path, changed: dict[int, str], found: str) -> None:
    arguments = [changed.get(at, text) for at, text in enumerate(LABOUR)]
    code, told = run(*arguments, "-o", str(tmp_path / "a.xlsx"))
    assert code == 1
    assert found in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("more", "found"), [(("--lang", "de", "-o", "a.xlsx"), "none of the languages"), (("-o", "a.csv"), "end in .xlsx")]
)
def test_another_language_or_format_is_refused(more: tuple[str, ...], found: str) -> None:
    code, told = run(*LABOUR, *more)
    assert code == 1
    assert found in told
