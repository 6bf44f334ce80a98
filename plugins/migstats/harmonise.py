"""Harmonise: publisher's columns and codes → our concepts and codes, once per distinct value, never once per row."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from migstats.coded import Coded, Ints, Mask, Problems, coded, combine, constant, dictionary, take
from migstats.codelists import Folders, codelist_of, read_codelist, read_csv
from migstats.errors import DeclarationError, DriftError
from migstats.existence import of_areas
from migstats.figures import Figures, figures_of, multipliers, said_first
from migstats.flags import require_free, tokens_of, with_flags
from migstats.labels import LABELS, labels_of
from migstats.observation import (
    DEFAULTS,
    SERIES_DIMENSIONS,
    SHARED_ATTRIBUTES,
    period_bounds,
    point_in_time,
    series_id,
)
from migstats.parts import not_broken_down, with_combined
from migstats.periods import (
    frequencies,
    periods,
    require_calendar,
    require_detail,
    require_frequency,
    require_point_within,
    time_ids,
)
from migstats.readers import NOTE, PLACE, PROBLEM, RECORDS, ROW, SNAPSHOT, VALUE, TextTable
from migstats.selected import require_always, select
from migstats.source import Column, Dataset, Multiplier
from migstats.subdivided import UNITS, subdivided, units_of
from migstats.subdivisions import Subdivisions

_STATUS = ("obs_status", "conf_status")
#: Columns of a text table that are ours.
_OURS: Final = frozenset({VALUE, PLACE, ROW, SNAPSHOT, RECORDS, PROBLEM})

#: To do about a period of which two columns of the publisher do not say the same.
_OTHER_PERIOD: Final = "{1} does not say the same period as {0}; ask the publisher of which one the figure is"

#: Records of corrections.csv that were applied: which figure, what the publisher prints, what stands instead, and why.
OVERRIDES: Final = pa.schema(
    [
        ("series_id", pa.int64()),
        ("time_id", pa.int32()),
        ("override_id", pa.string()),
        ("published", pa.float64()),
        ("corrected", pa.float64()),
        ("why", pa.string()),
        ("evidence", pa.string()),
        ("author", pa.string()),
        ("expires", pa.date32()),
    ]
)


@dataclass(frozen=True)
class Codes:
    """`codes.csv` of a source: what the publisher's codes mean where no scheme of a codelist says so."""

    #: (dataset or `*`, column, concept) → code → (target, treatment)
    rows: Mapping[tuple[str, str, str], Mapping[str, tuple[str, str]]]
    #: sha256 of the file's content, kept with the vintage.
    digest: str

    def of(self, dataset: str, column: str, concept: str) -> dict[str, tuple[str, str]]:
        """Code → (target, treatment); a row for this dataset goes before one for all."""
        general = self.rows.get(("*", column, concept), {})
        return {**general, **self.rows.get((dataset, column, concept), {})}

    def columns(self, dataset: str, column: str) -> set[str]:
        """All codes that are listed for a column, whatever the concept."""
        return {
            code
            for (ds, col, _), codes in self.rows.items()
            if col == column and ds in ("*", dataset)
            for code in codes
        }


@dataclass(frozen=True)
class Harmonised:
    """Observations of one slice, in the narrow shape of the warehouse.

    `series` series_id + SERIES_DIMENSIONS · `attributes` attribute_id + SHARED_ATTRIBUTES · `facts` series_id,
    time_id, value, obs_status, attribute_id, raw, snapshot, place, row, sorted by series_id and time_id ·
    `quarantine` snapshot, place, reason, column, code, raw, suggestion, cells · `explained` snapshot, reason, count,
    example. A row that was made from records stands for several cells: `cells` says so in quarantine, and those of
    observations are explained as `aggregated`, but for one each.
    """

    series: pa.Table
    attributes: pa.Table
    facts: pa.Table
    quarantine: pa.Table
    explained: pa.Table
    landed: Mapping[str, int] = field(default_factory=dict)
    #: As OVERRIDES says.
    overrides: pa.Table = field(default_factory=OVERRIDES.empty_table)
    #: As LABELS says. A label that changes alone changes no observation: it is no part of the content.
    labels: pa.Table = field(default_factory=LABELS.empty_table)
    #: As UNITS says. What a unit is called is no part of the content, either.
    units: pa.Table = field(default_factory=UNITS.empty_table)

    @property
    def content_hash(self) -> str:
        """sha256 of what is said, whatever the order of rows, the number format or the place it was said at."""
        return content_hash(self.facts)


