"""Whether a machine was too noisy for its times to be trusted, and what was noisy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cpu_gpu_env.profiler.fit import relative_differences
from cpu_gpu_env.profiler.machine_state import CLEARLY
from cpu_gpu_env.profiler.samples import Sample
from cpu_gpu_env.profiler.stopwatch import QUIET

MAX_DISTURBED = 0.1
"""Share of disturbed kernels, or of CPU time that others take, above which a machine is noisy."""
MAX_DIFFERENCE = 0.1
"""Relative difference of a parameter between two fits above which a machine is noisy."""
MAX_MISS = 0.15
"""Median error of a fit on its own kernels above which a machine is noisy (quiet ones: 0.05 to
0.09)."""
MADE_ALIKE = ("host", "host_cpu", "logical_cpus", "threads", "effort", "torch")
"""What two profiles must share to be expected to agree."""


@dataclass(frozen=True)
class Noise:
    """What is known of the noise during a measurement."""

    disturbed_share: float
    """Share of the kernels whose rounds do not agree."""
    used_by_others: float | None
    """Share of the CPU time that other programs took; None if unknown. A steady load of theirs
    disturbs every round alike, so only this tells."""
    doubts: Sequence[str] = ()
    """What else makes another measurement likely to differ, in words."""

    @property
    def is_noisy(self) -> bool:
        """Whether times are not to be trusted."""
        worst = max(self.disturbed_share, self.used_by_others or 0.0)
        return worst > MAX_DISTURBED or bool(self.doubts)

    @property
    def advice(self) -> str:
        """What to do about it."""
        if (self.used_by_others or 0.0) > MAX_DISTURBED / 2:
            return (
                "measure again with nothing else running, or with --threads 1, which is timed in "
                "CPU time"
            )
        return "measure again, and not with --quick, or take it as less precise"

    def __str__(self) -> str:
        words = [f"{self.disturbed_share:.0%} of the kernels were disturbed"]
        if self.used_by_others is not None:
            words.append(f"other programs used {self.used_by_others:.0%} of the CPUs")
        return f"the machine was noisy: {', '.join((*words, *self.doubts))}"


def disturbed_share(samples: Sequence[Sample]) -> float:
    """Share of the kernels whose rounds do not agree, or of which less than two rounds count."""
    disturbed = [sample.disturbance > QUIET for sample in samples]
    return round(sum(disturbed) / len(disturbed), 3) if disturbed else 0.0


def doubts_about(entry: Mapping[str, Any]) -> list[str]:
    """Say what makes another measurement of a device likely to differ."""
    raw = entry["raw"]
    differences = raw["fit"]["repeatability"]
    words = disagreements(entry["name"], differences, "between the two halves of the rounds")
    missed = raw["fit"]["errors"]["median"]
    if missed > MAX_MISS:
        words.append(f"the fit misses the kernels of {entry['name']} by {missed:.0%} in the median")
    share = raw["state"]["share"]
    if share < CLEARLY:
        words.append(f"{entry['name']} was in another state for {1 - share:.0%} of the time")
    return words


def disagreements(device: str, differences: Mapping[str, float], between: str) -> list[str]:
    """Say which parameters of a device differ too much, in relative terms, between two fits."""
    return [
        f"{parameter} of {device} differs by {apart:.0%} {between}"
        for parameter, apart in differences.items()
        if apart > MAX_DIFFERENCE
    ]


def disagreements_with_earlier(
    earlier: Any, entries: Sequence[Mapping[str, Any]], made_by: Mapping[str, Any]
) -> list[str]:
    """Say what differs too much from an earlier profile of this machine.

    Nothing if the earlier profile was noisy itself, not made in the same way (`MADE_ALIKE`), or is
    damaged; only figures that both measured are compared. `entries` are the devices of the new
    profile, and `made_by` is its ``measurement``.
    """
    try:
        then = earlier["measurement"]
        if then["noisy"] or any(then[field] != made_by[field] for field in MADE_ALIKE):
            return []
        where = f"from the profile of {datetime.fromisoformat(then['date']).isoformat()}"
        devices = {entry["name"]: entry for entry in earlier["devices"] if "raw" in entry}
        words = []
        for now in entries:
            if before := devices.get(now["name"]):
                names = now["raw"]["fit"]["repeatability"]
                pairs = {name: (before[name]["value"], now[name]["value"]) for name in names}
                words += disagreements(now["name"], relative_differences(pairs), where)
        return words
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return []
