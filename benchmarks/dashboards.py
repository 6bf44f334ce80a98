"""Dashboards on millions of figures: readers that ask all the time, alone and while a publication goes on.

`bi.observation_all` is filled with invented figures of eight indicators; then a source of another one, loaded as every
source is, is published while twenty readers ask what the charts of a dashboard ask. The median and the 95th percentile
of each query are printed, before and during the publication, and their ratio.
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
from pathlib import Path

import psycopg

from benchmarks.__main__ import PASSWORD, Bench
from migstats import postgres, publish, settings, warehouse

#: Goals of a query, seconds.
MEDIAN, P95 = 0.2, 1.0

#: What is invented: indicators with their basis, and how many ages, sexes, partners and years each country has.
INDICATORS = (
    *("REFUGEES", "IMMIGRATION", "EMIGRATION", "ASYLUM_APPLICATIONS", "MIG_STOCK", "RES_PERMITS_FIRST"),
    *("FOREIGN_POP", "CITIZENSHIP_ACQUISITIONS"),
)
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
    'bench', 'bench', %(indicator)s, 'A', a.code, '_T', c.code, CASE WHEN c.code = '_T' THEN '_Z' ELSE 'origin' END,
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

#: What charts ask: of one country, of one year of all countries, of a corridor, and what there is.
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
        WHERE indicator = 'REFUGEES' AND year = %(year)s GROUP BY ref_area_name ORDER BY 2 DESC NULLS LAST LIMIT 20""",
    "the world over time": """
        SELECT year, sum(value) FROM bi.displacement WHERE indicator = 'REFUGEES' GROUP BY year""",
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


class Readers:
    """Readers that ask one query after the other until they are stopped, and how long each took."""

    def __init__(self, url: str, number: int, areas: list[str], partners: list[str]) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []
        self._stop = threading.Event()
        self._choices = areas, partners
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
        areas, partners = self._choices
        with psycopg.connect(url, autocommit=True) as connection:
            while not self._stop.is_set():
                name = chance.choice(list(QUERIES))
                chosen = {
                    "area": chance.choice(areas),
                    "partner": chance.choice(partners),
                    "year": chance.randrange(2025 - YEARS, 2025),
                }
                since = time.perf_counter()
                try:
                    connection.execute(QUERIES[name].encode(), chosen).fetchall()
                except psycopg.Error as error:
                    self.errors.append(f"{name}: {error}")
                    continue
                self.seconds[name].append(time.perf_counter() - since)


def fill(url: str, figures: int) -> tuple[int, list[str], list[str]]:
    """Fill bi with about as many figures; how many there are, the countries, and their partners."""
    of_country = len(AGES) * len(SEXES) * (PARTNERS + 1) * YEARS * len(INDICATORS)
    many = {"areas": max(1, min(195, round(figures / of_country))), "partners": PARTNERS, "years": YEARS}
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")  # invented figures pass no disclosure control
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'bi' AND tablename = 'observation_all' "
            "AND indexname <> 'observation_all_pkey'"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX bi.{name}".encode())
        for indicator in INDICATORS:
            asked = {**many, "indicator": indicator, "sexes": list(SEXES), "ages": list(AGES)}
            connection.execute(FILL.encode(), asked)
        for _, definition in indexes:
            connection.execute(definition.encode())
        connection.execute("CREATE TEMPORARY TABLE touched AS SELECT DISTINCT indicator FROM bi.observation_all")
        connection.execute(warehouse.statement("publication/add_availability"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE bi.observation_all")
        connection.execute("ANALYZE bi.availability")
        [(count,)] = connection.execute("SELECT count(*) FROM bi.observation_all").fetchall()
        areas = connection.execute("SELECT DISTINCT ref_area FROM bi.availability ORDER BY 1").fetchall()
        partners = connection.execute(
            "SELECT DISTINCT counterpart_area FROM bi.observation_all WHERE ref_area = %s ORDER BY 1", [areas[0][0]]
        ).fetchall()
    return count, [row[0] for row in areas], [row[0] for row in partners]


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
        count, areas, partners = fill(url, round(given.figures * 1_000_000))
        reader = url.replace("postgres:", "bi_reader:", 1)
        with Readers(reader, given.readers, areas, partners) as before:
            time.sleep(given.seconds)
        with Readers(reader, given.readers, areas, partners) as during:
            publication = publish.publish(url, run_id="benchmark")
        print(f"\n{count:,} figures, {given.readers} readers")
        print(f"{publication.added:,} figures were published in {publication.seconds:.1f} s")
        missed = report(before, during)
        figures = {name: {"before": before.seconds[name], "during": during.seconds[name]} for name in QUERIES}
        kept = settings.home() / "build"
        kept.mkdir(exist_ok=True)
        (kept / "dashboards.json").write_text(json.dumps(figures))
        return 1 if missed and given.strict else 0
    finally:
        bench.close()
        shutil.rmtree(work, ignore_errors=True)


def report(before: Readers, during: Readers) -> int:
    """Print what each query took, and which goals were reached; how many were not."""
    print(f"\n{'query':34} {'before':>8} {'p95':>8} {'during':>8} {'p95':>8} {'ratio':>6}")
    for name in QUERIES:
        alone, beside = before.seconds[name], during.seconds[name]
        if not alone or not beside:
            print(f"{name:34} not asked")
            continue
        middle, middle_beside = statistics.median(alone), statistics.median(beside)
        row = [middle, percentile(alone, 0.95), middle_beside, percentile(beside, 0.95)]
        print(f"{name:34} {' '.join(f'{1000 * s:6.0f}ms' for s in row)} {middle_beside / middle:6.1f}")
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
