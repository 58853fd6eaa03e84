"""Draw the schedule that a scheduler makes of one episode."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cpu_gpu_env.baselines import SCHEDULERS, make_scheduler
from cpu_gpu_env.env import HybridClusterEnv
from cpu_gpu_env.scripts.command import (
    add_env_arguments,
    check_output,
    env_kwargs,
    make_parser,
    run,
    seed,
)


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "Draw the Gantt chart of one episode as a PNG.",
        "python scripts/draw_schedule.py --scheduler myopic --num-tasks 60",
    )
    add_env_arguments(parser)
    parser.add_argument("--scheduler", choices=sorted(SCHEDULERS), default="myopic")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the episode")
    parser.add_argument(
        "--output", type=Path, default=Path("runs/schedule.png"), help="file to write"
    )
    return parser.parse_args(argv)


def execute(arguments: argparse.Namespace) -> int:
    """Play the episode and write the picture."""
    from matplotlib.image import imsave

    check_output(arguments.output, "file")
    env = HybridClusterEnv(**env_kwargs(arguments), render_mode="rgb_array")
    scheduler = make_scheduler(arguments.scheduler, env, arguments.seed)
    observation, _ = env.reset(seed=arguments.seed)
    state, terminated = None, False
    while not terminated:
        action, state = scheduler.predict(observation, state)
        observation, _, terminated, _, _ = env.step(int(action))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    imsave(arguments.output, env.render())
    env.close()
    print(f"written: {arguments.output}")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run(execute, parse_arguments(argv))


if __name__ == "__main__":
    sys.exit(main())
