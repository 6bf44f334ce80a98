"""OpenLineage datasets of a step: what it read and wrote, column by column, from the declaration and what it told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    InputDatasetFacet,
    OutputDatasetFacet,
    base_subset_dataset,
    column_lineage_dataset,
    dataset_version_dataset,
    datasource_dataset,
    documentation_dataset,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    schema_dataset,
)

from migstats.observation import DEFAULTS, PLACE, SERIES_DIMENSIONS, SHARED_ATTRIBUTES
from migstats.readers import VALUE
from migstats.redaction import redact
from migstats.source import Column, Dataset, Multiplier, Slice, Source

if TYPE_CHECKING:  # a task that begins waits for its event, and these take seconds to import
    from migstats.candidate import Candidate
    from migstats.landing import Landed
    from migstats.publish import Publication
    from migstats.reading import Read
    from migstats.vintage import Counts

#: Columns of the observations in the lake, whichever of their Parquet files each one is in.
OBSERVATION: Final = (*SERIES_DIMENSIONS, "time_period", "value", "obs_status", *SHARED_ATTRIBUTES, *PLACE)

#: Table of the warehouse → its column → the columns of an observation that it is made of.
#: A column that is missing here is about the load, not about what the publisher said.
_CORE: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "core.series": {"series_id": SERIES_DIMENSIONS, **{name: (name,) for name in SERIES_DIMENSIONS}},
    "core.attributes": {"attribute_id": SHARED_ATTRIBUTES, **{name: (name,) for name in SHARED_ATTRIBUTES}},
    "core.observation": {
        "source": ("source",),
        "series_id": SERIES_DIMENSIONS,
        "time_id": ("time_period",),
        "value": ("value",),
        "obs_status": ("obs_status",),
        "attribute_id": SHARED_ATTRIBUTES,
        "place_id": ("snapshot", "place"),
        "place_row": ("place",),
        "raw": ("raw",),
    },
    "core.subdivision_name": {
        **{name: (name,) for name in ("source", "dataset", "subdivision")},
        "name": ("subdivision",),
    },
}

#: Column of bi.observation_all → tables and columns that it is made of, where not of the one of the same name.
_SAME_NAME: Final = ("core.series", "core.attributes")
_PUBLISHED: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "observation_id": (
        ("core.observation", "source"),
        ("core.observation", "series_id"),
        ("ref.period", "time_period"),
    ),
    "time_period": (("ref.period", "time_period"),),
    "year": (("ref.period", "period_start"),),
    "value": (("core.observation", "value"),),
    "published_value": (("core.observation", "value"),),
    "is_total": (("core.observation", "value"), *(("core.series", name) for name in SERIES_DIMENSIONS)),
    "obs_status": (("core.observation", "obs_status"),),
    "point_in_time": (
        ("core.attributes", "reference_point"),
        ("ref.period", "period_start"),
        ("ref.period", "period_end"),
    ),
    "release": (("ops.vintage", "release"),),
    "vintage": (("core.observation", "vintage_from"),),
    "subdivision_matched": (("core.series", "subdivision"), ("ref.subdivision", "matched")),
    "subdivision_published": (("core.subdivision_name", "name"), ("ref.subdivision", "name_en")),
    "match_level": (("ref.subdivision", "level"),),
    "preferred": (("core.observation", "value"), ("core.observation", "source")),
    "why_preferred": (("core.observation", "value"), ("core.observation", "source")),
    "method": (("core.observation", "source"),),
    "disclosure": (("core.observation", "value"),),
}

#: Step of `maintain` → the tables and views that its statements read.
READ_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "verify": ("raw.snapshot", "ops.verification"),
    "freshness": (
        "ops.load_summary",
        "ops.load_snapshot",
        "ops.explained",
        "ops.validation_result",
        "ops.outcome",
        "ops.open_decision",
        "ops.verification",
        "ops.standing_alert",
        "raw.snapshot",
    ),
    "tell": ("ops.alert", "ops.alert_told", "ops.silence"),
    "tidy": ("ops.slice_state", "ops.unfinished"),
}

#: Step of `maintain` → table that it writes → its column → the tables and columns that it is made of.
#: A column that is missing here comes from the declarations, the settings or the clock.
WRITTEN_BY: Final[Mapping[str, Mapping[str, Mapping[str, tuple[tuple[str, str], ...]]]]] = {
    "verify": {
        "ops.verification": {
            "sha256": (("raw.snapshot", "sha256"),),
            "found": (("raw.snapshot", "sha256"),),
        },
    },
    "freshness": {
        "ops.freshness": {
            "state": (("ops.load_summary", "at"), ("ops.outcome", "status"), ("ops.outcome", "at")),
            "overdue": (("ops.load_summary", "at"),),
            "loaded_at": (("ops.load_summary", "at"),),
            "details": (("ops.load_summary", "at"), ("ops.outcome", "at")),
        },
        "ops.alert": {
            "message": (
                *(("ops.load_summary", name) for name in ("at", "loaded", "unchanged", "quarantined")),
                ("ops.explained", "cells"),
                *(("ops.outcome", name) for name in ("step", "slice", "error_class", "message")),
                *(("ops.open_decision", name) for name in ("candidate_id", "breaches", "judged_at")),
                *(("ops.verification", name) for name in ("sha256", "found")),
                ("ops.validation_result", "failing"),
                ("ops.standing_alert", "message"),
                ("raw.snapshot", "slice"),
            ),
        },
    },
    "tell": {"ops.alert_told": {"alert_id": (("ops.alert", "alert_id"),)}},
    "tidy": {
        "ops.outcome": {
            **{name: (("ops.unfinished", name),) for name in ("run_id", "source", "step", "slice", "attempt_id")},
            "message": (("ops.unfinished", "number"), ("ops.unfinished", "host")),
        },
    },
}

#: Every table and view of the warehouse that a step names.
TABLES: Final = tuple(
    dict.fromkeys(
        (
            *_CORE,
            "ref.period",
            "ref.subdivision",
            "ops.candidate",
            "ops.quarantine",
            "ops.validation_result",
            "ops.vintage",
            "bi.observation_all",
            *(table for tables in READ_BY.values() for table in tables),
            *(table for tables in WRITTEN_BY.values() for table in tables),
        )
    )
)

Fields = Sequence[schema_dataset.SchemaDatasetFacetFields]


@dataclass(frozen=True)
class Lineage:
    """The datasets that a step read and wrote."""

    inputs: tuple[InputDataset, ...] = ()
    outputs: tuple[OutputDataset, ...] = ()


@dataclass(frozen=True)
class Lake:
    """Where snapshots (by sha256) and the tables between steps (by relative path) lie."""

    snapshot: Callable[[str], Path]
    folder: Callable[[str], Path]


@dataclass(frozen=True)
class Warehouse:
    """The database by its OpenLineage name, and the columns of TABLES as it holds them."""

    namespace: str
    database: str
    columns: Mapping[str, Fields]


def warehouse_of(url: str, columns: Iterable[Mapping[str, str | None]]) -> Warehouse:
    """The warehouse at a URL, without user and password; `columns` are rows of `report/columns.sql`."""
    parts = urlsplit(url)
    server = parts.netloc.rpartition("@")[2] or "localhost"
    port = "" if ":" in server.rpartition("]")[2] else ":5432"
    fields: dict[str, list[schema_dataset.SchemaDatasetFacetFields]] = {}
    for row in columns:
        field = schema_dataset.SchemaDatasetFacetFields(
            name=row["column_name"] or "", type=row["data_type"], description=row["comment"]
        )
        fields.setdefault(row["table_name"] or "", []).append(field)
    return Warehouse(f"postgres://{server}{port}", parts.path.strip("/"), fields)


def appended_files(transport: str) -> list[Path]:
    """The files of this machine to which an OpenLineage transport (Airflow's setting, JSON) adds events."""
    try:
        configured = json.loads(transport or "{}")
    except ValueError:
        return []  # Airflow's provider says what is wrong with it
    found = configured.get("transports", {})
    each = [configured, *(found.values() if isinstance(found, Mapping) else found)]
    paths = [str(one["log_file_path"]) for one in each if one.get("type") == "file" and one.get("append")]
    return [Path(path.removeprefix("file://")) for path in paths if "://" not in path.removeprefix("file://")]


# -- columns ----------------------------------------------------------------------------------------------------


def published_columns(dataset: Dataset) -> tuple[str, ...]:
    """The publisher's columns that are read, by their names in the text table; `_value` is the figure."""
    read = [column for how in dataset.concepts.values() if isinstance(how, Column) for column in how.read]
    power = [dataset.unit_mult.column] if isinstance(dataset.unit_mult, Multiplier) else []
    parts = (part for column in (*read, *power, *dataset.only) for part in dataset.parts_of(column))
    return tuple(dict.fromkeys([*parts, VALUE]))


def origins(dataset: Dataset) -> dict[str, tuple[str, ...]]:
    """Column of an observation → the publisher's columns that it is made of; what is constant is not in it."""
    of: dict[str, tuple[str, ...]] = {
        name: tuple(part for column in how.read for part in dataset.parts_of(column))
        for name, how in dataset.concepts.items()
        if isinstance(how, Column)
    }
    of["value"] = of["raw"] = (VALUE,)
    if isinstance(dataset.unit_mult, Multiplier):
        of["unit_mult"] = (dataset.unit_mult.column,)
        of["value"] = (VALUE, dataset.unit_mult.column)
    # Flags that the status does not tell stand in the note.
    if isinstance(dataset.concepts.get("obs_status"), Column):
        of["note"] = (*of.get("note", ()), *of["obs_status"])
    # A text in place of a figure says why there is none.
    for status in ("obs_status", "conf_status"):
        of[status] = (*of.get(status, ()), VALUE)
    of["missing_reason"] = of["obs_status"]
    if dataset.aggregate is not None and dataset.aggregate.figure == "sum" and "note" not in dataset.concepts:
        of["note"] = (VALUE,)  # of how many records it is not the sum
    if "time_period" in of and "freq" not in dataset.concepts:
        of["freq"] = of["time_period"]
    return {name: of[name] for name in OBSERVATION if name in of}


def _observation_fields(source: Source, dataset: Dataset) -> Fields:
    constants = {
        **DEFAULTS,
        **{name: how for name, how in dataset.concepts.items() if isinstance(how, str)},
        "source": source.id,
        "dataset": dataset.id,
        **({} if isinstance(dataset.unit_mult, Multiplier) else {"unit_mult": str(dataset.unit_mult)}),
        "reference_point": dataset.reference_point,
    }
    made = origins(dataset)
    return [
        schema_dataset.SchemaDatasetFacetFields(
            name=name,
            type="double" if name == "value" else "string",
            description=f"always {constants[name]}" if name in constants and name not in made else None,
        )
        for name in OBSERVATION
    ]


def _field(at: InputDataset | OutputDataset, column: str, *, same: bool = True) -> column_lineage_dataset.InputField:
    how = column_lineage_dataset.Transformation("DIRECT", "IDENTITY" if same else "TRANSFORMATION")
    return column_lineage_dataset.InputField(at.namespace, at.name, column, [how])


def _column_lineage(
    made_of: Mapping[str, Sequence[column_lineage_dataset.InputField]],
    filtered_by: Sequence[column_lineage_dataset.InputField] = (),
) -> dict[str, DatasetFacet]:
    fields = {name: column_lineage_dataset.Fields(list(inputs)) for name, inputs in made_of.items()}
    return {"columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(fields, list(filtered_by))}


def _schema(fields: Fields) -> dict[str, DatasetFacet]:
    return {"schema": schema_dataset.SchemaDatasetFacet(list(fields))}


def _version(version: str) -> dict[str, DatasetFacet]:
    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(version)}


def _read_in(
    rows: int | None = None, size: int | None = None, files: int | None = None
) -> dict[str, InputDatasetFacet]:
    statistics = input_statistics_input_dataset.InputStatisticsInputDatasetFacet(rows, size, files)
    return {"inputStatistics": statistics}


def _written(
    rows: int | None = None, size: int | None = None, files: int | None = None
) -> dict[str, OutputDatasetFacet]:
    statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rows, size, files)
    return {"outputStatistics": statistics}


