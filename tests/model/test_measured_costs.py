"""Tasks that bring measured times and energies, against figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import CPU, GPU

from cpu_gpu_env import Cluster, HybridClusterError, Tasks
from cpu_gpu_env.model.cost_tables import build_cost_tables
from cpu_gpu_env.model.costs import execution_time_s, power_above_idle_w
from cpu_gpu_env.model.measured import MeasuredCosts

NOTHING = [np.nan, np.nan]
MEASURED = MeasuredCosts(
    {"cpu": [8.0, 4.0], "gpu": [2.0, 1.0], "fast": [1.0, 0.5]}, {"gpu": [700.0, 10.0]}
)
TASKS = Tasks([0.0, 0.0], NOTHING, NOTHING, [1e9, 1e9], measured=MEASURED)
FAST = replace(GPU, name="fast")


def test_a_share_takes_its_part_of_the_measured_time() -> None:
    assert execution_time_s(CPU, 0.25, TASKS).tolist() == [2.0, 1.0]
    assert execution_time_s(GPU, 1.0, TASKS).tolist() == [2.0, 1.0]
    assert execution_time_s(FAST, 0.5, TASKS).tolist() == [0.5, 0.25]


def test_measured_energies_are_above_idle_without_what_idling_takes() -> None:
    # The GPU idles at 100 W: 700 J in 2 s are 350 W; 10 J in 1 s are less than idling takes.
    assert power_above_idle_w(GPU, 0.5, TASKS) == pytest.approx([350.0 - GPU.idle_power_w, 0.0])
    above_w = CPU.active_power_w - CPU.idle_power_w
    assert power_above_idle_w(CPU, 0.5, TASKS).tolist() == [above_w, above_w]
    table = build_cost_tables(Cluster("two", (CPU, GPU)), TASKS, (0.0, 0.5, 1.0))
    assert table.power_varies
    energy_j = (350.0 - GPU.idle_power_w) * np.array([0.0, 1.0, 2.0])
    assert table.gpus.energy_j[0, 0] == pytest.approx(energy_j)
    assert table.cpus.energy_j[0, 1] == pytest.approx([4 * above_w, 2 * above_w, 0.0])


def test_a_device_without_times_is_named() -> None:
    tasks = Tasks([0.0], [np.nan], [np.nan], [0.0], measured=MeasuredCosts({"cpu": [1.0]}))
    with pytest.raises(HybridClusterError, match=r"'gpu': .* none on it; .*there are"):
        build_cost_tables(Cluster("two", (CPU, GPU)), tasks, (0.0, 1.0))


@pytest.mark.parametrize(
    ("time_s", "energy_j", "words"),
    [
        ({}, {}, "no times"),
        ({"cpu": [1.0]}, {"gpu": [1.0]}, "energies on 'gpu', but no times"),
        ({"cpu": [1.0], "gpu": [1.0, 2.0]}, {}, r"columns of \[1, 2\] tasks"),
        ({"cpu": [0.0]}, {}, r"time_s on 'cpu': \[0\] is 0"),
        ({"cpu": [np.nan]}, {}, "is nan"),
        ({"cpu": [1e31]}, {}, "is 1e"),
        ({"cpu": [1.0]}, {"cpu": [-1.0]}, "energy_j on 'cpu'.* is -1"),
        ({"cpu": [[1.0]]}, {}, r"shape \(1, 1\)"),
        ({"cpu": ["fast"]}, {}, "allowed: numbers"),
    ],
)
def test_bad_measurements_are_named(
    time_s: dict[str, Any], energy_j: dict[str, Any], words: str
) -> None:
    with pytest.raises(HybridClusterError, match=words):
        MeasuredCosts(time_s, energy_j)


def test_times_stand_for_the_work() -> None:
    with pytest.raises(HybridClusterError, match="size_flop is given beside measured costs"):
        Tasks([0.0, 0.0], [1.0, 1.0], NOTHING, [0.0, 0.0], measured=MEASURED)
    with pytest.raises(HybridClusterError, match="a MeasuredCosts of 1 tasks"):
        Tasks([0.0], [np.nan], [np.nan], [0.0], measured=MEASURED)
    with pytest.raises(HybridClusterError, match=r"size_flop\[0\] is nan"):
        Tasks([0.0], [np.nan], [np.nan], [0.0])


def test_rows_and_tables_keep_what_was_measured() -> None:
    taken = TASKS.take(np.array([1]), np.zeros(1))
    joined = Tasks.joined([taken, TASKS])
    assert execution_time_s(CPU, 1.0, joined).tolist() == [4.0, 8.0, 4.0]
    assert power_above_idle_w(GPU, 1.0, joined)[1] == pytest.approx(350.0 - GPU.idle_power_w)
    plain = Tasks([0.0], [1.0], [1.0], [0.0])
    with pytest.raises(HybridClusterError, match="measured of some only"):
        Tasks.joined([TASKS, plain])
