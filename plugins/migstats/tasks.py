"""What the tasks of the DAGs call: the run's context in, plain JSON (paths, hashes, counts) out."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from migstats import landing, ledger, metrics, pipeline, settings
from migstats import publish as publishing
from migstats.candidate import generations_of
from migstats.errors import ConfigurationError, PermanentError, RefusedError, SupersededError, ValidationFailedError
from migstats.landing import Landed
from migstats.ledger import Run, Tally, attempt, close_lost
from migstats.pipeline import Checked
from migstats.question import Scope
from migstats.reading import Read
from migstats.redaction import redact
from migstats.source import Slice, Source, folder_of, read_source
from migstats.source import plan as plan_slices
from migstats.uploads import submission

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


def _run(context: Context) -> Run:
    run = context["dag_run"]
    return Run(
        run_id=run_of(context),
        dag=context["dag"].dag_id,
        kind=str(getattr(run.run_type, "value", run.run_type)),
        code_version=pipeline.code_version(),
        logical_date=run.logical_date,
        parameters=dict(context["params"]),
    )


@contextmanager
def attempt_of(context: Context, source_id: str, step: str, slice_id: str | None = None) -> Iterator[Tally]:
    """The attempt of a task at a step of the pipeline, kept in the warehouse and measured."""
    number = int(getattr(context.get("ti"), "try_number", None) or 1)
    run, url = _run(context), warehouse_url()
    with metrics.step(source_id, step), attempt(url, run, source_id, step, slice_id, number=number) as tally:
        yield tally


def _run_date(context: Context) -> dt.datetime:
    """The date of the run, as an argument: when it was meant to run, not what the clock says now."""
    run = context["dag_run"]
    return run.run_after or run.logical_date  # type: ignore[no-any-return]


def plan(source_id: str, context: Context) -> list[Json]:
    """The slices of this run: those of the form, or of the year of a backfilled run, or all.

    Skips a backfilled run that has none of its own.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    source = _source(source_id)
    with attempt_of(context, source_id, "plan") as tally:
        why_none = _why_none(source, context, tally.attempt_id)
        planned = [] if why_none else _wanted(source, context)
        tally.status = "skip" if why_none else "done"
        tally.add(message=why_none or f"{len(planned)} slices")
    if why_none:
        raise AirflowSkipException(why_none)
    # What one task tells another is seen in the UI and kept in Airflow's database: no key or token of a URL goes there.
    return [{**slice_.model_dump(mode="json", exclude={"parts"}), "url": redact(slice_.url)} for slice_ in planned]


def _why_none(source: Source, context: Context, attempt_id: int | None) -> str | None:
    """Why a run of a backfill has no slices; None where it has.

    The slices of a year belong to one run of a backfill, whatever range it covers: to the first that asks for them.
    """
    run = context["dag_run"]
    if run.run_type != "backfill":
        return None
    if all(dataset.dated_by is None for dataset in source.datasets):
        return f"the slices of {source.id} are not dated: there is nothing to backfill"
    taken = ledger.year_taken(warehouse_url(), attempt_id) if attempt_id is not None else None
    if taken is None:
        return None
    return f"the slices of {run.logical_date.year} came with {taken} of the same backfill"


def _wanted(source: Source, context: Context) -> list[Slice]:
    run, params = context["dag_run"], context["params"]
    years: Sequence[int] = params.get("years") or ()
    today = _run_date(context).date()
    if run.run_type == "backfill":
        year = run.logical_date.year
        years, today = [year], dt.date(year + 10, 1, 1)  # the year is asked for by name, not as one that has closed
    datasets, slices = params.get("datasets") or (), params.get("slices") or ()
    if not params.get("replay"):
        release = params.get("release")
        return plan_slices(source, today=today, release=release, datasets=datasets, years=years, slices=slices)
    wanted = [
        one.slice
        for one in landing.landed_slices(source, url=warehouse_url())
        if (not datasets or one.slice.dataset in datasets)
        and (not years or one.slice.year in years)
        and (not slices or one.slice.slice in slices)
    ]
    if not wanted:
        raise PermanentError(f"nothing of {source.id} landed that could be read again; run it without `replay`")
    return wanted


def _asked_for(slice_: Slice, source: Source) -> Slice:
    """The slice with the URL that is declared for it, of which the plan holds only what all may see."""
    end_of_runs = dt.date(2100, 12, 31)  # whichever years were open when it was planned
    [again] = plan_slices(source, today=end_of_runs, release=slice_.release or None, slices=[slice_.slice])
    return again


