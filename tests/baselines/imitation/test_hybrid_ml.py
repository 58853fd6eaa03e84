"""The random forest: the same as scikit-learn's, safe files, and learning as it goes."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import PLAIN
from playing import assert_only_what_fits_is_chosen
from sklearn.ensemble import RandomForestRegressor
from tiny_episodes import SMALL_POOLS

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterError, HybridClusterVectorEnv
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation.play import play_episodes
from cpu_gpu_env.baselines.imitation.forest import MAX_ARRAY_BYTES, MAX_DEPTH, Forest, load_forest
from cpu_gpu_env.baselines.imitation.hybrid_ml import (
    FEATURES,
    MIN_HISTORY,
    RETRAIN_EVERY,
    WINDOW,
    Examples,
    ExampleWindow,
    HybridML,
    fit_forest,
    imitate_oracle,
    r_squared,
)
from cpu_gpu_env.baselines.oracle.cache import solve_episodes
from cpu_gpu_env.baselines.oracle.search import QUICK_EFFORT


@pytest.fixture(scope="module")
def examples() -> Examples:
    return imitate_oracle(range(40), {"num_tasks": 100}, jobs=1)


@pytest.fixture(scope="module")
def forest(examples: Examples) -> Forest:
    return fit_forest(examples, seed=0, num_trees=30)


def test_it_predicts_what_the_trees_of_scikit_learn_predict() -> None:
    rng = np.random.default_rng(0)
    features, target = rng.random((500, 4)).astype(np.float32), rng.random(500)
    regressor = RandomForestRegressor(11, random_state=0).fit(features, target)
    forest = Forest.of(regressor, {"num_features": 4})
    new = rng.random((200, 4)).astype(np.float32)
    trees = np.array([tree.predict(new) for tree in regressor.estimators_])
    assert forest.predict(new) == pytest.approx(np.median(trees, axis=0), abs=1e-12)


def test_a_forest_survives_its_file(forest: Forest, tmp_path: Path) -> None:
    forest.save(tmp_path / "a.npz")
    again = load_forest(tmp_path / "a.npz")
    features = np.random.default_rng(0).random((50, 5))
    assert np.array_equal(again.predict(features), forest.predict(features))
    assert again.settings == forest.settings
    assert sum(again.settings["importances"].values()) == pytest.approx(1.0)


def write_arrays(path: Path, forest: Forest, **changed: object) -> None:
    forest.save(path)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{**arrays, **changed})  # type: ignore[arg-type]


class Trap:
    """Unpickling this would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (self.path,)


def test_a_malicious_file_runs_nothing(forest: Forest, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_arrays(path, forest, value=np.array([Trap(tmp_path / "run")], dtype=object))
    with pytest.raises(HybridClusterError, match=r"a\.npz: not a forest"):
        load_forest(path)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"left": np.array([10**6])},
        {"root": np.array([-1])},
        {"feature": np.array([99])},
        {"header": np.array("{}")},
        {"header": np.array("nonsense")},
    ],
)
def test_a_damaged_file_is_refused(
    forest: Forest, tmp_path: Path, changed: dict[str, object]
) -> None:
    write_arrays(tmp_path / "a.npz", forest, **changed)
    with pytest.raises(HybridClusterError, match="not a forest"):
        load_forest(tmp_path / "a.npz")


def small_forest() -> dict[str, np.ndarray]:
    """One tree of three nodes, and one that is a leaf."""
    return {
        "header": np.array(json.dumps({"format_version": 1, "settings": {"num_features": 5}})),
        "root": np.array([0, 3], dtype="i4"),
        "feature": np.array([4, 0, 0, 0], dtype="i4"),
        "threshold": np.array([0.5, 0, 0, 0]),
        "left": np.array([1, 1, 2, 3], dtype="i4"),
        "right": np.array([2, 1, 2, 3], dtype="i4"),
        "value": np.array([0.0, 0.2, 0.8, 0.4]),
    }


def test_a_small_forest_by_hand(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **small_forest())  # type: ignore[arg-type]
    forest = load_forest(tmp_path / "a.npz", num_features=5)
    assert forest.depth == 1
    rows = np.array([[9, 9, 9, 9, 0.4], [0, 0, 0, 0, 0.6]])
    assert forest.predict(rows) == pytest.approx([0.3, 0.6])  # medians of two trees
    with pytest.raises(HybridClusterError, match="'num_features' is 5; allowed: 3"):
        load_forest(tmp_path / "a.npz", num_features=3)


