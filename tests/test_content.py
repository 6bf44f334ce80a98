"""Faults of what a publisher serves: pages, fields, labels, code lists, stamps, and two sources that disagree."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import toy
from faults.server import Action, Asked, FaultServer, answer, in_turn

from migstats import candidate, landing, pipeline, publish, settings, vintage, warehouse, web
from migstats import lake as lakes
from migstats.codelists import read_codelist
from migstats.errors import DriftError, PermanentError, PublisherError, RefusedError, TryAgainError
from migstats.replay import answer as answer_of_sample
from migstats.source import folder_of, plan, read_sources

SAMPLES = settings.include() / "samples"
TODAY = dt.date(2024, 1, 1)
Change = Callable[[Any], Any]


def same(document: Any) -> Any:
    """What the publisher serves, unchanged."""
    return document


def served(change: Change = same) -> Callable[[Asked], Action]:
    """The samples as the replay server gives them, each JSON changed; CSV is changed as text."""

    def script(asked: Asked) -> Action:
        found = answer_of_sample(SAMPLES, asked.target, {})
        if found.status != 200:
            return answer(found.status, found.body, Content_Type=found.content_type)
        if "csv" in found.content_type:
            body = change(found.body.decode()).encode()
        else:
            body = json.dumps(change(json.loads(found.body))).encode()
        return answer(200, body, Content_Type=found.content_type)

    return script


def land(
    monkeypatch: pytest.MonkeyPatch, server: FaultServer, source_id: str, dataset: str, url: str | None = None
) -> landing.Landed:
    monkeypatch.setenv("MIGSTATS_REPLAY", server.url)
    monkeypatch.setattr(web, "back_off", lambda attempt: 0.0)
    declared = read_sources()[source_id]
    return landing.land(plan(declared, today=TODAY, datasets=[dataset])[-1], declared, url=url)


def read(landed: landing.Landed) -> pipeline.Read:
    source_id = landed.slice.source
    return pipeline.read(landed, read_sources()[source_id], folder_of(source_id))


def facts_of(monkeypatch: pytest.MonkeyPatch, source_id: str, dataset: str, change: Change = same) -> tuple[str, int]:
    """Hash and number of the observations that are read of what a publisher serves."""
    with FaultServer(served(change)) as server:
        done = read(land(monkeypatch, server, source_id, dataset))
    assert done.observations > 10
    return done.content_sha256, done.observations


def load(
    url: str, monkeypatch: pytest.MonkeyPatch, source_id: str, dataset: str, change: Change
) -> tuple[pipeline.Counts, landing.Landed]:
    """Land, read and load what a publisher serves, as the tasks of a run do it."""
    source, folder = read_sources()[source_id], folder_of(source_id)
    with FaultServer(served(change)) as server:
        landed = land(monkeypatch, server, source_id, dataset, url)
    reads = [pipeline.read(one, source, folder) for one in landing.waiting(landed, url=url)]
    return pipeline.load(reads, source, folder, run_id="test", url=url), landed


def vintages(url: str) -> int:
    return toy.counts(url, "ops.vintage")["ops.vintage"]


def snapshots(url: str) -> int:
    return toy.counts(url, "raw.snapshot")["raw.snapshot"]


# -- C01, C03: pages


def world_bank(page: int, rows: list[Any], total: int) -> Any:
    return [{"page": page, "pages": 2, "per_page": len(rows), "total": total, "lastupdated": "2024-06-28"}, rows]


def idmc(page: int, rows: list[Any], total: int) -> Any:
    return {"last_updated": "2025-05-13", "count": total, "next": None, "previous": None, "results": rows}


def unhcr(page: int, rows: list[Any], total: int) -> Any:
    return {"page": page, "short-url": "x", "maxPages": 2, "total": [], "items": rows}


#: Source, dataset → how its rows are found, and how a page of them looks.
PAGED: Mapping[tuple[str, str], tuple[Callable[[Any], list[Any]], Callable[[int, list[Any], int], Any]]] = {
    ("worldbank_wdi", "flows"): (lambda document: document[1], world_bank),
    ("unhcr_population", "pairs"): (lambda document: document["items"], unhcr),
}


def in_pages(
    source_id: str, dataset: str, second: Callable[[list[Any], list[Any]], list[Any]]
) -> Callable[[Asked], Action]:
    """A script that serves a sample in two pages; what is on page 2 is chosen from the rows of both."""
    rows_of, page_of = PAGED[source_id, dataset]

    def script(asked: Asked) -> Action:
        number = int(parse_qs(urlsplit(asked.target).query).get("page", ["1"])[0])
        found = answer_of_sample(SAMPLES, asked.target.replace("page=2", "page=1"), {})
        rows = rows_of(json.loads(found.body))
        first, last = rows[: len(rows) // 2], rows[len(rows) // 2 :]
        there = first if number == 1 else second(first, last)
        return answer(200, json.dumps(page_of(number, there, len(rows))).encode(), Content_Type=found.content_type)

    return script


EACH_PAGED = pytest.mark.parametrize(("source_id", "dataset"), PAGED)


@EACH_PAGED
def test_two_pages_are_the_same_facts_as_one(
    lake: Path, monkeypatch: pytest.MonkeyPatch, source_id: str, dataset: str
) -> None:
    with FaultServer(in_pages(source_id, dataset, lambda first, last: last)) as server:
        landed = land(monkeypatch, server, source_id, dataset)
    assert len(landed.pages) == 2
    done = read(landed)
    assert done.observations == facts_of(monkeypatch, source_id, dataset)[1]


@EACH_PAGED
def test_a_page_that_comes_twice_is_not_taken_for_two(
    lake: Path, monkeypatch: pytest.MonkeyPatch, source_id: str, dataset: str
) -> None:
    """C01: its header says that it is page 2, and its rows are those of page 1."""
    with FaultServer(in_pages(source_id, dataset, lambda first, last: first)) as server:
        landed = land(monkeypatch, server, source_id, dataset)
    with pytest.raises(PublisherError, match=r"pages repeat each other's rows|a page is missing or repeats another"):
        read(landed)


@EACH_PAGED
def test_a_server_that_does_not_turn_the_page_is_told_by_its_number(
    lake: Path, monkeypatch: pytest.MonkeyPatch, source_id: str, dataset: str
) -> None:
    """C01: the very same answer, whichever page is asked for."""
    script = in_pages(source_id, dataset, lambda first, last: last)

    def first_page(asked: Asked) -> Action:
        return script(Asked(**{**vars(asked), "target": asked.target.replace("page=2", "page=1")}))

    with (
        FaultServer(first_page) as server,
        pytest.raises(PublisherError, match="page 2 was asked for, page 1 came; nothing was loaded"),
    ):
        land(monkeypatch, server, source_id, dataset)


@EACH_PAGED
def test_a_last_page_without_rows_is_not_the_end(
    lake: Path, monkeypatch: pytest.MonkeyPatch, source_id: str, dataset: str
) -> None:
    """C03"""
    with (
        FaultServer(in_pages(source_id, dataset, lambda first, last: [])) as server,
        pytest.raises(PublisherError, match=r"answers with no (rows|items) \(page 2 of 2"),
    ):
        land(monkeypatch, server, source_id, dataset)


def test_fewer_rows_than_the_publisher_counts_are_refused(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C03: the World Bank counts 420 rows, and 419 come."""
    with FaultServer(in_pages("worldbank_wdi", "flows", lambda first, last: last[:-1])) as server:
        landed = land(monkeypatch, server, "worldbank_wdi", "flows")
    with pytest.raises(PublisherError, match=r"the publisher counts \[420\] rows, 419 came; a page is missing"):
        read(landed)


