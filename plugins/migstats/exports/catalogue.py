"""A catalogue in DCAT-AP: one dataset for each topic, with its files."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

from migstats.exports import country_csv, parquet, sdg, sdmx_csv, sdmx_ml
from migstats.exports.selection import Taken, topics

FILE: Final = "catalog.jsonld"
#: Folder and ending of a file → its media type.
_MEDIA: Final = {
    (sdmx_csv.FOLDER, ".csv"): sdmx_csv.MEDIA_TYPE,
    (sdmx_ml.FOLDER, ".xml"): sdmx_ml.MEDIA_TYPE,
    (parquet.FOLDER, ".parquet"): parquet.MEDIA_TYPE,
    (sdg.FOLDER, ".csv"): sdmx_csv.MEDIA_TYPE,
    (sdg.FOLDER, ".xml"): sdg.MEDIA_TYPE,
}
_CONTEXT: Final = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_FREQUENCIES: Final = "http://publications.europa.eu/resource/authority/frequency/"
#: How often a topic is revised: as often as the most frequent of its sources puts out figures.
_OFTEN: Final = {"M": "MONTHLY", "Q": "QUARTERLY", "S": "ANNUAL_2", "A": "ANNUAL"}
_WORLD: Final = "http://publications.europa.eu/resource/authority/continent/WORLD"


def write(folder: Path, base: str, files: Iterable[Path], taken: Taken) -> Path:
    """`catalog.jsonld`; `base` is the address below which the folder is served.

    Files of one country are of all topics: they are one dataset of their own.
    """
    of_topic: dict[str, list[Path]] = {topic: [] for topic in taken.topics}
    of_countries = []
    for file in files:
        place = file.relative_to(folder)
        topic = place.stem if (place.parent.name, place.suffix) in _MEDIA else place.parent.name.partition("=")[2]
        if topic in of_topic:
            of_topic[topic].append(file)
        elif place.parts[0] == country_csv.FOLDER and file.suffix == ".csv":
            of_countries.append(file)
    datasets = [
        _dataset(folder, base, topic, topics()[topic], listed, taken.of(topic), taken.stamp)
        for topic, listed in of_topic.items()
    ]
    if of_countries:
        names = {"en": "Migration statistics by country"}
        datasets.append(_dataset(folder, base, "countries", names, of_countries, taken.rows, taken.stamp))
    catalogue = {
        "@context": _CONTEXT,
        "@id": f"{base}/{FILE}",
        "@type": "dcat:Catalog",
        "dct:title": {"@value": "Migration statistics, harmonised", "@language": "en"},
        "dct:description": {
            "@value": "Figures on international migration of several publishers, harmonised, by topic.",
            "@language": "en",
        },
        "dct:publisher": _agent(base, "migstats"),
        "dct:modified": _moment(taken.stamp),
        "dcat:dataset": datasets,
    }
    path = folder / FILE
    path.write_text(json.dumps(catalogue, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _dataset(
    folder: Path,
    base: str,
    name: str,
    names: Mapping[str, str],
    files: Sequence[Path],
    rows: Sequence[Any],
    since: dt.datetime,
) -> dict[str, Any]:
    freqs = {freq for row in rows for freq in row["freqs"].split()}
    often = next((said for freq, said in _OFTEN.items() if freq in freqs), "IRREG")
    stamps = [row["accepted_at"] for row in rows if row["accepted_at"] is not None]
    # what we compute ourselves has the licences of the figures that went in
    asked = [row for row in rows if "://" in row["homepage"]]
    licences = sorted({row["licence_url"] for row in asked})
    return {
        "@id": f"{base}/#{name}",
        "@type": "dcat:Dataset",
        "dct:identifier": name,
        "dct:title": [{"@value": text, "@language": language} for language, text in names.items()],
        "dct:description": {
            "@value": f"{names['en']}: harmonised figures of {', '.join(sorted({r['publisher'] for r in rows}))}.",
            "@language": "en",
        },
        "dct:publisher": _agent(base, "migstats"),
        "dct:creator": [_agent(base, publisher) for publisher in sorted({row["publisher"] for row in rows})],
        "dct:source": [{"@id": homepage} for homepage in sorted({row["homepage"] for row in asked})],
        "dct:accrualPeriodicity": {"@id": _FREQUENCIES + often},
        "dct:spatial": {"@id": _WORLD},
        "dct:temporal": {
            "@type": "dct:PeriodOfTime",
            "dcat:startDate": _day(min(row["first_day"] for row in rows)),
            "dcat:endDate": _day(max(row["last_day"] for row in rows)),
        },
        "dct:modified": _moment(max(stamps, default=since)),
        "dct:license": [{"@id": url} for url in licences],
        "dcat:distribution": [_distribution(folder, base, file, licences) for file in files],
    }


def _distribution(folder: Path, base: str, file: Path, licences: Sequence[str]) -> dict[str, Any]:
    place = file.relative_to(folder).as_posix()
    media = _MEDIA.get((place.split("/", 1)[0], file.suffix), country_csv.MEDIA_TYPE)
    with file.open("rb") as opened:
        digest = file_digest(opened, "sha256").hexdigest()
    return {
        "@id": f"{base}/{place}",
        "@type": "dcat:Distribution",
        "dct:title": {"@value": place, "@language": "en"},
        "dcat:accessURL": {"@id": f"{base}/{place}"},
        "dcat:downloadURL": {"@id": f"{base}/{place}"},
        "dcat:mediaType": {"@id": f"https://www.iana.org/assignments/media-types/{media.partition(';')[0]}"},
        "dcat:byteSize": {"@value": str(file.stat().st_size), "@type": "xsd:nonNegativeInteger"},
        "dct:license": [{"@id": url} for url in licences],
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256"},
            "spdx:checksumValue": {"@value": digest, "@type": "xsd:hexBinary"},
        },
    }


def _agent(base: str, name: str) -> dict[str, Any]:
    slug = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
    return {"@id": f"{base}/#agent-{slug}", "@type": "foaf:Agent", "foaf:name": name}


def _moment(at: dt.datetime) -> dict[str, str]:
    return {"@value": f"{at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}", "@type": "xsd:dateTime"}


def _day(day: dt.date) -> dict[str, str]:
    return {"@value": day.isoformat(), "@type": "xsd:date"}
