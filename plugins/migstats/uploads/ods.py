"""OpenDocument spreadsheets (.ods) as cells, from content.xml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from migstats.uploads.archive import Archive, open_archive
from migstats.uploads.finding import Finding, RefusedFileError
from migstats.uploads.formula import reaches_out
from migstats.uploads.gathered import Area, Budget, SheetCells
from migstats.uploads.grid import Cell, Grid, Sheet
from migstats.uploads.limits import Limits
from migstats.uploads.markup import parse
from migstats.uploads.xlsx import exact

_OASIS: Final = "urn:oasis:names:tc:opendocument:xmlns:"
_NAMES: Final = {
    **{f"{_OASIS}{name}:1.0": f"{name}:" for name in ("office", "table", "text", "style", "script", "meta")},
    f"{_OASIS}datastyle:1.0": "number:",
    f"{_OASIS}drawing:1.0": "draw:",
    "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0": "calcext:",
    "http://www.w3.org/1999/xlink": "xlink:",
}
_CONTENT: Final = "content.xml"
#: Elements that run something or reach out, wherever they stand.
_REFUSED: Final = {
    "script:event-listener": "macros",
    "script:libraries": "macros",
    "script:library-linked": "macros",
    "office:dde-source": "active_formula",
    "table:dde-link": "active_formula",
    "text:dde-connection-decl": "active_formula",
    "table:table-source": "external_link",
    "table:cell-range-source": "external_link",
    "table:database-source-sql": "external_link",
    "table:database-source-table": "external_link",
    "table:database-source-query": "external_link",
    "draw:object-ole": "embedded_object",
    "draw:plugin": "embedded_object",
    "draw:applet": "embedded_object",
    "draw:floating-frame": "embedded_object",
}
#: What stands in these is not what the sheet shows: comments, shapes, rows that were deleted.
_ASIDE: Final = frozenset({"office:annotation", "table:tracked-changes", "table:shapes", "office:forms"})
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+)?")
_TIME: Final = re.compile(r"PT([0-9]{1,6})H([0-9]{1,2})M([0-9]{1,2})(?:[.,][0-9]+)?S")
_ERROR: Final = re.compile(r"#[A-Z0-9/!?]+[!?A]|Err:[0-9]{3}")
_OUTSIDE: Final = re.compile(r"(?:[a-z][a-z0-9+.-]+:|//|\.\./|/)", re.IGNORECASE)
#: More rows than any program has.
_MOST_TIMES: Final = 20_000_000
_HYPERLINKS: Final = frozenset({"text:a", "draw:a", "text:bookmark-ref"})


@dataclass
class _Style:
    """What a style says that matters here."""

    shown_as: str = ""
    data: str = ""
    raised: bool = False
    invisible: bool = False


def read(content: bytes, limits: Limits) -> Grid:
    """Every sheet of a spreadsheet in its order, with the cells that hold something.

    Repeated cells and rows are written out, within the bounds. A formula keeps its result; without one it is of kind
    `formula`.
    RefusedFileError: damaged, doctype, far_cell, too_many_cells, long_field, macros, active_formula, external_link,
    embedded_object, empty_file where no cell holds anything.
    """
    archive = open_archive(content, limits)
    budget = Budget(limits)
    body = _Body(budget)
    if archive.has("styles.xml"):
        parse(archive.pieces("styles.xml"), "styles.xml", _NAMES, body.start, body.end, body.text)
    parse(archive.pieces(_CONTENT), _CONTENT, _NAMES, body.start, body.end, body.text)
    if not any(sheet.cells for sheet in body.sheets):
        raise RefusedFileError(Finding("empty_file"))
    return Grid("ods", tuple(body.sheets), _properties(archive))


def _properties(archive: Archive) -> dict[str, str]:
    found: dict[str, str] = {}
    if not archive.has("meta.xml"):
        return found
    name_of = ""
    into: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal name_of
        name_of = attributes.get("meta:name", "") if name == "meta:user-defined" else ""
        into.clear()

    def end(name: str) -> None:
        if name == "meta:user-defined" and name_of and len(found) < 1_000:
            found[name_of] = "".join(into).strip()[:1_000]

    parse(archive.pieces("meta.xml"), "meta.xml", _NAMES, start, end, into.append)
    return found


class _Body:
    """Gathers styles and sheets from the events of the XML."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.sheets: list[Sheet] = []
        self.styles: dict[str, _Style] = {}
        self.data_styles: dict[str, str] = {}
        self.style: _Style | None = None
        self.data_style = ""
        self.parts: list[str] = []
        self.literal: list[str] | None = None
        self.aside = 0
        self.scripts = 0
        # of the sheet
        self.found: SheetCells | None = None
        self.hidden = False
        self.hidden_rows: set[int] = set()
        self.hidden_columns: list[tuple[int, int]] = []
        self.merged: list[Area] = []
        self.column_styles: list[tuple[int, int, str]] = []
        self.columns = self.rows = 0
        # of the row and the cell
        self.row_repeat = self.repeat = 1
        self.row_style = ""
        self.column = 0
        self.row_cells: list[tuple[int, int, Cell]] = []
        self.row_areas: list[tuple[int, int, int]] = []
        self.cell: dict[str, str] | None = None
        self.plain: list[str] = []
        self.raised: list[str] = []
        self.paragraphs = 0
        self.in_paragraph = 0
        self.spans: list[bool] = []

    # --- events ---

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if name in _REFUSED:
            raise RefusedFileError(Finding(_REFUSED[name], self.found.name if self.found else "", self.rows))
        if self.scripts or name in ("office:scripts", "office:event-listeners"):
            self.scripts += 1  # LibreOffice writes an empty frame of them into every file
            if name.startswith("script:"):
                raise RefusedFileError(Finding("macros"))
            return
        link = attributes.get("xlink:href")
        if link and name not in _HYPERLINKS and _OUTSIDE.match(link):
            raise RefusedFileError(Finding("external_link", self.found.name if self.found else "", seen=link[:200]))
        if self.aside or name in _ASIDE or (name.startswith("draw:") and name != "draw:a"):
            self.aside += 1
            return
        if self.cell is not None:
            self._start_in_cell(name, attributes)
        elif name in ("table:table-cell", "table:covered-table-cell"):
            if self.found is not None:
                self._start_cell(attributes)
        elif name == "table:table-row":
            if self.found is not None:
                self._start_row(attributes)
        elif name == "table:table-column":
            self._column(attributes)
        elif name == "table:table":
            self._start_table(attributes)
        else:
            self._start_style(name, attributes)

    def text(self, data: str) -> None:
        """Characters."""
        if self.scripts and data.strip():
            raise RefusedFileError(Finding("macros", seen=data.strip()[:200]))
        if self.aside:
            return
        if self.in_paragraph:
            (self.raised if any(self.spans) else self.plain).append(data)
        elif self.literal is not None:
            self.literal.append(data)

    def end(self, name: str) -> None:
        """An element ends."""
        if self.scripts:
            self.scripts -= 1
        elif self.aside:
            self.aside -= 1
        elif self.cell is not None:
            self._end_in_cell(name)
        elif name == "table:table-row":
            self._end_row()
        elif name == "table:table":
            self._end_table()
        else:
            self._end_style(name)

    # --- sheets, rows, columns ---

    def _start_table(self, attributes: dict[str, str]) -> None:
        if self.found is not None:
            raise self.found.refused("embedded_object", self.rows, 0)  # a table within a table
        self.found = SheetCells(attributes.get("table:name", ""), self.budget)
        if len(self.sheets) >= self.budget.sheets:
            raise RefusedFileError(Finding("too_many_cells", words={"limit": str(self.budget.limits.cells)}))
        style = self.styles.get(attributes.get("table:style-name", ""), _Style())
        self.hidden = style.invisible or attributes.get("table:display") == "false"
        self.hidden_rows, self.hidden_columns, self.merged, self.column_styles = set(), [], [], []
        self.columns = self.rows = 0

    def _end_table(self) -> None:
        if self.found is not None:
            self.sheets.append(
                self.found.done(
                    hidden=self.hidden,
                    hidden_rows=self.hidden_rows,
                    hidden_columns=self.hidden_columns,
                    merged=self.merged,
                )
            )
        self.found = None

    def _column(self, attributes: dict[str, str]) -> None:
        count = _times(attributes, "table:number-columns-repeated")
        first, self.columns = self.columns + 1, self.columns + count
        self.budget.write()
        if attributes.get("table:visibility", "visible") != "visible":
            self.hidden_columns.append((first, self.columns))
        style = attributes.get("table:default-cell-style-name", "")
        if style and len(self.column_styles) < self.budget.limits.columns:
            self.column_styles.append((first, self.columns, style))

    def _start_row(self, attributes: dict[str, str]) -> None:
        self.budget.write()
        self.row_repeat = _times(attributes, "table:number-rows-repeated")
        self.row_style = attributes.get("table:default-cell-style-name", "")
        self.rows += 1
        self.column = 0
        self.row_cells, self.row_areas = [], []
        if attributes.get("table:visibility", "visible") != "visible":
            bound = self.budget.limits.rows
            self.hidden_rows.update(range(self.rows, min(self.rows + self.row_repeat, bound + 1)))

    def _end_row(self) -> None:
        if self.found is None:
            return
        if self.row_cells:
            for row in range(self.rows, self.rows + self.row_repeat):
                for column, count, cell in self.row_cells:
                    for at in range(column, column + count):
                        self.found.put(row, at, cell)
        for left, down, across in self.row_areas:
            self.merged.append((self.rows, left, self.rows + down - 1, left + across - 1))
        self.rows += self.row_repeat - 1

    # --- cells ---

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self.budget.write()
        self.cell = attributes
        self.repeat = _times(attributes, "table:number-columns-repeated")
        self.plain, self.raised, self.spans = [], [], []
        self.paragraphs = self.in_paragraph = 0

    def _start_in_cell(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("text:p", "text:h"):
            if self.paragraphs:
                self.plain.append("\n")
            self.paragraphs += 1
            self.in_paragraph += 1
        elif name == "text:span":
            style = self.styles.get(attributes.get("text:style-name", ""))
            self.spans.append(style is not None and style.raised)
        elif name == "text:s":
            self.plain.append(" " * min(_times(attributes, "text:c"), self.budget.limits.text))
        elif name == "text:tab":
            self.plain.append("\t")
        elif name == "text:line-break":
            self.plain.append("\n")
        elif name == "table:table" and self.found is not None:
            raise self.found.refused("embedded_object", self.rows, self.column + 1)

    def _end_in_cell(self, name: str) -> None:
        if name in ("table:table-cell", "table:covered-table-cell"):
            self._end_cell(self.cell or {})
            self.cell = None
        elif name in ("text:p", "text:h"):
            self.in_paragraph -= 1
        elif name == "text:span" and self.spans:
            self.spans.pop()

    def _end_cell(self, attributes: dict[str, str]) -> None:
        first = self.column + 1
        self.column += self.repeat
        across = _times(attributes, "table:number-columns-spanned")
        down = _times(attributes, "table:number-rows-spanned")
        if across > 1 or down > 1:
            self.row_areas.append((first, down, across))
        cell = self._made(attributes, first)
        if cell is not None:
            self.row_cells.append((first, self.repeat, cell))

    def _made(self, attributes: dict[str, str], column: int) -> Cell | None:
        formula = self._formula(attributes, column)
        shown = "".join(self.plain)
        raised = "".join(self.raised)
        kind = attributes.get("office:value-type", "")
        budget = self.budget
        if attributes.get("calcext:value-type") == "error" or (formula and _ERROR.fullmatch(shown.strip())):
            return budget.cell(shown.strip() or "Err", "error", formula=formula)
        if kind in ("float", "percentage", "currency"):
            value = attributes.get("office:value", "").strip()
            if not _NUMBER.fullmatch(value):
                return budget.text(value or shown, raised, formula)
            shown_as = self._shown_as(attributes, column) or ("0%" if kind == "percentage" else "")
            return budget.cell(exact(value), "number", shown_as=shown_as, formula=formula)
        if kind == "boolean":
            true = attributes.get("office:boolean-value", "").lower() == "true"
            return budget.cell("TRUE" if true else "FALSE", "boolean", formula=formula)
        if kind == "date" and _DAY.fullmatch(day := attributes.get("office:date-value", "").strip()):
            text = day.removesuffix("T00:00:00")
            return budget.cell(text, "date", shown_as=self._shown_as(attributes, column), formula=formula)
        if kind == "time" and (match := _TIME.fullmatch(attributes.get("office:time-value", "").strip())):
            text = f"{int(match[1]):02}:{int(match[2]):02}:{int(match[3]):02}"
            return budget.cell(text, "date", shown_as=self._shown_as(attributes, column), formula=formula)
        if formula and not kind and not shown.strip():
            return budget.cell(formula, "formula")
        return budget.text(shown or attributes.get("office:string-value", ""), raised, formula)

    def _formula(self, attributes: dict[str, str], column: int) -> str:
        formula = attributes.get("table:formula", "")
        if not formula:
            return ""
        assert self.found is not None
        if len(formula) > self.budget.limits.text:
            raise self.found.refused("long_field", self.rows, column, formula)
        prefix, mark, rest = formula.partition(":=")
        formula = "=" + rest if mark and prefix.isalnum() else formula
        if code := reaches_out(formula):
            raise self.found.refused(code, self.rows, column, formula)
        return formula

    def _shown_as(self, attributes: dict[str, str], column: int) -> str:
        name = attributes.get("table:style-name") or self.row_style
        if not name:
            name = next((style for first, last, style in self.column_styles if first <= column <= last), "")
        style = self.styles.get(name)
        return self.data_styles.get(style.data, "") if style is not None else ""

    # --- styles ---

    def _start_style(self, name: str, attributes: dict[str, str]) -> None:
        if name == "style:style":
            self.style = _Style(data=attributes.get("style:data-style-name", ""))
            self.styles[attributes.get("style:name", "")] = self.style
        elif self.style is not None and name == "style:text-properties":
            self.style.raised = attributes.get("style:text-position", "").split(" ")[0] not in ("", "0%")
        elif self.style is not None and name == "style:table-properties":
            self.style.invisible = attributes.get("table:display") == "false"
        elif name.startswith("number:") and name.endswith("-style"):
            self.data_style = attributes.get("style:name", "")
            self.parts = []
        elif self.data_style:
            self._start_format(name, attributes)

    def _start_format(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("number:number", "number:scientific-number", "number:fraction"):
            places = attributes.get("number:decimal-places") or attributes.get("number:min-decimal-places") or "0"
            code = "#,##0" if attributes.get("number:grouping") == "true" else "0"
            code += "." + "0" * min(int(places), 30) if int(places) else ""
            factor = attributes.get("number:display-factor", "1")
            code += "," * (max(len(factor.partition(".")[0]) - 1, 0) // 3)
            self.parts.append(code + ("E+00" if name == "number:scientific-number" else ""))
        elif name in ("number:text", "number:currency-symbol"):
            self.literal = []
        elif name in _DATE_PARTS:
            self.parts.append(_DATE_PARTS[name] * (2 if attributes.get("number:style") == "long" else 1))

    def _end_style(self, name: str) -> None:
        if self.literal is not None and name in ("number:text", "number:currency-symbol"):
            text = "".join(self.literal)[:50].replace('"', "")
            self.parts.append(text if text in ("%", "-", "/", ".", ":", " ", "") else f'"{text}"')
            self.literal = None
        elif name == "style:style":
            self.style = None
        elif name.startswith("number:") and name.endswith("-style"):
            self.data_styles[self.data_style] = "".join(self.parts[:50])
            self.data_style = ""


_DATE_PARTS: Final = {
    "number:day": "d",
    "number:month": "m",
    "number:year": "yy",
    "number:hours": "h",
    "number:minutes": "m",
    "number:seconds": "s",
}


def _times(attributes: dict[str, str], name: str) -> int:
    """How often something is repeated, from 1 on. ValueError: it is no number, or beyond all sheets."""
    count = int(attributes.get(name) or "1")
    if count > _MOST_TIMES:
        raise ValueError(f"{name}={count}")
    return max(count, 1)
