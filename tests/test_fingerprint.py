"""The fingerprint of a warehouse: the same for the same content wherever it is printed, another for other content."""

from __future__ import annotations

import json
import locale
import os
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
import toy
from psycopg import sql

from migstats import postgres as server
from migstats import publish, warehouse
from migstats.reading import Read
from migstats.source import Source, read_sources

pytestmark = pytest.mark.database

MIGSTATS = str(Path(sys.executable).parent / "migstats")
TABLES = {
    *("core.series", "core.attributes", "core.observation", "core.superseded", "core.override", "core.place"),
    *("core.restricted", "core.suppressed", "core.withheld_snapshot", "core.comparability", "core.group_total"),
    *("core.corridor", "core.corridor_mirror", "core.reconciliation"),
    *("bi.observation_all", "bi.derivation", "bi.availability", "bi.availability_total", "bi.release_figures"),
    *("bi.annual_sum", "bi.corridor_figures", "bi.stock_flow"),
    *("bi.dim_area", "bi.dim_indicator", "bi.dim_source", "bi.dim_sex", "bi.dim_age", "bi.dim_status", "bi.dim_time"),
}
#: What a unit is called is no part of the content.
LEFT_OUT = {"core.subdivision_name"}
CONTENT = {
    toy.SLICES[0]: [
        *({"OBS_VALUE": "0.1"}, {"SEX": "M", "OBS_VALUE": "0.30000000000000004"}, {"SEX": "F", "OBS_VALUE": "1e-7"}),
        {"TIME_PERIOD": "2021", "OBS_VALUE": "123456789.125", "OBS_STATUS": "E"},
    ],
    toy.SLICES[1]: [{"REF_AREA": "NPL", "NOTE": "ığüş İI ß"}, {"REF_AREA": "NPL", "TIME_PERIOD": "2020-Q1"}],
    toy.SLICES[2]: [{"REF_AREA": "SRB", "OBS_VALUE": ":", "OBS_STATUS": ""}, {"REF_AREA": "TUN", "OBS_VALUE": "1.50"}],
}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    return toy.declare(tmp_path, monkeypatch, "toy")[0]


def fill(url: str, source: Source, *loads: Sequence[str]) -> None:
    """Load the content, slices together as they are named, and publish it."""
    for slices in loads:
        toy.load(url, source, *(toy.read(url, source, s, CONTENT[s]) for s in slices))
    publish.publish(url, run_id="test")


