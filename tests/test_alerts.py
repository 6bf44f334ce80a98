"""Alerts: one per change of state, held back by a silence that ends, told once by each notifier."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import email
import json
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import toy
from mailbox_server import Mailbox
from typer.testing import CliRunner

from migstats import alerts, ledger, pipeline, question, tasks, warehouse
from migstats.alerts import Alert
from migstats.cli import app
from migstats.errors import PermanentError, TryAgainError
from migstats.source import Source, folder_of, read_source
from migstats.warehouse import Outcome

pytestmark = pytest.mark.database

A, B, _ = toy.SLICES
#: When the tests were collected: some of them begin many minutes later.
NOW = dt.datetime.now(dt.UTC)


def days(count: float) -> dt.timedelta:
    return dt.timedelta(days=count)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A source that is expected each day."""
    toy.declare(tmp_path, monkeypatch, "toy")
    file = tmp_path / "sources" / "toy" / "source.yaml"
    file.write_text(file.read_text() + 'schedule: "0 0 * * *"\n')
    toy.open_gate(tmp_path, "toy")
    return read_source(file)


def load(url: str, source: Source, *values: str, at: dt.datetime = NOW) -> None:
    read = toy.read(url, source, A, [{"OBS_VALUE": value, "REF_AREA": "MAR"} for value in values], at=at)
    pipeline.load([read], source, folder_of(source.id), run_id="test", url=url)


def changes(url: str, at: dt.datetime) -> list[str]:
    """What a look changes, as `toy late raised`; the project's own sources, which never ran, aside."""
    found = alerts.look(url, now=at)
    return [
        f"{source} {kind} {change}"
        for change, keys in (("raised", found.raised), ("cleared", found.cleared))
        for source, kind in keys
        if source in ("toy", "*")
    ]


def fail(url: str, error: str = "DriftError", step: str = "check", slice_id: str | None = None) -> None:
    with warehouse.connect(url) as connection:
        warehouse.add_outcome(connection, Outcome("run", "toy", step, "failed", slice_id, error, "column moved"))


def told(url: str, at: dt.datetime, notifier: str = "post") -> list[str]:
    said = alerts.tell(url, notifier, lambda alert: None, now=at)
    return [alert.title for alert in said if alert.source == "toy"]


# -- what is raised ---------------------------------------------------------------------------------------------


def test_a_source_that_is_late_raises_one_alert_and_not_one_per_look(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, "1")
    assert changes(warehouse_url, NOW) == []
    assert changes(warehouse_url, NOW + days(3)) == ["toy late raised"]
    for hours in range(5):
        assert changes(warehouse_url, NOW + days(3) + dt.timedelta(hours=hours)) == []
    with warehouse.connect(warehouse_url) as connection:
        [row] = connection.execute("SELECT state, overdue FROM ops.freshness WHERE source = 'toy'").fetchall()
    assert row == {"state": "late", "overdue": True}
    load(warehouse_url, source, "1")
    assert changes(warehouse_url, NOW + dt.timedelta(minutes=1)) == ["toy late cleared"]


def test_a_source_that_never_ran_is_seen_too(warehouse_url: str, source: Source) -> None:
    assert changes(warehouse_url, NOW) == ["toy late raised"]
    with warehouse.connect(warehouse_url) as connection:
        [row] = connection.execute("SELECT state, details FROM ops.freshness WHERE source = 'toy'").fetchall()
    assert row == {"state": "never", "details": "never loaded; expected every 1 day"}


def test_a_failure_that_trying_again_cannot_mend_is_raised_at_once_and_cleared_by_a_load(
    warehouse_url: str, source: Source
) -> None:
    load(warehouse_url, source, "1")
    fail(warehouse_url)
    assert changes(warehouse_url, NOW) == ["toy failing raised"]
    fail(warehouse_url)
    assert changes(warehouse_url, NOW) == []
    load(warehouse_url, source, "2", at=NOW + days(1))
    assert changes(warehouse_url, NOW) == ["toy failing cleared"]


