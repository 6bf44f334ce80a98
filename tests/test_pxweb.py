"""PxWeb servers: what is asked of them, in which parts, and what becomes of what they answer."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from faults.server import Action, Asked, FaultServer, answer, raw

from migstats import lake as lakes
from migstats import landing, lineage, pipeline, pxweb, settings, turns, warehouse, web
from migstats.errors import (
    DeclarationError,
    DeniedError,
    DriftError,
    MigstatsError,
    PermanentError,
    PublisherError,
    TooBigError,
    TryAgainError,
)
from migstats.source import Source, plan, read_source

V1 = "https://stat.example.org/PxWeb/api/v1/en/people/moves/MOVES.px"
V2 = "https://stat.example.org/api/v2/tables/MOVES/data"
TODAY = dt.date(2024, 1, 1)

COUNTRIES = {"0": "Total", "1": "Morocco", "2": "Nepal", "3": "Serbia", "4": "Senegal"}
SEXES = {"1": "men", "2": "women"}
YEARS = {"10": "2022", "11": "2023"}
CUBE = {"country": COUNTRIES, "sex": SEXES, "year": YEARS}

DECLARED = """\
id: moves
title: Immigrants
publisher: Office of an example
homepage: https://stat.example.org/
description: Invented.
owner: me
licence: {id: CC0-1.0, url: "https://stat.example.org/licence", redistribution: allowed}
citation: Office of an example.
hosts: [stat.example.org]
requests_per_second: 40
deadline_seconds: 3
datasets:
  - id: moves
    title: Immigrants by country and sex
    url: %s
    pxweb:
      version: %s
      query:
        country: "*"
        sex: ["1", "2"]
        year: {values: ["2022", "2023"], texts: true}
    reader: {format: jsonstat, texts: [country, year]}
    concepts:
      indicator: IMMIGRATION
      unit: PS
      ref_area: MDA
      time_period: {column: year, period: year}
      counterpart_area: {column: country, scheme: name_en}
      counterpart_basis: previous_residence
      sex: {column: sex}
      obs_status: {column: _status}
    stock_or_flow: flow
    reference_point: period
