"""Declarations of the sources whose figures countries send: one source per country, one dataset per form.

They are made from the contracts, and lie in `include/uploads/<id>/` like those of any source, so that what follows
(harmonise, check, gate, load, publish, rebuild, lineage) knows no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from migstats import settings
from migstats.codelists import read_codelist
from migstats.observation import DEFAULTS
from migstats.uploads.contract import Form, forms

#: Columns of the canonical table beside the dimensions; `value` is a number, or a marker such as `O:not_available`.
KEY: Final = ("ref_area", "time_period", "indicator", "unit")
DIMENSIONS: Final = tuple(name for name in DEFAULTS if name != "freq")
#: Attributes that a contract may say of its figures.
ATTRIBUTES: Final = ("concept_basis", "nature", "residence_criterion")
FIGURE: Final = ("value", "obs_status", "note")
#: Where a figure stands in the workbook, and what the workbook calls its unit: no part of what the figure says.
WHERE: Final = ("subdivision_name", "sheet", "cell")
HEADER: Final = (*KEY, *DIMENSIONS, *ATTRIBUTES, *FIGURE, *WHERE)

#: Statuses that may stand beside a figure (SDMX CL_OBS_STATUS).
STATUSES: Final = ("A", "B", "D", "E", "F", "P", "U", "W")

#: Stands for an indicator in the table of a submission that was taken back.
WITHDRAWN: Final = "_withdrawn"

#: Markers of figures that are not there -> status, reason, confidentiality.
MARKERS: Final[Mapping[str, tuple[str, str, str]]] = {
    "O:not_available": ("O", "not_available", ""),
    "L:not_collected": ("L", "not_collected", ""),
    "M:not_applicable": ("M", "not_applicable", ""),
    "Q:suppressed": ("Q", "suppressed", "C"),
}

_HEAD: Final = """\
# Made from the contracts in include/templates by `migstats forms --declare`; mend those, not this file.
id: {id}
title: Figures that {name} sends
publisher: National authorities of {name}
homepage: docs/uploads.md
description: >-
  Workbooks that officials of {name} filled in for the upload forms, checked on arrival, confirmed by the official, and
  approved by a statistician, who is never the same person.
owner: migration statisticians
coverage: {{areas: {name}, first: "{first}"}}
licence:
  id: CC-BY-4.0
  url: https://creativecommons.org/licenses/by/4.0/
  redistribution: allowed
  note: Who confirms a submission agrees that its figures are published under these terms; the form says so.
citation: National authorities of {name}, figures submitted by upload form.
disclosure: {{policy: threshold, threshold: 5}}
delivery: sent
quarantine_bound: 0
datasets:
"""

_FIRST: Final = """\
    reader: &reader
      format: delimited
      figures: [value]
      attributes: [{where}]
    concepts: &concepts
      indicator: {{column: indicator, scheme: code}}
      unit: {{column: unit, scheme: code}}
      ref_area: {{column: ref_area, scheme: code}}
      time_period: {{column: time_period, period: sdmx}}
      obs_status: {{column: obs_status}}
      note: {{column: note}}
{dimensions}"""

_AGAIN: Final = """\
    reader: *reader
    concepts: *concepts
"""

_DATASET: Final = """\
  - id: {id}
    title: {title}
    url: "upload:{id}"
{how}    verified: payload
    stock_or_flow: {stock_or_flow}
    reference_point: {reference_point}
"""


def countries() -> tuple[str, ...]:
    """The countries that have upload forms: those of the programme (ISO 3166-1 alpha-3)."""
    areas = read_codelist(settings.include() / "codelists", "area")
    return tuple(code for code, row in areas.rows.items() if row["programme"])


def source_id(country: str) -> str:
    """The source of a country's uploads."""
    return f"upload_{country.lower()}"


def slice_id(form: str, year: int) -> str:
    """The slice of a source that a submission is."""
    return f"{form}/year={year}"


def declaration(country: str) -> str:
    """The text of source.yaml for a country (ISO 3166-1 alpha-3)."""
    return _HEAD.format(
        id=source_id(country),
        name=_name(country),
        first=min(form.first_year for form in forms().values()),
    ) + "\n".join(_dataset(form, first=number == 0) for number, form in enumerate(forms().values()))


def codes() -> str:
    """The text of codes.csv: what the markers of figures that are not there mean."""
    lines = ["dataset,column,code,concept,target,treatment,note"]
    for marker, (status, reason, confidential) in MARKERS.items():
        lines.append(f"*,_value,{marker},obs_status,{status},map,")
        lines.append(f"*,_value,{marker},missing_reason,{reason},map,")
        if confidential:
            lines.append(f"*,_value,{marker},conf_status,{confidential},map,")
    lines += [f"*,subdivision,{code},subdivision,{code},map," for code in ("_T", "_U")]
    lines.append(
        f"*,indicator,{WITHDRAWN},indicator,,ignore,A submission that was taken back: none of its figures stands"
    )
    lines += [f"*,obs_status,{status},obs_status,{status},map," for status in STATUSES]
    return "\n".join(lines) + "\n"


#: What the gate asks of every submission.
GATE: Final = """\
# Made by `migstats forms --declare`.
approval:
  owner: migration statisticians
  reason: What a country sends is published when a statistician, who is not the official that sent it, approves it.
"""


def files(country: str) -> dict[Path, str]:
    """The files of a country's source, by path."""
    folder = settings.include() / "uploads" / source_id(country)
    return {
        folder / "source.yaml": declaration(country),
        folder / "codes.csv": codes(),
        folder / "gate.yaml": GATE,
    }


def _dataset(form: Form, *, first: bool) -> str:
    coded = (*DIMENSIONS, *ATTRIBUTES)
    dimensions = "".join(f"      {name}: {{column: {name}, scheme: code}}\n" for name in coded)
    how = _FIRST.format(where=", ".join(WHERE), dimensions=dimensions) if first else _AGAIN
    return _DATASET.format(
        id=form.id,
        title=form.title.en,
        how=how,
        stock_or_flow=form.stock_or_flow,
        reference_point=f'"{form.reference_point}"' if "-" in form.reference_point else form.reference_point,
    )


def _name(country: str) -> str:
    return read_codelist(settings.include() / "codelists", "area").rows[country]["name_en"]
