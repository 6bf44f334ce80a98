"""What source.yaml says of a table of a PxWeb server: which values of each variable are asked for.

Imported by the DAG files at parse time, so nothing heavy is imported here.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from migstats.layout import Declared, Text


class Choice(Declared):
    """The values that are asked for of one variable of a PxWeb table."""

    values: Literal["*"] | Annotated[tuple[Text, ...], Field(min_length=1)]
    texts: bool = Field(default=False, description="`values` are what the publisher calls them, and not their codes")
    codelist: Text | None = Field(
        default=None,
        description="aggregation or value set that the values are of, as the publisher names it: `agg:...` or `vs:...` "
        "(version 1), its id (version 2)",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.codelist is not None and (self.values == "*" or self.texts):
            raise ValueError("the values of a codelist stand in no table's metadata; list their codes")
        if self.values != "*" and len(set(self.values)) != len(self.values):
            raise ValueError(f"a value stands twice: {list(self.values)}")
        return self


class PxWeb(Declared):
    """How a table of a PxWeb server is asked for. Its limits are asked for too, and a larger query goes in parts."""

    version: Literal[1, 2]
    query: dict[Text, Literal["*"] | Annotated[tuple[Text, ...], Field(min_length=1)] | Choice | None] = Field(
        min_length=1,
        description="each variable of the table → codes, `*` for all of them, or a choice; null: it is left out, and "
        "the publisher gives the total over it. May hold {release} and the axes of `slices`",
    )
    config: Text | None = Field(
        default=None, description="where the limits are asked for; null: at the root of the API"
    )
    max_cells: int | None = Field(
        default=None,
        gt=0,
        description="cells of one answer, where the publisher tells no limit or one that does not hold",
    )

    @property
    def choices(self) -> dict[str, Choice | None]:
        """Variable → what is asked for of it; None: it is left out."""
        return {
            variable: said if said is None or isinstance(said, Choice) else Choice(values=said)
            for variable, said in self.query.items()
        }
