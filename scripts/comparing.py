"""What takes part in a comparison: fixed schedulers, trained ones, and the oracle's schedules."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cpu_gpu_env.agents.pretrained import PRETRAINED, PRETRAINED_FOREST, pretrained_path
from cpu_gpu_env.baselines import SCHEDULERS, make_scheduler
from cpu_gpu_env.baselines.evaluation.play import EVALUATION_SEED
from cpu_gpu_env.baselines.imitation.forest import load_forest
from cpu_gpu_env.baselines.report.tables import result_rows
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.errors import HybridClusterError, printable, unknown_name
from cpu_gpu_env.io.cache_folder import default_cache
from cpu_gpu_env.problem.problem import DEFAULT_GPU_FRACTIONS, Problem, make_problem
from cpu_gpu_env.problem.task_features import WorkFeatures
from cpu_gpu_env.results.records import ORACLE, USUAL_REFERENCE, Comparison
from cpu_gpu_env.results.seeds import Purpose, episode_seeds
from cpu_gpu_env.runtime.trained_files import FOREST_SUFFIX, find_trained, name_of_trained
from cpu_gpu_env.scripts import command, outputs, storing, terminal

if TYPE_CHECKING:
    from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec
    from cpu_gpu_env.baselines.oracle.search import OracleSchedule


def add_arguments(
    parser: command.Parser, schedulers: str | None, episodes: int, output: str
) -> None:
    """Add the arguments of a comparison, with defaults; schedulers None: all that fit."""
    parser.add_env_arguments()
    add_agent_argument(parser)
    parser.add_argument(
        "--schedulers",
        default=schedulers,
        help=f"schedulers, separated by commas (default: {schedulers or 'all that fit'}); "
        f"fixed: {', '.join(SCHEDULERS)}; pretrained: {', '.join(PRETRAINED)} "
        "(by default, an --agent of the same name takes the place)",
    )
    parser.add("--episodes", command.positive, episodes, "episodes to play")
    parser.add_seed("seed of the first episode", EVALUATION_SEED)
    parser.add_argument(
        "--reference",
        help="scheduler to which the others are compared episode by episode (default: "
        f"{USUAL_REFERENCE}, or the best that neither learned nor sees the future)",
    )
    add_oracle_arguments(parser)
    parser.add("--output", command.path, output, "folder to write")
    storing.add_argument(parser)


def add_agent_argument(parser: command.Parser) -> None:
    """Add the argument that names trained agents by their files."""
    parser.add_argument(
        "--agent",
        type=command.path,
        action="append",
        default=[],
        help="agent file of train.py, or its folder (best.zip is taken); may be repeated",
    )


def add_oracle_arguments(parser: command.Parser) -> None:
    """Add the arguments of `solve_oracle`."""
    parser.add("--cache", command.path, default_cache(), "folder of solved episodes")
    parser.add_argument(
        "--jobs",
        type=lambda text: -1 if text == "-1" else command.cores(text),
        default=-1,
        help="processes that solve; -1: all cores",
    )


def check(arguments: argparse.Namespace, files: Sequence[str], bounded: bool = True) -> None:
    """Find out before the work that it would not fit, or files not be written to the output.

    Raises:
        HybridClusterError: If so, or if the cache, which bounds need, cannot be made.
    """
    for name in files:
        outputs.check_output(arguments.output / name, "file")
    command.check_total("--episodes", arguments.episodes, arguments.num_tasks)
    if bounded and not arguments.cache.is_dir():  # one that is there may be for reading only
        outputs.check_output(arguments.cache)


def decision_seed(seed: int) -> int:
    """Seed of the schedulers' own random numbers in a comparison or stream of that seed."""
    return episode_seeds(Purpose.DECISIONS, 1, run=seed)[0]


def find_schedulers(arguments: argparse.Namespace, problem: Problem) -> list[SchedulerSpec]:
    """Find the schedulers that arguments name, to act in a problem.

    Raises:
        HybridClusterError: If there is none of that name, or a trained one is not usable.
    """
    agents = arguments.agent
    if arguments.schedulers is None:
        # An agent given by path takes the place of a pretrained one of the same name.
        given = {name_of_trained(path, set()) for path in agents}
        fitting = fitting_names(PRETRAINED, problem)
        names = [*SCHEDULERS, *(name for name in fitting if name not in given)]
    else:
        names = [name.strip() for name in arguments.schedulers.split(",")]
    return find_named(names, agents, arguments.seed, problem)


def fitting_names(names: Iterable[str], problem: Problem) -> list[str]:
    """Leave out the names of pretrained schedulers that do not fit a problem.

    They choose among the usual fractions, and the forest sees sizes and intensities.
    """
    unfit = set(PRETRAINED) if problem.gpu_fractions != DEFAULT_GPU_FRACTIONS else set()
    if problem.task_features.names != WorkFeatures.names:
        unfit.add(PRETRAINED_FOREST)
    return [name for name in names if name not in unfit]


