"""Read one file with one library, a process of its own: seconds, number of observations, and what they are as a digest.

Called `read.py LIBRARY FORMAT FILE`. Status 3: the library is not installed.
"""

import hashlib
import importlib.util
import json
import logging
import sys
import time
import warnings
from pathlib import Path

KEY = ("FREQ", "REF_AREA", "COUNTERPART", "SEX", "TIME_PERIOD")
MODULE = {"ours": "migstats", "pyjstat": "pyjstat", "pysdmx": "pysdmx", "sdmx1": "sdmx", "openpyxl": "openpyxl"}
TIMES = 5

library, format_, name = sys.argv[1:4]
file = Path(name)
warnings.simplefilter("ignore")
logging.disable()
if importlib.util.find_spec(MODULE[library]) is None:
    sys.exit(3)


def ours():
    from pydantic import TypeAdapter

    from migstats.layout import Layout
    from migstats.readers import reader_for

    facts = {"format": format_.split()[0]}
    if format_.startswith("workbook"):
        columns = {name: [name] for name in KEY}
        facts["tables"] = [
            {"sheet": "Table", "columns": columns, "key": "REF_AREA", "periods": "2020", "blocks": False}
        ]
    layout = TypeAdapter(Layout).validate_python(facts)
    reader = reader_for(layout)
    return (
        (lambda: reader.read(file.read_bytes(), layout)),
        lambda table: (
            table.data.rename_columns(
                ["OBS_VALUE" if column == "_value" else column for column in table.data.column_names]
            )
            .select([*KEY, "OBS_VALUE"])
            .to_pandas()
        ),
    )


def pyjstat():
    from pyjstat import pyjstat as library_

    def read():
        return library_.Dataset.read(file.read_text(encoding="utf-8")).write("dataframe", naming="id")

    return read, lambda frame: frame.rename(columns={"value": "OBS_VALUE"}).dropna(subset=["OBS_VALUE"])


def pysdmx():
    from pysdmx.io import read_sdmx

    return (lambda: read_sdmx(str(file), validate=False)), lambda message: message.data[0].data


def sdmx1():
    import sdmx

    return (lambda: sdmx.to_pandas(sdmx.read_sdmx(str(file)).data[0])), lambda found: found.rename(
        "OBS_VALUE"
    ).reset_index()


def openpyxl():
    import openpyxl as library_
    import pandas

    def read():
        book = library_.load_workbook(file, read_only=True)
        return list(book["Table"].iter_rows(values_only=True))

    return read, lambda rows: pandas.DataFrame(rows[1:], columns=[*KEY, "OBS_VALUE"])


read, framed = {"ours": ours, "pyjstat": pyjstat, "pysdmx": pysdmx, "sdmx1": sdmx1, "openpyxl": openpyxl}[library]()
seconds = []
for _ in range(TIMES):
    since = time.perf_counter()
    found = read()
    seconds.append(time.perf_counter() - since)
frame = framed(found)
lines = sorted(
    "|".join(map(str, row[:-1])) + f"|{float(row[-1])!r}"
    for row in zip(*(frame[column].tolist() for column in (*KEY, "OBS_VALUE")), strict=True)
)
digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
print(json.dumps({"seconds": min(seconds), "count": len(lines), "digest": digest}))
