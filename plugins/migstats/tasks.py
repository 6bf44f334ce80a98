"""What the tasks of the DAGs call: the run's context in, plain JSON (paths, hashes, counts) out."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from migstats import pipeline, vintage
from migstats import publish as publishing
from migstats.candidate import generations_of
from migstats.errors import ConfigurationError, PermanentError, RefusedError, SupersededError, ValidationFailedError
from migstats.pipeline import Landed
from migstats.question import Scope
from migstats.redaction import redact
from migstats.source import Slice, Source, folder_of, read_source
from migstats.source import plan as plan_slices

log = logging.getLogger("migstats")

Context = Mapping[str, Any]
Json = dict[str, Any]


def warehouse_url() -> str:
    """The warehouse of Airflow's connection `warehouse`. ConfigurationError where the connection is not there."""
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        connection = Connection.get("warehouse")
    except AirflowNotFoundException as error:
        raise ConfigurationError(
            "the Airflow connection `warehouse` is not there; add it (Admin > Connections, type Postgres) or set "
            "AIRFLOW_CONN_WAREHOUSE=postgresql://user:password@host:port/warehouse"
        ) from error
    return str(connection.get_uri()).replace("postgres://", "postgresql://", 1)


def _source(source_id: str) -> Source:
    return read_source(folder_of(source_id) / "source.yaml")


def run_of(context: Context) -> str:
    """The run as the ledgers name it: the DAG and Airflow's own id."""
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
    if params.get("replay"):
        there = [one.slice for one in pipeline.landed_slices(source, url=warehouse_url())]
        wanted = [one for one in there if not params.get("slices") or one.slice in params["slices"]]
        if not wanted:
            raise PermanentError(f"nothing of {source_id} landed that could be read again; run it without `replay`")
        return [one.model_dump(mode="json") for one in wanted]
    with pipeline.attempt(None, run_of(context), source_id, "plan"):
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
    with pipeline.attempt(url, run_of(context), slice_.source, "land", slice_.slice):
        source = _source(slice_.source)
        if context["params"].get("replay"):
            there = pipeline.landed_slices(source, url=url)
            key = (slice_.slice, slice_.release)
            return next(one for one in there if (one.slice.slice, one.slice.release) == key).model_dump(mode="json")
        landed = pipeline.land(_asked_for(slice_, source), source, run_id=run_of(context), url=url)
    log.info("%s: %s pages, not modified: %s", slice_.slice, len(landed.pages), landed.not_modified)
    return landed.model_dump(mode="json")


def read(landed: Json, context: Context) -> list[Json]:
    """Read and harmonise one landed slice, after those of its landings that still wait to be loaded."""
    there = Landed.model_validate(landed)
    _label(context, there.slice)
    folder, url = folder_of(there.slice.source), warehouse_url()
    source = read_source(folder / "source.yaml")
    results: list[vintage.Read] = []
    with pipeline.attempt(url, run_of(context), source.id, "read", there.slice.slice):
        for waiting in pipeline.waiting(there, url=url):
            try:
                results.append(pipeline.read(waiting, source, folder))
            except PermanentError as error:
                if waiting == there:
                    raise
                log.warning("the landing of %s stays unread: %s", waiting.landed_at, error)
    log.info(
        "%s: %s observations, %s quarantined, %s explained; landings: %s",
        there.slice.slice,
        results[-1].observations,
        results[-1].quarantined,
        results[-1].explained,
        len(results),
    )
    return [asdict(result) for result in results]


Reads = Sequence[Sequence[Json]] | Sequence[Json]


def _flat(reads: Reads) -> list[Json]:
    """What the mapped tasks gave, of all slices; of a single one Airflow hands over the value itself."""
    return [one for each in reads for one in ([each] if isinstance(each, Mapping) else each)]


def _listed(reads: Reads) -> list[vintage.Read]:
    return [pipeline.read_from(one) for one in _flat(reads)]


