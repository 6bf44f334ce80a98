"""What openpyxl leaves out when it writes a workbook again, put back from the file that it read.

These are the 17th digit of numbers, the results of formulas, and the drop-downs whose lists are on another sheet as
Excel writes them (in an extension of the sheet). Where a part is written in a way that is not known here it stays left
out; nothing fails. What is read has passed `safety`: no DOCTYPE is in it.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterable, Mapping
from typing import Final

from openpyxl.xml.functions import fromstring

_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"

#: A cell with a formula, as whoever writes it: attributes and result.
_RESULT: Final = re.compile(
    rb"<(?:\w+:)?c\s([^>]*)>\s*<(?:\w+:)?f(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>)\s*<(?:\w+:)?v>([^<]*)</(?:\w+:)?v>"
)
#: The same as openpyxl writes it, without a result.
_WITHOUT: Final = re.compile(rb'<c r="([A-Z]+[0-9]+)"([^>]*)>(<f(?:[^>]*/>|[^>]*>[^<]*</f>))<v ?(?:/>|></v>)</c>')
#: A cell with a number that has decimals: attributes and number.
_DECIMAL: Final = re.compile(rb"<(?:\w+:)?c\s([^>]*)>\s*<(?:\w+:)?v>([-+0-9]*[.eE][-+0-9eE]*)</(?:\w+:)?v>")
#: A number as openpyxl writes it.
_NUMBER: Final = re.compile(rb'<c r="([A-Z]+[0-9]+)"([^>]*)><v>([-+0-9.eE]+)</v></c>')
_ADDRESS: Final = re.compile(rb'\br="([A-Z]+[0-9]+)"')
_TYPE: Final = re.compile(rb'\st="(str|b|e|n)"')
_ANY_TYPE: Final = re.compile(rb'\st="[a-zA-Z]*"')

_LISTS: Final = re.compile(rb'<ext [^>]*uri="\{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF\}"[^>]*>.*?</ext>', re.DOTALL)
#: Ids that Excel gives to revisions; their prefix is declared elsewhere.
_REVISION: Final = re.compile(rb'\sxr[0-9]*:uid="[^"]*"')


def put_back(written: bytes, read: bytes) -> bytes:
    """The workbook `written`, with what its sheets lost of those of the workbook `read` that have the same names."""
    with zipfile.ZipFile(io.BytesIO(read)) as before, zipfile.ZipFile(io.BytesIO(written)) as after:
        origins = _parts(before)
        origin_of = {part: origins[name] for name, part in _parts(after).items() if name in origins}
        names = set(before.namelist())
        result = io.BytesIO()
        with zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED, compresslevel=4) as target:
            for member in after.infolist():
                content = after.read(member)
                if origin_of.get(member.filename) in names:
                    content = _sheet(content, before.read(origin_of[member.filename]))
                target.writestr(member.filename, content)
    return result.getvalue()


def _sheet(written: bytes, read: bytes) -> bytes:
    decimals = _found(_DECIMAL, read)
    if decimals:
        written = _NUMBER.sub(lambda match: _with_decimals(match, decimals), written)
    results = _found(_RESULT, read)
    if results:
        written = _WITHOUT.sub(lambda match: _with_result(match, results), written)
    lists = b"".join(_whole(_REVISION.sub(b"", found)) for found in _LISTS.findall(read))
    if lists and b"<extLst" not in written:
        end = written.rindex(b"</worksheet>")
        written = written[:end] + b"<extLst>" + lists + b"</extLst>" + written[end:]
    return written


def _found(cells: re.Pattern[bytes], sheet: bytes) -> dict[bytes, tuple[bytes, bytes]]:
    """Address → type and text, of each cell that the pattern finds."""
    found = {}
    for match in cells.finditer(sheet):
        address = _ADDRESS.search(match[1])
        if address:
            kind = _TYPE.search(match[1])
            found[address[1]] = (kind[1] if kind else b"n", match[2])
    return found


def _with_decimals(match: re.Match[bytes], decimals: Mapping[bytes, tuple[bytes, bytes]]) -> bytes:
    kind = _ANY_TYPE.search(match[2])
    if match[1] not in decimals or (kind and kind[0] != b' t="n"'):
        return match[0]
    return b'<c r="%b"%b><v>%b</v></c>' % (match[1], match[2], decimals[match[1]][1])


def _with_result(match: re.Match[bytes], results: Mapping[bytes, tuple[bytes, bytes]]) -> bytes:
    if match[1] not in results:
        return match[0]
    kind, result = results[match[1]]
    attributes = _ANY_TYPE.sub(b"", match[2])
    return b'<c r="%b"%b t="%b">%b<v>%b</v></c>' % (match[1], attributes, kind, match[3], result)


def _whole(extension: bytes) -> bytes:
    """The extension, or nothing where it cannot stand by itself."""
    try:
        fromstring(extension)
    except SyntaxError:  # that of ElementTree or that of lxml: openpyxl takes lxml where it is installed
        return b""
    return extension


def _parts(package: zipfile.ZipFile) -> dict[str, str]:
    """Name of a sheet → the member of the package that holds it."""
    names = package.namelist()
    book = next((name for name in ("xl/workbook.xml", *_books(names)) if name in names), None)
    if book is None:
        return {}
    folder, file = posixpath.split(book)
    relations = f"{folder}/_rels/{file}.rels"
    if relations not in names:
        return {}
    target = {
        relation.get("Id", ""): posixpath.normpath(posixpath.join("/", folder, relation.get("Target", ""))).lstrip("/")
        for relation in fromstring(package.read(relations))
    }
    root = fromstring(package.read(book))
    return {
        sheet.get("name", ""): target[sheet.get(_RELATION, "")]
        for sheet in root.iter()
        if sheet.tag.endswith("}sheet") and sheet.get(_RELATION) in target
    }


def _books(names: Iterable[str]) -> list[str]:
    return [name for name in names if posixpath.basename(name).startswith("workbook") and name.endswith(".xml")]
