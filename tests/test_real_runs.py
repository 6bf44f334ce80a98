"""Runs of a real Airflow that do not come one after the other: backfills, replays, intervals that failed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest
from real_airflow import Site

pytestmark = [pytest.mark.end_to_end, pytest.mark.airflow, pytest.mark.database]

YEARS = (2019, 2020)
MONTHS = [dt.datetime(2025, month, 1, tzinfo=dt.UTC) for month in range(1, 4)]
BACKFILLS = "/api/v2/dags/ingest_backfilled/dagRuns?run_type=backfill"


@dataclass(frozen=True)
class Begun:
    """Runs that go on side by side, so that the tests wait for all of them at once."""

    whole: str
    beside: str
    quarantining: str
    late: list[str]


@pytest.fixture(scope="module")
def begun(site: Site) -> Begun:
    for source in ("backfilled", "whole"):
        for year in YEARS:
            rows = [{"TIME_PERIOD": str(year), "REF_AREA": area, "OBS_VALUE": str(year)} for area in ("MAR", "NPL")]
            site.serve(source, rows, str(year))
    site.serve("replayed", [{"OBS_VALUE": "7"}, {"REF_AREA": "MAROC", "TIME_PERIOD": "2021", "OBS_VALUE": "8"}])

    whole = site.run("whole", slices=[], years=YEARS)
    asked = {"dag_id": "ingest_backfilled", "from_date": "2019-03-01T00:00:00Z", "to_date": "2020-08-31T00:00:00Z"}
    assert site.airflow.call("POST", "/api/v2/backfills", {**asked, "max_active_runs": 3}) is not None
    beside = site.run("backfilled", slices=[], years=[2020])
    quarantining = site.run("replayed")
    site.serve_in_turn("late", [[{"OBS_VALUE": str(n), "OBS_STATUS": "Z"}] for n in range(1, len(MONTHS) + 1)])
    late = [site.run("late", logical_date=month) for month in MONTHS]
    return Begun(whole, beside, quarantining, late)


def figures(site: Site, source: str) -> set[tuple[object, ...]]:
    """The facts of a source without its name."""
    return {fact[1:] for fact in site.facts(source)}


def vintages(site: Site, source: str) -> list[str]:
    found = site.ask("SELECT cause FROM ops.vintage WHERE source = %(source)s ORDER BY vintage_id", source=source)
    return [row["cause"] for row in found]


def test_a_backfill_gives_the_facts_of_one_whole_load_wherever_its_range_begins_and_beside_another_run(
    site: Site, begun: Begun
) -> None:
    def runs() -> dict[str, str]:
        return {run["logical_date"][:7]: run["state"] for run in site.airflow.listed(BACKFILLS, "dag_runs")}

    site.until("the backfill ends", lambda: len(runs()) == 3 and set(runs().values()) <= {"success", "failed"})
    assert runs() == dict.fromkeys(("2019-07", "2020-01", "2020-07"), "success")
    assert site.until_ended("whole", begun.whole) == "success"
    assert site.until_ended("backfilled", begun.beside) == "success"
    assert figures(site, "backfilled") == figures(site, "whole")
    assert len(figures(site, "whole")) == 2 * len(YEARS)
    plans = site.ask(
        "SELECT o.status, count(*) AS n FROM ops.outcome AS o INNER JOIN ops.run AS r USING (run_id) "
        "WHERE o.source = 'backfilled' AND o.step = 'plan' AND r.kind = 'backfill' GROUP BY 1"
    )
    assert {row["status"]: row["n"] for row in plans} == {"done": 2, "skip": 1}, "each year was taken by one run"


def test_replay_empties_the_quarantine_without_asking_the_publisher(site: Site, begun: Begun) -> None:
    assert site.until_ended("replayed", begun.quarantining) == "failed"  # nobody has mapped a code; all else is loaded
    held = "SELECT code, suggestion FROM ops.standing_quarantine WHERE source = 'replayed'"
    assert [row["code"] for row in site.ask(held)] == ["MAROC"]
    asked = site.asked("replayed")

    with (site.sources / "replayed" / "codes.csv").open("a", encoding="utf-8") as codes:
        codes.write("*,REF_AREA,MAROC,ref_area,MAR,map\n")
    again = site.run("replayed", slices=[], replay=True)
    assert site.until_ended("replayed", again) == "success"
    assert site.asked("replayed") == asked > 0
    assert {fact[6:8] for fact in site.facts("replayed")} == {("2020", 7.0), ("2021", 8.0)}
    assert vintages(site, "replayed")[1:] == ["crosswalk"]
    assert site.ask(held) == []


def test_intervals_that_failed_and_are_cleared_a_year_later_all_load(site: Site, begun: Begun) -> None:
    assert {site.until_ended("late", run) for run in begun.late} == {"failed"}
    assert site.facts("late") == set()
    assert site.deadlines("late", begun.late[0]) == 1, "clearing moves what the deadline counts from"
    asked = site.asked("late")

    with (site.sources / "late" / "codes.csv").open("a", encoding="utf-8") as codes:
        codes.write("*,OBS_STATUS,Z,obs_status,A,map\n")
    for run in begun.late:
        site.clear("late", run)
    assert {site.until_ended("late", run) for run in begun.late} == {"success"}
    assert site.asked("late") == asked == len(MONTHS), "what had landed was read; nothing was asked for again"
    facts = site.facts("late")
    assert {fact[7] for fact in facts} == set(range(1, len(MONTHS) + 1)), "each landing was loaded"
    assert [fact[9] for fact in facts].count(True) == 1
    assert len(vintages(site, "late")) == len(MONTHS)
    loaded = "SELECT 1 FROM ops.load_landing INNER JOIN raw.landing USING (landing_id) WHERE source = 'late'"
    assert len(site.ask(loaded)) == len(MONTHS)
