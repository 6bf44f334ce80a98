"""Reader of Excel workbooks (.xlsx): tables found by sheet name and header texts, cells taken from the sheet's XML."""

from __future__ import annotations

import datetime as dt
import io
import posixpath
import re
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple
from xml.parsers import expat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migstats import excel
from migstats.errors import DeclarationError, DriftError, PublisherError, TryAgainError
from migstats.layout import WorkbookLayout, WorkbookTable
from migstats.readers import NOTE, Envelope, Explained, TextTable, answer, cells

_EXPECTED: Final = "an Excel workbook (.xlsx)"
_BLOCK: Final = "block"
_PERIOD: Final = "period"
_MAX_CELLS: Final = 2_000_000
_MAX_UNPACKED: Final = 512 * 2**20
#: Rows above the header's last row in which the texts of a header of several rows may stand.
_HEADER_DEPTH: Final = 3
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
_PLACE: Final = re.compile(r"(.+)!([A-Z]{1,3})([1-9][0-9]{0,6})", re.DOTALL)
_WHOLE: Final = re.compile(r"-?[0-9]+")
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_FIGURE: Final = re.compile(r"[-+]?[0-9][0-9\s.,']*")
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
class _Sheet:
    """Cells that hold something by row and column, both from 1, and the merged areas (top, left, bottom, right)."""

    cells: dict[int, dict[int, Cell]] = field(default_factory=dict)
    merged: list[tuple[int, int, int, int]] = field(default_factory=list)


@dataclass(frozen=True)
class _Dates:
    """The cell styles that show a number as a date, by their index as text, and whether days count from 1904."""

    styles: frozenset[str] = frozenset()
    from_1904: bool = False


@dataclass(frozen=True)
class _Header:
    """Where a table of a sheet is."""

    row: int
    columns: dict[str, int]
    figures: tuple[tuple[int, str, str], ...]  # column, block, period
    outside: frozenset[int]  # columns whose numbers are declared to be none of the figures
    unheard: frozenset[int]  # columns of which nothing is declared, beside the figures


def inspect(payload: bytes, layout: WorkbookLayout) -> Envelope:
    """A workbook says nothing of pages. Only the list of sheets is read.

    TryAgainError: a web page, a damaged file. PublisherError: nothing, another format, a file too large.
    DriftError: a declared sheet is not there, or is hidden.
    """
    with _archive(payload) as archive:
        _declared_sheets(archive, layout)
    return Envelope()


def read(payload: bytes, layout: WorkbookLayout) -> TextTable:
    """One row per figure cell that holds something; columns as declared, and `block`, `period`, `_note`.

    Whole numbers are text without fraction, others the shortest text of the stored number; a date is its ISO
    text, an error cell its error, a formula that nobody calculated its formula. Figure cells that hold nothing
    are counted as blank, texts of rows without a key as header or note; a number in such a row is kept, with a
    null key. DriftError: a sheet, title, header or column is missing or stands twice, or numbers stand in a
    column that is neither declared nor over a period.
    """
    parts: list[TextTable] = []
    with _archive(payload) as archive:
        paths = _declared_sheets(archive, layout)
        shared, dates = _shared_strings(archive), _dates(archive)
        budget = _MAX_CELLS
        sheets: dict[str, _Sheet] = {}
        for name, path in paths.items():
            sheets[name], budget = _sheet(archive, path, shared, dates, budget)
    for table in layout.tables:
        parts.append(_table(sheets[table.sheet], table))
    names = list(dict.fromkeys(name for part in parts for name in part.data.column_names))
    data = pa.concat_tables([_with_columns(part.data, names) for part in parts]).unify_dictionaries().combine_chunks()
    explained: dict[str, Explained] = {}
    for one in (e for part in parts for e in part.explained):
        before = explained.get(one.reason, Explained(one.reason, 0, one.example))
        explained[one.reason] = Explained(one.reason, before.count + one.count, before.example)
    if not data.num_rows:
        raise PublisherError(f"sheets {', '.join(paths)}: no figure cell holds anything: no rows")
    return TextTable(data, tuple(explained.values()), dimensions=tuple(_dimensions(data)))


