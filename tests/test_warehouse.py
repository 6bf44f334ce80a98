"""The warehouse: migrations happen once and whole, and the database itself refuses what must never be in it."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
import toy
from psycopg import errors, sql

from migstats import postgres as server
from migstats import settings, warehouse
from migstats.codelists import read_codelist
from migstats.errors import ConfigurationError, PermanentError, TryAgainError
from migstats.harmonise import attribute_id
from migstats.observation import DEFAULTS, SERIES_DIMENSIONS, SHARED_ATTRIBUTES, WITHOUT_VALUE, series_id
from migstats.source import read_sources

pytestmark = pytest.mark.database

Row = dict[str, Any]
MIGRATIONS = [file.stem for file in sorted((settings.include() / "sql" / "schema").glob("*.sql"))]
SCHEMAS = ("ref", "raw", "core", "ops", "bi")
STATUSES = read_codelist(settings.include() / "codelists", "obs_status").column("has_value")


# -- migrations ---------------------------------------------------------------------------------------------------


@pytest.fixture
def empty_url(postgres: server.Server) -> str:
    """A database in which nothing was set up."""
    name = f"e{uuid.uuid4().hex[:12]}"
    server.create_database(postgres, name)
    return postgres.url(name)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's SQL and codelists, which MIGSTATS_HOME names; the folder of its migrations."""
    for part in ("sql", "codelists", "comparisons"):
        shutil.copytree(settings.include() / part, tmp_path / "home" / "include" / part)
    monkeypatch.setenv("MIGSTATS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "include" / "sql" / "schema"


def query(url: str, statement: str) -> list[Row]:
    with warehouse.connect(url) as connection:
        return connection.execute(statement).fetchall()


def schemas(url: str) -> set[str]:
    found = query(url, "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public)'")
    return {row["nspname"] for row in found}


def state(url: str) -> dict[str, list[Row]]:
    """Every relation, column, constraint, function and grant of ours, and the rows of ref and of the ledger as they
    were written (xmin: the transaction that did)."""
    ours = "('ref', 'raw', 'core', 'ops', 'bi')"
    catalogue = {
        "columns": "SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default "
        f"FROM information_schema.columns WHERE table_schema IN {ours} ORDER BY 1, 2, 3",
        "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        f"WHERE connamespace::regnamespace::text IN {ours} ORDER BY 1, 2",
        "relations": "SELECT oid::regclass::text, relkind, relacl::text, CASE WHEN relkind = 'v' THEN "
        f"pg_get_viewdef(oid) END FROM pg_class WHERE relnamespace::regnamespace::text IN {ours} ORDER BY 1",
        "functions": "SELECT oid::regprocedure::text, prosrc, proacl::text FROM pg_proc "
        f"WHERE pronamespace::regnamespace::text IN {ours} ORDER BY 1",
        "ledger": "SELECT xmin::text, * FROM ops.migration ORDER BY name",
    }
    lists = query(url, "SELECT relname FROM pg_class WHERE relnamespace = 'ref'::regnamespace AND relkind = 'r'")
    rows = {f"ref.{t['relname']}": f"SELECT xmin::text, t::text FROM ref.{t['relname']} AS t" for t in lists}
    return {name: query(url, statement) for name, statement in {**catalogue, **rows}.items()}


def test_every_migration_is_applied_once_and_the_second_setup_changes_nothing(empty_url: str) -> None:
    sources = list(read_sources().values())
    assert warehouse.setup(empty_url, sources) == MIGRATIONS
    before = state(empty_url)
    assert [row["name"] for row in before["ledger"]] == MIGRATIONS
    assert len(before["ref.area"]) > 200
    assert {row["code"] for row in query(empty_url, "SELECT code FROM ref.source")} == {
        "migstats",
        *(s.id for s in sources),
    }
    assert warehouse.setup(empty_url, sources) == []
    assert state(empty_url) == before


def test_two_setups_at_once_apply_every_migration_once(empty_url: str) -> None:
    applied: list[list[str]] = []
    threads = [threading.Thread(target=lambda: applied.append(warehouse.setup(empty_url))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(applied) == [[], MIGRATIONS]


def test_a_new_migration_is_applied_to_a_warehouse_in_use_after_those_before(warehouse_url: str, home: Path) -> None:
    (home / "9998_first.sql").write_text("CREATE TABLE ops.first (n integer);", encoding="utf-8")
    (home / "9999_second.sql").write_text("INSERT INTO ops.first VALUES (1);", encoding="utf-8")
    assert warehouse.setup(warehouse_url) == ["9998_first", "9999_second"]
    assert warehouse.setup(warehouse_url) == []
    assert query(warehouse_url, "SELECT n FROM ops.first") == [{"n": 1}]


@pytest.mark.parametrize("name", [MIGRATIONS[0], MIGRATIONS[-1]])
def test_a_migration_that_was_edited_is_refused(warehouse_url: str, home: Path, name: str) -> None:
    with (home / f"{name}.sql").open("a", encoding="utf-8") as file:
        file.write("-- a word more\n")
    (home / "9999_new.sql").write_text("CREATE TABLE ops.new ();", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=rf"\['{name}'\] were applied with another content.*add a new one"):
        warehouse.setup(warehouse_url)
    assert query(warehouse_url, "SELECT to_regclass('ops.new') AS there") == [{"there": None}]


def test_a_database_that_is_ahead_of_the_code_is_refused(warehouse_url: str, home: Path) -> None:
    (home / f"{MIGRATIONS[-1]}.sql").unlink()
    with pytest.raises(ConfigurationError, match=rf"\['{MIGRATIONS[-1]}'\].*install the newer version"):
        warehouse.setup(warehouse_url)


INTERRUPTIONS: dict[str, tuple[str, type[Exception]]] = {
    "a statement that fails": ("SELECT 1 / 0;", psycopg.errors.DivisionByZero),
    "a constraint that the rows break": ("INSERT INTO ops.half VALUES (1), (1);", PermanentError),
    "a server that goes away": ("SELECT pg_terminate_backend(pg_backend_pid());", TryAgainError),
}


@pytest.mark.parametrize(("statement", "error"), INTERRUPTIONS.values(), ids=INTERRUPTIONS)
def test_a_migration_that_is_interrupted_leaves_nothing(
    empty_url: str, home: Path, statement: str, error: type[Exception]
) -> None:
    (home / "9998_whole.sql").write_text("CREATE TABLE ops.whole (n integer);", encoding="utf-8")
    broken = home / "9999_broken.sql"
    broken.write_text(f"CREATE TABLE ops.half (n integer PRIMARY KEY); {statement}", encoding="utf-8")
    with pytest.raises(error):
        warehouse.setup(empty_url)
    assert schemas(empty_url) == set()
    broken.write_text("CREATE TABLE ops.half (n integer PRIMARY KEY);", encoding="utf-8")
    assert warehouse.setup(empty_url) == [*MIGRATIONS, "9998_whole", "9999_broken"]
    assert schemas(empty_url) == set(SCHEMAS)


def test_a_broken_migration_leaves_a_warehouse_in_use_as_it_was(warehouse_url: str, home: Path) -> None:
    before = state(warehouse_url)
    (home / "9999_broken.sql").write_text("DROP VIEW bi.dim_area CASCADE; SELECT 1 / 0;", encoding="utf-8")
    with pytest.raises(psycopg.errors.DivisionByZero):
        warehouse.setup(warehouse_url)
    assert state(warehouse_url) == before


def test_a_codelist_follows_its_csv_and_only_its_changed_rows_are_written(warehouse_url: str, home: Path) -> None:
    path = home.parents[1] / "codelists" / "sex.csv"
    text = path.read_text("utf-8")
    assert text.count(",Female,") == 1
    before = {row["code"]: row for row in query(warehouse_url, "SELECT xmin::text, code, name_en FROM ref.sex")}
    path.write_text(text.replace(",Female,", ",Women and girls,"), encoding="utf-8")
    warehouse.setup(warehouse_url)
    after = {row["code"]: row for row in query(warehouse_url, "SELECT xmin::text, code, name_en FROM ref.sex")}
    assert {code for code in after if after[code] != before[code]} == {"F"}
    assert after["F"]["name_en"] == "Women and girls"


# -- a warehouse with figures in it is brought to today -----------------------------------------------------------

#: Before the second clock: no release bounds of figures, no landings, no gate.
BEFORE_HISTORY = MIGRATIONS[: MIGRATIONS.index("0010_history")]
#: Vintage → when it was released; the third one is an older release that came last.
RELEASED = {n: dt.datetime(year, 12, 1, tzinfo=dt.UTC) for n, year in ((1, 2020), (2, 2022), (3, 2019))}

ATTRIBUTES = {"dataset": "figures", "conf_status": "F", "unit": "PS", "unit_mult": 0, "reference_point": "end"}
BY_HAND = """
INSERT INTO ref.source VALUES ('toy', 'toy', 'p', 'h', 'l', 'u', 'allowed', 'c', 'o');
INSERT INTO raw.snapshot (source, dataset, slice, release, part, sha256, bytes, url, retrieved_at)
VALUES ('toy', 'figures', 'figures/part=a', '2022', 1, repeat('0', 64), 1, 'https://example.org/', '2022-12-02');
INSERT INTO core.place (snapshot_id, template) SELECT snapshot_id, 'line {}' FROM raw.snapshot;
SELECT core.new_partition('toy');
SELECT core.attach_partition('toy');
SELECT setval('ops.vintage_number', 3);
"""
OLD_COLUMNS = (
    "source, series_id, time_id, value, obs_status, attribute_id, place_id, place_row, raw, vintage_from, vintage_to, "
    "end_reason"
)


def put_in_by_hand(url: str) -> dict[str, int]:
    """Fill a warehouse of the migrations before history as three loads did; the answer is area → series_id."""
    keys = {a: {**DEFAULTS, "source": "toy", "indicator": "MIG_STOCK", "ref_area": a} for a in ("MAR", "NPL", "SRB")}
    ids = {area: series_id(tuple(key[d] for d in SERIES_DIMENSIONS)) for area, key in keys.items()}
    texts = {name: str(value) for name, value in ATTRIBUTES.items()}
    attributes = attribute_id([texts.get(name) for name in SHARED_ATTRIBUTES])
    figures = [
        ("MAR", 100.0, "A", 1, 2, "revised"),
        ("MAR", 101.0, "A", 2, None, None),
        ("NPL", None, "O", 1, None, None),
        ("SRB", 7.0, "E", 1, 2, "deleted_at_source"),
        ("SRB", 8.0, "A", 2, 3, "revised"),
        ("SRB", 6.0, "A", 3, None, None),
    ]
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
        connection.execute(BY_HAND)
        for number, released_at in RELEASED.items():
            name = f"load {number}"
            common = {"source": "toy", "release": str(released_at.year)}
            totals = {"added": 1, "changed": 1, "closed": 1}
            vintage = {**common, "vintage_id": number, "released_at": released_at, "load_id": name, **totals}
            insert(connection, "ops.vintage", vintage)
            made = {"run_id": "r", "code_version": "c", "codes_sha256": "s", "seconds": 1, "outcome": "accepted"}
            load = {**common, "load_id": name, "vintage_id": number, "released_at": released_at, **made}
            insert(connection, "ops.load", load)
            file = {"content_sha256": "x", "facts_path": "gone.parquet", "facts_sha256": "x", "landed_at": released_at}
            insert(connection, "ops.slice_state", {**common, "slice": toy.SLICES[0], "load_id": name, **file})
        insert(connection, "core.attributes", {"attribute_id": attributes, **ATTRIBUTES})
        for area, key in keys.items():
            insert(connection, "core.series", {**key, "series_id": ids[area]})
        for row, (area, value, status, vintage_from, vintage_to, reason) in enumerate(figures, start=2):
            figure = {"source": "toy", "series_id": ids[area], "time_id": 2020000, "value": value, "obs_status": status}
            place = {"attribute_id": attributes, "place_id": 1, "place_row": row, "raw": f"text {row}"}
            known = {"vintage_from": vintage_from, "vintage_to": vintage_to, "end_reason": reason}
            insert(connection, "core.observation", {**figure, **place, **known})
    return ids


@pytest.fixture
def upgraded(empty_url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, int]]:
    """A warehouse that was set up before history, held figures, and is of today now; area → series_id."""
    for name in set(MIGRATIONS) - set(BEFORE_HISTORY):
        (home / f"{name}.sql").unlink()
    for view in (home.parent / "publish").glob("*.sql"):
        view.unlink()  # the views of today read the columns of today
    there = {name for file in home.glob("*.sql") for name in re.findall(r"CREATE TABLE ref\.(\w+)", file.read_text())}
    with monkeypatch.context() as before_history:  # lists of today have no tables yet
        before_history.setattr(warehouse, "_CODELISTS", tuple(n for n in warehouse._CODELISTS if n in there))
        before_history.setattr(warehouse, "_COMPARISONS", ())
        before_history.setattr(warehouse, "execute", lambda *_, **__: 0)
        assert warehouse.setup(empty_url) == BEFORE_HISTORY
    ids = put_in_by_hand(empty_url)
    facts = f"SELECT {OLD_COLUMNS} FROM core.observation ORDER BY place_row"
    before = query(empty_url, facts)
    assert len(before) == 6
    monkeypatch.delenv("MIGSTATS_HOME")
    assert warehouse.setup(empty_url) == MIGRATIONS[len(BEFORE_HISTORY) :]
    assert query(empty_url, facts) == before
    return empty_url, ids


def test_figures_of_before_keep_their_values_and_get_the_bounds_of_their_releases(
    upgraded: tuple[str, dict[str, int]],
) -> None:
    url, _ = upgraded
    bounds = query(url, "SELECT known_from, known_to FROM core.observation ORDER BY place_row")
    assert [(row["known_from"], row["known_to"]) for row in bounds] == [
        (RELEASED[1], RELEASED[2]),
        (RELEASED[2], None),
        (RELEASED[1], None),
        (RELEASED[1], RELEASED[2]),
        (RELEASED[2], RELEASED[2]),  # ended by an older release: a range does not run backwards
        (RELEASED[3], None),
    ]
    states = query(url, "SELECT release, released_at FROM ops.slice_state ORDER BY released_at")
    assert [(s["release"], s["released_at"]) for s in states] == [
        (str(at.year), at) for at in sorted(RELEASED.values())
    ]
    vintages = query(url, "SELECT DISTINCT cause, made_with, candidate_id FROM ops.vintage")
    assert vintages == [{"cause": "publisher", "made_with": None, "candidate_id": None}]
    known = query(url, "SELECT value FROM core.as_of('2021-06-01') ORDER BY value")
    assert [row["value"] for row in known] == [6, 7, 100, None]


def test_a_warehouse_brought_to_today_refuses_what_a_new_one_does(
    upgraded: tuple[str, dict[str, int]], loaded: str
) -> None:
    """Partitions that were there have every constraint and index of those that are made today."""
    url, _ = upgraded
    constraints = (
        "SELECT conname, contype, pg_get_constraintdef(oid) AS text FROM pg_constraint "
        "WHERE conrelid = 'core.observation_toy'::regclass AND contype <> 'f' ORDER BY conname"
    )
    indexes = (
        r"SELECT regexp_replace(indexdef, 'INDEX \S+', 'INDEX') AS text FROM pg_indexes "
        "WHERE schemaname = 'core' AND tablename = 'observation_toy' ORDER BY text"
    )
    for statement in (constraints, indexes):
        assert query(url, statement) == query(loaded, statement) != []


def test_the_next_release_goes_on_from_what_was_there(
    upgraded: tuple[str, dict[str, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, ids = upgraded
    [source] = toy.declare(tmp_path, monkeypatch, "toy", releases=True)
    rows = [{"OBS_VALUE": "102"}, {"REF_AREA": "SRB", "OBS_VALUE": "6"}]
    counts = toy.load(url, source, toy.read(url, source, toy.SLICES[0], rows, release="2024"))
    assert (counts.outcome, counts.vintage_id, counts.loaded, counts.unchanged, counts.closed) == (
        "accepted",
        4,
        1,
        1,
        1,
    )
    morocco = query(
        url, f"SELECT value, known_to, vintage_to FROM core.observation WHERE series_id = {ids['MAR']} ORDER BY value"
    )
    released = dt.datetime(2024, 12, 1, tzinfo=dt.UTC)
    assert [tuple(row.values()) for row in morocco] == [(100, RELEASED[2], 2), (101, released, 4), (102, None, None)]


# -- what the database refuses ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def loaded(postgres: server.Server, _template: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A warehouse with two loads of a source whose partitions are attached; tests write nothing that stays."""
    server.create_database(postgres, "refusals", template=_template)
    url = postgres.url("refusals")
    with pytest.MonkeyPatch.context() as patch:
        [source] = toy.declare(tmp_path_factory.mktemp("refusals"), patch, "toy")
        for day, value in enumerate(("100", "101")):
            rows = [{"OBS_VALUE": value}, {"REF_AREA": "SRB"}]
            toy.load(url, source, toy.read(url, source, toy.SLICES[0], rows, at=toy.DAY + dt.timedelta(days=day)))
    return url


@pytest.fixture
def connection(loaded: str) -> Iterator[psycopg.Connection[Row]]:
    """A transaction in the loaded warehouse, as its owner, that is never committed."""
    with psycopg.connect(loaded, row_factory=psycopg.rows.dict_row) as open_:
        yield open_
        open_.rollback()


def one(connection: psycopg.Connection[Row], table: str, where: str = "true") -> Row:
    rows = connection.execute(f"SELECT * FROM {table} WHERE {where} LIMIT 1").fetchall()
    return dict(rows[0])


def insert(connection: psycopg.Connection[Row], table: str, row: Mapping[str, object]) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(*table.split(".")),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(map(sql.Placeholder, row)),
    )
    connection.execute(statement, row)


def foreign_keys(connection: psycopg.Connection[Row], table: str) -> set[str]:
    found = connection.execute(
        "SELECT a.attname FROM pg_constraint AS c, unnest(c.conkey) AS k, pg_attribute AS a "
        "WHERE c.conrelid = %s::regclass AND c.contype = 'f' AND a.attrelid = c.conrelid AND a.attnum = k",
        (table,),
    ).fetchall()
    return {row["attname"] for row in found}


SERIES_TABLES = ("core.series", "core.series_toy")
ATTRIBUTE_KEYS = ("conf_status", "unit", "missing_reason", "nature", "concept_basis", "residence_criterion")
OBSERVATION_KEYS = ("source", "series_id", "time_id", "attribute_id", "place_id", "vintage_from", "vintage_to")
OBSERVATION_TABLES = ("core.observation", "core.observation_toy")


def test_every_coded_column_is_a_foreign_key(connection: psycopg.Connection[Row]) -> None:
    for table in SERIES_TABLES:
        assert foreign_keys(connection, table) == set(SERIES_DIMENSIONS), table
    assert foreign_keys(connection, "core.attributes") == set(ATTRIBUTE_KEYS)
    for table in OBSERVATION_TABLES:
        assert foreign_keys(connection, table) == set(OBSERVATION_KEYS), table


@pytest.mark.parametrize("table", SERIES_TABLES)
@pytest.mark.parametrize("column", SERIES_DIMENSIONS)
def test_a_series_with_a_code_that_is_in_no_codelist_is_refused(
    connection: psycopg.Connection[Row], table: str, column: str
) -> None:
    row = {**one(connection, "core.series"), "series_id": 1}
    with connection.transaction():
        insert(connection, table, row)
    row["series_id"] = 2
    # A source without a partition is refused before its key is looked at; so is one in the partition of another.
    kind = errors.CheckViolation if column == "source" else errors.ForeignKeyViolation
    with pytest.raises(kind) as caught, connection.transaction():
        insert(connection, table, {**row, column: "no such code"})
    if column != "source":
        assert f"Key ({column})=(no such code) is not present" in str(caught.value)
    with pytest.raises((errors.NotNullViolation, errors.CheckViolation)), connection.transaction():
        insert(connection, table, {**row, column: None})


def test_a_partition_with_an_orphan_cannot_be_attached(connection: psycopg.Connection[Row]) -> None:
    insert(connection, "ref.source", {**one(connection, "ref.source"), "code": "zoo"})
    connection.execute("SELECT core.new_partition('zoo')")
    figure = {**one(connection, "core.observation"), "source": "zoo"}
    series = {**one(connection, "core.series", f"series_id = {figure['series_id']}"), "source": "zoo"}
    insert(connection, "core.series_zoo", {**series, "sex": "no such code"})
    with pytest.raises(errors.ForeignKeyViolation, match=r"\(sex\)=\(no such code\)"), connection.transaction():
        connection.execute("SELECT core.attach_partition('zoo')")
    connection.execute("UPDATE core.series_zoo SET sex = '_T'")
    figure = {**one(connection, "core.observation"), "series_id": one(connection, "core.series_zoo")["series_id"]}
    insert(connection, "core.observation_zoo", {**figure, "source": "zoo", "place_id": -1})
    with pytest.raises(errors.ForeignKeyViolation, match=r"\(place_id\)=\(-1\)"), connection.transaction():
        connection.execute("SELECT core.attach_partition('zoo')")
    connection.execute("UPDATE core.observation_zoo SET place_id = %s", (figure["place_id"],))
    connection.execute("SELECT core.attach_partition('zoo')")
    assert len(connection.execute("SELECT 1 FROM core.observation WHERE source = 'zoo'").fetchall()) == 1


def test_a_partition_cannot_be_made_for_a_source_that_is_not_there(connection: psycopg.Connection[Row]) -> None:
    with pytest.raises(errors.RaiseException, match=r"source nobody is not in ref\.source"):
        connection.execute("SELECT core.new_partition('nobody')")


@pytest.mark.parametrize("column", ATTRIBUTE_KEYS)
def test_attributes_with_a_code_that_is_in_no_codelist_are_refused(
    connection: psycopg.Connection[Row], column: str
) -> None:
    row = {**one(connection, "core.attributes"), "attribute_id": 1}
    with connection.transaction(force_rollback=True):
        insert(connection, "core.attributes", row)
    with pytest.raises(errors.ForeignKeyViolation, match=re.escape(f"({column})=(no such code)")):
        insert(connection, "core.attributes", {**row, column: "no such code"})


def a_figure(connection: psycopg.Connection[Row]) -> Row:
    """A row of core.observation that the database takes: of a period that has none yet."""
    return {**one(connection, "core.observation", "vintage_to IS NULL AND value = 101"), "time_id": 1999000}


Change = Callable[[Row], Mapping[str, object]]
NAN = float("nan")
INFINITY = float("inf")

#: What is refused → what is changed in a good row, and the constraint that refuses it.
REFUSED: dict[str, tuple[Change, str]] = {
    **{
        f"no figure with status {s}": (lambda row, s=s: {"value": None, "obs_status": s}, "no_value_and_status")
        for s, has in STATUSES.items()
        if has == "yes"
    },
    **{
        f"a figure with status {s}": (lambda row, s=s: {"value": 1.0, "obs_status": s}, "value_and_status")
        for s, has in STATUSES.items()
        if has == "no"
    },
    "not a number": (lambda row: {"value": NAN}, "value_is_finite"),
    "infinity": (lambda row: {"value": INFINITY}, "value_is_finite"),
    "minus infinity": (lambda row: {"value": -INFINITY}, "value_is_finite"),
    "a status that is none": (lambda row: {"obs_status": "Z"}, "obs_status_known"),
    "a status in small letters": (lambda row: {"obs_status": "a"}, "obs_status_known"),
    "an empty status": (lambda row: {"obs_status": ""}, "obs_status_known"),
    "an end without a reason": (
        lambda row: {"vintage_to": row["vintage_from"], "known_to": row["known_from"]},
        "ended_for_a_reason",
    ),
    "a reason without an end": (lambda row: {"end_reason": "revised"}, "ended_for_a_reason"),
    "a reason that is none": (
        lambda row: {"vintage_to": row["vintage_from"], "known_to": row["known_from"], "end_reason": "tired of it"},
        "end_reason_known",
    ),
    "an end by one clock only": (lambda row: {"known_to": row["known_from"]}, "both_clocks_end"),
    "an end by the other clock only": (
        lambda row: {"vintage_to": row["vintage_from"], "end_reason": "revised"},
        "both_clocks_end",
    ),
    "known until before it was known": (
        lambda row: {
            "vintage_to": row["vintage_from"],
            "known_to": row["known_from"] - dt.timedelta(days=1),
            "end_reason": "revised",
        },
        "known_in_order",
    ),
}


@pytest.mark.parametrize("table", OBSERVATION_TABLES)
@pytest.mark.parametrize(("change", "constraint"), REFUSED.values(), ids=REFUSED)
def test_a_figure_that_contradicts_itself_is_refused(
    connection: psycopg.Connection[Row], table: str, change: Change, constraint: str
) -> None:
    row = a_figure(connection)
    with connection.transaction():
        insert(connection, table, row)
    bad = {**row, "time_id": 1998000, **change(row)}
    with pytest.raises(errors.CheckViolation) as caught, connection.transaction():
        insert(connection, table, bad)
    assert caught.value.diag.constraint_name == constraint
    changed = sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in change(row))
    statement = sql.SQL("UPDATE {} SET {} WHERE time_id = 1999000").format(sql.Identifier(*table.split(".")), changed)
    with pytest.raises(errors.CheckViolation) as caught, connection.transaction():
        connection.execute(statement, dict(change(row)))
    assert caught.value.diag.constraint_name == constraint


@pytest.mark.parametrize("table", OBSERVATION_TABLES)
@pytest.mark.parametrize("column", [c for c in OBSERVATION_KEYS if c != "source"])
def test_a_figure_of_a_series_place_or_vintage_that_is_not_there_is_refused(
    connection: psycopg.Connection[Row], table: str, column: str
) -> None:
    row = a_figure(connection)
    row |= {"vintage_to": row["vintage_from"], "known_to": row["known_from"], "end_reason": "revised"}
    with connection.transaction(force_rollback=True):
        insert(connection, table, row)
    with pytest.raises(errors.ForeignKeyViolation, match=rf"\({column}\)=\(-1\)|, {column}\)=\(toy, -1\)"):
        insert(connection, table, {**row, column: -1})


@pytest.mark.parametrize(
    "column",
    [
        *("source", "series_id", "time_id", "obs_status", "attribute_id", "place_id", "place_row"),
        *("vintage_from", "known_from"),
    ],
)
def test_a_figure_without_key_place_or_beginning_is_refused(connection: psycopg.Connection[Row], column: str) -> None:
    row = a_figure(connection)
    with pytest.raises(errors.NotNullViolation):
        insert(connection, "core.observation_toy", {**row, column: None})


@pytest.mark.parametrize("table", OBSERVATION_TABLES)
def test_a_second_figure_that_stands_is_refused(connection: psycopg.Connection[Row], table: str) -> None:
    row = a_figure(connection)
    insert(connection, table, row)
    with pytest.raises(errors.UniqueViolation):
        insert(connection, table, {**row, "value": 7.0})


@pytest.mark.parametrize("table", ["core.series", "core.series_toy", "core.attributes", "core.place", "ref.area"])
def test_what_figures_refer_to_cannot_be_taken_away(connection: psycopg.Connection[Row], table: str) -> None:
    with pytest.raises(errors.ForeignKeyViolation, match="still referenced"):
        connection.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize(
    ("table", "change", "constraint"),
    [
        ("ref.age", {"code": "Y9T5", "min_age": 9, "max_age": 5}, "age_band"),
        ("ref.age", {"code": "Y", "min_age": -1, "max_age": 5}, "age_min_age_check"),
        ("ref.area", {"code": "X", "valid_from": "2000-01-01", "valid_to": "1999-01-01"}, "area_validity"),
        ("ref.area", {"code": "X", "kind": "planet"}, "area_kind_check"),
        ("ref.indicator", {"code": "X", "min_value": 1, "max_value": 0}, "indicator_bounds"),
        ("ref.indicator", {"code": "X", "stock_or_flow": "both"}, "indicator_stock_or_flow_check"),
        ("ref.obs_status", {"code": "X", "has_value": "maybe"}, "obs_status_has_value_check"),
        ("ref.source", {"code": "x", "redistribution": "perhaps"}, "source_redistribution_check"),
        ("ref.period", {"time_id": 1, "time_period": "x", "period_end": "1700-01-01"}, "period_check"),
        ("raw.snapshot", {"sha256": "not a hash"}, "snapshot_sha256_check"),
        ("raw.snapshot", {"sha256": "0" * 64, "bytes": 0}, "snapshot_bytes_check"),
        ("raw.snapshot", {"sha256": "0" * 64, "part": 0}, "snapshot_part_check"),
        ("ops.load_snapshot", {"load_id": "x", "landed": 99}, "balance"),
        ("ops.load", {"load_id": "x", "outcome": "so so"}, "load_outcome_check"),
        ("ops.vintage", {"vintage_id": -1, "load_id": "x", "cause": "fate"}, "vintage_cause_check"),
    ],
)
def test_a_fact_that_cannot_be_is_refused(
    connection: psycopg.Connection[Row], table: str, change: dict[str, object], constraint: str
) -> None:
    generated = {"snapshot_id"} if table == "raw.snapshot" else set()
    row = {name: value for name, value in one(connection, table).items() if name not in generated}
    with pytest.raises(errors.CheckViolation) as caught:
        insert(connection, table, {**row, **change})
    assert caught.value.diag.constraint_name == constraint


def test_an_age_band_may_be_one_year_or_open(connection: psycopg.Connection[Row]) -> None:
    for code, low, high in (("Y200", 200, 200), ("Y_GE200", 200, None)):
        insert(connection, "ref.age", {**one(connection, "ref.age"), "code": code, "min_age": low, "max_age": high})


# -- ledgers ------------------------------------------------------------------------------------------------------

LEDGERS = (
    *("raw.snapshot", "raw.landing", "ops.candidate", "ops.gate_finding", "ops.gate_difference"),
    *("ops.decision", "ops.waiver", "ops.waiver_use", "ops.vintage", "ops.load", "ops.load_snapshot"),
    *("ops.load_landing", "ops.explained", "ops.quarantine", "ops.outcome", "ops.settled", "ops.validation_result"),
    *("ops.published", "ops.run", "ops.attempt"),
    *("ops.alert", "ops.alert_told", "ops.silence"),
    *("ops.upload", "ops.upload_reading", "ops.upload_finding", "ops.upload_answer", "ops.upload_event"),
    *("ops.upload_candidate", "ops.upload_mail", "ops.disclosure"),
)


@pytest.mark.parametrize("ledger", LEDGERS)
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "TRUNCATE", "TRUNCATE CASCADE"])
def test_a_ledger_is_append_only_for_its_owner_too(connection: psycopg.Connection[Row], ledger: str, verb: str) -> None:
    column = list(connection.execute(f"SELECT * FROM {ledger} LIMIT 0").description or ())[-1].name
    statements = {
        "UPDATE": f"UPDATE {ledger} SET {column} = {column}",
        "DELETE": f"DELETE FROM {ledger}",
        "TRUNCATE": f"TRUNCATE {ledger}",
        "TRUNCATE CASCADE": f"TRUNCATE {ledger} CASCADE",
    }
    count = f"SELECT count(*) AS n FROM {ledger}"
    before = connection.execute(count).fetchall()
    refusals = (errors.RaiseException, errors.FeatureNotSupported)  # TRUNCATE of what others refer to
    with pytest.raises(refusals) as caught, connection.transaction():
        connection.execute(statements[verb])
    if verb != "TRUNCATE":
        assert f"is append-only: {verb.split(maxsplit=1)[0]} is refused" in str(caught.value)
    assert connection.execute(count).fetchall() == before


def test_no_ledger_is_left_out(connection: psycopg.Connection[Row]) -> None:
    guarded = connection.execute(
        "SELECT tgrelid::regclass::text AS name FROM pg_trigger "
        "WHERE tgname = 'append_only' AND tgenabled IN ('O', 'A')"
    ).fetchall()
    assert {row["name"] for row in guarded} == set(LEDGERS)
    assert one(connection, "raw.snapshot")["bytes"] > 0  # there is something that could be changed


# -- statuses: four places that say the same ----------------------------------------------------------------------


def listed(connection: psycopg.Connection[Row], constraint: str) -> set[str]:
    found = connection.execute(
        "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint "
        "WHERE conrelid = 'core.observation'::regclass AND conname = %s",
        (constraint,),
    ).fetchall()
    return set(re.findall(r"'([^']*)'", found[0]["text"]))


def test_the_statuses_without_a_figure_are_the_same_everywhere(connection: psycopg.Connection[Row]) -> None:
    assert {code for code, has in STATUSES.items() if has == "no"} == set(WITHOUT_VALUE)
    assert listed(connection, "value_and_status") == set(WITHOUT_VALUE)
    assert listed(connection, "no_value_and_status") == {code for code, has in STATUSES.items() if has != "yes"}
    rows = connection.execute("SELECT code, has_value FROM ref.obs_status").fetchall()
    assert {row["code"]: row["has_value"] for row in rows} == STATUSES


def test_every_status_of_the_codelist_may_be_in_the_warehouse(connection: psycopg.Connection[Row]) -> None:
    assert set(STATUSES) - listed(connection, "obs_status_known") == set()


def test_no_status_is_in_the_warehouse_that_is_in_no_codelist(connection: psycopg.Connection[Row]) -> None:
    assert listed(connection, "obs_status_known") - set(STATUSES) == set()


@pytest.mark.parametrize("with_value", [True, False])
@pytest.mark.parametrize("status", [s for s, has in STATUSES.items() if has == "either"])
def test_a_status_that_may_have_a_figure_may_be_without(
    connection: psycopg.Connection[Row], status: str, with_value: bool
) -> None:
    insert(
        connection,
        "core.observation",
        {**a_figure(connection), "obs_status": status, "value": 1.0 if with_value else None},
    )
