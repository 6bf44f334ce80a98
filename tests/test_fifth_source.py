"""A fifth source is two files: nobody writes Python, and its figures are in the warehouse, back to their cells."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sandbox import Sandbox

from migstats import settings, warehouse

pytestmark = [pytest.mark.airflow, pytest.mark.database]

SOURCE = """\
id: atlantis_census
title: Foreign-born residents of the islands
publisher: Statistics Atlantis
homepage: https://data.atlantis.example/
description: Residents by country of birth and sex, of the register of the islands. An invented publisher.
owner: migration statisticians
licence: {id: CC-BY-4.0, url: https://data.atlantis.example/licence, redistribution: allowed}
citation: Statistics Atlantis, Register of residents, table BORN.
hosts: [data.atlantis.example]
schedule: "0 6 1 * *"
quarantine_bound: 0.2
datasets:
  - id: born
    title: Residents by country of birth and sex, 31 December
    url: https://data.atlantis.example/api/born
    query: {format: json-stat2, year: "{year}"}
    slices: {year: {start: 2022, end: 2023}}
    reader: {format: jsonstat}
    only: {unit: [persons]}
    concepts:
      indicator: MIG_STOCK
      unit: PS
      ref_area: {column: island}
      counterpart_area: {column: born, scheme: iso2}
      counterpart_basis: birth
      concept_basis: birth
      sex: {column: sex}
      time_period: {column: year, period: sdmx}
      obs_status: {column: _status}
    stock_or_flow: stock
    reference_point: end
"""
CODES = """\
dataset,column,code,concept,target,treatment,note
born,island,MAIN,ref_area,SRB,map,The islands are not in the codelist of areas: Serbia stands in for them
born,island,REEF,ref_area,,ignore,Nobody lives there
born,born,ALL,counterpart_area,_T,map,
born,sex,1,sex,M,map,
born,sex,2,sex,F,map,
born,sex,T,sex,_T,map,
born,_status,e,obs_status,E,map,
born,_status,:,obs_status,O,map,
"""
BORN, SEXES, ISLANDS = ("ALL", "MA", "NP", "??"), ("T", "1", "2"), ("MAIN", "REEF")
FIGURES = {
    # born, sex: year 2022, year 2023
    ("ALL", "T"): (120, 130.5),
    ("ALL", "1"): (70, 75.5),
    ("ALL", "2"): (50, 55),
    ("MA", "T"): (80, 85),
    ("MA", "1"): (40, 45),
    ("MA", "2"): (40, 40),
    ("NP", "T"): (40, 45.5),
    ("NP", "1"): (30, 30.5),
    ("NP", "2"): (10, None),
}


def cube(year: int) -> bytes:
    """What the publisher answers for a year: one more code than is known, one island that is left out, one estimate."""
    ids = {"born": BORN, "sex": SEXES, "island": ISLANDS, "unit": ("persons",), "year": (str(year),)}
    value: dict[str, float | None] = {}
    for i, born in enumerate(BORN):
        for j, sex in enumerate(SEXES):
            at = (i * len(SEXES) + j) * len(ISLANDS)
            if born == "??":
                value |= {str(at): 1} if sex == "T" else {}
            else:
                value[str(at)] = FIGURES[born, sex][year - 2022]
            value[str(at + 1)] = 0
    document = {
        "version": "2.0",
        "class": "dataset",
        "label": "Residents by country of birth",
        "source": "Statistics Atlantis",
        "updated": f"{year + 1}-03-01T08:00:00Z",
        "id": list(ids),
        "size": [len(codes) for codes in ids.values()],
        "dimension": {
            name: {"category": {"index": {code: n for n, code in enumerate(codes)}}} for name, codes in ids.items()
        },
        "value": value,
        "status": {"6": "e"} | ({"16": ":"} if year == 2023 else {}),  # MA both sexes, NP women; on the main island
    }
    return json.dumps(document).encode()


class _Publisher(BaseHTTPRequestHandler):
    """Statistics Atlantis, as the replay server that MIGSTATS_REPLAY names: /host/path?query."""

    asked: list[str]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.asked.append(self.path)
        query = parse_qs(parts.query)
        found = parts.path == "/data.atlantis.example/api/born" and query.get("format") == ["json-stat2"]
        body = cube(int(query["year"][0])) if found else b"no such table"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json" if found else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """The test looks at what was asked."""


@pytest.fixture
def publisher() -> Iterator[tuple[str, list[str]]]:
    """Base URL of the publisher, and what it was asked for."""
    asked: list[str] = []
    handler = type("Publisher", (_Publisher,), {"asked": asked})
    served = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_address[1]}", asked
    served.shutdown()
    served.server_close()


def python_of_the_project() -> set[Path]:
    return {p for folder in ("dags", "plugins") for p in (settings.home() / folder).rglob("*.py")}


def test_a_fifth_source_of_two_files_is_in_the_warehouse_after_its_dag_ran(
    warehouse_url: str, tmp_path: Path, publisher: tuple[str, list[str]]
) -> None:
    base, asked = publisher
    folder = tmp_path / "sources" / "atlantis_census"
    folder.mkdir(parents=True)
    (folder / "source.yaml").write_text(SOURCE, encoding="utf-8")
    (folder / "codes.csv").write_text(CODES, encoding="utf-8")
    python = python_of_the_project()
    airflow = Sandbox(
        tmp_path / "airflow",
        {
            "MIGSTATS_SOURCES": str(tmp_path / "sources"),
            "MIGSTATS_REPLAY": base,
            "MIGSTATS_WAREHOUSE": warehouse_url,
            "AIRFLOW_CONN_WAREHOUSE": warehouse_url,
        },
    )
    airflow.root.mkdir()
    airflow.migrate()
    for command in (["check"], ["pools"]):
        done = airflow.cli(*command)
        assert done.returncode == 0, done.stdout + done.stderr

    dag = "ingest_atlantis_census"
    ingest, publish, again = airflow.runs((dag, {}), ("publish", {}), (dag, {}))
    # A code that nobody has mapped makes the run red, and all else is loaded.
    assert ingest.state == "failed", ingest.said[-4000:]
    assert "'??'" in ingest.said, ingest.said[-4000:]
    states = {task: {state for state, _ in tries} for task, tries in ingest.tasks.items()}
    assert {task for task, of in states.items() if "failed" in of} == {"complete"}, ingest.said[-4000:]
    assert states["load"] == {"success"}, ingest.said[-4000:]
    assert [state for state, _ in ingest.tasks["slices.land"]] == ["success", "success"]
    assert publish.state == "success", publish.said[-4000:]

    urls = [f"/data.atlantis.example/api/born?format=json-stat2&year={y}" for y in (2022, 2023)]
    assert sorted(asked) == sorted(urls * 2), "each of the two runs asks once for each year"
    areas, sexes = {"ALL": "_T", "MA": "MAR", "NP": "NPL"}, {"T": "_T", "1": "M", "2": "F"}
    wanted = {
        (areas[born], sexes[sex], str(year)): value
        for (born, sex), values in FIGURES.items()
        for year, value in zip((2022, 2023), values, strict=True)
    }
    with warehouse.connect(warehouse_url) as connection:
        core = connection.execute(
            "SELECT s.counterpart_area, s.sex, t.time_period, o.value, o.obs_status "
            "FROM core.observation AS o INNER JOIN core.series AS s USING (source, series_id) "
            "INNER JOIN ref.period AS t USING (time_id) "
            "WHERE o.source = 'atlantis_census' AND o.vintage_to IS NULL"
        ).fetchall()
        fact = connection.execute("SELECT * FROM bi.fact_observation WHERE source = 'atlantis_census'").fetchall()
        topic = connection.execute("SELECT * FROM bi.migrant_stock WHERE source = 'atlantis_census'").fetchall()
        named = connection.execute("SELECT * FROM bi.dim_source WHERE source = 'atlantis_census'").fetchall()
        held = connection.execute("SELECT code, reason FROM ops.quarantine").fetchall()
    assert {(r["counterpart_area"], r["sex"], r["time_period"]): r["value"] for r in core} == wanted
    assert {(r["counterpart_area"], r["sex"], r["time_period"]): r["published_value"] for r in fact} == wanted
    assert {r["ref_area"] for r in fact} == {"SRB"}
    assert {(r["counterpart_area"], r["sex"]) for r in fact if r["obs_status"] == "E"} == {("MAR", "_T")}
    assert [(r["counterpart_area"], r["sex"], r["obs_status"]) for r in fact if r["published_value"] is None] == [
        ("NPL", "F", "O")
    ]
    assert sum(r["value"] or 0 for r in fact if r["time_period"] == "2022") == 120, "nobody is counted twice"
    assert len(topic) == len(wanted)
    assert [(r["publisher"], r["licence"]) for r in named] == [("Statistics Atlantis", "CC-BY-4.0")]
    assert {(r["code"], r["reason"]) for r in held} == {("??", "unknown_code")}

    [one] = [r for r in fact if (r["counterpart_area"], r["sex"], r["time_period"]) == ("_T", "_T", "2023")]
    traced = airflow.cli("trace", one["observation_id"], "--json")
    assert traced.returncode == 0, traced.stderr
    facts = json.loads(traced.stdout)
    assert (facts["agrees"], facts["value"], facts["reread"], facts["place"]) == (True, 130.5, "130.5", "/value/0")
    assert facts["url"] == "https://data.atlantis.example/api/born?format=json-stat2&year=2023"
    payload = (airflow.root / "state" / "lake" / "raw" / facts["sha256"][:2] / facts["sha256"]).read_bytes()
    assert payload == cube(2023)
    assert json.loads(payload)["value"]["0"] == 130.5

    assert sorted(p.name for p in (tmp_path / "sources").rglob("*") if p.is_file()) == ["codes.csv", "source.yaml"]
    assert python_of_the_project() == python, "nobody wrote Python"

    assert {task for task, tries in again.tasks.items() if "failed" in dict(tries)} == {"complete"}, again.said[-4000:]
    assert {state for state, _ in again.tasks["load"]} == {"skipped"}, "the same figures are no new vintage"
