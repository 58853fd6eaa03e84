"""Paths: what may be one, and the home that a ~ stands for, wherever one is given."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

import cpu_gpu_env
from cpu_gpu_env import HybridClusterError
from cpu_gpu_env.io.atomic_files import write_text_atomically
from cpu_gpu_env.io.bounded_files import read_bytes
from cpu_gpu_env.io.paths import as_path
from cpu_gpu_env.model.profile import (
    cluster_to_profile,
    load_profile,
    resolve_cluster,
    save_profile,
)
from cpu_gpu_env.model.traces.loading import load_trace, resolve_workload

ROOT = Path(cpu_gpu_env.__file__).parents[1]
TRACE = "arrival_s,size_flop,intensity_flop_per_byte,memory_bytes\n0,1e9,2,1e6\n1,2e9,2,1e6\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home, and beside it the folder that the process is in."""
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    return home


def test_a_tilde_is_the_home(home: Path) -> None:
    for given in ("~/a.json", b"~/a.json", Path("~/a.json"), "~//a.json"):
        assert as_path(given) == home / "a.json"
    assert as_path("~") == as_path("~/") == home
    me = pwd.getpwuid(os.getuid())
    assert as_path(f"~{me.pw_name}/a") == Path(me.pw_dir) / "a"
    for plain in ("a~", "a/~", "a/~/b", "/~", ".~lock"):
        assert as_path(plain) == Path(plain)


@pytest.mark.parametrize("given", ["./~", "./~/a", "~nobody-of-this-name/a", "~$open.csv"])
def test_a_file_may_be_called_so(given: str, home: Path) -> None:
    path = as_path(given)
    assert path == Path.cwd() / given
    assert as_path(path) == path  # paths are taken by one function after another


def test_without_a_home_it_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")

    def unknown(user: int) -> None:
        raise KeyError(user)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for given in ("~", "~/a"):
        with pytest.raises(HybridClusterError, match=f"^path is '{given}'; .*no home"):
            as_path(given)
    assert as_path("a") == Path("a")


def test_profiles_traces_and_files_may_be_at_home(home: Path) -> None:
    cluster = resolve_cluster("t4-node")
    save_profile(cluster_to_profile(cluster), "~/p.json")
    (home / "p.json").rename(home / "profile")
    for given in ("~/profile", Path("~/profile")):
        assert resolve_cluster(given) == load_profile(given) == cluster
    with pytest.raises(HybridClusterError, match="is a folder"):
        resolve_cluster("~")
    with pytest.raises(HybridClusterError, match=r"home/missing\.json: cannot read the profile"):
        resolve_cluster("~/missing.json")
    write_text_atomically("~/new/a.txt", "x")
    assert read_bytes("~/new/a.txt", 10, "text") == b"x"
    (home / "t.csv").write_text(TRACE)
    first = load_trace("~/t.csv")
    assert len(first.pool) == 2
    for given in ("~/t.csv", "csv:~/t.csv", Path("~/t.csv")):
        assert resolve_workload(given) is first
    assert not list(Path.cwd().iterdir())


def test_a_store_may_be_at_home(home: Path) -> None:
    pytest.importorskip("sqlalchemy")
    from cpu_gpu_env.results.store.database import Store

    for given in ("~/a.sqlite", Path("~/a.sqlite"), "sqlite:///~/a.sqlite"):
        assert Store.of(given).path == home / "a.sqlite"
    for given in ("./~/a.sqlite", "sqlite:///./~/a.sqlite"):
        assert Store.of(given).path == Path.cwd() / "~/a.sqlite"
    assert Store.of("sqlite:////~/a.sqlite").path == Path("/~/a.sqlite")


def test_commands_take_paths_at_home_unexpanded_by_a_shell(home: Path) -> None:
    """As in ``--cluster=~/p.json``, which shells leave as it is."""
    for library in ("sqlalchemy", "stable_baselines3"):
        pytest.importorskip(library)
    save_profile(cluster_to_profile(resolve_cluster("t4-node")), home / "p.json")
    (home / "t.csv").write_text(TRACE)
    words = ["--cluster=~/p.json", "--workload=~/t.csv", "--store=~/s.sqlite", "--output=~/out"]
    words += ["--episodes=1", "--num-tasks=2", "--schedulers=myopic", "--bound=none"]
    ended = subprocess.run(
        [sys.executable, "-m", "cpu_gpu_env.scripts.stream", *words],
        check=False,
        capture_output=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ended.returncode == 0, ended.stderr
    made = {path.name for path in home.iterdir()}
    assert made >= {"p.json", "t.csv", "s.sqlite", "out"}
    assert not list(Path.cwd().iterdir())


def test_trainings_and_solved_episodes_may_be_at_home(home: Path) -> None:
    pytest.importorskip("stable_baselines3")
    from cpu_gpu_env.agents.training import TrainingPlan

    assert TrainingPlan(Path("~/run")).output == home / "run"
