"""What happens when a run takes too long: called in the triggerer, so nothing heavy is imported at the top."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any


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
