"""Publish: what BI reads moves to the accepted vintages, and SUM(value) counts nothing twice."""

from __future__ import annotations

import csv
import datetime as dt
import threading
from pathlib import Path

import pytest
import toy

from migstats import publish, warehouse
from migstats.exports.selection import topics
from migstats.observation import SERIES_DIMENSIONS
from migstats.source import Source, read_source

pytestmark = pytest.mark.database

LATER = toy.DAY + dt.timedelta(days=1)
A, B = "figures/part=a", "figures/part=b"
CONTRACT = Path(__file__).parent / "contracts" / "bi.csv"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Source]:
    return toy.declare(tmp_path, monkeypatch, "toy", "zoo", "ark")


def shown(url: str, column: str = "value") -> dict[str, float | None]:
    with warehouse.connect(url) as connection:
        rows = connection.execute("SELECT * FROM bi.observation_all WHERE method = 'published'").fetchall()
    return {r["observation_id"]: r[column] for r in rows}


def naive_sum(url: str) -> float:
    with warehouse.connect(url) as connection:
        return float(
            connection.execute("SELECT coalesce(sum(value), 0) AS s FROM bi.fact_observation").fetchall()[0]["s"]
        )


def load_and_publish(url: str, source: Source, rows: list[dict[str, str]]) -> publish.Publication:
    toy.load(url, source, toy.read(url, source, A, rows))
    return publish.publish(url, run_id="test")


