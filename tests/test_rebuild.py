"""Again from the snapshots: a replay empties the quarantine, a rebuild gives every table to the same hash."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import toy
from past import TODAY, A, Past, load, map_the_unknown

from migstats import lake, pipeline, publish, vintage, warehouse
from migstats.errors import PermanentError, TryAgainError
from migstats.reading import Read
from migstats.source import Source, folder_of

pytestmark = pytest.mark.database


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    [declared] = toy.declare(tmp_path, monkeypatch, "toy", releases=True)
    toy.open_gate(tmp_path, "toy")
    return declared


@pytest.fixture
def lived(past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Source]:
    """A warehouse with a history, and its source."""
    return past.warehouse(), past.source(tmp_path, monkeypatch)


def ledgers(url: str) -> list[dict[str, object]]:
    with warehouse.connect(url) as connection:
        return connection.execute(
            "SELECT vintage_id, release, released_at, accepted_at, cause, added, changed, closed FROM ops.vintage "
            "ORDER BY vintage_id"
        ).fetchall()


def test_a_new_line_of_codes_and_a_replay_empty_the_quarantine(
    warehouse_url: str, source: Source, tmp_path: Path
) -> None:
    load(warehouse_url, source, "2020", 0, ("MAR", "95"), ("XXA", "4"))
    load(warehouse_url, source, "2024", 1, ("MAR", "100"), ("XXA", "5"))
    nothing = pipeline.replay(source, folder_of("toy"), run_id="r", url=warehouse_url, today=TODAY)
    assert (nothing.outcome, len(ledgers(warehouse_url))) == ("unchanged", 2)
    map_the_unknown(tmp_path)
    counts = pipeline.replay(source, folder_of("toy"), run_id="r", url=warehouse_url, today=TODAY)
    assert (counts.outcome, counts.quarantined) == ("accepted", 0)
    assert [v["cause"] for v in ledgers(warehouse_url)] == ["publisher", "publisher", "crosswalk", "crosswalk"]
    facts = {(f[2], f[7], f[9]) for f in toy.facts(warehouse_url) if f[2] == "NPL"}
    assert facts == {("NPL", 4, False), ("NPL", 5, True)}


def test_nothing_that_never_landed_can_be_replayed(warehouse_url: str, source: Source) -> None:
    with pytest.raises(PermanentError, match="nothing of toy ever landed"):
        pipeline.replay(source, folder_of("toy"), run_id="r", url=warehouse_url, today=TODAY)


def serve(url: str, source: Source, day: int, *values: tuple[str, str]) -> Read:
    rows = [{"REF_AREA": area, "OBS_VALUE": value} for area, value in values]
    return toy.read(url, source, A, rows, release="2020", at=toy.DAY + dt.timedelta(days=day))


def standing(url: str) -> dict[object, object]:
    return {fact[2]: fact[7] for fact in toy.facts(url) if fact[9]}


def test_a_line_of_codes_that_was_wrong_can_be_taken_back(warehouse_url: str, source: Source, tmp_path: Path) -> None:
    codes = tmp_path / "sources" / "toy" / "codes.csv"
    before = codes.read_text(encoding="utf-8")
    load(warehouse_url, source, "2020", 0, ("MAR", "95"), ("XXA", "4"))
    for text, expected in ((None, {"MAR": 95, "NPL": 4}), (before, {"MAR": 95}), (None, {"MAR": 95, "NPL": 4})):
        if text is None:
            map_the_unknown(tmp_path)
        else:
            codes.write_text(text, encoding="utf-8")
        pipeline.replay(source, folder_of("toy"), run_id="r", url=warehouse_url, today=TODAY)
        assert standing(warehouse_url) == expected
    assert [v["cause"] for v in ledgers(warehouse_url)] == ["publisher", "crosswalk", "crosswalk", "crosswalk"]
    publish.publish(warehouse_url, run_id="test")
    marks = toy.fingerprint(warehouse_url)
    pipeline.rebuild(url=warehouse_url, admin=warehouse_url)
    assert toy.fingerprint(warehouse_url) == marks


def test_a_reading_with_codes_of_yesterday_undoes_nothing(warehouse_url: str, source: Source, tmp_path: Path) -> None:
    """A run read before the codes changed; its load is cleared after a replay with the new ones."""
    folder = folder_of("toy")
    stale = serve(warehouse_url, source, 0, ("MAR", "95"), ("XXA", "4"))
    pipeline.load([stale], source, folder, run_id="test", url=warehouse_url)
    map_the_unknown(tmp_path)
    pipeline.replay(source, folder, run_id="r", url=warehouse_url, today=TODAY)
    with pytest.raises(PermanentError, match=r"codes or corrections that changed since.*clear `read`"):
        pipeline.load([stale], source, folder, run_id="test", url=warehouse_url)
    assert standing(warehouse_url) == {"MAR": 95, "NPL": 4}


def test_what_codes_and_what_the_publisher_changed_are_vintages_of_their_own(
    warehouse_url: str, source: Source, tmp_path: Path
) -> None:
    folder = folder_of("toy")
    load(warehouse_url, source, "2020", 0, ("MAR", "95"), ("XXA", "4"))
    map_the_unknown(tmp_path)
    newer = serve(warehouse_url, source, 1, ("MAR", "96"), ("XXA", "4"))
    before = pipeline.standing(toy.landed(warehouse_url, "toy"), source, folder, url=warehouse_url)
    counts = pipeline.load([*before, newer], source, folder, run_id="test", url=warehouse_url)
    assert (counts.outcome, standing(warehouse_url)) == ("accepted", {"MAR": 96, "NPL": 4})
    found = [(v["cause"], v["added"], v["changed"]) for v in ledgers(warehouse_url)]
    assert found == [("publisher", 1, 0), ("crosswalk", 1, 0), ("publisher", 0, 1)]


def clocks(url: str) -> list[str]:
    """Every record with both of its clocks, those that a late release changed too."""
    with warehouse.connect(url) as connection:
        found = connection.execute(
            "SELECT (to_jsonb(o) - 'place_id')::text AS row FROM core.observation AS o "
            "UNION ALL SELECT (to_jsonb(s) - 'place_id')::text FROM core.superseded AS s"
        ).fetchall()
    return sorted(row["row"] for row in found)


def test_a_rebuild_gives_every_table_to_the_same_hash_and_leaves_the_ledgers(
    lived: tuple[str, Source], tmp_path: Path
) -> None:
    warehouse_url, source = lived
    before, ledger, ranges = toy.fingerprint(warehouse_url), ledgers(warehouse_url), clocks(warehouse_url)
    for workers in (1, 2):
        done = pipeline.rebuild(url=warehouse_url, admin=warehouse_url, workers=workers)
        assert done.vintages == len(ledger)
        assert toy.fingerprint(warehouse_url) == before
        assert ledgers(warehouse_url) == ledger
        assert clocks(warehouse_url) == ranges
    # and life goes on
    load(warehouse_url, source, "2024", 9, ("MAR", "102"), ("SRB", ":"), ("XXA", "5"))
    assert len(ledgers(warehouse_url)) == len(ledger) + 1


def offline(log: Path) -> dict[str, str]:
    """An environment in which Python, and each Python that it starts, reaches nobody; `log` tells who tried."""
    path = [str(Path(__file__).parent / "offline"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "OFFLINE_LOG": str(log)}


def told(log: Path) -> tuple[int, list[str]]:
    """How many processes were guarded, and what was refused."""
    lines = [line.partition(" ")[2] for line in log.read_text(encoding="utf-8").splitlines()]
    return lines.count("guarded"), [line for line in lines if line != "guarded"]


@pytest.mark.parametrize(
    ("elsewhere", "workers"),
    [
        ({"LC_ALL": "C", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "1"}, 1),
        ({"LC_ALL": "C.UTF-8", "TZ": "America/Jamaica", "PYTHONHASHSEED": "77", "POLARS_MAX_THREADS": "1"}, 2),
    ],
    ids=["Kathmandu", "Kingston"],
)
def test_a_rebuild_is_the_same_in_another_place_and_asks_nobody_over_a_network(
    lived: tuple[str, Source], tmp_path: Path, elsewhere: dict[str, str], workers: int
) -> None:
    warehouse_url, _ = lived
    before = toy.fingerprint(warehouse_url)
    command = [str(Path(sys.executable).parent / "migstats"), "rebuild", "--workers", str(workers)]
    environment = {**offline(tmp_path / "log"), **elsewhere, "MIGSTATS_WAREHOUSE": warehouse_url}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    processes, refused = told(tmp_path / "log")
    assert refused == []
    assert processes >= (1 if workers == 1 else 3), "the rebuild and its workers"
    assert toy.fingerprint(warehouse_url) == before


#: Connects to a port in a worker, as the workers of a rebuild are started, and passes over what comes of it.
TRY = """
import contextlib, multiprocessing, socket, sys
from concurrent.futures import ProcessPoolExecutor
from urllib.request import urlopen
def ask(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    with contextlib.suppress(OSError), socket.socket() as raw:
        raw.connect(("127.0.0.1", port))
    with contextlib.suppress(OSError):
        urlopen(f"http://localhost:{port}/", timeout=5)
if __name__ == "__main__":
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(ask, int(sys.argv[1])).result()
"""


def test_the_guard_of_the_network_sees_what_a_worker_passes_over(tmp_path: Path) -> None:
    script = tmp_path / "try.py"
    script.write_text(TRY, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        port = listening.getsockname()[1]
        subprocess.run([sys.executable, script, str(port)], env=offline(tmp_path / "log"), check=True)
        with pytest.raises(TimeoutError):
            listening.accept()
    processes, refused = told(tmp_path / "log")
    assert processes >= 2
    assert refused == [
        "refused socket.getaddrinfo 127.0.0.1",
        f"refused socket.connect ('127.0.0.1', {port})",
        "refused socket.getaddrinfo localhost",
    ]


def test_a_rebuild_does_not_use_what_reading_gave_before(lived: tuple[str, Source], tmp_path: Path) -> None:
    warehouse_url, _ = lived
    before = toy.fingerprint(warehouse_url)
    for file in (tmp_path / "lake" / "observations").rglob("*.parquet"):
        file.write_bytes(b"not what it was")
    pipeline.rebuild(url=warehouse_url, admin=warehouse_url)
    assert toy.fingerprint(warehouse_url) == before


def test_a_snapshot_that_is_not_what_it_was_stops_a_rebuild(lived: tuple[str, Source], tmp_path: Path) -> None:
    warehouse_url, _ = lived
    with warehouse.connect(warehouse_url) as connection:
        [row] = connection.execute("SELECT sha256 FROM raw.snapshot ORDER BY snapshot_id LIMIT 1").fetchall()
    before = toy.fingerprint(warehouse_url)
    lake.snapshot_path(row["sha256"]).write_bytes(b"damaged")
    with pytest.raises(PermanentError, match="the bytes changed"):
        pipeline.rebuild(url=warehouse_url, admin=warehouse_url)
    assert toy.fingerprint(warehouse_url) == before, "nothing was taken away"


def test_a_rebuild_that_is_interrupted_leaves_readers_what_they_saw_and_is_run_again(
    lived: tuple[str, Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse_url, _ = lived
    before, ranges = toy.fingerprint(warehouse_url), clocks(warehouse_url)
    accept, calls = vintage.accept, iter(range(100))

    def stopped(*args: object, **named: object) -> vintage.Counts:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return accept(*args, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(vintage, "accept", stopped)
        with pytest.raises(KeyboardInterrupt):
            pipeline.rebuild(url=warehouse_url, admin=warehouse_url)
    half = toy.fingerprint(warehouse_url)
    assert half["bi.observation_all"] == before["bi.observation_all"]
    assert half["core.observation"] != before["core.observation"]
    pipeline.rebuild(url=warehouse_url, admin=warehouse_url)
    assert toy.fingerprint(warehouse_url) == before
    assert clocks(warehouse_url) == ranges


def test_a_rebuild_waits_for_nobody_and_nobody_loads_beside_it(warehouse_url: str, source: Source) -> None:
    load(warehouse_url, source, "2024", 0, ("MAR", "100"))
    with warehouse.connect(warehouse_url) as at_work:
        at_work.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('migstats.rebuild', 0))")
        with pytest.raises(TryAgainError, match="a load or another rebuild is at work"):
            pipeline.rebuild(url=warehouse_url, admin=warehouse_url)


def test_a_load_of_other_code_may_come_out_otherwise_and_is_told(
    warehouse_url: str, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the code of today reads otherwise is not an error: it is what the rebuild is for."""
    load(warehouse_url, source, "2024", 0, ("MAR", "100"))
    publish.publish(warehouse_url, run_id="test")
    recorded = pipeline._recorded

    def other(row: Mapping[str, object]) -> vintage.Recorded:
        return dataclasses.replace(recorded(row), contents={A: "what it said then"}, same_code=False)

    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "_recorded", other)
        done = pipeline.rebuild(url=warehouse_url, admin=warehouse_url)
    assert [d for d in done.differences if "says something else in figures/part=a" in d] == list(done.differences)
    assert len(done.differences) == 1
    monkeypatch.setattr(pipeline, "_recorded", lambda row: dataclasses.replace(other(row), same_code=True))
    with pytest.raises(PermanentError, match="says something else in figures/part=a"):
        pipeline.rebuild(url=warehouse_url, admin=warehouse_url)
