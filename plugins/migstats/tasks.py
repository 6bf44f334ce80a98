"""What the tasks of the DAGs call: the run's context in, plain JSON (paths, hashes, counts) out."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from migstats import pipeline
from migstats import publish as publishing
from migstats.errors import ConfigurationError, PermanentError, ValidationFailedError
from migstats.pipeline import Landed
from migstats.source import Slice, Source, folder_of, read_source
from migstats.source import plan as plan_slices
from migstats.web import redact

log = logging.getLogger("migstats")

Context = Mapping[str, Any]
Json = dict[str, Any]


def warehouse_url() -> str:
    """The warehouse of Airflow's connection `warehouse`. ConfigurationError where the connection is not there."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowRuntimeError

    try:
        connection = Connection.get("warehouse")
    except (AirflowRuntimeError, LookupError) as error:
        raise ConfigurationError(
            "the Airflow connection `warehouse` is not there; add it (Admin > Connections, type Postgres) or set "
            "AIRFLOW_CONN_WAREHOUSE=postgresql://user:password@host:port/warehouse"
        ) from error
    return str(connection.get_uri()).replace("postgres://", "postgresql://", 1)


def _source(source_id: str) -> Source:
    return read_source(folder_of(source_id) / "source.yaml")


def _run_id(context: Context) -> str:
    return f"{context['dag'].dag_id}/{context['run_id']}"


def _run_date(context: Context) -> dt.datetime:
    """The date of the run, as an argument: when it was meant to run, not what the clock says now."""
    run = context["dag_run"]
    return run.run_after or run.logical_date  # type: ignore[no-any-return]


def plan(source_id: str, context: Context) -> list[Json]:
    """The slices of this run: those of the form, or of the year of a backfilled run, or all."""
    from airflow.sdk.exceptions import AirflowSkipException

    source = _source(source_id)
    run, params = context["dag_run"], context["params"]
    years: Sequence[int] = params.get("years") or ()
    today = _run_date(context).date()
    if run.run_type == "backfill":
        if all(dataset.dated_by is None for dataset in source.datasets):
            raise AirflowSkipException(f"the slices of {source.id} are not dated: there is nothing to backfill")
        year = run.logical_date.year
        if not _first_of_year(source.schedule, run.logical_date):
            raise AirflowSkipException(f"the slices of {year} belong to the first run of that year")
        years, today = [year], dt.date(year + 10, 1, 1)  # the year is asked for by name, not as one that has closed
    with pipeline.attempt(None, _run_id(context), source_id, "plan"):
        planned = plan_slices(
            source,
            today=today,
            release=params.get("release"),
            datasets=params.get("datasets") or (),
            years=years,
            slices=params.get("slices") or (),
        )
    # What one task tells another is seen in the UI and kept in Airflow's database: no key or token of a URL goes there.
    return [{**slice_.model_dump(mode="json"), "url": redact(slice_.url)} for slice_ in planned]


def _asked_for(slice_: Slice, source: Source) -> Slice:
    """The slice with the URL that is declared for it, of which the plan holds only what all may see."""
    end_of_runs = dt.date(2100, 12, 31)  # whichever years were open when it was planned
    [again] = plan_slices(source, today=end_of_runs, release=slice_.release or None, slices=[slice_.slice])
    return again


def _first_of_year(cron: str | None, tick: dt.datetime) -> bool:
    """Whether a tick of a schedule is its first in the year, so that yearly slices belong to one run."""
    from croniter import croniter

    return cron is None or croniter(cron, tick).get_prev(dt.datetime).year < tick.year


def _label(context: Context, slice_: Slice) -> None:
    release = f" · {slice_.release}" if slice_.release else ""
    context["slice"] = f"{slice_.slice}{release}"  # type: ignore[index]


def land(planned: Json, context: Context) -> Json:
    """Fetch one slice into the lake."""
    slice_ = Slice.model_validate(planned)
    _label(context, slice_)
    url = warehouse_url()
    with pipeline.attempt(url, _run_id(context), slice_.source, "land", slice_.slice):
        source = _source(slice_.source)
        landed = pipeline.land(_asked_for(slice_, source), source, run_id=_run_id(context), url=url)
    log.info("%s: %s pages, not modified: %s", slice_.slice, len(landed.pages), landed.not_modified)
    return landed.model_dump(mode="json")


