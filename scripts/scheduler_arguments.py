"""What takes part in a comparison: fixed schedulers, trained ones, and the oracle's schedules."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cpu_gpu_env.agents.pretrained import PRETRAINED, pretrained_path
from cpu_gpu_env.baselines import SCHEDULERS, make_scheduler
from cpu_gpu_env.baselines.evaluation.play import EVALUATION_SEED
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.errors import HybridClusterError, unknown_name
from cpu_gpu_env.io.cache_folder import default_cache
from cpu_gpu_env.problem.problem import DEFAULT_GPU_FRACTIONS, Problem, make_problem
from cpu_gpu_env.results.records import ORACLE, Comparison
from cpu_gpu_env.scripts.command import (
    add_env_arguments,
    check_output,
    check_total,
    cores,
    env_kwargs,
    positive,
    seed,
)
from cpu_gpu_env.scripts.terminal import progress_bar

if TYPE_CHECKING:
    from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec
    from cpu_gpu_env.baselines.oracle.search import OracleSchedule


def add_comparison_arguments(
    parser: argparse.ArgumentParser, schedulers: str | None, episodes: int, output: Path
) -> None:
    """Add the arguments of a comparison: problem, who takes part, in which episodes, and output.

    Args:
        parser: Where to add them.
        schedulers: Names by default, separated by commas; None: all that fit.
        episodes: Held-out episodes by default.
        output: Folder to write by default.
    """
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
        default=schedulers,
        help=f"schedulers, separated by commas (default: {schedulers or 'all that fit'}); "
        f"fixed: {', '.join(SCHEDULERS)}; pretrained: {', '.join(PRETRAINED)} "
        "(by default, an --agent of the same name takes the place)",
    )
    parser.add_argument("--episodes", type=positive, default=episodes, help="held-out episodes")
    parser.add_argument(
        "--seed", type=seed, default=EVALUATION_SEED, help="seed of the first episode"
    )
    add_oracle_arguments(parser)
    parser.add_argument("--output", type=Path, default=output, help="folder to write")


def check_comparison(arguments: argparse.Namespace, *files: str) -> None:
    """Find out before the work that outputs cannot be written, or that it would not fit.

    Args:
        arguments: What `add_comparison_arguments` has read.
        files: Names of those to be written to the output.

    Raises:
        HybridClusterError: If so.
    """
    for name in files:
        check_output(arguments.output / name, "file")
    check_total("--episodes", arguments.episodes, arguments.num_tasks)


def add_oracle_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `solve_oracle`."""
    parser.add_argument(
        "--cache", type=Path, default=default_cache(), help="folder of solved episodes"
    )
    parser.add_argument(
        "--jobs",
        type=lambda text: -1 if text == "-1" else cores(text),
        default=-1,
        help="processes that solve; -1: all cores",
    )


def find_schedulers(arguments: argparse.Namespace, problem: Problem) -> list[SchedulerSpec]:
    """Find the schedulers of a comparison.

    Args:
        arguments: What `add_comparison_arguments` has read.
        problem: What they are to act in.

    Raises:
        HybridClusterError: If there is none of that name, or a trained one is not usable.
    """
    names, agents = arguments.schedulers, arguments.agent
    names = _all_that_fit(problem, agents) if names is None else names.split(",")
    specs = [
        _trained(pretrained_path(name), problem, name)
        if name in PRETRAINED
        else _fixed(name, arguments.seed)
        for name in dict.fromkeys(name.strip() for name in names)
    ]
    for path in agents:
        taken = {ORACLE, *(spec.name for spec in specs)}
        specs.append(_trained(path, problem, _new_name(path, taken)))
    return specs


def solve_oracle(
    seeds: Sequence[int], kwargs: dict[str, Any], cache: Path, jobs: int
) -> list[OracleSchedule]:
    """Bound every episode, with a progress bar; what is solved stays in the cache.

    Args:
        seeds: One an episode.
        kwargs: Arguments of the environment.
        cache: Folder of solved episodes.
        jobs: Processes; -1: one a core.
    """
    from cpu_gpu_env.baselines.oracle.cache import solve_episodes

    env = HybridClusterVectorEnv(len(seeds), **kwargs)
    env.reset(seed=list(seeds))
    with progress_bar(total=len(seeds), unit="episode", desc="bounding") as bar:
        return solve_episodes(env.instances(), cache, jobs=jobs, progress=bar.update)


