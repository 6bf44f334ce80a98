"""`make live` asks the publishers themselves: what is sent to them is what their interfaces are known to take.

The addresses in `sources/<id>/requests.yaml` are typed out from the publishers' contracts, not made from the
declarations. No network.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from migstats import services
from migstats.landing import _page_url
from migstats.services import Ports, Record
from migstats.source import Slice, Source, plan, read_sources
from migstats.web import Client, manners_of

TODAY = dt.date(2026, 11, 24)
PORTS = Ports(ui=18080, postgres=15433, replay=18100)

FACTS: dict[str, dict[str, Any]] = {
    path.parent.name: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted(Path(__file__).with_name("sources").glob("*/requests.yaml"))
}
#: Source → slice → the first request of it, whole. Of sources by year, the year 2023.
FIRST_REQUESTS: dict[str, dict[str, str]] = {source: facts["first_requests"] for source, facts in FACTS.items()}
#: What an interface takes, and nothing else: several answer 200 to a parameter that they do not know. By host, or by
#: host and the beginning of the path.
KNOWN_PARAMETERS: dict[str, set[str]] = {}
for facts in FACTS.values():
    for place, names in facts["parameters"].items():
        KNOWN_PARAMETERS.setdefault(place, set()).update(names)


@pytest.fixture(scope="module")
def sources() -> dict[str, Source]:
    return dict(read_sources())


def first_request(source: Source, slice_: Slice) -> str:
    return _page_url(slice_.url, source.dataset(slice_.dataset), 1)


def parts(url: str) -> tuple[str, str, str, list[tuple[str, str]]]:
    """Scheme, host, path and the parameters in any order: what an address means."""
    split = urlsplit(url)
    assert not split.fragment
    query = parse_qsl(split.query, keep_blank_values=True, strict_parsing=True) if split.query else []
    return split.scheme, split.netloc, split.path, sorted(query)


def test_every_source_has_its_requests_written_down(sources: dict[str, Source]) -> None:
    assert set(sources) == set(FIRST_REQUESTS)


@pytest.mark.parametrize("source_id", FIRST_REQUESTS)
def test_the_requests_of_a_run_are_those_of_the_publishers_contract(source_id: str, sources: dict[str, Source]) -> None:
    source = sources[source_id]
    years = [2023] if any(dataset.dated_by for dataset in source.datasets) else []
    planned = plan(source, today=TODAY, years=years)
    assert {s.slice: parts(first_request(source, s)) for s in planned} == {
        slice_: parts(url) for slice_, url in FIRST_REQUESTS[source_id].items()
    }


@pytest.mark.parametrize("source_id", FIRST_REQUESTS)
def test_no_request_of_any_year_or_release_has_a_parameter_that_its_publisher_does_not_know(
    source_id: str, sources: dict[str, Source]
) -> None:
    source = sources[source_id]
    asked = 0
    for release in [None, *(r.id for r in source.releases)]:
        for slice_ in plan(source, today=TODAY, release=release):
            scheme, host, path, query = parts(first_request(source, slice_))
            known = [names for place, names in KNOWN_PARAMETERS.items() if f"{host}{path}/".startswith(f"{place}/")]
            assert scheme == "https"
            assert len(known) == 1, f"{host}{path}"
            assert {name for name, _ in query} <= known[0]
            assert all(value for _, value in query), "an empty value widens a request, or is refused"
            asked += 1
    assert asked >= len(source.datasets)


def test_later_pages_differ_in_their_number_only(sources: dict[str, Source]) -> None:
    for source in sources.values():
        for slice_ in plan(source, today=TODAY):
            dataset = source.dataset(slice_.dataset)
            third = _page_url(slice_.url, dataset, 3)
            if dataset.page_parameter is None:
                assert third == slice_.url
            else:
                assert parts(third)[:3] == parts(slice_.url)[:3]
                page = (dataset.page_parameter, str(dataset.page_value(3)))
                assert parts(third)[3] == sorted([*parts(slice_.url)[3], page])


def test_years_that_are_not_over_are_not_asked_for_and_both_bounds_are_sent(sources: dict[str, Source]) -> None:
    first_years = {"unhcr_population": 2000, "eurostat_migr": 2014}
    bounds = {
        "api.unhcr.org": ("yearFrom", "yearTo"),
        "statistics/1.0": ("sinceTimePeriod", "untilTimePeriod"),
        "sdmx/2.1": ("startPeriod", "endPeriod"),
    }
    for source_id, first in first_years.items():
        planned = plan(sources[source_id], today=TODAY)
        for dataset in sources[source_id].datasets:
            years = [s.year for s in planned if s.dataset == dataset.id]
            assert years == list(range(first, 2026))
        for slice_ in planned:
            query = dict(parts(slice_.url)[3])
            [(since, until)] = [names for place, names in bounds.items() if place in slice_.url]
            assert (query[since], query[until]) == (str(slice_.year), str(slice_.year))


def test_a_world_bank_request_keeps_to_the_limits_of_the_interface(sources: dict[str, Source]) -> None:
    for slice_ in plan(sources["worldbank_wdi"], today=TODAY):
        assert len(slice_.url) <= 4000
        assert max(len(part) for part in slice_.url.split("/")) <= 1500
        assert ";" not in slice_.url, "several indicators in one request need `source` and lose their header"


def test_un_desa_is_asked_with_a_user_agent_that_its_site_lets_in(sources: dict[str, Source]) -> None:
    assert (sources["undesa_stock"].user_agent or "").startswith("Mozilla/5.0 ")


def test_live_asks_the_declared_address_itself_and_the_demo_its_stand_in(
    sources: dict[str, Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    for source in sources.values():
        if source.key:
            monkeypatch.setenv(source.key.variable, "given")
        for slice_ in plan(source, today=TODAY):
            url = first_request(source, slice_)
            with Client(manners_of(source, None)) as live:
                assert live._target(url) == url
            with Client(manners_of(source, "http://127.0.0.1:18100")) as replayed:
                assert replayed._target(url) == url.replace("https://", "http://127.0.0.1:18100/", 1)


def test_live_gives_airflow_no_replay_server_whatever_the_caller_has_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIGSTATS_REPLAY", "http://127.0.0.1:9")
    live, replayed = Record(ports=PORTS, live=True), Record(ports=PORTS)
    assert "MIGSTATS_REPLAY" not in services.environment(tmp_path, live)
    assert services.environment(tmp_path, replayed)["MIGSTATS_REPLAY"] == "http://127.0.0.1:18100"
    assert "replay" not in json.dumps(services.commands(live))
    assert services.fingerprint(tmp_path, live) != services.fingerprint(tmp_path, replayed), "the services would stay"
