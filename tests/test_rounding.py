"""Rounded counts, held against an attacker (`attacker`) who knows that each is less than a base from what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attacker
import polars as pl
import pytest
from attacker import TOTAL, Equation, Place
from scipy.optimize import OptimizeResult
from tables import Table, changed, figures, left_out, published, random_table, seen, two_vintages, without_numbers

from migstats import rounding
from migstats.additive import Facts
from migstats.disclosure import disclose
from migstats.errors import PermanentError
from migstats.source import Disclosure

BASE: Final = 5
POLICY: Final = Disclosure(policy="rounding", base=BASE)

View = Mapping[Place, float | None]


def assert_rounded(table: Mapping[Place, float | None], view: View) -> None:
    for place, value in view.items():
        exact = table[place]
        assert value is None or (exact is not None and value % BASE == 0 and abs(value - exact) < BASE), place


def assert_nothing_learnt(equations: list[Equation], shown: Mapping[tuple[object, Place], float]) -> None:
    """What is shown could be the exact figures; of each there remain as many numbers in a row as the base."""
    exact = {unknown: (value, value) for unknown, value in shown.items()}
    attacker.intervals(equations, list(shown)[:1], bounds=exact)
    near = {unknown: (max(value - BASE + 1.0, 0.0), value + BASE - 1.0) for unknown, value in shown.items()}
    for unknown, (low, high) in attacker.intervals(equations, shown, bounds=near).items():
        assert high - low >= BASE - 1 - 1e-6, f"{unknown} is between {low} and {high}"


@pytest.mark.parametrize("seed", range(6))
def test_of_a_rounded_table_most_is_shown_and_nothing_is_learnt(facts: Facts, seed: int) -> None:
    table = random_table(seed)
    shown = figures(table)
    found = disclose(shown, POLICY, facts)
    view = seen(table, found, shown)
    assert_rounded(table, view)
    told = {(0, place): value for place, value in view.items() if value is not None}
    assert len(told) > 0.95 * len(view)
    assert found.count("C") == 0
    assert_nothing_learnt(attacker.sums(dict.fromkeys(view)), told)


@pytest.mark.parametrize("tables", ["one", "three", "without margins"])
@pytest.mark.parametrize("how", ["nought", "gone", "M", "Q"])
@pytest.mark.parametrize("seed", [0, 2, 13, 42, 53])
def test_of_rounded_tables_that_leave_figures_out_nothing_is_learnt(
    facts: Facts, seed: int, how: str, tables: str
) -> None:
    """Who reads them thinks of the persons behind all tables; where noughts are left out, knows that too."""
    axes = {"one": (0, 1, 2, 3), "three": (1, 2, 3), "without margins": (2,)}[tables]
    whole = {p: v for p, v in random_table(seed).items() if p.count(TOTAL) in axes}
    table, empty = left_out(whole, how, seed)
    values = {p: None if p in empty else v for p, v in table.items()}
    shown = without_numbers(values, how)
    found = disclose(shown, POLICY, facts)
    assert found.exposed == 0
    view = seen(values, found, shown)
    assert_rounded(values, view)
    told = {(0, place): value for place, value in view.items() if value is not None}
    assert len(told) > (0.6 if how == "Q" else 0.9) * (len(view) - len(empty))
    nobody = dict.fromkeys(set(whole) - set(table), 0.0) if how == "nought" else {}
    assert_nothing_learnt(attacker.atoms(dict.fromkeys(whole) | nobody), told)


@pytest.mark.parametrize(("seed", "persons"), [(s, p) for s in range(4) for p in (1, 6)])
def test_of_two_rounded_vintages_together_nothing_is_learnt(facts: Facts, seed: int, persons: int) -> None:
    """What did not change is shown as it was, and a reader knows that it did not change."""
    before = random_table(seed)
    after = changed(before, seed, persons)
    old, new, again = two_vintages(before, after, POLICY, facts)
    assert_rounded(after, new)
    same = {place for place in before if before[place] == after[place]}
    assert same
    assert all(old[place] == new[place] for place in same)
    assert again.exposed == 0

    def named(factors: Mapping[object, float], state: str) -> dict[object, float]:
        return {("both" if u[1] in same else state, u[1]): factor for u, factor in factors.items()}  # type: ignore[index]

    equations = [
        (named(factors, state), value)
        for state, view in (("old", old), ("new", new))
        for factors, value in attacker.sums(dict.fromkeys(view))
    ]
    told = {
        ("both" if place in same else state, place): value
        for state, view in (("old", old), ("new", new))
        for place, value in view.items()
        if value is not None
    }
    assert_nothing_learnt(equations, told)


def test_a_figure_that_was_hidden_beside_rounded_ones_stays_hidden_and_hides_no_other(facts: Facts) -> None:
    before: Table = {("F",): 52.0, ("M",): 97.0, (TOTAL,): 149.0}
    first = figures(before, ("sex",))
    last = published(before, disclose(first, POLICY, facts), first).with_columns(
        kind=pl.when(pl.col("sex") == "M").then(pl.lit("D")).otherwise("kind"),
        shown=pl.when(pl.col("sex") != "M").then("shown"),
    )
    after: Table = {("F",): 55.0, ("M",): 97.0, (TOTAL,): 152.0}
    second = figures(after, ("sex",), vintage=2)
    again = disclose(second, POLICY, facts, last)
    assert [place for place, value in seen(after, again, second).items() if value is None] == [("M",)]


@pytest.mark.parametrize(("persons", "exposed"), [(52.0, 0), (5_200.0, 1)])
def test_what_was_shown_before_is_exact_to_nobody_when_its_sender_hides_another(
    facts: Facts, persons: float, exposed: int
) -> None:
    """Women are withheld now; men and all, which were shown, tell them but for eight: of few that is enough."""
    before: Table = {("F",): persons, ("M",): 97.0, (TOTAL,): persons + 97.0}
    first = figures(before, ("sex",))
    found = disclose(first, POLICY, facts)
    after = {**before, ("F",): None}
    second = figures(after, ("sex",), vintage=2)
    again = disclose(second, POLICY, facts, published(before, found, first))
    assert again.exposed == exposed
    old, new = seen(before, found, first), seen(after, again, second)
    assert {place: old[place] for place in (("M",), (TOTAL,))} == {place: new[place] for place in (("M",), (TOTAL,))}


def test_what_does_not_quite_add_up_does_so_once_it_is_rounded(facts: Facts) -> None:
    """A publisher who adds noise: the parts come to 106, the whole is 107; the nearest multiples come to 100."""
    table: Table = {("F", "Y0T14"): 22.0, ("F", "Y15T64"): 22.0, ("F", "Y_GE65"): 62.0, ("F", TOTAL): 107.0}
    shown = figures(table, ("sex", "age"))
    view = seen(table, disclose(shown, POLICY, facts), shown)
    told = {(0, place): value for place, value in view.items() if value is not None}
    assert len(told) == len(table)
    assert sum(value for (_, place), value in told.items() if place[1] != TOTAL) == view["F", TOTAL]


def test_where_the_solver_gives_up_nothing_is_published(facts: Facts, monkeypatch: pytest.MonkeyPatch) -> None:
    gave_up = OptimizeResult(x=None, message="time limit reached")
    monkeypatch.setattr(rounding, "linprog", lambda *_args, **_named: gave_up)
    with pytest.raises(PermanentError, match=r"not solved \(time limit reached\)"):
        disclose(figures(random_table(0)), POLICY, facts)
