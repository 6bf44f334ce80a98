"""The reader of PC-Axis files, against small files with one quirk each and a slow second reading of real ones."""

from __future__ import annotations

import itertools

import pytest

from migstats.errors import DriftError, MigstatsError, PublisherError, TryAgainError
from migstats.layout import PxLayout
from migstats.readers import NOTE, PLACE, ROW, VALUE, px

LAYOUT = PxLayout(format="px")

FILE = """CHARSET="ANSI";
AXIS-VERSION="2013";
CODEPAGE="iso-8859-1";
LANGUAGE="en";
LANGUAGES="en","sv";
DECIMALS=0;
TITLE="Movers; by sex, "
"flow and year";
UNITS="persons";
CONTVARIABLE="flow";
STUB="sex";
HEADING="flow","year";
VARIABLECODE("sex")="SEX";
VALUES("sex")="women","men";
CODES("sex")="F","M";
VALUES("flow")="arrivals","depart"
"ures";
VALUES("year")="2022","2023";
TIMEVAL("year")=TLIST(A1),"2022","2023";
UNITS("arrivals")="persons";
UNITS("departures")="thousand persons";
LAST-UPDATED("arrivals")="20240215 09:00";
LAST-UPDATED("departures")="20240301 08:30";
NOTE="About the whole table";
VALUENOTE("sex","men")="Men of#all ages";
CELLNOTE("men","departures","2023")="Estimated";
STUB[sv]="k\u00f6n";
HEADING[sv]="fl\u00f6de","\u00e5r";
VALUES[sv]("k\u00f6n")="kvinnor","m\u00e4n";
VALUES[sv]("fl\u00f6de")="in","ut";
VALUES[sv]("\u00e5r")="2022","2023";
DATA=
1204 987 "-" 5
310 ".." 0 12.50
;
"""


def file(old: str = "", new: str = "", *more: tuple[str, str]) -> bytes:
    text = FILE
    for before, after in ((old, new), *more):
        assert before in text, before
        text = text.replace(before, after) if before else text
    return text.encode("iso-8859-1")


def rows(payload: bytes, layout: PxLayout = LAYOUT) -> list[dict[str, str | None]]:
    return px.read(payload, layout).data.drop_columns([PLACE, ROW]).to_pylist()


def figures(payload: bytes, layout: PxLayout = LAYOUT) -> list[tuple[str | None, ...]]:
    table = px.read(payload, layout)
    names = [same[0] for same in table.dimensions]
    return [tuple(row[name] for name in (*names, VALUE)) for row in table.data.to_pylist()]


EXPECTED = [
    ("F", "arrivals", "2022", "1204"),
    ("F", "arrivals", "2023", "987"),
    ("F", "departures", "2022", "-"),
    ("F", "departures", "2023", "5"),
    ("M", "arrivals", "2022", "310"),
    ("M", "arrivals", "2023", ".."),
    ("M", "departures", "2022", "0"),
    ("M", "departures", "2023", "12.50"),
]


def test_cells_are_the_cube_of_stub_and_heading_and_signs_in_quotes_stay_themselves(keeps_the_contract) -> None:
    table = px.read(file(), LAYOUT)
    assert figures(file()) == EXPECTED
    assert table.landed == table.data.num_rows == 8
    assert table.envelope.updated == "2024-03-01T08:30:00"
    assert table.dimensions == (("SEX",), ("flow",), ("year", "year.period"))
    keeps_the_contract(px, file(), table, LAYOUT)


def test_a_place_names_the_line_and_the_cell_in_it() -> None:
    table = px.read(file(), LAYOUT)
    places = [p.replace("{}", str(n)) for p, n in zip(*(table.data[c].to_pylist() for c in (PLACE, ROW)), strict=True)]
    line = FILE.splitlines().index('310 ".." 0 12.50') + 1
    assert places[5] == f"line {line} cell 2"
    assert px.locate(file(), places[5], LAYOUT) == ".."
    for wrong in ("line 1 cell 1", "line 40 cell 99", "/value/2"):
        with pytest.raises(PublisherError, match="place"):
            px.locate(file(), wrong, LAYOUT)


def test_each_cell_has_the_unit_of_its_contents_and_the_notes_that_are_about_it() -> None:
    found = [(row["UNITS"], row[NOTE]) for row in rows(file())]
    men = "Men of all ages"
    assert found == [
        *[("persons", None)] * 2,
        *[("thousand persons", None)] * 2,
        *[("persons", men)] * 2,
        ("thousand persons", men),
        ("thousand persons", f"{men}; Estimated"),
    ]


