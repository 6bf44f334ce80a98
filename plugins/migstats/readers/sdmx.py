"""What the readers of SDMX have in common: actions, usual names of attributes, and what is said of groups."""

from __future__ import annotations

import gc
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from migstats.errors import DriftError

TIME: Final = "TIME_PERIOD"
OBS_VALUE: Final = "OBS_VALUE"
#: Columns that say something of a figure and do not tell it from another one, by SDMX's and publishers' usual names.
_ATTRIBUTE: Final = re.compile(
    r"UNIT_MULT|DECIMALS|TIME_FORMAT|(LOWER|UPPER)_BOUND|REF_PERIOD|BASE_PER"
    r"|(DATA_)?SOURCE|AVAILABILITY|COLLECTION|TITLE(_.*)?|DESCRIPTION|(.*_)?(NOTES?|COMMENTS?|FOOTNOTES?)(_.*)?"
)
#: Columns of flags and of confidentiality, which are said of one figure.
_STATUS: Final = re.compile(r"(OBS_|CONF_)?STATUS|(OBS_)?FLAGS?|(OBS_)?CONF")
#: Actions that tell of figures, in small letters.
_ACTIONS: Final = frozenset({"information", "append", "replace", "merge"})

Said = TypeVar("Said")
Positions = npt.NDArray[np.int64]
#: Names of the dimensions of a group → a position for each of them → what is said of its observations.
Groups = dict[tuple[str, ...], dict[tuple[int, ...], Said]]


def is_attribute(name: str, declared: Collection[str]) -> bool:
    """Whether a column tells no figures apart: by its usual name, or since source.yaml says so."""
    return name in declared or is_status(name) or _ATTRIBUTE.fullmatch(name.upper()) is not None


def is_status(name: str) -> bool:
    """Whether a column says, by its usual name, whether a figure is there, how good it is, or who may see it."""
    return _STATUS.fullmatch(name.upper()) is not None


def refuse_action(action: str, where: str) -> None:
    """DriftError for a data set that deletes, or does what SDMX does not know; an empty action is none."""
    if action and action.lower() not in _ACTIONS:
        raise DriftError(
            f"{where}: found {action!r}; expected Information, Append, Replace or Merge. Deletions are not "
            "supported by this reader: ask for the whole slice instead"
        )


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector, which would look again and again through hundreds of thousands of dictionaries."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def of_groups(
    groups: Groups[Said], where: Mapping[str, Positions], count: int, told: str
) -> tuple[Positions, list[Said]]:
    """For each of `count` observations which of the texts its groups say, -1 for none; and the texts.

    DriftError, beginning with `told`, where two groups of one observation say different things.
    """
    found: list[Any] = []
    of_row: Positions = np.full(count, -1, dtype=np.int64)
    for names, said in groups.items():
        if not said:
            continue
        keys = np.array(list(said), dtype=np.int64).reshape(len(said), len(names))
        rows, wanted = _numbered([(where[name], keys[:, i]) for i, name in enumerate(names)], count, len(said))
        order = np.argsort(wanted)
        nearest = np.minimum(np.searchsorted(wanted[order], rows), len(said) - 1)
        hit = wanted[order][nearest] == rows
        position = len(found) + order[nearest]
        found += said.values()
        both = np.unique(np.stack([of_row, position])[:, hit & (of_row >= 0)], axis=1)
        for one, other in both.T.tolist():
            if found[one] != found[other]:
                raise DriftError(f"{told}: two groups of the same observation say {found[one]!r} and {found[other]!r}")
        of_row = np.where(hit, position, of_row)
    return of_row, found


def _numbered(pairs: Collection[tuple[Positions, Positions]], count: int, other: int) -> tuple[Positions, Positions]:
    """One number for each combination of positions, the same on both sides: `count` rows and `other` keys."""
    number = np.zeros(count + other, dtype=np.int64)
    for pair in pairs:
        both = np.concatenate(pair)
        number = np.unique(number * (2 + both.max()) + both + 1, return_inverse=True)[1]
    return number[:count], number[count:]
