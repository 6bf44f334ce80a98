"""dlt with Arrow tables from the files, loaded as Parquet (ADBC) or as CSV (COPY); no checks.

At its fastest it appends, without history. With `history` it merges as `scd2`, by the hash of each row.
"""

import time

BEGAN = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import dlt  # noqa: E402
import pyarrow as pa  # noqa: E402
from dlt.sources.helpers.transform import add_row_hash_to_table  # noqa: E402
from pyarrow import csv  # noqa: E402

url, folder, work, report, file_format, *history = sys.argv[1:]
SCD2 = {"disposition": "merge", "strategy": "scd2", "row_version_column_name": "row_hash"}
imported = time.perf_counter() - BEGAN
since = time.perf_counter()


@dlt.resource(name="observation", write_disposition=SCD2 if history else "append")
def observation():
    for file in sorted(Path(folder).glob("*.csv")):
        names = file.open().readline().strip().split(",")
        texts = {name: pa.string() for name in names if name != "OBS_VALUE"}
        yield csv.read_csv(file, convert_options=csv.ConvertOptions(column_types={**texts, "OBS_VALUE": pa.float64()}))


pipeline = dlt.pipeline(
    pipeline_name="bench",
    pipelines_dir=work,
    destination=dlt.destinations.postgres(credentials=url),
    dataset_name=f"dlt_{os.getpid()}",
)
rows = observation().add_map(add_row_hash_to_table("row_hash")) if history else observation()
pipeline.run(rows, loader_file_format=file_format)
rows = sum(count for table, count in pipeline.last_trace.last_normalize_info.row_counts.items() if table[0] != "_")
Path(report).write_text(
    json.dumps({"seconds": {"import": imported, "work": time.perf_counter() - since}, "rows": rows})
)
