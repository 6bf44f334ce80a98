"""Dashboards on millions of figures: readers that ask all the time, alone and while a publication goes on.

`bi.observation_all` is filled with invented figures of eight indicators; then a source of another one, loaded as every
source is, is published while twenty readers ask what the charts of our dashboards ask, as they open and with other
countries chosen, and what analysts ask of the topic views. The median and the 95th percentile of each query are
printed, before and during the publication, and their ratio.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
from psycopg import sql as composed

from benchmarks import generate
from benchmarks.__main__ import PASSWORD, Bench
from migstats import postgres, publish, settings, warehouse
from migstats.dashboards import Chart, Dashboard, read_dashboards, statement

#: Goals of a query, seconds.
MEDIAN, P95 = 0.2, 1.0

#: What is invented: indicators with their basis, and how many ages, sexes, partners and years each country has.
INDICATORS = {
    "REFUGEES": "origin",
    "ASYLUM_APPLICATIONS": "origin",
    "IMMIGRATION": "previous_residence",
    "EMIGRATION": "next_residence",
    "MIG_STOCK": "origin",
    "RES_PERMITS_FIRST": "citizenship",
    "REMIT_IN": "origin",
    "REMIT_BILATERAL": "previous_residence",
}
AGES = ("_T", "Y0T14", "Y15T24", "Y25T64", "Y_GE65", "Y_U", "Y0T17")
SEXES = ("_T", "F", "M")
PARTNERS = 29
YEARS = 20

FILL = """
INSERT INTO bi.observation_all (
    observation_id, source, dataset, indicator, freq, ref_area, subdivision, counterpart_area, counterpart_basis, sex,
    age, migration_status, education, labour_status, occupation, activity, reason, urbanisation, disability, breakdown,
    time_period, year, value, published_value, is_total, unit, obs_status, conf_status, missing_reason, nature,
    concept_basis, coverage, residence_criterion, reference_point, point_in_time, note, release, vintage,
    subdivision_matched, subdivision_published, match_level, preferred, why_preferred, method, disclosure
)
SELECT
    'bench-' || %(indicator)s || '-' || a.code || '-' || c.code || '-' || s.sex || '-' || g.age || '-' || y.year,
    %(source)s, %(source)s, %(indicator)s, 'A', a.code, '_T', c.code, %(basis)s,
    s.sex, g.age, '_T', '_T', '_T', '_T', '_T', '_T', '_T', '_T', '_T',
    y.year::text, y.year, CASE WHEN c.code <> '_T' AND s.sex = '_T' AND g.age = '_T' THEN v.figure END, v.figure,
    NOT (c.code <> '_T' AND s.sex = '_T' AND g.age = '_T'), 'PS', 'A', 'F', NULL, 'C', 'birth', NULL, NULL, 'end',
    make_date(y.year, 12, 31), NULL, '2025', 1, '_T', NULL, 0, TRUE, 'only_source', 'published', 0
