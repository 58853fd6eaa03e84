"""Agent files of strangers: whatever is wrong with one is told in a line, and costs little."""

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, save

from cpu_gpu_env import HybridClusterError, HybridClusterVectorEnv
from cpu_gpu_env.agents.agent import AgentSettings
from cpu_gpu_env.agents.algorithms import make_algorithm
from cpu_gpu_env.agents.saving import MAX_JSON_BYTES, MAX_WEIGHTS_BYTES, load_agent, save_agent
from cpu_gpu_env.agents.training import TrainingPlan, make_training_env
from cpu_gpu_env.problem.problem import DEFAULT_GPU_FRACTIONS
from cpu_gpu_env.scripts import compare

MISSING = object()
FRACTIONS = list(DEFAULT_GPU_FRACTIONS)


def make_agent(path: Path, algo: str = "dqn", observe_queues: bool = False) -> Path:
    plan = TrainingPlan(path.parent, algo, num_envs=2, observe_queues=observe_queues)
    policy = make_algorithm(algo, make_training_env(plan), (8,), seed=0).policy
    settings = AgentSettings(algo, (8,), 6, observe_queues, DEFAULT_GPU_FRACTIONS)
    save_agent(policy, settings, path)
    return path


@pytest.fixture
def agent_file(tmp_path: Path) -> Path:
    return make_agent(tmp_path / "a.zip")


def rewrite(path: Path, settings: Any = None, weights: bytes | None = None, **kwargs: Any) -> None:
    """Write an agent file again, with other members."""
    with zipfile.ZipFile(path) as archive:
        old = {name: archive.read(name) for name in archive.namelist()}
    text = old["settings.json"] if settings is None else settings
    with zipfile.ZipFile(path, "w", **kwargs) as archive:
        archive.writestr("settings.json", text if isinstance(text, bytes) else json.dumps(text))
        archive.writestr(
            "weights.safetensors", old["weights.safetensors"] if weights is None else weights
        )


def settings_of(path: Path) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(zipfile.ZipFile(path).read("settings.json"))
    return settings


def tensors_of(path: Path) -> dict[str, torch.Tensor]:
    return load(zipfile.ZipFile(path).read("weights.safetensors"))


def torch_bytes(content: object, **kwargs: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **kwargs)
    return buffer.getvalue()


