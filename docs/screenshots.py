"""Make the pictures of the README from a running demo: the grid of a DAG, Data Docs, and a plot from schema bi."""

from __future__ import annotations

import math
import shutil
import sys
from pathlib import Path

import psycopg
from matplotlib import pyplot
from playwright.sync_api import sync_playwright

from migstats import cli, services, settings
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


def main() -> int:
    """Write the pictures; exit status 1 where no demo runs."""
    record = services.read_record(settings.state())
    if record is None:
        raise ConfigurationError("no demo runs here; start one with `make demo`")
    IMAGES.mkdir(exist_ok=True)
    plot(IMAGES / "plot.png")
    pages(record, {"/dags/ingest_undesa_stock": IMAGES / "grid.png", "/plugin/data-docs": IMAGES / "data_docs.png"})
    return 0


if __name__ == "__main__":
    sys.exit(main())
