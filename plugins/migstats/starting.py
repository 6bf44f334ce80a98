"""The operator that starts the run of an upload; it is heavier than what DAG files import at their top."""

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator as StartOperator

__all__ = ["StartOperator"]
