"""Every few minutes: take in what lies in the watched folders, start the runs that are missing, tell officials."""

from airflow.sdk import DAG, CronTriggerTimetable, get_current_context, task

from migstats.retry import defaults

DOC = """
### Intake

| step | what it does | when it is red |
|---|---|---|
| `collect` | takes workbooks out of `intake/<ISO3>/` (`MIGSTATS_INTAKE`: a folder, or a prefix of a bucket), each \
with a receipt; what says neither form nor year goes to `refused/` beside it, with the reason | the folder cannot be \
reached: it is tried again |
| `start` | starts a run of `upload` for each workbook that has none, whichever way it came | |
| `mail` | tells officials by mail that their workbook came, was checked, was published; once each, without figures | \
the mail server is away: what waits is sent the next time |
"""

with DAG(
    dag_id="intake",
    dag_display_name="Intake · watched folders, missing runs, mails to officials",
    description="Workbooks of watched folders; runs that are missing; mails to officials",
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["upload"],
    doc_md=DOC,
    default_args=defaults(retries=1, minutes=10),
):

    @task
    def collect() -> list[dict]:
        from migstats import upload_tasks

        return upload_tasks.collect(get_current_context())

    @task(trigger_rule="all_done")
    def mail() -> int:
        from migstats import upload_tasks

        return upload_tasks.mail(get_current_context())

    @task(map_index_template="{{ task.op_kwargs['run']['note'] }}")
    def start(run: dict) -> None:
        from migstats import upload_tasks

        upload_tasks.start(run)

    start.expand(run=collect()) >> mail()
