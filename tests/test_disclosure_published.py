"""Disclosure control in a publication: what readers of `bi` see, and what the database refuses."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import psycopg
import pytest
import toy

from migstats import disclosed, publish, warehouse
from migstats.source import Source, read_source

pytestmark = pytest.mark.database

A = "figures/part=a"
THRESHOLD = "disclosure: {policy: threshold, threshold: 5}\n"
LATER = toy.DAY + dt.timedelta(days=1)
SMALL = [
    {"OBS_VALUE": "103"},
    {"SEX": "F", "OBS_VALUE": "3"},
    {"SEX": "M", "OBS_VALUE": "97"},
    {"SEX": "_U", "OBS_VALUE": "3"},
]


def declare(root: Path, monkeypatch: pytest.MonkeyPatch, policy: str, *ids: str) -> list[Source]:
    """Toy sources with this policy; the parts of a figure have any number of persons."""
    toy.declare(root, monkeypatch, *ids)
    toy.open_gate(root, *ids)
    for name in ids:
        file = root / "sources" / name / "source.yaml"
        file.write_text(file.read_text("utf-8").replace("hosts:", f"{policy}hosts:"), "utf-8")
    return [read_source(root / "sources" / name / "source.yaml") for name in ids]


def load(url: str, source: Source, rows: list[dict[str, str]], at: dt.datetime = toy.DAY) -> None:
    toy.load(url, source, toy.read(url, source, A, rows, at=at))
    toy.derive_nothing(url)


def query(url: str, sql: str) -> list[tuple[Any, ...]]:
    with warehouse.connect(url) as connection:
        return [tuple(row.values()) for row in connection.execute(sql).fetchall()]


SEEN = "SELECT sex, published_value, obs_status, conf_status, missing_reason FROM {} ORDER BY sex"
WITHHELD = (None, "Q", "C", "suppressed")


@pytest.fixture
def source(warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """A source that hides counts below 5; two of its four figures are such."""
    (declared,) = declare(tmp_path, monkeypatch, THRESHOLD, "toy")
    load(warehouse_url, declared, SMALL)
    return declared


def test_readers_do_not_see_small_counts_and_those_who_work_on_them_do(warehouse_url: str, source: Source) -> None:
    publish.publish(warehouse_url, run_id="test")
    shown = [("F", *WITHHELD), ("M", 97, "A", "F", None), ("_T", 103, "A", "F", None), ("_U", *WITHHELD)]
    for relation in ("bi.observation_all", "bi.fact_observation", "bi.migrant_stock", "bi.revisions"):
        columns = SEEN.format(relation)
        assert query(warehouse_url, columns) == shown, relation
    assert query(warehouse_url, "SELECT sum(value) FROM bi.fact_observation") == [(103,)]
    inside = "SELECT o.value FROM core.observation AS o ORDER BY 1"
    assert query(warehouse_url, inside) == [(3,), (3,), (97,), (103,)]


def test_each_source_has_its_run_on_record_also_where_nothing_is_hidden(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Source
) -> None:
    (zoo,) = declare(tmp_path, monkeypatch, "", "zoo")
    load(warehouse_url, zoo, SMALL)
    publish.publish(warehouse_url, run_id="test")
    runs = query(
        warehouse_url,
        "SELECT source, policy, policy_limit, cells, primary_cells, secondary_cells, rounded_cells, exposed_cells "
        "FROM ops.disclosure WHERE source <> 'migstats' ORDER BY source",
    )
    assert runs == [("toy", "threshold", 5, 4, 2, 0, 0, 0), ("zoo", "inherit", None, 0, 0, 0, 0, 0)]
    let_through = (
        "SELECT DISTINCT f.source, d.source AS of_run FROM bi.observation_all AS f "
        "INNER JOIN ops.disclosure AS d ON f.disclosure = d.disclosure_id ORDER BY 1"
    )
    assert query(warehouse_url, let_through) == [("toy", "toy"), ("zoo", "zoo")]
    of_zoo = "SELECT count(*) FROM bi.observation_all WHERE source = 'zoo' AND published_value = 3"
    assert query(warehouse_url, of_zoo) == [(2,)], "what a publisher published stays as it is"


def test_figures_that_another_source_publishes_are_not_put_in_their_place(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Source
) -> None:
    """D05. What the other source says stands as its own, and the hidden figure stays hidden."""
    (zoo,) = declare(tmp_path, monkeypatch, "", "zoo")
    load(warehouse_url, zoo, [SMALL[1]])
    publish.publish(warehouse_url, run_id="test")
    of_women = "SELECT source, published_value, obs_status FROM {} WHERE sex = 'F' ORDER BY source"
    assert query(warehouse_url, of_women.format("bi.observation_all")) == [("toy", None, "Q"), ("zoo", 3, "A")]
    assert query(warehouse_url, of_women.format("bi.fact_observation")) == [("toy", None, "Q")]
    assert query(warehouse_url, "SELECT value FROM bi.observation_all WHERE source = 'toy' AND sex = 'F'") == [(None,)]


def test_what_is_held_back_says_nothing_of_what_readers_see(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Source
) -> None:
    """A newer vintage that is not published has no small count; the one that readers see hides what it did."""
    publish.publish(warehouse_url, run_id="test")
    seen = SEEN.format("bi.observation_all WHERE source = 'toy'")
    before = query(warehouse_url, seen)
    load(warehouse_url, source, [{"OBS_VALUE": "200"}, *({"SEX": s, "OBS_VALUE": "100"} for s in "FM")], LATER)
    (zoo,) = declare(tmp_path, monkeypatch, "", "zoo")
    load(warehouse_url, zoo, [{"OBS_VALUE": "7"}])
    publish.publish(warehouse_url, run_id="test", only=["zoo"])
    assert query(warehouse_url, seen) == before
    assert query(warehouse_url, "SELECT count(*) FROM core.suppressed WHERE source = 'toy' AND standing") == [(2,)]


def test_the_next_vintage_does_not_tell_the_last_one(warehouse_url: str, source: Source) -> None:
    """D02. Women go from 3 to 8 and would be shown; unknown sex did not change and stays hidden, in the past too."""
    publish.publish(warehouse_url, run_id="test")
    load(warehouse_url, source, [{"OBS_VALUE": "108"}, {"SEX": "F", "OBS_VALUE": "8"}, *SMALL[2:]], LATER)
    publish.publish(warehouse_url, run_id="test")
    assert query(warehouse_url, "SELECT published_value FROM bi.fact_observation WHERE sex = '_U'") == [(None,)]
    past = query(warehouse_url, "SELECT published_value, obs_status FROM bi.revisions WHERE sex = 'F' ORDER BY vintage")
    assert past[0] == (None, "Q")
    assert query(warehouse_url, "SELECT count(*) FROM bi.revisions WHERE published_value < 5") == [(0,)]
    assert query(warehouse_url, "SELECT count(*) FROM bi.revision_lineage WHERE raw = '3' OR place LIKE 'line 3%'") in (
        [(0,)],
        [(1,)],  # line 3 of the second file holds 8
    )


def test_what_was_accepted_and_never_published_is_not_told_by_the_past(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, [{"OBS_VALUE": "200"}, *({"SEX": s, "OBS_VALUE": "100"} for s in "FM")], LATER)
    publish.publish(warehouse_url, run_id="test")
    assert query(warehouse_url, "SELECT count(*) FROM bi.revisions WHERE published_value = 3") == [(0,)]
    assert query(warehouse_url, "SELECT count(*) FROM bi.revision_lineage WHERE raw = '3'") == [(0,)]


def test_a_policy_that_is_declared_later_holds_from_the_next_publication(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = declare(tmp_path, monkeypatch, "", "toy")
    load(warehouse_url, source, SMALL)
    publish.publish(warehouse_url, run_id="test")
    assert (3,) in query(warehouse_url, "SELECT published_value FROM bi.fact_observation")

    file = tmp_path / "sources" / "toy" / "source.yaml"
    file.write_text(file.read_text("utf-8").replace("hosts:", f"{THRESHOLD}hosts:"), "utf-8")
    with warehouse.connect(warehouse_url) as connection:
        warehouse.add_source(connection, read_source(file))
    assert publish.waiting(warehouse_url) == {"toy": 1}
    publish.publish(warehouse_url, run_id="test")
    for relation in ("bi.fact_observation", "bi.revisions"):
        assert (3,) not in query(warehouse_url, f"SELECT published_value FROM {relation}"), relation
    assert publish.waiting(warehouse_url) == {}


def test_what_stays_as_it_was_is_not_written_again(warehouse_url: str, source: Source) -> None:
    publish.publish(warehouse_url, run_id="test")
    load(warehouse_url, source, [*SMALL, {"REF_AREA": "SRB", "OBS_VALUE": "7"}], LATER)
    again = publish.publish(warehouse_url, run_id="test")
    assert (again.added, again.removed) == (1, 0)


def test_what_stays_as_it_was_is_as_exposed_as_it_was(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is a woman where there is nobody; another source is all that is new."""
    (source,) = declare(tmp_path, monkeypatch, THRESHOLD, "toy")
    women = {"SEX": "F", "OBS_VALUE": "0", "NOTE": "attributes of its own"}
    load(warehouse_url, source, [{"OBS_VALUE": "0"}, women, {"SEX": "M", "OBS_VALUE": "0"}])
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("UPDATE core.attributes SET conf_status = 'C' WHERE note IS NOT NULL")
    runs = "SELECT exposed_cells FROM ops.disclosure WHERE source = 'toy' ORDER BY disclosure_id"
    publish.publish(warehouse_url, run_id="test")
    assert query(warehouse_url, runs) == [(1,)]
    (zoo,) = declare(tmp_path, monkeypatch, "", "zoo")
    load(warehouse_url, zoo, SMALL)
    publish.publish(warehouse_url, run_id="test")
    assert query(warehouse_url, runs) == [(1,), (1,)]


