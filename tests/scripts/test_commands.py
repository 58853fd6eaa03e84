"""The commands, end to end on small problems."""

import csv
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

import cpu_gpu_env
from cpu_gpu_env.agents.pretrained import PRETRAINED, pretrained_path
from cpu_gpu_env.agents.saving import load_agent, save_agent
from cpu_gpu_env.baselines import SCHEDULERS
from cpu_gpu_env.baselines.evaluation.play import EVALUATION_SEED
from cpu_gpu_env.baselines.imitation.forest import load_forest
from cpu_gpu_env.baselines.report.tradeoff_figures import episode_scale, least_energy_j
from cpu_gpu_env.baselines.schedulers.fixed import RoundRobin
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.provenance import ProblemRecord, Provenance
from cpu_gpu_env.scripts import (
    benchmark,
    benchmark_oracle,
    benchmark_training,
    compare,
    draw_schedule,
    make_pretrained,
    pareto,
    plot_gaps,
    plot_learning,
    profile_gpu,
    profile_hardware,
    train,
    transfer,
)

SMALL = ["--num-tasks", "12"]
MEASURED = ("makespan_s", "energy_j")
PROVENANCE = Provenance(ProblemRecord.of(make_problem(num_tasks=1)), (0,), {}, "made").to_json()


def test_no_scheduler_is_where_the_bounds_rule_it_out(tmp_path: Path) -> None:
    arguments = [*SMALL, "--weights", "0,0.5,1", "--episodes", "3", "--jobs", "1"]
    assert pareto.main([*arguments, "--output", str(tmp_path)]) == 0
    assert (tmp_path / "pareto.png").read_bytes().startswith(b"\x89PNG")
    with (tmp_path / "pareto.csv").open() as file:
        read = list(csv.DictReader(file))
    rows = [
        {name: float(row[name]) for name in ("energy_weight", "bound", *MEASURED)} for row in read
    ]
    assert len(rows) == 3 * (len(pareto.SCHEDULERS.split(",")) + 1)
    scale = episode_scale(make_problem().objective.reference, 12)
    bounds = {row["energy_weight"]: row["bound"] for row in rows}
    makespan_s, energy_j = (np.array([row[name] for row in rows]) for name in MEASURED)
    # What is scheduled for one weight must keep to the bounds of the others, too.
    assert (least_energy_j(bounds, scale, makespan_s) <= energy_j * (1 + 1e-9)).all()


def test_the_region_ruled_out_by_hand() -> None:
    # Makespan >= 2 * 10 s, and 0.5 makespan / 10 s + 0.5 energy / 100 J >= 3.
    makespan_s = np.array([19.0, 20.0, 40.0, 70.0])
    least = least_energy_j({0.0: 2.0, 0.5: 3.0}, np.array([10.0, 100.0]), makespan_s)
    assert least.tolist() == pytest.approx([np.inf, 400.0, 200.0, 0.0])


def test_a_full_disk_is_told_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)); "
        "from cpu_gpu_env.io.atomic_files import write_text_atomically; "
        "write_text_atomically(sys.argv[1], 100 * 'x')"
    )
    path.write_text("before")
    ran = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert f"File too large: '{path}'" in ran.stderr
    assert [found.name for found in tmp_path.iterdir()] == ["out.txt"]
    assert path.read_text() == "before"


def test_train_then_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent, output = tmp_path / "dqn", tmp_path / "comparison"
    assert train.main([*SMALL, "--steps", "3000", "--output", str(agent)]) == 0
    arguments = [*SMALL, "--agent", str(agent), "--episodes", "4", "--output", str(output)]
    assert compare.main(arguments) == 0
    assert "dqn" in capsys.readouterr().out
    with (output / "comparison.csv").open() as file:
        rows = {row["scheduler"]: row for row in csv.DictReader(file)}
    assert set(rows) == {*SCHEDULERS, *PRETRAINED, "oracle"}  # dqn is the one given
    assert all("compare.py" in row["command"] and row["cluster_sha256"] for row in rows.values())
    written = json.loads((output / "comparison.json").read_text())
    for name, row in rows.items():
        mean = np.mean(written["episodes"][name]["objective"])
        assert float(row["objective"]) == pytest.approx(mean)
    assert written["wins"]["myopic"]["cpu-only"] == 1.0
    check_tensorboard(output / "tensorboard", written)


