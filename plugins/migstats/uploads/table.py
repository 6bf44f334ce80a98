"""Where the table of a form is in a file: its sheet, its header row, and which column is what.

It is found by the texts of its header, in any of the five languages, and never by its position. What cannot be told is
refused: a column is never shifted.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ftfy import fix_encoding
from ftfy.badness import is_bad

from migstats import names
from migstats.names import LANGUAGES, normal
from migstats.uploads.contract import Form, Measure
from migstats.uploads.finding import Finding
from migstats.uploads.formats import scaled_by_title, year
from migstats.uploads.grid import Cell, Grid, Sheet, address
from migstats.uploads.sheet_layout import KEY_CHECK, own_headers, own_sheets
from migstats.uploads.vocabulary import vocabulary

#: No header, label or figure is longer. What is longer is not searched: a file may be made to take for ever.
LONGEST: Final = 300

#: How many rows from the first with a text the header is looked for in.
_DEEP: Final = 200


@dataclass(frozen=True)
class Table:
    """A table that was found."""

    sheet: Sheet
    #: First and last row of the header.
    header: tuple[int, int]
    #: Column id of the form → its number.
    columns: Mapping[str, int]
    #: Column id → the header as it stands there.
    headers: Mapping[str, str]
    #: Number → header of columns that the form does not know.
    extra: Mapping[int, str]
    #: The hidden column of the template, 0 where there is none.
    check: int = 0
    #: Columns of the template that hold no figures of the submission.
    own: frozenset[int] = frozenset()
    language: str = ""
    #: Measures whose header or title says thousands or millions.
    scaled: frozenset[str] = frozenset()
    #: All cells by row.
    rows: Mapping[int, Mapping[int, Cell]] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What was found in a file: its table, and what is to be said of it. Without a table it is refused."""

    table: Table | None
    findings: tuple[Finding, ...]


class Headers:
    """The header texts of a form in their normal form."""

    def __init__(self, form: Form, language: str) -> None:
        """`language` is that of the official, in which columns are named."""
        self.form, self.language = form, language
        self.exact: dict[str, dict[str, str]] = {at: {} for at in LANGUAGES}
        self.also: dict[str, dict[str, str]] = {at: {} for at in LANGUAGES}
        for at in LANGUAGES:
            for column in form.columns:
                self.exact[at][normal(column.header.of(at), at)] = column.id
                for text in (column.id, *column.also):
                    self.also[at].setdefault(normal(text, at), column.id)
        self.own = {normal(text, at) for text in own_headers(form) for at in LANGUAGES}
        kinds = ["country"] + ["any_country"] * all(key.concept != "counterpart_area" for key in form.keys)
        self.country = {normal(text, at) for kind in kinds for text in vocabulary(kind) for at in LANGUAGES}
        self.period = {normal(text, at) for text in vocabulary("period") for at in LANGUAGES}

    def column_of(self, text: str) -> tuple[str, Sequence[str]]:
        """The column that a text heads ("": none), and in which languages it is the header of the contract."""
        forms = normals(text)
        found = {at: self.exact[at][forms[at]] for at in LANGUAGES if forms[at] in self.exact[at]}
        if found:
            column = found.get(self.language, next(iter(found.values())))
            return column, [at for at, one in found.items() if one == column]
        return next((self.also[at][forms[at]] for at in LANGUAGES if forms[at] in self.also[at]), ""), ()

    def is_own(self, text: str) -> bool:
        """Whether the template itself heads a column so that holds no figures of the submission."""
        return not self.own.isdisjoint(normals(text).values())

    def is_country(self, text: str) -> bool:
        """Whether a column headed so says of which country a row is."""
        return not self.country.isdisjoint(normals(text).values())

    def is_period(self, text: str) -> bool:
        """Whether a column headed so says of which year a row is."""
        return not self.period.isdisjoint(normals(text).values())

    def nearest(self, text: str, missing: Sequence[str]) -> str:
        """The missing column whose header is near to a text; only ever shown."""
        names = {
            normal(self.form.column(column).header.of(language), language): column
            for column in missing
            for language in LANGUAGES
        }
        close = difflib.get_close_matches(normal(text[:80], "en"), names, n=1, cutoff=0.75)
        return names[close[0]] if close else ""


