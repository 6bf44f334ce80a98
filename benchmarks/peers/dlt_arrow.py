"""dlt at its fastest: Arrow tables from the files, loaded as Parquet (ADBC) or as CSV (COPY); no checks, no history."""

import time

BEGAN = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import dlt  # noqa: E402
import pyarrow as pa  # noqa: E402
from pyarrow import csv  # noqa: E402

url, folder, work, report, file_format = sys.argv[1:6]
imported = time.perf_counter() - BEGAN
since = time.perf_counter()


@dlt.resource(name="observation", write_disposition="append")
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
pipeline.run(observation(), loader_file_format=file_format)
rows = sum(count for table, count in pipeline.last_trace.last_normalize_info.row_counts.items() if table[0] != "_")
Path(report).write_text(
    json.dumps({"seconds": {"import": imported, "work": time.perf_counter() - since}, "rows": rows})
)
