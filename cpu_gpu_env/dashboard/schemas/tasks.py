"""Answers about single tasks and what was decided on them."""

from __future__ import annotations

from typing import Literal

from cpu_gpu_env.dashboard.schemas.base import Answer, Number, Numbers


class Share(Answer):
    """A part of a task on a device."""

    device: int
    """Index into `RunDetail.devices`: CPUs first, `RunDetail.num_cpus` of them."""
    start_s: float
    finish_s: float


class DecisionRow(Answer):
    """What was decided on a task, and what became of it."""

    sequence: int
    """Number of the task within the run."""
    episode: int
    task: int
    """Number of the task within the episode."""
    arrival_s: float
    size_flop: float | None
    """null: the times of the task were measured, and tell no work."""
    intensity_flop_per_byte: float | None
    memory_bytes: float
    pool_row: int | None
    """Which row of the workload's pool it is; null: none, or not known."""
    cpu_wait_s: float
    """Until a share on the next CPU would have started, as the decision was made [s]."""
    gpu_wait_s: float
    action: int
    gpu_fraction: float
    fallback: bool
    """Whether it did not fit and ran on the CPU."""
    cpu: Share | None
    gpu: Share | None
    wait_s: float
    response_s: float
    energy_j: float
    """Above idle [J]."""
    model_version: int


class DecisionPage(Answer):
    """Decisions of one scheduler in order."""

    run: int
    scheduler: str
    decisions: list[DecisionRow]
    next: int | None
    """`first` of the page that follows; null: this is the last."""


class Prediction(Answer):
    """What a learned scheduler thought of each action, by the model that decided."""

    kind: Literal["probability", "q_value"]
    features: dict[str, Number]
    """What it saw, by name."""
    values: Numbers
    """Of each action."""
    why_not: str | None
    """Why it cannot be told; then `values` is empty."""


class AuditLane(Answer):
    """What one scheduler did with a task."""

    scheduler: str
    decision: DecisionRow
    cost: Number
    """By what part of the oracle's J the choice raises J, if before it the scheduler's choices are
    kept, and after it the oracle's; null: unknown."""
    prediction: Prediction | None
    """null: it does not learn."""


class AuditAnswer(Answer):
    """What each scheduler saw, predicted, chose and got for a task, and what that cost."""

    run: int
    sequence: int
    episode: int
    task: int
    gpu_fractions: list[float]
    lanes: list[AuditLane]
    why_no_cost: str | None


class Histogram(Answer):
    """How many tasks fall between edges."""

    edges: list[float]
    """(n + 1), ascending."""
    counts: list[int]
    """(n,)."""


class HeatMap(Answer):
    """Mean GPU fraction by size and intensity."""

    size_flop_edges: list[float]
    intensity_edges: list[float]
    counts: list[list[int]]
    """(intensities, sizes): tasks in each cell."""
    gpu_fraction: list[Numbers]
    """(intensities, sizes): mean as chosen; null: no tasks."""
    oracle_difference: list[Numbers] | None
    """(intensities, sizes): less the oracle's on the same tasks; null: it decided on none."""


class Correlation(Answer):
    """Spearman's rank correlation of what tasks are with what they cost."""

    rows: list[str]
    """size_flop, intensity_flop_per_byte, memory_bytes; the first two if any task tells them."""
    columns: list[str]
    """gpu_fraction, wait_s, response_s, energy_j."""
    values: list[Numbers]


class StatisticsAnswer(Answer):
    """The last decisions of a scheduler, summed up."""

    run: int
    scheduler: str
    tasks: int
    first: int
    """Number within the run of the first of them."""
    histograms: dict[str, Histogram]
    """size_flop, intensity_flop_per_byte, gpu_fraction; memory_bytes instead of the first two where
    no task tells them."""
    heat_map: HeatMap | None
    """null: there are no tasks, or none tells its size and intensity."""
    correlation: Correlation | None
    """null: fewer than three tasks."""
    percentiles: dict[str, dict[str, Number]]
    """wait_s, response_s -> "50", "90", "99" -> value."""
