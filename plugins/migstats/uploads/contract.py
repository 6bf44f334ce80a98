"""Contracts of the upload forms: `include/templates/<form>.yaml`, typed and checked when they are read.

The template, its instructions, the validator, the messages and the data dictionary are all made from a contract.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from migstats import settings
from migstats.errors import DeclarationError
from migstats.facts import read_yaml, wrong_fields
from migstats.layout import Declared, Text
from migstats.names import LANGUAGES
from migstats.observation import DEFAULTS, SERIES_DIMENSIONS
from migstats.source import Id

Language = Literal["en", "fr", "es", "ar", "ru"]

#: What may be a column of a form: the dimensions that a row tells, without those that the whole submission has.
DIMENSIONS: Final = tuple(d for d in SERIES_DIMENSIONS if d not in ("source", "indicator", "freq", "ref_area"))


class Texts(Declared):
    """A text in each of the five languages."""

    en: Text
    fr: Text
    es: Text
    ar: Text
    ru: Text

    def of(self, language: str) -> str:
        """The text in this language."""
        if language not in LANGUAGES:
            raise DeclarationError(f"{language!r} is none of the languages {', '.join(LANGUAGES)}")
        return str(getattr(self, language))


class Headed(Declared):
    """A column of the table: what stands above it, and what the instruction sheet says of it."""

    id: Id
    header: Texts
    help: Texts
    also: tuple[Text, ...] = Field(
        default=(), description="other texts of the header that are understood, in whatever language"
    )


class KeyColumn(Headed):
    """A column that says what a row's figures are about."""

    concept: Text = Field(description="dimension of the observation that it tells")
    allowed: tuple[Text, ...] | None = Field(
        default=None, description="codes that may stand in it; null: all of the codelist"
    )
    total: bool = Field(
        default=True, description="an empty cell is not allowed; `_T` in it is the total over this dimension"
    )
    prefill: tuple[Text, ...] | None = Field(
        default=None, description="codes with which a new template is filled, one row for each combination"
    )

    @field_validator("concept")
    @classmethod
    def _is_dimension(cls, value: str) -> str:
        if value not in DIMENSIONS:
            raise ValueError(f"{value!r} is no dimension of a row; they are {', '.join(DIMENSIONS)}")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        strange = set(self.prefill or ()) - set(self.allowed or self.prefill or ())
        if strange:
            raise ValueError(f"prefill has {sorted(strange)}, which is not in `allowed`")
        return self


class Measure(Headed):
    """A column of figures."""

    indicator: Text
    whole: bool = Field(default=True, description="only whole numbers make sense")
    low: float = Field(default=0, description="a figure below it is an error")
    high: float = Field(description="a figure above it is an error: a unit or a separator was mistaken")
    required: bool = Field(
        default=True, description="an empty cell asks for a symbol that says why; else it says that there is no figure"
    )
    constants: Mapping[str, str] = Field(default={}, description="dimensions and attributes of this measure alone")
    undivided: tuple[Id, ...] = Field(
        default=(), description="key columns by which it is not told apart: it stands only in rows of their totals"
    )


class Sum(Declared):
    """Figures that add up: the total over one dimension, and the codes that are its parts."""

    column: Id
    parts: Annotated[tuple[Text, ...], Field(min_length=2)] | None = Field(
        default=None, description="null: all codes of the column but the total"
    )
    total: Text = "_T"
    tolerance: float = Field(default=0, ge=0, description="by how much the sum may miss the total")


