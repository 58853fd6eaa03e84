"""Training with checkpoints, validation and the best agent kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure
from stable_baselines3.common.policies import BasePolicy

from cpu_gpu_env.agents.agent import Agent, AgentSettings
from cpu_gpu_env.agents.algorithms import (
    HIDDEN_LAYERS,
    DQNSettings,
    acting_weights,
    build_policy,
    learns_from_replay,
    make_algorithm,
)
from cpu_gpu_env.agents.checkpoint import read_progress, restore_checkpoint, save_checkpoint
from cpu_gpu_env.agents.defaults import DEFAULT_STEPS, NUM_TRAINING_ENVS
from cpu_gpu_env.agents.saving import BEST_AGENT, load_agent, save_agent
from cpu_gpu_env.agents.training_env import LearningVecEnv, MixtureVecEnv
from cpu_gpu_env.baselines.evaluation.play import play_episodes
from cpu_gpu_env.checks import check_count
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.held_out import TRAINED_ON, UsedEpisodes
from cpu_gpu_env.results.metrics import ENERGY, MAKESPAN, OBJECTIVE, Metric
from cpu_gpu_env.results.seeds import RUN_SEEDS, Purpose, episode_seeds

LAST_AGENT = "last.zip"
"""Name of the agent at the end of a training, in its folder."""
CHECKPOINT = "checkpoint.zip"
"""Name of what a training goes on from, in its folder."""


@dataclass(frozen=True)
class TrainingPlan:
    """What to train, and how long."""

    output: Path
    """Folder for agents and TensorBoard logs."""
    algo: str = "dqn"
    """Name of the algorithm."""
    steps: int = DEFAULT_STEPS
    """Environment steps, all environments together."""
    seed: int = 0
    """Seed of the training."""
    num_envs: int = NUM_TRAINING_ENVS
    """Environments stepped together, shared out over the problems."""
    evaluations: int = 12
    """Evaluations on the validation episodes (and checkpoints) over the training."""
    validation_episodes: int = 100
    """Episodes of each."""
    net_arch: tuple[int, ...] = HIDDEN_LAYERS
    """Units of each hidden layer."""
    observe_queues: bool = False
    """Whether the agent sees the queues."""
    problems: tuple[Mapping[str, Any], ...] = ({},)
    """Arguments of the environment; of several, with the same fractions, to learn them all."""
    settings: DQNSettings = field(default_factory=DQNSettings)
    """Hyperparameters of the DQNs; other algorithms have the defaults of Stable-Baselines3."""
    threads: int = 1
    """Threads of torch: nets this small are slower on several, and far slower on a busy machine."""

    def __post_init__(self) -> None:
        for name in ("steps", "num_envs", "evaluations", "validation_episodes", "threads"):
            check_count(name, getattr(self, name))
        if not 1 <= len(self.problems) <= self.num_envs:
            raise HybridClusterError(
                f"{len(self.problems)} problems for {self.num_envs} environments; allowed: at "
                "least one problem, and one environment each"
            )

    @property
    def best(self) -> Path:
        """File of the best agent."""
        return self.output / BEST_AGENT

    @property
    def context(self) -> bool:
        """Whether the agent is told which problem it is in."""
        return len(self.problems) > 1

    def evaluations_after(self, steps: int) -> int:
        """How many evaluations are due after so many steps."""
        return steps * self.evaluations // self.steps

    def describe(self) -> dict[str, Any]:
        """All that decides the outcome but the number of steps, JSON values."""
        described = asdict(self)
        del described["output"], described["steps"], described["threads"]
        described["problems"] = [
            {key: str(value) for key, value in sorted(problem.items())} for problem in self.problems
        ]
        described["net_arch"] = list(self.net_arch)
        return described


@dataclass(frozen=True)
class TrainingResult:
    """Where a training left its agents."""

    best: Path | None
    """The agent with the least validation objective; None if nothing was learned at all."""
    last: Path
    """The agent at the end."""
    best_objective: float
    """Validation objective of the best."""
    interrupted: bool
    """Whether Ctrl-C ended the training."""


class Validation(BaseCallback):
    """Plays the validation episodes, logs to TensorBoard, keeps a checkpoint and the best agent.

    Calls `progress` and `report` as `train` says.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        progress: Callable[[int], None],
        report: Callable[[int, float], None],
    ) -> None:
        super().__init__()
        self.plan, self.progress, self.report = plan, progress, report
        self.settings = _agent_settings(plan)
        self.best_objective = math.inf
        self.passed = 0
        """Evaluations that were due so far."""
        self._updates = -1

    def _on_step(self) -> bool:
        self.progress(self.num_timesteps)
        passed = self.plan.evaluations_after(self.num_timesteps)
        if passed > self.passed and self.is_behind:
            self.passed = passed
            self.evaluate()
        # A rollout that has begun is finished and learned from: it was paid for.
        return self.num_timesteps < self.plan.steps or not learns_from_replay(self.plan.algo)

    @property
    def is_behind(self) -> bool:
        """Whether the agent has learned since the last evaluation."""
        return bool(self.model._n_updates != self._updates)

    def evaluate(self) -> None:
        """Play the validation episodes with the current agent, and keep what is worth keeping."""
        plan, model = self.plan, self.model
        policy = build_policy(plan.algo, model.observation_space, model.action_space, plan.net_arch)
        policy.load_state_dict(acting_weights(model))
        policy.set_training_mode(False)
        means = self._play(policy)
        for metric, mean in means.items():
            self.logger.record(metric.validation_tag, mean)
        self.logger.dump(model.num_timesteps)
        objective = means[OBJECTIVE]
        reached = {"trained_steps": model.num_timesteps, "validation_objective": objective}
        settings = replace(self.settings, made_by={**self.settings.made_by, **reached})
        if objective < self.best_objective:
            self.best_objective = objective
            save_agent(policy, settings, plan.best)
        save_agent(policy, settings, plan.output / LAST_AGENT)
        save_checkpoint(model, {"plan": plan.describe()}, plan.output / CHECKPOINT)
        # Only now: what Ctrl-C breaks off is made up for at the end.
        self._updates = model._n_updates
        self.report(model.num_timesteps, objective)

    def _play(self, policy: BasePolicy) -> dict[Metric, float]:
        """Means over the problems' validation episodes."""
        plan, means = self.plan, dict.fromkeys((OBJECTIVE, MAKESPAN, ENERGY), 0.0)
        seeds = validation_seeds(plan.validation_episodes, len(plan.problems))
        for problem in plan.problems:
            results = play_episodes(
                lambda env: Agent(env, policy, self.settings),
                seeds,
                **problem,
                observe_queues=plan.observe_queues,
            )
            for metric in means:
                means[metric] += float(results[metric].mean()) / len(plan.problems)
        return means


