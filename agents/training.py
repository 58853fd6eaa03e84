"""Training with checkpoints, validation and the best agent kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

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
    check_device,
    learns_from_replay,
    make_algorithm,
)
from cpu_gpu_env.agents.checkpoint import read_progress, restore_checkpoint, save_checkpoint
from cpu_gpu_env.agents.defaults import DEFAULT_STEPS, NUM_TRAINING_ENVS
from cpu_gpu_env.agents.global_state import own_global_state
from cpu_gpu_env.agents.resuming import (
    Schedules,
    check_same_training,
    describe_resumption,
    describe_worlds,
    kept_objective,
)
from cpu_gpu_env.agents.saving import BEST_AGENT, save_agent
from cpu_gpu_env.agents.training_env import LearningVecEnv, MixtureVecEnv
from cpu_gpu_env.baselines.evaluation.play import play_episodes
from cpu_gpu_env.checks import check_count, check_number
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.event_files import cut_event_files, writing_events
from cpu_gpu_env.io.folder_lock import lock_folder
from cpu_gpu_env.io.paths import as_path
from cpu_gpu_env.problem.problem import make_problem
from cpu_gpu_env.results.held_out import TRAINED_ON, UsedEpisodes
from cpu_gpu_env.results.metrics import ENERGY, MAKESPAN, OBJECTIVE, Metric
from cpu_gpu_env.results.seeds import RUN_SEEDS, Purpose, episode_seeds

LAST_AGENT = "last.zip"
"""Name of the agent at the end of a training, in its folder."""
CHECKPOINT = "checkpoint.zip"
"""Name of what a training goes on from, in its folder."""
TRAINING_FILES = (BEST_AGENT, LAST_AGENT, CHECKPOINT)
"""Names of all that a training writes besides event files."""


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
    device: str = "cpu"
    """Where torch trains, such as ``"cuda"``: nets this small are quicker on the CPU."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "output", as_path(self.output, "output"))
        for name in ("steps", "num_envs", "evaluations", "validation_episodes", "threads"):
            check_count(name, getattr(self, name))
        if not 1 <= len(self.problems) <= self.num_envs:
            raise HybridClusterError(
                f"{len(self.problems)} problems for {self.num_envs} environments; allowed: at "
                "least one problem, and one environment each"
            )
        check_device(self.device)

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
        for name in ("output", "steps", "threads", "device"):
            del described[name]
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
        self.worlds = describe_worlds(plan.problems)
        """What clusters and workloads are, for the checkpoint."""
        self.schedules = Schedules(plan.steps)
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
        self.keep()
        # Only now: what Ctrl-C breaks off is made up for at the end.
        self._updates = model._n_updates
        self.report(model.num_timesteps, objective)

    def keep(self) -> None:
        """Write a checkpoint."""
        progress = {
            "plan": self.plan.describe(),
            "worlds": self.worlds,
            "schedules_left": self.schedules.left(self.model.num_timesteps),
        }
        save_checkpoint(self.model, progress, self.plan.output / CHECKPOINT)

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
    tell: Callable[[str], None] = lambda line: None,
) -> TrainingResult:
    """Train an agent; Ctrl-C ends the training and keeps what it has learned.

    Threads of torch and global generators of random numbers are in the end as they were before.

    Args:
        plan: What to train.
        progress: Called with the steps done.
        report: Called with (steps, validation objective) after each evaluation.
        resume: Go on from the checkpoint in the folder of the plan. Learning rate and exploration
            go on from where they were, however many steps there are to be now; curves beyond the
            checkpoint are taken out of the event files.
        tell: Called with lines that say where a resumed training goes on.

    Raises:
        HybridClusterError: If the algorithm or an argument of the environment is not valid, there
            is no checkpoint of this plan to resume, a cluster or workload is no longer what it was
            then, or another process writes into the folder.
        OSError: If a file cannot be written.
    """
    with (
        own_global_state(plan.threads),
        lock_folder(plan.output, TRAINING_FILES),
        writing_events(plan.output),
    ):
        env = make_training_env(plan)
        model = make_algorithm(plan.algo, env, plan.net_arch, plan.seed, plan.settings, plan.device)
        evaluation = Validation(plan, progress, report)
        if resume:
            _resume(plan, model, env, evaluation, tell)
        return _learn(plan, model, evaluation, fresh=not resume)


def _learn(
    plan: TrainingPlan, model: BaseAlgorithm, evaluation: Validation, fresh: bool
) -> TrainingResult:
    """Learn for the steps that are left, and keep what was learned however that ends."""
    model.set_logger(configure(str(plan.output), ["tensorboard"]))
    interrupted = False
    try:
        try:
            left = plan.steps - model.num_timesteps
            if left > 0:
                model.learn(left, evaluation, log_interval=16, reset_num_timesteps=fresh)
        except KeyboardInterrupt:
            interrupted = True
        evaluation.init_callback(model)
        if evaluation.is_behind:
            if interrupted:  # who sent SIGTERM may not wait for the evaluation
                evaluation.keep()
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
    plan: TrainingPlan,
    model: BaseAlgorithm,
    env: MixtureVecEnv,
    evaluation: Validation,
    tell: Callable[[str], None],
) -> None:
    """Bring a training to where its checkpoint left it."""
    path = plan.output / CHECKPOINT
    kept = read_progress(path)
    check_same_training(path, kept, plan.describe(), evaluation.worlds)
    left = check_number(f"{path}: field 'schedules_left'", kept.get("schedules_left"), 0.0, 1.0)
    restore_checkpoint(model, path)
    done = model.num_timesteps
    evaluation.schedules.go_on(model, left)
    evaluation.best_objective = kept_objective(plan.best)
    evaluation.passed = plan.evaluations_after(done)
    env.seed(plan.seed, done)  # other episodes than before
    tell(describe_resumption(model, plan.steps))
    if cut := cut_event_files(plan.output, done):
        tell(f"taken out of the event files: {cut:,} events after step {done:,}, to be made again")


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
