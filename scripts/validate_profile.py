"""Judge a measured profile: predicted against measured times of kernels that it has not seen."""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import numpy as np

from cpu_gpu_env.baselines.report.drawing import blank_figure
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.atomic_files import write_bytes_atomically, write_text_atomically
from cpu_gpu_env.model.profile import read_profile
from cpu_gpu_env.profiler.fit import Errors, predict_s
from cpu_gpu_env.profiler.published import HalfSplit, half_splits, read_published
from cpu_gpu_env.profiler.samples import Sample
from cpu_gpu_env.profiler.timing import FULL, QUICK
from cpu_gpu_env.profiler.validation import Validation, validate
from cpu_gpu_env.scripts import command, outputs, profile_hardware, terminal

DEFAULT_PROFILE = Path("runs/profile.json")
TABLE, PICTURE, PUBLISHED = "validation.json", "scatter.png", "published.json"


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "validate-profile",
        "Time kernels that the fit of a profile has not seen (other shapes, other kinds) and "
        "compare them with what the cost model predicts: errors by kind, what each term of the "
        "model buys, and a scatter plot. Takes about four minutes, and as long again to measure "
        "a profile first if there is none.",
        "--profile runs/profile.json --output runs/validation",
    )
    parser.add("--profile", command.path, DEFAULT_PROFILE, "what profile_hardware.py wrote")
    parser.add("--output", command.path, "runs/validation", "folder to write to")
    parser.add_argument("--quick", action="store_true", help="under half a minute, less precise")
    parser.add("--threads", int, 0, "CPU threads, as for the profile; 0: torch chooses")
    parser.add_seed("seed of arrays and splits")
    parser.add_argument(
        "--any-host",
        action="store_true",
        help="compare even if the profile was made on another host or with other settings",
    )
    parser.add_argument(
        "--published",
        type=command.path,
        help="measure nothing; calibrate on half of a CSV of published matrix products (columns "
        "M, N, K and a time for each device, such as V100_ms) and predict the other half",
    )
    return parser.parse_args(argv)


@command.entry_point(
    parse_arguments, lambda arguments: {arguments.output: (TABLE, PICTURE, PUBLISHED)}
)
def main(arguments: argparse.Namespace) -> int:
    """Compare, print and write."""
    names = (PUBLISHED,) if arguments.published else (TABLE, PICTURE)
    for name in names:
        outputs.check_output(arguments.output / name, "file")
    if arguments.published is not None:
        return compare_with_published(arguments.published, arguments.seed, arguments.output)
    path: Path = arguments.profile
    if path == DEFAULT_PROFILE and not path.exists():
        print(f"{path}: not there yet, so this machine is measured first")
        options = ["--quick"] if arguments.quick else []
        options += ["--threads", str(arguments.threads), "--output", str(path)]
        code = profile_hardware.main(options)
        if code != 0:
            return code
    # One without a GPU is no valid cluster, but can be judged.
    profile = read_profile(path, "; make one with profile_hardware.py")
    with terminal.progress_bar(unit="step", desc="measuring", leave=False) as bar:
        try:
            validations = validate(
                profile,
                effort=QUICK if arguments.quick else FULL,
                threads=arguments.threads,
                seed=arguments.seed,
                any_host=arguments.any_host,
                progress=profile_hardware.show_progress(bar),
            )
        except HybridClusterError as error:
            raise HybridClusterError(f"{path}: {error}") from None
    for validation in validations:
        print(describe(validation))
    made_by = profile.get("measurement")
    if isinstance(made_by, dict) and made_by.get("noisy"):
        print(f"warning: {path} was itself measured on a noisy machine")
    write(validations, arguments.output)
    return command.interrupted() if any(result.interrupted for result in validations) else 0


def write(validations: Sequence[Validation], folder: Path) -> None:
    """Write the comparison and its picture into a folder, and say so."""
    table, picture = folder / TABLE, folder / PICTURE
    write_text_atomically(table, json.dumps(as_json(validations), indent=2) + "\n")
    draw(validations, picture)
    outputs.tell_written(table, picture)