def locate(payload: bytes, place: str, layout: WorkbookLayout) -> str | None:
    """The text of a cell such as `Table 1!F12`, as `read` gives it; None where only a note stands in it.

    PublisherError where the workbook has no such cell.
    """
    match = _PLACE.fullmatch(place)
    if not match:
        raise PublisherError(f"{place!r} is no place such as `Table 1!F12`")
    with _archive(payload) as archive:
        paths, _ = _sheet_paths(archive)
        if match[1] not in paths:
            raise PublisherError(f"the workbook has no sheet {match[1]!r}")
        sheet, _ = _sheet(archive, paths[match[1]], _shared_strings(archive), _dates(archive), _MAX_CELLS)
    cell = sheet.cells.get(int(match[3]), {}).get(_column_number(match[2]))
    if cell is None:
        raise PublisherError(f"the payload has no place {place}: the cell holds nothing")
    return cell.text or None


def _dimensions(data: pa.Table) -> Iterator[tuple[str, ...]]:
    """The headers over figures: blocks that are named, and periods where there are several."""
    blocks, periods = (pc.unique(data[name]).to_pylist() for name in (_BLOCK, _PERIOD))
    if any(blocks):
        yield (_BLOCK,)
    if len(periods) > 1:
        yield (_PERIOD,)


# --- the table ---


def _table(sheet: _Sheet, table: WorkbookTable) -> TextTable:
    header = _header(sheet, table)
    _require_title(sheet, table, header)
    _refuse_merged_figures(sheet, table, header)
    reserved = {_BLOCK, _PERIOD, NOTE} & set(table.columns)
    if reserved or table.key not in table.columns:
        raise DeclarationError(
            f"sheet {table.sheet!r}: `key` has to be one of `columns`, and {_BLOCK}, {_PERIOD}, {NOTE} are none"
        )
    numbers: list[int] = []
    keys: dict[str, list[str | None]] = {name: [] for name in table.columns}
    flat: list[int] = []  # index of the row × number of figure columns + index of the figure column
    picked: list[Cell] = []
    figure_columns = [column for column, _, _ in header.figures]
    used = {*header.columns.values(), *figure_columns}
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    strays: dict[int, int] = {}  # column → the first row in which a number stands there
    for number in sorted(row for row in sheet.cells if row > header.row):
        row = sheet.cells[number]
        keyed = header.columns[table.key] in row
        if keyed and header.unheard:
            for column in header.unheard & row.keys():
                if _is_number(row[column]):
                    strays.setdefault(column, number)
        if keyed and header.outside:
            for column in sorted(header.outside & row.keys()):
                counts["outside_tables"] += 1
                examples.setdefault("outside_tables", f"{table.sheet}!{_column_letters(column)}{number}")
        if used.isdisjoint(row):
            continue  # an empty row, or one with a remark beside the table
        at = len(numbers)
        numbers.append(number)
        for name, column in header.columns.items():
            keys[name].append(row[column].text if column in row else None)
        for index, column in enumerate(figure_columns, at * len(figure_columns)):
            cell = row.get(column)
            if cell is not None and (keyed or not cell.is_text):
                flat.append(index)
                picked.append(cell)
                continue
            reason = "blank" if cell is None else "header_or_note"
            counts[reason] += 1
            examples.setdefault(reason, f"{table.sheet}!{_column_letters(column)}{number}")
    _refuse_strays(sheet, table, header, strays)
    rows, figures = np.divmod(np.array(flat, dtype=np.int64), len(figure_columns))
    columns = {name: cells.coded(texts).take(pa.array(rows)) for name, texts in keys.items()}
    columns[_BLOCK] = cells.indexed(figures, [block for _, block, _ in header.figures])
    columns[_PERIOD] = cells.indexed(figures, [period for _, _, period in header.figures])
    columns[NOTE] = cells.coded([cell.note or None for cell in picked])
    return cells.text_table(
        columns,
        pa.array([cell.text or None for cell in picked], pa.string()),
        [f"{table.sheet}!{_column_letters(column)}{{}}" for column, _, _ in header.figures],
        np.array(numbers, dtype=np.int64)[rows],
        template=figures,
        explained=[Explained(reason, count, examples[reason]) for reason, count in counts.items()],
    )


