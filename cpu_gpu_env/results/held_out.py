"""Which episodes went into a model, and whether others are held out from them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from cpu_gpu_env.checks import check_count, check_field
from cpu_gpu_env.errors import HybridClusterError, not_allowed, unknown_name
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.results.provenance import ProblemRecord
from cpu_gpu_env.results.seeds import Purpose
from cpu_gpu_env.results.trace_sketch import SKETCH_SIZE, sketch

TRAINED_ON = "trained_on"
"""Name in the settings of agents and forests, a list of `UsedEpisodes`."""
NOT_RECORDED = "not recorded what it was trained on"
"""What is said of a trained scheduler that does not tell its episodes."""
MAX_SEED = 1 << 96
MAX_RECORDS = 1_000
_PART = re.compile(r"[?&]part=([0-9.]+)-([0-9.]+)(?=[& ]|$)")
"""What `cpu_gpu_env.model.traces.loading` writes into the name of a part of a trace."""


@dataclass(frozen=True)
class UsedEpisodes:
    """Episodes that decided what a model is: it learned from them, or was chosen by them."""

    purpose: str
    """Name of a `Purpose` in small letters."""
    first_seed: int
    """Least seed."""
    last_seed: int
    """Greatest seed."""
    problem: ProblemRecord
    """Whose episodes they are."""
    trace: tuple[int, ...] = ()
    """Sketch of the tasks of a trace, see `trace_sketch`; empty if they are drawn."""

    @staticmethod
    def of(purpose: Purpose, seeds: range, problem: Problem) -> UsedEpisodes:
        """Record the episodes of seeds in a problem."""
        record, trace = ProblemRecord.of(problem), _trace_of(problem)
        return UsedEpisodes(purpose.name.lower(), seeds[0], seeds[-1], record, trace)

    @staticmethod
    def parse(content: Any) -> UsedEpisodes:
        """Check a record as `to_json` wrote it.

        Raises:
            HybridClusterError: If a field is missing or is no such value.
        """
        where = f"field {TRAINED_ON!r}"
        purpose = check_field(where, content, "purpose", str)
        names = [known.name.lower() for known in Purpose]
        if purpose not in names:
            raise unknown_name("purpose of episodes", purpose, names)
        first, last = (
            check_count(f"{where}: field {name!r}", content.get(name), MAX_SEED, low=0)
            for name in ("first_seed", "last_seed")
        )
        try:
            problem = ProblemRecord.from_json(check_field(where, content, "problem", dict))
        except KeyError as error:
            raise HybridClusterError(f"{where}: field {error} of a problem is missing") from None
        except (TypeError, ValueError, OverflowError) as error:
            raise HybridClusterError(f"{where}: not a problem: {error}") from None
        trace = content.get("trace", [])
        if not isinstance(trace, list | tuple) or len(trace) > SKETCH_SIZE:
            allowed = f"a list of at most {SKETCH_SIZE} numbers"
            raise not_allowed(f"{where}: field 'trace'", trace, allowed)
        hashes = (check_count(f"{where}: field 'trace'", h, 2**64, low=0) for h in trace)
        return UsedEpisodes(purpose, first, last, problem, tuple(hashes))

    def to_json(self) -> dict[str, Any]:
        """What JSON holds, by field."""
        return asdict(self)

    def describe(self) -> str:
        """Say in a few words which they are."""
        return f"{self.purpose}, seeds {self.first_seed} to {self.last_seed}"

    def seen(
        self, seeds: Sequence[int], problem: Problem, workload_sha256: str, trace: Sequence[int]
    ) -> str:
        """Say which of the episodes of a problem are among these, or share their tasks.

        Args:
            seeds: One an episode.
            problem: Whose episodes they are. Another cluster or load does not make them others.
            workload_sha256: `ProblemRecord.workload_sha256` of that problem.
            trace: Sketch of the tasks of its trace; empty if they are drawn.

        Returns:
            A few words; empty if there are none.
        """
        same = self.problem.workload_sha256 == workload_sha256
        if problem.workload.in_order:
            # All windows are of one stretch of tasks, whatever seed chooses them.
            shared = same or _share_tasks(self.problem.workload, problem.workload.name)
            shared = shared or not set(self.trace).isdisjoint(trace)
            return f"{self.purpose} on the same tasks of the trace" if shared else ""
        count = sum(self.first_seed <= seed <= self.last_seed for seed in seeds) if same else 0
        return f"{count} of {len(seeds)} episodes: {self.describe()}" if count else ""


def add_used_episodes(used: Sequence[UsedEpisodes], more: UsedEpisodes) -> tuple[UsedEpisodes, ...]:
    """Add a record to others, in one with what is there of the same purpose and problem.

    So the records of a model that learns without end stay few.
    """
    seeds = [more.first_seed, more.last_seed]
    others = []
    for record in used:
        if replace(record, first_seed=more.first_seed, last_seed=more.last_seed) == more:
            seeds += [record.first_seed, record.last_seed]
        else:
            others.append(record)
    return (*others, replace(more, first_seed=min(seeds), last_seed=max(seeds)))


def read_used_episodes(settings: Mapping[str, Any]) -> tuple[UsedEpisodes, ...] | None:
    """Read the record in the settings of a model; None if it has none.

    Raises:
        HybridClusterError: If it is damaged.
    """
    if TRAINED_ON not in settings:
        return None
    records = settings[TRAINED_ON]
    if not isinstance(records, list) or len(records) > MAX_RECORDS:
        allowed = f"a list of at most {MAX_RECORDS} records"
        raise not_allowed(f"field {TRAINED_ON!r}", records, allowed)
    return tuple(UsedEpisodes.parse(record) for record in records)


def seen_in_training(
    used: Sequence[UsedEpisodes] | None, seeds: Sequence[int], problem: Problem
) -> str:
    """Say why episodes are not held out from a trained scheduler.

    Args:
        used: What went into it; None: not known.
        seeds: One an episode.
        problem: Whose episodes they are.

    Returns:
        A few words; empty if none of them went into it.
    """
    if used is None:
        return NOT_RECORDED
    sha256 = ProblemRecord.of(problem).workload_sha256
    trace = _trace_of(problem)
    found = (record.seen(seeds, problem, sha256, trace) for record in used)
    return "; ".join(dict.fromkeys(text for text in found if text))


def _trace_of(problem: Problem) -> tuple[int, ...]:
    """Sketch of the tasks of a trace; empty if they are drawn."""
    return sketch(problem.workload.pool) if problem.workload.in_order else ()


def _share_tasks(trained: str, played: str) -> bool:
    """Whether two workloads are parts of one trace, by their names, that have tasks in common."""
    (file, (low, high)), (other, (other_low, other_high)) = map(_parse_name, (trained, played))
    return file == other and low < other_high and other_low < high


def _parse_name(name: str) -> tuple[str, tuple[float, float]]:
    """Format and file of a trace, and which part of it; all of it, if the name tells none."""
    file = name.partition("?")[0].removesuffix(" (intensity drawn)")
    found = _PART.search(name)
    try:
        return file, (0.0, 1.0) if found is None else (float(found[1]), float(found[2]))
    except ValueError:  # such as 0.7.1
        return file, (0.0, 1.0)
