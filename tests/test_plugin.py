"""The Airflow plugin: who may see its pages, and that nothing else can be seen through it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.airflow

PAGE = '<!doctype html><html lang="en"><link rel="stylesheet" href="style.css"><p>judged</p></html>'


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data_docs"
    (folder / "undesa_stock").mkdir(parents=True)
    (folder / "records").mkdir()
    (folder / "index.html").write_text(PAGE)
    (folder / "style.css").write_text("p { color: red }")
    (folder / "undesa_stock" / "run-1.html").write_text(PAGE)
    (folder / "records" / "run-1.json").write_text("{}")
    (folder / ".lock").write_text("")
    (tmp_path / "secret.html").write_text("secret")
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    monkeypatch.setenv("MIGSTATS_DATA_DOCS", str(folder))
    return folder


@pytest.fixture
def anonymous(site: Path) -> Iterator[object]:
    import migstats_airflow
    from fastapi.testclient import TestClient

    return TestClient(migstats_airflow.app)


@pytest.fixture
def viewer(anonymous: object) -> Iterator[object]:
    """A client whose user Airflow lets see the site."""
    import migstats_airflow

    guard = migstats_airflow.app.router.dependencies[0].dependency
    assert guard is not None
    migstats_airflow.app.dependency_overrides[guard] = lambda: None
    yield anonymous
    migstats_airflow.app.dependency_overrides.clear()


ID = "0123456789abcdef" * 2
PATHS = ["", "index.html", "style.css", "undesa_stock/run-1.html", "nothing.html"]


@pytest.mark.parametrize("path", [*(f"data-docs/{p}" for p in PATHS), "warehouse/", f"gate/{ID}", "style.css"])
def test_nobody_sees_anything_without_logging_in(anonymous, path: str) -> None:
    answer = anonymous.get(f"/{path}")

    assert answer.status_code == 401
    assert "judged" not in answer.text


def test_every_route_asks_who_is_there() -> None:
    import migstats_airflow

    guard = migstats_airflow.app.router.dependencies[0].dependency
    routes = migstats_airflow.app.routes
    assert routes
    for route in routes:
        assert guard in [d.call for d in route.dependant.dependencies], route.path


@pytest.mark.parametrize(
    ("path", "kind"), [("", "text/html"), ("style.css", "text/css"), ("undesa_stock/run-1.html", "text/html")]
)
def test_who_may_see_the_site_sees_the_pages(viewer, path: str, kind: str) -> None:
    answer = viewer.get(f"/data-docs/{path}")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)


@pytest.mark.parametrize("path", ["data-docs/index.html", "data-docs/style.css", "style.css", "warehouse/", "gate/x"])
def test_a_page_may_run_nothing_and_load_nothing_from_elsewhere(viewer, path: str) -> None:
    headers = viewer.get(f"/{path}").headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'self'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "../secret.html",
        "..%2fsecret.html",
        "%2e%2e/secret.html",
        "%2e%2e%2fsecret.html",
        "undesa_stock/..%2f..%2fsecret.html",
        "..%5csecret.html",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "link.html",
        "records/run-1.json",
        ".lock",
        "undesa_stock",
        "nothing.html",
        "index.html%00.css",
        "x" * 5000 + ".html",
    ],
)
def test_nothing_but_pages_of_the_site_is_served(viewer, path: str) -> None:
    answer = viewer.get(f"/data-docs/{path}")

    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_before_the_first_run_the_page_says_what_to_do(viewer, site: Path) -> None:
    (site / "index.html").unlink()

    answer = viewer.get("/data-docs/")

    assert answer.status_code == 200
    assert "Trigger an ingest DAG" in answer.text


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_the_app_has_no_other_pages(viewer, path: str) -> None:
    assert viewer.get(path).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["data-docs/index.html", "warehouse/", f"gate/{ID}"])
def test_the_pages_can_only_be_read(viewer, method: str, path: str) -> None:
    assert getattr(viewer, method)(f"/{path}").status_code == 405


@pytest.mark.parametrize(("name", "page"), [("Data Docs", "data-docs"), ("Warehouse", "warehouse")])
def test_the_menu_has_an_entry_that_leads_to_the_page(name: str, page: str) -> None:
    from airflow.api_fastapi.core_api.datamodels.plugins import ExternalViewResponse
    from migstats_airflow import MigstatsPlugin

    [shown] = [
        ExternalViewResponse.model_validate(view) for view in MigstatsPlugin.external_views if view["name"] == name
    ]
    assert (shown.destination, shown.nav_top_level, shown.url_route) == ("nav", True, page)
    prefix = MigstatsPlugin.fastapi_apps[0]["url_prefix"]
    assert f"/{shown.href}" == f"{prefix}/{page}/"


AWAY = "postgresql://someone:s3cret-word@127.0.0.1:1/warehouse"  # pragma: allowlist secret


@pytest.mark.parametrize("path", ["warehouse/", f"gate/{ID}"])
def test_a_warehouse_that_is_away_is_told_plainly(viewer, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", AWAY)

    answer = viewer.get(f"/{path}")

    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    assert "The warehouse cannot be asked" in answer.text
    assert "cannot be reached" in answer.text
    assert "Traceback" not in answer.text
    assert "s3cret" not in answer.text


@pytest.mark.parametrize("path", ["warehouse/", f"gate/{ID}"])
def test_without_a_connection_the_page_says_which_setting_is_missing(
    viewer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str
) -> None:
    monkeypatch.setattr("airflow.models.connection.Connection.get_connection_from_secrets", _unknown)
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path))

    answer = viewer.get(f"/{path}")

    assert answer.status_code == 503
    assert "MIGSTATS_WAREHOUSE is not set" in answer.text


def _unknown(name: str) -> None:
    from airflow.exceptions import AirflowNotFoundException

    raise AirflowNotFoundException(name)


@pytest.mark.parametrize("name", ["x", ID[:-1], ID.upper(), f"{ID}0", "%00", "..%2f..%2fetc%2fpasswd", "%3Cscript%3E"])
def test_what_is_no_candidate_is_not_found_and_not_looked_for(viewer, monkeypatch, name: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", AWAY)

    answer = viewer.get(f"/gate/{name}")

    assert answer.status_code == 404
    assert "<script" not in answer.text


@pytest.mark.database
def test_the_pages_of_the_warehouse_are_served(viewer, monkeypatch: pytest.MonkeyPatch, warehouse_url: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_url)

    page, unknown, style = (viewer.get(path) for path in ("/warehouse/", f"/gate/{ID}", "/style.css"))

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "undesa_stock" in page.text
    assert "never loaded" in page.text
    assert unknown.status_code == 404
    assert "No such candidate" in unknown.text
    assert style.headers["content-type"] == "text/css; charset=utf-8"


def test_the_plugin_is_thin() -> None:
    """The web server imports it at its start: nothing of the pipeline may come with it."""
    code = (
        "import sys, migstats_airflow\n"
        "heavy = {'pandas', 'polars', 'pyarrow', 'great_expectations', 'migstats.validate'} & set(sys.modules)\n"
        "light = {f'migstats.{name}' for name in ('settings', 'errors', 'deadline')}\n"
        "ours = {m for m in sys.modules if m.startswith('migstats.')} - light\n"
        "sys.exit(str(heavy | ours) if heavy | ours else 0)"
    )
    plugins = Path(__file__).resolve().parents[1] / "plugins"
    run = subprocess.run([sys.executable, "-c", code], cwd=plugins, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-500:]
