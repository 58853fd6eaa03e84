"""The store as the server reads it: opened when it is first needed, and again after trouble."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cpu_gpu_env.dashboard.errors import NotFoundError, UnavailableError
from cpu_gpu_env.results.store.database import Store, StoreError, UnknownError
from cpu_gpu_env.results.store.reading import StoreReader, open_reader


class StoreSource:
    """Lends out a reader of a store, to any number of threads at once.

    Args:
        url: Path or URL of the store; it need not be there yet.

    Raises:
        HybridClusterError: If it is neither.
    """

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self._url = url
        self.store = Store.of(url)
        """Where it is; its name holds no password."""
        self._lock = threading.Lock()
        self._reader: StoreReader | None = None

    @contextmanager
    def reading(self) -> Iterator[StoreReader]:
        """Lend the reader for a block.

        Raises:
            NotFoundError: If the block asks for a run, scheduler, episode or task that is unknown.
            UnavailableError: If the store cannot be opened or read, or there is none yet.
        """
        try:
            yield self._open()
        except UnknownError as error:
            raise NotFoundError(error) from None
        except StoreError as error:
            self.close()
            raise UnavailableError(error) from None

    def _open(self) -> StoreReader:
        with self._lock:
            if self._reader is None:
                self._reader = open_reader(self._url, pooled=True)
            return self._reader

    def close(self) -> None:
        """Close the connections that nobody uses; the next block opens the store again."""
        with self._lock:
            reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()
