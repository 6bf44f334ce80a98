"""What a publisher's flags say beside the status of a figure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from typing import Final

import numpy as np
import pyarrow as pa

from migstats.coded import Coded, coded, combine, take
from migstats.errors import DriftError
from migstats.readers import PLACE, ROW
from migstats.source import Column

#: What SDMX calls the columns that say who may see a figure, and what stands there where anybody may.
_CONFIDENTIALITY: Final = ("CONF_STATUS", "OBS_CONF")
_FREE: Final = ("", "F")


def require_free(table: pa.Table, dataset: str, declared: Container[str]) -> None:
    """DriftError where a column of confidentiality that is not declared says that a figure is not free."""
    found = []
    for name in table.column_names:
        if name.upper() not in _CONFIDENTIALITY or name in declared:
            continue
        cells = coded(table[name])
        for code, text in enumerate(cells.values):
            at = np.flatnonzero(cells.codes == code)
            if text.strip() not in _FREE and len(at):
                place = table[PLACE][int(at[0])].as_py().replace("{}", str(table[ROW][int(at[0])].as_py()))
                found.append(f"{name} {text!r} ({place}, {len(at)} figures)")
    if found:
        raise DriftError(
            f"dataset {dataset}: figures are marked as not free in columns that source.yaml does not declare: "
            f"{', '.join(found[:20])}; find out what each code means, declare the column as `conf_status` in "
            "`concepts`, and add its codes to codes.csv"
        )


def tokens_of(text: str, column: Column) -> list[str]:
    """The flags of a cell, most important first: what follows a `|` is confidentiality and goes first."""
    if column.split is None:
        return [text]
    letters, bar, confidential = text.partition("|")
    order = {letter: i for i, letter in enumerate(column.precedence)}
    ranked = sorted(letters.replace(" ", ""), key=lambda letter: order.get(letter, len(order)))
    return ([f"|{confidential}"] if bar else []) + ranked


def with_flags(
    noted: Coded,
    cells: Coded,
    column: Column,
    listed: Mapping[str, tuple[str, str]],
    words: Mapping[str, tuple[str, str]],
    status: Coded,
) -> Coded:
    """The notes, and before each the publisher's own flags, if the status that the figure has does not tell them: there
    are several, others mean the same to us, or there is no figure and that is the status.

    `listed` are flag → (status, treatment), `words` flag → (words for a note, treatment); a flag with words has them in
    its note whatever the status.
    """
    means = Counter(target for target, treatment in listed.values() if treatment == "map")
    values: dict[str, int] = {}
    own, tells = [], []
    for cell in cells.values:
        text = cell.strip()
        parts = tokens_of(text, column)
        target = listed.get(parts[0], ("", ""))[0] if len(parts) == 1 else ""
        spoken = [words[part][0] for part in parts if words.get(part, ("", ""))[1] == "map"]
        said = "; ".join(spoken) or text
        own.append(values.setdefault(said, len(values)) if said and (said, target) != ("A", "A") else -1)
        told = not spoken and means[target] == 1 and target in status.values
        tells.append(status.values.index(target) if told else -2)
    own_of = np.where(take(tells, cells.codes, -2) == status.codes, -1, take(own, cells.codes, -1))
    numbers, pairs = combine([Coded(own_of, list(values)), noted], "")
    texts = ["; ".join(dict.fromkeys(part for part in pair if part)) for pair in pairs]
    distinct = list(dict.fromkeys(text for text in texts if text))
    place = {text: number for number, text in enumerate(distinct)}
    return Coded(take([place.get(text, -1) for text in texts], numbers, -1), distinct)
