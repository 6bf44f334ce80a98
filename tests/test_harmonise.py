"""Harmonise: codes, periods, statuses and figures; what cannot become an observation is kept with its reason."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from migstats import settings
from migstats.errors import DeclarationError, DriftError
from migstats.harmonise import Codes, Harmonised, harmonise, read_codes, wide
from migstats.observation import EXPLAINED, QUARANTINED
from migstats.readers import NOTE, PLACE, ROW, VALUE, TextTable
from migstats.source import Dataset

CONCEPTS = settings.include() / "codelists"
DATASET = {
    "id": "figures",
    "title": "t",
    "url": "https://example.org/x",
    "reader": {"format": "sdmx_csv"},
    "only": {"kind": ["wanted"]},
    "concepts": {
        "indicator": "MIG_STOCK",
        "unit": "PS",
        "ref_area": {"column": "geo", "scheme": "iso2"},
        "sex": {"column": "sex", "scheme": "eurostat"},
        "time_period": {"column": "time"},
        "obs_status": {"column": "flag", "split": "letters", "precedence": "pbe"},
        "conf_status": {"column": "flag", "split": "letters"},
    },
    "stock_or_flow": "stock",
    "reference_point": "07-01",
}
ROW_OF = {"geo": "MA", "sex": "T", "time": "2020", "flag": "", "kind": "wanted", VALUE: "7"}
CODES = """dataset,column,code,concept,target,treatment,note
*,geo,XY,ref_area,,ignore,
*,geo,QQ,ref_area,,unknown,
*,geo,MC,ref_area,MAR,map,goes before the scheme
*,flag,b,obs_status,B,map,
*,flag,p,obs_status,P,map,
*,flag,e,obs_status,E,map,
*,flag,|C,obs_status,Q,map,
*,flag,|C,conf_status,C,map,
*,flag,j,obs_status,J,map,
*,flag,k,obs_status,K,map,
*,flag,s,obs_status,S,map,
*,flag,m,obs_status,M,map,
*,secret,C,conf_status,C,map,
*,secret,F,conf_status,F,map,
*,secret,X,conf_status,,unknown,
*,secret,Y,conf_status,,ignore,
*,flag,x,conf_status,,unknown,
*,_value,..,obs_status,O,map,
*,_value,..,missing_reason,not_available,map,
*,_value,~,obs_status,Q,map,
*,_value,~,missing_reason,suppressed,map,
*,_value,-,obs_status,M,map,
*,_value,-,missing_reason,not_applicable,map,
"""


@pytest.fixture
def codes(tmp_path: Path) -> Codes:
    (tmp_path / "codes.csv").write_text(CODES, encoding="utf-8")
    return read_codes(tmp_path, CONCEPTS)


def run(codes: Codes, *rows: dict[str, str | None], dimensions: tuple[str, ...] = (), **changes: object) -> Harmonised:
    cells = [{**ROW_OF, **row} for row in rows]
    names = [c for c in cells[0] if c != VALUE]
    data = {c: pa.array([r[c] for r in cells], pa.string()).dictionary_encode() for c in names}
    data[VALUE] = pa.array([r[VALUE] for r in cells], pa.string())
    data[PLACE] = pa.array(["line {}"] * len(cells)).dictionary_encode()
    data[ROW] = pa.array(range(2, len(cells) + 2), pa.int32())
    dataset = Dataset.model_validate({**DATASET, **changes})
    table = TextTable(pa.table(data), dimensions=tuple((name,) for name in dimensions))
    return harmonise({"f" * 64: table}, "toy", dataset, codes, concepts=CONCEPTS, last_year=2027)


def said(done: Harmonised) -> list[tuple[object, ...]]:
    frame = wide(done, "s")
    return list(frame.select("ref_area", "value", "obs_status", "conf_status", "missing_reason").iter_rows())


def why(done: Harmonised) -> list[tuple[str, str]]:
    kept = [(r["reason"], r["place"]) for r in done.quarantine.to_pylist()]
    return kept + [(r["reason"], str(r["count"])) for r in done.explained.to_pylist()]


OBSERVED = {
    "a plain figure": ({}, ("MAR", 7.0, "A", "F", None)),
    "zero is a figure": ({VALUE: "0"}, ("MAR", 0.0, "A", "F", None)),
    "missing": ({VALUE: ".."}, ("MAR", None, "O", "F", "not_available")),
    "suppressed": ({VALUE: "~"}, ("MAR", None, "Q", "F", "suppressed")),
    "not applicable": ({VALUE: "-"}, ("MAR", None, "M", "F", "not_applicable")),
    "NA is Namibia": ({"geo": "NA"}, ("NAM", 7.0, "A", "F", None)),
    "codes.csv goes before the scheme": ({"geo": "MC"}, ("MAR", 7.0, "A", "F", None)),
    "white space around a code": ({"geo": " MA "}, ("MAR", 7.0, "A", "F", None)),
    "several flags, the first in precedence": ({"flag": "bep"}, ("MAR", 7.0, "P", "F", None)),
    "confidential without a figure": ({"flag": "|C", VALUE: None}, ("MAR", None, "Q", "C", "suppressed")),
    "a flag and a missing figure": ({"flag": "b", VALUE: ".."}, ("MAR", None, "O", "F", "not_available")),
    "a derogation, with a figure": ({"flag": "j"}, ("MAR", 7.0, "J", "F", None)),
    "a derogation, without": ({"flag": "j", VALUE: ".."}, ("MAR", None, "J", "F", None)),
    "counted in another category": ({"flag": "k", VALUE: None}, ("MAR", None, "K", "F", None)),
    "counted in another category, as 0": ({"flag": "k", VALUE: "0"}, ("MAR", 0.0, "K", "F", None)),
    "no figure because of a strike": ({"flag": "s", VALUE: ".."}, ("MAR", None, "S", "F", None)),
    "minus zero is zero": ({VALUE: "-0"}, ("MAR", 0.0, "A", "F", None)),
    "thousandths stay exact": ({VALUE: "0.1"}, ("MAR", 0.1, "A", "F", None)),
}


@pytest.mark.parametrize(("row", "expected"), OBSERVED.values(), ids=OBSERVED)
def test_a_cell_becomes_an_observation(codes: Codes, row: dict[str, str], expected: tuple[object, ...]) -> None:
    assert said(run(codes, row)) == [expected]


KEPT = {
    "an unknown area": ({"geo": "1E5"}, "unknown_code"),
    "an area known to be unmappable": ({"geo": "QQ"}, "declared_unknown"),
    "an ignored area": ({"geo": "XY"}, "declared_ignored"),
    "an empty dimension": ({"geo": ""}, "missing_dimension"),
    "no dimension at all": ({"sex": None}, "missing_dimension"),
    "a text that is no number": ({VALUE: "<5"}, "not_a_number"),
    "an error of a spreadsheet": ({VALUE: "#REF!"}, "not_a_number"),
    "not a number": ({VALUE: "NaN"}, "not_a_number"),
    "infinity": ({VALUE: "inf"}, "not_a_number"),
    "two numbers": ({VALUE: "1 234"}, "not_a_number"),
    "a null without a word": ({VALUE: None}, "not_a_number"),
    "a negative count": ({VALUE: "-5"}, "out_of_bounds"),
    "more people than there are": ({VALUE: "1e12"}, "out_of_bounds"),
    "a year far ahead": ({"time": "2999"}, "bad_period"),
    "a year to come": ({"time": "2031"}, "future_period"),
    "half a year": ({"time": "2020/21"}, "bad_period"),
    "a figure that is said not to be there": ({"flag": "|C"}, "contradiction"),
    "a derogation and a text that nobody knows": ({"flag": "j", VALUE: "x"}, "not_a_number"),
    "a row that does not say of which kind it is": ({"kind": ""}, "missing_dimension"),
}


@pytest.mark.parametrize(("row", "reason"), KEPT.values(), ids=KEPT)
def test_what_is_no_observation_is_kept_with_its_reason(codes: Codes, row: dict[str, str], reason: str) -> None:
    done = run(codes, row)
    assert said(done) == []
    assert [r for r, _ in why(done)] == [reason]
    assert reason in (*QUARANTINED, *EXPLAINED)


def test_a_row_of_another_kind_is_explained_and_where_all_are_the_kind_was_renamed(codes: Codes) -> None:
    done = run(codes, {"kind": "other"}, {"kind": "other"}, {})
    assert (len(said(done)), why(done)) == (1, [("not_selected", "2")])
    with pytest.raises(DriftError, match="no record is left: kind says 'new', 'other' in all of them, and 'wanted' is"):
        run(codes, {"kind": "other"}, {"kind": "new"})


def test_where_all_rows_are_of_kinds_that_are_known_nothing_was_renamed(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text(CODES + "*,kind,other,indicator,POP,map,\n", encoding="utf-8")
    done = run(read_codes(tmp_path, CONCEPTS), {"kind": "other"}, {"kind": "other"})
    assert (said(done), why(done)) == ([], [("not_selected", "2")])


@pytest.mark.parametrize(
    ("scheme", "code"),
    [("eurostat", "TOTAL"), ("eurostat", "UNK"), ("eurostat", "STLS"), ("unhcr", "TIB"), ("name_en", "Stateless")],
)
def test_what_is_no_place_reports_nothing_and_is_where_people_come_from(codes: Codes, scheme: str, code: str) -> None:
    """One scheme of a publisher has both."""
    area = {"column": "geo", "scheme": scheme}
    held = run(codes, {"geo": code}, concepts={**DATASET["concepts"], "ref_area": area})  # type: ignore[dict-item]
    assert said(held) == []
    assert [(row["reason"], row["column"], row["code"]) for row in held.quarantine.to_pylist()] == [
        ("unknown_code", "geo", code)
    ]
    origin = {"ref_area": "MAR", "counterpart_area": area, "counterpart_basis": "citizenship"}
    assert run(codes, {"geo": code}, concepts={**DATASET["concepts"], **origin}).facts.num_rows == 1


def test_that_a_reporting_area_is_not_known_is_for_codes_to_say_and_a_total_is_never_one(tmp_path: Path) -> None:
    concepts = {**DATASET["concepts"], "ref_area": {"column": "geo", "scheme": "unhcr"}}  # type: ignore[dict-item]
    (tmp_path / "codes.csv").write_text(CODES + "*,geo,UKN,ref_area,_U,map,\n", encoding="utf-8")
    done = run(read_codes(tmp_path, CONCEPTS), {"geo": "UKN"}, {"geo": "TIB"}, concepts=concepts)
    assert [row[0] for row in said(done)] == ["_U"]
    assert done.quarantine["code"].to_pylist() == ["TIB"]
    (tmp_path / "codes.csv").write_text(CODES + "*,geo,UKN,ref_area,_T,map,\n", encoding="utf-8")
    with pytest.raises(DeclarationError, match="'_T' is no code"):
        read_codes(tmp_path, CONCEPTS)


@pytest.mark.parametrize(
    ("point", "period", "kept"),
    [
        ("07-01", "2020", True),
        ("07-01", "2020-Q3", True),
        ("07-01", "2020-Q1", False),
        ("12-31", "2020-S1", False),
        ("end", "2020-Q1", True),
    ],
)
def test_a_stock_on_a_day_outside_its_period_is_quarantined(codes: Codes, point: str, period: str, kept: bool) -> None:
    concepts = {**DATASET["concepts"], "time_period": {"column": "time", "period": "sdmx"}}  # type: ignore[dict-item]
    done = run(codes, {"time": period}, concepts=concepts, reference_point=point)
    assert done.facts.num_rows == kept
    assert why(done) == ([] if kept else [("point_outside_period", "line 2")])
    assert "point_outside_period" in QUARANTINED


def test_a_new_flag_stops_the_dataset_and_is_named(codes: Codes) -> None:
    with pytest.raises(DriftError, match=r"column flag: the flags \['C', 'q'\] are not in codes.csv"):
        run(codes, {"flag": "bq"}, {"flag": "C"})


def test_a_marker_cannot_stand_for_a_status_that_says_there_is_a_figure(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text(
        "dataset,column,code,concept,target,treatment\n*,_value,..,obs_status,A,map\n*,_value,-,obs_status,O,map\n"
    )
    with pytest.raises(
        DeclarationError, match=r"line 2: '\.\.' stands where a figure should, and status 'A'"
    ) as caught:
        read_codes(tmp_path, CONCEPTS)
    assert "line 3" not in str(caught.value)


def test_codes_that_a_spreadsheet_saved_are_read(codes: Codes, tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text(CODES, encoding="utf-8-sig")
    assert read_codes(tmp_path, CONCEPTS).rows == codes.rows


def test_a_renamed_column_is_named_with_those_that_there_are(codes: Codes) -> None:
    concepts = {**DATASET["concepts"], "age": {"column": "alter", "scheme": "eurostat"}}  # type: ignore[dict-item]
    with pytest.raises(DriftError, match=r"'alter'.* has geo, sex, time, flag, kind"):
        run(codes, {}, concepts=concepts)


def test_equal_duplicates_count_once_and_contradicting_ones_not_at_all(codes: Codes) -> None:
    done = run(codes, {}, {}, {"geo": "TN"}, {"geo": "TN", VALUE: "8"}, {"geo": "SN"})
    assert [row[0] for row in said(done)] == ["MAR", "SEN"]
    assert why(done) == [
        ("conflicting_duplicate", "line 4"),
        ("conflicting_duplicate", "line 5"),
        ("identical_duplicate", "1"),
    ]


SECRET = {"conf_status": {"column": "secret"}}
#: What stands in the column of confidentiality, the flag and the figure; what becomes of it.
CONFIDENTIAL = [
    ("C", "", None, ("MAR", None, "Q", "C", "suppressed")),
    ("C", "", "..", ("MAR", None, "Q", "C", "suppressed")),
    ("C", "p", "..", ("MAR", None, "Q", "C", "suppressed")),
    ("C", "m", "..", ("MAR", None, "M", "C", "not_applicable")),
    ("", "|C", None, ("MAR", None, "Q", "C", "suppressed")),
    ("F", "", "5", ("MAR", 5.0, "A", "F", None)),
    ("C", "", "5", None),
    ("C", "p", "5", None),
    ("C", "", "0", None),
    ("", "|C", "5", None),
]


@pytest.mark.parametrize(("secret", "flag", "figure", "expected"), CONFIDENTIAL)
def test_what_is_confidential_has_no_figure_and_says_so(
    codes: Codes, secret: str, flag: str, figure: str | None, expected: tuple[object, ...] | None
) -> None:
    concepts = {**DATASET["concepts"], **SECRET}  # type: ignore[dict-item]
    done = run(codes, {"secret": secret, "flag": flag, VALUE: figure}, concepts=concepts)
    assert said(done) == ([] if expected is None else [expected])
    assert [r for r, _ in why(done)] == (["contradiction"] if expected is None else [])


#: The column of confidentiality, the flag and the area; what quarantine tells of the figure 4711.
TOLD = [
    ("X", "", "MA", ("declared_unknown", "(confidential)")),
    ("X", "", "1E5", ("unknown_code", "(confidential)")),
    ("F", "x", "MA", ("declared_unknown", "(confidential)")),
    ("Y", "", "1E5", ("unknown_code", "4711")),
    ("F", "", "1E5", ("unknown_code", "4711")),
]


@pytest.mark.parametrize(("secret", "flag", "geo", "expected"), TOLD)
def test_what_may_be_confidential_is_told_as_if_it_were(
    codes: Codes, secret: str, flag: str, geo: str, expected: tuple[str, str]
) -> None:
    concepts = {**DATASET["concepts"], **SECRET}  # type: ignore[dict-item]
    done = run(codes, {"secret": secret, "flag": flag, "geo": geo, VALUE: "4711"}, concepts=concepts)
    [row] = done.quarantine.to_pylist()
    assert (row["reason"], row["raw"]) == expected
    assert row["place"] == "line 2"


def test_a_new_code_of_confidentiality_stops_the_dataset_and_no_figure_is_told(codes: Codes) -> None:
    concepts = {**DATASET["concepts"], **SECRET}  # type: ignore[dict-item]
    with pytest.raises(DriftError, match=r"column secret: the flags \['Z'\]") as caught:
        run(codes, {"secret": "Z", VALUE: "4711"}, concepts=concepts)
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize("column", ["OBS_CONF", "CONF_STATUS", "obs_conf"])
def test_a_column_of_confidentiality_that_is_not_declared_may_say_that_figures_are_free(
    codes: Codes, column: str
) -> None:
    assert len(said(run(codes, {column: "F"}, {"geo": "TN", column: ""}, {"geo": "SN", column: None}))) == 3
    with pytest.raises(DriftError, match=rf"{column} 'N' \(line 3, 2 figures\).*`conf_status`") as caught:
        run(codes, {column: "F"}, {"geo": "TN", column: "N", VALUE: "4711"}, {"geo": "SN", column: "N"})
    assert "4711" not in str(caught.value)
    declared = {**DATASET["concepts"], "conf_status": {"column": column}}  # type: ignore[dict-item]
    with pytest.raises(DriftError, match=r"not in codes\.csv"):
        run(codes, {column: "N"}, concepts=declared)
    kept = {"kind": ["wanted"], column: ["F"]}
    assert said(run(codes, {column: "F"}, {"geo": "TN", column: "N"}, only=kept))[0][0] == "MAR"


def test_a_column_may_say_why_a_figure_is_missing(codes: Codes) -> None:
    concepts = {**DATASET["concepts"], "missing_reason": {"column": "why", "scheme": "code"}}  # type: ignore[dict-item]
    rows = [
        {"why": "did_not_exist", "flag": "m", VALUE: None},
        {"why": "", "flag": "m", "geo": "RS", VALUE: None},
        {"why": "", "geo": "TN", VALUE: "1"},
        {"why": "suppressed", "geo": "SN", VALUE: "1"},
    ]
    done = run(codes, *rows, concepts=concepts)
    assert said(done) == [
        ("MAR", None, "M", "F", "did_not_exist"),
        ("SRB", None, "M", "F", "not_applicable"),
        ("TUN", 1.0, "A", "F", None),
    ]
    assert [(row["reason"], row["column"]) for row in done.quarantine.to_pylist()] == [("contradiction", "why")]


def test_zero_has_one_content_whatever_its_sign(codes: Codes) -> None:
    plus, minus = (run(codes, {VALUE: zero}) for zero in ("0", "-0.0"))
    assert math.copysign(1, minus.facts["value"][0].as_py()) == 1
    assert plus.content_hash == minus.content_hash


def test_a_dimension_that_is_not_declared_is_refused_with_its_codes(codes: Codes) -> None:
    with pytest.raises(DriftError, match=r"columns that source.yaml does not declare: stay \(long\); .*`only`"):
        run(codes, {"stay": "long"}, dimensions=("geo", "kind", "stay"))
    assert said(run(codes, {"stay": "long"}, dimensions=("geo", "stay"), only={"stay": ["long"]}))
    assert said(run(codes, {"stay": " "}, {"stay": None, "geo": "TN"}, dimensions=("stay",)))


def test_labels_of_a_declared_dimension_need_no_declaration(codes: Codes) -> None:
    data = {"geo": ["MA"], "Area": ["Morocco"], "sex": ["T"], "time": ["2020"], "flag": [""], "kind": ["wanted"]}
    columns = {name: pa.array(cells).dictionary_encode() for name, cells in data.items()}
    own = {VALUE: pa.array(["7"]), PLACE: pa.array(["line {}"]).dictionary_encode(), ROW: pa.array([2], pa.int32())}
    table = TextTable(pa.table({**columns, **own}), dimensions=(("Area", "geo"),))
    dataset = Dataset.model_validate(DATASET)
    done = harmonise({"f" * 64: table}, "toy", dataset, codes, concepts=CONCEPTS, last_year=2027)
    assert done.facts.num_rows == 1


def test_equal_figures_that_a_column_tells_apart_are_no_repeats(codes: Codes) -> None:
    done = run(
        codes, {"stay": "long"}, {"stay": "short"}, {"geo": "TN", "stay": "long"}, {"geo": "TN", "stay": "LONG "}
    )
    assert [row[0] for row in said(done)] == ["TUN"]
    assert why(done) == [
        ("conflicting_duplicate", "line 2"),
        ("conflicting_duplicate", "line 3"),
        ("identical_duplicate", "1"),
    ]
    held = done.quarantine.to_pylist()
    assert [(r["column"], r["code"]) for r in held] == [("stay", "long"), ("stay", "short")]
    assert held[0]["suggestion"] == "declare stay in `concepts`, or keep one code of it with `only`"


def test_codes_that_are_kept_together_and_not_mapped_are_told_apart(codes: Codes) -> None:
    done = run(codes, {"stay": "long"}, {"stay": "short"}, only={"stay": ["long", "short"]})
    assert [r["column"] for r in done.quarantine.to_pylist()] == ["stay", "stay"]


def test_contradicting_figures_name_the_columns_that_differ(codes: Codes) -> None:
    rows = [{"geo": "MC", VALUE: "7", "note": "a"}, {"geo": "MA", VALUE: "8", "note": "a"}]
    [first, second] = run(codes, *rows).quarantine.to_pylist()
    assert (first["column"], first["code"], second["code"]) == ("geo", "MC", "MA")
    assert "or the scheme where it has no line, gives several codes of geo one meaning" in first["suggestion"]
    rows[1]["note"] = "b"
    rows[1]["stay"] = rows[0]["stay"] = "long"
    [first, _] = run(codes, *rows).quarantine.to_pylist()
    assert (first["column"], first["code"]) == ("note", "a")


def test_codes_that_mean_the_same_repeat_each_other(codes: Codes) -> None:
    assert why(run(codes, {"geo": "MC"}, {"geo": "MA"})) == [("identical_duplicate", "1")]


def test_a_multiplier_comes_from_its_column(codes: Codes) -> None:
    rows = [("2018", "3", "1.005"), ("2019", "0", "5"), ("2020", "-2", "1e3"), ("2021", "3", ".."), ("2022", " 6", "7")]
    cells = [{"time": time, "UNIT_MULT": power, VALUE: text} for time, power, text in rows]
    frame = wide(run(codes, *cells, unit_mult={"column": "UNIT_MULT"}, dimensions=("UNIT_MULT",)), "s")
    assert frame.select("value", "unit_mult").rows() == [
        (1005.0, "3"),
        (5.0, "0"),
        (10.0, "-2"),
        (None, "3"),
        (7_000_000.0, "6"),
    ]


@pytest.mark.parametrize(
    ("power", "reason"), [("", "missing_dimension"), ("x", "unknown_code"), ("99", "unknown_code")]
)
def test_a_multiplier_that_says_nothing_or_nonsense_is_kept_back(codes: Codes, power: str, reason: str) -> None:
    done = run(codes, {"UNIT_MULT": power}, unit_mult={"column": "UNIT_MULT"})
    assert (said(done), [r for r, _ in why(done)]) == ([], [reason])


def test_a_blank_multiplier_may_be_declared(codes: Codes) -> None:
    done = run(codes, {"UNIT_MULT": None}, unit_mult={"column": "UNIT_MULT", "blank": 3})
    assert said(done)[0][1] == 7_000


@pytest.mark.parametrize("name", ["UNIT_MULT", "unit_mult"])
def test_a_multiplier_that_is_not_the_declared_one_is_refused(codes: Codes, name: str) -> None:
    with pytest.raises(DriftError, match=rf"column {name} says that 1 figures .* power of 3 \(the first is line 3\)"):
        run(codes, {name: "0"}, {name: "3", "geo": "TN"})
    with pytest.raises(DriftError, match="unit_mult 3"):
        run(codes, {name: "0"}, unit_mult=3)
    assert said(run(codes, {name: "3"}, {name: "", "geo": "TN"}, unit_mult=3))[0][1] == 7_000
    assert said(run(codes, {name: "0"}, {name: "6", "geo": "TN", "kind": "other"}))[0][1] == 7


def test_a_raised_mark_beside_a_figure_is_its_note(codes: Codes) -> None:
    frame = wide(run(codes, {NOTE: "³"}, {NOTE: None, "geo": "TN"}), "s")
    assert frame["note"].to_list() == ["³", None]
    concepts = {**DATASET["concepts"], "note": {"column": "remark"}}  # type: ignore[dict-item]
    assert wide(run(codes, {NOTE: "³", "remark": "x"}, concepts=concepts), "s")["note"].to_list() == ["x"]


def test_a_flag_that_the_status_does_not_tell_stands_in_the_declared_note_before_what_that_says(codes: Codes) -> None:
    concepts = {**DATASET["concepts"], "note": {"column": "remark"}}  # type: ignore[dict-item]
    rows = [{"geo": "MA", "remark": "", "flag": "be"}, {"geo": "TN", "remark": "x", "flag": "be"}]
    assert wide(run(codes, *rows, concepts=concepts), "s").sort("ref_area")["note"].to_list() == ["be", "be; x"]


def test_a_flag_with_words_for_a_note_has_them_there_whatever_the_status(codes: Codes) -> None:
    spoken = replace(codes, rows={**codes.rows, ("*", "flag", "note"): {"p": ("Adjusted", "map")}})
    concepts = {**DATASET["concepts"], "note": {"column": "remark"}}  # type: ignore[dict-item]
    rows = [{"geo": "MA", "flag": "p", "remark": ""}, {"geo": "TN", "flag": "p", "remark": "x"}]
    frame = wide(run(spoken, *rows, {"geo": "SN", "flag": "", "remark": "x"}, concepts=concepts), "s")
    assert frame.select("ref_area", "obs_status", "note").sort("ref_area").rows() == [
        ("MAR", "P", "Adjusted"),
        ("SEN", "A", "x"),
        ("TUN", "P", "Adjusted; x"),
    ]


@pytest.mark.parametrize(
    ("text", "number", "value"),
    [
        ("1.234,5", {"decimal": ",", "group": "."}, 1234.5),
        ("1 234", {"group": " "}, 1234.0),
        ("1,234.5", {"group": ","}, 1234.5),
        ("12,5", {"decimal": ","}, 12.5),
        ("1.23", {"decimal": ",", "group": "."}, None),
        ("1.5", {"decimal": ","}, None),
        ("1,23", {"group": ","}, None),
    ],
)
def test_numbers_are_read_as_declared_and_never_guessed(
    codes: Codes, text: str, number: dict[str, str], value: float | None
) -> None:
    done = run(codes, {VALUE: text}, number=number)
    assert [row[1] for row in said(done)] == ([] if value is None else [value])


def test_thousands_become_persons(codes: Codes) -> None:
    assert said(run(codes, {VALUE: "12.5"}, unit_mult=3))[0][1] == 12_500


def test_the_closest_code_is_suggested_and_not_taken(codes: Codes) -> None:
    done = run(codes, {"geo": "Moroco"})
    assert said(done) == []
    assert done.quarantine.to_pylist()[0]["suggestion"] == "MAR (Morocco)"


def test_content_is_the_same_in_another_order_and_number_format_and_at_another_place(codes: Codes) -> None:
    one = run(codes, {}, {"geo": "TN", VALUE: "8"}, {"geo": "SN", VALUE: ".."})
    other = run(codes, {"geo": "SN", VALUE: ".."}, {"geo": "TN", VALUE: "8.0"}, {VALUE: "7.00"})
    assert one.content_hash == other.content_hash
    assert one.content_hash != run(codes, {}, {"geo": "TN", VALUE: "9"}, {"geo": "SN", VALUE: ".."}).content_hash
    assert (
        one.content_hash
        != run(codes, {"flag": "e"}, {"geo": "TN", VALUE: "8"}, {"geo": "SN", VALUE: ".."}).content_hash
    )


def test_every_cell_is_accounted_for_whatever_comes(codes: Codes) -> None:
    choose = random.Random(7)
    pools: dict[str, list[str | None]] = {
        "geo": ["MA", "TN", "NA", "XY", "QQ", "??", "", None],
        "sex": ["T", "M", "F", "x", None],
        "time": ["2019", "2020", "2020-Q1", "abc", None],
        "flag": ["", "b", "bep", "|C", None],
        "kind": ["wanted", "other"],
        VALUE: ["1", "2.5", "..", "~", "-", "x", "-1", "", None],
    }
    for _ in range(30):
        rows = [{c: choose.choice(p) for c, p in pools.items()} for _ in range(200)]
        done = run(codes, *rows)
        explained = sum(done.explained["count"].to_pylist())
        assert done.facts.num_rows + done.quarantine.num_rows + explained == 200
        assert wide(done, "s").height == done.facts.num_rows


def test_every_reason_of_quarantine_has_a_line_that_says_what_to_do() -> None:
    text = (settings.home() / "CONTRIBUTING.md").read_text(encoding="utf-8")
    told = {word for line in text.splitlines() if line.startswith("| `") for word in line.split("|")[1].split("`")}
    assert set(QUARANTINED) <= told


def test_a_number_that_codes_say_is_no_figure_is_none(codes: Codes, tmp_path: Path) -> None:
    """Where a publisher's nought covers `none` and `not known`, it is not nought."""
    more = (
        "*,_value,0,obs_status,O,map,\n*,_value,0,missing_reason,not_available,map,\n*,_value,-99,obs_status,M,map,\n"
    )
    (tmp_path / "codes.csv").write_text(CODES + more, encoding="utf-8")
    figures = {"MA": "0", "SN": "-99", "TN": "10", "EC": "0.0", "JM": "-99.00"}
    done = run(read_codes(tmp_path, CONCEPTS), *({VALUE: value, "geo": geo} for geo, value in figures.items()))
    assert sorted(said(done)) == [
        ("ECU", None, "O", "F", "not_available"),
        ("JAM", None, "M", "F", "not_applicable"),
        ("MAR", None, "O", "F", "not_available"),
        ("SEN", None, "M", "F", "not_applicable"),
        ("TUN", 10.0, "A", "F", None),
    ]


