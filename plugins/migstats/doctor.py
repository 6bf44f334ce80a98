"""What is wrong with this installation: our ledgers against each other and the lake, the schema, versions, pools."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from psycopg import sql

from migstats import lake, overrides, pools, postgres, releases, settings, warehouse
from migstats.errors import ConfigurationError, DeclarationError, MigstatsError
from migstats.source import declared, folder_of
from migstats.warehouse import Connection

#: The major version of PostgreSQL that all tests run on.
POSTGRES: Final = 18


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: what, where, and what to do about it."""

    what: str
    place: str
    remedy: str

    def __str__(self) -> str:
        return " ".join(f"{self.what}: {self.place}; {self.remedy}".split())


def findings(url: str, *, admin: str) -> Iterator[Finding]:
    """All that is wrong with the warehouse at `url`; `admin` is a URL whose role may make a database, for a while.

    Raises as `warehouse.connect` does where the warehouse cannot be asked at all.
    """
    with warehouse.connect(url) as connection:
        yield from _versions(connection)
        ahead = connection.execute("SELECT to_regclass('ops.verification') IS NOT NULL AS there").fetchall()
        if not ahead[0]["there"]:
            return  # an older schema: what it lacks was said, and the questions below would fail
        yield from contradictions(connection)
        yield from _lake(connection)
        yield from idle_corrections(connection)
        yield from moved_releases(connection)
    yield from _drift(admin)
    yield from _declarations()


# -- versions and declarations ----------------------------------------------------------------------------------


def _versions(connection: Connection) -> Iterator[Finding]:
    [server] = connection.execute("SELECT current_setting('server_version_num')::integer / 10000 AS major").fetchall()
    if server["major"] != POSTGRES:
        yield Finding(
            "the server has another version than the one that is tested",
            f"PostgreSQL {server['major']}, tested is {POSTGRES}",
            f"move to PostgreSQL {POSTGRES} with a backup and a restore",
        )
    try:
        postgres.client_programs(server["major"])
    except ConfigurationError as error:
        yield Finding("no backup can be made", "pg_dump", str(error))
    if not connection.execute("SELECT to_regclass('ops.migration') IS NOT NULL AS there").fetchall()[0]["there"]:
        yield Finding("the warehouse is not set up", "ops.migration is not there", "run `migstats setup`")
        return
    known = warehouse.migrations()
    there = {r["name"]: r["sha256"] for r in connection.execute("SELECT name, sha256 FROM ops.migration").fetchall()}
    for name in known.keys() - there.keys():
        yield Finding("a migration was not applied", name, "run `migstats setup`")
    for name in there.keys() - known.keys():
        yield Finding("the warehouse is ahead of this version", name, "install the newer version")
    for name in known.keys() & there.keys():
        if known[name] != there[name]:
            yield Finding(
                "a migration was applied with another content", name, "restore the file; never edit one, add a new one"
            )


def _declarations() -> Iterator[Finding]:
    for folder, what in declared()[1].items():
        yield Finding("a declaration cannot be read", str(folder), what)


def idle_corrections(connection: Connection) -> Iterator[Finding]:
    """Records of corrections.csv that change nothing, although all that could hold their figure was read."""
    for source in declared()[0].values():
        folder = folder_of(source.id)
        try:
            for record in overrides.idle(connection, source, folder):
                place = f"{folder}/corrections.csv, {record.id}, {record.figure}"
                yield Finding("a correction that no figure carries", place, overrides.REMEDY)
        except DeclarationError as error:
            yield Finding("a declaration cannot be read", str(folder), str(error))


def moved_releases(connection: Connection) -> Iterator[Finding]:
    """Releases whose date in source.yaml was mended after they had been accepted with another one."""
    for source in declared()[0].values():
        for moved in releases.moved(connection, source):
            yield Finding("history has another date than the one that is declared", moved.place, moved.remedy)


# -- the ledgers ------------------------------------------------------------------------------------------------


def contradictions(connection: Connection) -> Iterator[Finding]:
    """What the ledgers say that cannot be true together."""
    return (Finding(**row) for row in warehouse.rows(connection, "report/contradictions"))


# -- the lake ---------------------------------------------------------------------------------------------------


