"""Backup and restore: the warehouse as one dump and what it needs of the lake, under hashes, with a fingerprint."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Final, Literal

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import BaseModel, ConfigDict, ValidationError

from migstats import lake, postgres, settings, warehouse
from migstats.errors import ConfigurationError, PermanentError
from migstats.faultpoint import reach
from migstats.warehouse import Connection

MANIFEST: Final = "manifest.json"

Fingerprint = Mapping[str, tuple[int, str]]


class File(BaseModel):
    """A file by its place below the backup."""

    model_config = ConfigDict(frozen=True)

    path: str
    sha256: str


class Manifest(BaseModel):
    """What a backup holds. It is written last: without it, or with another one, there is no such backup."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1]
    made_at: dt.datetime
    server: str
    owner: str
    migrations: tuple[str, ...]
    dump: File
    #: Table → rows and hash, as `migstats fingerprint` prints them.
    fingerprint: dict[str, tuple[int, str]]
    snapshots: tuple[str, ...]
    #: Folders of the lake with the declarations, codes and codelists that loads were made with.
    facts: tuple[str, ...]
    #: Accepted tables of slices. They can be made again; without them the next comparison is slower.
    tables: tuple[File, ...]
    #: What the warehouse names and the lake did not have whole → what was wrong with it.
    absent: dict[str, str]


@dataclass(frozen=True)
class Copied:
    """What a backup or a restore came to: files and bytes that were copied (others were there), and what is absent."""

    manifest: Manifest
    files: int
    bytes: int


# -- backup -----------------------------------------------------------------------------------------------------


def backup(admin: str, folder: Path, *, now: dt.datetime) -> Copied:
    """Back up the warehouse at `admin` (URL of its owner) and its part of the lake into a folder; DAGs may run.

    The dump and the fingerprint are of the same moment. A folder that holds a backup is brought up to date: of the lake
    only what is new is copied. A cut-off backup leaves the one before whole. What the lake does not have whole is in
    `absent`, and the rest is backed up. ConfigurationError where a program is missing or the folder is of no use.
    """
    target = folder.resolve()
    if target.is_relative_to(settings.lake().resolve()) or settings.lake().resolve().is_relative_to(target):
        raise ConfigurationError(f"{folder}: is in the lake, or the lake in it; back up to another disk")
    before = _manifest(folder) if (folder / MANIFEST).is_file() else None
    with _writing(folder), warehouse.connect(admin) as connection:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # bytes of publishers that may not be passed on
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        [server] = warehouse.rows(connection, "backup/server")
        programs = postgres.client_programs(server["major"])
        dump = folder / f"warehouse-{now:%Y%m%dT%H%M%S}.dump"
        _dump(connection, admin, programs, dump)
        reach("backup.dumped")
        needed = warehouse.rows(connection, "backup/lake_in_use")
        found = fingerprint(connection)
        migrations = [r["name"] for r in connection.execute("SELECT name FROM ops.migration ORDER BY name").fetchall()]
    copied = _Tally()
    names: dict[str, list[str]] = {"snapshot": [], "facts": [], "table": []}
    tables: list[File] = []
    with _writing(folder):
        for row in needed:
            files = list(_of_lake(row["sort"], row["name"]))
            problem = _copy_all(files, settings.lake(), folder / "lake", row, copied)
            if problem is None and row["sort"] == "table":
                tables.append(File(path=row["name"], sha256=row["sha256"]))
            elif problem is None:
                names[row["sort"]].append(row["name"])
            elif row["sort"] != "table":
                copied.absent[f"{row['sort']} {row['name']}"] = problem
        reach("backup.copied")
        manifest = Manifest(
            format=1,
            made_at=now,
            server=server["version"],
            owner=server["owner"],
            migrations=tuple(migrations),
            dump=File(path=dump.name, sha256=_hash(dump)),
            fingerprint=dict(found),
            snapshots=tuple(names["snapshot"]),
            facts=tuple(names["facts"]),
            tables=tuple(tables),
            absent=copied.absent,
        )
        _write_manifest(folder, manifest)
        if before is not None and before.dump.path != dump.name:
            (folder / before.dump.path).unlink(missing_ok=True)
    return Copied(manifest, copied.files, copied.bytes)


def fingerprint(connection: Connection) -> Fingerprint:
    """Table → rows and hash of its content."""
    return {row["table"]: (row["rows"], row["hash"]) for row in warehouse.rows(connection, "report/fingerprint")}


