"""What the tests of the readers share: the folder of real payloads, and the proof that places lead back."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pytest

from migstats.layout import Layout
from migstats.observation import EXPLAINED
from migstats.readers import PLACE, RECORDS, ROW, VALUE, TextTable


@pytest.fixture
def payloads() -> Path:
    folder = os.environ.get("MIGSTATS_PAYLOADS")
    if not folder:
        pytest.skip("MIGSTATS_PAYLOADS names no folder of real payloads")
    return Path(folder)


@pytest.fixture
def files(payloads: Path) -> Callable[..., Iterator[tuple[str, bytes]]]:
    """Name and bytes of the real payloads that match the patterns; at least one each."""

    def matching(*patterns: str) -> Iterator[tuple[str, bytes]]:
        for pattern in patterns:
            found = sorted(payloads.glob(pattern))
            assert found, f"no payload matches {pattern}"
            yield from ((path.name, path.read_bytes()) for path in found)

    return matching


@pytest.fixture
def keeps_the_contract() -> Callable[[ModuleType, bytes, TextTable, Layout], None]:
    """Types of the columns, reasons of the explained cells, and some places that give their text again."""

    def check(reader: ModuleType, payload: bytes, table: TextTable, layout: Layout) -> None:
        coded = pa.dictionary(pa.int32(), pa.string())
        for field in table.data.schema:
            expected = {VALUE: pa.string(), ROW: pa.int32(), RECORDS: pa.int64()}.get(field.name, coded)
            assert field.type == expected, field
        for entry in table.explained:
            assert entry.reason in EXPLAINED
            assert entry.count > 0
            assert entry.example
        places = table.data[PLACE].to_pylist()
        numbers = table.data[ROW].to_pylist()
        values = table.data[VALUE].to_pylist()
        assert len(set(zip(places, numbers, strict=True))) == len(places), "a place stands twice"
        some = random.Random(2).sample(range(len(places)), min(50 if len(payload) < 100_000 else 8, len(places)))
        for i in some:
            place = places[i].replace("{}", str(numbers[i]))
            assert reader.locate(payload, place, layout) == values[i], place

    return check