def normals(text: str) -> Mapping[str, str]:
    """A header in its normal form in each language, without the marks that stand behind headers.

    Of a text that is too long for one only its beginning is looked at.
    """
    return names.normals(" ".join(text[:LONGEST].split()).rstrip(" :*：").strip())


def find(headers: Headers, grid: Grid) -> Found:
    """The one table of the form in a file. Hidden sheets are never taken."""
    form, language = headers.form, headers.language
    own = {normal(name, language) for name in own_sheets() for language in LANGUAGES}
    named = {normal(form.sheet.of(at), at) for at in LANGUAGES}
    sheets = [sheet for sheet in grid.sheets if own.isdisjoint(normals(sheet.name).values())]
    looked = {sheet.name: _in_sheet(headers, sheet) for sheet in sheets}
    notes = [Finding("hidden_sheet", sheet.name) for sheet in sheets if sheet.hidden and _has_numbers(sheet)]
    shown = [sheet for sheet in sheets if not sheet.hidden and sheet.cells]
    whole = [sheet for sheet in shown if looked[sheet.name].table is not None]
    called = [sheet for sheet in shown if not named.isdisjoint(normals(sheet.name).values())]
    chosen = [sheet for sheet in whole if sheet in called] or whole
    if len(chosen) > 1:
        said = Finding("no_table", words={"sheets": "; ".join(sheet.name for sheet in chosen)})
        return Found(None, (said, *notes))
    if not chosen:
        return Found(None, (*_why_none(headers, called or shown, looked, language), *notes))
    notes += [Finding("extra_sheet", sheet.name) for sheet in shown if sheet is not chosen[0]]
    found = looked[chosen[0].name]
    return Found(found.table, (*notes, *found.findings, *_of_header(form, found.table, language)))


def _has_numbers(sheet: Sheet) -> bool:
    return any(cell.kind == "number" for cell in sheet.cells.values())


def _why_none(
    headers: Headers, sheets: Sequence[Sheet], looked: Mapping[str, Found], language: str
) -> tuple[Finding, ...]:
    refused = [looked[sheet.name].findings for sheet in sheets if looked[sheet.name].findings]
    if refused:
        return min(refused, key=len)
    words = {"header": "; ".join(column.header.of(language) for column in headers.form.columns)}
    return (Finding("no_table", sheets[0].name if len(sheets) == 1 else "", words=words),)


def _of_header(form: Form, table: Table | None, language: str) -> Iterator[Finding]:
    """What is noticed of a header that was understood."""
    if table is None:
        return
    name, row = table.sheet.name, table.header[0]
    order = [table.columns[column.id] for column in form.columns if column.id in table.columns]
    if order != sorted(order):
        yield Finding("columns_moved", name, row)
    if table.language and table.language != language:
        yield Finding("header_other_language", name, row, words={"language": table.language})
    for number, text in table.extra.items():
        yield Finding("extra_column", name, row, number, text)


# -- one sheet --------------------------------------------------------------------------------------------------


def by_row(sheet: Sheet) -> dict[int, dict[int, Cell]]:
    """The cells of a sheet by row, without those that hold blanks alone."""
    rows: dict[int, dict[int, Cell]] = {}
    for (row, column), cell in sheet.cells.items():
        if cell.kind != "text" or not _blank(cell.text):
            rows.setdefault(row, {})[column] = cell
    return dict(sorted(rows.items()))


def _blank(text: str) -> bool:
    return not text or text.isspace() or not text.strip("\u200b\u200c\u200d\u200e\u200f\ufeff\u00ad \t\r\n\u00a0\u202f")


def _in_sheet(headers: Headers, sheet: Sheet) -> Found:
    rows = by_row(sheet)
    best: tuple[int, int] = (0, 0)
    for row in list(rows)[:_DEEP]:
        count = len({headers.column_of(cell.text)[0] for cell in rows[row].values() if cell.kind == "text"} - {""})
        best = max(best, (count, -row))
    count, row = best[0], -best[1]
    if count < min(2, len(headers.form.columns)):
        return Found(None, ())
    at = _header_rows(headers, rows, row)
    return _read_header(headers, sheet, rows, at)


