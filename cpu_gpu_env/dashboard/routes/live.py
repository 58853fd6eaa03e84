"""The newest state, once or all along.

The socket only sends. Its messages are those of `schemas.live.Message`: a snapshot first, then
changes, at most ten a second; a snapshot again where a client has missed some or another run is
watched. It is closed with code

- 1008 if the client has not read for `PATIENCE_S`;
- 1009 if it sends a message that is too long: what it sends is read slowly, and ignored;
- 1011 if it does not answer pings, or something went wrong here;
- 1012 if the server ends;
- 1013 if too many sockets are open;
- 4404 if there is no such run, or it was deleted.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query, WebSocket
from starlette.websockets import WebSocketDisconnect

from cpu_gpu_env.dashboard.errors import NotFoundError
from cpu_gpu_env.dashboard.routes.dependencies import ServicesOfApp
from cpu_gpu_env.dashboard.schemas.base import Refusal
from cpu_gpu_env.dashboard.schemas.control import MAX_RUN
from cpu_gpu_env.dashboard.schemas.live import ServerState, State
from cpu_gpu_env.dashboard.services.container import Services
from cpu_gpu_env.dashboard.services.hub import Client

PATIENCE_S = 10.0
"""So long a client may leave what was sent unread [s]."""
TOO_SLOW, TOO_MANY, NO_SUCH_RUN = 1008, 1013, 4404
_LISTEN_S = 0.02
_PARTING_S = 2.0
_MAX_REASON_BYTES = 120

router = APIRouter(tags=["live"])
WatchedRun = Annotated[int | None, Query(ge=1, le=MAX_RUN, description="None: the newest stream.")]


@router.get("/api/state", responses={404: {"model": Refusal}})
async def get_state(services: ServicesOfApp, run: WatchedRun = None) -> State:
    """Tell the newest state of a run."""
    return await services.live.state(run)


@router.get("/api/status")
async def get_status(services: ServicesOfApp) -> ServerState:
    """Tell of the server itself."""
    return (await services.live.state()).server


@router.websocket("/ws")
async def watch(websocket: WebSocket, services: ServicesOfApp, run: WatchedRun = None) -> None:
    """Send the newest state of a run, again and again."""
    await websocket.accept()
    if services.live.is_full:
        await _close(websocket, TOO_MANY, "too many sockets are open")
        return
    with services.live.watching(run) as client:
        tasks = [
            asyncio.create_task(_send_all(websocket, client, services)),
            asyncio.create_task(_ignore_all(websocket)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
            raise result


async def _send_all(websocket: WebSocket, client: Client, services: Services) -> None:
    """Send until the run is gone or nobody reads."""
    try:
        while True:
            message = await client.next_message()
            await asyncio.wait_for(websocket.send_text(message), PATIENCE_S)
            services.telemetry.messages.inc()
    except NotFoundError as error:
        reason = str(error).encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
        await _close(websocket, NO_SUCH_RUN, reason)
    except asyncio.TimeoutError:
        services.telemetry.too_slow.inc()
        await _close(websocket, TOO_SLOW, f"it was not read for {PATIENCE_S:g} s")


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    # Where the server holds senders back, the last word, too, waits for a client that reads.
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(websocket.close(code, reason), _PARTING_S)


async def _ignore_all(websocket: WebSocket) -> None:
    """Read what a client sends, so slowly that it costs nothing, until it leaves."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        await asyncio.sleep(_LISTEN_S)
