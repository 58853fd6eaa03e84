"""Draw the schedule that a scheduler makes of one episode, as it ends or as it grows."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.baselines import SCHEDULERS, make_scheduler
from cpu_gpu_env.envs.env import HybridClusterEnv
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.atomic_files import write_bytes_atomically
from cpu_gpu_env.results.seeds import Purpose, episode_seeds
from cpu_gpu_env.scripts import command, outputs, terminal

MAX_TASKS = 100_000
"""A hundred for each pixel of the width."""
MAX_FRAMES = 100
"""Of an animation; of longer episodes each shows several tasks more than the one before."""
FRAME_MS, LAST_FRAME_MS = 120, 3_000
"""How long each frame is shown, and the whole schedule before it starts again [ms]."""

Frame = npt.NDArray[np.uint8]


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "draw-schedule",
        "Draw the Gantt chart of one episode as a PNG, and how it grows as a GIF.",
        "--num-tasks 60 --animate runs/schedule.gif",
    )
    parser.add_env_arguments()
    parser.add_argument("--scheduler", choices=sorted(SCHEDULERS), default="myopic")
    parser.add_seed("seed of the episode")
    parser.add("--output", command.path, "runs/schedule.png", "file to write")
    parser.add("--animate", command.path, None, "GIF to write, too: the tasks one by one")
    return parser.parse_args(argv)


@command.entry_point(parse_arguments)
def main(arguments: argparse.Namespace) -> int:
    """Play the episode and write the picture."""
    outputs.check_output(arguments.output, "file", (".png",))
    if arguments.animate is not None:
        outputs.check_output(arguments.animate, "file", (".gif",))
    if arguments.num_tasks > MAX_TASKS:
        raise HybridClusterError(
            f"num_tasks is {arguments.num_tasks}; allowed in a picture: at most {MAX_TASKS}"
        )
    frames = play(arguments)
    write_bytes_atomically(arguments.output, to_png(frames[-1]))
    outputs.tell_written(arguments.output)
    if arguments.animate is not None:
        write_bytes_atomically(arguments.animate, to_gif(frames))
        outputs.tell_written(arguments.animate)
    return 0


def play(arguments: argparse.Namespace) -> list[Frame]:
    """Play the episode: the chart at its end, and before it what an animation shows."""
    env = HybridClusterEnv(**command.env_kwargs(arguments), render_mode="rgb_array")
    own_seed = episode_seeds(Purpose.DECISIONS, 1, run=arguments.seed)[0]
    scheduler = make_scheduler(arguments.scheduler, env, own_seed)
    observation, _ = env.reset(seed=arguments.seed)
    num_tasks, state, frames = arguments.num_tasks, None, []
    tasks_a_frame = -(-num_tasks // MAX_FRAMES)
    tasks = terminal.progress_bar(range(num_tasks), unit="task", desc="playing", leave=False)
    for task in tasks:
        action, state = scheduler.predict(observation, state)
        observation, *_ = env.step(int(action))
        left = num_tasks - 1 - task
        if left == 0 or (arguments.animate is not None and left % tasks_a_frame == 0):
            frames.append(env.render())
    env.close()
    return frames


def to_png(frame: Frame) -> bytes:
    """Encode a picture."""
    from PIL import Image

    encoded = io.BytesIO()
    Image.fromarray(frame).save(encoded, format="png", optimize=True)
    return encoded.getvalue()


def to_gif(frames: Sequence[Frame]) -> bytes:
    """Encode an animation, again and again, with the colours of its last frame."""
    from PIL import Image

    # Median cut would spend the colours on what covers most, and white would not stay white.
    palette = Image.fromarray(frames[-1]).quantize(method=Image.Quantize.MAXCOVERAGE)
    images = [
        Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE)
        for frame in frames
    ]
    encoded = io.BytesIO()
    images[0].save(
        encoded,
        format="gif",
        save_all=True,
        append_images=images[1:],
        duration=[FRAME_MS] * (len(images) - 1) + [LAST_FRAME_MS],
        loop=0,
    )
    return encoded.getvalue()


if __name__ == "__main__":
    sys.exit(main())
