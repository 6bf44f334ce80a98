"""SDG series by the global SDG data structure definition (IAEG-SDGs): SDMX-CSV 2.0 and SDMX-ML 2.1."""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import polars as pl

from migstats import settings, warehouse
from migstats.codelists import read_csv
from migstats.exports import schema, sdmx_csv, sdmx_ml
from migstats.exports.frames import ROWS_OF_TEXTS
from migstats.exports.selection import Column, Selection, Taken

log = logging.getLogger("migstats")

FOLDER: Final = "sdg"
#: The dataflow of data.un.org.
DATAFLOW: Final = "IAEG-SDGs:DF_SDG_GLH(1.24)"
#: The structure that our facts about it were held against.
DSD: Final = "urn:sdmx:org.sdmx.infomodel.datastructure.DataStructure=IAEG-SDGs:SDG(1.14)"
MEDIA_TYPE: Final = "application/vnd.sdmx.structurespecificdata+xml;version=2.1"
#: The columns of `exports/sdg`.
_ASKED: Final = (
    *("sdg_series", "source", "freq", "m49", "sex", "age", "urbanisation", "education", "occupation", "disability"),
    *("activity", "time_period", "published_value", "obs_status", "unit", "nature", "note", "publisher"),
)
#: What that structure has no dimension for: it goes into its custom breakdown, with a label that says what it is.
_CUSTOM: Final = (
    *("subdivision", "counterpart_area", "counterpart_basis", "migration_status", "labour_status", "reason"),
    "breakdown",
)
_ABSENT: Final = {"counterpart_basis": "_Z"}
#: Our concepts whose codes are told in its own → its component.
_CODED: Final = {
    "unit": "UNIT_MEASURE",
    "sex": "SEX",
    "age": "AGE",
    "urbanisation": "URBANISATION",
    "education": "EDUCATION_LEV",
    "occupation": "OCCUPATION",
    "disability": "DISABILITY_STATUS",
    "activity": "ACTIVITY",
}

Record = dict[str, str]


@cache
def codes(concept: str) -> dict[str, str]:
    """Our codes of a concept → theirs; of `source`, whether its figures are global or national."""
    rows = read_csv(settings.include() / "exports" / "sdg_codes.csv")
    return {row["ours"]: row["theirs"] for row in rows if row["concept"] == concept}


@cache
def messages() -> schema.Messages:
    """The messages of that structure, whose components stand in `include/exports/sdg_columns.csv` in their order."""
    rows = read_csv(settings.include() / "exports" / "sdg_columns.csv")
    columns = tuple(Column(row["column"], row["column"], row["role"], "", row["type"], "", {}) for row in rows)
    return schema.Messages("SDG", DSD, columns, "2_1")


def write(
    folder: Path, connection: warehouse.Connection, selection: Selection, taken: Taken, formats: Sequence[str]
) -> list[Path]:
    """`sdg/<topic>.csv` and `.xml` for each topic with such a series. What has no code there is left out, and said."""
    written = []
    left: Counter[str] = Counter()
    for topic in taken.topics:
        without: Counter[str] = Counter()
        for name in (name for name in formats if name in _WRITERS):
            asked = {**selection.parameters, "topic": topic, "marked": name == sdmx_csv.FOLDER}
            found = list(_records(warehouse.copied(connection, "exports/sdg", asked)))
            without = Counter(filter(None, map(lacks, found)))
            labels = numbered(found)
            stamp = f"{taken.stamp:%Y-%m-%dT%H:%M:%S}"
            rows = [row(record, labels, stamp) for record in found if not lacks(record)]
            if rows:
                (folder / FOLDER).mkdir(exist_ok=True)
                written.append(_WRITERS[name](folder / FOLDER, topic, rows, taken))
        left += without
    for why_not, count in sorted(left.items()):
        log.warning("%s figures of SDG series are not exported as such: %s", count, why_not)
    return written