def with_header(weights: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Weights whose header says something else; the numbers are left as they are."""
    end = 8 + int.from_bytes(weights[:8], "little")
    header = json.loads(weights[8:end])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + weights[end:]


def refusal(path: Path) -> str:
    """The one line that loading is refused with."""
    with pytest.raises(HybridClusterError) as refused:
        load_agent(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))
    return message


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("algo", [MISSING, None, 3, [], {}, "dqm"]),
        ("net_arch", [MISSING, None, 8, "8", [0], [-8], [8.0], [True], ["8"], {"pi": [8]}]),
        ("net_arch", [[8] * 10_000, [10**9, 10**9], [65_536, 65_536], [9], [8, 8], []]),
        ("context", [MISSING, None, 1, "no", []]),
        ("num_actions", [MISSING, None, "6", 6.0, True, 0, 5, 10**30]),
        ("observe_queues", [MISSING, None, 0, 1, "false", []]),
        ("gpu_fractions", [MISSING, None, 1, "0,1", [], {}, FRACTIONS[:-1], [*FRACTIONS, 2]]),
        ("gpu_fractions", [[None] * 6, [True] * 6, ["0"] * 6, [0.5] * 6, FRACTIONS[::-1]]),
        ("gpu_fractions", [[*FRACTIONS[:-1], float("nan")], [*FRACTIONS[:-1], 10**400]]),
        ("format_version", [MISSING, None, 1, True, "2", [], "x" * 1_000]),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(
    agent_file: Path, field: str, values: list[Any]
) -> None:
    settings = settings_of(agent_file)
    for value in values:
        changed = {
            key: item for key, item in {**settings, field: value}.items() if item is not MISSING
        }
        rewrite(agent_file, changed)
        message = refusal(agent_file)
        # Sizes that are possible in themselves do not fit the weights.
        assert (
            f"'{field}'" in message or "allowed by settings.json" in message or "missing" in message
        )
    rewrite(agent_file, settings)
    load_agent(agent_file)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense",
        b"\xff\xfe\x00",
        b"3",
        b"null",
        b"[]",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
    ],
)
def test_settings_that_are_no_object_are_told(agent_file: Path, text: bytes) -> None:
    rewrite(agent_file, text)
    refusal(agent_file)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_weights_must_be_finite(agent_file: Path, value: float) -> None:
    tensors = tensors_of(agent_file)
    name = next(iter(tensors))
    tensors[name].view(-1)[-1] = value
    rewrite(agent_file, weights=save(tensors))
    assert f"{name!r} holds nan or infinity" in refusal(agent_file)


FIRST, SECOND = "q_net.q_net.0.bias", "q_net.q_net.0.weight"


@pytest.mark.parametrize(
    "damage",
    [
        lambda tensors: tensors.popitem(),
        lambda tensors: tensors.update(more=torch.zeros(2)),
        lambda tensors: tensors.update({FIRST: torch.zeros(0)}),
        lambda tensors: tensors.update({FIRST: tensors[FIRST][None]}),
        lambda tensors: tensors.update({k: v.to(torch.complex64) for k, v in tensors.items()}),
        lambda tensors: tensors.update({k: v.double() for k, v in tensors.items()}),
        lambda tensors: tensors.update({FIRST: tensors[FIRST].int()}),
        lambda tensors: tensors.clear(),
    ],
)
def test_weights_that_are_no_such_net_are_told(
    agent_file: Path, damage: Callable[[dict[Any, Any]], None]
) -> None:
    tensors = tensors_of(agent_file)
    damage(tensors)
    # Read, so that it is not for their size that they are refused.
    tensors["padding"] = torch.zeros(10_000)
    rewrite(agent_file, weights=save(tensors))
    assert "weights.safetensors: tensor" in refusal(agent_file)
    del tensors["padding"]
    rewrite(agent_file, weights=save(tensors))
    assert "weights.safetensors" in refusal(agent_file)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header[FIRST].update(shape=[10**9, 10**9]),
        lambda header: header[FIRST].update(shape=[-8]),
        lambda header: header[FIRST].update(shape=[2**63, 2**63]),
        lambda header: header[FIRST].update(dtype="F99"),
        lambda header: header[FIRST].update(data_offsets=[0, 10**15]),
        lambda header: header[FIRST].update(data_offsets=[8, 4]),
        lambda header: header[FIRST].update(data_offsets=header[SECOND]["data_offsets"]),
        lambda header: header.pop(SECOND),
        lambda header: header.update({FIRST: 3}),
        lambda header: header.clear(),
    ],
)
def test_a_header_that_does_not_fit_the_numbers_is_told(
    agent_file: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    weights = zipfile.ZipFile(agent_file).read("weights.safetensors")
    rewrite(agent_file, weights=with_header(weights, lambda header: None))
    load_agent(agent_file)
    rewrite(agent_file, weights=with_header(weights, change))
    assert "weights.safetensors holds no tensors" in refusal(agent_file)


def test_bytes_that_hold_no_tensors_are_told(agent_file: Path) -> None:
    tensors = tensors_of(agent_file)
    whole = save(tensors)
    for weights in (
        torch_bytes(tensors),  # pickles, in a zip file and without
        torch_bytes(tensors, _use_new_zipfile_serialization=False) + bytes(1_000),
        whole[:-1],
        whole + b"x",
        (2**63).to_bytes(8, "little") + whole[8:],
        bytes(len(whole)),
        b"\xff" * len(whole),
    ):
        rewrite(agent_file, weights=weights)
        assert "weights.safetensors holds no tensors" in refusal(agent_file)


class Bomb:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self.path,))


def test_a_malicious_agent_runs_no_code(agent_file: Path, tmp_path: Path) -> None:
    bomb = tmp_path / "run"
    for weights in (pickle.dumps(Bomb(bomb)), b"", torch_bytes({"x": Bomb(bomb)})):
        rewrite(agent_file, weights=weights)
        assert "not a usable agent" in refusal(agent_file)
    assert not bomb.exists()
    pickle.loads(pickle.dumps(Bomb(bomb)))
    assert bomb.exists()  # it would have gone off


def test_members_that_are_missing_are_told(agent_file: Path) -> None:
    settings = settings_of(agent_file)
    with zipfile.ZipFile(agent_file, "w") as archive:
        archive.writestr("settings.json", json.dumps(settings))
    assert "weights.safetensors is missing" in refusal(agent_file)
    with zipfile.ZipFile(agent_file, "w"):
        pass
    assert "settings.json is missing" in refusal(agent_file)


def test_a_file_of_an_earlier_version_is_told_so(agent_file: Path) -> None:
    """As they were written before: weights by `torch.save`, which are not even looked at."""
    settings = {**settings_of(agent_file), "format_version": 3}
    with zipfile.ZipFile(agent_file, "w") as archive:
        archive.writestr("settings.json", json.dumps(settings))
        archive.writestr("weights.pt", b"anything")
    assert "field 'format_version' is 3; allowed: 4" in refusal(agent_file)


def test_a_key_that_stands_twice_is_told(agent_file: Path) -> None:
    text = json.dumps(settings_of(agent_file))
    rewrite(agent_file, text.replace("{", '{"algo": "ppo", ', 1).encode())
    assert "key 'algo' stands twice" in refusal(agent_file)


def test_zip_bombs_are_not_unpacked(agent_file: Path) -> None:
    rewrite(agent_file, b" " * (MAX_JSON_BYTES + 1), compression=zipfile.ZIP_DEFLATED)
    assert agent_file.stat().st_size < 100_000
    assert f"allowed: at most {MAX_JSON_BYTES}" in refusal(agent_file)
    make_agent(agent_file)
    with zipfile.ZipFile(agent_file, "a") as archive:  # the directory claims what it likes
        archive.getinfo("weights.safetensors").file_size = MAX_WEIGHTS_BYTES + 1
        archive.writestr("more", b"")
    assert f"allowed: at most {MAX_WEIGHTS_BYTES}" in refusal(agent_file)
    for compression in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):  # no bound on what a step unpacks
        rewrite(make_agent(agent_file), compression=compression)
        assert "otherwise than by deflate" in refusal(agent_file)


def test_a_sparse_giant_is_not_read(tmp_path: Path) -> None:
    giant = tmp_path / "giant.zip"
    with giant.open("wb") as file:
        file.truncate(10**12)
    assert "the most allowed" in refusal(giant)


def test_encrypted_and_cut_files_are_told(agent_file: Path) -> None:
    whole = agent_file.read_bytes()
    encrypted = bytearray(whole)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        encrypted[whole.index(mark) + offset] |= 1  # the flag of the first member
    agent_file.write_bytes(encrypted)
    assert "encrypted" in refusal(agent_file)
    for length in range(0, len(whole), 97):
        agent_file.write_bytes(whole[:length])
        assert "not an agent file" in refusal(agent_file)


def test_any_changed_byte_is_told_or_harmless(agent_file: Path) -> None:
    whole = agent_file.read_bytes()
    refused = 0
    for index in range(0, len(whole), 61):
        agent_file.write_bytes(whole[:index] + bytes([whole[index] ^ 0x55]) + whole[index + 1 :])
        try:
            load_agent(agent_file)
        except HybridClusterError:
            refused += 1
    assert refused > 10


def test_what_is_no_regular_file_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in refusal(tmp_path / "pipe")
    assert "Is a directory" in refusal(tmp_path)
    assert "cannot read the agent" in refusal(tmp_path / "missing.zip")


@pytest.mark.parametrize("algo", ["dqn", "a2c"])
def test_an_agent_acts_in_any_cluster_with_its_fractions(algo: str, tmp_path: Path) -> None:
    agent = load_agent(make_agent(tmp_path / "q.zip", algo, observe_queues=True))
    for cluster in ("a100-node", "laptop-4090", "mixed-node"):
        env = HybridClusterVectorEnv(3, cluster=cluster, num_tasks=5, observe_queues=True)
        observation, _ = env.reset(seed=0)
        assert agent.act_in(env).predict(observation)[0].shape == (3,)
    with pytest.raises(HybridClusterError, match="set --gpu-fractions"):
        agent.act_in(HybridClusterVectorEnv(3, gpu_fractions=(0, 1), observe_queues=True))


def test_compare_tells_of_a_misfit_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = make_agent(tmp_path / "q.zip", observe_queues=True)
    arguments = ["--agent", str(agent), "--gpu-fractions", "0,1", "--output", str(tmp_path / "o")]
    assert compare.main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "'gpu_fractions'" in line
    assert not (tmp_path / "o").exists()


def test_loading_a_bomb_takes_no_memory(agent_file: Path) -> None:
    rewrite(agent_file, {**settings_of(agent_file), "net_arch": [65_536] * 32})
    code = f"""
import resource
from cpu_gpu_env.agents.saving import load_agent
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    load_agent({str(agent_file)!r})
except ValueError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100_000  # kB
