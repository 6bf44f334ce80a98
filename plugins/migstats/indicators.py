"""The indicator catalogue as facts: tags, standards, aggregation, definitions, and formulas of derived indicators.

`indicator.csv` says what is measured, `indicator_catalogue.csv` how it is tagged and may be added up,
`indicator_definition.csv` defines it in the other languages, `derived_indicator.csv` has the formulas. What is wrong
with them is found before anything is loaded (`findings`), and people read them as one page (`page`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from migstats.codelists import Codelist, Folders, codelist_of, read_codelist
from migstats.names import LANGUAGES
from migstats.observation import SERIES_DIMENSIONS

#: Dimensions by which figures are broken down: all that say neither what is measured, nor where, nor how often.
BREAKDOWNS: Final = tuple(d for d in SERIES_DIMENSIONS if d not in ("source", "indicator", "freq", "ref_area"))

#: Columns of the catalogue that say how figures may be put together.
AGGREGATIONS: Final = ("aggregation_area", "aggregation_counterpart", "aggregation_time", "aggregation_breakdown")

#: Units of which figures can be added up at all.
COUNTED: Final = ("PS", "NUMBER", "CASES", "USD", "USD_CONSTANT")

KINDS: Final = {
    "ratio": "{multiplier} × {input} / {other}",
    "difference": "{input} − {other}",
    "growth": "{multiplier} × ln({input} / {other} before it) / years between them",
}
PERIODS: Final = {
    "same_day": "both are stocks of the same day",
    "mid_year": "the second is of 1 July of the year of the first",
    "same_period": "both are of the same period",
    "previous": "the second is the last figure before the first, of the same source",
}
BASES: Final = {
    "same": "both have the same concept basis",
    "input": "the concept basis is that of the first",
}

_TARGET = re.compile(r"(1[0-7]|[1-9])\.([1-9][0-9]?|[a-d])")
_OBJECTIVE = re.compile(r"[1-9]|1[0-9]|2[0-3]")
_POINT = re.compile(r"(start|end|period|(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01]))?")
_MEAN = re.compile(r"mean:([A-Z_]+)")


def values(cell: str) -> tuple[str, ...]:
    """The values of a cell that may hold several; none at all where it says none."""
    return () if cell in ("", "none") else tuple(cell.split("|"))


def conditions(cell: str) -> dict[str, str]:
    """Dimension → member of a cell such as `sex=M|age=Y0T4`."""
    return dict(part.partition("=")[::2] for part in values(cell))


def findings(folders: Folders) -> list[str]:
    """What is wrong with the catalogue, one line each: nothing is an orphan, no word is one that nobody knows.

    Our own indicators need everything. One of private sources may have lines in files of theirs, which are looked at
    too.
    """
    ours = folders[0] if isinstance(folders, tuple) else folders
    indicators = read_codelist(folders, "indicator")
    catalogue, definitions = (read_codelist(folders, f"indicator_{kind}") for kind in ("catalogue", "definition"))
    found = []
    for code, row in read_codelist(ours, "indicator").rows.items():
        missing = [f"name_{language}" for language in LANGUAGES if not row[f"name_{language}"]]
        found += [f"indicator.csv: {code}: {column} is empty; write the name" for column in missing]
        for listed in (catalogue, definitions):
            if code not in listed:
                found.append(f"{listed.name}.csv: {code} of indicator.csv has no line; add one")
    for code, row in definitions.rows.items():
        if code not in indicators:
            found.append(f"indicator_definition.csv: {code} is no code of indicator.csv; mend the code")
        found += [
            f"indicator_definition.csv: {code}: {c} is empty; translate it" for c, text in row.items() if not text
        ]
    for code, row in catalogue.rows.items():
        if code not in indicators:
            found.append(f"indicator_catalogue.csv: {code} is no code of indicator.csv; mend the code")
            continue
        found += [
            f"indicator_catalogue.csv: {code}: {wrong}"
            for wrong in _of_entry(row, indicators.rows[code], indicators, catalogue, folders)
        ]
    formulas = read_codelist(folders, "derived_indicator")
    derived = {row["indicator"] for row in formulas.rows.values()}
    for code, row in formulas.rows.items():
        found += [f"derived_indicator.csv: {code}: {w}" for w in _of_formula(row, derived, indicators, folders)]
    return found


def _of_entry(
    row: Mapping[str, str], indicator: Mapping[str, str], indicators: Codelist, catalogue: Codelist, folders: Folders
) -> Iterator[str]:
    needed = ("sdg_target", "gcm_objective", "sector", "concept", "required_breakdowns", *AGGREGATIONS)
    empty = [column for column in needed if not row[column]]
    if empty:
        yield f"{', '.join(empty)} is empty; write none where nothing applies"
    for target in values(row["sdg_target"]):
        if not _TARGET.fullmatch(target):
            yield f"sdg_target {target!r} is no target of the 2030 Agenda, such as 10.7 or 10.c"
    number = indicator["sdg_indicator"]
    if number != "none" and number.rpartition(".")[0] not in values(row["sdg_target"]):
        yield f"sdg_target {row['sdg_target']!r} has not the target of its SDG indicator {number}"
    for objective in values(row["gcm_objective"]):
        if not _OBJECTIVE.fullmatch(objective):
            yield f"gcm_objective {objective!r} is no objective of the Global Compact: 1 to 23"
    sectors = read_codelist(folders, "sector")
    if row["sector"] and row["sector"] not in sectors:
        yield f"sector {row['sector']!r} is no code of codelist sector: {', '.join(sectors.rows)}"
    if not _POINT.fullmatch(row["reference_point"]):
        yield f"reference_point {row['reference_point']!r} is none of start, end, period, MM-DD"
    elif indicator["stock_or_flow"] == "stock" and row["reference_point"] == "period":
        yield "reference_point 'period', but it is a stock"
    if row["concept_basis"] and row["concept_basis"] not in read_codelist(folders, "concept_basis"):
        yield f"concept_basis {row['concept_basis']!r} is no code of codelist concept_basis"
    for dimension in values(row["required_breakdowns"]):
        if dimension not in BREAKDOWNS:
            yield f"required_breakdowns: there is no dimension {dimension!r}; there are {', '.join(BREAKDOWNS)}"
    for column in AGGREGATIONS:
        for wrong in _of_aggregation(column, row[column], indicator, indicators, catalogue):
            yield f"{column}: {wrong}"


def _of_aggregation(
    column: str, how: str, indicator: Mapping[str, str], indicators: Codelist, catalogue: Codelist
) -> Iterator[str]:
    mean = _MEAN.fullmatch(how)
    if how == "sum" and indicator["unit"] not in COUNTED:
        yield f"figures in {indicator['unit']} are never added up; write none or mean:INDICATOR"
    elif how == "sum" and column == "aggregation_time" and indicator["stock_or_flow"] == "stock":
        yield "stocks are never added up over time"
    elif mean is not None and mean[1] not in indicators:
        yield f"the weight {mean[1]!r} is no indicator"
    elif mean is not None and catalogue.rows.get(mean[1], {}).get(column) != "sum":
        yield f"the weight {mean[1]} may not be added up there itself"
    elif how not in ("", "sum", "none") and mean is None:
        yield f"{how!r} is none of sum, none, mean:INDICATOR"


def _of_formula(row: Mapping[str, str], derived: set[str], indicators: Codelist, folders: Folders) -> Iterator[str]:
    for column in ("indicator", "input", "other"):
        if row[column] not in indicators:
            yield f"{column} {row[column]!r} is no code of indicator.csv; mend the code"
            return
    for column in ("input", "other"):
        if row[column] in derived:
            yield f"{column} {row[column]} is derived itself; derive from published figures only"
    for column, known in (("kind", KINDS), ("period", PERIODS), ("basis", BASES)):
        if row[column] not in known:
            yield f"{column} {row[column]!r} is none of {', '.join(known)}"
    if not re.fullmatch(r"[1-9][0-9]*(\.[0-9]+)?", row["multiplier"]):
        yield f"multiplier {row['multiplier']!r} is no number above nought"
    if (row["kind"] == "growth") != (row["period"] == "previous"):
        yield "kind growth and period previous go together"
    units = {indicators.rows[row[column]]["unit"] for column in ("input", "other")}
    if row["kind"] in ("difference", "growth") and len(units) > 1:
        yield f"inputs in different units: {', '.join(sorted(units))}"
    carried = values(row["carry"])
    for dimension in carried:
        if dimension not in BREAKDOWNS:
            yield f"carry: there is no dimension {dimension!r}; there are {', '.join(BREAKDOWNS)}"
    for column in ("input_where", "other_where"):
        for dimension, member in conditions(row[column]).items():
            listed = codelist_of(folders, dimension) if dimension in BREAKDOWNS else None
            if listed is None:
                yield f"{column}: there is no dimension {dimension!r}; there are {', '.join(BREAKDOWNS)}"
            elif member not in listed:
                yield f"{column}: {member!r} is no code of {dimension}"
            if dimension in carried:
                yield f"{column}: {dimension} is carried as well; it is either one member or all"
    if not row["reason"]:
        yield "reason is empty; say after whom it is computed"


# -- the page docs/indicators.md ----------------------------------------------------------------------------------

_HEAD = """\
# Indicators