def _header_rows(headers: Headers, rows: Mapping[int, Mapping[int, Cell]], row: int) -> tuple[int, int]:
    """The row with most headers, and the one above or below it where that has those that are missing."""
    here = _columns(headers, rows[row])
    for first, last in ((row, row + 1), (row - 1, row)):
        other = last if first == row else first
        beside = _columns(headers, rows.get(other, {}))
        new = {column: at for column, at in beside.items() if column not in here}
        apart = all(number not in rows.get(last, {}) for number in here.values())
        if new and set(new.values()).isdisjoint(here.values()) and (other == first or apart):
            return first, last
    return row, row


def _columns(headers: Headers, row: Mapping[int, Cell]) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, cell in row.items():
        column, _ = headers.column_of(cell.text) if cell.kind == "text" else ("", ())
        if column:
            found.setdefault(column, number)
    return found


@dataclass
class _Reading:
    """A header while it is read."""

    columns: dict[str, int] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    certain: dict[str, bool] = field(default_factory=dict)
    languages: list[str] = field(default_factory=list)
    extra: dict[int, tuple[int, str]] = field(default_factory=dict)
    own: set[int] = field(default_factory=set)
    scaled: set[str] = field(default_factory=set)
    check: int = 0
    findings: list[Finding] = field(default_factory=list)


def _read_header(headers: Headers, sheet: Sheet, rows: Mapping[int, Mapping[int, Cell]], at: tuple[int, int]) -> Found:
    form, read = headers.form, _Reading()
    for row in range(at[0], at[1] + 1):
        for number, cell in sorted(rows.get(row, {}).items()):
            _take(headers, sheet, read, row, number, cell)
    refused = [finding for finding in read.findings if finding.weight == "refused"]
    refused += _merged(headers, sheet, rows, at, read)
    for number, (row, text) in sorted(read.extra.items()):
        if number in read.columns.values() and not _says_nothing(form, text):
            refused.append(Finding("header_merged", sheet.name, row, number, text))
    years = [(row, n, text) for n, (row, text) in sorted(read.extra.items()) if year(text) is not None]
    missing = [column.id for column in form.columns if column.id not in read.columns and _needed(form, column.id)]
    if years:
        row, number, text = years[0]
        refused.append(Finding("wide_years", sheet.name, row, number, text))
    elif missing and not refused:
        refused += _missing(headers, sheet, at, read, missing)
    if refused:
        merged = [finding for finding in refused if finding.code == "header_merged"]
        return Found(None, (*(f for f in refused if f.code != "header_merged"), *merged[:1]))
    scaled = set(read.scaled)
    notes = [finding for finding in read.findings if finding.weight != "refused"]
    titles = {normal(form.title.of(language), language) for language in LANGUAGES}
    for row in (row for row in rows if row < at[0]):
        for number, cell in rows[row].items():
            if cell.kind == "text" and scaled_by_title(cell.text) and titles.isdisjoint(normals(cell.text).values()):
                notes.append(Finding("unclear_unit", sheet.name, row, number, cell.text))
                scaled = {measure.id for measure in form.measures}
    table = Table(
        sheet,
        at,
        read.columns,
        read.texts,
        {number: text for number, (_, text) in sorted(read.extra.items()) if number not in read.columns.values()},
        read.check,
        frozenset(read.own),
        _most(read.languages, headers.language),
        frozenset(scaled),
        rows,
    )
    return Found(table, tuple(notes))


def _most(languages: Sequence[str], asked: str) -> str:
    """The language of most headers, that of the official where it has as many as another; empty where there is none."""
    return max(set(languages), key=lambda at: (languages.count(at), at == asked, at), default="")


def _needed(form: Form, column: str) -> bool:
    found = form.column(column)
    return not isinstance(found, Measure) or found.required


