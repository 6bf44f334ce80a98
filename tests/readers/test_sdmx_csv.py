from __future__ import annotations

import csv
import io

import pytest

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.layout import SdmxCsvLayout
from migstats.readers import PLACE, ROW, VALUE, sdmx_csv

LAYOUT = SdmxCsvLayout(format="sdmx_csv")

EUROSTAT = (
    b"DATAFLOW,LAST UPDATE,geo,Geo label,TIME_PERIOD,OBS_VALUE,OBS_FLAG\n"
    b'ESTAT:X(1.0),27/03/25 23:00:00,NA,"Namibia, NULL",2020,1E5,\n'
    b'ESTAT:X(1.0),27/03/25 23:00:00,AT,"Aus\ntria ""A""",2020,007,p\n'
    b"\n"
    b"ESTAT:X(1.0),27/03/25 23:00:00,BE,nan,2020,,\n"
)


def read(payload):
    return sdmx_csv.read(payload, LAYOUT)


def naive(payload):
    """The obvious way: the csv module, record by record."""
    reader = csv.DictReader(io.StringIO(payload.decode("utf-8-sig"), newline=""))
    found = []
    for record in reader:
        figure = next(name for name in record if name.upper() == "OBS_VALUE")
        if not record.get("TIME_PERIOD", "x") and not record[figure]:
            continue  # it says something of a series
        found.append(record | {VALUE: record.pop(figure) or None})
    return found


def test_text_stays_text_and_an_empty_figure_is_null(keeps_the_contract):
    table = read(EUROSTAT)
    assert table.data[VALUE].to_pylist() == ["1E5", "007", None]
    assert table.data["geo"].to_pylist() == ["NA", "AT", "BE"]
    assert table.data["Geo label"].to_pylist() == ["Namibia, NULL", 'Aus\ntria "A"', "nan"]
    assert table.data["OBS_FLAG"].to_pylist() == ["", "p", ""]
    assert table.landed == 3
    assert table.envelope.updated == "2025-03-27T23:00:00"
    keeps_the_contract(sdmx_csv, EUROSTAT, table, LAYOUT)


def test_an_apostrophe_before_a_formula_is_taken_away_where_that_is_declared():
    texts = ["'=1+1", "''@x", "'-3", "'quoted'", "=kept", "'\uff1dwide", "=1+1"]
    rows = "".join(f"MAR,{year},1,{text}\n" for year, text in enumerate(texts, 2000))
    payload = f"GEO,TIME_PERIOD,OBS_VALUE,NOTE\n{rows}".encode()
    layout = SdmxCsvLayout(format="sdmx_csv", apostrophes=True)
    assert sdmx_csv.read(payload, layout).data["NOTE"].to_pylist() == [
        *("=1+1", "'@x", "-3", "'quoted'", "=kept", "\uff1dwide", "=1+1"),
    ]
    assert sdmx_csv.read(payload, LAYOUT).data["NOTE"].to_pylist() == texts


def test_a_place_is_the_physical_line_on_which_the_record_begins():
    table = read(EUROSTAT)
    assert table.data[ROW].to_pylist() == [2, 3, 6]
    assert set(table.data[PLACE].to_pylist()) == {"line {} column OBS_VALUE"}
    assert sdmx_csv.locate(EUROSTAT, "line 3 column OBS_VALUE", LAYOUT) == "007"
    with pytest.raises(PublisherError, match="line 4"):
        sdmx_csv.locate(EUROSTAT, "line 4 column OBS_VALUE", LAYOUT)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark_change_no_fact(end, last, mark):
    text = EUROSTAT.decode() if last else EUROSTAT.decode().rstrip("\n")
    payload = mark + text.replace("\n", end).encode()
    table = read(payload)
    assert table.data[ROW].to_pylist() == [2, 3, 6]
    assert table.data[VALUE].to_pylist() == ["1E5", "007", None]
    assert [sdmx_csv.locate(payload, f"line {n} column OBS_VALUE", LAYOUT) for n in (2, 3, 6)] == ["1E5", "007", None]


def test_a_quote_within_a_field_does_not_move_lines():
    payload = b'geo,OBS_VALUE,n\nA,1,5" pipe\nB,2,x\nC,3,"y\nz"\nD,4,6" pipe\n'
    assert read(payload).data[ROW].to_pylist() == [2, 3, 4, 6]


