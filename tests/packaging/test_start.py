"""Imports stay light, commands explain themselves, and a missing library is told in a line."""

import os
import shlex
import subprocess
import sys
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
def test_examples_are_in_the_form_that_was_used_and_are_valid(name: str, tmp_path: Path) -> None:
    module = SCRIPTS[name].stem
    forms = {
        f"python scripts/{module}.py": (sys.executable, SCRIPTS[name]),
        f"python -m cpu_gpu_env.scripts.{module}": (
            *(sys.executable, "-m", f"cpu_gpu_env.scripts.{module}"),
        ),
        f"hybridcluster {name}": (CONSOLE, name),
    }
    for form, command in forms.items():
        shown = run(*command, "--help", cwd=tmp_path).stdout
        assert shown.startswith(f"usage: {form} ")
        example = shown.partition("example:\n  ")[2].strip()
        assert example.startswith(f"{form} ")
        words = ["compare", "--schedulers", "myopic", "--episodes", "1", "--num-tasks", "5"]
    words += ["--bound", "none", "--output"]
    done = run(CONSOLE, *words, "a b", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "a b" / "comparison.json").read_text()
    assert f"hybridcluster {shlex.join([*words, 'a b'])}" in written