def _take(headers: Headers, sheet: Sheet, read: _Reading, row: int, number: int, cell: Cell) -> None:
    """One cell of the header: which column it heads."""
    column, languages = headers.column_of(cell.text) if cell.kind == "text" else ("", ())
    if headers.is_own(cell.text):
        read.own.add(number)
        if normals(cell.text)["en"] == normal(KEY_CHECK, "en"):
            read.check = number
        return
    bare = cell.text.rsplit("(", 1)[0].strip()
    if not column and bare and scaled_by_title(cell.text):
        column, languages = headers.column_of(bare.rstrip(" ,"))
        if column and isinstance(headers.form.column(column), Measure):
            read.scaled.add(column)
            read.findings.append(Finding("unclear_unit", sheet.name, row, number, cell.text))
    if not column:
        read.extra.setdefault(number, (row, cell.text))
        return
    certain = bool(languages)
    if column in read.columns:
        if read.certain[column] == certain:
            other = address(read.rows[column], read.columns[column])
            read.findings.append(Finding("header_twice", sheet.name, row, number, cell.text, {"other": other}))
            return
        if read.certain[column]:
            read.extra.setdefault(number, (row, cell.text))
            return
        read.extra.setdefault(read.columns[column], (read.rows[column], read.texts[column]))
    read.columns[column], read.texts[column], read.rows[column] = number, cell.text, row
    read.certain[column] = certain
    read.languages += languages


def _merged(
    headers: Headers, sheet: Sheet, rows: Mapping[int, Mapping[int, Cell]], at: tuple[int, int], read: _Reading
) -> Iterator[Finding]:
    """Headers over several columns, and headings above the header that say more of some columns than of others."""
    first_key = min(read.columns.values(), default=1)
    table = set(read.columns.values())
    for top, left, bottom, right in sheet.merged:
        over = rows.get(top, {}).get(left)
        if left == right or over is None or bottom < at[0] - 1 or top > at[1]:
            continue
        inside = at[0] <= top
        if not table.intersection(range(left, right + 1)) or (not inside and left <= first_key):
            continue
        if not inside and _says_nothing(headers.form, over.text):
            continue
        below = [rows.get(bottom + 1, {}).get(column) for column in range(left, right + 1)]
        if any(cell is not None and year(cell.text) is not None for cell in below) and inside:
            yield Finding("wide_years", sheet.name, top, left, over.text)
        elif not inside or at[0] == at[1] or not _says_nothing(headers.form, over.text):
            yield Finding("header_merged", sheet.name, top, left, over.text)
    if at[0] < at[1]:
        for number in sorted(table - set(rows.get(at[0], {}))):
            heading = _heading(sheet, rows.get(at[0], {}), at[0], number)
            if heading is not None and not _says_nothing(headers.form, heading.text):
                yield Finding("header_merged", sheet.name, at[0], number, heading.text)


def _heading(sheet: Sheet, row: Mapping[int, Cell], at: int, number: int) -> Cell | None:
    for top, left, bottom, right in sheet.merged:
        if top <= at <= bottom and left < number <= right:
            return row.get(left)
    return None


def _says_nothing(form: Form, text: str) -> bool:
    """Whether a heading says no more than what holds for the whole form."""
    said = normals(text)
    return any(said[at] in (normal(form.title.of(at), at), normal(form.sheet.of(at), at)) for at in LANGUAGES)


def _missing(
    headers: Headers, sheet: Sheet, at: tuple[int, int], read: _Reading, missing: Sequence[str]
) -> Iterator[Finding]:
    near: dict[str, tuple[int, str]] = {}
    for number, (_, text) in read.extra.items():
        if column := headers.nearest(text, missing):
            near.setdefault(column, (number, text))
    for column in missing:
        number, text = near.get(column, (0, ""))
        words = {"header": headers.form.column(column).header.of(headers.language)}
        yield Finding("header_missing", sheet.name, at[0], number, text, words | ({"nearest": text} if text else {}))
    for number, (row, text) in sorted(read.extra.items()):
        if is_bad(text[:LONGEST]):
            words = {"could_mean": fix_encoding(text[:LONGEST])}
            yield Finding("mojibake", sheet.name, row, number, text, words)
