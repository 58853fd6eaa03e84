"""The check of the page's sources, run with stand-ins for Node and npm."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = Path("cpu_gpu_env", "dashboard", "page")
NPM = """#!/bin/sh
echo "$@" >>"$CALLS"
case "$*" in
    ci*) mkdir -p node_modules ;;
    *"$BREAKS"*) exit 1 ;;
    *"vite build --outDir "*)
        mkdir -p "$6/assets"
        echo new >"$6/index.html"
        echo >"$6/assets/a.js"
        ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the check needs of a checkout, and a page that is what its sources make."""
    checkout = tmp_path / "a checkout"
    shutil.copytree(ROOT / "scripts", checkout / "scripts")
    (checkout / "dashboard").mkdir()
    (checkout / "dashboard" / "package-lock.json").write_text("{}")
    (checkout / PAGE / "assets").mkdir(parents=True)
    (checkout / PAGE / "index.html").write_text("new\n")
    (checkout / PAGE / "assets" / "a.js").write_text("\n")
    return checkout


def check(
    checkout: Path, node: str | None = "exit 0", npm: str = NPM, **environment: str
) -> tuple[int, str, str]:
    """Run it where Node is this shell code, or there is none."""
    tools = checkout / "tools"
    shutil.rmtree(tools, ignore_errors=True)
    tools.mkdir()
    for name in ("bash", "cat", "diff", "dirname", "mktemp", "readlink", "rm", "sed", "sha256sum"):
        found = shutil.which(name)
        assert found
        (tools / name).symlink_to(found)
    for name in ("mkdir", "sh"):  # of the stand-ins
        (tools / name).symlink_to(shutil.which(name) or "")
    if node is not None:
        for name, code in (("node", f"#!/bin/sh\n{node}\n"), ("npm", npm)):
            (tools / name).write_text(code)
            (tools / name).chmod(0o755)
    plain = {name: value for name, value in os.environ.items() if name != "CI"}
    plain |= {"PATH": str(tools), "CALLS": str(checkout / "calls"), "BREAKS": "nothing does"}
    words = ["bash", str(checkout / "scripts" / "check_page.sh")]
    done = subprocess.run(
        words, env={**plain, **environment}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_packages_are_installed_when_the_lock_file_changes(checkout: Path) -> None:
    for content, times in (("{}", 1), ("{}", 1), ("{ }", 2)):
        (checkout / "dashboard" / "package-lock.json").write_text(content)
        code, _, told = check(checkout)
        assert (code, told) == (0, "")
        calls = (checkout / "calls").read_text().splitlines()
        assert sum(call.startswith("ci ") for call in calls) == times
    assert calls[-1].startswith("exec -- vite build --outDir ")


@pytest.mark.parametrize("spoiled", ["changed", "missing", "left over"])
def test_a_page_that_is_not_made_of_the_sources_is_told(checkout: Path, spoiled: str) -> None:
    if spoiled == "changed":
        (checkout / PAGE / "index.html").write_text("old")
    elif spoiled == "missing":
        (checkout / PAGE / "assets" / "a.js").unlink()
    else:
        (checkout / PAGE / "assets" / "b.js").touch()
    before = {path: path.read_bytes() for path in (checkout / PAGE).rglob("*") if path.is_file()}
    code, _, told = check(checkout)
    assert code == 1
    assert f"error: {PAGE} is not what dashboard/ makes; mend it by" in told
    assert "npm run build) && git add" in told
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("broken", ["types:check", "run --silent check", "vite build"])
def test_it_goes_on_after_a_failure_and_fails_at_the_end(checkout: Path, broken: str) -> None:
    code, shown, told = check(checkout, BREAKS=broken)
    assert code == 1
    assert "== the page that is shipped" in shown
    assert told.splitlines()[-1].startswith("error: of the page failed: ")


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        (None, "there is no Node; apt-get install nodejs npm"),
        (
            'case "$1" in --version) echo v18.20.4 ;; *) exit 1 ;; esac',
            "Node is v18.20.4, and Vite",
        ),
    ],
)
def test_without_a_node_that_will_do_it_says_so_and_in_ci_fails(
    checkout: Path, node: str | None, reason: str
) -> None:
    code, _, told = check(checkout, node)
    assert code == 0
    assert told.startswith(f"the page is not checked: {reason}")
    code, _, told = check(checkout, node, CI="1")
    assert code == 1
    assert told.startswith(f"error: the page cannot be checked: {reason}")
    assert not (checkout / "calls").exists()


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node")
@pytest.mark.parametrize(
    "version", ["18.20.4", "20.18.3", "20.19.0", "22.11.0", "22.12.0", "24.0.0"]
)
def test_which_versions_will_do(checkout: Path, version: str) -> None:
    # The real Node, which is told another version of itself.
    real = shutil.which("node")
    pretend = f"Object.defineProperty(process.versions, 'node', {{ value: '{version}' }});"
    node = f'if [ "$1" = --version ]; then echo v{version}; else exec {real} -e "{pretend} $2"; fi'
    code, _, told = check(checkout, node)
    assert code == 0
    assert ("the page is not checked" in told) == (version in ("18.20.4", "20.18.3", "22.11.0"))
