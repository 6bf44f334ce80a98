"""Layouts: how the payloads of a publisher are read, as source.yaml declares it. One class for each reader."""

from __future__ import annotations

import itertools
import re
import zoneinfo
from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Text = Annotated[str, Field(min_length=1)]


_APOSTROPHES = "an apostrophe before what a spreadsheet would take for a formula is no part of the text: so we export"


class Declared(BaseModel):
    """A frozen fact; an unknown field is an error, since it is nearly always a misspelt one."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Packed(Declared):
    """How an answer is packed before its format begins; what HTTP compresses on its way needs no word here."""

    compression: Literal["gzip", "zip"] | None = None
    member: str | None = Field(
        default=None, description="regular expression of the name of the one file to read; for a zip with several"
    )
    unpacked_bytes: int = Field(default=2**29, gt=0, description="cap of what comes out of it")

    @model_validator(mode="after")
    def _known_packing(self) -> Self:
        if self.member is not None and self.compression != "zip":
            raise ValueError("`member` names a file in a zip; declare `compression: zip`, or remove it")
        _regular("member", self.member)
        return self


class WorkbookTable(Declared):
    """One table of a workbook sheet, found by its header texts and never by its position."""

    sheet: Text
    #: Whether `sheet` is a regular expression of the names of several sheets, each with such a table.
    each: bool = False
    #: Name of the text table's column → the header texts by which publishers' editions call it.
    columns: dict[str, tuple[str, ...]] = Field(min_length=1)
    #: A row belongs to the table while this column holds something.
    key: Text
    #: Regular expression of a text above the header by which the table is told from others with the same headers. Its
    #: named groups, such as (?P<year>[0-9]{4}), become columns.
    title: Text | None = None
    #: Regular expression of the headers over figures (years). Its named groups become columns; without one, the column
    #: `period` holds the header.
    periods: Text = r"(19|20)[0-9]{2}"
    #: Regular expression of the headers over numbers that are none of these figures; counted as `outside_tables`.
    outside: str | None = None
    #: The text that stands in a row above the header, over each group of figure columns, becomes `block`.
    blocks: bool = True

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.key not in self.columns:
            raise ValueError(f"key {self.key!r} is none of the columns {', '.join(self.columns)}")
        for name, pattern in (("periods", self.periods), ("title", self.title), ("outside", self.outside)):
            _regular(name, pattern)
        if self.each:
            _regular("sheet", self.sheet)
        _once("columns and the groups of periods and title", [*self.columns, *self.across, *self.of_title])
        return self

    @property
    def across(self) -> tuple[str, ...]:
        """The columns that hold what stands in the headers over figures."""
        return tuple(_regular("periods", self.periods).groupindex) or ("period",)

    @property
    def of_title(self) -> tuple[str, ...]:
        """The columns that hold what the title says."""
        return tuple(_regular("title", self.title).groupindex)


class WorkbookLayout(Packed):
    """Tables of an Excel workbook (.xlsx)."""

    format: Literal["workbook"]
    tables: tuple[WorkbookTable, ...] = Field(min_length=1)
    sheets: Text | None = Field(
        default=None,
        description="regular expression of the names of the other sheets that are known; one more is drift, since "
        "figures may have moved there. Null: others are not looked at",
    )
    max_cells: int = Field(
        default=2_000_000,
        ge=1,
        le=5_000_000,
        description="cells of the tables' sheets in all; with more it is not read",
    )

    @model_validator(mode="after")
    def _known_sheets(self) -> Self:
        _regular("sheets", self.sheets)
        return self


class JsonStatLayout(Packed):
    """JSON-stat 1.x or 2.0 dataset. Columns: one per dimension id, `_status`, and `<id>.unit` of a dimension whose
    categories have units.
    """

    format: Literal["jsonstat"]
    dataset: Text | None = Field(
        default=None,
        description="which dataset of a collection or bundle: its label, address or name; null: there is one",
    )
    texts: tuple[Text, ...] = Field(
        default=(),
        description="dimensions whose codes are only numbers of positions; their columns hold the labels instead",
    )


class PxLayout(Packed):
    """PC-Axis file (.px). Columns: the variables, by VARIABLECODE or by name; `<name>.period` of one with TIMEVAL;
    `UNITS`, and `_note`.
    """

    format: Literal["px"]
    encoding: str | None = Field(
        default=None, description="where the file does not say it by CODEPAGE or CHARSET, or says another one"
    )
    language: str | None = Field(
        default=None, description="of names and labels, where the file has several; null: its first one"
    )


class SdmxCsvLayout(Packed):
    """SDMX-CSV 1.0 or 2.0. Columns: as in the file's header."""

    format: Literal["sdmx_csv"]
    attributes: tuple[Text, ...] = Field(
        default=(), description="columns that look like dimensions and are none: remarks, names, sources"
    )
    apostrophes: bool = Field(default=False, description=_APOSTROPHES)