Made from `include/codelists/` by `migstats indicators --markdown -o docs/indicators.md`; a test compares.
`bi.dim_indicator` has all of it, with names and definitions in five languages; `bi.indicator_tag` has a row for each
tag, to filter by.

- **SDG** the series and indicator, where the measure is the same; in brackets the targets that it informs.
- **GCM** objectives of the Global Compact for Safe, Orderly and Regular Migration.
- **Broken down by** the dimensions that SDG 17.18.1, the metadata of the SDG indicator, the UN recommendations or
  objective 1 of the Compact ask for. How far figures have them is the score of disaggregation.
- **Put together over** areas, counterpart areas, time and other breakdowns: *sum*; *mean:X*, the mean weighted by
  indicator X; *–* not at all. What is no sum over anything has no `value` (an average in dollars, a share). What is one
  over sexes, ages or origins, and not over areas, has a `value` for the sum within one area: over several areas
  `SUM(value)` is no sensible number of it. Column `aggregation_area` of `bi.dim_indicator` tells which these are.
- **Sources** those that are declared, the upload forms ([docs/forms.md](forms.md)) that ask for it, and migstats where
  it is derived.
"""

_DERIVED = """\
## Derived indicators

`migstats` computes these from figures that are published: from the preferred one of each cell, which may be passed
on, and which disclosure control has passed. Such a figure has source `migstats`, dataset `derived` and method
`derived`; `bi.derivation` names its inputs, and `migstats trace` its formula and its inputs, each with its own id to
trace. Where a publisher has the same figure, theirs goes before ours. They are never in `SUM(value)`.

