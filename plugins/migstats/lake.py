"""The lake: snapshots as they were served, and the tables between steps. Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Mapping
from hashlib import file_digest, sha256
from pathlib import Path
from typing import BinaryIO, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from migstats import settings
from migstats.errors import PermanentError, TryAgainError
from migstats.faultpoint import reach


def _write(path: Path, fill: Callable[[BinaryIO], object], *, lasting: bool = True) -> None:
    """Write a file beside its place, bring it to disk if it has to last, then rename it: nobody sees half a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                fill(file)
                file.flush()
                if lasting:
                    os.fsync(file.fileno())
            reach("lake.written")
            os.replace(name, path)
            reach("lake.in_place")
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise TryAgainError(f"{path}: the disk is full; free space in {settings.lake()} and run again") from error
        raise


def snapshot_path(sha: str) -> Path:
    """Where the snapshot with this sha256 lies."""
    return settings.lake() / "raw" / sha[:2] / sha


def store_snapshot(payload: bytes) -> str:
    """Keep exact bytes under their sha256 (returned). The same bytes are kept once."""
    sha = sha256(payload).hexdigest()
    path = snapshot_path(sha)
    if not path.is_file() or path.stat().st_size != len(payload):
        _write(path, lambda file: file.write(payload))
    return sha


def read_snapshot(sha: str) -> bytes:
    """The bytes of a snapshot. PermanentError where they are gone or no longer what they were."""
    path = snapshot_path(sha)
    try:
        payload = path.read_bytes()
    except FileNotFoundError:
        raise PermanentError(f"{path}: the snapshot is not in the lake; restore it from a backup") from None
    found = sha256(payload).hexdigest()
    if found != sha:
        raise PermanentError(f"{path}: the bytes changed (sha256 is {found} now); restore the file from a backup")
    return payload


def upload_path(sha: str) -> Path:
    """Where the workbook with this sha256 lies: apart from the snapshots, since it may be purged."""
    return settings.lake() / "uploads" / sha[:2] / sha


def store_upload(content: bytes) -> str:
    """Keep a workbook under its sha256 (returned). The same bytes are kept once."""
    sha = sha256(content).hexdigest()
    path = upload_path(sha)
    if not path.is_file() or path.stat().st_size != len(content):
        _write(path, lambda file: file.write(content))
    return sha


def read_upload(sha: str) -> bytes:
    """The bytes of a workbook. PermanentError where they are gone, purged, or no longer what they were."""
    path = upload_path(sha)
    if not path.is_file():
        raise PermanentError(f"{path}: the workbook is not in the lake; it was purged, or has to come from a backup")
    content = path.read_bytes()
    if sha256(content).hexdigest() != sha:
        raise PermanentError(f"{path}: the bytes changed; restore the file from a backup")
    return content


def purge_upload(sha: str) -> None:
    """Take a workbook away for good: it holds data on persons."""
    upload_path(sha).unlink(missing_ok=True)


def state_of(sha: str) -> Literal["whole", "damaged", "missing"]:
    """Whether a snapshot is there and still has its hash; it is read in pieces, whatever its size."""
    try:
        with snapshot_path(sha).open("rb") as file:
            return "whole" if file_digest(file, "sha256").hexdigest() == sha else "damaged"
    except FileNotFoundError:
        return "missing"


def write_table(table: pa.Table, path: Path) -> str:
    """Write a table as Parquet; the answer is the sha256 of the file.

    A table between steps is made again where its file is not what the hash says: it need not outlast the machine.
    """
    sink = pa.BufferOutputStream()
    coded = [field.name for field in table.schema if pa.types.is_dictionary(field.type)]
    options = {"compression_level": 1, "use_dictionary": coded, "write_statistics": False}
    pq.write_table(table, sink, compression="zstd", **options)
    buffer = sink.getvalue()
    _write(path, lambda file: file.write(buffer), lasting=False)
    return sha256(buffer).hexdigest()


def read_table(path: Path, sha: str | None = None) -> pa.Table:
    """Read a table; with `sha`, only if the file still has that hash. PermanentError where it is none any more."""
    try:
        payload = path.read_bytes()
    except FileNotFoundError:
        raise PermanentError(f"{path}: the table is not in the lake; run the step before again") from None
    if sha is not None and sha256(payload).hexdigest() != sha:
        raise PermanentError(f"{path}: the file changed since it was written; run the step before again")
    try:
        return pq.ParquetFile(pa.BufferReader(payload)).read()
    except pa.ArrowInvalid as error:  # it was not brought to disk before the machine stopped
        raise PermanentError(f"{path}: the table is damaged ({error}); run the step before again") from error


def is_whole(path: Path, sha: str) -> bool:
    """Whether a file is there and still has this sha256."""
    return path.is_file() and sha256(path.read_bytes()).hexdigest() == sha


def relative(path: Path) -> str:
    """A path of the lake as it travels between tasks, which may run on other machines."""
    return path.relative_to(settings.lake()).as_posix()


def absolute(path: str) -> Path:
    """The place of a path that travelled; PermanentError for one that leads out of the lake."""
    root = settings.lake().resolve()
    found = (root / path).resolve()
    if not found.is_relative_to(root):
        raise PermanentError(f"{path!r} leads out of the lake {root}")
    return found


def write_text(text: str, path: Path) -> None:
    """Write a small text file; it appears whole or not at all."""
    _write(path, lambda file: file.write(text.encode()))


def facts_sha(files: Mapping[str, Path]) -> str:
    """The hash of the names and contents of small files of ours (name → path)."""
    return _facts_sha({name: path.read_bytes() for name, path in files.items()})


def _facts_sha(contents: Mapping[str, bytes]) -> str:
    digest = sha256()
    for name, content in sorted(contents.items()):
        digest.update(f"{name}\x1f{len(content)}\x1f".encode() + content)
    return digest.hexdigest()


def store_facts(files: Mapping[str, Path]) -> str:
    """Keep small files of ours (name → path) together under the hash of their names and contents, which is returned."""
    contents = {name: path.read_bytes() for name, path in files.items()}
    sha = _facts_sha(contents)
    folder = facts_path(sha)
    for name, content in contents.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != len(content):
            _write(path, lambda file, content=content: file.write(content))  # type: ignore[misc]
    return sha


def facts_digest(folder: Path) -> str:
    """The hash that a folder of facts has by its content: that of its name, if it is whole."""
    return facts_sha({file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()})


def facts_path(sha: str) -> Path:
    """Where the facts with this hash lie."""
    return settings.lake() / "facts" / sha
