"""When a run takes too long, and what happens then. DAG files read it: nothing heavy is imported at the top."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

from airflow.sdk import BaseDeadlineReference  # type: ignore[attr-defined]  # lacks in its stub


class QueuedAt(BaseDeadlineReference):  # type: ignore[misc]  # Airflow is untyped here
    """The moment at which a run was queued.

    Airflow's own reference of this kind makes clearing a task answer 500 (3.3.0 and later, apache/airflow#70368).
    """

    required_kwargs = {"dag_id", "run_id"}  # noqa: RUF012 (Airflow's contract)

    def _evaluate_with(self, *, session: Any, dag_id: str, run_id: str) -> dt.datetime | None:
        from airflow.models import DagRun
        from sqlalchemy import select

        queued: dt.datetime | None = session.scalar(
            select(DagRun.queued_at).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        )
        return queued


async def overran(*, source_id: str, hours: float, context: Any = None) -> str:
    """Raise the alert `slow` of a source, unless a decision waits: then the run takes as long as a person does."""
    from airflow.sdk import Connection

    from migstats import alerts

    connection = await Connection.async_get("warehouse")
    url = str(connection.get_uri()).replace("postgres://", "postgresql://", 1)
    run_id = ((context or {}).get("dag_run") or {}).get("dag_run_id", "a run")  # Airflow hands over a plain dict
    raised = await asyncio.to_thread(
        alerts.slow,
        url,
        source_id,
        run_id=f"ingest_{source_id}/{run_id}",
        hours=hours,
        now=dt.datetime.now(dt.UTC),
    )
    return "raised" if raised else "nothing raised: a decision waits, or it stands already"
