"""Files of every format become the tasks that were worked out by hand, or one clear error."""

import contextlib
import gzip
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trace_files import AZURE_HEADER, POD_HEADER, TASK_HEADER, job, pod, write, write_tasks

from cpu_gpu_env import (
    AlibabaGPU,
    AzureLLM,
    HybridClusterEnv,
    HybridClusterError,
    StandardWorkloadFormat,
    Tasks,
    Workload,
    load_trace,
)
from cpu_gpu_env.model.profile import device_catalogue
from cpu_gpu_env.model.traces import TaskTable
from cpu_gpu_env.model.traces.loading import resolve_workload
from cpu_gpu_env.problem.task_features import WorkFeatures

ROWS = [[0.5, 2e12, 10.0, 1e9], [0.75, 4e12, 0.5, 0.0], [3.0, 1e9, 100.0, 5e8]]
REAL = Path(__file__).resolve().parents[3] / "shared" / "data"
needs_real = pytest.mark.skipif(
    not REAL.is_dir(), reason=f"no public traces in {REAL.parent.name}/{REAL.name} beside the root"
)


def table(tasks: Tasks) -> np.ndarray:
    columns = (tasks.size_flop, tasks.intensity_flop_per_byte, tasks.memory_bytes)
    return np.column_stack([tasks.arrival_s, *columns])


