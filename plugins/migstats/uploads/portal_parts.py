"""What other parts of uploads give the portal to show: the answer to a submission, its questions, templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from markupsafe import Markup

from migstats import settings
from migstats.uploads import answer
from migstats.uploads.contract import form_of
from migstats.uploads.messages import said
from migstats.uploads.submission import Numbered, Submission


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


def template(form: str, country: str, year: int, language: str) -> bytes:
    """An empty workbook, without the last accepted figures: the portal may read uploads, and nothing of the facts."""
    from migstats.uploads.template import write

    target = BytesIO()
    write(form_of(form), country, year, language, target)
    return target.getvalue()


def style() -> str:
    """The style sheet of the portal, and of answers."""
    files = (settings.include() / "portal" / "style.css", settings.include() / "pages" / "answer.css")
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
