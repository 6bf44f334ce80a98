"""Submissions: what a country sent, in which state it is, and each step of it with who, when and of which content.

received -> rejected | checked (questions are open) -> ready -> submitted (the official confirmed) -> approved (a
statistician, in Airflow) -> published -> superseded; withdrawn by the official. The database refuses any other step.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from migstats import lake, warehouse
from migstats.errors import PermanentError
from migstats.uploads.finding import Finding
from migstats.warehouse import Address, Connection

State = Literal[
    "received", "rejected", "checked", "ready", "submitted", "approved", "published", "superseded", "withdrawn"
]
Channel = Literal["portal", "folder", "command"]

#: Without letters that are taken for others when they are read out.
_LETTERS: Final = "".join(letter for letter in string.digits + string.ascii_uppercase if letter not in "ILOU")


#: How far ahead the day may be before which figures are not shown: their run waits so long.
LONGEST_EMBARGO: Final = dt.timedelta(days=90)

#: The finding for which a workbook is purged.
PERSONAL: Final = "microdata"


@dataclass(frozen=True)
class Sent:
    """What came with a workbook: whose it is, which form, and who sent it by which way."""

    country: str
    form: str
    year: int
    language: str
    channel: Channel
    sent_by: str
    file_name: str


@dataclass(frozen=True)
class Submission:
    """An upload as it is now."""

    upload_id: str
    country: str
    form: str
    year: int
    language: str
    channel: Channel
    sent_by: str
    file_name: str
    sha256: str
    bytes: int
    received_at: dt.datetime
    state: State
    at: dt.datetime
    who: str
    reason: str
    snapshot: str | None
    content_sha256: str | None
    figures: int | None
    cells: int | None
    preview: Mapping[str, Any] | None
    #: Not loaded before, by what the official said when they confirmed it.
    embargo_until: dt.datetime | None = None


@dataclass(frozen=True)
class Numbered:
    """A finding of a submission by its number, with the official's answer where it is a question that has one."""

    number: int
    finding: Finding
    answer: str | None = None
    answered_by: str | None = None


def receive(url: Address, sent: Sent, content: bytes) -> tuple[Submission, bool]:
    """Keep a workbook and give its receipt; the same file again has the receipt it had, while that counts.

    The second part of the answer says whether it is new. A file that was purged for data on persons is not kept again.
    """
    sha = lake.store_upload(content)
    key = {"country": sent.country, "form": sent.form, "year": sent.year, "sha256": sha}
    with warehouse.connect(url) as connection:
        # lake first: a receipt is never given for bytes that are not kept
        warehouse.rows(connection, "uploads/lock", {**key, "year": str(sent.year)})
        there = warehouse.rows(connection, "uploads/same_file", key)
        if there:
            found = warehouse.rows(connection, "uploads/findings", {"upload_id": there[0]["upload_id"]})
            if any(row["code"] == PERSONAL for row in found):
                lake.purge_upload(sha)
            return _find(connection, there[0]["upload_id"]), False
        upload_id = f"{sent.country}-{sent.year}-{''.join(secrets.choice(_LETTERS) for _ in range(8))}"
        facts = {"language": sent.language, "channel": sent.channel, "file_name": sent.file_name[:200]}
        warehouse.execute(
            connection,
            "uploads/add",
            {**key, **facts, "upload_id": upload_id, "sent_by": sent.sent_by, "bytes": len(content)},
        )
        _event(connection, upload_id, "received", who=sent.sent_by)
        return _find(connection, upload_id), True


def find(url: Address, upload_id: str) -> Submission:
    """A submission by its receipt. PermanentError for one that is none, or not of the country that may be seen."""
    with warehouse.connect(url) as connection:
        return _find(connection, upload_id)


def listed(url: Address, *, country: str | None = None, most: int = 100) -> list[Submission]:
    """The newest submissions, of one country or of all."""
    with warehouse.connect(url) as connection:
        return [_of(row) for row in warehouse.rows(connection, "uploads/list", {"country": country, "most": most})]


def without_run(url: Address) -> list[Submission]:
    """Those that came, and at which nobody looked."""
    with warehouse.connect(url) as connection:
        waiting = warehouse.rows(connection, "uploads/without_run")
        return [_find(connection, row["upload_id"]) for row in waiting]


