"""Rules that hold for the whole tree: what may be imported, called, written into a file."""

from __future__ import annotations

import ast
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from migstats.codelists import read_codelist
from migstats.errors import DeclarationError
from migstats.source import read_source

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "plugins" / "migstats"


def tracked_files() -> list[Path]:
    """The files that git has or would add; without git, those outside of hidden and generated folders."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        generated = {"var", "build", "__pycache__"}
        paths = [
            path
            for path in ROOT.rglob("*")
            if not any(p.startswith(".venv") or p in generated for p in path.relative_to(ROOT).parts)
        ]
    return sorted(path for path in paths if path.is_file())


FILES = tracked_files()
PYTHON = [path for path in FILES if path.suffix == ".py"]
SHIPPED = [path for path in PYTHON if path.relative_to(ROOT).parts[0] in ("plugins", "dags", "deploy")]


def text_of(path: Path) -> str:
    """The text of a file, or '' of a binary one."""
    content = path.read_bytes()
    return "" if b"\0" in content[:8192] else content.decode("utf-8", errors="replace")


@cache
def tree_of(path: Path) -> ast.Module:
    """What Python reads in a file: each rule looks at all of them."""
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a name or attribute, or ''."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return ""


# Each rule: what a syntax tree holds against it, as (line, what was found).
Finding = tuple[int, str]
Rule = Callable[[ast.AST], Iterator[Finding]]


def calls(tree: ast.AST) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func)


def unverified_tls(tree: ast.AST) -> Iterator[Finding]:
    """N24: no connection without a check of its certificate."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("verify", "check_hostname"):
            if isinstance(node.value, ast.Constant) and node.value.value is False:
                yield node.value.lineno, f"{node.arg}=False"
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is False:
            for target in node.targets:
                if dotted(target).rpartition(".")[2] in ("verify", "check_hostname"):
                    yield node.lineno, f"{dotted(target)} = False"
        elif isinstance(node, ast.Attribute) and node.attr in ("CERT_NONE", "_create_unverified_context"):
            yield node.lineno, node.attr


def unsafe_yaml(tree: ast.AST) -> Iterator[Finding]:
    """S17: YAML by safe loaders only."""
    unsafe = {"FullLoader", "UnsafeLoader", "Loader", "CLoader", "CFullLoader", "CUnsafeLoader", "BaseLoader"}
    unsafe |= {"full_load", "unsafe_load", "full_load_all", "unsafe_load_all"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and dotted(node.value) == "yaml" and node.attr in unsafe:
            yield node.lineno, f"yaml.{node.attr}"
        elif isinstance(node, ast.ClassDef) and node.name == "_Loader" and len(node.bases) != 1:
            yield node.lineno, "class _Loader"
    for call, name in calls(tree):
        if name in ("yaml.load", "yaml.load_all"):
            loader = [dotted(keyword.value) for keyword in call.keywords if keyword.arg == "Loader"]
            if loader not in (["_Loader"], ["yaml.SafeLoader"], ["yaml.CSafeLoader"]):
                yield call.lineno, f"{name} with Loader {loader}"


def code_from_data(tree: ast.AST) -> Iterator[Finding]:
    """S17: nothing that was read is ever run."""
    modules = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, a.name) for a in node.names if a.name.partition(".")[0] in modules)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in modules:
            yield node.lineno, str(node.module)
    for call, name in calls(tree):
        if name in ("eval", "exec", "compile", "__import__", "os.system", "os.popen", "builtins.eval", "builtins.exec"):
            yield call.lineno, name
        if name.endswith(("read_pickle", "to_pickle")):
            yield call.lineno, name
        for keyword in call.keywords:
            true = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
            if true and keyword.arg in ("shell", "allow_pickle"):
                yield call.lineno, f"{keyword.arg}=True"


def sql_from_strings(tree: ast.AST) -> Iterator[Finding]:
    """Values of SQL are bound; names go through psycopg's composition; no statement is put together as text."""

    def put_together(node: ast.expr) -> bool:
        if isinstance(node, ast.JoinedStr):
            return True
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
            return any(isinstance(part, ast.Constant | ast.JoinedStr | ast.BinOp) for part in (node.left, node.right))
        return (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("format", "replace", "join")
            and isinstance(node.func.value, ast.Constant)
        )

    takes_sql = ("execute", "executemany", "copy", "SQL", "text", "mogrify")
    for call, name in calls(tree):
        if name.rpartition(".")[2] in takes_sql and call.args and put_together(call.args[0]):
            yield call.lineno, f"{name}({ast.unparse(call.args[0])[:60]})"


