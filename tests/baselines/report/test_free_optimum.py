"""Results where energy alone counts and a GPU needs none, so that the optimum is 0."""

import csv
import json
import math
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cpu_gpu_env import Cluster, Device
from cpu_gpu_env.agents.training_env import LearningVecEnv
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec, compare
from cpu_gpu_env.baselines.evaluation.first_episode import view_first_episode
from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT, OracleSchedule, solve_episode
from cpu_gpu_env.baselines.report.comparison_figures import COMPARISON_FIGURES
from cpu_gpu_env.baselines.report.drawing import to_bytes
from cpu_gpu_env.baselines.report.page import write_html
from cpu_gpu_env.baselines.report.tables import leaderboard, result_rows, write_json, write_rows
from cpu_gpu_env.baselines.report.tensorboard import write_tensorboard
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.results.metrics import GAP, OBJECTIVE
from cpu_gpu_env.results.records import ORACLE, Comparison
from cpu_gpu_env.scripts.plot_gaps import read_comparison

BARE: dict[str, Any] = {"memory_bandwidth": 1e12, "memory_bytes": math.inf, "launch_s": 0.0}
COSTLY = Device("costly", "cpu", 1e12, **BARE, idle_power_w=0.0, active_power_w=100.0)
FREE = Device("free", "gpu", 2e11, **BARE, idle_power_w=0.0, active_power_w=0.0)
KWARGS: dict[str, Any] = {
    "cluster": Cluster("half-free", (COSTLY, FREE)),
    "energy_weight": 1.0,
    "num_tasks": 6,
}
SEEDS = (3, 4)
NAMES = ("gpu-only", "round-robin", "cpu-only")


@pytest.fixture(autouse=True)
def _nothing_is_divided_by_zero() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


@pytest.fixture(scope="module")
def oracle() -> list[OracleSchedule]:
    env = HybridClusterVectorEnv(len(SEEDS), **KWARGS)
    env.reset(seed=list(SEEDS))
    return [solve_episode(instance, QUICK_EFFORT) for instance in env.instances()]


def compared(oracle: list[OracleSchedule], *names: str) -> Comparison:
    specs = [SchedulerSpec(name, partial(make_scheduler, name, seed=0)) for name in names]
    return compare(specs, SEEDS[: len(oracle)], KWARGS, oracle=oracle)


@pytest.fixture(scope="module")
def comparison(oracle: list[OracleSchedule]) -> Comparison:
    return compared(oracle, *NAMES)


def test_who_pays_nothing_has_no_gap_and_who_pays_an_infinite_one(
    comparison: Comparison, oracle: list[OracleSchedule]
) -> None:
    assert [schedule.gap for schedule in oracle] == [0.0, 0.0]
    gaps = {result.name: result.episodes[GAP].tolist() for result in comparison.results}
    assert gaps[ORACLE] == gaps["gpu-only"] == [0.0, 0.0]
    assert gaps["cpu-only"] == gaps["round-robin"] == [math.inf, math.inf]
    rows = {row["scheduler"]: row for row in comparison.rows()}
    assert rows["cpu-only"][GAP.key] == rows["cpu-only"]["gap_median"] == math.inf
    assert math.isnan(rows["cpu-only"][GAP.ci_key])
    assert rows[ORACLE][GAP.key] == 0.0
    assert rows["cpu-only"][OBJECTIVE.key] > 0.0


@pytest.mark.parametrize("bound", [math.nan, 1e-9, math.inf])
def test_a_bound_that_is_none_is_told(oracle: list[OracleSchedule], bound: float) -> None:
    false = [OracleSchedule(schedule.actions, 0.0, bound, None) for schedule in oracle]
    with pytest.raises(RuntimeError, match="oracle beats the bound of the episode of seed 3"):
        compared(false, "gpu-only")


def test_tables_and_files_hold_it(comparison: Comparison, tmp_path: Path) -> None:
    cells = {row[0]: row[2] for row in leaderboard(comparison).rows}
    assert (cells["gpu-only"], cells["cpu-only"]) == ("0.0±0.0", "inf")
    write_json(comparison, tmp_path / "comparison.json")
    write_rows(result_rows(comparison), tmp_path / "comparison.csv")

    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not JSON")

    text = (tmp_path / "comparison.json").read_text()
    content = json.loads(text, parse_constant=refuse)
    (in_json,) = (row for row in content["schedulers"] if row["scheduler"] == "cpu-only")
    assert (float(in_json[GAP.key]), in_json[GAP.ci_key]) == (math.inf, None)
    assert list(map(float, content["episodes"]["cpu-only"][GAP.key])) == [math.inf, math.inf]
    with (tmp_path / "comparison.csv").open(newline="") as file:
        (in_csv,) = (row for row in csv.DictReader(file) if row["scheduler"] == "cpu-only")
    assert (float(in_csv[GAP.key]), in_csv[GAP.ci_key]) == (math.inf, "")
    _, gaps = read_comparison(tmp_path / "comparison.json")
    assert [gap.mean for gap in gaps] == sorted(
        result.episodes[GAP].mean() for result in comparison.results
    )


def test_figures_page_and_tensorboard_show_it(oracle: list[OracleSchedule], tmp_path: Path) -> None:
    comparison = compared(oracle, "cpu-only")
    views = view_first_episode(comparison, KWARGS)
    write_html(comparison, views, {}, tmp_path / "page.html")
    assert "<td>inf</td>" in (tmp_path / "page.html").read_text().replace(' class="n"', "")
    write_tensorboard(comparison, views, {}, tmp_path)
    figures = {figure.tag: figure.draw(comparison) for figure in COMPARISON_FIGURES}
    gap, scatter = figures["all/gap"], figures["all/makespan_and_energy"]
    assert gap is not None
    assert scatter is not None
    assert to_bytes(gap, "png")
    written = [text.get_text() for text in gap.axes[0].texts]
    assert written.count("infinite") == 1
    whole = scatter.axes[0]  # a logarithmic axis would leave out who pays nothing
    assert whole.get_yscale() == "linear"


def test_decisions_cost_what_they_cost_where_the_oracle_pays_nothing(
    comparison: Comparison,
) -> None:
    views = view_first_episode(comparison, KWARGS)
    (result,) = (result for result in comparison.results if result.name == "round-robin")
    audit = views["round-robin"].audit
    assert audit is not None
    total = sum(decision.cost for decision in audit)
    assert total == pytest.approx(result.episodes.objective[0])


def test_a_single_episode(oracle: list[OracleSchedule]) -> None:
    rows = {row["scheduler"]: row for row in compared(oracle[:1], "cpu-only").rows()}
    assert rows["cpu-only"][GAP.key] == math.inf
    assert rows[ORACLE][GAP.key] == 0.0
    assert math.isnan(rows["cpu-only"][GAP.difference_key])  # infinite less infinite


def test_agents_learn_from_finite_rewards() -> None:
    env = LearningVecEnv(HybridClusterVectorEnv(2, autoreset_mode="SameStep", **KWARGS))
    env.seed(0)
    env.reset()
    for step in range(20):
        env.step_async(np.array([step % 6, 5]))
        observations, rewards, _, _ = env.step_wait()
        assert np.isfinite(observations).all()
        assert np.isfinite(rewards).all()
