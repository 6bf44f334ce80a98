"""Licences: figures that may not be passed on never reach readers of `bi`; what these see is a whole without them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import toy
from psycopg import sql

from migstats import publish, warehouse
from migstats.errors import DeclarationError
from migstats.source import Source, read_source

pytestmark = pytest.mark.database

A = "figures/part=a"
LATER = toy.DAY + dt.timedelta(days=1)
#: Figures that stand nowhere else.
FIRST, SECOND = "7654321", "7654329"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Source]:
    return toy.declare(tmp_path, monkeypatch, "ark", "zoo")


def under(source: Source, redistribution: Literal["allowed", "forbidden", "unclear"]) -> Source:
    licence = source.licence.model_copy(update={"redistribution": redistribution})
    return source.model_copy(update={"licence": licence})


def load(url: str, source: Source, rows: list[dict[str, str]], at: dt.datetime = toy.DAY) -> None:
    with warehouse.connect(url) as connection:
        warehouse.add_source(connection, source)
    toy.load(url, source, toy.read(url, source, A, rows, at=at))


def told_to_readers(url: str) -> str:
    """All that bi_reader can read in `bi`, as one text: relations, and what its functions give."""
    reader = urlunsplit(urlsplit(url)._replace(netloc=urlsplit(url).netloc.replace("postgres:", "bi_reader:")))
    said = []
    with psycopg.connect(reader, autocommit=True) as connection:
        relations = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'bi'::regnamespace AND relkind IN ('r', 'v', 'p', 'm')"
        ).fetchall()
        for (name,) in relations:
            said += connection.execute(
                sql.SQL("SELECT t::text FROM bi.{} AS t").format(sql.Identifier(name))
            ).fetchall()
        functions = connection.execute(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'bi'::regnamespace AND proretset"
        ).fetchall()
        for at in (toy.DAY - dt.timedelta(days=1), LATER, LATER + dt.timedelta(days=3650)):
            for (name,) in functions:
                call = sql.SQL("SELECT t::text FROM bi.{}(%s) AS t").format(sql.Identifier(name))
                said += connection.execute(call, [at]).fetchall()
    assert len(relations) > 10
    assert {name for (name,) in functions} == {"as_of", "as_published", "updated_after"}
    return "\n".join(row[0] for row in said)


def figures(url: str, relation: str) -> dict[tuple[str, str], float | None]:
    with warehouse.connect(url) as connection:
        rows = connection.execute(f"SELECT source, ref_area, value FROM {relation}").fetchall()
    return {(row["source"], row["ref_area"]): row["value"] for row in rows}


@pytest.mark.parametrize("redistribution", ["forbidden", "unclear"])
def test_no_relation_or_function_of_bi_tells_a_figure_that_may_not_be_passed_on(
    warehouse_url: str, sources: list[Source], redistribution: Literal["forbidden", "unclear"]
) -> None:
    source = under(sources[0], redistribution)
    for value, at in ((FIRST, toy.DAY), (SECOND, LATER)):
        load(warehouse_url, source, [{"OBS_VALUE": value}], at)
        publish.publish(warehouse_url, run_id="test")

    said = told_to_readers(warehouse_url)

    assert source.citation in said  # that the source is there may be said
    assert FIRST not in said
    assert SECOND not in said
    assert figures(warehouse_url, "core.published") == {("ark", "MAR"): float(SECOND)}


def test_the_same_figures_are_told_where_the_licence_allows_it(warehouse_url: str, sources: list[Source]) -> None:
    for value, at in ((FIRST, toy.DAY), (SECOND, LATER)):
        load(warehouse_url, sources[0], [{"OBS_VALUE": value}], at)
        publish.publish(warehouse_url, run_id="test")

    said = told_to_readers(warehouse_url)

    assert FIRST in said
    assert SECOND in said


def test_what_readers_add_up_is_a_whole_without_the_source_that_they_may_not_see(
    warehouse_url: str, sources: list[Source]
) -> None:
    ark, zoo = sources
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("UPDATE ref.source_preference SET sources = 'ark|zoo' WHERE code = 'MIG_STOCK'")
    load(warehouse_url, under(ark, "forbidden"), [{"OBS_VALUE": "100"}, {"REF_AREA": "SRB", "OBS_VALUE": "7"}])
    load(warehouse_url, zoo, [{"OBS_VALUE": "95"}])
    publish.publish(warehouse_url, run_id="test")

    assert figures(warehouse_url, "bi.observation_all") == {("zoo", "MAR"): 95}
    everything = {("zoo", "MAR"): 95, ("ark", "MAR"): None, ("ark", "SRB"): 7}
    assert figures(warehouse_url, "core.published") == everything


def test_a_source_that_may_be_passed_on_no_more_leaves_bi_at_once_and_comes_back_when_it_may(
    warehouse_url: str, sources: list[Source]
) -> None:
    ark, zoo = sources
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("UPDATE ref.source_preference SET sources = 'ark|zoo' WHERE code = 'MIG_STOCK'")
    load(warehouse_url, ark, [{"OBS_VALUE": "100"}, {"REF_AREA": "SRB", "OBS_VALUE": "7"}])
    load(warehouse_url, zoo, [{"OBS_VALUE": "95"}])
    publish.publish(warehouse_url, run_id="test")
    before = {("ark", "MAR"): 100, ("ark", "SRB"): 7, ("zoo", "MAR"): None}
    assert figures(warehouse_url, "bi.observation_all") == before

    with warehouse.connect(warehouse_url) as connection:
        warehouse.add_source(connection, under(ark, "forbidden"))
    assert figures(warehouse_url, "bi.observation_all") == {("zoo", "MAR"): None}

    assert publish.publish(warehouse_url, run_id="test").vintages.keys() == {"ark"}
    assert figures(warehouse_url, "bi.observation_all") == {("zoo", "MAR"): 95}
    assert publish.publish(warehouse_url, run_id="test").vintages == {}

    with warehouse.connect(warehouse_url) as connection:
        warehouse.add_source(connection, ark)
    publish.publish(warehouse_url, run_id="test")
    assert figures(warehouse_url, "bi.observation_all") == before
    with warehouse.connect(warehouse_url) as connection:
        assert connection.execute("SELECT count(*) AS n FROM core.restricted").fetchall() == [{"n": 0}]


def test_nothing_that_was_made_ready_of_a_source_stays_where_it_may_be_passed_on_no_more(
    warehouse_url: str, sources: list[Source]
) -> None:
    """Sums, corridors and both sides of a flow stand beside the figures that they were made of."""
    ark, zoo = sources
    flow = {"INDICATOR": "EMIGRATION", "BASIS": "next_residence", "COUNTERPART": "ITA", "OBS_VALUE": SECOND}
    stock = {"REF_AREA": "SRB", "COUNTERPART": "MAR", "BASIS": "origin", "OBS_VALUE": FIRST}
    load(warehouse_url, ark, [{"OBS_VALUE": FIRST}, stock, flow])
    load(warehouse_url, zoo, [{"REF_AREA": "TUN", "COUNTERPART": "ITA", "BASIS": "origin", "OBS_VALUE": "95"}])
    publish.publish(warehouse_url, run_id="test")
    with warehouse.connect(warehouse_url) as connection:
        for relation in ("annual_sum", "corridors", "corridor_mirrors"):
            told = connection.execute(f"SELECT string_agg(t::text, '') AS told FROM bi.{relation} AS t").fetchall()
            assert FIRST in told[0]["told"] or SECOND in told[0]["told"], relation
        warehouse.add_source(connection, under(ark, "forbidden"))
    for _ in range(2):  # at once, and after the next publish
        said = told_to_readers(warehouse_url)
        assert FIRST not in said
        assert SECOND not in said
        publish.publish(warehouse_url, run_id="test")
    with warehouse.connect(warehouse_url) as connection:
        pairs = connection.execute("SELECT origin, destination, stock FROM bi.corridors").fetchall()
    assert pairs == [{"origin": "ITA", "destination": "TUN", "stock": 95}], "what others say stands"


def test_a_source_without_a_licence_is_refused(tmp_path: Path, sources: list[Source]) -> None:
    file = tmp_path / "sources" / "ark" / "source.yaml"
    text = "".join(line for line in file.read_text().splitlines(keepends=True) if not line.startswith("licence"))
    file.write_text(text)

    with pytest.raises(DeclarationError, match="licence"):
        read_source(file)


def test_every_figure_of_bi_joins_to_its_citation_and_licence(warehouse_url: str, sources: list[Source]) -> None:
    for source in sources:
        load(warehouse_url, source, [{"OBS_VALUE": "100"}, {"REF_AREA": "SRB", "OBS_VALUE": "7"}])
    publish.publish(warehouse_url, run_id="test")

    with warehouse.connect(warehouse_url) as connection:
        found = connection.execute(
            "SELECT l.citation, l.licence, l.licence_url, l.producer_version, l.url, l.retrieved_at, d.citation AS d "
            "FROM bi.observation_all AS f LEFT JOIN bi.lineage AS l USING (observation_id) "
            "LEFT JOIN bi.dim_source AS d ON f.source = d.source"
        ).fetchall()
    assert len(found) == 4
    assert all(value for row in found for value in row.values())
