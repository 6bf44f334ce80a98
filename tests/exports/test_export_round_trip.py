"""What we export we can read again, with the readers that we have, to the facts that were loaded."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import polars as pl
import psycopg
import pytest
import toy
from samples import Filled

from migstats import pipeline, publish
from migstats.errors import DriftError
from migstats.exports import sdg
from migstats.exports.bundle import Wanted, export
from migstats.harmonise import Harmonised, harmonise, read_codes, wide
from migstats.layout import SdmxCsvLayout, SdmxMlLayout
from migstats.observation import SERIES_DIMENSIONS, SHARED_ATTRIBUTES
from migstats.readers import TextTable, sdmx_csv, sdmx_ml
from migstats.source import Dataset, Slice, Source, read_source

pytestmark = pytest.mark.database

KEY = [*SERIES_DIMENSIONS, "time_period"]
#: A figure is exported in units: by what the publisher's own was multiplied is said of its cell, not of the fact.
COLUMNS = [*KEY, "value", "obs_status", *(name for name in SHARED_ATTRIBUTES if name != "unit_mult")]

FACTS = """
SELECT s.*, t.time_period, o.value, o.obs_status, a.*
FROM core.observation AS o
INNER JOIN core.series AS s ON o.source = s.source AND o.series_id = s.series_id
INNER JOIN core.attributes AS a ON o.attribute_id = a.attribute_id
INNER JOIN ref.period AS t ON o.time_id = t.time_id
INNER JOIN ref.source AS r ON o.source = r.code
WHERE o.vintage_to IS NULL AND r.redistribution = 'allowed'
"""


def facts(url: str) -> pl.DataFrame:
    """What was loaded, stands, and may be passed on."""
    with psycopg.connect(url) as connection:
        frame = pl.read_database(FACTS, connection, infer_schema_length=None)
    return frame.select(COLUMNS).sort(KEY)


@cache
def page(file: Path, format_: str, dataset_json: str) -> TextTable:
    """A file as its reader gives it, once for all the datasets that are read alike."""
    return pipeline.read_page(file.read_bytes(), Dataset.model_validate_json(dataset_json))


def of_file(file: Path, source: Source, dataset: Dataset, folder: Path) -> Harmonised:
    """A dataset of a file, as a run reads it."""
    alike = dataset.model_copy(update={"id": "any", "title": "any", "only": {}, "slices": {}, "url": "https://e.org"})
    table = page(file, alike.reader.format, alike.model_dump_json(exclude_defaults=True))
    lists = pipeline.concepts([folder.parent])
    return harmonise({"page": table}, source.id, dataset, read_codes(folder, lists), concepts=lists, last_year=2027)


def read_again(bundle: Path, name: str, axis: str, suffix: str) -> Iterator[tuple[Source, Harmonised]]:
    """All that the declarations of a bundle read from it; nothing may go to quarantine."""
    for folder in sorted((bundle / "declarations" / name).iterdir()):
        source = read_source(folder / "source.yaml")
        for dataset in source.datasets:
            slices = dataset.slices[axis]
            assert isinstance(slices, tuple)
            for at in slices:
                found = of_file(bundle / name / f"{at}.{suffix}", source, dataset, folder)
                assert found.quarantine.num_rows == 0, found.quarantine.slice(0, 3).to_pylist()
                yield source, found


def differences(got: pl.DataFrame, wanted: pl.DataFrame) -> dict[str, object]:
    """Column → the first two values that differ; empty where the frames are equal."""
    if got.height != wanted.height:
        return {"rows": (got.height, wanted.height)}
    differing = {name: got[name].ne_missing(wanted[name]) for name in COLUMNS}
    return {
        name: (got[name].filter(rows)[0], wanted[name].filter(rows)[0])
        for name, rows in differing.items()
        if rows.any()
    }


@pytest.fixture(scope="module")
def bundle(warehouse_of_samples: Filled, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "export"
    export(warehouse_of_samples.url, folder, Wanted(headers="hxl"))
    return folder


@pytest.mark.parametrize(("name", "suffix"), [("sdmx-csv", "csv"), ("sdmx-ml", "xml")])
def test_sdmx_leads_back_to_the_facts_of_every_sample(
    warehouse_of_samples: Filled, bundle: Path, name: str, suffix: str
) -> None:
    frames = [wide(found, "") for _, found in read_again(bundle, name, "topic", suffix)]
    wanted = facts(warehouse_of_samples.url)

    assert wanted.height > 10_000
    assert wanted["source"].n_unique() > 20
    assert differences(pl.concat(frames).select(COLUMNS).sort(KEY), wanted) == {}


def test_the_csv_of_a_country_leads_back_to_its_facts(warehouse_of_samples: Filled, bundle: Path) -> None:
    country = "MAR"
    frames = []
    file = bundle / "csv" / f"{country}.csv"
    there = set(pl.read_csv(file, infer_schema=False).select("source", "dataset").unique().iter_rows())
    for folder in sorted((bundle / "declarations" / "csv").iterdir()):
        source = read_source(folder / "source.yaml")
        for dataset in source.datasets:
            if (source.id, dataset.id) not in there:
                with pytest.raises(DriftError, match="no record is left"):
                    of_file(file, source, dataset, folder)
                continue
            found = of_file(file, source, dataset, folder)
            assert found.quarantine.num_rows == 0, found.quarantine.slice(0, 3).to_pylist()
            frames.append(wide(found, ""))
    about = (pl.col("ref_area") == country) | (pl.col("counterpart_area") == country)
    wanted = facts(warehouse_of_samples.url).filter(about)

    assert wanted.height > 100
    assert differences(pl.concat(frames).select(COLUMNS).sort(KEY), wanted) == {}


def test_parquet_has_the_facts(warehouse_of_samples: Filled, bundle: Path) -> None:
    frame = pl.read_parquet(bundle / "parquet" / "**" / "*.parquet").rename({"published_value": "value"})
    assert (
        differences(
            frame.filter(pl.col("method") == "published").select(COLUMNS).sort(KEY), facts(warehouse_of_samples.url)
        )
        == {}
    )


# -- SDG ----------------------------------------------------------------------------------------------------------


def told(rows: Iterable[Mapping[str, object]]) -> Counter[tuple[str, ...]]:
    """What rows say, component by component, however often; what is missing is empty."""
    names = [column.name for column in sdg.messages().columns]
    return Counter(tuple(str(row.get(name) or "") for name in names) for row in rows)


def with_ours(file: Path) -> Counter[tuple[str, ...]]:
    """A file of SDG series as our own reader gives it."""
    if file.suffix == ".csv":
        table = sdmx_csv.read(file.read_bytes(), SdmxCsvLayout(format="sdmx_csv", apostrophes=True))
    else:
        table = sdmx_ml.read(file.read_bytes(), SdmxMlLayout(format="sdmx_ml"))
    return told({**row, "OBS_VALUE": row["_value"]} for row in table.data.to_pylist())


def with_pysdmx(file: Path) -> Counter[tuple[str, ...]]:
    """The same with the reader of others."""
    [found] = pytest.importorskip("pysdmx.io").read_sdmx(file).data
    return told(found.data.astype(object).where(found.data.notna(), None).to_dict("records"))


def written(file: Path) -> Counter[tuple[str, ...]]:
    """What stands in a file of SDMX-CSV, letter by letter."""
    with file.open(encoding="utf-8", newline="") as text:
        return told(csv.DictReader(text))


def test_sdg_series_in_sdmx_ml_say_what_they_say_in_sdmx_csv(bundle: Path) -> None:
    files = sorted((bundle / "sdg").glob("*.csv"))
    assert [file.name for file in files] == ["displacement.csv", "remittances.csv"]
    count = 0
    for file in files:
        wanted = written(file)  # no text of the samples needs an apostrophe
        count += wanted.total()
        for read in (with_ours, with_pysdmx):
            assert read(file) == wanted, read
            assert read(file.with_suffix(".xml")) == wanted, read
    assert count > 300


def test_texts_of_sdg_series_are_the_same_in_sdmx_ml_and_in_sdmx_csv(of_sdg: str, tmp_path: Path) -> None:
    export(of_sdg, tmp_path / "out", Wanted(formats=("sdmx-csv", "sdmx-ml")))
    files = [tmp_path / "out" / "sdg" / f"remittances.{suffix}" for suffix in ("csv", "xml")]
    first, second = (with_ours(file) for file in files)
    assert first == second
    assert with_pysdmx(files[1]) == second
    notes = {dict(zip([c.name for c in sdg.messages().columns], row, strict=True))["COMMENT_OBS"] for row in first}
    assert notes == {"=1+1", 'said "so", <twice> & more\nin two lines', "'=once more", ""}


# -- loading ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file"),
    [("sdmx-csv", "migrant_stock.csv"), ("sdmx-ml", "migrant_stock.xml"), ("csv", "MAR.csv")],
)
def test_to_load_an_export_of_figures_that_did_not_change_changes_nothing(
    warehouse_url: str, sources: list[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    rows = [
        {"OBS_VALUE": "0.1", "NOTE": "-1 of two"},
        {"SEX": "F", "OBS_VALUE": "", "OBS_STATUS": "O", "NOTE": "'+"},
        {"SEX": "M", "OBS_VALUE": "123456789.125", "NOTE": "<a> & \"b\"; 'c'"},
    ]
    part = "figures/part=a"
    read = toy.read(warehouse_url, sources[0], part, rows)
    toy.load(warehouse_url, sources[0], read)
    publish.publish(warehouse_url, run_id="test")
    export(warehouse_url, tmp_path / "out", Wanted())

    declarations = tmp_path / "out" / "declarations" / name
    monkeypatch.setenv("MIGSTATS_SOURCES", str(declarations))
    source = read_source(declarations / "ark" / "source.yaml")
    slice_ = Slice(source="ark", dataset="figures", slice=part, url="https://migstats.example/exports/")
    later = toy.DAY + dt.timedelta(days=1)
    again = toy.land(warehouse_url, source, slice_, (tmp_path / "out" / name / file).read_bytes(), later)

    assert again.content_sha256 == read.content_sha256
    assert toy.load(warehouse_url, source, again).outcome == "unchanged"
