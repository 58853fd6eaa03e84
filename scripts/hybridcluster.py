"""All commands under one name: hybridcluster COMMAND [its arguments]."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from importlib import import_module

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env import __version__
from cpu_gpu_env.errors import unknown_name
from cpu_gpu_env.scripts.command import CONSOLE, run

COMMANDS = {
    "profile-hardware": "measure this machine and write it down as a profile",
    "validate-profile": "judge a measured profile by kernels that it has not seen",
    "describe-workload": "describe a workload on a cluster, in tables and a picture",
    "train": "train an agent, or fit a forest to the oracle",
    "compare": "compare all schedulers on the same held-out episodes",
    "transfer": "compare schedulers on other clusters and loads",
    "pareto": "sweep the energy weight: makespan against energy",
    "plot-gaps": "draw the gaps of a comparison to the certified bound",
    "plot-learning": "draw learning curves of trainings",
    "draw-schedule": "draw the schedule of an episode, or how it grows",
    "make-pretrained": "train the schedulers that come with the package",
    "benchmark": "measure steps per second against Gymnasium's CartPole",
    "benchmark-training": "measure training against plain Stable-Baselines3 and SBX",
    "benchmark-oracle": "measure the oracle and its bound",
}
"""Name -> what it does; its module has the same name with underscores."""


def main(argv: list[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if name not in COMMANDS:
        return run(_explain, argparse.Namespace(name=name))
    command = import_module(f"cpu_gpu_env.scripts.{name.replace('-', '_')}")
    return int(command.main(rest))


def _explain(arguments: argparse.Namespace) -> int:
    if arguments.name == "--version":
        print(f"{CONSOLE} {__version__}")
        return 0
    if arguments.name not in ("-h", "--help"):
        raise unknown_name("command", arguments.name, COMMANDS)
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {does}" for name, does in COMMANDS.items()]
    print(f"usage: {CONSOLE} COMMAND [ARGUMENTS]\n\ncommands:", *lines, sep="\n")
    print(f"\nexample:\n  {CONSOLE} train --help")
    return 0


if __name__ == "__main__":
    sys.exit(main())
