"""Submissions: receipts, states, and what the database refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from migstats import lake, warehouse
from migstats.errors import PermanentError
from migstats.uploads import submission
from migstats.uploads.finding import Finding
from migstats.uploads.submission import Reading, Sent, Submission

pytestmark = pytest.mark.database

CANDIDATE = "c" * 32
AMAL, OMAR = "amal@example.org", "omar@example.org"
SENT = Sent("MAR", "labour_permits", 2025, "fr", "portal", AMAL, "permis 2025.xlsx")
QUESTION = Finding("outlier", "Permis", 14, 6, "120000")
READ = Reading("1" * 64, "2" * 64, 8, 8, {"total": "12"}, (QUESTION, Finding("columns_moved", "Permis", 3)))


@pytest.fixture
def url(warehouse_url: str, lake: Path) -> str:
    return warehouse_url


def received(url: str, content: bytes = b"PK workbook", sent: Sent = SENT) -> Submission:
    return submission.receive(url, sent, content)[0]


def ready(url: str, content: bytes = b"PK workbook", sent: Sent = SENT) -> Submission:
    read = submission.read(url, received(url, content, sent).upload_id, replace(READ, findings=()), who="service")
    assert read.state == "ready"
    return read


def states(url: str, upload_id: str) -> list[tuple[str, str]]:
    return [(event["state"], event["who"]) for event in submission.events(url, upload_id)]


def test_a_workbook_is_kept_as_it_came_and_has_a_receipt(url: str) -> None:
    there = received(url)
    assert (there.state, there.country, there.form, there.year) == ("received", "MAR", "labour_permits", 2025)
    assert lake.read_upload(there.sha256) == b"PK workbook"


def test_the_same_file_twice_has_the_same_receipt(url: str) -> None:
    first, new = submission.receive(url, SENT, b"PK workbook")
    again, new_again = submission.receive(url, SENT, b"PK workbook")
    other, new_other = submission.receive(url, SENT, b"PK another")
    assert (new, new_again, new_other) == (True, False, True)
    assert again == first
    assert other.upload_id != first.upload_id


def test_a_withdrawn_file_may_be_sent_anew(url: str) -> None:
    first = received(url)
    submission.withdraw(url, first.upload_id, who=AMAL, reason="the wrong year")
    assert received(url).upload_id != first.upload_id


@pytest.mark.parametrize(
    ("findings", "state"),
    [
        ((), "ready"),
        ((Finding("columns_moved", "Permis", 3),), "ready"),
        ((QUESTION,), "checked"),
        ((QUESTION, Finding("not_a_number", "Permis", 14, 6, "12x")), "rejected"),
    ],
)
def test_what_was_found_says_what_becomes_of_it(url: str, findings: tuple[Finding, ...], state: str) -> None:
    there = received(url)
    assert submission.read(url, there.upload_id, replace(READ, findings=findings), who="service").state == state
    assert [n.finding for n in submission.findings(url, there.upload_id)] == list(findings)


def test_questions_are_answered_before_it_is_ready_and_the_answers_are_kept(url: str) -> None:
    there = submission.read(url, received(url).upload_id, READ, who="service")
    assert there.state == "checked"
    with pytest.raises(PermanentError, match="cannot become submitted"):
        submission.confirm(url, there.upload_id, "2" * 64, who=AMAL)
    assert submission.answer(url, there.upload_id, {1: "a new office opened"}, who=AMAL).state == "ready"
    assert submission.findings(url, there.upload_id)[0].answer == "a new office opened"


def test_what_is_confirmed_is_what_was_understood(url: str) -> None:
    there = ready(url)
    with pytest.raises(PermanentError, match="is not what was understood"):
        submission.confirm(url, there.upload_id, "9" * 64, who=AMAL)
    assert submission.confirm(url, there.upload_id, "2" * 64, who=AMAL).state == "submitted"
    assert states(url, there.upload_id) == [("received", AMAL), ("ready", "service"), ("submitted", AMAL)]


@pytest.mark.parametrize("state", ["approved", "published", "superseded", "checked"])
def test_no_step_is_skipped(url: str, state: submission.State) -> None:
    there = ready(url)
    with pytest.raises(PermanentError, match=f"is ready, and cannot become {state}"):
        submission.step(url, there.upload_id, state, who="service")


def test_a_step_that_was_made_is_not_made_again(url: str) -> None:
    there = ready(url)
    for _ in range(2):
        submission.confirm(url, there.upload_id, "2" * 64, who=AMAL)
    assert len(states(url, there.upload_id)) == 3


def test_an_upload_that_was_read_is_not_read_again(url: str) -> None:
    there = ready(url)
    again = submission.read(url, there.upload_id, replace(READ, content_sha256="7" * 64), who="service")
    assert again == there


def test_nothing_of_the_ledger_is_changed_or_removed(url: str) -> None:
    there = ready(url)
    for statement in (
        "UPDATE ops.upload_event SET who = 'somebody'",
        "DELETE FROM ops.upload_finding",
        "UPDATE ops.upload SET sha256 = repeat('0', 64)",
    ):
        with psycopg.connect(url) as connection, pytest.raises(psycopg.Error, match="append"):
            connection.execute(statement)
    assert submission.find(url, there.upload_id) == there


# -- what the portal may see ------------------------------------------------------------------------------------


def as_portal(url: str, country: str, official: str) -> psycopg.Connection:
    connection = psycopg.connect(url.replace("postgres:", "migstats_portal:", 1))
    connection.execute("SELECT set_config('migstats.country', %s, false)", (country,))
    connection.execute("SELECT set_config('migstats.official', %s, false)", (official,))
    return connection


def test_the_portal_sees_what_is_of_the_country_of_whom_it_serves_and_nothing_else(url: str) -> None:
    ours = submission.read(url, received(url).upload_id, READ, who="service")
    theirs = received(url, b"PK of Tunisia", replace(SENT, country="TUN", sent_by=OMAR))
    for view in ("upload_now", "upload", "upload_event"):
        with as_portal(url, "MAR", AMAL) as connection:
            seen = {row[0] for row in connection.execute(f"SELECT upload_id FROM ops.{view}").fetchall()}
        assert seen == {ours.upload_id}, view
    with as_portal(url, "TUN", OMAR) as connection:
        assert connection.execute("SELECT count(*) FROM ops.upload_finding").fetchone() == (0,)
        assert connection.execute("SELECT upload_id FROM ops.upload").fetchall() == [(theirs.upload_id,)]
    with psycopg.connect(url.replace("postgres:", "migstats_portal:", 1)) as connection:  # nobody is served
        assert connection.execute("SELECT count(*) FROM ops.upload").fetchone() == (0,)


@pytest.mark.parametrize(
    ("who", "state"), [(OMAR, "submitted"), (AMAL, "approved"), (AMAL, "published"), ("service", "submitted")]
)
def test_the_portal_makes_only_the_steps_of_the_official_whom_it_serves(url: str, who: str, state: str) -> None:
    there = ready(url)
    step = "INSERT INTO ops.upload_event (upload_id, number, state, who, content_sha256) VALUES (%s, 1, %s, %s, %s)"
    with as_portal(url, "MAR", AMAL) as connection, pytest.raises(psycopg.Error, match=r"row-level security|cannot"):
        connection.execute(step, (there.upload_id, state, who, "2" * 64))
    with as_portal(url, "TUN", who) as connection, pytest.raises(psycopg.Error, match=r"row-level security|cannot"):
        connection.execute(step, (there.upload_id, state, who, "2" * 64))


def test_the_official_confirms_through_the_portal(url: str) -> None:
    there = ready(url)
    step = "INSERT INTO ops.upload_event (upload_id, state, who, content_sha256) VALUES (%s, 'submitted', %s, %s)"
    with as_portal(url, "MAR", AMAL) as connection:
        connection.execute(step, (there.upload_id, AMAL, "2" * 64))
    assert submission.find(url, there.upload_id).state == "submitted"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM ops.decision",
        "SELECT * FROM core.observation",
        "SELECT * FROM raw.snapshot",
        "SELECT * FROM bi.fact_observation",
        "UPDATE ops.official SET country = 'TUN'",
        "INSERT INTO ops.upload_reading VALUES ('MAR-2025-00000000', NULL, NULL, 0, 0, '{}')",
        "CREATE TABLE ops.mine (a integer)",
        "SET ROLE migstats_etl",
    ],
)
def test_the_portal_may_do_nothing_else(url: str, statement: str) -> None:
    with as_portal(url, "MAR", AMAL) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


def test_nobody_approves_what_they_sent_or_confirmed(url: str) -> None:
    there = submission.confirm(url, ready(url).upload_id, "2" * 64, who=OMAR)
    with warehouse.connect(url) as connection:
        connection.execute(
            "INSERT INTO ref.source (code, title, publisher, homepage, licence, licence_url, redistribution, citation, "
            "owner) VALUES ('upload_mar', 't', 'p', 'h', 'l', 'u', 'allowed', 'c', 'o') ON CONFLICT DO NOTHING"
        )
        connection.execute(
            "INSERT INTO ops.candidate (candidate_id, source, release, base_vintage, breaches, notices, run_id) "
            "VALUES (%s, 'upload_mar', '', NULL, 1, 0, 'r')",
            (CANDIDATE,),
        )
    submission.judged(url, CANDIDATE, ["1" * 64])
    decide = "INSERT INTO ops.decision (candidate_id, verdict, decided_by, reason) VALUES (%s, 'approved', %s, 'fine')"
    for who in (AMAL, OMAR, AMAL.upper()):
        with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.CheckViolation, match="somebody else"):
            connection.execute(decide, (CANDIDATE, who))
    with psycopg.connect(url) as connection:
        connection.execute(decide, (CANDIDATE, "statistician"))
    assert there.state == "submitted"
