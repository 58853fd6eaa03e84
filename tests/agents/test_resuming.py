"""Trainings that go on: in the same world, without a jump, and with curves that never go back."""

import json
import random
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from small_training import SMALL, small_plan
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from cpu_gpu_env import HybridClusterError
from cpu_gpu_env.agents.algorithms import make_algorithm
from cpu_gpu_env.agents.resuming import Schedules
from cpu_gpu_env.agents.training import TrainingPlan, make_training_env, train
from cpu_gpu_env.io.event_files import EVENT_FILES
from cpu_gpu_env.io.folder_lock import LOCK, lock_folder
from cpu_gpu_env.model.profile import cluster_to_profile, save_profile
from cpu_gpu_env.problem.problem import make_problem


class Killed(BaseException):
    """Ends a training where it is, as a kill does."""


def stop_at(step: int, reason: type[BaseException]) -> Callable[[int], None]:
    def progress(done: int) -> None:
        if done >= step:
            raise reason

    return progress


def state_of(folder: Path) -> dict[str, Any]:
    with zipfile.ZipFile(folder / "checkpoint.zip") as archive:
        state: dict[str, Any] = json.loads(archive.read("state.json"))
    return state


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """(step, value) of each tag, in the order in which they stand in the files."""
    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.glob(EVENT_FILES), key=lambda path: path.stat().st_ctime_ns):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.tensor.float_val[0]))
    return found


def many_logs(folder: Path, **changes: Any) -> TrainingPlan:
    """A plan whose curves have many points: episodes are short, and logged every 16."""
    changes = {"problems": ({"num_tasks": 2},), "steps": 800, **changes}
    return small_plan(folder, **changes)


def test_after_a_kill_no_curve_goes_back(tmp_path: Path) -> None:
    plan, told = many_logs(tmp_path), []
    with pytest.raises(Killed):
        train(plan, stop_at(590, Killed))
    done = state_of(tmp_path)["counters"]["num_timesteps"]
    before = curves(tmp_path)
    beyond = sum(step > done for points in before.values() for step, _ in points)
    assert done == 400
    assert max(step for step, _ in before["rollout/ep_rew_mean"]) > 550
    train(plan, resume=True, tell=told.append)
    after = curves(tmp_path)
    assert set(after) >= {"rollout/ep_rew_mean", "train/learning_rate", "validation/objective"}
    for tag, points in after.items():
        steps = [step for step, _ in points]
        assert steps == sorted(steps), tag
        assert steps[-1] > 700
        kept = [point for point in before[tag] if point[0] <= done]
        assert points[: len(kept)] == kept
    assert told[0].startswith("going on at step 400 of 800; learning rate ")
    assert told[1].startswith("taken out of the event files: ")
    events = int(re.findall(r"\d+", told[1])[0])
    assert 0 < events <= beyond  # an event may have several values


@pytest.mark.parametrize("steps", [800, 1200, 2400])
def test_more_steps_take_the_schedules_on_without_a_jump(steps: int, tmp_path: Path) -> None:
    plan = many_logs(tmp_path, steps=800, settings=replace(SMALL, exploration_fraction=1.0))
    with pytest.raises(Killed):
        train(plan, stop_at(410, Killed))
    told: list[str] = []
    train(replace(plan, steps=steps), resume=True, tell=told.append)
    rate = curves(tmp_path)["train/learning_rate"]
    exploration = curves(tmp_path)["rollout/exploration_rate"]
    # From the start to a fiftieth at the end, straight but for one bend: at the checkpoint, where
    # 400 of 800 steps were done. It logs what the step before has set.
    for points, first, last in ((rate, 3e-3, 6e-5), (exploration, 0.1, 0.02)):
        middle = (first + last) / 2
        expected = np.interp([s - 4 for s, _ in points], [0, 400, steps], [first, middle, last])
        assert [value for _, value in points] == pytest.approx(expected, rel=0.03)
    assert told[0] == (
        f"going on at step 400 of {steps:,}; learning rate 0.00153, 6e-05 at the end; "
        "exploration 0.06, 0.02 at the end"
    )


