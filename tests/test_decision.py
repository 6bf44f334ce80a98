"""A person decides a breach: what the form shows, who is asked, what stands in the end, with other runs at once too."""

from __future__ import annotations

import datetime as dt
import json
import re
import threading
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import toy

from migstats import candidate, decision, ledger, pipeline, publish, question, tasks, vintage, warehouse
from migstats.errors import PermanentError, RefusedError, SupersededError, TryAgainError, UndecidedError
from migstats.reading import Read
from migstats.retry import Politely
from migstats.source import Source, folder_of

A, B, _ = toy.SLICES
AREAS = ("MAR", "NPL", "SRB", "TUN", "PHL")
Rows = Sequence[Mapping[str, str]]


def rows(**changes: str) -> Rows:
    values = {area: str(10_000 * n) for n, area in enumerate(AREAS, start=1)} | changes
    return [{"REF_AREA": area, "OBS_VALUE": value} for area, value in values.items() if value]


#: One area is gone: coverage shrinks, and a fifth of the figures is deleted.
SHRUNK = rows(MAR="")

HOSTILE = (
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=1">',
    "{{7*7}}",
    "{% raw %}{{ params }}{% endraw %}",
    "${7*7}",
    "[click](javascript:alert(1))",
    "![x](https://example.org/pixel.png)",
    "a | b || c",
    "two\nlines\r\nand | a\ttab",
    "**bold** _it_ `code` ~~gone~~ # head",
    "- item\n1. one\n> quote",
    "<https://example.org> https://example.org/a?b=c HTTP://EXAMPLE.org",
    "see www.example.org or WWW.example.org",
    "write to mailto:somebody@example.org or somebody@example.org",
    "\\| \\\\ back",
    "$x^2$ &lt; &amp; &#60;",
)


# -- what the form shows


def story(**differs: Any) -> dict[str, Any]:
    found = {
        "message": "m",
        "scope": "s",
        "found": "f",
        "allowed": "a",
        "severity": "breach",
        "waiver_id": None,
    }
    moved = {"series": "ref_area=MAR", "time_period": "2020", "was": 1234.5, "now": None}
    facts = {"release": "2024", "base_vintage": 3, "breaches": 1, "findings": [found], "differences": [moved]}
    facts["embargo_until"] = None
    return {**facts, **differs}