def _label(context: Context, slice_: Slice) -> None:
    release = f" · {slice_.release}" if slice_.release else ""
    context["slice"] = f"{slice_.slice}{release}"  # type: ignore[index]


def land(planned: Json, context: Context) -> Json:
    """Fetch one slice into the lake."""
    slice_ = Slice.model_validate(planned)
    _label(context, slice_)
    url = warehouse_url()
    with attempt_of(context, slice_.source, "land", slice_.slice) as tally:
        source = _source(slice_.source)
        if context["params"].get("replay"):
            there = landing.landed_slices(source, url=url)
            key = (slice_.slice, slice_.release)
            tally.status = "skip"
            return next(one for one in there if (one.slice.slice, one.slice.release) == key).model_dump(mode="json")
        landed = landing.land(_asked_for(slice_, source), source, run_id=run_of(context), url=url)
        tally.status = "skip" if landed.not_modified else "done"
        tally.add(snapshots=len(landed.pages), bytes=sum(page.bytes for page in landed.pages))
    log.info("%s: %s pages, not modified: %s", slice_.slice, len(landed.pages), landed.not_modified)
    return landed.model_dump(mode="json")


def read(landed: Json, context: Context) -> list[Json]:
    """Read and harmonise one landed slice, after those of its landings that still wait to be loaded."""
    there = Landed.model_validate(landed)
    _label(context, there.slice)
    folder, url = folder_of(there.slice.source), warehouse_url()
    source = read_source(folder / "source.yaml")
    results: list[Read] = []
    with attempt_of(context, source.id, "read", there.slice.slice) as tally:
        results += pipeline.standing(there, source, folder, url=url)
        for waiting in landing.waiting(there, url=url):
            try:
                results.append(pipeline.read(waiting, source, folder))
            except PermanentError as error:
                if waiting == there:
                    raise
                log.warning("the landing of %s stays unread: %s", waiting.landed_at, error)
        last = results[-1]
        tally.add(**pipeline.counts_of(last, there))
    log.info(
        "%s: %s observations, %s quarantined, %s explained; landings: %s",
        there.slice.slice,
        results[-1].observations,
        results[-1].quarantined,
        results[-1].explained,
        len(results),
    )
    return [asdict(result) for result in results]


Reads = Sequence[Sequence[Json]] | Sequence[Json]  # None where `plan` failed


def _flat(reads: Reads | None) -> list[Json]:
    """What the mapped tasks gave, of all slices; of a single one Airflow hands over the value itself.

    PermanentError where there were none, since `plan` failed.
    """
    if reads is None:
        raise PermanentError("no slice was planned: see the log of `plan`, mend what it says, then clear it")
    return [one for each in reads for one in ([each] if isinstance(each, Mapping) else each)]


def _listed(reads: Reads) -> list[Read]:
    return [pipeline.read_from(one) for one in _flat(reads)]


def check(source_id: str, reads: Reads, context: Context) -> list[Json]:
    """Judge the slices that were read; what passes goes on to the gate.

    Of landings that waited, those that do not pass stay where they are: the newest one is what a run is about.
    """
    url, run_id = warehouse_url(), run_of(context)
    with attempt_of(context, source_id, "check") as tally:
        generations = generations_of(_listed(reads))
        if not generations:
            raise PermanentError("no slice came through; the failed tasks of `slices` say why. Nothing was loaded")
        passed: list[Read] = []
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
        tally.add(message=f"{len(report.judgements)} expectations, {len(report.warned)} warnings")
    log.info("%s expectations, %s warnings", len(report.judgements), len(report.warned))
    for judgement in report.warned:
        log.warning("%s %s %s: %s", judgement.suite, judgement.rule, judgement.column, "; ".join(judgement.failing[:3]))
    return [asdict(read) for read in passed]


def gate(source_id: str, checked: Sequence[Json], context: Context) -> Json:
    """Compare what was checked with what was accepted last, and say whether a person has to decide."""
    from airflow.sdk.exceptions import AirflowSkipException

    url, run_id, reads = warehouse_url(), run_of(context), _listed(checked)
    try:
        with attempt_of(context, source_id, "gate") as tally:
            judged = pipeline.gate(reads, _source(source_id), folder_of(source_id), run_id=run_id, url=url)
            tally.add(message=f"{judged.breaches} breaches, {judged.notices} notices")
    except SupersededError as error:
        raise AirflowSkipException(f"SKIP: {error}") from error
    log.info("candidate %s: %s breaches, %s notices", judged.candidate_id, judged.breaches, judged.notices)
    return {**asdict(judged), "waits": judged.waits, **asdict(Scope.of(reads))}


