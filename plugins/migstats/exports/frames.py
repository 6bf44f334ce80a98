"""The figures of a topic as Arrow tables of a fixed size, so that memory does not grow and files are the same."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from typing import Final

import pyarrow as pa
import pyarrow.csv as pv

from migstats.exports.selection import columns

#: Rows of a table, but for the last one.
ROWS: Final = 100_000
#: The same where every column is a text, which takes more room.
ROWS_OF_TEXTS: Final = 10_000
_BLOCK: Final = 1 << 22
_TYPES: Final = {
    "text": pa.string(),
    "number": pa.float64(),
    "integer": pa.int32(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
}


def schema() -> pa.Schema:
    """The columns with their types."""
    return pa.schema([(column.name, _TYPES[column.type]) for column in columns()])


class _Records(io.RawIOBase):
    """Records of CSV as a file; each read but the last is as long as was asked for."""

    def __init__(self, records: Iterable[bytes]) -> None:
        self._records = iter(records)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        parts, size = [self._rest], len(self._rest)
        while size < len(view):
            record = next(self._records, None)
            if record is None:
                break
            parts.append(record)
            size += len(record)
        text = b"".join(parts)
        filled = min(len(text), len(view))
        view[:filled] = text[:filled]
        self._rest = text[filled:]
        return filled


def tables(records: Iterable[bytes], *, texts: bool = False) -> Iterator[pa.Table]:
    """Tables of ROWS rows; with `texts` of ROWS_OF_TEXTS, every column as the text that stands there."""
    most = ROWS_OF_TEXTS if texts else ROWS
    wanted = schema() if not texts else pa.schema([(field.name, pa.string()) for field in schema()])
    records = iter(records)
    first = next(records, None)
    if first is None:
        return
    stream = _Records(itertools.chain([first], records))
    reader = pv.open_csv(
        pa.PythonFile(stream, mode="r"),
        read_options=pv.ReadOptions(column_names=wanted.names, block_size=_BLOCK, use_threads=False),
        parse_options=pv.ParseOptions(newlines_in_values=True),
        convert_options=pv.ConvertOptions(
            column_types=wanted,
            null_values=[""],
            true_values=["true"],
            false_values=["false"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    waiting: list[pa.RecordBatch] = []
    rows = 0
    for batch in reader:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= most:
            whole = pa.Table.from_batches(waiting, wanted)
            while whole.num_rows >= most:
                yield whole.slice(0, most).combine_chunks()
                whole = whole.slice(most)
            waiting, rows = whole.to_batches(), whole.num_rows
    if rows:
        yield pa.Table.from_batches(waiting, wanted).combine_chunks()