def test_what_is_compared_is_every_column_but_the_run(warehouse_url: str) -> None:
    """A column that a publication does not compare would keep what it said."""
    columns = {c for (c,) in query(
        warehouse_url,
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'bi' "
        "AND table_name = 'observation_all'",
    )}  # fmt: skip
    for table in ("published", "restricted"):
        text = warehouse.statement(f"publication/remove_{table}").decode()
        for side in ("old", "n"):
            compared = {w.removeprefix(f"{side}.").strip(",") for w in text.split() if w.startswith(f"{side}.")}
            assert columns - compared == {"disclosure"}


def test_rounded_figures_are_rounded_wherever_they_are_told(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = declare(tmp_path, monkeypatch, "disclosure: {policy: rounding, base: 5}\n", "toy")
    load(warehouse_url, source, SMALL)
    publish.publish(warehouse_url, run_id="test")
    for relation in ("bi.fact_observation", "bi.revisions"):
        values = [v for (v,) in query(warehouse_url, f"SELECT published_value FROM {relation} ORDER BY 1")]
        assert all(v is None or v % 5 == 0 for v in values), relation
        assert sum(v is not None for v in values) == 4
    assert query(warehouse_url, "SELECT count(*) FROM bi.lineage WHERE raw IS NOT NULL OR sha256 IS NOT NULL") == [(0,)]


def test_no_hash_tells_a_hidden_figure_not_of_a_later_file_nor_of_one_that_nobody_looked_at(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who knows all of a file but one figure tries which one gives its hash."""
    (source,) = declare(tmp_path, monkeypatch, "", "toy")
    load(warehouse_url, source, SMALL)  # an older file, from before there was a policy
    (source,) = declare(tmp_path / "later", monkeypatch, THRESHOLD, "toy")
    with warehouse.connect(warehouse_url) as connection:
        warehouse.add_source(connection, source)
    changed = [*SMALL[:2], {"SEX": "M", "OBS_VALUE": "98"}, SMALL[3]]
    load(warehouse_url, source, changed, at=toy.DAY + dt.timedelta(days=1))
    publish.publish(warehouse_url, run_id="test")
    assert query(warehouse_url, "SELECT count(*) FROM bi.lineage WHERE vintage = 2") != [(0,)]
    for view in ("bi.lineage", "bi.revision_lineage"):
        assert query(warehouse_url, f"SELECT count(*) FROM {view} WHERE sha256 IS NOT NULL") == [(0,)], view
    assert query(warehouse_url, "SELECT count(*) FROM core.withheld_snapshot") == [(2,)]


def test_no_hash_tells_a_small_figure_of_the_past_where_nothing_is_hidden_today(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = declare(tmp_path, monkeypatch, "", "toy")
    load(warehouse_url, source, SMALL)
    (source,) = declare(tmp_path / "later", monkeypatch, THRESHOLD, "toy")
    with warehouse.connect(warehouse_url) as connection:
        warehouse.add_source(connection, source)
    grown = [{**row, "OBS_VALUE": value} for row, value in zip(SMALL, ("206", "100", "97", "9"), strict=True)]
    load(warehouse_url, source, grown, at=toy.DAY + dt.timedelta(days=1))
    publish.publish(warehouse_url, run_id="test")
    assert query(warehouse_url, "SELECT count(*) FROM bi.fact_observation WHERE obs_status = 'Q'") == [(0,)]
    assert query(warehouse_url, "SELECT count(DISTINCT vintage) FROM bi.revision_lineage") == [(2,)]
    for view in ("bi.lineage", "bi.revision_lineage"):
        assert query(warehouse_url, f"SELECT count(*) FROM {view} WHERE sha256 IS NOT NULL") == [(0,)], view


# -- the database -----------------------------------------------------------------------------------------------


@pytest.fixture
def etl(warehouse_url: str, source: Source) -> Any:
    """A connection of the role that loads and publishes, to a warehouse with published figures."""
    publish.publish(warehouse_url, run_id="test")
    connection = psycopg.connect(warehouse_url, autocommit=True)
    connection.execute("SET SESSION AUTHORIZATION migstats_etl")
    yield connection
    connection.close()


COPIED = (
    "INSERT INTO bi.observation_all SELECT (jsonb_populate_record(f, {changes})).* "
    "FROM bi.observation_all AS f WHERE f.sex = 'M'"
)
OTHER = "jsonb_build_object('observation_id', 'other'{})"
REGISTERED = (
    "INSERT INTO ops.disclosure (disclosure_id, source, vintage_id, run_id, cells, primary_cells, secondary_cells, "
    "rounded_cells, exposed_cells, policy, policy_hash, transaction_id) "
    "VALUES (1000, '{source}', 1, 'test', 0, 0, 0, 0, 0, 'inherit', '', '0')"
)


@pytest.mark.parametrize(
    "statement",
    [
        COPIED.format(changes=OTHER.format(", 'disclosure', NULL")),
        COPIED.format(changes=OTHER.format("")),  # the run of another transaction
        "UPDATE bi.observation_all SET published_value = 4",
        "UPDATE bi.observation_all SET disclosure = NULL",
    ],
    ids=["no run", "the run of another transaction", "a change", "a run taken away"],
)
def test_without_a_run_in_this_transaction_the_database_takes_no_figure(etl: Any, statement: str) -> None:
    """D07."""
    with pytest.raises(psycopg.errors.RaiseException, match="no run of disclosure control in this transaction"):
        etl.execute(statement)


def write(etl: Any, source: str, changes: str) -> None:
    """Register a run for `source` and write a figure of toy by it, in one transaction."""
    with etl.transaction():
        etl.execute(REGISTERED.format(source=source))
        etl.execute(COPIED.format(changes=changes))


@pytest.mark.parametrize("value", [1, 4])
def test_a_run_lets_nothing_through_that_its_policy_hides(etl: Any, value: int) -> None:
    """Whoever writes it: the policy is that of the source, and not what the run says of itself."""
    changes = OTHER.format(f", 'disclosure', 1000, 'published_value', {value}")
    with pytest.raises(psycopg.errors.RaiseException, match="not as its policy"):
        write(etl, "toy", changes)


def test_a_run_lets_nothing_through_that_is_confidential(etl: Any) -> None:
    changes = OTHER.format(", 'disclosure', 1000, 'conf_status', 'C'")
    with pytest.raises(psycopg.errors.RaiseException, match="some are confidential"):
        write(etl, "toy", changes)


def test_a_run_is_good_for_its_own_source(etl: Any) -> None:
    changes = OTHER.format(", 'disclosure', 1000")
    with pytest.raises(psycopg.errors.RaiseException, match="figures of toy cannot be published"):
        write(etl, "migstats", changes)


def test_with_a_run_the_database_takes_figures(etl: Any) -> None:
    """So that the refusals above are about what they say."""
    write(etl, "toy", OTHER.format(", 'disclosure', 1000"))


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE bi.observation_all DISABLE TRIGGER disclosed_insert",
        "ALTER TABLE bi.observation_all DISABLE TRIGGER ALL",
        "DROP TRIGGER disclosed_update ON bi.observation_all",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION ops.require_disclosure() RETURNS trigger LANGUAGE sql AS 'SELECT NULL'",
        "UPDATE ops.disclosure SET transaction_id = pg_current_xact_id()",
        "DELETE FROM ops.disclosure",
        "DELETE FROM core.suppressed",
    ],
)
def test_who_publishes_cannot_switch_it_off(etl: Any, statement: str) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.RaiseException)):
        etl.execute(statement)


def test_a_vintage_is_not_published_without_a_run(etl: Any) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="went through no run of disclosure control"):
        etl.execute("UPDATE ops.publication SET vintage_id = vintage_id")


@pytest.mark.parametrize("broken", ["skipped", "fails", "hides nothing"])
def test_a_publication_whose_control_is_broken_changes_nothing(
    warehouse_url: str, source: Source, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """D07. What readers saw stays."""
    publish.publish(warehouse_url, run_id="test")
    load(warehouse_url, source, [*SMALL, {"REF_AREA": "SRB", "OBS_VALUE": "2"}], LATER)
    before = query(warehouse_url, "SELECT * FROM bi.observation_all ORDER BY 1")

    def fail(*_: object) -> None:
        raise RuntimeError("broken on purpose")

    if broken == "hides nothing":
        monkeypatch.setattr(warehouse, "copy", lambda *_: None)
    else:
        monkeypatch.setattr(disclosed, "control", fail if broken == "fails" else lambda *_: None)
    with pytest.raises(Exception, match=r"disclosure control|broken on purpose"):
        publish.publish(warehouse_url, run_id="test")
    assert query(warehouse_url, "SELECT * FROM bi.observation_all ORDER BY 1") == before
    assert publish.waiting(warehouse_url) == {"toy": 2}


def test_a_kill_between_control_and_publication_leaves_what_readers_saw(
    warehouse_url: str, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "reach", lambda name: 1 / 0 if name == "publish.disclosed" else None)
    with pytest.raises(ZeroDivisionError):
        publish.publish(warehouse_url, run_id="test")
    assert query(warehouse_url, "SELECT count(*) FROM bi.observation_all") == [(0,)]
    assert query(warehouse_url, "SELECT count(*) FROM core.suppressed") == [(0,)]


# -- everything that a reader can read --------------------------------------------------------------------------

#: Figures that stand nowhere else: whoever finds one found a hidden figure.
CANARIES = ("86420753", "97531864")


def test_nothing_in_bi_tells_a_confidential_figure(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D06. Every relation and function that the reading role may use, after three vintages."""
    (source,) = declare(tmp_path, monkeypatch, THRESHOLD, "toy")
    for day, canary in enumerate((*CANARIES, CANARIES[0])):
        total = str(int(canary) + 5000 + day)
        rows = [
            {"OBS_VALUE": total},
            {"SEX": "F", "OBS_VALUE": canary, "NOTE": "attributes of its own"},
            {"SEX": "M", "OBS_VALUE": str(5000 + day)},
        ]
        load(warehouse_url, source, rows, toy.DAY + dt.timedelta(days=day))
        with warehouse.connect(warehouse_url) as connection:
            connection.execute("UPDATE core.attributes SET conf_status = 'C' WHERE note IS NOT NULL")
        publish.publish(warehouse_url, run_id="test")
    inside = query(warehouse_url, "SELECT value FROM core.observation")
    assert {(float(canary),) for canary in CANARIES} <= set(inside), "whoever works on them sees them"
    relations = [r for (r,) in query(
        warehouse_url,
        "SELECT format('bi.%I', relname) FROM pg_class WHERE relnamespace = 'bi'::regnamespace "
        "AND relkind IN ('r', 'v', 'm')",
    )]  # fmt: skip
    functions = [f"bi.{f}('2024-05-0{d}')" for f in ("as_of", "as_published", "updated_after") for d in (1, 2, 3, 4)]
    assert len(relations) > 20
    with psycopg.connect(warehouse_url) as connection:
        connection.execute("SET SESSION AUTHORIZATION bi_reader")
        for relation in (*relations, *functions):
            text = str(connection.execute(f"SELECT * FROM {relation}").fetchall())
            assert not [c for c in CANARIES if c in text], relation
    shown = dict(query(warehouse_url, "SELECT sex, published_value FROM bi.fact_observation"))
    assert shown["F"] is None
    assert shown["M"] is None, "with the total they would tell"
