"""Dashboards as code: what charts name is there, what they ask runs as the BI role, and a gap stays one."""

from __future__ import annotations

import csv
import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import shown
import yaml
from samples import Filled
from typer.testing import CliRunner

from migstats import cli, dashboards, services, settings, superset
from migstats.dashboards import Chart, Query, identity, read_dashboards
from migstats.errors import DeclarationError
from migstats.roles import role_url

DECLARED = read_dashboards()
CHARTS = {chart.id: chart for chart in DECLARED.charts}
CONTRACT = Path(__file__).parent / "contracts" / "bi.csv"
#: No sample holds a move that both sides report.
EMPTY = {"corridors_mirrors"}
URI = "postgresql+psycopg2://bi_reader:not-so-secret@127.0.0.1:5433/warehouse"  # pragma: allowlist secret


# --- the declarations, without any database ------------------------------------------------------------------------


def promised() -> dict[str, set[str]]:
    """View of bi → its columns, as readers were promised."""
    found: dict[str, set[str]] = {}
    with CONTRACT.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["relation"], set()).add(row["column"])
    return found


def named_in(text: str) -> Iterator[tuple[str, str]]:
    """Each column of a view of bi that a query names by the alias of the view."""
    aliases = dict(re.findall(r"(?:FROM|JOIN) bi\.(\w+) AS (\w+)", text))
    assert aliases, "the query reads no view of bi"
    by_alias: dict[str, set[str]] = {}
    for view, alias in re.findall(r"(?:FROM|JOIN) bi\.(\w+) AS (\w+)", text):
        by_alias.setdefault(alias, set()).add(view)
    for alias, column in re.findall(r"\b(\w+)\.(\w+)\b", text):
        for view in by_alias.get(alias, ()):
            # an alias that also names a part of the query is held against PostgreSQL below
            if not re.search(rf"(?:FROM|JOIN) (?!bi\.)\w+ AS {alias}\b", text):
                yield view, column


@pytest.mark.parametrize("dataset", DECLARED.datasets)
def test_the_columns_of_bi_that_a_query_names_are_promised_to_readers(dataset: str) -> None:
    known = promised()
    text = dashboards.sql_of(dataset).read_text("utf-8")
    missing = sorted(f"bi.{view}.{column}" for view, column in named_in(text) if column not in known.get(view, ()))
    assert missing == []
    assert set(re.findall(r"\bbi\.(\w+)", text)) <= set(known)


def spoilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, right: str, wrong: str) -> None:
    """The declarations, copied, with one word of one file changed."""
    shutil.copytree(dashboards.folder(), tmp_path / "dashboards")
    (tmp_path / "sql").mkdir()
    shutil.copytree(settings.include() / "sql" / "dashboards", tmp_path / "sql" / "dashboards")
    changed = tmp_path / "dashboards" / file
    text = changed.read_text("utf-8")
    assert right in text
    changed.write_text(text.replace(right, wrong), "utf-8")
    monkeypatch.setattr(settings, "include", lambda: tmp_path)


@pytest.mark.parametrize(
    ("file", "right", "wrong", "said"),
    [
        (
            "quality.yaml",
            "still_stand",
            "still_stands",
            "quality_revisions: dataset revisions has no column 'still_stands'",
        ),
        (
            "remittances.yaml",
            "[US dollars]",
            "[Dollars]",
            "remittances_corridors: dataset remittance_corridors has no metric 'Dollars'",
        ),
        ("quality.yaml", "dataset: notices", "dataset: notes", "there is no dataset 'notes'; there are "),
        (
            "quality.yaml",
            "column: source}",
            "column: sources}",
            "filter 'Source': dataset sources has no column 'sources'",
        ),
        ("quality.yaml", "kind: table", "kind: stack", "kind"),
        ("quality.yaml", "width: 12", "width: 13", "width"),
        ("country_profile.yaml", "within: Countries", "within: Country group", "there is no filter 'Country group'"),
        ("country_profile.yaml", "default: Morocco, ", "", "has a `default`"),
        ("country_profile.yaml", "id: profile_ages", "id: profile_flows", "profile_flows: another chart has this id"),
        ("datasets.yaml", "  notices:\n", "  noticed:\n", "noticed: has no query"),
    ],
)
def test_what_a_chart_names_and_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, right: str, wrong: str, said: str
) -> None:
    spoilt(tmp_path, monkeypatch, file, right, wrong)
    with pytest.raises(DeclarationError) as error:
        read_dashboards()
    assert said in str(error.value)
    assert file in str(error.value)


