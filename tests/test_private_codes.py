"""A folder of private sources brings codes of its own: checked, read, loaded, published and rebuilt like ours."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import toy
from test_cli import run

from migstats import checks, lake, pipeline, publish, warehouse
from migstats.codelists import read_codelist
from migstats.errors import DeclarationError
from migstats.source import codelist_folders, folder_of, read_source

LISTS = {
    "indicator": "code,name_en,name_fr,name_es,name_ar,name_ru,definition,unit,stock_or_flow,min_value,max_value,"
    "sdg_series,sdg_indicator,owner,topic,note\n"
    "VISAS,Visas,,,,,Persons who hold a visa of the islands.,PS,stock,0,1000,none,none,tests,migrant_stock,\n",
    "breakdown": "code,name_en,name_fr,name_es,name_ar,name_ru\nVISA:A,Visa of class A,,,,\n",
    "subdivision": "code,area,parent,level,pcode,name_en,name_fr,name_es,name_ar,name_ru,valid_from,valid_to,note\n"
    "MAR-PORT,MAR,MA-TNG,3,,Port of the islands,,,,,,,\n",
}
ROW = {"INDICATOR": "VISAS", "OBS_VALUE": "7"}
PRIVATE = {"indicator": "VISAS", "breakdown": "VISA:A", "subdivision": "MAR-PORT"}


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The codelists of a folder of private sources, whose one source measures what only they know."""
    toy.declare(tmp_path, monkeypatch, "toy")
    declaration = tmp_path / "sources" / "toy" / "source.yaml"
    own = '\n      breakdown: "VISA:A"\n      subdivision: MAR-PORT\n      note:'
    text = declaration.read_text().replace("\n      breakdown: {column: BREAKDOWN, scheme: code}", "")
    text = text.replace("\n    concepts:", "\n    only: {BREAKDOWN: [_T]}\n    concepts:")
    declaration.write_text(text.replace("\n      note:", own))
    folder = tmp_path / "sources" / "codelists"
    folder.mkdir()
    for name, text in LISTS.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def found() -> list[str]:
    return checks.findings(today=toy.DAY.date())[0]


def test_codes_are_added_to_ours_and_known_to_the_checks(lists: Path) -> None:
    assert found() == []
    known = read_codelist(codelist_folders(), "indicator")
    assert {"VISAS", "MIG_STOCK"} <= set(known.rows)
    shutil.rmtree(lists)
    [first, second] = found()
    assert "breakdown: 'VISA:A' is no code of codelist breakdown" in first + second
    assert "subdivision: 'MAR-PORT' is no code of codelist subdivision" in first + second


@pytest.mark.parametrize("way", ["option", "environment", "folder"])
def test_a_local_file_is_read_with_them(tmp_path: Path, lists: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    (tmp_path / "a.csv").write_bytes(toy.payload([ROW]))
    if way != "environment":
        monkeypatch.delenv("MIGSTATS_SOURCES")
    name = str(lists.parent / "toy") if way == "folder" else "toy"
    option = ["--sources", str(lists.parent)] if way == "option" else []
    code, said, err = run("read", name, tmp_path / "a.csv", "-o", tmp_path / "o.csv", "--json", *option)
    assert code == 0, err
    assert json.loads(said)[0]["observations"] == 1


OURS = "code,name_en,name_fr,name_es,name_ar,name_ru\n_T,Total,Total,Total,المجموع,Всего\n"
BAD = {
    "a code of ours with another content": ("breakdown", OURS.replace("Всего", "Итого"), "'_T' means something else"),
    "other columns": ("breakdown", "code,name_en\nVISA:A,Visa\n", "line 1: the columns are code, name_en; expected"),
    "a list that is not ours": ("visa", "code,name_en\nA,Visa\n", "there is no codelist 'visa'"),
    "a unit in one of another country": (
        "subdivision",
        LISTS["subdivision"].replace("MAR,MA-TNG", "MAR,NP-P1"),
        "subdivision: MAR-PORT: a code has no +, and its parent is a unit of the same area one level above",
    ),
    "no name": ("breakdown", LISTS["breakdown"].replace("Visa of class A", ""), "'VISA:A': name_en is empty"),
    "an unknown unit": ("indicator", LISTS["indicator"].replace("PS", "PERSONS"), "unit 'PERSONS' is no code"),
    "neither stock nor flow": ("indicator", LISTS["indicator"].replace("stock,0", "level,0"), "'level' is neither"),
    "bounds the wrong way round": ("indicator", LISTS["indicator"].replace(",0,", ",2000,"), "2000 is above max_value"),
    "a bound that is no number": ("indicator", LISTS["indicator"].replace(",0,", ",low,"), "min_value or max_value"),
}


@pytest.mark.parametrize(("name", "text", "said"), BAD.values(), ids=BAD)
def test_bad_codes_are_found_with_their_file(lists: Path, name: str, text: str, said: str) -> None:
    (lists / f"{name}.csv").write_text(text, encoding="utf-8")
    [one] = found()
    assert one.startswith(f"{lists / name}.csv: ")
    assert said in one


def test_a_code_that_two_folders_bring_alike_is_one_code(tmp_path: Path, lists: Path) -> None:
    alike, other = tmp_path / "alike", tmp_path / "other"
    shutil.copytree(lists, alike)
    assert "VISAS" in read_codelist((*codelist_folders(), alike), "indicator")
    other.mkdir()
    (other / "indicator.csv").write_text(LISTS["indicator"].replace("a visa", "visas"), encoding="utf-8")
    with pytest.raises(DeclarationError, match=rf"{other}/indicator\.csv: the code 'VISAS' means something else"):
        read_codelist((*codelist_folders(), other), "indicator")


@pytest.mark.database
def test_figures_with_them_are_loaded_published_and_rebuilt_with_those_of_their_time(
    warehouse_url: str, lists: Path
) -> None:
    source = read_source(lists.parent / "toy" / "source.yaml")
    warehouse.setup(warehouse_url, [source])
    read = toy.read(warehouse_url, source, "figures/part=a", [ROW])
    toy.load(warehouse_url, source, read)
    publish.publish(warehouse_url, run_id="test")
    with warehouse.connect(warehouse_url) as connection:
        [fact] = connection.execute("SELECT * FROM bi.fact_observation").fetchall()
        [topic] = connection.execute("SELECT * FROM bi.migrant_stock").fetchall()
    assert {name: fact[name] for name in PRIVATE} == PRIVATE
    assert (fact["published_value"], topic["indicator_name"]) == (7, "Visas")

    kept = lake.facts_path(read.made_with) / "codelists"
    assert {p.name for p in (kept / "further").rglob("*.csv")} == {f"{name}.csv" for name in LISTS}
    assert read.made_with == pipeline.facts_of_today(source, folder_of("toy"))
    before = toy.fingerprint(warehouse_url)
    shutil.rmtree(lists)
    assert pipeline.facts_of_today(source, folder_of("toy")) != read.made_with
    rebuilt = pipeline.rebuild(url=warehouse_url, admin=warehouse_url)
    assert (rebuilt.loads, rebuilt.figures) == (1, 1)
    assert toy.fingerprint(warehouse_url) == before
