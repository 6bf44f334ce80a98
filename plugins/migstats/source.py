"""Source declarations: the facts of `include/sources/<id>/source.yaml`, typed and checked when they are read.

Imported by the DAG files at parse time, so nothing heavy is imported here.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlencode, urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator

from migstats import settings
from migstats.errors import DeclarationError
from migstats.facts import parse_yaml, read_text, wrong_fields
from migstats.layout import Aggregate, Declared, Layout, Number, Text
from migstats.observation import SERIES_DIMENSIONS, SHARED_ATTRIBUTES, period_bounds
from migstats.pxquery import PxWeb

#: Powers of ten that figures may be multiplied with.
POWERS = range(-6, 13)

Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,47}$")]


class Licence(Declared):
    """Under which terms the publisher's figures may be used and passed on."""

    id: Text = Field(description="SPDX id, or a short name where there is none, such as CC-BY-4.0")
    url: Text
    redistribution: Literal["allowed", "forbidden", "unclear"]
    note: str = ""


class Key(Declared):
    """A key that the publisher wants with each request. It is read from the environment, and kept nowhere by us."""

    variable: str = Field(pattern=r"^MIGSTATS_KEY_[A-Z0-9_]+$", description="environment variable that holds it")
    parameter: Text | None = Field(default=None, description="parameter of the query that takes it")
    header: Text | None = Field(default=None, description="header that takes it; sent to the host of the URL alone")
    request: Text = Field(description="where one asks the publisher for it")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.parameter is None) == (self.header is None):
            raise ValueError("a key goes into a parameter or into a header; declare one of the two")
        return self


class Disclosure(Declared):
    """What of its figures is not published as it is, so that nothing can be learnt about single persons."""

    policy: Literal["inherit", "threshold", "rounding"] = Field(
        default="inherit",
        description="`inherit`: what the publisher published stays as it is. `threshold`: small counts of persons are "
        "hidden, and others beside them, so that no hidden one can be worked out. `rounding`: counts of persons are "
        "rounded. Whatever it is, what comes as confidential is hidden",
    )
    threshold: int | None = Field(
        default=None, ge=3, le=1000, description="counts of persons from 1 to one less than this are hidden"
    )
    zeros: Literal["published", "hidden"] = Field(
        default="published", description="whether it may be known that there is nobody"
    )
    numbers: int | None = Field(
        default=None,
        ge=2,
        description="whole numbers that a hidden count could be for all that readers can work out; null: as many as "
        "the threshold itself leaves open (1 to one less than it)",
    )
    base: int | None = Field(default=None, ge=2, le=1000, description="counts of persons are multiples of this")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.policy == "threshold") != (self.threshold is not None):
            raise ValueError("a threshold is what the policy `threshold` hides below, and no other policy has one")
        if (self.policy == "rounding") != (self.base is not None):
            raise ValueError("a base is what the policy `rounding` rounds to, and no other policy has one")
        if self.policy != "threshold" and (self.zeros != "published" or self.numbers is not None):
            raise ValueError("zeros and numbers are said of the policy `threshold` alone")
        return self

    @property
    def possible(self) -> int:
        """How many whole numbers a hidden figure could be, for all that a reader can work out."""
        return self.numbers or (self.threshold or 5) - 1


class Coverage(Declared):
    """What the publisher has, for people who look for figures: of which areas, and from when to when."""

    areas: Text
    first: Text = Field(description="first period with a figure, such as 1990 or 2008-01")
    last: Text | None = Field(default=None, description="last period; null: it goes on")

    @field_validator("first", "last")
    @classmethod
    def _is_period(cls, value: str | None) -> str | None:
        if value is not None:
            period_bounds(value)
        return value


class Release(Declared):
    """One edition that the publisher put out. Editions are ordered by `released`, not by when we loaded them."""

    id: Text
    released: dt.date
    note: str = ""
    urls: Mapping[str, str | None] = Field(
        default_factory=dict,
        description="dataset → its URL in this edition where it does not follow the pattern; null: not in this edition",
    )


