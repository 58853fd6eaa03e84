"""Measures of lanes, against NumPy on all values and a computation by hand."""

import json
import math
import tracemalloc
from collections.abc import Iterable

import numpy as np
import pytest
from conftest import CPU, GPU, PLAIN
from stream_batches import NAMES, PRICE, make_phase, play, some_batches

from cpu_gpu_env import Cluster
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results import metrics
from cpu_gpu_env.results.confidence_sequence import BLOCK, BURN_IN, ConfidenceSequence
from cpu_gpu_env.results.quantile_sketch import RELATIVE_ERROR
from cpu_gpu_env.runtime.engine import Finished
from cpu_gpu_env.runtime.measures import MEANS, SERIES_POINTS, LaneMeasures
from cpu_gpu_env.runtime.records import LaneEpisodes
from cpu_gpu_env.runtime.stream_measures import StreamMeasures, lane_reference
from cpu_gpu_env.sim.instance import Instance
from cpu_gpu_env.sim.placed import PlacedTasks, PoolShares

WINDOW = 10
PERCENTILES = (metrics.P99_WAIT, metrics.P99_RESPONSE, *metrics.DECISION_METRICS.values())


def measure(batches: Iterable[Finished], window: int = WINDOW) -> StreamMeasures:
    measures = StreamMeasures(NAMES, window, PRICE)
    for finished in batches:
        measures.add(finished)
    return measures


def by_hand() -> LaneEpisodes:
    """Two episodes of two tasks on a CPU and two GPUs.

    In the second, both tasks take the CPU (4 s, then 2 s behind it), and the first has a share of
    1 s on the second GPU.
    """
    nan = math.nan
    cpus = PoolShares(
        wait_s=np.array([[0.0, 0.0], [0.0, 3.0]]),
        device=np.array([[0, -1], [0, 0]]),
        start_s=np.array([[0.0, nan], [0.0, 4.0]]),
        finish_s=np.array([[8.0, nan], [4.0, 6.0]]),
    )
    gpus = PoolShares(
        wait_s=np.zeros((2, 2)),
        device=np.array([[-1, 0], [1, -1]]),
        start_s=np.array([[nan, 2.0], [0.0, nan]]),
        finish_s=np.array([[nan, 4.0], [1.0, nan]]),
    )
    arrival_s = np.array([[0.0, 2.0], [0.0, 1.0]])
    placed = PlacedTasks(arrival_s, cpus, gpus, np.ones((2, 2)), np.ones((2, 2)))
    values = {
        metrics.OBJECTIVE: np.array([1.0, 3.0]),
        metrics.GAP: np.array([0.25, math.inf]),
        metrics.MAKESPAN: np.array([8.0, 6.0]),
        metrics.ENERGY: np.array([3.6e6, 7.2e6]),
        metrics.REGRET: np.array([0.2, 3.0]),
    }
    utilisation = np.array([[1.0, 0.25, 0.0], [1.0, 0.0, 1 / 6]])
    decision_s = np.array([1e-6, 3e-6, 2e-6])
    return LaneEpisodes(np.zeros((2, 2), int), values, placed, utilisation, decision_s, 4, 0.05)


