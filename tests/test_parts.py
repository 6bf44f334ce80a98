"""Columns that say something together only, and parts that are nought because nobody broke down their whole."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from migstats import settings
from migstats.errors import DeclarationError, DriftError
from migstats.harmonise import Harmonised, harmonise, read_codes, wide
from migstats.readers import PLACE, ROW, VALUE, TextTable
from migstats.source import Dataset

CONCEPTS = settings.include() / "codelists"
FACTS = {
    "id": "figures",
    "title": "t",
    "url": "https://example.org/x",
    "reader": {"format": "unhcr", "measures": ["total", "f", "m"]},
    "combined": {"stage": ["authority", "level"], "counted": ["measure", "pc"]},
    "concepts": {
        "indicator": {"column": "counted"},
        "unit": "PS",
        "ref_area": {"column": "geo", "scheme": "iso3"},
        "sex": {"column": "measure"},
        "time_period": "2020",
        "breakdown": {"column": "stage", "blank": "_T"},
    },
    "stock_or_flow": "flow",
    "reference_point": "period",
}
CODES = """dataset,column,code,concept,target,treatment,note
*,counted,total|P,indicator,ASYLUM_DECISIONS,map,
*,counted,total|C,indicator,ASYLUM_DECISION_CASES,map,
*,counted,f|P,indicator,ASYLUM_DECISIONS,map,
*,counted,m|P,indicator,ASYLUM_DECISIONS,map,
*,measure,total,sex,_T,map,
*,measure,f,sex,F,map,
*,measure,m,sex,M,map,
*,stage,G|FI,breakdown,UNHCR_ASYLUM:G_FI,map,
*,stage,G|,breakdown,UNHCR_ASYLUM:G_NA,map,
*,stage,G|TR,breakdown,UNHCR_ASYLUM:G_FI,map,
*,_value,-,obs_status,O,map,
*,_value,-,missing_reason,not_available,map,
"""
RECORD = {"geo": "MAR", "authority": "G", "level": "FI", "pc": "P", "total": "5", "f": "3", "m": "2"}
MEASURES = ("total", "f", "m")


def run(
    tmp_path: Path, *records: dict[str, str | None], measures: tuple[str, ...] = MEASURES, **changes: object
) -> Harmonised:
    """Records as the readers melt them: one row per record and measure, measure after measure."""
    (tmp_path / "codes.csv").write_text(CODES, encoding="utf-8")
    cells = [
        ({**RECORD, **record}, measure, at)
        for measure in measures
        for at, record in enumerate(records)
        if measure in {**RECORD, **record}
    ]
    names = [name for name in {**RECORD, **records[0]} if name not in MEASURES]
    data = {name: pa.array([r.get(name) for r, _, _ in cells], pa.string()).dictionary_encode() for name in names}
    data["measure"] = pa.array([measure for _, measure, _ in cells]).dictionary_encode()
    data[VALUE] = pa.array([r[measure] for r, measure, _ in cells], pa.string())
    data[PLACE] = pa.array([f"/{{}}/{measure}" for _, measure, _ in cells]).dictionary_encode()
    data[ROW] = pa.array([at for *_, at in cells], pa.int32())
    dataset = Dataset.model_validate({**FACTS, **changes})
    table = TextTable(pa.table(data), dimensions=(("authority",), ("level",), ("pc",), ("measure",)))
    return harmonise(
        {"f" * 64: table}, "toy", dataset, read_codes(tmp_path, CONCEPTS), concepts=CONCEPTS, last_year=2027
    )


def said(done: Harmonised) -> set[tuple[object, ...]]:
    return set(wide(done, "s").select("indicator", "breakdown", "sex", "value").iter_rows())


def test_one_line_of_codes_says_what_a_combination_means(tmp_path: Path) -> None:
    done = run(tmp_path, {}, {"pc": "C", "geo": "SEN"}, measures=("total",))
    assert said(done) == {
        ("ASYLUM_DECISIONS", "UNHCR_ASYLUM:G_FI", "_T", 5.0),
        ("ASYLUM_DECISION_CASES", "UNHCR_ASYLUM:G_FI", "_T", 5.0),
    }


COMBINATIONS = {
    "white space around a part": ({"authority": " G "}, "UNHCR_ASYLUM:G_FI"),
    "a part that is empty is one of the combination": ({"level": ""}, "UNHCR_ASYLUM:G_NA"),
    "where all parts are empty, nothing is said": ({"level": None, "authority": ""}, "_T"),
}


@pytest.mark.parametrize(("record", "breakdown"), COMBINATIONS.values(), ids=COMBINATIONS)
def test_what_a_combination_says(tmp_path: Path, record: dict[str, str | None], breakdown: str) -> None:
    done = run(tmp_path, record, measures=("total",))
    assert said(done) == {("ASYLUM_DECISIONS", breakdown, "_T", 5.0)}


def test_a_combination_that_nobody_mapped_is_quarantined_with_its_parts(tmp_path: Path) -> None:
    [row] = run(tmp_path, {"level": "XX"}, measures=("total",)).quarantine.to_pylist()
    assert (row["reason"], row["column"], row["code"], row["place"]) == ("unknown_code", "stage", "G|XX", "/0/total")


def test_two_combinations_of_one_meaning_with_two_figures_contradict_each_other(tmp_path: Path) -> None:
    done = run(tmp_path, {}, {"level": "TR", "total": "6"}, measures=("total",))
    assert [(r["reason"], r["column"]) for r in done.quarantine.to_pylist()] == [
        ("conflicting_duplicate", "level, stage")
    ] * 2
    same = run(tmp_path, {}, {"level": "TR"}, measures=("total",))
    assert (len(said(same)), same.explained.to_pylist()[0]["reason"]) == (1, "identical_duplicate")


DRIFTS = {
    "a part is renamed": (
        {"level": "a"},
        {"combined": {"stage": ["authority", "niveau"], "counted": ["measure", "pc"]}},
        "niveau.*not in the payload.*level",
    ),
    "the payload has such a column itself": ({"stage": "x"}, {}, "a column 'stage' itself"),
    "a text holds what stands between": ({"level": "F|I"}, {}, r"column level says 'F\|I'"),
}


@pytest.mark.parametrize(("record", "changes", "error"), DRIFTS.values(), ids=DRIFTS)
def test_what_cannot_be_combined_is_drift_that_names_it(
    tmp_path: Path, record: dict[str, str], changes: dict[str, object], error: str
) -> None:
    with pytest.raises(DriftError, match=error):
        run(tmp_path, record, measures=("total",), **changes)


WRONG = {
    "nobody asks for it": (
        {"combined": {**FACTS["combined"], "more": ["a", "b"]}},
        "no concept and no `only` asks for",
    ),
    "a part is made of others": ({"combined": {**FACTS["combined"], "stage": ["counted", "b"]}}, "is a part itself"),
    "of one column": ({"combined": {**FACTS["combined"], "stage": ["a"]}}, "at least 2"),
}


@pytest.mark.parametrize(("changes", "error"), WRONG.values(), ids=WRONG)
def test_what_is_declared_wrong_is_said(changes: dict[str, object], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Dataset.model_validate({**FACTS, **changes})


WHOLES = {"wholes": {"total": ["f", "m"]}}
BREAKDOWNS = {
    "a whole that was not broken down": ({"f": "0", "m": "0"}, {"_T": 5.0}),
    "one part is there, the other is nought": ({"f": "5", "m": "0"}, {"_T": 5.0, "F": 5.0, "M": 0.0}),
    "a whole of nought has parts of nought": ({"total": "0", "f": "0", "m": "0"}, {"_T": 0.0, "F": 0.0, "M": 0.0}),
    "a whole that is missing says nothing": ({"total": "-", "f": "0", "m": "0"}, {"_T": None, "F": 0.0, "M": 0.0}),
    "a missing part stays missing": ({"f": "0", "m": "-"}, {"_T": 5.0, "M": None}),
}


@pytest.mark.parametrize(("record", "figures"), BREAKDOWNS.values(), ids=BREAKDOWNS)
def test_parts_of_a_whole_that_was_not_broken_down_are_not_nought(
    tmp_path: Path, record: dict[str, str], figures: dict[str, float | None]
) -> None:
    done = run(tmp_path, record, **WHOLES)
    assert {sex: value for _, _, sex, value in said(done)} == figures
    left = {r["reason"]: r["count"] for r in done.explained.to_pylist()}
    assert left == ({"declared_ignored": 3 - len(figures)} if len(figures) < 3 else {})
    assert sum(done.landed.values()) == len(figures) + sum(left.values())


def test_each_record_is_looked_at_for_itself(tmp_path: Path) -> None:
    done = run(tmp_path, {"f": "0", "m": "0"}, {"geo": "SEN"}, {"geo": "TUN", "f": "0", "m": "0"}, **WHOLES)
    frame = wide(done, "s")
    assert sorted(frame.select("ref_area", "sex").iter_rows()) == [
        ("MAR", "_T"),
        ("SEN", "F"),
        ("SEN", "M"),
        ("SEN", "_T"),
        ("TUN", "_T"),
    ]


def test_a_measure_of_a_whole_that_is_not_there_is_drift(tmp_path: Path) -> None:
    with pytest.raises(DriftError, match=r"names x.*measures are total, f, m"):
        run(tmp_path, {}, wholes={"total": ["f", "x"]})


def test_a_line_for_a_column_that_nobody_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text(CODES.replace("UNHCR_ASYLUM:G_FI", "NOWHERE:G"), encoding="utf-8")
    with pytest.raises(DeclarationError, match="no code of codelist breakdown"):
        read_codes(tmp_path, CONCEPTS)
