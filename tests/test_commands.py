"""The commands, end to end on small problems."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cpu_gpu_env.baselines import SCHEDULERS
from cpu_gpu_env.baselines.fixed import RoundRobin
from cpu_gpu_env.scripts import compare, draw_schedule, plot_gaps, train

SMALL = ["--num-tasks", "12"]


def test_train_then_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    agent, output = tmp_path / "dqn", tmp_path / "comparison"
    assert train.main([*SMALL, "--steps", "3000", "--output", str(agent)]) == 0
    arguments = [*SMALL, "--agent", str(agent), "--episodes", "4", "--output", str(output)]
    assert compare.main(arguments) == 0
    assert "dqn" in capsys.readouterr().out
    with (output / "comparison.csv").open() as file:
        rows = {row["scheduler"]: row for row in csv.DictReader(file)}
    assert set(rows) == {*SCHEDULERS, "dqn", "oracle"}
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
        tags.add(tuple(sorted(run.Tags()["scalars"])))
        values = [event.value for event in run.Scalars("episode/objective")]
        assert values == pytest.approx(episodes["objective"], rel=1e-6)
        assert run.Tags()["histograms"] == ["gpu_fraction"]
    assert len(tags) == 1  # the same in every run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cluster", "a100-nod"], "Did you mean 'a100-node'"),
        (["--cluster", "missing.json"], "missing.json"),
        (["--num-tasks", "0"], "num_tasks is 0"),
        (["--schedulers", "myopik"], "Did you mean 'myopic'"),
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
    assert train.main([*SMALL, *arguments]) == 0
    assert "R² of the oracle's GPU fraction" in capsys.readouterr().out
    arguments = ["--agent", str(forest), "--episodes", "5", "--output", str(output)]
    assert compare.main([*SMALL, *arguments]) == 0
    written = json.loads((output / "comparison.json").read_text())
    rows = {row["scheduler"]: row for row in written["schedulers"]}
    assert rows["oracle"]["gap"] <= rows["rf"]["gap"] < rows["random"]["gap"]
    picture = tmp_path / "gaps.png"
    source = str(output / "comparison.json")
    assert plot_gaps.main(["--comparison", source, "--output", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_without_bounds_there_are_no_gaps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "comparison"
    arguments = [*SMALL, "--bound", "none", "--episodes", "1", "--output", str(output)]
    assert compare.main(arguments) == 0
    assert "oracle" not in capsys.readouterr().out
    assert not list(tmp_path.rglob("*oracle*"))
    source = str(output / "comparison.json")
    assert plot_gaps.main(["--comparison", source, "--output", str(tmp_path / "a.png")]) == 2
    assert "made with --bound none" in capsys.readouterr().err


def test_a_schedule_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert draw_schedule.main([*SMALL, "--output", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("command", [compare, train, draw_schedule, plot_gaps])
def test_an_output_that_cannot_be_is_told_before_the_work(
    command: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("kept")
    assert command.main(["--output", str(file / "below")]) == 2
    assert "cannot write output" in capsys.readouterr().err
    assert file.read_text() == "kept"


@pytest.mark.parametrize("command", [compare, train, draw_schedule])
def test_a_negative_seed_is_told(command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["--seed", "-1"])
    assert stopped.value.code == 2
    assert "-1 is not a whole number >= 0" in capsys.readouterr().err


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