def test_by_hand() -> None:
    measures = LaneMeasures("mine", 1, 0.5)
    measures.add(by_hand(), np.array([0.8, 0.0]), PLAIN)
    overall, window = measures.summary(), measures.summary("window")
    assert overall[metrics.OBJECTIVE] == 2.0
    assert window[metrics.OBJECTIVE] == 3.0
    assert overall[metrics.GAP] == math.inf
    assert overall[metrics.ELECTRICITY_COST] == 0.75  # 1 and 2 kWh
    cumulative = metrics.CUMULATIVE_METRICS
    assert overall[cumulative[metrics.ELECTRICITY_COST]] == 1.5
    assert overall[cumulative[metrics.REGRET]] == pytest.approx(3.2, rel=1e-15)
    assert measures.mean_bound() == 0.4
    assert math.isnan(overall[metrics.MEAN_SLOWDOWN])
    # Ranks of percentiles are floor(p (n - 1)): the third of the waits 0, 0, 0, 3.
    assert overall[metrics.P99_WAIT] == 0.0
    # Responses are 8, 2, 4, 5, and of the second episode alone 4, 5.
    assert overall[metrics.P99_RESPONSE] == pytest.approx(5.0, rel=RELATIVE_ERROR)
    assert window[metrics.P99_RESPONSE] == pytest.approx(4.0, rel=RELATIVE_ERROR)
    assert overall[metrics.DECISION_METRICS[50]] == pytest.approx(2e-6, rel=RELATIVE_ERROR)
    state = measures.state()
    json.dumps(state, allow_nan=False)
    assert state["all"]["gap"] == "Infinity"
    assert state["all"]["mean_slowdown"] is None
    assert state["series"]["objective"] == [3.0]
    assert (state["model_version"], state["exploration"]) == (4, 0.05)
    assert (state["episodes"], state["tasks"], state["window_episodes"]) == (2, 4, 1)
    # Of the newest episode: what it came to, and nothing of the one before.
    assert state["now"] == {
        "objective": 3.0,
        "gap": "Infinity",
        "makespan_s": 6.0,
        "energy_j": 7.2e6,
        "regret": 3.0,
        "bound": 0.0,
        "electricity_cost": 1.0,
    }
    # The least execution times are 1 s, so that slowdowns are responses: 2, 4, 5, 8; of the second
    # episode 4, 5. Waits are 0, 0, 0, 3.
    percentiles = state["percentiles"]
    assert percentiles["all"]["wait_s"] == {"50": 0.0, "90": 0.0, "99": 0.0}
    near = {"50": 4.0, "90": 5.0, "99": 5.0}
    assert percentiles["all"]["slowdown"] == pytest.approx(near, rel=RELATIVE_ERROR)
    assert percentiles["all"]["response_s"] == percentiles["all"]["slowdown"]
    near = dict.fromkeys(near, 4.0)
    assert percentiles["window"]["slowdown"] == pytest.approx(near, rel=RELATIVE_ERROR)
    cpu, first, second = state["devices"]
    assert [device["kind"] for device in state["devices"]] == ["cpu", "gpu", "gpu"]
    # Busy for 8 + 6 of 8 + 6 s; 2 of 14 s; 1 of 14 s.
    found = [device["utilisation"] for device in state["devices"]]
    assert found == pytest.approx([1.0, 1 / 7, 1 / 14])
    assert (cpu["load"], second["load"]) == (1.0, pytest.approx(1 / 6))
    assert second["window_utilisation"] == pytest.approx(1 / 6)
    # The second task waits for the CPU from 1 to 4 s of 6 s.
    assert cpu["queue"] == 0.5
    assert (first["queue"], second["queue"]) == (0.0, 0.0)
    assert measures.pool_utilisation("gpu") == pytest.approx((0.0 + 1 / 6) / 2)


@pytest.mark.parametrize("window", [1, 4, WINDOW, 1_000])
def test_all_measures_are_those_of_numpy_on_all_values(window: int) -> None:
    batches = some_batches()
    measures = measure(batches, window)
    for name in NAMES:
        lanes = [finished.lanes[name] for finished in batches]
        values = {m: np.concatenate([lane.values[m] for lane in lanes]) for m in lanes[0].values}
        assert set(values) == set(metrics.STREAM_METRICS)
        of_tasks = {
            metrics.P99_WAIT: np.concatenate([lane.placed.wait_s for lane in lanes]),
            metrics.P99_RESPONSE: np.concatenate([lane.placed.response_s for lane in lanes]),
        }
        decision_s = np.concatenate([lane.decision_s for lane in lanes])
        assert (len(decision_s) == 0) == (name == "oracle")
        for span, last in (("all", None), ("window", window)):
            kept = slice(None) if last is None else slice(-last, None)
            found = measures.lanes[name].summary(span)
            for metric in MEANS:
                assert found[metric] == pytest.approx(values[metric][kept].mean(), rel=1e-12)
            for metric, of_metric in of_tasks.items():
                exact = np.percentile(of_metric[kept], 99, method="lower")
                assert found[metric] == pytest.approx(exact, rel=RELATIVE_ERROR * 1.0001, abs=1e-8)
            for metric, cumulative in metrics.CUMULATIVE_METRICS.items():
                exact = values[metric][kept].sum()
                assert found[cumulative] == pytest.approx(exact, rel=1e-12)
            bounds = np.concatenate([finished.arrived.bounds for finished in batches])[kept]
            assert measures.lanes[name].mean_bound(span) == pytest.approx(bounds.mean(), rel=1e-12)
        for percent, metric in metrics.DECISION_METRICS.items():
            found_s = measures.lanes[name].summary()[metric]
            if name == "oracle":
                assert math.isnan(found_s)
            else:
                exact = np.percentile(decision_s, percent, method="lower")
                assert found_s == pytest.approx(exact, rel=RELATIVE_ERROR * 1.0001)
        makespan_s = values[metrics.MAKESPAN]
        busy = np.concatenate([lane.utilisation for lane in lanes]) * makespan_s[:, None]
        devices = measures.lanes[name].state()["devices"]
        found = [device["utilisation"] for device in devices]
        assert found == pytest.approx(busy.sum(axis=0) / makespan_s.sum(), rel=1e-12)
        found = [device["window_utilisation"] for device in devices]
        exact = busy[-window:].sum(axis=0) / makespan_s[-window:].sum()
        assert found == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_percentiles_of_single_tasks_are_those_of_numpy_on_all_values(name: str) -> None:
    batches = some_batches()
    found = measure(batches).states()[name]["percentiles"]
    placed = [finished.lanes[name].placed for finished in batches]
    exact = {
        "wait_s": [of_batch.wait_s for of_batch in placed],
        "response_s": [of_batch.response_s for of_batch in placed],
        "slowdown": [
            of_batch.response_s / [alone_s(instance) for instance in finished.arrived.instances]
            for of_batch, finished in zip(placed, batches, strict=True)
        ],
    }
    for span, last in (("all", None), ("window", WINDOW)):
        assert list(found[span]) == list(exact)
        for key, values in exact.items():
            kept = np.concatenate(values)[slice(None) if last is None else slice(-last, None)]
            for percent in (50, 90, 99):
                expected = np.percentile(kept, percent, method="lower")
                assert found[span][key][str(percent)] == pytest.approx(
                    expected, rel=RELATIVE_ERROR * 1.0001, abs=1e-8
                )


