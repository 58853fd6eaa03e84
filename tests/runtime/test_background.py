"""Learning in another process: nothing waits for it, and neither outlives the other for long."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cpu_gpu_env import HybridClusterError
from cpu_gpu_env.runtime.background import MAX_RESTARTS, NICENESS, BackgroundLearner
from cpu_gpu_env.runtime.records import EpisodeBatch, Experience, LearnedModel, Phase


def experience(number: int = 0, **env_kwargs: Any) -> Experience:
    actions = np.full((1, 3), number)
    return Experience(EpisodeBatch(number, Phase(env_kwargs), (number,)), actions, actions)


class Counter:
    """Learns the sum of what it has seen; sleeps, fails or dies if it is told to."""

    def __init__(self, start: int = 0) -> None:
        self.total, self.count = start, 0
        self.phases: list[Phase] = []

    def learn(self, experience: Experience) -> LearnedModel | None:
        does = experience.batch.phase.env_kwargs
        time.sleep(does.get("sleep_s", 0.0))
        if "error" in does:
            raise does["error"]
        if does.get("die"):
            os.kill(os.getpid(), signal.SIGKILL)
        if does.get("nothing"):
            return None
        self.phases.append(experience.batch.phase)
        self.total, self.count = self.total + int(experience.actions.sum()), self.count + 1
        told = {
            "niceness": float(os.nice(0)),
            "phases": float(len({id(phase) for phase in self.phases})),
            "ignores": float(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)
            + float(signal.getsignal(signal.SIGTERM) is signal.SIG_IGN),
        }
        return LearnedModel(self.count, str(self.total).encode(), told)

    def state(self) -> bytes:
        return str(self.total).encode()

    def restore(self, state: bytes) -> None:
        if not state.isdigit():
            raise HybridClusterError("the state of a counter is no number; allowed: a number")
        self.total = int(state)


def broken() -> Counter:
    raise ImportError("no such library")


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def learner(told: list[str]) -> Iterator[BackgroundLearner]:
    with BackgroundLearner(Counter, tell=told.append) as background:
        yield background


def test_models_come_back_with_their_states(learner: BackgroundLearner, told: list[str]) -> None:
    assert learner.take() is None
    seen = []
    for number in range(1, 4):
        learner.offer(experience(number))
        seen.append(wait_for(learner.take))
    assert [model.version for model in seen] == [1, 2, 3]
    assert [model.content for model in seen] == [b"3", b"9", b"18"]
    assert [model.state for model in seen] == [b"3", b"9", b"18"]
    assert learner.state() == b"18"
    assert learner.take() is None
    assert learner.dropped == 0
    assert learner.trouble is None
    assert told == []


def test_it_gives_way_and_leaves_signals_to_the_stream(learner: BackgroundLearner) -> None:
    learner.offer(experience())
    score = wait_for(learner.take).score
    assert score["niceness"] == min(os.nice(0) + NICENESS, 19)
    assert score["ignores"] == 2.0


def test_a_phase_stays_the_same_object(learner: BackgroundLearner) -> None:
    one, two = experience(1), experience(2)
    same = Experience(EpisodeBatch(2, one.batch.phase, (2,)), two.actions, two.actions)
    for offered in (one, same):
        learner.offer(offered)
        phases = wait_for(learner.take).score["phases"]
    assert phases == 1.0
    learner.offer(experience(3, nothing=False))
    assert wait_for(learner.take).score["phases"] == 2.0


def test_only_the_newest_model_is_handed_over(learner: BackgroundLearner) -> None:
    for _ in range(3):
        learner.offer(experience(1))
    wait_for(lambda: learner.state() == b"9")
    model = learner.take()
    assert model is not None
    assert model.version == 3


def test_nothing_waits_for_a_slow_learner_and_the_oldest_are_dropped(told: list[str]) -> None:
    with BackgroundLearner(Counter, max_waiting=2, tell=told.append) as learner:
        learner.offer(experience(1))
        assert wait_for(learner.take).content == b"3"
        learner.offer(experience(1, sleep_s=1.0))
        time.sleep(0.3)  # it is at it now
        begin = time.perf_counter()
        for number in (10, 100, 1_000, 10_000):
            learner.offer(experience(number))
        assert learner.take() is None
        assert learner.state(wait_s=0.0) == b"3"
        assert time.perf_counter() - begin < 0.5
        assert learner.dropped == 2
        wait_for(lambda: learner.state() == b"33006")
    assert told == []


def test_a_state_is_waited_for_no_longer_than_told(learner: BackgroundLearner) -> None:
    assert learner.state() == b"0"
    learner.offer(experience(1, sleep_s=3.0))
    time.sleep(0.3)
    begin = time.perf_counter()
    assert learner.state(wait_s=0.2) == b"0"
    assert 0.1 < time.perf_counter() - begin < 1.0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no good\nat all"), "ValueError: no good (test_background.py, line "),
        (HybridClusterError("task 3 is none"), "task 3 is none"),
        (KeyError(), "KeyError: KeyError"),
    ],
)
def test_errors_are_told_once_and_learning_goes_on(
    learner: BackgroundLearner, told: list[str], error: Exception, said: str
) -> None:
    failing = experience(1, error=error)
    same = Experience(failing.batch, failing.actions, failing.actions)
    for offered in (experience(1), failing, same):
        learner.offer(offered)
    wait_for(lambda: told)
    assert learner.state() == b"3"
    assert len(told) == 1
    assert told[0].startswith(f"learning failed, the model stays what it is: {said}")
    assert learner.trouble == told[0]
    learner.offer(experience(2))
    wait_for(lambda: learner.state() == b"9")
    assert learner.trouble is None


def test_a_learner_that_cannot_be_made_is_told(told: list[str]) -> None:
    with BackgroundLearner(broken, tell=told.append) as learner:
        wait_for(lambda: told)
        assert told[0].startswith("cannot learn: ImportError: no such library")
        learner.offer(experience(1))
        assert learner.state() is None
        assert learner.take() is None


def test_it_goes_on_from_a_state() -> None:
    with BackgroundLearner(partial(Counter, 5), b"100") as learner:
        assert learner.state(wait_s=0.0) == b"100"
        learner.offer(experience(1))
        assert wait_for(learner.take).content == b"103"


def test_a_state_that_is_refused_is_an_error() -> None:
    with pytest.raises(HybridClusterError, match="cannot learn: the state of a counter is no num"):
        BackgroundLearner(Counter, b"nonsense")


def test_a_killed_process_is_replaced_from_its_last_state(
    learner: BackgroundLearner, told: list[str]
) -> None:
    learner.offer(experience(1))
    wait_for(learner.take)
    first = learner.process_id
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: told)
    assert told == ["the process that learns was killed by SIGKILL; it is started again"]
    learner.offer(experience(2))
    assert wait_for(learner.take).content == b"9"
    assert learner.process_id != first
    assert learner.trouble is None


def test_it_is_not_started_for_ever(learner: BackgroundLearner, told: list[str]) -> None:
    for _ in range(MAX_RESTARTS + 2):
        learner.offer(experience(1, die=True))
    wait_for(lambda: told and "from now on" in told[-1])
    learner.offer(experience(1))
    assert learner.state() is None
    assert learner.take() is None


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_closing_ends_the_process_in_the_midst_of_its_work() -> None:
    learner = BackgroundLearner(Counter)
    assert learner.state() == b"0"
    learner.offer(experience(1, sleep_s=600.0))
    begin = time.perf_counter()
    learner.close()
    assert time.perf_counter() - begin < 5.0
    learner.close()
    assert learner.process_id is not None
    assert not is_running(learner.process_id)
    assert learner.state() == b"0"


STREAM = """
import sys, time
sys.path.insert(0, {folder!r})
from cpu_gpu_env.runtime.background import BackgroundLearner
from test_background import Counter, experience

if __name__ == "__main__":
    learner = BackgroundLearner(Counter)
    learner.state()
    learner.offer(experience(1, sleep_s=600.0))
    print(learner.process_id, flush=True)
    if sys.argv[1] == "end":
        sys.exit()
    time.sleep(600)
"""


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads the states of processes from /proc")
@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM", "SIGINT", "end"])
def test_it_ends_with_the_stream(end: str, tmp_path: Path) -> None:
    script = tmp_path / "stream.py"
    script.write_text(STREAM.format(folder=str(Path(__file__).parent)))
    running = subprocess.Popen(
        [sys.executable, str(script), end], stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        learner = int(running.stdout.readline())
        if end != "end":
            assert is_running(learner)
            running.send_signal(getattr(signal, end))
        running.wait(timeout=20)
    finally:
        running.kill()
        running.communicate()
    wait_for(lambda: not is_running(learner), 10.0)
