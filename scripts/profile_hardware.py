"""Measure this machine and write it down as a profile."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env.errors import HybridClusterError, unknown_name
from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.model.cluster import RATES
from cpu_gpu_env.model.profile import (
    device_catalogue,
    parse_composition,
    read_profile,
    save_profile,
)
from cpu_gpu_env.profiler.devices import find_targets
from cpu_gpu_env.profiler.machine import MAX_UNCERTAINTY, profile_machine
from cpu_gpu_env.profiler.noise import Noise
from cpu_gpu_env.profiler.timing import FULL, QUICK
from cpu_gpu_env.scripts import command, outputs, terminal

NO_GPUS = "none"


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "profile-hardware",
        "Measure this machine's CPU and GPUs (rates of FP32 and every other precision that torch "
        "runs there, memory and cache bandwidth, overheads, power) into a profile that --cluster "
        "of the other commands takes. Takes about four minutes; scripts/validate_profile.py tells "
        "how well the profile predicts.",
        '--gpus "a100-80gb:2 + t4:2" --output runs/profile.json',
    )
    parser.add("--output", command.path, "runs/profile.json", "profile to write")
    parser.add_argument(
        "--gpus",
        default=NO_GPUS,
        help="GPUs of the catalogue to add to those measured, such as a100-80gb:4",
    )
    parser.add_argument("--quick", action="store_true", help="under half a minute, less precise")
    parser.add("--threads", int, 0, "CPU threads to measure with; 0: as torch chooses")
    parser.add_seed("seed of the contents of the arrays")
    return parser.parse_args(argv)


@command.entry_point(parse_arguments)
def main(arguments: argparse.Namespace) -> int:
    """Measure and write the profile."""
    output: Path = arguments.output
    gpus = [] if arguments.gpus == NO_GPUS else parse_gpus(arguments.gpus)
    outputs.check_output(output, "file")
    if not gpus and all(target.kind == "cpu" for target in find_targets()):
        print(
            "torch sees no GPU here, so this will be a profile of the CPU alone, which is no "
            "cluster; --gpus a100-80gb:4, say, adds some of the catalogue"
        )
    earlier = None
    with suppress(HybridClusterError):  # what is no profile is replaced unread
        earlier = read_profile(output)
    try:
        with terminal.progress_bar(unit="step", desc="measuring", leave=False) as bar:
            profile = profile_machine(
                gpus=gpus,
                effort=QUICK if arguments.quick else FULL,
                threads=arguments.threads,
                seed=arguments.seed,
                earlier=earlier,
                progress=show_progress(bar),
            )
    except KeyboardInterrupt:
        return command.interrupted("too early for a profile, nothing is written")
    failed = write(profile, output)
    print(describe(profile))
    for warning in warnings_about(profile):
        print(f"warning: {warning}", file=sys.stderr)
    if not is_cluster(profile):
        print("this profile is CPU-only: good for validation, but a cluster needs a GPU too")
    if failed is not None:
        raise HybridClusterError(failed)
    outputs.tell_written(output)
    return command.interrupted() if profile["measurement"]["interrupted"] else 0


def is_cluster(profile: dict[str, Any]) -> bool:
    """Whether a profile has a GPU, too."""
    return any("catalogue" in e or e["kind"] == "gpu" for e in profile["devices"])


def write(profile: dict[str, Any], output: Path) -> str | None:
    """Write a profile; if that fails, keep it elsewhere and return what happened."""
    try:
        if is_cluster(profile):
            save_profile(profile, output)
        else:  # which `save_profile` would refuse; the figures are worth keeping
            write_text_atomically(output, as_text(profile))
    except (HybridClusterError, OSError) as error:  # the disk may have become full meanwhile
        reason = getattr(error, "strerror", None) or error
        return f"cannot write {output}: {reason}; {keep(profile, output.name)}"
    return None


def as_text(profile: dict[str, Any]) -> str:
    """A profile as it is written."""
    return json.dumps(profile, indent=2, allow_nan=False) + "\n"


def keep(profile: dict[str, Any], name: str) -> str:
    """Write a profile among the temporary files or, if that fails too, print it; say where it is.

    Measuring took minutes.
    """
    try:
        path = Path(tempfile.mkdtemp(prefix=f"{command.CONSOLE}-")) / name
        write_text_atomically(path, as_text(profile))
    except OSError:
        print(as_text(profile))
        return "the profile is printed"
    return f"the profile is in {path}"


def show_progress(bar: Any) -> Callable[[str, int], None]:
    """Turn a progress bar into what measurements tell their steps to."""

    def progress(label: str, total: int) -> None:
        # The step that is announced is not done yet; all before it are.
        if bar.total is None:
            bar.reset(total)
        else:
            bar.update()
        bar.set_postfix_str(label)

    return progress


def parse_gpus(composition: str) -> list[dict[str, Any]]:
    """Read catalogue GPUs such as ``"a100-80gb:2 + t4:2"`` into entries of a profile.

    Raises:
        HybridClusterError: If a name is not a GPU of the catalogue or a count is out of range.
    """
    counted = parse_composition(composition)
    for device in counted:
        if device.kind != "gpu":
            gpus = [known.name for known in device_catalogue().values() if known.kind == "gpu"]
            raise unknown_name("GPU", device.name, gpus)
    return [{"catalogue": device.name, "count": count} for device, count in counted.items()]


def describe(profile: dict[str, Any]) -> str:
    """The figures, one line a device."""
    lines = [profile["description"]]
    for entry in profile["devices"]:
        if "catalogue" in entry:
            lines.append(f"{entry['count']} x {entry['catalogue']}: from the catalogue")
            continue
        value = {
            field: figure["value"]
            for field, figure in entry.items()
            if isinstance(figure, dict) and "value" in figure
        }
        memory = ""
        if "memory_power_w" in value:
            memory = f", {value['memory_power_w']:.3g} W when memory traffic bounds"
        lines.append(
            f"{entry['count']} x {entry['name']}: {value['flops'] / 1e9:,.0f} GFLOP/s, "
            f"{value['memory_bandwidth'] / 1e9:,.1f} GB/s from memory, "
            f"{value['cache_bandwidth'] / 1e9:,.1f} GB/s from caches "
            f"(up to {value['cache_bytes'] / 1e6:,.0f} MB), "
            f"launch {value['launch_s'] * 1e6:,.1f} µs, "
            f"{value['idle_power_w']:.3g} W idle, {value['active_power_w']:.3g} W active{memory} "
            f"(power {entry['active_power_w']['status']})"
        )
        lines += describe_special(entry)
        errors = entry["raw"]["fit"]["errors"]
        lines.append(
            f"  misses the {errors['count']} kernels that it was fitted to by "
            f"{errors['median']:.0%} in the median, 90th percentile {errors['p90']:.0%}"
        )
    return "\n".join(lines)


def describe_special(entry: dict[str, Any]) -> list[str]:
    """The rates of other precisions and the time of a serial step, with how well they fit."""
    lines, special = [], entry["raw"]["fit"].get("special", {})
    for precision, field in RATES.items():
        if field in special:
            missed = special[field]["errors"]["median"]
            rate = entry[field]["value"] / 1e9
            lines.append(f"  {precision}: {rate:,.0f} GFLOP/s, misses its products by {missed:.0%}")
    if "serial_step_s" in special:
        missed = special["serial_step_s"]["errors"]["median"]
        step_us = entry["serial_step_s"]["value"] * 1e6
        lines.append(f"  a serial step: {step_us:.3g} µs, misses its kernels by {missed:.0%}")
    return lines


def warnings_about(profile: dict[str, Any]) -> list[str]:
    """Say what is missing from a profile, and whether its figures can be trusted."""
    measurement, lines = profile["measurement"], []
    if measurement["noisy"]:
        found = ("disturbed_share", "cpu_used_by_others", "doubts")
        noise = Noise(*(measurement[field] for field in found))
        lines.append(f"{noise}; figures of another measurement may differ: {noise.advice}")
    for entry in profile["devices"]:
        raw = entry.get("raw", {})
        lines += [
            f"{entry['name']}: no {what}: {why}" for what, why in raw.get("missing", {}).items()
        ]
        uncertain = raw.get("fit", {}).get("uncertainty", {})
        lines += [
            f"{entry['name']}: {field} is uncertain by {uncertain[field]:.0%}"
            for field in ("flops", "memory_bandwidth")
            if uncertain.get(field, 0.0) > MAX_UNCERTAINTY
        ]
    return lines


if __name__ == "__main__":
    sys.exit(main())
