"""Oracle schedules on disk: the same in parallel and alone, and safe against damage."""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import conftest
import numpy as np
import pytest
from conftest import MIXED

from cpu_gpu_env import HybridClusterVectorEnv
from cpu_gpu_env.baselines.oracle import cache
from cpu_gpu_env.baselines.oracle.cache import SOLVER_PACKAGES, solve_episodes
from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT, OracleSchedule, solve_episode
from cpu_gpu_env.io.cache_folder import default_cache
from cpu_gpu_env.sim.instance import Instance


def some_episodes(seed: int = 0, **kwargs: object) -> list[Instance]:
    env = HybridClusterVectorEnv(4, **{"num_tasks": 12, "cluster": MIXED, **kwargs})
    env.reset(seed=seed)
    return env.instances()


def same(first: list[OracleSchedule], second: list[OracleSchedule]) -> bool:
    return all(
        np.array_equal(a.actions, b.actions) and (a.bound, a.objective) == (b.bound, b.objective)
        for a, b in zip(first, second, strict=True)
    )


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_kept_is_what_was_solved(tmp_path: Path, jobs: int) -> None:
    episodes = some_episodes()
    done: list[int] = []
    first = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs, lambda: done.append(1))
    assert same(first, [solve_episode(episode, QUICK_EFFORT) for episode in episodes])
    assert len(done) == len(files(tmp_path)) == 4
    before = [path.stat().st_mtime_ns for path in files(tmp_path)]
    assert same(first, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs))
    assert [path.stat().st_mtime_ns for path in files(tmp_path)] == before


@pytest.mark.parametrize(
    "other",
    [{"seed": 9}, {"noise": 0.1}, {"energy_weight": 0.4}, {"load": 1.0}, {"cluster": "t4-node"}],
)
def test_whatever_matters_is_in_the_key(tmp_path: Path, other: dict) -> None:
    solve_episodes(some_episodes(), tmp_path, QUICK_EFFORT, jobs=1)
    solve_episodes(some_episodes(**other), tmp_path, QUICK_EFFORT, jobs=1)
    assert len(files(tmp_path)) == 8


def test_energies_are_in_the_key(tmp_path: Path) -> None:
    episode = some_episodes()[0]
    hotter = []
    for name, pool in (("cpus", episode.costs.cpus), ("gpus", episode.costs.gpus)):
        other = replace(pool, power_w=pool.power_w * (1 + 1e-15))
        hotter.append(replace(episode, costs=replace(episode.costs, **{name: other})))
    solve_episodes([episode, *hotter], tmp_path, QUICK_EFFORT, jobs=1)
    assert len(files(tmp_path)) == 3


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "[" * 100_000, '{"actions": []}', "\0", "9" * 5000, "null"]
)
def test_a_damaged_file_is_named_and_solved_again(tmp_path: Path, content: str) -> None:
    episodes = some_episodes()
    first = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1)
    damaged = files(tmp_path)[0]
    damaged.write_text(content)
    with pytest.warns(UserWarning, match=re.escape(str(damaged))) as told:
        assert same(first, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1))
    assert len(told) == 1
    assert same(first, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1))


def test_what_is_no_file_is_named_and_solved_again(tmp_path: Path) -> None:
    episodes = some_episodes()
    first = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1)
    folder, pipe, *_ = files(tmp_path)
    for path in (folder, pipe):
        path.unlink()
    folder.mkdir()
    os.mkfifo(pipe)
    with pytest.warns(UserWarning, match="solved again") as told:
        assert same(first, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1))
    assert sum("cannot keep" in str(each.message) for each in told) == 1  # in place of a folder
    assert len(told) == 3
    assert pipe.is_file()
    assert folder.is_dir()


def test_a_cache_that_cannot_be_written_is_told_and_read(tmp_path: Path) -> None:
    episodes, (first, *_) = some_episodes(), some_episodes()
    solved = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1)
    kept = files(tmp_path)[0].parent
    for path in kept.iterdir():
        path.unlink()
    kept.rmdir()
    kept.write_text("in the way")
    with pytest.warns(UserWarning, match="cannot keep solved episodes") as told:
        assert same(solved, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1))
    assert len([each for each in told if "cannot keep" in str(each.message)]) == 1
    with pytest.warns(UserWarning, match="cannot keep solved episodes"):
        (again,) = solve_episodes([first], kept, QUICK_EFFORT, jobs=1)
    assert same([again], solved[:1])


