"""The declared sources as a catalogue: what each has, from where, how often, under which terms, and how sure we are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from migstats.awaited import Awaited, read_awaited
from migstats.codelists import Folders, read_codelist
from migstats.harmonise import Codes, read_codes
from migstats.source import Column, Dataset, Source, Years, folder_of

#: Dataset.verified → how it is said.
VERIFIED = {"payload": "real payload", "documentation": "documentation", "sample": "sample only"}

_HEAD = """\
# Sources

Made from `include/sources/` by `migstats sources --markdown -o docs/sources.md`; a test compares. A figure of a source
is cited as its citation says; every row of `bi` leads to it through `dim_source`. *Verified against* says what a
declaration was held against: a **real payload** of the publisher's, the publisher's **documentation** (then the first
answer may show what it does not say), or a **sample only** of ours.
"""


_COUNTRIES = """\
## Countries of the programme

What each country itself publishes, as far as it is declared. International sources have them too: see *areas* above.
Sources of one country are those whose figures are all of it; how fresh their figures are stands in `bi`.
"""

_AWAITED = """\
## Awaited: no interface is known

Of these publishers no documented machine interface to the figures that are named is known to us. No source is
declared, nothing asks them, and no address below is that of an interface: what they publish is delivered by the
**upload form**, and no figure of theirs is in `bi` before, unless a declared source passes it on, which is said then.
The facts stand in `include/awaited.yaml`; who comes to know an interface declares a source.
"""


@dataclass(frozen=True)
class Entry:
    """One source as people look for it; lists are in the order of its datasets."""

    id: str
    title: str
    publisher: str
    datasets: tuple[str, ...]
    readers: tuple[str, ...]
    slices: tuple[str, ...]
    releases: tuple[str, ...]
    schedule: str | None
    licence: str
    redistribution: str
    indicators: tuple[str, ...]
    areas: str
    first: str
    last: str
    verified: tuple[str, ...]
    hosts: tuple[str, ...]
    owner: str


def entries(sources: Iterable[Source], concepts: Folders, further: Iterable[Path] = ()) -> list[Entry]:
    """An entry for each source; `further` folders of sources. DeclarationError where a codes.csv is wrong."""
    return [_entry(source, read_codes(folder_of(source.id, further), concepts)) for source in sources]


def given(sources: Iterable[Source], concepts: Folders, further: Iterable[Path] = ()) -> dict[str, tuple[str, ...]]:
    """Indicator → the sources that can give it, by name."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in entries(sources, concepts, further):
        for indicator in entry.indicators:
            found[indicator] = (*found.get(indicator, ()), entry.id)
    return found


def _entry(source: Source, codes: Codes) -> Entry:
    datasets = source.datasets
    return Entry(
        id=source.id,
        title=source.title,
        publisher=source.publisher,
        datasets=tuple(dataset.id for dataset in datasets),
        readers=_once(dataset.reader.format for dataset in datasets),
        slices=_once(axis for dataset in datasets for axis in dataset.slices),
        releases=tuple(release.id for release in source.releases),
        schedule=source.schedule,
        licence=source.licence.id,
        redistribution=source.licence.redistribution,
        indicators=_once(indicator for dataset in datasets for indicator in indicators_of(dataset, codes)),
        areas=source.coverage.areas if source.coverage else "",
        first=source.coverage.first if source.coverage else "",
        last=(source.coverage.last or "goes on") if source.coverage else "",
        verified=_once(VERIFIED[dataset.verified] for dataset in datasets),
        hosts=source.hosts,
        owner=source.owner,
    )


def _once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def indicators_of(dataset: Dataset, codes: Codes) -> list[str]:
    """The indicators that a dataset can give, in the order of codes.csv."""
    how = dataset.concepts["indicator"]
    if not isinstance(how, Column):
        return [how]
    mapped = codes.of(dataset.id, how.column, "indicator").values()
    return list(_once(target for target, treatment in mapped if treatment == "map"))


# -- as a page ----------------------------------------------------------------------------------------------------


def page(sources: Mapping[str, Source], concepts: Folders, further: Iterable[Path] = ()) -> str:
    """The catalogue in Markdown."""
    found = entries(sources.values(), concepts, further)
    names = read_codelist(concepts, "indicator").column("name_en")
    areas = read_codelist(concepts, "area")
    countries = {code: areas.column("name_en")[code] for code in areas.column("programme")}
    awaited = read_awaited()
    parts = [_HEAD, *_overview(found), ""]
    parts += [_COUNTRIES, *_by_country(countries, sources, found, awaited), ""]
    parts += [_AWAITED, *_of_awaited(awaited, areas.column("name_en")), ""]
    for entry in found:
        parts += [*_of_source(sources[entry.id], entry, read_codes(folder_of(entry.id, further), concepts), names), ""]
    return "\n".join(parts).rstrip() + "\n"


