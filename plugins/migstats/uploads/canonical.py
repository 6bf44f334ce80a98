"""The confirmed figures of a submission as a slice of the country's source: what the ordinary pipeline goes on with."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re

from migstats import lake, warehouse
from migstats.errors import PermanentError
from migstats.landing import Landed, Page, note_landing
from migstats.source import Slice, Source
from migstats.uploads.declaration import DIMENSIONS, HEADER, WITHDRAWN, slice_id
from migstats.uploads.submission import Submission, events, taken_back
from migstats.warehouse import Snapshot


def land(url: str, submission: Submission, source: Source, *, run_id: str) -> Landed:
    """Note the canonical table of a confirmed submission as landed; again, it is the same landing.

    Its time is that of the confirmation: of two submissions the one confirmed later is the newer. PermanentError for
    one that is not confirmed, or of another country.
    """
    if submission.state != "submitted" or submission.snapshot is None:
        raise PermanentError(
            f"upload {submission.upload_id} is {submission.state}, and not confirmed by the official; nothing is loaded"
        )
    [moment] = [event["at"] for event in events(url, submission.upload_id) if event["state"] == "submitted"][-1:]
    return _land(url, submission, source, submission.snapshot, moment, run_id)


def land_withdrawal(url: str, submission: Submission, source: Source, *, run_id: str) -> Landed:
    """Note as landed that nothing of a submission stands, since the official took it back after it was published."""
    if submission.state != "withdrawn" or submission.snapshot is None:
        raise PermanentError(f"upload {submission.upload_id} is {submission.state}, and not taken back")
    row = dict.fromkeys(HEADER, "") | dict.fromkeys(DIMENSIONS, "_T")
    about = {"ref_area": submission.country, "time_period": str(submission.year), "indicator": WITHDRAWN}
    table = io.StringIO()
    writer = csv.DictWriter(table, HEADER, lineterminator="\n")
    writer.writeheader()
    writer.writerow({**row, **about, "value": "0", "note": submission.upload_id})
    moment, _ = taken_back(url, submission.upload_id)
    return _land(url, submission, source, lake.store_snapshot(table.getvalue().encode()), moment, run_id)


def _land(url: str, submission: Submission, source: Source, sha: str, moment: dt.datetime, run_id: str) -> Landed:
    if source.delivery != "sent":
        raise PermanentError(f"source {source.id} is asked for, and nobody sends it")
    size = lake.snapshot_path(sha).stat().st_size
    slice_ = Slice(
        source=source.id,
        dataset=submission.form,
        slice=slice_id(submission.form, submission.year),
        url=f"upload:{submission.upload_id}",
        year=submission.year,
        at={"year": str(submission.year)},
    )
    page = Page(sha256=sha, bytes=size, part=1, pages=1, retrieved_at=moment)
    snapshot = Snapshot(
        source=source.id,
        dataset=submission.form,
        slice=slice_.slice,
        release="",
        part=1,
        sha256=sha,
        bytes=size,
        url=slice_.url,
        media_type="text/csv",
        etag=None,
        last_modified=None,
        retrieved_at=moment,
    )
    with warehouse.connect(url) as connection:
        warehouse.add_source(connection, source)
        warehouse.add_snapshots(connection, [snapshot])
    landed = Landed(slice=slice_, pages=(page,), released_at=moment)
    note_landing(url, landed, run_id)
    return landed


def cell_at(table: bytes, place: str) -> str:
    """Where the figure at a place of a canonical table (`line 17 column value`) stands in the workbook: `Permis!F5`."""
    match = re.match(r"line ([0-9]+) ", place)
    if match is None:
        raise PermanentError(f"{place!r} is no place of a canonical table")
    records = csv.DictReader(io.StringIO(table.decode(), newline=""))
    for record in records:
        if records.line_num == int(match[1]):
            return f"{record['sheet']}!{record['cell']}"
    raise PermanentError(f"the canonical table has no {place}")
