"""A learner that takes a moment: after its first episodes it knows a better scheduler by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.runtime import online
from cpu_gpu_env.runtime.records import Experience, LearnedModel
from cpu_gpu_env.runtime.trained_files import ONLINE_SUFFIX

BAD, GOOD = "cpu-only", "static-price"


class ToyLearner:
    """Swaps `BAD` for `GOOD` once it has learned from a batch."""

    calls = 0
    interrupt_at: int | None = None
    """Call at which Ctrl-C comes."""

    def __init__(self) -> None:
        self.version = 0

    def learn(self, experience: Experience) -> LearnedModel | None:
        ToyLearner.calls += 1
        if ToyLearner.calls == ToyLearner.interrupt_at:
            raise KeyboardInterrupt
        assert experience.oracle_actions.shape == experience.actions.shape
        assert (experience.oracle_actions >= 0).all()
        if self.version:
            return None
        self.version = 1
        return LearnedModel(1, GOOD.encode())

    def state(self) -> bytes:
        return bytes([self.version])

    def restore(self, state: bytes) -> None:
        self.version = state[0]


def _make(env: Any, model: LearnedModel, seed: int | None) -> Any:
    return make_scheduler(model.content.decode(), env, seed=seed)


@contextmanager
def toy_scheduler(interrupt_at: int | None = None) -> Iterator[str]:
    """Within, there is a scheduler of this name that learns."""
    kind = online.OnlineKind(
        lambda: LearnedModel(0, BAD.encode()), ToyLearner, _make, False, needs_oracle=True
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(online.ONLINE, f"toy{ONLINE_SUFFIX}", kind)
        patch.setattr(ToyLearner, "calls", 0)
        patch.setattr(ToyLearner, "interrupt_at", interrupt_at)
        yield "toy"
