"""Templates: the workbook of a form that a country fills in. `sheet_layout` says where everything stands in it."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import Any, BinaryIO, Final

import xlsxwriter
from xlsxwriter.utility import quote_sheetname, xl_col_to_name, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from migstats import settings
from migstats.codelists import read_codelist
from migstats.errors import DeclarationError
from migstats.names import LANGUAGES
from migstats.uploads.choices import TOTAL, choices, combinations, is_country, name_of
from migstats.uploads.contract import Form, KeyColumn, Measure, Sum
from migstats.uploads.sheet_layout import KEY_CHECK, SYMBOLS, Stamp, cell_text, key_check, last_header
from migstats.uploads.wording import words

#: Row of the header, from 0. Nothing that reads a template may rely on it.
_HEADER: Final = 4
_FIRST: Final = _HEADER + 1

#: Empty rows with lines around them, for rows that the official adds.
_SPARE: Final = 40

#: Rows below the empty ones whose parts are added up as well. Whole columns would keep LibreOffice busy for minutes.
_BEYOND: Final = 500

#: Rows below the header in which a cell has a list, or a check of its number.
_LISTED: Final = 10_000

#: With more rows than this the sums are checked only when the file is sent: each is added up from all rows.
_CHECKED: Final = 1_000

#: Excel shows no more of the title and text beside a cell.
_TITLE, _MESSAGE = 32, 255

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")

Keys = tuple[str, ...]


@dataclass(frozen=True)
class Accepted:
    """A figure that was accepted before: a number or a symbol. `codes` are in the order of the form's keys."""

    codes: Keys
    measure: str
    text: str
    year: int


@dataclass(frozen=True)
class Figures:
    """What stands in the white cells; a row that no template begins with is one that the official added."""

    texts: Mapping[tuple[Keys, str], str] = field(default_factory=dict)

    @property
    def rows(self) -> tuple[Keys, ...]:
        """The rows that have a figure."""
        return tuple(dict.fromkeys(codes for codes, _ in self.texts))


@dataclass(frozen=True)
class Checked:
    """A total held against its parts: what they add up to, and whether that differs; None where nobody can say."""

    total: float
    differs: bool | None


def write(
    form: Form,
    country: str,
    year: int,
    language: str,
    target: Path | BinaryIO,
    *,
    accepted: Iterable[Accepted] | None = None,
    contact: str = "",
    created: dt.datetime | None = None,
) -> None:
    """Write the template as .xlsx; the same arguments give the same bytes.

    `accepted` are the last accepted figures; None where nobody could look for them, which the instructions say.

    `contact` is whom an official asks, as a line of text; `created` is the day in the properties of the document, by
    default the first of the year. Rows of `accepted` figures are filled in beforehand, beside those of the contract.
    Raises DeclarationError for a country, year or language that the form is not for.
    """
    before = None if accepted is None else tuple(accepted)
    _write(form, Stamp(form.id, form.version, country, year, language), target, before, contact, created)


def write_filled(form: Form, stamp: Stamp, target: Path | BinaryIO, figures: Figures) -> None:
    """Write the template with figures in it, and a line that says that they are an example."""
    _write(form, stamp, target, (), "", None, figures)


