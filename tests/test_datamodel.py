"""docs/data-model.md is what the database says of itself."""

from __future__ import annotations

import pytest

from migstats import settings, warehouse
from migstats.datamodel import data_model

pytestmark = pytest.mark.database


def test_the_page_of_the_data_model_is_that_of_this_warehouse(warehouse_url: str) -> None:
    page = settings.home() / "docs" / "data-model.md"
    stale = "run `migstats datamodel -o docs/data-model.md` against a warehouse of this version"
    assert page.read_text(encoding="utf-8") == data_model(warehouse_url), stale


def test_every_table_and_view_says_what_it_is(warehouse_url: str) -> None:
    with warehouse.connect(warehouse_url) as connection:
        found = warehouse.rows(connection, "report/data_model")
    bare = {f"{row['schema']}.{row['relation']}" for row in found if not row["relation_comment"]}
    assert bare == set()
