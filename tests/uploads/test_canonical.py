"""The confirmed figures of a submission go the way of every source, and nowhere without a second person."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import toy
from sending import AMAL, SOURCE, TODAY, confirmed, go, published_figures

from migstats import backup, candidate, lake, lineage, pipeline, upload_tasks, warehouse
from migstats.errors import PermanentError
from migstats.source import folder_of, read_source, sent
from migstats.uploads import canonical, declaration, submission
from migstats.uploads.submission import Sent

pytestmark = pytest.mark.database


@pytest.fixture
def url(warehouse_url: str, lake: Path) -> str:
    return warehouse_url


def test_the_declarations_are_those_that_the_contracts_make() -> None:
    for name in sent():
        for path, text in declaration.files(name.removeprefix("upload_").upper()).items():
            assert path.read_text(encoding="utf-8") == text, f"{path}: `migstats forms --declare` writes it anew"


def test_approved_figures_are_published_with_zero_missing_and_suppressed_apart(url: str) -> None:
    there = confirmed(
        url,
        {},
        {"counterpart_area": "ESP", "value": "0"},
        {"counterpart_area": "ITA", "value": "O:not_available", "obs_status": ""},
        {"counterpart_area": "DEU", "value": "Q:suppressed", "obs_status": ""},
        content="a",
    )
    _, counts = go(url, there)
    submission.step(url, there.upload_id, "approved", who="statistician", vintage_id=counts.vintage_id)
    assert published_figures(url) == [
        ("DEU", "2025", None, "Q"),
        ("ESP", "2025", 0.0, "A"),
        ("FRA", "2025", 120.0, "A"),
        ("ITA", "2025", None, "O"),
    ]
    assert [one.state for one in submission.published(url)] == ["published"]
    assert submission.published(url) == []


def test_every_change_waits_for_a_person_and_the_official_is_none(url: str) -> None:
    there = confirmed(url, {}, content="a")
    with pytest.raises(PermanentError, match="not approved"):
        go(url, there, decided_by=None)
    with pytest.raises(PermanentError, match="somebody else"):
        go(url, there, decided_by=AMAL)
    assert published_figures(url) == []
    judged, _ = go(url, there)
    assert judged.breaches == 1


def test_the_same_figures_again_change_nothing_and_ask_nobody(url: str) -> None:
    go(url, confirmed(url, {}, {"counterpart_area": "ESP"}, content="a"))
    again = confirmed(url, {"counterpart_area": "ESP", "cell": "F9"}, {"cell": "F8"}, content="b")
    judged, counts = go(url, again, decided_by=None)
    assert (judged.waits, counts.outcome) == (False, "unchanged")


def test_the_later_confirmation_takes_the_place_of_the_earlier(url: str) -> None:
    first = confirmed(url, {}, content="a")
    _, counts = go(url, first)
    submission.step(url, first.upload_id, "approved", who="statistician", vintage_id=counts.vintage_id)
    published_figures(url)
    submission.published(url)
    second = confirmed(url, {"value": "130"}, content="b")
    _, counts = go(url, second)
    submission.step(url, second.upload_id, "approved", who="statistician", vintage_id=counts.vintage_id)
    assert published_figures(url) == [("FRA", "2025", 130.0, "A")]
    assert {one.upload_id: one.state for one in submission.published(url)} == {
        first.upload_id: "superseded",
        second.upload_id: "published",
    }


def test_a_year_is_not_touched_by_another(url: str) -> None:
    go(url, confirmed(url, {}, content="a"))
    go(url, confirmed(url, {"time_period": "2024", "value": "90"}, content="b", year=2024))
    assert published_figures(url) == [("FRA", "2024", 90.0, "A"), ("FRA", "2025", 120.0, "A")]


def test_what_is_not_confirmed_does_not_land(url: str) -> None:
    there, _ = submission.receive(url, Sent("MAR", "labour_permits", 2025, "fr", "portal", AMAL, "a.xlsx"), b"PK")
    with pytest.raises(PermanentError, match="not confirmed by the official"):
        canonical.land(url, there, sent()[SOURCE], run_id="r")


def test_a_published_figure_leads_back_to_its_cell(url: str) -> None:
    there = confirmed(url, {}, content="a")
    go(url, there)
    published_figures(url)
    with warehouse.connect(url) as connection:
        [row] = connection.execute("SELECT observation_id FROM bi.fact_observation WHERE source = %s", [SOURCE])
    traced = lineage.trace(url, row["observation_id"])
    assert traced["cell"] == "Permis!F5"
    assert traced["url"] == f"upload:{there.upload_id}"
    assert traced["workbook"] == there.sha256


def test_a_rebuild_from_the_lake_gives_the_same_facts(url: str) -> None:
    go(url, confirmed(url, {}, {"counterpart_area": "ITA", "value": "Q:suppressed", "obs_status": ""}, content="a"))
    go(url, confirmed(url, {"value": "130"}, content="b"))
    published_figures(url)
    before = toy.fingerprint(url)
    pipeline.rebuild(url=url, admin=url)
    assert toy.fingerprint(url) == before


def test_a_backup_holds_the_workbook_and_what_was_understood_of_it(url: str, tmp_path: Path) -> None:
    there = confirmed(url, {}, content="a")
    done = backup.backup(url, tmp_path / "backup", now=dt.datetime(2026, 11, 26, tzinfo=dt.UTC))
    assert not done.manifest.absent
    kept = tmp_path / "backup" / "lake"
    assert (kept / lake.relative(lake.upload_path(there.sha256))).read_bytes() == lake.read_upload(there.sha256)
    assert there.snapshot in done.manifest.snapshots


def test_what_is_taken_back_leaves_bi_when_a_second_person_approves_and_its_trace_stays(url: str) -> None:
    there = confirmed(url, {}, {"counterpart_area": "ESP"}, content="a")
    _, counts = go(url, there)
    submission.step(url, there.upload_id, "approved", who="statistician", vintage_id=counts.vintage_id)
    assert len(published_figures(url)) == 2
    submission.published(url)
    assert submission.to_withdraw(url) == []
    back = submission.withdraw(url, there.upload_id, who=AMAL, reason="counted twice")
    assert submission.to_withdraw(url) == [back]

    folder = folder_of(SOURCE)
    source = read_source(folder / "source.yaml")
    read = pipeline.read(canonical.land_withdrawal(url, back, source, run_id="r"), source, folder)
    judged = pipeline.gate([read], source, folder, run_id="r", url=url)
    submission.withdrawal_judged(url, judged.candidate_id, back.upload_id)
    with pytest.raises(PermanentError, match="somebody else"):
        candidate.decide(url, judged.candidate_id, verdict="approved", decided_by=AMAL, reason="mine")
    candidate.decide(url, judged.candidate_id, verdict="approved", decided_by="statistician", reason="agreed")
    assert pipeline.load([read], source, folder, run_id="r", url=url).closed == 2
    pipeline.check_warehouse(SOURCE, run_id="r", url=url, today=TODAY)
    assert published_figures(url) == []
    assert submission.to_withdraw(url) == []
    assert [event["state"] for event in submission.events(url, there.upload_id)][-2:] == ["published", "withdrawn"]
    before = toy.fingerprint(url)
    pipeline.rebuild(url=url, admin=url)
    assert toy.fingerprint(url) == before


def test_of_two_that_were_approved_before_a_publish_the_newer_is_published_and_takes_the_place_of_the_other(
    url: str,
) -> None:
    uploads = []
    for content, value in (("a", "120"), ("b", "130")):
        there = confirmed(url, {"value": value}, content=content)
        _, counts = go(url, there)
        upload_tasks.note_loaded(url, there, None, counts.vintage_id)
        uploads.append(there.upload_id)
    assert published_figures(url) == [("FRA", "2025", 130.0, "A")]
    submission.published(url)
    assert [submission.find(url, upload_id).state for upload_id in uploads] == ["superseded", "published"]


def test_the_same_figures_again_take_the_place_of_those_that_say_the_same(url: str) -> None:
    first = confirmed(url, {}, content="a")
    _, counts = go(url, first)
    upload_tasks.note_loaded(url, first, None, counts.vintage_id)
    published_figures(url)
    submission.published(url)
    again = confirmed(url, {"cell": "F9"}, content="b")
    _, counts = go(url, again, decided_by=None)
    upload_tasks.note_loaded(url, again, None, counts.vintage_id)
    submission.published(url)
    assert submission.find(url, again.upload_id).state == "published"
    assert submission.find(url, first.upload_id).state == "superseded"


def test_what_was_not_loaded_is_overtaken_only_where_something_newer_was_confirmed(url: str) -> None:
    first = confirmed(url, {}, content="a")
    upload_tasks.note_refused(url, first, {"breaches": 0})
    assert submission.find(url, first.upload_id).state == "submitted"
    confirmed(url, {"value": "130"}, content="b")
    upload_tasks.note_refused(url, first, {"breaches": 0})
    assert submission.find(url, first.upload_id).state == "superseded"
