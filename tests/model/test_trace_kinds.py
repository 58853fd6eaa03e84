"""Traces of requests and of GPU jobs, each made up in its format, become the tasks by hand."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trace_files import AZURE_HEADER, POD_HEADER, TASK_HEADER, job, pod, write

from cpu_gpu_env import AlibabaGPU, HybridClusterEnv, HybridClusterError, load_trace
from cpu_gpu_env.model.traces import TRACE_FORMATS, Mooncake
from cpu_gpu_env.model.traces.loading import resolve_workload
from cpu_gpu_env.scripts import describe_workload

BURST_HEADER = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type"
BURST = [BURST_HEADER, "5,ChatGPT,100,10,110,Conversation log", "45,GPT-4,200,0,200,API log"]
BURST += ["20000045.5,GPT-4,30,2,32,API log"]

HELIOS_HEADER = (
    "job_id,user,vc,gpu_num,cpu_num,node_num,state,submit_time,start_time,end_time,duration,queue"
)
HELIOS = [
    HELIOS_HEADER,
    "1,u,v,4,16,1,COMPLETED,2020-06-09 18:41:01,2020-06-09 18:41:02,2020-06-09 18:42:42,100,1",
    "2,u,v,0,8,1,FAILED,2020-06-09 18:41:27,2020-06-09 18:41:27,2020-06-09 18:41:37,10,0",
    "3,u,v,1,1,1,CANCELLED,2020-06-09 18:41:28,None,2020-06-09 18:41:30,0,2",
    "4,u,v,1,1,1,RUNNING,2020-06-09 18:41:30,2020-06-09 18:41:30,2020-06-10 18:41:30,86400,0",
    "5,u,v,1,1,1,TIMEOUT,2020-06-09 18:42:01,2020-06-09 18:42:01,2020-06-09 18:42:04,3,0",
]

DLRM_HEADER = (
    "instance_sn,role,app_name,cpu_request,cpu_limit,gpu_request,gpu_limit,rdma_request,"
    "rdma_limit,memory_request,memory_limit,disk_request,disk_limit,max_instance_per_node,"
    "creation_time,scheduled_time,deletion_time"
)
DLRM = [
    DLRM_HEADER,
    "i0,HN,app_0,12,12,1,1,25,25,120.0,120.0,640.0,800.0,8,,,",
    "i1,CN,app_1,64,64,0,0,1,1,320.0,320.0,255.0,300.0,-1,1000.0,1010.0,1110.0",
    "i2,HN,app_1,12,12,2,2,1,1,0.5,0.5,255.0,300.0,-1,1500.0,1500.0,1550.0",
    "i3,HN,app_1,12,12,2,2,1,1,0.5,0.5,255.0,300.0,-1,1600.0,1600.0,NaN",
    "i4,HN,app_1,12,12,2,2,1,1,0.5,0.5,255.0,300.0,-1,1700.0,NaN,1800.0",
]


def attempt(start: str | None, end: str | None, *gpus: int) -> dict[str, Any]:
    detail = [{"ip": f"m{i}", "gpus": [f"gpu{k}" for k in range(n)]} for i, n in enumerate(gpus)]
    return {"start_time": start, "end_time": end, "detail": detail}


def philly_job(submitted: str, *attempts: dict[str, Any], status: str = "Pass") -> dict[str, Any]:
    what = {"status": status, "vc": "ee9e8c", "jobid": "application_1", "user": "ce2f4c"}
    return {**what, "attempts": list(attempts), "submitted_time": submitted}


DAY = "2017-10-07"
PHILLY = [
    philly_job(
        f"{DAY} 01:00:00",
        attempt(f"{DAY} 01:00:10", f"{DAY} 01:01:10", 8, 4),  # 60 s on 12 GPUs
        attempt(f"{DAY} 01:02:00", "2017-10-08 01:02:00", 1),  # a day on one
        status="Killed",
    ),
    philly_job(f"{DAY} 01:00:30"),  # never ran
    philly_job(f"{DAY} 01:00:40", attempt(f"{DAY} 01:01:00", "None", 2)),  # ran on
    philly_job(f"{DAY} 01:00:45", attempt(f"{DAY} 01:01:00", None, 2)),
    philly_job(
        f"{DAY} 01:00:50",
        attempt(None, None, 4),  # not logged
        attempt(f"{DAY} 01:05:00", f"{DAY} 01:04:59", 4),  # the clock was put back
        attempt(f"{DAY} 01:05:00", f"{DAY} 01:05:02", 4),
        status="Failed",
    ),
]

MOONCAKE = [
    {"timestamp": 27482, "input_length": 1100, "output_length": 10, "hash_ids": [46, 47, 48]},
    {"timestamp": 30535, "input_length": 1300, "output_length": 20, "hash_ids": [46, 47, 99]},
    {"timestamp": 30536, "input_length": 1100, "output_length": 5, "hash_ids": [46, 47, 48]},
    {"timestamp": 30537, "input_length": 600, "output_length": 5, "hash_ids": [5, 47]},
]


def json_lines(items: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(item) for item in items]


FILES = {
    "csv": ("tasks.csv", [TASK_HEADER, "0,1e12,10,1e9", "1,1e12,10,1e9"]),
    "swf": ("log.swf", [job(0, 10, 1), job(5, 10, 1)]),
    "azure-llm": (
        "azure.csv",
        [AZURE_HEADER, "2023-11-16 18:17:03,1,1", "2023-11-16 18:17:04,1,1"],
    ),
    "burstgpt": ("BurstGPT_1.csv", BURST),
    "mooncake": ("conversation_trace.jsonl", json_lines(MOONCAKE)),
    "alibaba-gpu": ("pods.csv", [POD_HEADER, pod(2e7, "2e7", 3e7, 1000, 10, 1, 1000)]),
    "alibaba-dlrm": ("disaggregated_DLRM_trace.csv", DLRM),
    "helios": ("cluster_log.csv", HELIOS),
    "philly": ("cluster_job_log", [json.dumps(PHILLY, indent=4)]),
}
"""Format -> a file of it."""

RATES = "flops_per_gpu=1e12&bandwidth_per_gpu=1e11&flops_per_core=1e9&bandwidth_per_core=1e8"
MODEL = {"parameters": 1e9, "bytes_per_parameter": 4.0, "kv_bytes_per_token": 1e6, "batch": 1}
MODEL_TEXT = "&".join(f"{name}={value}" for name, value in MODEL.items())


def made(tmp_path: Path, trace_format: str) -> str:
    name, lines = FILES[trace_format]
    return write(tmp_path / name, lines)


def seconds(workload: Any, gpu: list[bool]) -> list[float]:
    """Time of the tasks on what they had, at the `RATES`."""
    pool = workload.pool
    unit = np.where(gpu, 1e12, 1e9) * np.minimum(1.0, pool.intensity_flop_per_byte / 10)
    return [float(value) for value in pool.size_flop / unit]


def refusal(text: str | Path) -> str:
    with pytest.raises(HybridClusterError) as caught:
        resolve_workload(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_format_has_a_file_here() -> None:
    assert FILES.keys() == TRACE_FORMATS.keys()


@pytest.mark.parametrize("trace_format", FILES)
def test_every_format_is_played(trace_format: str, tmp_path: Path) -> None:
    path = made(tmp_path, trace_format)
    env = HybridClusterEnv(workload=f"{trace_format}:{path}", num_tasks=1, load="trace")
    observation, _ = env.reset(seed=0)
    assert env.observation_space.contains(observation)
    *_, terminated, _, info = env.step(0)
    assert terminated
    assert info["objective"] > 0


@pytest.mark.parametrize("trace_format", ["mooncake", "philly"])
def test_a_description_says_what_is_assumed(trace_format: str, tmp_path: Path, capsys: Any) -> None:
    text = f"{trace_format}:{made(tmp_path, trace_format)}"
    assert describe_workload.main([text, "--output", str(tmp_path / "w.png")]) == 0
    output = " ".join(capsys.readouterr().out.split())
    for note in resolve_workload(text).notes:
        assert note in output


@pytest.mark.parametrize("trace_format", sorted(FILES.keys() - {"csv", "swf"}))
def test_a_file_without_its_kind_is_told(trace_format: str, tmp_path: Path) -> None:
    path = made(tmp_path, trace_format)
    expected = f"looks like a trace of the kind {trace_format}: say {trace_format}:{path}"
    assert expected in refusal(path)
    assert expected in refusal(Path(path))
    assert expected in refusal(f"{path}?part=0-0.5")
    other = "mooncake" if trace_format != "mooncake" else "burstgpt"
    assert expected in refusal(f"{other}:{path}")
    assert "allowed: .csv, .csv.gz, .swf, .swf.gz, or say the format: csv:PATH" in refusal(
        path
    ) or path.endswith(".csv")
    mistaken = refusal(f"{trace_format}x:{path}")
    assert f"Did you mean {trace_format!r}?" in mistaken
    assert expected in mistaken


def test_a_file_of_no_known_kind(tmp_path: Path) -> None:
    for name, lines in {
        "tasks.txt": ("csv", FILES["csv"][1]),
        "log": ("swf", ["; a log", *FILES["swf"][1]]),
        "log2": ("swf", FILES["swf"][1]),
    }.items():
        message = refusal(write(tmp_path / name, lines[1]))
        assert f"{name}: the ending does not tell the trace format" in message
        assert f"kind {lines[0]}: say {lines[0]}:" in message
    plain = refusal(write(tmp_path / "letter.txt", ["Dear all,", "", "kind regards"]))
    assert "the ending does not tell the trace format" in plain
    assert "looks like" not in plain
    packed = write(tmp_path / "azure.gz", FILES["azure-llm"][1])
    assert f"say azure-llm:{packed}" in refusal(packed)
    assert "there is no such file" in refusal(str(tmp_path / "missing.jsonl"))


def test_burstgpt_by_hand(tmp_path: Path) -> None:
    path = made(tmp_path, "burstgpt")
    workload = resolve_workload(f"burstgpt:{path}?{MODEL_TEXT}")
    moved = np.array([4e9 + 100e6 + 10 * (4e9 + 105e6), 4e9 + 30e6 + 2 * (4e9 + 31e6)])
    size = np.array([2e9 * 110, 2e9 * 32])
    assert workload.pool.arrival_s.tolist() == [0.0, 20_000_040.5]
    assert workload.pool.size_flop.tolist() == size.tolist()
    assert workload.pool.intensity_flop_per_byte == pytest.approx(size / moved, rel=1e-12)
    assert workload.pool.memory_bytes.tolist() == [110e6, 32e6]
    assert "1 requests without response tokens (failures) are left out" in workload.notes
    apart = resolve_workload(f"burstgpt:{path}?split=prefill-decode")
    assert len(apart.pool) == 4


def test_azure_2024_by_hand(tmp_path: Path) -> None:
    rows = ["2024-05-10 00:00:00.009930+00:00,100,10", "2024-05-10 00:00:00.017335+00:00,30,2"]
    path = write(tmp_path / "code_1week.csv", [AZURE_HEADER, *rows])
    pool = resolve_workload(f"azure-llm:{path}?{MODEL_TEXT}").pool
    assert pool.arrival_s == pytest.approx([0.0, 0.007405], rel=1e-9)
    assert pool.size_flop.tolist() == [2e9 * 110, 2e9 * 32]


def test_mooncake_by_hand(tmp_path: Path) -> None:
    path = made(tmp_path, "mooncake")
    pool = resolve_workload(f"mooncake:{path}?{MODEL_TEXT}").pool
    assert pool.arrival_s == pytest.approx([0.0, 3.053, 3.054, 3.055], rel=1e-12)
    assert pool.size_flop.tolist() == [2e9 * 1110, 2e9 * 1320, 2e9 * 1105, 2e9 * 605]
    assert pool.memory_bytes.tolist() == [1110e6, 1320e6, 1105e6, 605e6]


def test_an_ideal_prefix_cache_by_hand(tmp_path: Path) -> None:
    path = made(tmp_path, "mooncake")
    workload = load_trace(path, Mooncake(prefix_cache="ideal", split="prefill-decode", **MODEL))
    # The second shares two blocks, the third is the first again, the last begins otherwise.
    sizes = [2e9 * n for n in (1100, 10, 1300 - 1024, 20, 5, 600, 5)]
    assert workload.pool.size_flop.tolist() == sizes
    moved = [4e9 + 1100e6, 10 * (4e9 + 1105e6), 4e9 + 1300e6]  # hits are read
    found = workload.pool.size_flop / workload.pool.intensity_flop_per_byte
    assert found[:3] == pytest.approx(moved, rel=1e-12)
    assert workload.pool.memory_bytes[:3].tolist() == [1100e6, 1110e6, 1300e6]
    share = (1024 + 1100) / (1100 + 1300 + 1100 + 600)
    assert f"{share:.1%} of the input tokens are hits" in workload.notes[-1]
    joined = load_trace(path, Mooncake(prefix_cache="ideal", **MODEL)).pool
    assert joined.size_flop.tolist() == [2e9 * n for n in (1110, 296, 5, 605)]


def test_a_block_of_another_size(tmp_path: Path) -> None:
    items = [
        {"timestamp": 0, "input_length": 40, "output_length": 1, "hash_ids": [1, 2, 3]},
        {"timestamp": 1, "input_length": 33, "output_length": 1, "hash_ids": [1, 2, 9]},
    ]
    path = write(tmp_path / "t.jsonl", json_lines(items))
    text = f"mooncake:{path}?prefix_cache=ideal&parameters=1"
    pool = resolve_workload(f"{text}&block_tokens=16").pool
    assert pool.size_flop.tolist() == [2 * 41, 2 * 2]
    assert "line 1: hash_ids is '1 2 3'; allowed: one block for each 512" in refusal(text)


@pytest.mark.parametrize("form", ["lines", "indented", "list", "blank lines", "marked"])
def test_objects_stand_in_lines_or_in_a_list(form: str, tmp_path: Path) -> None:
    lines = {
        "lines": json_lines(MOONCAKE),
        "indented": [json.dumps(item, indent=4) for item in MOONCAKE],
        "list": [json.dumps(MOONCAKE, indent=1)],
        "blank lines": ["", *(f"{line}\n" for line in json_lines(MOONCAKE)), " "],
        "marked": [
            f"\ufeff{line}" if i == 0 else line for i, line in enumerate(json_lines(MOONCAKE))
        ],
    }[form]
    path = write(tmp_path / "t.jsonl", lines, end="\r\n")
    expected = resolve_workload(f"mooncake:{made(tmp_path, 'mooncake')}").pool
    assert (
        resolve_workload(f"mooncake:{path}").pool.size_flop.tolist() == expected.size_flop.tolist()
    )


GOOD = '{"timestamp": 0, "input_length": 1, "output_length": 1, "hash_ids": [1]}'
BAD_LINES = {
    "cut": (GOOD[:40], "line 2: not a JSON object"),
    "a list": ("[1, 2]", "line 2: \"['1', '2']\" is no JSON object"),
    "a number": ("17", "line 2: '17' is no JSON object"),
    "missing": (GOOD.replace("output_", ""), "line 2: 'output_length' is missing among the keys"),
    "twice": ('{"timestamp": 0, "timestamp": 1}', "line 2: not a JSON object: the key 'timestamp'"),
    "null": (GOOD.replace('th": 1', 'th": null'), "line 2: input_length is 'None'"),
    "truth": (GOOD.replace('th": 1', 'th": true'), "line 2: input_length is 'True'"),
    "negative": (GOOD.replace('th": 1', 'th": -1'), "line 2: input_length is '-1'"),
    "no number": (GOOD.replace('th": 1', 'th": NaN'), "line 2: input_length is 'NaN'"),
    "a time": (GOOD.replace('mp": 0', 'mp": "now"'), "line 2: timestamp is 'now'"),
    "blocks": (GOOD.replace("[1]", "1"), "line 2: hash_ids is 1; allowed: a list"),
    "too few": (GOOD.replace("[1]", "[]"), "line 2: hash_ids is ''; allowed: one block"),
    "deep": ("[" * 100_000, "line 2: not a JSON object"),
}


@pytest.mark.parametrize(("line", "expected"), BAD_LINES.values(), ids=BAD_LINES)
def test_bad_objects_are_told_with_their_line(line: str, expected: str, tmp_path: Path) -> None:
    path = write(tmp_path / "t.jsonl", [GOOD, line])
    message = refusal(f"mooncake:{path}?prefix_cache=ideal")
    assert message.startswith(f"{path}: ")
    assert expected in message


def test_helios_by_hand(tmp_path: Path) -> None:
    text = f"helios:{made(tmp_path, 'helios')}?{RATES}"
    workload = resolve_workload(text)
    assert workload.pool.arrival_s.tolist() == [0.0, 26.0, 60.0]
    assert seconds(workload, [True, False, True]) == pytest.approx([400, 80, 3], rel=1e-12)
    assert workload.pool.memory_bytes.tolist() == [0.0, 0.0, 0.0]
    assert workload.name.endswith("(intensity drawn)")
    assert workload.notes[-1] == (
        "left out: 1 jobs that had not ended, 1 never started, 0 without duration or resources"
    )
    told = resolve_workload(f"{text}&memory_per_job_bytes=2e9").pool
    assert told.memory_bytes.tolist() == [2e9] * 3


def test_philly_by_hand(tmp_path: Path) -> None:
    path = made(tmp_path, "philly")
    workload = resolve_workload(f"philly:{path}?{RATES}")
    assert workload.pool.arrival_s.tolist() == [0.0, 50.0]
    assert seconds(workload, [True, True]) == pytest.approx([12 * 60 + 86_400, 8], rel=1e-12)
    assert workload.notes[-1] == (
        "left out: 1 jobs that never ran, 2 still running, 1 attempts without times, "
        "0 jobs without time on a GPU"
    )


def test_bad_philly_jobs(tmp_path: Path) -> None:
    good = json.dumps(PHILLY[0])
    for bad, expected in {
        good.replace(f'"{DAY} 01:01:10"', '"now"'): "line 2: start_time or end_time is 'now'",
        good.replace(f'"{DAY} 01:00:00"', '"today"'): "line 2: submitted_time is 'today'",
        good.replace('"detail"', '"details"'): "line 2: 'detail' is missing among the keys start",
        good.replace('"attempts"', '"tries"'): "line 2: 'attempts' is missing",
        '{"attempts": 5, "submitted_time": "x"}': "line 2: attempts is 5; allowed: a list",
        '{"attempts": [5], "submitted_time": "x"}': "line 2: 5 is no object with start_time",
    }.items():
        path = write(tmp_path / "log", [f"[{good},", bad, "]"])
        assert expected in refusal(f"philly:{path}")
    unended = write(tmp_path / "unended", [f"[{good},", good])
    assert "the list does not end with the file" in refusal(f"philly:{unended}")
    assert "no task" in refusal(f"philly:{write(tmp_path / 'none', ['[]'])}")


def test_alibaba_2025_by_hand(tmp_path: Path) -> None:
    workload = resolve_workload(f"alibaba-dlrm:{made(tmp_path, 'alibaba-dlrm')}?{RATES}")
    assert workload.pool.arrival_s.tolist() == [0.0, 500.0]
    assert seconds(workload, [False, True]) == pytest.approx([64 * 100, 2 * 50], rel=1e-12)
    assert workload.pool.memory_bytes.tolist() == [320 * 2.0**30, 0.5 * 2.0**30]
    assert workload.notes[-1] == (
        "left out: 1 instances from before the trace, 1 never scheduled, 1 still there at its end, "
        "0 without duration or resources"
    )


def test_running_pods_have_not_finished(tmp_path: Path) -> None:
    start = 120 * 86_400
    lines = [POD_HEADER]
    for i, phase in enumerate(("Succeeded", "Running", "Failed", "Pending")):
        scheduled = "" if phase == "Pending" else str(start + i)
        lines.append(pod(start + i, scheduled, start + i + 10, 1000, 1, 1, 1000, phase))
    path = write(tmp_path / "pods.csv", lines)
    workload = load_trace(path, AlibabaGPU())
    assert workload.pool.arrival_s.tolist() == [0.0, 2.0]
    assert "1 never scheduled, 1 still running" in workload.notes[-1]
    counted = resolve_workload(f"alibaba-gpu:{path}?running=until-deletion")
    assert counted.pool.arrival_s.tolist() == [0.0, 1.0, 2.0]
    assert "0 still running" in counted.notes[-1]
    assert "Did you mean 'left-out'?" in refusal(f"alibaba-gpu:{path}?running=left_out")


def test_alibaba_lists_without_times_are_refused(tmp_path: Path) -> None:
    sample = ["name,cpu_milli,memory_mib,num_gpu,gpu_milli", "openb-pod-0000,12000,16384,1,1000"]
    message = refusal(f"alibaba-gpu:{write(tmp_path / 'multigpu20.csv', sample)}")
    assert "line 1: the columns are name, cpu_milli, memory_mib, num_gpu, gpu_milli" in message
    assert "a list of pods without times, such as the samples of multi-GPU" in message
    assert "take openb_pod_list_default.csv" in message
    newer = refusal(f"alibaba-gpu:{made(tmp_path, 'alibaba-dlrm')}")
    assert "kind alibaba-dlrm: say alibaba-dlrm:" in newer
