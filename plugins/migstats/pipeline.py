"""The way of the data: each function is one step, called by a task of a DAG and by the command line alike."""

from __future__ import annotations

import datetime as dt
import json
import logging
import multiprocessing
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import cache, partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import polars as pl
import pyarrow as pa

from migstats import candidate as candidates
from migstats import frames, lake, ledger, overrides, question, releases, settings, validate, vintage, warehouse
from migstats import publish as publishing
from migstats.candidate import Candidate, generations_of
from migstats.corrections import correct, read_corrections, require_unexpired
from migstats.errors import (
    PermanentError,
    PublisherError,
    RefusedError,
    SupersededError,
    TryAgainError,
    ValidationFailedError,
)
from migstats.faultpoint import reach
from migstats.harmonise import Harmonised, harmonise, last_plausible_year, read_codes
from migstats.landing import Landed, landed_slices
from migstats.readers import TextTable, reader_for
from migstats.reading import Read
from migstats.source import Dataset, Slice, Source, codelist_folders, is_sent, read_source
from migstats.vintage import Counts

log = logging.getLogger("migstats")

#: Begins an attempt at a step of a source in the ledger of a run, and ends it with what came of it.
Attempt = Callable[[str, str], AbstractContextManager[ledger.Tally]]

#: Tables of a slice that was read, one Parquet file each; fields of Harmonised.
TABLES = ("series", "attributes", "quarantine", "explained", "overrides", "labels", "units", "facts")


#: Loads of the same source that may come between the judging and the loading of one before it gives up.
MOST_RACES = 5


def concepts(further: Iterable[Path] = ()) -> tuple[Path, ...]:
    """The folders of codelists: ours, and those of private sources (of MIGSTATS_SOURCES and of `further`)."""
    return codelist_folders(further)


@cache
def code_version() -> str:
    """Version of the package and a hash of its code: what a result was made with."""
    digest = sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return f"{version('migstats')}+{digest.hexdigest()[:12]}"


@cache
def _codelists_digest(lists: tuple[Path, ...]) -> str:
    return lake.facts_sha(_codelist_files(lists))


def _codelist_files(lists: tuple[Path, ...]) -> dict[str, Path]:
    """The files of codelists by the names under which they are kept; those of private sources by their content."""
    ours, *further = lists
    files = {f"codelists/{path.relative_to(ours).as_posix()}": path for path in ours.rglob("*.csv")}
    for folder in further:
        for path in folder.rglob("*.csv"):
            content = sha256(path.read_bytes()).hexdigest()[:16]
            files[f"codelists/further/{content}/{path.relative_to(folder).as_posix()}"] = path
    return files


def standing(landed: Landed, source: Source, folder: Path, *, url: str) -> list[Read]:
    """The reading of what stands of a slice, where facts of ours changed what it says; else none.

    It is loaded before other bytes of the slice: what changes by our codes has that cause, and not the publisher's.
    """
    key = landed.slice.model_dump(include={"source", "slice", "release"})
    with warehouse.connect(url) as connection:
        found = warehouse.rows(
            connection, "load/standing_landing", {**key, "made_with": facts_of_today(source, folder)}
        )
    for row in found:
        before = Landed.model_validate(row["landed"])
        if before.pages != landed.pages:
            try:
                again = read(before, source, folder)
            except PermanentError as error:
                log.warning("what stands cannot be read with the facts of today, and stays as it is: %s", error)
                return []
            if again.content_sha256 != row["content_sha256"]:
                return [again]
    return []


def facts_of_today(source: Source, folder: Path) -> str:
    """Hash of the declaration, codes, corrections and codelists as they are now (`made_with` of a reading)."""
    return lake.facts_sha(_facts(source.id, folder, concepts()))


# -- read and harmonise -----------------------------------------------------------------------------------------


