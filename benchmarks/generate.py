"""Payloads for the benchmarks: population by citizenship, age and sex, in SDMX-CSV as Eurostat serves it."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from migstats import settings
from migstats.codelists import read_codelist
from migstats.landing import Landed
from migstats.source import Slice

SOURCE = "bench_population"
YEARS = range(2000, 2025)
AREAS, CITIZENS, AGES = 40, 56, 6
PARTS = 10

_SOURCE_YAML = f"""\
id: {SOURCE}
title: Population by citizenship, age and sex (invented)
publisher: Benchmark
homepage: https://bench.example/
description: Figures drawn at random, in the shape of a large table of Eurostat's.
owner: benchmark
licence: {{id: CC0-1.0, url: "https://creativecommons.org/publicdomain/zero/1.0/", redistribution: allowed}}
citation: Invented for the benchmark.
hosts: [bench.example]
datasets:
  - id: population
    title: Population by citizenship, age and sex
    url: "https://bench.example/{{block}}/{{part}}.csv"
    slices:
      block: [{", ".join(f"b{i}" for i in range(10))}]
      part: [{", ".join(f"p{i}" for i in range(PARTS))}]
    reader: {{format: sdmx_csv}}
    only: {{freq: [A], unit: [NR]}}
    concepts:
      indicator: POP
      unit: {{column: unit, scheme: eurostat}}
      time_period: {{column: TIME_PERIOD, period: sdmx}}
      ref_area: {{column: geo, scheme: eurostat}}
      counterpart_area: {{column: citizen, scheme: eurostat}}
      counterpart_basis: citizenship
      sex: {{column: sex, scheme: eurostat}}
      age: {{column: age, scheme: eurostat}}
      obs_status: {{column: OBS_FLAG, split: letters, precedence: cznbdfuespr}}
      conf_status: {{column: CONF_STATUS}}
      concept_basis: citizenship
    stock_or_flow: stock
    reference_point: start
