"""Learned schedulers asked in a process of their own, against what they say in this one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from dashboard_process import wait_for

from cpu_gpu_env.dashboard.errors import UnavailableError
from cpu_gpu_env.dashboard.services.prediction_process import PredictionProcess
from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.runtime.stored_predictions import predict_decision

LEARNED = ("random-forest", "dqn-queues")


@pytest.fixture
def predictions(filled_store: Path) -> Iterator[PredictionProcess]:
    predictions = PredictionProcess(str(filled_store))
    yield predictions
    predictions.close()


def started_processes() -> list[psutil.Process]:
    """Those that ask."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_it_says_what_the_schedulers_say(
    predictions: PredictionProcess, filled_store: Path
) -> None:
    before = {process.pid for process in started_processes()}
    predictions.warm_up()
    predictions.warm_up()
    (process,) = (found for found in started_processes() if found.pid not in before)
    told = predictions.predict(1, LEARNED, 7)
    assert told.keys() == {*LEARNED}
    with open_reader(filled_store) as reader:
        for name, prediction in told.items():
            wanted = predict_decision(reader, 1, name, 7)
            assert prediction.kind == wanted.kind
            assert prediction.values == pytest.approx(wanted.values)
            assert prediction.features == pytest.approx(dict(wanted.features))
            assert prediction.why_not is None

    missing = predictions.predict(1, ["random-forest"], 10**6)
    assert "task is 1000000" in str(missing["random-forest"].why_not)

    process.kill()
    process.wait()
    assert predictions.predict(1, LEARNED, 7) == told

    predictions.close()
    wait_for(lambda: {found.pid for found in started_processes()} <= before, "its end")
    with pytest.raises(UnavailableError, match="ending"):
        predictions.predict(1, LEARNED, 7)
