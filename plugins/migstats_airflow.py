"""The Airflow plugin: the Data Docs inside the UI, for those who may see the site."""

from __future__ import annotations

from html import escape
from pathlib import Path

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView
from airflow.api_fastapi.core_api.security import requires_access_view
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, Response

from migstats import settings

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


class MigstatsPlugin(AirflowPlugin):  # type: ignore[misc]  # Airflow is untyped here
    """Puts `Data Docs` beside Airflow's own entries of the menu."""

    name = "migstats"
    fastapi_apps = [{"app": app, "url_prefix": "/migstats", "name": "migstats"}]  # noqa: RUF012 (Airflow's contract)
    external_views = [  # noqa: RUF012
        {
            "name": "Data Docs",
            # Relative, so that it holds below any base URL of the web server.
            "href": "migstats/data-docs/",
            "destination": "nav",
            "url_route": "data-docs",
            "nav_top_level": True,
        }
    ]