def test_a_passing_fault_is_raised_only_when_it_is_not_tried_again_any_more(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, "1")
    fail(warehouse_url, "TryAgainError", "land", A)
    failed = dt.datetime.now(dt.UTC)  # the ledger notes a fault with the time of the server, NOW may be long ago
    assert changes(warehouse_url, failed + dt.timedelta(minutes=40)) == []
    assert changes(warehouse_url, failed + dt.timedelta(minutes=65)) == ["toy failing raised"]


def test_a_share_in_quarantine_above_the_bound_is_raised(warehouse_url: str, source: Source, tmp_path: Path) -> None:
    read = toy.read(warehouse_url, source, A, [{"REF_AREA": "MAR"}, {"REF_AREA": "XXA"}], at=NOW)
    pipeline.load([read], source, folder_of("toy"), run_id="test", url=warehouse_url)
    assert changes(warehouse_url, NOW) == []
    file = tmp_path / "sources" / "toy" / "source.yaml"
    file.write_text(file.read_text().replace("quarantine_bound: 1", "quarantine_bound: 0.1"))
    assert changes(warehouse_url, NOW) == ["toy quarantine raised"]


def test_a_check_that_stops_a_load_for_its_quarantine_raises_quarantine(
    warehouse_url: str, source: Source, tmp_path: Path
) -> None:
    file = tmp_path / "sources" / "toy" / "source.yaml"
    file.write_text(file.read_text().replace("quarantine_bound: 1", "quarantine_bound: 0.1"))
    strict = read_source(file)
    load(warehouse_url, strict, "1")
    rows = [{"REF_AREA": "MAR"}, {"REF_AREA": "XXA"}]
    with pytest.raises(PermanentError):
        pipeline.check(
            [toy.read(warehouse_url, strict, A, rows)], strict, run_id="r", url=warehouse_url, today=NOW.date()
        )
    assert changes(warehouse_url, NOW) == ["toy quarantine raised"]
    pipeline.check(
        [toy.read(warehouse_url, strict, A, rows[:1])], strict, run_id="r2", url=warehouse_url, today=NOW.date()
    )
    assert changes(warehouse_url, NOW) == ["toy quarantine cleared"]


def test_a_candidate_that_waits_for_a_person_is_raised_and_stops_the_alert_of_a_slow_run(
    warehouse_url: str, source: Source, tmp_path: Path
) -> None:
    (tmp_path / "sources" / "toy" / "gate.yaml").unlink()
    load(warehouse_url, source, "100")
    read = toy.read(warehouse_url, source, A, [{"OBS_VALUE": "100000", "REF_AREA": "MAR"}], at=NOW + days(1))
    judged = pipeline.gate([read], source, folder_of("toy"), run_id="test", url=warehouse_url)
    assert judged.waits
    asked = {"run_id": "ingest_toy/test", "until": dt.datetime.now(dt.UTC) + days(1), "alive_until": None}
    question.ask(warehouse_url, judged.candidate_id, question.Scope.of([read]), **asked)
    assert changes(warehouse_url, NOW) == ["toy decision raised"]
    assert not alerts.slow(warehouse_url, "toy", run_id="r", hours=6, now=NOW)


def test_a_slow_run_is_raised_once_and_cleared_when_a_run_comes_to_an_end(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, "1")
    before = NOW - dt.timedelta(hours=1)
    with warehouse.connect(warehouse_url) as connection:
        [row] = connection.execute("SELECT max(at) AS at FROM ops.outcome").fetchall()
    assert alerts.slow(warehouse_url, "toy", run_id="r", hours=6, now=row["at"])
    assert not alerts.slow(warehouse_url, "toy", run_id="r", hours=6, now=row["at"])
    assert before < row["at"]
    assert changes(warehouse_url, NOW) == []
    load(warehouse_url, source, "1")
    assert changes(warehouse_url, NOW) == ["toy slow cleared"]


