"""Compare all schedulers on the same held-out episodes."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from tqdm import tqdm

from cpu_gpu_env.baselines import SCHEDULERS, make_scheduler
from cpu_gpu_env.baselines.comparison import ORACLE, Entrant, compare
from cpu_gpu_env.baselines.evaluation import EVALUATION_SEED
from cpu_gpu_env.baselines.forest import load_forest
from cpu_gpu_env.baselines.hybrid_ml import BEST_FOREST, FEATURES, HybridML
from cpu_gpu_env.baselines.oracle import OracleSchedule
from cpu_gpu_env.baselines.oracle_cache import default_cache, solve_episodes
from cpu_gpu_env.baselines.report import make_table, write_csv, write_json, write_tensorboard
from cpu_gpu_env.errors import HybridClusterError, unknown_name
from cpu_gpu_env.problem import Problem, make_problem
from cpu_gpu_env.scripts.command import (
    add_env_arguments,
    check_output,
    check_total,
    cores,
    env_kwargs,
    interrupted,
    make_parser,
    positive,
    print_tables,
    run,
    seed,
)
from cpu_gpu_env.vector_env import HybridClusterVectorEnv


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "Compare schedulers, fixed and trained, on the same held-out episodes.",
        "python scripts/compare.py --agent runs/dqn/best.zip --episodes 100",
    )
    add_env_arguments(parser)
    parser.add_argument(
        "--agent",
        type=Path,
        action="append",
        default=[],
        help="agent file of train.py, or its folder (best.zip is taken); may be repeated",
    )
    parser.add_argument(
        "--schedulers",
        default=",".join(SCHEDULERS),
        help="fixed schedulers to compare, separated by commas",
    )
    parser.add_argument("--episodes", type=positive, default=100, help="held-out episodes")
    parser.add_argument(
        "--seed", type=seed, default=EVALUATION_SEED, help="seed of the first episode"
    )
    parser.add_argument(
        "--bound",
        choices=("certified", "none"),
        default="certified",
        help="'none' leaves out the oracle and the gaps: for huge streams",
    )
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), help="folder of solved episodes"
    )
    parser.add_argument(
        "--jobs",
        type=lambda text: -1 if text == "-1" else cores(text),
        default=-1,
        help="processes that solve; -1: all cores",
    )
    parser.add_argument(
        "--output", type=Path, default=Path("runs/comparison"), help="folder to write"
    )
    return parser.parse_args(argv)


def execute(arguments: argparse.Namespace, command: str) -> int:
    """Compare, with a progress bar, and write everything down."""
    kwargs = env_kwargs(arguments)
    problem = make_problem(**kwargs)
    check_total("--episodes", arguments.episodes, problem.num_tasks)
    output = arguments.output
    for name in ("comparison.csv", "comparison.json"):
        check_output(output / name, "file")
    if arguments.bound != "none":
        check_output(arguments.cache)
    names = dict.fromkeys(name.strip() for name in arguments.schedulers.split(","))
    entrants = [_fixed(name, arguments.seed) for name in names]
    for path in arguments.agent:
        entrants.append(_agent(path, problem, {ORACLE, *(e.name for e in entrants)}))
    for entrant in entrants:
        check_output(output / "tensorboard" / entrant.name)
    seeds = range(arguments.seed, arguments.seed + arguments.episodes)
    oracle = None if arguments.bound == "none" else _solve(arguments, seeds, kwargs)
    with tqdm(total=len(entrants), unit="scheduler", desc="comparing") as bar:

        def progress(name: str) -> None:
            bar.set_postfix_str(name)
            bar.update()

        comparison = compare(entrants, seeds, kwargs, command, progress, oracle)
    write_csv(comparison, output / "comparison.csv")
    write_json(comparison, output / "comparison.json")
    write_tensorboard(comparison, output / "tensorboard")
    print_tables(make_table(comparison))
    for name in ("comparison.csv", "comparison.json"):
        print(f"written: {output / name}")
    print(f"TensorBoard: tensorboard --logdir {output / 'tensorboard'}")
    if len(comparison.entries) < len(entrants) + (oracle is not None):
        return interrupted()
    return 0


def _solve(
    arguments: argparse.Namespace, seeds: Sequence[int], kwargs: dict[str, Any]
) -> list[OracleSchedule]:
    """Bound every episode, with a progress bar; what is solved stays in the cache."""
    env = HybridClusterVectorEnv(len(seeds), **kwargs)
    env.reset(seed=list(seeds))
    with tqdm(total=len(seeds), unit="episode", desc="bounding") as bar:
        return solve_episodes(
            env.realised_episodes(), arguments.cache, jobs=arguments.jobs, progress=bar.update
        )


def _fixed(name: str, seed: int) -> Entrant:
    if name not in SCHEDULERS:
        raise unknown_name("scheduler", name, SCHEDULERS)
    return Entrant(name, lambda env: make_scheduler(name, env, seed))


def _agent(path: Path, problem: Problem, taken: set[str]) -> Entrant:
    from cpu_gpu_env.agents.files import BEST_AGENT, load_agent

    if path.suffix == ".npz" or (path / BEST_FOREST).exists():
        return _forest(path, taken)
    file = path / BEST_AGENT if path.is_dir() else path
    saved = load_agent(file)
    try:
        saved.settings.check_fits(problem)
    except HybridClusterError as error:
        raise HybridClusterError(f"{file}: {error}") from None
    return Entrant(_new_name(path, taken), saved.act_in, saved.settings.observe_queues)


def _forest(path: Path, taken: set[str]) -> Entrant:
    forest = load_forest(path / BEST_FOREST if path.is_dir() else path, len(FEATURES))
    return Entrant(_new_name(path, taken), lambda env: HybridML(env, forest=forest))


def _new_name(path: Path, taken: set[str]) -> str:
    path = Path(os.path.abspath(path))  # "." and "best.zip" have no folder's name
    name = path.parent.name if path.stem == "best" else path.stem
    if not name.isprintable():
        raise HybridClusterError(
            f"agent {str(path)!r}: its name goes into tables; allowed: printable characters"
        )
    while name in taken:
        name += "'"
    return name


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    words = sys.argv[1:] if argv is None else argv
    command = shlex.join(["python", "scripts/compare.py", *words])
    # Names of files are bytes, and what is written down is text.
    command = command.encode(errors="backslashreplace").decode()
    return run(lambda arguments: execute(arguments, command), parse_arguments(argv))


if __name__ == "__main__":
    sys.exit(main())
