"""Codelists: `include/codelists/<name>.csv`, one row per code, read as text.

Column `code` is ours; further columns hold names and other publishers' codes for the same thing (schemes).
`names/<list>.csv` holds further names, by language, and names that could mean several codes.
A folder of private sources may bring rows of its own in `codelists/<name>.csv` beside them: added, never overriding.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from migstats.errors import DeclarationError
from migstats.names import LANGUAGES, normal

#: Concepts whose codes stand in a codelist of another name.
CODELIST_OF = {"ref_area": "area", "counterpart_area": "area"}

#: Our folder of codelists, or ours and then those of private sources.
Folders = Path | tuple[Path, ...]


@dataclass(frozen=True)
class Codelist:
    """One codelist. `rows` is code → row; every cell is text, an empty cell is ''."""

    name: str
    rows: Mapping[str, Mapping[str, str]]
    #: Scheme (`name_en` ...) → name in its normal form → code; empty for a list without a file of names.
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: Scheme → name in its normal form → what it could mean.
    unclear: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    #: Of a list whose codes have a parent: the further names as they stand in the file. Two of its codes may have one
    #: name, and which is meant is a question of what they are parts of (`subdivisions`).
    further: Sequence[Mapping[str, str]] = ()

    def __contains__(self, code: object) -> bool:
        return code in self.rows

    def column(self, column: str) -> dict[str, str]:
        """Code → cell of this column, empty cells left out."""
        self._has(column)
        return {code: row[column] for code, row in self.rows.items() if row[column]}

    def scheme(self, column: str) -> dict[str, str]:
        """Another publisher's code → ours. Several codes in one cell are separated by `|`.

        Raises DeclarationError for a column that is not there, or a code that stands for two of ours.
        """
        found: dict[str, str] = {}
        for code, cell in self.column(column).items():
            for theirs in cell.split("|"):
                if theirs in found:
                    raise DeclarationError(
                        f"codelist {self.name}: {column} {theirs!r} stands for both {found[theirs]} and {code}"
                    )
                found[theirs] = code
        return found

    def resolver(self, scheme: str) -> Callable[[str], str | None]:
        """A function from what a publisher writes to our code; None for what is not known, or not clear.

        M49 numbers may lack their zeros. Names (`name_en`, `name_fr` ...) are compared in their normal form, and are
        never those of groups, which have other members at each publisher. Raises DeclarationError as `scheme` does.
        """
        if scheme in self.names:
            language, names = scheme.removeprefix("name_"), self.names[scheme]
            return lambda text: names.get(normal(text, language))
        theirs = self.scheme(scheme)
        if scheme == "m49":
            return lambda text: theirs.get(text.zfill(3))
        return theirs.get

    def may_mean(self, scheme: str, text: str) -> str | None:
        """What a name could mean that is not clear by itself."""
        return self.unclear.get(scheme, {}).get(normal(text, scheme.removeprefix("name_")))

    def _has(self, column: str) -> None:
        first = next(iter(self.rows.values()), {})
        if column not in first:
            raise DeclarationError(
                f"codelist {self.name} has no column {column!r}; it has {', '.join(first)}; add it or mend the scheme"
            )


def read_csv(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV of facts as text. DeclarationError names the line that has a field too many or too few."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:  # spreadsheets write a byte order mark
            reader = csv.reader(file, strict=True)
            header = next(reader, None)
            if not header or len(set(header)) != len(header):
                raise DeclarationError(f"{path}: line 1: the header is missing or repeats a name: {header}")
            rows = []
            for fields in reader:
                if len(fields) != len(header):
                    raise DeclarationError(
                        f"{path}: line {reader.line_num}: {len(fields)} fields, {len(header)} expected; "
                        "quote a field that holds a comma"
                    )
                rows.append(dict(zip(header, (f.strip() for f in fields), strict=True)))
            return rows
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DeclarationError(f"{path}: cannot be read as UTF-8 CSV: {error}") from error


@cache
def read_codelist(folders: Folders, name: str) -> Codelist:
    """Read `<name>.csv` of our folder, and add the rows of the further folders that have a file of this name.

    DeclarationError where a code is empty or stands twice in a file, where a further file has other columns, or where
    it says something else of a code that is there: figures that carry it would change their meaning.
    """
    ours, *further = folders if isinstance(folders, tuple) else (folders,)
    rows = _rows(ours / f"{name}.csv")
    columns = set(next(iter(rows.values()), {}))
    for file in (folder / f"{name}.csv" for folder in further):
        for code, row in _rows(file).items() if file.is_file() else ():
            if set(row) != columns:
                raise DeclarationError(f"{file}: line 1: the columns are {', '.join(row)}; expected {sorted(columns)}")
            if rows.setdefault(code, row) != row:
                raise DeclarationError(f"{file}: the code {code!r} means something else already; choose another code")
    named = [row for file in (folder / "names" / f"{name}.csv" for folder in (ours, *further)) for row in _named(file)]
    if "parent" in columns:
        return Codelist(name, rows, unclear=_unclear(named), further=_of_known_codes(name, rows, named))
    return Codelist(name, rows, _names(name, rows, named), _unclear(named)) if named else Codelist(name, rows)


def _of_known_codes(
    name: str, rows: Mapping[str, Mapping[str, str]], named: list[Mapping[str, str]]
) -> tuple[Mapping[str, str], ...]:
    for row in named:
        if row["code"] and row["code"] not in rows:
            raise DeclarationError(
                f"codelist {name}: names: {row['name']!r} has the code {row['code']!r}, which is none"
            )
    return tuple(row for row in named if row["code"])


def _named(file: Path) -> Iterator[Mapping[str, str]]:
    for number, row in enumerate(read_csv(file) if file.is_file() else (), start=2):
        if set(row) != {"code", "language", "name", "note"}:
            raise DeclarationError(
                f"{file}: line 1: the columns are {', '.join(row)}; expected code,language,name,note"
            )
        if row["language"] not in LANGUAGES or not row["name"] or not (row["code"] or row["note"]):
            raise DeclarationError(
                f"{file}: line {number}: a name in one of {', '.join(LANGUAGES)} is expected, with its code, or "
                "without one and with a note of what it could mean"
            )
        yield row


def _unclear(named: list[Mapping[str, str]]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in (row for row in named if not row["code"]):
        found.setdefault(f"name_{row['language']}", {})[normal(row["name"], row["language"])] = row["note"]
    return found


def _names(
    name: str, rows: Mapping[str, Mapping[str, str]], named: list[Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """Scheme → normal name → code, of the list's own names and the further ones, without those that are not clear."""
    own = [
        {"code": code, "language": language, "name": row.get(f"name_{language}", "")}
        for code, row in rows.items()
        for language in LANGUAGES
        if row.get("kind") != "group"
    ]
    unclear = _unclear(named)
    found: dict[str, dict[str, str]] = {f"name_{language}": {} for language in LANGUAGES}
    for row in (row for row in [*own, *_of_known_codes(name, rows, named)] if row["name"]):
        scheme, text = f"name_{row['language']}", normal(row["name"], row["language"])
        if text in unclear.get(scheme, ()):
            continue
        if found[scheme].setdefault(text, row["code"]) != row["code"]:
            raise DeclarationError(
                f"codelist {name}: {scheme} {row['name']!r} stands for both {found[scheme][text]} and {row['code']}"
            )
    return found


