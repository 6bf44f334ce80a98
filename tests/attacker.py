"""A reader who wants to know what is hidden: builds every sum from the published table alone, and solves it.

Written without the product's own code: a table is a mapping of codes (one for each axis) to what a reader sees.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np
from scipy.optimize import linprog

Place = tuple[str, ...]
#: Of one linear equation: unknown -> factor, and what they come to.
Equation = tuple[dict[Hashable, float], float]

TOTAL = "_T"


def sums(seen: Mapping[Place, float | None], name: Hashable = 0) -> list[Equation]:
    """Each total is the sum of its parts, on every axis: what is shown is a number, what is hidden an unknown."""
    found: list[Equation] = []
    for axis in range(len(next(iter(seen)))):
        lines: dict[Place, list[Place]] = {}
        for place in seen:
            lines.setdefault(place[:axis] + place[axis + 1 :], []).append(place)
        for line in lines.values():
            whole = next((p for p in line if p[axis] == TOTAL), None)
            if whole is None or len(line) < 2:
                continue
            factors: dict[Hashable, float] = {}
            known = 0.0
            for place in line:
                sign = -1.0 if place == whole else 1.0
                if seen[place] is None:
                    factors[name, place] = sign
                else:
                    known -= sign * float(seen[place] or 0)
            if factors:
                found.append((factors, known))
    return found


def atoms(seen: Mapping[Place, float | None]) -> list[Equation]:
    """Each figure is a sum of persons of whom everything is known: they need not be published to be there."""
    axes = [sorted({p[a] for p in seen} - {TOTAL}) for a in range(len(next(iter(seen))))]
    found: list[Equation] = []
    for place, value in seen.items():
        inside = itertools.product(*(axes[a] if code == TOTAL else [code] for a, code in enumerate(place)))
        factors: dict[Hashable, float] = {("atom", atom): 1.0 for atom in inside}
        if value is None:
            factors[0, place] = -1.0
        found.append((factors, value or 0.0))
    return found


def intervals(
    equations: Iterable[Equation],
    wanted: Iterable[Hashable],
    *,
    least: float = 0.0,
    bounds: Mapping[Hashable, tuple[float, float | None]] | None = None,
) -> dict[Hashable, tuple[float, float]]:
    """The least and the most that each of the wanted unknowns can be."""
    listed: Sequence[Equation] = list(equations)
    unknowns = sorted({u for factors, _ in listed for u in factors} | set(wanted), key=repr)
    place = {u: n for n, u in enumerate(unknowns)}
    matrix = np.zeros((len(listed), len(unknowns)))
    right = np.zeros(len(listed))
    for row, (factors, value) in enumerate(listed):
        right[row] = value
        for unknown, factor in factors.items():
            matrix[row, place[unknown]] += factor
    limits = [
        (bounds or {}).get(u, (0.0 if isinstance(u, tuple) and u[0] == "atom" else least, None)) for u in unknowns
    ]
    found: dict[Hashable, tuple[float, float]] = {}
    for unknown in wanted:
        ends = []
        for direction in (1.0, -1.0):
            goal = np.zeros(len(unknowns))
            goal[place[unknown]] = direction
            solved = linprog(goal, A_eq=matrix, b_eq=right, bounds=limits, method="highs")
            assert solved.status in (0, 3), solved.message
            ends.append(direction * float(solved.fun) if solved.status == 0 else -direction * np.inf)
        found[unknown] = (ends[0], ends[1])
    return found
