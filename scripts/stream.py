"""Stream tasks through all schedulers without end, keep the results, and go on learning."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.model.profile import resolve_cluster
from cpu_gpu_env.model.traces.loading import resolve_workload
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.records import ORACLE
from cpu_gpu_env.results.store import MAX_SPEED, MIN_SPEED
from cpu_gpu_env.runtime.drift import DRIFTS
from cpu_gpu_env.runtime.stream import END_WITH_STDIN, STREAM_SEED
from cpu_gpu_env.scripts import command, comparing, outputs
from cpu_gpu_env.scripts.compare import ANY_DEVICE

SCHEDULERS = ("round-robin", "random", "greedy", "random-forest", "dqn-queues", ORACLE)
"""The six of the system: round robin, random, greedy, Hybrid ML, the DQN and the oracle."""
ONLINE = ("random-forest-online", "dqn-queues-online")
"""What ``--online`` adds: the twins that learn."""

many = command.whole_number(1, 10**15)
"""Read how many of something there are, of which an endless stream has more than others."""
speed = command.argument_type(
    lambda text: float(text.lower().removesuffix("x")),
    lambda value: MIN_SPEED <= value <= MAX_SPEED,
    "is no speed such as 10x: from 0.001x to 1000000x",
)
"""Read simulated seconds a second."""
price = command.argument_type(
    float, lambda value: 0.0 <= value <= 1e6, "is no price from 0 to 1000000"
)
"""Read the price of a kWh."""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line; ``explicit`` holds what it says in so many words."""
    parser = _make_parser()
    arguments = parser.parse_args(argv)
    for action in parser._actions:
        action.default = argparse.SUPPRESS
    arguments.explicit = vars(parser.parse_args(argv))
    arguments.command = arguments.command.removesuffix(f" {END_WITH_STDIN}")  # nobody else's
    return arguments


def canonical_words(argv: list[str]) -> tuple[str, ...]:
    """Check arguments for another program to start this command with, ``--name=value`` each.

    It ends with an error if one is not valid, or is that program's to give.

    Raises:
        HybridClusterError: If cluster or workload are not to be had.
    """
    arguments = parse_arguments(argv)
    parser = _make_parser()
    for name in ("store", "end_with_stdin"):
        if name in arguments.explicit:
            parser.error(f"--{name.replace('_', '-')} is not for the engine; give it before --")
    resolve_cluster(arguments.cluster)
    resolve_workload(arguments.workload)
    for action in parser._actions:
        action.type, action.choices, action.default = None, None, argparse.SUPPRESS
    texts = vars(parser.parse_args(argv))
    del texts["command"]
    words = []
    for name, value in texts.items():
        option = f"--{name.replace('_', '-')}"
        values = value if isinstance(value, list) else [value]
        words += [option if text is True else f"{option}={text}" for text in values]
    return tuple(words)


def _make_parser() -> command.Parser:
    parser = command.Parser(
        "stream",
        "Stream tasks through all schedulers without end, each on a copy of the cluster of its "
        "own; keep the results, and let models go on learning.",
        "--episodes 100 --online --quick-oracle",
    )
    parser.add_env_arguments()
    parser.add_argument(
        "--schedulers",
        default=",".join(SCHEDULERS),
        help="names, separated by commas: those of compare.py, 'oracle', and those that learn: "
        "random-forest-online, dqn-online, dqn-queues-online",
    )
    comparing.add_agent_argument(parser)
    parser.add_argument(
        "--online", action="store_true", help=f"let {' and '.join(ONLINE)} take part, too"
    )
    ends = parser.add_mutually_exclusive_group()
    ends.add_argument("--tasks", type=many, help="end after so many tasks, at the least")
    ends.add_argument("--episodes", type=many, help="end after so many episodes")
    parser.add_argument(
        "--speed",
        type=speed,
        help="pace in simulated time, such as 10x (default: as fast as it goes)",
    )
    parser.add_argument(
        "--bound",
        choices=("certified", ANY_DEVICE, "none"),
        default="certified",
        help="as in compare.py; 'none' leaves out the oracle and the gaps, for speed",
    )
    parser.add_argument(
        "--quick-oracle", action="store_true", help="let the oracle search for a tenth of the time"
    )
    parser.add_argument("--drift", choices=DRIFTS, help="change the problem midway")
    parser.add("--drift-episodes", command.positive, 200, "episodes before, and in, the drift")
    parser.add("--window", command.whole_number(1, 100_000), 100, "episodes of the sliding window")
    parser.add_argument("--electricity-price", type=price, help="of a kWh")
    parser.add_seed("seed of the first episode", STREAM_SEED)
    parser.add_store("file or URL of the results; or 'none'")
    parser.add("--keep-decisions", many, 1_000_000, "decisions kept of each scheduler")
    parser.add_argument("--resume", type=command.positive, help="go on with this run of the store")
    parser.add(
        "--jobs",
        lambda text: -1 if text == "-1" else command.cores(text),
        -1,
        "processes of the oracle; -1: all cores",
    )
    parser.add("--output", command.path, "runs/stream", "folder of TensorBoard's curves")
    parser.add_argument(
        END_WITH_STDIN,
        action="store_true",
        help="end with what is at the other end of standard input: a program that starts this one",
    )
    return parser


def scheduler_names(
    arguments: argparse.Namespace, default: Sequence[str] = SCHEDULERS
) -> tuple[str, ...]:
    """Who takes part, by default these; without bounds, the oracle only if it was asked for."""
    names = default
    if "schedulers" in arguments.explicit:
        names = arguments.schedulers.split(",")
    elif arguments.bound == "none":
        names = [name for name in names if name != ORACLE]
    more = ONLINE if arguments.online else ()
    return tuple(dict.fromkeys(name.strip() for name in (*names, *more)))


def _wait_for_end_of_input() -> None:
    """In a thread: when standard input ends, end as at SIGTERM; nobody reads what we write then."""
    with suppress(OSError):  # it was closed to begin with
        while os.read(0, 4096):
            pass
    command.close_pipes()
    os.kill(os.getpid(), signal.SIGTERM)


@command.entry_point(parse_arguments, lambda arguments: {arguments.output: ()})
def main(arguments: argparse.Namespace) -> int:
    """Stream until the end, or Ctrl-C."""
    if arguments.end_with_stdin:
        threading.Thread(target=_wait_for_end_of_input, daemon=True).start()
    outputs.check_tensorboard(arguments.output)
    if arguments.resume is None:
        make_problem(**command.env_kwargs(arguments))  # complaints before the libraries load
    from cpu_gpu_env.scripts.streaming import Stream

    with Stream(arguments) as stream:
        stream.tell_begin()
        stream.run()
    stream.tell_results()
    return command.interrupted() if stream.interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
