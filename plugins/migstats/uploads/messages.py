"""What is said to officials, in their language: `include/locale/<language>.po`, and how words are put into it.

A message has words in braces (`{seen}`); a part in double brackets (`[[: {seen}]]`) is left out where one of its words
is not known. A word that an uploader may have written is shown in quotes, isolated from the direction of the text
around it, with its unseen characters made visible, and cut where it is long.
"""

from __future__ import annotations

import datetime as dt
import gettext
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from migstats import settings
from migstats.codelists import read_csv
from migstats.errors import DeclarationError
from migstats.names import LANGUAGES
from migstats.uploads.contract import forms
from migstats.uploads.finding import Finding

if TYPE_CHECKING:
    from babel.messages import Message

#: What is said of each finding: what we saw, why it matters, what to do, an example.
PARTS: Final = ("what", "why", "todo", "example")

#: What a file may be that is no form; `kind` of `wrong_kind`. Each has a name, and how to save it properly.
KINDS: Final = (
    "xlsx", "ods", "csv",
    "xls", "xlsb", "xlsm", "xml_spreadsheet", "flat_ods", "sylk", "numbers", "encrypted",
    "doc", "docx", "odt", "ppt", "pptx", "odp", "pdf", "rtf", "html", "mail", "image", "other_office",
    "zip", "gzip", "archive", "xml", "json", "database", "statistics", "program", "text", "unknown",
)  # fmt: skip

#: Words of findings that are ours, measures and addresses: shown without quotes, a plain number as the language does.
OURS: Final = frozenset(
    {"found", "limit", "sum", "total", "count", "before", "other", "row", "rows", "columns", "tried", "encoding"}
)

#: Findings whose measures are bytes; they are told in MB.
_IN_BYTES: Final = frozenset({"unpacks_too_big"})

#: Findings whose words may be codes of areas or ids of forms; they are told by name.
_AREAS: Final = frozenset({"wrong_country", "other_country"})
_FORMS: Final = frozenset({"wrong_form"})

#: Characters of a word that are shown; what is longer ends in an ellipsis.
LONGEST: Final = 160

_WORD: Final = re.compile(r"\{([a-z_]+)\}")
_OPTIONAL: Final = re.compile(r"\[\[(.*?)\]\]")
_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,20})?")
#: First strong isolate, and its end.
_ISOLATE: Final = "\u2068"
_END: Final = "\u2069"
_ELLIPSIS: Final = "…"


@dataclass(frozen=True)
class Own:
    """A text of ours, in the language of the message around it: it is put in as it is."""

    text: str


Word = str | int | Decimal | dt.date | Own | None


# -- catalogues -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Catalogue:
    """The messages of one language by key; of those that speak a count, a form for each number of `form_of`."""

    language: str
    messages: Mapping[str, tuple[str, ...]]
    form_of: Callable[[int], int]


def path_of(language: str) -> Path:
    """The file of a language's messages."""
    return settings.include() / "locale" / f"{language}.po"


@cache
def catalogue(language: str) -> Catalogue:
    """Read the messages of a language. DeclarationError where there is none, or its file is not in po format."""
    from babel.messages.pofile import PoFileError, read_po

    if language not in LANGUAGES:
        raise DeclarationError(f"{language!r} is none of the languages {', '.join(LANGUAGES)}")
    try:
        with path_of(language).open("rb") as file:
            read = read_po(file, locale=language, abort_invalid=True)
    except (OSError, PoFileError) as error:
        raise DeclarationError(f"{path_of(language)}: {error}") from error
    messages = {_key(message): _forms(message) for message in read if message.id}
    return Catalogue(language, messages, gettext.c2py(read.plural_expr))


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


# -- messages ---------------------------------------------------------------------------------------------------


def text(key: str, language: str, /, **words: Word) -> str:
    """The message of a key. Texts among the words are quoted, numbers and dates written as the language does.

    DeclarationError for a key that has no message in this language.
    """
    return _filled(_message(key, language)[0], _shown(words, language))


def dotted(*parts: str) -> str:
    """The key that these parts are: `place.cell`."""
    return ".".join(parts)


def counted(key: str, n: int, language: str, /, **words: Word) -> str:
    """The message of a key in the plural form that `n` asks for; `{n}` in it is the number."""
    forms = _message(key, language)
    form = forms[catalogue(language).form_of(n)]
    return _filled(form, _shown({**words, "n": n}, language))


