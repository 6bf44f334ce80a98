"""Account for a folder of payloads: what each file is, and what became of every cell of it that could hold a figure."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pydantic import TypeAdapter

from migstats import pipeline
from migstats.codelists import Folders
from migstats.errors import DriftError, MigstatsError
from migstats.forms import read_forms
from migstats.harmonise import Codes, harmonise, last_plausible_year, read_codes
from migstats.layout import Layout, Packed
from migstats.readers import TextTable, answer, reader_for, sdmx_structure
from migstats.readers.packed import unpacked
from migstats.source import Dataset, Source, folder_of

#: Formats that say everything of themselves: a file of theirs is read also where no source declares it.
SELF_DESCRIBING = ("jsonstat", "px", "sdmx_csv", "sdmx_json", "sdmx_ml", "worldbank")

#: Format → how its files begin; those of the others with plain text.
_BEGINS = {
    "jsonstat": (b"{",),
    "html_table": (b"<",),
    "json_records": (b"{", b"["),
    "sdmx_json": (b"{",),
    "sdmx_ml": (b"<",),
    "unhcr": (b"{",),
    "worldbank": (b"[",),
    "workbook": (b"PK",),
}
_NO_TEXT = (b"{", b"[", b"<", b"PK")


@dataclass(frozen=True)
class Account:
    """One file. `landed` = observations + quarantined + explained; where no source takes it, the cells that were read.

    `loaded`: a declared dataset takes it · `read`: in a format that we read, of no declared dataset · `structure`: SDMX
    codelists and definitions, in which there are no figures · `refused`: `why`.
    """

    file: str
    outcome: Literal["loaded", "read", "structure", "refused"]
    format: str = ""
    source: str = ""
    datasets: tuple[str, ...] = ()
    landed: int = 0
    observations: int = 0
    quarantined: int = 0
    explained: int = 0
    #: Reasons of quarantine and of explained cells → cells.
    reasons: Mapping[str, int] = field(default_factory=dict)
    why: str = ""

    @property
    def balances(self) -> bool:
        """Whether every cell that landed is somewhere."""
        return self.outcome != "loaded" or self.landed == self.observations + self.quarantined + self.explained


def audit(
    files: Iterable[Path], sources: Iterable[Source], further: Sequence[Path] = (), *, today: dt.date
) -> Iterator[Account]:
    """An account of each file, by the datasets of `sources` and their other forms; some may stand in `further` folders.

    Nothing but errors of ours is caught.
    """
    concepts = pipeline.concepts(further)
    declared = []
    for source in sources:
        folder = folder_of(source.id, further)
        codes = read_codes(folder, concepts)
        declared += [(source, dataset, codes) for dataset in (*source.datasets, *read_forms(folder, source))]
    for path in files:
        yield _of_file(path, declared, concepts, today)


def _of_file(
    path: Path, declared: Sequence[tuple[Source, Dataset, Codes]], concepts: Folders, today: dt.date
) -> Account:
    """The account of a file as it is; where nobody takes it, and it was packed to be kept, of what is in it."""
    payload = path.read_bytes()
    account = _of_payload(path, payload, declared, concepts, today)
    if account.outcome != "refused" or path.suffix != ".gz":
        return account
    try:
        inside = unpacked(payload, Packed(compression="gzip"))
    except MigstatsError:
        return account
    return _of_payload(path, inside, declared, concepts, today)


def _of_payload(
    path: Path,
    payload: bytes,
    declared: Sequence[tuple[Source, Dataset, Codes]],
    concepts: Folders,
    today: dt.date,
) -> Account:
    tables = _Tables(payload)
    taken: list[Account] = []
    refused: dict[tuple[str, str], MigstatsError] = {}
    for source, dataset, codes in declared:
        try:
            found = _as_dataset(path, tables.read(dataset.reader), source, dataset, codes, concepts, today)
        except MigstatsError as error:
            refused[dataset.reader.format, f"{source.id} {dataset.id}"] = error
            continue
        if found.observations and found.quarantined <= source.quarantine_bound * found.landed:
            taken.append(found)
        else:
            said = f"{found.quarantined} of {found.landed} cells would be quarantined ({_most(found.reasons)})"
            refused[dataset.reader.format, f"{source.id} {dataset.id}"] = DriftError(
                f"{source.id} {dataset.id}: {said}"
            )
    if taken:
        return _best(taken)
    for name in SELF_DESCRIBING:
        try:
            table = tables.read(TypeAdapter(Layout).validate_python({"format": name}))
        except MigstatsError as error:
            refused[name, ""] = error
            continue
        reasons = Counter({e.reason: e.count for e in table.explained})
        return Account(
            file=str(path),
            outcome="read",
            format=name,
            landed=table.landed,
            explained=reasons.total(),
            reasons=reasons,
            why="no declared dataset takes it",
        )
    try:
        structures = sdmx_structure.read(payload)
    except MigstatsError as error:
        if isinstance(error, DriftError):  # it is a structure message, of a kind that is not read
            refused["sdmx_structure", ""] = error
        return Account(file=str(path), outcome="refused", why=_telling(payload, refused))
    held = ", ".join(f"{kind} {count}" for kind, count in (structures.counts or {}).items())
    return Account(
        file=str(path), outcome="structure", format="sdmx_structure", why=f"{held}; codes {structures.codes}"
    )


class _Tables:
    """The text tables of one payload, each layout read once."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.found: dict[str, TextTable | MigstatsError] = {}

    def read(self, layout: Layout) -> TextTable:
        key = layout.model_dump_json()
        if key not in self.found:
            try:
                self.found[key] = reader_for(layout).read(self.payload, layout)
            except MigstatsError as error:
                self.found[key] = error
        found = self.found[key]
        if isinstance(found, MigstatsError):
            raise found
        return found


