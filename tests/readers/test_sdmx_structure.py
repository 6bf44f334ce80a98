"""Structure messages: codelists, and which component has which, in both syntaxes and all versions that are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migstats.errors import DriftError, PublisherError, TryAgainError
from migstats.readers import sdmx_structure
from migstats.readers.sdmx_structure import Reference

SDMX = "http://www.sdmx.org/resources/sdmxml/schemas"
AREAS = Reference("KEN", "CL_GEO", "1.0")
SEXES = Reference("SDMX", "CL_SEX", "2.1")


def message(content: str, version: str = "v2_1", kind: str = "Structure") -> bytes:
    return f"""<?xml version="1.0"?>
<m:{kind} xmlns:m="{SDMX}/{version}/message" xmlns:s="{SDMX}/{version}/structure" xmlns:c="{SDMX}/{version}/common">
<m:Header><m:ID>I</m:ID></m:Header><m:Structures>{content}</m:Structures></m:{kind}>""".encode()


CODELISTS = """<s:Codelists>
<s:Codelist id="CL_GEO" agencyID="KEN" version="1.0">
  <s:Code id="KE"><c:Name xml:lang="fr">Le Kenya</c:Name><c:Name xml:lang="en">Kenya</c:Name></s:Code>
  <s:Code id="XX"><c:Name xml:lang="fr">Autres</c:Name></s:Code>
</s:Codelist>
<s:Codelist id="CL_SEX" agencyID="SDMX" version="2.1" isPartial="true"><s:Code id="M"/></s:Codelist>
</s:Codelists>"""


def urn(kind: str, of: Reference) -> str:
    return f"urn:sdmx:org.sdmx.infomodel.{kind}={of}" + (f".{of.item}" if of.item else "")


def ref(of: Reference, version: str) -> str:
    if version == "v3_0":
        return urn("codelist.Codelist", of)
    return f'<Ref id="{of.id}" agencyID="{of.agency}" version="{of.version}"/>'


def definition(version: str) -> str:
    concept = Reference("KEN", "CS", "1.0", "GENDER")
    identity = urn("conceptscheme.Concept", concept)
    if version == "v2_1":
        identity = '<Ref id="GENDER" maintainableParentID="CS" maintainableParentVersion="1.0" agencyID="KEN"/>'

    def enumeration(of: Reference) -> str:
        return f"<s:Enumeration>{ref(of, version)}</s:Enumeration>"

    return f"""