class Words(HTMLParser):
    """The tags of a document, and the text of each cell of its tables."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.cells: list[str] = []
        self.within = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag in ("td", "th"):
            self.cells.append("")
            self.within = True

    def handle_endtag(self, tag: str) -> None:
        self.within = self.within and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.within:
            self.cells[-1] += data


def shown(markdown: str) -> Words:
    """A body as a reader of Markdown with tables, links and HTML shows it."""
    from markdown_it import MarkdownIt

    words = Words()
    parser = MarkdownIt("gfm-like", {"html": True, "linkify": True})
    words.feed(parser.render(markdown))
    return words


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_others_are_shown_letter_by_letter(text: str) -> None:
    finding = {
        "message": text,
        "scope": text,
        "found": text,
        "allowed": text,
        "severity": "breach",
        "waiver_id": None,
    }
    moved = {"series": text, "time_period": text, "was": 1.0, "now": 2.0}
    body = decision.body_of(story(release=text, findings=[finding], differences=[moved]), "https://airflow/report")
    words = shown(body)

    one_line = " ".join(text.split())
    assert [cell for cell in words.cells if cell == one_line] == [one_line] * 6
    assert set(words.tags) <= {"p", "a", "table", "thead", "tbody", "tr", "th", "td"}
    assert words.links == ["https://airflow/report"]


def test_the_form_shows_breaches_and_not_what_passes() -> None:
    kinds = [
        {"message": "gone", "severity": "breach", "waiver_id": None},
        {"message": "waived", "severity": "breach", "waiver_id": 7},
        {"message": "noted", "severity": "notice", "waiver_id": None},
    ]
    plain = {"scope": "s", "found": "f", "allowed": "a"}
    body = decision.body_of(story(findings=[{**plain, **kind} for kind in kinds]), "r")

    assert "gone" in body
    assert "waived" not in body
    assert "noted" not in body
    assert "| 1,234.5 | none |" in body, "missing is not zero"


def test_the_form_says_until_when_an_embargo_holds() -> None:
    until = dt.datetime(2026, 12, 24, 12, tzinfo=dt.UTC)
    assert "not loaded before 2026-12-24 12:00 UTC" in decision.body_of(story(embargo_until=until), "r")
    assert "embargo" not in decision.body_of(story(), "r")


def test_a_long_story_is_cut_and_says_so() -> None:
    many = [{**story()["findings"][0], "message": f"finding {n}"} for n in range(50)]
    body = decision.body_of(story(findings=many), "r")

    assert "finding 19" in body
    assert "finding 20" not in body
    assert "30 more" in body


def operator(judged: Any, timeout: dt.timedelta = dt.timedelta(days=7)) -> decision.DecisionOperator:
    return decision.DecisionOperator(task_id="decide", source_id="toy", judged=judged, response_timeout=timeout)


@pytest.mark.airflow
def test_nothing_that_the_form_shows_goes_through_a_template() -> None:
    asks = operator({"candidate_id": "{{ 7*7 }}", "waits": True})
    assert set(asks.template_fields) == {"judged"}
    assert not {"subject", "body", "params"} & set(asks.template_fields)


@pytest.mark.airflow
def test_the_form_demands_a_reason() -> None:
    from airflow.sdk.exceptions import ParamValidationError

    form = decision._form()
    assert list(form) == ["reason"]
    schema = form.get_param("reason").schema
    assert (schema["type"], schema["minLength"]) == ("string", 3)
    with pytest.raises(ParamValidationError):
        form.validate()
    with pytest.raises(ParamValidationError):
        form["reason"] = "x"


@pytest.mark.airflow
def test_the_form_travels_to_airflow_without_a_value() -> None:
    asks = operator(None)
    asks.params = decision._form()
    sent = json.loads(json.dumps(asks.serialized_params))
    assert sent["reason"]["value"] is None
    assert sent["reason"]["schema"]["minLength"] == 3


@pytest.mark.airflow
@pytest.mark.parametrize(
    ("timeout", "pause"),
    [
        (dt.timedelta(days=7), dt.timedelta(minutes=30)),
        (dt.timedelta(hours=1), dt.timedelta(minutes=3)),
        (dt.timedelta(seconds=5), dt.timedelta(seconds=5)),
    ],
)
def test_a_question_is_looked_at_now_and_then_while_it_waits(timeout: dt.timedelta, pause: dt.timedelta) -> None:
    assert operator(None, timeout)._pause() == pause


@pytest.mark.airflow
def test_nobody_is_asked_a_second_time_because_nobody_answered() -> None:
    from airflow.providers.standard.exceptions import HITLTimeoutError

    policy = Politely()
    for error in (HITLTimeoutError("time is over"), UndecidedError("nobody decided")):
        assert policy.evaluate(error, 1, 2).action.value == "fail"
    assert policy.evaluate(TryAgainError("busy"), 1, 2).action.value == "default"


# -- who is asked, and what became of it


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warehouse_url: str) -> Source:
    found = toy.declare(tmp_path, monkeypatch, "toy")[0]
    read = toy.read(warehouse_url, found, A, rows())
    pipeline.load([read], found, folder_of("toy"), run_id="first", url=warehouse_url)
    publish.publish(warehouse_url, run_id="first")
    return found


def read(url: str, source: Source, served: Rows, day: float = 1, slice_id: str = A) -> Read:
    return toy.read(url, source, slice_id, served, at=toy.DAY + dt.timedelta(days=day))


def gate(url: str, source: Source, *reads: Read, run: str = "run") -> candidate.Candidate:
    return pipeline.gate(reads, source, folder_of("toy"), run_id=run, url=url)


def load(
    url: str, source: Source, *reads: Read, run: str = "run", gated: candidate.Candidate | None = None
) -> vintage.Counts:
    key = gated.candidate_id if gated else None
    return pipeline.load(reads, source, folder_of("toy"), run_id=run, url=url, gated=key)


def ask(
    url: str, judged: candidate.Candidate, *reads: Read, run: str, days: float = 7, alive: float = 7
) -> question.Standing:
    now = dt.datetime.now(dt.UTC)
    return question.ask(
        url,
        judged.candidate_id,
        question.Scope.of(reads),
        run_id=run,
        until=now + dt.timedelta(days=days),
        alive_until=now + dt.timedelta(days=alive),
    )


def look(url: str, judged: candidate.Candidate, *reads: Read, run: str) -> question.Standing:
    return question.look(url, judged.candidate_id, question.Scope.of(reads), run_id=run)


def approve(url: str, judged: candidate.Candidate) -> None:
    candidate.decide(url, judged.candidate_id, verdict="approved", decided_by="Amina", reason="as announced")


def waits(url: str) -> list[tuple[object, object]]:
    """Candidate and run of each decision that is open."""
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "report/open_decisions")
    return [(row["candidate_id"], row["run_id"]) for row in found]


def question_of(url: str, judged: candidate.Candidate) -> str:
    with warehouse.connect(url) as connection:
        [found] = warehouse.rows(connection, "report/candidate", {"candidate_id": judged.candidate_id})
    return str(found["question"])


database = pytest.mark.database


@database
def test_a_candidate_of_a_dry_run_waits_for_nobody(warehouse_url: str, source: Source) -> None:
    judged = gate(warehouse_url, source, read(warehouse_url, source, SHRUNK))
    assert judged.waits
    assert waits(warehouse_url) == []
    assert question_of(warehouse_url, judged) == "not asked"


@database
def test_a_question_is_open_until_its_time_is_over(warehouse_url: str, source: Source) -> None:
    shrunk = read(warehouse_url, source, SHRUNK)
    judged = gate(warehouse_url, source, shrunk)
    assert ask(warehouse_url, judged, shrunk, run="one", days=0.5 / 86400).state == "open"
    assert waits(warehouse_url) == [(judged.candidate_id, "one")]
    threading.Event().wait(0.6)
    assert waits(warehouse_url) == []
    assert question_of(warehouse_url, judged) == "timed out"
    assert ask(warehouse_url, judged, shrunk, run="two").state == "open", "the next run asks again"
    assert waits(warehouse_url) == [(judged.candidate_id, "two")]


@database
def test_a_form_that_is_gone_asks_nobody_any_more(warehouse_url: str, source: Source) -> None:
    """Somebody deleted the run, or marked it failed: the page leads to no form, and the next run asks."""
    shrunk = read(warehouse_url, source, SHRUNK)
    judged = gate(warehouse_url, source, shrunk)
    ask(warehouse_url, judged, shrunk, run="one", alive=0.5 / 86400)
    threading.Event().wait(0.6)
    assert waits(warehouse_url) == []
    assert question_of(warehouse_url, judged) == "form gone"
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    question.keep(warehouse_url, judged.candidate_id, run_id="one", alive_until=later)
    assert waits(warehouse_url) == [(judged.candidate_id, "one")], "it was only late"


@database
def test_nobody_is_asked_twice_about_the_same(warehouse_url: str, source: Source) -> None:
    first = read(warehouse_url, source, SHRUNK)
    judged = gate(warehouse_url, source, first, run="one")
    assert ask(warehouse_url, judged, first, run="one").state == "open"
    again = read(warehouse_url, source, SHRUNK, day=2)
    same = gate(warehouse_url, source, first, again, run="two")
    assert same.candidate_id == judged.candidate_id, "served again, it says the same"
    assert ask(warehouse_url, same, again, run="two").state == "elsewhere"
    with pytest.raises(SupersededError, match=r"the run one asks about candidate .* nobody is asked twice"):
        load(warehouse_url, source, first, again, run="two", gated=same)
    assert waits(warehouse_url) == [(judged.candidate_id, "one")]
    assert look(warehouse_url, judged, first, run="one").state == "open"
    approve(warehouse_url, judged)
    assert look(warehouse_url, judged, first, run="one").state == "decided"
    assert load(warehouse_url, source, first, run="one", gated=judged).outcome == "accepted"
    assert load(warehouse_url, source, first, again, run="two", gated=same).outcome == "unchanged"


@database
def test_of_two_runs_at_once_one_asks(warehouse_url: str, source: Source) -> None:
    shrunk = read(warehouse_url, source, SHRUNK)
    judged = gate(warehouse_url, source, shrunk)
    start, states = threading.Barrier(4), []

    def go(run: str) -> None:
        start.wait()
        states.append(ask(warehouse_url, judged, shrunk, run=run).state)

    at_once(*(lambda run=str(n): go(run) for n in range(4)))
    assert sorted(states) == ["elsewhere", "elsewhere", "elsewhere", "open"]


@database
def test_a_newer_question_takes_the_place_of_the_older(warehouse_url: str, source: Source) -> None:
    older = read(warehouse_url, source, SHRUNK)
    first = gate(warehouse_url, source, older, run="one")
    ask(warehouse_url, first, older, run="one")
    newer = read(warehouse_url, source, rows(MAR="", NPL=""), day=2)
    second = gate(warehouse_url, source, older, newer, run="two")
    assert second.candidate_id != first.candidate_id
    assert ask(warehouse_url, second, newer, run="two").state == "open"

    assert waits(warehouse_url) == [(second.candidate_id, "two")]
    assert question_of(warehouse_url, first) == "superseded"
    standing = look(warehouse_url, first, older, run="one")
    assert standing.state == "superseded"
    assert "the run two asks about what landed later" in standing.message
    with pytest.raises(SupersededError, match="the run two asks"):
        load(warehouse_url, source, older, run="one", gated=first)
    approve(warehouse_url, second)
    assert load(warehouse_url, source, older, newer, run="two", gated=second).closed > 0


@database
def test_which_question_is_newer_is_what_landed_later_and_not_who_came_first(
    warehouse_url: str, source: Source
) -> None:
    older, newer = read(warehouse_url, source, SHRUNK), read(warehouse_url, source, rows(MAR="", NPL=""), day=2)
    slow, fast = gate(warehouse_url, source, older, run="slow"), gate(warehouse_url, source, newer, run="fast")
    assert ask(warehouse_url, fast, newer, run="fast").state == "open"
    assert ask(warehouse_url, slow, older, run="slow").state == "superseded"
    assert waits(warehouse_url) == [(fast.candidate_id, "fast")]


@database
def test_questions_about_other_slices_stand_beside_each_other_and_are_answered_one_after_the_other(
    warehouse_url: str, source: Source
) -> None:
    """As in a backfill, whose runs take the slices of one year each, or with two forms of one country."""
    second_half = [{"REF_AREA": area, "TIME_PERIOD": "2010"} for area in AREAS]
    load(warehouse_url, source, read(warehouse_url, source, second_half, slice_id=B))
    shrunk = read(warehouse_url, source, SHRUNK, day=2)
    other = read(warehouse_url, source, second_half[1:], day=3, slice_id=B)
    one, two = gate(warehouse_url, source, shrunk, run="one"), gate(warehouse_url, source, other, run="two")
    assert [ask(warehouse_url, one, shrunk, run="one").state, ask(warehouse_url, two, other, run="two").state] == [
        "open",
        "open",
    ]
    assert len(waits(warehouse_url)) == 2
    approve(warehouse_url, two)
    assert load(warehouse_url, source, other, run="two", gated=two).closed == 1

    assert waits(warehouse_url) == [(one.candidate_id, "one")], "what it was compared with stands"
    assert look(warehouse_url, one, shrunk, run="one").state == "open"
    approve(warehouse_url, one)
    assert load(warehouse_url, source, shrunk, run="one", gated=one).closed == 1


@database
def test_a_question_is_superseded_when_one_of_its_own_slices_moved(warehouse_url: str, source: Source) -> None:
    second_half = [{"REF_AREA": area, "TIME_PERIOD": "2010"} for area in AREAS]
    load(warehouse_url, source, read(warehouse_url, source, second_half, slice_id=B))
    both = (
        read(warehouse_url, source, SHRUNK, day=2),
        read(warehouse_url, source, second_half[1:], day=2, slice_id=B),
    )
    judged = gate(warehouse_url, source, *both, run="one")
    assert ask(warehouse_url, judged, *both, run="one").state == "open"
    moved = [{**row, "OBS_VALUE": "101"} for row in second_half]
    earlier = read(warehouse_url, source, moved, day=1.5, slice_id=B)
    vintage.accept(warehouse_url, source.id, [earlier], run_id="two", code_version="test")

    assert waits(warehouse_url) == [], "what it was compared with stands no longer"
    assert "it is superseded" in look(warehouse_url, judged, *both, run="one").message
    assert question_of(warehouse_url, judged) == "superseded"
    approve(warehouse_url, judged)
    with pytest.raises(PermanentError, match=r"superseded: vintage .* was accepted since .* clear `gate`"):
        load(warehouse_url, source, *both, run="one", gated=judged)
    # `gate` cleared: judged against what stands now, and an approval of the first does not count for it
    again = gate(warehouse_url, source, *both, run="one")
    assert again.candidate_id != judged.candidate_id
    assert again.waits
    assert ask(warehouse_url, again, *both, run="one").state == "open"
    approve(warehouse_url, again)
    assert load(warehouse_url, source, *both, run="one", gated=again).closed == 2


@database
def test_a_question_of_the_command_line_is_listed_and_leads_to_no_form(warehouse_url: str, source: Source) -> None:
    shrunk = read(warehouse_url, source, SHRUNK)
    with pytest.raises(PermanentError, match=r"not approved.*`migstats decide [0-9a-f]{32} --approve`"):
        load(warehouse_url, source, shrunk, run="by hand")
    with warehouse.connect(warehouse_url) as connection:
        [open_one] = warehouse.rows(connection, "report/open_decisions")
    assert (open_one["run_id"], open_one["in_airflow"]) == ("by hand", False)
    approve(warehouse_url, gate(warehouse_url, source, shrunk))
    assert load(warehouse_url, source, shrunk, run="by hand").outcome == "accepted"


@database
def test_a_refused_or_superseded_load_is_not_the_last_load_of_its_source(warehouse_url: str, source: Source) -> None:
    """Freshness goes by it: a source whose candidates are all refused grows old."""
    before = summary(warehouse_url)
    shrunk = read(warehouse_url, source, SHRUNK)
    judged = gate(warehouse_url, source, shrunk)
    candidate.decide(warehouse_url, judged.candidate_id, verdict="rejected", decided_by="Amina", reason="a broken file")
    run = ledger.Run("ingest_toy/run", "ingest_toy", "manual", "test")
    with pytest.raises(RefusedError), ledger.attempt(warehouse_url, run, "toy", "load"):
        load(warehouse_url, source, shrunk)
    assert summary(warehouse_url) == before


def summary(url: str) -> list[dict[str, Any]]:
    with warehouse.connect(url) as connection:
        return warehouse.rows(connection, "report/load_summary")


# -- two runs at once (faults K07, K08)


def at_once(*work: Any) -> list[BaseException]:
    """Run functions in threads; the errors of ours that they raised."""
    raised: list[BaseException] = []

    def run(function: Any) -> None:
        try:
            function()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def facts_of(url: str) -> list[tuple[object, object]]:
    with warehouse.connect(url) as connection:
        found = connection.execute(
            "SELECT s.ref_area, o.value FROM core.observation AS o "
            "INNER JOIN core.series AS s USING (source, series_id) WHERE o.vintage_to IS NULL ORDER BY 1"
        ).fetchall()
    return [(row["ref_area"], row["value"]) for row in found]


def counted(url: str) -> int:
    return toy.counts(url, "ops.vintage")["ops.vintage"]


@database
def test_the_same_load_twice_at_once_is_one_vintage(warehouse_url: str, source: Source) -> None:
    """A task that was cleared while it ran, or that lost its heartbeat: one wins, the other changes nothing."""
    served = read(warehouse_url, source, rows(NPL="20100"))
    judged, outcomes = gate(warehouse_url, source, served), []
    raised = at_once(*[lambda: outcomes.append(load(warehouse_url, source, served, gated=judged).outcome)] * 4)
    assert raised == []
    assert sorted(outcomes) == ["accepted", "unchanged", "unchanged", "unchanged"]
    assert counted(warehouse_url) == 2
    assert len(facts_of(warehouse_url)) == len(AREAS)


@database
def test_of_two_runs_at_once_the_newer_wins_and_the_older_says_superseded(warehouse_url: str, source: Source) -> None:
    older = read(warehouse_url, source, rows(NPL="20100"))
    newer = read(warehouse_url, source, rows(NPL="20200"), day=2)
    one, two = gate(warehouse_url, source, older, run="one"), gate(warehouse_url, source, newer, run="two")
    assert load(warehouse_url, source, newer, run="two", gated=two).outcome == "accepted"
    with pytest.raises(SupersededError, match=r"before what stands.* it is superseded"):
        load(warehouse_url, source, older, run="one", gated=one)
    with pytest.raises(SupersededError, match="it is superseded"):
        gate(warehouse_url, source, older, run="one")
    assert dict(facts_of(warehouse_url))["NPL"] == 20200


@database
@pytest.mark.parametrize("_", range(5))
def test_whichever_of_two_runs_at_once_is_first_the_newer_figures_stand(
    warehouse_url: str, source: Source, _: int
) -> None:
    older = read(warehouse_url, source, rows(NPL="20100"))
    newer = read(warehouse_url, source, rows(NPL="20200"), day=2)
    one, two = gate(warehouse_url, source, older), gate(warehouse_url, source, newer)
    raised = at_once(
        lambda: load(warehouse_url, source, older, run="one", gated=one),
        lambda: load(warehouse_url, source, newer, run="two", gated=two),
    )
    assert [type(error) for error in raised] in ([], [SupersededError])
    assert dict(facts_of(warehouse_url))["NPL"] == 20200
    assert counted(warehouse_url) == 3 - len(raised)


@database
def test_loads_of_other_slices_at_once_take_their_turn(warehouse_url: str, source: Source) -> None:
    """Backfill beside schedule: what a run was compared with moves while it waits for its turn, and it loads still."""
    ours = read(warehouse_url, source, rows(NPL="20100"))
    theirs = [
        read(warehouse_url, source, [{"REF_AREA": a, "TIME_PERIOD": year} for a in AREAS], day=2, slice_id=slice_id)
        for year, slice_id in zip(("2010", "2011"), toy.SLICES[1:], strict=True)
    ]
    judged = [gate(warehouse_url, source, each) for each in (ours, *theirs)]
    assert not any(one.waits for one in judged)
    raised = at_once(
        *(
            lambda each=each, one=one: load(warehouse_url, source, each, gated=one)
            for each, one in zip((ours, *theirs), judged, strict=True)
        )
    )
    assert raised == []
    assert counted(warehouse_url) == 4
    assert len(facts_of(warehouse_url)) == 3 * len(AREAS)


# -- the task, without Airflow's services


def context(run: str = "run", **params: object) -> dict[str, Any]:
    instance = SimpleNamespace(id=run, dag_id="ingest_toy", run_id=run, task_id="decide", map_index=-1)
    return {
        "dag": SimpleNamespace(dag_id="ingest_toy"),
        "run_id": run,
        "dag_run": SimpleNamespace(run_type="manual", logical_date=None),
        "params": params,
        "task_instance": instance,
    }


def answer(option: str, **params: str) -> dict[str, Any]:
    return {
        "chosen_options": [option],
        "params_input": params,
        "responded_at": dt.datetime.now(dt.UTC),
        "responded_by_user": {"id": "7", "name": "Amina"},
        "timedout": False,
    }


#: What wakes a task that waits where nobody answered.
CLOCK = {"error": "no response", "error_type": "timeout"}


@pytest.fixture
def judged(warehouse_url: str, source: Source, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A candidate that breaches, as the task `gate` hands it over."""
    monkeypatch.setattr(tasks, "warehouse_url", lambda: warehouse_url)
    shrunk = read(warehouse_url, source, SHRUNK)
    found = gate(warehouse_url, source, shrunk)
    scope = question.Scope.of([shrunk])
    return {
        "candidate_id": found.candidate_id,
        "waits": True,
        "slices": list(scope.slices),
        "landed_at": scope.landed_at,
    }


