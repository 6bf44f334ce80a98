"""The dashboards in a real Apache Superset: each chart through its API as somebody not signed in, and in Chromium.

Not part of `make test`; run by `make test-superset`, which installs Superset into `.superset/venv`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import sync_playwright
from samples import Filled
from test_dashboards import EMPTY

from migstats import dashboards, process, settings, superset
from migstats.dashboards import Chart, identity, read_dashboards

pytestmark = [pytest.mark.superset, pytest.mark.timeout(1800)]

DECLARED = read_dashboards()
CHARTS = {chart.id: chart for chart in DECLARED.charts}


@dataclass(frozen=True)
class Site:
    """A Superset of the test's own."""

    base: str
    folder: Path

    def get(self, path: str) -> requests.Response:
        return requests.get(self.base + path, timeout=60, allow_redirects=False)

    def record(self) -> superset.Record:
        found = superset.read_record(self.folder)
        assert found is not None
        return found

    def ask(self, chart: Chart, **more: Any) -> dict[str, Any]:
        """What the API answers to the query of a chart, asked as nobody."""
        of_chart = self.get(f"/api/v1/chart/{identity('chart', chart.id)}")
        assert of_chart.status_code == 200, of_chart.text
        params = json.loads(of_chart.json()["result"]["params"])
        query = DECLARED.query(chart)
        body = {
            "datasource": {"id": int(params["datasource"].partition("__")[0]), "type": "table"},
            "queries": [
                {
                    "columns": list(query.columns),
                    "metrics": list(query.metrics),
                    "filters": dashboards.conditions(query),
                    "row_limit": query.limit,
                    "is_timeseries": False,
                    **more,
                }
            ],
            "result_format": "json",
            "result_type": "full",
        }
        answer = requests.post(f"{self.base}/api/v1/chart/data", json=body, timeout=120)
        assert answer.status_code == 200, answer.text
        [result] = answer.json()["result"]
        return result  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def site(warehouse_of_samples: Filled, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if not (superset.programs() / "gunicorn").exists():
        pytest.skip("NO SUPERSET: run these tests with `make test-superset`")
    folder, port = tmp_path_factory.mktemp("superset"), process.free_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGSTATS_WAREHOUSE", warehouse_of_samples.url)
        patch.setenv("MIGSTATS_BI_READER_PASSWORD", "test-only")
        patch.setenv("MIGSTATS_SUPERSET", str(folder))
        patch.setenv("PORT_SUPERSET", str(port))
        try:
            superset.up()
            yield Site(f"http://127.0.0.1:{port}", folder)
        finally:
            superset.down()
            assert process.carrying(superset.MARK, str(folder)) == []


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_a_chart_gets_figures_from_the_warehouse(site: Site, chart: Chart) -> None:
    result = site.ask(chart)
    assert result["error"] is None
    assert (result["rowcount"] > 0) is (chart.id not in EMPTY)
    assert set(result["colnames"]) == {*chart.grouped, *chart.metrics}


def test_a_year_without_a_figure_is_null_and_not_nought(site: Site) -> None:
    """Every fifth year is published; the resampling that the bundle sets gives the others no value."""
    [chart] = [c for c in CHARTS.values() if c.id == "profile_flows"]
    figure = chart.metrics[0]
    filters = [
        {"col": "indicator", "op": "==", "val": "MIG_STOCK"},
        {"col": "source", "op": "==", "val": "undesa_stock"},
        {"col": "country", "op": "==", "val": "Morocco"},
    ]
    pivot = {"index": ["year_begins"], "columns": ["figure_of"], "aggregates": {figure: {"operator": "mean"}}}
    steps = [
        {"operation": "pivot", "options": pivot | {"drop_missing_columns": False}},
        {"operation": "resample", "options": {"rule": "1AS", "method": "asfreq", "fill_value": None}},
        {"operation": "flatten"},
    ]
    axis = {"timeGrain": "P1Y", "columnType": "BASE_AXIS", "sqlExpression": "year_begins", "label": "year_begins"}
    column = axis | {"expressionType": "SQL"}
    found = site.ask(chart, filters=filters, columns=[column, "figure_of"], post_processing=steps)
    rows = found["data"]
    series = next(name for name in rows[0] if name != "year_begins")
    assert len(rows) == 35, "1990 to 2024"
    assert [row[series] for row in rows[1:5]] == [None] * 4
    assert rows[0][series] > 0


@pytest.mark.parametrize("path", ["/api/v1/database/", "/api/v1/saved_query/", "/api/v1/log/", "/api/v1/query/"])
def test_who_is_not_signed_in_reads_dashboards_and_nothing_else(site: Site, path: str) -> None:
    assert site.get("/api/v1/dashboard/").json()["count"] == len(DECLARED.dashboards)
    assert site.get(path).status_code in (401, 403)
    number = site.get("/api/v1/dashboard/").json()["result"][0]["id"]
    refused = requests.delete(f"{site.base}/api/v1/dashboard/{number}", timeout=60, allow_redirects=False)
    assert refused.status_code in (302, 400, 401, 403), "302 leads to the page where one signs in"
    assert site.get("/api/v1/dashboard/").json()["count"] == len(DECLARED.dashboards)


def test_a_second_time_nothing_is_done(site: Site) -> None:
    before = site.record()
    superset.up()
    assert site.record() == before


def test_secrets_are_for_their_owner_and_no_bundle_is_left(site: Site) -> None:
    assert site.folder.joinpath("superset.json").stat().st_mode & 0o077 == 0
    assert list(site.folder.glob("*.zip")) == []
    assert "test-only" not in site.folder.joinpath("load.log").read_text("utf-8")


def test_every_dashboard_is_drawn_in_a_browser(site: Site, chromium: str) -> None:
    ours = (site.base, "data:", "blob:")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        elsewhere: list[str] = []
        for dashboard in DECLARED.dashboards:
            page = browser.new_page(viewport={"width": 1360, "height": 3000})
            page.on("response", lambda r: None if r.url.startswith(ours) else elsewhere.append(r.url))
            page.goto(site.base + superset.path_of(dashboard), timeout=120_000)
            page.locator("[data-test='dashboard-component-chart-holder']").first.wait_for(timeout=120_000)
            waiting = page.get_by_text("Waiting on").or_(page.locator(".loading"))
            for _ in range(180):
                page.wait_for_timeout(1000)
                if not waiting.count():
                    break
            assert not waiting.count(), f"{dashboard.id}: not drawn"
            for word in ("Data error", "Unexpected error", "Error:"):
                assert not page.get_by_text(word).count(), f"{dashboard.id}: a chart has an error"
            page.close()
        assert elsewhere == [], "nothing is loaded from elsewhere"
        browser.close()


def test_what_the_declarations_no_longer_have_goes_and_what_they_changed_is_changed(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, kept = DECLARED.dashboards[-1], DECLARED.dashboards[0]
    shutil.copytree(settings.include() / "dashboards", tmp_path / "dashboards")
    shutil.copytree(settings.include() / "sql" / "dashboards", tmp_path / "sql" / "dashboards")
    (tmp_path / "dashboards" / f"{gone.id}.yaml").unlink()
    file = tmp_path / "dashboards" / f"{kept.id}.yaml"
    first = next(iter(kept.charts))
    file.write_text(file.read_text("utf-8").replace(f"title: {first.title}", "title: Another title"), "utf-8")
    monkeypatch.setattr(settings, "include", lambda: tmp_path)
    superset.up()
    assert site.get(f"/api/v1/chart/{identity('chart', first.id)}").json()["result"]["slice_name"] == "Another title"
    assert site.get("/api/v1/dashboard/").json()["count"] == len(DECLARED.dashboards) - 1
    for chart in gone.charts:
        assert site.get(f"/api/v1/chart/{identity('chart', chart.id)}").status_code == 404
