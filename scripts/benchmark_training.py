"""Measure the training of a DQN against plain Stable-Baselines3 and SBX (JAX) in the same run."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest import mock

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

import gymnasium as gym

from cpu_gpu_env import ENV_ID
from cpu_gpu_env.agents.defaults import NUM_TRAINING_ENVS
from cpu_gpu_env.envs.vector_env import HybridClusterVectorEnv
from cpu_gpu_env.scripts import command, terminal

if TYPE_CHECKING:
    from rich.table import Table

OURS, PLAIN, SBX = "HybridCluster", "Stable-Baselines3", "SBX"
MAX_ENVS = 4_096
SAME: tuple[str, ...] = ("gamma", "tau", "buffer_size", "batch_size", "gradient_steps")
SAME += ("learning_starts", "exploration_fraction", "exploration_final_eps")
"""Settings of our DQN that the others have under the same name."""
REST = "everything else"
"""Part of a training that no other part accounts for."""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = command.Parser(
        "benchmark-training",
        "Measure environment steps and gradient steps per second of a DQN's training, with the "
        "same hidden layers, batches and gradient steps a step: as train.py trains it, by "
        "Stable-Baselines3 in a DummyVecEnv of gym.make environments, and by SBX in the same.",
        "--rounds 31",
    )
    parser.add("--rounds", command.positive, 15, "the median of so many ratios")
    parser.add("--steps", command.positive, 2_048, "environment steps of each")
    parser.add(
        "--num-envs", command.whole_number(1, MAX_ENVS), NUM_TRAINING_ENVS, "environments at once"
    )
    parser.add_argument("--observe-queues", action="store_true", help="show the agent the queues")
    parser.add("--threads", command.cores, 1, "threads of torch and of JAX")
    parser.add_argument(
        "--profile",
        action="store_true",
        help="tell where the time of this package's training goes, instead of comparing",
    )
    parser.add_seed("seed of the trainings")
    return parser.parse_args(argv)


@command.entry_point(parse_arguments)
def main(arguments: argparse.Namespace) -> int:
    """Measure and print the table."""
    import torch
    from stable_baselines3 import DQN

    torch.set_num_threads(arguments.threads)
    if arguments.profile:
        return _profile(arguments)
    ours = _ours(arguments)
    models = {OURS: ours, PLAIN: _peer(DQN, ours, arguments)}
    if find_spec("sbx") is not None:
        models[SBX] = _peer(_import_sbx(arguments.threads), ours, arguments)
    rounds: list[dict[str, tuple[float, float]]] = []
    total = len(models) * (arguments.rounds + 1)
    try:
        with terminal.progress_bar(total=total, desc="training") as bar:
            # The first fills the buffers and compiles, and does not count.
            for model in models.values():
                _measure(model, model.learning_starts + arguments.steps)
                bar.update()
            for _ in range(arguments.rounds):
                rates = {}
                for name, model in models.items():
                    rates[name] = _measure(model, arguments.steps)
                    bar.update()
                rounds.append(rates)
    finally:
        if rounds:  # after Ctrl-C what is measured, too
            terminal.print_tables(_table(rounds, ours, arguments.threads))
    if SBX not in models:
        print('SBX (JAX) is not installed and left out; to have it: pip install ".[sbx]"')
    return 0


def _ours(arguments: argparse.Namespace) -> Any:
    from cpu_gpu_env.agents.algorithms import make_algorithm
    from cpu_gpu_env.agents.training import TrainingPlan, make_training_env

    plan = TrainingPlan(
        Path("runs"),  # where nothing is written: the plan is not carried out
        seed=arguments.seed,
        num_envs=arguments.num_envs,
        observe_queues=arguments.observe_queues,
        threads=arguments.threads,
    )
    env = make_training_env(plan)
    return make_algorithm(plan.algo, env, plan.net_arch, plan.seed, settings=plan.settings)


def _peer(algorithm: type[Any], ours: Any, arguments: argparse.Namespace) -> Any:
    """The algorithm of somebody else with the settings of ours."""
    from stable_baselines3.common.vec_env import DummyVecEnv

    make = partial(gym.make, ENV_ID, observe_queues=arguments.observe_queues)
    env = DummyVecEnv([make] * arguments.num_envs)  # one by one, as anybody would have them
    return algorithm(
        "MlpPolicy",
        env,
        learning_rate=ours.lr_schedule(1.0),
        train_freq=(ours.train_freq.frequency, ours.train_freq.unit.value),
        target_update_interval=ours.target_update_interval * env.num_envs,
        policy_kwargs={"net_arch": list(ours.policy.net_arch)},
        seed=arguments.seed,
        device="cpu",
        **{name: getattr(ours, name) for name in SAME},
    )


def _import_sbx(threads: int) -> type[Any]:
    """SBX's DQN, with JAX held to so many threads."""
    if threads == 1:
        one = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {one}".strip()
    os.environ["NPROC"] = str(threads)
    import sbx

    return sbx.DQN  # type: ignore[no-any-return]