def error_of(call: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(HybridClusterError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
@pytest.mark.parametrize("form", [str, Path, lambda path: f"csv:{path}"])
def test_a_table_of_tasks_is_read_as_it_stands(tmp_path: Path, ending: str, form: Any) -> None:
    path = write_tasks(tmp_path / f"tasks{ending}", ROWS)
    workload = resolve_workload(form(path))
    assert workload.in_order
    assert workload.name == f"csv:tasks{ending}"
    expected = np.array(ROWS) - [[0.5, 0, 0, 0]]  # time counts from the first arrival
    assert np.array_equal(table(workload.pool), expected)
    ranges = (workload.size_range, workload.intensity_range, workload.memory_range)
    assert [(r.low, r.high) for r in ranges] == [(1e9, 4e12), (0.5, 100.0), (5e8, 1e9)]
    assert WorkFeatures(workload).table(workload.pool)[:, 2] == pytest.approx([1.0, 0.0, 0.0])


def test_columns_may_stand_anywhere(tmp_path: Path) -> None:
    lines = ["memory_bytes, size_flop ,user,arrival_s,intensity_flop_per_byte"]
    lines += ['1e9,2e12,"Doe, Jane",0,10', "", "0,4e12,x,1,20"]
    path = write(tmp_path / "tasks.csv", lines, end="\r\n")
    expected = [[0, 2e12, 10, 1e9], [1, 4e12, 20, 0]]
    assert np.array_equal(table(load_trace(path).pool), expected)


def test_a_byte_order_mark_is_no_part_of_a_column(tmp_path: Path) -> None:
    path = tmp_path / "tasks.csv"
    path.write_text(f"\ufeff{TASK_HEADER}\n0,1,1,1\n", encoding="utf-8")
    assert len(load_trace(path).pool) == 1


def test_unsorted_arrivals_are_sorted_with_a_warning(tmp_path: Path) -> None:
    rows = [[1.0, 1e12, 1.0, 1.0], [3.0, 2e12, 1.0, 1.0], [2.0, 3e12, 1.0, 1.0]]
    path = write_tasks(tmp_path / "tasks.csv", rows)
    with pytest.warns(UserWarning, match=r"tasks\.csv: line 4: arrival_s 2\.0 lies before"):
        pool = load_trace(path).pool
    assert pool.arrival_s.tolist() == [0.0, 1.0, 2.0]
    assert pool.size_flop.tolist() == [1e12, 3e12, 2e12]
    rows = [[1.0 - i % 2, 1.0 + i, 1.0, 1.0] for i in range(60)]
    with pytest.warns(UserWarning, match="line 3"):
        pool = load_trace(write_tasks(tmp_path / "ties.csv", rows)).pool
    assert pool.size_flop.tolist() == [*range(2, 61, 2), *range(1, 60, 2)]  # ties keep their order


BAD_TABLES = {
    "nan": ([TASK_HEADER, "0,1,1,1", "1,nan,1,1"], "line 3: size_flop is 'nan'"),
    "text": ([TASK_HEADER, "0,1,1,1", "1,1,abc,1"], "line 3: intensity_flop_per_byte is 'abc'"),
    "blank": ([TASK_HEADER, "0,1,1,"], "line 2: memory_bytes is ''"),
    "infinite": ([TASK_HEADER, "inf,1,1,1"], "line 2: arrival_s is 'inf'"),
    "negative time": ([TASK_HEADER, "-1,1,1,1"], "line 2: arrival_s is '-1'"),
    "no work": ([TASK_HEADER, "0,0,1,1"], "line 2: size_flop is '0'; allowed: a finite number > 0"),
    "negative memory": ([TASK_HEADER, "0,1,1,-5"], "line 2: memory_bytes is '-5'"),
    "quoted lines": ([TASK_HEADER + ",note", '0,1,1,1,"a', 'b"', "1,x,1,1,c"], "line 4: size_flop"),
    "short row": ([TASK_HEADER, "0,1,1,1", "0,1,1"], "line 3: 3 values (0, 1, 1); allowed: 4"),
    "wrong columns": (["a,b", "1,2"], "line 1: the columns are a, b; needed, once each: arrival_s"),
    "twice": ([TASK_HEADER + ",size_flop", "0,1,1,1,1"], "line 1: the columns are"),
    "header only": ([TASK_HEADER], "holds no task"),
    "empty": ([], "the file is empty"),
    "white": (["", "  "], "the file is empty"),
}


@pytest.mark.parametrize(("lines", "expected"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_bad_table_is_told_with_file_line_column_and_value(
    lines: list[str], expected: str, tmp_path: Path
) -> None:
    message = error_of(load_trace, write(tmp_path / "tasks.csv", lines))
    assert str(tmp_path / "tasks.csv") in message
    assert expected in message


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "missing.csv: cannot read the trace: No such file" in error_of(
        resolve_workload, str(tmp_path / "missing.csv")
    )
    (tmp_path / "folder.csv").mkdir()
    assert "folder.csv: cannot read the trace" in error_of(load_trace, tmp_path / "folder.csv")
    whole = gzip.compress("\n".join([TASK_HEADER, *["0,1,1,1"] * 99]).encode())
    for name, content in {
        "cut": whole[:-20],
        "head": whole[:5],
        "spoiled": whole[:30] + b"\x00\x00\x00" + whole[33:],
        "sum": whole[:-8] + b"\x00" * 8,
    }.items():
        path = tmp_path / f"{name}.csv.gz"
        path.write_bytes(content)
        message = error_of(load_trace, path)
        assert f"{name}.csv.gz: truncated or damaged gzip file" in message
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 4)
    assert "binary.csv: line" in error_of(load_trace, tmp_path / "binary.csv")


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode), swf=st.booleans())
def test_any_file_is_a_trace_or_one_clear_error(tmp_path: Path, content: bytes, swf: bool) -> None:
    header = b"" if swf else TASK_HEADER.encode() + b"\n"
    path = tmp_path / ("x.swf" if swf else "x.csv")
    path.write_bytes(header + content)
    try:
        tasks, message = len(load_trace(path).pool), ""
    except HybridClusterError as error:
        tasks, message = 0, str(error)
    assert tasks > 0 or str(path) in message


def test_azure_requests_by_hand(tmp_path: Path) -> None:
    lines = [
        AZURE_HEADER,
        "2023-11-16 18:17:03.9799600,100,10",
        "2023-11-16 18:17:04.0319600,8,0",
        "2023-11-17 00:00:00+00:00,0,2",
    ]
    path = write(tmp_path / "code.csv", lines, end="\r\n")
    model = {"parameters": 1e9, "bytes_per_parameter": 4.0, "kv_bytes_per_token": 1e6}
    joined = load_trace(path, AzureLLM(**model))
    arrivals = [0.0, 0.052, 5 * 3600 + 42 * 60 + 56.02004]
    # Prefill moves the weights once and its cache, decode the weights and the cache for each token.
    moved = [4e9 + 100e6 + 10 * (4e9 + 105e6), 4e9 + 8e6, 2 * (4e9 + 1e6)]
    size = np.array([2e9 * 110, 2e9 * 8, 2e9 * 2])
    expected = np.column_stack([arrivals, size, size / moved, [110e6, 8e6, 2e6]])
    assert table(joined.pool) == pytest.approx(expected, rel=1e-12)
    apart = load_trace(path, AzureLLM(**model, split="prefill-decode"))
    expected = [
        [0.0, 2e11, 2e11 / 4.1e9, 100e6],
        [0.0, 2e10, 2e10 / 41.05e9, 110e6],
        [arrivals[1], 1.6e10, 1.6e10 / 4.008e9, 8e6],
        [arrivals[2], 4e9, 4e9 / 8.002e9, 2e6],
    ]
    assert table(apart.pool) == pytest.approx(np.array(expected), rel=1e-12)
    assert apart.pool.size_flop.sum() == joined.pool.size_flop.sum()
    assert "2 tasks without tokens are left out" in apart.notes
    assert load_trace(path, AzureLLM()).pool.size_flop[0] == 2 * 7e9 * 110


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("yesterday,1,1", "line 3: TIMESTAMP is 'yesterday'"),
        (",1,1", "line 3: TIMESTAMP is ''"),
        ("2023-11-16 18:17:03,-1,1", "line 3: ContextTokens is '-1'"),
        ("2023-11-16 18:17:03,1,nan", "line 3: GeneratedTokens is 'nan'"),
    ],
)
def test_bad_azure_rows(row: str, expected: str, tmp_path: Path) -> None:
    path = write(tmp_path / "code.csv", [AZURE_HEADER, "2023-11-16 18:17:03,1,1", row])
    assert expected in error_of(resolve_workload, f"azure-llm:{path}")


