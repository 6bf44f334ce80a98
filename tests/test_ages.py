"""Age bands: exact sums where published bands nest, a refusal where they do not, a split only for whoever asks."""

from __future__ import annotations

import itertools
import random

import polars as pl
import pytest

from migstats import settings
from migstats.ages import OPEN, Band, aggregate, bands, cover, covers, schemes, split, why_not

CONCEPTS = settings.include() / "codelists"
CODES = bands(CONCEPTS)
UNHCR = "Y0T4 Y5T11 Y12T17 Y18T59 Y_GE60"

SCHEMA = {
    "ref_area": pl.String,
    "age": pl.String,
    "value": pl.Float64,
    "obs_status": pl.String,
    "missing_reason": pl.String,
}
REASONS = {"O": "not_available", "Q": "suppressed", "M": "did_not_exist"}

#: Published bands, the standard band, the bands that tile it (or none).
TILES = {
    "five-year bands": ("Y0T4 Y5T9 Y10T14", "Y0T14", "Y0T4 Y5T9 Y10T14"),
    "single years": ("Y0 Y1 Y2 Y3 Y4", "Y0T4", "Y0 Y1 Y2 Y3 Y4"),
    "5-11 and 12-17 are never 5-14": (UNHCR, "Y5T14", None),
    "0-4, 5-11 and 12-17 are 0-17": (UNHCR, "Y0T17", "Y0T4 Y5T11 Y12T17"),
    "18-59 and 60+ are 18+": (UNHCR, "Y_GE18", "Y18T59 Y_GE60"),
    "18-59 is never 15-64": (UNHCR, "Y15T64", None),
    "of overlapping bands those that tile": ("Y0T4 Y0T9 Y5T14", "Y0T14", "Y0T4 Y5T14"),
    "the widest where several do": ("Y0T4 Y5T9 Y0T9 Y10T14", "Y0T14", "Y0T9 Y10T14"),
    "the band itself": ("Y0T14 Y0T4 Y5T9 Y10T14", "Y0T14", "Y0T14"),
    "a gap": ("Y0T4 Y10T14", "Y0T14", None),
    "an open end": ("Y65T69 Y70T74 Y75T79 Y_GE80", "Y_GE65", "Y65T69 Y70T74 Y75T79 Y_GE80"),
    "an end that is not open": ("Y65T69 Y70T74 Y75T79 Y80T84", "Y_GE65", None),
    "an open band in a closed one": ("Y55T59 Y_GE60", "Y55T64", None),
    "unknown age is no band": ("_U _T Y0T4", "Y0T14", None),
}


@pytest.mark.parametrize(("there", "target", "parts"), TILES.values(), ids=TILES)
def test_a_standard_band_is_what_tiles_it(there: str, target: str, parts: str | None) -> None:
    for order in itertools.islice(itertools.permutations(there.split()), 4):
        found = cover([CODES[code] for code in order if code in CODES], CODES[target])
        assert (None if found is None else " ".join(b.code for b in found)) == parts


REFUSALS = {
    (UNHCR, "Y5T14"): "Y12T17 cross the bounds of Y5T14",
    (UNHCR, "Y15T64"): "Y12T17, Y_GE60 cross the bounds of Y15T64",
    ("Y0T4 Y10T14", "Y0T14"): "no band of Y0T14 has the age 5",
    ("Y65T69", "Y_GE65"): "no band of Y_GE65 has the age 70",
    ("Y0T9 Y5T14", "Y0T14"): "Y0T9, Y5T14 overlap within Y0T14",
}


@pytest.mark.parametrize(("case", "why"), REFUSALS.items(), ids=[f"{b} {t}" for b, t in REFUSALS])
def test_a_refusal_says_which_bands_are_in_the_way(case: tuple[str, str], why: str) -> None:
    assert why_not([CODES[code] for code in case[0].split()], CODES[case[1]]) == why


def slow_cover(there: list[Band], target: Band) -> int | None:
    """The size of the smallest set that tiles the target, of all sets."""
    for size in range(1, len(there) + 1):
        for some in itertools.combinations(there, size):
            chain = sorted(some, key=lambda b: b.first)
            ends = [target.first - 1, *(b.last for b in chain)]
            if ends[-1] == target.last and all(b.first == e + 1 for b, e in zip(chain, ends, strict=False)):
                return size
    return None


