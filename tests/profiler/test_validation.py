"""Judging a profile: on its own machine, and the model on published times."""

from __future__ import annotations

import copy
import csv
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cpu_gpu_env import Device, HybridClusterError
from cpu_gpu_env.profiler import machine, validation
from cpu_gpu_env.profiler.devices import usable_cpus
from cpu_gpu_env.profiler.fit import predict_s
from cpu_gpu_env.profiler.kernels import chain, elementwise, gemm, triad
from cpu_gpu_env.profiler.machine import profile_machine
from cpu_gpu_env.profiler.machine_state import MachineState
from cpu_gpu_env.profiler.noise import Noise
from cpu_gpu_env.profiler.published import half_splits, read_published
from cpu_gpu_env.profiler.samples import Kernel, Sample
from cpu_gpu_env.profiler.special_kernels import cholesky, lu, product
from cpu_gpu_env.profiler.timing import Effort
from cpu_gpu_env.profiler.validation import Validation, validate

torch = pytest.importorskip("torch")
command = pytest.importorskip("cpu_gpu_env.scripts.validate_profile")

ROOT = Path(__file__).resolve().parents[2]
INSTANT = Effort(kernel_s=0.0, run_s=1.0, rounds=1, limit_s=0.0, watch_s=0.0, load_s=0.0)
DEVICE = Device("cpu", "cpu", 1e12, 1e11, math.inf, 0.0, 10.0, 100.0)


def fitted() -> dict[str, list[Kernel]]:
    return {
        "gemm": [gemm(n, n, n) for n in (64, 128)],
        "triad": [triad(2**e) for e in (14, 18)],
        "chain": [chain(2**16, 4)],
    }


def unseen() -> dict[str, list[Kernel]]:
    copy = elementwise("copy", 70_000, 2, 1, lambda torch, a, b: lambda: b.copy_(a))
    return {"rectangular gemm": [gemm(60, 80, 100, kind="rectangular gemm")], "copy": [copy]}


def special() -> dict[str, list[Kernel]]:
    return {
        "gemm bf16": [product("bf16", 64, 64, 64), product("bf16", 128, 128, 128)],
        "cholesky": [cholesky(n) for n in (16, 32)],
    }


def unseen_special() -> dict[str, list[Kernel]]:
    return {
        "rectangular gemm bf16": [product("bf16", 80, 96, 112, "rectangular gemm")],
        "rectangular gemm fp16": [product("fp16", 80, 96, 112, "rectangular gemm")],
        "lu": [lu(24)],
    }


def beyond() -> dict[str, list[Kernel]]:
    return {"fft": [elementwise("fft", 64, 1, 5, lambda torch, a: lambda: torch.fft.rfft(a))]}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (machine, validation):
        monkeypatch.setattr(module, "fitted_kernels", fitted)
        monkeypatch.setattr(module, "special_kernels", special)
    monkeypatch.setattr(validation, "unseen_kernels", unseen)
    monkeypatch.setattr(validation, "unseen_special_kernels", unseen_special)
    monkeypatch.setattr(validation, "kernels_beyond", beyond)
    # Others may use this machine: its state is left to test_stopwatch.py.
    monkeypatch.setattr(validation, "watch_state", lambda *_: MachineState(None, time.perf_counter))
    monkeypatch.setattr(command, "QUICK", INSTANT)
    monkeypatch.setattr(command.profile_hardware, "QUICK", INSTANT)


