"""The Data Docs in a real browser: by themselves, and inside a real Airflow, from the menu and from the task."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import toy
from faults.server import FaultServer, answer, by_path
from sandbox import Sandbox

from migstats import datadocs
from migstats.process import free_port
from migstats.validate import Judgement, Report

pytestmark = pytest.mark.browser

AT = dt.datetime(2026, 11, 24, 8, 30, tzinfo=dt.UTC)
EVIL = "\"><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield running
        running.close()


def judgement(**differs: Any) -> Judgement:
    facts: dict[str, Any] = {
        "suite": "observation",
        "source": "undesa_stock",
        "rule": "sex_known",
        "expectation": "expect_column_values_to_be_in_set",
        "column": "sex",
        "severity": "critical",
        "success": True,
        "evaluated": 1234,
        "unexpected": 0,
        "reason": "Codes of SDMX:CL_SEX only.",
        "owner": "statisticians",
        "failing": (),
    }
    return Judgement(**{**facts, **differs})


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A site of one run that failed, served by a plain file server."""
    places = ("age=Y9T1 n=3 at Table 1!F12 (abababababab)", f"age={EVIL} at Table 1!F13 (abababababab)")
    failed = judgement(rule="age_known", success=False, unexpected=25, failing=places)
    warned = judgement(rule="share", severity="warning", success=False, unexpected=1, failing=("5 % at /1/2",))
    others = [judgement(rule=f"rule_{n}") for n in range(30)]
    folder = tmp_path / "site"
    datadocs.render(Report((*others, warned, failed)), run_id=f"manual__1 {EVIL}", target=folder, at=AT)
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        until_answers(f"http://127.0.0.1:{port}/", server, 20)
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def until_answers(url: str, server: subprocess.Popen[bytes], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            assert server.poll() is None, "the server ended by itself"
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.2)


@contextmanager
def watched(browser: Any, **options: Any) -> Iterator[tuple[Any, list[str], list[str]]]:
    """A page, what its console said, and what it asked for."""
    context = browser.new_context(viewport={"width": 1100, "height": 800}, **options)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.on("request", lambda request: asked.append(request.url))
    try:
        yield page, said, asked
    finally:
        context.close()


