"""The flat messages of a structure, and their XML Schema, which says which codes and attributes an observation has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from xml.sax.saxutils import quoteattr

from migstats.exports.selection import Column, columns
from migstats.exports.structure import SCHEMAS, Lists, dataflow_urn, list_id

#: Where the schemas of SDMX itself lie; whoever validates has them there, or maps them.
OFFICIAL: Final = "https://registry.sdmx.org/schemas"
_TYPES: Final = {
    "text": "xs:string",
    "number": "xs:double",
    "integer": "xs:integer",
    "boolean": "xs:boolean",
    "date": "xs:date",
    "moment": "xs:dateTime",
}


@dataclass(frozen=True)
class Messages:
    """What the flat messages of one structure have in common."""

    #: Id of the messages, and of the structure in them; in small letters the name of their schema.
    name: str
    #: What they follow: a dataflow (3.0), or a data structure definition (2.1).
    urn: str
    columns: tuple[Column, ...]
    #: Of SDMX-ML.
    version: Literal["2_1", "3_0"] = "3_0"

    @property
    def namespace(self) -> str:
        """Their namespace."""
        return f"{self.urn}:ObsLevelDim:AllDimensions"

    @property
    def schemas(self) -> str:
        """What the namespaces of SDMX-ML of that version begin with."""
        return f"{SCHEMAS}/v{self.version}"

    @property
    def file(self) -> str:
        """Name of their schema."""
        return f"{self.name.lower()}.xsd"


def of_topic(topic: str) -> Messages:
    """The messages of one of our own dataflows."""
    return Messages(topic.upper(), dataflow_urn(topic), columns())


def write(folder: Path, messages: Messages, lists: Lists) -> None:
    """One schema, derived from that of structure-specific data; `lists` has the codelists that columns name."""
    structure_specific = f"{messages.schemas}/data/structurespecific"
    own, official = messages.namespace, f"{OFFICIAL}/v{messages.version}"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{own}" xmlns:dsd="{structure_specific}" '
        f'xmlns:common="{messages.schemas}/common" targetNamespace="{own}" elementFormDefault="qualified" '
        'attributeFormDefault="unqualified">',
        f'<xs:import namespace="{messages.schemas}/common" schemaLocation="{official}/SDMXCommon.xsd"/>',
        f'<xs:import namespace="{structure_specific}" schemaLocation="{official}/SDMXDataStructureSpecific.xsd"/>',
    ]
    for name, codes in lists.items():
        lines += [f'<xs:simpleType name="{list_id(name, codes)}">', '<xs:restriction base="xs:string">']
        lines += [f"<xs:enumeration value={quoteattr(code)}/>" for code in codes]
        lines += ["</xs:restriction>", "</xs:simpleType>"]
    lines += _derived("DataSetType", '<xs:element name="Obs" type="ObsType" form="unqualified" maxOccurs="unbounded"/>')
    lines += _derived("ObsType", "", *(_attribute(column, lists) for column in messages.columns))
    (folder / messages.file).write_text("\n".join([*lines, "</xs:schema>", ""]), encoding="utf-8")


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