def test_a_proof_of_next_to_nothing_is_none(tmp_path: Path) -> None:
    episodes = some_episodes(num_tasks=30)
    first = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1)
    for known, path in zip((0.0, 1e-300), files(tmp_path), strict=False):
        stage = {"known": known, "cuts": [], "rows": [], "prices": []}
        rewrite(path, lambda c, s=stage: c.update(proof={"stages": [s]}), honest=False)  # type: ignore[misc]
    with pytest.warns(UserWarning, match="next to nothing") as told:
        assert same(first, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1))
    assert len(told) == 2


def rewrite(path: Path, change: Callable[[dict[str, Any]], object], honest: bool) -> None:
    """Change an entry; if honest, without a checksum that fits."""
    content = json.loads(path.read_text())
    change(content)
    if not honest:
        content["checksum"] = cache._checksum(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "claim",
    [
        {"proof": {"stages": []}},
        {"proof": {"prices": [[1.0]]}},
        {"proof": {"prices": "1"}},
        {"proof": {"stages": [{"known": None, "cuts": [], "rows": [10**6], "prices": [1.0]}]}},
        {"proof": {"stages": [{"known": None, "cuts": [], "rows": [0], "prices": [-1.0]}]}},
        {"proof": {"stages": [{"known": None, "cuts": [], "rows": [0], "prices": [1e308] * 2}]}},
        {"proof": {"stages": [{"known": None, "cuts": [], "rows": [0, 1], "prices": [1e308] * 2}]}},
        {"proof": {"stages": [{"known": None, "cuts": [[2, 3, 1]], "rows": [], "prices": []}]}},
        {"proof": {"stages": [{"known": None, "cuts": [[1, 99, 1]], "rows": [], "prices": []}]}},
        {"proof": {"stages": [{"known": None, "cuts": [[1, 5, 7]], "rows": [], "prices": []}]}},
        {"proof": {"stages": [{"known": None, "cuts": [[1, 5]], "rows": [], "prices": []}]}},
        {"proof": {"stages": [{"known": float("nan"), "cuts": [], "rows": [], "prices": []}]}},
        {"proof": {"stages": 7}},
        {"proof": 7},
        {"actions": [-1] * 30},
        {"actions": [6] * 30},
        {"actions": [10**30] * 30},
        {"actions": [0.5] * 30},
        {"actions": [[0]] * 30},
        {"actions": ["0"] * 30},
        {"actions": [0] * 29},
    ],
)
def test_what_is_no_proof_is_not_believed(tmp_path: Path, claim: dict[str, Any]) -> None:
    episodes = some_episodes(num_tasks=30)
    first = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1)
    for path in files(tmp_path):
        rewrite(path, lambda content: content.update(claim), honest=False)
    with pytest.warns(UserWarning, match="solved again") as told:
        assert same(first, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1))
    assert len(told) == 4


def test_a_digit_changed_by_accident_is_found(tmp_path: Path) -> None:
    episodes = some_episodes(num_tasks=30)
    first = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1)
    for path in files(tmp_path):
        rewrite(path, lambda c: c["proof"]["stages"][0]["prices"].reverse(), honest=True)
    with pytest.warns(UserWarning, match="checksum"):
        assert same(first, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1))


@pytest.mark.parametrize("factor", [0.5, 0.999, 1.001, 2.0, 1e12])
def test_prices_made_up_prove_no_more_than_is_true(tmp_path: Path, factor: float) -> None:
    """Whoever makes up a proof, with a checksum that fits, gets a bound that holds."""

    def change(content: dict[str, Any]) -> None:
        for stage in content["proof"]["stages"]:
            stage["prices"] = [factor * price for price in stage["prices"]]

    episodes = some_episodes(num_tasks=30)
    first = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1)
    for path in files(tmp_path):
        rewrite(path, change, honest=False)
    for known, told in zip(
        first, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1), strict=True
    ):
        assert told.objective == known.objective
        # The prices kept are the best there are, but for the solver's tolerances.
        assert told.bound <= known.bound * (1 + 1e-6)


def test_an_optimum_that_is_none_is_not_believed(tmp_path: Path) -> None:
    episodes = some_episodes(num_tasks=8)
    first = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1)
    assert all(schedule.exact for schedule in first)
    for path in files(tmp_path):
        rewrite(path, lambda content: content.update(actions=[0] * 8), honest=False)
    with pytest.warns(UserWarning, match="no optimum") as told:
        again = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1)
    assert len(told) == 4
    assert [s.objective for s in again] == [s.objective for s in first]
    assert same(again, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1))


