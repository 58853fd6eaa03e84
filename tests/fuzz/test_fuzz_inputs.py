"""Profiles, traces and comparisons by strangers."""

import gzip
import json
from pathlib import Path

import numpy as np
from harness import ODD_TEXTS, as_json, clean, damaged, fuzz, odd_values, run_command, spoiled
from hypothesis import strategies as st
from trace_files import AZURE_HEADER, POD_HEADER, TASK_HEADER, job, pod

from cpu_gpu_env import Cluster, HybridClusterEnv, Workload
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.model.profile import device_catalogue, load_profile
from cpu_gpu_env.model.traces import load_trace
from cpu_gpu_env.model.traces.loading import resolve_workload
from cpu_gpu_env.scripts import plot_gaps

FIGURES = {
    "flops": 1e12,
    "memory_bandwidth": {"peak": 2e11, "efficiency": 0.5, "source": "a data sheet"},
    "launch_s": {"value": 1e-3, "status": "measured"},
    "idle_power_w": 50,
    "active_power_w": 150.0,
    "memory_power_w": 90.0,
    "cache_bytes": 2e9,
    "cache_bandwidth": 3e11,
    "ridge_sharpness": 2.0,
}
PROFILE = {
    "schema_version": 1,
    "name": "by a stranger",
    "description": "two of a kind and one of the catalogue",
    "devices": [
        {"name": "cpu", "kind": "cpu", "count": 2, **FIGURES},
        {
            "name": "gpu",
            "kind": "gpu",
            "memory_bytes": 1e10,
            "link_bandwidth": "unlimited",
            **FIGURES,
        },
        {"catalogue": "a100-80gb", "count": 1},
    ],
}
ROWS = [[0.0, 1e12, 10.0, 1e9], [0.5, 2e12, 1.0, 1e8], [0.5, 3e11, 100.0, 2e10]]
TRACES = {
    "csv": [TASK_HEADER, *(",".join(map(str, row)) for row in ROWS)],
    "csv of all": [
        f"{TASK_HEADER},precision,serial_steps,transfer_bytes",
        *(",".join(map(str, [*row, "fp16", 10, 1e8])) for row in ROWS),
    ],
    "csv of times": [
        "arrival_s,memory_bytes,cpu_time_s,gpu_time_s,gpu_energy_j,a100-80gb_time_s",
        "0,1e9,4,1,300,0.5",
        "0.5,2e10,8,4,1000,2",
    ],
    "swf": ["; a comment", job(0, 10, 4, 100), job(5, 20, -1, -1, 8), job(9, -1)],
    "azure-llm": [
        AZURE_HEADER,
        "2023-11-16 18:17:03.9799600,4808,10",
        "2023-11-16 18:17:04.0319600,3180,8",
        "2023-11-16 18:17:05+00:00,110,27",
    ],
    "alibaba-gpu": [
        POD_HEADER,
        pod(0, "10", 500, 12_000, 16_384, 1, 1000),
        pod(20, "25", 600, 4_000, 8_192, 0, 0),
        pod(30, "35", 600, 4_000, 8_192, 0, 0, "Running"),
    ],
    "alibaba-dlrm": [
        "cpu_request,gpu_request,memory_request,creation_time,scheduled_time,deletion_time",
        "12,1,120.0,,,",
        "64,0,320.0,1435629.0,1435629.0,1435760.0",
    ],
    "burstgpt": [
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
        "5,ChatGPT,472,18,490,Conversation log",
        "45,ChatGPT,1087,0,1087,Conversation log",
    ],
    "mooncake": [
        '{"timestamp": 0, "input_length": 600, "output_length": 52, "hash_ids": [1, 2]}',
        '{"timestamp": 9, "input_length": 700, "output_length": 26, "hash_ids": [1, 3]}',
    ],
    "helios": [
        "submit_time,start_time,duration,gpu_num,cpu_num,state",
        "2020-06-09 18:41:01,2020-06-09 18:41:01,36848,1,1,COMPLETED",
        "2020-06-09 18:41:27,None,0,4,16,CANCELLED",
    ],
    "philly": [
        '[{"attempts": [{"start_time": "2017-10-07 01:12:09", "end_time": "2017-10-07 01:13:23",',
        '"detail": [{"ip": "m47", "gpus": ["gpu0", "gpu1"]}]}],',
        '"submitted_time": "2017-10-07 01:11:39"}]',
    ],
}
ODD_CELLS = ("", "nan", "-1", "1e999", "1e300", "1e-300", '"', '"a\nb"', "\0", "9999-12-31", "NaT")
ODD_CELLS += ("[]", "{}", "null", "1_0", "\u2028", "\ufeff", "1715299200123456789", "2023-02-30")


def play(cluster: Cluster, workload: Workload | str, num_tasks: int) -> None:
    """What is accepted can be scheduled, and costs something finite."""
    env = HybridClusterEnv(cluster=cluster, workload=workload, num_tasks=num_tasks)
    scheduler = make_scheduler("myopic", env)
    observation, _ = env.reset(seed=0)
    over, total = False, 0.0
    while not over:
        assert env.observation_space.contains(observation)
        action, _ = scheduler.predict(observation)
        observation, reward, over, _, info = env.step(int(action))
        total += float(reward)
    assert info["objective"] > 0
    assert np.isclose(total, -num_tasks * info["objective"], rtol=1e-6)


