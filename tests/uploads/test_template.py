"""The workbook of a form: what stands in it, for every form and language, read back with another library."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from functools import cache
from itertools import product
from pathlib import Path

import openpyxl
import pytest
from openpyxl.utils import range_boundaries

from migstats.errors import DeclarationError
from migstats.names import LANGUAGES
from migstats.uploads import sheet_layout, template
from migstats.uploads.choices import choices, combinations
from migstats.uploads.contract import Form, Texts, form_of, forms
from migstats.uploads.example import example, figures_of
from migstats.uploads.sheet_layout import KEY_CHECK, Stamp, code_of, key_check, read_stamp
from migstats.uploads.template import Accepted, Figures, checked
from migstats.uploads.wording import words

EVERY = [pytest.param(form, lang, id=f"{form.id}-{lang}") for form, lang in product(forms().values(), LANGUAGES)]


def written(form: Form, language: str = "en", **more: object) -> bytes:
    file = io.BytesIO()
    template.write(form, "MAR", 2025, language, file, **more)  # type: ignore[arg-type]
    return file.getvalue()


@cache
def opened(form_id: str, language: str) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(written(form_of(form_id), language)))


def header_row(sheet: openpyxl.worksheet.worksheet.Worksheet, form: Form, language: str) -> int:
    """Found by its text, as a reader does."""
    first = form.columns[0].header.of(language)
    return next(row for row in range(1, 20) if sheet.cell(row, 1).value == first)


def rows(content: bytes, form: Form, language: str) -> list[dict[str, object]]:
    """The rows of the table that have keys, by header."""
    sheet = openpyxl.load_workbook(io.BytesIO(content))[form.sheet.of(language)]
    at = header_row(sheet, form, language)
    headers = [cell.value for cell in sheet[at]]
    values = ([cell.value for cell in row] for row in sheet.iter_rows(min_row=at + 1))
    return [dict(zip(headers, row, strict=True)) for row in values if row[0]]


@pytest.mark.parametrize(("form", "language"), EVERY)
def test_a_template_is_laid_out_as_its_contract_says(form: Form, language: str) -> None:
    book = opened(form.id, language)
    said = words(language)
    names = [said["template.sheet.instructions"], form.sheet.of(language)]
    names += [said["template.sheet.check"]] if form.sums else []
    assert book.sheetnames == [*names, said["template.sheet.lists"]]
    assert book.active.title == form.sheet.of(language)
    assert all(bool(sheet.sheet_view.rightToLeft) == (language == "ar") for sheet in book)
    assert all(sheet.protection.sheet and not sheet.protection.password for sheet in book)
    stamp = Stamp(form.id, form.version, "MAR", 2025, language)
    assert {p.name: p.value for p in book.custom_doc_props.props} == stamp.properties

    sheet = book[form.sheet.of(language)]
    at = header_row(sheet, form, language)
    headers = [cell.value for cell in sheet[at]]
    assert headers == [*(column.header.of(language) for column in form.columns), KEY_CHECK]
    assert len(set(headers)) == len(headers)
    assert [s for row in range(1, at) if (s := read_stamp(str(sheet.cell(row, 1).value)))] == [stamp]
    assert sheet.freeze_panes.endswith(str(at + 1))
    assert sheet.print_title_rows == f"${at}:${at}"
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)
    assert sheet.sheet_properties.pageSetUpPr.fitToPage
    keys = len(form.keys)
    found = []
    for row in sheet.iter_rows(min_row=at + 1, max_row=at + len(combinations(form))):
        codes = tuple(code_of(cell.value) for cell in row[:keys])
        assert row[-1].value == key_check(form.id, "MAR", 2025, codes)
        assert all(cell.protection.locked for cell in (*row[:keys], row[-1]))
        assert all(cell.value is None for cell in row[keys:-1])
        found.append(codes)
    assert tuple(found) == combinations(form)
    for row in sheet.iter_rows(min_row=at + len(found) + 1):
        assert all(cell.value is None for cell in row)
        assert not any(cell.protection.locked for cell in row[:-1])
    assert sheet.column_dimensions[row[-1].column_letter].hidden


@pytest.mark.parametrize(("form", "language"), EVERY)
def test_every_cell_to_fill_has_its_list_or_its_bounds(form: Form, language: str) -> None:
    book = opened(form.id, language)
    sheet, lists = book[form.sheet.of(language)], book[words(language)["template.sheet.lists"]]
    at = header_row(sheet, form, language)
    rules = {range_boundaries(str(rule.sqref))[0]: rule for rule in sheet.data_validations.dataValidation}
    assert sorted(rules) == list(range(1, len(form.columns) + 1))
    for number, key in enumerate(form.keys, start=1):
        rule = rules[number]
        name, cells = re.fullmatch(r"'?(.*?)'?!(.*)", rule.formula1).groups()  # type: ignore[union-attr]
        assert (rule.type, name) == ("list", lists.title)
        texts = [row[0].value for row in lists[cells]]
        offered = choices(key, "MAR", 2025, language)
        assert texts == [sheet_layout.cell_text(code, label) for code, label in offered.items()]
        assert range_boundaries(cells)[0] == number
        assert lists.cell(1, number).value == f"list:{key.id}"
        assert len(set(texts)) == len(texts)
        assert not any(set(text) & set("*?~") for text in texts), "a sum would take it for a pattern"
        assert not any(text[:1] in "=+-@\t＝" for text in texts)
    for number, measure in enumerate(form.measures, start=len(form.keys) + 1):
        rule = rules[number]
        assert rule.type == "custom"
        assert f"<={measure.high:.15g}" in rule.formula1
        assert ("INT(" in rule.formula1) == measure.whole
    for rule in rules.values():
        first, last = range_boundaries(str(rule.sqref))[1::2]
        assert (first, last - first) == (at + 1, 9_999)
        assert len(rule.promptTitle) <= 32
        assert len(rule.prompt) <= 255
        assert len(rule.error) <= 255


def test_the_check_of_sums_adds_up_the_parts_of_each_total() -> None:
    sheet = opened("labour_permits", "en")["Check of sums"]
    row = next(row for row in range(6, 20) if sheet.cell(row, 3).value)
    area = "'Labour permits'!${0}$6:${0}$549"
    of = {name: area.format(letter) for name, letter in zip("ABCDE", "ABCDE", strict=True)}
    same = f"{of['A']},$A{row},{of['B']},$B{row},{of['D']},$D{row},{of['C']}"
    parts = '{"F · Female","M · Male","_U · Unknown"}'
    known = f'SUMPRODUCT(COUNTIFS({of["E"]},">=-1E+99",{same},{parts}))'
    figure = f"INDEX({of['E']},ROW()-5)"
    assert sheet.cell(row, 5).value == (
        f'=IF(AND($C{row}="_T · Total",ISNUMBER({figure}),{known}>0),SUMPRODUCT(SUMIFS({of["E"]},{same},{parts})),"")'
    )
    assert sheet.cell(row, 6).value == (
        f'=IF(E{row}="","",IF(ABS(E{row}-{figure})<=0,"OK",IF(OR({known}=3,E{row}-{figure}>0),"differs","")))'
    )


@pytest.mark.parametrize("form", [pytest.param(f, id=f.id) for f in forms().values() if f.sums])
def test_each_sum_of_each_measure_has_its_two_columns_of_formulas(form: Form) -> None:
    sheet = opened(form.id, "fr")[words("fr")["template.sheet.check"]]
    at = header_row(sheet, form, "fr")
    first = len(form.keys)
    assert len(sheet[at]) == first + 2 * len(form.sums_of_measures)
    for row in sheet.iter_rows(min_row=at + 1, min_col=first + 1):
        assert all(str(cell.value).startswith("=IF(") for cell in row)
    assert all(len(str(cell.value)) < 8192 for row in sheet.iter_rows(min_row=at + 1) for cell in row)


def test_the_same_arguments_give_the_same_bytes() -> None:
    accepted = [Accepted(("ESP", "_T", "F", "_T"), "permits", "12", 2024)]
    form = form_of("labour_permits")
    assert written(form, "ar", accepted=accepted) == written(form, "ar", accepted=accepted)
    assert written(form) != written(form, created=dt.datetime(2026, 1, 2))


def test_figures_that_were_accepted_stand_in_grey_beside_the_white_cells() -> None:
    form = form_of("labour_permits")
    of_spain = ("ESP", "_T", "F", "_T")
    accepted = [
        Accepted(of_spain, "permits", "1204", 2024),
        Accepted(of_spain, "departures", "..", 2024),
        Accepted(("_T", "_T", "_T", "_T"), "permits", "5000", 2023),
    ]
    content = written(form, "fr", accepted=accepted)
    found = {tuple(map(code_of, list(row.values())[:4])): row for row in rows(content, form, "fr")}  # type: ignore[arg-type]
    assert len(found) == len(combinations(form)) + 1
    spain = found[of_spain]
    assert spain["Permis délivrés : dernier chiffre accepté"] == 1204
    assert spain["Départs : dernier chiffre accepté"] == ".."
    assert (spain["Permis délivrés"], spain["Départs"]) == (None, None)
    assert spain[KEY_CHECK] == key_check(form.id, "MAR", 2025, of_spain)
    headers = set(spain) - {column.header.fr for column in form.columns}
    assert headers <= sheet_layout.own_headers(form)
    sheet = openpyxl.load_workbook(io.BytesIO(content))["Permis de travail"]
    assert "2023, 2024" in sheet.cell(3, 1).value
    at = header_row(sheet, form, "fr")
    grey = [cell for cell in sheet[at + 1] if sheet.cell(at, cell.column).value.endswith("accepté")]
    assert grey
    assert all(cell.protection.locked and cell.fill.fgColor.rgb == "FFF2F2F2" for cell in grey)


def test_a_measure_is_grey_where_it_is_not_told_apart() -> None:
    form = form_of("programme_results")
    sheet = opened(form.id, "en")[form.sheet.en]
    at = header_row(sheet, form, "en")
    column = [cell.value for cell in sheet[at]].index("Consultation centres") + 1
    locked = {code_of(sheet.cell(r, 3).value): sheet.cell(r, column).protection.locked for r in range(at + 1, at + 5)}
    assert locked == {"F": True, "M": True, "_U": True, "_T": False}


def test_too_many_rows_are_not_added_up_in_the_workbook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template, "_CHECKED", 10)
    form = form_of("labour_permits")
    many = [Accepted((f"X{at}", "_T", "F", "_T"), "permits", "1", 2024) for at in range(7)]
    book = openpyxl.load_workbook(io.BytesIO(written(form, accepted=many)))
    assert "Check of sums" not in book.sheetnames
    assert book["Labour permits"]["A4"].value == words("en")["template.check.long"]


def test_nothing_that_a_text_says_is_a_formula() -> None:
    evil = Texts(**{language: f'=cmd|"/c calc"!A1 {language}' for language in LANGUAGES})
    form = form_of("labour_permits")
    keys = (form.keys[0].model_copy(update={"header": evil, "help": evil}), *form.keys[1:])
    changed = form.model_copy(update={"title": evil, "purpose": evil, "keys": keys})
    content = written(
        changed,
        contact='=HYPERLINK("http://x.example")',
        accepted=[Accepted(("=1+1", "_T", "F", "_T"), "permits", "@SUM(A1)", 2024)],
    )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith(".xml")}
    formulas = [f for text in parts.values() for f in re.findall(r"<f[ >].*?</f>", text)]
    assert formulas
    assert not [f for f in formulas if "cmd" in f or "HYPERLINK" in f or "@SUM" in f]
    assert not [name for name in parts if "externalLink" in name or "vba" in name]
    sheet = openpyxl.load_workbook(io.BytesIO(content))["Labour permits"]
    assert {cell.data_type for row in sheet.iter_rows(max_row=12) for cell in row if cell.row != 4} <= {"s", "n"}
    marked = [cell for row in sheet.iter_rows() for cell in row if str(cell.value).startswith("=") and cell.row != 4]
    assert marked
    assert all(cell.quotePrefix for cell in marked)


@pytest.mark.parametrize(
    ("country", "year", "language", "found"),
    [
        ("XXX", 2025, "en", "no ISO code of a country"),
        ("150", 2025, "en", "no ISO code of a country"),
        ("MAR", 1900, "en", "is for years from 1970"),
        ("MAR", 2025, "de", "none of the languages"),
    ],
)
def test_what_a_form_is_not_for_is_refused(country: str, year: int, language: str, found: str) -> None:
    with pytest.raises(DeclarationError, match=found):
        template.write(form_of("labour_permits"), country, year, language, io.BytesIO())


# -- the example


@pytest.mark.parametrize("country", ["MAR", "KGZ", "FRA"])
@pytest.mark.parametrize("form", [pytest.param(form, id=form.id) for form in forms().values()])
def test_the_figures_of_an_example_are_in_bounds_and_add_up(form: Form, country: str) -> None:
    figures = figures_of(form, country, 2025)
    assert figures == figures_of(form, country, 2025)
    assert set(combinations(form)) <= set(figures.rows)
    for (codes, measure_id), text in figures.texts.items():
        measure = next(m for m in form.measures if m.id == measure_id)
        assert text in sheet_layout.SYMBOLS or measure.low <= float(text) <= measure.high
        assert text in sheet_layout.SYMBOLS or float(text).is_integer() or not measure.whole
        for key, code in zip(form.keys, codes, strict=True):
            assert code in choices(key, country, 2025, "en")
    found = [
        checked(one, measure, form, codes, figures) for one, measure in form.sums_of_measures for codes in figures.rows
    ]
    assert not [one for one in found if one is not None and one.differs is not False]
    assert any(one is not None for one in found) == bool(form.sums)


def test_an_example_shows_every_symbol() -> None:
    for form in forms().values():
        assert set(sheet_layout.SYMBOLS) <= set(figures_of(form, "MAR", 2025).texts.values()), form.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_example_says_that_it_is_one_and_its_sums_are_right(language: str) -> None:
    form = form_of("migrant_stock")
    file = io.BytesIO()
    example(form, "MAR", 2025, language, file)
    shown = openpyxl.load_workbook(io.BytesIO(file.getvalue()), data_only=True)
    said = words(language)
    for sheet in shown.worksheets[:2]:
        assert sheet.cell(3, 1).value == said["template.example"]
    assert shown.worksheets[1].cell(4, 1).value == said["template.sums.ok"]
    results = {
        cell.value for row in shown[said["template.sheet.check"]].iter_rows(min_row=6, min_col=5) for cell in row
    }
    assert said["template.ok"] in results
    assert said["template.differs"] not in results
    table = rows(file.getvalue(), form, language)
    added = [row for row in table if row[KEY_CHECK] is None]
    assert len(added) == 16
    assert len(table) == len(added) + len(combinations(form))


@pytest.mark.parametrize(
    ("figures", "total", "differs"),
    [
        ({"F": "10", "M": "12", "_U": "1", "_T": "23"}, 23, False),
        ({"F": "10", "M": "12", "_U": "1", "_T": "24"}, 23, True),
        ({"F": "10", "M": "12", "_U": "..", "_T": "24"}, 22, None),
        ({"F": "10", "M": "12", "_T": "22"}, 22, False),
        ({"F": "10", "M": "12", "_T": "21"}, 22, True),
    ],
)
def test_a_total_differs_where_its_parts_are_known_or_exceed_it(
    figures: dict[str, str], total: float, differs: bool | None
) -> None:
    form = form_of("returnees")
    texts = {(("_T", "_T", sex, "_T"), "returned"): text for sex, text in figures.items()}
    found = checked(form.sums[0], form.measures[0], form, ("_T", "_T", "_T", "_T"), Figures(texts))
    assert found is not None
    assert (found.total, found.differs) == (total, differs)


def test_a_row_without_parts_or_without_a_total_is_not_checked() -> None:
    form = form_of("returnees")
    texts = {(("_T", "_T", sex, "_T"), "returned"): text for sex, text in {"F": "..", "_T": "5", "M": "x"}.items()}
    for codes in (("_T", "_T", "_T", "_T"), ("_T", "_T", "F", "_T"), ("ESP", "_T", "_T", "_T")):
        assert checked(form.sums[0], form.measures[0], form, codes, Figures(texts)) is None


def test_a_template_is_written_to_a_path(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    template.write(form_of("remittances"), "TUN", 2024, "en", file)
    assert openpyxl.load_workbook(file).sheetnames == ["Instructions", "Remittances", "Lists"]
