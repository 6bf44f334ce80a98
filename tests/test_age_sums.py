"""Publish: standard age bands that no source has are sums of those that it has, and lead back to them."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import toy
from typer.testing import CliRunner

from migstats import cli, publish, warehouse
from migstats.source import Source

pytestmark = pytest.mark.database

A = "figures/part=a"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Source]:
    return toy.declare(tmp_path, monkeypatch, "toy", "zoo")


def by_age(text: str, **dimensions: str) -> list[dict[str, str]]:
    """`Y0T4=5 Y5T9=Q` → figures; a letter is the status of one that is missing."""
    rows = []
    for age, figure in (cell.split("=") for cell in text.split()):
        told = {"OBS_VALUE": "", "OBS_STATUS": figure} if figure.isalpha() else {"OBS_VALUE": figure}
        rows.append({"AGE": age, **told, **dimensions})
    return rows


def load(url: str, source: Source, *rows: list[dict[str, str]], day: int = 0) -> None:
    at = toy.DAY + dt.timedelta(days=day)
    toy.load(url, source, toy.read(url, source, A, [row for some in rows for row in some], at=at))


def shown(url: str) -> list[dict[str, Any]]:
    with warehouse.connect(url) as connection:
        connection.execute("SET ROLE bi_reader")
        rows = connection.execute("SELECT * FROM bi.observation_all ORDER BY observation_id").fetchall()
    # each publication has a run of disclosure control of its own
    return [{**row, "disclosure": None} for row in rows]


def sums(url: str) -> dict[tuple[str, str], tuple[float | None, str]]:
    rows = [r for r in shown(url) if r["dataset"] == "age_bands"]
    assert all(r["source"] == "migstats" and r["method"] == "sum" and r["is_total"] for r in rows)
    assert all(r["value"] is None and r["preferred"] for r in rows)
    return {(r["ref_area"], r["age"]): (r["published_value"], r["obs_status"]) for r in rows}


def test_what_nests_is_added_up_and_nothing_else(warehouse_url: str, sources: list[Source]) -> None:
    unhcr = "_T=21 Y0T4=1 Y5T11=2 Y12T17=3 Y18T59=7 Y_GE60=8"
    load(
        warehouse_url,
        sources[0],
        by_age(unhcr, REF_AREA="MAR"),
        by_age("Y0T4=1 Y5T9=Q Y10T14=3 Y15T64=0 Y65T69=1 Y_GE70=2 _U=9", REF_AREA="BGD"),
        by_age("Y0T4=1 Y5T9=O Y10T14=3", REF_AREA="ECU"),
        by_age("Y0T4=O Y5T9=O Y10T14=O", REF_AREA="JAM"),
        by_age("Y0T4=Q Y5T9=Q Y10T14=O", REF_AREA="PHL"),
        by_age("Y0T4=1 Y10T14=3", REF_AREA="SRB"),
        by_age("Y0T4=7 Y5T9=7 Y10T14=7", REF_AREA="NPL", INDICATOR="REMIT_IN_GDP", UNIT="PT_GDP"),
    )
    publish.publish(warehouse_url, run_id="test")
    assert sums(warehouse_url) == {
        ("MAR", "Y0T17"): (6, "A"),
        ("MAR", "Y_GE18"): (15, "A"),
        ("BGD", "Y0T14"): (None, "Q"),
        ("BGD", "Y_GE65"): (3, "A"),
        ("ECU", "Y0T14"): (None, "O"),
        ("PHL", "Y0T14"): (None, "O"),
    }
    rows = {(r["ref_area"], r["age"]): r for r in shown(warehouse_url)}
    assert rows["MAR", "Y0T17"]["note"] == "sum of Y0T4, Y12T17, Y5T11 of toy"
    assert rows["BGD", "Y0T14"]["missing_reason"] == "suppressed"
    with warehouse.connect(warehouse_url) as connection:
        parts = connection.execute(
            "SELECT f.age AS made, d.role, p.age FROM bi.derivation AS d "
            "INNER JOIN bi.observation_all AS f ON d.observation_id = f.observation_id "
            "INNER JOIN bi.observation_all AS p ON d.input_observation_id = p.observation_id "
            "WHERE f.ref_area = 'MAR' ORDER BY f.age, p.age"
        ).fetchall()
        counted = connection.execute(
            "SELECT sum(value) AS s FROM bi.fact_observation WHERE ref_area = 'MAR'"
        ).fetchall()
    assert [tuple(r.values()) for r in parts] == [
        *(("Y0T17", "part", part) for part in ("Y0T4", "Y12T17", "Y5T11")),
        *(("Y_GE18", "part", part) for part in ("Y18T59", "Y_GE60")),
    ]
    assert counted == [{"s": 21}], "a sum counts nobody a second time"


def test_a_band_that_a_source_publishes_is_not_made_though_it_is_suppressed(
    warehouse_url: str, sources: list[Source]
) -> None:
    load(warehouse_url, sources[0], by_age("Y0T4=1 Y5T9=2 Y10T14=3 Y0T14=Q"))
    publish.publish(warehouse_url, run_id="test")
    assert sums(warehouse_url) == {}
    load(warehouse_url, sources[0], by_age("Y0T4=1 Y5T9=2 Y10T14=3"), day=1)
    load(warehouse_url, sources[1], by_age("Y0T14=Q"))
    publish.publish(warehouse_url, run_id="test")
    assert sums(warehouse_url) == {}, "another source has it"


def test_parts_of_two_sources_are_never_added_up(warehouse_url: str, sources: list[Source]) -> None:
    load(warehouse_url, sources[0], by_age("Y0T4=1 Y5T9=2"))
    load(warehouse_url, sources[1], by_age("Y10T14=3 Y5T9=2"))
    publish.publish(warehouse_url, run_id="test")
    assert sums(warehouse_url) == {}


def test_figures_that_may_not_be_passed_on_are_not_summed(warehouse_url: str, sources: list[Source]) -> None:
    load(warehouse_url, sources[0], by_age("Y0T4=1 Y5T9=2 Y10T14=3"))
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("UPDATE ref.source SET redistribution = 'forbidden' WHERE code = 'toy'")
    publish.publish(warehouse_url, run_id="test")
    assert shown(warehouse_url) == []


def test_publishing_step_by_step_comes_to_the_same_as_all_at_once(warehouse_url: str, sources: list[Source]) -> None:
    def groups() -> list[dict[str, Any]]:
        with warehouse.connect(warehouse_url) as connection:
            return connection.execute(
                "SELECT * FROM core.group_total ORDER BY indicator, group_area, time_period, sex, age"
            ).fetchall()

    steps = (
        (sources[0], by_age("_T=6 Y0T4=1 Y5T9=2 Y10T14=3")),
        (sources[1], by_age("Y0T4=5 Y5T9=5 Y10T14=5", REF_AREA="BGD")),
        (sources[1], by_age("Y0T4=5 Y5T9=Q Y10T14=5", REF_AREA="BGD")),
        (sources[0], by_age("_T=7 Y0T4=2 Y5T9=2 Y10T14=3")),
    )
    for day, (source, rows) in enumerate(steps):
        load(warehouse_url, source, rows, day=day)
        publish.publish(warehouse_url, run_id="test")
    step_by_step, of_groups = shown(warehouse_url), groups()
    assert sums(warehouse_url) == {("MAR", "Y0T14"): (7, "A"), ("BGD", "Y0T14"): (None, "Q")}
    assert of_groups
    publish.publish(warehouse_url, run_id="test", anew=True)
    assert (shown(warehouse_url), groups()) == (step_by_step, of_groups)


# -- on request: migstats ages ----------------------------------------------------------------------------------------

UNHCR = "_T=21 Y0T4=1 Y5T11=2 Y12T17=30 Y18T59=7 Y_GE60=8"


@pytest.fixture
def asked(warehouse_url: str, sources: list[Source], monkeypatch: pytest.MonkeyPatch, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Run `migstats ages` on UNHCR's bands of one country, of which there is a population by single years."""
    load(warehouse_url, sources[0], by_age(UNHCR, INDICATOR="REFUGEES"))
    people = " ".join(f"Y{age}={3 if age < 15 else 1}" for age in range(100)) + " Y_GE100=0"
    load(warehouse_url, sources[1], by_age(people, INDICATOR="POP"))
    publish.publish(warehouse_url, run_id="test")
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", warehouse_url)

    def run(*options: str, indicator: str = "REFUGEES") -> tuple[str, list[dict[str, str]]]:
        output = tmp_path / "out.csv"
        words = ["ages", "--source", "toy", "--indicator", indicator, "-o", str(output), *options]
        said = CliRunner().invoke(cli.app, words)
        return said.output, list(csv.DictReader(output.open(encoding="utf-8"))) if output.exists() else []

    return run


