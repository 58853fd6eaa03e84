"""Trained schedulers that come with the package, by name.

`scripts/make_pretrained.py` makes them; ``models/MODEL_CARD.md`` says how, and what they reach.
"""

from __future__ import annotations

from pathlib import Path

from cpu_gpu_env.errors import unknown_name

MODELS = Path(__file__).parent / "models"
"""Folder of the files."""
PRETRAINED = {
    "dqn": "dqn.zip",
    "dqn-queues": "dqn-queues.zip",
    "random-forest": "random-forest.npz",
}
"""Name -> file: the DQN on three features, the DQN with queues, and the forest of Hybrid ML."""
PRETRAINED_FOREST = "random-forest"
"""The last of these, fitted to sizes and intensities."""


def pretrained_path(name: str) -> Path:
    """Find the file of a pretrained scheduler.

    Raises:
        HybridClusterError: If there is none of that name.
    """
    if name not in PRETRAINED:
        raise unknown_name("pretrained scheduler", name, PRETRAINED)
    return MODELS / PRETRAINED[name]
