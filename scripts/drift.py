"""Let the problem of a stream drift and go back: what learning online is worth."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import numpy as np

from cpu_gpu_env.baselines.report import tables
from cpu_gpu_env.baselines.report.drawing import write_figure
from cpu_gpu_env.baselines.report.drift_figure import drift_figure
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.results.drifts import BLOCK, MARGIN, PHASES, DriftResult
from cpu_gpu_env.results.gap import plain_json
from cpu_gpu_env.results.metrics import GAP
from cpu_gpu_env.results.provenance import ProblemRecord, versions_used
from cpu_gpu_env.runtime.drift import DRIFTS, MEMORY_BOUND_SHARE, SPEED_UP, drift_phases
from cpu_gpu_env.runtime.records import Phase
from cpu_gpu_env.runtime.stream import STREAM_SEED, EpisodeStream
from cpu_gpu_env.scripts import command, comparing, outputs, terminal

if TYPE_CHECKING:
    from cpu_gpu_env.runtime.lanes import Arrived
    from cpu_gpu_env.runtime.twins import TwinEpisodes

FILES = ("drift.csv", "drift.json", "drift.png", "drift.svg")
SCHEDULERS = "random-forest,dqn-queues,dqn"
SEED_STRIDE = 1_000_000
"""From the first episode of one stream to that of the next seed's."""
MAX_EPISODES = SEED_STRIDE // len(PHASES)
MAX_SEED = 4_000
TITLES = {
    "mix": f"{100 * MEMORY_BOUND_SHARE:g} % memory-bound",
    "arrivals": f"arrivals {SPEED_UP:g} times as fast",
    "gpu": "a GPU less",
}
"""What a figure calls each drift."""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "drift",
        "Let the problem change midway and go back, and compare schedulers that learn online with "
        "their frozen twins on the same episodes: what learning is worth, how soon they recover, "
        "what they have forgotten.",
        "--seeds 0-4 --episodes 192 --output runs/drift",
    )
    parser.add_env_arguments()
    parser.add("--drifts", _names, ",".join(DRIFTS), "kinds of drift, separated by commas")
    parser.add("--schedulers", _names, SCHEDULERS, "schedulers that learn, separated by commas")
    parser.add("--seeds", _seeds, "0-4", "seeds of streams: from-to, or separated by commas")
    parser.add("--episodes", command.whole_number(1, MAX_EPISODES), 192, "episodes of each phase")
    parser.add("--batch", command.positive, 16, "episodes between two steps of learning")
    comparing.add_oracle_arguments(parser)
    parser.add("--output", command.path, "runs/drift", "folder to write")
    return parser.parse_args(argv)


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in text.split(",")))


def _parse_seeds(text: str) -> tuple[int, ...]:
    found: list[int] = []
    for part in text.split(","):
        low, dash, high = part.partition("-")
        last = int(high) if dash else int(low)
        found += range(int(low), min(last, MAX_SEED + 1) + 1)
    return tuple(dict.fromkeys(found))


_seeds = command.argument_type(
    _parse_seeds,
    lambda seeds: bool(seeds) and all(0 <= seed <= MAX_SEED for seed in seeds),
    f"are no seeds from 0 to {MAX_SEED} such as 0-4 or 0,3,7",
)


@command.entry_point(parse_arguments, lambda arguments: {arguments.output: FILES})
def main(arguments: argparse.Namespace) -> int:
    """Play everything, with a progress bar; what is done when Ctrl-C comes is kept."""
    from cpu_gpu_env.runtime.twins import check_twin

    for name in FILES:
        outputs.check_output(arguments.output / name, "file")
    for name in arguments.schedulers:
        check_twin(name)
    episodes, kwargs = arguments.episodes, command.env_kwargs(arguments)
    command.check_total("--episodes", len(PHASES) * episodes, arguments.num_tasks)
    if not arguments.cache.is_dir():  # one that is there may be for reading only
        outputs.check_output(arguments.cache)
    drifts = {kind: drift_phases(kind, kwargs, episodes) for kind in arguments.drifts}
    results, stopped = play_drifts(arguments, drifts)
    if results:
        report(arguments, drifts, results)
    return command.interrupted() if stopped else 0