def test_a_multiplier_that_is_declared_a_remark_is_not_compared(codes: Codes) -> None:
    reader = {"format": "json_records", "measures": ["v"]}
    with pytest.raises(DriftError, match="UNIT_MULT says"):
        run(codes, {"UNIT_MULT": "0"}, unit_mult=6, reader=reader)
    done = run(codes, {"UNIT_MULT": "0"}, unit_mult=6, reader={**reader, "attributes": ["UNIT_MULT"]})
    assert said(done) == [("MAR", 7e6, "A", "F", None)]


def test_projections_are_believed_as_far_as_they_are_declared(codes: Codes) -> None:
    rows = [{"time": year, "geo": geo} for year, geo in (("2027", "MA"), ("2100", "SN"), ("2101", "TN"))]
    assert why(run(codes, *rows)) == [("future_period", "line 3"), ("future_period", "line 4")]
    assert why(run(codes, *rows, projected_to=2100)) == [("future_period", "line 4")]


def test_years_and_months_may_be_written_as_reporting_periods_of_sdmx(codes: Codes) -> None:
    said = {"2023-A1": "MA", "2023-M07": "SN", "2023-S1": "TN", "2023-M13": "EC", "2023-W05": "JM", "2023-M7": "RS"}
    done = run(codes, *({"time": period, "geo": geo} for period, geo in said.items()), reference_point="end")
    found = sorted(wide(done, "s").select("ref_area", "time_period").iter_rows())
    assert found == [("MAR", "2023"), ("SEN", "2023-07"), ("TUN", "2023-S1")]
    assert why(done) == [("bad_period", f"line {n}") for n in (5, 6, 7)]