def read(landed: Landed, source: Source, folder: Path, *, lists: tuple[Path, ...] = (), fresh: bool = False) -> Read:
    """Read and harmonise a landed slice into tables of the lake; `folder` holds the source's facts, `lists` codelists.

    The same snapshots, facts and code give the tables that are there already (unless `fresh`). Raises DriftError or
    PublisherError where a payload is not what is declared; rows that cannot become observations go to quarantine.
    """
    dataset = source.dataset(landed.slice.dataset)
    listed = lists or concepts()
    codes = read_codes(folder, listed)
    corrections = read_corrections(folder)
    made_of = _made_of(landed, dataset, codes.digest, folder, listed)
    safe = re.sub(r"[^A-Za-z0-9=._-]+", "_", landed.slice.slice)
    home = settings.lake() / "observations" / source.id / safe / made_of[:32]
    summary = home / "summary.json"
    landed_at = landed.landed_at
    made = None if fresh else _made(summary)
    stands: dict[str, Any] = {
        "released_at": landed.released_at.isoformat(),
        "followed_at": _followed(source, landed.slice),
        "landed_at": landed_at.isoformat(),
    }
    if made is not None:
        return read_from({**made, **stands})
    pages = {page.sha256: lake.read_snapshot(page.sha256) for page in landed.pages}
    retrieved = landed_at.date()
    last_year = last_plausible_year(retrieved)
    tables = {sha: read_page(payload, dataset) for sha, payload in pages.items()}
    check_total(landed.slice.slice, tables)
    harmonised = harmonise(tables, source.id, dataset, codes, concepts=listed, last_year=last_year)
    harmonised = correct(harmonised, corrections, dataset=dataset.id, release=landed.slice.release)
    check_pages_apart(landed.slice.slice, len(landed.pages), harmonised)
    reach("read.harmonised")
    written = {name: lake.write_table(getattr(harmonised, name), home / f"{name}.parquet") for name in TABLES}
    result = Read(
        source=source.id,
        dataset=dataset.id,
        slice=landed.slice.slice,
        release=landed.slice.release,
        snapshots=tuple(tables),
        folder=lake.relative(home),
        facts_sha256=written["facts"],
        content_sha256=harmonised.content_hash,
        codes_sha256=codes.digest,
        made_of=made_of,
        observations=harmonised.facts.num_rows,
        quarantined=int(sum(harmonised.quarantine["cells"].to_pylist())),
        explained=int(sum(harmonised.explained["count"].to_pylist())),
        made_with=lake.store_facts(_facts(source.id, folder, listed)),
        landed=dict(harmonised.landed),
        figures=_per_snapshot(harmonised.facts, None),
        **stands,
    )
    reach("read.tables_written")
    lake.write_text(json.dumps({"read": asdict(result), "tables": written}, sort_keys=True), summary)
    return result


def _followed(source: Source, slice_: Slice) -> str | None:
    """When the edition after that of a slice came out, as far as one with the same dataset is declared."""
    if slice_.released is None:
        return None
    later = [
        release.released
        for release in source.releases
        if release.released > slice_.released and release.urls.get(slice_.dataset, "") is not None
    ]
    return dt.datetime.combine(min(later), dt.time(), dt.UTC).isoformat() if later else None


def _made(summary: Path) -> dict[str, Any] | None:
    """The Read that was made before, if its tables are still what they were."""
    if not summary.is_file():
        return None
    kept = json.loads(summary.read_text(encoding="utf-8"))
    summary.touch()  # what is used again stays: housekeeping goes by the last use
    whole = all(lake.is_whole(summary.with_name(f"{name}.parquet"), sha) for name, sha in kept["tables"].items())
    return dict(kept["read"]) if whole else None


def counts_of(result: Read, landed: Landed) -> dict[str, int]:
    """What reading a landing came to, as the ledger of outcomes counts it."""
    return {
        "snapshots": len(result.snapshots),
        "landed": sum(result.landed.values()),
        "quarantined": result.quarantined,
        "explained": result.explained,
        "bytes": sum(page.bytes for page in landed.pages),
    }


