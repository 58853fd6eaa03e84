"""How a run went, as the server tells it: sums and means that are worked out here."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
import stored_runs
from dashboard_rows import NAMES, Asked, add_episodes, add_run

from cpu_gpu_env.dashboard.repositories import totals
from cpu_gpu_env.dashboard.services import history
from cpu_gpu_env.results.running_sum import RunningSum
from cpu_gpu_env.results.store import reading, tables

OBJECTIVE = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])


def pages(server: Asked, run: int, query: str) -> list[Any]:
    """All pages of a history."""
    found, first = [], 0
    while first is not None:
        found.append(server.get(f"/api/runs/{run}/history?{query}&first={first}"))
        first = found[-1]["next"]
    return found


def joined(pages: list[Any], name: str, *keys: str) -> list[Any]:
    """A column of a scheduler over several pages."""
    values = []
    for page in pages:
        part = page["lanes"][name]
        for key in keys:
            part = part[key]
        values += part
    return values


def test_groups_and_sums_by_hand(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    energy = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0]
    add_episodes(engine, run, "myopic", OBJECTIVE.tolist(), energy_j=energy, bound=1.0)
    add_episodes(engine, run, "random", [3.0, 5.0])
    with Asked(store_url) as server:
        answer = server.get(f"/api/runs/{run}/history?granularity=3")
        assert (answer["granularity"], answer["next"], answer["marks"]) == (3, None, [])
        assert set(answer["lanes"]) == {"myopic", "random"}
        assert answer["lanes"]["myopic"] == {
            "episode": [0, 3, 6],
            "count": [3, 3, 1],
            "phase": ["", "", ""],
            "bound": [1.0, 1.0, 1.0],
            "values": {
                "objective": [pytest.approx(7 / 3), pytest.approx(56 / 3), 64.0],
                "energy_j": [20.0, 50.0, 70.0],
            },
            "cumulative": {"objective": [7.0, 63.0, 127.0], "energy_j": [60.0, 210.0, 280.0]},
        }
        assert answer["lanes"]["random"]["cumulative"] == {"objective": [8.0]}
        alone = server.get(f"/api/runs/{run}/history?granularity=3&schedulers=random")
        assert alone["lanes"] == {"random": answer["lanes"]["random"]}
        within = server.get(f"/api/runs/{run}/history?granularity=3&first=4&limit=1")
        assert within["lanes"]["myopic"]["episode"] == [3]
        assert within["lanes"]["myopic"]["cumulative"]["objective"] == [63.0]
        assert within["next"] == 6
        after = server.get(f"/api/runs/{run}/history?first=7")
        assert (after["lanes"], after["next"]) == ({}, None)


def test_pages_are_the_whole_in_pieces(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    for name in NAMES:
        add_episodes(engine, run, name, OBJECTIVE.tolist(), regret=0.5)
    for granularity, limit in itertools.product((1, 3, 10_000), (1, 2)):
        with Asked(store_url) as server:  # which remembers nothing yet
            found = pages(server, run, f"granularity={granularity}&limit={limit}")
        groups = -(-7 // granularity)
        assert len(found) == -(-groups // limit)
        starts = list(range(0, 7, granularity))
        ends = [min(start + granularity, 7) for start in starts]
        assert joined(found, "oracle", "episode") == starts
        counts = [end - start for start, end in zip(starts, ends, strict=True)]
        assert joined(found, "oracle", "count") == counts
        summed = joined(found, "oracle", "cumulative", "objective")
        assert summed == [OBJECTIVE[:end].sum() for end in ends]
        assert joined(found, "random", "cumulative", "regret") == [0.5 * end for end in ends]


def test_a_page_reads_a_bounded_number_of_episodes(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MAX_ROWS", 4 * len(NAMES))
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    for name in NAMES:
        add_episodes(engine, run, name, OBJECTIVE.tolist())
    with Asked(store_url) as server:
        assert [
            len(p["lanes"]["random"]["count"]) for p in pages(server, run, "granularity=2")
        ] == [2, 2]
        assert [p["lanes"]["random"]["count"] for p in pages(server, run, "granularity=6")] == [
            [6],
            [1],
        ]
        for wrong in ("granularity=0", "granularity=10001", "limit=0", "limit=1001", "first=-1"):
            refusal = server.get(f"/api/runs/{run}/history?{wrong}", 422)
            assert wrong.split("=")[0] in refusal["error"]
        assert server.get(f"/api/runs/{run}/history?schedulers=random,nobody", 404)
        assert server.get(f"/api/runs/{run + 1}/history", 404)


def test_phases_cut_groups_and_are_marked(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    for phase, first, count in (("before", 0, 3), ("drift", 3, 2), ("back", 5, 2)):
        for name in NAMES:
            add_episodes(engine, run, name, [1.0] * count, first, phase)
    with Asked(store_url) as server:
        answer = server.get(f"/api/runs/{run}/history?granularity=4")
        lane = answer["lanes"]["myopic"]
        assert lane["phase"] == ["before", "drift", "drift", "back"]
        assert lane["episode"] == [0, 3, 4, 5]
        assert lane["count"] == [3, 1, 1, 2]
        assert lane["cumulative"]["objective"] == [3.0, 4.0, 5.0, 7.0]
        marks = [
            {"episode": 3, "kind": "drift", "scheduler": None, "label": "drift"},
            {"episode": 5, "kind": "drift", "scheduler": None, "label": "back"},
        ]
        assert answer["marks"] == marks
        found = pages(server, run, "granularity=1&limit=1")
        assert [mark for page in found for mark in page["marks"]] == marks


def test_models_are_marked_where_they_begin_to_play(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    for name in NAMES:
        add_episodes(engine, run, name, OBJECTIVE.tolist())
    model = {"run": run, "made_at": 1.0, "score": {}, "content": None, "exploration": 0.0}
    for name, version, episode in (("random", 0, 0), ("random", 1, 2), ("myopic", 1, 5)):
        row = {**model, "scheduler": name, "version": version, "episode": episode}
        stored_runs.insert(engine, tables.models, [row])
    with Asked(store_url) as server:
        ask = f"/api/runs/{run}/history?granularity=1&limit=4"
        mark = {"episode": 2, "kind": "model", "scheduler": "random", "label": "version 1"}
        assert server.get(ask)["marks"] == [mark]
        later = server.get(f"{ask}&first=4")["marks"]
        assert later == [{**mark, "episode": 5, "scheduler": "myopic"}]
        assert server.get(f"{ask}&schedulers=myopic")["marks"] == []


def test_what_has_no_value_or_an_infinite_one(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    regret = [None, 1.0, None, math.inf, 2.0]
    add_episodes(engine, run, "random", [1.0] * 5, regret=regret, gap=regret)
    with Asked(store_url) as server:
        found = pages(server, run, "granularity=1&limit=2")
    assert joined(found[:2], "random", "values", "gap") == [None, 1.0, None, "inf"]
    assert joined(found, "random", "cumulative", "regret") == [None, 1.0, 1.0, "inf", "inf"]


def test_episodes_that_are_missing_are_no_group(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    add_episodes(engine, run, "random", [1.0, 2.0], 10)
    add_episodes(engine, run, "random", [4.0], 10**12)
    with Asked(store_url) as server:
        found = pages(server, run, "granularity=5&limit=2")
    assert joined(found, "random", "episode") == [10, 10**12]
    assert joined(found, "random", "cumulative", "objective") == [3.0, 7.0]


def measures_of(objective: np.ndarray) -> dict[str, Any]:
    """What the engine of a run keeps of all its episodes, as far as sums go."""
    sums = {"objective": RunningSum.of(objective).to_json(), "energy_j": RunningSum().to_json()}
    lane = {"episodes": len(objective), "sums": sums}
    return {"lanes": dict.fromkeys(NAMES, lane)}


def test_sums_of_the_engine_save_reading_what_comes_before(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals, "PAGE_ROWS", 2)
    read: list[tuple[int, int]] = []
    inner = totals.read_sums

    def read_sums(*arguments: Any) -> Any:
        read.append(arguments[3:5])
        return inner(*arguments)

    monkeypatch.setattr(totals, "read_sums", read_sums)
    engine = stored_runs.open_store(store_url)
    run = add_run(engine, next_episode=7, measures=measures_of(OBJECTIVE))
    add_episodes(engine, run, "random", OBJECTIVE.tolist())
    ask = f"/api/runs/{run}/history?granularity=1&limit=2"

    def summed(first: int) -> list[float]:
        answer = server.get(f"{ask}&first={first}")
        values: list[float] = answer["lanes"]["random"]["cumulative"]["objective"]
        return values

    with Asked(store_url) as server:
        assert summed(6) == [127.0]
        assert read == [(6, 7)]
        assert summed(3) == [15.0, 31.0]
        assert read[1:] == [(0, 2), (2, 3)]
        assert summed(5) == [63.0, 127.0]  # 5 is where the page before it ended
        assert read[3:] == []
    # A run that says it has other episodes than it has is not believed.
    with engine.begin() as connection:
        other = measures_of(np.full(6, 1e9))
        connection.execute(sa.update(tables.runs).values(measures=other))
    with Asked(store_url) as server:
        assert summed(6) == [127.0]
        assert read[3:] == [(0, 2), (2, 4), (4, 6)]
    with engine.begin() as connection:
        damaged = {"lanes": {"random": {"episodes": 7, "sums": {"objective": "much"}}}}
        connection.execute(sa.update(tables.runs).values(measures=damaged))
    with Asked(store_url) as server:
        assert summed(6) == [127.0]


def test_a_run_that_goes_on_has_more_groups(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    with Asked(store_url) as server:
        for count in range(1, 8):
            add_episodes(engine, run, "random", [OBJECTIVE[count - 1]], count - 1)
            answer = server.get(f"/api/runs/{run}/history?granularity=2&first={count - 1}")
            lane = answer["lanes"]["random"]
            assert lane["cumulative"]["objective"] == [OBJECTIVE[:count].sum()]
            assert lane["count"] == [2 - count % 2]


def test_another_run_with_the_number_of_one_that_was_deleted(tmp_path: Any) -> None:
    url = str(tmp_path / "results.sqlite")
    engine = stored_runs.open_store(url)
    with Asked(url) as server:
        for factor in (1.0, 3.0):
            run = add_run(engine, started_at=1e9 + factor)
            add_episodes(engine, run, "random", (factor * OBJECTIVE).tolist())
            first, second = (
                server.get(f"/api/runs/{run}/history?granularity=1&limit=4&first={first}")
                for first in (0, 4)
            )
            both = joined([first, second], "random", "cumulative", "objective")
            assert both == (factor * np.cumsum(OBJECTIVE)).tolist()
            with engine.begin() as connection:
                for table in (tables.episodes, tables.runs):
                    connection.execute(sa.delete(table))
    assert reading.PAGE_ROWS > 7