SUMS = {
    "a total alone counts": ([{"OBS_VALUE": "100"}], 100),
    "sexes that add up count, their total does not": (
        [{"OBS_VALUE": "100"}, {"SEX": "M", "OBS_VALUE": "60"}, {"SEX": "F", "OBS_VALUE": "40"}],
        100,
    ),
    "an incomplete breakdown falls back to the total": ([{"OBS_VALUE": "1000"}, {"SEX": "M", "OBS_VALUE": "60"}], 1000),
    "a suppressed part falls back to the total": (
        [{"OBS_VALUE": "1000"}, {"SEX": "M", "OBS_VALUE": "600"}, {"SEX": "F", "OBS_VALUE": "", "OBS_STATUS": "Q"}],
        1000,
    ),
    "groups of areas never count": ([{"OBS_VALUE": "100"}, {"REF_AREA": "001", "OBS_VALUE": "900"}], 100),
    "two margins of one total count once": (
        [
            {"OBS_VALUE": "100"},
            {"SEX": "M", "OBS_VALUE": "60"},
            {"SEX": "F", "OBS_VALUE": "40"},
            {"COUNTERPART": "FRA", "BASIS": "origin", "OBS_VALUE": "70"},
            {"COUNTERPART": "ESP", "BASIS": "origin", "OBS_VALUE": "30"},
        ],
        100,
    ),
    "quarters do not count beside their year": (
        [{"OBS_VALUE": "100"}, *({"TIME_PERIOD": f"2020-Q{q}", "OBS_VALUE": "25"} for q in range(1, 5))],
        100,
    ),
    "of a stock without a year one day counts": (
        [{"TIME_PERIOD": f"2020-Q{q}", "OBS_VALUE": str(q)} for q in range(1, 5)],
        4,
    ),
    "of a flow without a year all quarters count": (
        [
            {"INDICATOR": "NET_MIG", "COUNTERPART": "_T", "TIME_PERIOD": f"2020-Q{q}", "OBS_VALUE": str(q)}
            for q in range(1, 5)
        ],
        10,
    ),
    "an age band that lies in another one is told by that one": (
        [
            {"OBS_VALUE": "10"},
            {"AGE": "Y0T14", "OBS_VALUE": "4"},
            {"AGE": "Y_GE15", "OBS_VALUE": "6"},
            {"AGE": "Y15T24", "OBS_VALUE": "4"},
        ],
        10,
    ),
    "without a total the wider band counts": (
        [
            {"AGE": "Y0T4", "OBS_VALUE": "400"},
            {"AGE": "Y0T14", "OBS_VALUE": "900"},
            {"AGE": "Y_GE15", "OBS_VALUE": "100"},
        ],
        1000,
    ),
    "women alone are not everybody": ([{"SEX": "F", "OBS_VALUE": "4"}], 0),
    "nor are women and girls, by origin": (
        [
            {"SEX": "F", "COUNTERPART": "FRA", "BASIS": "origin", "OBS_VALUE": "4"},
            {"SEX": "F", "COUNTERPART": "ESP", "BASIS": "origin", "OBS_VALUE": "4"},
        ],
        0,
    ),
    "women alone have a figure, and men none": (
        [{"SEX": "F", "OBS_VALUE": "10"}, {"SEX": "M", "OBS_VALUE": "", "OBS_STATUS": "Q"}],
        0,
    ),
    "cases count as persons do": (
        [{"INDICATOR": "ASYLUM_APPLICATION_CASES", "UNIT": "CASES", "OBS_VALUE": "7"}],
        7,
    ),
    "women, and those whose sex is not known": ([{"SEX": "F", "OBS_VALUE": "9"}, {"SEX": "_U", "OBS_VALUE": "1"}], 0),
    "ages, of which the first has no figure": (
        [{"AGE": "Y0T14", "OBS_VALUE": "", "OBS_STATUS": "O"}, {"AGE": "Y_GE15", "OBS_VALUE": "6"}],
        0,
    ),
    "ages with a hole between them": (
        [{"AGE": "Y0T14", "OBS_VALUE": "4"}, {"AGE": "Y_GE65", "OBS_VALUE": "6"}],
        0,
    ),
    "ages with a gap come after sexes without": (
        [
            {"AGE": "Y0T14", "OBS_VALUE": "4"},
            {"AGE": "Y_GE15", "OBS_VALUE": "", "OBS_STATUS": "O"},
            {"SEX": "M", "OBS_VALUE": "5"},
            {"SEX": "F", "OBS_VALUE": "6"},
        ],
        11,
    ),
    "an age band that ends is not everybody": ([{"AGE": "Y0T17", "OBS_VALUE": "4"}], 0),
    "an open one may be all that are asked": ([{"AGE": "Y_GE15", "OBS_VALUE": "4"}], 4),
    "origins that the catalogue does not add up do not count": (
        [
            {"INDICATOR": "REMIT_IN", "UNIT": "USD", "COUNTERPART": "FRA", "BASIS": "origin", "OBS_VALUE": "3"},
            {"INDICATOR": "REMIT_IN", "UNIT": "USD", "COUNTERPART": "ESP", "BASIS": "origin", "OBS_VALUE": "4"},
        ],
        0,
    ),
    "nor do other parts": (
        [
            {"INDICATOR": "GDP", "UNIT": "USD", "SEX": "M", "OBS_VALUE": "3"},
            {"INDICATOR": "GDP", "UNIT": "USD", "SEX": "F", "OBS_VALUE": "4"},
        ],
        0,
    ),
    "nor do quarters": (
        [
            {"INDICATOR": "SCHOLARSHIP_FLOWS", "UNIT": "USD_CONSTANT", "TIME_PERIOD": f"2020-Q{q}", "OBS_VALUE": "1"}
            for q in range(1, 5)
        ],
        0,
    ),
    "dollars of one year's prices count": (
        [{"INDICATOR": "SCHOLARSHIP_FLOWS", "UNIT": "USD_CONSTANT", "OBS_VALUE": "7"}],
        7,
    ),
    "applicants are added up by sex": (
        [{"INDICATOR": "ASYLUM_APPLICATIONS", "SEX": sex, "OBS_VALUE": "3"} for sex in "MF"],
        6,
    ),
    "bands that cross are no partition": (
        [{"OBS_VALUE": "9"}, {"AGE": "Y0T14", "OBS_VALUE": "4"}, {"AGE": "Y10T19", "OBS_VALUE": "5"}],
        9,
    ),
    "a small suppressed part falls back to the total": (
        [{"OBS_VALUE": "8"}, {"SEX": "M", "OBS_VALUE": "5"}, {"SEX": "F", "OBS_VALUE": "", "OBS_STATUS": "Q"}],
        8,
    ),
    "shares and rates never count": (
        [{"INDICATOR": "REMIT_IN_GDP", "OBS_VALUE": "7", "UNIT": "PT_GDP"}, {"OBS_VALUE": "3"}],
        3,
    ),
    "instances of a procedure are not added up": (
        [
            {"INDICATOR": "ASYLUM_DECISIONS", "BREAKDOWN": "UNHCR_ASYLUM:G_FI", "OBS_VALUE": "100"},
            {"INDICATOR": "ASYLUM_DECISIONS", "BREAKDOWN": "UNHCR_ASYLUM:G_AR", "OBS_VALUE": "60"},
        ],
        0,
    ),
    "a breakdown by scheme:code that adds up to a total counts": (
        [
            {"INDICATOR": "ASYLUM_DECISIONS", "OBS_VALUE": "160"},
            {"INDICATOR": "ASYLUM_DECISIONS", "BREAKDOWN": "UNHCR_ASYLUM:G_FI", "OBS_VALUE": "100"},
            {"INDICATOR": "ASYLUM_DECISIONS", "BREAKDOWN": "UNHCR_ASYLUM:U_FI", "OBS_VALUE": "60"},
        ],
        160,
    ),
    "a missing figure adds nothing": ([{"OBS_VALUE": "", "OBS_STATUS": "O"}, {"REF_AREA": "SRB", "OBS_VALUE": "7"}], 7),
}


