"""The page of a country: every figure names its source, a gap is a gap, and the page needs nothing but itself."""

from __future__ import annotations

import datetime as dt
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
import shown
import toy
from samples import Filled
from typer.testing import CliRunner

from migstats import profile, publish, settings, tasks
from migstats.cli import app
from migstats.codelists import read_csv
from migstats.errors import PermanentError
from migstats.source import Source

NOW = dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
PART = "figures/part=a"


@pytest.mark.database
@pytest.mark.parametrize("area", ["MAR", "MDA", "ECU"])
def test_every_figure_of_the_page_names_its_source_and_its_id(warehouse_of_samples: Filled, area: str) -> None:
    found = profile.read(warehouse_of_samples.url, area)
    html = profile.page(found, now=NOW)
    named = set(re.findall(r'href="#source-([a-z0-9_]+)"', html))
    assert named == {row["source"] for row in found.sources}
    assert named == set(re.findall(r'<dt id="source-([a-z0-9_]+)"', html))
    rows = [row for part in found.parts for chart in part.charts for row in chart.rows] + list(found.headline)
    assert len(rows) > 40
    for row in rows:
        assert f"<code>{row['observation_id']}</code>" in html
    with psycopg.connect(warehouse_of_samples.url) as connection:
        there = connection.execute(
            "SELECT count(*) FROM bi.fact_observation WHERE observation_id = ANY(%s)",
            [sorted({row["observation_id"] for row in rows})],
        ).fetchone()
    assert there == (len({row["observation_id"] for row in rows}),)


@pytest.mark.database
def test_a_page_needs_no_network_and_no_script_and_its_pictures_are_whole(warehouse_of_samples: Filled) -> None:
    found = profile.read(warehouse_of_samples.url, "MAR")
    html = profile.page(found, now=NOW)
    assert not re.search(r"<script|<link|src=|url\(http|@import", html)
    pictures = re.findall(r"<svg .*?</svg>", html, flags=re.DOTALL)
    assert len(pictures) == sum(len(part.charts) for part in found.parts) > 4
    for picture in pictures:
        ET.fromstring(picture)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids)), "an id stands once in a page"
    assert html == profile.page(profile.read(warehouse_of_samples.url, "MAR"), now=NOW), (
        "the same figures, the same bytes"
    )


@pytest.mark.database
def test_a_page_has_the_names_of_its_country_and_only_breakdowns_that_its_indicators_need(
    warehouse_of_samples: Filled,
) -> None:
    found = profile.read(warehouse_of_samples.url, "MDA")
    html = profile.page(found, now=NOW)
    for language in ("fr", "es", "ar", "ru"):
        assert f'<bdi lang="{language}">{found.country[f"name_{language}"]}</bdi>' in html
    assert found.dimensions == tuple(sorted({name for there in found.availability.values() for name in there}))


@pytest.mark.database
def test_the_pages_of_the_programme_are_written_beside_the_data_docs(
    warehouse_of_samples: Filled, tmp_path: Path
) -> None:
    areas = profile.programme(warehouse_of_samples.url)
    assert len(areas) == 11
    pages = profile.write_profiles(warehouse_of_samples.url, areas, tmp_path, now=NOW)
    assert [page.name for page in pages] == [f"{area}.html" for area in areas]
    index = (tmp_path / "profiles" / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'href="([A-Z]{3}\.html)"', index) == [page.name for page in pages]


