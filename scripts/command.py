"""What the commands share: arguments of the environment, how they start, and how they end."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

from gymnasium.error import DependencyNotInstalled

from cpu_gpu_env.checks import as_number
from cpu_gpu_env.errors import HybridClusterError, is_printable, printable, without_password
from cpu_gpu_env.io.folder_lock import lock_folder
from cpu_gpu_env.io.machine_limits import cpu_limit
from cpu_gpu_env.io.paths import as_path
from cpu_gpu_env.model.profile import DEFAULT_CLUSTER
from cpu_gpu_env.model.traces import TRACE_FORMATS
from cpu_gpu_env.model.workload import DEFAULT_WORKLOAD
from cpu_gpu_env.problem import problem
from cpu_gpu_env.results.store import DEFAULT_STORE, STORE_VARIABLE
from cpu_gpu_env.scripts.outputs import check_output, tell_warning

OPTIONAL = {
    **dict.fromkeys(("PIL", "pygame"), "render"),
    **dict.fromkeys(("jinja2", "joblib", "matplotlib", "rich", "safetensors"), "train"),
    **dict.fromkeys(("sklearn", "stable_baselines3", "tensorboard", "torch", "tqdm"), "train"),
    **dict.fromkeys(("alembic", "psutil", "psycopg", "pyarrow", "sqlalchemy"), "runtime"),
    **dict.fromkeys(("fastapi", "prometheus_client", "pydantic", "starlette"), "dashboard"),
    **dict.fromkeys(("uvicorn", "websockets"), "dashboard"),
    "sbx": "sbx",
}
"""Import name of each library that the core does without -> the extra that brings it."""

CONSOLE = "hybridcluster"
"""Name of the one command that has all of them as subcommands."""
BAD_INPUT = 2
INTERRUPTED, BROKEN_PIPE = 130, 141
"""Exit codes after Ctrl-C, and when nobody reads the output any more, as shells have them."""
ENERGY_WEIGHTS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Those that an agent conditioned on the weight learns, and that the front is drawn from."""
MAX_TASKS_AT_ONCE = 10_000_000
"""Tasks of all episodes that are played together: a gigabyte."""

Value = TypeVar("Value")


def argument_type(
    parse: Callable[[str], Value], is_allowed: Callable[[Value], bool], complaint: str
) -> Callable[[str], Value]:
    """Build what reads an argument, and says of one that is not allowed what is wrong with it."""

    def read(text: str) -> Value:
        try:
            value = parse(text)
            if is_allowed(value):
                return value
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"{text!r:.40} {complaint}")

    return read


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """Build what reads a whole number from low to high."""
    complaint = f"is not a whole number from {low} to {high}"
    return argument_type(int, lambda value: low <= value <= high, complaint)


positive = whole_number(1, 1_000_000)
"""Read how many of something there are."""


def cores(text: str) -> int:
    """Read how many cores of this machine to use."""
    limit = cpu_limit()
    complaint = f"is not a whole number from 1 to {limit.cpus} ({limit.why})"
    return argument_type(int, lambda value: 1 <= value <= limit.cpus, complaint)(text)


def path(text: str) -> Path:
    """Read a path."""
    try:
        return as_path(text)
    except HybridClusterError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def numbers(text: str) -> tuple[float, ...]:
    """Read numbers separated by commas."""
    return tuple(float(part) for part in text.split(","))


load: Callable[[str], float | str | None] = argument_type(
    lambda text: {"none": None, problem.LOAD_OF_TRACE: problem.LOAD_OF_TRACE}.get(
        text.lower(), as_number(text)
    ),
    lambda value: not isinstance(value, float) or problem.MIN_LOAD <= value <= problem.MAX_LOAD,
    f"is no number from {problem.MIN_LOAD:g} to {problem.MAX_LOAD:g}, nor 'none' nor 'trace'",
)
"""Read a load: a number, ``"none"`` or ``"trace"``."""

