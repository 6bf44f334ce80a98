"""Delimited text as cells: encodings as declared, delimiters by consistency, quotes as Excel writes them."""

from __future__ import annotations

import codecs
import time

import pytest

from migstats.errors import DeclarationError
from migstats.uploads.csv_file import decoded, read
from migstats.uploads.finding import Finding, RefusedFileError
from migstats.uploads.limits import Limits

FRENCH = "Région;Permis\nFès-Meknès;12\nL’Oriental;0\n"
ARABIC = "البلد;التصاريح\nالمغرب;12\n"
RUSSIAN = "Страна;Разрешения\nМарокко;12\n"


def rows(content: bytes | str, *encodings: str, limits: Limits | None = None) -> dict[int, list[str]]:
    """Row → its texts, an empty text where a cell holds nothing."""
    content = content.encode() if isinstance(content, str) else content
    sheet = read(content, encodings or ("utf-8",), limits or Limits()).sheets[0]
    found: dict[int, list[str]] = {}
    for (row, column), cell in sorted(sheet.cells.items()):
        texts = found.setdefault(row, [])
        texts += [""] * (column - 1 - len(texts)) + [cell.text]
    return found


def refused(content: bytes | str, *encodings: str, limits: Limits | None = None) -> Finding:
    with pytest.raises(RefusedFileError) as caught:
        rows(content, *encodings, limits=limits)
    return caught.value.finding


# --- T01, T03 ---


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        (FRENCH, "utf-8", ["utf-8"]),
        (FRENCH, "utf-8-sig", ["utf-8"]),
        (FRENCH, "utf-8-sig", ["cp1252"]),  # the mark says it
        (FRENCH, "cp1252", ["utf-8", "cp1252", "cp1256"]),
        (FRENCH.replace("’", "'"), "cp850", ["utf-8", "cp850"]),
        (FRENCH, "mac-roman", ["utf-8", "mac-roman"]),
        (ARABIC, "cp1256", ["utf-8", "cp1256"]),
        (ARABIC, "iso-8859-6", ["utf-8", "iso-8859-6"]),
        (RUSSIAN, "cp1251", ["utf-8", "cp1251"]),
        (RUSSIAN, "koi8-r", ["utf-8", "koi8-r"]),
        (RUSSIAN, "utf-16", ["utf-8"]),
        (ARABIC, "utf-16-be", ["utf-8"]),
        ("Pays;2024\nMaroc;1\n", "ascii", ["cp1256"]),
    ],
)
def test_a_declared_encoding_is_read(text: str, encoding: str, declared: list[str]) -> None:
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    assert decoded(mark + text.encode(encoding), declared) == text


def test_the_first_declared_encoding_in_which_all_is_text_is_taken() -> None:
    """cp1252 leaves five bytes without a letter, ISO-8859-6 many: what has none of them cannot be told apart."""
    content = "Fès;œ\n".encode("cp1252")
    assert decoded(content, ["utf-8", "iso-8859-6", "cp1252"]) == "Fès;œ\n"
    assert decoded(content, ["utf-8", "cp1251", "cp1252"]) == content.decode("cp1251")  # the country's order decides
    assert decoded("ﬁ;€\n".encode("mac-roman"), ["utf-8", "mac-roman"]) == "ﬁ;€\n"


