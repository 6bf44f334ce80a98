"""A process that has imported Airflow and the pipeline, and forks for each piece of Python that a test wants run.

What `migstats.executor` does for the tasks of the demo: imports are most of what such a process takes. There is one
for all processes that run tests; the first of them begins it, and it ends with the last. Nothing of Airflow is
initialised before the fork, so that each fork has its own settings, database and logs.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path

#: Names the folder that all processes of a run of the tests share.
SHARED = "TESTS_SHARED"


def run(
    code: str, *arguments: str, environment: Mapping[str, str], given: str = "", seconds: float = 300
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run([sys.executable, "-c", code, *arguments])`, without the time that imports take.

    `given` is what it reads from standard input.
    """
    if sys.platform != "linux":  # elsewhere a fork may crash that asks the system for a proxy
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(  # noqa: PLW1510
            command, capture_output=True, text=True, env=dict(environment), timeout=seconds, input=given
        )
    with tempfile.TemporaryDirectory(prefix="forked-", dir=os.environ[SHARED]) as folder:
        asked, *said = (Path(folder) / name for name in ("in", "out", "err"))
        asked.write_text(given, "utf-8")
        streams = [str(path) for path in (asked, *said)]
        request = {"code": code, "arguments": arguments, "environment": dict(environment), "streams": streams}
        parent = _parent()
        parent.wire.sendall(json.dumps(request).encode() + b"\n")
        ready, _, _ = select.select([parent.wire], [], [], seconds)
        ended = parent.wire.recv(100) if ready else b""
        if not ended:
            _parent.cache_clear()
            os.killpg(parent.pid, signal.SIGKILL)
            raise subprocess.TimeoutExpired(code, seconds)
        return subprocess.CompletedProcess([code, *arguments], int(ended), *(path.read_text("utf-8") for path in said))


class _Parent:
    """The fork that forks for this process alone, one request after the other."""

    def __init__(self) -> None:
        self.wire = socket.socket(socket.AF_UNIX)
        self.wire.connect(str(_address()))
        self.wire.settimeout(120)
        self.pid = int(self.wire.recv(100))
        self.wire.settimeout(None)


@functools.cache
def _parent() -> _Parent:
    with (_address().parent / "forked.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return _Parent()
        except (OSError, ValueError):  # not there yet, or just ending
            _address().unlink(missing_ok=True)
        log = _address().with_suffix(".log")
        with log.open("wb") as out:
            began = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, "AIRFLOW_HOME": str(_address().parent / "forked"), "_AIRFLOW__AS_LIBRARY": "1"},
                start_new_session=True,
            )
        while not _address().exists():
            assert began.poll() is None, log.read_text()
            time.sleep(0.05)
        return _Parent()


def _address() -> Path:
    return Path(os.environ[SHARED]) / "forked.sock"


# -- the process itself


def import_ahead() -> None:
    """Nothing is called that opens a database, begins a thread, or reads a setting that a test may change."""
    import airflow.api_fastapi.core_api.security
    import airflow.api_fastapi.execution_api.app
    import airflow.dag_processing.dagbag
    import airflow.models
    import airflow.providers.standard.operators.python
    import airflow.serialization.serialized_objects
    import great_expectations  # noqa: F401
    import httpcore  # noqa: F401
    from airflow.sdk.execution_time import supervisor, task_runner  # noqa: F401
    from sqlalchemy.orm import configure_mappers

    from migstats import cli, decision, doctor, extractor, house, pools, tasks, upload_tasks  # noqa: F401
    from migstats.uploads import accounts  # noqa: F401

    airflow.models.import_all_models()
    configure_mappers()
    # The API that tasks of `dag.test()` ask in their own process: its routes, one set for each version.
    supervisor.in_process_api_server().app._cadwyn_initialize()


def serve() -> dict[str, object]:
    """Answer requests; comes back in a fork, with what it is to do."""
    listening = socket.socket(socket.AF_UNIX)
    there = _address().with_suffix(".new")
    listening.bind(str(there))
    listening.listen()
    there.rename(_address())  # who finds it is answered
    listening.settimeout(1)
    parents: set[int] = set()
    first: float = time.monotonic() + 60  # who began it asks at once
    while parents or time.monotonic() < first:
        try:
            wire, _ = listening.accept()
        except TimeoutError:
            parents = {pid for pid in parents if os.waitpid(pid, os.WNOHANG) == (0, 0)}
            continue
        parent = os.fork()
        if not parent:
            listening.close()
            return _serve_one(wire)
        parents.add(parent)
        first = 0
        wire.close()
    os._exit(0)


def _serve_one(wire: socket.socket) -> dict[str, object]:
    os.setsid()
    wire.settimeout(None)
    wire.sendall(b"%d" % os.getpid())
    with wire.makefile("rb") as asked:
        while line := asked.readline():
            child = os.fork()
            if not child:
                wire.close()
                return dict(json.loads(line))
            _, status = os.waitpid(child, 0)
            wire.sendall(b"%d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def become(request: Mapping[str, object]) -> None:
    """Standard streams, arguments and surroundings as a process of its own would have them."""
    for number, file in enumerate(request["streams"]):  # type: ignore[arg-type]
        opened = os.open(file, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]
    time.tzset()
    sys.argv = ["-c", *request["arguments"]]  # type: ignore[misc]
    from airflow import settings

    settings.initialize()


def end(code: str) -> int:
    """Run the code, and what is to be done at the end; only the memory is not taken down, which takes a while."""
    ended = 0
    try:
        exec(compile(code, "<test>", "exec"), {"__name__": "__main__"})
    except SystemExit as asked:
        ended = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
        if isinstance(asked.code, str):
            print(asked.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        ended = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return ended


if __name__ == "__main__":
    import gc

    sys.path[0] = ""
    import_ahead()
    gc.collect()
    gc.freeze()
    asked = serve()
    become(asked)
    os._exit(end(str(asked["code"])))
