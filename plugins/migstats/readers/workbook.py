"""Reader of Excel workbooks (.xlsx): tables found by sheet name and header texts, cells taken from the sheet's XML."""

from __future__ import annotations

import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migstats.errors import DeclarationError, DriftError, PublisherError
from migstats.layout import WorkbookLayout, WorkbookTable
from migstats.readers import NOTE, Envelope, Explained, TextTable, cells
from migstats.readers.xlsx import Cell, Sheet, column_letters, column_number, opened, sheet_paths, sheets

_BLOCK: Final = "block"
#: Rows above the header's last row in which the texts of a header of several rows may stand.
_HEADER_DEPTH: Final = 3
_PLACE: Final = re.compile(r"(.+)!([A-Z]{1,3})([1-9][0-9]{0,6})", re.DOTALL)
_FIGURE: Final = re.compile(r"[-+]?[0-9][0-9\s.,']*")


@dataclass(frozen=True)
class _Header:
    """Where a table of a sheet is."""

    row: int
    columns: dict[str, int]
    figures: tuple[tuple[int, str, tuple[str, ...]], ...]  # column, block, what its header says: as `across` names it
    across: tuple[str, ...]
    outside: frozenset[int]  # columns whose numbers are declared to be none of the figures
    unheard: frozenset[int]  # columns of which nothing is declared, beside the figures


def inspect(payload: bytes, layout: WorkbookLayout) -> Envelope:
    """A workbook says nothing of pages. Only the list of sheets is read.

    TryAgainError: a web page, a damaged file. PublisherError: nothing, another format, a file too large.
    DriftError: a declared sheet is not there, or is hidden.
    """
    with opened(payload) as archive:
        _declared(archive, layout)
    return Envelope()


def read(payload: bytes, layout: WorkbookLayout) -> TextTable:
    """One row per figure cell that holds something; columns as declared, `block`, what the headers say, `_note`.

    Whole numbers are text without fraction, others the shortest text of the stored number; a date is its ISO
    text, an error cell its error, a formula that nobody calculated its formula. Figure cells that hold nothing
    are counted as blank, texts of rows without a key as header or note; a number in such a row is kept, with a
    null key, stored as text or not. DriftError: a sheet, title, header or column is missing or stands twice, also among
    the rows, or numbers stand in a column that is neither declared nor over a period.
    """
    parts: list[TextTable] = []
    with opened(payload) as archive:
        tables, paths = _declared(archive, layout)
        found = sheets(archive, paths, layout.max_cells)
    for table in tables:
        parts.append(_table(found[table.sheet], table))
    names = list(dict.fromkeys(name for part in parts for name in part.data.column_names))
    data = pa.concat_tables([_with_columns(part.data, names) for part in parts]).unify_dictionaries().combine_chunks()
    explained: dict[str, Explained] = {}
    for one in (e for part in parts for e in part.explained):
        before = explained.get(one.reason, Explained(one.reason, 0, one.example))
        explained[one.reason] = Explained(one.reason, before.count + one.count, before.example)
    if not data.num_rows:
        raise PublisherError(f"sheets {', '.join(paths)}: no figure cell holds anything: no rows")
    return TextTable(data, tuple(explained.values()), dimensions=tuple(_dimensions(data, layout)))


def locate(payload: bytes, place: str, layout: WorkbookLayout) -> str | None:
    """The text of a cell such as `Table 1!F12`, as `read` gives it; None where only a note stands in it.

    PublisherError where the workbook has no such cell.
    """
    match = _PLACE.fullmatch(place)
    if not match:
        raise PublisherError(f"{place!r} is no place such as `Table 1!F12`")
    with opened(payload) as archive:
        paths, _ = sheet_paths(archive)
        if match[1] not in paths:
            raise PublisherError(f"the workbook has no sheet {match[1]!r}")
        sheet = sheets(archive, {match[1]: paths[match[1]]}, layout.max_cells)[match[1]]
    cell = sheet.cells.get(int(match[3]), {}).get(column_number(match[2]))
    if cell is None:
        raise PublisherError(f"the payload has no place {place}: the cell holds nothing")
    return cell.text or None


def _dimensions(data: pa.Table, layout: WorkbookLayout) -> Iterator[tuple[str, ...]]:
    """What headers and titles say of figures: blocks that are named, and of the rest what differs."""
    if any(pc.unique(data[_BLOCK]).to_pylist()):
        yield (_BLOCK,)
    for name in dict.fromkeys(name for table in layout.tables for name in (*table.across, *table.of_title)):
        if len(pc.unique(data[name])) > 1:
            yield (name,)


# --- the table ---


