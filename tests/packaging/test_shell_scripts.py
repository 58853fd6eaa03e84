"""The shell scripts, really run: what is wrong ends them in one clear line, and nothing is lost."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("quickstart", "test", "test_core")
# Without what this machine's user has set for pip.
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
PLAIN["PIP_CONFIG_FILE"] = os.devnull
NOTHING = {"PYTHON": "no-such-python"}
NO_NETWORK = {"PYTHON": sys.executable, "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "1"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the scripts need of a fresh checkout, in a folder whose name has a space."""
    checkout = tmp_path / "a checkout"
    checkout.mkdir()
    shutil.copytree(ROOT / "scripts", checkout / "scripts")
    for name in ("pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, checkout)
    return checkout


def run(
    *words: object, cwd: Path, **environment: str
) -> tuple[int, subprocess.CompletedProcess[str]]:
    """Run a shell; return its exit code, too."""
    done = subprocess.run(
        [*map(str, words)],
        cwd=cwd,
        env={**PLAIN, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done


def arguments_of(name: str) -> list[str]:
    return ["lowest"] if name == "test_core" else []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_however_it_is_called_it_finds_the_others_and_keeps_what_is_there(
    name: str, shell: str, checkout: Path, tmp_path: Path
) -> None:
    here = tmp_path / "elsewhere"
    kept = here / "runs" / "quickstart" / "my-dqn" / "best.zip"
    kept.parent.mkdir(parents=True)
    kept.touch()
    script = checkout / "scripts" / f"{name}.sh"
    link = here / "link"
    link.symlink_to(script)
    for called in (script, link, os.path.relpath(script, here), "link"):
        words = (shell, called, *arguments_of(name))
        code, done = run(*words, cwd=here, **NOTHING, CDPATH=str(tmp_path))
        assert code == 1
        assert done.stderr == "error: no-such-python not found; install Python >= 3.10\n"
    assert kept.exists()


@pytest.mark.parametrize("name", NAMES)
def test_help_and_arguments_that_are_none(name: str, checkout: Path) -> None:
    script = f"scripts/{name}.sh"
    code, done = run("bash", script, "--help", cwd=checkout, **NOTHING)
    assert code == 0
    assert f"bash {script}" in done.stdout
    assert "#" not in done.stdout
    if name != "test":  # which hands them to pytest
        code, done = run("bash", script, "oops", cwd=checkout, **NOTHING)
        assert code == 1
        (line,) = done.stderr.splitlines()
        assert "'oops'; allowed: " in line


@pytest.mark.parametrize("content", ["a file", "a folder"])
def test_a_venv_that_is_none_is_not_removed(content: str, checkout: Path) -> None:
    mine = checkout / ".venv" / "mine" if content == "a folder" else checkout / ".venv"
    mine.parent.mkdir(exist_ok=True)
    mine.write_text("mine")
    code, done = run("bash", "scripts/test.sh", cwd=checkout)
    assert code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {checkout}/.venv is no virtual environment")
    assert mine.read_text() == "mine"


def test_a_python_that_is_too_old_or_does_not_run(checkout: Path, tmp_path: Path) -> None:
    # Stand-ins, since not every machine has such.
    old = 'case "$2" in *sys.exit*) exit 1 ;; *) echo 3.9 ;; esac'
    for answer, told in ((old, "is Python 3.9; needed"), ("exit 127", "does not run")):
        python = tmp_path / "python"
        python.write_text(f"#!/bin/sh\n{answer}\n")
        python.chmod(0o755)
        code, done = run("bash", "scripts/test.sh", cwd=checkout, PYTHON=str(python))
        assert code == 1
        (line,) = done.stderr.splitlines()
        assert told in line
        assert ">= 3.10" in line


def test_without_a_network_or_a_release_one_line_ends_it(checkout: Path, tmp_path: Path) -> None:
    code, done = run("bash", "scripts/quickstart.sh", cwd=checkout, **NO_NETWORK, PIP_USER="1")
    assert code == 1
    assert "== install setuptools" in done.stdout
    *_, line = done.stderr.splitlines()
    assert line == (
        "error: cannot install setuptools: the package index is not reached; check the network"
    )
    # The same environment again; an index that has no release for this Python.
    empty = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    code, done = run("bash", "scripts/quickstart.sh", cwd=checkout, **empty)
    assert code == 1
    assert "make .venv" not in done.stdout
    *_, line = done.stderr.splitlines()
    assert line.startswith("error: cannot install setuptools: there is no setuptools==")
    assert "PYTHON=python3.12" in line
    # In a checkout that has been renamed the commands of .venv would start another folder's.
    renamed = checkout.rename(checkout.with_name("renamed"))
    code, done = run("bash", "scripts/quickstart.sh", cwd=renamed, **NO_NETWORK)
    assert "== make .venv" in done.stdout
    assert not (renamed / "runs").exists()


def test_the_hook_of_ci_is_the_test_script(checkout: Path) -> None:
    if not (ROOT / ".ci").exists():
        pytest.skip("only in a checkout")
    shutil.copytree(ROOT / ".ci", checkout / ".ci")
    code, done = run("bash", checkout / ".ci" / "run", "--help", cwd=checkout.parent)
    assert code == 0
    assert "bash scripts/test.sh" in done.stdout
