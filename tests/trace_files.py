"""Small trace files in the formats of the real ones."""

import gzip
from collections.abc import Iterable, Sequence
from pathlib import Path

TASK_HEADER = "arrival_s,size_flop,intensity_flop_per_byte,memory_bytes"
AZURE_HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens"
POD_HEADER = (
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,"
    "creation_time,deletion_time,scheduled_time"
)


def write(path: Path, lines: Iterable[str], end: str = "\n") -> str:
    """Write lines, gzipped if the path ends so."""
    content = "".join(line + end for line in lines).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return str(path)


def write_tasks(path: Path, rows: Iterable[Sequence[float]]) -> str:
    return write(path, [TASK_HEADER, *(",".join(map(repr, row)) for row in rows)])


def job(
    submit: float,
    run: float,
    allocated: int = -1,
    used_kb: float = -1,
    requested: int = -1,
    requested_kb: float = -1,
) -> str:
    """A line of the Standard Workload Format."""
    return (
        f"1 {submit} -1 {run} {allocated} -1 {used_kb} {requested} -1 {requested_kb} "
        "1 -1 -1 -1 0 -1 -1 -1"
    )


def pod(
    created: float,
    scheduled: str,
    deleted: float,
    cpu: int,
    mib: int,
    gpus: int,
    milli: int,
    phase: str = "Succeeded",
) -> str:
    """A row of the Alibaba GPU trace."""
    return f"p,{cpu},{mib},{gpus},{milli},,LS,{phase},{created},{deleted},{scheduled}"