def i4(*values: int) -> np.ndarray:
    return np.array(values, dtype="i4")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("threshold", np.array([np.nan, 0, 0, 0])),
        ("threshold", np.array([np.inf, 0, 0, 0])),
        ("value", np.array([0, 0, np.nan, 0])),
        ("value", np.zeros(3)),
        ("value", np.zeros((4, 1))),
        ("value", np.float64(0)),
        ("value", np.zeros(4, dtype=complex)),
        ("value", np.array(["a"] * 4)),
        ("left", i4(0, 1, 2, 3)),  # a circle of one
        ("left", i4(4, 1, 2, 3)),
        ("left", i4(-1, 1, 2, 3)),
        ("left", i4(2, 1, 2, 3)),  # two ways to one node, none to another
        ("right", i4(3, 1, 2, 3)),  # into another tree
        ("right", i4(2, 0, 2, 3)),  # back to the root
        ("right", i4(2, 2, 1, 3)),  # two nodes that name one another
        ("left", np.array([1.0, 1.0, 2.0, 3.0])),
        ("left", np.array([1, 1, 2, 3], dtype="i8")),
        ("feature", i4(5, 0, 0, 0)),
        ("feature", i4(-1, 0, 0, 0)),
        ("root", i4()),
        ("root", i4(0)),
        ("root", i4(0, 0)),
        ("root", i4(0, 4)),
        ("header", np.array([json.dumps({"format_version": 1})] * 2)),
        ("header", np.array(json.dumps({"format_version": 1}))),
        ("header", np.array(json.dumps({"format_version": 2, "settings": {"num_features": 5}}))),
        ("header", np.array(json.dumps({"format_version": 1, "settings": []}))),
        ("header", np.array(json.dumps({"format_version": 1, "settings": {"num_features": True}}))),
        ("header", np.array(json.dumps({"format_version": 1, "settings": {"num_features": "5"}}))),
        ("header", np.array("[" * 100_000)),
        ("header", np.float64(1)),
        ("header", np.frombuffer(b"\xff\xff\xff\x7f", dtype="<U1").reshape(())),
        ("header", np.array("\ud800")),
        ("feature", i4()),
    ],
)
def test_trees_that_lead_nowhere_are_refused(tmp_path: Path, field: str, value: object) -> None:
    np.savez(tmp_path / "a.npz", **{**small_forest(), field: value})  # type: ignore[arg-type]
    with pytest.raises(HybridClusterError, match=r"a\.npz: not a forest: [^\n]*$"):
        load_forest(tmp_path / "a.npz")


def test_a_chain_deeper_than_any_forest_is_refused(tmp_path: Path) -> None:
    inner = MAX_DEPTH + 1
    node = np.arange(2 * inner + 1, dtype="i4")
    chain = {"left": node.copy(), "right": node.copy()}
    chain["left"][:-1:2], chain["right"][:-1:2] = node[1::2], node[2::2]
    zeros = np.zeros(len(node))
    arrays = {**chain, "root": i4(0), "feature": zeros.astype("i4")}
    content = {**small_forest(), **arrays, "threshold": zeros, "value": zeros}
    np.savez(tmp_path / "a.npz", **content)  # type: ignore[arg-type]
    with pytest.raises(HybridClusterError, match="deeper than"):
        load_forest(tmp_path / "a.npz")


