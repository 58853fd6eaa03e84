"""Draw the schedule that a scheduler makes of one episode."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from pathlib import Path

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from tqdm import tqdm

from cpu_gpu_env.atomic_file import write_bytes_atomically
from cpu_gpu_env.baselines import SCHEDULERS, make_scheduler
from cpu_gpu_env.env import HybridClusterEnv
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.scripts.command import (
    add_env_arguments,
    check_output,
    env_kwargs,
    make_parser,
    run,
    seed,
)

MAX_TASKS = 100_000
"""A hundred for each pixel of the width."""


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

    check_output(arguments.output, "file", (".png",))
    if arguments.num_tasks > MAX_TASKS:
        raise HybridClusterError(
            f"num_tasks is {arguments.num_tasks}; allowed in a picture: at most {MAX_TASKS}"
        )
    env = HybridClusterEnv(**env_kwargs(arguments), render_mode="rgb_array")
    scheduler = make_scheduler(arguments.scheduler, env, arguments.seed)
    observation, _ = env.reset(seed=arguments.seed)
    state = None
    for _ in tqdm(range(arguments.num_tasks), unit="task", desc="playing", leave=False):
        action, state = scheduler.predict(observation, state)
        observation, *_ = env.step(int(action))
    picture = io.BytesIO()
    imsave(picture, env.render(), format="png")
    env.close()
    write_bytes_atomically(arguments.output, picture.getvalue())
    print(f"written: {arguments.output}")
    return 0


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return run(execute, parse_arguments(argv))


if __name__ == "__main__":
    sys.exit(main())
