"""What is measured of schedulers, each named once.

Tables, CSV, JSON, TensorBoard, figures and the page all read these lists. A new metric of episodes
is a line here and its values in `cpu_gpu_env.baselines.evaluation.play.play_and_time`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.model.tasks import FloatArray

MAX_WRITTEN = 1e9
"""Larger values are written with an exponent; an infinite one as "inf"."""


@dataclass(frozen=True)
class Metric:
    """A measure of how well a scheduler does."""

    key: str
    """Name in CSV and JSON, with the unit of its values there."""
    label: str
    """What people call it."""
    tag: str
    """TensorBoard tag of its value over all episodes."""
    unit: str = ""
    """Unit of the values; empty: none."""
    shown_unit: str = ""
    """Unit in tables and figures; empty: none."""
    scale: float = 1.0
    """Values in the shown unit are this many times those of the records."""
    digits: int = 1
    """Decimals in tables."""
    group: str = ""
    """TensorBoard's category of the charts by episode."""
    narrow: bool = True
    """Whether a table for a terminal of 80 columns has it."""
    lower_is_better: bool = True
    """Whether the lesser of two values is the better one."""
    difference_unit: str = ""
    """Unit of differences in tables, if not the shown unit."""
    of_all_tasks: bool = False
    """Whether its value over many episodes is that of all their tasks; no: it is their mean."""

    def beats(self, value: FloatArray, other: FloatArray) -> npt.NDArray[np.bool_]:
        """Whether values are better than others, of a shape to which both broadcast."""
        return value < other if self.lower_is_better else value > other

    @property
    def ci_key(self) -> str:
        """Name of the half-width of its 95 % interval in CSV and JSON."""
        return f"{self.key}_ci95"

    @property
    def difference_key(self) -> str:
        """Name in CSV and JSON of its mean difference to the reference, episode by episode."""
        return f"{self.key}_difference"

    @property
    def difference_ci_key(self) -> str:
        """Name of the half-width of the 95 % interval of that difference in CSV and JSON."""
        return f"{self.difference_key}_ci95"

    @property
    def difference_tag(self) -> str:
        """TensorBoard tag of its mean difference to the reference."""
        return f"difference/{self.key}"

    @property
    def episode_tag(self) -> str:
        """TensorBoard tag of its values by episode."""
        return f"episode/{self.key}"

    @property
    def window_tag(self) -> str:
        """TensorBoard tag of its value over the last episodes of a stream."""
        return f"window/{self.key}"

    @property
    def validation_tag(self) -> str:
        """TensorBoard tag of its mean over the validation episodes of a training."""
        return f"validation/{self.key}"

    @property
    def heading(self) -> str:
        """Label with the shown unit: of a column or an axis."""
        return f"{self.label} [{self.shown_unit}]" if self.shown_unit else self.label

    @property
    def difference_heading(self) -> str:
        """Heading of a column of differences."""
        unit = self.difference_unit or self.shown_unit
        return f"{self.label} [{unit}]" if unit else self.label

    def text(self, mean: float, half_width: float = math.nan) -> str:
        """Write a mean in the shown unit, with the half-width of its interval unless that is nan.

        From 100 on there is a decimal less, from `MAX_WRITTEN` on an exponent and no interval.
        """
        return self._text(mean, half_width, "")

    def difference_text(self, mean: float, half_width: float = math.nan) -> str:
        """Write a mean difference as `text` does, with its sign."""
        return self._text(mean, half_width, "+")

    def _text(self, mean: float, half_width: float, sign: str) -> str:
        mean, half_width = mean * self.scale, half_width * self.scale
        if abs(mean) >= MAX_WRITTEN:
            return f"{mean:{sign}.3g}"
        digits = max(self.digits - 1, 0) if abs(mean) >= 100 else self.digits
        text = f"{mean:{sign}.{digits}f}"
        return text if math.isnan(half_width) else f"{text}±{half_width:.{digits}f}"


@dataclass(frozen=True)
class Curve:
    """A curve in TensorBoard whose steps are no episodes."""

    tag: str
    """TensorBoard tag."""
    label: str
    """Title of its chart."""
    group: str
    """TensorBoard's category of the chart."""


_CERTIFIED = "Objective and gap to the certified bound"
_TIME = "Makespan and wait"
_UTILISATION = "Utilisation in the first episode, by second"

OBJECTIVE = Metric("objective", "J", "mean/objective", digits=3, group=_CERTIFIED)
GAP = Metric(
    "gap",
    "gap",
    "mean/gap",
    shown_unit="%",
    scale=100.0,
    group=_CERTIFIED,
    difference_unit="points",
)
MAKESPAN = Metric("makespan_s", "makespan", "mean/makespan_s", "s", "s", group=_TIME)
ENERGY = Metric("energy_j", "energy", "mean/energy_j", "J", "kJ", 1e-3, group="Energy")
MEAN_WAIT = Metric("mean_wait_s", "wait", "mean/mean_wait_s", "s", "s", group=_TIME, narrow=False)
EPISODE_METRICS = (OBJECTIVE, GAP, MAKESPAN, ENERGY, MEAN_WAIT)
"""What each episode has, in the order of the tables; the gap only where there are bounds."""