def test_every_dataset_and_every_query_is_used() -> None:
    used = {c.dataset for c in DECLARED.charts} | {f.dataset for d in DECLARED.dashboards for f in d.filters}
    assert set(DECLARED.datasets) == used
    assert {file.stem for file in (settings.include() / "sql" / "dashboards").glob("*.sql")} == used


def test_the_file_of_a_dashboard_is_called_as_its_id() -> None:
    files = {file.stem for file in dashboards.folder().glob("*.yaml")}
    assert files == {dashboard.id for dashboard in DECLARED.dashboards} | {"datasets"}


# --- the bundle ------------------------------------------------------------------------------------------------------


def test_the_same_declarations_are_the_same_bundle() -> None:
    files = dashboards.bundle(DECLARED, URI)
    assert dashboards.zipped(files) == dashboards.zipped(dashboards.bundle(read_dashboards(), URI))
    with zipfile.ZipFile(io.BytesIO(dashboards.zipped(files))) as packed:
        assert sorted(packed.namelist()) == sorted(f"migstats/{path}" for path in files)


def test_identities_are_fixed() -> None:
    assert identity("dashboard", "country_profile") == "c5cbd5b6-50d8-52b9-9d9a-117cd81568eb"
    files = [yaml.safe_load(text) for text in dashboards.bundle(DECLARED, URI).values()]
    ids = [file["uuid"] for file in files if "uuid" in file]
    assert len(ids) == len(set(ids)) == len(files) - 1


def test_the_parts_of_the_bundle_lead_to_each_other_and_dashboards_are_published() -> None:
    files = {path: yaml.safe_load(text) for path, text in dashboards.bundle(DECLARED, URI).items()}
    ids = {kind: {f["uuid"] for path, f in files.items() if path.startswith(kind)} for kind in ("datasets", "charts")}
    for path, file in files.items():
        if path.startswith("datasets"):
            assert file["database_uuid"] == files["databases/migstats.yaml"]["uuid"]
        if path.startswith("charts"):
            assert file["dataset_uuid"] in ids["datasets"]
        if path.startswith("dashboards"):
            assert file["published"] is True
            places = {name: place for name, place in file["position"].items() if name != "DASHBOARD_VERSION_KEY"}
            assert {p["meta"]["uuid"] for p in places.values() if "uuid" in p.get("meta", {})} <= ids["charts"]
            assert all(child in places for p in places.values() if "children" in p for child in p["children"])
            filters = file["metadata"]["native_filter_configuration"]
            assert {t["datasetUuid"] for f in filters for t in f["targets"]} <= ids["datasets"]
            assert {parent for f in filters for parent in f["cascadeParentIds"]} <= {f["id"] for f in filters}


def test_only_the_database_holds_the_address_and_nobody_writes_through_it() -> None:
    files = dashboards.bundle(DECLARED, URI)
    assert [path for path, text in files.items() if "not-so-secret" in text] == ["databases/migstats.yaml"]
    database = yaml.safe_load(files["databases/migstats.yaml"])
    assert database["sqlalchemy_uri"] == URI
    assert not any(
        database[n] for n in ("allow_dml", "allow_ctas", "allow_cvas", "allow_csv_upload", "expose_in_sqllab")
    )


def test_a_gap_is_drawn_as_a_gap() -> None:
    files = {path: yaml.safe_load(text) for path, text in dashboards.bundle(DECLARED, URI).items()}
    params = {
        path.split("/")[1].removesuffix(".yaml"): f["params"] for path, f in files.items() if path.startswith("charts")
    }
    over_years = [id_ for id_, chart in CHARTS.items() if chart.x == "year_begins"]
    assert len(over_years) > 5
    for id_ in over_years:
        # zerofill would be nought, ffill the year before
        assert (params[id_]["resample_rule"], params[id_]["resample_method"]) == ("1AS", "asfreq")
    assert [id_ for id_, p in params.items() if p.get("stack")] == [], "a stack draws a gap as nought"
    expressions = [e for d in DECLARED.datasets.values() for e in d.metrics.values()]
    assert [e for e in expressions if not re.fullmatch(r"(max|sum)\(\w+\)", e)] == [], "NULL only where all is NULL"
    queries = [dashboards.sql_of(name).read_text("utf-8").lower() for name in DECLARED.datasets]
    assert [q for q in queries if re.search(r"coalesce\([^()]*\b(value|published_value|figure)\b", q)] == []