def broad_except(tree: ast.AST) -> Iterator[Finding]:
    """What is caught is named; only a clean-up that ends in `raise` may catch everything."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if ast.unparse(node.body[-1]) == "raise":
                caught = [kind for kind in caught if kind is None or dotted(kind) != "BaseException"]
            for kind in caught:
                if kind is None or dotted(kind) in ("Exception", "BaseException"):
                    yield node.lineno, "except " + (dotted(kind) if kind else "")
    for call, name in calls(tree):
        if name.rpartition(".")[2] == "suppress" and {dotted(a) for a in call.args} & {"Exception", "BaseException"}:
            yield call.lineno, f"{name}(Exception)"


#: ISO 3166 alpha-3 codes of countries, territories and those that are no more, as the codelist has them.
COUNTRIES = frozenset(read_codelist(ROOT / "include" / "codelists", "area").column("iso3").values())
#: What looks like a country and is none, with what it is.
NO_COUNTRY = {"GEO": "the column of areas in SDMX files"}


def country_codes(tree: ast.AST) -> Iterator[Finding]:
    """A fact about one country is a line of a CSV or YAML that a statistician reviews, never a line of code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in COUNTRIES - NO_COUNTRY.keys():
            yield node.lineno, str(node.value)


def country_codes_in_sql(text: str) -> Iterator[Finding]:
    """As `country_codes`: text between quotes that is one code, and nothing else."""
    for number, line in enumerate(text.splitlines(), start=1):
        yield from ((number, code) for code in re.findall(r"'([A-Z]{3})'", line) if code in COUNTRIES)


RULES: dict[Rule, list[Path]] = {
    country_codes: SHIPPED,
    unverified_tls: PYTHON,
    unsafe_yaml: PYTHON,
    code_from_data: SHIPPED,
    sql_from_strings: SHIPPED,
    broad_except: SHIPPED,
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    assert len(RULES[rule]) > 10
    found = [f"{path.relative_to(ROOT)}:{line}: {what}" for path in RULES[rule] for line, what in rule(tree_of(path))]
    assert found == []


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (unverified_tls, "requests.get(url, verify=False)"),
        (unverified_tls, "session.verify = False"),
        (unverified_tls, "context.check_hostname = False"),
        (unverified_tls, "context.verify_mode = ssl.CERT_NONE"),
        (unsafe_yaml, "yaml.load(text)"),
        (unsafe_yaml, "yaml.load(text, Loader=yaml.FullLoader)"),
        (unsafe_yaml, "yaml.unsafe_load(text)"),
        (unsafe_yaml, "class _Loader(yaml.CLoader): pass"),
        (code_from_data, "import pickle"),
        (code_from_data, "from pickle import loads"),
        (code_from_data, "def f(x): return eval(x)"),
        (code_from_data, "subprocess.run(x, shell=True)"),
        (code_from_data, "np.load(x, allow_pickle=True)"),
        (sql_from_strings, "c.execute(f'SELECT {x}')"),
        (sql_from_strings, "c.execute('SELECT ' + x)"),
        (sql_from_strings, "c.execute('SELECT %s' % x)"),
        (sql_from_strings, "c.execute('SELECT {}'.format(x))"),
        (sql_from_strings, "c.execute(sql.SQL(f'SELECT {x}'))"),
        (broad_except, "try: f()\nexcept: g()"),
        (broad_except, "try: f()\nexcept Exception: g()"),
        (broad_except, "try: f()\nexcept (OSError, Exception): g()"),
        (broad_except, "try: f()\nexcept BaseException: g()"),
        (broad_except, "try: f()\nexcept BaseException:\n    raise ValueError from None"),
        (broad_except, "with suppress(Exception): f()"),
        (country_codes, "facts = facts.filter(ref_area != 'MAR')"),
        (country_codes, "PROGRAMME = {'BGD', 'ECU'}"),
        (country_codes, "f'{a}' if area == \"SUN\" else b"),
    ],
)
def test_a_breach_of_the_rule_is_found(rule: Rule, code: str) -> None:
    assert list(rule(ast.parse(code))) != []


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (unverified_tls, "requests.get(url, verify=bundle)"),
        (unsafe_yaml, "yaml.safe_load(text)"),
        (unsafe_yaml, "yaml.load(text, Loader=_Loader)"),
        (sql_from_strings, "c.execute('SELECT %s', [x])"),
        (sql_from_strings, "c.execute(sql.SQL('CREATE ROLE {}').format(sql.Identifier(x)))"),
        (broad_except, "try: f()\nexcept OSError: g()"),
        (broad_except, "try: f()\nexcept BaseException:\n    g()\n    raise"),
        (country_codes, "DIMENSIONS = {'GEO', 'SEX', 'CAN do', 'mar'}"),
    ],
)
def test_code_that_keeps_the_rule_is_let_through(rule: Rule, code: str) -> None:
    assert list(rule(ast.parse(code))) == []


