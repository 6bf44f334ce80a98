"""How countries write numbers, symbols and periods. `?`: the declaration does not settle the text; `!`: no number."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from babel import Locale

from migstats.errors import DeclarationError
from migstats.uploads import formats
from migstats.uploads.formats import Unclear, formats_of, number

PROGRAMME = ("MAR", "BGD", "ECU", "JAM", "KGZ", "MDA", "NPL", "PHL", "SEN", "SRB", "TUN")


def shown(text: str, country: str) -> str:
    found = number(text, formats_of(country))
    return str(found) if isinstance(found, Decimal) else "?" if isinstance(found, Unclear) else "!"


#: Text → what it is where points (MAR ...), commas (JAM ...), or neither (SEN) stand between thousands, and elsewhere.
NUMBERS = [
    # text, MAR, ECU, SEN, JAM, BGD, a country that is not declared
    ("1234", "1234", "1234", "1234", "1234", "1234", "1234"),
    ("0", "0", "0", "0", "0", "0", "0"),
    ("  12 ", "12", "12", "12", "12", "12", "12"),
    ("1 234", "1234", "1234", "1234", "1234", "1234", "1234"),
    ("1\u00a0234", "1234", "1234", "1234", "1234", "1234", "1234"),
    ("1\u202f234\u202f567", *["1234567"] * 6),
    ("1'234", "1234", "1234", "1234", "1234", "1234", "1234"),
    ("1’234", "1234", "1234", "1234", "1234", "1234", "1234"),
    ("١٢٣٤", "1234", "1234", "1234", "1234", "1234", "1234"),
    ("١٬٢٣٤", "1234", "1234", "1234", "1234", "1234", "1234"),
    ("١٬٢٣٤٫٥", "1234.5", "1234.5", "1234.5", "1234.5", "1234.5", "1234.5"),
    ("۱۲۳", "123", "123", "123", "123", "123", "123"),
    ("१२३", "123", "123", "123", "123", "123", "123"),
    ("১২৩", "123", "123", "123", "123", "123", "123"),
    ("１２３", "123", "123", "123", "123", "123", "123"),
    ("\u200f١٢\u200e", "12", "12", "12", "12", "12", "12"),
    ("−5", "-5", "-5", "-5", "-5", "-5", "-5"),
    ("+5", "5", "5", "5", "5", "5", "5"),
    ("1.234,5", "1234.5", "1234.5", "?", "?", "?", "?"),
    ("1,234.5", "?", "?", "?", "1234.5", "1234.5", "?"),
    ("1 234,5", "1234.5", "1234.5", "1234.5", "?", "?", "?"),
    ("1 234.5", "?", "?", "?", "1234.5", "1234.5", "?"),
    ("1.234", "1234", "1234", "?", "1.234", "1.234", "?"),
    ("1,234", "1.234", "1.234", "1.234", "1234", "1234", "?"),
    ("1.234.567", "1234567", "1234567", "?", "?", "?", "?"),
    ("1,234,567", "?", "?", "?", "1234567", "1234567", "?"),
    ("12,34,567", "?", "?", "?", "?", "1234567", "?"),
    ("1,5", "1.5", "1.5", "1.5", "?", "?", "?"),
    ("1.5", "?", "?", "?", "1.5", "1.5", "?"),
    ("1.23.456", "?", "?", "?", "?", "?", "?"),
    ("12 34", "?", "?", "?", "?", "?", "?"),
    ("1,2E+05", "?", "?", "?", "?", "?", "?"),
    ("12x", "!", "!", "!", "!", "!", "!"),
    ("12³", "!", "!", "!", "!", "!", "!"),
    ("-", "!", "!", "!", "!", "!", "!"),
    ("5-", "!", "!", "!", "!", "!", "!"),
    ("=1+1", "!", "!", "!", "!", "!", "!"),
    ("", "!", "!", "!", "!", "!", "!"),
]


@pytest.mark.parametrize("row", NUMBERS, ids=[row[0] for row in NUMBERS])
def test_a_number_is_what_the_country_writes_or_unclear(row: tuple[str, ...]) -> None:
    assert [shown(row[0], country) for country in ("MAR", "ECU", "SEN", "JAM", "BGD", "DZA")] == list(row[1:])


@pytest.mark.parametrize("country", PROGRAMME)
def test_every_programme_country_is_declared_and_reads_what_it_writes(country: str) -> None:
    how = formats_of(country)
    assert country in formats.declared_countries()
    assert shown(f"12{how.decimal}5", country) == "12.5"
    assert {shown(f"1{mark}234{how.decimal}5", country) for mark in how.group} == {"1234.5"}
    assert how.encodings[0] == "utf-8"


@pytest.mark.parametrize(
    ("country", "locales"),
    [
        ("MAR", ("fr_MA", "ar_MA")), ("BGD", ("bn_BD",)), ("ECU", ("es_EC",)), ("JAM", ("en_JM",)),
        ("KGZ", ("ru_KG", "ky_KG")), ("MDA", ("ro_MD", "ru_MD")), ("NPL", ("ne_NP",)), ("PHL", ("en_PH", "fil_PH")),
        ("SEN", ("fr_SN",)), ("SRB", ("sr_RS",)), ("TUN", ("fr_TN", "ar_TN")),
    ],
)  # fmt: skip
def test_marks_and_orders_are_those_of_cldr(country: str, locales: tuple[str, ...]) -> None:
    how = formats_of(country)
    for name in locales:
        locale = Locale.parse(name)
        signs = locale.number_symbols.get("latn", locale.number_symbols)
        assert how.decimal == signs["decimal"]
        assert signs["group"] in how.group
        assert how.lakh == ("#,##,##0" in locale.decimal_formats[None].pattern)
        order = "".join(
            dict.fromkeys(letter.lower() for letter in locale.date_formats["short"].pattern if letter in "dMy")
        )
        assert how.dates == order


MIXED = [
    (("1.234", "2.345"), "MAR", ""),
    (("1.234", "12.5"), "MAR", "."),
    (("1.234", "1.234,5"), "MAR", ""),
    (("1.234", "1,234"), "MAR", ",."),
    (("1.234", "12.5"), "JAM", ""),
    (("1,234", "12,5"), "JAM", ","),
    (("1,234", "1,234,567"), "JAM", ""),
]


@pytest.mark.parametrize(("texts", "country", "marks"), MIXED)
def test_a_column_that_uses_a_mark_in_two_ways_settles_nothing(
    texts: tuple[str, ...], country: str, marks: str
) -> None:
    assert formats.mixed(texts, formats_of(country)) == set(marks)


SYMBOLS = [
    ("MAR", "..", "O"), ("MAR", "...", "O"), ("MAR", ":", "O"), ("MAR", "-", "M"), ("MAR", "–", "M"), ("MAR", "—", "M"),
    ("MAR", "x", "Q"), ("MAR", "C", "Q"), ("MAR", "ND", "O"), ("MAR", "s/o", "M"), ("MAR", "غ م", "O"),
    ("MAR", "n/a", None), ("JAM", "n/a", "O"), ("JAM", "N/A", "O"), ("KGZ", "н/д", "O"), ("KGZ", "х", "M"),
    ("KGZ", "x", "Q"), ("TUN", "غ\u00a0م", "O"), ("DZA", "..", "O"), ("DZA", "nd", None), ("MAR", "0", None),
    ("MAR", "", None),
]  # fmt: skip


@pytest.mark.parametrize(("country", "text", "status"), SYMBOLS)
def test_symbols_mean_what_the_country_declares(country: str, text: str, status: str | None) -> None:
    found = formats.symbol(text, formats_of(country))
    assert (found.obs_status if found else None) == status


@pytest.mark.parametrize(
    ("text", "figure", "mark", "status"),
    [
        ("12³", "12", "³", None),
        ("5¹", "5", "¹", None),
        ("5*", "5", "*", None),
        ("5 (e)", "5", "(e)", "E"),
        ("5ᵇ", "5", "ᵇ", "B"),
        ("5ᵖ", "5", "ᵖ", "P"),
        ("1 234 (2)", "1 234", "(2)", None),
        ("..¹", "..", "¹", None),
        ("12", "12", "", None),
        ("³", "³", "", None),
    ],
)
def test_a_mark_behind_a_figure_is_no_part_of_it(text: str, figure: str, mark: str, status: str | None) -> None:
    assert formats.parted_mark(text) == (figure, mark)
    assert formats.mark_status(mark, formats_of("MAR")) == status


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("<5", "<5"), ("< 5", "<5"), ("＜5", "<5"), ("≤4", "≤4"), ("<=4", "≤4"), ("1-4", "1-4"), ("1–4", "1-4"),
        ("١-٤", "1-4"), ("4-1", None), ("5", None), ("100-200", None), ("2023-24", None),
    ],
)  # fmt: skip
def test_the_bounds_of_what_is_withheld(text: str, bounds: str | None) -> None:
    assert formats.bounds(text) == bounds


@pytest.mark.parametrize(
    ("shown_as", "unit", "says"),
    [
        ("General", "PS", "plain"),
        ("#,##0", "PS", "plain"),
        ("#,##0.00_);(#,##0.00)", "PS", "plain"),
        ("# ##0", "PS", "plain"),
        ('#,##0" pers."', "PS", "plain"),
        ("0.00%", "PT", "percent"),
        ('0" %"', "PT", "plain"),
        ('0" %"', "PS", "unclear"),
        ('#,##0," k"', "PS", "plain"),
        ('#,##0,,"M"', "PS", "plain"),
        ('#,##0,," k"', "PS", "unclear"),
        ("#,##0,", "PS", "unclear"),
        ('0" k"', "PS", "unclear"),
        ("[$$-409]#,##0", "USD", "plain"),
        ("[$€-2]#,##0", "USD", "unclear"),
        ("€#,##0", "PS", "unclear"),
    ],
)
def test_the_unit_of_a_number_format(shown_as: str, unit: str, says: str) -> None:
    assert formats.shown_unit(shown_as, unit) == says


@pytest.mark.parametrize(
    ("text", "scaled"),
    [
        ("Permis (milliers)", True), ("Permits, in thousands", True), ("Разрешения (тыс. чел.)", True),
        ("التصاريح بالآلاف", True), ("Personas (miles)", True), ("Permits issued", False),
        ("Permis délivrés (total)", False),
    ],
)  # fmt: skip
def test_titles_that_say_thousands(text: str, scaled: bool) -> None:
    assert formats.scaled_by_title(text) == scaled


PERIODS = [
    # text, date where days come first, where months come first, where no order is declared, year
    ("03/04/2021", dt.date(2021, 4, 3), dt.date(2021, 3, 4), None, None),
    ("3.4.2021", dt.date(2021, 4, 3), dt.date(2021, 3, 4), None, None),
    ("2021-04-03", *[dt.date(2021, 4, 3)] * 3, None),
    ("29/02/2023", None, None, None, None),
    ("29/02/2024", dt.date(2024, 2, 29), None, None, None),
    ("03/04/21", None, None, None, None),
    ("03/04/1402", None, None, None, None),
    ("2025", None, None, None, 2025),
    ("٢٠٢٥", None, None, None, 2025),
    ("1446", None, None, None, None),
    ("1402", None, None, None, None),
    ("2567", None, None, None, None),
    ("2021/22", None, None, None, None),
    ("FY21", None, None, None, None),
]


@pytest.mark.parametrize("row", PERIODS, ids=[str(row[0]) for row in PERIODS])
def test_a_period_is_read_only_where_it_can_be_one_thing(row: tuple[object, ...]) -> None:
    text = str(row[0])
    assert [formats.date(text, formats_of(country)) for country in ("MAR", "PHL", "DZA")] == list(row[1:4])
    assert formats.year(text) == row[4]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("{languages: [fr], decimal: ',', group: [',']}", "decimal mark and a group mark"),
        ("{languages: [fr], decimal: ',', symbols: {nd: A:none}}", "a symbol is one of"),
        ("{languages: [de], decimal: ','}", "MAR.languages"),
        ("{languages: [fr], decimal: ',', encodings: [cp9999]}", "none that Python knows"),
    ],
)
def test_a_wrong_declaration_names_its_field(how: str, message: str, tmp_path: object) -> None:
    from pathlib import Path

    file = Path(str(tmp_path)) / "countries.yaml"
    file.write_text(f"_all: {{symbols: {{}}, marks: {{}}}}\n_other: {{languages: [en], decimal: ''}}\nMAR: {how}\n")
    with pytest.raises(DeclarationError, match=message):
        formats._declared(file)


def test_one_number_has_one_text() -> None:
    assert [formats.canonical(Decimal(text)) for text in ("1.50", "1E3", "-0.0", "0.10", "1000")] == [
        "1.5", "1000", "0", "0.1", "1000",
    ]  # fmt: skip
