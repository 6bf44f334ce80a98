"""The XML Schema of a dataflow's messages, which says which codes and attributes an observation may have."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from xml.sax.saxutils import quoteattr

from migstats.exports.selection import Column, columns
from migstats.exports.structure import SCHEMAS, Lists, dataflow_urn, list_id

#: Where the schemas of SDMX itself lie; whoever validates has them there, or maps them.
OFFICIAL: Final = "https://registry.sdmx.org/schemas/v3_0"
_TYPES: Final = {
    "text": "xs:string",
    "number": "xs:double",
    "integer": "xs:integer",
    "boolean": "xs:boolean",
    "date": "xs:date",
}


def namespace(topic: str) -> str:
    """The namespace of the flat messages of a topic."""
    return f"{dataflow_urn(topic)}:ObsLevelDim:AllDimensions"


def write(path: Path, topic: str, lists: Lists) -> None:
    """One schema, derived from that of structure-specific data as SDMX-ML 3.0 has it."""
    structure_specific = f"{SCHEMAS}/data/structurespecific"
    own = namespace(topic)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{own}" xmlns:dsd="{structure_specific}" '
        f'xmlns:common="{SCHEMAS}/common" targetNamespace="{own}" elementFormDefault="qualified" '
        'attributeFormDefault="unqualified">',
        f'<xs:import namespace="{SCHEMAS}/common" schemaLocation="{OFFICIAL}/SDMXCommon.xsd"/>',
        f'<xs:import namespace="{structure_specific}" schemaLocation="{OFFICIAL}/SDMXDataStructureSpecific.xsd"/>',
    ]
    for name, codes in lists.items():
        lines += [f'<xs:simpleType name="{list_id(name, codes)}">', '<xs:restriction base="xs:string">']
        lines += [f"<xs:enumeration value={quoteattr(code)}/>" for code in codes]
        lines += ["</xs:restriction>", "</xs:simpleType>"]
    lines += _derived("DataSetType", '<xs:element name="Obs" type="ObsType" form="unqualified" maxOccurs="unbounded"/>')
    lines += _derived("ObsType", "", *(_attribute(column, lists) for column in columns()))
    path.write_text("\n".join([*lines, "</xs:schema>", ""]), encoding="utf-8")


def _derived(name: str, element: str, *attributes: str) -> list[str]:
    return [
        f'<xs:complexType name="{name}">',
        "<xs:complexContent>",
        f'<xs:restriction base="dsd:{name}">',
        f'<xs:sequence><xs:element ref="common:Annotations" minOccurs="0"/>{element}</xs:sequence>',
        *attributes,
        "</xs:restriction>",
        "</xs:complexContent>",
        "</xs:complexType>",
    ]


def _attribute(column: Column, lists: Lists) -> str:
    use = "optional" if column.role in ("measure", "optional") else "required"
    kind = list_id(column.codelist, lists[column.codelist]) if column.codelist else _TYPES[column.type]
    if column.role == "time":
        kind = "common:ObservationalTimePeriodType"
    return f'<xs:attribute name="{column.sdmx}" type="{kind}" use="{use}"/>'
