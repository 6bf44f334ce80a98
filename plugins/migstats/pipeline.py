"""The way of the data: each function is one step, called by a task of a DAG and by the command line alike."""

from __future__ import annotations

import datetime as dt
import json
import logging
import multiprocessing
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import polars as pl
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, field_validator

from migstats import candidate as candidates
from migstats import frames, lake, question, settings, validate, vintage, warehouse, web
from migstats import publish as publishing
from migstats.candidate import Candidate, generations_of
from migstats.corrections import correct, read_corrections
from migstats.errors import (
    DeclarationError,
    MigstatsError,
    PermanentError,
    PublisherError,
    RefusedError,
    SupersededError,
    TryAgainError,
)
from migstats.faultpoint import reach
from migstats.harmonise import Harmonised, harmonise, last_plausible_year, read_codes
from migstats.readers import Envelope, TextTable, closes, reader_for
from migstats.redaction import redact
from migstats.source import Dataset, Slice, Source, folder_of, read_source
from migstats.vintage import Counts, Read
from migstats.warehouse import Outcome, Snapshot

log = logging.getLogger("migstats")

#: Tables of a slice that was read, one Parquet file each; fields of Harmonised.
TABLES = ("series", "attributes", "quarantine", "explained", "facts")

#: Pages of one slice beyond which a publisher's paging is not believed.
MAX_PAGES = 10_000

#: Loads of the same source that may come between the judging and the loading of one before it gives up.
MOST_RACES = 5


