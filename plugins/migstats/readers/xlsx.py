"""The parts of an .xlsx file: which sheets it has, and their cells, taken from the XML."""

from __future__ import annotations

import datetime as dt
import io
import posixpath
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple
from xml.parsers import expat

from migstats import excel
from migstats.errors import PublisherError, TryAgainError
from migstats.readers import answer, packed

_EXPECTED: Final = "an Excel workbook (.xlsx)"
_MAX_UNPACKED: Final = 512 * 2**20
_RELATIONSHIPS: Final = "xl/_rels/workbook.xml.rels"
_SHEET_DATA: Final = (b"<sheetData>", b"</sheetData>")
_ROW: Final = re.compile(r'r="([0-9]+)"[^>]*?(/)?>')
#: A cell that is empty, or that holds a number or a shared string, as nearly all do: column, type, stored value.
_USUAL_CELL: Final = re.compile(r'<c r="([A-Z]{1,3})[0-9]+"(?: s="[0-9]+")?(?: t="(s|n)")?(?:/>|><v>([^<&]+)</v></c>)')
#: A cell without rich text: column, type, how it ends, formula, stored value or text within the cell.
_PLAIN_CELL: Final = re.compile(
    r'<c r="([A-Z]{1,3})[0-9]+"(?: s="[0-9]+")?(?: t="(n|s|e|b|str|inlineStr)")?'
    r"(/>|></c>|>(<f>[^<]*</f>)?<v>([^<&]+)</v></c>|><is><t[^>]*>([^<&]+)</t></is></c>)"
)

_REFERENCE: Final = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_WHOLE: Final = re.compile(r"-?[0-9]+")
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_TRUE_TYPES: Final = (
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls) or one with a password; save it as .xlsx, without a password"),
    (b"%PDF", "a PDF; the figures are needed as a workbook"),
)


class Cell(NamedTuple):
    """One cell: its text without raised or lowered characters, these characters, and whether it is a text."""

    text: str
    note: str
    is_text: bool


@dataclass
class Sheet:
    """Cells that hold something by row and column, both from 1, and the merged areas (top, left, bottom, right)."""

    cells: dict[int, dict[int, Cell]] = field(default_factory=dict)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class _Dates:
    """The cell styles that show a number as a date, by their index as text, and whether days count from 1904."""

    styles: frozenset[str] = frozenset()
    from_1904: bool = False


def opened(payload: bytes) -> zipfile.ZipFile:
    """The archive of a workbook.

    TryAgainError: a web page, a damaged file. PublisherError: nothing, another format, a file too large.
    """
    start = payload[:8]
    for magic, what in _TRUE_TYPES:
        if start.startswith(magic):
            raise PublisherError(f"the file is {what}; {_EXPECTED} was expected")
    if not start.startswith(b"PK"):
        answer.body(payload, _EXPECTED)
        raise TryAgainError(f"the answer is not {_EXPECTED}; it begins with {answer.short(payload)!r}")
    try:
        archive = zipfile.ZipFile(io.BytesIO(payload))
    except packed.DAMAGE as error:
        raise TryAgainError(f"the workbook is damaged: {error}; it may have been cut off") from error
    except NotImplementedError as error:
        raise PublisherError(f"the workbook cannot be unpacked: {error}; save it again") from error
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > _MAX_UNPACKED:
        raise PublisherError(f"the workbook unpacks to {unpacked:,} bytes, at most {_MAX_UNPACKED:,} are read")
    return archive


def sheet_paths(archive: zipfile.ZipFile) -> tuple[dict[str, str], set[str]]:
    """Name → path of each sheet, and the names of the hidden ones."""
    targets: dict[str, str] = {}
    sheets: dict[str, tuple[str, str]] = {}

    def relationship(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship":
            targets[attributes.get("Id", "")] = attributes.get("Target", "")

    def sheet(name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            identity = next((v for k, v in attributes.items() if k.endswith(":id")), "")
            sheets[attributes.get("name", "")] = (identity, attributes.get("state", "visible"))

    for path, begin in ((_RELATIONSHIPS, relationship), ("xl/workbook.xml", sheet)):
        _parse_xml(path, _member(archive, path), begin)
    paths = {name: _path(targets.get(identity, "")) for name, (identity, _) in sheets.items()}
    return paths, {name for name, (_, state) in sheets.items() if state != "visible"}


def _path(target: str) -> str:
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))


