"""Train the schedulers that come with the package, and write down what they reach."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.agents.pretrained import MODELS, PRETRAINED
from cpu_gpu_env.io.atomic_files import write_bytes_atomically, write_text_atomically
from cpu_gpu_env.results.metrics import GAP, OBJECTIVE
from cpu_gpu_env.results.provenance import Provenance
from cpu_gpu_env.scripts import compare, train
from cpu_gpu_env.scripts.command import (
    check_output,
    command_line,
    entry_point,
    make_parser,
    positive,
    seed,
)

RECIPES: dict[str, tuple[str, ...]] = {
    "dqn": (),
    "dqn-queues": ("--observe-queues",),
    "random-forest": ("--agent", "random-forest"),
}
"""Name -> arguments of train.py."""
PEERS = ("queue-price", "static-price", "myopic", "earliest-finish")
CARD = "MODEL_CARD.md"

TEXT = Template("""\
# Pretrained schedulers

Made by `$command` on the default problem ($cluster, $workload, $num_tasks tasks at load $load).
Nothing in these files is code: agents are zip files of JSON and safetensors, forests are arrays.

| file | made by |
| --- | --- |
$recipes

## What they reach

$num_episodes held-out episodes (seeds $first_seed to $last_seed), mean ± 95 % interval. The gap is
the objective J over the certified lower bound of the same episode, less 1. The best of each
training was chosen by other episodes.

| scheduler | J | gap [%] |
| --- | ---: | ---: |
$figures

## Use and limits

`python scripts/compare.py` takes them by itself, `load_agent("dqn-queues")` and `--schedulers
dqn-queues` by name. They choose among the GPU fractions 0, 0.2, 0.4, 0.6, 0.8 and 1. They act on
any cluster and workload, but were trained on this one alone: elsewhere, compare them with
queue-price before you trust them, or train your own.

## Versions

$versions
""")


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser(
        "make-pretrained",
        "Train the schedulers that come with the package and compare them on held-out episodes. "
        "A training that is done, or was broken off, is gone on with.",
        "--output models",
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed of the trainings")
    parser.add_argument("--episodes", type=positive, default=100, help="held-out episodes")
    parser.add_argument("--steps", type=positive, help="steps of each training (default: as train)")
    parser.add_argument(
        "--forest-episodes", type=positive, help="episodes for the forest (default: as train)"
    )
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/pretrained"), help="folder of the trainings"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=MODELS,
        help="folder to write (default: the one in this package, replacing what ships with it)",
    )
    arguments = parser.parse_args(argv)
    arguments.command = command_line("make-pretrained", argv)
    return arguments


def execute(arguments: argparse.Namespace) -> int:
    """Train, compare, and write files and card."""
    for file in (*PRETRAINED.values(), CARD):
        check_output(arguments.output / file, "file")
    for name in RECIPES:
        code = train.main(_training(name, arguments))
        if code:
            return code
    made = {name: _made(name, arguments.runs).read_bytes() for name in RECIPES}
    folder = arguments.runs / "comparison"
    words = ["--schedulers", ",".join(PEERS), "--episodes", str(arguments.episodes)]
    for name in RECIPES:
        words += ["--agent", str(arguments.runs / name)]
    code = compare.main([*words, "--output", str(folder)])
    if code:
        return code
    for name, content in made.items():
        write_bytes_atomically(arguments.output / PRETRAINED[name], content)
    results = json.loads((folder / "comparison.json").read_text())
    recipes = {name: _training(name, arguments) for name in RECIPES}
    card = make_card(results, arguments.command, recipes)
    write_text_atomically(arguments.output / CARD, card)
    for file in (*PRETRAINED.values(), CARD):
        print(f"written: {arguments.output / file}")
    return 0


def _training(name: str, arguments: argparse.Namespace) -> list[str]:
    """Arguments of train.py."""
    from cpu_gpu_env.agents.training import CHECKPOINT

    folder = arguments.runs / name
    words = [*RECIPES[name], "--seed", str(arguments.seed), "--output", str(folder)]
    if name == "random-forest":
        return [*words, "--overwrite", *_option("--episodes", arguments.forest_episodes)]
    words.append("--resume" if (folder / CHECKPOINT).exists() else "--overwrite")
    return words + _option("--steps", arguments.steps)


def _option(name: str, value: int | None) -> list[str]:
    return [] if value is None else [name, str(value)]


def _made(name: str, runs: Path) -> Path:
    from cpu_gpu_env.agents.saving import BEST_AGENT
    from cpu_gpu_env.baselines.imitation.hybrid_ml import BEST_FOREST

    return runs / name / (BEST_FOREST if name == "random-forest" else BEST_AGENT)


def make_card(results: Mapping[str, Any], command: str, trainings: Mapping[str, list[str]]) -> str:
    """Write the card from the results of a comparison.

    Args:
        results: What compare.py wrote as JSON.
        command: What made it all.
        trainings: Name -> arguments of train.py.
    """
    provenance = Provenance.from_json(results["provenance"])
    problem, seeds = provenance.problem, provenance.seeds
    recipes = []
    for name, words in trainings.items():
        shown = " ".join(word for word in words if word not in ("--resume", "--overwrite"))
        recipes.append(f"| `{PRETRAINED[name]}` | `python scripts/train.py {shown}` |")
    figures = [
        f"| {row['scheduler']} | {row[OBJECTIVE.key]:.4f} ± {row[OBJECTIVE.ci_key]:.4f} "
        f"| {row[GAP.key] * GAP.scale:.2f} ± {row[GAP.ci_key] * GAP.scale:.2f} |"
        for row in sorted(results["schedulers"], key=lambda row: row[OBJECTIVE.key])
    ]
    versions = [f"- {name} {version}" for name, version in provenance.versions.items()]
    return TEXT.substitute(
        command=command,
        cluster=problem.cluster,
        workload=problem.workload,
        num_tasks=problem.num_tasks,
        load=problem.load,
        recipes="\n".join(recipes),
        num_episodes=len(seeds),
        first_seed=seeds[0],
        last_seed=seeds[-1],
        figures="\n".join(figures),
        versions="\n".join(versions),
    )


main = entry_point(parse_arguments, execute)

if __name__ == "__main__":
    sys.exit(main())
