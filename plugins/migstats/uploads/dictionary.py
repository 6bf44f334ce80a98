"""docs/forms.md: the data dictionary of the upload forms, made from their contracts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migstats import settings
from migstats.codelists import CODELIST_OF, read_codelist
from migstats.names import LANGUAGES
from migstats.uploads.choices import combinations
from migstats.uploads.contract import Form, KeyColumn, Measure
from migstats.uploads.sheet_layout import SYMBOLS
from migstats.uploads.template import unit_of

_BEGIN = """# Upload forms

What countries fill in, form by form. Made from the contracts in `include/templates/` by
`migstats forms --markdown -o docs/forms.md`; do not edit it. A workbook to fill in is made by
`migstats template --form labour_permits --country MAR --year 2025 --lang fr -o labour_permits.xlsx`, and the same
filled with invented figures by `--example`.

In every form a row is about one combination of the key columns, `_T` is the total over a column and `_U` what is not
known. Where there is no figure a symbol stands: {symbols}.

| form | title | who | measures |
|---|---|---|---|
{table}
"""

_MEANT = {"..": "not available", "-": "not applicable", "x": "withheld"}


def page(forms: Iterable[Form]) -> str:
    """The whole page, Markdown."""
    listed = sorted(forms, key=lambda form: form.id)
    table = "\n".join(
        f"| [{form.id}](#{form.id}) | {_cell(form.title.en)} | {form.owner} | "
        f"{', '.join(f'`{measure.indicator}`' for measure in form.measures)} |"
        for form in listed
    )
    symbols = ", ".join(f"`{symbol}` {_MEANT[symbol]}" for symbol in SYMBOLS)
    return _BEGIN.format(symbols=symbols, table=table) + "".join("\n" + "\n".join(_of(form)) + "\n" for form in listed)


def _of(form: Form) -> Iterator[str]:
    yield f"## {form.id}\n"
    yield f"{form.purpose.en}\n"
    at = {"period": "of the year", "end": "on the last day of the year", "start": "on the first day of the year"}
    when = at.get(form.reference_point, f"on {form.reference_point} (month-day)")
    rows = len(combinations(form))
    yield (
        f"Version {form.version}; a {form.stock_or_flow} {when}; years from {form.first_year}; "
        f"{rows} {'row is' if rows == 1 else 'rows are'} filled in beforehand.\n"
    )
    yield "| column | what it holds | values |\n|---|---|---|"
    for column in form.columns:
        values = _of_key(column) if isinstance(column, KeyColumn) else _of_measure(column)
        yield f"| `{column.id}` | {_cell(column.help.en)} | {_cell(values)} |"
    if form.constants:
        yield "\nOf all figures: " + ", ".join(f"`{name}` is `{code}`" for name, code in form.constants.items()) + "."
    for one in form.sums:
        parts = "all others" if one.parts is None else ", ".join(f"`{part}`" for part in one.parts)
        miss = f", give or take {one.tolerance:g}" if one.tolerance else ""
        yield f"\n`{one.column}`: {parts} add up to `{one.total}`{miss}."
    yield "\n| column | " + " | ".join(LANGUAGES) + " |\n|---|" + "---|" * len(LANGUAGES)
    for column in form.columns:
        yield f"| `{column.id}` | " + " | ".join(_cell(column.header.of(lang)) for lang in LANGUAGES) + " |"


def _of_key(key: KeyColumn) -> str:
    name = CODELIST_OF.get(key.concept, key.concept)
    if key.allowed is None:
        return f"a code of `include/codelists/{name}.csv` (dimension `{key.concept}`)"
    rows = read_codelist(settings.include() / "codelists", name).rows
    return "; ".join(f"`{code}` {rows[code]['name_en']}" for code in key.allowed) + f" (dimension `{key.concept}`)"


def _of_measure(measure: Measure) -> str:
    kind = "whole number" if measure.whole else "number"
    told = [
        f"`{measure.indicator}`, {unit_of(measure, 'en')}: {kind} from {measure.low:,g} to {_plain(measure.high)}",
        "a symbol where there is none" if measure.required else "may be empty",
    ]
    if measure.undivided:
        told.append(f"only in totals of {', '.join(f'`{key}`' for key in measure.undivided)}")
    told += [f"`{name}` is `{code}`" for name, code in measure.constants.items()]
    return "; ".join(told)


def _plain(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,g}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