def test_a_reporting_year_that_is_not_the_calendars_is_refused(codes: Codes) -> None:
    rows = [{"geo": geo, "REPORTING_YEAR_START_DAY": day} for geo, day in (("MA", "--01-01"), ("SN", ""))]
    assert run(codes, *rows).facts.num_rows == 2
    with pytest.raises(DriftError, match=r"REPORTING_YEAR_START_DAY says '--07-01': .* of calendar periods"):
        run(codes, *rows, {"geo": "TN", "REPORTING_YEAR_START_DAY": "--07-01"})


def test_a_date_stands_in_its_month(codes: Codes) -> None:
    concepts = {**DATASET["concepts"], "time_period": {"column": "time", "period": "month"}}
    days = {"2024-05-31": "MA", "2024-06-01T00:00:00": "SN", "2024-05": "TN", "2024-13-01": "EC", "31.05.2024": "JM"}
    rows = [{"time": day, "geo": geo} for day, geo in days.items()]
    done = run(codes, *rows, concepts=concepts, reference_point="end")
    assert sorted(wide(done, "s").select("ref_area", "time_period").iter_rows()) == [
        ("MAR", "2024-05"),
        ("SEN", "2024-06"),
    ]
    assert why(done) == [("bad_period", f"line {n}") for n in (4, 5, 6)]