def _rows(file: Path) -> dict[str, Mapping[str, str]]:
    rows: dict[str, Mapping[str, str]] = {}
    for row in read_csv(file):
        code = row.get("code", "")
        if not code or code in rows:
            raise DeclarationError(f"{file}: the code {code!r} is empty or stands twice")
        rows[code] = row
    return rows


def codelist_of(folders: Folders, concept: str) -> Codelist | None:
    """The codelist of a concept, or None where the concept is free text (unit has one, note has none).

    That of reporting areas has no total, and no scheme or name for residual members (unknown, other, stateless): a
    publisher has one scheme for both areas, and its total of all citizenships would pass for a country that reports.
    Where it prints a reporting area that is not known, codes.csv says so.
    """
    name = CODELIST_OF.get(concept, concept)
    if not (_ours(folders) / f"{name}.csv").is_file():
        return None
    return _places(folders) if concept == "ref_area" else read_codelist(folders, name)


@cache
def _places(folders: Folders) -> Codelist:
    areas = read_codelist(folders, "area")
    rows = {code: row for code, row in areas.rows.items() if row.get("kind") != "total"}
    residual = {code for code, row in rows.items() if row.get("kind") == "residual"}
    rows |= {code: dict.fromkeys(rows[code], "") | {"code": code, "kind": "residual"} for code in residual}
    places = rows.keys() - residual
    names = {
        scheme: {name: code for name, code in known.items() if code in places} for scheme, known in areas.names.items()
    }
    return replace(areas, rows=rows, names=names)


def names_of(folders: Folders) -> list[str]:
    """The names of our codelists; a further folder brings codes, no lists."""
    return sorted(file.stem for file in _ours(folders).glob("*.csv"))


def _ours(folders: Folders) -> Path:
    return folders[0] if isinstance(folders, tuple) else folders