def contrast(page: Any, selector: str) -> float:
    """Contrast of the text of an element with its ground (WCAG 2), both as the browser paints them."""
    colours = page.evaluate(
        """selector => {
            const element = document.querySelector(selector);
            let ground = element;
            const bare = at => getComputedStyle(at).backgroundColor === 'rgba(0, 0, 0, 0)';
            while (ground && bare(ground)) ground = ground.parentElement;
            return [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor];
        }""",
        selector,
    )

    def light(colour: str) -> float:
        parts = [int(part) / 255 for part in colour.partition("(")[2].rstrip(")").split(",")[:3]]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, bright = sorted(map(light, colours))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_reader_gets_from_the_index_to_the_rule_that_failed_and_its_places(
    browser: Any, site: str, scheme: str, scripts: bool
) -> None:
    options = {"color_scheme": scheme, "java_script_enabled": scripts}
    with watched(browser, **options) as (page, said, asked):
        page.goto(site + "/index.html")
        assert page.locator("table").first.is_visible()
        latest = page.locator("tbody tr").first
        assert "stopped" in latest.inner_text()
        page.screenshot()
        latest.locator("a").click()
        first = page.locator("tbody tr", has_text="age_known").first
        first.wait_for(state="visible")
        text = first.inner_text()
        for expected in ("age_known", "stopped", "Codes of SDMX:CL_SEX only.", "Table 1!F12", "Table 1!F13", "23 more"):
            assert expected in text
        assert EVIL in text, "what an official wrote is shown as it was written"
        assert page.title() == "undesa_stock: stopped"
        assert page.locator("script, img").count() == 0
        page.locator("header a").click()
        assert page.title() == "Data Docs: what was validated"
    # A file server without an icon says 404 to the one that browsers ask for by themselves.
    assert [line for line in said if "favicon" not in line and "404" not in line] == []
    assert asked
    assert {url.split("/")[2] for url in asked} == {site.split("/")[2]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_its_ground(browser: Any, site: str, scheme: str) -> None:
    with watched(browser, color_scheme=scheme) as (page, _, _):
        page.goto(site + "/index.html")
        page.locator("tbody tr a").first.click()
        page.wait_for_load_state()
        for selector in ("body", "td", "th", ".stopped", ".warning", ".passed", ".quiet", "a", "code"):
            assert contrast(page, selector) >= 4.5, (selector, scheme)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


def test_a_narrow_screen_shows_no_page_wider_than_itself(browser: Any, site: str) -> None:
    with watched(browser) as (page, _, _):
        page.set_viewport_size({"width": 380, "height": 700})
        page.goto(site + "/index.html")
        page.locator("tbody tr a").first.click()
        page.wait_for_load_state()  # of the style sheet too
        assert page.evaluate("document.documentElement.scrollWidth") <= 380


# -- inside Airflow


@contextmanager
def api_server(airflow: Sandbox, port: int) -> Iterator[None]:
    log = airflow.root / "api-server.log"
    with log.open("wb") as stream:
        server = subprocess.Popen(
            [sys.executable, "-m", "airflow", "api-server"],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=airflow.environment(),
            start_new_session=True,
        )
    try:
        until_answers(f"http://127.0.0.1:{port}/api/v2/version", server, 120)
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


@pytest.mark.airflow
@pytest.mark.database
def test_the_data_docs_are_one_click_from_the_menu_and_from_the_task(
    browser: Any, tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run whose check fails: its report is where the menu leads, and where the button of its task does."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    toy.declare(tmp_path, monkeypatch, "toy")
    home = tmp_path / "sandbox"
    home.mkdir()
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({"admin": "only-for-this-test"}))
    airflow = Sandbox(
        home,
        {
            "MIGSTATS_SOURCES": str(tmp_path / "sources"),
            "MIGSTATS_LAKE": str(tmp_path / "lake"),
            "AIRFLOW_CONN_WAREHOUSE": warehouse_url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(port),
            "AIRFLOW__API__BASE_URL": base,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": "only-for-this-test-" * 3,  # pragma: allowlist secret
            "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-this-test-" * 4,  # pragma: allowlist secret
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        },
    )
    airflow.migrate()
    airflow.make_pools("host_example.org")
    unknown = toy.payload([{"REF_AREA": "??"}])
    with FaultServer(by_path({"/example.org/toy/a.csv": answer(200, unknown)})) as publisher:
        conf = {"slices": ["figures/part=a"]}
        ran = airflow.run("ingest_toy", conf, MIGSTATS_REPLAY=publisher.url)
    assert {state for state, _ in ran.tasks["check"]} == {"failed"}
    report = base + "/migstats/data-docs/" + datadocs.page_of("toy", f"ingest_toy/{ran.id}")

    pushed = airflow.rows("SELECT value FROM xcom WHERE task_id = 'check' AND key LIKE '_link%'")
    assert pushed == [(json.dumps(report),)]

    with api_server(airflow, port), watched(browser) as (page, _, asked):
        page.goto(report)
        assert "toy" not in page.title(), "nobody sees a report who has not signed in"
        page.goto(f"{base}/auth/login")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", "only-for-this-test")
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/auth/login" not in url)

        page.get_by_role("link", name="Data Docs").click()
        frame = page.frame_locator("iframe")
        frame.get_by_role("heading", name="Data Docs").wait_for()
        assert "toy" in frame.locator("tbody tr").first.inner_text()
        frame.locator("tbody tr a").first.click()
        frame.get_by_role("heading", name="toy").wait_for()

        page.goto(base)
        page.get_by_role("link", name="Warehouse").click()
        row = page.frame_locator("iframe").locator("tr#toy")
        row.wait_for()
        assert "failing since" in row.inner_text()
        assert page.frame_locator("iframe").locator("tr#undesa_stock").get_by_text("never loaded").first.is_visible()
        page.screenshot(path=tmp_path / "warehouse.png")
        row.get_by_role("link", name="Last run").click()
        inside = page.frame_locator("iframe").get_by_text(ran.id).first
        inside.wait_for(timeout=30_000)
        page.goto(f"{base}/migstats/gate/{'0' * 32}")
        assert page.title() == "No such candidate"

        page.goto(f"{base}/dags/ingest_toy/runs/{ran.id}/tasks/check")
        page.get_by_role("link", name="Details").click()
        button = page.locator(f"a[href='{report}']")
        button.wait_for(timeout=30_000)
        assert button.inner_text() == "Data Docs"
        button.click()
        page.wait_for_url(report)
        assert page.title() == "toy: stopped"
        assert "stopped" in page.locator("h1").inner_text()
    hosts = {url.split("/")[2] for url in asked if url.startswith("http")}
    assert hosts == {f"127.0.0.1:{port}"}, "a page of Airflow asked another host"


@pytest.mark.airflow
def test_the_button_leads_to_the_index_where_the_run_has_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from types import SimpleNamespace

    from migstats.links import ReportLink

    monkeypatch.setenv("MIGSTATS_DATA_DOCS", str(tmp_path))
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org/sub/")
    key = SimpleNamespace(dag_id="ingest_undesa_stock", run_id="manual__1")
    index = "https://airflow.example.org/sub/migstats/data-docs/"
    assert ReportLink("undesa_stock").get_link(None, ti_key=key) == index
    datadocs.render(Report((judgement(),)), run_id="ingest_undesa_stock/manual__1", target=tmp_path, at=AT)
    link = ReportLink("undesa_stock").get_link(None, ti_key=key)
    assert (tmp_path / link.removeprefix(index)).read_text("utf-8").count("sex_known") == 1
    assert ReportLink().get_link(None, ti_key=key) == index
