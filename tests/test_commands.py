"""The commands, end to end on small problems."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from cpu_gpu_env.baselines import SCHEDULERS
from cpu_gpu_env.scripts import compare, draw_schedule, train

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


def test_a_schedule_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    assert draw_schedule.main([*SMALL, "--output", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
