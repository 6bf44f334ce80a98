"""What the tasks of `dags/upload.py` call: one workbook on its way from its receipt to the warehouse."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from migstats import candidate, settings, tasks
from migstats.landing import Landed
from migstats.source import Source, folder_of, read_source
from migstats.tasks import Context, Json
from migstats.uploads import canonical, runs, submission
from migstats.uploads.declaration import source_id
from migstats.uploads.submission import Submission

log = logging.getLogger("migstats")

#: Who is said to have made the steps that no person made.
SERVICE = "service"


def _source(there: Submission) -> Source:
    return read_source(folder_of(source_id(there.country)) / "source.yaml")


def _of(context: Context) -> Submission:
    upload_id = str(context["params"]["upload"])
    there = submission.find(tasks.warehouse_url(), upload_id)
    context["slice"] = runs.label(there)  # type: ignore[index]  # names the mapped task
    return there


def _run(there: Submission, *, withdraw: bool = False, again: int = 0) -> Json:
    """What a run of `upload` is started with: its id says whose figures it is about, its conf which receipt."""
    return {
        "run_id": runs.run_id(there, withdraw=withdraw, again=again),
        "conf": {"upload": there.upload_id, "withdraw": withdraw},
        "note": runs.label(there),
    }


def _run_after(there: Submission, task: Any) -> list[Json]:
    """The run that a confirmed upload needs where each that it had is over: none waited for the official any more."""
    again = 0
    while task.get_dr_count(runs.DAG, run_ids=[runs.run_id(there, again=again)]):
        if task.get_dagrun_state(runs.DAG, runs.run_id(there, again=again)) not in ("success", "failed"):
            return []
        again += 1
    return [_run(there, again=again)]


def collect(context: Context) -> list[Json]:
    """Take in what lies in the watched folders; the runs that are to be started, those that got lost among them."""
    from migstats.uploads import intake

    url = tasks.warehouse_url()
    with tasks.attempt_of(context, "*", "collect") as tally:
        submission.published(url)  # what a publish that was killed did not note
        came, refused = intake.collect(url, _intake(), now=dt.datetime.now(dt.UTC))
        tally.add(message=f"{len(came)} workbooks, {len(refused)} refused")
    for name, why in refused.items():
        log.warning("%s is refused: %s", name, why)
    return missing_runs(url, context["ti"])


def missing_runs(url: str, task: Any) -> list[Json]:
    """The runs that nobody started, or that are needed once more; `task` knows which runs Airflow has."""
    confirmed = [run for there in submission.confirmed_without_run(url) for run in _run_after(there, task)]
    taken_back = [
        _run(there, withdraw=True, again=submission.taken_back(url, there.upload_id)[1])
        for there in submission.to_withdraw(url)
    ]
    return [*map(_run, submission.without_run(url)), *confirmed, *taken_back]


def start(run: Json) -> NoReturn:
    """Start a run of `upload`; skips where Airflow has it. TriggerDagRunOperator does so too, and is slow to import."""
    from airflow.sdk.exceptions import DagRunTriggerException

    raise DagRunTriggerException(
        trigger_dag_id=runs.DAG,
        dag_run_id=run["run_id"],
        conf=run["conf"],
        note=run["note"],
        reset_dag_run=False,
        skip_when_already_exists=True,
        wait_for_completion=False,
        allowed_states=[],
        failed_states=[],
        poke_interval=60,
        deferrable=False,
    )


def _intake() -> Any:
    """The watched folder, or the prefix of a bucket."""
    from airflow.sdk import ObjectStoragePath

    root = settings.intake()
    return ObjectStoragePath(root if "://" in root else Path(root).absolute().as_uri())


def mail(context: Context) -> int:
    """Tell officials what became of their workbooks; how many mails that were. Skips without a mail server."""
    from airflow.sdk.exceptions import AirflowSkipException

    from migstats.uploads import mails

    server = mail_server()
    if server is None:
        raise AirflowSkipException("SKIP: no Airflow connection `smtp_default`; officials see the portal only")
    with tasks.attempt_of(context, "*", "mail") as tally:
        sent = mails.send(tasks.warehouse_url(), server, now=dt.datetime.now(dt.UTC))
        tally.add(message=f"{sent} mails")
    return sent


def mail_server() -> Any:
    """The mail server of Airflow's connection `smtp_default`; None where there is none."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    from migstats.uploads.mails import Server

    try:
        connection = Connection.get("smtp_default")
    except AirflowNotFoundException:
        return None
    extra = connection.extra_dejson
    return Server(
        host=str(connection.host),
        port=int(connection.port or 587),
        sender=str(extra.get("from_email") or "migstats@localhost.localdomain"),
        portal=settings.portal(),
        user=connection.login or None,
        password=connection.password or None,
        starttls=not extra.get("disable_tls", False),
    )


def _takes_back(context: Context) -> bool:
    """Whether the run takes out of the warehouse what was published of an upload that the official took back."""
    return bool(context["params"].get("withdraw"))


def check(upload_id: str, context: Context) -> Json:
    """Look at a workbook: is it safe, what does it say, what is wrong with it. Skips the rest where it is rejected."""
    from airflow.sdk.exceptions import AirflowSkipException

    from migstats.uploads import intake

    url, there = tasks.warehouse_url(), _of(context)
    if _takes_back(context):
        return {"upload_id": there.upload_id, "state": there.state}
    with tasks.attempt_of(context, source_id(there.country), "land", there.upload_id) as tally:
        there = intake.check(url, there.upload_id, who=SERVICE)
        if there.channel == "folder":
            findings = [one.finding for one in submission.findings(url, there.upload_id)]
            intake.tell_in_folder(_intake(), there, findings)
        tally.add(message=f"{there.state}: {there.figures or 0} figures", bytes=there.bytes)
    log.info("%s is %s", there.upload_id, there.state)
    if there.state in ("rejected", "withdrawn"):
        raise AirflowSkipException(f"SKIP: the upload is {there.state}; the official has the answer")
    return {"upload_id": there.upload_id, "state": there.state}


