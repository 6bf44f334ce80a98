"""Metrics: off unless asked for; then Airflow's and ours reach a collector by OTLP/HTTP."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from sandbox import Sandbox

from migstats import services, settings
from migstats.replay import serve
from migstats.services import Ports, Record

#: As a task's process begins and ends: airflow.sdk.execution_time.task_runner.main and supervisor._fork_main.
RUN = """
import sys
from pathlib import Path
from airflow.sdk.configuration import conf
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
legacy = conf.getboolean("metrics", "legacy_names_on")
stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=legacy)
from airflow.dag_processing.dagbag import DagBag
dag = DagBag(dag_folder=sys.argv[1], bundle_path=Path(sys.argv[1]), bundle_name="dags-folder").dags[sys.argv[2]]
dag.deadline = None
print(dag.test(run_conf={"datasets": ["shares"]}).state)
"""


class Collector:
    """A collector that keeps what it is sent: name → {tags → value}."""

    def __init__(self) -> None:
        collector = self
        self.found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                collector.keep(ExportMetricsServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def keep(self, request: ExportMetricsServiceRequest) -> None:
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    points = metric.sum.data_points or metric.gauge.data_points
                    kept = self.found.setdefault(metric.name, {})
                    for point in points or metric.exponential_histogram.data_points or metric.histogram.data_points:
                        tags = tuple(sorted((a.key, a.value.string_value) for a in point.attributes))
                        kept[tags] = (point.as_int or point.as_double) if points else point.count


@pytest.mark.airflow
@pytest.mark.database
def test_our_counters_and_the_time_of_each_step_reach_a_collector(warehouse_url: str, tmp_path: Path) -> None:
    publisher = serve(0, settings.include() / "samples")
    threading.Thread(target=publisher.serve_forever, daemon=True).start()
    collector = Collector()
    airflow = Sandbox(
        tmp_path,
        {
            "AIRFLOW_CONN_WAREHOUSE": warehouse_url,
            "MIGSTATS_REPLAY": f"http://127.0.0.1:{publisher.server_address[1]}",
            **services.metrics_settings(collector.url),
        },
    )
    airflow.migrate()
    airflow.make_pools("host_api.worldbank.org")
    done = airflow.python(RUN, str(settings.home() / "dags"), "ingest_worldbank_wdi")
    publisher.shutdown()
    collector.server.shutdown()
    assert "success" in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]

    source = ("source", "worldbank_wdi")
    assert collector.found["airflow.migstats.rows_loaded"][(source,)] > 0
    assert collector.found["airflow.migstats.rows_quarantined"][(source,)] == 0
    steps = {dict(tags)["step"] for tags in collector.found["airflow.migstats.step"]}
    assert steps == {"plan", "land", "read", "check", "gate", "load"}
    assert all(source in tags for tags in collector.found["airflow.migstats.step"])


def test_the_demo_sends_metrics_only_where_it_is_told_where_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = Record(Ports(1, 2, 3))
    assert "AIRFLOW__METRICS__OTEL_ON" not in services.environment(tmp_path, record)
    before = services.fingerprint(tmp_path, record)
    monkeypatch.setenv("MIGSTATS_OTEL", "http://127.0.0.1:4318")
    environment = services.environment(tmp_path, record)
    assert environment["AIRFLOW__METRICS__OTEL_ON"] == "True"
    assert environment["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4318"
    assert services.fingerprint(tmp_path, record) != before


def test_the_demo_hands_on_who_is_told_and_how_long_things_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"MIGSTATS_NOTIFIERS": "{}", "MIGSTATS_KEEP_LOGS_DAYS": "7", "MIGSTATS_VERIFY_PER_RUN": "5"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    environment = services.environment(tmp_path, Record(Ports(1, 2, 3)))
    assert {name: environment[name] for name in given} == given
