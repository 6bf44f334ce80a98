"""Figures: what stands in the cells as numbers with their multiplier, and the statuses that go with them."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from migstats.coded import Coded, Ints, Mask, Problems, coded, constant, take
from migstats.codelists import Folders, read_codelist
from migstats.errors import DriftError
from migstats.layout import Number
from migstats.observation import EITHER_WAY, WITHOUT_VALUE
from migstats.readers import VALUE
from migstats.source import POWERS, Column, Dataset, Multiplier

#: What a publisher calls the column that says by which power of ten to multiply.
_MULTIPLIER: Final = "UNIT_MULT"
_POWER: Final = re.compile(r"([+-]?[0-9]{1,2})(?:[.]0)?")
_UNKNOWN, _EMPTY = -2, -1


def multipliers(table: pa.Table, dataset: Dataset, problems: Problems, place: Coded, line: Ints) -> Coded:
    """The power of ten of each row: as declared, or as the publisher's column says.

    DriftError where the payload has such a column that says something else than the declared number, unless the layout
    declares that it is a remark.
    """
    declared = dataset.unit_mult
    if isinstance(declared, Multiplier):
        return _mapped_multipliers(declared, coded(table[declared.column]), problems)
    remarks = getattr(dataset.reader, "attributes", ())
    for name in table.column_names:
        if name.upper() == _MULTIPLIER and name not in remarks:
            cells = coded(table[name])
            said = [v.strip() not in ("", str(declared)) and _power(v) != declared for v in cells.values]
            other = np.flatnonzero(take(said, cells.codes, 0).astype(bool) & problems.fine)
            if len(other):
                at, found = other[0], sorted({cells.values[c].strip() for c in np.unique(cells.codes[other])})
                where = place.values[place.codes[at]].replace("{}", str(line[at]))
                raise DriftError(
                    f"dataset {dataset.id}: the column {name} says that {len(other)} figures are to be multiplied by "
                    f"ten to the power of {', '.join(found)} (the first is {where}), source.yaml says unit_mult "
                    f"{declared}: declare `unit_mult: {{column: {name}}}`, or keep the others with `only`"
                )
    return constant(str(declared), table.num_rows)


def _mapped_multipliers(declared: Multiplier, cells: Coded, problems: Problems) -> Coded:
    powers = [str(power) for power in POWERS]
    blank = _EMPTY if declared.blank is None else powers.index(str(declared.blank))

    def number(cell: str) -> int:
        if not cell.strip():
            return blank
        power = _power(cell)
        return _UNKNOWN if power is None else powers.index(str(power))

    new = take([number(v) for v in cells.values], cells.codes, blank)
    problems.add(new == _UNKNOWN, "unknown_code", declared.column)
    problems.add(new == _EMPTY, "missing_dimension", declared.column)
    return Coded(np.maximum(new, -1), powers)


def _power(cell: str) -> int | None:
    """A power of ten as SDMX writes it; None for what is none."""
    match = _POWER.fullmatch(cell.strip())
    return int(match[1]) if match and int(match[1]) in POWERS else None


def _numbers(raw: pl.Series, number: Number, scale: Coded) -> pl.Series:
    """Figures × 10^scale as doubles; null where the text is not a finite number in the declared format."""
    text = raw.str.strip_chars()
    if number.group == " ":
        text = text.str.replace_all("[\u00a0\u2009\u202f]", " ")  # spaces that do not break, and the thin one
    if number.group:
        grouped = rf"^[+-]?\d{{1,3}}({_escape(number.group)}\d{{3}})+(?:{_escape(number.decimal)}\d+)?$"
        stray = text.str.contains(number.group, literal=True) & ~text.str.contains(grouped)
        text = text.str.replace_all(number.group, "", literal=True)
        text = pl.select(pl.when(stray).then(None).otherwise(text)).to_series()
    if number.decimal == ",":
        english = text.str.contains(".", literal=True)
        text = pl.select(pl.when(english).then(None).otherwise(text.str.replace(",", ".", literal=True))).to_series()
    value = text.cast(pl.Float64, strict=False)
    used = np.bincount(scale.codes + 1, minlength=len(scale.values) + 1)[1:]
    if any(count and power != "0" for count, power in zip(used, scale.values, strict=True)):
        # as an exponent of the text: 1.005 thousand is 1005, and 1.005 * 1000 of doubles is not
        powers = pl.Series([*scale.values, "0"], dtype=pl.String)[
            np.where(scale.codes < 0, len(scale.values), scale.codes)
        ]
        shifted = (text + "e" + powers).cast(pl.Float64, strict=False)
        value = pl.select(pl.coalesce(shifted, value * 10.0 ** powers.cast(pl.Int64))).to_series()
    # -0 is 0; to add 0.0 would say so too, but is taken for nothing to do
    return pl.select(pl.when(value == 0).then(0.0).when(value.is_finite()).then(value)).to_series()


def _escape(text: str) -> str:
    return "\\" + text if text in ".,'" else text


@dataclass(frozen=True)
class Figures:
    """Values (null where there is none), and of each row its statuses and why its figure is missing."""

    value: pl.Series
    obs_status: Coded
    conf_status: Coded
    missing_reason: Coded


def figures_of(
    raw: pl.Series,
    scale: Coded,
    dataset: Dataset,
    markers: Mapping[str, Mapping[str, tuple[str, str]]],
    flags: Mapping[str, Coded],
    problems: Problems,
    concepts: Folders,
) -> Figures:
    """Values and statuses. A text that is neither a number nor a declared marker is not guessed at.

    `markers` are the texts in place of figures: concept → text → (target, treatment); `flags` the statuses of the rows.
    """
    value = _numbers(raw, dataset.number, scale)
    cells = _as_listed(raw.fill_null("").str.strip_chars(), markers, dataset.number)
    # codes.csv may say of a number that it is no figure: 0 where it covers "none" and "not known", -99
    value = pl.select(pl.when(~cells.is_in(_texts(markers))).then(value)).to_series()
    absent = value.is_null().to_numpy()
    texts = cells.filter(pl.Series(absent)).unique().sort().to_list()

    marked: dict[str, Coded] = {}
    index = {text: i for i, text in enumerate(texts)}
    at = np.full(len(raw), -1, dtype=np.int64)
    if texts:
        at[absent] = cells.filter(pl.Series(absent)).replace_strict(index, return_dtype=pl.Int64).to_numpy()
    for concept, listed in markers.items():
        targets = sorted({target for target, _ in listed.values()})
        mapping = [targets.index(listed[t][0]) if t in listed else -1 for t in texts]
        marked[concept] = Coded(take(mapping, at, -1), targets)

    flag = flags.get("obs_status")
    status = said_first(flag, marked["obs_status"], only_without_value=absent)
    conf = _fill(said_first(flags.get("conf_status"), marked["conf_status"]), "F", None)
    free = _says(conf, {"F"})
    told = np.zeros_like(absent) if flag is None else _says(flag, WITHOUT_VALUE | EITHER_WAY)
    # an absent figure that is marked confidential is suppressed, whatever an empty cell means elsewhere
    status = _fill(status, "Q", absent & ~told & ~free)
    says_absent = _says(status, WITHOUT_VALUE)
    undeclared = take([t != "" and not any(t in listed for listed in markers.values()) for t in texts], at, 0)
    wordless = ~says_absent & ~_says(status, EITHER_WAY)
    problems.add(absent & (wordless | undeclared.astype(bool)), "not_a_number", VALUE)
    problems.add(~absent & says_absent, "contradiction", VALUE)
    # what is said to be confidential and is printed all the same was let out by mistake, or is marked by mistake
    problems.add(~absent & ~free, "contradiction", _column_of(dataset.concepts.get("conf_status")) or VALUE)
    status = _fill(status, "A", ~absent & (status.codes < 0))
    reason = _reason(status, marked["obs_status"], marked["missing_reason"], absent, concepts)
    return Figures(value, status, conf, reason)


def _texts(markers: Mapping[str, Mapping[str, tuple[str, str]]]) -> list[str]:
    return sorted({text for listed in markers.values() for text in listed})


def _as_listed(cells: pl.Series, markers: Mapping[str, Mapping[str, tuple[str, str]]], number: Number) -> pl.Series:
    """The cells, with numbers that codes.csv lists in its spelling: what it says of 0 it says of 0.0."""
    plain = pl.Series(_texts(markers), dtype=pl.String)
    numeric = {
        n: text
        for n, text in zip(_numbers(plain, number, constant("0", len(plain))), plain, strict=True)
        if n is not None
    }
    if not numeric:
        return cells
    values = _numbers(cells, number, constant("0", len(cells)))
    spelt = values.replace_strict(numeric, default=None, return_dtype=pl.String)
    return pl.select(pl.coalesce(spelt, cells)).to_series()


def _column_of(how: str | Column | None) -> str | None:
    return how.column if isinstance(how, Column) else None


def _says(column: Coded, codes: Container[str]) -> Mask:
    """Rows in which a column says one of these codes."""
    return np.isin(column.codes, [i for i, value in enumerate(column.values) if value in codes])


def _reason(status: Coded, marked: Coded, reason: Coded, absent: Mask, concepts: Folders) -> Coded:
    """Why a figure is missing: as its marker says, or where a flag says otherwise, as that status says."""
    usual = {
        cell: code for code, cell in reversed(read_codelist(concepts, "missing_reason").column("obs_status").items())
    }
    values = list(dict.fromkeys([*reason.values, *usual.values()]))
    by_status = take([values.index(usual[s]) if s in usual else -1 for s in status.values], status.codes, -1)
    both = list(dict.fromkeys([*status.values, *marked.values]))
    agree = take([both.index(s) for s in status.values], status.codes, -1) == take(
        [both.index(s) for s in marked.values], marked.codes, -2
    )
    codes = np.where(agree & (reason.codes >= 0), reason.codes, by_status)
    return Coded(np.where(absent, codes, -1), values)


def said_first(one: Coded | None, other: Coded, only_without_value: Mask | None = None) -> Coded:
    """`one` where it says something, else `other`. Where a figure is absent, `one` counts only if it says so."""
    if one is None:
        return other
    values = list(dict.fromkeys([*one.values, *other.values]))
    a = take([values.index(v) for v in one.values], one.codes, -1)
    b = take([values.index(v) for v in other.values], other.codes, -1)
    use_b = a < 0
    if only_without_value is not None:
        says = np.isin(a, [i for i, v in enumerate(values) if v in WITHOUT_VALUE | EITHER_WAY])
        use_b |= only_without_value & ~says & (b >= 0)
    return Coded(np.where(use_b, b, a), values)


def _fill(column: Coded, value: str, where: Mask | None) -> Coded:
    values = list(column.values) if value in column.values else [*column.values, value]
    rows = column.codes < 0 if where is None else where
    return Coded(np.where(rows, values.index(value), column.codes), values)
