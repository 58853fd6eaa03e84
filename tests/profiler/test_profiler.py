"""Measuring this machine: the figures, the file, and what happens when something is wrong."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.machine_limits import CPULimit
from cpu_gpu_env.model.cluster import DEVICE_FIGURES
from cpu_gpu_env.model.profile import device_catalogue, load_profile, parse_devices
from cpu_gpu_env.profiler import devices, figures, machine, machine_state
from cpu_gpu_env.profiler.devices import Target, cpu_name, slug
from cpu_gpu_env.profiler.fit import fit_cost_model
from cpu_gpu_env.profiler.kernels import chain, gemm, reduction, triad
from cpu_gpu_env.profiler.machine import profile_machine
from cpu_gpu_env.profiler.power import EnergyCounter, NoCounter
from cpu_gpu_env.profiler.samples import Kernel, Sample, samples_of
from cpu_gpu_env.profiler.special_kernels import FORMATS, cholesky, product
from cpu_gpu_env.profiler.timing import QUICK, Effort

torch = pytest.importorskip("torch")
command = pytest.importorskip("cpu_gpu_env.scripts.profile_hardware")

INSTANT = Effort(kernel_s=0.0, run_s=100.0, rounds=1, limit_s=0.0, watch_s=0.0, load_s=0.001)
NO_COUNTER = NoCounter("it is a test")
BRIEF = replace(QUICK, limit_s=0.0, run_s=100.0)
WIDE = 8.0
"""Factor between two ways of measuring, on a machine that others may be using."""


def small_kernels() -> dict[str, list[Kernel]]:
    """The kernels that the fit sees, in sizes that take no time."""
    return {
        "gemm": [gemm(n, n, n) for n in (64, 128, 256)],
        "batched gemm": [gemm(32, 32, 32, 16, kind="batched gemm")],
        "triad": [triad(2**e) for e in (12, 16, 20)],
        "chain": [chain(2**16, 4)],
        "sum": [reduction(2**e) for e in (14, 18)],
    }


def small_special_kernels() -> dict[str, list[Kernel]]:
    """Kernels of other precisions and with serial steps, in sizes that take no time."""
    return {
        **{f"gemm {name}": [product(name, n, n, n) for n in (64, 128)] for name in FORMATS},
        "cholesky": [cholesky(n) for n in (16, 32, 64)],
    }


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "fitted_kernels", small_kernels)
        patch.setattr(machine, "special_kernels", dict)
        yield


@pytest.fixture(scope="module")
def measured(small: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real measurement of small kernels, with GPUs of the catalogue."""
    path = tmp_path_factory.mktemp("measured") / "here.json"
    gpus = "a100-80gb:2 + t4:2"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "QUICK", BRIEF)
        patch.setattr(machine, "special_kernels", small_special_kernels)
        # One thread: others would wait for one another on a machine that is in use.
        arguments = ["--quick", "--threads", "1", "--gpus", gpus, "--output", str(path)]
        assert command.main(arguments) == 0
    return path


