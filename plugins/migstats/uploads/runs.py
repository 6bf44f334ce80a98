"""Runs of the DAG `upload`: what they are called, the same whoever starts them, so that each is started once."""

from __future__ import annotations

from typing import Final

from migstats.uploads.contract import form_of
from migstats.uploads.submission import Submission

DAG: Final = "upload"


def label(there: Submission) -> str:
    """How a run is called: whose figures, of which form and year."""
    return f"{there.country} · {form_of(there.form).title.en} {there.year}"


def run_id(there: Submission, *, withdraw: bool = False, again: int = 0) -> str:
    """The id of a run about an upload. `again` counts those that there were before it, and that came to nothing."""
    code = there.upload_id.rpartition("-")[2]
    parts = [there.country, there.form, str(there.year), code, *(["withdrawn"] if withdraw else [])]
    return ".".join([*parts, *([str(again + 1)] if again else [])])