def _dump(connection: Connection, admin: str, programs: Path, dump: Path) -> None:
    """Dump the database as the transaction of `connection` sees it."""
    shown = connection.execute("SELECT pg_export_snapshot() AS name").fetchall()[0]["name"]
    place, secrets = _without_password(admin)
    options = ["--format=custom", f"--snapshot={shown}", f"--dbname={place}", f"--file={dump}"]
    command = [str(programs / "pg_dump"), *options]
    done = subprocess.run(command, capture_output=True, text=True, env=secrets, check=False)
    if done.returncode != 0:
        dump.unlink(missing_ok=True)
        raise ConfigurationError(f"pg_dump failed, and no backup was made: {_one_line(done.stderr)}")


class _Tally:
    """What was copied so far."""

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0
        self.absent: dict[str, str] = {}


def _of_lake(sort: str, name: str) -> Iterator[str]:
    """Paths below the lake of a snapshot, a folder of facts or a table."""
    if sort == "snapshot":
        yield lake.relative(lake.snapshot_path(name))
    elif sort == "facts":
        yield from (lake.relative(file) for file in sorted(lake.facts_path(name).rglob("*")) if file.is_file())
    else:
        yield name


def _copy_all(files: list[str], source: Path, target: Path, row: Mapping[str, str], tally: _Tally) -> str | None:
    """Copy the files of one thing; what is wrong with it, or None. What is there whole is not copied again."""
    if _is_whole(target, row["sort"], row["name"], row["sha256"], files):
        return None
    if not files or not _is_whole(source, row["sort"], row["name"], row["sha256"], files):
        return "is damaged" if files and all((source / file).is_file() for file in files) else "is missing"
    for file in files:
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        fresh = (target / file).with_name(f".writing-{Path(file).name}")
        shutil.copyfile(source / file, fresh)
        with fresh.open("rb") as stream:
            os.fsync(stream.fileno())
        fresh.replace(target / file)
        tally.files += 1
        tally.bytes += (target / file).stat().st_size
    return None


def _is_whole(root: Path, sort: str, name: str, sha: str, files: list[str]) -> bool:
    """Whether a thing below `root` is there and is what its hash says."""
    if sort == "facts":
        return (root / "facts" / name).is_dir() and lake.facts_digest(root / "facts" / name) == sha
    return bool(files) and (root / files[0]).is_file() and _hash(root / files[0]) == sha


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    fresh = folder / f".{MANIFEST}.new"
    with fresh.open("w", encoding="utf-8") as file:
        file.write(manifest.model_dump_json(indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / MANIFEST)


def _manifest(folder: Path) -> Manifest:
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise ConfigurationError(f"{folder}: holds no backup (no {MANIFEST}); `migstats backup` makes one") from None
    except ValidationError as error:
        raise PermanentError(
            f"{folder / MANIFEST}: is no manifest of this version: {error.errors()[0]['msg']}"
        ) from error


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"{folder}: cannot be written ({error.strerror or error}); the backup before, if there is one, is whole"
        ) from error


# -- restore ----------------------------------------------------------------------------------------------------


def restore(admin: str, folder: Path, *, replace: bool = False, passwords: Mapping[str, str] | None = None) -> Copied:
    """Bring the database at `admin` (URL of a superuser) and the lake to a backup.

    All hashes are checked before anything is touched. PermanentError where the backup is damaged, where the database
    holds a warehouse (unless `replace`, which drops it in the same transaction), or where what came out is not what was
    backed up. ConfigurationError where roles, rights or programs are missing.
    """
    manifest = _manifest(folder)
    _require_whole(folder, manifest)
    with warehouse.connect(admin) as connection:
        [server] = warehouse.rows(connection, "backup/server")
        there = [row["schema"] for row in warehouse.rows(connection, "backup/schemas")]
        owner = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (manifest.owner,)).fetchall()
    if there and not replace:
        raise PermanentError(
            f"the database holds a warehouse already (schemas {', '.join(there)}); nothing was touched. Restore into "
            "an empty database, or give --replace to drop what is there"
        )
    if not server["superuser"]:
        raise ConfigurationError("a restore sets rights of the server's own functions; give the URL of a superuser")
    if not owner:
        raise ConfigurationError(
            f"the backup's owner, the role {manifest.owner!r}, is not on this server; make it: CREATE ROLE ..."
        )
    unknown = sorted(set(manifest.migrations) - set(warehouse.migrations()))
    if unknown:
        raise ConfigurationError(
            f"the backup has the migrations {unknown}, which this version does not know; install the newer version"
        )
    programs = postgres.client_programs(max(server["major"], int(manifest.server.partition(".")[0])))
    copied = _Tally()
    for sort, name, sha in _things(manifest):
        files = _files_of_backup(folder, sort, name)
        _copy_all(files, folder / "lake", settings.lake(), {"sort": sort, "name": name, "sha256": sha}, copied)
    reach("restore.copied")
    warehouse.make_roles(admin, passwords or {})
    _replay(admin, programs, folder / manifest.dump.path, replace=bool(there))
    reach("restore.replayed")
    with warehouse.connect(admin) as connection:
        connection.execute(warehouse.statement("grants/database"))
        found = fingerprint(connection)
    differing = [table for table in manifest.fingerprint if found.get(table) != manifest.fingerprint[table]]
    if differing:
        raise PermanentError(
            f"what was restored differs from what was backed up in {', '.join(differing)}; do not go on with this "
            f"database. The server is {server['version']}, the backup is of {manifest.server}"
        )
    return Copied(manifest, copied.files, copied.bytes)


