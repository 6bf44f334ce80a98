"""What a publisher packed into gzip or zip, unpacked before a format is read: never more than was declared."""

from __future__ import annotations

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Final, NoReturn

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.layout import Packed
from migstats.readers import answer

_PIECE: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK"
_ENCRYPTED: Final = 1
#: What a damaged zip file makes its reader raise: of its directory (names, places) a ValueError, of bzip2 an OSError.
DAMAGE: Final = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)


def unpacked(payload: bytes, layout: Packed) -> bytes:
    """The payload as the format of a layout begins; as it is where no compression is declared.

    TryAgainError: cut off or damaged, or a web page. DriftError: packed otherwise than declared, or other files in it.
    PublisherError: an error body, larger than `unpacked_bytes`, encrypted, or names that lead elsewhere.
    """
    return payload if layout.compression is None else b"".join(pieces(payload, layout))


def pieces(payload: bytes, layout: Packed) -> Iterator[bytes]:
    """The same piece by piece, none larger than a mebibyte; what is damaged is told when it comes to be read."""
    if layout.compression is None:
        yield from (payload[at : at + _PIECE] for at in range(0, len(payload), _PIECE))
        return
    if not payload.startswith(_GZIP if layout.compression == "gzip" else _ZIP):
        _refuse(payload, layout.compression)
    yield from (_gunzipped if layout.compression == "gzip" else _unzipped)(payload, layout)


def _refuse(payload: bytes, declared: str) -> NoReturn:
    expected = f"a {declared} file"
    if answer.body(payload, expected).lstrip()[:1] in (b"{", b"["):
        answer.json_document(payload, expected)
    raise DriftError(
        f"the answer is not {expected}, as `compression` says; it begins with {answer.short(payload)!r}: "
        "see how the publisher packs it today"
    )


def _gunzipped(payload: bytes, layout: Packed) -> Iterator[bytes]:
    size = at = 0
    while at < len(payload) and (at == 0 or payload[at:].strip(b"\0")):  # gzip may be padded with zeros
        if not payload.startswith(_GZIP, at):
            left = len(payload) - at
            raise PublisherError(f"there are {left} bytes after the end of the gzip stream; ask the publisher")
        inflater = zlib.decompressobj(wbits=31)
        rest = b""
        while not inflater.eof:
            if not rest:
                rest = payload[at : at + _PIECE]
                at += len(rest)
            over = not rest
            try:
                piece = inflater.decompress(rest, min(_PIECE, layout.unpacked_bytes - size + 1))
            except zlib.error as error:
                raise TryAgainError(f"the gzip stream is damaged: {error}; it may be whole another time") from error
            rest = inflater.unconsumed_tail
            size += len(piece)
            if size > layout.unpacked_bytes:
                raise _too_big(layout)
            if piece:
                yield piece
            elif over and not inflater.eof:
                raise TryAgainError(f"the gzip stream ends after {len(payload)} bytes before its end: it was cut off")
        at -= len(inflater.unused_data)


def _unzipped(payload: bytes, layout: Packed) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(payload)) as archive:
            member = _member(archive.infolist(), layout)
            with archive.open(member) as file:
                size = 0
                while piece := file.read(_PIECE):
                    size += len(piece)
                    if size > layout.unpacked_bytes:
                        raise _too_big(layout)
                    yield piece
    except DAMAGE as error:
        raise TryAgainError(f"the zip file is damaged or was cut off: {error}; it may be whole another time") from error
    except NotImplementedError as error:
        raise PublisherError(f"the zip file is packed in a way that is not read: {error}") from error


def _member(infos: list[zipfile.ZipInfo], layout: Packed) -> zipfile.ZipInfo:
    """The one file that is meant."""
    for info in infos:
        name = info.orig_filename
        if re.match(r"[/\\]|[A-Za-z]:", name) or ".." in re.split(r"[/\\]", name):
            raise PublisherError(f"the zip file has a member {name!r}, a name that leads out of it: nothing is read")
    files = [info for info in infos if not info.is_dir()]
    meant = [info for info in files if layout.member is None or re.fullmatch(layout.member, info.filename)]
    if len(meant) != 1:
        wanted = "one file" if layout.member is None else f"one file named {layout.member!r}"
        raise DriftError(
            f"the zip file has {', '.join(repr(info.filename) for info in files[:12]) or 'no file'}, "
            f"{wanted} was expected; say with `member` which is meant"
        )
    if meant[0].flag_bits & _ENCRYPTED:
        raise PublisherError(f"{meant[0].filename!r} in the zip file is encrypted; ask the publisher for an open one")
    if meant[0].file_size > layout.unpacked_bytes:
        raise _too_big(layout)
    return meant[0]


def _too_big(layout: Packed) -> PublisherError:
    return PublisherError(
        f"what is packed is larger than {layout.unpacked_bytes} bytes, the declared `unpacked_bytes`; "
        "raise it if the publisher's file is as large as that"
    )