def test_a_whole_year_is_told_by_its_first_day_and_by_no_other(codes: Codes) -> None:
    concepts = {**DATASET["concepts"], "time_period": {"column": "time", "period": "whole_year"}}
    days = {"2023-01-01T00:00:00": "MA", "2022-01-01": "SN", "2023-01-31": "TN", "2023": "EC", "2023-01-01 12:00": "JM"}
    done = run(codes, *({"time": day, "geo": geo} for day, geo in days.items()), concepts=concepts)
    found = sorted(wide(done, "s").select("ref_area", "time_period").iter_rows())
    assert found == [("MAR", "2023"), ("SEN", "2022")]
    assert why(done) == [("bad_period", f"line {n}") for n in (4, 5, 6)]


def test_a_whole_year_of_two_dates_ends_with_the_year(codes: Codes) -> None:
    days = {
        ("2023-01-01T00:00:00", "2023-12-31T23:59:59"): "MA",
        ("2022-01-01", "2022-12-31"): "SN",
        ("2022-01-01", "2022-06-30"): "TN",
        ("2022-01-01", "2023-12-31"): "EC",
        ("2022-01-01", None): "JM",
    }
    done = run(
        codes,
        *({"time": first, "until": last, "geo": geo} for (first, last), geo in days.items()),
        combined={"both": ["time", "until"]},
        concepts={**DATASET["concepts"], "time_period": {"column": "both", "period": "whole_year"}},
    )
    assert sorted(wide(done, "s").select("ref_area", "time_period").iter_rows()) == [("MAR", "2023"), ("SEN", "2022")]
    assert why(done) == [("bad_period", f"line {n}") for n in (4, 5, 6)]