def validation_seeds(episodes: int, num_problems: int) -> range:
    """Seeds of the validation episodes of each problem, which share them out."""
    return episode_seeds(Purpose.VALIDATION, max(1, episodes // num_problems))


def train(
    plan: TrainingPlan,
    progress: Callable[[int], None] = lambda steps: None,
    report: Callable[[int, float], None] = lambda steps, objective: None,
    resume: bool = False,
) -> TrainingResult:
    """Train an agent; Ctrl-C ends the training and keeps what it has learned.

    Args:
        plan: What to train.
        progress: Called with the steps done.
        report: Called with (steps, validation objective) after each evaluation.
        resume: Go on from the checkpoint in the folder of the plan.

    Raises:
        HybridClusterError: If the algorithm or an argument of the environment is not valid, or
            there is no checkpoint of this plan to resume.
    """
    torch.set_num_threads(plan.threads)
    env = make_training_env(plan)
    model = make_algorithm(plan.algo, env, plan.net_arch, plan.seed, plan.settings)
    evaluation = Validation(plan, progress, report)
    if resume:
        _resume(plan, model, env, evaluation)
    plan.output.mkdir(parents=True, exist_ok=True)
    model.set_logger(configure(str(plan.output), ["tensorboard"]))
    interrupted = False
    try:
        left = plan.steps - model.num_timesteps
        if left > 0:
            model.learn(left, evaluation, log_interval=16, reset_num_timesteps=not resume)
    except KeyboardInterrupt:
        interrupted = True
    try:
        evaluation.init_callback(model)
        if evaluation.is_behind:
            evaluation.evaluate()
    finally:
        model.logger.close()
    objective = evaluation.best_objective
    best = plan.best if objective < math.inf else None
    return TrainingResult(best, plan.output / LAST_AGENT, objective, interrupted)


def make_training_env(plan: TrainingPlan) -> MixtureVecEnv:
    """Build the environments of a plan, shared out evenly over its problems."""
    count, more = divmod(plan.num_envs, len(plan.problems))
    venvs = (
        HybridClusterVectorEnv(count + (i < more), observe_queues=plan.observe_queues, **problem)
        for i, problem in enumerate(plan.problems)
    )
    return MixtureVecEnv([LearningVecEnv(venv, plan.context) for venv in venvs])


def _resume(
    plan: TrainingPlan, model: BaseAlgorithm, env: MixtureVecEnv, evaluation: Validation
) -> None:
    """Bring a training to where its checkpoint left it."""
    path = plan.output / CHECKPOINT
    before, described = read_progress(path).get("plan"), plan.describe()
    if before != described:
        known = before if isinstance(before, dict) else {}
        differing = sorted(
            name for name in {*known, *described} if known.get(name) != described.get(name)
        )
        raise HybridClusterError(
            f"{path}: the checkpoint is of another training; differing: {', '.join(differing)}"
        )
    restore_checkpoint(model, path)
    evaluation.best_objective = _kept_objective(plan.best)
    evaluation.passed = plan.evaluations_after(model.num_timesteps)
    env.seed(plan.seed, model.num_timesteps)  # other episodes than before


def _kept_objective(path: Path) -> float:
    """What the agent of a file has reached; infinite if there is none, so that any is better.

    The file tells, not the checkpoint: it may be younger, or gone.
    """
    try:
        reached = load_agent(path).settings.made_by.get("validation_objective")
    except HybridClusterError:
        return math.inf
    return reached if isinstance(reached, float) else math.inf


def _agent_settings(plan: TrainingPlan) -> AgentSettings:
    problems = [make_problem(**problem) for problem in plan.problems]
    problem = problems[0]
    # Environments go on from their first seed, and a training that was resumed from further ones.
    learned = episode_seeds(Purpose.TRAINING, RUN_SEEDS, run=plan.seed)
    chosen = validation_seeds(plan.validation_episodes, len(problems))
    used = [
        UsedEpisodes.of(purpose, seeds, each).to_json()
        for purpose, seeds in ((Purpose.TRAINING, learned), (Purpose.VALIDATION, chosen))
        for each in problems
    ]
    made_by = {**plan.describe(), "reward": "agents.learning_env", TRAINED_ON: used}
    if not learns_from_replay(plan.algo):
        del made_by["settings"]
    return AgentSettings(
        algo=plan.algo,
        net_arch=tuple(plan.net_arch),
        num_actions=len(problem.gpu_fractions),
        observe_queues=plan.observe_queues,
        gpu_fractions=problem.gpu_fractions,
        context=plan.context,
        made_by=made_by,
    )
