"""The zip that a workbook is: its directory held against what it describes, before anything of it is unpacked."""

from __future__ import annotations

import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final

from migstats.uploads.finding import Finding, RefusedFileError
from migstats.uploads.limits import Limits

_END: Final = struct.Struct("<4s4H2LH")
_END_64_LOCATOR: Final = struct.Struct("<4sLQL")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
#: More of a directory than this is no directory of a workbook, whatever number of members it claims.
_BYTES_PER_MEMBER: Final = 512
#: Bytes between two members that are no member: room for a data descriptor, or for aligning.
_GAP: Final = 64
_COMMENT: Final = 256
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
_DESCRIPTOR: Final = 0x8
_UTF8: Final = 0x800
_PIECE: Final = 256 * 1024
#: Bytes of a list of parts or of relationships: thousands of entries.
_PARSED_HERE: Final = 4 * 2**20
#: What unpacking a broken member raises.
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    OverflowError,
    UnicodeDecodeError,
)


@dataclass(frozen=True)
class Archive:
    """A zip whose structure was checked."""

    file: zipfile.ZipFile
    #: Name as others refer to it (lower case, `/` between folders) → member.
    members: dict[str, zipfile.ZipInfo]

    def has(self, name: str) -> bool:
        """Whether there is a part of this name; case does not count."""
        return name.lower() in self.members

    def pieces(self, name: str) -> Iterator[bytes]:
        """The unpacked bytes of a part, piece by piece. RefusedFileError (damaged): it is not there, or is broken."""
        member = self.members.get(name.lower())
        if member is None:
            raise damaged(part=name)
        try:
            with self.file.open(member) as unpacked:
                while piece := unpacked.read(_PIECE):
                    yield piece
        except _BROKEN as error:
            raise damaged(part=name) from error

    def whole(self, name: str) -> Iterator[bytes]:
        """As `pieces`, of a part that is parsed outside of the sandbox; unpacks_too_big beyond a bound of its own."""
        member = self.members.get(name.lower())
        if member is not None and member.file_size > _PARSED_HERE:
            words = {"found": str(member.file_size), "limit": str(_PARSED_HERE)}
            raise RefusedFileError(Finding("unpacks_too_big", words=words))
        return self.pieces(name)

    def head(self, name: str, size: int = 512) -> bytes:
        """The first bytes of a part. RefusedFileError (damaged): it is not there, or is broken."""
        member = self.members.get(name.lower())
        if member is None:
            raise damaged(part=name)
        try:
            with self.file.open(member) as unpacked:
                return unpacked.read(size)
        except _BROKEN as error:
            raise damaged(part=name) from error


def damaged(**words: str) -> RefusedFileError:
    """What is refused because it cannot be read: `part` of the zip, `reason` in the engineers' words."""
    return RefusedFileError(Finding("damaged", words=words))


def open_archive(content: bytes, limits: Limits) -> Archive:
    """The zip in these bytes. RefusedFileError: damaged, too_many_members, unpacks_too_big, unsafe_path, password.

    Nothing is unpacked: what the directory at the end says is held against the header before each member, and
    against the bounds. Reading a member stops at the size that was checked here.
    """
    _check_end(content, limits)
    stream: IO[bytes] = io.BytesIO(content)
    try:
        file = zipfile.ZipFile(stream)
    except _BROKEN as error:
        raise damaged(reason="directory") from error
    found = file.infolist()
    if len(found) > limits.members:
        raise RefusedFileError(Finding("too_many_members", words={"found": str(len(found))}))
    _check_paths(found)
    if any(member.flag_bits & _ENCRYPTED for member in found):
        raise RefusedFileError(Finding("password"))
    _check_sizes(found, limits)
    _check_places(content, found, file.start_dir)
    return Archive(file, {member.filename.lower(): member for member in found})


