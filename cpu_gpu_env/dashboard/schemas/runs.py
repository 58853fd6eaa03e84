"""Answers about stored runs."""

from __future__ import annotations

from typing import Literal

from cpu_gpu_env.dashboard.schemas.base import Answer, Json, Number, Numbers


class RunSummary(Answer):
    """A run of a command."""

    run: int
    kind: str
    """stream, comparison, transfer or pareto."""
    status: Literal["running", "interrupted", "finished"]
    is_alive: bool
    """Whether a process is writing to it now."""
    started_at: float
    ended_at: float | None
    command: str
    schedulers: list[str]
    problem: str
    """Cluster and workload in a few words."""
    tasks: int
    next_episode: int
    clock_s: float
    notes: list[str]


class RunPage(Answer):
    """Runs, sorted as asked."""

    runs: list[RunSummary]
    total: int


class StoredModelRow(Answer):
    """A model that was learned in a run."""

    scheduler: str
    version: int
    episode: int
    made_at: float
    exploration: float
    score: dict[str, Number]


class RunDetail(Answer):
    """A run, and what it was made of."""

    summary: RunSummary
    settings: Json
    provenance: Json
    models: list[StoredModelRow]
    phases: list[str]
    """Names of the phases of a drift, or the problems of a sweep."""
    kept: dict[str, tuple[int, int]]
    """Scheduler -> numbers of the first and the last task whose decisions are kept."""
    gpu_fractions: list[float]
    """Of each action; empty: the run does not tell."""
    devices: list[str]
    """Names, CPUs first; empty: the run does not tell."""
    num_cpus: int
    """Where the run does not tell, as many as its newest decisions used."""


class MeanValue(Answer):
    """A mean, and the half-width of its 95 % interval (null: there is none)."""

    mean: Number
    half_width: Number


class LaneComparison(Answer):
    """How one scheduler did."""

    scheduler: str
    episodes: int
    means: dict[str, MeanValue]
    """By metric."""
    differences: dict[str, MeanValue]
    """By metric: to the reference, episode by episode; empty for the reference itself."""


class ComparisonAnswer(Answer):
    """How the schedulers of a run compare."""

    run: int
    first: int
    end: int
    """Episodes from number `first` to before `end`, all figures alike: of a long run the newest,
    see the path."""
    reference: str | None
    lanes: list[LaneComparison]
    """The best first."""
    wins: list[Numbers]
    """(lanes, lanes): share of the episodes in which the row's scheduler has the better J."""


class Mark(Answer):
    """Something that happened between two episodes."""

    episode: int
    kind: Literal["drift", "model"]
    scheduler: str | None
    label: str


class HistoryLane(Answer):
    """Groups of episodes of one scheduler, the oldest first; lists of equal length."""

    episode: list[int]
    """Number of the first of each group."""
    count: list[int]
    """How many it has."""
    phase: list[str]
    bound: Numbers
    values: dict[str, Numbers]
    """Metric -> means over those episodes of each group that have a value; null: none has."""
    cumulative: dict[str, Numbers]
    """`objective`, `regret`, `energy_j`, `electricity_cost` -> sums over all episodes of the run up
    to the end of each group; an episode without a value adds nothing, one with an infinite value
    makes the sum infinite from there on; absent: the metric was not measured."""


class HistoryAnswer(Answer):
    """How a run went, in groups of episodes; a page of it."""

    run: int
    granularity: int
    """Episodes of a group."""
    lanes: dict[str, HistoryLane]
    marks: list[Mark]
    next: int | None
    """`first` of the page that follows; null: this is the last."""


class Confirmation(Answer):
    """What a deletion would delete; send it again with this token to do it."""

    run: int
    confirmation: str
    expires_at: float
    what: str


class Deleted(Answer):
    """A run that is gone."""

    run: int
    rows: int | None
    """null: the engine that writes to the store deletes it now."""
