"""The replay server answers as the publishers do."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from test_source import DATASET, SOURCE

from migstats import replay, settings
from migstats.errors import ConfigurationError

SAMPLES = settings.include() / "samples"
UN = "/www.un.org/development/desa/pd/sites/www.un.org.development.desa.pd/files/"
UNHCR = "/api.unhcr.org/population/v1/population/"
WORLD_BANK = "/api.worldbank.org/v2/country/all/indicator/"
CUBE = "/ec.europa.eu/eurostat/api/dissemination/statistics/1.0/data/"
SDMX = "/ec.europa.eu/eurostat/api/dissemination/sdmx/2.1/data/"
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}


def ask(target: str, **headers: str) -> replay.Answer:
    return replay.answer(SAMPLES, target, headers)


def ask_json(target: str) -> Any:
    found = ask(target)
    assert found.status == 200
    return json.loads(found.body)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    server = replay.serve(0, SAMPLES)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


# -- the server itself


def test_an_unchanged_answer_is_304_without_a_body(base: str) -> None:
    url = base + UNHCR + "?yearFrom=2023&yearTo=2023&coa_all=true"
    first = requests.get(url, timeout=5)
    again = requests.get(url, headers={"If-None-Match": first.headers["ETag"]}, timeout=5)
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


def test_another_answer_has_another_etag(base: str) -> None:
    tags = {requests.get(base + UNHCR + f"?year={year}", timeout=5).headers["ETag"] for year in (2022, 2023)}
    assert len(tags) == 2


def test_head_has_the_length_of_the_body_and_no_body(base: str) -> None:
    url = base + WORLD_BANK + "SM.POP.NETM?format=json"
    head, got = requests.head(url, timeout=5), requests.get(url, timeout=5)
    assert head.headers["Content-Length"] == str(len(got.content))
    assert head.content == b""


def test_an_unknown_host_is_named_with_those_that_there_are() -> None:
    found = ask("/example.org/x")
    assert found.status == 502
    assert b"'example.org'" in found.body
    assert b"api.unhcr.org" in found.body


def test_a_missing_folder_and_a_taken_port_are_said(tmp_path: Path, base: str) -> None:
    with pytest.raises(ConfigurationError, match="no folder of samples"):
        replay.serve(0, tmp_path / "none")
    port = int(base.rpartition(":")[2])
    with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}.*choose another port"):
        replay.serve(port, SAMPLES)


# -- UN DESA


@pytest.mark.parametrize("agent", ["curl/7.88.1", "python-requests/2.32.5", "Python-urllib/3.11", ""])
def test_un_org_refuses_the_default_user_agents(agent: str) -> None:
    found = ask(UN + "undesa_pd_2024_ims_stock_by_sex_and_destination.xlsx", **{"User-Agent": agent})
    assert (found.status, found.content_type) == (403, "text/html; charset=UTF-8")


@pytest.mark.parametrize("release", ["2020", "2024"])
@pytest.mark.parametrize("table", ["destination", "origin"])
def test_un_org_serves_the_workbooks_byte_for_byte(release: str, table: str) -> None:
    name = f"undesa_pd_{release}_ims_stock_by_sex_and_{table}.xlsx"
    found = ask(UN + name, **BROWSER)
    assert (found.status, found.body) == (200, (SAMPLES / "undesa_stock" / name).read_bytes())


@pytest.mark.parametrize("name", ["undesa_pd_2030_ims_stock_by_sex_and_origin.xlsx", "../undesa_stock/README.md", ""])
def test_un_org_has_a_page_for_what_is_not_there(name: str) -> None:
    found = ask(UN + name, **BROWSER)
    assert (found.status, found.content_type) == (404, "text/html; charset=UTF-8")


# -- UNHCR


def unhcr(query: str) -> dict[str, Any]:
    found = ask_json(UNHCR + "?" + query)
    assert list(found) == ["page", "short-url", "maxPages", "total", "items"]
    return dict(found)


def test_unhcr_needs_both_bounds_of_years() -> None:
    assert {i["year"] for i in unhcr("limit=15000&coa_all=true&yearFrom=2023&yearTo=2023")["items"]} == {2023}
    assert {i["year"] for i in unhcr("limit=15000&coa_all=true&yearFrom=2023")["items"]} == set(range(2020, 2025))


def test_unhcr_pages_cover_all_items_once() -> None:
    whole = unhcr("limit=15000&coo_all=true&coa_all=true&yearFrom=2024&yearTo=2024")
    parts = [unhcr(f"limit=60&page={n}&coo_all=true&coa_all=true&yearFrom=2024&yearTo=2024") for n in range(1, 9)]
    assert whole["maxPages"] == 1
    assert [item for p in parts for item in p["items"]] == whole["items"]
    last = parts[0]["maxPages"]
    assert parts[last - 1]["items"]
    assert parts[last]["items"] == []


@pytest.mark.parametrize("limit", ["0", "-5", "many"])
def test_unhcr_ignores_a_limit_that_is_none(limit: str) -> None:
    assert len(unhcr(f"limit={limit}&coo_all=true&coa_all=true")["items"]) == 100


def test_unhcr_has_codes_of_its_own_and_iso_on_request() -> None:
    own = unhcr("coa=ARE&year=2023")["items"]
    iso = unhcr("coa=EGY&cf_type=ISO&year=2023")["items"]
    assert own == iso
    assert [(i["coa"], i["coa_iso"], i["coo"], i["refugees"]) for i in own] == [("ARE", "EGY", "-", 240507)]


def test_unhcr_mixes_numbers_zero_as_text_and_dashes() -> None:
    item = unhcr("coo=SYR&year=2023")["items"][0]
    assert (item["refugees"], item["stateless"], item["oip"]) == (6355788, "0", "-")


def test_unhcr_answers_an_unknown_code_with_no_items() -> None:
    found = unhcr("coa=ZZZ&year=2023")
    assert (found["maxPages"], found["items"]) == (0, [])


def test_unhcr_has_a_page_for_an_unknown_path() -> None:
    found = ask("/api.unhcr.org/population/v1/nothing/")
    assert (found.status, found.content_type) == (404, "text/html; charset=UTF-8")


def test_unhcr_escapes_as_php_does() -> None:
    body = ask(UNHCR + "?coa=SRB&year=2023").body
    assert b"S\\/RES\\/1244" in body


# -- World Bank


def test_the_world_bank_pages_cover_all_rows_once() -> None:
    header, rows = ask_json(WORLD_BANK + "SM.POP.TOTL?format=json&per_page=20000")
    assert (header["page"], header["pages"], header["total"]) == (1, 1, len(rows))
    pages = [ask_json(WORLD_BANK + f"SM.POP.TOTL?format=json&page={n}") for n in range(1, header["total"] // 50 + 2)]
    assert {(p[0]["pages"], p[0]["per_page"]) for p in pages} == {(len(pages), 50)}
    assert [row for p in pages for row in p[1]] == rows


def test_the_world_bank_filters_dates_and_countries() -> None:
    _, rows = ask_json("/api.worldbank.org/v2/country/MAR;PH/indicator/SM.POP.TOTL?format=json&date=2019:2020")
    found = [(r["countryiso3code"], r["date"], r["value"]) for r in rows]
    assert found == [("MAR", "2020", 102358), ("MAR", "2019", None), ("PHL", "2020", 87212), ("PHL", "2019", None)]


@pytest.mark.parametrize(
    ("target", "number", "messages"),
    [
        (WORLD_BANK + "NO.SUCH.CODE?format=json", "120", 1),
        (WORLD_BANK + "SM.POP.REFG?format=json", "175", 1),
        ("/api.worldbank.org/v2/country/ABCDEFG/indicator/SM.POP.TOTL?format=json&date=x", "120", 2),
    ],
)
def test_the_world_bank_sends_its_errors_as_200(target: str, number: str, messages: int) -> None:
    body = ask_json(target)
    assert [m["id"] for m in body[0]["message"]] == [number] * messages
    assert len(body) == 1


def test_the_world_bank_has_null_for_no_rows() -> None:
    assert ask_json(WORLD_BANK + "SM.POP.TOTL?format=json&date=1900")[1] is None


def test_the_world_bank_speaks_xml_unless_asked_for_json() -> None:
    found = ask(WORLD_BANK + "SM.POP.NETM?per_page=2")
    assert found.content_type.startswith("text/xml")
    assert found.body.count(b"<wb:value>") == 2


# -- Eurostat


def cell(cube: dict[str, Any], **codes: str) -> tuple[Any, Any]:
    flat = 0
    for dim, size in zip(cube["id"], cube["size"], strict=True):
        index = cube["dimension"][dim]["category"]["index"]
        flat = flat * size + index[codes[dim]]
    return cube["value"].get(str(flat)), cube.get("status", {}).get(str(flat))


WHOLE = {"freq": "A", "age": "TOTAL", "unit": "NR"}


def test_a_cut_cube_has_the_same_cells_at_new_positions() -> None:
    whole = ask_json(CUBE + "migr_pop1ctz?format=JSON")
    cut = ask_json(CUBE + "migr_pop1ctz?sex=T&sinceTimePeriod=2021&untilTimePeriod=2022")
    assert cut["size"][-1] == 2
    index = {dim: list(cut["dimension"][dim]["category"]["index"]) for dim in cut["id"]}
    assert index["sex"] == ["T"]
    seen = 0
    for citizen in index["citizen"]:
        for geo in index["geo"]:
            for time in index["time"]:
                codes = {**WHOLE, "citizen": citizen, "sex": "T", "geo": geo, "time": time}
                assert cell(cut, **codes) == cell(whole, **codes)
                seen += cell(cut, **codes) != (None, None)
    assert seen == len(set(cut["value"]) | set(cut["status"])) > 40


def test_a_cube_keeps_flags_and_confidentiality() -> None:
    cube = ask_json(CUBE + "migr_pop1ctz?geo=AT&geo=FR&geo=DE")
    assert cell(cube, **WHOLE, citizen="JM", sex="T", geo="AT", time="2022") == (None, "|C")
    assert cell(cube, **WHOLE, citizen="FOR_STLS", sex="T", geo="FR", time="2022") == (5458039, None)
    assert cube["extension"]["status"]["label"]["|C"] == "confidential"


def test_eurostat_answers_an_unknown_code_with_a_zero_in_size() -> None:
    cube = ask_json(CUBE + "migr_pop1ctz?geo=ZZ")
    assert cube["size"][cube["id"].index("geo")] == 0
    assert cube["value"] == {}
    assert "status" not in cube


def test_eurostat_answers_an_empty_period_without_status() -> None:
    cube = ask_json(CUBE + "migr_pop1ctz?citizen=MA&geo=SE&sinceTimePeriod=2022")
    assert cube["value"] == {}
    assert cube["extension"]["positions-with-no-data"]["geo"] == [0]


@pytest.mark.parametrize(
    ("target", "status", "number", "label"),
    [
        (CUBE + "migr_pop1ctz?zzzz=1", 400, 150, 'INVALID_QUERY_DIMENSION: Dimension "ZZZZ" is not defined'),
        (
            CUBE + "nothing",
            404,
            100,
            "ERR_NOT_FOUND_4: NOTHING (DATA_FLOW:ALL,1.0) is not available for dissemination.",
        ),
    ],
)
def test_eurostat_errors_are_json(target: str, status: int, number: int, label: str) -> None:
    found = ask(target)
    assert found.status == status
    assert json.loads(found.body) == {"error": [{"status": status, "id": number, "label": label}]}


def rows_of(target: str) -> list[dict[str, str]]:
    found = ask(target)
    assert found.status == 200
    assert found.body.endswith(b"\r\n")
    return list(csv.DictReader(io.StringIO(found.body.decode())))


def test_sdmx_csv_is_cut_by_key_and_period() -> None:
    rows = rows_of(SDMX + "migr_pop3ctb/A.MA+TN.TOTAL.NR.T.?format=SDMX-CSV&startPeriod=2022&endPeriod=2022")
    assert {(r["c_birth"], r["sex"], r["TIME_PERIOD"]) for r in rows} == {("MA", "T", "2022"), ("TN", "T", "2022")}


def test_sdmx_csv_keeps_flags_and_confidential_cells() -> None:
    rows = rows_of(SDMX + "migr_pop3ctb/A.JM..NR..AT?format=SDMX-CSV")
    assert {(r["OBS_VALUE"], r["CONF_STATUS"]) for r in rows} == {("", "C")}


@pytest.mark.parametrize(
    ("target", "status"), [("nothing/A?format=SDMX-CSV", 404), ("migr_pop3ctb/A.MA?format=SDMX-CSV", 400)]
)
def test_sdmx_errors_are_a_fault(target: str, status: int) -> None:
    found = ask(SDMX + target)
    assert found.status == status
    assert b"<S:Fault" in found.body


# -- any other declared source


class Declared:
    """A private source of three yearly slices in pages, with releases where asked for, and its folder of samples."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
        self.folder = root / "sources" / "stat_office"
        self.sample = self.folder / "sample"
        self.sample.mkdir(parents=True)
        dataset = {**DATASET, "query": {"of": "{year}", "sort": "a b"}, "page_parameter": "page", **changes}
        facts = {**SOURCE, "datasets": [dataset]}
        if "{release}" in dataset["url"]:
            facts["releases"] = [{"id": y, "released": f"{y}-06-01"} for y in ("2024", "2023")]
        (self.folder / "source.yaml").write_text(yaml.safe_dump(facts), encoding="utf-8")
        monkeypatch.setenv("MIGSTATS_SOURCES", str(root / "sources"))

    def put(self, name: str, text: str) -> None:
        file = self.sample / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


