"""Mails to officials: in their language, with the receipt and the way to the portal, and without a figure."""

from __future__ import annotations

import re

import pytest

from migstats.names import LANGUAGES
from migstats.uploads.mails import Server, mail

SERVER = Server("localhost", 25, "migstats@example.org", "https://portal.example.org/")
LINK = "https://portal.example.org/submissions/R7K2M9"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", ["received", "rejected", "checked", "ready", "published", "superseded"])
def test_a_mail_names_the_receipt_and_leads_to_the_portal(state: str, language: str) -> None:
    row = {
        "upload_id": "R7K2M9",
        "number": 2,
        "state": state,
        "form": "labour_permits",
        "country": "MAR",
        "year": 2025,
        "language": language,
        "email": "official@example.org",
    }
    message = mail(row, SERVER)
    body = message.get_content()
    assert message["Subject"].endswith("(R7K2M9)")
    assert "MAR 2025" in message["Subject"]
    assert LINK in body.splitlines()
    assert not re.search(r"[\u2066-\u2069{}]", message["Subject"] + body)
    assert set(re.findall(r"[0-9]+", body.replace(LINK, "").replace("R7K2M9", ""))) <= {"2025"}
