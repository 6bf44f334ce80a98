"""An export as a whole: what is in it, what never is, and that it is there whole or not at all."""

from __future__ import annotations

import csv
import datetime as dt
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit, urlunsplit

import pytest
import toy
from typer.testing import CliRunner

from migstats import publish, settings, tasks, warehouse
from migstats.cli import app
from migstats.codelists import read_codelist
from migstats.errors import ConfigurationError, PermanentError
from migstats.exports.bundle import FORMATS, MANIFEST, Wanted, export
from migstats.exports.selection import Selection, columns, topics
from migstats.source import Source, codelist_folders

pytestmark = pytest.mark.database

CSV = ("csv",)
LATER = toy.DAY + dt.timedelta(days=1)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def figures(file: Path) -> list[Mapping[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def under(source: Source, redistribution: str) -> Source:
    return source.model_copy(update={"licence": source.licence.model_copy(update={"redistribution": redistribution})})


def test_the_role_of_bi_tools_may_export(few: str, tmp_path: Path) -> None:
    parts = urlsplit(few)
    reader = urlunsplit(parts._replace(netloc=parts.netloc.replace("postgres:", "bi_reader:")))
    done = export(reader, tmp_path / "out", Wanted())
    assert done is not None
    assert (done.figures, done.sources) == (10, ("ark", "zoo"))


def test_the_same_facts_are_the_same_bytes(few: str, tmp_path: Path) -> None:
    one, other = (export(few, tmp_path / name, Wanted()) for name in ("one", "other"))
    assert one is not None
    assert other is not None
    assert one.sha256 == other.sha256
    assert content(tmp_path / "one") == content(tmp_path / "other")
    assert set(json.loads((tmp_path / "one" / MANIFEST).read_text("utf-8"))["files"]) == {
        name for name in content(tmp_path / "one") if name != MANIFEST
    }


def test_an_export_is_made_again_only_when_something_was_published(
    few: str, sources: list[Source], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    first = export(few, folder, Wanted(formats=CSV), only_new=True)
    assert first is not None
    assert export(few, folder, Wanted(formats=CSV), only_new=True) is None
    toy.load(few, sources[0], toy.read(few, sources[0], "figures/part=a", [{"OBS_VALUE": "5"}], at=LATER))
    assert export(few, folder, Wanted(formats=CSV), only_new=True) is None, "it is accepted, and not published yet"
    publish.publish(few, run_id="test")
    second = export(few, folder, Wanted(formats=CSV), only_new=True)
    assert second is not None
    assert second.sha256 != first.sha256
    assert [row["published_value"] for row in figures(folder / "csv" / "MAR.csv") if row["source"] == "ark"] == ["5"]


def test_a_figure_that_is_withheld_from_a_vintage_that_was_exported_leaves_the_export(few: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    export(few, folder, Wanted(formats=CSV), only_new=True)
    with warehouse.connect(few) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")  # no run of disclosure control goes before
        connection.execute(
            "UPDATE bi.observation_all SET published_value = NULL, value = NULL, obs_status = 'Q', conf_status = 'C' "
            "WHERE published_value = 60.25"
        )
    assert export(few, folder, Wanted(formats=CSV), only_new=True) is not None
    assert not [name for name, body in content(folder).items() if b"60.25" in body]


@pytest.mark.parametrize("redistribution", ["forbidden", "unclear"])
def test_figures_that_may_not_be_passed_on_never_leave(
    warehouse_url: str, sources: list[Source], tmp_path: Path, redistribution: str
) -> None:
    for source, value in ((under(sources[0], redistribution), "7654321"), (sources[1], "5")):
        with warehouse.connect(warehouse_url) as connection:
            warehouse.add_source(connection, source)
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, "figures/part=a", [{"OBS_VALUE": value}]))
        with warehouse.connect(warehouse_url) as connection:
            warehouse.add_source(connection, source)
    publish.publish(warehouse_url, run_id="test")

    export(warehouse_url, tmp_path / "out", Wanted(formats=("sdmx-csv", "sdmx-ml", "csv")))

    there = content(tmp_path / "out")
    assert not [name for name, body in there.items() if b"7654321" in body]
    assert {row["source"] for row in figures(tmp_path / "out" / "LICENCES.csv")} == {"zoo"}
    assert b",5," in there["csv/MAR.csv"]
    with pytest.raises(PermanentError, match="nothing is published"):
        export(warehouse_url, tmp_path / "none", Wanted(Selection(sources=("ark",))))


def test_what_stands_in_bi_by_mistake_is_not_exported_either(few: str, tmp_path: Path) -> None:
    with warehouse.connect(few) as connection:
        connection.execute("UPDATE ref.source SET redistribution = 'unclear' WHERE code = 'ark'")
        connection.execute("SET LOCAL session_replication_role = replica")  # no run of disclosure control goes before
        connection.execute("UPDATE bi.observation_all SET published_value = 7654321 WHERE source = 'ark'")
    export(few, tmp_path / "out", Wanted(formats=("sdmx-csv", "csv")))
    assert not [name for name, body in content(tmp_path / "out").items() if b"7654321" in body]
    assert {row["source"] for row in figures(tmp_path / "out" / "csv" / "MAR.csv")} == {"zoo"}


def test_sdg_series_that_may_not_be_passed_on_never_leave(of_sdg: str, sources: list[Source], tmp_path: Path) -> None:
    other = {"INDICATOR": "REMIT_IN_GDP", "UNIT": "PT_GDP", "REF_AREA": "PHL", "OBS_VALUE": "9.125"}
    toy.load(of_sdg, sources[1], toy.read(of_sdg, sources[1], "figures/part=a", [other]))
    publish.publish(of_sdg, run_id="test")
    with warehouse.connect(of_sdg) as connection:  # they stand in bi still
        connection.execute("UPDATE ref.source SET redistribution = 'unclear' WHERE code = 'ark'")
    export(of_sdg, tmp_path / "out", Wanted(formats=("sdmx-csv", "sdmx-ml")))
    there = {name: body for name, body in content(tmp_path / "out").items() if name.startswith("sdg/remittances.")}
    assert set(there) == {"sdg/remittances.csv", "sdg/remittances.xml"}
    for name, body in there.items():
        assert b"9.125" in body, name
        assert b"22.5" not in body, name


def test_a_source_that_is_withdrawn_is_not_in_the_next_export(few: str, sources: list[Source], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    export(few, folder, Wanted(formats=CSV))
    assert {row["source"] for row in figures(folder / "LICENCES.csv")} == {"ark", "zoo"}
    for source in sources:
        with warehouse.connect(few) as connection:
            warehouse.add_source(connection, under(source, "forbidden"))
        done = export(few, folder, Wanted(formats=CSV), only_new=True)
        assert done is not None, "nothing was published, but what is there may stay no more"
        assert source.id not in done.sources
        assert source.id not in (folder / "LICENCES.csv").read_text("utf-8")
    assert not list((folder / "csv").glob("*.csv"))


def test_every_source_is_cited_with_its_licence(few: str, tmp_path: Path) -> None:
    export(few, tmp_path / "out", Wanted(formats=CSV))
    [ark, _] = figures(tmp_path / "out" / "LICENCES.csv")
    assert (ark["source"], ark["licence"], ark["citation"]) == ("ark", "CC0-1.0", "Invented.")
    assert ark["licence_url"] == "https://example.org/licence"


@pytest.mark.parametrize(
    ("selection", "values"),
    [
        (Selection(countries=("NPL",)), {"-0.1"}),
        (Selection(countries=("FRA",)), {"7"}),
        (Selection(indicators=("NET_MIG",), sources=("ark",)), {"-0.1"}),
        (Selection(topics=("migration_flows",)), {"-0.1"}),
        (Selection(topics=("migrant_stock",)), {"100", "60.25", "", "7"}),
    ],
    ids=["a country", "the other country", "an indicator of a source", "a topic", "a topic with a gap"],
)
def test_a_selection_takes_what_it_names(few: str, tmp_path: Path, selection: Selection, values: set[str]) -> None:
    export(few, tmp_path / "out", Wanted(selection, ("sdmx-csv", "csv")))
    for pattern, name in (("sdmx-csv/*.csv", "OBS_VALUE"), ("csv/*.csv", "published_value")):
        rows = [row for file in (tmp_path / "out").glob(pattern) for row in figures(file)]
        assert {row[name] for row in rows} == values


def test_a_figure_stands_with_both_its_countries_and_once_in_each(few: str, tmp_path: Path) -> None:
    export(few, tmp_path / "out", Wanted(formats=CSV))
    told = {file.stem: figures(file) for file in (tmp_path / "out" / "csv").glob("*.csv")}
    assert {country: len(rows) for country, rows in told.items()} == {"MAR": 8, "NPL": 2, "FRA": 2}
    assert {row["ref_area"] for row in told["FRA"]} == {"MAR"}


def test_no_text_of_a_csv_is_a_formula(few: str, tmp_path: Path) -> None:
    export(few, tmp_path / "out", Wanted(formats=("sdmx-csv", "csv")))
    notes = {row["note"] for file in (tmp_path / "out" / "csv").glob("*.csv") for row in figures(file)}
    assert notes == {"'=1+1", 'said "so", <twice> & more\nin two lines', "", "''=once more", "'@here"}
    stock = figures(tmp_path / "out" / "sdmx-csv" / "migrant_stock.csv")
    assert {row["NOTE"] for row in stock} == notes - {"'@here"}


KILLED = """
import sys
from pathlib import Path
from migstats.exports.bundle import Wanted, export
export(sys.argv[1], Path(sys.argv[2]), Wanted(formats=("csv",)))
"""


@pytest.mark.parametrize("point", ["export.written", "export.in_place"])
def test_a_killed_export_leaves_a_whole_one(
    few: str, sources: list[Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    folder = tmp_path / "here" / "out"
    export(few, folder, Wanted(formats=CSV))
    before = content(folder)
    toy.load(few, sources[0], toy.read(few, sources[0], "figures/part=a", [{"OBS_VALUE": "5"}], at=LATER))
    publish.publish(few, run_id="test")
    monkeypatch.setenv("MIGSTATS_FAULT", f"{point}=SIGKILL")

    done = subprocess.run(
        [sys.executable, "-c", KILLED, few, str(folder)], check=False, capture_output=True, timeout=120
    )

    assert done.returncode == -9, done.stderr
    assert (content(folder) == before) == (point == "export.written")
    monkeypatch.delenv("MIGSTATS_FAULT")
    again = export(few, folder, Wanted(formats=CSV))
    assert again is not None
    export(few, tmp_path / "fresh", Wanted(formats=CSV))
    assert content(folder) == content(tmp_path / "fresh")
    assert sorted(path.name for path in folder.parent.iterdir()) == [".out-lock", "out"]


def test_where_folders_cannot_be_exchanged_the_old_one_goes_aside_first(
    few: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "here" / "out"
    export(few, folder, Wanted(formats=CSV))
    before = content(folder)
    monkeypatch.setattr("migstats.exports.bundle._exchanged", lambda *_: False)
    export(few, folder, Wanted(formats=CSV, headers="hxl"))
    assert content(folder) != before
    folder.rename(folder.with_name(".out-old"))  # as a kill between the two would leave it
    assert export(few, folder, Wanted(formats=CSV, headers="hxl"), only_new=True) is None
    assert sorted(path.name for path in folder.parent.iterdir()) == [".out-lock", "out"]


def test_a_folder_that_holds_something_else_is_not_replaced(few: str, tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("years of work", encoding="utf-8")
    with pytest.raises(PermanentError, match=r"is no export .* name another folder"):
        export(few, tmp_path, Wanted())
    assert (tmp_path / "thesis.docx").is_file()


def test_an_unknown_format_topic_or_header_is_named() -> None:
    for wrong in ({"formats": ("xlsx",)}, {"headers": "tei"}, {"selection": Selection(topics=("weather",))}):
        with pytest.raises(ConfigurationError, match="there are"):
            Wanted(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("selection", "said"),
    [
        (Selection(countries=("NPL", "NEP")), r"country: there is no 'NEP' in bi\.dim_area"),
        (Selection(indicators=("MIG_STOCK", "MIGSTOCK")), r"indicator: there is no 'MIGSTOCK' in bi\.dim_indicator"),
        (Selection(sources=("ark", "arc")), r"source: there is no 'arc' in bi\.dim_source"),
    ],
)
def test_what_a_selection_misspells_is_not_left_out_in_silence(
    few: str, tmp_path: Path, selection: Selection, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        export(few, tmp_path / "out", Wanted(selection, formats=CSV))
    assert not (tmp_path / "out").exists()


def test_the_statements_give_the_columns_that_are_described(few: str) -> None:
    with warehouse.connect(few) as connection:
        asked = {**Selection().parameters, "topic": "migrant_stock", "marked": False}
        [first, *_] = warehouse.rows(connection, "exports/observations", asked)
        [of_country, *_] = warehouse.rows(connection, "exports/by_country", asked)
    assert tuple(first) == tuple(column.name for column in columns())
    assert tuple(of_country) == ("country", *first)


def test_every_topic_has_a_name() -> None:
    catalogue = read_codelist(codelist_folders(), "indicator")
    assert {row["topic"] for row in catalogue.rows.values()} == set(topics())
    for names in (*topics().values(), *(column.names for column in columns())):
        assert all(names.values()), names


def test_the_command_exports_and_says_so(few: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", few)
    asked = ["export", "--format", "csv", "--country", "npl", "--headers", "hxl", "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert "2 figures of 2 sources" in done.output
    assert figures(tmp_path / "out" / "csv" / "NPL.csv")[0]["ref_area"] == "#country+code"
    refused = CliRunner().invoke(app, ["export", "--format", "xlsx", "-o", str(tmp_path / "out")])
    assert refused.exit_code == 1


@pytest.fixture
def context(few: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setattr(tasks, "warehouse_url", lambda: few)
    run = SimpleNamespace(run_type="manual", run_after=toy.DAY, logical_date=toy.DAY)
    return {"dag": SimpleNamespace(dag_id="publish"), "dag_run": run, "run_id": "test", "params": {}}


def test_after_a_publish_the_folder_of_exports_holds_it(
    context: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    done = tasks.export({}, context)
    assert (settings.exports() / MANIFEST).is_file()
    assert done["figures"] == 10
    with pytest.raises(AirflowSkipException, match="holds what is published"):
        tasks.export({}, context)
    with pytest.raises(PermanentError, match="`publish` failed"):
        tasks.export(None, context)
    monkeypatch.setenv("MIGSTATS_EXPORT_FORMATS", "none")
    with pytest.raises(AirflowSkipException, match="nothing is exported"):
        tasks.export({}, context)
    assert set(FORMATS) >= set(json.loads((settings.exports() / MANIFEST).read_text("utf-8"))["formats"])
