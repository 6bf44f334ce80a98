"""Drift: what a publisher moves in its payloads is refused by its name; what means nothing passes.

Each change is made in the sample of every dataset that is declared in that format.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import openpyxl
import pytest
import samples

from migstats import pipeline
from migstats.errors import DriftError, MigstatsError
from migstats.harmonise import Harmonised, harmonise, read_codes
from migstats.layout import DelimitedLayout
from migstats.readers import TextTable, packed
from migstats.source import Column, Dataset, folder_of, read_sources

SOURCES = read_sources()
#: Codes that no publisher has.
NEW_CODE, NEW_NAME = "QQQ9", "moved_elsewhere"


@dataclass(frozen=True)
class Sample:
    """The sample of a dataset: one payload as the publisher gives it."""

    source: str
    dataset: Dataset
    payload: bytes

    def __str__(self) -> str:
        return f"{self.source}/{self.dataset.id}"

    def concept(self, name: str) -> str:
        """The publisher's column of a concept."""
        if name == "time_period" and self.dataset.aggregate is not None:
            return self.dataset.aggregate.period.columns[0]
        how = self.dataset.concepts[name]
        assert isinstance(how, Column)
        return how.column

    @property
    def areas(self) -> str:
        """The concept with the publisher's codes of areas, else of sexes, ages or units: the first that has a column.
        Else the period.
        """
        names = ("ref_area", "counterpart_area", "sex", "age", "subdivision")
        coded = (name for name in names if isinstance(self.dataset.concepts.get(name), Column))
        return next(coded, "time_period")

    @property
    def is_wide(self) -> bool:
        """Whether what tells figures apart stands in the headers over them."""
        layout = self.dataset.reader
        return isinstance(layout, DelimitedLayout) and (layout.across is not None or len(layout.figures) > 1)


def _samples() -> Iterator[Sample]:
    for source in SOURCES.values():
        done = set()
        for slice_, served in samples.payloads(source):
            if slice_.dataset not in done:
                done.add(slice_.dataset)
                dataset = source.dataset(slice_.dataset)
                payload = packed.unpacked(served, dataset.reader)  # what is changed is what is packed
                if dataset.reader.compression:
                    reader = dataset.reader.model_copy(update={"compression": None, "member": None})
                    dataset = dataset.model_copy(update={"reader": reader})
                yield Sample(source.id, dataset, payload)


SAMPLES = {str(sample): sample for sample in _samples()}


def read(sample: Sample, payload: bytes) -> Harmonised:
    table: TextTable = pipeline.read_page(payload, sample.dataset)
    codes = read_codes(folder_of(sample.source), pipeline.concepts())
    pages = {"0" * 64: table}
    return harmonise(pages, sample.source, sample.dataset, codes, concepts=pipeline.concepts(), last_year=2027)


# -- changes, by format: payload → payload ------------------------------------------------------------------------

Change = Callable[[Sample], bytes]


def _text(sample: Sample) -> tuple[str, str]:
    layout: Any = sample.dataset.reader
    encoding = getattr(layout, "encoding", "utf-8")
    return "utf-8-sig" if encoding == "utf-8" else encoding, getattr(layout, "delimiter", ",")


def _records(sample: Sample, change: Callable[[list[list[str]], int], None]) -> bytes:
    """A delimited text of which `change` gets the rows and the place of the header."""
    encoding, delimiter = _text(sample)
    rows = list(csv.reader(io.StringIO(sample.payload.decode(encoding)), delimiter=delimiter))
    timed = isinstance(sample.dataset.concepts["time_period"], Column)
    known = "time_period" if timed else sample.areas
    header = next(i for i, row in enumerate(rows) if _header(sample, known, row) is not None)
    change(rows, header)
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue().encode(encoding.removesuffix("-sig"))


def _header(sample: Sample, concept: str, row: list[str]) -> int | None:
    """Where the column of a concept stands in a header row; None where it is no header."""
    column = sample.concept(concept)
    layout: Any = sample.dataset.reader
    texts = getattr(layout, "columns", {}).get(column, (column,))
    return next((i for i, cell in enumerate(row) if " ".join(cell.split()) in texts), None)


