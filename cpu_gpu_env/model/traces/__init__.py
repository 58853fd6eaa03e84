"""Traces: workloads read from files, replayed in order.

Wherever a workload is asked for, a trace is a path, or a format, a path and arguments:

- ``"tasks.csv"`` or ``"csv:PATH"``: columns arrival_s, memory_bytes, and size_flop with
  intensity_flop_per_byte or cpu_time_s with gpu_time_s (`TaskTable`)
- ``"log.swf.gz"`` or ``"swf:PATH?flops_per_core=2e10"``: Standard Workload Format
  (`StandardWorkloadFormat`)
- ``"azure-llm:PATH?parameters=13e9&split=prefill-decode"``: Azure LLM inference, 2023 and 2024
  (`AzureLLM`)
- ``"burstgpt:PATH"``: BurstGPT, requests to ChatGPT and GPT-4 (`BurstGPT`)
- ``"mooncake:PATH?prefix_cache=ideal"``: Mooncake, requests that share prefixes (`Mooncake`)
- ``"alibaba-gpu:PATH?intensity_seed=1"``: Alibaba GPU 2023 pods (`AlibabaGPU`)
- ``"alibaba-dlrm:PATH"``: Alibaba GPU 2025 instances of recommendation models (`AlibabaDLRM`)
- ``"helios:PATH"``: SenseTime's Helios jobs (`Helios`)
- ``"philly:PATH"``: Microsoft's Philly jobs (`Philly`)

Each also takes ``precision=fp16``, the number format of its tasks where the file does not tell it
(fp32 by default), and ``part=0-0.7``: that part of its tasks in order of arrival. Parts share the
ranges that observations are scaled to, those of the whole trace, so an agent trained on one reads
the same scale on another; the reference makespan and energy are those of the part. Any file may be
gzipped; one of more than 128 MiB, unpacked, is refused unless ``max_bytes=1000000000``, say, allows
it. In Python, `load_trace` takes the path, the mapping and the part.

The fields of a mapping are its arguments; its docstring says how a row becomes a task and what that
assumes.
"""

from cpu_gpu_env.model.traces.alibaba_dlrm import AlibabaDLRM
from cpu_gpu_env.model.traces.alibaba_gpu import AlibabaGPU
from cpu_gpu_env.model.traces.azure_llm import AzureLLM
from cpu_gpu_env.model.traces.burstgpt import BurstGPT
from cpu_gpu_env.model.traces.helios import Helios
from cpu_gpu_env.model.traces.loading import TRACE_FORMATS, load_trace, parse_trace
from cpu_gpu_env.model.traces.mapping import TraceMapping
from cpu_gpu_env.model.traces.mooncake import Mooncake
from cpu_gpu_env.model.traces.philly import Philly
from cpu_gpu_env.model.traces.swf import StandardWorkloadFormat
from cpu_gpu_env.model.traces.task_table import TaskTable

__all__ = [
    "TRACE_FORMATS",
    "AlibabaDLRM",
    "AlibabaGPU",
    "AzureLLM",
    "BurstGPT",
    "Helios",
    "Mooncake",
    "Philly",
    "StandardWorkloadFormat",
    "TaskTable",
    "TraceMapping",
    "load_trace",
    "parse_trace",
]
