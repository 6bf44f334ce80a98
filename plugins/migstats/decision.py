"""The task in which a person lets a breached candidate pass or refuses it, in Airflow's own human-in-the-loop form."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict

APPROVE, REJECT = "Approve", "Reject"

#: Findings and differences that the form shows; the report has all of them.
SHOWN = 20


class DecisionOperator(HITLOperator):  # type: ignore[misc]  # Airflow is untyped here
    """Asks for a decision where the gate found a breach; skips where there is none, or somebody decided before.

    What is shown is read from `ops` when the task runs, and nothing of it goes through a template. Without an answer in
    time the task fails: not accepted.
    """

    #: The texts are made at run time and hold words of publishers: they must not be rendered.
    template_fields: Sequence[str] = ("judged",)

    def __init__(self, *, source_id: str, judged: Any, response_timeout: dt.timedelta, **kwargs: Any) -> None:
        # Airflow hands over the fields of the DAG's own form here; they are none of this one.
        kwargs.pop("params", None)
        super().__init__(
            subject=f"{source_id}: a candidate breaches the gate",
            options=[APPROVE, REJECT],
            response_timeout=response_timeout,
            **kwargs,
        )
        self.source_id = source_id
        self.judged = judged

    def execute(self, context: Any) -> Any:
        """Ask, where there is something to ask."""
        from airflow.sdk.exceptions import AirflowSkipException

        from migstats import candidate, tasks

        if self.judged is None or not self.judged["waits"]:
            raise AirflowSkipException("SKIP: there is nothing to decide")
        if context["params"].get("dry_run"):
            raise AirflowSkipException("dry run: breaches are reported, nobody is asked")
        story = candidate.story(tasks.warehouse_url(), self.judged["candidate_id"])
        if story["verdict"] is not None:
            return {"verdict": story["verdict"], "decided_by": story["decided_by"]}
        self.subject = f"{self.source_id}: {story['breaches']} findings breach the gate"
        self.body = body_of(story, report_url(self.judged["candidate_id"]))
        self.params = _form()
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Keep the answer: who, when, why, and of which candidate."""
        from migstats import candidate, tasks

        self.params = _form()
        answer = super().execute_complete(context, event)
        user = answer["responded_by_user"] or {}
        decided = candidate.decide(
            tasks.warehouse_url(),
            self.judged["candidate_id"],
            verdict="approved" if answer["chosen_options"] == [APPROVE] else "rejected",
            decided_by=str(user.get("name") or user.get("id") or ""),
            reason=str(answer["params_input"].get("reason", "")),
        )
        return {"verdict": decided.verdict, "candidate_id": decided.candidate_id}


def _form() -> ParamsDict:
    """The fields of the form. Not fields of the task: it would have to have a reason before anybody is asked."""
    return ParamsDict(
        {
            "reason": Param(
                type="string",
                minLength=3,
                title="Reason",
                description="Kept with the vintage: why these differences are right, or what is wrong with them.",
            )
        }
    )


def report_url(candidate_id: str) -> str:
    """The page with the whole report and the chart."""
    from airflow.sdk.configuration import conf

    base = str(conf.get("api", "base_url", fallback="") or "/")
    return f"{base.rstrip('/')}/migstats/gate/{candidate_id}"


def escape(text: object) -> str:
    """Text of others as Markdown that shows it letter by letter."""
    plain = " ".join(str(text).split())
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|~>$])", r"\\\1", plain.replace("&", "&amp;").replace("<", "&lt;"))


def body_of(story: Mapping[str, Any], report: str) -> str:
    """The form's text: what breached, the largest differences, and where the whole report is."""
    findings = [f for f in story["findings"] if f["severity"] == "breach" and f["waiver_id"] is None]
    lines = [
        f"Release {escape(story['release'] or '(rolling)')}, compared with "
        + (f"vintage {story['base_vintage']}." if story["base_vintage"] else "nothing: it is the first load."),
        "Nothing that is published changes before a decision; without one it stays as it is.",
        f"[The whole report, with a chart]({report})",
        "",
        "| breach | scope | found | allowed |",
        "|---|---|---|---|",
        *(
            f"| {escape(f['message'])} | {escape(f['scope'])} | {escape(f['found'])} | {escape(f['allowed'])} |"
            for f in findings[:SHOWN]
        ),
    ]
    if len(findings) > SHOWN:
        lines += ["", f"… and {len(findings) - SHOWN} more."]
    if story["differences"]:
        lines += ["", "Largest differences", "", "| series | period | was | now |", "|---|---|---|---|"]
        lines += [
            f"| {escape(d['series'])} | {escape(d['time_period'])} | {_figure(d['was'])} | {_figure(d['now'])} |"
            for d in story["differences"][:SHOWN]
        ]
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:,.10g}"
