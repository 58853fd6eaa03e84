"""Train the schedulers that come with the package, and write down what they reach."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.agents.pretrained import MODELS, PRETRAINED
from cpu_gpu_env.baselines.imitation.forest import load_forest
from cpu_gpu_env.io.atomic_files import write_bytes_atomically
from cpu_gpu_env.results.held_out import UsedEpisodes
from cpu_gpu_env.results.metrics import GAP, OBJECTIVE
from cpu_gpu_env.results.provenance import Provenance
from cpu_gpu_env.scripts import command, compare, outputs, train

RECIPES: dict[str, tuple[str, ...]] = {
    "dqn": (),
    "dqn-queues": ("--observe-queues",),
    "random-forest": ("--agent", "random-forest"),
}
"""Name -> arguments of train.py."""
PEERS = ("queue-price", "static-price", "myopic", "earliest-finish")
CARD = "MODEL_CARD.md"
FILES = (*PRETRAINED.values(), CARD)

TEXT = Template("""\
# Pretrained schedulers

Made by `$command` on the default problem ($cluster, $workload, $num_tasks tasks at load $load).
Nothing in these files is code: agents are zip files of JSON and safetensors, forests are arrays.

| file | made by |
| --- | --- |
$recipes

## What they were trained on

Episodes of the default problem that each learned from or was chosen by. The files tell it, too, and
`compare.py` says so where it plays one of them.

| file | episodes |
| --- | --- |
$used

## What they reach

$num_episodes $kind episodes (seeds $first_seed to $last_seed), mean ± 95 % interval. The gap is
the objective J over the certified lower bound of the same episode, less 1. The difference is that
of J to $reference in the same episodes.

| scheduler | J | difference | gap [%] |
| --- | ---: | ---: | ---: |
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
    parser = command.Parser(
        "make-pretrained",
        "Train the schedulers that come with the package and compare them. "
        "A training that is done, or was broken off, is gone on with.",
        "--output models",
    )
    parser.add_seed("seed of the trainings")
    parser.add("--episodes", command.positive, 100, "episodes to compare them on")
    parser.add("--steps", command.positive, None, "steps of each training (default: as train)")
    parser.add(
        "--forest-episodes", command.positive, None, "episodes for the forest (default: as train)"
    )
    parser.add("--runs", command.path, "runs/pretrained", "folder of the trainings")
    parser.add_argument(
        "--output",
        type=command.path,
        default=MODELS,
        help="folder to write (default: the one in this package, replacing what ships with it)",
    )
    return parser.parse_args(argv)


def folders(arguments: argparse.Namespace) -> dict[Path, tuple[str, ...]]:
    """The folder of the trainings, and that of what comes of them."""
    return {arguments.runs: (), arguments.output: FILES}


@command.entry_point(parse_arguments, folders)
def main(arguments: argparse.Namespace) -> int:
    """Train, compare, and write files and card."""
    paths = [arguments.output / file for file in FILES]
    for path in paths:
        outputs.check_output(path, "file")
    recipes = {name: _training(name, arguments) for name in RECIPES}
    for recipe in recipes.values():
        code = train.main(recipe)
        if code:
            return code
    best = [(arguments.runs / name / file).with_stem("best") for name, file in PRETRAINED.items()]
    made = [path.read_bytes() for path in best]
    folder = arguments.runs / "comparison"
    words = ["--schedulers", ",".join(PEERS), "--episodes", str(arguments.episodes)]
    for name in RECIPES:
        words += ["--agent", str(arguments.runs / name)]
    code = compare.main([*words, "--output", str(folder)])
    if code:
        return code
    results = json.loads((folder / "comparison.json").read_text())
    used = {name: _trained_on(path) for name, path in zip(PRETRAINED, best, strict=True)}
    card = make_card(results, arguments.command, recipes, used)
    for path, content in zip(paths, (*made, card.encode()), strict=True):
        write_bytes_atomically(path, content)
    outputs.tell_written(*paths)
    return 0


def _training(name: str, arguments: argparse.Namespace) -> list[str]:
    """Arguments of train.py."""
    from cpu_gpu_env.agents.training import CHECKPOINT

    folder = arguments.runs / name
    mode, option, count = "--overwrite", "--episodes", arguments.forest_episodes
    if name != "random-forest":
        mode = "--resume" if (folder / CHECKPOINT).exists() else "--overwrite"
        option, count = "--steps", arguments.steps
    words = [*RECIPES[name], "--seed", str(arguments.seed), "--output", str(folder), mode]
    return words if count is None else [*words, option, str(count)]


def _trained_on(path: Path) -> Sequence[UsedEpisodes]:
    if path.suffix == ".npz":
        return load_forest(path).trained_on or ()
    from cpu_gpu_env.agents.saving import load_agent

    return load_agent(path).settings.trained_on or ()


def make_card(
    results: Mapping[str, Any],
    made_by: str,
    trainings: Mapping[str, list[str]],
    used: Mapping[str, Sequence[UsedEpisodes]],
) -> str:
    """Write the card.

    Args:
        results: What compare.py wrote as JSON.
        made_by: Command line that makes it again.
        trainings: Arguments of train.py, by name.
        used: Episodes that went into each, by name.
    """
    provenance = Provenance.from_json(results["provenance"])
    recipes = []
    for name, words in trainings.items():
        shown = " ".join(word for word in words if word not in ("--resume", "--overwrite"))
        recipes.append(f"| `{PRETRAINED[name]}` | `python scripts/train.py {shown}` |")
    rows = sorted(results["schedulers"], key=lambda row: row[OBJECTIVE.key])
    figures = [f"| {' | '.join((row['scheduler'], *_cells(row)))} |" for row in rows]
    told = [
        f"| `{PRETRAINED[name]}` | {'; '.join(record.describe() for record in records)} |"
        for name, records in used.items()
    ]
    versions = [f"- {name} {version}" for name, version in provenance.versions.items()]
    return TEXT.substitute(
        provenance.problem.to_json(),
        command=made_by,
        kind="held-out" if not provenance.seen_in_training else "played",
        reference=rows[0]["reference"],
        used="\n".join(told),
        recipes="\n".join(recipes),
        num_episodes=len(provenance.seeds),
        first_seed=provenance.seeds[0],
        last_seed=provenance.seeds[-1],
        figures="\n".join(figures),
        versions="\n".join(versions),
    )


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """J, its difference to the reference's, and the gap [%], each with its half-width."""
    j, difference, gap = row[OBJECTIVE.key], row[OBJECTIVE.difference_key], row[GAP.key] * GAP.scale
    return (
        f"{j:.4f} ± {row[OBJECTIVE.ci_key]:.4f}",
        f"{difference:+.4f} ± {row[OBJECTIVE.difference_ci_key]:.4f}",
        f"{gap:.2f} ± {row[GAP.ci_key] * GAP.scale:.2f}",
    )


if __name__ == "__main__":
    sys.exit(main())
