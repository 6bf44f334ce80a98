"""One DAG per declared source: plan, land, read and harmonise, check, load, and tell publish."""

import datetime as dt

from airflow.sdk import (
    DAG,
    Asset,
    AsyncCallback,
    CronTriggerTimetable,
    DeadlineAlert,
    Param,
    get_current_context,
    get_parsing_context,
    task,
    task_group,
)

from migstats.deadline import QueuedAt
from migstats.decision import DecisionOperator
from migstats.links import ReportLink
from migstats.retry import defaults
from migstats.source import Source
from migstats.source import declared as declarations

DOC = """
### {title}

{description}

**Publisher** {publisher} · **homepage** {homepage} · **licence** {licence} (passing on: {redistribution})
**Owner** {owner} · **schedule** `{schedule}` (UTC) · **hosts** {hosts}

| step | what it does | when it is red |
|---|---|---|
| `plan` | chooses the slices of this run | a name in the form is unknown; the message lists those that there are |
| `slices.land` | fetches the bytes of each slice into the lake | network: it is tried again by itself. \
"withdrawn?", "not in `hosts`": look at the publisher's page, mend `include/sources/{id}/source.yaml` |
| | stays `scheduled` | the pool of its host is missing: `migstats pools` makes it |
| `slices.read` | turns bytes into observations | the message names the column, sheet or flag that moved: mend \
`source.yaml` or `codes.csv`, then clear the task |
| `check` | Great Expectations: suites `landed`, `observation`, `{id}` | a critical rule failed: the message \
has the rows and places; the button *Data Docs* in the details of the task leads to the full report. \
Published data stays as it was |
| `gate` | compares with what was accepted last | a rule of `gate.yaml` cannot be read. A breach is not red: it \
waits in `decide` |
| `decide` | asks a person, where the gate found a breach | nobody answered in time, or without a reason: nothing was \
accepted; clear it to be asked again. *Required actions* in the menu lists what waits. Skipped: no breach, another run \
asks the same, or something newer took its place |
| `load` | writes what changed, as a new vintage | another run was accepted meanwhile, and this one breaches against \
it: clear `gate`. Skipped: nothing changed since the last accepted vintage, it was rejected, or something newer stands |
| `complete` | says whether all came through | lists slices that did not, and codes that nobody mapped; the rest is \
loaded |

**Run it by hand** with the form: a release, datasets, years, slices; *replay* reads what landed \
again, which empties the quarantine after a new line in `codes.csv`; *dry run* stops before the load.
**Backfill** takes the slices of the year of each run's logical date. A run never touches slices that it did not land.
A run of more than {run_hours:g} hours raises the alert `slow`, unless a decision waits.
"""

#: Goes on with what came through; upstream_failed where nothing did, skipped where the run has nothing to do.
SOME = "all_done_min_one_success"


def form(source: Source) -> dict[str, Param]:
    """The trigger form of a source."""
    datasets = [dataset.id for dataset in source.datasets]
    fields = {
        "datasets": Param(
            [], type="array", items={"type": "string"}, examples=datasets, title="Datasets (all if empty)"
        ),
        "years": Param(
            [],
            type="array",
            items={"type": "integer", "minimum": 1900, "maximum": 2100},
            title="Years (all if empty)",
            description="Only for datasets whose slices are years.",
        ),
        "slices": Param([], type="array", items={"type": "string"}, title="Slices by name (all if empty)"),
        "replay": Param(
            False,
            type="boolean",
            title="Replay",
            description="Read what landed again, with the codes of today; ask the publisher for nothing.",
        ),
        "dry_run": Param(False, type="boolean", title="Dry run", description="Check only; load nothing."),
    }
    if source.releases:
        newest = max(source.releases, key=lambda release: release.released).id
        releases = [release.id for release in source.releases]
        fields["release"] = Param(newest, type="string", enum=releases, title="Release of the publisher")
    return fields


def timetable(source: Source) -> CronTriggerTimetable | None:
    """The declared cron. Unpausing a DAG waits for the next tick: it does not make up for the last one."""
    if source.schedule is None:
        return None
    return CronTriggerTimetable(source.schedule, timezone="UTC", run_immediately=dt.timedelta())


