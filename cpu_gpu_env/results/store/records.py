"""What a reader makes of rows of a store: episodes as arrays, and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from cpu_gpu_env.checks import check_name
from cpu_gpu_env.errors import not_allowed
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.estimate import Estimate
from cpu_gpu_env.results.metrics import DECISION_METRICS, OBJECTIVE, STREAM_METRICS, Metric

STORED_METRICS = (*STREAM_METRICS, *DECISION_METRICS.values())
"""Metrics that each row of the table of episodes has a column for."""
MAX_SEED_DIGITS = 29
"""Of 96 bits."""


@dataclass(frozen=True, eq=False)
class StoredEpisodes:
    """Episodes of one scheduler in the order in which it played them, (n,) each."""

    scheduler: str
    """Name of the scheduler."""
    episode: npt.NDArray[np.int64]
    """Number within the run."""
    phase: npt.NDArray[np.object_]
    """Phase of a drift, or the problem of a sweep; empty: there is but one."""
    seed: npt.NDArray[np.object_]
    """Seed in decimal digits; None: given tasks without noise."""
    model_version: npt.NDArray[np.int64]
    """Of the model that decided; 0: as the run began."""
    exploration: FloatArray
    """Part of the decisions that were drawn at random."""
    bound: FloatArray
    """Certified lower bound of the objective; nan: there is none."""
    values: Mapping[Metric, FloatArray]
    """Of each of `STORED_METRICS`; nan: not measured."""

    def __len__(self) -> int:
        return len(self.episode)

    def __getitem__(self, metric: Metric) -> FloatArray:
        """Values of a metric, (n,)."""
        return self.values[metric]

    @property
    def objective(self) -> FloatArray:
        """(n,): J."""
        return self.values[OBJECTIVE]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Those that were measured in every episode, in the order of the tables."""
        return tuple(m for m in STREAM_METRICS if len(self) and not np.isnan(self[m]).any())

    def take(self, rows: npt.NDArray[Any]) -> StoredEpisodes:
        """Some of the episodes: their places, or a mask (n,)."""
        return StoredEpisodes(
            self.scheduler,
            self.episode[rows],
            self.phase[rows],
            self.seed[rows],
            self.model_version[rows],
            self.exploration[rows],
            self.bound[rows],
            {metric: values[rows] for metric, values in self.values.items()},
        )

    def estimate(self, metric: Metric) -> Estimate:
        """Mean of a metric with its interval; of decision times the median, without one.

        A percentile of times has no mean that is one, too; of a comparison, which times its
        decisions together, all episodes have the same.
        """
        if metric in DECISION_METRICS.values():
            measured = self[metric][~np.isnan(self[metric])]
            middle = float(np.median(measured)) if len(measured) else float("nan")
            return Estimate(middle, float("nan"))
        return Estimate.of(self[metric])


@dataclass(frozen=True, eq=False)
class StoredModel:
    """A model that was learned in a run."""

    scheduler: str
    """Who played with it."""
    version: int
    """Counts up from 1; 0 is what the run began with."""
    episode: int
    """The first that it played."""
    made_at: float
    """Unix time [s]."""
    score: Mapping[str, float]
    """Of the version before, on what this one learned from."""
    content: bytes | None
    """The file of a forest or of an agent; None: not kept, or not asked for."""
    exploration: float
    """Part of its decisions that are drawn at random."""


def check_values(table: sa.Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Check the types of values that were read: SQLite keeps whatever a stranger put into a column.

    Raises:
        HybridClusterError: If a column holds what its type does not allow.
    """
    for name in [name for name in columns if name in table.c]:
        column, values = table.c[name], columns[name]
        allowed = _kinds(column)
        for kind in set(map(type, values)):
            if not (kind is NoneType and column.nullable) and not issubclass(kind, allowed):
                value = next(value for value in values if type(value) is kind)
                names = " or ".join(one.__name__ for one in allowed)
                raise not_allowed(f"column {name} of table {table.name}", value, names)


def _kinds(column: sa.Column[Any]) -> tuple[type, ...]:
    if isinstance(column.type, sa.JSON):
        return (list,) if column.name in ("schedulers", "notes", "utilisation") else (dict,)
    kind = column.type.python_type
    return (float, int) if kind is float else (kind,)


def parse_seed(text: str) -> int:
    """Read the seed of an episode.

    Raises:
        HybridClusterError: If it is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_SEED_DIGITS):
        raise not_allowed("seed of an episode", text, f"up to {MAX_SEED_DIGITS} decimal digits")
    return int(text)


def check_texts(columns: Mapping[str, Sequence[Any]]) -> None:
    """Check the texts in columns of the table of runs.

    Raises:
        HybridClusterError: If one is damaged.
    """
    for name in {"schedulers", "notes"} & columns.keys():
        for text in (text for texts in columns[name] for text in texts):
            check_name(f"column {name} of table runs", text)


def episodes_of(scheduler: str, columns: Mapping[str, Sequence[Any]]) -> StoredEpisodes:
    """Turn columns of the table of episodes into arrays."""
    return StoredEpisodes(
        scheduler,
        episode=np.array(columns["episode"], np.int64),
        phase=_texts(columns["phase"]),
        seed=_texts(columns["seed"]),
        model_version=np.array(columns["model_version"], np.int64),
        exploration=np.array(columns["exploration"], np.float64),
        bound=np.array(columns["bound"], np.float64),
        values={metric: np.array(columns[metric.key], np.float64) for metric in STORED_METRICS},
    )


def _texts(values: Sequence[Any]) -> npt.NDArray[np.object_]:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
