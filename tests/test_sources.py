"""Each source: its samples give the expected rows, and the real payloads give the golden figures."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute
import pytest
import samples
import toy

from migstats import gate, pipeline, settings
from migstats.comparison import Comparison, Figures
from migstats.errors import DriftError
from migstats.harmonise import harmonise, read_codes, wide
from migstats.observation import SERIES_DIMENSIONS
from migstats.readers import PLACE, ROW, reader_for
from migstats.rules import Golden, Rules, read_golden, read_lists, read_rules
from migstats.source import Column, Dataset, Source, folder_of, read_sources

SOURCES = read_sources()
HERE = Path(__file__).parent / "sources"
KEY = ["dataset", "indicator", "ref_area", "counterpart_area", "counterpart_basis", "sex", "age", "time_period"]
#: Dimensions that a file of rows may name beside.
FURTHER = tuple(name for name in SERIES_DIMENSIONS if name not in KEY)


def is_cell(row: dict[str, str]) -> list[pl.Expr]:
    return [pl.col(k) == row[k] for k in (*KEY, *(name for name in FURTHER if name in row))]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def golden_of(source_id: str) -> list[dict[str, str]]:
    """Figures that the publisher printed; none where nothing of theirs was at hand."""
    file = folder_of(source_id) / "golden.csv"
    return rows_of(file) if file.exists() else []


def read_bytes(source: Source, dataset_id: str, payload: bytes, name: str = "file") -> tuple[pl.DataFrame, object]:
    dataset = source.dataset(dataset_id)
    table = reader_for(dataset.reader).read(payload, dataset.reader)
    codes = read_codes(folder_of(source.id), pipeline.concepts())
    done = harmonise({"0" * 64: table}, source.id, dataset, codes, concepts=pipeline.concepts(), last_year=2027)
    return wide(done, name), done


def sampled(source: Source) -> Iterator[tuple[str, str, pl.DataFrame, object]]:
    for slice_, payload in samples.payloads(source):
        yield slice_.release, slice_.dataset, *read_bytes(source, slice_.dataset, payload, slice_.slice)


@pytest.fixture(scope="module", params=sorted(SOURCES))
def slices(request: pytest.FixtureRequest) -> tuple[Source, list[tuple[str, str, pl.DataFrame, object]]]:
    source = SOURCES[request.param]
    return source, list(sampled(source))


def test_samples_give_the_expected_rows(slices) -> None:
    source, parts = slices
    found = pl.concat([frame.with_columns(edition=pl.lit(release)) for release, _, frame, _ in parts])
    for expected in rows_of(HERE / source.id / "expected.csv"):
        wanted = [*is_cell(expected), pl.col("edition") == expected["release"]]
        rows = found.filter(*wanted)
        assert rows.height == 1, expected
        row = rows.row(0, named=True)
        assert row["value"] == (float(expected["value"]) if expected["value"] else None), expected
        assert row["obs_status"] == expected["obs_status"], expected
        assert (row["concept_basis"] or "") == expected["concept_basis"], expected
        assert (row["note"] or "") == expected.get("note", row["note"] or ""), expected


def test_every_cell_of_a_sample_is_accounted_for_and_none_is_quarantined(slices) -> None:
    for _, dataset, frame, done in slices[1]:
        explained = sum(done.explained["count"].to_pylist())
        assert done.quarantine.num_rows == 0, dataset
        assert sum(done.landed.values()) == frame.height + explained, dataset


def test_a_first_load_of_the_samples_holds_nothing(slices) -> None:
    source, parts = slices
    folder, lists = folder_of(source.id), read_lists(pipeline.concepts())
    rules, golden = read_rules(folder), read_golden(folder)
    for release in {release for release, *_ in parts}:
        own = [toy.figures(done.facts, done.series) for edition, _, _, done in parts if edition == release]
        findings = gate.judge(toy.alone(Figures.concat(own)), rules, golden, lists, release=release)
        assert [f for f in findings if f.severity == "breach"] == []
        assert len(findings) <= 25


def flagged(source: Source, dataset_id: str, payload: bytes) -> tuple[dict[str, str], pl.DataFrame]:
    """Place → the publisher's flag of each figure; and what became of the figures."""
    dataset = source.dataset(dataset_id)
    how = dataset.concepts["obs_status"]
    assert isinstance(how, Column)
    table = reader_for(dataset.reader).read(payload, dataset.reader).data
    rows = table.select([PLACE, ROW, how.column]).to_pylist()
    flags = {row[PLACE].replace("{}", str(row[ROW])): (row[how.column] or "").strip() for row in rows}
    return flags, read_bytes(source, dataset_id, payload)[0]