def check(source_id: str, reads: Reads, context: Context) -> list[Json]:
    """Judge the slices that were read; what passes goes on to the gate.

    Of landings that waited, those that do not pass stay where they are: the newest one is what a run is about.
    """
    url, run_id = warehouse_url(), run_of(context)
    with pipeline.attempt(url, run_id, source_id, "check"):
        generations = generations_of(_listed(reads))
        if not generations:
            raise PermanentError("no slice came through; the failed tasks of `slices` say why. Nothing was loaded")
        passed: list[vintage.Read] = []
        for generation in generations:
            try:
                report = pipeline.check(
                    generation, _source(source_id), run_id=run_id, url=url, today=_run_date(context).date()
                )
            except ValidationFailedError as error:
                if generation is generations[-1]:
                    raise
                log.warning("a state that landed before stays unloaded: %s", error)
                continue
            passed += generation
    log.info("%s expectations, %s warnings", len(report.judgements), len(report.warned))
    for judgement in report.warned:
        log.warning("%s %s %s: %s", judgement.suite, judgement.rule, judgement.column, "; ".join(judgement.failing[:3]))
    return [asdict(read) for read in passed]


def gate(source_id: str, checked: Sequence[Json], context: Context) -> Json:
    """Compare what was checked with what was accepted last, and say whether a person has to decide."""
    from airflow.sdk.exceptions import AirflowSkipException

    url, run_id, reads = warehouse_url(), run_of(context), _listed(checked)
    try:
        with pipeline.attempt(url, run_id, source_id, "gate"):
            judged = pipeline.gate(reads, _source(source_id), folder_of(source_id), run_id=run_id, url=url)
    except SupersededError as error:
        raise AirflowSkipException(f"SKIP: {error}") from error
    log.info("candidate %s: %s breaches, %s notices", judged.candidate_id, judged.breaches, judged.notices)
    return {**asdict(judged), "waits": judged.waits, **asdict(Scope.of(reads))}


def load(source_id: str, checked: Sequence[Json] | None, judged: Json | None, accepted: Any, context: Context) -> Json:
    """Load what passed the gate (which `judged` it, or was skipped).

    Skips, and tells nobody, where nothing changed and nothing waits to be published, where a person rejected it, and
    where something newer took its place.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    url, run_id = warehouse_url(), run_of(context)
    if checked is None:
        raise AirflowSkipException("nothing was checked")
    if context["params"].get("dry_run"):
        raise AirflowSkipException("dry run: checked, not loaded")
    try:
        with pipeline.attempt(url, run_id, source_id, "load"):
            folder = folder_of(source_id)
            gated = judged["candidate_id"] if judged else None
            counts = pipeline.load(_listed(checked), _source(source_id), folder, run_id=run_id, url=url, gated=gated)
            log.info("%s", counts)
    except RefusedError as error:
        raise AirflowSkipException(f"SKIP: {error}") from error
    if counts.outcome == "unchanged" and source_id not in publishing.waiting(url):
        raise AirflowSkipException(f"SKIP: nothing changed since vintage {counts.vintage_id}")
    facts = asdict(counts)
    context["outlet_events"][accepted].extra = facts
    return facts


def complete(source_id: str, planned: Sequence[Json] | None, reads: Reads) -> None:
    """Fail where a planned slice did not come through, so that the run is red although the others were loaded."""
    there = {read["slice"] for read in _flat(reads)}
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
            with pipeline.attempt(url, run_of(context), source_id, "check_warehouse"):
                pipeline.check_warehouse(source_id, run_id=run_of(context), url=url, today=_run_date(context).date())
            passed.append(source_id)
        except ValidationFailedError as error:
            failed[source_id] = str(error)
    return {"passed": passed, "failed": failed}


def publish(checked: Json, context: Context) -> Json:
    """Publish the sources that passed; then fail if one did not, so that it is seen."""
    url = warehouse_url()
    with pipeline.attempt(url, run_of(context), "*", "publish"):
        publication = publishing.publish(url, run_id=run_of(context), only=checked["passed"])
        log.info("%s", publication)
        if checked["failed"]:
            raise ValidationFailedError(
                "; ".join(
                    f"{source} stays at its published vintage: {why}" for source, why in checked["failed"].items()
                )
            )
    return asdict(publication)
