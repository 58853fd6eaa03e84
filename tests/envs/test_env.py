"""The single environment against schedules worked out by hand and by other code."""

import copy
import dataclasses
import pickle
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from conftest import MIXED, PLAIN, VARIED
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

import cpu_gpu_env
from cpu_gpu_env import (
    Cluster,
    Device,
    HybridClusterEnv,
    HybridClusterError,
    HybridClusterVectorEnv,
    Tasks,
    shipped_profiles,
)
from cpu_gpu_env.model.traces.loading import resolve_workload

POOL = resolve_workload("lognormal").pool


def play(env: gym.Env, actions: Any = None, **reset: Any) -> tuple[list[float], list[dict]]:
    env.reset(**reset)
    rewards, infos, terminated = [], [], False
    while not terminated:
        action = env.action_space.sample() if actions is None else actions[len(rewards)]
        _, reward, terminated, _, info = env.step(action)
        rewards.append(reward)
        infos.append(info)
    return rewards, infos


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


def time_anew(device: Device, share: float, size: float, intensity: float, memory: float) -> float:
    moved = share * memory / device.link_bandwidth
    compute = share * size / device.flops
    return (
        device.launch_s + moved + max(compute, share * size / intensity / device.memory_bandwidth)
    )


def energy_anew(
    device: Device, share: float, size: float, intensity: float, memory: float
) -> float:
    compute, traffic = share * size / device.flops, share * size / intensity
    traffic /= device.memory_bandwidth
    compute_w = memory_w = device.active_power_w
    if device.memory_power_w is not None:
        memory_w = device.memory_power_w
    working_w = (compute * compute_w + traffic * memory_w) / (compute + traffic)
    waiting_j = (device.launch_s + share * memory / device.link_bandwidth) * (
        min(compute_w, memory_w) - device.idle_power_w
    )
    return waiting_j + max(compute, traffic) * (working_w - device.idle_power_w)


def schedule_anew(
    cluster: Cluster, tasks: Tasks, fractions: list[float]
) -> tuple[list[list[tuple[float, float]]], float]:
    """The (start, finish) of each device's shares, and the energy, by the plainest code."""
    free = [0.0] * len(cluster.devices)
    shares: list[list[tuple[float, float]]] = [[] for _ in cluster.devices]
    active_j = 0.0
    smallest = min(gpu.memory_bytes for gpu in cluster.gpus)
    for index, fraction in enumerate(fractions):
        size, intensity = tasks.size_flop[index], tasks.intensity_flop_per_byte[index]
        memory = tasks.memory_bytes[index]
        if fraction * memory > smallest:
            fraction = 0.0
        for kind, share in (("cpu", 1 - fraction), ("gpu", fraction)):
            if share > 0:
                pool = [i for i, d in enumerate(cluster.devices) if d.kind == kind]
                device = min(pool, key=lambda i: (free[i], i))
                spec = cluster.devices[device]
                time_s = time_anew(spec, share, size, intensity, memory)
                start = max(free[device], tasks.arrival_s[index] - tasks.arrival_s[0])
                free[device] = start + time_s
                shares[device].append((start, free[device]))
                active_j += energy_anew(spec, share, size, intensity, memory)
    return shares, active_j + cluster.idle_power_w * max(free)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 12), st.sampled_from([PLAIN, MIXED, VARIED]))
def test_any_schedule_agrees_with_plain_code(seed: int, num_tasks: int, cluster: Cluster) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(POOL), num_tasks)
    tasks = POOL.take(rows, np.sort(rng.exponential(1.0, num_tasks)))
    env = HybridClusterEnv(cluster=cluster)
    actions = rng.integers(0, 6, num_tasks)
    _, infos = play(env, actions, options={"tasks": tasks})
    fractions = [env.problem.gpu_fractions[a] for a in actions]
    shares, energy_j = schedule_anew(cluster, tasks, fractions)
    makespan_s = max(finish for device in shares for _, finish in device)
    assert infos[-1]["makespan_s"] == pytest.approx(makespan_s, rel=1e-6)
    assert infos[-1]["total_energy_j"] == pytest.approx(energy_j, rel=1e-6)
    for device, share in zip(shares, infos[-1]["utilisation"], strict=True):
        starts = [start for start, _ in device] + [makespan_s]
        finishes = [0.0] + [finish for _, finish in device]
        idle_s = sum(start - finish for start, finish in zip(starts, finishes, strict=True))
        assert share * makespan_s + idle_s == pytest.approx(makespan_s, rel=1e-5)