@pytest.mark.parametrize(
    ("content", "declared"),
    [
        (FRENCH.encode("cp1252"), ["utf-8", "iso-8859-6"]),
        (FRENCH.encode("utf-16-le"), ["utf-8", "cp1252"]),  # without its mark
        (b"a;b\0\n1;2", ["utf-8"]),
        (b"a;\x07b\n1;2", ["utf-8", "cp1252"]),
        ("a;\ue000b\n1;2".encode(), ["utf-8"]),
        ("a;\u0378b\n1;2".encode(), ["utf-8"]),
        (b"a;\x85b\n1;2", ["iso-8859-1"]),
    ],
)
def test_an_encoding_that_is_not_declared_is_refused_and_not_guessed(content: bytes, declared: list[str]) -> None:
    finding = refused(content, *declared)
    assert (finding.code, finding.words["tried"]) == ("encoding", ", ".join(declared))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_byte_that_is_none_of_the_only_encoding_is_named_with_its_line(end: str, mark: bytes) -> None:
    """T03."""
    content = f"Pays;2024{end}Côte d'Ivoire;1{end}F".encode() + b"\xe8" + f"s;2{end}".encode()
    finding = refused(mark + content, "utf-8")
    assert (finding.code, finding.row, finding.seen) == ("bad_byte", 3, "0xE8")


def test_a_wrong_declaration_is_ours() -> None:
    with pytest.raises(DeclarationError, match="latin-99"):
        rows(FRENCH, "latin-99")
    with pytest.raises(DeclarationError, match="no encoding is declared"):
        read(b"a;b", [], Limits())


# --- T04, T05 ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a;b\n1,5;2\n", {1: ["a", "b"], 2: ["1,5", "2"]}),
        ("a;b;c\n1,5;2,5;3,5\n", {1: ["a", "b", "c"], 2: ["1,5", "2,5", "3,5"]}),
        ("1,5;2,5;3,5\n1,5;2,5;3,5\n", {1: ["1,5", "2,5", "3,5"], 2: ["1,5", "2,5", "3,5"]}),
        ("a,b\n1.5,2\n", {1: ["a", "b"], 2: ["1.5", "2"]}),
        ("a\tb\n1,5\t2;3\n", {1: ["a", "b"], 2: ["1,5", "2;3"]}),
        ("a|b\n1,5|2\n", {1: ["a", "b"], 2: ["1,5", "2"]}),
        ("sep=;\na;b\n1;2\n", {1: ["a", "b"], 2: ["1", "2"]}),
        ("SEP=,\r\na,b\r\n1,2\r\n", {1: ["a", "b"], 2: ["1", "2"]}),
        ("sep=\t\na,x\tb\n1,5\t2\n", {1: ["a,x", "b"], 2: ["1,5", "2"]}),
        ("Permis, départs\n\na;b;c\n1;2;3\n4;5;6\nSource: HCP, 2024\n",
         {1: ["Permis, départs"], 3: ["a", "b", "c"], 4: ["1", "2", "3"],
          5: ["4", "5", "6"], 6: ["Source: HCP, 2024"]}),
        ('"Rabat, Salé";1\n"Fès, Meknès";2\n', {1: ["Rabat, Salé", "1"], 2: ["Fès, Meknès", "2"]}),
        ("a;b\n;2\n1;\n", {1: ["a", "b"], 2: ["", "2"], 3: ["1"]}),
    ],
)  # fmt: skip
def test_the_delimiter_is_the_one_that_is_consistent(text: str, expected: dict[int, list[str]]) -> None:
    assert rows(text) == expected


@pytest.mark.parametrize("text", ["Maroc 12\nTunisie 13\n", "Pays:2024\nMaroc:12\n", "Pays\nMaroc\n"])
def test_a_file_with_one_column_is_refused(text: str) -> None:
    """T05."""
    finding = refused(text)
    assert (finding.code, finding.seen) == ("one_column", text.split("\n", maxsplit=1)[0])


# --- T07, T09, T11, T13, T14 ---


@pytest.mark.parametrize(
    "text",
    [
        '"a;b"\n"1;2"\n"3;4"\n',
        '"a;""b"""\n"1;""2"""\n"3;4"\n',
        'a;b;c\n"1;""2"";3"\n4;5;6\n',
        '"a,b"\r\n"1,2"\r\n',
    ],
)
def test_lines_that_excel_quoted_as_a_whole_are_told_apart_again(text: str) -> None:
    """T07."""
    found = rows(text)
    assert found[1][:2] == ["a", "b"]
    assert found[2][:2] == ["1", "2"]