def read_codes(folder: Path, concepts: Folders) -> Codes:
    """Read and check `codes.csv` of a source folder; `concepts` are the folders of codelists.

    DeclarationError gathers every line that names no concept or no code of ours.
    """
    path = folder / "codes.csv"
    if not path.is_file():
        return Codes({}, sha256(b"").hexdigest())
    rows: dict[tuple[str, str, str], dict[str, tuple[str, str]]] = {}
    found: list[str] = []
    for number, row in enumerate(read_csv(path), start=2):
        missing = {"dataset", "column", "code", "concept", "target", "treatment"} - set(row)
        if missing:
            raise DeclarationError(f"{path}: line 1: the columns {sorted(missing)} are missing")
        codes = rows.setdefault((row["dataset"], row["column"], row["concept"]), {})
        if row["treatment"] not in ("map", "ignore", "unknown"):
            found.append(f"line {number}: treatment {row['treatment']!r} is not map, ignore or unknown")
        elif row["treatment"] != "map" and row["column"] == VALUE:
            found.append(f"line {number}: a text in place of a figure is mapped to a status, never {row['treatment']}")
        elif row["column"] == VALUE and row["concept"] == "obs_status" and _has_value(concepts, row["target"]):
            found.append(
                f"line {number}: {row['code']!r} stands where a figure should, and status {row['target']!r} says that "
                "there is one"
            )
        if row["code"] in codes:
            found.append(f"line {number}: {row['column']} {row['code']!r} stands twice for {row['concept']}")
        known = codelist_of(concepts, row["concept"])
        if row["treatment"] == "map" and known is not None and row["target"] not in known:
            found.append(f"line {number}: target {row['target']!r} is no code of codelist {known.name}")
        codes[row["code"]] = (row["target"], row["treatment"])
    if found:
        raise DeclarationError("\n".join(f"{path}: {f}; mend the line" for f in found))
    return Codes(rows, sha256(path.read_bytes()).hexdigest())


def _has_value(concepts: Folders, status: str) -> bool:
    return read_codelist(concepts, "obs_status").rows.get(status, {}).get("has_value") == "yes"


#: reserved new codes while a column is mapped
_UNKNOWN, _IGNORED, _DECLARED_UNKNOWN, _EMPTY = -2, -3, -4, -1


def _resolver(concept: str, column: Column, dataset: Dataset, codes: Codes, concepts: Folders) -> Callable[[str], str]:
    """A function from the publisher's code to ours, or to one of the reserved marks as text."""
    listed = codes.of(dataset.id, column.column, concept)
    codelist = codelist_of(concepts, concept)
    if column.scheme is not None and codelist is None:
        raise DeclarationError(f"dataset {dataset.id}: {concept}: there is no codelist for scheme {column.scheme!r}")
    nothing: dict[str, str] = {}
    known = codelist.resolver(column.scheme) if codelist is not None and column.scheme is not None else nothing.get
    free = codelist is None and not listed
    marks = {"ignore": str(_IGNORED), "unknown": str(_DECLARED_UNKNOWN)}

    def resolve(code: str) -> str:
        text = code.strip()
        if text in listed:
            target, treatment = listed[text]
            return marks.get(treatment, target)
        return known(text) or (text if free else str(_UNKNOWN))

    return resolve


def meaning(
    concept: str, column: Column, dataset: Dataset, codes: Codes, concepts: Folders
) -> Callable[[str], tuple[str, str]]:
    """A function from the publisher's code to what becomes of it, `map`, `ignore`, `unknown` or `unresolved`, and to
    our code where it is mapped. Of flags in one cell, the one that goes first.
    """
    if concept in _STATUS:
        listed = codes.of(dataset.id, column.column, concept)
        known = codes.columns(dataset.id, column.column)

        def of_flag(code: str) -> tuple[str, str]:
            tokens = tokens_of(code.strip(), column)
            if any(token not in known for token in tokens):
                return "unresolved", ""
            # a flag that says nothing of this concept says something of another one
            return next(((how, target) for target, how in (listed[t] for t in tokens if t in listed)), ("ignore", ""))

        return of_flag
    resolve = _resolver(concept, column, dataset, codes, concepts)
    marks = {str(_UNKNOWN): "unresolved", str(_IGNORED): "ignore", str(_DECLARED_UNKNOWN): "unknown"}

    def of_code(code: str) -> tuple[str, str]:
        target = resolve(code)
        return (marks[target], "") if target in marks else ("map", target)

    return of_code


