"""`python -m benchmarks.microdata`: ten million border crossings into figures by month, nationality, sex and direction.

Ours reads the records while it unpacks them; the peers are pandas in pieces, and pandas with all of them at once. Each
is a process of its own, on the same file in one run, and all have to find the same figures. Read ratios, not seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl

MONTHS = [
    *("Enero", "Febrero", "Marzo", "Abril", "Mayo", "Junio"),
    *("Julio", "Agosto", "Septiembre", "Octubre", "Noviembre", "Diciembre"),
]
KEY = ["anio_movi", "mes_movi", "tip_movi", "sex_migr", "nac_migr"]
#: Records that are generated at a time.
_PIECE = 500_000


def write(path: Path, rows: int) -> int:
    """A zip with one CSV of invented crossings, as Ecuador's statistical office lays them out; its unpacked bytes."""
    random = np.random.default_rng(7)
    nationalities = np.array([f"País {n}" for n in range(190)])
    size = 0
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("esi.csv", "w", force_zip64=True) as file,
    ):
        for start in range(0, rows, _PIECE):
            n = min(_PIECE, rows - start)
            frame = pl.DataFrame(
                {
                    "tip_movi": np.array(["Entrada", "Salida"])[random.integers(0, 2, n)],
                    "via_tran": np.array(["Vía Aérea", "Vía terrestre"])[random.integers(0, 2, n)],
                    "pro_jefm": np.array(["Pichincha", "Guayas", "Carchi", "El Oro"])[random.integers(0, 4, n)],
                    "anio_movi": np.full(n, 2024),
                    "mes_movi": np.array(MONTHS)[random.integers(0, 12, n)],
                    "dia_movi": random.integers(1, 29, n),
                    "sex_migr": np.array(["Hombre", "Mujer"])[random.integers(0, 2, n)],
                    "edad": random.integers(0, 90, n),
                    "mot_viam": np.array(["Turismo", "Residencia", "Otros"])[random.integers(0, 3, n)],
                    "nac_migr": nationalities[(random.exponential(18, n).astype(int)) % 190],
                    "pais_res": nationalities[random.integers(0, 190, n)],
                }
            )
            text = frame.write_csv(include_header=start == 0).encode()
            size += len(text)
            file.write(text)
    return size


def ours(path: Path) -> dict[str, int]:
    """The reader of delimited text, as the task `read` calls it."""
    from migstats.layout import DelimitedLayout
    from migstats.readers import VALUE, reader_for

    layout = DelimitedLayout.model_validate(
        {
            "format": "delimited",
            "compression": "zip",
            "unpacked_bytes": 1 << 40,
            "aggregate": {
                "figure": "count",
                "by": ["tip_movi", "sex_migr", "nac_migr"],
                "period": {
                    "to": "month",
                    "year": "anio_movi",
                    "month": "mes_movi",
                    "months": {name: number for number, name in enumerate(MONTHS, start=1)},
                },
            },
        }
    )
    table = reader_for(layout).read(path.read_bytes(), layout).data
    names = [table[name].to_pylist() for name in ("period", "tip_movi", "sex_migr", "nac_migr", VALUE)]
    return {"|".join(key): int(value) for *key, value in zip(*names, strict=True)}


def _keyed(sizes: dict[tuple[object, ...], int]) -> dict[str, int]:
    return {
        f"{year}-{MONTHS.index(str(month)) + 1:02d}|{direction}|{sex}|{nationality}": int(n)
        for (year, month, direction, sex, nationality), n in sizes.items()
    }


def pandas_pieces(path: Path) -> dict[str, int]:
    """pandas, half a million records at a time, the columns that it takes."""
    import pandas as pd

    found = None
    for piece in pd.read_csv(path, compression="zip", usecols=KEY, chunksize=_PIECE):
        sizes = piece.groupby(KEY).size()
        found = sizes if found is None else found.add(sizes, fill_value=0)
    assert found is not None
    return _keyed(found.astype(int).to_dict())


def pandas_whole(path: Path) -> dict[str, int]:
    """pandas, all records at once, as it is mostly written."""
    import pandas as pd

    return _keyed(pd.read_csv(path, compression="zip").groupby(KEY).size().to_dict())


WAYS = {"ours": ours, "pandas, in pieces": pandas_pieces, "pandas, all at once": pandas_whole}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--way", choices=WAYS, help="measure one way on --file, in this process")
    parser.add_argument("--file", type=Path)
    parser.add_argument("--report", type=Path)
    given = parser.parse_args()
    if given.way:
        since = time.perf_counter()
        found = WAYS[given.way](given.file)
        seconds = time.perf_counter() - since
        digest = sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
        facts = {"seconds": seconds, "figures": len(found), "records": sum(found.values()), "digest": digest}
        given.report.write_text(json.dumps(facts))
        return

    from benchmarks.__main__ import measured

    with tempfile.TemporaryDirectory(prefix="migstats-microdata-") as folder:
        file = Path(folder) / "esi.zip"
        size = write(file, given.rows)
        print(
            f"{given.rows:,} records, {size / 2**20:,.0f} MB, packed {file.stat().st_size / 2**20:,.0f} MB", flush=True
        )
        digests = set()
        for way in WAYS:
            report = Path(folder) / "report.json"
            command = [sys.executable, "-m", "benchmarks.microdata", "--way", way, "--file", str(file)]
            here = str(Path(__file__).resolve().parents[1])
            path = os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])])
            environment = {**os.environ, "PYTHONPATH": path}
            _, peak = measured([*command, "--report", str(report)], environment, Path(folder) / "log")
            facts = json.loads(report.read_text())
            assert facts["records"] == given.rows, facts
            digests.add(facts["digest"])
            print(
                f"{way:22} {facts['seconds']:8.1f} s {given.rows / facts['seconds']:14,.0f} records/s {peak:8,.0f} MB",
                flush=True,
            )
        assert len(digests) == 1, "the ways found other figures"


if __name__ == "__main__":
    main()
