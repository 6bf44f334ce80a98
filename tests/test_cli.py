"""The command line: the same functions as the tasks; errors in one line with the remedy."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
import toy
from typer.testing import CliRunner

from migstats import pipeline, services, warehouse
from migstats.checks import source_schema
from migstats.cli import app
from migstats.errors import PermanentError
from migstats.observation import COLUMNS
from migstats.postgres import Server
from migstats.settings import home, include
from migstats.source import folder_of, read_source

SAMPLE = home() / "include/samples/worldbank_wdi/SM.POP.NETM.json"


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_sources_is_a_list_for_programs() -> None:
    code, out, _ = run("sources", "--json")
    assert code == 0
    assert {s["id"] for s in json.loads(out)} >= {"undesa_stock", "unhcr_population", "worldbank_wdi", "eurostat_migr"}


def test_check_passes_on_the_project() -> None:
    assert run("check")[0] == 0


def test_check_names_file_field_and_remedy(tmp_path: Path) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "source.yaml").write_text("id: bad\nlicense: x\n")
    code, _, err = run("check", "--sources", str(tmp_path))
    assert code == 1
    for part in (str(folder / "source.yaml"), "license", "publisher", "docs/source.schema.json"):
        assert part in err
    assert "Traceback" not in err


GOLDEN = {
    "file": "a.csv",
    "place": "line 2",
    "raw": "1",
    "dataset": "figures",
    "release": "",
    "indicator": "MIG_STOCK",
    "ref_area": "MAR",
    "sex": "_T",
    "reason": "_T",
    "time_period": "2020",
    "value": "1",
    "obs_status": "A",
    "concept_basis": "",
    "owner": "tests",
    "why": "an example of a figure",
}


def write_golden(folder: Path, *rows: Mapping[str, str]) -> None:
    with (folder / "golden.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_check_reads_the_gate_and_the_golden_figures_of_further_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.declare(tmp_path, monkeypatch, "toy")
    monkeypatch.delenv("MIGSTATS_SOURCES")
    folder = tmp_path / "sources" / "toy"
    (folder / "gate.yaml").write_text(
        "rounding: {limit: 5, owner: tests, reason: rounded to fives}\n", encoding="utf-8"
    )
    write_golden(folder, GOLDEN)
    assert run("check", "--sources", str(tmp_path / "sources"))[0] == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": "1,000"}, "line 3: value '1,000' is no figure; write digits"),
        ({"value": "nan"}, "line 3: value 'nan' is no figure"),
        ({"owner": ""}, "line 3: owner is empty; say it"),
        ({"why": "short"}, "line 3: why 'short' is too short; say"),
        ({"reason": "family"}, "line 3: reason: 'family' is no code of codelist reason; mend the code"),
        ({"place": ""}, "line 3: place is empty"),
        ({"ref_area": "Morocco"}, "line 3: ref_area: 'Morocco' is no code of codelist area; mend the code"),
        ({"sex": "men"}, "line 3: sex: 'men' is no code of codelist sex; mend the code"),
        ({"indicator": "MIGSTOCK"}, "line 3: indicator: 'MIGSTOCK' is no code of codelist indicator; mend the code"),
        ({"obs_status": "?"}, "line 3: obs_status: '?' is no code of codelist obs_status; mend the code"),
        ({"time_period": "20"}, "line 3: time_period: '20' is not an SDMX period"),
        ({"dataset": "other"}, "line 3: dataset: 'other' is not declared in source.yaml; mend the name"),
        ({"release": "2024"}, "line 3: release: '2024' is not declared in source.yaml"),
    ],
)
def test_check_names_line_and_remedy_of_a_wrong_golden_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Mapping[str, str], says: str
) -> None:
    toy.declare(tmp_path, monkeypatch, "toy")
    path = tmp_path / "sources" / "toy" / "golden.csv"
    write_golden(path.parent, GOLDEN, {**GOLDEN, **change})
    code, _, err = run("check")
    assert code == 1
    assert f"{path}: {says}" in err


@pytest.mark.parametrize(
    ("column", "says"),
    [("owner", "line 1: the columns owner are missing; add them"), ("sec", "line 1: the columns sec")],
)
def test_check_names_the_columns_of_golden_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, says: str
) -> None:
    toy.declare(tmp_path, monkeypatch, "toy")
    path = tmp_path / "sources" / "toy" / "golden.csv"
    row = (
        {name: cell for name, cell in GOLDEN.items() if name != column} if column in GOLDEN else {**GOLDEN, "sec": "M"}
    )
    write_golden(path.parent, row)
    code, _, err = run("check")
    assert code == 1
    assert f"{path}: {says}" in err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jumpfactor: {limit: 3, owner: tests, reason: a long reason}", "line 2: jumpfactor: Extra inputs"),
        ("rounding: {limit: many, owner: tests, reason: a long reason}", "line 2: rounding.limit: Input should be a"),
        (
            "rounding:\n  limit: -1\n  owner: tests\n  reason: a long reason",
            "line 3: rounding.limit: Input should be g",
        ),
        (
            "rounding: {limit: .inf, owner: tests, reason: a long reason}",
            "line 2: rounding.limit: Input should be a finite",
        ),
        ("rounding:\n  limit: 1\n  reason: a long reason", "line 2: rounding.owner: Field required; a rule has limit"),
        ("rounding: {limit: 1, owner: a, reason: a long reason}\n" * 2, "line 3: rounding stands twice; remove one"),
        ("rounding: [", "cannot be read as YAML"),
        (
            "self_corridors:\n  indicators: [REFUGEES, REFUGES]\n  owner: tests\n  reason: a long reason",
            "line 3: self_corridors.indicators: 'REFUGES' is no code of codelist indicator; mend the code",
        ),
    ],
)
def test_check_names_line_and_remedy_of_a_wrong_rule_of_the_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str
) -> None:
    toy.declare(tmp_path, monkeypatch, "toy")
    path = tmp_path / "sources" / "toy" / "gate.yaml"
    path.write_text(f"# a comment\n{text}\n", encoding="utf-8")
    write_golden(path.parent, {**GOLDEN, "sex": "men"})
    code, _, err = run("check")
    assert code == 1
    assert f"{path}: {says}" in err
    assert "'men' is no code of codelist sex" in err, "all findings, not the first"


def test_read_writes_observations_and_counts_every_cell(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    code, said, err = run("read", "worldbank_wdi", SAMPLE, "--dataset", "flows", "-o", out, "--json")
    assert code == 0, err
    [report] = json.loads(said)
    with out.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == report["observations"] > 0
    assert report["landed"] == report["observations"] + report["quarantined"] + report["explained"]
    assert (tmp_path / "out.quarantine.csv").is_file()


def test_read_of_a_page_that_is_no_data_is_one_line(tmp_path: Path) -> None:
    page = tmp_path / "page.json"
    page.write_text("<html>maintenance</html>")
    code, _, err = run("read", "worldbank_wdi", page, "--dataset", "flows", "-o", tmp_path / "o.csv")
    assert code == 1
    assert err.startswith("migstats: ")
    assert "Traceback" not in err


UNDESA = home() / "include/samples/undesa_stock"
UNHCR = home() / "include/samples/unhcr_population"


@pytest.mark.parametrize(
    "edition",
    [
        "2019_migrant_stock_total_dataset",
        *(f"{y}_ims_stock_by_sex_and_{b}" for y in ("2020", "2024") for b in ("destination", "origin")),
    ],
)
def test_read_tells_a_table_by_destination_from_one_by_origin(tmp_path: Path, edition: str) -> None:
    out = tmp_path / "o.csv"
    code, _, err = run("read", "undesa_stock", UNDESA / f"undesa_pd_{edition}.xlsx", "-o", out)
    assert code == 0, err
    with out.open(encoding="utf-8", newline="") as file:
        assert {row["dataset"] for row in csv.DictReader(file)} == {"origin" if "origin" in edition else "destination"}


def test_read_does_not_choose_between_datasets(tmp_path: Path) -> None:
    code, _, err = run("read", "unhcr_population", UNHCR / "population_coo_coa.json", "-o", tmp_path / "o.csv")
    assert code == 1
    assert "can be read as pairs (" in err
    assert "returned (" in err
    assert "say which it is with --dataset" in err
    assert not (tmp_path / "o.csv").exists()


def test_read_says_once_what_several_datasets_say_alike(tmp_path: Path) -> None:
    page = tmp_path / "page.json"
    page.write_text('{"page": 1, "maxPages": 1, "items": []}')
    code, _, err = run("read", "unhcr_population", page, "-o", tmp_path / "o.csv")
    assert code == 1
    assert err.count("UNHCR answers with no items") == 1
    assert "pairs, asylum, origin, returned, returned_asylum, returned_origin: UNHCR answers" in err


def wdi(tmp_path: Path, name: str, *dates: str, **header: object) -> Path:
    """Rows of net migration as the World Bank serves them, one a date, under a header of one page."""
    row = {
        "indicator": {"id": "SM.POP.NETM", "value": "Net migration"},
        "country": {"id": "MA", "value": "Morocco"},
        "countryiso3code": "MAR",
        "value": 5,
        "unit": "",
        "obs_status": "",
        "decimal": 0,
    }
    page = {"page": 1, "pages": 1, "per_page": 50, "total": len(dates), "lastupdated": "2026-07-13"} | header
    path = tmp_path / name
    path.write_text(json.dumps([page, [row | {"date": date} for date in dates]]))
    return path


def test_read_takes_no_part_for_the_whole(tmp_path: Path) -> None:
    out = tmp_path / "o.csv"
    short = wdi(tmp_path, "short.json", "2020", total=500)
    code, _, err = run("read", "worldbank_wdi", short, "-o", out)
    assert (code, out.exists()) == (1, False)
    assert "the publisher counts [500] rows, 1 came" in err
    first, second, third = (wdi(tmp_path, f"{n}.json", f"202{n}", page=n, pages=3, total=3) for n in (1, 2, 3))
    code, _, err = run("read", "worldbank_wdi", third, first, "-o", out)
    assert (code, out.exists()) == (1, False)
    assert "1.json (page 1), " in err
    assert "there are 3 pages, pages [2] are missing" in err
    code, said, err = run("read", "worldbank_wdi", third, first, second, "-o", out, "--json")
    assert code == 0, err
    [report] = json.loads(said)
    assert (report["landed"], report["observations"]) == (3, 3)
    again = wdi(tmp_path, "again.json", "2022", page=2, pages=3, total=3)
    code, _, err = run("read", "worldbank_wdi", first, second, third, again, "-o", out)
    assert code == 1
    assert "pages [2] stand twice" in err


def test_pages_by_an_offset_are_read_together(tmp_path: Path) -> None:
    samples, out = include() / "samples" / "idmc_gidd", tmp_path / "o.csv"
    first, second = samples / "displacements.json", samples / "displacements.page2.json"
    code, said, err = run("read", "idmc_gidd", first, second, "--dataset", "displaced", "-o", out, "--json")
    assert code == 0, err
    [report] = json.loads(said)
    assert (report["landed"], report["observations"]) == (424, 106)
    code, _, err = run("read", "idmc_gidd", first, "--dataset", "displaced", "-o", tmp_path / "part.csv")
    assert code == 1
    assert "there are 2 pages, pages [2] are missing" in err
    again = Path(shutil.copy(second, tmp_path / "again.json"))
    code, _, err = run("read", "idmc_gidd", first, second, again, "--dataset", "displaced", "-o", tmp_path / "3.csv")
    assert code == 1
    assert f"{again} has the bytes of {second}" in err


def test_read_writes_a_figure_once_and_not_two_that_contradict(tmp_path: Path) -> None:
    out = tmp_path / "o.csv"
    one, other = wdi(tmp_path, "one.json", "2020", "2021"), wdi(tmp_path, "other.json", "2021", "2022")
    code, said, err = run("read", "worldbank_wdi", one, other, "-o", out, "--json")
    assert code == 0, err
    first, second = json.loads(said)
    assert (first["observations"], second["observations"]) == (2, 1)
    assert second["explained_reasons"] == {"identical_duplicate": 1}
    assert second["landed"] == second["observations"] + second["quarantined"] + second["explained"]
    with out.open(encoding="utf-8", newline="") as file:
        assert [r["time_period"] for r in csv.DictReader(file)] == ["2020", "2021", "2022"]
    other.write_text(other.read_text().replace('"value": 5', '"value": 6'))
    out.unlink()
    code, _, err = run("read", "worldbank_wdi", one, other, "-o", out)
    assert (code, out.exists()) == (1, False)
    assert "1 figures stand in several files and are not the same there" in err
    assert "5.0 (one.json, /1/1/value) and 6.0 (other.json, /1/0/value)" in err


@pytest.mark.parametrize("output", ["/nope/x.csv", "/dev/full"])
def test_a_file_that_cannot_be_written_is_one_line(output: str) -> None:
    code, _, err = run("read", "worldbank_wdi", SAMPLE, "-o", output)
    assert code == 1
    assert re.match(r"migstats: .*(No such file|No space left).*; see whether", err)
    assert "Traceback" not in err


def test_read_does_not_write_over_what_it_reads(tmp_path: Path) -> None:
    payload = wdi(tmp_path, "one.json", "2020")
    before = payload.read_bytes()
    code, _, err = run("read", "worldbank_wdi", payload, "-o", payload)
    assert code == 1
    assert "would be written over it" in err
    assert payload.read_bytes() == before


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_fifth_source_is_two_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    toy.declare(tmp_path, monkeypatch, "toy")
    folder = tmp_path / "sources"
    if way == "option":
        monkeypatch.delenv("MIGSTATS_SOURCES")
    payload = tmp_path / "a.csv"
    payload.write_bytes(toy.payload([{}, {"REF_AREA": "SRB", "OBS_VALUE": "5"}, {"REF_AREA": "??"}]))
    option = ["--sources", str(folder)] if way == "option" else []
    code, said, err = run("read", "toy", payload, "-o", tmp_path / "o.csv", "--json", *option)
    assert code == 0, err
    [report] = json.loads(said)
    assert (report["observations"], report["quarantine_reasons"]) == (2, {"unknown_code": 1})


def test_without_a_warehouse_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path))
    code, _, err = run("url")
    assert code == 1
    assert "make demo" in err


# -- the address of the warehouse


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder of a demo that was set up and stopped."""
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path))
    monkeypatch.delenv("MIGSTATS_WAREHOUSE", raising=False)
    services.write_record(tmp_path, services.Record(ports=services.Ports(1, 2, 3)))
    (tmp_path / "warehouse.url").write_text("postgresql+psycopg://etl:password@127.0.0.1:2/warehouse\n")
    return tmp_path


