"""Candidates: nothing moves before it is accepted, a person decides a breach, and a waiver lets one pass once."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import toy

from migstats import candidate, landing, pipeline, publish, vintage, warehouse
from migstats.errors import DeclarationError, PermanentError, RefusedError, SupersededError
from migstats.reading import Read
from migstats.source import Source, folder_of

pytestmark = pytest.mark.database

A, B, _ = toy.SLICES
AREAS = ("MAR", "NPL", "SRB", "TUN", "PHL")
Rows = Sequence[Mapping[str, str]]


def rows(**changes: str) -> Rows:
    values = {area: str(10_000 * n) for n, area in enumerate(AREAS, start=1)} | changes
    return [{"REF_AREA": area, "OBS_VALUE": value} for area, value in values.items() if value]


#: Areas that are gone after one landing and after the next.
GONE = (("MAR",), ("MAR", "NPL"))

#: One area is gone: coverage shrinks, and a fifth of the figures is deleted.
SHRUNK = rows(MAR="")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    return toy.declare(tmp_path, monkeypatch, "toy")[0]


def read(url: str, source: Source, served: Rows, day: float = 0, slice_id: str = A) -> Read:
    return toy.read(url, source, slice_id, served, at=toy.DAY + dt.timedelta(days=day))


def load(url: str, source: Source, *reads: Read) -> vintage.Counts:
    return pipeline.load(reads, source, folder_of(source.id), run_id="test", url=url)


def gate(url: str, source: Source, *reads: Read) -> candidate.Candidate:
    return pipeline.gate(reads, source, folder_of(source.id), run_id="test", url=url)


def state(url: str) -> dict[str, tuple[int, str]]:
    publish.publish(url, run_id="test")
    return toy.fingerprint(url)


def rows_of(url: str, query: str) -> list[dict[str, object]]:
    with warehouse.connect(url) as connection:
        return connection.execute(query).fetchall()


def test_a_candidate_without_breach_goes_through_and_is_told_with_its_vintage(
    warehouse_url: str, source: Source
) -> None:
    first = read(warehouse_url, source, rows())
    judged = gate(warehouse_url, source, first)
    assert (judged.breaches, judged.waits) == (0, False)
    assert load(warehouse_url, source, first).loaded == 5
    second = load(warehouse_url, source, read(warehouse_url, source, rows(NPL="20100"), day=1))
    assert (second.outcome, second.loaded) == ("accepted", 1)
    told = rows_of(warehouse_url, "SELECT candidate_id IS NOT NULL AS judged FROM ops.vintage")
    assert told == [{"judged": True}] * 2


def test_a_breach_changes_nothing_until_somebody_approves_it(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    before = state(warehouse_url)
    shrunk = read(warehouse_url, source, SHRUNK, day=1)
    judged = gate(warehouse_url, source, shrunk)
    assert judged.waits
    with pytest.raises(PermanentError, match="breached the gate and was not approved"):
        load(warehouse_url, source, shrunk)
    assert state(warehouse_url) == before
    [open_one] = rows_of(warehouse_url, "SELECT candidate_id, source FROM ops.open_decision")
    assert open_one == {"candidate_id": judged.candidate_id, "source": "toy"}
    candidate.decide(
        warehouse_url, judged.candidate_id, verdict="approved", decided_by="Amina", reason="Morocco left the survey"
    )
    counts = load(warehouse_url, source, shrunk)
    assert (counts.outcome, counts.closed) == ("accepted", 1)
    [told] = rows_of(
        warehouse_url,
        "SELECT d.decided_by, d.reason, d.verdict FROM ops.vintage INNER JOIN ops.decision AS d USING (candidate_id)",
    )
    assert told == {"decided_by": "Amina", "reason": "Morocco left the survey", "verdict": "approved"}
    assert rows_of(warehouse_url, "SELECT 1 FROM ops.open_decision") == []


def test_what_was_rejected_is_not_loaded_and_does_not_wait(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    before = state(warehouse_url)
    shrunk = read(warehouse_url, source, SHRUNK, day=1)
    judged = gate(warehouse_url, source, shrunk)
    candidate.decide(warehouse_url, judged.candidate_id, verdict="rejected", decided_by="Amina", reason="a broken file")
    with pytest.raises(RefusedError, match="was rejected"):
        load(warehouse_url, source, shrunk)
    assert state(warehouse_url) == before
    settled = rows_of(warehouse_url, "SELECT reason FROM ops.settled ORDER BY landing_id")
    assert settled == [{"reason": "loaded"}, {"reason": "refused"}]
    # the publisher mends it: what comes then is another candidate
    again = load(warehouse_url, source, read(warehouse_url, source, rows(NPL="20001"), day=2))
    assert (again.outcome, again.loaded) == ("accepted", 1)


def test_an_approval_is_for_one_candidate_and_what_it_was_compared_with(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    shrunk = read(warehouse_url, source, SHRUNK, day=1)
    approved = gate(warehouse_url, source, shrunk)
    candidate.decide(
        warehouse_url, approved.candidate_id, verdict="approved", decided_by="Amina", reason="as announced"
    )
    other = read(warehouse_url, source, rows(MAR="", NPL=""), day=2)
    assert gate(warehouse_url, source, other).waits, "another candidate asks again"
    # another slice was accepted in between: what was approved was not compared with it
    load(warehouse_url, source, read(warehouse_url, source, [{"REF_AREA": "SEN"}], day=1, slice_id=B))
    assert gate(warehouse_url, source, shrunk).verdict == "approved"
    # the same slice was: what was approved was compared with what stands no longer
    load(warehouse_url, source, read(warehouse_url, source, rows(NPL="20100"), day=0.5))
    assert gate(warehouse_url, source, shrunk).candidate_id != approved.candidate_id
    with pytest.raises(PermanentError, match="not approved"):
        load(warehouse_url, source, shrunk)
    with pytest.raises(PermanentError, match="superseded: clear `gate`"):
        vintage.accept(
            warehouse_url,
            source.id,
            [shrunk],
            run_id="test",
            code_version="test",
            candidate_id=approved.candidate_id,
        )


def test_a_candidate_of_some_slices_is_compared_with_the_last_vintage_of_one_of_them(
    warehouse_url: str, source: Source
) -> None:
    first = load(warehouse_url, source, read(warehouse_url, source, rows()))
    other = load(warehouse_url, source, read(warehouse_url, source, [{"REF_AREA": "SEN"}], day=1, slice_id=B))
    assert first.vintage_id != other.vintage_id
    of_a = read(warehouse_url, source, SHRUNK, day=2)
    of_b = read(warehouse_url, source, [{"REF_AREA": "SEN", "OBS_VALUE": "9"}], day=2, slice_id=B)
    bases = [gate(warehouse_url, source, *reads).base_vintage for reads in ([of_a], [of_b], [of_a, of_b])]
    assert bases == [first.vintage_id, other.vintage_id, other.vintage_id]


def test_the_database_itself_refuses_a_vintage_that_breached_and_was_not_approved(
    warehouse_url: str, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    shrunk = read(warehouse_url, source, SHRUNK, day=1)
    judged = gate(warehouse_url, source, shrunk)
    monkeypatch.setattr(vintage, "_require_judged", lambda connection, candidate_id, changes: None)
    with pytest.raises(PermanentError, match="breached the gate and was not approved"):
        vintage.accept(
            warehouse_url, source.id, [shrunk], run_id="t", code_version="t", candidate_id=judged.candidate_id
        )


@pytest.mark.parametrize(
    ("who", "why"), [("", "a good reason"), ("  ", "a good reason"), ("Amina", ""), ("Amina", " x ")]
)
def test_a_decision_has_a_name_and_a_reason(warehouse_url: str, source: Source, who: str, why: str) -> None:
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    judged = gate(warehouse_url, source, read(warehouse_url, source, SHRUNK, day=1))
    with pytest.raises(PermanentError, match="needs a name and a reason"):
        candidate.decide(warehouse_url, judged.candidate_id, verdict="approved", decided_by=who, reason=why)


def test_the_first_decision_stands(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    judged = gate(warehouse_url, source, read(warehouse_url, source, SHRUNK, day=1))
    again = candidate.decide
    again(warehouse_url, judged.candidate_id, verdict="rejected", decided_by="Amina", reason="a broken file")
    with pytest.raises(PermanentError, match="was rejected before"):
        again(warehouse_url, judged.candidate_id, verdict="approved", decided_by="Bilal", reason="yes, it is fine")
    with pytest.raises(PermanentError, match="no candidate"):
        again(warehouse_url, "0" * 32, verdict="approved", decided_by="Bilal", reason="yes, it is fine")


def waive(url: str, scope: str, *, kind: str = "coverage", up_to: float | None = 1, days: float = 1) -> int:
    return candidate.waive(
        url,
        source="toy",
        kind=kind,
        scope=scope,
        up_to=up_to,
        author="Amina",
        reason="announced by the publisher",
        expires_at=dt.datetime.now(dt.UTC) + dt.timedelta(days=days),
    )


def test_a_waiver_lets_that_difference_pass_once(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    waive(warehouse_url, "ref_area=MAR")
    waive(warehouse_url, "all", kind="deleted")
    shrunk = load(warehouse_url, source, read(warehouse_url, source, SHRUNK, day=1))
    assert (shrunk.outcome, shrunk.closed) == ("accepted", 1)
    assert load(warehouse_url, source, read(warehouse_url, source, rows(), day=2)).outcome == "accepted"
    with pytest.raises(PermanentError, match="not approved"):
        load(warehouse_url, source, read(warehouse_url, source, SHRUNK, day=3))


def test_a_waiver_is_for_its_own_scope_and_kind(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    waive(warehouse_url, "ref_area=NPL")
    waive(warehouse_url, "all", kind="changed")
    judged = gate(warehouse_url, source, read(warehouse_url, source, SHRUNK, day=1))
    assert judged.breaches == 2


def test_a_waiver_that_expired_blocks_again(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    waive(warehouse_url, "all", kind="deleted")
    waive(warehouse_url, "ref_area=MAR", days=0.3 / 86400)
    threading.Event().wait(0.4)
    judged = gate(warehouse_url, source, read(warehouse_url, source, SHRUNK, day=1))
    assert judged.breaches == 1


def test_a_waiver_that_is_recorded_after_the_breach_lets_what_is_judged_again_pass(
    warehouse_url: str, source: Source
) -> None:
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    shrunk = read(warehouse_url, source, SHRUNK, day=1)
    first = gate(warehouse_url, source, shrunk)
    assert first.breaches == 2
    waive(warehouse_url, "ref_area=MAR")
    assert gate(warehouse_url, source, shrunk).breaches == 1
    waive(warehouse_url, "all", kind="deleted", up_to=0.2)
    assert not gate(warehouse_url, source, shrunk).waits
    assert rows_of(warehouse_url, "SELECT 1 FROM ops.open_decision") == []
    assert load(warehouse_url, source, shrunk).outcome == "accepted"
    assert load(warehouse_url, source, shrunk).outcome == "unchanged"


def test_a_waiver_lets_nothing_larger_than_its_bound_pass(warehouse_url: str, source: Source) -> None:
    """One area of five was announced to go, a fifth of the figures; four go."""
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    waive(warehouse_url, "all", kind="deleted", up_to=0.2)
    for area in AREAS[:-1]:
        waive(warehouse_url, f"ref_area={area}", up_to=1)
    few = gate(warehouse_url, source, read(warehouse_url, source, SHRUNK, day=1))
    most = gate(warehouse_url, source, read(warehouse_url, source, rows(**dict.fromkeys(AREAS[:-1], "")), day=2))
    assert (few.breaches, most.breaches) == (0, 1)
    [held] = rows_of(
        warehouse_url,
        "SELECT kind, scope, size FROM ops.gate_finding INNER JOIN ops.candidate USING (candidate_id) "
        "WHERE severity = 'breach' AND waiver_id IS NULL AND breaches > 0",
    )
    assert held == {"kind": "deleted", "scope": "all", "size": 0.8}


def test_a_waiver_lets_one_finding_pass_and_not_the_same_of_two_landings(warehouse_url: str, source: Source) -> None:
    """Two landings wait: each takes away a figure of five, and of four."""
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    waive(warehouse_url, "all", kind="deleted")
    for area in ("MAR", "NPL"):
        waive(warehouse_url, f"ref_area={area}")
    both = [read(warehouse_url, source, rows(**dict.fromkeys(gone, "")), day=d) for d, gone in enumerate(GONE, start=1)]
    assert gate(warehouse_url, source, *both).breaches == 1
    waive(warehouse_url, "all", kind="deleted", up_to=0.25)
    assert gate(warehouse_url, source, *both).breaches == 0


def test_a_waiver_that_expires_between_gate_and_load_blocks_again(
    warehouse_url: str, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    waive(warehouse_url, "all", kind="deleted")
    waive(warehouse_url, "ref_area=MAR", days=1.5 / 86400)
    shrunk = read(warehouse_url, source, SHRUNK, day=1)
    judged = gate(warehouse_url, source, shrunk)
    assert not judged.waits
    threading.Event().wait(1.6)

    def accept() -> None:
        vintage.accept(
            warehouse_url, source.id, [shrunk], run_id="t", code_version="t", candidate_id=judged.candidate_id
        )

    with pytest.raises(PermanentError, match="waivers that expired or that another candidate used: 2; clear `gate`"):
        accept()
    with pytest.raises(PermanentError, match="not approved"):
        load(warehouse_url, source, shrunk)
    monkeypatch.setattr(vintage, "_require_judged", lambda connection, candidate_id, changes: None)
    with pytest.raises(PermanentError, match="counts on waivers that expired or were used"):
        accept()


def test_a_waiver_that_another_candidate_used_lets_nothing_else_pass(warehouse_url: str, source: Source) -> None:
    """Both were judged while it was open."""
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    waive(warehouse_url, "all", kind="deleted")
    waive(warehouse_url, "ref_area=MAR")
    first, second = (
        read(warehouse_url, source, served, day=day)
        for day, served in enumerate((SHRUNK, rows(MAR="", NPL="20001")), start=1)
    )
    judged = [gate(warehouse_url, source, one) for one in (first, second)]
    assert [one.waits for one in judged] == [False, False]
    load(warehouse_url, source, first)
    with warehouse.connect(warehouse_url) as connection:
        [found] = warehouse.rows(connection, "load/judged_against", {"candidate_id": judged[1].candidate_id})
    assert found["spent_waivers"] == [1, 2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "anything"},
        {"up_to": None},
        {"up_to": -1.0},
        {"up_to": float("inf")},
        {"scope": "the rest"},
        {"author": " "},
        {"reason": "short"},
        {"expires_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)},
    ],
    ids=[
        "kind",
        "no bound",
        "a bound below nought",
        "no bound at all",
        "what nobody saw",
        "author",
        "reason",
        "expiry",
    ],
)
def test_a_waiver_says_who_why_and_until_when(warehouse_url: str, source: Source, wrong: dict[str, object]) -> None:
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    right = {
        "source": "toy",
        "kind": "coverage",
        "scope": "ref_area=MAR",
        "up_to": 1.0,
        "author": "Amina",
        "reason": "announced by the publisher",
        "expires_at": dt.datetime.now(dt.UTC) + dt.timedelta(days=1),
    }
    with pytest.raises(DeclarationError):
        candidate.waive(warehouse_url, **{**right, **wrong})  # type: ignore[arg-type]


def test_landings_that_were_never_loaded_are_loaded_in_their_order_however_old(
    warehouse_url: str, source: Source
) -> None:
    """Ten runs that failed after landing: the eleventh loads what each of them brought, each a vintage."""
    served = [rows(NPL=str(20_000 + day)) for day in range(10)]
    for day, content in enumerate(served):
        read(warehouse_url, source, content, day=day)
    last = toy.landed(warehouse_url, "toy")
    reads = [pipeline.read(one, source, folder_of("toy")) for one in landing.waiting(last, url=warehouse_url)]
    assert len(reads) == 10
    load(warehouse_url, source, *reads)
    assert len(rows_of(warehouse_url, "SELECT 1 FROM ops.vintage")) == 10
    history = rows_of(
        warehouse_url,
        "SELECT o.value FROM core.observation AS o INNER JOIN core.series AS s USING (source, series_id) "
        "WHERE s.ref_area = 'NPL' ORDER BY o.known_from",
    )
    assert [h["value"] for h in history] == [20_000 + day for day in range(10)]
    assert landing.waiting(last, url=warehouse_url) == [last]


def test_runs_that_waited_for_each_other_load_what_the_others_left(warehouse_url: str, source: Source) -> None:
    """Failed intervals that are cleared together read one more landing each, and come to load in any order."""
    reads = [
        toy.read(warehouse_url, source, A, rows(MAR=str(10_000 + number)), at=toy.DAY + dt.timedelta(days=number))
        for number in range(4)
    ]
    runs = [reads[: number + 1] for number in range(4)]
    folder = folder_of("toy")

    def load(number: int) -> str:
        try:
            return pipeline.load(runs[number], source, folder, run_id=f"run{number}", url=warehouse_url).outcome
        except SupersededError:
            return "superseded"

    assert [load(number) for number in (1, 3, 0, 2)] == ["accepted", "accepted", "superseded", "superseded"]
    history = sorted((fact[7], fact[9]) for fact in toy.facts(warehouse_url) if fact[2] == "MAR")
    assert history == [(10_000, False), (10_001, False), (10_002, False), (10_003, True)]
    judged = pipeline.gate(runs[3], source, folder, run_id="run3", url=warehouse_url)
    assert judged.breaches == 0


def test_a_reader_never_sees_half_of_a_publish(warehouse_url: str, source: Source) -> None:
    """Twenty publishes; each moves every figure, so that a mixture would show."""
    load(warehouse_url, source, read(warehouse_url, source, rows()))
    publish.publish(warehouse_url, run_id="test")
    (source_folder := folder_of("toy")).joinpath("gate.yaml").write_text(
        "changed_share: {limit: 1, owner: tests, reason: every figure moves in this test}\n", encoding="utf-8"
    )
    seen: list[tuple[object, object]] = []
    stop = threading.Event()

    def watch() -> None:
        with warehouse.connect(warehouse_url, autocommit=True) as connection:
            while not stop.is_set():
                [row] = connection.execute(
                    "SELECT count(*) AS n, sum(published_value) AS total FROM bi.fact_observation WHERE source = 'toy'"
                ).fetchall()
                seen.append((row["n"], row["total"]))

    reader = threading.Thread(target=watch)
    reader.start()
    try:
        whole = {(5, 150_000.0)}
        for day in range(1, 21):
            served = [{**row, "OBS_VALUE": str(int(row["OBS_VALUE"]) + day)} for row in rows()]
            load(warehouse_url, source, read(warehouse_url, source, served, day=day))
            publish.publish(warehouse_url, run_id="test")
            whole.add((5, 150_000.0 + 5 * day))
    finally:
        stop.set()
        reader.join()
    assert source_folder.is_dir()
    assert set(seen) <= whole
    assert len(set(seen)) > 5, "the reader saw hardly anything"