def read_from(facts: Mapping[str, object]) -> Read:
    """A Read from the JSON that travelled between tasks."""
    snapshots = facts["snapshots"]
    assert isinstance(snapshots, list | tuple)
    return Read(**{**facts, "snapshots": tuple(snapshots)})  # type: ignore[arg-type]


def _facts(source_id: str, folder: Path, lists: tuple[Path, ...]) -> dict[str, Path]:
    """The facts that a reading depends on: declaration, codes, corrections, codelists."""
    names = ("source.yaml", "codes.csv", "corrections.csv")
    own = {f"{source_id}/{name}": folder / name for name in names if (folder / name).is_file()}
    return {**own, **_codelist_files(lists)}


def _made_of(landed: Landed, dataset: Dataset, codes: str, folder: Path, lists: tuple[Path, ...]) -> str:
    corrections = folder / "corrections.csv"
    parts = [
        landed.slice.source,
        landed.slice.slice,
        landed.slice.release,
        dataset.model_dump_json(),
        codes,
        sha256(corrections.read_bytes()).hexdigest() if corrections.is_file() else "",
        _codelists_digest(lists),
        code_version(),
        *(page.sha256 for page in landed.pages),
    ]
    return sha256("\x1f".join(parts).encode()).hexdigest()


def read_page(payload: bytes, dataset: Dataset) -> TextTable:
    """One payload as text, by the reader of its dataset. PublisherError where it is as long as an answer can be."""
    table = reader_for(dataset.reader).read(payload, dataset.reader)
    records = table.landed if table.records is None else table.records
    if dataset.most_records is not None and records >= dataset.most_records:
        raise PublisherError(
            f"the answer has {records} records, and {dataset.most_records} were asked for at most (`most_records`): "
            "others may have been left out; declare smaller slices, or pages"
        )
    return table


def check_total(slice_id: str, tables: Mapping[str, TextTable]) -> None:
    """The publisher's own count of rows is what came, or something is missing."""
    totals = {t.envelope.total for t in tables.values()} - {None}
    records = sum(t.landed if t.records is None else t.records for t in tables.values())
    if totals and {records} != totals:
        raise PublisherError(
            f"slice {slice_id}: the publisher counts {sorted(t for t in totals if t is not None)} rows, "
            f"{records} came; a page is missing or repeats another"
        )


def check_pages_apart(slice_id: str, pages: int, harmonised: Harmonised) -> None:
    """Pages that repeat each other's rows mean that others were left out."""
    repeated = harmonised.explained.filter(pa.compute.equal(harmonised.explained["reason"], "identical_duplicate"))
    if pages > 1 and repeated.num_rows:
        raise PublisherError(
            f"slice {slice_id}: pages repeat each other's rows ({repeated['example'][0]}); nothing was loaded"
        )


# -- check ------------------------------------------------------------------------------------------------------


def check(reads: Sequence[Read], source: Source, *, run_id: str, url: str | None, today: dt.date) -> validate.Report:
    """Judge a candidate: what was landed, the canonical observation, and what only this source must obey.

    Results go to ops.validation_result and the Data Docs. ValidationFailedError where a critical expectation failed,
    DeclarationError where a correction expired before `today`.
    """
    for made_with in {read.made_with for read in reads}:
        require_unexpired(read_corrections(lake.facts_path(made_with) / source.id), today)
    parameters = validate.parameters(concepts(), today=today, quarantine_bound=source.quarantine_bound)
    own = settings.expectations() / f"{source.id}.json"
    suites = ["observation", *([source.id] if own.is_file() else [])]
    sums = dict(validate.read_suite(settings.expectations(), source.id).sums) if own.is_file() else {}
    tables = {name: _together(reads, name) for name in ("series", "attributes", "facts")}
    profile = frames.profile(tables["series"], tables["attributes"], tables["facts"], concepts(), sums)
    landed = frames.landed_frame(source.id, _landings(reads), unknown_codes(reads))
    judged = {"landed": landed, **dict.fromkeys(suites, profile)}
    report = validate.judge(judged, settings.expectations(), source.id, parameters)
    reach("check.judged")
    keep_report(report, run_id=run_id, url=url)
    reach("check.kept")
    validate.demand(report)
    return report


