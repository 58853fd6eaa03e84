"""What schedulers achieved: by episode, summed up, and compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results import metrics
from cpu_gpu_env.results.estimate import Estimate
from cpu_gpu_env.results.metrics import OBJECTIVE, Metric
from cpu_gpu_env.results.provenance import Provenance

ORACLE = "oracle"
"""Name of the oracle in the tables; it sees the whole stream."""
USUAL_REFERENCE = "queue-price"
"""To whom others are compared where it takes part: the best heuristic on most problems."""


@dataclass(frozen=True, eq=False)
class EpisodeResults:
    """What a scheduler achieved, one value an episode."""

    seeds: tuple[int, ...]
    """Seed of each episode."""
    actions: npt.NDArray[np.int64]
    """(n, num_tasks)."""
    values: Mapping[Metric, FloatArray]
    """(n,) of each metric, in the order of CSV and JSON; the gap only where there are bounds."""

    def __getitem__(self, metric: Metric) -> FloatArray:
        """Values of a metric, (n,)."""
        return self.values[metric]

    @property
    def objective(self) -> FloatArray:
        """(n,): J."""
        return self[metrics.OBJECTIVE]

    @property
    def makespan_s(self) -> FloatArray:
        """(n,) [s]."""
        return self[metrics.MAKESPAN]

    @property
    def energy_j(self) -> FloatArray:
        """(n,) [J], idle power included."""
        return self[metrics.ENERGY]

    @property
    def gap(self) -> FloatArray | None:
        """(n,): see `gap_to_bound`; None without bounds."""
        return self.values.get(metrics.GAP)


@dataclass(frozen=True, eq=False)
class SchedulerResult:
    """What one scheduler achieved."""

    name: str
    """Name in the tables."""
    episodes: EpisodeResults
    """Its episodes."""
    decision_s: FloatArray
    """Wall-clock times of single decisions, looking up the state not counted [s]; empty for the
    oracle, which plans ahead."""
    learned: bool = False
    """Whether it was trained."""

    def estimate(self, metric: Metric) -> Estimate:
        """Mean of a metric over the episodes; of a percentile of decision times no interval."""
        for percent, timed in metrics.DECISION_METRICS.items():
            if metric is timed:
                return Estimate(self.decision_percentile_s(percent), float("nan"))
        return Estimate.of(self.episodes[metric])

    def decision_percentile_s(self, percent: float) -> float:
        """Percentile of the decision times [s]; nan if there are none."""
        times_s = self.decision_s
        return float(np.percentile(times_s, percent)) if len(times_s) else float("nan")

    def differences(self, metric: Metric, reference: SchedulerResult) -> FloatArray:
        """Differences of a metric to another scheduler's in the same episodes, (n,).

        They are nan where both are infinite, as gaps to a bound of 0 are.
        """
        with np.errstate(invalid="ignore"):
            return self.episodes[metric] - reference.episodes[metric]

    def difference(self, metric: Metric, reference: SchedulerResult) -> Estimate:
        """Mean of `differences`."""
        return Estimate.of(self.differences(metric, reference))

    def row(self, reference: SchedulerResult) -> dict[str, Any]:
        """A flat record: means, differences to a reference, half-widths, decision times."""
        row: dict[str, Any] = {"scheduler": self.name, "episodes": len(self.episodes.seeds)}
        row["reference"] = reference.name
        for metric in self.episodes.values:
            estimate, difference = self.estimate(metric), self.difference(metric, reference)
            row[metric.key], row[metric.ci_key] = estimate.mean, estimate.half_width
            row[metric.difference_key] = difference.mean
            row[metric.difference_ci_key] = difference.half_width
        if self.episodes.gap is not None:
            row["gap_median"] = float(np.median(self.episodes.gap))
        for percent, metric in metrics.DECISION_METRICS.items():
            row[metric.key] = self.decision_percentile_s(percent)
        return row


@dataclass(frozen=True)
class Comparison:
    """The results of all schedulers, the best first, and what made them."""

    results: tuple[SchedulerResult, ...]
    """In ascending order of the mean objective."""
    provenance: Provenance
    """Problem with hashes, seeds, versions and command."""
    reference: SchedulerResult
    """One of the results, to which those of the others are also given as differences."""
    bounds: FloatArray | None = None
    """(n,): certified lower bound of the objective of each episode; None: made without."""

    @property
    def oracle(self) -> SchedulerResult | None:
        """The oracle's result; None without bounds."""
        named = (result for result in self.results if result.name == ORACLE)
        return None if self.bounds is None else next(named, None)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What the episodes have, in the order of the tables."""
        return tuple(m for m in metrics.EPISODE_METRICS if m in self.results[0].episodes.values)

    def wins(self) -> FloatArray:
        """Share of the episodes in which the row's scheduler beats the column's, (n, n)."""
        objective = np.stack([result.episodes.objective for result in self.results])
        return np.asarray(OBJECTIVE.beats(objective[:, None], objective[None]).mean(axis=2))

    def rows(self) -> list[dict[str, Any]]:
        """One flat record a scheduler, see `SchedulerResult.row`."""
        seen = self.provenance.seen_in_training
        return [
            {**result.row(self.reference), "seen_in_training": seen.get(result.name, "")}
            for result in self.results
        ]


def choose_reference(results: Sequence[SchedulerResult]) -> SchedulerResult:
    """Choose to whom the others are compared, unless told: one that neither learned nor foresees.

    That is `USUAL_REFERENCE`; if it is not there, the best such; if there is none, the best that
    does not foresee.

    Args:
        results: The best first.
    """
    others = [result for result in results if result.name != ORACLE] or list(results)
    fixed = [result for result in others if not result.learned] or others[:1]
    return next((result for result in fixed if result.name == USUAL_REFERENCE), fixed[0])