class Years(Declared):
    """A run of years. Without `end` it goes to the year of the run less `lag`."""

    start: int = Field(ge=1900, le=2100)
    end: int | None = Field(default=None, ge=1900, le=2100)
    lag: int = Field(default=0, ge=0, le=10)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.end is not None and self.end < self.start:
            raise ValueError(f"the run of years ends in {self.end}, before it starts in {self.start}")
        return self

    def values(self, today: dt.date) -> list[str]:
        """The years as text, oldest first."""
        return [str(y) for y in range(self.start, (self.end or today.year - self.lag) + 1)]


class Unit(Declared):
    """What a column says of the part of a country that a figure is about: by codes.csv first, then by `scheme`."""

    column: Text
    #: Column of the codelist (`include/codelists/<concept>.csv`) in which the publisher's codes stand.
    scheme: str | None = None
    #: What an empty cell means, in our codes; without it an empty cell goes to quarantine.
    blank: str | None = None
    name: Text | None = Field(
        default=None,
        description="of subdivision: the column of what the publisher calls the unit, where `column` holds codes",
    )
    level: int | None = Field(
        default=None,
        ge=1,
        le=5,
        description="of subdivision: the level of the codelist that the units of this column are of",
    )
    as_of: dt.date | None = Field(
        default=None,
        description="of subdivision: the units are those of this day; without it, those that there are now",
    )
    within: Unit | None = Field(
        default=None,
        description="of subdivision: the column of the unit above, since the same name stands for units of several",
    )

    @property
    def chain(self) -> tuple[Unit, ...]:
        """The columns from the highest level to this one."""
        return (*(self.within.chain if self.within is not None else ()), self)

    @property
    def read(self) -> tuple[str, ...]:
        """The publisher's columns that it takes into account."""
        return tuple(dict.fromkeys(c for unit in self.chain for c in (unit.column, unit.name) if c is not None))


class Column(Unit):
    """How a publisher's column becomes a concept of ours: by codes.csv first, then by `scheme`."""

    #: `sdmx`: an SDMX period. `year`: a year. `month`: that of a date, 2024-05-31. `whole_year`: the year that begins
    #: on a date, 2024-01-01, and no other date; of two that are combined, the year from one to the other. Only for
    #: time_period.
    period: Literal["sdmx", "year", "month", "whole_year"] | None = None
    detail: Text | None = Field(
        default=None,
        description="of time_period: a column in which the publisher says more exactly of which period a figure is, "
        "read as `period` says. Where it is not empty and tells another one, the figure goes to quarantine",
    )
    #: `letters`: several one-letter flags in one cell (Eurostat `be`); the first in `precedence` is the status.
    split: Literal["letters"] | None = None
    precedence: str = ""

    @property
    def read(self) -> tuple[str, ...]:
        """The publisher's columns that it takes into account."""
        return (*super().read, self.detail) if self.detail is not None else super().read


class Multiplier(Declared):
    """The publisher's column that says by which power of ten a figure is to be multiplied (SDMX UNIT_MULT)."""

    column: Text
    #: What an empty cell means; without it an empty cell goes to quarantine.
    blank: int | None = Field(default=None, ge=POWERS[0], le=POWERS[-1])


_CONCEPTS = (
    frozenset(SERIES_DIMENSIONS) - {"source"}
    | {"time_period", "obs_status", "conf_status"}
    | (frozenset(SHARED_ATTRIBUTES) - {"dataset", "unit_mult", "reference_point"})
)
#: What may be said of the column of these concepts; of all others, `scheme` and `blank`.
_SETTINGS_OF: dict[str, tuple[str, ...]] = {
    "time_period": ("period", "detail"),
    "subdivision": ("scheme", "blank", "name", "level", "as_of", "within"),
    "obs_status": ("split", "precedence"),
    "conf_status": ("split", "precedence"),
}