@pytest.fixture
def instant(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes --quick instant, for tests in which the figures do not matter."""
    monkeypatch.setattr(command, "QUICK", INSTANT)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides what GPUs the machine may have."""
    targets = [target for target in devices.find_targets() if target.kind == "cpu"]
    monkeypatch.setattr(machine, "find_targets", lambda: targets)


def fake_gpu(name: str = "NVIDIA Test", counter: EnergyCounter | NoCounter = NO_COUNTER) -> Target:
    """The CPU in the role of three GPUs."""
    return Target(torch.device("cpu"), name, "gpu", 2**30, counter, count=3)


def profile_of(target: Target) -> dict[str, Any]:
    """Entry of a profile for one target."""
    session = machine._Session(target, INSTANT, threads=1)
    entry: dict[str, Any] = session.measure(lambda label: None)
    return entry


def cpu_entry(path: Path) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(path.read_text())["devices"][0]
    return entry


def run_quick(output: Path, *arguments: str) -> int:
    code: int = command.main(["--quick", "--output", str(output), *arguments])
    return code


def best_time(run: Callable[[], object], repeats: int = 7) -> float:
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


def test_with_catalogue_gpus_it_is_a_cluster(measured: Path) -> None:
    cluster = load_profile(measured)
    assert cluster.name == f"{slug(cpu_name())}:1 + a100-80gb:2 + t4:2"
    assert len(cluster.cpus) == 1
    expected = (device_catalogue()["a100-80gb"],) * 2 + (device_catalogue()["t4"],) * 2
    assert cluster.gpus[-4:] == expected


def test_each_measured_figure_says_how(measured: Path) -> None:
    entry = cpu_entry(measured)
    figures = [field for field in DEVICE_FIGURES if field in entry]
    assert set(figures) >= {"flops", "memory_bandwidth", "launch_s", "idle_power_w"}
    for field in figures:
        assert entry[field]["status"] in ("measured", "estimated")
        assert entry[field]["source"].startswith(entry[field]["status"])
    for field in ("flops", "memory_bandwidth", "launch_s"):
        assert entry[field]["status"] == "measured"


def test_samples_stay_beside_the_fit(measured: Path) -> None:
    samples = [sample for sample in samples_of(cpu_entry(measured)) if sample.is_plain]
    expected = {kernel.label for kernels in small_kernels().values() for kernel in kernels}
    assert {sample.label for sample in samples} == {*expected, "one operation 1"}
    for sample in samples:
        assert sample.time_s == pytest.approx(min(sample.rounds_s or sample.elsewhere_s), rel=1e-3)


def test_the_rate_is_about_that_of_the_fastest_product(measured: Path) -> None:
    products = samples_of(cpu_entry(measured), ["gemm", "batched gemm"])
    fastest = max(sample.flop / sample.time_s for sample in products)
    assert 0.3 * fastest < cpu_entry(measured)["flops"]["value"] < 10 * fastest


def test_every_precision_that_runs_is_measured(measured: Path) -> None:
    entry, cpu = cpu_entry(measured), load_profile(measured).cpus[0]
    left_out = entry["raw"]["missing"]
    assert "tf32" not in left_out  # no news
    assert "flops_tf32" not in entry
    for precision in ("fp64", "bf16", "fp16", "fp8", "int8"):
        field = f"flops_{precision}"
        assert (field in entry) is (precision not in left_out)
        if field in entry:
            assert entry[field]["status"] == "measured"
            assert entry[field]["source"].startswith("measured by a fit to 2 kernels (gemm ")
            assert cpu.attained_flops(precision) == entry[field]["value"]
            fastest = max(s.flop / s.time_s for s in samples_of(entry, [f"gemm {precision}"]))
            assert 0.3 * fastest < entry[field]["value"] < 1_000 * fastest
    assert "flops_fp64" in entry


def test_the_time_of_a_serial_step_is_measured(measured: Path) -> None:
    entry = cpu_entry(measured)
    step, fitted = entry["serial_step_s"], entry["raw"]["fit"]["special"]["serial_step_s"]
    assert step["status"] == "measured"
    assert load_profile(measured).cpus[0].serial_step_s == step["value"]
    slowest = max(s.time_s / s.serial_steps for s in samples_of(entry, ["cholesky"]))
    assert 0.0 <= step["value"] <= slowest * 1.001
    assert fitted["errors"]["count"] == 3
    assert f"misses them by {fitted['errors']['median']:.0%}" in step["source"]


def test_the_range_of_what_was_fitted_is_kept(measured: Path) -> None:
    ranges = cpu_entry(measured)["raw"]["fit"]["range"]
    assert ranges["fp32"]["size_flop"] == [2.0 * 2**12, 2.0 * 256**3]
    assert ranges["fp64"]["memory_bytes"] == [8.0 * 3 * 64**2, 8.0 * 3 * 128**2]
    assert ranges["serial steps"]["serial_steps"] == [16.0, 64.0]


def test_precisions_are_described_with_what_they_miss(measured: Path) -> None:
    profile = json.loads(measured.read_text())
    described = command.describe(profile)
    rate = profile["devices"][0]["flops_fp64"]["value"] / 1e9
    assert f"fp64: {rate:,.0f} GFLOP/s, misses its products by" in described
    assert "a serial step: " in described


@pytest.mark.usefixtures("instant")
def test_a_metered_device_has_the_power_of_every_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {f"gemm {name}": [product(name, 64, 64, 64)] for name in ("fp64", "bf16")}
    monkeypatch.setattr(machine, "special_kernels", lambda: few)
    counter = lambda: 7.0 * time.perf_counter()  # noqa: E731
    entry = profile_of(Target(torch.device("cpu"), "A CPU", "cpu", 2**30, counter))
    measured = {name for name in FORMATS if f"flops_{name}" in entry}
    expected = {"idle", "compute", "memory", *(f"compute {name}" for name in measured)}
    assert set(entry["raw"]["power_w"]) == expected
    assert "(gemm)" in entry["active_power_w"]["source"]


def test_it_records_what_made_it(measured: Path) -> None:
    provenance = json.loads(measured.read_text())["measurement"]
    assert provenance["torch"] == torch.__version__
    assert provenance["python"] == ".".join(map(str, sys.version_info[:3]))
    assert provenance["threads"] == 1
    assert provenance["date"].endswith("+00:00")
    assert provenance["host_cpu"]
    assert provenance["logical_cpus"] >= 1
    assert len(provenance["host"]) == 16
    assert provenance["noisy"] in (True, False)


def test_flops_agree_with_numpy(measured: Path) -> None:
    n = 1024
    a, b = np.random.default_rng(0).random((2, n, n), dtype=np.float32)
    out = np.empty_like(a)
    numpy_flops = 2 * n**3 / best_time(lambda: np.matmul(a, b, out=out))
    assert 1 / WIDE < cpu_entry(measured)["flops"]["value"] / numpy_flops < WIDE


def test_memory_bandwidth_agrees_with_numpy(measured: Path) -> None:
    source = np.ones(2**24, np.float64)
    target = np.ones_like(source)
    numpy_bandwidth = 2 * source.nbytes / best_time(lambda: np.copyto(target, source))
    ratio = cpu_entry(measured)["memory_bandwidth"]["value"] / numpy_bandwidth
    assert 1 / WIDE < ratio < WIDE


@pytest.mark.usefixtures("instant", "no_gpu")
def test_what_was_measured_is_kept_if_its_file_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, elsewhere = tmp_path / "a.json", tmp_path / "tmp"
    elsewhere.mkdir()
    for folder, gpus in ((elsewhere, ["--gpus", "t4:1"]), (tmp_path / "missing", [])):
        monkeypatch.setattr("tempfile.tempdir", str(folder))

        def in_the_way(bar: object) -> Callable[[str, int], None]:
            return lambda label, total: path.mkdir(exist_ok=True)

        monkeypatch.setattr(command, "show_progress", in_the_way)
        assert run_quick(path, *gpus) == 2
        path.rmdir()
        out, error = capsys.readouterr()
        line = error.splitlines()[-1]
        assert f"cannot write {path}: " in line
        if folder.exists():
            kept = Path(line.rpartition(" is in ")[2]).read_text()
        else:
            assert line.endswith("the profile is printed")
            kept = out[out.index("{\n") : out.index("\n}\n") + 2]
        assert json.loads(kept)["devices"][0]["flops"]["value"] > 0


@pytest.mark.usefixtures("instant", "no_gpu")
def test_without_any_gpu_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "cpu.json"
    assert run_quick(path) == 0
    printed = capsys.readouterr().out
    assert "CPU-only" in printed
    assert "--gpus" in printed
    assert printed.splitlines()[-1] == f"written: {path}"
    profile = json.loads(path.read_text())
    assert [entry["kind"] for entry in profile["devices"]] == ["cpu"]
    assert "CPU only" in profile["description"]
    with pytest.raises(HybridClusterError, match="has no gpu"):
        load_profile(path)


@pytest.mark.usefixtures("instant", "no_gpu")
def test_adding_gpus_to_the_devices_completes_a_cpu_only_profile(tmp_path: Path) -> None:
    path = tmp_path / "cpu.json"
    run_quick(path)
    profile = json.loads(path.read_text())
    profile["devices"].append({"catalogue": "t4", "count": 4})
    path.write_text(json.dumps(profile))
    assert len(load_profile(path).gpus) == 4


@pytest.mark.parametrize(
    ("gpus", "expected"),
    [
        ("a100:4", "Did you mean 'a100-80gb'"),
        ("", "''"),
        ("a100-80gb + ", "''"),
        ("epyc-7763:1", "'epyc-7763'"),
        ("a100-80gb:0", "'0'"),
        ("a100-80gb:-1", "'-1'"),
        ("a100-80gb:1.5", "'1.5'"),
        ("a100-80gb:many", "'many'"),
        ("a100-80gb:1000000000", "1000000000"),
    ],
)
def test_bad_gpus_are_one_line_and_nothing_is_written(
    gpus: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "profile.json"
    assert run_quick(path, "--gpus", gpus) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert expected in error
    assert not path.exists()


@pytest.mark.parametrize("threads", ["-1", "1000000"])
def test_threads_out_of_range(
    threads: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_quick(tmp_path / "profile.json", "--threads", threads) == 2
    assert f"threads is {threads}; allowed: 1 to " in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_found_before_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "profile_machine", lambda **_: pytest.fail("measured"))
    (tmp_path / "file").write_text("kept")
    for output in (tmp_path, tmp_path / "file" / "profile.json"):
        assert run_quick(output) == 2
        error = capsys.readouterr().err
        assert len(error.splitlines()) == 1
        assert str(output) in error


@pytest.mark.usefixtures("instant", "no_gpu")
def test_ctrl_c_keeps_the_old_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> dict[str, list[Kernel]]:
        raise KeyboardInterrupt

    monkeypatch.setattr(machine, "fitted_kernels", interrupt)
    path = tmp_path / "profile.json"
    path.write_text("old")
    assert run_quick(path) == 130
    assert "interrupted" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["profile.json"]
    assert path.read_text() == "old"


def broken(kind: str, why: Exception) -> list[Kernel]:
    def fail(device: object) -> Callable[[], None]:
        raise why

    return [Kernel(kind, (1,), 1.0, 1.0, 1.0, fail)]


@pytest.mark.usefixtures("instant", "no_gpu")
def test_kernels_that_fail_leave_a_profile_that_names_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = small_kernels() | {
        "gemm": broken("gemm", RuntimeError("no BLAS here\nat a place")),
        "batched gemm": broken("batched gemm", MemoryError()),
        "chain": [chain(2**14, 2), chain(2**16, 4)],
    }
    monkeypatch.setattr(machine, "fitted_kernels", lambda: kernels)
    path = tmp_path / "profile.json"
    assert run_quick(path, "--gpus", "t4:1") == 0
    said = capsys.readouterr().err
    assert "no gemm 1: no BLAS here" in said
    assert "no batched gemm 1: out of memory" in said
    entry = cpu_entry(path)
    assert set(entry["raw"]["missing"]) - {"energy counter"} == {"gemm 1", "batched gemm 1"}
    assert entry["flops"]["status"] == "estimated"
    assert entry["memory_bandwidth"]["status"] == "measured"
    assert load_profile(path).cpus[0].flops > 0


@pytest.mark.usefixtures("instant", "no_gpu")
def test_where_nothing_runs_it_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels = {"gemm": broken("gemm", RuntimeError("no BLAS here"))}
    monkeypatch.setattr(machine, "fitted_kernels", lambda: kernels)
    assert run_quick(tmp_path / "profile.json") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "0 kernels could be timed" in error
    assert "no BLAS here" in error
    assert not (tmp_path / "profile.json").exists()


def test_figures_of_hardly_any_kernels_are_estimated() -> None:
    samples = [
        Sample(k.kind, k.shape, k.flop, k.traffic_bytes, k.memory_bytes, 1e-3 * n, 0.0, (1e-3 * n,))
        for n, k in enumerate([gemm(512, 512, 512), triad(2**22)] * 4, start=1)
    ]
    for few, status in ((samples[:6], "estimated"), (samples[:7], "measured")):
        found = figures.fitted_figures(fit_cost_model(few), few)
        assert found["flops"]["status"] == status
        assert ("too few for 6 parameters" in found["flops"]["source"]) is (len(few) == 6)


@pytest.mark.usefixtures("instant", "no_gpu")
def test_ctrl_c_keeps_what_was_timed_once_every_kind_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(device: object) -> Callable[[], object]:
        if next(rounds) == at:
            raise KeyboardInterrupt
        return lambda: None

    last = Kernel("sum", (1,), 1.0, 4.0, 4.0, interrupt)
    monkeypatch.setattr(machine, "fitted_kernels", lambda: {**small_kernels(), "sum": [last]})
    monkeypatch.setattr(command, "QUICK", replace(INSTANT, rounds=2, limit_s=60.0))
    # Without a probe every moment is alike: a second round does not wait for a quiet machine.
    monkeypatch.setattr(machine_state, "PROBE", replace(machine_state.PROBE, memory_bytes=math.inf))
    path = tmp_path / "profile.json"
    rounds, at = iter(range(99)), 1
    assert run_quick(path, "--gpus", "t4:1") == 130
    assert "interrupted; what was finished is kept" in capsys.readouterr().err
    measurement = json.loads(path.read_text())["measurement"]
    assert measurement["interrupted"]
    assert measurement["noisy"]
    assert "Ctrl-C ended it early" in measurement["doubts"]
    assert load_profile(path).cpus[0].flops > 0
    written = path.read_text()
    rounds, at = iter(range(99)), 0
    assert run_quick(path, "--gpus", "t4:1") == 130
    assert "nothing is written" in capsys.readouterr().err
    assert path.read_text() == written


@pytest.mark.usefixtures("instant")
def test_little_memory_leaves_out_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    target = Target(torch.device("cpu"), "A CPU", "cpu", 2**18, NO_COUNTER)
    monkeypatch.setattr(machine, "find_targets", lambda: [target])
    (entry,) = profile_machine([], INSTANT)["devices"]
    assert set(entry["raw"]["missing"]) == {"batched gemm", "chain", "energy counter"}
    assert {s.label for s in samples_of(entry, ["gemm"])} == {"gemm 64x64x64"}


def test_without_torch_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert run_quick(tmp_path / "profile.json") == 2
    assert "pip install '.[train]'" in capsys.readouterr().err


@pytest.mark.usefixtures("instant", "no_gpu")
def test_settings_of_torch_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = torch.get_num_threads()
    seen = []

    def spy() -> dict[str, list[Kernel]]:
        seen.append((torch.get_num_threads(), torch.get_float32_matmul_precision()))
        return small_kernels()

    monkeypatch.setattr(machine, "fitted_kernels", spy)
    torch.set_float32_matmul_precision("high")
    try:
        profile = profile_machine([], INSTANT, threads=1)
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen == [(1, "highest")]
    assert not torch.is_inference_mode_enabled()
    assert profile["measurement"]["threads"] == 1
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures("instant")
def test_progress_announces_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = [Target(torch.device("cpu"), "A CPU", "cpu", 2**30, NO_COUNTER), fake_gpu()]
    monkeypatch.setattr(machine, "find_targets", lambda: targets)
    steps: list[tuple[str, int]] = []
    profile_machine([], INSTANT, progress=lambda *step: steps.append(step))
    assert [total for _, total in steps] == [len(steps)] * len(steps)
    assert steps[0][0] == "a-cpu: gemm, round 1 of 1"
    assert steps[-1][0] == "nvidia-test: power"


@pytest.mark.usefixtures("instant")
def test_a_machine_with_gpus_is_a_cluster_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [Target(torch.device("cpu"), "A CPU", "cpu", 2**30, NO_COUNTER), fake_gpu()]
    monkeypatch.setattr(machine, "find_targets", lambda: targets)
    path = tmp_path / "gpus.json"
    assert run_quick(path) == 0
    assert "CPU-only" not in capsys.readouterr().out
    cluster = load_profile(path)
    assert cluster.device_names[1:] == tuple(f"nvidia-test #{index}" for index in range(3))
    gpu = cluster.gpus[0]
    assert gpu.memory_bytes == pytest.approx(2**30, rel=1e-3)
    assert 1e6 < gpu.link_bandwidth < 1e13


@pytest.mark.usefixtures("instant")
def test_a_metered_gpu_has_measured_power() -> None:
    entry = profile_of(fake_gpu(counter=lambda: 7.0 * time.perf_counter()))
    for field in ("idle_power_w", "active_power_w", "memory_power_w"):
        assert entry[field]["value"] == pytest.approx(7.0, rel=0.05)
        assert entry[field]["status"] == "measured"
        assert "NVML" in entry[field]["source"]
    assert "energy counter" not in entry["raw"]["missing"]


@pytest.mark.usefixtures("instant")
def test_each_load_has_its_own_power(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Read before and after the pause, then around each of two loads.
    readings = iter([0.0, 1.0, 1.0, 5.0, 5.0, 11.0])
    entry = profile_of(fake_gpu(counter=readings.__next__))
    watts = entry["raw"]["power_w"]
    fields = {"idle": "idle_power_w", "compute": "active_power_w", "memory": "memory_power_w"}
    for load, field in fields.items():
        assert entry[field]["value"] == pytest.approx(max(watts["idle"], watts[load]), rel=1e-3)
    assert "gemm" in entry["active_power_w"]["source"]
    assert "triad" in entry["memory_power_w"]["source"]
    (device,) = parse_devices({"devices": [entry | {"count": 1}]})
    assert device.memory_power_w == entry["memory_power_w"]["value"]
    described = command.describe({"description": "", "devices": [entry]})
    assert f"{entry['memory_power_w']['value']:.3g} W when memory traffic bounds" in described


@pytest.mark.usefixtures("instant")
def test_one_load_stands_for_both_if_the_other_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(device: object) -> Callable[[], None]:
        raise RuntimeError("not here")

    kernels = {**small_kernels(), "gemm": [replace(gemm(64, 64, 64), prepare=fail)]}
    monkeypatch.setattr(machine, "fitted_kernels", lambda: kernels)
    entry = profile_of(fake_gpu(counter=lambda: 7.0 * time.perf_counter()))
    assert set(entry["raw"]["power_w"]) == {"idle", "memory"}
    assert "triad" in entry["active_power_w"]["source"]
    assert "memory_power_w" not in entry


@pytest.mark.usefixtures("instant")
def test_a_counter_that_fails_in_between_loses_nothing_else() -> None:
    def broken() -> float:
        raise OSError("the driver is gone")

    entry = profile_of(fake_gpu(counter=broken))
    assert entry["raw"]["power_w"] is None
    assert "the driver is gone" in entry["raw"]["missing"]["energy counter"]
    assert entry["active_power_w"]["status"] == "estimated"
    assert entry["flops"]["status"] == "measured"


@pytest.mark.usefixtures("instant")
def test_why_there_is_no_counter_stands_in_the_profile() -> None:
    entry = profile_of(fake_gpu(counter=NoCounter("only root may")))
    assert entry["raw"]["missing"]["energy counter"] == "only root may"
    assert entry["raw"]["power_w"] is None
    for field in ("idle_power_w", "active_power_w"):
        assert entry[field]["source"].endswith("only root may")
    assert "memory_power_w" not in entry


@pytest.mark.usefixtures("instant")
def test_active_power_is_never_below_idle_power() -> None:
    # Read before and after the pause, then around each of two loads: hardly any energy for them.
    readings = iter([0.0, 100.0, 100.0, 100.00001, 100.00001, 100.00002])
    entry = profile_of(fake_gpu(counter=readings.__next__))
    assert entry["active_power_w"]["value"] == entry["idle_power_w"]["value"] > 100


@pytest.mark.usefixtures("instant")
def test_a_counter_that_stands_still_is_as_good_as_none() -> None:
    entry = profile_of(fake_gpu("NVIDIA A100-SXM4-80GB", counter=lambda: 42.0))
    assert entry["active_power_w"]["status"] == "estimated"
    assert entry["active_power_w"]["value"] == device_catalogue()["a100-80gb"].active_power_w
    assert "stands still" in entry["active_power_w"]["source"]


def test_power_of_an_unmetered_cpu_grows_with_its_threads() -> None:
    cpu = Target(torch.device("cpu"), "A CPU", "cpu", 2**30, NO_COUNTER)
    one, all_of_them = (figures.power_figures(cpu, threads, NO_COUNTER) for threads in (1, 64))
    reference = device_catalogue()["epyc-7763"]
    assert all_of_them["active_power_w"]["value"] == reference.active_power_w
    assert one["idle_power_w"]["value"] == pytest.approx(reference.idle_power_w / 64, rel=1e-3)
    assert one["idle_power_w"]["status"] == "estimated"
    assert "epyc-7763" in one["idle_power_w"]["source"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("NVIDIA A100-SXM4-80GB", "a100-80gb"),
        ("NVIDIA H100 80GB HBM3", "h100-80gb"),
        ("Tesla T4", "t4"),
        ("Tesla V100-SXM2-32GB", "v100-32gb"),
        ("NVIDIA GeForce RTX 4090", "rtx-4090"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("NVIDIA A100-SXM4-40GB", None),
        ("NVIDIA L40S", None),
        ("AMD Instinct MI250X", "mi250x"),
    ],
)
def test_names_of_vendors_find_the_catalogue(name: str, expected: str | None) -> None:
    assert devices.catalogue_match(name) == expected


def test_warnings_name_noise_gaps_and_doubt() -> None:
    raw = {"missing": {"gemm 1": "why not"}, "fit": {"uncertainty": {"flops": 0.2, "launch_s": 3}}}
    profile = {
        "measurement": {
            "noisy": True,
            "disturbed_share": 0.6,
            "cpu_used_by_others": 0.5,
            "doubts": ["flops of x differs by 30% between halves of the rounds"],
        },
        "devices": [{"name": "x", "raw": raw}, {"catalogue": "t4", "count": 1}],
    }
    noise, gap, doubt = command.warnings_about(profile)
    assert "flops of x differs by 30%" in noise
    assert "60%" in noise
    assert "50% of the CPUs" in noise
    assert gap == "x: no gemm 1: why not"
    assert doubt == "x: flops is uncertain by 20%"
    calm = {"measurement": {"noisy": False}, "devices": [{"catalogue": "t4", "count": 1}]}
    assert command.warnings_about(calm) == []


@pytest.mark.usefixtures("instant")
def test_the_link_is_that_of_the_largest_copy() -> None:
    entry = profile_of(fake_gpu())
    copies = samples_of(entry, ["pinned copy"]) or samples_of(entry, ["pageable copy"])
    largest = max(copies, key=lambda sample: sample.traffic_bytes)
    rate = largest.traffic_bytes / largest.time_s
    assert entry["link_bandwidth"]["value"] == pytest.approx(rate, rel=1e-3)


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="needs /proc/stat of Linux")
def test_what_other_programs_use_is_seen() -> None:
    others = devices.OtherPrograms()
    spinner = "import time\nend = time.time() + 0.6\nwhile time.time() < end: pass"
    subprocess.run([sys.executable, "-c", spinner], check=True)
    share = others.share()
    assert share is not None
    assert share > 0.2 / devices.os.cpu_count()


@pytest.mark.parametrize(
    ("available", "threads", "doubted"), [(0.5, 1, True), (1.5, 1, False), (1.5, 2, True)]
)
def test_a_quota_that_stops_threads_is_a_doubt(
    available: float, threads: int, doubted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = CPULimit(available, "a quota leaves little")
    monkeypatch.setattr(devices, "cpu_limit", lambda: limit)
    found = devices.doubts_about_quota(threads)
    assert len(found) == doubted
    assert all(text.startswith("a quota leaves little, so ") for text in found)
    with devices.torch_set_up(0, 0) as chosen:
        assert chosen == 1  # by default, as many as never wait
    with devices.torch_set_up(threads, 0) as chosen:
        assert chosen == threads
    with pytest.raises(HybridClusterError, match="a quota leaves little"):
        devices.torch_set_up(limit.cpus + 1, 0).__enter__()


def test_importing_the_profiler_pulls_in_no_torch() -> None:
    code = "import sys, cpu_gpu_env.profiler.machine; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command.main(["--help"])
    assert stop.value.code == 0
    assert "example:\n  python scripts/profile_hardware.py" in capsys.readouterr().out