def _map(
    concept: str, column: Column, cells: Coded, dataset: Dataset, codes: Codes, concepts: Folders, problems: Problems
) -> Coded:
    """Map a column to our codes; rows whose code is unknown, ignored or missing are noted in `problems`."""
    resolve = _resolver(concept, column, dataset, codes, concepts)
    marks = {str(_UNKNOWN): _UNKNOWN, str(_IGNORED): _IGNORED, str(_DECLARED_UNKNOWN): _DECLARED_UNKNOWN}
    targets: dict[str, int] = {}

    def number(code: str) -> int:
        if not code.strip():
            return empty
        target = resolve(code)
        return marks[target] if target in marks else targets.setdefault(target, len(targets))

    empty = targets.setdefault(column.blank, len(targets)) if column.blank is not None else _EMPTY
    new = take([number(v) for v in cells.values], cells.codes, empty)
    problems.add(new == _IGNORED, "declared_ignored", column.column, explained=True)
    problems.add(new == _UNKNOWN, "unknown_code", column.column)
    problems.add(new == _DECLARED_UNKNOWN, "declared_unknown", column.column)
    if concept in DEFAULTS or concept in ("indicator", "ref_area", "unit"):
        problems.add(new == _EMPTY, "missing_dimension", column.column)
    return Coded(np.maximum(new, -1), list(targets))


def _flags(
    concept: str, column: Column, cells: Coded, dataset: Dataset, codes: Codes, problems: Problems
) -> tuple[Coded, Mask]:
    """Map status flags; the mask has the rows with one that is declared unknown.

    A flag that codes.csv does not list is drift: it may mean that figures changed meaning.
    """
    listed = codes.of(dataset.id, column.column, concept)
    known = codes.columns(dataset.id, column.column)
    targets: list[str] = []
    mapping: list[int] = []
    doubtful: list[int] = []
    unknown: set[str] = set()
    for cell in cells.values:
        text = cell.strip()
        tokens = tokens_of(text, column) if text else []
        unknown |= {t for t in tokens if t not in known}
        doubtful.append(any(listed[t][1] == "unknown" for t in tokens if t in listed))
        hits = [listed[t][0] for t in tokens if t in listed and listed[t][1] == "map"]
        if not hits:
            mapping.append(-1)
            continue
        if hits[0] not in targets:
            targets.append(hits[0])
        mapping.append(targets.index(hits[0]))
    if unknown:
        raise DriftError(
            f"dataset {dataset.id}, column {column.column}: the flags {sorted(unknown)} are not in codes.csv, which "
            f"has {sorted(known)}; find out what they mean, then add a line for each"
        )
    unclear = take(doubtful, cells.codes, 0).astype(bool)
    problems.add(unclear, "declared_unknown", column.column)
    return Coded(take(mapping, cells.codes, -1), targets), unclear


# -- keys -------------------------------------------------------------------------------------------------------


def attribute_id(values: Sequence[str | None]) -> int:
    """Deterministic signed 64-bit id of a combination of shared attributes."""
    text = "\x1f".join("\x00" if v is None else v for v in values)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def content_hash(facts: pa.Table) -> str:
    """sha256 over key, value, status and attributes of facts in the order of their key, whatever their place."""
    digest = sha256()
    for name in ("series_id", "time_id", "attribute_id"):
        digest.update(facts[name].to_numpy().tobytes())
    digest.update(pc.fill_null(facts["value"], float("nan")).to_numpy().tobytes())
    status = coded(facts["obs_status"])
    letters = np.asarray([*status.values, ""], dtype="U1")
    digest.update(letters[status.codes].tobytes())
    return digest.hexdigest()


# -- the recipe -------------------------------------------------------------------------------------------------


def with_snapshot(table: pa.Table, sha: str) -> pa.Table:
    """A reader's table with the snapshot that each row stands in."""
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(table.num_rows, dtype=np.int32)), pa.array([sha]))
    return table.append_column(SNAPSHOT, column)


def as_called(page: TextTable, dataset: Dataset) -> TextTable:
    """The text table with its columns under the names that the declaration has, where editions call them otherwise."""
    names = {other: name for name, others in dataset.also_called.items() for other in others}
    there = set(page.data.column_names)
    for other, name in names.items():
        if other in there and name in there:
            raise DriftError(
                f"dataset {dataset.id}: the payload has both {name!r} and {other!r}, which `also_called` takes for one "
                "column; find out what each says, and mend source.yaml"
            )
    if there.isdisjoint(names):
        return page
    return replace(
        page,
        data=page.data.rename_columns([names.get(name, name) for name in page.data.column_names]),
        dimensions=tuple(tuple(names.get(name, name) for name in same) for same in page.dimensions),
        labels={names.get(name, name): labels for name, labels in page.labels.items()},
    )


