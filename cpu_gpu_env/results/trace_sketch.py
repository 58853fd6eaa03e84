"""Whether two traces have tasks in common, whatever their files are called: by small sketches.

Each run of consecutive tasks is hashed, and the least hashes of a trace are its sketch (Broder, "On
the resemblance and containment of documents", SEQUENCES 1997). A run that is in two traces and
whose hash is small enough to be in both sketches gives them away. Of arrivals only the times
between them count, since each part of a trace begins at 0; runs of much the same tasks do not
count, since logs are full of them.
"""

from __future__ import annotations

import numpy as np

from cpu_gpu_env.model.tasks import Tasks

RUN_TASKS = 8
"""Tasks of a run: enough that equal runs are copies, not chance..."""
MIN_DISTINCT = 4
"""...if so many of them differ."""
SKETCH_SIZE = 256
"""Hashes kept: two traces of n tasks are found out with near certainty by n / 50 common ones."""
_FACTORS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
"""Multipliers of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014)."""


def sketch(tasks: Tasks) -> tuple[int, ...]:
    """Hash a trace: ascending numbers below 2^64, at most `SKETCH_SIZE`."""
    first, second, third = (np.uint64(factor) for factor in _FACTORS)
    # A millisecond of a time is the same wherever a part begins.
    interarrival_ms = np.round(np.diff(tasks.arrival_s, append=tasks.arrival_s[-1:]) * 1e3) + 0.0
    known = tasks.size_flop
    if tasks.measured is not None:
        known = np.sum(list(tasks.measured.time_s.values()), axis=0)
    columns = (known, tasks.memory_bytes, interarrival_ms)
    size, memory, time = (np.array(c, dtype=np.float64).view(np.uint64) for c in columns)
    task = _mixed(size * first + _mixed(memory * second))[:-1]
    if len(task) < RUN_TASKS:
        return ()
    ordered = np.sort(np.lib.stride_tricks.sliding_window_view(task, RUN_TASKS), axis=1)
    distinct = 1 + (ordered[:, 1:] != ordered[:, :-1]).sum(axis=1)
    timed = _mixed(task + _mixed(time[:-1] * third))
    hashes = np.zeros(len(ordered), dtype=np.uint64)
    for column in np.lib.stride_tricks.sliding_window_view(timed, RUN_TASKS).T:
        hashes = hashes * third + column
    return tuple(np.unique(_mixed(hashes[distinct >= MIN_DISTINCT]))[:SKETCH_SIZE].tolist())


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Let every bit of a number change every bit of the result."""
    _, second, third = (np.uint64(factor) for factor in _FACTORS)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * second
    numbers = (numbers ^ (numbers >> np.uint64(27))) * third
    return np.asarray(numbers ^ (numbers >> np.uint64(31)))
