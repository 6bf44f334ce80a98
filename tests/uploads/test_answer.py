"""The answer to an official: one sentence, what was found where, and nothing that an uploader could put into it."""

from __future__ import annotations

import dataclasses
import html
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from migstats.names import LANGUAGES
from migstats.uploads.answer import GROUPS, answer_of, as_html, as_json, as_text, place
from migstats.uploads.finding import CODES, Finding

SHEET = "Labour permits"
FOUND = (
    Finding("extra_column", SHEET, 0, 8, "Remarks"),
    Finding("unknown_code", SHEET, 14, 1, "Marocco", {"nearest": "Morocco"}),
    Finding("unknown_code", SHEET, 15, 1, "Tunesia", {"nearest": "Tunisia"}),
    Finding("unknown_code", SHEET, 18, 1, "Germani"),
    Finding("unknown_code", SHEET, 22, 1, "Francce", {"nearest": "France"}),
    Finding("not_a_number", SHEET, 5, 5, "1 234 pers."),
    Finding("missing_figure", SHEET, 6, 5),
    Finding("missing_figure", SHEET, 7, 5),
    Finding("sum_differs", SHEET, 9, 5, "1000", {"sum": "1010", "total": "1000"}),
    Finding("row_twice", SHEET, 11, 0, "", {"other": "A9"}),
    Finding("outlier", SHEET, 8, 6, "12340", {"before": "1234"}),
    Finding("hidden_sheet", "old"),
)
EVIL = (
    "=cmd|'/c calc'!A1",
    "\t=1+1",
    "＝1+1",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{7*7}}",
    "${7*7}",
    "{% raw %}",
    "'; drop table x",
    "%s %(x)s",
    "a\x00b",
    "\x1b[31mred",
    "\u202egnp.exe",
)


@pytest.mark.parametrize("language", ["en", "fr", "ar"])
def test_the_answer_is_the_text_that_was_agreed(language: str) -> None:
    """`answers/<language>.txt` is what a person read and found right; a change of it is to be read again."""
    answer = answer_of(FOUND, figures=1204, language=language, file="permits 2025.xlsx", sheets=(SHEET, "old"))
    agreed = Path(__file__).with_name("answers") / f"{language}.txt"
    assert as_text(answer) == agreed.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_a_word_of_a_finding_may_be_called_anything(code: str, language: str) -> None:
    words = dict.fromkeys(("language", "key", "n", "words", "found", "kind"), "fr")
    assert as_text(answer_of([Finding(code, SHEET, 5, 5, "x", words)], figures=1, language=language))


@pytest.mark.parametrize(
    ("findings", "figures", "outcome", "sentence"),
    [
        ((), 1204, "ready", "We understood 1,204 figures; please look at the preview and confirm the figures."),
        (
            (Finding("columns_moved", SHEET),),
            1,
            "ready",
            "We understood one figure; please look at the preview and confirm the figures.",
        ),
        (
            (Finding("hidden_sheet", "old"),),
            12,
            "question",
            "We understood 12 figures and one question needs your answer; "
            "please answer below, and then confirm the figures.",
        ),
        (
            (Finding("missing_figure", SHEET, 3, 5), Finding("hidden_sheet", "old")),
            12,
            "error",
            "We understood 12 figures, one problem has to be corrected, and one question needs your answer; "
            "please correct your file and send it again.",
        ),
        (
            (Finding("password"), Finding("missing_figure", SHEET, 3, 5)),
            12,
            "refused",
            "We could not use this file, and no figure of it was taken; "
            "please do what is said below and send it again.",
        ),
    ],
)
def test_one_sentence_says_what_happens_next(
    findings: tuple[Finding, ...], figures: int, outcome: str, sentence: str
) -> None:
    answer = answer_of(findings, figures=figures, language="en")
    assert (answer.outcome, answer.sentence) == (outcome, sentence)
    assert answer.figures == (0 if outcome == "refused" else figures)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_without_findings_is_no_empty_list(language: str) -> None:
    answer = answer_of((), figures=3, language=language)
    assert answer.nothing
    assert answer.nothing in as_text(answer)
    assert answer.nothing in html.unescape(as_html(answer))
    assert "<ol" not in as_html(answer)


def test_weights_stand_apart_the_grave_ones_first() -> None:
    found = (Finding("columns_moved"), Finding("outlier", SHEET, 3, 5), Finding("too_low", SHEET, 3, 5))
    sections = answer_of((*found, Finding("no_table")), figures=0, language="en").sections
    assert [section.weight for section in sections] == ["refused", "error", "question", "notice"]