def load(source_id: str, checked: Sequence[Json] | None, judged: Json | None, accepted: Any, context: Context) -> Json:
    """Load what passed the gate, and tell publish by the asset `accepted`."""
    facts = loaded(source_id, checked, judged, context)
    skip_unchanged(source_id, facts)
    context["outlet_events"][accepted].extra = facts
    return facts


def loaded(source_id: str, checked: Sequence[Json] | None, judged: Json | None, context: Context) -> Json:
    """Load what passed the gate (which `judged` it, or was skipped); what it came to.

    Skips where a person rejected it, and where something newer took its place.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    url, run_id = warehouse_url(), run_of(context)
    if checked is None:
        raise AirflowSkipException("nothing was checked")
    if context["params"].get("dry_run"):
        raise AirflowSkipException("dry run: checked, not loaded")
    try:
        with attempt_of(context, source_id, "load") as tally:
            folder = folder_of(source_id)
            counts = pipeline.load(
                _listed(checked),
                _source(source_id),
                folder,
                run_id=run_id,
                url=url,
                attempt_id=tally.attempt_id,
                gated=judged["candidate_id"] if judged else None,
            )
            log.info("%s", counts)
            metrics.loaded(source_id, counts)
    except RefusedError as error:
        raise AirflowSkipException(f"SKIP: {error}") from error
    return asdict(counts)


def skip_unchanged(source_id: str, facts: Json) -> None:
    """Skip, so that nobody is told, where nothing changed and nothing waits to be published."""
    from airflow.sdk.exceptions import AirflowSkipException

    if facts["outcome"] == "unchanged" and source_id not in publishing.waiting(warehouse_url()):
        raise AirflowSkipException(f"SKIP: nothing changed since vintage {facts['vintage_id']}")


def complete(source_id: str, planned: Sequence[Json] | None, reads: Reads) -> None:
    """Fail where a planned slice did not come through, or a code is in quarantine that nobody has mapped, so that the
    run is red although everything else was loaded.
    """
    newest = {read["slice"]: read for read in _flat(reads)}
    there = set(newest)
    missing = [p["slice"] for p in planned or () if p["slice"] not in there]
    if missing:
        message = (
            f"{source_id}: {len(missing)} of {len(planned or ())} slices did not come through: {', '.join(missing)}"
        )
        log.error("%s", message)
        raise PermanentError(message)
    unknown = pipeline.unknown_codes(pipeline.read_from(read) for read in newest.values())
    if unknown:
        message = (
            f"{source_id}: {len(unknown)} code(s) that nobody has mapped; all else was loaded. "
            + "; ".join(f"{code.slice}: {code} at {code.place}" for code in unknown[:10])
            + ("; ..." if len(unknown) > 10 else "")
            + ". Say in codes.csv what they mean (or that nobody can know it: `unknown`), then run again with `replay`"
        )
        log.error("%s", message)
        raise PermanentError(message)


def check_waiting(context: Context) -> Json:
    """Judge the warehouse for each source that waits to be published: who passed, and who failed why."""
    at = partial(attempt_of, context)
    today = _run_date(context).date()
    return asdict(pipeline.check_waiting(at, run_id=run_of(context), url=warehouse_url(), today=today))


def publish(checked: Json, context: Context) -> Json:
    """Publish the sources that passed; then fail if one did not, so that it is seen."""
    judged = Checked(**checked)
    with attempt_of(context, "*", "publish") as tally:
        publication = pipeline.publish(judged, run_id=run_of(context), url=warehouse_url(), attempt_id=tally.attempt_id)
        log.info("%s", publication)
        for there in submission.published(warehouse_url()):
            log.info("upload %s is %s", there.upload_id, there.state)
        judged.demand()
    return asdict(publication)


def export(published: Json | None, context: Context) -> Json:
    """Write what is published to the folder of exports; skips where it holds that already, or nothing is exported.

    Fails where `publish` failed (then there is nothing in `published`), so that its run is red.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from migstats.exports import bundle

    folder, formats = settings.exports(), settings.export_formats()
    done = None
    if formats:
        wanted = bundle.Wanted(formats=formats, base=settings.export_address())
        with attempt_of(context, "*", "export") as tally:
            done = bundle.export(warehouse_url(), folder, wanted, only_new=True)
            tally.status = "done" if done else "skip"
            tally.add(message=f"{done.figures} figures, {done.files} files" if done else "nothing new was published")
    if published is None:
        raise PermanentError("`publish` failed: see its log. What was published all the same is exported")
    if done is None:
        why = (
            f"{folder} holds what is published" if formats else "MIGSTATS_EXPORT_FORMATS says that nothing is exported"
        )
        raise AirflowSkipException(f"SKIP: {why}")
    log.info("%s", done)
    return {**asdict(done), "folder": str(done.folder)}