class Page(BaseModel):
    """One payload of a slice as it was served; what is needed to read it later, on whatever machine."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    bytes: int
    part: int
    pages: int
    retrieved_at: dt.datetime


class Landed(BaseModel):
    """A slice whose bytes are in the lake. Travels between tasks as JSON."""

    model_config = ConfigDict(frozen=True)

    slice: Slice
    pages: tuple[Page, ...]
    released_at: dt.datetime
    not_modified: bool = False

    @field_validator("slice")
    @classmethod
    def _without_secrets(cls, value: Slice) -> Slice:
        """It is kept in databases and shown in UIs; a key or token of its URL is not."""
        return value.model_copy(update={"url": redact(value.url)})

    @property
    def landed_at(self) -> dt.datetime:
        """When its last page was served."""
        return max(page.retrieved_at for page in self.pages)


def concepts() -> Path:
    """The folder of our codelists."""
    return settings.include() / "codelists"


@cache
def code_version() -> str:
    """Version of the package and a hash of its code: what a result was made with."""
    digest = sha256()
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return f"{version('migstats')}+{digest.hexdigest()[:12]}"


@cache
def _codelists_digest(folder: Path) -> str:
    digest = sha256()
    for file in sorted(folder.glob("*.csv")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@contextmanager
def attempt(url: str | None, run_id: str, source: str, step: str, slice_id: str | None = None) -> Iterator[None]:
    """One attempt of a step: a failure is logged in one line that says which slice and why, and kept in ops.outcome."""
    try:
        yield
    except RefusedError as error:
        if url is not None:
            _note(url, Outcome(run_id, source, step, "skip", slice_id, type(error).__name__, str(error)[:2000]))
        raise
    except MigstatsError as error:
        log.error("%s failed: %s: %s", step, slice_id or source, error)
        if url is not None:
            _note(url, Outcome(run_id, source, step, "failed", slice_id, type(error).__name__, str(error)[:2000]))
        raise


def _note(url: str, outcome: Outcome) -> None:
    try:
        with warehouse.connect(url) as connection:
            warehouse.add_outcome(connection, outcome)
    except MigstatsError as error:
        log.warning("the outcome could not be kept: %s", error)  # the failure itself goes on to be raised


# -- land -------------------------------------------------------------------------------------------------------


def land(slice_: Slice, source: Source, *, run_id: str = "by hand", url: str | None = None) -> Landed:
    """Fetch the pages of one slice into the lake, and note them in the ledger of the warehouse at `url`.

    A publisher that answers "not modified" costs no download. Raises TryAgainError, PublisherError or DeniedError as
    the web client does, and PublisherError where the pages do not belong together.
    """
    dataset = source.dataset(slice_.dataset)
    reader = reader_for(dataset.reader)
    known = _last_snapshot(url, slice_)
    pages: list[Page] = []
    snapshots: list[Snapshot] = []
    envelopes: list[Envelope] = []
    with web.Client(web.manners_of(source, settings.replay())) as client:
        while not envelopes or len(pages) < envelopes[0].pages:
            part = len(pages) + 1
            asked = _page_url(slice_.url, dataset, part)
            conditional = known if part == 1 and known is not None else {}
            answer = client.get(asked, etag=conditional.get("etag"), last_modified=conditional.get("last_modified"))
            if answer.not_modified and known is not None:
                return _as_before(slice_, known)
            envelope = reader.inspect(answer.body, dataset.reader)
            _check_page(slice_, part, envelope, envelopes, dataset)
            if not answer.framed and not closes(dataset.reader):
                raise TryAgainError(
                    f"{answer.url}: the answer does not say how long it is (no Content-Length, not chunked, not "
                    f"compressed), and {dataset.reader.format} has no end of its own: a part could not be told from "
                    "the whole. Nothing was loaded; ask again later, and tell the publisher if it stays so"
                )
            reach("land.fetched")
            sha = lake.store_snapshot(answer.body)
            reach("land.stored")
            envelopes.append(envelope)
            if any(sha == page.sha256 for page in pages):
                raise PublisherError(f"slice {slice_.slice}: page {part} repeats an earlier page; nothing was loaded")
            size = len(answer.body)
            pages.append(
                Page(sha256=sha, bytes=size, part=part, pages=envelope.pages, retrieved_at=answer.retrieved_at)
            )
            snapshots.append(
                Snapshot(
                    source=slice_.source,
                    dataset=slice_.dataset,
                    slice=slice_.slice,
                    release=slice_.release,
                    part=part,
                    sha256=sha,
                    bytes=size,
                    url=answer.url,
                    media_type=answer.content_type,
                    etag=answer.etag,
                    last_modified=answer.last_modified,
                    retrieved_at=answer.retrieved_at,
                )
            )
    if url is not None:
        with warehouse.connect(url) as connection:
            warehouse.add_source(connection, source)
            warehouse.add_snapshots(connection, snapshots)
    landed = Landed(slice=slice_, pages=tuple(pages), released_at=_released(slice_, envelopes[0], pages[0]))
    reach("land.snapshots_noted")
    _note_landing(url, landed, run_id)
    reach("land.noted")
    return landed


def _note_landing(url: str | None, landed: Landed, run_id: str) -> None:
    """Note in the ledger that a slice landed whole: it waits to be loaded from now on."""
    if url is None:
        return
    key = landed.slice.model_dump(include={"source", "dataset", "slice", "release"})
    with warehouse.connect(url) as connection:
        warehouse.execute(
            connection,
            "load/add_landing",
            {**key, "landed_at": landed.landed_at, "run_id": run_id, "landed": landed.model_dump_json()},
        )


def waiting(landed: Landed, *, url: str) -> list[Landed]:
    """Landings of the same slice and release that were neither loaded nor refused, however old, and then this one."""
    key = landed.slice.model_dump(include={"source", "slice", "release"})
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "load/waiting_landings", {**key, "landed_at": landed.landed_at})
    return [*(Landed.model_validate(row["landed"]) for row in found), landed]


def _page_url(url: str, dataset: Dataset, part: int) -> str:
    if dataset.page_parameter is None:
        return url
    return f"{url}{'&' if '?' in url else '?'}{dataset.page_parameter}={part}"


def _check_page(slice_: Slice, part: int, envelope: Envelope, before: Sequence[Envelope], dataset: Dataset) -> None:
    found = ""
    if envelope.pages > MAX_PAGES:
        found = f"the publisher counts {envelope.pages} pages, more than {MAX_PAGES}"
    elif envelope.pages > 1 and dataset.page_parameter is None:
        found = f"there are {envelope.pages} pages, and source.yaml declares no page_parameter"
    elif envelope.page != part:
        found = f"page {part} was asked for, page {envelope.page} came"
    elif before and (envelope.pages, envelope.total) != (before[0].pages, before[0].total):
        found = f"page {part} counts {envelope.pages} pages and {envelope.total} rows, page 1 other numbers"
    if found:
        raise PublisherError(f"slice {slice_.slice}: {found}; nothing was loaded")


def _last_snapshot(url: str | None, slice_: Slice) -> dict[str, Any] | None:
    """The ledger's last snapshot of a slice of one page, if its bytes are still in the lake."""
    if url is None:
        return None
    with warehouse.connect(url) as connection:
        key = {"source": slice_.source, "slice": slice_.slice, "release": slice_.release}
        found = warehouse.rows(connection, "load/last_snapshot", key)
    if not found or not lake.snapshot_path(found[0]["sha256"]).is_file():
        return None
    return found[0]