- Only of countries and territories; of groups as published, since publishers mean different members.
- Only where both inputs are there, in the unit of their indicator, of one frequency, and of the dates that go together.
  Of several totals under different bases (by birth, by citizenship) that of the preferred source is the second input.
- All dimensions that are not carried or asked for are totals in both inputs.
- **No figure, and why**: an input that is suppressed gives status `Q`, whatever the other one is; an input that is
  missing passes its own status and reason on; nought below the line (or in a growth) and inputs of different concept
  bases give `M`, with the reason in `note`. Nothing is ever taken for nought.
- **Status of a figure**: forecast `F` if an input is one, else estimated or imputed `E`, unreliable `U`, provisional
  `P`, break `B`, definition differs `D`; else `A`.
- A growth is since the last figure before it of the same source in the same cell; missing ones are passed over.
- `vintage` is the younger one of the inputs; `release` is empty.
- A formula that is changed takes effect when a source of one of its inputs is published next.

Not derived: the cost of remittances by corridor, which the SDG database publishes (`REMIT_COST_CORRIDOR`), and from
whose corridors no mean is made here; recruitment cost of persons, which only surveys have.
"""


def page(folders: Folders, sources: Mapping[str, Sequence[str]], forms: Mapping[str, Sequence[str]]) -> str:
    """docs/indicators.md; `sources` is indicator → ids of the sources that give it, `forms` those of upload forms."""
    derived = {row["indicator"] for row in read_codelist(folders, "derived_indicator").rows.values()}
    indicators, catalogue = read_codelist(folders, "indicator"), read_codelist(folders, "indicator_catalogue")
    parts = [_HEAD]
    for sector, named in read_codelist(folders, "sector").rows.items():
        parts.append(f"## {named['name_en']}\n\n{named['description']}\n")
        for code, row in indicators.rows.items():
            entry = catalogue.rows.get(code)
            if entry is not None and entry["sector"] == sector:
                ways = [*sources.get(code, ()), *(f"form {form}" for form in forms.get(code, ()))]
                parts.append("\n".join(_entry(code, row, entry, ways + ["migstats"] * (code in derived))))
    parts += [_DERIVED, "\n".join(_formulas(read_codelist(folders, "derived_indicator")))]
    return "\n".join(parts)


def _entry(code: str, row: Mapping[str, str], entry: Mapping[str, str], sources: Sequence[str]) -> Iterator[str]:
    sdg = "none" if row["sdg_series"] == "none" else f"{row['sdg_series']}, {row['sdg_indicator']}"
    point = f", {entry['reference_point']}" if entry["reference_point"] not in ("", "period") else ""
    basis = f", by {entry['concept_basis']}" if entry["concept_basis"] else ""
    over = "; ".join(
        f"{column.removeprefix('aggregation_')} {entry[column].replace('none', '–')}" for column in AGGREGATIONS
    )
    yield f"### {code}\n"
    yield f"**{row['name_en']}** ({row['unit']}, {row['stock_or_flow']}{point}{basis}). {row['definition']}\n"
    targets = ", ".join(values(entry["sdg_target"])) or "no target"
    yield f"- SDG: {sdg} ({targets}). GCM: {_told(entry['gcm_objective'])}"
    yield f"- Concept: {entry['concept']}. Owner: {row['owner']}"
    yield f"- Broken down by: {_told(entry['required_breakdowns'])}. Put together over: {over}"
    yield f"- Sources: {', '.join(sources) or 'none'}. Topic: `bi.{row['topic']}`"
    if row["note"]:
        yield f"- {row['note']}"
    yield ""


def _told(cell: str) -> str:
    return ", ".join(values(cell)) or "none"


def _formulas(formulas: Codelist) -> Iterator[str]:
    for code, row in formulas.rows.items():
        yield f"- **{code}** {row['indicator']} = {formula(row)}"
        yield f"  - {PERIODS[row['period']]}; {BASES[row['basis']]}; carried: {_told(row['carry'])}"
        yield f"  - {row['reason']}"
    yield ""


def formula(row: Mapping[str, object]) -> str:
    """The formula of a row of derived_indicator, as people write it."""
    inputs = {
        name: f"{row[name]}" + "".join(f" [{d} {m}]" for d, m in conditions(str(row[f"{name}_where"])).items())
        for name in ("input", "other")
    }
    multiplier = f"{float(str(row['multiplier'])):,g}"
    return KINDS[str(row["kind"])].format(multiplier=multiplier, **inputs).removeprefix("1 × ")
