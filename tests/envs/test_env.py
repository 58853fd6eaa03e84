"""The single environment against schedules worked out by hand and by other code."""

import copy
import pickle
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conftest import MIXED, PLAIN, REFINED, VARIED
from gymnasium.utils.env_checker import check_env, data_equivalence
from hypothesis import given, settings
from hypothesis import strategies as st
from judge import Judge
from playing import play, problems

import cpu_gpu_env
from cpu_gpu_env import Cluster, HybridClusterEnv, Tasks, shipped_profiles
from cpu_gpu_env.model.traces.loading import resolve_workload

POOL = resolve_workload("lognormal").pool


def test_a_schedule_by_hand() -> None:
    env = HybridClusterEnv(cluster=PLAIN, gpu_fractions=(0.0, 0.5, 1.0))
    # Each takes 2.5 s on the CPU, 0.95 s on a GPU, 1.5 s and 0.6 s in halves (see test_costs).
    table = [[arrival, 2e12, 100.0, 5e9] for arrival in (10.0, 10.2, 10.4, 20.0)]
    _, infos = play(env, [1, 2, 1, 0], options={"tasks": table})
    starts = [info["start_s"] for info in infos]
    finishes = [info["finish_s"] for info in infos]
    assert starts == pytest.approx([0.0, 0.2, 0.6, 10.0])
    # The second half of task 2 waits for the CPU until 1.5 and ends at 3.0.
    assert finishes == pytest.approx([1.5, 1.15, 3.0, 12.5])
    assert [info["gpu"] for info in infos] == [0, 1, 0, -1]
    assert [info["cpu"] for info in infos] == [0, -1, 0, 0]
    assert infos[-1]["makespan_s"] == pytest.approx(12.5)
    active = 330 + 285 + 330 + 250
    assert infos[-1]["total_energy_j"] == pytest.approx(110 * 12.5 + active)
    busy = np.array([1.5 + 1.5 + 2.5, 0.6 + 0.6, 0.95])
    assert infos[-1]["utilisation"] == pytest.approx(busy / 12.5)
    reference = env.objective.reference
    makespan, energy = 12.5 / reference.makespan_s, (110 * 12.5 + active) / reference.energy_j
    assert infos[-1]["objective"] == pytest.approx((0.5 * makespan + 0.5 * energy) / 4)


def test_a_mixed_schedule_by_hand() -> None:
    env = HybridClusterEnv(cluster=MIXED, gpu_fractions=(0.0, 0.5, 1.0))
    # A whole task takes 4.0 s on the slow CPU; half a one takes 1.5 s on the CPU, 2.0 s on the slow
    # one. On a GPU (launch, transfer, compute) take half a task 0.5 s, on the small one 0.65 s.
    table = [[0.0, 2e12, 100.0, 3e9]] * 5
    _, infos = play(env, [1, 1, 1, 0, 1], options={"tasks": table})
    gpu_s, small_s = 0.25 + 0.15 + 0.1, 0.1 + 0.3 + 0.25
    assert [info["cpu"] for info in infos] == [0, 1, 0, 1, 0]
    assert [info["gpu"] for info in infos] == [0, 1, 2, -1, 0]
    assert [info["finish_s"] for info in infos] == pytest.approx([1.5, 2.0, 3.0, 6.0, 4.5])
    assert [info["start_s"] for info in infos] == pytest.approx([0.0, 0.0, 0.0, 2.0, gpu_s])
    active = 4.5 * 100 + 6.0 * 50 + 3 * gpu_s * 300 + small_s * 70
    assert infos[-1]["makespan_s"] == pytest.approx(6.0)
    assert infos[-1]["total_energy_j"] == pytest.approx(6.0 * (50 + 20 + 30 + 30 + 10) + active)
    busy = np.array([4.5, 6.0, 2 * gpu_s, gpu_s, small_s])
    assert infos[-1]["utilisation"] == pytest.approx(busy / 6.0)
    assert not any(info["fallback"] for info in infos)