def test_a_quoted_title_is_no_quoted_line() -> None:
    assert rows('"Permis; 2024"\na;b\n1;2\n3;4\n')[1] == ["Permis; 2024"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_kind(end: str) -> None:
    """T09."""
    text = end.join(["a;b", '"Fès\nMeknès";2', "", "c;3"])
    expected = {1: ["a", "b"], 2: ["Fès\nMeknès", "2"], 4: ["c", "3"]}
    assert rows(text) == expected  # no end of the last line
    assert rows(text + end) == expected


def test_mixed_line_ends_and_the_end_mark_of_dos() -> None:
    assert rows("a;b\r\n1;2\n3;4\r5;6\r\n\x1a") == {1: ["a", "b"], 2: ["1", "2"], 3: ["3", "4"], 4: ["5", "6"]}


@pytest.mark.parametrize(("text", "row"), [('a;b\n1;2\n"3;4\n5;6\n', 3), ('a;b\n"1"x;2\n', 2), ('a;b\n"1\n', 2)])
def test_quotes_that_do_not_match_are_named_with_their_row(text: str, row: int) -> None:
    finding = refused(text)
    assert (finding.code, finding.row) == ("broken_quotes", row)


@pytest.mark.parametrize("size", [33_000, 1_000_000])
def test_a_field_as_long_as_a_book_is_refused(size: int) -> None:
    """T11."""
    finding = refused("a;b\n1;" + "x" * size + "\n")
    assert (finding.code, finding.row) == ("long_field", 2)


def test_headers_that_repeat_are_both_there() -> None:
    """T13: they are refused where the table is understood."""
    assert rows("a;a\n1;2\n")[1] == ["a", "a"]


def test_remarks_are_one_cell_and_tags_are_a_row() -> None:
    """T14."""
    text = "# Permis; source: HCP; 2024\na;b\n#country;#value+f\n1;2\n#N/A;3\n#;4\n"
    assert rows(text) == {
        1: ["# Permis; source: HCP; 2024"],
        2: ["a", "b"],
        3: ["#country", "#value+f"],
        4: ["1", "2"],
        5: ["#N/A", "3"],
        6: ["#", "4"],
    }


def test_raised_characters_stand_apart() -> None:
    """X22."""
    sheet = read("a;b\nx;12³\n".encode(), ["utf-8"], Limits()).sheets[0]
    assert (sheet.cells[2, 2].text, sheet.cells[2, 2].raised) == ("12", "³")


@pytest.mark.parametrize("text", ["=cmd|'/c calc'!A1", "+1", "@SUM(A1)", "＝1", "{{7*7}}", "<script>"])
def test_what_a_program_might_run_is_text(text: str) -> None:
    """S01, S02."""
    cell = read(f'a;b\n1;"{text}"\n'.encode(), ["utf-8"], Limits()).sheets[0].cells[2, 2]
    assert (cell.text, cell.kind, cell.formula) == (text, "text", "")


def test_too_much_is_refused() -> None:
    assert refused("a;b\n" * 60, limits=Limits(rows=50)).code == "far_cell"
    assert refused("a;b\n" * 60, limits=Limits(cells=50)).code == "too_many_cells"
    assert refused(";" * 2_000 + "a\n" + ";" * 2_000 + "b\n").code == "far_cell"
    assert refused(";" * 2_000_000 + "\n" + ";" * 2_000_000 + "\n").code == "long_field"
    assert refused("sep=;\n;;\n").code == "empty_file"


def test_a_text_made_to_keep_the_reading_busy_does_not() -> None:
    began = time.process_time()
    for text in ('"' * 200_001, ('"a;' * 50_000), "#" * 200_000, "\r" * 300_000, ";\n" * 100_000, '"""";' * 60_000):
        with pytest.raises(RefusedFileError):
            rows(text)
    assert time.process_time() - began < 5
