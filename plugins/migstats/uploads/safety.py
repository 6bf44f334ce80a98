"""The gate of an uploaded file: what it is, and that nothing in it runs, reaches out or explodes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from migstats import settings
from migstats.uploads import limits as bounds
from migstats.uploads.archive import Archive, damaged, open_archive
from migstats.uploads.finding import Finding, RefusedFileError
from migstats.uploads.limits import Limits
from migstats.uploads.markup import parse, refuse_doctype
from migstats.uploads.scanner import scan

Accepted = Literal["xlsx", "ods", "csv"]

#: Every word that `wrong_kind` may say of what a file is (`kind`). Its texts are `kind.<word>` in the catalogues.
KINDS: Final = (
    "xlsx", "ods", "csv",
    "xls", "xlsb", "xlsm", "xml_spreadsheet", "flat_ods", "sylk", "numbers",
    "doc", "docx", "odt", "ppt", "pptx", "odp", "pdf", "rtf", "html", "mail", "image", "other_office",
    "zip", "gzip", "archive", "xml", "json", "database", "statistics", "program", "unknown",
)  # fmt: skip

_CALLED: Final[Mapping[str, Accepted]] = {"xlsx": "xlsx", "ods": "ods", "csv": "csv", "txt": "csv", "tsv": "csv"}
_MAGIC: Final = (
    (b"%PDF", "pdf"),
    (b"{\\rtf", "rtf"),
    (b"\x89PNG\r\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"II*\0", "image"),
    (b"MM\0*", "image"),
    (b"BM", "image"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ\0", "archive"),
    (b"\x28\xb5\x2f\xfd", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!", "archive"),
    (b"SQLite format 3\0", "database"),
    (b"\0\1\0\0Standard ", "database"),
    (b"PAR1", "database"),
    (b"$FL2", "statistics"),
    (b"$FL3", "statistics"),
    (b"<stata_dta>", "statistics"),
    (b"RDX", "statistics"),
    (b"ID;P", "sylk"),
    (b"MZ", "program"),
    (b"\x7fELF", "program"),
)
_TEXTUAL: Final = frozenset({"pdf", "rtf", "sylk"})
#: Of other formats the rest is bytes that no text has; their marks alone are letters that a table could begin with.
_BINARY: Final = re.compile(rb"[\0-\x08\x0e-\x1a\x1c-\x1f]")
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_STREAMS: Final = (
    ("EncryptedPackage", "password"),
    ("WordDocument", "doc"),
    ("PowerPoint Document", "ppt"),
    ("__substg1.0_", "mail"),
    ("Workbook", "xls"),
    ("Book", "xls"),
)
_HTML: Final = re.compile(
    r"(<\?xml[^>]*>\s*)?(?>(?:<!--.*?-->\s*)*)<(!doctype\s+html|html|head|meta|body|table|div|style)\b", re.S
)
_MAIL: Final = re.compile(r"(MIME-Version|Received|Return-Path|From|Content-Type): ", re.IGNORECASE)
_WORKBOOK_TYPES: Final = (
    ("spreadsheetml.sheet.main+xml", "xlsx"),
    ("spreadsheetml.template.main+xml", "xlsx"),
    ("ms-excel.sheet.binary", "xlsb"),
    ("ms-excel.", "xlsm"),
    ("wordprocessingml", "docx"),
    ("ms-word.", "docx"),
    ("presentationml", "pptx"),
    ("ms-powerpoint.", "pptx"),
)
_ODF: Final = (
    ("opendocument.spreadsheet", "ods"),
    ("opendocument.text", "odt"),
    ("opendocument.presentation", "odp"),
    ("opendocument.", "other_office"),
)

_PACKAGE: Final = {
    "http://schemas.openxmlformats.org/package/2006/relationships": "",
    "http://schemas.openxmlformats.org/package/2006/content-types": "",
    "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0": "",
}
#: Parts by a piece of their name (lower case), and of what their presence is.
_PARTS: Final = (
    ("vbaproject", "macros"),
    ("vbadata", "macros"),
    ("macrosheets/", "macros"),
    ("dialogsheets/", "macros"),
    ("basic/", "macros"),
    ("scripts/", "macros"),
    ("externallinks/", "external_link"),
    ("xl/connections", "external_link"),
    ("querytables/", "external_link"),
    ("xl/model/", "external_link"),
    ("database/", "external_link"),
    ("embeddings/", "embedded_object"),
    ("activex/", "embedded_object"),
    ("webextensions/", "embedded_object"),
    ("oleobject", "embedded_object"),
)
#: Relationships by the last word of their type (lower case).
_RELATIONS: Final = {
    "vbaproject": "macros",
    "xlmacrosheet": "macros",
    "xlintlmacrosheet": "macros",
    "dialogsheet": "macros",
    "externallink": "external_link",
    "externallinkpath": "external_link",
    "connections": "external_link",
    "querytable": "external_link",
    "powerpivotdata": "external_link",
    "oleobject": "embedded_object",
    "package": "embedded_object",
    "control": "embedded_object",
    "activexcontrolbinary": "embedded_object",
    "webextension": "embedded_object",
    "webextensiontaskpanes": "embedded_object",
    "attachedtemplate": "external_link",
}
_TYPES: Final = (
    ("macro", "macros"),
    ("vba", "macros"),
    ("activex", "embedded_object"),
    ("oleobject", "embedded_object"),
)
_XML_NAMES: Final = (".xml", ".rels", ".vml", ".rdf", ".svg")
#: Files within the file, whatever they are called.
_INNER: Final = (
    (b"PK\3\4", "embedded_object"),
    (_OLE, "embedded_object"),
    (b"MZ", "embedded_object"),
    (b"\x7fELF", "embedded_object"),
)


@dataclass(frozen=True)
class Inspected:
    """A file that may be read."""

    kind: Accepted
    #: Whether an antivirus looked at it; False where none is configured.
    scanned: bool


def inspect(content: bytes | Path, name: str, limits: Limits | None = None, scanner: str | None = None) -> Inspected:
    """Let a file through to its reader, or refuse it at the first thing that is wrong with it.

    In this order: empty, size, extension and true kind, the zip's structure (nothing unpacked), parts that run or reach
    out, document types, antivirus (`scanner`, else the setting). `name` is the name that the uploader gave.
    What stands in the cells (far ones, formulas that call programs) is looked at by the readers, who know its address.
    RefusedFileError has the finding.
    """
    limits = limits or bounds.limits()
    if isinstance(content, Path):
        _check_size(content.stat().st_size, limits)
        with content.open("rb") as file:
            content = file.read(limits.size + 1)
    _check_size(len(content), limits)
    called = _CALLED.get(_extension(name))
    kind = _first_look(content)
    archive = None
    if kind == "zip":
        archive = open_archive(content, limits)
        kind = _kind_of_zip(archive)
    if kind != called:
        raise wrong_kind(kind, name)
    if archive is not None:
        _check_parts(archive, kind)
    scanner = scanner or settings.scanner()
    if scanner is not None:
        scan(content, scanner)
    return Inspected(kind, scanned=scanner is not None)


def wrong_kind(kind: str, name: str) -> RefusedFileError:
    """What is refused because it is no table that can be read, or is called what it is not."""
    return RefusedFileError(Finding("wrong_kind", seen=name[-200:], words={"kind": kind, "called": _extension(name)}))


def _extension(name: str) -> str:
    base = re.split(r"[/\\]", name)[-1].strip().rstrip(".")
    return base.rpartition(".")[2].lower()[:10] if "." in base else ""


def _check_size(size: int, limits: Limits) -> None:
    if not size:
        raise RefusedFileError(Finding("empty_file"))
    if size > limits.size:
        raise RefusedFileError(
            Finding("too_big", words={"found": f"{size / 2**20:.1f}", "limit": f"{limits.size / 2**20:.0f}"})
        )


# --- what it is ---


def _first_look(content: bytes) -> str:
    """The kind by the first bytes; `zip` for all that are zips. RefusedFileError: password, empty_file."""
    if content.startswith((b"PK\3\4", b"PK\5\6", b"PK\7\x08")):
        return "zip"
    if content.startswith(_OLE):
        for stream, kind in _STREAMS:
            if stream.encode("utf-16-le") in content:
                if kind == "password":
                    raise RefusedFileError(Finding("password"))
                return kind
        return "other_office"
    head = content[:4096]
    for magic, kind in _MAGIC:
        if head.startswith(magic) and (kind in _TEXTUAL or _BINARY.search(head)):
            return kind
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image"
    return _kind_of_text(content, head)


def _kind_of_text(content: bytes, head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head[: len(head) // 2 * 2].decode("utf-16", "replace")
    else:
        if b"\0" in head:
            nothing = max(head[::2].count(0), head[1::2].count(0))
            return "csv" if nothing > 0.4 * len(head) else "unknown"  # UTF-16 without its mark: its reader says so
        text = head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
    start = text.lstrip()
    if not start and not content.strip(b"\xff\xfe\xbb\xbf\xef \t\r\n\0"):
        raise RefusedFileError(Finding("empty_file"))
    lower = start.lower()
    if "urn:schemas-microsoft-com:office:spreadsheet" in lower or 'progid="excel.sheet"' in lower:
        return "xml_spreadsheet"
    if "<office:document" in lower and lower.startswith("<"):
        return "flat_ods"
    if _HTML.match(lower):
        return "html"
    if lower.startswith(("<?xml", "<!doctype", "<!entity")):
        return "xml"
    if _MAIL.match(start):
        return "mail"
    if re.match(r"\{\s*[\"}]|\[\s*[\[{\]]", start):
        return "json"
    return "csv"


def _kind_of_zip(archive: Archive) -> str:
    if archive.has("[Content_Types].xml"):
        types = _content_types(archive).values()
        for mark, kind in _WORKBOOK_TYPES:
            if any(mark in one for one in types):
                if kind == "xlsm":
                    raise RefusedFileError(Finding("macros", words={"part": "[Content_Types].xml"}))
                return kind
        return "other_office"
    if archive.has("mimetype"):
        said = archive.head("mimetype").decode("ascii", "replace")
        return next((kind for mark, kind in _ODF if mark in said), "zip")
    if any(name.endswith(".iwa") or name == "index.zip" for name in archive.members):
        return "numbers"
    return "zip"


def _content_types(archive: Archive) -> dict[str, str]:
    """Part that is there (or `*.extension`) → its content type, both in lower case."""
    found: dict[str, str] = {}

    def start(name: str, attributes: dict[str, str]) -> None:
        what = attributes.get("ContentType", "").lower()
        if name == "Override":
            found[attributes.get("PartName", "").lower()] = what
        elif name == "Default":
            found["*." + attributes.get("Extension", "").lower()] = what

    part = "[Content_Types].xml"
    parse(archive.whole(part), part, _PACKAGE, start)
    return {one: what for one, what in found.items() if one.startswith("*.") or archive.has(one.lstrip("/"))}


# --- what is in it ---


def _check_parts(archive: Archive, kind: Accepted) -> None:
    for name in archive.members:
        for mark, code in _PARTS:
            if mark in name and (kind == "ods" or mark not in ("basic/", "scripts/", "database/")):
                raise RefusedFileError(Finding(_worse(archive, name, code), words={"part": name}))
    if kind == "xlsx":
        _check_types(archive)
    else:
        _check_manifest(archive)
    for name, member in archive.members.items():
        if not member.file_size or name.endswith("/"):
            continue
        head = archive.head(name, 64)
        for magic, code in _INNER:
            if head.startswith(magic):
                raise RefusedFileError(Finding(code, words={"part": name}))
        if name.endswith(_XML_NAMES) or head.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"<"):
            refuse_doctype(archive.pieces(name), name)
        if name.endswith(".rels"):
            _check_relations(archive, name)
        if name.startswith("customxml/") and b"datamashup" in archive.head(name, 4096).replace(b"\0", b"").lower():
            raise RefusedFileError(Finding("external_link", words={"part": name}))


def _worse(archive: Archive, name: str, code: str) -> str:
    """A link to a program (DDE) is worse than one to a file."""
    if code == "external_link" and "externallinks/" in name and name.endswith(".xml"):
        text = archive.head(name, 1 << 16).replace(b"\0", b"")
        if b"ddeLink" in text or b"oleLink" in text:
            return "active_formula"
    return code


def _check_types(archive: Archive) -> None:
    for part, what in _content_types(archive).items():
        if part.startswith("*.") and not any(name.endswith(part[1:]) for name in archive.members):
            continue  # some programs declare extensions of which they have no part
        for mark, code in _TYPES:
            if mark in what:
                raise RefusedFileError(Finding(code, words={"part": part}))


def _check_relations(archive: Archive, part: str) -> None:
    """Hyperlinks may lead anywhere, since nothing follows them; nothing else leads out of the file."""

    def start(name: str, attributes: dict[str, str]) -> None:
        if name != "Relationship":
            return
        kind = attributes.get("Type", "").rpartition("/")[2].lower()
        outside = attributes.get("TargetMode", "").lower() == "external" or "://" in attributes.get("Target", "")
        code = _RELATIONS.get(kind) or ("external_link" if outside and kind != "hyperlink" else "")
        if code:
            raise RefusedFileError(
                Finding(code, seen=attributes.get("Target", "")[:200], words={"part": part, "relation": kind})
            )

    parse(archive.whole(part), part, _PACKAGE, start)


def _check_manifest(archive: Archive) -> None:
    part = "META-INF/manifest.xml"
    if not archive.has(part):
        raise damaged(part=part)

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "encryption-data":
            raise RefusedFileError(Finding("password"))
        what = (attributes.get("media-type") or "").lower()
        if name == "file-entry" and ("script" in what or "basic" in what):
            raise RefusedFileError(Finding("macros", words={"part": attributes.get("full-path", "")[:200]}))

    parse(archive.whole(part), part, _PACKAGE, start)
