"""How much an uploaded file may be: bytes, parts, cells. Beyond it, it is refused."""

from __future__ import annotations

from dataclasses import dataclass

from migstats import settings


@dataclass(frozen=True)
class Limits:
    """Bounds of one file. Sizes are in bytes."""

    size: int = 25 * 2**20
    #: Parts of a zip, what they unpack to in all, and how many times its packed size a big part may unpack to.
    members: int = 1_000
    unpacked: int = 256 * 2**20
    ratio: int = 250
    #: Parts that unpack to less than this may have any ratio: a short text of spaces packs very well.
    small_part: int = 4 * 2**20
    #: The last row and column in which something may stand.
    rows: int = 300_000
    columns: int = 1_000
    #: Cells that hold something, and cells that are written down, empty ones included; of all sheets together.
    cells: int = 2_000_000
    written_cells: int = 6_000_000
    sheets: int = 200
    #: Characters of one cell; Excel itself has no more.
    text: int = 32_767


def limits() -> Limits:
    """The bounds of this installation: `settings.upload_bytes`, else the defaults."""
    return Limits(size=settings.upload_bytes())
