"""The pages of the web interface beside the Data Docs: the gate's report of a candidate, the state of the warehouse.

Rows of `include/sql/report` in, HTML out. Every text is of others: the templates escape it, and nothing in it is run.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from migstats import settings
from migstats.freshness import State, freshness, moment, span

Row = Mapping[str, Any]

#: Bars of the chart; the table below it has every difference that was kept.
BARS: Final = 15

#: Where the axis of the chart may end. A bar beyond the last one is cut, and says so.
_ENDS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)

#: From one of our pages to Airflow's own; relative, so that it holds below any base URL.
_AIRFLOW: Final = "../../"
_DAG: Final = re.compile(r"(?:ingest_[a-z][a-z0-9_]*|publish|maintain)\Z")


@dataclass(frozen=True)
class Status:
    """A word, and the style class that colours it; never the colour alone."""

    word: str
    style: str


OUTCOMES: Final = {
    "done": Status("done", "passed"),
    "skip": Status("skip", "noted"),
    "refused": Status("refused", "warning"),
    "failed": Status("failed", "stopped"),
}

FRESHNESS: Final[Mapping[State, Status]] = {
    "fresh": Status("fresh", "passed"),
    "late": Status("late", "warning"),
    "never": Status("never", "warning"),
    "by hand": Status("by hand", "noted"),
    "failing": Status("failing", "stopped"),
}


# -- words ------------------------------------------------------------------------------------------------------


def figure(value: float | None) -> str:
    """A figure as a person reads it: all digits before the point, few behind it."""
    if value is None:
        return "none"
    if value == int(value):
        return f"{value:,.0f}".replace("-", "−")
    text = f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) >= 1 else f"{value:.4g}"
    return text.replace("-", "−")


def percent(share: float) -> str:
    """A relative difference with its sign."""
    return (f"{share:+,.0%}" if abs(share) >= 10 else f"{share:+.1%}").replace(".0%", "%").replace("-", "−")


def run_url(run_id: str | None) -> str | None:
    """Airflow's page of a run, relative to our pages; None for a run that Airflow does not know."""
    dag, _, run = (run_id or "").partition("/")
    return f"{_AIRFLOW}dags/{dag}/runs/{quote(run, safe='')}" if run and _DAG.match(dag) else None


def form_url(run_id: str | None) -> str | None:
    """Airflow's form in which the run asks for a decision, relative to our pages; None for a run without one."""
    run = run_url(run_id)
    return f"{run}/tasks/decide/required_actions" if run and (run_id or "").startswith("ingest_") else None


# -- the warehouse ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Declared:
    """What the page needs of a source's declaration."""

    id: str
    title: str
    schedule: str | None
    grace: dt.timedelta | None = None


@dataclass(frozen=True)
class Overview:
    """The state of the warehouse at one moment, as `report/*.sql` tell it."""

    now: dt.datetime
    declared: Sequence[Declared]
    #: Declarations that cannot be read: folder and what is wrong.
    wrong: Sequence[str]
    sources: Sequence[Row]
    #: What stands, told or held back by a silence.
    alerts: Sequence[Row]
    failing: Sequence[Row]
    decisions: Sequence[Row]
    quarantine: Sequence[Row]
    #: Warnings about what is published: rules that it does not keep.
    notices: Sequence[Row]
    #: Source → page of its last run in the Data Docs, where there is one.
    reports: Mapping[str, str]


def warehouse_page(overview: Overview) -> str:
    """The page of the warehouse: warnings, one row per source, then alerts, what fails, the quarantine."""
    declared = {source.id: source for source in overview.declared}
    lines = []
    for row in overview.sources:
        source = declared.get(row["source"])
        failing = [f for f in overview.failing if f["source"] == row["source"]]
        fresh = freshness(
            source.schedule if source else None,
            loaded_at=row["loaded_at"],
            now=overview.now,
            grace=source.grace if source else None,
            failing_since=min((f["since"] for f in failing), default=None),
        )
        lines.append(
            {
                **row,
                "title": source.title if source else row["title"] or row["source"],
                "declared": source is not None,
                "freshness": fresh,
                "fresh": FRESHNESS[fresh.state],
                "outcome": OUTCOMES.get(row["status"]),
                "failing": failing,
                "decisions": [d for d in overview.decisions if d["source"] == row["source"]],
                "report": overview.reports.get(row["source"]),
            }
        )
    return _render("warehouse.html.j2", overview=overview, sources=lines)


