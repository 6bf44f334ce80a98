"""Tables of a web page as rows of cells: spans expanded, marks beside the text, what is hidden told apart."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

from migstats.errors import DriftError, PublisherError, TryAgainError

#: Beyond these a page is no page of figures; expanded spans count.
MOST_BYTES: Final = 64 << 20
MOST_CELLS: Final = 1_000_000
_WIDEST: Final = 1_000

_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_UNREAD: Final = frozenset({"script", "style", "template", "noscript"})
_GROUPS: Final = frozenset({"thead", "tbody", "tfoot"})
#: Tags between which words do not touch.
_APART: Final = frozenset({"br", "p", "div", "li", "ul", "ol", "dd", "dt", "hr", "option", *_HEADINGS})
#: What is raised, lowered or crossed out stands beside a figure and is no part of it.
_BESIDE: Final = frozenset({"sup", "sub", "del", "s", "strike"})
#: Tags that hold nothing, and so have no end.
_EMPTY: Final = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_CHARSET: Final = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_HIDDEN: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*(hidden|collapse)", re.IGNORECASE)


@dataclass
class Cell:
    """One cell: its text, the marks raised beside it, and over how many columns and rows it stands."""

    text: str = ""
    marks: tuple[str, ...] = ()
    across: int = 1
    down: int = 1


@dataclass
class Table:
    """One table, its spans expanded: a cell that stands over several places is the same object in each."""

    number: int
    heading: str
    caption: str = ""
    rows: list[list[Cell]] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)  # rows from 0 that a reader of the page does not see
    holds_tables: bool = False
    closed: bool = False
    is_hidden: bool = False

    @property
    def width(self) -> int:
        """Columns of the widest row."""
        return max(map(len, self.rows), default=0)

    @property
    def called(self) -> str:
        """Its caption, or the heading above it."""
        return self.caption or self.heading


@dataclass(frozen=True)
class Page:
    """The title of a page, and its tables in order."""

    title: str
    tables: list[Table]


def page(payload: bytes, encoding: str | None) -> Page:
    """The tables of a page. `encoding` holds against what the page says of itself.

    PublisherError: nothing at all, larger than any page of figures, or a byte that is not of the encoding.
    TryAgainError: no markup. DriftError: a cell is hidden, so that the others stand under headers that are not theirs.
    """
    if not payload.strip():
        raise PublisherError("the answer is empty, a web page with a table was expected; no rows are not zero rows")
    if len(payload) > MOST_BYTES:
        raise PublisherError(f"the page has {len(payload)} bytes, more than {MOST_BYTES}; ask for a smaller one")
    text = _decoded(payload, encoding)
    if not text.lstrip().startswith("<"):
        raise TryAgainError(f"a web page was expected, the answer begins with {text.lstrip()[:60]!r}")
    parser = _Parser()
    parser.feed(text)
    parser.close()
    return Page(_spaced("".join(parser.title)), parser.tables)


def _decoded(payload: bytes, encoding: str | None) -> str:
    said = _CHARSET.search(payload[:4096])
    name = encoding or (said[1].decode("ascii") if said else "utf-8")
    if payload.startswith(codecs.BOM_UTF8):
        name = "utf-8-sig"
    try:
        known = codecs.lookup(name).name
        # What pages call Latin 1 is read as Windows' by every browser.
        return payload.decode("cp1252" if known in ("iso8859-1", "ascii") else name)
    except LookupError:
        raise DriftError(f"the page says its encoding is {name!r}, which nobody knows; declare `encoding`") from None
    except UnicodeDecodeError as error:
        line = payload.count(b"\n", 0, error.start) + 1
        raise PublisherError(
            f"line {line} of the page: byte {payload[error.start]:#x} is not {name}; declare `encoding`"
        ) from error


def _spaced(text: str) -> str:
    return " ".join(text.split())


class _Parser(HTMLParser):
    """Collects cells as the page is read; what stands in a table within a table goes to the inner one."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.tables: list[Table] = []
        self._open: list[_Building] = []
        self._heading = ""
        self._words: list[str] | None = None  # of the heading or title that is open
        self._veil = _Veil()  # around whole tables
        self._unread = 0
        self._cells = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNREAD:
            self._unread += 1
            return
        if self._unread:
            return
        said = {name: value or "" for name, value in attrs}
        at = self._open[-1] if self._open else None
        if tag == "table":
            if at is not None:
                at.table.holds_tables = True
            hidden = _is_hidden(said) or self._veil.is_drawn
            table = Table(len(self.tables) + 1, self._heading, is_hidden=hidden)
            self.tables.append(table)
            self._open.append(_Building(table))
        elif at is not None and tag in _GROUPS:
            at.end_group()
            at.group_hidden = _is_hidden(said)
        elif at is not None and tag == "tr":
            at.end_row()
            at.start_row(hidden=_is_hidden(said))
        elif at is not None and tag in ("td", "th"):
            if _is_hidden(said):
                raise DriftError(
                    f"table {at.table.number} row {len(at.table.rows) + 1}: a cell is hidden, so that the others do "
                    "not stand under their headers; see what the publisher shows there"
                )
            at.start_cell(max(_span(said, "colspan", _WIDEST), 1), _span(said, "rowspan", MOST_CELLS))
        elif at is not None and tag == "caption":
            at.caption = []
        elif at is not None and tag in _BESIDE:
            at.raised += 1
        elif at is not None and tag == "a" and said.get("href", "").startswith("#"):
            at.start_link()
        elif tag == "title" or (tag in _HEADINGS and at is None):
            self._words = []
        elif tag not in _EMPTY:
            (self._veil if at is None else at.veil).start(tag, hidden=_is_hidden(said))
        if at is not None and tag in _APART:
            at.add(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _UNREAD:
            self.handle_starttag(tag, attrs)
            (self._open[-1].veil if self._open else self._veil).end(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNREAD:
            self._unread = max(self._unread - 1, 0)
            return
        if self._unread:
            return
        at = self._open[-1] if self._open else None
        (self._veil if at is None else at.veil).end(tag)
        if tag == "title" and self._words is not None:
            self.title, self._words = self._words, None
        elif tag in _HEADINGS and self._words is not None:
            self._heading, self._words = _spaced("".join(self._words)), None
        if at is None:
            return
        if tag == "table":
            at.end_group()
            at.table.closed = True
            self._open.pop()
            self._cells += sum(map(len, at.table.rows))
            if self._cells > MOST_CELLS:
                raise PublisherError(
                    f"the tables of the page have more than {MOST_CELLS} cells; ask for a smaller page"
                )
        elif tag in _GROUPS:
            at.end_group()
        elif tag == "tr":
            at.end_row()
        elif tag in ("td", "th"):
            at.end_cell()
        elif tag == "caption" and at.caption is not None:
            at.table.caption, at.caption = _spaced("".join(at.caption)), None
        elif tag in _BESIDE:
            at.raised = max(at.raised - 1, 0)
            at.end_mark()
        elif tag == "a":
            at.end_link()
        elif tag in _APART:
            at.add(" ")

    def handle_data(self, data: str) -> None:
        if self._unread:
            return
        if self._words is not None:
            self._words.append(data)
        elif self._open:
            self._open[-1].add(data)


class _Veil:
    """Whether something stands within an element that a reader of the page does not see."""

    def __init__(self) -> None:
        self._tag = ""
        self._depth = 0

    @property
    def is_drawn(self) -> bool:
        """Whether such an element is open."""
        return self._depth > 0

    def start(self, tag: str, *, hidden: bool) -> None:
        if self._depth == 0 and hidden:
            self._tag, self._depth = tag, 1
        elif self._depth and tag == self._tag:
            self._depth += 1

    def end(self, tag: str) -> None:
        if self._depth and tag == self._tag:
            self._depth -= 1


class _Building:
    """A table while its cells come: what hangs down from rows above is put in before them."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.caption: list[str] | None = None
        self.raised = 0
        self.veil = _Veil()  # within the open cell
        self.group_hidden = False
        self._link = False
        self._row: list[Cell] | None = None
        self._hidden = False
        self._cell: Cell | None = None
        self._text: list[str] = []
        self._marks: list[str] = []
        self._mark: list[str] = []
        self._hanging: dict[int, tuple[Cell, int]] = {}  # column → cell, rows that it still hangs into
        self._later: dict[int, tuple[Cell, int]] = {}  # the same, once this row is over
        self._expanded = 0

    def add(self, text: str) -> None:
        if self.veil.is_drawn:
            return
        if self.caption is not None:
            self.caption.append(text)
        elif self._cell is not None:
            (self._mark if self.raised else self._text).append(text)

    def end_mark(self) -> None:
        mark = _spaced("".join(self._mark))
        if mark:
            self._marks.append(mark)
        self._mark = []

    def start_link(self) -> None:
        """A link within the page; directly behind a digit it is the number of a note, and not a digit."""
        if not self._link and "".join(self._text)[-1:].isdigit():
            self._link = True
            self.raised += 1

    def end_link(self) -> None:
        if self._link:
            self._link = False
            self.raised = max(self.raised - 1, 0)
            self.end_mark()

    def start_row(self, *, hidden: bool) -> None:
        self._row, self._hidden = [], hidden or self.group_hidden

    def start_cell(self, across: int, down: int) -> None:
        self.end_cell()
        if self._row is None:  # a page may leave out <tr> before the first cell
            self.start_row(hidden=False)
        self._cell, self._text, self._marks, self._mark, self.raised = Cell(across=across, down=down), [], [], [], 0
        self.veil, self._link = _Veil(), False

    def end_cell(self) -> None:
        cell, row = self._cell, self._row
        if cell is None or row is None:
            return
        self.end_mark()
        cell.text, cell.marks, self._cell = _spaced("".join(self._text)), tuple(self._marks), None
        self._put_hanging(row)
        if cell.down != 1:
            self._later |= {len(row) + n: (cell, cell.down - 1) for n in range(cell.across)}
        row.extend([cell] * cell.across)
        self._expanded += cell.across
        if self._expanded > MOST_CELLS:
            raise PublisherError(f"table {self.table.number} has more than {MOST_CELLS} cells; ask for a smaller page")

    def _put_hanging(self, row: list[Cell]) -> None:
        """What hangs down from above into the next places of this row."""
        while len(row) in self._hanging:
            at = len(row)
            cell, left = self._hanging.pop(at)
            row.append(cell)
            self._expanded += 1
            if left != 1:  # below nought: as far as the group goes
                self._later[at] = (cell, left - 1)

    def end_row(self) -> None:
        self.end_cell()
        if self._row is None:
            return
        while self._hanging:  # a row that is too short for what hangs down behind it
            self._put_hanging(self._row)
            if self._hanging:
                self._row.append(Cell())
        if self._hidden:
            self.table.hidden.add(len(self.table.rows))
        self.table.rows.append(self._row)
        self._row = None
        self._hanging, self._later = self._later, {}

    def end_group(self) -> None:
        """Nothing hangs from one group of rows into another."""
        self.end_row()
        self._hanging = {}
        self.group_hidden = False


def _span(said: dict[str, str], name: str, most: int) -> int:
    text = said.get(name, "1").strip()
    return min(int(text), most) if re.fullmatch("[0-9]{1,9}", text) else 1


def _is_hidden(said: dict[str, str]) -> bool:
    return "hidden" in said or _HIDDEN.search(said.get("style", "")) is not None
