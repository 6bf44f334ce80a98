"""What a submission says, once it is understood: its figures with their places, findings and counts; and its content.

The canonical table is what the pipeline reads. Its content is all of it but the places: a workbook that was saved again
in another order, language or format has the same content.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from migstats import settings
from migstats.codelists import read_codelist
from migstats.errors import DeclarationError
from migstats.uploads.contract import Form, Measure
from migstats.uploads.declaration import ATTRIBUTES, DIMENSIONS, HEADER, KEY, MARKERS, WHERE
from migstats.uploads.finding import Finding

#: Columns of the canonical table that are its content.
CONTENT: Final = tuple(name for name in HEADER if name not in WHERE)

_MARKER_OF: Final = {(status, reason): marker for marker, (status, reason, _) in MARKERS.items()}


@dataclass(frozen=True)
class Figures:
    """The figures of a submission, one entry of each sequence for each, in the order of the file."""

    #: Concept of a key column → codes.
    keys: Mapping[str, Sequence[str]]
    #: What the file calls the subdivision; empty where the form has none.
    subdivision_name: Sequence[str]
    measure: Sequence[str]
    indicator: Sequence[str]
    #: Exact decimal text, or None where a status stands in place of the figure.
    value: Sequence[str | None]
    obs_status: Sequence[str]
    conf_status: Sequence[str]
    missing_reason: Sequence[str]
    note: Sequence[str]
    sheet: Sequence[str]
    #: Address such as C14, and the text of that cell.
    cell: Sequence[str]
    raw: Sequence[str]

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True)
class Total:
    """What was understood of one measure."""

    measure: str
    #: How many figures there are, and how many cells with a status in place of one.
    figures: int
    without: int
    #: The figure of the row whose keys are all totals; None where there is none.
    total: str | None
    #: Sum of the whole column, totals and their parts alike, as a spreadsheet shows it: to see that no row is missing.
    column: str


@dataclass(frozen=True)
class Preview:
    """What the official is shown to confirm."""

    sheet: str = ""
    header_row: int = 0
    #: Language of the headers; empty where they are of none alone.
    language: str = ""
    #: Column id of the form → letter and header, such as `C · Sexe`.
    columns: Mapping[str, str] = field(default_factory=dict)
    #: The first rows: column id → what it was understood as.
    first: Sequence[Mapping[str, str]] = ()
    totals: Sequence[Total] = ()
    #: The marks that numbers were read with.
    decimal: str = ""
    group: Sequence[str] = ()


@dataclass(frozen=True)
class Understood:
    """A submission as it was understood."""

    form: Form
    country: str
    period: str
    figures: Figures
    #: In sheet and cell order.
    findings: Sequence[Finding]
    #: Cells of the table: rows below the header times columns of figures.
    cells: int
    #: Cells whose figure cannot be used; each is told by a finding.
    refused: int
    #: Reason → cells that hold no figure of their own: blank, header_or_note, identical_duplicate, declared_ignored.
    explained: Mapping[str, int]
    preview: Preview

    @property
    def balanced(self) -> bool:
        """Whether every cell of the table is accounted for."""
        return self.cells == len(self.figures) + self.refused + sum(self.explained.values())


def nothing(form: Form, country: str, year: int, findings: Sequence[Finding]) -> Understood:
    """A file of which nothing can be used."""
    none: Mapping[str, Sequence[str]] = {key.concept: () for key in form.keys}
    figures = Figures(none, (), (), (), (), (), (), (), (), (), (), ())
    return Understood(form, country, str(year), figures, findings, 0, 0, {}, Preview())


def unit_of(form: Form, measure: Measure) -> str:
    """The unit of a measure (codelist unit): that of its indicator, unless the contract has another."""
    declared = form.constants_of(measure).get("unit")
    row = read_codelist(settings.include() / "codelists", "indicator").rows.get(measure.indicator, {})
    if not declared and not row:
        raise DeclarationError(f"form {form.id}: {measure.id}: {measure.indicator!r} is no indicator of the codelist")
    return declared or row["unit"]


def _rows(understood: Understood) -> Iterator[tuple[str, ...]]:
    form, figures = understood.form, understood.figures
    constants = {measure.id: form.constants_of(measure) for measure in form.measures}
    units = {measure.id: unit_of(form, measure) for measure in form.measures}
    for at in range(len(figures)):
        measure = figures.measure[at]
        codes = {**constants[measure], **{concept: column[at] for concept, column in figures.keys.items()}}
        value = figures.value[at]
        status = figures.obs_status[at]
        yield (
            understood.country,
            understood.period,
            figures.indicator[at],
            units[measure],
            *(codes[name] for name in DIMENSIONS),
            *(codes.get(name, "") for name in ATTRIBUTES),
            _MARKER_OF[status, figures.missing_reason[at]] if value is None else value,
            "" if value is None else status,
            " ".join(figures.note[at].split()),
            figures.subdivision_name[at],
            figures.sheet[at],
            figures.cell[at],
        )


def _table(header: Sequence[str], rows: Sequence[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def canonical(understood: Understood) -> bytes:
    """The figures as CSV (UTF-8, columns `declaration.HEADER`), sorted by what they are about."""
    return _table(HEADER, sorted(_rows(understood)))


def content_sha256(understood: Understood) -> str:
    """Hash of what the figures say: the canonical table without the places."""
    return hashlib.sha256(_table(CONTENT, sorted(row[: len(CONTENT)] for row in _rows(understood)))).hexdigest()


def keys_of(canonical_table: bytes) -> frozenset[tuple[str, ...]]:
    """What the figures of a canonical table are about: the codes of KEY and the dimensions."""
    rows = csv.reader(io.StringIO(canonical_table.decode(), newline=""))
    next(rows, None)
    return frozenset(tuple(row[: len(KEY) + len(DIMENSIONS)]) for row in rows)