def checked(one: Sum, measure: Measure, form: Form, codes: Keys, figures: Figures) -> Checked | None:
    """What the check of sums says of one row: None where its row is no total, or has nothing to compare."""
    at = [key.id for key in form.keys].index(one.column)
    parts = [
        _number(figures.texts.get((other, measure.id), ""))
        for other in figures.rows
        if other[at] != one.total
        and (other[:at], other[at + 1 :]) == (codes[:at], codes[at + 1 :])
        and (one.parts is None or other[at] in one.parts)
    ]
    known = [part for part in parts if part is not None]
    total = _number(figures.texts.get((codes, measure.id), ""))
    if codes[at] != one.total or total is None or not known:
        return None
    over = sum(known) - total
    if abs(over) <= one.tolerance:
        return Checked(sum(known), False)
    complete = one.parts is None or len(known) == len(one.parts)
    return Checked(sum(known), True if complete or over > 0 else None)


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _write(
    form: Form,
    stamp: Stamp,
    target: Path | BinaryIO,
    accepted: tuple[Accepted, ...] | None,
    contact: str,
    created: dt.datetime | None,
    figures: Figures | None = None,
) -> None:
    if stamp.language not in LANGUAGES:
        raise DeclarationError(f"{stamp.language!r} is none of the languages {', '.join(LANGUAGES)}")
    if not is_country(stamp.country):
        raise DeclarationError(f"{stamp.country!r} is no ISO code of a country, such as MAR")
    if not form.first_year <= stamp.year <= 2100:
        raise DeclarationError(f"year {stamp.year}: form {form.id} is for years from {form.first_year} to 2100")
    written = io.BytesIO()
    with xlsxwriter.Workbook(
        written,
        {"in_memory": True, "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False},
    ) as book:
        _Book(book, form, stamp, accepted, contact, figures).fill(created or dt.datetime(stamp.year, 1, 1))
    if isinstance(target, Path):
        target.write_bytes(written.getvalue())
    else:
        target.write(written.getvalue())


class _Sheet(Worksheet):  # type: ignore[misc]  # it has no types
    """A sheet whose formulas are written as they are: xlsxwriter looks in each for thirty newer functions."""

    def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:
        return formula.removeprefix("=")


class _Book:
    """One workbook while it is written."""

    def __init__(
        self,
        book: Any,
        form: Form,
        stamp: Stamp,
        accepted: tuple[Accepted, ...] | None,
        contact: str,
        figures: Figures | None,
    ) -> None:
        self.book, self.form, self.stamp, self.contact, self.figures = book, form, stamp, contact, figures
        self.language = stamp.language
        self.words = words(stamp.language)
        self.lists = {key.id: choices(key, stamp.country, stamp.year, stamp.language) for key in form.keys}
        self.accepted, self.looked = accepted or (), accepted is not None
        given = combinations(form)
        self.given = tuple(dict.fromkeys((*given, *(one.codes for one in self.accepted))))
        added = () if figures is None else figures.rows
        self.rows = tuple(dict.fromkeys((*self.given, *added)))
        self.last = _FIRST + len(self.rows) + _SPARE - 1
        self.sums = form.sums_of_measures if len(self.rows) <= _CHECKED else ()
        self.formats = _formats(book, right_to_left=stamp.language == "ar")
        self.column = self._columns()

    def _columns(self) -> dict[str, int]:
        """Where each column of the table is: keys and measures by their id, the grey ones as `last:<id>`."""
        names = [key.id for key in self.form.keys]
        for measure in self.form.measures:
            names += [measure.id, f"last:{measure.id}"] if self.accepted else [measure.id]
        return {name: number for number, name in enumerate((*names, KEY_CHECK))}

    def fill(self, created: dt.datetime) -> None:
        """Write all sheets."""
        title, named = self.form.title.of(self.language), self._country_and_year()
        self.book.set_properties({"title": title, "subject": named, "created": created})
        for name, text in self.stamp.properties.items():
            self.book.set_custom_property(name, text, "text")
        how = self._sheet(self.words["template.sheet.instructions"], landscape=False)
        data = self._sheet(self.form.sheet.of(self.language))
        check = self._sheet(self.words["template.sheet.check"]) if self.sums else None
        lists = self._sheet(self.words["template.sheet.lists"])
        self._instructions(how)
        self._table(data)
        if check is not None:
            self._check(check)
        self._lists(lists)
        data.activate()

    def _sheet(self, name: str, *, landscape: bool = True) -> Any:
        sheet = self.book.add_worksheet(name, _Sheet)
        if self.language == "ar":
            sheet.right_to_left()
        if landscape:
            sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_footer(f"&L{self.stamp.text}&R&P / &N")
        sheet.hide_gridlines(1)
        sheet.protect("", {"format_columns": True, "format_rows": True, "objects": True})
        return sheet

    def _country_and_year(self) -> str:
        country = name_of("area", self.stamp.country, self.language)
        return self.words["template.for"].format(country=country, year=self.stamp.year)

    def _label(self, key: KeyColumn, code: str) -> str:
        """What stands in a key cell; a code that is not offered may have been accepted before."""
        label = self.lists[key.id].get(code)
        if label is None:
            name = {"counterpart_area": "area"}.get(key.concept, key.concept)
            listed = read_codelist(settings.include() / "codelists", name).rows
            label = name_of(name, code, self.language) if code in listed else ""
        return cell_text(code, label)

    # -- the table

    def _table(self, sheet: Any) -> None:
        form, column = self.form, self.column
        self._above(sheet)
        sheet.set_row(_HEADER, 48)
        for header, name in self._headers():
            sheet.write_string(_HEADER, column[name], header, self.formats["header"])
        widest = 0
        for key in form.keys:
            longest = max(map(len, (self._label(key, code) for code in self.lists[key.id])))
            width = min(max(14, longest + 4), 40)
            widest += width
            sheet.set_column(column[key.id], column[key.id], width, self.formats["free"])
        for measure in form.measures:
            kind = "white" if measure.whole else "white_decimals"
            words_of = re.split(r"[ /-]", measure.header.of(self.language))
            width = max(16, 4 + max(map(len, words_of)))
            sheet.set_column(column[measure.id], column[measure.id], width, self.formats[f"{kind}_free"])
            if self.accepted:
                sheet.set_column(column[f"last:{measure.id}"], column[f"last:{measure.id}"], width)
        sheet.set_column(column[KEY_CHECK], column[KEY_CHECK], 14, None, {"hidden": True})
        was = {(one.codes, one.measure): one.text for one in self.accepted}
        for number in range(_FIRST, self.last + 1):
            at = number - _FIRST
            codes = self.rows[at] if at < len(self.rows) else None
            self._row(sheet, number, codes, given=at < len(self.given), was=was)
        self._lists_of_cells(sheet)
        sheet.freeze_panes(_FIRST, len(form.keys) if widest <= 100 else 1)
        sheet.repeat_rows(_HEADER)

    def _above(self, sheet: Any) -> None:
        said, formats = self.words, self.formats
        sheet.write_string(0, 0, f"{self.form.title.of(self.language)} · {self._country_and_year()}", formats["title"])
        sheet.write_string(1, 0, self.stamp.text, formats["stamp"])
        if self.figures is not None:
            sheet.write_string(2, 0, said["template.example"], formats["warning"])
        else:
            hint = said["template.fill"].format(sheet=said["template.sheet.instructions"])
            if self.accepted:
                hint = f"{hint} {said['template.grey'].format(years=self._years())}"
            sheet.write_string(2, 0, hint, formats["hint"])
        if self.sums:
            sheet.write_formula(3, 0, *self._summary())
        elif self.form.sums:
            sheet.write_string(3, 0, said["template.check.long"], formats["hint"])

    def _years(self) -> str:
        """Of which years the last accepted figures are."""
        return ", ".join(map(str, sorted({one.year for one in self.accepted})))

    def _headers(self) -> list[tuple[str, str]]:
        found = [(column.header.of(self.language), column.id) for column in self.form.columns]
        if self.accepted:
            found += [(last_header(measure, self.language), f"last:{measure.id}") for measure in self.form.measures]
        return [*found, (KEY_CHECK, KEY_CHECK)]

    def _row(
        self,
        sheet: Any,
        number: int,
        codes: Keys | None,
        *,
        given: bool,
        was: Mapping[tuple[Keys, str], str],
    ) -> None:
        form, column, formats = self.form, self.column, self.formats
        totals = {}
        for at, key in enumerate(form.keys):
            kind = formats["key" if given else "added"]
            if codes is None:
                sheet.write_blank(number, column[key.id], None, kind)
            else:
                sheet.write_string(number, column[key.id], self._label(key, codes[at]), kind)
                totals[key.id] = codes[at] == TOTAL
        for measure in form.measures:
            text = "" if codes is None or self.figures is None else self.figures.texts.get((codes, measure.id), "")
            kind = "white" if measure.whole else "white_decimals"
            if given and not all(totals[key] for key in measure.undivided):
                text, kind = "", "last"
            _put(sheet, number, column[measure.id], text, formats[kind])
            if self.accepted:
                before = was.get((codes, measure.id), "") if codes is not None else ""
                kind = "last" if measure.whole else "last_decimals"
                _put(sheet, number, column[f"last:{measure.id}"], before, formats[kind])
        if codes is not None and given:
            check = key_check(form.id, self.stamp.country, self.stamp.year, codes)
            sheet.write_string(number, column[KEY_CHECK], check, formats["hidden"])

    def _lists_of_cells(self, sheet: Any) -> None:
        """Drop-downs of the keys, and the bounds of the figures. What is not in them can be written all the same."""
        lists, said = quote_sheetname(self.words["template.sheet.lists"]), self.words
        last = max(_HEADER + _LISTED, self.last)
        for at, key in enumerate(self.form.keys):
            name = xl_col_to_name(at, True)
            sheet.data_validation(
                _FIRST,
                self.column[key.id],
                last,
                self.column[key.id],
                {
                    "validate": "list",
                    "source": f"={lists}!{name}$2:{name}${len(self.lists[key.id]) + 1}",
                    "input_title": key.header.of(self.language)[:_TITLE],
                    "input_message": key.help.of(self.language)[:_MESSAGE],
                    "error_title": said["template.choice.title"],
                    "error_message": said["template.choice.message"],
                    "error_type": "warning",
                },
            )
        for measure in self.form.measures:
            cell = xl_rowcol_to_cell(_FIRST, self.column[measure.id])
            low, high = f"{measure.low:.15g}", f"{measure.high:.15g}"
            whole = f",{cell}=INT({cell})" if measure.whole else ""
            symbols = "".join(f',{cell}="{symbol}"' for symbol in SYMBOLS)
            message = said["template.whole.message" if measure.whole else "template.number.message"]
            sheet.data_validation(
                _FIRST,
                self.column[measure.id],
                last,
                self.column[measure.id],
                {
                    "validate": "custom",
                    "value": f"=OR(AND(ISNUMBER({cell}),{cell}>={low},{cell}<={high}{whole}){symbols})",
                    "input_title": measure.header.of(self.language)[:_TITLE],
                    "input_message": measure.help.of(self.language)[:_MESSAGE],
                    "error_title": said["template.number.title"],
                    "error_message": message.format(
                        low=_grouped(measure.low), high=_grouped(measure.high), symbols="  ".join(SYMBOLS)
                    ),
                    "error_type": "warning",
                },
            )

    # -- the check of sums

    def _result_columns(self) -> list[tuple[int, Sum, Measure]]:
        """Column of each sum; what the check says of it stands in the next one."""
        first = len(self.form.keys)
        return [(first + 2 * at, one, measure) for at, (one, measure) in enumerate(self.sums)]

    def _summary(self) -> tuple[str, Any, str]:
        said, name = self.words, quote_sheetname(self.words["template.sheet.check"])
        first, last = len(self.form.keys), len(self.form.keys) + 2 * len(self.sums) - 1
        area = f"{name}!{xl_col_to_name(first, True)}${_FIRST + 1}:{xl_col_to_name(last, True)}${self.last + 1}"
        count = f"COUNTIF({area},{_quoted(said['template.differs'])})"
        before, after = (
            said["template.sums.differ"].format(count="\0", sheet=self.words["template.sheet.check"]).split("\0")
        )
        formula = f"=IF({count}=0,{_quoted(said['template.sums.ok'])},{_quoted(before)}&{count}&{_quoted(after)})"
        return formula, self.formats["hint"], said["template.sums.ok"]

    def _check(self, sheet: Any) -> None:
        form, formats, said = self.form, self.formats, self.words
        sheet.write_string(0, 0, said["template.sheet.check"], formats["title"])
        sheet.write_string(1, 0, said["template.check.note"], formats["hint"])
        sheet.set_row(_HEADER, 64)
        for at, key in enumerate(form.keys):
            sheet.set_column(at, at, 22)
            sheet.write_string(_HEADER, at, key.header.of(self.language), formats["header"])
        for at, one, measure in self._result_columns():
            names = {
                "header": measure.header.of(self.language),
                "column": form.column(one.column).header.of(self.language),
            }
            sheet.set_column(at, at + 1, 16)
            sheet.write_string(_HEADER, at, said["template.check.sum"].format(**names), formats["header"])
            sheet.write_string(_HEADER, at + 1, said["template.check.result"].format(**names), formats["header"])
        figures = self.figures or Figures()
        for number in range(_FIRST, self.last + 1):
            at = number - _FIRST
            self._check_row(sheet, number, self.rows[at] if at < len(self.rows) else None, figures)
        for text, kind in (("template.differs", "bad"), ("template.ok", "good")):
            sheet.conditional_format(
                _FIRST,
                len(form.keys),
                self.last,
                len(form.keys) + 2 * len(self.sums) - 1,
                {"type": "cell", "criteria": "==", "value": _quoted(said[text]), "format": formats[kind]},
            )
        sheet.freeze_panes(_FIRST, 1)
        sheet.repeat_rows(_HEADER)

    def _check_row(self, sheet: Any, number: int, codes: Keys | None, figures: Figures) -> None:
        """One row of the check: formulas, and what they give of the figures that are there already."""
        form, said = self.form, self.words
        data = quote_sheetname(form.sheet.of(self.language))

        def column(name: str) -> str:
            letters = xl_col_to_name(self.column[name], True)
            return f"{data}!{letters}${_FIRST + 1}:{letters}${self.last + 1 + _BEYOND}"

        for at, key in enumerate(form.keys):
            held = f'=INDEX({column(key.id)},ROW()-{_FIRST})&""'
            text = "" if codes is None else self._label(key, codes[at])
            sheet.write_formula(number, at, held, self.formats["held"], text)
        for at, one, measure in self._result_columns():
            total, parts, known = self._formulas(one, measure, number, column)
            added, figure = xl_rowcol_to_cell(number, at), f"INDEX({column(measure.id)},ROW()-{_FIRST})"
            complete = f"OR({known}={len(one.parts)},{added}-{figure}>0)" if one.parts is not None else "TRUE"
            found = None if codes is None else checked(one, measure, form, codes, figures)
            sums = "" if found is None else found.total
            result = (
                ""
                if found is None or found.differs is None
                else said["template.differs" if found.differs else "template.ok"]
            )
            sheet.write_formula(
                number, at, f'=IF(AND({total},ISNUMBER({figure}),{known}>0),{parts},"")', self.formats["number"], sums
            )
            sheet.write_formula(
                number,
                at + 1,
                f'=IF({added}="","",IF(ABS({added}-{figure})<={one.tolerance:.15g},{_quoted(said["template.ok"])},'
                f'IF({complete},{_quoted(said["template.differs"])},"")))',
                self.formats["plain"],
                result,
            )

    def _formulas(self, one: Sum, measure: Measure, number: int, column: Callable[[str], str]) -> tuple[str, str, str]:
        """Of one row: whether it is a total, what its parts add up to, and how many of them have a number."""
        form, same, own, key = self.form, "", "", form_key(self.form, one.column)
        for at, other in enumerate(form.keys):
            cell = f"${xl_col_to_name(at)}{number + 1}"
            if other.id == one.column:
                own = cell
            else:
                same += f",{column(other.id)},{cell}"
        total = _quoted(self._label(key, one.total))
        wanted = (
            "{" + ",".join(_quoted(self._label(key, part)) for part in one.parts) + "}"
            if one.parts is not None
            else _quoted(f"<>{self._label(key, one.total)}")
        )
        criteria = f"{same},{column(one.column)},{wanted}"
        return (
            f"{own}={total}",
            f"SUMPRODUCT(SUMIFS({column(measure.id)}{criteria}))",
            f'SUMPRODUCT(COUNTIFS({column(measure.id)},">=-1E+99"{criteria}))',
        )

    # -- lists and instructions

    def _lists(self, sheet: Any) -> None:
        for at, key in enumerate(self.form.keys):
            texts = [cell_text(code, label) for code, label in self.lists[key.id].items()]
            sheet.set_column(at, at, min(max(16, *map(len, texts)), 60))
            sheet.write_string(0, at, f"list:{key.id}", self.formats["header"])
            for number, text in enumerate(texts, start=1):
                sheet.write_string(number, at, text, self.formats["code"])
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)

    def _instructions(self, sheet: Any) -> None:
        form, said, language = self.form, self.words, self.language
        widths = (34, 84, 22, 26)
        for at, width in enumerate(widths):
            sheet.set_column(at, at, width)
        sheet.write_string(0, 0, form.title.of(language), self.formats["title"])
        sheet.write_string(1, 0, self._country_and_year(), self.formats["hint"])
        if self.figures is not None:
            sheet.write_string(2, 0, said["template.example"], self.formats["warning"])
        number = 4
        for heading, lines in self._sections():
            sheet.write_string(number, 0, said[heading], self.formats["heading"])
            number += 1
            for line in lines:
                cells = line if len(line) > 1 else ("", *line)
                # LibreOffice does not make a row higher by itself
                sheet.set_row(
                    number, 15 * max(ceil(len(text) / width) for text, width in zip(cells, widths, strict=False))
                )
                for at, text in enumerate(cells):
                    kind = "strong" if len(line) > 2 and (at == 0 or line is lines[0]) else "text"
                    sheet.write_string(number, at, text, self.formats[kind])
                number += 1
            number += 1

    def _sections(self) -> list[tuple[str, list[tuple[str, ...]]]]:
        form, said, language = self.form, self.words, self.language
        table = form.sheet.of(language)
        steps = ["template.step.fill", "template.step.add", "template.step.unknown", "template.step.total"]
        if self.sums:
            steps.append("template.step.check")
        texts = [
            said[step].format(sheet=said["template.sheet.check"] if step == "template.step.check" else table)
            for step in (*steps, "template.step.send")
        ]
        columns = [tuple(said[f"template.column.{name}"] for name in ("name", "help", "unit", "empty"))]
        for column in form.columns:
            if isinstance(column, KeyColumn):
                unit, empty = said["template.column.code"], said["template.column.never"]
            else:
                unit = unit_of(column, language)
                empty = said["template.column.symbol" if column.required else "template.column.free"]
            columns.append((column.header.of(language), column.help.of(language), unit, empty))
        meanings = ("available", "applicable", "withheld")
        symbols = [(s, said[f"template.symbol.{m}"]) for s, m in zip(SYMBOLS, meanings, strict=True)]
        about = [
            (said["template.form"], f"{form.title.of(language)} ({form.id})"),
            (said["template.version"], str(form.version)),
            (said["template.country"], cell_text(self.stamp.country, name_of("area", self.stamp.country, language))),
            (said["template.year"], str(self.stamp.year)),
        ]
        return [
            ("template.how.purpose", [(form.purpose.of(language),)]),
            ("template.how.steps", [(str(at), text) for at, text in enumerate(texts, start=1)]),
            ("template.how.columns", columns),
            ("template.how.symbols", [*symbols, ("0", said["template.symbol.zero"])]),
            *self._of_earlier(),
            ("template.how.ask", [(text,) for text in (said["template.ask"], self.contact) if text]),
            ("template.how.form", [*about, (said["template.protected"],)]),
        ]

    def _of_earlier(self) -> list[tuple[str, list[tuple[str, ...]]]]:
        """What the instructions say of the last accepted figures; nothing in an example, whose figures are invented."""
        if self.figures is not None:
            return []
        kind = "shown" if self.accepted else "none" if self.looked else "unknown"
        text = self.words[f"template.earlier.{kind}"].format(years=self._years())
        return [("template.how.earlier", [(text,)])]