def csv_renamed(sample: Sample) -> bytes:
    def change(rows: list[list[str]], header: int) -> None:
        rows[header][_header(sample, sample.areas, rows[header])] = NEW_NAME  # type: ignore[index]

    return _records(sample, change)


def csv_new_code(sample: Sample) -> bytes:
    def change(rows: list[list[str]], header: int) -> None:
        column = _header(sample, sample.areas, rows[header])
        assert column is not None
        labels = pipeline.read_page(sample.payload, sample.dataset).labels.get(sample.concept(sample.areas), {})
        rows[-1] = [f"{NEW_NAME}" if labels.get(rows[-1][column]) == cell else cell for cell in rows[-1]]
        rows[-1][column] = NEW_CODE

    return _records(sample, change)


def csv_rows_reversed(sample: Sample) -> bytes:
    def change(rows: list[list[str]], header: int) -> None:
        rows[header + 1 :] = reversed(rows[header + 1 :])

    return _records(sample, change)


def csv_columns_moved(sample: Sample) -> bytes:
    """The columns from that of areas on, or of periods, come first; so a code and its label stay together."""

    def change(rows: list[list[str]], header: int) -> None:
        column = _header(sample, sample.areas, rows[header]) or _header(sample, "time_period", rows[header])
        rows[:] = [row[column:] + row[:column] for row in rows]

    return _records(sample, change)


def csv_empty_column(sample: Sample) -> bytes:
    def change(rows: list[list[str]], header: int) -> None:
        for row in rows:
            row.append("")
        rows[header][-1] = NEW_NAME

    return _records(sample, change)


def wide_renamed(sample: Sample) -> bytes:
    def change(rows: list[list[str]], header: int) -> None:
        rows[header][1] = NEW_NAME

    return _records(sample, change)


def csv_of_windows(sample: Sample) -> bytes:
    return sample.payload.replace(b"\n", b"\r\n")


def _objects(sample: Sample, change: Callable[[list[dict[str, Any]]], None]) -> bytes:
    """A JSON document of which `change` gets the records."""
    document = json.loads(sample.payload)
    layout: Any = sample.dataset.reader
    pointer = {"worldbank": "/1", "unhcr": "/items"}.get(layout.format) or layout.records
    records: Any = document
    for step in pointer.split("/")[1:]:
        records = records[int(step) if isinstance(records, list) else step]
    change(records)
    return json.dumps(document).encode()


