"""Steering: what plays a run, an engine somewhere or the replay in here, is told what to do."""

from __future__ import annotations

from collections.abc import Callable

from cpu_gpu_env.dashboard.errors import ConflictError
from cpu_gpu_env.dashboard.repositories import control as repository
from cpu_gpu_env.dashboard.schemas.control import Accepted, StartRequest
from cpu_gpu_env.dashboard.services.engine_process import EngineProcess
from cpu_gpu_env.dashboard.services.replay import Replay
from cpu_gpu_env.dashboard.services.runs import RunService


class ControlService:
    """Hands on what is asked for; what comes of it shows in the state.

    Args:
        url: Path or URL of the store.
        watched: Tells which run is watched unless told otherwise.
        runs: What is known of runs.
        engine: The one that the server owns.
        replay: What the server plays; None: nothing.
    """

    def __init__(
        self,
        url: str,
        watched: Callable[[], int | None],
        runs: RunService,
        engine: EngineProcess,
        replay: Replay | None,
    ) -> None:
        self._url, self._watched, self._runs = url, watched, runs
        self._engine, self._replay = engine, replay

    def pause(self, run: int | None) -> Accepted:
        """Let a run stand still.

        Args:
            run: Its number; None: the one that is watched.

        Raises:
            NotFoundError: If there is no such run.
            ConflictError: If nothing plays it.
            UnavailableError: If the store cannot be read or written.
        """
        if replay := self._replay_of(run):
            replay.pause()
            return Accepted(run=replay.run, command="pause")
        return self._send(run, "pause")

    def resume(self, run: int | None) -> Accepted:
        """Let a run go on; as `pause`."""
        if replay := self._replay_of(run):
            replay.resume()
            return Accepted(run=replay.run, command="resume")
        return self._send(run, "resume")

    def set_speed(self, run: int | None, speed: float | None) -> Accepted:
        """Set how fast a run is played; None: as fast as it goes; else as `pause`."""
        if replay := self._replay_of(run):
            replay.set_speed(speed)
            return Accepted(run=replay.run, command="speed")
        return self._send(run, "speed", speed)

    def seek(self, episode: int) -> Accepted:
        """Let the replay go on from an episode.

        Raises:
            ConflictError: If the server plays none.
        """
        if self._replay is None:
            raise ConflictError("the server plays no stored run; hybridcluster dashboard --replay")
        self._replay.seek(episode)
        return Accepted(run=self._replay.run, command="seek")

    def start(self, request: StartRequest) -> Accepted:
        """Start the engine that the server owns.

        Raises:
            HybridClusterError: If an argument is not valid.
            ConflictError: If one is running, or none may be started.
        """
        self._engine.start(request)
        return Accepted(run=None, command="start")

    def stop(self, run: int | None) -> Accepted:
        """End the engine that the server owns, or that of another run; else as `pause`."""
        own = self._engine.run
        if self._engine.is_active and run in (None, own):
            self._engine.stop()
            return Accepted(run=own, command="stop")
        if self._replay_of(run):
            raise ConflictError("a replay has no engine that could be stopped; pause it")
        return self._send(run, "stop")

    def _replay_of(self, run: int | None) -> Replay | None:
        replay = self._replay
        return replay if replay is not None and run in (None, replay.run) else None

    def _send(self, run: int | None, name: str, value: float | None = None) -> Accepted:
        if run is None:
            run = self._watched()
        if run is None:
            raise ConflictError("the store has no run yet")
        if not self._runs.summary(run).is_alive:
            raise ConflictError(f"no engine plays run {run} now")
        repository.send(self._url, run, name, value)
        return Accepted(run=run, command=name)