class Dataset(Declared):
    """One table of a source: where it is, how it is read, and what its columns mean."""

    id: Id
    title: Text
    url: Text = Field(description="may hold {release} and the axes of `slices`")
    query: dict[str, str | tuple[str, ...]] = Field(default={}, description="parameters; a list is repeated")
    page_parameter: str | None = Field(default=None, description="the parameter that asks for a page")
    page_from: int = Field(default=1, ge=0, le=1, description="its value for the first page")
    page_step: int = Field(
        default=1,
        ge=1,
        description="by how much it grows from page to page: above 1 it counts rows (an offset), and this many are on "
        "each page but the last",
    )
    most_records: int | None = Field(
        default=None,
        ge=1,
        description="without pages: how many records `query` asks for at most. An answer with as many is refused, "
        "since it may have been cut there",
    )
    #: Axes along which the dataset is asked for, each value (or year) one request or series of pages.
    slices: dict[str, Years | tuple[str, ...]] = Field(default={})
    split: dict[str, tuple[str, ...]] = Field(
        default={},
        description="hole of url or query → values: a request that the publisher says is too big is asked again once "
        "per value. Unsplit, the hole of the url is empty, and the parameter is sent with each value",
    )
    pxweb: PxWeb | None = Field(
        default=None, description="for a PxWeb server: `url` is the table's (version 1), or its data (version 2)"
    )
    reader: Layout
    accept: Text | None = Field(
        default=None,
        description="the media type that is asked for (header Accept) where the URL does not say the format",
    )
    also_called: dict[str, tuple[Text, ...]] = Field(
        default={}, description="column as this declaration calls it → how other editions of the publisher's call it"
    )
    #: Keep only rows with these codes; the others are counted as explained (`not_selected`).
    only: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default={})
    always: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(
        default={},
        description="column → what it says of every figure, such as their unit; anything else is drift. A column "
        "that is not there says nothing. `ABS:NOM_CY(*)` is that table in any version",
    )
    combined: dict[str, Annotated[tuple[Text, ...], Field(min_length=2)]] = Field(
        default={},
        description="name of a further column → the publisher's columns that it is made of: their texts with `|` "
        "between, so that one line of codes.csv says what a combination means",
    )
    wholes: dict[str, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(
        default={},
        description="measure of a whole → the measures of its parts: where every part in a record is nought and the "
        "whole is not, it was not broken down; its parts are counted as `declared_ignored`, and are not nought",
    )
    #: Our concept → a constant code, or the publisher's column.
    concepts: dict[str, str | Column]
    number: Number = Number()
    unit_mult: int | Multiplier = Field(
        default=0, description="value = figure as published × 10^unit_mult, -6 to 12; or the publisher's column for it"
    )
    projected_to: int | None = Field(
        default=None,
        ge=2000,
        le=2200,
        description="last year of projections; without it, a year after next is not believed",
    )
    verified: Literal["payload", "documentation", "sample"] = Field(
        default="sample",
        description="what this declaration was held against: a payload of the publisher's, their documentation, or "
        "nothing but a sample of ours",
    )
    stock_or_flow: Literal["stock", "flow"]
    #: Of stocks: `start`, `end` or `MM-DD`, a day of every year, within each period. Of flows: `period`.
    reference_point: str = Field(pattern=r"^(start|end|period|(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))$")

    @field_validator("concepts")
    @classmethod
    def _known_concepts(cls, value: dict[str, str | Column]) -> dict[str, str | Column]:
        for name in value:
            if name not in _CONCEPTS:
                raise ValueError(f"{name!r} is no concept of ours; they are {', '.join(sorted(_CONCEPTS))}")
        for name in ("indicator", "ref_area", "time_period", "unit"):
            if name not in value:
                raise ValueError(f"the concept {name!r} has to be declared, as a constant or as a column")
        for name, how in value.items():
            if isinstance(how, Column):
                unheard = how.model_fields_set - {"column", *_SETTINGS_OF.get(name, ("scheme", "blank"))}
                if unheard:
                    raise ValueError(f"{name}: {', '.join(sorted(unheard))} says nothing about this concept; remove it")
            elif name == "time_period":
                period_bounds(how)
        return value

    @field_validator("unit_mult")
    @classmethod
    def _known_power(cls, value: int | Multiplier) -> int | Multiplier:
        if isinstance(value, int) and value not in POWERS:
            raise ValueError(f"ten to the power of {value} is none of {POWERS[0]} to {POWERS[-1]}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.stock_or_flow == "flow") != (self.reference_point == "period"):
            raise ValueError("a flow has reference_point `period`, a stock a point within its period")
        if not _is_day_of_every_year(self.reference_point):
            raise ValueError(
                f"reference_point {self.reference_point!r} is no day of every year; write `end` for the last day of a "
                "period, or a day that there always is"
            )
        aggregate = self.aggregate
        if aggregate is not None:
            self._require_of_records(aggregate)
        texts = [self.url, *itertools.chain.from_iterable(_texts(v) for v in self.query.values())]
        if self.pxweb is not None:
            self._check_pxweb(self.pxweb)
            texts += [v for c in self.pxweb.choices.values() if c and c.values != "*" for v in c.values]
        fields = [field for text in texts for field in string.Formatter().parse(text)]
        odd = [f"{{{name}!{how}}}" if how else f"{{{name}:{form}}}" for _, name, form, how in fields if form or how]
        if odd:
            raise ValueError(f"url or query asks for {odd}; between the braces stands the name of an axis, no more")
        if self.page_parameter is None and (self.page_from, self.page_step) != (1, 1):
            raise ValueError("page_from and page_step say nothing without page_parameter")
        if self.page_step > 1 and str(self.page_step) not in self.query.values():
            raise ValueError(f"page_step is {self.page_step}, and no parameter of `query` asks for as many rows")
        if self.most_records is not None and str(self.most_records) not in self.query.values():
            raise ValueError(f"most_records is {self.most_records}, and no parameter of `query` asks for as many")
        called = [*self.also_called, *itertools.chain.from_iterable(self.also_called.values())]
        if len(set(called)) != len(called):
            raise ValueError(f"also_called gives one name to two columns: {called}")
        holes = {name for _, name, _, _ in fields if name is not None}
        both = set(self.slices) & set(self.split)
        if both:
            raise ValueError(f"{sorted(both)} is an axis of `slices` and of `split`; it can be one of them")
        unknown = holes - set(self.slices) - set(self.split) - {"release"}
        if unknown:
            raise ValueError(f"url or query asks for {sorted(unknown)}, which is no axis of `slices` or `split`")
        unused = (set(self.slices) | set(self.split)) - holes
        if unused:
            raise ValueError(f"the axes {sorted(unused)} of `slices` or `split` stand nowhere in url or query")
        unheard = set(self.combined) - self.read_columns
        if unheard:
            raise ValueError(f"combined: no concept and no `only` asks for {sorted(unheard)}")
        nested = set(self.combined) & {part for parts in self.combined.values() for part in parts}
        if nested:
            raise ValueError(f"combined: {sorted(nested)} is made of columns and is a part itself; name its columns")
        for axis, parts in self.split.items():
            if len(parts) < 2 or len(set(parts)) != len(parts):
                raise ValueError(f"the axis {axis!r} of `split` has one value or repeats one: {list(parts)}")
        for axis, values in self.slices.items():
            if not isinstance(values, Years) and (not values or len(set(values)) != len(values)):
                raise ValueError(f"the axis {axis!r} of `slices` is empty or repeats a value: {list(values)}")
        return self

    @property
    def read_columns(self) -> frozenset[str]:
        """The columns of which something is said by name, those made by `combined` among them."""
        mapped = [how.column for how in self.concepts.values() if isinstance(how, Column)]
        multiplier = [self.unit_mult.column] if isinstance(self.unit_mult, Multiplier) else []
        return frozenset([*mapped, *multiplier, *self.only])

    def parts_of(self, column: str) -> tuple[str, ...]:
        """The publisher's columns that a column is made of; a column of theirs is its only part."""
        return self.combined.get(column, (column,))

    @property
    def aggregate(self) -> Aggregate | None:
        """How its records are made into figures, where they are."""
        found: Aggregate | None = getattr(self.reader, "aggregate", None)
        return found

    def _require_of_records(self, aggregate: Aggregate) -> None:
        """ValueError where figures made from records could say less than they seem to, or be counted twice."""
        if self.page_parameter is not None or self.split:
            raise ValueError("a figure is made of all records of its group; they cannot come in pages or in parts")
        if self.number != Number():
            raise ValueError("how records write numbers says `aggregate.number`; remove `number` of the dataset")
        period, status = self.concepts.get("time_period"), self.concepts.get("obs_status")
        if not isinstance(period, Column) or (period.column, period.period) != ("period", "sdmx"):
            raise ValueError("time_period of figures made from records is {column: period, period: sdmx}")
        if aggregate.figure == "sum" and not (isinstance(status, Column) and status.column == "_status"):
            raise ValueError("a sum may be partial: obs_status {column: _status} and codes.csv say what it is then")

    def _check_pxweb(self, pxweb: PxWeb) -> None:
        if self.reader.format != "jsonstat" or self.reader.compression is not None:
            raise ValueError("pxweb: the answers are JSON-stat; declare the reader `format: jsonstat`, not compressed")
        if self.split or self.page_parameter is not None:
            raise ValueError("pxweb: a query that is too big is cut by itself; remove `split` and `page_parameter`")
        if pxweb.version == 1 and self.query:
            raise ValueError("pxweb: version 1 takes no parameters; what is asked for stands in `pxweb.query`")
        if pxweb.version == 2 and not re.search(r"/tables/[^/]+/data$", self.url):
            raise ValueError("pxweb: the url of version 2 ends with /tables/<id>/data")

    def page_value(self, page: int) -> int:
        """What the parameter for the page is for page n, from 1."""
        return self.page_from + (page - 1) * self.page_step

    def page_of(self, value: int) -> int | None:
        """The page that a value of the parameter asks for; None for one between two pages."""
        page, between = divmod(value - self.page_from, self.page_step)
        return page + 1 if not between and page >= 0 else None

    @property
    def dated_by(self) -> str | None:
        """The axis that is a run of years, or None; it is what backfills go by."""
        return next((axis for axis, values in self.slices.items() if isinstance(values, Years)), None)


class Source(Declared):
    """What we take in from one publisher as one thing."""

    id: Id
    title: Text
    publisher: Text
    homepage: Text
    description: Text
    owner: Text = Field(description="who is asked when its figures look wrong")
    coverage: Coverage | None = None
    licence: Licence
    citation: Text
    disclosure: Disclosure = Disclosure()
    delivery: Literal["asked", "sent"] = Field(
        default="asked", description="`asked`: we fetch it. `sent`: a country sends workbooks; its urls are `upload:`"
    )
    hosts: tuple[Text, ...] = Field(default=(), description="the only hosts that are asked, redirects included")
    requests_per_second: float = Field(default=1.0, gt=0, le=50)
    concurrency: int = Field(default=2, ge=1, le=16, description="slots of the pool of this host")
    max_bytes: int = Field(default=256 * 2**20, gt=0, description="cap of one payload, after decompression")
    deadline_seconds: float = Field(default=300, gt=0, description="total time for one request")
    user_agent: str | None = Field(default=None, description="where the publisher refuses the usual one")
    key: Key | None = None
    schedule: str | None = Field(default=None, description="cron, UTC; null: only by hand")
    grace_days: float | None = Field(
        default=None,
        gt=0,
        le=366,
        description="days after a tick until a source without a load is late; null: half of the interval, at most one",
    )
    run_hours: float = Field(default=6, gt=0, le=168, description="a run that takes longer raises the alert `slow`")
    releases: tuple[Release, ...] = ()
    datasets: tuple[Dataset, ...] = Field(min_length=1)
    decision_days: float = Field(default=7, gt=0, le=90, description="a breach not decided by then is not accepted")
    quarantine_bound: float = Field(default=0.05, ge=0, le=1, description="share above which a load is refused")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [d.id for d in self.datasets]
        if len(set(ids)) != len(ids):
            raise ValueError(f"dataset ids repeat: {ids}")
        if self.delivery == "sent":
            self._require_sent()
        elif not self.hosts:
            raise ValueError("hosts: the hosts that are asked have to be named")
        for dataset in self.datasets if self.delivery == "asked" else ():
            parts = urlsplit(dataset.url)
            if parts.hostname not in self.hosts:
                raise ValueError(f"dataset {dataset.id!r}: host {parts.hostname!r} is not in `hosts`")
            if parts.scheme not in ("https", "http"):
                raise ValueError(f"dataset {dataset.id!r}: {parts.scheme!r} is not http or https")
            if "{release}" in dataset.url and not self.releases:
                raise ValueError(f"dataset {dataset.id!r}: url has {{release}}, but `releases` is empty")
        for release in self.releases:
            for dataset_id, url in release.urls.items():
                if dataset_id not in ids:
                    raise ValueError(f"release {release.id!r}: urls names {dataset_id!r}, which is no dataset")
                if url is not None and urlsplit(url).hostname not in self.hosts:
                    raise ValueError(f"release {release.id!r}: host {urlsplit(url).hostname!r} is not in `hosts`")
        dates = [release.released for release in self.releases]
        if len(set(dates)) != len(dates):
            raise ValueError("two releases have one date; what came later, came later: give the second the next day")
        if self.schedule is not None and not _is_cron(self.schedule):
            raise ValueError(f"schedule {self.schedule!r} is no cron expression of five fields that ever comes round")
        return self

    def _require_sent(self) -> None:
        """ValueError where a source that is sent to us says how it is asked for."""
        asked = {"hosts": self.hosts, "key": self.key, "releases": self.releases, "schedule": self.schedule}
        said = [name for name, value in asked.items() if value]
        if said:
            raise ValueError(f"{', '.join(said)}: nobody is asked for what is sent; remove it")
        for dataset in self.datasets:
            if not dataset.url.startswith("upload:") or dataset.slices or dataset.page_parameter or dataset.pxweb:
                raise ValueError(f"dataset {dataset.id!r}: what is sent has a url `upload:...`, no slices and no pages")

    @property
    def grace(self) -> dt.timedelta | None:
        """How long after a tick its load may end, where that is declared."""
        return None if self.grace_days is None else dt.timedelta(days=self.grace_days)

    @property
    def vintage_uri(self) -> str:
        """Name of what an accepted vintage of this source updates: the Airflow asset that wakes publish."""
        return f"x-migstats://vintage/{self.id}"

    def dataset(self, dataset_id: str) -> Dataset:
        """The dataset with this id; DeclarationError names those that there are."""
        for dataset in self.datasets:
            if dataset.id == dataset_id:
                return dataset
        known = ", ".join(d.id for d in self.datasets)
        raise DeclarationError(f"source {self.id} has no dataset {dataset_id!r}; it has {known}")

    def release(self, release_id: str | None) -> Release | None:
        """The release with this id, the newest one for None; None where the source declares no releases."""
        if not self.releases:
            if release_id:
                raise DeclarationError(f"source {self.id} declares no releases, {release_id!r} was asked for")
            return None
        if release_id is None:
            return max(self.releases, key=lambda r: r.released)
        for release in self.releases:
            if release.id == release_id:
                return release
        known = ", ".join(r.id for r in self.releases)
        raise DeclarationError(f"source {self.id} has no release {release_id!r}; it has {known}")


class Slice(Declared):
    """The part of a dataset that one request (or one series of pages) covers."""

    source: str
    dataset: str
    slice: str = Field(description="such as `pairs/year=2023`; the same over all releases")
    release: str = ""
    released: dt.date | None = None
    url: str
    #: What is asked for instead where the publisher says that `url` is too big; together they are the same.
    parts: tuple[str, ...] = ()
    year: int | None = None
    #: Axis of `slices` → the value of this slice.
    at: dict[str, str] = Field(default={})


def _is_day_of_every_year(reference_point: str) -> bool:
    if "-" not in reference_point:
        return True
    month, day = (int(part) for part in reference_point.split("-"))
    try:
        dt.date(2001, month, day)  # a year without a 29 February
    except ValueError:
        return False
    return True


def _is_cron(text: str) -> bool:
    from croniter import CroniterError, croniter

    try:
        croniter(text).get_next()
    except CroniterError:
        return False
    return len(text.split()) == 5


def _texts(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _parts(dataset: Dataset) -> list[dict[str, str]]:
    """Each combination of values of `split`; none where the dataset declares none."""
    if not dataset.split:
        return []
    return [dict(zip(dataset.split, values, strict=True)) for values in itertools.product(*dataset.split.values())]


def _url(dataset: Dataset, pattern: str, holes: Mapping[str, str], part: Mapping[str, str]) -> str:
    """The URL of a slice, or of a part of it."""
    filled = {**dict.fromkeys(dataset.split, ""), **holes, **part}
    query = []
    for name, value in dataset.query.items():
        for text in _texts(value):
            axis = next((a for a in dataset.split if not part and f"{{{a}}}" in text), None)
            wanted = dataset.split[axis] if axis else ("",)
            query += [(name, text.format(**{**filled, **({axis: one} if axis else {})})) for one in wanted]
    return pattern.format(**filled) + ("?" + urlencode(query, safe=";:,") if query else "")


def plan(
    source: Source,
    *,
    today: dt.date,
    release: str | None = None,
    datasets: Iterable[str] = (),
    years: Iterable[int] = (),
    slices: Iterable[str] = (),
) -> list[Slice]:
    """The slices of a run, in declared order; empty arguments mean all. `today` closes open runs of years.

    `years` narrows dated datasets and leaves undated ones out. `slices` names slices by their id.
    Raises DeclarationError where nothing is left, or a name is unknown.
    """
    edition = source.release(release)
    wanted_datasets, wanted_years, wanted = set(datasets), {str(y) for y in years}, set(slices)
    for dataset_id in wanted_datasets:
        source.dataset(dataset_id)
    planned: list[Slice] = []
    for dataset in source.datasets:
        if wanted_datasets and dataset.id not in wanted_datasets:
            continue
        pattern = edition.urls.get(dataset.id, dataset.url) if edition else dataset.url
        if pattern is None:
            continue
        dated = dataset.dated_by
        if wanted_years and dated is None:
            continue
        axes = {
            axis: values.values(today) if isinstance(values, Years) else list(values)
            for axis, values in dataset.slices.items()
        }
        for combination in itertools.product(*axes.values()):
            at = dict(zip(axes, combination, strict=True))
            if dated and wanted_years and at[dated] not in wanted_years:
                continue
            name = "/".join([dataset.id, *(f"{axis}={value}" for axis, value in at.items())])
            holes = {**at, "release": edition.id if edition else ""}
            planned.append(
                Slice(
                    source=source.id,
                    dataset=dataset.id,
                    slice=name,
                    release=edition.id if edition else "",
                    released=edition.released if edition else None,
                    url=_url(dataset, pattern, holes, {}),
                    parts=tuple(_url(dataset, pattern, holes, part) for part in _parts(dataset)),
                    year=int(at[dated]) if dated else None,
                    at=at,
                )
            )
    absent = wanted_years - {str(s.year) for s in planned}
    if planned and absent:
        raise DeclarationError(
            f"source {source.id} has no slices of the years {sorted(absent)}; `migstats sources` shows what there is"
        )
    if wanted:
        unknown = wanted - {s.slice for s in planned}
        if unknown:
            raise DeclarationError(f"source {source.id} has no slice {sorted(unknown)} among those selected")
        planned = [s for s in planned if s.slice in wanted]
    if wanted_years and not any(d.dated_by for d in source.datasets if not wanted_datasets or d.id in wanted_datasets):
        raise DeclarationError(
            f"source {source.id} has no slices of years ({sorted(wanted_years)} were asked for): each request brings "
            "all years; leave the field empty"
        )
    if not planned:
        raise DeclarationError(
            f"source {source.id}: no slice is left for release={release!r}, datasets={sorted(wanted_datasets)}, "
            f"years={sorted(wanted_years)}; `migstats sources` shows what there is"
        )
    return planned


def read_source(path: Path) -> Source:
    """Read one source.yaml. DeclarationError has a line per wrong field: file, field, what was found, remedy."""
    return _source_of(path, read_text(path))


@lru_cache(maxsize=256)
def _source_of(path: Path, text: str) -> Source:
    """The source of a file with this text; kept, since DAG files and commands read each declaration several times."""
    facts = parse_yaml(path, text)
    try:
        source = Source.model_validate(facts)
    except ValidationError as error:
        remedy = "; docs/source.schema.json says what it may hold"
        raise DeclarationError("\n".join(f"{path}: {line}{remedy}" for line in wrong_fields(error, facts))) from None
    if source.id != path.parent.name:
        raise DeclarationError(
            f"{path}: id: found {source.id!r} in folder {path.parent.name!r}; name the folder after the id"
        )
    return source


#: Folders beside declarations that are none; a name that begins otherwise than with a letter is no source's either.
_BESIDE: Final = frozenset({"codelists", "samples"})


def _roots(further: Iterable[Path] = ()) -> dict[Path, list[Path]]:
    """The project's folder, those of MIGSTATS_SOURCES and `further` → the folders in them, one for each source."""
    roots = dict.fromkeys(p.resolve() for p in (settings.include() / "sources", *listed_folders(), *further))
    return {root: [] if _declares(root) else sorted(p for p in root.glob("*") if _may_declare(p)) for root in roots}


def _declares(folder: Path) -> bool:
    return os.path.isfile(folder / "source.yaml")  # False too where we may not look, which is said of this folder alone


def _may_declare(path: Path) -> bool:
    return os.path.isdir(path) and path.name[0].isalpha() and path.name not in _BESIDE


def listed_folders() -> list[Path]:
    """The folders of MIGSTATS_SOURCES, as they are written there."""
    return [Path(p) for p in os.environ.get("MIGSTATS_SOURCES", "").split(os.pathsep) if p]


def codelist_folders(further: Iterable[Path] = ()) -> tuple[Path, ...]:
    """Our folder of codelists, and `codelists/` of each folder of private sources that has one."""
    beside = (root / "codelists" for root in _roots(further))
    return (settings.include() / "codelists", *(folder for folder in beside if os.path.isdir(folder)))


def source_folders(further: Iterable[Path] = ()) -> Iterator[Path]:
    """Folders that hold a source.yaml: the project's, those of MIGSTATS_SOURCES, and `further`; by name."""
    folders = itertools.chain.from_iterable(_roots(further).values())
    return (folder for folder in folders if _declares(folder))


def declared(
    further: Iterable[Path] = (), *, only: str | None = None
) -> tuple[Mapping[str, Source], Mapping[Path, str]]:
    """The sources that we ask, by id, and what is wrong with those that cannot be used, by folder: one never hides
    another. With `only`, an id, no other declaration is read.
    """
    sources: dict[str, Source] = {}
    roots = _roots(further)
    wrong = {
        root: f"{root}: is no folder of source declarations; each source is a folder in it, with a source.yaml"
        for root, folders in roots.items()
        if not folders
    }
    for folder in itertools.chain.from_iterable(roots.values()):
        if only not in (None, folder.name):
            continue
        if not _declares(folder):
            there = ", ".join(sorted(p.name for p in folder.glob("*"))[:5]) or "nothing"
            wrong[folder] = f"{folder}: has no source.yaml, but {there}; give it one, or take the folder out of here"
            continue
        try:
            source = read_source(folder / "source.yaml")
        except DeclarationError as error:
            wrong[folder] = str(error)
            continue
        if source.id in sources:
            wrong[folder] = f"{folder}/source.yaml: id: {source.id!r} is declared already; rename one of the two"
        else:
            sources[source.id] = source
    return sources, wrong


def sent() -> dict[str, Source]:
    """The sources whose figures countries send, by id. DeclarationError where one of them cannot be read."""
    return {folder.name: read_source(folder / "source.yaml") for folder in _sent_folders()}


def is_sent(source_id: str) -> bool:
    """Whether countries send the figures of a source."""
    return _declares(settings.include() / "uploads" / source_id)


def _sent_folders() -> list[Path]:
    return [folder for folder in sorted((settings.include() / "uploads").glob("*")) if _declares(folder)]


def read_sources(further: Iterable[Path] = ()) -> Mapping[str, Source]:
    """All sources that we ask, by id. DeclarationError gathers the findings of all files."""
    sources, wrong = declared(further)
    if wrong:
        raise DeclarationError("\n".join(wrong.values()))
    return sources


def folder_of(source_id: str, further: Iterable[Path] = ()) -> Path:
    """The folder of a source's facts, whether we ask it or it is sent to us."""
    for folder in itertools.chain(source_folders(further), _sent_folders()):
        if folder.name == source_id:
            return folder
    raise DeclarationError(f"no source {source_id!r} is declared; `migstats sources` lists those that are")
