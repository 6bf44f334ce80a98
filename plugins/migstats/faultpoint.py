"""Named points in the steps, at which tests let something go wrong. A no-op where no test asks for it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

#: `<name>=SIGKILL`, SIGTERM or SIGINT, or `<name>=<a program to run>`, at the first time that the point is reached;
#: `<name>@3=...` at the third time.
_FAULT = "MIGSTATS_FAULT"
#: A file to which the name of every point that is reached is added.
_TRACE = "MIGSTATS_FAULT_TRACE"


def reach(name: str) -> None:
    """Say that a step is here."""
    trace = os.environ.get(_TRACE)
    if trace:
        with Path(trace).open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")
    where, _, what = os.environ.get(_FAULT, "").partition("=")
    point, _, times = where.partition("@")
    if point != name:
        return
    if int(times or 1) > 1:
        os.environ[_FAULT] = f"{point}@{int(times) - 1}={what}"
        return
    del os.environ[_FAULT]
    _do(what)


def _do(what: str) -> None:
    if what in ("SIGKILL", "SIGTERM", "SIGINT"):
        os.kill(os.getpid(), signal.Signals[what])
        signal.pause()
    subprocess.run([what], check=True)
