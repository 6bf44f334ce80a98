"""Reader of SDMX structure messages: the publisher's codelists, and which component of its data uses which of them.

SDMX-ML 2.1 and 3.0, SDMX-JSON 1.0 and 2.0. There are no figures in them; a source holds its own codes against them.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from migstats.errors import DriftError, PublisherError
from migstats.readers import answer, sdmx_ml

_EXPECTED: Final = "an SDMX structure message"
_MESSAGE: Final = re.compile(r"\{http://www\.sdmx\.org/resources/sdmxml/schemas/v(2_1|3_0)/message\}Structure")
#: `urn:sdmx:org.sdmx.infomodel.codelist.Codelist=SDMX:CL_FREQ(2.1)`, of items with `.ITEM` behind.
_URN: Final = re.compile(r"urn:sdmx:[\w.]+=(?P<agency>[^:]+):(?P<id>[^(]+)\((?P<version>[^)]*)\)(\.(?P<item>.+))?")
#: Kinds of codelists and the elements that are their codes.
_CODELISTS: Final = {
    "Codelist": "Code",
    "ValueList": "ValueItem",
    "GeographicCodelist": "GeoFeatureSetCode",
    "GeoGridCodelist": "GeoGridCode",
}
_JSON_CODELISTS: Final = {
    "codelists": "codes",
    "valueLists": "valueItems",
    "valuelists": "valueItems",
    "geographicCodelists": "geoFeatureSetCodes",
    "geoGridCodelists": "geoGridCodes",
}
_COMPONENTS: Final = frozenset({"Dimension", "MeasureDimension", "TimeDimension", "Attribute", "Measure"})
_JSON_COMPONENTS: Final = (
    ("dimensionList", ("dimensions", "measureDimensions", "timeDimensions", "timeDimension")),
    ("attributeList", ("attributes",)),
    ("measureList", ("measures", "primaryMeasure")),
)
_LANGUAGE: Final = "{http://www.w3.org/XML/1998/namespace}lang"


@dataclass(frozen=True)
class Reference:
    """Which artefact is meant: agency, id, version; `item` is the one in it."""

    agency: str
    id: str
    version: str
    item: str = ""

    def __str__(self) -> str:
        return f"{self.agency}:{self.id}({self.version})"


@dataclass(frozen=True)
class PublishedCodes:
    """A codelist of the publisher's. One that is partial, or without codes, does not say that a code is gone."""

    reference: Reference
    #: Code → what the publisher calls it, in English where it does.
    codes: Mapping[str, str]
    partial: bool = False


@dataclass(frozen=True)
class PublishedStructure:
    """A data structure definition: component (dimension, attribute or measure) → its codelist, None without one."""

    reference: Reference
    components: Mapping[str, Reference | None]


@dataclass(frozen=True)
class Structures:
    """What stands in a structure message."""

    codelists: tuple[PublishedCodes, ...] = ()
    structures: tuple[PublishedStructure, ...] = ()
    #: Component → the codes that constraints of the message say there are figures of, or may be.
    constrained: Mapping[str, frozenset[str]] | None = None
    #: Kind of artefact → how many there are, those included of which nothing else is read.
    counts: Mapping[str, int] | None = None

    @property
    def codes(self) -> int:
        """How many codes the codelists have together."""
        return sum(len(codelist.codes) for codelist in self.codelists)

    def codelist(self, wanted: Reference) -> PublishedCodes | None:
        """The codelist that is referred to; of another version where that one is not here."""
        same = [c for c in self.codelists if (c.reference.agency, c.reference.id) == (wanted.agency, wanted.id)]
        return next((c for c in same if c.reference.version == wanted.version), same[0] if same else None)


def read(payload: bytes) -> Structures:
    """Everything that a structure message says of codes.

    PublisherError: an error message, data instead of structures, or a message without any artefact. TryAgainError:
    neither SDMX-ML nor SDMX-JSON, or cut off. DriftError: an SDMX version that is not read, or a code without an id.
    """
    start = payload.removeprefix(answer.BOM).lstrip()[:1]
    return _of_json(payload) if start in (b"{", b"[") else _of_xml(payload)


# -- SDMX-ML --------------------------------------------------------------------------------------------------------


