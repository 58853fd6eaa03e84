"""Number formats, dependent steps and resident data, against times worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import CPU, GPU, HOT_GPU, PLAIN

from cpu_gpu_env import HybridClusterError, Tasks
from cpu_gpu_env.model.cost_tables import build_cost_tables
from cpu_gpu_env.model.costs import execution_time_s, power_above_idle_w
from cpu_gpu_env.model.precision import PRECISIONS, WIDER, precision_codes
from cpu_gpu_env.model.profile import cluster_to_profile, parse_profile

TENSOR_GPU = replace(GPU, flops_fp16=8 * GPU.flops, flops_fp64=GPU.flops / 2)
"""GPU: 10e12 FLOP/s in FP32, 1e12 B/s, launch 0.25 s, a link of 10e9 B/s."""


def tasks_of(precision: Any, **columns: Any) -> Tasks:
    count = 1 if isinstance(precision, str) else len(precision)
    return Tasks(
        np.zeros(count), *np.full((3, count), [[8e12], [1e6], [5e9]]), precision, **columns
    )


def test_each_precision_has_its_rate_and_else_that_of_the_next_wider_one() -> None:
    tasks = tasks_of(["fp32", "fp16", "fp64", "bf16", "int8", "fp8", "tf32"])
    computing_s = [0.8, 0.1, 1.6, 0.8, 0.1, 0.1, 0.8]
    expected = pytest.approx([0.25 + 0.5 + own for own in computing_s])
    assert execution_time_s(TENSOR_GPU, 1.0, tasks) == expected
    assert [TENSOR_GPU.rate_precision(name) for name in tasks.precisions] == [
        *("fp32", "fp64", "fp32", "fp16", "fp32", "fp16", "fp16")
    ]


def test_a_share_takes_its_part_in_every_precision() -> None:
    tasks = tasks_of(["fp16", "fp32"])
    assert execution_time_s(TENSOR_GPU, 0.5, tasks) == pytest.approx([0.55, 0.9])


def test_what_is_wider_holds_every_number() -> None:
    bits = {  # exponent, significand
        "fp64": (11, 53),
        "fp32": (8, 24),
        "tf32": (8, 11),
        "fp16": (5, 11),
        "bf16": (8, 8),
        "fp8": (5, 4),
        "int8": (0, 8),
    }
    assert set(WIDER) == set(PRECISIONS) == set(bits)
    for name, wider in WIDER.items():
        for other in wider:
            assert all(own <= more for own, more in zip(bits[name], bits[other], strict=True))


def test_nothing_stands_in_for_fp64() -> None:
    with pytest.raises(HybridClusterError, match=r"'cpu'.*'flops_fp64' is missing.*fp64 tasks"):
        build_cost_tables(PLAIN, tasks_of("fp64"), (0.0, 1.0))


@pytest.mark.parametrize("bad", ["fp12", "FP16", 7, -1, 1.5, None, True, ["fp16", "half"]])
def test_unknown_precisions_are_named(bad: Any) -> None:
    with pytest.raises(HybridClusterError, match=r"precision is .*allowed: 'fp32', 'fp64'"):
        precision_codes(bad)
    with pytest.raises(HybridClusterError, match="precision is"):
        Tasks([0.0, 0.0], *np.ones((3, 2)), bad)


def test_codes_and_names_say_the_same() -> None:
    assert tasks_of(["fp16", "int8"]).precisions == ("fp16", "int8")
    again = tasks_of(tasks_of(["int8", "fp16"]).precision)
    assert [PRECISIONS[code] for code in again.precision] == ["int8", "fp16"]
    assert tasks_of("bf16").precisions == ("bf16",)
    with pytest.raises(HybridClusterError, match=r"precision has shape \(3,\)"):
        Tasks([0.0, 0.0], *np.ones((3, 2)), ["fp16"] * 3)


def test_every_share_takes_all_dependent_steps() -> None:
    device = replace(CPU, serial_step_s=0.001)  # 1e12 FLOP/s, launch 0.5 s
    tasks = tasks_of("fp32", serial_steps=100.0)
    assert execution_time_s(device, 1.0, tasks) == pytest.approx([0.5 + 0.1 + 8.0])
    assert execution_time_s(device, 0.25, tasks) == pytest.approx([0.5 + 0.1 + 2.0])
    assert execution_time_s(device, 0.0, tasks).tolist() == [0.0]


def test_what_is_on_the_device_does_not_cross_the_link() -> None:
    for transfer_bytes, seconds in ((np.inf, 0.5), (7e9, 0.5), (1e9, 0.1), (0.0, 0.0)):
        tasks = tasks_of("fp32", transfer_bytes=transfer_bytes)
        assert execution_time_s(GPU, 1.0, tasks) == pytest.approx([0.25 + seconds + 0.8])


def test_kernels_one_after_another_take_the_sum_of_both_times() -> None:
    tasks = Tasks([0.0] * 2, [8e12] * 2, [4.0] * 2, [0.0] * 2, overlaps=[True, False])
    assert execution_time_s(GPU, 1.0, tasks) == pytest.approx([0.25 + 2.0, 0.25 + 0.8 + 2.0])
    # 300 W above idle for 0.8 s and 600 W for 2 s would be 720 W at once; 600 W is the most.
    power_w = power_above_idle_w(replace(HOT_GPU, launch_s=0.0), 1.0, tasks)
    assert power_w == pytest.approx([600.0, 600.0])


def test_tasks_like_others_share_what_all_of_those_share() -> None:
    tasks = tasks_of(["bf16", "bf16"], transfer_bytes=0, overlaps=False)
    like = tasks.like_these(np.ones(3), np.ones(3), np.ones(3))
    assert (like.precisions, like.transfer_bytes.tolist()) == (("bf16",), [0.0] * 3)
    assert not like.overlaps.any()
    assert np.isinf(tasks_of("fp32").like_these(*np.ones((3, 1))).transfer_bytes).all()


def test_working_sets_must_fit_wherever_their_data_are() -> None:
    tasks = Tasks([0.0], [1e12], [1e3], [15e9], transfer_bytes=np.zeros(1))
    assert build_cost_tables(PLAIN, tasks, (0.0, 1.0)).num_feasible.tolist() == [1]


def test_plain_tasks_are_told_from_others() -> None:
    assert tasks_of("fp32").is_plain
    assert tasks_of(["fp16", "fp16"]).is_plain
    assert not tasks_of(["fp16", "fp32"]).is_plain
    assert not tasks_of("fp32", serial_steps=3).is_plain
    assert not tasks_of(["fp32"] * 2, transfer_bytes=[0, np.inf]).is_plain
    assert tasks_of("fp32", transfer_bytes=0, overlaps=False).is_plain


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"serial_steps": [-1.0]}, r"serial_steps\[0\] is -1.0"),
        ({"serial_steps": np.nan}, r"serial_steps\[0\] is nan"),
        ({"transfer_bytes": [-1.0]}, r"transfer_bytes\[0\] is -1.0"),
        ({"transfer_bytes": [1.0, 2.0]}, r"transfer_bytes has shape \(2,\)"),
        ({"serial_steps": "many"}, "serial_steps are 'many'"),
        ({"overlaps": [0.5]}, "overlaps are"),
        ({"overlaps": "yes"}, "overlaps are 'yes'"),
    ],
)
def test_bad_values_of_optional_columns_are_named(columns: dict[str, Any], words: str) -> None:
    with pytest.raises(HybridClusterError, match=f"tasks: {words}"):
        tasks_of("fp32", **columns)


def test_rows_and_tables_keep_all_columns() -> None:
    tasks = Tasks(
        np.arange(3.0), *np.ones((3, 3)), ["fp16", "fp32", "int8"], np.arange(3.0), np.arange(3.0)
    )
    taken = tasks.take(np.array([2, 0]), np.zeros(2))
    joined = Tasks.joined([taken, tasks])
    assert [PRECISIONS[code] for code in joined.precision] == [
        *("int8", "fp16", "fp16", "fp32", "int8")
    ]
    assert joined.serial_steps.tolist() == joined.transfer_bytes.tolist() == [2, 0, 0, 1, 2]


def test_rates_and_steps_stand_in_profiles() -> None:
    cluster = replace(PLAIN, devices=(replace(CPU, serial_step_s=1e-6), TENSOR_GPU))
    profile = cluster_to_profile(cluster)
    assert profile["devices"][1]["flops_fp16"] == 8 * GPU.flops
    assert "flops_fp64" not in profile["devices"][0]
    assert parse_profile(profile) == cluster
    profile["devices"][1]["flops_fp16"] = {"peak": 1e14, "efficiency": 0.5, "source": "a text"}
    assert parse_profile(profile).gpus[0].attained_flops("fp16") == 5e13
    profile["devices"][1]["flops_fp16"] = 0
    with pytest.raises(HybridClusterError, match="field 'flops_fp16' is 0"):
        parse_profile(profile)