def form_key(form: Form, column_id: str) -> KeyColumn:
    """The key column with this id."""
    return next(key for key in form.keys if key.id == column_id)


def unit_of(measure: Measure, language: str) -> str:
    """The unit of a measure's indicator."""
    indicators = read_codelist(settings.include() / "codelists", "indicator").rows
    return name_of("unit", indicators[measure.indicator]["unit"], language)


def _put(sheet: Any, row: int, column: int, text: str, kind: Any) -> None:
    number = _number(text)
    if number is not None:
        sheet.write_number(row, column, int(text) if "." not in text else number, kind)
    elif text:
        sheet.write_string(row, column, text, kind)
    else:
        sheet.write_blank(row, column, None, kind)


def _quoted(text: str) -> str:
    """A text in a formula."""
    return '"' + text.replace('"', '""') + '"'


def _grouped(number: float) -> str:
    return f"{number:,.0f}".replace(",", "\u00a0")


def _formats(book: Any, *, right_to_left: bool) -> dict[str, Any]:
    """Formats by name. What is not white is locked; texts are marked as texts, so that nobody's edit runs them."""
    grey, line, dark = "#F2F2F2", "#BFBFBF", "#1F4E79"
    text: dict[str, Any] = {"quote_prefix": True, "valign": "top", **({"reading_order": 2} if right_to_left else {})}
    code = {"reading_order": 1, "align": "right"} if right_to_left else {}
    key = {**code, "border": 1, "border_color": line, "valign": "vcenter"}
    number = {"border": 1, "border_color": line, "valign": "vcenter", "align": "right"}
    last = {**number, "bg_color": grey, "font_color": "#7F7F7F", "italic": True}
    whole, decimals = "#,##0", "#,##0.###"
    declared = {
        "title": {**text, "bold": True, "font_size": 14},
        "stamp": {**text, "font_color": "#A6A6A6", "font_size": 8, "reading_order": 1},
        "hidden": {"num_format": ";;;"},
        "hint": {**text, "font_color": "#595959"},
        "warning": {**text, "bold": True, "font_color": "#C00000"},
        "heading": {**text, "bold": True, "font_size": 12, "font_color": dark},
        "strong": {**text, "bold": True, "text_wrap": True},
        "text": {**text, "text_wrap": True},
        "header": {
            **text,
            "bold": True,
            "text_wrap": True,
            "align": "center",
            "valign": "vcenter",
            "border": 1,
            "bg_color": dark,
            "font_color": "#FFFFFF",
        },
        "key": {**key, "quote_prefix": True, "bg_color": grey},
        "added": {**key, "locked": False},
        "free": {"locked": False},
        "white": {**number, "locked": False, "num_format": whole},
        "white_decimals": {**number, "locked": False, "num_format": decimals},
        "white_free": {"locked": False, "num_format": whole},
        "white_decimals_free": {"locked": False, "num_format": decimals},
        "last": {**last, "num_format": whole},
        "last_decimals": {**last, "num_format": decimals},
        "code": {**code, "quote_prefix": True},
        "held": {**code, "font_color": "#595959"},
        "plain": {"font_color": "#595959"},
        "number": {"font_color": "#595959", "num_format": "#,##0.###"},
        "bad": {"bg_color": "#F8CBAD", "bold": True},
        "good": {"bg_color": "#E2EFDA"},
    }
    return {name: book.add_format(kind) for name, kind in declared.items()}
