"""Excel workbooks (.xlsx, transitional and strict) as cells: from the XML itself, whichever program wrote it."""

from __future__ import annotations

import datetime as dt
import posixpath
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from migstats import excel
from migstats.uploads.archive import Archive, damaged, open_archive
from migstats.uploads.finding import Finding, RefusedFileError
from migstats.uploads.formula import reaches_out
from migstats.uploads.gathered import Area, Budget, SheetCells
from migstats.uploads.grid import Cell, Grid, Sheet, position
from migstats.uploads.limits import Limits
from migstats.uploads.markup import parse

_MAIN: Final = {
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main": "",
    "http://purl.oclc.org/ooxml/spreadsheetml/main": "",
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships": "r:",
    "http://purl.oclc.org/ooxml/officeDocument/relationships": "r:",
}
_RELATIONSHIPS: Final = {"http://schemas.openxmlformats.org/package/2006/relationships": ""}
_PROPERTIES: Final = {
    "http://schemas.openxmlformats.org/officeDocument/2006/custom-properties": "",
    "http://purl.oclc.org/ooxml/officeDocument/customProperties": "",
    "http://schemas.openxmlformats.org/officeDocument/2006/docPropsVTypes": "vt:",
    "http://purl.oclc.org/ooxml/officeDocument/docPropsVTypes": "vt:",
}
#: Number formats that a file need not write down.
_FORMATS: Final = {
    0: "", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?",
    13: "# ??/??", 14: "mm-dd-yy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM",
    20: "h:mm", 21: "h:mm:ss", 22: "m/d/yy h:mm", 37: "#,##0 ;(#,##0)", 38: "#,##0 ;[Red](#,##0)",
    39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;[Red](#,##0.00)", 45: "mm:ss", 46: "[h]:mm:ss", 47: "mmss.0",
    48: "##0.0E+0", 49: "@",
}  # fmt: skip
_TRUE: Final = frozenset({"1", "true", "on"})
_NUMBER: Final = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_ISO: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?Z?)?")
#: Days that there never were: Excel's 1900 has a 29 February.
_NO_DAY: Final = 60
_MAX_FORMATS: Final = 70_000


class Style(NamedTuple):
    """How a cell shows its number."""

    code: str
    is_date: bool


@dataclass(frozen=True)
class _Book:
    """What the sheets of a workbook share."""

    archive: Archive
    strings: list[Cell | None]
    styles: list[Style]
    from_1904: bool
    #: Nobody calculated since the file was written by a program: a result that is 0 is none.
    uncalculated: bool


def read(content: bytes, limits: Limits) -> Grid:
    """Every sheet of a workbook in its order, with the cells that hold something.

    Numbers are the text of the file; one with more than 15 digits and decimals is the shortest text of the double
    that it stores. A formula keeps its result; without one (or with a 0 that a program wrote unasked) it is of
    kind `formula`. The formula of a shared one is as it stands in its first cell.
    RefusedFileError: damaged, doctype, far_cell, too_many_cells, long_field, active_formula, external_link, macros,
    empty_file where no cell holds anything.
    """
    archive = open_archive(content, limits)
    root = _relations(archive, "")
    book_part = next((target for kind, target in root.values() if kind == "officeDocument"), "")
    if not book_part:
        raise damaged(part="_rels/.rels")
    relations = _relations(archive, book_part)
    sheets, from_1904, uncalculated = _workbook(archive, book_part, limits)
    budget = Budget(limits)
    if len(sheets) > budget.sheets:
        raise RefusedFileError(Finding("too_many_cells", words={"limit": str(limits.cells)}))
    by_kind = dict(relations.values())
    book = _Book(
        archive,
        _strings(archive, by_kind.get("sharedStrings", ""), budget),
        _styles(archive, by_kind.get("styles", "")),
        from_1904,
        uncalculated,
    )
    found: list[Sheet] = []
    for name, identity, hidden in sheets:
        kind, target = relations.get(identity, ("", ""))
        if kind == "worksheet":
            found.append(_Rows(name, book, budget).read(target, hidden))
        elif kind:
            found.append(Sheet(name, {}, hidden))  # a chart
        else:
            raise damaged(part=book_part, reason=f"sheet {name}")
    if not any(sheet.cells for sheet in found):
        raise RefusedFileError(Finding("empty_file"))
    properties = next(
        (target for kind, target in root.values() if kind in ("custom-properties", "customProperties")), ""
    )
    return Grid("xlsx", tuple(found), _properties(archive, properties))


# --- parts around the sheets ---