def test_a_figure_whose_detail_tells_another_period_is_kept_back(codes: Codes) -> None:
    details = {
        ("MA", "2019"): "2019",
        ("TN", "2019.0"): " 2019.0",
        ("SN", "2019"): None,
        ("ZA", "2019"): "",
        ("EC", "2019"): "2019-2020",
        ("JM", "2019"): "2018",
        ("BR", "2019"): "2019-06",
        ("PE", "2019"): "Jan-Mar 2019",
        ("CL", "?"): "2019",
    }
    done = run(
        codes,
        *({"geo": geo, "time": time, "exactly": detail} for (geo, time), detail in details.items()),
        concepts={**DATASET["concepts"], "time_period": {"column": "time", "period": "year", "detail": "exactly"}},
    )
    found = sorted(wide(done, "s").select("ref_area", "time_period").iter_rows())
    assert found == [(area, "2019") for area in ("MAR", "SEN", "TUN", "ZAF")]
    assert sorted(why(done)) == [("bad_period", f"line {n}") for n in (10, 6, 7, 8, 9)]
    kept = {row["code"]: (row["column"], row["suggestion"]) for row in done.quarantine.to_pylist()}
    remedy = "exactly does not say the same period as time; ask the publisher of which one the figure is"
    assert kept["2019, 2019-2020"] == ("time, exactly", remedy)
    assert kept["?"] == ("time", None)


