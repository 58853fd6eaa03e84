"""Train an agent to schedule."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from tqdm import tqdm

from cpu_gpu_env.agents.algorithms import ALGORITHMS, NUM_TRAINING_ENVS
from cpu_gpu_env.agents.training import TrainingPlan, train
from cpu_gpu_env.problem import make_problem
from cpu_gpu_env.scripts.command import (
    add_env_arguments,
    check_output,
    env_kwargs,
    interrupted,
    make_parser,
    positive,
    run,
    seed,
)


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "Train a scheduler with Stable-Baselines3, keeping checkpoints and the best agent by "
        "held-out episodes.",
        "python scripts/train.py --cluster a100-node --steps 100000 --output runs/dqn",
    )
    add_env_arguments(parser)
    parser.add_argument("--observe-queues", action="store_true", help="show the agent the queues")
    parser.add_argument("--algo", choices=sorted(ALGORITHMS), default="dqn", help="algorithm")
    parser.add_argument("--steps", type=positive, default=60_000, help="environment steps")
    parser.add_argument(
        "--num-envs", type=positive, default=NUM_TRAINING_ENVS, help="environments at once"
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed of the training")
    parser.add_argument(
        "--threads", type=positive, default=1, help="threads of torch; small nets like one best"
    )
    parser.add_argument("--output", type=Path, default=Path("runs/dqn"), help="folder to write")
    return parser.parse_args(argv)


def execute(arguments: argparse.Namespace) -> int:
    """Train, with a progress bar."""
    check_output(arguments.output)
    torch.set_num_threads(arguments.threads)
    plan = TrainingPlan(
        output=arguments.output,
        algo=arguments.algo,
        steps=arguments.steps,
        seed=arguments.seed,
        num_envs=arguments.num_envs,
        env_kwargs={**env_kwargs(arguments), "observe_queues": arguments.observe_queues},
    )
    make_problem(**env_kwargs(arguments))  # bad input is told before the bar appears
    with tqdm(total=arguments.steps, unit="step", desc=f"training {arguments.algo}") as bar:

        def progress(steps: int) -> None:
            bar.update(min(steps, arguments.steps) - bar.n)

        def report(steps: int, objective: float) -> None:
            bar.set_postfix(heldout_objective=f"{objective:.4f}")

        result = train(plan, progress, report)
    if result.best is not None:
        print(f"best agent (held-out objective {result.best_objective:.4f}): {result.best}")
    print(f"last agent: {result.last}")
    print(f"learning curves: tensorboard --logdir {arguments.output}")
    return interrupted() if result.interrupted else 0


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run(execute, parse_arguments(argv))


if __name__ == "__main__":
    sys.exit(main())
