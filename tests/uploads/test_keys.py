"""What a key cell means, in five languages; `!code` is the finding where it means none."""

from __future__ import annotations

import pytest
from grids import form

from migstats.names import LANGUAGES
from migstats.uploads.grid import Cell, Kind
from migstats.uploads.keys import Keys, Scope

FRENCH = ("fr", "ar", "en", "es", "ru")


def keys(column: str, country: str = "MAR", year: int = 2025, languages: tuple[str, ...] = FRENCH) -> Keys:
    return Keys(next(key for key in form().keys if key.id == column), Scope(country, year, languages))


def meant(column: str, text: str, country: str = "MAR", kind: Kind = "text", year: int = 2025) -> str:
    key = keys(column, country, year).of(Cell(text, kind))
    return key.code or f"!{key.problem}"


AREAS = [
    ("FRA", "FRA"),
    ("fra", "FRA"),
    ("FRA · France", "FRA"),
    ("FRA · whatever the label of the drop-down was", "FRA"),
    ("FRA · Espagne", "!unclear_name"),
    ("France", "FRA"),
    ("FRANCE ", "FRA"),
    ("فرنسا", "FRA"),
    ("Франция", "FRA"),
    ("Alemania", "DEU"),
    ("Cote d'Ivoire", "CIV"),
    ("Co\u0302te d’Ivoire", "CIV"),
    ("Se\u200bnegal", "SEN"),
    ("\u0421enegal", "!unknown_code"),
    ("Korea", "!unclear_name"),
    ("Corée", "!unclear_name"),
    ("Congo", "!unclear_name"),
    ("ROC", "!unknown_code"),
    ("USSR", "!not_in_list"),
    ("SUN", "!not_in_list"),
    ("015", "!not_in_list"),
    ("Northern Africa", "!not_in_list"),
    ("Frnace", "!unknown_code"),
    ("Total", "_T"),
    ("المجموع", "_T"),
    ("Всего", "_T"),
    ("_T", "_T"),
    ("Inconnu", "_U"),
    ("=cmd|'/c calc'!A1", "!unknown_code"),
    ("<script>alert(1)</script>", "!unknown_code"),
    ("'; drop table", "!unknown_code"),
    ("{{7*7}} ${7*7} %(x)s", "!unknown_code"),
]


@pytest.mark.parametrize(("text", "code"), AREAS)
def test_areas(text: str, code: str) -> None:
    assert meant("destination", text) == code


def test_a_state_of_the_past_is_one_while_it_lasted() -> None:
    assert meant("destination", "SCG", year=2005) == "SCG"
    assert meant("destination", "SCG", year=2007) == "!not_in_list"


UNITS = [
    ("MAR", "MA-01", "MA-01"),
    ("MAR", "Tanger-Tetouan-Al Hoceima", "MA-01"),
    ("MAR", "طنجة - تطوان - الحسيمة", "MA-01"),
    ("MAR", "Total", "_T"),
    ("MAR", "TN-11", "!other_country"),
    ("MAR", "Dhaka Division", "!other_country"),
    ("MAR", "Nowhere", "!unknown_code"),
    ("BGD", "Dhaka", "!unclear_name"),
    ("BGD", "BD-C · Dhaka", "BD-C"),
    ("BGD", "Dhaka Division", "BD-C"),
    ("KGZ", "Osh", "!unclear_name"),
    ("KGZ", "Чуйская область", "KG-C"),
    ("NPL", "NP-P3", "NP-P3"),
]


@pytest.mark.parametrize(("country", "text", "code"), UNITS)
def test_subdivisions_are_those_of_the_country(country: str, text: str, code: str) -> None:
    assert meant("subdivision", text, country) == code


SEXES = [
    *[(text, "F") for text in ("F", "f", "Femmes", "FEMME", "Women", "Female", "Mujeres", "إناث", "Женщины")],
    *[(text, "M") for text in ("M", "Hommes", "Men", "Hombre", "ذكور", "Мужчины", "M · Hommes")],
    *[(text, "_T") for text in ("Total", "Les deux sexes", "Both sexes", "Ambos sexos", "كلا الجنسين", "Оба пола")],
    ("F · Hommes", "!unclear_name"),
    ("H", "!unknown_code"),
    ("Autre", "!not_in_list"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), SEXES)
def test_sexes(text: str, code: str) -> None:
    assert meant("sex", text) == code


def test_the_letter_m_is_unclear_beside_the_letter_of_hombres() -> None:
    column = keys("sex")
    column.beside({"H", "M"})
    assert column.of(Cell("M", "text")).problem == "unclear_name"
    assert column.of(Cell("M · Hombres", "text")).code == "M"


AGES = [
    *[(text, "Y15T24") for text in ("15-24", "15–24", "15 - 24", "15 à 24 ans", "15 to 24", "15–24 лет", "١٥-٢٤")],
    *[(text, "Y_GE65") for text in ("65+", "65 +", "65 and over", "65 ans et plus", "≥65", "65 años y más")],
    *[(text, "Y_GE65") for text in ("65 лет и старше", "65 سنة فأكثر")],
    ("Y15T24", "Y15T24"),
    ("Total", "_T"),
    ("15-25", "!not_in_list"),
    ("1-4", "!not_in_list"),
    ("24-15", "!unknown_code"),
    ("1-Apr", "!date_for_text"),
    ("04-mai", "!date_for_text"),
    ("adults", "!unknown_code"),
    ("15-24¹", "!unknown_code"),
    ("1²", "!unknown_code"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), AGES)
def test_ages(text: str, code: str) -> None:
    assert meant("age", text) == code


def test_an_age_that_a_program_made_a_date_is_told_as_one() -> None:
    assert meant("age", "2025-04-01", kind="date") == "!date_for_text"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("column", ["destination", "sex", "age"])
def test_every_label_of_a_list_means_its_code_in_its_language(column: str, language: str) -> None:
    one = keys(column, languages=(language, *(other for other in LANGUAGES if other != language)))
    allowed = one.column.allowed or ("FRA", "CIV", "GMB", "_T", "_U", "_X_STATELESS")
    assert [one.of(Cell(one.label(code), "text")).code for code in allowed] == list(allowed)


def test_what_is_near_is_named_and_never_taken() -> None:
    key = keys("destination").of(Cell("Frnace", "text"))
    assert (key.found, key.words["nearest"]) == (False, "FRA · France")
    assert keys("destination").of(Cell("\u0421enegal", "text")).words["nearest"] == "SEN · Sénégal"
    assert "15–24 ans" in keys("age").of(Cell("15-25", "text")).words["allowed"]
