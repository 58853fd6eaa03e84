"""Measure steps per second against Gymnasium's CartPole in the same run, and frames per second."""

from __future__ import annotations

import argparse
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import gymnasium as gym
import numpy as np

from cpu_gpu_env import ENV_ID
from cpu_gpu_env.problem.problem import DEFAULT_NUM_TASKS
from cpu_gpu_env.scripts.command import entry_point, make_parser, positive, seed
from cpu_gpu_env.scripts.terminal import new_table, print_tables, progress_bar

VECTOR_SIZES = (64, 1_024, 4_096, 16_384)
MAX_SECONDS = 3_600
PEER = "CartPole-v1"
DRAWN = "epyc-7763 + a100-80gb:8"
"""Cluster whose frames are counted."""

_TIME_MAKE = """
import time
import gymnasium as gym
begin = time.perf_counter()
import cpu_gpu_env
imported = time.perf_counter()
gym.make("HybridCluster-v0")
first = time.perf_counter()
gym.make("HybridCluster-v0")
print(imported - begin, first - imported, time.perf_counter() - first)
"""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "benchmark",
        "Measure steps per second, resets and task generation included, against CartPole.",
        "--rounds 5",
    )
    parser.add_argument("--rounds", type=positive, default=5, help="the best of so many counts")
    parser.add_argument("--seconds", type=_seconds, default=0.5, help="length of a round")
    parser.add_argument("--seed", type=seed, default=0, help="seed of environments and actions")
    return parser.parse_args(argv)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= MAX_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r:.40} is not a number in (0, {MAX_SECONDS}]")
    return value


def execute(arguments: argparse.Namespace) -> int:
    """Measure and print the table."""
    title = "steps per second, best of rounds that alternate between the two"
    table = new_table(title, "environment", "HybridCluster", "CartPole", "ratio")
    cases: list[tuple[str, Callable[[str], Callable[[float], float]]]] = [
        ("single, gym.make", lambda name: _single(name, arguments.seed))
    ]
    for size in VECTOR_SIZES:
        cases.append(
            (f"vector, {size:,} envs", lambda name, n=size: _vector(name, n, arguments.seed))  # type: ignore[misc]
        )
    try:
        for label, build in progress_bar(cases, desc="measuring"):
            measures = [build(name) for name in (ENV_ID, PEER)]
            best = [0.0, 0.0]
            for _ in range(arguments.rounds):
                best = [
                    max(rate, measure(arguments.seconds))
                    for rate, measure in zip(best, measures, strict=True)
                ]
            table.add_row(label, f"{best[0]:,.0f}", f"{best[1]:,.0f}", f"{best[0] / best[1]:.2f}")
    finally:
        print_tables(table)  # after Ctrl-C what is measured, too
    for label, seconds in _start_up(arguments.rounds).items():
        print(f"{label}: {seconds * 1e3:.1f} ms")
    rate = _frames(arguments)
    print(f"drawing the ends of episodes on 9 devices: {rate:.0f} frames/s (a film has 30)")
    return 0


def _single(name: str, seed: int) -> Callable[[float], float]:
    env = gym.make(name)
    env.reset(seed=seed)
    actions = np.random.default_rng(seed).integers(0, env.action_space.n, 10_000).tolist()  # type: ignore[attr-defined]

    def measure(seconds: float) -> float:
        steps, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < seconds:
            for action in actions:
                _, _, terminated, truncated, _ = env.step(action)
                if terminated or truncated:
                    env.reset()
            steps += len(actions)
        return steps / (time.perf_counter() - begin)

    return measure


def _vector(name: str, num_envs: int, seed: int) -> Callable[[float], float]:
    env: Any = gym.make_vec(name, num_envs=num_envs, vectorization_mode="vector_entry_point")
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    actions = [rng.integers(0, env.single_action_space.n, num_envs) for _ in range(16)]
    # Random numbers are drawn up to 16 episodes ahead: a round counts all that it spends.
    block = 16 * DEFAULT_NUM_TASKS

    def measure(seconds: float) -> float:
        steps, begin = 0, time.perf_counter()
        while steps < block or time.perf_counter() - begin < seconds:
            for index in range(block):
                env.step(actions[index & 15])
            steps += block
        return steps * num_envs / (time.perf_counter() - begin)

    return measure


def _start_up(rounds: int) -> dict[str, float]:
    """Cost of the import, of the first and of the second gym.make in fresh processes [s]."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", _TIME_MAKE], capture_output=True, text=True, check=True
        )
        for _ in progress_bar(range(rounds), desc="starting")
    ]
    times = np.array([[float(word) for word in run.stdout.split()] for run in runs])
    labels = ("import cpu_gpu_env after gymnasium", "first gym.make", "each further gym.make")
    return dict(zip(labels, np.median(times, axis=0).tolist(), strict=True))


def _frames(arguments: argparse.Namespace) -> float:
    """Frames per second of the fullest chart of an episode."""
    env: Any = gym.make(ENV_ID, cluster=DRAWN, render_mode="rgb_array")
    env.reset(seed=arguments.seed)
    env.action_space.seed(arguments.seed)
    for _ in range(DEFAULT_NUM_TASKS):
        env.step(env.action_space.sample())
    env.render()
    best = 0.0
    for _ in progress_bar(range(arguments.rounds), desc="drawing"):
        frames, begin = 0, time.perf_counter()
        while time.perf_counter() - begin < arguments.seconds:
            env.render()
            frames += 1
        best = max(best, frames / (time.perf_counter() - begin))
    return best


main = entry_point(parse_arguments, execute)

if __name__ == "__main__":
    sys.exit(main())
