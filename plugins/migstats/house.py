"""Keeping house: snapshots are held against their hashes, and what nobody needs any more goes."""

from __future__ import annotations

import datetime as dt
import glob
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migstats import datadocs, lake, settings, warehouse
from migstats.errors import ConfigurationError
from migstats.source import declared
from migstats.warehouse import Outcome

#: No file is being written for so long.
LEFT_BEHIND: Final = dt.timedelta(days=1)

#: A file of lineage events whose first one is so old is set aside, and new events begin a new file.
A_FILE_OF_EVENTS: Final = dt.timedelta(days=1)


# -- snapshots --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verified:
    """What a verification came to: how many snapshots and bytes, what is wrong with those not whole; all by sha256."""

    snapshots: int
    bytes: int
    wrong: dict[str, str]
    read: tuple[str, ...]


def verify(url: str, *, most: int | None, run_id: str, now: dt.datetime) -> Verified:
    """Hold snapshots against their hashes: `most` of them (None: all), those that waited longest first.

    What was found is kept in ops.verification. One that is newly missing or damaged is a failed outcome too; one that
    was so before is looked at first, so that it is soon seen to be mended.
    """
    with warehouse.connect(url) as connection:
        asked = warehouse.rows(connection, "house/to_verify", {"limit": most})
    wrong: dict[str, str] = {}
    for row in asked:
        found = lake.state_of(row["sha256"])
        with warehouse.connect(url) as connection:
            warehouse.execute(connection, "house/set_verified", {"sha256": row["sha256"], "found": found, "at": now})
            if found == "whole":
                continue
            message = (
                f"{lake.snapshot_path(row['sha256'])}: the snapshot of slice {row['slice']} is {found}; "
                "restore the file from a backup (docs/operations.md)"
            )
            wrong[row["sha256"]] = message
            if row["found"] in (None, "whole"):
                outcome = Outcome(run_id, row["source"], "verify", "failed", row["slice"], "PermanentError", message)
                warehouse.add_outcome(connection, outcome)
    read = tuple(row["sha256"] for row in asked)
    return Verified(len(read), sum(row["bytes"] for row in asked), wrong, read)


# -- what nobody needs any more ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Keep:
    """How long what can be made again, or is of no use any more, is kept."""

    tables: dt.timedelta
    logs: dt.timedelta
    pages: dt.timedelta


def kept() -> Keep:
    """As the settings say. A candidate waits for a person in the tables between steps: these stay at least as long."""
    longest = max((source.decision_days for source in declared()[0].values()), default=0)
    tables = max(settings.kept_days("tables", 30), dt.timedelta(days=longest + 1))
    return Keep(tables=tables, logs=settings.kept_days("logs", 90), pages=settings.kept_days("pages", 90))


@dataclass(frozen=True)
class Tidied:
    """What went, or would go: folders of tables, files left behind, folders of logs, pages, files of events; bytes."""

    tables: int
    leftovers: int
    logs: int
    pages: int
    events: int
    bytes: int


def tidy(
    url: str,
    keep: Keep,
    *,
    now: dt.datetime,
    logs: Path | None = None,
    events: Sequence[Path] = (),
    dry_run: bool = False,
) -> Tidied:
    """Remove what is older than `keep` says; snapshots and the facts that loads were made with are never touched.

    Of the tables between steps those stay that the state of a slice refers to. `logs` is Airflow's folder of logs;
    `events` are the files to which lineage events are added: set aside daily, they go as logs do.
    """
    with warehouse.connect(url) as connection:
        in_use = {lake.absolute(row["facts_path"]).parent for row in warehouse.rows(connection, "house/facts_in_use")}
    made = [folder for folder in _made_folders() if folder.resolve() not in in_use]
    tables = [folder for folder in made if _last_used(folder) < now - keep.tables]
    leftovers = [file for file in _leftovers() if _last_used(file) < now - LEFT_BEHIND]
    old_logs = [folder for folder in _log_folders(logs) if _last_used(folder) < now - keep.logs]
    old_events = [file for at in events for file in _events_aside(at) if _last_used(file) < now - keep.logs]
    going = [*tables, *leftovers, *old_logs, *old_events]
    freed = sum(_bytes(path) for path in going)
    if not dry_run:
        for path in going:
            _remove(path)
        for file in events:
            _set_aside(file, now)
    pages = datadocs.prune(settings.data_docs(), before=now - keep.pages, dry_run=dry_run)
    return Tidied(len(tables), len(leftovers), len(old_logs), pages, len(old_events), freed)