@pytest.mark.parametrize(("rows", "total"), SUMS.values(), ids=SUMS)
def test_a_naive_sum_counts_nothing_twice(
    warehouse_url: str, sources: list[Source], rows: list[dict[str, str]], total: float
) -> None:
    load_and_publish(warehouse_url, sources[0], [{**row} for row in rows])
    assert naive_sum(warehouse_url) == total
    published = shown(warehouse_url, "published_value")
    assert len(published) == len(rows)
    assert sorted(v for v in published.values() if v is not None) == sorted(
        float(r["OBS_VALUE"]) for r in rows if r["OBS_VALUE"]
    )


def test_of_two_sources_of_one_indicator_the_preferred_one_counts(warehouse_url: str, sources: list[Source]) -> None:
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("UPDATE ref.source_preference SET sources = 'zoo|ark' WHERE code = 'MIG_STOCK'")
    for source, value in zip(sources[1:], ("100", "95"), strict=True):
        load_and_publish(warehouse_url, source, [{"OBS_VALUE": value}])
    assert naive_sum(warehouse_url) == 100
    assert sorted(v for v in shown(warehouse_url, "published_value").values() if v) == [95, 100]


MISSING: dict[str, str] = {"OBS_VALUE": "", "OBS_STATUS": "O"}
TOTAL: dict[str, str] = {}
MEN, WOMEN = {"SEX": "M"}, {"SEX": "F"}
#: What the preferred source and another have of one cell, and what counts of it.
PARTS: dict[str, tuple[list[dict[str, str]], list[dict[str, str]], float]] = {
    "a part is missing": (
        [{**TOTAL, **MISSING}, {**WOMEN, **MISSING}, {**MEN, "OBS_VALUE": "60"}],
        [{"OBS_VALUE": "100"}],
        100,
    ),
    "a part is missing, and the whole is told by parts": (
        [{**WOMEN, **MISSING}, {**MEN, "OBS_VALUE": "60"}],
        [{"OBS_VALUE": "100"}, {**WOMEN, "OBS_VALUE": "45"}, {**MEN, "OBS_VALUE": "55"}],
        100,
    ),
    "all parts are there": (
        [{**TOTAL, **MISSING}, {**WOMEN, "OBS_VALUE": "45"}, {**MEN, "OBS_VALUE": "60"}],
        [{"OBS_VALUE": "100"}],
        105,
    ),
    "a part is missing in both": (
        [{**WOMEN, **MISSING}, {**MEN, "OBS_VALUE": "60"}],
        [{**WOMEN, **MISSING}, {**MEN, "OBS_VALUE": "55"}],
        0,
    ),
    "a part is missing, and of the other nobody knows whether it is a whole": (
        [{**WOMEN, **MISSING}, {**MEN, "OBS_VALUE": "60"}],
        [{"COUNTERPART": "FRA", "BASIS": "origin", "OBS_VALUE": "5"}],
        5,
    ),
    "a part is missing, and of the other a quarter of the year": (
        [{"INDICATOR": "NET_MIG", **WOMEN, **MISSING}, {"INDICATOR": "NET_MIG", **MEN, "OBS_VALUE": "60"}],
        [{"INDICATOR": "NET_MIG", "TIME_PERIOD": "2020-Q1", "OBS_VALUE": "20"}],
        20,
    ),
    "a part is missing, and all quarters of the other are there": (
        [{"INDICATOR": "NET_MIG", **WOMEN, **MISSING}, {"INDICATOR": "NET_MIG", **MEN, "OBS_VALUE": "60"}],
        [{"INDICATOR": "NET_MIG", "TIME_PERIOD": f"2020-Q{q}", "OBS_VALUE": "25"} for q in range(1, 5)],
        100,
    ),
    "a part is missing, and there is no other": ([{**WOMEN, **MISSING}, {**MEN, "OBS_VALUE": "60"}], [], 0),
}


