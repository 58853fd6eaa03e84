"""What is asked of engines, and what is deleted."""

from __future__ import annotations

from cpu_gpu_env.dashboard.errors import ConflictError, NotFoundError, UnavailableError
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.results.store.commands import send_command
from cpu_gpu_env.results.store.database import StoreError, UnknownError
from cpu_gpu_env.results.store.deletion import delete_run


def send(url: str, run: int, name: str, value: float | None = None) -> None:
    """Hand a command on to the engine of a run; see `send_command`.

    Raises:
        NotFoundError: If there is no such run.
        UnavailableError: If the command cannot be handed on.
    """
    try:
        send_command(url, run, name, value)
    except UnknownError as error:
        raise NotFoundError(error) from None
    except StoreError as error:
        raise UnavailableError(error) from None


def delete(url: str, run: int) -> int | None:
    """Delete a run with all that is stored of it; see `delete_run`.

    Returns:
        How many rows there were; None: the engine that writes to the store deletes it now.

    Raises:
        NotFoundError: If there is no such run.
        ConflictError: If a process is writing it.
        UnavailableError: If the store cannot be written.
    """
    try:
        return delete_run(url, run)
    except UnknownError as error:
        raise NotFoundError(error) from None
    except StoreError as error:
        raise UnavailableError(error) from None
    except HybridClusterError as error:
        raise ConflictError(error) from None
