"""`migstats audit`: every file of a folder is accounted for, and what cannot be read is refused with a reason."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from pathlib import Path

import pytest
import toy
from typer.testing import CliRunner

from migstats import audit as audits
from migstats import cli, settings
from migstats.audit import Account, audit
from migstats.source import folder_of, read_sources

SOURCES = read_sources()
TODAY = dt.date(2026, 11, 26)
SAMPLES = settings.include() / "samples"
#: Of a table that no source declares.
CUBE = {
    "version": "2.0",
    "class": "dataset",
    "id": ["tree", "time"],
    "size": [1, 3],
    "dimension": {
        "tree": {"category": {"index": ["oak"]}},
        "time": {"category": {"index": ["2020", "2021", "2022"]}},
    },
    "value": {"0": 5, "2": 7},
}


CODELIST = {"id": "CL", "agencyID": "KEN", "codes": [{"id": "A"}, {"id": "B"}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in {
        "deep/oecd.csv": (SAMPLES / "oecd_migration" / "inflows" / "year=2022.csv").read_bytes(),
        "desa.xlsx": (SAMPLES / "undesa_stock" / "undesa_pd_2024_ims_stock_by_sex_and_destination.xlsx").read_bytes(),
        "trees.json": json.dumps(CUBE).encode(),
        "error.json": b'[{"message":[{"id":"175","key":"Invalid format","value":"gone"}]}]',
        "cut.xlsx": b"PK\x03\x04 cut off",
        "empty.csv": b"",
        "notes.txt": b"to be done\n",
        "codes.json": json.dumps({"data": {"codelists": [CODELIST]}}).encode(),
    }.items():
        path = tmp_path / "payloads" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "payloads"


def run(*arguments: str | Path) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli.app, ["audit", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_every_file_is_loaded_read_or_refused(folder: Path, tmp_path: Path) -> None:
    status, shown, _ = run(folder, "--json", "-o", tmp_path / "report.csv")
    assert status == 0
    found = {account["file"]: account for account in json.loads(shown)}
    assert {name: account["outcome"] for name, account in found.items()} == {
        "deep/oecd.csv": "loaded",
        "desa.xlsx": "loaded",
        "trees.json": "read",
        "error.json": "refused",
        "cut.xlsx": "refused",
        "empty.csv": "refused",
        "notes.txt": "refused",
        "codes.json": "structure",
    }
    assert (found["codes.json"]["landed"], found["codes.json"]["why"]) == (0, "codelists 1; codes 2")
    oecd = found["deep/oecd.csv"]
    assert (oecd["source"], oecd["datasets"]) == ("oecd_migration", "inflows")
    assert (oecd["landed"], oecd["observations"], oecd["quarantined"], oecd["explained"]) == (38, 36, 0, 2)
    assert oecd["reasons"] == "blank 2"
    assert (found["trees.json"]["landed"], found["trees.json"]["reasons"]) == (3, "absent_position 1")
    for account in found.values():
        if account["outcome"] == "loaded":
            assert account["landed"] == account["observations"] + account["quarantined"] + account["explained"]
    with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as file:
        assert {row["file"] for row in csv.DictReader(file)} == set(found)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("error.json", "worldbank: the World Bank answers with an error: id 175"),
        ("cut.xlsx", "workbook: "),
        ("empty.csv", "delimited: the answer is empty"),
        ("notes.txt", "delimited: line 1: delimited text was expected, the answer begins with 'to be done'"),
    ],
)
def test_a_refusal_is_that_of_the_formats_that_begin_so(folder: Path, name: str, said: str) -> None:
    [account] = audit([folder / name], SOURCES.values(), today=TODAY)
    assert said in account.why


def test_the_table_counts_files_and_cells_and_lists_the_refusals(folder: Path) -> None:
    status, shown, _ = run(folder)
    assert status == 0
    for said in ("oecd_migration", "undesa_stock", "refused notes.txt: ", "8 files: landed "):
        assert said in shown


def test_cells_that_are_nowhere_are_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Account(file=str(folder / "desa.xlsx"), outcome="loaded", landed=5, observations=3, explained=1)
    monkeypatch.setattr(audits, "audit", lambda *_, **__: [lost])
    status, _, said = run(folder)
    assert status == 1
    assert "desa.xlsx: what landed is not what was loaded, quarantined and explained" in said


def test_a_file_of_which_half_would_be_quarantined_is_not_of_the_dataset(tmp_path: Path) -> None:
    sample = (SAMPLES / "oecd_migration" / "inflows" / "year=2022.csv").read_text(encoding="utf-8")
    file = tmp_path / "strange.csv"
    lines = sample.splitlines()
    half = [line.replace(",ITA,Italy,", ",QQQ,Quirm,") if n % 2 else line for n, line in enumerate(lines)]
    file.write_text("\n".join(half) + "\n", encoding="utf-8")
    [account] = audit([file], SOURCES.values(), today=TODAY)
    assert (account.outcome, account.landed) == ("read", 38)


def test_private_sources_take_their_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.declare(tmp_path, monkeypatch, "toy")
    monkeypatch.delenv("MIGSTATS_SOURCES")
    (tmp_path / "payloads").mkdir()
    (tmp_path / "payloads" / "toy.csv").write_bytes(toy.payload([{}, {"REF_AREA": "SEN"}]))
    status, shown, said = run(tmp_path / "payloads", "--sources", tmp_path / "sources", "--json")
    assert status == 0, said
    [account] = json.loads(shown)
    assert (account["outcome"], account["source"], account["observations"]) == ("loaded", "toy", 2)


def test_a_copy_that_was_packed_to_be_kept_is_read_as_what_is_in_it(tmp_path: Path) -> None:
    sample = SAMPLES / "npl_census" / "absent_by_age.csv"
    file = tmp_path / "absent_by_age.csv.gz"
    file.write_bytes(gzip.compress(sample.read_bytes()))
    [account] = audit([file], SOURCES.values(), today=TODAY)
    assert (account.outcome, account.source, account.datasets) == ("loaded", "npl_census", ("absent_by_age",))
    file.write_bytes(gzip.compress(sample.read_bytes())[:-20])
    [account] = audit([file], SOURCES.values(), today=TODAY)
    assert account.outcome == "refused"


def test_an_answer_about_provinces_is_not_added_up_to_one_about_the_country() -> None:
    """Both have the same fields, but for the province."""
    files = [SAMPLES / "iom_dtm" / level / "country=HTI.json" for level in ("countries", "provinces")]
    accounts = list(audit(files, [SOURCES["iom_dtm"]], today=TODAY))
    assert [account.datasets for account in accounts] == [("countries",), ("provinces",)]


@pytest.mark.payloads
@pytest.mark.parametrize("source_id", [s for s in SOURCES if (folder_of(s) / "golden.csv").is_file()])
def test_the_payloads_with_golden_figures_are_taken_by_their_source(source_id: str, payloads: Path) -> None:
    golden = folder_of(source_id) / "golden.csv"  # none of a publisher whose payloads nobody has seen
    rows = csv.DictReader(golden.read_text(encoding="utf-8").splitlines()) if golden.is_file() else ()
    wanted = {(row["file"], row["dataset"]) for row in rows}
    for name, dataset in wanted:
        path = settings.include() / name if name.startswith("samples/") else payloads / name
        [account] = audit([path], SOURCES.values(), today=TODAY)
        assert (account.outcome, account.source) == ("loaded", source_id), account
        assert dataset in account.datasets
        assert account.balances
