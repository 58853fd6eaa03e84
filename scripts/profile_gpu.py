"""Measure a machine with a GPU in one go: its profile, how well that predicts, a training on it."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import numpy as np

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.model.cluster import RATES
from cpu_gpu_env.model.profile import device_catalogue
from cpu_gpu_env.profiler.devices import Target, catalogue_match, find_targets
from cpu_gpu_env.profiler.fit import predict_s
from cpu_gpu_env.profiler.machine import profile_machine
from cpu_gpu_env.profiler.timing import QUICK, Effort
from cpu_gpu_env.profiler.validation import Validation, validate
from cpu_gpu_env.scripts import (
    command,
    outputs,
    profile_hardware,
    terminal,
    train,
    validate_profile,
)

LIMIT_S = 450.0
"""Of everything; the training ends with it, whatever it has learned by then."""
EFFORT = Effort(kernel_s=0.1, run_s=0.1, rounds=3, limit_s=150.0, watch_s=60.0, load_s=4.0)
"""Of the profile and of the validation, each."""
PROFILE, VALIDATION, TRAINING, REPORT = "profile.json", "validation", "training", "report.json"
STAND_IN = [{"catalogue": "a100-80gb", "count": 1}]
"""What makes a cluster of a machine without a GPU, to train on."""
COMPARED = (*RATES.values(), "memory_bandwidth", "launch_s", "link_bandwidth")
COMPARED_POWER = ("idle_power_w", "active_power_w", "memory_power_w")
"""Figures that are set beside those of the catalogue, if it has the device."""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "profile-gpu",
        "Measure this machine in at most eight minutes: profile (every precision, power idle and "
        "under load), validation, and a short training on the GPU. Prints predicted against "
        "measured, and keeps all raw readings. NVML brings the power: pip install '.[nvml]'.",
        "--output runs/gpu",
    )
    parser.add("--output", command.path, "runs/gpu", "folder to write to")
    parser.add_argument(
        "--device", help="where torch trains (default: cuda if torch sees one, or else cpu)"
    )
    parser.add("--steps", command.positive, 20_000, "environment steps of the training at most")
    parser.add_argument("--quick", action="store_true", help="about a minute, less precise")
    parser.add("--threads", int, 0, "CPU threads to measure with; 0: as torch chooses")
    parser.add_seed("seed of arrays and training")
    return parser.parse_args(argv)


@command.entry_point(parse_arguments, lambda arguments: {arguments.output: (PROFILE, REPORT)})
def main(arguments: argparse.Namespace) -> int:
    """Measure, validate, train, and compare."""
    from cpu_gpu_env.agents.algorithms import check_device

    begin = time.monotonic()
    output: Path = arguments.output
    targets = find_targets()
    device = arguments.device or _default_device(targets)
    check_device(device)
    for name in (PROFILE, REPORT):
        outputs.check_output(output / name, "file")
    for name in (VALIDATION, TRAINING):
        outputs.check_output(output / name)
    effort = QUICK if arguments.quick else EFFORT
    has_gpu = any(target.kind == "gpu" for target in targets)
    if not has_gpu:
        print("torch sees no GPU here: the CPU alone is measured, and one of the catalogue added")
    profile = _watched(
        lambda progress: profile_machine(
            [] if has_gpu else STAND_IN,
            effort,
            arguments.threads,
            arguments.seed,
            progress=progress,
        )
    )
    if (failed := profile_hardware.write(profile, output / PROFILE)) is not None:
        raise HybridClusterError(failed)
    if profile["measurement"]["interrupted"]:
        return command.interrupted()
    print(profile_hardware.describe(profile))
    for warning in profile_hardware.warnings_about(profile):
        print(f"warning: {warning}", file=sys.stderr)
    validations = _watched(
        lambda progress: validate(
            profile, effort, arguments.threads, arguments.seed, progress=progress
        )
    )
    for validation in validations:
        print(validate_profile.describe(validation))
    validate_profile.write(validations, output / VALIDATION)
    if any(validation.interrupted for validation in validations):
        return command.interrupted()
    training = train_shortly(output, device, arguments.steps, arguments.seed, begin + LIMIT_S)
    report = {
        "profile": profile["name"],
        "took_s": round(time.monotonic() - begin, 1),
        "devices": compare_with_catalogue(profile),
        "ratios": compare_ratios(validations),
        "training": training,
    }
    print(describe(report))
    text = json.dumps(report, indent=2, allow_nan=False) + "\n"
    write_text_atomically(output / REPORT, text)
    outputs.tell_written(output / PROFILE, output / REPORT)
    return command.interrupted() if training["interrupted"] else 0


def _default_device(targets: Sequence[Target]) -> str:
    gpus = [target.device.type for target in targets if target.kind == "gpu"]
    return gpus[0] if gpus else "cpu"


def _watched(measure: Callable[[Callable[[str, int], None]], Any]) -> Any:
    """Measure under a progress bar."""
    with terminal.progress_bar(unit="step", desc="measuring", leave=False) as bar:
        return measure(profile_hardware.show_progress(bar))


def train_shortly(output: Path, device: str, steps: int, seed: int, end_s: float) -> dict[str, Any]:
    """Train a DQN on the profile that was written, until `end_s` of the monotonic clock at most.

    Returns:
        Device, steps, speed and what the agent has reached.
    """
    from cpu_gpu_env.agents import training

    plan = training.TrainingPlan(
        output / TRAINING,
        steps=steps,
        seed=seed,
        evaluations=2,
        problems=({"cluster": str(output / PROFILE)},),
        device=device,
    )
    train.forget(plan.output)
    done, out_of_time = 0, False
    with terminal.progress_bar(total=steps, unit="step", desc=f"training on {device}") as bar:

        def progress(now: int) -> None:
            nonlocal done, out_of_time
            done = min(now, steps)
            bar.update(done - bar.n)
            if time.monotonic() > end_s:
                out_of_time = True
                raise KeyboardInterrupt  # which keeps what was learned

        begin = time.monotonic()
        result = training.train(plan, progress)
    took_s = time.monotonic() - begin
    reached = result.best_objective
    return {
        "device": device,
        "steps": done,
        "of_steps": steps,
        "steps_per_s": round(done / took_s, 1),
        "validation_objective": reached if np.isfinite(reached) else None,
        "out_of_time": out_of_time,
        "interrupted": result.interrupted and not out_of_time,
    }


def compare_with_catalogue(profile: dict[str, Any]) -> list[dict[str, Any]]:
    """The measured figures of each device beside those of the catalogue, and raw power."""
    compared = []
    for entry in profile["devices"]:
        if "raw" not in entry:
            continue
        match = catalogue_match(entry["raw"]["device"])
        known = None if match is None else device_catalogue()[match]
        figures = {
            name: {
                "measured": entry[name]["value"],
                "status": entry[name]["status"],
                "catalogue": None if known is None else _finite(getattr(known, name)),
            }
            for name in (*COMPARED, *COMPARED_POWER)
            if name in entry
        }
        compared.append(
            {
                "device": entry["name"],
                "catalogue": match,
                "figures": figures,
                "power_w": entry["raw"]["power_w"],
                "left_out": entry["raw"]["missing"],
            }
        )
    return compared


def _finite(value: float | None) -> float | None:
    return value if value is not None and np.isfinite(value) else None


def compare_ratios(validations: Sequence[Validation]) -> dict[str, Any] | None:
    """Predicted against measured ratio of the first device's time to the last one's.

    That is CPU to GPU, on the unseen kernels that both were timed on. None if there is one device
    alone.
    """
    if len(validations) < 2:
        return None
    first, last = validations[0], validations[-1]
    others = {sample.label: sample for sample in (*last.unseen, *last.special)}
    kernels: list[dict[str, Any]] = []
    for sample in (*first.unseen, *first.special):
        if (other := others.get(sample.label)) is not None:
            predicted = predict_s(first.device, [sample])[0] / predict_s(last.device, [other])[0]
            ratio = {"measured": sample.time_s / other.time_s, "predicted": float(predicted)}
            kernels.append({"kernel": sample.label, **ratio})
    if not kernels:
        return None
    off = [abs(np.log(kernel["predicted"] / kernel["measured"])) for kernel in kernels]
    return {
        "of": f"{first.device.name} / {last.device.name}",
        "median_factor": float(np.exp(np.median(off))),
        "worst_factor": float(np.exp(np.max(off))),
        "kernels": kernels,
    }


def describe(report: dict[str, Any]) -> str:
    """Predicted against measured, as text."""
    lines = [""]
    for device in report["devices"]:
        beside = device["catalogue"] or "no such device there"
        lines.append(f"{device['device']}, measured against the catalogue ({beside}):")
        for name, figure in device["figures"].items():
            known = figure["catalogue"]
            lines.append(
                f"  {name:18}{figure['measured']:>12.4g}"
                + ("" if known is None else f"{known:>12.4g}{figure['measured'] / known:>8.2f} x")
                + ("" if figure["status"] == "measured" else f"  ({figure['status']})")
            )
        for load, watts in (device["power_w"] or {}).items():
            lines.append(f"  power, {load}: {watts:.1f} W")
    if (ratios := report["ratios"]) is not None:
        lines.append(
            f"ratio {ratios['of']} of {len(ratios['kernels'])} unseen kernels: predicted within a "
            f"factor of {ratios['median_factor']:.2f} in the median, {ratios['worst_factor']:.2f} "
            "at worst"
        )
    training = report["training"]
    reached = training["validation_objective"]
    lines.append(
        f"training on {training['device']}: {training['steps']:,} of {training['of_steps']:,} "
        f"steps, {training['steps_per_s']:,.0f} a second"
        + ("" if reached is None else f", validation objective {reached:.4f}")
        + (", then time was up" if training["out_of_time"] else "")
    )
    lines.append(f"all of it took {report['took_s']:.0f} s")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
