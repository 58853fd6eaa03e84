"""All commands under one name: hybridcluster COMMAND [its arguments]."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from cpu_gpu_env import __version__
from cpu_gpu_env.errors import unknown_name
from cpu_gpu_env.scripts.command import CONSOLE, run

COMMANDS = {
    path.stem.replace("_", "-"): path.read_text(encoding="utf-8").split('"""')[1].split("\n")[0]
    for path in sorted(Path(__file__).parent.glob("*.py"))
    if path.name != Path(__file__).name
    and "\n@command.entry_point(" in path.read_text(encoding="utf-8")
}
"""Name of each command in this folder -> what it does, the first line of its module."""


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