OFFICE = "/stats.example.org/api/2021?"


def test_a_file_named_for_a_slice_is_served_under_the_url_of_that_slice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Declared(tmp_path, monkeypatch)
    source.put("stock/year=2021.csv", "one")
    source.put("stock/year=2021.page2.csv", "two")
    assert ask(OFFICE + "of=2021&sort=a+b&page=1") == replay.Answer(200, "text/csv; charset=utf-8", b"one")
    assert ask(OFFICE + "page=2&sort=a%20b&of=2021").body == b"two"
    assert [s.slice for s in replay.sampled(source.folder)] == ["stock/year=2021"]


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("of=2021&sort=a+b&page=3", 404, "put it into {sample} as stock/year=2021.page3.*"),
        ("of=2021&sort=z", 502, "no source is declared for this URL of 'stats.example.org'"),
        ("of=2021&sort=a+b&more=1", 502, "no source is declared"),
        ("of=2021&sort=a+b", 409, "several files are page 1 of stock/year=2021"),
    ],
)
def test_what_no_file_is_named_for_is_said_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, status: int, said: str
) -> None:
    source = Declared(tmp_path, monkeypatch)
    for name in ("year=2021.csv", "year=2021.json", "year=2021.page2.csv", "year=2021.draft.csv", "year=20211.csv"):
        source.put(f"stock/{name}", name)
    found = ask(OFFICE + query)
    assert (found.status, said.format(sample=source.sample) in found.body.decode()) == (status, True), found.body