@pytest.mark.parametrize(("first", "second", "total"), PARTS.values(), ids=PARTS)
def test_parts_with_a_gap_do_not_count_where_another_source_has_a_whole(
    warehouse_url: str, sources: list[Source], first: list[dict[str, str]], second: list[dict[str, str]], total: float
) -> None:
    with warehouse.connect(warehouse_url) as connection:
        connection.execute(
            "UPDATE ref.source_preference SET sources = 'zoo|ark' WHERE code IN ('MIG_STOCK', 'NET_MIG')"
        )
    for source, rows in zip(sources[1:], (first, second), strict=True):
        if rows:
            load_and_publish(warehouse_url, source, rows)
    assert naive_sum(warehouse_url) == total
    with warehouse.connect(warehouse_url) as connection:
        ready = connection.execute("SELECT sum(value) AS s FROM bi.annual_sum").fetchall()
        told = connection.execute(
            "SELECT published_value FROM bi.fact_observation WHERE sex = '_T' AND counterpart_area = '_T' "
            "AND time_period = '2020' AND published_value IS NOT NULL AND method = 'published'"
        ).fetchall()
    assert (ready[0]["s"] or 0) == total
    if whole := [row["published_value"] for row in told]:
        assert total >= max(whole), "no less than the total that readers are shown"


def test_of_two_sources_one_counts_whatever_their_frequencies(warehouse_url: str, sources: list[Source]) -> None:
    load_and_publish(warehouse_url, sources[1], [{"OBS_VALUE": "100"}])
    load_and_publish(warehouse_url, sources[2], [{"TIME_PERIOD": "2020-Q4", "OBS_VALUE": "95"}])
    assert naive_sum(warehouse_url) == 95  # ark stands before zoo


def test_publish_moves_bi_once_and_writes_only_what_differs(warehouse_url: str, sources: list[Source]) -> None:
    first = load_and_publish(warehouse_url, sources[0], [{}, {"REF_AREA": "SRB"}])
    again = publish.publish(warehouse_url, run_id="test")
    toy.load(warehouse_url, sources[0], toy.read(warehouse_url, sources[0], B, [{"REF_AREA": "NPL"}], at=LATER))
    more = publish.publish(warehouse_url, run_id="test")
    assert (first.added, first.removed) == (2, 0)
    assert (again.vintages, again.added, again.removed) == ({}, 0, 0)
    assert (more.added, more.removed) == (1, 0)


def test_an_indicator_that_a_source_drops_whole_leaves_bi(warehouse_url: str, sources: list[Source]) -> None:
    rows = [{"OBS_VALUE": "100"}, {"INDICATOR": "NET_MIG", "OBS_VALUE": "7"}]
    load_and_publish(warehouse_url, sources[0], rows)
    assert sorted(shown(warehouse_url, "indicator").values()) == ["MIG_STOCK", "NET_MIG"]

    toy.load(warehouse_url, sources[0], toy.read(warehouse_url, sources[0], A, rows[:1], at=LATER))
    publish.publish(warehouse_url, run_id="test")

    assert list(shown(warehouse_url, "indicator").values()) == ["MIG_STOCK"]


def test_a_day_that_is_none_in_one_source_holds_up_no_other(warehouse_url: str, sources: list[Source]) -> None:
    toy_, zoo, ark = sources
    for source, period in ((toy_, "2020"), (zoo, "2021"), (ark, "2023-Q1")):
        row = {"TIME_PERIOD": period, "NOTE": source.id}  # attributes of its own
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, [row]))
    with warehouse.connect(warehouse_url) as connection:  # as a load before this version could leave it
        for source, point in ((zoo, "02-29"), (ark, "07-01")):
            changed = connection.execute(
                "UPDATE core.attributes AS a SET reference_point = %s FROM core.observation AS o "
                "WHERE o.attribute_id = a.attribute_id AND o.source = %s",
                (point, source.id),
            )
            assert changed.rowcount == 1
    publish.publish(warehouse_url, run_id="test")
    with warehouse.connect(warehouse_url) as connection:
        rows = connection.execute("SELECT source, point_in_time, published_value FROM bi.observation_all").fetchall()
    assert {(r["source"], r["point_in_time"], r["published_value"]) for r in rows} == {
        ("toy", dt.date(2020, 12, 31), 1),
        ("zoo", None, 1),
        ("ark", None, 1),
    }


