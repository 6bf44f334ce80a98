"""Publishers without a known interface: their facts are checked, listed plainly, and nothing asks them."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from migstats import awaited, catalogue, checks, cli, pipeline, settings
from migstats.codelists import read_codelist
from migstats.errors import DeclarationError
from migstats.source import read_sources

SCHEMA = settings.home() / "docs" / "awaited.schema.json"
ENTRY = {
    "id": "abc_office",
    "country": "MAR",
    "publisher": "Office",
    "homepage": "https://office.example.org/",
    "title": "Arrivals",
    "publishes": "Arrivals by year.",
    "indicators": ["IMMIGRATION"],
    "why": "Documents only.",
    "delivery": "upload form",
    "owner": "me",
    "licence": "unclear",
}


def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *entries: dict[str, object]) -> None:
    file = tmp_path / "awaited.yaml"
    file.write_text(yaml.safe_dump({"awaited": list(entries)}), encoding="utf-8")
    monkeypatch.setattr(awaited, "path", lambda: file)


def programme() -> set[str]:
    return set(read_codelist(pipeline.concepts(), "area").column("programme"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"country": "Morocco"}, "awaited.0.country: String should match"),
        ({"homepage": "https://office.example.org/api/v1/arrivals"}, "awaited.0.homepage: String should match"),
        ({"url": "https://office.example.org/"}, "awaited.0.url: Extra inputs are not permitted"),
        ({"delivery": "pull"}, "awaited.0.delivery: Input should be 'upload form'"),
        ({"indicators": []}, "awaited.0.indicators: "),
        ({"why": " "}, "awaited.0.why: "),
        ({"country": None}, "either `country`, of a publisher of one country, or `areas`, of one of many"),
        ({"areas": "Corridors"}, "either `country`, of a publisher of one country, or `areas`, of one of many"),
    ],
)
def test_a_wrong_fact_is_named_with_its_field(tmp_path, monkeypatch, changed, said) -> None:
    declare(tmp_path, monkeypatch, ENTRY | changed)
    with pytest.raises(DeclarationError) as raised:
        awaited.read_awaited()
    assert said in str(raised.value)
    assert "docs/awaited.schema.json says what it may hold" in str(raised.value)


def test_an_id_stands_once(tmp_path, monkeypatch) -> None:
    declare(tmp_path, monkeypatch, ENTRY, ENTRY)
    with pytest.raises(DeclarationError, match="abc_office: stands twice"):
        awaited.read_awaited()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": "unhcr_population"}, "unhcr_population: a source of this id is declared"),
        ({"country": "MOR"}, "abc_office: country 'MOR' is no code of codelist area"),
        ({"indicators": ["IMMIGRATION", "ARRIVALS"]}, "abc_office: 'ARRIVALS' is no code of codelist indicator"),
        ({"delivery": "pull"}, "awaited.0.delivery"),
    ],
)
def test_check_tells_what_contradicts_sources_and_codelists(tmp_path, monkeypatch, changed, said) -> None:
    declare(tmp_path, monkeypatch, ENTRY | changed)
    found, _ = checks.findings(today=dt.date(2026, 11, 26))
    assert len(found) == 1, found
    assert said in found[0]


def test_a_publisher_of_many_countries_is_listed_and_is_no_country_of_the_programme(tmp_path, monkeypatch) -> None:
    declare(tmp_path, monkeypatch, ENTRY | {"country": None, "areas": "300 corridors"})
    assert checks.findings(today=dt.date(2026, 11, 26))[0] == []
    page = catalogue.page(read_sources(), pipeline.concepts())
    table = page.split("## Awaited: no interface is known")[1].split("\n## ")[0]
    assert "| abc_office | 300 corridors | Office (<https://office.example.org/>) |" in table
    assert "abc_office" not in page.split("## Countries of the programme")[1].split("\n## ")[0]
    shown = CliRunner().invoke(cli.app, ["sources", "--awaited"])
    assert "300 corridors" in shown.stdout
    assert "None" not in shown.stdout


def test_remittance_prices_are_awaited_and_what_passes_them_on_is_declared() -> None:
    entry = next(a for a in awaited.read_awaited() if a.id == "wb_remittance_prices")
    sources = read_sources()
    assert {source for source in sources if source in entry.why} == {"worldbank_migration", "unsd_sdg"}
    declared = {fact for e in catalogue.entries(sources.values(), pipeline.concepts()) for fact in e.indicators}
    assert set(entry.indicators) <= declared


def test_the_schema_in_the_docs_is_that_of_the_model_and_the_facts_keep_it() -> None:
    schema = checks.awaited_schema()
    assert SCHEMA.read_text(encoding="utf-8") == schema, "run: migstats schema --awaited -o docs/awaited.schema.json"
    facts = yaml.safe_load(awaited.path().read_text(encoding="utf-8"))
    jsonschema.validate(facts, json.loads(schema), jsonschema.Draft202012Validator)


def test_the_list_says_plainly_that_no_interface_is_known() -> None:
    shown = CliRunner().invoke(cli.app, ["sources"])
    assert shown.exit_code == 0, shown.output
    below = shown.stdout.split("Awaited: no interface is known; delivered by upload form")[1]
    assert all(entry.id in below for entry in awaited.read_awaited())
    alone = CliRunner().invoke(cli.app, ["sources", "--awaited", "--json"])
    assert [entry["id"] for entry in json.loads(alone.stdout)] == [entry.id for entry in awaited.read_awaited()]


def test_each_country_of_the_programme_has_a_declared_source_or_an_awaited_one() -> None:
    declared = {area for source in read_sources().values() for area in catalogue.areas_of(source)}
    assert programme() <= declared | {entry.country for entry in awaited.read_awaited()}


def test_the_page_has_a_row_for_each_country_of_the_programme() -> None:
    page = catalogue.page(read_sources(), pipeline.concepts())
    table = page.split("## Countries of the programme")[1].split("\n## ")[0]
    assert {code for code in programme() if f" ({code}) |" in table} == programme()
    assert "| Nepal (NPL) | [npl_census](#npl_census) | ABSENT_ABROAD | 2021 | 2021 |" in table
    assert "npl_dofe (LABOUR_DEPARTURES)" in table