def keep_report(report: validate.Report, *, run_id: str, url: str | None) -> None:
    """Keep what was judged: one row per expectation in ops.validation_result, and a page of the Data Docs."""
    from migstats import datadocs

    if url is not None:
        with warehouse.connect(url) as connection:
            warehouse.execute_many(
                connection,
                "load/add_validation_result",
                [{**asdict(j), "run_id": run_id, "failing": "\n".join(j.failing)} for j in report.judgements],
            )
    datadocs.render(report, run_id=run_id, target=settings.data_docs())


def _together(reads: Sequence[Read], name: str) -> pa.Table:
    tables = [lake.read_table(lake.absolute(read.folder) / f"{name}.parquet") for read in reads]
    table = pa.concat_tables(tables, promote_options="default").unify_dictionaries()
    if name == "facts":
        return table
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame.unique(subset=[table.column_names[0]], keep="first", maintain_order=True).to_arrow()


def _landings(reads: Iterable[Read]) -> Iterator[frames.Landing]:
    for read in reads:
        folder = lake.absolute(read.folder)
        held = _per_snapshot(lake.read_table(folder / "quarantine.parquet"), "cells")
        explained = lake.read_table(folder / "explained.parquet")
        told = _per_snapshot(explained, "count")
        merged = _per_snapshot(explained.filter(pa.compute.equal(explained["reason"], "aggregated")), "count")
        for number, sha in enumerate(read.snapshots, start=1):
            yield frames.Landing(
                dataset=read.dataset,
                slice=read.slice,
                snapshot=sha,
                bytes=lake.snapshot_path(sha).stat().st_size,
                page=number,
                pages=len(read.snapshots),
                landed=read.landed[sha],
                observations=read.figures.get(sha, 0),
                quarantined=held.get(sha, 0),
                explained=told.get(sha, 0),
                aggregated=merged.get(sha, 0),
            )


def unknown_codes(reads: Iterable[Read]) -> list[frames.UnknownCode]:
    """The codes of what was read that nobody has mapped, those that keep most figures in quarantine first."""
    found = []
    for read in reads:
        quarantine = pl.from_arrow(lake.read_table(lake.absolute(read.folder) / "quarantine.parquet"))
        assert isinstance(quarantine, pl.DataFrame)
        texts = quarantine.filter(pl.col("reason") == "unknown_code").select(
            pl.col("column", "code", "place", "suggestion").cast(pl.String).fill_null("")
        )
        counted = texts.group_by("column", "code", maintain_order=True).agg(
            pl.len().alias("rows"), pl.col("place", "suggestion").first()
        )
        found += [frames.UnknownCode(slice=read.slice, **row) for row in counted.iter_rows(named=True)]
    return sorted(found, key=lambda code: -code.rows)


def _per_snapshot(table: pa.Table, column: str | None) -> dict[str, int]:
    frame = pl.from_arrow(table.select(["snapshot"] if column is None else ["snapshot", column]))
    assert isinstance(frame, pl.DataFrame)
    counted = pl.len() if column is None else pl.col(column).sum()
    return {str(sha): int(n) for sha, n in frame.group_by(pl.col("snapshot").cast(pl.String)).agg(counted).iter_rows()}


# -- load and publish -------------------------------------------------------------------------------------------


def gate(reads: Sequence[Read], source: Source, folder: Path, *, run_id: str, url: str) -> Candidate:
    """Compare a checked candidate with what was accepted; the answer says whether a person has to decide."""
    generations = candidates.still_to_load(url, generations_of(reads))
    return candidates.judge(url, source.id, folder, generations, concepts=concepts(), run_id=run_id)


