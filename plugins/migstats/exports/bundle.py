"""One export: a folder that is there whole or not at all, and the same for the same facts."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final, get_args

from migstats.errors import ConfigurationError, PermanentError
from migstats.exports import catalogue, country_csv, datapackage, declaration, licences, parquet, sdg, sdmx_csv, sdmx_ml
from migstats.exports import structure as definition
from migstats.exports.selection import Selection, Taken, comments, reading, taken, topics, unknown
from migstats.faultpoint import reach
from migstats.source import codelist_folders

#: What says of a folder that it is an export, and of what.
MANIFEST: Final = "export.json"
FORMATS: Final = (sdmx_csv.FOLDER, sdmx_ml.FOLDER, parquet.FOLDER, country_csv.FOLDER)
#: Where the codes of a selection are listed.
_NAMED: Final = {"country": "dim_area", "indicator": "dim_indicator", "source": "dim_source"}
_EXCHANGE: Final = 2  # RENAME_EXCHANGE of Linux
_HERE: Final = -100  # AT_FDCWD


@dataclass(frozen=True)
class Wanted:
    """What an export is to hold, and how."""

    selection: Selection = field(default_factory=Selection)
    formats: tuple[str, ...] = FORMATS
    headers: country_csv.Headers = "csvw"
    #: The address below which the folder will be served, for the catalogue.
    base: str = "https://migstats.example/exports"

    def __post_init__(self) -> None:
        """ConfigurationError for a format, a topic or headers that there are not."""
        for kind, asked, known in (
            ("format", self.formats, FORMATS),
            ("topic", self.selection.topics, tuple(topics())),
            ("headers", (self.headers,), get_args(country_csv.Headers)),
        ):
            unknown = sorted(set(asked) - set(known))
            if unknown:
                raise ConfigurationError(f"{kind}: found {unknown[0]!r}; there are {', '.join(known)}")


@dataclass(frozen=True)
class Export:
    """What an export came to."""

    folder: Path
    figures: int
    sources: tuple[str, ...]
    files: int
    #: sha256 of what MANIFEST says, and so of every file.
    sha256: str


def export(url: str, folder: Path, wanted: Wanted, *, only_new: bool = False) -> Export | None:
    """Write an export to `folder`, in place of the one that is there; None where `only_new` and that one still holds.

    `url` may be that of bi_reader. PermanentError where the selection takes no figure, or the folder holds something
    else than an export; ConfigurationError where it names what there is not.
    """
    folder = folder.absolute()
    _require_ours(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder), reading(url) as connection:
        for row in unknown(connection, wanted.selection):
            raise ConfigurationError(f"{row['kind']}: there is no {row['code']!r} in bi.{_NAMED[row['kind']]}")
        found = taken(connection, wanted.selection)
        said = _said(wanted, found)
        there = _manifest(folder)
        if only_new and there is not None and {name: there.get(name) for name in said} == said:
            return None
        if not found.rows and only_new and there is None:
            return None
        if not found.rows and not only_new:  # what is published no more must not stay where others fetch it
            raise PermanentError(f"nothing is published that this selection takes; {folder} is left as it is")
        fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_prefix(folder)))
        try:
            _write(fresh, connection, wanted, found)
            files = dict(_hashes(fresh))
            text = json.dumps({**said, "files": files}, indent=2, ensure_ascii=False) + "\n"
            (fresh / MANIFEST).write_text(text, encoding="utf-8")
            fresh.chmod(0o755)
            reach("export.written")
            _put(fresh, folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        with (folder / MANIFEST).open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
    return Export(folder, said["figures"], tuple(found.sources), len(files), digest)


def _write(folder: Path, connection: Any, wanted: Wanted, found: Taken) -> None:
    said, concepts, selection = comments(connection), codelist_folders(), wanted.selection
    written: list[Path] = []
    if {sdmx_csv.FOLDER, sdmx_ml.FOLDER} & set(wanted.formats):
        names = {topic: topics()[topic] for topic in found.topics}
        definition.write(folder, concepts, names, found.stamp)
    if sdmx_csv.FOLDER in wanted.formats:
        written += sdmx_csv.write(folder, connection, selection, found)
    if sdmx_ml.FOLDER in wanted.formats:
        written += sdmx_ml.write(folder, connection, selection, found, concepts)
    written += sdg.write(folder, connection, selection, found, wanted.formats)
    if parquet.FOLDER in wanted.formats:
        files = parquet.write(folder, connection, selection, found, said)
        datapackage.write(folder, files, found, said)
        written += files
    countries: list[str] = []
    if country_csv.FOLDER in wanted.formats:
        files = country_csv.write(folder, connection, selection, found, said, wanted.headers)
        countries = [file.stem for file in files if file.suffix == ".csv"]
        written += files
    licences.write(folder, found)
    hxl = wanted.headers == "hxl"
    declaration.write(folder, wanted.base, list(wanted.formats), countries, found, concepts, hxl=hxl)
    catalogue.write(folder, wanted.base, written, found)


def _said(wanted: Wanted, found: Taken) -> dict[str, Any]:
    """What tells one export from another, before it is made."""
    return {
        "prepared": f"{found.stamp:%Y-%m-%dT%H:%M:%SZ}",
        "figures": sum(row["figures"] for row in found.rows),
        "fingerprint": found.fingerprint,
        "vintages": found.vintages,
        "formats": sorted(wanted.formats),
        "headers": wanted.headers,
        "base": wanted.base,
        "selection": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(wanted.selection).items()},
    }


def _hashes(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            yield path.relative_to(folder).as_posix(), file_digest(file, "sha256").hexdigest()


# -- the folder ---------------------------------------------------------------------------------------------------


def _manifest(folder: Path) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _require_ours(folder: Path) -> None:
    """PermanentError for a folder whose content would be lost: only an export is replaced, or nothing."""
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() and _manifest(folder) is None:
        raise PermanentError(f"{folder}: is no export (it has no {MANIFEST}), and is not replaced; name another folder")


def _prefix(folder: Path) -> str:
    return f".{folder.name}-writing-"


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}-old")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One export of a folder at a time; what a killed one left is put in order first."""
    with folder.with_name(f".{folder.name}-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _old(folder).exists() and not folder.exists():
            _old(folder).rename(folder)
        for left in (*folder.parent.glob(f"{_prefix(folder)}*"), _old(folder)):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _put(fresh: Path, folder: Path) -> None:
    """The new folder in place of the old one: at once where the file system can exchange two folders."""
    if not folder.exists():
        fresh.rename(folder)
    elif not _exchanged(fresh, folder):
        folder.rename(_old(folder))
        fresh.rename(folder)
        shutil.rmtree(_old(folder), ignore_errors=True)
    reach("export.in_place")


def _exchanged(one: Path, other: Path) -> bool:
    rename: Any = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return rename is not None and rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0


def formats_of(names: Sequence[str]) -> tuple[str, ...]:
    """Formats by their names, all of them for none."""
    return tuple(dict.fromkeys(names)) or FORMATS