def clipped(waiting: float) -> float:
    return min(max(waiting, 0.0), 1.0)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    num_tasks=st.integers(1, 12),
    num_sorts=st.sampled_from([1, 3, 1000]),  # with few sorts of tasks devices become free at once
    spread_s=st.sampled_from([0.0, 1.0]),
    problem=problems(PLAIN, MIXED, VARIED, REFINED),
    noise=st.sampled_from([0.0, 0.5]),
)
def test_every_step_is_as_the_judge_says(
    seed: int,
    num_tasks: int,
    num_sorts: int,
    spread_s: float,
    problem: dict[str, Any],
    noise: float,
) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(POOL), num_sorts)[rng.integers(0, num_sorts, num_tasks)]
    tasks = POOL.take(rows, 7.0 + np.sort(rng.exponential(spread_s, num_tasks)))
    env = HybridClusterEnv(energy_weight=0.3, observe_queues=True, noise=noise, **problem)
    observation, info = env.reset(seed=seed, options={"tasks": tasks})
    actions = rng.integers(0, env.action_space.n, num_tasks)
    judge, num_cpus = Judge.of(env), len(env.problem.cluster.cpus)
    schedule = judge.play(actions)
    scale_s = num_tasks * env.objective.reference.makespan_s
    total = 0.0
    for task, (action, shares) in enumerate(zip(actions, schedule.shares, strict=True)):
        allowed = judge.fits[task] if any(judge.fits[task]) else [True] * len(judge.fits[task])
        assert info["action_mask"].tolist() == allowed
        cpu_free_s, gpu_free_s = schedule.free_s[task][:num_cpus], schedule.free_s[task][num_cpus:]
        free_s = [*sorted(cpu_free_s), *sorted(gpu_free_s)]
        queues = [clipped((free - judge.arrival_s[task]) / scale_s) for free in free_s]
        left = (num_tasks - task) / num_tasks
        assert observation[3:].tolist() == pytest.approx([*queues, left], abs=1e-7)
        observation, reward, terminated, _, info = env.step(int(action))
        total += reward
        devices = [share.device for share in shares]
        assert info["cpu"] == next((d for d in devices if d < num_cpus), -1)
        assert info["gpu"] == next((d - num_cpus for d in devices if d >= num_cpus), -1)
        start_s = min(share.start_s for share in shares)
        finish_s = max(share.finish_s for share in shares)
        assert info["start_s"] == pytest.approx(start_s, rel=1e-12)
        assert info["finish_s"] == pytest.approx(finish_s, rel=1e-12)
        assert info["time_s"] == pytest.approx(finish_s - start_s, rel=1e-9)
        assert info["energy_j"] == pytest.approx(sum(share.energy_j for share in shares), rel=1e-12)
        asked_for_gpu = env.problem.gpu_fractions[action] > 0.0
        assert info["fallback"] == (asked_for_gpu and not judge.fits[task][action])
        assert terminated == (task == num_tasks - 1)
        cost = env.objective.energy_price * sum(share.energy_j for share in shares)
        for share in shares:
            delay_s = share.finish_s - schedule.free_s[task][share.device]
            cost += price_of(env, share.device) * delay_s
        if not terminated:
            assert reward == pytest.approx(-cost, rel=1e-9)
    assert not observation.any()
    assert info["action_mask"].all()
    assert info["makespan_s"] == pytest.approx(schedule.makespan_s, rel=1e-12)
    assert info["total_energy_j"] == pytest.approx(schedule.energy_j, rel=1e-12)
    assert info["objective"] == pytest.approx(schedule.objective, rel=1e-12)
    assert info["utilisation"] * schedule.makespan_s == pytest.approx(schedule.busy_s, rel=1e-9)
    assert total == pytest.approx(-num_tasks * schedule.objective, rel=1e-9)


def price_of(env: HybridClusterEnv, device: int) -> float:
    """Fluid price of a second of a device."""
    num_cpus, costs = len(env.problem.cluster.cpus), env.problem.costs
    if device < num_cpus:
        return env.objective.prices[0][costs.cpus.device_type[device]]
    return env.objective.prices[1][costs.gpus.device_type[device - num_cpus]]


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    cluster=st.sampled_from([PLAIN, MIXED, VARIED]),
    weight=st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    load=st.sampled_from([None, 0.3, 1.5]),
    noise=st.sampled_from([0.0, 0.5]),
    num_tasks=st.integers(1, 30),
)
def test_rewards_sum_to_the_objective(
    seed: int, cluster: Cluster, weight: float, load: float | None, noise: float, num_tasks: int
) -> None:
    env = HybridClusterEnv(
        cluster=cluster, energy_weight=weight, load=load, noise=noise, num_tasks=num_tasks
    )
    actions = np.random.default_rng(seed).integers(0, 6, num_tasks)
    rewards, infos = play(env, actions, seed=seed)
    objective = Judge.of(env).play(actions).objective
    assert sum(rewards) == pytest.approx(-num_tasks * objective, rel=1e-9)
    assert infos[-1]["objective"] == pytest.approx(objective, rel=1e-9)


