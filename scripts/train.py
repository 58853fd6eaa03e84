"""Train an agent to schedule."""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.agents.defaults import ALGORITHM_NAMES, DEFAULT_STEPS, NUM_TRAINING_ENVS
from cpu_gpu_env.errors import HybridClusterError, printable
from cpu_gpu_env.io.cache_folder import default_cache
from cpu_gpu_env.io.event_files import EVENT_FILES
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.held_out import TRAINED_ON, UsedEpisodes
from cpu_gpu_env.results.provenance import ProblemRecord, versions_used
from cpu_gpu_env.results.seeds import Purpose, episode_seeds
from cpu_gpu_env.scripts import command, outputs, terminal

if TYPE_CHECKING:
    from cpu_gpu_env.agents.training import TrainingPlan

MAX_STEPS = 1_000_000_000
MAX_ENVS = 65_536


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "train",
        "Train a scheduler with Stable-Baselines3, keeping checkpoints and the best agent by "
        "validation episodes.",
        "--cluster a100-node --observe-queues --output runs/dqn-queues",
    )
    parser.add_env_arguments()
    parser.add_argument("--observe-queues", action="store_true", help="show the agent the queues")
    parser.add_argument(
        "--agent",
        choices=("sb3", "random-forest"),
        default="sb3",
        help="reinforcement learning, or a forest that imitates the oracle",
    )
    parser.add_argument(
        "--algo",
        choices=sorted(ALGORITHM_NAMES),
        default="dqn",
        help="of Stable-Baselines3; sb3-contrib, if installed, adds maskable-ppo and qrdqn",
    )
    parser.add("--steps", command.whole_number(1, MAX_STEPS), DEFAULT_STEPS, "environment steps")
    parser.add(
        "--num-envs", command.whole_number(1, MAX_ENVS), NUM_TRAINING_ENVS, "environments at once"
    )
    parser.add_argument(
        "--also-cluster",
        action="append",
        default=[],
        help="learn this cluster, too; may be repeated",
    )
    parser.add_argument(
        "--also-load", type=command.load, action="append", default=[], help="learn this load, too"
    )
    weights = ", ".join(map(str, command.ENERGY_WEIGHTS))
    parser.add_argument(
        "--condition-on-weight",
        action="store_true",
        help=f"learn the energy weights {weights}, told which it is",
    )
    again = parser.add_mutually_exclusive_group()
    again.add_argument(
        "--resume", action="store_true", help="go on from the checkpoint in the output folder"
    )
    again.add_argument(
        "--overwrite", action="store_true", help="replace the training in the output folder"
    )
    parser.add_seed("seed of the training")
    parser.add("--threads", command.cores, 1, "threads of torch; small nets like one best")
    parser.add("--device", str, "cpu", "where torch trains; nets this small like the CPU best")
    parser.add("--episodes", command.positive, 300, "episodes of the oracle for the forest")
    parser.add_argument(
        "--output",
        type=command.path,
        help="folder to write (default: runs/ and the algorithm, or runs/random-forest)",
    )
    arguments = parser.parse_args(argv)
    if arguments.output is None:
        name = arguments.algo if arguments.agent == "sb3" else arguments.agent
        arguments.output = Path("runs") / name
    return arguments


def folders(arguments: argparse.Namespace) -> dict[Path, tuple[str, ...]]:
    """The folder of the training; of its files, `agents.training.train` knows its own."""
    if arguments.agent != "random-forest":
        return {arguments.output: ()}
    from cpu_gpu_env.baselines.imitation.hybrid_ml import BEST_FOREST

    return {arguments.output: (BEST_FOREST,)}


@command.entry_point(parse_arguments, folders)
def main(arguments: argparse.Namespace) -> int:
    """Train, with a progress bar."""
    if arguments.agent == "random-forest":
        return train_forest(arguments)
    from cpu_gpu_env.agents.training import CHECKPOINT, TRAINING_FILES, TrainingPlan

    plan = TrainingPlan(
        output=arguments.output,
        algo=arguments.algo,
        steps=arguments.steps,
        seed=arguments.seed,
        num_envs=arguments.num_envs,
        observe_queues=arguments.observe_queues,
        problems=problems(arguments),
        threads=arguments.threads,
        device=arguments.device,
    )
    command.check_total("--num-envs", arguments.num_envs, arguments.num_tasks)
    for problem in plan.problems:
        make_problem(**problem)  # bad input is told before the bar appears
    outputs.check_tensorboard(plan.output)
    for name in TRAINING_FILES:
        outputs.check_output(plan.output / name, "file")
    if not arguments.resume:
        whole = (plan.output / CHECKPOINT).exists()
        other = "--resume to go on with it, " if whole else ""
        for name in TRAINING_FILES:
            check_replaces(arguments, plan.output / name, other)
    if arguments.overwrite:
        forget(plan.output)
    return train_agent(plan, arguments.resume)


