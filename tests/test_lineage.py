"""Lineage: every published figure leads back to its cell, and reading that cell again gives it."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
import toy
from samples import Filled
from typer.testing import CliRunner

from migstats import lake, lineage, publish, warehouse
from migstats.cli import app
from migstats.errors import PermanentError
from migstats.layout import DelimitedLayout, JsonRecordsLayout, RecordPeriod
from migstats.source import Multiplier, Source, read_source, read_sources

pytestmark = pytest.mark.database

SEED = 20241201
#: Figures of each dataset that are looked up.
MOST = 20
SOURCES = tuple(sorted(read_sources()))


# -- reading a place in other ways than the readers do ------------------------------------------------------------


@cache
def workbook(sha: str) -> Any:
    return openpyxl.load_workbook(io.BytesIO(lake.read_snapshot(sha)), data_only=True)


@cache
def document(sha: str) -> Any:
    payload = lake.read_snapshot(sha)
    if payload.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(payload)) as packed:
            [name] = packed.namelist()
            payload = packed.read(name)
    return json.loads(payload)


@cache
def lines(sha: str) -> list[list[str]]:
    payload = lake.read_snapshot(sha)
    text = gzip.decompress(payload) if payload.startswith(b"\x1f\x8b") else payload
    return list(csv.reader(io.StringIO(text.decode("utf-8-sig"))))


@cache
def hash_and_size(sha: str) -> tuple[str, int]:
    payload = lake.read_snapshot(sha)
    return sha256(payload).hexdigest(), len(payload)


def in_workbook(sha: str, place: str) -> object:
    sheet, _, cell = place.rpartition("!")
    return workbook(sha)[sheet][cell].value


def in_json(sha: str, place: str) -> object:
    at = document(sha)
    for step in place.removeprefix("/").split("/"):
        at = at[int(step)] if isinstance(at, list) else at.get(step)
    return at


def in_csv(sha: str, place: str) -> object:
    _, line, _, column = place.split(" ", 3)
    header = next(record for record in lines(sha) if column in record)
    return lines(sha)[int(line) - 1][header.index(column)]


GROUP = re.compile(r"(?:sum of (?P<figure>.+) over|number of) the records as (?:line |\S*/)(?P<row>[0-9]+) in .+")


def period_of(record: dict[str, str], said: RecordPeriod) -> str:
    """The period of a record, by the standard library."""
    if said.date is None:
        month = record[said.month or ""]
        return f"{record[said.year or '']}-{said.months.get(month) or int(month):02d}"
    for form in said.formats:
        with suppress(ValueError):
            day = dt.datetime.strptime(record[said.date], form.replace("%.f", ".%f"))
            if said.zone and "%H" in form:
                day = day.replace(tzinfo=dt.UTC).astimezone(ZoneInfo(said.zone))
            return day.strftime("%Y-%m" if said.to == "month" else "%Y")
    raise AssertionError(record)


def over_records(sha: str, place: re.Match[str], layout: DelimitedLayout | JsonRecordsLayout) -> object:
    """The figure of a group of records, added up one by one."""
    made = layout.aggregate
    assert made is not None
    if isinstance(layout, JsonRecordsLayout):
        records = dict(enumerate(in_json(sha, layout.records) if layout.records else document(sha)))
    else:
        found = csv.DictReader(io.StringIO(lake.read_snapshot(sha).decode()), delimiter=layout.delimiter)
        records = dict(enumerate(found, start=2))  # no field of the samples holds a line break

    def group(record: dict[str, str]) -> list[str]:
        texts = (made.same.get(name, {}).get(record[name], record[name]) for name in made.by)
        return [*texts, period_of(record, made.period)]

    where = made.where.items()
    counting = [one for one in records.values() if all((one.get(name) or "") in texts for name, texts in where)]
    own = [one for one in counting if group(one) == group(records[int(place["row"])])]
    if place["figure"] is None:
        return len(own)
    known = [int(one[place["figure"]]) for one in own if one[place["figure"]] not in ("", None, *made.blank)]
    return sum(known) if known else None


LOOK: dict[str, Callable[[str, str], object]] = {
    "workbook": in_workbook,
    "jsonstat": in_json,
    "worldbank": in_json,
    "unhcr": in_json,
    "sdmx_csv": in_csv,
    "delimited": in_csv,
    "json_records": in_json,
}


def figure(found: object) -> float | None:
    """The number that a cell holds; None for an empty one and for the publishers' signs for no figure."""
    if found is None or str(found).strip() in ("", "-", "..", ":", "NaN"):
        return None
    return float(str(found))


# -- every source -------------------------------------------------------------------------------------------------


def published(url: str, source: str) -> dict[str, dict[str, Any]]:
    with warehouse.connect(url) as connection:
        rows = connection.execute("SELECT * FROM core.published WHERE source = %s", (source,)).fetchall()
    return {row["observation_id"]: row for row in rows}


