"""The real payloads of the publishers through the same code: nothing is lost, the published figures are there."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import yaml
from test_sources import SOURCES, read_bytes

from migstats import lake as lakes
from migstats import pipeline
from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.harmonise import Codes, harmonise
from migstats.layout import DelimitedLayout, JsonStatLayout, SdmxCsvLayout, WorldBankLayout
from migstats.readers import delimited, jsonstat, sdmx_csv, worldbank
from migstats.source import Dataset

pytestmark = pytest.mark.payloads

DESA_2024 = "un_desa/undesa_pd_2024_ims_stock_by_sex_and_destination.xlsx"
DESA_2020 = "un_desa/undesa_pd_2020_ims_stock_by_sex_and_destination.xlsx"
DESA_2020_EARLIER = "un_desa/undesa_pd_2020_ims_stock_by_sex_and_destination__earlier_vintage.xlsx"
DESA_2020_ORIGIN = "un_desa/undesa_pd_2020_ims_stock_by_sex_and_origin.xlsx"
ROOT = os.environ.get("MIGSTATS_PAYLOADS")
MEASURES = [
    "refugees",
    "asylum_seekers",
    "returned_refugees",
    "idps",
    "returned_idps",
    "stateless",
    "ooc",
    "oip",
    "hst",
]


def files(pattern: str) -> list[str]:
    """Names of all real payloads that match, so that each is a test of its own."""
    found = sorted(str(path.relative_to(ROOT)) for path in Path(ROOT).glob(pattern)) if ROOT else []
    return found or ["(none here)"]


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


@pytest.mark.parametrize("name", files("un_desa/undesa_*.xlsx"))
def test_a_workbook_of_un_desa_is_read_as_what_its_title_says_and_as_nothing_else(payloads: Path, name: str) -> None:
    """The tables by destination and by origin have the same headers and sheets."""
    wanted, other = ("origin", "destination") if "origin" in name else ("destination", "origin")
    assert desa(payloads, name, wanted)[0].height > 5_000
    with pytest.raises(DriftError, match=r"no text above the header .* `title`|no row holds any of the headers"):
        desa(payloads, name, other)


@pytest.mark.parametrize("name", files("unhcr/api_population-*.json"))
def test_every_figure_of_unhcr_is_an_observation_of_one_dataset(payloads: Path, name: str) -> None:
    """By the others it is counted: as left to that one, or kept back, since they want another breakdown."""
    raw = (payloads / name).read_bytes()
    items = json.loads(raw)["items"]
    figures: dict[str, list[str]] = {}
    for dataset in SOURCES["unhcr_population"].datasets:
        frame, done = read_bytes(SOURCES["unhcr_population"], dataset.id, raw)
        explained = {r["reason"]: r["count"] for r in done.explained.to_pylist()}
        assert explained == {"outside_tables": len(items) * len(dataset.reader.others)}
        assert sum(done.landed.values()) == len(items) * len(MEASURES)
        assert frame.height + done.quarantine.num_rows + sum(explained.values()) == len(items) * len(MEASURES)
        for place, text in frame.select("place", "raw").iter_rows():
            figures.setdefault(place, []).append(text)
    assert figures == {f"/items/{i}/{m}": [str(item[m])] for i, item in enumerate(items) for m in MEASURES}


@pytest.mark.parametrize("name", sorted({*files("unhcr/api_*.json")} - {*files("unhcr/api_population-*.json")}))
def test_other_answers_of_unhcr_are_none_of_its_population(payloads: Path, name: str) -> None:
    raw = (payloads / name).read_bytes()
    for dataset in SOURCES["unhcr_population"].datasets:
        with pytest.raises(DriftError, match="declared measures are missing"):
            read_bytes(SOURCES["unhcr_population"], dataset.id, raw)


def bodies(payloads: Path, name: str) -> Iterator[str]:
    """The answers in a file: one, or those of a recorded cassette."""
    text = (payloads / name).read_text("utf-8-sig")
    if name.endswith(".json"):
        yield text
        return
    for exchange in yaml.safe_load(text)["interactions"]:
        body = exchange["response"]["body"]
        yield (body["string"] if isinstance(body, dict) else body).lstrip("\ufeff")


@pytest.mark.parametrize("name", [*files("worldbank/*.json"), *files("worldbank/*.yaml")])
def test_every_body_of_the_world_bank_is_read_without_loss_or_refused_with_its_words(payloads: Path, name: str) -> None:
    layout = WorldBankLayout(format="worldbank")
    found = 0
    for text in bodies(payloads, name):
        found += 1
        raw = text.encode()
        document = None if text.startswith("<") else json.loads(text)
        if document is None:
            with pytest.raises(TryAgainError, match="Request Error"):
                worldbank.inspect(raw, layout)
        elif "message" in document[0]:
            with pytest.raises(PublisherError, match=re.escape(document[0]["message"][0]["value"])):
                worldbank.inspect(raw, layout)
        elif not document[1]:
            with pytest.raises(PublisherError, match="no rows"):
                worldbank.inspect(raw, layout)
        elif "indicator" not in document[1][0]:  # lists of countries, topics, languages ...
            with pytest.raises(DriftError, match=r"/1: no row has the fields indicator\.id"):
                worldbank.read(raw, layout)
        else:
            table = worldbank.read(raw, layout)
            assert table.landed == len(document[1])
            values = [row["value"] for row in document[1]]
            assert [None if v is None else float(v) for v in table.data["_value"].to_pylist()] == values
    assert found


@pytest.mark.parametrize("name", files("eurostat/*.json"))
def test_every_json_of_eurostat_is_read_without_loss_or_refused_with_its_words(payloads: Path, name: str) -> None:
    raw = (payloads / name).read_bytes()
    cube = json.loads(raw)
    if "size" not in cube:
        said = cube.get("error") or [cube["warning"]]
        label = said[0]["label"] if isinstance(said, list) else said["label"]
        with pytest.raises((PublisherError, TryAgainError), match=re.escape(label[:40])):
            jsonstat.read(raw, JsonStatLayout(format="jsonstat"))
        return
    table = jsonstat.read(raw, JsonStatLayout(format="jsonstat"))
    said = set(cube["value"]) | set(cube.get("status", {}))
    assert (table.landed, table.data.num_rows) == (math.prod(cube["size"]), len(said))
    got = dict(zip(table.data["_row"].to_pylist(), table.data["_value"].to_pylist(), strict=True))
    assert {str(k): float(v) for k, v in got.items() if v is not None} == {
        k: float(v) for k, v in cube["value"].items() if v is not None
    }
    assert [same[0] for same in table.dimensions] == cube["id"]


@pytest.mark.parametrize("name", files("eurostat/*.csv"))
def test_every_csv_of_eurostat_is_read_without_loss_or_refused(payloads: Path, name: str) -> None:
    raw = (payloads / name).read_bytes()
    if not raw.startswith((b"DATAFLOW,", b"STRUCTURE,")):
        with pytest.raises(DriftError, match="no column OBS_VALUE"):
            sdmx_csv.read(raw, SdmxCsvLayout(format="sdmx_csv"))
        return
    with (payloads / name).open(encoding="utf-8-sig", newline="") as stream:
        values = [row["OBS_VALUE"] for row in csv.DictReader(stream)]
    table = sdmx_csv.read(raw, SdmxCsvLayout(format="sdmx_csv"))
    assert table.landed == len(values)
    assert [v or "" for v in table.data["_value"].to_pylist()] == values


def test_an_oecd_file_that_is_declared_too_thinly_is_refused_with_what_is_missing(payloads: Path) -> None:
    """Without its dimensions thousands of its figures would contradict each other."""
    raw = (payloads / "oecd/OECD.ELS.IMD,DSD_MIG@DF_MIG,1.0+ITA..A.B11.csv").read_bytes()
    facts = {
        "id": "thin",
        "title": "t",
        "url": "https://sdmx.oecd.org/",
        "reader": {"format": "sdmx_csv"},
        "concepts": {
            "indicator": "MIG_STOCK",
            "unit": "PS",
            "time_period": {"column": "TIME_PERIOD"},
            "ref_area": {"column": "REF_AREA", "scheme": "iso3"},
        },
        "stock_or_flow": "stock",
        "reference_point": "end",
    }
    table = sdmx_csv.read(raw, SdmxCsvLayout(format="sdmx_csv"))
    lists, codes = pipeline.concepts(), Codes({}, "")
    with pytest.raises(
        DriftError, match=r"CITIZENSHIP \(CAF, .* more\); FREQ \(A\); MEASURE \(B11\); SEX .*UNIT_MEASURE"
    ):
        harmonise({"f" * 64: table}, "s", Dataset.model_validate(facts), codes, concepts=lists, last_year=2027)


def test_the_bulk_file_of_the_world_bank_is_read_whole(payloads: Path) -> None:
    """Lines above the header, years across, every cell quoted, an empty column at the end."""
    layout = DelimitedLayout.model_validate(
        {
            "format": "delimited",
            "columns": {"country.id": ["Country Code"], "indicator.id": ["Indicator Code"], "name": ["Country Name"]},
            "across": "(?P<date>[0-9]{4})",
            "attributes": ["Indicator Name"],
            "labels": {"country.id": "name"},
            "updated": "Last Updated Date",
        }
    )
    raw = (payloads / "worldbank/API_SM.POP.NETM_DS2_en_csv_v2_3401672.csv").read_bytes()
    table = delimited.read(raw, layout)
    records = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()[4:]))
    years = [year for year in records[0] if year and year.isdecimal()]
    cells = {(r["Country Code"], year): r[year] or None for r in records for year in years}
    assert table.landed == len(cells) == len(records) * len(years)
    got = table.data.select(["country.id", "date", "_value"]).to_pylist()
    assert {(r["country.id"], r["date"]): r["_value"] for r in got} == cells
    assert (table.envelope.updated, cells["MAR", "2023"]) == ("2024-06-28", "-39998")


def test_rounds_of_the_displacement_matrix_at_country_level_are_all_that_is_taken(payloads: Path) -> None:
    """Two assessments of one operation in one month contradict each other: neither is chosen."""
    raw = (payloads / "hdx_hapi/hdx_hapi_idps_global.csv").read_bytes()
    frame, done = read_bytes(SOURCES["hdx_hapi_idps"], "countries", raw)
    records = list(csv.DictReader(raw.decode("utf-8-sig").splitlines()))
    level = [r for r in records if r["admin_level"] == "0"]
    reasons = [r["reason"] for r in done.quarantine.to_pylist()]
    assert (len(records), len(level), reasons) == (6_854, 103, ["conflicting_duplicate"] * 2)
    assert frame.height == len(level) - len(reasons)
    left = done.explained.to_pylist()
    assert [(r["reason"], r["count"]) for r in left] == [("not_selected", len(records) - len(level))]
    assert sum(done.landed.values()) == len(records)
    days = {(r["location_code"], r["reference_period_start"]) for r in level}
    assert set(frame.select("ref_area", "note").iter_rows()) <= days


def test_the_answers_about_decisions_have_persons_and_cases_apart(payloads: Path) -> None:
    frame, done = read_bytes(
        SOURCES["unhcr_asylum"], "decisions", (payloads / "unhcr/api_asylumDecisionsALG_from_elm.json").read_bytes()
    )
    assert (frame.height, done.quarantine.num_rows) == (500, 0)
    assert set(frame.select(pl.col("indicator").str.ends_with("_CASES"), "unit").unique().iter_rows()) == {
        (True, "CASES"),
        (False, "PS"),
    }
    key = ["ref_area", "counterpart_area", "time_period", "breakdown", "unit"]
    parts = frame.filter(
        ~pl.col("indicator").str.starts_with("ASYLUM_DECISION") | pl.col("indicator").str.contains("NEG")
    )
    whole = frame.filter(pl.col("indicator").is_in(["ASYLUM_DECISIONS", "ASYLUM_DECISION_CASES"]))
    both = parts.group_by(key).agg(pl.col("value").sum().alias("parts")).join(whole, on=key, validate="1:1")
    assert both.height == 100
    assert both.filter((pl.col("parts") - pl.col("value")).abs() > 20).height == 0  # each part is rounded to fives