def test_swf_jobs_by_hand(tmp_path: Path) -> None:
    lines = [
        "; Version: 2.2",
        "; a comment",
        "",
        job(10, 100, allocated=4, used_kb=1024),
        job(20, 50, requested=2, requested_kb=2048),
        job(20.5, 30, allocated=8),
        job(30, -1, allocated=8),
        job(40, 60),
        "   " + job(50, 0.5, allocated=1),
    ]
    arguments = "?flops_per_core=1e9&bandwidth_per_core=1e8&memory_per_core_bytes=3e6"
    for ending in (".swf", ".swf.gz"):
        workload = resolve_workload(write(tmp_path / f"log{ending}", lines) + arguments)
        pool = workload.pool
        assert pool.arrival_s.tolist() == [0.0, 10.0, 10.5, 40.0]
        # By the roofline each job takes its run time again on the cores that it had.
        rate = np.minimum(1e9, pool.intensity_flop_per_byte * 1e8)
        assert pool.size_flop / rate == pytest.approx([400, 100, 240, 0.5], rel=1e-12)
        assert pool.memory_bytes.tolist() == [4 * 2**20, 4 * 2**20, 24e6, 3e6]
        assert "2 jobs without a run time or processors are left out" in workload.notes
        assert "50% of the jobs tell their memory" in " ".join(workload.notes)
        assert workload.name.startswith(f"swf:log{ending}?")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (job(-5, 1, 1), "line 2: submit time is '-5'"),
        (job(5, -2, 1), "line 2: run time is '-2'; allowed: a finite number >= -1"),
        ("1 2 3", "line 2: 3 values (1, 2, 3); allowed: 18, job number, submit time"),
        (job(0, 0, 1), "no task is left"),
    ],
)
def test_bad_swf_lines(line: str, expected: str, tmp_path: Path) -> None:
    assert expected in error_of(load_trace, write(tmp_path / "log.swf", ["; comment", line]))


