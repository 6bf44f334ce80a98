"""Checks of declarations: everything that can be known wrong before a byte is fetched."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from migstats import awaited, indicators, settings
from migstats.codelists import Folders, codelist_of, names_of, read_codelist, read_csv
from migstats.corrections import Correction, read_corrections
from migstats.dashboards import read_dashboards
from migstats.errors import DeclarationError
from migstats.forms import read_forms
from migstats.harmonise import Codes, read_codes
from migstats.layout import Declared
from migstats.observation import SERIES_DIMENSIONS, period_bounds
from migstats.readers import VALUE
from migstats.rules import read_golden, read_rules
from migstats.source import Column, Dataset, Source, Years, codelist_folders, folder_of, plan, read_sources
from migstats.subdivisions import Subdivisions
from migstats.uploads import contract_checks
from migstats.validate import read_suites


def source_schema() -> str:
    """The JSON Schema of source.yaml as text."""
    return _as_schema(Source)


def _as_schema(model: type[Declared]) -> str:
    schema = model.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def awaited_schema() -> str:
    """The JSON Schema of include/awaited.yaml as text."""
    return _as_schema(awaited.AwaitedList)


def findings(further: Iterable[Path] = (), *, today: dt.date) -> tuple[list[str], str]:
    """What is wrong with the declarations, one line each, and a summary of what was looked at.

    A correction that has expired by `today` is a finding: it would stop the next run.
    """
    further = tuple(further)
    try:
        sources = read_sources(further)
    except DeclarationError as error:
        return str(error).splitlines(), ""
    lists = codelist_folders(further)
    found = list(_of_codelists(lists)) or indicators.findings(lists)
    if found:
        return found, ""
    for source in sources.values():
        folder = folder_of(source.id, further)
        found += _of_source(source, folder, lists, today)
        found += _of_gate(source, folder, lists)
    try:
        suites = read_suites(settings.expectations())
    except DeclarationError as error:
        found += str(error).splitlines()
        suites = {}
    try:
        listed = awaited.read_awaited()
    except DeclarationError as error:
        found += str(error).splitlines()
        listed = ()
    found += awaited.findings(listed, sources, read_codelist(lists, "area"), read_codelist(lists, "indicator"))
    try:
        read_dashboards()
    except DeclarationError as error:
        found += str(error).splitlines()
    forms, wrong = contract_checks.findings(lists)
    found += wrong
    datasets = sum(len(s.datasets) for s in sources.values())
    rules = sum(len(s.rules) for s in suites.values())
    return (
        found,
        f"{len(sources)} sources with {datasets} datasets, {len(listed)} awaited without an interface, "
        f"{len(suites)} suites with {rules} rules, {forms} upload forms: no finding",
    )


def _of_codelists(lists: tuple[Path, ...]) -> Iterator[str]:
    """What is wrong with the codes that private sources bring."""
    known = names_of(lists)
    for file in sorted(file for folder in lists[1:] for file in folder.rglob("*.csv")):
        if file.stem not in known:
            yield f"{file}: there is no codelist {file.stem!r}; the lists are {', '.join(known)}"
            continue
        try:
            codelist = read_codelist(lists, file.stem)
            for row in read_csv(file) if file.parent.name != "names" else ():
                for wrong in _of_code(codelist.name, row, lists):
                    yield f"{file}: code {row['code']!r}: {wrong}"
        except DeclarationError as error:
            yield str(error)


def _of_code(name: str, row: Mapping[str, str], lists: tuple[Path, ...]) -> Iterator[str]:
    empty = [column for column in _NEEDED.get(name, ("name_en",)) if not row[column]]
    if empty:
        yield f"{', '.join(empty)} is empty"
    if name == "subdivision":
        try:
            Subdivisions.read(lists)
        except DeclarationError as error:
            yield str(error)
    if name == "indicator":
        if row["unit"] not in read_codelist(lists, "unit"):
            yield f"unit {row['unit']!r} is no code of codelist unit"
        if row["stock_or_flow"] not in ("stock", "flow"):
            yield f"stock_or_flow {row['stock_or_flow']!r} is neither stock nor flow"
        try:
            low, high = (float(row[bound] or "nan") for bound in ("min_value", "max_value"))
        except ValueError as error:
            yield f"min_value or max_value: {error}"
        else:
            if low > high:
                yield f"min_value {row['min_value']} is above max_value {row['max_value']}"


#: Columns that the warehouse needs; of all other lists, the English name.
_NEEDED = {
    "indicator": ("name_en", "definition", "unit", "stock_or_flow", "sdg_series", "owner", "topic"),
    "area": ("name_en", "kind"),
    "obs_status": ("name_en", "has_value"),
    "source_preference": ("sources", "reason"),
    "area_group": ("group_area", "member", "expected", "whole"),
    "area_part": ("whole", "part"),
    "age_scheme": ("scheme", "age"),
    "indicator_catalogue": ("sdg_target", "gcm_objective", "sector", "concept", "required_breakdowns"),
    "indicator_definition": ("code",),
    "derived_indicator": ("indicator", "kind", "multiplier", "input", "other", "period", "basis", "reason"),
}


def _of_source(source: Source, folder: Path, concepts: tuple[Path, ...], today: dt.date) -> Iterator[str]:
    try:
        codes = read_codes(folder, concepts)
        forms = read_forms(folder, source)
        corrections = read_corrections(folder)
        plan(source, today=max([today, *(dt.date(year, 12, 31) for year in _first_years(source))]))
    except DeclarationError as error:
        yield from str(error).splitlines()
        return
    datasets = (*source.datasets, *forms)
    mapped = [(d.id, n, c) for d in datasets for n, c in d.concepts.items() if isinstance(c, Column)]
    known = {(dataset_id, unit.column, concept) for dataset_id, concept, column in mapped for unit in column.chain}
    known |= {(d.id, VALUE, n) for d in datasets for n in ("obs_status", "conf_status", "missing_reason")}
    # a flag of the figure may say that it is confidential, beside a column of its own for that, and be put into words
    flagged = [(d.id, d.concepts.get("obs_status")) for d in datasets]
    known |= {(i, flag.column, c) for i, flag in flagged if isinstance(flag, Column) for c in ("conf_status", "note")}
    for dataset_id, column, concept in codes.rows:
        used = [d for d in datasets if dataset_id in ("*", d.id)]
        if not used:
            yield f"{folder}/codes.csv: dataset {dataset_id!r} is not declared in source.yaml; mend the name"
        elif not any((d.id, column, concept) in known for d in used):
            yield (
                f"{folder}/codes.csv: column {column!r} is not mapped to {concept!r} in source.yaml; "
                "mend the name of the column or concept, or remove the lines"
            )
    for correction in corrections:
        for finding in _of_correction(correction, source, concepts, today):
            yield f"{folder}/corrections.csv: {correction.id}: {finding}"
    for dataset in source.datasets:
        for finding in _of_dataset(dataset, codes, concepts):
            yield f"{folder}/source.yaml: dataset {dataset.id}: {finding}"
    for form in forms:
        for finding in _of_dataset(form, codes, concepts):
            yield f"{folder}/forms.yaml: {form.id}: {finding}"


def _of_gate(source: Source, folder: Path, concepts: Folders) -> Iterator[str]:
    """What is wrong with gate.yaml and golden.csv: a code that no figure has would never be compared with one."""
    try:
        policy = read_rules(folder).self_corridors
    except DeclarationError as error:
        yield from str(error).splitlines()
    else:
        catalogue = read_codelist(concepts, "indicator")
        for code in () if policy is None else policy.indicators:
            if code not in catalogue:
                yield (
                    f"{folder}/gate.yaml: line {_line_of(folder / 'gate.yaml', code)}: self_corridors.indicators: "
                    f"{code!r} is no code of codelist indicator; mend the code"
                )
    try:
        golden = read_golden(folder)
    except DeclarationError as error:
        yield from str(error).splitlines()
        return
    rows = read_csv(folder / "golden.csv") if golden else []
    for number, row in enumerate(rows, start=2):
        for finding in _of_golden(row, source, concepts):
            yield f"{folder}/golden.csv: line {number}: {finding}"


def _line_of(path: Path, word: str) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, start=1) if word in line), 1)


def _of_golden(row: Mapping[str, str], source: Source, concepts: Folders) -> Iterator[str]:
    if row["dataset"] not in [d.id for d in source.datasets]:
        yield f"dataset: {row['dataset']!r} is not declared in source.yaml; mend the name"
    releases = [r.id for r in source.releases] or [""]
    if row["release"] not in releases:
        yield f"release: {row['release']!r} is not declared in source.yaml, there are {releases}; mend the release"
    for concept in (*SERIES_DIMENSIONS, "obs_status"):
        codelist, code = codelist_of(concepts, concept), row.get(concept, "")
        if code and codelist is not None and code not in codelist:
            yield f"{concept}: {code!r} is no code of codelist {codelist.name}; mend the code"
    try:
        period_bounds(row["time_period"])
    except ValueError as error:
        yield f"time_period: {error}; mend the period"


def _first_years(source: Source) -> Iterator[int]:
    """The years in which the open runs of years begin to have slices; one may lie ahead."""
    for dataset in source.datasets:
        for axis in dataset.slices.values():
            if isinstance(axis, Years) and axis.end is None:
                yield axis.start + axis.lag


def _of_correction(correction: Correction, source: Source, concepts: Folders, today: dt.date) -> Iterator[str]:
    if correction.expires < today:
        yield f"expired on {correction.expires}; look at the figure again, then give it a later date or remove it"
    if correction.dataset not in [d.id for d in source.datasets]:
        yield f"dataset {correction.dataset!r} is not declared in source.yaml; mend the name"
    releases = [release.id for release in source.releases]
    if correction.release and correction.release not in releases:
        yield f"release {correction.release!r} is not declared in source.yaml, there are {releases}; mend the release"
    for concept, code in correction.key:
        codelist = codelist_of(concepts, concept)
        if codelist is not None and code not in codelist:
            yield f"{concept}: {code!r} is no code of codelist {codelist.name}; mend the code"


def _of_subdivision(how: Column, concepts: Folders) -> Iterator[str]:
    """What is wrong with the columns that say the unit; a unit that nothing knows is loaded under the one above."""
    units = Subdivisions.read(concepts)
    for unit in how.chain:
        if unit.scheme is not None:
            try:
                units.require(unit.scheme)
            except DeclarationError as error:
                yield f"subdivision: column {unit.column!r}: {error}; mend the scheme"
        if unit.blank is not None and unit.blank not in units.rows:
            yield f"subdivision: blank {unit.blank!r} is no code of codelist subdivision"


def _of_dataset(dataset: Dataset, codes: Codes, concepts: Folders) -> Iterator[str]:
    catalogue = read_codelist(concepts, "indicator")
    for concept, how in dataset.concepts.items():
        codelist = codelist_of(concepts, concept)
        if isinstance(how, str):
            if codelist is not None and how not in codelist:
                yield f"{concept}: {how!r} is no code of codelist {codelist.name}"
            continue
        if concept == "subdivision":
            yield from _of_subdivision(how, concepts)
            continue
        if how.scheme is None and codelist is not None and concept not in ("obs_status", "conf_status"):
            treatments = {treatment for _, treatment in codes.of(dataset.id, how.column, concept).values()}
            if "map" not in treatments:
                yield (
                    f"{concept}: column {how.column!r} has no scheme, and codes.csv maps none of its codes: every row "
                    f"would go to quarantine; give it `scheme: code` where the codes are ours, the scheme of codelist "
                    f"{codelist.name} in which they stand, or lines in codes.csv"
                )
        if how.scheme is not None and codelist is not None:
            try:
                codelist.resolver(how.scheme)
            except DeclarationError as error:
                yield f"{concept}: {error}"
        if how.blank is not None and codelist is not None and how.blank not in codelist:
            yield f"{concept}: blank {how.blank!r} is no code of codelist {codelist.name}"
    indicator, unit = dataset.concepts["indicator"], dataset.concepts["unit"]
    if isinstance(indicator, str) and indicator in catalogue:
        row = catalogue.rows[indicator]
        if isinstance(unit, str) and row["unit"] != unit:
            yield f"unit {unit!r}, but indicator {indicator} is in {row['unit']!r}"
        if row["stock_or_flow"] != dataset.stock_or_flow:
            yield f"stock_or_flow {dataset.stock_or_flow!r}, but indicator {indicator} is a {row['stock_or_flow']}"
