"""What the single environment refuses, with one clear error, and the extremes that it takes."""

import dataclasses
import warnings
from typing import Any

import numpy as np
import pytest
from conftest import PLAIN
from playing import play

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterError, HybridClusterVectorEnv


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


@pytest.mark.parametrize("masked", [np.ma.masked, np.ma.masked_array(1, mask=True)])
def test_masked_actions_are_refused(masked: Any) -> None:
    env = HybridClusterEnv(num_tasks=2)
    env.reset(seed=0)
    with pytest.raises(HybridClusterError, match="action is"):
        env.step(masked)


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_tasks": 10_000_000}, "num_tasks is 10000000; allowed: a whole number, 1 to 1000000"),
        ({"gpu_fractions": np.linspace(0, 1, 255)}, "255 entries; allowed: a product of at most"),
    ],
)
def test_what_would_take_minutes_is_refused_at_once(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(HybridClusterError, match=message):
        HybridClusterEnv(**arguments)


@pytest.mark.parametrize("mode", [3, [], np.array(["ansi", "human"])])
def test_a_render_mode_is_a_name(mode: Any) -> None:
    with pytest.raises(HybridClusterError, match="render_mode"):
        HybridClusterEnv(render_mode=mode)


def test_a_vector_env_has_no_window() -> None:
    with pytest.raises(HybridClusterError, match=r"'human'.*Known: ansi, rgb_array"):
        HybridClusterVectorEnv(2, render_mode="human")


@pytest.mark.parametrize("make", [HybridClusterEnv, HybridClusterVectorEnv])
@pytest.mark.parametrize("config", [{}, {"num_tasks": 20}])
def test_a_dict_as_only_argument_is_told_how_to_unpack(make: Any, config: dict[str, int]) -> None:
    with pytest.raises(HybridClusterError, match=r"HybridClusterEnv\(\*\*config\)"):
        make(config)


@pytest.mark.parametrize("seed", [1.5, True, -1, "3"])
@pytest.mark.parametrize("make", [HybridClusterEnv, lambda: HybridClusterVectorEnv(2)])
def test_what_looks_like_a_seed_but_is_none(make: Any, seed: object) -> None:
    with pytest.raises(HybridClusterError, match="seed is"):
        make().reset(seed=seed)


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


def test_a_refused_reset_seeds_nothing() -> None:
    env, twin = HybridClusterEnv(num_tasks=3), HybridClusterEnv(num_tasks=3)
    env.reset(seed=0)
    twin.reset(seed=0)
    with pytest.raises(HybridClusterError, match="task 0 takes"):
        env.reset(seed=5, options={"tasks": [[0.0, 1e90, 1.0, 0.0]]})
    assert env.step(1)[1:4] == twin.step(1)[1:4]
    assert np.array_equal(env.reset()[0], twin.reset()[0])


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


@pytest.mark.parametrize(("flops", "works"), [(1e25, True), (1e60, False), (1e-40, False)])
def test_devices_of_any_speed_work_or_are_refused(flops: float, works: bool) -> None:
    fast = [
        dataclasses.replace(
            device, flops=flops, memory_bandwidth=flops, launch_s=0.0, link_bandwidth=float("inf")
        )
        for device in PLAIN.devices
    ]
    cluster = Cluster("fast", tuple(fast))
    if works:
        finite_episode(HybridClusterEnv(cluster=cluster, num_tasks=10), seed=0)
    else:
        with pytest.raises(HybridClusterError, match="takes"):
            HybridClusterEnv(cluster=cluster)
