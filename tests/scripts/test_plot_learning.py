"""Learning curves, drawn from small trainings and recomputed from their event files."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from small_training import small_plan

from cpu_gpu_env import HybridClusterVectorEnv
from cpu_gpu_env.agents.learning_curves import EVENT_FILES, mean_curves, read_run
from cpu_gpu_env.agents.training import train
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.oracle.search import solve_episode
from cpu_gpu_env.results.metrics import OBJECTIVE
from cpu_gpu_env.results.seeds import Purpose, episode_seeds
from cpu_gpu_env.scripts import plot_learning

PROBLEM = {"num_tasks": 10, "load": None}
VALIDATION = [*episode_seeds(Purpose.VALIDATION, 2)]


def small_training(folder: Path, **changes: object) -> list[float]:
    """Train for a moment; what each evaluation reported."""
    reported: list[float] = []
    train(
        small_plan(folder, **{"problems": (PROBLEM,), **changes}),
        report=lambda steps, objective: reported.append(objective),
    )
    return reported


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("runs")
    objective = {
        f"{group}{seed}": small_training(
            folder / f"{group}{seed}", seed=seed, observe_queues=group == "q"
        )
        for group in "qb"
        for seed in (0, 1)
    }
    return SimpleNamespace(folder=folder, objective=objective)


def read_scalars(folder: Path) -> list[tuple[int, float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = EventAccumulator(str(folder))
    run.Reload()
    assert run.Tags()["scalars"] == ["validation/gap"]
    return [(event.step, event.value) for event in run.Scalars("validation/gap")]


def test_the_gaps_are_those_of_the_validation_episodes(
    trained: SimpleNamespace, tmp_path: Path
) -> None:
    output = tmp_path / "learning.png"
    runs = [str(trained.folder / name) for name in ("q0", "b1", "q1", "b0")]
    for _ in range(2):  # the second replaces what the first wrote
        assert plot_learning.main([*runs, "--output", str(output), "--jobs", "1"]) == 0
    assert output.read_bytes().startswith(b"\x89PNG")

    env = HybridClusterVectorEnv(2, **PROBLEM)
    env.reset(seed=VALIDATION)
    solved = [solve_episode(episode) for episode in env.instances()]
    bound = sum(schedule.bound for schedule in solved) / 2
    for group, label in (("q", "DQN with queues"), ("b", "DQN without queues")):
        both = np.array([trained.objective[f"{group}{seed}"] for seed in (0, 1)])
        scalars = read_scalars(tmp_path / "learning" / f"{label} (2 seeds)")
        assert [step for step, _ in scalars] == [100, 200, 300, 400]
        gaps = [gap for _, gap in scalars]
        assert gaps == pytest.approx(both.mean(axis=0) / bound - 1, abs=1e-6)
    scheduler = make_scheduler("queue-price", env)
    observation, _ = env.reset(seed=VALIDATION)
    for _ in range(10):
        action, _ = scheduler.predict(observation)
        observation, _, _, _, info = env.step(action)
    expected = {
        "queue-price": info["objective"].mean() / bound - 1,
        "oracle": sum(schedule.objective for schedule in solved) / 2 / bound - 1,
    }
    for name, gap in expected.items():
        line = read_scalars(tmp_path / "learning" / name)
        assert [step for step, _ in line] == [0, 400]
        assert [value for _, value in line] == pytest.approx([gap, gap], abs=1e-6)
    names = {path.name for path in (tmp_path / "learning").iterdir() if path.is_dir()}
    labels = {"DQN with queues (2 seeds)", "DQN without queues (2 seeds)"}
    assert names == {*labels, *plot_learning.HEURISTICS, "oracle"}


def test_the_figure_itself_is_in_tensorboard(trained: SimpleNamespace, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    output, board = tmp_path / "a.png", tmp_path / "board"
    arguments = ["--output", str(output), "--tensorboard", str(board), "--jobs", "1"]
    assert plot_learning.main([str(trained.folder / "q0"), *arguments]) == 0
    run = EventAccumulator(str(board))
    run.Reload()
    (image,) = run.Images("learning")
    assert image.encoded_image_string == output.read_bytes()
    assert (board / "DQN with queues (1 seed)").is_dir()


def test_seeds_are_brought_to_common_steps(trained: SimpleNamespace) -> None:
    runs = [read_run(trained.folder / name) for name in ("q0", "q1")]
    (curve,) = mean_curves(runs)
    assert curve.steps.tolist() == [100, 200, 300, 400]
    assert curve.objective == pytest.approx(
        np.array([trained.objective[name] for name in ("q0", "q1")]), rel=1e-6
    )
    assert curve.seconds == pytest.approx((runs[0].seconds + runs[1].seconds) / 2)
    assert (np.diff(curve.seconds) > 0).all()
    assert curve.seconds[0] > 0


def test_groups_of_the_same_name_are_told_apart(trained: SimpleNamespace, tmp_path: Path) -> None:
    small_training(tmp_path / "wide", net_arch=(16,))
    curves = mean_curves(
        [read_run(folder) for folder in (trained.folder / "q0", tmp_path / "wide")]
    )
    labels = [curve.label for curve in curves]
    assert labels == [f"DQN with queues, net_arch [{n}] (1 seed)" for n in (8, 16)]


def write_log(folder: Path, name: str, begun_s: float, points: list[tuple[int, float]]) -> None:
    """Write an event file with evaluations at the given (steps, time)."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    events = [Event(wall_time=begun_s, file_version="brain.Event:2")]
    for steps, time_s in points:
        value = Summary.Value(tag=OBJECTIVE.validation_tag, simple_value=float(steps))
        events.append(Event(wall_time=time_s, step=steps, summary=Summary(value=[value])))
    with (folder / f"events.out.tfevents.{name}").open("wb") as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event.SerializeToString())


