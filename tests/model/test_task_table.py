"""Tables of tasks with precisions, steps and resident data, and with measured times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import CPU, GPU, PLAIN, SMALL_GPU

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterError, load_trace
from cpu_gpu_env.model.precision import PRECISIONS
from cpu_gpu_env.model.traces.loading import resolve_workload
from cpu_gpu_env.problem.problem import make_problem

WORK = "arrival_s,size_flop,intensity_flop_per_byte,memory_bytes"
TIMES = "arrival_s,memory_bytes,cpu_time_s,gpu_time_s"


def write(folder: Path, *lines: str) -> str:
    path = folder / "tasks.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def error_of(path: str) -> str:
    with pytest.raises(HybridClusterError) as caught:
        resolve_workload(path)
    message = str(caught.value)
    assert "tasks.csv" in message
    assert "\n" not in message
    return message


def test_optional_columns_are_read_where_they_are(tmp_path: Path) -> None:
    lines = (f"precision,{WORK},serial_steps", " fp16,1,2e12,10,1e9,0", "int8,0,1e12,20,5e8,64")
    with pytest.warns(UserWarning, match="sorted by arrival"):
        pool = load_trace(write(tmp_path, *lines)).pool
    assert [PRECISIONS[code] for code in pool.precision] == ["int8", "fp16"]
    assert pool.serial_steps.tolist() == [64, 0]
    assert np.isinf(pool.transfer_bytes).all()
    pool = load_trace(write(tmp_path, f"{WORK},transfer_bytes", "0,1e12,20,5e8,1e6")).pool
    assert pool.transfer_bytes.tolist() == [1e6]
    assert pool.precisions == ("fp32",)


def test_times_stand_for_work(tmp_path: Path) -> None:
    lines = (f"{TIMES},gpu_energy_j,user", "0,1e9,8,2,700,a", "1,2e9,4,1,300,b")
    workload = load_trace(write(tmp_path, *lines))
    measured = workload.pool.measured
    assert measured is not None
    assert measured.time_s["cpu"].tolist() == [8, 4]
    assert measured.energy_j["gpu"].tolist() == [700, 300]
    assert workload.pool.memory_bytes.tolist() == [1e9, 2e9]
    env = HybridClusterEnv(cluster=PLAIN, workload=workload, num_tasks=2, load="trace")
    env.reset(seed=0)
    env.step(0)
    _, _, terminated, _, info = env.step(5)
    assert terminated
    # On the CPU 8 s at 100 W above idle; on a GPU 1 s at 300 W, idle power included, of 30 W.
    assert info["makespan_s"] == pytest.approx(8.0)
    assert info["energy_j"] == pytest.approx(300.0 - 30.0)
    assert info["total_energy_j"] == pytest.approx(8.0 * (50 + 30 + 30) + 800.0 + 270.0)


def test_devices_by_name_come_before_their_kind(tmp_path: Path) -> None:
    path = write(tmp_path, f"{TIMES},small-gpu_time_s", "0,1e9,8,2,5")
    cluster = Cluster("two", (CPU, GPU, SMALL_GPU))
    problem = make_problem(cluster, path, 1, load=None)
    assert problem.costs.gpus.time_s[:, 0, -1].tolist() == [2.0, 5.0]
    # Their names alone will do, where all devices of the cluster have times.
    path = write(tmp_path, "arrival_s,memory_bytes,cpu_time_s,small-gpu_time_s", "0,1e9,8,5")
    make_problem(Cluster("small", (CPU, SMALL_GPU)), path, 1, load=None)
    with pytest.raises(HybridClusterError, match=r"device 'gpu': .*times, but none on it"):
        make_problem(cluster, path, 1, load=None)
    assert "beside" not in load_trace(path).name


def test_what_else_a_table_of_times_says_is_told(tmp_path: Path) -> None:
    workload = load_trace(write(tmp_path, f"{TIMES},precision", "0,1e9,8,2,half"))
    assert workload.notes[1:] == (
        "the table has no energies: devices draw their active power",
        "precision: not used, as times say all",
    )


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ((f"{WORK},cpu_time_s", "0,1,1,1,1"), "has work (size_flop, intensity"),
        (("arrival_s,size_flop,memory_bytes,a100-80gb_time_s", "0,1,1,1"), "has work (size_flop)"),
        ((f"{WORK},gpu_energy_j", "0,1,1,1,1"), "what tasks took (gpu_energy_j)"),
        (("arrival_s,memory_bytes,cpu_time_s", "0,1,1"), "needed: gpu_time_s"),
        (("arrival_s,memory_bytes,gpu_time_s", "0,1,1"), "needed: cpu_time_s"),
        ((f"{TIMES},a_energy_j", "0,1,1,1,1"), "none of a_time_s"),
        (("arrival_s,memory_bytes", "0,1"), "or, instead of size_flop and intensity_flop"),
        (("arrival_s,memory_bytes,size_flop", "0,1,1"), "needed, once each: arrival_s, size_flop"),
        (("arrival_s,cpu_time_s,gpu_time_s", "0,1,1"), "arrival_s, cpu_time_s, gpu_time_s, memory"),
        ((f"{TIMES},cpu_time_s", "0,1,1,1,1"), "once each"),
        ((TIMES, "0,1,1,0"), "line 2: gpu_time_s is '0'; allowed: a finite number > 0"),
        ((TIMES, "0,1,1,1", "1,1,-2,1"), "line 3: cpu_time_s is '-2'"),
        ((TIMES, "0,1,,1"), "line 2: cpu_time_s is ''"),
        ((TIMES, "0,1,nan,1"), "line 2: cpu_time_s is 'nan'"),
        ((TIMES, "0,1,1e40,1"), "line 2: cpu_time_s is '1e40'; allowed: a time in"),
        ((TIMES, "0,1,1"), "line 2: 3 values"),
        ((f"{TIMES},cpu_energy_j", "0,1,1,1,-1"), "line 2: cpu_energy_j is '-1'"),
        ((f"{WORK},precision", "0,1,1,1,half"), "line 2: precision is 'half'; allowed: fp32, fp64"),
        ((f"{WORK},precision", "0,1,1,1,"), "line 2: precision is ''"),
        ((f"{WORK},serial_steps", "0,1,1,1,-1"), "line 2: serial_steps is '-1'"),
        ((f"{WORK},transfer_bytes", "0,1,1,1,all"), "line 2: transfer_bytes is 'all'"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, lines: tuple[str, ...], words: str) -> None:
    assert words in error_of(write(tmp_path, *lines))


def test_other_times_of_a_table_of_work_are_ignored(tmp_path: Path) -> None:
    pool = load_trace(write(tmp_path, f"{WORK},wait_time_s", "0,1e12,1,1,0")).pool
    assert pool.is_plain


def test_the_precision_may_be_an_argument(tmp_path: Path) -> None:
    path = write(tmp_path, WORK, "0,1e12,1,1", "1,1e12,1,1")
    workload = resolve_workload(f"{path}?precision=fp16")
    assert workload.name == "csv:tasks.csv?precision=fp16"
    assert workload.pool.precisions == ("fp16",)
    with pytest.raises(HybridClusterError, match="unknown precision of csv traces 'half'"):
        resolve_workload(f"{path}?precision=half")
    path = write(tmp_path, f"{WORK},precision", "0,1e12,1,1,fp16")
    assert "the file has a column precision" in error_of(f"{path}?precision=int8")
    path = write(tmp_path, TIMES, "0,1,1,1")
    assert "the file has times" in error_of(f"{path}?precision=int8")


def test_the_precision_of_jobs_may_be_an_argument(tmp_path: Path) -> None:
    path = tmp_path / "log.swf"
    path.write_text("1 0 0 100 4 -1 -1 4 -1 -1 1 1 1 1 1 1 -1 -1\n")
    assert resolve_workload(f"{path}?precision=fp64").pool.precisions == ("fp64",)
