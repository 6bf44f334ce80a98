"""Publishers of whom no machine interface is known: what is known of them, so that nobody invents one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from migstats import settings
from migstats.errors import DeclarationError
from migstats.facts import read_yaml, wrong_fields
from migstats.layout import Declared, Text
from migstats.source import Id


class Awaited(Declared):
    """What one publisher puts out for people to read. It has no URL that is asked, no reader and no DAG."""

    id: Id
    country: str | None = Field(
        default=None, pattern=r"^[A-Z]{3}$", description="ISO 3166-1 alpha-3, as in codelist area; or `areas`"
    )
    areas: Text | None = Field(default=None, description="what is covered, of a publisher of many countries")
    publisher: Text
    homepage: str = Field(
        pattern=r"^https?://[^/?#]+/?$", description="where a person finds the publisher; no interface"
    )
    title: Text
    publishes: Text = Field(description="what figures, and by what they are told apart")
    indicators: Annotated[tuple[Text, ...], Field(min_length=1)] = Field(
        description="codes of codelist indicator that its figures would fill"
    )
    why: Text = Field(description="why no source can be declared, as far as is known")
    delivery: Literal["upload form"]
    owner: Text
    licence: Text = Field(description="the terms, or that they are unclear")

    @model_validator(mode="after")
    def _of_somewhere(self) -> Self:
        if (self.country is None) == (self.areas is None):
            raise ValueError("either `country`, of a publisher of one country, or `areas`, of one of many")
        return self


class AwaitedList(Declared):
    """include/awaited.yaml."""

    awaited: tuple[Awaited, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        twice = sorted(id_ for id_, count in Counter(a.id for a in self.awaited).items() if count > 1)
        if twice:
            raise ValueError(f"{', '.join(twice)}: stands twice; one publisher may have several entries, an id has one")
        return self


def path() -> Path:
    """The file of the project."""
    return settings.include() / "awaited.yaml"


def read_awaited() -> tuple[Awaited, ...]:
    """All that is awaited, as it stands in the file. DeclarationError has a line per wrong field."""
    file = path()
    facts = read_yaml(file)
    try:
        return AwaitedList.model_validate(facts).awaited
    except ValidationError as error:
        remedy = "; docs/awaited.schema.json says what it may hold"
        raise DeclarationError("\n".join(f"{file}: {line}{remedy}" for line in wrong_fields(error, facts))) from None


def findings(
    awaited: tuple[Awaited, ...], sources: Container[str], areas: Container[str], indicators: Container[str]
) -> list[str]:
    """What of it contradicts the declared sources and the codelists, one line each."""
    found = []
    for entry in awaited:
        where = f"{path()}: {entry.id}:"
        if entry.id in sources:
            found.append(f"{where} a source of this id is declared; take the entry out, or rename it")
        if entry.country is not None and entry.country not in areas:
            found.append(f"{where} country {entry.country!r} is no code of codelist area; mend the code")
        found += [
            f"{where} {code!r} is no code of codelist indicator; mend the code"
            for code in entry.indicators
            if code not in indicators
        ]
    return found