<s:Concepts><s:ConceptScheme id="CS" agencyID="KEN" version="1.0"><s:Concept id="GENDER"><s:CoreRepresentation>
{enumeration(SEXES)}</s:CoreRepresentation></s:Concept></s:ConceptScheme></s:Concepts>
<s:DataStructures><s:DataStructure id="MIG" agencyID="KEN" version="1.0"><s:DataStructureComponents><s:DimensionList>
<s:Dimension id="geo"><s:ConceptIdentity>{identity.replace("GENDER", "OTHER")}</s:ConceptIdentity>
<s:LocalRepresentation>{enumeration(AREAS)}</s:LocalRepresentation></s:Dimension>
<s:Dimension id="sex"><s:ConceptIdentity>{identity}</s:ConceptIdentity></s:Dimension>
<s:TimeDimension id="TIME_PERIOD"><s:ConceptIdentity>{identity.replace("GENDER", "TIME")}</s:ConceptIdentity>
</s:TimeDimension></s:DimensionList></s:DataStructureComponents></s:DataStructure></s:DataStructures>"""


def json_message() -> bytes:
    concept = "urn:sdmx:org.sdmx.infomodel.conceptscheme.Concept=KEN:CS(1.0)."
    sexes = {"enumeration": urn("codelist.Codelist", SEXES)}
    areas = {"enumeration": urn("codelist.Codelist", AREAS)}
    dimensions = [
        {"id": "geo", "conceptIdentity": concept + "OTHER", "localRepresentation": areas},
        {"id": "sex", "conceptIdentity": concept + "GENDER"},
    ]
    held = {
        "codelists": [
            {
                "id": "CL_GEO",
                "agencyID": "KEN",
                "version": "1.0",
                "codes": [{"id": "KE", "name": "Kenya"}, {"id": "XX", "names": {"fr": "Autres"}, "name": "Autres"}],
            },
            {"id": "CL_SEX", "agencyID": "SDMX", "version": "2.1", "isPartial": True, "codes": [{"id": "M"}]},
        ],
        "conceptSchemes": [
            {
                "id": "CS",
                "agencyID": "KEN",
                "version": "1.0",
                "concepts": [{"id": "GENDER", "coreRepresentation": sexes}],
            }
        ],
        "dataStructures": [
            {
                "id": "MIG",
                "agencyID": "KEN",
                "version": "1.0",
                "dataStructureComponents": {
                    "dimensionList": {"dimensions": dimensions, "timeDimensions": [{"id": "TIME_PERIOD"}]}
                },
            }
        ],
    }
    return json.dumps({"meta": {}, "data": held}).encode()


@pytest.mark.parametrize(
    "payload",
    [
        message(CODELISTS + definition("v2_1")),
        message(CODELISTS + definition("v3_0"), "v3_0"),
        json_message(),
    ],
    ids=["xml 2.1", "xml 3.0", "json"],
)
def test_each_syntax_says_which_codes_a_component_has(payload: bytes) -> None:
    found = sdmx_structure.read(payload)
    assert {c.reference: (dict(c.codes), c.partial) for c in found.codelists} == {
        AREAS: ({"KE": "Kenya", "XX": "Autres"}, False),
        SEXES: ({"M": ""}, True),
    }
    [structure] = found.structures
    # a component without a codelist of its own has that of its concept
    assert structure.components == {"geo": AREAS, "sex": SEXES, "TIME_PERIOD": None}


def test_a_constraint_says_of_which_codes_there_are_figures() -> None:
    region = '<c:KeyValue id="geo"><c:Value>KE</c:Value></c:KeyValue>'
    left_out = '<s:CubeRegion include="false"><c:KeyValue id="geo"><c:Value>XX</c:Value></c:KeyValue></s:CubeRegion>'
    constraint = f'<s:ContentConstraint id="C"><s:CubeRegion include="true">{region}</s:CubeRegion>{left_out}'
    found = sdmx_structure.read(message(f"<s:Constraints>{constraint}</s:ContentConstraint></s:Constraints>"))
    assert found.constrained == {"geo": frozenset({"KE"})}


@pytest.mark.parametrize(
    ("payload", "error", "said"),
    [
        (message("", kind="GenericData"), PublisherError, "a message GenericData"),
        (message(""), PublisherError, "holds no artefact"),
        (message(CODELISTS).replace(b"v2_1", b"v2_0"), DriftError, "SDMX-ML 2.1 or 3.0 is expected"),
        (message(CODELISTS)[:-20], TryAgainError, "cut off"),
        (message(CODELISTS.replace('id="XX"', "")), DriftError, "a code has no id, after 'KE'"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + message(CODELISTS)[22:], PublisherError, "DOCTYPE"),
        (b'{"data": {"dataSets": [], "structures": []}}', PublisherError, "structure message was expected"),
        (b'{"result": [{"id": 7, "name": "Haiti"}], "isSuccess": true}', PublisherError, "holds no artefact"),
        (b'{"tables": [{"id": "TAB1", "label": "Migration"}]}', PublisherError, "holds no artefact"),
        (b'{"errors": [{"code": 404, "title": "No structures"}]}', PublisherError, "No structures"),
    ],
)
def test_what_is_no_structure_message_is_refused(payload: bytes, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        sdmx_structure.read(payload)


@pytest.mark.payloads
@pytest.mark.parametrize(
    ("name", "codelists", "codes", "components", "enumerated"),
    [
        ("ilostat/ILO_codelists_parentsandsiblings.xml", 46, 2866, 23, 16),
        ("oecd/DSD_MIG_dataflow_metadata.xml", 11, 1596, 12, 11),
        ("sdmx_structures/khaeru_ESTAT_GOV_10Q_GGNFA.xml", 4, 76, 8, 7),
        ("sdmx_structures/khaeru_v3_json_structure_constructed-sample.json", 5, 18, 9, 6),
        ("sdmx_structures/khaeru_v3_xml_ECB_EXR_CA_DSD.xml", 0, 0, 31, 14),
        ("sdmx_structures/khaeru_v3_xml_valuelist.xml", 1, 5, 0, 0),
        ("sdmx_structures/pysdmx_api_fmr_code_freq_21.json", 1, 9, 0, 0),
    ],
)
def test_real_structures_are_read_whole(
    payloads: Path, name: str, codelists: int, codes: int, components: int, enumerated: int
) -> None:
    found = sdmx_structure.read((payloads / name).read_bytes())
    assert len(found.codelists) == codelists
    assert sum(len(c.codes) for c in found.codelists) == codes
    of = [codelist for structure in found.structures for codelist in structure.components.values()]
    assert (len(of), sum(codelist is not None for codelist in of)) == (components, enumerated)
