"""Watch schedulers compete on a page: start an engine and the server of the page."""

from __future__ import annotations

import argparse
import codecs
import os
import signal
import sys

if __name__ == "__main__":  # Ctrl-C during the imports below
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))

from pathlib import Path

from cpu_gpu_env.dashboard.settings import (
    DEFAULT_HOST,
    DEFAULT_PORT,
    MAX_TOKEN,
    TOKEN_VARIABLE,
    DashboardSettings,
    check_token,
)
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.scripts import command, stream

ENGINE = ("--quick-oracle", "--online")
"""Arguments of stream.py unless told: a quick oracle brings news every second or two."""


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line; ``engine`` holds what stands behind ``--``."""
    words = sys.argv[1:] if argv is None else argv
    cut = words.index("--") if "--" in words else len(words)
    own, engine = words[:cut], words[cut + 1 :]
    parser = _make_parser()
    arguments = parser.parse_args(own)
    if "--" not in words:
        engine = list(ENGINE)
    elif arguments.no_engine or arguments.replay is not None:
        parser.error("arguments of an engine stand behind --, but there is to be none")
    arguments.engine = engine
    return arguments


def _make_parser() -> command.Parser:
    parser = command.Parser(
        "dashboard",
        "Stream tasks through all schedulers and watch them compete on a page in the browser. "
        "What stands behind -- are arguments of stream.py for the engine, by default "
        f"{' '.join(ENGINE)}, which others replace.",
        f"--port 8080 -- {' '.join(ENGINE)} --speed 20x --drift mix",
    )
    parser.add_store("file or URL of the results")
    parser.add("--host", str, DEFAULT_HOST, "address to bind to; others need a token")
    parser.add("--port", command.whole_number(0, 65535), DEFAULT_PORT, "port; 0: any that is free")
    parser.add_argument(
        "--token-file",
        type=command.path,
        metavar="FILE",
        help=f"file with a token that every request must bring (or in {TOKEN_VARIABLE})",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="name by which the server is reached, too, such as that of a proxy; may be repeated",
    )
    plays = parser.add_mutually_exclusive_group()
    plays.add_argument(
        "--replay", type=command.whole_number(1, 2**31 - 1), metavar="RUN", help="play a stored run"
    )
    plays.add_argument("--no-engine", action="store_true", help="watch what others write")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    usage = parser.format_usage().partition(": ")[2].rstrip()
    parser.usage = f"{usage} [-- ARGUMENTS OF stream.py]"
    return parser


def make_settings(arguments: argparse.Namespace) -> DashboardSettings:
    """What the command line says of the server.

    Raises:
        HybridClusterError: If the token cannot be read, or an argument is not valid.
    """
    plays = not arguments.no_engine and arguments.replay is None
    return DashboardSettings(
        store=arguments.store,
        host=arguments.host,
        port=arguments.port,
        token=_read_token(arguments.token_file),
        allowed_hosts=tuple(arguments.allow_host),
        engine=stream.canonical_words(arguments.engine) if plays else None,
        replay=arguments.replay,
    )


def _read_token(file: Path | None) -> str | None:
    """Read the token of the file, else of the environment; None: there is none."""
    if file is None:
        given = os.environ.get(TOKEN_VARIABLE)
        return check_token(TOKEN_VARIABLE, given.strip()) if given else None
    try:
        with file.open("rb") as opened:
            content = opened.read(2 * MAX_TOKEN)
    except OSError as error:
        raise HybridClusterError(f"token file {file}: {error.strerror}") from None
    content = content.removeprefix(codecs.BOM_UTF8)
    return check_token(f"the token in {file}", content.decode("latin-1").strip())


@command.entry_point(parse_arguments)
def main(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    settings = make_settings(arguments)
    from cpu_gpu_env.scripts.serving import serve

    try:
        serve(settings, arguments.open)
    except KeyboardInterrupt:
        plays = settings.engine is not None
        return command.interrupted(
            "all that was played is stored" if plays else "nothing was being written"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
