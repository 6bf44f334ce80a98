"""Faults of orchestration and what surrounds it: clocks, declarations, settings, pools, file systems, secrets."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import forked
import pytest
import toy
from faults.server import Action, FaultServer, answer, by_path, chunked, in_turn, raw
from sandbox import Sandbox
from typer.testing import CliRunner

from migstats import cli, landing, pipeline, services, settings, source, warehouse, web
from migstats.errors import MigstatsError, PublisherError, TryAgainError, ValidationFailedError
from migstats.pools import pools
from migstats.replay import answer as answer_of_sample
from migstats.replay import sampled, serve
from migstats.services import Ports, Record
from migstats.source import folder_of, plan, read_source, read_sources

DAGS = settings.home() / "dags"
SAMPLES = settings.include() / "samples"


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The replay server of the demo stands in for every publisher."""
    server = serve(0, SAMPLES)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setenv("MIGSTATS_REPLAY", url)
    yield url
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    sandbox.migrate()
    return sandbox


# -- O01: clocks and calendars

TICKS = """
import datetime as dt, json, os, sys, time
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
import pendulum
time.tzset()
bag = DagBag(dag_folder=sys.argv[1], bundle_path=Path(sys.argv[1]), bundle_name="dags-folder")
first, last = (pendulum.parse(text, tz="UTC") for text in sys.argv[2:])
found = {}
for dag in bag.dags.values():
    if dag.dag_id.startswith("ingest_"):
        core = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        ticks = core.iter_dagrun_infos_between(first, last)
        found[dag.dag_id] = [tick.run_after.astimezone(dt.timezone.utc).isoformat() for tick in ticks]
print("TICKS" + json.dumps({"zone": time.tzname, "ticks": found}))
"""
#: From before a leap day, over two changes of the clock and two of the year.
FIRST, LAST = dt.datetime(2024, 2, 1, tzinfo=dt.UTC), dt.datetime(2026, 1, 31, tzinfo=dt.UTC)


def ticks(zone: str) -> dict[str, list[str]]:
    between = (FIRST.isoformat(), LAST.isoformat())
    done = forked.run(TICKS, str(DAGS), *between, environment={**os.environ, "TZ": zone})
    line = next((x for x in done.stdout.splitlines() if x.startswith("TICKS")), None)
    assert line, done.stderr[-3000:]
    facts = json.loads(line.removeprefix("TICKS"))
    assert ("UTC" in facts["zone"]) == (zone == "UTC"), "the time zone of the process was not changed"
    return facts["ticks"]


def field(text: str, low: int, high: int) -> set[int]:
    """The values of a field of a cron expression of lists and ranges."""
    if text == "*":
        return set(range(low, high + 1))
    found: set[int] = set()
    for part in text.split(","):
        begin, _, end = part.partition("-")
        found |= set(range(int(begin), int(end or begin) + 1))
    return found


def by_hand(cron: str) -> list[str]:
    """The times of a cron expression between FIRST and LAST, day by day, by nobody's library."""
    minute, hour, day, month, weekday = cron.split()
    assert "*" in (day, weekday), "days of the month and of the week at once mean one or the other"
    found = []
    date = FIRST
    while date <= LAST:
        of_month = date.day in field(day, 1, 31) and date.month in field(month, 1, 12)
        if of_month and date.isoweekday() % 7 in field(weekday, 0, 6):
            times = [(h, m) for h in field(hour, 0, 23) for m in field(minute, 0, 59)]
            found += [date.replace(hour=h, minute=m).isoformat() for h, m in sorted(times)]
        date += dt.timedelta(days=1)
    return found


@pytest.mark.airflow
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "Europe/Chisinau"])
def test_no_clock_change_leap_day_or_new_year_moves_or_skips_a_run(zone: str) -> None:
    """O01: schedules are in UTC, whatever zone the machine is in."""
    scheduled = {f"ingest_{s.id}": s.schedule for s in read_sources().values() if s.schedule}
    found = {dag: times for dag, times in ticks(zone).items() if times}
    assert set(found) == set(scheduled)
    for dag, cron in scheduled.items():
        assert found[dag] == by_hand(cron), dag
        assert len(found[dag]) >= 4, dag