def play_drifts(
    arguments: argparse.Namespace, drifts: Mapping[str, tuple[Phase, ...]]
) -> tuple[list[DriftResult], bool]:
    """Play all drifts with the first seed, then with the next one.

    Returns:
        A result a drift and scheduler, of the seeds that were done; whether Ctrl-C ended it.
    """
    from cpu_gpu_env.runtime.twins import play_twins

    done: dict[tuple[str, str], dict[int, TwinEpisodes]] = defaultdict(dict)
    each = len(PHASES) * arguments.episodes
    total = len(arguments.seeds) * len(drifts) * (1 + len(arguments.schedulers)) * each
    stopped = False
    with terminal.progress_bar(total=total, unit="episode") as bar:
        try:
            for seed in arguments.seeds:
                for kind, phases in drifts.items():
                    bar.set_description(f"seed {seed}, {kind}: bounding")
                    stream = EpisodeStream(phases, STREAM_SEED + seed * SEED_STRIDE)
                    arrived = solve_stream(stream, arguments, bar)
                    for name in arguments.schedulers:
                        bar.set_description(f"seed {seed}, {kind}: {name}")
                        counted = _counting(arrived, bar)
                        done[kind, name][seed] = play_twins(name, counted, seed)
        except KeyboardInterrupt:
            stopped = True
    order = [(kind, name) for kind in drifts for name in arguments.schedulers]
    return [_stack(*key, done[key]) for key in order if done.get(key)], stopped


def solve_stream(stream: EpisodeStream, arguments: argparse.Namespace, bar: Any) -> list[Arrived]:
    """All episodes of a stream in batches, with the oracle's quick schedules and the bounds.

    Raises:
        HybridClusterError: If the bound of an episode is 0, from which there is no gap.
    """
    from cpu_gpu_env.baselines.oracle.cache import solve_episodes
    from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT
    from cpu_gpu_env.runtime.lanes import Arrived

    batches: list[Arrived] = []
    first = 0
    while (batch := stream.batch(first, arguments.batch)) is not None:
        batches.append(Arrived.of(batch))
        first += len(batch)
    instances = [instance for arrived in batches for instance in arrived.instances]
    solved = solve_episodes(
        instances, arguments.cache, QUICK_EFFORT, arguments.jobs, progress=bar.update
    )
    if min(schedule.bound for schedule in solved) <= 0.0:
        raise HybridClusterError(
            "the certified bound of an episode is 0: energy alone counts, and its tasks need none; "
            "allowed: episodes that cost something"
        )
    schedules = iter(solved)
    return [
        replace(arrived, oracle=[next(schedules) for _ in arrived.instances]) for arrived in batches
    ]


def _counting(batches: Sequence[Arrived], bar: Any) -> Any:
    """Move the progress bar on as batches are asked for."""
    for arrived in batches:
        yield arrived
        bar.update(len(arrived.batch))


def _stack(kind: str, name: str, done: Mapping[int, TwinEpisodes]) -> DriftResult:
    online, frozen, versions = (
        np.stack([getattr(episodes, field) for episodes in done.values()])
        for field in ("online", "frozen", "versions")
    )
    return DriftResult(kind, name, tuple(done), online, frozen, versions)


