"""What happened in a run, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cpu_gpu_env.checks import is_number
from cpu_gpu_env.dashboard.repositories.episodes import finished_at
from cpu_gpu_env.dashboard.repositories.runs import read_engine
from cpu_gpu_env.dashboard.repositories.source import StoreSource
from cpu_gpu_env.dashboard.schemas.live import LogLine
from cpu_gpu_env.errors import printable
from cpu_gpu_env.results.store.reading import StoreReader

MAX_LINES = 500
"""The newest of which are told."""


class LogService:
    """Tells what happened.

    Args:
        source: The store.
    """

    def __init__(self, source: StoreSource) -> None:
        self._source = source

    def lines(self, run: int) -> list[LogLine]:
        """The newest lines of a run, the oldest first: its notes, phases, models and engine.

        Raises:
            NotFoundError: If there is no such run.
        """
        with self._source.reading() as reader:
            row = reader.run_row(run)
            of_engine = list(_of_engine(read_engine(reader, run)))
            stored = [*_notes(row), *_phases(reader, row), *_models(reader, run), *_end(row)]
        told = {line.text for line in of_engine}
        lines = [*(line for line in stored if line.text not in told), *of_engine]
        return sorted(lines, key=lambda line: line.at)[-MAX_LINES:]


def _line(at: float, text: object) -> LogLine:
    return LogLine(at=at, text=printable(text))


def _notes(row: Mapping[str, Any]) -> Iterator[LogLine]:
    for note in row["notes"]:
        yield _line(row["started_at"], note)
    yield _line(row["started_at"], "the run begins")


def _end(row: Mapping[str, Any]) -> Iterator[LogLine]:
    if row["ended_at"] is not None:
        yield _line(row["ended_at"], f"the run ends: {row['status']}")


def _phases(reader: StoreReader, row: Mapping[str, Any]) -> Iterator[LogLine]:
    """A line a phase that begins after another."""
    phases, episode = row["settings"].get("phases"), 0
    for phase in phases if isinstance(phases, list) else []:
        count = phase.get("episodes") if isinstance(phase, Mapping) else None
        if episode > 0:
            at = finished_at(reader, row["run"], row["schedulers"], episode)
            if at is None:
                return
            yield _line(at, f"phase {phase.get('name')!r} from episode {episode:,} on")
        if not isinstance(count, int) or count < 1:
            return
        episode += count


def _models(reader: StoreReader, run: int) -> Iterator[LogLine]:
    for model in reader.models(run)[-MAX_LINES:]:
        if model.version > 0:
            yield _line(
                model.made_at,
                f"{model.scheduler} decides by version {model.version} from episode "
                f"{model.episode:,} on",
            )


def _of_engine(engine: Mapping[str, Any] | None) -> Iterator[LogLine]:
    """Lines that the engine told last; what is none is left out."""
    lines = None if engine is None else engine.get("log")
    for entry in lines if isinstance(lines, list) else []:
        if isinstance(entry, list) and len(entry) == 2 and is_number(entry[0]):
            yield _line(entry[0], entry[1])
