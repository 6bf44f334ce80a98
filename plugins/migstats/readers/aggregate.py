"""Figures that are made from records: groups of records, block after block, and from a figure back to its records.

Distinct texts are looked at once each; a block of records becomes one row of partial sums per group. Sums are exact:
they are added up as decimals of nine places, never as floating point numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from migstats.errors import DriftError, PublisherError
from migstats.layout import Aggregate, Number, RecordPeriod
from migstats.readers import NOTE, PROBLEM, RECORDS, ROW, VALUE, Envelope, Explained, TextTable, cells

PERIOD: Final = "period"
STATUS: Final = "_status"
_MEASURE: Final = "measure"
_FIGURE: Final = "_figure"
_TWICE: Final = "_twice"
#: How many partial groups are kept before they are brought together.
_COMPACT: Final = 1 << 20
#: Groups, and records that cannot be read, beyond which a declaration is not believed.
MOST_GROUPS: Final = 4_000_000
MOST_UNREADABLE: Final = 200_000
_FIRST: Final = 5
#: What can be added up exactly.
_ADDABLE: Final = r"^[+-]?[0-9]{1,18}(?:\.[0-9]{1,9})?$"
_EXACT: Final = pl.Decimal(38, 9)

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Block:
    """Some records: the columns that `Aggregate.columns` names, those of figures, and the row of each record."""

    columns: Mapping[str, pa.DictionaryArray]
    figures: Sequence[pa.Array]
    rows: Rows
    #: Records that hold nothing at all.
    blank: Mask | None = None
    #: Records that repeat an earlier one in all, and those that contradict others of their id.
    repeats: Mask | None = None
    contradicts: Mask | None = None


Blocks = Callable[[], Iterable[Block]]


@dataclass(frozen=True)
class Records:
    """Records that are made into figures: how, and how their places are named, each with a hole for the row."""

    declared: Aggregate
    figures: tuple[str, ...]
    record: str  # of a record as a whole: `line {}`, `/{}`
    #: Name of a column → the place of its cell, such as `line {} column Number Dead`.
    cell: Callable[[str], str]

    def template(self, figure: int) -> str:
        """The place of a figure: its records are those that agree with the first of them."""
        what = f"sum of {self.figures[figure]} over" if self.figures else "number of"
        return f"{what} the records as {self.record} in {', '.join((*self.declared.by, PERIOD))}"


def table(blocks: Blocks, of: Records, envelope: Envelope) -> TextTable:
    """One row per group and figure, and one per cell of a record that cannot be read, with its problem.

    `landed` counts cells: records times figures. A figure has the number of its cells in `_records`; cells of records
    that `where` leaves out are explained as `not_selected`, empty ones beside known ones as `blank`.
    DriftError where there are more groups than figures can have, more records that cannot be read than anybody would
    look at, or none that counts.
    """
    return _added(blocks, of).table(envelope)


def locate(blocks: Blocks, of: Records, place: str) -> str | None:
    """The figure at the place of a group, made again from its records; PublisherError where there is no such group."""
    figure, row = _at(of, place)
    groups = _added(blocks, of)
    found = groups.figures_of(figure).filter(pl.col(ROW) == row)
    if not found.height:
        raise PublisherError(f"the payload has no place {place}: no group of records begins there")
    text: str | None = found[VALUE][0]
    return text


def records(blocks: Blocks, of: Records, place: str) -> str:
    """Of which records the figure at a place is made: how many, in what they agree, and where the first ones stand."""
    _, row = _at(of, place)
    groups = _added(blocks, of)
    key = groups.together().filter(pl.col(ROW) == row)
    if not key.height:
        raise PublisherError(f"the payload has no place {place}: no group of records begins there")
    group = key.row(0, named=True)
    names = [*of.declared.by, PERIOD]
    first: list[int] = []
    for block in blocks():
        same = groups.coded(block).filter(pl.all_horizontal(pl.col(name) == group[name] for name in names))
        first += same[ROW].to_list()
        if len(first) >= _FIRST:
            break
    said = ", ".join(f"{name}={groups.texts(name)[group[name]]}" for name in names)
    places = ", ".join(of.record.replace("{}", str(at)) for at in first[:_FIRST])
    more = ", ..." if group["n"] > _FIRST else ""
    return f"{group['n']} records with {said}: {places}{more}"


def is_group(of: Records, place: str) -> bool:
    """Whether a place is that of a figure that was made from records."""
    return any(_matching(of, figure, place) for figure in range(max(len(of.figures), 1)))


def _matching(of: Records, figure: int, place: str) -> re.Match[str] | None:
    return re.fullmatch(re.escape(of.template(figure)).replace(r"\{\}", "([0-9]+)"), place)


def _at(of: Records, place: str) -> tuple[int, int]:
    for figure in range(max(len(of.figures), 1)):
        match = _matching(of, figure, place)
        if match:
            return figure, int(match[1])
    raise PublisherError(f"{place!r} is no place such as `{of.template(0).replace('{}', '17')}`")


def _added(blocks: Blocks, of: Records) -> _Groups:
    groups = _Groups(of)
    for block in blocks():
        groups.add(block)
    return groups


class _Groups:
    """Groups of records that grow with each block."""

    def __init__(self, of: Records) -> None:
        self.of = of
        self.keys = [*of.declared.by, PERIOD]
        #: Column → text → code, in the order in which they were seen.
        self.known: dict[str, dict[str, int]] = {name: {} for name in self.keys}
        #: What says a period → its code, or below nought the place in `odd` of a text that says none.
        self.said: dict[tuple[str, ...], int] = {}
        self.odd: list[str] = []
        self.parts: list[pl.DataFrame] = []
        self.unreadable: list[pl.DataFrame] = []
        self.records = 0
        #: Reason → records that it explains, and the first of them.
        self.explained: dict[str, tuple[int, int]] = {}
        #: Column of `where` → some of the texts in it.
        self.said_where: dict[str, dict[str, None]] = {}

    def add(self, block: Block) -> None:
        """Add the records of a block."""
        self.records += len(block.rows)
        frame = self.coded(block).with_columns(
            expression for at in range(len(block.figures)) for expression in _numbers(at, self.of.declared)
        )
        dated = frame.filter(pl.col(PERIOD) >= 0)
        self._keep_unreadable(frame.filter(pl.col(PERIOD) < 0), dated)
        sums = [
            expression
            for at in range(len(self.of.figures))
            for expression in (
                pl.col(f"value {at}").sum(),
                pl.col(f"value {at}").count().cast(pl.Int64).alias(f"known {at}"),
                pl.col(f"blank {at}").sum().cast(pl.Int64),
            )
        ]
        self.parts.append(dated.group_by(self.keys).agg(pl.len().cast(pl.Int64).alias("n"), pl.col(ROW).min(), *sums))
        if len(self.parts) > 1 and sum(part.height for part in self.parts) > _COMPACT:
            self.parts = [self.together()]

    def coded(self, block: Block) -> pl.DataFrame:
        """The records of a block that count, their groups as codes, and their rows."""
        texts = {name: _tidied(at, self.of.declared.same.get(name, {})) for name, at in block.columns.items()}
        counts: Mask = np.ones(len(block.rows), dtype=bool)
        if block.blank is not None:
            self._explain("blank", block.rows[block.blank])
            counts = ~block.blank
        if block.repeats is not None:
            self._explain("identical_duplicate", block.rows[block.repeats])
            counts &= ~block.repeats
        chosen = counts.copy()
        for name, wanted in self.of.declared.where.items():
            if name in texts:
                distinct, codes = texts[name]
                chosen &= np.array([text in wanted for text in distinct], dtype=bool)[codes]
                some = self.said_where.setdefault(name, {})
                some |= dict.fromkeys(distinct[code] for code in np.unique(codes)[:_FIRST] if len(some) < _FIRST)
        self._explain("not_selected", block.rows[counts & ~chosen])
        columns: dict[str, Rows] = {name: self._codes(name, *texts[name]) for name in self.of.declared.by}
        twice = np.zeros(len(block.rows), dtype=bool) if block.contradicts is None else block.contradicts
        at = pl.DataFrame({**columns, PERIOD: self._periods(texts), ROW: block.rows, _TWICE: twice})
        return at.with_columns(pl.Series(f"raw {n}", figure) for n, figure in enumerate(block.figures)).filter(
            pl.Series(chosen)
        )

    def together(self) -> pl.DataFrame:
        """One row per group: how many records, the first of them, and of each figure the sum, how often it is known,
        and how often it is blank.
        """
        if not self.parts:
            return pl.DataFrame(schema=dict.fromkeys([*self.keys, "n", ROW], pl.Int64))
        whole = pl.concat(self.parts)
        others = [name for name in whole.columns if name not in (*self.keys, ROW)]
        found = whole.group_by(self.keys).agg(pl.col(ROW).min(), *(pl.col(name).sum() for name in others))
        if found.height > MOST_GROUPS:
            raise DriftError(
                f"there are more than {MOST_GROUPS} groups of records; figures of single records are none: one of "
                f"{', '.join(self.keys)} tells records apart, and not groups; mend `aggregate.by`"
            )
        return found.select(whole.columns).sort(ROW)

    def texts(self, name: str) -> list[str]:
        """The texts of the codes of a column."""
        return list(self.known[name])

    def figures_of(self, figure: int) -> pl.DataFrame:
        """The groups of one figure: its text or null, its status and note, how many cells it is made of."""
        groups = self.together()
        if not self.of.figures:
            return groups.select(
                *self.keys, ROW, pl.col("n").cast(pl.String).alias(VALUE), pl.col("n").alias(RECORDS), _int("empty", 0)
            )
        known, blank, n = pl.col(f"known {figure}"), pl.col(f"blank {figure}"), pl.col("n")
        odd = n - known - blank
        note = pl.format("not stated in {} of {} records", blank + odd, n)
        text = pl.col(f"value {figure}").cast(pl.String).str.replace(r"\.?0+$", "")
        status = pl.when(known == n).then(pl.lit("complete")).when(known > 0).then(pl.lit("partial"))
        return groups.filter(known + blank > 0).select(
            *self.keys,
            ROW,
            pl.when(known > 0).then(text).alias(VALUE),
            status.otherwise(pl.lit("none")).alias(STATUS),
            pl.when((known > 0) & (known < n)).then(note).alias(NOTE),
            pl.when(known > 0).then(known).otherwise(blank).alias(RECORDS),
            pl.when(known > 0).then(blank).otherwise(0).alias("empty"),
        )

    def table(self, envelope: Envelope) -> TextTable:
        """The text table of all figures."""
        of = self.of
        self._require_some()
        times = max(len(of.figures), 1)
        groups = [self.figures_of(figure).with_columns(_int(_FIGURE, figure)) for figure in range(times)]
        shape = {PROBLEM: pl.String, **({STATUS: pl.String, NOTE: pl.String} if of.figures else {})}
        rows = pl.concat([*groups, *sorted_unreadable(self.unreadable)], how="diagonal").with_columns(
            pl.col(RECORDS).fill_null(1), pl.col("empty").fill_null(0)
        )
        rows = rows.with_columns(
            pl.lit(None, kind).alias(name) for name, kind in shape.items() if name not in rows.columns
        )
        data = {name: _dictionary(rows[name], self.texts(name)) for name in of.declared.by}
        periods = self.texts(PERIOD)
        codes = pl.when(pl.col(PERIOD) < 0).then(len(periods) - 1 - pl.col(PERIOD)).otherwise(pl.col(PERIOD))
        data[PERIOD] = _dictionary(rows.select(codes).to_series(), [*periods, *self.odd])
        if times > 1:
            data[_MEASURE] = _dictionary(rows[_FIGURE], list(of.figures))
        for name in shape:
            data[name] = rows[name].to_arrow().cast(pa.string()).dictionary_encode()
        if of.figures:  # a cell of a record has no groups that could lack some
            data[STATUS] = rows[STATUS].fill_null("complete").to_arrow().cast(pa.string()).dictionary_encode()
        templates, template = self._templates(rows, times)
        found = cells.text_table(
            data,
            rows[VALUE].to_arrow().cast(pa.string()),
            templates,
            rows[ROW].to_numpy(),
            template=template,
            explained=self._explained(rows, templates, template, times),
            envelope=envelope,
            dimensions=[(name,) for name in (*of.declared.by, PERIOD)]
            + ([(_MEASURE,)] if times > 1 else [])
            + ([(STATUS,)] if of.figures else []),
        )
        weighed = found.data.append_column(RECORDS, rows[RECORDS].cast(pl.Int64).to_arrow())
        return replace(found, data=weighed, records=self.records)

    def _require_some(self) -> None:
        """DriftError where `where` leaves no record: a text that changed would else empty a source without a word."""
        if "not_selected" in self.explained and not self.unreadable and not self.together().height:
            where = self.of.declared.where
            found = "; ".join(
                f"{name} says {', '.join(map(repr, texts))}, wanted is {' or '.join(map(repr, where[name]))}"
                for name, texts in self.said_where.items()
            )
            raise DriftError(
                f"no record is left: {found}; find out what the publisher writes now, and mend `aggregate.where` in "
                "source.yaml"
            )

    # -- what cannot be read ------------------------------------------------------------------------------------

    def _keep_unreadable(self, undated: pl.DataFrame, dated: pl.DataFrame) -> None:
        """Note the cells of records without a period, and those that hold no number that can be added."""
        said = pl.col(PERIOD).replace_strict(
            {-1 - at: text for at, text in enumerate(self.odd)}, default=None, return_dtype=pl.String
        )
        figures = range(len(self.of.figures))
        bad_period = pl.lit("bad_period")
        found = [_cells(undated, pl.col(f"raw {at}"), bad_period, at) for at in figures]
        for at in figures:
            problem = pl.col(f"problem {at}")
            found.append(_cells(dated.filter(problem.is_not_null()), pl.col(f"raw {at}"), problem, at))
        if not self.of.figures:
            found = [_cells(undated, said, bad_period, 0)]
        self.unreadable += [frame.select(*self.keys, ROW, VALUE, PROBLEM, _FIGURE) for frame in found if frame.height]
        if sum(frame.height for frame in self.unreadable) > MOST_UNREADABLE:
            one = self.unreadable[0].row(0, named=True)
            text = self.odd[-1 - one[PERIOD]] if one[PERIOD] < 0 else one[VALUE]
            raise DriftError(
                f"{self.of.record.replace('{}', str(one[ROW]))}: {text!r} is no "
                f"{'date' if one[PROBLEM] == 'bad_period' else 'number'} as it is declared, and so are more than "
                f"{MOST_UNREADABLE} others: see how the publisher writes them today, and mend `aggregate`"
            )

    def _templates(self, rows: pl.DataFrame, times: int) -> tuple[list[str], Rows]:
        """Places of groups, then of single cells: one template for each figure."""
        of = self.of
        alone = [of.cell(name) for name in of.figures] or [of.cell(of.declared.period.columns[0])]
        templates = [*(of.template(figure) for figure in range(times)), *alone]
        at = rows.select(pl.col(_FIGURE) + pl.when(pl.col(PROBLEM).is_null()).then(0).otherwise(times)).to_series()
        return templates, at.to_numpy()

    def _explain(self, reason: str, rows: Rows) -> None:
        if len(rows):
            count, first = self.explained.get(reason, (0, int(rows[0])))
            self.explained[reason] = (count + len(rows), first)

    def _explained(self, rows: pl.DataFrame, templates: list[str], template: Rows, times: int) -> Iterator[Explained]:
        for reason, (count, first) in self.explained.items():
            yield Explained(reason, count * times, self.of.record.replace("{}", str(first)))
        empty = rows["empty"].to_numpy()
        if empty.any():
            at = int(np.flatnonzero(empty)[0])
            yield Explained("blank", int(empty.sum()), templates[template[at]].replace("{}", str(rows[ROW][at])))

    # -- texts and periods --------------------------------------------------------------------------------------

    def _codes(self, name: str, texts: Sequence[str], codes: Rows) -> Rows:
        known = self.known[name]
        found: Rows = np.array([known.setdefault(text, len(known)) for text in texts], dtype=np.int64)[codes]
        return found

    def _periods(self, texts: Mapping[str, tuple[list[str], Rows]]) -> Rows:
        """The period of each record as a code; below nought where nothing says it."""
        parts = [texts[name] for name in self.of.declared.period.columns]
        distinct: list[tuple[str, ...]] = [(text,) for text in parts[0][0]]
        codes = parts[0][1]
        for more, further in parts[1:]:
            codes = codes * len(more) + further
            there = np.flatnonzero(np.bincount(codes, minlength=1))
            distinct = [(*distinct[at // len(more)], more[at % len(more)]) for at in there]
            codes = np.searchsorted(there, codes)
        new = [key for key in dict.fromkeys(distinct) if key not in self.said]
        for key, period in zip(new, _periods_of(new, self.of.declared.period), strict=True):
            if period is None:
                self.odd.append(" ".join(key))
                self.said[key] = -len(self.odd)
            else:
                self.said[key] = self.known[PERIOD].setdefault(period, len(self.known[PERIOD]))
        found: Rows = np.array([self.said[key] for key in distinct], dtype=np.int64)[codes]
        return found


def sorted_unreadable(frames: Sequence[pl.DataFrame]) -> list[pl.DataFrame]:
    """The cells that cannot be read, figure after figure, in the order of their rows."""
    return [pl.concat(frames).sort(_FIGURE, ROW)] if frames else []


def _int(name: str, value: int) -> pl.Expr:
    return pl.lit(value, pl.Int64).alias(name)


def _cells(frame: pl.DataFrame, value: pl.Expr, problem: pl.Expr, figure: int) -> pl.DataFrame:
    return frame.with_columns(value.alias(VALUE), problem.alias(PROBLEM), _int(_FIGURE, figure))


def _dictionary(codes: pl.Series, texts: Sequence[str]) -> pa.DictionaryArray:
    return cells.indexed(codes.to_numpy(), texts)


def _tidied(column: pa.DictionaryArray, same: Mapping[str, str]) -> tuple[list[str], Rows]:
    """The distinct texts of a column without needless blanks, in their declared spelling, and the code of each row."""
    texts = [" ".join(text.split()) if text is not None else "" for text in column.dictionary.to_pylist()]
    codes = column.indices.cast(pa.int64()).fill_null(len(texts)).to_numpy(zero_copy_only=False)
    return [*(same.get(text, text) for text in texts), ""], codes


def _numbers(at: int, declared: Aggregate) -> list[pl.Expr]:
    """Of a column of figures: the numbers, null where there is none, whether nothing is said, and what is wrong.

    A sum would hide that one of its members is below nought: its indicator's bounds are held against the sum alone.
    """
    text = _in_plain(pl.col(f"raw {at}").str.strip_chars(), declared.number)
    blank = text.is_null() | text.is_in(["", *declared.blank])
    number = pl.when(text.str.contains(_ADDABLE)).then(text).cast(_EXACT, strict=False)
    below = pl.lit(value=False) if declared.negative else number < 0
    problem = (
        pl.when(blank)
        .then(None)
        .when(pl.col(_TWICE))
        .then(pl.lit("conflicting_duplicate"))
        .when(number.is_null())
        .then(pl.lit("not_a_number"))
        .when(below)
        .then(pl.lit("out_of_bounds"))
    )
    value = pl.when(~blank & problem.is_null()).then(number)
    return [value.alias(f"value {at}"), blank.alias(f"blank {at}"), problem.alias(f"problem {at}")]


def _in_plain(text: pl.Expr, number: Number) -> pl.Expr:
    """Numbers with a decimal point and no marks between thousands; what is written otherwise stays, and is none."""
    if number.group:
        if number.group == " ":
            text = text.str.replace_all("[\u00a0\u2009\u202f]", " ")
        mark, point = re.escape(number.group), re.escape(number.decimal)
        grouped = text.str.contains(rf"^[+-]?[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+(?:{point}[0-9]+)?$")
        text = pl.when(grouped).then(text.str.replace_all(number.group, "", literal=True)).otherwise(text)
    if number.decimal == ",":
        plain = text.str.contains(r"^[+-]?[0-9]+(?:,[0-9]+)?$")
        text = (
            pl.when(plain)
            .then(text.str.replace(",", ".", literal=True))
            .otherwise(text.str.replace_all(".", "·", literal=True))
        )
    return text


def _periods_of(said: Sequence[tuple[str, ...]], declared: RecordPeriod) -> list[str | None]:
    """The period of each distinct text or pair of texts; None where it says none, or one that could be two."""
    if declared.date is None:
        return [_period_of(year, month, declared) for year, month in ((*key, "")[:2] for key in said)]
    texts = pl.Series([key[0] for key in said], dtype=pl.String)
    form = "%Y-%m" if declared.to == "month" else "%Y"
    found: list[set[str]] = [set() for _ in said]
    for written in declared.formats:
        moments = texts.str.to_datetime(written, strict=False, time_unit="us")
        if declared.zone is not None and "%H" in written:
            moments = moments.dt.replace_time_zone("UTC").dt.convert_time_zone(declared.zone)
        plausible = moments.dt.year().is_between(1800, 2200).fill_null(False)
        for at, (period, fits) in enumerate(zip(moments.dt.strftime(form), plausible, strict=True)):
            if fits:
                found[at].add(period)
    return [next(iter(periods)) if len(periods) == 1 else None for periods in found]


def _period_of(year: str, month: str, declared: RecordPeriod) -> str | None:
    """A period from the text of a year and of a month."""
    year = year.removesuffix(".0")
    if not re.fullmatch(r"1[89][0-9]{2}|2[01][0-9]{2}", year):
        return None
    if declared.to == "year":
        return year
    number = declared.months.get(month)
    if number is None and re.fullmatch(r"0?[1-9]|1[0-2]", month.removesuffix(".0")):
        number = int(month.removesuffix(".0"))
    return None if number is None else f"{year}-{number:02d}"
