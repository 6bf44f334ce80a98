"""The messages to officials: whole in five languages, and unable to be used against their readers."""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from babel import Locale
from babel.messages.pofile import read_po

from migstats.errors import DeclarationError
from migstats.names import LANGUAGES
from migstats.uploads.finding import CODES, ORDER, Finding
from migstats.uploads.messages import (
    KINDS,
    PARTS,
    Own,
    catalogue,
    counted,
    date,
    direction,
    joined,
    number,
    path_of,
    quoted,
    said,
    text,
    visible,
)

ROOT = Path(__file__).resolve().parents[2]
OTHERS = tuple(language for language in LANGUAGES if language != "en")

#: Messages that are made of words alone: two languages may have them alike.
NO_LANGUAGE = {"quoted", "line", "answer.sentence"}

#: States of which an official is told by mail.
MAILED = ("received", "rejected", "checked", "ready", "published", "superseded")

#: Words that are always known; what speaks another one stands in an optional part.
KNOWN = {"seen", "header", "sheet", "kind", "how", "sum", "total"}

Messages = Mapping[str, Mapping[str, tuple[str, ...]]]


def messages() -> dict[str, dict[str, tuple[str, ...]]]:
    return {language: dict(catalogue(language).messages) for language in LANGUAGES}


def keys_in_code() -> set[str]:
    """Keys that stand in the code and in the templates, and those that are put together from lists."""
    sources = [*(ROOT / "plugins" / "migstats" / "uploads").rglob("*.py"), *(ROOT / "include" / "pages").glob("*.j2")]
    literal = {key for path in sources for key in re.findall(r'"([a-z_]+(?:\.[a-z_]+)*)"', path.read_text("utf-8"))}
    together = {f"finding.{code}.{part}" for code in CODES for part in PARTS}
    together |= {f"kind.{kind}.{part}" for kind in KINDS for part in ("name", "todo")}
    together |= {f"weight.{weight}.{part}" for weight in ORDER for part in ("word", "title")}
    together |= {f"answer.next.{outcome}" for outcome in ("refused", "error", "question", "ready")}
    together |= {f"mail.{state}.{part}" for state in MAILED for part in ("subject", "body")}
    together |= {f"part.{part}" for part in ("place", *PARTS)}
    together |= {f"place.{where}" for where in ("file", "sheet", "row", "column", "row_alone", "column_alone")}
    together |= {f"place.{where}" for where in ("cell", "cell_alone")}
    return literal | together


def needed() -> set[str]:
    """Keys that every catalogue has to have."""
    calls = re.compile(r'\b(?:text|counted|_message)\(\s*"([a-z_.]+)"')
    sources = [ROOT / "plugins" / "migstats" / "uploads" / f"{name}.py" for name in ("messages", "answer", "marked")]
    called = {key for path in sources for key in calls.findall(path.read_text("utf-8"))}
    return called | {
        key
        for key in keys_in_code()
        if re.match(r"(finding|kind|weight|answer|part|place|mail)\.[a-z]", key) and not key.endswith(".css")
    }


def words(message: str) -> set[str]:
    return set(re.findall(r"\{(.*?)\}", message))


def wrong_with(found: Messages) -> list[str]:
    """All that is wrong with the catalogues, a line each."""
    wrong = []
    for language in LANGUAGES:
        here, english = found[language], found["en"]
        wrong += [f"{language}: {key}: missing" for key in sorted(needed() - set(here))]
        wrong += [f"{language}: {key}: unused" for key in sorted(set(here) - keys_in_code())]
        for key, forms in here.items():
            if any(not form.strip() for form in forms):
                wrong.append(f"{language}: {key}: empty")
            for form in forms:
                rest = re.sub(r"\[\[(?:(?!\[\[|\]\]).)+\]\]", "", form)
                if "[[" in rest or "]]" in rest or re.search(r"[{}]", re.sub(r"\{[a-z_]+\}", "", form)):
                    wrong.append(f"{language}: {key}: brackets")
            if key in english and words(forms[-1]) != words(english[key][-1]):
                wrong.append(f"{language}: {key}: words")
            if language != "en" and key not in NO_LANGUAGE and english.get(key, ("",))[-1] == forms[-1]:
                wrong.append(f"{language}: {key}: untranslated")
    return wrong