def harmonise(
    pages: Mapping[str, TextTable],
    source: str,
    dataset: Dataset,
    codes: Codes,
    *,
    concepts: Folders,
    last_year: int,
) -> Harmonised:
    """Turn the text tables of one slice (snapshot → table) into observations.

    `concepts` are the folders of codelists; a period that begins after `last_year` is not believed, unless the dataset
    has projections so far.
    Raises DriftError where a declared column is not there, the payload tells its figures apart by a column that is not
    declared, a status flag is new or a multiplier is another than the declared one; a row that cannot become an
    observation goes to `quarantine` with its reason, and is never dropped.
    """
    pages = {sha: as_called(page, dataset) for sha, page in pages.items()}
    table = pa.concat_tables([with_snapshot(t.data, sha) for sha, t in pages.items()], promote_options="default")
    n = table.num_rows
    problems = Problems(n)
    table = with_combined(table, dataset)
    _require_columns(table, dataset)
    require_always(table, dataset)
    _require_dimensions(table, dataset, dict.fromkeys(same for page in pages.values() for same in page.dimensions))
    require_free(table, dataset.id, _declared(dataset))
    require_calendar(table, dataset.id)
    snapshot, place = coded(table[SNAPSHOT]), coded(table[PLACE])
    line = table[ROW].combine_chunks().to_numpy(zero_copy_only=False)
    raw = pl.Series(VALUE, table[VALUE].cast(pa.string()))
    cells_of = _cells_of(table)

    _of_reader(table, dataset, problems)
    select(table, dataset, partial(codes.columns, dataset.id), problems)
    scale = multipliers(table, dataset, problems, place, line)

    mapped: dict[str, Coded] = {}
    flags: dict[str, Coded] = {}
    unclear = {concept: np.zeros(n, dtype=bool) for concept in _STATUS}
    parts: Column | None = None
    for concept, how in dataset.concepts.items():
        if isinstance(how, str):
            (flags if concept in _STATUS else mapped)[concept] = constant(how, n)
        elif concept == "time_period":
            mapped[concept] = periods(how, coded(table[how.column]), problems, dataset.projected_to or last_year)
            require_detail(table, mapped[concept], how, problems)
        elif concept in _STATUS:
            cells = coded(table[how.column])
            flags[concept], unclear[concept] = _flags(concept, how, cells, dataset, codes, problems)
        elif concept == "subdivision":
            parts = how  # of which area has to be known first
        else:
            cells = coded(table[how.column])
            mapped[concept] = _map(concept, how, cells, dataset, codes, concepts, problems)
    named = UNITS.empty_table()
    if parts is not None:
        listed = {unit.column: codes.of(dataset.id, unit.column, "subdivision") for unit in parts.chain}
        units = Subdivisions.read(concepts)
        mapped["subdivision"], named = subdivided(table, parts, mapped["ref_area"], listed, units, problems)
    require_point_within(mapped["time_period"], dataset, problems)
    require_frequency(table, mapped["time_period"], dataset, problems)
    obs = dataset.concepts.get("obs_status")
    if isinstance(obs, Column) and codes.of(dataset.id, obs.column, "conf_status"):
        # a flag of the figure may say that it is confidential, where the column for that says nothing
        implied, also = _flags("conf_status", obs, coded(table[obs.column]), dataset, codes, problems)
        flags["conf_status"] = said_first(flags.get("conf_status"), implied)
        unclear["conf_status"] |= also
    markers = {c: codes.of(dataset.id, VALUE, c) for c in (*_STATUS, "missing_reason")}
    figures = figures_of(raw, scale, dataset, markers, flags, problems, concepts)
    other = mapped.get("counterpart_area", constant(DEFAULTS["counterpart_area"], n))
    figures = of_areas(figures, mapped["ref_area"], other, mapped["time_period"], concepts)
    noted = mapped.get("note", Coded(np.full(n, -1, dtype=np.int64), []))
    if "note" not in dataset.concepts and NOTE in table.column_names:
        noted = coded(table[NOTE])
    if isinstance(obs, Column):
        of_flag, words = (codes.of(dataset.id, obs.column, concept) for concept in ("obs_status", "note"))
        noted = with_flags(noted, coded(table[obs.column]), obs, of_flag, words, figures.obs_status)
    mapped["note"] = noted
    if "freq" not in mapped:
        mapped["freq"] = frequencies(mapped["time_period"])
    for dimension, default in DEFAULTS.items():
        mapped.setdefault(dimension, constant(default, n))
    mapped["source"] = constant(source, n)
    mapped["dataset"] = constant(dataset.id, n)
    mapped["unit_mult"] = scale
    mapped["reference_point"] = constant(dataset.reference_point, n)
    mapped["missing_reason"] = _reasons(mapped.get("missing_reason"), figures, dataset, problems)
    mapped["conf_status"] = figures.conf_status
    for attribute in SHARED_ATTRIBUTES:
        mapped.setdefault(attribute, Coded(np.full(n, -1, dtype=np.int64), []))

    problems.add(not_broken_down(table, dataset, figures.value), "declared_ignored", *dataset.wholes, explained=True)
    numbers, keys = combine([mapped[d] for d in SERIES_DIMENSIONS], "")
    attributes, combinations = combine([mapped[a] for a in SHARED_ATTRIBUTES], None)
    period = mapped["time_period"]
    _duplicates(table, dataset, numbers, period, figures, attributes, problems)
    _bounds(mapped["indicator"], figures.value, problems, concepts)

    told = _told(raw, figures, unclear["conf_status"])
    fine = problems.fine
    series_ids = np.asarray([series_id(key) for key in keys], dtype=np.int64)
    attribute_ids = np.asarray([attribute_id(c) for c in combinations], dtype=np.int64)
    facts = pa.table(
        {
            "series_id": series_ids[numbers] if n else series_ids,
            "time_id": time_ids(period),
            "value": figures.value.to_arrow(),
            "obs_status": dictionary(figures.obs_status),
            "attribute_id": attribute_ids[attributes] if n else attribute_ids,
            "raw": raw.to_arrow().cast(pa.string()),
            "snapshot": dictionary(snapshot),
            "place": dictionary(place),
            "row": line,
        }
    ).filter(pa.array(fine))
    facts = facts.take(pc.sort_indices(facts, [("series_id", "ascending"), ("time_id", "ascending")]))
    used = np.zeros(len(keys), dtype=bool)
    used[numbers[fine]] = True
    used_attributes = np.zeros(len(combinations), dtype=bool)
    used_attributes[attributes[fine]] = True
    return Harmonised(
        series=_records("series_id", series_ids, SERIES_DIMENSIONS, keys, used),
        attributes=_records("attribute_id", attribute_ids, SHARED_ATTRIBUTES, combinations, used_attributes),
        facts=facts,
        quarantine=_quarantine(table, told, snapshot, place, line, problems, cells_of, dataset, concepts),
        explained=_explained(pages, snapshot, place, line, problems, cells_of),
        landed={sha: page.landed for sha, page in pages.items()},
        units=units_of(named, mapped["subdivision"], fine),
        labels=labels_of(table, [page.labels for page in pages.values()], _declared(dataset)),
    )


