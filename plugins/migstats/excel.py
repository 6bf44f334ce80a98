"""What Excel and its kin mean by what they store: days as numbers, formats that show dates, raised characters."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

#: Characters that stand raised or lowered beside a figure, as the mark of a note.
RAISED: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ₀₁₂₃₄₅₆₇₈₉ªº"
#: Number formats of Excel's own that show a date or a time of day.
DATE_FORMATS: Final = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})

_FIGURE_AND_RAISED: Final = re.compile(rf"(.*[0-9])\s*([{RAISED}]+)\s*", re.DOTALL)
#: What may stand in a number format beside the letters of its digits, days and hours.
_DECORATION: Final = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
#: Day 0 of a serial number, by whether the workbook counts from 1904. Excel's 1900 has a 29 February, which is day 60.
_EPOCHS: Final = {True: dt.datetime(1904, 1, 1), False: dt.datetime(1899, 12, 30)}
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")


def split_raised(text: str) -> tuple[str, str]:
    """A text without the raised or lowered characters that follow a figure at its end, and these: `12³` → `12`, `³`."""
    if text.isascii():
        return text, ""
    match = _FIGURE_AND_RAISED.fullmatch(text)
    return (match[1], match[2]) if match else (text, "")


def unescape(text: str) -> str:
    """Excel's `_x000D_` as the character that it stands for."""
    return _ESCAPED.sub(lambda m: chr(int(m[1], 16)), text) if "_x" in text else text


def shows_date(code: str) -> bool:
    """Whether a number format such as `dd/mm/yy` shows a date or a time of day."""
    return re.search("[dmyhs]", _DECORATION.sub("", code), re.IGNORECASE) is not None


def day(serial: str, from_1904: bool) -> dt.datetime:
    """The moment of a stored day. ValueError, OverflowError: it is none."""
    days = float(serial)
    early = 0 <= days < 60 and not from_1904
    return _EPOCHS[from_1904] + dt.timedelta(days=early, seconds=round(days * 86_400))
