"""Arguments of the commands, and names of files, by strangers."""

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from harness import ODD_TEXTS, clean, fuzz, in_bounds, odd_values, run_command
from hypothesis import event
from hypothesis import strategies as st
from trace_files import TASK_HEADER

from cpu_gpu_env.agents.learning_curves import EVENT_FILES, read_run
from cpu_gpu_env.agents.pretrained import pretrained_path
from cpu_gpu_env.agents.saving import load_agent, save_agent
from cpu_gpu_env.baselines.imitation.forest import load_forest
from cpu_gpu_env.io.atomic_files import write_csv_atomically, write_text_atomically
from cpu_gpu_env.model.profile import load_profile, save_profile
from cpu_gpu_env.model.traces import TaskTable, load_trace
from cpu_gpu_env.profiler.published import read_published
from cpu_gpu_env.scripts import outputs

NUMBERS = ["0", "1", "2", "0.5", "1e-5", "-1", "nan", "1e999", "9" * 400, "none", "trace", "0,1"]
NAMES = ["a100-node", "t4-node", "epyc-7763 + t4:2", "myopic,oracle", "myopic", "dqn", "lognormal"]
WRONG = ["pipe", "folder", "loop", "/dev/zero", "/dev/tty", "/proc/self/mem", "text", "text.json"]
TASKS = ["tasks.csv", "bad\udcff.csv", "=1+1\x1b[31m.csv", "a\nb.csv", "ä.csv", "csv:pipe"]
TASKS += ["swf:tasks.csv", "csv:tasks.csv?part=0-0.5", "csv:tasks.csv?max_bytes=9", "folder.csv"]
AGENTS = ["agent.zip", "...zip", "..zip", ".zip", "=1.zip", "a\nb.zip", "bad\udcff.zip", "pipe.zip"]
PICTURES = ["a.png", "b/ä.png", "bad\udcff.png", "\x1b[31m.png", "=.png", "...png", "a.gif"]
PICTURES += ["a.svg", "a" * 300 + ".png", "pipe.png", "folder.png", "text.png/a.png", "/proc/a.png"]
FOLDERS = ["out", "ä/b", "bad\udcff", "\x1b[31m", "text", "pipe", "/proc/a", "a" * 300, "/dev/null"]
_COMPARED = ["--bound", "none", "--schedulers", "myopic", "--episodes", "1"]
COMMANDS: dict[str, tuple[list[str], dict[str, list[str]]]] = {
    "compare": (
        [*_COMPARED, "--num-tasks", "2", "--output", "out"],
        {
            **dict.fromkeys(["--energy-weight", "--load", "--noise", "--gpu-fractions"], NUMBERS),
            **dict.fromkeys(["--num-tasks", "--seed"], NUMBERS),
            **dict.fromkeys(["--cluster", "--schedulers"], NAMES),
            "--workload": TASKS,
            "--agent": AGENTS,
            "--output": FOLDERS,
        },
    ),
    "draw-schedule": (
        ["--num-tasks", "2", "--output", "a.png"],
        {"--output": PICTURES, "--animate": PICTURES, "--workload": TASKS, "--load": NUMBERS},
    ),
    "describe-workload": (
        ["tasks.csv", "--output", "a.png"],
        {"--cluster": NAMES, "--energy-weight": NUMBERS, "--output": PICTURES},
    ),
    "plot-gaps": ([], {"--comparison": WRONG, "--output": PICTURES, "--max-bytes": NUMBERS}),
    "plot-learning": ([], {"--output": PICTURES, "--tensorboard": FOLDERS, "--cache": FOLDERS}),
    "validate-profile": (
        ["--published", "text"],
        {"--published": [*WRONG, *TASKS], "--output": FOLDERS, "--seed": NUMBERS},
    ),
    # These solve: only what they refuse is tried.
    "pareto": (
        ["--cluster", "nowhere"],
        {"--weights": NUMBERS, "--agent": AGENTS, "--output": FOLDERS, "--jobs": NUMBERS},
    ),
    "transfer": (
        ["--also-cluster", "nowhere"],
        {"--also-load": NUMBERS, "--agent": AGENTS, "--cluster": NAMES, "--output": FOLDERS},
    ),
    "train": (
        ["--cluster", "nowhere", "--output", "out"],
        {
            **dict.fromkeys(["--also-cluster", "--algo", "--device"], NAMES),
            "--num-envs": NUMBERS,
            "--output": FOLDERS,
        },
    ),
    "profile-hardware": (
        ["--gpus", "nothing"],
        {"--gpus": NAMES[2:], "--threads": NUMBERS, "--output": PICTURES},
    ),
    "profile-gpu": (
        ["--device", "nowhere"],
        {"--device": NAMES, "--threads": NUMBERS, "--steps": NUMBERS, "--output": FOLDERS},
    ),
}
"""Of each command, arguments with which it has little to do, and what others it is given."""


