"""SDMX-CSV 2.0: one file for each topic."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from migstats.exports.selection import Selection, Taken, columns, figures
from migstats.exports.structure import dataflow
from migstats.warehouse import Connection

FOLDER: Final = "sdmx-csv"
MEDIA_TYPE: Final = "application/vnd.sdmx.data+csv;version=2.0.0"
_STRUCTURE: Final = ("STRUCTURE", "STRUCTURE_ID", "ACTION")


def write(folder: Path, connection: Connection, selection: Selection, taken: Taken) -> list[Path]:
    """`sdmx-csv/<topic>.csv`; memory does not grow with the figures."""
    written = []
    header = ",".join((*_STRUCTURE, *(column.sdmx for column in columns()))).encode()
    for topic in taken.topics:
        path = folder / FOLDER / f"{topic}.csv"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.write(header + b"\n")
            before = f"dataflow,{dataflow(topic)},I,".encode()
            file.writelines(before + record for record in figures(connection, selection, topic, marked=True))
        written.append(path)
    return written