def unreachable_page(message: str) -> str:
    """What is shown where the warehouse cannot be asked."""
    return _render("unreachable.html.j2", message=message)


# -- the gate ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """One bar of the chart: a figure that was and is, and how far they are apart in parts of what was."""

    series: str
    time_period: str
    was: float
    now: float
    breach: bool

    @property
    def change(self) -> float:
        """The difference, relative to what was."""
        return (self.now - self.was) / abs(self.was)

    @property
    def label(self) -> str:
        """The series, as far as a line of the chart has place for it."""
        whole = f"{self.series} · {self.time_period}"
        return whole if len(whole) <= 96 else f"{self.series[: 92 - len(self.time_period)]}… · {self.time_period}"

    @property
    def text(self) -> str:
        """The figures in words."""
        return f"{figure(self.was)} → {figure(self.now)} ({percent(self.change)})"


@dataclass(frozen=True)
class Chart:
    """The largest relative differences, largest first, and where the axis ends on both sides."""

    bars: Sequence[Bar]
    end: float
    #: Differences that have no relative one: nothing was there before, or nothing is now, or it was zero.
    left_out: int

    def length(self, bar: Bar, half: float) -> float:
        """Length of a bar on an axis whose halves are `half` long."""
        return round(min(abs(bar.change) / self.end, 1) * half, 2)

    def cut(self, bar: Bar) -> bool:
        """Whether the bar is longer than its axis."""
        return abs(bar.change) > self.end


def chart(differences: Sequence[Row], findings: Sequence[Row]) -> Chart:
    """Choose the bars: of what was kept of a candidate, that which can be told in per cent."""
    bars: dict[tuple[str, str], Bar] = {}
    left_out: set[tuple[str, str]] = set()
    named = [(f["place"], f["time_period"], f, f["severity"] == "breach") for f in findings if f["time_period"]]
    for series, period, row, breach in [*named, *((d["series"], d["time_period"], d, False) for d in differences)]:
        was, now = row["was"], row["now"]
        key = (series, period)
        if was is None and now is None:
            continue
        if was is None or now is None or was == 0 or not math.isfinite(was) or not math.isfinite(now):
            left_out.add(key)
        elif now != was:
            bars.setdefault(key, Bar(series, period, was, now, breach))
    largest = sorted(bars.values(), key=lambda bar: (-abs(bar.change), bar.series, bar.time_period))[:BARS]
    longest = max((abs(bar.change) for bar in largest), default=0.0)
    end = next((e for e in _ENDS if e >= longest), _ENDS[-1])
    return Chart(largest, end, len(left_out))


def verdict_of(candidate: Row) -> Status:
    """What a candidate has come to."""
    if candidate["verdict"] == "approved":
        return Status("approved", "passed")
    if candidate["verdict"] == "rejected":
        return Status("rejected", "stopped")
    if candidate["waits"]:
        return Status("waits", "warning")
    if not candidate["breaches"]:
        return Status("no breach", "passed")
    return Status(candidate["question"] if candidate["question"] == "superseded" else "not decided", "noted")


def severity_of(finding: Row) -> Status:
    """How a finding is shown."""
    if finding["severity"] == "notice":
        return Status("notice", "noted")
    return Status("breach", "stopped") if finding["waiver_id"] is None else Status("waived", "warning")


def gate_page(candidate: Row, findings: Sequence[Row], differences: Sequence[Row]) -> str:
    """The whole report of a candidate: who decided and why, all findings, the chart, all differences that were kept."""
    return _render(
        "gate.html.j2",
        candidate=candidate,
        verdict=verdict_of(candidate),
        findings=findings,
        differences=differences,
        chart=chart(differences, findings),
    )


def unknown_page(what: str) -> str:
    """What is shown for a candidate that nobody judged."""
    return _render("unknown.html.j2", what=what)


def style() -> str:
    """The style sheet of the Data Docs, and what these pages need beside it."""
    files = ("datadocs/style.css", "pages/pages.css")
    return "\n".join((settings.include() / file).read_text(encoding="utf-8") for file in files)


def _render(template: str, **facts: object) -> str:
    include = settings.include()
    templates = Environment(
        loader=FileSystemLoader([include / "pages", include / "datadocs"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(figure=figure, percent=percent, moment=moment, span=span)
    templates.filters.update(run_url=run_url, form_url=form_url)
    templates.globals.update(severity_of=severity_of, airflow=_AIRFLOW)
    return templates.get_template(template).render(root="../", **facts)
