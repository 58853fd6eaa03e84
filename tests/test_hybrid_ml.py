"""The random forest: the same as scikit-learn's, safe files, and learning as it goes."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor

from cpu_gpu_env import Cluster, HybridClusterEnv, HybridClusterError, HybridClusterVectorEnv
from cpu_gpu_env.baselines import make_scheduler
from cpu_gpu_env.baselines.evaluation import play_episodes
from cpu_gpu_env.baselines.forest import Forest, load_forest
from cpu_gpu_env.baselines.hybrid_ml import (
    MIN_HISTORY,
    RETRAIN_EVERY,
    WINDOW,
    Examples,
    HybridML,
    fit_forest,
    imitate_oracle,
    r_squared,
)


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


@pytest.mark.parametrize("content", [b"", b"PK", b"nothing like it"])
def test_no_forest_at_all(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(HybridClusterError, match="not a forest"):
        load_forest(tmp_path / "a.npz")
    with pytest.raises(HybridClusterError, match="cannot read"):
        load_forest(tmp_path / "b.npz")


def test_it_learns_from_the_oracle(examples: Examples, forest: Forest) -> None:
    other = imitate_oracle(range(1_000, 1_010), {"num_tasks": 100}, jobs=1)
    assert r_squared(forest, other) > 0.7
    seeds = range(2_000, 2_040)
    objective = {
        name: play_episodes(make, seeds, num_tasks=100).objective.mean()
        for name, make in (
            ("forest", lambda env: HybridML(env, forest=forest)),
            ("myopic", lambda env: make_scheduler("myopic", env)),
        )
    }
    assert objective["forest"] < objective["myopic"]


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
    observation, info = env.reset(seed=0)
    for _ in range(20):
        actions, _ = scheduler.predict(observation)
        assert info["action_mask"][np.arange(64), actions].all()
        observation, _, _, _, info = env.step(actions)