def test_the_unit_of_the_table_is_that_of_every_cell_where_nothing_has_its_own() -> None:
    lines = 'UNITS("arrivals")="persons";\nUNITS("departures")="thousand persons";\n'
    for payload in (file(lines, ""), file(lines, "", ('CONTVARIABLE="flow";\n', ""))):
        assert {row["UNITS"] for row in rows(payload)} == {"persons"}
    without = file(lines, "", ('UNITS="persons";\n', ""))
    assert "UNITS" not in rows(without)[0]


def test_another_language_gives_names_and_labels_and_the_same_codes() -> None:
    swedish = px.read(file(), PxLayout(format="px", language="sv"))
    assert swedish.labels["SEX"] == {"F": "kvinnor", "M": "m\u00e4n"}
    assert [same[0] for same in swedish.dimensions] == ["SEX", "fl\u00f6de", "\u00e5r"]
    assert swedish.data[VALUE].to_pylist() == [row[-1] for row in EXPECTED]
    assert px.read(file(), PxLayout(format="px", language="en")).labels == px.read(file(), LAYOUT).labels
    with pytest.raises(DriftError, match="no language 'fi'; it has en, sv"):
        px.read(file(), PxLayout(format="px", language="fi"))


@pytest.mark.parametrize(
    "data",
    [
        '1204 987 "-" 5 310 ".." 0 12.50;',
        '1204,987,"-",5\n310,"..",0,12.50;',
        '\t1204\t987\t"-"\t5\r\n310\t".."\t0\t12.50\r\n;\r\n\x1a',
        '1204\n987\n"-"\n5\n310\n".."\n0\n12.50;',
        "\n\n 1204 987 - 5\n\n310 .. 0 12.50 \n;",
    ],
    ids=["one-line", "commas", "tabs-and-dos-lines", "a-line-for-each", "blank-lines-and-bare-signs"],
)
def test_cells_are_the_same_however_they_are_set_apart(data: str, keeps_the_contract) -> None:
    payload = FILE.split("DATA=", maxsplit=1)[0].encode("iso-8859-1") + b"DATA=" + data.encode()
    assert figures(payload) == EXPECTED
    keeps_the_contract(px, payload, px.read(payload, LAYOUT), LAYOUT)


def test_a_sign_may_be_words() -> None:
    assert figures(file('".."', '"not asked"'))[5][-1] == "not asked"


@pytest.mark.parametrize(("form", "key"), [("CODES", ('"M"', '"F"')), ("VALUES", ('"men"', '"women"'))])
def test_rows_by_keys_are_found_by_their_keys_and_absent_rows_are_counted(form, key, keeps_the_contract) -> None:
    start = FILE.split("DATA=", maxsplit=1)[0] + f'KEYS("sex")={form};\nDATA=\n'
    both = (start + f'{key[0]},310 ".." 0 12.50\n{key[1]},1204 987 "-" 5\n;').encode("iso-8859-1")
    assert sorted(figures(both)) == sorted(EXPECTED)
    keeps_the_contract(px, both, px.read(both, LAYOUT), LAYOUT)
    men = px.read((start + f'{key[0]} 310 ".." 0 12.50;').encode("iso-8859-1"), LAYOUT)
    assert (men.data.num_rows, men.landed) == (4, 8)
    assert [(e.reason, e.count) for e in men.explained] == [("absent_position", 4)]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ('"X" 310 1 0 1;', "'X' is no key of 'SEX'; known are F, M"),
        ('"M" 310 1 0 1\n"M" 310 1 0 1;', "stand on an earlier line"),
        ('"M" 310 1 0;', "in rows of 1 keys and 4 cells 4 are too many"),
    ],
)
def test_keys_that_do_not_fit_are_refused(data: str, said: str) -> None:
    payload = (FILE.split("DATA=", maxsplit=1)[0] + 'KEYS("sex")=CODES;\nDATA=\n' + data).encode("iso-8859-1")
    with pytest.raises(DriftError, match=said):
        px.read(payload, LAYOUT)


