"""What Airflow's OpenLineage provider asks for the datasets of a task; `[openlineage] extractors` names it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.openlineage.extractors import BaseExtractor, OperatorLineage

if TYPE_CHECKING:
    from migstats.events import Lineage, Warehouse


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
        """When a task has ended well or was skipped: what it told, too."""
        return self._lineage(task_instance.xcom_pull(map_indexes=task_instance.map_index))

    def extract_on_failure(self, task_instance: Any) -> OperatorLineage:
        """When a task failed it may have told something at an earlier attempt; that is not asked for."""
        return self._lineage(None)

    def _lineage(self, result: Any) -> OperatorLineage:
        task = self.operator
        given = inspect.signature(task.python_callable).bind(*task.op_args, **task.op_kwargs).arguments
        found = lineage_of(task.dag_id, task.task_id.rpartition(".")[2], given, result)
        return OperatorLineage(inputs=list(found.inputs), outputs=list(found.outputs))


def lineage_of(dag_id: str, step: str, given: Mapping[str, Any], result: Any) -> Lineage:
    """The datasets of a step, from the JSON that it was given and told; None where it told nothing (yet)."""
    from migstats import events, lake, pipeline
    from migstats.candidate import Candidate
    from migstats.publish import Publication
    from migstats.source import Slice, folder_of, read_source
    from migstats.vintage import Counts

    here = events.Lake(lake.snapshot_path, lake.absolute)
    ingests = dag_id.startswith("ingest_")
    source = read_source(folder_of(dag_id.removeprefix("ingest_")) / "source.yaml") if ingests else None
    if source is not None:
        match step:
            case "land" if result is None:
                return events.asked(source, Slice.model_validate(given["planned"]))
            case "land":
                return events.landed(source, pipeline.Landed.model_validate(result), here)
            case "read" if result is None:
                return events.to_read(source, pipeline.Landed.model_validate(given["landed"]), here)
            case "read":
                return events.read(source, [pipeline.read_from(one) for one in result], here)
            case "check" if result:
                return events.checked(source, [pipeline.read_from(one) for one in result], here, _warehouse())
            case "gate" if result:
                reads = [pipeline.read_from(one) for one in given["checked"]]
                judged = Candidate(**{name: value for name, value in result.items() if name != "waits"})
                return events.gated(source, reads, judged, here, _warehouse())
            case "load" if result:
                reads = [pipeline.read_from(one) for one in given["checked"]]
                return events.loaded(source, reads, Counts(**result), here, _warehouse())
    elif dag_id == "publish":
        match step:
            case "check" if result and any(result.values()):
                return events.checked_warehouse(_warehouse())
            case "publish" if result:
                return events.published(Publication(**result), _warehouse())
    return events.Lineage()


def _warehouse() -> Warehouse:
    from migstats import events, tasks, warehouse

    url = tasks.warehouse_url()
    with warehouse.connect(url) as connection:
        return events.warehouse_of(url, warehouse.rows(connection, "report/columns", {"tables": list(events.TABLES)}))