class Form(Declared):
    """One form: a table that a country fills in for one period."""

    id: Id
    version: int = Field(ge=1)
    understands: tuple[int, ...] = Field(default=(), description="older versions whose workbooks can still be read")
    title: Texts
    purpose: Texts = Field(description="who fills it in, and with what; begins the instruction sheet")
    sheet: Texts = Field(description="name of the sheet with the table; at most 31 characters")
    topic: Text = Field(description="theme under which the portal lists it")
    owner: Text
    keys: Annotated[tuple[KeyColumn, ...], Field(min_length=1)]
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)]
    sums: tuple[Sum, ...] = ()
    constants: Mapping[str, str] = Field(default={}, description="dimensions and attributes of all measures")
    stock_or_flow: Literal["stock", "flow"]
    reference_point: str = Field(pattern=r"^(start|end|period|(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))$")
    first_year: int = Field(ge=1950, le=2100)
    quarantine_bound: float = Field(default=0, ge=0, le=1)

    @field_validator("sheet")
    @classmethod
    def _fits_a_tab(cls, value: Texts) -> Texts:
        for language in LANGUAGES:
            if len(value.of(language)) > 31 or re.search(r"[\[\]:*?/\\]", value.of(language)):
                raise ValueError(
                    f"{value.of(language)!r} cannot be the name of a sheet: 31 characters, none of []:*?/\\"
                )
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ids = [column.id for column in (*self.keys, *self.measures)]
        if len(set(ids)) != len(ids):
            raise ValueError(f"column ids repeat: {ids}")
        concepts = [key.concept for key in self.keys]
        if len(set(concepts)) != len(concepts):
            raise ValueError(f"two columns tell one dimension: {concepts}")
        if (self.stock_or_flow == "flow") != (self.reference_point == "period"):
            raise ValueError("a flow has reference_point `period`, a stock a point within its period")
        for measure in self.measures:
            both = {*self.constants, *measure.constants} & set(concepts)
            if both:
                raise ValueError(f"{sorted(both)} is a constant and a column")
        for one in self.sums:
            if one.column not in [key.id for key in self.keys]:
                raise ValueError(f"sums: {one.column!r} is none of the key columns")
        for measure in self.measures:
            if set(measure.undivided) - {key.id for key in self.keys}:
                raise ValueError(f"{measure.id}: undivided: {measure.undivided}: there are no such key columns")
        for language in LANGUAGES:
            headers = [column.header.of(language).casefold() for column in (*self.keys, *self.measures)]
            if len(set(headers)) != len(headers):
                raise ValueError(f"two columns have one header in {language}: {headers}")
        return self

    @property
    def source_id(self) -> str:
        """The source whose slices the submissions of this form are."""
        return f"upload_{self.id}"

    @property
    def sums_of_measures(self) -> tuple[tuple[Sum, Measure], ...]:
        """Each sum with each measure whose figures it adds up."""
        return tuple((one, m) for one in self.sums for m in self.measures if one.column not in m.undivided)

    @property
    def columns(self) -> tuple[KeyColumn | Measure, ...]:
        """All columns, in the order of the template."""
        return (*self.keys, *self.measures)

    def column(self, column_id: str) -> KeyColumn | Measure:
        """The column with this id; DeclarationError names those that there are."""
        for column in self.columns:
            if column.id == column_id:
                return column
        raise DeclarationError(f"form {self.id} has no column {column_id!r}; it has {[c.id for c in self.columns]}")

    def constants_of(self, measure: Measure) -> dict[str, str]:
        """Every dimension that no column tells, for this measure: what is declared, else the default."""
        told = {key.concept for key in self.keys} | {"source", "indicator", "ref_area"}
        defaults = {name: code for name, code in DEFAULTS.items() if name not in told}
        return {**defaults, **self.constants, **measure.constants}


def folder() -> Path:
    """Where the contracts are."""
    return settings.include() / "templates"


def read_form(path: Path) -> Form:
    """Read one contract. DeclarationError has a line per wrong field: file, field, what was found, remedy."""
    facts = read_yaml(path)
    try:
        form = Form.model_validate(facts)
    except ValidationError as error:
        raise DeclarationError("\n".join(f"{path}: {line}" for line in wrong_fields(error, facts))) from None
    if form.id != path.stem:
        raise DeclarationError(f"{path}: id: found {form.id!r}; name the file after the form")
    return form


@cache
def forms() -> Mapping[str, Form]:
    """All contracts by id; `countries.yaml` beside them is none. DeclarationError gathers the findings of all files."""
    found: dict[str, Form] = {}
    wrong: list[str] = []
    for path in sorted(folder().glob("*.yaml")):
        if path.name == "countries.yaml":
            continue
        try:
            found[path.stem] = read_form(path)
        except DeclarationError as error:
            wrong.append(str(error))
    if wrong:
        raise DeclarationError("\n".join(wrong))
    return found


def with_indicator() -> dict[str, list[str]]:
    """Indicator → ids of the forms that ask for it."""
    found: dict[str, list[str]] = {}
    for form in forms().values():
        for indicator in dict.fromkeys(measure.indicator for measure in form.measures):
            found.setdefault(indicator, []).append(form.id)
    return found


def form_of(form_id: str) -> Form:
    """The contract of a form; DeclarationError names those that there are."""
    if form_id not in forms():
        raise DeclarationError(f"there is no form {form_id!r}; there are {', '.join(forms())}")
    return forms()[form_id]