def said(finding: Finding, part: str, language: str) -> str:
    """One part (of PARTS) of what is said of a finding."""
    return text(dotted("finding", finding.code, part), language, **words_of(finding, language))


def words_of(finding: Finding, language: str) -> dict[str, Word]:
    """The words of a finding, ours apart from those that may be the uploader's."""
    words: dict[str, Word] = {"seen": finding.seen, "sheet": finding.sheet, **finding.words}
    if finding.code.startswith("header_"):
        words.setdefault("header", finding.seen)
    for name in OURS & set(finding.words):
        value = finding.words[name]
        if finding.code in _IN_BYTES and value.isdecimal():
            value = str(int(value) >> 20)
        words[name] = Own(measure(value, language)) if value else None
    for name in ("seen", "expected"):
        words[name] = _named(finding.code, str(words.get(name) or ""), language) or words.get(name)
    kind = finding.words.get("kind")
    if kind is not None:
        kind = kind if kind in KINDS else "unknown"
        words["kind"] = Own(text(dotted("kind", kind, "name"), language))
        words["how"] = Own(text(dotted("kind", kind, "todo"), language))
    return words


def _named(code: str, word: str, language: str) -> str | None:
    """The name of an area or form of which a finding has the code, or None."""
    if code in _AREAS:
        return _areas().get(word, {}).get(f"name_{language}")
    if code in _FORMS and word in forms():
        return forms()[word].title.of(language)
    return None


@cache
def _areas() -> Mapping[str, Mapping[str, str]]:
    return {row["code"]: row for row in read_csv(settings.include() / "codelists" / "area.csv")}


def _message(key: str, language: str) -> tuple[str, ...]:
    try:
        return catalogue(language).messages[key]
    except KeyError:
        raise DeclarationError(f"{path_of(language)}: {key}: has no message; write one in each language") from None


def _filled(message: str, words: Mapping[str, str]) -> str:
    def part(match: re.Match[str]) -> str:
        return match[1] if all(words.get(name) for name in _WORD.findall(match[1])) else ""

    return _WORD.sub(lambda match: words.get(match[1]) or _ELLIPSIS, _OPTIONAL.sub(part, message))


# -- words ------------------------------------------------------------------------------------------------------


def _shown(words: Mapping[str, Word], language: str) -> dict[str, str]:
    return {name: _word(word, language) for name, word in words.items() if word is not None and word != ""}


def _word(word: Word, language: str) -> str:
    if isinstance(word, Own):
        return word.text
    if isinstance(word, str):
        return quoted(word, language)
    if isinstance(word, dt.date):
        return date(word, language)
    return number(word if word is not None else 0, language)


def quoted(word: str, language: str) -> str:
    """A word of an uploader in the quotes of the language, unable to do anything to the text around it."""
    return _message("quoted", language)[0].replace("{text}", isolated(visible(word)))


def isolated(word: str) -> str:
    """A word whose direction is its own, whatever stands around it."""
    return f"{_ISOLATE}{word}{_END}"


def visible(word: str, longest: int = LONGEST) -> str:
    """A word with every character that nobody sees made visible, cut after `longest` characters."""
    shown = "".join(map(_visible, word[:longest]))
    return shown + _ELLIPSIS if len(word) > longest else shown


def _visible(letter: str) -> str:
    code = ord(letter)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        return f"<U+{code:04X}>"
    return letter


def measure(word: str, language: str) -> str:
    """A word of ours: a plain number as the language writes it, anything else as it is, isolated."""
    return number(Decimal(word), language) if _NUMBER.fullmatch(word) else isolated(visible(word))


def number(value: int | Decimal, language: str) -> str:
    """A number as the language writes it, with all its decimals and the digits 0 to 9."""
    from babel.numbers import format_decimal

    shown = format_decimal(value, locale=language, decimal_quantization=False, numbering_system="latn")
    return isolated(shown) if value < 0 else shown


def date(value: dt.date, language: str) -> str:
    """A day, and of a moment its hour and minute too, as the language writes it."""
    from babel.dates import format_date

    if isinstance(value, dt.datetime):
        return f"{format_date(value, 'long', locale=language)} {value:%H:%M}"
    return format_date(value, "long", locale=language)


def joined(clauses: Sequence[str], language: str) -> str:
    """Clauses as one enumeration: `a, b and c`."""
    from babel.lists import format_list

    return format_list(list(clauses), locale=language)


def direction(language: str) -> str:
    """`rtl` or `ltr`."""
    from babel import Locale

    return Locale.parse(language).text_direction