def _overview(found: list[Entry]) -> Iterator[str]:
    yield "| source | publisher | figures | areas | from | to | licence | verified against |"
    yield "|---|---|---|---|---|---|---|---|"
    for e in found:
        cells = (f"[{e.id}](#{e.id})", e.publisher, ", ".join(e.indicators), e.areas, e.first, e.last, e.licence)
        yield _row(*cells, ", ".join(e.verified))


def _by_country(
    countries: Mapping[str, str], sources: Mapping[str, Source], found: Iterable[Entry], awaited: Iterable[Awaited]
) -> Iterator[str]:
    """A row for each country of the programme: what is declared of it alone, how deep, and what is awaited."""
    listed, waiting = list(found), list(awaited)
    yield "| country | declared source | figures | from | to | verified against | awaited, by upload form |"
    yield "|---|---|---|---|---|---|---|"
    for code, name in sorted(countries.items(), key=lambda item: item[1]):
        own = [entry for entry in listed if areas_of(sources[entry.id]) == {code}]
        later = ", ".join(f"{a.id} ({', '.join(a.indicators)})" for a in waiting if a.country == code)
        for entry in own:
            figures, verified = ", ".join(entry.indicators), ", ".join(entry.verified)
            link = f"[{entry.id}](#{entry.id})"
            yield _row(f"{name} ({code})", link, figures, entry.first, entry.last, verified, later or "none")
        if not own:
            yield _row(f"{name} ({code})", "none", "", "", "", "", later or "none")


def areas_of(source: Source) -> set[str]:
    """The areas that all figures of a source are of; empty where a dataset takes them from the payload."""
    declared = [dataset.concepts["ref_area"] for dataset in source.datasets]
    constant = {area for area in declared if isinstance(area, str)}
    return set() if len(declared) != sum(isinstance(area, str) for area in declared) else constant


def _of_awaited(awaited: Iterable[Awaited], names: Mapping[str, str]) -> Iterator[str]:
    yield "| id | of | publisher | what it publishes | would fill | why there is no source | licence | owner |"
    yield "|---|---|---|---|---|---|---|---|"
    for a in awaited:
        publisher, figures = f"{a.publisher} (<{a.homepage}>)", ", ".join(a.indicators)
        what = f"{a.title}. {a.publishes}"
        of = f"{names[a.country]} ({a.country})" if a.country is not None else a.areas or ""
        yield _row(a.id, of, publisher, what, figures, a.why, a.licence, a.owner)


def _of_source(source: Source, entry: Entry, codes: Codes, names: Mapping[str, str]) -> Iterator[str]:
    yield f"## {source.id}\n"
    yield f"**{source.title}**, {source.publisher} (<{source.homepage}>)\n"
    yield f"{source.description.strip()}\n"
    licence = source.licence
    yield f"- Licence: [{licence.id}]({licence.url}), redistribution {licence.redistribution}. {licence.note}".rstrip()
    yield f"- Cite as: {source.citation.strip()}"
    yield f"- Asked: {f'`{source.schedule}` (UTC)' if source.schedule else 'by hand'}, at {', '.join(source.hosts)}"
    if entry.releases:
        yield f"- Releases: {', '.join(f'{release.id} ({release.released})' for release in source.releases)}"
    yield f"- Owner: {source.owner}\n"
    yield "| dataset | what | figures | slices | format | stock or flow | verified against |"
    yield "|---|---|---|---|---|---|---|"
    for dataset in source.datasets:
        figures = ", ".join(f"{names.get(i, i)} (`{i}`)" for i in indicators_of(dataset, codes))
        yield _row(
            f"`{dataset.id}`",
            dataset.title,
            figures,
            ", ".join(f"{axis}: {_values(values)}" for axis, values in dataset.slices.items()) or "one",
            dataset.reader.format,
            f"{dataset.stock_or_flow}, {dataset.reference_point}",
            VERIFIED[dataset.verified],
        )


def _values(values: Years | tuple[str, ...]) -> str:
    if isinstance(values, Years):
        return f"{values.start} to {values.end or f'now less {values.lag}'}"
    return ", ".join(values) if len(values) <= 6 else f"{len(values)} values"


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