def until(days: float = 7) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(days=days)).isoformat()


def asked(url: str, judged: Mapping[str, Any], run: str = "run") -> None:
    now = dt.datetime.now(dt.UTC)
    question.ask(
        url,
        judged["candidate_id"],
        question.Scope(tuple(judged["slices"]), judged["landed_at"]),
        run_id=f"ingest_toy/{run}",
        until=now + dt.timedelta(days=7),
        alive_until=now + dt.timedelta(days=7),
    )


@database
@pytest.mark.airflow
def test_an_answer_without_a_reason_decides_nothing(warehouse_url: str, judged: dict[str, Any]) -> None:
    asked(warehouse_url, judged)
    for given in (answer("Approve"), answer("Approve", reason=" x  "), answer("Reject", reason="")):
        with pytest.raises(UndecidedError, match=r"of Amina has no reason .* clear `decide`"):
            operator(judged).execute_complete(context(), given, until())
    assert toy.counts(warehouse_url, "ops.decision") == {"ops.decision": 0}


@database
@pytest.mark.airflow
def test_a_task_that_wakes_waits_on_until_somebody_decides_on_the_command_line(
    warehouse_url: str, judged: dict[str, Any]
) -> None:
    from airflow.sdk.exceptions import TaskAwaitingInput

    asked(warehouse_url, judged)
    ends = until()
    with pytest.raises(TaskAwaitingInput) as parked:
        operator(judged).execute_complete(context(), CLOCK, ends)
    assert parked.value.kwargs == {"until": ends}
    assert parked.value.timeout <= decision.SELDOM
    candidate.decide(
        warehouse_url, judged["candidate_id"], verdict="approved", decided_by="Nadia", reason="as announced"
    )
    assert operator(judged).execute_complete(context(), CLOCK, ends)["verdict"] == "approved"
    # and one that answers the form afterwards changes nothing: the first decision stands
    late = operator(judged).execute_complete(context(), answer("Reject", reason="too late"), ends)
    assert late["verdict"] == "approved"