def test_the_largest_are_no_gaps() -> None:
    """PostgreSQL has NULL before the largest figure."""
    files = {path: yaml.safe_load(text) for path, text in dashboards.bundle(DECLARED, URI).items()}
    rankings = [chart for chart in CHARTS.values() if chart.kind in ("ranking", "flow", "map")]
    assert len(rankings) > 8
    for chart in rankings:
        filters = files[f"charts/{chart.id}.yaml"]["params"]["adhoc_filters"]
        measured = "migrants" if chart.dataset == "corridors" else "figure"
        assert (measured, "IS NOT NULL") in [(f["subject"], f["operator"]) for f in filters], chart.id
    for chart in CHARTS.values():
        column = chart.order[0].removeprefix("-") if chart.order else ""
        if chart.order and chart.order[0].startswith("-") and column.endswith("figure"):
            assert column in chart.present, chart.id


def test_the_command_writes_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", "postgresql://migstats_etl:x@db.example:5432/warehouse")
    monkeypatch.setenv("MIGSTATS_BI_READER_PASSWORD", "of the reader")
    target = tmp_path / "bundle.zip"
    done = CliRunner().invoke(cli.app, ["dashboards", "-o", str(target)])
    assert done.exit_code == 0, done.output
    assert target.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(target) as packed:
        database = yaml.safe_load(packed.read("migstats/databases/migstats.yaml"))
    at = "postgresql+psycopg2://bi_reader:of%20the%20reader@db.example:5432/warehouse"  # pragma: allowlist secret
    assert database["sqlalchemy_uri"] == at


# --- make superset ---------------------------------------------------------------------------------------------------


def test_without_a_demo_it_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("MIGSTATS_WAREHOUSE", raising=False)
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path))
    monkeypatch.setenv("MIGSTATS_SUPERSET", str(tmp_path / "superset"))
    assert [superset.main([command]) for command in ("check", "up")] == [1, 1]
    said = "Error: there is no warehouse to show: run `make demo` first, then `make superset`\n"
    assert capsys.readouterr().err == said * 2
    services.write_record(tmp_path, services.Record(services.Ports(8080, 5433, 8100)))
    assert superset.main(["check"]) == 1
    assert "was stopped: run `make demo`, then `make superset`" in capsys.readouterr().err
    assert superset.main(["down"]) == 0, "there is nothing to stop"
    assert not (tmp_path / "superset").exists()


def test_superset_is_locked_with_hashes_and_stays_out_of_our_environment() -> None:
    home = settings.home()
    locked = (home / "requirements-superset.txt").read_text("utf-8")
    pins = re.findall(r"^([a-z0-9-]+)==.*\\\n    --hash=sha256:", locked, re.M)
    assert len(pins) == len(re.findall(r"^\S+==", locked, re.M)) > 100
    for line in (home / "requirements-superset.in").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            assert re.split(r"==|\[", line)[0] in pins
    assert not re.search(r"^apache-superset\b", (home / "requirements.txt").read_text("utf-8"), re.M)


# --- what charts ask, as the BI role ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reader(warehouse_of_samples: Filled) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """bi_reader in a warehouse in which all samples are published."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIGSTATS_BI_READER_PASSWORD", "test-only")
        url = role_url(warehouse_of_samples.url, "bi_reader")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


@pytest.mark.database
@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_what_a_chart_asks_runs_as_the_bi_role(reader: psycopg.Connection[tuple[object, ...]], chart: Chart) -> None:
    query = DECLARED.query(chart)
    answer = reader.execute(dashboards.statement(query))
    assert [c.name for c in answer.description or ()] == [*query.columns, *query.metrics]
    seen = answer.fetchone() is not None
    assert seen is (chart.id not in EMPTY), "nobody has seen this chart with a figure in it: are its codes right?"