def test_every_language_says_everything() -> None:
    assert wrong_with(messages()) == []


def drop(found: Any) -> None:
    del found["fr"]["finding.unknown_code.todo"]


def empty(found: Any) -> None:
    found["es"]["finding.unknown_code.todo"] = (" ",)


def lose_a_word(found: Any) -> None:
    found["ar"]["finding.unknown_code.what"] = ("غير موجود في قائمتنا.",)


def add(found: Any) -> None:
    found["ru"]["finding.unknown_code.joke"] = ("Шутка",)


def copy(found: Any) -> None:
    found["ru"]["part.what"] = found["en"]["part.what"]


def open_bracket(found: Any) -> None:
    found["fr"]["finding.unknown_code.what"] = ("{seen} n'est pas dans la liste[[, {nearest}.",)


@pytest.mark.parametrize(
    ("break_it", "line"),
    [
        (drop, "fr: finding.unknown_code.todo: missing"),
        (empty, "es: finding.unknown_code.todo: empty"),
        (lose_a_word, "ar: finding.unknown_code.what: words"),
        (add, "ru: finding.unknown_code.joke: unused"),
        (copy, "ru: part.what: untranslated"),
        (open_bracket, "fr: finding.unknown_code.what: brackets"),
    ],
)
def test_each_fault_of_a_catalogue_is_found(break_it: Callable[[Any], None], line: str) -> None:
    broken = messages()
    break_it(broken)
    assert wrong_with(broken) == [line]


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_fuzzy_and_plural_forms_are_all_there(language: str) -> None:
    with path_of(language).open("rb") as file:
        read = read_po(file, locale=language, abort_invalid=True)
    assert [m.id for m in read if m.id and m.fuzzy] == []
    assert not read.obsolete
    assert {len(m.string) for m in read if m.pluralizable} == {read.num_plurals}


@pytest.mark.parametrize("language", OTHERS)
def test_a_translator_sees_the_english_that_holds(language: str) -> None:
    """The English of today stands above each message: who changes it has to look at the four others."""
    with path_of(language).open("rb") as file:
        seen = {
            m.id if isinstance(m.id, str) else m.id[0]: m.auto_comments[0] if m.auto_comments else ""
            for m in read_po(file, locale=language)
            if m.id
        }
    assert seen == {key: forms[-1].strip().replace("\n", " / ") for key, forms in catalogue("en").messages.items()}


@pytest.mark.parametrize(("language", "letters"), [("ar", r"[\u0621-\u064a]"), ("ru", r"[а-яё]")])
def test_messages_are_in_the_script_of_their_language(language: str, letters: str) -> None:
    without = {"line", "quoted", "answer.sentence", "marked.number"} | {"finding.wrong_period.example"}
    bare = {key for key, forms in catalogue(language).messages.items() if not re.search(letters, forms[-1])}
    examples = {key for key in bare if key.endswith(".example")}
    assert bare - examples <= without


@pytest.mark.parametrize("language", LANGUAGES)
def test_plural_forms_are_those_of_unicode(language: str) -> None:
    tags = {"en": ["one", "other"], "es": ["one", "other"], "fr": ["one", "other"], "ru": ["one", "few", "many"]}
    tags["ar"] = ["zero", "one", "two", "few", "many", "other"]
    rule = Locale.parse(language).plural_form
    form_of = catalogue(language).form_of
    assert [tags[language][form_of(n)] for n in range(250)] == [rule(n) for n in range(250)]


