"""What a request says an engine is to play: names alone, and no files."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from cpu_gpu_env import HybridClusterError
from cpu_gpu_env.dashboard.schemas.control import StartRequest
from cpu_gpu_env.dashboard.services.engine_arguments import NAMES, arguments_of
from cpu_gpu_env.runtime.online import ONLINE
from cpu_gpu_env.scripts import stream

BASE = ("--quick-oracle", "--online", "--load=none", "--tasks=100", "--resume=3", "--agent=a.zip")


def test_nothing_asked_for_is_what_the_server_was_told() -> None:
    assert arguments_of(BASE, StartRequest()) == list(BASE)


def test_what_is_asked_for_takes_the_place_of_what_was_told() -> None:
    request = StartRequest(
        cluster="epyc-7763:2 + a100-80gb:4",
        workload="lognormal",
        schedulers=["greedy", "oracle", "dqn-online"],
        num_tasks=50,
        energy_weight=0.25,
        load=1e-5,
        noise=0.0,
        seed=7,
        speed=0.5,
        online=False,
        quick_oracle=True,
        drift="mix",
        bound="any-device",
        episodes=12,
    )
    words = arguments_of(BASE, request)
    assert words[0] == "--agent=a.zip"
    read = stream.parse_arguments(words)
    assert (read.cluster, read.workload) == ("epyc-7763:2 + a100-80gb:4", "lognormal")
    assert read.schedulers == "greedy,oracle,dqn-online"
    assert (read.num_tasks, read.energy_weight, read.load, read.noise) == (50, 0.25, 1e-5, 0.0)
    assert (read.seed, read.speed, read.online, read.quick_oracle) == (7, 0.5, False, True)
    assert (read.drift, read.bound, read.episodes, read.tasks) == ("mix", "any-device", 12, None)
    assert read.resume is None


def test_each_scheduler_that_needs_no_file_may_be_asked_for() -> None:
    assert set(ONLINE) <= set(NAMES)
    assert set(stream.SCHEDULERS) <= set(NAMES)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"cluster": "{folder}/profile.json"}, "unknown device"),
        ({"cluster": "profile.json"}, "unknown device"),
        ({"cluster": "."}, "unknown device"),
        ({"cluster": "epyc-7763:2 + --store:4"}, "unknown device"),
        ({"cluster": "a100-80gb:999999999"}, "count of"),
        ({"workload": "{folder}/trace.csv"}, "unknown workload"),
        ({"workload": "azure-llm:{folder}/trace.csv"}, "unknown workload"),
        ({"schedulers": ["greedy", "{folder}/best.zip"]}, "unknown scheduler"),
        ({"schedulers": ["greedy,oracle"]}, "unknown scheduler"),
        ({"schedulers": ["--store"]}, "unknown scheduler"),
    ],
)
def test_files_are_refused(
    request_: dict[str, object], error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("profile.json", "trace.csv", "best.zip"):
        (tmp_path / name).write_text("{}")
    filled = {
        name: [text.format(folder=tmp_path) for text in value]
        if isinstance(value, list)
        else str(value).format(folder=tmp_path)
        for name, value in request_.items()
    }
    with pytest.raises(HybridClusterError, match=error):
        arguments_of(BASE, StartRequest.model_validate(filled))


@pytest.mark.parametrize(
    "wrong",
    [
        {"store": "x"},
        {"output": "/tmp"},
        {"agent": "x"},
        {"num_tasks": "5"},
        {"num_tasks": True},
        {"num_tasks": 0},
        {"load": float("nan")},
        {"load": float("inf")},
        {"speed": 0},
        {"drift": "--x"},
        {"schedulers": []},
        {"schedulers": ["greedy"] * 33},
        {"cluster": "x" * 201},
        {"online": "yes"},
    ],
)
def test_requests_are_bounded(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        StartRequest.model_validate(wrong)
