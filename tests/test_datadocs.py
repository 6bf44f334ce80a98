"""Data Docs: what a reader without a network finds, and what nobody may find."""

from __future__ import annotations

import datetime as dt
import json
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from migstats import datadocs
from migstats.validate import Judgement, Report

AT = dt.datetime(2026, 11, 24, 8, 30, tzinfo=dt.UTC)


def judgement(**differs: Any) -> Judgement:
    facts: dict[str, Any] = {
        "suite": "observation",
        "source": "undesa_stock",
        "rule": "sex_known",
        "expectation": "expect_column_values_to_be_in_set",
        "column": "sex",
        "severity": "critical",
        "success": True,
        "evaluated": 1234,
        "unexpected": 0,
        "reason": "SDMX:CL_SEX",
        "owner": "statisticians",
        "failing": (),
    }
    return Judgement(**{**facts, **differs})


FAILED = judgement(
    rule="age_known", success=False, unexpected=25, failing=("age=Y9T1 n=3 at Table 1!F12 (abababababab)",)
)


def render(target: Path, *judgements: Judgement, run_id: str = "manual__1", at: dt.datetime = AT) -> str:
    return text_of(datadocs.render(Report(judgements), run_id=run_id, target=target, at=at))


def text_of(page: Path) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8"))).split())


def test_the_page_of_a_run_says_what_failed_where_and_why(tmp_path: Path) -> None:
    text = render(tmp_path, judgement(), FAILED)

    for said in ("undesa_stock stopped", "manual__1", "2026-11-24 08:30:00 UTC", "1,234", "25", "SDMX:CL_SEX"):
        assert said in text
    assert "age=Y9T1 n=3 at Table 1!F12 (abababababab) 24 more." in text
    assert text.index("age_known") < text.index("sex_known"), "what failed stands first"


@pytest.mark.parametrize(
    ("judgements", "word"),
    [
        ([judgement()], "passed"),
        ([judgement(), judgement(rule="r", severity="info", success=False)], "for information"),
        (
            [judgement(severity="info", success=False), judgement(rule="r", severity="warning", success=False)],
            "warning",
        ),
        ([judgement(severity="warning", success=False), FAILED], "stopped"),
    ],
)
def test_the_index_says_the_worst_result_in_a_word(judgements: list[Judgement], word: str, tmp_path: Path) -> None:
    render(tmp_path, *judgements)

    assert f"undesa_stock {word} 2026-11-24 08:30:00" in text_of(tmp_path / "index.html")


def test_the_index_shows_the_latest_run_of_each_source(tmp_path: Path) -> None:
    render(tmp_path, FAILED, run_id="old", at=AT - dt.timedelta(days=1))
    render(tmp_path, judgement(), run_id="new")
    render(tmp_path, judgement(), run_id="older", at=AT - dt.timedelta(days=2))
    render(tmp_path, judgement(source="unhcr_population"), run_id="other")

    text = text_of(tmp_path / "index.html")
    assert "undesa_stock passed 2026-11-24 08:30:00 1 0 0 0 new" in text
    assert "unhcr_population passed" in text
    assert "undesa_stock: 3 runs kept" in text
    assert "2026-11-23 08:30:00 stopped old" in text


def test_a_second_report_of_a_run_adds_its_suites(tmp_path: Path) -> None:
    render(tmp_path, judgement(), FAILED)
    text = render(tmp_path, judgement(suite="warehouse", rule="orphan_area_none"))

    assert "Suite observation" in text
    assert "Suite warehouse" in text
    assert "3 expectations: 1 critical failed" in text


def test_a_suite_that_is_judged_again_in_the_same_run_replaces_its_results(tmp_path: Path) -> None:
    render(tmp_path, judgement(), FAILED)
    text = render(tmp_path, judgement())

    assert "age_known" not in text
    assert "undesa_stock passed" in text


def test_every_link_leads_to_a_file_of_the_site_and_none_outside(tmp_path: Path) -> None:
    render(tmp_path, judgement(), FAILED, run_id="scheduled__2026-11-24T08:30:00+00:00")
    render(tmp_path, judgement(source="unhcr_population"))

    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) == 3
    for page in pages:
        html = page.read_text(encoding="utf-8")
        assert "<script" not in html
        assert "style=" not in html
        for link in re.findall(r'(?:href|src)="([^"]*)"', html):
            assert (page.parent / link).resolve().is_relative_to(tmp_path.resolve())
            assert (page.parent / link).is_file(), link
    assert "url(" not in (tmp_path / "style.css").read_text()
    assert "@import" not in (tmp_path / "style.css").read_text()


EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>{{7*7}}${7*7}{% raw %}'


@pytest.mark.parametrize(
    "field", ["rule", "expectation", "column", "reason", "owner", "suite", "source", "failing", "run_id"]
)
def test_text_of_others_is_escaped(field: str, tmp_path: Path) -> None:
    differs: dict[str, Any] = {field: (EVIL,) if field == "failing" else EVIL}
    run_id = str(differs.pop("run_id", "manual__1"))

    render(tmp_path, judgement(**differs, success=False), run_id=run_id)

    for page in tmp_path.rglob("*.html"):
        html = page.read_text(encoding="utf-8")
        assert "<script" not in html
        assert "<img" not in html
        assert "49" not in re.sub(r"[0-9a-f]{8}\.html", "", html)


def test_a_run_cannot_write_outside_the_site(tmp_path: Path) -> None:
    site = tmp_path / "site"

    render(site, judgement(source="../../evil"), run_id="../../../evil")

    assert [p.name for p in tmp_path.iterdir()] == ["site"]


def test_names_that_differ_in_odd_characters_only_have_pages_of_their_own(tmp_path: Path) -> None:
    for run_id in ("a b", "a/b", "a:b"):
        render(tmp_path, judgement(), run_id=run_id)

    assert len(list((tmp_path / "undesa_stock").glob("*.html"))) == 3


def test_no_half_file_is_left_and_the_web_server_may_read_all(tmp_path: Path) -> None:
    render(tmp_path, judgement())

    files = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert not [f for f in files if f.endswith((".part", ".lock"))]
    for page in tmp_path.rglob("*.html"):
        assert stat.S_IMODE(page.stat().st_mode) == 0o644


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    render(tmp_path, judgement())
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        render(tmp_path, FAILED, run_id="second")

    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_runs_that_end_together_are_all_on_the_index(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: render(tmp_path, judgement(source=f"source_{n}"), run_id=f"run_{n}"), range(8)))

    index = text_of(tmp_path / "index.html")
    assert all(f"source_{n} passed" in index for n in range(8))
    assert not (tmp_path / ".lock").exists()


def test_only_the_newest_runs_of_a_source_keep_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datadocs, "KEPT", 2)
    for day in range(4):
        render(tmp_path, judgement(), run_id=f"run_{day}", at=AT + dt.timedelta(days=day))

    assert sorted(p.name[:5] for p in tmp_path.glob("undesa_stock/*.html")) == ["run_2", "run_3"]
    assert sorted(p.name[:5] for p in tmp_path.glob("records/*/*.json")) == ["run_2", "run_3"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"source": "s"}', json.dumps({"judgements": [{"failing": []}]})])
def test_a_damaged_record_is_named_and_does_not_stop_the_site(text: str, tmp_path: Path) -> None:
    (tmp_path / "records" / "undesa_stock").mkdir(parents=True)
    (tmp_path / "records" / "undesa_stock" / "broken.json").write_text(text)

    render(tmp_path, judgement())

    index = text_of(tmp_path / "index.html")
    assert "records/undesa_stock/broken.json" in index
    assert "undesa_stock passed" in index