def deadline(source: Source) -> DeadlineAlert:
    """What happens when a run takes longer than declared."""
    facts = {"source_id": source.id, "hours": source.run_hours}
    return DeadlineAlert(
        reference=QueuedAt(),
        interval=dt.timedelta(hours=source.run_hours),
        callback=AsyncCallback("migstats.deadline.overran", kwargs=facts),
    )


def ingest(source: Source) -> DAG:
    """The DAG of one source."""
    accepted = Asset(f"vintage_{source.id}", uri=source.vintage_uri, group="vintage")
    with DAG(
        dag_id=f"ingest_{source.id}",
        dag_display_name=f"Ingest · {source.title}",
        description=f"{source.publisher}: {source.title}",
        schedule=timetable(source),
        catchup=False,
        # A run that waits for a person for days must not hold up the next one: loads take their turn in the warehouse,
        # requests in the pool of their host, and the newer of two questions takes the place of the older.
        max_active_runs=16,
        deadline=deadline(source),
        tags=["ingest", source.id, *sorted({dataset.reader.format for dataset in source.datasets})],
        params=form(source),
        render_template_as_native_obj=False,
        doc_md=DOC.format(
            **source.model_dump(include={"id", "title", "description", "publisher", "homepage", "owner"}),
            licence=source.licence.id,
            redistribution=source.licence.redistribution,
            schedule=source.schedule or "by hand",
            hosts=", ".join(source.hosts),
            run_hours=source.run_hours,
        ),
        default_args=defaults(retries=3, minutes=30),
    ) as dag:

        @task(retries=0)
        def plan() -> list[dict]:
            from migstats import tasks

            return tasks.plan(source.id, get_current_context())

        @task(pool=f"host_{source.hosts[0]}", map_index_template="{{ slice }}", multiple_outputs=False)
        def land(planned: dict) -> dict:
            from migstats import tasks

            return tasks.land(planned, get_current_context())

        @task(map_index_template="{{ slice }}")
        def read(landed: dict) -> list[dict]:
            from migstats import tasks

            return tasks.read(landed, get_current_context())

        @task_group
        def slices(planned: dict) -> list[dict]:
            return read(land(planned))

        @task(trigger_rule=SOME, retries=1)
        def check(reads: list[list[dict]]) -> list[dict]:
            from migstats import tasks

            return tasks.check(source.id, reads, get_current_context())

        @task(retries=1, multiple_outputs=False)
        def gate(checked: list[dict]) -> dict:
            from migstats import tasks

            return tasks.gate(source.id, checked, get_current_context())

        @task(outlets=[accepted], trigger_rule="none_failed", multiple_outputs=False)
        def load(checked: list[dict], judged: dict) -> dict:
            from migstats import tasks

            return tasks.load(source.id, checked, judged, accepted, get_current_context())

        @task(trigger_rule=SOME, retries=0)
        def complete(planned: list[dict], reads: list[list[dict]]) -> None:
            from migstats import tasks

            tasks.complete(source.id, planned, reads)

        planned = plan()
        reads = slices.expand(planned=planned)
        checked = check(reads)
        checked.operator.operator_extra_links = (ReportLink(source.id),)
        judged = gate(checked)
        # An answer that finds the task just going back to wait is lost, and asked for again at once. (What is no such
        # accident, that nobody answered or gave no reason, is not tried again.)
        decide = DecisionOperator(
            task_id="decide",
            source_id=source.id,
            judged=judged,
            response_timeout=dt.timedelta(days=source.decision_days),
            retry_delay=dt.timedelta(seconds=5),
        )
        decide >> load(checked, judged)
        complete(planned, reads)
    # Airflow gives each task a copy of the form, and checks the schema of every field of every copy each time that it
    # writes or reads a DAG: nine tenths of what that takes. A run has the form of its DAG without them.
    for one in dag.tasks:
        one.params = type(dag.params)()
    return dag


# Those that cannot be read are an import error of declarations.py, and the others run. A process that runs a task
# builds the DAG of that task alone.
running = get_parsing_context().dag_id
for declared in declarations()[0].values():
    if running in (None, f"ingest_{declared.id}"):
        ingest(declared)
