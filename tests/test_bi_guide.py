"""docs/bi.md: every query in it runs as the BI role, and the answers that it prints are those of the samples."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest
from samples import Filled
from test_roles import as_role

pytestmark = pytest.mark.database

GUIDE = Path(__file__).parents[1] / "docs" / "bi.md"
TEXT = GUIDE.read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.+?)```", TEXT, flags=re.DOTALL)
#: Question → its query and the table below it.
QUESTIONS = {
    question: (query, table.strip())
    for question, query, table in re.findall(
        r"^### (\d+\. .+?)\n.*?```sql\n(.+?)```\n\n((?:\|[^\n]*\n)+)", TEXT, flags=re.DOTALL | re.MULTILINE
    )
}


def asked(filled: Filled, query: str) -> tuple[list[str], list[tuple[object, ...]]]:
    with psycopg.connect(as_role(filled.url, "bi_reader")) as connection:
        answer = connection.execute(query.encode())
        return [column.name for column in answer.description or ()], answer.fetchall()


def as_text(cell: object) -> str:
    """As it stands in the guide: nothing for NULL, whole numbers without decimals, others with four digits at most."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if cell == int(cell) else f"{cell:.4g}"
    return str(cell)


def as_table(columns: list[str], rows: list[tuple[object, ...]]) -> str:
    lines = [columns, ["---"] * len(columns), *([as_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def test_the_guide_answers_at_least_ten_questions() -> None:
    assert len(QUESTIONS) >= 10
    assert len(QUESTIONS) == len(re.findall(r"^### \d+\. ", TEXT, flags=re.MULTILINE)), "each has a query and a table"


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_answers_of_the_guide_are_those_of_the_samples(warehouse_of_samples: Filled, question: str) -> None:
    query, printed = QUESTIONS[question]
    found = as_table(*asked(warehouse_of_samples, query))
    assert printed == found, f"docs/bi.md, {question}: the answer is now\n{found}"
    assert len(found.splitlines()) > 2, f"{question}: an empty answer shows nothing"


@pytest.mark.parametrize("query", QUERIES, ids=[f"query {n}" for n in range(1, len(QUERIES) + 1)])
def test_every_query_of_the_guide_runs_as_the_bi_role(warehouse_of_samples: Filled, query: str) -> None:
    columns, _ = asked(warehouse_of_samples, query)
    assert columns
