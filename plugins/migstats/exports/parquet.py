"""Parquet, partitioned by topic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from migstats.exports.frames import schema, tables
from migstats.exports.selection import Selection, Taken, figures
from migstats.warehouse import Connection

FOLDER: Final = "parquet"
MEDIA_TYPE: Final = "application/vnd.apache.parquet"


def write(
    folder: Path, connection: Connection, selection: Selection, taken: Taken, comments: Mapping[str, str]
) -> list[Path]:
    """`parquet/topic=<topic>/figures.parquet`, a row group for each 100,000 figures; what a column is stands in it."""
    described = pa.schema(
        [field.with_metadata({"description": comments.get(field.name, "")}) for field in schema()],
    )
    written = []
    for topic in taken.topics:
        path = folder / FOLDER / f"topic={topic}" / "figures.parquet"
        path.parent.mkdir(parents=True)
        with pq.ParquetWriter(path, described, compression="zstd") as writer:
            for table in tables(figures(connection, selection, topic, marked=False)):
                writer.write_table(table.cast(described), row_group_size=table.num_rows)
        written.append(path)
    return written
