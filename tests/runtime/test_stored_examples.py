"""A forest learns from a store what it would have learned from the oracle itself."""

from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from stored_runs import open_store, store_run

from cpu_gpu_env.baselines.imitation.hybrid_ml import fit_forest, imitate_oracle
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.held_out import seen_in_training
from cpu_gpu_env.results.store import reading, tables
from cpu_gpu_env.results.store.reading import open_reader
from cpu_gpu_env.runtime.stored_examples import stored_examples

BASE = {"num_tasks": 12}
MANY = {"num_tasks": 12, "workload": "pareto"}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return str(tmp_path / "results.sqlite")


def test_examples_and_forest_are_those_of_imitating_the_oracle(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE_ROWS", 50)
    run, _ = store_run(open_store(url), {"": (BASE, range(10, 15))})
    wanted = imitate_oracle(range(10, 15), BASE, jobs=1)
    with open_reader(url) as reader:
        found = stored_examples(reader, run)
    np.testing.assert_array_equal(found.examples.observation, wanted.observation)
    np.testing.assert_array_equal(found.examples.gpu_fraction, wanted.gpu_fraction)
    assert found.examples.observation.dtype == np.float32
    one, other = (fit_forest(e, seed=3, num_trees=5) for e in (found.examples, wanted))
    for name in ("root", "feature", "threshold", "left", "right", "value"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    problem = make_problem(**BASE)
    (used,) = found.trained_on
    assert seen_in_training([used], range(13, 17), problem) == (
        "2 of 4 episodes: evaluation, seeds 10 to 14"
    )


def test_the_latest_whole_episodes_of_each_phase_are_taken(url: str) -> None:
    engine = open_store(url)
    run, _ = store_run(engine, {"before": (BASE, range(4)), "drift": (MANY, range(4, 8))})
    with open_reader(url) as reader:
        found = stored_examples(reader, run, max_tasks=6 * 12 - 1)
        assert found.episodes == 5
        wanted = [
            imitate_oracle(s, k, jobs=1) for s, k in ((range(3, 4), BASE), (range(4, 8), MANY))
        ]
        np.testing.assert_array_equal(
            found.examples.gpu_fraction, np.concatenate([part.gpu_fraction for part in wanted])
        )
        np.testing.assert_array_equal(
            found.examples.observation, np.concatenate([part.observation for part in wanted])
        )
        assert [(u.first_seed, u.last_seed) for u in found.trained_on] == [(3, 3), (4, 7)]
        part = stored_examples(reader, run, 1, 3)
        assert [(u.first_seed, u.last_seed) for u in part.trained_on] == [(1, 2)]
        with engine.begin() as connection:
            connection.execute(sa.delete(tables.decisions).where(tables.decisions.c.sequence < 30))
        assert stored_examples(reader, run).episodes == 5
        with pytest.raises(HybridClusterError, match="keeps all decisions of the oracle in none"):
            stored_examples(reader, run, 2, 3)
        with pytest.raises(HybridClusterError, match="keeps no decisions of the oracle"):
            stored_examples(reader, run, 0, 1)
