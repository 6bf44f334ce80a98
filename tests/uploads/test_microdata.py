"""Records of persons are refused, and a finding never repeats what stands in them."""

from __future__ import annotations

import pytest
from grids import HEADER, Seen, read, rows, said, sheet

ROW: list[Seen] = ["FRA", "_T", "F", "_T", 10, 4]


def records(header: str, *texts: Seen, beside: str = "Sexe") -> list[list[Seen]]:
    return [[beside, header, "Pays"], *[["F", text, "FRA"] for text in texts]]


NAMES = ("Alami Amal", "Idrissi Omar", "Tazi Salma", "Fassi Nour", "Bennani Aya", "Chraibi Adam")

PERSONS: list[tuple[str, list[list[Seen]], str]] = [
    ("names", records("Nom et prénom", *NAMES), "person"),
    ("names, Spanish", records("Apellidos", "García", "Pérez", "Mora"), "person"),
    ("names, Arabic", records("الاسم الكامل", "أمل العلمي", "عمر الإدريسي"), "person"),
    ("names, Russian", records("ФИО", "Иванов Иван", "Петров Пётр"), "person"),
    ("a word that may head places", records("Nom", *NAMES), "person"),
    ("birth dates", records("Date de naissance", "01/02/1990", "03/04/1985"), "birth"),
    ("passports", records("Passport No.", "AB123456", "AB123457"), "document"),
    ("identity cards", records("CNIE", "BK123456", "BE654321"), "document"),
    ("telephones", records("Téléphone", "+212 600-000001", "0600000002"), "phone"),
    ("e-mails", records("Courriel", "a@b.org", "c@d.org"), "email"),
    ("e-mails without a header", records("contact", "a@b.org", "c@d.org", "e@f.org"), "email"),
    ("passports without a header", records("réf", *[f"AB{n}" for n in range(123456, 123466)]), "document"),
    ("telephones without a header", records("contact", *[f"+2126000000{n}" for n in range(10, 20)]), "phone"),
    ("very long numbers", records("réf", *["9" * 5000 + str(n) for n in range(10, 22)]), "id"),
    ("long numbers", records("réf", *[str(10**11 + 97 * n) for n in range(10)]), "id"),
    ("a column unique per row, no figures", records("réf", *[f"D-{7 * n}" for n in range(12)]), "id"),
]


@pytest.mark.parametrize(("lines", "about"), [row[1:] for row in PERSONS], ids=[row[0] for row in PERSONS])
def test_records_of_persons_are_refused_and_not_repeated(lines: list[list[Seen]], about: str) -> None:
    found = read(sheet(lines))
    [finding] = found.findings
    assert (finding.code, finding.words["about"], finding.row, finding.column) == ("microdata", about, 1, 2)
    assert finding.seen == ""
    told = repr(found)
    assert not [text for line in lines[1:] for text in line[1:2] if str(text) in told]


def test_a_column_of_persons_in_a_table_of_the_form_is_refused_too() -> None:
    assert said(rows([*ROW, "a@b.org"], header=[*HEADER, "E-mail"])) == ["microdata G1"]


def test_they_are_found_on_hidden_sheets() -> None:
    table: list[list[Seen]] = [list(HEADER), ROW]
    hidden = sheet(records("Passeport", "AB123456", "AB123457"), "x", hidden=True)
    assert said(read(sheet(table), hidden)) == ["microdata B1"]


ALLOWED: list[tuple[str, list[list[Seen]]]] = [
    (
        "whom to ask, above the table",
        [["Nom :", "Amal Alami"], ["E-mail :", "a@b.org"], ["Téléphone", "+212 600000000"]],
    ),
    ("a title", [["Source : registre des passeports"]]),
]


@pytest.mark.parametrize("above", [row[1] for row in ALLOWED], ids=[row[0] for row in ALLOWED])
def test_a_line_of_contact_is_no_record(above: list[list[Seen]]) -> None:
    found = read(sheet([*above, HEADER, ROW]))
    assert (said(found), len(found.figures)) == ([], 2)


def test_numbers_of_lines_and_remarks_beside_figures_are_no_records() -> None:
    areas = ("FRA", "ESP", "ITA", "DEU", "BEL", "NLD", "PRT", "CHE", "AUT", "SWE", "NOR", "DNK")
    lines: list[list[Seen]] = [
        [n, area, "_T", "F", "_T", 10 + n, 4, f"voir {n}"] for n, area in enumerate(areas, start=1)
    ]
    found = rows(*lines, header=["N°", *HEADER, "Observations"])
    assert (said(found), len(found.figures)) == (["extra_column A1", "extra_column H1"], 24)