@pytest.mark.parametrize(
    ("language", "n", "expected"),
    [
        ("en", 1, "one problem has to be corrected"),
        ("en", 1234, "1,234 problems have to be corrected"),
        ("fr", 0, "0 problème est à corriger"),
        ("es", 1, "hay 1 problema por corregir"),
        ("ar", 1, "توجد مشكلة واحدة للتصحيح"),
        ("ar", 2, "توجد مشكلتان للتصحيح"),
        ("ar", 7, "توجد 7 مشكلات للتصحيح"),
        ("ar", 15, "توجد 15 مشكلة للتصحيح"),
        ("ru", 21, "нужно исправить 21 ошибку"),
        ("ru", 3, "нужно исправить 3 ошибки"),
        ("ru", 12, "нужно исправить 12 ошибок"),
    ],
)
def test_counts_are_spoken(language: str, n: int, expected: str) -> None:
    assert counted("answer.errors", n, language) == expected


@pytest.mark.parametrize(
    ("language", "expected", "below"),
    [
        ("en", "1,234,567.25", "\u2068-3\u2069"),
        ("fr", "1\u202f234\u202f567,25", "\u2068-3\u2069"),
        ("es", "1.234.567,25", "\u2068-3\u2069"),
        ("ar", "1,234,567.25", "\u2068\u200e-3\u2069"),
        ("ru", "1\u00a0234\u00a0567,25", "\u2068-3\u2069"),
    ],
)
def test_numbers_are_written_as_the_language_does(language: str, expected: str, below: str) -> None:
    assert number(Decimal("1234567.25"), language) == expected
    assert number(-3, language).replace("\u200e", "") == below.replace("\u200e", "")


def test_dates_are_written_as_the_language_does_with_latin_digits() -> None:
    day = dt.date(2026, 11, 26)
    assert [date(day, language) for language in LANGUAGES] == [
        "November 26, 2026",
        "26 novembre 2026",
        "26 de noviembre de 2026",
        "26 نوفمبر 2026",
        "26 ноября 2026\u202fг.",
    ]
    assert date(dt.datetime(2026, 11, 26, 9, 5, tzinfo=dt.UTC), "en") == "November 26, 2026 09:05"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Maroc", "Maroc"),
        ("a\x00b\tc\r\n", "a\u2400b\u2409c\u240d\u240a"),
        ("\u202eexe.xslx", "<U+202E>exe.xslx"),
        ("a\u2069b\u200bc\ufeff", "a<U+2069>b<U+200B>c<U+FEFF>"),
        ("\ud800\uffff\x7f\x85", "<U+D800><U+FFFF>\u2421<U+0085>"),
        ("\U000e0041", "<U+E0041>"),
        ("1\u202f234", "1\u202f234"),
        ("x" * 161, "x" * 160 + "…"),
    ],
)
def test_what_nobody_sees_is_made_visible(written: str, shown: str) -> None:
    assert visible(written) == shown