def _table(sheet: Sheet, table: WorkbookTable) -> TextTable:
    header = _header(sheet, table)
    title = _title(sheet, table, header)
    _refuse_merged_figures(sheet, table, header)
    if {_BLOCK, NOTE} & {*table.columns, *header.across, *title}:
        raise DeclarationError(f"sheet {table.sheet!r}: {_BLOCK} and {NOTE} are columns of the reader; name others")
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
        if keyed:
            _refuse_header_again(sheet, table, header, number)
        if keyed and header.unheard:
            for column in header.unheard & row.keys():
                if _is_number(row[column]):
                    strays.setdefault(column, number)
        if keyed and header.outside:
            for column in sorted(header.outside & row.keys()):
                counts["outside_tables"] += 1
                examples.setdefault("outside_tables", f"{table.sheet}!{column_letters(column)}{number}")
        if used.isdisjoint(row):
            continue  # an empty row, or one with a remark beside the table
        at = len(numbers)
        numbers.append(number)
        for name, column in header.columns.items():
            keys[name].append(row[column].text if column in row else None)
        for index, column in enumerate(figure_columns, at * len(figure_columns)):
            cell = row.get(column)
            if cell is not None and (keyed or _is_number(cell)):
                flat.append(index)
                picked.append(cell)
                continue
            reason = "blank" if cell is None else "header_or_note"
            counts[reason] += 1
            examples.setdefault(reason, f"{table.sheet}!{column_letters(column)}{number}")
    _refuse_strays(sheet, table, header, strays)
    rows, figures = np.divmod(np.array(flat, dtype=np.int64), len(figure_columns))
    columns = {name: cells.coded(texts).take(pa.array(rows)) for name, texts in keys.items()}
    columns[_BLOCK] = cells.indexed(figures, [block for _, block, _ in header.figures])
    for index, name in enumerate(header.across):
        columns[name] = cells.indexed(figures, [said[index] for _, _, said in header.figures])
    for name, text in title.items():
        columns[name] = cells.indexed(np.zeros(len(picked), dtype=np.int64), [text])
    columns[NOTE] = cells.coded([cell.note or None for cell in picked])
    return cells.text_table(
        columns,
        pa.array([cell.text or None for cell in picked], pa.string()),
        [f"{table.sheet}!{column_letters(column)}{{}}" for column, _, _ in header.figures],
        np.array(numbers, dtype=np.int64)[rows],
        template=figures,
        explained=[Explained(reason, count, examples[reason]) for reason, count in counts.items()],
    )


def _header(sheet: Sheet, table: WorkbookTable) -> _Header:
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
            where = "; ".join(f"{n} in {', '.join(map(column_letters, at))}" for n, at in twice.items())
            raise DriftError(f"sheet {table.sheet!r} row {row}: a header stands twice: {where}")
        columns = {name: at[0] for name, at in found.items()}
        if any(bottom > row and left in columns.values() and top <= row for top, left, bottom, _ in sheet.merged):
            continue  # the header goes on below
        periods = {
            column: _said(match, table)
            for column, cell in sorted(sheet.cells[row].items())
            if column not in columns.values() and (match := period.fullmatch(" ".join(cell.text.split())))
        }
        if periods:
            return _found_header(sheet, table, row, columns, periods)
    raise DriftError(_missing(sheet, table, best))


def _said(match: re.Match[str], table: WorkbookTable) -> tuple[str, ...]:
    """What the header over a figure column says, for each name of `across`."""
    named = match.groupdict()
    return tuple((named[name] or "") if name in named else match[0] for name in table.across)