@pytest.mark.parametrize(
    ("payload", "error", "said"),
    [
        (b"geo,OBS_VALUE\nA,1\nB,2,3\nC,4\n", PublisherError, "line 3: 3 fields, 2 expected"),
        (b'geo,OBS_VALUE\n"A\n",1\nB\nC,4\n', PublisherError, "line 4: 1 fields, 2 expected"),
        (b"geo,n,OBS_VALUE\nA,1,2\nB,1", TryAgainError, "line 3: 2 fields, 3 expected; the file was cut off"),
        (b'geo,OBS_VALUE\nA,1\nB,"2\n', PublisherError, "line 3: is not CSV"),
        (b"geo,OBS_VALUE\nA,1\nB\xff,2\n", PublisherError, "line 3: byte 0xff"),
        (b"geo,geo,OBS_VALUE\nA,A,1\n", DriftError, "'geo' twice"),
        (b"geo,_value,OBS_VALUE\nA,A,1\n", DriftError, "_value"),
        (b"geo,_snapshot,OBS_VALUE\nA,A,1\n", DriftError, "_snapshot"),
        (b"geo,\xe9tat,OBS_VALUE\nA,A,1\n", PublisherError, "line 1: byte 0xe9 is not UTF-8"),
        (b"geo;OBS_VALUE\nA;1\n", DriftError, "delimiter is ';'"),
        (b"geo,value\nA,1\n", DriftError, "no column OBS_VALUE.*'geo', 'value'"),
        (b"geo: Land,OBS_VALUE: Value\nA: B,1\n", DriftError, "labels=id"),
        (b"STRUCTURE,ACTION,OBS_VALUE\nd,I,1\nd,D,2\n", DriftError, "line 3 column ACTION: D deletes"),
        (b"STRUCTURE,ACTION,OBS_VALUE\nd,E,1\n", DriftError, "'E'"),
        (b"geo,OBS_VALUE\n", PublisherError, "no record"),
        (b"", PublisherError, "empty"),
        (b"NoRecordsFound", PublisherError, "no rows"),
        (b"NoResultsFound\r\n", PublisherError, "no rows"),
        (b"{}", PublisherError, "no rows"),
        (b'{"error":[{"id":150,"label":"INVALID"}]}', PublisherError, "150"),
        (b"<html>busy</html>", TryAgainError, "web page"),
        (b"Please wait", TryAgainError, "Please wait"),
        (b"PK\x03\x04\0\0", DriftError, "is a zip file"),
    ],
)
def test_what_is_no_whole_sdmx_csv_is_refused(payload, error, said):
    with pytest.raises(error, match=said):
        read(payload)


def test_inspect_refuses_what_is_no_sdmx_csv():
    assert sdmx_csv.inspect(EUROSTAT, LAYOUT).updated == "2025-03-27T23:00:00"
    for payload, error in ((b"<html>", TryAgainError), (b"geo,OBS_VALUE\n", PublisherError), (b"", PublisherError)):
        with pytest.raises(error):
            sdmx_csv.inspect(payload, LAYOUT)


def dimensions(header, *records, attributes=()):
    payload = "\n".join([header, *records]).encode() + b"\n"
    return [
        same[0] for same in sdmx_csv.read(payload, SdmxCsvLayout(format="sdmx_csv", attributes=attributes)).dimensions
    ]


def test_what_stands_before_the_figure_tells_figures_apart_and_attributes_do_not():
    header = "DATAFLOW,LAST UPDATE,freq,sex,SOURCE,NOTE_INDICATOR,TIME_PERIOD,OBS_STATUS,OBS_VALUE,OBS_FLAG,REMARK"
    assert dimensions(header, "d,,A,F,x,y,2020,A,1,p,z") == ["freq", "sex", "TIME_PERIOD"]
    assert dimensions("STRUCTURE[;],ACTION,kind,lot,OBS_VALUE", "d,I,a,b,1", attributes=("lot",)) == ["kind"]
    assert dimensions("kind,empty,OBS_VALUE", "a,,1") == ["kind"]


def test_sex_age_and_unit_tell_figures_apart_wherever_they_stand():
    assert dimensions("kind,OBS_VALUE,TIME_PERIOD,SEX,UNIT_MEASURE", "a,1,2020,F,PS") == [
        *("kind", "TIME_PERIOD", "SEX", "UNIT_MEASURE")
    ]
    assert dimensions("kind,MIGRATION_STATUS,OBS_VALUE", "a,b,1") == ["kind", "MIGRATION_STATUS"]