def _as_before(slice_: Slice, known: Mapping[str, object]) -> Landed:
    page = Page.model_validate({**known, "part": 1, "pages": 1})
    source = read_source(folder_of(slice_.source) / "source.yaml")
    layout = source.dataset(slice_.dataset).reader
    envelope = reader_for(layout).inspect(lake.read_snapshot(page.sha256), layout)
    return Landed(slice=slice_, pages=(page,), released_at=_released(slice_, envelope, page), not_modified=True)


def _released(slice_: Slice, envelope: Envelope, page: Page) -> dt.datetime:
    """When the publisher put it out: the declared date, else its own stamp, else when we saw it."""
    if slice_.released is not None:
        return dt.datetime.combine(slice_.released, dt.time(), dt.UTC)
    if envelope.updated is not None:
        stamp = dt.datetime.fromisoformat(envelope.updated)
        return stamp if stamp.tzinfo else stamp.replace(tzinfo=dt.UTC)
    return page.retrieved_at


# -- read and harmonise -----------------------------------------------------------------------------------------


def read(landed: Landed, source: Source, folder: Path, *, lists: Path | None = None, fresh: bool = False) -> Read:
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
    if made is not None:
        return read_from({**made, "released_at": landed.released_at.isoformat(), "landed_at": landed_at.isoformat()})
    pages = {page.sha256: lake.read_snapshot(page.sha256) for page in landed.pages}
    retrieved = landed_at.date()
    last_year = last_plausible_year(retrieved)
    tables = {sha: _read_page(payload, dataset) for sha, payload in pages.items()}
    _check_total(landed, tables)
    harmonised = harmonise(tables, source.id, dataset, codes, concepts=listed, last_year=last_year)
    harmonised = correct(harmonised, corrections, dataset=dataset.id, today=retrieved)
    _check_pages_apart(landed, harmonised)
    reach("read.harmonised")
    written = {name: lake.write_table(getattr(harmonised, name), home / f"{name}.parquet") for name in TABLES}
    result = Read(
        source=source.id,
        dataset=dataset.id,
        slice=landed.slice.slice,
        release=landed.slice.release,
        released_at=landed.released_at.isoformat(),
        snapshots=tuple(tables),
        folder=lake.relative(home),
        facts_sha256=written["facts"],
        content_sha256=harmonised.content_hash,
        codes_sha256=codes.digest,
        made_of=made_of,
        observations=harmonised.facts.num_rows,
        quarantined=harmonised.quarantine.num_rows,
        explained=int(sum(harmonised.explained["count"].to_pylist())),
        landed_at=landed_at.isoformat(),
        made_with=lake.store_facts(_facts(source.id, folder, listed)),
        landed=dict(harmonised.landed),
        figures=_per_snapshot(harmonised.facts, None),
    )
    reach("read.tables_written")
    lake.write_text(json.dumps({"read": asdict(result), "tables": written}, sort_keys=True), summary)
    return result


def _made(summary: Path) -> dict[str, Any] | None:
    """The Read that was made before, if its tables are still what they were."""
    if not summary.is_file():
        return None
    kept = json.loads(summary.read_text(encoding="utf-8"))
    whole = all(lake.is_whole(summary.with_name(f"{name}.parquet"), sha) for name, sha in kept["tables"].items())
    return dict(kept["read"]) if whole else None


def read_from(facts: Mapping[str, object]) -> Read:
    """A Read from the JSON that travelled between tasks."""
    snapshots = facts["snapshots"]
    assert isinstance(snapshots, list | tuple)
    return Read(**{**facts, "snapshots": tuple(snapshots)})  # type: ignore[arg-type]


def _facts(source_id: str, folder: Path, lists: Path) -> dict[str, Path]:
    """The facts that a reading depends on: declaration, codes, corrections, codelists."""
    names = ("source.yaml", "codes.csv", "corrections.csv")
    own = {f"{source_id}/{name}": folder / name for name in names if (folder / name).is_file()}
    return {**own, **{f"codelists/{path.name}": path for path in lists.glob("*.csv")}}


def _made_of(landed: Landed, dataset: Dataset, codes: str, folder: Path, lists: Path) -> str:
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


def _read_page(payload: bytes, dataset: Dataset) -> TextTable:
    return reader_for(dataset.reader).read(payload, dataset.reader)


def _check_total(landed: Landed, tables: Mapping[str, TextTable]) -> None:
    """The publisher's own count of rows is what came, or something is missing."""
    totals = {t.envelope.total for t in tables.values()} - {None}
    records = sum(t.landed for t in tables.values())
    if totals and {records} != totals:
        raise PublisherError(
            f"slice {landed.slice.slice}: the publisher counts {sorted(t for t in totals if t is not None)} rows, "
            f"{records} came; a page is missing or repeats another"
        )


