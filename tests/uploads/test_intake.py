"""A workbook from its arrival to the warehouse: real templates, the real sandbox, a real database."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path

import openpyxl
import pytest

from migstats import candidate, lake, pipeline, publish, warehouse
from migstats.harmonise import harmonise, read_codes
from migstats.names import LANGUAGES
from migstats.readers import reader_for
from migstats.source import folder_of, read_source, sent
from migstats.uploads import canonical, intake, reading, submission
from migstats.uploads.answer import answer_of, as_text
from migstats.uploads.contract import forms
from migstats.uploads.example import example
from migstats.uploads.formats import formats_of
from migstats.uploads.submission import Sent, Submission
from migstats.uploads.understanding import understand
from migstats.uploads.understood import Understood, content_sha256
from migstats.uploads.understood import canonical as table_of

AMAL = "amal@example.org"


def filled(folder: Path, form: str = "labour_permits", country: str = "MAR", language: str = "fr") -> bytes:
    path = folder / f"{form}-{country}-{language}.xlsx"
    if not path.exists():
        example(forms()[form], country, 2025, language, path)
    return path.read_bytes()


def understood(content: bytes, form: str, country: str, language: str) -> Understood:
    grid = reading.read(content, "xlsx", ())
    return understand(forms()[form], grid, country, 2025, formats_of(country), language=language)


@pytest.mark.slow
@pytest.mark.parametrize("form", sorted(forms()))
def test_a_filled_example_says_the_same_in_five_languages_without_an_error(form: str, tmp_path: Path) -> None:
    country = "KGZ"
    read = {
        language: understood(filled(tmp_path, form, country, language), form, country, language)
        for language in LANGUAGES
    }
    for one in read.values():
        assert [f for f in one.findings if f.weight != "notice"] == []
        assert len(one.figures) > 0
        assert one.balanced
    assert len({content_sha256(one) for one in read.values()}) == 1
    source = sent()["upload_kgz"]
    dataset, table = source.dataset(form), table_of(read["ru"])
    text = reader_for(dataset.reader).read(table, dataset.reader)
    codes = read_codes(folder_of(source.id), pipeline.concepts())
    done = harmonise({"0" * 64: text}, source.id, dataset, codes, concepts=pipeline.concepts(), last_year=2027)
    assert done.quarantine.num_rows == 0
    assert done.facts.num_rows == len(read["ru"].figures)


def test_an_official_may_have_the_answer_in_another_language_than_that_of_the_workbook(tmp_path: Path) -> None:
    content = filled(tmp_path)
    for language in LANGUAGES:
        findings = understood(content, "labour_permits", "MAR", language).findings
        told = as_text(answer_of(findings, figures=40, language=language))
        assert bool(findings) == (language != "fr"), told


# -- with a database --------------------------------------------------------------------------------------------


@pytest.fixture
def url(warehouse_url: str, lake: Path) -> str:
    return warehouse_url


def received(url: str, content: bytes, *, form: str = "labour_permits", year: int = 2025) -> Submission:
    return submission.receive(url, Sent("MAR", form, year, "fr", "portal", AMAL, "permis.xlsx"), content)[0]


def changed(content: bytes, *cells: tuple[str, object]) -> bytes:
    """The workbook with other values in the column of the first measure: code of destination and sex -> value."""
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheet = book[forms()["labour_permits"].sheet.fr]
    for address, value in cells:
        sheet[address] = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def first_figure(content: bytes) -> str:
    """The address of the first figure of the first measure."""
    found = understood(content, "labour_permits", "MAR", "fr").figures
    return next(cell for cell, measure in zip(found.cell, found.measure, strict=True) if measure == "permits")


@pytest.mark.database
def test_a_filled_template_becomes_published_figures(url: str, tmp_path: Path) -> None:
    there = intake.check(url, received(url, filled(tmp_path)).upload_id, who="service")
    assert (there.state, there.figures) == ("ready", 40)
    assert there.preview is not None
    assert there.preview["difference"]["new"] == 40
    there = submission.confirm(url, there.upload_id, str(there.content_sha256), who=AMAL)
    folder = folder_of("upload_mar")
    source = read_source(folder / "source.yaml")
    read = pipeline.read(canonical.land(url, there, source, run_id="r"), source, folder)
    judged = pipeline.gate([read], source, folder, run_id="r", url=url)
    candidate.decide(url, judged.candidate_id, verdict="approved", decided_by="statistician", reason="looked at")
    counts = pipeline.load([read], source, folder, run_id="r", url=url)
    submission.step(url, there.upload_id, "approved", who="statistician", vintage_id=counts.vintage_id)
    publish.publish(url, run_id="p", only=["upload_mar"])
    with warehouse.connect(url) as connection:
        [row] = connection.execute(
            "SELECT count(*) AS n, min(nature) AS nature FROM bi.fact_observation WHERE source = 'upload_mar'"
        ).fetchall()
    assert row == {"n": 40, "nature": "C"}
    again = intake.check(url, received(url, changed(filled(tmp_path))).upload_id, who="service")
    assert again.content_sha256 == there.content_sha256, "saved again by another program"
    assert again.preview is not None
    assert again.preview["difference"]["same"] == 40


@pytest.mark.database
def test_an_error_is_told_at_its_cell_and_nothing_can_be_confirmed(url: str, tmp_path: Path) -> None:
    content = filled(tmp_path)
    cell = first_figure(content)
    there = intake.check(url, received(url, changed(content, (cell, "beaucoup"))).upload_id, who="service")
    assert (there.state, there.snapshot) == ("rejected", None)
    [finding] = [one.finding for one in submission.findings(url, there.upload_id) if one.finding.weight == "error"]
    sheet = forms()["labour_permits"].sheet.fr
    assert (finding.sheet, finding.seen) == (sheet, "beaucoup")
    assert there.preview is not None
    book = openpyxl.load_workbook(io.BytesIO(lake.read_upload(there.preview["marked"]["sha256"])))
    assert book[sheet][cell].comment is not None


def lake_path(there: Submission) -> Path:
    return lake.upload_path(there.sha256)


@pytest.mark.database
def test_microdata_are_purged_and_nothing_of_them_is_kept(url: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Nom", "Date de naissance", "Passeport", "Téléphone"])
    for number in range(40):
        sheet.append([f"Fatima Zahra {number}", "1988-04-12", f"AB{number:06}", f"+2126000{number:05}"])
    out = io.BytesIO()
    book.save(out)
    there = intake.check(url, received(url, out.getvalue()).upload_id, who="service")
    assert there.state == "rejected"
    assert [one.finding.code for one in submission.findings(url, there.upload_id)] == ["microdata"]
    assert not lake_path(there).exists()
    assert received(url, out.getvalue()).upload_id == there.upload_id
    assert not lake_path(there).exists(), "sent again, it is not kept again"
    with warehouse.connect(url) as connection:
        kept = connection.execute(
            "SELECT string_agg(f::text || r::text, ' ') AS t FROM ops.upload_finding AS f, ops.upload_reading AS r"
        ).fetchall()[0]["t"]
    assert "Fatima" not in kept
    assert "AB0000" not in kept


@pytest.mark.database
def test_what_differs_much_from_the_year_before_is_asked_and_answered(url: str, tmp_path: Path) -> None:
    before = filled(tmp_path)
    first = intake.check(url, received(url, before).upload_id, who="service")
    submission.confirm(url, first.upload_id, str(first.content_sha256), who=AMAL)
    submission.step(url, first.upload_id, "approved", who="statistician")
    assert intake.accepted_tables(url, "MAR", "labour_permits").keys() == {2025}
    path = tmp_path / "next.xlsx"
    example(forms()["labour_permits"], "MAR", 2026, "fr", path)
    tenfold = (("E6", 47_000), ("E7", 51_000), ("E8", 2_000), ("E9", 100_000))
    later = received(url, changed(path.read_bytes(), *tenfold), year=2026)
    there = intake.check(url, later.upload_id, who="service")
    asked = [one for one in submission.findings(url, there.upload_id) if one.finding.code == "outlier"]
    assert {(one.finding.row, one.finding.column, one.finding.seen, one.finding.words["before"]) for one in asked} >= {
        (6, 5, "47000", "4700"),
        (9, 5, "100000", "10000"),
    }
    assert there.state == "checked"
    answers = {one.number: "a new agreement" for one in asked}
    assert submission.answer(url, there.upload_id, answers, who=AMAL).state == "ready"


@pytest.mark.database
def test_a_watched_folder_is_emptied_and_each_workbook_has_its_answer(url: str, tmp_path: Path) -> None:
    root = tmp_path / "intake"
    (root / "MAR").mkdir(parents=True)
    (root / "MAR" / "permis.xlsx").write_bytes(filled(tmp_path))
    (root / "MAR" / "liste.pdf").write_bytes(b"%PDF-1.7 something")
    (root / "MAR" / "tunisie.xlsx").write_bytes(filled(tmp_path, country="TUN"))
    (root / "Atlantis").mkdir()
    copying = dt.datetime.now(dt.UTC)
    assert intake.collect(url, root, now=copying)[0] == [], "it may still be being copied"
    came, refused = intake.collect(url, root, now=copying + dt.timedelta(minutes=1))
    assert "Atlantis" in refused
    del refused["Atlantis"]
    assert [(one.form, one.year, one.channel) for one in came] == [("labour_permits", 2025, "folder")]
    assert refused == {"MAR/liste.pdf": "wrong_kind", "MAR/tunisie.xlsx": "wrong_country"}
    assert [p.name for p in (root / "MAR").iterdir() if p.is_file()] == []
    assert "PDF" in (root / "MAR" / "refused" / "liste.pdf.txt").read_text(encoding="utf-8")
    there = intake.check(url, came[0].upload_id, who="service")
    intake.tell_in_folder(root, there, [])
    assert (root / "MAR" / "answers" / f"{there.upload_id}.txt").is_file()
    later = copying + dt.timedelta(minutes=2)
    (root / "Atlantis").rmdir()
    assert intake.collect(url, root, now=later) == ([], {})
    (root / "MAR" / "encore.xlsx").write_bytes(filled(tmp_path))
    assert [one.upload_id for one in intake.collect(url, root, now=later)[0]] == [there.upload_id], (
        "the same file, the same receipt"
    )