"""

_CODES_CSV = """\
dataset,column,code,concept,target,treatment,note
population,OBS_FLAG,b,obs_status,B,map,Break in time series
population,OBS_FLAG,c,obs_status,Q,map,Confidential
population,OBS_FLAG,e,obs_status,E,map,Estimated
population,OBS_FLAG,p,obs_status,P,map,Provisional
population,CONF_STATUS,C,conf_status,C,map,Confidential
*,_value,,obs_status,O,map,Empty
*,_value,,missing_reason,not_available,map,
"""


def declare(home: Path) -> Path:
    """A home of the project that also knows the invented source; the answer is its folder of sources."""
    real = settings.home()
    home.mkdir(parents=True)
    (home / "include").symlink_to(real / "include")
    shutil.copytree(real / "expectations", home / "expectations")
    suite = (home / "expectations" / "eurostat_migr.json").read_text(encoding="utf-8")
    (home / "expectations" / f"{SOURCE}.json").write_text(suite.replace('"eurostat_migr"', f'"{SOURCE}"', 1))
    folder = home / "sources" / SOURCE
    folder.mkdir(parents=True)
    (folder / "source.yaml").write_text(_SOURCE_YAML)
    (folder / "codes.csv").write_text(_CODES_CSV)
    return home / "sources"


def observations(block: int, rows: int) -> pl.DataFrame:
    """`rows` records of one block: 40,320 series of 25 years less some that are missing, in the publisher's order.

    Males and females add up to the total. One cell in a hundred is empty, half of these confidential; one in twenty
    has a flag. Blocks hold other ages, so that their series differ.
    """
    concepts = settings.include() / "codelists"
    areas = read_codelist(concepts, "area")
    countries = sorted(theirs for theirs, ours in areas.scheme("eurostat").items() if _is_country(areas.rows[ours]))
    ages = list({ours: theirs for theirs, ours in read_codelist(concepts, "age").scheme("eurostat").items()}.values())
    random = np.random.default_rng(block)
    shape = (AREAS, CITIZENS, AGES, len(YEARS))
    level = random.lognormal(6, 2, (*shape[:3], 1))
    males, females = ((level * random.uniform(0.8, 1.2, shape)).astype(np.int64) for _ in range(2))
    figures = np.stack([males, females, males + females], axis=3).reshape(-1)
    count = figures.size
    at = np.unravel_index(np.arange(count), (AREAS, CITIZENS, AGES, 3, len(YEARS)))
    chance = random.random(count)
    empty = chance < 0.01
    secret = chance < 0.005
    flag = np.where(secret, "c", np.where(chance > 0.95, np.asarray(["p", "e", "b"])[at[4] % 3], ""))
    table = pl.DataFrame(
        {
            "DATAFLOW": pl.repeat("ESTAT:MIGR_POP1CTZ(1.0)", count, eager=True),
            "LAST UPDATE": pl.repeat("12/02/25 11:00:00", count, eager=True),
            "freq": pl.repeat("A", count, eager=True),
            "citizen": _texts(countries[AREAS : AREAS + CITIZENS], at[1]),
            "age": _texts(ages[block * AGES : (block + 1) * AGES], at[2]),
            "unit": pl.repeat("NR", count, eager=True),
            "sex": _texts(["M", "F", "T"], at[3]),
            "geo": _texts(countries[:AREAS], at[0]),
            "TIME_PERIOD": _texts([str(y) for y in YEARS], at[4]),
            "OBS_VALUE": pl.Series(figures).set(pl.Series(empty), None),
            "OBS_FLAG": flag,
            "CONF_STATUS": np.where(secret, "C", ""),
            "part": at[0] * PARTS // AREAS,
        }
    )
    if rows > count:
        raise SystemExit(f"a block holds {count} records at most, {rows} were asked for")
    kept = np.sort(random.permutation(count)[:rows])
    return table[kept]


def _is_country(row: object) -> bool:
    return row["kind"] == "country"  # type: ignore[index]


def _texts(codes: list[str], at: np.ndarray) -> pl.Series:
    return pl.Series(codes).gather(at)


def write(table: pl.DataFrame, folder: Path, stamp: str) -> list[Path]:
    """Write the parts of a block, one CSV file each."""
    folder.mkdir(parents=True)
    files = []
    stamped = table.with_columns(pl.lit(stamp).alias("LAST UPDATE"))
    for part in range(PARTS):
        files.append(folder / f"p{part}.csv")
        stamped.filter(pl.col("part") == part).drop("part").write_csv(files[-1], quote_style="never")
    return files


def reordered(table: pl.DataFrame) -> pl.DataFrame:
    """The same figures in another order of records."""
    return table.sample(fraction=1, shuffle=True, seed=1)


def revised(table: pl.DataFrame, seed: int, share: float = 0.01) -> pl.DataFrame:
    """The same records with another figure in a share of them: in totals and in the males that they count."""
    cell = pl.struct("geo", "citizen", "age", "TIME_PERIOD").hash(1000 + seed) % 100_000 < round(share * 150_000)
    chosen = cell & pl.col("sex").is_in(["M", "T"])
    return table.with_columns(OBS_VALUE=pl.when(chosen).then(pl.col("OBS_VALUE") + 1).otherwise("OBS_VALUE"))


def landings(files: list[Path], block: str, sha_of: Iterator[str], hours: int) -> list[Landed]:
    """What landing these files some hours into the first of March would have handed on; `sha_of` says their bytes."""
    seen = dt.datetime(2025, 3, 1, tzinfo=dt.UTC) + dt.timedelta(hours=hours)
    found = []
    for file, sha in zip(files, sha_of, strict=True):
        slice_ = Slice(
            source=SOURCE,
            dataset="population",
            slice=f"population/block={block}/part={file.stem}",
            url=f"https://bench.example/{block}/{file.name}",
        )
        page = {"sha256": sha, "bytes": file.stat().st_size, "part": 1, "pages": 1, "retrieved_at": seen}
        found.append(Landed.model_validate({"slice": slice_, "pages": [page], "released_at": seen}))
    return found
