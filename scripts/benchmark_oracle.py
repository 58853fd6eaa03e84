"""Measure the oracle and its bound on every shipped profile and workload, and on long streams."""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sys
import time
from functools import partial

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import numpy as np

from cpu_gpu_env.baselines import SCHEDULERS, make_scheduler
from cpu_gpu_env.baselines.evaluation.play import EVALUATION_SEED, play_episodes
from cpu_gpu_env.envs.env import HybridClusterEnv
from cpu_gpu_env.model.profile import shipped_profiles
from cpu_gpu_env.model.workload import SYNTHETIC_WORKLOADS
from cpu_gpu_env.results.gap import gap_to_bound
from cpu_gpu_env.scripts import command, terminal
from cpu_gpu_env.sim.instance import Instance


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "benchmark-oracle",
        "Gap and time of the oracle, against the best other scheduler, and time of the bound.",
        "--episodes 20 --lengths 200,1000",
    )
    parser.add("--episodes", command.positive, 10, "episodes of each case")
    parser.add("--num-tasks", command.positive, 200, "tasks of the profiles' cases")
    parser.add_argument(
        "--lengths",
        type=lambda text: [command.positive(part) for part in text.split(",")],
        default=[200, 1_000, 2_000],
        help="tasks of an episode, on the default problem",
    )
    parser.add("--bound-length", command.positive, 100_000, "tasks of one that is only bounded")
    parser.add_seed("of the first episode", EVALUATION_SEED)
    return parser.parse_args(argv)


@command.entry_point(parse_arguments)
def main(arguments: argparse.Namespace) -> int:
    """Measure and print the tables."""
    from cpu_gpu_env.baselines.bounds.lower import lower_bound

    longest = max(*arguments.lengths, arguments.num_tasks)
    command.check_total("--episodes", arguments.episodes, longest)
    by_problem = terminal.new_table(
        f"{arguments.num_tasks} tasks, {arguments.episodes} episodes",
        *("cluster", "workload", "oracle gap [%]", "median", "best other", "its gap [%]"),
    )
    by_length = terminal.new_table(
        "default problem, one process",
        *("tasks", "oracle gap [%]", "median", "time [s]", "of that the bound"),
    )
    cases = list(itertools.product(shipped_profiles(), sorted(SYNTHETIC_WORKLOADS)))
    try:
        for cluster, workload in terminal.progress_bar(cases, desc="profiles and workloads"):
            by_problem.add_row(cluster, workload, *_against_others(cluster, workload, arguments))
        for length in terminal.progress_bar(arguments.lengths, desc="lengths"):
            by_length.add_row(f"{length:,}", *_times(length, arguments))
    finally:
        terminal.print_tables(by_problem, by_length)  # after Ctrl-C what is measured, too
    begin = time.perf_counter()
    lower_bound(_episode(arguments.seed, num_tasks=arguments.bound_length))
    seconds = time.perf_counter() - begin
    print(f"drawing and bounding {arguments.bound_length:,} tasks: {seconds:.1f} s")
    return 0


def _episode(first: int, **kwargs: object) -> Instance:
    env = HybridClusterEnv(**kwargs)  # type: ignore[arg-type]
    env.reset(seed=first)
    return env.instances()[0]


def _against_others(cluster: str, workload: str, arguments: argparse.Namespace) -> list[str]:
    from cpu_gpu_env.baselines.oracle.search import solve_episode

    kwargs = {"cluster": cluster, "workload": workload, "num_tasks": arguments.num_tasks}
    seeds = range(arguments.seed, arguments.seed + arguments.episodes)
    solved = [solve_episode(_episode(number, **kwargs)) for number in seeds]
    bounds = np.array([schedule.bound for schedule in solved])
    others = {}
    for name in SCHEDULERS:
        played = play_episodes(partial(make_scheduler, name, seed=0), seeds, **kwargs)
        others[name] = float(gap_to_bound(played.objective, bounds).mean())
    best = min(others, key=lambda name: others[name])
    return [*_summary([schedule.gap for schedule in solved]), best, f"{100 * others[best]:.2f}"]


def _times(length: int, arguments: argparse.Namespace) -> list[str]:
    from cpu_gpu_env.baselines.bounds.lower import lower_bound
    from cpu_gpu_env.baselines.oracle.search import solve_episode

    gaps, total_s, bound_s = [], 0.0, 0.0
    for number in range(arguments.seed, arguments.seed + arguments.episodes):
        episode = _episode(number, num_tasks=length)
        begin = time.perf_counter()
        lower_bound(episode)
        middle = time.perf_counter()
        gaps.append(solve_episode(episode).gap)
        total_s += time.perf_counter() - middle
        bound_s += middle - begin
    means_s = (seconds / arguments.episodes for seconds in (total_s, bound_s))
    return [*_summary(gaps), *(f"{mean_s:.2f}" for mean_s in means_s)]


def _summary(gaps: list[float]) -> list[str]:
    """Mean and median [%]."""
    return [f"{100 * value:.2f}" for value in (np.mean(gaps), np.median(gaps))]


if __name__ == "__main__":
    sys.exit(main())