# -- the datasets -----------------------------------------------------------------------------------------------


def _publisher(source: Source, slice_: Slice) -> InputDataset:
    """What the publisher serves at the URL of a slice; no secret of the URL is in its name."""
    dataset = source.dataset(slice_.dataset)
    url = urlsplit(redact(slice_.url))
    server = url.netloc.rpartition("@")[2]
    said = f"{dataset.title}. {source.citation} Licence: {source.licence.id}"
    return InputDataset(
        namespace=f"{url.scheme}://{server}",
        name=url.path.lstrip("/") + (f"?{url.query}" if url.query else ""),
        facets={
            **_text_table(dataset),
            **(_version(slice_.release) if slice_.release else {}),
            "dataSource": datasource_dataset.DatasourceDatasetFacet(source.publisher, source.homepage),
            "documentation": documentation_dataset.DocumentationDatasetFacet(said, "text/plain"),
        },
    )


def _text_table(dataset: Dataset) -> dict[str, DatasetFacet]:
    return _schema([schema_dataset.SchemaDatasetFacetFields(n, "string") for n in published_columns(dataset)])


def _snapshot(lake: Lake, sha: str, dataset: Dataset) -> InputDataset:
    facets = {**_text_table(dataset), **_version(sha)}
    return InputDataset(namespace="file", name=lake.snapshot(sha).as_posix(), facets=facets)


