"""The warehouse: connections, migrations, codelists, and the ledgers of snapshots and outcomes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

import polars as pl
import psycopg
import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql as composed
from psycopg.rows import dict_row

from migstats import settings
from migstats.codelists import read_codelist, read_csv
from migstats.errors import ConfigurationError, PermanentError, TryAgainError
from migstats.source import Source, codelist_folders
from migstats.subdivisions import told_apart

Connection = psycopg.Connection[dict[str, Any]]

#: Roles of the warehouse beside its owner.
ROLES = ("migstats_etl", "bi_reader", "migstats_watchdog", "migstats_portal")

#: Codelists in the order in which they refer to each other.
_CODELISTS = (
    *("unit", "sex", "age", "freq", "obs_status", "conf_status", "missing_reason", "nature", "concept_basis"),
    *("counterpart_basis", "residence_criterion", "subdivision", "migration_status", "education", "labour_status"),
    *("occupation", "activity", "reason", "urbanisation", "disability", "breakdown", "area", "sector", "indicator"),
    *("indicator_catalogue", "indicator_definition", "derived_indicator", "source_preference", "why_preferred"),
    *("area_group", "area_part", "age_scheme"),
)

#: Facts by which figures are compared, `include/comparisons/<name>.csv`: no codes, and no reading of a source is made
#: with them. A row that left the file leaves the warehouse.
_COMPARISONS = ("tolerance", "comparable", "corridor_measure", "stock_flow")

#: How dates and figures are written as text, whatever the server, the role, PGTZ or PGDATESTYLE say: hashes need it.
_SAME_TEXT = b"SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET extra_float_digits = 1"


#: Rows that COPY sends in one piece.
_COPIED_AT_ONCE = 20_000


def statement(name: str) -> bytes:
    """The SQL of `include/sql/<name>.sql`."""
    return (settings.include() / "sql" / f"{name}.sql").read_bytes()


@dataclass(frozen=True)
class Scoped:
    """The warehouse for one person: its URL, and the settings that row level security reads in each transaction."""

    url: str
    settings: Mapping[str, str]


Address = str | Scoped


@contextmanager
def connect(url: Address, *, autocommit: bool = False) -> Iterator[Connection]:
    """A connection whose block is one transaction (unless autocommit); the settings of a Scoped end with it.

    Raises TryAgainError where the server is away, busy or ended the statement; ConfigurationError where it refuses
    the user or the database; PermanentError where it refuses the data.
    """
    try:
        connection = psycopg.connect(
            (url.url if isinstance(url, Scoped) else url).replace("postgresql+psycopg://", "postgresql://", 1),
            autocommit=True,
            row_factory=dict_row,
            application_name="migstats",
            connect_timeout=10,
            options="-c client_connection_check_interval=1s -c lock_timeout=120s",
        )
        connection.execute(_SAME_TEXT)
        connection.autocommit = autocommit
    except psycopg.OperationalError as error:
        text = str(error).strip().replace("\n", " ")
        if "authentication" in text or "does not exist" in text:
            raise ConfigurationError(f"the warehouse refuses the connection: {text}; check its URL") from error
        hint = "is it running? `make demo` starts one on this machine"
        raise TryAgainError(f"the warehouse cannot be reached: {text}; {hint}") from error
    try:
        with connection:
            for name, value in url.settings.items() if isinstance(url, Scoped) else ():
                connection.execute("SELECT set_config(%s, %s, true)", (name, value))
            yield connection
    except psycopg.errors.IntegrityError as error:
        raise PermanentError(f"the warehouse refuses the data: {_one_line(error)}") from error
    except psycopg.OperationalError as error:
        raise TryAgainError(f"the warehouse ended the work: {_one_line(error)}; nothing was committed") from error


def _one_line(error: psycopg.Error) -> str:
    detail = error.diag.message_detail or ""
    return " ".join(f"{error.diag.message_primary or error} {detail}".split())


def rows(connection: Connection, name: str, parameters: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
    """Rows of a query in `include/sql/`, its parameters bound."""
    return connection.execute(statement(name), parameters).fetchall()


def execute(connection: Connection, name: str, parameters: Mapping[str, object] | None = None) -> int:
    """Run a statement of `include/sql/`; the answer is how many rows it touched."""
    return connection.execute(statement(name), parameters).rowcount


def execute_many(connection: Connection, name: str, parameters: Sequence[Mapping[str, object]]) -> None:
    """Run a statement of `include/sql/` for each set of parameters."""
    if parameters:
        with connection.cursor() as cursor:
            cursor.executemany(statement(name), parameters)


def copy(connection: Connection, table: tuple[str, ...], frame: pl.DataFrame) -> None:
    """COPY a frame, in binary, into the columns of the same names, whose types are those of the frame."""
    arrow = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    plain = [pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in arrow.schema]
    encoder = ArrowToPostgresBinaryEncoder(pa.schema(plain))
    into = composed.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        composed.Identifier(*table), composed.SQL(", ").join(composed.Identifier(c) for c in frame.columns)
    )
    with connection.cursor() as cursor, cursor.copy(into) as stream:
        stream.write(encoder.write_header())
        for batch in arrow.cast(pa.schema(plain)).to_batches(max_chunksize=_COPIED_AT_ONCE):
            stream.write(encoder.write_batch(batch))
        stream.write(encoder.finish())


def copied(connection: Connection, name: str, parameters: Mapping[str, object] | None = None) -> Iterator[bytes]:
    """Rows of a query in `include/sql/` as records of CSV, one by one as the server sends them: NULL is an empty field,
    an empty text is `""`.
    """
    query = b"COPY (\n" + statement(name) + b"\n) TO STDOUT (FORMAT csv)"
    with connection.cursor() as cursor, cursor.copy(query, parameters) as stream:
        for record in stream:
            yield bytes(record)


# -- setting up -------------------------------------------------------------------------------------------------


def setup(url: str, sources: Iterable[Source] = (), passwords: Mapping[str, str] | None = None) -> list[str]:
    """Bring the database at `url` (as its owner) to the state of the project; the answer is what was applied.

    Roles, numbered migrations (each with its record in one transaction), codelists, sources, views of `bi`.
    Running it again changes nothing. ConfigurationError where the database is ahead of this code, or a migration that
    was applied has another content now.
    """
    with connect(url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('migstats.setup', 0))")
        _roles(connection, passwords or {})
        applied = _migrate(connection)
        connection.execute(statement("grants/database"))
        concepts = codelist_folders()
        for name in _CODELISTS:
            records = [{k: v or None for k, v in row.items()} for row in read_codelist(concepts, name).rows.values()]
            connection.execute("SELECT ref.load_codelist(%s, %s)", (name, json.dumps(records)))
        for name in _COMPARISONS:
            _load_comparisons(connection, name)
        # a code stays for the figures that have it; a formula that is gone would go on deriving figures
        formulas = list(read_codelist(concepts, "derived_indicator").rows)
        execute(connection, "load/remove_formulas", {"codes": formulas})
        for source in sources:
            add_source(connection, source)
        for file in sorted((settings.include() / "sql" / "publish").glob("*.sql")):
            if file.name.startswith("_"):
                continue
            connection.execute(file.read_bytes())
    return applied


def _load_comparisons(connection: Connection, name: str) -> None:
    facts = read_csv(settings.include() / "comparisons" / f"{name}.csv")
    records = [{column: cell or None for column, cell in row.items()} for row in facts]
    connection.execute("SELECT ref.load_codelist(%s, %s)", (name, json.dumps(records)))
    gone = composed.SQL("DELETE FROM ref.{} WHERE code <> ALL (%s)").format(composed.Identifier(name))
    connection.execute(gone, ([row["code"] for row in facts],))


def _roles(connection: Connection, passwords: Mapping[str, str]) -> None:
    there = {r["rolname"] for r in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
    for role in ROLES:
        name = composed.Identifier(role)
        if role not in there:
            connection.execute(composed.SQL("CREATE ROLE {} LOGIN NOINHERIT").format(name))
        if passwords.get(role):
            secret = composed.Literal(passwords[role])
            connection.execute(composed.SQL("ALTER ROLE {} PASSWORD {}").format(name, secret))
    connection.execute("ALTER ROLE bi_reader CONNECTION LIMIT 40")
    _set_reader(connection)
    # A role can change its own password and settings; the watchdog puts them back.
    connection.execute("ALTER ROLE migstats_watchdog CREATEROLE")
    connection.execute("GRANT bi_reader TO migstats_watchdog WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    connection.execute("GRANT pg_signal_backend, pg_read_all_stats TO migstats_watchdog WITH INHERIT TRUE")


def make_roles(url: str, passwords: Mapping[str, str]) -> None:
    """Make the roles of the warehouse, which belong to the server and not to the database, with their limits."""
    with connect(url) as connection:
        _roles(connection, passwords)


def migrations() -> dict[str, str]:
    """Numbered migrations of this version → sha256 of their file, in order."""
    files = sorted((settings.include() / "sql" / "schema").glob("*.sql"))
    return {file.stem: sha256(file.read_bytes()).hexdigest() for file in files}


#: Settings of the BI role, as PostgreSQL lists them.
READER_SETTINGS = ("default_transaction_read_only=on", "statement_timeout=60s", "search_path=bi")


def _set_reader(connection: Connection) -> None:
    connection.execute("ALTER ROLE bi_reader RESET ALL")
    for setting in READER_SETTINGS:
        name, _, value = setting.partition("=")
        statement_ = composed.SQL("ALTER ROLE bi_reader SET {} = {}")
        connection.execute(statement_.format(composed.Identifier(name), composed.Literal(value)))


def hold_reader(connection: Connection, reader_url: str, password: str) -> list[str]:
    """Put back what the BI role changed of itself (its settings, its password); what that was.

    `connection` is the watchdog's, which may do nothing else with roles. Nobody but it can lock the BI tools out.
    """
    changed = []
    if sorted(rows(connection, "report/reader_settings")[0]["settings"]) != sorted(READER_SETTINGS):
        _set_reader(connection)
        changed.append("settings")
    try:
        psycopg.connect(reader_url, connect_timeout=10, application_name="migstats").close()
    except psycopg.OperationalError as error:
        if "authentication" in str(error):
            secret = composed.Literal(password)
            connection.execute(composed.SQL("ALTER ROLE bi_reader PASSWORD {}").format(secret))
            changed.append("password")
    return changed


def _migrate(connection: Connection) -> list[str]:
    known = migrations()
    there: dict[str, str] = {}
    if connection.execute("SELECT to_regclass('ops.migration') AS there").fetchall()[0]["there"]:
        there = {
            r["name"]: r["sha256"] for r in connection.execute("SELECT name, sha256 FROM ops.migration").fetchall()
        }
    ahead = sorted(set(there) - set(known))
    if ahead:
        raise ConfigurationError(
            f"the warehouse has the migrations {ahead}, which this version does not know; install the newer version"
        )
    changed = sorted(name for name in there if there[name] != known[name])
    if changed:
        raise ConfigurationError(
            f"the migrations {changed} were applied with another content; a migration is never edited, add a new one"
        )
    applied = []
    for name, sha in known.items():
        if name in there:
            continue
        connection.execute(statement(f"schema/{name}"))
        connection.execute("INSERT INTO ops.migration (name, sha256) VALUES (%s, %s)", (name, sha))
        applied.append(name)
    return applied


def add_source(connection: Connection, source: Source) -> None:
    """Bring the row of a source in ref.source to its declaration; what may be passed on no more leaves `bi`."""
    execute(
        connection,
        "load/add_source",
        {
            "code": source.id,
            "title": source.title,
            "publisher": source.publisher,
            "homepage": source.homepage,
            "licence": source.licence.id,
            "licence_url": source.licence.url,
            "redistribution": source.licence.redistribution,
            "citation": source.citation,
            "owner": source.owner,
            "disclosure": source.disclosure.policy,
            "disclosure_limit": source.disclosure.threshold or source.disclosure.base,
            "disclosure_rule": source.disclosure.model_dump_json(exclude_defaults=True),
        },
    )
    if source.licence.redistribution != "allowed":
        for table in ("", "_beside"):
            execute(connection, f"publication/withhold{table}", {"source": source.id})


def add_subdivisions(
    connection: Connection, source: str, dataset: str, codes: Iterable[str], names: Mapping[str, str]
) -> None:
    """Add the units among `codes` that are matched with none of ours, and what the publisher calls its units.

    `names` is unit → name. Units that are there already, and names that are the same, are left as they are.
    """
    unknown = sorted(code for code in codes if told_apart(code) is not None)
    if unknown:
        connection.execute("SELECT ref.add_unmatched(%s)", (unknown,))
    if names:
        said = {"subdivisions": list(names), "names": list(names.values())}
        execute(connection, "load/add_subdivision_names", {"source": source, "dataset": dataset, **said})


# -- ledgers ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Snapshot:
    """One payload of a slice as it was served: a row of raw.snapshot."""

    source: str
    dataset: str
    slice: str
    release: str
    part: int
    sha256: str
    bytes: int
    url: str
    media_type: str | None
    etag: str | None
    last_modified: str | None
    retrieved_at: dt.datetime
    #: What was sent to `url` with a POST; None: a GET.
    request: str | None = None


def add_snapshots(connection: Connection, snapshots: Iterable[Snapshot]) -> None:
    """Note payloads in the ledger; one that is there already is left as it is."""
    execute_many(connection, "load/add_snapshot", [asdict(s) for s in snapshots])


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt of a step: a row of ops.outcome."""

    run_id: str
    source: str
    step: str
    status: str
    slice: str | None = None
    error_class: str | None = None
    message: str | None = None
    load_id: str | None = None
    vintage_id: int | None = None
    snapshots: int | None = None
    landed: int | None = None
    loaded: int | None = None
    unchanged: int | None = None
    quarantined: int | None = None
    explained: int | None = None
    seconds: float | None = None
    bytes: int | None = None
    attempt_id: int | None = None


def add_outcome(connection: Connection, outcome: Outcome) -> None:
    """Append an outcome."""
    execute(connection, "load/add_outcome", asdict(outcome))
