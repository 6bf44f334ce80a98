"""The pages of the warehouse and of the gate: what they say, of what, and how a browser shows it."""

from __future__ import annotations

import datetime as dt
import re
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import toy
from test_pages import browser, contrast, watched  # noqa: F401 (a fixture)

from migstats import alerts, candidate, errors, overview, pages, pipeline, publish, question, settings, warehouse
from migstats.source import Source, folder_of, read_sources
from migstats.warehouse import Outcome

#: The sources of the project; a test adds its own.
OURS = sorted(folder.name for folder in (settings.include() / "sources").iterdir())

NOW = dt.datetime(2026, 11, 24, 8, 30, tzinfo=dt.UTC)
EVIL = "\"><script>document.title='owned'</script>{{7*7}}${7*7}<img src=x onerror=\"document.title='owned'\">"
ID = "0123456789abcdef" * 2
A, B, _ = toy.SLICES


def finding(number: int, **differs: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "number": number,
        "kind": "coverage",
        "severity": "breach",
        "scope": "ref_area=MAR",
        "found": "gone",
        "allowed": "0 may go",
        "message": f"finding {number}",
        "place": "",
        "time_period": "",
        "was": None,
        "now": None,
        "size": None,
        "waiver_id": None,
        "up_to": None,
        "author": None,
        "reason": None,
        "expires_at": None,
    }
    return {**facts, **differs}


def difference(series: str, was: float | None, now: float | None, period: str = "2020") -> dict[str, Any]:
    return {"number": 1, "series": series, "time_period": period, "was": was, "now": now}


def judged(**differs: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "candidate_id": ID,
        "source": "toy",
        "title": "Toy",
        "release": "2024",
        "base_vintage": 3,
        "breaches": 2,
        "notices": 1,
        "run_id": "ingest_toy/manual__2026-11-24T03:55:36.425131+00:00",
        "judged_at": NOW,
        "verdict": None,
        "decided_by": None,
        "reason": None,
        "decided_at": None,
        "waits": True,
        "asked_in": "ingest_toy/manual__2026-11-24T03:55:36.425131+00:00",
        "expires_at": NOW + dt.timedelta(days=7),
        "in_airflow": True,
        "question": "waits",
        "vintages": [],
    }
    return {**facts, **differs}


def source_row(source: str = "toy", **differs: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "source": source,
        "title": "Toy",
        "vintage": 3,
        "release": "2024",
        "released_at": NOW,
        "accepted_at": NOW - dt.timedelta(days=2),
        "published_vintage": 3,
        "published_release": "2024",
        "figures": 12345,
        "loaded_at": NOW - dt.timedelta(days=1),
        "quarantined": 17,
        "step": "load",
        "slice": None,
        "status": "done",
        "message": None,
        "run_id": "ingest_toy/manual__1",
        "at": NOW - dt.timedelta(days=1),
        "judged_run_id": None,
    }
    return {**facts, **differs}


def state(*rows: Mapping[str, Any], **differs: Any) -> pages.Overview:
    facts: dict[str, Any] = {
        "now": NOW,
        "declared": [pages.Declared("toy", "Toy", "10 5 * * 2")],
        "wrong": [],
        "sources": rows or [source_row()],
        "alerts": [],
        "failing": [],
        "decisions": [],
        "quarantine": [],
        "notices": [],
        "reports": {},
    }
    return pages.Overview(**{**facts, **differs})


