"""`python -m benchmarks.readers`: each reader beside the usual libraries of its format, on the same file in one run.

What is read is compared, observation by observation, before seconds are. Each measurement is a process of its own,
rounds are interleaved, and the shortest round counts; what a process imports is not counted.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SDMX = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1"
KEY = ("FREQ", "REF_AREA", "COUNTERPART", "SEX", "TIME_PERIOD")
#: Format → the libraries that read it.
PEERS = {
    "jsonstat": ("pyjstat",),
    "sdmx_csv": ("pysdmx",),
    "sdmx_json": ("sdmx1",),
    "sdmx_ml flat": ("pysdmx", "sdmx1"),
    "sdmx_ml series": ("pysdmx", "sdmx1"),
    "sdmx_ml generic": ("pysdmx", "sdmx1"),
    "workbook inline": ("openpyxl",),
    "workbook shared": ("openpyxl",),
}
Row = tuple[str, str, str, str, str, int]


def figures(count: int) -> list[Row]:
    """As many observations as are asked for, those of a series one after the other."""
    chance = random.Random(1)
    areas = [f"A{number:03}" for number in range(200)]
    keys = itertools.product(areas, areas, "TMF", map(str, range(2010, 2024)))
    return [("A", *key, chance.randrange(10**7)) for key in itertools.islice(keys, count)]


# -- the files ----------------------------------------------------------------------------------------------------


def _by_series(rows: list[Row]) -> Iterator[tuple[tuple[str, ...], list[Row]]]:
    for key, group in itertools.groupby(rows, key=lambda row: row[:4]):
        yield key, list(group)


def _ml(kind: str, at: str, content: str) -> str:
    structure = f"urn:sdmx:org.sdmx.infomodel.datastructure.DataStructure=A:B(1.0):ObsLevelDim:{at}"
    said = 'action="Replace"' if kind == "GenericData" else 'ss:action="Replace" ss:dataScope="DataStructure"'
    prefix = "" if kind == "GenericData" else "ss:"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<mes:{kind} xmlns:mes="{SDMX}/message" xmlns:g="{SDMX}/data/generic" xmlns:com="{SDMX}/common"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:ss="{SDMX}/data/structurespecific">
<mes:Header><mes:ID>I</mes:ID><mes:Test>false</mes:Test><mes:Prepared>2026-10-01T12:00:00</mes:Prepared>
<mes:Sender id="KEN"/><mes:Structure structureID="S" namespace="{structure}" dimensionAtObservation="{at}">
<com:Structure><Ref agencyID="A" id="B" version="1.0" class="DataStructure"/></com:Structure>
</mes:Structure></mes:Header>
<mes:DataSet {prefix}structureRef="S" {said}>
{content}
</mes:DataSet>
</mes:{kind}>
"""


def ml_flat(rows: list[Row]) -> str:
    """Structure-specific, each observation with its whole key."""
    one = "<Obs " + " ".join(f'{name}="%s"' for name in KEY) + ' OBS_VALUE="%s" OBS_STATUS="A"/>'
    return _ml("StructureSpecificData", "AllDimensions", "\n".join(one % row for row in rows))


def ml_series(rows: list[Row]) -> str:
    """Structure-specific, by time series."""
    found = []
    for key, group in _by_series(rows):
        obs = "\n".join(f'<Obs TIME_PERIOD="{r[4]}" OBS_VALUE="{r[5]}" OBS_STATUS="A"/>' for r in group)
        own = " ".join(f'{name}="{code}"' for name, code in zip(KEY, key, strict=False))
        found.append(f"<Series {own}>\n{obs}\n</Series>")
    return _ml("StructureSpecificData", "TIME_PERIOD", "\n".join(found))


def ml_generic(rows: list[Row]) -> str:
    """Generic, by time series."""
    found = []
    for key, group in _by_series(rows):
        own = "".join(f'<g:Value id="{name}" value="{code}"/>' for name, code in zip(KEY, key, strict=False))
        obs = "\n".join(
            f'<g:Obs><g:ObsDimension value="{r[4]}"/><g:ObsValue value="{r[5]}"/>'
            '<g:Attributes><g:Value id="OBS_STATUS" value="A"/></g:Attributes></g:Obs>'
            for r in group
        )
        found.append(f"<g:Series><g:SeriesKey>{own}</g:SeriesKey>\n{obs}\n</g:Series>")
    return _ml("GenericData", "TIME_PERIOD", "\n".join(found))