ENV_ARGUMENTS: dict[str, dict[str, Any]] = {
    "cluster": {
        "default": DEFAULT_CLUSTER,
        "help": "shipped profile, path of a profile, or devices such as "
        "'epyc-7763:2 + a100-80gb:4'",
    },
    "workload": {
        "default": DEFAULT_WORKLOAD,
        "help": "name of a workload, or a trace such as 'azure-llm:PATH?part=0-0.7'; kinds of "
        f"traces: {', '.join(TRACE_FORMATS)}",
    },
    "num_tasks": {"type": int, "default": problem.DEFAULT_NUM_TASKS, "help": "tasks an episode"},
    "energy_weight": {"type": float, "default": 0.5, "help": "weight of energy, 0 to 1"},
    "load": {
        "type": load,
        "default": problem.DEFAULT_LOAD,
        "help": "arrival rate; 'none': all at time 0; 'trace': times of a trace as they are",
    },
    "noise": {"type": float, "default": 0.0, "help": "sigma of execution times"},
    "gpu_fractions": {
        "type": argument_type(numbers, lambda _: True, "is not a list of numbers such as 0,0.5,1"),
        "default": problem.DEFAULT_GPU_FRACTIONS,
        "help": "GPU fraction of each action, separated by commas",
    },
}
"""Arguments of the environment -> how the command line has them."""


class Parser(argparse.ArgumentParser):
    """Reads a command line; its help shows defaults and an example, without the command's name.

    ``command`` of what it returns is the line that runs the same again, without passwords.
    """

    def __init__(self, name: str, description: str, example: str) -> None:
        called = invocation(name)
        super().__init__(
            called,
            description=description,
            epilog=f"example:\n  {called} {example}",
            formatter_class=_HelpFormatter,
        )

    def add(self, name: str, read: Callable[[str], Any], default: Any, what: str) -> None:
        """Add an argument with a value: what reads it, its default, and what help says of it."""
        self.add_argument(name, type=read, default=default, help=what)

    def add_seed(self, what: str, default: int = 0) -> None:
        """Add the seed: SB3 and scikit-learn take 32 bits, and seeds count up from it."""
        self.add("--seed", whole_number(0, 2**31 - 1), default, what)

    def add_store(self, what: str) -> None:
        """Add the results store; what help says of it."""
        default = os.environ.get(STORE_VARIABLE) or DEFAULT_STORE
        self.add("--store", str, default, what)

    def add_env_arguments(self) -> None:
        """Add the arguments that choose the scheduling problem."""
        group = self.add_argument_group("scheduling problem")
        for name, options in ENV_ARGUMENTS.items():
            group.add_argument(f"--{name.replace('_', '-')}", **options)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> argparse.Namespace:
        """Read arguments, and add the line that they are from."""
        arguments = super().parse_args(args, namespace)
        words = map(_quoted, sys.argv[1:] if args is None else args)
        arguments.command = without_password(" ".join([self.prog, *words]))
        return arguments

    def error(self, message: str) -> NoReturn:
        """End the process with one line: what is wrong, and where help is."""
        told = without_password(printable(message))
        self.exit(BAD_INPUT, f"error: {told}; {self.prog} --help tells more\n")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """End the process, after a help that may have gone unread."""
        try:
            _flush()
        except BrokenPipeError:
            status = close_pipes()
        super().exit(status, message)


def _quoted(word: str) -> str:
    """Write a word of a command line for bash: names of files are bytes, not always text."""
    if is_printable(word):
        return shlex.quote(word)
    try:
        octets = word.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # from Python, not from a command line
        return shlex.quote(printable(word))
    plain = {octet: chr(octet) for octet in range(32, 127) if chr(octet) not in "\\'"}
    return "$'" + "".join(plain.get(octet, f"\\x{octet:02x}") for octet in octets) + "'"


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Shows each default as it would be typed, unless there is none or the help tells it."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text, default = action.help or "", action.default
        no_default = default in (argparse.SUPPRESS, None) or default is False or default == []
        if no_default or "(default" in text:
            return text
        values = default if isinstance(default, (list, tuple)) else [default]
        shown = without_password(",".join(str(value) for value in values)).replace("%", "%%")
        return f"{text} (default: {shown})"