@pytest.mark.database
def test_the_page_of_a_further_country_stays_in_the_list_and_is_never_older_than_the_others(
    warehouse_url: str, source: Source, tmp_path: Path
) -> None:
    """One that was asked for by hand would go on to show figures that are withdrawn by now."""
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, PART, [{"OBS_VALUE": "4711"}]))
    publish.publish(warehouse_url, run_id="test")
    folder = tmp_path / "profiles"
    profile.write_profiles(warehouse_url, ["MAR"], tmp_path, now=NOW)
    (folder / "notes.html").write_text("of somebody else", encoding="utf-8")
    assert "4,711" in (folder / "MAR.html").read_text("utf-8")
    with psycopg.connect(warehouse_url) as connection:
        connection.execute("UPDATE ref.source SET redistribution = 'forbidden' WHERE code = %s", [source.id])
    publish.publish(warehouse_url, run_id="test")
    pages = profile.write_profiles(warehouse_url, ["MDA"], tmp_path, now=NOW)
    assert [page.name for page in pages] == ["MAR.html", "MDA.html"]
    assert "4,711" not in (folder / "MAR.html").read_text("utf-8")
    index = (folder / "index.html").read_text("utf-8")
    assert re.findall(r'href="([A-Z]{3}\.html)"', index) == ["MAR.html", "MDA.html"]
    assert (folder / "notes.html").read_text("utf-8") == "of somebody else"


