"""Corrections: records with a why, a guard and a date of expiry; what they say of a figure, and when they refuse."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
import toy

from migstats import checks, doctor, overrides, pipeline, publish, settings, warehouse
from migstats.corrections import REQUIRED, Correction, correct, read_corrections, require_unexpired
from migstats.errors import DeclarationError
from migstats.harmonise import Harmonised, harmonise, read_codes, wide
from migstats.observation import SERIES_DIMENSIONS
from migstats.readers import PLACE, ROW, VALUE, TextTable
from migstats.source import Dataset, Source, folder_of

CONCEPTS = settings.include() / "codelists"
DATASET = {
    "id": "figures",
    "title": "t",
    "url": "https://example.org/x",
    "reader": {"format": "sdmx_csv"},
    "concepts": {
        "indicator": "MIG_STOCK",
        "unit": "PS",
        "ref_area": {"column": "geo", "scheme": "code"},
        "sex": {"column": "sex", "scheme": "code"},
        "counterpart_area": {"column": "origin", "scheme": "code"},
        "counterpart_basis": {"column": "basis", "scheme": "code"},
        "time_period": {"column": "time", "period": "sdmx"},
        "note": {"column": "note"},
    },
    "stock_or_flow": "stock",
    "reference_point": "end",
}
ROW_OF = {"geo": "MAR", "sex": "_T", "origin": "_T", "basis": "_Z", "time": "2020", "note": "", VALUE: "7"}
RECORD = {
    "id": "mar-2020",
    "dataset": "figures",
    "indicator": "MIG_STOCK",
    "ref_area": "MAR",
    "time_period": "2020",
    "published": "7",
    "corrected": "70",
    "why": "a zero was lost",
    "evidence": "https://example.org/erratum",
    "author": "a statistician",
    "expires": "2025-01-01",
}
HERE = Correction(
    id="mar-2020",
    dataset="figures",
    key=(("indicator", "MIG_STOCK"), ("ref_area", "MAR")),
    time_period="2020",
    published=7,
    release="",
    corrected=70,
    why="a zero was lost",
    evidence="https://example.org/erratum",
    author="a statistician",
    expires=dt.date(2025, 1, 1),
)


def write(folder: Path, *records: dict[str, str]) -> Path:
    path = folder / "corrections.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(k for r in records for k in r)))
        writer.writeheader()
        writer.writerows(records)
    return path


def refusal(folder: Path, *records: dict[str, str]) -> list[str]:
    path = write(folder, *records)
    with pytest.raises(DeclarationError) as caught:
        read_corrections(folder)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") and line.endswith("; mend the record") for line in lines)
    return [line.removeprefix(f"{path}: ").removesuffix("; mend the record") for line in lines]


def harmonised(folder: Path, *rows: dict[str, str]) -> Harmonised:
    cells = [{**ROW_OF, **row} for row in rows]
    data = {
        name: pa.array([c[name] or None for c in cells], pa.string()).dictionary_encode()
        for name in ROW_OF
        if name != VALUE
    }
    data[VALUE] = pa.array([c[VALUE] for c in cells], pa.string())
    data[PLACE] = pa.array(["line {}"] * len(cells)).dictionary_encode()
    data[ROW] = pa.array(range(2, len(cells) + 2), pa.int32())
    (folder / "codes.csv").write_text(
        "dataset,column,code,concept,target,treatment\n*,_value,:,obs_status,O,map\n", encoding="utf-8"
    )
    done = harmonise(
        {"f" * 64: TextTable(pa.table(data))},
        "toy",
        Dataset.model_validate(DATASET),
        read_codes(folder, CONCEPTS),
        concepts=CONCEPTS,
        last_year=2027,
    )
    assert done.facts.num_rows == len(rows), done.quarantine.to_pylist()
    return done


def said(done: Harmonised) -> dict[tuple[str, str, str], tuple[float | None, str | None]]:
    columns = ("ref_area", "sex", "time_period", "value", "note")
    return {(a, s, t): (v, n) for a, s, t, v, n in wide(done, "s").select(columns).iter_rows()}


def apply(done: Harmonised, *corrections: Correction, dataset: str = "figures", release: str = "") -> Harmonised:
    return correct(done, corrections, dataset=dataset, release=release)


def changed(**fields: object) -> Correction:
    return Correction(**{**HERE.__dict__, **fields})  # type: ignore[arg-type]


# -- reading ------------------------------------------------------------------------------------------------------


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert read_corrections(tmp_path) == ()


def test_a_record_names_its_figure_and_leaves_the_other_dimensions_out(tmp_path: Path) -> None:
    write(tmp_path, {**RECORD, "sex": "", "note": "seen by the office"})
    assert read_corrections(tmp_path) == (HERE,)


def test_no_field_of_a_record_has_the_name_of_a_dimension() -> None:
    assert set(REQUIRED) & set(SERIES_DIMENSIONS) == set()


@pytest.mark.parametrize("name", REQUIRED)
def test_a_record_says_everything_that_a_reader_must_know(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path, {**RECORD, name: ""}) == [f"line 2: {name} is empty or missing"]
    assert refusal(tmp_path, {k: v for k, v in RECORD.items() if k != name}) == [f"line 2: {name} is empty or missing"]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        *(("published", text) for text in ("many", "nan", "inf")),
        *(("corrected", text) for text in ("7,5", "NaN", "-Infinity")),
        *(("time_period", text) for text in ("20", "2020-13", "1700", "2020-Q5")),
        *(("expires", text) for text in ("soon", "2025-02-30", "01/02/2025")),
    ],
)
def test_what_is_no_number_period_or_date_is_named_with_its_line(tmp_path: Path, field: str, text: str) -> None:
    [line] = refusal(tmp_path, RECORD, {**RECORD, "id": "other", field: text})
    assert line.startswith("line 3: ")
    assert text in line or field == "expires", line


def test_all_lines_are_named_and_not_the_first(tmp_path: Path) -> None:
    lines = refusal(tmp_path, {**RECORD, "published": "x"}, RECORD, {**RECORD, "author": ""}, RECORD)
    assert [line.split(":")[0] for line in lines] == ["line 2", "line 4", "the id 'mar-2020' stands twice"]


def test_a_column_that_is_no_dimension_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, {**RECORD, "region": "x"}, {**RECORD, "region": "y"}) == [
        "line 1: region is no dimension and no field of a correction"
    ]


# -- correcting ---------------------------------------------------------------------------------------------------


def test_a_figure_is_corrected_and_says_so_in_its_note(tmp_path: Path) -> None:
    before = harmonised(tmp_path, {}, {"sex": "F", VALUE: "3"}, {"geo": "SRB"}, {"time": "2021"})
    after = said(apply(before, HERE))
    assert after == {
        ("MAR", "_T", "2020"): (70, "correction mar-2020: published 7"),
        ("MAR", "F", "2020"): (3, None),
        ("SRB", "_T", "2020"): (7, None),
        ("MAR", "_T", "2021"): (7, None),
    }


def test_a_record_of_the_file_corrects_its_figure_and_one_with_a_reason_that_of_this_reason(tmp_path: Path) -> None:
    write(tmp_path, {**RECORD, "reason": ""}, {**RECORD, "id": "family", "reason": "FAM", "published": "1"})
    before = harmonised(tmp_path, {}, {"geo": "SRB"})
    corrections = read_corrections(tmp_path)
    assert [("reason", "FAM") in c.key for c in corrections] == [False, True]
    assert said(apply(before, *corrections))["MAR", "_T", "2020"] == (70, "correction mar-2020: published 7")


def test_the_note_of_the_publisher_stays(tmp_path: Path) -> None:
    done = apply(harmonised(tmp_path, {"note": "break in series"}), HERE)
    assert said(done)["MAR", "_T", "2020"] == (70, "break in series; correction mar-2020: published 7")


def test_what_it_was_is_left_as_it_was(tmp_path: Path) -> None:
    before = harmonised(tmp_path, {}, {"sex": "F", VALUE: "3"})
    kept = said(before)
    after = apply(before, HERE)
    assert said(before) == kept
    assert (after.series, after.quarantine, after.explained, after.landed) == (
        before.series,
        before.quarantine,
        before.explained,
        before.landed,
    )
    assert (after.facts.schema, after.attributes.schema) == (before.facts.schema, before.attributes.schema)
    assert after.content_hash != before.content_hash


def test_the_place_still_leads_to_what_was_published(tmp_path: Path) -> None:
    before = harmonised(tmp_path, {})
    kept, corrected = before.facts.to_pylist()[0], apply(before, HERE).facts.to_pylist()[0]
    differing = {name for name in kept if kept[name] != corrected[name]}
    assert differing - {"raw"} == {"value", "attribute_id"}
    assert (corrected["raw"] or str(corrected["value"])) in ("7", "7.0"), "the raw text is that of the publisher"


def test_without_a_correction_of_the_dataset_nothing_is_touched(tmp_path: Path) -> None:
    before = harmonised(tmp_path, {})
    assert apply(before) is before
    assert apply(before, HERE, dataset="other") is before
    assert apply(before, changed(dataset="other", expires=dt.date(2000, 1, 1))) is before


@pytest.mark.parametrize(
    "elsewhere",
    [{"time": "2021"}, {"geo": "SRB"}, {"sex": "F"}, {"origin": "FRA", "basis": "birth"}, {"time": "2020-Q1"}],
    ids=["period", "area", "sex", "counterpart", "frequency"],
)
def test_another_slice_that_does_not_hold_the_figure_passes(tmp_path: Path, elsewhere: dict[str, str]) -> None:
    before = harmonised(tmp_path, elsewhere)
    assert said(apply(before, HERE)) == said(before)


def test_several_corrections_each_change_their_own_figure(tmp_path: Path) -> None:
    before = harmonised(tmp_path, {}, {"geo": "SRB", VALUE: "8"}, {"time": "2020-Q1", VALUE: "9"})
    serbia = changed(id="srb", key=(("ref_area", "SRB"),), published=8, corrected=0)
    quarter = changed(id="q", time_period="2020-Q1", published=9, corrected=9.5)
    assert {k: v for k, (v, _) in said(apply(before, HERE, serbia, quarter)).items()} == {
        ("MAR", "_T", "2020"): 70,
        ("SRB", "_T", "2020"): 0,
        ("MAR", "_T", "2020-Q1"): 9.5,
    }


def test_a_named_dimension_is_looked_up_and_a_basis_that_is_not_named_may_be_any(tmp_path: Path) -> None:
    before = harmonised(tmp_path, {}, {"origin": "FRA", "basis": "birth", VALUE: "5"})
    of_france = changed(id="fra", key=(("ref_area", "MAR"), ("counterpart_area", "FRA")), published=5, corrected=6)
    assert sorted(v for v, _ in said_all(apply(before, of_france))) == [6, 7]


def said_all(done: Harmonised) -> list[tuple[float, str]]:
    return list(wide(done, "s").select("value", "note").iter_rows())


def test_two_figures_that_fit_are_one_too_many(tmp_path: Path) -> None:
    before = harmonised(
        tmp_path, {"origin": "FRA", "basis": "birth", VALUE: "7"}, {"origin": "FRA", "basis": "citizenship", VALUE: "7"}
    )
    any_basis = changed(key=(("ref_area", "MAR"), ("counterpart_area", "FRA")))
    with pytest.raises(DeclarationError, match=r"mar-2020: expected one published figure 7, found \[7.0, 7.0\]"):
        apply(before, any_basis)
    one = changed(key=(*any_basis.key, ("counterpart_basis", "birth")))
    assert sorted(v for v, _ in said_all(apply(before, one))) == [7, 70]


@pytest.mark.parametrize(
    ("published", "found"), [("70", r"\[70.0\]"), ("7.0000001", r"\[7.0000001\]"), (":", r"\[None\]")]
)
def test_the_guard_stops_where_the_publisher_prints_something_else(tmp_path: Path, published: str, found: str) -> None:
    before = harmonised(tmp_path, {VALUE: published})
    with pytest.raises(DeclarationError, match=f"mar-2020: expected one published figure 7, found {found}.*remove"):
        apply(before, HERE)


@pytest.mark.parametrize(("days", "expired"), [(-1, False), (0, False), (1, True)])
def test_it_holds_to_the_day_on_which_it_expires(days: int, expired: bool) -> None:
    today = HERE.expires + dt.timedelta(days=days)
    if not expired:
        require_unexpired([HERE], today)
        return
    with pytest.raises(DeclarationError, match="correction mar-2020 expired on 2025-01-01"):
        require_unexpired([HERE], today)


def test_a_record_of_one_edition_leaves_the_others_alone(tmp_path: Path) -> None:
    before = harmonised(tmp_path, {})
    assert said(apply(before, changed(release="2024"), release="2024"))["MAR", "_T", "2020"][0] == 70
    other = harmonised(tmp_path, {VALUE: "8"})
    assert said(apply(other, changed(release="2024"), release="2022"))["MAR", "_T", "2020"][0] == 8


def test_what_was_corrected_is_kept_with_its_record(tmp_path: Path) -> None:
    done = apply(harmonised(tmp_path, {}, {"geo": "SRB"}), HERE)
    [kept] = done.overrides.to_pylist()
    figure = [f for f in done.facts.to_pylist() if f["value"] == 70]
    assert [(f["series_id"], f["time_id"]) for f in figure] == [(kept["series_id"], kept["time_id"])]
    assert {n: kept[n] for n in ("override_id", "published", "corrected", "why", "author", "expires")} == {
        "override_id": "mar-2020",
        "published": 7,
        "corrected": 70,
        "why": "a zero was lost",
        "author": "a statistician",
        "expires": dt.date(2025, 1, 1),
    }


# -- in the warehouse ---------------------------------------------------------------------------------------------


@pytest.mark.database
def test_bi_with_and_without_corrections_differs_by_exactly_those_rows(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a record that is taken away is taken back from the snapshots; an expired one stops the check."""
    [source] = toy.declare(tmp_path, monkeypatch, "toy")
    toy.open_gate(tmp_path, "toy")
    monkeypatch.setenv("MIGSTATS_DATA_DOCS", str(tmp_path / "docs"))
    folder = folder_of("toy")
    write(folder, {**RECORD, "published": "100", "corrected": "1000"})
    rows = [{"OBS_VALUE": "100"}, {"REF_AREA": "SRB", "OBS_VALUE": "5"}, {"SEX": "M", "OBS_VALUE": "40"}]
    read = toy.read(warehouse_url, source, "figures/part=a", rows)
    pipeline.check([read], source, run_id="r", url=warehouse_url, today=dt.date(2025, 1, 1))
    with pytest.raises(DeclarationError, match="expired on 2025-01-01"):
        pipeline.check([read], source, run_id="r", url=warehouse_url, today=dt.date(2025, 1, 2))
    pipeline.load([read], source, folder, run_id="r", url=warehouse_url)
    publish.publish(warehouse_url, run_id="r")
    differing = """
        SELECT f.ref_area, f.published_value, w.published_value AS without, o.override_id, f.note
        FROM bi.fact_observation AS f INNER JOIN bi.fact_without_overrides AS w USING (observation_id)
        LEFT JOIN bi.overrides AS o USING (observation_id)
        WHERE (f.published_value, f.value) IS DISTINCT FROM (w.published_value, w.value) OR o.override_id IS NOT NULL
    """
    with warehouse.connect(warehouse_url) as connection:
        found = [tuple(row.values()) for row in connection.execute(differing).fetchall()]
        counts = connection.execute("SELECT count(*) AS n FROM bi.fact_without_overrides").fetchall()
    assert found == [("MAR", 1000, 100, "mar-2020", "correction mar-2020: published 100")]
    assert counts[0]["n"] == 3
    marks = toy.fingerprint(warehouse_url)
    pipeline.rebuild(url=warehouse_url, admin=warehouse_url)
    assert toy.fingerprint(warehouse_url) == marks
    with warehouse.connect(warehouse_url) as connection:
        assert [tuple(row.values()) for row in connection.execute(differing).fetchall()] == found

    (folder / "corrections.csv").unlink()
    pipeline.replay(source, folder, run_id="r", url=warehouse_url, today=dt.date(2024, 7, 1))
    publish.publish(warehouse_url, run_id="r")
    with warehouse.connect(warehouse_url) as connection:
        assert connection.execute(differing).fetchall() == []
        figures = connection.execute("SELECT published_value AS v FROM bi.fact_observation ORDER BY 1").fetchall()
    assert [f["v"] for f in figures] == [5, 40, 100]


