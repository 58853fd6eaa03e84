"""Nothing is left out of wheel and source archive, and every kind of installation works."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from dashboard_process import Dashboard

pytest.importorskip("build")
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())
LINKED = ("agents", "baselines", "scripts")
PACKAGE = [
    Path(folder) / name
    for folder, _, names in os.walk(ROOT / "cpu_gpu_env", followlinks=True)
    for name in names
]
SOURCES = [path for path in PACKAGE if path.suffix == ".py"]


def run_python(*arguments: object, cwd: Path, **environment: str) -> str:
    """Run Python away from the root, as a user of the installed package would."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, with their links: a build writes into its tree."""
    copy = tmp_path_factory.mktemp("source")
    skip = shutil.ignore_patterns("__pycache__", "node_modules")
    for folder in ("cpu_gpu_env", *LINKED, "dashboard", "tests"):
        if (ROOT / folder).exists():  # a source archive has no agents/ beside cpu_gpu_env/agents/
            shutil.copytree(ROOT / folder, copy / folder, symlinks=True, ignore=skip)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    return copy


@pytest.fixture(scope="module")
def archives(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the source archive and of the wheel that is built from it."""
    output = tmp_path_factory.mktemp("archives")
    run_python("-m", "build", "--no-isolation", "--outdir", output, copy, cwd=copy)
    return output


def unpacked(archives: Path, folder: Path) -> Path:
    (archive,) = archives.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        assert all(member.isfile() or member.isdir() for member in file)
        file.extractall(folder, filter="data")
    (sources,) = folder.iterdir()
    return sources


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for path in SOURCES}
    assert folders == {path.parent for path in SOURCES if path.name == "__init__.py"}


def test_wheel_holds_code_profiles_models_and_page_and_nothing_else(archives: Path) -> None:
    data = [ROOT / "cpu_gpu_env/py.typed", *(ROOT / "cpu_gpu_env/model/profiles").glob("*.json")]
    data += (ROOT / "cpu_gpu_env/agents/models").iterdir()
    data += (ROOT / "cpu_gpu_env/baselines/report").glob("*.html")
    page = [path for path in (ROOT / "cpu_gpu_env/dashboard/page").rglob("*") if path.is_file()]
    assert {path.suffix for path in page} >= {".html", ".js", ".css"}
    data += page
    (wheel,) = archives.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    package = {name for name in names if ".dist-info/" not in name}
    assert package == {path.relative_to(ROOT).as_posix() for path in [*SOURCES, *data]}
    assert any(name.endswith("LICENSE") for name in names)


def test_wheel_works_without_the_repository(archives: Path, tmp_path: Path) -> None:
    (wheel,) = archives.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = """
import gymnasium as gym, cpu_gpu_env, cpu_gpu_env.agents, cpu_gpu_env.baselines
for name in cpu_gpu_env.shipped_profiles():
    gym.make("cpu_gpu_env:HybridCluster-v0", cluster=name).reset(seed=0)
for package in cpu_gpu_env, cpu_gpu_env.agents, cpu_gpu_env.baselines:
    print(package.__file__)
"""
    files = run_python("-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path)).split()
    assert len(files) == 3
    assert all(Path(file).is_relative_to(tmp_path) for file in files)


def test_an_installed_wheel_has_the_page_and_needs_no_node(
    archives: Path, browser: Any, tmp_path: Path
) -> None:
    (wheel,) = archives.glob("*.whl")
    venv = tmp_path / "venv"
    run_python("-m", "venv", "--without-pip", venv, cwd=tmp_path)
    python = venv / "bin" / "python"
    options = ("--no-deps", "--no-index", "--quiet", "--disable-pip-version-check")
    run_python("-m", "pip", "--python", python, "install", *options, wheel, cwd=tmp_path)
    # Its dependencies come from here; what is installed here as a .pth file does not.
    (here,) = (venv / "lib").glob("python*/site-packages")
    (here / "dependencies.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    environment = {"PATH": str(venv / "bin"), "HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    assert shutil.which("node", path=environment["PATH"]) is None
    code = "import cpu_gpu_env; print(cpu_gpu_env.__file__)"
    found = subprocess.check_output([python, "-c", code], text=True, cwd=tmp_path, env=environment)
    assert Path(found).is_relative_to(venv)
    program = (venv / "bin" / "hybridcluster", "dashboard")
    store = tmp_path / "results.sqlite"
    with Dashboard(store, "--no-engine", program=program, environment=environment) as dashboard:
        page = dashboard.get("/", raw=True).decode()
        named = re.findall(r'(?:src|href)="/?(assets/[^"]+)"', page)
        assert {Path(name).suffix for name in named} >= {".js", ".css"}
        for name in named:
            assert dashboard.get(f"/{name}", raw=True)
        opened = browser.new_page()
        opened.goto(dashboard.url)
        opened.get_by_text("Nothing has run yet").wait_for(timeout=60_000)
        opened.close()


def test_archives_are_the_same_whenever_and_however_they_are_built(
    copy: Path, archives: Path, tmp_path: Path
) -> None:
    for path in copy.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (1e9, 1e9))
    before = os.umask(0o077)
    try:
        run_python("-m", "build", "--no-isolation", "--outdir", tmp_path, copy, cwd=copy)
    finally:
        os.umask(before)
    assert not (copy / "build").exists()  # where deleted modules would come back from
    first = {path.name: path.read_bytes() for path in archives.iterdir()}
    assert len(first) == 2
    assert first == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_source_archive_runs_its_tests(archives: Path, tmp_path: Path) -> None:
    sources = unpacked(archives, tmp_path)
    for folder, pattern in (("tests", "*.py"), ("scripts", "*"), ("dashboard", "*")):
        there = {path.relative_to(ROOT) for path in (ROOT / folder).rglob(pattern)}
        there = {path for path in there if not {"__pycache__", "node_modules"} & {*path.parts}}
        assert there == {path.relative_to(sources) for path in (sources / folder).rglob(pattern)}
    words = ("-m", "pytest", "-p", "no:cacheprovider", "tests/model", "tests/envs/test_env.py")
    shown = run_python(*words, "--collect-only", cwd=sources, PYTHONPATH=str(sources))
    assert re.search(r"^\d+ tests collected", shown, re.M)


def test_links_that_are_files_end_a_build_in_one_line(copy: Path, tmp_path: Path) -> None:
    # What Git makes of a link where links are not allowed, as on Windows by default.
    broken = tmp_path / "broken"
    shutil.copytree(copy, broken, symlinks=True)
    (broken / "cpu_gpu_env/agents").unlink()
    (broken / "cpu_gpu_env/agents").write_text("../agents")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(broken)],
        cwd=broken,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "error: cpu_gpu_env/agents is no link to agents/" in done.stdout + done.stderr


def test_editable_install_is_a_path_that_type_checkers_follow(copy: Path, tmp_path: Path) -> None:
    code = f"from setuptools import build_meta; build_meta.build_editable({str(tmp_path)!r})"
    run_python("-c", code, cwd=copy)
    (wheel,) = tmp_path.glob("*.whl")
    content = zipfile.ZipFile(wheel)
    (path,) = (name for name in content.namelist() if ".dist-info/" not in name)
    assert content.read(path).decode().strip() == str(copy)


def test_a_users_types_are_checked_against_the_package(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    user = tmp_path / "user.py"
    user.write_text(
        "from cpu_gpu_env import load_profile\n"
        "from cpu_gpu_env.baselines import make_scheduler\n"
        "reveal_type(load_profile)\n"
        "reveal_type(make_scheduler)\n"
    )
    # As a run before has left the types of libraries in the cache: with the same settings, strict.
    settings = ("--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache")
    shown = run_python("-m", "mypy", *settings, user, cwd=tmp_path)
    assert "cpu_gpu_env.model.cluster.Cluster" in shown
    assert "cpu_gpu_env.baselines.schedulers.base.Scheduler" in shown
    assert "Success" in shown


def test_inside_the_checkout_the_package_is_found_and_no_second_copy() -> None:
    run_python("-c", "import cpu_gpu_env.agents, cpu_gpu_env.baselines", cwd=ROOT)
    for name in LINKED:
        if not (ROOT / name).exists():
            continue
        done = subprocess.run(
            [sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, check=False
        )
        assert f"ImportError: this package is cpu_gpu_env.{name}" in done.stderr.decode()


def test_links_are_relative() -> None:
    for name in LINKED:
        path = ROOT / "cpu_gpu_env" / name
        assert not path.is_symlink() or os.readlink(path) == f"../{name}"


def test_every_room_is_in_the_layers() -> None:
    # The linter itself sees to those of cpu_gpu_env.
    layers = CONFIG["tool"]["importlinter"]["contracts"][0]["layers"]
    listed = {name.strip(" ()") for layer in layers for name in layer.split("|")}
    rooms = {path.name for path in (ROOT / "cpu_gpu_env/baselines").iterdir() if path.is_dir()}
    assert {f"baselines.{room}" for room in rooms - {"__pycache__"}} <= listed


def test_commands_shadow_no_other_module() -> None:
    # A scripts/profile.py would be what the standard library gets when it imports profile.
    taken = sys.stdlib_module_names | importlib.metadata.packages_distributions().keys()
    assert not {path.stem for path in (ROOT / "scripts").glob("*.py")} & (taken - {"__init__"})


def test_no_bare_import_of_a_linked_folder() -> None:
    for path in [*SOURCES, *(ROOT / "tests").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            assert not set(LINKED) & {name.split(".")[0] for name in names}, path


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.14"])
def test_constraints_pin_every_direct_dependency_once(python: str) -> None:
    lines = (ROOT / "scripts" / "constraints.txt").read_text().splitlines()
    pins: dict[str, list[str]] = {}
    for line in lines:
        if line and not line.startswith("#"):
            pin = Requirement(line)
            if pin.marker is None or pin.marker.evaluate({"python_version": python}):
                (exact,) = pin.specifier
                assert exact.operator == "=="
                pins.setdefault(canonicalize_name(pin.name), []).append(exact.version)
    assert all(len(versions) == 1 for versions in pins.values())
    extras = CONFIG["project"]["optional-dependencies"].values()
    for text in sum(extras, CONFIG["project"]["dependencies"]):
        asked = Requirement(text)
        if asked.name != CONFIG["project"]["name"]:
            assert pins[canonicalize_name(asked.name)][0] in asked.specifier, text