FROM (SELECT code FROM ref.area WHERE kind = 'country' ORDER BY code LIMIT %(areas)s) AS a
CROSS JOIN (
    SELECT code FROM (SELECT code FROM ref.area WHERE kind = 'country' ORDER BY code DESC LIMIT %(partners)s) AS p
    UNION ALL SELECT '_T'
) AS c
CROSS JOIN unnest(%(sexes)s::text[]) AS s (sex)
CROSS JOIN unnest(%(ages)s::text[]) AS g (age)
CROSS JOIN generate_series(2025 - %(years)s, 2024) AS y (year)
CROSS JOIN LATERAL (
    SELECT (abs(hashtext(a.code || c.code || s.sex || g.age || y.year::text)) %% 100000)::double precision AS figure
) AS v
"""

#: What analysts ask: of one country, of one year of all countries, of a corridor, and what there is.
QUERIES = {
    "a country over time, by sex": """
        SELECT year, sex, max(published_value) FROM bi.migrant_stock
        WHERE indicator = 'MIG_STOCK' AND ref_area = %(area)s AND counterpart_area = '_T' AND age = '_T'
        GROUP BY year, sex""",
    "the largest origins of a country": """
        SELECT counterpart_name, published_value FROM bi.migrant_stock
        WHERE indicator = 'MIG_STOCK' AND ref_area = %(area)s AND year = %(year)s AND sex = '_T' AND age = '_T'
            AND counterpart_area <> '_T' ORDER BY published_value DESC NULLS LAST LIMIT 15""",
    "ages of a country": """
        SELECT age, sex, published_value FROM bi.migrant_stock
        WHERE indicator = 'MIG_STOCK' AND ref_area = %(area)s AND year = %(year)s AND counterpart_area = '_T'""",
    "flows of a country": """
        SELECT year, indicator, sum(value) FROM bi.migration_flows
        WHERE ref_area = %(area)s AND indicator IN ('IMMIGRATION', 'EMIGRATION') GROUP BY year, indicator""",
    "all countries in a year": """
        SELECT ref_area_name, sum(value) FROM bi.displacement
        WHERE indicator = 'REFUGEES' AND year = %(year)s AND value IS NOT NULL
        GROUP BY ref_area_name ORDER BY 2 DESC LIMIT 20""",
    "the world over time": """
        SELECT year, sum(value) FROM bi.annual_sum WHERE indicator = 'REFUGEES' GROUP BY year""",
    "the world over time, figure by figure": """
        SELECT year, sum(value) FROM bi.displacement
        WHERE indicator = 'REFUGEES' AND value IS NOT NULL GROUP BY year""",
    "a corridor over time": """
        SELECT year, indicator, published_value FROM bi.fact_observation
        WHERE ref_area = %(area)s AND counterpart_area = %(partner)s AND sex = '_T' AND age = '_T'
            AND indicator IN ('MIG_STOCK', 'IMMIGRATION', 'REFUGEES')""",
    "latest figures of a country": """
        SELECT DISTINCT ON (f.indicator) f.indicator, i.name_en, f.year, f.published_value, s.citation
        FROM bi.fact_observation AS f INNER JOIN bi.dim_indicator AS i ON f.indicator = i.indicator
        LEFT JOIN bi.dim_source AS s ON f.source = s.source
        WHERE f.ref_area = %(area)s AND f.year >= %(year)s AND f.counterpart_area = '_T' AND f.sex = '_T'
            AND f.age = '_T'
        ORDER BY f.indicator, f.year DESC""",
    "what there is of a country": """
        SELECT indicator, year, max(depth), sum(figures) FROM bi.availability
        WHERE ref_area = %(area)s GROUP BY indicator, year""",
}


#: What a filter of a dashboard is set to besides its default: one of the countries that have figures.
COUNTRY_FILTERS = ("country", "asylum", "destination")


@dataclass(frozen=True)
class Choices:
    """What readers choose from."""

    areas: list[str]
    partners: list[str]
    names: list[str]


#: What is asked: name → how it is asked by one reader.
Ask = Callable[[random.Random], tuple[bytes | composed.Composed, dict[str, object] | None]]


def asked(choices: Choices) -> dict[str, Ask]:
    """Every chart of every dashboard, and every query of analysts."""

    def of_analyst(text: str, chance: random.Random) -> tuple[bytes, dict[str, object]]:
        chosen = {"area": chance.choice(choices.areas), "partner": chance.choice(choices.partners)}
        return text.encode(), {**chosen, "year": chance.randrange(2025 - YEARS, 2025)}

    def of_chart(page: Dashboard, chart: Chart, chance: random.Random) -> tuple[composed.Composed, None]:
        chosen = {f.column: f.default for f in page.filters if f.default is not None}
        countries = [f.column for f in page.filters if f.column in COUNTRY_FILTERS]
        if countries and chance.random() < 0.5:
            chosen.pop("country_group", None)
            chosen[countries[0]] = chance.choice(choices.names)
        return statement(declared.query(chart, chosen)), None

    declared = read_dashboards()
    asks: dict[str, Ask] = {name: partial(of_analyst, text) for name, text in QUERIES.items()}
    for page in declared.dashboards:
        asks |= {f"{page.id}: {chart.id}": partial(of_chart, page, chart) for chart in page.charts}
    return asks


class Readers:
    """Readers that ask one query after the other until they are stopped, and how long each took."""

    def __init__(self, url: str, number: int, asks: dict[str, Ask]) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []
        self._stop = threading.Event()
        self._asks = asks
        self._threads = [threading.Thread(target=self._ask, args=(url, seed)) for seed in range(number)]

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, url: str, seed: int) -> None:
        chance = random.Random(seed)
        with psycopg.connect(url, autocommit=True) as connection:
            while not self._stop.is_set():
                name = chance.choice(list(self._asks))
                text, parameters = self._asks[name](chance)
                since = time.perf_counter()
                try:
                    connection.execute(text, parameters).fetchall()
                except psycopg.Error as error:
                    self.errors.append(f"{name}: {error}")
                    continue
                self.seconds[name].append(time.perf_counter() - since)


def fill(url: str, figures: int) -> tuple[int, Choices]:
    """Fill bi with about as many figures; how many there are, and what readers choose from."""
    of_country = len(AGES) * len(SEXES) * (PARTNERS + 1) * YEARS * len(INDICATORS)
    many = {
        "source": generate.SOURCE,
        "areas": max(1, min(195, round(figures / of_country))),
        "partners": PARTNERS,
        "years": YEARS,
    }
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")  # invented figures pass no disclosure control
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'bi' AND tablename = 'observation_all' "
            "AND indexname <> 'observation_all_pkey'"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX bi.{name}".encode())
        for indicator, basis in INDICATORS.items():
            asked = {**many, "indicator": indicator, "basis": basis, "sexes": list(SEXES), "ages": list(AGES)}
            connection.execute(FILL.encode(), asked)
        for _, definition in indexes:
            connection.execute(definition.encode())
        connection.execute("CREATE TEMPORARY TABLE touched AS SELECT DISTINCT indicator FROM bi.observation_all")
        connection.execute("ANALYZE bi.observation_all")
        for table in (
            "availability",
            "availability_total",
            "annual_sum",
            "corridor_figures",
            "corridor",
            "corridor_mirror",
        ):
            connection.execute(warehouse.statement(f"publication/add_{table}"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        [(count,)] = connection.execute("SELECT count(*) FROM bi.observation_all").fetchall()
        areas = connection.execute(
            "SELECT DISTINCT a.area, a.name_en FROM bi.availability AS f "
            "INNER JOIN bi.dim_area AS a ON f.ref_area = a.area ORDER BY 1"
        ).fetchall()
        partners = connection.execute(
            "SELECT DISTINCT counterpart_area FROM bi.observation_all WHERE ref_area = %s ORDER BY 1", [areas[0][0]]
        ).fetchall()
    return count, Choices([area for area, _ in areas], [row[0] for row in partners], [name for _, name in areas])


def percentile(seconds: list[float], share: float) -> float:
    """The value below which this share of them lies."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", type=float, default=20, help="millions of figures in bi")
    parser.add_argument("--published", type=int, default=200_000, help="figures that are published meanwhile")
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30, help="how long they ask before anything is published")
    parser.add_argument("--strict", action="store_true", help="exit status 1 if a goal is missed")
    given = parser.parse_args()
    given.rows, given.held, given.rounds, given.without_peers, given.slow_rows = given.published, 1, 1, True, 100
    work = Path(tempfile.mkdtemp(prefix="migstats-bench-"))
    work.chmod(0o755)  # the server may run as another user
    bench = Bench(work, given)
    try:
        bench.prepare()
        postgres.create_database(bench.server, "dashboards", template="empty")
        url = bench.server.url("dashboards")
        with warehouse.connect(url) as connection:
            warehouse.make_roles(url, {"bi_reader": PASSWORD})
            connection.execute(warehouse.statement("grants/database"))
        bench.ours("read+load", "first", "dashboards", "load of what is published meanwhile")
        print("filling bi ...", flush=True)
        count, choices = fill(url, round(given.figures * 1_000_000))
        asks = asked(choices)
        reader = url.replace("postgres:", "bi_reader:", 1)
        with Readers(reader, given.readers, asks) as before:
            time.sleep(given.seconds)
        with Readers(reader, given.readers, asks) as during:
            publication = publish.publish(url, run_id="benchmark")
        print(f"\n{count:,} figures, {given.readers} readers")
        print(f"{publication.added:,} figures were published in {publication.seconds:.1f} s")
        missed = report(list(asks), before, during)
        figures = {name: {"before": before.seconds[name], "during": during.seconds[name]} for name in asks}
        kept = settings.home() / "build"
        kept.mkdir(exist_ok=True)
        (kept / "dashboards.json").write_text(json.dumps(figures))
        return 1 if missed and given.strict else 0
    finally:
        bench.close()
        shutil.rmtree(work, ignore_errors=True)


