"""Look back on what a results store keeps: runs, schedulers, single decisions."""

from __future__ import annotations

import argparse
import os
import signal
import sys

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.results.metrics import STREAM_METRICS
from cpu_gpu_env.scripts import command

TABLES = ("episodes", "decisions")
METRICS = {metric.key: metric for metric in STREAM_METRICS}
MAX_NUMBER = 2**62
OF_A_RUN = ("compare", "every", "export", "forest", "delete", "episode", "task")
"""Arguments that want something else of a run than to show it; of these only one can be, but for
the last two."""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "history",
        "List the runs of a results store. Of one run: show how its schedulers did and what they "
        "learned, compare it to another, audit decisions, export rows, fit a forest to what the "
        "oracle did, or delete it.",
        "1 --episode 12 --task 7",
    )
    number, run = command.whole_number(0, MAX_NUMBER), command.whole_number(1, 2**31 - 1)
    parser.add_argument("run", nargs="?", type=run, help="number of a run")
    parser.add_store("path of an SQLite file, or URL of PostgreSQL")
    parser.add_argument(
        "--episodes",
        type=command.argument_type(
            _ends, lambda ends: 0 <= ends[0] < ends[1] <= MAX_NUMBER, "is no FIRST-LAST"
        ),
        metavar="FIRST-LAST",
        help="these episodes alone (default: all)",
    )
    parser.add_argument("--schedulers", help="these alone, separated by commas (default: all)")
    parser.add_argument("--reference", help="scheduler to which the others are compared")
    looks = parser.add_argument_group("of a run")
    looks.add_argument("--compare", type=run, metavar="RUN", help="compare it to another run")
    looks.add_argument(
        "--every", type=command.positive, metavar="N", help="show means over each N episodes"
    )
    looks.add_argument(
        "--metric",
        choices=METRICS,
        default="objective",
        metavar="METRIC",
        help=f"of --every: {', '.join(METRICS)}",
    )
    looks.add_argument("--episode", type=number, help="audit the decisions in an episode")
    looks.add_argument(
        "--task",
        type=number,
        help="audit the decisions on one task: number within --episode, or without it the run",
    )
    looks.add_argument(
        "--export", type=command.path, metavar="FILE", help="write rows: *.csv or *.parquet"
    )
    looks.add_argument("--table", choices=TABLES, default="episodes", help="of --export")
    looks.add_argument("--forest", type=command.path, metavar="FILE", help="fit a forest: *.npz")
    parser.add_seed("seed of the fit of --forest")
    looks.add_argument(
        "--delete",
        action="store_const",
        const=True,
        help="delete it with all its rows, for good; asks before (curves of TensorBoard stay)",
    )
    looks.add_argument("--yes", action="store_true", help="--delete without asking")
    arguments = parser.parse_args(argv)
    _check(parser, arguments)
    return arguments


def _ends(text: str) -> tuple[int, int]:
    """Read the numbers of a first and a last episode; return the first and the one after."""
    first, _, last = text.partition("-")
    return int(first), int(last) + 1


def _check(parser: command.Parser, arguments: argparse.Namespace) -> None:
    """Refuse what cannot be done together."""
    given = [name for name in OF_A_RUN if getattr(arguments, name) is not None]
    if given and arguments.run is None:
        parser.error(f"--{given[0]} needs the number of a run")
    if len(given) > 1 and given != ["episode", "task"]:
        parser.error(f"--{given[0]} and --{given[1]} do not go together")
    if arguments.yes and not arguments.delete:
        parser.error("--yes goes with --delete")
    if arguments.episodes is not None and ("task" in given or "episode" in given):
        parser.error(f"--episodes and --{given[0]} do not go together")


@command.entry_point(parse_arguments)
def main(arguments: argparse.Namespace) -> int:
    """Find out what is asked for, and show it."""
    # Importing what reads the store costs time, and is not needed for help.
    from cpu_gpu_env.results.store.reading import open_reader
    from cpu_gpu_env.scripts import stored_deletion, stored_exports, stored_views

    if arguments.run is None and stored_views.is_missing(arguments.store):
        print(
            f"there is no store {arguments.store} yet; {command.invocation('stream')} makes one, "
            f"and so does {command.invocation('compare')} --store"
        )
        return 0
    if arguments.delete:
        return stored_deletion.delete(arguments)
    with open_reader(arguments.store) as reader:
        if arguments.run is None:
            stored_views.list_runs(reader)
        elif arguments.compare is not None:
            stored_views.compare_runs(reader, arguments)
        elif arguments.every is not None:
            stored_views.roll_up(reader, arguments, METRICS[arguments.metric])
        elif arguments.task is not None:
            stored_views.audit_task(reader, arguments)
        elif arguments.episode is not None:
            stored_views.audit_episode(reader, arguments)
        elif arguments.export is not None:
            stored_exports.export(reader, arguments)
        elif arguments.forest is not None:
            stored_exports.fit(reader, arguments)
        else:
            stored_views.show_run(reader, arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
