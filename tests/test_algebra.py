"""Zero, missing, suppressed, not applicable, did not exist: five things in every sum and ratio, in Python and SQL."""

from __future__ import annotations

import itertools
import random

import polars as pl
import pytest

from migstats import settings, warehouse
from migstats.algebra import ratio, rules, total
from migstats.codelists import read_codelist
from migstats.observation import EITHER_WAY, WITHOUT_VALUE

Part = tuple[float | None, str, str | None]

ZERO: Part = (0.0, "A", None)
SEVEN: Part = (7.0, "A", None)
ESTIMATE: Part = (5.0, "E", None)
BREAK: Part = (3.0, "B", None)
MISSING: Part = (None, "O", "not_available")
NOT_COLLECTED: Part = (None, "L", "not_collected")
SUPPRESSED: Part = (None, "Q", "suppressed")
TINY: Part = (None, "N", "below_half_unit")
ABSENT: Part = (None, "M", "did_not_exist")
SENSELESS: Part = (None, "M", "not_applicable")

#: Parts → value, status and reason of the sum, share of the parts that have a figure.
SUMS: dict[str, tuple[list[Part], tuple[float | None, str, str | None, float | None]]] = {
    "figures": ([SEVEN, SEVEN], (14, "A", None, 1)),
    "zeros are figures": ([ZERO, ZERO], (0, "A", None, 1)),
    "an estimate makes the sum one": ([SEVEN, ESTIMATE, BREAK], (15, "E", None, 1)),
    "a missing part is no zero": ([SEVEN, MISSING], (None, "O", "not_available", 0.5)),
    "a suppressed part": ([SEVEN, SEVEN, SEVEN, SUPPRESSED], (None, "Q", "suppressed", 0.75)),
    "a part that nobody counts": ([SEVEN, NOT_COLLECTED, SUPPRESSED], (None, "L", "not_collected", 1 / 3)),
    "missing says more than suppressed": ([SUPPRESSED, MISSING, NOT_COLLECTED], (None, "O", "not_available", 0)),
    "less than half of a unit is not nothing": ([SEVEN, TINY], (None, "O", "not_available", 0.5)),
    "what did not exist takes nothing away": ([SEVEN, ABSENT], (7, "A", None, 1)),
    "what makes no sense is no part": ([ZERO, SENSELESS], (0, "A", None, 1)),
    "nothing of it existed": ([ABSENT, ABSENT], (None, "M", "did_not_exist", None)),
    "nothing of it can be": ([ABSENT, SENSELESS], (None, "M", "not_applicable", None)),
    "all is missing": ([MISSING, ABSENT], (None, "O", "not_available", 0)),
}

#: Numerator, denominator → value, status and reason of the ratio.
RATIOS: dict[str, tuple[Part, Part, tuple[float | None, str, str | None]]] = {
    "figures": (SEVEN, (2.0, "P", None), (3.5, "P", None)),
    "zero of something": (ZERO, SEVEN, (0, "A", None)),
    "nothing is divided by zero": (SEVEN, ZERO, (None, "M", "not_applicable")),
    "missing by zero": (MISSING, ZERO, (None, "O", "not_available")),
    "suppressed of something": (SUPPRESSED, SEVEN, (None, "Q", "suppressed")),
    "of what did not exist": (SEVEN, ABSENT, (None, "M", "did_not_exist")),
    "missing of what did not exist": (MISSING, ABSENT, (None, "M", "did_not_exist")),
    "what makes no sense of what is missing": (SENSELESS, MISSING, (None, "M", "not_applicable")),
}

SCHEMA = {"key": pl.Int64, "published_value": pl.Float64, "obs_status": pl.String, "missing_reason": pl.String}
SIDES = {
    f"{side}{of}": t
    for side in ("numerator", "denominator")
    for of, t in (("", pl.Float64), ("_status", pl.String), ("_reason", pl.String))
}


def close(one: object, other: object) -> bool:
    return one == other or (isinstance(one, float | int) and one == pytest.approx(other))


@pytest.mark.parametrize(("parts", "expected"), SUMS.values(), ids=SUMS)
def test_a_sum_says_what_it_misses(parts: list[Part], expected: tuple[object, ...]) -> None:
    for order in itertools.islice(itertools.permutations(parts), 6):
        frame = pl.DataFrame([(0, *part) for part in order], schema=SCHEMA, orient="row")
        found = total(frame, ["key"]).row(0, named=True)
        got = (found["value"], found["obs_status"], found["missing_reason"], found["coverage"])
        assert all(map(close, got, expected)), got


