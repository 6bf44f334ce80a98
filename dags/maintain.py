"""Every hour: judge how fresh the sources are and tell what changed, verify snapshots, tidy up."""

import datetime as dt

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task

from migstats.retry import defaults

DOC = """
### Maintain

Every hour. What to do about each alert is in `docs/operations.md`; `migstats alerts` lists what stands,
`migstats silence` holds alerts of a source back for a time.

| step | what it does | when it is red |
|---|---|---|
| `verify` | holds those snapshots of the lake against their hashes that waited longest for it | the message names the \
files that are damaged or missing: restore them from a backup; until then it stays red and the alert `snapshot` stands |
| `freshness` | holds each source against its schedule, raises and clears alerts, one per change of state | the \
warehouse is away: it is tried again by itself |
| `tell` | each notifier of `MIGSTATS_NOTIFIERS` tells what it has not told yet | a notifier is down: it tells the \
next time, once. A setting is wrong: the message says which |
| `tidy` | removes old tables between steps, files that killed processes left behind, old logs, pages and files of \
lineage events; never a snapshot | the message names what could not be removed |
"""

with DAG(
    dag_id="maintain",
    dag_display_name="Maintain · freshness, alerts, snapshots, tidying",
    description="Freshness and alerts of all sources; verification of snapshots; housekeeping",
    schedule=CronTriggerTimetable("7 * * * *", timezone="UTC", run_immediately=dt.timedelta()),
    catchup=False,
    max_active_runs=1,
    tags=["maintain"],
    doc_md=DOC,
    default_args=defaults(retries=2, minutes=30),
):

    @task(multiple_outputs=False)
    def verify() -> dict:
        from migstats import tasks

        return tasks.verify(get_current_context())

    @task
    def freshness() -> list[str]:
        from migstats import tasks

        return tasks.look(get_current_context())

    @task(map_index_template="{{ notifier }}")
    def tell(notifier: str) -> int:
        from migstats import tasks

        return tasks.tell(notifier, get_current_context())

    @task(multiple_outputs=False)
    def tidy() -> dict:
        from migstats import tasks

        return tasks.tidy(get_current_context())

    # Three that do not wait for each other: each of them ends a branch, so that one that fails makes the run red.
    verify()
    tell.expand(notifier=freshness())
    tidy()