def alone_s(instance: Instance) -> list[float]:
    """What each task takes at least: with the best action, on the quickest devices, all idle."""
    return [
        min(
            max(max(0.0, float(costs.time_s[:, task, action].min())) for costs in pools)
            for action in range(instance.num_actions)
        )
        for pools in [instance.costs.pools]
        for task in range(len(instance.release_s))
    ]


def test_batches_of_any_size_give_the_same() -> None:
    at_once = measure([play(0, 12)])
    in_turn = measure([play(first, 3) for first in range(0, 12, 3)])
    for name in NAMES:
        one, other = at_once.lanes[name], in_turn.lanes[name]
        assert one.episodes == other.episodes == 12
        for span in ("all", "window"):
            expected = one.summary(span)
            for metric, value in other.summary(span).items():
                if metric not in metrics.DECISION_METRICS.values():  # wall-clock times
                    assert value == pytest.approx(expected[metric], rel=1e-12, nan_ok=True)
        assert np.array_equal(one.series(metrics.GAP), other.series(metrics.GAP))


def test_the_series_are_means_of_stretches() -> None:
    measures = LaneMeasures("mine", 10 * SERIES_POINTS)
    lane = by_hand()
    for _ in range(SERIES_POINTS):
        measures.add(lane, None, PLAIN)
    assert measures.series(metrics.OBJECTIVE).tolist() == [2.0] * SERIES_POINTS
    few = LaneMeasures("mine", 4)
    few.add(lane, None, PLAIN)
    assert few.series(metrics.OBJECTIVE).tolist() == [1.0, 3.0]
    few.add(lane, None, PLAIN)
    few.add(lane, None, PLAIN)
    assert few.series(metrics.OBJECTIVE).tolist() == [1.0, 3.0, 1.0, 3.0]


def test_without_bounds_or_price_there_are_no_such_values() -> None:
    measures = StreamMeasures(["queue-price", "random"])
    measures.add(play(0, 2, bounded=False, price=None))
    summary = measures.lanes["random"].summary()
    missing = {metric for metric, value in summary.items() if math.isnan(value)}
    assert missing == {
        metrics.GAP,
        metrics.REGRET,
        metrics.ELECTRICITY_COST,
        *metrics.CUMULATIVE_METRICS.values(),
    }
    assert math.isnan(measures.lanes["random"].mean_bound())
    json.dumps(measures.states(), allow_nan=False)


def test_a_device_that_leaves_and_comes_back_is_known_by_its_name() -> None:
    fewer = Cluster("fewer", (CPU, GPU))
    batches = [play(0, 2), play(2, 3, make_phase(cluster=fewer)), play(5, 2)]
    measures = measure(batches, 100)
    lanes = [finished.lanes["random"] for finished in batches]
    with_it = [lanes[0], lanes[2]]
    busy_s = sum((lane.utilisation[:, 2] * lane.values[metrics.MAKESPAN]).sum() for lane in with_it)
    there_s = sum(lane.values[metrics.MAKESPAN].sum() for lane in with_it)
    *_, last = measures.lanes["random"].state()["devices"]
    assert last["utilisation"] == pytest.approx(busy_s / there_s)
    measures.add(play(7, 1, make_phase(cluster=fewer)))
    assert len(measures.lanes["random"].state()["devices"]) == 2


def test_a_resumed_run_goes_on_with_the_measures_of_all() -> None:
    batches = some_batches()
    whole, first = measure(batches), measure(batches[:3])
    resumed = StreamMeasures(NAMES, WINDOW, PRICE)
    resumed.restore("the store", json.loads(json.dumps(first.to_json(), allow_nan=False)))
    for finished in batches[3:]:
        resumed.add(finished)
    assert resumed.to_json() == whole.to_json()
    for name in NAMES:
        assert resumed.lanes[name].summary() == pytest.approx(
            whole.lanes[name].summary(), abs=0.0, rel=0.0, nan_ok=True
        )
    assert len(json.dumps(whole.to_json())) < 15_000 * len(NAMES)