@pytest.mark.parametrize(("numerator", "denominator", "expected"), RATIOS.values(), ids=RATIOS)
def test_a_ratio_says_what_it_misses(numerator: Part, denominator: Part, expected: tuple[object, ...]) -> None:
    frame = pl.DataFrame([(*numerator, *denominator)], schema=SIDES, orient="row")
    assert ratio(frame).select("value", "obs_status", "missing_reason").row(0) == expected


def test_every_status_has_its_line_with_a_figure_where_it_may_have_one_and_without() -> None:
    may = read_codelist(settings.include() / "codelists", "obs_status").column("has_value")
    expected = {(s, f) for s, m in may.items() for f in ("yes", "no") if m in (f, "either")}
    assert set(rules().select("obs_status", "figure").iter_rows()) == expected
    reasons = read_codelist(settings.include() / "codelists", "missing_reason").column("obs_status")
    said = rules().filter(pl.col("sum_reason") != "")
    assert all(reasons[r] == s for s, r in said.select("sum_status", "sum_reason").iter_rows())


# -- against a slow and plain reference, with random parts ----------------------------------------------------------


def any_part(random_: random.Random) -> Part:
    may = read_codelist(settings.include() / "codelists", "obs_status").column("has_value")
    status = random_.choice([*may, "A", "A", "A", "A", "A", "M", "M", "E"])
    if status in WITHOUT_VALUE or (status in EITHER_WAY and random_.random() < 0.5):
        listed = read_codelist(settings.include() / "codelists", "missing_reason").column("obs_status")
        return None, status, random_.choice([None, *(r for r, s in listed.items() if s == status)])
    return float(random_.choice([0, 1, 5, 100, -3])), status, None


def order_of(part: Part) -> int:
    """How much a part says against its sum, from the words of the rules and not from their numbers."""
    value, status, reason = part
    if status == "M":
        return 0 if reason == "did_not_exist" else 1
    if value is not None:
        return 2 + "AWDGVBJKSIPUEF".index(status)
    return 100 + {"Q": 0, "L": 1}.get(status, 2)


def slow_total(parts: list[Part]) -> tuple[float | None, str, str | None, float | None]:
    known, count = 0.0, 0
    of_it = [p for p in parts if p[1] != "M"]
    for value, _, _ in of_it:
        if value is not None:
            known, count = known + value, count + 1
    worst = max(parts, key=order_of)
    status, reason = worst[1], worst[2]
    if worst[0] is None:
        if status == "M":
            reason = "did_not_exist" if order_of(worst) == 0 else "not_applicable"
        elif status not in "QL":
            status, reason = "O", "not_available"
        else:
            reason = {"Q": "suppressed", "L": "not_collected"}[status]
    full = bool(of_it) and count == len(of_it)
    return known if full else None, status, reason, count / len(of_it) if of_it else None


def slow_ratio(one: Part, other: Part) -> tuple[float | None, str, str | None]:
    for reason in ("did_not_exist", "not_applicable"):
        for part in (one, other):
            if part[1] == "M" and (part[2] == "did_not_exist") == (reason == "did_not_exist"):
                return None, "M", reason
    _, status, why, _ = slow_total([one, other])
    if one[0] is None or other[0] is None:
        return None, status, why
    return (None, "M", "not_applicable") if other[0] == 0 else (one[0] / other[0], status, None)


def test_python_agrees_with_the_reference() -> None:
    random_ = random.Random(20261126)
    groups = [[any_part(random_) for _ in range(random_.randint(1, 6))] for _ in range(2000)]
    rows = [(key, *part) for key, parts in enumerate(groups) for part in parts]
    random_.shuffle(rows)
    found = total(pl.DataFrame(rows, schema=SCHEMA, orient="row"), ["key"]).sort("key")
    for parts, row in zip(groups, found.iter_rows(named=True), strict=True):
        got = (row["value"], row["obs_status"], row["missing_reason"], row["coverage"])
        assert all(map(close, got, slow_total(parts))), (parts, got)
    pairs = [(any_part(random_), any_part(random_)) for _ in range(2000)]
    done = ratio(pl.DataFrame([(*a, *b) for a, b in pairs], schema=SIDES, orient="row"))
    for pair, row in zip(pairs, done.select("value", "obs_status", "missing_reason").iter_rows(), strict=True):
        assert all(map(close, row, slow_ratio(*pair))), (pair, row)


