"""Why a request is refused: repositories and services raise these, routes give them a code.

Any other `HybridClusterError` that reaches a route is a bad argument.
"""

from __future__ import annotations

from cpu_gpu_env.errors import HybridClusterError


class NotFoundError(HybridClusterError):
    """What is asked for is not there: no such run, scheduler or task. HTTP 404."""


class ConflictError(HybridClusterError):
    """What is asked for cannot be done as things are. HTTP 409."""


class UnavailableError(HybridClusterError):
    """The store cannot be read at the moment. HTTP 503."""