def printed(url: str, **variables: str) -> dict[str, tuple[int, str]]:
    """Table → rows and hash, as the command prints them in an environment."""
    done = subprocess.run(
        [MIGSTATS, "fingerprint", "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, **variables, "MIGSTATS_WAREHOUSE": url},
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return {row["table"]: (row["rows"], row["hash"]) for row in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def filled(postgres: server.Server, _template: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A warehouse with all of the content, to look at."""
    server.create_database(postgres, "filled", template=_template)
    with pytest.MonkeyPatch.context() as patch:
        [declared] = toy.declare(tmp_path_factory.mktemp("filled"), patch, "toy")
        fill(postgres.url("filled"), declared, toy.SLICES)
    return postgres.url("filled")


def another(postgres: server.Server, template: str) -> str:
    name = f"f{uuid.uuid4().hex[:12]}"
    server.create_database(postgres, name, template=template)
    return postgres.url(name)


@pytest.fixture
def another_url(postgres: server.Server, _template: str) -> str:
    """A second warehouse beside `warehouse_url`."""
    return another(postgres, _template)


@pytest.fixture
def copy(postgres: server.Server, filled: str) -> str:
    """A copy of `filled` that may be changed."""
    return another(postgres, "filled")


def test_every_table_has_its_rows_and_a_hash(warehouse_url: str, source: Source) -> None:
    empty = printed(warehouse_url)
    fill(warehouse_url, source, toy.SLICES)
    found = printed(warehouse_url)
    assert set(found) == set(empty) == TABLES
    # two more are derived: the sex ratio of 2020, and the growth to 2021
    assert (empty["core.observation"][0], found["core.observation"][0], found["bi.observation_all"][0]) == (0, 8, 10)
    of_codelists = {f"bi.dim_{name}" for name in ("area", "indicator", "sex", "age", "status", "time")}
    of_history = {"core.superseded", "core.override", "core.restricted", "core.suppressed", "core.withheld_snapshot"}
    # one source, one country: no pair
    of_pairs = {"core.reconciliation", "bi.corridor_figures", "core.corridor", "core.corridor_mirror", "bi.stock_flow"}
    assert {table for table in TABLES if found[table] == empty[table]} == (
        of_codelists | of_history | of_pairs | {"core.comparability"}  # no figure says who counts as a migrant
    )
    assert all(len(digest) == 32 for _, digest in found.values())
    assert found == toy.fingerprint(warehouse_url)


def test_no_table_of_core_or_bi_is_forgotten(filled: str) -> None:
    with psycopg.connect(filled) as connection:
        found = connection.execute(
            "SELECT format('%s.%s', relnamespace::regnamespace, relname) FROM pg_class "
            "WHERE relnamespace IN ('core'::regnamespace, 'bi'::regnamespace) "
            "AND relkind IN ('r', 'p', 'm') AND NOT relispartition"
        ).fetchall()
    assert {name for (name,) in found} - TABLES == LEFT_OUT


def known(name: str) -> bool:
    before = locale.setlocale(locale.LC_ALL)
    try:
        locale.setlocale(locale.LC_ALL, name)
    except locale.Error:
        return False
    locale.setlocale(locale.LC_ALL, before)
    return True


#: What another machine may have set; the PG variables are sent to the server at every connection.
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "C": {"LC_ALL": "C", "LANG": "C"},
    "C.UTF-8": {"LC_ALL": "C.UTF-8"},
    "Turkish": {"LC_ALL": "tr_TR.UTF-8"},
    "Arabic": {"LC_ALL": "ar_MA.UTF-8"},
    "Kathmandu": {"TZ": "Asia/Kathmandu"},
    "another hash seed": {"PYTHONHASHSEED": "4711"},
    "no hash seed": {"PYTHONHASHSEED": "0"},
    "one thread": {"POLARS_MAX_THREADS": "1"},
    "another timezone of the session": {"PGTZ": "Asia/Kathmandu"},
    "another way to write dates": {"PGDATESTYLE": "German, DMY"},
    "options of the session": {"PGOPTIONS": "-c timezone=Asia/Kathmandu -c extra_float_digits=-3 -c lc_numeric=C"},
    "another encoding of the client": {"PGCLIENTENCODING": "LATIN1"},
}


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_it_is_the_same_wherever_it_is_printed(filled: str, environment: dict[str, str]) -> None:
    name = environment.get("LC_ALL")
    if name is not None and not known(name):
        pytest.skip(f"the locale {name} is not installed here")
    assert printed(filled, **environment) == toy.fingerprint(filled)


#: What the administrator of another server may have set.
SETTINGS: dict[str, str] = {
    "timezone": "Asia/Kathmandu",
    "datestyle": "SQL, DMY",
    "intervalstyle": "iso_8601",
    "extra_float_digits": "0",
    "bytea_output": "escape",
    "lc_numeric": "C.UTF-8",
    "lc_monetary": "C.UTF-8",
    "lc_time": "C.UTF-8",
    "default_transaction_isolation": "serializable",
    "enable_hashjoin": "off",
    "max_parallel_workers_per_gather": "0",
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "on",
}


@pytest.mark.parametrize(("name", "value"), SETTINGS.items(), ids=SETTINGS)
def test_it_is_the_same_whatever_is_set_on_the_server(copy: str, name: str, value: str) -> None:
    before = toy.fingerprint(copy)
    database = copy.rpartition("/")[2]
    with psycopg.connect(copy, autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET {} TO {}").format(
                sql.Identifier(database), sql.Identifier(name), sql.Literal(value)
            )
        )
    assert printed(copy) == before


def test_it_is_the_same_in_a_database_that_sorts_as_turks_do(
    postgres: server.Server, filled: str, source: Source
) -> None:
    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(filled, autocommit=True) as connection:
        try:
            connection.execute(
                f"CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'".encode()
            )
        except psycopg.errors.FeatureNotSupported:
            pytest.skip("this PostgreSQL is built without ICU")
    there = postgres.url(name)
    warehouse.setup(there, read_sources().values())
    fill(there, source, toy.SLICES)
    assert printed(there) == printed(filled)


ORDERS: dict[str, Sequence[Sequence[str]]] = {
    "the slices of one load turned round": [toy.SLICES[::-1]],
    "one load for each slice": [[s] for s in toy.SLICES],
    "one load for each slice, turned round": [[s] for s in toy.SLICES[::-1]],
    "the last slice first": [toy.SLICES[2:], toy.SLICES[:2]],
}


@pytest.mark.parametrize("loads", ORDERS.values(), ids=ORDERS)
def test_it_is_the_same_in_whatever_order_the_rows_came(
    filled: str, another_url: str, source: Source, loads: Sequence[Sequence[str]]
) -> None:
    fill(another_url, source, *loads)
    assert toy.fingerprint(another_url) == toy.fingerprint(filled)


def test_it_is_the_same_wherever_the_rows_lie(copy: str) -> None:
    before = toy.fingerprint(copy)
    order = "SELECT ctid::text, * FROM core.observation"
    with psycopg.connect(copy) as connection:
        lay = connection.execute(order).fetchall()
        connection.execute("UPDATE core.observation SET raw = raw WHERE time_id % 2 = 0 OR value < 1")
        connection.execute("SET LOCAL session_replication_role = replica")  # nothing writes to bi but a publication
        connection.execute("UPDATE bi.observation_all SET note = note WHERE sex = '_T'")
        assert connection.execute(order).fetchall() != lay
    assert toy.fingerprint(copy) == before


#: What is changed in the warehouse → the tables whose hash must tell.
CHANGES: dict[str, tuple[str, set[str]]] = {
    "the last bit of a figure": (
        "UPDATE core.observation SET value = 0.10000000000000002 WHERE value = 0.1",
        {"core.observation"},
    ),
    "the text of a figure": ("UPDATE core.observation SET raw = '1.500' WHERE raw = '1.50'", {"core.observation"}),
    "a status": ("UPDATE core.observation SET obs_status = 'P' WHERE obs_status = 'E'", {"core.observation"}),
    "why a figure is missing": (
        "UPDATE core.observation SET obs_status = 'Q' WHERE value IS NULL",
        {"core.observation"},
    ),
    "the row that it came from": (
        "UPDATE core.observation SET place_row = place_row + 1 WHERE value = 0.1",
        {"core.observation"},
    ),
    "two figures that change places": (
        "UPDATE core.observation SET value = CASE value WHEN 0.1 THEN 123456789.125 ELSE 0.1 END "
        "WHERE value IN (0.1, 123456789.125)",
        {"core.observation"},
    ),
    "a note": ("UPDATE core.attributes SET note = 'other' WHERE note IS NOT NULL", {"core.attributes"}),
    "an empty note in place of none": (
        "UPDATE core.attributes SET note = '' WHERE attribute_id = (SELECT max(attribute_id) FROM core.attributes "
        "WHERE note IS NULL)",
        {"core.attributes"},
    ),
    "a dimension": ("UPDATE core.series SET sex = '_U' WHERE sex = 'M'", {"core.series"}),
    "a published figure": (
        "UPDATE bi.observation_all SET published_value = 0.10000000000000002 WHERE published_value = 0.1",
        {"bi.observation_all"},
    ),
    "what adds up": (
        "UPDATE bi.observation_all SET value = NULL WHERE value = 123456789.125",
        {"bi.observation_all"},
    ),
    "a row that is gone": ("DELETE FROM bi.observation_all WHERE ref_area = 'TUN'", {"bi.observation_all"}),
    "what there is": (
        "UPDATE bi.availability_total SET figures = figures + 1 WHERE ref_area = 'TUN'",
        {"bi.availability_total"},
    ),
    "what became of a release": ("UPDATE bi.release_figures SET still_stand = 0", {"bi.release_figures"}),
    "the name of an area": ("UPDATE ref.area SET name_fr = 'x' WHERE code = 'MAR'", {"bi.dim_area"}),
    "a definition": ("UPDATE ref.indicator SET definition = 'x' WHERE code = 'MIG_STOCK'", {"bi.dim_indicator"}),
    "a citation": ("UPDATE ref.source SET citation = 'x' WHERE code = 'toy'", {"bi.dim_source"}),
}


@pytest.mark.parametrize(("statement", "tables"), CHANGES.values(), ids=CHANGES)
def test_one_thing_that_differs_changes_the_hash_of_its_table_and_of_no_other(
    copy: str, statement: str, tables: set[str]
) -> None:
    before = toy.fingerprint(copy)
    with psycopg.connect(copy) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")  # nothing writes to bi but a publication
        assert connection.execute(statement.encode()).rowcount in (1, 2)
    after = toy.fingerprint(copy)
    assert {table for table in TABLES if after[table] != before[table]} == tables


def test_a_figure_that_was_revised_and_came_back_is_another_history(
    warehouse_url: str, another_url: str, source: Source
) -> None:
    """The same figures stand, and what stood in between is told."""
    for url, values in ((warehouse_url, ("1", "2", "1")), (another_url, ("1",))):
        for day, value in enumerate(values):
            at = toy.DAY.replace(day=1 + day)
            read: Read = toy.read(url, source, toy.SLICES[0], [{"OBS_VALUE": value}], at=at)
            toy.load(url, source, read)
        publish.publish(url, run_id="test")
    one, other = toy.fingerprint(warehouse_url), toy.fingerprint(another_url)
    of_history = {"core.observation", "core.place", "bi.release_figures"}
    assert {table for table in TABLES if one[table] != other[table]} == of_history
    assert (one["core.observation"][0], other["core.observation"][0]) == (3, 1)