def _check_pages_apart(landed: Landed, harmonised: Harmonised) -> None:
    """Pages that repeat each other's rows mean that others were left out."""
    repeated = harmonised.explained.filter(pa.compute.equal(harmonised.explained["reason"], "identical_duplicate"))
    if len(landed.pages) > 1 and repeated.num_rows:
        raise PublisherError(
            f"slice {landed.slice.slice}: pages repeat each other's rows ({repeated['example'][0]}); nothing was loaded"
        )


# -- check ------------------------------------------------------------------------------------------------------


def check(reads: Sequence[Read], source: Source, *, run_id: str, url: str | None, today: dt.date) -> validate.Report:
    """Judge a candidate: what was landed, the canonical observation, and what only this source must obey.

    Results go to ops.validation_result and the Data Docs. ValidationFailedError where a critical expectation failed.
    """
    parameters = validate.parameters(concepts(), today=today, quarantine_bound=source.quarantine_bound)
    own = settings.expectations() / f"{source.id}.json"
    suites = ["observation", *([source.id] if own.is_file() else [])]
    sums = dict(validate.read_suite(settings.expectations(), source.id).sums) if own.is_file() else {}
    tables = {name: _together(reads, name) for name in ("series", "attributes", "facts")}
    profile = frames.profile(tables["series"], tables["attributes"], tables["facts"], concepts(), sums)
    judged = {"landed": frames.landed_frame(source.id, _landings(reads)), **dict.fromkeys(suites, profile)}
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
        held = _per_snapshot(lake.read_table(folder / "quarantine.parquet"), None)
        told = _per_snapshot(lake.read_table(folder / "explained.parquet"), "count")
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
            )


def _per_snapshot(table: pa.Table, column: str | None) -> dict[str, int]:
    frame = pl.from_arrow(table.select(["snapshot"] if column is None else ["snapshot", column]))
    assert isinstance(frame, pl.DataFrame)
    counted = pl.len() if column is None else pl.col(column).sum()
    return {str(sha): int(n) for sha, n in frame.group_by(pl.col("snapshot").cast(pl.String)).agg(counted).iter_rows()}


# -- load and publish -------------------------------------------------------------------------------------------


def gate(reads: Sequence[Read], source: Source, folder: Path, *, run_id: str, url: str) -> Candidate:
    """Compare a checked candidate with what was accepted; the answer says whether a person has to decide."""
    generations = generations_of(reads)
    return candidates.judge(url, source.id, folder, generations, concepts=concepts(), run_id=run_id)


def load(
    reads: Sequence[Read], source: Source, folder: Path, *, run_id: str, url: str, gated: str | None = None
) -> Counts:
    """Load a checked candidate that passed the gate: accepted as a vintage where something changed, else a no-op.

    It is judged again, since another run may have moved what stands: `gated` is the candidate that the gate of this run
    let through. RefusedError where somebody rejected it: then what it was made of does not wait any more.
    SupersededError where something newer stands or is asked about, or where another run asks about it. PermanentError
    where it breaches, nobody approved it, and a person has to do something about it.
    """
    generations = generations_of(reads)
    for _ in range(MOST_RACES):
        judged = candidates.judge(url, source.id, folder, generations, concepts=concepts(), run_id=run_id)
        if judged.verdict == "rejected":
            candidates.refuse(url, source.id, generations)
            raise RefusedError(f"candidate {judged.candidate_id} was rejected; what was accepted before stands")
        if judged.waits:
            _require_answer(judged, reads, source, run_id=run_id, url=url, gated=gated)
        try:
            return candidates.accept(url, source.id, generations, judged, run_id=run_id, code_version=code_version())
        except SupersededError as error:
            superseded = error  # another load came between: judge against what that one left
    raise superseded


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


def check_warehouse(source_id: str, *, run_id: str, url: str, today: dt.date) -> validate.Report:
    """Judge what stands in the warehouse for one source after its load. ValidationFailedError as in `check`."""
    with warehouse.connect(url) as connection:
        found = [
            (row["measure"], float(row["value"]), row["place"])
            for row in warehouse.rows(connection, "load/measures", {"source": source_id})
        ]
    judged = {"warehouse": frames.warehouse_frame(found)}
    parameters = validate.parameters(concepts(), today=today, quarantine_bound=1)
    report = validate.judge(judged, settings.expectations(), source_id, parameters)
    keep_report(report, run_id=run_id, url=url)
    validate.demand(report)
    return report


# -- again, from the snapshots ----------------------------------------------------------------------------------


def landed_slices(source: Source, *, url: str) -> list[Landed]:
    """The last landing of each slice and release of a source: what it would be read from again, without a download."""
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "load/last_landings", {"source": source.id})
    return [Landed.model_validate(row["landed"]) for row in found]


