"""describe_workload.py says what can be counted by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trace_files import AZURE_HEADER, job, write, write_tasks

from cpu_gpu_env.model.profile import cluster_to_profile, resolve_cluster, save_profile
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.scripts import compare, describe_workload
from cpu_gpu_env.scripts.describe_workload import fastest_placement, fluid_placement


def run(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("COLUMNS", "100")
    picture = tmp_path / "workload.png"
    code = describe_workload.main([*arguments, "--output", str(picture)])
    assert (code == 0) == picture.exists()
    if code == 0:
        assert picture.read_bytes().startswith(b"\x89PNG")
    return code


@pytest.mark.parametrize("arguments", [[], ["pareto", "--cluster", "mixed-node"]])
def test_synthetic_workloads(
    arguments: list[str], tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(arguments, tmp_path, monkeypatch) == 0
    output = capsys.readouterr().out
    assert "not a fit to a trace" in output
    assert "Poisson at the load asked for" in output


def test_a_trace_by_hand(tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Ridges of the A100 and the EPYC lie near 10: two of four tasks are memory-bound on both.
    rows = [[3600.0 * i, 1e12 * (i + 1), [1.0, 2.0, 50.0, 100.0][i], 0.0] for i in range(4)]
    assert run([write_tasks(tmp_path / "t.csv", rows)], tmp_path, monkeypatch) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    found = {line[0]: line for line in lines if line}
    assert found["csv:t.csv:"][1:] == ["4", "tasks"]
    assert found["size"][2:] == ["1", "1.15", "2.5", "3.85", "4", "2.5"]
    assert found["epyc-7763"][2:4] == found["a100-80gb"][2:4] == ["50%", "50%"]
    assert found["span"][2] == "3"
    assert found["variation"][-1] == "0"


def test_a_drawn_intensity_is_told(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "log.swf", [job(i, 10 + i, 2) for i in range(5)])
    assert run([path], tmp_path, monkeypatch) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "swf:log.swf (intensity drawn): 5 tasks" in output
    assert "no arithmetic intensity; it is DRAWN (seed 20260)" in output


def test_placements_by_brute_force(cluster: Any) -> None:
    problem = make_problem(cluster, num_tasks=1, load=None)
    costs, objective = problem.costs, problem.objective
    fastest, fluid = fastest_placement(costs), fluid_placement(problem)
    for task in range(0, costs.num_tasks, 1_999):
        times, prices = [], []
        for action in range(6):
            cpu = [t for t in costs.cpus.time_s[:, task, action].tolist() if t >= 0]
            gpu = [t for t in costs.gpus.time_s[:, task, action].tolist() if t >= 0]
            times.append(max(min(cpu, default=0.0), min(gpu, default=0.0)))
            rates = [
                [p + objective.energy_price * w for p, w in zip(*pair, strict=True)]
                for pair in (
                    (objective.prices[0], costs.cpus.power_w[:, task, action]),
                    (objective.prices[1], costs.gpus.power_w[:, task, action]),
                )
            ]
            pools = zip(rates, (cpu, gpu), strict=True)
            prices.append(
                sum(
                    min(r * t for r, t in zip(rate, pool, strict=True))
                    for rate, pool in pools
                    if pool
                )
            )
        fits = costs.num_feasible[task]
        for scores, placement in ((times, fastest), (prices, fluid)):
            best = int(np.argmin(scores))
            fraction = costs.gpu_fractions[best] if best < fits else 0.0
            assert placement[task] == (0 if fraction == 0 else 2 if fraction == 1 else 1)


def test_bad_input_is_one_line(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.csv", [AZURE_HEADER, "2023-11-16 18:17:03,1,-1"])
    assert run([f"azure-llm:{path}"], tmp_path, monkeypatch) == 2
    error = capsys.readouterr().err
    assert error.splitlines() == [
        f"error: {path}: line 2: GeneratedTokens is '-1'; allowed: a finite number >= 0"
    ]


def test_the_other_commands_take_the_same_string(tmp_path: Path, capsys: Any) -> None:
    rows = [[0.1 * i, 1e12 * (1 + i % 5), 2.0 + i, 1e8 * i] for i in range(40)]
    workload = f"csv:{write_tasks(tmp_path / 't.csv', rows)}?part=0.5-1"
    arguments = ["--workload", workload, "--load", "trace", "--num-tasks", "12"]
    arguments += ["--schedulers", "myopic,gpu-only", "--episodes", "3"]
    assert compare.main([*arguments, "--output", str(tmp_path / "out")]) == 0
    assert "csv:t.csv?part=0.5-1" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        compare.main(["--load", "often"])
    assert "is no number from 1e-06 to 1e+06, nor 'none' nor 'trace'" in capsys.readouterr().err


def test_measured_times_stand_for_sizes(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["arrival_s,memory_bytes,cpu_time_s,gpu_time_s", "0,1e9,3,2", "1,1e9,1,4"]
    assert run([write(tmp_path / "t.csv", lines)], tmp_path, monkeypatch) == 0
    output = capsys.readouterr().out
    found = [line.split() for line in output.splitlines()]
    times = {words[2]: words[4:] for words in found if words[:2] == ["time", "on"]}
    assert times["epyc-7763"] == ["1", "1.1", "2", "2.9", "3", "2"]
    assert times["a100-80gb"] == ["2", "2.1", "3", "3.9", "4", "3"]
    assert "share of tasks (of CPU time)" in output
    for word in ("size", "intensity", "roofline", "nan"):
        assert word not in output


def test_each_precision_has_its_ridge(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = "arrival_s,size_flop,intensity_flop_per_byte,memory_bytes,precision"
    lines = [header, "0,1e12,20,0,fp32", "1,1e12,20,0,fp16"]
    device = resolve_cluster("a100-node").gpus[0]
    cluster = resolve_cluster("a100-node")
    fast = replace(device, flops_fp16=30 * device.memory_bandwidth)
    profile = cluster_to_profile(replace(cluster, devices=(*cluster.cpus, fast)))
    save_profile(profile, tmp_path / "fast.json")
    arguments = [write(tmp_path / "t.csv", lines), "--cluster", str(tmp_path / "fast.json")]
    assert run(arguments, tmp_path, monkeypatch) == 0
    found = [line.split() for line in capsys.readouterr().out.splitlines()]
    shares = {tuple(words[:-4]): words[-3] for words in found if len(words) in (5, 6)}
    assert shares["a100-80gb", "fp32"] == "0%"  # ridge below 20
    assert shares["a100-80gb", "fp16"] == "100%"  # ridge 30
