"""From the cells of a file to the figures of a form: what each row and cell is, and what is wrong with it.

Every cell of the table is a figure, is refused with a finding, or is explained; nothing is guessed or left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from ftfy import fix_encoding
from ftfy.badness import is_bad

from migstats.names import LANGUAGES
from migstats.uploads import sums
from migstats.uploads.contract import Form, KeyColumn, Measure
from migstats.uploads.finding import Finding, in_order
from migstats.uploads.formats import Formats, canonical
from migstats.uploads.formats import year as year_of
from migstats.uploads.grid import Cell, Grid, address, letters
from migstats.uploads.identity import identity
from migstats.uploads.keys import Key, Keys, Scope
from migstats.uploads.microdata import microdata
from migstats.uploads.rows import Kind, bare_mark, kind_of_row, notes_below, unseen
from migstats.uploads.sheet_layout import key_check
from migstats.uploads.sums import Row
from migstats.uploads.table import LONGEST, Headers, Table, find
from migstats.uploads.understood import Figures, Preview, Total, Understood, keys_of, nothing, unit_of
from migstats.uploads.understood import canonical as table_of
from migstats.uploads.value import Value, Values

#: How many rows the preview shows.
_FIRST: Final = 10
#: From how many different units of another country on, and no unit of its own, a file is that country's.
_ELSEWHERE: Final = 2


def understand(
    form: Form,
    grid: Grid,
    country: str,
    year: int,
    formats: Formats,
    *,
    language: str,
    accepted: Collection[tuple[str, ...]] | None = None,
) -> Understood:
    """What a file says that was sent as this form of this country (ISO 3166-1 alpha-3) and year.

    `formats` says how the country writes, `language` in which language the findings name codes; `accepted` what the
    figures of the last accepted submission were about (`understood.keys_of`). Pure but for the codelists.
    """
    headers = Headers(form, language)
    persons = microdata(grid, headers)
    if persons is not None:
        return nothing(form, country, year, [persons])
    findings = list(identity(form, grid, country, year))
    names = [sheet.name for sheet in grid.sheets]
    if any(finding.weight == "refused" for finding in findings):
        return nothing(form, country, year, in_order(findings, names))
    found = find(headers, grid)
    findings += found.findings
    if found.table is None:
        return nothing(form, country, year, in_order(findings, names))
    languages = tuple(dict.fromkeys((language, *formats.languages, *LANGUAGES)))
    reading = _Reading(form, found.table, Scope(country, year, languages), formats, typed=grid.kind != "csv")
    reading.read(headers)
    findings = [f for f in findings if f.code != "extra_column" or f.column not in reading.beside]
    if reading.refusal is not None:
        return nothing(form, country, year, in_order([*findings, reading.refusal], names))
    understood = reading.understood(findings, names)
    if accepted is None:
        return understood
    return _held_against(understood, accepted, names)


def _held_against(understood: Understood, accepted: Collection[tuple[str, ...]], names: Sequence[str]) -> Understood:
    """With the question of rows that were in the last accepted submission and are not in this one."""
    gone = sorted(set(accepted) - keys_of(table_of(understood)))
    if not gone:
        return understood
    words = {"count": str(len(gone)), "first": "; ".join(" ".join(key) for key in gone[:3])}
    found = Finding("removed_rows", understood.preview.sheet, words=words)
    return replace(understood, findings=in_order([*understood.findings, found], names))


@dataclass
class _Reading:
    """The table of one file while it is read."""

    form: Form
    table: Table
    scope: Scope
    formats: Formats
    typed: bool
    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    explained: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    refusal: Finding | None = None
    #: Columns that say of which country or year a row is.
    beside: dict[int, str] = field(default_factory=dict)
    totals: list[tuple[int, dict[str, Value]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    last: int = 0
    #: Rows of which it was said that they are a part of merged cells.
    told: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        areas = {"concept": "counterpart_area", "allowed": None}
        self.areas = Keys(self.form.keys[0].model_copy(update=areas), self.scope)

    def read(self, headers: Headers) -> None:
        """Understand every row below the header."""
        table, form = self.table, self.form
        self.sheet = table.sheet.name
        self.key_columns = [(column, table.columns[column.id]) for column in form.keys]
        self.measures = [(column, table.columns[column.id]) for column in form.measures if column.id in table.columns]
        numbers = {number for _, number in (*self.key_columns, *self.measures)}
        below = {row: cells for row, cells in table.rows.items() if row > table.header[1]}
        self.last = max((row for row, cells in below.items() if not numbers.isdisjoint(cells)), default=table.header[1])
        self._look_beside(headers, below)
        if self.refusal is not None:
            return
        self._prepare(below)
        merged = self._merged(numbers)
        figures_end = max((row for row, cells in below.items() if any(n in cells for _, n in self.measures)), default=0)
        for row, cells in below.items():
            if row > self.last:
                if any(number not in table.own for number in cells):
                    self._note(row, cells)
                continue
            kind = kind_of_row(
                row, cells, table, self.key_columns, self.measures, self.keys, after_figures=row > figures_end
            )
            self._row(kind, row, cells, merged)
        width = len(self.measures)
        self.explained["blank"] += (self.last - table.header[1] - sum(row <= self.last for row in below)) * width
        self._elsewhere()
        self._hidden()

    # -- before the rows ----------------------------------------------------------------------------------------

    def _prepare(self, below: Mapping[int, Mapping[int, Cell]]) -> None:
        self.keys = {column.id: Keys(column, self.scope) for column, _ in self.key_columns}
        for column, number in self.key_columns:
            self.keys[column.id].beside({cells[number].text for cells in below.values() if number in cells})
        self.values = {}
        for measure, number in self.measures:
            texts = [cells[number].text for cells in below.values() if number in cells and cells[number].kind == "text"]
            self.values[measure.id] = Values(
                measure, unit_of(self.form, measure), self.formats, texts, typed=self.typed
            )

    def _look_beside(self, headers: Headers, below: Mapping[int, Mapping[int, Cell]]) -> None:
        """Columns that say of which country and year each row is: they may not say another than the submission's."""
        for number, text in self.table.extra.items():
            kind = "country" if headers.is_country(text) else "period" if headers.is_period(text) else ""
            cells = [cells[number] for cells in below.values() if number in cells]
            if not kind or not cells:
                continue
            self.beside[number] = kind
            said = {cell.text: self._of_submission(kind, cell) for cell in cells}
            if not any(said.values()):
                row = next(row for row, found in below.items() if number in found)
                code = "wrong_country" if kind == "country" else "wrong_period"
                if kind == "country" and all(self._area(cell) == "" for cell in cells):
                    code = "no_table"
                expected = self.scope.country if kind == "country" else str(self.scope.year)
                words = {"expected": expected, "found": cells[0].text}
                self.refusal = Finding(code, self.sheet, row, number, cells[0].text, words)

    def _of_submission(self, kind: str, cell: Cell) -> bool:
        if kind == "period":
            return year_of(cell.text) == self.scope.year
        return self._area(cell) == self.scope.country

    def _area(self, cell: Cell) -> str:
        return self.areas.of(cell).code

    def _merged(self, numbers: Collection[int]) -> dict[int, tuple[int, int]]:
        """Row → first cell of the merged cells of the table that it is a part of."""
        found: dict[int, tuple[int, int]] = {}
        for top, left, bottom, right in self.table.sheet.merged:
            if top > self.table.header[1] and any(left <= number <= right for number in numbers):
                found.update(dict.fromkeys(range(top, min(bottom, self.last) + 1), (top, left)))
        return found

    # -- rows ---------------------------------------------------------------------------------------------------

    def _row(self, kind: Kind, row: int, cells: Mapping[int, Cell], merged: Mapping[int, tuple[int, int]]) -> None:
        width = len(self.measures)
        if kind in ("blank", "unfilled"):
            self.explained["blank"] += width
        elif kind == "header":
            self.explained["header_or_note"] += width
        elif kind == "note":
            self.explained["header_or_note"] += width
            self._note(row, cells)
        elif row in merged:
            self._refuse(cells)
            if row not in self.told:
                top, left = merged[row]
                self._say("merged_cells", top, left, self.table.rows.get(top, {}).get(left))
                self.told.update(at for at, where in merged.items() if where == merged[row])
        elif kind == "total":
            self._total(row, cells)
        else:
            self._figures(row, cells)

    def _note(self, row: int, cells: Mapping[int, Cell]) -> None:
        column, cell = min(cells.items())
        if "@" in cell.text:  # whom to ask: not to be kept
            self._say("note_below", row, column, None)
            return
        self.notes.append(" ".join(cell.text.split()))
        self._say("note_below", row, column, cell)
        if is_bad(cell.text[:LONGEST]):
            self._say("mojibake", row, column, cell, {"could_mean": fix_encoding(cell.text[:LONGEST])})

    def _refuse(self, cells: Mapping[int, Cell]) -> None:
        there = sum(number in cells for _, number in self.measures)
        self.refused += there
        self.explained["blank"] += len(self.measures) - there

    def _total(self, row: int, cells: Mapping[int, Cell]) -> None:
        column, cell = next((n, cells[n]) for _, n in self.key_columns if n in cells)
        self._say("totals_row", row, column, cell)
        said = {}
        for measure, number in self.measures:
            if number in cells:
                self.explained["declared_ignored"] += 1
                said[measure.id] = self.values[measure.id].of(cells[number])
            else:
                self.explained["blank"] += 1
        self.totals.append((row, said))

    def _figures(self, row: int, cells: Mapping[int, Cell]) -> None:
        asked = self.key_columns
        if not any(number in cells for _, number in asked):
            asked = asked[:1]  # that no key is there is said once
        found = [self._key(row, number, column, cells.get(number)) for column, number in asked]
        fine = all(key.found for key in found)
        codes = tuple(key.code for key in found)
        for number, kind in self.beside.items():
            cell = cells.get(number)
            if cell is not None and not self._of_submission(kind, cell):
                expected = self.scope.country if kind == "country" else str(self.scope.year)
                code = "other_country" if kind == "country" else "bad_period"
                self._say(code, row, number, cell, {"expected": expected})
                fine = False
        if fine and self.table.check and (check := cells.get(self.table.check)) is not None:
            expected = key_check(self.form.id, self.scope.country, self.scope.year, codes)
            if check.text.strip() != expected:
                number = self.key_columns[0][1]
                self._say("key_changed", row, number, cells.get(number))
                fine = False
        if not fine:
            self._refuse(cells)
            return
        values: dict[str, Value] = {}
        ids = [column.id for column, _ in self.key_columns]
        for measure, number in self.measures:
            value = self._value(row, number, measure, cells.get(number), dict(zip(ids, codes, strict=True)))
            if value is not None:
                values[measure.id] = value
        named = next((cells[n].text for column, n in self.key_columns if column.concept == "subdivision"), "")
        name = " ".join(named.split())
        self.rows.append(Row(row, codes, values, {m.id: cells[n].text for m, n in self.measures if n in cells}, name))

    def _key(self, row: int, number: int, column: KeyColumn, cell: Cell | None) -> Key:
        if cell is None:
            self._say("empty_key", row, number, None, {"header": self.table.headers[column.id]})
            return Key()
        key = self.keys[column.id].of(cell)
        if key.found:
            if unseen(cell.text):
                self._say("text_cleaned", row, number, cell)
            return key
        if key.problem in ("unknown_code", "not_in_list") and is_bad(cell.text):
            self._say("mojibake", row, number, cell, {"could_mean": fix_encoding(cell.text[:LONGEST])})
        else:
            self._say(key.problem, row, number, cell, key.words)
        return key

    def _value(
        self, row: int, number: int, measure: Measure, cell: Cell | None, codes: Mapping[str, str]
    ) -> Value | None:
        """What a cell of figures says; None where it is empty or refused, which is counted."""
        divided = any(codes[column] != "_T" for column in measure.undivided)
        if cell is not None and divided:
            said = self.values[measure.id].of(cell)
            if said.value is None and not said.problem:  # a symbol: as much as an empty cell
                self.explained["declared_ignored"] += 1
                return None
            self._say("undivided", row, number, cell)
            self.refused += 1
            return None
        if cell is None:
            if measure.required and not divided:
                self._say("missing_figure", row, number, None)
                self.refused += 1
            else:
                self.explained["blank"] += 1
            return None
        value = self.values[measure.id].of(cell)
        if value.problem or measure.id in self.table.scaled:
            self.refused += 1
            if value.problem:
                self._say(value.problem, row, number, cell, value.words)
            return None
        for code in value.notices:
            self._say(code, row, number, cell)
        return value

    def _say(self, code: str, row: int, column: int, cell: Cell | None, words: Mapping[str, str] | None = None) -> None:
        seen = "" if cell is None else cell.text + cell.raised
        self.findings.append(Finding(code, self.sheet, row, column, seen, words or {}))

    # -- after the rows -----------------------------------------------------------------------------------------

    def _elsewhere(self) -> None:
        """A file of which all units are those of one other country was sent for the wrong one."""
        for column, number in self.key_columns:
            if column.concept != "subdivision":
                continue
            known = self.keys[column.id].understood()
            areas = {key.area for key in known if key.problem == "other_country"}
            own = any(key.found and not key.code.startswith("_") for key in known)
            others = sum(key.problem == "other_country" for key in known)
            if len(areas) == 1 and not own and others >= _ELSEWHERE:
                first = next(f for f in self.findings if f.code == "other_country" and f.column == number)
                words = {"expected": self.scope.country, "found": areas.pop()}
                self.refusal = Finding("wrong_country", self.sheet, first.row, number, first.seen, words)

    def _hidden(self) -> None:
        """Figures in hidden rows and columns are taken, and asked about."""
        sheet = self.table.sheet
        rows = sorted(row.number for row in self.rows if row.number in sheet.hidden_rows and row.values)
        for first, last in _runs(rows):
            words = {"row": str(first)} if first == last else {"rows": f"{first}-{last}"}
            self.findings.append(Finding("hidden_cells", self.sheet, first, 0, words=words))
        for measure, number in self.measures:
            if number in sheet.hidden_columns and any(measure.id in row.values for row in self.rows):
                words = {"columns": letters(number)}
                self.findings.append(Finding("hidden_cells", self.sheet, self.table.header[0], number, words=words))
        for column, number in self.key_columns:
            if number in sheet.hidden_columns and self.rows:
                words = {"columns": letters(number)}
                text = self.table.headers[column.id]
                self.findings.append(Finding("hidden_cells", self.sheet, self.table.header[0], number, text, words))

    def understood(self, findings: Sequence[Finding], names: Sequence[str]) -> Understood:
        """What was understood, with the checks of rows against each other."""
        where = {**self.table.columns}
        kept, said, twice, repeated = sums.without_duplicates(self.rows, self.sheet, where)
        self.findings += said
        self.refused += twice
        self.explained["identical_duplicate"] += repeated
        self.findings += sums.checked(self.form, kept, self.sheet, where)
        self.findings += sums.totals_rows(self.form, kept, self.totals, self.sheet, where)
        if not kept and not self.refused:
            self.findings.append(Finding("no_figures", self.sheet, self.table.header[0]))
        figures = self._columns(kept)
        cells = (self.last - self.table.header[1]) * len(self.measures)
        return Understood(
            self.form,
            self.scope.country,
            str(self.scope.year),
            figures,
            in_order([*findings, *self.findings], names),
            cells,
            self.refused,
            {reason: count for reason, count in sorted(self.explained.items()) if count},
            self._preview(kept),
        )

    def _columns(self, rows: Sequence[Row]) -> Figures:
        told = [(row, measure, number) for row in rows for measure, number in self.measures if measure.id in row.values]
        values = [row.values[measure.id] for row, measure, _ in told]
        below = notes_below(self.notes)
        return Figures(
            {column.concept: [row.codes[at] for row, _, _ in told] for at, (column, _) in enumerate(self.key_columns)},
            [row.name for row, _, _ in told],
            [measure.id for _, measure, _ in told],
            [measure.indicator for _, measure, _ in told],
            [value.value for value in values],
            [value.obs_status for value in values],
            [value.conf_status for value in values],
            [value.missing_reason for value in values],
            [below.get(bare_mark(value.note), value.note) for value in values],
            [self.sheet] * len(told),
            [address(row.number, number) for row, _, number in told],
            [row.raw[measure.id] for row, measure, _ in told],
        )

    def _preview(self, rows: Sequence[Row]) -> Preview:
        columns = {
            column: f"{letters(self.table.columns[column])} · {self.table.headers[column]}"
            for column in (c.id for c in self.form.columns)
            if column in self.table.columns
        }
        first = []
        for row in rows[:_FIRST]:
            labels = {
                column.id: f"{code} · {self.keys[column.id].label(code)}"
                for (column, _), code in zip(self.key_columns, row.codes, strict=True)
            }
            figures = {
                name: value.obs_status if value.value is None else value.value for name, value in row.values.items()
            }
            first.append({"row": str(row.number), **labels, **figures})
        totals = [self._total_of(measure, rows) for measure, _ in self.measures]
        return Preview(
            self.sheet,
            self.table.header[0],
            self.table.language,
            columns,
            first,
            totals,
            self.formats.decimal,
            self.formats.group,
        )

    def _total_of(self, measure: Measure, rows: Sequence[Row]) -> Total:
        said = [(row.codes, row.values[measure.id]) for row in rows if measure.id in row.values]
        figures = [(codes, Decimal(value.value)) for codes, value in said if value.value is not None]
        whole = [figure for codes, figure in figures if all(code == "_T" for code in codes)]
        total = canonical(whole[0]) if len(whole) == 1 else None
        return Total(
            measure.id,
            len(figures),
            len(said) - len(figures),
            total,
            canonical(sum((f for _, f in figures), Decimal(0))),
        )


def _runs(rows: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of numbers that follow each other."""
    first = last = 0
    for row in rows:
        if last and row == last + 1:
            last = row
            continue
        if last:
            yield first, last
        first = last = row
    if last:
        yield first, last