@settings(max_examples=40, deadline=None)
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
    env.action_space.seed(seed)
    rewards, infos = play(env, seed=seed)
    assert sum(rewards) == pytest.approx(-num_tasks * infos[-1]["objective"], rel=1e-9)
    reference = env.objective.reference
    makespan, energy = infos[-1]["makespan_s"], infos[-1]["total_energy_j"]
    objective = (
        1 - weight
    ) * makespan / reference.makespan_s + weight * energy / reference.energy_j
    assert infos[-1]["objective"] == pytest.approx(objective / num_tasks, rel=1e-9)


def test_busy_time_is_at_most_the_makespan_and_the_last_device_sets_it(cluster: Cluster) -> None:
    env = HybridClusterEnv(cluster=cluster, load=None, num_tasks=40)
    _, infos = play(env, seed=3)
    assert infos[-1]["utilisation"].max() == pytest.approx(1.0)  # at time 0 nobody waits
    assert infos[-1]["utilisation"].min() >= 0.0
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
            episode = env.realised_episodes()[0]
            pool_j = (episode.cpu_energy_j, episode.gpu_energy_j)[action > 0]
            assert pool_j[0, 0, action] == info["energy_j"]
        assert power_w[1] == pytest.approx(power_w[0])
    time_s = [env.realised_episodes()[0].gpu_time_s[0, 0, 5] for env in envs]
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


@pytest.mark.parametrize(
    "action",
    [
        -1,
        6,
        2**70,
        None,
        "1",
        0.5,
        1.0,
        True,
        np.True_,
        np.float32(1),
        np.array(1.0),
        np.array([1]),
        [1],
    ],
)
def test_wrong_actions_are_refused_and_change_nothing(action: Any) -> None:
    env = HybridClusterEnv(num_tasks=2)
    env.reset(seed=0)
    with pytest.raises(HybridClusterError, match=r"action is .*; allowed: .*0 to 5"):
        env.step(action)
    _, _, terminated, _, _ = env.step(0)
    assert not terminated


@pytest.mark.parametrize("action", [1, np.int64(1), np.uint8(1), np.array(1)])
def test_whole_numbers_of_any_kind_are_actions(action: Any) -> None:
    env = HybridClusterEnv(num_tasks=1)
    env.reset(seed=0)
    assert env.step(action)[2]


