"""Parts of countries: which unit a publisher's text means, and under which code a figure stands whose unit is unknown.

A unit that cannot be matched has a code of its own, made of the unit above and of what the publisher calls it:
`NP-P1+Phaktanlung` lies in NP-P1, `NPL+Everest` in Nepal, `NPL++East > Everest` two levels below Nepal (a `+` for each
level). So its figures are neither taken for those of the unit above, nor added to them, nor lost; and as soon as the
name is mapped they stand under its own code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from migstats.codelists import Codelist, Folders, read_codelist
from migstats.errors import DeclarationError
from migstats.names import normal

#: The whole of what is above: of the area, or of the unit that another column names.
WHOLE: Final = "_T"

#: Stands between the levels of a unit of which more than one level is unknown.
_BETWEEN: Final = " > "

_UNMATCHED: Final = re.compile(r"([^+]+)(\++)([^+].*)", re.DOTALL)


@dataclass(frozen=True)
class Unmatched:
    """What the code of a unit that is not matched says: the area or unit above, levels below that, its own name."""

    above: str
    levels: int
    name: str


def unmatched(above: str, names: Sequence[str]) -> str:
    """The code of a unit that is not matched; `names` are the publisher's, of each level below `above`."""
    own = _BETWEEN.join(" ".join(name.split()).lstrip("+") or "?" for name in names)
    return f"{above}{'+' * len(names)}{own}"


def told_apart(code: str) -> Unmatched | None:
    """What such a code says; None for the code of a unit that is matched."""
    found = _UNMATCHED.fullmatch(code)
    return Unmatched(found[1], len(found[2]), found[3]) if found else None


@dataclass(frozen=True)
class Level:
    """What one column says of the unit: how its texts are understood."""

    #: Column of the codelist, such as name_en or pcode; None: only codes.csv says what its texts mean.
    scheme: str | None
    #: Only units of this level of the codelist; None: of any.
    level: int | None = None
    #: Units as they were on this day; empty: those that there are.
    as_of: str = ""


class Subdivisions:
    """The codelist `subdivision` with what lies in what."""

    def __init__(self, listed: Codelist) -> None:
        self.rows = listed.rows
        self._listed = listed
        self._indexes: dict[str, dict[str, tuple[str, ...]]] = {}

    @classmethod
    def read(cls, folders: Folders) -> Subdivisions:
        """The list of these folders. DeclarationError where a parent is no code, or lies in another area."""
        return _read(folders)

    def level(self, code: str) -> int | None:
        """1 for the first level below the country; None for the whole and what is none. Also of unmatched units."""
        other = told_apart(code)
        if other is not None:
            return (self.level(other.above) or 0) + other.levels
        text = self.rows.get(code, {}).get("level", "")
        return int(text) if text else None

    def above(self, code: str, level: int) -> str | None:
        """The unit of this level that a unit lies in, `_T` for level 0; None where it is not known."""
        if level == 0:
            return WHOLE
        other = told_apart(code)
        at = code if other is None else other.above
        while at in self.rows and (self.level(at) or 0) > level:
            at = self.rows[at].get("parent", "")
        return at if at in self.rows and self.level(at) == level else None

    def area(self, code: str) -> str:
        """The area that a unit is a part of; empty for what belongs to none."""
        other = told_apart(code)
        at = code if other is None else other.above
        return self.rows[at].get("area", "") if at in self.rows else ("" if other is None else at)

    def find(self, area: str, above: str, text: str, how: Level) -> str | None:
        """The unit of `area` that a text means: one that lies in the unit `above` (`_T`: anywhere), or `above` itself.

        None where there is no such unit, or more than one.
        """
        found = {
            code
            for code in self._index(how.scheme).get(self._key(how.scheme, text), ())
            if self.rows[code]["area"] == area
            and (how.level is None or self.level(code) == how.level)
            and self._stood(code, how.as_of)
            and (above == WHOLE or self.above(code, self.level(above) or 0) == above)
        }
        return found.pop() if len(found) == 1 else None

    def require(self, scheme: str) -> None:
        """DeclarationError where the codelist has no such scheme."""
        if scheme not in next(iter(self.rows.values()), {}):
            raise DeclarationError(
                f"codelist subdivision has no column {scheme!r}; it has {', '.join(next(iter(self.rows.values()), {}))}"
            )

    def _stood(self, code: str, day: str) -> bool:
        first, last = self.rows[code]["valid_from"], self.rows[code]["valid_to"]
        return (first or "") <= day <= (last or "9999") if day else not last

    def _key(self, scheme: str | None, text: str) -> str:
        if scheme is not None and scheme.startswith("name_"):
            return normal(text, scheme.removeprefix("name_"))
        return text

    def _index(self, scheme: str | None) -> Mapping[str, tuple[str, ...]]:
        if scheme is None:
            return {}
        if scheme not in self._indexes:
            self._indexes[scheme] = dict(self._indexed(scheme))
        return self._indexes[scheme]

    def _indexed(self, scheme: str) -> Iterator[tuple[str, tuple[str, ...]]]:
        texts = [(cell, code) for code, row in self.rows.items() for cell in row[scheme].split("|") if row["area"]]
        language = scheme.removeprefix("name_")
        texts += [(row["name"], row["code"]) for row in self._listed.further if row["language"] == language]
        found: dict[str, set[str]] = {}
        for text, code in texts:
            if text:
                found.setdefault(self._key(scheme, text), set()).add(code)
        unclear = self._listed.unclear.get(scheme, {})
        return ((text, tuple(sorted(codes))) for text, codes in found.items() if text not in unclear)


@cache
def _read(folders: Folders) -> Subdivisions:
    listed = read_codelist(folders, "subdivision")
    wrong = [code for code in listed.rows if told_apart(code) or "+" in code]
    for code, row in listed.rows.items():
        parent = row.get("parent", "")
        above = listed.rows.get(parent, {})
        if parent and (above.get("area") != row["area"] or int(above["level"]) != int(row["level"] or 0) - 1):
            wrong.append(code)
    if wrong:
        raise DeclarationError(
            f"codelist subdivision: {', '.join(wrong)}: a code has no +, and its parent is a unit of the same area one "
            "level above; mend the lines"
        )
    return Subdivisions(listed)
