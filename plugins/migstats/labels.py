"""Labels: what the publisher's codes are called, and what of that, and of its fields, is another than was accepted.

A label that is spelt otherwise changes no figure. One that has little in common with the old one, or that belonged to
another code, may mean that the code was used again for something else: then figures of two things stand in one series.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from migstats.rules import Finding, Limit, Severity

#: The publisher's column, a code in it and its label; a row with neither code nor label for each column there is.
LABELS: Final = pa.schema([("column", pa.string()), ("code", pa.string()), ("label", pa.string())])


def labels_of(table: pa.Table, said: Iterable[Mapping[str, Mapping[str, str]]], declared: Collection[str]) -> pa.Table:
    """The labels of the codes that occur in the declared columns of a text table, and its columns, as LABELS says.

    `said` is column → code → label of each page. Of several labels of one code the first in the alphabet is taken, so
    that the order of rows and pages does not matter.
    """
    fields = {(name, ""): "" for name in table.column_names if not name.startswith("_")}
    found: set[tuple[str, str, str]] = set()
    occurring = {name: set(pc.unique(table[name]).to_pylist()) for name in {*declared} & {c for s in said for c in s}}
    for page in said:
        for column in occurring.keys() & page.keys():
            texts = ((code, " ".join(label.split())) for code, label in page[column].items())
            found |= {(column, code, text) for code, text in texts if code and text and code in occurring[column]}
    labels = {(column, code): label for column, code, label in sorted(found, reverse=True)}
    rows = sorted((column, code, label) for (column, code), label in {**fields, **labels}.items())
    return pa.table([pa.array(cells, pa.string()) for cells in zip(*rows, strict=True)] if rows else [[]] * 3, LABELS)


def compare(now: pl.DataFrame, was: pl.DataFrame, dataset: str, likeness: Limit) -> Iterator[Finding]:
    """What is another in one delivery of a dataset than in the one before (both as LABELS says).

    A code whose label has less in common with the old one than `likeness` allows, or has the old label of another
    code, is a breach; another spelling, a field that is new and one that is gone are notices.
    """
    yield from _relabelled(_named(now), _named(was), likeness)
    fields, before = (set(side.filter(pl.col("code") == "")["column"]) for side in (now, was))
    for name in sorted(fields - before):
        message = f"{dataset} has a field {name} that it did not have; if it says something of figures, declare it"
        yield Finding("field", "notice", name, "new", "", message)
    for name in sorted(before - fields):
        message = f"{dataset} does not have the field {name} any more, which source.yaml does not use"
        yield Finding("field", "notice", name, "gone", "", message)


def _named(side: pl.DataFrame) -> pl.DataFrame:
    return side.filter(pl.col("code") != "")


def _relabelled(now: pl.DataFrame, was: pl.DataFrame, rule: Limit) -> Iterator[Finding]:
    both = now.join(was.rename({"label": "old"}), on=["column", "code"])
    changed = both.filter(pl.col("label") != pl.col("old")).sort("column", "code")
    if not changed.height:
        return
    owners = {(column, _folded(label)): code for column, code, label in was.sort("code").iter_rows()}
    for column, code, label, old in changed.select("column", "code", "label", "old").iter_rows():
        owner = owners.get((column, _folded(label)), code)
        alike = _likeness(label, old) if owner == code else 0.0
        severity: Severity = "breach" if alike < rule.limit else "notice"
        message = f"{column} {code} is called {label!r} now, and was {old!r} (likeness {alike:.2f})"
        if owner != code:
            message += f", as {owner} was called {label!r}"
        if severity == "breach":
            message += "; does the code still mean the same? If not, reject, and mend codes.csv"
        allowed = f"likeness of {rule.limit:g} or more"
        yield Finding("label", severity, f"{column}={code}", label, allowed, message, size=round(1 - alike, 4))


def _likeness(one: str, other: str) -> float:
    """0 for texts that have nothing in common, 1 for equal ones; case and accents do not count."""
    return SequenceMatcher(None, _folded(one), _folded(other), autojunk=False).ratio()


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in plain if not unicodedata.combining(letter)).casefold()
