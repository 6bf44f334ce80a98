"""Five hundred workbooks with defects of all sorts: none crashes, hangs or loses a cell, and each has its answer."""

from __future__ import annotations

import io
import itertools
import random
import re
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from migstats.names import LANGUAGES
from migstats.uploads import reading, safety
from migstats.uploads.answer import answer_of, as_text
from migstats.uploads.contract import forms
from migstats.uploads.example import example
from migstats.uploads.finding import RefusedFileError
from migstats.uploads.formats import formats_of
from migstats.uploads.understanding import understand
from migstats.uploads.understood import canonical

FILES = 500
COUNTRIES = ("MAR", "BGD", "KGZ", "MDA", "TUN")
CELL = re.compile(r'<c r="([A-Z]+[0-9]+)"[^>]*?(?:/>|>.*?</c>)')

#: What people write, and what programs leave behind.
TEXTS = (
    *(
        "",
        " ",
        "..",
        "-",
        "x",
        "n/a",
        "nd",
        "1 234",
        "1\u202f234,5",
        "1.234",
        "1,234",
        "١٬٢٣٤",
        "12³",
        "5*",
        "<5",
        "1-4",
    ),
    *("Total", "المجموع", "Всего", "Congo", "Korea", "Côte d'Ivoire", "CÃ´te", "FRA", "ZZZ", "F", "_T", "15-24", "65+"),
    *(
        "=cmd|'/c calc'!A1",
        "<script>",
        "{{7*7}}",
        "'; drop table x; --",
        "a" * 3000,
        "\u200b",
        "\u202e12",
        "NaN",
        "1e400",
    ),
)


def text(address: str, said: str) -> str:
    return f'<c r="{address}" t="inlineStr"><is><t xml:space="preserve">{escape(said)}</t></is></c>'


#: Other contents of a cell: what it is called, and its XML at an address.
CELLS: tuple[Callable[[random.Random, str], str], ...] = (
    lambda chance, at: text(at, chance.choice(TEXTS)),
    lambda chance, at: text(at, chance.choice(TEXTS)),
    lambda chance, at: (
        f'<c r="{at}"><v>{chance.choice(("0", "-1", "3.5", "1e15", "123456789012345678", "0.1"))}</v></c>'
    ),
    lambda chance, at: f'<c r="{at}" t="e"><v>{chance.choice(("#REF!", "#N/A", "#DIV/0!"))}</v></c>',
    lambda _, at: f'<c r="{at}"><f>SUM(A1:A9)</f></c>',
    lambda _, at: f'<c r="{at}"><f>1+1</f><v>2</v></c>',
    lambda _, at: f'<c r="{at}" t="b"><v>1</v></c>',
    lambda _, at: "",
)


def spoilt(content: bytes, chance: random.Random) -> bytes:
    """The workbook with some of its cells changed, and at times with merged or hidden rows, or bytes that are lost."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        sheet = max(
            (n for n in before.namelist() if "worksheets/sheet" in n), key=lambda n: before.getinfo(n).file_size
        )
        for name in before.namelist():
            raw = before.read(name)
            if "worksheets/sheet" in name and (name == sheet or chance.random() < 0.3):
                raw = _cells(raw.decode(), chance).encode()
            after.writestr(name, raw)
    found = out.getvalue()
    if chance.random() < 0.08:
        at = chance.randrange(len(found))
        found = found[:at] + bytes([chance.randrange(256)]) + found[at + 1 :]
    return found[: chance.randrange(len(found))] if chance.random() < 0.04 else found


def _cells(xml: str, chance: random.Random) -> str:
    share = chance.choice((0.005, 0.02, 0.1))

    def changed(match: re.Match[str]) -> str:
        return chance.choice(CELLS)(chance, match[1]) if chance.random() < share else match[0]

    xml = CELL.sub(changed, xml)
    if chance.random() < 0.1:
        xml = xml.replace("<row ", '<row hidden="1" ', chance.randrange(1, 12))
    if chance.random() < 0.1 and "<mergeCells" not in xml:
        xml = xml.replace("</sheetData>", '</sheetData><mergeCells count="1"><mergeCell ref="B12:D14"/></mergeCells>')
    return xml


def told(content: bytes, form: str, country: str, language: str) -> list[str]:
    """What is found in a file; that each cell is accounted for, and that there is an answer."""
    figures, formats = 0, formats_of(country)
    try:
        grid = reading.read(content, safety.inspect(content, "form.xlsx").kind, formats.encodings)
        found = understand(forms()[form], grid, country, 2025, formats, language=language)
        findings, figures = list(found.findings), len(found.figures)
        assert found.balanced
        assert len(canonical(found).splitlines()) == figures + 1
    except RefusedFileError as refused:
        findings = [refused.finding]
    assert as_text(answer_of(findings, figures=figures, language=language))
    return [finding.code for finding in findings]


@pytest.mark.slow
def test_five_hundred_spoilt_workbooks_have_their_answer_and_lose_no_cell(tmp_path: Path) -> None:
    chance = random.Random(20261126)
    whole: dict[tuple[str, str, str], bytes] = {}
    for form, country, language in zip(forms(), itertools.cycle(COUNTRIES), itertools.cycle(LANGUAGES), strict=False):
        path = tmp_path / f"{form}.xlsx"
        example(forms()[form], country, 2025, language, path)
        whole[form, country, language] = path.read_bytes()
    seen: Counter[str] = Counter()
    for _ in range(FILES):
        form, country, language = key = chance.choice([*whole])
        content = spoilt(whole[key], chance)
        seen.update(told(content, form, country, language))
    assert len(seen) > 25, seen  # the defects are of many sorts
