"""What other parts of uploads give the portal to show: the answer to a submission, its questions, templates."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from markupsafe import Markup

from migstats import settings
from migstats.errors import MigstatsError
from migstats.uploads import answer
from migstats.uploads.contract import form_of
from migstats.uploads.messages import said
from migstats.uploads.submission import Numbered, Submission
from migstats.warehouse import Address

log = logging.getLogger("migstats")


@dataclass(frozen=True)
class Question:
    """A question of a submission as the official reads it."""

    number: int
    place: str
    text: str
    todo: str
    answer: str | None
    answered_by: str | None


def told(there: Submission, numbered: Sequence[Numbered], language: str) -> Markup | None:
    """The answer to a submission as a fragment of a page, its texts escaped; None while it is being read.

    A question that was answered is not asked again.
    """
    if there.state == "received":
        return None
    findings = [n.finding for n in numbered if n.answer is None]
    made = answer.answer_of(findings, figures=there.figures or 0, language=language, file=there.file_name)
    return Markup(answer.as_html(made))  # noqa: S704  # its template escapes every text


def question(numbered: Numbered, language: str) -> Question:
    """A question in this language."""
    finding = numbered.finding
    return Question(
        numbered.number,
        answer.place(finding, language),
        said(finding, "what", language),
        said(finding, "todo", language),
        numbered.answer,
        numbered.answered_by,
    )


def template(url: Address, form: str, country: str, year: int, language: str) -> bytes:
    """An empty workbook, with what was accepted of the country last in grey; it says so where that cannot be had."""
    from migstats.uploads.earlier import last_accepted
    from migstats.uploads.template import write

    contract, target = form_of(form), BytesIO()
    try:
        accepted = last_accepted(url, contract, country, year)
    except MigstatsError as error:
        log.warning("a template of %s %s shows no earlier figures: %s", form, country, error)
        accepted = None
    write(contract, country, year, language, target, accepted=accepted)
    return target.getvalue()


def style() -> str:
    """The style sheet of the portal, and of answers."""
    files = (settings.include() / "portal" / "style.css", settings.include() / "pages" / "answer.css")
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