def test_pauses_and_what_was_done_again_do_not_count(
    trained: SimpleNamespace, tmp_path: Path
) -> None:
    shutil.copy(trained.folder / "q0" / "best.zip", tmp_path)
    # Killed after 300 was logged and before it was kept: it goes on from 200, an hour later.
    write_log(tmp_path, "z", 1000.0, [(100, 1010.0), (200, 1021.0), (300, 1032.0)])
    write_log(tmp_path, "a", 5000.0, [(300, 5012.0), (400, 5024.0)])
    write_log(tmp_path, "m", 9000.0, [])
    run = read_run(tmp_path)
    assert run.steps.tolist() == run.objective.tolist() == [100, 200, 300, 400]
    assert run.seconds.tolist() == [10, 21, 33, 45]
    # A new training in the same folder replaces the one before.
    write_log(tmp_path, "b", 9500.0, [(100, 9507.0)])
    run = read_run(tmp_path)
    assert (run.steps.tolist(), run.seconds.tolist()) == ([100], [7])


def refused(capsys: pytest.CaptureFixture[str], folders: list[Path], output: Path) -> str:
    """The one line with which the command refuses, and nothing written."""
    assert plot_learning.main([*map(str, folders), "--output", str(output)]) == 2
    assert not output.exists()
    assert not output.with_suffix("").exists()
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_folders_that_are_no_trainings_are_told(
    trained: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, folder = tmp_path / "a.png", tmp_path / "empty"
    good = trained.folder / "q0"
    folder.mkdir()
    assert "missing: no such folder" in refused(capsys, [good, tmp_path / "missing"], output)
    assert f"{folder}: no event file" in refused(capsys, [good, folder], output)
    for path in good.glob(EVENT_FILES):
        shutil.copy(path, folder)
    assert "best.zip" in refused(capsys, [folder], output)
    shutil.copy(good / "best.zip", folder)
    assert "seed 0 twice" in refused(capsys, [good, folder], output)
    for path in folder.glob(EVENT_FILES):
        path.write_bytes(b"no events at all, but long enough for a header")
    assert str(folder) in refused(capsys, [folder], output)


def test_without_arguments_the_default_training_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert plot_learning.main([]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "runs/dqn: no such folder" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"problems": ({**PROBLEM, "energy_weight": 0.25},)}, "problems"),
        ({"validation_episodes": 3}, "validation_episodes"),
    ],
)
def test_trainings_judged_on_other_episodes_are_told(
    change: dict,
    name: str,
    trained: SimpleNamespace,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small_training(tmp_path / "other", **change)
    line = refused(capsys, [trained.folder / "q0", tmp_path / "other"], tmp_path / "a.png")
    assert f"other: field '{name}' is" in line


def test_the_mean_over_several_problems_is_drawn(tmp_path: Path) -> None:
    problems = ({"num_tasks": 8, "load": 1.5}, {"num_tasks": 8, "load": 0.5})
    objective = small_training(tmp_path / "mixture", problems=problems, validation_episodes=4)
    output = tmp_path / "a.svg"
    arguments = [str(tmp_path / "mixture"), "--output", str(output), "--jobs", "1"]
    assert plot_learning.main(arguments) == 0
    bounds = []
    for problem in problems:
        env = HybridClusterVectorEnv(2, **problem)
        env.reset(seed=VALIDATION)
        bounds += [solve_episode(episode).bound for episode in env.instances()]
    scalars = read_scalars(tmp_path / "a" / "DQN with queues (1 seed)")
    expected = np.array(objective) / np.mean(bounds) - 1
    assert [gap for _, gap in scalars] == pytest.approx(expected, abs=1e-6)
