"""The main job as its user does it: a demo with nothing running, killed, then again, once more, and stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
import yaml
from test_demo_faults import kill_in_the_middle_of_its_runs
from test_fifth_source import CODES, SOURCE, cube

from migstats import settings
from migstats.process import free_port

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    state = tmp_path_factory.mktemp("demo")
    shared = Path(tempfile.gettempdir()).resolve()
    for folder in (state, *state.parents):  # PostgreSQL may run as another user, who has to get there
        if folder.resolve().is_relative_to(shared) and folder.resolve() != shared:
            folder.chmod(0o755)
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MIGSTATS_", "AIRFLOW"))}
    ports = {"PORT_UI": str(free_port()), "PORT_POSTGRES": str(free_port()), "PORT_REPLAY": str(free_port())}
    fifth = state / "mine" / "atlantis_census"  # a private source: two files, and a sample for each slice
    (fifth / "sample" / "born").mkdir(parents=True)
    (fifth / "source.yaml").write_text(SOURCE, encoding="utf-8")
    # A code that nobody has mapped would make its run red: it is declared to be one that nobody knows.
    (fifth / "codes.csv").write_text(f"{CODES}born,born,??,counterpart_area,,unknown,\n", encoding="utf-8")
    for year in (2022, 2023):
        (fifth / "sample" / "born" / f"year={year}.json").write_bytes(cube(year))
    return {**clean, **ports, "MIGSTATS_STATE": str(state), "MIGSTATS_SOURCES": "mine"}


def demo(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: PLW1510
        [sys.executable, "-m", "migstats.demo", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=environment["MIGSTATS_STATE"],
        timeout=900,
    )


def bi(environment: dict[str, str], query: str) -> list[tuple[object, ...]]:
    """Ask the warehouse as a BI tool does: with the URL that the command line prints."""
    url = subprocess.run(
        [str(Path(sys.executable).parent / "migstats"), "url", "--role", "bi_reader"],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    ).stdout.strip()
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_a_demo_that_was_killed_goes_through_and_one_more_writes_nothing(environment: dict[str, str]) -> None:
    try:
        kill_in_the_middle_of_its_runs(environment, Path(environment["MIGSTATS_STATE"]) / "first.out")
        first = demo(environment, "up")
        assert first.returncode == 0, first.stdout[-4000:] + first.stderr[-4000:]
        ours = yaml.safe_load((settings.include() / "samples" / "demo.yaml").read_text())
        for said in (*ours, "atlantis_census", "Morocco", "make stop"):
            assert said in first.stdout
        figures = (
            "SELECT ref_area, published_value FROM bi.migrant_stock WHERE source = 'undesa_stock' AND sex = '_T' "
            "AND year = 2024 AND counterpart_area = '_T' AND ref_area IN ('MAR', 'SRB', '001') ORDER BY ref_area"
        )
        assert bi(environment, figures) == [("001", 304021813.0), ("MAR", 111069.0), ("SRB", 712550.0)]
        loaded = {source for (source,) in bi(environment, "SELECT source FROM bi.dim_source WHERE vintage IS NOT NULL")}
        assert loaded == {*ours, "atlantis_census"}
        fifth = "SELECT sum(value) FROM bi.migrant_stock WHERE source = 'atlantis_census' AND year = 2022"
        assert bi(environment, fifth) == [(120.0,)]
        before = bi(environment, "SELECT source, vintage FROM bi.dim_source ORDER BY 1")
        second = demo(environment, "up")
        assert second.returncode == 0, second.stdout[-4000:] + second.stderr[-4000:]
        assert bi(environment, "SELECT source, vintage FROM bi.dim_source ORDER BY 1") == before
        status = subprocess.run(
            [str(Path(sys.executable).parent / "migstats"), "status", "--json"],
            capture_output=True,
            text=True,
            env=environment,
            cwd=environment["MIGSTATS_STATE"],
            check=True,
        )
        loads = json.loads(status.stdout)
        assert {(load["outcome"], load["loaded"]) for load in loads} == {("skip", 0)}
        assert len(loads) == len(ours) + 1
    finally:
        stopped = demo(environment, "down")
    assert stopped.returncode == 0, stopped.stderr
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert environment["MIGSTATS_STATE"] not in left
