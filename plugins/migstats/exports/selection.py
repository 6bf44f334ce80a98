"""What is exported: a selection of the figures of `bi`, their columns, and where they come from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, reduce
from operator import xor
from typing import Any, Final

from migstats import settings, warehouse
from migstats.codelists import read_csv

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Selection:
    """Which figures; empty means all. A country is that of a figure, or its other area."""

    topics: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    #: Only indicators that have a series of the global SDG indicators.
    sdg: bool = False

    @property
    def parameters(self) -> dict[str, Any]:
        """As the statements of `include/sql/exports/` take it."""
        return {
            "topics": list(self.topics) or None,
            "indicators": list(self.indicators) or None,
            "countries": list(self.countries) or None,
            "sources": list(self.sources) or None,
            "sdg": self.sdg,
        }


@dataclass(frozen=True)
class Column:
    """One column of an export: its name in `bi`, its concept in SDMX, and how else it is described."""

    name: str
    #: Id of the component in our data structure definition.
    sdmx: str
    #: dimension, time, measure, attribute (always there) or optional.
    role: str
    #: Name of the codelist that its codes are of; empty for texts.
    codelist: str
    #: text, number, integer, boolean, date or moment.
    type: str
    #: Hashtag of the Humanitarian Exchange Language.
    hxl: str
    #: Language → what the concept is called.
    names: Mapping[str, str]


#: Languages of names, everywhere.
LANGUAGES: Final = ("en", "fr", "es", "ar", "ru")


@cache
def topics() -> dict[str, dict[str, str]]:
    """Topic → language → what it is called, from `include/exports/topics.csv`."""
    return {
        row["topic"]: {language: row[f"name_{language}"] for language in LANGUAGES}
        for row in read_csv(settings.include() / "exports" / "topics.csv")
    }


@cache
def columns() -> tuple[Column, ...]:
    """The columns of `include/exports/columns.csv`, in the order of the statements in `include/sql/exports/`."""
    return tuple(
        Column(
            row["column"],
            row["sdmx"],
            row["role"],
            row["codelist"],
            row["type"],
            row["hxl"],
            {language: row[f"name_{language}"] for language in LANGUAGES},
        )
        for row in read_csv(settings.include() / "exports" / "columns.csv")
    )


@dataclass(frozen=True)
class Taken:
    """What a selection takes: its rows by topic and source, its tables, and when all of it was published here."""

    rows: tuple[Row, ...]
    datasets: tuple[Row, ...]

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that have a figure."""
        return tuple(dict.fromkeys(row["topic"] for row in self.rows))

    @property
    def sources(self) -> dict[str, Row]:
        """Source → what is said of it."""
        return {row["source"]: row for row in sorted(self.rows, key=lambda row: row["source"])}

    @property
    def vintages(self) -> dict[str, int]:
        """Source → the vintage that is shown."""
        return {source: row["vintage"] for source, row in self.sources.items()}

    @property
    def fingerprint(self) -> str:
        """Changes with every figure, status and mark that is taken."""
        return f"{reduce(xor, (row['fingerprint'] for row in self.rows), 0) & 0xFFFFFFFFFFFFFFFF:016x}"

    @property
    def stamp(self) -> dt.datetime:
        """When the newest of it was accepted: the date of everything that is said of an export."""
        known = [row["accepted_at"] for row in self.rows if row["accepted_at"] is not None]
        return max(known, default=dt.datetime(1970, 1, 1, tzinfo=dt.UTC)).astimezone(dt.UTC).replace(microsecond=0)

    def of(self, topic: str) -> tuple[Row, ...]:
        """The sources of a topic."""
        return tuple(row for row in self.rows if row["topic"] == topic)


@contextmanager
def reading(url: str) -> Iterator[warehouse.Connection]:
    """A connection that sees one state of `bi` from its first query to its last, and writes nothing."""
    with warehouse.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        connection.execute("SET LOCAL statement_timeout = 0")  # that of bi_reader is for people
        yield connection


def taken(connection: warehouse.Connection, selection: Selection) -> Taken:
    """What a selection takes."""
    found = (warehouse.rows(connection, f"exports/{name}", selection.parameters) for name in ("taken", "datasets"))
    return Taken(*(tuple(rows) for rows in found))


def unknown(connection: warehouse.Connection, selection: Selection) -> list[Row]:
    """The codes of a selection that are none of ours, by `kind` and `code`."""
    return [*warehouse.rows(connection, "exports/unknown", selection.parameters)]


def figures(connection: warehouse.Connection, selection: Selection, topic: str, *, marked: bool) -> Iterator[bytes]:
    """The figures of one topic as records of CSV without a header, sorted; NULL is an empty field.

    With `marked` an apostrophe stands before texts that a spreadsheet would take for a formula.
    """
    asked = {**selection.parameters, "topic": topic, "marked": marked}
    return warehouse.copied(connection, "exports/observations", asked)


def by_country(connection: warehouse.Connection, selection: Selection) -> Iterator[tuple[str, bytes]]:
    """Each country with its figures as `figures` gives them, marked; country after country."""
    asked = {**selection.parameters, "marked": True}
    for record in warehouse.copied(connection, "exports/by_country", asked):
        country, _, rest = record.partition(b",")
        yield country.decode(), rest


def comments(connection: warehouse.Connection) -> dict[str, str]:
    """Column → what `bi` says of it."""
    rows = warehouse.rows(connection, "report/columns", {"tables": ["bi.observation_all"]})
    return {row["column_name"]: row["comment"] or "" for row in rows}
