"""Airflow's pools: one per host of a publisher, so that no host is asked more at once than it was promised.

A task whose pool is missing stays `scheduled` and says nothing: only the log of the scheduler names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from migstats.errors import ConfigurationError
from migstats.source import Source

DESCRIPTION = "requests at once to this host"


def pools(sources: Iterable[Source]) -> dict[str, int]:
    """Pool → slots, as the most careful of the sources that ask a host allows."""
    slots: dict[str, int] = {}
    for source in sources:
        for host in source.hosts:
            name = f"host_{host}"
            slots[name] = min(source.concurrency, slots.get(name, source.concurrency))
    return slots


def differing(wanted: Mapping[str, int]) -> dict[str, int | None]:
    """The wanted pools that Airflow does not have, or not with these slots → the slots that they have there."""
    known = _known()
    return {name: known.get(name) for name, slots in wanted.items() if known.get(name) != slots}


def write(wanted: Mapping[str, int]) -> dict[str, int | None]:
    """Create or update the wanted pools in Airflow's database; those that differed, as in `differing`."""
    from airflow.models import Pool

    changed = differing(wanted)
    for name in changed:
        Pool.create_or_update_pool(name, slots=wanted[name], description=DESCRIPTION, include_deferred=False)
    return changed


def _known() -> dict[str, int]:
    from airflow.models import Pool
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return {pool.pool: pool.slots for pool in Pool.get_pools()}
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise ConfigurationError(
            f"the database of Airflow cannot be asked for its pools: {said}; run `airflow db migrate`, and let "
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN (or AIRFLOW_HOME) name the Airflow that is meant"
        ) from None
