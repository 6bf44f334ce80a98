"""dlt's rest source: pages of JSON objects over HTTP, its usual way from an API to a table."""

import time

BEGAN = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import dlt  # noqa: E402
from dlt.sources.rest_api import rest_api_source  # noqa: E402

url, base, work, report = sys.argv[1:5]
imported = time.perf_counter() - BEGAN
since = time.perf_counter()
source = rest_api_source(
    {
        "client": {"base_url": base, "paginator": {"type": "json_link", "next_url_path": "next"}},
        "resources": [
            {
                "name": "observation",
                "write_disposition": "append",
                "endpoint": {"path": "page-0.json", "data_selector": "results"},
            }
        ],
    }
)
pipeline = dlt.pipeline(
    pipeline_name="bench",
    pipelines_dir=work,
    destination=dlt.destinations.postgres(credentials=url),
    dataset_name=f"dlt_{os.getpid()}",
)
pipeline.run(source)
rows = sum(count for table, count in pipeline.last_trace.last_normalize_info.row_counts.items() if table[0] != "_")
Path(report).write_text(
    json.dumps({"seconds": {"import": imported, "work": time.perf_counter() - since}, "rows": rows})
)
