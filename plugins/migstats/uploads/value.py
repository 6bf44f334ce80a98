"""Cells of figures: the exact number in a cell, or the status in place of one, or why it is neither."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from migstats.uploads import formats as written
from migstats.uploads.contract import Measure
from migstats.uploads.formats import Formats
from migstats.uploads.grid import Cell
from migstats.uploads.sheet_layout import SYMBOLS

#: A double holds whole numbers to here, and fifteen digits of any number.
_LARGEST: Final = 2**53
_DIGITS: Final = 15
#: No text of a figure is longer, with its mark.
_LONGEST: Final = 100


@dataclass(frozen=True)
class Value:
    """What a cell says: a figure as text, or a status without one, or the code of a finding."""

    value: str | None = None
    obs_status: str = "A"
    conf_status: str = "F"
    missing_reason: str = ""
    note: str = ""
    problem: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    #: Codes of what is to be noticed.
    notices: tuple[str, ...] = ()


class Values:
    """The cells of one measure, each text understood once."""

    def __init__(self, measure: Measure, unit: str, formats: Formats, texts: Iterable[str], *, typed: bool) -> None:
        """`texts` are those of the whole column; `typed`: the file has numbers of its own (CSV has none)."""
        self.measure, self.unit, self.formats, self.typed = measure, unit, formats, typed
        self._mixed = written.mixed(texts, formats)
        self._known: dict[tuple[str, str, str, str, bool], Value] = {}

    def of(self, cell: Cell) -> Value:
        """What a cell says."""
        at = (cell.text, cell.kind, cell.raised, cell.shown_as, bool(cell.formula))
        if at not in self._known:
            self._known[at] = self._of(cell)
        return self._known[at]

    def _of(self, cell: Cell) -> Value:
        problem = {"error": "error_cell", "formula": "no_result", "date": "date_for_text", "boolean": "not_a_number"}
        if cell.kind in problem:
            return Value(problem=problem[cell.kind])
        if cell.kind == "number":
            found = written.exact(cell.text)
            if found is None:
                return Value(problem="not_a_number")
            if cell.formula and found == 0:
                return Value(problem="no_result")  # programs that never calculated it write 0
            unit = written.shown_unit(cell.shown_as, self.unit)
            if unit == "unclear" or (unit == "percent" and self.unit != "PT"):
                return Value(problem="unclear_unit", words={"shown_as": cell.shown_as})
            return self._figure(found.scaleb(2) if unit == "percent" else found, cell.raised, calculated=True)
        return self._of_text(cell)

    def _of_text(self, cell: Cell) -> Value:
        text = cell.text.strip()
        if len(text) > _LONGEST:
            return Value(problem="not_a_number")
        if (bounds := written.bounds(text)) is not None and not cell.raised:
            return Value(None, "Q", "C", "suppressed", bounds, notices=("suppressed_range",))
        figure, mark = (text, "") if written.symbol(text, self.formats) else written.parted_mark(text)
        mark += cell.raised
        symbol = written.symbol(figure, self.formats)
        if symbol is not None:
            confidential = "C" if symbol.missing_reason == "suppressed" else "F"
            return Value(None, symbol.obs_status, confidential, symbol.missing_reason, mark, notices=_noticed(mark))
        percent = figure.rstrip().removesuffix("%").removesuffix("٪")
        if percent != figure.rstrip() and self.unit != "PT":
            numeric = isinstance(written.number(percent, self.formats), Decimal)
            return Value(problem="unclear_unit" if numeric else "not_a_number")
        found = written.number(percent, self.formats)
        if isinstance(found, written.NotNumber):
            if any(map(str.isdigit, text)):
                return Value(problem="not_a_number")
            return Value(problem="unknown_symbol", words={"symbols": " ".join(SYMBOLS)})
        three = written.three_digits(percent)
        if isinstance(found, written.Unclear) or three in self._mixed or (three and self._doubtful(three)):
            return Value(problem="unclear_number", words=written.readings(percent))
        return self._figure(found, mark, calculated=False)

    def _doubtful(self, mark: str) -> bool:
        """A whole number is not written with three decimals: `1,234` may be what its writer has a group mark for."""
        return mark == self.formats.decimal and self.measure.whole

    def _figure(self, found: Decimal, mark: str, *, calculated: bool) -> Value:
        if calculated and _digits(found) > _DIGITS and found != found.to_integral_value():
            found = Decimal(format(float(found), f".{_DIGITS}g"))  # 0.1 + 0.2 as programs keep it, and as they show it
        if abs(found) > _LARGEST or _digits(found) > _DIGITS or (found and found.adjusted() < -_DIGITS):
            return Value(problem="too_exact")
        if self.measure.whole and found != found.to_integral_value():
            return Value(problem="not_whole")
        if found < Decimal(str(self.measure.low)):
            return Value(problem="too_low", words={"limit": _plain(self.measure.low)})
        if found > Decimal(str(self.measure.high)):
            return Value(problem="too_high", words={"limit": _plain(self.measure.high)})
        status = (written.mark_status(mark, self.formats) if mark else None) or "A"
        notices = _noticed(mark) + (("number_as_text",) if self.typed and not calculated else ())
        return Value(written.canonical(found), status, note=mark, notices=notices)


def _noticed(mark: str) -> tuple[str, ...]:
    """What is noticed of the mark behind a figure: a raised one looks like digits of it, others do not."""
    if not mark:
        return ()
    return ("mark_beside" if mark.startswith(("(", "[", "*", "\u2020", "\u2021")) else "raised_note",)


def _digits(found: Decimal) -> int:
    """How many digits a number has between its first and its last that is not 0."""
    return len("".join(map(str, found.as_tuple().digits)).strip("0"))


def _plain(limit: float) -> str:
    return written.canonical(Decimal(str(limit)))
