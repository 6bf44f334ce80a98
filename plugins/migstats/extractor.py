"""What Airflow's OpenLineage provider asks for the datasets of a task; `[openlineage] extractors` names it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.openlineage.extractors import BaseExtractor, OperatorLineage

if TYPE_CHECKING:
    from migstats.events import Lake, Lineage, Warehouse
    from migstats.source import Source

#: Steps that tell what they did, in our DAGs.
TELLING = frozenset(
    {"land", "read", "check", "gate", "load", "publish"}  # of ingest and publish
    | {"verify", "freshness", "tell", "tidy"}  # of maintain
)


class StepExtractor(BaseExtractor):  # type: ignore[misc]  # Airflow is untyped here
    """Knows the tasks of our DAGs by their names; of all others it says nothing.

    A task's result is asked of Airflow, so the provider has to run in a thread of the task (`[openlineage]
    execute_in_thread`): in a fork, which is its default, the question is never answered.
    """

    @classmethod
    def get_operator_classnames(cls) -> list[str]:
        """The class behind `@task`."""
        return ["_PythonDecoratedOperator"]

    def _execute_extraction(self) -> OperatorLineage:
        """When a task begins or fails: what it was given."""
        return self._lineage(None)

    def extract_on_complete(self, task_instance: Any) -> OperatorLineage:
        """When a task has ended well: what it told, too. One that was skipped told nothing."""
        # Airflow writes an error into the scheduler's log where there is no result.
        told = _step(self.operator) in TELLING and task_instance.state != "skipped"
        return self._lineage(task_instance.xcom_pull(map_indexes=task_instance.map_index) if told else None)

    def extract_on_failure(self, task_instance: Any) -> OperatorLineage:
        """When a task failed it may have told something at an earlier attempt; that is not asked for."""
        return self._lineage(None)

    def _lineage(self, result: Any) -> OperatorLineage:
        task = self.operator
        given = inspect.signature(task.python_callable).bind_partial(*task.op_args, **task.op_kwargs).arguments
        found = lineage_of(task.dag_id, _step(task), given, result)
        return OperatorLineage(inputs=list(found.inputs), outputs=list(found.outputs)) if found else OperatorLineage()


def _step(task: Any) -> str:
    ours = task.dag_id in ("publish", "maintain") or task.dag_id.startswith("ingest_")
    return str(task.task_id).rpartition(".")[2] if ours else ""


def lineage_of(dag_id: str, step: str, given: Mapping[str, Any], result: Any) -> Lineage | None:
    """The datasets of a step, from the JSON that it was given and told; a `result` of None: it told nothing (yet)."""
    if result is None:
        return _before(dag_id, step, given)
    if dag_id.startswith("ingest_"):
        return _after_ingest(dag_id.removeprefix("ingest_"), step, given, result)
    match dag_id:
        case "publish":
            return _after_publish(step, result)
        case "maintain":
            return _after_maintain(step, result)
    return None


def _before(dag_id: str, step: str, given: Mapping[str, Any]) -> Lineage | None:
    if step not in ("land", "read") or not dag_id.startswith("ingest_"):
        return None
    from migstats import events
    from migstats.source import Slice

    source = _source(dag_id.removeprefix("ingest_"))
    if step == "land":
        return events.asked(source, Slice.model_validate(given["planned"]))
    landed = given["landed"]
    snapshots = [page["sha256"] for page in landed["pages"]]
    return events.to_read(source.dataset(landed["slice"]["dataset"]), snapshots, _lake())


def _after_ingest(source_id: str, step: str, given: Mapping[str, Any], result: Any) -> Lineage | None:
    from migstats import events, landing, pipeline
    from migstats.candidate import Candidate
    from migstats.vintage import Counts

    source, here = _source(source_id), _lake()
    match step:
        case "land":
            return events.landed(source, landing.Landed.model_validate(result), here)
        case "read":
            return events.read(source, [pipeline.read_from(one) for one in result], here)
        case "check":
            return events.checked(source, [pipeline.read_from(one) for one in result], here, _warehouse())
        case "gate":
            reads = [pipeline.read_from(one) for one in given["checked"]]
            judged = Candidate(**{name: value for name, value in result.items() if name != "waits"})
            return events.gated(source, reads, judged, here, _warehouse())
        case "load":
            reads = [pipeline.read_from(one) for one in given["checked"]]
            return events.loaded(source, reads, Counts(**result), here, _warehouse())
    return None


def _after_publish(step: str, result: Any) -> Lineage | None:
    from migstats import events
    from migstats.publish import Publication

    match step:
        case "check" if any(result.values()):
            return events.checked_warehouse(_warehouse())
        case "publish":
            return events.published(Publication(**result), _warehouse())
    return None


def _after_maintain(step: str, result: Any) -> Lineage | None:
    from migstats import events

    match step:
        case "verify":
            return events.verified(result["read"], _lake(), _warehouse())
        case "freshness" | "tell":
            return events.kept_house(step, _warehouse())
        case "tidy":
            return events.tidied(result["tables"], _lake(), _warehouse())
    return None


def _source(source_id: str) -> Source:
    from migstats.source import folder_of, read_source

    return read_source(folder_of(source_id) / "source.yaml")


def _lake() -> Lake:
    from migstats import events, lake

    return events.Lake(lake.snapshot_path, lake.absolute)


def _warehouse() -> Warehouse:
    from migstats import events, tasks, warehouse

    url = tasks.warehouse_url()
    with warehouse.connect(url) as connection:
        return events.warehouse_of(url, warehouse.rows(connection, "report/columns", {"tables": list(events.TABLES)}))