def test_a_sum_of_sums_is_the_sum_of_all() -> None:
    """Whoever adds up provinces to a country and countries to a region says the same as who adds up the provinces."""
    random_ = random.Random(7)
    for _ in range(300):
        parts = [any_part(random_) for _ in range(6)]
        halves = [slow_total(half)[:3] for half in (parts[:2], parts[2:])]
        frame = pl.DataFrame([(0, *half) for half in halves], schema=SCHEMA, orient="row")
        found = total(frame, ["key"]).row(0, named=True)
        got = (found["value"], found["obs_status"], found["missing_reason"])
        assert all(map(close, got, slow_total(parts)[:3])), (parts, got)


@pytest.mark.database
def test_sql_agrees_with_the_reference_and_the_reader_may_run_it(warehouse_url: str) -> None:
    random_ = random.Random(11)
    groups = [[any_part(random_) for _ in range(random_.randint(1, 6))] for _ in range(500)]
    pairs = [(any_part(random_), any_part(random_)) for _ in range(500)]
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("CREATE TABLE bi.part (key integer, value float8, status text, reason text)")
        connection.execute("CREATE TABLE bi.pair (key integer, n float8, ns text, nr text, d float8, ds text, dr text)")
        connection.execute("GRANT SELECT ON bi.part, bi.pair TO bi_reader")
        with connection.cursor() as cursor:
            rows = [(key, *part) for key, parts in enumerate(groups) for part in parts]
            cursor.executemany("INSERT INTO bi.part VALUES (%s, %s, %s, %s)", rows)
            rows_of_pairs = [(key, *a, *b) for key, (a, b) in enumerate(pairs)]
            cursor.executemany("INSERT INTO bi.pair VALUES (%s, %s, %s, %s, %s, %s, %s)", rows_of_pairs)
        connection.execute("SET ROLE bi_reader")
        found = connection.execute(
            "SELECT key, bi.total(value, status, reason) AS value, bi.total_status(value, status, reason) AS status, "
            "bi.total_reason(value, status, reason) AS reason, bi.coverage(value, status, reason) AS coverage "
            "FROM bi.part GROUP BY key ORDER BY key"
        ).fetchall()
        ratios = connection.execute(
            "SELECT CASE WHEN r < 30 THEN n / d END AS value, bi.status_of_rank(r) AS status, "
            "bi.reason_of_rank(r) AS reason "
            "FROM (SELECT *, bi.ratio_rank(n, ns, nr, d, ds, dr) AS r FROM bi.pair) AS p "
            "ORDER BY key"
        ).fetchall()
        nothing = connection.execute(
            "SELECT bi.total(value, status, reason) AS value, bi.total_status(value, status, reason) AS status "
            "FROM bi.part WHERE false"
        ).fetchall()
    for parts, row in zip(groups, found, strict=True):
        got = (row["value"], row["status"], row["reason"], row["coverage"])
        assert all(map(close, got, slow_total(parts))), (parts, got)
    for pair, row in zip(pairs, ratios, strict=True):
        got = (row["value"], row["status"], row["reason"])
        assert all(map(close, got, slow_ratio(*pair))), (pair, got)
    assert nothing == [{"value": None, "status": "O"}], "a sum of nothing is not zero"


@pytest.mark.database
def test_sql_has_the_ranks_of_the_table(warehouse_url: str) -> None:
    ask = "SELECT bi.status_rank(%s, %s, %s) AS rank, bi.status_of_rank(%s) AS status, bi.reason_of_rank(%s) AS reason"
    with warehouse.connect(warehouse_url) as connection:
        for line in rules().iter_rows(named=True):
            value = 1.0 if line["figure"] == "yes" else None
            rank = line["rank"]
            (row,) = connection.execute(ask, (value, line["obs_status"], line["missing_reason"], rank, rank)).fetchall()
            assert row == {"rank": rank, "status": line["sum_status"], "reason": line["sum_reason"] or None}, line