def assert_flags_come_out(source: Source, dataset_id: str, payload: bytes) -> int:
    """Each flag is the status, or stands in the note, or its words; what has none comes out without; how many."""
    flags, frame = flagged(source, dataset_id, payload)
    how = source.dataset(dataset_id).concepts["obs_status"]
    assert isinstance(how, Column)
    ours = [
        row
        for row in rows_of(folder_of(source.id) / "codes.csv")
        if row["column"] == how.column and row["dataset"] in ("*", dataset_id)
    ]
    listed = [row for row in ours if row["concept"] == "obs_status"]
    words = {row["code"]: row["target"] for row in ours if row["concept"] == "note"}
    meanings: dict[str, set[str]] = {}
    for row in listed:
        meanings.setdefault(row["target"], set()).add(row["code"])
    for place, status, note in frame.select("place", "obs_status", "note").iter_rows():
        flag = flags[place]
        parts = (note or "").split("; ")
        by_status = meanings.get(status) == {flag} or (flag == "A" and flag in meanings["A"])
        told = words[flag] in parts if flag in words else by_status or flag in parts
        assert told if flag else not {row["code"] for row in listed} & set(parts), (place, flag, status, note)
    return sum(map(bool, flags.values()))


@pytest.mark.parametrize("source_id", sorted(SOURCES))
def test_every_flag_of_a_sample_comes_out_and_no_other(source_id: str) -> None:
    source = SOURCES[source_id]
    for slice_, payload in samples.payloads(source):
        if isinstance(source.dataset(slice_.dataset).concepts.get("obs_status"), Column):
            assert_flags_come_out(source, slice_.dataset, payload)


@pytest.mark.payloads
@pytest.mark.parametrize("source_id", sorted(SOURCES))
def test_every_flag_of_a_real_payload_comes_out_and_no_other(source_id: str, payloads: Path) -> None:
    source = SOURCES[source_id]
    for file, dataset_id in sorted({(row["file"], row["dataset"]) for row in golden_of(source_id)}):
        if isinstance(source.dataset(dataset_id).concepts.get("obs_status"), Column):
            assert_flags_come_out(source, dataset_id, payload_of(file, source.dataset(dataset_id), payloads))


def in_thousands(done, factor: float) -> Figures:
    facts = done.facts
    values = pa.compute.multiply(facts["value"], factor)
    return toy.figures(facts.set_column(facts.schema.get_field_index("value"), "value", values), done.series)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1000.0, 0.001])
def test_a_dataset_whose_figures_come_a_thousand_times_as_large_or_small_is_held(slices, factor: float) -> None:
    source, parts = slices
    folder, lists = folder_of(source.id), read_lists(pipeline.concepts())
    rules, golden = read_rules(folder), read_golden(folder)
    for release in {edition for edition, *_ in parts}:
        own = [(dataset, done) for edition, dataset, _, done in parts if edition == release]
        accepted = Figures.concat([toy.figures(done.facts, done.series) for _, done in own])
        for moved in {dataset for dataset, _ in own}:
            candidate = Figures.concat([in_thousands(done, factor if dataset == moved else 1) for dataset, done in own])
            findings = gate.judge(Comparison.of(candidate, accepted), rules, golden, lists, release=release)
            kinds = {f.kind for f in findings if f.severity == "breach"}
            assert "scale" in kinds, (release, moved, kinds)