def words(html: str) -> str:
    """The text of a page, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.partition("<body>")[2]).split())


def svg_of(html: str) -> ElementTree.Element:
    found = re.search(r"<svg.*?</svg>", html, re.DOTALL)
    assert found, "the page has no chart"
    return ElementTree.fromstring(found[0])


# -- the gate's report


def test_the_report_says_that_a_candidate_waits_and_where_to_decide() -> None:
    html = pages.gate_page(judged(), [finding(1)], [])

    run = "../../dags/ingest_toy/runs/manual__2026-11-24T03%3A55%3A36.425131%2B00%3A00"
    assert "It waits for a person, until 2026-12-01 08:30 UTC." in words(html)
    assert f'href="{run}/tasks/decide/required_actions"' in html
    assert f'href="{run}"' in html


def test_what_was_asked_on_the_command_line_sends_nobody_to_a_form_that_is_not_there() -> None:
    for asked in ({"in_airflow": False}, {"asked_in": "by hand"}, {"asked_in": "replay/1"}):
        html = pages.gate_page(judged(**asked), [finding(1)], [])

        assert "required_actions" not in html
        assert f"migstats decide {ID} --approve" in words(html)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("timed out", "the time for it was over on 2026-12-01 08:30 UTC"),
        ("not asked", "nobody was asked, as in a dry run"),
        ("form gone", "the run that asked for it is gone"),
    ],
)
def test_a_candidate_that_nobody_is_asked_about_says_why(question: str, told: str) -> None:
    html = pages.gate_page(judged(waits=False, question=question), [finding(1)], [])

    assert told in words(html)
    assert "not decided" in words(html)
    assert "required_actions" not in html


@pytest.mark.parametrize("verdict", ["approved", "rejected"])
def test_the_report_says_who_decided_and_why(verdict: str) -> None:
    told = {"verdict": verdict, "decided_by": "Amina", "reason": "Morocco left the survey", "decided_at": NOW}
    html = pages.gate_page(judged(waits=False, **told), [finding(1)], [])

    assert f"Amina {verdict} it on 2026-11-24 08:30 UTC: Morocco left the survey" in words(html)
    assert "required_actions" not in html


def test_a_candidate_that_another_one_replaced_asks_nobody_any_more() -> None:
    html = pages.gate_page(judged(waits=False, question="superseded"), [finding(1)], [])

    assert "something newer took its place" in words(html)
    assert "candidate superseded" in html
    assert "required_actions" not in html


def test_a_finding_that_a_waiver_lets_pass_is_told_with_its_waiver() -> None:
    waived = finding(2, waiver_id=7, author="Amina", reason="known to the office", expires_at=NOW)
    text = words(pages.gate_page(judged(), [finding(1), waived, finding(3, severity="notice")], []))

    assert "Waiver 7 of Amina, until 2026-11-24 08:30 UTC: known to the office waived" in text
    assert text.index("finding 1 breach") < text.index("finding 2") < text.index("finding 3 notice")


def test_all_kept_differences_are_there_and_missing_is_not_zero() -> None:
    rows = [difference(f"series {n}", 10.0, 11.0 + n) for n in range(50)]
    ends = [difference("came", None, 5.0), difference("went", 5.0, None), difference("rose", 0.0, 5.0)]
    text = words(pages.gate_page(judged(), [], [*rows, *ends]))

    assert all(f"series {n} 2020 10 {11 + n} " in text for n in range(50))
    assert "came 2020 none 5 new" in text
    assert "went 2020 5 none gone" in text
    assert "rose 2020 0 5 from zero" in text


def test_the_chart_draws_the_largest_relative_differences_to_scale() -> None:
    rows = [difference(f"d{n}", 100.0, 100.0 + n) for n in range(1, 41)]
    drawn = pages.chart([*rows, difference("half", 100.0, 50.0), difference("new", None, 9e9)], [])

    assert [bar.series for bar in drawn.bars[:3]] == ["half", "d40", "d39"]
    assert (len(drawn.bars), drawn.end, drawn.left_out) == (pages.BARS, 0.5, 1)
    svg = svg_of(pages.gate_page(judged(), [], [*rows, difference("half", 100.0, 50.0)]))
    boxes = [{k: v for k, v in e.attrib.items() if k != "y"} for e in svg.iter() if e.tag.endswith("rect")]
    assert boxes[0] == {"class": "fall", "x": "50.0", "width": "430.0", "height": "14"}
    assert boxes[1] == {"class": "rise", "x": "480", "width": "344.0", "height": "14"}


def test_a_bar_beyond_the_axis_is_cut_and_says_so() -> None:
    html = pages.gate_page(
        judged(), [], [difference("far", 1.0, 1000.0), difference("near", 100.0, 150.0), difference("new", None, 1.0)]
    )

    svg = svg_of(html)
    assert [float(e.get("width", "")) for e in svg.iter() if e.tag.endswith("rect")] == [430, 107.5]
    assert len([e for e in svg.iter() if e.tag.endswith("path")]) == 1
    assert "1 → 1,000 (+99,900%)" in words(html)
    assert "Bars with a point go on beyond the axis. 1 kept difference cannot be told" in words(html)


def test_a_long_name_is_cut_on_the_chart_and_whole_in_its_text() -> None:
    series = "indicator=MIG_STOCK " + "counterpart_area=UNDESA_948 " * 9
    html = pages.gate_page(judged(), [], [difference(series, 1.0, 2.0)])

    svg = svg_of(html)
    shown = [e.text or "" for e in svg.iter() if e.tag.endswith("text") and "MIG_STOCK" in (e.text or "")]
    assert [(text[-8:], len(text) <= 96) for text in shown] == [("… · 2020", True)]
    assert series in next(e.text or "" for e in svg.iter() if e.tag.endswith("desc"))


def test_a_difference_that_breaches_is_drawn_even_where_it_is_not_among_the_largest() -> None:
    jump = finding(1, kind="jump", place="ref_area=BES", time_period="2005", was=62205.0, now=14399.0)
    html = pages.gate_page(judged(), [jump], [difference("ref_area=001", 1e8, 1.01e8)])

    described = next(e.text for e in svg_of(html).iter() if e.tag.endswith("desc"))
    assert described is not None
    assert described.strip().splitlines() == [
        "ref_area=BES of 2005: 62,205 → 14,399 (−76.9%), breach. ref_area=001 of 2020: 100,000,000 → 101,000,000 (+1%)."
    ]


def test_below_zero_a_smaller_figure_is_a_fall() -> None:
    [bar] = pages.chart([difference("net", -100.0, -150.0)], []).bars
    assert (bar.change, bar.text) == (-0.5, "−100 → −150 (−50%)")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (0.0, "0"),
        (12345678901.0, "12,345,678,901"),
        (1.5, "1.5"),
        (-2.25, "−2.25"),
        (0.00012, "0.00012"),
    ],
)
def test_figures_are_told_with_all_their_digits(value: float | None, text: str) -> None:
    assert pages.figure(value) == text


def test_what_others_wrote_is_shown_letter_by_letter() -> None:
    evil = finding(1, message=EVIL, scope=EVIL, found=EVIL, allowed=EVIL, place=EVIL, time_period="x", was=1.0, now=2.0)
    waived = finding(2, waiver_id=1, author=EVIL, reason=EVIL, expires_at=NOW)
    decided = judged(title=EVIL, release=EVIL, run_id=EVIL, verdict="approved", decided_by=EVIL, reason=EVIL)
    report = pages.gate_page({**decided, "decided_at": NOW}, [evil, waived], [difference(EVIL, 1.0, 3.0)])
    failing = {"source": "toy", "step": "read", "slice": EVIL, "since": NOW, "last_at": NOW, "runs": 1, "attempts": 1}
    row = source_row(title=EVIL, release=EVIL, status="failed", message=EVIL, slice=EVIL, run_id=EVIL)
    table = pages.warehouse_page(
        state(
            row,
            declared=[pages.Declared("toy", EVIL, None)],
            wrong=[EVIL],
            failing=[{**failing, "error_class": EVIL, "message": EVIL, "run_id": EVIL}],
            quarantine=[quarantined(reason=EVIL, column_name=EVIL, code=EVIL, place=EVIL, suggestion=EVIL)],
        )
    )
    for html in (report, table, pages.unreachable_page(EVIL), pages.unknown_page(EVIL)):
        assert "<script" not in html
        assert "<img" not in html
        assert "{{7*7}}${7*7}" in html


def quarantined(**differs: Any) -> dict[str, Any]:
    facts = {"source": "toy", "reason": "unknown code", "column_name": "REF_AREA", "rows": 17, "codes": 2}
    return {**facts, "code": "??", "place": "a /1/2", "suggestion": None, **differs}


# -- the page of the warehouse


def test_a_row_tells_vintage_release_figures_and_links() -> None:
    page = "toy/manual__1-0f0f0f0f.html"
    html = pages.warehouse_page(state(reports={"toy": page}))

    text = words(html)
    for part in ("vintage 3", "release 2024, accepted 2026-11-22 08:30", "12,345", "17", "done", "Nothing fails."):
        assert part in text
    for link in (f"../data-docs/{page}", "../../dags/ingest_toy/runs", "../../dags/ingest_toy/runs/manual__1"):
        assert f'href="{link}"' in html


def test_a_source_that_never_ran_is_seen_too() -> None:
    nothing = dict.fromkeys(source_row(), None) | {"source": "toy", "figures": 0}
    text = words(pages.warehouse_page(state(nothing)))

    assert "Toy toy never never loaded; expected every 7 days nothing yet 0 none none Runs" in text


def test_a_source_that_is_not_declared_any_more_is_seen_too() -> None:
    html = pages.warehouse_page(state(source_row("gone", title="Was once")))

    assert "Was once gone , not declared any more" in words(html)
    assert "ingest_gone/runs" not in html


def test_what_waits_fails_and_is_in_quarantine_is_told() -> None:
    waits = {"candidate_id": ID, "source": "toy", "release": "2025", "breaches": 5, "judged_at": NOW}
    waits |= {"expires_at": NOW, "run_id": "ingest_toy/run1", "in_airflow": True}
    warning = {"source": "toy", "suite": "toy", "rule": "share", "message": f"1 of 9 failed: {EVIL}", "since": NOW}
    failing = {
        "source": "toy",
        "step": "read",
        "slice": "figures/part=a",
        "since": NOW - dt.timedelta(days=3),
        "last_at": NOW - dt.timedelta(hours=1),
        "runs": 2,
        "attempts": 8,
        "error_class": "DriftError",
        "message": "column SEX is gone\n" + "x" * 500,
        "run_id": "ingest_toy/scheduled__1",
    }
    told = state(failing=[failing], decisions=[waits], quarantine=[quarantined()], notices=[warning])
    html = pages.warehouse_page(told)

    text = words(html)
    assert f'href="../gate/{ID}"' in html
    assert "5 breaches of 2025 until 2026-11-24 08:30 , decide" in text
    assert 'href="../../dags/ingest_toy/runs/run1/tasks/decide/required_actions"' in html
    assert "warning toy is published, and does not keep the rule share of toy since 2026-11-24 08:30" in text
    assert "failing since 2026-11-21 08:30" in text
    assert "read figures/part=a 2026-11-21 08:30 for 3 days 2 8 2026-11-24 07:30 DriftError column SEX is gone" in text
    assert 'href="../../dags/ingest_toy/runs/scheduled__1"' in html
    assert "toy unknown code REF_AREA 17 2 ?? at a /1/2" in text


def alert(**differs: Any) -> dict[str, Any]:
    facts = {
        "alert_id": 1,
        "source": "toy",
        "kind": "late",
        "message": "a load was due",
        "since": NOW - dt.timedelta(3),
    }
    return {**facts, "silent_until": None, **differs}


def test_alerts_that_stand_are_told_and_which_of_them_are_silent() -> None:
    silent = alert(source="*", kind="failing", message=EVIL, silent_until=NOW + dt.timedelta(hours=1))
    html = pages.warehouse_page(state(alerts=[alert(), silent]))
    text = words(html)
    assert "toy late 2026-11-21 08:30 for 3 days a load was due" in text
    assert "all sources failing silent until 2026-11-24 09:30 2026-11-21 08:30" in text
    assert "<script" not in html
    assert "No alert stands." in words(pages.warehouse_page(state()))


@pytest.mark.parametrize("status", ["done", "skip", "refused", "failed"])
def test_every_outcome_of_the_ledger_is_shown(status: str) -> None:
    assert f"{status} load," in words(pages.warehouse_page(state(source_row(status=status))))


@pytest.mark.database
def test_the_page_has_what_the_alerts_found(warehouse_url: str, source: Source) -> None:
    alerts.look(warehouse_url, now=NOW)
    told = overview.of_warehouse(warehouse_url, now=NOW).alerts
    assert {(row["source"], row["kind"]) for row in told} == {
        (name, "late") for name, declared in read_sources().items() if declared.schedule is not None
    }


def test_a_declaration_that_cannot_be_read_is_told() -> None:
    assert "sources/x/source.yaml: id: missing" in words(
        pages.warehouse_page(state(wrong=["sources/x/source.yaml: id: missing"]))
    )


@pytest.mark.parametrize(
    ("run_id", "url"),
    [
        ("ingest_toy/manual__1", "../../dags/ingest_toy/runs/manual__1"),
        ("publish/a b?c#d", "../../dags/publish/runs/a%20b%3Fc%23d"),
        ("by hand", None),
        ("migstats publish/2026-11-24T08:30:00", None),
        ("javascript:alert(1)/x", None),
        ("ingest_toy/", None),
        (None, None),
    ],
)
def test_only_runs_of_airflow_have_a_link(run_id: str | None, url: str | None) -> None:
    assert pages.run_url(run_id) == url


# -- what they are made of


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    return toy.declare(tmp_path, monkeypatch, "toy")[0]


def note(url: str, step: str, status: str, run: str, *, source: str = "toy", slice_id: str | None = None) -> None:
    with warehouse.connect(url) as connection:
        warehouse.add_outcome(
            connection, Outcome(run, source, step, status, slice_id, "DriftError", f"{step} of {slice_id} in {run}")
        )


def failing(url: str, source: str | None = None) -> list[tuple[object, ...]]:
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "report/failing", {"source": source})
    return [tuple(row[n] for n in ("source", "step", "slice", "runs", "attempts", "message")) for row in found]


def load(url: str, source: Source, slice_id: str, day: int, rows: list[dict[str, str]] | None = None) -> None:
    read = toy.read(
        url, source, slice_id, rows or [{"OBS_VALUE": str(1000 + day)}], at=toy.DAY + dt.timedelta(days=day)
    )
    pipeline.load([read], source, folder_of(source.id), run_id=f"ingest_toy/run{day}", url=url)


@pytest.mark.database
def test_a_slice_fails_until_a_load_holds_it(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, A, 0)
    note(warehouse_url, "land", "failed", "r1", slice_id=A)
    note(warehouse_url, "read", "failed", "r2", slice_id=A)
    note(warehouse_url, "read", "failed", "r3", slice_id=A)
    note(warehouse_url, "read", "failed", "r3", slice_id=A)
    note(warehouse_url, "read", "failed", "r3", source="other", slice_id=A)
    # The other slice came through: this one is as broken as it was.
    load(warehouse_url, source, B, 1, [{"REF_AREA": "NPL"}])

    read = ("toy", "read", A, 2, 3, f"read of {A} in r3")
    assert failing(warehouse_url, "toy") == [("toy", "land", A, 1, 1, f"land of {A} in r1"), read]
    assert ("other", "read", A, 1, 1, f"read of {A} in r3") in failing(warehouse_url)
    load(warehouse_url, source, A, 2, [{"OBS_VALUE": "1000"}, {"REF_AREA": "SRB"}])
    assert failing(warehouse_url, "toy") == []


@pytest.mark.database
def test_a_slice_that_is_served_unchanged_is_good_again_too(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, A, 0)
    note(warehouse_url, "land", "failed", "r1", slice_id=A)
    load(warehouse_url, source, A, 1, rows=[{"OBS_VALUE": "1000"}])
    assert failing(warehouse_url, "toy") == []


@pytest.mark.database
def test_since_when_is_the_first_failure_after_the_last_good_load(warehouse_url: str, source: Source) -> None:
    note(warehouse_url, "check", "failed", "r1")
    load(warehouse_url, source, A, 0)
    note(warehouse_url, "check", "failed", "r2")
    note(warehouse_url, "check", "failed", "r3")
    with warehouse.connect(warehouse_url) as connection:
        [told] = warehouse.rows(connection, "report/failing", {"source": "toy"})
        times = connection.execute("SELECT at FROM ops.outcome WHERE step = 'check' ORDER BY outcome_id").fetchall()
    assert (told["since"], told["last_at"], told["runs"]) == (times[1]["at"], times[2]["at"], 2)


@pytest.mark.database
def test_what_comes_after_the_load_fails_until_it_is_published(warehouse_url: str, source: Source) -> None:
    note(warehouse_url, "check_warehouse", "failed", "p1")
    for run in ("p1", "p2"):
        note(warehouse_url, "publish", "skip", run, source="*")  # of the others none had anything new
        note(warehouse_url, "publish", "failed", run, source="*")
    load(warehouse_url, source, A, 0)
    assert [row[:5] for row in failing(warehouse_url)] == [
        ("toy", "check_warehouse", None, 1, 1),
        ("*", "publish", None, 2, 2),
    ]
    publish.publish(warehouse_url, run_id="p3")
    assert failing(warehouse_url) == []


@pytest.mark.database
def test_the_overview_is_what_the_warehouse_knows(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, A, 0, [{"OBS_VALUE": "5"}, {"REF_AREA": "??"}, {"REF_AREA": "?!"}])
    publish.publish(warehouse_url, run_id="publish/1")
    load(warehouse_url, source, B, 1, [{"REF_AREA": "NPL"}])
    told = overview.of_warehouse(warehouse_url, now=NOW)

    rows = {row["source"]: row for row in told.sources}
    assert set(rows) == {"toy", *OURS}
    toys = rows["toy"]
    assert (toys["figures"], toys["step"], toys["status"]) == (1, "load", "done")
    assert toys["published_vintage"] < toys["vintage"]
    assert (toys["quarantined"], toys["run_id"]) == (0, "ingest_toy/run1")
    assert {rows["undesa_stock"][name] for name in ("vintage", "at", "loaded_at")} == {None}
    [kept] = told.quarantine
    assert (kept["source"], kept["rows"], kept["codes"], kept["column_name"]) == ("toy", 2, 2, "REF_AREA")
    load(warehouse_url, source, A, 2, [{"OBS_VALUE": "5"}])
    assert overview.of_warehouse(warehouse_url, now=NOW).quarantine == []


@pytest.mark.database
def test_a_source_that_was_declared_after_the_setup_is_seen_as_never_run(warehouse_url: str, source: Source) -> None:
    told = overview.of_warehouse(warehouse_url, now=NOW)
    assert "toy toy never never loaded" in words(pages.warehouse_page(told))


@pytest.mark.database
def test_a_candidate_is_told_from_breach_to_vintage(warehouse_url: str, source: Source) -> None:
    areas = ("MAR", "NPL", "SRB", "TUN", "PHL")
    whole = [{"REF_AREA": area, "OBS_VALUE": str(10_000 * n)} for n, area in enumerate(areas, start=1)]
    load(warehouse_url, source, A, 0, whole)
    day = toy.DAY + dt.timedelta(days=1)
    shrunk = [*whole[2:], {"REF_AREA": "NPL", "OBS_VALUE": "21000"}]
    read = toy.read(warehouse_url, source, A, shrunk, at=day)
    folder = folder_of("toy")
    candidate.waive(
        warehouse_url,
        source="toy",
        kind="coverage",
        scope="ref_area=MAR",
        up_to=1,
        author="Amina",
        reason="Morocco left the survey",
        expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(days=1),
    )
    told = pipeline.gate([read], source, folder, run_id="ingest_toy/run1", url=warehouse_url)
    scope = question.Scope.of([read])
    soon = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    question.ask(warehouse_url, told.candidate_id, scope, run_id="ingest_toy/run1", until=soon, alive_until=soon)

    found = overview.of_candidate(warehouse_url, told.candidate_id)
    assert found is not None
    text = words(pages.gate_page(*found))
    assert "It waits for a person, until" in text
    assert "of Amina, up to 1, until" in text
    assert "20,000 → 21,000 (+5%)" in text
    waiting = pages.warehouse_page(overview.of_warehouse(warehouse_url, now=NOW))
    assert f'href="../gate/{told.candidate_id}"' in waiting
    assert 'href="../../dags/ingest_toy/runs/run1/tasks/decide/required_actions"' in waiting
    candidate.decide(warehouse_url, told.candidate_id, verdict="approved", decided_by="Nadia", reason="as announced")
    counts = pipeline.load([read], source, folder, run_id="ingest_toy/run1", url=warehouse_url)
    found = overview.of_candidate(warehouse_url, told.candidate_id)
    assert found is not None
    text = words(pages.gate_page(*found))
    assert "Nadia approved it" in text
    assert f"Accepted as vintage {counts.vintage_id}." in text
    assert overview.of_candidate(warehouse_url, ID) is None


@pytest.mark.database
def test_the_pages_can_change_nothing(warehouse_url: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="ReadOnly"), overview.reading(warehouse_url) as connection:
        connection.execute("DELETE FROM ops.outcome")


@pytest.mark.database
def test_a_query_without_end_is_ended(warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overview, "TIMEOUT", "200ms")
    with pytest.raises(errors.TryAgainError, match="ended"), overview.reading(warehouse_url) as connection:
        connection.execute("SELECT pg_sleep(30)")


@pytest.mark.database
def test_the_role_of_the_tasks_is_enough(warehouse_url: str, source: Source) -> None:
    etl = re.sub(r"//[^@]*@", "//migstats_etl:test-only@", warehouse_url)  # pragma: allowlist secret
    assert overview.of_candidate(etl, ID) is None
    assert len(overview.of_warehouse(etl, now=NOW).sources) == 1 + len(OURS)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:s3cret-word@127.0.0.1:1/warehouse",  # pragma: allowlist secret
        "postgresql://someone:s3cret-word@[nonsense/warehouse",  # pragma: allowlist secret
        "someone:s3cret-word@127.0.0.1",  # pragma: allowlist secret
        "postgresql://someone:s3cret-word@127.0.0.1:1/warehouse?nonsense=s3cret-word",  # pragma: allowlist secret
    ],
)
def test_what_is_said_of_a_warehouse_that_is_away_holds_no_password(url: str) -> None:
    with pytest.raises(errors.MigstatsError) as said, overview.reading(url):
        pass
    assert "s3cret" not in str(said.value)
    assert said.value.__cause__ is None


# -- in a browser


@pytest.fixture
def site() -> Iterator[str]:
    """The pages, at the places that they have inside Airflow."""
    jump = finding(1, kind="jump", place="ref_area=BES", time_period="2005", was=62205.0, now=14399.0, message=EVIL)
    waived = finding(2, waiver_id=7, author="Amina", reason="known to the office", expires_at=NOW)
    rows = [difference(f"ref_area={n} counterpart_area={EVIL}", 100.0, 100.0 + 9 * n) for n in range(-30, 30)]
    failed = source_row(status="failed", step="read", slice=A, message=f"{EVIL}\n" + "long " * 200)
    failing = {"source": "toy", "step": "read", "slice": A, "since": NOW, "last_at": NOW, "runs": 2, "attempts": 8}
    waits = {"candidate_id": ID, "source": "toy", "release": "2025", "breaches": 5, "judged_at": NOW}
    waits |= {"expires_at": NOW, "run_id": "ingest_toy/run1", "in_airflow": True}
    warning = {"source": "toy", "suite": "toy", "rule": "share", "message": f"1 of 9 failed: {EVIL}", "since": NOW}
    served = {
        "/migstats/style.css": ("text/css", pages.style()),
        f"/migstats/gate/{ID}": ("text/html", pages.gate_page(judged(), [jump, waived], rows)),
        "/migstats/warehouse/": (
            "text/html",
            pages.warehouse_page(
                state(
                    failed,
                    failing=[{**failing, "error_class": "DriftError", "message": failed["message"], "run_id": "x/y"}],
                    decisions=[waits],
                    notices=[warning],
                    alerts=[alert(message=EVIL), alert(kind="slow", silent_until=NOW)],
                    quarantine=[quarantined(suggestion=EVIL)],
                )
            ),
        ),
        "/favicon.ico": ("image/x-icon", ""),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            import migstats_airflow

            kind, text = served.get(self.path, ("text/plain", ""))
            self.send_response(200 if self.path in served else 404)
            for name, value in {**migstats_airflow.HEADERS, "Content-Type": f"{kind}; charset=utf-8"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.browser
@pytest.mark.airflow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_person_gets_from_the_warehouse_to_what_waits(browser: Any, site: str, scheme: str) -> None:  # noqa: F811
    with watched(browser, color_scheme=scheme) as (page, said, asked):
        page.goto(site + "/migstats/warehouse/")
        assert page.title() == "Warehouse: sources and their state"
        assert EVIL in page.locator("#failing-toy details").inner_text()
        assert EVIL in page.locator(".notice").first.inner_text()
        page.get_by_role("link", name="5 breaches of 2025").click()
        page.wait_for_load_state()
        assert page.title() == "toy: candidate waits"
        assert EVIL in page.locator("tbody tr").first.inner_text()
        drawn = page.get_by_role("img", name="Largest relative differences")
        box = drawn.bounding_box()
        assert box["width"] > 700
        assert box["height"] > 600
        bars = page.locator("svg rect")
        widths = [round(bars.nth(n).bounding_box()["width"], 1) for n in range(bars.count())]
        assert widths == sorted(widths, reverse=True)
        assert len(widths) == pages.BARS
        page.get_by_role("link", name="Warehouse").click()
        assert page.title() == "Warehouse: sources and their state"
    assert said == []
    assert {url.split("/")[2] for url in asked} == {site.split("/")[2]}


@pytest.mark.browser
@pytest.mark.airflow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/migstats/warehouse/", f"/migstats/gate/{ID}"])
def test_the_pages_can_be_read_by_everybody(browser: Any, site: str, path: str, scheme: str) -> None:  # noqa: F811
    with watched(browser, color_scheme=scheme) as (page, _, _):
        page.goto(site + path)
        for table in page.locator("table").all():
            assert table.locator("caption").inner_text()
            assert table.locator("thead th[scope=col]").count() == table.locator("thead th").count() > 0
            assert table.locator("tbody tr").count() == table.locator("tbody th[scope=row]").count()
        for selector in ("body", "td", "th", "caption", "small", "a", "code", ".status", ".quiet", ".notice, .message"):
            assert contrast(page, selector) >= 4.5, (selector, scheme)
        links = page.locator("a, summary, .scroll").count()
        seen = set()
        for _ in range(links):
            page.keyboard.press("Tab")
            at = page.evaluate(
                """() => {
                    const style = getComputedStyle(document.activeElement);
                    const all = [...document.querySelectorAll('a, summary, .scroll')];
                    return [all.indexOf(document.activeElement), style.outlineStyle, parseFloat(style.outlineWidth)];
                }"""
            )
            assert at[1] == "solid", "the focus cannot be seen"
            assert at[2] >= 2
            seen.add(at[0])
        assert seen == set(range(links)), "something cannot be reached with the keyboard"
        page.set_viewport_size({"width": 380, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= 380


@pytest.mark.browser
@pytest.mark.airflow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_bars_stand_out_from_their_ground(browser: Any, site: str, scheme: str) -> None:  # noqa: F811
    with watched(browser, color_scheme=scheme) as (page, _, _):
        page.goto(f"{site}/migstats/gate/{ID}")
        for part in (".rise", ".fall", ".chart text"):
            page.evaluate(
                "s => { const e = document.querySelector(s); e.style.color = getComputedStyle(e).fill }", part
            )
            assert contrast(page, part) >= 3, (part, scheme)
