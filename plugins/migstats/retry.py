"""When a task is tried again: at once red where trying again cannot help, and never before a publisher asked for it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryDecision, RetryRule

from migstats.errors import TryAgainError

#: However long a publisher asks us to wait, the task is tried again after a day: the wait holds no slot.
LONGEST = dt.timedelta(days=1)


class Politely(ExceptionRetryPolicy):  # type: ignore[misc]  # Airflow is untyped here
    """Fails at once on PermanentError, and where nobody answered; waits as long as Retry-After said; else backs off."""

    def __init__(self) -> None:
        super().__init__(
            rules=[
                RetryRule(
                    exception=[
                        "migstats.errors.PermanentError",
                        "airflow.providers.standard.exceptions.HITLTimeoutError",
                    ],
                    action=RetryAction.FAIL,
                    reason="trying again gives the same answer",
                )
            ]
        )

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any | None = None
    ) -> RetryDecision:
        """What to do about an exception; Airflow asks this in the process of the task."""
        if isinstance(exception, TryAgainError) and exception.retry_after is not None:
            delay = min(dt.timedelta(seconds=exception.retry_after), LONGEST)
            return RetryDecision.retry(delay, f"the publisher asked to wait {exception.retry_after:.0f} s")
        return super().evaluate(exception, try_number, max_tries, context)


def defaults(*, retries: int, minutes: int) -> dict[str, Any]:
    """What a DAG's tasks have where they do not say otherwise: `retries`, ever further apart, of `minutes` at most."""
    return {
        "owner": "migstats",
        "retries": retries,
        "retry_delay": dt.timedelta(seconds=30),
        "retry_exponential_backoff": True,
        "max_retry_delay": dt.timedelta(minutes=15),
        "retry_policy": Politely(),
        "execution_timeout": dt.timedelta(minutes=minutes),
    }
