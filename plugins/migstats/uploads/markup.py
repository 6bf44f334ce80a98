"""XML of a workbook, piece by piece: a parser that knows no DOCTYPE, no entity and no strange encoding."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from xml.parsers import expat

from migstats.uploads.archive import damaged
from migstats.uploads.finding import Finding, RefusedFileError

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]
Characters = Callable[[str], None]

#: Encodings that the parser reads itself. It would take any other one that Python knows, EBCDIC as well.
_ENCODINGS: Final = frozenset({"utf-8", "utf8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "ascii", "iso-8859-1"})
_DECLARED: Final = re.compile(rb"""^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([^"'>]*)["']""")
_DECLARATION: Final = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY|ELEMENT|ATTLIST|NOTATION)\b", re.IGNORECASE)
_OVERLAP: Final = 64


def refuse_doctype(pieces: Iterable[bytes], part: str) -> None:
    """RefusedFileError (doctype) where a part declares a document type, an entity or the like, in whatever encoding.

    The part is searched, not parsed: one that is broken passes here, and its reader says so.
    """
    before = b""
    for number, piece in enumerate(pieces):
        if number == 0:
            _check_encoding(piece, part)
        text = before + piece
        if _DECLARATION.search(text) or (b"\0" in text and _DECLARATION.search(text.replace(b"\0", b""))):
            raise RefusedFileError(Finding("doctype", words={"part": part}))
        before = text[-_OVERLAP:]


def parse(
    pieces: Iterable[bytes],
    part: str,
    names: Mapping[str, str],
    start: Start,
    end: End | None = None,
    text: Characters | None = None,
) -> None:
    """Run XML through expat. `names` has the namespaces that count → the prefix that their names get here.

    An element of another namespace is `?`, whatever prefix the file itself uses. Attributes of these namespaces get
    the prefix, too; those without a namespace have their bare name.
    RefusedFileError: damaged (with the line), doctype.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    known: dict[str, str] = {}

    def name_of(name: str) -> str:
        uri, _, local = name.rpartition(" ")
        prefix = names.get(uri)
        short = "?" if prefix is None else prefix + local
        if len(known) < 10_000:
            known[name] = short
        return short

    def begin(name: str, attributes: dict[str, str]) -> None:
        for key in attributes:
            if " " in key:
                attributes = {_attribute(key, names): value for key, value in attributes.items()}
                break
        start(known.get(name) or name_of(name), attributes)

    def finish(name: str) -> None:
        if end is not None:
            end(known.get(name) or name_of(name))

    def refuse(*_: Any) -> None:
        raise RefusedFileError(Finding("doctype", words={"part": part}))

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = begin
    if end is not None:
        parser.EndElementHandler = finish
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        first = True
        for piece in pieces:
            if first:
                _check_encoding(piece, part)
                first = False
            parser.Parse(piece, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise damaged(part=part, reason=f"line {error.lineno}") from error
    except (LookupError, ValueError, OverflowError, UnicodeError) as error:
        raise damaged(part=part, reason=f"line {parser.CurrentLineNumber}") from error


def _attribute(key: str, names: Mapping[str, str]) -> str:
    uri, _, local = key.rpartition(" ")
    return names.get(uri, "?" if uri else "") + local


def _check_encoding(head: bytes, part: str) -> None:
    """Only what begins as XML in an encoding of its own goes on; RefusedFileError (damaged) else."""
    plain = head[:400].replace(b"\0", b"")
    for mark in (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"):
        plain = plain.removeprefix(mark)
    declared = _DECLARED.match(plain)
    strange = declared is not None and declared[1].decode("ascii", "replace").lower() not in _ENCODINGS
    if strange or not plain.lstrip().startswith(b"<"):
        raise damaged(part=part, reason="encoding")