def read_in(zone: str, target: Path) -> bytes:
    sample = SAMPLES / "eurostat_migr/migr_pop3ctb.csv"
    options = ["--dataset", "birth", "-o", target]
    done = subprocess.run(  # noqa: PLW1510
        [sys.executable, "-c", "from migstats.cli import main; main()", "read", "eurostat_migr", sample, *options],
        capture_output=True,
        text=True,
        env={**os.environ, "TZ": zone, "LC_ALL": "C"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return target.read_bytes()


def test_the_time_zone_of_the_machine_changes_no_observation(tmp_path: Path) -> None:
    """O01"""
    here = read_in("UTC", tmp_path / "utc.csv")
    assert here.count(b"\n") > 100
    assert read_in("Asia/Kathmandu", tmp_path / "kathmandu.csv") == here


@pytest.mark.parametrize("days", [-1, 1])
def test_a_clock_that_is_wrong_by_a_day_changes_no_observation(
    lake: Path, replay: str, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """O01: landed and read with the right clock and with a wrong one, from another state folder."""
    wdi = read_sources()["worldbank_wdi"]
    [slice_] = plan(wdi, today=dt.date(2026, 1, 1), datasets=["flows"])

    def facts() -> tuple[str, int, dt.datetime]:
        landed = landing.land(slice_, wdi)
        read = pipeline.read(landed, wdi, folder_of(wdi.id))
        return read.content_sha256, read.observations, landed.pages[0].retrieved_at

    right = facts()

    class Wrong(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return dt.datetime.now(tz) + dt.timedelta(days=days)

    # The state stays: what was noted of the host before the clock was set must not hold us up.
    monkeypatch.setattr(web, "dt", SimpleNamespace(**{**vars(dt), "datetime": Wrong}))
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + days * 86400)
    monkeypatch.setenv("MIGSTATS_LAKE", str(lake.parent / "another"))
    wrong = facts()
    assert abs((wrong[2] - right[2]).total_seconds()) > 80_000, "the clock was not wrong"
    assert wrong[:2] == right[:2]


# -- O03: one broken declaration or file, and the others

BAG = """
import json, os, sys
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
for sources in sys.argv[2:]:
    os.environ["MIGSTATS_SOURCES"] = sources
    bag = DagBag(dag_folder=sys.argv[1], bundle_path=Path(sys.argv[1]), bundle_name="dags-folder")
    print("BAG" + json.dumps({"dags": sorted(bag.dags), "errors": bag.import_errors}))
"""
#: DAGs that are there, and import errors by file.
Bag = tuple[set[str], dict[str, str]]


def bags(*sources: Path | str, folder: Path = DAGS) -> list[Bag]:
    """What Airflow makes of the folder of DAGs beside each of these folders of sources."""
    done = forked.run(BAG, str(folder), *map(str, sources), environment=os.environ)
    found = [json.loads(x.removeprefix("BAG")) for x in done.stdout.splitlines() if x.startswith("BAG")]
    assert len(found) == len(sources), done.stderr[-3000:]
    return [(set(facts["dags"]), {Path(name).name: text for name, text in facts["errors"].items()}) for facts in found]


def all_dags() -> set[str]:
    return {"publish", "maintain", "upload", "intake", *(f"ingest_{name}" for name in read_sources())}


#: What stands in a sound declaration, what is written there instead → what the import error names.
BROKEN: dict[tuple[str, str], str] = {
    ("licence:", "license:"): "license",
    ("hosts: [example.org]", "hosts: [elsewhere.org]"): "example.org",
    ("title: broken", "title: ["): "cannot be read as YAML",
    ("quarantine_bound: 1", 'quarantine_bound: 1\nschedule: "99 4 * * *"'): "schedule '99 4 * * *'",
    ("quarantine_bound: 1", 'quarantine_bound: 1\nschedule: "0 4 30 2 *"'): "schedule '0 4 30 2 *'",
    ("id: broken", "id: other"): "name the folder after the id",
    ("quarantine_bound: 1", "releases: [{id: a, released: 2024-02-30}]"): "'2024-02-30' is no date",
    ("quarantine_bound: 1", "? [a]\n: b"): "a key has to be one word",
    ("title: broken", "title: " + "[" * 3_000 + "]" * 3_000): "collections stand in one another",
    ("reference_point: end", "reference_point: 02-29"): "'02-29' is no day of every year",
}


@pytest.fixture(scope="module")
def of_broken(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[Path, Bag]]:
    """Each broken declaration, in a folder of sources beside a sound one, and what Airflow makes of that folder."""
    files = []
    for before, after in BROKEN:
        with pytest.MonkeyPatch.context() as patch:
            root = tmp_path_factory.mktemp("broken")
            toy.declare(root, patch, "broken", "toy_good")
        files.append(root / "sources" / "broken" / "source.yaml")
        text = files[-1].read_text()
        assert before in text
        files[-1].write_text(text.replace(before, after, 1))
    found = bags(*(file.parents[1] for file in files))
    return dict(zip(BROKEN, zip(files, found, strict=True), strict=True))


@pytest.mark.airflow
@pytest.mark.parametrize(("change", "named"), BROKEN.items(), ids=BROKEN.values())
def test_a_broken_declaration_is_an_import_error_and_the_other_dags_are_there(
    of_broken: dict[tuple[str, str], tuple[Path, Bag]], change: tuple[str, str], named: str
) -> None:
    """O03"""
    file, (dags, errors) = of_broken[change]
    assert dags == all_dags() | {"ingest_toy_good"}
    assert list(errors) == ["declarations.py"]
    said = errors["declarations.py"]
    assert str(file) in said
    assert named in said
    if "cannot be read as YAML" not in said and "name the folder" not in named:
        assert "docs/source.schema.json" in said


@pytest.mark.airflow
def test_a_folder_of_sources_that_is_not_there_is_an_import_error_and_takes_no_dag(tmp_path: Path) -> None:
    [(dags, errors)] = bags(tmp_path / "nowhere")
    assert dags == all_dags()
    assert str(tmp_path / "nowhere") in errors["declarations.py"]


@pytest.mark.airflow
def test_a_dag_file_that_cannot_be_imported_takes_no_other(tmp_path: Path) -> None:
    """O03"""
    folder = tmp_path / "dags"
    shutil.copytree(DAGS, folder)
    (folder / "broken.py").write_text("from airflow.sdk import dag\nimport no_such_module\n")
    [(dags, errors)] = bags("", folder=folder)
    assert dags == all_dags()
    assert list(errors) == ["broken.py"]
    assert "no_such_module" in errors["broken.py"]


def test_a_source_that_is_broken_is_no_hindrance_to_the_tasks_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.declare(tmp_path, monkeypatch, "a_broken", "toy_good")
    (tmp_path / "sources" / "a_broken" / "source.yaml").write_text("id: [")
    monkeypatch.setenv("MIGSTATS_SOURCES", os.pathsep.join([str(tmp_path / "nowhere"), str(tmp_path / "sources")]))
    assert folder_of("toy_good") == tmp_path / "sources" / "toy_good"
    assert set(source.declared()[1]) == {tmp_path / "nowhere", tmp_path / "sources" / "a_broken"}


# -- O04, O05: settings and pools


@pytest.mark.airflow
def test_without_a_warehouse_a_task_fails_at_once_and_names_the_setting(airflow: Sandbox, replay: str) -> None:
    """O04: three retries are declared, none is made."""
    conf = {"datasets": ["flows"]}
    airflow.make_pools("host_api.worldbank.org")
    ran = airflow.run("ingest_worldbank_wdi", conf, MIGSTATS_REPLAY=replay)
    assert ran.state == "failed"
    assert ran.tasks["plan"] == [("failed", 1)]
    assert {state for name, tries in ran.tasks.items() if name != "plan" for state, _ in tries} == {"upstream_failed"}
    assert "ConfigurationError" in ran.said
    assert "AIRFLOW_CONN_WAREHOUSE=postgresql://" in ran.said


@pytest.mark.parametrize("command", [["status"], ["url"], ["fingerprint"], ["setup"]])
def test_without_a_warehouse_a_command_names_the_setting(
    lake: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """O04"""
    monkeypatch.delenv("MIGSTATS_WAREHOUSE", raising=False)
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == 1
    assert "MIGSTATS_WAREHOUSE" in done.stderr


@pytest.mark.airflow
def test_a_missing_or_changed_pool_is_named_and_one_command_makes_them_all(tmp_path: Path) -> None:
    """O05"""
    airflow = Sandbox(tmp_path)
    early = airflow.cli("pools")
    assert early.returncode == 1
    assert "airflow db migrate" in early.stderr
    assert "Traceback" not in early.stderr
    airflow.migrate()
    wanted = pools(read_sources().values())
    missing = airflow.cli("pools", "--check")
    assert missing.returncode == 1
    assert "run `migstats pools`" in missing.stderr
    for name in wanted:
        assert f"pool {name}: is missing" in missing.stderr
    assert airflow.rows("SELECT count(*) FROM slot_pool WHERE pool LIKE 'host_%'") == [(0,)]

    made = airflow.cli("pools")
    assert made.returncode == 0, made.stderr
    query = "SELECT pool, slots FROM slot_pool WHERE pool LIKE 'host_%'"
    assert dict(airflow.rows(query)) == wanted
    assert "made or changed: none" in airflow.cli("pools").stdout
    assert airflow.cli("pools", "--check").returncode == 0

    with sqlite3.connect(airflow.database) as connection:
        connection.execute("UPDATE slot_pool SET slots = 99 WHERE pool = 'host_www.un.org'")
    differing = airflow.cli("pools", "--check")
    assert differing.returncode == 1
    assert "pool host_www.un.org: has 99 slots, 1 declared" in differing.stderr
    assert airflow.cli("pools").returncode == 0
    assert dict(airflow.rows(query)) == wanted


def test_the_installation_on_a_server_makes_the_pools_with_that_command() -> None:
    import yaml

    compose = yaml.safe_load((settings.home() / "docker-compose.yml").read_text("utf-8"))
    lines = [line.strip() for line in compose["services"]["airflow-init"]["command"][0].splitlines()]
    assert lines.index("airflow db migrate") < lines.index("migstats pools")


# -- O10, O12: nothing evaluated, nothing left


@pytest.mark.database
def test_without_its_suites_a_candidate_is_not_loaded(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O10: in the step, not only in the function that reads suites."""
    [declared] = toy.declare(tmp_path, monkeypatch, "toy")
    monkeypatch.setenv("MIGSTATS_DATA_DOCS", str(tmp_path / "docs"))
    read = toy.read(warehouse_url, declared, "figures/part=a", [{}])
    suites = tmp_path / "expectations"
    shutil.copytree(settings.expectations(), suites)
    monkeypatch.setattr(settings, "expectations", lambda: suites)
    today = dt.date(2024, 5, 2)
    whole = pipeline.check([read], declared, run_id="whole", url=warehouse_url, today=today)
    assert len(whole.judgements) > 20
    kept = (suites / "observation.json").read_text()
    renamed = kept.replace('"column": "obs_status"', '"column": "observation_status"')
    assert renamed != kept
    for fault in ("", "{}", kept[: len(kept) // 2], '{"name": "observation", "expectations": [], "meta": {}}', renamed):
        (suites / "observation.json").write_text(fault)
        with pytest.raises(MigstatsError) as refused:
            pipeline.check([read], declared, run_id="fault", url=warehouse_url, today=today)
        assert not isinstance(refused.value, TryAgainError)
    (suites / "observation.json").unlink()
    with pytest.raises(MigstatsError, match="observation"):
        pipeline.check([read], declared, run_id="fault", url=warehouse_url, today=today)


@pytest.mark.database
def test_where_every_row_is_in_quarantine_nothing_is_accepted(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O12, although the declared bound would let all of it through."""
    [declared] = toy.declare(tmp_path, monkeypatch, "toy")
    assert declared.quarantine_bound == 1
    monkeypatch.setenv("MIGSTATS_DATA_DOCS", str(tmp_path / "docs"))
    read = toy.read(warehouse_url, declared, "figures/part=a", [{"REF_AREA": "??"}, {"REF_AREA": "!!"}])
    assert (read.observations, read.quarantined) == (0, 2)
    with pytest.raises(ValidationFailedError):
        pipeline.check([read], declared, run_id="test", url=warehouse_url, today=dt.date(2024, 5, 2))
    assert toy.facts(warehouse_url) == set()


# -- O13: a code folder that cannot be written, and a user who is not root


def test_a_user_without_rights_reads_from_a_checkout_that_cannot_be_written() -> None:
    """O13"""
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        pytest.skip("only root can become another user; setpriv is needed")
    # The interpreter may be in a folder of root's: this user may read everything, and write what is its own.
    nobody = [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"]
    nobody += ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    if subprocess.run([*nobody, sys.executable, "-c", ""], capture_output=True, check=False).returncode:
        pytest.skip("setpriv cannot become another user here")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        checkout, own = root / "checkout", root / "own"
        for part in ("plugins", "include", "expectations"):
            shutil.copytree(settings.home() / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__"))
        for path in [checkout, *checkout.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        own.mkdir()
        os.chown(own, 65534, 65534)
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("MIGSTATS_", "PYTHON"))},
            "PYTHONPATH": str(checkout / "plugins"),
            "MIGSTATS_HOME": str(checkout),
            "MIGSTATS_STATE": str(own / "state"),
            "HOME": str(own),
        }
        sample = checkout / "include/samples/unhcr_population/population_coo_coa.json"

        def as_nobody(*command: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(  # noqa: PLW1510
                [*nobody, sys.executable, *command], capture_output=True, text=True, env=environment, cwd=own
            )

        assert "Permission" in as_nobody("-c", f"open({str(checkout / 'x')!r}, 'w')").stderr
        arguments = [
            "read",
            "unhcr_population",
            str(sample),
            "--dataset",
            "pairs",
            "-o",
            str(own / "out.csv"),
            "--json",
        ]
        done = as_nobody("-c", "from migstats.cli import main; main()", *arguments)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)[0]["observations"] > 0
        assert [p for p in checkout.rglob("*") if p.name == "__pycache__"] == []
        assert (own / "out.csv").stat().st_uid == 65534


# -- O14: no network


@pytest.fixture
def unplugged(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """No connection but to this machine, and no name is looked up; what was tried is in the list."""
    tried: list[object] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def local(host: object) -> bool:
        return str(host) in ("localhost", "::1") or str(host).startswith("127.")

    def guarded(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX and not local(address[0]):  # type: ignore[index]
            tried.append(address)
            raise OSError("the network is unplugged")
        connect(self, address)

    def names(host: object, *arguments: object, **options: object) -> object:
        if not local(host):
            tried.append(host)
            raise socket.gaierror("the network is unplugged")
        return look_up(host, *arguments, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", names)
    return tried


def test_with_the_network_unplugged_samples_are_read(unplugged: list[object], tmp_path: Path) -> None:
    """O14"""
    arguments = ["read", "undesa_stock", str(SAMPLES / "undesa_stock/undesa_pd_2024_ims_stock_by_sex_and_origin.xlsx")]
    done = CliRunner().invoke(cli.app, [*arguments, "--dataset", "origin", "-o", str(tmp_path / "o.csv")])
    assert done.exit_code == 0, done.output
    assert unplugged == []


@pytest.mark.parametrize("proxied", [False, True])
def test_with_the_network_unplugged_every_source_lands_from_its_samples(
    unplugged: list[object], lake: Path, replay: str, monkeypatch: pytest.MonkeyPatch, proxied: bool
) -> None:
    """O14, whatever proxy the machine names."""
    if proxied:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://proxy.example.org:3128")
            monkeypatch.setenv(name.lower(), "http://proxy.example.org:3128")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
    for declared in read_sources().values():
        slice_ = (sampled(folder_of(declared.id)) or plan(declared, today=dt.date(2024, 1, 1)))[-1]
        assert landing.land(slice_, declared).pages
    assert unplugged == []


def test_the_guard_of_the_network_sees_what_leaves_the_machine(
    unplugged: list[object], lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MIGSTATS_REPLAY", raising=False)
    monkeypatch.setattr(web, "back_off", lambda attempt: 0.0)
    monkeypatch.setattr(web, "PATIENCE", 0.0)
    wdi = read_sources()["worldbank_wdi"]
    with pytest.raises(TryAgainError, match=r"api\.worldbank\.org"):
        landing.land(plan(wdi, today=dt.date(2024, 1, 1))[0], wdi)
    assert unplugged


def test_the_demo_asks_nobody_but_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """O14: its services find each other and the samples past any proxy."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    record = Record(ports=Ports(ui=18080, postgres=15433, replay=18100))
    environment = services.environment(tmp_path, record)
    assert environment["MIGSTATS_REPLAY"] == "http://127.0.0.1:18100"
    for name in ("NO_PROXY", "no_proxy"):
        assert "127.0.0.1" in environment[name].split(",")
    urls = [v for k, v in environment.items() if k.startswith(("AIRFLOW_", "MIGSTATS_")) and "://" in v]
    assert len(urls) >= 5
    assert [u for u in urls if "127.0.0.1" not in u] == []


# -- N09: a body that ends with the connection, cut at the end of a line


def closing(body: bytes, keep: int | None = None) -> bytes:
    """An answer without a length: it is over when the connection is."""
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/csv\r\n\r\n" + body[:keep]


def after_half_of_the_lines(body: bytes) -> int:
    return body.index(b"\n", len(body) // 2) + 1


def land_from(
    monkeypatch: pytest.MonkeyPatch, server: FaultServer, source_id: str, dataset: str, year: int = 2026
) -> landing.Landed:
    monkeypatch.setenv("MIGSTATS_REPLAY", server.url)
    monkeypatch.setattr(web, "back_off", lambda attempt: 0.0)
    declared = read_sources()[source_id]
    slice_ = plan(declared, today=dt.date(year, 1, 1), datasets=[dataset])[-1]
    return landing.land(slice_, declared)


TEXTS = {
    ("eurostat_migr", "birth"): "eurostat_migr/migr_pop3ctb.csv",
    ("eurostat_migr", "citizenship"): "eurostat_migr/migr_pop1ctz.json",
    ("worldbank_wdi", "flows"): "worldbank_wdi/SM.POP.NETM.json",
    ("unhcr_population", "pairs"): "unhcr_population/population_coo_coa.json",
    ("undesa_stock", "destination"): "undesa_stock/undesa_pd_2024_ims_stock_by_sex_and_destination.xlsx",
}


@pytest.mark.parametrize(("source_id", "dataset"), TEXTS)
def test_half_a_body_is_not_taken_for_a_whole_one_where_only_the_connection_ends_it(
    lake: Path, monkeypatch: pytest.MonkeyPatch, source_id: str, dataset: str
) -> None:
    """N09"""
    body = (SAMPLES / TEXTS[source_id, dataset]).read_bytes()
    cut = closing(body, after_half_of_the_lines(body) if b"\n" in body[len(body) // 2 :] else len(body) // 2)
    with FaultServer(in_turn(raw(cut))) as server, pytest.raises((TryAgainError, PublisherError)):
        land_from(monkeypatch, server, source_id, dataset)


def test_lines_without_an_end_of_their_own_are_refused_where_only_the_connection_ends_them(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N09: a cut could not be seen, so not even a whole body is taken; JSON closes itself and is."""
    body = (SAMPLES / TEXTS["eurostat_migr", "birth"]).read_bytes()
    with FaultServer(in_turn(raw(closing(body)))) as server, pytest.raises(TryAgainError, match="how long it is"):
        land_from(monkeypatch, server, "eurostat_migr", "birth")
    cube = (SAMPLES / TEXTS["eurostat_migr", "citizenship"]).read_bytes()
    with FaultServer(in_turn(raw(closing(cube)))) as server:
        assert land_from(monkeypatch, server, "eurostat_migr", "citizenship").pages


@pytest.mark.parametrize("header", ["Content-Length: unknown", "Content-Length: -1", "Transfer-Encoding: gzip"])
def test_a_header_that_tells_no_end_is_none(lake: Path, monkeypatch: pytest.MonkeyPatch, header: str) -> None:
    """N09"""
    body = (SAMPLES / TEXTS["eurostat_migr", "birth"]).read_bytes()
    told = closing(body).replace(b"Connection: close", f"Connection: close\r\n{header}".encode())
    with FaultServer(in_turn(raw(told))) as server, pytest.raises(TryAgainError, match="how long it is"):
        land_from(monkeypatch, server, "eurostat_migr", "birth")


def test_a_body_whose_last_chunk_does_not_come_ended_too_early(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = (SAMPLES / TEXTS["eurostat_migr", "birth"]).read_bytes()
    cut = raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body))
    with FaultServer(in_turn(cut)) as server, pytest.raises(TryAgainError, match="ended too early, before its last"):
        land_from(monkeypatch, server, "eurostat_migr", "birth")


@pytest.mark.parametrize("way", ["length", "chunks", "gzip"])
def test_lines_whose_end_the_transport_tells_are_taken(lake: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    import gzip

    body = (SAMPLES / TEXTS["eurostat_migr", "birth"]).read_bytes()
    actions = {
        "length": answer(200, body),
        "chunks": chunked([body[:1000], body[1000:]]),
        "gzip": raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(body)),
    }
    with FaultServer(in_turn(actions[way])) as server:
        landed = land_from(monkeypatch, server, "eurostat_migr", "birth")
    assert landed.pages[0].bytes == len(body)


# -- N18, N19: too big, and later

LATER = (
    b'<?xml version="1.0"?><env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body>'
    b'<ns0:syncResponse xmlns:ns0="http://estat.ec.europa.eu/disschain/asynchronous"><queued><id>7f</id>'
    b"<status>SUBMITTED</status></queued></ns0:syncResponse></env:Body></env:Envelope>"
)
FAULT = (
    b'<?xml version="1.0"?><S:Fault xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><faultcode>413</faultcode>'
    b"<faultstring>EXTRACTION_TOO_BIG: The requested extraction is too big</faultstring></S:Fault>"
)
TOO_BIG = b'{"error":[{"status":413,"id":413,"label":"EXTRACTION_TOO_BIG: The extraction is too big"}]}'
PROMISE = b'{"warning":{"status":413,"label":"ASYNCHRONOUS_RESPONSE. Your request will be treated asynchronously."}}'


@pytest.mark.parametrize("dataset", ["citizenship", "birth"])
@pytest.mark.parametrize(
    ("status", "body", "error", "remedy"),
    [
        (413, TOO_BIG, PublisherError, "smaller"),
        (200, TOO_BIG, PublisherError, "smaller"),
        (413, FAULT, PublisherError, "smaller"),
        (200, FAULT, PublisherError, "smaller"),
        (413, PROMISE, TryAgainError, "smaller"),
        (200, PROMISE, TryAgainError, "smaller"),
        (200, LATER, TryAgainError, "smaller"),
    ],
)
def test_an_answer_that_is_too_big_or_comes_later_names_the_remedy_and_is_no_data(
    lake: Path,
    monkeypatch: pytest.MonkeyPatch,
    dataset: str,
    status: int,
    body: bytes,
    error: type[MigstatsError],
    remedy: str,
) -> None:
    """N18, N19: the parts are too big as well, the promise is never kept."""
    monkeypatch.setattr(landing, "POLL_SECONDS", 400.0)
    with FaultServer(in_turn(answer(status, body))) as server, pytest.raises(error, match=remedy) as refused:
        land_from(monkeypatch, server, "eurostat_migr", dataset)
    assert ("EXTRACTION_TOO_BIG" in str(refused.value)) == (body in (TOO_BIG, FAULT))
    assert not list(lake.rglob("*.csv")), "a ticket was kept as a snapshot"
    assert not [p for p in lake.rglob("*") if p.is_file()], "a ticket was kept as a snapshot"


def sample(target: str) -> Action:
    """The replay server's answer, from the samples."""
    found = answer_of_sample(SAMPLES, target, {})
    return answer(found.status, found.body, Content_Type=found.content_type)


def read_slice(landed: landing.Landed) -> tuple[str, int]:
    folder = folder_of(landed.slice.source)
    done = pipeline.read(landed, read_source(folder / "source.yaml"), folder)
    return done.content_sha256, done.observations


@pytest.mark.parametrize(
    ("dataset", "is_part"), [("citizenship", lambda t: t.count("sex=") == 1), ("birth", lambda t: ".NR.." not in t)]
)
@pytest.mark.parametrize("refusal", [(413, TOO_BIG), (200, FAULT)], ids=["JSON", "SOAP fault"])
def test_a_slice_that_is_too_big_is_asked_for_in_parts_that_amount_to_the_same(
    lake: Path,
    monkeypatch: pytest.MonkeyPatch,
    dataset: str,
    is_part: Callable[[str], bool],
    refusal: tuple[int, bytes],
) -> None:
    """N18: by the declared dimension."""
    with FaultServer(lambda asked: sample(asked.target)) as server:
        whole = land_from(monkeypatch, server, "eurostat_migr", dataset, 2024)
    with FaultServer(lambda asked: sample(asked.target) if is_part(asked.target) else answer(*refusal)) as server:
        parts = land_from(monkeypatch, server, "eurostat_migr", dataset, 2024)
        assert len(server.asked) == 4
    assert (len(whole.pages), len(parts.pages)) == (1, 3)
    assert read_slice(parts) == read_slice(whole)
    assert read_slice(whole)[1] > 50


@pytest.mark.parametrize("promise", [(200, PROMISE), (413, PROMISE), (200, LATER)], ids=["200", "413", "SOAP"])
def test_an_answer_that_is_being_prepared_is_asked_for_until_it_is_there(
    lake: Path, monkeypatch: pytest.MonkeyPatch, promise: tuple[int, bytes]
) -> None:
    """N19: ready at the fourth question."""
    monkeypatch.setattr(landing, "POLL_SECONDS", 0.02)
    waits = iter([answer(*promise)] * 3)
    with FaultServer(lambda asked: next(waits, None) or sample(asked.target)) as server:
        landed = land_from(monkeypatch, server, "eurostat_migr", "citizenship", 2024)
        assert len(server.asked) == 4
    assert len(landed.pages) == 1


# -- S15: no secret leaves

SECRET = "q7Zr9kTw2LxV"  # pragma: allowlist secret


@pytest.mark.airflow
@pytest.mark.database
def test_a_secret_in_the_url_is_in_no_log_xcom_or_outcome(
    tmp_path: Path, warehouse_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """S15: one slice is refused by a publisher that says the key back, another one lands."""
    toy.declare(tmp_path, monkeypatch, "toy")
    file = tmp_path / "sources" / "toy" / "source.yaml"
    file.write_text(file.read_text().replace("{part}.csv", f"{{part}}.csv?api_key={SECRET}"))
    assert SECRET in read_source(file).datasets[0].url
    home = tmp_path / "sandbox"
    home.mkdir()
    airflow = Sandbox(
        home,
        {
            "MIGSTATS_SOURCES": str(tmp_path / "sources"),
            "MIGSTATS_LAKE": str(tmp_path / "lake"),
            "AIRFLOW_CONN_WAREHOUSE": warehouse_url,
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        },
    )
    airflow.migrate()
    airflow.make_pools("host_example.org")
    said_back = answer(403, f"the key {SECRET} of /toy/a.csv?api_key={SECRET} is no good".encode())
    script = by_path({"/example.org/toy/a.csv": said_back, "/example.org/toy/b.csv": answer(200, toy.payload([{}]))})
    with FaultServer(script) as server:
        conf = {"slices": ["figures/part=a", "figures/part=b"]}
        ran = airflow.run("ingest_toy", conf, MIGSTATS_REPLAY=server.url)
        asked = [request.target for request in server.asked]
    assert any(f"api_key={SECRET}" in target for target in asked), "the publisher has to get the key"
    assert sorted(state for state, _ in ran.tasks["slices.land"]) == ["failed", "success"]
    assert ran.tasks["load"] == [("success", 1)]
    assert "api_key=***" in ran.said
    assert SECRET not in ran.said
    logs = [path for path in home.rglob("*") if path.is_file() and not path.name.startswith("airflow.db")]
    assert [str(p) for p in logs if SECRET.encode() in p.read_bytes()] == []
    for kept in home.glob("airflow.db*"):
        assert SECRET.encode() not in kept.read_bytes(), "Airflow's database: XCom, rendered fields"
    assert any("api_key=***" in str(value) for (value,) in airflow.rows("SELECT value FROM xcom"))
    with warehouse.connect(warehouse_url) as connection:
        tables = connection.execute(
            "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables "
            "WHERE table_schema IN ('ops', 'raw', 'core', 'ref', 'bi') AND table_type = 'BASE TABLE'"
        ).fetchall()
        told = {
            t["name"]: str(connection.execute(f"SELECT t::text AS row FROM {t['name']} AS t").fetchall())
            for t in tables
        }
    assert "api_key=***" in told["ops.outcome"]
    assert [name for name, text in told.items() if SECRET in text] == []
