"""A page for one country: what `bi` holds of it, in charts and tables, every figure with its source.

Rows of `include/sql/profile/` (schema bi and nothing else) in, one HTML file out that needs no network and no script.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from migstats import settings, warehouse
from migstats.datadocs import write
from migstats.errors import PermanentError
from migstats.pages import figure

Row = Mapping[str, Any]

#: Bars of a chart; tables have as many rows.
MOST: Final = 12

#: Letters of a line of a name beside a bar.
_LINE: Final = 36

#: Where an open band of ages is taken to end, to compare it with others.
_OLDEST: Final = 120

#: The file beside the pages that says which publication they show.
SHOWN: Final = "published.txt"

#: Indicators of each part of the page, in the order in which they are drawn.
STOCK: Final = ("MIG_STOCK",)
FLOWS: Final = ("IMMIGRATION", "EMIGRATION", "NET_MIG")
DISPLACEMENT: Final = ("REFUGEES", "ASYLUM_SEEKERS", "IDPS", "STATELESS")
REMITTANCES: Final = ("REMIT_IN", "REMIT_OUT")

#: Colours that are told apart in grey print and by those who see red and green alike; lines differ in their marks too.
_COLOURS: Final = ("#1b5e9b", "#c2571a", "#3b7a57", "#7b4ea3")
_MARKS: Final = ("o", "s", "^", "D")


@dataclass(frozen=True)
class Chart:
    """A picture with what it says in words, and the rows that it is drawn of."""

    title: str
    said: str
    svg: Markup
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Part:
    """A section of the page: its charts, or why there is none."""

    id: str
    title: str
    charts: tuple[Chart, ...]
    none: str


@dataclass(frozen=True)
class Profile:
    """What the page of a country is made of."""

    country: Row
    headline: tuple[Row, ...]
    parts: tuple[Part, ...]
    availability: Mapping[str, Mapping[str, tuple[str, int | None]]]
    without: tuple[str, ...]
    dimensions: tuple[str, ...]
    comparability: tuple[Row, ...]
    bases: tuple[Row, ...]
    notices: tuple[Row, ...]
    sources: tuple[Row, ...]
    names: Mapping[str, str]


def read(url: str, area: str) -> Profile:
    """What `bi` holds of the country `area` (ISO 3166-1 alpha-3); PermanentError for an area that is no country."""
    with warehouse.connect(url) as connection:

        def ask(name: str, **more: object) -> list[dict[str, Any]]:
            return warehouse.rows(connection, f"profile/{name}", {"area": area, "most": MOST, **more})

        found = ask("country")
        if not found:
            raise PermanentError(
                f"{area!r} is no country or territory of ours; expected a code of three letters as MAR "
                "(column `area` of bi.dim_area has them)"
            )
        headline = ask("headline")
        series = {
            key: ask("series", indicators=list(codes))
            for key, codes in (
                ("stock", STOCK),
                ("flows", FLOWS),
                ("displacement", DISPLACEMENT),
                ("remittances", REMITTANCES),
            )
        }
        origins = ask("partners", indicators=list(STOCK), as_origin=False)
        destinations = ask("partners", indicators=list(STOCK), as_origin=True)
        refugees_from = ask("partners", indicators=["REFUGEES"], as_origin=False)
        refugees_in = ask("partners", indicators=["REFUGEES"], as_origin=True)
        ages = finest(ask("ages", indicators=list(STOCK)))
        subdivisions = ask("subdivisions")
        there = ask("availability")
        figured = [row for row in there if row["state"] != "no_figures"]
        comparability = ask("comparability")
        names = {row["indicator"]: row["indicator_name"] for row in (*headline, *subdivisions, *there)}
        named: list[Sequence[Row]] = [
            headline,
            *series.values(),
            origins,
            destinations,
            refugees_from,
            refugees_in,
            ages,
            subdivisions,
        ]
        used = {row["source"] for rows in named for row in rows}
        used |= {row[key] for row in comparability for key in ("source", "other_source")}
        sources = ask("sources", sources=sorted(used))
        notices = ask("notices", sources=sorted(used))

    people = found[0]["name_en"]
    parts = (
        Part(
            "stock",
            "International migrants who live there",
            _some(
                lines(f"International migrants in {people}", series["stock"], names),
                bars(f"Where migrants in {people} come from", origins, "partner_name"),
                pyramid(f"Migrants in {people} by age and sex", ages),
            ),
            "No migrant stock is published.",
        ),
        Part(
            "abroad",
            "Its people abroad",
            _some(bars(f"Where migrants from {people} live", destinations, "partner_name")),
            "No source counts migrants from there by destination.",
        ),
        Part(
            "flows",
            "Migration flows",
            _some(lines(f"Flows to and from {people}", series["flows"], names)),
            "No flow is published.",
        ),
        Part(
            "displacement",
            "Displacement and asylum",
            _some(
                lines(f"Displaced persons in {people}", series["displacement"], names),
                bars(f"Where refugees in {people} come from", refugees_from, "partner_name"),
                bars(f"Where refugees from {people} are", refugees_in, "partner_name"),
            ),
            "No displacement is published.",
        ),
        Part(
            "remittances",
            "Remittances",
            _some(lines(f"Remittances of {people}", series["remittances"], names)),
            "No remittances are published.",
        ),
        Part(
            "subdivisions",
            "Parts of the country",
            _some(
                *(
                    bars(f"{names[code]}, by part of {people}", rows[:MOST], "subdivision_name")
                    for code, rows in _by(subdivisions, "indicator").items()
                )
            ),
            "No source has figures of parts of the country.",
        ),
    )
    return Profile(
        country=found[0],
        headline=tuple(headline),
        parts=parts,
        availability={
            code: {row["dimension"]: (row["state"], row["latest_year"]) for row in rows}
            for code, rows in _by(figured, "indicator").items()
        },
        without=tuple(dict.fromkeys(row["indicator"] for row in there if row["state"] == "no_figures")),
        dimensions=tuple(dict.fromkeys(sorted(row["dimension"] for row in figured))),
        comparability=tuple(comparability),
        bases=tuple(row for row in headline if row["concept_basis"] and row["indicator"] in STOCK),
        notices=tuple(notices),
        sources=tuple(sources),
        names=names,
    )


def _by(rows: Sequence[Row], key: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


def _some(*charts: Chart | None) -> tuple[Chart, ...]:
    return tuple(chart for chart in charts if chart is not None)


def finest(rows: Sequence[Row]) -> list[Row]:
    """The figures by age of bands that share no age: those that together tell most, the narrowest of them.

    0–4, 5–9 and 10–14 go before 0–14; 0–14 before 0–4 alone, or where one of the three has no figure.
    """

    def span(row: Row) -> tuple[int, int]:
        low = row["min_age"]
        return low, max(low, _OLDEST) if row["max_age"] is None else row["max_age"]

    told = Counter(span(row) for row in rows if row["value"] is not None)
    bands = sorted({span(row) for row in rows}, key=lambda band: (band[1], band[0]))
    # the best of the first n bands: how many years have figures, how many years, how many bands; and which
    best: list[tuple[tuple[int, int, int], frozenset[tuple[int, int]]]] = [((0, 0, 0), frozenset())]
    for number, (low, high) in enumerate(bands):
        (figured, years, count), younger = best[sum(other[1] < low for other in bands[:number])]
        wide = high - low + 1
        with_it = (figured + wide * told[low, high], years + wide, count + 1), younger | {(low, high)}
        best.append(max(best[-1], with_it, key=lambda found: found[0]))
    return [row for row in rows if span(row) in best[-1][1]]


# -- charts -------------------------------------------------------------------------------------------------------


def _picture(height: float) -> tuple[Any, Any]:
    # without a window system, and only when a page is made: matplotlib takes a second to import
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(8, height), layout="constrained")
    FigureCanvasAgg(picture)
    axes = picture.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both", color="#d9d9d9", linewidth=0.6)
    axes.set_axisbelow(True)
    return picture, axes


def _drawn(picture: Any, title: str) -> Markup:
    """The picture as SVG: text stays text, and the same figures give the same bytes."""
    from matplotlib import rc_context

    out = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "migstats", "font.family": ["DejaVu Sans", "sans-serif"]}):
        picture.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    # ids are of the page, not of the picture
    own = re.sub(r"\W+", "-", title.lower()).strip("-")
    svg = re.sub(r'id="([^"]+)"', rf'id="{own}-\1"', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{own}-", svg)
    svg = re.sub(r"^<svg ", f'<svg role="img" aria-label="{Markup.escape(title)}" ', svg)
    return Markup(svg)  # noqa: S704 - made by matplotlib, which escapes the text in it


def _short(value: float, _: object = None) -> str:
    for size, word in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:,.3g} {word}".replace("-", "−")
    return f"{value:,.4g}".replace("-", "−")


def _label(text: str) -> str:
    """A name beside a bar: two lines at most, the table below has all of it; a dollar is no formula of matplotlib."""
    lines = textwrap.wrap(text, _LINE)
    return "\n".join(lines[:2]).replace("$", r"\$") + "…" * (len(lines) > 2)


def bars(title: str, rows: Sequence[Row], label: str) -> Chart | None:
    """Horizontal bars, the largest first; None where there is nothing to draw."""
    rows = [row for row in rows if row["value"] is not None]
    if not rows:
        return None
    picture, axes = _picture(max(1.6, 0.9 + 0.34 * len(rows)))
    at = list(range(len(rows)))[::-1]
    axes.barh(at, [row["value"] for row in rows], color=_COLOURS[0], height=0.7)
    axes.set_yticks(at, [_label(row[label]) for row in rows])
    axes.xaxis.set_major_formatter(_short)
    axes.grid(axis="y", visible=False)
    for y, row in zip(at, rows, strict=True):
        axes.annotate(
            figure(row["value"]), (row["value"], y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9
        )
    axes.margins(x=0.18)
    first = rows[0]
    which = f"The {MOST} largest" if len(rows) == MOST else "Those that have a figure"
    said = f"{which} of {first['time_period']}, {first['unit_name']}. {first[label]}: {figure(first['value'])}."
    return Chart(title, said, _drawn(picture, title), tuple(rows))


def lines(title: str, rows: Sequence[Row], names: Mapping[str, str]) -> Chart | None:
    """One line per indicator over years; a year without a figure is a gap, and never nought."""
    if not any(row["value"] is not None for row in rows):
        return None
    picture, axes = _picture(3.4)
    said = []
    for number, (code, points) in enumerate(_by(rows, "indicator").items()):
        # a stock of every fifth year is joined; a year for which a source of the line says that it has none is not
        drawn = {row["source"] for row in points if row["value"] is not None}
        by_year = {row["year"]: row["value"] for row in points if row["source"] in drawn}
        known = [year for year, value in by_year.items() if value is not None]
        if not known:
            continue
        years = sorted(by_year)
        values = [float("nan") if by_year[year] is None else by_year[year] for year in years]
        style = number % len(_COLOURS)
        name = names.get(code, code)
        told = name.replace("$", r"\$")
        axes.plot(years, values, color=_COLOURS[style], marker=_MARKS[style], markersize=4, label=told)
        said.append(f"{name}: {figure(by_year[max(known)])} in {max(known)}")
    axes.yaxis.set_major_formatter(_short)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if axes.get_ylim()[0] > 0:
        axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9, loc="best")
    return Chart(title, f"{'; '.join(said)}.", _drawn(picture, title), tuple(rows))


def pyramid(title: str, rows: Sequence[Row]) -> Chart | None:
    """Women to the right, men to the left, the youngest below."""
    if not rows:
        return None
    names = {row["age"]: row["age_name"] for row in rows}
    by = {(row["age"], row["sex"]): row["value"] for row in rows if row["value"] is not None}
    picture, axes = _picture(1.0 + 0.28 * len(names))
    at = list(range(len(names)))
    for sex, side, colour, word in (("M", -1, _COLOURS[0], "men"), ("F", 1, _COLOURS[1], "women")):
        drawn = [(y, side * by[age, sex]) for y, age in zip(at, names, strict=True) if (age, sex) in by]
        axes.barh([y for y, _ in drawn], [width for _, width in drawn], color=colour, height=0.8, label=word)
    axes.set_yticks(at, list(names.values()))
    axes.xaxis.set_major_formatter(lambda value, _: _short(abs(value)))
    axes.axvline(0, color="#333333", linewidth=0.8)
    axes.legend(frameon=False, fontsize=9, loc="best")
    first = rows[0]
    said = ", ".join(
        _sum_of([by.get((age, sex)) for age in names], word) for sex, word in (("M", "men"), ("F", "women"))
    )
    said = f"{first['time_period']}, {first['unit_name']}, {len(names)} age bands: {said}."
    return Chart(title, said, _drawn(picture, title), tuple(rows))


def _sum_of(values: Sequence[float | None], word: str) -> str:
    """A sum with its word; none where a part has no figure, as it would be quietly smaller."""
    without = values.count(None)
    if without:
        return f"{word} without a sum ({without} {'band has' if without == 1 else 'bands have'} no figure)"
    return f"{figure(sum(filter(None, values)))} {word}"


# -- the page -----------------------------------------------------------------------------------------------------


def _environment() -> Environment:
    include = settings.include()
    found = Environment(
        loader=FileSystemLoader([include / "pages", include / "datadocs"]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["figure"] = figure
    return found


def page(found: Profile, *, now: dt.datetime) -> str:
    """The page of a country as HTML: style and pictures are in it."""
    style = "".join(
        (settings.include() / name).read_text(encoding="utf-8")
        for name in ("datadocs/style.css", "pages/pages.css", "pages/profile.css")
    )
    return _environment().get_template("profile.html.j2").render(profile=found, now=now, style=Markup(style))  # noqa: S704 - ours


def write_profiles(url: str, areas: Sequence[str], target: Path, *, now: dt.datetime) -> list[Path]:
    """Write the page of each of these countries and a list of all to `target`/profiles; the pages.

    Pages that are there already are made again, so that none shows what is published no more.
    """
    folder = target / "profiles"
    folder.mkdir(parents=True, exist_ok=True)
    with warehouse.connect(url) as connection:
        countries = {row["area"] for row in warehouse.rows(connection, "profile/countries")}
    made, listed = [], []
    for area in sorted({*areas} | (countries & {file.stem for file in folder.glob("*.html")})):
        found = read(url, area)
        file = folder / f"{area}.html"
        write(file, page(found, now=now))
        made.append(file)
        listed.append(found)
    style = (settings.include() / "datadocs" / "style.css").read_text(encoding="utf-8")
    index = _environment().get_template("profiles.html.j2")
    write(folder / "index.html", index.render(profiles=listed, now=now, style=Markup(style)))  # noqa: S704 - ours
    return made


def programme(url: str) -> list[str]:
    """The countries of the programme, by code."""
    with warehouse.connect(url) as connection:
        return [row["area"] for row in warehouse.rows(connection, "profile/programme")]


def published_at(url: str) -> str | None:
    """When what readers see was last changed; None where nothing was published."""
    with warehouse.connect(url) as connection:
        [row] = warehouse.rows(connection, "publication/published_at")
    return row["published_at"]  # type: ignore[no-any-return]
