"""What commands say to people: errors in one sentence, tables, texts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import typer

from migstats.errors import MigstatsError

P = ParamSpec("P")
R = TypeVar("R")


def plainly(function: Callable[P, R]) -> Callable[P, R]:
    """Errors of ours and of the file system are one message with its remedy and exit status 1, not a stack trace."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except BrokenPipeError:
            raise  # whoever read the output has enough; typer ends without a word
        except (MigstatsError, OSError) as error:
            remedy = (
                "" if isinstance(error, MigstatsError) else "; see whether the path is right, writable and has room"
            )
            print(f"migstats: {error}{remedy}", file=sys.stderr)
            raise typer.Exit(1) from None

    return run


def print_json(value: object) -> None:
    """Print a value as JSON, for a program to read."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as a table; where nobody looks on, 200 characters wide."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


def put(text: str, output: Path | None) -> None:
    """Print a text, or write it to a file."""
    if output is None:
        print(text, end="")
    else:
        output.write_text(text, encoding="utf-8")