def test_what_repeats_in_a_column_is_told_once() -> None:
    (section,) = answer_of(
        [Finding("missing_figure", SHEET, row, column) for row in range(2, 42) for column in (5, 6)],
        figures=0,
        language="en",
    ).sections
    assert [(group.count, group.more) for group in section.groups] == [(40, "and 37 more places")] * 2
    assert [place.cell for place in section.groups[0].places] == ["E2", "E3", "E4"]
    assert section.groups[0].same


def test_what_differs_is_told_for_each_place() -> None:
    (section,) = answer_of(FOUND[1:5], figures=0, language="en").sections
    (group,) = section.groups
    assert not group.same
    assert ["Morocco" in place.what for place in group.places] == [True, False, False]
    assert group.more == "and one more place"


def test_findings_about_the_whole_file_stay_apart_where_they_say_something_else() -> None:
    found = [Finding("header_missing", words={"header": header}) for header in ("Sex", "Age", "Age")]
    (section,) = answer_of(found, figures=0, language="en").sections
    assert [(group.places[0].what, group.count) for group in section.groups] == [
        ("The column “\u2068Sex\u2069” is missing.", 1),
        ("The column “\u2068Age\u2069” is missing.", 2),
    ]


def test_every_missing_header_is_named() -> None:
    headers = ("Sex", "Age", "Region", "Permits", "Departures")
    found = [Finding("header_missing", SHEET, 1, 0, "", {"header": header}) for header in headers]
    shown = as_text(answer_of(found, figures=0, language="en"))
    assert [header for header in headers if f"\u2068{header}\u2069” is missing" in shown] == list(headers)


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (Finding("too_low", SHEET, 14, 3), "sheet “\u2068Labour permits\u2069”, cell \u2068C14\u2069"),
        (Finding("too_low", SHEET, 14, 0), "sheet “\u2068Labour permits\u2069”, row 14"),
        (Finding("too_low", SHEET, 0, 28), "sheet “\u2068Labour permits\u2069”, column \u2068AB\u2069"),
        (Finding("too_low", SHEET), "sheet “\u2068Labour permits\u2069”"),
        (Finding("too_low", "", 14, 3), "row 14, column \u2068C\u2069"),
        (Finding("too_low", "", 14), "row 14"),
        (Finding("too_low", "", 0, 3), "column \u2068C\u2069"),
        (Finding("too_low"), "the whole file"),
    ],
)
def test_a_place_is_told_in_words(finding: Finding, words: str) -> None:
    assert place(finding, "en") == words


def test_ten_thousand_findings_are_cut_short_quickly_and_the_answer_says_so() -> None:
    found = [Finding("not_a_number", SHEET, 2 + n // 100, 1 + n % 100, f"x{n}") for n in range(10_000)]
    began = time.process_time()
    answer = answer_of(found, figures=0, language="ar")
    whole = as_text(answer) + as_html(answer) + as_json(answer)
    assert time.process_time() - began < 2
    assert len(whole) < 200_000
    assert sum(len(section.groups) for section in answer.sections) == GROUPS
    assert answer.sections[0].count == 10_000
    told = sum(group.count for section in answer.sections for group in section.groups)
    english = answer_of(found, figures=0, language="en")
    assert english.more == f"{10_000 - told:,} more findings are not listed here. " + (
        "They are shown when those above are settled."
    )


def test_the_answer_is_json() -> None:
    answer = answer_of(FOUND, figures=1204, language="fr")
    assert json.loads(as_json(answer)) == json.loads(json.dumps(dataclasses.asdict(answer)))
    assert json.loads(as_json(answer))["sections"][0]["groups"][0]["places"][0]["cell"] == "E5"


class Tags(HTMLParser):
    """Names of tags and of attributes, and all text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("evil", EVIL)
def test_no_text_of_an_uploader_does_anything(evil: str) -> None:
    found = (
        Finding("unknown_code", evil, 3, 1, evil, {"nearest": evil, "no such word": evil}),
        Finding("hidden_sheet", evil),
        Finding("sum_differs", evil, 4, 1, evil, {"sum": evil, "total": evil}),
    )
    answer = answer_of(found, figures=1, language="en", file=evil)
    page = Tags()
    page.feed(as_html(answer))
    assert page.tags <= {"section", "h2", "h3", "p", "span", "ol", "ul", "li", "dl", "dt", "dd"}
    assert page.attributes <= {"class", "id", "lang", "dir", "role", "aria-labelledby", "data-outcome", "data-code"}
    shown = as_text(answer)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e]", shown + page.text)
    assert "49" not in shown + page.text
    assert not any(line.lstrip().startswith(("=", "+", "@", "＝")) for line in shown.splitlines() if line[:2] != "==")
    assert shown.count("\u2068") == shown.count("\u2069")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_has_the_direction_of_its_language(language: str) -> None:
    page = as_html(answer_of(FOUND, figures=1, language=language))
    assert f'lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"' in page