def test_no_statement_names_a_country() -> None:
    assert len(COUNTRIES) > 250
    statements = [path for path in FILES if path.suffix == ".sql"]
    assert len(statements) > 100
    found = [(path.name, *finding) for path in statements for finding in country_codes_in_sql(text_of(path))]
    assert found == []


def test_a_country_in_a_statement_is_found_and_a_word_of_sql_is_not() -> None:
    """AND, CAN, NOR and PER are countries, too."""
    assert list(country_codes_in_sql("SELECT 1\nWHERE ref_area = 'MAR' AND sex IN ('F', 'PER')")) == [
        (2, "MAR"),
        (2, "PER"),
    ]
    assert (
        list(country_codes_in_sql("SELECT CAN FROM x WHERE NOT a AND b = 'NET_MIG' AND c = 'PS' AND d = 'and'")) == []
    )


# --- declarations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch {}']",
        "!!python/object/new:subprocess.Popen [['touch', '{}']]",
        "!!python/object:migstats.source.Source {{id: trap}}",
        "!!python/name:os.system",
        "!!python/module:os",
    ],
)
def test_a_yaml_tag_that_makes_an_object_is_refused_and_not_run(tmp_path: Path, tag: str) -> None:
    """S17."""
    folder, trace = tmp_path / "trap", tmp_path / "trace"
    folder.mkdir()
    (folder / "source.yaml").write_text(f"id: trap\ntitle: {tag.format(trace)}\n", encoding="utf-8")
    with pytest.raises(DeclarationError, match=r"trap/source\.yaml: cannot be read as YAML.*python/"):
        read_source(folder / "source.yaml")
    assert not trace.exists()


# --- secrets ---------------------------------------------------------------------------------------------------------


#: Figures and codes look random to a search for secrets, and the lock is full of hashes.
NO_SECRETS = re.compile(r"include/(samples|codelists)/|requirements(-\w+)?\.txt$|\.(csv|xlsx|png|svg)$")
#: What stands for a password in an error message or an example.
PLACEHOLDERS = {"password", "secret", "pass", "pass-of-proxy", "benchmark"}


def secrets_in(paths: list[Path]) -> list[str]:
    """What detect-secrets finds, as `file:line: kind`. Nothing is verified by asking the service that it opens."""
    detect_secrets = pytest.importorskip("detect_secrets", reason="detect-secrets is not installed: `make check`")
    from detect_secrets.settings import default_settings

    collection = detect_secrets.SecretsCollection()
    with default_settings():
        collection.scan_files(*map(str, paths))
    return [
        f"{name}:{secret.line_number}: {secret.type}"
        for name, secret in collection
        if secret.secret_value not in PLACEHOLDERS
    ]


@pytest.mark.slow
def test_no_secret_is_in_any_file() -> None:
    """S16. A line that only looks like one ends in a comment `pragma: allowlist secret`."""
    searched = [path for path in FILES if not NO_SECRETS.search(path.relative_to(ROOT).as_posix())]
    assert len(searched) > 50
    assert secrets_in(searched) == []


def test_a_planted_secret_is_found(tmp_path: Path) -> None:
    """S16: what must not be committed, made here so that this file holds none of it."""
    made = tmp_path / "env"
    subprocess.run([sys.executable, ROOT / "deploy" / "make_secrets.py", made], check=True, capture_output=True)
    values = dict(line.split("=", 1) for line in made.read_text(encoding="ascii").splitlines() if "=" in line)
    planted = {
        "fernet.py": f'FERNET_KEY = "{values["FERNET_KEY"]}"',
        "compose.yml": f"url: postgresql://airflow:{values['AIRFLOW_DB_PASSWORD']}@postgres/airflow",
        "settings.py": f'password = "{values["ADMIN_PASSWORD"]}"',
        "key.pem": "-----BEGIN RSA " + "PRIVATE KEY-----",
        "aws.cfg": "AKIA" + "QYLPMN5HFIQR7BBB",
    }
    for name, text in planted.items():
        (tmp_path / name).write_text(text + "\n", encoding="utf-8")
        assert secrets_in([tmp_path / name]), f"{name} was not found"
    assert secrets_in([made])


