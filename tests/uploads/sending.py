"""Submissions of tests, from their confirmed table to the load, as the DAG takes them."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Mapping

from migstats import candidate, lake, pipeline, publish, question, vintage, warehouse
from migstats.reading import Read
from migstats.source import folder_of, read_source
from migstats.uploads import canonical, declaration, submission
from migstats.uploads.submission import Reading, Sent, Submission

AMAL = "amal@example.org"
SOURCE = "upload_mar"
TODAY = dt.date(2026, 11, 26)
#: A row of the canonical table, where a test does not say otherwise.
ROW: Mapping[str, str] = {
    "ref_area": "MAR",
    "time_period": "2025",
    "indicator": "LABOUR_DEPARTURES",
    "unit": "PS",
    **dict.fromkeys(declaration.DIMENSIONS, "_T"),
    "counterpart_area": "FRA",
    "counterpart_basis": "destination",
    "value": "120",
    "obs_status": "A",
    "note": "",
    "subdivision_name": "",
    "sheet": "Permis",
    "cell": "F5",
}


def table(*rows: Mapping[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, declaration.HEADER, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**ROW, **row} for row in rows)
    return text.getvalue().encode()


def confirmed(
    url: str,
    *rows: Mapping[str, str],
    content: str,
    year: int = 2025,
    form: str = "labour_permits",
    not_before: dt.date | None = None,
) -> Submission:
    there, _ = submission.receive(
        url, Sent("MAR", form, year, "fr", "portal", AMAL, "permis.xlsx"), f"PK {content} {form} {rows}".encode()
    )
    snapshot = lake.store_snapshot(table(*rows))
    reading = Reading(snapshot, content * 64, len(rows), len(rows), {}, ())
    submission.read(url, there.upload_id, reading, who="service")
    return submission.confirm(url, there.upload_id, content * 64, who=AMAL, not_before=not_before)


def go(url: str, there: Submission, *, decided_by: str | None = "statistician") -> tuple[candidate.Candidate, object]:
    """From the confirmed table to the load, as the DAG does it."""
    folder = folder_of(SOURCE)
    source = read_source(folder / "source.yaml")
    read = pipeline.read(canonical.land(url, there, source, run_id="r"), source, folder)
    pipeline.check([read], source, run_id="r", url=url, today=TODAY)
    judged = pipeline.gate([read], source, folder, run_id="r", url=url)
    if judged.breaches:
        submission.judged(url, judged.candidate_id, read.snapshots)
    if judged.waits and decided_by is not None:
        candidate.decide(url, judged.candidate_id, verdict="approved", decided_by=decided_by, reason="looked at")
    return judged, pipeline.load([read], source, folder, run_id="r", url=url)


def read(url: str, there: Submission) -> Read:
    """The confirmed table, or what says that nothing of it stands, as the tasks `read` and `judge` leave it."""
    folder = folder_of(SOURCE)
    source = read_source(folder / "source.yaml")
    land = canonical.land_withdrawal if there.state == "withdrawn" else canonical.land
    return pipeline.read(land(url, there, source, run_id="r"), source, folder)


def asked(url: str, there: Submission, one: Read, *, run: str | None = None) -> tuple[candidate.Candidate, str]:
    """What the tasks `gate` and `decide` do: judge, and ask a person; how the question stands."""
    judged = pipeline.gate(
        [one], read_source(folder_of(SOURCE) / "source.yaml"), folder_of(SOURCE), run_id="r", url=url
    )
    if there.state == "withdrawn":
        submission.withdrawal_judged(url, judged.candidate_id, there.upload_id)
    else:
        submission.judged(url, judged.candidate_id, one.snapshots)
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=7)
    scope = question.Scope.of([one])
    key = {"run_id": f"upload/{run or there.upload_id}", "until": until, "alive_until": until}
    return judged, question.ask(url, judged.candidate_id, scope, **key).state


def standing(url: str, there: Submission, one: Read, judged: candidate.Candidate) -> str:
    """How the question about a submission stands when its task wakes."""
    scope = question.Scope.of([one])
    return question.look(url, judged.candidate_id, scope, run_id=f"upload/{there.upload_id}").state


def approved(url: str, there: Submission, one: Read, judged: candidate.Candidate) -> vintage.Counts:
    """A statistician approves, and the task `load` does its work."""
    candidate.decide(url, judged.candidate_id, verdict="approved", decided_by="statistician", reason="looked at")
    folder = folder_of(SOURCE)
    source = read_source(folder / "source.yaml")
    counts = pipeline.load([one], source, folder, run_id="r", url=url, gated=judged.candidate_id)
    if there.state == "submitted":
        submission.step(url, there.upload_id, "approved", who="statistician", vintage_id=counts.vintage_id)
    return counts


def published_figures(url: str) -> list[tuple[object, ...]]:
    publish.publish(url, run_id="p", only=[SOURCE])
    with warehouse.connect(url) as connection:
        rows = connection.execute(
            "SELECT counterpart_area, time_period, published_value, obs_status FROM bi.fact_observation "
            "WHERE source = 'upload_mar' ORDER BY counterpart_area, time_period"
        ).fetchall()
    return [tuple(row.values()) for row in rows]