def _check_end(content: bytes, limits: Limits) -> None:
    """The end record is the end of the file, and the directory that it points to is of a bearable size."""
    at = content.rfind(b"PK\5\6")
    if at < 0 or len(content) - at < _END.size:
        raise damaged(reason="cut off")
    _, disk, start_disk, here, count, size, offset, comment = _END.unpack_from(content, at)
    if at + _END.size + comment != len(content) or comment > _COMMENT:
        raise damaged(reason="bytes behind the end")
    end_of_directory = at
    locator = at - _END_64_LOCATOR.size
    if locator >= 0 and content[locator : locator + 4] == b"PK\6\7":
        _, _, at_64, disks = _END_64_LOCATOR.unpack_from(content, locator)
        if disks > 1 or at_64 + _END_64.size > locator or content[at_64 : at_64 + 4] != b"PK\6\6":
            raise damaged(reason="zip64")
        *_, disk_64, start_64, here_64, count_64, size_64, offset_64 = _END_64.unpack_from(content, at_64)
        told = ((count, 0xFFFF, count_64), (size, 0xFFFFFFFF, size_64), (offset, 0xFFFFFFFF, offset_64))
        if any(short not in (mark, long) for short, mark, long in told) or disk_64 or start_64:
            raise damaged(reason="zip64")
        here, count, size, offset, end_of_directory = here_64, count_64, size_64, offset_64, at_64
    elif 0xFFFF in (count, here) or 0xFFFFFFFF in (size, offset):
        raise damaged(reason="zip64")
    if disk not in (0, 0xFFFF) or start_disk not in (0, 0xFFFF) or here != count:
        raise damaged(reason="several volumes")
    if count > limits.members or size > limits.members * _BYTES_PER_MEMBER:
        raise RefusedFileError(Finding("too_many_members", words={"found": str(count)}))
    if offset + size != end_of_directory:
        raise damaged(reason="bytes before the beginning")
    if not count:
        raise damaged(reason="nothing in it")


def _check_paths(found: list[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for member in found:
        name = member.orig_filename
        kind = stat.S_IFMT(member.external_attr >> 16)
        if (
            not name
            or name != member.filename
            or name.startswith("/")
            or "\\" in name
            or "\0" in name
            or ":" in name.split("/")[0]
            or ".." in name.split("/")
            or name.lower() in seen
            or kind not in (0, stat.S_IFREG, stat.S_IFDIR)
        ):
            raise RefusedFileError(Finding("unsafe_path", seen=name[:200]))
        seen.add(name.lower())


def _check_sizes(found: list[zipfile.ZipInfo], limits: Limits) -> None:
    total = sum(member.file_size for member in found)
    if total > limits.unpacked:
        raise RefusedFileError(Finding("unpacks_too_big", words={"found": str(total), "limit": str(limits.unpacked)}))
    for member in found:
        # Other methods than these two unpack without a bound.
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise damaged(part=member.filename, reason="method")
        stored = member.compress_type == zipfile.ZIP_STORED
        if stored and member.compress_size != member.file_size:
            raise damaged(part=member.filename, reason="size")
        if member.file_size > max(limits.small_part, limits.ratio * member.compress_size):
            raise RefusedFileError(
                Finding("unpacks_too_big", words={"found": str(member.file_size), "limit": str(limits.unpacked)})
            )


def _check_places(content: bytes, found: list[zipfile.ZipInfo], directory: int) -> None:
    """Members lie one behind the other, without a gap, from the first byte on; each has the header that is told."""
    end = 0
    for member in sorted(found, key=lambda one: one.header_offset):
        at = member.header_offset
        if not (0 <= at - end <= (_GAP if end else 0)) or at + _LOCAL.size > directory:
            raise damaged(part=member.filename, reason="place")
        magic, _, flags, method, _, _, crc, packed, size, name_size, extra_size = _LOCAL.unpack_from(content, at)
        differ = flags ^ member.flag_bits
        begins = at + _LOCAL.size + name_size + extra_size
        end = begins + member.compress_size
        name = content[at + _LOCAL.size : at + _LOCAL.size + name_size]
        if magic != b"PK\3\4" or method != member.compress_type or differ & (_ENCRYPTED | _UTF8) or end > directory:
            raise damaged(part=member.filename, reason="header")
        try:
            same = name.decode("utf-8" if flags & _UTF8 else "cp437") == member.orig_filename
        except UnicodeDecodeError:
            same = False
        if not same:
            raise damaged(part=member.filename, reason="header")
        told = (crc, packed, size)
        known = (member.CRC, member.compress_size, member.file_size)
        later = flags & _DESCRIPTOR and told in ((0, 0, 0), (0, 0xFFFFFFFF, 0xFFFFFFFF))
        long = told[1:] == (0xFFFFFFFF, 0xFFFFFFFF) and crc == member.CRC
        if (
            told != known
            and not later
            and not (long and _long_sizes(content[begins - extra_size : begins]) == known[1:])
        ):
            raise damaged(part=member.filename, reason="sizes")
    if not 0 <= directory - end <= _GAP:
        raise damaged(reason="place")


def _long_sizes(extra: bytes) -> tuple[int, int]:
    """Packed and unpacked size of a zip64 field; -1 where there is none."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind == 1 and size >= 16 and at + 20 <= len(extra):
            unpacked, packed = struct.unpack_from("<2Q", extra, at + 4)
            return packed, unpacked
        at += 4 + size
    return -1, -1