@pytest.fixture
def profile(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """This machine, CPU only."""
    targets = [target for target in machine.find_targets() if target.kind == "cpu"]
    monkeypatch.setattr(machine, "find_targets", lambda: targets)
    monkeypatch.setattr(validation, "find_targets", lambda: targets)
    return profile_machine([{"catalogue": "t4", "count": 2}], INSTANT)


def write(profile: dict[str, Any], folder: Path) -> Path:
    path = folder / "profile.json"
    path.write_text(json.dumps(profile))
    return path


def test_a_profile_is_judged_on_its_own_machine(
    profile: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    arguments = ["--quick", "--profile", str(write(profile, tmp_path)), "--output", str(output)]
    assert command.main(arguments) == 0
    printed = capsys.readouterr().out
    for part in ("rectangular gemm", "copy", "fft", "without caches", "plain roofline"):
        assert part in printed
    (judged,) = json.loads((output / "validation.json").read_text())
    kernels = {kernel["kind"]: kernel for kernel in judged["kernels"]}
    assert {kind for kind, kernel in kernels.items() if kernel["counted"]} == set(unseen())
    counted = [kernel for kernel in kernels.values() if kernel["counted"]]
    errors = [abs(kernel["predicted_s"] / kernel["time_s"] - 1) for kernel in counted]
    assert judged["errors"]["median"] == pytest.approx(np.median(errors))
    assert (output / "scatter.png").read_bytes().startswith(b"\x89PNG")


def test_precisions_and_serial_steps_are_judged_apart(profile: dict[str, Any]) -> None:
    (result,) = validate(profile, INSTANT)
    assert {sample.kind for sample in result.unseen} == set(unseen())
    # FP16 was not fitted, so there is nothing to judge.
    assert {sample.kind for sample in result.special} == {"rectangular gemm bf16", "lu"}
    (written,) = command.as_json([result])
    assert set(written["errors_special"]) == {"rectangular gemm bf16", "lu"}
    assert written["errors"]["count"] == len(unseen())
    assert "other precisions, and kernels with serial steps" in command.describe(result)


def chain_of(time_s: float) -> Sample:
    return Sample("lu", (1,), 1.0, 1.0, 1.0, time_s, 0.0, (time_s,), serial_steps=10.0)


def test_what_the_time_of_a_step_buys() -> None:
    # A second of work and 10 steps of 0.3 s.
    device = Device("cpu", "cpu", 1.0, 1e30, math.inf, 0.0, 10.0, 100.0, serial_step_s=0.3)
    result = judged(device=device, special=[chain_of(8.0)])
    assert result.serial_factors == pytest.approx((2.0, 8.0))
    assert "missed by a factor of 2.00 in the median, and by 8.00" in command.describe(result)
    assert judged().serial_factors is None
    assert "a step took no time" not in command.describe(judged())


BOX = {
    "size_flop": [1.0, 10.0],
    "intensity_flop_per_byte": [0.5, 5.0],
    "memory_bytes": [1.0, 100.0],
}


def test_what_lies_outside_the_fit_is_told_by_row_and_in_all() -> None:
    far = Sample("fft", (1,), 20.0, 20.0, 200.0, 1.0, 0.0, (1.0,))
    result = judged(unseen=[sample(1.0), far], ranges={"fp32": BOX})
    described = command.describe(result).splitlines()
    rows = {line.split("  ")[1]: line.split()[-1] for line in described if line.startswith("  ")}
    assert (rows["gemm"], rows["fft"], rows["all of them"]) == ("0", "1", "1")
    (summary,) = [line for line in described if "outside the range" in line]
    assert summary.startswith("1 of 2 kernels lie outside")
    assert "1 by size_flop, 1 by memory_bytes" in summary
    (written,) = command.as_json([result])
    assert written["extrapolated"] == 1
    assert [k["outside"] for k in written["kernels"]] == [[], ["size_flop", "memory_bytes"]]


def test_whether_all_lie_within_or_nothing_is_known_is_told() -> None:
    within = command.describe(judged(ranges={"fp32": BOX}))
    assert "all 1 kernels lie within the range of what was fitted" in within
    (written,) = command.as_json([judged()])
    assert (written["extrapolated"], written["kernels"][0]["outside"]) == (None, None)
    unknown = command.describe(judged())
    assert "outside what was fitted: not known" in unknown
    assert "not known" in next(line for line in unknown.splitlines() if "all of them" in line)


def test_a_profile_from_before_there_were_ranges_is_judged(profile: dict[str, Any]) -> None:
    entry = profile["devices"][0]
    del entry["raw"]["fit"]["range"]
    plain = [s for s in entry["raw"]["samples"] if s["precision"] == "fp32"]
    entry["raw"]["samples"] = [s for s in plain if not s["serial_steps"]]
    for row in entry["raw"]["samples"]:
        del row["precision"], row["serial_steps"]
    (result,) = validate(profile, INSTANT)
    assert (result.ranges, result.special) == (None, [])
    profile["devices"][0]["raw"]["fit"] = "damaged"
    (result,) = validate(profile, INSTANT)
    assert result.ranges is None


def test_predictions_are_those_of_the_profile_as_written(profile: dict[str, Any]) -> None:
    (result,) = validate(profile, INSTANT)
    figures = profile["devices"][0]
    assert result.device.flops == figures["flops"]["value"]
    assert result.device.cache_bytes == figures["cache_bytes"]["value"]


def test_ctrl_c_keeps_what_was_timed(
    profile: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(device: object) -> Callable[[], None]:
        raise KeyboardInterrupt

    last = Kernel("interrupting", (1,), 1.0, 1.0, 1.0, interrupt)
    monkeypatch.setattr(validation, "kernels_beyond", lambda: {"interrupting": [last]})
    output = tmp_path / "out"
    arguments = ["--quick", "--profile", str(write(profile, tmp_path)), "--output", str(output)]
    assert command.main(arguments) == 130
    assert "interrupted" in capsys.readouterr().err
    (judged,) = json.loads((output / "validation.json").read_text())
    timed = {kernel["kind"] for kernel in judged["kernels"]}
    assert timed == {*unseen(), "rectangular gemm bf16", "lu"}
    monkeypatch.setattr(validation, "unseen_kernels", lambda: {"interrupting": [last]})
    assert command.main([*arguments[:-1], str(tmp_path / "none")]) == 130
    assert not (tmp_path / "none").exists()


def slowed(profile: dict[str, Any], factor: float) -> dict[str, Any]:
    """A profile whose kernels took so much longer."""
    changed: dict[str, Any] = copy.deepcopy(profile)
    for sample in changed["devices"][0]["raw"]["samples"]:
        sample["time_s"] *= factor
    return changed


def test_a_machine_that_has_changed_is_told(
    profile: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(slowed(profile, 1_000.0), tmp_path)
    arguments = ["--quick", "--profile", str(path), "--output", str(tmp_path)]
    assert command.main(arguments) == 0
    assert "another state than when the profile was made" in capsys.readouterr().out
    (judged,) = json.loads((tmp_path / "validation.json").read_text())
    assert judged["other_state"]
    assert judged["drift"] == pytest.approx(1.0, abs=0.3)
    then_s = {k["kernel"]: k["then_s"] for k in judged["retimed"]}
    assert set(then_s) == {k.label for kernels in fitted().values() for k in kernels}
    for sample in profile["devices"][0]["raw"]["samples"]:
        if sample["kind"] in fitted():
            assert sample["time_s"] * 1_000.0 in then_s.values()
    # They are witnesses, no judges.
    assert not {kernel["kind"] for kernel in judged["kernels"]} & set(fitted())


def test_times_of_another_host_are_no_witnesses(profile: dict[str, Any]) -> None:
    (result,) = validate(slowed(profile, 1_000.0), INSTANT, any_host=True)
    assert result.retimed == []
    assert result.drift is None
    assert not result.other_state


@pytest.mark.parametrize("damage", ["soon", 0.0, -1.0, math.inf, None])
def test_damaged_times_are_one_error(profile: dict[str, Any], damage: Any) -> None:
    profile["devices"][0]["raw"]["samples"][0]["time_s"] = damage
    with pytest.raises(HybridClusterError, match="'raw' holds no kernel times"):
        validate(profile, INSTANT)


def sample(time_s: float) -> Sample:
    return Sample("gemm", (1,), 1.0, 1.0, 1.0, time_s, 0.0, (time_s,))


def judged(**changes: Any) -> Validation:
    """A validation of one kernel on a calm machine, but for some changes."""
    calm = Validation(DEVICE, [sample(1.0)], [], {}, Noise(0.0, 0.0), [], 0, 1.0, True, [], {})
    return replace(calm, **changes)


@pytest.mark.parametrize(
    ("now_s", "drift", "other"),
    [((1.1, 1.3, 3.0), 0.3, True), ((1.1, 0.8, 3.0), 0.2, False), ((0.5, 0.6, 1.0), 0.4, True)],
)
def test_drift_is_a_median(now_s: tuple[float, ...], drift: float, other: bool) -> None:
    retimed = [(sample(1.0), sample(time_s)) for time_s in now_s]
    result = judged(retimed=retimed)
    assert result.drift == pytest.approx(drift)
    assert result.other_state is other
    assert len(command.doubts(result)) == other


@pytest.mark.parametrize(
    ("disturbed", "others", "noisy"),
    [(0.34, 0.02, True), (0.05, 0.5, True), (0.05, 0.02, False), (0.05, None, False)],
)
def test_noise_is_told_with_its_share(disturbed: float, others: float | None, noisy: bool) -> None:
    result = judged(noise=Noise(disturbed, others))
    assert result.noise.is_noisy is noisy
    (written,) = command.as_json([result])
    assert (written["noisy"], written["disturbed_share"]) == (noisy, disturbed)
    described = command.describe(result)
    assert ("do not trust these errors" in described) is noisy
    if noisy:
        assert f"{disturbed:.0%} of the kernels were disturbed" in described
        assert f"other programs used {others:.0%} of the CPUs" in described


def test_a_state_other_than_the_profiles_is_told() -> None:
    result = judged(state_found=False, state_share=0.4)
    assert result.other_state
    (doubt,) = command.doubts(result)
    assert "another state than when the profile was made" in doubt
    assert "as when it was profiled" not in command.describe(result)
    assert "as when it was profiled" not in command.describe(judged(state_share=0.4))
    found = command.describe(judged(elsewhere=[sample(2.0)], left_out=3, state_share=0.4))
    assert "as when it was profiled 40% of the time" in found
    assert "3 kernels not timed then are left out" in found


def test_errors_in_other_states_are_counted_apart() -> None:
    rated = Device("cpu", "cpu", 1.0, 1.0, math.inf, 0.0, 10.0, 100.0)  # 1 s for the kernel below
    result = judged(device=rated, unseen=[sample(1.0), sample(1.25)], elsewhere=[sample(4.0)])
    assert result.errors(result.unseen).median == pytest.approx(0.1)
    (written,) = command.as_json([result])
    assert written["errors_elsewhere"] == {"median": 0.75, "p90": 0.75, "count": 1}
    assert "in other states" in command.describe(result)
    assert command.as_json([judged()])[0]["errors_elsewhere"] is None


def test_kernels_not_timed_in_the_state_of_the_profile_are_left_out(
    profile: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed(rounds_s: tuple[float, ...]) -> list[Sample]:
        return [
            Sample(
                k.kind, k.shape, k.flop, k.traffic_bytes, k.memory_bytes, 1.0, 0.0, r, (3.0, 1.0)
            )
            for (k, *_), r in zip(unseen().values(), (rounds_s, ()), strict=True)
        ]

    monkeypatch.setattr(validation.Stopwatch, "samples", lambda self: timed((1.0, 1.0)))
    (result,) = validate(profile, INSTANT)
    assert [s.kind for s in result.unseen] == ["rectangular gemm"]
    assert (result.left_out, [s.time_s for s in result.elsewhere]) == (1, [1.5, 1.5])
    assert result.noise.disturbed_share == 0.5
    monkeypatch.setattr(validation.Stopwatch, "samples", lambda self: timed(()))
    (result,) = validate(profile, INSTANT)
    assert (len(result.unseen), result.left_out, result.other_state) == (2, 0, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("time_s", 10**30 * 10),
        ("time_s", True),
        ("flop", 10**400),
        ("flop", "x"),
        ("flop", 0),
        ("traffic_bytes", [1, [2]]),
        ("memory_bytes", {}),
        ("memory_bytes", -1.0),
        ("rounds_s", [-1.0]),
        ("rounds_s", "12"),
        ("shape", 3),
        ("precision", "fp12"),
        ("precision", ["fp16"]),
        ("serial_steps", -1),
        ("serial_steps", "many"),
    ],
)
def test_any_damage_of_a_sample_is_one_error_before_measuring(
    profile: dict[str, Any], field: str, value: Any
) -> None:
    profile["devices"][0]["raw"]["samples"][0][field] = value
    steps: list[str] = []
    with pytest.raises(HybridClusterError, match="'raw' holds no kernel times"):
        validate(profile, INSTANT, progress=lambda label, total: steps.append(label))
    assert steps == []


def test_times_of_a_single_kernel_are_refused_before_measuring(profile: dict[str, Any]) -> None:
    raw = profile["devices"][0]["raw"]
    raw["samples"] = raw["samples"][:1]
    with pytest.raises(HybridClusterError, match="the times of 1 kernels; allowed: at least 2"):
        validate(profile, INSTANT)


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="needs /proc/stat of Linux")
def test_a_steady_load_of_others_is_seen(profile: dict[str, Any]) -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as spinner:
        try:
            time.sleep(0.1)
            (result,) = validate(profile, replace(INSTANT, kernel_s=0.05))
        finally:
            spinner.kill()
    assert result.noise.used_by_others is not None
    assert result.noise.used_by_others > 0.2 / (os.cpu_count() or 1)


def test_a_profile_made_on_a_noisy_machine_is_told(
    profile: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for noisy in (True, False):
        profile["measurement"]["noisy"] = noisy
        path = write(profile, tmp_path)
        assert command.main(["--quick", "--profile", str(path), "--output", str(tmp_path)]) == 0
        said = capsys.readouterr().out
        assert (f"{path} was itself measured on a noisy machine" in said) is noisy


def test_witnesses_are_the_smallest_middle_and_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = {"gemm": [gemm(n, n, n) for n in range(1, 8)], "triad": [triad(8)]}
    monkeypatch.setattr(validation, "fitted_kernels", lambda: kernels)
    timed = [
        Sample("gemm", (n, n, n), 1.0, 1.0, 1.0, 1.0, 0.0, (1.0,)) for n in (1, 2, 3, 4, 5)
    ]  # the largest two took too long
    chosen = validation._witnesses(timed)
    assert {kind: [k.shape[0] for k in of_kind] for kind, of_kind in chosen.items()} == {
        "gemm": [1, 3, 5]
    }


def test_kernels_that_fail_are_named(
    profile: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(device: object) -> Callable[[], None]:
        raise RuntimeError("not here")

    broken = Kernel("broken", (1,), 1.0, 1.0, 1.0, fail)
    monkeypatch.setattr(validation, "unseen_kernels", lambda: unseen() | {"broken": [broken]})
    (result,) = validate(profile, INSTANT)
    assert result.missing == {"broken 1": "not here"}


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("host", "0123456789abcdef", "another one"),
        ("host_cpu", "Some CPU", "another CPU"),
        ("logical_cpus", usable_cpus() + 1, "as many CPUs"),
        ("threads", 1_000, "give --threads the same number"),
    ],
)
def test_another_host_or_setting_is_recognised(
    field: str,
    value: Any,
    expected: str,
    profile: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    profile["measurement"][field] = value
    path = write(profile, tmp_path)
    arguments = ["--quick", "--profile", str(path), "--output", str(tmp_path / "out")]
    assert command.main(arguments) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"error: {path}: field {field!r}")
    assert repr(value) in error
    assert expected in error
    assert not (tmp_path / "out").exists()
    assert command.main([*arguments, "--any-host"]) == 0


def test_threads_of_the_command_are_compared(profile: dict[str, Any]) -> None:
    profile["measurement"]["threads"] = 1
    assert validate(profile, INSTANT, threads=1)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda p: p.pop("measurement"), "'measurement' is missing"),
        (lambda p: p["devices"].pop(0), "no device carries measurements"),
        (lambda p: p.pop("devices"), "'devices' is missing"),
        (lambda p: p["devices"][0]["raw"].pop("samples"), "holds no kernel times"),
        (lambda p: p["devices"][0].update(flops=-1), "'flops'"),
        (lambda p: p["devices"][0].update(name="other"), "none of its devices is here: other"),
    ],
)
def test_what_cannot_be_judged_is_told(
    change: Callable[[dict[str, Any]], object], expected: str, profile: dict[str, Any]
) -> None:
    change(profile)
    with pytest.raises(HybridClusterError, match=expected):
        validate(profile, INSTANT)