def _observations_name(lake: Lake, source: Source, dataset_id: str) -> str:
    return lake.folder(f"observations/{source.id}/{dataset_id}").as_posix()


def _folders(lake: Lake, reads: Iterable[Read]) -> base_subset_dataset.LocationSubsetCondition:
    return base_subset_dataset.LocationSubsetCondition([lake.folder(read.folder).as_posix() for read in reads])


def _observations(lake: Lake, source: Source, reads: Sequence[Read]) -> list[InputDataset]:
    """The observations of each dataset among `reads`; which folders of them were read is a subset of it."""
    found = []
    for dataset in source.datasets:
        of = [read for read in reads if read.dataset == dataset.id]
        if of:
            rows, files = sum(read.observations for read in of), len(of)
            subset = base_subset_dataset.InputSubsetInputDatasetFacet(_folders(lake, of))
            found.append(
                InputDataset(
                    namespace="file",
                    name=_observations_name(lake, source, dataset.id),
                    facets=_schema(_observation_fields(source, dataset)),
                    inputFacets={**_read_in(rows, files=files), "subset": subset},
                )
            )
    return found


def _table(warehouse: Warehouse, table: str) -> InputDataset:
    uri = f"{warehouse.namespace}/{warehouse.database}"
    return InputDataset(
        namespace=warehouse.namespace,
        name=f"{warehouse.database}.{table}",
        facets={
            **_schema(warehouse.columns.get(table, ())),
            "dataSource": datasource_dataset.DatasourceDatasetFacet("warehouse", uri),
        },
    )


