"""What may stand in a key column, and which country a text means."""

from __future__ import annotations

import pytest

from migstats.errors import DeclarationError
from migstats.names import LANGUAGES, normal
from migstats.uploads.choices import choices, country_of
from migstats.uploads.contract import form_of

DESTINATION, SUBDIVISION, SEX, AGE = form_of("labour_permits").keys


@pytest.mark.parametrize("language", LANGUAGES)
def test_areas_stand_by_their_names_between_the_total_and_what_is_no_area(language: str) -> None:
    codes = list(offered := choices(DESTINATION, "MAR", 2025, language))
    assert codes[0] == "_T"
    assert codes[-3:] == ["_U", "_X_OTHER", "_X_STATELESS"]
    names = [normal(offered[code], language) for code in codes[1:-3]]
    assert names == sorted(names)
    assert {"ESP", "HKG", "PSE"} < set(codes)
    assert not {"150", "SUN", "AB9", "_Z"} & set(codes)
    assert all(offered.values())


def test_subdivisions_are_those_of_the_country_with_the_unit_that_they_lie_in() -> None:
    offered = choices(SUBDIVISION, "MAR", 2025, "fr")
    total, *units, unknown = offered
    assert (total, unknown) == ("_T", "_U")
    assert offered["MA-ZAG"] == "Zagora (Drâa-Tafilalet)"
    assert all(code[:3] == "MA-" for code in units)


def test_subdivisions_are_those_of_the_year() -> None:
    assert "BD-H" in choices(SUBDIVISION, "BGD", 2015, "en")
    assert "BD-H" not in choices(SUBDIVISION, "BGD", 2014, "en")


def test_a_country_without_a_list_has_the_whole_and_the_unknown() -> None:
    assert list(choices(SUBDIVISION, "FRA", 2025, "en")) == ["_T", "_U"]


def test_other_lists_are_as_the_contract_has_them() -> None:
    assert choices(SEX, "MAR", 2025, "ar") == {"F": "إناث", "M": "ذكور", "_U": "غير معروف", "_T": "المجموع"}
    assert list(choices(AGE, "MAR", 2025, "es").items())[1] == ("Y15T24", "15–24 años")
    basis = form_of("employment").keys[0]
    assert list(choices(basis, "MAR", 2025, "en")) == ["birth", "citizenship"]


@pytest.mark.parametrize("text", ["MAR", "mar", "Maroc", "Марокко", "المغرب"])
def test_a_country_is_meant_by_its_code_or_a_clear_name(text: str) -> None:
    assert country_of(text) == "MAR"


@pytest.mark.parametrize(
    ("text", "found"),
    [("Korea", "it could be the Republic of Korea"), ("XX", "not the code or name"), ("150", "not the code or name")],
)
def test_an_unclear_or_unknown_country_is_refused(text: str, found: str) -> None:
    with pytest.raises(DeclarationError, match=found):
        country_of(text)