def test_a_column_of_labels_says_what_the_codes_before_it_say():
    header = b"sex,Sex,geo,Country of residence,TIME_PERIOD,Time,OBS_VALUE\n"
    named = read(header + b"F,Females,FR,France,2020,,1\nM,Males,FR,France,2020,,2\n")
    assert named.dimensions == (("sex", "Sex"), ("geo", "Country of residence"), ("TIME_PERIOD",))
    # not labels: codes, one label of two codes, two labels of one code, a name that is an id
    assert dimensions("REF_AREA,Sex,OBS_VALUE", "MAR,F,1") == ["REF_AREA", "Sex"]
    assert dimensions("geo,Kind of stay,OBS_VALUE", "FR,Short,1", "DE,Short,2") == ["geo", "Kind of stay"]
    assert dimensions("geo,Kind of stay,OBS_VALUE", "FR,Short,1", "FR,Long,2") == ["geo", "Kind of stay"]
    assert dimensions("geo,kind,OBS_VALUE", "FR,Short,1") == ["geo", "kind"]


#: Real files that are no SDMX-CSV with one measure, and the reason that is given.
REFUSED = {
    "api_snapshots_request_urls.csv": "OBS_VALUE",
    "header_only.csv": "no record",
    "khaeru_v3_csv_example-03.csv": "OBS_VALUE",
    "khaeru_v3_csv_example-05.csv": "labels",
    "khaeru_v3_csv_example-09B.csv": "OBS_VALUE",
    "khaeru_v3_csv_example-13.csv": "OBS_VALUE",
    "khaeru_v3_csv_example-17.csv": "deletes",
    "khaeru_v3_csv_example-19A.csv": "OBS_VALUE",
    "khaeru_v3_csv_example-19B.csv": "OBS_VALUE",
    "pysdmx_io_csv_sdmx20_reader_csv_labels_both.csv": "labels",
    "pysdmx_io_csv_sdmx20_reader_data_v2_action_col.csv": "line 2: 22 fields, 23 expected",
    "pysdmx_io_csv_sdmx20_reader_data_v2_invalid_action.csv": "OBS_VALUE",
}


@pytest.mark.payloads
def test_every_real_file_equals_the_naive_reading_or_says_why(files, keeps_the_contract):
    read_files = 0
    for name, payload in files(
        "eurostat/*.csv", "oecd/*.csv", "unicef/*.csv", "sdmx_structures/*.csv", "ilostat/*.csv"
    ):
        if name in REFUSED:
            with pytest.raises(PublisherError, match=REFUSED[name]):
                read(payload)
            continue
        table = read(payload)
        assert table.data.drop_columns([PLACE, ROW]).to_pylist() == naive(payload), name
        keeps_the_contract(sdmx_csv, payload, table, LAYOUT)
        read_files += 1
    assert read_files >= 22


@pytest.mark.payloads
def test_codes_stand_under_their_ids_beside_their_labels(payloads):
    name = "oecd/OECD.ELS.IMD,DSD_MIG@DF_MIG,1.0+ITA..A.B11.csv"
    table = read((payloads / name).read_bytes())
    first = table.data.slice(0, 1).to_pylist()[0]
    assert table.landed == 9065
    assert (first["CITIZENSHIP"], first["Citizenship"], first[VALUE]) == ("CAF", "Central African Republic", "9")


@pytest.mark.payloads
def test_dimensions_of_real_files_are_those_of_their_structures(payloads):
    def of(name):
        return sdmx_csv.read((payloads / name).read_bytes(), LAYOUT).dimensions

    oecd = "REF_AREA CITIZENSHIP FREQ MEASURE SEX BIRTH_PLACE EDUCATION_LEV UNIT_MEASURE TIME_PERIOD"
    assert [d[0] for d in of("oecd/OECD.ELS.IMD,DSD_MIG@DF_MIG,1.0+ITA..A.B11.csv")] == oecd.split()
    eurostat = "freq citizen sex unit age asyl_app geo TIME_PERIOD"
    assert [d[0] for d in of("eurostat/asylum_applicants_total.csv")] == eurostat.split()
    unicef = "REF_AREA INDICATOR SEX WEALTH_QUINTILE UNIT_MEASURE TIME_PERIOD"
    assert [d[0] for d in of("unicef/CME_MRY0T4_all_2020.csv")] == unicef.split()
    ilo = "REF_AREA FREQ MEASURE SEX AGE TIME_PERIOD UNIT_MEASURE"
    assert [d[0] for d in of("ilostat/sdmx_probe.csv")] == ilo.split()