def invocation(name: str) -> str:
    """How a command is called, in the form in which this process was."""
    module, main = name.replace("-", "_"), sys.modules["__main__"].__spec__
    if Path(sys.argv[0]).stem == CONSOLE:
        return f"{CONSOLE} {name}"
    if main is not None and main.name.startswith(f"{__package__}."):
        return f"python -m {__package__}.{module}"
    return f"python scripts/{module}.py"


def env_kwargs(arguments: argparse.Namespace) -> dict[str, Any]:
    """Turn parsed arguments into those of the environment."""
    return {name: getattr(arguments, name) for name in ENV_ARGUMENTS}


Folders = Callable[[argparse.Namespace], Mapping[Path, Collection[str]]]
"""Tells which folders a command writes into, and the names of its files there."""


def entry_point(
    parse: Callable[[list[str] | None], argparse.Namespace], folders: Folders = lambda _: {}
) -> Callable[[Callable[[argparse.Namespace], int]], Callable[..., int]]:
    """Make what works on arguments a command: it takes a line, by default the process's own."""
    return lambda execute: lambda argv=None: run(execute, parse(argv), folders)


def run(
    command: Callable[[argparse.Namespace], int],
    arguments: argparse.Namespace,
    folders: Folders = lambda _: {},
) -> int:
    """Run a command, which alone writes into its folders.

    Bad input, Ctrl-C, closed pipes, and a library that is not installed but in an extra of this
    package end it with an exit code, no traceback.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell, and progress bars do not check
            nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
            os.set_inheritable(nowhere.fileno(), True)  # for the processes that solve
            setattr(sys, name, nowhere)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # not every terminal has a ±
    try:
        with _interruptible(), ExitStack() as locks:
            for folder, files in folders(arguments).items():
                check_output(folder)
                locks.enter_context(lock_folder(folder, files))
            try:
                with warnings.catch_warnings():
                    warnings.showwarning = tell_warning
                    return command(arguments)
            finally:
                _flush()
    except (HybridClusterError, DependencyNotInstalled) as error:
        return _refuse(str(error))
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in OPTIONAL:
            raise
        return _refuse(
            f"this command needs {library}, which is not installed; "
            f'pip install ".[{OPTIONAL[library]}]" in the checkout brings it'
        )
    except MemoryError as error:
        return _refuse(f"not enough memory: {str(error) or 'try fewer tasks or episodes'}")
    except BrokenPipeError:
        return close_pipes()
    except OSError as error:
        return _refuse(f"{error.filename or 'output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        return interrupted()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM raise KeyboardInterrupt within; around it, scripts end at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = signal.SIGINT, signal.SIGTERM, signal.SIGALRM
    outside = {number: signal.signal(number, _interrupt) for number in signals}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        for number, handler in outside.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt; after an import, since some compiled libraries abort in theirs."""
    while frame is not None and frame.f_code is not run.__code__:
        if frame.f_code.co_filename == "<frozen importlib._bootstrap>":
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _flush() -> None:
    if sys.stdout is not None:  # None: closed by the shell
        sys.stdout.flush()


def close_pipes() -> int:
    """Write to nowhere from now on; return the exit code of one to whom nobody listens."""
    # What Python still has to flush at exit would fail again, with a traceback.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    return BROKEN_PIPE


def _refuse(message: str) -> int:
    print(f"error: {printable(message)}", file=sys.stderr)
    return BAD_INPUT


def interrupted(outcome: str = "what was finished is kept") -> int:
    """Say that Ctrl-C ended the command and what became of its work; return the exit code."""
    print(f"interrupted; {outcome}", file=sys.stderr)
    return INTERRUPTED


def check_total(option: str, count: int, num_tasks: int) -> None:
    """Find out before the work that episodes played at once do not fit into memory.

    Raises:
        HybridClusterError: If they have more than `MAX_TASKS_AT_ONCE` tasks in all.
    """
    if count * num_tasks > MAX_TASKS_AT_ONCE:
        raise HybridClusterError(
            f"{option} {count} of --num-tasks {num_tasks} are {count * num_tasks} tasks at once; "
            f"allowed: at most {MAX_TASKS_AT_ONCE}"
        )
