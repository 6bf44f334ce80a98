"""How a country writes numbers, periods and missing figures: `include/templates/countries.yaml`, and how it is read.

A text is understood as declared for the country, or it is said to be unclear; nothing is concluded from the file.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, field_validator, model_validator

from migstats.errors import DeclarationError
from migstats.facts import read_yaml
from migstats.layout import Declared
from migstats.uploads.contract import Language, folder
from migstats.uploads.declaration import MARKERS, STATUSES

#: Of countries without a declaration.
OTHER: Final = "_other"
_ALL: Final = "_all"


class Symbol(Declared):
    """What stands in place of a figure."""

    obs_status: str
    missing_reason: str

    @model_validator(mode="before")
    @classmethod
    def _parted(cls, text: object) -> object:
        if isinstance(text, str):
            status, _, reason = text.partition(":")
            return {"obs_status": status, "missing_reason": reason}
        return text


def _folded(text: str) -> str:
    """A symbol or mark as it is compared: without case, and with plain blanks."""
    return " ".join(text.casefold().split())


def _by_folded(found: object) -> object:
    return {_folded(str(text)): meaning for text, meaning in found.items()} if isinstance(found, Mapping) else found


class Formats(Declared):
    """How one country writes."""

    model_config = Declared.model_config | {"str_strip_whitespace": False}

    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    decimal: Literal[".", ",", ""]
    group: tuple[Literal[" ", "\u00a0", "\u202f", ".", ","], ...] = ()
    lakh: bool = False
    dates: Literal["dmy", "mdy", "ymd"] | None = None
    calendars: tuple[()] = ()
    encodings: Annotated[tuple[str, ...], Field(min_length=1)] = ("utf-8",)
    symbols: Annotated[Mapping[str, Symbol], BeforeValidator(_by_folded)] = {}
    marks: Annotated[Mapping[str, str], BeforeValidator(_by_folded)] = {}

    @field_validator("encodings")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            try:
                "1".encode(name)
            except LookupError:
                raise ValueError(f"encoding {name!r} is none that Python knows, such as cp1252") from None
        return value

    @field_validator("symbols")
    @classmethod
    def _loaded(cls, value: Mapping[str, Symbol]) -> Mapping[str, Symbol]:
        known = {(status, reason) for status, reason, _ in MARKERS.values()}
        for text, meaning in value.items():
            if (meaning.obs_status, meaning.missing_reason) not in known:
                raise ValueError(f"{text!r}: a symbol is one of {', '.join(MARKERS)}")
        return value

    @field_validator("marks")
    @classmethod
    def _beside_figures(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for text, status in value.items():
            if status not in STATUSES:
                raise ValueError(f"{text!r}: the status beside a figure is one of {', '.join(STATUSES)}")
        return value

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        if self.decimal in self.group:
            raise ValueError(f"{self.decimal!r} is the decimal mark and a group mark")
        return self


@cache
def _declared(path: Path) -> Mapping[str, Formats]:
    facts = read_yaml(path)
    if not isinstance(facts, dict) or not {_ALL, OTHER} <= set(facts):
        raise DeclarationError(f"{path}: {_ALL} and {OTHER} are not there; each country is a key of the file")
    common: dict[str, Any] = facts[_ALL]
    merged = {
        country: {**how, **{name: {**common[name], **how.get(name, {})} for name in ("symbols", "marks")}}
        for country, how in facts.items()
        if country != _ALL
    }
    try:
        return TypeAdapter(dict[str, Formats]).validate_python(merged)
    except ValidationError as error:
        lines = (f"{path}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise DeclarationError("\n".join(lines)) from None


def formats_of(country: str) -> Formats:
    """How this country writes (ISO 3166-1 alpha-3); for one that is not declared, only what is clear by itself."""
    declared = _declared(folder() / "countries.yaml")
    return declared.get(country, declared[OTHER])


def declared_countries() -> tuple[str, ...]:
    """The countries with a declaration of their own."""
    return tuple(country for country in _declared(folder() / "countries.yaml") if country != OTHER)


# -- numbers ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Unclear:
    """A text that is a number, but which one is not settled."""


@dataclass(frozen=True)
class NotNumber:
    """A text that is no number."""


UNCLEAR: Final = Unclear()
NOT_A_NUMBER: Final = NotNumber()

#: Marks that can stand between thousands only, and never before decimals.
_BLANKS: Final = " \u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_BETWEEN: Final = {ord(mark): "'" for mark in f"{_BLANKS}\u2019\u02bc\u066c"}
_PLAIN: Final = str.maketrans(
    {
        "\u2212": "-", "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\ufe63": "-", "\uff0d": "-",
        "\uff0b": "+", "\uff0c": ",", "\uff0e": ".", "\uff07": "'", "\u060c": ",",
    }
)  # fmt: skip
#: Marks of writing direction that programs put around numbers in Arabic text; nobody sees them.
_UNSEEN: Final = dict.fromkeys([0x061C, 0xFEFF, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_NUMBER: Final = re.compile(r"([+-]?)([0-9][0-9.,'\u066b]*)")
_EXPONENT: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+")
_THOUSANDS: Final = re.compile(r"[1-9][0-9]{0,2}(?:M[0-9]{3})+".replace("M", "[.,']"))
_LAKHS: Final = re.compile(r"[1-9][0-9]?(?:[,'][0-9]{2})*[,'][0-9]{3}")


def plain(text: str) -> str:
    """A text of a number with ASCII digits and signs, without unseen marks and blanks around it.

    Digits of every script become those of ASCII; raised ones are no digits here.
    """
    if text.isascii():
        return text.strip()
    digits = "".join(str(unicodedata.decimal(letter, letter)) for letter in text.translate(_UNSEEN))
    return digits.translate(_PLAIN).strip()


def number(text: str, formats: Formats) -> Decimal | Unclear | NotNumber:
    """The number that a text is, as the country writes numbers; UNCLEAR where that does not settle it.

    `1.234` is a number with decimals, or one in the thousands: only the declared marks say which. A mark that is
    neither point nor comma stands between thousands, whoever writes.
    """
    digits = plain(text).translate(_BETWEEN)
    if digits.isascii() and digits.isdigit():
        return Decimal(digits)
    digits = re.sub(r"^([+-])'+", r"\1", digits.strip("'"))
    match = _NUMBER.fullmatch(digits)
    if not match:
        return UNCLEAR if _EXPONENT.fullmatch(digits) else NOT_A_NUMBER
    sign, body = match.groups()
    whole, mark, rest = _parted(body, formats)
    if whole is None or (mark and not rest.isdigit()):
        return UNCLEAR if re.fullmatch(r"[0-9]+(?:[.,'\u066b][0-9]+)+", body) else NOT_A_NUMBER
    return Decimal(f"{sign}{whole}{'.' if mark else ''}{rest}")


def _parted(body: str, formats: Formats) -> tuple[str | None, str, str]:
    """Whole digits without group marks, decimal mark, decimals; the first is None where it is not as declared."""
    mark = "\u066b" if "\u066b" in body else formats.decimal
    whole, found, rest = body.partition(mark) if mark else (body, "", "")
    if whole.isdigit():
        return whole, found, rest
    marks = {letter for letter in whole if not letter.isdigit()}
    if len(marks) != 1 or not marks <= {"'", *formats.group}:
        return None, "", ""
    grouped = _THOUSANDS.fullmatch(whole) or (formats.lakh and _LAKHS.fullmatch(whole))
    return ("".join(letter for letter in whole if letter.isdigit()) if grouped else None), found, rest


_THREE: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}([.,])[0-9]{3}")
_DECIMALS: Final = re.compile(r"[+-]?(?:[0-9'.,]*[0-9])?([.,])(?:[0-9]{1,2}|[0-9]{4,})")
_GROUPS: Final = re.compile(r"[+-]?[1-9][0-9]{0,2}([.,])[0-9]{3}(?:\1[0-9]{3})+|[+-]?[0-9]+([.,])[0-9]{3}[.,][0-9]+")


def readings(text: str) -> dict[str, str]:
    """`could_mean`: the numbers that a text is under either use of point and comma; nothing where they are not two."""
    uses = (
        Formats(languages=("en",), decimal=".", group=(",",)),
        Formats(languages=("en",), decimal=",", group=(".",)),
    )
    found = dict.fromkeys(canonical(one) for one in (number(text, use) for use in uses) if isinstance(one, Decimal))
    return {"could_mean": "; ".join(found)} if len(found) > 1 else {}


def three_digits(text: str) -> str:
    """The mark of a text such as `1.234` or `1,234`, which reads as two numbers; empty for all others."""
    match = _THREE.fullmatch(plain(text).translate(_BETWEEN))
    return match[1] if match else ""


def mixed(texts: Iterable[str], formats: Formats) -> frozenset[str]:
    """The marks of which a column makes another use than is declared: what reads as two numbers is unclear in it.

    Such as `.` in a column with `1.234` and `12.5` where points stand between thousands; both marks where `1.234` and
    `1,234` are in one column.
    """
    between: set[str] = set()
    decimal: set[str] = set()
    either: set[str] = set()
    for text in texts:
        if len(text) > 100 or ("." not in text and "," not in text and text.isascii()):
            continue
        digits = plain(text).translate(_BETWEEN)
        if mark := three_digits(digits):
            either.add(mark)
        elif match := _GROUPS.fullmatch(digits):
            between.add(match[1] or match[2])
        elif match := _DECIMALS.fullmatch(digits):
            decimal.add(match[1])
    if len(either) > 1:
        return frozenset(either)
    return frozenset(mark for mark in either if mark in (between if mark == formats.decimal else decimal))


# -- symbols, marks, ranges -------------------------------------------------------------------------------------


def symbol(text: str, formats: Formats) -> Symbol | None:
    """What a text in place of a figure says, by the list of the country; None for what is not on it."""
    return formats.symbols.get(_folded(text.translate(_UNSEEN)))


#: Raised and lowered letters and digits; NFKC gives the plain ones.
_RAISED: Final = "".join(
    letter
    for letter in map(chr, (*range(0xAA, 0xBB), *range(0x2B0, 0x2B9), *range(0x1D2C, 0x1DC0), *range(0x2070, 0x20A0)))
    if unicodedata.decomposition(letter).startswith(("<super>", "<sub>"))
)
_MARKED: Final = re.compile(
    rf"(?P<figure>.*?)\s*(?P<mark>[{_RAISED}*\u2020\u2021]+|\([^\W\d_]{{1,2}}\)|\([0-9]{{1,2}}\)|\[[^\W_]{{1,2}}\])\s*",
    re.DOTALL,
)


def parted_mark(text: str) -> tuple[str, str]:
    """A figure and the mark behind it: `12` and `³`, `5` and `(e)`; the mark is empty where there is none."""
    match = _MARKED.fullmatch(text)
    return (match["figure"].strip(), match["mark"]) if match and match["figure"].strip() else (text, "")


def mark_status(mark: str, formats: Formats) -> str | None:
    """The status that a mark gives a figure, by the list of the country; None for a mark that is only a note."""
    return formats.marks.get(_folded(unicodedata.normalize("NFKC", mark).strip("()[] ")))


_BELOW: Final = re.compile(r"(?:<|\u2264|<=|\u2a7d)'?[0-9]{1,2}")
_RANGE: Final = re.compile(r"([0-9]{1,2})'?-'?([0-9]{1,2})")


def bounds(text: str) -> str | None:
    """The bounds of a figure that was withheld (`<5`, `≤4`, `1-4`) as they are kept in its note; None for no bounds."""
    digits = plain(text.replace("＜", "<")).translate(_BETWEEN)
    if _BELOW.fullmatch(digits):
        return digits.replace("'", "").replace("<=", "≤").replace("\u2a7d", "≤")
    match = _RANGE.fullmatch(digits)
    return f"{match[1]}-{match[2]}" if match and int(match[1]) < int(match[2]) else None


# -- how a program shows a number -------------------------------------------------------------------------------

_LITERAL: Final = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)[^\]]*\]|\[[^\]]*\]|_.|\*.')
#: What a literal beside the digits says of their size; anything else that is a word is not known.
_WORDS_OF: Final = {
    1: ("k", "т", "тыс", "тыс.", "mil", "milliers", "miles", "thousand", "thousands", "ألف", "الف"),
    2: ("m", "mn", "млн", "млн.", "millions", "million", "millones", "مليون"),
}


#: What a literal may say of the unit (codelist unit) of the measure without making it another one.
_SAME_UNIT: Final = {
    "PS": ("pers", "pers.", "persons", "people", "personnes", "personas", "чел", "чел.", "человек", "شخص", "أشخاص"),
    "PT": ("%",),
    "USD": ("$", "us$", "usd"),
}


def shown_unit(shown_as: str, unit: str) -> Literal["plain", "percent", "unclear"]:
    """What a number format says of the unit: `0.00%` is per cent; `#,##0," k"` shows thousands of what is in the cell.

    A word or currency sign beside the digits that neither they nor the unit of the measure account for (`0" k"`)
    leaves the unit unclear.
    """
    if shown_as in ("", "General", "@", "0"):
        return "plain"
    if len(shown_as) > 255:  # as long as a program lets one be
        return "unclear"
    first = shown_as.split(";", 1)[0]
    bare = _LITERAL.sub("", first)
    said = ["".join(filter(None, found)) for found in _LITERAL.findall(first)]
    said += [letter for letter in bare if unicodedata.category(letter) == "Sc"]
    words = [word for word in " ".join(said).casefold().split() if any(map(_is_word, word))]
    if "%" in bare:
        return "percent" if not words else "unclear"
    scaled = re.search(r"[0#?](,+)(?=[^0#?,]*$)", bare.strip())
    steps = len(scaled[1]) if scaled else 0
    if steps:
        return "plain" if words and all(word in _WORDS_OF.get(steps, ()) for word in words) else "unclear"
    return "plain" if all(word in _SAME_UNIT.get(unit, ()) for word in words) else "unclear"


def _is_word(letter: str) -> bool:
    return letter.isalpha() or letter == "%" or unicodedata.category(letter) == "Sc"


_THOUSAND_WORDS: Final = re.compile(
    r"\b(?:thousands?|milliers|miles|millions?|millones|тыс|тысяч(?:а|и|ах)?|млн|000s?)\b|بالآلاف|بالملايين",
    re.IGNORECASE,
)
_ENCLOSED: Final = re.compile(r"[(\[（]([^()\[\]（）]*)[)\]）]|[,،:;]\s*(?:in|en|в)\s+(.*)|بالآلاف|بالملايين")


def scaled_by_title(text: str) -> bool:
    """Whether a header or title says that its figures are in thousands or millions: `Permits (thousands)`."""
    return any(_THOUSAND_WORDS.search(match[0]) for match in _ENCLOSED.finditer(text))


# -- periods ----------------------------------------------------------------------------------------------------

_YEAR: Final = re.compile(r"(?:19|20)[0-9]{2}")
_DATE: Final = re.compile(r"([0-9]{1,4})[./\-\s]{1,2}([0-9]{1,2})[./\-\s]{1,2}([0-9]{1,4})\.?")


def date(text: str, formats: Formats) -> dt.date | None:
    """A date of the Gregorian calendar, in the order that is declared or as ISO 8601; None for all else.

    A year of two digits, a day that the calendar has not, and figures that no declared order settles are none.
    """
    digits = plain(text)
    match = _DATE.fullmatch(digits)
    if not match:
        return None
    parts = match.groups()
    order = "ymd" if len(parts[0]) == 4 else formats.dates
    if order is None:
        return None
    at = dict(zip(order, parts, strict=True))
    if not _YEAR.fullmatch(at["y"]) or len(at["m"]) > 2 or len(at["d"]) > 2:
        return None
    try:
        return dt.date(int(at["y"]), int(at["m"]), int(at["d"]))
    except ValueError:
        return None


def year(text: str) -> int | None:
    """The year of the Gregorian calendar that a text is; None for another calendar, a span (`2021/22`, `FY21`) and all
    else, of which no year of ours is the only reading.
    """
    digits = plain(text)
    return int(digits) if _YEAR.fullmatch(digits) else None


_EXACT: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")


def exact(text: str) -> Decimal | None:
    """The number of a cell from the text that the file holds; None for what is none that a program can hold."""
    return Decimal(text) if _EXACT.fullmatch(text) else None


def canonical(found: Decimal) -> str:
    """A number as text without exponent, trailing zeros or a sign of zero: one text for one number."""
    if found == 0:
        return "0"
    text = format(found, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