# -- C05, C14: what a publisher may change without changing a figure


def with_field(document: Any, said: str = "revised") -> Any:
    rows = document[1] if isinstance(document, list) else document["items"]
    for row in rows:
        row["revision_note"] = said
    return document


def with_column(text: str) -> str:
    header, *lines = text.splitlines()
    return "\n".join([f"{header},OBS_COMMENT", *(f"{line},revised" for line in lines)]) + "\n"


def with_member(cube: Any) -> Any:
    return {**cube, "note": ["Revised"], "extension": {**cube.get("extension", {}), "revision": {"of": "2026"}}}


@pytest.mark.parametrize(
    ("source_id", "dataset", "change"),
    [
        ("worldbank_wdi", "flows", with_field),
        ("unhcr_population", "pairs", partial(with_field, said="")),
        ("eurostat_migr", "birth", with_column),
        ("eurostat_migr", "citizenship", with_member),
    ],
)
def test_a_further_field_changes_no_fact(
    lake: Path, monkeypatch: pytest.MonkeyPatch, source_id: str, dataset: str, change: Change
) -> None:
    """C05"""
    assert facts_of(monkeypatch, source_id, dataset, change) == facts_of(monkeypatch, source_id, dataset)


def test_a_further_field_that_may_tell_figures_apart_is_refused_by_name(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C05: UNHCR has no attributes; what is said of an item that nobody declared may be a group of people."""
    with FaultServer(served(with_field)) as server:
        landed = land(monkeypatch, server, "unhcr_population", "pairs")
    with pytest.raises(DriftError, match=r"revision_note \(revised\); say for each in `concepts` what it means"):
        read(landed)


def relabelled(document: Any) -> Any:
    """Another spelling of the names of countries, the codes as before."""
    if isinstance(document, list):
        for row in document[1]:
            row["country"]["value"] += " (new)"
    elif "items" in document:
        for item in document["items"]:
            item["coo_name"] += " (new)"
    else:
        labels = document["dimension"]["citizen"]["category"]["label"]
        labels.update({code: f"{label} (new)" for code, label in labels.items()})
    return document


def findings(url: str) -> list[tuple[str, str, str]]:
    """Kind, severity and scope of all that the gate found of labels and fields."""
    with warehouse.connect(url) as connection:
        found = connection.execute(
            "SELECT f.kind, f.severity, f.scope FROM ops.gate_finding AS f "
            "INNER JOIN ops.candidate AS c USING (candidate_id) "
            "WHERE f.kind IN ('label', 'field') ORDER BY c.judged_at, f.number"
        ).fetchall()
    return [tuple(row.values()) for row in found]


def labels_in(lake: Path) -> set[tuple[str, str, str]]:
    """Column, code and label of all readings that the lake has."""
    tables = [lakes.read_table(file) for file in lake.rglob("labels.parquet")]
    return {tuple(row.values()) for table in tables for row in table.to_pylist()}


@pytest.mark.database
@pytest.mark.parametrize(
    ("source_id", "dataset", "change", "name"),
    [
        ("worldbank_wdi", "flows", with_field, "revision_note"),
        ("unhcr_population", "pairs", partial(with_field, said=""), "revision_note"),
        ("eurostat_migr", "birth", with_column, "OBS_COMMENT"),
    ],
)
def test_a_further_field_is_accepted_with_a_notice_that_is_told_once(
    warehouse_url: str,
    lake: Path,
    monkeypatch: pytest.MonkeyPatch,
    source_id: str,
    dataset: str,
    change: Change,
    name: str,
) -> None:
    """C05"""
    assert load(warehouse_url, monkeypatch, source_id, dataset, same)[0].outcome == "accepted"
    for _ in range(2):
        assert load(warehouse_url, monkeypatch, source_id, dataset, change)[0].outcome == "unchanged"
    assert findings(warehouse_url) == [("field", "notice", name)]
    assert load(warehouse_url, monkeypatch, source_id, dataset, same)[0].outcome == "unchanged"
    assert findings(warehouse_url) == [("field", "notice", name)] * 2, "that it went is told too"
    assert vintages(warehouse_url) == 1


LABELLED = {
    "worldbank_wdi": ("flows", "country.id", "MA", "Morocco"),
    "unhcr_population": ("pairs", "coo", "SYR", "Syrian Arab Rep."),
    "eurostat_migr": ("citizenship", "citizen", "MA", "Morocco"),
}


@pytest.mark.database
@pytest.mark.parametrize("source_id", LABELLED)
def test_another_label_of_the_same_code_changes_no_fact_and_both_labels_are_kept(
    warehouse_url: str, lake: Path, monkeypatch: pytest.MonkeyPatch, source_id: str
) -> None:
    """C14: in the snapshots, in the tables of the lake, and in what the gate found."""
    dataset, column, code, label = LABELLED[source_id]
    outcomes = [
        load(warehouse_url, monkeypatch, source_id, dataset, change)[0].outcome
        for change in (same, relabelled, relabelled)
    ]
    assert outcomes == ["accepted", "unchanged", "unchanged"]
    assert (vintages(warehouse_url), snapshots(warehouse_url)) == (1, 2)
    assert {(column, code, label), (column, code, f"{label} (new)")} <= labels_in(lake)
    found = findings(warehouse_url)
    assert {(kind, severity) for kind, severity, _ in found} == {("label", "notice")}
    assert len(found) == len(set(found)), "what was accepted is not told again"


@pytest.mark.database
def test_labels_that_go_back_and_forth_stand_as_they_came_last(
    warehouse_url: str, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C14: each delivery is a load, whatever was loaded before, and moves what the next one is compared with."""
    for change in (same, relabelled, same, relabelled, same):
        load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", change)
    assert toy.counts(warehouse_url, "ops.load") == {"ops.load": 5}
    with warehouse.connect(warehouse_url) as connection:
        [state] = connection.execute("SELECT facts_path FROM ops.slice_state").fetchall()
    last = lakes.read_table(lake / Path(state["facts_path"]).with_name("labels.parquet"))
    assert "Morocco" in last["label"].to_pylist()
    told = len(findings(warehouse_url))
    load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", restamped)
    assert len(findings(warehouse_url)) == told


@pytest.mark.database
def test_the_same_bytes_are_not_compared_again(warehouse_url: str, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", same)
    monkeypatch.setattr(vintage, "labels", lambda folder: pytest.fail(f"{folder} was read"))
    assert load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", same)[0].outcome == "unchanged"
    assert toy.counts(warehouse_url, "ops.candidate") == {"ops.candidate": 1}


# -- C15: a code that stands for something else


def reused(document: Any) -> Any:
    """The code of Morocco is given to another country; the figures are as before."""
    for row in document[1]:
        if row["country"]["id"] == "MA":
            row["country"]["value"] = "Elsewhere"
    return document


def exchanged(document: Any) -> Any:
    """The code of Morocco is given to a country whose figures are a thousand times as large."""
    for row in reused(document)[1]:
        if row["country"]["id"] == "MA" and row["value"] is not None:
            row["value"] *= 1000
    return document


def judge(url: str, monkeypatch: pytest.MonkeyPatch, change: Change) -> candidate.Candidate:
    """What the gate says of the flows of the World Bank."""
    source, folder = read_sources()["worldbank_wdi"], folder_of("worldbank_wdi")
    with FaultServer(served(change)) as server:
        landed = land(monkeypatch, server, "worldbank_wdi", "flows", url)
    reads = [pipeline.read(one, source, folder) for one in landing.waiting(landed, url=url)]
    return pipeline.gate(reads, source, folder, run_id="test", url=url)


REUSED = ("label", "breach", "country.id=MA")


@pytest.mark.database
def test_a_code_that_is_used_again_for_something_else_waits_for_a_person(
    warehouse_url: str, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C15: seen by its label, and by its figures, which are another country's."""
    load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", same)
    judged = judge(warehouse_url, monkeypatch, exchanged)
    assert judged.waits
    with warehouse.connect(warehouse_url) as connection:
        found = warehouse.rows(connection, "report/findings", {"candidate_id": judged.candidate_id})
    breaches = [row for row in found if row["severity"] == "breach"]
    assert any("MAR" in row["scope"] for row in breaches), found
    assert any("MA is called 'Elsewhere' now, and was 'Morocco'" in row["message"] for row in breaches), found


@pytest.mark.database
def test_a_label_alone_that_says_something_else_waits_and_is_not_asked_about_again_once_approved(
    warehouse_url: str, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C15: the figures are the same by chance, or not there yet."""
    load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", same)
    judged = judge(warehouse_url, monkeypatch, reused)
    assert judged.waits
    assert findings(warehouse_url) == [REUSED]
    with pytest.raises(PermanentError, match="breached the gate and was not approved"):
        load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", reused)
    candidate.decide(
        warehouse_url, judged.candidate_id, verdict="approved", decided_by="Amina", reason="renamed by law"
    )
    assert load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", reused)[0].outcome == "unchanged"
    assert vintages(warehouse_url) == 1
    again = judge(warehouse_url, monkeypatch, lambda document: restamped(reused(document)))
    assert (again.waits, again.breaches) == (False, 0)
    assert judge(warehouse_url, monkeypatch, same).waits, "what stands now is the new meaning"


@pytest.mark.database
def test_a_label_that_a_person_rejected_leaves_the_facts_and_is_not_asked_about_again(
    warehouse_url: str, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C15"""
    load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", same)
    before = toy.facts(warehouse_url)
    judged = judge(warehouse_url, monkeypatch, reused)
    candidate.decide(
        warehouse_url, judged.candidate_id, verdict="rejected", decided_by="Amina", reason="another country"
    )
    for _ in range(2):
        with pytest.raises(RefusedError, match="was rejected"):
            load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", reused)
        assert not judge(warehouse_url, monkeypatch, reused).waits
    assert toy.facts(warehouse_url) == before
    assert judge(warehouse_url, monkeypatch, lambda document: restamped(reused(document))).waits, "other bytes"


@pytest.mark.database
def test_a_label_that_nobody_approved_is_not_accepted_whoever_asks(
    warehouse_url: str, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C15: the load looks again, as it does for figures."""
    load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", same)
    judged = judge(warehouse_url, monkeypatch, reused)
    source, folder = read_sources()["worldbank_wdi"], folder_of("worldbank_wdi")
    reads = [pipeline.read(toy.landed(warehouse_url, source.id), source, folder)]
    given = {"run_id": "test", "code_version": "test", "candidate_id": judged.candidate_id}
    with pytest.raises(PermanentError, match="breached the gate and was not approved"):
        vintage.accept(warehouse_url, source.id, reads, **given)


def with_labels(areas: Mapping[str, str], note: str, value: int = 1) -> bytes:
    """A CSV with a column of labels; the note moves no figure."""
    lines = [f"MIG_STOCK,{code},{name},_T,_Z,_T,_T,_T,2020,{value},A,PS,,{note}" for code, name in areas.items()]
    header = (
        "INDICATOR,REF_AREA,Area,COUNTERPART,BASIS,SEX,AGE,BREAKDOWN,TIME_PERIOD,OBS_VALUE,OBS_STATUS,UNIT,NOTE,COMMENT"
    )
    return "\n".join([header, *lines, ""]).encode()


@pytest.mark.database
def test_a_landing_that_was_overtaken_by_another_one_of_the_same_figures_asks_and_moves_nothing(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C15: what was served last stands, in whatever order it is loaded."""
    [source] = toy.declare(tmp_path, monkeypatch, "toy")
    served = [{"MAR": name, "NPL": "Nepal"} for name in ("Morocco", "Elsewhere", "Maroc")]
    reads = [
        toy.read(warehouse_url, source, toy.SLICES[0], with_labels(names, str(day)), at=toy.DAY + dt.timedelta(day))
        for day, names in enumerate(served)
    ]
    for read_on in (0, 2, 1):
        done = pipeline.load([reads[read_on]], source, folder_of("toy"), run_id="test", url=warehouse_url)
    assert done.outcome == "unchanged"
    assert findings(warehouse_url) == [("label", "notice", "REF_AREA=MAR")]
    with warehouse.connect(warehouse_url) as connection:
        [state] = connection.execute("SELECT facts_path FROM ops.slice_state").fetchall()
    assert state["facts_path"] == f"{reads[2].folder}/facts.parquet"
    both = pipeline.gate(reads[1:], source, folder_of("toy"), run_id="test", url=warehouse_url)
    assert both.breaches == 0


@pytest.mark.database
def test_landings_that_waited_are_compared_one_after_the_other(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C14: two states with other figures were not loaded, each with another spelling."""
    [source] = toy.declare(tmp_path, monkeypatch, "toy")
    toy.open_gate(tmp_path, "toy")
    served = [{"MAR": "Morocco"}, {"MAR": "Morocco (new)"}, {"MAR": "Moroccan Kingdom (new)"}]
    reads = [
        toy.read(warehouse_url, source, toy.SLICES[0], with_labels(names, "", day), at=toy.DAY + dt.timedelta(day))
        for day, names in enumerate(served, start=1)
    ]
    pipeline.load(reads[:1], source, folder_of("toy"), run_id="test", url=warehouse_url)
    pipeline.load(reads, source, folder_of("toy"), run_id="test", url=warehouse_url)
    with warehouse.connect(warehouse_url) as connection:
        found = connection.execute(
            "SELECT message FROM ops.gate_finding WHERE kind = 'label' ORDER BY number"
        ).fetchall()
    assert [row["message"].partition(" (likeness")[0] for row in found] == [
        "REF_AREA MAR is called 'Morocco (new)' now, and was 'Morocco'",
        "REF_AREA MAR is called 'Moroccan Kingdom (new)' now, and was 'Morocco (new)'",
    ]


@pytest.mark.database
def test_a_waiver_lets_a_label_pass_once(warehouse_url: str, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C15: it is used up, although there is no vintage."""
    load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", same)
    candidate.waive(
        warehouse_url,
        source="worldbank_wdi",
        kind="label",
        scope="country.id=MA",
        up_to=1,
        author="Amina",
        reason="announced by the World Bank",
        expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(days=1),
    )
    assert load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", reused)[0].outcome == "unchanged"
    assert judge(warehouse_url, monkeypatch, same).waits


@pytest.mark.database
def test_where_what_stands_was_read_without_labels_nothing_is_held(
    warehouse_url: str, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C15: a reading of an older version, or one of a backup; what comes next is compared with this one."""
    load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", same)
    for file in lake.rglob("labels.parquet"):
        file.unlink()
    assert load(warehouse_url, monkeypatch, "worldbank_wdi", "flows", relabelled)[0].outcome == "unchanged"
    assert findings(warehouse_url) == []
    assert judge(warehouse_url, monkeypatch, reused).waits


# -- C26: a structure that is not whole

STRUCTURE = (
    b'<?xml version="1.0"?><mes:Structure xmlns:mes="http://www.sdmx.org/resources/sdmxml/schemas/v2_1/message">'
    b"<mes:Structures><str:DataStructures/></mes:Structures></mes:Structure>"
)


def without_list(cube: Any) -> Any:
    """The list of codes of a dimension is referred to, and not there."""
    cube["dimension"]["geo"] = {"label": "Reporting country", "href": "https://ec.europa.eu/codelist/GEO"}
    return cube


def test_a_dimension_without_its_code_list_is_refused_by_name(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C26"""
    with (
        FaultServer(served(without_list)) as server,
        pytest.raises((DriftError, PublisherError), match="geo"),
    ):
        land(monkeypatch, server, "eurostat_migr", "citizenship")
    assert not [file for file in lake.rglob("*") if file.is_file()]


def test_a_structure_in_the_place_of_data_is_refused(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C26: no figures are made of a message that has none."""
    body = answer(200, STRUCTURE, Content_Type="application/vnd.sdmx.structure+xml")
    with FaultServer(in_turn(body)) as server, pytest.raises((PublisherError, TryAgainError), match="SDMX-CSV"):
        land(monkeypatch, server, "eurostat_migr", "birth")
    assert not [file for file in lake.rglob("*") if file.is_file()]


# -- C30: two sources disagree


@pytest.mark.database
def test_of_two_sources_that_disagree_both_are_kept_one_counts_and_the_difference_is_listed(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C30: where they agree, where one has no figure, and where only one has the cell, there is nothing to list."""
    sources = toy.declare(tmp_path, monkeypatch, "ark", "zoo")
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("UPDATE ref.source_preference SET sources = 'zoo|ark' WHERE code = 'MIG_STOCK'")
    of = {
        "ark": [{"OBS_VALUE": "100"}, {"REF_AREA": "SRB", "OBS_VALUE": "7"}, {"REF_AREA": "TUN", "OBS_VALUE": "5"}],
        "zoo": [
            {"OBS_VALUE": "150"},
            {"REF_AREA": "SRB", "OBS_VALUE": "7.0"},
            {"REF_AREA": "TUN", "OBS_VALUE": ":", "OBS_STATUS": ""},
            {"REF_AREA": "NPL", "SEX": "F", "OBS_VALUE": "3"},
        ],
    }
    for source in sources:
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, toy.SLICES[0], of[source.id]))
    publish.publish(warehouse_url, run_id="test")
    with warehouse.connect(warehouse_url) as connection:
        kept = connection.execute(
            "SELECT source, value, published_value FROM bi.observation_all WHERE ref_area = 'MAR' ORDER BY source"
        ).fetchall()
        listed = connection.execute(
            "SELECT ref_area, source, published_value, other_source, other_value, difference, relative_difference "
            "FROM bi.discrepancies"
        ).fetchall()
    assert [tuple(row.values()) for row in kept] == [("ark", None, 100), ("zoo", 150, 150)]
    assert [tuple(row.values()) for row in listed] == [("MAR", "zoo", 150, "ark", 100, 50, pytest.approx(1 / 3))]


# -- C31: a version of the interface that is gone

GONE = "v2 was retired; use v3"
RETIRED = {
    "410": answer(410, GONE.encode(), Content_Type="text/plain"),
    "404 with a web page": answer(404, f"<html><body>{GONE}</body></html>".encode(), Content_Type="text/html"),
    "200 with a message": answer(
        200,
        json.dumps([{"message": [{"id": "199", "key": "Retired", "value": GONE}]}]).encode(),
        Content_Type="application/json",
    ),
}


@pytest.mark.parametrize("how", RETIRED)
def test_an_interface_that_was_retired_is_asked_once_and_the_publisher_quoted(
    lake: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """C31"""
    with FaultServer(in_turn(RETIRED[how])) as server, pytest.raises(PublisherError) as refused:
        land(monkeypatch, server, "worldbank_wdi", "flows")
    assert len(server.asked) == 1, "trying again cannot help"
    said = str(refused.value)
    assert GONE in said
    assert "then mend the URL (docs/operations.md)" in said
    assert not [file for file in lake.rglob("*") if file.is_file()]


# -- a stamp that moves alone


def restamped(document: Any) -> Any:
    """The publisher's stamp of a day later, and not a figure changed."""
    if isinstance(document, list):
        day = dt.date.fromisoformat(document[0]["lastupdated"])
        document[0]["lastupdated"] = (day + dt.timedelta(days=1)).isoformat()
    else:
        moment = dt.datetime.fromisoformat(document["updated"])
        document["updated"] = (moment + dt.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S%z")
    return document


@pytest.mark.database
@pytest.mark.parametrize(
    ("source_id", "dataset"),
    [("worldbank_wdi", "flows"), ("worldbank_wdi", "shares"), ("eurostat_migr", "citizenship")],
)
def test_a_stamp_that_moves_alone_is_no_vintage(
    warehouse_url: str, lake: Path, monkeypatch: pytest.MonkeyPatch, source_id: str, dataset: str
) -> None:
    counts, first = load(warehouse_url, monkeypatch, source_id, dataset, same)
    assert counts.outcome == "accepted"
    publish.publish(warehouse_url, run_id="test")
    before = toy.fingerprint(warehouse_url)
    counts, second = load(warehouse_url, monkeypatch, source_id, dataset, restamped)
    assert second.released_at > first.released_at, "the stamp was not moved"
    assert second.pages[0].sha256 != first.pages[0].sha256
    assert (counts.outcome, counts.loaded) == ("unchanged", 0)
    assert vintages(warehouse_url) == 1
    with warehouse.connect(warehouse_url) as connection:
        kept = connection.execute("SELECT status FROM ops.outcome WHERE step = 'load' ORDER BY outcome_id").fetchall()
    assert [row["status"] for row in kept] == ["done", "skip"]
    assert not publish.waiting(warehouse_url)
    after = toy.fingerprint(warehouse_url)
    assert {table for table in before if before[table] != after[table]} <= {"ops.balance"}


# -- pages by an offset


def by_offset(rows: list[Any], total: int | None) -> Callable[[Asked], Action]:
    """A script that answers as IDMC does: a hundred rows from the offset that is asked for."""

    def script(asked: Asked) -> Action:
        offset = int(parse_qs(urlsplit(asked.target).query)["offset"][0])
        document = idmc(1, rows[offset : offset + 100], len(rows) if total is None else total)
        return answer(200, json.dumps(document).encode(), Content_Type="application/json")

    return script


def displaced(count: int) -> list[Any]:
    areas = [code for code, row in codelist_of_areas().items() if row["kind"] == "country"]
    fields = ("new_displacement", "new_displacement_rounded", "total_displacement_rounded")
    return [
        {"iso3": areas[n % 150], "country_name": "x", "year": 2010 + n // 150, "total_displacement": n}
        | dict.fromkeys(fields)
        for n in range(count)
    ]


def codelist_of_areas() -> Mapping[str, Mapping[str, str]]:
    return read_codelist(settings.include() / "codelists", "area").rows


@pytest.mark.parametrize(("count", "pages"), [(100, 1), (101, 2), (350, 4)])
def test_pages_by_an_offset_end_with_the_last_row(
    lake: Path, monkeypatch: pytest.MonkeyPatch, count: int, pages: int
) -> None:
    with FaultServer(by_offset(displaced(count), None)) as server:
        landed = land(monkeypatch, server, "idmc_gidd", "displaced")
        offsets = [parse_qs(urlsplit(asked.target).query)["offset"] for asked in server.asked]
    assert offsets == [[str(100 * n)] for n in range(pages)]
    assert read(landed).observations == count


def test_fewer_rows_than_an_offset_promises_are_refused(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C03"""
    with FaultServer(by_offset(displaced(150), 160)) as server:
        landed = land(monkeypatch, server, "idmc_gidd", "displaced")
    with pytest.raises(PublisherError, match=r"the publisher counts \[160\] rows, 150 came"):
        read(landed)


def test_a_total_that_moves_between_pages_is_refused(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def script(asked: Asked) -> Action:
        return by_offset(displaced(250), 250 if "offset=0" in asked.target else 251)(asked)

    with (
        FaultServer(script) as server,
        pytest.raises(PublisherError, match="page 2 counts 3 pages and 251 rows, page 1 other numbers"),
    ):
        land(monkeypatch, server, "idmc_gidd", "displaced")


def test_an_offset_that_the_server_ignores_is_told(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """C01"""

    def script(asked: Asked) -> Action:
        document = idmc(1, displaced(250)[:100], 250)
        return answer(200, json.dumps(document).encode(), Content_Type="application/json")

    with FaultServer(script) as server, pytest.raises(PublisherError, match="page 2 repeats an earlier page"):
        land(monkeypatch, server, "idmc_gidd", "displaced")


def test_the_media_type_that_a_dataset_declares_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(served()) as server:
        land(monkeypatch, server, "ilostat_migrants", "unemployment_by_birth")
        land(monkeypatch, server, "unicef_migration", "migrants")
    assert [asked.headers["accept"] for asked in server.asked] == [
        "application/vnd.sdmx.data+csv;version=1.0.0",
        "*/*",
    ]
