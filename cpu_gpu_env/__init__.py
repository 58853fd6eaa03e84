"""HybridCluster: learning to schedule on hybrid CPU/GPU clusters.

Importing this package registers ``HybridCluster-v0`` with Gymnasium.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cpu_gpu_env.registration import ENV_ID, register_envs

if TYPE_CHECKING:
    from cpu_gpu_env.envs.env import HybridClusterEnv
    from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
    from cpu_gpu_env.errors import HybridClusterError
    from cpu_gpu_env.model.cluster import Cluster, Device
    from cpu_gpu_env.model.measured import MeasuredCosts
    from cpu_gpu_env.model.profile import load_profile, save_profile, shipped_profiles
    from cpu_gpu_env.model.tasks import Tasks
    from cpu_gpu_env.model.traces import (
        AlibabaDLRM,
        AlibabaGPU,
        AzureLLM,
        BurstGPT,
        Helios,
        Mooncake,
        Philly,
        StandardWorkloadFormat,
        load_trace,
    )
    from cpu_gpu_env.model.workload import SyntheticSpec, Workload, synthetic_workload

__version__ = "0.1.0"

_HOMES = {
    "AlibabaDLRM": "model.traces",
    "AlibabaGPU": "model.traces",
    "AzureLLM": "model.traces",
    "BurstGPT": "model.traces",
    "Cluster": "model.cluster",
    "Device": "model.cluster",
    "Helios": "model.traces",
    "HybridClusterEnv": "envs.env",
    "HybridClusterError": "errors",
    "HybridClusterVectorEnv": "envs.vector_env",
    "MeasuredCosts": "model.measured",
    "Mooncake": "model.traces",
    "Philly": "model.traces",
    "StandardWorkloadFormat": "model.traces",
    "SyntheticSpec": "model.workload",
    "Tasks": "model.tasks",
    "Workload": "model.workload",
    "load_profile": "model.profile",
    "load_trace": "model.traces",
    "save_profile": "model.profile",
    "shipped_profiles": "model.profile",
    "synthetic_workload": "model.workload",
}
"""Public name -> module; loaded on first use, so that importing the package stays cheap."""

__all__ = [
    "ENV_ID",
    "AlibabaDLRM",
    "AlibabaGPU",
    "AzureLLM",
    "BurstGPT",
    "Cluster",
    "Device",
    "Helios",
    "HybridClusterEnv",
    "HybridClusterError",
    "HybridClusterVectorEnv",
    "MeasuredCosts",
    "Mooncake",
    "Philly",
    "StandardWorkloadFormat",
    "SyntheticSpec",
    "Tasks",
    "Workload",
    "load_profile",
    "load_trace",
    "register_envs",
    "save_profile",
    "shipped_profiles",
    "synthetic_workload",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


register_envs()
