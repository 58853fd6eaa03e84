"""A lane's results are those of a comparison on the same episodes, to the last bit."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from cpu_gpu_env.agents.saving import load_agent
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec, compare
from cpu_gpu_env.baselines.oracle.cache import solve_episodes
from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT
from cpu_gpu_env.results import metrics
from cpu_gpu_env.runtime.lanes import Arrived, Lane, OracleLane, play_batch
from cpu_gpu_env.runtime.records import EpisodeBatch, LaneEpisodes, Phase
from cpu_gpu_env.runtime.stream import STREAM_SEED, EpisodeStream


def arrive(batch: EpisodeBatch | None) -> Arrived:
    assert batch is not None
    arrived = Arrived.of(batch)
    return replace(arrived, oracle=solve_episodes(arrived.instances, None, QUICK_EFFORT, jobs=1))


def specs() -> list[SchedulerSpec]:
    names = ("round-robin", "random", "greedy", "queue-price")
    fixed = [SchedulerSpec(name, partial(make_scheduler, name, seed=5)) for name in names]
    return [*fixed, SchedulerSpec("dqn-queues", load_agent("dqn-queues").act_in, True, True)]


@pytest.mark.parametrize("kwargs", [{"num_tasks": 40}, {"num_tasks": 40, "noise": 0.2}])
def test_lanes_play_what_a_comparison_does_however_they_are_batched(kwargs: dict[str, Any]) -> None:
    stream = EpisodeStream((Phase(kwargs),), episodes=8)
    lanes = [*(Lane(spec, electricity_price=0.3) for spec in specs()), OracleLane(0.3)]
    played: dict[str, list[LaneEpisodes]] = {lane.name: [] for lane in lanes}
    first = 0
    for count in (1, 2, 5):
        arrived = arrive(stream.batch(first, count))
        for lane in lanes:
            played[lane.name].append(play_batch(lane, arrived))
        first += count
    whole = arrive(stream.batch(0, 8))
    seeds = range(STREAM_SEED, STREAM_SEED + 8)
    comparison = compare(specs(), seeds, kwargs, oracle=whole.oracle)
    for result in comparison.results:
        mine = played[result.name]
        for metric, values in result.episodes.values.items():
            assert np.concatenate([part.values[metric] for part in mine]).tolist() == (
                values.tolist()
            ), (result.name, metric.key)
        actions = np.concatenate([part.actions for part in mine])
        assert (actions == result.episodes.actions).all()


def test_measures_of_a_lane_are_those_of_its_tasks() -> None:
    stream = EpisodeStream((Phase({"num_tasks": 30}),))
    arrived = arrive(stream.batch(0, 3))
    lane = play_batch(Lane(specs()[2], electricity_price=0.3), arrived)
    placed, values = lane.placed, lane.values
    assert values[metrics.MEAN_WAIT] == pytest.approx(placed.wait_s.mean(axis=1))
    assert values[metrics.P99_WAIT] == pytest.approx(np.percentile(placed.wait_s, 99, axis=1))
    assert values[metrics.MEAN_RESPONSE] == pytest.approx(placed.response_s.mean(axis=1))
    assert values[metrics.MAKESPAN].tolist() == placed.makespan_s.tolist()
    assert values[metrics.ELECTRICITY_COST] == pytest.approx(values[metrics.ENERGY] / 3.6e6 * 0.3)
    assert arrived.bounds is not None
    assert values[metrics.REGRET] == pytest.approx(values[metrics.OBJECTIVE] - arrived.bounds)
    cluster = arrived.batch.phase.problem.cluster
    idle_w = sum(device.idle_power_w for device in cluster.devices)
    total_j = placed.energy_j.sum(axis=1) + idle_w * placed.makespan_s
    assert values[metrics.ENERGY] == pytest.approx(total_j)