def load(
    reads: Sequence[Read],
    source: Source,
    folder: Path,
    *,
    run_id: str,
    url: str,
    attempt_id: int | None = None,
    gated: str | None = None,
) -> Counts:
    """Load a checked candidate that passed the gate: accepted as a vintage where something changed, else a no-op.

    It is judged again, since another run may have moved what stands: `gated` is the candidate that the gate of this run
    let through. RefusedError where somebody rejected it: then what it was made of does not wait any more.
    SupersededError where something newer stands or is asked about, or where another run asks about it. PermanentError
    where it breaches, nobody approved it, and a person has to do something about it.
    """
    versions = {"run_id": run_id, "code_version": code_version()}
    for _ in range(MOST_RACES):
        generations = candidates.still_to_load(url, generations_of(reads))
        _require_fresh([read for each in generations for read in each], facts_of_today(source, folder), url)
        judged = candidates.judge(url, source.id, folder, generations, concepts=concepts(), run_id=run_id)
        if judged.verdict == "rejected":
            candidates.refuse(url, source.id, generations)
            raise RefusedError(f"candidate {judged.candidate_id} was rejected; what was accepted before stands")
        if judged.waits:
            _require_answer(judged, reads, source, run_id=run_id, url=url, gated=gated)
        try:
            counts = candidates.accept(url, source.id, generations, judged, **versions, attempt_id=attempt_id)
        except SupersededError as error:
            superseded = error  # another load came between: judge against what that one left
        else:
            _warn(reads, source, folder, url)
            return counts
    raise superseded


def _warn(reads: Sequence[Read], source: Source, folder: Path, url: str) -> None:
    """Say what of our facts did nothing to this load: corrections that no figure carries, dates that moved nothing."""
    loaded = {read.release for read in reads}
    with warehouse.connect(url) as connection:
        for record in overrides.idle(connection, source, folder):
            what = f"correction {record.id} of {source.id} changes nothing ({record.figure})"
            log.warning("%s: %s", what, overrides.REMEDY)
        for moved in releases.moved(connection, source):
            if moved.release in loaded:
                log.warning("%s: %s", moved.place, moved.remedy)


def _require_answer(
    judged: Candidate, reads: Sequence[Read], source: Source, *, run_id: str, url: str, gated: str | None
) -> NoReturn:
    """Say why a candidate that breaches is not loaded, and who is asked about it; where nobody is, ask here."""
    if gated is not None and gated != judged.candidate_id:
        raise PermanentError(
            f"candidate {gated} is superseded: vintage {judged.base_vintage} was accepted since `gate` judged it, and "
            "compared with that one it breaches; clear `gate`, so that a person is asked"
        )
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=source.decision_days)
    scope = question.Scope.of(reads)
    standing = question.ask(url, judged.candidate_id, scope, run_id=run_id, until=until, alive_until=None)
    if standing.state in ("superseded", "elsewhere"):
        raise SupersededError(f"{standing.message}; nothing was loaded")
    raise PermanentError(
        f"candidate {judged.candidate_id} breached the gate and was not approved; nothing was loaded. Decide with "
        f"`migstats decide {judged.candidate_id} --approve` or `--reject`, then load again"
    )


def _require_fresh(reads: Sequence[Read], made_with: str, url: str) -> None:
    """PermanentError where facts of ours changed between reading and load, and the reading would change something."""
    stale = [read for read in reads if read.made_with != made_with]
    if not stale:
        return
    with warehouse.connect(url) as connection:
        if vintage.differs(connection, stale):
            raise PermanentError(
                f"slice {stale[0].slice} was read with a declaration, codes or corrections that changed since; nothing "
                "was loaded: clear `read`, so that it is read with those of today"
            )