def test_stepping_out_of_order_is_refused() -> None:
    env = HybridClusterEnv(num_tasks=1)
    with pytest.raises(HybridClusterError, match="reset"):
        env.step(0)
    env.reset()
    env.step(0)
    with pytest.raises(HybridClusterError, match="reset"):
        env.step(0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_tasks": 0}, "num_tasks is 0"),
        ({"num_tasks": 1.5}, "num_tasks is 1.5"),
        ({"num_tasks": True}, "num_tasks is True"),
        ({"gpu_fractions": (0.5, 0.2)}, "gpu_fractions is"),
        ({"gpu_fractions": (0.5, 0.5)}, "gpu_fractions is"),
        ({"gpu_fractions": (0.0, 1.1)}, "gpu_fractions is"),
        ({"gpu_fractions": ()}, "gpu_fractions is"),
        ({"gpu_fractions": ("a",)}, "gpu_fractions is"),
        ({"gpu_fractions": (float("nan"),)}, "gpu_fractions is"),
        ({"num_tasks": "5"}, "num_tasks is '5'"),
        ({"gpu_fractions": (-0.1, 0.5)}, "gpu_fractions is (-0.1, 0.5)"),
        ({"gpu_fractions": None}, "gpu_fractions is None"),
        ({"energy_weight": 1.5}, "energy_weight is 1.5"),
        ({"energy_weight": 2}, "energy_weight is 2"),
        ({"energy_weight": True}, "energy_weight is True"),
        ({"energy_weight": None}, "energy_weight is None"),
        ({"load": -1}, "load is -1"),
        ({"load": "fast"}, "load is 'fast'"),
        ({"noise": -1}, "noise is -1"),
        ({"noise": float("nan")}, "noise is nan"),
        ({"energy_weight": float("nan")}, "energy_weight is nan"),
        ({"load": 0}, "load is 0"),
        ({"load": float("inf")}, "load is inf"),
        ({"noise": -0.1}, "noise is -0.1"),
        ({"cluster": "a100-nod"}, "Did you mean 'a100-node'"),
        ({"cluster": "epyc-7763:1 + a100-80g:4"}, "Did you mean 'a100-80gb'"),
        ({"cluster": "epyc-7763:0 + a100-80gb"}, "count of 'epyc-7763' is '0'"),
        ({"cluster": 3}, "cluster is 3"),
        ({"workload": "log-normal"}, "Did you mean 'lognormal'"),
        ({"workload": 3}, "workload is 3"),
        ({"render_mode": "rgb"}, "Did you mean 'rgb_array'"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str) -> None:
    assert issubclass(HybridClusterError, ValueError)
    with pytest.raises(HybridClusterError) as error:
        HybridClusterEnv(**arguments)
    assert message in str(error.value)


@pytest.mark.parametrize(
    "tasks",
    [
        [],
        [[0, 1e12, 1.0]],
        [[0, -1e12, 1.0, 1e9]],
        [[0, 1e12, 0.0, 1e9]],
        [[0, 1e12, float("nan"), 1e9]],
        [[1, 1e12, 1.0, 1e9], [0, 1e12, 1.0, 1e9]],
        "tasks",
    ],
)
def test_bad_tasks_are_refused(tasks: Any) -> None:
    env = HybridClusterEnv(num_tasks=5)
    with pytest.raises(HybridClusterError, match="tasks"):
        env.reset(options={"tasks": tasks})
    with pytest.raises(HybridClusterError, match="Did you mean 'tasks'"):
        env.reset(options={"task": tasks})


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


def test_an_option_must_be_known_and_the_options_a_dict() -> None:
    env = HybridClusterEnv(num_tasks=5)
    for options in (3, ["tasks"]):
        with pytest.raises(HybridClusterError, match="reset options"):
            env.reset(options=options)  # type: ignore[arg-type]
    first, _ = env.reset(seed=4)
    with pytest.raises(HybridClusterError, match="'taks'"):
        env.reset(seed=5, options={"taks": None})
    assert np.array_equal(env.episode_tasks().size_flop, replayed(4))
    assert np.array_equal(env.reset(seed=4)[0], first)


def replayed(seed: int) -> np.ndarray:
    env = HybridClusterEnv(num_tasks=5)
    env.reset(seed=seed)
    return env.episode_tasks().size_flop


def test_an_episode_can_be_played_again_from_its_tasks(cluster: Cluster) -> None:
    env = HybridClusterEnv(cluster=cluster, num_tasks=15)
    rewards, infos = play(env, [2] * 15, seed=8)
    again, infos_again = play(env, [2] * 15, options={"tasks": env.episode_tasks()})
    assert again == rewards
    assert infos_again[-1]["objective"] == infos[-1]["objective"]


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("noise", 100.0),
        ("num_tasks", 10**12),
        ("observe_queues", "yes"),
        ("observe_queues", 1),
        ("gpu_fractions", "01"),
        ("gpu_fractions", (False, True)),
        ("cluster", "tests"),
    ],
)
@pytest.mark.parametrize("make", [HybridClusterEnv, lambda **kw: HybridClusterVectorEnv(2, **kw)])
def test_what_looks_like_an_argument_but_is_none(make: Any, argument: str, value: object) -> None:
    with pytest.raises(HybridClusterError, match=argument):
        make(**{argument: value})