def _things(manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """All that a backup holds of the lake: (sort, name, sha256)."""
    yield from (("snapshot", sha, sha) for sha in manifest.snapshots)
    yield from (("facts", sha, sha) for sha in manifest.facts)
    yield from (("table", table.path, table.sha256) for table in manifest.tables)


def _files_of_backup(folder: Path, sort: str, name: str) -> list[str]:
    root = folder / "lake"
    if sort == "facts":
        found = sorted((root / "facts" / name).rglob("*"))
        return [file.relative_to(root).as_posix() for file in found if file.is_file()]
    path = lake.relative(lake.snapshot_path(name)) if sort == "snapshot" else name
    if not (root / path).resolve().is_relative_to(root.resolve()):
        raise PermanentError(f"{folder / MANIFEST}: the path {path!r} leads out of the backup")
    return [path]


def _require_whole(folder: Path, manifest: Manifest) -> None:
    """PermanentError where a file of the backup is missing or is not what its hash says; all of them, not the first."""
    wrong = []
    dump = folder / Path(manifest.dump.path).name
    if not dump.is_file() or _hash(dump) != manifest.dump.sha256:
        wrong.append(str(dump))
    for sort, name, sha in _things(manifest):
        if not _is_whole(folder / "lake", sort, name, sha, _files_of_backup(folder, sort, name)):
            wrong.append(f"{sort} {name}")
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise PermanentError(
            f"{folder}: the backup is damaged, and nothing was touched: {', '.join(wrong[:5])}{more} missing or not "
            "what the manifest says; take another backup"
        )


def _replay(admin: str, programs: Path, dump: Path, *, replace: bool) -> None:
    """Replay a dump in one transaction, which drops what is there first where that is wanted.

    The text goes from pg_restore to psql. Where pg_restore fails, psql is ended before it commits.
    """
    place, secrets = _without_password(admin)
    options = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--dbname={place}"]
    reading = subprocess.Popen(
        [programs / "pg_restore", "--file=-", dump], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=secrets
    )
    writing = subprocess.Popen(
        [programs / "psql", *options, "--file=-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**secrets, "PGOPTIONS": "-c lock_timeout=120s"},
    )
    assert reading.stdout is not None
    assert writing.stdin is not None
    try:
        if replace:
            writing.stdin.write(warehouse.statement("backup/drop_schemas"))
        shutil.copyfileobj(reading.stdout, writing.stdin, 1 << 20)
    except BrokenPipeError:
        reading.kill()  # psql ended at an error, which it says
    said_reading = reading.communicate()[1].decode(errors="replace")
    if reading.returncode != 0:
        writing.kill()
    said = writing.communicate()[1].decode(errors="replace")
    if writing.returncode != 0:
        what = said if writing.returncode > 0 else said_reading
        raise PermanentError(f"the dump could not be replayed, and the database is as before: {_one_line(what)}")


def _without_password(url: str) -> tuple[str, dict[str, str]]:
    """Connection string without its password, which everybody could read in a list of processes, and an environment."""
    parts = conninfo_to_dict(url.replace("postgresql+psycopg://", "postgresql://", 1))
    password = parts.pop("password", None)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if password:
        environment["PGPASSWORD"] = str(password)
    return make_conninfo(**parts), environment  # type: ignore[arg-type]


def _one_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or "fatal" in line.lower()]
    return "; ".join((telling or lines)[:3]) or "it said nothing"
