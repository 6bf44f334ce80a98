"""Data Package 2.0: what the Parquet files are, for programs that know nothing of us."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

from migstats.exports.parquet import MEDIA_TYPE
from migstats.exports.selection import Row, Taken, columns, topics

FILE: Final = "datapackage.json"
_PROFILE: Final = "https://datapackage.org/profiles/2.0"
_TYPES: Final = {"text": "string", "number": "number", "integer": "integer", "boolean": "boolean", "date": "date"}


def write(folder: Path, files: Sequence[Path], taken: Taken, comments: Mapping[str, str]) -> Path:
    """One resource for each file of a topic, with its fields, licences and sources."""
    stamp = f"{taken.stamp:%Y-%m-%dT%H:%M:%SZ}"
    package = {
        "$schema": f"{_PROFILE}/datapackage.json",
        "name": "migstats",
        "title": "Migration statistics, harmonised",
        "description": "Figures of several publishers in one shape. Each resource has its own sources and licences.",
        "version": f"{taken.stamp:%Y.%m.%d}",
        "created": stamp,
        "licenses": _licences(taken.rows),
        "sources": _sources(taken.rows),
        "resources": [_resource(folder, file, taken, comments) for file in files],
    }
    path = folder / FILE
    path.write_text(json.dumps(package, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _resource(folder: Path, file: Path, taken: Taken, comments: Mapping[str, str]) -> dict[str, Any]:
    topic = file.parent.name.partition("=")[2]
    with file.open("rb") as opened:
        digest = file_digest(opened, "sha256").hexdigest()
    return {
        "name": topic.replace("_", "-"),
        "title": topics()[topic]["en"],
        "path": str(file.relative_to(folder)),
        "format": "parquet",
        "mediatype": MEDIA_TYPE,
        "bytes": file.stat().st_size,
        "hash": f"sha256:{digest}",
        "licenses": _licences(taken.of(topic)),
        "sources": _sources(taken.of(topic)),
        "schema": {
            "$schema": f"{_PROFILE}/tableschema.json",
            "fields": [
                {
                    "name": column.name,
                    "type": _TYPES[column.type],
                    "title": column.names["en"],
                    "description": comments.get(column.name) or column.names["en"],
                    "constraints": {"required": column.role not in ("measure", "optional")},
                }
                for column in columns()
            ],
            "primaryKey": ["observation_id"],
        },
    }


def _licences(rows: Sequence[Row]) -> list[dict[str, str]]:
    found = {(row["licence"], row["licence_url"]) for row in rows}
    return [{"name": name} | _at(url) for name, url in sorted(found)]


def _sources(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Title and address, once for each source; the title says who publishes it."""
    found = {(row["source"], f"{row['publisher']}: {row['title']}", row["homepage"]) for row in rows}
    return [{"title": title} | _at(url) for _, title, url in sorted(found)]


def _at(url: str) -> dict[str, str]:
    """Where it is; of what we compute ourselves there is a page of the project, which is not in the package."""
    return {"path": url} if "://" in url else {}
