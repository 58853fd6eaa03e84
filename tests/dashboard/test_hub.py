"""Ticks, slots and heartbeats, without a network."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from cpu_gpu_env.dashboard.errors import NotFoundError
from cpu_gpu_env.dashboard.schemas.live import EngineState, OwnEngine, ProcessState, ServerState
from cpu_gpu_env.dashboard.schemas.runs import RunSummary
from cpu_gpu_env.dashboard.services import hub as hub_module
from cpu_gpu_env.dashboard.services.hub import Client, Hub, Watched

SERVER = ServerState(
    version="0",
    store="s",
    mode="watch",
    started_at=0.0,
    clients=1,
    process=ProcessState(pid=1, cpu_percent=0.0, rss_bytes=1),
    trouble=None,
    engine=OwnEngine(state="none", may_start=False, pid=None, exit_code=None, command=None, log=[]),
)
ENGINE = EngineState(
    episode=0,
    clock_s=0.0,
    placed=0,
    speed=None,
    paused=False,
    phase="",
    trouble=None,
    updated_at=0.0,
    process=None,
    log=[],
)
RUN = RunSummary(
    run=1,
    kind="stream",
    status="running",
    is_alive=True,
    started_at=0.0,
    ended_at=None,
    command="",
    schedulers=[],
    problem="",
    tasks=0,
    next_episode=0,
    clock_s=0.0,
    notes=[],
)


class Polled:
    """What a store says, changed by the test."""

    def __init__(self) -> None:
        self.now = Watched(run=RUN, rest_s=0.01)
        self.count = 0
        self.error: Exception | None = None
        self.answers = threading.Event()
        self.answers.set()

    def __call__(self) -> Watched:
        self.answers.wait(20)
        self.count += 1
        if self.error is not None:
            raise self.error
        return self.now


def _play(scenario: Callable[[Hub, Polled], Coroutine[Any, Any, None]]) -> None:
    polled = Polled()

    async def main() -> None:
        hub = Hub(polled, lambda trouble: SERVER.model_copy(update={"trouble": trouble}))
        await asyncio.wait_for(scenario(hub, polled), 20)
        hub.stop()

    asyncio.run(main())


def test_a_slot_holds_the_newest_state_and_a_change_only_follows_the_one_before() -> None:
    async def scenario(hub: Hub, polled: Polled) -> None:
        reads, waits = hub.join(), hub.join()
        texts = [await reads.next_message()]
        for count in (1, 2, 3):
            polled.now = replace(polled.now, engine=ENGINE.model_copy(update={"placed": count}))
            texts.append(await reads.next_message())
        messages = [json.loads(text) for text in texts]
        assert [message["type"] for message in messages] == ["snapshot", *["change"] * 3]
        assert [message["sequence"] for message in messages] == [1, 2, 3, 4]
        assert set(messages[3]) == {"type", "sequence", "engine"}
        late = json.loads(await waits.next_message())
        assert (late["type"], late["sequence"]) == ("snapshot", 4)
        assert late["state"]["engine"]["placed"] == 3
        polled.now = replace(polled.now, engine=None)
        one, other = await reads.next_message(), await waits.next_message()
        assert one is other  # encoded once for all
        assert json.loads(one) == {"type": "change", "sequence": 5, "engine": None}

    _play(scenario)


def test_the_time_alone_of_an_engine_is_told_once_a_second() -> None:
    async def scenario(hub: Hub, polled: Polled) -> None:
        client = hub.join()
        told = []
        await client.next_message()
        for tenth in range(1, 31):
            polled.now = replace(
                polled.now, engine=ENGINE.model_copy(update={"updated_at": tenth / 10})
            )
            seen = polled.count
            while polled.count < seen + 2:
                await asyncio.sleep(0.005)
            if hub.state is not None and hub.state.engine is not None:
                told.append(hub.state.engine.updated_at)
        assert sorted(set(told)) == [0.1, 1.1, 2.1]

    _play(scenario)


def test_something_comes_though_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub_module.HEARTBEAT_S + hub_module._ATTEND_S < 5.0
    monkeypatch.setattr(hub_module, "HEARTBEAT_S", 0.3)
    monkeypatch.setattr(hub_module, "_ATTEND_S", 0.05)

    async def scenario(hub: Hub, polled: Polled) -> None:
        client = hub.join()
        await client.next_message()
        begin_s = time.monotonic()
        assert json.loads(await client.next_message()) == {"type": "change", "sequence": 2}
        assert 0.2 < time.monotonic() - begin_s < 2.0
        assert json.loads(await client.next_message()) == {"type": "change", "sequence": 3}

    _play(scenario)


def test_a_store_that_is_silent_is_in_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "SILENCE_S", 0.3)
    monkeypatch.setattr(hub_module, "_ATTEND_S", 0.05)

    async def scenario(hub: Hub, polled: Polled) -> None:
        polled.answers.clear()
        client = hub.join()
        tick = await client.next_tick()  # even if it has never answered
        assert tick.state.server.trouble is not None
        assert "has not answered" in tick.state.server.trouble
        polled.answers.set()
        while (await client.next_tick()).state.server.trouble is not None:
            pass
        assert hub.state is not None
        assert hub.state.run == RUN

    _play(scenario)


def test_nobody_watches_nobody_polls() -> None:
    async def scenario(hub: Hub, polled: Polled) -> None:
        one, other = hub.join(), hub.join()
        await one.next_tick()
        assert not hub.leave(one)
        assert hub.leave(other)
        await asyncio.sleep(0.1)
        count = polled.count
        await asyncio.sleep(0.2)
        assert polled.count == count

    _play(scenario)


def test_a_run_that_is_gone_ends_who_watches_it_and_a_fault_does_not() -> None:
    async def scenario(hub: Hub, polled: Polled) -> None:
        client = hub.join()
        await client.next_tick()
        polled.error = ZeroDivisionError("of the hub")
        while (tick := await client.next_tick()).state.server.trouble is None:
            pass
        assert tick.state.server.trouble == "ZeroDivisionError: of the hub"
        assert tick.state.run == RUN
        polled.error = NotFoundError("run 1 is gone")
        with pytest.raises(NotFoundError, match="gone"):
            await _take_all(client)
        with pytest.raises(NotFoundError, match="gone"):  # who comes too late is told, too
            await _take_all(hub.join())

    _play(scenario)


async def _take_all(client: Client) -> None:
    while True:
        await client.next_tick()
