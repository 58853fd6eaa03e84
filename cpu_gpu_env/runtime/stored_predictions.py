"""What a learned scheduler saw and thought of each action as it made a stored decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3.dqn.policies import DQNPolicy

from cpu_gpu_env.agents.agent import Agent
from cpu_gpu_env.agents.pretrained import pretrained_path
from cpu_gpu_env.agents.saving import SavedAgent, load_agent
from cpu_gpu_env.baselines.imitation.forest import Forest, load_forest
from cpu_gpu_env.baselines.imitation.hybrid_ml import FEATURES, HybridML, derive, nearest_fitting
from cpu_gpu_env.checks import check_count
from cpu_gpu_env.envs.env import HybridClusterEnv
from cpu_gpu_env.errors import HybridClusterError, unknown_name
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.problem.problem import Problem
from cpu_gpu_env.problem.task_features import NUM_FEATURES
from cpu_gpu_env.results.store.queries import join_pages
from cpu_gpu_env.results.store.reading import StoreReader
from cpu_gpu_env.results.store.tables import decisions, episodes
from cpu_gpu_env.runtime.exploring_agent import MAX_LOSS
from cpu_gpu_env.runtime.online import ONLINE
from cpu_gpu_env.runtime.stored_episode import actions_of, check_same, draw_episode
from cpu_gpu_env.runtime.trained_files import (
    FOREST_SUFFIX,
    ONLINE_SUFFIX,
    files_by_name,
    find_trained,
    learns,
)
from cpu_gpu_env.sim.state import SchedulingState

TIE = 1e-6
"""Values of a net that are so close are the same: it rounds otherwise in batches of other sizes."""
LOADED_MODELS = 8
"""Forests, and agents, that are kept loaded."""


@dataclass(frozen=True)
class StoredPrediction:
    """What a learned scheduler saw and thought of each action."""

    kind: Literal["probability", "q_value"]
    """What the values are: of a forest the share of the trees whose GPU fraction is nearest to that
    of the action; of a policy its probability; of a DQN the value of the action."""
    features: Mapping[str, float]
    """What it saw, by name: sizes, intensities (or times) and memories on logarithmic scales from 0
    to 1, and differences of these; waits in seconds."""
    values: tuple[float, ...]
    """One an action."""
    choice: int
    """What it would choose without exploration: of a forest the action nearest to the median of its
    trees, which need not be the one that most of them are for."""
    explored: bool
    """Whether it took another action, to learn what that is worth."""
    model_version: int
    """Of the model; 0: as the run began."""


@dataclass(frozen=True, eq=False)
class _Model:
    """The model that decided."""

    loaded: Forest | SavedAgent
    exploration: float = 0.0

    @property
    def observes_queues(self) -> bool:
        return isinstance(self.loaded, SavedAgent) and self.loaded.settings.observe_queues


def predict_decision(
    reader: StoreReader, run: int, scheduler: str, sequence: int
) -> StoredPrediction:
    """Ask the model that made a stored decision what it thinks of each action.

    The episode is drawn again, and the scheduler's stored actions are played up to the task. Any
    thread may call it.

    Args:
        reader: The store.
        run: Number of the run.
        scheduler: Name of the scheduler.
        sequence: Number of the task within the run.

    Raises:
        HybridClusterError: If run, scheduler or task are unknown, the scheduler does not learn, the
            decisions of the episode or the model are no longer kept, or the episode or the model is
            not the same any more.
    """
    row = reader.run_row(run)
    if scheduler not in row["schedulers"]:
        raise unknown_name(f"scheduler of run {run}", scheduler, row["schedulers"])
    if not learns(row, scheduler):
        raise HybridClusterError(f"scheduler {scheduler!r} does not learn")
    decision = _find_decision(reader, run, scheduler, sequence)
    torch.set_num_threads(1)  # nets this small are slower on several
    model = _find_model(reader, row, scheduler, decision["model_version"])
    env, actions = _draw(reader, row, decision, model.observes_queues)
    for action in actions[: decision["task"]].tolist():
        env.step(action)
    return _predict(env, model, int(actions[decision["task"]]), decision)


def _find_decision(
    reader: StoreReader, run: int, scheduler: str, sequence: int
) -> Mapping[str, Any]:
    """Read the row of a decision."""
    for page in reader.pages(decisions, run, scheduler, sequence, sequence + 1):
        return {name: values[0] for name, values in page.items()}
    reader.task(run, sequence)  # says which tasks there are, if there is no such one
    raise HybridClusterError(f"the decision of {scheduler} on task {sequence} is not kept")


def _draw(
    reader: StoreReader, row: Mapping[str, Any], decision: Mapping[str, Any], observe_queues: bool
) -> tuple[HybridClusterEnv, npt.NDArray[np.int64]]:
    """The environment as a decision's episode begins, and the scheduler's actions (num_tasks,)."""
    run, name, episode = row["run"], decision["scheduler"], decision["episode"]
    columns = [episodes.c.episode, episodes.c.tasks]
    lengths = join_pages(reader.pages(episodes, run, name, episode, episode + 1, columns), columns)
    if not lengths["tasks"]:
        raise HybridClusterError(f"run {run} has no episode {episode} of {name}")
    num_tasks, first = lengths["tasks"][0], decision["sequence"] - decision["task"]
    check_count("task of the decision", decision["task"], num_tasks - 1, low=0)
    kept = join_pages(
        reader.pages(decisions, run, name, first, first + num_tasks), list(decisions.c)
    )
    if kept["task"] != list(range(num_tasks)):
        raise HybridClusterError(
            f"the decisions of {name} in episode {episode} are not kept whole any more: what it "
            "saw depends on those before"
        )
    played = reader.episodes(run, name, episode, episode + 1)
    env = draw_episode(row, played, kept, observe_queues)
    (instance,) = env.instances()
    actions = actions_of(name, instance, kept)
    check_same(row, instance, {name: actions}, {name: played})
    return env, actions


def _find_model(
    reader: StoreReader, row: Mapping[str, Any], scheduler: str, version: int
) -> _Model:
    """Load the model of a version."""
    if version == 0:
        base, path = scheduler.removesuffix(ONLINE_SUFFIX), files_by_name(row).get(scheduler)
        file = pretrained_path(base) if path is None else find_trained(path)
        exploration = ONLINE[scheduler].start().exploration if scheduler in ONLINE else 0.0
        return _Model(_load_file(file), exploration)
    stored = reader.model(row["run"], scheduler, version)
    if stored is None or scheduler not in ONLINE:
        raise HybridClusterError(f"the store has no version {version} of {scheduler}")
    if stored.content is None:
        raise HybridClusterError(
            f"version {version} of {scheduler} is no longer kept: of old versions only some are"
        )
    is_forest = pretrained_path(scheduler.removesuffix(ONLINE_SUFFIX)).suffix == FOREST_SUFFIX
    return _Model(_load(stored.content, is_forest), stored.exploration)


def _load_file(path: Path) -> Forest | SavedAgent:
    try:
        stat = path.stat()
    except (OSError, ValueError) as error:
        raise HybridClusterError(f"{path} cannot be read: {error}") from None
    return _load_unchanged(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(LOADED_MODELS)
def _load_unchanged(path: Path, mtime_ns: int, size: int) -> Forest | SavedAgent:
    if path.suffix == FOREST_SUFFIX:
        return load_forest(path, len(FEATURES))
    return load_agent(path)


@lru_cache(LOADED_MODELS)
def _load(content: bytes, is_forest: bool) -> Forest | SavedAgent:
    return load_forest(content, len(FEATURES)) if is_forest else load_agent(content)


def _predict(
    env: HybridClusterEnv, model: _Model, action: int, decision: Mapping[str, Any]
) -> StoredPrediction:
    """Ask a model about the task that is to be placed, on which an action was stored."""
    state = env.scheduling_state().observed(env.current_observation()[None])
    kind: Literal["probability", "q_value"] = "probability"
    if isinstance(model.loaded, Forest):
        values = _votes(model.loaded, env.problem, state)
        choice = HybridML(env.problem, forest=model.loaded).choose(state, None)[0][0]
        seen = derive(state.observation)[0].tolist()
        features = dict(zip(_names_of_forest(env.problem), seen, strict=True))
    else:
        agent = model.loaded.act_in(env.problem)
        kind, values = _values(agent, state)
        choice = agent.choose(state, None)[0][0]
        features = _observed(env, state.observation[0])
    loss = float(values[choice] - values[action])
    if action != choice and kind == "q_value" and abs(loss) < TIE:
        choice, loss = action, 0.0
    explored = bool(action != choice)
    if explored and not (model.exploration > 0.0 and loss < MAX_LOSS + TIE):
        raise HybridClusterError(
            f"the model of {decision['scheduler']} is not what it was: it chose action {action} on "
            f"task {decision['sequence']}, and would choose {choice} now"
        )
    return StoredPrediction(
        kind, features, tuple(values.tolist()), int(choice), explored, decision["model_version"]
    )


def _scaled_names(problem: Problem) -> tuple[str, ...]:
    return tuple(f"scaled_{name}" for name in problem.task_features.names)


def _names_of_forest(problem: Problem) -> tuple[str, ...]:
    """Names of what `derive` makes of the features."""
    first, second, memory = problem.task_features.names
    scaled = _scaled_names(problem)
    return (*scaled, f"scaled_{first}_less_{second}", f"scaled_{first}_less_{memory}")


def _observed(env: HybridClusterEnv, observation: npt.NDArray[np.float32]) -> dict[str, float]:
    """An observation by name; CPU 1 is the one that is free first."""
    found = dict(zip(_scaled_names(env.problem), observation.tolist(), strict=False))
    if env.observe_queues:
        cluster, num_tasks = env.problem.cluster, env.problem.num_tasks
        devices = [("cpu", n + 1) for n in range(len(cluster.cpus))]
        devices += [("gpu", n + 1) for n in range(len(cluster.gpus))]
        unit_s = env.problem.objective.reference.makespan_s * num_tasks
        waits_s = (observation[NUM_FEATURES:-1] * unit_s).tolist()
        found |= {f"{k}_{n}_wait_s": w for (k, n), w in zip(devices, waits_s, strict=True)}
        found["share_of_episode_left"] = float(observation[-1])
    return found


def _votes(forest: Forest, problem: Problem, state: SchedulingState) -> FloatArray:
    """Share of the trees whose GPU fraction is nearest to that of each action, (actions,)."""
    trees = forest.predict_trees(derive(state.observation))[0]
    nearest = nearest_fitting(trees, np.array(problem.gpu_fractions), state.action_mask)
    return np.bincount(nearest, minlength=len(problem.gpu_fractions)) / len(trees)


def _values(
    agent: Agent, state: SchedulingState
) -> tuple[Literal["probability", "q_value"], FloatArray]:
    """What a net gives for each action, (actions,)."""
    policy: Any = agent.policy
    features = torch.as_tensor(agent.features(state.observation))
    with torch.no_grad():
        if isinstance(policy, DQNPolicy):
            return "q_value", _array(policy.q_net(features))
        if hasattr(policy, "quantile_net"):  # sb3-contrib's QR-DQN
            return "q_value", _array(policy.quantile_net(features).mean(dim=1))
        masks = {"action_masks": state.action_mask == 1} if agent.needs_state else {}
        return "probability", _array(policy.get_distribution(features, **masks).distribution.probs)


def _array(values: torch.Tensor) -> FloatArray:
    return values[0].numpy().astype(np.float64)