def test_several_accepted_sources_are_one_publish(warehouse_url: str, sources: list[Source]) -> None:
    for source in sources:
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, [{}]))
    assert set(publish.publish(warehouse_url, run_id="test").vintages) == {s.id for s in sources}


def test_a_reader_sees_one_whole_state_while_publishes_go_on(warehouse_url: str, sources: list[Source]) -> None:
    seen: set[tuple[int, float]] = set()
    stop = threading.Event()

    def look() -> None:
        with warehouse.connect(warehouse_url, autocommit=True) as connection:
            while not stop.is_set():
                row = connection.execute("SELECT count(*) AS n, sum(value) AS s FROM bi.fact_observation").fetchall()[0]
                seen.add((row["n"], row["s"] or 0))

    load_and_publish(warehouse_url, sources[0], [{"OBS_VALUE": "0"}, {"REF_AREA": "SRB", "OBS_VALUE": "0"}])
    reader = threading.Thread(target=look)
    reader.start()
    for n in range(1, 11):
        rows = [{"OBS_VALUE": str(n)}, {"REF_AREA": "SRB", "OBS_VALUE": str(n)}]
        at = toy.DAY + n * (LATER - toy.DAY)
        toy.load(warehouse_url, sources[0], toy.read(warehouse_url, sources[0], A, rows, at=at))
        publish.publish(warehouse_url, run_id="test")
    stop.set()
    reader.join()
    assert seen <= {(2, 2.0 * n) for n in range(11)}


def columns(url: str) -> list[dict[str, str]]:
    with warehouse.connect(url) as connection:
        return connection.execute(
            """
            SELECT c.table_name AS relation, c.column_name AS "column", c.data_type AS type,
                   coalesce(col_description(('bi.' || c.table_name)::regclass, c.ordinal_position), '') AS comment
            FROM information_schema.columns AS c
            WHERE c.table_schema = 'bi'
            ORDER BY 1, c.ordinal_position
            """
        ).fetchall()


def test_what_is_held_back_of_a_source_is_not_shown_by_the_publication_of_another(
    warehouse_url: str, sources: list[Source]
) -> None:
    """Both have figures of one indicator; a newer vintage of the first one did not pass, and the second one goes on."""
    first, second = sources[:2]
    for source in (first, second):
        load_and_publish(warehouse_url, source, [{"OBS_VALUE": "100"}, {"REF_AREA": "SRB", "OBS_VALUE": "1"}])
    for source, value in ((first, "200"), (second, "300")):
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, [{"OBS_VALUE": value}], at=LATER))
    seen = "SELECT source, published_value AS v FROM bi.observation_all WHERE method = 'published' ORDER BY 1, 2"

    def shown_now() -> list[tuple[str, float]]:
        with warehouse.connect(warehouse_url) as connection:
            return [(row["source"], row["v"]) for row in connection.execute(seen).fetchall()]

    publish.publish(warehouse_url, run_id="test", only=[second.id])
    assert shown_now() == sorted([(first.id, 1), (first.id, 100), (second.id, 300)])
    publish.publish(warehouse_url, run_id="test")
    assert shown_now() == sorted([(first.id, 200), (second.id, 300)])


def test_names_and_types_of_bi_are_the_contract(warehouse_url: str) -> None:
    with CONTRACT.open(encoding="utf-8", newline="") as file:
        promised = {(r["relation"], r["column"], r["type"]) for r in csv.DictReader(file)}
    there = {(r["relation"], r["column"], r["type"]) for r in columns(warehouse_url)}
    assert promised - there == set(), "a reader's query would break"
    assert there - promised == set(), "add the new columns to tests/contracts/bi.csv"