def test_a_finished_training_goes_on_at_the_end_of_its_schedules(tmp_path: Path) -> None:
    plan, told = many_logs(tmp_path, steps=400), []
    train(plan)
    for steps in (800, 1000):
        train(replace(plan, steps=steps), resume=True, tell=told.append)
    rates = [value for step, value in curves(tmp_path)["train/learning_rate"] if step > 410]
    assert rates == pytest.approx([6e-5] * len(rates))
    assert len(rates) > 5
    assert told[-1] == "going on at step 800 of 1,000; learning rate 6e-05; exploration 0.02"
    train(replace(plan, steps=1000), resume=True, tell=told.append)
    assert told[-1] == "the checkpoint has 1,000 of 1,000 steps: nothing is left to train"


def test_schedules_bend_at_each_checkpoint_and_never_jump(tmp_path: Path) -> None:
    model = make_algorithm("dqn", make_training_env(small_plan(tmp_path)), (8,), 0, SMALL)
    original, left, rates = model.lr_schedule, 1.0, []
    done = 0
    for steps in (1000, 800, 700, 3000):  # each broken off half-way
        model.lr_schedule, model.num_timesteps = original, done
        schedules = Schedules(steps)
        schedules.go_on(model, left)
        half = (done + steps) // 2
        rates += [model.lr_schedule(1 - step / steps) for step in np.linspace(done, half, 50)]
        done = half
        left = schedules.left(done)
    assert rates[0] == pytest.approx(3e-3)
    assert rates[-1] == pytest.approx(6e-5 + (3e-3 - 6e-5) / 2**4, rel=0.01)
    assert all(0 <= before - after < 6e-5 for before, after in pairwise(rates))


def test_a_plan_of_the_same_length_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    model = make_algorithm("dqn", make_training_env(small_plan(tmp_path)), (8,), 0, SMALL)
    model.num_timesteps, before = 300, model.lr_schedule
    Schedules(700).go_on(model, Schedules(700).left(300))
    for remaining in (4 / 7, 0.3, 0.0):
        assert model.lr_schedule(remaining) == pytest.approx(before(remaining), rel=1e-12)


TRACE = "arrival_s,size_flop,intensity_flop_per_byte,memory_bytes\n" + "".join(
    f"{i},{1e12 + i},20,{1e9}\n" for i in range(40)
)


def test_another_trace_or_profile_behind_the_same_path_is_told(tmp_path: Path) -> None:
    trace, profile, output = tmp_path / "t.csv", tmp_path / "p.json", tmp_path / "run"
    cluster = make_problem().cluster
    save_profile(cluster_to_profile(cluster), profile)
    trace.write_text(TRACE)
    problems = ({"num_tasks": 10, "cluster": str(profile), "workload": str(trace)},)
    plan = small_plan(output, problems=problems)
    train(plan)
    before = {path: path.read_bytes() for path in output.iterdir()}

    def refusal() -> str:
        with pytest.raises(HybridClusterError) as told:
            train(replace(plan, steps=500), resume=True)
        assert before == {path: path.read_bytes() for path in output.iterdir()}
        assert "\n" not in str(told.value)
        return str(told.value)

    trace.write_text(TRACE.replace("1000000000000", "1000000000001"))
    checkpoint = output / "checkpoint.zip"
    start = f"{checkpoint}: no longer what the checkpoint was trained on: "
    assert refusal().startswith(f"{start}workload '")
    trace.write_text(TRACE)
    faster = replace(cluster, devices=(replace(cluster.devices[0], flops=1e12),) * 2 + cluster.gpus)
    save_profile(cluster_to_profile(faster), profile)
    assert refusal().startswith(f"{start}cluster '")
    save_profile(cluster_to_profile(cluster), profile)
    assert train(replace(plan, steps=500), resume=True).best is not None


def test_what_was_learned_is_kept_at_the_point_reached(tmp_path: Path) -> None:
    plan = small_plan(tmp_path)
    assert train(plan, stop_at(290, KeyboardInterrupt)).interrupted
    reached = state_of(tmp_path)["counters"]["num_timesteps"]
    assert 290 <= reached < 300
    told: list[str] = []
    train(plan, resume=True, tell=told.append)
    assert told[0].startswith(f"going on at step {reached} of 400")


