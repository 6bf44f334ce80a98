"""Writes `.env` with new random secrets for docker-compose.yml; needs nothing but Python.

    python3 deploy/make_secrets.py [FILE]

Only letters, digits, `-`, `_` and `=` are used, so that a secret fits into a URL, a shell and a configuration file.
"""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

#: What each one opens. Names as in docker-compose.yml.
PASSWORDS = (
    ("POSTGRES_PASSWORD", "superuser of the database server"),
    ("AIRFLOW_DB_PASSWORD", "role airflow, database airflow"),
    ("WAREHOUSE_OWNER_PASSWORD", "role warehouse_owner: migrations of the warehouse"),
    ("MIGSTATS_ETL_PASSWORD", "role migstats_etl: tasks"),
    ("MIGSTATS_BI_READER_PASSWORD", "role bi_reader: what BI tools log in with"),
    ("MIGSTATS_WATCHDOG_PASSWORD", "role migstats_watchdog: ends long queries"),
    ("MIGSTATS_PORTAL_PASSWORD", "role migstats_portal: the portal for uploads"),
    ("PORTAL_AIRFLOW_PASSWORD", "user `portal` of Airflow: the portal starts the runs of uploads"),
    ("REDIS_PASSWORD", "queue of tasks"),
    ("ADMIN_PASSWORD", "user `admin` of the Airflow UI, set when it is first made"),
    ("JWT_SECRET", "signs what Airflow's services tell each other"),
    ("API_SECRET_KEY", "signs sessions of the UI, and requests for logs"),
)


def new_secrets() -> str:
    """The text of a new `.env`: one `NAME=value` a line, each with a comment above it."""
    lines = ["# Written by deploy/make_secrets.py. Keep it out of git, and a copy of it in a safe place."]
    for name, opens in PASSWORDS:
        lines += [f"# {opens}", f"{name}={os.urandom(24).hex()}"]
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    lines += ["# encrypts connections in Airflow's database; without it they cannot be read again", f"FERNET_KEY={key}"]
    return "\n".join(lines) + "\n"


def write(path: Path) -> None:
    """Write new secrets, readable by their owner only. FileExistsError where the file is there."""
    # O_EXCL also refuses a symbolic link; the mode is set as the file is made, never later.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(new_secrets())


def main(arguments: list[str]) -> int:
    """Exit status 0 where the file was written."""
    path = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[1] / ".env"
    try:
        write(path)
    except FileExistsError:
        print(
            f"{path} is there and was not changed: running services know its secrets; "
            "move it away first to make new ones (docs/deploy.md, `Change a password`)",
            file=sys.stderr,
        )
        return 1
    except OSError as error:
        print(f"{path} cannot be written: {error.strerror}; name another file", file=sys.stderr)
        return 1
    print(f"{path} written; the UI's user is `admin`, its password is ADMIN_PASSWORD in that file")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