def _reasons(said: Coded | None, figures: Figures, dataset: Dataset, problems: Problems) -> Coded:
    """Why figures are missing: as a column says, where there is one, else as their status says."""
    if said is None:
        return figures.missing_reason
    how = dataset.concepts["missing_reason"]
    there = figures.value.is_not_null().to_numpy()
    problems.add(there & (said.codes >= 0), "contradiction", how.column if isinstance(how, Column) else VALUE)
    return said_first(said, figures.missing_reason)


def _cells_of(table: pa.Table) -> Ints:
    """How many cells of the payload each row stands for: one, but for figures that were made from records."""
    if RECORDS not in table.column_names:
        return np.ones(table.num_rows, dtype=np.int64)
    found: Ints = table[RECORDS].to_numpy()
    return found


def _of_reader(table: pa.Table, dataset: Dataset, problems: Problems) -> None:
    """What the reader could not read of a record, noted as what it is."""
    if PROBLEM not in table.column_names:
        return
    said = coded(table[PROBLEM])
    how = dataset.concepts["time_period"]
    of_period = how.column if isinstance(how, Column) else VALUE
    for code, reason in enumerate(said.values):
        problems.add(said.codes == code, reason, of_period if reason == "bad_period" else VALUE)


def _require_columns(table: pa.Table, dataset: Dataset) -> None:
    wanted = _declared(dataset) - set(dataset.always)
    missing = wanted - set(table.column_names)
    if missing:
        there = ", ".join(c for c in table.column_names if not c.startswith("_"))
        raise DriftError(
            f"dataset {dataset.id}: the declared columns {sorted(missing)} are not in the payload, which has {there}; "
            "the publisher renamed or removed them: mend source.yaml"
        )


def _mapped(dataset: Dataset) -> set[str]:
    """The columns that become a concept of ours, and those that they are made of."""
    mapped = {c for how in dataset.concepts.values() if isinstance(how, Column) for c in how.read}
    mapped |= {dataset.unit_mult.column} if isinstance(dataset.unit_mult, Multiplier) else set()
    return mapped.union(*map(dataset.parts_of, mapped))


