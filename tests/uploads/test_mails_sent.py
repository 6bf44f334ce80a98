"""Mails to officials by a real SMTP server: each step once, also when the server was away."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import smtplib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mailbox_server import Mailbox

from migstats.errors import TryAgainError
from migstats.uploads import accounts, mails, submission
from migstats.uploads.mails import Server
from migstats.uploads.submission import Reading, Sent

pytestmark = pytest.mark.database

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
SENT = Sent("MAR", "labour_permits", 2025, "fr", "portal", "amal", "permis.xlsx")


def subjects(mailbox: Mailbox) -> list[str]:
    read = [email.message_from_string(text, policy=email.policy.default) for text in mailbox.received]
    assert {str(message["To"]) for message in read} <= {"amal@example.org"}
    return [str(message["Subject"]) for message in read]


def test_each_step_is_told_once_and_what_waited_is_told_when_the_server_is_back(warehouse_url: str, lake: Path) -> None:
    said = "a long enough word"
    accounts.add(warehouse_url, "amal", country="MAR", language="fr", email="amal@example.org", password=said)
    there, _ = submission.receive(warehouse_url, SENT, b"PK workbook")
    submission.receive(warehouse_url, replace(SENT, sent_by="somebody without an account"), b"PK another")
    mailbox = Mailbox()
    server = Server("127.0.0.1", mailbox.port, "migstats@example.org", "https://portal.example.org", starttls=False)
    with pytest.raises(TryAgainError, match="1 of 1 mails to officials wait"):
        mails.send(warehouse_url, server, now=NOW)
    with mailbox:
        assert mails.send(warehouse_url, server, now=NOW) == 1
        assert mails.send(warehouse_url, server, now=NOW) == 0
        reading = Reading("1" * 64, "2" * 64, 8, 8, {"total": "98765"}, ())
        submission.read(warehouse_url, there.upload_id, reading, who="service")
        submission.confirm(warehouse_url, there.upload_id, "2" * 64, who="amal")  # they know that
        assert mails.send(warehouse_url, server, now=NOW) == 1
    assert [subject.rpartition(" (")[2] for subject in subjects(mailbox)] == [f"{there.upload_id})"] * 2
    assert len(set(subjects(mailbox))) == 2
    assert "98765" not in "".join(mailbox.received), "no figures"
    assert f"/submissions/{there.upload_id}" in "".join(mailbox.received)


def test_an_address_that_is_refused_holds_up_no_other_mail(
    warehouse_url: str, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "a long enough word"
    for name in ("amal", "omar"):
        address = f"{name}@example.org"
        accounts.add(warehouse_url, name, country="MAR", language="fr", email=address, password=said)
        submission.receive(warehouse_url, replace(SENT, sent_by=name), f"PK {name}".encode())
    send = smtplib.SMTP.send_message

    def refusing(self: smtplib.SMTP, message: Any) -> object:
        if message["To"] == "amal@example.org":
            raise smtplib.SMTPRecipientsRefused({"amal@example.org": (550, b"no such mailbox")})
        return send(self, message)

    monkeypatch.setattr(smtplib.SMTP, "send_message", refusing)
    with Mailbox() as mailbox:
        server = Server("127.0.0.1", mailbox.port, "migstats@example.org", "https://p.example.org", starttls=False)
        for told in (1, 1):
            with pytest.raises(TryAgainError, match="refuses 1 mails"):
                mails.send(warehouse_url, server, now=NOW)
            assert ["omar@example.org" in text for text in mailbox.received] == [True] * told