@pytest.mark.parametrize(
    ("length", "listed", "expected"),
    [
        ("A1", '"2022","2023"', ("2022", "2023")),
        ("H1", '"20221","20222"', ("2022-S1", "2022-S2")),
        ("Q1", '"20224","20231"', ("2022-Q4", "2023-Q1")),
        ("M1", '"202212","202301"', ("2022-12", "2023-01")),
        ("W1", '"202252","202301"', ("2022-W52", "2023-W01")),
        ("D1", '"20221231","20230101"', ("2022-12-31", "2023-01-01")),
    ],
)
def test_a_time_variable_has_its_sdmx_periods_beside_it(length: str, listed: str, expected: tuple[str, str]) -> None:
    payload = file('TLIST(A1),"2022","2023"', f"TLIST({length}),{listed}")
    found = rows(payload)
    assert tuple(row["year.period"] for row in found[:2]) == expected
    assert tuple(row["year"] for row in found[:2]) == ("2022", "2023")
    assert [row["year.period"] for row in rows(file('TLIST(A1),"2022","2023"', 'TLIST(A1,"2022"-"2023")'))][:2] == [
        "2022",
        "2023",
    ]
    assert "year.period" not in rows(file('TLIST(A1),"2022","2023"', "TLIST(A1)"))[0]


@pytest.mark.parametrize(
    ("encoding", "header"),
    [
        ("cp1252", 'CHARSET="ANSI";\n'),
        ("utf-8", 'CHARSET="ANSI";\nCODEPAGE="utf-8";\n'),
        ("cp1251", 'CODEPAGE="windows-1251";\n'),
        ("utf-8-sig", ""),
    ],
)
def test_letters_are_read_in_the_encoding_that_the_file_says(encoding: str, header: str) -> None:
    name = "\u041c\u043e\u043b\u0434\u043e\u0432\u0430" if encoding == "cp1251" else "\u00c5land"
    text = f'{header}STUB="area";\nVALUES("area")="{name}";\nDATA=\n7\n;'
    assert figures(text.encode(encoding)) == [(name, "7")]


def test_utf8_that_calls_itself_something_else_is_not_read_as_that() -> None:
    payload = 'CODEPAGE="windows-1252";STUB="a";VALUES("a")="\u00c5land";DATA=7;'.encode()
    with pytest.raises(DriftError, match=r"is UTF-8 .* windows-1252 is said; declare `encoding: utf-8`"):
        px.read(payload, LAYOUT)
    assert figures(payload, PxLayout(format="px", encoding="utf-8")) == [("\u00c5land", "7")]