def test_a_publisher_that_no_longer_says_the_period_exactly_is_drift(codes: Codes) -> None:
    time = {"column": "time", "period": "year", "detail": "exactly"}
    with pytest.raises(DriftError, match=r"the declared columns \['exactly'\] are not in the payload"):
        run(codes, {}, concepts={**DATASET["concepts"], "time_period": time})


def test_a_period_of_another_frequency_than_the_publisher_says_is_kept_back(codes: Codes) -> None:
    rows = [
        ("MA", "A", "2020"),
        ("TN", "A", "2020-Q1"),
        ("SN", "Q", "2020-Q3"),
        ("EC", "Q", "2020"),
        ("JM", "X", "2020"),
    ]
    done = run(
        codes,
        *({"geo": geo, "FREQ": freq, "time": time} for geo, freq, time in rows),
        only={"FREQ": ["A", "Q", "X"]},
        stock_or_flow="flow",
        reference_point="period",
    )
    assert sorted(wide(done, "s").select("ref_area", "time_period").iter_rows()) == [
        ("JAM", "2020"),
        ("MAR", "2020"),
        ("SEN", "2020-Q3"),
    ]
    assert why(done) == [("bad_period", "line 3"), ("bad_period", "line 5")]


@pytest.mark.parametrize(
    ("always", "said_of_all", "message"),
    [
        ({"measured": ["PSNS"]}, "PSNS", None),
        ({"measured": ["PSNS"]}, "PCT", "measured says 'PCT', and has always said 'PSNS'"),
        ({"measured": ["PSNS"]}, None, "measured says nothing, and has always said 'PSNS'"),
        ({"measured": [""]}, None, None),
        ({"measured": [""]}, "thousands", "measured says 'thousands', and has always said ''"),
        ({"other": [""]}, "thousands", None),
        ({"measured": ["A:T(*)"]}, "A:T(1.0)", None),
        ({"measured": ["A:T(*)"]}, "A:T2(1.0)", r"measured says 'A:T2\(1.0\)', and has always said 'A:T\(\*\)'"),
        ({"measured": ["A:T(1.0)"]}, "A:T(1.1)", r"measured says 'A:T\(1.1\)'"),
        ({"other": ["PSNS"]}, "PSNS", "other says '', and has always said 'PSNS'"),
    ],
)
def test_what_is_said_of_all_figures_is_what_was_declared(
    codes: Codes, always: dict[str, list[str]], said_of_all: str | None, message: str | None
) -> None:
    rows = [{"measured": said_of_all, "geo": geo} for geo in ("MA", "TN")]
    if message is None:
        assert len(said(run(codes, *rows, always=always))) == 2
    else:
        with pytest.raises(DriftError, match=message):
            run(codes, *rows, always=always)