def _header(sheet: _Sheet, table: WorkbookTable) -> _Header:
    """The first row in which, or just above which, every declared header text stands, with periods in it."""
    period = re.compile(table.periods)
    best: tuple[int, dict[str, list[int]], int] | None = None
    for row in sorted(sheet.cells):
        found = {name: _columns_with(sheet, row, texts) for name, texts in table.columns.items()}
        matched = sum(map(bool, found.values()))
        if matched and (best is None or matched > best[2]):
            best = (row, found, matched)
        if matched < len(found):
            continue
        twice = {name: at for name, at in found.items() if len(at) > 1}
        if twice:
            where = "; ".join(f"{n} in {', '.join(map(_column_letters, at))}" for n, at in twice.items())
            raise DriftError(f"sheet {table.sheet!r} row {row}: a header stands twice: {where}")
        columns = {name: at[0] for name, at in found.items()}
        if any(bottom > row and left in columns.values() and top <= row for top, left, bottom, _ in sheet.merged):
            continue  # the header goes on below
        periods = {
            column: (match.groupdict().get("period") or match[0])
            for column, cell in sorted(sheet.cells[row].items())
            if column not in columns.values() and (match := period.fullmatch(cell.text.strip()))
        }
        if periods:
            return _found_header(sheet, table, row, columns, periods)
    raise DriftError(_missing(sheet, table, best))


def _found_header(
    sheet: _Sheet, table: WorkbookTable, row: int, columns: dict[str, int], periods: dict[int, str]
) -> _Header:
    """The header with what is known of the columns that are not declared.

    What stands before the figures and their last declared column (an index, notes) needs no declaration, unless its
    header looks like that of a figure.
    """
    declared = {*columns.values(), *periods}
    others = set().union(*sheet.cells.values()) - declared
    before = max((column for column in columns.values() if column < min(periods)), default=0)
    headers = {column: sheet.cells[row][column].text for column in others if column in sheet.cells[row]}
    like_period = {column for column, text in headers.items() if any(m[0] for m in re.finditer(table.periods, text))}
    unheard = {column for column in others if column > before} | like_period
    outside = frozenset(
        column
        for column in others
        if table.outside is not None and re.fullmatch(table.outside, _heading(sheet, row, column))
    )
    figures = _figures(sheet, table, row, periods)
    return _Header(row, columns, figures, outside, frozenset(unheard) - outside)


def _heading(sheet: _Sheet, row: int, column: int) -> str:
    """The lowest text of a header that ends in this row; empty where there is none."""
    above = range(row, max(row - _HEADER_DEPTH, 0), -1)
    found = (sheet.cells.get(r, {}).get(column) for r in above)
    return next((" ".join(cell.text.split()) for cell in found if cell is not None), "")


def _require_title(sheet: _Sheet, table: WorkbookTable, header: _Header) -> None:
    if table.title is None:
        return
    texts = [
        _plain_text(cell.text) for row in sorted(sheet.cells) if row < header.row for cell in sheet.cells[row].values()
    ]
    if not any(re.search(table.title, text, re.IGNORECASE) for text in texts):
        raise DriftError(
            f"sheet {table.sheet!r}: no text above the header in row {header.row} matches the title {table.title!r}; "
            f"there stand {[text[:120] for text in texts[:6]]}: it is another table, or the publisher changed its "
            "title: see what the file holds, then ask for the right one or mend `title` in source.yaml"
        )


def _refuse_strays(sheet: _Sheet, table: WorkbookTable, header: _Header, strays: dict[int, int]) -> None:
    """Numbers in a column of which nothing is declared may be figures that nobody would miss."""
    if not strays:
        return
    found = "; ".join(
        f"{_column_letters(column)} (header {_heading(sheet, header.row, column)!r}, first "
        f"{_column_letters(column)}{row}: {sheet.cells[row][column].text})"
        for column, row in sorted(strays.items())
    )
    raise DriftError(
        f"sheet {table.sheet!r} row {header.row}: numbers stand in columns that are neither declared nor over a period "
        f"({table.periods!r}): {found}; where they are figures widen `periods` (its group `period` is the period), "
        "where they are none name their headers in `outside`"
    )