def test_arrays_that_claim_more_than_they_hold_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **small_forest())  # type: ignore[arg-type]
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    giant = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**13,)}
    np.lib.format.write_array_header_1_0(giant, header)
    damaged = {
        "value.npy": giant.getvalue() + bytes(80),
        "left.npy": b"\x93NUMPY\x01\x00v\x00" + b"(" * 118,
        "right.npy": b"PK\x03\x04" + bytes(100),
        "root.npy": b"",
        "feature.npy": bytes(MAX_ARRAY_BYTES + 1),
    }
    for name, content in damaged.items():
        with zipfile.ZipFile(tmp_path / "b.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            for member, kept in {**members, name: content}.items():
                archive.writestr(member, kept)
        with pytest.raises(HybridClusterError, match=r"b\.npz: not a forest.*" + name[:-4]):
            load_forest(tmp_path / "b.npz")


@pytest.mark.parametrize("content", [b"", b"PK", b"nothing like it"])
def test_no_forest_at_all(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(HybridClusterError, match="not a forest"):
        load_forest(tmp_path / "a.npz")
    with pytest.raises(HybridClusterError, match="cannot read"):
        load_forest(tmp_path / "b.npz")


def test_it_learns_from_the_oracle(examples: Examples, forest: Forest) -> None:
    other = imitate_oracle(range(1_000, 1_010), {"num_tasks": 100}, jobs=1)
    assert r_squared(forest, other) > 0.6
    seeds = range(2_000, 2_040)
    objective = {
        name: play_episodes(make, seeds, num_tasks=100).objective.mean()
        for name, make in (
            ("forest", lambda env: HybridML(env, forest=forest)),
            ("myopic", lambda env: make_scheduler("myopic", env)),
        )
    }
    assert objective["forest"] < objective["myopic"]


def test_examples_are_what_the_environment_shows_and_what_the_oracle_did() -> None:
    found = imitate_oracle(range(3), {"num_tasks": 4}, jobs=1)
    env = HybridClusterVectorEnv(3, num_tasks=4)
    seen, _ = env.reset(seed=[0, 1, 2])
    instances, chosen = env.instances(), []
    for task in range(4):
        np.testing.assert_array_equal(found.observation[3 * task : 3 * task + 3], seen)
        chosen.append(np.rint(5 * found.gpu_fraction[3 * task : 3 * task + 3]).astype(int))
        seen, *_, info = env.step(chosen[-1])
    solved = solve_episodes(instances, None, QUICK_EFFORT, 1)
    assert info["objective"] == pytest.approx([schedule.objective for schedule in solved])


def test_there_is_no_share_of_no_variance(forest: Forest) -> None:
    same = Examples(np.zeros((3, 3), dtype=np.float32), np.ones(3))
    assert np.isnan(r_squared(forest, same))


def test_until_it_has_seen_enough_it_falls_back(examples: Examples) -> None:
    env = HybridClusterEnv(num_tasks=50)
    learner, fallback = HybridML(env, seed=0), make_scheduler("earliest-finish", env)
    observation, _ = env.reset(seed=0)
    few = Examples(
        examples.observation[: MIN_HISTORY - 1], examples.gpu_fraction[: MIN_HISTORY - 1]
    )
    assert not learner.learn(few)
    for _ in range(50):
        action, _ = learner.predict(observation)
        assert action == fallback.predict(observation)[0]
        observation, *_ = env.step(int(action))
    one = Examples(examples.observation[:1], examples.gpu_fraction[:1])
    assert learner.learn(one)
    assert learner.forest is not None


def test_it_forgets_what_lies_before_the_window() -> None:
    rng = np.random.default_rng(0)
    learner = HybridML(HybridClusterEnv(), seed=0)
    observation = rng.random((WINDOW, 3)).astype(np.float32)
    learner.learn(Examples(observation, np.zeros(WINDOW)))
    assert learner.forest is not None
    assert learner.forest.predict(np.full((1, 5), 0.5)) == 0.0
    assert not learner.learn(Examples(observation[:10], np.ones(10)))
    assert learner.learn(Examples(observation, np.ones(WINDOW)))
    assert learner.forest.predict(np.full((1, 5), 0.5)) == 1.0
    assert RETRAIN_EVERY < WINDOW


def test_histories_must_fit(examples: Examples) -> None:
    with pytest.raises(HybridClusterError, match="allowed: one for each finished task"):
        HybridML(HybridClusterEnv()).learn(Examples(examples.observation, np.zeros(3)))


def test_what_does_not_fit_is_never_chosen(cluster: Cluster, forest: Forest) -> None:
    env = HybridClusterVectorEnv(64, cluster=cluster, num_tasks=20)
    scheduler = HybridML(env, forest=forest)
    assert_only_what_fits_is_chosen(env, scheduler)


def test_a_forest_of_times_is_told_from_one_of_sizes(forest: Forest, tmp_path: Path) -> None:
    kwargs = {"workload": SMALL_POOLS["measured"], "num_tasks": 20, "cluster": PLAIN}
    found = imitate_oracle(range(3), kwargs, jobs=1)
    assert found.names == ("cpu_time", "gpu_time", "memory")
    fitted = fit_forest(found, seed=0, num_trees=4)
    assert [*fitted.settings["importances"]][3:] == ["cpu_time - gpu_time", "cpu_time - memory"]
    fitted.save(tmp_path / "times.npz")
    again = load_forest(tmp_path / "times.npz", len(FEATURES))
    env = HybridClusterVectorEnv(2, **kwargs)
    scheduler = HybridML(env, forest=again)
    observation, _ = env.reset(seed=0)
    assert scheduler.predict(observation)[0].shape == (2,)
    with pytest.raises(
        HybridClusterError, match=r"fitted to size, intensity, memory, but .*show cpu_t"
    ):
        HybridML(env, forest=forest)
    with pytest.raises(
        HybridClusterError, match=r"fitted to cpu_time, gpu_time, memory, but .* size"
    ):
        HybridML(HybridClusterEnv(), forest=again)
    with pytest.raises(HybridClusterError, match="fitted to size"):
        scheduler.learn(Examples(found.observation, found.gpu_fraction))
    assert not scheduler.learn(found)
    odd = replace(forest, settings={**forest.settings, "features": ["size", "colour", "memory"]})
    with pytest.raises(HybridClusterError, match=r"field 'features' is .*colour"):
        HybridML(env, forest=odd)


def test_a_window_holds_examples_of_one_kind(examples: Examples) -> None:
    window = ExampleWindow()
    window.add(examples)
    times = Examples(
        examples.observation, examples.gpu_fraction, ("cpu_time", "gpu_time", "memory")
    )
    with pytest.raises(HybridClusterError, match=r"examples of cpu_time.*allowed: size"):
        window.add(times)
