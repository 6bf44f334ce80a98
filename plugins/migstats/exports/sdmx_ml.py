"""SDMX-ML 3.0, structure-specific, flat: one message for each topic."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final

import polars as pl

from migstats.codelists import Folders
from migstats.exports import schema
from migstats.exports.frames import tables
from migstats.exports.selection import Selection, Taken, columns, figures
from migstats.exports.structure import SCHEMAS, dataflow_urn, header, lists
from migstats.warehouse import Connection

FOLDER: Final = "sdmx-ml"
MEDIA_TYPE: Final = "application/vnd.sdmx.data+xml;version=3.0.0"
#: What XML cannot hold as it is. Other control characters it cannot hold at all.
_ESCAPED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_NO_XML: Final = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}]"


def write(folder: Path, connection: Connection, selection: Selection, taken: Taken, concepts: Folders) -> list[Path]:
    """`sdmx-ml/<topic>.xml`, with its schema beside; memory does not grow with the figures."""
    written = []
    known = lists(concepts)
    for topic in taken.topics:
        path = folder / FOLDER / f"{topic}.xml"
        path.parent.mkdir(exist_ok=True)
        schema.write(path.with_suffix(".xsd"), topic, known)
        with path.open("wb") as file:
            file.write(_beginning(topic, taken.stamp).encode())
            for table in tables(figures(connection, selection, topic, marked=False), texts=True):
                frame = pl.from_arrow(table)
                assert isinstance(frame, pl.DataFrame)
                file.write(observations(frame).str.join("\n").item().encode() + b"\n")
            file.write(b"</mes:DataSet>\n</mes:StructureSpecificData>\n")
        written.append(path)
    return written


def observations(frame: pl.DataFrame) -> pl.Series:
    """Each row as an element; a column that says nothing is left out."""
    parts = [
        pl.when(pl.col(column.name).is_null())
        .then(pl.lit(""))
        .otherwise(pl.format(f' {column.sdmx}="{{}}"', _escaped(column.name, column.type == "text")))
        for column in columns()
    ]
    return frame.select(pl.concat_str([pl.lit("<Obs"), *parts, pl.lit("/>")])).to_series()


def _escaped(name: str, is_text: bool) -> pl.Expr:
    text = pl.col(name)
    if not is_text:
        return text
    return text.str.replace_many(list(_ESCAPED), list(_ESCAPED.values())).str.replace_all(_NO_XML, "\ufffd")


def _beginning(topic: str, stamp: dt.datetime) -> str:
    urn, own = dataflow_urn(topic), schema.namespace(topic)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<mes:StructureSpecificData xmlns:mes="{SCHEMAS}/message" xmlns:com="{SCHEMAS}/common" '
        f'xmlns:ss="{SCHEMAS}/data/structurespecific" xmlns:own="{own}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{own} {topic}.xsd">\n'
        f"{header(topic.upper(), stamp)}"
        f'<mes:Structure structureID="{topic.upper()}" namespace="{own}" '
        'dimensionAtObservation="AllDimensions">'
        f"<com:StructureUsage>{urn}</com:StructureUsage></mes:Structure>"
        "<mes:DataSetAction>Information</mes:DataSetAction></mes:Header>\n"
        f'<mes:DataSet ss:structureRef="{topic.upper()}" xsi:type="own:DataSetType" '
        'ss:action="Information">\n'
    )
