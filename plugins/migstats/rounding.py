"""Counts of persons at multiples of a base, so that what is shown could be the exact figures.

Where rounded figures add up wherever the exact ones do, no sum narrows one of them down: to every person who is in a
figure some more could be added, up to one less than the base, in all figures that this person is in. References: L.
Cox, L. Ernst, Controlled rounding (1982); A. Hundepool et al., Statistical Disclosure Control (2012), chapter 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from migstats.additive import Bools, Floats, Sums, solved

#: What counts as nothing beside a base.
_NOTHING: Final = 1e-6

#: Price of a figure that leaves its two multiples, and is hidden, by the base, and of it being a whole besides; of a
#: sum that does not hold, by the person. A figure at the further one of its two multiples costs up to one.
_PRICE_OF_HIDING, _PRICE_OF_WHOLE, _PRICE_OF_ODD_SUM = 10.0, 20.0, 1_000.0


@dataclass(frozen=True)
class Counts:
    """Counts and what a reader sees of them, one element per figure of `sums`, without the rests."""

    sums: Sums
    #: What is shown of it already, which nobody takes back; NaN of what is not.
    stands: Floats
    #: No number is to be seen: it is hidden, missing, or stands nowhere.
    unknown: Bools
    #: The least that a figure can be.
    least: Floats
    base: float


@dataclass(frozen=True)
class Rounded:
    """`shown` is the multiple of each count; `hidden` are those that are not shown after all."""

    shown: Floats
    hidden: Bools
    #: What is shown cannot be exact, whatever else is hidden.
    odd: bool


def rounded(counts: Counts) -> Rounded:
    """Each count at one of the two multiples next to it, mostly the nearer one; some hidden, where sums do not hold.

    A linear programme moves each count between its two multiples; in tables of two dimensions it always ends at one
    of them. Where it ends between them, or has to leave them, the count is hidden.
    """
    width, base = len(counts.stands), counts.base
    rests = counts.sums.matrix.shape[1] - width
    values = counts.sums.values[:width] / base
    low = np.where(np.isnan(counts.stands), np.floor(values), counts.stands / base)
    part = np.where(np.isnan(counts.stands), values - low, 0.0)
    moves = np.isnan(counts.stands) & ~counts.unknown
    wholes = np.asarray((counts.sums.matrix[:, :width] < 0).sum(axis=0)).ravel()
    price = np.where(moves, _PRICE_OF_HIDING + _PRICE_OF_WHOLE * wholes, 0.0)
    # upwards from the lower multiple, further up, further down; then what the parts leave out
    up = np.where(moves, np.where(part > 0, 1.0, 0.0), np.where(counts.unknown, np.inf, 0.0))
    further = np.where(moves, np.inf, 0.0)
    down = np.where(moves | counts.unknown, np.maximum(low - counts.least / base, 0.0), 0.0)
    own = counts.sums.matrix[:, :width] * base
    found = _least(
        np.concatenate([np.where(moves, 1.0 - 2.0 * part, 0.0), price, price, np.zeros(rests)]),
        sparse.hstack([own, own, -own, counts.sums.matrix[:, width:]], format="csr"),
        -(own @ low),
        np.column_stack([np.zeros(3 * width + rests), np.concatenate([up, further, down, np.full(rests, np.inf)])]),
    )
    rises, above, below = found[: 3 * width].reshape(3, width)
    between = np.minimum(rises, 1.0 - rises) > _NOTHING
    return Rounded(
        shown=np.asarray((low + np.round(rises)) * base),
        hidden=moves & (between | (above > _NOTHING) | (below > _NOTHING)),
        odd=bool((found[3 * width + rests :] > _NOTHING).any()),
    )


def _least(cost: Floats, system: sparse.csr_array, right: Floats, bounds: Floats) -> Floats:
    """The cheapest solution; where there is none, sums that do not hold are paid for, in columns behind the others."""
    found = linprog(cost, A_eq=system, b_eq=right, bounds=bounds, method="highs")
    if found.x is not None:
        return solved(found)
    odd = sparse.eye_array(system.shape[0], format="csr")
    paid = np.full(2 * system.shape[0], _PRICE_OF_ODD_SUM)
    found = linprog(
        np.concatenate([cost, paid]),
        A_eq=sparse.hstack([system, odd, -odd], format="csr"),
        b_eq=right,
        bounds=np.concatenate([bounds, np.tile([0.0, np.inf], (len(paid), 1))]),
        method="highs",
    )
    return solved(found)