def is_confirmed(context: Context) -> bool:
    """Whether the official confirmed. Skips the rest where it was taken back."""
    from airflow.sdk.exceptions import AirflowSkipException

    there = _of(context)
    if _takes_back(context):
        return True
    if there.state in ("rejected", "withdrawn"):
        raise AirflowSkipException(f"SKIP: the upload is {there.state}")
    return there.state not in ("received", "checked", "ready")


def read(context: Context) -> list[Json]:
    """Land the confirmed figures, and read them as those of any source."""
    url, there = tasks.warehouse_url(), _of(context)
    landed = _landed(url, there, context)
    return tasks.read(landed.model_dump(mode="json"), context)


def _landed(url: str, there: Submission, context: Context) -> Landed:
    with tasks.attempt_of(context, source_id(there.country), "land", there.upload_id) as tally:
        land = canonical.land_withdrawal if _takes_back(context) else canonical.land
        landed = land(url, there, _source(there), run_id=tasks.run_of(context))
        tally.add(snapshots=1, bytes=landed.pages[0].bytes)
    return landed


def judge(reads: Sequence[Json], context: Context) -> list[Json]:
    """What Great Expectations says of it; of what is taken back there is nothing to say."""
    if _takes_back(context):
        return list(reads)
    return tasks.check(source_id(_of(context).country), reads, context)


def gate(checked: Sequence[Json], context: Context) -> Json:
    """Compare with what was accepted last; the gate of an upload asks a person each time."""
    url, there = tasks.warehouse_url(), _of(context)
    judged = tasks.gate(source_id(there.country), checked, context)
    if not judged["breaches"]:
        return judged  # it says what stands: nobody is asked
    if _takes_back(context):
        submission.withdrawal_judged(url, judged["candidate_id"], there.upload_id)
    else:
        submission.judged(url, judged["candidate_id"], [sha for read in checked for sha in read["snapshots"]])
    return judged


def is_released(judged: Json | None, context: Context) -> bool:
    """Whether it may be loaded: there is no embargo, it is over, or a statistician refused what is under it."""
    if judged is None or context["params"].get("dry_run") or _takes_back(context):
        return True
    there = _of(context)
    waits = (
        there.state == "submitted" and there.embargo_until is not None and dt.datetime.now(dt.UTC) < there.embargo_until
    )
    if not waits or _decision(tasks.warehouse_url(), judged)["verdict"] == "rejected":
        return True
    log.info("%s is under embargo until %s", there.upload_id, there.embargo_until)
    return False


def load(checked: Sequence[Json] | None, judged: Json | None, told: Any, context: Context) -> Json:
    """Load what was approved, and note what became of the submission. `told` is the alias that publish hears of.

    Tried again after a kill, what was loaded stands already, and the submission is noted as approved all the same.
    """
    from airflow.sdk import Asset
    from airflow.sdk.exceptions import AirflowSkipException

    url, there = tasks.warehouse_url(), _of(context)
    if there.state == "withdrawn" and not _takes_back(context):
        raise AirflowSkipException("SKIP: the upload was taken back before it was loaded, whatever was decided of it")
    source = _source(there)
    follows = there.state == "submitted" and not context["params"].get("dry_run")
    try:
        facts = tasks.loaded(source.id, checked, judged, context)
    except AirflowSkipException:
        if follows and judged is not None:
            note_refused(url, there, judged)
        raise
    if follows:
        note_loaded(url, there, judged, facts["vintage_id"])
    tasks.skip_unchanged(source.id, facts)
    accepted = Asset(f"vintage_{source.id}", uri=source.vintage_uri, group="vintage")
    context["outlet_events"][told].add(accepted, extra=facts)
    return facts


def note_loaded(url: str, there: Submission, judged: Json | None, vintage_id: int) -> None:
    """A submission whose figures stand is approved: by whom, or by nobody where it says what was accepted already."""
    by = _decision(url, judged)
    submission.step(
        url,
        there.upload_id,
        "approved",
        who=by["decided_by"] or SERVICE,
        candidate_id=by["candidate_id"],
        vintage_id=vintage_id,
        reason=by["reason"] or "it says what was accepted already",
    )


def note_refused(url: str, there: Submission, judged: Json) -> None:
    """A submission that was not loaded: rejected by a statistician, for a reason, or overtaken by a newer one.

    Where another run asks about it, it stays confirmed.
    """
    by = _decision(url, judged)
    if by["verdict"] == "rejected":
        key = {"who": by["decided_by"], "candidate_id": by["candidate_id"], "reason": by["reason"]}
        submission.step(url, there.upload_id, "rejected", **key)
    elif submission.is_overtaken(url, there.upload_id):
        submission.step(url, there.upload_id, "superseded", who=SERVICE, reason="a newer submission took its place")


def _decision(url: str, judged: Json | None) -> dict[str, Any]:
    if judged is None or not judged["breaches"]:
        return {"verdict": None, "decided_by": None, "reason": None, "candidate_id": None}
    return dict(candidate.story(url, judged["candidate_id"]))