def test_a_proof_for_the_dispatch_rule_proves_nothing_for_other_schedulers(tmp_path: Path) -> None:
    episodes = some_episodes(num_tasks=8)
    freely = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1, any_device=True)
    assert not any(schedule.exact for schedule in freely)
    before = files(tmp_path)
    ruled = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1)
    assert all(a.bound <= b.bound for a, b in zip(freely, ruled, strict=True))
    claimed = next(path for path in files(tmp_path) if path not in before)
    for path in before:
        path.write_bytes(claimed.read_bytes())
    with pytest.warns(UserWarning, match="solved again"):
        again = solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1, any_device=True)
    assert same(freely, again)


def test_two_processes_share_a_folder_and_one_is_killed(tmp_path: Path) -> None:
    program = f"""
        import sys
        sys.path += {[str(Path(__file__).parent), str(Path(conftest.__file__).parent)]!r}
        from test_oracle_cache import *
        solve_episodes(some_episodes(num_tasks=60), Path({str(tmp_path)!r}), QUICK_EFFORT, jobs=1)
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    killed, other = (subprocess.Popen(command) for _ in range(2))
    while not files(tmp_path):
        assert other.poll() in (None, 0)
    killed.kill()
    killed.wait()
    assert other.wait(timeout=60) == 0
    episodes = some_episodes(num_tasks=60)
    fresh = [solve_episode(episode, QUICK_EFFORT) for episode in episodes]
    assert same(fresh, solve_episodes(episodes, tmp_path, QUICK_EFFORT, jobs=1))


def imported_by(module: str) -> set[str]:
    """Modules of this project that a module imports, wherever in it."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    found = set()
    for node in ast.walk(ast.parse(Path(spec.origin).read_text())):
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("cpu_gpu_env."):
            for name in (f"{node.module}.{alias.name}" for alias in node.names):
                try:
                    submodule = importlib.util.find_spec(name)
                except ModuleNotFoundError:
                    submodule = None
                found.add(str(node.module) if submodule is None else name)
    return found


def test_all_that_a_schedule_depends_on_is_in_the_key() -> None:
    # What these do is in the prices and times of the episode, which are in the key themselves; the
    # last is what a schedule is played through.
    others = ("errors", "checks", "io.", "model.", "results.gap", "baselines.schedulers.base")
    seen: set[str] = set()
    left = {"cpu_gpu_env.baselines.oracle.search"}
    while left:
        module = left.pop()
        seen.add(module)
        if not module.startswith(tuple(f"cpu_gpu_env.{name}" for name in others)):
            assert module.startswith(tuple(f"{package}." for package in SOLVER_PACKAGES)), module
            left |= imported_by(module) - seen
    assert len(seen) > 10


@pytest.mark.parametrize("package", SOLVER_PACKAGES)
def test_another_solver_has_another_key(package: str, tmp_path: Path) -> None:
    """A changed comment anywhere in it is enough."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    (folder,) = spec.submodule_search_locations or ()
    program = """
        import sys
        from importlib import resources
        from cpu_gpu_env.baselines.oracle import cache
        found, (package, copy) = resources.files, sys.argv[1:]
        if copy:
            cache.resources.files = lambda name: found(name) / (copy if name == package else "")
        print(cache._solver_hash())
    """
    copy = tmp_path / "copy"
    copy.mkdir()
    for source in Path(folder).glob("*.py"):
        (copy / source.name).write_bytes(source.read_bytes())

    def key(*arguments: str) -> str:
        command = [sys.executable, "-c", textwrap.dedent(program), package, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    same, alone = key(str(copy)), key("")
    assert same == alone
    (copy / "new.py").write_text("# a module that nobody has listed")
    assert key(str(copy)) != alone


def cache_in(**environment: str) -> Path:
    """The folder in another process, of which nothing but this is known."""
    code = "from cpu_gpu_env.io import cache_folder; print(cache_folder.default_cache())"
    kept = {name: value for name, value in os.environ.items() if name == "PATH"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(done.stdout.rstrip("\n"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere caches lie elsewhere")
def test_the_folder_is_among_the_caches_of_the_user(tmp_path: Path) -> None:
    home, caches = str(tmp_path / "home"), str(tmp_path / "caches")
    assert cache_in(HOME=home) == Path(home, ".cache", "cpu_gpu_env", "oracle")
    assert cache_in(HOME=home, XDG_CACHE_HOME="") == cache_in(HOME=home)
    assert cache_in(HOME=home, XDG_CACHE_HOME=caches) == Path(caches, "cpu_gpu_env", "oracle")
    assert not list(tmp_path.iterdir())


def test_who_has_no_home_has_a_folder_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    # As os.path.expanduser does for a user whom the system does not know.
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_cache() == Path("runs", "cache", "oracle")