def _relations(archive: Archive, part: str) -> dict[str, tuple[str, str]]:
    """Id → last word of the type, and the part, of the relationships of a part; none where it has no such part."""
    folder, _, name = part.rpartition("/")
    path = f"{folder}/_rels/{name}.rels".lstrip("/")
    found: dict[str, tuple[str, str]] = {}
    if not archive.has(path):
        return found

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode", "").lower() != "external":
            target = attributes.get("Target", "").replace("\\", "/")
            whole = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            found[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], whole)

    parse(archive.pieces(path), path, _RELATIONSHIPS, start)
    return found


def _workbook(archive: Archive, part: str, limits: Limits) -> tuple[list[tuple[str, str, bool]], bool, bool]:
    """Name, relationship and hiddenness of each sheet; whether days count from 1904; whether nobody calculated."""
    sheets: list[tuple[str, str, bool]] = []
    from_1904 = uncalculated = False
    into: list[str] = []
    called = ""

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal from_1904, uncalculated, called
        if name == "sheet":
            hidden = attributes.get("state", "visible") != "visible"
            sheets.append((attributes.get("name", ""), attributes.get("r:id", ""), hidden))
        elif name == "workbookPr":
            from_1904 = attributes.get("date1904", "").lower() in _TRUE
        elif name == "calcPr":
            uncalculated = attributes.get("fullCalcOnLoad", "").lower() in _TRUE
        elif name == "definedName":
            into.clear()
            called = attributes.get("name", "")
            runs = any(attributes.get(key, "").lower() in _TRUE for key in ("function", "vbProcedure", "xlm"))
            if runs or attributes.get("name", "").lower().startswith(("_xlnm.auto_", "auto_open", "auto_close")):
                raise RefusedFileError(Finding("macros", seen=called[:200]))

    def end(name: str) -> None:
        formula = "".join(into)[: limits.text + 1] if name == "definedName" else ""
        if code := reaches_out(formula):
            raise RefusedFileError(Finding(code, seen=f"{called}={formula}"[:200]))

    parse(archive.pieces(part), part, _MAIN, start, end, into.append)
    names = [name.casefold() for name, _, _ in sheets]
    if not sheets or len(set(names)) < len(names):
        raise damaged(part=part, reason="sheets")
    return sheets, from_1904, uncalculated


class _Runs:
    """Gathers the text of an `si` or `is`: of its runs, the raised or lowered ones apart, without phonetic hints."""

    def __init__(self) -> None:
        self.plain: list[str] = []
        self.raised: list[str] = []
        self.raising = self.phonetic = self.open = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "t":
            self.open = not self.phonetic
        elif name == "r":
            self.raising = False
        elif name == "vertAlign":
            self.raising = attributes.get("val") in ("superscript", "subscript")
        elif name == "rPh":
            self.phonetic = True

    def text(self, data: str) -> None:
        if self.open:
            (self.raised if self.raising else self.plain).append(data)

    def end(self, name: str) -> None:
        if name == "t":
            self.open = False
        elif name == "r":
            self.raising = False
        elif name == "rPh":
            self.phonetic = False

    def take(self) -> tuple[str, str]:
        """Plain and raised text; empties the runs."""
        found = excel.unescape("".join(self.plain)), excel.unescape("".join(self.raised))
        self.plain, self.raised = [], []
        self.raising = self.phonetic = self.open = False
        return found


def _strings(archive: Archive, part: str, budget: Budget) -> list[Cell | None]:
    """The shared strings; None for those that show nothing. A workbook may do without."""
    found: list[Cell | None] = []
    if not part or not archive.has(part):
        return found
    runs = _Runs()

    def end(name: str) -> None:
        if name == "si":
            budget.write()
            found.append(budget.text(*runs.take()))
        else:
            runs.end(name)

    parse(archive.pieces(part), part, _MAIN, runs.start, end, runs.text)
    return found


def _styles(archive: Archive, part: str) -> list[Style]:
    """How the cells of each style show a number; none where the workbook has no styles."""
    codes = dict(_FORMATS)
    numbers: list[int] = []
    within = False
    if not part or not archive.has(part):
        return []

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal within
        if name == "numFmt":
            code = attributes.get("formatCode", "")[:255]
            codes[int(attributes["numFmtId"])] = "" if code.lower() in ("general", "standard") else code
        elif name == "cellXfs":
            within = True
        elif name == "xf" and within:
            numbers.append(int(attributes.get("numFmtId", "0")))
        if len(codes) + len(numbers) > _MAX_FORMATS:
            raise damaged(part=part, reason="styles")

    def end(name: str) -> None:
        nonlocal within
        within = within and name != "cellXfs"

    parse(archive.pieces(part), part, _MAIN, start, end)
    written = codes.keys() - _FORMATS.keys()
    dates = {number for number, code in codes.items() if excel.shows_date(code)}
    dates |= excel.DATE_FORMATS - written
    return [Style(codes.get(number, ""), number in dates) for number in numbers]


