"""Where the table of a form is in a file, and which file is refused rather than read with its columns shifted."""

from __future__ import annotations

import pytest
from grids import HEADER, PROPERTIES, SHEET, Seen, form, read, rows, said, sheet, values

from migstats.names import LANGUAGES
from migstats.uploads.finding import Finding
from migstats.uploads.sheet_layout import KEY_CHECK, Stamp, key_check, last_header

ROW: list[Seen] = ["FRA", "_T", "F", "_T", 10, 4]
KEYS = HEADER[:4]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_headers_of_every_language_are_understood(language: str) -> None:
    header = [column.header.of(language) for column in form().columns]
    found = rows(ROW, header=header, language=language)
    assert (said(found), values(found), found.preview.language) == ([], {"E2": "10", "F2": "4"}, language)
    if language != "fr":
        assert said(rows(ROW, header=header)) == ["header_other_language 1"]


TOLERATED = [
    ["PAYS DE\nDESTINATION", "Region d’origine", "Se\u200bxe", "AGE :", "permis  délivrés *", "DEPARTS"],
    ["destination", "subdivision", "sex", "age", "permits", "departures"],
    ["Pays d'accueil", "Gouvernorat", "Genre", "Groupe d'âge", "Permis", "Partis"],
]  # fmt: skip


@pytest.mark.parametrize("header", TOLERATED)
def test_case_accents_blanks_and_breaks_in_headers_do_not_matter(header: list[Seen]) -> None:
    assert values(rows(ROW, header=header)) == {"E2": "10", "F2": "4"}


def test_columns_may_stand_in_another_order_and_among_others() -> None:
    found = rows(
        ["F", "vu", 10, 4, "FRA", "_T", "_T"], header=[HEADER[2], "Observations", *HEADER[4:], *HEADER[:2], "Âge"]
    )
    assert values(found) == {"C2": "10", "D2": "4"}
    assert said(found) == ["columns_moved 1", "extra_column B1"]


def test_the_columns_of_the_template_beside_the_table_are_left_out_without_a_word() -> None:
    last = last_header(form().measures[0], "fr")
    check = key_check("labour_permits", "MAR", 2025, ("FRA", "_T", "F", "_T"))
    found = rows(
        [*ROW[:5], 9, 4, check],
        ["ESP", *ROW[1:5], 9, 4, check],
        ["ITA", *ROW[1:5], 9, 4],
        header=[*HEADER[:5], last, "Départs", KEY_CHECK],
    )
    assert values(found) == {"E2": "10", "G2": "4", "E4": "10", "G4": "4"}
    assert said(found) == ["key_changed A3"]


