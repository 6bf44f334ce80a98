"""Other forms in which a publisher gives a table that is declared: bulk files, exports of a page, older editions.

They stand in `forms.yaml` beside `source.yaml`. A form has the meaning of a dataset but for what it says itself. Local
files are read by forms (`migstats read`, `migstats audit`); nothing that is scheduled is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from migstats.errors import DeclarationError
from migstats.facts import read_yaml
from migstats.layout import Declared, Layout, Number, Text
from migstats.source import Column, Dataset, Id, Multiplier, Source

#: What is said of how a dataset is asked for. A form is not asked for.
_OF_REQUESTS: Final = frozenset(
    {"query", "page_parameter", "page_from", "page_step", "most_records", "slices", "split", "pxweb", "accept"}
)


class Form(Declared):
    """Another form of a dataset. What it does not say is as the dataset says it."""

    id: Id = Field(description="by which codes.csv and `--dataset` call it; no dataset of the source has it")
    of: Id = Field(description="the dataset whose meaning it has")
    title: Text
    reader: Layout
    concepts: dict[str, str | Column | None] = Field(
        default={}, description="those that differ: a constant, another column; null: the form does not have it"
    )
    also_called: dict[str, tuple[Text, ...]] = Field(default={})
    only: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default={})
    always: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(default={})
    combined: dict[str, Annotated[tuple[Text, ...], Field(min_length=2)]] = Field(default={})
    wholes: dict[str, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(default={})
    number: Number = Number()
    unit_mult: int | Multiplier = 0
    verified: Literal["payload", "documentation", "sample"] = "sample"

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.id == self.of:
            raise ValueError(f"the form has the id of its dataset, {self.of!r}; give it one of its own")
        return self

    def dataset(self, source: Source) -> Dataset:
        """The dataset that a file of this form is read as. DeclarationError where `of` is none of the source's."""
        base = source.dataset(self.of).model_dump(exclude_unset=True, exclude=set(_OF_REQUESTS))
        own = self.model_dump(exclude_unset=True, exclude={"of", "concepts"})
        changed = {name: getattr(self, name) for name in own}
        concepts: dict[str, Any] = {**base["concepts"], **self.concepts}
        facts = {
            **base,
            "url": source.homepage,
            **changed,
            "verified": self.verified,
            "concepts": {name: how for name, how in concepts.items() if how is not None},
        }
        return Dataset.model_validate(facts)


class _Forms(Declared):
    forms: tuple[Form, ...] = Field(min_length=1)


def read_forms(folder: Path, source: Source) -> Sequence[Dataset]:
    """The forms of a source as datasets, in declared order; none where it has no forms.yaml.

    DeclarationError names the file, the form and the field.
    """
    path = folder / "forms.yaml"
    if not path.is_file():
        return ()
    facts = read_yaml(path)
    try:
        declared = _Forms.model_validate(facts).forms
    except ValidationError as error:
        raise DeclarationError("\n".join(f"{path}: {line}" for line in _wrong(error, facts))) from None
    taken = [dataset.id for dataset in source.datasets]
    found: list[Dataset] = []
    for form in declared:
        if form.id in taken:
            raise DeclarationError(f"{path}: {form.id}: another dataset or form has this id; give the form its own")
        taken.append(form.id)
        try:
            found.append(form.dataset(source))
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise DeclarationError(f"{path}: {form.id}: {said}") from None
        except DeclarationError as error:
            raise DeclarationError(f"{path}: {form.id}: of: {error}") from None
    return tuple(found)


def _wrong(error: ValidationError, facts: object) -> list[str]:
    """One line per wrong field, with the id of its form where there is one."""
    forms = facts.get("forms") if isinstance(facts, Mapping) else None
    lines: list[str] = []
    for e in sorted(error.errors(), key=lambda e: e["type"] == "too_short"):
        if lines and e["type"] == "too_short":
            break  # an echo: a form that is wrong is counted as none
        where = list(map(str, e["loc"]))
        if len(where) > 1 and isinstance(forms, list) and where[0] == "forms" and where[1].isdecimal():
            form = forms[int(where[1])]
            named = form.get("id") if isinstance(form, Mapping) else None
            where = [str(named or f"form {int(where[1]) + 1}"), *where[2:]]
        lines.append(f"{'.'.join(where) or '(the whole file)'}: {e['msg']}")
    return list(dict.fromkeys(lines))
