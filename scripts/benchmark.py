"""Measure steps per second against Gymnasium's CartPole in the same run, and frames per second."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import gymnasium as gym
import numpy as np

from cpu_gpu_env import ENV_ID
from cpu_gpu_env.problem.problem import DEFAULT_NUM_TASKS
from cpu_gpu_env.scripts import command, terminal

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
    parser = command.Parser(
        "benchmark",
        "Measure steps per second, resets and task generation included, against CartPole.",
        "--rounds 5",
    )
    parser.add("--rounds", command.positive, 5, "the best of so many counts")
    complaint = f"is not a number in (0, {MAX_SECONDS}]"
    seconds = command.argument_type(float, lambda value: 0 < value <= MAX_SECONDS, complaint)
    parser.add("--seconds", seconds, 0.5, "length of a round")
    parser.add_seed("seed of environments and actions")
    return parser.parse_args(argv)


@command.entry_point(parse_arguments)
def main(arguments: argparse.Namespace) -> int:
    """Measure and print the table."""
    title = "steps per second, best of rounds that alternate between the two"
    table = terminal.new_table(title, "environment", "HybridCluster", "CartPole", "ratio")
    cases: dict[str, Callable[[str], Callable[[], int]]] = {
        "single, gym.make": partial(_single, seed=arguments.seed)
    }
    for size in VECTOR_SIZES:
        cases[f"vector, {size:,} envs"] = partial(_vector, num_envs=size, seed=arguments.seed)
    try:
        for label, build in terminal.progress_bar(cases.items(), desc="measuring"):
            works = [build(name) for name in (ENV_ID, PEER)]
            rounds = range(arguments.rounds)
            rates = [[_rate(work, arguments.seconds) for work in works] for _ in rounds]
            ours, peer = np.max(rates, axis=0)
            table.add_row(label, f"{ours:,.0f}", f"{peer:,.0f}", f"{ours / peer:.2f}")
    finally:
        terminal.print_tables(table)  # after Ctrl-C what is measured, too
    for label, seconds in _start_up(arguments.rounds).items():
        print(f"{label}: {seconds * 1e3:.1f} ms")
    draw = _frame(arguments.seed)
    rounds = terminal.progress_bar(range(arguments.rounds), desc="drawing")
    rate = max(_rate(draw, arguments.seconds) for _ in rounds)
    print(f"drawing the ends of episodes on 9 devices: {rate:.0f} frames/s (a film has 30)")
    return 0


def _rate(work: Callable[[], int], seconds: float) -> float:
    """What is done a second by work that is repeated for so long and returns how much it did."""
    done, begin = 0, time.perf_counter()
    while not done or time.perf_counter() - begin < seconds:
        done += work()
    return done / (time.perf_counter() - begin)


def _single(name: str, seed: int) -> Callable[[], int]:
    env = gym.make(name)
    env.reset(seed=seed)
    actions = np.random.default_rng(seed).integers(0, env.action_space.n, 10_000).tolist()  # type: ignore[attr-defined]

    def play() -> int:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()
        return len(actions)

    return play


def _vector(name: str, num_envs: int, seed: int) -> Callable[[], int]:
    env: Any = gym.make_vec(name, num_envs=num_envs, vectorization_mode="vector_entry_point")
    env.reset(seed=seed)
    rng = np.random.default_rng(seed)
    actions = [rng.integers(0, env.single_action_space.n, num_envs) for _ in range(16)]

    def play() -> int:
        # Random numbers are drawn up to 16 episodes ahead: a round counts all that it spends.
        for _ in range(DEFAULT_NUM_TASKS):
            for action in actions:
                env.step(action)
        return DEFAULT_NUM_TASKS * len(actions) * num_envs

    return play


def _frame(seed: int) -> Callable[[], int]:
    """The fullest chart of an episode."""
    env: Any = gym.make(ENV_ID, cluster=DRAWN, render_mode="rgb_array")
    env.reset(seed=seed)
    env.action_space.seed(seed)
    for _ in range(DEFAULT_NUM_TASKS):
        env.step(env.action_space.sample())

    def draw() -> int:
        env.render()
        return 1

    draw()
    return draw


def _start_up(rounds: int) -> dict[str, float]:
    """Cost of the import, of the first and of the second gym.make in fresh processes [s]."""
    runs = [
        subprocess.run(
            [sys.executable, "-c", _TIME_MAKE], capture_output=True, text=True, check=True
        )
        for _ in terminal.progress_bar(range(rounds), desc="starting")
    ]
    times = np.array([[float(word) for word in run.stdout.split()] for run in runs])
    labels = ("import cpu_gpu_env after gymnasium", "first gym.make", "each further gym.make")
    return dict(zip(labels, np.median(times, axis=0).tolist(), strict=True))


if __name__ == "__main__":
    sys.exit(main())
