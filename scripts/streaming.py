"""A run of the engine, put together from a command line or from what a store holds of it."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from types import FrameType, TracebackType
from typing import Any

import torch

from cpu_gpu_env.checks import check_count, check_number
from cpu_gpu_env.errors import HybridClusterError, not_allowed
from cpu_gpu_env.results.provenance import ProblemRecord, versions_used
from cpu_gpu_env.results.store import tables
from cpu_gpu_env.results.store.database import Store
from cpu_gpu_env.results.store.reading import StoreReader, open_reader
from cpu_gpu_env.results.store.session import Command
from cpu_gpu_env.results.store.writer import LAST_CHANCE_S, PATIENCE_S, StoreWriter, tell_on_stderr
from cpu_gpu_env.runtime.control import Control
from cpu_gpu_env.runtime.engine import Engine, Finished, Sink
from cpu_gpu_env.runtime.event_log import EventLog
from cpu_gpu_env.runtime.online import ONLINE, Kept, OnlineLane
from cpu_gpu_env.runtime.process_meter import ProcessMeter
from cpu_gpu_env.runtime.records import LearnedModel
from cpu_gpu_env.runtime.settings import ANY_DEVICE, StreamSettings
from cpu_gpu_env.runtime.sinks import Storing
from cpu_gpu_env.runtime.solver import Solver
from cpu_gpu_env.runtime.stream import EpisodeStream
from cpu_gpu_env.runtime.tensorboard import StreamCurves
from cpu_gpu_env.scripts import outputs
from cpu_gpu_env.scripts.live_table import LiveView
from cpu_gpu_env.scripts.storing import tell_run
from cpu_gpu_env.scripts.stream_parts import (
    asked_for,
    last_episode,
    make_lanes,
    make_measures,
    new_settings,
)

MAX_EPISODES = 2**53
"""Of a run; numbers up to here are exact in any database and in JSON."""
NO_STORE = "none"
"""A store that keeps nothing."""


class Stream:
    """A stream of the command: its lanes, its store, and what shows it; a context manager.

    Args:
        arguments: The command line.
        sinks: More of them, told of each batch last.
    """

    def __init__(self, arguments: argparse.Namespace, sinks: Sequence[Sink] = ()) -> None:
        self._arguments, self._sinks = arguments, sinks
        self._stack = ExitStack()
        self._notes: list[str] = []
        self._log = EventLog(tell_on_stderr)
        self._meter = ProcessMeter()
        self._writer: StoreWriter | None = None
        self._run: int | None = None
        self.interrupted = False
        """Whether Ctrl-C or SIGTERM ended it."""

    def __enter__(self) -> Stream:
        """Take up the run, or make a new one, and build all that it needs.

        Raises:
            HybridClusterError: If an argument is not valid, or the store or run not usable.
        """
        with self._stack as stack:
            self._open(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, raised, trace)

    def _open(self, stack: ExitStack) -> None:
        arguments = self._arguments
        row: Mapping[str, Any] | None = None
        kept: Mapping[str, Kept] = {}
        torch.set_num_threads(1)  # nets this small are slower on several
        if arguments.resume is None:
            self.settings = new_settings(arguments)
        else:
            self._open_store(stack)
            row, kept = self._resume(arguments.resume)
        phases = self.settings.phases()
        stream = EpisodeStream(
            phases, self.settings.seed, last_episode(arguments, phases[0].problem)
        )
        self._notes += stream.notes
        self._lanes = make_lanes(self.settings, kept, self._log.tell)
        for lane in self._lanes:
            if isinstance(lane, OnlineLane):
                stack.enter_context(closing(lane))
        self._measures = make_measures(self.settings, self._lanes, row)
        if arguments.resume is None:
            self._open_store(stack)  # only now: what is refused before makes no file
        self._begin(stream, row, stack)

    def _open_store(self, stack: ExitStack) -> None:
        if self._arguments.store == NO_STORE:
            if self._arguments.resume is not None:
                raise HybridClusterError("--resume needs the --store of the run; it is 'none'")
            return
        path = Store.of(self._arguments.store).path
        if self._arguments.resume is not None and path is not None and not path.exists():
            raise HybridClusterError(f"store {self._arguments.store}: there is no such file")
        keep = self._arguments.keep_decisions
        self._writer = StoreWriter(self._arguments.store, self._log.tell, keep)
        stack.callback(self._close_store)

    def _close_store(self) -> None:
        assert self._writer is not None
        status = "interrupted" if self.interrupted or sys.exc_info()[0] else "finished"
        # Who has asked for the end does not wait for a server that is gone.
        patience_s = LAST_CHANCE_S if self.interrupted else PATIENCE_S
        self._writer.close(self._run, status, patience_s)

    def _check_position(self, reader: StoreReader, row: Mapping[str, Any]) -> None:
        """Check how far a run is: all that it says is stored must be, and no more."""
        run, done = row["run"], row["next_episode"]
        check_count(f"run {run}: next_episode", done, MAX_EPISODES, low=0)
        check_count(f"run {run}: tasks", row["tasks"], 2**62, low=0)
        check_number(f"run {run}: clock_s", row["clock_s"], 0.0)
        for name in self.settings.schedulers:
            stored = reader.count(tables.episodes, run, name)
            if stored != done:
                raise not_allowed(
                    f"run {run}: next_episode", done, f"{stored}, as {name} has played"
                )

    def _resume(self, run: int) -> tuple[Mapping[str, Any], dict[str, Kept]]:
        """Take up a run, once all that it needs is found to be as it was."""
        assert self._writer is not None
        with closing(open_reader(self._arguments.store)) as reader:
            row: Mapping[str, Any] = reader.run_row(run)
            if row["kind"] != "stream":
                raise HybridClusterError(
                    f"run {run} is a {row['kind']}; allowed to resume: a stream"
                )
            self.settings = StreamSettings.from_json(row["settings"])
            asked = asked_for(self._arguments, self.settings)
            self.settings.check_resumed(row["settings"], asked, run)
            self._check_position(reader, row)
            kept = self._find_kept(reader, run)
        row = self._writer.resume_run(run)
        self._run = run
        return row, kept

    def _find_kept(self, reader: StoreReader, run: int) -> dict[str, Kept]:
        """What the lanes of a run go on from that have learned, by name."""
        models, states = reader.newest_models(run), reader.learner_states(run)
        found = {}
        for name in (name for name in self.settings.schedulers if name in ONLINE):
            stored, model = models.get(name), None
            if stored is not None and stored.content is not None:
                model = LearnedModel(
                    stored.version, stored.content, stored.score, stored.exploration
                )
            episode, state = states.get(name, (0, None))
            found[name] = Kept(model, state)
            version = 0 if model is None else model.version
            learns = "learns anew" if state is None else f"learns on as before episode {episode:,}"
            self._notes.append(f"{name} goes on with version {version}, and {learns}")
        return found

    def _begin(
        self, stream: EpisodeStream, row: Mapping[str, Any] | None, stack: ExitStack
    ) -> None:
        """Make the run known, and build what it flows through."""
        arguments, done = self._arguments, 0 if row is None else int(row["next_episode"])
        sinks: list[Sink] = [self._measures]
        if self._writer is not None:
            if row is None:
                self._run = self._writer.new_run(**self._new_row())
            assert self._run is not None
            tasks = 0 if row is None else int(row["tasks"])
            self._storing = Storing(
                self._writer, self._run, self._lanes, self._measures, tasks, self._log.tell
            )
            sinks.append(self._storing)
        self._first = done
        self._folder = folder = arguments.output / _folder_of(self._run)
        learning = [lane for lane in self._lanes if isinstance(lane, OnlineLane)]
        models = {lane.name: partial(getattr, lane, "model") for lane in learning}
        self._curves = stack.enter_context(StreamCurves(folder, self._measures, done, models))
        sinks.append(self._curves)
        sinks += [_Showing(self.show), *self._sinks]
        self._view = stack.enter_context(LiveView())
        for line in self._notes:
            print(line)
            self._log.note(line)
        self._log.note("the run begins" if row is None else f"goes on with episode {done:,}")
        self._control = Control(arguments.speed, self._commands, self.show, self._log.note)
        any_device = self.settings.bound == ANY_DEVICE
        self._engine = Engine(
            stream,
            self._lanes,
            Solver(self.settings.effort, arguments.jobs, any_device),
            self._control,
            sinks,
            done,
            0.0 if row is None else float(row["clock_s"]),
        )

    def _new_row(self) -> dict[str, Any]:
        problem = ProblemRecord.of(self.settings.phases()[0].problem)
        return {
            "kind": "stream",
            "command": self._arguments.command,
            "schedulers": [lane.name for lane in self._lanes],
            "provenance": {"problem": problem.to_json(), "versions": versions_used()},
            "settings": self.settings.to_json(),
            "notes": self._notes,
        }

    def _commands(self) -> Sequence[Command]:
        if self._writer is None or self._run is None:
            return ()
        return self._writer.commands(self._run)

    def show(self, finished: Finished | None = None) -> None:
        """Show the newest states, on the terminal and to whoever reads the store.

        Args:
            finished: The newest batch, if it has just been finished.
        """
        engine, control = self._engine, self._control
        self._note_changes()
        batch = None if finished is None else finished.arrived.batch
        states = self._measures.states()
        about = {
            "run": self._run,
            "episode": engine.next_episode if batch is None else batch.first + len(batch),
            "clock_s": engine.clock_s if finished is None else float(finished.clock_s[-1]),
            "placed": engine.placed,
            "speed": control.speed,
            "paused": control.paused,
            "phase": engine.phase,
            "trouble": None if self._writer is None else self._writer.trouble,
            "notes": [self._curves.trouble] if self._curves.trouble else [],
            "process": self._meter.read(),
            "log": self._log.newest(),
        }
        self._view.update(states, about)
        if self._writer is not None and self._run is not None:
            waits = {lane.name: lane.waits_s() for lane in self._lanes if engine.placed}
            self._writer.show(
                self._run,
                {
                    name: {**state, "engine": about, "waits_s": waits.get(name)}
                    for name, state in states.items()
                },
            )

    def _note_changes(self) -> None:
        """Note which phase has begun, which models have taken over, and what goes wrong."""
        log, since = self._log, f"from episode {self._engine.next_episode:,} on"
        log.note_change("phase", self._engine.phase, f"phase {self._engine.phase!r} {since}")
        for lane in self._lanes:
            version = lane.model_version
            log.note_change(lane.name, version, f"{lane.name} decides by version {version} {since}")
        if self._curves.trouble:
            log.note_change("curves", self._curves.trouble, self._curves.trouble)

    def stop(self) -> None:
        """Let it end between two batches."""
        self._control.stopping = True

    def run(self) -> None:
        """Let it flow until it ends, or a signal ends it; then store what is left to store."""
        try:
            with self._stopping_at_signals():
                self._engine.run()
        except KeyboardInterrupt:  # the second signal, or one as the first takes effect
            self.interrupted = True
            return
        if self._writer is not None:
            self._storing.save_learners(self._engine.next_episode, self._engine.clock_s)

    @contextmanager
    def _stopping_at_signals(self) -> Iterator[None]:
        """Let the first Ctrl-C or SIGTERM end the stream between batches, the second at once."""
        outside: dict[signal.Signals, Any] = {}

        def stop(number: int, frame: FrameType | None) -> None:
            self.interrupted = self._control.stopping = True
            self._log.tell("ending; once more ends it at once")
            for again, handler in outside.items():
                signal.signal(again, handler)

        for number in (signal.SIGINT, signal.SIGTERM):
            outside[number] = signal.signal(number, stop)
        try:
            yield
        finally:
            for number, handler in outside.items():
                signal.signal(number, handler)

    def tell_begin(self) -> None:
        """Say which run of the store it is."""
        if self._run is not None:
            print(f"run {self._run} has begun", flush=True)

    def tell_results(self) -> None:
        """Say what there is now, and how to look at it."""
        done = self._engine.next_episode
        if done == self._first and not self.interrupted:
            print(f"nothing left to play: {done:,} episodes are played already")
        outputs.tell_tensorboard("curves", self._folder)
        if self._run is not None:
            tell_run(self._run, self._arguments.store)


def _folder_of(run: int | None) -> str:
    """Name of the folder of the curves of a run, in the output."""
    return "unstored" if run is None else f"run-{run}"


class _Showing:
    """Shows the newest states after each batch.

    Args:
        show: Shows them.
    """

    def __init__(self, show: Callable[[Finished], None]) -> None:
        self._show = show

    def add(self, finished: Finished) -> None:
        """Show what a batch has made of them."""
        self._show(finished)
