"""Hold the codes of a source against the publisher's own codelists: which resolve, which do not, which are gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from migstats.codelists import Folders
from migstats.errors import DeclarationError
from migstats.harmonise import Codes, meaning
from migstats.readers.sdmx_structure import PublishedCodes, PublishedStructure, Structures
from migstats.source import Column, Dataset, Source


@dataclass(frozen=True)
class Held:
    """One column of a dataset beside the publisher's codelist for it, None where the messages have none."""

    dataset: str
    concept: str
    column: str
    codelist: str | None
    #: The publisher's code → our code.
    resolved: Mapping[str, str] = field(default_factory=dict)
    #: Codes that codes.csv says to leave aside, or that nobody can map.
    left: Mapping[str, str] = field(default_factory=dict)
    #: The publisher's code, which nothing of ours knows → what the publisher calls it.
    unresolved: Mapping[str, str] = field(default_factory=dict)
    #: Codes that we declare by name and the publisher's whole codelist does not have.
    gone: tuple[str, ...] = ()


def merged(messages: Sequence[Structures]) -> Structures:
    """What several messages say together."""
    constrained: dict[str, frozenset[str]] = {}
    for message in messages:
        for name, codes in (message.constrained or {}).items():
            constrained[name] = constrained.get(name, frozenset()) | codes
    return Structures(
        tuple(codelist for message in messages for codelist in message.codelists),
        tuple(structure for message in messages for structure in message.structures),
        constrained,
    )


def held(
    source: Source,
    codes: Codes,
    concepts: Folders,
    published: Structures,
    *,
    named: Mapping[str, str] | None = None,
    datasets: Sequence[str] = (),
) -> list[Held]:
    """Each coded column of the datasets of a source beside its codelist.

    `named` is column → id of its codelist, for messages without a data structure definition; else a column's codelist
    is that of the definition which has most of the dataset's columns, or the one called CL_<column> or <column>.
    Where a constraint says which codes there are figures of, the others are not looked for.
    DeclarationError: `named` names a codelist that no message has, or a column that no dataset has.
    """
    chosen = [d for d in source.datasets if not datasets or d.id in datasets]
    wanted = dict(named or {})
    ids = {codelist.reference.id for codelist in published.codelists}
    unknown = {name for name in wanted.values() if name not in ids}
    if unknown:
        raise DeclarationError(f"no codelist {sorted(unknown)} is in the files; they have {', '.join(sorted(ids))}")
    columns = {how.column for d in chosen for how in d.concepts.values() if isinstance(how, Column)}
    if not set(wanted) <= columns:
        raise DeclarationError(
            f"{sorted(set(wanted) - columns)} is no column that source {source.id} maps; they are "
            f"{', '.join(sorted(columns))}"
        )
    return [one for dataset in chosen for one in _of_dataset(dataset, codes, concepts, published, wanted)]


def _of_dataset(
    dataset: Dataset, codes: Codes, concepts: Folders, published: Structures, named: Mapping[str, str]
) -> Iterator[Held]:
    coded = {c: how for c, how in dataset.concepts.items() if isinstance(how, Column) and c != "time_period"}
    structure = _structure_of(published, {how.column for how in coded.values()})
    for concept, how in coded.items():
        codelist = _codelist_of(how.column, published, structure, named)
        if codelist is None or not codelist.codes:
            yield Held(dataset.id, concept, how.column, str(codelist.reference) if codelist else None)
            continue
        constrained = _without_case(published.constrained or {}).get(how.column.casefold())
        only = set(dataset.only.get(how.column, ()))
        asked = {
            code: name
            for code, name in codelist.codes.items()
            if (constrained is None or code in constrained) and (not only or code in only)
        }
        of = meaning(concept, how, dataset, codes, concepts)
        became = {code: of(code) for code in asked}
        declared = set(codes.of(dataset.id, how.column, concept)) | only
        yield Held(
            dataset.id,
            concept,
            how.column,
            str(codelist.reference),
            resolved={code: target for code, (treatment, target) in became.items() if treatment == "map"},
            left={code: treatment for code, (treatment, _) in became.items() if treatment in ("ignore", "unknown")},
            unresolved={code: asked[code] for code, (treatment, _) in became.items() if treatment == "unresolved"},
            gone=() if codelist.partial else tuple(sorted(declared - set(codelist.codes))),
        )


def _without_case(of: Mapping[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    return {name.casefold(): codes for name, codes in of.items()}


def _structure_of(published: Structures, columns: set[str]) -> PublishedStructure | None:
    """The definition that has most of these columns."""
    wanted = {column.casefold() for column in columns}

    def alike(structure: PublishedStructure) -> int:
        return len(wanted & {name.casefold() for name in structure.components})

    return max((s for s in published.structures if alike(s)), key=alike, default=None)


def _codelist_of(
    column: str, published: Structures, structure: PublishedStructure | None, named: Mapping[str, str]
) -> PublishedCodes | None:
    if column in named:
        return next(codelist for codelist in published.codelists if codelist.reference.id == named[column])
    if structure is not None:
        components = {name.casefold(): codelist for name, codelist in structure.components.items()}
        reference = components.get(column.casefold())
        if reference is not None:
            return published.codelist(reference)
    usual = (f"cl_{column}".casefold(), column.casefold())
    return next((c for c in published.codelists if c.reference.id.casefold() in usual), None)