def test_a_second_signal_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The evaluation at the end takes a while, and who has sent one signal may send another."""

    def play_no_more(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    plan = small_plan(tmp_path, evaluations=1)
    with monkeypatch.context() as patch:
        patch.setattr("cpu_gpu_env.agents.training.play_episodes", play_no_more)
        with pytest.raises(KeyboardInterrupt):
            train(plan, stop_at(290, KeyboardInterrupt))
    assert 290 <= state_of(tmp_path)["counters"]["num_timesteps"] < 300
    assert train(plan, resume=True).best is not None
    assert not (tmp_path / LOCK).exists()


def test_sigterm_writes_a_checkpoint_from_which_a_training_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cpu_gpu_env.scripts.train", "--num-tasks", "10"]
    command += ["--num-envs", "16", "--output", str(tmp_path), "--steps"]
    running = subprocess.Popen([*command, "1000000"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not any(curves(tmp_path).get("rollout/ep_rew_mean", [])) and time.monotonic() < deadline:
        time.sleep(0.05)
    second = subprocess.run([*command, "64"], capture_output=True, text=True, check=False)
    running.send_signal(signal.SIGTERM)
    _, error = running.communicate(timeout=60)
    assert second.returncode == 2
    assert second.stderr == (
        f"error: {tmp_path}: process {running.pid} is writing into this folder; allowed: wait "
        "until it has ended, or another folder\n"
    )
    assert running.returncode == 130
    assert "Traceback" not in error
    reached = state_of(tmp_path)["counters"]["num_timesteps"]
    assert 0 < reached < 1_000_000 // 12  # where the first evaluation would have been
    for name in ("best.zip", "checkpoint.zip"):  # as left by writers that were killed
        (tmp_path / f".{name}.{secrets.token_hex(8)}").touch()
    goes_on = [*command, str(reached + 100), "--resume"]
    finished = subprocess.run(goes_on, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert f"going on at step {reached:,} of {reached + 100:,}" in finished.stderr
    names = {path.name.partition(".tf")[0] for path in tmp_path.iterdir()}
    assert names == {"best.zip", "last.zip", "checkpoint.zip", "events.out"}


def test_a_training_in_a_folder_of_another_is_told(tmp_path: Path) -> None:
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock_folder(tmp_path):
            locked.set()
            done.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    try:
        with pytest.raises(HybridClusterError, match="is writing into this folder"):
            train(small_plan(tmp_path))
        assert [path.name for path in tmp_path.iterdir()] == [LOCK]
    finally:
        done.set()
        holder.join()


@pytest.mark.parametrize("end_at", [200, 1_000])
def test_a_training_leaves_global_state_as_it_was(end_at: int, tmp_path: Path) -> None:
    def seed() -> None:
        np.random.seed(3)  # noqa: NPY002
        random.seed(3)
        torch.manual_seed(3)

    def draw() -> tuple[float, ...]:
        return np.random.rand(), random.random(), torch.rand(1).item()  # noqa: NPY002

    seed()
    expected, threads = draw(), torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        seed()
        with suppress(Killed):
            train(small_plan(tmp_path, threads=2), stop_at(end_at, Killed))
        assert draw() == expected
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("member", ["weights.safetensors", "optimizer.safetensors"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_told(member: str, value: float, tmp_path: Path) -> None:
    plan, path = small_plan(tmp_path), tmp_path / "checkpoint.zip"
    train(plan)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    tensors = load(members[member])
    name = sorted(tensors)[0]
    tensors[name].view(-1)[0] = value
    with zipfile.ZipFile(path, "w") as archive:
        for other, content in {**members, member: save(tensors)}.items():
            archive.writestr(other, content)
    with pytest.raises(HybridClusterError) as told:
        train(replace(plan, steps=500), resume=True)
    message = str(told.value)
    assert message.startswith(f"{path}: not a checkpoint of this training: {member}: tensor")
    assert message.endswith("holds nan or infinity")