def test_no_file_of_secrets_is_or_ever_was_in_git() -> None:
    """S16: what was once committed stays in the history."""
    listed = subprocess.run(
        ["git", "log", "--all", "--diff-filter=A", "--name-only", "--format="],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("this is no git checkout, or it has no commit yet")
    kind = re.compile(r"(^|/)\.env($|\.)|\.(pem|key|p12|pfx|keytab)$|(^|/)(id_rsa|id_ed25519|roles\.json|\.pgpass)$")
    assert [name for name in listed.stdout.splitlines() if kind.search(name)] == []


# --- files -----------------------------------------------------------------------------------------------------------


def test_no_file_names_a_package_index() -> None:
    """Where packages come from is a matter of the machine, not of the project."""
    index = re.compile(
        r"--(extra-)?index-url|--find-links|--trusted-host|pypi\.(org|python)|pythonhosted|\bsimple/?\s*$", re.MULTILINE
    )
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in FILES
        if path != Path(__file__) and not path.relative_to(ROOT).as_posix().startswith("include/samples/")
        for match in index.finditer(text_of(path))
    ]
    assert found == []


def test_no_python_file_is_too_long_to_read() -> None:
    sizes = {str(path.relative_to(ROOT)): path.stat().st_size for path in PYTHON}
    longest = {name: 50_000 if name.startswith("tests/") else 40_000 for name in sizes}  # tables of examples are long
    assert {name: size for name, size in sizes.items() if size > longest[name]} == {}


def test_airflow_does_not_execute_the_package_as_plugins() -> None:
    assert "migstats/" in (ROOT / "plugins" / ".airflowignore").read_text(encoding="utf-8").split()


def test_no_module_beside_the_package_has_a_name_of_the_standard_library() -> None:
    """Airflow executes each of them as a module of that name."""
    names = {path.stem for folder in ("plugins", "dags") for path in (ROOT / folder).glob("*.py")}
    assert names & set(sys.stdlib_module_names) == set()


# --- the lock --------------------------------------------------------------------------------------------------------


def normal(name: str) -> str:
    """A package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(path: Path) -> set[str]:
    """Names in a requirements.in."""
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return {normal(re.match(r"[\w.-]+", line)[0]) for line in lines if line and line[0] != "-"}  # type: ignore[index]


def locked(path: Path) -> list[tuple[str, str, list[str]]]:
    """Name, version and hashes of each requirement of a lock; a requirement may stand twice, with markers."""
    joined = path.read_text(encoding="utf-8").replace("\\\n", " ")
    found = []
    for line in joined.splitlines():
        text = line.strip()
        if text and text[0] not in "#-":
            name = re.match(r"[\w.-]+", text)
            version = re.search(r"==([^\s;]+)", text)
            assert name, text
            found.append((normal(name[0]), version[1] if version else "", re.findall(r"--hash=(\S+)", text)))
    return found


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_every_package_of_the_lock_is_pinned_by_version_and_content(name: str) -> None:
    lock = locked(ROOT / f"{name}.txt")
    assert len(lock) > 30
    for package, version, hashes in lock:
        assert version, f"{package} has no version"
        assert hashes, f"{package} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in hashes), package


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_the_lock_has_every_package_that_is_asked_for(name: str) -> None:
    assert declared(ROOT / f"{name}.in") <= {package for package, _, _ in locked(ROOT / f"{name}.txt")}


def test_what_is_locked_is_what_was_asked_for() -> None:
    lines = (ROOT / "requirements.in").read_text(encoding="utf-8").splitlines()
    exact = dict(re.findall(r"^([\w-]+)(?:\[[\w,]+\])?==(\S+)", "\n".join(lines), re.MULTILINE))
    assert len(exact) > 8
    versions = {package: version for package, version, _ in locked(ROOT / "requirements.txt")}
    assert {name: versions[normal(name)] for name in exact} == exact


def test_both_locks_agree() -> None:
    """`make check` installs one on top of the other."""
    run = {(package, version) for package, version, _ in locked(ROOT / "requirements.txt")}
    names = {package for package, _ in run}
    check = {(package, version) for package, version, _ in locked(ROOT / "requirements-dev.txt") if package in names}
    assert check <= run


# --- floors ----------------------------------------------------------------------------------------------------------


def lint_imports(config: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("lint-imports")
    if not tool.exists():
        pytest.skip("import-linter is not installed; `make check` installs it")
    return subprocess.run(
        [tool, "--config", config, "--no-cache"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_module_imports_only_from_floors_below() -> None:
    result = lint_imports(ROOT / ".importlinter")
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("errors.py", "from migstats import codelists", "A module imports only from floors below it"),
        ("web.py", "from migstats import lake", "A module imports only from floors below it"),
        ("misplaced.py", "", "A module imports only from floors below it"),
        ("harmonise.py", "import requests", "touch no network"),
        ("source.py", "import pandas", "What DAG files import is light"),
        ("pipeline.py", "import airflow", "Only what speaks to Airflow knows it"),
    ],
)
def test_a_breach_of_the_floors_is_found(tmp_path: Path, module: str, line: str, broken: str) -> None:
    shutil.copytree(PACKAGE, tmp_path / "migstats", ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "migstats" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    result = lint_imports(ROOT / ".importlinter", PYTHONPATH=str(tmp_path))
    assert result.returncode != 0
    assert re.search(rf"{broken}.*\s*BROKEN|{broken}[^\n]*\n[^\n]*BROKEN", result.stdout), result.stdout


# --- DAG files -------------------------------------------------------------------------------------------------------

DAG_FILES = sorted((ROOT / "dags").glob("*.py"))


def imported_at_the_top(tree: ast.Module) -> Iterator[str]:
    """Modules that are imported when the file is parsed, not within a function."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            yield from (f"{module}.{a.name}" for a in node.names) if module == "migstats" else (module,)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting.extend(ast.iter_child_nodes(node))


