"""What history.py writes: rows as CSV or Parquet, and forests."""

from __future__ import annotations

import argparse

from cpu_gpu_env.baselines.imitation import hybrid_ml
from cpu_gpu_env.results.held_out import TRAINED_ON
from cpu_gpu_env.results.provenance import versions_used
from cpu_gpu_env.results.store.export import SUFFIXES, export_rows
from cpu_gpu_env.results.store.reading import StoreReader
from cpu_gpu_env.results.store.tables import decisions, episodes
from cpu_gpu_env.runtime.stored_examples import stored_examples
from cpu_gpu_env.scripts import outputs, terminal
from cpu_gpu_env.scripts.stored_views import chosen, ends


def export(reader: StoreReader, arguments: argparse.Namespace) -> None:
    """Write episodes or decisions of a run, with a progress bar."""
    path, run = arguments.export, arguments.run
    outputs.check_output(path, "file", SUFFIXES)
    names, (first, end) = chosen(reader, run, arguments.schedulers), ends(arguments)
    table = episodes if arguments.table == "episodes" else decisions
    if table is decisions and arguments.episodes is not None:
        first, end = reader.span(run, first).start, reader.span(run, end - 1).stop
    total = sum(reader.count(table, run, name, first, end) for name in names)
    with terminal.progress_bar(total=total, unit="row", unit_scale=True, desc="exporting") as bar:
        rows = export_rows(reader, table, run, path, names, first, end, bar.update)
    print(f"{rows:,} {table.name} of run {run}")
    outputs.tell_written(path)


def fit(reader: StoreReader, arguments: argparse.Namespace) -> None:
    """Fit a forest to what the oracle did in a run, and write it."""
    path, seed = arguments.forest, arguments.seed
    outputs.check_output(path, "file", (".npz",))
    found = stored_examples(reader, arguments.run, *ends(arguments))
    tasks = len(found.examples.gpu_fraction)
    print(f"fitting {hybrid_ml.NUM_TREES} trees to {tasks:,} tasks of {found.episodes:,} episodes")
    settings = {
        "problem": found.problem.to_json(),
        "versions": versions_used(),
        "seed": seed,
        TRAINED_ON: [used.to_json() for used in found.trained_on],
    }
    forest = hybrid_ml.fit_forest(found.examples, seed, settings=settings)
    for name, importance in forest.settings["importances"].items():
        print(f"importance of {name}: {importance:.3f}")
    forest.save(path)
    outputs.tell_written(path)