def forget(output: Path) -> None:
    """Take away what a training in a folder could go on from, and its curves."""
    from cpu_gpu_env.agents.training import CHECKPOINT

    (output / CHECKPOINT).unlink(missing_ok=True)
    for curves in output.glob(EVENT_FILES):
        curves.unlink()


def train_agent(plan: TrainingPlan, resume: bool) -> int:
    """Train an agent by reinforcement, with a progress bar."""
    from cpu_gpu_env.agents.training import train

    with terminal.progress_bar(total=plan.steps, unit="step", desc=f"training {plan.algo}") as bar:
        result = train(
            plan,
            lambda done: bar.update(min(done, plan.steps) - bar.n),
            lambda _, objective: bar.set_postfix(validation_objective=f"{objective:.4f}"),
            resume,
            lambda line: bar.write(line, file=sys.stderr),
        )
    if result.best is not None:
        best = printable(result.best)
        print(f"best agent (validation objective {result.best_objective:.4f}): {best}")
    print(f"last agent: {printable(result.last)}")
    outputs.tell_tensorboard("learning curves", plan.output)
    return command.interrupted() if result.interrupted else 0


def check_replaces(arguments: argparse.Namespace, path: Path, other: str = "") -> None:
    """Check that nothing is lost.

    Raises:
        HybridClusterError: If an earlier training would be.
    """
    if path.exists() and not arguments.overwrite:
        raise HybridClusterError(
            f"{path} is there from an earlier training; allowed: {other}--overwrite to replace "
            "it, or another --output"
        )


def problems(arguments: argparse.Namespace) -> tuple[dict[str, Any], ...]:
    """All combinations of the clusters, loads and energy weights to learn."""
    base = command.env_kwargs(arguments)
    clusters = [arguments.cluster, *arguments.also_cluster]
    loads = [arguments.load, *arguments.also_load]
    on_weights = arguments.condition_on_weight
    weights = command.ENERGY_WEIGHTS if on_weights else (arguments.energy_weight,)
    return tuple(
        {**base, "cluster": cluster, "load": load, "energy_weight": weight}
        for cluster, load, weight in itertools.product(clusters, loads, weights)
    )


def train_forest(arguments: argparse.Namespace) -> int:
    """Let the oracle play, fit a forest to it, and judge the fit on other episodes."""
    from cpu_gpu_env.baselines.imitation import hybrid_ml

    kwargs, path = command.env_kwargs(arguments), arguments.output / hybrid_ml.BEST_FOREST
    command.check_total("--episodes", arguments.episodes, arguments.num_tasks)
    problem = make_problem(**kwargs)
    outputs.check_output(path, "file")
    check_replaces(arguments, path)
    cache = default_cache()
    outputs.check_output(cache)
    num_test = max(1, arguments.episodes // 10)
    fitted = episode_seeds(Purpose.LABELS, arguments.episodes, run=arguments.seed)
    others = episode_seeds(Purpose.FIT, num_test)
    total = arguments.episodes + num_test
    with terminal.progress_bar(total=total, unit="episode", desc="asking the oracle") as bar:
        examples, test = (
            hybrid_ml.imitate_oracle(seeds, kwargs, cache, progress=bar.update)
            for seeds in (fitted, others)
        )
    print(f"fitting {hybrid_ml.NUM_TREES} trees to {len(examples.gpu_fraction):,} tasks")
    settings = {
        "problem": ProblemRecord.of(problem).to_json(),
        "versions": versions_used(),
        "seed": arguments.seed,
        TRAINED_ON: [UsedEpisodes.of(Purpose.LABELS, fitted, problem).to_json()],
    }
    forest = hybrid_ml.fit_forest(examples, arguments.seed, settings=settings)
    r_squared = hybrid_ml.r_squared(forest, test)
    print(f"R² of the oracle's GPU fraction on {num_test} other episodes: {r_squared:.3f}")
    for name, importance in forest.settings["importances"].items():
        print(f"importance of {name}: {importance:.3f}")
    forest.save(path)
    outputs.tell_written(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