def check_warehouse(source_id: str, *, run_id: str, url: str, today: dt.date) -> validate.Report:
    """Judge what stands in the warehouse for one source after its load. ValidationFailedError as in `check`."""
    with warehouse.connect(url) as connection:
        found = [
            (row["measure"], float(row["value"]), row["place"])
            for row in warehouse.rows(connection, "load/measures", {"source": source_id})
        ]
    judged = {"warehouse": frames.warehouse_frame(found)}
    least = 0 if is_sent(source_id) else 1  # a country may take back all that it sent
    parameters = validate.parameters(concepts(), today=today, quarantine_bound=1, least_facts=least)
    report = validate.judge(judged, settings.expectations(), source_id, parameters)
    keep_report(report, run_id=run_id, url=url)
    validate.demand(report)
    return report


@dataclass(frozen=True)
class Checked:
    """The sources that wait to be published: those that passed, and why each of the others failed."""

    passed: Sequence[str]
    failed: Mapping[str, str]

    def demand(self) -> None:
        """ValidationFailedError where a source failed."""
        if self.failed:
            raise ValidationFailedError(
                "; ".join(f"{source} stays at its published vintage: {why}" for source, why in self.failed.items())
            )


def check_waiting(attempt: Attempt, *, run_id: str, url: str, today: dt.date) -> Checked:
    """Judge the warehouse for each source that waits to be published; one that fails holds up no other."""
    passed: list[str] = []
    failed: dict[str, str] = {}
    for source_id in publishing.waiting(url):
        try:
            with attempt(source_id, "check_warehouse"):
                check_warehouse(source_id, run_id=run_id, url=url, today=today)
            passed.append(source_id)
        except ValidationFailedError as error:
            failed[source_id] = str(error)
    return Checked(passed, failed)


def publish(checked: Checked, *, run_id: str, url: str, attempt_id: int | None) -> publishing.Publication:
    """Publish the sources that passed. Where one did not, the attempt has that as its outcome (`Checked.demand`)."""
    of_the_attempt = None if checked.failed else attempt_id
    return publishing.publish(url, run_id=run_id, only=checked.passed, attempt_id=of_the_attempt)


# -- again, from the snapshots ----------------------------------------------------------------------------------


