"""Hash every kind of result: a change that is to leave behaviour alone leaves these lines alone.

    python tests/same_results.py > before.txt   # on the old code
    python tests/same_results.py > after.txt    # on the new code
    diff before.txt after.txt

The hashes are of one machine: another processor or another library rounds another way.
"""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cpu_gpu_env import Cluster, Device, HybridClusterEnv, HybridClusterVectorEnv, shipped_profiles
from cpu_gpu_env.agents.features import AgentFeatures
from cpu_gpu_env.agents.pretrained import pretrained_path
from cpu_gpu_env.agents.saving import load_agent
from cpu_gpu_env.agents.training import TrainingPlan, train
from cpu_gpu_env.agents.training_env import LearningVecEnv
from cpu_gpu_env.baselines import SCHEDULERS, make_scheduler
from cpu_gpu_env.baselines.bounds.dual import dual_bound
from cpu_gpu_env.baselines.bounds.lower import lower_bound
from cpu_gpu_env.baselines.evaluation.comparison import SchedulerSpec, compare
from cpu_gpu_env.baselines.evaluation.first_episode import view_first_episode
from cpu_gpu_env.baselines.imitation.forest import load_forest
from cpu_gpu_env.baselines.imitation.hybrid_ml import HybridML, fit_forest, imitate_oracle
from cpu_gpu_env.baselines.oracle.scheduler import Oracle
from cpu_gpu_env.baselines.oracle.search import FULL_EFFORT, QUICK_EFFORT, Effort, solve_episode
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.sim.instance import Instance

SEEDS = list(range(700, 706))
SMALL: dict[str, Any] = {"num_tasks": 60}
Line = tuple[str, str]
"""What was hashed, and its hash."""
Problems = list[tuple[str, dict[str, Any]]]
"""Label, and arguments of the environment."""

CPU: dict[str, Any] = {
    "kind": "cpu",
    "flops": 1e12,
    "memory_bandwidth": 1.5e11,
    "memory_bytes": float("inf"),
    "launch_s": 2e-5,
    "idle_power_w": 60.0,
    "active_power_w": 250.0,
}
GPU: dict[str, Any] = {
    "kind": "gpu",
    "flops": 1.4e13,
    "memory_bandwidth": 1.4e12,
    "memory_bytes": 16e9,
    "launch_s": 2e-3,
    "idle_power_w": 50.0,
    "active_power_w": 400.0,
    "link_bandwidth": 2e10,
}
CACHED = {"flops": 5e11, "cache_bytes": 3e7, "cache_bandwidth": 6e11, "ridge_sharpness": 4.0}
LARGER = {"flops": 7e12, "memory_bytes": 38e9, "active_power_w": 250.0}
VARIED = Cluster(
    "varied",
    (
        Device("c0", **CPU, memory_power_w=180.0),
        Device("c1", **{**CPU, **CACHED}),
        Device("g0", **GPU, memory_power_w=300.0),
        Device("g0", **GPU, memory_power_w=300.0),
        Device("g1", **{**GPU, **LARGER}),
    ),
)
"""Two types in each pool, with power that depends on what runs."""


def digest(*values: Any) -> str:
    """Hash arrays, numbers, texts and containers of them, to the last bit."""
    found = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, dict):
            for key in sorted(value):
                add(key)
                add(value[key])
        elif isinstance(value, (list, tuple)):
            found.update(f"[{len(value)}".encode())
            for item in value:
                add(item)
        elif isinstance(value, np.ndarray):
            found.update(f"{value.dtype}{value.shape}".encode())
            found.update(np.ascontiguousarray(value).tobytes())
        elif isinstance(value, (float, np.floating)):
            found.update(float(value).hex().encode())
        else:
            found.update(value if isinstance(value, bytes) else str(value).encode())

    add(values)
    return found.hexdigest()[:24]


def write_trace(folder: Path) -> str:
    """A trace of 500 tasks in the package's own terms."""
    rng = np.random.default_rng(5)
    columns = [
        np.cumsum(rng.exponential(0.05, 500)),
        rng.lognormal(26, 1.5, 500),
        rng.lognormal(2, 1.4, 500),
        np.minimum(rng.lognormal(20, 1.5, 500), 3e10),
    ]
    lines = [",".join(map(repr, row)) for row in np.stack(columns, axis=1).tolist()]
    path = folder / "trace.csv"
    heading = "arrival_s,size_flop,intensity_flop_per_byte,memory_bytes"
    path.write_text("\n".join([heading, *lines]) + "\n")
    return str(path)


