"""Jobs of GPU clusters: what a time on GPUs or cores becomes, for all traces of such."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from cpu_gpu_env.model.profile import device_catalogue
from cpu_gpu_env.model.tasks import FloatArray, Tasks
from cpu_gpu_env.model.traces.mapping import DrawnIntensity

_GPU = device_catalogue()["v100-32gb"]


@dataclass(frozen=True)
class GPUJobs(DrawnIntensity):
    """Mapping for files that tell how long a job had how many GPUs or cores.

    Its size is duration-equivalent work: GPU seconds x the rate that a GPU attains or, for a job
    without a GPU, core seconds x that of a core. Assumptions: it kept them busy, and the cores of a
    job with GPUs only feed those. The intensity is drawn (`DrawnIntensity`).
    """

    flops_per_gpu: float = _GPU.flops
    """Attained rate of a GPU [FLOP/s]: of the V100 of the shipped profiles."""
    bandwidth_per_gpu: float = _GPU.memory_bandwidth
    """Attained memory bandwidth of a GPU [B/s]: of the V100 of the shipped profiles."""

    def _price(
        self,
        path: str,
        arrival_s: FloatArray,
        gpu_s: FloatArray,
        core_s: FloatArray,
        memory_bytes: FloatArray,
    ) -> tuple[Tasks, int]:
        """Turn jobs, in order of arrival, into tasks; jobs without work are left out and counted.

        Args:
            path: File of the trace, for errors.
            arrival_s: Times [s], (jobs,).
            gpu_s: GPUs x time that the job had them [s], (jobs,).
            core_s: Cores x time that the job had them [s], (jobs,).
            memory_bytes: Working sets, (jobs,).
        """
        some = (gpu_s > 0) | (core_s > 0)
        intensity = self._draw_intensity(int(some.sum()))
        gpu_rate = np.minimum(self.flops_per_gpu, intensity * self.bandwidth_per_gpu)
        core_rate = self._core_rate(intensity)
        size = np.where(gpu_s[some] > 0, gpu_s[some] * gpu_rate, core_s[some] * core_rate)
        tasks = self._make_tasks(path, arrival_s[some], size, intensity, memory_bytes[some])
        return tasks, int((~some).sum())

    def _size_note(self, time: str) -> str:
        return (
            f"size is {time} x attained FLOP/s of the GPUs asked for, or of the cores without a "
            f"GPU; a GPU attains {self.flops_per_gpu / 1e12:.3g} TFLOP/s or "
            f"{self.bandwidth_per_gpu / 1e9:.3g} GB/s, {self._core_note()}"
        )


@dataclass(frozen=True)
class GPUJobsWithoutMemory(GPUJobs):
    """The same for files that tell nothing of memory."""

    may_be_zero: ClassVar[tuple[str, ...]] = (*GPUJobs.may_be_zero, "memory_per_job_bytes")

    memory_per_job_bytes: float = 0.0
    """Working set of a job [B], which the file does not tell; 0: nothing moves over the link."""

    def _memory_note(self) -> str:
        return (
            "the trace tells no memory; the working set of each job is taken to be "
            f"{self.memory_per_job_bytes:g} bytes (memory_per_job_bytes)"
        )