def confirmed_without_run(url: Address) -> list[Submission]:
    """Those that were confirmed, and at which nobody looked since."""
    with warehouse.connect(url) as connection:
        waiting = warehouse.rows(connection, "uploads/confirmed_without_run")
        return [_find(connection, row["upload_id"]) for row in waiting]


def findings(url: Address, upload_id: str) -> list[Numbered]:
    """What was found in a submission, in sheet and cell order."""
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "uploads/findings", {"upload_id": upload_id})
    return [
        Numbered(
            row["number"],
            Finding(row["code"], row["sheet"], row["sheet_row"], row["sheet_column"], row["seen"], row["words"]),
            row["answer"],
            row["answered_by"],
        )
        for row in found
    ]


def events(url: Address, upload_id: str) -> list[dict[str, Any]]:
    """Every step of a submission."""
    with warehouse.connect(url) as connection:
        return warehouse.rows(connection, "uploads/events", {"upload_id": upload_id})


@dataclass(frozen=True)
class Reading:
    """What was understood of a workbook. Without a snapshot nothing of it can be used."""

    snapshot: str | None
    content_sha256: str | None
    figures: int
    cells: int
    preview: Mapping[str, Any]
    findings: Sequence[Finding]

    @property
    def state(self) -> State:
        """What becomes of a submission of which this was understood."""
        weights = {finding.weight for finding in self.findings}
        if self.snapshot is None or weights & {"refused", "error"}:
            return "rejected"
        return "checked" if "question" in weights else "ready"


def read(url: Address, upload_id: str, reading: Reading, *, who: str) -> Submission:
    """Keep what was understood of a submission, once; a second reading of the same upload changes nothing."""
    with warehouse.connect(url) as connection:
        before = _find(connection, upload_id)
        if before.state != "received":
            return before
        warehouse.execute(
            connection,
            "uploads/add_reading",
            {
                "upload_id": upload_id,
                "snapshot": reading.snapshot,
                "content_sha256": reading.content_sha256,
                "figures": reading.figures,
                "cells": reading.cells,
                "preview": json.dumps(reading.preview, ensure_ascii=False),
            },
        )
        warehouse.execute_many(
            connection,
            "uploads/add_finding",
            [
                {
                    "upload_id": upload_id,
                    "number": number,
                    "code": finding.code,
                    "weight": finding.weight,
                    "sheet": finding.sheet,
                    "row": finding.row,
                    "column": finding.column,
                    "seen": finding.seen,
                    "words": json.dumps(dict(finding.words), ensure_ascii=False),
                }
                for number, finding in enumerate(reading.findings, start=1)
            ],
        )
        _event(connection, upload_id, reading.state, who=who, content=reading.content_sha256)
        return _find(connection, upload_id)


def answer(url: Address, upload_id: str, answers: Mapping[int, str], *, who: str) -> Submission:
    """Keep the official's answers to questions (by their number); where none is open any more, it is ready."""
    with warehouse.connect(url) as connection:
        warehouse.execute_many(
            connection,
            "uploads/add_answer",
            [
                {"upload_id": upload_id, "number": number, "answer": said.strip(), "answered_by": who}
                for number, said in answers.items()
            ],
        )
        found = warehouse.rows(connection, "uploads/findings", {"upload_id": upload_id})
        now = _find(connection, upload_id)
        if now.state == "checked" and all(row["answer"] for row in found if row["weight"] == "question"):
            _event(connection, upload_id, "ready", who=who, content=now.content_sha256)
        return _find(connection, upload_id)


def confirm(
    url: Address, upload_id: str, content_sha256: str, *, who: str, not_before: dt.date | None = None
) -> Submission:
    """The official confirms what was understood; bound to its content. PermanentError where that is another.

    With `not_before` it is not loaded before that day, whoever approves it. PermanentError for a day that is not among
    those that `embargo_of` knows.
    """
    until = embargo_of(not_before, dt.datetime.now(dt.UTC)) if not_before is not None else None
    return step(url, upload_id, "submitted", who=who, content=content_sha256, embargo_until=until)


