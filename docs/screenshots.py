"""Make the pictures of the README from a running demo: a DAG, Data Docs, a plot from schema bi, the dashboards."""

from __future__ import annotations

import io
import math
import shutil
import sys
from pathlib import Path

import psycopg
from matplotlib import pyplot
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from migstats import cli, dashboards, services, settings, superset
from migstats.errors import ConfigurationError

IMAGES = Path(__file__).parent / "images"

STOCK = """
SELECT a.name_en, f.sex, f.published_value
FROM bi.migrant_stock AS f
INNER JOIN bi.dim_area AS a ON f.ref_area = a.area
WHERE a.is_programme_country AND f.source = 'undesa_stock' AND f.year = 2024 AND f.sex IN ('F', 'M')
    AND f.counterpart_area = '_T' AND f.age = '_T'
ORDER BY a.name_en
"""


def plot(target: Path) -> None:
    """Migrant stock of the programme countries by sex, 2024, read as the BI role."""
    with psycopg.connect(cli.role_url(settings.warehouse_url(), "bi_reader")) as connection:
        rows = connection.execute(STOCK).fetchall()
    names = sorted({name for name, _, _ in rows}, key=lambda n: sum(v or 0 for name, _, v in rows if name == n))
    figure, axes = pyplot.subplots(figsize=(9, 4.5), layout="constrained")
    left = [0.0] * len(names)
    for sex, label, colour in (("F", "women", "#7b3f8c"), ("M", "men", "#2f7f79")):
        found = {name: value / 1000 for name, s, value in rows if s == sex and value is not None}
        # What is missing is a gap, not a bar of nought.
        axes.barh(names, [found.get(n, math.nan) for n in names], left=left, label=label, color=colour)
        left = [a + found.get(n, 0.0) for a, n in zip(left, names, strict=True)]
    axes.set_xlabel("thousand persons · source: UN DESA, International Migrant Stock 2024, from bi.migrant_stock")
    axes.set_title("International migrants in the programme countries, mid-2024", loc="left")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, dpi=110)


def pages(record: services.Record, targets: dict[str, Path]) -> None:
    """Pictures of pages of the running Airflow: path → file."""
    base = f"http://127.0.0.1:{record.ports.ui}"
    with sync_playwright() as playwright:
        installed = shutil.which("chromium")
        browser = playwright.chromium.launch(
            executable_path=installed, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 760})
        page.goto(f"{base}/auth/login")
        page.fill("input[name=username]", "admin")
        page.fill("input[name=password]", record.secrets.admin)
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/auth/login" not in url)
        for path, target in targets.items():
            page.goto(base + path)
            page.wait_for_timeout(6000)
            page.screenshot(path=target)
        browser.close()


def wait_until_drawn(page: Page, patience: int = 180) -> None:
    """Until no chart of a dashboard waits for figures, and what they show has moved into its place."""
    page.locator("[data-test='dashboard-component-chart-holder']").first.wait_for(timeout=patience * 1000)
    for _ in range(patience):
        page.wait_for_timeout(1000)
        waiting = (
            page.get_by_text("Waiting on").or_(page.get_by_text("Loading filter values")).or_(page.locator(".loading"))
        )
        if not waiting.count():
            break
    page.wait_for_timeout(3000)


def boards(base: str, folder: Path) -> None:
    """Pictures of the dashboards of a running Superset, as somebody sees them who is not signed in."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        for dashboard in dashboards.read_dashboards().dashboards:
            # as high as its rows are: charts that are out of sight are not drawn
            height = 320 + sum(8 * max(chart.height for chart in row) + 20 for row in dashboard.rows)
            page = browser.new_page(viewport={"width": 1360, "height": height})
            page.goto(base + superset.path_of(dashboard))
            wait_until_drawn(page)
            picture = Image.open(io.BytesIO(page.screenshot()))
            target = folder / f"superset-{dashboard.id.replace('_', '-')}.png"
            picture.convert("RGB").quantize(256).save(target, optimize=True)  # a third of the size
            page.close()
        browser.close()


def main() -> int:
    """Write the pictures; those of dashboards where Superset runs. Exit status 1 where no demo runs."""
    shown = superset.read_record(superset.root())
    if shown is not None and shown.server is not None:
        boards(f"http://127.0.0.1:{shown.port}", IMAGES)
    record = services.read_record(settings.state())
    if record is None:
        raise ConfigurationError("no demo runs here; start one with `make demo`")
    IMAGES.mkdir(exist_ok=True)
    plot(IMAGES / "plot.png")
    pages(record, {"/dags/ingest_undesa_stock": IMAGES / "grid.png", "/plugin/data-docs": IMAGES / "data_docs.png"})
    return 0


if __name__ == "__main__":
    sys.exit(main())
