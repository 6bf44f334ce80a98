"""The matrix of bilateral remittances of 2018, as a CSV of other hands: 214 senders by 214 receivers."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from migstats import pipeline
from migstats.harmonise import harmonise, read_codes, wide
from migstats.readers import reader_for
from migstats.source import Dataset

MATRIX = {
    "id": "matrix",
    "title": "Matrix of 2018",
    "url": "https://example.org/matrix.csv",
    "reader": {"format": "delimited", "columns": {"sender": [""]}, "across": "(?P<receiver>.+)"},
    "concepts": {
        "indicator": "REMIT_BILATERAL",
        "unit": "USD",
        "time_period": "2018",
        "ref_area": {"column": "receiver", "scheme": "name_en"},
        "counterpart_area": {"column": "sender", "scheme": "name_en"},
        "counterpart_basis": "previous_residence",
    },
    "unit_mult": 6,
    "stock_or_flow": "flow",
    "reference_point": "period",
}
#: The matrix prints nought for "none" and for "not known": no figure, rather than a nought that nobody counted.
CODES = """dataset,column,code,concept,target,treatment,note
*,_value,0,obs_status,O,map,None or not known
*,_value,0,missing_reason,not_available,map,
*,_value,N/A,obs_status,O,map,
*,_value,N/A,missing_reason,not_available,map,
"""


@pytest.mark.payloads
def test_the_matrix_is_read_in_dollars_and_its_noughts_are_no_figures(payloads: Path, tmp_path: Path) -> None:
    (tmp_path / "codes.csv").write_text(CODES, encoding="utf-8")
    dataset, concepts = Dataset.model_validate(MATRIX), pipeline.concepts()
    payload = (payloads / "knomad/Bilateralremittancematrix2018Oct2019.csv").read_bytes()
    table = reader_for(dataset.reader).read(payload, dataset.reader)
    done = harmonise(
        {"0" * 64: table}, "knomad", dataset, read_codes(tmp_path, concepts), concepts=concepts, last_year=2027
    )
    frame = wide(done, "x")
    assert (table.landed, frame.height, done.quarantine.num_rows) == (214 * 214, 214 * 214, 0)
    assert (frame["value"] == 0).sum() == 0
    assert frame.filter(raw="0").height == 39_730
    corridor = frame.filter(counterpart_area="USA", ref_area="MEX").row(0, named=True)
    assert (corridor["value"], corridor["raw"]) == (34_704_000_000, "34704")
    received = frame.group_by("ref_area").agg(pl.col("value").sum()).filter(pl.col("ref_area").is_in(["MAR", "NPL"]))
    assert dict(received.iter_rows()) == {"MAR": 6_913_000_000, "NPL": 8_317_000_000}
