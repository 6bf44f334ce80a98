"""Which part of its country each figure is about: once per distinct combination of what the publisher's columns say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa

from migstats.coded import Coded, Mask, Problems, coded, combine, constant, take
from migstats.codelists import CODELIST_OF
from migstats.errors import DeclarationError
from migstats.source import Unit
from migstats.subdivisions import WHOLE, Level, Subdivisions, told_apart, unmatched

#: A unit, and what the publisher calls it.
UNITS: Final = pa.schema([("subdivision", pa.string()), ("name", pa.string())])

#: The publisher's column → its codes in codes.csv → (target, treatment).
Listed = Mapping[str, Mapping[str, tuple[str, str]]]

_EMPTY, _IGNORED, _DECLARED_UNKNOWN = -1, -2, -3
_TREATMENTS: Final = {"ignore": _IGNORED, "unknown": _DECLARED_UNKNOWN}


def subdivided(
    table: pa.Table, how: Unit, area: Coded, listed: Listed, units: Subdivisions, problems: Problems
) -> tuple[Coded, pa.Table]:
    """The unit of each row of a text table, and what the publisher calls it (as UNITS says).

    A unit that cannot be matched stands under the unit above, in a code of its own (`subdivisions.unmatched`). Rows
    whose cell is empty or declared as ignored or unknown are noted in `problems`. DeclarationError where codes.csv
    maps a name to a unit of another area.
    """
    chain = how.chain
    n = table.num_rows
    cells = [coded(table[unit.column]) for unit in chain]
    names = [coded(table[unit.name]) if unit.name is not None else constant("", n) for unit in chain]
    numbers, said = combine([area, *cells, *names], "")
    found = [_unit(row[0], row[1 : len(chain) + 1], row[len(chain) + 1 :], chain, listed, units) for row in said]
    codes: dict[str, int] = {}
    mapping = [f if isinstance(f, int) else codes.setdefault(f[0], len(codes)) for f in found]
    new = take(mapping, numbers, _EMPTY) if n else np.empty(0, dtype=np.int64)
    problems.add(new == _IGNORED, "declared_ignored", how.column, explained=True)
    problems.add(new == _DECLARED_UNKNOWN, "declared_unknown", how.column)
    problems.add(new == _EMPTY, "missing_dimension", how.column)
    called = sorted({f for f in found if not isinstance(f, int) and f[1]})
    columns = [pa.array(column, pa.string()) for column in zip(*called, strict=True)] if called else [[], []]
    return Coded(np.maximum(new, -1), list(codes)), pa.table(columns, schema=UNITS)


def units_of(named: pa.Table, subdivision: Coded, fine: Mask) -> pa.Table:
    """The rows of `named` whose unit has a figure of which nothing is wrong."""
    used = {subdivision.values[code] for code in np.unique(subdivision.codes[fine]) if code >= 0}
    return named.filter(pa.array([code in used for code in named["subdivision"].to_pylist()], pa.bool_()))


def _unit(
    area: str,
    texts: tuple[str, ...],
    names: tuple[str, ...],
    chain: tuple[Unit, ...],
    listed: Listed,
    units: Subdivisions,
) -> tuple[str, str] | int:
    """(code of the unit, what the publisher calls it), or why there is none."""
    at, called = WHOLE, ""
    unknown: list[str] = []
    above = ""
    for unit, cell, name in zip(chain, texts, names, strict=True):
        text = cell.strip()
        own = " ".join((name or text).split())
        target, treatment = listed.get(unit.column, {}).get(text, ("", ""))
        if unit.scheme == "code" and not treatment and told_apart(text) is not None and units.area(text) == area:
            return text, own  # a code of ours for a unit that is not matched, as an export of ours has it
        if not text:
            if unit.blank is None:
                return _EMPTY
            target = unit.blank
        elif treatment in _TREATMENTS:
            return _TREATMENTS[treatment]
        elif not target and not unknown:
            day = unit.as_of.isoformat() if unit.as_of is not None else ""
            target = units.find(area, at, text, Level(unit.scheme, unit.level, day)) or ""
        repeats, above = bool(unknown) and text == above, text
        if target == WHOLE or repeats or (at != WHOLE and not units.area(at)):
            continue
        called = own
        if target in units.rows and not units.area(target) and at == WHOLE and not unknown:
            at = target  # unknown, or not applicable: whatever further columns say
        elif target in units.rows and units.area(target):
            _require_of(area, target, unit, text, units)
            at, unknown = target, []
        else:
            unknown.append(text or own or target)
    if not unknown:
        return at, called
    return unmatched(area if at == WHOLE else at, unknown), called


def _require_of(area: str, target: str, unit: Unit, text: str, units: Subdivisions) -> None:
    if area and units.area(target) != area:
        raise DeclarationError(
            f"codes.csv: {unit.column} {text!r} is mapped to {target}, a part of {units.area(target)}, in a row about "
            f"{area}; mend the line, or the {CODELIST_OF['ref_area']} of the row"
        )