P99_WAIT = Metric(
    "p99_wait_s",
    "p99 wait",
    "all/p99_wait_s",
    "s",
    "s",
    group=_TIME,
    narrow=False,
    of_all_tasks=True,
)
MEAN_RESPONSE = Metric(
    "mean_response_s", "response", "mean/mean_response_s", "s", "s", group=_TIME, narrow=False
)
P99_RESPONSE = Metric(
    "p99_response_s",
    "p99 response",
    "all/p99_response_s",
    "s",
    "s",
    group=_TIME,
    narrow=False,
    of_all_tasks=True,
)
MEAN_SLOWDOWN = Metric("mean_slowdown", "slowdown", "mean/mean_slowdown", group=_TIME, narrow=False)
REGRET = Metric("regret", "regret", "mean/regret", digits=4, group=_CERTIFIED, narrow=False)
ELECTRICITY_COST = Metric(
    "electricity_cost",
    "electricity",
    "mean/electricity_cost",
    digits=4,
    group="Energy",
    narrow=False,
)
STREAM_METRICS = (
    *EPISODE_METRICS,
    P99_WAIT,
    MEAN_RESPONSE,
    P99_RESPONSE,
    MEAN_SLOWDOWN,
    REGRET,
    ELECTRICITY_COST,
)
"""What each episode of a stream has. Response: from a task's arrival to the finish of its last
share. Slowdown: response over the least execution time that any action gives the task on idle
devices, with the same noise. Regret: objective less bound. Electricity: in the
unit of the price. Over all episodes: means of these values, but of the p99 the percentile of all
tasks."""

CUMULATIVE_METRICS = {
    REGRET: Metric("cumulative_regret", "regret so far", "cumulative/regret", group=_CERTIFIED),
    ELECTRICITY_COST: Metric(
        "cumulative_electricity_cost",
        "electricity so far",
        "cumulative/electricity_cost",
        digits=2,
        group="Energy",
    ),
}
"""What is summed over the episodes, by the metric of one."""

DECISION_METRICS = {
    50: Metric("decision_p50_s", "p50 decision time", "decision/p50_s", "s", "µs", 1e6, 0),
    99: Metric("decision_p99_s", "p99 decision time", "decision/p99_s", "s", "µs", 1e6, 0),
}
"""Percentiles of the wall-clock time of one decision, by percent."""

RADAR_METRICS = (MAKESPAN, ENERGY, MEAN_WAIT, DECISION_METRICS[50])
"""The axes of the radar, from the top to the left."""

DECISION_CURVE = Curve(
    "decision/time_by_percentile_s", "decision time by percentile [s]", "Decision time"
)
UTILISATION_CURVES = (
    Curve("utilisation/cpus", "CPUs", _UTILISATION),
    Curve("utilisation/gpus", "GPUs", _UTILISATION),
)
CURVES = (DECISION_CURVE, *UTILISATION_CURVES)
"""Those of a comparison."""

STREAM_UTILISATION_CURVES = (
    Curve("window/utilisation_cpus", "CPUs", "Utilisation, over the window"),
    Curve("window/utilisation_gpus", "GPUs", "Utilisation, over the window"),
)
MODEL_VERSION_CURVE = Curve("learning/version", "version of the model", "Learning")
EXPLORATION_CURVE = Curve("learning/exploration", "part of random decisions", "Learning")
DRIFT_CURVE = Curve("stream/drift", "whether the problem has drifted", "Stream")
STREAM_CURVES = (
    *STREAM_UTILISATION_CURVES,
    MODEL_VERSION_CURVE,
    EXPLORATION_CURVE,
    Curve("learning/score/.*", "scores of models before they learn", "Learning"),
    DRIFT_CURVE,
)
"""Those of a stream besides its metrics, by episode."""


def charts() -> dict[str, dict[str, str]]:
    """TensorBoard's charts with a curve for each run: category -> title -> pattern of tags."""
    found: dict[str, dict[str, str]] = {}
    for metric in EPISODE_METRICS:
        found.setdefault(metric.group, {}).update(_charts_of(metric))
    for curve in CURVES:
        found.setdefault(curve.group, {})[curve.label] = curve.tag
    return found


def stream_charts() -> dict[str, dict[str, str]]:
    """TensorBoard's charts of a stream: category -> title -> pattern of tags."""
    found: dict[str, dict[str, str]] = {}
    for metric in STREAM_METRICS:
        category = found.setdefault(metric.group, {})
        category.update(_charts_of(metric))
        category[f"{metric.label}, last episodes{_unit(metric)}"] = metric.window_tag
    for metric in CUMULATIVE_METRICS.values():
        found.setdefault(metric.group, {})[metric.label] = metric.tag
    for percent, metric in DECISION_METRICS.items():
        category = found.setdefault("Decision time", {})
        category[f"p{percent} so far{_unit(metric)}"] = metric.tag
        category[f"p{percent}, last episodes{_unit(metric)}"] = metric.window_tag
    for curve in STREAM_CURVES:
        found.setdefault(curve.group, {})[curve.label] = curve.tag
    return found


def _charts_of(metric: Metric) -> dict[str, str]:
    unit = _unit(metric)
    of_episodes = {f"{metric.label} of an episode{unit}": metric.episode_tag}
    if metric.of_all_tasks:
        return {f"{metric.label}, all tasks so far{unit}": metric.tag, **of_episodes}
    return {
        f"{metric.label}, mean so far{unit}": metric.tag,
        f"{metric.label}, mean difference so far{unit}": metric.difference_tag,
        **of_episodes,
    }


def _unit(metric: Metric) -> str:
    return f" [{metric.unit}]" if metric.unit else ""
