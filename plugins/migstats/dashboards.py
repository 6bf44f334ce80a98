"""Dashboards as code: what include/dashboards declares, and the bundle that Apache Superset imports."""

from __future__ import annotations

import io
import json
import os
import re
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from psycopg import sql as composed
from pydantic import Field, ValidationError, model_validator

from migstats import settings
from migstats.errors import DeclarationError
from migstats.facts import read_yaml, wrong_fields
from migstats.layout import Declared, Text
from migstats.source import Id

#: Superset keeps objects apart by UUID: the same name gives the same UUID in every build, and an import renews them.
_NAMESPACE = uuid.UUID("6a0b1c1e-6d0f-5c0b-9a3e-2f6d1a7c4e58")

#: How Superset calls our kinds of charts.
_KINDS = {
    "table": "table",
    "bars": "echarts_timeseries_bar",
    "ranking": "echarts_timeseries_bar",
    "line": "echarts_timeseries_line",
    "map": "world_map",
    "heatmap": "heatmap_v2",
    "flow": "sankey_v2",
}

#: Formats of numbers: as published in tables, 5.95M in pictures.
_EXACT, _SHORT = ",.2~f", "SMART_NUMBER"

Value = str | int | bool
#: A stretch of columns of the twelve that a row of a dashboard has.
Width = Annotated[int, Field(ge=2, le=12)]


class Dataset(Declared):
    """What charts are drawn from: a query of schema bi, include/sql/dashboards/<name>.sql."""

    title: Text
    about: Text
    columns: dict[Id, Literal["text", "integer", "double precision", "boolean", "date", "timestamp with time zone"]]
    metrics: dict[Text, Text] = Field(
        default={}, description="name → expression over the columns; NULL where none of the figures is there"
    )


class Chart(Declared):
    """One picture or table."""

    id: Id
    title: Text
    about: str = ""
    kind: Literal["table", "bars", "ranking", "line", "map", "heatmap", "flow"]
    dataset: Id
    columns: tuple[Id, ...] = Field(default=(), description="of a table, from left to right")
    x: Id | None = Field(
        default=None, description="what is along the axis; of a map ISO3 codes, of a flow where it begins"
    )
    series: Id | None = Field(
        default=None, description="what colours tell apart; of a heatmap its rows, of a flow its end"
    )
    metrics: tuple[Text, ...] = Field(default=(), description="of the dataset's")
    where: dict[Id, Value | tuple[Value, ...]] = Field(default={}, description="column → the value, or one of several")
    present: tuple[Id, ...] = Field(default=(), description="columns that have to hold something for a row to be shown")
    order: tuple[Text, ...] = Field(default=(), description="columns of a table, a - before what descends")
    limit: int = Field(default=1000, ge=1, le=10_000)
    width: Width = 6
    height: int = Field(default=50, ge=10, description="in units of eight pixels")
    axis: str = Field(default="", description="what is measured, in which unit")
    number: str = Field(default="", description="format of D3, where the usual one does not fit")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind == "table":
            if not self.columns or self.metrics or self.x or self.series:
                raise ValueError("a table has `columns`, and neither `metrics` nor `x` nor `series`")
        elif self.columns or not self.x or not self.metrics:
            raise ValueError(f"a chart of kind {self.kind} has `x` and `metrics`, and no `columns`")
        if self.kind in ("heatmap", "flow") and not self.series:
            raise ValueError(f"a chart of kind {self.kind} has `series`")
        return self

    @property
    def grouped(self) -> tuple[str, ...]:
        """The columns that its query groups by, or shows, in their order."""
        return self.columns or tuple(c for c in (self.x, self.series) if c)

    @property
    def named(self) -> tuple[str, ...]:
        """Every column of the dataset that it names."""
        ordered = (o.removeprefix("-") for o in self.order)
        return tuple(dict.fromkeys((*self.grouped, *self.where, *self.present, *ordered)))