def sdmx_csv(rows: list[Row]) -> str:
    """SDMX-CSV 1.0, of fourteen columns as statistical offices have them: further dimensions and attributes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    rest = {"AGE": "Y15-64", "UNIT": "NR", "UNIT_MULT": "0", "DECIMALS": "0", "CONF_STATUS": "F", "SOURCE": "Survey"}
    writer.writerow(("DATAFLOW", *KEY, "OBS_VALUE", "OBS_STATUS", *rest))
    writer.writerows(("A:B(1.0)", *row, "A", *rest.values()) for row in rows)
    return text.getvalue()


def _axes(rows: list[Row]) -> list[list[str]]:
    return [sorted({str(row[axis]) for row in rows}) for axis in range(len(KEY))]


def sdmx_json(rows: list[Row]) -> str:
    """SDMX-JSON 1.0, by series."""
    axes = _axes(rows)
    at = [{code: number for number, code in enumerate(axis)} for axis in axes]
    series = {
        ":".join(str(at[axis][code]) for axis, code in enumerate(key)): {
            "observations": {str(at[4][row[4]]): [row[5]] for row in group}
        }
        for key, group in _by_series(rows)
    }
    dimensions = [
        {"id": name, "name": name, "values": [{"id": code, "name": code} for code in axis]}
        for name, axis in zip(KEY, axes, strict=True)
    ]
    levels = {"dataSet": [], "series": dimensions[:4], "observation": dimensions[4:]}
    attributes: dict[str, list[Any]] = {"dataSet": [], "series": [], "observation": []}
    return json.dumps(
        {
            "header": {"id": "I", "test": False, "prepared": "2026-10-01T12:00:00", "sender": {"id": "KEN"}},
            "dataSets": [{"action": "Information", "series": series}],
            "structure": {"name": "B", "dimensions": levels, "attributes": attributes},
        }
    )


def jsonstat(rows: list[Row]) -> str:
    """JSON-stat 2.0, sparse."""
    axes = _axes(rows)
    sizes = [len(axis) for axis in axes]
    at = [{code: number for number, code in enumerate(axis)} for axis in axes]
    value: dict[str, int] = {}
    for row in rows:
        position = 0
        for axis, size in enumerate(sizes):
            position = position * size + at[axis][str(row[axis])]
        value[str(position)] = row[5]
    dimension = {
        name: {"label": name, "category": {"index": dict(of), "label": {code: code for code in of}}}
        for name, of in zip(KEY, at, strict=True)
    }
    head = {"version": "2.0", "class": "dataset", "label": "B", "id": list(KEY), "size": sizes}
    return json.dumps({**head, "dimension": dimension, "value": value})


def workbook(rows: list[Row], path: Path, *, shared: bool) -> None:
    """A sheet with a column for each part of the key, and one of figures under a year; texts are shared, or not."""
    import openpyxl

    book = openpyxl.Workbook(write_only=not shared)
    sheet = book.create_sheet("Table")
    sheet.append([*KEY, "2020"])
    for row in rows:
        sheet.append(list(row))
    book.save(path)


def write(folder: Path, count: int) -> dict[str, Path]:
    """The same observations in each format; format → file."""
    rows = figures(count)
    made = {
        "jsonstat": ("cube.json", jsonstat),
        "sdmx_csv": ("records.csv", sdmx_csv),
        "sdmx_json": ("series.json", sdmx_json),
        "sdmx_ml flat": ("flat.xml", ml_flat),
        "sdmx_ml series": ("series.xml", ml_series),
        "sdmx_ml generic": ("generic.xml", ml_generic),
    }
    files = {}
    for name, (file, make) in made.items():
        files[name] = folder / file
        files[name].write_text(make(rows), encoding="utf-8")
    for texts in ("inline", "shared"):
        files[f"workbook {texts}"] = folder / f"{texts}.xlsx"
        workbook(rows, files[f"workbook {texts}"], shared=texts == "shared")
    return files


# -- side by side -------------------------------------------------------------------------------------------------


def measured(python: Path, library: str, format_: str, file: Path) -> dict[str, Any] | None:
    """Seconds, number and digest of what a library reads; None where it is not installed."""
    script = str(HERE / "peers" / "read.py")
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent / "plugins")} if library == "ours" else dict(os.environ)
    done = subprocess.run(
        [str(python), script, library, format_, str(file)], check=False, capture_output=True, text=True, env=environment
    )
    if done.returncode == 3:
        return None
    if done.returncode:
        raise SystemExit(f"{library} on {format_}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(peers: Path, count: int, rounds: int) -> list[dict[str, Any]]:
    """For each format and library: seconds of both and their ratio; SystemExit where they read different things."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        files = write(Path(folder), count)
        for format_, libraries in PEERS.items():
            seconds: dict[str, list[float]] = defaultdict(list)
            read: dict[str, tuple[int, str]] = {}
            for _ in range(rounds):
                for library in ("ours", *libraries):
                    python = Path(sys.executable) if library == "ours" else peers
                    one = measured(python, library, format_, files[format_])
                    if one is not None:
                        seconds[library].append(one["seconds"])
                        read[library] = (one["count"], one["digest"])
            for library in libraries:
                if library not in seconds:
                    print(f"{format_:16} {library:9} is not installed")
                    continue
                if read[library] != read["ours"]:
                    raise SystemExit(f"{format_}: {library} reads {read[library]}, ours {read['ours']}")
                ours, theirs = min(seconds["ours"]), min(seconds[library])
                found.append(
                    {
                        "format": format_,
                        "library": library,
                        "observations": read["ours"][0],
                        "ours_millions_per_second": read["ours"][0] / ours / 1e6,
                        "theirs_millions_per_second": read["ours"][0] / theirs / 1e6,
                        "times": theirs / ours,
                    }
                )
    return found


def main() -> None:
    """Print the ratios; with --json, keep them."""
    from benchmarks.__main__ import peers_python

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=Path, help="Python that has the libraries; without it, .venv-bench is made")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = compare(given.peers or peers_python(), given.rows, given.rounds)
    print(f"{'format':16} {'beside':9} {'ours M/s':>9} {'theirs M/s':>11} {'times as fast':>14}")
    for one in found:
        rates = f"{one['ours_millions_per_second']:9.2f} {one['theirs_millions_per_second']:11.3f}"
        print(f"{one['format']:16} {one['library']:9} {rates} {one['times']:14.1f}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
