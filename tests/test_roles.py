"""What each role of the warehouse can do, and what it cannot. Grants are what holds."""

from __future__ import annotations

import datetime as dt
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import toy

from migstats import publish, warehouse

pytestmark = pytest.mark.database

LATER = toy.DAY + dt.timedelta(days=1)


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{role}:test-only@{parts.netloc.rpartition('@')[2]}"))


def relations(url: str) -> list[tuple[str, str]]:
    with warehouse.connect(url) as connection:
        rows = connection.execute(
            "SELECT relnamespace::regnamespace::text AS s, relname AS r FROM pg_class WHERE relkind IN ('r', 'v', 'p') "
            "AND relnamespace::regnamespace::text IN ('ref', 'raw', 'core', 'ops', 'bi') ORDER BY 1, 2"
        ).fetchall()
    return [(row["s"], row["r"]) for row in rows]


def can(connection: psycopg.Connection, statement: str) -> bool:
    try:
        with connection.transaction(force_rollback=True):
            connection.execute("SET TRANSACTION READ WRITE")
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return False
    except psycopg.errors.Error:
        return True  # let in, and stopped by something else
    return True


VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")


def test_bi_reader_reads_bi_and_nothing_else(warehouse_url: str) -> None:
    there = relations(warehouse_url)
    assert {schema for schema, _ in there} == {"ref", "raw", "core", "ops", "bi"}
    with psycopg.connect(as_role(warehouse_url, "bi_reader"), autocommit=True) as connection:
        for schema, name in there:
            assert can(connection, f"SELECT * FROM {schema}.{name} LIMIT 0") == (schema == "bi"), (schema, name)
            for verb in VERBS:
                held = (
                    connection.execute("SELECT has_table_privilege(%s, %s)", (f"{schema}.{name}", verb)).fetchone()
                    if schema == "bi"
                    else (False,)
                )
                assert held == ((schema, verb) == ("bi", "SELECT"),), (verb, schema, name)


REFUSED = {
    "temporary table": "CREATE TEMPORARY TABLE t (a integer)",
    "table in bi": "CREATE TABLE bi.t (a integer)",
    "table in public": "CREATE TABLE public.t (a integer)",
    "schema": "CREATE SCHEMA mine",
    "function": "CREATE FUNCTION bi.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "large object": "SELECT lo_create(0)",
    "large object from bytes": "SELECT lo_from_bytea(0, 'x')",
    "program": "COPY (SELECT 1) TO PROGRAM 'cat'",
    "file": "SELECT pg_read_file('/etc/passwd')",
    "copy to file": "COPY (SELECT 1) TO '/tmp/x'",
    "role of the loader": "SET ROLE migstats_etl",
    "superuser": "SET ROLE postgres",
    "lock that a load waits for": "SELECT pg_advisory_lock(hashtextextended('migstats.load.undesa_stock', 0))",
    "shared lock": "SELECT pg_advisory_lock_shared(1)",
    "message into the log": "SELECT pg_logical_emit_message(false, 'a', 'b')",
    "another's query": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> 'bi_reader' LIMIT 1",
    "partition of a load": "SELECT core.new_partition('undesa_stock')",
    "exclusive lock on a table": "LOCK TABLE bi.fact_observation IN ACCESS EXCLUSIVE MODE",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=REFUSED)
def test_bi_reader_is_refused(warehouse_url: str, statement: str) -> None:
    with psycopg.connect(as_role(warehouse_url, "bi_reader")) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("SET statement_timeout = 0")
        connection.commit()
        assert not can(connection, statement)


def test_bi_reader_cannot_enter_another_database(warehouse_url: str) -> None:
    other = urlunsplit(urlsplit(as_role(warehouse_url, "bi_reader"))._replace(path="/template_warehouse"))
    with psycopg.connect(warehouse_url, autocommit=True) as connection:
        connection.execute("REVOKE CONNECT ON DATABASE postgres FROM public")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(other.replace("template_warehouse", "postgres"))


