"""The DAG `publish` exports what it published, and nothing where nothing is new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import toy
from sandbox import Sandbox

from migstats.source import Source

pytestmark = [pytest.mark.airflow, pytest.mark.database]


def test_a_run_of_publish_exports_once(warehouse_url: str, sources: list[Source], tmp_path: Path) -> None:
    read = toy.read(warehouse_url, sources[0], "figures/part=a", [{"OBS_VALUE": "100"}])
    toy.load(warehouse_url, sources[0], read)
    airflow = Sandbox(tmp_path, {"AIRFLOW_CONN_WAREHOUSE": warehouse_url, "MIGSTATS_EXPORTS": str(tmp_path / "out")})
    airflow.migrate()

    first, second = airflow.runs(("publish", {}), ("publish", {}))

    assert (first.state, first.tasks["export"]) == ("success", [("success", 1)]), first.said[-4000:]
    assert (second.state, second.tasks["export"]) == ("success", [("skipped", 1)]), second.said[-4000:]
    said = json.loads((tmp_path / "out" / "export.json").read_text("utf-8"))
    assert (said["figures"], list(said["vintages"])) == (1, ["ark"])
    assert ",100," in (tmp_path / "out" / "csv" / "MAR.csv").read_text("utf-8")
