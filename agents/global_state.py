"""What a training changes for the whole process, and puts back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def own_global_state(threads: int) -> Iterator[None]:
    """Give torch its threads, and put back in the end what a training changes for all.

    Stable-Baselines3 seeds the global generators of Python, NumPy and torch, and draws from them.
    """
    before = torch.get_num_threads(), random.getstate(), torch.get_rng_state()
    numpy_before = np.random.get_state()  # noqa: NPY002
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        random.setstate(before[1])
        torch.set_rng_state(before[2])
        np.random.set_state(numpy_before)  # noqa: NPY002
