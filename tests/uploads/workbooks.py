"""Files made here, part by part: as officials' programs write them, and as nobody should."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping

Parts = Mapping[str, str | bytes]

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_OFFICE = "http://purl.oclc.org/ooxml/officeDocument/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ROWS = '<row r="1"><c r="A1" t="inlineStr"><is><t>Country</t></is></c><c r="B1"><v>12</v></c></row>'


def zipped(parts: Parts, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these parts, in this order."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def content_types(more: str = "", workbook: str = "openxmlformats-officedocument.spreadsheetml.sheet") -> str:
    return (
        f'{HEAD}<Types xmlns="{PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="application/vnd.{workbook}.main+xml"/>{more}</Types>'
    )


def relations(*lines: str) -> str:
    return f'{HEAD}<Relationships xmlns="{PACKAGE}/relationships">{"".join(lines)}</Relationships>'


def relation(identity: str, kind: str, target: str, mode: str = "", office: str = OFFICE) -> str:
    mode = f' TargetMode="{mode}"' if mode else ""
    return f'<Relationship Id="{identity}" Type="{office}/{kind}" Target="{target}"{mode}/>'


def sheet_xml(rows: str = ROWS, before: str = "", after: str = "", main: str = MAIN) -> str:
    return f'{HEAD}<worksheet xmlns="{main}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'


def xlsx_parts(
    *sheets: str,
    strings: str | None = None,
    styles: str | None = None,
    book: str = "",
    names: tuple[str, ...] = (),
    states: tuple[str, ...] = (),
    main: str = MAIN,
    office: str = OFFICE,
) -> dict[str, str | bytes]:
    """The parts of a workbook; `sheets` are whole parts (default: one of ROWS), `book` stands in workbook.xml."""
    sheets = sheets or (sheet_xml(main=main),)
    listed, related = "", []
    for number in range(1, len(sheets) + 1):
        name = names[number - 1] if names else f"Sheet{number}"
        state = f' state="{states[number - 1]}"' if states and states[number - 1] else ""
        listed += f'<sheet name="{name}" sheetId="{number}"{state} r:id="rId{number}"/>'
        related.append(relation(f"rId{number}", "worksheet", f"worksheets/sheet{number}.xml", office=office))
    before, _, after = book.partition("|")
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": content_types(),
        "_rels/.rels": relations(relation("rId1", "officeDocument", "xl/workbook.xml", office=office)),
        "xl/workbook.xml": f'{HEAD}<workbook xmlns="{main}" xmlns:r="{office}">{before}<sheets>{listed}</sheets>'
        f"{after}</workbook>",
    }
    if strings is not None:
        related.append(relation("rIdS", "sharedStrings", "sharedStrings.xml", office=office))
        parts["xl/sharedStrings.xml"] = f'{HEAD}<sst xmlns="{main}">{strings}</sst>'
    if styles is not None:
        related.append(relation("rIdT", "styles", "styles.xml", office=office))
        parts["xl/styles.xml"] = f'{HEAD}<styleSheet xmlns="{main}">{styles}</styleSheet>'
    parts["xl/_rels/workbook.xml.rels"] = relations(*related)
    parts |= {f"xl/worksheets/sheet{number}.xml": sheet for number, sheet in enumerate(sheets, start=1)}
    return parts


def xlsx(*sheets: str, **facts: object) -> bytes:
    return zipped(xlsx_parts(*sheets, **facts))  # type: ignore[arg-type]


def rows_xlsx(rows: str, **facts: object) -> bytes:
    """One sheet with these rows."""
    return xlsx(sheet_xml(rows), **facts)


def with_parts(more: Parts, without: tuple[str, ...] = ()) -> bytes:
    """The smallest workbook with further parts, or others in their place."""
    parts = {**xlsx_parts(), **more}
    return zipped({name: content for name, content in parts.items() if name not in without})


# --- OpenDocument ---

ODS_NAMES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0" '
    'xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:script="urn:oasis:names:tc:opendocument:xmlns:script:1.0" '
    'xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
)
MANIFEST = (
    f"{HEAD}"
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
    '<manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
    "{}</manifest:manifest>"
)


def ods_parts(table: str, *, scripts: str = "", styles: str = "", meta: str = "") -> dict[str, str | bytes]:
    """The parts of a spreadsheet as LibreOffice writes them; `table` is what stands in office:spreadsheet."""
    return {
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "META-INF/manifest.xml": MANIFEST.format(""),
        "meta.xml": f"{HEAD}<office:document-meta {ODS_NAMES}><office:meta>{meta}</office:meta></office:document-meta>",
        "content.xml": f"{HEAD}<office:document-content {ODS_NAMES}><office:scripts>{scripts}</office:scripts>"
        f"<office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{table}</office:spreadsheet></office:body></office:document-content>",
    }


def ods_rows(rows: str, **facts: str) -> bytes:
    """One sheet with these rows."""
    return zipped(ods_parts(f'<table:table table:name="Sheet1">{rows}</table:table>', **facts))


def ods_text(text: str, attributes: str = "") -> str:
    return f'<table:table-cell office:value-type="string" {attributes}><text:p>{text}</text:p></table:table-cell>'


def ods_number(value: str, shown: str = "", attributes: str = "") -> str:
    return (
        f'<table:table-cell office:value-type="float" office:value="{value}" {attributes}>'
        f"<text:p>{shown or value}</text:p></table:table-cell>"
    )


def ods_row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


# --- zips that lie ---


def patched(content: bytes, name: str, offset: int, value: bytes, *, local: bool = False) -> bytes:
    """A zip with other bytes in the central (or local) header of a member, at this offset of it."""
    at = -1
    magic, length_at, name_at = (b"PK\3\4", 26, 30) if local else (b"PK\1\2", 28, 46)
    while True:
        at = content.index(magic, at + 1)
        size = struct.unpack_from("<H", content, at + length_at)[0]
        if content[at + name_at : at + name_at + size] == name.encode():
            return content[: at + offset] + value + content[at + offset + len(value) :]


def member(name: str, content: bytes | str, mode: int = 0) -> zipfile.ZipInfo:
    """A member with a Unix mode, for `zip_of`."""
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def zip_of(*members: tuple[zipfile.ZipInfo | str, bytes | str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in members:
            archive.writestr(info, content)
    return stream.getvalue()


def repeated(name: str, head: bytes, block: bytes, times: int, tail: bytes) -> bytes:
    """A workbook of which one member is `head`, `times` times `block`, `tail`: packed once, however big it unpacks."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = first + again * times + packer.compress(tail) + packer.flush()
    checksum = zlib.crc32(head)
    for _ in range(times):
        checksum = zlib.crc32(block, checksum)
    size = len(head) + len(block) * times + len(tail)
    content = with_parts({name: b""})
    sizes = struct.pack("<3L", zlib.crc32(tail, checksum), len(packed), size)
    content = patched(patched(content, name, 16, sizes), name, 14, sizes, local=True)
    content = patched(patched(content, name, 10, b"\x08\0"), name, 8, b"\x08\0", local=True)
    return _moved(content, name, packed)


def _moved(content: bytes, name: str, packed: bytes) -> bytes:
    """Put the packed bytes of a member behind its header, and what is told of all places behind them in order."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        info = archive.getinfo(name)
        directory = archive.start_dir
    at = info.header_offset + 30 + len(name.encode())
    was = struct.unpack_from("<L", with_parts({name: b""}), info.header_offset + 18)[0]
    moved = len(packed) - was
    found, place = bytearray(content), directory
    while found[place : place + 4] == b"PK\1\2":
        offset = struct.unpack_from("<L", found, place + 42)[0]
        if offset > info.header_offset:
            struct.pack_into("<L", found, place + 42, offset + moved)
        place += 46 + sum(struct.unpack_from("<3H", found, place + 28))
    struct.pack_into("<L", found, place + 16, directory + moved)
    return bytes(found[:at]) + packed + bytes(found[at + was :])
