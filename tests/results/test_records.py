"""Measures are named once, and what made a result survives JSON."""

import json
import math
from dataclasses import replace

import pytest
from conftest import MIXED

from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.metrics import (
    DECISION_METRICS,
    ENERGY,
    EPISODE_METRICS,
    GAP,
    OBJECTIVE,
    charts,
)
from cpu_gpu_env.results.provenance import ProblemRecord, Provenance, versions_used


@pytest.mark.parametrize("load", [None, 1.5])
def test_provenance_survives_json(load: float | None) -> None:
    problem = ProblemRecord.of(make_problem(MIXED, "pareto", 30, 0.25, (0.0, 0.5), load, 0.1))
    made = Provenance(problem, (5, 6), versions_used(), "python scripts/compare.py 'ü'")
    assert Provenance.from_json(json.loads(json.dumps(made.to_json()))) == made
    assert made.describe() == f"mixed, {problem.workload}, 30 tasks, 2 held-out episodes"
    assert problem.describe(1).endswith(" 30 tasks, 1 episode")
    seen = replace(made, seen_in_training={"forest": "not recorded"})
    assert Provenance.from_json(json.loads(json.dumps(seen.to_json()))) == seen
    assert seen.describe().endswith(" 2 episodes")
    assert seen.notes == ("not held out from forest: not recorded",)


def test_other_problems_have_other_hashes() -> None:
    records = [
        ProblemRecord.of(make_problem(cluster, workload, load=None))
        for cluster in (MIXED, "a100-node")
        for workload in ("lognormal", "pareto")
    ]
    assert len({record.cluster_sha256 for record in records}) == 2
    assert len({record.workload_sha256 for record in records}) == 2


@pytest.mark.parametrize("field", ["cluster", "num_tasks", "reference_per_task"])
def test_a_missing_field_is_named(field: str) -> None:
    content = ProblemRecord.of(make_problem()).to_json()
    del content[field]
    with pytest.raises(KeyError, match=field):
        ProblemRecord.from_json(content)


def test_no_name_or_tag_is_of_two_measures() -> None:
    metrics = [*EPISODE_METRICS, *DECISION_METRICS.values()]
    names = [
        name for m in metrics for name in (m.key, m.ci_key, m.difference_key, m.difference_ci_key)
    ]
    assert len(names) == len(set(names))
    tags = [tag for titled in charts().values() for tag in titled.values()]
    assert len(tags) == len(set(tags))
    assert {metric.episode_tag for metric in EPISODE_METRICS} <= set(tags)


def test_figures_are_written_in_the_shown_unit() -> None:
    assert GAP.text(0.0347, 0.0041) == "3.5±0.4"
    assert GAP.text(2.961, 0.158) == "296±16"
    assert OBJECTIVE.text(1.0239, math.nan) == "1.024"
    assert (ENERGY.heading, ENERGY.text(42_440.0, 1_040.0)) == ("energy [kJ]", "42.4±1.0")
    assert GAP.difference_text(-0.0031, 0.0009) == "-0.3±0.1"
    assert GAP.difference_text(1.5, 0.02) == "+150±2"
    assert GAP.difference_heading == "gap [points]"
