"""A source with a history, for tests of what looks back: made once by each process that runs tests, then copied."""

from __future__ import annotations

import datetime as dt
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
import toy

from migstats import pipeline, publish, warehouse
from migstats import postgres as server
from migstats.source import Source, folder_of, read_source

A, B, _ = toy.SLICES
TODAY = dt.date(2024, 7, 1)


def load(url: str, source: Source, release: str, day: int, *values: tuple[str, str], slice_id: str = A) -> None:
    rows = [{"REF_AREA": area, "OBS_VALUE": value} for area, value in values]
    at = toy.DAY + dt.timedelta(days=day)
    read = toy.read(url, source, slice_id, rows, release=release, at=at)
    pipeline.load([read], source, folder_of(source.id), run_id="test", url=url)


def map_the_unknown(root: Path) -> None:
    with (root / "sources" / "toy" / "codes.csv").open("a", encoding="utf-8") as codes:
        codes.write("*,REF_AREA,XXA,ref_area,NPL,map\n")


def history(url: str, source: Source, root: Path) -> None:
    """Releases out of order, a figure that goes, one that is unknown at first, a replay, and a re-delivery."""
    load(url, source, "2024", 0, ("MAR", "100"), ("SRB", ":"), ("XXA", "5"))
    load(url, source, "2019", 1, ("MAR", "90"), ("TUN", "7"))
    load(url, source, "2020", 2, ("MAR", "95.50"), ("XXA", "4"))
    load(url, source, "2024", 3, ("SEN", "3"), slice_id=B)
    load(url, source, "2024", 4, ("XXA", "5.0"), ("MAR", "100"), ("SRB", ":"))
    map_the_unknown(root)
    pipeline.replay(source, folder_of("toy"), run_id="replay", url=url, today=TODAY)
    load(url, source, "2024", 5, ("MAR", "101"), ("SRB", ":"), ("XXA", "5"))
    publish.publish(url, run_id="test")


@dataclass(frozen=True)
class Past:
    """A database with the history, and the folder of its lake and its declaration; both are only for copies."""

    running: server.Server
    database: str
    root: Path

    def warehouse(self) -> str:
        """The URL of a copy of the warehouse."""
        name = f"p{uuid.uuid4().hex[:12]}"
        server.create_database(self.running, name, template=self.database)
        with warehouse.connect(self.running.url(name)) as connection:
            connection.execute(warehouse.statement("grants/database"))  # a copy does not carry it along
        return self.running.url(name)

    def source(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
        """The source as a copy below `root`, with its lake, where the settings point to."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        monkeypatch.setenv("MIGSTATS_SOURCES", str(root / "sources"))
        monkeypatch.setenv("MIGSTATS_LAKE", str(root / "lake"))
        return read_source(root / "sources" / "toy" / "source.yaml")


def make(running: server.Server, template: str, root: Path) -> Past:
    """Live through the history in a copy of an empty warehouse."""
    made = Past(running, "template_past", root)
    server.create_database(running, made.database, template=template)
    with pytest.MonkeyPatch.context() as patch:
        [declared] = toy.declare(root, patch, "toy", releases=True)
        toy.open_gate(root, "toy")
        history(running.url(made.database), declared, root)
    return made
