"""What comes of a submission goes the way of every source; every form is understood in every language."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, product
from typing import Any

import pyarrow as pa
import pytest
from grids import HEADER, Seen, read, rows, said, sheet

from migstats.harmonise import Harmonised, harmonise
from migstats.names import LANGUAGES
from migstats.pipeline import concepts, read_codes
from migstats.readers import delimited
from migstats.source import folder_of, read_source
from migstats.uploads.contract import Form, forms
from migstats.uploads.formats import formats_of
from migstats.uploads.grid import Grid
from migstats.uploads.keys import Keys, Scope
from migstats.uploads.understanding import understand
from migstats.uploads.understood import Understood, canonical


def harmonised(understood: Understood) -> Harmonised:
    """The canonical table, as the pipeline reads it."""
    folder = folder_of("upload_mar")
    dataset = read_source(folder / "source.yaml").dataset(understood.form.id)
    codes = read_codes(folder, concepts())
    layout: Any = dataset.reader
    pages = {"0" * 64: delimited.read(canonical(understood), layout)}
    return harmonise(pages, "upload_mar", dataset, codes, concepts=concepts(), last_year=2027)


LINES: list[list[Seen]] = [
    ["FRA", "MA-01", "F", "15-24", "5 (e)", "<5"],
    ["FRA", "Total", "Total", "Total", 0, "-"],
    ["ESP", "Total", "_U", "65+", "..", "5ᵇ"],
    ["Stateless", "Total", "_U", "65+", "x", "12³"],
]


def test_the_pipeline_reads_the_canonical_table_as_it_was_meant() -> None:
    understood = rows(*LINES)
    found = harmonised(understood)
    assert (found.quarantine.num_rows, found.explained.num_rows) == (0, 0)
    assert found.facts.num_rows == len(understood.figures) == 8
    figures = understood.figures
    told = [(None if v is None else float(v), s) for v, s in zip(figures.value, figures.obs_status, strict=True)]
    facts = zip(found.facts["value"].to_pylist(), _texts(found.facts["obs_status"]), strict=True)
    assert sorted(facts, key=str) == sorted(told, key=str)


def _texts(column: pa.ChunkedArray) -> list[str]:
    return [str(text) for text in column.to_pylist()]


def test_another_order_and_spelling_of_rows_is_no_other_content_for_the_pipeline() -> None:
    again = [[str(seen) if isinstance(seen, int) else seen for seen in line] for line in reversed(LINES)]
    assert harmonised(rows(*LINES)).content_hash == harmonised(read(sheet([["x"], HEADER, *again]))).content_hash


def filled(form: Form, country: str, language: str) -> Iterator[list[Seen]]:
    """Rows of a form with codes, labels, or both in its cells."""
    scope = Scope(country, 2025, tuple(dict.fromkeys((language, *LANGUAGES))))
    lists = [(Keys(key, scope), key.allowed or key.prefill or ("_T",)) for key in form.keys]
    for number, codes in enumerate(islice(product(*[codes[:3] for _, codes in lists]), 40)):
        labels = [keys.label(code) for (keys, _), code in zip(lists, codes, strict=True)]
        cells = [(code, label, f"{code} · {label}")[number % 3] for code, label in zip(codes, labels, strict=True)]
        said_of = dict(zip((key.id for key in form.keys), codes, strict=True))
        figures = [None if any(said_of[key] != "_T" for key in m.undivided) else ".." for m in form.measures]
        yield [*cells, *figures]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", forms().values(), ids=forms())
def test_every_form_is_understood_in_every_language(form: Form, language: str) -> None:
    header = [column.header.of(language) for column in form.columns]
    lines = list(filled(form, "KGZ", language))
    properties = {"form": form.id, "country": "KGZ", "year": "2025", "version": str(form.version), "language": language}
    grid = Grid("xlsx", (sheet([header, *lines], form.sheet.of(language)),), properties)
    found = understand(form, grid, "KGZ", 2025, formats_of("KGZ"), language=language)
    assert (said(found), found.balanced) == ([], True)
    assert len(found.figures) == sum(seen is not None for line in lines for seen in line[len(form.keys) :])
    assert canonical(found).count(b"\n") == 1 + len(found.figures)
