"""Local files: payloads on this machine, read and harmonised without Airflow, network or database."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import polars as pl

from migstats import pipeline
from migstats.corrections import correct, read_corrections, require_unexpired
from migstats.errors import DeclarationError, MigstatsError, PermanentError
from migstats.forms import read_forms
from migstats.harmonise import Harmonised, harmonise, last_plausible_year, read_codes
from migstats.observation import SERIES_DIMENSIONS, SHARED_ATTRIBUTES
from migstats.readers import Envelope, reader_for
from migstats.source import Dataset, Source


def _only_release(source: Source) -> str:
    """The newest edition: a local file does not say which one it is of."""
    newest = source.release(None)
    return newest.id if newest is not None else ""


def read_file(path: Path, source: Source, dataset_id: str | None, folder: Path, *, today: dt.date) -> Harmonised:
    """Read and harmonise one local file as a dataset of a source: no network, no database. Raises as `read_files`."""
    [(_, harmonised)] = read_files([path], source, dataset_id, folder, today=today)
    return harmonised


def read_files(
    paths: Sequence[Path], source: Source, dataset_id: str | None, folder: Path, *, today: dt.date
) -> list[tuple[tuple[Path, ...], Harmonised]]:
    """Read and harmonise local files; those that are pages of one slice together, each other one by itself.

    Without `dataset_id` the datasets and their other forms whose reader takes a file are tried; DeclarationError where
    none does, or several find observations in it. PermanentError where a file is a page and the others are not there,
    or one is there twice; PublisherError and DriftError as the readers raise them, and where the publisher counts other
    rows than came.
    """
    forms = {form.id: form for form in read_forms(folder, source)}
    if dataset_id:
        candidates = [forms[dataset_id] if dataset_id in forms else source.dataset(dataset_id)]
    else:
        candidates = [*source.datasets, *forms.values()]
    payloads = {path: path.read_bytes() for path in paths}
    return [
        (group, _read_local({path: payloads[path] for path in group}, source, candidates, folder, today=today))
        for group in _slices_of(payloads, candidates)
    ]


def _slices_of(payloads: Mapping[Path, bytes], candidates: Sequence[Dataset]) -> list[tuple[Path, ...]]:
    """The files, in their order, with the pages of one slice together: as many as the publisher says there are.

    Pages by an offset do not say which they are: they are taken in the order of the files.
    """
    slices: dict[object, dict[int, list[Path]]] = {}
    said: dict[object, int] = {}
    for path, payload in payloads.items():
        envelope, step = _envelope(payload, candidates)
        pages = math.ceil(envelope.total / step) if step > 1 and envelope.total else envelope.pages
        key: object = path if pages <= 1 else (pages, envelope.total, envelope.updated)
        pages_of = slices.setdefault(key, {})
        pages_of.setdefault(len(pages_of) + 1 if step > 1 else envelope.page, []).append(path)
        said[key] = max(pages, 1)
    for key, pages_of in slices.items():
        lacking = set(range(1, said[key] + 1)) - set(pages_of)
        twice = [number for number, files in pages_of.items() if len(files) > 1]
        if said[key] > 1 and (lacking or twice):
            names = ", ".join(f"{file} (page {number})" for number, files in sorted(pages_of.items()) for file in files)
            raise PermanentError(
                f"{names}: the publisher says that there are {said[key]} pages, "
                + (f"pages {sorted(lacking)} are missing" if lacking else f"pages {twice} stand twice")
                + "; a part is not read for the whole: give all pages of one slice, and no other slice with them"
            )
    return [tuple(file for number in sorted(pages) for file in pages[number]) for pages in slices.values()]


def _envelope(payload: bytes, candidates: Sequence[Dataset]) -> tuple[Envelope, int]:
    """What a payload says of itself to the first reader that takes it, and the step of its dataset's pages."""
    for dataset in candidates:
        try:
            return reader_for(dataset.reader).inspect(payload, dataset.reader), dataset.page_step
        except MigstatsError:
            continue  # whoever reads it says why it cannot be read
    return Envelope(), 1


def _read_local(
    payloads: Mapping[Path, bytes], source: Source, candidates: Sequence[Dataset], folder: Path, *, today: dt.date
) -> Harmonised:
    name = ", ".join(map(str, payloads))
    lists = pipeline.concepts([folder.parent])
    codes, corrections = read_codes(folder, lists), read_corrections(folder)
    pages: dict[str, bytes] = {}
    for path, payload in payloads.items():
        sha = sha256(payload).hexdigest()
        if sha in pages:
            first = next(other for other in payloads if payloads[other] == payload)
            raise PermanentError(f"{path} has the bytes of {first}, as a page of the same slice: give each page once")
        pages[sha] = payload
    refused: dict[str, list[str]] = {}
    taken: dict[str, Harmonised] = {}
    for dataset in candidates:
        try:
            tables = {sha: pipeline.read_page(payload, dataset) for sha, payload in pages.items()}
            pipeline.check_total(name, tables)
            last_year = last_plausible_year(today)
            done = harmonise(tables, source.id, dataset, codes, concepts=lists, last_year=last_year)
            require_unexpired(corrections, today)
            done = correct(done, corrections, dataset=dataset.id, release=_only_release(source))
            pipeline.check_pages_apart(name, len(pages), done)
            taken[dataset.id] = done
        except MigstatsError as error:
            refused.setdefault(str(error).removeprefix(f"dataset {dataset.id}: "), []).append(dataset.id)
    fruitful = {dataset: done for dataset, done in taken.items() if done.facts.num_rows}
    best = fruitful or taken
    if not best:
        said = "; ".join(f"{', '.join(datasets)}: {text}" for text, datasets in refused.items())
        raise DeclarationError(f"{name}: {said}")
    if len(best) > 1:
        found = ", ".join(f"{dataset} ({done.facts.num_rows} observations)" for dataset, done in best.items())
        raise DeclarationError(f"{name}: can be read as {found}; say which it is with --dataset")
    return next(iter(best.values()))


def together(frames: Sequence[pl.DataFrame]) -> tuple[pl.DataFrame, list[int]]:
    """Observations of several slices, as `wide` gives them, in one table; and how many each repeated of those before.

    What was said before is not said again. PermanentError where two slices say something else of one figure.
    """
    if len(frames) == 1:
        return frames[0], [0]
    key = [*SERIES_DIMENSIONS, "time_period"]
    said = ["value", "obs_status", *SHARED_ATTRIBUTES]
    parts = [frame.with_columns(part=pl.lit(number, pl.Int64)) for number, frame in enumerate(frames)]
    table = pl.concat(parts).with_columns(
        first=pl.int_range(pl.len()).over(key) == 0, equal=pl.struct(said).n_unique().over(key) == 1
    )
    other = table.filter(~pl.col("equal"))
    if other.height:
        of = other.row(0, named=True)
        two = other.filter(*(pl.col(name).eq_missing(pl.lit(of[name], other.schema[name])) for name in key)).head(2)
        where = " and ".join(f"{r['value']} ({r['slice']}, {r['place']})" for r in two.iter_rows(named=True))
        raise PermanentError(
            f"{other.select(key).n_unique()} figures stand in several files and are not the same there; the first is "
            f"{where}: read editions, or versions of a file, into a table each"
        )
    repeats = table.filter(~pl.col("first"))["part"].value_counts()
    counts = dict(repeats.iter_rows())
    return table.filter("first").drop("part", "first", "equal"), [counts.get(n, 0) for n in range(len(frames))]
