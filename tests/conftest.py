"""Fixtures that several tests share: a database of one's own, real payloads, a browser."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[1]

# Before anything imports Airflow or migstats: tests know nothing of a demo that runs beside them.
for name in [n for n in os.environ if n.startswith(("MIGSTATS_", "AIRFLOW"))]:
    if name != "MIGSTATS_PAYLOADS":
        del os.environ[name]
_SCRATCH = Path(tempfile.mkdtemp(prefix="migstats-tests-"))
_SCRATCH.chmod(0o755)  # PostgreSQL may run as another user
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["TESTS_SHARED"] = str(_SCRATCH)  # the processes that run tests get it from the one that began them
os.environ.update(
    {
        "MIGSTATS_STATE": str(_SCRATCH / "state"),
        "AIRFLOW_HOME": str(_SCRATCH / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(HOME / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(HOME / "plugins"),
        "AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX": "glob",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{_SCRATCH}/airflow.db",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING",
        "GX_ANALYTICS_ENABLED": "false",
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The lock itself is tested first, then what takes longest, so that no process is alone with it at the end.

    That is what reads the warehouse that is filled with all samples, and whatever starts an Airflow: of several
    processes the first one gets them one after the other, and fills it once. The whole demo is last.
    """

    def turn(item: pytest.Item) -> int:
        if item.get_closest_marker("lock"):
            return 0
        if item.get_closest_marker("end_to_end"):
            return 4
        if "warehouse_of_samples" in getattr(item, "fixturenames", ()):
            return 1
        return 2 if item.get_closest_marker("airflow") else 3

    items.sort(key=turn)


def pytest_sessionfinish() -> None:
    """Leave nothing behind."""
    shutil.rmtree(_SCRATCH, ignore_errors=True)


@pytest.fixture(scope="session")
def payloads() -> Path:
    """The folder of real payloads; without it the test is skipped."""
    folder = os.environ.get("MIGSTATS_PAYLOADS")
    if not folder:
        pytest.skip("MIGSTATS_PAYLOADS is not set: the real payloads of the publishers are not here")
    return Path(folder)


@pytest.fixture(scope="session")
def facts() -> object:
    """What codelists and relations say of what adds up (`additive.Facts`)."""
    from migstats import disclosure, settings
    from migstats.source import codelist_folders

    return disclosure.read_facts(codelist_folders(), settings.include() / "relations.csv")


@pytest.fixture(scope="session")
def postgres() -> Iterator[object]:
    """The embedded PostgreSQL, for this session."""
    import psycopg

    from migstats import postgres as server
    from migstats.process import free_port

    data = _SCRATCH / "postgres"
    running = server.start(data, free_port(), "test-only", durable=False)
    with psycopg.connect(running.url("postgres"), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum = off")  # it would go round hundreds of small databases
        connection.execute("SELECT pg_reload_conf()")
    yield running
    server.stop(data)


@pytest.fixture(scope="session")
def _template(postgres) -> str:  # type: ignore[no-untyped-def]
    from migstats import postgres as server
    from migstats import warehouse
    from migstats.source import read_sources

    server.create_database(postgres, "template_warehouse")
    passwords = dict.fromkeys(warehouse.ROLES, "test-only")
    warehouse.setup(postgres.url("template_warehouse"), read_sources().values(), passwords)
    return "template_warehouse"


@pytest.fixture(scope="session")
def fresh_warehouse(postgres, _template: str) -> Callable[[], str]:  # type: ignore[no-untyped-def]
    """Makes migrated warehouses, and gives the URL of each, as its owner (a superuser)."""
    from migstats import postgres as server
    from migstats import warehouse

    def make() -> str:
        name = f"w{uuid.uuid4().hex[:12]}"
        server.create_database(postgres, name, template=_template)
        with warehouse.connect(postgres.url(name)) as connection:
            connection.execute(warehouse.statement("grants/database"))  # a copy does not carry it along
        return postgres.url(name)

    return make


@pytest.fixture
def warehouse_url(fresh_warehouse: Callable[[], str]) -> str:
    """A fresh, migrated warehouse, as its owner (a superuser)."""
    return fresh_warehouse()


@pytest.fixture(scope="session")
def warehouse_of_samples(postgres, _template: str, tmp_path_factory: pytest.TempPathFactory) -> object:  # type: ignore[no-untyped-def]
    """A warehouse in which the samples of all sources are published (`samples.Filled`). Read it, and nothing else."""
    from samples import fill

    return fill(postgres, _template, tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="session")
def past(postgres, _template: str, tmp_path_factory: pytest.TempPathFactory) -> object:  # type: ignore[no-untyped-def]
    """A source with a history (`past.Past`), for copies."""
    from past import make

    return make(postgres, _template, tmp_path_factory.mktemp("past"))


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lake and state of the test's own."""
    monkeypatch.setenv("MIGSTATS_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("MIGSTATS_LAKE", raising=False)
    return tmp_path / "state" / "lake"


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of an installed Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("NO BROWSER: install chromium to run the tests of pages")
    return found


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A real Airflow with toy sources, for the end-to-end tests that need one."""
    import real_airflow

    with real_airflow.running(tmp_path_factory.mktemp("site")) as running:
        yield running