@pytest.mark.airflow
def test_the_callback_of_the_deadline_raises_slow(
    warehouse_url: str, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    from migstats.deadline import overran

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_url)
    context = {"dag_run": {"dag_run_id": "scheduled__1"}, "deadline": {}}
    assert asyncio.run(overran(source_id="toy", hours=6, context=context)) == "raised"
    with warehouse.connect(warehouse_url) as connection:
        [row] = warehouse.rows(connection, "alerts/standing")
    assert row["message"] == "ingest_toy/scheduled__1 takes longer than 6 hours"


def test_a_declaration_that_cannot_be_read_fails_and_keeps_what_stood(
    warehouse_url: str, source: Source, tmp_path: Path
) -> None:
    assert changes(warehouse_url, NOW) == ["toy late raised"]
    file = tmp_path / "sources" / "toy" / "source.yaml"
    good = file.read_text()
    file.write_text("id: [")
    assert changes(warehouse_url, NOW) == ["toy failing raised"]
    file.write_text(good)
    assert changes(warehouse_url, NOW) == ["toy failing cleared"]


def test_a_source_that_is_declared_no_more_is_forgotten(
    warehouse_url: str, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert changes(warehouse_url, NOW) == ["toy late raised"]
    monkeypatch.delenv("MIGSTATS_SOURCES")
    assert changes(warehouse_url, NOW) == ["toy late cleared"]
    with warehouse.connect(warehouse_url) as connection:
        assert connection.execute("SELECT 1 FROM ops.freshness WHERE source = 'toy'").fetchall() == []


# -- what is told -----------------------------------------------------------------------------------------------


def test_an_alert_is_told_once_by_each_notifier(warehouse_url: str, source: Source) -> None:
    changes(warehouse_url, NOW)
    assert told(warehouse_url, NOW) == ["toy: late"]
    assert told(warehouse_url, NOW) == []
    assert told(warehouse_url, NOW, "another") == ["toy: late"]
    load(warehouse_url, source, "1")
    changes(warehouse_url, NOW)
    assert told(warehouse_url, NOW) == ["toy: late no more"]
    assert told(warehouse_url, NOW) == []


def test_an_alert_that_could_not_be_told_is_told_the_next_time_once_and_holds_up_no_other(
    warehouse_url: str, source: Source
) -> None:
    load(warehouse_url, source, "1")
    fail(warehouse_url)
    changes(warehouse_url, NOW + days(3))
    seen: list[str] = []

    def down_for_failing(alert: Alert) -> None:
        if alert.kind == "failing":
            raise TryAgainError("SMTP is down")
        seen.append(alert.title)

    with pytest.raises(TryAgainError, match=r"toy: failing \(SMTP is down"):
        alerts.tell(warehouse_url, "post", down_for_failing, now=NOW)
    assert "toy: late" in seen
    assert told(warehouse_url, NOW) == ["toy: failing"]
    assert told(warehouse_url, NOW) == []


def test_what_went_wrong_and_was_well_again_before_it_could_be_told_is_not_told(
    warehouse_url: str, source: Source
) -> None:
    changes(warehouse_url, NOW)
    load(warehouse_url, source, "1")
    changes(warehouse_url, NOW)
    assert told(warehouse_url, NOW) == []


def test_two_that_tell_at_the_same_time_tell_once(warehouse_url: str, source: Source) -> None:
    changes(warehouse_url, NOW)
    seen: list[str] = []
    start = threading.Barrier(2)

    def notify(alert: Alert) -> None:
        seen.append(alert.title)

    def run() -> None:
        start.wait()
        alerts.tell(warehouse_url, "post", notify, now=NOW)

    threads = [threading.Thread(target=run) for _ in range(2)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert seen.count("toy: late") == 1


# -- silence ----------------------------------------------------------------------------------------------------


def silence(url: str, until: dt.datetime, kind: str = "late", now: dt.datetime = NOW) -> int:
    return alerts.silence(url, "toy", kind=kind, author="ana", reason="the publisher moves house", until=until, now=now)


@pytest.mark.parametrize("kind", ["late", "*"])
def test_a_silence_holds_an_alert_back_until_it_expires_and_then_it_fires_once(
    warehouse_url: str, source: Source, kind: str
) -> None:
    silence(warehouse_url, NOW + days(2), kind)
    assert changes(warehouse_url, NOW) == ["toy late raised"]
    assert told(warehouse_url, NOW) == []
    assert told(warehouse_url, NOW + days(1.9)) == []
    assert told(warehouse_url, NOW + days(2)) == ["toy: late"]
    assert told(warehouse_url, NOW + days(2)) == []


def test_a_silence_of_one_kind_lets_the_others_through(warehouse_url: str, source: Source) -> None:
    silence(warehouse_url, NOW + days(2), "failing")
    changes(warehouse_url, NOW)
    assert told(warehouse_url, NOW) == ["toy: late"]


def test_what_is_well_again_before_the_silence_expires_is_never_told(warehouse_url: str, source: Source) -> None:
    silence(warehouse_url, NOW + days(2))
    changes(warehouse_url, NOW)
    load(warehouse_url, source, "1")
    changes(warehouse_url, NOW)
    assert told(warehouse_url, NOW + days(2)) == []


def test_a_shorter_silence_ends_a_longer_one(warehouse_url: str, source: Source) -> None:
    silence(warehouse_url, NOW + days(20))
    silence(warehouse_url, NOW + days(1))
    changes(warehouse_url, NOW)
    assert told(warehouse_url, NOW + days(1)) == ["toy: late"]


@pytest.mark.parametrize("expires", ["NULL", "now()", "now() - interval '1 day'"])
def test_the_database_refuses_a_silence_that_does_not_end_later(warehouse_url: str, expires: str) -> None:
    with (
        pytest.raises((psycopg.errors.NotNullViolation, psycopg.errors.CheckViolation)),
        psycopg.connect(warehouse_url) as connection,
    ):
        connection.execute(
            "INSERT INTO ops.silence (source, kind, author, reason, expires_at) "
            f"VALUES ('toy', 'late', 'ana', 'a long reason', {expires})"
        )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"kind": "noise"}, "no kind of alert"),
        ({"until": NOW - days(1)}, "has passed"),
        ({"source_id": "nobody"}, "no source 'nobody'"),
        ({"reason": "short"}, "refuses the data"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(
    warehouse_url: str, source: Source, change: dict[str, object], match: str
) -> None:
    given = {"source_id": "toy", "kind": "late", "author": "ana", "reason": "moves house", "until": NOW + days(1)}
    with pytest.raises(PermanentError, match=match):
        alerts.silence(warehouse_url, **{**given, **change}, now=NOW)  # type: ignore[arg-type]


# -- the ledger -------------------------------------------------------------------------------------------------


def test_the_database_refuses_an_alert_that_changes_nothing(warehouse_url: str, source: Source) -> None:
    changes(warehouse_url, NOW)
    with (
        pytest.raises(psycopg.errors.CheckViolation, match="late of toy is raised already"),
        psycopg.connect(warehouse_url) as connection,
    ):
        connection.execute(
            "INSERT INTO ops.alert (source, kind, change, message, at) VALUES ('toy', 'late', 'raised', '', now())"
        )


# -- the notifiers of Airflow -----------------------------------------------------------------------------------


def an_alert(**differs: object) -> Alert:
    facts = {"alert_id": 1, "source": "toy", "kind": "failing", "change": "raised", "message": "a\nb", "at": NOW}
    return Alert(**{**facts, **differs})  # type: ignore[arg-type]


@pytest.fixture
def teller() -> Callable[[str], Callable[[Alert], None]]:
    from migstats import notify

    return lambda path: notify.teller(path, {})


@pytest.mark.airflow
@pytest.mark.parametrize(
    ("differs", "level"), [({}, "ERROR"), ({"kind": "late"}, "WARNING"), ({"change": "cleared"}, "WARNING")]
)
def test_without_a_setting_an_alert_is_one_line_of_the_log(
    teller: Callable[[str], Callable[[Alert], None]],
    caplog: pytest.LogCaptureFixture,
    differs: dict[str, object],
    level: str,
) -> None:
    from migstats import notify

    assert list(notify.notifiers()) == [notify.DEFAULT]
    teller(notify.DEFAULT)(an_alert(**differs))
    [record] = [r for r in caplog.records if r.name == "migstats.alerts"]
    assert record.levelname == level
    assert record.message.endswith(": a b")


@pytest.mark.airflow
@pytest.mark.parametrize(
    ("setting", "match"),
    [
        ("{", "is no JSON"),
        ('["a"]', "no object of objects"),
        ('{"no.such.Module": {}}', "cannot be made"),
        ('{"migstats.notify.LogNotifier": {"nonsense": 1}}', "cannot be made"),
        ('{"collections.Counter": {}}', "is no notifier"),
    ],
)
def test_a_setting_that_names_no_notifier_says_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, setting: str, match: str
) -> None:
    from migstats import notify

    monkeypatch.setenv("MIGSTATS_NOTIFIERS", setting)
    with pytest.raises(PermanentError, match=match):
        [notify.teller(path, {})(an_alert()) for path in notify.notifiers()]


