"""The data model as a page: every schema, table, view and column of the warehouse with its comment."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from migstats import warehouse

_HEAD = """\
# Data model

Made from the comments of the database by `migstats datamodel -o docs/data-model.md`; a test compares. To change a text,
change the COMMENT: in `include/sql/publish/` for views of `bi`, else in a new file of `include/sql/schema/`.

`core` and `raw` hold what publishers said, `ops` what we did with it, `ref` what codes mean. Tools read `bi` and
nothing else. Tables of `core.series` and `core.observation` are partitioned by source.
"""


def data_model(url: str) -> str:
    """The page in Markdown, from the warehouse at `url`."""
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "report/data_model")
    return "\n".join([_HEAD, *_schemas(found)]) + "\n"


def _schemas(found: list[dict[str, Any]]) -> Iterator[str]:
    for schema, of_schema in itertools.groupby(found, key=lambda row: row["schema"]):
        rows = list(of_schema)
        yield f"## `{schema}`\n\n{_cell(rows[0]['schema_comment'])}.\n"
        for relation, columns in itertools.groupby(rows, key=lambda row: row["relation"]):
            yield from _relation(schema, relation, list(columns))


def _relation(schema: str, relation: str, columns: list[dict[str, Any]]) -> Iterator[str]:
    first = columns[0]
    yield f"### `{schema}.{relation}` ({first['kind']})\n\n{_cell(first['relation_comment'])}.\n"
    yield "| column | type | meaning |\n|---|---|---|"
    yield from (_column(column) for column in columns)
    yield ""


def _column(column: Mapping[str, Any]) -> str:
    required = " not null" if column["required"] and column["kind"] == "table" else ""
    return f"| `{column['column_name']}` | {column['type']}{required} | {_cell(column['comment'])} |"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ").rstrip(".")
