"""What README and documentation show runs as it stands, and what they name is there."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = {
    path.name
    for path in (ROOT / "scripts").glob("*.py")
    if '\nif __name__ == "__main__":' in path.read_text()
}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    return page.name


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=name)
def test_python_runs_as_it_stands(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One block after another in one namespace, as a reader would type them.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.py").write_text("\n".join(blocks(page, "python")))
    ran = subprocess.run(
        [sys.executable, "page.py"], capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode == 0, ran.stderr


@cache
def help_of(command: str) -> str:
    script = ROOT / "scripts" / command
    return subprocess.run(
        [sys.executable, script, "--help"], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_take_the_options_shown(page: Path) -> None:
    text = page.read_text().replace("\\\n", " ")
    for command, arguments in re.findall(r"python scripts/(\w+\.py)([^\n`#]*)", text):
        assert command in COMMANDS
        for option in re.findall(r"(?<=\s)--[a-z][a-z-]*", arguments):
            assert option in help_of(command), f"{command} {option}"


def test_every_command_is_listed() -> None:
    listed = set(re.findall(r"\b\w+\.py\b", (ROOT / "docs/commands.md").read_text()))
    assert listed >= COMMANDS


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_are_named_are_there(page: Path) -> None:
    text = page.read_text()
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    # What the build of the documentation writes is not there before it.
    missing = [link for link in linked if not (page.parent / link).exists()]
    assert [link for link in missing if not link.startswith("api/")] == []
    folders = r"(?:agents|baselines|cpu_gpu_env|docs|scripts|tests)"
    named = re.findall(rf"`({folders}/[\w./-]+)`", text)
    assert [path for path in named if not (ROOT / path).exists()] == []
