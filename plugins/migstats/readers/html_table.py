"""Reader of tables that a publisher gives only in a web page; found by caption and headers, never by position."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from migstats.errors import DriftError, MigstatsError, PublisherError, TryAgainError
from migstats.layout import DelimitedLayout, HtmlTableLayout
from migstats.readers import NOTE, PLACE, ROW, Envelope, Explained, TextTable, cells, delimited, html_cells
from migstats.readers.html_cells import Cell, Page, Table

_PLACE: Final = re.compile(r"table ([0-9]+) row ([0-9]+) column ([0-9]+)")


@dataclass(frozen=True)
class _Found:
    """The table that is meant, as delimited text with a line for each row."""

    table: Table
    header: int  # row from 1
    texts: list[str]
    text: bytes
    beside: tuple[Explained, ...]


def inspect(payload: bytes, layout: HtmlTableLayout) -> Envelope:
    """Nothing is said of itself. TryAgainError: no page, a page without a table (told by its title), or one cut off.

    PublisherError: nothing at all, more cells than a page of figures has, no record. DriftError: no table has the
    caption and the headers that are declared, or several do; a cell stands over several figures.
    """
    _found(payload, layout)
    return Envelope()


def read(payload: bytes, layout: HtmlTableLayout) -> TextTable:
    """One row per record and column of figures, as `delimited.read` gives them, at places `table 2 row 5 column 3`.

    Rows and columns count from 1, with spans expanded. Marks raised, lowered or crossed out beside a figure, links to
    notes behind it, and those beside the header above it or beside another cell of its record are its `_note`. Texts
    that a reader of the page does not see are no part of a cell. Numbers of hidden rows are counted as
    `outside_tables`, those of rows over the whole width below the records as `header_or_note`.
    """
    found = _found(payload, layout)
    try:
        table = delimited.read(found.text, _declared(layout))
    except MigstatsError as error:
        raise _in_table(error, found.table) from error
    at = {text: number for number, text in enumerate(found.texts, start=1)}

    def place(template: str) -> str:
        match = re.fullmatch(r"line (\{\}|[0-9]+) column (.*)", template, re.DOTALL)
        if match:
            return f"table {found.table.number} row {match[1]} column {at[match[2]]}"
        return re.sub(r"^line ([0-9]+)", rf"table {found.table.number} row \1", template)

    places = table.data[PLACE].combine_chunks()
    templates = [place(text) for text in places.dictionary.to_pylist()]
    data = table.data.set_column(
        table.data.schema.get_field_index(PLACE), PLACE, pa.DictionaryArray.from_arrays(places.indices, templates)
    )
    columns = np.array([int(text.rsplit(" ", 1)[1]) for text in templates])[places.indices.to_numpy()]
    data = _with_notes(data, found, columns)
    explained = (*(replace(e, example=place(e.example)) for e in table.explained), *found.beside)
    return replace(table, data=data, explained=explained)


def locate(payload: bytes, place: str, layout: HtmlTableLayout) -> str | None:
    """The figure at a place such as `table 2 row 5 column 3`, as `read` gives it; None where the cell is empty."""
    match = _PLACE.fullmatch(place)
    if match is None:
        raise PublisherError(f"{place!r} is no place such as `table 2 row 5 column 3`")
    table, row, column = map(int, match.groups())
    tables = html_cells.page(payload, layout.encoding).tables
    if not (1 <= table <= len(tables) and 1 <= row <= len(tables[table - 1].rows)):
        raise PublisherError(f"the payload has no place {place}")
    cells_of = tables[table - 1].rows[row - 1]
    if not 1 <= column <= tables[table - 1].width:
        raise PublisherError(f"the payload has no place {place}")
    return (cells_of[column - 1].text if column <= len(cells_of) else "") or None


def _declared(layout: HtmlTableLayout) -> DelimitedLayout:
    """As delimited text; a column of sections has to be there too."""
    shared = layout.delimited
    if layout.section is None:
        return shared
    return shared.model_copy(update={"columns": {**shared.columns, layout.section: (layout.section,)}})


def _found(payload: bytes, layout: HtmlTableLayout) -> _Found:
    page = html_cells.page(payload, layout.encoding)
    shown = [table for table in page.tables if not table.is_hidden]
    if not shown:
        raise TryAgainError(
            f"a web page with a table was expected; the page {page.title!r} has none: an error or a login may stand in "
            "for it"
        )
    called = [table for table in shown if layout.caption is None or re.search(layout.caption, table.called)]
    if not called:
        raise DriftError(
            f"no table has a caption or heading as {layout.caption!r}; the page {page.title!r} has {_names(shown)}"
        )
    headers: dict[int, tuple[int, list[str]]] = {}
    refused: dict[int, MigstatsError] = {}
    for table in called:
        try:
            headers[table.number] = delimited.header_of(_text(table.rows, table.width), layout.delimited)
        except MigstatsError as error:
            refused[table.number] = _in_table(error, table)
    if not headers:
        widest = max(called, key=lambda table: (table.width > 1, len(table.rows)))
        if isinstance(refused[widest.number], DriftError):
            raise refused[widest.number]
        raise DriftError(f"no table of the page {page.title!r} has the declared headers; it has {_names(shown)}")
    if len(headers) > 1:
        raise DriftError(
            f"the tables {', '.join(map(str, headers))} of the page {page.title!r} have the declared headers; it has "
            f"{_names(shown)}: say with `caption` which of them is meant"
        )
    [number] = headers
    return _records(page, page.tables[number - 1], *headers[number], layout)


def _records(page: Page, table: Table, header: int, texts: list[str], layout: HtmlTableLayout) -> _Found:
    """The table with its sections in a column, and without rows that are no records."""
    where = f"table {table.number}"
    if table.holds_tables:
        raise DriftError(f"{where}: a table stands in a cell of it; which cells are of which record is not said")
    if not table.closed:
        raise TryAgainError(f"{where} of the page {page.title!r} has no end; the page may have been cut off")
    width = table.width
    wide = {at for at, row in enumerate(table.rows) if at >= header and _is_wide(row, width)}
    records = [at for at in range(header, len(table.rows)) if at not in wide and at not in table.hidden]
    last = records[-1] if records else header
    among = sorted(at for at in wide if at < last and at not in table.hidden)
    if among and layout.section is None:
        raise DriftError(
            f"{where} row {among[0] + 1}: {table.rows[among[0]][0].text[:60]!r} stands over the whole width among the "
            "records; name the column that it is to be with `section`"
        )
    _refuse_spans(table, header, texts, records, layout)
    lines: list[list[str]] = []
    section = ""
    for at, row in enumerate(table.rows):
        if at >= header and at in wide and at not in table.hidden:
            section = row[0].text
        if at >= header and (at in wide or at in table.hidden):
            lines.append([])
            continue
        further = (
            [] if layout.section is None else [layout.section if at == header - 1 else section if at >= header else ""]
        )
        lines.append([*_padded(row, width), *further])
    beside = (
        _numbers("outside_tables", table, sorted(table.hidden)),
        _numbers("header_or_note", table, sorted(at for at in wide if at > last and at not in table.hidden)),
    )
    names = [*texts, *([layout.section] if layout.section is not None else [])]
    return _Found(table, header, names, _written(lines), tuple(e for e in beside if e.count))


def _refuse_spans(table: Table, header: int, texts: list[str], records: list[int], layout: HtmlTableLayout) -> None:
    """A figure that stands over several rows or columns is of several records, or of none."""
    declared = layout.delimited
    known = {text: name for name, said in declared.columns.items() for text in said}
    figures = [
        at
        for at, text in enumerate(texts)
        if known.get(text, text) in declared.figures
        or (declared.across is not None and text not in known and re.fullmatch(declared.across, text))
    ]
    for at in records:
        row = table.rows[at]
        for column in figures:
            cell = row[column] if column < len(row) else None
            if cell is not None and cell.text and (cell.across > 1 or cell.down != 1):
                raise DriftError(
                    f"table {table.number} row {at + 1} column {column + 1}: {cell.text[:60]!r} stands over several "
                    "rows or columns; of which record it is a figure is not said"
                )


def _with_notes(data: pa.Table, found: _Found, columns: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Table:
    """The marks beside each figure, its header, and the other cells of its record."""
    rows = found.table.rows
    heads = [" ".join(cell.marks) for cell in rows[found.header - 1]]
    marked = {at + 1 for at, row in enumerate(rows) if any(cell.marks for cell in row)}
    if not marked:
        return data
    figures = set(columns.tolist())
    notes: list[str | None] = []
    for at, column in zip(data[ROW].to_pylist(), columns.tolist(), strict=True):
        row = rows[at - 1]
        said = [heads[column - 1]] if column <= len(heads) else []
        if at in marked:
            seen: dict[int, Cell] = {id(cell): cell for n, cell in enumerate(row, 1) if n == column or n not in figures}
            said += [" ".join(cell.marks) for cell in seen.values()]
        notes.append(", ".join(filter(None, said)) or None)
    return data.append_column(NOTE, pc.dictionary_encode(pa.array(notes, pa.string())).cast(cells.CODED))


def _numbers(reason: str, table: Table, rows: list[int]) -> Explained:
    """How many cells of rows are numbers; a cell counts once."""
    found = [
        (at, column)
        for at in rows
        for column, cell in enumerate(table.rows[at])
        if cells.is_number(cell.text) and (column == 0 or table.rows[at][column - 1] is not cell)
    ]
    first = f"table {table.number} row {found[0][0] + 1} column {found[0][1] + 1}" if found else ""
    return Explained(reason, len(found), first)


def _is_wide(row: list[Cell], width: int) -> bool:
    """Whether one cell stands over the whole width."""
    return width > 1 and len(row) == width and all(cell is row[0] for cell in row) and bool(row[0].text)


def _padded(row: list[Cell], width: int) -> list[str]:
    return [*(cell.text for cell in row), *[""] * (width - len(row))]


def _text(rows: list[list[Cell]], width: int) -> bytes:
    return _written([_padded(row, width) for row in rows])


def _written(lines: list[list[str]]) -> bytes:
    """Delimited text: an empty list is an empty line, so that lines keep the numbers of their rows."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for line in lines:
        writer.writerow(line)
    return stream.getvalue().encode()


def _names(tables: list[Table]) -> str:
    said = [f"table {table.number} {table.called[:60]!r} with {len(table.rows)} rows" for table in tables[:10]]
    return ", ".join(said) + (" ..." if len(tables) > 10 else "")


def _in_table(error: MigstatsError, table: Table) -> MigstatsError:
    """An error about delimited text, told of the table."""
    said = re.sub(r"\bline ([0-9]+)", r"row \1", str(error)).replace("delimited text", "a table with headers")
    return type(error)(f"table {table.number} {said}" if said.startswith("row ") else f"table {table.number}: {said}")