def test_without_a_profile_the_machine_is_measured_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command.main(["--quick"]) == 0
    assert "measured first" in capsys.readouterr().out
    assert (tmp_path / "runs" / "profile.json").exists()
    assert (tmp_path / "runs" / "validation" / "validation.json").exists()


@pytest.mark.parametrize("name", ["validation.json", "scatter.png"])
def test_what_is_in_the_way_of_a_file_is_told_before_measuring(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).mkdir()
    profile = ROOT / "cpu_gpu_env" / "profiles" / "a100-node.json"
    assert command.main(["--profile", str(profile), "--output", str(tmp_path)]) == 2
    assert f"{name}' exists and is no file" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "no json"])
def test_a_profile_that_cannot_be_read(
    content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_text(content)
    assert command.main(["--profile", str(path), "--output", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line


CPU = Device("cpu", "cpu", 4e12, 3e11, math.inf, 2e-5, 0, 0, ridge_sharpness=1.5)
GPU = Device("gpu", "cpu", 1.4e13, 8e11, math.inf, 1e-5, 0, 0, ridge_sharpness=2.0)


def made_up_table(path: Path, rows: int = 80, noise: float = 0.02, **changes: str) -> Path:
    """A table in the form of DeepBench's, from two devices that the model describes."""
    generator = np.random.default_rng(0)
    sizes = np.exp(generator.uniform(np.log(16), np.log(8_000), (rows, 3))).astype(int)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["M", "N", "K", "transA", "transB", "Cpu1_ms", "Gpu1_ms"])
        for m, n, k in sizes.tolist():
            (time_cpu,), (time_gpu,) = (predict_s(d, [gemm(m, n, k)]) for d in (CPU, GPU))
            factors = generator.lognormal(0.0, noise, 2)
            times = 1e3 * np.array([time_cpu, time_gpu]) * factors
            writer.writerow([m, n, k, "N", "T", *times.tolist()])
    for old, new in changes.items():
        path.write_text(path.read_text().replace(old, new))
    return path


def test_made_up_times_are_predicted_from_their_other_half(tmp_path: Path) -> None:
    results = half_splits(read_published(made_up_table(tmp_path / "a.csv")), splits=4)
    model, peak = results["whole model"], results["peak only"]
    assert set(model.device_errors) == {"Cpu1", "Gpu1"}
    # The noise alone leaves 0.67 * 2 % on a device, and sqrt(2) times that on the ratio.
    assert max(model.device_errors.values()) < 0.03
    assert model.ratio_factors["Cpu1 / Gpu1"] < 1.04
    assert min(peak.device_errors.values()) > 3 * max(model.device_errors.values())
    assert peak.ratio_factors["Cpu1 / Gpu1"] > model.ratio_factors["Cpu1 / Gpu1"]


def test_published_sizes_are_counted_like_kernels(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("M,N,K,X_ms\n" + "30,20,10,1.5\n" * 20)
    (samples,) = read_published(path).values()
    kernel = gemm(30, 20, 10)
    for field in ("shape", "flop", "traffic_bytes", "memory_bytes"):
        assert getattr(samples[0], field) == getattr(kernel, field)
    assert samples[0].time_s == 1.5e-3


def test_the_command_compares_with_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, output = made_up_table(tmp_path / "a.csv"), tmp_path / "out"
    assert command.main(["--published", str(table), "--output", str(output)]) == 0
    assert "Cpu1 / Gpu1" in capsys.readouterr().out
    written = json.loads((output / "published.json").read_text())
    assert written["results"]["whole model"]["device_errors"]["Cpu1"] < 0.05


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "columns are none"),
        ("M,N,X_ms\n1,2,3\n", "allowed: M, N, K"),
        ("M,N,K\n1,2,3\n", "ends with _ms"),
        ("M,N,K,X_ms\n1,2,3,4\n", "1 rows; allowed: at least 20"),
        ("M,N,K,X_ms\n" + "1,2,3,4\n" * 20 + "1,2,3,-4\n", r"line 22: X_ms is '-4'"),
        ("M,N,K,X_ms\n" + "1,2,3,4\n" * 20 + "1,2,many,4\n", r"line 22: K is 'many'"),
        ("M,N,K,X_ms\n" + "1,2,3,4\n" * 20 + "1,2,3\n", r"line 22: X_ms is None"),
        ("M,N,K,X_ms\n" + "1,2,3,nan\n" * 20, r"line 2: X_ms is 'nan'"),
    ],
)
def test_a_bad_table_is_named(content: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(HybridClusterError, match=expected) as caught:
        read_published(path)
    assert str(path) in str(caught.value)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(HybridClusterError, match="cannot read the table"):
        read_published(tmp_path / "missing.csv")


def test_deepbench_is_predicted_from_its_other_half() -> None:
    data = Path(os.environ.get("HYBRIDCLUSTER_DATA", ROOT.parent / "shared" / "data"))
    table = data / "deepbench" / "gemm_fp32_knl_v100.csv"
    if not table.is_file():
        pytest.skip(f"no DeepBench times at {table}; HYBRIDCLUSTER_DATA names its folder")
    model = half_splits(read_published(table), splits=5)["whole model"]
    assert max(model.device_errors.values()) < 0.08
    assert model.ratio_factors["KNL7250 / V100"] < 1.1
