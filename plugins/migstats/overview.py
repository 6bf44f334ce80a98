"""What the pages of the web interface show, read from the warehouse: one read-only transaction for each page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import psycopg

from migstats import datadocs, pages, settings, warehouse
from migstats.errors import ConfigurationError, MigstatsError, TryAgainError
from migstats.redaction import clean
from migstats.source import declared, sent
from migstats.warehouse import Connection

#: A page is not worth a longer query than this.
TIMEOUT = "20s"


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """A connection that sees one state and can change nothing.

    Raises TryAgainError where the warehouse is away or too slow, ConfigurationError where it refuses; the message
    holds no secret of the URL.
    """
    try:
        with warehouse.connect(url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            connection.execute("SELECT set_config('statement_timeout', %s, true)", (TIMEOUT,))
            yield connection
    except MigstatsError as error:
        kind = TryAgainError if isinstance(error, TryAgainError) else ConfigurationError
        raise kind(clean(str(error), url)) from None
    except psycopg.errors.UndefinedTable:
        raise ConfigurationError("the warehouse is not of this version; `migstats setup` brings it there") from None
    except psycopg.Error as error:
        # What a driver says of an address that it cannot read may hold the whole of it.
        raise ConfigurationError(f"the warehouse cannot be asked ({type(error).__name__}); check its URL") from None


def of_warehouse(url: str, *, now: dt.datetime) -> pages.Overview:
    """The state of all sources, declared or known to the warehouse. Raises as `reading` does."""
    asked, wrong = declared()
    with reading(url) as connection:
        rows = warehouse.rows(connection, "report/sources", {"sources": list(asked)})
        known = {row["source"] for row in rows}
        sources = {**asked, **{name: source for name, source in sent().items() if name in known}}
        return pages.Overview(
            now=now,
            declared=[pages.Declared(s.id, s.title, s.schedule, s.grace) for s in sources.values()],
            wrong=list(wrong.values()),
            sources=rows,
            alerts=warehouse.rows(connection, "alerts/standing"),
            failing=warehouse.rows(connection, "report/failing", {"source": None}),
            decisions=warehouse.rows(connection, "report/open_decisions"),
            quarantine=warehouse.rows(connection, "report/quarantine"),
            notices=warehouse.rows(connection, "report/notices"),
            reports=_reports(rows),
        )


def _reports(rows: Sequence[Mapping[str, str | None]]) -> dict[str, str]:
    """The page of the last run of each source in the Data Docs, where it is still kept."""
    last = {row["source"]: row["judged_run_id"] for row in rows}
    named = {source: datadocs.page_of(source, run_id) for source, run_id in last.items() if source and run_id}
    return {source: page for source, page in named.items() if (settings.data_docs() / page).is_file()}


def of_candidate(url: str, candidate_id: str) -> tuple[pages.Row, list[pages.Row], list[pages.Row]] | None:
    """A candidate, its findings and its differences; None for one that nobody judged. Raises as `reading` does."""
    key = {"candidate_id": candidate_id}
    with reading(url) as connection:
        found = warehouse.rows(connection, "report/candidate", key)
        if not found:
            return None
        findings = warehouse.rows(connection, "report/findings", key)
        return found[0], [*findings], [*warehouse.rows(connection, "load/differences", key)]
