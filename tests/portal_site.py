"""Officials, a submission and what was understood of it, for the tests of the portal."""

from __future__ import annotations

import re
from typing import Any

from starlette.testclient import TestClient

from migstats.uploads.finding import Finding
from migstats.uploads.submission import Reading

AMAL, OMAR = "amal", "omar"
PASSWORD = "correct horse battery"  # pragma: allowlist secret
EVIL = "\"><script>document.title='owned'</script>{{7*7}}${7*7}{% raw %}'; drop table<img src=x onerror=alert(1)>"

QUESTION = Finding("outlier", "Permis de travail", 14, 6, "120000", {"before": "1200"})
PREVIEW: dict[str, Any] = {
    "sheet": "Permis de travail",
    "header_row": 6,
    "language": "fr",
    "columns": {
        "destination": "A · Pays de destination",
        "sex": "C · Sexe",
        "permits": "E · Permis délivrés",
        "departures": "F · Départs",
    },
    "first": [
        {"destination": "_T · Total", "sex": "_T · Total", "permits": "2 250", "departures": "1 900"},
        {"destination": "FRA · France", "sex": "F · Femmes", "permits": "1 250", "departures": "120 000"},
        {"destination": "FRA · France", "sex": "M · Hommes", "permits": "1 000", "departures": ".."},
    ],
    "totals": [
        {"measure": "permits", "figures": 4, "without": 0, "total": "2250", "column": "4500"},
        {"measure": "departures", "figures": 3, "without": 1, "total": "1900", "column": "123900.5"},
    ],
    "decimal": ",",
    "group": [" ", "\u202f"],
    "difference": {
        "new": 2,
        "changed": 2,
        "removed": 1,
        "same": 4,
        "largest": [
            {
                "key": {
                    "ref_area": "MAR",
                    "time_period": "2025",
                    "indicator": "LABOUR_DEPARTURES",
                    "unit": "PS",
                    "counterpart_area": "FRA",
                    "sex": "F",
                },
                "was": "O:not_available",
                "now": "120000",
                "share": None,
            },
            {
                "key": {
                    "ref_area": "MAR",
                    "time_period": "2025",
                    "indicator": "LABOUR_PERMITS",
                    "counterpart_area": "FRA",
                    "sex": "F",
                },
                "was": "1000",
                "now": "1250",
                "share": 0.25,
            },
        ],
        "largest_share": [
            {
                "key": {"time_period": "2025", "indicator": "LABOUR_PERMITS", "counterpart_area": "FRA", "sex": "F"},
                "was": "1000",
                "now": "1250",
                "share": 0.25,
            }
        ],
        "by_year": {
            "LABOUR_PERMITS": {"2021": 1400.0, "2022": 1700.0, "2023": 1650.0, "2024": 2000.0, "2025": 2250.0},
            "LABOUR_DEPARTURES": {"2024": 1800.0, "2025": 1900.0},
        },
    },
}
READ = Reading("1" * 64, "2" * 64, 8, 8, PREVIEW, (QUESTION, Finding("columns_moved", "Permis de travail", 6)))


def as_portal(url: str) -> str:
    """The warehouse as the role of the portal."""
    return url.replace("postgres:", "migstats_portal:", 1)


def token_of(browser: TestClient, path: str = "/upload") -> str:
    """What the forms of a page hold."""
    return re.findall(r'name="form_token" value="([0-9a-f]{64})"', browser.get(path).text)[0]


def sign_in(browser: TestClient, name: str = AMAL, password: str = PASSWORD) -> Any:
    """Fill in the form to sign in."""
    given = {"name": name, "password": password, "form_token": token_of(browser, "/sign-in")}
    return browser.post("/sign-in?language=fr", data=given)


def signed(browser: TestClient, name: str = AMAL) -> TestClient:
    """A browser in which an official is signed in."""
    assert sign_in(browser, name).status_code == 303
    return browser


def send(
    browser: TestClient,
    content: bytes = b"PK workbook",
    *,
    name: str = "permis 2025.xlsx",
    whole: bool = False,
    **differs: Any,
) -> Any:
    """Send a workbook: the number of its receipt, or the whole answer."""
    given = {"form_token": token_of(browser), "form": "labour_permits", "year": "2025", "language": "fr"}
    given |= {key: value for key, value in differs.items() if key != "file"}
    files = None if "file" in differs else {"file": (name, content, "application/octet-stream")}
    answer = browser.post("/upload", data=given, files=files)
    if whole:
        return answer
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].split("/")[2]
