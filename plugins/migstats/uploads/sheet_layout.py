"""How a template is laid out: what its writer (`template`) and its reader have to agree on.

- The table is on the sheet that is called as `form.sheet` in the language. Above its header stand a title, the line of
  `Stamp` (what the document properties say too: some programs lose those), and a line that may hold one formula (how
  many sums differ). The header row holds the headers of the contract in the language of the template; it is found by
  them, never by its number.
- Columns, in this order: the keys; for each measure its white column and, where figures were accepted before, a grey
  one headed `last_header`; at the end the hidden column `KEY_CHECK`. What is headed as `own_headers` says is no figure
  of the submission and is left out without a word. No cell below the header holds a formula.
- A key cell holds `MAR · Maroc`: code, SEPARATOR, label (`cell_text`); the code alone counts (`code_of`). An official
  may also write a code or a name alone.
- A white cell holds a number, or one of SYMBOLS. A row of which every white cell is empty was not filled in. The cell
  of a measure in a row of which it is not told apart (`Measure.undivided`) is grey and stays empty.
- `KEY_CHECK` holds, in rows that were filled in beforehand, `key_check` of what the row was made for. Rows that the
  official adds have none. A row whose check is not that of its keys had its keys changed by hand.
- Beside it are the sheets `own_sheets`: instructions, the check of sums (its rows are those of the table), lists of
  codes (each headed `list:<column id>`). They hold no figures of the submission, whatever their language.
- Document properties, all texts: PROPERTIES.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from migstats.names import LANGUAGES
from migstats.uploads.contract import Form, Measure
from migstats.uploads.wording import words

#: Between code and label of a key cell.
SEPARATOR: Final = " · "

#: Header of the hidden column; the same in every language.
KEY_CHECK: Final = "key_check"

#: What may stand for a figure: not available, not applicable, withheld. `countries.yaml` says what they mean.
SYMBOLS: Final = ("..", "-", "x")

#: Names of the custom properties of the document.
PROPERTIES: Final = ("form", "version", "country", "year", "language")

_SEPARATED: Final = re.compile(r"\s*·\s*")
_STAMP: Final = re.compile(
    r"migstats\s*·\s*([a-z][a-z0-9_]*)\s*·\s*v([0-9]{1,4})\s*·\s*([A-Z0-9]{3})\s*·\s*([0-9]{4})\s*·\s*([a-z]{2})"
)


@dataclass(frozen=True)
class Stamp:
    """What a workbook was made for."""

    form: str
    version: int
    country: str
    year: int
    language: str

    @property
    def text(self) -> str:
        """The line above the table."""
        return SEPARATOR.join(("migstats", self.form, f"v{self.version}", self.country, str(self.year), self.language))

    @property
    def properties(self) -> dict[str, str]:
        """The custom properties of the document."""
        return dict(
            zip(
                PROPERTIES,
                (self.form, str(self.version), self.country, str(self.year), self.language),
                strict=True,
            )
        )


def read_stamp(text: str) -> Stamp | None:
    """The stamp that a line holds, or None."""
    found = _STAMP.fullmatch(text.strip())
    return Stamp(found[1], int(found[2]), found[3], int(found[4]), found[5]) if found else None


def cell_text(code: str, label: str) -> str:
    """What stands in a key cell and in a drop-down."""
    return f"{code}{SEPARATOR}{label}" if label else code


def code_of(text: str) -> str:
    """What stands before the separator; the whole text where there is none."""
    return _SEPARATED.split(text.strip(), maxsplit=1)[0]


def key_check(form: str, country: str, year: int, codes: Sequence[str]) -> str:
    """The check of a row that was filled in beforehand; `codes` in the order of the form's keys."""
    content = "\x1f".join((form, country, str(year), *codes))
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def last_header(measure: Measure, language: str) -> str:
    """What stands above the last accepted figures of a measure."""
    return words(language)["template.last"].format(header=measure.header.of(language))


def own_headers(form: Form) -> frozenset[str]:
    """Headers of the template, in any language, above columns that hold no figures of the submission."""
    return frozenset({KEY_CHECK, *(last_header(m, language) for m in form.measures for language in LANGUAGES)})


def own_sheets() -> frozenset[str]:
    """Names, in any language, of the sheets of the template that are not the table."""
    names = ("instructions", "check", "lists")
    return frozenset(words(language)[f"template.sheet.{name}"] for name in names for language in LANGUAGES)