def test_at_time_0_nobody_waits_so_the_last_device_is_always_busy(cluster: Cluster) -> None:
    env = HybridClusterEnv(cluster=cluster, load=None, num_tasks=40)
    actions = np.random.default_rng(3).integers(0, 6, 40)
    _, infos = play(env, actions, seed=3)
    assert infos[-1]["utilisation"].max() == pytest.approx(1.0)
    busy_s = Judge.of(env).play(actions).busy_s
    assert infos[-1]["utilisation"] * infos[-1]["makespan_s"] == pytest.approx(busy_s)
    assert infos[-1]["makespan_s"] == max(info["finish_s"] for info in infos)


def test_a_share_that_does_not_fit_falls_back_to_the_cpu() -> None:
    env = HybridClusterEnv(cluster=PLAIN, gpu_fractions=(0.0, 0.5, 1.0))
    _, info = env.reset(options={"tasks": [[0, 2e12, 100.0, 15e9]]})
    assert info["action_mask"].tolist() == [1, 1, 0]
    assert env.action_masks().tolist() == [True, True, False]
    _, _, _, _, info = env.step(2)
    assert info["fallback"]
    assert info["gpu"] == -1
    assert info["finish_s"] == pytest.approx(2.5)


def test_noise_has_mean_one_and_is_reproducible() -> None:
    env = HybridClusterEnv(cluster=PLAIN, noise=0.4, num_tasks=3000, gpu_fractions=(0.0, 1.0))
    quiet = HybridClusterEnv(cluster=PLAIN, num_tasks=3000, gpu_fractions=(0.0, 1.0))
    tasks = POOL.take(np.arange(3000), np.zeros(3000))
    noisy = [i["time_s"] for i in play(env, [0] * 3000, seed=1, options={"tasks": tasks})[1]]
    again = [i["time_s"] for i in play(env, [0] * 3000, seed=1, options={"tasks": tasks})[1]]
    plain = [i["time_s"] for i in play(quiet, [0] * 3000, options={"tasks": tasks})[1]]
    ratio = np.array(noisy) / np.array(plain)
    assert noisy == again
    assert ratio.mean() == pytest.approx(1.0, abs=0.03)
    assert np.log(ratio).std() == pytest.approx(0.4, abs=0.02)


def test_energy_grows_with_the_noise_of_the_time() -> None:
    envs = [HybridClusterEnv(cluster=VARIED, noise=noise) for noise in (0.0, 0.5)]
    for action in (0, 5):  # all on the CPUs, all on the GPUs
        power_w = []
        for env in envs:
            tasks = Tasks([0.0], [1e12], [5.0], [1e9])
            _, (info,) = play(env, [action], seed=1, options={"tasks": tasks})
            power_w.append(info["energy_j"] / info["time_s"])
            episode = env.instances()[0]
            pool_j = (episode.costs.cpus.energy_j, episode.costs.gpus.energy_j)[action > 0]
            assert pool_j[0, 0, action] == info["energy_j"]
        assert power_w[1] == pytest.approx(power_w[0])
    time_s = [env.instances()[0].costs.gpus.time_s[0, 0, 5] for env in envs]
    assert time_s[0] != pytest.approx(time_s[1], rel=1e-3)


def test_the_seed_decides_everything() -> None:
    env = HybridClusterEnv(num_tasks=20)
    first, other = play(env, [1] * 20, seed=7)[0], play(env, [1] * 20)[0]
    assert play(env, [1] * 20, seed=7)[0] == first
    assert play(env, [1] * 20)[0] == other != first


def test_arrivals_are_poisson_at_the_load() -> None:
    env = HybridClusterEnv(num_tasks=20_000, load=2.0)
    env.reset(seed=0)
    gaps = np.diff(env.episode_tasks().arrival_s)
    mean = env.objective.reference.makespan_s / 2.0
    assert gaps.mean() == pytest.approx(mean, rel=0.03)
    assert gaps.std() == pytest.approx(mean, rel=0.03)


def test_an_episode_can_be_played_again_from_its_tasks(cluster: Cluster) -> None:
    env = HybridClusterEnv(cluster=cluster, num_tasks=15)
    rewards, infos = play(env, [2] * 15, seed=8)
    again, infos_again = play(env, [2] * 15, options={"tasks": env.episode_tasks()})
    assert again == rewards
    assert infos_again[-1]["objective"] == infos[-1]["objective"]