def check_tensorboard(folder: Path, written: dict) -> None:
    """Read the runs back with TensorBoard's own reader."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tags = set()
    for name, episodes in written["episodes"].items():
        run = EventAccumulator(str(folder / name))
        run.Reload()
        values = [event.value for event in run.Scalars("episode/objective")]
        assert values == pytest.approx(episodes["objective"], rel=1e-6)
        assert run.Tags()["histograms"] == ["gpu_fraction"]
        tags.add(tuple(tag for tag in run.Tags()["scalars"] if not tag.startswith("decision/")))
    assert len(tags) == 1  # the same in every run, but that the oracle takes no decisions


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cluster", "a100-nod"], "Did you mean 'a100-node'"),
        (["--cluster", "missing.json"], "missing.json"),
        (["--num-tasks", "0"], "num_tasks is 0"),
        (["--schedulers", "myopik"], "Did you mean 'myopic'"),
        (["--reference", "queue-prise"], "unknown reference 'queue-prise'"),
        (["--agent", "missing.zip"], "missing.zip"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main([*arguments, "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_an_agent_for_other_fractions_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fractions = ["--gpu-fractions", "0,1"]
    output = ["--output", str(tmp_path / "dqn")]
    assert train.main([*SMALL, *fractions, "--steps", "64", *output]) == 0
    assert compare.main([*SMALL, "--agent", str(tmp_path / "dqn")]) == 2
    assert "gpu_fractions" in capsys.readouterr().err


def test_ctrl_c_keeps_what_was_learned(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cpu_gpu_env.scripts.train", *SMALL, "--steps", "500000"]
    process = subprocess.Popen(
        [*command, "--output", str(tmp_path)], stderr=subprocess.PIPE, env={**os.environ}
    )
    (tmp_path / "checkpoints").mkdir()
    deadline = time.monotonic() + 120
    while not (tmp_path / "best.zip").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert b"Traceback" not in error
    assert (tmp_path / "best.zip").exists()
    assert (tmp_path / "last.zip").exists()


def test_a_forest_is_trained_compared_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forest, output = tmp_path / "rf", tmp_path / "comparison"
    arguments = ["--agent", "random-forest", "--episodes", "60", "--output", str(forest)]
    # Counted up from seed x episodes, these would be what is compared.
    assert train.main([*SMALL, *arguments, "--seed", str(EVALUATION_SEED // 60)]) == 0
    assert "R² of the oracle's GPU fraction" in capsys.readouterr().out
    (used,) = load_forest(forest / "best.npz").trained_on or ()
    assert (used.purpose, used.last_seed - used.first_seed) == ("labels", 59)
    assert used.first_seed >= 2**32
    arguments = ["--agent", str(forest), "--episodes", "5", "--output", str(output)]
    assert compare.main([*SMALL, *arguments]) == 0
    assert "5 held-out episodes" in capsys.readouterr().out
    written = json.loads((output / "comparison.json").read_text())
    rows = {row["scheduler"]: row for row in written["schedulers"]}
    assert rows["oracle"]["gap"] <= rows["rf"]["gap"] < rows["random"]["gap"]
    picture = tmp_path / "gaps.png"
    source = str(output / "comparison.json")
    assert plot_gaps.main(["--comparison", source, "--output", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_episodes_that_a_model_has_seen_are_not_called_held_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "illustrate", lambda *_: None)
    common = ["--bound", "none", "--episodes", "4", "--output", str(tmp_path)]
    # As if seeds of evaluation had gone into the two.
    forest = load_forest(pretrained_path("random-forest"))
    (record,) = forest.settings["trained_on"]
    record.update(first_seed=0, last_seed=299)
    forest.save(tmp_path / "random-forest.npz")
    dqn = load_agent("dqn")
    dqn.settings.made_by["trained_on"][-1].update(first_seed=500_000, last_seed=500_099)
    save_agent(dqn.policy, dqn.settings, tmp_path / "dqn.zip")
    common += ["--agent", str(tmp_path / "random-forest.npz"), "--agent", str(tmp_path / "dqn.zip")]
    for schedulers, seed, seen in (
        ("greedy", 298, {"random-forest": "2 of 4 episodes: labels, seeds 0 to 299"}),
        ("greedy", 500_098, {"dqn": "2 of 4 episodes: validation, seeds 500000 to 500099"}),
        ("dqn-queues", 300, {}),
    ):
        arguments = [*SMALL, *common, "--schedulers", schedulers, "--seed", str(seed)]
        assert compare.main(arguments) == 0
        printed = " ".join(capsys.readouterr().out.split())  # a table's notes are as wide as it
        assert ("held-out" in printed) == (not seen)
        assert all(f"not held out from {name}: {why}" in printed for name, why in seen.items())
        written = json.loads((tmp_path / "comparison.json").read_text())
        assert written["provenance"]["seen_in_training"] == seen
        rows = {row["scheduler"]: row["seen_in_training"] for row in written["schedulers"]}
        assert {name: why for name, why in rows.items() if why} == seen


def test_without_bounds_there_are_no_gaps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "comparison"
    report = tmp_path / "report.html"
    arguments = [*SMALL, "--bound", "none", "--episodes", "1", "--output", str(output)]
    assert compare.main([*arguments, "--report", str(report)]) == 0
    printed = capsys.readouterr().out
    assert "oracle" not in printed
    assert f"written: {report}" in printed
    assert "Made without bounds" in report.read_text(encoding="utf-8")
    assert not list(tmp_path.rglob("*oracle*"))
    source = str(output / "comparison.json")
    assert plot_gaps.main(["--comparison", source, "--output", str(tmp_path / "a.png")]) == 2
    assert "made with --bound none" in capsys.readouterr().err


def test_a_schedule_is_drawn_and_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(draw_schedule, "MAX_FRAMES", 7)
    picture, animation = tmp_path / "a.png", tmp_path / "a.gif"
    outputs = ["--output", str(picture), "--animate", str(animation)]
    assert draw_schedule.main([*SMALL, *outputs]) == 0
    with Image.open(picture) as opened:
        expected = np.asarray(opened.convert("RGB"), dtype=int)
    with Image.open(animation) as opened:
        frames = [np.array(f.convert("RGB"), dtype=int) for f in ImageSequence.Iterator(opened)]
    assert len(frames) == 6  # two of the twelve tasks each
    assert np.abs(frames[-1] - expected).max() < 20  # a GIF has 256 colours
    assert all(np.abs(later - frame).max() > 100 for frame, later in pairwise(frames))


@pytest.mark.parametrize(
    "command", [compare, train, draw_schedule, plot_gaps, plot_learning, transfer, make_pretrained]
)
def test_an_output_that_cannot_be_is_told_before_the_work(
    command: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    assert command.main(["--output", str(file / "below")]) == 2
    assert "cannot write output" in capsys.readouterr().err
    assert file.read_text() == "kept"


@pytest.mark.parametrize("agent", [[], ["--agent", "random-forest", "--episodes", "2"]])
def test_a_training_is_not_replaced_unasked(
    agent: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*SMALL, *agent, "--steps", "64", "--output", str(tmp_path)]
    assert train.main(arguments) == 0
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert train.main([*arguments, "--seed", "1"]) == 2
    assert "is there from an earlier training; allowed:" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}
    curves = list(tmp_path.glob("events.*"))
    assert train.main([*arguments, "--seed", "1", "--overwrite"]) == 0
    assert not any(path.exists() for path in curves)
    kept = {path: content for path, content in before.items() if path.exists()}
    assert any(path.read_bytes() != content for path, content in kept.items())


@pytest.mark.parametrize("place", ["/proc", "/proc/self/fd", "/sys/kernel"])
@pytest.mark.parametrize(
    "command", [compare, train, draw_schedule, plot_gaps, plot_learning, profile_hardware]
)
def test_an_output_where_no_file_can_be_made_is_told_before_the_work(
    command: Any, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--output", f"{place}/new/a.png"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"cannot write output '{place}/new" in line


@pytest.mark.parametrize("command", [draw_schedule, plot_gaps, plot_learning, profile_hardware])
def test_what_is_no_file_is_not_overwritten(
    command: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, pipe, link = (tmp_path / f"{name}.png" for name in ("folder", "pipe", "link"))
    folder.mkdir()
    os.mkfifo(pipe)
    link.symlink_to("target.png")  # as /dev/stdout is one
    for output in (folder, pipe, link):
        assert command.main(["--output", str(output)]) == 2
        assert f"'{output}' exists and is no file" in capsys.readouterr().err
    (tmp_path / "target.png").write_text("kept")
    assert command.main(["--output", str(link)]) == 2
    assert link.is_symlink()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("file/below.html", "cannot write output"),
        ("folder.html", "exists and is no file"),
        ("report.txt", "allowed: .html, .htm"),
    ],
)
def test_a_report_that_cannot_be_is_told_before_the_work(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder.html").mkdir()
    arguments = ["--report", str(tmp_path / name), "--output", str(tmp_path / "out")]
    assert compare.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()


def test_without_pygame_all_but_the_gantt_charts_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    report = tmp_path / "report.html"
    arguments = ["--schedulers", "myopic", "--episodes", "2", "--output", str(tmp_path / "out")]
    assert compare.main([*SMALL, *arguments, "--report", str(report)]) == 0
    assert "no Gantt charts" in capsys.readouterr().err
    assert "pygame is missing" in report.read_text(encoding="utf-8")


def test_gaps_are_drawn_in_ascending_order(tmp_path: Path) -> None:
    gaps = {"a": 0.3, "b": 0.1, "c": 0.2}
    rows = [{"scheduler": n, "gap": gap, "gap_ci95": None} for n, gap in gaps.items()]
    content = {"schedulers": rows, "provenance": PROVENANCE}
    (tmp_path / "a.json").write_text(json.dumps(content))
    _, read = plot_gaps.read_comparison(tmp_path / "a.json")
    assert [gap.scheduler for gap in read] == ["b", "c", "a"]


def test_what_stands_in_the_way_inside_the_output_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("comparison.csv", "best.zip", "best.npz"):
        (tmp_path / name).mkdir()
    output = ["--output", str(tmp_path)]
    for command, arguments, name in (
        (compare, [], "comparison.csv"),
        (train, [], "best.zip"),
        (train, ["--agent", "random-forest"], "best.npz"),
    ):
        assert command.main([*output, *arguments]) == 2
        assert f"{name}' exists and is no file" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "comparison.csv")
    (tmp_path / "tensorboard").write_text("kept")
    assert compare.main(output) == 2
    assert "tensorboard" in capsys.readouterr().err
    assert compare.main(["--cache", str(tmp_path / "tensorboard" / "x")]) == 2
    assert "cannot write output" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "name", "allowed"),
    [
        (draw_schedule, "a.foo", ".png"),
        (draw_schedule, "a", ".png"),
        (draw_schedule, "a.pdf", ".png"),
        (plot_gaps, "a.csv", ".png, .pdf, .svg"),
        (plot_learning, "a.csv", ".png, .pdf, .svg"),
    ],
)
def test_an_output_that_is_no_picture_is_told(
    command: Any, name: str, allowed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["--output", str(tmp_path / name)]) == 2
    assert f"allowed: {allowed}\n" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


FEW = ["--rounds", "1", "--steps", "32", "--num-envs", "8"]


def test_trainings_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark_training.main(FEW) == 0
    out = capsys.readouterr().out.replace(",", "")
    rows = re.findall(r"│ (\S+) +│ +(\d+) │ +(\d+) │", out)
    assert {"HybridCluster", "Stable-Baselines3"} <= {name for name, *_ in rows}
    for _, steps, updates in rows:  # four gradient steps for eight steps
        assert float(updates) == pytest.approx(float(steps) / 2, rel=0.01, abs=1)


def test_the_parts_of_a_training_are_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    before = HybridClusterVectorEnv.step, torch.Tensor.backward, torch.nn.utils.clip_grad_norm_
    assert benchmark_training.main([*FEW, "--profile"]) == 0
    after = HybridClusterVectorEnv.step, torch.Tensor.backward, torch.nn.utils.clip_grad_norm_
    assert before == after
    shares = dict(re.findall(r"│ (.*?) +│ +([\d.]+)%", capsys.readouterr().out))
    assert {"step the environments", "backward", benchmark_training.REST} <= set(shares)
    assert sum(map(float, shares.values())) == pytest.approx(100, abs=0.6)


def test_a_part_is_counted_without_the_parts_it_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(benchmark_training, "time", SimpleNamespace(perf_counter=lambda: clock.now))

    class Work:
        def outer(self) -> None:
            clock.now += 1
            self.inner()
            clock.now += 2

        def inner(self) -> None:
            clock.now += 10
            raise KeyboardInterrupt

    work = Work()
    watch = benchmark_training.Stopwatch()
    ends = [watch.watch(work, "outer", "outside"), watch.watch(Work, "inner", "inside")]
    clock.now += 100
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            work.outer()
    for end in ends:
        end()
    clock.now += 200
    watch.leave()
    assert watch.seconds == {benchmark_training.REST: 300, "outside": 2, "inside": 20}
    assert vars(work) == {}


HUGE = "1" + "0" * 30


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        (compare, ["--seed", "-1"], "'-1' is not a whole number from 0 to 2147483647"),
        (train, ["--seed", HUGE], "is not a whole number from 0 to 2147483647"),
        (draw_schedule, ["--seed", HUGE], "is not a whole number from 0"),
        (benchmark, ["--seed", "1.5"], "is not a whole number from 0"),
        (profile_hardware, ["--seed", HUGE], "is not a whole number from 0"),
        (draw_schedule, ["--load", "1e-300"], "'1e-300' is no number from 1e-06 to 1e+06"),
        (compare, ["--load", "nan"], "is no number"),
        (train, ["--load", "inf"], "is no number"),
        (train, ["--load", "-1"], "is no number"),
        (train, ["--threads", HUGE], "is not a whole number from 1"),
        (train, ["--threads", "9" * 5_000], "is not a whole number from 1"),
        (train, ["--num-envs", HUGE], "is not a whole number from 1"),
        (train, ["--steps", HUGE], "is not a whole number from 1"),
        (train, ["--episodes", HUGE], "is not a whole number from 1"),
        (compare, ["--episodes", "0"], "is not a whole number from 1"),
        (compare, ["--jobs", "0"], "is not a whole number from 1"),
        (benchmark, ["--seconds", "inf"], "is not a number in"),
        (benchmark, ["--seconds", "nan"], "is not a number in"),
        (benchmark, ["--seconds", "-1"], "is not a number in"),
        (benchmark, ["--rounds", HUGE], "is not a whole number from 1"),
        (benchmark_training, ["--num-envs", HUGE], "is not a whole number from 1"),
        (benchmark_training, ["--rounds", "0"], "is not a whole number from 1"),
        (benchmark_oracle, ["--lengths", "10,x"], "'x' is not a whole number from 1"),
        (benchmark_oracle, ["--lengths", ""], "'' is not a whole number from 1"),
        (benchmark_oracle, ["--bound-length", HUGE], "is not a whole number from 1"),
    ],
)
def test_a_number_out_of_range_is_told(
    command: Any, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(arguments)
    assert stopped.value.code == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert message in last
    assert len(last) < 200


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (compare, ["--num-tasks", HUGE]),
        (draw_schedule, ["--num-tasks", "1000000"]),
        (compare, ["--num-tasks", "1000000", "--episodes", "1000"]),
        (train, ["--num-tasks", "1000000", "--num-envs", "1000"]),
        (train, ["--num-tasks", "1000000", "--agent", "random-forest"]),
        (benchmark_oracle, ["--num-tasks", "1000000", "--episodes", "1000"]),
        (profile_hardware, ["--threads", HUGE]),
    ],
)
def test_more_than_fits_is_told(
    command: Any, arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = [] if command is benchmark_oracle else ["--output", str(tmp_path / "a.png")]
    assert command.main([*arguments, *output]) == 2
    *_, line = capsys.readouterr().err.splitlines()
    assert "allowed" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "change",
    [
        {"schedulers": []},
        {"schedulers": 3},
        {"schedulers": [3]},
        {"schedulers": [{"gap": "wide", "gap_ci95": None, "scheduler": "a"}]},
        {"schedulers": [{"gap": float("nan"), "gap_ci95": None, "scheduler": "a"}]},
        {"schedulers": [{"gap": 10**400, "gap_ci95": None, "scheduler": "a"}]},
        {"schedulers": [{"gap": 0.1}]},
        {"provenance": {}},
        {"provenance": {**PROVENANCE, "problem": {"cluster": "c"}}},
        {"provenance": {**PROVENANCE, "seeds": ["a"]}},
        {"provenance": {**PROVENANCE, "problem": {**PROVENANCE["problem"], "noise": None}}},
        {
            "provenance": {
                **PROVENANCE,
                "problem": {**PROVENANCE["problem"], "num_tasks": float("inf")},
            }
        },
        {"provenance": None},
    ],
)
def test_a_damaged_comparison_is_told(
    change: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A name that is no mathematics, and a gap that a logarithmic axis does not show.
    row = {"scheduler": "$^$_$", "gap": 0.0, "gap_ci95": None}
    content = {"schedulers": [row], "provenance": PROVENANCE}
    source, output = tmp_path / "a.json", tmp_path / "a.svg"
    arguments = ["--comparison", str(source), "--output", str(output)]
    source.write_text(json.dumps(content))
    assert plot_gaps.main(arguments) == 0
    output.unlink()
    source.write_text(json.dumps({**content, **change}))
    assert plot_gaps.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{source}: not a comparison" in line
    assert not output.exists()


@pytest.mark.parametrize("content", ["", "[" * 100_000, "{}", "3"])
def test_no_comparison_at_all(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").write_text(content)
    for source in (tmp_path / "a.json", tmp_path, tmp_path / "missing.json"):
        arguments = ["--comparison", str(source), "--output", str(tmp_path / "a.png")]
        assert plot_gaps.main(arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert str(source) in line


def run_script(name: str, *arguments: str, **kwargs: Any) -> subprocess.Popen[str]:
    """Start a command as users do."""
    script = Path(__file__).parents[2] / "scripts" / f"{name}.py"
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **kwargs,
    )


def test_ctrl_c_at_the_very_end_ends_with_130(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import atexit, os, signal\natexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    process = run_script("plot_gaps", env=environment, cwd=tmp_path)
    _, error = process.communicate(timeout=120)
    assert process.returncode == 130
    (line,) = error.splitlines()
    assert "run compare.py first" in line


def test_ctrl_c_of_a_terminal_reaches_all_processes_but_ends_in_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    # Workers tell that they are at their imports; a terminal interrupts the whole group.
    (tmp_path / "sitecustomize.py").write_text(
        f"""
