"""Contracts held against the codelists: codes that are none, bounds that no figure has, two headers that are one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from migstats.codelists import CODELIST_OF, Folders, codelist_of, read_codelist
from migstats.errors import DeclarationError
from migstats.names import LANGUAGES, normal
from migstats.uploads.contract import Form, KeyColumn, Measure, folder, forms

#: Units of what is counted: there are no halves.
_COUNTED = ("PS", "NUMBER", "CASES")

#: Excel shows no more beside a cell.
_LONGEST = 255


def findings(lists: Folders) -> tuple[int, list[str]]:
    """How many contracts there are, and what is wrong with them: file, field, what was found, remedy."""
    try:
        contracts = forms()
    except DeclarationError as error:
        return 0, str(error).splitlines()
    found = [(form, finding) for form in contracts.values() for finding in findings_of(form, lists)]
    return len(contracts), [f"{folder() / form.id}.yaml: {finding}" for form, finding in found]


def findings_of(form: Form, lists: Folders) -> Iterator[str]:
    """What is wrong with one contract."""
    for key in form.keys:
        yield from _of_key(form, key, lists)
    for measure in form.measures:
        yield from _of_measure(form, measure, lists)
    for one, measure in form.sums_of_measures:
        if not measure.whole:
            yield f"sums: {one.column}: {measure.id} is a share or an amount, which is not added up; remove the sum"
    texts: Counter[str] = Counter()
    for column in form.columns:
        texts.update({normal(t, "en") for t in (*column.also, *(column.header.of(lang) for lang in LANGUAGES))})
        for language in LANGUAGES:
            if len(column.help.of(language)) > _LONGEST:
                yield f"{column.id}: help.{language} is longer than {_LONGEST} characters; shorten it"
    for text in sorted(text for text, times in texts.items() if times > 1):
        yield f"{text!r} could be the header of two columns; a header is understood in any language: change one"


def _of_key(form: Form, key: KeyColumn, lists: Folders) -> Iterator[str]:
    listed = read_codelist(lists, CODELIST_OF.get(key.concept, key.concept))
    used = [*(key.allowed or ()), *(key.prefill or ())]
    used += [code for one in form.sums if one.column == key.id for code in (one.total, *(one.parts or ()))]
    for code in dict.fromkeys(used):
        if code not in listed:
            yield f"{key.id}: {code!r} is no code of codelist {listed.name}; mend the code"
        elif code not in (key.allowed or listed):
            yield f"{key.id}: {code!r} is in a sum and not in `allowed`; add it or mend the sum"
        elif code == "_T" and not key.total:
            yield f"{key.id}: `_T` is used, and `total` is false; mend one"


def _of_measure(form: Form, measure: Measure, lists: Folders) -> Iterator[str]:
    row = read_codelist(lists, "indicator").rows.get(measure.indicator)
    if row is None:
        yield f"{measure.id}: indicator {measure.indicator!r} is no code of codelist indicator; mend the code"
        return
    if row["stock_or_flow"] != form.stock_or_flow:
        yield f"{measure.id}: {measure.indicator} is a {row['stock_or_flow']}, the form is of a {form.stock_or_flow}"
    if not float(row["min_value"]) <= measure.low < measure.high <= float(row["max_value"]):
        yield (
            f"{measure.id}: found {measure.low:g} to {measure.high:g}; write bounds within those of "
            f"{measure.indicator}, {row['min_value']} to {row['max_value']}"
        )
    if measure.whole != (row["unit"] in _COUNTED):
        yield f"{measure.id}: found whole: {str(measure.whole).lower()}; {measure.indicator} is in {row['unit']}"
    for concept, code in form.constants_of(measure).items():
        listed = codelist_of(lists, concept)
        if listed is not None and code not in listed:
            yield f"{measure.id}: constants: {code!r} is no code of codelist {listed.name}; mend the code"