def profiles(context: Context) -> list[str]:
    """Write the pages of countries (those of the programme, those there are) beside the Data Docs, after news.

    It goes by what is published, not by what the task before says: one that failed for one source, or was killed, has
    published others, and taken back what may not be shown.
    """
    from airflow.sdk.exceptions import AirflowSkipException

    from migstats import profile
    from migstats.datadocs import write

    shown = settings.data_docs() / "profiles" / profile.SHOWN
    published = profile.published_at(warehouse_url())
    if published is None or (shown.is_file() and shown.read_text("utf-8") == published):
        raise AirflowSkipException("SKIP: nothing new was published")
    with attempt_of(context, "*", "profiles") as tally:
        pages = profile.write_profiles(
            warehouse_url(), profile.programme(warehouse_url()), settings.data_docs(), now=_run_date(context)
        )
        write(shown, published)
        tally.add(message=f"{len(pages)} pages")
    return [str(page) for page in pages]


# -- keeping house ----------------------------------------------------------------------------------------------


def look(context: Context) -> list[str]:
    """Judge all sources, raise and clear alerts; the answer names the notifiers that tell them."""
    from migstats import alerts, notify

    with attempt_of(context, "*", "freshness"):
        found = alerts.look(warehouse_url(), now=dt.datetime.now(dt.UTC))
    for source_id, fresh in found.freshness.items():
        log.info("%s is %s: %s", source_id, fresh.state, fresh.text)
    log.info("raised: %s; cleared: %s", found.raised or "nothing", found.cleared or "nothing")
    return list(notify.notifiers())


def tell(notifier: str, context: Context) -> int:
    """Let one notifier tell what it has not told yet; how many alerts that were."""
    from migstats import alerts, notify

    context["notifier"] = notifier.rpartition(".")[2]  # type: ignore[index]  # names the mapped task
    with attempt_of(context, "*", "tell", notifier) as tally:
        told = alerts.tell(warehouse_url(), notifier, notify.teller(notifier, context), now=dt.datetime.now(dt.UTC))
        tally.add(message=f"{len(told)} alerts")
    log.info("told: %s", ", ".join(alert.title for alert in told) or "nothing new")
    return len(told)


def verify(context: Context) -> Json:
    """Hold those snapshots against their hashes that waited longest for it. Fails while one is damaged or missing."""
    from migstats import house

    with attempt_of(context, "*", "verify") as tally:
        now = dt.datetime.now(dt.UTC)
        done = house.verify(warehouse_url(), most=settings.verified_per_run(), run_id=run_of(context), now=now)
        log.info("%s snapshots, %s bytes, not whole: %s", done.snapshots, done.bytes, len(done.wrong))
        tally.add(snapshots=done.snapshots, bytes=done.bytes)
        if done.wrong:
            raise PermanentError("\n".join(done.wrong.values()))
    return asdict(done)


def tidy(context: Context) -> Json:
    """Remove what nobody needs any more: tables between steps, leftovers, logs of tasks, pages, lineage events.

    Attempts that were killed, and that no later one missed, get their outcome too.
    """
    from airflow.sdk.configuration import conf

    from migstats import events, house

    logs = Path(conf.get("logging", "base_log_folder"))
    files = events.appended_files(conf.get("openlineage", "transport", fallback=""))
    with attempt_of(context, "*", "tidy"):
        done = house.tidy(warehouse_url(), house.kept(), now=dt.datetime.now(dt.UTC), logs=logs, events=files)
        log.info("%s; attempts that were killed: %s", done, close_lost(warehouse_url()))
    return asdict(done)