def make_files() -> None:
    """Files of all kinds in this folder."""
    for ending in ("", ".csv", ".zip", ".json", ".png"):
        os.mkfifo(f"pipe{ending}")
        Path(f"folder{ending}").mkdir()
        Path(f"loop{ending}").symlink_to(f"loop{ending}")
        Path(f"text{ending}").write_text("no such thing\n")
    for name in TASKS[:5]:
        Path(name).write_text(f"{TASK_HEADER}\n" + "0,1e12,10,1e9\n" * 3)
    for name in AGENTS[:7]:
        shutil.copy(pretrained_path("dqn"), name)


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A command and arguments of which one or two are odd."""
    name = draw(st.sampled_from([*COMMANDS, "compare", "compare"]))
    arguments, options = COMMANDS[name]
    arguments = [*arguments]
    for _ in range(draw(st.integers(1, 2))):
        option = draw(st.sampled_from([*options]))
        often = st.sampled_from(options[option])
        value = draw(often | often | often | st.sampled_from(ODD_TEXTS) | odd_values.map(str))
        arguments.append(f"{option}={value}")
    return name, arguments


@fuzz(25, line=lines())
def test_a_command_works_or_refuses_in_one_line(line: tuple[str, list[str]]) -> None:
    name, arguments = line
    Path("inside").mkdir()
    os.chdir("inside")
    make_files()
    around = {*Path("..").iterdir()}
    main = import_module(f"cpu_gpu_env.scripts.{name.replace('-', '_')}").main
    code = run_command(main, *[text.replace("\0", "") for text in arguments])
    event(f"{name}: {code}")
    assert {*Path("..").iterdir()} == around, "files outside the folder"


NOT_PATHS: list[Any] = [None, 3, 3.5, [], {}, object(), True, "", "a\0b", b"", "\ud800"]
READERS: dict[str, Callable[[Any], object]] = {
    "agent": load_agent,
    "forest": load_forest,
    "profile": load_profile,
    "trace": lambda path: load_trace(path, TaskTable()),
    "learning curves": read_run,
    "table of published times": read_published,
}
CATALOGUE = [{"catalogue": name} for name in ("t4", "epyc-7763")]
WRITERS: dict[str, Callable[[Any], object]] = {
    "profile": lambda path: save_profile(
        {"schema_version": 1, "name": "a", "devices": CATALOGUE}, path
    ),
    "agent": lambda path: save_agent(load_agent("dqn").policy, load_agent("dqn").settings, path),
    "text": lambda path: write_text_atomically(path, "a"),
    "CSV": lambda path: write_csv_atomically(path, ["a"], []),
}  # fmt: skip


@pytest.mark.parametrize("what", [*READERS, *(f"writing {name}" for name in WRITERS)])
@pytest.mark.parametrize("path", NOT_PATHS, ids=lambda path: ascii(path)[:20])
def test_what_is_no_path_is_refused(what: str, path: Any) -> None:
    if isinstance(path, bytes) and what in ("agent", "forest"):
        pytest.skip("bytes are the content of a file")
    function = {**READERS, **{f"writing {name}": write for name, write in WRITERS.items()}}[what]
    with clean() as refused:
        function(path)
    assert refused
    assert "path" in refused[0]


@pytest.mark.parametrize("what", [*READERS])
@pytest.mark.parametrize("place", ["pipe", "folder", "loop", "text", "/dev/zero", "/proc/self/mem"])
def test_what_is_no_file_is_refused_at_once(
    what: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_files()
    with in_bounds(), clean() as refused:
        READERS[what](place)
    assert place in refused[0]


@pytest.mark.parametrize("bad", ["pipe", "/dev/zero", "folder"])
def test_event_files_that_are_none_are_refused_at_once(bad: str, tmp_path: Path) -> None:
    place = tmp_path / EVENT_FILES.replace("*", "1")
    if bad == "pipe":
        os.mkfifo(place)
    elif bad == "folder":
        place.mkdir()
    else:
        place.symlink_to(bad)
    with in_bounds(), clean() as refused:
        read_run(tmp_path)
    assert str(place) in refused[0]


def test_a_trace_that_unpacks_to_more_than_allowed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(f"{TASK_HEADER}\n".encode())
        for _ in range(300):
            file.write(b"0,1,1,1\n" * 2**17)
    with in_bounds(), clean() as refused:
        load_trace(path)
    assert "argument max_bytes" in refused[0]
    small = tmp_path / "small.csv"
    small.write_text(f"{TASK_HEADER}\n" + "0,1e12,10,1e9\n" * 5)
    with clean() as refused:
        load_trace(small, TaskTable(max_bytes=100))
    assert "more than 100 bytes" in refused[0]
    assert len(load_trace(small, TaskTable(max_bytes=1_000)).pool) == 5


def test_where_memory_ends_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"[" + b"[]," * 5_000_000 + b"[]]")
    code = (
        "import resource, sys; from cpu_gpu_env import load_profile\n"
        "held = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (held + 10**8, held + 10**8))\n"
        "try: load_profile(sys.argv[1])\n"
        "except ValueError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.stdout == f"{path}: not enough memory to read the profile\n", done.stderr


def test_a_folder_that_no_event_file_can_be_in_is_told_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with clean() as refused:
        outputs.check_tensorboard(Path("bad\udcff"))
    assert "UTF-8" in refused[0]
