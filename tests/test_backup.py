"""Backup and restore: elsewhere, with another lake, everything is what it was; what is damaged is refused before."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path

import psycopg
import pytest
import toy
from past import Past
from test_rebuild import ledgers
from typer.testing import CliRunner

from migstats import backup, lake, pipeline, postgres, settings, warehouse
from migstats.cli import app
from migstats.errors import ConfigurationError, PermanentError
from migstats.source import Source, folder_of

pytestmark = pytest.mark.database

NOW = dt.datetime(2026, 11, 24, 8, 30, tzinfo=dt.UTC)


@pytest.fixture
def source(past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A source with a history, and its lake."""
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path / "state"))
    return past.source(tmp_path, monkeypatch)


@pytest.fixture
def warehouse_url(past: Past) -> str:
    """The warehouse of that history, as its owner."""
    return past.warehouse()


@pytest.fixture
def elsewhere(postgres) -> str:  # type: ignore[no-untyped-def]
    """An empty database."""
    name = f"r{uuid.uuid4().hex[:12]}"
    from migstats import postgres as server

    server.create_database(postgres, name, template="template0")
    return postgres.url(name)


@pytest.fixture
def kept(warehouse_url: str, source: Source, tmp_path: Path) -> Path:
    """A backup of it."""
    backup.backup(warehouse_url, tmp_path / "backup", now=NOW)
    return tmp_path / "backup"


def files(folder: Path) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def schemas(url: str) -> list[str]:
    with warehouse.connect(url) as connection:
        return [row["schema"] for row in warehouse.rows(connection, "backup/schemas")]