def _declared(dataset: Dataset) -> set[str]:
    """The columns of which source.yaml says something, and those that they are made of."""
    return _mapped(dataset).union(dataset.only, dataset.always, *map(dataset.parts_of, dataset.only))


def _require_dimensions(table: pa.Table, dataset: Dataset, dimensions: Iterable[tuple[str, ...]]) -> None:
    """By what the publisher tells its figures apart, a dataset tells them apart too, or keeps one code of it.

    The figures of women alone would pass for those of both sexes, and equal figures of two groups for one.
    """
    declared = _declared(dataset)
    found = []
    for same in dimensions:
        if declared.isdisjoint(same) and same[0] in table.column_names:
            codes = [v for v in pc.unique(table[same[0]]).to_pylist() if v is not None and v.strip()]
            if codes:
                more = f" and {len(codes) - 4} more" if len(codes) > 4 else ""
                found.append(f"{same[0]} ({', '.join(codes[:4])}{more})")
    if found:
        further = ", or in `reader.attributes` that it is no dimension" if hasattr(dataset.reader, "attributes") else ""
        raise DriftError(
            f"dataset {dataset.id}: the payload tells its figures apart by columns that source.yaml does not declare: "
            f"{'; '.join(found)}; say for each in `concepts` what it means, or in `only` which of its codes are "
            f"kept{further}"
        )


def _bounds(indicator: Coded, value: pl.Series, problems: Problems, concepts: Folders) -> None:
    """A figure outside what its indicator can be (indicator.csv: min_value, max_value) is not believed."""
    catalogue = read_codelist(concepts, "indicator")
    unknown = [v for v in indicator.values if v not in catalogue]
    if unknown:
        raise DeclarationError(
            f"the indicators {unknown} are in no codelist `indicator`; add them, or map them to one that is"
        )
    low = [float(catalogue.rows[v]["min_value"] or "-inf") for v in indicator.values]
    high = [float(catalogue.rows[v]["max_value"] or "inf") for v in indicator.values]
    figures = value.fill_null(0.0).to_numpy()
    present = ~value.is_null().to_numpy()
    least = np.asarray([*low, -np.inf])[indicator.codes]
    most = np.asarray([*high, np.inf])[indicator.codes]
    problems.add(present & ((figures < least) | (figures > most)), "out_of_bounds", VALUE)


def _duplicates(
    table: pa.Table,
    dataset: Dataset,
    numbers: Ints,
    period: Coded,
    figures: Figures,
    attributes: Ints,
    problems: Problems,
) -> None:
    """The same cell twice: one of equal ones is kept, and none of contradicting ones ("last wins" is a guess).

    Equal are those that no column of the publisher tells apart, but for the mapped ones, whose codes may mean the
    same, and for the case of letters: 5 women and 5 men are two figures. The columns that differ are named.
    """
    fine, n = np.flatnonzero(problems.fine), table.num_rows
    if not len(fine):
        return
    key = numbers[fine] * (len(period.values) + 1) + period.codes[fine]
    order = np.argsort(key, kind="stable")
    same = np.flatnonzero(key[order][1:] == key[order][:-1])
    if not len(same):
        return
    repeated = np.isin(key, key[order][same])
    at = fine[repeated]
    said = {"status": figures.obs_status.codes[at], "attribute": attributes[at]}
    own = [name for name in table.column_names if name not in _OURS]
    for name in own:
        cells = coded(table[name])
        texts = [" ".join(v.split()).casefold() for v in cells.values]
        index = {text: i for i, text in enumerate(dict.fromkeys(("", *texts)))}
        said[f"own {name}"] = take([index[text] for text in texts], cells.codes[at], 0)
    frame = pl.DataFrame({"at": at, "key": key[repeated], "value": figures.value.gather(at), **said})
    value = pl.col("value")
    one_value = (value.null_count() == pl.len()) | ((value.null_count() == 0) & (value.min() == value.max()))
    groups = frame.group_by("key", maintain_order=True).agg(
        pl.col("at").min().alias("first"), one_value, *(pl.col(name).min() != pl.col(name).max() for name in said)
    )
    unmapped = [name for name in own if name not in _mapped(dataset)]
    decisive = ["status", "attribute", *(f"own {name}" for name in unmapped)]
    frame = (
        frame.select("at", "key")
        .join(groups, on="key", how="left", maintain_order="left")
        .with_columns(equal=pl.col("value") & ~pl.any_horizontal(decisive))
    )
    if RECORDS in table.column_names:  # equal sums of two groups of records are no repeats
        frame = frame.with_columns(equal=pl.lit(False))
    problems.add(
        _mask(n, frame.filter(pl.col("equal") & (pl.col("at") != pl.col("first")))["at"]),
        "identical_duplicate",
        explained=True,
    )
    columns = [f"own {name}" for name in own]
    for differs, part in frame.filter(~pl.col("equal")).group_by(columns, maintain_order=True):
        differing = [name for name, other in zip(own, differs, strict=True) if other]
        telling = [name for name in differing if name in unmapped]
        problems.add(_mask(n, part["at"]), "conflicting_duplicate", *(telling or differing))


