"""One measured run of this project's own way, in a process of its own: what the tasks of the DAGs call.

Slices are read by as many processes as there are cores, as mapped tasks are; what a process imports is not counted.
"""

from __future__ import annotations

import time

BEGAN = time.perf_counter()

import argparse  # noqa: E402
import datetime as dt  # noqa: E402
import json  # noqa: E402
import multiprocessing  # noqa: E402
import os  # noqa: E402
from concurrent.futures import ProcessPoolExecutor  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

TODAY = dt.date(2025, 3, 1)


def read_slice(facts: dict[str, Any] | None) -> Any:
    """What the task `read` does with one landed slice; without one, it only imports what that takes."""
    from migstats import landing, pipeline
    from migstats.source import folder_of, read_source

    if facts is None:
        import pandas  # noqa: F401  (Arrow does so at its first call)

        time.sleep(0.2)  # long enough for the other processes to take one of these too
        return None
    landed = landing.Landed.model_validate(facts)
    folder = folder_of(landed.slice.source)
    return pipeline.read(landed, read_source(folder / "source.yaml"), folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", help="of land, read, check, gate, load, warehouse; joined by +")
    parser.add_argument("landed", type=Path, help="JSON list of landed slices")
    parser.add_argument("url")
    parser.add_argument("report", type=Path)
    parser.add_argument("--files", type=Path, nargs="*", default=[], help="what `land` keeps in the lake")
    given = parser.parse_args()
    steps = given.steps.split("+")

    from migstats import lake, pipeline
    from migstats.source import folder_of, read_source

    seconds: dict[str, float] = {}
    if {"check", "warehouse"} & set(steps):
        import great_expectations  # noqa: F401
    workers = os.cpu_count() or 1
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    list(pool.map(read_slice, [None] * workers))
    seconds["import"] = time.perf_counter() - BEGAN
    landed = json.loads(given.landed.read_text())
    source_id = landed[0]["slice"]["source"]
    folder = folder_of(source_id)
    source = read_source(folder / "source.yaml")
    reads = []
    counts = None

    def read() -> None:
        reads.extend(pool.map(read_slice, landed))

    def load() -> None:
        nonlocal counts
        counts = pipeline.load(reads, source, folder, run_id="benchmark", url=given.url)

    does = {
        "land": lambda: [lake.store_snapshot(file.read_bytes()) for file in given.files],
        "read": read,
        "check": lambda: pipeline.check(reads, source, run_id="benchmark", url=given.url, today=TODAY),
        "gate": lambda: pipeline.gate(reads, source, folder, run_id="benchmark", url=given.url),
        "load": load,
        "warehouse": lambda: pipeline.check_warehouse(source_id, run_id="benchmark", url=given.url, today=TODAY),
    }
    for step in steps:
        since = time.perf_counter()
        does[step]()
        seconds[step] = time.perf_counter() - since
    pool.shutdown()
    report = {"seconds": seconds, "rows": sum(r.observations for r in reads)}
    if counts is not None:
        report |= {"outcome": counts.outcome, "loaded": counts.loaded, "unchanged": counts.unchanged}
    given.report.write_text(json.dumps(report))


if __name__ == "__main__":
    main()
