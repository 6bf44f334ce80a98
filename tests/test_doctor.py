"""The doctor: a sound installation has no finding; each harm to it is one line with its place and remedy."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest
import toy
from past import Past
from sandbox import Sandbox
from typer.testing import CliRunner

from migstats import doctor, pipeline, settings, warehouse
from migstats import postgres as server
from migstats.cli import app
from migstats.doctor import Catalogue
from migstats.errors import PermanentError
from migstats.source import Source, folder_of, read_sources

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def sound(past: Past) -> str:
    """A warehouse with a history: tests harm it in transactions that are rolled back, or copies of it."""
    return past.warehouse()


@pytest.fixture(scope="module")
def anew(sound: str) -> Catalogue:
    """The schema of a warehouse of this version."""
    return doctor.catalogue_anew(sound)


@pytest.fixture
def installation(sound: str, past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Source]:
    """The sound warehouse with a lake of the test's own."""
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path / "state"))
    return sound, past.source(tmp_path, monkeypatch)


@pytest.fixture
def copy(past: Past, installation: tuple[str, Source]) -> str:
    """A copy of the sound warehouse that may be harmed for good."""
    return past.warehouse()


def findings(url: str) -> list[str]:
    return [str(finding) for finding in doctor.findings(url, admin=url)]


def harm(connection: warehouse.Connection, statements: Sequence[str]) -> None:
    """Change what keys and triggers would forbid, as a bad repair does."""
    connection.execute("SET LOCAL session_replication_role = replica")
    for statement in statements:
        connection.execute(statement)


def test_a_sound_warehouse_has_no_finding_and_nothing_is_left_beside_it(installation: tuple[str, Source]) -> None:
    url, _ = installation
    assert findings(url) == []
    with psycopg.connect(url) as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'migstats_doctor%'").fetchall()
    assert left == []


# -- K21: our own ledgers


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        (
            "DELETE FROM ops.load WHERE load_id IN (SELECT load_id FROM ops.slice_state)",
            "a state of a slice refers to a load that is not there: toy figures/part=a",
        ),
        ("DELETE FROM raw.snapshot", "a state of a slice refers to a snapshot that is not in the ledger: toy"),
        ("DELETE FROM raw.snapshot", "a landing refers to a snapshot that is not in the ledger: toy"),
        ("DELETE FROM ops.slice_state", "figures stand and the state of no slice says where they came from: toy;"),
        ("DELETE FROM ops.load_landing", "a load has no landing that it was made of: toy"),
        ("DELETE FROM ops.load", "a landing is settled by a load that is not there: landing 1"),
        ("DELETE FROM ops.vintage", "a load was accepted and has no vintage: toy"),
        ("DELETE FROM ops.vintage", "figures came with a vintage that is not there: toy, vintage 1;"),
        ("DELETE FROM ops.load", "a vintage has no load: toy, vintage 1;"),
        (
            "UPDATE ops.publication SET vintage_id = 99",
            "bi shows a vintage that is newer than any that was",
        ),
        ("DELETE FROM ops.publication", "bi shows figures of a source that was not published: toy; run the DAG"),
        (
            "INSERT INTO ops.decision SELECT candidate_id, 'rejected', 'ana', 'no good' FROM ops.candidate",
            "a vintage breached the gate and was not approved: toy, vintage 1",
        ),
    ],
)
def test_a_ledger_that_lost_a_row_or_contradicts_another_is_told(sound: str, statement: str, line: str) -> None:
    with warehouse.connect(sound) as connection, connection.transaction(force_rollback=True):
        harm(connection, [statement])
        found = [str(finding) for finding in doctor.contradictions(connection)]
    assert any(each.startswith(line) for each in found), found


def test_a_load_of_a_source_whose_states_are_gone_is_refused_and_a_rebuild_mends_it(
    installation: tuple[str, Source], copy: str
) -> None:
    _, source = installation
    before = toy.fingerprint(copy)
    with warehouse.connect(copy) as connection:
        harm(connection, ["DELETE FROM ops.slice_state"])
    at = toy.DAY + dt.timedelta(days=9)
    read = toy.read(copy, source, toy.SLICES[0], [{"OBS_VALUE": "102"}], release="2024", at=at)
    with pytest.raises(PermanentError):
        pipeline.load([read], source, folder_of("toy"), run_id="test", url=copy)
    assert toy.fingerprint(copy)["core.observation"] == before["core.observation"]
    pipeline.rebuild(url=copy, admin=copy)
    assert findings(copy) == []
    pipeline.load([read], source, folder_of("toy"), run_id="test", url=copy)


# -- the lake


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ("raw", "a snapshot is not in the lake"),
        ("facts", "the facts that a load was made with are not in the lake"),
        ("observations", "an accepted table of a slice is not in the lake"),
    ],
)
def test_what_the_lake_lost_is_told(installation: tuple[str, Source], part: str, what: str) -> None:
    shutil.rmtree(settings.lake() / part)
    with warehouse.connect(installation[0]) as connection:
        found = [str(finding) for finding in doctor._lake(connection)]
    assert found
    assert all(line.startswith(f"{what}: {settings.lake()}") and "restore" in line for line in found)