def test_queues_in_the_observation() -> None:
    env = HybridClusterEnv(cluster=PLAIN, observe_queues=True, gpu_fractions=(0.0, 0.5, 1.0))
    table = [[arrival, 2e12, 100.0, 5e9] for arrival in (0.0, 0.1)]
    env.reset(options={"tasks": table})
    observation = env.step(1)[0]
    scale = 2 * env.objective.reference.makespan_s
    queues = np.array([1.4, 0.0, 0.5]) / scale  # CPU, then the GPUs in ascending order
    assert observation[3:] == pytest.approx([*np.minimum(queues, 1.0), 0.5])


@pytest.mark.parametrize("observe_queues", [False, True])
@pytest.mark.parametrize("profile", shipped_profiles())
def test_checkers_find_nothing(profile: str, observe_queues: bool) -> None:
    pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.env_checker import check_env as sb3_check_env

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make("HybridCluster-v0", cluster=profile, observe_queues=observe_queues)
        check_env(env.unwrapped)
        sb3_check_env(env.unwrapped)


def test_registering_again_changes_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cpu_gpu_env.register_envs()
    assert gym.make("cpu_gpu_env:HybridCluster-v0").unwrapped.spec is not None


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_goes_on_alone(clone: Any) -> None:
    env = HybridClusterEnv(cluster=PLAIN, num_tasks=6)
    env.reset(seed=1)
    env.step(3)
    twin = clone(env)
    for action in (0, 5, 2, 1, 4):
        mine, other = env.step(action), twin.step(action)
        assert mine[1:3] == other[1:3]
    assert mine[4]["objective"] == other[4]["objective"]
    assert np.array_equal(env.reset()[0], twin.reset()[0])


def test_cloudpickle_copies_an_env_in_mid_episode() -> None:
    import cloudpickle

    env = HybridClusterEnv(num_tasks=10)
    env.reset(seed=0)
    for _ in range(4):
        env.step(3)
    other = cloudpickle.loads(cloudpickle.dumps(env))
    for _ in range(6):
        (first, *rest, info), (second, *others, info2) = env.step(2), other.step(2)
        assert np.array_equal(first, second)
        assert rest == others
    assert info["objective"] == info2["objective"]


def test_what_the_env_hands_out_is_not_its_state() -> None:
    kwargs: dict[str, Any] = {"cluster": PLAIN, "num_tasks": 4, "observe_queues": True}
    tasks = [[0.1 * i, 1e12, 20.0, memory] for i, memory in enumerate([5e9, 12e9, 2e10, 3e10])]
    for reset in ({"options": {"tasks": tasks}}, {"seed": 0}):
        env, twin = HybridClusterEnv(**kwargs), HybridClusterEnv(**kwargs)
        mine, other = env.reset(**reset), twin.reset(**reset)
        for _ in range(4):
            (realised,), costs = env.instances(), env.problem.costs
            own = [a for a in mine[-1].values() if isinstance(a, np.ndarray)]
            own += [mine[0], env.action_masks(), env.current_observation()]
            assert all(array.flags.writeable for array in own)
            handed = [*own, realised.release_s]
            state = env.scheduling_state()
            for part in (state, state.cpus, state.gpus):
                handed += [a for a in vars(part).values() if isinstance(a, np.ndarray)]
            handed += [costs.cpus.time_s, costs.gpus.time_s]
            handed += [costs.num_feasible, costs.gpus.power_w, env.episode_tasks().arrival_s]
            for array in handed:
                if array.flags.writeable:
                    array[...] = 0
            assert np.array_equal(env.action_masks(), twin.action_masks())
            assert np.array_equal(
                env.scheduling_state().arrival_s, twin.scheduling_state().arrival_s
            )
            mine, other = env.step(2), twin.step(2)
            assert np.array_equal(mine[0], other[0])
            assert mine[1:4] == other[1:4]
            assert data_equivalence(mine[-1], other[-1], exact=True)


def test_resetting_twice_shares_nothing_between_steps() -> None:
    env = HybridClusterEnv(num_tasks=3)  # every fraction of every task fits
    env.reset(seed=0)
    before = env.step(0)[4]["action_mask"]
    for resets in (1, 2, 3, 2, 1):
        for _ in range(resets):
            env.reset()
        after = env.step(0)[4]["action_mask"]
        assert after is not before
        before = after