import pathlib, sys, time
if "-m" in sys.orig_argv and "joblib.externals.loky" in " ".join(sys.orig_argv):
    pathlib.Path({str(tmp_path / "started")!r}).touch()
    time.sleep(1)
"""
    )
    arguments = ["--episodes", "40", "--num-tasks", "100"]
    process = run_script(
        "compare", *arguments, cwd=tmp_path, env=environment, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=120)
    assert (tmp_path / "started").exists()
    assert process.returncode == 130
    assert "Traceback" not in error
    assert error.splitlines()[-1].startswith("interrupted")


def test_output_that_nobody_reads_ends_without_a_traceback(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for arguments in (["--help"], [*SMALL, "--output", str(tmp_path / "a.png")]):
        script = Path(draw_schedule.__file__)
        done = subprocess.run(
            [sys.executable, str(script), *arguments],
            stdout=writer,
            stderr=subprocess.PIPE,
            env={**os.environ, "SDL_VIDEODRIVER": "dummy"},
            text=True,
            check=False,
        )
        # argparse itself lets a help go unread where output is not buffered.
        assert done.returncode in ({0, 141} if "--help" in arguments else {141})
        assert "Traceback" not in done.stderr
        assert "BrokenPipe" not in done.stderr
    os.close(writer)
    assert (tmp_path / "a.png").exists()


def test_tables_are_whole_on_narrow_and_plain_terminals(tmp_path: Path) -> None:
    environment = {**os.environ, "COLUMNS": "40", "PYTHONIOENCODING": "ascii"}
    arguments = [*SMALL, "--schedulers", "myopic,earliest-finish", "--episodes", "2"]
    process = run_script("compare", *arguments, cwd=tmp_path, env=environment)
    output, error = process.communicate(timeout=120)
    assert process.returncode == 0, error
    assert "earliest-finish" in output
    assert "p50/99" in output
    assert (tmp_path / "runs" / "comparison" / "comparison.csv").exists()


def test_a_name_that_no_table_can_hold_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main([*SMALL, "--steps", "64", "--output", str(tmp_path)]) == 0
    for name in (b"bad\xff.zip", b"two\nlines.zip"):
        agent = os.path.join(os.fsencode(tmp_path), name)
        shutil.copy(tmp_path / "best.zip", agent)
        arguments = [*SMALL, "--agent", os.fsdecode(agent), "--output", str(tmp_path / "out")]
        capsys.readouterr()
        assert compare.main(arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "allowed: printable characters" in line


def test_closed_streams_do_no_harm(tmp_path: Path) -> None:
    output = tmp_path / "a"
    arguments = [*SMALL, "--schedulers", "myopic", "--episodes", "1", "--output", str(output)]
    command = shlex.join([sys.executable, str(Path(compare.__file__)), *arguments])
    assert subprocess.run(["bash", "-c", f"{command} >&- 2>&-"], check=False).returncode == 0
    assert (output / "comparison.json").exists()


def test_names_of_agents_are_plain_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "[red]$^$"
    assert train.main([*SMALL, "--steps", "64", "--output", str(folder)]) == 0
    monkeypatch.chdir(folder)
    shutil.copy("best.zip", "oracle.zip")
    agents = ["--agent", ".", "--agent", "best.zip", "--agent", "oracle.zip"]
    arguments = ["--episodes", "2", "--schedulers", "myopic", "--output", str(tmp_path / "out")]
    assert compare.main([*SMALL, *agents, *arguments]) == 0
    written = json.loads((tmp_path / "out" / "comparison.json").read_text())
    names = {"[red]$^$", "[red]$^$'", "oracle'", "oracle", "myopic"}
    assert set(written["episodes"]) == names
    source = str(tmp_path / "out" / "comparison.json")
    assert plot_gaps.main(["--comparison", source, "--output", str(tmp_path / "a.png")]) == 0


@pytest.mark.parametrize("name", ["...zip", "..zip"])
def test_an_agent_file_names_no_folder_above(name: str, tmp_path: Path, capsys: Any) -> None:
    shutil.copy(pretrained_path("dqn"), tmp_path / name)
    arguments = ["--agent", str(tmp_path / name), "--output", str(tmp_path / "out")]
    assert compare.main([*SMALL, *arguments]) == 2
    assert "not dots alone" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("variable", ["HOME", "MPLBACKEND"])
def test_a_command_needs_neither_home_nor_window(variable: str, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k not in ("HOME", "XDG_CACHE_HOME")}
    environment["HOME"] = "/dev/null" if variable == "HOME" else str(tmp_path)
    environment["MPLBACKEND"] = "nonsense" if variable == "MPLBACKEND" else "agg"
    script = Path(cpu_gpu_env.__file__).parents[1] / "scripts" / "pareto.py"
    small = ["--num-tasks=2", "--episodes=1", "--weights=0.5", "--schedulers=myopic", "--jobs=1"]
    done = subprocess.run(
        [sys.executable, script, *small],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "pareto" / "pareto.png").exists()
    assert (tmp_path / "runs" / "cache").exists() == (variable == "HOME")


def test_ctrl_c_in_a_comparison_keeps_the_schedulers_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = RoundRobin.choose

    def interrupt(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        return choose(*arguments)

    monkeypatch.setattr(RoundRobin, "choose", interrupt)
    arguments = ["--schedulers", "greedy,greedy,round-robin,myopic", "--episodes", "2"]
    assert compare.main([*SMALL, *arguments, "--output", str(tmp_path)]) == 130
    assert "interrupted" in capsys.readouterr().err
    written = json.loads((tmp_path / "comparison.json").read_text())
    assert set(written["episodes"]) == {"oracle", "greedy"}


@pytest.mark.parametrize(
    "command",
    [
        *(compare, train, draw_schedule, plot_learning, transfer),
        *(make_pretrained, profile_hardware, profile_gpu),
    ],
)
def test_help_shows_defaults_as_they_would_be_typed(
    command: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # no line is broken
    with pytest.raises(SystemExit):
        command.main(["--help"])
    shown = capsys.readouterr().out
    for nothing in ("None)", "False)", "[])", "Path(", "(default: ("):
        assert nothing not in shown
    assert not [line for line in shown.splitlines() if line.count("(default:") > 1]
    assert "example:\n" in shown
    if "--gpu-fractions" in shown:
        assert "(default: 0.0,0.2,0.4,0.6,0.8,1.0)" in shown
    if "--seed" in shown:
        assert re.search(r"--seed .*\(default: \d+\)", shown)