def embargo_of(day: dt.date, now: dt.datetime) -> dt.datetime:
    """From when what is not to be shown before a day may be: noon UTC, when the day has begun in every time zone.

    PermanentError for a day that is over or more than LONGEST_EMBARGO ahead.
    """
    until = dt.datetime.combine(day, dt.time(12), dt.UTC)
    if not now < until <= now + LONGEST_EMBARGO:
        last = (now + LONGEST_EMBARGO).date()
        raise PermanentError(f"{day} cannot be the first day of figures; choose one from tomorrow to {last}")
    return until


def withdraw(url: Address, upload_id: str, *, who: str, reason: str) -> Submission:
    """The official takes it back, while it is not published."""
    return step(url, upload_id, "withdrawn", who=who, reason=reason)


def step(
    url: Address,
    upload_id: str,
    state: State,
    *,
    who: str,
    content: str | None = None,
    candidate_id: str | None = None,
    vintage_id: int | None = None,
    reason: str = "",
    embargo_until: dt.datetime | None = None,
) -> Submission:
    """One step of a submission; one that it made already is not made again. PermanentError for a step that is none."""
    with warehouse.connect(url) as connection:
        before = _find(connection, upload_id)
        if before.state == state:
            return before
        _event(connection, upload_id, state, who, content, candidate_id, vintage_id, reason, embargo_until)
        return _find(connection, upload_id)


def judged(url: Address, candidate_id: str, snapshots: Iterable[str]) -> None:
    """Note which submissions a candidate is made of, so that nobody approves their own."""
    with warehouse.connect(url) as connection:
        facts = {"candidate_id": candidate_id, "snapshots": list(snapshots)}
        warehouse.execute(connection, "uploads/add_candidate", facts)


def withdrawal_judged(url: Address, candidate_id: str, upload_id: str) -> None:
    """Note whose withdrawal a candidate is."""
    with warehouse.connect(url) as connection:
        warehouse.execute(
            connection, "uploads/add_candidate_of", {"candidate_id": candidate_id, "upload_id": upload_id}
        )


def is_overtaken(url: Address, upload_id: str) -> bool:
    """Whether another submission of the same form, country and year was confirmed after this one."""
    with warehouse.connect(url) as connection:
        return bool(warehouse.rows(connection, "uploads/newer", {"upload_id": upload_id})[0]["newer"])


def to_withdraw(url: Address) -> list[Submission]:
    """Those that were taken back after they had been published, and whose figures still stand."""
    with warehouse.connect(url) as connection:
        waiting = warehouse.rows(connection, "uploads/to_withdraw")
        return [_find(connection, row["upload_id"]) for row in waiting]


def taken_back(url: Address, upload_id: str) -> tuple[dt.datetime, int]:
    """Since when it is asked that nothing of a submission stands, and how often a newer one held that up before."""
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "uploads/taken_back", {"upload_id": upload_id})
    if not found:
        raise PermanentError(f"upload {upload_id} was not taken back")
    return found[0]["at"], found[0]["held_up"]


def published(url: Address) -> list[Submission]:
    """Note which approved submissions readers see by now, and whose place they took; those whose state changed."""
    with warehouse.connect(url) as connection:
        rows = warehouse.rows(connection, "uploads/to_publish")
        for row in rows:
            _event(connection, row["upload_id"], row["state"], who="publish", vintage=row["vintage_id"])
        return [_find(connection, row["upload_id"]) for row in rows]


def _event(
    connection: Connection,
    upload_id: str,
    state: State,
    who: str,
    content: str | None = None,
    candidate: str | None = None,
    vintage: int | None = None,
    reason: str = "",
    embargo_until: dt.datetime | None = None,
) -> None:
    warehouse.execute(
        connection,
        "uploads/add_event",
        {
            "upload_id": upload_id,
            "state": state,
            "who": who,
            "content_sha256": content,
            "candidate_id": candidate,
            "vintage_id": vintage,
            "reason": reason,
            "embargo_until": embargo_until,
        },
    )


def _find(connection: Connection, upload_id: str) -> Submission:
    found = warehouse.rows(connection, "uploads/find", {"upload_id": upload_id})
    if not found:
        raise PermanentError(f"there is no upload {upload_id!r}; the number stands on its receipt")
    return _of(found[0])


def _of(row: Mapping[str, Any]) -> Submission:
    return Submission(**{name: row[name] for name in Submission.__dataclass_fields__})