# -- a record that changes nothing --------------------------------------------------------------------------------

A, B, C = toy.SLICES
MOROCCO = {**RECORD, "published": "100", "corrected": "1000"}
MISTYPED = {**MOROCCO, "id": "mistyped", "ref_area": "MRT"}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    [declared] = toy.declare(tmp_path, monkeypatch, "toy")
    toy.open_gate(tmp_path, "toy")
    return declared


def load(url: str, source: Source, *slices: str, day: int = 0, release: str = "", **row: str) -> None:
    """Load slices; the first one holds the figure of Morocco (or what `row` makes of it)."""
    rows = dict(zip((A, B, C), ({"OBS_VALUE": "100", **row}, {"REF_AREA": "SRB"}, {"REF_AREA": "NPL"}), strict=True))
    at = toy.DAY + dt.timedelta(days=day)
    reads = [toy.read(url, source, name, [rows[name]], at=at, release=release) for name in slices]
    pipeline.load(reads, source, folder_of(source.id), run_id="r", url=url)


def told(url: str) -> list[str]:
    """What the doctor says of corrections."""
    with warehouse.connect(url) as connection:
        return [str(finding) for finding in doctor.idle_corrections(connection)]


def warned(caplog: pytest.LogCaptureFixture) -> list[str]:
    lines = [r.getMessage() for r in caplog.records if r.levelname == "WARNING" and r.name == "migstats"]
    caplog.clear()
    return lines