def _member(archive: zipfile.ZipFile, path: str) -> bytes:
    try:
        return archive.read(path)
    except KeyError as error:
        raise PublisherError(f"the file is a zip without {path}; {_EXPECTED} was expected") from error
    except packed.DAMAGE as error:
        raise TryAgainError(f"{path}: the workbook is damaged: {error}; it may have been cut off") from error
    except (NotImplementedError, RuntimeError) as error:  # a method of compression or a password
        raise PublisherError(f"{path}: cannot be unpacked: {error}; save the workbook again") from error


def _parse_xml(
    path: str,
    raw: bytes,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Run XML through expat; names come without the prefix of the root. A DOCTYPE is refused."""
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: Any) -> None:
        raise PublisherError(f"{path}: holds a DOCTYPE, which no workbook needs; the file is not read")

    def root(name: str, attributes: dict[str, str]) -> None:
        prefix = name.rpartition(":")[0] + ":" if ":" in name else ""
        begin: Callable[[str, dict[str, str]], None] = start
        if prefix:
            begin = lambda name, attributes: start(name.removeprefix(prefix), attributes)  # noqa: E731
        parser.StartElementHandler = begin
        if end is not None:
            parser.EndElementHandler = (lambda name: end(name.removeprefix(prefix))) if prefix else end
        begin(name, attributes)

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = root
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise PublisherError(f"{path}: is not XML: {error}; save the workbook again") from error


class _Runs:
    """Gathers the texts of an `si` or `is` element: plain ones, and those of raised or lowered runs."""

    def __init__(self) -> None:
        self.plain: list[str] = []
        self.raised: list[str] = []
        self.raising = False
        self.phonetic = False
        self.open = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if name == "t":
            self.open = not self.phonetic
        elif name == "r":
            self.raising = False
        elif name == "vertAlign":
            self.raising = attributes.get("val") in ("superscript", "subscript")
        elif name == "rPh":
            self.phonetic = True

    def text(self, data: str) -> None:
        """Characters within an open `t`."""
        (self.raised if self.raising else self.plain).append(data)

    def end(self, name: str) -> None:
        """An element ends."""
        if name == "t":
            self.open = False
        elif name == "r":
            self.raising = False
        elif name == "rPh":
            self.phonetic = False

    def take(self) -> Cell:
        """The text that was gathered; empties the runs."""
        cell = _text_cell("".join(self.plain), "".join(self.raised))
        self.plain, self.raised, self.raising = [], [], False
        return cell


def _text_cell(plain: str, raised: str = "") -> Cell:
    plain, behind = excel.split_raised(excel.unescape(plain))
    raised = behind + excel.unescape(raised)
    return Cell(plain, raised.strip(), True)


def _shared_strings(archive: zipfile.ZipFile) -> list[Cell]:
    path = "xl/sharedStrings.xml"

    def relationship(name: str, attributes: dict[str, str]) -> None:
        nonlocal path
        if name == "Relationship" and attributes.get("Type", "").endswith("/sharedStrings"):
            path = _path(attributes.get("Target", ""))

    _parse_xml(_RELATIONSHIPS, _member(archive, _RELATIONSHIPS), relationship)
    if path not in archive.NameToInfo:
        return []
    found: list[Cell] = []
    runs = _Runs()

    def end(name: str) -> None:
        if name == "si":
            found.append(runs.take())
        else:
            runs.end(name)

    def text(data: str) -> None:
        if runs.open:
            runs.text(data)

    _parse_xml(path, _member(archive, path), runs.start, end, text)
    return found


def _dates(archive: zipfile.ZipFile) -> _Dates:
    """Which styles show a date: by the stored number alone a date cannot be told from a figure."""
    path = "xl/styles.xml"
    if path not in archive.NameToInfo:
        return _Dates()
    formats = set(excel.DATE_FORMATS)
    styles: list[int] = []
    within = False

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal within
        if name == "numFmt":
            if excel.shows_date(attributes.get("formatCode", "")):
                formats.add(int(attributes["numFmtId"]))
            else:
                formats.discard(int(attributes["numFmtId"]))
        elif name == "cellXfs":
            within = True
        elif name == "xf" and within:
            styles.append(int(attributes.get("numFmtId", 0)))

    def end(name: str) -> None:
        nonlocal within
        within = within and name != "cellXfs"

    raw = _member(archive, path)
    formats_part, styles_part = (_part(raw, name) for name in (b"numFmts", b"cellXfs"))
    try:
        _parse_xml(path, formats_part or b"<none/>", begin, end)
        used = set(map(int, re.findall(rb'<xf [^>]*?\bnumFmtId="([0-9]+)"', styles_part)))
        if used and used.isdisjoint(formats):
            return _Dates()  # as nearly always; to say which of hundreds of styles are dates takes longer
        _parse_xml(path, raw, begin, end)
    except (KeyError, ValueError) as error:
        raise PublisherError(f"{path}: cannot be read: {error}; save the workbook again") from error
    found = frozenset(str(index) for index, number in enumerate(styles) if number in formats)
    book = _member(archive, "xl/workbook.xml") if found else b""
    return _Dates(found, re.search(rb"""\bdate1904\s*=\s*["'](1|true)["']""", book) is not None)


def _part(raw: bytes, name: bytes) -> bytes:
    """An element of plain XML, from its first tag to its last; empty where there is none of this name."""
    begin, end = raw.find(b"<" + name), raw.find(b"</" + name + b">")
    return raw[begin : end + len(name) + 3] if 0 <= begin < end and _is_utf8(raw) else b""


def sheets(archive: zipfile.ZipFile, paths: Mapping[str, str], at_most: int) -> dict[str, Sheet]:
    """Name → the cells of a sheet that hold something; the sizes that sheets declare are not looked at.

    PublisherError: the sheets have more than `at_most` cells in all, or one cannot be read.
    """
    shared, dates = _shared_strings(archive), _dates(archive)
    found: dict[str, Sheet] = {}
    left = at_most
    for name, path in paths.items():
        rows = _Rows(path, shared, dates, at_most, left)
        _read_sheet(archive, rows)
        found[name], left = rows.sheet, rows.left
    return found


def _read_sheet(archive: zipfile.ZipFile, rows: _Rows) -> None:
    path = rows.path
    try:
        raw = _member(archive, path)
        begin, end = raw.find(_SHEET_DATA[0]), raw.rfind(_SHEET_DATA[1])
        if begin < 0 or end < begin or b"<!" in raw or not _is_utf8(raw):
            _parse_xml(path, raw, rows.start, rows.end, rows.text)
        else:  # rows of plain cells are read by a pattern, five times as fast as by a parser
            begin += len(_SHEET_DATA[0])
            _parse_xml(path, raw[:begin] + raw[end:], rows.start, rows.end, rows.text)
            rows.read(raw[begin:end].decode())
    except (IndexError, ValueError, OverflowError) as error:
        raise PublisherError(f"{path}: {rows.at()} cannot be read: {error}; save the workbook again") from error


def _is_utf8(raw: bytes) -> bool:
    declared = re.match(rb"<\?xml[^>]*encoding=[\"']([^\"']+)", raw.removeprefix(answer.BOM))
    return declared is None or declared[1].lower() == b"utf-8"


class _Rows:
    """Gathers the cells of a sheet's rows: by pattern where all cells of a row are plain, else from XML events."""

    def __init__(self, path: str, shared: list[Cell], dates: _Dates, at_most: int, left: int) -> None:
        self.path = path
        self.sheet = Sheet()
        self.at_most = at_most
        self.left = left
        self.shared = shared
        self.texts: dict[str, Cell] = {}  # texts that stand within cells: few are different
        self.dates = dates
        self.style = ""
        self.row_number = self.column = 0
        self.row: dict[int, Cell] = {}
        self.kind = ""
        self.value: list[str] = []
        self.formula: list[str] = []
        self.has_formula = self.has_value = self.inline = False
        self.into: list[str] | None = None
        self.runs = _Runs()

    def at(self) -> str:
        """Where the reading is, for a message."""
        return f"the cell {column_letters(self.column)}{self.row_number}"

    def read(self, rows: str) -> None:
        """Read the text between `<sheetData>` and `</sheetData>`."""
        dated = re.compile(f' s="({"|".join(sorted(self.dates.styles))})"').search if self.dates.styles else None
        before, *pieces = rows.split("<row ")
        whole = not before.strip() and rows.count("<row") == len(pieces)
        for piece in pieces:
            match = _ROW.match(piece)
            end = piece.rstrip()
            body = end[match.end() : -6] if match and not match[2] else ""
            whole = (
                whole and match is not None and (end.endswith("</row>") if not match[2] else len(end) == match.end())
            )
            if not whole or match is None:
                break
            plain = dated is None or dated(body) is None
            if not (plain and self._take(int(match[1]), body)):
                _parse_xml(self.path, f"<row {end}".encode(), self.start, self.end, self.text)
        if not whole:
            self.sheet.cells.clear()
            _parse_xml(self.path, f"<sheetData>{rows}</sheetData>".encode(), self.start, self.end, self.text)

    def _take(self, number: int, body: str) -> bool:
        """Take a row whose cells are all plain; False, and nothing taken, where one is not."""
        if "<is>" not in body and self._read_usual(number, body):
            return True
        return self._read_plain(number, body)

    def _read_usual(self, number: int, body: str) -> bool:
        """Take a row of usual cells; False, and nothing taken, where one is another."""
        found = _USUAL_CELL.findall(body)
        columns, shared, new = _COLUMNS, self.shared, tuple.__new__
        empty = 0
        row: dict[int, Cell] = {}
        for letters, kind, stored in found:
            if not stored:
                empty += 1
                continue
            column = columns.get(letters) or column_number(letters)
            if kind == "s":
                try:
                    cell = shared[int(stored)]
                except (IndexError, ValueError):
                    return False  # the parser will say which cell it is
                if cell.note or cell.text.strip():
                    row[column] = cell
            else:
                text = stored if stored.isdigit() and stored.isascii() else _number(stored)
                row[column] = new(Cell, (text, "", False))
        if empty + 4 * (len(found) - empty) != body.count("<"):
            return False
        self._spend(len(found))
        self.row_number, self.column = number, 0
        self.sheet.cells.setdefault(number, {}).update(row)
        return True

    def _read_plain(self, number: int, body: str) -> bool:
        """Take a row whose cells are all plain; False, and nothing taken, where one is not."""
        found = _PLAIN_CELL.findall(body)
        columns, texts, new = _COLUMNS, self.texts, tuple.__new__
        tags = 0
        row: dict[int, Cell] = {}
        for letters, kind, tail, formula, stored, inline in found:
            if not stored and not inline:
                tags += 1 if tail == "/>" else 2
                continue
            if (kind == "inlineStr") != bool(inline):
                return False
            tags += 6 if inline or formula else 4
            if inline:
                cell = texts.get(inline) or texts.setdefault(inline, _text_cell(inline))
            elif kind == "n" and stored.isdigit() and stored.isascii():
                row[columns.get(letters) or column_number(letters)] = new(Cell, (stored, "", False))
                continue
            else:
                try:
                    cell = _plain(kind, stored, self.shared)
                except (IndexError, ValueError):
                    return False  # the parser will say which cell it is
            if cell.note or cell.text.strip():
                row[columns.get(letters) or column_number(letters)] = cell
        if tags != body.count("<"):
            return False
        self._spend(len(found))
        self.row_number, self.column = number, 0
        self.sheet.cells.setdefault(number, {}).update(row)
        return True

    def _spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise PublisherError(f"{self.path}: more than {self.at_most:,} cells; the file is not read")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if name == "c":
            self._spend(1)
            reference = attributes.get("r")
            self.column = _reference(self.path, reference)[1] if reference else self.column + 1
            self.kind = attributes.get("t", "n")
            self.style = attributes.get("s", "")
            self.value, self.formula = [], []
            self.has_formula = self.has_value = False
        elif name == "v":
            self.has_value = True
            self.into = self.value
        elif name == "f":
            self.has_formula = True
            self.into = self.formula
        elif name == "row":
            self.row_number = int(attributes["r"]) if "r" in attributes else self.row_number + 1
            self.column = 0
            self.row = self.sheet.cells.setdefault(self.row_number, {})
        elif name == "is":
            self.inline = True
        elif self.inline:
            self.runs.start(name, attributes)
        elif name == "mergeCell":
            first, _, last = attributes.get("ref", "").partition(":")
            area = (*_reference(self.path, first), *_reference(self.path, last or first))
            self.sheet.merged.append(area)

    def text(self, data: str) -> None:
        """Characters."""
        if self.into is not None:
            self.into.append(data)
        elif self.inline and self.runs.open:
            self.runs.text(data)

    def end(self, name: str) -> None:
        """An element ends."""
        if name == "c":
            cell = self._cell()
            if cell is not None and _holds(cell):
                self.row[self.column] = cell
        elif name in ("v", "f"):
            self.into = None
        elif name == "is":
            self.inline = False
        elif self.inline:
            self.runs.end(name)

    def _cell(self) -> Cell | None:
        raw = "".join(self.value)
        if self.kind == "inlineStr":
            return self.runs.take()
        if self.has_formula and not raw and not (self.kind == "str" and self.has_value):
            return Cell("=" + "".join(self.formula), "", False)  # nobody calculated it
        if not raw.strip():
            return None
        if self.kind in ("", "n") and self.style in self.dates.styles:
            return Cell(_date(raw, self.dates.from_1904), "", False)
        return _plain(self.kind, raw, self.shared)


def _holds(cell: Cell) -> bool:
    return bool(cell.note or cell.text.strip())


def _plain(kind: str, raw: str, shared: list[Cell]) -> Cell:
    """Cell of a stored value by its type: a number, a shared string, an error, true or false, a text."""
    if kind in ("", "n"):
        return Cell(_number(raw), "", False)
    if kind == "s":
        return shared[int(raw)]
    if kind == "e":
        return Cell(raw, "", False)
    if kind == "b":
        return Cell("TRUE" if raw == "1" else "FALSE", "", False)
    return _text_cell(raw)  # str: the text that a formula gave; d: a date


def _number(raw: str) -> str:
    """The stored number as text: whole numbers as they stand, others in the shortest digits of the double.

    Excel stores 0.1 as 0.10000000000000001; digits beyond a double's are of no meaning there.
    """
    if raw.isascii() and raw.isdigit():
        return raw
    raw = raw.strip()
    if not _NUMBER.fullmatch(raw):
        return raw  # whoever reads it as a number says no
    if _WHOLE.fullmatch(raw):
        return raw
    text = repr(float(raw))
    return text.removesuffix(".0") if "e" not in text else format(Decimal(text), "f")


def _date(raw: str, from_1904: bool) -> str:
    """A stored day as ISO 8601, which no figure looks like; a number that is no day says so."""
    try:
        moment = excel.day(raw, from_1904)
    except (ValueError, OverflowError):
        return f"{raw.strip()} (a date)"
    return moment.date().isoformat() if moment.time() == dt.time() else moment.isoformat()


def _reference(path: str, reference: str) -> tuple[int, int]:
    match = _REFERENCE.fullmatch(reference)
    if not match:
        raise PublisherError(f"{path}: {reference!r} is no cell reference such as F12; save the workbook again")
    return int(match[2]), column_number(match[1])


def column_number(letters: str) -> int:
    """1 for A, 27 for AA."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """A for 1, AA for 27."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


_COLUMNS: Final = {column_letters(number): number for number in range(1, 703)}