@fuzz(
    300,
    content=spoiled(PROFILE).map(as_json)
    | spoiled(PROFILE).map(as_json)
    | damaged(as_json(PROFILE)),
)
def test_a_profile_is_a_cluster_or_refused(content: bytes) -> None:
    path = Path("a.json")
    path.write_bytes(content)
    with clean():
        cluster = load_profile(path)
        Path("tasks.csv").write_text("\n".join(TRACES["csv"]))
        play(cluster, load_trace("tasks.csv"), 3)


@fuzz(100, name=st.sampled_from([*device_catalogue(), *ODD_TEXTS]), count=odd_values)
def test_a_composition_is_a_cluster_or_refused(name: str, count: object) -> None:
    Path("tasks.csv").write_text("\n".join(TRACES["csv"]))
    with clean():
        env = HybridClusterEnv(
            cluster=f"epyc-7763 + {name}:{count}", workload="tasks.csv", num_tasks=1
        )
        env.reset(seed=0)


@st.composite
def traces(draw: st.DrawFn) -> tuple[str, bytes]:
    """A format and a file: cells are others, lines are missing, bytes are damaged."""
    name = draw(st.sampled_from([*TRACES]))
    form, lines = name.partition(" ")[0], [*TRACES[name]]
    separator = " " if form == "swf" else ","
    for _ in range(draw(st.integers(0, 3))):
        row = draw(st.integers(0, len(lines) - 1))
        cells = lines[row].split(separator)
        cell = draw(st.sampled_from(ODD_CELLS) | odd_values.map(str))
        cells[draw(st.integers(0, len(cells) - 1))] = cell
        lines[row] = separator.join(cells)
    content = "\n".join(lines).encode(errors="surrogatepass")
    if draw(st.booleans()):
        content = draw(damaged(content))
    if draw(st.booleans()):
        content = gzip.compress(content)
        if draw(st.booleans()):
            content = draw(damaged(content))
    return form, content


@fuzz(400, trace=traces())
def test_a_trace_is_a_workload_or_refused(trace: tuple[str, bytes]) -> None:
    form, content = trace
    Path("tasks").write_bytes(content)
    with clean():
        workload = resolve_workload(f"{form}:tasks")
        Path("profile.json").write_bytes(as_json(PROFILE))
        play(load_profile("profile.json"), workload, 1)


@fuzz(
    150,
    form=st.sampled_from([*(name.partition(" ")[0] for name in TRACES), *ODD_TEXTS]),
    key=st.sampled_from(
        [
            "part",
            "max_bytes",
            "max_bytes",
            "split",
            "parameters",
            "intensity_seed",
            "time_unit",
            "prefix_cache",
            "precision",
            "block_tokens",
            "memory_per_job_bytes",
            "memory_bound_share",
        ]
    )
    | st.sampled_from(ODD_TEXTS),
    value=odd_values.map(str)
    | st.sampled_from(["0-1", "0.5-0.6", "0.7-0.2", "prefill-decode", "ideal", "ns"]),
)
def test_what_names_a_trace_is_a_workload_or_refused(form: str, key: str, value: str) -> None:
    path = "tasks.csv"
    Path(path).write_text("\n".join(TRACES.get(form, TRACES["csv"])))
    with clean():
        workload = resolve_workload(f"{form}:{path}?{key}={value}")
        play(load_profile(write_profile()), workload, 1)


def write_profile() -> Path:
    path = Path("profile.json")
    path.write_bytes(as_json(PROFILE))
    return path


COMPARISON = {
    "provenance": {
        "problem": {
            "cluster": "a100-node",
            "cluster_sha256": "0",
            "workload": "lognormal",
            "workload_sha256": "0",
            "workload_notes": ["a note"],
            "num_tasks": 10,
            "energy_weight": 0.5,
            "gpu_fractions": [0.0, 1.0],
            "load": 1.5,
            "noise": 0.0,
            "reference_per_task": {"makespan_s": 1.0, "energy_j": 1.0},
        },
        "seeds": [1, 2],
        "versions": {"python": "3.11"},
        "seen_in_training": {"dqn": "its training had them"},
        "remarks": ["a remark"],
        "command": "python scripts/compare.py",
    },
    "schedulers": [
        {"scheduler": "oracle", "gap": 0.01, "gap_ci95": 0.001},
        {"scheduler": "myopic", "gap": 0.1, "gap_ci95": None},
    ],
}


@fuzz(60, content=spoiled(COMPARISON).map(as_json) | damaged(as_json(COMPARISON)))
def test_a_comparison_is_drawn_or_refused(content: bytes) -> None:
    Path("comparison.json").write_bytes(content)
    code = run_command(plot_gaps.main, "--comparison", "comparison.json", "--output", "gaps.png")
    assert Path("gaps.png").exists() == (code == 0)


def test_the_comparison_that_is_spoiled_is_one(tmp_path: Path) -> None:
    path = tmp_path / "comparison.json"
    path.write_text(json.dumps(COMPARISON))
    assert plot_gaps.main(["--comparison", str(path), "--output", str(tmp_path / "a.svg")]) == 0
