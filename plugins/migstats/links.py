"""The button of a task that leads to what was validated in it. Imported at parse time, so nothing heavy at the top."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperatorLink


class ReportLink(BaseOperatorLink):  # type: ignore[misc]  # Airflow is untyped here
    """Leads to the page of the run in the Data Docs; to their index where the run has none (yet)."""

    name = "Data Docs"

    def __init__(self, source_id: str | None = None) -> None:
        self.source_id = source_id

    def get_link(self, operator: object, *, ti_key: Any) -> str:
        """The address of the page; asked when the task has ended, in its own process."""
        from airflow.sdk.configuration import conf

        from migstats import datadocs, settings

        site = f"{conf.get('api', 'base_url', fallback='/').rstrip('/')}/migstats/data-docs/"
        if self.source_id is None:
            return site
        page = datadocs.page_of(self.source_id, f"{ti_key.dag_id}/{ti_key.run_id}")
        return site + page if (settings.data_docs() / page).is_file() else site
