"""Sums of countries to groups: never quietly smaller, and those of the publisher where nothing is missing."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
import python_calamine
import toy

from migstats import publish, settings, warehouse
from migstats.codelists import read_codelist
from migstats.indicators import AGGREGATIONS
from migstats.source import Source, folder_of, plan, read_source

FOLDER = settings.include() / "codelists"
GROUPS = read_codelist(FOLDER, "area_group").rows
PARTS = read_codelist(FOLDER, "area_part").rows
AREAS = read_codelist(FOLDER, "area").rows
A = "figures/part=a"


def members(group: str) -> set[str]:
    return {row["member"] for row in GROUPS.values() if row["group_area"] == group}


# -- the facts ------------------------------------------------------------------------------------------------------


def test_a_line_is_a_member_of_a_group_and_its_code_says_so() -> None:
    for code, row in GROUPS.items():
        assert code == f"{row['group_area']}:{row['member']}"
        assert AREAS[row["group_area"]]["kind"] == "group", code
        assert AREAS[row["member"]]["kind"] in ("country", "territory", "historical"), code
        assert {row["expected"], row["whole"]} <= {"yes", "no"}, code
    for code, row in PARTS.items():
        assert code == f"{row['whole']}:{row['part']}"
        assert {row["whole"], row["part"]} <= set(AREAS), code


def test_a_former_state_is_in_the_groups_of_its_parts_and_whole_where_all_of_them_are() -> None:
    parts = defaultdict(set)
    for row in PARTS.values():
        parts[row["whole"]].add(row["part"])
    assert {code for code, row in AREAS.items() if row["kind"] == "historical"} <= set(parts)
    for group in {row["group_area"] for row in GROUPS.values()}:
        for whole, of in parts.items():
            inside = of & members(group)
            assert (whole in members(group)) == bool(inside), (group, whole)
            if inside:
                assert (GROUPS[f"{group}:{whole}"]["whole"] == "yes") == (inside == of), (group, whole)


def test_the_programme_is_the_countries_that_say_so_and_regions_are_the_world() -> None:
    programme = {code for code, row in AREAS.items() if row["programme"] == "yes"}
    historical = {code for code, row in AREAS.items() if row["kind"] == "historical"}
    assert members("GLOBAL_PROGRAMME") - historical == programme
    regions = [members(region) - {"SUN"} for region in ("002", "019", "142", "150", "009")]
    assert set().union(*regions) | {"SUN"} == members("001")
    assert sum(map(len, regions)) == len(members("001")) - 1, "a country is in one region"


def test_members_are_those_of_the_population_division(payloads: Path) -> None:
    book = python_calamine.CalamineWorkbook.from_path(str(payloads / "un_wpp" / "WPP2024_F01_LOCATIONS.xlsx"))
    head, *lines = book.get_sheet_by_name("Aggregation_Lists").to_python()
    ours = {t: code for code, row in AREAS.items() for t in row["undesa"].split("|") if t}
    theirs = defaultdict(set)
    for line in (dict(zip(head, line, strict=True)) for line in lines):
        if line["LocTypeName"] == "Country/Area":
            theirs[ours.get(f"{line['ParentID']:.0f}")].add(ours.get(f"{line['LocID']:.0f}"))
    of_parts = {row["whole"] for row in PARTS.values()}
    compared = {row["group_area"] for row in GROUPS.values()} - {"GLOBAL_PROGRAMME", "003"}
    assert len(compared) > 40
    assert {g: members(g) - of_parts for g in compared} == {g: theirs[g] - of_parts for g in compared}


# -- the sums -------------------------------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    return toy.declare(tmp_path, monkeypatch, "toy")[0]


def row(area: str, year: str, figure: str) -> dict[str, str]:
    """A figure, or a letter of status where there is none."""
    if figure.isalpha():
        return {"REF_AREA": area, "TIME_PERIOD": year, "OBS_VALUE": "", "OBS_STATUS": figure}
    return {"REF_AREA": area, "TIME_PERIOD": year, "OBS_VALUE": figure}


def figures(text: str, year: str) -> list[dict[str, str]]:
    return [row(area, year, figure) for area, figure in (cell.split("=") for cell in text.split())]


SOUTH, ISLES, ASIA = "BWA=1 LSO=2 NAM=3 SWZ=4", "GUM=1 KIR=1 NRU=1", "CHN=1 HKG=1 JPN=1 MAC=1 MNG=1 PRK=1 KOR=1"
EIGHT = "BGD=1 ECU=1 JAM=1 MAR=1 NPL=1 PHL=1 SEN=1 TUN=1"

#: Group, year, figures → value, status, share of the members with a figure, sum of the known, the missing ones.
CASES: dict[str, tuple[str, str, str, tuple[float | None, str, float | None, float | None, str | None]]] = {
    "all members": ("018", "2015", f"{SOUTH} ZAF=5", (15, "A", 1, 15, None)),
    "zero is a figure": ("018", "2016", f"{SOUTH} ZAF=0", (10, "A", 1, 10, None)),
    "a missing member": ("018", "2017", f"{SOUTH} ZAF=O", (None, "O", 0.8, 10, "ZAF")),
    "a suppressed member": ("018", "2018", f"{SOUTH} ZAF=Q", (None, "Q", 0.8, 10, "ZAF")),
    "members without a row": ("018", "2019", "BWA=1 LSO=2", (None, "O", 0.4, 3, "NAM, SWZ, ZAF")),
    "a former state": ("057", "1980", f"{ISLES} PCI=9", (12, "A", 1, 12, None)),
    "neither it nor its parts": ("057", "1981", ISLES, (None, "O", 0.75, 3, "PCI")),
    # of Palau the publisher has two dots, and it did not exist
    "all of its parts": ("057", "1982", f"{ISLES} FSM=1 MHL=2 MNP=3 PLW=O", (9, "A", 1, 9, None)),
    "some of its parts": ("057", "1983", f"{ISLES} FSM=1", (None, "O", 0.8, 4, "PCI")),
    "it stands for its parts": ("057", "1984", f"{ISLES} PCI=9 FSM=4", (12, "A", 1, 12, None)),
    "after its end it is not missed": ("057", "2001", f"{ISLES} FSM=1 MHL=1 MNP=1 PLW=1", (7, "A", 1, 7, None)),
    "a former state that is in other groups too": (
        "GLOBAL_PROGRAMME",
        "1985",
        f"{EIGHT} SUN=9",
        (None, "O", 0.8, 8, "SUN, YUG"),
    ),
    "its parts in this group": (
        "GLOBAL_PROGRAMME",
        "1986",
        f"{EIGHT} SUN=9 KGZ=1 MDA=1 SRB=1",
        (11, "A", 1, 11, None),
    ),
    "one that nobody expects": ("030", "2002", ASIA, (7, "A", 1, 7, None)),
    "one that nobody expects, with a figure": ("030", "2003", f"{ASIA} TWN=1", (8, "A", 1, 8, None)),
    "one that nobody expects, missing": ("030", "2004", f"{ASIA} TWN=O", (7, "A", 1, 7, None)),
}


@pytest.mark.database
def test_a_group_is_never_quietly_smaller(warehouse_url: str, source: Source) -> None:
    rows = [line for _, year, text, _ in CASES.values() for line in figures(text, year)]
    assert len({(group, year) for group, year, _, _ in CASES.values()}) == len(CASES)
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, rows))
    publish.publish(warehouse_url, run_id="test")
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("SET ROLE bi_reader")
        found = connection.execute("SELECT * FROM bi.area_group_total").fetchall()
    by_cell = {(row["group_area"], row["time_period"]): row for row in found}
    got = {
        name: tuple(by_cell[group, year][c] for c in ("value", "obs_status", "coverage", "known_value", "missing"))
        for name, (group, year, _, _) in CASES.items()
    }
    assert got == {name: expected for name, (_, _, _, expected) in CASES.items()}
    assert {row["sources"] for row in found} == {"toy"}
    world = by_cell["001", "2015"]
    assert (world["value"], world["known_value"]) == (None, 15), "five countries are not the world"


@pytest.mark.database
def test_shares_have_no_sum_and_the_published_group_stands_beside_it(warehouse_url: str, source: Source) -> None:
    share = [{"INDICATOR": "REMIT_IN_GDP", "REF_AREA": a, "OBS_VALUE": "7", "UNIT": "PT_GDP"} for a in ("AUS", "NZL")]
    count = [row("AUS", "2020", "30"), row("NZL", "2020", "10"), row("053", "2020", "41"), row("009", "2020", "50")]
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, [*share, *count]))
    publish.publish(warehouse_url, run_id="test")
    with warehouse.connect(warehouse_url) as connection:
        found = connection.execute(
            "SELECT indicator, value, known_value, published_value, coverage_of_published FROM bi.area_group_total "
            "WHERE group_area IN ('053', '009') ORDER BY group_area"
        ).fetchall()
    assert [tuple(r.values()) for r in found] == [
        ("MIG_STOCK", None, 40, 50, 0.8),
        ("MIG_STOCK", 40, 40, 41, pytest.approx(40 / 41)),
    ]


@pytest.mark.database
def test_what_is_not_put_together_over_areas_has_no_sum(warehouse_url: str, source: Source) -> None:
    rules = read_codelist(FOLDER, "indicator_catalogue").rows
    units = {code: line["unit"] for code, line in read_codelist(FOLDER, "indicator").rows.items()}
    counted = {code: unit for code, unit in units.items() if unit in ("PS", "USD", "NUMBER")}
    rows = [
        {"INDICATOR": code, "UNIT": unit, **row(area, "2020", "7")}
        for code, unit in counted.items()
        for area in ("AUS", "NZL")
    ]
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, rows))
    publish.publish(warehouse_url, run_id="test")
    with warehouse.connect(warehouse_url) as connection:
        found = connection.execute("SELECT indicator FROM bi.area_group_total WHERE group_area = '053'").fetchall()
        adding = connection.execute("SELECT DISTINCT indicator FROM bi.fact_observation WHERE value = 7").fetchall()
    summed = {code for code in counted if rules[code]["aggregation_area"] == "sum"}
    assert {r["indicator"] for r in found} == summed
    assert {"IMMIGRATION", "ASYLUM_DECISIONS_POSITIVE", "FOUND_ILLEGALLY_PRESENT"} <= set(counted) - summed
    averages = {code for code in counted if all(rules[code][column] == "none" for column in AGGREGATIONS)}
    assert averages == {"MIGRANT_EARNINGS_USD", "RECRUITMENT_COST_USD"}
    assert {r["indicator"] for r in adding} == set(counted) - averages, "of one area sexes, ages and origins add up"


#: The basis of each member's total, and its figure → value, basis and missing members of Australia and New Zealand.
BASES: dict[str, tuple[dict[str, str], tuple[float | None, str, str | None]]] = {
    "one basis": ({"AUS": "birth=30", "NZL": "birth=10"}, (40, "birth", None)),
    "two bases": ({"AUS": "birth=30", "NZL": "citizenship=10"}, (40, "_Z", None)),
    "a basis and none": ({"AUS": "_Z=30", "NZL": "birth=10"}, (40, "_Z", None)),
    "a member under both": ({"AUS": "birth=30 citizenship=30", "NZL": "birth=10"}, (40, "birth", None)),
    "a member without a figure": ({"AUS": "_Z=30", "NZL": "birth=O"}, (None, "_Z", "NZL")),
}


@pytest.mark.database
def test_a_total_is_a_member_under_whatever_basis(warehouse_url: str, source: Source) -> None:
    years = {name: str(2010 + place) for place, name in enumerate(BASES)}
    rows = [
        {**row(area, years[name], figure), "BASIS": basis}
        for name, (of, _) in BASES.items()
        for area, cells in of.items()
        for basis, figure in (cell.split("=") for cell in cells.split())
    ]
    # what the publisher prints for the group may be under yet another
    rows.append({**row("053", years["two bases"], "41"), "BASIS": "_Z"})
    toy.load(warehouse_url, source, toy.read(warehouse_url, source, A, rows))
    publish.publish(warehouse_url, run_id="test")
    with warehouse.connect(warehouse_url) as connection:
        found = connection.execute(
            "SELECT time_period, value, counterpart_basis, missing, published_value FROM bi.area_group_total "
            "WHERE group_area = '053' ORDER BY time_period"
        ).fetchall()
    assert [tuple(line.values()) for line in found] == [
        (years[name], *expected, 41 if name == "two bases" else None) for name, (_, expected) in BASES.items()
    ]


@pytest.mark.database
def test_sums_of_countries_are_those_that_the_publisher_prints(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, payloads: Path
) -> None:
    """Of UN DESA: where no member is missing, our sum is the printed one; and South Sudan in 1990 is no zero."""
    monkeypatch.setenv("MIGSTATS_LAKE", str(tmp_path / "lake"))
    stock = read_source(folder_of("undesa_stock") / "source.yaml")
    (edition,) = (s for s in plan(stock, today=toy.DAY.date(), release="2020") if s.dataset == "destination")
    book = payloads / "un_desa" / "undesa_pd_2020_ims_stock_by_sex_and_destination.xlsx"
    toy.load(warehouse_url, stock, toy.land(warehouse_url, stock, edition, book.read_bytes(), toy.DAY))
    publish.publish(warehouse_url, run_id="test")
    with warehouse.connect(warehouse_url) as connection:
        connection.execute("SET ROLE bi_reader")
        found = connection.execute("SELECT * FROM bi.area_group_total WHERE published_value IS NOT NULL").fetchall()
        relations = connection.execute(
            "SELECT table_name FROM information_schema.columns WHERE table_schema = 'bi' AND column_name IN "
            "('ref_area', 'time_period', 'obs_status', 'missing_reason', 'published_value') "
            "GROUP BY table_name HAVING count(*) = 5"
        ).fetchall()
        south_sudan = {
            (relation, tuple(line.values()))
            for relation in (r["table_name"] for r in relations)
            for line in connection.execute(
                f"SELECT published_value, obs_status, missing_reason FROM bi.{relation} "
                "WHERE ref_area = 'SSD' AND time_period = '1990'"
            )
        }
    whole = [r for r in found if r["value"] is not None]
    assert len(whole) > 500
    off = [(r["group_area"], r["time_period"]) for r in whole if abs(r["value"] - r["published_value"]) > r["members"]]
    assert {g for g, _ in off} == {"199", "722"}, "whose members are those of a later edition"
    africa = {r["time_period"]: r for r in whole if (r["group_area"], r["sex"]) == ("002", "_T")}
    assert (africa["2000"]["members"], africa["2020"]["members"]) == (57, 58), "South Sudan was no part of it"
    # of the Netherlands Antilles and what became of them there are totals alone
    missing = {area for r in found if r["value"] is None for area in r["missing"].split(", ")}
    assert missing == {"BLM", "MAF", "ANT", "BES"}
    assert {name for name, _ in south_sudan} >= {"fact_observation", "migrant_stock"}
    assert {said for _, said in south_sudan} == {(None, "M", "did_not_exist")}
