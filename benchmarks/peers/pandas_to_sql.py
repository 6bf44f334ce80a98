"""The plain script: pandas reads the files and writes them with `to_sql`; no checks, no history."""

import time

BEGAN = time.perf_counter()

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

import pandas as pd  # noqa: E402
from sqlalchemy import create_engine  # noqa: E402

url, folder, _, report, limit = sys.argv[1:6]
imported = time.perf_counter() - BEGAN
since = time.perf_counter()
frame = pd.concat([pd.read_csv(file) for file in sorted(Path(folder).glob("*.csv"))])
read = time.perf_counter() - since
since = time.perf_counter()
frame = frame.head(int(limit))
engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
with engine.begin() as connection:
    frame.to_sql(f"pandas_{os.getpid()}", connection, index=False, chunksize=10_000)
write = time.perf_counter() - since
Path(report).write_text(json.dumps({"seconds": {"import": imported, "read": read, "write": write}, "rows": len(frame)}))