@pytest.mark.database
def test_a_record_with_a_mistyped_key_is_told_and_one_that_applies_is_not(
    warehouse_url: str, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    folder = folder_of("toy")
    write(folder, MOROCCO, MISTYPED)
    load(warehouse_url, source, A, B, C)
    figure = "figures: indicator MIG_STOCK, ref_area MRT, 2020"
    assert warned(caplog) == [f"correction mistyped of toy changes nothing ({figure}): {overrides.REMEDY}"]
    assert told(warehouse_url) == [
        f"a correction that no figure carries: {folder}/corrections.csv, mistyped, {figure}; {overrides.REMEDY}"
    ]


@pytest.mark.database
def test_a_slice_that_never_landed_proves_nothing(
    warehouse_url: str, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    write(folder_of("toy"), MOROCCO, MISTYPED)
    load(warehouse_url, source, B, C)
    assert warned(caplog) == told(warehouse_url) == []
    load(warehouse_url, source, A, day=1)
    assert [line.split()[1] for line in warned(caplog)] == ["mistyped"]


@pytest.mark.database
def test_a_slice_that_was_read_before_the_record_was_there_proves_nothing(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, A, B, C)
    write(folder_of("toy"), MISTYPED)
    assert told(warehouse_url) == []
    pipeline.replay(source, folder_of("toy"), run_id="r", url=warehouse_url, today=dt.date(2024, 7, 1))
    assert len(told(warehouse_url)) == 1


@pytest.mark.database
@pytest.mark.parametrize(("rows", "says"), [({}, []), ({"OBS_VALUE": "100", "SEX": "F"}, ["mar-2020"])])
def test_a_figure_that_the_publisher_withdrew_is_told(
    warehouse_url: str, source: Source, rows: dict[str, str], says: list[str]
) -> None:
    write(folder_of("toy"), MOROCCO)
    load(warehouse_url, source, A, B, C)
    load(warehouse_url, source, A, day=1, **rows)
    assert [line.split(", ")[1] for line in told(warehouse_url)] == says


@pytest.mark.database
@pytest.mark.parametrize(
    ("releases", "says"), [(("2020", "2022", "2024"), ["of-2024"]), (("",), [])], ids=["each its own", "whichever"]
)
def test_a_record_of_an_edition_is_looked_for_in_that_one(
    warehouse_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, releases: tuple[str, ...], says: list[str]
) -> None:
    """Edition 2020 has the figure, 2022 was not read, 2024 has another one instead."""
    [source] = toy.declare(tmp_path, monkeypatch, "toy", releases=True)
    toy.open_gate(tmp_path, "toy")
    write(folder_of("toy"), *({**MOROCCO, "id": f"of-{release}", "release": release} for release in releases))
    load(warehouse_url, source, A, B, C, release="2024", SEX="F")
    load(warehouse_url, source, A, B, C, release="2020", day=1)
    assert [line.split(", ")[1] for line in told(warehouse_url)] == says


@pytest.mark.parametrize(("release", "found"), [("2020", []), ("", []), ("2021", ["2021"])])
def test_a_release_that_is_not_declared_is_found_by_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: str, found: list[str]
) -> None:
    toy.declare(tmp_path, monkeypatch, "toy", releases=True)
    write(folder_of("toy"), {**RECORD, "release": release})
    lines, _ = checks.findings(today=dt.date(2024, 7, 1))
    assert [line.partition("release '")[2][:4] for line in lines] == found