def _mask(n: int, at: pl.Series) -> Mask:
    rows = np.zeros(n, dtype=bool)
    rows[at.to_numpy()] = True
    return rows


def _records(
    id_name: str, ids: Ints, names: Sequence[str], rows: Sequence[tuple[str | None, ...]], used: Mask
) -> pa.Table:
    columns = {id_name: pa.array(ids, pa.int64())}
    for i, name in enumerate(names):
        columns[name] = pa.array([row[i] for row in rows], pa.string())
    return pa.table(columns).filter(pa.array(used))


def _told(raw: pl.Series, figures: Figures, unclear: Mask) -> pl.Series:
    """What stands in the cells, for people to see: of a figure that is or may be confidential, only that it is one."""
    free = take([conf == "F" for conf in figures.conf_status.values], figures.conf_status.codes, 1).astype(bool)
    return raw.set(pl.Series(~free | unclear) & raw.str.contains(r"\d").fill_null(value=False), "(confidential)")


def _quarantine(
    table: pa.Table,
    raw: pl.Series,
    snapshot: Coded,
    place: Coded,
    line: Ints,
    problems: Problems,
    cells_of: Ints,
    dataset: Dataset,
    concepts: Folders,
) -> pa.Table:
    """One row per cell, or figure made from records, that is no observation: where, why, what stands there."""
    frames = []
    for number, (reason, columns, explained) in enumerate(problems.kinds, start=1):
        rows = np.flatnonzero(problems.reason == number)
        if explained or not len(rows):
            continue
        code = _codes_at(table, [c for c in columns if c != VALUE], rows)
        suggestions = _suggestions(code, columns[0], dataset, concepts) if reason == "unknown_code" else {}
        suggestion = code.replace_strict(suggestions, default=None, return_dtype=pl.String)
        if reason == "bad_period" and len(columns) > 1:
            suggestion = pl.Series([_OTHER_PERIOD.format(*columns)]).new_from_index(0, len(rows))
        if reason == "conflicting_duplicate" and (columns or dataset.aggregate is not None):
            suggestion = pl.Series([_how_to_tell_apart(columns, dataset)]).new_from_index(0, len(rows))
        frames.append(
            pl.DataFrame(
                {
                    "snapshot": [snapshot.values[c] for c in snapshot.codes[rows]],
                    "place": [
                        place.values[c].replace("{}", str(r))
                        for c, r in zip(place.codes[rows], line[rows], strict=True)
                    ],
                    "reason": [reason] * len(rows),
                    "column": [", ".join(columns)] * len(rows),
                    "code": code,
                    "raw": raw.gather(rows).cast(pl.String),
                    "suggestion": suggestion,
                    "cells": cells_of[rows],
                }
            )
        )
    texts = ("snapshot", "place", "reason", "column", "code", "raw", "suggestion")
    empty = pl.DataFrame(schema={**dict.fromkeys(texts, pl.String), "cells": pl.Int64})
    return (
        (pl.concat(frames) if frames else empty)
        .to_arrow()
        .cast(pa.schema([*((c, pa.string()) for c in texts), ("cells", pa.int64())]))
    )


def _codes_at(table: pa.Table, columns: Sequence[str], rows: Ints) -> pl.Series:
    """What the publisher's columns say in these rows, one after another; null where there is no column."""
    if not columns:
        return pl.Series([None] * len(rows), dtype=pl.String)
    cells = [pl.Series(table[column].take(rows).cast(pa.string())).cast(pl.String) for column in columns]
    return cells[0] if len(cells) == 1 else pl.select(pl.concat_str(cells, separator=", ")).to_series()


def _how_to_tell_apart(columns: Sequence[str], dataset: Dataset) -> str:
    if dataset.aggregate is not None:
        several = ", ".join(columns or dataset.aggregate.by)
        return f"several spellings of {several} mean the same: say in `aggregate.same` with which they are counted"
    unmapped = [column for column in columns if column not in _mapped(dataset)]
    if unmapped:
        return f"declare {', '.join(unmapped)} in `concepts`, or keep one code of it with `only`"
    several = f"several codes of {', '.join(columns)} one meaning"
    return f"codes.csv, or the scheme where it has no line, gives {several}: say in codes.csv what each of them is"