@pytest.mark.airflow
def test_mail_goes_out_through_airflow_s_notifier_and_once_after_the_server_was_down(
    warehouse_url: str, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O06."""
    smtp = "airflow.providers.smtp.notifications.smtp.SmtpNotifier"
    arguments = {
        "to": "ops@example.org",
        "from_email": "migstats@example.org",
        "subject": "[migstats] {{ alert.title }}",
        "html_content": "<p>{{ alert.message | e }}</p>",
    }
    box = Mailbox()
    extra = "disable_tls=true&disable_ssl=true&retry_limit=1&timeout=5"
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", f"smtp://127.0.0.1:{box.port}/?{extra}")
    monkeypatch.setenv("MIGSTATS_NOTIFIERS", json.dumps({smtp: arguments}))
    changes(warehouse_url, NOW)
    monkeypatch.setattr(tasks, "warehouse_url", lambda: warehouse_url)
    monkeypatch.setattr(tasks, "attempt_of", lambda *_: contextlib.nullcontext(ledger.Tally()))
    with pytest.raises(TryAgainError, match="could not tell"):
        tasks.tell(smtp, {})
    with box:
        tasks.tell(smtp, {})
        tasks.tell(smtp, {})
    [mine] = [text for text in box.received if "[migstats] toy: late" in text]
    [html] = [part for part in email.message_from_string(mine).walk() if part.get_content_type() == "text/html"]
    assert html.get_payload(decode=True) == b"<p>never loaded; expected every 1 day</p>"


# -- the command line -------------------------------------------------------------------------------------------


def command(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_the_command_line_lists_what_stands_and_silences_it(
    warehouse_url: str, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", warehouse_url)
    changes(warehouse_url, NOW)
    given = ("silence", "toy", "--kind", "late", "--author", "ana", "--reason", "the publisher moves house")
    assert command(*given, "--until", "2999-01-01")[0] == 0
    code, said = command("alerts", "--json")
    [mine] = [row for row in json.loads(said) if row["source"] == "toy"]
    assert (code, mine["kind"], mine["silent_until"]) == (0, "late", "2999-01-01 00:00:00+00:00")
    code, said = command(*given)
    assert code == 2
    assert "--until" in said
    code, said = command(*given, "--until", "2020-01-01")
    assert code == 1
    assert "has passed" in said
