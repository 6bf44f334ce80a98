"""A filled example of a form: invented figures that are coherent, the same for the same form, country and year."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import product
from pathlib import Path
from typing import BinaryIO, Final

from migstats import settings
from migstats.codelists import read_codelist
from migstats.uploads.choices import TOTAL, choices, combinations
from migstats.uploads.contract import Form, Measure, Sum
from migstats.uploads.sheet_layout import Stamp
from migstats.uploads.template import Figures, Keys, write_filled

#: How many rows beside those of the template show each symbol.
_ADDED: Final = 4

#: Of 100 people, how many are of each part: of two or three with an unknown, of any other number.
_SHARES: Final[Mapping[str, int]] = {"F": 47, "M": 51, "_U": 2, "MIGRANT": 7, "NON_MIGRANT": 91}


def example(form: Form, country: str, year: int, language: str, target: Path | BinaryIO) -> None:
    """Write the filled example of a form as a workbook. Raises as `template.write`."""
    write_filled(form, Stamp(form.id, form.version, country, year, language), target, figures_of(form, country, year))


def figures_of(form: Form, country: str, year: int) -> Figures:
    """The figures of the example, by codes and measure.

    Parts add up to their totals. Rows of further areas or subdivisions show the symbols, each in all rows of one of
    them, so that no sum has an unknown part; of a key without a total the last code has no figures at all.
    """
    texts = {}
    for codes, symbol in _rows(form, country, year):
        for measure in form.measures:
            totals = {key.id: code == TOTAL for key, code in zip(form.keys, codes, strict=True)}
            if not all(totals[key] for key in measure.undivided):
                continue
            if symbol and (measure is form.measures[-1] or symbol == ".."):
                text = symbol
            else:
                text = _figure(form, measure, codes)
            texts[codes, measure.id] = text
    return Figures(texts)


def _rows(form: Form, country: str, year: int) -> Iterator[tuple[Keys, str]]:
    """Rows of the example, each with the symbol that stands in it, or none."""
    keys = form.keys
    without = [at for at, key in enumerate(keys) if not key.total and len(key.prefill or ()) > 1]
    for codes in combinations(form):
        left = any(codes[at] == (keys[at].prefill or ())[-1] for at in without)
        yield codes, ".." if left else ""
    at = next((at for at, key in enumerate(keys) if key.concept in ("counterpart_area", "subdivision")), None)
    if at is None:
        return
    offered = choices(keys[at], country, year, "en")
    areas = read_codelist(settings.include() / "codelists", "area").column("programme")
    wanted = areas if keys[at].concept == "counterpart_area" else [code for code in offered if code[:1] != "_"]
    codes_of = [code for code in wanted if code != country][:_ADDED]
    few = [codes for codes in combinations(form) if _is_plain(form, codes, at)]
    for code, symbol in zip(codes_of, ("", "..", "-", "x"), strict=False):
        for codes in few:
            yield (*codes[:at], code, *codes[at + 1 :]), symbol


def _is_plain(form: Form, codes: Keys, at: int) -> bool:
    """Is it a row of totals but for sex and for the first code of a key that has no total?"""
    return all(
        number == at
        or key.concept == "sex"
        or code == (TOTAL if TOTAL in (key.prefill or (TOTAL,)) else (key.prefill or ())[0])
        for number, (key, code) in enumerate(zip(form.keys, codes, strict=True))
    )


def _figure(form: Form, measure: Measure, codes: Keys) -> str:
    sums = [one for one, other in form.sums_of_measures if other is measure]
    if not measure.whole:
        return _decimal(form, measure, codes)
    size = max(1, int(min(400, measure.high // 100_000))) // (1 + form.measures.index(measure)) or 1
    for key, code in zip(form.keys, codes, strict=True):
        if code != TOTAL and key.id not in [one.column for one in sums]:
            size = max(1, size // (4 + _drawn(code, 4)))
    total = 0
    for leaf in product(*(_leaves(form, one, codes) for one in sums)):
        people = size
        for share in leaf:
            people *= share
        total += people // 100 ** max(len(leaf) - 1, 0)
    return str(total)


def _leaves(form: Form, one: Sum, codes: Keys) -> list[int]:
    """The shares of the parts that a row counts: all of them in a total, else its own."""
    parts = one.parts or ()
    code = codes[[key.id for key in form.keys].index(one.column)]
    shares = {part: _SHARES.get(part, 3 + 5 * at % 23) for at, part in enumerate(parts)}
    return list(shares.values()) if code == one.total else [shares.get(code, 0)]


def _decimal(form: Form, measure: Measure, codes: Keys) -> str:
    """A share, for all between those of women and men; or an amount far below the bound, smaller of one area."""
    concepts = {key.concept: code for key, code in zip(form.keys, codes, strict=True)}
    if measure.high == 100:
        middle = (58, 9, 64)[form.measures.index(measure) % 3]
        group = _drawn("/".join(code for concept, code in concepts.items() if concept != "sex"), 40) / 10
        return f"{middle + group + {'F': -2.5, 'M': 2.5}.get(concepts.get('sex', TOTAL), 0):.1f}"
    part = any(concepts.get(concept, TOTAL) != TOTAL for concept in ("counterpart_area", "subdivision"))
    share = 0.02 + _drawn("/".join((form.id, measure.id, *codes)), 400) / 10_000
    return f"{measure.high * share / (20 if part and measure.high > 1_000_000 else 1):.2f}"


def _drawn(text: str, below: int) -> int:
    """A number that depends on the text alone."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") % below
