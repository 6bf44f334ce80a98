"""The real payloads of the publishers through the same code: nothing is lost, the published figures are there."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import polars as pl
import pytest
import yaml
from test_sources import SOURCES, read_bytes

from migstats import lake as lakes
from migstats.errors import PublisherError, TryAgainError
from migstats.readers import jsonstat, sdmx_csv, unhcr, worldbank
from migstats.source import JsonStatLayout, SdmxCsvLayout, UnhcrLayout, WorldBankLayout

pytestmark = pytest.mark.payloads

DESA_2024 = "un_desa/undesa_pd_2024_ims_stock_by_sex_and_destination.xlsx"
DESA_2020 = "un_desa/undesa_pd_2020_ims_stock_by_sex_and_destination.xlsx"
DESA_2020_EARLIER = "un_desa/undesa_pd_2020_ims_stock_by_sex_and_destination__earlier_vintage.xlsx"
DESA_2020_ORIGIN = "un_desa/undesa_pd_2020_ims_stock_by_sex_and_origin.xlsx"
MEASURES = (
    "refugees",
    "asylum_seekers",
    "returned_refugees",
    "idps",
    "returned_idps",
    "stateless",
    "ooc",
    "oip",
    "hst",
)


def desa(payloads: Path, name: str, dataset: str = "destination"):  # type: ignore[no-untyped-def]
    return read_bytes(SOURCES["undesa_stock"], dataset, (payloads / name).read_bytes())


def figure(frame: pl.DataFrame, area: str, year: str, sex: str = "_T") -> dict[str, object]:
    return frame.filter(ref_area=area, time_period=year, sex=sex).row(0, named=True)


def test_table_1_of_2024_has_6840_figures_and_48_blank_cells(payloads: Path) -> None:
    """287 rows of 24 cells; who counts the 24 years of the header row too gets 6,864."""
    frame, done = desa(payloads, DESA_2024)
    assert (frame.height, sum(done.landed.values())) == (6_840, 6_888)
    assert done.explained.to_pylist()[0]["reason"] == "blank"
    assert done.explained.to_pylist()[0]["count"] == 48
    assert figure(frame, "001", "2024")["value"] == 304_021_813
    assert figure(frame, "001", "2024")["place"] == "Table 1!M12"
    morocco = figure(frame, "MAR", "2024")
    assert (morocco["value"], morocco["concept_basis"]) == (111_069, "citizenship+refugees")


def test_the_2020_workbook_gives_the_world_of_2020(payloads: Path) -> None:
    assert figure(desa(payloads, DESA_2020)[0], "001", "2020")["value"] == 280_598_105


def test_both_byte_versions_of_2020_are_one_content_and_two_snapshots(payloads: Path, lake: Path) -> None:
    (_, one), (_, other) = desa(payloads, DESA_2020), desa(payloads, DESA_2020_EARLIER)
    assert one.content_hash == other.content_hash
    assert len({lakes.store_snapshot((payloads / f).read_bytes()) for f in (DESA_2020, DESA_2020_EARLIER)}) == 2


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        (DESA_2024, "destination"),
        (DESA_2020, "destination"),
        (DESA_2020_EARLIER, "destination"),
        (DESA_2020_ORIGIN, "origin"),
    ],
)
def test_males_and_females_make_both_sexes_within_rounding(payloads: Path, name: str, dataset: str) -> None:
    frame, _ = desa(payloads, name, dataset)
    key = ["ref_area", "counterpart_area", "time_period"]
    sexes = frame.pivot(on="sex", index=key, values="value").drop_nulls()
    assert sexes.height > 1_500
    assert sexes.filter((pl.col("M") + pl.col("F") - pl.col("_T")).abs() > 1).height == 0


@pytest.mark.parametrize("name", ["api_population-egypt-2023.json", "api_population-syria-origin-2023.json"])
def test_unhcr_population_is_read_without_loss(payloads: Path, name: str) -> None:
    raw = (payloads / "unhcr" / name).read_bytes()
    items = json.loads(raw)["items"]
    table = unhcr.read(raw, UnhcrLayout(format="unhcr", measures=MEASURES))
    assert table.landed == len(items) * len(MEASURES)
    cells = zip(
        table.data["measure"].to_pylist(), table.data["_row"].to_pylist(), table.data["_value"].to_pylist(), strict=True
    )
    assert all(value == str(items[row][measure]) for measure, row, value in cells)


def bodies(payloads: Path) -> list[tuple[str, str]]:
    found = [(p.name, p.read_text("utf-8-sig")) for p in sorted((payloads / "worldbank").glob("*.json"))]
    for file in sorted((payloads / "worldbank").glob("TestIndicatorValues*.yaml")):
        for number, exchange in enumerate(yaml.safe_load(file.read_text("utf-8"))["interactions"]):
            body = exchange["response"]["body"]
            found.append((f"{file.name}#{number}", body["string"] if isinstance(body, dict) else body))
    return found


def test_every_world_bank_body_is_read_without_loss_or_refused_with_the_banks_words(payloads: Path) -> None:
    layout = WorldBankLayout(format="worldbank")
    read = refused = 0
    for name, text in bodies(payloads):
        if text.lstrip("\ufeff").startswith("<"):
            with pytest.raises(TryAgainError):
                worldbank.inspect(text.encode(), layout)
            continue
        document = json.loads(text.lstrip("\ufeff"))
        if len(document) == 2 and document[1]:
            table = worldbank.read(text.encode(), layout)
            assert table.landed == len(document[1]), name
            values = [r["value"] for r in document[1]]
            assert [None if v is None else float(v) for v in table.data["_value"].to_pylist()] == values, name
            read += 1
        else:
            with pytest.raises(PublisherError):
                worldbank.inspect(text.encode(), layout)
            refused += 1
    assert read >= 10
    assert refused >= 5


def test_every_eurostat_cube_is_read_without_loss(payloads: Path) -> None:
    files = [p for p in sorted((payloads / "eurostat").glob("*.json")) if "size" in json.loads(p.read_text("utf-8"))]
    assert len(files) >= 4
    for file in files:
        cube = json.loads(file.read_text("utf-8"))
        table = jsonstat.read(file.read_bytes(), JsonStatLayout(format="jsonstat"))
        size = 1
        for n in cube["size"]:
            size *= n
        said = set(cube["value"]) | set(cube.get("status", {}))
        assert (table.landed, table.data.num_rows) == (size, len(said)), file.name
        got = dict(zip(table.data["_row"].to_pylist(), table.data["_value"].to_pylist(), strict=True))
        assert {str(k): float(v) for k, v in got.items() if v is not None} == {
            k: float(v) for k, v in cube["value"].items() if v is not None
        }


def test_every_eurostat_csv_is_read_without_loss(payloads: Path) -> None:
    files = [
        p
        for p in sorted((payloads / "eurostat").glob("*.csv"))
        if p.read_text("utf-8-sig").startswith(("DATAFLOW,", "STRUCTURE,"))
    ]
    assert len(files) >= 8
    for file in files:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            values = [row["OBS_VALUE"] for row in csv.DictReader(stream)]
        table = sdmx_csv.read(file.read_bytes(), SdmxCsvLayout(format="sdmx_csv"))
        assert table.landed == len(values), file.name
        assert [v or "" for v in table.data["_value"].to_pylist()] == values, file.name
