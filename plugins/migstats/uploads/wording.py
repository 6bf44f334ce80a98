"""The words of templates in the five languages: `include/locale/template/<language>.po`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from migstats import settings
from migstats.errors import DeclarationError
from migstats.names import LANGUAGES


@cache
def words(language: str) -> Mapping[str, str]:
    """Key → text in this language. DeclarationError for another language, or a key that has no text."""
    from babel.messages.pofile import read_po

    if language not in LANGUAGES:
        raise DeclarationError(f"{language!r} is none of the languages {', '.join(LANGUAGES)}")
    file = settings.include() / "locale" / "template" / f"{language}.po"
    with file.open("rb") as opened:
        found = {str(message.id): str(message.string) for message in read_po(opened, locale=language) if message.id}
    empty = sorted(key for key, text in found.items() if not text)
    if empty:
        raise DeclarationError(f"{file}: {', '.join(empty)}: has no text; write one")
    return found