def _properties(archive: Archive, part: str) -> dict[str, str]:
    """The custom properties of the document, as text."""
    found: dict[str, str] = {}
    if not part or not archive.has(part):
        return found
    name_of = ""
    into: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal name_of
        if name == "property":
            name_of = attributes.get("name", "")
            into.clear()

    def end(name: str) -> None:
        if name == "property" and name_of and len(found) < 1_000:
            found[name_of] = "".join(into).strip()[:1_000]

    parse(archive.pieces(part), part, _PROPERTIES, start, end, into.append)
    return found


# --- a sheet ---


class _Rows:
    """Gathers the cells of one sheet from the events of its XML."""

    def __init__(self, name: str, book: _Book, budget: Budget) -> None:
        self.name = name
        self.book = book
        self.budget = budget
        self.found = SheetCells(name, budget)
        self.hidden_rows: set[int] = set()
        self.hidden_columns: list[tuple[int, int]] = []
        self.merged: list[Area] = []
        self.shared: dict[str, str] = {}
        self.numbers: dict[tuple[str, str], Cell] = {}
        self.in_data = self.in_row = self.in_cell = self.in_text = False
        self.row = self.column = 0
        self.kind = self.style = self.group = ""
        self.value: list[str] = []
        self.formula: list[str] = []
        self.into: list[str] | None = None
        self.has_value = self.has_formula = False
        self.runs = _Runs()

    def read(self, part: str, hidden: bool) -> Sheet:
        """The sheet of a part."""
        parse(self.book.archive.pieces(part), part, _MAIN, self.start, self.end, self.text)
        return self.found.done(
            hidden=hidden, hidden_rows=self.hidden_rows, hidden_columns=self.hidden_columns, merged=self.merged
        )

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if name == "c":
            if self.in_row:
                self._start_cell(attributes)
        elif self.in_cell:
            if name == "v":
                self.has_value = True
                self.into = self.value
            elif name == "f":
                self._start_formula(attributes)
            elif name == "is":
                self.in_text = True
            elif self.in_text:
                self.runs.start(name, attributes)
        elif name == "row":
            if self.in_data:
                self._start_row(attributes)
        elif name == "sheetData":
            self.in_data = True
        elif name == "col":
            if attributes.get("hidden", "").lower() in _TRUE or _is_nought(attributes.get("width")):
                self.hidden_columns.append((int(attributes.get("min", "1")), int(attributes.get("max", "1"))))
        elif name == "mergeCell":
            self.budget.write()
            self.merged.append(self._area(attributes.get("ref", "")))
        elif name == "oleObject":
            raise RefusedFileError(Finding("embedded_object", self.name))

    def text(self, data: str) -> None:
        """Characters."""
        if self.into is not None:
            self.into.append(data)
        elif self.in_text:
            self.runs.text(data)

    def end(self, name: str) -> None:
        """An element ends."""
        if name == "c":
            if self.in_cell:
                self._end_cell()
                self.in_cell = self.in_text = False
                self.into = None
        elif self.in_cell:
            if name in ("v", "f"):
                self.into = None
            elif name == "is":
                self.in_text = False
            elif self.in_text:
                self.runs.end(name)
        elif name == "row":
            self.in_row = False
        elif name == "sheetData":
            self.in_data = self.in_row = False

    def _start_row(self, attributes: dict[str, str]) -> None:
        self.in_row = True
        self.column = 0
        self.row = int(attributes["r"]) if "r" in attributes else self.row + 1
        self.budget.write()
        if attributes.get("hidden", "").lower() in _TRUE or _is_nought(attributes.get("ht")):
            self.hidden_rows.add(self.row)

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self.budget.write()
        reference = attributes.get("r")
        if reference is None:
            self.column += 1
        else:
            row, self.column = self._position(reference)
            if row != self.row:
                raise self.found.refused("damaged", self.row, self.column, reference)
        self.kind = attributes.get("t", "n")
        self.style = attributes.get("s", "")
        self.in_cell = True
        if self.value or self.formula:
            self.value, self.formula = [], []
        self.has_value = self.has_formula = False

    def _start_formula(self, attributes: dict[str, str]) -> None:
        self.has_formula = True
        self.into = self.formula
        self.group = attributes.get("si", "") if attributes.get("t") == "shared" else ""

    def _end_cell(self) -> None:
        cell = self._formula_cell() if self.has_formula else self._plain_cell("".join(self.value), "")
        if cell is not None:
            self.found.put(self.row, self.column, cell)

    def _formula_cell(self) -> Cell | None:
        formula = "".join(self.formula).strip()
        if len(formula) > self.budget.limits.text:
            raise self.found.refused("long_field", self.row, self.column, formula)
        if formula and (code := reaches_out(formula)):
            raise self.found.refused(code, self.row, self.column, "=" + formula)
        if self.group:
            formula = formula or self.shared.get(self.group, "")
            self.shared.setdefault(self.group, formula)
        formula = "=" + formula
        raw = "".join(self.value)
        empty_text = self.kind == "str" and self.has_value
        unasked = self.book.uncalculated and self.kind in ("n", "") and _is_nought(raw)
        if (not raw.strip() and not empty_text and self.kind != "inlineStr") or unasked:
            return self.budget.cell(formula, "formula")
        return self._plain_cell(raw, formula)

    def _plain_cell(self, raw: str, formula: str) -> Cell | None:
        kind, budget = self.kind, self.budget
        if kind == "s":
            return self._shared_string(raw, formula)
        if kind in ("n", ""):
            return self._number_cell(raw.strip(), formula)
        if kind == "inlineStr":
            plain, raised = self.runs.take()
            return budget.text(plain or raw, raised, formula)
        if kind == "b":
            return (
                budget.cell("TRUE" if raw.strip().lower() in _TRUE else "FALSE", "boolean", formula=formula)
                if raw.strip()
                else None
            )
        if kind == "e":
            return budget.cell(raw.strip() or "#NULL!", "error", formula=formula)
        if kind == "d" and _ISO.fullmatch(raw.strip()):
            return budget.cell(_iso(raw.strip()), "date", shown_as=self._style().code, formula=formula)
        return budget.text(excel.unescape(raw), "", formula)

    def _shared_string(self, raw: str, formula: str) -> Cell | None:
        if not raw.strip():
            return None
        number = int(raw)
        if not 0 <= number < len(self.book.strings):
            raise self.found.refused("damaged", self.row, self.column, raw)
        cell = self.book.strings[number]
        return self.budget.text(cell.text, cell.raised, formula) if formula and cell is not None else cell

    def _number_cell(self, raw: str, formula: str) -> Cell | None:
        if not raw:
            return None
        if not formula:
            known = self.numbers.get((raw, self.style))
            if known is not None:
                return known
        style = self._style()
        if not _NUMBER.fullmatch(raw):
            cell = self.budget.text(raw, "", formula)
        elif style.is_date:
            cell = self._date_cell(raw, style, formula)
        else:
            cell = self.budget.cell(exact(raw), "number", shown_as=style.code, formula=formula)
        if not formula and cell is not None and len(self.numbers) < 200_000:
            self.numbers[raw, self.style] = cell
        return cell

    def _date_cell(self, raw: str, style: Style, formula: str) -> Cell:
        """A day as ISO 8601; what Excel shows as ##### (before its first day, or after its last) is an error."""
        try:
            moment = excel.day(raw, self.book.from_1904)
            number = float(raw)
        except (ValueError, OverflowError):
            return self.budget.cell(raw, "error", "", style.code, formula)
        if number < 0 or moment.year > 9999 or (int(number) == _NO_DAY and not self.book.from_1904):
            return self.budget.cell(raw, "error", "", style.code, formula)
        if number < 1 and number != 0:
            text = moment.time().isoformat()
        else:
            text = moment.date().isoformat() if moment.time() == dt.time() else moment.isoformat()
        return self.budget.cell(text, "date", "", style.code, formula)

    def _style(self) -> Style:
        number = int(self.style) if self.style else 0
        return self.book.styles[number] if 0 <= number < len(self.book.styles) else Style("", False)

    def _position(self, reference: str) -> tuple[int, int]:
        try:
            return position(reference.replace("$", ""))
        except ValueError:
            raise self.found.refused("damaged", self.row, 0, reference) from None

    def _area(self, reference: str) -> Area:
        first, _, last = reference.partition(":")
        (top, left), (bottom, right) = self._position(first), self._position(last or first)
        return min(top, bottom), min(left, right), max(top, bottom), max(left, right)


def _is_nought(text: str | None) -> bool:
    return text is not None and re.fullmatch(r"\s*-?0+(\.0*)?\s*", text) is not None


def _iso(text: str) -> str:
    text = text.removesuffix("Z")
    return text.removesuffix("T00:00:00").removesuffix("T00:00")


def exact(raw: str) -> str:
    """A stored number as plain decimal text.

    It stands as it is, without exponent. Excel writes the double 2.3 as 2.2999999999999998: more than 15 digits
    with decimals mean the double, whose shortest text that is.
    """
    if raw.isascii() and raw.isdigit():
        return raw
    digits = raw.lower().partition("e")[0].strip("+-").replace(".", "").lstrip("0")
    if len(digits) > 15 and ("." in raw or "e" in raw.lower()):
        raw = repr(float(raw))
        if raw in ("inf", "-inf"):
            return raw
    if "e" in raw.lower():
        text = format(Decimal(raw), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return raw.removeprefix("+").removesuffix(".0") if "." in raw else raw.removeprefix("+")