def _of_xml(payload: bytes) -> Structures:
    text = sdmx_ml.whole(payload)
    root = ET.fromstring(text)  # noqa: S314 (`whole` refuses a DOCTYPE, without which there are no entities)
    if not _MESSAGE.fullmatch(root.tag):
        local = _local(root)
        if local == "Structure":
            raise DriftError(
                f"the answer is a message Structure of {root.tag[1:].partition('}')[0]}; SDMX-ML 2.1 or 3.0 is "
                "expected: say so in the request"
            )
        raise PublisherError(f"the answer is a message {local}, {_EXPECTED} was expected")
    holder = next((child for child in root if _local(child) == "Structures"), None)
    artefacts = [child for group in (holder if holder is not None else ()) for child in group if child.get("id")]
    if not artefacts:
        raise PublisherError(f"the message holds no artefact, {_EXPECTED} with codelists was expected")
    counts: dict[str, int] = {}
    for artefact in artefacts:
        counts[_local(artefact)] = counts.get(_local(artefact), 0) + 1
    concepts = dict(_concepts(artefact for artefact in artefacts if _local(artefact) == "ConceptScheme"))
    return Structures(
        tuple(_codelist(a, _CODELISTS[_local(a)]) for a in artefacts if _local(a) in _CODELISTS),
        tuple(_structure(a, concepts) for a in artefacts if _local(a) == "DataStructure"),
        _constrained(_key_values(a for a in artefacts if _local(a).endswith("Constraint"))),
        counts,
    )


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _own(element: ET.Element, *path: str) -> ET.Element | None:
    """The element that stands in another one, under these names, whatever their namespace."""
    found: ET.Element | None = element
    for name in path:
        found = next((child for child in (found if found is not None else ()) if _local(child) == name), None)
    return found


def _maintained(element: ET.Element) -> Reference:
    return Reference(element.get("agencyID", ""), element.get("id", ""), element.get("version", "1.0"))


def _named(element: ET.Element) -> str:
    names = {child.get(_LANGUAGE, "en"): (child.text or "").strip() for child in element if _local(child) == "Name"}
    return names.get("en") or next(iter(names.values()), "")


def _codelist(element: ET.Element, kind: str) -> PublishedCodes:
    reference = _maintained(element)
    codes = [(child.get("id"), _named(child)) for child in element if _local(child) == kind]
    partial = "true" in (element.get("isPartial"), element.get("isExternalReference")) or (
        _own(element, "CodelistExtension") is not None  # what it takes over from another list does not stand here
    )
    return PublishedCodes(reference, _once(codes, str(reference)), partial)


