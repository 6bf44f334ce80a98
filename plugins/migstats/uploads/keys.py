"""Key cells of a form: which code a text means, in whatever of the five languages, or why it means none.

A cell holds `CODE · label`, a code, or a label. Labels are compared as `names.normal` does; near is not the same: a
code that is near is named in the finding and never taken.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from migstats import settings
from migstats.codelists import CODELIST_OF, Codelist, read_codelist
from migstats.names import LANGUAGES, normal, normals
from migstats.subdivisions import Subdivisions
from migstats.uploads.contract import KeyColumn
from migstats.uploads.formats import plain
from migstats.uploads.grid import Cell
from migstats.uploads.sheet_layout import SEPARATOR
from migstats.uploads.table import LONGEST

#: How many codes a finding names at most, and for how many unknown texts of a column near ones are looked for.
_NAMED: Final = 5
_SUGGESTED: Final = 200

_AGE_WORDS: Final = r"(?:years?(?: old)?|yrs?\.?|ans|anos|лет|года?|سنة|سنوات|year olds?)"  # as normal() leaves them
_AGE_SPAN: Final = re.compile(rf"([0-9]{{1,3}})\s*(?:-|to|a|до|الى)\s*([0-9]{{1,3}})\s*{_AGE_WORDS}?")
_AGE_OPEN: Final = re.compile(
    rf"(?:(?:>=|≥)\s*([0-9]{{1,3}})|([0-9]{{1,3}})\s*(?:{_AGE_WORDS}\s*)?"
    r"(?:\+|and over|and older|and above|or over|et plus|ou plus|y mas|o mas|и старше|فاكثر|فأكثر))"
    rf"\s*{_AGE_WORDS}?"
)
_AGE_ONE: Final = re.compile(rf"(?:(?:age|edad|возраст|العمر)\s+)?([0-9]{{1,3}})\s*{_AGE_WORDS}?")
#: `1-Apr`, `04-May`: what a program makes of `1-4` in a text file.
_MONTH_NAMED: Final = re.compile(
    r"[0-9]{1,2}[-. /](?:jan|feb|fev|fevr|mar|mars|apr|abr|avr|may|mai|jun|juin|jul|juil|aug|ago|aout|sep|sept|oct|nov|"
    r"dec|ene|dic|янв|фев|мар|апр|май|мая|июн|июл|авг|сен|окт|ноя|дек|يناير|فبراير|مارس|ابريل|مايو|يونيو)\.?"
)

#: Letters of Cyrillic that look like Latin ones; folded for suggestions alone.
_LOOKALIKES: Final = str.maketrans("асеорхуікмтнв", "aceopxyikmthb")


@dataclass(frozen=True)
class Key:
    """What a key cell means: a code, or a finding with its words."""

    code: str = ""
    problem: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    #: Of another country's subdivision: that country.
    area: str = ""

    @property
    def found(self) -> bool:
        """Whether there is a code."""
        return bool(self.code)


@dataclass(frozen=True)
class Scope:
    """What the keys of one submission may refer to."""

    country: str
    year: int
    #: Languages in the order in which a label is looked up.
    languages: tuple[str, ...] = LANGUAGES


class Keys:
    """The texts of one key column, each understood once."""

    def __init__(self, column: KeyColumn, scope: Scope) -> None:
        self.column = column
        self.scope = scope
        folders = settings.include() / "codelists"
        self._list: Codelist = read_codelist(folders, CODELIST_OF.get(column.concept, column.concept))
        self._units = Subdivisions.read(folders) if column.concept == "subdivision" else None
        self._known: dict[tuple[str, str], Key] = {}
        self._suggested = 0

    def beside(self, texts: Iterable[str]) -> None:
        """What else stands in the column, where that makes a text unclear.

        Beside `H` (hombre, homme) or `V` (varón) the letter `M` may be that of mujer.
        """
        if self.column.concept == "sex" and not {"H", "V"}.isdisjoint(text.strip().upper() for text in texts):
            unclear = Key(problem="unclear_name", words={"could_mean": self._listed(["M", "F"])})
            self._known.update({(text, "text"): unclear for text in ("M", "m")})

    def of(self, cell: Cell) -> Key:
        """What a cell means."""
        at = (cell.text, cell.kind)
        if at not in self._known:
            self._known[at] = self._of(cell)
        return self._known[at]

    def understood(self) -> list[Key]:
        """What the different texts of the column were understood as."""
        return list(self._known.values())

    def label(self, code: str) -> str:
        """What a code is called in the first language that has a name for it; the code itself where none has."""
        row = self._list.rows.get(code, {})
        return next((name for name in (row.get(f"name_{at}", "") for at in self.scope.languages) if name), code)

    def _of(self, cell: Cell) -> Key:
        if cell.kind == "date":
            return Key(problem="date_for_text")
        if cell.kind in ("error", "formula"):
            return Key(problem="error_cell" if cell.kind == "error" else "no_result")
        text = cell.text.strip()
        if len(text) > LONGEST:
            return Key(problem="unknown_code")
        if any(unicodedata.category(letter) == "No" for letter in text):
            return Key(problem="unknown_code", words=self._nearest(text))  # 1² is not 12, whatever the ² is
        before, separator, label = text.partition(SEPARATOR.strip())
        if separator and (code := self._code(before.strip())):
            meant = self._named(normals(label))
            if len(meant) == 1 and code not in meant:
                return Key(problem="unclear_name", words={"could_mean": self._listed([code, *meant])})
            return self._allowed(code)
        if code := self._code(text):
            return self._allowed(code)
        return self._of_label(text)

    def _of_label(self, text: str) -> Key:
        forms = normals(text)
        for language in self.scope.languages:
            if unclear := self._list.unclear.get(f"name_{language}", {}).get(forms[language]):
                return Key(problem="unclear_name", words={"could_mean": unclear})
        meant = self._named(forms)
        if len(meant) > 1:
            return Key(problem="unclear_name", words={"could_mean": self._listed(meant)})
        if meant:
            return self._allowed(meant[0])
        if self.column.concept == "age" and (age := self._age(text)) is not None:
            return age
        if _MONTH_NAMED.fullmatch(forms["en"]):
            return Key(problem="date_for_text")
        if self._units is not None and (elsewhere := self._elsewhere(forms)):
            return self._of_other(elsewhere)
        if any(forms[language] in names for language, names in self._not_taken.items()):
            return self._not_in_list(text)
        return Key(problem="unknown_code", words=self._nearest(text))

    # -- codes --------------------------------------------------------------------------------------------------

    def _code(self, text: str) -> str:
        if text in self._list.rows:
            return text
        return self._by_case.get(text.upper(), "") if text.isascii() else ""

    @cached_property
    def _by_case(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for code in self._list.rows:
            found[code.upper()] = "" if code.upper() in found else code
        return found

    def _allowed(self, code: str) -> Key:
        row = self._list.rows[code]
        if self._units is not None:
            area = row.get("area", "")
            if area and area != self.scope.country:
                return self._of_other(area)
            if area and not self._stood(row):
                return self._not_in_list(code)
        elif row.get("kind") == "group" or not self._not_ended(row):
            return self._not_in_list(code)
        if self.column.allowed is not None and code not in self.column.allowed:
            return self._not_in_list(code)
        return Key(code)

    def _of_other(self, area: str) -> Key:
        return Key(problem="other_country", words={"found": area, "expected": self.scope.country}, area=area)

    def _not_in_list(self, text: str) -> Key:
        allowed = self.column.allowed
        words = {"allowed": "; ".join(map(self.label, allowed))} if allowed is not None else {}
        return Key(problem="not_in_list", words={**words, **self._nearest(text)})

    def _not_ended(self, row: Mapping[str, str]) -> bool:
        return (row.get("valid_to") or "9999") >= f"{self.scope.year}-01-01"

    def _stood(self, row: Mapping[str, str]) -> bool:
        first = row.get("valid_from") or ""
        return first <= f"{self.scope.year}-12-31" and self._not_ended(row)

    # -- labels -------------------------------------------------------------------------------------------------

    def _named(self, forms: Mapping[str, str]) -> list[str]:
        """The codes that a label means in the first language, else in any of the others."""
        found: set[str] = set()
        for language in self.scope.languages:
            codes = self._codes_of(forms[language], language)
            if codes and language == self.scope.languages[0]:
                return sorted(codes)
            found |= codes
        return sorted(found)

    def _codes_of(self, form: str, language: str) -> set[str]:
        if self._units is not None:
            return self._units_of(form, language)
        if self._list.names:
            code = self._list.names.get(f"name_{language}", {}).get(form)
            return {code} if code else set()
        return self._labels[language].get(form, set())

    @cached_property
    def _labels(self) -> dict[str, dict[str, set[str]]]:
        """Language → label in its normal form → codes, of a list without a file of names."""
        found: dict[str, dict[str, set[str]]] = {language: {} for language in LANGUAGES}
        for code, row in self._list.rows.items():
            for language in LANGUAGES:
                if name := row.get(f"name_{language}"):
                    found[language].setdefault(normal(name, language), set()).add(code)
        return found

    @cached_property
    def _not_taken(self) -> dict[str, set[str]]:
        """Language → names of groups, which no form takes by name."""
        found: dict[str, set[str]] = {language: set() for language in LANGUAGES}
        for row in self._list.rows.values():
            for language in LANGUAGES if row.get("kind") == "group" else ():
                found[language].add(normal(row.get(f"name_{language}", ""), language))
        return {language: names - {""} for language, names in found.items()}

    # -- subdivisions -------------------------------------------------------------------------------------------

    @cached_property
    def _unit_names(self) -> dict[str, dict[str, set[str]]]:
        """Language → label in its normal form → codes of units of any country that stood in the period, and `_T`."""
        found: dict[str, dict[str, set[str]]] = {language: {} for language in LANGUAGES}
        rows = self._list.rows
        named = [
            (language, row.get(f"name_{language}", ""), code) for code, row in rows.items() for language in LANGUAGES
        ]
        named += [(row["language"], row["name"], row["code"]) for row in self._list.further]
        for language, name, code in named:
            if name and (not rows[code].get("area") or self._stood(rows[code])):
                found[language].setdefault(normal(name, language), set()).add(code)
        return found

    def _units_of(self, form: str, language: str) -> set[str]:
        codes = self._unit_names[language].get(form, set())
        rows = self._list.rows
        return {code for code in codes if rows[code].get("area", "") in ("", self.scope.country)}

    def _elsewhere(self, forms: Mapping[str, str]) -> str:
        """The one other country of which a unit is called so; empty where there is none, or several."""
        rows = self._list.rows
        areas = {
            rows[code]["area"] for language in LANGUAGES for code in self._unit_names[language].get(forms[language], ())
        }
        return areas.pop() if len(areas) == 1 else ""

    # -- ages ---------------------------------------------------------------------------------------------------

    def _age(self, text: str) -> Key | None:
        """An age group as people write it: `15-24`, `15 à 24 ans`, `65+`, `15`."""
        said = normal(plain(text), "en")
        if match := _AGE_SPAN.fullmatch(said):
            low, high = int(match[1]), int(match[2])
            if low > high:
                return None
            code = f"Y{low}T{high}" if low < high else f"Y{low}"
        elif match := _AGE_OPEN.fullmatch(said):
            code = f"Y_GE{int(match[1] or match[2])}"
        elif match := _AGE_ONE.fullmatch(said):
            code = f"Y{int(match[1])}"
        else:
            return None
        return self._allowed(code) if code in self._list.rows else self._not_in_list(code)

    # -- suggestions --------------------------------------------------------------------------------------------

    def _nearest(self, text: str) -> dict[str, str]:
        """The words of a finding: codes that could have been meant. They are shown, never taken."""
        if text in self._list.rows:
            text = self.label(text)
        self._suggested += 1
        if self._suggested > _SUGGESTED:
            return {}
        close = difflib.get_close_matches(_folded(text[:80]), self._candidates, n=_NAMED, cutoff=0.8)
        codes = dict.fromkeys(code for name in close for code in self._candidates[name])
        return {"nearest": self._listed(list(codes))} if codes else {}

    @cached_property
    def _candidates(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        allowed = self.column.allowed
        for code, row in self._list.rows.items():
            if row.get("kind") == "group" or (allowed is not None and code not in allowed) or not self._not_ended(row):
                continue
            if row.get("area", "") not in ("", self.scope.country):
                continue
            for name in (code, *(row.get(f"name_{language}", "") for language in self.scope.languages)):
                codes = found.setdefault(_folded(name), [])
                if name and code not in codes:
                    codes.append(code)
        found.pop("", None)
        return found

    def _listed(self, codes: Sequence[str]) -> str:
        return "; ".join(f"{code}{SEPARATOR}{self.label(code)}" for code in codes[:_NAMED])


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", normal(text, "en").translate(_LOOKALIKES))


def bounds_of_age(code: str) -> tuple[int, int] | None:
    """First and last completed year of an age code; None for the total and what is unknown."""
    row = read_codelist(settings.include() / "codelists", "age").rows.get(code, {})
    if code.startswith("_") or not row.get("min_age"):
        return None
    return int(row["min_age"]), int(row["max_age"] or 999)


def above(code: str) -> frozenset[str]:
    """The units that a subdivision lies in, without the whole."""
    rows = read_codelist(settings.include() / "codelists", "subdivision").rows
    found = set()
    at = rows.get(code, {}).get("parent", "")
    while at:
        found.add(at)
        at = rows.get(at, {}).get("parent", "")
    return frozenset(found)
