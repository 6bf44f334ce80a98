"""Where things are on this installation. Every setting is an environment variable with a default for a checkout."""

from __future__ import annotations

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


def replay() -> str | None:
    """MIGSTATS_REPLAY: base URL of a replay server that stands in for every publisher, or None for real hosts."""
    return os.environ.get("MIGSTATS_REPLAY") or None


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
