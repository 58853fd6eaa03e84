"""Schedulers that come with the package, the script that makes them, and where else they do."""

import csv
import json
import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cpu_gpu_env import HybridClusterError
from cpu_gpu_env.agents.pretrained import MODELS, PRETRAINED, pretrained_path
from cpu_gpu_env.agents.saving import load_agent
from cpu_gpu_env.baselines import SCHEDULERS, make_scheduler
from cpu_gpu_env.baselines.evaluation.play import evaluation_seeds, play_episodes
from cpu_gpu_env.baselines.imitation.forest import load_forest
from cpu_gpu_env.baselines.imitation.hybrid_ml import FEATURES
from cpu_gpu_env.scripts import compare, make_pretrained, transfer


def test_the_pretrained_agent_with_queues_beats_every_online_heuristic() -> None:
    seeds = evaluation_seeds(100)
    agent = play_episodes(load_agent("dqn-queues").act_in, seeds, observe_queues=True).objective
    for name in SCHEDULERS:
        if name in ("cpu-only", "random", "round-robin"):  # hopeless, and slow to play
            continue
        other = play_episodes(lambda env, name=name: make_scheduler(name, env), seeds).objective
        difference = agent - other
        half_width = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
        assert difference.mean() + half_width < 0, name


def test_the_pretrained_agent_without_queues_beats_those_without_a_price() -> None:
    seeds = evaluation_seeds(100)
    agent = play_episodes(load_agent("dqn").act_in, seeds).objective
    for name in ("static-price", "myopic", "earliest-finish", "greedy"):
        other = play_episodes(lambda env, name=name: make_scheduler(name, env), seeds).objective
        assert agent.mean() < other.mean()


def test_the_card_tells_every_file() -> None:
    card = (MODELS / "MODEL_CARD.md").read_text()
    for name, file in PRETRAINED.items():
        assert f"`{file}`" in card
        assert f"| {name} |" in card
    forest = load_forest(pretrained_path("random-forest"), len(FEATURES))
    assert forest.settings["versions"]["numpy"] in card


def test_names_are_known_or_told() -> None:
    with pytest.raises(HybridClusterError, match=r"'dqn-queue'.*Did you mean 'dqn-queues'"):
        pretrained_path("dqn-queue")
    with pytest.raises(HybridClusterError, match="nowhere"):
        load_agent("nowhere")


def test_a_file_goes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_agent("dqn").settings.algo == "dqn"
    (tmp_path / "dqn-queues").mkdir()
    assert load_agent("dqn-queues").settings.observe_queues
    with pytest.raises(HybridClusterError, match="is a forest"):
        load_agent("random-forest")
    (tmp_path / "dqn").write_text("no agent")
    with pytest.raises(HybridClusterError, match="dqn"):
        load_agent("dqn")


def test_a_comparison_takes_them_by_itself_where_they_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "illustrate", lambda *_: None)  # charts take most of the time
    common = ["--num-tasks", "12", "--episodes", "2", "--bound", "none"]
    for fractions, expected in (([], set(PRETRAINED)), (["--gpu-fractions", "0,1"], set())):
        assert compare.main([*common, *fractions, "--output", str(tmp_path)]) == 0
        results = json.loads((tmp_path / "comparison.json").read_text())
        assert set(results["episodes"]) == {*SCHEDULERS, *expected}


def test_a_pretrained_agent_that_does_not_fit_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--schedulers", "dqn", "--gpu-fractions", "0,1", "--output", str(tmp_path)]
    assert compare.main([*arguments, "--num-tasks", "5"]) == 2
    assert "gpu_fractions" in capsys.readouterr().err


@pytest.mark.slow
def test_the_pretrained_are_made_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cpu_gpu_env.scripts.make_pretrained", "--steps", "2000"]
    command += ["--episodes", "2", "--forest-episodes", "2", "--runs", str(tmp_path / "runs")]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    for _ in range(2):  # the second goes on with trainings that are done
        finished = subprocess.run(
            [*command, "--output", str(tmp_path / "models")],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
    made = {path.name for path in (tmp_path / "models").iterdir()}
    assert made == {*PRETRAINED.values(), "MODEL_CARD.md"}
    assert load_agent(tmp_path / "models" / "dqn-queues.zip").settings.observe_queues
    assert "--steps 2000" in (tmp_path / "models" / "MODEL_CARD.md").read_text()
    assert zipfile.ZipFile(tmp_path / "models" / "dqn.zip").testzip() is None


def test_a_recipe_for_every_file() -> None:
    assert set(make_pretrained.RECIPES) == set(PRETRAINED)


def test_transfer_compares_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--num-tasks", "10", "--episodes", "2", "--jobs", "1", "--also-load", "0.7"]
    arguments += ["--schedulers", "myopic,dqn-queues", "--also-cluster", "t4-node"]
    full = [*arguments, "--output", str(tmp_path)]
    assert transfer.main(full) == 0
    with (tmp_path / "transfer.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 2 * 3
    assert all(float(row["gap"]) > -1e-9 for row in rows)
    assert {row["command"] for row in rows} == {f"python scripts/transfer.py {shlex.join(full)}"}
    assert all(row["cluster_sha256"] and row["versions"] for row in rows)
    places = {(row["cluster"], row["load"]) for row in rows}
    assert places == {(c, ld) for c in ("a100-node", "t4-node") for ld in ("1.5", "0.7")}
    found = {(r["scheduler"], r["cluster"], r["load"]): 100 * float(r["gap"]) for r in rows}
    lines = (tmp_path / "transfer.md").read_text().replace("\\", "").splitlines()
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    there = next(row for row in table if row[0] == "t4-node, 1.5")
    shown = dict(zip(table[0], there, strict=True))["dqn-queues"]
    assert float(shown.split("±")[0]) == pytest.approx(
        found["dqn-queues", "t4-node", "1.5"], abs=0.06
    )
    assert transfer.main([*arguments, "--also-cluster", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err