def _is_number(cell: Cell) -> bool:
    return not cell.is_text or _FIGURE.fullmatch(cell.text.strip()) is not None


def _columns_with(sheet: _Sheet, row: int, texts: Iterable[str]) -> list[int]:
    """Columns in which one of the texts is the lowest text of a header that ends in this row."""
    wanted = {_normal(text) for text in texts}
    seen: set[int] = set()
    found = []
    for above in range(row, max(row - _HEADER_DEPTH, 0), -1):
        for column, cell in sheet.cells.get(above, {}).items():
            if column not in seen:
                seen.add(column)
                if _normal(cell.text) in wanted:
                    found.append(column)
    return found


def _figures(
    sheet: _Sheet, table: WorkbookTable, row: int, periods: dict[int, str]
) -> tuple[tuple[int, str, str], ...]:
    blocks = dict.fromkeys(periods, "")
    if table.blocks:
        labels: dict[int, str] = {}
        for above in range(row - 1, 0, -1):
            labels = {c: cell.text.strip() for c, cell in sheet.cells.get(above, {}).items() if c in periods}
            if labels:
                break
        if min(periods) not in labels:
            raise DriftError(
                f"sheet {table.sheet!r}: no text stands above the first figure column "
                f"{_column_letters(min(periods))}{row}; a label of each block of columns was expected there"
            )
        label = ""
        for column in blocks:
            label = labels.get(column, label)
            blocks[column] = label
    pairs = Counter((blocks[column], text) for column, text in periods.items())
    twice = [pair for pair, count in pairs.items() if count > 1]
    if twice:
        raise DriftError(f"sheet {table.sheet!r} row {row}: figure columns stand twice (block, period): {twice}")
    return tuple((column, blocks[column], text) for column, text in periods.items())


def _missing(sheet: _Sheet, table: WorkbookTable, best: tuple[int, dict[str, list[int]], int] | None) -> str:
    if best is None:
        texts = [cell.text for row in sorted(sheet.cells)[:20] for cell in sheet.cells[row].values()]
        return (
            f"sheet {table.sheet!r}: no row holds any of the headers of {', '.join(table.columns)}; "
            f"the first texts are {texts[:12]}"
        )
    row, found, _ = best
    there = [cell.text for _, cell in sorted(sheet.cells[row].items())][:30]
    lacking = [f"{name} ({' or '.join(table.columns[name])})" for name, at in found.items() if not at]
    if lacking:
        return f"sheet {table.sheet!r} row {row}: no header for {'; '.join(lacking)}; the row has {there}"
    return f"sheet {table.sheet!r} row {row}: no header over figures matches {table.periods!r}; the row has {there}"


def _refuse_merged_figures(sheet: _Sheet, table: WorkbookTable, header: _Header) -> None:
    figures = {column for column, _, _ in header.figures}
    for top, left, bottom, right in sheet.merged:
        row = sheet.cells.get(top, {})
        if top <= header.row or left not in row or left not in figures:
            continue
        heading = row[left].is_text and header.columns[table.key] not in row
        if not heading and (bottom > top or not figures.isdisjoint(range(left + 1, right + 1))):
            raise DriftError(
                f"sheet {table.sheet!r}: the figure cells {_column_letters(left)}{top}:"
                f"{_column_letters(right)}{bottom} are merged; to which of them the figure belongs is not said"
            )


