"""One run per workbook that a country sends: check it, wait for the official, then go the way of every source."""

import datetime as dt

from airflow.sdk import DAG, AssetAlias, Param, get_current_context, task

from migstats.decision import DecisionOperator
from migstats.retry import defaults

DOC = """
### Upload

A run is one workbook, by the number of its receipt; with *take back* it closes the figures of one that the official
took back after it was published. Runs of different countries do not wait for each other.

| step | what it does | when it is red or skipped |
|---|---|---|
| `check` | looks whether the file is safe, reads it in a process with limits and no network, finds what is wrong | \
skipped on: the workbook was rejected; the official has the answer, with the cells. Red: our fault, it is tried again |
| `confirmed` | waits for the official, who looks at what was understood, answers questions and confirms | skipped: it \
was taken back. Red: nobody confirmed in time; confirmed later, it has another run |
| `read` | lands the confirmed figures and harmonises them, as those of any source | the message names the cell |
| `judge` | Great Expectations | a critical rule failed; published data stays as it was |
| `gate` | compares with what was accepted last | |
| `decide` | asks a statistician each time; never the person who sent or confirmed it | nobody answered: nothing was \
accepted |
| `released` | waits until the embargo is over, where the official set one; else it goes on at once | |
| `load` | writes what changed, as a new vintage of the country's source | rejected: the official is told why |
"""

#: How long an official has to confirm; then the run ends, and the submission stays as it is.
PATIENCE = dt.timedelta(days=30)

#: A little more than the longest embargo.
EMBARGO = dt.timedelta(days=92)

with DAG(
    dag_id="upload",
    dag_display_name="Upload · a workbook of a country",
    description="A workbook from its receipt to the warehouse",
    schedule=None,
    catchup=False,
    max_active_runs=64,
    tags=["upload"],
    params={
        "upload": Param(type="string", pattern="^[A-Z]{3}-[0-9]{4}-[0-9A-Z]{8}$", title="Number of the receipt"),
        "withdraw": Param(
            False,
            type="boolean",
            title="Take back",
            description="Of a published upload that the official took back: close its figures.",
        ),
        "dry_run": Param(False, type="boolean", title="Dry run", description="Check only; load nothing."),
    },
    render_template_as_native_obj=False,
    doc_md=DOC,
    default_args=defaults(retries=2, minutes=30),
):
    vintages = AssetAlias("vintages_of_uploads")

    @task(map_index_template="{{ slice }}", multiple_outputs=False)
    def check(upload_id: str) -> dict:
        from migstats import upload_tasks

        return upload_tasks.check(upload_id, get_current_context())

    @task.sensor(mode="reschedule", poke_interval=20, timeout=PATIENCE.total_seconds(), retries=0)
    def confirmed() -> bool:
        from migstats import upload_tasks

        return upload_tasks.is_confirmed(get_current_context())

    @task
    def read() -> list[dict]:
        from migstats import upload_tasks

        return upload_tasks.read(get_current_context())

    @task(retries=1)
    def judge(reads: list[dict]) -> list[dict]:
        from migstats import upload_tasks

        return upload_tasks.judge(reads, get_current_context())

    @task(retries=1, multiple_outputs=False)
    def gate(checked: list[dict]) -> dict:
        from migstats import upload_tasks

        return upload_tasks.gate(checked, get_current_context())

    @task.sensor(
        mode="reschedule", poke_interval=300, timeout=EMBARGO.total_seconds(), retries=0, trigger_rule="none_failed"
    )
    def released(judged: dict) -> bool:
        from migstats import upload_tasks

        return upload_tasks.is_released(judged, get_current_context())

    @task(outlets=[vintages], trigger_rule="none_failed", multiple_outputs=False)
    def load(checked: list[dict], judged: dict) -> dict:
        from migstats import upload_tasks

        return upload_tasks.load(checked, judged, vintages, get_current_context())

    looked = check.expand(upload_id=["{{ params.upload }}"])
    there = confirmed()
    reads = read()
    looked >> there >> reads
    checked = judge(reads)
    judged = gate(checked)
    decide = DecisionOperator(
        task_id="decide", judged=judged, response_timeout=dt.timedelta(days=7), retry_delay=dt.timedelta(seconds=5)
    )
    decide >> released(judged) >> load(checked, judged)