def replay(source: Source, folder: Path, *, run_id: str, url: str, today: dt.date) -> Counts:
    """Read the last landing of every slice and release again with the facts of today, check, gate, load; no download.

    What a new line of codes.csv maps leaves quarantine with a vintage whose cause is `crosswalk`. PermanentError
    where nothing ever landed, or as `check` and `load` raise it.
    """
    reads = [read(landed, source, folder) for landed in landed_slices(source, url=url)]
    if not reads:
        raise PermanentError(f"nothing of {source.id} ever landed; run its DAG first")
    for generation in generations_of(reads):
        check(generation, source, run_id=run_id, url=url, today=today)
    return load(reads, source, folder, run_id=run_id, url=url)


@dataclass(frozen=True)
class Rebuilt:
    """What a rebuild came to: loads and facts that were made again."""

    loads: int
    vintages: int
    figures: int
    seconds: float


def rebuild(*, url: str, admin: str, workers: int = 1) -> Rebuilt:
    """Drop `core` and `bi` and make them again from the snapshots, load by load, with the facts of each.

    No network. `admin` is the URL of the owner. The ledgers (landings, loads, vintages, decisions) stay. What bi shows
    is made last; until then its readers find it empty. PermanentError where a load gives something else than it gave:
    a snapshot is not what it was, or the code reads it otherwise.
    """
    began = time.monotonic()
    with warehouse.connect(url) as connection:
        loads = warehouse.rows(connection, "rebuild/loads")
        published = [row["source"] for row in warehouse.rows(connection, "load/published_sources")]
    with warehouse.connect(admin) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('migstats.publish', 0))")
        connection.execute(warehouse.statement("rebuild/empty"))
    figures = 0
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for load_ in loads:
            reads = list(pool.map(_read_again, load_["landed"]))
            totals = {name: load_[name] or 0 for name in ("added", "changed", "closed")}
            recorded = vintage.Recorded(
                load_["load_id"], load_["vintage_id"] if load_["outcome"] == "accepted" else None, totals
            )
            vintage.accept(url, load_["source"], reads, run_id="rebuild", code_version=code_version(), again=recorded)
            figures += totals["added"] + totals["changed"]
    publishing.publish(url, run_id="rebuild", only=published)
    return Rebuilt(
        len(loads), sum(1 for load_ in loads if load_["outcome"] == "accepted"), figures, time.monotonic() - began
    )


def _read_again(work: tuple[str, dict[str, Any]]) -> Read:
    """Read a landing with the facts that its load was made with."""
    made_with, facts = work
    landed = Landed.model_validate(facts)
    kept = lake.facts_path(made_with)
    folder = kept / landed.slice.source
    if not (folder / "source.yaml").is_file():
        raise PermanentError(f"{folder}: the facts that a load was made with are not in the lake; restore them")
    return read(landed, read_source(folder / "source.yaml"), folder, lists=kept / "codelists", fresh=True)


# -- local files ------------------------------------------------------------------------------------------------


def read_file(path: Path, source: Source, dataset_id: str | None, folder: Path, *, today: dt.date) -> Harmonised:
    """Read and harmonise one local file as a dataset of a source: no network, no database.

    Without `dataset_id` the datasets whose reader takes the file are tried; DeclarationError where none or several do.
    """
    payload = path.read_bytes()
    candidates = [source.dataset(dataset_id)] if dataset_id else list(source.datasets)
    codes = read_codes(folder, concepts())
    refused: list[str] = []
    taken: list[tuple[Dataset, Harmonised]] = []
    for dataset in candidates:
        try:
            reader_for(dataset.reader).inspect(payload, dataset.reader)
            table = _read_page(payload, dataset)
            sha = sha256(payload).hexdigest()
            done = harmonise(
                {sha: table},
                source.id,
                dataset,
                codes,
                concepts=concepts(),
                last_year=last_plausible_year(today),
            )
            taken.append((dataset, correct(done, read_corrections(folder), dataset=dataset.id, today=today)))
        except MigstatsError as error:
            refused.append(f"{dataset.id}: {error}")
    best = [t for t in taken if t[1].facts.num_rows] or taken
    if len(best) > 1:
        most = max(done.facts.num_rows for _, done in best)
        best = [t for t in best if t[1].facts.num_rows == most]
    if len(best) != 1:
        names = ", ".join(d.id for d, _ in best)
        raise DeclarationError(
            f"{path}: read as {names}; say which with --dataset" if best else f"{path}: {'; '.join(refused)}"
        )
    return best[0][1]
