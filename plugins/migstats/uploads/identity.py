"""Which form, country, period and version a file was made for, held against what was said when it was sent."""

from __future__ import annotations

from collections.abc import Iterator

from migstats.uploads.contract import Form
from migstats.uploads.finding import Finding
from migstats.uploads.grid import Grid
from migstats.uploads.sheet_layout import PROPERTIES, SEPARATOR, Stamp, read_stamp

#: How many rows from the top the stamp is looked for in.
_TOP = 20


def stamp_of(grid: Grid) -> Stamp | None:
    """What a file says that it was made for: by its document properties, else by the line above its table; or None."""
    said = {name: text.strip() for name, text in grid.properties.items()}
    if set(PROPERTIES) <= set(said):
        return read_stamp(
            SEPARATOR.join(
                ("migstats", said["form"], f"v{said['version']}", said["country"], said["year"], said["language"])
            )
        )
    for sheet in grid.sheets:
        for (row, _), cell in sheet.cells.items():
            if row <= _TOP and cell.kind == "text" and "migstats" in cell.text and (found := read_stamp(cell.text)):
                return found
    return None


def identity(form: Form, grid: Grid, country: str, year: int) -> Iterator[Finding]:
    """What differs from what was said: the document properties count, and without them the stamp above the table."""
    said = {name: text.strip() for name, text in grid.properties.items() if text.strip()}
    if not {"form", "country", "year", "version"} & set(said):
        stamp = stamp_of(grid)
        said = dict(stamp.properties) if stamp is not None else {}
        if not said:
            yield Finding("properties_missing")
            return
    expected = {"form": form.id, "country": country, "year": str(year)}
    codes = {"form": "wrong_form", "country": "wrong_country", "year": "wrong_period"}
    for name, code in codes.items():
        if name in said and said[name] != expected[name]:
            yield Finding(code, seen=said[name], words={"expected": expected[name], "found": said[name]})
    version = said.get("version", str(form.version))
    if said.get("form", form.id) != form.id or version == str(form.version):
        return
    words = {"expected": str(form.version), "found": version}
    known = version in [str(number) for number in form.understands]
    yield Finding("older_version" if known else "wrong_version", seen=version, words=words)
