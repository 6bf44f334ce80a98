"""Words by which tables of officials are understood, in the five languages: `include/templates/vocabulary.csv`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from migstats.codelists import read_csv
from migstats.uploads.contract import folder


@cache
def _words() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for row in read_csv(folder() / "vocabulary.csv"):
        found.setdefault(row["kind"], []).append(row["text"])
    return {kind: tuple(texts) for kind, texts in found.items()}


def vocabulary(kind: str) -> tuple[str, ...]:
    """The words of a kind. KeyError for a kind that there is not.

    Headers of columns: `country` (that reports), `any_country` (that reports, unless a form has others), `period`, and
    of persons `person`, `person_or_place`, `birth`, `document`, `phone`, `email`. Beginnings of rows: `total`, `note`.
    """
    return _words()[kind]