def replay(source: Source, folder: Path, *, run_id: str, url: str, today: dt.date) -> Counts:
    """Read the last landing of every slice and release again with the facts of today, check, gate, load; no download.

    What a new line of codes.csv maps leaves quarantine with a vintage whose cause is `crosswalk`. The ledger keeps its
    steps as it keeps those of a DAG. PermanentError where nothing ever landed, or as `check` and `load` raise it.
    """
    there = landed_slices(source, url=url)
    if not there:
        raise PermanentError(f"nothing of {source.id} ever landed; run its DAG first")
    run = ledger.Run(run_id, "migstats replay", "command", code_version(), parameters={"source": source.id})
    attempt = partial(ledger.attempt, url, run, source.id, logged=False)
    reads = []
    for landed in there:
        with attempt("read", landed.slice.slice) as tally:
            reads.append(read(landed, source, folder))
            tally.add(**counts_of(reads[-1], landed))
    with attempt("check") as tally:
        reports = [check(each, source, run_id=run_id, url=url, today=today) for each in generations_of(reads)]
        judged, warned = (sum(len(getattr(r, name)) for r in reports) for name in ("judgements", "warned"))
        tally.add(message=f"{judged} expectations, {warned} warnings")
    with attempt("load") as tally:
        return load(reads, source, folder, run_id=run_id, url=url, attempt_id=tally.attempt_id)


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild came to: loads and facts that were made again, and loads that other code made otherwise."""

    loads: int
    vintages: int
    figures: int
    seconds: float
    differences: tuple[str, ...] = ()


def rebuild(*, url: str, admin: str, workers: int = 1, today: dt.date | None = None) -> Rebuilt:
    """Drop `core` and make it and `bi` again from the snapshots, load by load, with the facts of each. No network.

    `admin` is the URL of the owner. The ledgers (landings, loads, vintages, decisions, publications) stay. Everything
    that is needed is looked for before anything is taken away, loads of other runs wait, and readers of `bi` see what
    they saw until it is replaced as a whole. PermanentError where a snapshot or a fact is missing or not what it was,
    where a load of this code gives something else than it gave, or where the warehouse fails its own suite after it.
    """
    began = time.monotonic()
    with warehouse.connect(admin, autocommit=True) as holding:
        [lock] = warehouse.rows(holding, "rebuild/lock")
        if not lock["taken"]:
            raise TryAgainError("a load or another rebuild is at work; wait for it (pause the DAGs), then run again")
        with warehouse.connect(url) as connection:
            loads = warehouse.rows(connection, "rebuild/loads")
            published = [row["source"] for row in warehouse.rows(connection, "publication/published_sources")]
        _require_all_there(loads)
        with warehouse.connect(admin) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('migstats.publish', 0))")
            connection.execute(warehouse.statement("rebuild/empty"))
        figures = 0
        differences: list[str] = []
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            for load_ in loads:
                reads = list(pool.map(_read_again, load_["landed"]))
                again = _recorded(load_)
                counts = vintage.accept(
                    url, load_["source"], reads, run_id="rebuild", code_version=code_version(), again=again
                )
                figures += again.totals["added"] + again.totals["changed"]
                if counts.differs:
                    differences.append(
                        f"load {again.load_id} of {load_['source']}, made by {load_['code_version']}: {counts.differs}"
                    )
        for source_id in published:
            check_warehouse(source_id, run_id="rebuild", url=url, today=today or dt.datetime.now(dt.UTC).date())
        publishing.publish(url, run_id="rebuild", only=published, anew=True)
    vintages = sum(1 for load_ in loads if load_["outcome"] == "accepted")
    return Rebuilt(len(loads), vintages, figures, time.monotonic() - began, tuple(differences))


def _recorded(load_: Mapping[str, Any]) -> vintage.Recorded:
    """A row of `rebuild/loads` as the load that is on record."""
    return vintage.Recorded(
        load_id=load_["load_id"],
        vintage_id=load_["vintage_id"] if load_["outcome"] == "accepted" else None,
        totals={name: load_[name] or 0 for name in ("added", "changed", "closed")},
        contents={facts["slice"]["slice"]: content for _, facts, content in load_["landed"] if content},
        same_code=load_["code_version"] == code_version(),
    )


def _require_all_there(loads: Sequence[Mapping[str, Any]]) -> None:
    """PermanentError where something that a rebuild needs is missing or damaged; nothing was taken away yet."""
    bare = [load_["load_id"] for load_ in loads if not load_["landed"]]
    if bare:
        raise PermanentError(
            f"{len(bare)} loads, {bare[0]} among them, were made before landings were kept and cannot be made again; "
            "restore a backup instead"
        )
    seen: set[str] = set()
    for made_with, facts, _ in (one for load_ in loads for one in load_["landed"]):
        landed = Landed.model_validate(facts)
        for sha in {page.sha256 for page in landed.pages} - seen:
            lake.read_snapshot(sha)
            seen.add(sha)
        if made_with not in seen:
            _kept_facts(made_with, landed.slice.source)
            seen.add(made_with)


def _kept_facts(made_with: str, source_id: str) -> Path:
    """The folder of facts that a load was made with."""
    kept = lake.facts_path(made_with)
    if not (kept / source_id / "source.yaml").is_file():
        raise PermanentError(f"{kept}: the facts that a load was made with are not in the lake; restore them")
    return kept


def _read_again(work: tuple[str, dict[str, Any], str | None]) -> Read:
    """Read a landing with the facts that its load was made with."""
    made_with, facts, _ = work
    landed = Landed.model_validate(facts)
    kept = _kept_facts(made_with, landed.slice.source)
    folder = kept / landed.slice.source
    lists = (kept / "codelists", *sorted((kept / "codelists" / "further").glob("*")))
    return read(landed, read_source(folder / "source.yaml"), folder, lists=lists, fresh=True)