def test_a_view_of_a_topic_has_all_that_tells_its_figures_apart(warehouse_url: str) -> None:
    """Without `reason`, those displaced by conflict and by disaster are rows that nobody can tell apart."""
    there: dict[str, set[str]] = {}
    for row in columns(warehouse_url):
        there.setdefault(row["relation"], set()).add(row["column"])
    narrower = {"deaths", "labour_migration", "programme_results"}
    lacking = {
        topic: lacks
        for topic in sorted({*topics()} | narrower)
        if (lacks := {*SERIES_DIMENSIONS, "time_period"} - there[topic])
    }
    assert lacking == {}


def test_every_column_of_bi_has_a_comment_and_a_plain_type(warehouse_url: str) -> None:
    plain = {"text", "integer", "double precision", "boolean", "date", "timestamp with time zone"}
    found = columns(warehouse_url)
    assert len(found) > 100
    assert [r for r in found if not r["comment"] or r["type"] not in plain] == []
    with warehouse.connect(warehouse_url) as connection:
        bare = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'bi'::regnamespace AND relkind IN ('r', 'v') "
            "AND obj_description(oid, 'pg_class') IS NULL"
        ).fetchall()
    assert bare == []


def test_what_is_missing_is_a_gap_in_every_view_and_never_nought(warehouse_url: str, sources: list[Source]) -> None:
    """B03: a chart of a tool shows NULL as a gap, and the sum of what is missing is missing."""
    rows = [{"OBS_VALUE": ":", "OBS_STATUS": ""}, {"REF_AREA": "SRB", "OBS_VALUE": "0"}]
    load_and_publish(warehouse_url, sources[0], rows)
    with warehouse.connect(warehouse_url) as connection:
        for view in ("bi.fact_observation", "bi.migrant_stock", "bi.fact_without_overrides"):
            query = (
                f"SELECT ref_area, max(published_value) AS shown, sum(value) AS total FROM {view} GROUP BY 1 ORDER BY 1"
            )
            found = [tuple(row.values()) for row in connection.execute(query).fetchall()]
            assert found == [("MAR", None, None), ("SRB", 0, 0)], view


def test_a_sum_over_countries_that_count_other_people_says_that_it_is_mixed(
    warehouse_url: str, tmp_path: Path, sources: list[Source]
) -> None:
    bases = ("birth+refugees", "citizenship", "birth")
    for source, area, basis in zip(sources, ("MAR", "SRB", "TUN"), bases, strict=True):
        file = tmp_path / "sources" / source.id / "source.yaml"
        declared = file.read_text(encoding="utf-8")
        file.write_text(declared.replace("note: {", f"concept_basis: {basis}\n      note: {{"), encoding="utf-8")
        rows = [{"REF_AREA": area, "OBS_VALUE": "5"}]
        rows += [{"REF_AREA": area, "OBS_VALUE": "5", "TIME_PERIOD": "2019"}] if basis != "citizenship" else []
        load_and_publish(warehouse_url, read_source(file), rows)

    # a figure that does not count makes nothing mixed: of two sources of one country one counts
    file = tmp_path / "sources" / sources[1].id / "source.yaml"  # by citizenship, and not the first of the two
    second = [{"REF_AREA": "SRB", "OBS_VALUE": "5"}, {"REF_AREA": "MAR", "OBS_VALUE": "4", "TIME_PERIOD": "2019"}]
    toy.load(warehouse_url, read_source(file), toy.read(warehouse_url, read_source(file), A, second, at=LATER))
    publish.publish(warehouse_url, run_id="test")

    def said(query: str) -> list[tuple[object, ...]]:
        with warehouse.connect(warehouse_url) as connection:
            return [tuple(row.values()) for row in connection.execute(query).fetchall()]

    of_rows = "SELECT DISTINCT year, comparability FROM bi.migrant_stock WHERE indicator = 'MIG_STOCK' ORDER BY year"
    assert said(of_rows) == [(2019, "birth"), (2020, "mixed")]
    of_sums = (
        "SELECT sum(value), bi.comparability(concept_basis, value) FROM bi.migrant_stock "
        "WHERE ref_area = any({}) GROUP BY"
    )
    assert said(of_sums.format("'{MAR,TUN}'") + " year ORDER BY year") == [(10, "birth"), (10, "birth")]
    assert said(of_sums.format("'{MAR,SRB}'") + " year ORDER BY year") == [(5, "birth"), (10, "mixed")]
    assert said(of_sums.format("'{SRB}'") + " year") == [(5, "citizenship")]