def test_slowdowns_that_an_early_run_did_not_keep_are_not_made_up() -> None:
    batches = some_batches()
    content = json.loads(json.dumps(measure(batches[:3]).to_json()))
    for of_lane in content["lanes"].values():
        del of_lane["sketches"]["slowdown"]
    resumed = StreamMeasures(NAMES, WINDOW, PRICE)
    resumed.restore("the store", content)
    for finished in batches[3:]:
        resumed.add(finished)
    again = StreamMeasures(NAMES, WINDOW, PRICE)
    again.restore("the store", resumed.to_json())
    whole = measure(batches).states()
    for name in NAMES:
        for found in (resumed, again):
            percentiles = found.states()[name]["percentiles"]
            assert set(percentiles["all"]["slowdown"].values()) == {None}
            assert percentiles["all"]["wait_s"] == whole[name]["percentiles"]["all"]["wait_s"]
        assert (
            resumed.states()[name]["percentiles"]["window"] == whole[name]["percentiles"]["window"]
        )


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("lanes",), None, "field 'lanes'"),
        (("lanes", "random"), [], "random"),
        (("lanes", "random", "episodes"), -1, "random: episodes"),
        (("lanes", "random", "exploration"), 2.0, "random: exploration"),
        (("lanes", "random", "sums", "objective"), [1], "random: sum of objective"),
        (("lanes", "random", "sketches", "wait_s"), {}, "random: wait_s"),
        (("lanes", "random", "sketches", "slowdown"), {}, "random: slowdown"),
        (("differences", "reference"), "nobody", "nobody"),
        (("differences", "lanes", "random", "squares"), -1.0, "squares"),
    ],
)
def test_damaged_measures_are_told_and_nothing_changes(
    path: tuple[str, ...], value: object, told: str
) -> None:
    measures = measure(some_batches()[:2])
    before, content = measures.to_json(), json.loads(json.dumps(measures.to_json()))
    *parents, last = path
    inner = content
    for key in parents:
        inner = inner[key]
    inner[last] = value
    with pytest.raises(HybridClusterError, match=told) as raised:
        measures.restore("the store", content)
    assert str(raised.value).startswith("the store")
    assert measures.to_json() == before


@pytest.mark.parametrize(("window", "price"), [(0, None), (10**9, None), (5, -1.0), (5, math.nan)])
def test_bad_arguments_are_told(window: int, price: float | None) -> None:
    with pytest.raises(HybridClusterError, match=r"window|electricity price"):
        LaneMeasures("mine", window, price)


def test_memory_does_not_grow() -> None:
    measures, batches = StreamMeasures(NAMES, WINDOW), some_batches()
    held = []
    tracemalloc.start()
    for _ in range(4):
        for _ in range(8):
            for finished in batches:
                measures.add(finished)
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert held[-1] - held[-2] < 20_000  # the 200 episodes have 3,600 waits


def test_differences_are_watched_all_along() -> None:
    batches = some_batches()
    measures = StreamMeasures(NAMES)
    assert measures.differences.reference == "queue-price"
    expected = ConfidenceSequence()
    for _ in range(-(-BLOCK * BURN_IN // 25)):
        for finished in batches:
            measures.add(finished)
            objective = metrics.OBJECTIVE
            reference = finished.lanes["queue-price"].values[objective]
            expected.add(finished.lanes["random"].values[objective] - reference)
    states = measures.states()
    assert states["queue-price"]["difference"] is None
    found, estimate = states["random"]["difference"], expected.estimate
    assert found["low"] == estimate.mean - estimate.half_width > 0.0
    assert found["high"] == estimate.mean + estimate.half_width
    assert (found["mean"], found["differs"]) == (estimate.mean, True)
    early = StreamMeasures(NAMES)
    early.add(batches[0])
    assert early.states()["random"]["difference"]["differs"] is False
    assert early.states()["random"]["difference"]["low"] is None


@pytest.mark.parametrize(
    ("names", "reference"),
    [
        (["oracle", "random", "queue-price"], "queue-price"),
        (["round-robin", "random", "greedy", "hybrid-ml", "dqn-queues", "oracle"], "greedy"),
        (["oracle", "mine", "hybrid-ml"], "mine"),
        (["oracle", "hybrid-ml"], "hybrid-ml"),
        (["oracle"], "oracle"),
    ],
)
def test_the_reference_neither_learned_nor_foresees_if_there_is_one(
    names: list[str], reference: str
) -> None:
    assert lane_reference(names, learned={"hybrid-ml", "dqn-queues"}) == reference


def test_an_unknown_reference_is_told() -> None:
    with pytest.raises(HybridClusterError, match="nobody"):
        StreamMeasures(NAMES, reference="nobody")