class SdmxJsonLayout(Packed):
    """SDMX-JSON 1.0 or 2.0 data message. Columns: one per dimension id and per attribute id."""

    format: Literal["sdmx_json"]


class SdmxMlLayout(Packed):
    """SDMX-ML data message: 2.1 generic or structure-specific, 3.0 structure-specific. Columns: one per dimension id
    and per attribute id.
    """

    format: Literal["sdmx_ml"]
    attributes: tuple[Text, ...] = Field(
        default=(),
        description="columns that look like dimensions and are none; structure-specific messages do not say which are",
    )
    optional: tuple[Text, ...] = Field(
        default=(), description="attributes that a message lacks where it says them of no observation; empty there"
    )


class WorldBankLayout(Packed):
    """World Bank Indicators API v2, JSON. Columns: `indicator.id`, `country.id`, `countryiso3code`, `date` ..."""

    format: Literal["worldbank"]


class UnhcrLayout(Packed):
    """UNHCR Population Statistics API, JSON. Columns: `year`, `coo`, `coa` ..., and `measure`."""

    format: Literal["unhcr"]
    measures: tuple[Text, ...] = Field(min_length=1, description="fields that hold figures")
    others: tuple[Text, ...] = Field(
        default=(), description="fields with figures that this dataset leaves to others; counted as `outside_tables`"
    )


class Number(Declared):
    """How the publisher writes numbers."""

    decimal: Literal[".", ","] = "."
    group: Literal["", " ", ",", ".", "'"] = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.group == self.decimal:
            raise ValueError(f"{self.group!r} cannot both group the digits and begin the decimals")
        return self


Month = Annotated[int, Field(ge=1, le=12)]


