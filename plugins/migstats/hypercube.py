"""Hidden figures that protect each other: the corners of a box in the table, of which every line sums to what it did.

In each dimension a figure is paired with one beside it, which falls as it rises, or with its whole or a part of it,
which rises with it. Where all corners may move by the width, none of them is known any better. S. Giessing, D.
Repsilber, Tools and strategies to protect multiple tables with the GHQUAR cell suppression engine (2002).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from scipy import sparse

from migstats.additive import Floats, Ints

#: Code of the total in every dimension.
WHOLE: Final = 0

#: Boxes that are looked at for one figure.
_BOXES: Final = 1_200

#: Boxes of which it is checked, cheapest first, that every sum holds.
_CHECKED: Final = 6


@dataclass(frozen=True)
class Places:
    """Where figures stand: one line for each place, since a figure that did not change stands in two vintages."""

    #: Code of each place in each dimension, from 0, which is the total.
    codes: Ints
    #: The figure at each place.
    figure: Ints
    #: Dimensions along which figures add up.
    additive: tuple[int, ...]


@dataclass(frozen=True)
class Box:
    """Figures that move together, and how far: `signs` times anything from -down to up."""

    corners: Ints
    signs: Floats
    up: float
    down: float
    cost: float


class Finder:
    """Finds boxes in a table."""

    def __init__(self, places: Places, columns: sparse.csc_array, left_out: Floats) -> None:
        self.places, self.columns, self.left_out = places, columns, left_out
        sizes = places.codes.max(axis=0, initial=0) + 1
        self.steps = np.concatenate([np.cumprod(sizes[::-1].astype(object))[::-1][1:], [1]])[: len(sizes)]
        self.usable = int(np.prod(sizes.astype(object))) < 2**62
        if self.usable:
            self.steps = self.steps.astype(np.int64)
            keys = places.codes @ self.steps
            self.order = np.argsort(keys, kind="stable")
            self.keys = keys[self.order]
        self.place_of = np.full(int(places.figure.max(initial=-1)) + 1, -1, dtype=np.int64)
        self.place_of[places.figure[::-1]] = np.arange(len(places.figure))[::-1]
        self.sizes = sizes

    def find(self, figure: int, price: Floats, up: Floats, down: Floats, width: Floats, enough: float) -> Box | None:
        """A cheap box about a figure in which all may move by their width; an infinite price is not to be paid.

        Below `enough` no cheaper one is looked for.
        """
        if not self.usable or self.place_of[figure] < 0:
            return None
        place = self.places.codes[self.place_of[figure]]
        options = [o for o in (self._options(place, d, price, down) for d in self.places.additive) if len(o[0])]
        if not options:
            return None
        start = int(place @ self.steps)
        least = 2
        most = max(least, int(_BOXES ** (1 / len(options))))
        found = None
        for count in (least, most) if max(len(o[0]) for o in options) > least < most else (least,):
            box = self._cheapest(start, [(s[:count], g[:count]) for s, g in options], price, up, down, width)
            found = box or found
            if found is not None and found.cost < enough:
                return found
        return found

    def _cheapest(
        self, start: int, options: list[tuple[Ints, Floats]], price: Floats, up: Floats, down: Floats, width: Floats
    ) -> Box | None:
        bits, ways = _combinations(tuple(len(o[0]) for o in options))
        shift = np.column_stack([o[0][ways[:, d]] for d, o in enumerate(options)])
        turn = np.column_stack([o[1][ways[:, d]] for d, o in enumerate(options)])
        corners = self._at(start + shift @ bits.T)
        # the number of dimensions in which a corner falls while the figure rises
        signs = 1.0 - 2.0 * (((turn < 0).astype(np.int64) @ bits.T) % 2)
        cost = np.where((corners >= 0).all(axis=1), price[corners].sum(axis=1), np.inf)
        rises = np.where(signs > 0, up[corners], down[corners]).min(axis=1)
        falls = np.where(signs > 0, down[corners], up[corners]).min(axis=1)
        enough = rises + falls >= width[corners].max(axis=1) - 1e-9
        cost = np.where(enough, cost, np.inf)
        for best in np.argsort(cost, kind="stable")[:_CHECKED]:
            if not np.isfinite(cost[best]):
                return None
            if self._adds_up(corners[best], signs[best], float(width[corners[best]].max())):
                return Box(corners[best], signs[best], float(rises[best]), float(falls[best]), float(cost[best]))
        return None

    def _options(self, place: Ints, dimension: int, price: Floats, down: Floats) -> tuple[Ints, Floats]:
        """Steps to other places along one dimension, cheapest first, with the sign of what stands there."""
        own = place[dimension]
        codes = np.delete(np.arange(int(self.sizes[dimension])), own)
        step = (codes - own) * self.steps[dimension]
        there = self._at(int(place @ self.steps) + step)
        known = (there >= 0) & np.isfinite(price[there])
        codes, step, there = codes[known], step[known], there[known]
        order = np.argsort(price[there] - 0.01 * np.minimum(down[there], 10.0), kind="stable")
        sign = np.where((codes == WHOLE) | (own == WHOLE), 1.0, -1.0)
        return step[order], sign[order]

    def _at(self, keys: Ints) -> Ints:
        """The figures at these places; -1 where there is none."""
        found = np.searchsorted(self.keys, keys)
        found = np.minimum(found, len(self.keys) - 1)
        return np.asarray(np.where(self.keys[found] == keys, self.places.figure[self.order[found]], -1))

    def _adds_up(self, corners: Ints, signs: Floats, width: float) -> bool:
        """Whether each sum stays what it is, or leaves out enough for it to be more or less by the width."""
        sums: dict[int, float] = {}
        ends, rows, data = self.columns.indptr, self.columns.indices, self.columns.data
        for corner, sign in zip(corners.tolist(), signs.tolist(), strict=True):
            for at in range(ends[corner], ends[corner + 1]):
                row = int(rows[at])
                sums[row] = sums.get(row, 0.0) + sign * float(data[at])
        return all(abs(off) * width <= self.left_out[row] for row, off in sums.items())


@cache
def _combinations(sizes: tuple[int, ...]) -> tuple[Ints, Ints]:
    """Corners of a box, and choices of one option for each dimension."""
    bits = np.array(list(itertools.product((0, 1), repeat=len(sizes))), dtype=np.int64)
    ways = np.array(list(itertools.product(*map(range, sizes))), dtype=np.int64)
    return bits, ways
