"""The answer to an official: one sentence, then what was found, grouped, as text, as HTML and as JSON.

What repeats (the same code in the same column) is told once, with its first places and how many there are.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from migstats import settings
from migstats.uploads.finding import ORDER, Finding, Weight, in_order
from migstats.uploads.grid import address, letters
from migstats.uploads.messages import Own, counted, direction, dotted, isolated, joined, said, text

#: Places of a group that are told.
PLACES: Final = 3

#: Groups that are told, the grave ones first.
GROUPS: Final = 40

#: What has to happen next: the weight of the gravest finding that asks for something.
Outcome = Literal["refused", "error", "question", "ready"]


@dataclass(frozen=True)
class Place:
    """Where one finding of a group is, and what we saw there, in words."""

    text: str
    what: str
    sheet: str
    #: `C14`; "" where the finding is about the whole file, sheet, row or column.
    cell: str


@dataclass(frozen=True)
class Group:
    """Findings of one code in one column of one sheet."""

    code: str
    count: int
    places: tuple[Place, ...]
    why: str
    todo: str
    example: str
    #: How many places there are besides, in words; "" where all are told.
    more: str

    @property
    def same(self) -> bool:
        """Whether the same was seen at all places that are told."""
        return len({place.what for place in self.places}) == 1


@dataclass(frozen=True)
class Section:
    """The groups of one weight; `count` findings, those of groups that are not told too."""

    weight: Weight
    title: str
    count: int
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Answer:
    """What an official is told about a file. `dataclasses.asdict` gives plain lists, texts and numbers."""

    language: str
    direction: str
    outcome: Outcome
    figures: int
    title: str
    sentence: str
    sections: tuple[Section, ...]
    #: That there is nothing to correct, where nothing was found; else "".
    nothing: str
    #: How many findings are not told, in words; "" where all are.
    more: str


# -- making it --------------------------------------------------------------------------------------------------


def answer_of(
    findings: Iterable[Finding],
    *,
    figures: int,
    language: str,
    file: str = "",
    sheets: Sequence[str] = (),
) -> Answer:
    """The answer about a file called `file` of which `figures` figures were understood.

    `sheets` are the names of its sheets as they stand in it. DeclarationError for a code without texts.
    """
    found = in_order(findings, sheets)
    counts = Counter(finding.weight for finding in found)
    outcome: Outcome = next((w for w in ("refused", "error", "question") if counts[w]), "ready")
    sections = []
    told = 0
    left = GROUPS
    for weight in ORDER:
        groups = _gathered(finding for finding in found if finding.weight == weight)[:left]
        left -= len(groups)
        told += sum(len(group) for group in groups)
        if groups:
            title = text(dotted("weight", weight, "title"), language)
            shown = tuple(_group(group, language) for group in groups)
            sections.append(Section(weight, title, counts[weight], shown))
    rest = len(found) - told
    return Answer(
        language=language,
        direction=direction(language),
        outcome=outcome,
        figures=0 if outcome == "refused" else figures,
        title=text("answer.title", language, file=file) if file else "",
        sentence=_sentence(outcome, figures, counts, language),
        sections=tuple(sections),
        nothing="" if found else text("answer.none", language),
        more=counted("answer.more_groups", rest, language) if rest else "",
    )


def _sentence(outcome: Outcome, figures: int, counts: Counter[Weight], language: str) -> str:
    if outcome == "refused":
        clauses = [text("answer.refused", language)]
    else:
        clauses = [counted("answer.understood", figures, language)]
        if counts["error"]:
            clauses.append(counted("answer.errors", counts["error"], language))
        if counts["question"]:
            clauses.append(counted("answer.questions", counts["question"], language))
    next_step = text(dotted("answer", "next", outcome), language)
    return text("answer.sentence", language, clauses=Own(joined(clauses, language)), next=Own(next_step))


def _gathered(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings of one code in one column; those about a whole file, sheet or table only where they say the same."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        key: tuple[object, ...] = (finding.code, finding.sheet, finding.column)
        if not finding.row or finding.weight == "refused":
            key = (*key, finding.seen, *sorted(finding.words.items()))
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def _group(findings: Sequence[Finding], language: str) -> Group:
    first = findings[0]
    rest = len(findings) - PLACES
    return Group(
        code=first.code,
        count=len(findings),
        places=tuple(
            Place(
                place(finding, language),
                said(finding, "what", language),
                finding.sheet,
                address(finding.row, finding.column) if finding.row and finding.column else "",
            )
            for finding in findings[:PLACES]
        ),
        why=said(first, "why", language),
        todo=said(first, "todo", language),
        example=said(first, "example", language),
        more=counted("answer.more_places", rest, language) if rest > 0 else "",
    )


def place(finding: Finding, language: str) -> str:
    """Where a finding is, in words: `sheet “Permits”, cell C14`; of a text file, that has no sheets, `row 14`."""
    words: dict[str, str | Own] = {"sheet": finding.sheet}
    if finding.row and finding.column:
        kind = "cell" if finding.sheet else "cell_alone"
        words["cell"] = Own(isolated(address(finding.row, finding.column)))
    elif finding.row or finding.column:
        kind = ("row" if finding.row else "column") + ("" if finding.sheet else "_alone")
    else:
        kind = "sheet" if finding.sheet else "file"
    if finding.row:
        words["row"] = Own(str(finding.row))
    if finding.column:
        words["column"] = Own(isolated(letters(finding.column)))
    return text(dotted("place", kind), language, **words)


# -- showing it -------------------------------------------------------------------------------------------------


def as_text(answer: Answer) -> str:
    """Plain text for a mail or a terminal: no line has an escape sequence or a character that nobody sees."""
    label = {name: text(dotted("part", name), answer.language) for name in ("place", "what", "why", "todo", "example")}

    def line(name: str, said: str) -> str:
        return text("line", answer.language, label=Own(label[name]), said=Own(said))

    lines = [answer.title, ""] if answer.title else []
    lines.append(answer.sentence)
    if answer.nothing:
        lines += ["", answer.nothing]
    for section in answer.sections:
        lines += ["", f"== {section.title} ({section.count}) =="]
        for number, group in enumerate(section.groups, start=1):
            lines.append("")
            first = group.places[0]
            if group.same:
                where = " · ".join(place.text for place in group.places)
                lines.append(f"{number}. {line('place', where)}{' ' + group.more if group.more else ''}")
                lines.append(f"   {line('what', first.what)}")
            else:
                lines.append(f"{number}. {label['what']}")
                lines += [
                    f"   - {text('line', answer.language, label=Own(place.text), said=Own(place.what))}"
                    for place in group.places
                ]
                lines += [f"   - {group.more}"] if group.more else []
            lines += [f"   {line(part, getattr(group, part))}" for part in ("why", "todo", "example")]
    if answer.more:
        lines += ["", answer.more]
    return "\n".join(lines) + "\n"


def as_json(answer: Answer) -> str:
    """The answer as JSON."""
    return json.dumps(dataclasses.asdict(answer), ensure_ascii=False)


def as_html(answer: Answer) -> str:
    """A fragment of a page; every text in it is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(settings.include() / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    label = {name: text(dotted("part", name), answer.language) for name in ("place", "what", "why", "todo", "example")}
    return templates.get_template("answer.html.j2").render(answer=answer, label=label)