def test_alibaba_pods_by_hand(tmp_path: Path) -> None:
    day = 86_400
    lines = [
        POD_HEADER,
        pod(119 * day, str(119 * day), 149 * day, 1000, 10, 1, 1000),  # a survivor
        pod(120 * day, str(120 * day + 5), 120 * day + 105, 4000, 1024, 0, 0),
        pod(120 * day + 7, str(120 * day + 7), 120 * day + 17, 4000, 2048, 1, 250),
        pod(120 * day + 8, "", 120 * day + 20, 4000, 2048, 1, 250),  # never scheduled
        pod(120 * day + 9, str(120 * day + 9), 120 * day + 9, 4000, 2048, 1, 250),
        pod(121 * day, str(121 * day), 121 * day + 2, 4000, 0, 8, 1000),
    ]
    path = write(tmp_path / "pods.csv", lines)
    rates = {
        "flops_per_gpu": 1e12,
        "bandwidth_per_gpu": 1e11,
        "flops_per_core": 1e9,
        "bandwidth_per_core": 1e8,
    }
    workload = load_trace(path, AlibabaGPU(**rates))
    pool = workload.pool
    assert pool.arrival_s.tolist() == [0.0, 7.0, float(day)]
    assert pool.memory_bytes.tolist() == [2.0**30, 2.0**31, 0.0]
    unit = np.array([1e9, 1e12, 1e12]) * np.minimum(1.0, pool.intensity_flop_per_byte / 10)
    assert pool.size_flop / unit == pytest.approx([100 * 4, 10 * 0.25, 2 * 8], rel=1e-12)
    assert workload.notes[-1] == (
        "left out: 1 pods of the first 120 days (survivors), 1 never scheduled, 0 still running, "
        "1 without duration or resources"
    )
    assert len(load_trace(path, AlibabaGPU(skip_days=0)).pool) == 4


def test_a_pod_cannot_end_before_it_starts(tmp_path: Path) -> None:
    path = write(tmp_path / "pods.csv", [POD_HEADER, pod(9, "9", 8, 1000, 1, 0, 0)])
    message = error_of(resolve_workload, f"alibaba-gpu:{path}?skip_days=0")
    assert "line 2: deletion_time is '8'; allowed: not before scheduled_time" in message
    assert "no task is left" in error_of(resolve_workload, f"alibaba-gpu:{path}")


def test_default_rates_are_those_of_the_shipped_devices() -> None:
    mapping, devices = AlibabaGPU(), device_catalogue()
    assert mapping.flops_per_core * 64 == devices["epyc-7763"].flops
    assert mapping.bandwidth_per_core * 64 == devices["epyc-7763"].memory_bandwidth
    assert mapping.flops_per_gpu == devices["v100-32gb"].flops


def test_a_drawn_intensity_is_seeded_and_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "log.swf", [job(i, 100, 1) for i in range(4_000)])
    workload = resolve_workload(path)
    assert workload.name == "swf:log.swf (intensity drawn)"
    assert "DRAWN (seed 20260)" in workload.notes[0]
    intensity = workload.pool.intensity_flop_per_byte
    again = StandardWorkloadFormat(flops_per_core=1e9)
    assert np.array_equal(load_trace(path, again).pool.intensity_flop_per_byte, intensity)
    other = load_trace(path, StandardWorkloadFormat(intensity_seed=1)).pool
    assert not np.array_equal(other.intensity_flop_per_byte, intensity)
    mapping = StandardWorkloadFormat(
        memory_bound_share=0.25, memory_bound_median=1.0, compute_bound_median=500.0
    )
    logs = np.log(load_trace(path, mapping).pool.intensity_flop_per_byte)
    low = logs < np.log(22.0)  # sigmas 0.6 and 0.9 keep the modes apart
    assert low.mean() == pytest.approx(0.25, abs=0.03)
    assert logs[low].mean() == pytest.approx(0.0, abs=0.08)
    assert np.median(logs[~low]) == pytest.approx(np.log(500.0), abs=0.08)