def find_named(
    names: Sequence[str],
    agents: Sequence[Path],
    seed: int,
    problem: Problem,
    others: Sequence[str] = (),
) -> list[SchedulerSpec]:
    """Find schedulers by name, and agents by path, to act in a problem.

    Args:
        names: Of fixed and pretrained schedulers.
        agents: Files of agents or forests, or folders of trainings.
        seed: Of the comparison or stream.
        problem: The problem.
        others: Names that the command allows besides, for the error.

    Raises:
        HybridClusterError: If there is none of that name, or a trained one is not usable.
    """
    from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec

    specs = []
    for name in dict.fromkeys(names):
        if name in PRETRAINED:
            specs.append(_trained(pretrained_path(name), problem, name))
        elif name in SCHEDULERS:
            make = partial(make_scheduler, name, seed=decision_seed(seed))
            specs.append(SchedulerSpec(name, make))
        else:
            raise unknown_name("scheduler", name, [*SCHEDULERS, *PRETRAINED, *others])
    for path in agents:
        taken = {ORACLE, *others, *(spec.name for spec in specs)}
        specs.append(_trained(path, problem, name_of_trained(path, taken)))
    return specs


def solve_oracle(
    seeds: Sequence[int], kwargs: dict[str, Any], cache: Path, jobs: int, any_device: bool = False
) -> list[OracleSchedule]:
    """Bound the episode of each seed by so many processes (-1: one a core), with a progress bar.

    What is solved stays in the folder of the cache. With `any_device` the bounds hold for schedules
    as well that choose the device of each share.
    """
    from cpu_gpu_env.baselines.oracle.cache import solve_episodes

    env = HybridClusterVectorEnv(len(seeds), **kwargs)
    env.reset(seed=list(seeds))
    with terminal.progress_bar(total=len(seeds), unit="episode", desc="bounding") as bar:
        return solve_episodes(
            env.instances(), cache, jobs=jobs, progress=bar.update, any_device=any_device
        )


def compare_schedulers(
    arguments: argparse.Namespace,
    specs: Sequence[SchedulerSpec],
    kwargs: dict[str, Any],
    bounded: bool = True,
    any_device: bool = False,
) -> tuple[Comparison, bool]:
    """Compare schedulers in an environment, with progress bars; if bounded, the oracle, too.

    The bounds are those of `solve_oracle`.

    Returns:
        The comparison, and whether Ctrl-C ended it before all had played.
    """
    from cpu_gpu_env.baselines.evaluation.comparison import check_reference, compare

    names = [spec.name for spec in specs] + [ORACLE] * bounded
    check_reference(arguments.reference, names)
    first, line, reference = arguments.seed, arguments.command, arguments.reference
    seeds = episode_seeds(Purpose.EVALUATION, arguments.episodes, first=first)
    oracle = None
    if bounded:
        oracle = solve_oracle(seeds, kwargs, arguments.cache, arguments.jobs, any_device)
    with terminal.progress_bar(total=len(specs), unit="scheduler", desc="comparing") as bar:
        comparison = compare(specs, seeds, kwargs, line, naming(bar), oracle, reference)
    return comparison, len(comparison.results) < len(specs) + bounded


def naming(bar: Any) -> Callable[[str], None]:
    """Make a callback that moves a progress bar on and shows the name of what is done."""

    def progress(name: str) -> None:
        bar.set_postfix_str(name)
        bar.update()

    return progress


def compare_in_each(
    arguments: argparse.Namespace,
    problems: Sequence[dict[str, Any]],
    files: Sequence[str],
    store: storing.Storing,
) -> tuple[list[dict[str, Any]], bool]:
    """Compare schedulers in several problems, one after another, bounds included.

    Args:
        arguments: What `add_arguments` has read.
        problems: What each problem has instead of those arguments of the environment.
        files: Names of those that will be written to the output.
        store: What is told of each comparison.

    Returns:
        A record a scheduler and problem, with the mean bound; and whether Ctrl-C ended it. A
        problem in which not all have played then has none.

    Raises:
        HybridClusterError: If a problem or output is not valid, before the work, or a scheduler.
    """
    check(arguments, files)
    wholes = [{**command.env_kwargs(arguments), **problem} for problem in problems]
    for kwargs in wholes:
        make_problem(**kwargs)
    rows: list[dict[str, Any]] = []
    for problem, kwargs in zip(problems, wholes, strict=True):
        place = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in problem.items())
        print(printable(place))
        try:
            specs = find_schedulers(arguments, make_problem(**kwargs))
            comparison, stopped = compare_schedulers(arguments, specs, kwargs)
        except KeyboardInterrupt:
            return rows, True
        if stopped:
            return rows, True
        store.add(comparison, kwargs, place)
        assert comparison.bounds is not None
        bound = float(np.mean(comparison.bounds))
        rows += [{**problem, "bound": bound, **row} for row in result_rows(comparison)]
    return rows, False


def _trained(path: Path, problem: Problem, name: str) -> SchedulerSpec:
    from cpu_gpu_env.agents.saving import load_agent
    from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec
    from cpu_gpu_env.baselines.imitation.hybrid_ml import FEATURES, HybridML, check_forest_fits

    file = find_trained(path)
    if file.suffix == FOREST_SUFFIX:
        forest = load_forest(file, len(FEATURES))
        with _naming(file):
            check_forest_fits(forest, problem)
            trained_on = forest.trained_on
        make = partial(HybridML, forest=forest)
        return SchedulerSpec(name, make, learned=True, trained_on=trained_on)
    saved = load_agent(file)
    settings = saved.settings
    with _naming(file):
        settings.check_fits(problem)
        trained_on = settings.trained_on
    return SchedulerSpec(name, saved.act_in, settings.observe_queues, True, trained_on)


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """Begin the error of a file that is not usable with its name."""
    try:
        yield
    except HybridClusterError as error:
        raise HybridClusterError(f"{file}: {error}") from None