def test_the_samples_of_a_release_are_in_a_folder_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Declared(tmp_path, monkeypatch, url="https://stats.example.org/{release}/{year}", query={})
    source.put("2024/stock/year=2020.csv", "new")
    source.put("2023/stock/year=2020.csv", "old")
    assert ask("/stats.example.org/2024/2020").body == b"new"
    assert ask("/stats.example.org/2023/2020").body == b"old"
    assert ask("/stats.example.org/2023/2021").status == 404


def test_a_private_source_at_an_imitated_host_has_its_own_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SOURCE, "hosts", ["ec.europa.eu"])
    source = Declared(tmp_path, monkeypatch, url="https://ec.europa.eu/eurostat/mine/{year}", query={})
    source.put("stock/year=2020.csv", "mine")
    assert ask("/ec.europa.eu/eurostat/mine/2020").body == b"mine"
    assert ask("/ec.europa.eu/eurostat/mine/2021").status == 404
    assert ask_json(CUBE + "migr_pop1ctz?geo=ZZ")["value"] == {}


def test_a_declaration_that_cannot_be_read_keeps_no_other_from_being_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Declared(tmp_path, monkeypatch, query={})
    source.put("stock/year=2021.csv", "one")
    broken = source.folder.with_name("a_broken") / "source.yaml"
    broken.parent.mkdir()
    broken.write_text("id: [")
    assert ask(OFFICE).body == b"one"
    (source.folder / "source.yaml").write_text("id: [")
    assert ask(OFFICE).status == 502, "and what changed is read again"


def test_samples_of_the_projects_sources_are_beside_those_of_the_others(tmp_path: Path) -> None:
    assert replay.samples_of(tmp_path / "new_source") == SAMPLES / "new_source"