# -- K23: drift of the schema


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("DROP INDEX core.one_current_row", "index missing: core.one_current_row; make it again: CREATE UNIQUE INDEX"),
        (
            "ALTER TABLE core.observation DROP CONSTRAINT value_is_finite",
            "constraint missing: core.observation.value",
        ),
        (
            "ALTER TABLE core.observation DROP CONSTRAINT observation_place_id_fkey",
            "constraint missing: core.observation",
        ),
        ("DROP TRIGGER append_only ON raw.snapshot", "trigger missing: raw.snapshot.append_only"),
        (
            "ALTER TABLE ops.vintage DISABLE TRIGGER approved",
            "trigger not as the migrations made it: ops.vintage",
        ),
        (
            "GRANT SELECT ON ops.vintage TO bi_reader",
            "right not as the migrations made it: table ops.vintage",
        ),
        ("REVOKE INSERT ON ops.outcome FROM migstats_etl", "right not as the migrations made it: table ops.outcome"),
        (
            "GRANT EXECUTE ON FUNCTION lo_create(oid) TO public",
            "right not as the migrations made it: server",
        ),
        ("ALTER TABLE ops.load ADD COLUMN extra text", "column that no migration made: ops.load.extra"),
        (
            "ALTER TABLE ops.load ALTER COLUMN release DROP NOT NULL",
            "column not as the migrations made it: ops.load",
        ),
        ("DROP VIEW ops.standing_alert", "view missing: ops.standing_alert"),
        (
            "ALTER FUNCTION core.as_of(timestamptz) SECURITY DEFINER",
            "function not as the migrations made it: core",
        ),
        (
            "CREATE OR REPLACE AGGREGATE bi.comparability (text, double precision) "
            "(sfunc = bi.one_basis, stype = text, initcond = 'mixed')",
            "function not as the migrations made it: bi.comparability",
        ),
        ("CREATE TABLE ops.mine (x integer)", "table that no migration made: ops.mine"),
    ],
)
def test_drift_of_the_schema_is_told(sound: str, anew: Catalogue, statement: str, line: str) -> None:
    with warehouse.connect(sound) as connection, connection.transaction(force_rollback=True):
        connection.execute(statement)
        found = [str(finding) for finding in doctor.compare(anew, doctor.catalogue(connection))]
    assert any(each.startswith(line) for each in found), found


def test_what_hangs_on_a_missing_table_is_not_told_again(sound: str, anew: Catalogue) -> None:
    with warehouse.connect(sound) as connection, connection.transaction(force_rollback=True):
        connection.execute("DROP TABLE ops.verification")
        found = [str(finding) for finding in doctor.compare(anew, doctor.catalogue(connection))]
    assert len(found) == 1
    assert found[0].startswith("table missing: ops.verification; ")


def test_a_role_that_may_not_make_a_database_is_told_so(installation: tuple[str, Source]) -> None:
    url, _ = installation
    etl = url.replace("postgres:test-only", "migstats_etl:test-only")
    assert [str(f) for f in doctor.findings(url, admin=etl)] == [
        "the schema was not compared: a warehouse set up anew beside this one; the role migstats_etl may not make a "
        "database; give the URL of one that may: --admin"
    ]


# -- versions, pools, the command


def test_a_migration_that_is_missing_ahead_or_edited_is_told(sound: str) -> None:
    with warehouse.connect(sound) as connection, connection.transaction(force_rollback=True):
        connection.execute("UPDATE ops.migration SET sha256 = 'x' WHERE name = '0013_statuses'")
        connection.execute("UPDATE ops.migration SET name = '9999_future' WHERE name = '0017_alerts'")
        said = "\n".join(map(str, doctor._versions(connection)))
    assert "a migration was not applied: 0017_alerts; run `migstats setup`" in said
    assert "the warehouse is ahead of this version: 9999_future" in said
    assert "a migration was applied with another content: 0013_statuses" in said


def test_a_database_that_is_not_set_up_is_told_so_and_not_asked_what_it_cannot_know(postgres) -> None:  # type: ignore[no-untyped-def]
    server.create_database(postgres, "not_set_up", template="template0")
    [line] = findings(postgres.url("not_set_up"))
    assert line == "the warehouse is not set up: ops.migration is not there; run `migstats setup`"


def test_the_command_ends_with_1_where_something_is_found_and_with_0_where_nothing_is(
    copy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AIRFLOW_HOME", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", copy)
    done = CliRunner().invoke(app, ["doctor"])
    assert (done.exit_code, done.output) == (0, "nothing is wrong\n")
    with warehouse.connect(copy) as connection:
        harm(connection, ["DELETE FROM ops.publication"])
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "bi shows figures of a source that was not published: toy; run the DAG publish" in done.output


@pytest.mark.airflow
def test_a_pool_that_is_missing_in_airflow_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """O05."""
    airflow = Sandbox(tmp_path)
    airflow.migrate()
    code = "from migstats.doctor import of_airflow; print(*of_airflow(), sep='\\n')"
    said = [line for line in airflow.python(code).stdout.splitlines() if line.startswith("a pool")]
    assert len(said) == len({host for source in read_sources().values() for host in source.hosts})
    assert "is missing: its tasks stay scheduled" in said[0]
    assert airflow.cli("pools").returncode == 0
    assert "a pool" not in airflow.python(code).stdout
