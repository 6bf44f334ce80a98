"""Publish: of codes that lie in one another SUM(value) counts one, and a part alone is not the whole."""

from __future__ import annotations

import pytest
from shown import figure

from migstats import disclosed, warehouse

pytestmark = pytest.mark.database

#: Figures by one dimension (None: not applicable), and what a sum over the indicator counts.
CODES = {
    "women, and men of whom there can be none": ("sex", {"F": 10, "M": None}, 10),
    "ages, of which the first cannot be": ("age", {"Y0T14": None, "Y_GE15": 9}, 9),
    "migrants, and those from inside and outside the EU": (
        "migration_status",
        {"MIGRANT": 50, "MIGRANT_EU": 20, "MIGRANT_NON_EU": 30, "NON_MIGRANT": 50},
        0,
    ),
    "with a total, parts that add up count": ("migration_status", {"_T": 100, "MIGRANT": 40, "NON_MIGRANT": 60}, 100),
    "with a total, it counts where parts overlap": (
        "migration_status",
        {"_T": 100, "MIGRANT": 50, "MIGRANT_EU": 20, "MIGRANT_NON_EU": 30, "NON_MIGRANT": 50},
        100,
    ),
    "one level of them": ("migration_status", {"MIGRANT_EU": 20, "MIGRANT_NON_EU": 30, "NON_MIGRANT": 50}, 100),
    "migrants alone, in two parts": ("migration_status", {"MIGRANT_EU": 20, "MIGRANT_NON_EU": 30}, 0),
    "the labour force beside who works": ("labour_status", {"LF": 60, "EMP": 50, "UNE": 10, "OLF": 40}, 0),
    "the labour force in its parts": ("labour_status", {"EMP": 50, "UNE": 10}, 0),
    "everybody by labour status": ("labour_status", {"EMP": 50, "UNE": 10, "OLF": 40}, 100),
    "levels of education beside those that hold them": (
        "education",
        {"ISCED11_0T2": 30, "ISCED11_0": 5, "ISCED11_1": 10, "ISCED11_2": 15, "ISCED11_3T4": 40, "ISCED11_5T8": 30},
        0,
    ),
    "levels of education": ("education", {"ISCED11_0T2": 30, "ISCED11_3T4": 40, "ISCED11_5T8": 30}, 100),
    "work beside a job": ("reason", {"WORK": 70, "WORK_JOB": 50, "WORK_BUSINESS": 20, "FAMILY": 30}, 0),
    "reasons": ("reason", {"WORK_JOB": 50, "WORK_BUSINESS": 20, "FAMILY": 30}, 100),
}


@pytest.mark.parametrize(("dimension", "figures", "total"), CODES.values(), ids=CODES)
def test_a_sum_counts_no_code_beside_one_that_it_lies_in(
    warehouse_url: str, dimension: str, figures: dict[str, float | None], total: float
) -> None:
    with warehouse.connect(warehouse_url) as connection:
        connection.execute(
            "INSERT INTO ref.source (code, title, publisher, homepage, licence, licence_url, redistribution, citation, "
            "owner) VALUES ('ark', 't', 't', 't', 't', 't', 'allowed', 't', 't')"
        )
        connection.execute("CREATE TEMPORARY TABLE published (LIKE bi.observation_all) ON COMMIT DROP")
        for code, value in figures.items():
            told = {"source": "ark", "indicator": "MIG_STOCK", "ref_area": "MAR", dimension: code, "value": value}
            row = {**figure(told), "observation_id": code}
            if value is None:
                row |= {"obs_status": "M", "missing_reason": "not_applicable"}
            names = [name for name in row if row[name] is not None]
            connection.execute(
                f"INSERT INTO pg_temp.published ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})",
                [row[name] for name in names],
            )
        warehouse.execute(connection, "publication/stage_code_inside")
        warehouse.copy(connection, ("pg_temp", "code_inside"), disclosed.codes_inside())
        warehouse.execute(connection, "publication/mark_additive", {"counted": ["PS"]})
        found = connection.execute("SELECT coalesce(sum(value), 0) AS s FROM pg_temp.published").fetchall()
    assert found == [{"s": total}]
