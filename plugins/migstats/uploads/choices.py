"""What may stand in a key column of a form: codes, and what they are called in a language."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from migstats import settings
from migstats.codelists import CODELIST_OF, read_codelist
from migstats.errors import DeclarationError
from migstats.names import LANGUAGES, normal
from migstats.uploads.contract import Form, KeyColumn

TOTAL: Final = "_T"
UNKNOWN: Final = "_U"

#: A key that does not apply has no rows of its own.
_NEVER: Final = "_Z"

#: Kinds of areas that a country reports on. Groups have other members at each publisher.
_REPORTED: Final = ("country", "territory")

#: What is no area and is offered all the same; the others are of single publishers.
_OFFERED: Final = (UNKNOWN, "_X_OTHER", "_X_STATELESS")


def name_of(list_name: str, code: str, language: str) -> str:
    """What a code is called; its English name where this language has none. KeyError where it is no code."""
    row = read_codelist(settings.include() / "codelists", list_name).rows[code]
    return row[f"name_{language}"] or row["name_en"]


def choices(key: KeyColumn, country: str, year: int, language: str) -> Mapping[str, str]:
    """Code → label of what may stand in a column, in the order in which it is offered.

    Areas (those with an ISO code) and subdivisions by their labels, the total before them and what is no area after
    them; other lists as the contract or the codelist has them. Subdivisions are those of the country at the end of the
    year. What may stand in a cell without being offered (a former state, a group) the codelist says.
    """
    return _choices(key, country, year, language)


def combinations(form: Form) -> tuple[tuple[str, ...], ...]:
    """The rows that every template of a form begins with: codes in the order of its keys."""
    rows: list[tuple[str, ...]] = [()]
    for key in form.keys:
        rows = [(*row, code) for row in rows for code in key.prefill or (TOTAL,)]
    return tuple(rows)


def is_country(code: str) -> bool:
    """Can a form be about this area?"""
    row = read_codelist(settings.include() / "codelists", "area").rows.get(code)
    return row is not None and row["kind"] in _REPORTED


def country_of(text: str) -> str:
    """The country that an ISO alpha-3 code or a name in one of the languages means.

    DeclarationError where there is none, or where the name could be more than one.
    """
    if is_country(text.upper()):
        return text.upper()
    areas = read_codelist(settings.include() / "codelists", "area")
    found = {areas.resolver(f"name_{language}")(text) for language in LANGUAGES} - {None}
    unclear = [meant for language in LANGUAGES if (meant := areas.may_mean(f"name_{language}", text))]
    [*one] = (code for code in found if code and is_country(code))
    if len(one) == 1 and not unclear:
        return one[0]
    could = f"; it could be {' or '.join([*one, *unclear])}" if one or unclear else ""
    raise DeclarationError(f"{text!r} is not the code or name of one country{could}; write its ISO code, such as MAR")


@cache
def _choices(key: KeyColumn, country: str, year: int, language: str) -> Mapping[str, str]:
    if key.concept == "counterpart_area" and key.allowed is None:
        codes = _areas(language)
    elif key.concept == "subdivision" and key.allowed is None:
        codes = _subdivisions(country, year, language)
    else:
        name = CODELIST_OF.get(key.concept, key.concept)
        listed = read_codelist(settings.include() / "codelists", name).rows
        codes = ((code, name_of(name, code, language)) for code in key.allowed or listed if code != _NEVER)
    return {code: label for code, label in codes if key.total or code != TOTAL}


def _areas(language: str) -> Iterator[tuple[str, str]]:
    rows = read_codelist(settings.include() / "codelists", "area").rows
    named = {code: name_of("area", code, language) for code in rows}
    yield TOTAL, named[TOTAL]
    areas = [code for code, row in rows.items() if row["kind"] in _REPORTED and row["iso2"]]
    yield from ((code, named[code]) for code in _by_label({code: named[code] for code in areas}, language))
    yield from ((code, named[code]) for code in _OFFERED)


def _subdivisions(country: str, year: int, language: str) -> Iterator[tuple[str, str]]:
    rows = read_codelist(settings.include() / "codelists", "subdivision").rows
    day = dt.date(year, 12, 31).isoformat()
    own = {
        code: name_of("subdivision", code, language)
        for code, row in rows.items()
        if row["area"] == country and (row["valid_from"] or "") <= day <= (row["valid_to"] or "9999")
    }
    yield TOTAL, name_of("subdivision", TOTAL, language)
    for code in _by_label(own, language):
        above = rows[code]["parent"]
        yield code, f"{own[code]} ({name_of('subdivision', above, language)})" if above else own[code]
    yield UNKNOWN, name_of("subdivision", UNKNOWN, language)


def _by_label(labels: Mapping[str, str], language: str) -> list[str]:
    return sorted(labels, key=lambda code: (normal(labels[code], language), code))