def read(landed: Json, context: Context) -> Json:
    """Read and harmonise one landed slice."""
    there = Landed.model_validate(landed)
    _label(context, there.slice)
    folder = folder_of(there.slice.source)
    with pipeline.attempt(warehouse_url(), _run_id(context), there.slice.source, "read", there.slice.slice):
        result = pipeline.read(there, read_source(folder / "source.yaml"), folder)
    log.info(
        "%s: %s observations, %s quarantined, %s explained",
        there.slice.slice,
        result.observations,
        result.quarantined,
        result.explained,
    )
    return asdict(result)


def _listed(reads: Sequence[Json] | Json) -> list[Json]:
    """What the mapped tasks gave; of a single one Airflow hands over the value itself."""
    return [reads] if isinstance(reads, Mapping) else list(reads)


def check(source_id: str, reads: Sequence[Json] | Json, context: Context) -> list[Json]:
    """Judge the slices that were read; what passes goes on to be loaded."""
    reads = _listed(reads)
    with pipeline.attempt(warehouse_url(), _run_id(context), source_id, "check"):
        if not reads:
            raise PermanentError("no slice came through; the failed tasks of `slices` say why. Nothing was loaded")
        report = pipeline.check(
            [pipeline.read_from(r) for r in reads],
            _source(source_id),
            run_id=_run_id(context),
            url=warehouse_url(),
            today=_run_date(context).date(),
        )
    log.info("%s expectations, %s warnings", len(report.judgements), len(report.warned))
    for judgement in report.warned:
        log.warning("%s %s %s: %s", judgement.suite, judgement.rule, judgement.column, "; ".join(judgement.failing[:3]))
    return list(reads)


def load(source_id: str, checked: Sequence[Json], accepted: Any, context: Context) -> Json:
    """Load what was checked. Skips, and tells nobody, where nothing changed and nothing waits to be published."""
    from airflow.sdk.exceptions import AirflowSkipException

    url = warehouse_url()
    if context["params"].get("dry_run"):
        raise AirflowSkipException("dry run: checked, not loaded")
    with pipeline.attempt(url, _run_id(context), source_id, "load"):
        counts = pipeline.load(
            [pipeline.read_from(r) for r in checked], _source(source_id), run_id=_run_id(context), url=url
        )
        log.info("%s", counts)
        if counts.outcome == "unchanged" and source_id not in publishing.waiting(url):
            raise AirflowSkipException(f"SKIP: nothing changed since vintage {counts.vintage_id}")
    facts = asdict(counts)
    context["outlet_events"][accepted].extra = facts
    return facts


def complete(source_id: str, planned: Sequence[Json] | None, reads: Sequence[Json] | Json) -> None:
    """Fail where a planned slice did not come through, so that the run is red although the others were loaded."""
    there = {r["slice"] for r in _listed(reads)}
    missing = [p["slice"] for p in planned or () if p["slice"] not in there]
    if missing:
        message = (
            f"{source_id}: {len(missing)} of {len(planned or ())} slices did not come through: {', '.join(missing)}"
        )
        log.error("%s", message)
        raise PermanentError(message)


def check_waiting(context: Context) -> Json:
    """Judge the warehouse for each source that waits to be published: who passed, and who failed why."""
    url = warehouse_url()
    passed: list[str] = []
    failed: dict[str, str] = {}
    for source_id in publishing.waiting(url):
        try:
            with pipeline.attempt(url, _run_id(context), source_id, "check_warehouse"):
                pipeline.check_warehouse(source_id, run_id=_run_id(context), url=url, today=_run_date(context).date())
            passed.append(source_id)
        except ValidationFailedError as error:
            failed[source_id] = str(error)
    return {"passed": passed, "failed": failed}


def publish(checked: Json, context: Context) -> Json:
    """Publish the sources that passed; then fail if one did not, so that it is seen."""
    url = warehouse_url()
    with pipeline.attempt(url, _run_id(context), "*", "publish"):
        publication = publishing.publish(url, run_id=_run_id(context), only=checked["passed"])
        log.info("%s", publication)
        if checked["failed"]:
            raise ValidationFailedError(
                "; ".join(
                    f"{source} stays at its published vintage: {why}" for source, why in checked["failed"].items()
                )
            )
    return asdict(publication)