class Filter(Declared):
    """A choice beside the charts; it holds for every chart whose dataset has a column of that name."""

    title: Text
    dataset: Id
    column: Id
    about: str = ""
    several: bool = Field(default=True, description="whether several values may be chosen")
    default: Value | None = None
    descending: bool = False
    within: Text | None = Field(default=None, description="title of the filter that narrows the choice")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if not self.several and self.default is None:
            raise ValueError("a filter of one value has a `default`: without, all figures would lie on each other")
        return self


class Dashboard(Declared):
    """A page of charts with its filters."""

    id: Id
    title: Text
    about: Text = Field(description="Markdown above the charts: what is shown and what to beware of")
    filters: tuple[Filter, ...]
    rows: Annotated[tuple[tuple[Chart, ...], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for row in self.rows:
            if sum(chart.width for chart in row) > 12:
                raise ValueError(f"the row of {row[0].id!r} is wider than 12 columns")
        return self

    @property
    def charts(self) -> Iterator[Chart]:
        """All of them, in their order."""
        for row in self.rows:
            yield from row


class _Datasets(Declared):
    datasets: dict[Id, Dataset]


@dataclass(frozen=True)
class Query:
    """What a chart asks of its dataset."""

    dataset: str
    columns: tuple[str, ...]
    #: Name → expression; with none the rows are shown as they are.
    metrics: Mapping[str, str]
    where: Mapping[str, Value | tuple[Value, ...]]
    #: Columns that are not NULL.
    present: tuple[str, ...]
    order: tuple[str, ...]
    limit: int


@dataclass(frozen=True)
class Dashboards:
    """All that include/dashboards declares."""

    datasets: Mapping[str, Dataset]
    dashboards: tuple[Dashboard, ...]

    @property
    def charts(self) -> Iterator[Chart]:
        """Those of all dashboards."""
        for dashboard in self.dashboards:
            yield from dashboard.charts

    def query(self, chart: Chart, chosen: Mapping[str, Value] | None = None) -> Query:
        """What a chart asks; with `chosen` what filters are set to, which hold where its dataset has the column."""
        metrics, there = self.datasets[chart.dataset].metrics, self.datasets[chart.dataset].columns
        return Query(
            chart.dataset,
            chart.grouped,
            {name: metrics[name] for name in chart.metrics},
            chart.where | {column: value for column, value in (chosen or {}).items() if column in there},
            present(chart, self.datasets[chart.dataset]),
            chart.order,
            chart.limit,
        )


def present(chart: Chart, dataset: Dataset) -> tuple[str, ...]:
    """The columns that have to hold something.

    PostgreSQL has NULL before the largest: without this a list of the largest would be one of gaps.
    """
    if chart.kind not in ("ranking", "flow", "map"):
        return chart.present
    measured = re.findall(r"\((\w+)\)", " ".join(dataset.metrics[metric] for metric in chart.metrics))
    return tuple(dict.fromkeys((*chart.present, *measured)))


def folder() -> Path:
    """Where dashboards are declared."""
    return settings.include() / "dashboards"


def sql_of(dataset: str) -> Path:
    """The query of a dataset."""
    return settings.include() / "sql" / "dashboards" / f"{dataset}.sql"


def statement(query: Query) -> composed.Composed:
    """The SQL that a tool sends for a chart, but for its spelling: the largest first where there are metrics."""
    inner = composed.SQL(sql_of(query.dataset).read_text("utf-8").rstrip().rstrip(";"))
    columns = [composed.Identifier(c) for c in query.columns]
    metrics = [composed.SQL(e) + composed.SQL(" AS ") + composed.Identifier(n) for n, e in query.metrics.items()]
    conditions = [
        composed.SQL("{} = ANY({})" if isinstance(v, tuple) else "{} = {}").format(
            composed.Identifier(c), composed.Literal(list(v) if isinstance(v, tuple) else v)
        )
        for c, v in query.where.items()
    ]
    conditions += [composed.SQL("{} IS NOT NULL").format(composed.Identifier(c)) for c in query.present]
    order = [(o.removeprefix("-"), o.startswith("-")) for o in query.order] or [(n, True) for n in query.metrics]
    comma = composed.SQL(", ")
    text = composed.SQL("SELECT {} FROM ({}) AS d").format(comma.join(columns + metrics), inner)
    if conditions:
        text += composed.SQL(" WHERE ") + composed.SQL(" AND ").join(conditions)
    if metrics:
        text += composed.SQL(" GROUP BY ") + comma.join(columns)
    if order:
        sorted_ = [composed.Identifier(n) + composed.SQL(" DESC" if falls else " ASC") for n, falls in order]
        text += composed.SQL(" ORDER BY ") + comma.join(sorted_)
    return text + composed.SQL(" LIMIT {}").format(composed.Literal(query.limit))


def read_dashboards() -> Dashboards:
    """What is declared. DeclarationError has a line for each field, column, metric or dataset that is wrong."""
    files = sorted(folder().glob("*.yaml"))
    found: list[str] = []
    datasets: Mapping[str, Dataset] = {}
    dashboards = []
    for file in files:
        facts = read_yaml(file)
        try:
            if file.stem == "datasets":
                datasets = _Datasets.model_validate(facts).datasets
            else:
                dashboards.append(Dashboard.model_validate(facts))
        except ValidationError as error:
            found += [f"{file}: {line}" for line in wrong_fields(error, facts)]
    declared = Dashboards(datasets, tuple(dashboards))
    found = found or list(_findings(declared))
    if found:
        raise DeclarationError("\n".join(found))
    return declared


def _findings(declared: Dashboards) -> Iterator[str]:
    """What is named and is not there, one line each."""
    for name in declared.datasets:
        if not sql_of(name).is_file():
            yield f"{folder()}/datasets.yaml: {name}: has no query {sql_of(name)}"
    seen: set[str] = set()
    for dashboard in declared.dashboards:
        file = f"{folder()}/{dashboard.id}.yaml"
        titles = [filter_.title for filter_ in dashboard.filters]
        for filter_ in dashboard.filters:
            where = f"{file}: filter {filter_.title!r}"
            yield from _unknown(declared, where, filter_.dataset, (filter_.column,), ())
            if filter_.within is not None and filter_.within not in titles:
                yield f"{where}: there is no filter {filter_.within!r} that it could be within"
        for chart in dashboard.charts:
            where = f"{file}: {chart.id}"
            if chart.id in seen:
                yield f"{where}: another chart has this id"
            seen.add(chart.id)
            yield from _unknown(declared, where, chart.dataset, chart.named, chart.metrics)


def _unknown(
    declared: Dashboards, where: str, dataset: str, columns: Sequence[str], metrics: Sequence[str]
) -> Iterator[str]:
    known = declared.datasets.get(dataset)
    if known is None:
        yield f"{where}: there is no dataset {dataset!r}; there are {', '.join(sorted(declared.datasets))}"
        return
    for column in columns:
        if column not in known.columns:
            yield f"{where}: dataset {dataset} has no column {column!r}; it has {', '.join(known.columns)}"
    for metric in metrics:
        if metric not in known.metrics:
            yield f"{where}: dataset {dataset} has no metric {metric!r}; it has {', '.join(known.metrics) or 'none'}"


# --- the bundle --------------------------------------------------------------------------------------------------


def identity(kind: str, name: str) -> str:
    """The UUID of a database, dataset, chart or dashboard of ours."""
    return str(uuid.uuid5(_NAMESPACE, f"{kind}/{name}"))


def bundle(declared: Dashboards, uri: str) -> dict[str, str]:
    """Path → text of the files that Superset imports; `uri` is SQLAlchemy's of the warehouse as the BI role."""
    files: dict[str, Any] = {"metadata.yaml": {"version": "1.0.0", "type": "Dashboard"}}
    files["databases/migstats.yaml"] = _database(uri)
    for name, dataset in declared.datasets.items():
        files[f"datasets/migstats/{name}.yaml"] = _dataset(name, dataset)
    for dashboard in declared.dashboards:
        files[f"dashboards/{dashboard.id}.yaml"] = _dashboard(dashboard)
        for chart in dashboard.charts:
            files[f"charts/{chart.id}.yaml"] = _chart(chart, declared)
    return {path: yaml.safe_dump(facts, allow_unicode=True, sort_keys=False) for path, facts in files.items()}


def zipped(files: Mapping[str, str]) -> bytes:
    """The files as a ZIP, in one folder as Superset wants it; the same files are the same bytes on any day."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, text in sorted(files.items()):
            packed.writestr(zipfile.ZipInfo(f"migstats/{path}", (2026, 1, 1, 0, 0, 0)), text.encode())
    return target.getvalue()


def write(target: Path, bundle_: bytes) -> None:
    """Write a bundle so that only its owner may read it: it holds a password."""
    target.unlink(missing_ok=True)
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(bundle_)


def _database(uri: str) -> dict[str, Any]:
    return {
        "database_name": "migstats",
        "sqlalchemy_uri": uri,
        # a place to look at the figures, not to write or to load something
        "expose_in_sqllab": False,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_csv_upload": False,
        "extra": {"allows_virtual_table_explore": False},
        "uuid": identity("database", "migstats"),
        "version": "1.0.0",
    }


def _dataset(name: str, dataset: Dataset) -> dict[str, Any]:
    dated = {"date", "timestamp with time zone"}
    main = next((c for c, type_ in dataset.columns.items() if type_ == "date"), None)
    return {
        "table_name": dataset.title,
        "main_dttm_col": main,
        "description": dataset.about,
        "schema": "bi",
        "sql": sql_of(name).read_text(encoding="utf-8").rstrip().removesuffix(";"),
        "uuid": identity("dataset", name),
        "metrics": [
            {"metric_name": metric, "verbose_name": metric, "expression": expression}
            for metric, expression in dataset.metrics.items()
        ],
        "columns": [
            {
                "column_name": column,
                "verbose_name": label(column),
                "type": type_.upper(),
                "is_dttm": type_ in dated,
                "is_active": True,
                "groupby": True,
                "filterable": True,
            }
            for column, type_ in dataset.columns.items()
        ],
        "version": "1.0.0",
        "database_uuid": identity("database", "migstats"),
    }


def label(column: str) -> str:
    """How a column is called above a table."""
    return column.replace("_", " ").capitalize()


def _chart(chart: Chart, declared: Dashboards) -> dict[str, Any]:
    return {
        "slice_name": chart.title,
        "description": chart.about or None,
        "viz_type": _KINDS[chart.kind],
        "params": _params(chart, declared.datasets[chart.dataset], declared.query(chart)),
        "cache_timeout": None,
        "uuid": identity("chart", chart.id),
        "version": "1.0.0",
        "dataset_uuid": identity("dataset", chart.dataset),
    }


_OPERATORS = {"IN": "IN", "==": "EQUALS", "IS NOT NULL": "IS_NOT_NULL"}


def conditions(query: Query) -> list[dict[str, Any]]:
    """The filters of a chart as Superset's queries have them."""
    compared = [
        {"col": column, "op": "IN", "val": list(value)}
        if isinstance(value, tuple)
        else {"col": column, "op": "==", "val": value}
        for column, value in query.where.items()
    ]
    return compared + [{"col": column, "op": "IS NOT NULL"} for column in query.present]


def _adhoc(query: Query) -> list[dict[str, Any]]:
    return [
        {
            "clause": "WHERE",
            "expressionType": "SIMPLE",
            "subject": condition["col"],
            "operator": condition["op"],
            "operatorId": _OPERATORS[condition["op"]],
            "comparator": condition.get("val"),
        }
        for condition in conditions(query)
    ]


def _params(chart: Chart, dataset: Dataset, query: Query) -> dict[str, Any]:
    """What Superset's explorer would keep of the chart."""
    common = {
        "viz_type": _KINDS[chart.kind],
        "adhoc_filters": _adhoc(query),
        "row_limit": chart.limit,
        "color_scheme": "supersetColors",
        "extra_form_data": {},
    }
    match chart.kind:
        case "table":
            return common | _table(chart, dataset)
        case "map":
            return common | {
                "entity": chart.x,
                "country_fieldtype": "cca3",
                "metric": chart.metrics[0],
                "show_bubbles": False,
                "color_by": "metric",
                "linear_color_scheme": "schemeBlues",
                "y_axis_format": chart.number or _SHORT,
            }
        case "heatmap":
            return common | {
                "x_axis": chart.x,
                "groupby": chart.series,
                "metric": chart.metrics[0],
                "sort_x_axis": "alpha_asc",
                "sort_y_axis": "alpha_desc",
                "normalize_across": "heatmap",
                "linear_color_scheme": "schemeBlues",
                "xscale_interval": 1,
                "yscale_interval": 1,
                "left_margin": "auto",
                "bottom_margin": 50,
                "y_axis_format": chart.number or _SHORT,
                "show_legend": True,
                "legend_type": "continuous",
                "show_values": True,
                "show_percentage": False,
                "border_color": {"r": 255, "g": 255, "b": 255, "a": 1},
                "border_width": 1,
            }
        case "flow":
            return common | {
                "source": chart.x,
                "target": chart.series,
                "metric": chart.metrics[0],
                "sort_by_metric": True,
            }
        case _:
            return common | _series(chart, dataset)


def _table(chart: Chart, dataset: Dataset) -> dict[str, Any]:
    # a year is no amount: no comma in it
    formats = {"integer": ",d", "double precision": chart.number or _EXACT}
    config: dict[str, Any] = {
        column: {"d3NumberFormat": "d" if "year" in column else formats[dataset.columns[column]]}
        for column in chart.columns
        if dataset.columns[column] in formats
    }
    return {
        "query_mode": "raw",
        "all_columns": list(chart.columns),
        "order_by_cols": [json.dumps([o.removeprefix("-"), not o.startswith("-")]) for o in chart.order],
        "table_timestamp_format": "%Y-%m-%d",
        "column_config": config,
        "show_cell_bars": False,
        "include_search": False,
        "allow_rearrange_columns": False,
        "page_length": 0,
    }


def _series(chart: Chart, dataset: Dataset) -> dict[str, Any]:
    """Of bars, rankings and lines. Nothing is stacked: in a stack Superset draws a gap beside a figure as nought."""
    facts: dict[str, Any] = {
        "x_axis": chart.x,
        "metrics": list(chart.metrics),
        "groupby": [chart.series] if chart.series else [],
        "order_desc": True,
        "show_legend": bool(chart.series) or len(chart.metrics) > 1,
        "legendType": "scroll" if chart.series == "country" else "plain",
        "legendOrientation": "top",
        "y_axis_format": chart.number or _SHORT,
        "y_axis_title": chart.axis,
        "y_axis_title_margin": 55 if chart.axis else 0,
        "y_axis_title_position": "Left",
        "rich_tooltip": True,
        "showTooltipTotal": False,
        "truncate_metric": True,
        "stack": None,
        "markerEnabled": True,
        "markerSize": 5,
        "sort_series_type": "name",
        "sort_series_ascending": True,
        "orientation": "horizontal" if chart.kind == "ranking" else "vertical",
    }
    if dataset.columns[chart.x or ""] == "date":
        # each year without a figure becomes a place without one: a line is broken there, a bar is missing
        return facts | {
            "time_grain_sqla": "P1Y",
            "x_axis_time_format": "%Y",
            "resample_rule": "1AS",
            "resample_method": "asfreq",
        }
    facts |= {"xAxisForceCategorical": True, "x_axis_sort_asc": True}
    if chart.kind == "ranking":
        return facts | {"x_axis_sort": chart.metrics[0], "show_value": True}
    return facts | {"x_axis_sort": chart.x}


def _dashboard(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "dashboard_title": dashboard.title,
        "description": None,
        "css": "",
        "slug": dashboard.id.replace("_", "-"),
        "uuid": identity("dashboard", dashboard.id),
        "position": _position(dashboard),
        "metadata": {
            "native_filter_configuration": [_filter(dashboard, filter_) for filter_ in dashboard.filters],
            "color_scheme": "supersetColors",
            "cross_filters_enabled": False,
            "refresh_frequency": 0,
            "expanded_slices": {},
            "label_colors": {},
            "timed_refresh_immune_slices": [],
        },
        "version": "1.0.0",
        # or it is imported as a draft, which only its owner sees
        "published": True,
    }


def _filter_id(dashboard: Dashboard, title: str) -> str:
    return f"NATIVE_FILTER-{identity('filter', f'{dashboard.id}/{title}')}"


def _filter(dashboard: Dashboard, filter_: Filter) -> dict[str, Any]:
    chosen = [] if filter_.default is None else [filter_.default]
    mask: dict[str, Any] = {"extraFormData": {}, "filterState": {}, "ownState": {}}
    if chosen:
        condition = {"col": filter_.column, "op": "IN", "val": chosen}
        mask = {"extraFormData": {"filters": [condition]}, "filterState": {"value": chosen}, "ownState": {}}
    return {
        "id": _filter_id(dashboard, filter_.title),
        "name": filter_.title,
        "description": filter_.about,
        "filterType": "filter_select",
        "type": "NATIVE_FILTER",
        "targets": [{"column": {"name": filter_.column}, "datasetUuid": identity("dataset", filter_.dataset)}],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "cascadeParentIds": [_filter_id(dashboard, filter_.within)] if filter_.within else [],
        "controlValues": {
            "multiSelect": filter_.several,
            "enableEmptyFilter": not filter_.several,
            "defaultToFirstItem": False,
            "sortAscending": not filter_.descending,
            "inverseSelection": False,
            "searchAllOptions": False,
        },
        "defaultDataMask": mask,
    }


def _position(dashboard: Dashboard) -> dict[str, Any]:
    """The grid: the text in the first row, then the rows of charts."""
    text = {
        "type": "MARKDOWN",
        "id": "MARKDOWN-about",
        "children": [],
        "parents": ["ROOT_ID", "GRID_ID", "ROW-about"],
        "meta": {"code": dashboard.about, "width": 12, "height": 14},
    }
    placed: dict[str, Any] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"type": "ROOT", "id": "ROOT_ID", "children": ["GRID_ID"]},
        "HEADER_ID": {"type": "HEADER", "id": "HEADER_ID", "meta": {"text": dashboard.title}},
        "MARKDOWN-about": text,
        "ROW-about": _row("ROW-about", ["MARKDOWN-about"]),
    }
    numbers = {chart.id: number for number, chart in enumerate(dashboard.charts, start=1)}
    rows = ["ROW-about"]
    for number, row in enumerate(dashboard.rows, start=1):
        name = f"ROW-{number}"
        rows.append(name)
        placed[name] = _row(name, [f"CHART-{chart.id}" for chart in row])
        for chart in row:
            placed[f"CHART-{chart.id}"] = {
                "type": "CHART",
                "id": f"CHART-{chart.id}",
                "children": [],
                "parents": ["ROOT_ID", "GRID_ID", name],
                "meta": {
                    # Superset puts its own number there as it imports
                    "chartId": numbers[chart.id],
                    "uuid": identity("chart", chart.id),
                    "sliceName": chart.title,
                    "width": chart.width,
                    "height": chart.height,
                },
            }
    placed["GRID_ID"] = {"type": "GRID", "id": "GRID_ID", "children": rows, "parents": ["ROOT_ID"]}
    return placed


def _row(name: str, children: list[str]) -> dict[str, Any]:
    return {
        "type": "ROW",
        "id": name,
        "children": children,
        "parents": ["ROOT_ID", "GRID_ID"],
        "meta": {"background": "BACKGROUND_TRANSPARENT"},
    }
