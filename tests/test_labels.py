"""Labels: what codes are called is kept beside the figures, and what is called otherwise is told."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from migstats import vintage
from migstats.gate import listed
from migstats.labels import LABELS, compare, labels_of
from migstats.rules import Rules

Names = Mapping[str, str]
BEFORE: Names = {"TR": "Turkey", "NE": "Niger", "NG": "Nigeria", "MA": "Morocco"}


def side(names: Names, *fields: str, column: str = "geo") -> pl.DataFrame:
    rows = [*((field, "", "") for field in fields), *((column, code, label) for code, label in names.items())]
    return pl.DataFrame(rows, schema=["column", "code", "label"], orient="row")


def found(names: Names, before: Names = BEFORE) -> list[tuple[str, str]]:
    """Scope and severity of what is said of labels."""
    said = compare(side(names), side(before), "stocks", Rules().label_likeness)
    return [(finding.scope, finding.severity) for finding in said]


@pytest.mark.parametrize("label", ["Türkiye", "TURKEY", "Republic of Turkey", "Turkey (from 2022)"])
def test_another_spelling_is_a_notice(label: str) -> None:
    assert found({**BEFORE, "TR": label}) == [("geo=TR", "notice")]


@pytest.mark.parametrize("label", ["Germany", "Elsewhere", "Kosovo"])
def test_another_meaning_is_a_breach(label: str) -> None:
    assert found({**BEFORE, "TR": label}) == [("geo=TR", "breach")]


def test_the_label_of_another_code_is_a_breach_however_alike_they_are() -> None:
    assert found({**BEFORE, "NE": "Nigeria"}) == [("geo=NE", "breach")]
    assert found({**BEFORE, "NE": "Nigeria", "NG": "Niger"}) == [("geo=NE", "breach"), ("geo=NG", "breach")]
    assert found({**BEFORE, "NE": "Nigeria"}, {"NE": "Niger"}) == [("geo=NE", "notice")]


def test_equal_labels_and_codes_that_come_and_go_are_nothing() -> None:
    assert found(BEFORE) == []
    assert found({"TR": "Turkey", "XK": "Kosovo"}) == []


def test_a_finding_has_both_labels_and_says_how_far_they_are_apart() -> None:
    [finding] = compare(side({"TR": "Germany"}), side(BEFORE), "stocks", Rules().label_likeness)
    assert (finding.kind, finding.found) == ("label", "Germany")
    assert "geo TR is called 'Germany' now, and was 'Turkey'" in finding.message
    assert "if not, reject, and mend codes.csv" in finding.message.casefold()
    assert finding.size == pytest.approx(1 - 4 / 13, abs=1e-4)


def test_fields_that_come_and_go_are_notices() -> None:
    now, was = side(BEFORE, "geo", "note"), side(BEFORE, "geo", "unit")
    said = [(f.kind, f.severity, f.scope, f.found) for f in compare(now, was, "stocks", Rules().label_likeness)]
    assert said == [("field", "notice", "note", "new"), ("field", "notice", "unit", "gone")]


def test_the_order_of_rows_makes_no_difference() -> None:
    renamed = {code: f"Of {label}" for code, label in BEFORE.items()} | {"TR": "Germany"}
    both = [side(renamed, "geo", "note"), side(BEFORE, "geo")]
    first = listed(compare(*both, "stocks", Rules().label_likeness), Rules())
    for seed in range(5):
        shuffled = [table.sample(fraction=1, shuffle=True, seed=seed) for table in both]
        assert listed(compare(*shuffled, "stocks", Rules().label_likeness), Rules()) == first
    assert [f.severity for f in first] == ["breach", "notice", "notice", "notice", "notice"]


def told(pages: Sequence[Mapping[str, Names]]) -> pa.Table:
    columns = {"geo": ["TR", "MA", None], "note": ["", "", "x"], "_value": ["1", "2", "3"]}
    table = pa.table({name: pa.array(cells).dictionary_encode() for name, cells in columns.items()})
    return labels_of(table, pages, {"geo", "sex"})


def test_labels_of_codes_that_occur_are_kept_with_the_fields_that_there_are() -> None:
    labels = told([{"geo": {"TR": " Turkey ", "XK": "Kosovo"}, "note": {"x": "a note"}}])
    assert labels.schema == LABELS
    assert [tuple(row.values()) for row in labels.to_pylist()] == [
        ("geo", "", ""),
        ("geo", "TR", "Turkey"),
        ("note", "", ""),
    ]


def test_pages_that_call_a_code_otherwise_give_the_same_labels_in_any_order() -> None:
    pages: list[Mapping[str, Names]] = [{"geo": {"TR": "Turkey"}}, {"geo": {"TR": "Türkiye", "MA": "Morocco"}}, {}]
    first = told(pages)
    random.Random(1).shuffle(pages)
    assert told(pages).equals(told(pages[::-1]))
    assert told(pages).equals(first)


@pytest.mark.parametrize("left", [b"", b"PAR1 and no more"])
def test_labels_that_the_machine_lost_are_as_none_that_were_kept(lake: Path, left: bytes) -> None:
    """They are not brought to disk: what a power cut leaves of them must not stop the gate."""
    file = lake / "observations" / "toy" / "labels.parquet"
    file.parent.mkdir(parents=True)
    file.write_bytes(left)
    assert vintage.labels("observations/toy") is None