def _as_output(
    dataset: InputDataset,
    facets: Mapping[str, DatasetFacet] | None = None,
    written: Mapping[str, OutputDatasetFacet] | None = None,
) -> OutputDataset:
    return OutputDataset(
        namespace=dataset.namespace,
        name=dataset.name,
        facets={**(dataset.facets or {}), **(facets or {})},
        outputFacets=dict(written or {}),
    )


# -- the steps --------------------------------------------------------------------------------------------------


def asked(source: Source, slice_: Slice) -> Lineage:
    """What `land` is about to fetch."""
    return Lineage((_publisher(source, slice_),))


def landed(source: Source, landed: Landed, lake: Lake) -> Lineage:
    """What `land` fetched: the publisher's columns are those of the snapshots, byte for byte."""
    dataset = source.dataset(landed.slice.dataset)
    there = _publisher(source, landed.slice)
    facets = {**(there.facets or {}), **_version(landed.slice.release or landed.released_at.isoformat())}
    size = sum(page.bytes for page in landed.pages)
    asked = InputDataset(
        namespace=there.namespace,
        name=there.name,
        facets=facets,
        inputFacets=_read_in(size=size, files=len(landed.pages)),
    )
    same = _column_lineage({name: [_field(there, name)] for name in published_columns(dataset)})
    outputs = [
        _as_output(_snapshot(lake, page.sha256, dataset), same, _written(size=page.bytes, files=1))
        for page in landed.pages
    ]
    return Lineage((asked,), tuple(outputs))


def to_read(dataset: Dataset, snapshots: Iterable[str], lake: Lake) -> Lineage:
    """What `read` is about to read, by sha256."""
    return Lineage(tuple(_snapshot(lake, sha, dataset) for sha in snapshots))


def read(source: Source, reads: Sequence[Read], lake: Lake) -> Lineage:
    """What `read` made of the snapshots of one slice; the newest of its landings is the last of `reads`."""
    newest = reads[-1]
    dataset = source.dataset(newest.dataset)
    snapshots = [_snapshot(lake, sha, dataset) for sha in dict.fromkeys(s for one in reads for s in one.snapshots)]
    made_of = {
        name: [_field(at, column, same=name == "raw") for at in snapshots for column in columns]
        for name, columns in origins(dataset).items()
    }
    selects = column_lineage_dataset.Transformation("INDIRECT", "FILTER")
    selected_by = [
        column_lineage_dataset.InputField(at.namespace, at.name, column, [selects])
        for at in snapshots
        for one in dataset.only
        for column in dataset.parts_of(one)
    ]
    observations = OutputDataset(
        namespace="file",
        name=_observations_name(lake, source, dataset.id),
        facets={
            **_schema(_observation_fields(source, dataset)),
            **_version(newest.made_of),
            **_column_lineage(made_of, selected_by),
        },
        outputFacets={
            **_written(sum(one.observations for one in reads), files=len(reads)),
            "subset": base_subset_dataset.OutputSubsetOutputDatasetFacet(_folders(lake, reads)),
        },
    )
    return Lineage(tuple(snapshots), (observations,))