def test_letters_of_an_encoding_that_nobody_says_are_not_guessed() -> None:
    payload = 'STUB="area";VALUES("area")="\u00c5land";DATA=7;'.encode("cp850")
    with pytest.raises(DriftError, match="declare `encoding`"):
        px.read(payload, LAYOUT)
    assert figures(payload, PxLayout(format="px", encoding="cp850")) == [("\u00c5land", "7")]
    with pytest.raises(DriftError, match="no encoding that Python knows"):
        px.read(b'CODEPAGE="martian";STUB="a";VALUES("a")="b";DATA=7;', LAYOUT)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("310 ", "", "has 7 cells, 8 were expected .SEX 2 x flow 2 x year 2"),
        ("310 ", "310 310 ", "has 9 cells, 8 were expected"),
        ('CODES("sex")="F","M"', 'CODES("sex")="F"', "'sex' has 2 VALUES and 1 CODES"),
        ('CODES("sex")="F","M"', 'CODES("sex")="F","F"', "the code F twice"),
        ('VALUES("year")="2022","2023";\n', "", "'year' has no VALUES"),
        ('VALUES("sex")="women","men";\n', 'VALUES("sex")="women","men";VALUES("sex")="x","y";\n', "stands twice"),
        ('TLIST(A1),"2022","2023"', 'TLIST(A1),"2022"', "1 periods, there are 2 VALUES"),
        ('TLIST(A1),"2022","2023"', 'TLIST(A1),"2022","23"', "'23' is no period of TLIST.A1"),
        ('TLIST(A1),"2022","2023"', 'YEARS,"2022","2023"', "TLIST.A1 or another length. is expected"),
        ('VARIABLECODE("sex")="SEX"', 'VARIABLECODE("sex")="flow"', "two variables have one name"),
        ('VARIABLECODE("sex")="SEX"', 'VARIABLECODE("sex")="UNITS"', "in the way of the column"),
        ('STUB="sex";\nHEADING="flow","year";\n', "", "neither STUB nor HEADING"),
        ('VALUENOTE("sex","men")', 'VALUENOTE("sex","boys")', "VALUENOTE is of 'boys' of 'sex'"),
        ('310 ".."', '310".."', "line 34 cell 1: a figure, or a sign in quotes"),
        ('987 "-"', '".." "-"".."', "line 33 cell 3: a figure, or a sign in quotes"),
        ("DECIMALS=0;", "whatever", "a keyword is expected"),
        ("12.50\n;\n", '12.50\n;\nNOTE="late";\n', "DATA has to be the last keyword"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused_with_what_was_found(old: str, new: str, said: str) -> None:
    with pytest.raises(DriftError, match=said):
        px.read(file(old, new), LAYOUT)


@pytest.mark.parametrize(
    ("payload", "error", "said"),
    [
        (b"", PublisherError, "empty"),
        (b"<!DOCTYPE html><title>Down</title>", TryAgainError, "Down"),
        (b"year;area;figure\n2023;MDA;7\n", DriftError, "is not a PC-Axis file"),
        (b'{"error":"no such table"}', DriftError, "is not a PC-Axis file"),
        (b'STUB="a";VALUES("a")="b";DATA=;', PublisherError, "0 cells|no cell"),
    ],
)
def test_what_is_no_file_of_figures_is_refused(payload: bytes, error: type[MigstatsError], said: str) -> None:
    with pytest.raises((error, DriftError), match=said) as caught:
        px.read(payload, LAYOUT)
    assert isinstance(caught.value, error)


def test_a_file_that_was_cut_off_anywhere_is_never_read_as_whole() -> None:
    whole = file()
    end = whole.rindex(b";")
    for length in range(1, end, 7):
        for act in (px.inspect, px.read):
            with pytest.raises(MigstatsError) as caught:
                act(whole[:length], LAYOUT)
            assert isinstance(caught.value, TryAgainError | DriftError)
    with pytest.raises(TryAgainError, match="no semicolon at its end"):
        px.inspect(whole[:end], LAYOUT)
    assert px.inspect(whole, LAYOUT).updated == "2024-03-01T08:30:00"


def slow(payload: bytes) -> list[tuple[tuple[str, ...], str, int]]:
    """A second way, letter by letter: (codes of the cell, its text, its line)."""
    text = payload.decode("iso-8859-1")
    statements: dict[str, list[str]] = {}
    name, word, parts, inside, current, line = "", "", [], False, "", 1
    cells: list[tuple[str, int]] = []
    for letter in text:
        if statements.get("DATA") is None:
            if letter == '"':
                inside = not inside
                if not inside:
                    parts.append(current)
                current = ""
            elif inside:
                current += letter
            elif letter == "(" and not name:
                word, current = current, ""
            elif letter == "=" and not name:
                name = f"{word}({','.join(parts)})" if parts else current
                word, parts, current = "", [], ""
                if name == "DATA":
                    statements["DATA"] = []
            elif letter == ";":
                statements[name] = parts
                name, parts, current = "", [], ""
            elif letter not in "()\n\r":
                current += letter
        elif letter in ' \n;"':
            if current:
                cells.append((current, line))
            current = ""
        else:
            current += letter
        line += letter == "\n"
    variables = statements["STUB"] + statements["HEADING"]
    axes = [statements.get(f"CODES({v})") or statements[f"VALUES({v})"] for v in variables]
    return [(codes, *cell) for codes, cell in zip(itertools.product(*axes), cells, strict=True)]


@pytest.mark.payloads
def test_every_real_file_equals_the_slow_reading(files, keeps_the_contract) -> None:
    cells = {}
    for name, payload in files("pxweb/*.px"):
        table = px.read(payload, LAYOUT)
        names = [same[0] for same in table.dimensions]
        line = [int(place.replace("{}", str(row)).split()[1]) for place, row in _places(table)]
        found = [(tuple(row[n] for n in names), row[VALUE]) for row in table.data.to_pylist()]
        assert [(*fact, at) for fact, at in zip(found, line, strict=True)] == slow(payload), name
        assert table.landed == table.data.num_rows
        keeps_the_contract(px, payload, table, LAYOUT)
        cells[name] = table.landed
    assert cells == {"TAB001.px": 5940, "TAB004.px": 4312}


def _places(table) -> list[tuple[str, int]]:
    return list(zip(table.data[PLACE].to_pylist(), table.data[ROW].to_pylist(), strict=True))