def test_codes_have_the_labels_of_the_column_beside_them():
    records = b"sex,Sex,geo,Geo label,TIME_PERIOD,OBS_VALUE\nF,Females,TR,Turkiye,2020,1\nM,Males,TR,Turkiye,2020,2\n"
    assert read(records).labels == {"sex": {"F": "Females", "M": "Males"}, "geo": {"TR": "Turkiye"}}
    assert read(b"geo,TIME_PERIOD,OBS_VALUE\nTR,2020,1\n").labels == {}


def test_a_record_of_a_series_without_period_and_figure_is_no_observation(keeps_the_contract):
    payload = b"STRUCTURE,geo,TIME_PERIOD,OBS_VALUE,n\nd,A,,,note\nd,A,2020,1,\nd,B,,5,\nd,C,2021,,\nd,D,,,\n"
    table = read(payload)
    assert table.data[VALUE].to_pylist() == ["1", "5", None]
    assert table.data[ROW].to_pylist() == [3, 4, 5]
    assert [(e.reason, e.count, e.example) for e in table.explained] == [("blank", 2, "line 2 column OBS_VALUE")]
    assert table.landed == 5
    keeps_the_contract(sdmx_csv, payload, table, LAYOUT)


@pytest.mark.parametrize("column", ["OBS_STATUS", "OBS_FLAG", "CONF_STATUS", "OBS_CONF", "obs_flag"])
def test_a_record_with_a_flag_is_an_observation_whatever_else_it_lacks(column, keeps_the_contract):
    payload = f"STRUCTURE,geo,TIME_PERIOD,OBS_VALUE,{column},n\nd,A,,,c,\nd,B,2020,1,,\nd,C,,,,note\n".encode()
    table = read(payload)
    assert table.data.select(["geo", column, VALUE]).to_pylist() == [
        {"geo": "A", column: "c", VALUE: None},
        {"geo": "B", column: "", VALUE: "1"},
    ]
    assert [(e.reason, e.count, e.example) for e in table.explained] == [("blank", 1, "line 4 column OBS_VALUE")]
    keeps_the_contract(sdmx_csv, payload, table, LAYOUT)


def test_an_answer_that_holds_nothing_but_bare_series_is_no_answer():
    with pytest.raises(PublisherError, match=r"all 2 records are of series without .*line 2 column OBS_VALUE.*no rows"):
        read(b"STRUCTURE,geo,TIME_PERIOD,OBS_VALUE\nd,A,,\nd,B,,\n")


#: Columns and records with labels, in another order than codes before labels; what tells their figures apart.
PARTED = {
    "the label far from its code": (
        "Reference area,SEX,OBS_VALUE,Sex,TIME_PERIOD,REF_AREA",
        ["Morocco,F,1,Females,2020,MAR", "France,M,2,Males,2020,FRA"],
        {("REF_AREA", "Reference area"), ("SEX", "Sex"), ("TIME_PERIOD",)},
    ),
    "of two ids that fit the one with more words": (
        "Unit of measure,MEASURE,UNIT_MEASURE,Measure,OBS_VALUE",
        ["Persons,B11,PS,Inflows,1", "Persons,B11,PS,Inflows,2"],
        {("MEASURE", "Measure"), ("UNIT_MEASURE", "Unit of measure")},
    ),
    "of two that fit alike the one before it": (
        "geo,Geopolitical entity (reporting),partner,Geopolitical entity (partner),OBS_VALUE",
        ["FR,France,MA,Morocco,1"],
        {("geo", "Geopolitical entity (reporting)"), ("partner", "Geopolitical entity (partner)")},
    ),
    "a name that no id begins is no label of one far away": (
        "Applicant type,asyl_app,geo,OBS_VALUE",
        ["First time,FRST,FR,1", "Other,OTH,DE,2"],
        {("Applicant type",), ("asyl_app",), ("geo",)},
    ),
    "a name that fits, of a column that says something else": (
        "Sex of child,geo,sex,OBS_VALUE",
        ["Girls,FR,F,1", "Boys,FR,F,2"],
        {("Sex of child",), ("geo",), ("sex",)},
    ),
}


@pytest.mark.parametrize(("header", "records", "expected"), PARTED.values(), ids=PARTED)
def test_labels_are_found_by_name_wherever_they_stand(header, records, expected):
    assert set(read("\n".join([header, *records, ""]).encode()).dimensions) == expected


def test_an_action_may_have_blanks_around_it():
    assert read(b'STRUCTURE,ACTION,geo,OBS_VALUE\nd," I ",FR,1\n').landed == 1
    with pytest.raises(DriftError, match="line 2 column ACTION: D deletes"):
        read(b'STRUCTURE,ACTION,geo,OBS_VALUE\nd," D ",FR,1\n')
