"""Nothing is left out of a wheel, imports stay light, and the commands explain themselves."""

import ast
import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())
FOLDERS = CONFIG["tool"]["setuptools"]["package-dir"]
SOURCES = [path for folder in FOLDERS.values() for path in sorted((ROOT / folder).rglob("*.py"))]
COMMANDS = [
    path for path in sorted((ROOT / "scripts").glob("*.py")) if "__main__" in path.read_text()
]
HEAVY = {"matplotlib", "pygame", "scipy", "sklearn", "stable_baselines3", "torch"}


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


def installed_path(source: Path) -> str:
    """Where a file of the repository lies in a wheel."""
    relative = source.relative_to(ROOT)
    package = next(name for name, folder in FOLDERS.items() if folder == relative.parts[0])
    return "/".join([*package.split("."), *relative.parts[1:]])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A copy, since a build writes into its tree, and the remains of one end up in the next.
    copy = tmp_path_factory.mktemp("source")
    skip = shutil.ignore_patterns("__pycache__")
    for folder in (*FOLDERS.values(), "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    output = tmp_path_factory.mktemp("wheel")
    run_python("-m", "build", "--wheel", "--no-isolation", "--outdir", output, copy, cwd=copy)
    (built,) = output.glob("*.whl")
    return built


def test_packages_are_the_folders_with_code() -> None:
    found = {installed_path(path.parent).replace("/", ".") for path in SOURCES}
    assert set(CONFIG["tool"]["setuptools"]["packages"]) == found
    assert {path.parent for path in SOURCES} == {
        path.parent for path in SOURCES if path.name == "__init__.py"
    }


def test_every_top_level_package_is_mapped() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert found == set(FOLDERS.values())


def test_wheel_holds_code_profiles_and_models_and_nothing_else(wheel: Path) -> None:
    data = [
        ROOT / "cpu_gpu_env" / "py.typed",
        *(ROOT / "cpu_gpu_env/model/profiles").glob("*.json"),
    ]
    data += [*(ROOT / "agents/models").iterdir(), *(ROOT / "baselines").rglob("*.html")]
    names = zipfile.ZipFile(wheel).namelist()
    package = {name for name in names if ".dist-info/" not in name}
    assert package == {installed_path(path) for path in [*SOURCES, *data]}
    assert any(name.endswith("LICENSE") for name in names)


def test_wheel_works_without_the_repository(wheel: Path, tmp_path: Path) -> None:
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


def test_import_stays_light(tmp_path: Path) -> None:
    code = "import sys, cpu_gpu_env; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = set(run_python("-c", code, cwd=tmp_path).split())
    assert "cpu_gpu_env" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("command", COMMANDS, ids=lambda path: path.name)
def test_command_explains_itself_with_an_example(command: Path, tmp_path: Path) -> None:
    _, _, example = run_python(command, "--help", cwd=tmp_path).partition("example")
    assert f"scripts/{command.name}" in example


@pytest.mark.parametrize("command", COMMANDS, ids=lambda path: path.name)
def test_ctrl_c_while_a_command_loads_ends_it_with_130(command: Path, tmp_path: Path) -> None:
    # A process interrupts itself as its imports reach this package.
    (tmp_path / "sitecustomize.py").write_text(
        """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "cpu_gpu_env":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
"""
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, command], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 130
    assert done.stderr == b""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda path: path.name)
def test_command_loads_each_source_once(command: Path, tmp_path: Path) -> None:
    # The folder of a script stands first on its path: its neighbours could load twice.
    code = """
import runpy, sys
sys.path[0] = sys.argv[1].rpartition("/")[0]
runpy.run_path(sys.argv[1], run_name="loaded_not_run")
print(*(getattr(module, "__file__", None) for module in list(sys.modules.values())), sep="\\n")
"""
    files = run_python("-c", code, command, cwd=tmp_path).splitlines()
    loaded = [str(command), *(file for file in files if Path(file) in SOURCES)]
    assert len(loaded) > 1
    assert len(loaded) == len(set(loaded))


def test_commands_shadow_no_other_module() -> None:
    # A scripts/profile.py would be what the standard library gets when it imports profile.
    taken = sys.stdlib_module_names | importlib.metadata.packages_distributions().keys()
    assert not {path.stem for path in (ROOT / "scripts").glob("*.py")} & (taken - {"__init__"})


def test_no_bare_import_of_a_mapped_folder() -> None:
    # From the root it would load a second copy, and elsewhere somebody else's package.
    bare = set(FOLDERS.values()) - {"cpu_gpu_env"}
    for path in [*SOURCES, *(ROOT / "tests").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            assert not bare & {name.split(".")[0] for name in names}, path


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