def test_a_first_load_a_thousand_times_too_large_is_held(slices) -> None:
    """Nothing was accepted yet: what is known of the real publication is what tells."""
    source, parts = slices
    folder, lists = folder_of(source.id), read_lists(pipeline.concepts())
    rules, golden = read_rules(folder), read_golden(folder)
    release = max(edition for edition, *_ in parts)
    frames = [frame for edition, _, frame, _ in parts if edition == release]
    known = [g for g in golden_of(source.id) if g["release"] in ("", release)]
    keys = [*KEY, *(name for name in FURTHER if known and name in known[0])]
    if not known or pl.concat(frames).join(pl.DataFrame(known).select(keys), on=keys, how="semi").is_empty():
        pytest.skip(f"{source.id}: its sample is invented and has no figure of the real publication")
    own = Figures.concat([in_thousands(done, 1000) for edition, _, _, done in parts if edition == release])
    findings = gate.judge(toy.alone(own), rules, golden, lists, release=release)
    assert {f.kind for f in findings if f.severity == "breach"} >= {"golden"}


@pytest.mark.parametrize(
    ("flag", "conf", "figure", "expected"),
    [
        ("c", "", "", ("Q", "C", "suppressed")),
        ("", "C", "", ("Q", "C", "suppressed")),
        ("", "C", ":", ("Q", "C", "suppressed")),
        ("p", "", "", ("O", "F", "not_available")),
        ("", "C", "5", None),
        ("c", "", "5", None),
    ],
)
def test_what_eurostat_marks_confidential_is_suppressed_and_never_a_figure(
    flag: str, conf: str, figure: str, expected: tuple[str, str, str] | None
) -> None:
    header = "DATAFLOW,LAST UPDATE,freq,c_birth,age,unit,sex,geo,TIME_PERIOD,OBS_VALUE,OBS_FLAG,CONF_STATUS"
    record = f"ESTAT:MIGR_POP3CTB(1.0),10/08/26 11:00:00,A,MA,TOTAL,NR,T,FR,2023,{figure},{flag},{conf}"
    frame, done = read_bytes(SOURCES["eurostat_migr"], "birth", f"{header}\n{record}\n".encode())
    statuses = frame.select("obs_status", "conf_status", "missing_reason").rows()
    assert statuses == ([] if expected is None else [expected])
    assert done.quarantine["reason"].to_pylist() == (["contradiction"] if expected is None else [])


@pytest.mark.parametrize("dataset", SOURCES["unsd_sdg"].datasets, ids=lambda dataset: dataset.id)
def test_an_sdg_figure_of_several_years_is_no_figure_of_its_first_year(dataset: Dataset) -> None:
    source = SOURCES["unsd_sdg"]
    payload = next(payload for slice_, payload in samples.payloads(source) if slice_.dataset == dataset.id)
    year = min(read_bytes(source, dataset.id, payload)[0]["time_period"])
    both = f"{year}-{int(year) + 1}"
    frame, done = read_bytes(source, dataset.id, payload.replace(f'"{year}"'.encode(), f'"{both}"'.encode()))
    assert frame.filter(time_period=year).is_empty()
    assert frame.height
    held = [row for row in done.quarantine.to_pylist() if row["reason"] == "bad_period"]
    assert {(row["column"], row["code"]) for row in held} == {("timePeriodStart, time_detail", f"{year}.0, {both}")}


@pytest.mark.parametrize(
    ("conf", "figure", "expected"),
    [("F", "5", "F"), ("", "5", "F"), ("C", "5", None), ("N", "5", None), ("C", "", "C")],
)
def test_what_unicef_marks_confidential_is_never_a_figure(conf: str, figure: str, expected: str | None) -> None:
    header = "REF_AREA,INDICATOR,AGE,STAT_POP,TIME_PERIOD,OBS_VALUE,UNIT_MULTIPLIER,UNIT_MEASURE,OBS_STATUS,OBS_CONF"
    record = f"MAR,MG_INTERNAL_DISP_PERS,Y0T17,_T,2020,{figure},0,PS,A,{conf}"
    payload = f"{header}\n{record}\n".encode()
    frame, done = read_bytes(SOURCES["unicef_migration"], "displaced", payload)
    assert frame["conf_status"].to_list() == ([] if expected is None else [expected])
    assert done.quarantine["reason"].to_pylist() == (["contradiction"] if expected is None else [])


