"""Training with checkpoints, held-out evaluation and the best model kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure

from cpu_gpu_env.agents.algorithms import NUM_TRAINING_ENVS, DQNSettings, make_algorithm
from cpu_gpu_env.agents.files import BEST_AGENT, save_agent
from cpu_gpu_env.agents.sb3_vec_env import HybridClusterVecEnv
from cpu_gpu_env.baselines.evaluation import play_episodes
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.vector_env import HybridClusterVectorEnv

VALIDATION_SEED = 500_000
"""Episodes that choose the best model; apart from training and from evaluation seeds."""


@dataclass(frozen=True)
class TrainingPlan:
    """What to train, and how long."""

    output: Path
    """Folder for agents and TensorBoard logs."""
    algo: str = "dqn"
    """Name of the algorithm."""
    steps: int = 60_000
    """Environment steps, all environments together."""
    seed: int = 0
    """Seed of the training."""
    num_envs: int = NUM_TRAINING_ENVS
    """Environments stepped together."""
    evaluations: int = 12
    """Held-out evaluations (and checkpoints) over the training."""
    validation_episodes: int = 30
    """Episodes of each."""
    net_arch: tuple[int, ...] = (256, 256)
    """Units of each hidden layer."""
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    """Arguments of the environment."""

    def __post_init__(self) -> None:
        for name in ("steps", "num_envs", "evaluations", "validation_episodes"):
            if getattr(self, name) < 1:
                raise HybridClusterError(f"{name} is {getattr(self, name)}; allowed: >= 1")

    @property
    def best(self) -> Path:
        """File of the best agent."""
        return self.output / BEST_AGENT


@dataclass(frozen=True)
class TrainingResult:
    """Where a training left its agents."""

    best: Path | None
    """The agent with the least held-out objective; None if the first evaluation was not reached."""
    last: Path
    """The agent at the end."""
    best_objective: float
    """Held-out objective of the best."""
    interrupted: bool
    """Whether Ctrl-C ended the training."""


class HeldOutEvaluation(BaseCallback):
    """Evaluates on fixed episodes, logs to TensorBoard, and keeps checkpoints and the best agent.

    Args:
        plan: The training.
        settings: What is written beside the weights.
        report: Called with (steps, objective) after each evaluation.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        settings: dict[str, Any],
        report: Callable[[int, float], None] | None = None,
    ) -> None:
        super().__init__()
        self.plan, self.settings, self.report = plan, settings, report
        self.best_objective = float("inf")
        self._interval = max(1, plan.steps // plan.evaluations)
        self._next = self._interval

    def _on_step(self) -> bool:
        if self.num_timesteps >= self._next:
            self._next += self._interval
            self.evaluate()
        return True

    def evaluate(self) -> None:
        """Play the held-out episodes with the current agent."""
        plan = self.plan
        seeds = range(VALIDATION_SEED, VALIDATION_SEED + plan.validation_episodes)
        results = play_episodes(lambda _: self.model, seeds, **plan.env_kwargs)
        objective = float(results.objective.mean())
        self.logger.record("heldout/objective", objective)
        self.logger.record("heldout/makespan_s", float(results.makespan_s.mean()))
        self.logger.record("heldout/energy_j", float(results.energy_j.mean()))
        self.logger.dump(self.num_timesteps)
        settings = {
            **self.settings,
            "trained_steps": self.num_timesteps,
            "heldout_objective": objective,
        }
        checkpoint = plan.output / "checkpoints" / f"step_{self.num_timesteps:09d}.zip"
        save_agent(self.model.policy, settings, checkpoint)
        if objective < self.best_objective:
            self.best_objective = objective
            save_agent(self.model.policy, settings, plan.best)
        if self.report is not None:
            self.report(self.num_timesteps, objective)


class Progress(BaseCallback):
    """Tells the number of steps done, for a progress bar."""

    def __init__(self, update: Callable[[int], None]) -> None:
        super().__init__()
        self._update = update

    def _on_step(self) -> bool:
        self._update(self.num_timesteps)
        return True


def train(
    plan: TrainingPlan,
    progress: Callable[[int], None] = lambda steps: None,
    report: Callable[[int, float], None] | None = None,
) -> TrainingResult:
    """Train an agent; Ctrl-C ends the training and keeps what it has learned.

    Raises:
        HybridClusterError: If the algorithm or an argument of the environment is not valid.
    """
    venv = HybridClusterVectorEnv(plan.num_envs, **plan.env_kwargs)
    env = HybridClusterVecEnv(venv)
    model = make_algorithm(plan.algo, env, plan.net_arch, plan.seed)
    plan.output.mkdir(parents=True, exist_ok=True)
    model.set_logger(configure(str(plan.output), ["tensorboard"]))
    settings = _describe(plan, venv, model)
    evaluation = HeldOutEvaluation(plan, settings, report)
    try:
        model.learn(plan.steps, callback=[Progress(progress), evaluation], log_interval=16)
        interrupted = False
    except KeyboardInterrupt:
        interrupted = True
    finally:
        model.logger.close()
    last = plan.output / "last.zip"
    save_agent(model.policy, {**settings, "trained_steps": model.num_timesteps}, last)
    evaluated = evaluation.best_objective < float("inf")
    return TrainingResult(
        plan.best if evaluated else None, last, evaluation.best_objective, interrupted
    )


def _describe(
    plan: TrainingPlan, venv: HybridClusterVectorEnv, model: BaseAlgorithm
) -> dict[str, Any]:
    problem = venv.problem
    return {
        "algo": plan.algo,
        "net_arch": list(plan.net_arch),
        "observe_queues": venv.observe_queues,
        "gpu_fractions": list(problem.gpu_fractions),
        "cluster": problem.cluster.name,
        "workload": problem.workload.name,
        "num_tasks": problem.num_tasks,
        "energy_weight": problem.objective.energy_weight,
        "load": problem.load,
        "noise": problem.noise,
        "seed": plan.seed,
        "num_envs": plan.num_envs,
        "gamma": float(getattr(model, "gamma", 0.0)),
        "settings": asdict(DQNSettings()) if plan.algo == "dqn" else {},
    }