def test_a_cover_is_found_where_there_is_one_and_is_the_smallest() -> None:
    random_ = random.Random(5)
    for _ in range(400):
        starts = [random_.randrange(0, 12) for _ in range(7)]
        there = [Band(f"b{i}", s, random_.choice([s, s + 2, s + 4, OPEN])) for i, s in enumerate(starts)]
        target = random_.choice([Band("t", 0, 8), Band("t", 3, OPEN), Band("t", 2, 6)])
        found = cover(there, target)
        assert (None if found is None else len(found)) == slow_cover(there, target)


def test_standard_bands_do_not_overlap_and_are_in_the_list_of_ages() -> None:
    assert {name: len(of) for name, of in schemes(CONCEPTS).items()} == {
        "broad": 3,
        "child": 2,
        "working_age": 3,
        "five_year": 21,
    }
    for of in schemes(CONCEPTS).values():
        assert not any(one.meets(other) for one, other in itertools.combinations(of, 2))


def frame(text: str, area: str = "MAR") -> pl.DataFrame:
    """`Y0T4=5 Y5T9=Q` → figures; a letter is the status of one that is missing."""
    rows = []
    for cell in text.split():
        age, _, figure = cell.partition("=")
        missing = figure in REASONS
        value = None if missing else float(figure)
        rows.append((area, age, value, figure if missing else "A", REASONS.get(figure)))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


#: Published figures, standard band, its value and status.
SUMS = {
    "a sum": ("Y0T4=5 Y5T9=6 Y10T14=7", "Y0T14", 18, "A"),
    "zeros are figures": ("Y0T4=0 Y5T9=0 Y10T14=0", "Y0T14", 0, "A"),
    "a suppressed part": ("Y0T4=5 Y5T9=Q Y10T14=7", "Y0T14", None, "Q"),
    "a missing part": ("Y0T4=5 Y5T9=O Y10T14=Q", "Y0T14", None, "O"),
    "a part that could not be": ("Y0T4=5 Y5T9=6 Y10T14=M", "Y0T14", 11, "A"),
    "nothing of it could be": ("Y0T4=M Y5T9=M Y10T14=M", "Y0T14", None, "M"),
}


@pytest.mark.parametrize(("text", "age", "value", "status"), SUMS.values(), ids=SUMS)
def test_a_sum_that_misses_a_part_has_no_value(text: str, age: str, value: float | None, status: str) -> None:
    done, refused = aggregate(frame(text), [CODES[age]], ["ref_area"], CODES)
    row = done.row(0, named=True)
    assert (row["age"], row["value"], row["obs_status"], row["method"]) == (age, value, status, "sum")
    assert row["parts"] == "Y0T4 Y5T9 Y10T14"
    assert refused.is_empty()


def test_all_and_unknown_ages_stay_apart_and_a_scheme_is_the_total_without_the_unknown() -> None:
    text = "_T=21 _U=3 Y0T4=1 Y5T9=2 Y10T14=3 Y15T64=4 Y65T69=5 Y_GE70=3"
    done, refused = aggregate(frame(text), schemes(CONCEPTS)["broad"], ["ref_area"], CODES)
    got = {row["age"]: row["value"] for row in done.iter_rows(named=True)}
    assert got == {"_T": 21, "_U": 3, "Y0T14": 6, "Y15T64": 4, "Y_GE65": 8}
    assert got["Y0T14"] + got["Y15T64"] + got["Y_GE65"] == got["_T"] - got["_U"]
    assert {row["age"]: row["method"] for row in done.iter_rows(named=True)}["Y15T64"] == "published"
    assert refused.is_empty()


def test_areas_with_other_bands_are_looked_at_apart() -> None:
    both = pl.concat([frame("Y0T4=1 Y5T9=2 Y10T14=3"), frame("Y0T4=9 Y5T11=9 Y12T17=9", "BGD")])
    done, refused = aggregate(both, [CODES["Y0T14"], CODES["Y0T17"]], ["ref_area"], CODES)
    assert {(r["ref_area"], r["age"]): r["value"] for r in done.iter_rows(named=True)} == {
        ("MAR", "Y0T14"): 6,
        ("BGD", "Y0T17"): 27,
    }
    assert {(r["ref_area"], r["age"]): r["why"] for r in refused.iter_rows(named=True)} == {
        ("BGD", "Y0T14"): "Y12T17 cross the bounds of Y0T14",
        ("MAR", "Y0T17"): "no band of Y0T17 has the age 15",
    }


def test_covers_of_sets_are_those_of_several_parts() -> None:
    found = covers([UNHCR, "Y0T14"], [CODES["Y0T17"], CODES["Y0T14"]], CODES)
    assert found.rows() == [(UNHCR, "Y0T17", part) for part in ("Y0T4", "Y5T11", "Y12T17")]


