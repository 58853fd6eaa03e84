"""One command for a machine with a GPU, tried on the CPU."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest

from cpu_gpu_env import Device
from cpu_gpu_env.model.profile import device_catalogue, load_profile
from cpu_gpu_env.profiler import machine, validation
from cpu_gpu_env.profiler.kernels import gemm, triad
from cpu_gpu_env.profiler.machine_state import MachineState
from cpu_gpu_env.profiler.noise import Noise
from cpu_gpu_env.profiler.samples import Kernel, Sample
from cpu_gpu_env.profiler.special_kernels import cholesky, lu, product
from cpu_gpu_env.profiler.timing import Effort
from cpu_gpu_env.profiler.validation import Validation

pytest.importorskip("stable_baselines3")
command = pytest.importorskip("cpu_gpu_env.scripts.profile_gpu")

INSTANT = Effort(kernel_s=0.0, run_s=1.0, rounds=1, limit_s=0.0, watch_s=0.0, load_s=0.0)


def fitted() -> dict[str, list[Kernel]]:
    return {"gemm": [gemm(n, n, n) for n in (64, 128)], "triad": [triad(2**e) for e in (14, 18)]}


def special() -> dict[str, list[Kernel]]:
    return {"gemm fp64": [product("fp64", 64, 64, 64)], "cholesky": [cholesky(16)]}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = [target for target in machine.find_targets() if target.kind == "cpu"]
    for module in (machine, validation, command):
        monkeypatch.setattr(module, "find_targets", lambda: targets)
    for module in (machine, validation):
        monkeypatch.setattr(module, "fitted_kernels", fitted)
        monkeypatch.setattr(module, "special_kernels", special)
    unseen = {"rectangular gemm": [gemm(60, 80, 100, kind="rectangular gemm")]}
    monkeypatch.setattr(validation, "unseen_kernels", lambda: unseen)
    monkeypatch.setattr(
        validation, "unseen_special_kernels", lambda: {"other lu": [lu(24, "other lu")]}
    )
    monkeypatch.setattr(validation, "kernels_beyond", dict)
    monkeypatch.setattr(validation, "watch_state", lambda *_: MachineState(None, time.perf_counter))
    monkeypatch.setattr(command, "QUICK", INSTANT)


def run(output: Path, *arguments: str) -> int:
    code: int = command.main(["--quick", "--output", str(output), "--steps", "64", *arguments])
    return code


def test_it_measures_judges_and_trains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--device", "cpu") == 0
    printed = capsys.readouterr().out
    assert "torch sees no GPU here" in printed
    assert "training on cpu: 64 of 64 steps" in printed
    cluster = load_profile(tmp_path / "profile.json")
    assert cluster.gpus == (device_catalogue()["a100-80gb"],)
    (judged,) = json.loads((tmp_path / "validation" / "validation.json").read_text())
    assert [k["kind"] for k in judged["kernels"]] == ["rectangular gemm", "other lu"]
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["training"]["device"] == "cpu"
    assert not report["training"]["out_of_time"]
    assert (tmp_path / "training" / "last.zip").exists()
    (measured,) = report["devices"]  # that of the catalogue was not measured
    assert measured["figures"]["flops_fp64"]["measured"] == cluster.cpus[0].flops_fp64
    assert report["ratios"] is None


def test_the_training_ends_when_time_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LIMIT_S", 0.0)
    assert run(tmp_path, "--steps", "100000") == 0
    training = json.loads((tmp_path / "report.json").read_text())["training"]
    assert training["out_of_time"]
    assert 0 < training["steps"] < 10_000


def test_a_device_that_is_not_there_is_told_before_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "new", "--device", "cuda:99") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: device 'cuda:99' cannot be used")
    assert "allowed: 'cpu'" in line
    assert not list((tmp_path / "new").glob("*.json"))


def judged(device: Device, times_s: dict[str, float]) -> Validation:
    unseen = [
        Sample(kind, (1,), 8.0, 8.0, 8.0, time_s, 0.0, (time_s,))
        for kind, time_s in times_s.items()
    ]
    return Validation(device, unseen, [], {}, Noise(0.0, 0.0), [], 0, 1.0, True, [], {})


def test_ratios_by_hand() -> None:
    # Predicted 8 s and 2 s, so a ratio of 4; measured 4, 8 and, on one alone, nothing.
    cpu = Device("cpu", "cpu", 1.0, 1e30, math.inf, 0.0, 0.0, 0.0)
    gpu = Device("gpu", "gpu", 4.0, 1e30, math.inf, 0.0, 0.0, 0.0, link_bandwidth=1.0)
    ratios = command.compare_ratios(
        [judged(cpu, {"a": 8.0, "b": 8.0, "c": 1.0}), judged(gpu, {"a": 2.0, "b": 1.0})]
    )
    assert ratios["of"] == "cpu / gpu"
    assert [(k["kernel"], k["measured"], k["predicted"]) for k in ratios["kernels"]] == [
        ("a 1", 4.0, 4.0),
        ("b 1", 8.0, 4.0),
    ]
    assert ratios["median_factor"] == pytest.approx(math.sqrt(2.0))
    assert ratios["worst_factor"] == pytest.approx(2.0)
    assert command.compare_ratios([judged(cpu, {"a": 1.0})]) is None


def test_a_device_of_the_catalogue_is_set_beside_it() -> None:
    def figure(value: float) -> dict[str, Any]:
        return {"value": value, "status": "measured", "source": "measured"}

    t4 = device_catalogue()["t4"]
    raw = {"device": "Tesla T4", "missing": {"fp8": "no"}, "power_w": {"idle": 9.0}}
    entry = {"name": "tesla-t4", "kind": "gpu", "flops": figure(2 * t4.flops), "raw": raw}
    (compared,) = command.compare_with_catalogue({"devices": [entry, {"catalogue": "t4"}]})
    assert compared["catalogue"] == "t4"
    assert compared["figures"]["flops"]["catalogue"] == t4.flops
    assert compared["left_out"] == {"fp8": "no"}
    training = {
        "device": "cuda",
        "steps": 1,
        "of_steps": 1,
        "steps_per_s": 1.0,
        "validation_objective": None,
        "out_of_time": False,
    }
    report = {"devices": [compared], "ratios": None, "training": training, "took_s": 1.0}
    described = command.describe(report)
    assert "2.00 x" in described
    assert "power, idle: 9.0 W" in described