def _suggestions(codes: pl.Series, column: str, dataset: Dataset, concepts: Folders) -> dict[str, str]:
    """Unknown code → the closest known one, for a person to consider; never used by itself."""
    concept, scheme = next(
        (
            (c, how.scheme or "")
            for c, how in dataset.concepts.items()
            if isinstance(how, Column) and how.column == column
        ),
        ("", ""),
    )
    codelist = codelist_of(concepts, concept)
    if codelist is None:
        return {}
    names = {row[c]: code for code, row in codelist.rows.items() for c in row if c.startswith("name_") and row[c]}
    names |= {code: code for code in codelist.rows}
    found = {}
    for code in codes.drop_nulls().unique().sort().head(200).to_list():
        may_mean = codelist.may_mean(scheme, code)
        if may_mean:
            found[code] = f"not clear: {may_mean}"
            continue
        close = difflib.get_close_matches(code, names, n=1, cutoff=0.8)
        if close:
            found[code] = f"{names[close[0]]} ({close[0]})"
    return found


def _explained(
    pages: Mapping[str, TextTable], snapshot: Coded, place: Coded, line: Ints, problems: Problems, cells_of: Ints
) -> pa.Table:
    """Cells that are counted, but are no figures: by the reader, by declaration, or as repeats."""
    rows = [
        {"snapshot": sha, "reason": e.reason, "count": e.count, "example": e.example}
        for sha, page in pages.items()
        for e in page.explained
        if e.count
    ]
    kinds = [
        (reason, np.flatnonzero(problems.reason == number), cells_of)
        for number, (reason, _, explained) in enumerate(problems.kinds, start=1)
        if explained
    ]
    # of the records of a figure one is the observation
    kinds.append(("aggregated", np.flatnonzero(problems.fine & (cells_of > 1)), cells_of - 1))
    for reason, at, counted in kinds:
        for code, sha in enumerate(snapshot.values):
            here = at[snapshot.codes[at] == code]
            if len(here):
                example = place.values[place.codes[here[0]]].replace("{}", str(line[here[0]]))
                rows.append({"snapshot": sha, "reason": reason, "count": int(counted[here].sum()), "example": example})
    schema = pa.schema(
        [("snapshot", pa.string()), ("reason", pa.string()), ("count", pa.int64()), ("example", pa.string())]
    )
    return (
        pa.Table.from_pylist(rows, schema=schema)
        .group_by(["snapshot", "reason"])
        .aggregate([("count", "sum"), ("example", "min")])
        .rename_columns(["snapshot", "reason", "count", "example"])
    )


# -- for people and programs --------------------------------------------------------------------------------------


def wide(harmonised: Harmonised, slice_id: str) -> pl.DataFrame:
    """Observations in the columns of observation.COLUMNS, text and numbers, sorted by key."""
    from migstats.observation import COLUMNS, period_of

    facts = pl.from_arrow(harmonised.facts)
    series = pl.from_arrow(harmonised.series)
    attributes = pl.from_arrow(harmonised.attributes)
    assert isinstance(facts, pl.DataFrame)
    assert isinstance(series, pl.DataFrame)
    assert isinstance(attributes, pl.DataFrame)
    frame = facts.join(series, on="series_id").join(attributes, on="attribute_id")
    bounds = []
    for time, reference in frame.select("time_id", "reference_point").unique().iter_rows():
        period = period_of(time)
        _, first, last = period_bounds(period)
        bounds.append((time, reference, period, first, last, point_in_time(reference, first, last)))
    names = ("time_period", "period_start", "period_end", "point_in_time")
    dates_of = dict.fromkeys(names[1:], pl.Date)
    schema = {"time_id": pl.Int32, "reference_point": pl.String, "time_period": pl.String, **dates_of}
    dates = pl.DataFrame(bounds, schema=schema, orient="row")
    text = [pl.col(c).cast(pl.String) for c in ("obs_status", "snapshot", "place")]
    return (
        frame.with_columns(*text)
        .join(dates, on=["time_id", "reference_point"], how="left")
        .with_columns(
            place=pl.struct("place", "row").map_elements(
                lambda at: at["place"].replace("{}", str(at["row"])), return_dtype=pl.String
            )
            if frame.height
            else pl.lit(None, pl.String),
            slice=pl.lit(slice_id),
        )
        .select(COLUMNS)
        .sort(*SERIES_DIMENSIONS, "time_period")
    )


def last_plausible_year(retrieved: dt.date) -> int:
    """The last year that a figure may be about: the year after it was retrieved (projections come as forecasts)."""
    return retrieved.year + 1