@pytest.mark.database
def test_pages_go_by_what_is_published_whatever_became_of_the_task_before(
    warehouse_url: str, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`publish` fails where one source is held back, and has published the others; tried again it finds nothing new."""
    from airflow.sdk.exceptions import AirflowSkipException

    monkeypatch.setenv("MIGSTATS_DATA_DOCS", str(tmp_path / "docs"))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_url)
    run = SimpleNamespace(run_type="manual", run_after=NOW, logical_date=NOW)
    context = {"dag": SimpleNamespace(dag_id="publish"), "dag_run": run, "run_id": "test", "params": {}}
    with pytest.raises(AirflowSkipException):
        tasks.profiles(context)
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, PART, [{"OBS_VALUE": "4711"}]))
    publish.publish(warehouse_url, run_id="test")
    publish.publish(warehouse_url, run_id="again")
    assert len(tasks.profiles(context)) == 11
    assert "4,711" in (tmp_path / "docs" / "profiles" / "MAR.html").read_text("utf-8")
    with pytest.raises(AirflowSkipException):
        tasks.profiles(context)


@pytest.mark.database
def test_a_country_of_which_nothing_is_published_says_so(warehouse_url: str) -> None:
    html = profile.page(profile.read(warehouse_url, "MAR"), now=NOW)
    assert "Nothing is published of this country." in html
    assert html.count("<svg") == 0


@pytest.mark.database
def test_a_part_of_the_country_stands_once_whatever_it_is_broken_down_by(warehouse_url: str) -> None:
    """Of the latest year, not of its quarters; provinces, and not their districts; not by reason."""

    def row(value: float, **said: str) -> dict[str, object]:
        of = {"subdivision": "MA-01", **said}
        flow = {"source": "ark", "indicator": "RETURNEES", "ref_area": "MAR", "reference_point": "period"}
        return {**flow, **of, "subdivision_matched": of["subdivision"], "match_level": 1, "value": value}

    rows = [
        row(9, time_period="2019"),
        row(7),
        row(3, time_period="2020-Q4", freq="Q"),
        row(4, reason="FAMILY"),
        row(5, migration_status="MIGRANT"),
        row(2, subdivision="MA-CHE"),
    ]
    shown.show(warehouse_url, rows)
    found = profile.read(warehouse_url, "MAR")
    bars = [row for part in found.parts for chart in part.charts for row in chart.rows if row.get("subdivision")]
    assert [(row["subdivision"], row["time_period"], row["value"]) for row in bars] == [("MA-01", "2020", 7)]
    assert "No total of the whole country is published." in profile.page(found, now=NOW)


@pytest.mark.database
def test_an_area_that_is_no_country_is_refused_with_what_to_do(
    warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PermanentError, match=r"'001' is no country .* three letters as MAR"):
        profile.read(warehouse_url, "001")
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", warehouse_url)
    monkeypatch.setattr("migstats.cli.role_url", lambda url, _: url)
    told = CliRunner().invoke(app, ["profile", "XYZ"])
    assert told.exit_code == 1
    assert "'XYZ' is no country" in told.output


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    return toy.declare(tmp_path, monkeypatch, "toy")[0]


@pytest.mark.database
def test_a_year_without_a_figure_is_a_gap_in_the_line_and_not_nought(warehouse_url: str, source: Source) -> None:
    rows = [
        {"TIME_PERIOD": "2018", "OBS_VALUE": "5"},
        {"TIME_PERIOD": "2019", "OBS_VALUE": "", "OBS_STATUS": "O"},
        {"TIME_PERIOD": "2020", "OBS_VALUE": "0"},
    ]
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, PART, rows))
    publish.publish(warehouse_url, run_id="test")
    html = profile.page(profile.read(warehouse_url, "MAR"), now=NOW)
    [table] = re.findall(r"The 3 figures.*?</table>", html, flags=re.DOTALL)
    assert re.findall(r'class="number">([^<]+)</td>', table) == ["5", "no figure", "0"]
    # neither side of the gap is joined to the other: the path of the line moves to its second point, and draws nothing
    [line] = re.findall(r'<path d="([^"]+)" clip-path="[^"]+" style="fill: none; stroke: #1b5e9b', html)
    assert re.findall(r"[ML]", line) == ["M", "M"], line


@pytest.mark.database
def test_a_year_of_a_partner_goes_before_its_quarters_and_nobody_claims_that_this_is_all(
    warehouse_url: str, source: Source
) -> None:
    of = {"BASIS": "birth"}
    rows = [
        {**of, "COUNTERPART": "FRA", "OBS_VALUE": "10"},
        {**of, "COUNTERPART": "FRA", "OBS_VALUE": "7", "TIME_PERIOD": "2020-Q4"},
        {**of, "COUNTERPART": "ITA", "OBS_VALUE": "", "OBS_STATUS": "Q"},
        {**of, "COUNTERPART": "_U", "OBS_VALUE": "400"},
    ]
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, PART, rows))
    publish.publish(warehouse_url, run_id="test")
    [chart] = [c for part in profile.read(warehouse_url, "MAR").parts for c in part.charts]
    assert [(row["partner"], row["time_period"], row["value"]) for row in chart.rows] == [("FRA", "2020", 10)]
    assert chart.said == "Those that have a figure of 2020, Persons. France: 10."


#: A country whose indicators need every breakdown that the catalogue knows, and have none.
CATALOGUE = read_csv(settings.include() / "codelists" / "indicator_catalogue.csv")
DIMENSIONS = tuple(sorted({d for row in CATALOGUE for d in row["required_breakdowns"].split("|")} - {"none"}))
WIDE = profile.Profile(
    country={"area": "DEU", "m49": "276", "name_en": "Germany", "is_programme_country": False}
    | {f"name_{language}": "Germany" for language in ("fr", "es", "ar", "ru")},
    headline=(),
    parts=(),
    availability={"EMPLOYMENT_GAP": dict.fromkeys(DIMENSIONS, ("not_broken_down", 2024))},
    without=(),
    dimensions=DIMENSIONS,
    comparability=(),
    bases=(),
    notices=(),
    sources=(),
    names={"EMPLOYMENT_GAP": "Employment gap between migrants and non-migrants"},
)


@pytest.mark.browser
def test_no_column_of_a_printed_page_is_cut(chromium: str, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    (tmp_path / "DEU.html").write_text(profile.page(WIDE, now=NOW), encoding="utf-8")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 680, "height": 900})  # A4 less the margins of a browser
        page.emulate_media(media="print")
        page.goto((tmp_path / "DEU.html").as_uri())
        widths = page.evaluate("[...document.querySelectorAll('table, html')].map(part => part.scrollWidth)")
        browser.close()
    assert len(DIMENSIONS) > 7
    assert max(widths) <= 680, widths


#: Names as countries send them → the lines beside the bar.
NAMES = {
    "Chui oblast": ["Chui oblast"],
    "from 10$ to 20$ a day": ["from 10$ to 20$ a day"],
    "$\\frac{$": ["$\\frac{$"],
    "United Kingdom of Great Britain and Northern Ireland": [
        "United Kingdom of Great Britain and",
        "Northern Ireland",
    ],
    "Amt " * 60: ["Amt Amt Amt Amt Amt Amt Amt Amt Amt", "Amt Amt Amt Amt Amt Amt Amt Amt Amt…"],
    "x" * 300: ["x" * 36, "x" * 36 + "…"],
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items(), ids=lambda given: given[:12])
@pytest.mark.filterwarnings("error")
def test_no_name_breaks_a_chart_or_leaves_it_no_room(name: str, expected: list[str]) -> None:
    row = {"value": 1.0, "name": name, "time_period": "2020", "unit_name": "Persons"}
    chart = profile.bars("Bars", [row], "name")
    assert chart is not None
    told = [(part.text or "").strip() for part in ET.fromstring(chart.svg).iter()]
    assert [line for line in told if line in expected] == expected


def band(low: int, high: int | None, value: float | None = 1) -> dict[str, float | None]:
    return {"min_age": low, "max_age": high, "value": value}


Band = tuple[int, int | None] | tuple[int, int | None, None]
BANDS: dict[str, tuple[list[Band], list[Band]]] = {
    "bands side by side stay": ([(0, 4), (5, 9), (10, None)], [(0, 4), (5, 9), (10, None)]),
    "a band that holds narrower ones goes": ([(0, 14), (0, 4), (5, 14), (15, None)], [(0, 4), (5, 14), (15, None)]),
    "an open band that holds a narrower open one goes": ([(15, None), (15, 64), (65, None)], [(15, 64), (65, None)]),
    "a band stays where narrower ones leave a part of it out": (
        [(0, 14), (15, 64), (15, 24), (65, None)],
        [(0, 14), (15, 64), (65, None)],
    ),
    "of bands that overlap one stays": ([(0, 14), (10, 19), (15, None)], [(0, 14), (15, None)]),
    "a band stays where a narrower one has no figure": (
        [(0, 9), (0, 4, None), (5, 9), (10, None)],
        [(0, 9), (10, None)],
    ),
    "what has no figure stays where nothing else has one": ([(0, 4), (5, None, None)], [(0, 4), (5, None, None)]),
}


@pytest.mark.parametrize(("given", "left"), BANDS.values(), ids=BANDS)
def test_the_pyramid_counts_nobody_twice_and_leaves_nobody_out(given: list[Band], left: list[Band]) -> None:
    assert profile.finest([band(*b) for b in given]) == [band(*b) for b in left]


RATE = {"INDICATOR": "EMPLOYMENT_RATE", "UNIT": "PT", "OBS_VALUE": "60", "AGE": "Y15T64"}
FORCE = {"INDICATOR": "LABOUR_FORCE"}
#: Figures of one country → its latest figures: indicator, age, value.
HEADLINES = {
    "the only band of a rate stands for it": ([RATE], [("EMPLOYMENT_RATE", "15–64 years", 60)]),
    "of two bands the one that holds the other does": (
        [RATE, {**RATE, "AGE": "Y15T24", "OBS_VALUE": "30"}, {**RATE, "AGE": "Y25T64", "OBS_VALUE": "70"}],
        [("EMPLOYMENT_RATE", "15–64 years", 60)],
    ),
    "of two bands side by side none does": ([{**RATE, "AGE": "Y15T24"}, {**RATE, "AGE": "Y25T64"}], []),
    "of bands that overlap none does": ([RATE, {**RATE, "AGE": "Y_GE25"}], []),
    "persons of an age and over, whom the source divides": (
        [
            {**FORCE, "AGE": "Y_GE15", "OBS_VALUE": "9"},
            {**FORCE, "AGE": "Y15T64", "OBS_VALUE": "8"},
            {**FORCE, "AGE": "Y_GE65", "OBS_VALUE": "1"},
        ],
        [("LABOUR_FORCE", "15 years and over", 9)],
    ),
    "and not those of an age alone": ([{**FORCE, "AGE": "Y_GE15", "OBS_VALUE": "9"}], []),
    "nor children whom the source divides": (
        [{"AGE": "Y0T17", "OBS_VALUE": "4"}, {"AGE": "Y0T4", "OBS_VALUE": "1"}],
        [],
    ),
    "nor a band beside all ages": ([RATE, {**RATE, "AGE": "_T", "OBS_VALUE": "41"}], [("EMPLOYMENT_RATE", None, 41)]),
    "children alone are no country": ([{"AGE": "Y0T17", "OBS_VALUE": "4"}], []),
    "nor are women": ([{**RATE, "SEX": "F"}], []),
    "to whom no age applies stands too": ([{**RATE, "AGE": "_Z"}], [("EMPLOYMENT_RATE", None, 60)]),
    "a forecast is not the latest figure": (
        [RATE, {**RATE, "TIME_PERIOD": "2024", "OBS_VALUE": "65", "OBS_STATUS": "F"}],
        [("EMPLOYMENT_RATE", "15–64 years", 60)],
    ),
    "and stands where there is nothing else": (
        [{**RATE, "OBS_STATUS": "F"}],
        [("EMPLOYMENT_RATE", "15–64 years", 60)],
    ),
    "an unknown age is no band": ([{**RATE, "AGE": "_U"}], []),
}


@pytest.mark.database
@pytest.mark.parametrize(("rows", "expected"), HEADLINES.values(), ids=HEADLINES)
def test_a_band_of_age_that_holds_all_others_is_a_latest_figure_with_its_age(
    warehouse_url: str, source: Source, rows: list[dict[str, str]], expected: list[tuple[str, str | None, float]]
) -> None:
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, PART, rows))
    publish.publish(warehouse_url, run_id="test")
    found = profile.read(warehouse_url, "MAR")
    assert [(row["indicator"], row["age_name"], row["value"]) for row in found.headline] == expected
    for indicator, age, _ in expected:
        assert age is None or f"{found.names[indicator]}, {age}" in profile.page(found, now=NOW)


def of_ages(sex: str, *values: str, **more: str) -> list[dict[str, str]]:
    """Figures of the bands 0–14, 15–64, 65 and over; a word is a status."""
    return [
        {"SEX": sex, "AGE": age, "OBS_VALUE": value, **more}
        if value.isdigit()
        else {"SEX": sex, "AGE": age, "OBS_VALUE": "", "OBS_STATUS": value, **more}
        for age, value in zip(("Y0T14", "Y15T64", "Y_GE65"), values, strict=True)
    ]


def in_quarters(sex: str) -> list[dict[str, str]]:
    return [row for n in "1234" for row in of_ages(sex, "1", "2", "3", TIME_PERIOD=f"2020-Q{n}")]


PYRAMIDS = {
    "all there": ([*of_ages("M", "1", "2", "3"), *of_ages("F", "4", "5", "6")], "3 age bands: 6 men, 15 women."),
    "one suppressed": (
        [*of_ages("M", "1", "2", "3"), *of_ages("F", "4", "5", "Q")],
        "3 age bands: 6 men, women without a sum (1 band has no figure).",
    ),
    "quarters are no parts": ([*in_quarters("M"), *in_quarters("F")], "2020-Q4, Persons, 3 age bands: 6 men, 6 women."),
    "a year before its quarters": (
        [*in_quarters("M"), *in_quarters("F"), *of_ages("M", "4", "4", "4"), *of_ages("F", "1", "1", "1")],
        "2020, Persons, 3 age bands: 12 men, 3 women.",
    ),
    "women alone": (
        [*of_ages("F", "4", "5", "6"), *({"SEX": "F", "AGE": age} for age in ("Y15T24", "Y25T54", "Y55T64"))],
        None,
    ),
}


@pytest.mark.database
@pytest.mark.parametrize(("rows", "said"), PYRAMIDS.values(), ids=PYRAMIDS)
def test_the_sum_of_a_pyramid_is_never_quietly_smaller_or_larger(
    warehouse_url: str, source: Source, rows: list[dict[str, str]], said: str | None
) -> None:
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, PART, rows))
    publish.publish(warehouse_url, run_id="test")
    charts = [chart for part in profile.read(warehouse_url, "MAR").parts for chart in part.charts]
    found = [chart.said for chart in charts if "by age and sex" in chart.title]
    assert len(found) == (said is not None)
    assert all(told.endswith(said or "") for told in found), found