def test_the_loader_can_load_and_publish_and_no_more(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [source] = toy.declare(tmp_path, monkeypatch, "toy")
    etl = as_role(warehouse_url, "migstats_etl")
    first = toy.load(etl, source, toy.read(etl, source, "figures/part=a", [{}, {"REF_AREA": "SRB"}]))
    second = toy.load(etl, source, toy.read(etl, source, "figures/part=a", [{"OBS_VALUE": "2"}], at=LATER))
    assert (first.outcome, second.outcome, second.closed) == ("accepted", "accepted", 1)
    assert publish.publish(etl, run_id="test").added == 1
    with psycopg.connect(etl) as connection:
        for statement in (
            "UPDATE raw.snapshot SET url = 'x'",
            "DELETE FROM raw.snapshot",
            "DELETE FROM core.observation",
            "DELETE FROM ops.load",
            "UPDATE ops.vintage SET release = 'x'",
            "INSERT INTO ref.area (code, kind, name_en) VALUES ('XXX', 'country', 'x')",
            "DROP TABLE core.observation",
            "CREATE TABLE core.t (a integer)",
            "SET ROLE postgres",
        ):
            assert not can(connection, statement), statement


def test_snapshots_stay_even_for_the_owner(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [source] = toy.declare(tmp_path, monkeypatch, "toy")
    toy.read(warehouse_url, source, "figures/part=a", [{}])
    for statement in ("UPDATE raw.snapshot SET url = 'x'", "DELETE FROM raw.snapshot", "TRUNCATE raw.snapshot CASCADE"):
        with (
            psycopg.connect(warehouse_url) as connection,
            pytest.raises(psycopg.errors.RaiseException, match="append-only"),
        ):
            connection.execute(statement)


def test_the_watchdog_ends_a_query_that_undid_its_time_limit(warehouse_url: str) -> None:
    ended = threading.Event()

    def long_query() -> None:
        with psycopg.connect(as_role(warehouse_url, "bi_reader")) as connection:
            connection.execute("SET statement_timeout = 0")
            try:
                connection.execute("SELECT pg_sleep(60)")
            except psycopg.OperationalError:
                ended.set()

    thread = threading.Thread(target=long_query, daemon=True)
    thread.start()
    with psycopg.connect(as_role(warehouse_url, "migstats_etl"), autocommit=True) as loader:
        time.sleep(2.5)
        with warehouse.connect(as_role(warehouse_url, "migstats_watchdog"), autocommit=True) as connection:
            found = warehouse.rows(connection, "report/long_queries", {"seconds": 1})
        thread.join(10)
        assert len(found) >= 1
        assert {row["usename"] for row in found} == {"bi_reader"}
        assert ended.is_set()
        assert loader.execute("SELECT 1").fetchone() == (1,)


def test_what_the_reader_changes_of_itself_is_put_back_by_the_watchdog(warehouse_url: str) -> None:
    """A role can always change its own password and settings, and would lock all BI tools out."""
    reader = as_role(warehouse_url, "bi_reader")
    with psycopg.connect(reader, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER ROLE bi_reader SET statement_timeout = 0")
        connection.execute("ALTER ROLE bi_reader SET search_path = pg_catalog")
        connection.execute("ALTER ROLE bi_reader PASSWORD 'another'")
    try:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(reader)
        with warehouse.connect(as_role(warehouse_url, "migstats_watchdog"), autocommit=True) as watchdog:
            assert warehouse.hold_reader(watchdog, reader, "test-only") == ["settings", "password"]
            assert warehouse.hold_reader(watchdog, reader, "test-only") == []
            for beyond in ("ALTER ROLE migstats_etl PASSWORD 'x'", "GRANT migstats_etl TO migstats_watchdog"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    watchdog.execute(beyond)
        with psycopg.connect(reader) as connection:
            assert connection.execute("SHOW statement_timeout").fetchone() == ("1min",)
            assert connection.execute("SHOW search_path").fetchone() == ("bi",)
    finally:
        with warehouse.connect(warehouse_url) as owner:
            warehouse._roles(owner, dict.fromkeys(warehouse.ROLES, "test-only"))
