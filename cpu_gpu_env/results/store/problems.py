"""Which problem the episodes of a stored run are of, as its row tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from inspect import signature
from typing import Any

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.model.workload import SYNTHETIC_WORKLOADS
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.provenance import ProblemRecord

PROBLEM_ARGUMENTS = frozenset(signature(make_problem).parameters)
"""Names of the arguments of an environment that define a problem."""


def env_kwargs_of(row: Mapping[str, Any], phase: str) -> dict[str, Any]:
    """Arguments of the environment in a phase of a run.

    Args:
        row: Of the table of runs.
        phase: Name of the phase; empty where there is but one.

    Raises:
        HybridClusterError: If the row does not tell.
    """
    found = _phase(row, phase).get("env_kwargs", row["settings"].get("env_kwargs"))
    if not isinstance(found, Mapping) or not set(found) <= PROBLEM_ARGUMENTS:
        raise HybridClusterError(
            f"run {row['run']}: its settings do not tell the arguments of its environment"
        )
    return dict(found)


def problem_record_of(row: Mapping[str, Any], phase: str) -> Mapping[str, Any] | None:
    """What `ProblemRecord.to_json` gave of the problem of a phase; None: not recorded."""
    own, first = _phase(row, phase), row["settings"].get("env_kwargs")
    found = own.get("problem")
    if found is None and own.get("env_kwargs", first) == first:
        found = row["provenance"].get("problem")
    return found if isinstance(found, Mapping) else None


def problem_key(row: Mapping[str, Any], phase: str) -> str:
    """A text that is the same for two phases of any runs if their problems are."""
    record = problem_record_of(row, phase)
    return json.dumps(record or env_kwargs_of(row, phase), sort_keys=True)


def replays_windows(row: Mapping[str, Any]) -> bool:
    """Whether episodes are the windows of a trace in order, whatever their seeds.

    Streams play traces so; comparisons let the seed choose the window.
    """
    problem = row["provenance"].get("problem")
    workload = problem.get("workload") if isinstance(problem, Mapping) else None
    return row["kind"] == "stream" and str(workload) not in SYNTHETIC_WORKLOADS


def check_unchanged(row: Mapping[str, Any], phase: str, problem: ProblemRecord) -> None:
    """Check that cluster and workload of a phase, whose files may have changed, are what they were.

    Raises:
        HybridClusterError: If not.
    """
    then = problem_record_of(row, phase) or problem.to_json()
    for what in ("cluster", "workload"):
        if then.get(f"{what}_sha256") != getattr(problem, f"{what}_sha256"):
            raise HybridClusterError(
                f"{what} {getattr(problem, what)!r} is not what it was when run {row['run']} was "
                "made: its SHA-256 is another one, so that episodes cannot be played again"
            )


def _phase(row: Mapping[str, Any], phase: str) -> Mapping[str, Any]:
    """What the settings of a run hold of a phase; empty if nothing."""
    phases = row["settings"].get("phases")
    entries = [e for e in phases if isinstance(e, Mapping)] if isinstance(phases, list) else []
    return next((entry for entry in entries if entry.get("name") == phase), {})