def told(rows: list[dict[str, str]]) -> dict[str, tuple[str, str, str]]:
    return {row["age"]: (row["value"], row["obs_status"], row["method"]) for row in rows}


def test_without_a_split_what_does_not_nest_is_refused(asked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    said, rows = asked("--scheme", "broad")
    assert told(rows) == {"_T": ("21.0", "A", "published")}
    refused = list(csv.DictReader((tmp_path / "out.refused.csv").open(encoding="utf-8")))
    assert {row["age"]: row["why"] for row in refused}["Y0T14"] == "Y12T17 cross the bounds of Y0T14"
    assert "3 refused" in said


def test_a_split_goes_by_the_population_and_is_marked(asked, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _, rows = asked("--scheme", "broad", "--split", "pro-rata", "--whole")
    got = told(rows)
    # of 12 to 17 three years have three persons and three one: 22.5 and 7.5
    assert got["Y0T14"] == ("26.0", "E", "pro-rata")
    assert sum(float(got[age][0]) for age in ("Y0T14", "Y15T64", "Y_GE65")) == 48
    file = tmp_path / "people.csv"
    ages = "".join(f"MAR,2020,_T,Y{age},{1 if age < 15 else 0}\n" for age in range(100))
    file.write_text(f"ref_area,year,sex,age,population\n{ages}MAR,2020,_T,Y_GE100,1\n", encoding="utf-8")
    _, rows = asked("--scheme", "broad", "--split", "pro-rata", "--population", str(file))
    assert told(rows)["Y0T14"] == ("33.0", "E", "pro-rata")


def test_a_wrong_question_is_refused(asked) -> None:  # type: ignore[no-untyped-def]
    assert "there is no scheme 'narrow'; there are" in asked("--scheme", "narrow")[0]
    assert "there is no split 'guess'; there is pro-rata" in asked("--scheme", "broad", "--split", "guess")[0]
    assert "has no figures of MIG_STOCK by age" in asked("--scheme", "broad", indicator="MIG_STOCK")[0]
