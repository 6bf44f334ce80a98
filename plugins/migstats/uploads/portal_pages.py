"""Pages of the portal: templates of include/portal, words of include/locale/portal, figures as people write them.

Every text of an uploader is escaped by the template, and nothing in it is run.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from migstats import settings
from migstats.codelists import read_codelist
from migstats.errors import DeclarationError
from migstats.names import LANGUAGES
from migstats.uploads.messages import direction, dotted
from migstats.uploads.preview import Measured

#: What the languages call themselves.
OWN_NAMES: Final = {"en": "English", "fr": "Français", "es": "Español", "ar": "العربية", "ru": "Русский"}

#: Size of the chart, in units of its own.
WIDTH: Final = 640
HEIGHT: Final = 180


@cache
def words(language: str) -> Mapping[str, str]:
    """Key → text in this language. DeclarationError for another language, or a key that has no text."""
    from babel.messages.pofile import read_po

    if language not in LANGUAGES:
        raise DeclarationError(f"{language!r} is none of the languages {', '.join(LANGUAGES)}")
    file = settings.include() / "locale" / "portal" / f"{language}.po"
    with file.open("rb") as opened:
        found = {str(message.id): str(message.string) for message in read_po(opened, locale=language) if message.id}
    empty = sorted(key for key, text in found.items() if not text)
    if empty:
        raise DeclarationError(f"{file}: {', '.join(empty)}: has no text; write one")
    return found


def text(key: str, language: str, /, **facts: object) -> str:
    """A text of the portal, its words put in. DeclarationError for a key that has none."""
    try:
        found = words(language)[key]
    except KeyError:
        raise DeclarationError(f"include/locale/portal/{language}.po: {key}: has no text; write one") from None
    for name, value in facts.items():
        found = found.replace("{" + name + "}", str(value))
    return found


def best_language(accepted: str) -> str:
    """The first of our languages that a browser asks for (`Accept-Language`); English where it asks for none."""
    for part in accepted.split(","):
        language = part.partition(";")[0].strip().lower()[:2]
        if language in LANGUAGES:
            return language
    return "en"


def country_name(country: str, language: str) -> str:
    """A country in this language; its code where it has no name."""
    rows = read_codelist(settings.include() / "codelists", "area").rows
    return rows.get(country, {}).get(f"name_{language}") or country


def figure(value: Decimal | float | str | None, language: str) -> str:
    """A figure as the language writes it, words as they are; an en dash where there is nothing."""
    from babel.numbers import format_decimal

    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return format_decimal(value, locale=language, decimal_quantization=False, numbering_system="latn")


def share(value: float | None, language: str) -> str:
    """A difference in per cent, with its sign; an en dash where there is none."""
    from babel.numbers import format_decimal

    if value is None:
        return "–"
    written = format_decimal(value * 100, format="+#,##0.0;-#,##0.0", locale=language, numbering_system="latn")
    return f"{written} %"


def moment(at: dt.datetime, language: str) -> str:
    """Day and minute, in UTC."""
    from babel.dates import format_date

    at = at.astimezone(dt.UTC)
    return f"{format_date(at, 'long', locale=language)} {at:%H:%M} UTC"


def attachment(name: str, fallback: str) -> str:
    """The value of Content-Disposition for a file of any name; `fallback` is its name in plain letters."""
    kept = "".join(c for c in name if c.isprintable() and c not in '"\\/:*?<>|')[:120].strip(" .") or fallback
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(kept, safe='')}"


def bars(measured: Measured) -> list[dict[str, object]]:
    """The bars of a chart by year: where each stands, and what it says."""
    step = (WIDTH - 20) / max(len(measured.points), 1)
    wide = round(min(step * 0.7, 60), 1)
    found: list[dict[str, object]] = []
    for number, point in enumerate(measured.points):
        middle = 10 + (number + 0.5) * step
        high = max(round(float(point.value / measured.top) * (HEIGHT - 56), 1), 1)
        place = {"x": round(middle - wide / 2, 1), "y": round(HEIGHT - 26 - high, 1), "wide": wide, "high": high}
        found.append({"point": point, "middle": round(middle, 1), **place})
    return found


def page(template: str, language: str, **facts: object) -> str:
    """A page in this language. `facts` are what its template says that it needs."""

    def of_portal(key: str, **values: object) -> str:
        return text(dotted("portal", key), language, **values)

    return _environment().get_template(template).render(language=language, t=of_portal, **facts)


@cache
def _environment() -> Environment:
    include = settings.include()
    made = Environment(
        loader=FileSystemLoader(include / "portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def in_language(function: Callable[[Any, str], str]) -> Callable[[Context, object], str]:
        @pass_context
        def of(context: Context, value: object) -> str:
            return function(value, context["language"])

        return of

    for name, function in (("figure", figure), ("share", share), ("moment", moment), ("country", country_name)):
        made.filters[name] = in_language(function)
    made.globals.update(direction=direction, languages=OWN_NAMES, bars=bars, width=WIDTH, height=HEIGHT)
    return made
