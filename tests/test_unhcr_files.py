"""UNHCR's figures as files of other hands have them: read by declared layouts, every cell somewhere, nothing mixed."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from test_sources import SOURCES, read_bytes

from migstats import pipeline
from migstats.harmonise import Codes, Harmonised, harmonise, read_codes, wide
from migstats.readers import reader_for
from migstats.source import Dataset, folder_of

pytestmark = pytest.mark.payloads

#: The fields of the interface, by the headers of the files.
HDX = {"year": ["Year"], "coo": ["ISO3CoO"], "coa": ["ISO3CoA"]}
#: A file with one figure in a record has no column that names it: the indicator is told by persons or cases alone.
PERSONS_OR_CASES = {"P": ("ASYLUM_APPLICATIONS", "map"), "C": ("ASYLUM_APPLICATION_CASES", "map")}
BANDS = ("0_4", "5_11", "12_17", "18_59", "60", "other", "total")
SEXES = {"Female": "f", "Male": "m"}


def as_dataset(source_id: str, dataset_id: str, reader: dict[str, Any], **changes: Any) -> Dataset:
    """A dataset of ours, with its meaning and another layout. HDX has ISO codes where the interface has UNHCR's."""
    dataset = SOURCES[source_id].dataset(dataset_id)
    return Dataset.model_validate(
        dataset.model_dump(exclude_unset=True) | {"reader": {"format": "delimited", **reader}} | changes
    )


def read_as(source_id: str, dataset: Dataset, payload: bytes) -> tuple[pl.DataFrame, Harmonised]:
    table = reader_for(dataset.reader).read(payload, dataset.reader)
    concepts = pipeline.concepts()
    codes = read_codes(folder_of(source_id), concepts)
    codes = Codes({**codes.rows, ("*", "app_pc", "indicator"): PERSONS_OR_CASES}, codes.digest)
    done = harmonise({"0" * 64: table}, source_id, dataset, codes, concepts=concepts, last_year=2027)
    left = sum(done.explained["count"].to_pylist())
    assert sum(done.landed.values()) == table.landed == done.facts.num_rows + done.quarantine.num_rows + left
    return wide(done, "x"), done


def concepts_with(source_id: str, dataset_id: str, **changes: Any) -> dict[str, Any]:
    return SOURCES[source_id].dataset(dataset_id).model_dump(exclude_unset=True)["concepts"] | changes


def test_every_application_of_the_full_dump_is_accounted_for_and_cases_are_no_persons(payloads: Path) -> None:
    """120,597 rows of 1999 to 2025 in one file."""
    payload = gzip.decompress((payloads / "unhcr/derived_from_rda/asylum_applications.csv.gz").read_bytes())
    labels = {"coo": "coo_name", "coa": "coa_name"}
    reader = {"figures": ["applied"], "labels": labels, "attributes": ["coo_iso", "coa_iso"]}
    dataset = as_dataset(
        "unhcr_asylum",
        "applications",
        reader,
        combined={"stage": ["procedure_type", "app_type", "dec_level"]},
        concepts=concepts_with("unhcr_asylum", "applications", indicator={"column": "app_pc"}),
    )
    frame, done = read_as("unhcr_asylum", dataset, payload)
    rows = list(csv.DictReader(io.StringIO(payload.decode())))
    assert (len(rows), frame.height, done.quarantine.num_rows) == (120_597, 120_597, 0)
    said = frame.group_by("indicator", "unit").agg(pl.len(), pl.col("value").sum()).sort("indicator").rows()
    counted = Counter(row["app_pc"] for row in rows)
    summed = {kind: sum(float(r["applied"]) for r in rows if r["app_pc"] == kind) for kind in "CP"}
    assert said == [(PERSONS_OR_CASES[k][0], unit, counted[k], summed[k]) for k, unit in (("P", "PS"), ("C", "CASES"))]
    stages = Counter("_".join((r["procedure_type"], r["app_type"], r["dec_level"])) for r in rows)
    assert dict(frame.group_by("breakdown").len().iter_rows()) == {f"UNHCR_ASYLUM:{k}": n for k, n in stages.items()}


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