def compare_schedulers(
    arguments: argparse.Namespace,
    specs: Sequence[SchedulerSpec],
    kwargs: dict[str, Any],
    bounded: bool = True,
) -> tuple[Comparison, bool]:
    """Compare schedulers, with progress bars.

    Args:
        arguments: What `add_comparison_arguments` has read, and ``command``, which makes the
            comparison again.
        specs: Who takes part.
        kwargs: Arguments of the environment.
        bounded: Whether to bound the episodes, so that the oracle takes part, too.

    Returns:
        The comparison, and whether Ctrl-C ended it before all had played.
    """
    from cpu_gpu_env.baselines.evaluation.comparison import compare

    seeds = range(arguments.seed, arguments.seed + arguments.episodes)
    oracle = solve_oracle(seeds, kwargs, arguments.cache, arguments.jobs) if bounded else None
    with progress_bar(total=len(specs), unit="scheduler", desc="comparing") as bar:
        comparison = compare(specs, seeds, kwargs, arguments.command, naming(bar), oracle)
    return comparison, len(comparison.results) < len(specs) + bounded


def naming(bar: Any) -> Callable[[str], None]:
    """Make a callback that moves a progress bar on and shows the name of what is done."""

    def progress(name: str) -> None:
        bar.set_postfix_str(name)
        bar.update()

    return progress


def compare_in_each(
    arguments: argparse.Namespace, problems: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], bool]:
    """Compare schedulers in several problems, one after another, bounds included.

    Args:
        arguments: As `compare_schedulers` has them.
        problems: What each problem has instead of those arguments of the environment.

    Returns:
        A record a scheduler and problem, with the mean bound; and whether Ctrl-C ended it. A
        problem in which not all have played then has none.

    Raises:
        HybridClusterError: If a problem is not valid, before the work, or a scheduler in it.
    """
    from cpu_gpu_env.baselines.report.tables import result_rows

    wholes = [{**env_kwargs(arguments), **problem} for problem in problems]
    for kwargs in wholes:
        make_problem(**kwargs)
    rows: list[dict[str, Any]] = []
    for problem, kwargs in zip(problems, wholes, strict=True):
        print(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in problem.items()))
        try:
            specs = find_schedulers(arguments, make_problem(**kwargs))
            comparison, stopped = compare_schedulers(arguments, specs, kwargs)
        except KeyboardInterrupt:
            return rows, True
        if stopped:
            return rows, True
        assert comparison.bounds is not None
        bound = float(np.mean(comparison.bounds))
        rows += [{**problem, "bound": bound, **row} for row in result_rows(comparison)]
    return rows, False


def _all_that_fit(problem: Problem, agents: Sequence[Path]) -> list[str]:
    """Names of all fixed schedulers, and of the pretrained ones if the fractions are theirs.

    An agent given by path takes the place of a pretrained one of the same name.
    """
    given = {_new_name(path, set()) for path in agents}
    fits = problem.gpu_fractions == DEFAULT_GPU_FRACTIONS
    return [*SCHEDULERS, *(name for name in PRETRAINED if fits and name not in given)]


def _fixed(name: str, seed: int) -> SchedulerSpec:
    from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec

    if name not in SCHEDULERS:
        raise unknown_name("scheduler", name, [*SCHEDULERS, *PRETRAINED])
    return SchedulerSpec(name, lambda env: make_scheduler(name, env, seed))


def _trained(path: Path, problem: Problem, name: str) -> SchedulerSpec:
    from cpu_gpu_env.agents.saving import BEST_AGENT, load_agent
    from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec
    from cpu_gpu_env.baselines.imitation.forest import load_forest
    from cpu_gpu_env.baselines.imitation.hybrid_ml import BEST_FOREST, FEATURES, HybridML

    if (path / BEST_FOREST).exists() and (path / BEST_AGENT).exists():
        raise HybridClusterError(
            f"{path} holds an agent and a forest; name one: {BEST_AGENT} or {BEST_FOREST} in it"
        )
    if path.suffix == ".npz" or (path / BEST_FOREST).exists():
        forest = load_forest(path / BEST_FOREST if path.is_dir() else path, len(FEATURES))
        return SchedulerSpec(name, lambda env: HybridML(env, forest=forest), learned=True)
    file = path / BEST_AGENT if path.is_dir() else path
    saved = load_agent(file)
    try:
        saved.settings.check_fits(problem)
    except HybridClusterError as error:
        raise HybridClusterError(f"{file}: {error}") from None
    return SchedulerSpec(name, saved.act_in, saved.settings.observe_queues, learned=True)


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
