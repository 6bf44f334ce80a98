"""Where things are on this installation. Every setting is an environment variable with a default for a checkout."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from migstats.errors import ConfigurationError

#: The checkout (or the image's /opt/airflow): the folder that holds include/, expectations/ and dags/.
_HOME = Path(__file__).resolve().parents[2]


def home() -> Path:
    """MIGSTATS_HOME, or the checkout that this package is installed from."""
    return Path(os.environ.get("MIGSTATS_HOME") or _HOME)


def include() -> Path:
    """Facts, SQL and samples."""
    return home() / "include"


def expectations() -> Path:
    """Great Expectations suites."""
    return home() / "expectations"


def state() -> Path:
    """MIGSTATS_STATE (default `var/` of the checkout): everything that a run writes on this machine."""
    return Path(os.environ.get("MIGSTATS_STATE") or home() / "var")


def lake() -> Path:
    """MIGSTATS_LAKE (default `<state>/lake`): snapshots and the tables between steps."""
    return Path(os.environ.get("MIGSTATS_LAKE") or state() / "lake")


def data_docs() -> Path:
    """MIGSTATS_DATA_DOCS (default `<state>/data_docs`): the static site of validation results."""
    return Path(os.environ.get("MIGSTATS_DATA_DOCS") or state() / "data_docs")


def exports() -> Path:
    """MIGSTATS_EXPORTS (default `<lake>/exports`): what is written after each publish."""
    return Path(os.environ.get("MIGSTATS_EXPORTS") or lake() / "exports")


def export_formats() -> tuple[str, ...]:
    """MIGSTATS_EXPORT_FORMATS (default `sdmx-csv,parquet,csv`): what it is written as; `none`: nothing is."""
    text = os.environ.get("MIGSTATS_EXPORT_FORMATS") or "sdmx-csv,parquet,csv"
    return () if text == "none" else tuple(part.strip() for part in text.split(",") if part.strip())


def export_address() -> str:
    """MIGSTATS_EXPORT_ADDRESS: where that folder is served, for its catalogue; a placeholder where it is not set."""
    return (os.environ.get("MIGSTATS_EXPORT_ADDRESS") or "https://migstats.example/exports").rstrip("/")


def intake() -> str:
    """MIGSTATS_INTAKE (default `<state>/intake`): a folder, or a bucket's URL, with one folder per country."""
    return os.environ.get("MIGSTATS_INTAKE") or str(state() / "intake")


def portal() -> str:
    """MIGSTATS_PORTAL_ADDRESS (default http://localhost:8090): where officials find the portal, for links in mails."""
    return os.environ.get("MIGSTATS_PORTAL_ADDRESS") or "http://localhost:8090"


def replay() -> str | None:
    """MIGSTATS_REPLAY: base URL of a replay server that stands in for every publisher, or None for real hosts."""
    return os.environ.get("MIGSTATS_REPLAY") or None


def kept_days(what: str, default: int) -> dt.timedelta:
    """MIGSTATS_KEEP_<WHAT>_DAYS, whole days from 1 on. ConfigurationError for anything else."""
    return dt.timedelta(days=_count(f"MIGSTATS_KEEP_{what.upper()}_DAYS", default))


def verified_per_run() -> int:
    """MIGSTATS_VERIFY_PER_RUN (default 100): snapshots that one run of maintain holds against their hashes."""
    return _count("MIGSTATS_VERIFY_PER_RUN", 100)


def upload_bytes() -> int:
    """MIGSTATS_UPLOAD_MB (default 25) in bytes: a bigger upload is refused."""
    return _count("MIGSTATS_UPLOAD_MB", 25) * 2**20


def scanner() -> str | None:
    """MIGSTATS_SCANNER: address of clamd, `host:port` or the path of its socket; None where uploads are not scanned."""
    return os.environ.get("MIGSTATS_SCANNER") or None


def portal_uploads_per_hour() -> int:
    """MIGSTATS_PORTAL_UPLOADS_PER_HOUR (default 30): what one official may send."""
    return _count("MIGSTATS_PORTAL_UPLOADS_PER_HOUR", 30)


def _count(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise ConfigurationError(f"{name}: found {text!r}; write a whole number from 1 on, or leave it out ({default})")
    return int(text)


def warehouse_url() -> str:
    """MIGSTATS_WAREHOUSE, else the URL that `make demo` left in `<state>/warehouse.url`.

    Raises ConfigurationError where neither is there.
    """
    url = os.environ.get("MIGSTATS_WAREHOUSE")
    if url:
        return url
    file = state() / "warehouse.url"
    if file.is_file():
        return file.read_text(encoding="utf-8").strip()
    raise ConfigurationError(
        f"no warehouse is known: MIGSTATS_WAREHOUSE is not set and {file} is not there; "
        "start one with `make demo`, or set MIGSTATS_WAREHOUSE=postgresql://user:password@host:port/warehouse"
    )
