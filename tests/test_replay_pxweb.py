"""The samples of PxWeb servers: the replay server answers as they do, and what it answers is read."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migstats import lake as lakes
from migstats import landing, pipeline, replay, settings
from migstats.source import read_source


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = replay.serve(0, settings.include() / "samples")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("MIGSTATS_REPLAY", f"http://127.0.0.1:{server.server_address[1]}")
    yield
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("source_id", ["mda_statbank", "swe_scb"])
def test_the_samples_come_in_parts_whose_union_is_the_sample(source_id: str, replayed: None, lake: Path) -> None:
    folder = settings.include() / "sources" / source_id
    source = read_source(folder / "source.yaml")
    for slice_ in replay.sampled(folder):
        landed = landing.land(slice_, source, run_id="run 1")
        assert len(landed.pages) > (1 if "emigrants" in slice_.slice or source_id == "swe_scb" else 0)
        [file] = (settings.include() / "samples" / source_id).glob(f"{slice_.slice}.json")
        whole = file.read_bytes()
        sha = lakes.store_snapshot(whole)
        page = landed.pages[0].model_copy(update={"sha256": sha, "bytes": len(whole), "part": 1, "pages": 1})
        unsplit = landed.model_copy(update={"pages": (page,)})
        one, other = (pipeline.read(each, source, folder) for each in (landed, unsplit))
        assert one.content_sha256 == other.content_sha256
        assert sum(one.landed.values()) == sum(other.landed.values()) == one.observations


def ask(target: str, body: object = None) -> replay.Answer:
    sent = None if body is None else json.dumps(body).encode()
    return replay.answer(settings.include() / "samples", target, {}, sent)


SCB = "/statistikdatabasen.scb.se/api/v2"
MDA = "/statbank.statistica.md/PxWeb/api/v1/en/20%20Populatia%20si%20procesele%20demografice/POP070/POP07300.px"


def px_query(**values: list[str]) -> dict[str, Any]:
    named = {"ani": "Ani", "tara": "Tara de destinatie", "sexe": "Sexe", "grupe": "Grupe de virsta"}
    return {
        "query": [{"code": named[k], "selection": {"filter": "item", "values": v}} for k, v in values.items()],
        "response": {"format": "json-stat2"},
    }


def test_the_replay_server_answers_a_question_with_its_cells_and_no_others() -> None:
    found = ask(MDA, px_query(ani=["9"], tara=["4", "0"], sexe=["1"], grupe=["0"]))
    part = json.loads(found.body)
    assert (found.status, part["size"]) == (200, [1, 2, 1, 1])
    assert part["dimension"]["Tara de destinatie"]["category"]["index"] == {"0": 0, "4": 1}
    whole = json.loads((settings.include() / "samples/mda_statbank/emigrants/year=2024.json").read_text())
    assert part["value"] == [whole["value"][1], whole["value"][9]]
    by_get = ask(
        f"{SCB}/tables/TAB1617/data?lang=en&outputFormat=json-stat2&valueCodes[Fodelseland]=JM&valueCodes[Kon]=1"
        "&valueCodes[ContentsCode]=BE0101M4&valueCodes[Tid]=2022,2023"
    )
    selection = {"Fodelseland": ["JM"], "Kon": ["1"], "ContentsCode": ["BE0101M4"], "Tid": ["2022", "2023"]}
    by_post = ask(
        f"{SCB}/tables/TAB1617/data?lang=en&outputFormat=json-stat2",
        {"selection": [{"variableCode": k, "valueCodes": v} for k, v in selection.items()]},
    )
    assert by_get == by_post
    assert json.loads(by_get.body)["status"] == {"0": ".."}


@pytest.mark.parametrize(
    ("target", "body", "status", "said"),
    [
        ("/statbank.statistica.md/PxWeb/api/v1/en/?config", None, 200, "maxValues"),
        (MDA, None, 200, "valueTexts"),
        (f"{SCB}/config", None, 200, "maxDataCells"),
        (f"{SCB}/tables/TAB1617/metadata?lang=en", None, 200, "dimension"),
        (
            MDA,
            px_query(ani=["9"], tara=[str(n) for n in range(13)], sexe=["0", "1"], grupe=["0"]),
            403,
            "maximum is 20",
        ),
        (MDA, px_query(ani=["9"], tara=["99"], sexe=["0"], grupe=["0"]), 400, "no sample"),
        (MDA, px_query(ani=["0"], tara=["0"], sexe=["0"], grupe=["0"]), 400, "no sample"),
        (MDA, px_query(ani=["9"]), 400, "no sample"),
        (MDA, {"query": []}, 400, "cannot be read"),
        (f"{SCB}/tables/TAB1617/data?lang=en", None, 400, "cannot be read"),
        ("/api.worldbank.org/v2/country", {}, 405, "by GET"),
    ],
)
def test_the_replay_server_says_what_it_has_and_refuses_what_is_too_much(
    target: str, body: object, status: int, said: str
) -> None:
    found = ask(target, body)
    assert (found.status, said in found.body.decode()) == (status, True), found.body