def _csv(folder: Path, topic: str, rows: Sequence[Record], taken: Taken) -> Path:
    path = folder / f"{topic}.csv"
    names = [column.name for column in messages().columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("STRUCTURE", "STRUCTURE_ID", "ACTION", *names))
        writer.writerows(("dataflow", DATAFLOW, "I", *(said.get(name, "") for name in names)) for said in rows)
    return path


def _xml(folder: Path, topic: str, rows: Sequence[Record], taken: Taken) -> Path:
    path = folder / f"{topic}.xml"
    schema.write(folder, messages(), {})
    texts = {column.name: [said.get(column.name) or None for said in rows] for column in messages().columns}
    frame = pl.DataFrame(texts, schema=dict.fromkeys(texts, pl.String))
    sdmx_ml.write_message(path, messages(), taken.stamp, frame.iter_slices(ROWS_OF_TEXTS))
    return path


_WRITERS: Final = {sdmx_csv.FOLDER: _csv, sdmx_ml.FOLDER: _xml}


def _records(lines: Iterable[bytes]) -> Iterator[Record]:
    for fields in csv.reader(line.decode() for line in lines):
        yield dict(zip((*_ASKED, *_CUSTOM), fields, strict=True))


def label(record: Record) -> str:
    """What a figure is broken down by for which that structure has no dimension: `counterpart_area=FRA`; or nothing."""
    parts = {name: record[name] for name in _CUSTOM if record[name] != _ABSENT.get(name, "_T")}
    if "counterpart_area" not in parts:
        parts.pop("counterpart_basis", None)  # which basis it would have is no breakdown
    return "; ".join(f"{name}={code}" for name, code in parts.items())


def numbered(records: Iterable[Record]) -> dict[tuple[str, str], str]:
    """Series and label → code of the custom breakdown: C01, C02 ... in the order of the labels of a series."""
    found = sorted({(record["sdg_series"], label(record)) for record in records if label(record)})
    count: Counter[str] = Counter()
    numbers = {}
    for series, said in found:
        count[series] += 1
        numbers[series, said] = f"C{count[series]:02d}"
    return numbers


def lacks(record: Record) -> str:
    """Why a figure has no place in that structure; empty where it has one."""
    if not record["m49"]:
        return "the area has no number of M49"
    if record["freq"] != "A":
        return "figures are annual there, by convention"
    if record["source"] not in codes("source"):
        return f"include/exports/sdg_codes.csv does not say whether {record['source']} is global or national"
    for concept in (*_CODED, "nature"):
        if record[concept] and record[concept] not in codes(concept):
            return f"include/exports/sdg_codes.csv has no code for the {concept} {record[concept]}"
    return ""


def row(record: Record, labels: Mapping[tuple[str, str], str], stamp: str) -> Record:
    """A figure in the columns of that structure."""
    said = label(record)
    coded = {column: codes(concept)[record[concept]] for concept, column in _CODED.items()}
    return {
        **coded,
        "FREQ": record["freq"],
        "REPORTING_TYPE": codes("source")[record["source"]],
        "SERIES": record["sdg_series"],
        "REF_AREA": record["m49"].lstrip("0"),
        "INCOME_WEALTH_QUANTILE": "_T",
        "CUST_BREAKDOWN": labels[record["sdg_series"], said] if said else "_T",
        "COMPOSITE_BREAKDOWN": "_T",
        "PRODUCT": "_T",
        "TIME_PERIOD": record["time_period"],
        "OBS_VALUE": record["published_value"],
        "OBS_STATUS": record["obs_status"],
        "UNIT_MULT": "0",
        "NATURE": codes("nature").get(record["nature"], ""),
        "TIME_DETAIL": record["time_period"],
        "COMMENT_OBS": record["note"],
        "SOURCE_DETAIL": record["publisher"],
        "CUST_BREAKDOWN_LB": said,
        "DATA_LAST_UPDATE": stamp,
    }
