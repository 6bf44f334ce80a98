"""The executor of the demo: a task begins with what it needs already imported, as its process is forked from there."""

from __future__ import annotations

import logging

from airflow.executors.local_executor import LocalExecutor


def import_ahead() -> None:
    """Import what the tasks of our DAGs import: Airflow's plugins, the DAGs' own, the pipeline, what judges figures.

    They are only imported, never called: a pool of threads that one of them began here would be missing in a fork.
    """
    from airflow.sdk.listener import get_listener_manager

    get_listener_manager()  # loads the plugins for tasks; each task would do it for itself
    # one line for each of its hundreds of methods otherwise; its import sets a level of its own
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import airflow.providers.standard.decorators.python  # noqa: F401  # what `@task` is in each DAG file
    import great_expectations  # noqa: F401
    import pyarrow.acero  # noqa: F401  # pyarrow asks for it where tables are filtered

    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    from migstats import deadline, decision, events, extractor, links, retry, tasks, upload_tasks  # noqa: F401


class ForkingExecutor(LocalExecutor):  # type: ignore[misc]  # Airflow is untyped here
    """Airflow's LocalExecutor, whose workers find imported what each of their tasks would import for itself.

    Imports are two thirds of the processor time of a small task, and of one that judges figures.
    """

    def start(self) -> None:
        """Import, then start the workers, which are forks of this process."""
        if self.is_mp_using_fork:
            import_ahead()
        super().start()
