"""Measuring this machine: the figures, the file, and what happens when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cpu_gpu_env import power, profiler
from cpu_gpu_env.cluster import DEVICE_FIGURES
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.profile import device_catalogue, load_profile
from cpu_gpu_env.profiler import FULL, Effort, Target, profile_machine, time_repeatedly

torch = pytest.importorskip("torch")
command = pytest.importorskip("cpu_gpu_env.scripts.profile_hardware")

INSTANT = Effort(kernel_s=0.001, run_s=0.0, idle_s=0.001)
WIDE = 8.0
"""Factor between two ways of measuring, on a machine that others may be using."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real quick measurement with GPUs of the catalogue."""
    path = tmp_path_factory.mktemp("measured") / "here.json"
    gpus = "a100-80gb:2 + t4:2"
    assert command.main(["--quick", "--gpus", gpus, "--output", str(path)]) == 0
    return path


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes --quick instant, for tests in which the figures do not matter."""
    monkeypatch.setattr(command, "QUICK", INSTANT)
    monkeypatch.setattr(profiler, "_triad_array_bytes", lambda: 2**16)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hides what GPUs the machine may have."""
    targets = [target for target in profiler._targets() if target.kind == "cpu"]
    monkeypatch.setattr(profiler, "_targets", lambda: targets)


def fake_gpu(name: str = "NVIDIA Test", counter: Callable[[], float] | None = None) -> Target:
    """The CPU in the role of three GPUs."""
    return Target(torch.device("cpu"), name, "gpu", 2**30, counter, count=3)


def profile_of(target: Target) -> dict[str, Any]:
    """Entry of a profile for one target."""
    entry: dict[str, Any] = profiler._measure(target, INSTANT, 0, 1, lambda label: None)
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
    assert cluster.name == "here"
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


def test_figures_follow_from_the_raw_timings(measured: Path) -> None:
    entry = cpu_entry(measured)
    raw = entry["raw"]
    flops = 2 * raw["flops"]["n"] ** 3 / raw["flops"]["median_s"]
    triad = raw["memory_bandwidth"]
    assert entry["flops"]["value"] == pytest.approx(flops, rel=1e-3)
    bandwidth = 3 * triad["array_bytes"] / triad["median_s"]
    assert entry["memory_bandwidth"]["value"] == pytest.approx(bandwidth, rel=1e-3)
    assert min(timing["repeats"] for timing in (raw["flops"], triad, raw["launch_s"])) >= 5