def report(asks: Sequence[str], before: Readers, during: Readers) -> int:
    """Print what each query took, and which goals were reached; how many were not."""
    print(f"\n{'query':46} {'before':>8} {'p95':>8} {'during':>8} {'p95':>8} {'ratio':>6}")
    for name in asks:
        alone, beside = before.seconds[name], during.seconds[name]
        if not alone or not beside:
            print(f"{name:46} not asked")
            continue
        middle, middle_beside = statistics.median(alone), statistics.median(beside)
        row = [middle, percentile(alone, 0.95), middle_beside, percentile(beside, 0.95)]
        print(f"{name:46} {' '.join(f'{1000 * s:6.0f}ms' for s in row)} {middle_beside / middle:6.1f}")
    missed = len(before.errors) + len(during.errors)
    for error in [*before.errors, *during.errors][:5]:
        print("error:", error)
    for word, readers in (("before", before), ("during", during)):
        every = [s for seconds in readers.seconds.values() for s in seconds]
        for goal, found, wanted in (
            ("median", statistics.median(every), MEDIAN),
            ("95th percentile", percentile(every, 0.95), P95),
        ):
            reached = found <= wanted
            missed += not reached
            judged = "reached" if reached else "MISSED"
            print(f"{judged}: {goal} {word} {found:.3f} s, goal {wanted} s ({len(every)} queries)")
    return missed


if __name__ == "__main__":
    sys.exit(main())
