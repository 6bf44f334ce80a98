"""Data Docs: a static site of what was validated, readable without a network, a script or a server."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from migstats import process, settings
from migstats.validate import SEVERITIES, Judgement, Report

if TYPE_CHECKING:
    from jinja2 import Template

#: Runs per source that keep a page; the results of all are in ops.validation_result.
KEPT: Final = 50


@dataclass(frozen=True)
class Status:
    """A word, and the style class that colours it; never the colour alone."""

    word: str
    style: str


PASSED: Final = Status("passed", "passed")
_FAILED: Final = {
    "critical": Status("stopped", "stopped"),
    "warning": Status("warning", "warning"),
    "info": Status("for information", "noted"),
}


def result_of(judgement: Judgement) -> Status:
    """How one judgement is shown."""
    return PASSED if judgement.success else _FAILED[judgement.severity]


@dataclass(frozen=True)
class Run:
    """What was judged of one source in one run."""

    source: str
    run_id: str
    judged_at: dt.datetime
    judgements: tuple[Judgement, ...]

    @property
    def slug(self) -> str:
        """The run's name as a file name; the hash keeps names apart that differ in other characters only."""
        return f"{_safe(self.run_id)}-{hashlib.sha256(self.run_id.encode()).hexdigest()[:8]}"

    @property
    def page(self) -> str:
        """The run's page, relative to the index."""
        return f"{_safe(self.source)}/{self.slug}.html"

    @property
    def record(self) -> str:
        """The file that this site keeps of the run, to make its pages from."""
        return f"records/{_safe(self.source)}/{self.slug}.json"

    @property
    def time(self) -> str:
        """When it was judged, UTC, to the second."""
        return self.judged_at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S")

    @property
    def failed(self) -> dict[str, int]:
        """Severity → number of expectations that failed with it."""
        return {s: sum(j.severity == s and not j.success for j in self.judgements) for s in SEVERITIES}

    @property
    def status(self) -> Status:
        """The worst result of the run."""
        return next((_FAILED[s] for s in SEVERITIES if self.failed[s]), PASSED)

    def suites(self) -> dict[str, list[Judgement]]:
        """Suite → judgements, those that failed first and the gravest of them before."""
        ordered: dict[str, list[Judgement]] = {}
        for j in self.judgements:
            ordered.setdefault(j.suite, []).append(j)
        return {s: sorted(js, key=lambda j: (j.success, SEVERITIES.index(j.severity))) for s, js in ordered.items()}

    def joined(self, earlier: Self | None) -> Run:
        """This run with the suites that an earlier part of it judged."""
        if earlier is None:
            return self
        anew = {j.suite for j in self.judgements}
        kept = tuple(j for j in earlier.judgements if j.suite not in anew)
        return Run(self.source, self.run_id, self.judged_at, kept + self.judgements)


def page_of(source: str, run_id: str) -> str:
    """The page that a run of a source has, or would have, relative to the index."""
    return Run(source, run_id, dt.datetime.min, ()).page


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_+-]+", "-", name)[:80]


def render(report: Report, *, run_id: str, target: Path, at: dt.datetime | None = None) -> Path:
    """Add a report to the site at `target` and write its pages anew; the page of the run (of the last source).

    A second report of the same run adds its suites. Pages are replaced whole, so that a reader never sees half of
    one, and a lock keeps runs that end together from overwriting each other's index. `at` is when it was judged.
    """
    judged_at = at or dt.datetime.now(dt.UTC)
    sources: dict[str, list[Judgement]] = {}
    for judgement in report.judgements:
        sources.setdefault(judgement.source, []).append(judgement)
    target.mkdir(parents=True, exist_ok=True)
    page = target / "index.html"
    with process.alone(target / ".lock"):
        for source, judgements in sources.items():
            run = Run(source, run_id, judged_at, tuple(judgements))
            run = run.joined(_read(target / run.record))
            write(target / run.record, _json(run))
            page = target / run.page
        _pages(target)
    return page


def prune(target: Path, *, before: dt.datetime, dry_run: bool = False) -> int:
    """Drop the pages of runs that were judged before a moment, but never a source's last one; how many that were."""
    if not target.is_dir():
        return 0
    with process.alone(target / ".lock"):
        runs = sorted(
            (run for path in target.glob("records/*/*.json") if (run := _read(path))),
            key=lambda run: (run.source, run.judged_at),
        )
        last = {run.source: run for run in runs}
        going = [run for run in runs if run.judged_at < before and run is not last[run.source]]
        if going and not dry_run:
            for run in going:
                (target / run.record).unlink(missing_ok=True)
                (target / run.page).unlink(missing_ok=True)
            _pages(target)
    return len(going)


def _pages(target: Path) -> None:
    """Write every page from the records; records and pages beyond KEPT go."""
    read = {path: _read(path) for path in sorted(target.glob("records/*/*.json"))}
    unreadable = [str(path.relative_to(target)) for path, run in read.items() if run is None]
    history: dict[str, list[Run]] = {}
    for run in sorted((r for r in read.values() if r), key=lambda r: (r.judged_at, r.run_id), reverse=True):
        history.setdefault(run.source, []).append(run)
    for runs in history.values():
        for run in runs[KEPT:]:
            (target / run.record).unlink(missing_ok=True)
            (target / run.page).unlink(missing_ok=True)
        del runs[KEPT:]
    templates = Environment(
        loader=FileSystemLoader(settings.include() / "datadocs"),
        # All names, cells and messages are text of others: escaped always, whatever the template's file name.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    page: Template = templates.get_template("run.html.j2")
    for run in _together(history):
        if _is_older(target / run.page, target / run.record):
            text = page.render(root="../", run=run, suites=run.suites(), result_of=result_of)
            write(target / run.page, text)
    write(target / "style.css", (settings.include() / "datadocs" / "style.css").read_text(encoding="utf-8"))
    latest = sorted((runs[0] for runs in history.values()), key=lambda r: r.judged_at, reverse=True)
    index = templates.get_template("index.html.j2")
    text = index.render(
        root="",
        latest=latest,
        history=dict(sorted(history.items())),
        unreadable=unreadable,
        profiles=(target / "profiles" / "index.html").is_file(),
    )
    write(target / "index.html", text)


def _together(history: Mapping[str, Iterable[Run]]) -> Iterator[Run]:
    for runs in history.values():
        yield from runs


def _is_older(page: Path, record: Path) -> bool:
    return not page.is_file() or page.stat().st_mtime_ns < record.stat().st_mtime_ns


def _json(run: Run) -> str:
    facts = {"source": run.source, "run_id": run.run_id, "judged_at": run.judged_at.isoformat()}
    return json.dumps({**facts, "judgements": [asdict(j) for j in run.judgements]}, ensure_ascii=False)


def _read(path: Path) -> Run | None:
    """The run of a record; None where there is none, or it is not one of ours (the index says so)."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        judgements = tuple(Judgement(**{**j, "failing": tuple(j["failing"])}) for j in facts["judgements"])
        return Run(facts["source"], facts["run_id"], dt.datetime.fromisoformat(facts["judged_at"]), judgements)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # A file of mkstemp is its owner's alone; the web server may be another user.
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