# -- the modelled split ---------------------------------------------------------------------------------------------

PEOPLE = {"ref_area": ["MAR"] * 101, "age": [*(f"Y{a}" for a in range(100)), "Y_GE100"]}


def people(*, weight: int = 1, without: str = "") -> pl.DataFrame:
    counts = [float(weight * (200 - age)) for age in range(101)]
    return pl.DataFrame({**PEOPLE, "population": counts}).filter(pl.col("age") != without)


def split_of(text: str, scheme: str, *, whole: bool = False, population: pl.DataFrame | None = None):  # type: ignore[no-untyped-def]
    asked = people() if population is None else population
    by = ["ref_area"]
    return split(frame(text), asked, schemes(CONCEPTS)[scheme], by, CODES, on=by, whole=whole)


def test_a_split_is_an_estimate_by_its_method_and_preserves_totals() -> None:
    text = "Y0T4=100 Y5T11=140 Y12T17=60 Y18T59=500 Y_GE60=43"
    done, refused = split_of(text, "broad")
    assert refused.is_empty()
    got = {row["age"]: row for row in done.iter_rows(named=True)}
    assert {(r["method"], r["obs_status"]) for r in got.values()} == {("pro-rata", "E")}
    inside = 60 * (188 + 187 + 186) / (188 + 187 + 186 + 185 + 184 + 183)
    assert got["Y0T14"]["value"] == pytest.approx(240 + inside)
    assert got["Y0T14"]["parts"] == "Y0T4 Y5T11 Y12T17"
    assert sum(r["value"] for r in got.values()) == pytest.approx(843, abs=0.5)


def test_whole_persons_add_up_to_the_last_one() -> None:
    for seed in range(40):
        figures = [random.Random(seed).randrange(0, 50) for _ in range(5)]
        text = " ".join(f"{band}={figure}" for band, figure in zip(UNHCR.split(), figures, strict=True))
        for scheme in ("broad", "five_year"):
            done, refused = split_of(text, scheme, whole=True)
            values = done["value"].to_list()
            assert refused.is_empty()
            assert sum(values) == sum(figures)
            assert all(value == round(value) >= 0 for value in values)


def test_what_nests_is_a_sum_also_where_a_split_was_asked_for() -> None:
    done, refused = split_of("Y0T4=1 Y5T11=2 Y12T17=3 Y18T59=4 Y_GE60=5", "child")
    assert {r["age"]: (r["value"], r["obs_status"], r["method"]) for r in done.iter_rows(named=True)} == {
        "Y0T17": (6, "A", "sum"),
        "Y_GE18": (9, "A", "sum"),
    }
    assert refused.is_empty()


REFUSED_SPLITS = {
    "a population without the age": (
        "Y0T4=1 Y5T11=2 Y12T17=3 Y18T59=4 Y_GE60=5",
        people(without="Y13"),
        "no population of the ages 12 to 14, by which Y12T17 would be cut",
    ),
    "an area without a population": (
        "Y0T4=1 Y5T11=2 Y12T17=3 Y18T59=4 Y_GE60=5",
        people().with_columns(ref_area=pl.lit("BGD")),
        "no population of the ages 12 to 14, by which Y12T17 would be cut",
    ),
    "nobody lives there": (
        "Y0T4=1 Y5T11=2 Y12T17=3 Y18T59=4 Y_GE60=5",
        people(weight=0),
        "nobody lives there at the ages of Y12T17",
    ),
    "bands that leave ages out": ("Y0T4=1 Y12T17=3", people(), "Y0T4, Y12T17 overlap or leave ages out"),
    "bands that end before": ("Y0T4=1 Y5T11=2 Y12T17=3", people(), "no band of Y15T64 has the age 18"),
}


@pytest.mark.parametrize(("text", "population", "why"), REFUSED_SPLITS.values(), ids=REFUSED_SPLITS)
def test_what_cannot_be_cut_stays_refused(text: str, population: pl.DataFrame, why: str) -> None:
    _, refused = split_of(text, "broad", population=population)
    assert why in refused["why"].to_list()


def test_a_suppressed_band_is_not_cut_into_figures() -> None:
    done, _ = split_of("Y0T4=1 Y5T11=2 Y12T17=Q Y18T59=4 Y_GE60=O", "broad")
    assert {r["age"]: (r["value"], r["obs_status"]) for r in done.iter_rows(named=True)} == {
        "Y0T14": (None, "Q"),
        "Y15T64": (None, "O"),
        "Y_GE65": (None, "O"),
    }