def _made_folders() -> Iterator[Path]:
    """Folders of the tables between steps: observations/<source>/<slice>/<made of>."""
    return (settings.lake() / "observations").glob("*/*/*/")


def _leftovers() -> Iterator[Path]:
    """Files that a killed process was writing."""
    yield from settings.lake().rglob(".writing-*")
    yield from settings.data_docs().rglob(".*.part")


def _log_folders(logs: Path | None) -> Iterator[Path]:
    """A run's logs of tasks, a day's logs of the dag-processor."""
    if logs is not None:
        yield from logs.glob("dag_id=*/run_id=*/")
        yield from logs.glob("dag_processor/????-??-??/")


def _events_aside(file: Path) -> Iterator[Path]:
    """What was set aside of a file of events."""
    return file.parent.glob(f"{glob.escape(file.name)}.????-??-??T??????")


def _set_aside(file: Path, now: dt.datetime) -> None:
    """Rename a file of events that began long ago. A process that has it open writes its event into the renamed one."""
    began = _began(file)
    aside = file.with_name(f"{file.name}.{now:%Y-%m-%dT%H%M%S}")
    if began is None or began >= now - A_FILE_OF_EVENTS or aside.exists():
        return
    try:
        file.rename(aside)
    except FileNotFoundError:
        return  # somebody else has just moved it away
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be renamed ({error.strerror}); let this user write there") from error


def _began(file: Path) -> dt.datetime | None:
    """When the first event of a file was; None where there is none, and long ago where its first line tells no time."""
    try:
        with file.open("rb") as lines:
            first = lines.readline()
    except FileNotFoundError:
        return None
    try:
        return dt.datetime.fromisoformat(json.loads(first)["eventTime"]).astimezone(dt.UTC) if first else None
    except (ValueError, KeyError, TypeError):
        return dt.datetime.min.replace(tzinfo=dt.UTC)


def _last_used(path: Path) -> dt.datetime:
    """When a file, or the newest file of a folder, was last written; of one that has just gone, never."""
    try:
        files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else []
        newest = max(file.stat().st_mtime for file in (path, *files))
    except FileNotFoundError:
        return dt.datetime.max.replace(tzinfo=dt.UTC)
    return dt.datetime.fromtimestamp(newest, dt.UTC)


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())


def _remove(path: Path) -> None:
    """Remove a file or folder. ConfigurationError where that is not allowed."""
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be removed ({error.strerror}); let this user write there") from error


# -- Airflow's own memory ---------------------------------------------------------------------------------------


def clean_airflow(keep: dt.timedelta, *, now: dt.datetime, dry_run: bool = False) -> str:
    """Delete runs, logs and events older than `keep` from Airflow's database; what the command printed.

    Not in a task: the processes of tasks have no access to that database in Airflow 3. ConfigurationError where the
    command fails, with its last lines.
    """
    before = (now - keep).isoformat(timespec="seconds")
    command = [sys.executable, "-m", "airflow", "db", "clean", "--clean-before-timestamp", before, "--yes"]
    command += ["--error-on-cleanup-failure", *(["--dry-run"] if dry_run else ["--skip-archive"])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = f"{done.stdout}\n{done.stderr}".strip()
    if done.returncode != 0 or "Table dag_run not found" in said:  # it passes over a database that is not Airflow's
        last = "\n  ".join(said.splitlines()[-5:])
        raise ConfigurationError(
            f"`airflow db clean` ended with {done.returncode}; AIRFLOW__DATABASE__SQL_ALCHEMY_CONN (or AIRFLOW_HOME) "
            f"has to name the Airflow that is meant:\n  {last}"
        )
    return said