def checked(source: Source, reads: Sequence[Read], lake: Lake, warehouse: Warehouse) -> Lineage:
    """What `check` judged, and where its judgements are."""
    results = _as_output(_table(warehouse, "ops.validation_result"))
    return Lineage(tuple(_observations(lake, source, reads)), (results,))


def gated(source: Source, reads: Sequence[Read], judged: Candidate, lake: Lake, warehouse: Warehouse) -> Lineage:
    """What `gate` compared, and where the candidate is."""
    inputs = [*_observations(lake, source, reads), _table(warehouse, "core.observation")]
    candidate = _as_output(_table(warehouse, "ops.candidate"), _version(judged.candidate_id))
    return Lineage(tuple(inputs), (candidate,))


def loaded(source: Source, reads: Sequence[Read], counts: Counts, lake: Lake, warehouse: Warehouse) -> Lineage:
    """What `load` wrote: the observations column by column, and what stays in quarantine."""
    inputs = _observations(lake, source, reads)
    version = _version(str(counts.vintage_id)) if counts.vintage_id is not None else {}
    rows = {"core.observation": counts.loaded}
    outputs = []
    for table, made_of in _CORE.items():
        fields = {
            name: [_field(at, column, same=columns == (name,)) for at in inputs for column in columns]
            for name, columns in made_of.items()
        }
        written = _written(rows[table]) if table in rows else {}
        outputs.append(_as_output(_table(warehouse, table), {**_column_lineage(fields), **version}, written))
    outputs.append(_as_output(_table(warehouse, "ops.quarantine"), None, _written(counts.quarantined)))
    return Lineage(tuple(inputs), tuple(outputs))


def checked_warehouse(warehouse: Warehouse) -> Lineage:
    """What `check` of a publish judged, and where its judgements are."""
    inputs = tuple(_table(warehouse, table) for table in _CORE)
    return Lineage(inputs, (_as_output(_table(warehouse, "ops.validation_result")),))


def published(publication: Publication, warehouse: Warehouse) -> Lineage:
    """What `publish` brought `bi` to; its version names the vintage of each source that moved."""
    inputs = {table: _table(warehouse, table) for table in (*_CORE, "ref.period", "ref.subdivision", "ops.vintage")}
    fields = {
        field.name: [_field(inputs[table], column, same=column == field.name) for table, column in _origin(field.name)]
        for field in warehouse.columns.get("bi.observation_all", ())
    }
    version = ", ".join(f"{source} {vintage}" for source, vintage in sorted(publication.vintages.items()))
    fact = _as_output(
        _table(warehouse, "bi.observation_all"),
        {**_column_lineage(fields), **(_version(version) if version else {})},
        _written(publication.added),
    )
    return Lineage(tuple(inputs.values()), (fact,))


def kept_house(step: str, warehouse: Warehouse) -> Lineage:
    """What a step of `maintain` looked at in the warehouse, and where it is kept what came of it."""
    inputs = {table: _table(warehouse, table) for table in READ_BY[step]}
    outputs = []
    for table, made_of in WRITTEN_BY[step].items():
        fields = {
            name: [_field(inputs[at], column, same=of == ((at, name),)) for at, column in of]
            for name, of in made_of.items()
        }
        outputs.append(_as_output(_table(warehouse, table), _column_lineage(fields)))
    return Lineage(tuple(inputs.values()), tuple(outputs))


def verified(snapshots: Iterable[str], lake: Lake, warehouse: Warehouse) -> Lineage:
    """What `verify` held against their hashes, by sha256: as bytes, whatever columns are in them."""
    kept = kept_house("verify", warehouse)
    files = (InputDataset("file", lake.snapshot(sha).as_posix(), facets=_version(sha)) for sha in snapshots)
    return Lineage((*kept.inputs, *files), kept.outputs)


def tidied(tables: int, lake: Lake, warehouse: Warehouse) -> Lineage:
    """What `tidy` looked at; the tables between steps are among what it changed, where some of them went."""
    kept = kept_house("tidy", warehouse)
    gone = [OutputDataset("file", lake.folder("observations").as_posix())] if tables else []
    return Lineage(kept.inputs, (*kept.outputs, *gone))


def _origin(column: str) -> Sequence[tuple[str, str]]:
    if column in _PUBLISHED:
        return _PUBLISHED[column]
    return [(table, column) for table in _SAME_NAME if column in _CORE[table]][:1]