@database
@pytest.mark.airflow
def test_a_task_whose_time_is_over_fails_and_is_told_as_a_failure(warehouse_url: str, judged: dict[str, Any]) -> None:
    asked(warehouse_url, judged)
    with pytest.raises(UndecidedError, match=r"nobody decided on candidate .* it is not accepted"):
        operator(judged).execute_complete(context(), CLOCK, until(days=-1 / 86400))
    with warehouse.connect(warehouse_url) as connection:
        [failing] = warehouse.rows(connection, "report/failing", {"source": "toy"})
    assert (failing["step"], failing["error_class"]) == ("decide", "UndecidedError")


@database
@pytest.mark.airflow
@pytest.mark.parametrize("event", [CLOCK, answer("Approve", reason="it is fine")], ids=["clock", "answer"])
def test_a_task_whose_candidate_is_superseded_skips_and_says_so(
    warehouse_url: str, source: Source, judged: dict[str, Any], event: dict[str, Any]
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    asked(warehouse_url, judged)
    newer = read(warehouse_url, source, rows(MAR="", NPL=""), day=2)
    ask(warehouse_url, gate(warehouse_url, source, newer), newer, run="ingest_toy/newer")
    with pytest.raises(AirflowSkipException, match=r"SKIP: the run ingest_toy/newer asks .* superseded"):
        operator(judged).execute_complete(context(), event, until())
    assert toy.counts(warehouse_url, "ops.decision") == {"ops.decision": 0}


@database
@pytest.mark.airflow
def test_a_dry_run_and_a_run_without_breach_ask_nobody(warehouse_url: str, judged: dict[str, Any]) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    with pytest.raises(AirflowSkipException, match="dry run"):
        operator(judged).execute(context(dry_run=True))
    for nothing in (None, {**judged, "waits": False}):
        with pytest.raises(AirflowSkipException, match="nothing to decide"):
            operator(nothing).execute(context())
    assert toy.counts(warehouse_url, "ops.question") == {"ops.question": 0}


# -- warnings are published beside the figures (feature 22)


def notices(url: str) -> list[tuple[object, ...]]:
    with warehouse.connect(url) as connection:
        found = connection.execute("SELECT * FROM bi.notice ORDER BY source, suite, rule").fetchall()
    return [tuple(row.values()) for row in found]


SUITE = """{"name": "toy", "expectations": [
  {"type": "expect_column_values_to_be_between", "kwargs": {"column": "value_max", "max_value": 45000},
   "severity": "%s", "meta": {"id": "not_so_many", "reason": "Nobody has that many.", "owner": "tests"}},
  {"type": "expect_column_values_to_be_between", "kwargs": {"column": "value_max", "max_value": 60000},
   "severity": "critical", "meta": {"id": "plausible", "reason": "No country has that many.", "owner": "tests"}}]}"""


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shared suites, and one of the toy source."""
    from migstats import settings

    folder = tmp_path / "expectations"
    folder.mkdir()
    for file in settings.expectations().glob("*.json"):
        (folder / file.name).write_bytes(file.read_bytes())
    own = folder / "toy.json"
    own.write_text(SUITE % "warning", encoding="utf-8")
    monkeypatch.setattr(settings, "expectations", lambda: folder)
    return own


def goes_through(url: str, source: Source, one: Read, run: str) -> None:
    today = dt.date(2026, 1, 1)
    pipeline.check([one], source, run_id=run, url=url, today=today)
    load(url, source, one, run=run)
    publish.publish(url, run_id=f"publish/{run}")


@database
def test_a_warning_is_published_and_shown_beside_the_figures_until_it_is_kept_again(
    warehouse_url: str, source: Source, suite: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MIGSTATS_DATA_DOCS", str(tmp_path / "docs"))
    assert notices(warehouse_url) == []
    goes_through(warehouse_url, source, read(warehouse_url, source, rows(NPL="20100"), day=1), "one")
    [(name, of, rule, message, since)] = notices(warehouse_url)
    assert (name, of, rule) == ("toy", "toy", "not_so_many")
    assert re.fullmatch(r"1 of \d+ failed: Nobody has that many.", str(message))
    assert since is not None

    # the next run fails it too: it is one warning, since the first time
    goes_through(warehouse_url, source, read(warehouse_url, source, rows(NPL="20200"), day=2), "two")
    assert [row[4] for row in notices(warehouse_url)] == [since]

    # a run whose candidate is refused says nothing about what is shown
    breaching = read(warehouse_url, source, rows(PHL="40000", MAR=""), day=3)
    pipeline.check([breaching], source, run_id="three", url=warehouse_url, today=dt.date(2026, 1, 1))
    with pytest.raises(PermanentError):
        load(warehouse_url, source, breaching, run="three")
    assert len(notices(warehouse_url)) == 1

    goes_through(warehouse_url, source, read(warehouse_url, source, rows(NPL="20200", PHL="44000"), day=4), "four")
    assert notices(warehouse_url) == []


@database
def test_a_critical_failure_stops_and_is_no_notice(
    warehouse_url: str, source: Source, suite: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MIGSTATS_DATA_DOCS", str(tmp_path / "docs"))
    before = toy.fingerprint(warehouse_url)
    with pytest.raises(PermanentError, match="plausible"):
        goes_through(warehouse_url, source, read(warehouse_url, source, rows(PHL="70000")), "one")
    assert toy.fingerprint(warehouse_url) == before
    assert notices(warehouse_url) == []


@database
def test_a_reader_sees_the_notices_and_not_what_they_are_made_of(warehouse_url: str) -> None:
    import psycopg

    reader = re.sub(r"//[^@]*@", "//bi_reader:test-only@", warehouse_url)  # pragma: allowlist secret
    with psycopg.connect(reader) as connection:
        assert connection.execute("SELECT count(*) FROM bi.notice").fetchall() == [(0,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT 1 FROM ops.validation_result")