def _field(record: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The object that holds a field such as `country.id`, and its name there."""
    *nested, name = path.split(".")
    for step in nested:
        record = record[step]
    return record, name


def json_renamed(sample: Sample) -> bytes:
    def change(records: list[dict[str, Any]]) -> None:
        for record in records:
            holder, name = _field(record, sample.concept(sample.areas))
            holder[NEW_NAME] = holder.pop(name)

    return _objects(sample, change)


def json_new_code(sample: Sample) -> bytes:
    def change(records: list[dict[str, Any]]) -> None:
        wanted = sample.dataset.only
        kept = [one for one in records if all(one.get(name) in codes for name, codes in wanted.items() if name in one)]
        holder, name = _field(kept[-1], sample.concept(sample.areas))
        holder[name] = NEW_CODE

    return _objects(sample, change)


def json_rows_reversed(sample: Sample) -> bytes:
    return _objects(sample, lambda records: records.reverse())


def json_indented(sample: Sample) -> bytes:
    return json.dumps(json.loads(sample.payload), indent=2).encode()


def json_keys_reversed(sample: Sample) -> bytes:
    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: turned(value[key]) for key in reversed(value)}
        return [turned(one) for one in value] if isinstance(value, list) else value

    return json.dumps(turned(json.loads(sample.payload))).encode()


def _cube(sample: Sample, change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads(sample.payload)
    change(document)
    return json.dumps(document).encode()


def cube_renamed(sample: Sample) -> bytes:
    def change(cube: dict[str, Any]) -> None:
        name = sample.concept(sample.areas)
        cube["id"][cube["id"].index(name)] = NEW_NAME
        cube["dimension"][NEW_NAME] = cube["dimension"].pop(name)

    return _cube(sample, change)


def cube_new_code(sample: Sample) -> bytes:
    def change(cube: dict[str, Any]) -> None:
        category = cube["dimension"][sample.concept(sample.areas)]["category"]
        old = next(iter(category["index"]))
        category["index"] = (
            [NEW_CODE if code == old else code for code in category["index"]]
            if isinstance(category["index"], list)
            else {NEW_CODE if code == old else code: at for code, at in category["index"].items()}
        )
        category.get("label", {}).pop(old, None)

    return _cube(sample, change)


def cube_turned(sample: Sample) -> bytes:
    """The same cube with its dimensions in the other order."""

    def change(cube: dict[str, Any]) -> None:
        size = cube["size"]
        position = np.arange(np.prod(size)).reshape(size).transpose().ravel()
        new = {int(old): at for at, old in enumerate(position)}
        for name in ("value", "status"):
            cells = cube.get(name)
            if isinstance(cells, list):
                cube[name] = [cells[int(old)] for old in position]
            elif isinstance(cells, dict):
                cube[name] = {str(new[int(at)]): cell for at, cell in cells.items()}
        cube["id"].reverse()
        size.reverse()

    return _cube(sample, change)


def cube_unit_added(sample: Sample) -> bytes:
    """The publisher begins to say in which unit its figures are; no declaration asked for it."""

    def change(cube: dict[str, Any]) -> None:
        category = cube["dimension"][sample.concept(sample.areas)]["category"]
        category["unit"] = {code: {"base": "persons", "decimals": 0} for code in category["index"]}

    return _cube(sample, change)


def _workbook(sample: Sample, change: Callable[[Any, int, dict[str, int]], None]) -> bytes:
    """A workbook of which `change` gets the sheet of the table, the row of its header, and its columns."""
    layout: Any = sample.dataset.reader
    [table] = layout.tables
    book = openpyxl.load_workbook(io.BytesIO(sample.payload))
    sheet = book[table.sheet]
    for row in sheet.iter_rows():
        at = {
            name: cell.column
            for name, texts in table.columns.items()
            for cell in row
            if isinstance(cell.value, str) and " ".join(cell.value.split()) in texts
        }
        if len(at) == len(table.columns):
            change(sheet, row[0].row, at)
            break
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def book_renamed(sample: Sample) -> bytes:
    def change(sheet: Any, header: int, at: Mapping[str, int]) -> None:
        sheet.cell(header, at[sample.concept(sample.areas)]).value = NEW_NAME

    return _workbook(sample, change)


def book_new_code(sample: Sample) -> bytes:
    def change(sheet: Any, header: int, at: Mapping[str, int]) -> None:
        rows = range(header + 1, header + 9)  # below two rows of headers in one
        codes = [sheet.cell(row, at[sample.concept(sample.areas)]) for row in rows]
        next(cell for cell in codes if cell.value is not None).value = NEW_CODE

    return _workbook(sample, change)


def book_sheet_added(sample: Sample) -> bytes:
    def change(sheet: Any, header: int, at: Mapping[str, int]) -> None:
        sheet.parent.create_sheet(NEW_NAME).append(["a table that nobody has heard of", 1])

    return _workbook(sample, change)


def book_row_above(sample: Sample) -> bytes:
    return _workbook(sample, lambda sheet, header, at: sheet.insert_rows(1))


def book_saved_again(sample: Sample) -> bytes:
    return _workbook(sample, lambda sheet, header, at: None)


@dataclass(frozen=True)
class Changes:
    """What is done to the payloads of a format."""

    #: What moved → the change; the error names it.
    drift: Mapping[str, Change]
    #: None where codes are headers: a new one is drift.
    new_code: Change | None
    harmless: Mapping[str, Change]


_CSV = Changes(
    {"a column has another name": csv_renamed},
    csv_new_code,
    {
        "rows in another order": csv_rows_reversed,
        "columns in another order": csv_columns_moved,
        "an empty column more": csv_empty_column,
    },
)
_JSON = Changes(
    {"a field has another name": json_renamed},
    json_new_code,
    {
        "records in another order": json_rows_reversed,
        "keys in another order": json_keys_reversed,
        "other blanks": json_indented,
    },
)
_WIDE = Changes({"a header over figures has another text": wide_renamed}, None, {"lines end otherwise": csv_of_windows})
CHANGES = {
    "sdmx_csv": _CSV,
    "delimited": _CSV,
    "json_records": _JSON,
    "unhcr": _JSON,
    "worldbank": _JSON,
    "jsonstat": Changes(
        {"a dimension has another name": cube_renamed},
        cube_new_code,
        {
            "dimensions in another order": cube_turned,
            "units that nothing is declared of": cube_unit_added,
            "keys in another order": json_keys_reversed,
            "other blanks": json_indented,
        },
    ),
    "workbook": Changes(
        {"a header has another text": book_renamed, "there is a sheet more": book_sheet_added},
        book_new_code,
        {"a row more above the table": book_row_above, "saved by another program": book_saved_again},
    ),
}


def _changes(sample: Sample) -> Changes:
    return _WIDE if sample.is_wide else CHANGES[sample.dataset.reader.format]


def _cases(kind: str) -> list[Any]:
    return [
        pytest.param(sample, change, id=f"{name}: {what}")
        for name, sample in SAMPLES.items()
        for what, change in getattr(_changes(sample), kind).items()
    ]


@pytest.mark.parametrize(("sample", "change"), _cases("drift"))
def test_what_moved_is_refused_by_its_name(sample: Sample, change: Change) -> None:
    with pytest.raises(MigstatsError) as raised:
        read(sample, change(sample))

    text = str(raised.value)
    assert NEW_NAME in text or sample.concept(sample.areas) in text
    assert raised.type.__name__ in ("DriftError", "PublisherError")


@pytest.mark.parametrize("unit", ["persons", "thousands of persons"])
def test_a_unit_of_a_cube_is_held_against_what_is_always_said(unit: str) -> None:
    sample = SAMPLES["swe_scb/flows"]
    always = {f"{sample.concept(sample.areas)}.unit": (unit,)}
    held = Sample(sample.source, sample.dataset.model_copy(update={"always": always}), sample.payload)

    if unit == "persons":
        assert read(held, cube_unit_added(held)).content_hash == read(sample, sample.payload).content_hash
    else:
        with pytest.raises(MigstatsError, match=r"\.unit says 'persons', and has always said 'thousands of persons'"):
            read(held, cube_unit_added(held))


#: Columns of SDMX-CSV that say of which table a record is.
TABLE = ("DATAFLOW", "STRUCTURE_ID")
#: Its answers do not say it; the indicator does, which is declared.
NO_TABLE = {"unicef_migration"}
PINNED = {
    str(Sample(source.id, dataset, b"")): dataset
    for source in SOURCES.values()
    for dataset in source.datasets
    if dataset.reader.format == "sdmx_csv" and source.id not in NO_TABLE
}


def of_table(sample: Sample) -> tuple[str, str]:
    """The column in which a sample says of which table it is, and the table with its version."""
    data = pipeline.read_page(sample.payload, sample.dataset).data
    [column] = set(TABLE) & set(data.column_names)
    [table] = data[column].unique().to_pylist()
    return column, table


@pytest.mark.parametrize("dataset", PINNED.values(), ids=PINNED)
def test_a_dataset_of_sdmx_csv_declares_its_table(dataset: Dataset) -> None:
    declared = {name for name in TABLE if name in dataset.always or name in dataset.only}
    assert len(declared) == 1


@pytest.mark.parametrize("sample", [SAMPLES[name] for name in PINNED if name in SAMPLES], ids=str)
def test_another_table_of_the_same_shape_gives_no_figure(sample: Sample) -> None:
    column, table = of_table(sample)
    id_, _, _ = table.partition("(")
    other = sample.payload.replace(table.encode(), f"{id_}_{NEW_NAME}(1.0)".encode())

    if column in sample.dataset.always:
        with pytest.raises(
            DriftError, match=f"{column} says .*{NEW_NAME}.*, and has always said .*{id_.split('@')[0]}"
        ):
            read(sample, other)
    else:
        assert read(sample, other).facts.num_rows == 0


ANY_VERSION = [SAMPLES[name] for name, dataset in PINNED.items() if name in SAMPLES and {*TABLE} & {*dataset.always}]


@pytest.mark.parametrize("version", ["1.1", "2.0.0", "2.0.0-draft"])
@pytest.mark.parametrize("sample", ANY_VERSION, ids=str)
def test_the_same_table_in_another_version_is_the_same_content(sample: Sample, version: str) -> None:
    _, table = of_table(sample)
    newer = sample.payload.replace(table.encode(), f"{table.partition('(')[0]}({version})".encode())

    assert newer != sample.payload
    assert read(sample, newer).content_hash == read(sample, sample.payload).content_hash


@pytest.mark.parametrize("sample", ANY_VERSION, ids=str)
def test_an_answer_that_does_not_say_its_table_is_refused(sample: Sample) -> None:
    column, table = of_table(sample)

    with pytest.raises(DriftError, match=f"{column} says ''"):
        read(sample, sample.payload.replace(table.encode(), b""))


CODED = {
    name: sample
    for name, sample in SAMPLES.items()
    if sample.areas != "time_period" and _changes(sample).new_code is not None
}
#: What is coded in these is the part of the country alone, and a new one is no quarantine.
UNITS = {name: CODED.pop(name) for name, sample in [*CODED.items()] if sample.areas == "subdivision"}


@pytest.mark.parametrize("sample", CODED.values(), ids=CODED)
def test_a_new_code_is_quarantined_by_its_name_and_takes_nothing_with_it(sample: Sample) -> None:
    before = read(sample, sample.payload)

    new_code = _changes(sample).new_code
    assert new_code is not None
    done = read(sample, new_code(sample))

    held = done.quarantine.to_pylist()
    assert held
    assert {(row["reason"], row["column"], row["code"]) for row in held} == {
        ("unknown_code", sample.concept(sample.areas), NEW_CODE)
    }
    assert sum(done.landed.values()) == sum(before.landed.values())
    explained = sum(done.explained["count"].to_pylist())
    assert sum(done.landed.values()) == done.facts.num_rows + sum(row["cells"] for row in held) + explained


@pytest.mark.parametrize("sample", UNITS.values(), ids=UNITS)
def test_a_new_unit_stands_under_the_one_above_by_its_name_and_takes_nothing_with_it(sample: Sample) -> None:
    before = read(sample, sample.payload)

    new_code = _changes(sample).new_code
    assert new_code is not None
    done = read(sample, new_code(sample))

    units = set(done.series["subdivision"].to_pylist()) - set(before.series["subdivision"].to_pylist())
    assert units == {f"{sample.dataset.concepts['ref_area']}+{NEW_CODE}"}
    assert done.facts.num_rows == before.facts.num_rows
    assert done.quarantine.num_rows == before.quarantine.num_rows


#: Below whose table stands another one, after empty rows.
FOOTED = {name: sample for name, sample in SAMPLES.items() if getattr(sample.dataset.reader, "ends_before", None)}


@pytest.mark.parametrize("sample", FOOTED.values(), ids=FOOTED)
def test_a_row_that_lost_its_first_cells_ends_no_table(sample: Sample) -> None:
    def change(rows: list[list[str]], header: int) -> None:
        rows.insert(header + 2, [*[""] * 3, *rows[header + 1][3:]])

    done = read(sample, _records(sample, change))

    assert done.content_hash == read(sample, sample.payload).content_hash
    assert set(done.quarantine["reason"].to_pylist()) == {"bad_period"}


@pytest.mark.slow
@pytest.mark.parametrize(("sample", "change"), _cases("harmless"))
def test_what_means_nothing_is_the_same_content(sample: Sample, change: Change) -> None:
    changed = change(sample)

    assert changed != sample.payload
    assert read(sample, changed).content_hash == read(sample, sample.payload).content_hash
