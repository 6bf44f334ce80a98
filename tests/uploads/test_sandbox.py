"""The process for one file: what misbehaves in it ends as a finding, and nothing of it stays."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hostile
import psutil
import pytest

from migstats.errors import ConfigurationError, DeclarationError
from migstats.uploads import sandbox
from migstats.uploads.finding import RefusedFileError
from migstats.uploads.sandbox import Bounds

LINUX = sys.platform == "linux"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "upload.csv"
    made.write_bytes(b"12345")
    return made


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """I4: after each test, no process and no file of it is left."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = set(psutil.Process().children(recursive=True))  # a database of other tests may be one
    yield scratch
    assert list(scratch.iterdir()) == []
    assert set(psutil.Process().children(recursive=True)) <= before


def code_of(work: Callable[..., Any], file: Path, bounds: Bounds | None = None, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(RefusedFileError) as caught:
        sandbox.run(work, file, int, bounds, **arguments)
    return caught.value.finding.code, caught.value.finding.words.get("reason", "")


def test_the_result_comes_back(file: Path) -> None:
    assert sandbox.run(hostile.size, file, int, add=2) == 7


def test_a_finding_comes_back_as_it_was(file: Path) -> None:
    with pytest.raises(RefusedFileError) as caught:
        sandbox.run(hostile.refuse, file, int)
    finding = caught.value.finding
    assert (finding.code, finding.sheet, finding.row, finding.column) == ("far_cell", "Permis", 3, 4)
    assert (finding.seen, finding.words) == ("12³", {"limit": "é"})


def test_a_declaration_of_ours_that_is_wrong_is_not_the_uploader_s_fault(file: Path) -> None:
    with pytest.raises(DeclarationError, match="latin-9"):
        sandbox.run(hostile.declare, file, int)


def test_only_a_function_of_a_module_is_run(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="at the top of a module"):
        sandbox.run(lambda path: 1, file, int)


@pytest.mark.parametrize(
    ("work", "bounds", "expected"),
    [
        (hostile.sleep, Bounds(wall=1.5), ("took_too_long", "time")),
        (hostile.spin, Bounds(cpu=1), ("took_too_long", "time")),
        (hostile.eat, Bounds(), ("took_too_long", "memory")),
        (hostile.crash, Bounds(), ("damaged", "")),
        (hostile.abort, Bounds(), ("damaged", "")),
        (hostile.leave, Bounds(), ("damaged", "")),
        (hostile.recurse, Bounds(), ("damaged", "")),
        (hostile.fail, Bounds(), ("damaged", "")),
        (hostile.lie, Bounds(), ("damaged", "")),
        (hostile.forge, Bounds(), ("damaged", "")),
        (hostile.flood, Bounds(result=1_000_000), ("unpacks_too_big", "")),
        (hostile.many_files, Bounds(), ("damaged", "")),
        (hostile.big_file, Bounds(file_size=2**20), ("damaged", "")),
    ],
)
def test_whatever_goes_wrong_in_it_is_a_finding(
    work: Callable[..., Any], bounds: Bounds, expected: tuple[str, str], file: Path
) -> None:
    began = time.monotonic()
    assert code_of(work, file, bounds) == expected
    assert time.monotonic() - began < 20


def test_the_log_says_where_it_failed_and_nothing_of_the_file(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert code_of(hostile.fail, file) == ("damaged", "")
    assert "ValueError hostile.py:" in caplog.text
    assert "secret" not in caplog.text


def test_what_it_prints_is_no_answer(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert sandbox.run(hostile.shout, file, str) == "said"
    assert capfd.readouterr() == ("", "")


def test_no_secret_of_the_environment_is_in_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGSTATS_WAREHOUSE", "postgresql://canary")
    found = sandbox.run(hostile.environment, file, dict[str, str])
    assert set(found) <= {"LANG", "PATH", "TMPDIR", "LC_CTYPE"}


def test_it_may_write_in_its_scratch_folder_which_then_goes(file: Path, nothing_left: Path) -> None:
    cwd, name = sandbox.run(hostile.folder, file, list[str])
    assert (Path(cwd).parent, name) == (nothing_left.resolve(), "note.txt")
    assert sandbox.run(hostile.kept, file, list[str]) == ["note.txt"]


@pytest.mark.parametrize("work", [hostile.write, hostile.remove])
def test_it_may_not_write_or_remove_elsewhere(work: Callable[..., int], file: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("before", encoding="utf-8")
    assert code_of(work, file, target=str(target)) == ("damaged", "")
    assert target.read_text(encoding="utf-8") == "before"


def test_the_kernel_refuses_what_native_code_writes(file: Path, tmp_path: Path) -> None:
    """Past the hooks of the interpreter, where the kernel has Landlock."""
    if "landlock" not in sandbox.held():
        pytest.skip("this kernel has no Landlock")
    target = tmp_path / "target"
    with pytest.raises(RefusedFileError):  # the hook refuses ctypes itself
        sandbox.run(hostile.write_below_python, file, int, target=str(target))
    script = (
        "import ctypes, os, sys; sys.path.insert(0, sys.argv[2])\n"
        "from migstats.uploads import sandboxed\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "libc.prctl(38, 1, 0, 0, 0)\n"
        "assert sandboxed._landlock(libc, sys.argv[1])\n"
        "print(libc.open(sys.argv[3].encode(), os.O_WRONLY | os.O_CREAT, 0o600))\n"
        "print(libc.open((sys.argv[1] + '/own').encode(), os.O_WRONLY | os.O_CREAT, 0o600) > 2)\n"
        "try: os.execv('/bin/true', ['true'])\n"
        "except PermissionError: print('no program')\n"
    )
    own = tmp_path / "own"
    own.mkdir()
    plugins = Path(sandbox.__file__).parents[2]
    said = subprocess.run(
        [sys.executable, "-c", script, str(own), str(plugins), str(target)], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert said[:3] == ["-1", "True", "no program"]
    assert not target.exists()


@pytest.mark.parametrize(
    "work", [hostile.start, hostile.fork, hostile.execute, hostile.kill_parent, hostile.more_memory, hostile.resolve]
)
def test_it_may_start_nothing_and_ask_nobody(work: Callable[..., int], file: Path) -> None:
    assert code_of(work, file) == ("damaged", "")


@pytest.mark.parametrize("work", [hostile.connect, hostile.raw_socket])
def test_no_request_leaves_it(work: Callable[..., int], file: Path) -> None:
    """S21."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.2)
        assert code_of(work, file, port=server.getsockname()[1]) == ("damaged", "")
        with pytest.raises(TimeoutError):
            server.accept()


@pytest.mark.skipif(not LINUX, reason="network namespaces are Linux's")
def test_the_kernel_gives_it_a_network_without_a_network(file: Path) -> None:
    allowed = [subprocess.run(["unshare", how, "true"], check=False).returncode == 0 for how in ("-n", "-Un")]
    assert ("no_network" in sandbox.held()) == any(allowed)
    if not any(allowed):
        pytest.skip("this kernel forbids namespaces to this user")
    assert sandbox.run(hostile.interfaces, file, list[str]) in (["lo"], [])


@pytest.mark.skipif(not LINUX, reason="what Linux always holds")
def test_what_holds_on_this_machine_is_said(file: Path) -> None:
    assert {"memory", "cpu", "core", "open_files", "file_size", "no_capabilities"} <= set(sandbox.held())
    found = sandbox.run(hostile.limits, file, dict[str, int], Bounds(memory=2**30, cpu=9))
    assert found == {"RLIMIT_AS": 2**30, "RLIMIT_CORE": 0, "RLIMIT_CPU": 9}


@pytest.mark.skipif(not LINUX, reason="elsewhere it outlives its parent until its time is over")
def test_it_dies_with_its_parent_and_the_next_run_sweeps_up(file: Path, nothing_left: Path) -> None:
    """I4: also where the parent is killed at once."""
    script = (
        "import sys, tempfile; sys.path[:0] = sys.argv[3].split(':'); tempfile.tempdir = sys.argv[2]\n"
        "import hostile; from pathlib import Path; from migstats.uploads import sandbox\n"
        "sandbox.run(hostile.sleep, Path(sys.argv[1]), int)\n"
    )
    paths = ":".join([str(Path(sandbox.__file__).parents[2]), str(Path(hostile.__file__).parent)])
    parent = subprocess.Popen([sys.executable, "-c", script, str(file), str(nothing_left), paths])
    children: list[psutil.Process] = []
    deadline = time.monotonic() + 20
    while not (children and list(nothing_left.iterdir())) and time.monotonic() < deadline:
        children = psutil.Process(parent.pid).children()
        time.sleep(0.05)
    time.sleep(0.7)  # until it is bound
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert (len(children), alive) == (1, [])
    assert len(list(nothing_left.iterdir())) == 1
    assert sandbox.run(hostile.size, file, int) == 5