def describe(validation: Validation) -> str:
    """The errors as text: overall, by kind, without each term, and what lies beyond."""
    whole = validation.errors(validation.unseen)
    lines = [
        f"\n{validation.device.name}: {whole.count} kernels that the fit has not seen",
        _row("kind of kernel", "kernels", "median error", "90th percentile", "outside the fit"),
    ]
    lines += _rows_of(validation, validation.unseen)
    lines.append(_row_of(validation, "all of them", validation.unseen))
    if validation.elsewhere:
        lines += _rows({"in other states": validation.errors(validation.elsewhere)})
    lines.append(
        "models fitted anew to the kernels of the profile, errors on the same unseen ones:"
    )
    lines += _rows(validation.ablation)
    if validation.special:
        lines.append("other precisions, and kernels with serial steps, not counted above:")
        lines += _rows_of(validation, validation.special)
    if factors := validation.serial_factors:
        lines.append(
            f"kernels with serial steps are missed by a factor of {factors[0]:.2f} in the median, "
            f"and by {factors[1]:.2f} if a step took no time"
        )
    if validation.beyond:
        lines.append("kinds beyond the model, not counted above:")
        lines += _rows_of(validation, validation.beyond)
        everything = [*validation.unseen, *validation.beyond]
        lines.append(_row_of(validation, "all, these included", everything))
    lines.append(describe_extrapolation(validation))
    if validation.drift is not None:
        lines.append(
            f"{len(validation.retimed)} kernels of the fit, timed again, differ by "
            f"{validation.drift:.0%} in the median from when the profile was made"
        )
    if validation.elsewhere and validation.state_found:
        lines.append(
            f"the speed of the machine changes from time to time: it was as when it was profiled "
            f"{validation.state_share:.0%} of the time, of which the errors are ('in other "
            f"states': of the rest); {validation.left_out} kernels not timed then are left out"
        )
    if validation.interrupted:
        lines.append("interrupted: not all kernels were timed, or not as often as planned")
    lines += [f"no {what}: {why}" for what, why in validation.missing.items()]
    lines += [f"warning: {doubt}" for doubt in doubts(validation)]
    return "\n".join(lines)


def doubts(validation: Validation) -> list[str]:
    """Why the errors are not to be trusted, if so."""
    lines = []
    if validation.noise.is_noisy:
        lines.append(f"{validation.noise}; do not trust these errors: {validation.noise.advice}")
    if validation.other_state:
        lines.append(
            "the machine is in another state than when the profile was made: do not trust these "
            "errors, measure again or find out what else runs"
        )
    return lines


def describe_extrapolation(validation: Validation) -> str:
    """How many kernels lie outside what was fitted, by what, and the errors on both sides."""
    judged = [*validation.unseen, *validation.special]
    outside = validation.extrapolated(judged)
    if outside is None:
        return (
            "outside what was fitted: not known, as the profile does not say what it was fitted "
            "to; measure it again"
        )
    if not outside:
        return f"all {len(judged)} kernels lie within the range of what was fitted"
    axes = [axis for sample in outside for axis in validation.outside(sample) or []]
    counted = ", ".join(f"{axes.count(axis)} by {axis}" for axis in dict.fromkeys(axes))
    inside = [sample for sample in judged if sample not in outside]
    errors = [f"median error {validation.errors(outside).median:.1%}"]
    if inside:
        errors.append(f"of those within {validation.errors(inside).median:.1%}")
    return (
        f"{len(outside)} of {len(judged)} kernels lie outside the range of what was fitted "
        f"({counted}), so that their times are extrapolated: {', '.join(errors)}"
    )


def _rows_of(validation: Validation, samples: Sequence[Sample]) -> list[str]:
    """A row for each kind of some kernels."""
    kinds = dict.fromkeys(sample.kind for sample in samples)
    return [
        _row_of(validation, kind, [sample for sample in samples if sample.kind == kind])
        for kind in kinds
    ]


def _row_of(validation: Validation, name: str, samples: Sequence[Sample]) -> str:
    """The errors of some kernels, and how many of them lie outside what was fitted."""
    errors, outside = validation.errors(samples), validation.extrapolated(samples)
    many = "not known" if outside is None else str(len(outside))
    return _row(name, str(errors.count), f"{errors.median:.1%}", f"{errors.p90:.1%}", many)


def _rows(errors: dict[str, Errors]) -> list[str]:
    return [_row(k, str(e.count), f"{e.median:.1%}", f"{e.p90:.1%}") for k, e in errors.items()]


def _row(name: str, *cells: str) -> str:
    return f"  {name:20}" + "".join(f"{cell:>17}" for cell in cells)


