"""A local server that serves the samples under the publishers' own URL shapes: paths, parameters, paging, errors.

The first part of the path is the publisher's host: http://127.0.0.1:PORT/api.worldbank.org/v2/country/all/...
Four publishers are imitated, errors included, and PxWeb servers. Of every other declared source, a file
of its folder of samples is served under the URL of the slice that the file is named for.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import hashlib
import io
import itertools
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from migstats import settings
from migstats.errors import ConfigurationError, DeclarationError
from migstats.source import Dataset, Slice, plan, read_source, source_folders

_JSON: Final = "application/json;charset=utf-8"
_HTML: Final = "text/html; charset=UTF-8"
_XML: Final = "application/xml;charset=UTF-8"


@dataclass(frozen=True)
class Answer:
    """What goes back to the client."""

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True)
class Request:
    """A request to one publisher: `path` without the host, parameters in order, headers by lower-case name."""

    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]

    def all(self, name: str) -> list[str]:
        """Every value of a parameter."""
        return [value for key, value in self.query if key == name]

    def get(self, name: str, default: str = "") -> str:
        """The first value of a parameter."""
        return next(iter(self.all(name)), default)

    def true(self, name: str) -> bool:
        """Is a parameter switched on?"""
        return self.get(name).lower() in ("true", "1")


Publisher = Callable[[Path, Request], Answer]


def _html(status: int, title: str) -> Answer:
    page = f"<!DOCTYPE html>\n<html><head><title>{status} {title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Answer(status, _HTML, page.encode())


def _compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


@cache
def _document(file: Path, changed: int) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _sample(file: Path) -> Any:
    """A JSON sample, read again when the file has changed."""
    return _document(file, file.stat().st_mtime_ns)


# -- www.un.org --------------------------------------------------------------------------------------------------

_UNDESA_FILES: Final = "/development/desa/pd/sites/www.un.org.development.desa.pd/files/"
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: un.org refuses clients that name themselves so, or not at all.
_REFUSED_AGENTS: Final = re.compile(r"|(curl|wget|python-requests|python-urllib|python-httpx|go-http-client)\b.*", re.I)


def undesa(samples: Path, request: Request) -> Answer:
    """Workbooks by their file names; 403 to the usual clients, 404 as a page."""
    if _REFUSED_AGENTS.fullmatch(request.headers.get("user-agent", "")):
        return _html(403, "Forbidden")
    name = request.path.removeprefix(_UNDESA_FILES)
    file = samples / "undesa_stock" / name
    if name == request.path or not re.fullmatch(r"[\w.-]+\.xlsx", name) or not file.is_file():
        return _html(404, "Page not found")
    return Answer(200, _XLSX, file.read_bytes())


# -- api.unhcr.org -----------------------------------------------------------------------------------------------


def unhcr(samples: Path, request: Request) -> Answer:
    """Population: limit, page, yearFrom with yearTo, year, coo, coa, coo_all, coa_all, cf_type."""
    if request.path.rstrip("/") != "/population/v1/population":
        return _html(404, "Not Found")
    sides = {side: request.true(f"{side}_all") or bool(request.get(side)) for side in ("coo", "coa")}
    name = "_".join(["population", *(side for side, named in sides.items() if named)])
    document = _sample(samples / "unhcr_population" / f"{name}.json")
    items = [item for item in document["items"] if _unhcr_wanted(item, request)]
    limit = _whole(request.get("limit"), 100)
    page = _whole(request.get("page"), 1)
    answer = {
        "page": page,
        "short-url": document["short-url"],
        "maxPages": math.ceil(len(items) / limit),
        "total": [],
        "items": items[(page - 1) * limit : page * limit],
    }
    # As PHP writes JSON: ASCII only, apostrophes and slashes escaped.
    text = json.dumps(answer, separators=(",", ":")).replace("'", "\\u0027").replace("/", "\\/")
    return Answer(200, "application/json", text.encode())


def _unhcr_wanted(item: Mapping[str, Any], request: Request) -> bool:
    first, last = request.get("yearFrom"), request.get("yearTo")
    # One bound alone is ignored, and of a list of years only the first counts.
    if first.isdecimal() and last.isdecimal() and not int(first) <= item["year"] <= int(last):
        return False
    years = request.all("year[]") or request.get("year").split(",")[:1]
    if any(years) and str(item["year"]) not in years:
        return False
    suffix = "_iso" if request.get("cf_type").upper() == "ISO" else ""
    for side in ("coo", "coa"):
        codes = [code for value in request.all(side) for code in value.split(",") if code]
        if codes and not request.true(f"{side}_all") and item[side + suffix] not in codes:
            return False
    return True


def _whole(text: str, default: int) -> int:
    """A count from a parameter; what is no positive number is ignored, as the publisher does."""
    return int(text) if text.isdecimal() and int(text) > 0 else default


# -- api.worldbank.org -------------------------------------------------------------------------------------------

_WB_PATH: Final = re.compile(r"/v2/(?:[a-z]{2}/)?(?:country|countries)/([^/]+)/(?:indicator|indicators)/([^/]+)/?")
_WB_INVALID: Final = {"id": "120", "key": "Invalid value", "value": "The provided parameter value is not valid"}
_WB_DELETED: Final = {
    "id": "175",
    "key": "Invalid format",
    "value": "The indicator was not found. It may have been deleted or archived.",
}
#: Indicators that the catalogue of the World Bank still lists, but that are deleted.
_WB_DELETED_CODES: Final = frozenset({"SM.POP.REFG", "SM.POP.REFG.OR"})


def worldbank(samples: Path, request: Request) -> Answer:
    """One indicator for all or some countries: format, date, per_page, page. Errors come as HTTP 200."""
    match = _WB_PATH.fullmatch(request.path)
    if match is None:
        return _html(404, "Not Found")
    countries, indicator = match[1], match[2]
    as_json = request.get("format").lower() == "json"
    if indicator.upper() in _WB_DELETED_CODES:
        return _wb_message([_WB_DELETED], as_json)
    file = samples / "worldbank_wdi" / f"{indicator.upper()}.json"
    dates = _wb_dates(request.get("date"))
    if not re.fullmatch(r"[A-Za-z0-9.]+", indicator) or not file.is_file():
        return _wb_message([_WB_INVALID], as_json)
    header, rows = _sample(file)
    wanted = {code.upper() for code in countries.split(";")}
    known = {row["country"]["id"] for row in rows} | {row["countryiso3code"] for row in rows}
    counts = [request.get(name, "1") for name in ("page", "per_page")]
    bad = [wanted != {"ALL"} and not wanted & known, dates is None, *(not _whole(c, 0) for c in counts)]
    if any(bad):
        return _wb_message([_WB_INVALID] * sum(bad), as_json)
    first, last = dates or ("", "9999")
    rows = [
        row
        for row in rows
        if first <= row["date"] <= last
        and (wanted == {"ALL"} or row["country"]["id"] in wanted or row["countryiso3code"] in wanted)
    ]
    size, page = _whole(request.get("per_page"), 50), _whole(request.get("page"), 1)
    head = {**header, "page": page, "pages": math.ceil(len(rows) / size), "per_page": size, "total": len(rows)}
    if not rows:
        return _wb_page({"page": 0, "pages": 0, "per_page": 0, "total": 0}, None, as_json)
    return _wb_page(head, rows[(page - 1) * size : page * size], as_json)


def _wb_dates(text: str) -> tuple[str, str] | None:
    """First and last year of `2010`, `2010:2022` or nothing; None where it is neither."""
    if not text:
        return "", "9999"
    match = re.fullmatch(r"(\d{4})(?::(\d{4}))?", text)
    return (match[1], match[2] or match[1]) if match else None


def _wb_page(head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]] | None, as_json: bool) -> Answer:
    if as_json:
        return Answer(200, _JSON, _compact([head, rows]).encode())
    attributes = " ".join(f'{name}="{escape(str(value))}"' for name, value in head.items())
    lines = [f'<?xml version="1.0" encoding="utf-8"?>\n<wb:data {attributes} xmlns:wb="http://www.worldbank.org">']
    for row in rows or ():
        value = "" if row["value"] is None else str(row["value"])
        lines.append(
            f'  <wb:data><wb:indicator id="{row["indicator"]["id"]}">{escape(row["indicator"]["value"])}'
            f'</wb:indicator><wb:country id="{row["country"]["id"]}">{escape(row["country"]["value"])}</wb:country>'
            f"<wb:countryiso3code>{row['countryiso3code']}</wb:countryiso3code><wb:date>{row['date']}</wb:date>"
            f"<wb:value>{value}</wb:value><wb:unit /><wb:obs_status />"
            f"<wb:decimal>{row['decimal']}</wb:decimal></wb:data>"
        )
    return Answer(200, "text/xml; charset=utf-8", "\n".join([*lines, "</wb:data>\n"]).encode())


def _wb_message(messages: Sequence[Mapping[str, str]], as_json: bool) -> Answer:
    if as_json:
        return Answer(200, _JSON, _compact([{"message": messages}]).encode())
    items = "".join(f'<wb:message id="{m["id"]}" key="{m["key"]}">{escape(m["value"])}</wb:message>' for m in messages)
    text = f'<?xml version="1.0" encoding="utf-8"?>\n<wb:error xmlns:wb="http://www.worldbank.org">{items}</wb:error>\n'
    return Answer(200, "text/xml; charset=utf-8", text.encode())


# -- ec.europa.eu ------------------------------------------------------------------------------------------------

_ESTAT_JSON: Final = re.compile(r"/eurostat/api/dissemination/statistics/1\.0/data/([^/]+)/?")
_ESTAT_SDMX: Final = re.compile(r"/eurostat/api/dissemination/sdmx/2\.1/data/([^/]+)(?:/([^/]*))?/?")
_ESTAT_OPTIONS: Final = frozenset({"format", "lang", "sinceTimePeriod", "untilTimePeriod", "lastTimePeriod", "time"})


def eurostat(samples: Path, request: Request) -> Answer:
    """JSON-stat cubes by dimension parameters, and SDMX-CSV by key and period."""
    folder = samples / "eurostat_migr"
    if match := _ESTAT_JSON.fullmatch(request.path):
        return _estat_cube(folder / f"{match[1].lower()}.json", match[1], request)
    if match := _ESTAT_SDMX.fullmatch(request.path):
        return _estat_csv(folder / f"{match[1].lower()}.csv", match[1], match[2] or "", request)
    return _html(404, "Not Found")


def _estat_error(status: int, number: int, label: str, *, sdmx: bool) -> Answer:
    """Errors are JSON at the statistics interface, and a SOAP fault at the SDMX one.

    Recorded are 100, 150 and 413; the labels about key and format are ours, in the same shape.
    """
    if not sdmx:
        return Answer(status, _JSON, _compact({"error": [{"status": status, "id": number, "label": label}]}).encode())
    fault = (
        '<?xml version="1.0" encoding="UTF-8"?><S:Fault xmlns:S="http://schemas.xmlsoap.org/soap/envelope/">'
        f"<faultcode>{number}</faultcode><faultstring>{escape(label)}</faultstring></S:Fault>"
    )
    return Answer(status, _XML, fault.encode())


def _estat_unknown(dataset: str, *, sdmx: bool) -> Answer:
    label = f"ERR_NOT_FOUND_4: {dataset.upper()} (DATA_FLOW:ALL,1.0) is not available for dissemination."
    return _estat_error(404, 100, label, sdmx=sdmx)


def _estat_cube(file: Path, dataset: str, request: Request) -> Answer:
    if not file.is_file():
        return _estat_unknown(dataset, sdmx=False)
    cube = _sample(file)
    dims: list[str] = cube["id"]
    for name, _ in request.query:
        if name not in dims and name not in _ESTAT_OPTIONS:
            label = f'INVALID_QUERY_DIMENSION: Dimension "{name.upper()}" is not defined'
            return _estat_error(400, 150, label, sdmx=False)
    old = {dim: list(cube["dimension"][dim]["category"]["index"]) for dim in dims}
    kept = {dim: [c for c in old[dim] if c in request.all(dim)] if request.all(dim) else old[dim] for dim in dims}
    kept["time"] = _estat_periods(kept["time"], request)
    value, status = _estat_cells(cube, old, kept)
    positions = {int(p) for p in value} | {int(p) for p in status}
    answer = {key: cube[key] for key in ("version", "class", "label", "source", "updated")}
    answer["value"] = value
    if status:
        answer["status"] = status
    answer["id"] = dims
    answer["size"] = [len(kept[dim]) for dim in dims]
    answer["dimension"] = {
        dim: {
            "label": cube["dimension"][dim]["label"],
            "category": {
                "index": {code: i for i, code in enumerate(kept[dim])},
                "label": {code: cube["dimension"][dim]["category"]["label"][code] for code in kept[dim]},
            },
        }
        for dim in dims
    }
    extension = {k: v for k, v in cube["extension"].items() if k not in ("status", "positions-with-no-data")}
    labels = cube["extension"]["status"]["label"]
    if status:
        extension["status"] = {"label": {flag: labels[flag] for flag in dict.fromkeys(status.values())}}
    extension["positions-with-no-data"] = _estat_empty(dims, kept, positions)
    answer["extension"] = extension
    return Answer(200, _JSON, _compact(answer).encode())


def _estat_periods(periods: list[str], request: Request) -> list[str]:
    since, until = request.get("sinceTimePeriod"), request.get("untilTimePeriod")
    kept = [p for p in periods if (not since or p >= since) and (not until or p <= until)]
    last = request.get("lastTimePeriod")
    return kept[-int(last) :] if last.isdecimal() and int(last) else kept


def _estat_cells(
    cube: Mapping[str, Any], old: Mapping[str, list[str]], kept: Mapping[str, list[str]]
) -> tuple[dict[str, float], dict[str, str]]:
    """`value` and `status` of the cut cube at their new positions, in the order in which the whole one has them."""
    moved: dict[int, int] = {}
    places = [{code: i for i, code in enumerate(codes)} for codes in kept.values()]
    sizes = [len(codes) for codes in kept.values()]
    for at, codes in enumerate(itertools.product(*old.values())):
        new = [places[i].get(code) for i, code in enumerate(codes)]
        if None not in new:
            flat = 0
            for size, index in zip(sizes, new, strict=True):
                flat = flat * size + (index or 0)
            moved[at] = flat
    value = {str(moved[int(p)]): v for p, v in cube["value"].items() if int(p) in moved}
    status = {str(moved[int(p)]): s for p, s in cube.get("status", {}).items() if int(p) in moved}
    return value, status


def _estat_empty(dims: Sequence[str], kept: Mapping[str, list[str]], positions: set[int]) -> dict[str, list[int]]:
    """Per dimension the indexes of categories without any cell."""
    empty: dict[str, list[int]] = {}
    stride = math.prod(len(kept[dim]) for dim in dims)
    for dim in dims:
        size = len(kept[dim])
        if size == 0:
            return {name: [] for name in dims}
        stride //= size
        used = {position // stride % size for position in positions}
        empty[dim] = [i for i in range(size) if i not in used]
    return empty


def _estat_csv(file: Path, dataset: str, key: str, request: Request) -> Answer:
    if not file.is_file():
        return _estat_unknown(dataset, sdmx=True)
    if request.get("format").upper() not in ("SDMX-CSV", "SDMX_1.0_CSV"):
        label = f"INVALID_FORMAT: {request.get('format') or 'no format'} is not among the samples"
        return _estat_error(406, 140, label, sdmx=True)
    header, *lines = file.read_bytes().decode().splitlines(keepends=True)
    names = header.strip().split(",")
    dims = names[names.index("LAST UPDATE") + 1 : names.index("TIME_PERIOD")]
    parts = key.split(".") if key and key != "all" else [""] * len(dims)
    if len(parts) != len(dims):
        label = f"INVALID_QUERY_KEY: the key has {len(parts)} parts, the dataset has {len(dims)} dimensions"
        return _estat_error(400, 150, label, sdmx=True)
    wanted = [set(part.split("+")) if part else None for part in parts]
    first, last = request.get("startPeriod"), request.get("endPeriod")

    def fits(line: str) -> bool:
        row = dict(zip(names, next(csv.reader(io.StringIO(line))), strict=True))
        period = row["TIME_PERIOD"]
        if (first and period < first) or (last and period > last):
            return False
        return all(codes is None or row[dim] in codes for dim, codes in zip(dims, wanted, strict=True))

    body = header + "".join(line for line in lines if fits(line))
    return Answer(200, "application/vnd.sdmx.data+csv;version=1.0.0;charset=UTF-8", body.encode())


# -- any declared source ------------------------------------------------------------------------------------------

_TYPES: Final = {".json": _JSON, ".csv": "text/csv; charset=utf-8", ".xlsx": _XLSX, ".xml": _XML}
#: When every run of years has all its slices: which of them are served, the files say.
_END_OF_RUNS: Final = dt.date(2100, 12, 31)

_Query = Iterable[tuple[str, str]]
_Key = tuple[str, tuple[tuple[str, str], ...]]
#: Slices with their datasets, which take different figures from one answer.
_Alike = list[tuple[Slice, Dataset]]


def samples_of(folder: Path, samples: Path | None = None) -> Path:
    """Where the samples of a source are: `sample/` in the folder of its facts, else in `include/samples/<id>/`."""
    beside = folder / "sample"
    return beside if beside.is_dir() else (samples or settings.include() / "samples") / folder.name


def sampled(folder: Path) -> list[Slice]:
    """The slices of a source, of all its releases, whose first page is among its samples."""
    samples = samples_of(folder)
    return [slice_ for alike in _slices(folder).values() if _files(samples, alike, 1) for slice_, _ in alike]


def _pages(samples: Path, slice_: Slice, page: int) -> list[Path]:
    """The files named for a page of a slice, `<slice>.<suffix>` or `<slice>.page2.<suffix>`: there should be one.

    Where a source has releases, they are in a folder named for the release.
    """
    place = samples / slice_.release / slice_.slice
    name = place.name + (f".page{page}" if page > 1 else "")
    return sorted(p for p in place.parent.glob("*") if p.is_file() and p.name == f"{name}{p.suffix}" and p.suffix)


def _files(samples: Path, alike: _Alike, page: int) -> list[Path]:
    """The files of a page of slices that are asked for alike: they are named for one of them."""
    return next((files for slice_, _ in alike if (files := _pages(samples, slice_, page))), [])


def _slices(folder: Path) -> Mapping[tuple[str | None, _Key], _Alike]:
    """(parameter for the page, what is asked for) → slices. Empty where the declaration cannot be read."""
    file = folder / "source.yaml"
    return _planned(file, file.stat().st_mtime_ns)


@cache
def _planned(file: Path, changed: int) -> Mapping[tuple[str | None, _Key], _Alike]:
    found: dict[tuple[str | None, _Key], _Alike] = {}
    try:
        source = read_source(file)
        for release in (r.id for r in source.releases) if source.releases else (None,):
            for slice_ in plan(source, today=_END_OF_RUNS, release=release):
                parts = urlsplit(slice_.url)
                query = parse_qsl(parts.query, keep_blank_values=True)
                dataset = source.dataset(slice_.dataset)
                if dataset.pxweb is not None:  # slices of one address, of which the question says which it is
                    query.append(("slice", slice_.slice))
                key = _key(parts.netloc.rpartition("@")[2] + parts.path, query)
                found.setdefault((dataset.page_parameter, key), []).append((slice_, dataset))
    except DeclarationError:  # said by `migstats check` and in Airflow's UI
        return {}
    return found


def _key(place: str, query: _Query) -> _Key:
    return unquote(place), tuple(sorted(query))


def _sample_file(samples: Path, place: str, query: Sequence[tuple[str, str]]) -> Answer | None:
    """The sample of a declared slice; 404 where the slice has none, 409 where it has several. None: no such slice."""
    missing = None
    for folder in source_folders():
        known = _slices(folder)
        for parameter in {name for name, _ in known}:
            asked = known.get((parameter, _key(place, [(k, v) for k, v in query if k != parameter])))
            if asked is None:
                continue
            slice_, dataset = asked[0]
            value = _whole(next((v for k, v in query if k == parameter), ""), dataset.page_from)
            page = dataset.page_of(value)
            if page is None:
                return _plain(400, f"{parameter}={value} is no page of {slice_.slice}")
            files = _files(samples_of(folder, samples), asked, page)
            if len(files) == 1:
                kind = _TYPES.get(files[0].suffix.lower(), "application/octet-stream")
                return Answer(200, kind, files[0].read_bytes())
            if files:
                return _plain(409, f"several files are page {page} of {slice_.slice}: {', '.join(map(str, files))}")
            name = f"{slice_.slice}{f'.page{page}' if page > 1 else ''}"
            place_of_it = samples_of(folder, samples) / slice_.release
            missing = _plain(404, f"no sample of {slice_.slice}, page {page}; put it into {place_of_it} as {name}.*")
    return missing


def _plain(status: int, text: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", f"{text}\n".encode())


# -- PxWeb servers ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _PxTable:
    """A declared table of a PxWeb server, and the samples of its slices."""

    samples: Path
    dataset: Dataset
    slices: Sequence[Slice]

    @property
    def files(self) -> list[Path]:
        return [file for slice_ in self.slices for file in _pages(self.samples, slice_, 1)[:1]]


def _pxweb(samples: Path, place: str, request: Request, body: bytes | None) -> Answer | None:
    """What a PxWeb server says at an address: its limits, the description of a table, its cells. None: no such table.

    The samples of a source are `config.json`, `<dataset>/metadata.json`, and JSON-stat 2 named for each slice.
    """
    for folder in source_folders():
        for table, base in _px_tables(folder, samples):
            version = table.dataset.pxweb.version if table.dataset.pxweb else 0
            root, named, _ = base.rpartition("/tables/")
            if (
                place == f"{root}/config"
                if version == 2 and named
                else any(name == "config" for name, _ in request.query) and base.startswith(place)
            ):
                return _px_file(table.samples / "config.json")
            described = base if version == 1 else base.removesuffix("/data") + "/metadata"
            if place == described and body is None:
                return _px_file(table.samples / table.dataset.id / "metadata.json")
            if place == base:
                return _px_cells(table, version, request, body)
    return None


def _px_tables(folder: Path, samples: Path) -> list[tuple[_PxTable, str]]:
    """The tables of a source that are asked for as PxWeb, each with its address without scheme."""
    file = folder / "source.yaml"
    return _px_planned(file, file.stat().st_mtime_ns, samples_of(folder, samples))


@cache
def _px_planned(file: Path, changed: int, place: Path) -> list[tuple[_PxTable, str]]:
    found: dict[tuple[str, str], list[Slice]] = {}
    datasets: dict[str, Dataset] = {}
    for alike in _planned(file, changed).values():
        for slice_, dataset in alike:
            if dataset.pxweb is not None:
                parts = urlsplit(slice_.url)
                datasets[dataset.id] = dataset
                found.setdefault((dataset.id, unquote(parts.netloc + parts.path)), []).append(slice_)
    return [(_PxTable(place, datasets[name], slices), base) for (name, base), slices in found.items()]


def _px_file(file: Path) -> Answer:
    return Answer(200, _JSON, file.read_bytes()) if file.is_file() else _plain(404, f"no sample {file}")


def _px_cells(table: _PxTable, version: int, request: Request, body: bytes | None) -> Answer:
    """The cells that are asked for, and no others; 403 where they are more than the limits of the sample say."""
    try:
        asked = _px_asked(version, request, body)
    except (ValueError, KeyError, TypeError) as error:
        return _plain(400, f"the question cannot be read: {error!r}")
    limits = _sample(table.samples / "config.json")
    most = min(limits[name] for name in ("maxValues", "maxCells", "maxDataCells") if name in limits)
    for file in table.files:
        cube = _sample(file)
        codes = {name: list(cube["dimension"][name]["category"]["index"]) for name in cube["id"]}
        if set(codes) == set(asked) and all(set(asked[name]) <= set(codes[name]) for name in codes):
            if math.prod(len(set(values)) for values in asked.values()) > most:
                return _plain(403, f"Too many cells selected; the maximum is {most}")
            return Answer(200, _JSON, _compact(_px_cut(cube, codes, asked)).encode())
    return _plain(400, f"no sample of {table.dataset.id} has all of {asked}")


def _px_asked(version: int, request: Request, body: bytes | None) -> dict[str, list[str]]:
    """Variable → the codes that a question names."""
    if version == 1:
        question = json.loads(body or b"")
        if question["response"]["format"] != "json-stat2":
            raise ValueError(question["response"]["format"])
        return {one["code"]: one["selection"]["values"] for one in question["query"]}
    if request.get("outputFormat") != "json-stat2":
        raise ValueError(request.get("outputFormat"))
    if body is not None:
        return {one["variableCode"]: one["valueCodes"] for one in json.loads(body)["selection"]}
    return {name[11:-1]: value.split(",") for name, value in request.query if name.startswith("valueCodes[")}


def _px_cut(cube: Mapping[str, Any], old: Mapping[str, list[str]], asked: Mapping[str, list[str]]) -> dict[str, Any]:
    """A part of a cube as a cube of its own, in the order of the whole."""
    kept = {name: [code for code in codes if code in asked[name]] for name, codes in old.items()}
    where = [
        at
        for at, codes in enumerate(itertools.product(*old.values()))
        if all(code in asked[name] for name, code in zip(old, codes, strict=True))
    ]
    part = dict(cube)
    part["size"] = [len(codes) for codes in kept.values()]
    part["value"] = [cube["value"][at] for at in where]
    status = {str(new): cube["status"][str(at)] for new, at in enumerate(where) if str(at) in cube.get("status", {})}
    part.pop("status", None)
    if status:
        part["status"] = status
    part["dimension"] = {
        name: {
            **cube["dimension"][name],
            "category": {
                "index": {code: at for at, code in enumerate(codes)},
                "label": {code: cube["dimension"][name]["category"]["label"][code] for code in codes},
            },
        }
        for name, codes in kept.items()
    }
    return part


# -- the server --------------------------------------------------------------------------------------------------

PUBLISHERS: Final[Mapping[str, Publisher]] = {
    "www.un.org": undesa,
    "api.unhcr.org": unhcr,
    "api.worldbank.org": worldbank,
    "ec.europa.eu": eurostat,
}


def answer(samples: Path, target: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
    """The answer to a request target such as `/api.worldbank.org/v2/...?format=json`; 502 for an unknown host.

    `body` is what a POST sends; only PxWeb servers take one.
    `samples` is the folder of the project's samples; those of private sources are beside their declarations.
    """
    parts = urlsplit(target)
    host, _, path = parts.path.removeprefix("/").partition("/")
    query = tuple(parse_qsl(parts.query, keep_blank_values=True))
    lowered = {name.lower(): value for name, value in headers.items()}
    request = Request("/" + unquote(path), query, lowered)
    cells = _pxweb(samples, unquote(f"{host}/{path}"), request, body)
    if cells is not None:
        return cells
    if body is not None:
        return _plain(405, "no table of a PxWeb server is declared there; all else is asked for by GET")
    publisher = PUBLISHERS.get(host)
    file = _sample_file(samples, f"{host}/{path}", query)
    if file is not None and (file.status == 200 or publisher is None):
        return file
    if publisher is None:
        return _plain(502, f"no source is declared for this URL of {host!r}; imitated are {', '.join(PUBLISHERS)}")
    return publisher(samples, request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "replay"
    sys_version = ""
    timeout = 60
    samples: Path

    def do_GET(self) -> None:
        self._reply(with_body=True)

    def do_HEAD(self) -> None:
        self._reply(with_body=False)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        self._reply(with_body=True, body=self.rfile.read(int(length)) if length.isdecimal() else b"")

    def _reply(self, *, with_body: bool, body: bytes | None = None) -> None:
        found = answer(self.samples, self.path, dict(self.headers.items()), body)
        etag = f'"{hashlib.sha256(found.body).hexdigest()[:32]}"'
        asked = {tag.strip().removeprefix("W/") for tag in self.headers.get("If-None-Match", "").split(",")}
        unchanged = found.status == 200 and (etag in asked or "*" in asked)
        self.send_response(304 if unchanged else found.status)
        if found.status == 200:
            self.send_header("ETag", etag)
        if not unchanged:
            self.send_header("Content-Type", found.content_type)
            self.send_header("Content-Length", str(len(found.body)))
        self.end_headers()
        if with_body and not unchanged:
            self.wfile.write(found.body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the demo prints its own progress, and tests look at answers."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def serve(port: int, samples: Path) -> ThreadingHTTPServer:
    """A server that listens on 127.0.0.1 (port 0 takes a free one); the caller runs `serve_forever`.

    Raises ConfigurationError where the samples are not there or the port is taken.
    """
    if not samples.is_dir():
        raise ConfigurationError(f"{samples}: no folder of samples; set MIGSTATS_HOME to the checkout")
    handler = type("Handler", (_Handler,), {"samples": samples})
    try:
        return _Server(("127.0.0.1", port), handler)
    except OSError as error:
        raise ConfigurationError(
            f"the replay server cannot listen on 127.0.0.1:{port}: {error.strerror}; choose another port"
        ) from error


def main(arguments: Iterable[str] | None = None) -> int:
    """`python -m migstats.replay --port PORT [--samples DIR]`: serve until interrupted."""
    parser = argparse.ArgumentParser(prog="migstats.replay", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free one")
    parser.add_argument("--samples", type=Path, default=settings.include() / "samples")
    options = parser.parse_args(None if arguments is None else list(arguments))
    try:
        server = serve(options.port, options.samples)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
