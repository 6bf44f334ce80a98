from __future__ import annotations

import csv
import io

import pytest

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.readers import PLACE, ROW, VALUE, sdmx_csv
from migstats.source import SdmxCsvLayout

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
    keeps_the_contract(sdmx_csv, EUROSTAT, table)


def test_a_place_is_the_physical_line_on_which_the_record_begins():
    table = read(EUROSTAT)
    assert table.data[ROW].to_pylist() == [2, 3, 6]
    assert set(table.data[PLACE].to_pylist()) == {"line {} column OBS_VALUE"}
    assert sdmx_csv.locate(EUROSTAT, "line 3 column OBS_VALUE") == "007"
    with pytest.raises(PublisherError, match="line 4"):
        sdmx_csv.locate(EUROSTAT, "line 4 column OBS_VALUE")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark_change_no_fact(end, last, mark):
    text = EUROSTAT.decode() if last else EUROSTAT.decode().rstrip("\n")
    payload = mark + text.replace("\n", end).encode()
    table = read(payload)
    assert table.data[ROW].to_pylist() == [2, 3, 6]
    assert table.data[VALUE].to_pylist() == ["1E5", "007", None]
    assert [sdmx_csv.locate(payload, f"line {n} column OBS_VALUE") for n in (2, 3, 6)] == ["1E5", "007", None]


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
        (b"PK\x03\x04\0\0", TryAgainError, "not text"),
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
        keeps_the_contract(sdmx_csv, payload, table)
        read_files += 1
    assert read_files >= 22


@pytest.mark.payloads
def test_codes_stand_under_their_ids_beside_their_labels(payloads):
    name = "oecd/OECD.ELS.IMD,DSD_MIG@DF_MIG,1.0+ITA..A.B11.csv"
    table = read((payloads / name).read_bytes())
    first = table.data.slice(0, 1).to_pylist()[0]
    assert table.landed == 9065
    assert (first["CITIZENSHIP"], first["Citizenship"], first[VALUE]) == ("CAF", "Central African Republic", "9")
