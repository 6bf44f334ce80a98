"""Formulas that reach out of a workbook: they are refused, whatever program would ask before it runs them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

#: Functions that start programs, ask servers or call libraries, in Excel, LibreOffice and Google Sheets.
_REACHES_OUT: Final = re.compile(
    r"(?<![\w.])(?:_\w{1,9}\.){0,3}(?:com\.sun\.star\.(?:\w{1,40}\.){0,8})?"
    r"(DDE|WEBSERVICE|RTD|CALL|REGISTER(?:\.ID)?|EXEC|EXECUTE|FOPEN|INITIATE|SQL\.REQUEST|PY"
    r"|IMPORT(?:DATA|XML|HTML|FEED|RANGE)|IMAGE|STOCKHISTORY|CUBE[A-Z]+)\s*\(",
    re.IGNORECASE,
)
#: `cmd|'/c calc'!A1`: a program, a topic, an item.
_DDE: Final = re.compile(r"(?<![\w.$])[\w.$]+\s*\|\s*('[^']*'|[\w.$\\/-]+)\s*!|'[^'|]+\|[^']*'\s*!", re.IGNORECASE)
_ELSEWHERE: Final = re.compile(
    r"'(?:file|https?|ftp|smb|dde):|'?\\\\|\[[^\[\]]*\.(?:xl\w+|ods|csv|docx?)\]", re.IGNORECASE
)
_TEXTS: Final = re.compile(r'"(?:[^"]|"")*"')


#: Numbers say nothing of what a formula reaches; without them a column of formulas is one.
_DIGITS: Final = re.compile(r"[0-9]+")


def reaches_out(formula: str) -> str | None:
    """The code of the finding where a formula calls a program or server (active_formula) or another file; else None."""
    if not ("(" in formula or "|" in formula or "'" in formula or "[" in formula or "\\" in formula):
        return None
    return _reaches_out(_DIGITS.sub("0", formula))


@lru_cache(maxsize=4096)
def _reaches_out(formula: str) -> str | None:
    bare = _TEXTS.sub('""', formula)
    if _REACHES_OUT.search(bare) or _DDE.search(bare):
        return "active_formula"
    return "external_link" if _ELSEWHERE.search(bare) else None