def test_a_backup_restored_elsewhere_is_the_same_warehouse_and_life_goes_on(
    warehouse_url: str, source: Source, kept: Path, elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, ledger, snapshots = toy.fingerprint(warehouse_url), ledgers(warehouse_url), files(settings.lake() / "raw")
    monkeypatch.setenv("MIGSTATS_LAKE", str(tmp_path / "another" / "lake"))

    done = backup.restore(elsewhere, kept)

    assert toy.fingerprint(elsewhere) == before == done.manifest.fingerprint
    assert ledgers(elsewhere) == ledger
    assert files(settings.lake() / "raw") == snapshots
    assert warehouse.setup(elsewhere) == []
    counts = pipeline.replay(source, folder_of("toy"), run_id="r", url=elsewhere, today=dt.date(2024, 7, 1))
    assert counts.outcome == "unchanged"
    assert toy.fingerprint(elsewhere) == before
    pipeline.rebuild(url=elsewhere, admin=elsewhere)
    assert toy.fingerprint(elsewhere) == before


def test_rights_limits_and_ledgers_are_restored_too(kept: Path, elsewhere: str) -> None:
    backup.restore(elsewhere, kept)
    reader = elsewhere.replace("postgres:test-only", "bi_reader:test-only")
    with psycopg.connect(reader) as connection:
        assert connection.execute("SELECT count(*) > 0 FROM bi.fact_observation").fetchone() == (True,)
    with psycopg.connect(reader) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT 1 FROM ops.vintage")
    with psycopg.connect(reader) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT lo_create(0)")
    with psycopg.connect(elsewhere) as connection, pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute("DELETE FROM raw.snapshot")


def test_a_second_backup_copies_only_what_is_new_and_takes_the_place_of_the_first(
    warehouse_url: str, source: Source, kept: Path, elsewhere: str
) -> None:
    again = backup.backup(warehouse_url, kept, now=NOW + dt.timedelta(days=1))
    assert (again.files, again.bytes) == (0, 0)
    toy.load(
        warehouse_url, source, toy.read(warehouse_url, source, toy.SLICES[2], [{"REF_AREA": "NGA"}], release="2024")
    )
    third = backup.backup(warehouse_url, kept, now=NOW + dt.timedelta(days=2))
    assert third.files > 0
    assert [dump.name for dump in kept.glob("*.dump")] == ["warehouse-20261126T083000.dump"]
    backup.restore(elsewhere, kept)
    assert toy.fingerprint(elsewhere) == toy.fingerprint(warehouse_url)


def test_a_backup_that_is_cut_off_leaves_the_one_before_whole(
    warehouse_url: str, source: Source, kept: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = toy.fingerprint(warehouse_url)
    toy.load(
        warehouse_url, source, toy.read(warehouse_url, source, toy.SLICES[2], [{"REF_AREA": "NGA"}], release="2024")
    )

    def cut_off(name: str) -> None:
        raise KeyboardInterrupt(name)

    for name in ("backup.dumped", "backup.copied"):
        monkeypatch.setattr(backup, "reach", lambda point, name=name: cut_off(point) if point == name else None)
        with pytest.raises(KeyboardInterrupt):
            backup.backup(warehouse_url, kept, now=NOW + dt.timedelta(days=1))
    backup.restore(elsewhere, kept)
    assert toy.fingerprint(elsewhere) == before


def test_a_warehouse_that_is_there_is_replaced_only_where_that_is_wanted(
    warehouse_url: str, source: Source, kept: Path
) -> None:
    before = toy.fingerprint(warehouse_url)
    toy.load(
        warehouse_url, source, toy.read(warehouse_url, source, toy.SLICES[2], [{"REF_AREA": "NGA"}], release="2024")
    )
    after = toy.fingerprint(warehouse_url)
    with pytest.raises(PermanentError, match="holds a warehouse already"):
        backup.restore(warehouse_url, kept)
    assert toy.fingerprint(warehouse_url) == after != before
    backup.restore(warehouse_url, kept, replace=True)
    assert toy.fingerprint(warehouse_url) == before


def damage(kept: Path, what: str) -> None:
    pattern = {"dump": "*.dump", "snapshot": "lake/raw/*/*", "facts": "lake/facts/*/toy/codes.csv"}
    file = next(iter(kept.glob({**pattern, "missing": "lake/raw/*/*"}[what])))
    if what == "missing":
        file.unlink()
    else:
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("what", ["dump", "snapshot", "facts", "missing"])
def test_a_damaged_backup_is_refused_before_anything_is_touched(
    kept: Path, elsewhere: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    damage(kept, what)
    monkeypatch.setenv("MIGSTATS_LAKE", str(tmp_path / "another" / "lake"))
    with pytest.raises(PermanentError, match="the backup is damaged, and nothing was touched"):
        backup.restore(elsewhere, kept)
    assert schemas(elsewhere) == []
    assert not settings.lake().exists()


def test_a_dump_that_cannot_be_replayed_leaves_the_database_as_it_was(
    warehouse_url: str, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = toy.fingerprint(warehouse_url)
    [dump] = kept.glob("*.dump")
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size // 2])
    monkeypatch.setattr(backup, "_require_whole", lambda folder, manifest: None)
    with pytest.raises(PermanentError, match="could not be replayed, and the database is as before"):
        backup.restore(warehouse_url, kept, replace=True)
    assert toy.fingerprint(warehouse_url) == before


def test_what_the_lake_has_not_whole_is_named_and_the_rest_is_backed_up(
    warehouse_url: str, source: Source, tmp_path: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warehouse.connect(warehouse_url) as connection:
        rows = connection.execute("SELECT sha256 FROM raw.snapshot ORDER BY snapshot_id LIMIT 2").fetchall()
    gone, damaged = (row["sha256"] for row in rows)
    lake.snapshot_path(gone).unlink()
    lake.snapshot_path(damaged).write_bytes(b"damaged")
    monkeypatch.setenv("MIGSTATS_ADMIN", warehouse_url)
    done = CliRunner().invoke(app, ["backup", str(tmp_path / "backup")])
    assert done.exit_code == 1
    assert f"snapshot {gone}: is missing in the lake; it is not in this backup" in done.output
    assert f"snapshot {damaged}: is damaged in the lake" in done.output
    backup.restore(elsewhere, tmp_path / "backup")
    assert toy.fingerprint(elsewhere) == toy.fingerprint(warehouse_url)


def test_what_the_lake_lost_and_a_backup_has_stays_in_it_and_comes_back(
    warehouse_url: str, source: Source, kept: Path
) -> None:
    with warehouse.connect(warehouse_url) as connection:
        [row] = connection.execute("SELECT sha256 FROM raw.snapshot ORDER BY snapshot_id LIMIT 1").fetchall()
    lake.snapshot_path(row["sha256"]).write_bytes(b"damaged")
    again = backup.backup(warehouse_url, kept, now=NOW + dt.timedelta(days=1))
    assert again.manifest.absent == {}
    backup.restore(warehouse_url, kept, replace=True)
    assert lake.state_of(row["sha256"]) == "whole"


def test_the_password_is_in_no_command_line(
    warehouse_url: str, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    run = backup.subprocess.run
    monkeypatch.setattr(backup.subprocess, "run", lambda command, **k: seen.append(command) or run(command, **k))
    backup.backup(warehouse_url, tmp_path / "backup", now=NOW)
    assert seen
    assert "test-only" not in " ".join(str(part) for command in seen for part in command)


def test_a_folder_without_a_backup_and_one_in_the_lake_are_refused(
    warehouse_url: str, source: Source, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="holds no backup"):
        backup.restore(warehouse_url, tmp_path)
    with pytest.raises(ConfigurationError, match="is in the lake"):
        backup.backup(warehouse_url, settings.lake() / "backup", now=NOW)


def test_without_programs_of_the_server_s_version_it_says_what_to_install() -> None:
    with pytest.raises(
        ConfigurationError, match=r"of PostgreSQL 99 or later are here .*apt-get install postgresql-client-99"
    ):
        postgres.client_programs(99)
    assert (postgres.client_programs(18) / "pg_dump").is_file()


def test_a_backup_of_a_newer_version_is_refused(kept: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = warehouse.migrations()
    monkeypatch.setattr(warehouse, "migrations", lambda: dict(list(known.items())[:-1]))
    with pytest.raises(ConfigurationError, match="does not know; install the newer version"):
        backup.restore(elsewhere, kept)
    assert schemas(elsewhere) == []


def test_the_commands_back_up_and_restore(
    warehouse_url: str, source: Source, tmp_path: Path, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = str(tmp_path / "backup")
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", "postgresql://nobody@127.0.0.1:1/nothing")
    done = CliRunner().invoke(app, ["backup", kept, "--admin", warehouse_url])
    assert done.exit_code == 0, done.output
    assert oct((tmp_path / "backup").stat().st_mode)[-3:] == "700"
    done = CliRunner().invoke(app, ["restore", kept, "--admin", elsewhere])
    assert done.exit_code == 0, done.output
    assert "every table is what it was" in done.output
    assert toy.fingerprint(elsewhere) == toy.fingerprint(warehouse_url)