def test_a_figure_that_another_one_contradicts_is_not_loaded_where_the_other_is_out_of_bounds(codes: Codes) -> None:
    assert why(run(codes, {VALUE: "7761"}, {VALUE: "-7"})) == [("conflicting_duplicate", f"line {n}") for n in (2, 3)]


# -- columns by another name -----------------------------------------------------------------------------------------


def test_a_column_that_another_edition_calls_otherwise_is_the_same_column(codes: Codes) -> None:
    renamed = {"land": ("MA", "TN"), "sex": "TT", "time": ("2020", "2020"), "flag": ("", ""), "kind": ("wanted", "x")}
    data = {c: pa.array(list(v), pa.string()).dictionary_encode() for c, v in renamed.items()}
    data |= {VALUE: pa.array(["7", "8"]), PLACE: pa.array(["line {}"] * 2).dictionary_encode()}
    data |= {ROW: pa.array([2, 3], pa.int32())}
    table = TextTable(pa.table(data), dimensions=(("land", "country"),), labels={"land": {"MA": "Morocco"}})
    dataset = Dataset.model_validate({**DATASET, "also_called": {"geo": ["area", "land"]}})
    done = harmonise({"f" * 64: table}, "toy", dataset, codes, concepts=CONCEPTS, last_year=2027)
    assert said(done) == [("MAR", 7.0, "A", "F", None)]
    assert [(r["column"], r["code"]) for r in done.labels.to_pylist() if r["label"] == "Morocco"] == [("geo", "MA")]
    with pytest.raises(DriftError, match=r"\['geo'\] are not in the payload, which has land"):
        harmonise({"f" * 64: table}, "toy", Dataset.model_validate(DATASET), codes, concepts=CONCEPTS, last_year=2027)


def test_a_dimension_by_another_name_has_to_be_declared_like_any_other(codes: Codes) -> None:
    rows = ({"autre": "a"}, {"autre": "b", "time": "2021"})
    with pytest.raises(DriftError, match="other"):
        run(codes, *rows, dimensions=("autre",), also_called={"other": ["autre"]})


def test_two_columns_under_one_name_are_drift(codes: Codes) -> None:
    with pytest.raises(DriftError, match="has both 'geo' and 'kind'"):
        run(codes, {}, also_called={"geo": ["kind"]})


def test_one_name_for_two_columns_is_refused_when_it_is_declared() -> None:
    with pytest.raises(ValueError, match="one name to two columns"):
        Dataset.model_validate({**DATASET, "also_called": {"geo": ["land"], "sex": ["land"]}})