ACROSS = ((1, 5, 1, 6),)
REFUSED: list[tuple[str, list[list[Seen]], tuple[tuple[int, int, int, int], ...], list[str]]] = [
    ("missing", [[*HEADER[:3], *HEADER[4:]], ["FRA", "_T", "F", 1, 2]], (), ["header_missing 1"]),
    ("near", [[*HEADER[:4], "Permis delivree", "Départs"], ROW], (), ["header_missing E1"]),
    ("twice", [[*HEADER, "Sexe"], ROW], (), ["header_twice G1"]),
    ("years across", [[*KEYS, 2023, 2024], ROW], (), ["wide_years E1"]),
    ("years beside", [[*HEADER, "2024"], [*ROW, 3]], (), ["wide_years G1"]),
    ("header merged", [[*KEYS, "Permis délivrés", None], ROW], ACROSS, ["header_merged E1"]),
    ("merged years", [[*KEYS, "Permis délivrés", None], [*[None] * 4, 2023, 2024], ROW], ACROSS, ["wide_years E1"]),
    ("two rows that say more", [[*KEYS, "Femmes"], [*[None] * 4, *HEADER[4:]], ROW], ACROSS, ["header_merged E1"]),
    ("a heading that says more", [[*[None] * 4, "Hommes", None], HEADER, ROW], ACROSS, ["header_merged E1"]),
    ("other table", [["Année", "PIB"], [2024, 5]], (), ["no_table"]),
    ("nothing", [[]], (), ["no_table"]),
    ("only headers", [HEADER], (), ["no_figures 1"]),
    ("only keys", [HEADER, ["FRA", "_T", "F", "_T"]], (), ["no_figures 1"]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "merged", "findings"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_table_that_cannot_be_told_is_refused(
    lines: list[list[Seen]], merged: tuple[tuple[int, int, int, int], ...], findings: list[str]
) -> None:
    found = read(sheet(lines, merged=merged))
    assert said(found) == findings
    assert not len(found.figures)
    assert all(finding.weight == "refused" for finding in found.findings)


def test_a_missing_header_is_told_with_what_is_near_to_it() -> None:
    [finding] = rows(ROW, header=[*HEADER[:4], "Permis delivree", "Départs"]).findings
    assert finding.words == {"header": "Permis délivrés", "nearest": "Permis delivree"}


def test_spoilt_letters_in_a_header_are_told_and_not_mended() -> None:
    found = rows(ROW, header=[HEADER[0], "RÃ©gion d'origine", *HEADER[2:]])
    assert sorted(said(found)) == ["header_missing B1", "mojibake B1"]
    assert not len(found.figures)


def test_a_column_of_figures_that_is_not_required_may_be_missing() -> None:
    assert values(rows(ROW[:5], header=HEADER[:5])) == {"E2": "10"}


KNOWN: list[tuple[str, list[list[Seen]], tuple[tuple[int, int, int, int], ...], str]] = [
    ("titles above", [["Ministère du travail"], ["Permis, 2025"], [], HEADER, ROW], ((1, 1, 1, 6),), "E5"),
    ("two rows", [[*KEYS, SHEET, None], [*[None] * 4, *HEADER[4:]], ROW],
     ((1, 5, 1, 6), (1, 1, 2, 1), (1, 2, 2, 2), (1, 3, 2, 3), (1, 4, 2, 4)), "E3"),
    ("numbered columns", [HEADER, ["(1)", "(2)", "(3)", "(4)", "(5)", "(6)"], ROW], (), "E3"),
    ("HXL tags", [HEADER, ["#country", "#adm1", "#sex", "#age", "#value+p", "#value+d"], ROW], (), "E3"),
    ("header again", [HEADER, HEADER, ROW], (), "E3"),
    ("blank rows", [HEADER, [], [], ROW], (), "E4"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "merged", "place"), [row[1:] for row in KNOWN], ids=[row[0] for row in KNOWN])
def test_known_layouts_are_read(
    lines: list[list[Seen]], merged: tuple[tuple[int, int, int, int], ...], place: str
) -> None:
    found = read(sheet(lines, merged=merged))
    assert (said(found), values(found)[place], len(found.figures)) == ([], "10", 2)


def test_thousands_in_a_title_or_header_are_asked_about_and_not_read() -> None:
    title = read(sheet([["Permis (en milliers)"], HEADER, ROW]))
    header = rows(ROW, header=[*HEADER[:4], "Permis délivrés (milliers)", "Départs"])
    assert (said(title), values(title)) == (["unclear_unit A1"], {})
    assert (said(header), values(header)) == (["unclear_unit E1"], {"F2": "4"})


def on_sheets(**named: list[list[Seen]]) -> list[str]:
    sheets = [sheet(lines, name.strip("_"), hidden=name.startswith("_")) for name, lines in named.items()]
    return said(read(*sheets))


TABLE: list[list[Seen]] = [list(HEADER), ROW]


def test_the_sheet_is_found_by_its_table_whatever_it_is_called() -> None:
    found = read(sheet([["x"]], "Feuil1"), sheet(TABLE, "Données 2025"))
    assert (found.preview.sheet, said(found)) == ("Données 2025", ["extra_sheet"])


def test_of_two_sheets_with_a_table_the_one_of_the_form_is_taken() -> None:
    assert read(sheet(TABLE, "Copie"), sheet(TABLE)).preview.sheet == SHEET
    assert on_sheets(A=TABLE, B=TABLE) == ["no_table"]


def test_a_hidden_sheet_with_figures_is_asked_about_and_never_read() -> None:
    assert on_sheets(A=TABLE, _B=TABLE) == ["hidden_sheet"]
    found = read(sheet([["x"]], "A"), sheet(TABLE, hidden=True))
    assert (said(found), len(found.figures)) == (["no_table", "hidden_sheet"], 0)
    assert on_sheets(A=TABLE, _Listes=[["list:sex"], ["F"]]) == []


def test_hidden_rows_and_columns_are_read_and_asked_about() -> None:
    found = rows(
        ROW, ["ESP", *ROW[1:]], ["ITA", *ROW[1:]], hidden_rows=frozenset({3, 4}), hidden_columns=frozenset({6})
    )
    assert len(found.figures) == 6
    assert [(f.code, dict(f.words)) for f in found.findings] == [
        ("hidden_cells", {"columns": "F"}),
        ("hidden_cells", {"rows": "3-4"}),
    ]
    alone = rows(ROW, ["ESP", *ROW[1:]], hidden_rows=frozenset({3}))
    assert [dict(f.words) for f in alone.findings] == [{"row": "3"}]


IDENTITY: list[tuple[dict[str, str], list[str]]] = [
    ({"form": "diaspora"}, ["wrong_form"]),
    ({"country": "TUN"}, ["wrong_country"]),
    ({"year": "2024"}, ["wrong_period"]),
    ({"version": "9"}, ["wrong_version"]),
    ({"version": "new"}, ["wrong_version"]),
    ({"country": "TUN", "year": "2024"}, ["wrong_country", "wrong_period"]),
    ({}, []),
]


@pytest.mark.parametrize(("other", "findings"), IDENTITY)
def test_what_the_file_was_made_for_is_held_against_what_was_said(other: dict[str, str], findings: list[str]) -> None:
    by_properties = read(sheet(TABLE), properties={**PROPERTIES, **other})
    assert said(by_properties) == findings
    for finding, (name, text) in zip(by_properties.findings, other.items(), strict=True):
        assert (finding.seen, finding.words["expected"]) == (text, PROPERTIES[name])
    if other.get("version") != "new":
        stamp = Stamp(
            **{**PROPERTIES, **other} | {"year": int(other.get("year", 2025)), "version": int(other.get("version", 1))}
        )
        assert said(read(sheet([[stamp.text], *TABLE]), properties={})) == findings


def test_without_properties_a_file_is_read_and_that_is_noticed() -> None:
    found = read(sheet(TABLE), properties={})
    assert (said(found), len(found.figures)) == (["properties_missing"], 2)


def test_findings_stand_in_the_order_of_sheets_and_cells() -> None:
    found = rows(["Narnia", *ROW[1:4], "xx", 1], ["FRA", "_T", "Z", "99", 1, "5*"], hidden_rows=frozenset({3}))
    assert said(found) == ["unknown_code A2", "unknown_code C3", "not_in_list D3"]
    places = [(finding.row, finding.column) for finding in found.findings]
    assert places == sorted(places)
    assert isinstance(found.findings[0], Finding)
