"""Judge, environment and vector environment against a simulation of events."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from conftest import MIXED, PLAIN, REFINED
from event_simulator import simulate_events
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import Judge
from tiny_episodes import INTERLEAVED, KINDS, SMALL_POOLS, TENSOR, UNIFORM, of_kind, random_tasks

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterVectorEnv


@settings(max_examples=50, deadline=None)
@given(
    cluster=st.sampled_from([PLAIN, MIXED, REFINED, UNIFORM, INTERLEAVED]),
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 2**31),
    num_tasks=st.integers(1, 20),
    round_numbers=st.booleans(),
)
def test_everything_plays_what_happens(
    cluster: Cluster, kind: str, seed: int, num_tasks: int, round_numbers: bool
) -> None:
    rng = np.random.default_rng(seed)
    tables = [of_kind(kind, rng, random_tasks(rng, num_tasks, round_numbers)) for _ in range(2)]
    actions = rng.integers(0, 3, (num_tasks, 2))
    cluster = TENSOR if kind == "mixed" else cluster
    kwargs: dict[str, Any] = {"cluster": cluster, "workload": SMALL_POOLS[kind]}
    kwargs["gpu_fractions"] = (0.0, 0.5, 1.0)
    single = HybridClusterEnv(render_mode="ansi", **kwargs)
    vector = HybridClusterVectorEnv(2, autoreset_mode="Disabled", **kwargs)
    vector.reset(options={"tasks": tables})
    for choice in actions:
        _, _, _, _, infos = vector.step(choice)
    for index, table in enumerate(tables):
        single.reset(options={"tasks": table})
        for action in actions[:, index]:
            _, _, _, _, info = single.step(int(action))
        judge = Judge.of(single)
        happened = simulate_events(judge, actions[:, index])
        judged = judge.play(actions[:, index])
        assert set(happened) == {share for shares in judged.shares for share in shares}
        ran = {(share.task, share.device): share for share in single.schedule().shares}
        assert len(ran) == len(happened)
        for share in happened:
            found = ran[share.task, share.device]
            assert (found.start_s, found.finish_s) == pytest.approx(
                (share.start_s, share.finish_s), rel=1e-12
            )
        makespan_s = max(share.finish_s for share in happened)
        idle_w = sum(device.idle_power_w for device in cluster.devices)
        energy_j = idle_w * makespan_s + sum(share.energy_j for share in happened)
        expected = pytest.approx((makespan_s, energy_j), rel=1e-12)
        final = infos.get("final_info", infos)
        assert (info["makespan_s"], info["total_energy_j"]) == expected
        assert (final["makespan_s"][index], final["total_energy_j"][index]) == expected


@pytest.mark.parametrize("seed", range(5))
def test_the_judge_finds_the_optimum_of_all_sequences(seed: int) -> None:
    rng = np.random.default_rng(seed)
    env = HybridClusterEnv(
        cluster=MIXED, gpu_fractions=(0.0, 0.5, 1.0), energy_weight=rng.choice([0.0, 0.5, 1.0])
    )
    env.reset(options={"tasks": random_tasks(rng, 6, bool(seed % 2))})
    judge = Judge.of(env)
    values = [judge.play(actions).objective for actions in itertools.product(range(3), repeat=6)]
    assert judge.optimum() == pytest.approx(min(values), rel=1e-12)