class RecordPeriod(Declared):
    """In which period a record falls: by a column of dates, or by a column of years and one of months."""

    to: Literal["year", "month"]
    date: Text | None = Field(default=None, description="column of dates")
    formats: tuple[Text, ...] = Field(
        default=(),
        description="how dates are written in each era, such as %Y-%m-%d or %d-%b-%y; months are English",
    )
    zone: Text | None = Field(
        default=None,
        description="time zone, such as Pacific/Auckland, in which a stamp of UTC is the publisher's day",
    )
    year: Text | None = Field(default=None, description="column of years, where there is none of dates")
    month: Text | None = Field(default=None, description="column of months beside it")
    months: dict[str, Month] = Field(default={}, description="name of a month → its number; numbers need no line")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.date is None) == (self.year is None):
            raise ValueError("`date` names a column of dates, or `year` one of years; declare one of the two")
        if (self.date is None) == bool(self.formats):
            raise ValueError("`formats` says how the dates of `date` are written; declare both or none")
        if self.date is not None and (self.month is not None or self.months):
            raise ValueError("`month` and `months` go with `year`; a date has its month")
        if self.year is not None and (self.month is None) == (self.to == "month"):
            raise ValueError("periods of months need a column `month` beside `year`, and those of years have none")
        if self.months and self.month is None:
            raise ValueError("`months` says what the texts of `month` mean; declare that column too")
        if self.zone is not None:
            if not any("%H" in form for form in self.formats):
                raise ValueError("`zone` is about formats with a time of day (%H); there is none")
            try:
                zoneinfo.ZoneInfo(self.zone)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError):
                raise ValueError(f"zone {self.zone!r} is no time zone such as Pacific/Auckland") from None
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that say it."""
        return tuple(name for name in (self.date, self.year, self.month) if name is not None)


#: What `once` says where no field tells records apart: all fields together do.
WHOLE: Final = "*"


class Aggregate(Declared):
    """Figures that are made from records: one for each group of records that agree in `by` and in their period.

    After it the columns are those of `by`, `period`, and for sums `_status`: `complete`, `partial` where some records
    of the group do not say the number, `none` where no record does.
    """

    figure: Literal["count", "sum"] = Field(description="how many records, or the sums of the declared figures")
    period: RecordPeriod
    by: tuple[Text, ...] = ()
    where: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(
        default={},
        description="column → texts of the records that count; others are counted as `not_selected`. An empty text "
        "stands for an empty cell, and then the column need not be there",
    )
    same: dict[str, dict[str, str]] = Field(
        default={}, description="column → another spelling → the one that it is counted with"
    )
    blank: tuple[Text, ...] = Field(default=(), description="texts that say that a number is not known, such as NA")
    once: Text | None = Field(
        default=None,
        description="JSON records: field that no two of them share, or `*` for all fields together. One that repeats "
        "another in all is counted once, and those that contradict each other go to quarantine",
    )
    number: Number = Number()
    negative: bool = Field(
        default=False,
        description="whether a record may say a number below nought, such as a balance; else that number goes to "
        "quarantine, and its sum is partial",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.once is not None and self.figure != "sum":
            raise ValueError("`once` is about records whose figures would be added twice; `count` has no figures")
        _once("by and the columns of the period", [*self.by, *self.period.columns, "period"])
        unknown = set(self.same) - set(self.by) - set(self.where)
        if unknown:
            raise ValueError(f"`same` is about {sorted(unknown)}, which are not in `by` or `where`")
        for column, spellings in self.same.items():
            both = set(spellings) & set(spellings.values())
            if both:
                raise ValueError(f"same: {column}: {sorted(both)} is a spelling, and what others are counted with")
        return self

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that have to be there."""
        wanted = (name for name, texts in self.where.items() if "" not in texts)
        return tuple(dict.fromkeys([*self.by, *self.period.columns, *wanted]))

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that say something, but for those of numbers."""
        return tuple(dict.fromkeys([*self.required, *self.where]))


def _of_records(aggregate: Aggregate, figures: Sequence[str], declared: BaseModel, others: Sequence[str]) -> None:
    """ValueError where a layout says something that is not about figures made from records."""
    if bool(figures) != (aggregate.figure == "sum"):
        raise ValueError("`sum` adds up declared figures, and `count` has none: see `aggregate.figure`")
    for name in others:
        if getattr(declared, name) != type(declared).model_fields[name].get_default(call_default_factory=True):
            raise ValueError(f"`{name}` says nothing beside `aggregate`; remove it")
    _once("figures and the columns of `aggregate`", [*figures, *aggregate.columns])


Pointer = Annotated[str, Field(pattern=r"^(/[^/]*)+$")]


class JsonRecordsLayout(Packed):
    """An array of JSON objects. Columns: their fields; those of nested objects have a dot, as `attributes.Nature`."""

    format: Literal["json_records"]
    records: Literal[""] | Pointer = Field(
        default="", description="JSON pointer of the array of records; empty: the whole document"
    )
    nested: Text | None = Field(
        default=None,
        description="field of each record that holds an array of objects: one row per object, the fields of its record "
        "beside it. Fields of the objects have a dot, as `values.key`",
    )
    measures: tuple[Text, ...] = Field(
        default=(), description="fields that hold figures; with several, the column `measure` says which it is"
    )
    others: tuple[Text, ...] = Field(
        default=(), description="fields with figures that this dataset leaves to others; counted as `outside_tables`"
    )
    identity: tuple[Text, ...] = Field(
        default=(), description="fields whose numbers are no figures and tell figures apart: years, codes, rounds"
    )
    attributes: tuple[Text, ...] = Field(
        default=(), description="fields that do not tell figures apart: remarks, names, links, coordinates"
    )
    labels: dict[str, str] = Field(default={}, description="field of codes → field of what the codes are called")
    total: Pointer | None = Field(default=None, description="where the envelope counts the records over all pages")
    page: Pointer | None = Field(default=None, description="where it says which page this is")
    pages: Pointer | None = Field(default=None, description="where it says how many pages there are")
    updated: Pointer | None = Field(default=None, description="where it says when the figures were last updated")
    errors: tuple[Pointer, ...] = Field(
        default=(), description="where the publisher's own error stands; there, and not empty, it is one"
    )
    aggregate: Aggregate | None = Field(default=None, description="the records are made into figures")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.aggregate is not None:
            _of_records(
                self.aggregate, self.measures, self, ("nested", "others", "identity", "attributes", "labels", "pages")
            )
        elif not self.measures:
            raise ValueError("`measures` says which fields hold figures; there is none")
        outer = [name for name in self.measures if self.nested and not name.startswith(f"{self.nested}.")]
        if outer:
            raise ValueError(
                f"measures: {', '.join(outer)} would stand once for each object in {self.nested!r}; figures of one "
                "dataset stand in the objects, such as `values.value`"
            )
        _once(
            "measures, others, identity, attributes", [*self.measures, *self.others, *self.identity, *self.attributes]
        )
        return self


class DelimitedLayout(Packed):
    """Plain delimited text (CSV, TSV), long or wide. Columns: as in the file's header, or as `columns` names them.

    What stands under a header that nobody declared is a column too; the dataset has to say what it means.
    """

    format: Literal["delimited"]
    encoding: Text = "utf-8"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    quoted: bool = Field(default=True, description='false: `"` is a character like any other')
    columns: dict[str, tuple[str, ...]] = Field(
        default={},
        description="name of a column → the header texts by which editions call it; an empty text is the first column "
        "without a header. A declared column has to be there",
    )
    figures: tuple[Text, ...] = Field(
        default=(), description="columns that hold figures; with several, the column `measure` says which it is"
    )
    across: Text | None = Field(
        default=None,
        description="regular expression of the headers over figures where one dimension goes across; its named groups, "
        "such as (?P<year>[0-9]{4}), become columns",
    )
    others: tuple[Text, ...] = Field(
        default=(), description="columns of figures that this dataset leaves to others; counted as `outside_tables`"
    )
    attributes: tuple[Text, ...] = Field(
        default=(), description="columns that do not tell figures apart: remarks, names, links"
    )
    labels: dict[str, str] = Field(default={}, description="column of codes → column of what the codes are called")
    hxl: bool = Field(default=False, description="a row of `#tags` stands below the header")
    apostrophes: bool = Field(default=False, description=_APOSTROPHES)
    comments: Text | None = Field(default=None, description="what lines begin with that are remarks, such as #")
    ends_before: Text | None = Field(
        default=None, description="regular expression of the beginning of the first line below the table"
    )
    updated: Text | None = Field(
        default=None, description="text of a cell above the header; right of it stands the date of the last update"
    )
    aggregate: Aggregate | None = Field(
        default=None, description="the records are made into figures while they are read, in bounded memory"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            "1,;|\t".encode(self.encoding)
        except (LookupError, UnicodeError):
            raise ValueError(f"encoding {self.encoding!r} is none that Python knows, such as cp1252") from None
        if self.aggregate is not None:
            beside = ("across", "others", "attributes", "labels", "comments", "ends_before", "updated")
            _of_records(self.aggregate, self.figures, self, beside)
            if self.aggregate.once is not None:
                raise ValueError("`once` is for JSON: records of a stream are not held against each other; remove it")
        elif bool(self.figures) == (self.across is not None):
            raise ValueError("either `figures` says which columns hold figures, or `across` over which headers")
        groups = set(_regular("across", self.across).groupindex)
        if self.across is not None and not groups:
            raise ValueError(f"across {self.across!r} has no named group, such as (?P<year>[0-9]{{4}}), to be a column")
        if self.across is not None and not self.columns:
            raise ValueError("beside `across`, `columns` has to name one column at least, by which the header is found")
        _regular("ends_before", self.ends_before)
        if self.hxl and (self.comments or "").startswith("#"):
            raise ValueError("a row of HXL tags begins with #, as `comments` do; declare one of them")
        for name, texts in self.columns.items():
            if not texts:
                raise ValueError(f"columns: {name!r} has no header text")
        _once("columns and the groups of across", [*self.columns, *groups])
        _once("header texts", [" ".join(text.split()) for texts in self.columns.values() for text in texts])
        _once("figures, others, attributes", [*self.figures, *self.others, *self.attributes, *groups])
        return self

    @property
    def there(self) -> tuple[str, ...]:
        """The names of the columns that a header has to have."""
        of_records = () if self.aggregate is None else self.aggregate.required
        return tuple(dict.fromkeys([*self.columns, *self.figures, *of_records]))

    @property
    def told(self) -> frozenset[str]:
        """The columns of which something is declared by name."""
        named = (self.there, self.others, self.attributes, self.labels, self.labels.values())
        return frozenset(itertools.chain.from_iterable(named))


class HtmlTableLayout(Packed):
    """A table of a web page, found by its caption or heading and by its headers. Columns: as `delimited` has them."""

    format: Literal["html_table"]
    encoding: str | None = Field(default=None, description="where the page does not say it, or says a wrong one")
    caption: Text | None = Field(
        default=None, description="regular expression of its caption, or of the heading that stands above it"
    )
    section: Text | None = Field(
        default=None,
        description="name of a further column: the text of the row over the whole width that stands above records",
    )
    columns: dict[str, tuple[str, ...]] = Field(
        min_length=1, description="name of a column → the header texts by which editions call it; it has to be there"
    )
    figures: tuple[Text, ...] = Field(default=(), description="as of `delimited`")
    across: Text | None = Field(default=None, description="as of `delimited`")
    others: tuple[Text, ...] = Field(default=(), description="as of `delimited`")
    attributes: tuple[Text, ...] = Field(default=(), description="as of `delimited`")
    labels: dict[str, str] = Field(default={}, description="as of `delimited`")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _regular("caption", self.caption)
        try:
            "".encode(self.encoding or "utf-8")
        except LookupError:
            raise ValueError(f"encoding {self.encoding!r} is none that Python knows, such as cp1252") from None
        shared = self.delimited  # what is wrong there is wrong here
        if self.section is not None and self.section in shared.told:
            raise ValueError(f"section {self.section!r} is a column of the table already")
        return self

    @property
    def delimited(self) -> DelimitedLayout:
        """The same of delimited text."""
        shared = ("columns", "figures", "across", "others", "attributes", "labels")
        return DelimitedLayout.model_validate({"format": "delimited", **{name: getattr(self, name) for name in shared}})


def _regular(name: str, pattern: str | None) -> re.Pattern[str]:
    """A declared regular expression, compiled; ValueError where it is none."""
    try:
        return re.compile(pattern or "")
    except re.error as error:
        raise ValueError(f"{name} {pattern!r} is no regular expression: {error}") from None


def _once(where: str, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{where}: {', '.join(map(repr, twice))} stands twice")


Layout = Annotated[
    WorkbookLayout
    | JsonStatLayout
    | PxLayout
    | SdmxCsvLayout
    | SdmxJsonLayout
    | SdmxMlLayout
    | WorldBankLayout
    | UnhcrLayout
    | DelimitedLayout
    | HtmlTableLayout
    | JsonRecordsLayout,
    Field(discriminator="format"),
]
