"""`migstats codes`: a source holds its codes against the publisher's own codelists."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import toy
from typer.testing import CliRunner

from migstats import cli


def codelist(id_: str, *codes: str, partial: bool = False) -> dict[str, object]:
    return {
        "id": id_,
        "agencyID": "KEN",
        "version": "1.0",
        "isPartial": partial,
        "codes": [{"id": code, "name": f"name of {code}"} for code in codes],
    }


STATUS = codelist("CL_OBS_STATUS", "A", "E", "F", "O", "Q", "Z")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    toy.declare(tmp_path, monkeypatch, "toy")
    return tmp_path


def run(folder: Path, held: dict[str, object], *arguments: str) -> tuple[int, str, str]:
    (folder / "structures.json").write_text(json.dumps({"meta": {}, "data": held}), encoding="utf-8")
    done = CliRunner().invoke(cli.app, ["codes", "toy", str(folder / "structures.json"), *arguments])
    return done.exit_code, done.stdout, done.stderr


def columns(shown: str) -> dict[str, dict[str, object]]:
    return {one["column"]: one for one in json.loads(shown)}


def test_codes_resolve_by_scheme_and_by_codes_csv_and_the_others_are_named(source: Path) -> None:
    lists = [codelist("CL_REF_AREA", "MAR", "SEN", "QQQ"), STATUS]
    status, shown, _ = run(source, {"codelists": lists}, "--json", "-o", str(source / "codes.csv"))
    assert status == 0
    found = columns(shown)
    assert found["REF_AREA"]["resolved"] == {"MAR": "MAR", "SEN": "SEN"}
    assert found["REF_AREA"]["unresolved"] == {"QQQ": "name of QQQ"}
    assert found["OBS_STATUS"]["resolved"] == {"A": "A", "E": "E", "F": "F", "O": "O", "Q": "Q"}
    assert found["OBS_STATUS"]["unresolved"] == {"Z": "name of Z"}
    assert found["SEX"]["codelist"] is None
    with (source / "codes.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["column"], row["code"]): row["outcome"] for row in csv.DictReader(file)}
    assert rows["REF_AREA", "MAR"] == "map"
    assert rows["REF_AREA", "QQQ"] == "unresolved"


def test_a_declared_code_that_the_publisher_no_longer_has_is_drift(source: Path) -> None:
    lists = [codelist("CL_OBS_STATUS", "A", "F", "O", "Q")]
    status, shown, said = run(source, {"codelists": lists}, "--json")
    assert status == 1
    assert columns(shown)["OBS_STATUS"]["gone"] == ["E"]
    assert "figures OBS_STATUS: E" in said


def test_a_partial_codelist_does_not_say_that_a_code_is_gone(source: Path) -> None:
    status, shown, _ = run(source, {"codelists": [codelist("CL_OBS_STATUS", "A", partial=True)]}, "--json")
    assert (status, columns(shown)["OBS_STATUS"]["gone"]) == (0, [])


def test_the_definition_says_which_codelist_a_column_has_and_a_constraint_which_codes_are_used(source: Path) -> None:
    def component(id_: str, of: str) -> dict[str, object]:
        return {"id": id_, "localRepresentation": {"enumeration": f"urn:sdmx:org.x.Codelist=KEN:{of}(1.0)"}}

    dimensions = [component("ref_area", "CL_GEO"), component("COUNTERPART", "CL_GEO")]
    held = {
        # the usual name would say another one
        "codelists": [codelist("CL_REF_AREA", "WRONG"), codelist("CL_GEO", "MAR", "SEN", "QQQ")],
        "dataStructures": [
            {"id": "D", "agencyID": "KEN", "dataStructureComponents": {"dimensionList": {"dimensions": dimensions}}}
        ],
        "contentConstraints": [
            {
                "id": "C",
                "agencyID": "KEN",
                "cubeRegions": [{"isIncluded": True, "keyValues": [{"id": "REF_AREA", "values": ["MAR"]}]}],
            }
        ],
    }
    status, shown, _ = run(source, held, "--json")
    assert status == 0
    found = columns(shown)
    assert (found["REF_AREA"]["resolved"], found["REF_AREA"]["unresolved"]) == ({"MAR": "MAR"}, {})
    assert list(found["COUNTERPART"]["unresolved"]) == ["QQQ"]


def test_codes_that_a_dataset_does_not_take_are_not_looked_for(source: Path) -> None:
    [declared] = source.rglob("toy/source.yaml")
    text = declared.read_text(encoding="utf-8")
    declared.write_text(
        text.replace("    concepts:", "    only: {REF_AREA: [MAR, SEN]}\n    concepts:"), encoding="utf-8"
    )
    status, shown, said = run(source, {"codelists": [codelist("CL_REF_AREA", "MAR", "QQQ")]}, "--json")
    assert (status, columns(shown)["REF_AREA"]["unresolved"]) == (1, {})
    assert "figures REF_AREA: SEN" in said


def test_a_person_may_say_which_codelist_a_column_has(source: Path) -> None:
    lists = {"codelists": [codelist("CL_COUNTRY", "MAR")]}
    status, shown, _ = run(source, lists, "--of", "REF_AREA=CL_COUNTRY", "--json")
    assert (status, columns(shown)["REF_AREA"]["resolved"]) == (0, {"MAR": "MAR"})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no column of toy has a codelist in these files"),
        (("--of", "REF_AREA=CL_OTHER"), "no codelist ['CL_OTHER'] is in the files; they have CL_COUNTRY"),
        (("--of", "AREA=CL_COUNTRY"), "['AREA'] is no column that source toy maps"),
        (("--of", "REF_AREA"), "write COLUMN=CODELIST"),
        (("--dataset", "other"), "has no dataset 'other'"),
    ],
)
def test_nothing_to_compare_is_an_error_that_says_what_there_is(
    source: Path, arguments: tuple[str, ...], said: str
) -> None:
    status, _, error = run(source, {"codelists": [codelist("CL_COUNTRY", "MAR")]}, *arguments)
    assert status == 1
    assert said in error


@pytest.mark.payloads
def test_the_real_codelists_of_the_oecd_know_each_code_that_is_declared(payloads: Path) -> None:
    file = payloads / "oecd" / "DSD_MIG_dataflow_metadata.xml"
    done = CliRunner().invoke(cli.app, ["codes", "oecd_migration", str(file), "--dataset", "inflows", "--json"])
    assert done.exit_code == 0, done.output
    found = columns(done.stdout)
    counts = {name: (len(one["resolved"]), len(one["left"]), len(one["unresolved"])) for name, one in found.items()}
    assert counts["REF_AREA"] == (41, 0, 0)
    assert counts["CITIZENSHIP"] == (240, 2, 0)
    assert counts["OBS_STATUS"] == (20, 0, 0)
