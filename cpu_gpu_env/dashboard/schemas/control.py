"""What steers an engine or a replay."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from cpu_gpu_env.dashboard.schemas.base import Answer
from cpu_gpu_env.results.store import MAX_SPEED, MIN_SPEED

MAX_RUN = 2**31 - 1


class Request(BaseModel):
    """A JSON object that is asked with: no unknown field, and no text for a number."""

    model_config = ConfigDict(extra="forbid", strict=True)


class OfRun(Request):
    """Which run is meant."""

    run: int | None = Field(default=None, ge=1, le=MAX_RUN)
    """null: the one that is watched."""


class SpeedRequest(OfRun):
    """How fast it is to go."""

    speed: float | None = Field(ge=MIN_SPEED, le=MAX_SPEED)
    """Simulated seconds a second, in a replay episodes a second; null: as fast as it goes."""


class SeekRequest(Request):
    """Where a replay is to go on from."""

    episode: int = Field(ge=0, le=2**53)


class StartRequest(Request):
    """What an engine is to play, as arguments of stream.py; no files are taken.

    null: as the server was told as it began, or the default.
    """

    cluster: str | None = Field(default=None, max_length=200)
    workload: str | None = Field(default=None, max_length=200)
    schedulers: list[str] | None = Field(default=None, min_length=1, max_length=32)
    num_tasks: int | None = Field(default=None, ge=1, le=10_000)
    energy_weight: float | None = Field(default=None, ge=0, le=1)
    load: float | None = Field(default=None, gt=0, le=100)
    noise: float | None = Field(default=None, ge=0, le=2)
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1)
    speed: float | None = Field(default=None, ge=MIN_SPEED, le=MAX_SPEED)
    online: bool | None = None
    quick_oracle: bool | None = None
    drift: Literal["mix", "arrivals", "gpu"] | None = None
    bound: Literal["certified", "any-device", "none"] | None = None
    episodes: int | None = Field(default=None, ge=1, le=10**9)


class Accepted(Answer):
    """A command that was handed on; what comes of it shows in the state."""

    run: int | None
    command: str
