"""The last accepted figures of a form, for the grey columns of a template."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping
from typing import Final

from migstats import lake, warehouse
from migstats.uploads.contract import Form, Measure
from migstats.uploads.declaration import DIMENSIONS
from migstats.uploads.sheet_layout import SYMBOLS
from migstats.uploads.template import Accepted
from migstats.uploads.understood import unit_of
from migstats.warehouse import Address

_AVAILABLE, _APPLICABLE, _WITHHELD = SYMBOLS

#: Marker of a figure that is not there → the symbol of the template that says the same.
_SYMBOL_OF: Final = {
    "O:not_available": _AVAILABLE,
    "L:not_collected": _AVAILABLE,
    "M:not_applicable": _APPLICABLE,
    "Q:suppressed": _WITHHELD,
}


def last_accepted(url: Address, form: Form, country: str, year: int) -> tuple[Accepted, ...]:
    """What was accepted last of a form of a country, of this year or of the last one before it; empty: nothing was.

    PermanentError where it was accepted, and is not in the lake of this machine.
    """
    with warehouse.connect(url) as connection:
        rows = warehouse.rows(connection, "uploads/standing", {"country": country, "form": form.id})
    standing = {row["year"]: row["snapshot"] for row in rows if row["year"] <= year}
    if not standing:
        return ()
    last = max(standing)
    return of_table(form, lake.read_snapshot(standing[last]), last)


def of_table(form: Form, canonical_table: bytes, year: int) -> tuple[Accepted, ...]:
    """The figures of a canonical table as the form has them, in its order.

    A figure of no measure of the contract as it is today, and of two that stand in one cell of it both, are left out.
    """
    said = {measure.id: _said(form, measure) for measure in form.measures}
    found = [
        Accepted(tuple(row[key.concept] for key in form.keys), measure, _text(row["value"]), year)
        for row in csv.DictReader(io.StringIO(canonical_table.decode(), newline=""))
        for measure, facts in said.items()
        if facts.items() <= row.items()
    ]
    cells = Counter((one.codes, one.measure) for one in found)
    return tuple(one for one in found if cells[one.codes, one.measure] == 1)


def _said(form: Form, measure: Measure) -> Mapping[str, str]:
    """What a row of a canonical table says, beside its keys, if it is of this measure. Attributes tell no two apart."""
    keys = {key.concept for key in form.keys}
    constants = form.constants_of(measure)
    told = {name: constants[name] for name in DIMENSIONS if name not in keys}
    return {**told, "indicator": measure.indicator, "unit": unit_of(form, measure)}


def _text(value: str) -> str:
    return _SYMBOL_OF.get(value, value)
