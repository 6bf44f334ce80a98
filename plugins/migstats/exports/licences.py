"""Licences: whose figures an export holds, under which terms, and how to cite them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

from migstats.exports.selection import Taken

FILE: Final = "LICENCES.csv"
_COLUMNS: Final = ("source", "title", "publisher", "homepage", "licence", "licence_url", "citation", "release")


def write(folder: Path, taken: Taken) -> Path:
    """One row for each source, with the day of the release where the publisher has one."""
    path = folder / FILE
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*_COLUMNS, "released"))
        for row in taken.sources.values():
            released = row["released_at"].date().isoformat() if row["released_at"] else ""
            writer.writerow((*(row[column] or "" for column in _COLUMNS), released))
    return path