def test_parts_cut_a_trace_without_gap_or_overlap(tmp_path: Path) -> None:
    rows = [[float(i), 1e12 + i, 1.0 + i, 1e9] for i in range(11)]
    path = write_tasks(tmp_path / "tasks.csv", rows)
    train, test = (resolve_workload(f"{path}?part={part}") for part in ("0-0.7", "0.7-1"))
    whole = resolve_workload(path)
    assert (train.name, test.name) == ("csv:tasks.csv?part=0-0.7", "csv:tasks.csv?part=0.7-1")
    sizes = [*train.pool.size_flop, *test.pool.size_flop]
    assert sizes == whole.pool.size_flop.tolist()
    assert 0 < len(test.pool) < len(train.pool) < 11
    # An agent trained on one part reads the same scale on the other.
    assert train.size_range == test.size_range == whole.size_range
    seen = [WorkFeatures(one).table(test.pool) for one in (train, whole)]
    assert np.array_equal(*seen)


@given(cuts=st.lists(st.floats(0, 1), max_size=5), rows=st.integers(1, 40))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cuts_keep_every_task_once(cuts: list[float], rows: int, tmp_path: Path) -> None:
    path = write_tasks(tmp_path / f"{rows}.csv", [[float(i), 1e12, 1.0, 1.0] for i in range(rows)])
    edges = sorted({0.0, *cuts, 1.0})
    arrivals: list[float] = []
    for part in itertools.pairwise(edges):
        with contextlib.suppress(HybridClusterError):  # a part may hold no task
            arrivals += load_trace(path, part=part).pool.arrival_s.tolist()
    assert arrivals == list(range(rows))


