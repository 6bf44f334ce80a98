"""Mails to officials: that a workbook came, was checked, was published. They name the receipt, and hold no figure."""

from __future__ import annotations

import datetime as dt
import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

from migstats import warehouse
from migstats.errors import TryAgainError
from migstats.uploads.contract import form_of
from migstats.uploads.messages import Own, dotted, text


@dataclass(frozen=True)
class Server:
    """Where mail is handed in, as whom, and where the portal is that it speaks of."""

    host: str
    port: int
    sender: str
    portal: str
    user: str | None = None
    password: str | None = None
    starttls: bool = True


def send(url: str, server: Server, *, now: dt.datetime) -> int:
    """Tell officials of each step that they were not told of yet, once; how many mails that were.

    That it was told is kept in the moment it was. TryAgainError where the server is away, or refuses one of them: the
    others are sent, and what waits is sent the next time.
    """
    with warehouse.connect(url) as connection:
        waiting = warehouse.rows(connection, "uploads/to_mail")
    if not waiting:
        return 0
    sent, refused = 0, []
    try:
        with smtplib.SMTP(server.host, server.port, timeout=30) as smtp:
            if server.starttls:
                smtp.starttls()
            if server.user is not None and server.password is not None:
                smtp.login(server.user, server.password)
            for row in waiting:
                try:
                    with warehouse.connect(url) as connection:
                        key = {"upload_id": row["upload_id"], "number": row["number"], "sent_at": now}
                        if not warehouse.execute(connection, "uploads/add_mail", key):
                            continue  # another process tells it at this moment
                        smtp.send_message(mail(row, server))
                except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as error:
                    refused.append(f"{row['upload_id']}: {type(error).__name__}")
                    continue
                sent += 1
    except (OSError, smtplib.SMTPException) as error:
        left = f"{len(waiting) - sent} of {len(waiting)} mails to officials wait"
        raise TryAgainError(f"{server.host}:{server.port}: {error}; {left}, and are sent the next time") from error
    if refused:
        raise TryAgainError(f"{server.host}:{server.port} refuses {len(refused)} mails: {'; '.join(refused[:10])}")
    return sent


def mail(row: Mapping[str, Any], server: Server) -> EmailMessage:
    """The mail about one step, in the official's language."""
    language = row["language"]
    words = {
        "receipt": Own(row["upload_id"]),
        "form": Own(form_of(row["form"]).title.of(language)),
        "country": Own(row["country"]),
        "year": Own(str(row["year"])),
        "link": Own(f"{server.portal.rstrip('/')}/submissions/{row['upload_id']}"),
    }
    message = EmailMessage()
    message["Subject"] = text(dotted("mail", row["state"], "subject"), language, **words)
    message["From"] = server.sender
    message["To"] = Address(addr_spec=row["email"])
    message["Message-ID"] = f"<{row['upload_id']}.{row['number']}@{server.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text(dotted("mail", row["state"], "body"), language, **words))
    return message