def _plain_text(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _normal(text: str) -> str:
    return _plain_text(text).casefold()


def _with_columns(data: pa.Table, names: list[str]) -> pa.Table:
    for name in names:
        if name not in data.column_names:
            data = data.append_column(name, cells.coded([None] * data.num_rows).cast(cells.CODED))
    return data.select(names)


# --- the archive and its XML ---


def _archive(payload: bytes) -> zipfile.ZipFile:
    start = payload[:8]
    for magic, what in _TRUE_TYPES:
        if start.startswith(magic):
            raise PublisherError(f"the file is {what}; {_EXPECTED} was expected")
    if not start.startswith(b"PK"):
        answer.body(payload, _EXPECTED)
        raise TryAgainError(f"the answer is not {_EXPECTED}; it begins with {answer.short(payload)!r}")
    try:
        archive = zipfile.ZipFile(io.BytesIO(payload))
    except zipfile.BadZipFile as error:
        raise TryAgainError(f"the workbook is damaged: {error}; it may have been cut off") from error
    unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > _MAX_UNPACKED:
        raise PublisherError(f"the workbook unpacks to {unpacked:,} bytes, at most {_MAX_UNPACKED:,} are read")
    return archive


def _declared_sheets(archive: zipfile.ZipFile, layout: WorkbookLayout) -> dict[str, str]:
    """Name → path of the sheets that the layout declares, in its order."""
    paths, hidden = _sheet_paths(archive)
    declared = dict.fromkeys(table.sheet for table in layout.tables)
    lacking = [name for name in declared if name not in paths]
    if lacking:
        raise DriftError(
            f"the workbook has no sheet {', '.join(map(repr, lacking))}; it has {', '.join(map(repr, paths))}"
        )
    new = [name for name in paths if name not in declared and not re.fullmatch(layout.sheets or ".*", name)]
    if new:
        raise DriftError(f"the workbook has new sheets: {', '.join(map(repr, new))}; see what is in them")
    unseen = [name for name in declared if name in hidden]
    if unseen:
        raise DriftError(f"the sheets {', '.join(map(repr, unseen))} are hidden; hidden figures are not published ones")
    return {name: paths[name] for name in declared}


def _sheet_paths(archive: zipfile.ZipFile) -> tuple[dict[str, str], set[str]]:
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
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
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


def _sheet(archive: zipfile.ZipFile, path: str, shared: list[Cell], dates: _Dates, budget: int) -> tuple[_Sheet, int]:
    """The cells of a sheet that hold something; the size that the sheet declares is not looked at.

    `budget` is the number of cells that may still be read; what is left of it is returned.
    """
    rows = _Rows(path, shared, dates, budget)
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
    return rows.sheet, rows.budget


def _is_utf8(raw: bytes) -> bool:
    declared = re.match(rb"<\?xml[^>]*encoding=[\"']([^\"']+)", raw.removeprefix(answer.BOM))
    return declared is None or declared[1].lower() == b"utf-8"


class _Rows:
    """Gathers the cells of a sheet's rows: by pattern where all cells of a row are plain, else from XML events."""

    def __init__(self, path: str, shared: list[Cell], dates: _Dates, budget: int) -> None:
        self.path = path
        self.sheet = _Sheet()
        self.budget = budget
        self.shared = shared
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
        return f"the cell {_column_letters(self.column)}{self.row_number}"

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
            if not (plain and (self._read_usual(int(match[1]), body) or self._read_plain(int(match[1]), body))):
                _parse_xml(self.path, f"<row {end}".encode(), self.start, self.end, self.text)
        if not whole:
            self.sheet.cells.clear()
            _parse_xml(self.path, f"<sheetData>{rows}</sheetData>".encode(), self.start, self.end, self.text)

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
            column = columns.get(letters) or _column_number(letters)
            if kind == "s":
                try:
                    cell = shared[int(stored)]
                except (IndexError, ValueError):
                    return False  # the parser will say which cell it is
                if _holds(cell):
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
        tags = 0
        row: dict[int, Cell] = {}
        for letters, kind, tail, formula, stored, inline in found:
            if not stored and not inline:
                tags += 1 if tail == "/>" else 2
                continue
            if (kind == "inlineStr") != bool(inline):
                return False
            tags += 6 if inline or formula else 4
            column = _COLUMNS.get(letters) or _column_number(letters)
            try:
                cell = _plain(kind, stored or inline, self.shared)
            except (IndexError, ValueError):
                return False  # the parser will say which cell it is
            if _holds(cell):
                row[column] = cell
        if tags != body.count("<"):
            return False
        self._spend(len(found))
        self.row_number, self.column = number, 0
        self.sheet.cells.setdefault(number, {}).update(row)
        return True

    def _spend(self, count: int) -> None:
        self.budget -= count
        if self.budget < 0:
            raise PublisherError(f"{self.path}: more than {_MAX_CELLS:,} cells; the file is not read")

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
    return int(match[2]), _column_number(match[1])


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def _column_letters(number: int) -> str:
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


_COLUMNS: Final = {_column_letters(number): number for number in range(1, 703)}
