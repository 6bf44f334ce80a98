"""Tells Airflow that a workbook came: one run of the DAG `upload` for each, by its REST API."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import requests

from migstats.errors import ConfigurationError, TryAgainError
from migstats.uploads.runs import DAG, label, run_id
from migstats.uploads.submission import Submission

#: Seconds: an official waits for the receipt meanwhile.
PATIENCE: Final = 5


@dataclass
class Airflow:
    """The API of an Airflow, and the token with which it was last asked."""

    url: str
    user: str
    password: str = field(repr=False)
    _token: str = field(default="", repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def trigger(self, there: Submission) -> None:
        """Have an upload read; one that is being read already is left alone.

        TryAgainError where Airflow is away, ConfigurationError where it refuses.
        """
        about = {"dag_run_id": run_id(there), "note": label(there), "conf": {"upload": there.upload_id}}
        body = {**about, "logical_date": None}
        path = f"/api/v2/dags/{DAG}/dagRuns"
        answer = self._send(path, body, self._token)
        if answer.status_code == 401:
            answer = self._send(path, body, self._renewed())
        if answer.ok or answer.status_code == 409:
            return
        if answer.status_code >= 500 or answer.status_code in (404, 429):  # the DAG may not be there yet
            raise TryAgainError(f"Airflow at {self._host} answers {answer.status_code}; upload {there.upload_id} waits")
        raise ConfigurationError(
            f"Airflow at {self._host} refuses to run the DAG {DAG} ({answer.status_code}); may {self.user!r} do it?"
        )

    @property
    def _host(self) -> str:
        return urlsplit(self.url).netloc.rpartition("@")[2]

    def _renewed(self) -> str:
        answer = self._send("/auth/token", {"username": self.user, "password": self.password}, "")
        if answer.status_code >= 500:
            raise TryAgainError(f"Airflow at {self._host} answers {answer.status_code} to a sign-in")
        if not answer.ok:
            raise ConfigurationError(f"Airflow at {self._host} refuses the password of {self.user!r}")
        with self._lock:
            self._token = str(answer.json()["access_token"])
            return self._token

    def _send(self, path: str, body: dict[str, Any], token: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            with requests.Session() as session:
                session.trust_env = False  # Airflow is beside us; no proxy of the way out stands between
                address = f"{self.url.rstrip('/')}{path}"
                return session.post(address, json=body, headers=headers, timeout=PATIENCE, allow_redirects=False)
        except requests.RequestException as error:
            raise TryAgainError(f"Airflow at {self._host} does not answer ({type(error).__name__})") from error


def from_settings() -> Airflow | None:
    """MIGSTATS_AIRFLOW_URL, _USER and _PASSWORD; None where no URL is set: the watcher of intake triggers then."""
    url = os.environ.get("MIGSTATS_AIRFLOW_URL")
    if not url:
        return None
    user, password = os.environ.get("MIGSTATS_AIRFLOW_USER"), os.environ.get("MIGSTATS_AIRFLOW_PASSWORD")
    if not user or not password:
        raise ConfigurationError("MIGSTATS_AIRFLOW_URL is set; set MIGSTATS_AIRFLOW_USER and _PASSWORD beside it")
    return Airflow(url, user, password)
