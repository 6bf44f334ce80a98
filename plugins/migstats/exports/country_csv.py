"""One tidy CSV for each country, for people: with a row of HXL hashtags, or with CSVW metadata beside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, Literal

from migstats.exports.selection import Selection, Taken, by_country, columns
from migstats.warehouse import Connection

FOLDER: Final = "csv"
MEDIA_TYPE: Final = "text/csv"
METADATA: Final = "csv-metadata.json"

Headers = Literal["csvw", "hxl", "none"]

_TYPES: Final = {"text": "string", "number": "double", "integer": "integer", "boolean": "boolean", "date": "date"}


def write(
    folder: Path,
    connection: Connection,
    selection: Selection,
    taken: Taken,
    comments: Mapping[str, str],
    headers: Headers,
) -> list[Path]:
    """`csv/<country>.csv`: the figures about it, and those in which it is the other area; one file after another."""
    written = []
    names = [",".join(column.name for column in columns())]
    if headers == "hxl":
        names.append(",".join(column.hxl for column in columns()))
    header = "".join(f"{line}\n" for line in names).encode()
    (folder / FOLDER).mkdir()
    for country, records in groupby(by_country(connection, selection), key=itemgetter(0)):
        path = folder / FOLDER / f"{country}.csv"
        with path.open("wb") as file:
            file.write(header)
            file.writelines(record for _, record in records)
        written.append(path)
    if headers == "csvw":
        metadata = folder / FOLDER / METADATA
        described = _described([path.name for path in written], taken, comments)
        metadata.write_text(json.dumps(described, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(metadata)
    return written


def _described(files: list[str], taken: Taken, comments: Mapping[str, str]) -> dict[str, Any]:
    """The tables with their columns as CSV on the Web describes them (W3C, 17 December 2015)."""
    return {
        "@context": ["http://www.w3.org/ns/csvw", {"@language": "en"}],
        "dc:title": "Migration statistics, harmonised: one table for each country",
        "dc:modified": {"@value": f"{taken.stamp:%Y-%m-%d}", "@type": "xsd:date"},
        "dc:license": sorted({row["licence_url"] for row in taken.rows}),
        "dialect": {"header": True, "encoding": "utf-8", "lineTerminators": ["\n"]},
        "tableSchema": {
            "columns": [
                {
                    "name": column.name,
                    "titles": column.name,
                    "dc:title": [{"@value": text, "@language": code} for code, text in column.names.items()],
                    "dc:description": comments.get(column.name) or column.names["en"],
                    "datatype": _TYPES[column.type],
                    "required": column.role not in ("measure", "optional"),
                    "null": "",
                }
                for column in columns()
            ],
            "primaryKey": "observation_id",
        },
        "tables": [{"url": file} for file in files],
    }