def test_a_class_of_the_world_bank_that_is_not_public_stops_the_dataset() -> None:
    payload = (settings.include() / "samples/knomad_remittances/corridors.json").read_bytes()
    with pytest.raises(DriftError, match=r"column OBS_CONF: the flags \['ZZZ'\]"):
        read_bytes(SOURCES["knomad_remittances"], "corridors", payload.replace(b'"PU"', b'"ZZZ"', 1))


def payload_of(file: str, dataset: Dataset, payloads: Path) -> bytes:
    """What a golden figure stands in, as the publisher serves it: a real payload, where none is at hand the sample with
    published figures. A payload that was packed to be kept is unpacked.
    """
    if file.startswith("samples/"):
        return (settings.include() / file).read_bytes()
    found = [payloads / file] if (payloads / file).exists() else list(payloads.rglob(Path(file).name))
    assert found, file
    payload = found[0].read_bytes()
    return gzip.decompress(payload) if found[0].suffix == ".gz" and not dataset.reader.compression else payload


GOLDEN = [(source, golden) for source in sorted(SOURCES) for golden in golden_of(source)]
#: Sources of which something that the publisher put out was at hand.
SEEN = sorted({source for source, _ in GOLDEN})


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_there_are_ten_golden_figures_at_least(source: str) -> None:
    """None where nothing that the publisher put out was at hand: an invented one would hold every real figure."""
    known = len(golden_of(source))
    assert known >= 10 or (not known and all(d.verified != "payload" for d in SOURCES[source].datasets))


@pytest.mark.payloads
@pytest.mark.parametrize("source_id", SEEN)
def test_golden_figures_stand_in_the_real_payloads(source_id: str, payloads: Path) -> None:
    source = SOURCES[source_id]
    golden = [g for name, g in GOLDEN if name == source_id]
    for file, dataset_id in sorted({(g["file"], g["dataset"]) for g in golden}):
        frame, _ = read_bytes(source, dataset_id, payload_of(file, source.dataset(dataset_id), payloads))
        for g in (g for g in golden if (g["file"], g["dataset"]) == (file, dataset_id)):
            [row] = frame.filter(*is_cell(g)).to_dicts()
            assert row["place"] == g["place"], g
            assert (row["raw"] or "") == g["raw"], g
            assert row["value"] == (float(g["value"]) if g["value"] else None), g


@pytest.mark.payloads
@pytest.mark.parametrize("source_id", SEEN)
def test_the_gate_compares_each_golden_figure(source_id: str, payloads: Path) -> None:
    """Each known figure changed by one is another one than the payload has, and none is overlooked."""
    source = SOURCES[source_id]
    known = read_golden(folder_of(source_id))
    lists = read_lists(pipeline.concepts())
    for file, dataset_id, release in sorted(
        {(g["file"], g["dataset"], g["release"]) for n, g in GOLDEN if n == source_id}
    ):
        payload = payload_of(file, source.dataset(dataset_id), payloads)
        _, done = read_bytes(source, dataset_id, payload)  # it may be one page of several
        figures = toy.alone(toy.figures(done.facts, done.series))
        here = {g["place"] for g in golden_of(source_id) if (g["file"], g["dataset"]) == (file, dataset_id)}
        cited = {f"{file} {place}" for place in here}
        own = [g for g in known if g.cited in cited and g.release == release]
        other = [replace(g, value=1.0 if g.value is None else g.value + 1) for g in own]

        def held(golden: list[Golden], figures: Comparison = figures, release: str = release) -> list[str]:
            found = gate.judge(figures, Rules(), golden, lists, release=release)
            return [f.message for f in found if f.kind == "golden"]

        assert held(own) == []
        assert len(held(other)) == len(own) > 0
        assert all(any(g.cited in message for message in held(other)) for g in own)


def test_rows_that_hdx_marks_with_an_error_are_explained_and_no_figures() -> None:
    payload = (settings.include() / "samples" / "hdx_hapi_idps" / "countries.csv").read_bytes()
    frame, done = read_bytes(SOURCES["hdx_hapi_idps"], "countries", payload)
    assert [(r["reason"], r["count"]) for r in done.explained.to_pylist()] == [("not_selected", 1)]
    assert frame.filter(time_period="2023-12").height == 0
