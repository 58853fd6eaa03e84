"""How the schedulers of a run compare, as the server tells it: against what is worked out here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import stored_runs
from dashboard_rows import NAMES, Asked, add_episodes, add_run

from cpu_gpu_env.dashboard.services import comparison
from cpu_gpu_env.results.estimate import Estimate
from cpu_gpu_env.results.metrics import GAP, OBJECTIVE
from cpu_gpu_env.results.store.paired import pair_in_run
from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.results.store.records import STORED_METRICS


def close_to(value: float) -> Any:
    return None if math.isnan(value) else pytest.approx(value, rel=1e-12)


def lanes_of(answer: Any) -> dict[str, Any]:
    return {lane["scheduler"]: lane for lane in answer["lanes"]}


def test_means_differences_and_wins_by_hand(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    add_episodes(engine, run, "myopic", [2.0, 4.0, 3.0], energy_j=10.0)
    add_episodes(engine, run, "random", [3.0, 5.0, 3.0], energy_j=[30.0, 30.0, 60.0])
    add_episodes(
        engine, run, "oracle", [1.0, 5.0, 1.5], energy_j=10.0, decision_p50_s=[1.0, 9.0, 2.0]
    )
    with Asked(store_url) as server:
        answer = server.get(f"/api/runs/{run}/comparison")
        assert (answer["first"], answer["end"], answer["reference"]) == (0, 3, "myopic")
        assert [lane["scheduler"] for lane in answer["lanes"]] == ["oracle", "myopic", "random"]
        lanes = lanes_of(answer)
        assert lanes["myopic"]["differences"] == {}
        assert lanes["myopic"]["means"]["objective"]["mean"] == 3.0
        assert lanes["myopic"]["means"]["energy_j"] == {"mean": 10.0, "half_width": 0.0}
        assert lanes["random"]["differences"]["objective"]["mean"] == pytest.approx(2 / 3)
        assert lanes["random"]["differences"]["energy_j"]["mean"] == 30.0
        assert set(lanes["random"]["means"]) == {"objective", "energy_j"}
        assert lanes["oracle"]["means"]["decision_p50_s"] == {"mean": 2.0, "half_width": None}
        # The oracle beats myopic twice and random twice; myopic beats random twice, one is a draw.
        third = pytest.approx(1 / 3)
        assert answer["wins"] == [
            [0, pytest.approx(2 / 3), pytest.approx(2 / 3)],
            [third, 0, pytest.approx(2 / 3)],
            [0, 0, 0],
        ]
        window = server.get(f"/api/runs/{run}/comparison?span=window&episodes=1&reference=oracle")
        assert (window["first"], window["end"], window["reference"]) == (2, 3, "oracle")
        assert lanes_of(window)["random"]["means"]["objective"] == {"mean": 3.0, "half_width": None}
        assert lanes_of(window)["random"]["differences"]["objective"]["mean"] == 1.5
        assert lanes_of(window)["oracle"]["differences"] == {}
        unknown = server.get(f"/api/runs/{run}/comparison?reference=greedy", 404)
        assert "greedy" in unknown["error"]
        assert server.get(f"/api/runs/{run + 1}/comparison", 404)
        for wrong in ("span=now", "episodes=0", "episodes=10001", "episodes=x"):
            assert server.get(f"/api/runs/{run}/comparison?{wrong}", 422)


def test_estimates_are_those_of_the_terminal(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run, _ = stored_runs.store_run(engine, {"": ({"num_tasks": 6}, range(9))})
    with Asked(store_url) as server:
        answer = server.get(f"/api/runs/{run}/comparison?reference=myopic")
    with open_reader(store_url) as reader:
        stored = {name: reader.episodes(run, name) for name in (*stored_runs.SCHEDULERS, "oracle")}
    assert len(answer["lanes"]) == len(stored)
    for name, lane in lanes_of(answer).items():
        played, pair = stored[name], pair_in_run(stored[name], stored["myopic"])
        measured = [m for m in STORED_METRICS if not np.isnan(played[m]).all()]
        assert list(lane["means"]) == [metric.key for metric in measured]
        for metric in measured:
            estimate = played.estimate(metric)
            assert lane["means"][metric.key] == {
                "mean": close_to(estimate.mean),
                "half_width": close_to(estimate.half_width),
            }
        for metric in [] if name == "myopic" else pair.metrics:
            difference = pair.difference(metric)
            assert lane["differences"][metric.key] == {
                "mean": close_to(difference.mean),
                "half_width": close_to(difference.half_width),
            }


def test_episodes_without_a_value_do_not_count_and_infinite_ones_are_told(store_url: str) -> None:
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    add_episodes(engine, run, "myopic", [1.0, 2.0, 4.0], gap=[None, 0.5, math.inf], bound=1.0)
    add_episodes(engine, run, "random", [2.0, 6.0], first=1, gap=[0.25, math.inf])
    with Asked(store_url) as server:
        lanes = lanes_of(server.get(f"/api/runs/{run}/comparison"))
    assert lanes["myopic"]["episodes"] == 3
    assert lanes["myopic"]["means"]["gap"] == {"mean": "inf", "half_width": None}
    assert lanes["random"]["episodes"] == 2
    assert lanes["random"]["means"]["objective"]["mean"] == 4.0
    assert lanes["random"]["differences"]["objective"]["mean"] == 1.0  # (0 + 2) / 2
    # The gap of the last episode is infinite for both: of it there is no difference.
    assert lanes["random"]["differences"]["gap"] == {"mean": -0.25, "half_width": None}


def test_a_run_without_episodes_compares_nothing(store_url: str) -> None:
    run = add_run(stored_runs.open_store(store_url))
    with Asked(store_url) as server:
        answer = server.get(f"/api/runs/{run}/comparison")
    assert answer == {"run": run, "first": 0, "end": 0, "reference": None, "lanes": [], "wins": []}


def test_a_long_run_is_compared_by_its_newest_episodes(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "MAX_ROWS", 7 * len(NAMES))
    engine = stored_runs.open_store(store_url)
    run = add_run(engine)
    for name in NAMES:
        add_episodes(engine, run, name, [100.0] * 13 + [1.0] * 7)
    with Asked(store_url) as server:
        for query in ("span=all", "span=window&episodes=10000"):
            answer = server.get(f"/api/runs/{run}/comparison?{query}")
            assert (answer["first"], answer["end"]) == (13, 20)
            assert lanes_of(answer)["random"]["means"]["objective"]["mean"] == 1.0


@pytest.mark.parametrize("count", [0, 1, 2, 5, 60, 1_001])
def test_estimates_of_many_samples_are_those_of_each(count: int) -> None:
    samples = np.random.default_rng(0).lognormal(size=(count, 4))
    samples[:, 1:2] = 3.0
    samples[:1, 2] = math.inf
    for column, estimate in zip(samples.T, Estimate.of_each(samples), strict=True):
        if count:
            alone = Estimate.of(column)
            np.testing.assert_allclose(estimate.mean, alone.mean, 1e-12)
            np.testing.assert_allclose(estimate.half_width, alone.half_width, 1e-12)
        else:
            assert math.isnan(estimate.mean)
            assert math.isnan(estimate.half_width)


def test_metrics_are_named(store_url: str) -> None:
    stored_runs.open_store(store_url)
    with Asked(store_url) as server:
        keys = [measure["key"] for measure in server.get("/api/measures")]
    assert keys[:2] == [OBJECTIVE.key, GAP.key]
    assert {metric.key for metric in STORED_METRICS} < set(keys)