def _found_header(
    sheet: Sheet, table: WorkbookTable, row: int, columns: dict[str, int], periods: dict[int, tuple[str, ...]]
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
    return _Header(row, columns, figures, table.across, outside, frozenset(unheard) - outside)


def _heading(sheet: Sheet, row: int, column: int) -> str:
    """The lowest text of a header that ends in this row; empty where there is none."""
    above = range(row, max(row - _HEADER_DEPTH, 0), -1)
    found = (sheet.cells.get(r, {}).get(column) for r in above)
    return next((" ".join(cell.text.split()) for cell in found if cell is not None), "")


def _title(sheet: Sheet, table: WorkbookTable, header: _Header) -> dict[str, str]:
    """What the named groups of `title` hold; nothing where no title is declared."""
    if table.title is None:
        return {}
    texts = [
        _plain_text(cell.text) for row in sorted(sheet.cells) if row < header.row for cell in sheet.cells[row].values()
    ]
    found = [match for text in texts if (match := re.search(table.title, text, re.IGNORECASE))]
    if not found:
        raise DriftError(
            f"sheet {table.sheet!r}: no text above the header in row {header.row} matches the title {table.title!r}; "
            f"there stand {[text[:120] for text in texts[:6]]}: it is another table, or the publisher changed its "
            "title: see what the file holds, then ask for the right one or mend `title` in source.yaml"
        )
    said = [{name: text or "" for name, text in match.groupdict().items()} for match in found]
    if any(other != said[0] for other in said):
        raise DriftError(
            f"sheet {table.sheet!r}: texts above the header in row {header.row} match the title {table.title!r} and do "
            f"not say the same: {said}; make `title` in source.yaml narrower"
        )
    return said[0]


def _refuse_strays(sheet: Sheet, table: WorkbookTable, header: _Header, strays: dict[int, int]) -> None:
    """Numbers in a column of which nothing is declared may be figures that nobody would miss."""
    if not strays:
        return
    found = "; ".join(
        f"{column_letters(column)} (header {_heading(sheet, header.row, column)!r}, first "
        f"{column_letters(column)}{row}: {sheet.cells[row][column].text})"
        for column, row in sorted(strays.items())
    )
    raise DriftError(
        f"sheet {table.sheet!r} row {header.row}: numbers stand in columns that are neither declared nor over a period "
        f"({table.periods!r}): {found}; where they are figures widen `periods` (its group `period` is the period), "
        "where they are none name their headers in `outside`"
    )


def _refuse_header_again(sheet: Sheet, table: WorkbookTable, header: _Header, number: int) -> None:
    """Headers among the rows are the beginning of another table, whose figures would pass for those of this one."""
    row, heads = sheet.cells[number], sheet.cells[header.row]
    first, *others = [column for column, _, _ in header.figures]
    again = row[header.columns[table.key]].is_text and all(
        column in row and _normal(row[column].text) in map(_normal, table.columns[name])
        for name, column in header.columns.items()
    )
    if not again and others and first in row and row[first].text == heads[first].text:
        again = all(column in row and row[column].text == heads[column].text for column in others)
    if again:
        texts = [cell.text for _, cell in sorted(row.items())][:12]
        raise DriftError(
            f"sheet {table.sheet!r} row {number}: the header of row {header.row} stands there once more ({texts}); "
            "another table may begin there, of which it is not said whether its figures are meant: see what it holds"
        )


def _is_number(cell: Cell) -> bool:
    return not cell.is_text or _FIGURE.fullmatch(cell.text.strip()) is not None


def _columns_with(sheet: Sheet, row: int, texts: Iterable[str]) -> list[int]:
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
    sheet: Sheet, table: WorkbookTable, row: int, periods: dict[int, tuple[str, ...]]
) -> tuple[tuple[int, str, tuple[str, ...]], ...]:
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
                f"{column_letters(min(periods))}{row}; a label of each block of columns was expected there"
            )
        label = ""
        for column in blocks:
            label = labels.get(column, label)
            blocks[column] = label
    headers = Counter((blocks[column], *said) for column, said in periods.items())
    twice = [header for header, count in headers.items() if count > 1]
    if twice:
        names = ", ".join((_BLOCK, *table.across))
        raise DriftError(f"sheet {table.sheet!r} row {row}: figure columns stand twice ({names}): {twice}")
    return tuple((column, blocks[column], said) for column, said in periods.items())


def _missing(sheet: Sheet, table: WorkbookTable, best: tuple[int, dict[str, list[int]], int] | None) -> str:
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


def _refuse_merged_figures(sheet: Sheet, table: WorkbookTable, header: _Header) -> None:
    figures = {column for column, _, _ in header.figures}
    for top, left, bottom, right in sheet.merged:
        row = sheet.cells.get(top, {})
        if top <= header.row or left not in row or left not in figures:
            continue
        heading = row[left].is_text and header.columns[table.key] not in row
        if not heading and (bottom > top or not figures.isdisjoint(range(left + 1, right + 1))):
            raise DriftError(
                f"sheet {table.sheet!r}: the figure cells {column_letters(left)}{top}:"
                f"{column_letters(right)}{bottom} are merged; to which of them the figure belongs is not said"
            )


def _plain_text(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


@lru_cache(maxsize=10_000)
def _normal(text: str) -> str:
    return _plain_text(text).casefold()


def _with_columns(data: pa.Table, names: list[str]) -> pa.Table:
    for name in names:
        if name not in data.column_names:
            data = data.append_column(name, cells.coded([None] * data.num_rows).cast(cells.CODED))
    return data.select(names)


def _declared(archive: zipfile.ZipFile, layout: WorkbookLayout) -> tuple[list[WorkbookTable], dict[str, str]]:
    """The tables with the sheet of each, in declared order, and name → path of these sheets."""
    paths, hidden = sheet_paths(archive)
    tables: list[WorkbookTable] = []
    lacking: list[str] = []
    for table in layout.tables:
        names = [name for name in paths if re.fullmatch(table.sheet, name)] if table.each else [table.sheet]
        if not names or not set(names) <= set(paths):
            lacking.append(table.sheet)
        tables.extend(table.model_copy(update={"sheet": name, "each": False}) for name in names)
    if lacking:
        raise DriftError(
            f"the workbook has no sheet {', '.join(map(repr, lacking))}; it has {', '.join(map(repr, paths))}"
        )
    declared = dict.fromkeys(table.sheet for table in tables)
    new = [name for name in paths if name not in declared and not re.fullmatch(layout.sheets or ".*", name)]
    if new:
        raise DriftError(f"the workbook has new sheets: {', '.join(map(repr, new))}; see what is in them")
    unseen = [name for name in declared if name in hidden]
    if unseen:
        raise DriftError(f"the sheets {', '.join(map(repr, unseen))} are hidden; hidden figures are not published ones")
    return tables, {name: paths[name] for name in declared}
