"""Landing: the bytes of a slice from the publisher into the lake, page by page, and into the ledger."""

from __future__ import annotations

import datetime as dt
import logging
import math
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from migstats import lake, pxweb, settings, warehouse, web
from migstats.errors import DriftError, LaterError, PublisherError, TooBigError, TryAgainError
from migstats.faultpoint import reach
from migstats.pxweb import Question
from migstats.readers import Envelope, closes, reader_for
from migstats.redaction import redact
from migstats.source import Dataset, Slice, Source
from migstats.warehouse import Snapshot

log = logging.getLogger("migstats")

#: Seconds before the first question whether an answer that is being prepared is there; then twice as long, and so on.
POLL_SECONDS = 5.0

#: The run of what somebody lands without one; it shares nothing with the next.
BY_HAND = "by hand"
#: Pages of one slice beyond which a publisher's paging is not believed.
MAX_PAGES = 10_000


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
        return value.model_copy(update={"url": redact(value.url), "parts": ()})

    @property
    def landed_at(self) -> dt.datetime:
        """When its last page was served."""
        return max(page.retrieved_at for page in self.pages)


def land(slice_: Slice, source: Source, *, run_id: str = BY_HAND, url: str | None = None) -> Landed:
    """Fetch the pages of one slice into the lake, and note them in the ledger of the warehouse at `url`.

    A publisher that answers "not modified" costs no download. Raises TryAgainError, PublisherError or DeniedError as
    the web client does, and PublisherError where the pages do not belong together.
    """
    dataset = source.dataset(slice_.dataset)
    known = None if dataset.pxweb else _last_snapshot(url, slice_)
    pages: list[Page] = []
    snapshots: list[Snapshot] = []
    envelopes: list[Envelope] = []
    halved, once = 0, uuid.uuid4().hex if run_id == BY_HAND else run_id
    with web.Client(web.manners_of(source, settings.replay())) as client:
        asked = _questions(client, slice_, dataset, once, halved)
        while len(pages) < (len(asked) if len(asked) > 1 else envelopes[0].pages if envelopes else 1):
            part = len(pages) + 1
            question = asked[part - 1] if len(asked) > 1 else _page(asked[0], dataset, part)
            conditional = known if part == 1 and known is not None else {}
            try:
                answer, envelope = _ask(client, question, source, dataset, conditional)
            except TooBigError:
                if dataset.pxweb and part == 1 and halved < pxweb.HALVINGS:
                    halved += 1
                    log.info("%s: the publisher refuses what its limits allow; asking for half of it", slice_.slice)
                    asked = _questions(client, slice_, dataset, once, halved)
                    continue
                if part > 1 or not slice_.parts or len(asked) > 1:
                    raise
                log.info("%s is too big for the publisher; asking for it in %s parts", slice_.slice, len(slice_.parts))
                asked, known = [Question(one) for one in slice_.parts], None
                continue
            if envelope is None:
                assert known is not None
                return _as_before(slice_, Landed.model_validate(known["landed"]))
            if len(asked) == 1:
                envelope = _counted(slice_, envelope, part, dataset)
                _check_page(slice_, part, envelope, envelopes, dataset)
            elif envelope.pages != 1:
                raise PublisherError(f"slice {slice_.slice}: its part {part} comes in pages; nothing was loaded")
            elif dataset.pxweb and envelopes and envelope.updated != envelopes[0].updated:
                raise TryAgainError(
                    f"slice {slice_.slice}: part {part} is as of {envelope.updated}, part 1 as of "
                    f"{envelopes[0].updated}: the publisher updated the table meanwhile. Nothing was "
                    "loaded; ask again later"
                )
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
            count = max(len(asked), envelope.pages)
            pages.append(Page(sha256=sha, bytes=size, part=part, pages=count, retrieved_at=answer.retrieved_at))
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
                    request=question.body,
                )
            )
    if url is not None:
        with warehouse.connect(url) as connection:
            warehouse.add_source(connection, source)
            warehouse.add_snapshots(connection, snapshots)
    landed = Landed(slice=slice_, pages=tuple(pages), released_at=_released(slice_, envelopes[0], pages[0]))
    reach("land.snapshots_noted")
    if url is not None:
        note_landing(url, landed, run_id)
    reach("land.noted")
    return landed


