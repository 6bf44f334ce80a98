"""Our data structure definition: concepts, codelists and dataflows, as one SDMX-ML 3.0 structure message."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from migstats.codelists import Folders, codelist_of
from migstats.exports.selection import LANGUAGES, Column, columns

AGENCY: Final = "MIGSTATS"
VERSION: Final = "1.0"
DSD: Final = f"{AGENCY}:DSD_MIGRATION({VERSION})"
CONCEPTS: Final = f"{AGENCY}:CS_MIGRATION({VERSION})"
SCHEMAS: Final = "http://www.sdmx.org/resources/sdmxml/schemas"

#: Codelist → code → its row.
Lists = Mapping[str, Mapping[str, Mapping[str, str]]]

_MODEL: Final = "urn:sdmx:org.sdmx.infomodel"
_CODE: Final = re.compile(r"[A-Za-z0-9_@$\-]+")
_TITLE: Final = {
    "en": "Migration statistics",
    "fr": "Statistiques des migrations",
    "es": "Estadísticas de migración",
    "ar": "إحصاءات الهجرة",
    "ru": "Статистика миграции",
}
#: What SDMX calls our types.
_TEXT_TYPES: Final = {
    "text": "String",
    "number": "Double",
    "integer": "Integer",
    "boolean": "Boolean",
    "date": "String",
}


def dataflow(topic: str) -> str:
    """The dataflow of a topic, as a short reference."""
    return f"{AGENCY}:{topic.upper()}({VERSION})"


def dataflow_urn(topic: str) -> str:
    """The dataflow of a topic, as SDMX-ML refers to it."""
    return f"{_MODEL}.datastructure.Dataflow={dataflow(topic)}"


def components() -> tuple[Column, ...]:
    """The columns as components: dimensions, the period, the measure, attributes."""
    return columns()


def header(identifier: str, stamp: dt.datetime) -> str:
    """The beginning of a message of ours."""
    return (
        f"<mes:Header><mes:ID>{identifier}</mes:ID><mes:Test>false</mes:Test>"
        f"<mes:Prepared>{stamp:%Y-%m-%dT%H:%M:%SZ}</mes:Prepared>"
        f'<mes:Sender id="{AGENCY}"/>'
    )


def write(folder: Path, concepts: Folders, topics: Mapping[str, Mapping[str, str]], stamp: dt.datetime) -> Path:
    """`structure.xml`: the dataflows of `topics` (with their names by language), and all that they refer to."""
    path = folder / "structure.xml"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n')
        file.write(
            f'<mes:Structure xmlns:mes="{SCHEMAS}/v3_0/message" xmlns:str="{SCHEMAS}/v3_0/structure" '
            f'xmlns:com="{SCHEMAS}/v3_0/common">\n'
        )
        file.write(header("MIGSTATS_STRUCTURE", stamp) + "</mes:Header>\n<mes:Structures>\n")
        for line in _structures(concepts, topics):
            file.write(line + "\n")
        file.write("</mes:Structures>\n</mes:Structure>\n")
    return path


def _structures(concepts: Folders, topics: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    yield "<str:AgencySchemes>"
    yield (
        f'<str:AgencyScheme urn="{_MODEL}.base.AgencyScheme=SDMX:AGENCIES(1.0)" isExternalReference="false" '
        f'agencyID="SDMX" id="AGENCIES">{_names({"en": "Agencies"})}'
    )
    yield (
        f'<str:Agency urn="{_MODEL}.base.Agency=SDMX:AGENCIES(1.0).{AGENCY}" id="{AGENCY}">'
        f"{_names({'en': 'migstats'})}</str:Agency>"
    )
    yield "</str:AgencyScheme>"
    yield "</str:AgencySchemes>"
    found = lists(concepts)
    yield "<str:Codelists>"
    for name, codes in found.items():
        if not _is_values(codes):
            yield from _list("Codelist", "Code", list_id(name, codes), name, codes)
    yield "</str:Codelists>"
    yield "<str:ConceptSchemes>"
    yield from _maintained("ConceptScheme", "conceptscheme", CONCEPTS, _TITLE)
    for column in components():
        yield f'<str:Concept urn="{_concept(column)}" id="{column.sdmx}">{_names(column.names)}</str:Concept>'
    yield "</str:ConceptScheme>"
    yield "</str:ConceptSchemes>"
    yield "<str:Dataflows>"
    for topic, names in sorted(topics.items()):
        yield from _maintained("Dataflow", "datastructure", dataflow(topic), names)
        yield f"<str:Structure>{_MODEL}.datastructure.DataStructure={DSD}</str:Structure>"
        yield "</str:Dataflow>"
    yield "</str:Dataflows>"
    yield "<str:DataStructures>"
    yield from _definition(found)
    yield "</str:DataStructures>"
    values = {name: codes for name, codes in found.items() if _is_values(codes)}
    if values:
        yield "<str:ValueLists>"
        for name, codes in values.items():
            yield from _list("ValueList", "ValueItem", list_id(name, codes), name, codes)
        yield "</str:ValueLists>"


def _definition(found: Lists) -> Iterator[str]:
    yield from _maintained("DataStructure", "datastructure", DSD, _TITLE)
    yield "<str:DataStructureComponents>"
    described = f"{_MODEL}.datastructure"
    yield _opened("Dimension")
    dimensions = [c for c in components() if c.role == "dimension"]
    for position, column in enumerate(dimensions, start=1):
        yield (
            f'<str:Dimension urn="{described}.Dimension={DSD}.{column.sdmx}" id="{column.sdmx}" position="{position}">'
            f"{_identity(column)}{_represented(column, found)}</str:Dimension>"
        )
    for column in (c for c in components() if c.role == "time"):
        yield (
            f'<str:TimeDimension urn="{described}.TimeDimension={DSD}.{column.sdmx}" id="{column.sdmx}">'
            f"{_identity(column)}<str:LocalRepresentation>"
            '<str:TextFormat textType="ObservationalTimePeriod"/></str:LocalRepresentation></str:TimeDimension>'
        )
    yield "</str:DimensionList>"
    yield _opened("Attribute")
    for column in (c for c in components() if c.role in ("attribute", "optional")):
        usage = "mandatory" if column.role == "attribute" else "optional"
        yield (
            f'<str:Attribute urn="{described}.DataAttribute={DSD}.{column.sdmx}" id="{column.sdmx}" usage="{usage}">'
            f"{_identity(column)}{_represented(column, found)}"
            "<str:AttributeRelationship><str:Observation/></str:AttributeRelationship></str:Attribute>"
        )
    yield "</str:AttributeList>"
    yield _opened("Measure")
    for column in (c for c in components() if c.role == "measure"):
        yield (
            f'<str:Measure urn="{described}.Measure={DSD}.{column.sdmx}" id="{column.sdmx}" usage="optional">'
            f"{_identity(column)}{_represented(column, found)}</str:Measure>"
        )
    yield "</str:MeasureList>"
    yield "</str:DataStructureComponents>"
    yield "</str:DataStructure>"


def _opened(kind: str) -> str:
    urn = f"{_MODEL}.datastructure.{kind}Descriptor={DSD}.{kind}Descriptor"
    return f'<str:{kind}List urn="{urn}" id="{kind}Descriptor">'


def lists(concepts: Folders) -> Lists:
    """The codelists of the components: name → code → its row."""
    found = {}
    for name in sorted({column.codelist for column in components() if column.codelist}):
        listed = codelist_of(concepts, name)
        assert listed is not None, name
        found[name] = listed.rows
    return found


def _is_values(codes: Mapping[str, object]) -> bool:
    """Whether some of the codes are none that SDMX allows in a codelist (`birth+imputed`)."""
    return not all(map(_CODE.fullmatch, codes))


def list_id(name: str, codes: Mapping[str, object]) -> str:
    """The id of one of our lists in SDMX."""
    return f"{'VL' if _is_values(codes) else 'CL'}_{name.upper()}"


def _list(kind: str, item: str, identifier: str, name: str, codes: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    names = next((c.names for c in components() if c.codelist == name), {"en": name})
    yield from _maintained(kind, "codelist", f"{AGENCY}:{identifier}({VERSION})", names)
    for code, row in codes.items():
        called = {language: row.get(f"name_{language}", "") for language in LANGUAGES}
        urn = f' urn="{_MODEL}.codelist.Code={AGENCY}:{identifier}({VERSION}).{code}"' if item == "Code" else ""
        yield f"<str:{item}{urn} id={quoteattr(code)}>{_names(called) or _names({'en': code})}</str:{item}>"
    yield f"</str:{kind}>"


def _maintained(kind: str, package: str, reference: str, names: Mapping[str, str]) -> Iterator[str]:
    agency, rest = reference.split(":", 1)
    identifier, version = rest.removesuffix(")").split("(")
    yield (
        f'<str:{kind} urn="{_MODEL}.{package}.{kind}={reference}" isExternalReference="false" agencyID="{agency}" '
        f'id="{identifier}" version="{version}">{_names(names)}'
    )


def _names(names: Mapping[str, str]) -> str:
    return "".join(
        f'<com:Name xml:lang="{language}">{escape(text)}</com:Name>' for language, text in names.items() if text
    )


def _concept(column: Column) -> str:
    return f"{_MODEL}.conceptscheme.Concept={CONCEPTS}.{column.sdmx}"


def _identity(column: Column) -> str:
    return f"<str:ConceptIdentity>{_concept(column)}</str:ConceptIdentity>"


def _represented(column: Column, found: Lists) -> str:
    if not column.codelist:
        return (
            f'<str:LocalRepresentation><str:TextFormat textType="{_TEXT_TYPES[column.type]}"/>'
            "</str:LocalRepresentation>"
        )
    identifier = list_id(column.codelist, found[column.codelist])
    kind = "ValueList" if identifier.startswith("VL") else "Codelist"
    urn = f"{_MODEL}.codelist.{kind}={AGENCY}:{identifier}({VERSION})"
    return f"<str:LocalRepresentation><str:Enumeration>{urn}</str:Enumeration></str:LocalRepresentation>"