def all_problems(trace: str) -> Problems:
    """Every shipped profile and workload, and whatever else an episode may be made of."""
    shipped = itertools.product(shipped_profiles(), ("lognormal", "pareto"))
    return [
        *((f"{c}/{w}", {"cluster": c, "workload": w}) for c, w in shipped),
        ("noise", {"noise": 0.4}),
        ("noise-mixed", {"noise": 0.3, "cluster": "mixed-node"}),
        ("varied", {"cluster": VARIED, "load": None}),
        ("varied-noise", {"cluster": VARIED, "noise": 0.2, "energy_weight": 0.9}),
        ("trace", {"workload": trace, "load": "trace"}),
        ("trace-load", {"workload": trace, "load": 1.2, "cluster": "t4-node"}),
        ("fractions", {"gpu_fractions": (0.0, 0.5, 1.0), "energy_weight": 0.0}),
        ("binary", {"gpu_fractions": (0.0, 1.0), "energy_weight": 1.0, "load": 0.7}),
    ]


def played(make: Callable[[Any], Any], **kwargs: Any) -> str:
    """Let a scheduler play two episodes in each of several environments."""
    env = HybridClusterVectorEnv(len(SEEDS), autoreset_mode="SameStep", **{**SMALL, **kwargs})
    scheduler = make(env)
    observation, info = env.reset(seed=SEEDS)
    state, starts = None, np.ones(len(SEEDS), dtype=bool)
    seen: list[Any] = [observation.copy(), info["action_mask"]]
    for _ in range(env.problem.num_tasks + 7):
        actions, state = scheduler.predict(observation, state, starts)
        observation, reward, starts, _, info = env.step(actions)
        seen += [actions, observation.copy(), reward.copy(), starts.copy(), info["action_mask"]]
        if "final_info" in info:
            seen += [info["final_info"], info["final_obs"]]
    return digest(seen)


def played_alone(**kwargs: Any) -> str:
    """Play two episodes at random in a single environment, infos included."""
    env = HybridClusterEnv(**{**SMALL, **kwargs})
    rng = np.random.default_rng(3)
    seen: list[Any] = []
    for seed in (11, None):
        observation, info = env.reset(seed=seed)
        seen += [observation, info["action_mask"]]
        terminated = False
        while not terminated:
            action = int(rng.integers(env.action_space.n))  # type: ignore[attr-defined]
            observation, reward, terminated, _, info = env.step(action)
            seen += [observation, reward, dict(info)]
    return digest(seen)


def instances_of(**kwargs: Any) -> list[Instance]:
    """Two episodes as an oracle sees them."""
    env = HybridClusterVectorEnv(2, **{**SMALL, **kwargs})
    env.reset(seed=[801, 802])
    return env.instances()


def episodes(problems: Problems) -> Iterator[Line]:
    """What schedulers do in all problems, and what agents see of them."""
    for label, kwargs in problems:
        for name in SCHEDULERS:
            found = played(lambda env, name=name: make_scheduler(name, env, 4), **kwargs)
            yield f"episodes {label} {name}", found
        for queues in (False, True):
            seen = {**kwargs, "observe_queues": queues}
            yield f"single {label} queues={queues}", played_alone(**seen)
            found = played(lambda env: make_scheduler("random", env, 9), **seen)
            yield f"vector {label} queues={queues}", found
            for context in (False, True):
                found = agent_features(context, **seen)
                yield f"features {label} queues={queues} context={context}", found


def agent_features(context: bool, **kwargs: Any) -> str:
    """What an agent's net sees in the first steps."""
    env = HybridClusterVectorEnv(3, **{**SMALL, **kwargs})
    features = AgentFeatures(env.problem, env.observe_queues, context)
    observation, _ = env.reset(seed=5)
    seen = [features(observation)]
    for step in range(25):
        observation, *_ = env.step(np.full(3, step % env.single_action_space.n))
        seen.append(features(observation))
    return digest(seen)


def bounds(problems: Problems) -> Iterator[Line]:
    """Objectives, and what can be proved of episodes."""
    for label, kwargs in problems:
        found = [lower_bound(instance) for instance in instances_of(**kwargs)]
        fields = [(b.objective, b.makespan_s, b.shares, b.reduced_cost) for b in found]
        yield f"bound {label}", digest(fields)
        yield f"dual bound {label}", digest(*map(dual_bound, instances_of(**kwargs)))
        objective = make_problem(**{**SMALL, **kwargs}).objective
        reference = objective.reference
        parts = reference.makespan_s, reference.energy_j, *objective.prices
        yield f"objective {label}", digest(*parts)


