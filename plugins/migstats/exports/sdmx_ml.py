"""SDMX-ML, structure-specific, flat: one message for each topic, 3.0 where the structure is our own."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import polars as pl

from migstats.codelists import Folders
from migstats.exports import schema
from migstats.exports.frames import tables
from migstats.exports.selection import Column, Selection, Taken, figures
from migstats.exports.structure import header, lists
from migstats.warehouse import Connection

FOLDER: Final = "sdmx-ml"
MEDIA_TYPE: Final = "application/vnd.sdmx.data+xml;version=3.0.0"
#: What XML cannot hold as it is. Other control characters it cannot hold at all.
_ESCAPED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_NO_XML: Final = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x{fffe}\x{ffff}]"
#: What SDMX-ML 2.1 demands to be said of the observations of a data set.
_SCOPE: Final = {"2_1": 'ss:dataScope="DataStructure" ', "3_0": ""}


def write(folder: Path, connection: Connection, selection: Selection, taken: Taken, concepts: Folders) -> list[Path]:
    """`sdmx-ml/<topic>.xml`, with its schema beside; memory does not grow with the figures."""
    written = []
    known = lists(concepts)
    for topic in taken.topics:
        path = folder / FOLDER / f"{topic}.xml"
        path.parent.mkdir(exist_ok=True)
        messages = schema.of_topic(topic)
        schema.write(path.parent, messages, known)
        write_message(path, messages, taken.stamp, _frames(figures(connection, selection, topic, marked=False)))
        written.append(path)
    return written


def _frames(records: Iterable[bytes]) -> Iterator[pl.DataFrame]:
    for table in tables(records, texts=True):
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        yield frame


def write_message(path: Path, messages: schema.Messages, stamp: dt.datetime, frames: Iterable[pl.DataFrame]) -> None:
    """One message of the rows of all frames, whose columns are texts; its schema lies beside."""
    with path.open("wb") as file:
        file.write(_beginning(messages, stamp).encode())
        for frame in frames:
            file.write(observations(frame, messages.columns).str.join("\n").item().encode() + b"\n")
        file.write(b"</mes:DataSet>\n</mes:StructureSpecificData>\n")


def observations(frame: pl.DataFrame, columns: Iterable[Column]) -> pl.Series:
    """Each row as an element; a column that says nothing is left out."""
    parts = [
        pl.when(pl.col(column.name).is_null())
        .then(pl.lit(""))
        .otherwise(pl.format(f' {column.sdmx}="{{}}"', _escaped(column.name, column.type == "text")))
        for column in columns
    ]
    return frame.select(pl.concat_str([pl.lit("<Obs"), *parts, pl.lit("/>")])).to_series()


def _escaped(name: str, is_text: bool) -> pl.Expr:
    text = pl.col(name)
    if not is_text:
        return text
    return text.str.replace_many(list(_ESCAPED), list(_ESCAPED.values())).str.replace_all(_NO_XML, "\ufffd")


def _beginning(messages: schema.Messages, stamp: dt.datetime) -> str:
    name, own, schemas = messages.name, messages.namespace, messages.schemas
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<mes:StructureSpecificData xmlns:mes="{schemas}/message" xmlns:com="{schemas}/common" '
        f'xmlns:ss="{schemas}/data/structurespecific" xmlns:own="{own}" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="{own} {messages.file}">\n'
        f"{header(name, stamp)}"
        f'<mes:Structure structureID="{name}" namespace="{own}" '
        'dimensionAtObservation="AllDimensions">'
        f"{_followed(messages)}</mes:Structure>"
        "<mes:DataSetAction>Information</mes:DataSetAction></mes:Header>\n"
        f'<mes:DataSet ss:structureRef="{name}" xsi:type="own:DataSetType" '
        f'{_SCOPE[messages.version]}ss:action="Information">\n'
    )


def _followed(messages: schema.Messages) -> str:
    """The reference to what a message follows, as each version has it."""
    if messages.version == "3_0":
        return f"<com:StructureUsage>{messages.urn}</com:StructureUsage>"
    agency, name, version = re.split("[:()]", messages.urn.partition("=")[2])[:3]
    return f'<com:Structure><Ref agencyID="{agency}" id="{name}" version="{version}"/></com:Structure>'