def as_json(validations: Sequence[Validation]) -> list[dict[str, Any]]:
    """The comparison in full: errors, and predicted and measured time of each kernel."""
    return [
        {
            "device": validation.device.name,
            "errors": asdict(validation.errors(validation.unseen)),
            "ablation": {name: asdict(e) for name, e in validation.ablation.items()},
            "noisy": validation.noise.is_noisy,
            "disturbed_share": validation.noise.disturbed_share,
            "cpu_used_by_others": validation.noise.used_by_others,
            "state_share": validation.state_share,
            "errors_with_beyond": asdict(
                validation.errors([*validation.unseen, *validation.beyond])
            ),
            "errors_special": {
                kind: asdict(e) for kind, e in validation.errors_by_kind(validation.special).items()
            },
            "serial_factors": validation.serial_factors,
            "extrapolated": _count(validation.extrapolated(validation.unseen)),
            "errors_elsewhere": (
                asdict(validation.errors(validation.elsewhere)) if validation.elsewhere else None
            ),
            "left_out": validation.left_out,
            "interrupted": validation.interrupted,
            "other_state": validation.other_state,
            "drift": validation.drift,
            "retimed": [
                {"kernel": now.label, "then_s": then.time_s, "now_s": now.time_s}
                for then, now in validation.retimed
            ],
            "missing": validation.missing,
            "kernels": [
                {
                    **asdict(sample),
                    "predicted_s": float(predict_s(validation.device, [sample])[0]),
                    "counted": samples is validation.unseen,
                    "outside": validation.outside(sample),
                }
                for samples in (validation.unseen, validation.special, validation.beyond)
                for sample in samples
            ],
        }
        for validation in validations
    ]


def _count(samples: Sequence[Sample] | None) -> int | None:
    return None if samples is None else len(samples)


def draw(validations: Sequence[Validation], path: Path) -> None:
    """Scatter of predicted against measured times, a colour a kind, a panel a device."""
    figure = blank_figure(5.2, 6.4 * len(validations))
    from matplotlib import colormaps

    for panel, validation in enumerate(validations, start=1):
        axes = figure.add_subplot(1, len(validations), panel)
        samples = [*validation.unseen, *validation.special, *validation.beyond]
        for index, kind in enumerate(dict.fromkeys(sample.kind for sample in samples)):
            of_kind = [sample for sample in samples if sample.kind == kind]
            counted = of_kind[0] not in validation.beyond
            axes.scatter(
                [sample.time_s for sample in of_kind],
                predict_s(validation.device, of_kind),
                s=22,
                marker="o" if counted else "x",
                color=colormaps["tab20"](index % 20),
                label=kind if counted else f"{kind} (beyond the model)",
            )
        times_s = [sample.time_s for sample in samples]
        ends = np.array([min(times_s) / 2, max(times_s) * 2])
        axes.plot(ends, ends, color="black", linewidth=0.8)
        axes.fill_between(ends, 0.7 * ends, 1.3 * ends, color="0.9", zorder=0)
        axes.set(xscale="log", yscale="log", xlabel="measured [s]", ylabel="predicted [s]")
        errors = validation.errors(validation.unseen)
        distrusted = validation.noise.is_noisy or validation.other_state
        axes.set_title(
            f"{validation.device.name}: median error {errors.median:.1%}, "
            f"90th percentile {errors.p90:.1%} (grey: 30 %)"
            + ("\nnot to be trusted: the machine was noisy or has changed" if distrusted else ""),
            fontsize=9,
        )
        axes.legend(fontsize=6)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=130)
    write_bytes_atomically(path, picture.getvalue())


def compare_with_published(path: Path, seed: int, output: Path) -> int:
    """Half-split calibration on a published table; print and write the errors."""
    published = read_published(path)
    results = half_splits(published, seed)
    print(describe_published(results, len(next(iter(published.values())))))
    table = output / PUBLISHED
    content = {"table": path.name, "seed": seed}
    content |= {"results": {name: asdict(result) for name, result in results.items()}}
    write_text_atomically(table, json.dumps(content, indent=2) + "\n")
    outputs.tell_written(table)
    return 0


def describe_published(results: dict[str, HalfSplit], count: int) -> str:
    """Errors of each model as text."""
    first = next(iter(results.values()))
    lines = [
        f"{count} products, half of them to calibrate: median error on the others, and median "
        "factor by which ratios are missed",
        _row("model", *first.device_errors, *first.ratio_factors),
    ]
    for name, result in results.items():
        errors = [f"{error:.1%}" for error in result.device_errors.values()]
        lines.append(_row(name, *errors, *(f"{f:.3f}" for f in result.ratio_factors.values())))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