@pytest.mark.parametrize("seed", [1.5, True, -1, "3"])
@pytest.mark.parametrize("make", [HybridClusterEnv, lambda: HybridClusterVectorEnv(2)])
def test_what_looks_like_a_seed_but_is_none(make: Any, seed: object) -> None:
    with pytest.raises(HybridClusterError, match="seed is"):
        make().reset(seed=seed)


def test_a_vector_env_says_that_it_does_not_render() -> None:
    with pytest.raises(HybridClusterError, match="allowed: None"):
        HybridClusterVectorEnv(2, render_mode="human")


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


HUGE = 10**400


@pytest.mark.parametrize(
    "value",
    [HUGE, -HUGE, 10**5000, np.array(1), np.ma.masked, [None], {}, 1j],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize(
    "argument", ["num_tasks", "energy_weight", "gpu_fractions", "load", "noise", "cluster"]
)
def test_odd_numbers_are_named(argument: str, value: Any) -> None:
    with pytest.raises(HybridClusterError, match=argument) as caught:
        HybridClusterEnv(**{argument: value})
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "fractions",
    [
        ("0", "0.5"),
        {0.0, 1.0},
        {0.0: 1, 1.0: 2},
        (np.False_, np.True_),
        b"\x00\x01",
        (f for f in (0.0, 1.0)),
        np.array([[0.0, 1.0]]),
        np.ma.masked_array([0.0, 1.0], mask=[False, True]),
        (0.0, HUGE),
        (0.0, None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_only_looks_like_fractions(fractions: Any) -> None:
    with pytest.raises(HybridClusterError, match=r"gpu_fractions is .*; allowed: 1 to 255"):
        HybridClusterEnv(gpu_fractions=fractions)


@pytest.mark.parametrize("fractions", [[0, 1], np.array([0.0, 1.0]), (np.float32(0), 1), range(2)])
def test_fractions_in_any_order_keeping_form(fractions: Any) -> None:
    assert HybridClusterEnv(gpu_fractions=fractions).problem.gpu_fractions == (0.0, 1.0)


def finite_episode(env: HybridClusterEnv, **reset: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rewards, infos = play(env, **reset)
    last = infos[-1]
    figures = [last[name] for name in ("makespan_s", "total_energy_j", "objective")]
    assert np.isfinite([*rewards, *figures, *last["utilisation"]]).all()
    assert last["utilisation"].max() <= 1 + 1e-9
    assert sum(rewards) == pytest.approx(-len(rewards) * last["objective"], rel=1e-9)


@pytest.mark.parametrize("load", [1e-6, 1e6])
@pytest.mark.parametrize("observe_queues", [False, True])
def test_the_most_extreme_loads_give_finite_numbers(load: float, observe_queues: bool) -> None:
    env = HybridClusterEnv(cluster=PLAIN, num_tasks=20, load=load, observe_queues=observe_queues)
    finite_episode(env, seed=0)


@pytest.mark.parametrize("load", [1e-300, 1e300])
def test_loads_beyond_all_measure_are_refused(load: float) -> None:
    with pytest.raises(HybridClusterError, match="load is 1e"):
        HybridClusterEnv(load=load)


@pytest.mark.parametrize(
    "tasks",
    [
        [[0.0, 1e12, 1.0, 0.0], [1e30, 1e12, 1.0, 0.0]],
        [[1e30, 1e12, 1.0, 0.0]],
        [[0.0, 1e40, 1.0, 1e39], [0.0, 1e12, 1.0, 0.0]],
        [[0.0, 1e-100, 1e100, 0.0]],
    ],
)
@pytest.mark.parametrize("noise", [0.0, 5.0])
def test_extreme_tasks_give_finite_numbers(tasks: Any, noise: float) -> None:
    finite_episode(HybridClusterEnv(cluster=PLAIN, noise=noise), options={"tasks": tasks})


@pytest.mark.parametrize(
    "tasks",
    [
        [[1e308, 1e12, 1.0, 0.0]],
        [[0.0, 1e300, 1.0, 0.0]],
        [[0.0, 1e100, 1e-100, 0.0]],
        [[0.0, 1e12, 1e-300, 0.0]],
        [[0.0, 1e12, 1.0, 1e308]],
        [[0.0, HUGE, 1.0, 0.0]],
        [["0", "1", "1", "0"]],
        [[0.0, 1e12, 1.0, None]],
        [[0.0, 1e12, 1.0, 1j]],
        np.ma.masked_array([[0.0, 1e12, 1.0, 0.0]], mask=True),
        np.array(3.0),
        np.array([[True] * 4]),
        bytearray(b"abcd"),
        {1: 2},
    ],
    ids=lambda value: type(value).__name__,
)
def test_tasks_beyond_all_measure_are_refused(tasks: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(HybridClusterError, match="task"):
            HybridClusterEnv(cluster=PLAIN).reset(options={"tasks": tasks})


def test_tasks_that_take_no_time_are_refused() -> None:
    instant = [dataclasses.replace(device, launch_s=0.0) for device in PLAIN.devices]
    env = HybridClusterEnv(cluster=Cluster("instant", tuple(instant)))
    with pytest.raises(HybridClusterError, match="task 1 takes 1e-61 s"):
        env.reset(options={"tasks": [[0.0, 1e12, 1.0, 0.0], [0.0, 1e-50, 1.0, 0.0]]})


@pytest.mark.parametrize(("flops", "works"), [(1e25, True), (1e60, False), (1e-40, False)])
def test_devices_of_any_speed_work_or_are_refused(flops: float, works: bool) -> None:
    fast = [
        dataclasses.replace(
            device,
            flops=flops,
            memory_bandwidth=flops,
            launch_s=0.0,
            link_bandwidth=float("inf"),
        )
        for device in PLAIN.devices
    ]
    cluster = Cluster("fast", tuple(fast))
    if works:
        finite_episode(HybridClusterEnv(cluster=cluster, num_tasks=10), seed=0)
    else:
        with pytest.raises(HybridClusterError, match="takes"):
            HybridClusterEnv(cluster=cluster)


@pytest.mark.parametrize("masked", [np.ma.masked, np.ma.masked_array(1, mask=True)])
def test_masked_actions_are_refused(masked: Any) -> None:
    env = HybridClusterEnv(num_tasks=2)
    env.reset(seed=0)
    with pytest.raises(HybridClusterError, match="action is"):
        env.step(masked)


@pytest.mark.parametrize("mode", [3, [], np.array(["ansi", "human"])])
def test_a_render_mode_is_a_name(mode: Any) -> None:
    with pytest.raises(HybridClusterError, match="render_mode"):
        HybridClusterEnv(render_mode=mode)


def test_what_the_env_hands_out_is_not_its_state() -> None:
    kwargs: dict[str, Any] = {"cluster": PLAIN, "num_tasks": 4, "observe_queues": True}
    tasks = [[0.1 * i, 1e12, 20.0, memory] for i, memory in enumerate([5e9, 12e9, 2e10, 3e10])]
    for reset in ({"options": {"tasks": tasks}}, {"seed": 0}):
        env, twin = HybridClusterEnv(**kwargs), HybridClusterEnv(**kwargs)
        mine, other = env.reset(**reset), twin.reset(**reset)
        for _ in range(4):
            (realised,), costs = env.realised_episodes(), env.problem.costs
            handed = [mine[0], mine[-1]["action_mask"], env.action_masks(), realised.release_s]
            handed += [*vars(env.scheduling_state()).values(), costs.cpu_time_s, costs.gpu_time_s]
            handed += [costs.num_feasible, costs.gpu_power_w, env.episode_tasks().arrival_s]
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


def test_a_refused_reset_seeds_nothing() -> None:
    env, twin = HybridClusterEnv(num_tasks=3), HybridClusterEnv(num_tasks=3)
    env.reset(seed=0)
    twin.reset(seed=0)
    with pytest.raises(HybridClusterError, match="task 0 takes"):
        env.reset(seed=5, options={"tasks": [[0.0, 1e90, 1.0, 0.0]]})
    assert env.step(1)[1:4] == twin.step(1)[1:4]
    assert np.array_equal(env.reset()[0], twin.reset()[0])


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
