"""History: what the world could know at a moment, what our readers saw, and that no order of loading changes it."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import toy

from migstats import lake, landing, lineage, pipeline, publish, warehouse
from migstats.reading import Read
from migstats.source import Source, folder_of, plan, read_source

pytestmark = pytest.mark.database

A, B, _ = toy.SLICES
RELEASED = {
    "2019": dt.datetime(2019, 9, 1, tzinfo=dt.UTC),
    "2020": dt.datetime(2020, 12, 1, tzinfo=dt.UTC),
    "2022": dt.datetime(2022, 12, 1, tzinfo=dt.UTC),
    "2024": dt.datetime(2024, 12, 1, tzinfo=dt.UTC),
}
Rows = Sequence[Mapping[str, str]]
State = dict[tuple[str, str], float | None]


def said(rows: Rows) -> State:
    """(area, year) → value, as the payload says it."""
    filled = [{**toy.ROW, **row} for row in rows]
    return {(r["REF_AREA"], r["TIME_PERIOD"]): None if r["OBS_VALUE"] == ":" else float(r["OBS_VALUE"]) for r in filled}


def shown(url: str, function: str, at: dt.datetime) -> State:
    """What core.as_of or core.as_published says of a moment; a figure that comes twice is an error."""
    with warehouse.connect(url) as connection:
        found = connection.execute(
            f"""
            SELECT s.ref_area, t.time_period, o.value
            FROM core.{function}(%s) AS o
            INNER JOIN core.series AS s ON o.source = s.source AND o.series_id = s.series_id
            INNER JOIN ref.period AS t ON o.time_id = t.time_id
            """,
            (at,),
        ).fetchall()
    state = {(r["ref_area"], r["time_period"]): r["value"] for r in found}
    assert len(state) == len(found), "a figure stands twice"
    return state


def overlaps(url: str, source: str = "toy") -> dict[str, float]:
    """Measures of the suite `warehouse` that prove the ranges over all rows."""
    with warehouse.connect(url) as connection:
        found = {r["measure"]: r["value"] for r in warehouse.rows(connection, "load/measures", {"source": source})}
    names = (
        "known_ranges_overlap",
        "known_ranges_reversed",
        "duplicate_current_keys",
        "candidate_minus_current",
    )
    names += ("states_minus_known",)
    return {name: found[name] for name in names}


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    return toy.declare(tmp_path, monkeypatch, "toy", releases=True)[0]


@pytest.fixture
def rolling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    return toy.declare(tmp_path, monkeypatch, "toy")[0]


#: Three editions: MAR is revised twice, NPL vanishes and comes back, SRB is new in the second one.
EDITIONS: Mapping[str, Rows] = {
    "2019": [{"OBS_VALUE": "1"}, {"REF_AREA": "NPL", "OBS_VALUE": "5"}, {"REF_AREA": "TUN", "OBS_VALUE": "9"}],
    "2020": [{"OBS_VALUE": "2"}, {"REF_AREA": "SRB", "OBS_VALUE": "7"}, {"REF_AREA": "TUN", "OBS_VALUE": "9"}],
    "2024": [{"OBS_VALUE": "3"}, {"REF_AREA": "NPL", "OBS_VALUE": "5"}, {"REF_AREA": "TUN", "OBS_VALUE": "9"}],
}


@pytest.mark.parametrize("order", list(itertools.permutations(EDITIONS)), ids="-".join)
def test_releases_loaded_in_any_order_give_each_release_for_its_time(
    warehouse_url: str, source: Source, order: tuple[str, ...]
) -> None:
    seen: list[tuple[dt.datetime, State]] = []
    for number, release in enumerate(order):
        at = toy.DAY + dt.timedelta(days=number)
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, EDITIONS[release], release=release, at=at))
        seen.append((now(), said(EDITIONS[max(order[: number + 1])])))
    assert shown(warehouse_url, "as_of", RELEASED["2019"] - dt.timedelta(days=1)) == {}
    assert shown(warehouse_url, "as_of", dt.datetime(2020, 1, 1, tzinfo=dt.UTC)) == said(EDITIONS["2019"])
    assert shown(warehouse_url, "as_of", RELEASED["2020"] - dt.timedelta(microseconds=1)) == said(EDITIONS["2019"])
    assert shown(warehouse_url, "as_of", RELEASED["2020"]) == said(EDITIONS["2020"])
    assert shown(warehouse_url, "as_of", dt.datetime(2022, 7, 1, tzinfo=dt.UTC)) == said(EDITIONS["2020"])
    assert shown(warehouse_url, "as_of", now()) == said(EDITIONS["2024"])
    for moment, state in seen:
        assert shown(warehouse_url, "as_published", moment) == state
    assert set(overlaps(warehouse_url).values()) == {0}


def _edition(chance: random.Random) -> Rows:
    areas = ["MAR", "NPL", "SRB", "TUN", "PHL"]
    return [
        {"REF_AREA": area, "TIME_PERIOD": year, "OBS_VALUE": chance.choice(["1", "2", ":"]), "OBS_STATUS": ""}
        for area in areas
        for year in ("2019", "2020")
        if chance.random() < 0.7
    ] or [{"REF_AREA": "MAR"}]


#: slice → release → what it said, and since when: at its date, and again when it was posted again.
World = Mapping[str, dict[str, list[tuple[dt.datetime, State]]]]
INSTANT = dt.timedelta(microseconds=1)


def post(world: World, slice_id: str, release: str, state: State, seen: dt.datetime) -> None:
    """A release stands at its date; other figures under its name when they were seen, at most until the next one."""
    postings = world[slice_id].setdefault(release, [])
    if not postings:
        postings.append((RELEASED[release], state))
        return
    last, said_before = postings[-1]
    if said_before == state:
        return
    at = max(seen, last + INSTANT)
    bound = min((date for date in RELEASED.values() if date > RELEASED[release]), default=None)
    if bound is not None and at >= bound:
        at = max(bound - INSTANT, last)
    if at == last:
        postings.pop()
    postings.append((at, state))


def known(world: World, at: dt.datetime) -> State:
    """The newest posting of each slice at a moment, all slices together."""
    found: State = {}
    for releases in world.values():
        past = [posting for postings in releases.values() for posting in postings if posting[0] <= at]
        if past:
            found |= max(past, key=lambda posting: posting[0])[1]
    return found


@pytest.mark.parametrize("seed", range(8))
def test_any_history_of_releases_and_reissues_is_what_an_oracle_says(
    warehouse_url: str, source: Source, seed: int
) -> None:
    """Releases arrive in any order, and are put out again under their old name; slices come alone or together."""
    chance = random.Random(seed)
    world: World = {A: {}, B: {}}
    readers: list[tuple[dt.datetime, State]] = []
    began = dt.datetime(chance.choice([2021, 2025]), 1, 1, tzinfo=dt.UTC)
    for number in range(7):
        release = chance.choice(list(RELEASED))
        reads = []
        for slice_id, period in ((A, "2019"), (B, "2020")):
            if chance.random() < 0.3:
                continue
            rows = [r for r in _edition(chance) if r.get("TIME_PERIOD") == period] or [{"TIME_PERIOD": period}]
            at = began + dt.timedelta(days=200 * number)
            reads.append(toy.read(warehouse_url, source, slice_id, rows, release=release, at=at))
            post(world, slice_id, release, said(rows), at)
        if not reads:
            continue
        toy.load(warehouse_url, source, *reads)
        readers.append((now(), known(world, dt.datetime(2099, 1, 1, tzinfo=dt.UTC))))
        assert shown(warehouse_url, "as_of", dt.datetime(2099, 1, 1, tzinfo=dt.UTC)) == readers[-1][1]
    turns = {at for releases in world.values() for postings in releases.values() for at, _ in postings}
    for moment in turns | set(RELEASED.values()):
        assert shown(warehouse_url, "as_of", moment) == known(world, moment)
    for moment, state in readers:
        assert shown(warehouse_url, "as_published", moment) == state
    assert set(overlaps(warehouse_url).values()) == {0}


def test_a_figure_that_the_publisher_drops_is_closed_and_still_there_for_earlier_dates(
    warehouse_url: str, source: Source
) -> None:
    for number, release in enumerate(("2019", "2020")):
        at = toy.DAY + dt.timedelta(days=number)
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, EDITIONS[release], release=release, at=at))
    with warehouse.connect(warehouse_url) as connection:
        [gone] = connection.execute(
            "SELECT known_from, known_to, end_reason FROM core.observation AS o "
            "INNER JOIN core.series AS s USING (source, series_id) WHERE s.ref_area = 'NPL'"
        ).fetchall()
    assert gone == {
        "known_from": RELEASED["2019"],
        "known_to": RELEASED["2020"],
        "end_reason": "deleted_at_source",
    }
    assert ("NPL", "2020") in shown(warehouse_url, "as_of", dt.datetime(2020, 1, 1, tzinfo=dt.UTC))


def changes(url: str, since: dt.datetime) -> set[tuple[str, str, float | None, float | None]]:
    with warehouse.connect(url) as connection:
        found = connection.execute(
            "SELECT u.change, s.ref_area, u.was, u.value FROM core.updated_after(%s) AS u "
            "INNER JOIN core.series AS s USING (source, series_id)",
            (since,),
        ).fetchall()
    return {tuple(r.values()) for r in found}


def test_updated_after_gives_inserts_changes_and_deletions_and_nothing_that_went_to_and_fro(
    warehouse_url: str, rolling: Source
) -> None:
    def serve(day: int, rows: Rows) -> dt.datetime:
        at = toy.DAY + dt.timedelta(days=day)
        toy.load(warehouse_url, rolling, toy.read(warehouse_url, rolling, A, rows, at=at))
        return now()

    before = now()
    first = serve(0, [{"OBS_VALUE": "1"}, {"REF_AREA": "NPL", "OBS_VALUE": "5"}, {"REF_AREA": "TUN", "OBS_VALUE": "9"}])
    serve(1, [{"OBS_VALUE": "2"}, {"REF_AREA": "TUN", "OBS_VALUE": "8"}])
    third = serve(2, [{"OBS_VALUE": "1"}, {"REF_AREA": "TUN", "OBS_VALUE": "7"}, {"REF_AREA": "SRB", "OBS_VALUE": "4"}])
    assert changes(warehouse_url, first) == {
        ("delete", "NPL", 5, None),
        ("change", "TUN", 9, 7),
        ("insert", "SRB", None, 4),
    }
    assert changes(warehouse_url, third) == set()
    assert changes(warehouse_url, before) == {
        ("insert", "MAR", None, 1),
        ("insert", "TUN", None, 7),
        ("insert", "SRB", None, 4),
    }


def test_other_codes_are_our_error_and_change_what_is_believed_not_what_readers_saw(
    warehouse_url: str, rolling: Source, tmp_path: Path
) -> None:
    """A row that was quarantined becomes a figure from its release on, with a vintage whose cause is `crosswalk`."""
    rows = [{"OBS_VALUE": "1"}, {"REF_AREA": "XXA", "OBS_VALUE": "5"}]
    first = toy.load(warehouse_url, rolling, toy.read(warehouse_url, rolling, A, rows))
    assert (first.loaded, first.quarantined) == (1, 1)
    saw = now()
    with (tmp_path / "sources" / "toy" / "codes.csv").open("a", encoding="utf-8") as codes:
        codes.write("*,REF_AREA,XXA,ref_area,NPL,map\n")
    again = toy.load(warehouse_url, rolling, toy.read(warehouse_url, rolling, A, rows))
    assert (again.outcome, again.loaded, again.unchanged, again.quarantined) == ("accepted", 1, 1, 0)
    with warehouse.connect(warehouse_url) as connection:
        causes = connection.execute("SELECT cause FROM ops.vintage ORDER BY vintage_id").fetchall()
    assert [c["cause"] for c in causes] == ["publisher", "crosswalk"]
    assert shown(warehouse_url, "as_of", toy.DAY) == {("MAR", "2020"): 1, ("NPL", "2020"): 5}
    assert shown(warehouse_url, "as_published", saw) == {("MAR", "2020"): 1}


def test_a_landing_is_read_again_with_the_facts_that_it_was_made_with(
    warehouse_url: str, rolling: Source, tmp_path: Path
) -> None:
    """The codes of a vintage are kept, so that it can be made again after they changed."""
    rows = [{"OBS_VALUE": "1"}, {"REF_AREA": "XXA", "OBS_VALUE": "5"}]
    read = toy.read(warehouse_url, rolling, A, rows)
    with (tmp_path / "sources" / "toy" / "codes.csv").open("a", encoding="utf-8") as codes:
        codes.write("*,REF_AREA,XXA,ref_area,NPL,map\n")
    assert toy.read(warehouse_url, rolling, A, rows).content_sha256 != read.content_sha256
    kept = lake.facts_path(read.made_with)
    with warehouse.connect(warehouse_url) as connection:
        landed = connection.execute("SELECT landed FROM raw.landing").fetchall()[0]["landed"]
    again = pipeline.read(landing.Landed.model_validate(landed), rolling, kept / "toy", lists=(kept / "codelists",))
    assert (again.content_sha256, again.quarantined) == (read.content_sha256, 1)
    assert folder_of("toy") != kept
    assert read_source(folder_of("toy") / "source.yaml") == rolling
    assert isinstance(again, Read)


DESA = {
    "2019": "undesa_pd_2019_migrant_stock_total_dataset.xlsx",
    "2020": "undesa_pd_2020_ims_stock_by_sex_and_destination.xlsx",
    "2024": "undesa_pd_2024_ims_stock_by_sex_and_destination.xlsx",
}
WORLD = (
    "SELECT o.value FROM core.as_of(%s) AS o INNER JOIN core.series AS s USING (source, series_id) "
    "INNER JOIN ref.period AS t USING (time_id) "
    "WHERE s.ref_area = '001' AND s.sex = '_T' AND s.counterpart_area = '_T' AND t.time_period = '2000'"
)


@pytest.mark.parametrize("order", [("2019", "2020", "2024"), ("2024", "2019", "2020")], ids="-".join)
def test_the_real_editions_of_un_desa_each_hold_for_their_time(
    warehouse_url: str,
    payloads: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    order: tuple[str, ...],
) -> None:
    monkeypatch.setenv("MIGSTATS_LAKE", str(tmp_path / "lake"))
    source = read_source(folder_of("undesa_stock") / "source.yaml")
    reads: dict[str, Read] = {}
    for number, release in enumerate(order):
        at = dt.datetime(2026, 1, 1 + number, tzinfo=dt.UTC)
        [slice_] = [s for s in plan(source, today=at.date(), release=release) if s.dataset == "destination"]
        reads[release] = toy.land(
            warehouse_url, source, slice_, (payloads / "un_desa" / DESA[release]).read_bytes(), at
        )
        toy.load(warehouse_url, source, reads[release])
    with warehouse.connect(warehouse_url) as connection:
        for day, release in (("2021-01-01", "2019"), ("2021-07-01", "2020"), ("2025-06-01", "2024")):
            accepted = {
                tuple(f.values())
                for f in connection.execute(
                    "SELECT series_id, time_id, value, obs_status, attribute_id FROM core.as_of(%s)", (day,)
                ).fetchall()
            }
            columns = ["series_id", "time_id", "value", "obs_status", "attribute_id"]
            table = lake.read_table(lake.absolute(reads[release].folder) / "facts.parquet").select(columns)
            assert accepted == {tuple(row.values()) for row in table.to_pylist()}
        world = [connection.execute(WORLD, (day,)).fetchall()[0]["value"] for day in ("2021-01-01", "2021-07-01")]
    assert world == [173588441, 173230585]
    assert set(overlaps(warehouse_url, "undesa_stock").values()) == {0}


def reader_url(url: str) -> str:
    """The same warehouse as the BI role."""
    return url.replace("postgres:test-only@", "bi_reader:test-only@")


def test_bi_offers_both_clocks_and_what_changed_to_its_readers(warehouse_url: str, source: Source) -> None:
    moments = []
    for number, release in enumerate(("2019", "2024", "2020")):
        at = toy.DAY + dt.timedelta(days=number)
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, EDITIONS[release], release=release, at=at))
        publish.publish(warehouse_url, run_id="test")
        moments.append(now())
    days = ("2020-01-01", "2022-07-01", "2025-07-01")
    with warehouse.connect(reader_url(warehouse_url)) as connection:

        def asked(function: str, at: object) -> State:
            query = f"SELECT ref_area, time_period, published_value FROM bi.{function}(%s)"
            return {(r["ref_area"], r["time_period"]): r["published_value"] for r in connection.execute(query, (at,))}

        assert [asked("as_of", day) for day in days] == [said(EDITIONS[r]) for r in ("2019", "2020", "2024")]
        assert [asked("as_published", m) for m in moments] == [said(EDITIONS[r]) for r in ("2019", "2024", "2024")]
        found = connection.execute(
            "SELECT change, was, published_value FROM bi.updated_after(%s) ORDER BY change, was", (moments[0],)
        ).fetchall()
        assert [tuple(f.values()) for f in found] == [("change", 1, 3)]
        overview = connection.execute("SELECT count(*) AS n FROM bi.lineage").fetchall()[0]["n"]
        facts = connection.execute("SELECT count(*) AS n FROM bi.fact_observation").fetchall()[0]["n"]
    assert overview == facts == 3


def test_what_is_not_published_yet_is_in_no_view_of_bi(warehouse_url: str, rolling: Source) -> None:
    toy.load(warehouse_url, rolling, toy.read(warehouse_url, rolling, A, [{"OBS_VALUE": "1"}]))
    publish.publish(warehouse_url, run_id="test")
    later = toy.DAY + dt.timedelta(days=1)
    toy.load(warehouse_url, rolling, toy.read(warehouse_url, rolling, A, [{"OBS_VALUE": "2"}], at=later))
    with warehouse.connect(reader_url(warehouse_url)) as connection:
        values = connection.execute("SELECT published_value, known_to FROM bi.revisions").fetchall()
    assert values == [{"published_value": 1, "known_to": None}]


def asked(url: str, query: str, *given: object) -> list[tuple[object, ...]]:
    """Ask as a BI tool does."""
    with warehouse.connect(reader_url(url)) as connection:
        return [tuple(row.values()) for row in connection.execute(query, given).fetchall()]


AS_OF = "SELECT ref_area, published_value FROM bi.as_of(%s) ORDER BY 1"
LINEAGE = (
    "SELECT f.ref_area, f.published_value, l.raw, l.vintage FROM bi.fact_observation AS f "
    "LEFT JOIN bi.lineage AS l USING (observation_id) ORDER BY 1"
)


def test_an_older_release_is_in_the_history_of_bi_from_its_publication_on(warehouse_url: str, source: Source) -> None:
    """Until then the ranges are those that readers were shown, although core has others."""
    for number, release in enumerate(("2019", "2024")):
        at = toy.DAY + dt.timedelta(days=number)
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, EDITIONS[release], release=release, at=at))
    publish.publish(warehouse_url, run_id="test")
    moments = ["2020-01-01", "2022-01-01", "2025-01-01"]
    before = [asked(warehouse_url, AS_OF, moment) for moment in moments]
    at = toy.DAY + dt.timedelta(days=2)
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, EDITIONS["2020"], release="2020", at=at))
    assert shown(warehouse_url, "as_of", dt.datetime(2022, 1, 1, tzinfo=dt.UTC)) == said(EDITIONS["2020"])
    assert [asked(warehouse_url, AS_OF, moment) for moment in moments] == before
    publish.publish(warehouse_url, run_id="test")
    after = [asked(warehouse_url, AS_OF, moment) for moment in moments]
    assert after == [before[0], [("MAR", 2), ("SRB", 7), ("TUN", 9)], before[2]]
    assert asked(warehouse_url, "SELECT release FROM bi.dim_source WHERE source = 'toy'") == [("2024",)]


def test_the_lineage_of_a_figure_is_that_of_the_vintage_that_bi_shows(warehouse_url: str, rolling: Source) -> None:
    rows = [{"OBS_VALUE": "1"}, {"REF_AREA": "NPL", "OBS_VALUE": "5"}]
    first = toy.load(warehouse_url, rolling, toy.read(warehouse_url, rolling, A, rows))
    publish.publish(warehouse_url, run_id="test")
    shown_before = [("MAR", 1, "1", first.vintage_id), ("NPL", 5, "5", first.vintage_id)]
    assert asked(warehouse_url, LINEAGE) == shown_before
    later = toy.DAY + dt.timedelta(days=1)
    second = toy.load(warehouse_url, rolling, toy.read(warehouse_url, rolling, A, [{"OBS_VALUE": "9"}], at=later))
    assert asked(warehouse_url, LINEAGE) == shown_before
    publish.publish(warehouse_url, run_id="test")
    assert asked(warehouse_url, LINEAGE) == [("MAR", 9, "9", second.vintage_id)]
    gone = (
        "SELECT count(*) FROM bi.revisions LEFT JOIN bi.revision_lineage AS l USING (observation_id, vintage) WHERE %s"
    )
    assert asked(warehouse_url, gone % "l.sha256 IS NULL OR l.citation IS NULL OR l.producer_version = ''") == [(0,)]
    assert asked(warehouse_url, gone % "true") == [(3,)]


def test_a_figure_is_traced_to_the_release_that_bi_shows_whatever_came_later(
    warehouse_url: str, source: Source
) -> None:
    """2019 and 2024 say the same; 2020, which said otherwise, is loaded last."""
    for number, (release, value) in enumerate((("2019", "1"), ("2024", "1"), ("2020", "2"))):
        at = toy.DAY + dt.timedelta(days=number)
        read = toy.read(warehouse_url, source, A, [{"OBS_VALUE": value}], release=release, at=at)
        toy.load(warehouse_url, source, read)
    publish.publish(warehouse_url, run_id="test")
    [(figure, value)] = asked(warehouse_url, "SELECT observation_id, published_value FROM bi.fact_observation")
    traced = lineage.trace(warehouse_url, str(figure))
    assert (value, traced["raw"], traced["value"], traced["agrees"], traced["is_current"]) == (1, "1", 1, True, True)


def test_what_was_accepted_and_not_published_is_an_update_of_later(warehouse_url: str, rolling: Source) -> None:
    """Whoever asks for updates between acceptance and publication gets the change with the next question."""

    def serve(day: int, value: str) -> None:
        at = toy.DAY + dt.timedelta(days=day)
        toy.load(warehouse_url, rolling, toy.read(warehouse_url, rolling, A, [{"OBS_VALUE": value}], at=at))

    updates = "SELECT change, was, published_value FROM bi.updated_after(%s)"
    serve(0, "1")
    publish.publish(warehouse_url, run_id="test")
    serve(1, "2")
    between = now()
    assert asked(warehouse_url, updates, between) == []
    assert asked(warehouse_url, "SELECT published_value FROM bi.as_published(%s)", between) == [(1,)]
    publish.publish(warehouse_url, run_id="test")
    assert asked(warehouse_url, updates, between) == [("change", 1, 2)]
    assert asked(warehouse_url, "SELECT published_value FROM bi.as_published(%s)", between) == [(1,)]
    assert asked(warehouse_url, "SELECT published_value FROM bi.as_published(%s)", now()) == [(2,)]


def test_an_edition_that_is_posted_again_leaves_what_it_said_before(warehouse_url: str, source: Source) -> None:
    first = [{"OBS_VALUE": "1"}, {"REF_AREA": "NPL", "OBS_VALUE": "5"}]
    for year, rows in ((2021, first), (2022, [{"OBS_VALUE": "7"}])):
        at = dt.datetime(year, 3, 1, tzinfo=dt.UTC)
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, rows, release="2020", at=at))
    assert shown(warehouse_url, "as_of", dt.datetime(2022, 1, 1, tzinfo=dt.UTC)) == said(first)
    assert shown(warehouse_url, "as_of", dt.datetime(2022, 3, 2, tzinfo=dt.UTC)) == {("MAR", "2020"): 7}
    assert set(overlaps(warehouse_url).values()) == {0}


def test_equal_figures_of_a_release_that_came_late_are_no_revision(warehouse_url: str, source: Source) -> None:
    for number, release in enumerate(("2024", "2020", "2019")):
        at = toy.DAY + dt.timedelta(days=number)
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, [{}], release=release, at=at))
    with warehouse.connect(warehouse_url) as connection:
        found = connection.execute("SELECT end_reason FROM core.observation ORDER BY known_from").fetchall()
    assert [row["end_reason"] for row in found] == ["repeated", "repeated", None]


def test_a_gap_in_what_was_known_is_measured(warehouse_url: str, source: Source) -> None:
    for number, release in enumerate(("2019", "2020", "2024")):
        at = toy.DAY + dt.timedelta(days=number)
        toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, EDITIONS[release], release=release, at=at))
    assert overlaps(warehouse_url)["states_minus_known"] == 0
    with warehouse.connect(warehouse_url) as connection:
        connection.execute(
            "UPDATE core.observation AS o SET known_from = %s FROM core.series AS s "
            "WHERE o.series_id = s.series_id AND s.ref_area = 'TUN'",
            (RELEASED["2022"],),
        )
    assert overlaps(warehouse_url) == {
        **dict.fromkeys(overlaps(warehouse_url), 0),
        "states_minus_known": 2,  # of the editions of 2019 and of 2020
    }


def test_the_measures_find_what_the_database_would_have_refused(warehouse_url: str, source: Source) -> None:
    """Each of the two promises of the database is taken away, broken, and seen to be broken."""
    rows = [{"REF_AREA": area, "TIME_PERIOD": "2020"} for area in ("MAR", "NPL", "SRB")]
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, toy.SLICES[0], rows, release="2019"))
    assert set(overlaps(warehouse_url).values()) == {0}
    with warehouse.connect(warehouse_url) as connection:
        [index] = connection.execute(
            "SELECT indexrelid::regclass::text AS name FROM pg_index "
            "WHERE indrelid = 'core.observation'::regclass AND indisunique"
        ).fetchall()
        connection.execute(f"DROP INDEX {index['name']}")
        connection.execute("INSERT INTO core.observation SELECT * FROM core.observation LIMIT 2")
    found = overlaps(warehouse_url)
    assert found["duplicate_current_keys"] == 2
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("ALTER TABLE core.observation DROP CONSTRAINT known_in_order")
        connection.execute(
            "UPDATE core.observation SET known_to = known_from - interval '1 day', vintage_to = vintage_from, "
            "end_reason = 'revised'"
        )
    assert overlaps(warehouse_url)["known_ranges_reversed"] == 5
