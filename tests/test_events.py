"""Lineage events: every dataset and column of every step is named, and no event can fail a task."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from openlineage.client.event_v2 import InputDataset, OutputDataset
from sandbox import Sandbox
from test_compose import SERVICES, fill

from migstats import events, extractor, lake, landing, local, pipeline, services, settings, warehouse
from migstats import postgres as server
from migstats.errors import MigstatsError
from migstats.harmonise import Harmonised, as_called
from migstats.observation import SERIES_DIMENSIONS, SHARED_ATTRIBUTES
from migstats.readers import VALUE, TextTable, reader_for
from migstats.replay import sampled, serve
from migstats.services import Ports, Record
from migstats.source import Column, Dataset, Multiplier, Source, folder_of, plan, read_sources

SAMPLES = settings.include() / "samples"
LAKE = events.Lake(lambda sha: Path("/lake/raw") / sha, lambda folder: Path("/lake") / folder)
SHA = "5" * 64
#: Those that some edition can be asked for.
DATASETS = [
    (source, dataset)
    for source in read_sources().values()
    for dataset in source.datasets
    if not source.releases or any(r.urls.get(dataset.id, dataset.url) for r in source.releases)
]
EACH = pytest.mark.parametrize(("source", "dataset"), DATASETS, ids=lambda one: one.id)


def landed(source: Source, dataset: Dataset) -> landing.Landed:
    """A landing of the newest edition that has this dataset."""
    having = [r for r in source.releases if r.urls.get(dataset.id, dataset.url)]
    release = max(having, key=lambda r: r.released).id if having else None
    slice_ = plan(source, today=dt.date(2026, 11, 1), release=release, datasets=[dataset.id])[0]
    at = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    page = landing.Page(sha256=SHA, bytes=7, part=1, pages=1, retrieved_at=at)
    return landing.Landed(slice=slice_, pages=(page,), released_at=at)


def read(source: Source, dataset: Dataset, slice_: str = "") -> pipeline.Read:
    return pipeline.Read(
        source=source.id,
        dataset=dataset.id,
        slice=slice_ or dataset.id,
        release="",
        released_at="2026-11-01T00:00:00+00:00",
        snapshots=(SHA,),
        folder=f"observations/{source.id}/{dataset.id}/{slice_}",
        facts_sha256="",
        content_sha256="",
        codes_sha256="",
        made_of="m" * 64,
        observations=3,
        quarantined=1,
        explained=0,
        followed_at=None,
        landed_at="2026-11-01T00:00:00+00:00",
        made_with="",
        landed={SHA: 4},
        figures={SHA: 3},
    )


def columns(dataset: InputDataset | OutputDataset) -> list[str]:
    return [field.name for field in dataset.facets["schema"].fields]  # type: ignore[index, attr-defined]


def made_of(dataset: OutputDataset) -> dict[str, set[str]]:
    """Column → the columns that it is made of, whichever dataset they are in."""
    fields = dataset.facets["columnLineage"].fields  # type: ignore[index, attr-defined]
    return {name: {one.field for one in of.inputFields} for name, of in fields.items()}


@EACH
def test_a_landing_leads_from_the_address_of_the_publisher_to_the_snapshot(source: Source, dataset: Dataset) -> None:
    found = events.landed(source, landed(source, dataset), LAKE)
    [there], [snapshot] = found.inputs, found.outputs
    assert there.namespace == f"https://{source.hosts[0]}"
    assert landed(source, dataset).slice.url == f"{there.namespace}/{there.name}"
    assert (snapshot.namespace, snapshot.name) == ("file", f"/lake/raw/{SHA}")
    assert columns(there) == columns(snapshot)
    assert made_of(snapshot) == {name: {name} for name in columns(there)}
    assert snapshot.facets["version"].datasetVersion == SHA  # type: ignore[index, attr-defined]
    assert snapshot.outputFacets["outputStatistics"].size == 7  # type: ignore[index, attr-defined]


@EACH
def test_every_declared_column_leads_to_its_concept(source: Source, dataset: Dataset) -> None:
    found = events.read(source, [read(source, dataset)], LAKE)
    [snapshot], [observations] = found.inputs, found.outputs
    declared = {
        name: [part for column in how.read for part in dataset.parts_of(column)]
        for name, how in dataset.concepts.items()
        if isinstance(how, Column)
    }
    only = {part for column in dataset.only for part in dataset.parts_of(column)}
    power = {dataset.unit_mult.column} if isinstance(dataset.unit_mult, Multiplier) else set()
    assert set(columns(snapshot)) == {*itertools.chain(*declared.values()), *only, *power, VALUE}
    assert columns(observations) == list(events.OBSERVATION)
    of = made_of(observations)
    assert of["raw"] == {VALUE}
    assert of["value"] == {VALUE, *power}
    assert of.get("unit_mult", set()) == power
    for concept, parts in declared.items():
        assert set(parts) <= of[concept]
    if "freq" not in dataset.concepts and "time_period" in declared:
        assert of["freq"] == of["time_period"]
    constant = set(dataset.concepts) - set(declared)
    assert constant & set(of) <= {"obs_status", "conf_status", "note"}
    filters = observations.facets["columnLineage"].dataset  # type: ignore[index, attr-defined]
    assert {one.field for one in filters} == only


def sample(source: Source, dataset: Dataset) -> tuple[TextTable, Harmonised]:
    """The largest sample file with figures of this dataset, read and harmonised; first those named for its slices."""
    samples, folder = SAMPLES / source.id, folder_of(source.id)
    named = {samples / one.release / one.slice for one in sampled(folder) if one.dataset == dataset.id}
    files = sorted(path for path in samples.rglob("*") if path.is_file())
    for path in sorted(files, key=lambda path: (path.with_suffix("") not in named, -path.stat().st_size)):
        pages = [path, *(further for further in files if further.name.startswith(f"{path.stem}.page"))]
        with suppress(MigstatsError):  # the file is of another dataset, or a further page
            [(_, made)] = local.read_files(pages, source, dataset.id, folder, today=dt.date(2026, 11, 1))
            if made.facts.num_rows:
                return reader_for(dataset.reader).read(path.read_bytes(), dataset.reader), made
    pytest.skip(f"{source.id}: there is no sample of {dataset.id}")


@EACH
@pytest.mark.slow
def test_what_is_named_is_what_is_there(source: Source, dataset: Dataset) -> None:
    """Columns of an event are those of the text table and of the Parquet files; what has no origin never varies."""
    table, made = sample(source, dataset)
    assert set(events.published_columns(dataset)) <= set(as_called(table, dataset).data.column_names)
    files = {"series": made.series, "attributes": made.attributes, "facts": made.facts}
    there = {name for file in files.values() for name in file.column_names}
    assert set(events.OBSERVATION) - {"time_period"} <= there
    told = events.origins(dataset)
    for name in (*SERIES_DIMENSIONS, *SHARED_ATTRIBUTES):
        values = set(files["series" if name in SERIES_DIMENSIONS else "attributes"][name].to_pylist())
        assert name in told or len(values) == 1, (name, values)


def test_no_secret_of_an_address_is_in_an_event() -> None:
    source, dataset = DATASETS[0]
    secret = source.model_copy(
        update={"datasets": (dataset.model_copy(update={"url": "https://u:pass@example.org/a?api_key=s3cret&x=1"}),)}
    )
    slice_ = plan(secret, today=dt.date(2026, 11, 1))[0].model_copy(update={"url": secret.datasets[0].url})
    found = events.asked(secret, slice_)
    assert (found.inputs[0].namespace, found.inputs[0].name) == ("https://example.org", "a?api_key=***&x=1")
    assert "s3cret" not in repr(found)
    at = events.warehouse_of("postgresql://etl:s3cret@db.example.org/warehouse", [])
    assert (at.namespace, at.database) == ("postgres://db.example.org:5432", "warehouse")


def test_many_slices_are_one_dataset_and_their_folders_are_named() -> None:
    source = read_sources()["unhcr_population"]
    reads = [read(source, source.datasets[0], f"pairs/year={year}") for year in range(1951, 2026)]
    found = events.checked(source, reads, LAKE, events.warehouse_of("postgresql://db/warehouse", []))
    [observations] = found.inputs
    assert observations.inputFacets["inputStatistics"].rowCount == 225  # type: ignore[index, attr-defined]
    assert len(observations.inputFacets["subset"].inputCondition.locations) == 75  # type: ignore[index, attr-defined]


# -- the warehouse ------------------------------------------------------------------------------------------------

#: Columns that are about the load and not about what the publisher said.
OF_THE_LOAD = {"vintage_from", "vintage_to", "end_reason", "known_from", "known_to", "recorded_from"}


@pytest.fixture(scope="module")
def database(postgres: server.Server, _template: str) -> str:
    server.create_database(postgres, "events", template=_template)
    return postgres.url("events")


@pytest.mark.database
def test_every_column_of_the_warehouse_has_its_origin(database: str) -> None:
    """A column that a migration adds is either about the load or needs a line in `events`."""
    with warehouse.connect(database) as connection:
        rows = warehouse.rows(connection, "report/columns", {"tables": list(events.TABLES)})
    at = events.warehouse_of(database, rows)
    assert set(at.columns) == set(events.TABLES)
    source = read_sources()["undesa_stock"]
    counts = pipeline.Counts("l", "accepted", 7, 1, 4, 3, 0, 1, 0)
    found = events.loaded(source, [read(source, source.datasets[0])], counts, LAKE, at)
    named = {output.name: output for output in found.outputs}
    for table in ("core.series", "core.attributes", "core.observation", "core.subdivision_name"):
        output = named[f"events.{table}"]
        of = made_of(output)
        assert set(columns(output)) - OF_THE_LOAD == set(of), table
        assert set().union(*of.values()) <= set(events.OBSERVATION)
    published = events.published(pipeline.publishing.Publication({"undesa_stock": 7}, 0, 3, 0.1), at)
    [fact] = published.outputs
    assert set(columns(fact)) == set(made_of(fact))
    known = {(one.name, column) for one in published.inputs for column in columns(one)}
    for name, field in fact.facets["columnLineage"].fields.items():  # type: ignore[index, attr-defined]
        assert field.inputFields, name
        assert {(one.name, one.field) for one in field.inputFields} <= known, name
    assert made_of(fact)["ref_area"] == {"ref_area"}
    assert made_of(fact)["published_value"] == {"value"}
    for step, tables in events.WRITTEN_BY.items():
        for output in events.kept_house(step, at).outputs:
            columns_of_it = set(columns(output))
            assert set(made_of(output)) == set(tables[output.name.partition(".")[2]]) <= columns_of_it, step
        known = {(one.name, column) for one in events.kept_house(step, at).inputs for column in columns(one)}
        for output in events.kept_house(step, at).outputs:
            for name, field in output.facets["columnLineage"].fields.items():  # type: ignore[index, attr-defined]
                assert {(one.name, one.field) for one in field.inputFields} <= known, (step, name)


#: Step of `maintain` → the statements that it runs.
STATEMENTS = {
    "verify": ("house/to_verify", "house/set_verified"),
    "freshness": (
        *(f"alerts/{name}" for name in ("standing", "over", "loads", "snapshots", "add", "add_freshness")),
        "report/failing",
        "report/open_decisions",
    ),
    "tell": ("alerts/to_tell", "alerts/add_told"),
    "tidy": ("house/facts_in_use", "load/unfinished_attempts", "load/add_outcome"),
}


@pytest.mark.parametrize("step", STATEMENTS)
def test_a_step_of_maintain_names_the_tables_that_are_in_its_statements(step: str) -> None:
    text = "\n".join(warehouse.statement(name).decode() for name in STATEMENTS[step])
    table = r"((?:raw|core|ops|bi)\.\w+)"
    assert set(re.findall(rf"\b(?:FROM|JOIN) {table}", text)) == set(events.READ_BY[step])
    assert set(re.findall(rf"\bINSERT INTO {table}", text)) == set(events.WRITTEN_BY[step])


# -- a real run ---------------------------------------------------------------------------------------------------


class Refusing(BaseHTTPRequestHandler):
    """A lineage server that takes note of every event and refuses it."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, json.loads(body)))  # type: ignore[attr-defined]
        self.send_response(400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Ran:
    states: list[str]
    events: list[dict[str, Any]]
    sent: list[tuple[str, dict[str, Any]]]
    state: Path
    said: str

    def of(self, job: str, kind: str = "COMPLETE") -> list[dict[str, Any]]:
        return [one for one in self.events if one["job"]["name"] == job and one["eventType"] == kind]


@pytest.fixture(scope="module")
def ran(database: str, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """All kinds of DAGs, with the settings of the demo and a server that refuses its events."""
    root = tmp_path_factory.mktemp("events")
    replaying = serve(0, SAMPLES)
    refusing = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    refusing.got = []  # type: ignore[attr-defined]
    for one in (replaying, refusing):
        threading.Thread(target=one.serve_forever, daemon=True).start()
    demo = services.environment(root / "state", Record(ports=Ports(1, 2, 3)))
    airflow = Sandbox(
        root,
        {
            **{name: value for name, value in demo.items() if "OPENLINEAGE" in name},
            "OPENLINEAGE_URL": f"http://127.0.0.1:{refusing.server_address[1]}",
            "AIRFLOW_CONN_WAREHOUSE": database,
            "MIGSTATS_REPLAY": f"http://127.0.0.1:{replaying.server_address[1]}",
        },
    )
    services.prepare(root / "state")
    airflow.migrate()
    airflow.make_pools("host_api.worldbank.org")
    runs = airflow.runs(
        ("ingest_worldbank_wdi", {"datasets": ["flows", "shares"]}),
        ("publish", {}),
        ("ingest_worldbank_wdi", {"datasets": ["remittances"], "dry_run": True}),
        ("maintain", {}),
    )
    for one in (replaying, refusing):
        one.shutdown()
        one.server_close()
    lines = services.events_file(root / "state").read_text(encoding="utf-8").splitlines()
    sent = refusing.got  # type: ignore[attr-defined]
    return Ran([run.state for run in runs], [json.loads(line) for line in lines], sent, root / "state", runs[0].said)


@pytest.mark.airflow
@pytest.mark.database
class TestRun:
    def test_a_server_that_refuses_events_fails_no_task_and_the_file_has_them_all(self, ran: Ran) -> None:
        assert ran.states == ["success"] * 4
        assert {path for path, _ in ran.sent} == {"/api/v1/lineage"}
        key = [(one["run"]["runId"], one["eventType"]) for one in ran.events]
        assert sorted(key) == sorted((one["run"]["runId"], one["eventType"]) for _, one in ran.sent)

    def test_every_task_says_when_it_began_and_ended(self, ran: Ran) -> None:
        ingest = ["plan", "slices.land", "slices.read", "check", "gate", "decide", "load", "complete"]
        jobs = [*(f"ingest_worldbank_wdi.{task}" for task in ingest), "publish.check", "publish.publish"]
        jobs += [f"maintain.{task}" for task in ("verify", "freshness", "tell", "tidy")]
        for job in jobs:
            began, ended = ran.of(job, "START"), ran.of(job)
            assert {one["run"]["runId"] for one in began} == {one["run"]["runId"] for one in ended}, job
            of_one_run, runs = (2 if ".slices." in job else 1), (2 if job.startswith("ingest") else 1)
            assert len(began) == of_one_run * runs, job
        assert {one["job"]["namespace"] for one in ran.events} == {"migstats"}

    def test_a_task_that_tells_nothing_is_asked_nothing(self, ran: Ran) -> None:
        """A question without an answer is an error in the scheduler's log."""
        assert [bool(one["outputs"]) for one in ran.of("ingest_worldbank_wdi.load")] == [True, False]
        for task in ("complete", "load", "decide"):
            assert f"not found for task '{task}'" not in ran.said

    def test_events_are_as_the_standard_says(self, ran: Ran) -> None:
        """OpenLineage 2-0-2: what is required of events, datasets and facets."""
        for event in ran.events:
            assert {"eventTime", "producer", "schemaURL", "run", "job"} <= set(event)
            dt.datetime.fromisoformat(event["eventTime"])
            facets = [*event["run"]["facets"].values(), *event["job"]["facets"].values()]
            for dataset in (*event["inputs"], *event["outputs"]):
                assert dataset["namespace"]
                assert dataset["name"]
                for kind in ("facets", "inputFacets", "outputFacets"):
                    facets += dataset.get(kind, {}).values()
            for facet in facets:
                assert {"_producer", "_schemaURL"} <= set(facet)

    def test_a_figure_leads_from_bi_back_to_the_column_of_the_publisher(self, ran: Ran) -> None:
        made: dict[tuple[str, str, str], set[tuple[str, str, str]]] = {}
        for event in ran.events:
            for output in event["outputs"]:
                lineage = output["facets"].get("columnLineage", {"fields": {}})
                for column, of in lineage["fields"].items():
                    inputs = {(one["namespace"], one["name"], one["field"]) for one in of["inputFields"]}
                    made.setdefault((output["namespace"], output["name"], column), set()).update(inputs)
        [publish] = ran.of("publish.publish")
        [fact] = publish["outputs"]
        for column, origin in (("ref_area", "country.id"), ("published_value", VALUE), ("indicator", "indicator.id")):
            front = {(fact["namespace"], fact["name"], column)}
            while not all(namespace.startswith("https:") for namespace, _, _ in front):
                front = set().union(*(made.get(at, {at}) for at in front))
            names = {name.split("?")[0] for _, name, _ in front}
            assert {field for _, _, field in front} == {origin}
            assert names == {f"v2/country/all/indicator/{of}" for of in ("SM.POP.NETM", "BX.TRF.PWKR.DT.GD.ZS")}

    def test_what_was_written_is_counted(self, ran: Ran, database: str) -> None:
        with warehouse.connect(database) as connection:
            [there] = connection.execute("SELECT count(*) AS n FROM core.observation").fetchall()
        outputs = {one["name"].partition(".")[2]: one for one in ran.of("ingest_worldbank_wdi.load")[0]["outputs"]}
        assert outputs["core.observation"]["outputFacets"]["outputStatistics"]["rowCount"] == there["n"] > 0
        assert outputs["core.observation"]["namespace"].startswith("postgres://127.0.0.1:")
        read = ran.of("ingest_worldbank_wdi.slices.read")
        assert sum(one["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] for one in read[:2]) == there["n"]
        for one in (output for event in ran.of("ingest_worldbank_wdi.slices.land") for output in event["outputs"]):
            assert Path(one["name"]).stat().st_size == one["outputFacets"]["outputStatistics"]["size"]
            assert Path(one["name"]).is_relative_to(ran.state / "lake")

    def test_every_step_of_maintain_names_what_it_looked_at_and_what_it_kept(self, ran: Ran, database: str) -> None:
        written = {"verify": "verification", "freshness": "freshness alert", "tell": "alert_told", "tidy": "outcome"}
        for task, tables in written.items():
            [event] = ran.of(f"maintain.{task}")
            at = database.rpartition("/")[2]
            assert [one["name"] for one in event["outputs"]] == [f"{at}.ops.{table}" for table in tables.split()]
            assert event["inputs"]
            tables_of_it = [one for one in (*event["inputs"], *event["outputs"]) if one["namespace"] != "file"]
            assert all(one["facets"]["schema"]["fields"] for one in tables_of_it), task
        [event] = ran.of("maintain.verify")
        landed = {one["name"] for land in ran.of("ingest_worldbank_wdi.slices.land") for one in land["outputs"]}
        assert {one["name"] for one in event["inputs"] if one["namespace"] == "file"} == landed

    def test_no_password_of_the_warehouse_is_told(self, ran: Ran) -> None:
        assert "test-only" not in json.dumps(ran.events)


def test_what_tidy_removed_is_named_where_something_went() -> None:
    at = events.warehouse_of("postgresql://db/warehouse", [])
    kept, gone = (events.tidied(tables, LAKE, at).outputs for tables in (0, 2))
    assert [one.name for one in gone] == [*(one.name for one in kept), "/lake/observations"]


def test_a_task_that_failed_names_what_it_was_given() -> None:
    source, dataset = DATASETS[0]

    def named(step: str, given: dict[str, Any]) -> events.Lineage:
        found = extractor.lineage_of(f"ingest_{source.id}", step, given, None)
        assert found is not None
        return found

    given = {"planned": landed(source, dataset).slice.model_dump(mode="json")}
    [there] = named("land", given).inputs
    assert there.namespace == f"https://{source.hosts[0]}"
    given = {"landed": landed(source, dataset).model_dump(mode="json")}
    [snapshot] = named("read", given).inputs
    assert snapshot.name == lake.snapshot_path(SHA).as_posix()


BEGIN = """
import json, sys
from migstats import extractor
given = json.loads(sys.argv[1])
for step in ("land", "read"):
    extractor.lineage_of("ingest_worldbank_wdi", step, given, None)
    heavy = {"polars", "pandas", "psycopg", "great_expectations"} & set(sys.modules)
    print("HEAVY" + json.dumps([step, sorted(heavy)]))
"""


@pytest.mark.airflow
def test_what_a_task_waits_for_when_it_begins_is_light() -> None:
    source = read_sources()["worldbank_wdi"]
    there = landed(source, source.datasets[0])
    given = {"planned": there.slice.model_dump(mode="json"), "landed": there.model_dump(mode="json")}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN, json.dumps(given)], capture_output=True, text=True, timeout=120, check=True
    )
    found = [json.loads(x.removeprefix("HEAVY")) for x in done.stdout.splitlines() if x.startswith("HEAVY")]
    assert found == [["land", []], ["read", []]]


def test_compose_keeps_events_beside_the_logs_and_asks_no_server_by_itself() -> None:
    for name in ("scheduler", "worker"):
        given = {
            k: fill(str(v), {})
            for k, v in SERVICES[name]["environment"].items()
            if "OPENLINEAGE" in k and "$" in str(v)
        }
        assert given == {"OPENLINEAGE_URL": "", "OPENLINEAGE_API_KEY": ""}
        environment = SERVICES[name]["environment"]
        expected = services.transport(Path("/opt/airflow/logs/openlineage.jsonl"))
        assert json.loads(environment["AIRFLOW__OPENLINEAGE__TRANSPORT"]) == expected
        demo = services.environment(Path("/state"), Record(ports=Ports(1, 2, 3)))
        same = [k for k in demo if "__OPENLINEAGE__" in k and not k.endswith("TRANSPORT")]
        assert {k: demo[k] for k in same} == {k: environment[k] for k in same}