def test_the_reference_is_that_of_the_part(tmp_path: Path) -> None:
    rows = [[float(i), 1e12 * (1 + i % 7 + i // 64), 1.0 + i % 50, 1e8] for i in range(128)]
    path = write_tasks(tmp_path / "tasks.csv", rows)
    # A pool that repeats 64 tasks 1,024 times has their exact average.
    alone = Workload.from_tasks("half", Tasks.from_table(rows[64:]))
    expected = HybridClusterEnv(workload=alone).objective.reference
    kwargs: dict[str, Any] = {"num_tasks": 64}
    part = HybridClusterEnv(workload=f"{path}?part=0.5-1", **kwargs).objective.reference
    assert part.makespan_s == pytest.approx(expected.makespan_s, rel=1e-5)
    assert part.energy_j == pytest.approx(expected.energy_j, rel=1e-5)
    whole = HybridClusterEnv(workload=path, **kwargs).objective.reference
    assert whole.makespan_s < 0.95 * part.makespan_s


def test_a_file_is_read_once_until_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "tasks.csv"
    write_tasks(path, ROWS)
    first = resolve_workload(str(path))
    assert resolve_workload(path) is first
    write_tasks(path, [*ROWS, [4.0, 1e12, 1.0, 1.0]])
    assert len(resolve_workload(path).pool) == 4


BAD_STRINGS = {
    "azur-llm:x.csv": "Did you mean 'azure-llm'?",
    "azure-llm:x.csv?paramters=7e9": "unknown argument of azure-llm traces 'paramters'. Did you "
    "mean 'parameters'?",
    "azure-llm:x.csv?parameters=many": "argument parameters is 'many'; allowed: a finite number",
    "azure-llm:x.csv?parameters=-1": "argument parameters is -1.0; allowed: a finite number > 0",
    "azure-llm:x.csv?parameters=inf": "argument parameters is inf",
    "azure-llm:x.csv?split=prefill": "Did you mean 'prefill-decode'?",
    "x.swf?intensity_seed=1.5": "argument intensity_seed is '1.5'; allowed: a whole number >= 0",
    "x.swf?intensity_seed=9223372036854775808": "a whole number, 0 to 9223372036854775807",
    "x.swf?memory_bound_share=1.1": "argument memory_bound_share is 1.1; allowed: in [0, 1]",
    "alibaba-gpu:x?skip_days=-1": "argument skip_days is -1.0; allowed: a finite number >= 0",
    "x.csv?size=1": "unknown argument of csv traces 'size'",
    "x.csv?part": "'part' after '?'; allowed: key=value",
    "x.csv?part=0-1&part=0-1": "'part=0-1' after '?'",
    "x.csv?part=0.7": "part of a trace is '0.7'",
    "x.csv?part=0.7-0.2": "part of a trace is (0.7, 0.2)",
    "x.csv?part=0-2": "part of a trace is (0.0, 2.0); allowed: from-to with 0 <= from < to <= 1",
    "x.csv?part=a-b": "part of a trace is 'a-b'",
    "x.csv?part=0-nan": "part of a trace is (0.0, nan)",
    "trace.txt": "Known: alibaba-dlrm:PATH, alibaba-gpu:PATH, azure-llm:PATH, burstgpt:PATH",
    "lognorml": "Did you mean 'lognormal'?",
}


@pytest.mark.parametrize(("text", "expected"), BAD_STRINGS.items(), ids=BAD_STRINGS)
def test_a_bad_description_is_told(text: str, expected: str) -> None:
    assert expected in error_of(resolve_workload, text)


def test_wrong_arguments_of_load_trace(tmp_path: Path) -> None:
    path = write_tasks(tmp_path / "tasks.txt", ROWS)
    assert "the ending does not tell the trace format" in error_of(load_trace, path)
    assert "mapping is 'csv'" in error_of(load_trace, path, "csv")
    assert "part of a trace is 0.7" in error_of(load_trace, path, TaskTable(), 0.7)
    assert "part 0-0.01 of 3 tasks holds none" in error_of(
        load_trace, path, TaskTable(), (0.0, 0.01)
    )
    assert len(load_trace(path, TaskTable()).pool) == 3


def test_the_name_tells_what_was_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [AZURE_HEADER, "2023-11-16 18:17:03,1,1"])
    text = f"azure-llm:{path}?split=prefill-decode&parameters=13e9&bytes_per_parameter=2"
    name = resolve_workload(text).name
    assert name == "azure-llm:a.csv?parameters=13000000000&split=prefill-decode"
    # Followed from the folder of the file, the name is the workload again.
    assert resolve_workload(name.replace("a.csv", path)).name == name
    path = write(tmp_path / "a.swf", [job(0, 10, 1)])
    name = resolve_workload(f"{path}?intensity_seed=1234567890123456789").name
    assert name == "swf:a.swf?intensity_seed=1234567890123456789 (intensity drawn)"


@needs_real
@pytest.mark.parametrize(
    ("text", "tasks", "span_s"),
    [
        ("azure-llm:azure_llm_2023/AzureLLMInferenceTrace_code.csv", 8_819, 3_436),
        ("alibaba-gpu:alibaba_gpu_v2023/openb_pod_list_default.csv", 1_734, 29.3 * 86_400),
        ("swf:swf/lublin_256_head.swf", 1_993, 1_776_329),
    ],
)
def test_the_real_files(text: str, tasks: int, span_s: float) -> None:
    trace_format, path = text.split(":")
    pool = resolve_workload(f"{trace_format}:{REAL / path}").pool
    assert len(pool) == tasks
    assert pool.arrival_s[-1] == pytest.approx(span_s, rel=2e-3)
