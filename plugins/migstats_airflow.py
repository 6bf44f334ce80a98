"""The Airflow plugin: the Data Docs, the warehouse and the gate inside the UI, for those who may see the site."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from html import escape
from pathlib import Path

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response

from migstats import settings
from migstats.deadline import QueuedAt
from migstats.errors import MigstatsError

#: What a page may do: show itself with its own style, in a frame of the same site, and nothing else.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}

#: The only kinds of files that the site is made of; records and locks beside them are not served.
KINDS = {".html": "text/html", ".css": "text/css"}

# A FastAPI app below Airflow's has no authentication of its own: the dependency is on every route there is or will be.
app = FastAPI(
    title="migstats",
    dependencies=[Depends(requires_access_view(AccessView.WEBSITE))],
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
)


@app.get("/data-docs/{path:path}")
def data_docs(path: str) -> Response:
    """A file of the Data Docs; 404 for everything that is not one, wherever the path leads."""
    site = settings.data_docs().resolve()
    try:
        file = (site / (path or "index.html")).resolve()
        served = file.is_relative_to(site) and file.suffix in KINDS and file.is_file()
    except (ValueError, OSError):
        served = False
    if served:
        return FileResponse(file, media_type=KINDS[file.suffix], headers=HEADERS)
    if path in ("", "index.html"):
        return HTMLResponse(_nothing_yet(site), headers=HEADERS)
    raise HTTPException(404, "no such page of the Data Docs")


def _nothing_yet(site: Path) -> str:
    return (
        '<!doctype html><html lang="en"><title>Data Docs</title><h1>Nothing has been validated yet</h1>'
        f"<p>Trigger an ingest DAG; its results appear here. (Looked in {escape(str(site))}.)</p></html>"
    )


# What these pages are made of is heavy, and imported when the first of them is asked for.


@app.get("/style.css")
def style() -> Response:
    """The style sheet of the pages below."""
    from migstats import pages

    return Response(pages.style(), media_type="text/css", headers=HEADERS)


@app.get("/warehouse/")
def warehouse() -> Response:
    """Each source: what it brought, whether it is late, what waits for a person, what fails."""
    from migstats import overview, pages

    now = dt.datetime.now(dt.UTC)
    return _page(lambda url: pages.warehouse_page(overview.of_warehouse(url, now=now)))


@app.get("/gate/{candidate_id}")
def gate(candidate_id: str) -> Response:
    """The whole report of a candidate; 404 for one that nobody judged."""
    from migstats import overview, pages

    def report(url: str) -> str | None:
        found = overview.of_candidate(url, candidate_id)
        return None if found is None else pages.gate_page(*found)

    known = re.fullmatch(r"[0-9a-f]{32}", candidate_id)
    answer = _page(report) if known else None
    return answer or HTMLResponse(pages.unknown_page(candidate_id[:64]), 404, headers=HEADERS)


def _page(made: Callable[[str], str | None]) -> Response | None:
    """A page made of what the warehouse says; 503, and why, where it says nothing."""
    from migstats import pages

    try:
        text = made(_warehouse_url())
    except MigstatsError as error:
        return HTMLResponse(pages.unreachable_page(str(error)), 503, headers=HEADERS)
    return None if text is None else HTMLResponse(text, headers=HEADERS)


def _warehouse_url() -> str:
    """The warehouse of Airflow's connection `warehouse`, as for the tasks; without one, that of the settings."""
    from airflow.exceptions import AirflowNotFoundException
    from airflow.models.connection import Connection

    try:
        uri = Connection.get_connection_from_secrets("warehouse").get_uri()
    except AirflowNotFoundException:
        return settings.warehouse_url()
    return str(uri).replace("postgres://", "postgresql://", 1)


class MigstatsPlugin(AirflowPlugin):  # type: ignore[misc]  # Airflow is untyped here
    """Puts `Data Docs` and `Warehouse` beside Airflow's own entries of the menu."""

    name = "migstats"
    fastapi_apps = [{"app": app, "url_prefix": "/migstats", "name": "migstats"}]  # noqa: RUF012 (Airflow's contract)
    deadline_references = [QueuedAt]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Data Docs",
            # Relative, so that it holds below any base URL of the web server.
            "href": "migstats/data-docs/",
            "destination": "nav",
            "url_route": "data-docs",
            "nav_top_level": True,
        },
        {
            "name": "Warehouse",
            "href": "migstats/warehouse/",
            "destination": "nav",
            "url_route": "warehouse",
            "nav_top_level": True,
        },
    ]
