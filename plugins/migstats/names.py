"""Names of areas and other codes as people write them: one strict way to compare them.

Two names are the same where they differ in nothing but case, accents, kinds of blanks, dashes and apostrophes, or
the article around a name ("Gambia, The", "Bahamas (the)"). Near is not the same: a name that is not listed is unknown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

LANGUAGES: Final = ("en", "fr", "es", "ar", "ru")

_APOSTROPHES: Final = dict.fromkeys(map(ord, "\u2019\u2018\u02bc\u02bb\u0060\u00b4\u2032"), "'")
_DASHES: Final = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212"), "-")
#: Marks that nobody sees: zero width, direction, soft hyphen, the Arabic tatweel.
_UNSEEN: Final = dict.fromkeys([0x00AD, 0x0640, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F)])
_SIGNS: Final = _APOSTROPHES | _DASHES | _UNSEEN
#: Letters that Unicode does not take apart into a letter and an accent, as writers without them do.
_LETTERS: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})
#: Of a Russian short i: no accent, it makes another letter.
_BREVE: Final = "\u0306"
_ARTICLES: Final = {
    "en": re.compile(r"^the |,? \(?the\)?$|\s*\(the\)$"),
    "fr": re.compile(r"^(la |le |les |l')| \((la|le|les|l')\)$|, (la|le|les|l')$"),
    "es": re.compile(r"^(el |la |los |las )| \((el|la|los|las)\)$|, (el|la|los|las)$"),
}


def normal(name: str, language: str) -> str:
    """The form of a name in which two spellings of it are equal."""
    text = unicodedata.normalize("NFKD", name.translate(_SIGNS)).casefold()
    kept = _BREVE if language == "ru" else ""
    text = "".join(letter for letter in text if letter in kept or not unicodedata.combining(letter))
    text = " ".join(unicodedata.normalize("NFC", text).translate(_LETTERS).split())
    article = _ARTICLES.get(language)
    return (article.sub("", text) or text) if article else text


@lru_cache(maxsize=20_000)
def normals(name: str) -> Mapping[str, str]:
    """The normal form of a name in each of the languages."""
    return {language: normal(name, language) for language in LANGUAGES}
