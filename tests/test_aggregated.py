"""Figures made from records on the whole way: each record is accounted for, and a figure leads back to its own."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import toy
import yaml
from samples import SAMPLES

from migstats import frames, lineage, local, pipeline, publish, warehouse
from migstats.errors import DeclarationError
from migstats.harmonise import Harmonised, harmonise, read_codes, wide
from migstats.readers import reader_for
from migstats.source import Source, folder_of, read_source

SHA = "5" * 64
SOURCE = """\
id: toy
title: toy
publisher: Statistical office
homepage: https://example.org/
description: Invented records for tests.
owner: tests
licence: {id: CC0-1.0, url: https://example.org/licence, redistribution: allowed}
citation: Invented.
hosts: [example.org]
quarantine_bound: 0.5
datasets:
  - id: figures
    title: Figures
    url: https://example.org/toy/{part}.csv
    slices: {part: [a, b, c]}
    reader:
      format: delimited
      figures: [dead, missing]
      aggregate:
        figure: sum
        by: [area]
        period: {to: month, date: date, formats: ["%Y-%m-%d"]}
        where: {role: [counts]}
    concepts:
      indicator: {column: measure}
      unit: PS
      ref_area: {column: area, scheme: name_en}
      time_period: {column: period, period: sdmx}
      obs_status: {column: _status}
    stock_or_flow: flow
    reference_point: period
"""
CODES = """\
dataset,column,code,concept,target,treatment
*,measure,dead,indicator,LABOUR_DEPARTURES,map
*,measure,missing,indicator,RETURNEES,map
*,area,Nowhere,ref_area,,ignore
*,_status,complete,obs_status,A,map
*,_status,partial,obs_status,U,map
*,_status,none,obs_status,O,map
*,_value,,obs_status,O,map
"""
HEADER = "area,date,dead,missing,role\n"
RECORDS = [
    "Tunisia,2024-01-01,1,,counts",
    "Tunisia,2024-01-31,2,,counts",
    "Tunisia,2024-01-05,,,counts",
    "Tunisia,2024-01-06,9,9,no",
    "Korea,2024-01-01,1,1,counts",
    "Korea,2024-01-02,1,1,counts",
    "Nowhere,2024-01-01,1,1,counts",
    "Nowhere,2024-01-02,1,1,counts",
    "Tunisia,soon,3,3,counts",
    "Tunisia,2024-01-07,many,0,counts",
]


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    folder = tmp_path / "sources" / "toy"
    folder.mkdir(parents=True)
    (folder / "source.yaml").write_text(SOURCE, encoding="utf-8")
    (folder / "codes.csv").write_text(CODES, encoding="utf-8")
    monkeypatch.setenv("MIGSTATS_SOURCES", str(tmp_path / "sources"))
    monkeypatch.setenv("MIGSTATS_LAKE", str(tmp_path / "lake"))
    return read_source(folder / "source.yaml")


def payload(*records: str) -> bytes:
    return (HEADER + "\n".join(records) + "\n").encode()


def made(source: Source, tmp_path: Path, *records: str) -> Harmonised:
    dataset = source.dataset("figures")
    codes = read_codes(tmp_path / "sources" / "toy", pipeline.concepts())
    table = reader_for(dataset.reader).read(payload(*records), dataset.reader)
    return harmonise({SHA: table}, "toy", dataset, codes, concepts=pipeline.concepts(), last_year=2027)


def facts(done: Harmonised) -> list[tuple[object, ...]]:
    columns = ["indicator", "ref_area", "time_period", "value", "obs_status", "note"]
    return wide(done, "s").select(columns).rows()


def held(done: Harmonised) -> list[tuple[object, ...]]:
    names = ("reason", "place", "code", "raw", "cells")
    return sorted(tuple(row[name] for name in names) for row in done.quarantine.to_pylist())


def told(done: Harmonised) -> dict[str, int]:
    return dict(zip(done.explained["reason"].to_pylist(), done.explained["count"].to_pylist(), strict=True))


def test_every_cell_of_every_record_is_accounted_for(source: Source, tmp_path: Path) -> None:
    done = made(source, tmp_path, *RECORDS)
    assert facts(done) == [
        ("LABOUR_DEPARTURES", "TUN", "2024-01", 3.0, "U", "not stated in 2 of 4 records"),
        ("RETURNEES", "TUN", "2024-01", 0.0, "U", "not stated in 3 of 4 records"),
    ]
    assert held(done) == [
        ("bad_period", "line 10 column dead", "soon", "3", 1),
        ("bad_period", "line 10 column missing", "soon", "3", 1),
        ("not_a_number", "line 11 column dead", None, "many", 1),
        ("unknown_code", "sum of dead over the records as line 6 in area, period", "Korea", "2", 2),
        ("unknown_code", "sum of missing over the records as line 6 in area, period", "Korea", "2", 2),
    ]
    assert told(done) == {"not_selected": 2, "declared_ignored": 4, "blank": 4, "aggregated": 1}
    cells = 2 * len(RECORDS)
    assert done.landed == {SHA: cells}
    assert cells == done.facts.num_rows + sum(row[-1] for row in held(done)) + sum(told(done).values())  # type: ignore[misc]


def test_what_the_reader_could_not_read_is_no_figure_even_if_it_looks_like_one(source: Source, tmp_path: Path) -> None:
    """A year is no month of a date, and 1e2 was not added: neither stands beside the sum of the others."""
    records = ["Tunisia,2024-01-01,1,1,counts", "Tunisia,2024,7,7,counts", "Tunisia,2024-01-02,1e2,1,counts"]
    done = made(source, tmp_path, *records)
    assert [(row[2], row[3], row[4]) for row in facts(done)] == [("2024-01", 1.0, "U"), ("2024-01", 2.0, "A")]
    assert [(row[0], row[3]) for row in held(done)] == [
        ("bad_period", "7"),
        ("bad_period", "7"),
        ("not_a_number", "1e2"),
    ]


def test_a_record_below_nought_goes_to_quarantine_and_the_sum_tells_that_it_lacks_one(
    source: Source, tmp_path: Path
) -> None:
    done = made(source, tmp_path, "Tunisia,2024-01-01,6,1,counts", "Tunisia,2024-01-02,-1,1,counts")
    assert [row[3:] for row in facts(done)] == [(6.0, "U", "not stated in 1 of 2 records"), (2.0, "A", None)]
    assert held(done) == [("out_of_bounds", "line 3 column dead", None, "-1", 1)]


def test_a_group_in_which_nobody_states_the_number_has_none(source: Source, tmp_path: Path) -> None:
    done = made(source, tmp_path, "Tunisia,2024-01-01,0,,counts", "Tunisia,2024-01-02,0,,counts")
    assert facts(done) == [
        ("LABOUR_DEPARTURES", "TUN", "2024-01", 0.0, "A", None),
        ("RETURNEES", "TUN", "2024-01", None, "O", None),
    ]
    assert told(done) == {"aggregated": 2}


@pytest.mark.parametrize("other", ["2", "3"])
def test_two_spellings_of_one_area_are_neither_repeats_nor_a_smaller_figure(
    source: Source, tmp_path: Path, other: str
) -> None:
    done = made(source, tmp_path, "Tunisia,2024-01-01,2,2,counts", f"TUNISIA,2024-01-01,{other},{other},counts")
    assert facts(done) == []
    assert {row[0] for row in held(done)} == {"conflicting_duplicate"}
    assert "aggregate.same" in done.quarantine["suggestion"][0].as_py()
    text = SOURCE.replace("        where:", "        same: {area: {TUNISIA: Tunisia}}\n        where:")
    (tmp_path / "sources" / "toy" / "source.yaml").write_text(text, encoding="utf-8")
    mended = read_source(tmp_path / "sources" / "toy" / "source.yaml")
    done = made(mended, tmp_path, "Tunisia,2024-01-01,2,2,counts", f"TUNISIA,2024-01-01,{other},{other},counts")
    assert [row[3] for row in facts(done)] == [2.0 + int(other)] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"concepts": {"time_period": {"column": "date", "period": "sdmx"}}}, "column: period"),
        ({"concepts": {"obs_status": "A"}}, "a sum may be partial"),
        ({"number": {"group": ","}}, "aggregate.number"),
        ({"page_parameter": "page"}, "in pages"),
    ],
)
def test_what_a_dataset_cannot_mean_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    document = yaml.safe_load(SOURCE)
    [dataset] = document["datasets"]
    for name, value in change.items():
        dataset[name] = {**dataset.get(name, {}), **value} if isinstance(value, dict) else value
    (tmp_path / "source.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(DeclarationError, match=message):
        read_source(tmp_path / "source.yaml")


# -- as the sources declare it ----------------------------------------------------------------------------------


def from_sample(tmp_path: Path, sample: str, change: Callable[[list[dict[str, object]]], None]) -> Harmonised:
    """A sample such as `iom_dtm/countries/country=HTI.json` with other records."""
    source_id, dataset = sample.removesuffix(".json").split("/")[:2]
    document = json.loads((SAMPLES / sample).read_bytes())
    change(document["result"] if isinstance(document, dict) else document)
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    folder = folder_of(source_id)
    return local.read_file(file, read_source(folder / "source.yaml"), dataset, folder, today=dt.date(2026, 11, 1))


ONCE = {
    "iom_dtm/countries/country=HTI.json": True,
    "iom_dtm/provinces/country=HTI.json": True,
    "idmc_idu/events.json": True,
    "iom_missing_migrants/regions/year=2024.json": False,  # equal incidents are several
}


@pytest.mark.parametrize("sample", ONCE)
def test_of_each_source_it_is_said_whether_an_equal_record_is_added(tmp_path: Path, sample: str) -> None:
    whole = from_sample(tmp_path, sample, lambda records: None)
    twice = from_sample(tmp_path, sample, lambda records: records.extend(records[-3:]))
    assert (twice.facts["value"] == whole.facts["value"]) is ONCE[sample]
    assert ("identical_duplicate" in told(twice)) is ONCE[sample]


def test_two_records_with_one_id_and_two_figures_are_neither_added(tmp_path: Path) -> None:
    def change(records: list[dict[str, object]]) -> None:
        records[:] = [records[0], {**records[0], "numPresentIdpInd": 1}]

    done = from_sample(tmp_path, "iom_dtm/provinces/country=HTI.json", change)
    assert done.facts.num_rows == 0
    assert [row[0] for row in held(done)] == ["conflicting_duplicate"] * 6


# -- in the warehouse -------------------------------------------------------------------------------------------


@pytest.mark.database
def test_the_ledger_balances_and_weighs_what_is_in_quarantine(source: Source, warehouse_url: str) -> None:
    counts = toy.load(warehouse_url, source, toy.read(warehouse_url, source, toy.SLICES[0], payload(*RECORDS)))
    assert (counts.landed, counts.loaded, counts.quarantined, counts.explained) == (20, 2, 7, 11)
    with warehouse.connect(warehouse_url) as connection:
        cells = connection.execute("SELECT reason, cells FROM ops.standing_quarantine ORDER BY place").fetchall()
        summary = connection.execute(
            "SELECT reason, cells, share FROM ops.quarantine_summary ORDER BY reason"
        ).fetchall()
        loads = warehouse.rows(connection, "alerts/loads", {})
    assert sorted(row["cells"] for row in cells) == [1, 1, 1, 2, 2]
    # of the 10 cells that say something 7 are in quarantine: 2 figures, and the one that is in a figure with another
    assert [tuple(row.values()) for row in summary] == [
        ("bad_period", 2, 2 / 10),
        ("not_a_number", 1, 1 / 10),
        ("unknown_code", 4, 4 / 10),
    ]
    assert [row["share"] for row in loads] == [7 / 10]


@pytest.mark.database
def test_the_bound_of_quarantine_is_about_records(source: Source, warehouse_url: str) -> None:
    """Two groups of two, one unknown: half. With a group of a hundred beside it, two in a hundred and four."""
    few = [f"{area},2024-01-0{day},1,1,counts" for area in ("Tunisia", "Korea") for day in (1, 2)]
    many = few + [f"Senegal,2024-01-{1 + day % 28:02d},1,1,counts" for day in range(100)]
    for part, records, share in ((0, few, 0.5), (1, many, 2 / 104)):
        read = toy.read(warehouse_url, source, toy.SLICES[part], payload(*records))
        frame = frames.landed_frame("toy", pipeline._landings([read]))
        assert frame["quarantine_share"].tolist() == [share]
        assert frame["difference"].tolist() == [0]


@pytest.mark.database
def test_a_published_figure_leads_back_to_its_records(source: Source, warehouse_url: str) -> None:
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, toy.SLICES[0], payload(*RECORDS)))
    publish.publish(warehouse_url, run_id="test")
    with warehouse.connect(warehouse_url) as connection:
        rows = connection.execute("SELECT observation_id, indicator FROM bi.fact_observation").fetchall()
    found = {row["indicator"]: lineage.trace(warehouse_url, row["observation_id"]) for row in rows}
    deaths = found["LABOUR_DEPARTURES"]
    assert (deaths["value"], deaths["raw"], deaths["reread"], deaths["agrees"]) == (3.0, "3", "3", True)
    assert deaths["place"] == "sum of dead over the records as line 2 in area, period"
    assert deaths["records"] == "4 records with area=Tunisia, period=2024-01: line 2, line 3, line 4, line 11"
    assert deaths["note"] == "not stated in 2 of 4 records"