INJECTED = ["{seen}", "[[{seen}]]", "{{7*7}}", "%(x)s %s", "</b><script>", "=cmd|'/c calc'!A1", "\\1 \\g<0>"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("word", INJECTED)
def test_a_word_is_put_in_as_it_is_and_never_read_as_a_message(language: str, word: str) -> None:
    what = said(Finding("not_a_number", seen=word), "what", language)
    assert f"\u2068{word}\u2069" in what
    assert quoted(word, language) in what


def test_optional_parts_are_left_out_where_a_word_is_not_known() -> None:
    known = Finding("unknown_code", seen="Marocco", words={"nearest": "Morocco"})
    assert said(known, "what", "en") == "“\u2068Marocco\u2069” is not in our list. Do you mean “\u2068Morocco\u2069”?"
    assert said(Finding("unknown_code", seen="X"), "what", "en") == "“\u2068X\u2069” is not in our list."
    assert said(Finding("unknown_code", seen="X", words={"nearest": ""}), "what", "en").endswith("list.")


def test_a_flag_in_brackets_is_no_raised_digit() -> None:
    shown = [said(Finding("mark_beside", "S", 2, 5, "200 (p)"), part, "en") for part in PARTS]
    assert "“\u2068200 (p)\u2069”" in shown[0]
    assert not any("raised" in text or "123" in text for text in shown)


@pytest.mark.parametrize(
    ("language", "one", "several"),
    [
        ("en", "cells: row 15.", "cells: rows 15-16."),
        ("fr", "masquées : ligne 15.", "masquées : lignes 15-16."),
        ("es", "ocultas: fila 15.", "ocultas: filas 15-16."),
        ("ar", "مخفية: الصف 15.", "مخفية: الصفوف 15-16."),
        ("ru", "цифры: строка 15.", "цифры: строки 15-16."),
    ],
)
def test_one_hidden_row_is_no_rows(language: str, one: str, several: str) -> None:
    for words, end in (({"row": "15"}, one), ({"rows": "15-16"}, several)):
        shown = said(Finding("hidden_cells", "S", 15, 0, words=words), "what", language)
        assert re.sub("[\u2068\u2069]", "", shown).replace("\u00a0", " ").endswith(end)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_finding_without_further_words_is_a_sentence(language: str) -> None:
    for code, part in itertools.product(CODES, PARTS):
        message = catalogue(language).messages[f"finding.{code}.{part}"][0]
        assert words(re.sub(r"\[\[.*?\]\]", "", message)) <= KNOWN
        shown = said(Finding(code, "S", 1, 1, "x", {"kind": "pdf", "sum": "1", "total": "2"}), part, language)
        assert not re.search(r"\{|\}|\[\[|\]\]|  ", shown), shown
        assert "…" not in shown or part == "example", shown
        assert len(shown) < 400


@pytest.mark.parametrize("kind", [*KINDS, "nonsense"])
def test_a_wrong_kind_of_file_is_named_with_how_to_save_it(kind: str) -> None:
    finding = Finding("wrong_kind", words={"kind": kind})
    name = text(f"kind.{kind if kind in KINDS else 'unknown'}.name", "en")
    assert said(finding, "what", "en").startswith(f"The file is {name}, ")
    assert said(finding, "todo", "en").endswith("Then send the new file.")


def test_words_of_ours_are_not_quoted_and_numbers_among_them_are_written() -> None:
    finding = Finding("too_big", words={"found": "26.3", "limit": "25"})
    assert "il fait 26,3 Mo, et nous acceptons au plus 25 Mo." in said(finding, "what", "fr")
    in_bytes = Finding("unpacks_too_big", words={"found": "9999999999", "limit": "209715200"})
    assert "more than 200 MB." in said(in_bytes, "what", "en")
    assert "1 010" in said(Finding("sum_differs", words={"sum": "1010", "total": "1"}), "what", "fr").replace(
        "\u202f", " "
    )


@pytest.mark.parametrize(
    ("finding", "part"),
    [
        (Finding("wrong_country", seen="TUN", words={"expected": "MAR"}), "Tunisie\u2069 » au lieu de « \u2068Maroc"),
        (Finding("wrong_country", seen="Tunis", words={"expected": "MAR"}), "Tunis\u2069 » au lieu de « \u2068Maroc"),
        (Finding("wrong_form", seen="labour_permits"), "« \u2068Permis de migration de travail et départs\u2069 »"),
        (Finding("wrong_form", seen="no_such"), "« \u2068no_such\u2069 »"),
    ],
)
def test_codes_of_countries_and_forms_are_told_by_name(finding: Finding, part: str) -> None:
    assert part in said(finding, "what", "fr").replace("\u00a0", " ")


def test_microdata_is_never_said_again() -> None:
    """What was seen of a person is in no text."""
    for language, part in itertools.product(LANGUAGES, PARTS):
        assert "AB123456" not in said(Finding("microdata", "S", 2, 1, "AB123456"), part, language)
    for language in LANGUAGES:
        assert not any("seen" in catalogue(language).messages[f"finding.microdata.{part}"][0] for part in PARTS)


def test_faults_of_ours_are_told() -> None:
    with pytest.raises(DeclarationError, match="none of the languages"):
        text("line", "de")
    with pytest.raises(DeclarationError, match=r"en\.po: no_such: has no message"):
        text("no_such", "en")
    assert text("line", "en", label=Own("a"), said=Own("b")) == "a: b"


def test_languages_have_a_direction_and_enumerate() -> None:
    assert [direction(language) for language in LANGUAGES] == ["ltr", "ltr", "ltr", "rtl", "ltr"]
    assert joined(["a", "b", "c"], "fr") == "a, b et c"