def test_it_records_what_made_it(measured: Path) -> None:
    provenance = json.loads(measured.read_text())["measurement"]
    assert provenance["torch"] == torch.__version__
    assert provenance["python"] == ".".join(map(str, sys.version_info[:3]))
    assert provenance["threads"] == torch.get_num_threads()
    assert provenance["date"].endswith("+00:00")
    assert provenance["host_cpu"]


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
@pytest.mark.parametrize(
    ("failure", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (RuntimeError("out of memory\nat a place"), 2, "out of memory;"),
        (MemoryError(), 2, "out of memory;"),
    ],
)
def test_a_run_that_breaks_off_keeps_the_old_file(
    failure: BaseException,
    code: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def break_off(self: object) -> None:
        raise failure

    monkeypatch.setattr(profiler.Kernels, "triad", break_off)
    path = tmp_path / "profile.json"
    path.write_text("old")
    assert run_quick(path) == code
    error = capsys.readouterr().err
    assert said in error.splitlines()[-1]
    assert "Traceback" not in error
    assert [file.name for file in tmp_path.iterdir()] == ["profile.json"]
    assert path.read_text() == "old"


def test_without_torch_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert run_quick(tmp_path / "profile.json") == 2
    assert "pip install 'cpu-gpu-env[train]'" in capsys.readouterr().err


@pytest.mark.usefixtures("instant", "no_gpu")
def test_settings_of_torch_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = torch.get_num_threads()
    seen = []
    gemm = profiler.Kernels.gemm

    def spy(kernels: profiler.Kernels) -> profiler.Measurement:
        seen.append((torch.get_num_threads(), torch.get_float32_matmul_precision()))
        return gemm(kernels)

    monkeypatch.setattr(profiler.Kernels, "gemm", spy)
    torch.set_float32_matmul_precision("high")
    try:
        profile = profile_machine("one", [], INSTANT, threads=1)
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen == [(1, "highest")]
    assert profile["measurement"]["threads"] == 1
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures("instant")
def test_progress_announces_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    targets = [Target(torch.device("cpu"), "A CPU", "cpu", 2**30, None), fake_gpu()]
    monkeypatch.setattr(profiler, "_targets", lambda: targets)
    steps: list[tuple[str, int]] = []
    profile_machine("x", [], INSTANT, progress=lambda *step: steps.append(step))
    assert [total for _, total in steps] == [len(steps)] * 7
    assert steps[0][0] == "a-cpu: matrix product"
    assert steps[-1][0] == "nvidia-test: link bandwidth"


@pytest.mark.usefixtures("instant")
def test_a_machine_with_gpus_is_a_cluster_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [Target(torch.device("cpu"), "A CPU", "cpu", 2**30, None), fake_gpu()]
    monkeypatch.setattr(profiler, "_targets", lambda: targets)
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
    for field in ("idle_power_w", "active_power_w"):
        assert entry[field]["value"] == pytest.approx(7.0, rel=0.05)
        assert entry[field]["status"] == "measured"


@pytest.mark.usefixtures("instant")
def test_active_power_is_never_below_idle_power() -> None:
    # Read before and after the pause, then before and after the work: hardly any energy for that.
    readings = iter([0.0, 100.0, 100.0, 100.001])
    entry = profile_of(fake_gpu(counter=readings.__next__))
    assert entry["active_power_w"]["value"] == entry["idle_power_w"]["value"] > 100


@pytest.mark.usefixtures("instant")
def test_a_counter_that_stands_still_is_as_good_as_none() -> None:
    entry = profile_of(fake_gpu("NVIDIA A100-SXM4-80GB", counter=lambda: 42.0))
    assert entry["active_power_w"]["status"] == "estimated"
    assert entry["active_power_w"]["value"] == device_catalogue()["a100-80gb"].active_power_w


def test_power_of_an_unmetered_cpu_grows_with_its_threads() -> None:
    cpu = Target(torch.device("cpu"), "A CPU", "cpu", 2**30, None)
    one, all_of_them = (profiler._power_figures(cpu, threads, None) for threads in (1, 64))
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
    assert profiler.catalogue_match(name) == expected


class Clock:
    """Time that passes only while something runs."""

    def __init__(self, durations: list[float]) -> None:
        self.now = 0.0
        self.durations = iter(durations)

    def __call__(self) -> float:
        return self.now

    def run(self) -> None:
        self.now += next(self.durations)


def test_timing_takes_the_median_and_leaves_the_warm_up_out() -> None:
    clock = Clock([100.0, 100.0, 1.0, 2.0, 3.0, 4.0, 50.0])
    timing = time_repeatedly(clock.run, seconds=0.0, clock=clock)
    assert timing.median_s == 3.0
    assert timing.spread == pytest.approx((4.0 - 2.0) / 3.0)
    assert timing.repeats == 5


def test_many_kinds_of_device_share_the_time() -> None:
    assert FULL.shared_by(1) == FULL.shared_by(2) == FULL
    assert FULL.shared_by(8).kernel_s == FULL.kernel_s / 4


def test_timing_stops_when_its_time_is_up() -> None:
    clock = Clock([1.0] * 1000)
    assert time_repeatedly(clock.run, seconds=30.0, clock=clock).repeats == 30


def rapl_zone(root: Path, zone: str, name: str, energy_uj: int) -> Path:
    folder = root / zone
    folder.mkdir()
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    (folder / "max_energy_range_uj").write_text("9999999\n")
    return folder / "energy_uj"


def test_rapl_sums_the_packages_and_survives_wrapping(tmp_path: Path) -> None:
    first = rapl_zone(tmp_path, "intel-rapl:0", "package-0", 9_000_000)
    second = rapl_zone(tmp_path, "intel-rapl:1", "package-1", 0)
    core = rapl_zone(tmp_path, "intel-rapl:0:0", "core", 0)
    counter = power.rapl_counter(tmp_path)
    assert counter is not None
    assert counter() == 0.0
    first.write_text("1000000\n")  # 1 J to the end of the register and 1 J after it
    second.write_text("500000\n")
    core.write_text("5000000\n")
    assert counter() == pytest.approx(2.5)
    second.write_text("750000\n")
    assert counter() == pytest.approx(2.75)


def test_rapl_that_is_missing_or_unreadable_is_none(tmp_path: Path) -> None:
    assert power.rapl_counter(tmp_path / "nowhere") is None
    rapl_zone(tmp_path, "intel-rapl:0", "package-0", 0).unlink()
    assert power.rapl_counter(tmp_path) is None


def test_nvml_gives_joules(monkeypatch: pytest.MonkeyPatch) -> None:
    fake: Any = types.ModuleType("pynvml")
    fake.nvmlInit = lambda: None
    fake.nvmlDeviceGetHandleByUUID = {"GPU-1-2": "the card"}.__getitem__
    fake.nvmlDeviceGetTotalEnergyConsumption = {"the card": 4_500}.__getitem__
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    counter = power.nvml_counter("1-2")
    assert counter is not None
    assert counter() == 4.5
    assert power.nvml_counter("another") is None


def test_without_nvml_there_is_no_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert power.nvml_counter("1-2") is None


def test_noisy_timings_are_named() -> None:
    raw = {"device": "X", "flops": {"spread": 0.6}, "launch_s": {"spread": 0.1}}
    profile = {"devices": [{"name": "x", "raw": raw}, {"catalogue": "t4", "count": 1}]}
    (warning,) = command.noise_warnings(profile)
    assert "flops" in warning
    assert "60%" in warning


def test_importing_the_profiler_pulls_in_no_torch() -> None:
    code = "import sys, cpu_gpu_env.profiler; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        command.main(["--help"])
    assert stop.value.code == 0
    assert "example:\n  python scripts/profile_hardware.py" in capsys.readouterr().out