def _as_dataset(
    path: Path, table: TextTable, source: Source, dataset: Dataset, codes: Codes, concepts: Folders, today: dt.date
) -> Account:
    sha = sha256(str(path).encode()).hexdigest()
    done = harmonise(
        {sha: table},
        source.id,
        dataset,
        codes,
        concepts=concepts,
        last_year=last_plausible_year(today),
    )
    reasons, told = _counted(done.quarantine, "cells"), _counted(done.explained, "count")
    return Account(
        file=str(path),
        outcome="loaded",
        format=dataset.reader.format,
        source=source.id,
        datasets=(dataset.id,),
        landed=table.landed,
        observations=done.facts.num_rows,
        quarantined=reasons.total(),
        explained=told.total(),
        reasons=reasons + told,
    )


def _counted(table: pa.Table, column: str) -> Counter[str]:
    """Reason → how many cells."""
    found = Counter[str]()
    for reason, count in zip(table["reason"].to_pylist(), table[column].to_pylist(), strict=True):
        found[reason] += count
    return found


def _best(taken: Sequence[Account]) -> Account:
    """That of the dataset which makes most of the file; several that make the same of it are named together."""
    most = max(taken, key=lambda account: (_made(account)[1], account.observations, -account.quarantined))
    same = [account for account in taken if _made(account) == _made(most)]
    return Account(**{**vars(most), "datasets": tuple(account.datasets[0] for account in same)})


def _made(account: Account) -> tuple[str, int, Mapping[str, int]]:
    """Source, cells that are in figures, and what became of the others: the same records make figures of several kinds,
    and a cell that is blank beside others is none in a figure of its own."""
    if "aggregated" not in account.reasons:
        return account.source, account.observations, account.reasons
    others = {reason: n for reason, n in account.reasons.items() if reason not in ("aggregated", "blank")}
    return account.source, account.landed - sum(others.values()), others


def _telling(payload: bytes, refused: Mapping[tuple[str, str], MigstatsError]) -> str:
    """Why nobody takes a file: what each format says of it whose files begin like this one."""
    start = payload.removeprefix(answer.BOM).lstrip()
    alike = {
        who: error
        for who, error in refused.items()
        if (start.startswith(_BEGINS[who[0]]) if who[0] in _BEGINS else not start.startswith(_NO_TEXT))
    }
    said: dict[str, list[str]] = {}
    # What a publisher says of an error of theirs, before what is missing to be a payload.
    for (format_, dataset), error in sorted((alike or refused).items(), key=lambda one: isinstance(one[1], DriftError)):
        said.setdefault(f"{format_}: {error}", []).append(dataset)
    return "; ".join(said) if said else "no source is declared"


def _most(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in Counter(reasons).most_common(3))
