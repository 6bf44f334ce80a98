"""Rows and cells of a table: figures, what stands in their place, and what is wrong with them, each with its cell."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from grids import HEADER, Seen, read, rows, said, sheet, values

from migstats.uploads import sums
from migstats.uploads.contract import form_of
from migstats.uploads.formats import formats_of
from migstats.uploads.grid import Cell, Grid
from migstats.uploads.sums import Row
from migstats.uploads.understanding import understand
from migstats.uploads.understood import canonical, content_sha256, keys_of

KEYS: list[Seen] = ["FRA", "_T", "F", "_T"]


def number(text: str, shown_as: str = "", formula: str = "") -> Cell:
    return Cell(text, "number", shown_as=shown_as, formula=formula)


CELLS: list[tuple[Seen, str, list[str]]] = [
    # what stands in the cell; the figure, or the status in its place, or `!`; findings
    (0, "0", []),
    (12, "12", []),
    ("1 234", "1234", ["number_as_text"]),
    ("1.234", "1234", ["number_as_text"]),
    ("١٬٢٣٤", "1234", ["number_as_text"]),
    ("-", "M", []),
    ("..", "O", []),
    ("x", "Q", []),
    ("غ م", "O", []),
    ("..¹", "O", ["raised_note"]),
    ("<5", "Q", ["suppressed_range"]),
    ("1-4", "Q", ["suppressed_range"]),
    ("≤4", "Q", ["suppressed_range"]),
    ("12³", "12", ["number_as_text", "raised_note"]),
    (Cell("12", "text", raised="3"), "12", ["number_as_text", "raised_note"]),
    (Cell("12", "number", raised="p"), "12", ["raised_note"]),
    ("5*", "5", ["mark_beside", "number_as_text"]),
    ("5 (e)", "5", ["mark_beside", "number_as_text"]),
    ("200 (p)", "200", ["mark_beside", "number_as_text"]),
    ("200 [1]", "200", ["mark_beside", "number_as_text"]),
    (".. (p)", "O", ["mark_beside"]),
    ("5ᵇ", "5", ["number_as_text", "raised_note"]),
    ("1,234", "!", ["unclear_number"]),
    ("1.5", "!", ["unclear_number"]),
    ("1,234.5", "!", ["unclear_number"]),
    ("12,5", "!", ["not_whole"]),
    (1.5, "!", ["not_whole"]),
    (-3, "!", ["too_low"]),
    (10000001, "!", ["too_high"]),
    (number("9007199254740993"), "!", ["too_exact"]),
    (number("1E+20"), "!", ["too_exact"]),
    (number("1E-300"), "!", ["too_exact"]),
    (number("NaN"), "!", ["not_a_number"]),
    ("9" * 5000, "!", ["not_a_number"]),
    ("1" + " " * 30000 + "x", "!", ["not_a_number"]),
    ("1234567890123456", "!", ["too_exact"]),
    (number("1E+3"), "1000", []),
    (number("2.9999999999999996"), "3", []),
    (number("12", formula="=A1"), "12", []),
    (number("0", formula="=A1"), "!", ["no_result"]),
    (Cell("", "formula", formula="=A1"), "!", ["no_result"]),
    (Cell("#REF!", "error"), "!", ["error_cell"]),
    (Cell("#N/A", "error"), "!", ["error_cell"]),
    (Cell("2025-04-01", "date"), "!", ["date_for_text"]),
    (Cell("TRUE", "boolean"), "!", ["not_a_number"]),
    (number("0.12", "0%"), "!", ["unclear_unit"]),
    ("12 %", "!", ["unclear_unit"]),
    (number("12", '0" k"'), "!", ["unclear_unit"]),
    (number("12000", '#,##0," k"'), "12000", []),
    ("12 personnes", "!", ["not_a_number"]),
    ("n/a", "!", ["unknown_symbol"]),
    ("beaucoup", "!", ["unknown_symbol"]),
    ("=cmd|'/c calc'!A1", "!", ["not_a_number"]),
    ("@SUM(1)", "!", ["not_a_number"]),
    ("<script>alert(1)</script>", "!", ["not_a_number"]),
    ("{{7*7}}", "!", ["not_a_number"]),
    (None, "!", ["missing_figure"]),
    ("  \u00a0", "!", ["missing_figure"]),
]


@pytest.mark.parametrize(("seen", "figure", "findings"), CELLS, ids=[repr(row[0])[:40] for row in CELLS])
def test_what_a_cell_of_figures_says(seen: Seen, figure: str, findings: list[str]) -> None:
    found = rows([*KEYS, seen, 7])
    assert values(found) == {**({} if figure == "!" else {"E2": figure}), "F2": "7"}
    assert said(found) == [f"{code} E2" for code in findings]
    assert [finding.seen for finding in found.findings] == [
        "" if seen is None or (isinstance(seen, str) and not seen.strip()) else seen if isinstance(seen, str)
        else str(seen) if not isinstance(seen, Cell) else seen.text + seen.raised
        for _ in findings
    ]  # fmt: skip


def one(seen: Seen, *below: Sequence[Seen]) -> dict[str, str | None]:
    figures = rows([*KEYS, seen, 7], *below).figures
    return {
        name: getattr(figures, name)[0] for name in ("value", "obs_status", "conf_status", "missing_reason", "note")
    }


FIGURES: list[tuple[Seen, str | None, str, str, str, str]] = [
    (0, "0", "A", "F", "", ""),
    ("-", None, "M", "F", "not_applicable", ""),
    ("..", None, "O", "F", "not_available", ""),
    ("c", None, "Q", "C", "suppressed", ""),
    ("<5", None, "Q", "C", "suppressed", "<5"),
    ("1–4", None, "Q", "C", "suppressed", "1-4"),
    ("5 (e)", "5", "E", "F", "", "(e)"),
    ("200 (p)", "200", "P", "F", "", "(p)"),
    ("200 [1]", "200", "A", "F", "", "[1]"),
    ("5ᵇ", "5", "B", "F", "", "ᵇ"),
    ("12³", "12", "A", "F", "", "³"),
]


@pytest.mark.parametrize("row", FIGURES, ids=[str(row[0]) for row in FIGURES])
def test_zero_missing_suppressed_and_not_applicable_stay_apart(row: tuple[Seen, ...]) -> None:
    assert tuple(one(row[0]).values()) == row[1:]


def test_an_empty_cell_is_no_figure_where_none_is_asked_for() -> None:
    found = rows([*KEYS, 7, None])
    assert (values(found), said(found), found.explained) == ({"E2": "7"}, [], {"blank": 1})


def test_a_row_that_was_not_filled_in_is_left_out() -> None:
    found = rows(
        [*KEYS, 7, 1], ["ESP", "_T", "F", "_T", None, None], ["Narnia", None, None, None, None, None], [*KEYS[:3], "_T"]
    )
    assert (len(found.figures), found.explained["blank"]) == (2, 4)
    assert not [finding for finding in found.findings if finding.weight == "error"]


def test_what_reads_as_two_numbers_is_asked_about_in_the_whole_column_that_uses_it_so() -> None:
    found = rows([*KEYS, "1.234", 1], ["ESP", *KEYS[1:], "12.5", 1], ["ITA", *KEYS[1:], 5, "1.234"])
    assert [code for code in said(found) if code.startswith("unclear")] == ["unclear_number E2", "unclear_number E3"]
    assert found.findings[0].words == {"could_mean": "1.234; 1234"}


def test_csv_has_no_numbers_but_texts() -> None:
    assert said(rows([*KEYS, "1 234", "7"], kind="csv", properties={})) == ["properties_missing"]


FRA: list[Seen] = [*KEYS, 10, 1]


def test_rows_of_wrong_keys_are_refused_as_a_whole() -> None:
    found = rows(FRA, ["Narnia", *FRA[1:]], ["Congo", *FRA[1:]], [None, *FRA[1:]], ["ESP", "TN-11", *FRA[2:]])
    assert said(found) == ["unknown_code A3", "unclear_name A4", "empty_key A5", "other_country B6"]
    assert (len(found.figures), found.refused) == (2, 8)


def test_merged_cells_of_the_table_are_refused_and_not_filled_down() -> None:
    found = rows(FRA, [None, "_T", "M", "_T", 4, 1], ["ESP", *FRA[1:]], merged=((2, 1, 3, 1),))
    assert (said(found), values(found)) == (["merged_cells A2"], {"E4": "10", "F4": "1"})


def test_a_row_that_repeats_another_counts_once_and_one_that_differs_not_at_all() -> None:
    found = rows(FRA, ["France", *FRA[1:]], ["ESP", *FRA[1:]], ["ESP", *FRA[1:4], 11, 1])
    assert said(found) == ["row_repeated A3", "row_twice E4", "row_twice E5"]
    assert [finding.words["other"] for finding in found.findings] == ["A2", "E5", "E4"]
    assert (len(found.figures), found.refused, found.explained) == (2, 4, {"identical_duplicate": 2})


SUMS: list[tuple[Seen, Seen, Seen, Seen, list[str]]] = [
    # women, men, unknown, total
    (10, 5, 0, 15, []),
    (10, 5, 0, 16, ["sum_differs E5"]),
    (10, 5, "..", 16, []),
    (10, "<5", 0, 14, ["suppressed_range E3"]),
    (10, 5, 0, "..", []),
]


@pytest.mark.parametrize(("women", "men", "unknown", "total", "findings"), SUMS)
def test_parts_are_added_up_only_where_all_are_figures(
    women: Seen, men: Seen, unknown: Seen, total: Seen, findings: list[str]
) -> None:
    figures = zip(("F", "M", "_U", "_T"), (women, men, unknown, total), strict=True)
    found = rows(*[["FRA", "_T", sex, "_T", figure, None] for sex, figure in figures])
    assert said(found) == findings
    for finding in found.findings:
        if finding.code == "sum_differs":
            assert finding.words == {"sum": "15", "total": "16"}


def test_parts_that_are_not_all_there_are_not_added_up() -> None:
    assert said(rows(["FRA", "_T", "F", "_T", 1, None], ["FRA", "_T", "_T", "_T", 9, None])) == []


TOTALS: list[tuple[list[Seen], list[str]]] = [
    (["Total", None, None, None, 16, 1], ["totals_row A4"]),
    (["Total général", None, None, None, 16, None], ["totals_row A4"]),
    (["المجموع", None, None, None, 16, None], ["totals_row A4"]),
    (["Всего", None, None, None, 16, None], ["totals_row A4"]),
    (["Total", None, None, None, 17, None], ["totals_row A4", "sum_differs E4"]),
    (["Sous-total France", None, None, None, 16, None], ["totals_row A4"]),
]


@pytest.mark.parametrize(("row", "findings"), TOTALS, ids=[str(row[0][0]) for row in TOTALS])
def test_a_total_that_somebody_typed_is_checked_and_is_no_figure(row: list[Seen], findings: list[str]) -> None:
    found = rows(["FRA", "MA-01", "F", "Y15T24", 10, 1], ["ESP", "MA-01", "F", "Y15T24", 6, None], row)
    assert said(found) == findings
    assert (len(found.figures), found.explained["declared_ignored"]) == (3, 1 + (row[5] is not None))


def test_a_declared_total_is_a_figure() -> None:
    assert said(rows(["Total", "Total", "Total", "Total", 16, 2])) == []


def test_notes_below_the_table_and_headings_within_are_noticed_and_no_data() -> None:
    notes = ["Source : ministère", "³ Provisoire, à confirmer", "Champ : travailleurs déclarés, sans les saisonniers."]
    found = rows(FRA, ["Europe du Sud :"], ["ESP", *KEYS[1:], "12³", 1], [], *[[note] for note in notes])
    assert said(found) == [
        "note_below A3",
        "number_as_text E4",
        "raised_note E4",
        *[f"note_below A{n}" for n in (6, 7, 8)],
    ]
    assert found.figures.note[2] == "³ Provisoire, à confirmer"
    raised = rows([*KEYS, Cell("12", "number", raised="3"), "<5"], ["(3) Provisoire"])
    assert raised.figures.note == ["(3) Provisoire", "<5"]
    assert len(found.figures) == 4


def test_whom_to_ask_is_not_kept() -> None:
    found = rows(FRA, ["Contact : a@b.org"])
    assert [(finding.code, finding.seen) for finding in found.findings] == [("note_below", "")]


def test_ages_that_overlap_are_told() -> None:
    lines = [Row(2, ("FRA", "_T", "F", "Y15T24"), {}, {}), Row(3, ("FRA", "_T", "F", "Y20T29"), {}, {})]
    assert [(f.code, f.row, f.column) for f in sums._overlaps(3, lines, "x", 4)] == [("age_overlap", 3, 4)]
    nested = [Row(2, ("FRA", "_T", "F", "Y15T24"), {}, {}), Row(3, ("FRA", "_T", "F", "Y15T19"), {}, {})]
    assert list(sums._overlaps(3, nested, "x", 4)) == []


BESIDE: list[tuple[str, list[Seen], list[str]]] = [
    ("Pays déclarant", ["MAR", "Maroc"], []),
    ("Pays déclarant", ["MAR", "Tunisie"], ["other_country G3"]),
    ("Pays déclarant", ["TUN", "TUN"], ["wrong_country G2"]),
    ("Année", [2025, "٢٠٢٥"], []),
    ("Année", [2025, 2024], ["bad_period G3"]),
    ("Année", [2025, "2024/25"], ["bad_period G3"]),
    ("Année", [2025, "1446"], ["bad_period G3"]),
    ("Année", [2024, 2024], ["wrong_period G2"]),
]


@pytest.mark.parametrize(("header", "texts", "findings"), BESIDE)
def test_a_column_of_countries_or_years_may_not_say_another(
    header: str, texts: list[Seen], findings: list[str]
) -> None:
    lines = [[*FRA, texts[0]], ["ESP", *FRA[1:], texts[1]]]
    assert said(rows(*lines, header=[*HEADER, header])) == findings


def test_a_file_of_which_all_units_are_those_of_another_country_is_refused() -> None:
    found = rows(["FRA", "TN-11", *FRA[2:]], ["FRA", "TN-12", *FRA[2:]])
    assert (said(found), len(found.figures)) == (["wrong_country B2"], 0)
    assert found.findings[0].words == {"expected": "MAR", "found": "TUN"}


def test_spoilt_letters_are_asked_about_and_never_mended() -> None:
    found = rows(FRA, ["CÃ´te d'Ivoire", *FRA[1:]])
    assert (said(found), len(found.figures)) == (["mojibake A3"], 2)
    assert found.findings[0].words == {"could_mean": "Côte d'Ivoire"}


def test_unseen_marks_in_a_name_are_noticed() -> None:
    assert said(rows(["Fra\u200bnce", *FRA[1:]])) == ["text_cleaned A2"]


def test_what_was_accepted_before_and_is_gone_is_asked_about() -> None:
    before = keys_of(canonical(rows(FRA, ["ESP", *FRA[1:]])))
    assert said(rows(FRA, accepted=before)) == ["removed_rows"]
    assert rows(FRA, accepted=before).findings[0].words["count"] == "2"
    assert said(rows(FRA, ["ESP", *FRA[1:]], accepted=before)) == []


# -- what is made of it -----------------------------------------------------------------------------------------


def test_the_same_figures_in_another_order_language_and_format_are_the_same_content() -> None:
    first = rows(FRA, ["ESP", "MA-01", "M", "15-24", 5, ".."])
    again = read(
        sheet(
            [
                ["Titre"],
                [HEADER[2], HEADER[0], HEADER[1], *HEADER[3:]],
                ["Homme", "Espagne", "MA-01 · Tanger-Tétouan-Al Hoceïma", "15–24 ans", "5", "nd"],
                ["Femmes", "فرنسا", "Total", "Total", number("1E1"), "1"],
            ],
            "Feuil1",
        ),
        properties={},
    )
    assert content_sha256(first) == content_sha256(again)
    assert canonical(first) != canonical(again)
    assert content_sha256(first) != content_sha256(rows([*KEYS, 11, 1], ["ESP", "MA-01", "M", "15-24", 5, ".."]))


def test_the_canonical_table_has_a_line_per_figure_with_its_place() -> None:
    lines = canonical(rows(["FRA", "MA-01", "F", "15-24", "5 (e)", "<5"])).decode().splitlines()
    assert lines[1:] == [
        "MAR,2025,LABOUR_DEPARTURES,PS,MA-01,FRA,destination,F,Y15T24,_T,_T,_T,_T,_T,_T,_T,_T,_T,,C,,Q:suppressed,,<5,MA-01,"
        "Permis de travail,F2",
        "MAR,2025,LABOUR_PERMITS,PS,MA-01,FRA,destination,F,Y15T24,_T,_T,_T,_T,_T,_T,_T,_T,_T,,C,,5,E,(e),MA-01,"
        "Permis de travail,E2",
    ]


def test_the_preview_shows_what_was_understood() -> None:
    preview = rows(FRA, ["FRA", "_T", "_T", "_T", 12, ".."], ["Total", "_T", "_T", "_T", 12, 3]).preview
    assert preview.columns["destination"] == "A · Pays de destination"
    assert list(preview.first[0].values()) == ["2", "FRA · France", "_T · Total", "F · Femmes", "_T · Total", "10", "1"]
    assert [(t.measure, t.figures, t.without, t.total, t.column) for t in preview.totals] == [
        ("permits", 3, 0, "12", "34"),
        ("departures", 2, 1, "3", "4"),
    ]


def test_texts_of_the_file_pass_as_text() -> None:
    evil = "=cmd|'/c calc'!A1 <script>{{7*7}}</script>'; drop table x; --%s"
    found = read(sheet([["=1+1"], [*HEADER, evil], [*FRA, evil], ["ESP", *KEYS[1:], "5 (e)", 1], [evil]], evil))
    assert said(found) == ["extra_column G2", "mark_beside E4", "number_as_text E4", "note_below A5"]
    assert found.findings[0].seen == evil
    assert set(found.figures.sheet) == {evil}


@pytest.mark.parametrize(("seen", "findings"), [("5", [("undivided", 3)]), ("-", []), (None, [])])
def test_a_figure_by_what_its_measure_is_not_told_apart_by_is_refused(
    seen: Seen, findings: list[tuple[str, int]]
) -> None:
    results = form_of("programme_results")
    assert results.measures[-1].undivided
    header = [column.header.fr for column in results.columns]
    counts = ["5" for _ in results.measures]
    lines = [["_T", "_T", sex, "_T", *counts[:-1], last] for sex, last in (("_T", "5"), ("F", seen))]
    said_of = {"form": results.id, "country": "MAR", "year": "2025", "version": str(results.version), "language": "fr"}
    grid = Grid("csv", (sheet([header, *lines]),), said_of)
    found = understand(results, grid, "MAR", 2025, formats_of("MAR"), language="fr")
    assert [(f.code, f.row) for f in found.findings] == findings
    assert (found.balanced, found.refused, len(found.figures)) == (True, len(findings), 2 * len(counts) - 1)