def _measure(model: Any, steps: int) -> tuple[float, float]:
    """Environment steps and gradient steps per second."""
    steps_before, updates_before, begin = model.num_timesteps, model._n_updates, time.perf_counter()
    model.learn(steps, log_interval=None, reset_num_timesteps=False)
    seconds = time.perf_counter() - begin
    updates = model._n_updates - updates_before
    return (model.num_timesteps - steps_before) / seconds, updates / seconds


def _table(rounds: list[dict[str, tuple[float, float]]], ours: Any, threads: int) -> Table:
    table = terminal.new_table(
        f"{ours.n_envs} environments, {ours.gradient_steps} gradient steps of "
        f"{ours.batch_size} transitions every {ours.train_freq.frequency} steps of each, "
        f"{threads} thread(s); medians of {len(rounds)} interleaved rounds",
        *("training", "steps/s", "gradient steps/s", "HybridCluster over it"),
    )
    for name in rounds[0]:
        steps, updates = (median(rates[name][i] for rates in rounds) for i in range(2))
        ratios = [rates[OURS][0] / rates[name][0] for rates in rounds]
        spread = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        table.add_row(name, f"{steps:,.0f}", f"{updates:,.0f}", "" if name == OURS else spread)
    return table


class Stopwatch:
    """Sums the time spent in functions, each without that of the watched functions it calls."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """Time in each part [s]."""
        self._running = [REST]
        self._since = time.perf_counter()

    def watch(self, owner: Any, method: str, part: str) -> Callable[[], None]:
        """Count the calls of a method of an object, class or module as a part; return the end."""
        original = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._tick()
            self._running.append(part)
            try:
                return original(*args, **kwargs)
            finally:
                self.leave()

        patch = mock.patch.object(owner, method, timed)
        patch.start()
        return patch.stop

    def leave(self) -> None:
        """Leave the part that runs; the last to be left is everything else."""
        self._tick()
        self._running.pop()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now


def _profile(arguments: argparse.Namespace) -> int:
    """Print which share of our training's time each part takes."""
    model, total = _ours(arguments), arguments.rounds + 1
    with terminal.progress_bar(total=total, desc="training") as bar, ExitStack() as ends:
        _measure(model, model.learning_starts + arguments.steps)
        bar.update()
        steps, watch = model.num_timesteps, Stopwatch()
        for watched in _parts(model):
            ends.callback(watch.watch(*watched))
        try:
            for _ in range(arguments.rounds):
                _measure(model, arguments.steps)
                bar.update()
        finally:
            watch.leave()
            bar.close()
            terminal.print_tables(_shares(watch.seconds, model.num_timesteps - steps))
    return 0


def _shares(seconds: Mapping[str, float], steps: int) -> Table:
    total = sum(seconds.values())
    title = f"{steps:,} steps of the environments, {steps / total:,.0f} a second"
    table = terminal.new_table(title, "part of the training", "share", "µs a step")
    for part, spent in sorted(seconds.items(), key=lambda item: -item[1]):
        table.add_row(part, f"{spent / total:.1%}", f"{spent / max(steps, 1) * 1e6:.2f}")
    return table


def _parts(model: Any) -> list[tuple[Any, str, str]]:
    """Methods, and the part of the training that their time counts as."""
    import torch

    from cpu_gpu_env.agents import action_dqn

    return [
        (HybridClusterVectorEnv, "step", "step the environments"),
        (model.env, "step_wait", "features and reward"),
        (model, "predict", "choose actions"),
        (model.replay_buffer, "add", "store transitions"),
        (model.replay_buffer, "sample", "sample transitions"),
        (model, "train", "forward and loss"),
        (torch.Tensor, "backward", "backward"),
        (action_dqn, "clip_grad_norm_", "clip gradients"),
        (model.policy.optimizer, "zero_grad", "optimiser"),
        (model.policy.optimizer, "step", "optimiser"),
    ]


if __name__ == "__main__":
    sys.exit(main())