"""
CODES = """\
dataset,column,code,concept,target,treatment,note
moves,country,Total,counterpart_area,_T,map,
moves,sex,1,sex,M,map,
moves,sex,2,sex,F,map,
moves,_status,..,obs_status,O,map,
"""


def declare(root: Path, version: int = 1, **changed: Any) -> tuple[Source, Path]:
    """The source with some fields of `pxweb` changed, and its folder."""
    facts = yaml.safe_load(DECLARED % (V1 if version == 1 else V2, version))
    dataset = facts["datasets"][0]
    dataset["pxweb"] |= changed
    folder = root / "moves"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source.yaml").write_text(yaml.safe_dump(facts, sort_keys=False), encoding="utf-8")
    (folder / "codes.csv").write_text(CODES, encoding="utf-8")
    return read_source(folder / "source.yaml"), folder


def figure(*cell: str) -> int:
    """A number that no other cell has; the total is the sum."""
    if cell[0] == "0":
        return sum(figure(country, *cell[1:]) for country in list(COUNTRIES)[1:])
    return int("".join(cell))


def cube(asked: Mapping[str, list[str]], updated: str = "2024-02-01T08:00:00Z") -> dict[str, Any]:
    """The cells that are asked for: the figure of each follows from its codes; one has a sign and no figure."""
    kept = {name: [code for code in texts if code in asked[name]] for name, texts in CUBE.items() if name in asked}
    cells = list(itertools.product(*kept.values()))
    value = [None if cell == ("3", "2", "10") else figure(*cell) for cell in cells]
    return {
        "class": "dataset",
        "version": "2.0",
        "updated": updated,
        "id": list(kept),
        "size": [len(codes) for codes in kept.values()],
        "dimension": {
            name: {
                "category": {"index": {c: i for i, c in enumerate(codes)}, "label": {c: CUBE[name][c] for c in codes}}
            }
            for name, codes in kept.items()
        },
        "value": value,
        "status": {str(i): ".." for i, figure in enumerate(value) if figure is None},
    }


@dataclass
class Server:
    """A PxWeb server of either version that can be told to misbehave."""

    version: int = 1
    config: Mapping[str, Any] | None = None
    most: int = 1000
    table: Mapping[str, Mapping[str, str]] | None = None
    #: What it does instead with the question number n (from 1); None: answers.
    instead: Callable[[int, dict[str, list[str]]], Action | None] = lambda n, asked: None

    def __post_init__(self) -> None:
        names = ("maxValues", "maxCalls") if self.version == 1 else ("maxDataCells", "maxCallsPerTimeWindow")
        if self.config is None:
            self.config = {names[0]: self.most, names[1]: 100, "timeWindow": 1}
        self.asked: list[dict[str, list[str]]] = []

    def __call__(self, request: Asked) -> Action:
        path, _, query = request.target.removeprefix("/stat.example.org").partition("?")
        if query == "config" or path.endswith("/config"):
            return answer(404, b"no config") if self.config == {} else self.json(self.config)
        if path.endswith("/metadata") or (self.version == 1 and request.method == "GET"):
            return self.json(self.metadata())
        if self.version == 1:
            question = json.loads(request.body)
            assert question["response"] == {"format": "json-stat2"}
            asked = {one["code"]: one["selection"]["values"] for one in question["query"]}
        elif request.body:
            asked = {one["variableCode"]: one["valueCodes"] for one in json.loads(request.body)["selection"]}
        else:
            pairs = [(unquote(name), value) for name, _, value in (part.partition("=") for part in query.split("&"))]
            asked = {name[11:-1]: value.split(",") for name, value in pairs if name.startswith("valueCodes[")}
        self.asked.append(asked)
        instead = self.instead(len(self.asked), asked)
        if instead is not None:
            return instead
        if math.prod(map(len, asked.values())) > self.most:
            return answer(403, b"too many cells")
        return self.json(cube(asked))

    def json(self, document: object) -> Action:
        return answer(body=json.dumps(document).encode(), Content_Type="application/json")

    def metadata(self) -> dict[str, Any]:
        table = self.table or CUBE
        if self.version == 1:
            return {
                "title": "Moves",
                "variables": [
                    {"code": name, "text": name, "values": list(texts), "valueTexts": list(texts.values())}
                    | ({"elimination": True} if name == "sex" else {})
                    for name, texts in table.items()
                ],
            }
        return {
            "class": "dataset",
            "version": "2.0",
            "id": list(table),
            "size": [len(texts) for texts in table.values()],
            "dimension": {
                name: {
                    "category": {"index": {c: i for i, c in enumerate(texts)}, "label": dict(texts)},
                    "extension": {"elimination": name == "sex"},
                }
                for name, texts in table.items()
            },
            "value": [],
        }


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(web, "back_off", lambda attempt: 0.0)


def land(
    monkeypatch: pytest.MonkeyPatch, server: Server, source: Source, *, url: str | None = None, run_id: str = "run 1"
) -> landing.Landed:
    with FaultServer(server) as served:
        monkeypatch.setenv("MIGSTATS_REPLAY", served.url)
        [slice_] = plan(source, today=TODAY)
        landed = landing.land(slice_, source, run_id=run_id, url=url)
    server.requests = served.asked  # type: ignore[attr-defined]
    return landed


def content(landed: landing.Landed, source: Source, folder: Path) -> str:
    read = pipeline.read(landed, source, folder)
    assert (read.observations, read.quarantined, read.explained) == (20, 0, 0)
    return read.content_sha256


# -- parts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
def test_the_parts_of_a_query_fit_and_are_the_whole_in_its_order(seed: int) -> None:
    dice = random.Random(seed)
    whole = {name: tuple(map(str, range(dice.randint(1, 9)))) for name in "abcd"[: dice.randint(1, 4)]}
    cells = dice.randint(1, 60)
    parts = list(pxweb.split(whole, cells))
    assert all(math.prod(map(len, part.values())) <= cells for part in parts)
    assert all(list(part) == list(whole) for part in parts)
    united = [cell for part in parts for cell in itertools.product(*part.values())]
    assert sorted(united) == sorted(itertools.product(*whole.values()))
    assert len(united) == len(set(united))
    assert united == list(itertools.product(*whole.values()))


def test_a_query_that_fits_is_one_part_and_one_that_does_not_is_cut_evenly() -> None:
    whole = {"a": ("1", "2"), "b": tuple("123456")}
    assert list(pxweb.split(whole, 12)) == [whole]
    assert [len(part["b"]) for part in pxweb.split(whole, 5)] == [3, 3, 3, 3]
    assert [tuple(map(len, part.values())) for part in pxweb.split(whole, 1)] == [(1, 1)] * 12


@pytest.mark.parametrize("version", [1, 2])
def test_the_union_of_the_parts_is_the_unsplit_answer(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, folder = declare(tmp_path, version)
    whole = land(monkeypatch, Server(version), source)
    assert len(whole.pages) == 1
    expected = content(whole, source, folder)
    dice = random.Random(version)
    for most in sorted({1, 3, 7, *(dice.randint(2, 19) for _ in range(5))}):
        server = Server(version, most=most)
        landed = land(monkeypatch, server, source, run_id=f"limit {most}")
        assert len(landed.pages) == len(server.asked) >= math.ceil(20 / most)
        assert {page.pages for page in landed.pages} == {len(landed.pages)}
        assert content(landed, source, folder) == expected, most


# -- questions --------------------------------------------------------------------------------------------------


def test_version_1_is_asked_by_a_post_that_names_every_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(1)
    land(monkeypatch, server, declare(tmp_path)[0])
    config, table, data = server.requests  # type: ignore[attr-defined]
    assert [(r.method, r.target) for r in (config, table, data)] == [
        ("GET", "/stat.example.org/PxWeb/api/v1/en/?config"),
        ("GET", "/stat.example.org/PxWeb/api/v1/en/people/moves/MOVES.px"),
        ("POST", "/stat.example.org/PxWeb/api/v1/en/people/moves/MOVES.px"),
    ]
    assert data.headers["content-type"] == "application/json; charset=utf-8"
    item = [
        {"code": name, "selection": {"filter": "item", "values": values}}
        for name, values in [("country", list("01234")), ("sex", ["1", "2"]), ("year", ["10", "11"])]
    ]
    assert json.loads(data.body) == {"query": item, "response": {"format": "json-stat2"}}


def test_version_2_is_asked_by_a_get_that_names_every_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(2)
    land(monkeypatch, server, declare(tmp_path, 2)[0])
    assert [(r.method, unquote(r.target)) for r in server.requests] == [  # type: ignore[attr-defined]
        ("GET", "/stat.example.org/api/v2/config"),
        ("GET", "/stat.example.org/api/v2/tables/MOVES/metadata"),
        (
            "GET",
            "/stat.example.org/api/v2/tables/MOVES/data?outputFormat=json-stat2"
            "&valueCodes[country]=0,1,2,3,4&valueCodes[sex]=1,2&valueCodes[year]=10,11",
        ),
    ]


def questions(source: Source, server: Any, monkeypatch: pytest.MonkeyPatch, halved: int = 0) -> list[pxweb.Question]:
    with FaultServer(server) as served:
        monkeypatch.setenv("MIGSTATS_REPLAY", served.url)
        with web.Client(web.manners_of(source, served.url)) as client:
            [slice_] = plan(source, today=TODAY)
            return pxweb.questions(client, slice_, source.datasets[0], run_id=str(id(server)), halved=halved)


def test_a_question_of_version_2_that_is_long_or_has_signs_goes_by_post(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = declare(tmp_path, 2)
    long = {f"land {n:04}": f"L{n}" for n in range(300)}
    for table in ({**CUBE, "country": long}, {**CUBE, "country": {"top(1)": "a", "x,y": "b"}}):
        [question] = questions(source, Server(2, most=10_000, table=table), monkeypatch)
        assert question.url == f"{V2}?outputFormat=json-stat2"
        assert json.loads(question.body or "")["selection"][0] == {
            "variableCode": "country",
            "valueCodes": list(table["country"]),
        }


@pytest.mark.parametrize("version", [1, 2])
def test_values_of_a_codelist_and_a_variable_that_is_left_out(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = {"country": {"values": ["EU"], "codelist": "agg:Regions"}, "sex": None, "year": ["10"]}
    [question] = questions(declare(tmp_path, version, query=query)[0], Server(version), monkeypatch)
    assert dict(question.codes) == {"country": ("EU",), "year": ("10",)}
    if version == 1:
        assert json.loads(question.body or "")["query"][0]["selection"] == {"filter": "agg:Regions", "values": ["EU"]}
    else:
        assert question.url.endswith("&codelist[country]=agg%3ARegions&valueCodes[country]=EU&valueCodes[year]=10")


def test_axes_of_slices_stand_in_the_query(tmp_path: Path) -> None:
    facts = yaml.safe_load(DECLARED % (V1, 1))
    facts["datasets"][0]["slices"] = {"year": {"start": 2022, "end": 2023}}
    facts["datasets"][0]["pxweb"]["query"]["year"]["values"] = ["{year}"]
    source = Source.model_validate(facts)
    assert [(s.slice, s.url, s.at) for s in plan(source, today=TODAY)] == [
        (f"moves/year={year}", V1, {"year": year}) for year in ("2022", "2023")
    ]


@pytest.mark.parametrize(
    ("table", "query", "said"),
    [
        (
            {"land": COUNTRIES, "sex": SEXES, "year": YEARS},
            None,
            "'country' is not in the table.*'land' is new .5 values",
        ),
        ({**CUBE, "age": {"0": "all"}}, None, "variable 'age' is new .1 values: all"),
        ({**CUBE, "sex": {"1": "men"}}, None, "'sex' has not, or more than once, 2; it has 1"),
        ({**CUBE, "year": {"10": "2022"}}, None, "'year' has not, or more than once, 2023; it has 2022"),
        ({**CUBE, "year": {"10": "2022", "11": "2023", "12": "2023"}}, None, "'year' has not, or more than once, 2023"),
        (None, {"country": None, "sex": "*", "year": "*"}, "'country' cannot be left out"),
    ],
    ids=["renamed", "new", "value-gone", "text-gone", "text-twice", "no-total"],
)
@pytest.mark.parametrize("version", [1, 2])
def test_a_table_that_moved_is_named_before_anything_is_asked(
    version: int, table: Any, query: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = declare(tmp_path, version, **({"query": query} if query else {}))
    server = Server(version, table=table)
    with pytest.raises(DriftError, match=said):
        land(monkeypatch, server, source)
    assert server.asked == []
    assert list((settings.state() / "pxweb").glob("*")) == [], "who mends it asks anew"


def test_a_table_with_its_values_in_another_order_gives_the_same_facts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, folder = declare(tmp_path)
    usual = content(land(monkeypatch, Server(), source), source, folder)
    turned = {name: dict(reversed(CUBE[name].items())) for name in ("year", "country", "sex")}
    server = Server(most=4, table=turned)
    assert content(land(monkeypatch, server, source, run_id="run 2"), source, folder) == usual


@pytest.mark.payloads
@pytest.mark.parametrize(
    ("version", "config", "table", "query", "cells"),
    [
        (
            1,
            "statfin-config.json",
            "grande-region-a301-table-meta.json",
            {"Ann\u00e9e": {"values": ["2020"], "texts": True}, "R\u00e9gion": "*", "Sexe": ["0"]},
            {"Ann\u00e9e": ("50",), "R\u00e9gion": tuple("012345"), "Sexe": ("0",)},
        ),
        (1, "statfin-config.json", "statfin-table-meta.json", None, 128128),
        (
            2,
            "scb_v2_config.json",
            "pxwebapi2_MetadataById_tab004_js2.json",
            {"SECTOR": "*", "GREENHOUSEGAS": ["CH4"], "ContentsCode": "*", "TIME": ["1990", "2017"]},
            {"SECTOR": 14, "GREENHOUSEGAS": 1, "ContentsCode": 1, "TIME": 2},
        ),
        (2, "pxwebapi2_GetApiConfiguration.json", "pxwebapi2_MetadataById_tab004_js2.json", None, 4312),
    ],
)
def test_real_limits_and_descriptions_of_tables_are_understood(
    version: int,
    config: str,
    table: str,
    query: Any,
    cells: Any,
    payloads: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    described = json.loads((payloads / "pxweb" / table).read_bytes())
    names = described.get("id") or [variable["code"] for variable in described["variables"]]
    source, _ = declare(tmp_path, version, query=query or dict.fromkeys(names, "*"))

    def script(request: Asked) -> Action:
        return answer(body=(payloads / "pxweb" / (config if "config" in request.target else table)).read_bytes())

    asked = [question.codes for question in questions(source, script, monkeypatch)]
    sizes = [math.prod(map(len, codes.values())) for codes in asked]
    if isinstance(cells, int):
        assert (sum(sizes), max(sizes) <= 120_000) == (cells, True)
        return
    [codes] = asked
    assert {name: found if isinstance(cells[name], tuple) else len(found) for name, found in codes.items()} == cells


# -- limits -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [{}, {"CORS": True}, {"maxValues": "many"}])
@pytest.mark.parametrize("version", [1, 2])
def test_limits_that_are_not_told_are_declared_or_nothing_is_asked(
    version: int, config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"maxDataCells": "many"} if version == 2 and "maxValues" in config else config
    server = Server(version, config=config)
    with pytest.raises(PublisherError, match="max_cells"):
        land(monkeypatch, server, declare(tmp_path, version)[0])
    assert server.asked == []
    source, folder = declare(tmp_path, version, max_cells=6)
    landed = land(monkeypatch, server, source, run_id="run 2")
    assert [math.prod(map(len, asked.values())) for asked in server.asked] == [4] * 5
    content(landed, source, folder)


def test_the_stricter_of_what_is_declared_and_told_is_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for declared, told, parts in ((8, 1000, 3), (1000, 8, 3), (1000, 1000, 1)):
        source, _ = declare(tmp_path, max_cells=declared)
        assert len(questions(source, Server(most=told), monkeypatch)) == parts
    both = Server(config={"maxValues": 1000, "maxCells": 8, "maxCalls": 10, "timeWindow": 10})
    assert len(questions(declare(tmp_path)[0], both, monkeypatch)) == 3


def test_a_limit_below_one_figure_and_too_many_parts_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = declare(tmp_path)
    with pytest.raises(PublisherError, match="the limit is 0 cells"):
        questions(source, Server(most=0), monkeypatch)
    table = {**CUBE, "country": {str(n): f"L{n}" for n in range(300)}}
    with pytest.raises(PermanentError, match="1,200 cells in parts of 1 are more than 1,000 requests"):
        questions(source, Server(most=1, table=table), monkeypatch)


def test_where_the_limits_are_asked_can_be_declared_and_is_not_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = yaml.safe_load(DECLARED % ("https://stat.example.org/OV0104/MOVES", 1))
    odd = Source.model_validate(facts)
    with pytest.raises(PermanentError, match="declare `config`"):
        questions(odd, Server(), monkeypatch)
    facts["datasets"][0]["pxweb"]["config"] = "https://stat.example.org/OV0104/?config"
    assert len(questions(Source.model_validate(facts), Server(), monkeypatch)) == 1
    facts["datasets"][0]["pxweb"]["config"] = "https://elsewhere.example.org/?config"
    with pytest.raises(DeniedError, match="not declared"):
        questions(Source.model_validate(facts), Server(), monkeypatch)


def test_the_pace_is_the_slower_of_what_is_declared_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    intervals: list[float] = []
    take = turns.take

    def noted(name: str, now: float, interval: float, patience: float, limit: float) -> turns.Turn:
        intervals.append(interval)
        return take(name, now, 0.0, patience, limit)

    source, _ = declare(tmp_path)
    for calls, window, expected in ((10, 10, 1.0), (1000, 1, 1 / 40)):
        client = web.Client(replace(web.manners_of(source, None), requests_per_second=40))
        client.slow_down(calls, window)
        assert 1 / client.manners.requests_per_second == pytest.approx(expected)
    monkeypatch.setattr(turns, "take", noted)
    with FaultServer(Server(config={"maxValues": 100, "maxCalls": 10, "timeWindow": 20})) as served:
        # Of a replay server nobody keeps a pace: so it is asked as the publisher itself.
        local = Source.model_validate(
            yaml.safe_load((DECLARED % (V1, 1)).replace("https://stat.example.org/P", f"{served.url}/P"))
            | {"hosts": ["127.0.0.1"]}
        )
        monkeypatch.delenv("MIGSTATS_REPLAY", raising=False)
        [slice_] = plan(local, today=TODAY)
        landing.land(slice_, local, run_id="run 1")
    assert intervals == [1 / 40, 2.0, 2.0]


def test_what_is_asked_once_in_a_run_is_asked_again_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = declare(tmp_path)
    with FaultServer(Server()) as served:
        monkeypatch.setenv("MIGSTATS_REPLAY", served.url)
        [slice_] = plan(source, today=TODAY)
        for run in ("run 1", "run 1", "run 2", landing.BY_HAND, landing.BY_HAND):
            landing.land(slice_, source, run_id=run)
        methods = [asked.method for asked in served.asked]
    assert methods == ["GET", "GET", "POST", "POST"] + ["GET", "GET", "POST"] * 3


# -- faults -----------------------------------------------------------------------------------------------------


def only(number: int, action: Action) -> Callable[[int, dict[str, list[str]]], Action | None]:
    return lambda n, asked: action if n == number else None


def test_a_server_that_refuses_what_its_limits_allow_is_asked_for_smaller_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, folder = declare(tmp_path)
    usual = content(land(monkeypatch, Server(), source), source, folder)
    server = Server(config={"maxValues": 40, "maxCalls": 100, "timeWindow": 1}, most=6)
    landed = land(monkeypatch, server, source, run_id="run 2")
    assert [math.prod(map(len, asked.values())) for asked in server.asked] == [20, 20, 8, 4, 4, 4, 4, 4]
    assert content(landed, source, folder) == usual


def test_a_server_that_lets_nobody_in_is_asked_a_few_times_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(instead=lambda n, asked: answer(403, b"go away"))
    with pytest.raises(TooBigError, match=r"403: go away.*nobody is let in"):
        land(monkeypatch, server, declare(tmp_path)[0])
    assert len(server.asked) == 1 + pxweb.HALVINGS


def test_a_busy_server_is_asked_again_when_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, folder = declare(tmp_path)
    server = Server(most=10, instead=only(2, answer(429, b"slow down", Retry_After="1")))
    content(land(monkeypatch, server, source), source, folder)
    refused, again = [asked.at for asked in server.requests[3:5]]  # type: ignore[attr-defined]
    assert again - refused >= 1.0
    never = Server(instead=lambda n, asked: answer(429, b"slow down", Retry_After="600"))
    with pytest.raises(TryAgainError, match="429: slow down") as caught:
        land(monkeypatch, never, source, run_id="run 2")
    assert (caught.value.retry_after, len(never.asked)) == (600.0, 1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("to", ["https://stat.example.org/elsewhere", "/elsewhere", "https://evil.example.org/"])
def test_a_question_is_never_sent_on_to_another_address(
    status: int, to: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(instead=lambda n, asked: answer(status, Location=to))
    with pytest.raises(DeniedError, match=f"status {status} redirects a POST to '{to}'"):
        land(monkeypatch, server, declare(tmp_path)[0])
    assert len(server.asked) == 1


WHOLE = json.dumps(cube({name: list(texts) for name, texts in CUBE.items()})).encode()


def swapped(asked: dict[str, list[str]], **other: list[str]) -> Action:
    return answer(body=json.dumps(cube({**asked, **other})).encode())


@pytest.mark.parametrize(
    ("instead", "error", "said"),
    [
        (lambda n, asked: answer(body=WHOLE[:-200]), TryAgainError, "cut off"),
        (
            lambda n, asked: raw(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + WHOLE[:50]),
            TryAgainError,
            "too early",
        ),
        (lambda n, asked: answer(body=b"<html><title>Down</title></html>"), TryAgainError, "Down"),
        (lambda n, asked: answer(), PublisherError, "empty body"),
        (lambda n, asked: answer(body=b"{}"), PublisherError, "no rows"),
        (lambda n, asked: answer(400, b"Bad value"), PublisherError, "400: Bad value"),
        (lambda n, asked: answer(404, b"gone"), PublisherError, "withdrawn"),
        (
            lambda n, asked: swapped(asked, country=["0", "1"]),
            PublisherError,
            "'country': too many none, missing 2, 3, 4",
        ),
        (
            lambda n, asked: swapped({"country": asked["country"], "sex": asked["sex"]}),
            PublisherError,
            "'year' is not there",
        ),
    ],
    ids=["cut", "short", "page", "empty", "braces", "bad-value", "gone", "fewer", "no-variable"],
)
def test_an_answer_that_is_not_what_was_asked_for_loads_nothing(
    instead: Any, error: type[MigstatsError], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(error, match=said):
        land(monkeypatch, Server(instead=instead), declare(tmp_path)[0])


def test_a_server_that_takes_no_notice_of_the_question_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, _ = declare(tmp_path, query={"country": ["1", "2"], "sex": None, "year": ["10"]})
    server = Server(instead=lambda n, asked: answer(body=WHOLE))
    said = "'sex' was not asked for; variable 'country': too many 0, 3, 4, missing none; variable 'year': too many 11"
    with pytest.raises(PublisherError, match=said):
        land(monkeypatch, server, source)


def test_a_table_that_is_updated_between_two_parts_is_asked_for_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def instead(n: int, asked: dict[str, list[str]]) -> Action | None:
        return answer(body=json.dumps(cube(asked, "2024-03-01T08:00:00Z")).encode()) if n == 2 else None

    with pytest.raises(TryAgainError, match=r"part 2 is as of 2024-03-01.*part 1 as of 2024-02-01.*meanwhile"):
        land(monkeypatch, Server(most=10, instead=instead), declare(tmp_path)[0])


@pytest.mark.parametrize(
    ("body", "error", "said"),
    [
        (b'[{"id":"MOVES.px","type":"t"}]', DriftError, "a folder answers"),
        (b'{"title":"Moves"}', DriftError, "missing required field `variables`"),
        (b'{"variables":[{"code":"sex","values":["1"],"valueTexts":[]}]}', DriftError, "values of sex"),
        (b'{"variables":[{"code":"sex","valu', TryAgainError, "cut off"),
    ],
)
def test_a_description_that_is_none_is_refused(
    body: bytes, error: type[MigstatsError], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Server()

    def script(request: Asked) -> Action:
        at_table = request.method == "GET" and request.target.endswith(".px")
        return answer(body=body) if at_table else usual(request)

    source, _ = declare(tmp_path)
    [slice_] = plan(source, today=TODAY)
    with FaultServer(script) as served:
        monkeypatch.setenv("MIGSTATS_REPLAY", served.url)
        with pytest.raises(error, match=said):
            landing.land(slice_, source, run_id="run 1")


# -- declarations -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"reader": {"format": "px"}}, "JSON-stat"),
        ({"split": {"part": ["a", "b"]}, "query": {"x": "{part}"}}, "remove `split`"),
        ({"page_parameter": "page"}, "remove `split` and `page_parameter`"),
        ({"query": {"lang": "en"}}, "version 1 takes no parameters"),
        ({"pxweb": {"version": 2, "query": {"sex": "*"}}}, "ends with /tables/<id>/data"),
        ({"pxweb": {"version": 1, "query": {}}}, "at least 1"),
        ({"pxweb": {"version": 1, "query": {"sex": {"values": "*", "codelist": "agg:x"}}}}, "list their codes"),
        ({"pxweb": {"version": 1, "query": {"sex": {"values": ["1", "1"]}}}}, "a value stands twice"),
        ({"pxweb": {"version": 1, "query": {"year": ["{year}"]}}}, "no axis of `slices`"),
        ({"slices": {"year": ["2022"]}}, "stand nowhere in url or query"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(change: Any, said: str, tmp_path: Path) -> None:
    facts = yaml.safe_load(DECLARED % (V1, 1))
    facts["datasets"][0] |= change
    (tmp_path / "moves").mkdir()
    path = tmp_path / "moves" / "source.yaml"
    path.write_text(yaml.safe_dump(facts), encoding="utf-8")
    with pytest.raises(DeclarationError, match=said):
        read_source(path)


# -- the ledger, and reading again ------------------------------------------------------------------------------


@pytest.mark.database
def test_the_question_is_on_record_and_a_rebuild_reads_the_parts_without_asking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lake: Path, warehouse_url: str
) -> None:
    source, folder = declare(tmp_path)
    monkeypatch.setenv("MIGSTATS_SOURCES", str(tmp_path))
    server = Server(most=10)
    landed = land(monkeypatch, server, source, url=warehouse_url)
    monkeypatch.setenv("MIGSTATS_REPLAY", "http://127.0.0.1:9")  # nobody is there
    read = pipeline.read(landed, source, folder)
    pipeline.load([read], source, folder, run_id="run 1", url=warehouse_url)
    with warehouse.connect(warehouse_url) as connection:
        found = connection.execute("SELECT part, url, request FROM raw.snapshot ORDER BY part").fetchall()
        observation = connection.execute(
            "SELECT o.source || '-' || lpad(to_hex(o.series_id), 16, '0') || '-2022' AS id "
            "FROM core.observation AS o INNER JOIN ref.period AS t ON o.time_id = t.time_id "
            "WHERE t.time_period = '2022' AND o.value IS NOT NULL ORDER BY 1 LIMIT 1"
        ).fetchall()
    assert [(row["part"], row["url"]) for row in found] == [(n + 1, V1) for n in range(3)]
    sent = [json.loads(row["request"])["query"] for row in found]
    assert [{one["code"]: one["selection"]["values"] for one in query} for query in sent] == server.asked
    traced = lineage.trace(warehouse_url, observation[0]["id"])
    assert traced["agrees"]
    assert json.loads(traced["request"])["response"] == {"format": "json-stat2"}
    again = landing.landed_slices(source, url=warehouse_url)
    assert [one.pages for one in again] == [landed.pages]
    assert pipeline.read(again[0], source, folder, fresh=True).content_sha256 == read.content_sha256


@pytest.mark.database
def test_the_same_figures_in_other_parts_are_no_new_vintage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lake: Path, warehouse_url: str
) -> None:
    source, folder = declare(tmp_path)
    monkeypatch.setenv("MIGSTATS_SOURCES", str(tmp_path))
    counts = []
    for n, most in enumerate((1000, 6, 6)):
        landed = land(monkeypatch, Server(most=most), source, url=warehouse_url, run_id=f"run {n}")
        read = pipeline.read(landed, source, folder)
        counts.append(pipeline.load([read], source, folder, run_id=f"run {n}", url=warehouse_url))
    with warehouse.connect(warehouse_url) as connection:
        [found] = connection.execute("SELECT count(*) AS n FROM ops.vintage").fetchall()
    assert found["n"] == 1
    assert all(lakes.snapshot_path(page.sha256).is_file() for page in landed.pages)
