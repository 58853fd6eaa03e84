"""The server of the page, from what is checked before it begins to its end."""

from __future__ import annotations

import errno
import socket
import sys
import webbrowser
from contextlib import closing
from dataclasses import replace
from types import FrameType

from uvicorn import Server

from cpu_gpu_env.dashboard.app import make_app
from cpu_gpu_env.dashboard.services.engine_process import EngineProcess
from cpu_gpu_env.dashboard.serving import make_server
from cpu_gpu_env.dashboard.settings import DashboardSettings
from cpu_gpu_env.errors import HybridClusterError, printable
from cpu_gpu_env.results.store.commands import is_taken
from cpu_gpu_env.results.store.database import Store
from cpu_gpu_env.results.store.reading import open_reader

_ALL = ("0.0.0.0", "::")


def serve(settings: DashboardSettings, opens: bool) -> None:
    """Serve, with the engine if there is to be one, until a signal ends both.

    Args:
        settings: Of the server.
        opens: Whether to show the page in the browser.

    Raises:
        HybridClusterError: If the address is taken or not this machine's, or the store cannot be
            used.
    """
    store = Store.of(settings.store)
    if settings.engine is not None and is_taken(settings.store):
        raise store.error("another process writes to it; --no-engine shows what that one does")
    if settings.replay is not None:
        with closing(open_reader(settings.store)) as reader:
            reader.run_row(settings.replay)
    with closing(_listen(settings)) as listener:
        port = listener.getsockname()[1]
        settings = replace(settings, port=port)
        address = _address(settings.host, port)
        app = make_app(settings)
        server = make_server(app, settings)
        _tell_of_end(server, app.state.services.engine)
        print(f"the page is at {address}", flush=True)
        print(f"{_what(settings)}; Ctrl-C ends it all", flush=True)
        if opens:
            webbrowser.open(address)
        try:
            server.run(sockets=[listener])
        finally:
            for line in app.state.services.engine.last_words():
                print(line)


def _tell_of_end(server: Server, engine: EngineProcess) -> None:
    """Say at the first signal what is waited for; at the second, wait no longer."""
    handle = server.handle_exit

    def end(number: int, frame: FrameType | None) -> None:
        if server.should_exit:
            engine.hurry()
        elif engine.is_active:
            print("ending; the engine stores what it has played", file=sys.stderr, flush=True)
        handle(number, frame)

    setattr(server, "handle_exit", end)  # noqa: B010


def _what(settings: DashboardSettings) -> str:
    name = printable(Store.of(settings.store).name)
    if settings.replay is not None:
        return f"it replays run {settings.replay} of {name}"
    if settings.engine is None:
        return f"it watches {name}"
    return f"an engine writes to {name}"


def _listen(settings: DashboardSettings) -> socket.socket:
    """Bind to the address before anything starts: whether it is free shows only so."""
    host, port = settings.host, settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, place = found[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            listener.listen(128)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise HybridClusterError(
                f"port {port} of {host} is taken; --port gives another, 0 any that is free"
            ) from None
        raise HybridClusterError(f"host {host!r}, port {port}: {error.strerror}") from None
    return listener


def _address(host: str, port: int) -> str:
    """Where a browser on this machine finds the page."""
    shown = "127.0.0.1" if host in _ALL else host
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
