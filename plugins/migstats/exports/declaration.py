"""How to read an export again: a declaration for each source whose figures it holds, as `migstats read` takes it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from migstats.codelists import CODELIST_OF, Folders, codelist_of
from migstats.exports import country_csv, sdmx_csv, sdmx_ml
from migstats.exports.selection import Column, Row, Taken, columns
from migstats.observation import SERIES_DIMENSIONS, SHARED_ATTRIBUTES

FOLDER: Final = "declarations"
#: Format → whether its columns are called as in SDMX, its files, and how they are read.
_FORMATS: Final[dict[str, tuple[bool, str, dict[str, Any]]]] = {
    sdmx_csv.FOLDER: (True, "{topic}.csv", {"format": "sdmx_csv", "apostrophes": True}),
    sdmx_ml.FOLDER: (True, "{topic}.xml", {"format": "sdmx_ml"}),
    country_csv.FOLDER: (False, "{country}.csv", {"format": "delimited", "apostrophes": True}),
}
#: What a declaration may say of an observation by codes.
_CODED: Final = frozenset({*SERIES_DIMENSIONS, *SHARED_ATTRIBUTES})
#: Concepts whose codes are flags: codes.csv has a line for each.
_FLAGS: Final = ("obs_status", "conf_status")
_TEXTS: Final = ("coverage", "note")
#: What is no part of a country, though it stands where one is told.
_NO_UNIT: Final = ("_T", "_U", "_Z")


def write(
    folder: Path, base: str, formats: list[str], countries: list[str], taken: Taken, concepts: Folders, *, hxl: bool
) -> list[Path]:
    """`declarations/<format>/<source>/` with source.yaml and codes.csv."""
    written = []
    for name in (name for name in formats if name in _FORMATS):
        for source in dict.fromkeys(row["source"] for row in taken.datasets):
            place = folder / FOLDER / name / source
            place.mkdir(parents=True)
            declared = _source(taken, source, name, base, countries, hxl=hxl)
            text = yaml.dump(declared, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)
            (place / "source.yaml").write_text(text, encoding="utf-8")
            with (place / "codes.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(("dataset", "column", "code", "concept", "target", "treatment", "note"))
                writer.writerows(_codes(name, concepts))
            written += [place / "source.yaml", place / "codes.csv"]
    return written


def _called(column: Column, name: str) -> str:
    return column.sdmx if _FORMATS[name][0] else column.name


def _source(taken: Taken, source: str, name: str, base: str, countries: list[str], *, hxl: bool) -> dict[str, Any]:
    said = taken.sources[source]
    tables: dict[tuple[str, str], list[str]] = {}
    for row in taken.datasets:
        if row["source"] == source:
            tables.setdefault((row["dataset"], row["reference_point"]), []).append(row["topic"])
    return {
        "id": source,
        "title": said["title"],
        "publisher": said["publisher"],
        "homepage": said["homepage"],
        "description": f"Figures of {said['publisher']} as migstats exported them.",
        "owner": "whoever reads the export",
        "licence": {"id": said["licence"], "url": said["licence_url"], "redistribution": "allowed"},
        "citation": said["citation"],
        "hosts": [urlsplit(base).hostname],
        "datasets": list(_datasets(tables, source, name, base, countries, said, hxl=hxl)),
    }


def _datasets(
    tables: dict[tuple[str, str], list[str]],
    source: str,
    name: str,
    base: str,
    countries: list[str],
    said: Row,
    *,
    hxl: bool,
) -> Iterator[dict[str, Any]]:
    names = {column.name: _called(column, name) for column in columns()}
    is_sdmx, file, reader = _FORMATS[name]
    beside = [_called(c, name) for c in columns() if c.role in ("attribute", "optional")]
    if reader["format"] == "sdmx_ml":
        reader = {**reader, "optional": [_called(c, name) for c in columns() if c.role == "optional"]}
    if not is_sdmx:
        reader = {**reader, "figures": [names["published_value"]], **({"hxl": True} if hxl else {})}
    seen: set[str] = set()
    for (dataset, point), topics in tables.items():
        again = dataset in seen
        seen.add(dataset)
        yield {
            # a table that had another point of reference once is one for each
            "id": f"{dataset}_{point.replace('-', '')}" if again else dataset,
            "title": f"{said['title']}: {dataset}",
            "url": f"{base}/{name}/{file}",
            "slices": {"topic": sorted(topics)} if is_sdmx else {"country": countries},
            "reader": {**reader, "attributes": beside},
            "only": {
                names["source"]: [source],
                names["dataset"]: [dataset],
                names["reference_point"]: [point],
                names["method"]: ["published"],
            },
            "concepts": _concepts(names),
            "projected_to": 2200,  # what was believed once is believed again
            "stock_or_flow": "flow" if point == "period" else "stock",
            "reference_point": point,
        }


def _concepts(names: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        column.name: {"column": names[column.name], "scheme": "code"}
        for column in columns()
        if column.codelist and column.name in _CODED
    }
    found["breakdown"] = {"column": names["breakdown"], "scheme": "code"}
    found["subdivision"] = {
        "column": names["subdivision"],
        "scheme": "code",
        "name": names["subdivision_published"],
    }
    found["time_period"] = {"column": names["time_period"], "period": "sdmx"}
    return found | {concept: {"column": names[concept]} for concept in (*_FLAGS, *_TEXTS)}


def _codes(name: str, concepts: Folders) -> Iterator[tuple[str, ...]]:
    names = {column.name: _called(column, name) for column in columns()}
    for concept in _FLAGS:
        listed = codelist_of(concepts, CODELIST_OF.get(concept, concept))
        assert listed is not None
        for code in listed.rows:
            yield "*", names[concept], code, concept, code, "map", ""
    for code in _NO_UNIT:
        yield "*", names["subdivision"], code, "subdivision", code, "map", ""