def test_the_sources_are_all_there(warehouse_of_samples: Filled) -> None:
    for source in SOURCES:
        assert len(published(warehouse_of_samples.url, source)) > 10, source


@pytest.fixture
def at_hand(warehouse_of_samples: Filled, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """That warehouse for thousands of traces: one connection, and no file of the lake is read twice."""
    monkeypatch.setenv("MIGSTATS_STATE", str(warehouse_of_samples.state))
    monkeypatch.delenv("MIGSTATS_LAKE", raising=False)
    monkeypatch.setattr(lake, "read_snapshot", cache(lake.read_snapshot))
    monkeypatch.setattr(lineage, "read_source", cache(read_source))
    with warehouse.connect(warehouse_of_samples.url) as connection:
        monkeypatch.setattr(warehouse, "connect", lambda _: nullcontext(connection))
        yield warehouse_of_samples.url


def test_published_figures_of_every_source_lead_back_to_the_cells_that_they_came_from(at_hand: str) -> None:
    """One test for all: the warehouse is filled once, whichever process of the run has it."""
    for source in read_sources().values():
        rows = published(at_hand, source.id)
        of_dataset: dict[str, list[str]] = {}
        for observation_id in sorted(rows):
            of_dataset.setdefault(rows[observation_id]["dataset"], []).append(observation_id)
        chance = random.Random(SEED)
        some = [one for ids in of_dataset.values() for one in chance.sample(ids, min(MOST, len(ids)))]
        found = [leads_back(at_hand, source, rows[observation_id]) for observation_id in some]
        assert sum(with_figure for _, with_figure in found) > len(some) / 10, source.id
        assert {dataset for dataset, _ in found} == set(of_dataset)


def leads_back(url: str, declared: Source, row: dict[str, Any]) -> tuple[str, bool]:
    """Hold a published figure against its cell; its dataset, and whether there is a figure."""
    traced = lineage.trace(url, row["observation_id"])
    dataset = declared.dataset(traced["dataset"])
    where = f"{row['observation_id']}: {traced['place']} of {traced['sha256']}"
    assert traced["agrees"] is True, (where, traced)
    assert traced["value"] == row["published_value"], where
    assert (traced["vintage"], traced["dataset"]) == (row["vintage"], row["dataset"]), where
    assert traced["is_current"] is True, where
    # the figure is what stands at that place, read otherwise than by the reader
    of_records = GROUP.fullmatch(traced["place"])
    if of_records and isinstance(dataset.reader, DelimitedLayout | JsonRecordsLayout):
        there = figure(over_records(traced["sha256"], of_records, dataset.reader))
    else:
        there = figure(LOOK[dataset.reader.format](traced["sha256"], traced["place"]))
    power = traced["unit_mult"] if isinstance(dataset.unit_mult, Multiplier) else dataset.unit_mult
    expected = None if there is None else there * 10**power
    assert traced["value"] == expected, where
    # and whoever published it is named
    assert (traced["publisher"], traced["citation"]) == (declared.publisher, declared.citation)
    assert any(f"//{host}/" in traced["url"] for host in declared.hosts), traced["url"]
    assert hash_and_size(traced["sha256"]) == (traced["sha256"], traced["bytes"])
    return traced["dataset"], expected is not None


def test_what_is_said_of_a_figure_is_what_bi_says(at_hand: str) -> None:
    said = (
        *("source", "indicator", "ref_area", "counterpart_area", "counterpart_basis", "sex", "age", "time_period"),
        *("obs_status", "conf_status", "unit", "concept_basis", "note", "release"),
    )
    for source in SOURCES:
        rows = published(at_hand, source)
        for observation_id in random.Random(SEED).sample(sorted(rows), min(5, len(rows))):
            traced = lineage.trace(at_hand, observation_id)
            assert {name: traced[name] for name in said} == {name: rows[observation_id][name] for name in said}


# -- what a trace refuses -----------------------------------------------------------------------------------------


@pytest.fixture
def one(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A published figure: URL of its warehouse, and its id."""
    [source] = toy.declare(tmp_path, monkeypatch, "toy")
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, toy.SLICES[0], [{"OBS_VALUE": "100.50"}]))
    publish.publish(warehouse_url, run_id="test")
    [observation_id] = published(warehouse_url, "toy")
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", warehouse_url)
    return warehouse_url, observation_id


def said(observation_id: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["trace", observation_id])
    return done.exit_code, done.stdout, done.stderr


def test_the_text_of_the_publisher_is_kept_as_it_was_written(one: tuple[str, str]) -> None:
    traced = lineage.trace(*one)
    assert (traced["value"], traced["raw"], traced["reread"], traced["agrees"]) == (100.5, "100.50", "100.50", True)
    assert traced["place"] == "line 2 column OBS_VALUE"
    code, out, _ = said(one[1])
    assert code == 0
    for part in (traced["sha256"], traced["url"], traced["place"], "Statistical office of toy"):
        assert part in out


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((":", None), ("0.00001", 0.00001)),
        pytest.param("1e3", 1000, id="an exponent that is not needed"),
        *(("7", 7), ("7.0", 7), ("0.1", 0.1), ("0.0001", 0.0001), ("-0", 0), ("9999999999999", 9999999999999)),
        *(("0.30000000000000004", 0.1 + 0.2), ("1234567890123.4567", 1234567890123.4567)),
    ],
)
def test_every_way_to_write_a_figure_agrees(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, value: float | None
) -> None:
    [source] = toy.declare(tmp_path, monkeypatch, "toy")
    row = {"INDICATOR": "REMIT_IN", "UNIT": "USD", "OBS_VALUE": text, "OBS_STATUS": ""}
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, toy.SLICES[0], [row]))
    publish.publish(warehouse_url, run_id="test")
    [observation_id] = published(warehouse_url, "toy")
    traced = lineage.trace(warehouse_url, observation_id)
    assert (traced["value"], traced["reread"], traced["agrees"]) == (value, text, True)


@pytest.mark.parametrize(
    "text",
    [
        *("", "toy", "toy-2020", "toy-00f1e2d3c4b5a69-2020", "toy-00F1E2D3C4B5A697-2020", "toy-00f1e2d3c4b5a697-"),
        *("Toy-00f1e2d3c4b5a697-2020", "toy-00f1e2d3c4b5a697-2020 ", "toy-00f1e2d3c4b5a697-2020\n", "' OR 1=1 --"),
    ],
)
def test_what_is_no_id_is_said_to_be_none(one: tuple[str, str], text: str) -> None:
    with pytest.raises(PermanentError, match="is no observation id; they look like"):
        lineage.trace(one[0], text)


def changed(observation_id: str, part: int, text: str) -> str:
    parts = observation_id.split("-")
    return "-".join([*parts[:part], text, *parts[part + 1 :]])


@pytest.mark.parametrize(
    ("part", "text"),
    [(0, "zoo"), (1, "0" * 16), (1, "f" * 16), (1, "8" + "0" * 15), (1, "7" + "f" * 15), (2, "2021"), (2, "9999")],
)
def test_an_id_that_no_figure_has_is_said_to_be_unknown(one: tuple[str, str], part: int, text: str) -> None:
    other = changed(one[1], part, text)
    with pytest.raises(PermanentError, match=f"no figure has the id '{other}'"):
        lineage.trace(one[0], other)
    code, _, err = said(other)
    assert code == 1
    assert err.startswith("migstats: no figure has the id")


def test_a_snapshot_that_is_gone_is_named_with_the_remedy(one: tuple[str, str]) -> None:
    path = lake.snapshot_path(lineage.trace(*one)["sha256"])
    path.unlink()
    with pytest.raises(PermanentError, match=f"{path}: the snapshot is not in the lake; restore it"):
        lineage.trace(*one)


@pytest.mark.parametrize(
    "change",
    [lambda b: b.replace(b"100.50", b"100.51"), lambda b: b + b"\n", lambda b: b[:-1], lambda _: b""],
    ids=["figure", "longer", "shorter", "empty"],
)
def test_a_snapshot_that_is_not_what_it_was_is_never_believed(
    one: tuple[str, str], change: Callable[[bytes], bytes]
) -> None:
    path = lake.snapshot_path(lineage.trace(*one)["sha256"])
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(PermanentError, match=f"{path}: the bytes changed.*restore the file"):
        lineage.trace(*one)


@pytest.mark.parametrize("column", ["raw", "value"])
def test_a_figure_that_is_not_what_stands_at_its_place_does_not_agree(one: tuple[str, str], column: str) -> None:
    change = "raw = '100.5'" if column == "raw" else "raw = NULL, value = 7"
    with warehouse.connect(one[0]) as connection:
        connection.execute(f"UPDATE core.observation SET {change}".encode())
    assert lineage.trace(*one)["agrees"] is False
    code, _, err = said(one[1])
    assert code == 1
    assert "reads '100.50', stored is" in err


def test_a_revised_figure_leads_to_the_cell_that_stands(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [source] = toy.declare(tmp_path, monkeypatch, "toy", releases=True)
    for release, value in (("2024", "100"), ("2020", "90"), ("2022", "95")):
        read = toy.read(warehouse_url, source, toy.SLICES[0], [{"OBS_VALUE": value}], release=release)
        toy.load(warehouse_url, source, read)
    publish.publish(warehouse_url, run_id="test")
    [observation_id] = published(warehouse_url, "toy")
    traced = lineage.trace(warehouse_url, observation_id)
    assert (traced["value"], traced["reread"], traced["release"], traced["is_current"]) == (100, "100", "2024", True)