def _lake(connection: Connection) -> Iterator[Finding]:
    """What the ledgers name and the lake does not have. Whether it is whole takes longer: `migstats verify`."""
    for row in warehouse.rows(connection, "backup/lake_in_use"):
        name = row["name"]
        if row["sort"] == "snapshot" and not lake.snapshot_path(name).is_file():
            yield Finding("a snapshot is not in the lake", str(lake.snapshot_path(name)), "restore it from a backup")
        if row["sort"] == "facts" and not lake.facts_path(name).is_dir():
            yield Finding(
                "the facts that a load was made with are not in the lake",
                str(lake.facts_path(name)),
                "restore them from a backup: a rebuild needs them",
            )
        if row["sort"] == "table" and not lake.absolute(name).is_file():
            yield Finding(
                "an accepted table of a slice is not in the lake",
                str(lake.absolute(name)),
                "restore it, or go on: the next load of the slice compares with the database, which is slower",
            )


# -- the schema -------------------------------------------------------------------------------------------------

Catalogue = Mapping[tuple[str, str], str]


def catalogue(connection: Connection) -> Catalogue:
    """The shape of the warehouse: (sort, name) of each thing → what defines it. For the transaction names are whole."""
    connection.execute("SET LOCAL search_path = pg_catalog")
    found = warehouse.rows(connection, "report/catalogue")
    return {(row["sort"], row["name"]): row["definition"] or "" for row in found}


def _drift(admin: str) -> Iterator[Finding]:
    try:
        wanted = catalogue_anew(admin)
        with warehouse.connect(admin) as connection:
            found = catalogue(connection)
    except MigstatsError as error:
        yield Finding("the schema was not compared", "a warehouse set up anew beside this one", str(error))
        return
    yield from compare(wanted, found)


def catalogue_anew(admin: str) -> Catalogue:
    """The schema of a warehouse that is set up in a database of the same server, which is dropped again."""
    name = f"migstats_doctor_{secrets.token_hex(6)}"
    with warehouse.connect(admin, autocommit=True) as connection:
        [role] = connection.execute(
            "SELECT rolname, rolsuper OR rolcreatedb AS may FROM pg_roles WHERE rolname = current_user"
        ).fetchall()
        if not role["may"]:
            raise ConfigurationError(
                f"the role {role['rolname']} may not make a database; give the URL of one that may: --admin"
            )
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        try:
            anew = urlunsplit(urlsplit(admin)._replace(path=f"/{name}"))
            warehouse.setup(anew)
            with warehouse.connect(anew) as beside:
                return catalogue(beside)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def compare(wanted: Catalogue, found: Catalogue) -> Iterator[Finding]:
    """How one schema differs from another. What hangs on a table that is missing is not named again."""
    gone = [name for sort, name in wanted.keys() - found.keys() if sort in ("table", "view")]
    for sort, name in sorted(wanted.keys() | found.keys()):
        was, now = wanted.get((sort, name)), found.get((sort, name))
        if was == now or (sort not in ("table", "view") and any(_hangs_on(t, name, was or "") for t in gone)):
            continue
        if now is None:
            yield Finding(f"{sort} missing", name, f"make it again: {_made_by(sort, name, was or '')}")
        elif was is None:
            yield Finding(f"{sort} that no migration made", name, f"drop it, or write a migration: {now}")
        else:
            both = f"found {now or 'none'}; it should be {was or 'none'}"
            yield Finding(f"{sort} not as the migrations made it", name, both)


def _made_by(sort: str, name: str, definition: str) -> str:
    if sort == "constraint":
        table, _, constraint = name.rpartition(".")
        return f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}"
    return definition or "its statement is in include/sql"


def _hangs_on(table: str, name: str, definition: str) -> bool:
    return name.startswith(f"{table}.") or name == f"table {table}" or f" ON {table} " in definition


# -- Airflow ----------------------------------------------------------------------------------------------------


def of_airflow() -> Iterator[Finding]:
    """Pools that differ from the declarations; nothing where no Airflow is named by the environment."""
    if not (os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN") or os.environ.get("AIRFLOW_HOME")):
        return
    try:
        wanted = pools.pools(declared()[0].values())
        for name, slots in pools.differing(wanted).items():
            there = "is missing: its tasks stay scheduled" if slots is None else f"has {slots} slots"
            yield Finding(
                "a pool is not as declared", f"{name} {there}, {wanted[name]} declared", "run `migstats pools`"
            )
    except MigstatsError as error:
        yield Finding("Airflow could not be asked", str(settings.state()), str(error))
