"""What the answers say of the measures."""

from __future__ import annotations

import pytest

pytest.importorskip("pydantic")

from cpu_gpu_env.dashboard.services.measures import list_measures


def test_the_radar_has_makespan_energy_wait_and_the_median_decision_time() -> None:
    """The same axes as TensorBoard's, from the top to the left."""
    axes = [measure.key for measure in list_measures() if measure.in_radar]
    assert axes == ["makespan_s", "energy_j", "mean_wait_s", "decision_p50_s"]


def test_what_many_episodes_have_is_a_mean_a_percentile_of_all_tasks_or_a_sum() -> None:
    over = {measure.key: measure.over_episodes for measure in list_measures()}
    assert {key for key, how in over.items() if how == "sum"} == {
        "cumulative_regret",
        "cumulative_electricity_cost",
    }
    assert {key for key, how in over.items() if how == "tasks"} == {
        "p99_wait_s",
        "p99_response_s",
        "decision_p50_s",
        "decision_p99_s",
    }
    assert over["objective"] == "mean"