def _once(codes: Iterable[tuple[str | None, str]], where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for code, name in codes:
        if not code:
            raise DriftError(f"codelist {where}: a code has no id, after {next(reversed(found), 'the beginning')!r}")
        found.setdefault(code, name)
    return found


def _enumeration(holder: ET.Element | None) -> Reference | None:
    """The codelist that a representation enumerates, as a Ref element or as the text of a URN."""
    element = None if holder is None else _own(holder, "Enumeration")
    return None if element is None else _reference(element)


def _reference(element: ET.Element) -> Reference | None:
    ref = _own(element, "Ref")
    if ref is not None:
        parent = ref.get("maintainableParentID")
        if parent is None:
            return _maintained(ref)
        version = ref.get("maintainableParentVersion", "1.0")
        return Reference(ref.get("agencyID", ""), parent, version, ref.get("id", ""))
    urn = _own(element, "URN")
    return _of_urn((element if urn is None else urn).text)


def _of_urn(text: object) -> Reference | None:
    match = _URN.fullmatch(text.strip()) if isinstance(text, str) else None
    return Reference(match["agency"], match["id"], match["version"], match["item"] or "") if match else None


def _concepts(schemes: Iterable[ET.Element]) -> Iterator[tuple[tuple[str, str, str], Reference]]:
    """Agency, scheme and concept → the codelist that it has wherever a component does not say otherwise."""
    for scheme in schemes:
        of = _maintained(scheme)
        for concept in (child for child in scheme if _local(child) == "Concept"):
            codelist = _enumeration(_own(concept, "CoreRepresentation"))
            if codelist is not None:
                yield (of.agency, of.id, concept.get("id", "")), codelist


def _structure(element: ET.Element, concepts: Mapping[tuple[str, str, str], Reference]) -> PublishedStructure:
    components: dict[str, Reference | None] = {}
    for component in (c for c in element.iter() if _local(c) in _COMPONENTS and _own(c, "ConceptIdentity") is not None):
        identity = _own(component, "ConceptIdentity")
        concept = None if identity is None else _reference(identity)
        own = _enumeration(_own(component, "LocalRepresentation"))
        components[component.get("id") or (concept.item if concept else "")] = own or _of_concept(concept, concepts)
    return PublishedStructure(_maintained(element), components)


def _of_concept(concept: Reference | None, concepts: Mapping[tuple[str, str, str], Reference]) -> Reference | None:
    return concepts.get((concept.agency, concept.id, concept.item)) if concept else None


def _key_values(constraints: Iterable[ET.Element]) -> Iterator[tuple[str, list[str]]]:
    """Component and codes of each region of a cube that constraints include."""
    for constraint in constraints:
        for region in (e for e in constraint.iter() if _local(e) == "CubeRegion" and e.get("include") != "false"):
            for key in (e for e in region if _local(e) in ("KeyValue", "Component") and e.get("include") != "false"):
                values = [e.text.strip() for e in key if _local(e) == "Value" and e.text and e.text.strip()]
                if values:
                    yield key.get("id", ""), values


def _constrained(pairs: Iterable[tuple[str, list[str]]]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for name, values in pairs:
        found[name] = found.get(name, frozenset()) | frozenset(values)
    return found


# -- SDMX-JSON ------------------------------------------------------------------------------------------------------


def _of_json(payload: bytes) -> Structures:
    document = answer.json_document(payload, _EXPECTED, figures=("data", "codelists", "dataStructures"))
    if isinstance(document, list):
        raise PublisherError(f"the answer is a JSON array, {_EXPECTED} was expected")
    members: dict[str, Any] = {name: msgspec.json.decode(raw) for name, raw in document.items()}
    data = members.get("data", members)
    if not isinstance(data, dict) or "dataSets" in data or "header" in members:
        raise PublisherError(f"the answer has {', '.join(members)}, {_EXPECTED} was expected")
    held = {name: _objects(value) for name, value in data.items()}
    # Every artefact of SDMX has an agency; what has none is another publisher's list of anything.
    artefacts = {
        name: [one for one in several if isinstance(one.get("id"), str) and isinstance(one.get("agencyID"), str)]
        for name, several in held.items()
    }
    if not any(artefacts.values()):
        raise PublisherError(f"the message holds no artefact, {_EXPECTED} with codelists was expected")
    concepts = dict(_json_concepts(artefacts.get("conceptSchemes", ())))
    constraints = [one for name, several in artefacts.items() if name.endswith("onstraints") for one in several]
    return Structures(
        tuple(_json_codelist(one, codes) for name, codes in _JSON_CODELISTS.items() for one in artefacts.get(name, ())),
        tuple(_json_structure(one, concepts) for one in artefacts.get("dataStructures", ())),
        _constrained(_json_key_values(constraints)),
        {name: len(several) for name, several in artefacts.items() if several},
    )


def _objects(value: object) -> list[dict[str, Any]]:
    """The objects of an array, or the one that stands alone; nothing of what is neither."""
    several = value if isinstance(value, list) else [value]
    return [one for one in several if isinstance(one, dict)]


def _json_maintained(one: Mapping[str, Any]) -> Reference:
    return Reference(str(one.get("agencyID", "")), str(one["id"]), str(one.get("version", "1.0")))


def _json_codelist(one: Mapping[str, Any], codes: str) -> PublishedCodes:
    reference = _json_maintained(one)
    named = [(code.get("id"), str(_json_name(code))) for code in _objects(one.get(codes, []))]
    partial = bool(one.get("isPartial") or one.get("isExternalReference") or one.get("codelistExtensions"))
    return PublishedCodes(reference, _once(named, str(reference)), partial)


def _json_name(one: Mapping[str, Any]) -> object:
    names = one.get("names")
    return (names.get("en") if isinstance(names, dict) else None) or one.get("name") or ""


def _json_enumeration(one: object) -> Reference | None:
    return _of_urn(one.get("enumeration")) if isinstance(one, dict) else None


def _json_concepts(schemes: Iterable[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, str, str], Reference]]:
    for scheme in schemes:
        of = _json_maintained(scheme)
        for concept in _objects(scheme.get("concepts", [])):
            codelist = _json_enumeration(concept.get("coreRepresentation"))
            if codelist is not None:
                yield (of.agency, of.id, str(concept.get("id", ""))), codelist


def _json_structure(one: Mapping[str, Any], concepts: Mapping[tuple[str, str, str], Reference]) -> PublishedStructure:
    held = one.get("dataStructureComponents")
    components: dict[str, Reference | None] = {}
    for list_, members in _JSON_COMPONENTS:
        inner = held.get(list_) if isinstance(held, dict) else None
        for component in (c for m in members if isinstance(inner, dict) for c in _objects(inner.get(m))):
            own = _json_enumeration(component.get("localRepresentation"))
            concept = _of_urn(component.get("conceptIdentity"))
            name = component.get("id") or (concept.item if concept else "")
            components[str(name)] = own or _of_concept(concept, concepts)
    return PublishedStructure(_json_maintained(one), components)


def _json_key_values(constraints: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    for constraint in constraints:
        for region in _objects(constraint.get("cubeRegions", [])):
            if region.get("isIncluded", region.get("include", True)) is False:
                continue
            for key in (k for name in ("keyValues", "components") for k in _objects(region.get(name, []))):
                values = [v.get("value") if isinstance(v, dict) else v for v in key.get("values") or []]
                texts = [v for v in values if isinstance(v, str)]
                if texts and key.get("include", True) is not False:
                    yield str(key.get("id", "")), texts
