"""Imports stay light, commands explain themselves, and a missing library is told in a line."""

import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from cpu_gpu_env.scripts.command import OPTIONAL
from cpu_gpu_env.scripts.hybridcluster import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = {name: ROOT / "scripts" / f"{name.replace('-', '_')}.py" for name in COMMANDS}
CONSOLE = Path(sys.executable).parent / "hybridcluster"
HEAVY = {"scipy", *OPTIONAL}
"""What is slow to import, or not there without an extra."""


def run(
    *command: object, cwd: Path, customize: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command, after a line of code that Python runs as it starts."""
    environment = dict(os.environ)
    if customize is not None:
        (cwd / "sitecustomize.py").write_text(customize)
        environment["PYTHONPATH"] = str(cwd)
    return subprocess.run(
        [*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_every_script_is_listed() -> None:
    start = 'if __name__ == "__main__":\n    sys.exit(main())'
    found = {path for path in (ROOT / "scripts").glob("*.py") if start in path.read_text()}
    assert found - {ROOT / "scripts" / "hybridcluster.py"} == {*SCRIPTS.values()}


def test_import_stays_light(tmp_path: Path) -> None:
    code = "import sys, cpu_gpu_env; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = set(run(sys.executable, "-c", code, cwd=tmp_path).stdout.split())
    assert "cpu_gpu_env" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("argument", ["--help", "--no-such-option"])
def test_help_and_argument_errors_load_nothing_heavy(
    name: str, argument: str, tmp_path: Path
) -> None:
    tell = "import atexit, sys\natexit.register(lambda: print('loaded', *sys.modules))\n"
    done = run(sys.executable, SCRIPTS[name], argument, cwd=tmp_path, customize=tell)
    assert done.returncode == (0 if argument == "--help" else 2)
    loaded = {module.split(".")[0] for module in done.stdout.rpartition("loaded ")[2].split()}
    assert "cpu_gpu_env" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_valid(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = import_module(f"cpu_gpu_env.scripts.{SCRIPTS[name].stem}")
    with pytest.raises(SystemExit):
        module.main(["--help"])
    example = capsys.readouterr().out.partition("example:\n  ")[2].strip()
    python, script, *words = shlex.split(example)
    assert (python, script) == ("python", f"scripts/{SCRIPTS[name].name}")
    assert module.parse_arguments(words)


@pytest.mark.parametrize(
    ("form", "command"),
    [
        ("python scripts/plot_gaps.py", (sys.executable, SCRIPTS["plot-gaps"])),
        (
            "python -m cpu_gpu_env.scripts.plot_gaps",
            (sys.executable, "-m", "cpu_gpu_env.scripts.plot_gaps"),
        ),
        ("hybridcluster plot-gaps", (CONSOLE, "plot-gaps")),
    ],
)
def test_help_is_in_the_form_that_was_used(
    form: str, command: tuple[object, ...], tmp_path: Path
) -> None:
    shown = run(*command, "--help", cwd=tmp_path).stdout
    assert shown.startswith(f"usage: {form} ")
    assert f"example:\n  {form} --comparison" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_without_the_extras_a_command_says_which_it_needs(name: str, tmp_path: Path) -> None:
    hide = f"""
import sys

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {set(OPTIONAL)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hide())
"""
    done = run(sys.executable, SCRIPTS[name], cwd=tmp_path, customize=hide)
    assert done.returncode == 2
    *_, line = done.stderr.splitlines()
    assert "Traceback" not in done.stderr
    if name == "plot-gaps":  # finds out first that there is nothing to draw
        assert "run compare.py first" in line
    else:
        needs = r"error: .* needs \w+, which is not installed[;:] pip install .\.\[\w+\]"
        assert re.match(needs, line)


@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_while_a_command_loads_ends_it_with_130(name: str, tmp_path: Path) -> None:
    # A process interrupts itself as its imports reach this package.
    interrupt = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "cpu_gpu_env":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
"""
    done = run(sys.executable, SCRIPTS[name], cwd=tmp_path, customize=interrupt)
    assert done.returncode == 130
    assert done.stderr == ""


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_signals_while_a_command_works_end_it_with_130(number: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")  # which compare.py looks for first
    # As the work begins: the first thing that a comparison imports.
    interrupt = f"""
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "cpu_gpu_env.baselines.evaluation.comparison":
            os.kill(os.getpid(), signal.{number})

sys.meta_path.insert(0, Interrupt())
"""
    done = run(sys.executable, SCRIPTS["compare"], cwd=tmp_path, customize=interrupt)
    assert done.returncode == 130
    assert done.stderr == "interrupted; what was finished is kept\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_command_loads_each_source_once(name: str, tmp_path: Path) -> None:
    # The folder of a script stands first on its path: its neighbours could load twice.
    code = """
import runpy, sys
sys.path[0] = sys.argv[1].rpartition("/")[0]
runpy.run_path(sys.argv[1], run_name="loaded_not_run")
print(*(getattr(module, "__file__", None) for module in list(sys.modules.values())), sep="\\n")
"""
    files = run(sys.executable, "-c", code, SCRIPTS[name], cwd=tmp_path).stdout.splitlines()
    package = Path(import_module("cpu_gpu_env").__file__ or "").parent
    ours = [file for file in files if Path(file).is_relative_to(package)]
    loaded = [Path(file).resolve() for file in (SCRIPTS[name], *ours)]
    assert len(loaded) > 1
    assert len(loaded) == len(set(loaded))


def test_one_command_has_all_of_them(tmp_path: Path) -> None:
    for arguments in ([], ["--help"]):
        done = run(CONSOLE, *arguments, cwd=tmp_path)
        assert done.returncode == 0
        listed = re.findall(r"^  ([\w-]+)  +(\w.*)$", done.stdout, re.M)
        assert dict(listed) == COMMANDS
    done = run(CONSOLE, "trian", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: unknown command 'trian'. Did you mean 'train'?")
    done = run(CONSOLE, "--version", cwd=tmp_path)
    assert re.fullmatch(r"hybridcluster \d+\.\d+\.\d+\n", done.stdout)


def test_results_say_what_was_run(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    words = ["compare", "--schedulers", "myopic", "--episodes", "1", "--num-tasks", "5"]
    words += ["--bound", "none", "--output"]
    done = run(CONSOLE, *words, "a b", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "a b" / "comparison.json").read_text()
    assert f"hybridcluster {shlex.join([*words, 'a b'])}" in written
