"""P10: valid files with random defects, always the same ones: each is read or refused, within the limits."""

from __future__ import annotations

import io
import random
import time
import zipfile
from collections import Counter

import pytest
from workbooks import ods_number, ods_parts, ods_row, ods_text, rows_xlsx, zipped

from migstats.uploads.finding import CODES, RefusedFileError
from migstats.uploads.grid import Grid
from migstats.uploads.limits import Limits
from migstats.uploads.reading import pack, read, unpack
from migstats.uploads.safety import inspect

ROWS = "".join(
    f'<row r="{r}"><c r="A{r}" t="s"><v>{r % 2}</v></c><c r="B{r}" s="1"><v>{r * 997}</v></c>'
    f'<c r="C{r}"><f>B{r}*2</f><v>{r}</v></c><c r="D{r}" t="inlineStr"><is><t>été {r}</t></is></c></row>'
    for r in range(1, 40)
)
XLSX = rows_xlsx(
    ROWS,
    strings="<si><t>Maroc</t></si><si><r><t>12</t></r><r><rPr><vertAlign val='superscript'/></rPr><t>3</t></r></si>",
    styles='<numFmts><numFmt numFmtId="164" formatCode="dd/mm/yy"/></numFmts>'
    '<cellXfs><xf/><xf numFmtId="164"/></cellXfs>',
)
ODS = zipped(
    ods_parts(
        '<table:table table:name="S">'
        + "".join(ods_row(ods_text(f"pays {r}"), ods_number(str(r)), "<table:table-cell/>") for r in range(40))
        + "</table:table>"
    )
)
CSV = "Région;Permis;Départs\n" + "".join(f'"Fès {r}";{r * 997};1,5\n' for r in range(60))
FILES = {"a.xlsx": XLSX, "a.ods": ODS, "a.csv": CSV.encode(), "b.csv": CSV.encode("utf-16")}
LIMITS = Limits(unpacked=8 * 2**20, rows=5_000, columns=200, cells=20_000, written_cells=50_000)
#: What makes something else of a file more often than a random byte.
SPLINTERS = (
    b"\0", b"\xff\xfe", b"<", b">", b"&", b'"', b"'", b"]]>", b"<!DOCTYPE x>", b"<![CDATA[", b"&#0;", b"&#xFFFF;",
    b"-1", b"99999999999999999999", b"1e400", b"NaN", b"PK\3\4", b"PK\1\2", b"PK\5\6", b"\xff\xff\xff\xff", b"\r",
     b"\t",
    b"\xc3", b"XFD1048576", b"A0", b"r=", b"<f>", b"</c>", b"<row>", b't="s"', b'xmlns="', b"\xf0\x9f\x98\x80",
     b"=cmd|'/c'!A1",
)  # fmt: skip


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Some bytes changed, cut out, doubled, moved, or put in between."""
    made = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(len(made) + 1)
        length = chance.choice((1, 2, 4, 30, 300))
        what = chance.randrange(6)
        if what == 0:
            made[at : at + 1] = bytes([chance.randrange(256)])
        elif what == 1:
            made[at : at + length] = b""
        elif what == 2:
            made[at:at] = made[at : at + length]
        elif what == 3:
            made[at:at] = chance.choice(SPLINTERS)
        elif what == 4:
            made[at : at + 4] = chance.choice(SPLINTERS)
        else:
            other = chance.randrange(len(made) + 1)
            made[at : at + length], made[other : other + length] = made[other : other + length], made[at : at + length]
    return bytes(made)


def within(content: bytes, chance: random.Random) -> bytes:
    """A zip whose structure is whole and one part of which is broken: it comes past the gate."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(list(parts))
    what = chance.randrange(5)
    if what == 0:
        del parts[name]
    elif what == 1:
        parts[name] = parts[chance.choice(list(parts))]
    else:
        parts[name] = mutated(parts[name], chance)
    return zipped(parts)


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("name", FILES)
def test_a_file_with_random_defects_is_read_or_refused(name: str, seed: int) -> None:
    chance = random.Random(f"{name} {seed}")
    break_up = within if seed % 2 and not name.endswith(".csv") else mutated
    content = break_up(FILES[name], chance)
    began = time.process_time()
    assert outcome(content, name) in {"read", *CODES}
    assert time.process_time() - began < 2


def outcome(content: bytes, name: str) -> str:
    try:
        kind = inspect(content, name, LIMITS).kind
        found = read(content, kind, ["utf-8", "cp1252"], LIMITS)
    except RefusedFileError as error:
        return error.finding.code if error.finding.weight == "refused" else "a finding that refuses nothing"
    assert isinstance(found, Grid)
    assert unpack(pack(found)) == found
    for sheet in found.sheets:
        assert all(0 < row <= LIMITS.rows and 0 < column <= LIMITS.columns for row, column in sheet.cells)
    return "read"


def test_the_defects_are_of_many_kinds() -> None:
    """A list of files that are all refused at the first check would prove nothing."""
    codes: Counter[str] = Counter()
    for name in ("a.xlsx", "a.ods"):
        for seed in range(60):
            codes[outcome(within(FILES[name], random.Random(seed)), name)] += 1
    assert codes["read"] > 10
    assert len(codes) >= 4, codes