@pytest.mark.parametrize(
    ("name", "dataset", "columns", "figures"),
    [
        (
            "HDX_AsylumApplications.csv",
            "applications",
            {"procedure_type": ["ProcedureType"], "app_type": ["ApplicationType"], "app_pc": ["ApplicationDataType"]},
            {"applied": ["Applications"]},
        ),
        (
            "HDX_AsylumDecisions.csv",
            "decisions",
            {"procedure_type": ["ProcedureType"], "dec_level": ["DecisionType"], "dec_pc": ["DecisionDataType"]},
            {
                "dec_recognized": ["Recognized"],
                "dec_other": ["RecognizedOther"],
                "dec_rejected": ["Rejected"],
                "dec_closed": ["OtherwiseClosed"],
                "dec_total": ["TotalDecided"],
            },
        ),
    ],
)
def test_bulk_files_of_asylum_are_read_whole(
    payloads: Path, name: str, dataset: str, columns: dict[str, list[str]], figures: dict[str, list[str]]
) -> None:
    payload = (payloads / "unhcr" / name).read_bytes()
    average = next(h for h in payload.decode().splitlines()[0].replace('"', "").split(",") if "PersonsPerCase" in h)
    reader = {"columns": HDX | columns | figures, "figures": list(figures), "attributes": [average]}
    by_iso = {
        side: {"column": c, "scheme": "iso3", "blank": None}
        for side, c in (("ref_area", "coa"), ("counterpart_area", "coo"))
    }
    changes: dict[str, Any] = {"concepts": concepts_with("unhcr_asylum", dataset, **by_iso)}
    if dataset == "applications":  # the file has no instance, and one figure in a record
        told = {"column": "told"}
        changes["concepts"] |= {"indicator": {"column": "app_pc"}, "breakdown": "_T", "note": told}
        changes["combined"] = {"told": ["procedure_type", "app_type"]}
    frame, done = read_as("unhcr_asylum", as_dataset("unhcr_asylum", dataset, reader, **changes), payload)
    records = list(csv.DictReader(io.StringIO(payload.decode())))
    assert sum(done.landed.values()) == len(records) * len(figures)
    reasons = Counter(done.quarantine["reason"].to_pylist())
    assert set(reasons) <= {"unknown_code", "conflicting_duplicate"}
    unknown = {r["code"] for r in done.quarantine.to_pylist() if r["reason"] == "unknown_code"}
    assert unknown <= {"UKN", "STA", "TIB", "UNK", "XXA"}, "UNHCR's own codes for no country"
    assert frame.height > 0.9 * len(records) * len(figures)


def test_bulk_demographics_have_no_nought_where_only_the_total_is_known(payloads: Path) -> None:
    payload = (payloads / "unhcr/HDX_Demographics.csv").read_bytes()
    figures = {f"{f}_{b}": [f"{s}_{'Unknown' if b == 'other' else b}"] for s, f in SEXES.items() for b in BANDS}
    reader = {
        "columns": HDX | {"pop_type": ["PT"], "total": ["Total"]} | figures,
        "figures": [*figures, "total"],
        "attributes": ["location", "urbanRural", "accommodationType"],
    }
    by_iso = {side: {"column": c, "scheme": "iso3"} for side, c in (("ref_area", "coa"), ("counterpart_area", "coo"))}
    dataset = as_dataset(
        "unhcr_demographics", "pairs", reader, concepts=concepts_with("unhcr_demographics", "pairs", **by_iso)
    )
    frame, done = read_as("unhcr_demographics", dataset, payload)
    records = list(csv.DictReader(io.StringIO(payload.decode())))
    stocks = [r for r in records if r["PT"] in dataset.only["pop_type"]]
    alone = [r for r in stocks if r["Total"] != "0" and all(r[h[0]] == "0" for h in figures.values())]
    assert (len(records), len(stocks), len(alone)) == (1_139, 1_059, 249)
    left = dict(zip(done.explained["reason"].to_pylist(), done.explained["count"].to_pylist(), strict=True))
    assert left["not_selected"] == (len(records) - len(stocks)) * 15
    assert left["declared_ignored"] >= len(alone) * 14
    known = frame.filter(
        (pl.col("ref_area") == "PAK") & (pl.col("counterpart_area") == "SOM") & (pl.col("time_period") == "2019")
    )
    assert known.filter(indicator="REFUGEES", sex="F", age="Y12T17")["value"].to_list() == [10]


@pytest.mark.parametrize(
    ("name", "dataset"), [("ukraine_refugees_total.csv", "origin"), ("ukraine_refugees_in_EU.csv", "pairs")]
)
def test_exports_of_the_refugee_data_finder_are_read_whole(payloads: Path, name: str, dataset: str) -> None:
    payload = (payloads / "unhcr" / name).read_bytes()
    figures = {
        "refugees": "Refugees",
        "returned_refugees": "Returned Refugees",
        "asylum_seekers": "Asylum Seekers",
        "idps": "IDPs",
        "returned_idps": "Returned IDPs",
        "stateless": "Stateless",
        "hst": "HST",
        "ooc": "OOC",
    }
    columns = {"year": "Year", "coa": "Country of Asylum ISO", "coo": "Country of Origin ISO"} | figures
    reader = {
        "columns": {name: [text] for name, text in columns.items()},
        "figures": [f for f in figures if not f.startswith("returned")],
        "others": ["returned_refugees", "returned_idps"],
        "labels": {"coa": "Country of Asylum", "coo": "Country of Origin"},
    }
    by_iso = {side: {"column": c, "scheme": "iso3"} for side, c in (("ref_area", "coa"), ("counterpart_area", "coo"))}
    concepts = concepts_with("unhcr_population", dataset, **by_iso)
    frame, done = read_as(
        "unhcr_population", as_dataset("unhcr_population", dataset, reader, concepts=concepts), payload
    )
    records = list(csv.DictReader(io.StringIO(payload.decode())))
    assert (frame.height, done.quarantine.num_rows) == (len(records) * 6, 0)
    assert sum(done.landed.values()) == len(records) * 8
    assert set(frame["counterpart_area"]) == {"UKR"}
    first = frame.filter(indicator="REFUGEES", time_period="2008").sort("ref_area").row(0, named=True)
    assert (first["ref_area"], first["value"]) == (("001", 28_416) if dataset == "origin" else ("AUT", 221))
