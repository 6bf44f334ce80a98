"""Which figures have to be hidden so that none of the hidden ones can be worked out, and the attack that tries it.

An attacker knows every figure that is shown, what adds up to what (`additive`), and what a hidden figure can be at all.
Linear programming gives the least and the most that a hidden figure can then be. Further figures are hidden until the
two are far enough apart for each of them. References: A. Hundepool et al., Statistical Disclosure Control (2012); J.
Castro, Recent advances in optimization techniques for statistical tabular data protection (2012).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import sparse
from scipy.optimize import linprog
from scipy.sparse import csgraph

from migstats.additive import Bools, Floats, Ints, Sums
from migstats.hypercube import Finder, Places

#: What counts as nothing beside persons.
_NOTHING: Final = 1e-6

#: How far an attack looks, in widths: further away a figure is as good as free.
_REACH: Final = 100.0

#: Tries in which many figures are attacked at once, before each is attacked by itself.
_TRIES: Final = 8

#: Unknowns that one linear programme holds, and figures among which it looks for what else to hide.
_AT_ONCE, _NEARBY = 4_000, 2_500

#: Rounds of hiding more. Each round hides at least one more figure for each that is not safe.
_ROUNDS: Final = 30

#: Price of a whole against that of a part: totals are what readers look for first.
_PRICE_OF_WHOLE: Final = 20.0


@dataclass(frozen=True)
class Table:
    """Figures and what an attacker knows of them, one element per column of `sums`."""

    sums: Sums
    #: Hidden already; true of what nobody publishes: what parts leave out, figures that do not stand there.
    hidden: Bools
    #: Shown, and not to be hidden: it was shown before and did not change, or it is nought.
    fixed: Bools
    #: Least and most that a figure can be, once it is hidden.
    lower: Floats
    upper: Floats
    #: How far apart the least and the most have to be; 0 of what nobody has to protect.
    width: Floats
    #: Hidden in the last vintage: hidden again before others are.
    usual: Bools
    places: Places


def protect(table: Table) -> tuple[Bools, Bools]:
    """Figures that have to be hidden, those of `table` among them, and those that could not be made safe."""
    price = _prices(table)
    safe = _free(table)
    hidden = _boxed(table, table.hidden, price, safe)
    hidden = _closed(replace(table, hidden=hidden))
    hidden = _boxed(table, hidden, price, safe)
    lost = np.zeros(len(hidden), dtype=bool)
    for _ in range(_ROUNDS):
        attack = _Attack(table, hidden, ~lost & ~safe)
        attack.together()
        safe |= hidden & ~table.sums.rest & attack.safe
        open_ = np.flatnonzero(attack.targets & ~attack.safe)
        if not len(open_):
            break
        for figure in open_.tolist():
            if attack.is_safe(figure):
                continue
            more = _more(table, hidden, price, attack, figure)
            if more is None:
                lost[figure] = True
            else:
                # to hide more takes nothing from what is safe
                hidden = hidden | more
        safe |= hidden & ~table.sums.rest & attack.safe
        hidden = _boxed(table, hidden, price, safe)
    return hidden, lost & hidden


def _free(table: Table) -> Bools:
    """Hidden figures of which no sum tells anything: of each one a part is left out that is large enough."""
    sums = table.sums
    open_ = np.asarray(abs(sums.matrix[:, np.flatnonzero(sums.rest)]).sum(axis=1)).ravel() > 0
    narrow = open_ & (_left_out(sums) < table.width.max(initial=0.0))
    tied = abs(sums.matrix).T @ (~open_).astype(np.float64) + (sums.matrix > 0).T @ narrow.astype(np.float64)
    return np.asarray(table.hidden & ~sums.rest & (tied == 0) & (table.upper - sums.values >= table.width))


def _left_out(sums: Sums) -> Floats:
    """How much the parts of each sum leave out of their whole."""
    return np.asarray(sums.matrix @ np.where(sums.rest, sums.values, 0.0))


def _boxed(table: Table, hidden: Bools, price: Floats, safe: Bools) -> Bools:
    """Hide the corners of a box about each hidden figure that is not safe yet, if there is one; notes what is safe."""
    finder = Finder(table.places, table.sums.columns, np.where(table.sums.less, _left_out(table.sums), 0.0))
    hidden = hidden.copy()
    down, up = table.sums.values - table.lower, table.upper - table.sums.values
    cost = np.where(hidden, 0.0, np.where(table.fixed, np.inf, price))
    finest = np.count_nonzero(table.places.codes, axis=1)
    first = np.zeros(len(hidden), dtype=np.int64)
    np.maximum.at(first, table.places.figure, finest)
    waiting = np.flatnonzero(hidden & ~safe & ~table.sums.rest & (table.width > 0))
    for figure in waiting[np.argsort(-first[waiting], kind="stable")].tolist():
        if safe[figure]:
            continue
        box = finder.find(figure, cost, up, down, table.width, enough=2.5 * _PRICE_OF_WHOLE)
        if box is not None:
            hidden[box.corners] = True
            cost[box.corners] = 0.0
            safe[box.corners] = True
    return hidden


def exposed(table: Table) -> Ints:
    """Hidden figures that an attacker can narrow down to less than the width."""
    return _Attack(table, table.hidden, np.ones(len(table.hidden), dtype=bool)).run()


def left_open(table: Table, hidden: Bools, wanted: Bools) -> Floats:
    """How far apart the least and the most are that each of these figures can be, up to its width."""
    attack = _Attack(table, hidden, wanted)
    attack.run()
    return np.minimum(attack.most - attack.least, table.width)


def parts(table: Table, hidden: Bools) -> Ints:
    """The part of the table that each figure is in: hidden figures of two parts say nothing of each other."""
    matrix = abs(table.sums.matrix) @ sparse.diags_array(hidden.astype(np.float64))
    both = sparse.bmat([[None, matrix], [matrix.T, None]], format="csr")
    _, label = csgraph.connected_components(both, directed=False)
    return np.asarray(label[matrix.shape[0] :], dtype=np.int64)


# -- a hidden figure alone in a relation is no secret -----------------------------------------------------------


def _prices(table: Table) -> Floats:
    sums = table.sums
    wholes = np.asarray((sums.matrix < 0).sum(axis=0)).ravel()
    price = 1.0 + np.log10(1.0 + np.abs(sums.values)) + _PRICE_OF_WHOLE * wholes
    return np.asarray(np.where(table.usual, 0.2 * price, price), dtype=np.float64)


def _closed(table: Table) -> Bools:
    """Hide one more figure wherever a hidden one is the only one that is not known."""
    sums, hidden = table.sums, table.hidden.copy()
    matrix, columns = sums.matrix, sums.columns
    rows, row_ends, cols, col_ends = matrix.indices, matrix.indptr, columns.indices, columns.indptr
    unknown = np.asarray(abs(matrix) @ hidden.astype(np.float64)).round().astype(np.int64)
    price = _prices(table)
    room = sums.values - table.lower
    waiting = deque(np.flatnonzero(unknown == 1).tolist())
    while waiting:
        relation = waiting.popleft()
        if unknown[relation] != 1:
            continue
        members = rows[row_ends[relation] : row_ends[relation + 1]]
        alone = members[hidden[members]][0]
        if sums.rest[alone] or not table.width[alone]:
            continue
        choice = members[~hidden[members] & ~table.fixed[members]]
        if not len(choice):
            continue
        best, least = -1, np.inf
        for figure in choice.tolist():
            others = cols[col_ends[figure] : col_ends[figure + 1]]
            closes, opens = int((unknown[others] == 1).sum()), int((unknown[others] == 0).sum())
            narrow = 3.0 if room[figure] + room[alone] < table.width[alone] else 0.0
            cost = price[figure] + narrow + opens - closes
            if cost < least:
                best, least = figure, cost
        hidden[best] = True
        for other in cols[col_ends[best] : col_ends[best + 1]].tolist():
            unknown[other] += 1
            if unknown[other] == 1:
                waiting.append(other)
    return hidden


# -- the attack -------------------------------------------------------------------------------------------------


class _Attack:
    """What can be worked out of hidden figures; `least` and `most` are what was seen to be possible, from the truth."""

    def __init__(self, table: Table, hidden: Bools, wanted: Bools) -> None:
        self.table, self.hidden = table, hidden
        self.targets = hidden & wanted & ~table.sums.rest & (table.width > 0)
        self.least = np.zeros(len(hidden))
        self.most = np.zeros(len(hidden))
        reach = _REACH * float(table.width.max(initial=0.0))
        self.down = np.maximum(table.lower - table.sums.values, -reach)
        self.up = np.minimum(table.upper - table.sums.values, reach)

    @property
    def safe(self) -> Bools:
        """Figures of which two values are possible that are far enough apart."""
        return np.asarray(self.most - self.least >= self.table.width - _NOTHING)

    def is_safe(self, figure: int) -> bool:
        return bool(self.most[figure] - self.least[figure] >= self.table.width[figure] - _NOTHING)

    def run(self) -> Ints:
        """The targets that are not safe."""
        self.together()
        for part in self._blocks():
            self._one_by_one(part)
        return np.flatnonzero(self.targets & ~self.safe)

    def together(self) -> None:
        """Attack many figures at once: what is not safe after that may be so all the same."""
        for part in self._blocks():
            self._of_block(part)

    def seen(self, unknowns: Ints, change: Floats) -> None:
        """Note that all figures may be off by this at once."""
        self.least[unknowns] = np.minimum(self.least[unknowns], change)
        self.most[unknowns] = np.maximum(self.most[unknowns], change)

    def _blocks(self) -> Iterator[Ints]:
        """Hidden figures, parts of the table that know nothing of each other packed into blocks."""
        label = parts(self.table, self.hidden)
        unknowns = np.flatnonzero(self.hidden)
        asked = np.isin(label[unknowns], np.unique(label[self.targets]))
        unknowns = unknowns[asked]
        if not len(unknowns):
            return
        unknowns = unknowns[np.argsort(label[unknowns], kind="stable")]
        ends = np.flatnonzero(np.diff(label[unknowns])) + 1
        block: list[Ints] = []
        size = 0
        for part in np.split(unknowns, ends):
            if size and size + len(part) > _AT_ONCE:
                yield np.concatenate(block)
                block, size = [], 0
            block.append(part)
            size += len(part)
        yield np.concatenate(block)

    def _of_block(self, unknowns: Ints) -> None:
        system = sparse.csr_array(self.table.sums.columns[:, unknowns])
        system = sparse.csr_array(system[np.diff(system.indptr) > 0])
        width = self.table.width[unknowns]
        pick = np.random.default_rng(len(unknowns))  # the same attack whenever it is made
        for _ in range(_TRIES):
            open_ = self.targets[unknowns] & ~self.safe[unknowns]
            if not open_.any():
                return
            weight = np.where(open_, pick.uniform(0.5, 1.5, len(unknowns)) * pick.choice([-1.0, 1.0], len(unknowns)), 0)
            enough = np.where(open_, width, np.inf)
            self._solve(system, unknowns, weight, enough)
            self._solve(system, unknowns, -weight, enough)

    def _one_by_one(self, unknowns: Ints) -> None:
        label = parts(self.table, self.hidden)[unknowns]
        for part in np.unique(label[self.targets[unknowns] & ~self.safe[unknowns]]):
            members = unknowns[label == part]
            system = sparse.csr_array(self.table.sums.columns[:, members])
            system = sparse.csr_array(system[np.diff(system.indptr) > 0])
            for place in np.flatnonzero(self.targets[members] & ~self.safe[members]):
                for direction in (1.0, -1.0):
                    if not self.is_safe(int(members[place])):
                        weight = np.zeros(len(members))
                        weight[place] = direction
                        enough = np.full(len(members), np.inf)
                        enough[place] = self.table.width[members[place]]
                        self._solve(system, members, weight, enough)

    def _solve(self, system: sparse.csr_array, unknowns: Ints, weight: Floats, enough: Floats) -> None:
        bounds = np.column_stack([np.maximum(self.down[unknowns], -enough), np.minimum(self.up[unknowns], enough)])
        found = linprog(-weight, A_eq=system, b_eq=np.zeros(system.shape[0]), bounds=bounds, method="highs")
        if found.x is not None:
            self.seen(unknowns, found.x)


# -- what else to hide ------------------------------------------------------------------------------------------


def _more(table: Table, hidden: Bools, price: Floats, attack: _Attack, figure: int) -> Bools | None:
    """The cheapest figures without which `figure` could be off by the width too; None where nothing helps."""
    for nearby in _neighbourhoods(table, figure):
        found = _exchange(table, hidden, price, attack, figure, nearby)
        if found is not None:
            return found
    return None


def _neighbourhoods(table: Table, figure: int) -> Iterator[Ints]:
    """Figures about one: those nearby, then all that it is tied to."""
    pattern = abs(table.sums.matrix)
    across = pattern.T
    reached = np.zeros(pattern.shape[1])
    reached[figure] = 1.0
    size = 1
    while True:
        further = across @ (pattern @ reached)
        now = int((further > 0).sum())
        reached = (further > 0).astype(np.float64)
        if now == size:
            yield np.flatnonzero(reached)
            return
        if size < _NEARBY <= now:
            yield np.flatnonzero(reached)
        size = now


def _exchange(table: Table, hidden: Bools, price: Floats, attack: _Attack, figure: int, nearby: Ints) -> Bools | None:
    movable = nearby[hidden[nearby] | ~table.fixed[nearby]]
    matrix = sparse.csr_array(table.sums.columns[:, movable])
    matrix = sparse.csr_array(matrix[np.diff(matrix.indptr) > 0])
    cost = np.where(hidden[movable], 1e-4, price[movable])
    place = int(np.flatnonzero(movable == figure)[0])
    for direction in (1.0, -1.0):
        # the other side of the interval is known to be possible
        seen = attack.least[figure] if direction > 0 else attack.most[figure]
        need = float(seen + direction * table.width[figure])
        if not attack.down[figure] - _NOTHING <= need <= attack.up[figure] + _NOTHING:
            continue
        up, down = attack.up[movable].copy(), -attack.down[movable].copy()
        up[place], down[place] = need, -need
        bounds = np.column_stack([np.zeros(2 * len(movable)), np.concatenate([np.maximum(up, 0), np.maximum(down, 0)])])
        bounds[place, 0] = max(need, 0.0)
        bounds[len(movable) + place, 0] = max(-need, 0.0)
        found = linprog(
            np.concatenate([cost, cost]),
            A_eq=sparse.hstack([matrix, -matrix], format="csr"),
            b_eq=np.zeros(matrix.shape[0]),
            bounds=bounds,
            method="highs",
        )
        if found.x is None:
            continue
        change = found.x[: len(movable)] - found.x[len(movable) :]
        attack.seen(movable, change)
        more = np.zeros(len(hidden), dtype=bool)
        more[movable[np.abs(change) > _NOTHING]] = True
        return more
    return None