@pytest.mark.database
@pytest.mark.parametrize("name", DECLARED.datasets)
def test_the_columns_of_a_dataset_are_those_of_its_query(
    reader: psycopg.Connection[tuple[object, ...]], name: str
) -> None:
    text = dashboards.sql_of(name).read_text("utf-8").rstrip().rstrip(";")
    reader.execute("SET search_path = pg_temp")
    types = reader.execute(f"SELECT * FROM ({text}) AS d LIMIT 0")  # type: ignore[call-overload]
    found = {
        c.name: reader.execute("SELECT format_type(%s, NULL)", [c.type_code]).fetchone()[0] for c in types.description
    }
    assert found == dict(DECLARED.datasets[name].columns)


@pytest.mark.database
@pytest.mark.parametrize("chart", [c for c in CHARTS.values() if c.metrics], ids=lambda c: c.id)
def test_a_point_of_a_chart_is_one_published_figure(
    reader: psycopg.Connection[tuple[object, ...]], chart: Chart
) -> None:
    """Where the metric is `max`, there is one figure in each group once the filters of one value are set."""
    query = DECLARED.query(chart)
    if "max(figure)" not in query.metrics.values():
        return  # counts, which are added up
    [dashboard] = [d for d in DECLARED.dashboards if chart in list(d.charts)]
    dataset = DECLARED.datasets[chart.dataset]
    narrowed = {f.column for f in dashboard.filters if f.column in dataset.columns and not f.several}
    one = {c: v for c, v in chart.where.items() if not isinstance(v, tuple)}
    columns = tuple(dict.fromkeys((*query.columns, *sorted(narrowed))))
    counted = Query(query.dataset, columns, {"n": "count(figure)"}, chart.where | one, (), (), 10_000)
    several = [row for row in reader.execute(dashboards.statement(counted)).fetchall() if row[-1] > 1]  # type: ignore[operator]
    assert several[:5] == []


@pytest.mark.database
@pytest.mark.parametrize("chart", [c for c in CHARTS.values() if c.kind == "flow"], ids=lambda c: c.id)
def test_a_flow_has_no_circles(reader: psycopg.Connection[tuple[object, ...]], chart: Chart) -> None:
    """Superset draws none: where countries send to each other it shows an error instead."""
    rows = reader.execute(dashboards.statement(DECLARED.query(chart.model_copy(update={"limit": 10_000})))).fetchall()
    assert {row[0] for row in rows} & {row[1] for row in rows} == set()


@pytest.mark.database
def test_a_query_that_names_a_missing_column_is_found(reader: psycopg.Connection[tuple[object, ...]]) -> None:
    chart = next(iter(CHARTS.values())).model_copy(update={"x": "yeer"})
    with pytest.raises(psycopg.errors.UndefinedColumn, match="yeer"):
        reader.execute(dashboards.statement(DECLARED.query(chart)))


@pytest.mark.database
def test_nobody_is_drawn_twice_among_the_ages(reader: psycopg.Connection[tuple[object, ...]]) -> None:
    """Bars stand side by side: a standard band that we added up would show its people once more."""
    text = dashboards.sql_of("migrants_by_age").read_text("utf-8").rstrip().rstrip(";")
    found = reader.execute(
        f"SELECT country, age_from, string_agg(DISTINCT age, ' ') FROM ({text}) AS d "  # type: ignore[call-overload]
        "GROUP BY country, age_from HAVING count(DISTINCT age) > 1"
    ).fetchall()
    assert found == []


@pytest.mark.database
def test_an_age_of_three_digits_is_not_cut(warehouse_url: str) -> None:
    of = {"ref_area": "MAR", "counterpart_basis": "origin", "sex": "F", "value": 1}
    ages = {"2018": "Y0T4", "2019": "Y95T99", "2020": "Y_GE100"}
    shown.show(warehouse_url, [{**of, "age": age, "time_period": year} for year, age in ages.items()])
    with psycopg.connect(warehouse_url) as connection:
        text = dashboards.sql_of("migrants_by_age").read_text("utf-8").rstrip().rstrip(";")
        found = connection.execute(f"SELECT DISTINCT age FROM ({text}) AS d").fetchall()  # type: ignore[call-overload]
    assert sorted(age for (age,) in found) == ["00–04", "100+", "95–99"]
