"""The task in which a person lets a breached candidate pass or refuses it, in Airflow's own human-in-the-loop form."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal, NoReturn

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput

from migstats.errors import SupersededError, UndecidedError

APPROVE, REJECT = "Approve", "Reject"

#: Findings and differences that the form shows; the report has all of them.
SHOWN = 20

#: Letters of a reason, at least.
SHORTEST = 3

#: How often a task that waits wakes to see whether its question still stands, at least and at most. Not more often: an
#: answer within a second or two of its going back to wait is lost in Airflow 3.3, and asked for again.
SELDOM, OFTEN = dt.timedelta(minutes=30), dt.timedelta(seconds=5)


class DecisionOperator(HITLOperator):  # type: ignore[misc]  # Airflow is untyped here
    """Asks for a decision where the gate found a breach; skips where there is none, or somebody decided before.

    What is shown is read from `ops` when the task runs, and nothing of it goes through a template. Without an answer in
    time the task fails: not accepted. While it waits it takes no slot, but wakes now and then: where somebody decided
    on the command line it goes on, where something newer took the candidate's place it skips.
    """

    #: The texts are made at run time and hold words of publishers: they must not be rendered.
    template_fields: Sequence[str] = ("judged",)

    def __init__(
        self, *, source_id: str | None = None, judged: Any, response_timeout: dt.timedelta, **kwargs: Any
    ) -> None:
        # Airflow hands over the fields of the DAG's own form here; they are none of this one.
        kwargs.pop("params", None)
        super().__init__(
            subject=f"{source_id or 'an upload'}: a candidate breaches the gate",
            options=[APPROVE, REJECT],
            response_timeout=response_timeout,
            **kwargs,
        )
        self.declared_for = source_id
        self.judged = judged

    @property
    def source_id(self) -> str:
        """The source that the candidate is of: that of the DAG, where it has one."""
        return str(self.declared_for or self.judged["source"])

    def execute(self, context: Any) -> Any:
        """Ask, where there is something to ask."""
        from migstats import candidate, question, tasks

        if self.judged is None or not self.judged["waits"]:
            raise AirflowSkipException("SKIP: there is nothing to decide")
        if context["params"].get("dry_run"):
            raise AirflowSkipException("dry run: breaches are reported, nobody is asked")
        until = _now() + self.response_timeout
        url, candidate_id = tasks.warehouse_url(), self.judged["candidate_id"]
        standing = question.ask(
            url,
            candidate_id,
            self._scope(),
            run_id=tasks.run_of(context),
            until=until,
            alive_until=_now() + self._alive_for(),
        )
        if standing.state != "open":
            return self._settled(context, standing)
        story = candidate.story(url, candidate_id)
        self.subject = f"{self.source_id}: {story['breaches']} findings breach the gate"
        self.body = body_of(story, report_url(candidate_id))
        self.params = _form()
        with suppress(TaskAwaitingInput):  # it would not wake before the time is over
            super().execute(context)
        self._wait(until)

    def execute_complete(self, context: Any, event: dict[str, Any], until: str = "") -> Any:
        """Woken by an answer, or by the clock: keep the answer (who, when, why, of which candidate), or wait on."""
        from migstats import question, tasks

        url, run_id, candidate_id = tasks.warehouse_url(), tasks.run_of(context), self.judged["candidate_id"]
        standing = question.look(url, candidate_id, self._scope(), run_id=run_id)
        if "error" not in event:
            return self._answered(context, event, standing)
        if standing.state != "open":
            return self._settled(context, standing)
        ends = dt.datetime.fromisoformat(until)
        if event.get("error_type") == "timeout" and _now() < ends:
            question.keep(url, candidate_id, run_id=run_id, alive_until=_now() + self._alive_for())
            self._wait(ends)
        with tasks.attempt_of(context, self.source_id, "decide"):
            raise UndecidedError(
                f"nobody decided on candidate {candidate_id} before {ends:%Y-%m-%d %H:%M} UTC: it is not accepted, "
                "what is published stays as it was; the next run asks again, or clear `decide` to be asked at once"
            )

    @property
    def serialized_params(self) -> dict[str, dict[str, Any]]:
        """The fields of the form as they travel; the mark for "no value yet" cannot, it goes as null."""
        return {name: {**self.params.get_param(name).serialize(), "value": None} for name in self.params}

    def _answered(self, context: Any, event: dict[str, Any], standing: Any) -> Any:
        from migstats import candidate, tasks

        url = tasks.warehouse_url()
        self.params = _form()
        user = event["responded_by_user"] or {}
        decided_by = str(user.get("name") or user.get("id") or "")
        verdict: Literal["approved", "rejected"] = "approved" if event["chosen_options"] == [APPROVE] else "rejected"
        reason = str((event["params_input"] or {}).get("reason", "")).strip()
        if standing.state != "open":
            self.log.warning("the answer of %s (%s: %s) came too late", decided_by, verdict, reason)
            return self._settled(context, standing)
        with tasks.attempt_of(context, self.source_id, "decide"):
            # The form demands it; an answer by REST may come without.
            if len(reason) < SHORTEST:
                raise UndecidedError(
                    f"the answer of {decided_by} has no reason of three letters or more, and nothing was decided; "
                    "clear `decide` to be asked again"
                )
            super().execute_complete(context, event)
            decided = candidate.decide(
                url, self.judged["candidate_id"], verdict=verdict, decided_by=decided_by, reason=reason
            )
        return {"verdict": decided.verdict, "candidate_id": decided.candidate_id}

    def _settled(self, context: Any, standing: Any) -> Any:
        """Nobody has to answer here (any more): go on with the decision that there is, or skip and say why."""
        from migstats import tasks

        if standing.state == "decided":
            self.log.info("%s", standing.message)
            return {"verdict": standing.verdict, "candidate_id": self.judged["candidate_id"]}
        try:
            with tasks.attempt_of(context, self.source_id, "decide"):
                raise SupersededError(standing.message)
        except SupersededError as error:
            raise AirflowSkipException(f"SKIP: {error}") from error

    def _wait(self, until: dt.datetime) -> NoReturn:
        """Wait for an answer, or for the next look at the question."""
        pause = max(min(self._pause(), until - _now()), dt.timedelta(0))
        raise TaskAwaitingInput(method_name="execute_complete", kwargs={"until": until.isoformat()}, timeout=pause)

    def _pause(self) -> dt.timedelta:
        seldom: dt.timedelta = min(SELDOM, self.response_timeout / 20)
        return max(OFTEN, seldom)

    def _alive_for(self) -> dt.timedelta:
        """How long the form counts as there after a look: some looks may be late, with Airflow busy or started anew."""
        return 3 * self._pause() + dt.timedelta(minutes=2)

    def _scope(self) -> Any:
        from migstats.question import Scope

        return Scope(tuple(self.judged["slices"]), self.judged["landed_at"])


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def _form() -> ParamsDict:
    """The fields of the form. Not fields of the task: it would have to have a reason before anybody is asked."""
    return ParamsDict(
        {
            "reason": Param(
                type="string",
                minLength=SHORTEST,
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
    shown = re.sub(r"([\\`*_{}\[\]()#+\-.!|~>$])", r"\\\1", plain.replace("&", "&amp;").replace("<", "&lt;"))
    # Airflow makes links of bare addresses, whatever is escaped in them; a comment, which is not shown, parts them.
    return re.sub(r"(?i)(:(?=//)|@|www(?=\\\.))", r"\1<!-- -->", shown)


def body_of(story: Mapping[str, Any], report: str) -> str:
    """The form's text: what breached, the largest differences, and where the whole report is."""
    findings = [f for f in story["findings"] if f["severity"] == "breach" and f["waiver_id"] is None]
    lines = [
        f"Release {escape(story['release'] or '(rolling)')}, compared with "
        + (f"vintage {story['base_vintage']}." if story["base_vintage"] else "nothing: it is the first load."),
        "Nothing that is published changes before a decision; without one it stays as it is.",
        *_embargo(story["embargo_until"]),
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


def _embargo(until: dt.datetime | None) -> Iterator[str]:
    if until is not None:
        yield f"Under embargo: whatever is decided, it is not loaded before {until:%Y-%m-%d %H:%M} UTC."


def _figure(value: float | None) -> str:
    return "none" if value is None else f"{value:,.10g}"
