"""A run of the engine, put together from a command line or from what a store holds of it."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import torch

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.event_files import writing_events
from cpu_gpu_env.results.provenance import ProblemRecord, package_versions
from cpu_gpu_env.results.records import ORACLE
from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.results.store.session import Command
from cpu_gpu_env.results.store.writer import StoreWriter
from cpu_gpu_env.runtime.control import Control
from cpu_gpu_env.runtime.engine import Engine, Sink
from cpu_gpu_env.runtime.lanes import Lane, OracleLane
from cpu_gpu_env.runtime.online import ONLINE, Kept, OnlineLane
from cpu_gpu_env.runtime.records import LearnedModel
from cpu_gpu_env.runtime.settings import ANY_DEVICE, NO_BOUND, StreamSettings
from cpu_gpu_env.runtime.sinks import Storing
from cpu_gpu_env.runtime.solver import Solver
from cpu_gpu_env.runtime.stream import EpisodeStream
from cpu_gpu_env.runtime.stream_measures import StreamMeasures
from cpu_gpu_env.runtime.tensorboard import StreamCurves
from cpu_gpu_env.scripts import command, comparing, outputs
from cpu_gpu_env.scripts.live_table import LiveView

NO_STORE = "none"
"""A store that keeps nothing."""
TENSORBOARD = "tensorboard"
"""Folder of the curves in the output."""


class Stream:
    """A stream of the command: its lanes, its store, and what shows it; a context manager.

    Args:
        arguments: The command line.
        names: Who takes part, if it is a new run.
        sinks: More of them, told of each batch last.
    """

    def __init__(
        self, arguments: argparse.Namespace, names: Sequence[str], sinks: Sequence[Sink] = ()
    ) -> None:
        self._arguments, self._names, self._sinks = arguments, names, sinks
        self._stack = ExitStack()
        self._notes: list[str] = []
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
        torch.set_num_threads(1)  # nets this small are slower on several
        self._open_store(stack)
        row = self._resume() if arguments.resume is not None else None
        if row is None:
            self.settings = _new_settings(arguments, self._names)
            kept: Mapping[str, Kept] = {}
        else:
            self.settings = StreamSettings.from_json(row["settings"])
            asked = _asked(arguments, self._names)
            self.settings.check_resumed(row["settings"], asked, arguments.resume)
            kept = self._find_kept(arguments.resume)
        phases = self.settings.phases()
        stream = EpisodeStream(phases, self.settings.seed, _end(arguments, phases[0].problem))
        self._notes += stream.notes
        self._lanes = make_lanes(self.settings, kept, self._tell)
        for lane in self._lanes:
            if isinstance(lane, OnlineLane):
                stack.enter_context(closing(lane))
        self._measures = _make_measures(self.settings, self._lanes, row)
        self._begin(stream, row, stack)

    def _open_store(self, stack: ExitStack) -> None:
        if self._arguments.store == NO_STORE:
            if self._arguments.resume is not None:
                raise HybridClusterError("--resume needs the --store of the run; it is 'none'")
            return
        keep = self._arguments.keep_decisions
        self._writer = StoreWriter(self._arguments.store, self._tell, keep)
        stack.callback(self._close_store)

    def _close_store(self) -> None:
        assert self._writer is not None
        status = "interrupted" if self.interrupted or sys.exc_info()[0] else "finished"
        self._writer.close(self._run, status)

    def _resume(self) -> Mapping[str, Any]:
        assert self._writer is not None
        run = self._arguments.resume
        with closing(open_reader(self._arguments.store)) as reader:
            kind = reader.run_row(run)["kind"]
        if kind != "stream":
            raise HybridClusterError(f"run {run} is a {kind}; allowed to resume: a stream")
        row = self._writer.resume_run(run)
        self._run = run
        return row

    def _find_kept(self, run: int) -> dict[str, Kept]:
        """What the lanes of a run go on from that have learned, by name."""
        with closing(open_reader(self._arguments.store)) as reader:
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
            self._notes.append(
                f"{name} goes on with version {version}, learning as before episode {episode:,}"
            )
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
            self._storing = Storing(self._writer, self._run, self._lanes, self._measures, tasks)
            sinks.append(self._storing)
        folder = arguments.output / TENSORBOARD
        stack.enter_context(writing_events(folder))
        sinks.append(stack.enter_context(closing(StreamCurves(folder, self._measures, done))))
        sinks += [_Showing(self.show), *self._sinks]
        self._view = stack.enter_context(LiveView())
        for line in self._notes:
            print(line)
        self._control = Control(arguments.speed, self._commands, self.show)
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
            "provenance": {"problem": problem.to_json(), "versions": package_versions()},
            "settings": self.settings.to_json(),
            "notes": self._notes,
        }

    def _commands(self) -> Sequence[Command]:
        if self._writer is None or self._run is None:
            return ()
        return self._writer.commands(self._run)

    def _tell(self, line: str) -> None:
        print(line, file=sys.stderr)

    def show(self) -> None:
        """Show the newest states, on the terminal and to whoever reads the store."""
        engine, control = self._engine, self._control
        states = self._measures.states()
        about = {
            "run": self._run,
            "episode": engine.next_episode,
            "clock_s": engine.clock_s,
            "speed": control.speed,
            "paused": control.paused,
            "phase": engine.phase,
            "trouble": None if self._writer is None else self._writer.trouble,
        }
        self._view.update(states, about)
        if self._writer is not None and self._run is not None:
            self._writer.show(
                self._run, {name: {**state, "engine": about} for name, state in states.items()}
            )

    def run(self) -> None:
        """Let it flow until it ends, or a signal ends it; then store what is left to store."""
        with self._stopping_at_signals():
            self._engine.run()
        if self._writer is not None:
            self._storing.save_learners(self._engine.next_episode, self._engine.clock_s)

    @contextmanager
    def _stopping_at_signals(self) -> Iterator[None]:
        """Let the first Ctrl-C or SIGTERM end the stream between batches, the second at once."""
        outside: dict[signal.Signals, Any] = {}

        def stop(number: int, frame: FrameType | None) -> None:
            self.interrupted = self._control.stopping = True
            for again, handler in outside.items():
                signal.signal(again, handler)

        for number in (signal.SIGINT, signal.SIGTERM):
            outside[number] = signal.signal(number, stop)
        try:
            yield
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            for number, handler in outside.items():
                signal.signal(number, handler)

    def tell_results(self) -> None:
        """Say what there is now, and how to look at it."""
        outputs.tell_tensorboard("curves", self._arguments.output / TENSORBOARD)
        if self._writer is not None:
            store = self._writer.store.name
            print(f"run {self._run} of {store}: {command.invocation('history')} {self._run}")


class _Showing:
    """Shows the newest states after each batch.

    Args:
        show: Shows them.
    """

    def __init__(self, show: Callable[[], None]) -> None:
        self._show = show

    def add(self, finished: object) -> None:
        """Show what a batch has made of them."""
        self._show()


def make_lanes(
    settings: StreamSettings, kept: Mapping[str, Kept], tell: Callable[[str], None]
) -> list[Lane]:
    """Build the lanes of a stream, in the order of the schedulers' names.

    Args:
        settings: Who takes part.
        kept: What lanes that learn go on from, by name.
        tell: Called with a line when something goes wrong with learning.

    Raises:
        HybridClusterError: If there is no scheduler of a name, one needs an oracle that is left
            out, or an agent is not usable.
    """
    price, others = settings.electricity_price, (*ONLINE, ORACLE)
    fixed = [name for name in settings.schedulers if name not in others]
    agents = [Path(path) for path in settings.agents]
    specs = {}
    for phase in settings.phases():  # each must fit all problems
        found = comparing.find_named(fixed, agents, settings.seed, phase.problem, others)
        specs = {spec.name: spec for spec in found}
    own_seed = comparing.decision_seed(settings.seed)
    lanes: list[Lane] = []
    for name in dict.fromkeys([*settings.schedulers, *specs]):
        needs_oracle = name == ORACLE or (name in ONLINE and ONLINE[name].needs_oracle)
        if needs_oracle and settings.bound == NO_BOUND:
            raise HybridClusterError(
                f"scheduler {name!r} needs the oracle's schedules, which --bound none leaves out; "
                "allowed: other schedulers, or another --bound"
            )
        if name == ORACLE:
            lanes.append(OracleLane(price))
        elif name in ONLINE:
            lanes.append(OnlineLane(name, own_seed, price, kept.get(name), tell))
        else:
            lanes.append(Lane(specs[name], price))
    return lanes


def _make_measures(
    settings: StreamSettings, lanes: Sequence[Lane], row: Mapping[str, Any] | None
) -> StreamMeasures:
    """The measures of all lanes; those of a run that has stored some go on from there."""
    found = StreamMeasures(
        [lane.name for lane in lanes],
        settings.window,
        settings.electricity_price,
        learned=[lane.name for lane in lanes if lane.spec.learned],
    )
    if row is not None and row["measures"] is not None:
        found.restore("measures of the run", row["measures"])
    return found


def _new_settings(arguments: argparse.Namespace, names: Sequence[str]) -> StreamSettings:
    given = _stated(arguments, names)
    kwargs = command.env_kwargs(arguments)
    return StreamSettings(env_kwargs=kwargs, **given)


def _stated(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """Fields of the settings, but for the problem."""
    return {
        "schedulers": tuple(names),
        "agents": tuple(str(path.absolute()) for path in arguments.agent),
        **{
            name: getattr(arguments, name)
            for name in (
                "seed",
                "drift",
                "drift_episodes",
                "bound",
                "quick_oracle",
                "window",
                "electricity_price",
            )
        },
    }


def _asked(arguments: argparse.Namespace, names: Sequence[str]) -> dict[str, Any]:
    """What the command line of a resumed run says in so many words, by name in the settings."""
    every = {**_stated(arguments, names), **command.env_kwargs(arguments)}
    said = dict(arguments.explicit)
    if "agent" in said:
        said["agents"] = said["agent"]
    if "online" in said:
        said["schedulers"] = said["online"]
    return {name: value for name, value in every.items() if name in said}


def _end(arguments: argparse.Namespace, problem: Any) -> int | None:
    """How many episodes there are at most; None: without end."""
    if arguments.tasks is not None:
        return -(-int(arguments.tasks) // int(problem.num_tasks))
    episodes: int | None = arguments.episodes
    return episodes