def _questions(client: web.Client, slice_: Slice, dataset: Dataset, run_id: str, halved: int) -> list[Question]:
    """What is asked for a slice at first: its address, or of a PxWeb server the parts that fit its limits."""
    if dataset.pxweb is None:
        return [Question(slice_.url)]
    return pxweb.questions(client, slice_, dataset, run_id=run_id, halved=halved)


def _ask(
    client: web.Client, question: Question, source: Source, dataset: Dataset, conditional: Mapping[str, Any]
) -> tuple[web.Answer, Envelope | None]:
    """An answer and what its first bytes say; no envelope where the publisher says that nothing changed.

    Where the publisher prepares the answer, the same question is asked again until the deadline of the source.
    """
    reader = reader_for(dataset.reader)
    ends = time.monotonic() + source.deadline_seconds
    pause = POLL_SECONDS
    while True:
        try:
            if dataset.pxweb is not None:
                answer = client.ask(question.url, question.body, too_big=pxweb.TOO_BIG)
            else:
                etag, modified = conditional.get("etag"), conditional.get("last_modified")
                answer = client.get(question.url, etag=etag, last_modified=modified, accept=dataset.accept)
            envelope = None if answer.not_modified else reader.inspect(answer.body, dataset.reader)
            pxweb.check(answer.body, question)
            return answer, envelope
        except LaterError as later:
            if time.monotonic() + pause > ends:
                raise
            log.info("the answer is being prepared (%s); asking again in %.0f s", later, pause)
        time.sleep(pause)
        pause = min(pause * 2, 12 * POLL_SECONDS)


def note_landing(url: str, landed: Landed, run_id: str) -> None:
    """Note in the ledger that a slice landed whole: it waits to be loaded from now on."""
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


def landed_slices(source: Source, *, url: str) -> list[Landed]:
    """The last landing of each slice and release of a source: what it would be read from again, without a download."""
    with warehouse.connect(url) as connection:
        found = warehouse.rows(connection, "load/last_landings", {"source": source.id})
    return [Landed.model_validate(row["landed"]) for row in found]


def _page(question: Question, dataset: Dataset, part: int) -> Question:
    return replace(question, url=_page_url(question.url, dataset, part))


def _page_url(url: str, dataset: Dataset, part: int) -> str:
    if dataset.page_parameter is None:
        return url
    return f"{url}{'&' if '?' in url else '?'}{dataset.page_parameter}={dataset.page_value(part)}"


def _counted(slice_: Slice, envelope: Envelope, part: int, dataset: Dataset) -> Envelope:
    """The envelope of a page that was asked for by an offset: how many there are follows from the rows in all."""
    if dataset.page_step == 1:
        return envelope
    if envelope.total is None:
        raise DriftError(
            f"slice {slice_.slice}: the publisher does not say how many rows there are in all, and so not when the "
            "pages end; see whether the field moved, and mend `total` of the reader"
        )
    return replace(envelope, page=part, pages=max(1, math.ceil(envelope.total / dataset.page_step)))


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
    """The last landing of a slice of one page, if its bytes are still in the lake."""
    if url is None:
        return None
    with warehouse.connect(url) as connection:
        key = {"source": slice_.source, "slice": slice_.slice, "release": slice_.release}
        found = warehouse.rows(connection, "load/last_snapshot", key)
    if not found or not lake.snapshot_path(found[0]["sha256"]).is_file():
        return None
    return found[0]


def _as_before(slice_: Slice, before: Landed) -> Landed:
    """What landed last, once more: the publisher says that nothing changed since."""
    released = before.released_at
    if slice_.released is not None:
        released = dt.datetime.combine(slice_.released, dt.time(), dt.UTC)
    return Landed(slice=slice_, pages=before.pages, released_at=released, not_modified=True)


def _released(slice_: Slice, envelope: Envelope, page: Page) -> dt.datetime:
    """When the publisher put it out: the declared date, else its own stamp, else when we saw it."""
    if slice_.released is not None:
        return dt.datetime.combine(slice_.released, dt.time(), dt.UTC)
    if envelope.updated is not None:
        stamp = dt.datetime.fromisoformat(envelope.updated)
        return stamp if stamp.tzinfo else stamp.replace(tzinfo=dt.UTC)
    return page.retrieved_at
