"""What a drift did to a scheduler that goes on learning, and to its twin that does not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.estimate import Estimate
from cpu_gpu_env.results.metrics import GAP

PHASES = ("before", "drift", "back")
"""Names of the phases of a drift, in order."""
BLOCK = 16
"""Episodes that are averaged where the gap is followed over the stream."""
MARGIN = 0.05
"""A scheduler has recovered when it is this near to its level: a part of its twin's gap."""


@dataclass(frozen=True, eq=False)
class DriftResult:
    """The gaps of a scheduler that learns online and of its frozen twin, in the same episodes.

    The gap is the regret to the certified bound as a part of that bound. The phases of a drift are
    problems with units of J of their own, so gaps compare, and objectives do not. Episodes differ
    far more than the twins do: what learning is worth is the mean of paired differences.
    """

    kind: str
    """Of the drift."""
    scheduler: str
    """Name of the scheduler."""
    seeds: tuple[int, ...]
    """Seeds of the streams and of the learning."""
    online: FloatArray
    """(seeds, episodes): gap of the one that learns; as many episodes of each phase."""
    frozen: FloatArray
    """(seeds, episodes): gap of the other."""
    versions: npt.NDArray[np.int64]
    """(seeds, episodes): version of the model that played online; 0: the frozen twin's."""

    @property
    def episodes_each(self) -> int:
        """Episodes of a phase."""
        return int(self.online.shape[1]) // len(PHASES)

    @cached_property
    def differences(self) -> FloatArray:
        """(seeds, phases, episodes of a phase): online less frozen; below 0 where learning pays."""
        return (self.online - self.frozen).reshape(len(self.seeds), len(PHASES), -1)

    def difference(self, phase: str) -> Estimate:
        """Mean difference in a phase, with an interval over the seeds."""
        return Estimate.of(self.differences[:, PHASES.index(phase)].mean(axis=1))

    @property
    def settled_difference(self) -> Estimate:
        """Mean difference in the second half of the drift, with an interval over the seeds."""
        return Estimate.of(self.differences[:, 1, self.episodes_each // 2 :].mean(axis=1))

    @property
    def recovery_episodes(self) -> int:
        """Episodes of the drift until the scheduler is back at its level.

        Its level is the mean difference to its twin in the second half of the drift, which leaves
        out how hard single episodes are. It is back in the first block of `BLOCK` episodes whose
        mean difference, over all seeds, exceeds that by no more than `MARGIN` times the mean gap of
        the twin in the drift; 0: it never was away.
        """
        drift = self.differences[:, 1]
        blocks = block_means(drift).mean(axis=0)
        twin = self.frozen[:, self.episodes_each : 2 * self.episodes_each]
        level = self.settled_difference.mean + MARGIN * float(twin.mean())
        # Some block of the second half is no greater than the mean of that half, but for blocks
        # that reach over its ends.
        back = np.flatnonzero(blocks <= level)
        return int(back[0]) * BLOCK if len(back) else self.episodes_each

    @property
    def forgotten(self) -> Estimate:
        """How much worse it is after the drift than before it, with an interval over the seeds.

        The mean difference in the first quarter of the phase after, less that in the last quarter
        of the phase before.
        """
        few = max(self.episodes_each // 4, 1)
        before, after = self.differences[:, 0, -few:], self.differences[:, 2, :few]
        return Estimate.of(after.mean(axis=1) - before.mean(axis=1))

    def row(self) -> dict[str, Any]:
        """A flat record: means, differences with half-widths, recovery, what was forgotten."""
        row: dict[str, Any] = {
            "drift": self.kind,
            "scheduler": self.scheduler,
            "seeds": len(self.seeds),
            "episodes_each": self.episodes_each,
        }
        each = self.episodes_each
        for index, phase in enumerate(PHASES):
            part = slice(index * each, (index + 1) * each)
            row[f"{GAP.key}_online_{phase}"] = float(self.online[:, part].mean())
            row[f"{GAP.key}_frozen_{phase}"] = float(self.frozen[:, part].mean())
            _put(row, f"{GAP.difference_key}_{phase}", self.difference(phase))
        _put(row, f"{GAP.difference_key}_settled", self.settled_difference)
        row["recovery_episodes"] = self.recovery_episodes
        _put(row, "forgotten", self.forgotten)
        row["models"] = float(self.versions[:, -1].mean())
        return row


def _put(row: dict[str, Any], key: str, estimate: Estimate) -> None:
    row[key], row[f"{key}_ci95"] = estimate.mean, estimate.half_width


def block_means(values: FloatArray) -> FloatArray:
    """Means of blocks of `BLOCK` along the last axis; the last block may be shorter."""
    edges = np.arange(0, values.shape[-1], BLOCK)
    counts = np.diff(edges, append=values.shape[-1])
    return np.asarray(np.add.reduceat(values, edges, axis=-1) / counts)
