"""When a source has a new accepted vintage: check the warehouse, then bring what BI reads to it, atomically."""

from airflow.sdk import DAG, Asset, AssetAny, get_current_context, task

from migstats.links import ReportLink
from migstats.retry import defaults
from migstats.source import declared, sent

DOC = """
### Publish

Runs when a source has a new accepted vintage, and by hand. Several at once become one publish; a publish with nothing
new is a no-op.

| step | what it does | when it is red |
|---|---|---|
| `check` | Great Expectations: suite `warehouse`, for each source that waits | the message names the source and the \
measure; that source stays at its published vintage, the others go on |
| `publish` | brings `bi` to the accepted vintages in one transaction | readers still see the state before; clear it |
| `export` | writes what is published to the folder of exports, if it holds something else | the export before stays; \
clear it |
| `profiles` | writes the pages of countries beside the Data Docs, all that there are | the old ones stay; clear it |
"""

with DAG(
    dag_id="publish",
    dag_display_name="Publish · bring BI to the accepted vintages",
    description="Accepted vintages become what BI reads",
    schedule=AssetAny(
        *(
            Asset(f"vintage_{source.id}", uri=source.vintage_uri, group="vintage")
            for source in (*declared()[0].values(), *sent().values())
        )
    ),
    catchup=False,
    max_active_runs=1,
    tags=["publish"],
    doc_md=DOC,
    default_args=defaults(retries=3, minutes=60),
):

    @task(multiple_outputs=False)
    def check() -> dict:
        from migstats import tasks

        return tasks.check_waiting(get_current_context())

    @task(multiple_outputs=False)
    def publish(checked: dict) -> dict:
        from migstats import tasks

        return tasks.publish(checked, get_current_context())

    # what was published is exported, also where one source was held back
    @task(trigger_rule="all_done", multiple_outputs=False)
    def export(published: dict | None) -> dict:
        from migstats import tasks

        return tasks.export(published, get_current_context())

    @task(trigger_rule="all_done")
    def profiles() -> list[str]:
        from migstats import tasks

        return tasks.profiles(get_current_context())

    checked = check()
    checked.operator.operator_extra_links = (ReportLink(),)
    published = publish(checked)
    export(published)
    published >> profiles()