def solved(effort: Effort = FULL_EFFORT, **kwargs: Any) -> str:
    """What the oracle makes of two episodes."""
    found = [solve_episode(instance, effort) for instance in instances_of(**kwargs)]
    return digest([(s.actions, s.objective, s.bound) for s in found])


def trained(problems: Problems) -> Iterator[Line]:
    """What the shipped models do."""
    forest = load_forest(pretrained_path("random-forest"))
    for label, kwargs in problems:
        for name in ("dqn", "dqn-queues"):
            saved = load_agent(name)
            seen = {**kwargs, "observe_queues": saved.settings.observe_queues}
            yield f"agent {label} {name}", played(saved.act_in, **seen)
        found = played(lambda env: HybridML(env, forest=forest), **kwargs)
        yield f"forest {label}", found


def learning(folder: Path) -> Iterator[Line]:
    """What an agent learns from, and what comes of it."""
    for queues in (False, True):
        env = LearningVecEnv(HybridClusterVectorEnv(8, num_tasks=40, observe_queues=queues))
        env.seed(3)
        seen: list[Any] = [env.reset()]
        for step in range(90):
            env.step_async((step + np.arange(8)) % 6)
            *results, infos = env.step_wait()
            seen += [*results, [info.get("terminal_observation") for info in infos]]
        yield f"training env queues={queues}", digest(*seen)
    plan = TrainingPlan(
        folder / "training",
        steps=4000,
        num_envs=16,
        evaluations=2,
        validation_episodes=4,
        problems=({"num_tasks": 30},),
        observe_queues=True,
    )
    train(plan)
    weights = load_agent(plan.output / "last.zip").policy.state_dict()
    yield "training weights", digest({name: value.numpy() for name, value in weights.items()})
    examples = imitate_oracle(range(40, 46), {"num_tasks": 40}, jobs=1)
    yield "imitation examples", digest(examples.observation, examples.gpu_fraction)
    forest = fit_forest(examples, 0)
    arrays = (forest.root, forest.feature, forest.threshold, forest.left, forest.right)
    yield "imitation forest", digest(*arrays, forest.value)


def pictures() -> Iterator[Line]:
    """What is drawn."""
    env = HybridClusterEnv(num_tasks=80, render_mode="rgb_array")
    text = HybridClusterEnv(num_tasks=80, render_mode="ansi", cluster="mixed-node")
    env.reset(seed=4)
    text.reset(seed=4)
    for step in range(80):
        env.step(step % 6)
        text.step(step % 6)
        if step in (0, 40, 79):
            yield f"frame {step}", digest(env.render())
    yield "ansi", digest(text.render())


def compared() -> Iterator[Line]:
    """A comparison, and a closer look at its first episode."""
    kwargs: dict[str, Any] = {"num_tasks": 50}
    oracle = [solve_episode(instance, QUICK_EFFORT) for instance in instances_of(**kwargs)]
    specs = [SchedulerSpec(n, lambda env, n=n: make_scheduler(n, env, 1)) for n in SCHEDULERS]
    comparison = compare(specs, [801, 802], kwargs, oracle=oracle)
    for row in comparison.rows():
        kept = {key: value for key, value in row.items() if not key.startswith("decision")}
        yield f"comparison {row['scheduler']}", digest(kept)
    yield "wins", digest(comparison.wins())
    yield "problem", digest(comparison.provenance.problem.to_json())
    for name, view in view_first_episode(comparison, kwargs).items():
        schedule, audit = view.schedule, view.audit
        shares = [
            (s.task, s.device, s.start_s, s.finish_s, s.fraction, s.intensity)
            for s in schedule.shares
        ]
        if audit is not None:
            audit = [(d.task, d.gpu_fraction, d.oracle_gpu_fraction, d.cost) for d in audit]  # type: ignore[assignment]
        sums = schedule.makespan_s, schedule.energy_j, schedule.pool_utilisation(1.0)
        yield f"view {name}", digest(shares, audit, *sums)


def results(folder: Path) -> Iterator[Line]:
    """All of them."""
    problems = all_problems(write_trace(folder))
    yield from episodes(problems)
    yield from bounds(problems)
    for label, kwargs in problems:
        yield f"oracle {label}", solved(**kwargs)
    yield "oracle quick", solved(QUICK_EFFORT, num_tasks=200)
    yield "oracle plays", played(lambda env: Oracle(env, effort=QUICK_EFFORT), num_tasks=20)
    yield from trained(problems[:4] + problems[10:14])
    yield from learning(folder)
    yield from pictures()
    yield from compared()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for line_label, line_hash in results(Path(temporary)):
            print(f"{line_hash} {line_label}", flush=True)