def test_the_address_of_a_stopped_demo_is_refused_with_the_remedy(demo: Path) -> None:
    code, said, err = run("url")
    assert (code, said) == (1, "")
    assert err == f"migstats: the warehouse of the demo in {demo} does not run; start it with `make demo`\n"


@pytest.mark.database
def test_the_address_of_a_running_demo_is_a_plain_uri(demo: Path, postgres: Server) -> None:
    (demo / "postgres").symlink_to(postgres.data)
    assert run("url") == (0, "postgresql://etl:password@127.0.0.1:2/warehouse\n", "")


def test_the_address_of_another_warehouse_is_printed_whether_it_runs_or_not(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", "postgresql://etl:password@db.example.org/warehouse")
    assert run("url") == (0, "postgresql://etl:password@db.example.org/warehouse\n", "")


def test_the_published_schema_is_the_models() -> None:
    assert (home() / "docs/source.schema.json").read_text("utf-8") == source_schema()


# -- what is kept in the ledger


@pytest.fixture
def installed(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A warehouse that commands find, with two sources that were loaded and not published."""
    sources = toy.declare(tmp_path, monkeypatch, "toy", "zoo")
    toy.open_gate(tmp_path, "toy", "zoo")
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", warehouse_url)
    monkeypatch.setenv("MIGSTATS_DATA_DOCS", str(tmp_path / "docs"))
    for source in sources:
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, toy.SLICES[0], [{}, {"REF_AREA": "SRB"}]))
    return warehouse_url


def ask(url: str, query: str) -> list[tuple[object, ...]]:
    with warehouse.connect(url) as connection:
        return [tuple(row.values()) for row in connection.execute(query).fetchall()]


SHOWN = "SELECT source, count(*) AS figures FROM bi.observation_all GROUP BY source ORDER BY source"
RUNS = "SELECT dag, kind, parameters, outcomes, failures, unfinished FROM ops.run_state ORDER BY began_at"
OUTCOMES = """
    SELECT o.source, o.step, o.slice, o.status, o.error_class FROM ops.outcome AS o
    INNER JOIN ops.attempt AS a ON o.attempt_id = a.attempt_id ORDER BY o.outcome_id
"""


@pytest.mark.database
def test_publish_brings_to_bi_what_waits_and_then_there_is_nothing(installed: str) -> None:
    code, said, err = run("publish")
    assert (code, said, err) == (0, "bi shows toy at vintage 1, zoo at vintage 2: 4 rows added, 0 removed\n", "")
    assert ask(installed, SHOWN) == [("toy", 2), ("zoo", 2)]
    assert run("publish") == (0, "nothing was published\n", "")
    assert ask(installed, OUTCOMES) == [
        ("toy", "check_warehouse", None, "done", None),
        ("zoo", "check_warehouse", None, "done", None),
        ("*", "publish", None, "done", None),
        ("*", "publish", None, "skip", None),
    ]
    assert ask(installed, RUNS) == [
        ("migstats publish", "command", {}, 3, 0, 0),
        ("migstats publish", "command", {}, 1, 0, 0),
    ]
    assert len(ask(installed, "SELECT 1 FROM ops.validation_result WHERE suite = 'warehouse'")) > 10


@pytest.mark.database
def test_a_source_that_fails_the_suite_stays_and_the_others_are_published(installed: str) -> None:
    assert ask(installed, "DELETE FROM core.observation WHERE source = 'zoo' RETURNING value") == [(1,), (1,)]
    code, said, err = run("publish", "--json")
    assert code == 1
    assert err.startswith("migstats: zoo stays at its published vintage: source zoo: ")
    assert err.count("source zoo: ") == 1
    told = json.loads(said)
    assert (told["vintages"], told["added"], list(told["failed"])) == ({"toy": 1}, 2, ["zoo"])
    assert ask(installed, SHOWN) == [("toy", 2)]
    assert ask(installed, OUTCOMES) == [
        ("toy", "check_warehouse", None, "done", None),
        ("zoo", "check_warehouse", None, "failed", "ValidationFailedError"),
        ("*", "publish", None, "failed", "ValidationFailedError"),
    ]
    assert run("publish")[0] == 1, "it waits still"


@pytest.mark.database
def test_a_replay_is_a_run_of_the_ledger_with_its_steps(installed: str) -> None:
    code, said, err = run("replay", "toy")
    assert code == 0, err
    assert said.endswith("`migstats publish` brings it to bi\n")
    assert ask(installed, RUNS) == [("migstats replay", "command", {"source": "toy"}, 3, 0, 0)]
    assert ask(installed, OUTCOMES) == [
        ("toy", "read", toy.SLICES[0], "done", None),
        ("toy", "check", None, "done", None),
        ("toy", "load", None, "skip", None),
    ]


@pytest.mark.database
def test_a_replay_that_fails_is_one_line_and_its_step_is_in_the_ledger(installed: str, tmp_path: Path) -> None:
    declared = tmp_path / "sources" / "toy" / "source.yaml"
    declared.write_text(declared.read_text().replace("column: SEX", "column: GENDER"))
    code, _, err = run("replay", "toy")
    assert code == 1
    assert err.startswith("migstats: ")
    assert "GENDER" in err
    assert err.count("\n") == 1
    assert ask(installed, OUTCOMES) == [("toy", "read", toy.SLICES[0], "failed", "DriftError")]


# -- listings


@pytest.mark.database
def test_a_listing_has_a_name_for_each_column_and_all_fields_as_json(installed: str) -> None:
    folder = folder_of("toy")
    (folder / "gate.yaml").unlink()
    source = read_source(folder / "source.yaml")
    read = toy.read(installed, source, toy.SLICES[0], [{"OBS_VALUE": "900"}], at=toy.DAY + dt.timedelta(days=1))
    with pytest.raises(PermanentError, match="breached the gate"):
        pipeline.load([read], source, folder, run_id="a run", url=installed)
    [waiting] = json.loads(run("decisions", "--json")[1])
    for command, holds in (("decisions", waiting["candidate_id"]), ("status", "toy"), ("alerts", "")):
        code, said, err = run(command)
        assert (code, err) == (0, "")
        assert holds in said
        head, *rows = [re.split(r"[│┃]", line)[1:-1] for line in said.splitlines() if line[0] in "│┃"]
        assert all(name.strip() for name in head), command
        assert all(len(row) == len(head) for row in rows)
    assert {"source", "breaches", "in_airflow"} <= set(waiting)
