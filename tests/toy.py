"""A source of a few figures for tests: declared in two files, served as SDMX-CSV, landed without a network."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from migstats import lake, landing, pipeline, settings, validate, vintage, warehouse
from migstats.comparison import Comparison, Figures
from migstats.reading import Read
from migstats.source import Slice, Source, folder_of, read_source

#: Columns of a payload, and what a row holds where it does not say otherwise.
ROW: Mapping[str, str] = {
    "INDICATOR": "MIG_STOCK",
    "REF_AREA": "MAR",
    "COUNTERPART": "_T",
    "BASIS": "_Z",
    "SEX": "_T",
    "AGE": "_T",
    "BREAKDOWN": "_T",
    "TIME_PERIOD": "2020",
    "OBS_VALUE": "1",
    "OBS_STATUS": "A",
    "UNIT": "PS",
    "NOTE": "",
}
SLICES = ("figures/part=a", "figures/part=b", "figures/part=c")
DAY = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)

_SOURCE = """\
id: {id}
title: {id}
publisher: Statistical office of {id}
homepage: https://example.org/
description: Invented figures for tests.
owner: tests
licence: {{id: CC0-1.0, url: https://example.org/licence, redistribution: allowed}}
citation: Invented.
hosts: [example.org]
quarantine_bound: 1
{releases}
datasets:
  - id: figures
    title: Figures
    url: https://example.org/{id}/{{part}}.csv
    slices: {{part: [a, b, c]}}
    reader: {{format: sdmx_csv}}
    concepts:
      indicator: {{column: INDICATOR, scheme: code}}
      ref_area: {{column: REF_AREA, scheme: code}}
      counterpart_area: {{column: COUNTERPART, scheme: code}}
      counterpart_basis: {{column: BASIS, scheme: code}}
      sex: {{column: SEX, scheme: code}}
      age: {{column: AGE, scheme: code}}
      breakdown: {{column: BREAKDOWN, scheme: code}}
      time_period: {{column: TIME_PERIOD, period: sdmx}}
      obs_status: {{column: OBS_STATUS}}
      unit: {{column: UNIT, scheme: code}}
      note: {{column: NOTE}}
    stock_or_flow: stock
    reference_point: end
"""
_RELEASES = """\
releases:
  - {id: "2019", released: 2019-09-01}
  - {id: "2020", released: 2020-12-01}
  - {id: "2022", released: 2022-12-01}
  - {id: "2024", released: 2024-12-01}
"""
_CODES = """\
dataset,column,code,concept,target,treatment
*,OBS_STATUS,A,obs_status,A,map
*,OBS_STATUS,E,obs_status,E,map
*,OBS_STATUS,F,obs_status,F,map
*,OBS_STATUS,O,obs_status,O,map
*,OBS_STATUS,Q,obs_status,Q,map
*,_value,:,obs_status,O,map
*,_value,..,obs_status,L,map
"""


def declare(root: Path, monkeypatch: pytest.MonkeyPatch, *ids: str, releases: bool = False) -> list[Source]:
    """Declare sources in `root` (and point MIGSTATS_SOURCES there), with a lake of their own."""
    for name in ids:
        folder = root / "sources" / name
        folder.mkdir(parents=True)
        text = _SOURCE.format(id=name, releases=_RELEASES if releases else "")
        (folder / "source.yaml").write_text(text, encoding="utf-8")
        (folder / "codes.csv").write_text(_CODES, encoding="utf-8")
    monkeypatch.setenv("MIGSTATS_SOURCES", str(root / "sources"))
    monkeypatch.setenv("MIGSTATS_LAKE", str(root / "lake"))
    return [read_source(root / "sources" / name / "source.yaml") for name in ids]


def few_expectations(folder: Path) -> Path:
    """The first expectations of each shared suite, in a folder: enough where something else is tested."""
    folder.mkdir()
    for name in validate.SHARED_SUITES:
        facts = json.loads((settings.expectations() / f"{name}.json").read_text("utf-8"))
        facts["expectations"] = facts["expectations"][:3]
        (folder / f"{name}.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder


def open_gate(root: Path, *ids: str) -> None:
    """Rules for these sources under which nothing breaches: tables of two figures change by half at a time."""
    names = (
        "deleted_share",
        "series_lost",
        "changed_share",
        "added_share",
        "missing_share",
        "coverage_lost",
        "jump_factor",
    )
    rules = "".join(f"{name}: {{limit: 1000, owner: tests, reason: not what is tested}}\n" for name in names)
    for name in ids:
        (root / "sources" / name / "gate.yaml").write_text(rules, encoding="utf-8")


def payload(rows: Sequence[Mapping[str, str]]) -> bytes:
    """The bytes of a CSV whose rows differ from ROW as they say."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(ROW), lineterminator="\n")
    writer.writeheader()
    writer.writerows({**ROW, **row} for row in rows)
    return text.getvalue().encode()


def read(
    url: str,
    source: Source,
    slice_id: str,
    body: bytes | Sequence[Mapping[str, str]],
    *,
    at: dt.datetime = DAY,
    release: str = "",
) -> Read:
    """Land a payload as a slice (lake and ledger, as `landing.land` does), then read it."""
    edition = source.release(release or None)
    slice_ = Slice(
        source=source.id,
        dataset="figures",
        slice=slice_id,
        release=edition.id if edition else "",
        released=edition.released if edition else None,
        url=f"https://example.org/{source.id}/{slice_id[-1]}.csv",
    )
    return land(url, source, slice_, body if isinstance(body, bytes) else payload(body), at)


def land(url: str, source: Source, slice_: Slice, content: bytes, at: dt.datetime) -> Read:
    """Land the bytes of a slice (lake and ledgers, as `landing.land` does), then read them."""
    sha = lake.store_snapshot(content)
    noted = warehouse.Snapshot(
        source=source.id,
        dataset=slice_.dataset,
        slice=slice_.slice,
        release=slice_.release,
        part=1,
        sha256=sha,
        bytes=len(content),
        url=slice_.url,
        media_type=None,
        etag=None,
        last_modified=None,
        retrieved_at=at,
    )
    with warehouse.connect(url) as connection:
        warehouse.add_source(connection, source)
        warehouse.add_snapshots(connection, [noted])
    page = landing.Page(sha256=sha, bytes=len(content), part=1, pages=1, retrieved_at=at)
    released = dt.datetime.combine(slice_.released, dt.time(), dt.UTC) if slice_.released else at
    landed = landing.Landed(slice=slice_, pages=(page,), released_at=released)
    landing.note_landing(url, landed, "test")
    return pipeline.read(landed, source, folder_of(source.id))


def figures(facts: pa.Table, series: pa.Table) -> Figures:
    """What was harmonised, as it is compared."""
    frames = [pl.DataFrame(pl.from_arrow(table)) for table in (facts, series)]
    return Figures(frames[0].select("series_id", "time_id", "value"), frames[1])


def alone(candidate: Figures) -> Comparison:
    """A candidate where nothing was accepted."""
    return Comparison.of(candidate, Figures(candidate.facts.clear(), candidate.series.clear()))


def landed(url: str, source_id: str) -> landing.Landed:
    """The last landing of a source."""
    with warehouse.connect(url) as connection:
        found = connection.execute(
            "SELECT landed FROM raw.landing WHERE source = %s ORDER BY landed_at DESC LIMIT 1", (source_id,)
        ).fetchall()
    return landing.Landed.model_validate(found[0]["landed"])


def load(url: str, source: Source, *reads: Read) -> vintage.Counts:
    """Load what was read."""
    return vintage.accept(url, source.id, reads, run_id="test", code_version="test")


def facts(url: str, source: Source | None = None) -> set[tuple[object, ...]]:
    """Every fact with its history, without the numbers that the database gave."""
    with warehouse.connect(url) as connection:
        found = connection.execute(
            """
            SELECT o.source, s.indicator, s.ref_area, s.counterpart_area, s.sex, s.age, t.time_period, o.value,
                   o.obs_status, o.vintage_to IS NULL AS stands, o.end_reason
            FROM core.observation AS o
            INNER JOIN core.series AS s ON o.source = s.source AND o.series_id = s.series_id
            INNER JOIN ref.period AS t ON o.time_id = t.time_id
            WHERE %(source)s::text IS NULL OR o.source = %(source)s
            """,
            {"source": source.id if source else None},
        ).fetchall()
    return {tuple(row.values()) for row in found}


def fingerprint(url: str) -> dict[str, tuple[int, str]]:
    """Table → rows and hash, as `migstats fingerprint` prints them."""
    with warehouse.connect(url) as connection:
        return {r["table"]: (r["rows"], r["hash"]) for r in warehouse.rows(connection, "report/fingerprint")}


def counts(url: str, *tables: str) -> dict[str, int]:
    """Rows of tables."""
    with warehouse.connect(url) as connection:
        return {t: connection.execute(f"SELECT count(*) AS n FROM {t}").fetchall()[0]["n"] for t in tables}


def derive_nothing(url: str) -> None:
    """Only what publishers say is published: tests that count figures are not about those that we compute."""
    with warehouse.connect(url) as connection:
        connection.execute("DELETE FROM ref.derived_indicator")
