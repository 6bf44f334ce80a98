"""Figures put into `bi` as a publish does it from where they are staged, without sources, lake and loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from migstats import publish, warehouse

#: What a figure holds where a test does not say otherwise.
FIGURE: Mapping[str, Any] = {
    "source": "ark",
    "dataset": "figures",
    "indicator": "MIG_STOCK",
    "freq": "A",
    "ref_area": "ITA",
    "counterpart_area": "_T",
    "counterpart_basis": "_Z",
    **dict.fromkeys(
        ("subdivision", "sex", "age", "migration_status", "education", "labour_status", "occupation", "activity"), "_T"
    ),
    **dict.fromkeys(("reason", "urbanisation", "disability", "breakdown"), "_T"),
    "time_period": "2020",
    "is_total": True,
    "unit": "PS",
    "obs_status": "A",
    "conf_status": "F",
    "reference_point": "end",
    "point_in_time": "2020-12-31",
    "release": "1",
    "vintage": 1,
    "subdivision_matched": "_T",
    "match_level": 0,
    "preferred": True,
    "why_preferred": "only_source",
    "method": "published",
}
#: Sources of the tests; figures of the last one may not be passed on.
SOURCES = ("ark", "bee", "cat", "zoo")


def figure(row: Mapping[str, Any]) -> dict[str, Any]:
    """A figure that differs from FIGURE as the row says; its id tells what it is, `value` is its published value."""
    said = {**FIGURE, **{name: cell for name, cell in row.items() if name != "value"}, "published_value": row["value"]}
    year = int(said["time_period"][:4])
    flow = said["reference_point"] == "period"
    days = {"end": f"{year}-12-31", "start": f"{year}-01-01", "07-01": f"{year}-07-01"}
    told = (
        *("source", "indicator", "ref_area", "counterpart_area", "counterpart_basis", "sex", "breakdown", "unit"),
        "time_period",
    )
    return {
        **said,
        "year": year,
        "point_in_time": row.get("point_in_time", None if flow else days[said["reference_point"]]),
        "observation_id": "-".join(str(said[name]) for name in told),
        "obs_status": "O" if row["value"] is None else said["obs_status"],
    }


def show(url: str, rows: Sequence[Mapping[str, Any]], *, touched: Sequence[str] | None = None) -> None:
    """Publish these figures and no others of their indicators (or of `touched`, which may be more)."""
    figures = [figure(row) for row in rows]
    indicators = sorted({f["indicator"] for f in figures} | set(touched or ()))
    with warehouse.connect(url) as connection:
        for source in SOURCES:
            connection.execute(
                "INSERT INTO ref.source (code, title, publisher, homepage, licence, licence_url, redistribution, "
                "citation, owner) VALUES (%s, 't', 't', 't', 't', 't', %s, 't', 't') ON CONFLICT DO NOTHING",
                (source, "forbidden" if source == SOURCES[-1] else "allowed"),
            )
        connection.execute(
            "CREATE TEMPORARY TABLE touched ON COMMIT DROP AS SELECT unnest(%s::text[]) AS indicator", (indicators,)
        )
        connection.execute("CREATE TEMPORARY TABLE published (LIKE bi.observation_all) ON COMMIT DROP")
        # what we compute is not told of here
        connection.execute("CREATE TEMPORARY TABLE derivation (LIKE bi.derivation) ON COMMIT DROP")
        for f in figures:
            names = [n for n in f if f[n] is not None]
            connection.execute(
                f"INSERT INTO pg_temp.published ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})",
                [f[n] for n in names],
            )
        warehouse.execute(connection, "publication/mark_preferred", {})
        connection.execute("SET LOCAL session_replication_role = replica")  # no run of disclosure control goes before
        for change in ("remove", "add"):
            for table in ("published", "restricted"):
                warehouse.execute(connection, f"publication/{change}_{table}")
        publish.refresh(connection)


def rows_of(url: str, query: str) -> list[tuple[Any, ...]]:
    """Rows of a query, as tuples."""
    with warehouse.connect(url) as connection:
        return [tuple(row.values()) for row in connection.execute(query).fetchall()]