def report(
    arguments: argparse.Namespace,
    drifts: Mapping[str, tuple[Phase, ...]],
    results: Sequence[DriftResult],
) -> None:
    """Print the table and write the files."""
    first = next(iter(drifts.values()))
    record = ProblemRecord.of(first[0].problem)
    problem = f"{record.cluster}, {record.workload}, {record.num_tasks} tasks"
    phases = f"{arguments.episodes} episodes a phase, {_describe_seeds(results)}"
    notes = [*NOTES, *EpisodeStream(first).notes]
    if first[0].problem.workload.in_order:
        notes.append("all seeds replay the same windows: intervals are over the learning alone")
    terminal.print_tables(
        tables.lay_out(
            make_table(results),
            f"{problem}; {phases}\ngap to the certified bound, online less frozen [points], "
            "± 95 % interval over the seeds",
            notes,
        )
    )
    rows, record_file, *pictures = (arguments.output / name for name in FILES)
    versions = versions_used()
    made_by = {"versions": json.dumps(versions), "command": arguments.command}
    tables.write_rows([{**result.row(), **made_by} for result in results], rows)
    content = plain_json(_record(arguments, drifts, results, versions))
    write_text_atomically(record_file, json.dumps(content, indent=2, allow_nan=False) + "\n")
    title = f"gap to the certified bound: {problem}\nmean and 95 % interval over "
    title += f"{_describe_seeds(results)}, blocks of {BLOCK} episodes; grey: the drift"
    figure = drift_figure(results, TITLES, title)
    for picture in pictures:
        write_figure(figure, picture)
    outputs.tell_written(rows, record_file, *pictures)


NOTES = (
    "settled: second half of the drift",
    f"recovered: episodes of the drift until the difference is within {100 * MARGIN:g} % of the "
    "frozen gap of the settled one",
    "forgotten: first quarter after the drift less last quarter before it",
    "models: that took over on the way, mean over the seeds; 0: nothing that was learned did",
    "each phase has its own units of J and its own bounds, so only gaps compare",
)


_FINE = replace(GAP, digits=2)
"""Twins may differ by little."""


def make_table(results: Sequence[DriftResult]) -> tables.TextTable:
    """A row a drift and scheduler: how its gap differs from its twin's, phase by phase."""
    headings = (
        "drift, scheduler",
        "frozen %",
        *PHASES,
        "settled",
        "recovered",
        "forgotten",
        "models",
    )
    lines = []
    for result in results:
        row = result.row()
        estimates = [result.difference(phase) for phase in PHASES]
        estimates += [result.settled_difference, result.forgotten]
        texts = [_FINE.difference_text(e.mean, e.half_width) for e in estimates]
        lines.append(
            (
                f"{result.kind}, {result.scheduler}",
                _FINE.text(row[f"{GAP.key}_frozen_drift"]),
                *texts[:-1],
                str(result.recovery_episodes),
                texts[-1],
                f"{result.versions.max(axis=1).mean():.1f}",
            )
        )
    return tables.TextTable(headings, tuple(lines))


def _describe_seeds(results: Sequence[DriftResult]) -> str:
    counts = sorted({len(result.seeds) for result in results})
    return f"{' or '.join(map(str, counts))} seed{'s' * (counts != [1])}"


def _record(
    arguments: argparse.Namespace,
    drifts: Mapping[str, tuple[Phase, ...]],
    results: Sequence[DriftResult],
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """What JSON holds: what made it, the rows of the table, and the gap of every episode."""
    problems = {
        kind: {phase.name: ProblemRecord.of(phase.problem).to_json() for phase in phases}
        for kind, phases in drifts.items()
    }
    series = [
        {
            "drift": result.kind,
            "scheduler": result.scheduler,
            "seeds": list(result.seeds),
            "first_episode_seeds": [STREAM_SEED + s * SEED_STRIDE for s in result.seeds],
            "gap_online": result.online.tolist(),
            "gap_frozen": result.frozen.tolist(),
            "model_version": result.versions.tolist(),
        }
        for result in results
    ]
    return {
        "command": arguments.command,
        "versions": dict(versions),
        "batch": arguments.batch,
        "problems": problems,
        "results": [result.row() for result in results],
        "episodes": series,
    }


if __name__ == "__main__":
    sys.exit(main())
