"""Checks of declarations: everything that can be known wrong before a byte is fetched."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from migstats import settings
from migstats.codelists import codelist_of, read_codelist
from migstats.corrections import Correction, read_corrections
from migstats.errors import DeclarationError
from migstats.harmonise import Codes, read_codes
from migstats.readers import VALUE
from migstats.source import Column, Dataset, Source, Years, folder_of, plan, read_sources
from migstats.validate import read_suites


def source_schema() -> str:
    """The JSON Schema of source.yaml as text."""
    schema = Source.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def findings(further: Iterable[Path] = (), *, today: dt.date) -> tuple[list[str], str]:
    """What is wrong with the declarations, one line each, and a summary of what was looked at.

    A correction that has expired by `today` is a finding: it would stop the next run.
    """
    further = tuple(further)
    try:
        sources = read_sources(further)
    except DeclarationError as error:
        return str(error).splitlines(), ""
    found: list[str] = []
    for source in sources.values():
        folder = folder_of(source.id, further)
        found += _of_source(source, folder, today)
    try:
        suites = read_suites(settings.expectations())
    except DeclarationError as error:
        found += str(error).splitlines()
        suites = {}
    datasets = sum(len(s.datasets) for s in sources.values())
    rules = sum(len(s.rules) for s in suites.values())
    return (
        found,
        f"{len(sources)} sources with {datasets} datasets, {len(suites)} suites with {rules} rules: no finding",
    )


def _of_source(source: Source, folder: Path, today: dt.date) -> Iterator[str]:
    concepts = settings.include() / "codelists"
    try:
        codes = read_codes(folder, concepts)
        corrections = read_corrections(folder)
        plan(source, today=max([today, *(dt.date(year, 12, 31) for year in _first_years(source))]))
    except DeclarationError as error:
        yield from str(error).splitlines()
        return
    known = {(d.id, c.column, n) for d in source.datasets for n, c in d.concepts.items() if isinstance(c, Column)}
    known |= {(d.id, VALUE, n) for d in source.datasets for n in ("obs_status", "conf_status", "missing_reason")}
    for dataset_id, column, concept in codes.rows:
        used = [d for d in source.datasets if dataset_id in ("*", d.id)]
        if not used:
            yield f"{folder}/codes.csv: dataset {dataset_id!r} is not declared in source.yaml; mend the name"
        elif not any((d.id, column, concept) in known for d in used):
            yield (
                f"{folder}/codes.csv: column {column!r} is not mapped to {concept!r} in source.yaml; "
                "mend the name of the column or concept, or remove the lines"
            )
    for correction in corrections:
        for finding in _of_correction(correction, source, concepts, today):
            yield f"{folder}/corrections.csv: {correction.id}: {finding}"
    for dataset in source.datasets:
        for finding in _of_dataset(dataset, codes, concepts):
            yield f"{folder}/source.yaml: dataset {dataset.id}: {finding}"


def _first_years(source: Source) -> Iterator[int]:
    """The years in which the open runs of years begin to have slices; one may lie ahead."""
    for dataset in source.datasets:
        for axis in dataset.slices.values():
            if isinstance(axis, Years) and axis.end is None:
                yield axis.start + axis.lag


def _of_correction(correction: Correction, source: Source, concepts: Path, today: dt.date) -> Iterator[str]:
    if correction.expires < today:
        yield f"expired on {correction.expires}; look at the figure again, then give it a later date or remove it"
    if correction.dataset not in [d.id for d in source.datasets]:
        yield f"dataset {correction.dataset!r} is not declared in source.yaml; mend the name"
    for concept, code in correction.key:
        codelist = codelist_of(concepts, concept)
        if codelist is not None and code not in codelist:
            yield f"{concept}: {code!r} is no code of codelist {codelist.name}; mend the code"


def _of_dataset(dataset: Dataset, codes: Codes, concepts: Path) -> Iterator[str]:
    catalogue = read_codelist(concepts, "indicator")
    for concept, how in dataset.concepts.items():
        codelist = codelist_of(concepts, concept)
        if isinstance(how, str):
            if codelist is not None and how not in codelist:
                yield f"{concept}: {how!r} is no code of codelist {codelist.name}"
            continue
        if how.scheme is None and codelist is not None and concept not in ("obs_status", "conf_status"):
            treatments = {treatment for _, treatment in codes.of(dataset.id, how.column, concept).values()}
            if "map" not in treatments:
                yield (
                    f"{concept}: column {how.column!r} has no scheme, and codes.csv maps none of its codes: every row "
                    f"would go to quarantine; give it `scheme: code` where the codes are ours, the scheme of codelist "
                    f"{codelist.name} in which they stand, or lines in codes.csv"
                )
        if how.scheme is not None and codelist is not None:
            try:
                codelist.scheme(how.scheme)
            except DeclarationError as error:
                yield f"{concept}: {error}"
        if how.blank is not None and codelist is not None and how.blank not in codelist:
            yield f"{concept}: blank {how.blank!r} is no code of codelist {codelist.name}"
    indicator, unit = dataset.concepts["indicator"], dataset.concepts["unit"]
    if isinstance(indicator, str) and indicator in catalogue:
        row = catalogue.rows[indicator]
        if isinstance(unit, str) and row["unit"] != unit:
            yield f"unit {unit!r}, but indicator {indicator} is in {row['unit']!r}"
        if row["stock_or_flow"] != dataset.stock_or_flow:
            yield f"stock_or_flow {dataset.stock_or_flow!r}, but indicator {indicator} is a {row['stock_or_flow']}"