def allowed_at_the_top(module: str) -> bool:
    first = module.partition(".")[0]
    return (
        first in sys.stdlib_module_names
        or module in {f"migstats.{name}" for name in ("source", "links", "errors", "deadline", "decision", "retry")}
        or module == "airflow.sdk"
        or module.startswith("airflow.sdk.")
    )


def test_dag_files_import_little_at_the_top() -> None:
    if not DAG_FILES:
        pytest.skip("there are no DAG files yet")
    found = [
        f"{path.name}: {module}"
        for path in DAG_FILES
        for module in imported_at_the_top(tree_of(path))
        if not allowed_at_the_top(module)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import datetime as dt", True),
        ("from airflow.sdk import dag", True),
        ("from migstats.source import read_sources", True),
        ("from migstats import source", True),
        ("def f():\n    import pandas", True),
        ("import pandas", False),
        ("from migstats import pipeline", False),
        ("from migstats.tasks import land", False),
        ("from airflow.models import Variable", False),
        ("if True:\n    import polars", False),
        ("class A:\n    import polars", False),
    ],
)
def test_an_import_at_the_top_of_a_dag_file_is_judged(code: str, allowed: bool) -> None:
    assert all(map(allowed_at_the_top, imported_at_the_top(ast.parse(code)))) is allowed


# --- read-only code --------------------------------------------------------------------------------------------------

#: Permission bits do not bind root; without capabilities they do.
UNPRIVILEGED = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"] if os.geteuid() == 0 else []


def contents(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.mark.slow
def test_the_commands_run_where_the_code_cannot_be_written(tmp_path: Path) -> None:
    """O13. The whole of Airflow runs so in tests/celery."""
    if UNPRIVILEGED and shutil.which("setpriv") is None:
        pytest.skip("root can write everywhere, and setpriv is not there to take that right away")
    code = tmp_path / "code"
    for name in ("plugins", "include", "expectations", "dags"):
        shutil.copytree(ROOT / name, code / name, ignore=shutil.ignore_patterns("__pycache__", "samples", "*.egg-info"))
    folders = [code, *(path for path in code.rglob("*") if path.is_dir())]
    for path in code.rglob("*"):
        path.chmod(0o444 if path.is_file() else 0o555)
    code.chmod(0o555)
    (tmp_path / "state").mkdir()
    before = contents(code)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "state"),
        "PYTHONPATH": str(code / "plugins"),
        "MIGSTATS_HOME": str(code),
        "MIGSTATS_STATE": str(tmp_path / "state"),
    }
    try:
        for arguments in (["sources", "--json"], ["check"]):
            script = "import sys; from migstats import cli; assert cli.__file__.startswith(sys.argv.pop(1)); cli.main()"
            run = subprocess.run(
                [*UNPRIVILEGED, sys.executable, "-c", script, str(code), *arguments],
                env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert run.returncode == 0, run.stderr[-2000:]
        tried = subprocess.run([*UNPRIVILEGED, "touch", code / "include" / "new"], capture_output=True, check=False)
        assert tried.returncode != 0, "the folder can be written, this test shows nothing"
        assert contents(code) == before
    finally:
        for folder in folders:
            folder.chmod(stat.S_IRWXU)
