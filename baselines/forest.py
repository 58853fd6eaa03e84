"""A random forest as plain arrays: small files that run no code, and fast single predictions."""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.atomic_file import write_bytes_atomically
from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.tasks import FloatArray

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

FORMAT_VERSION = 1
_ARRAYS = {
    "root": "i4",
    "feature": "i4",
    "threshold": "f8",
    "left": "i4",
    "right": "i4",
    "value": "f8",
}


@dataclass(frozen=True, eq=False)
class Forest:
    """The trees of a regression forest, their nodes in common arrays."""

    root: npt.NDArray[np.int32]
    """(trees,): first node of each tree."""
    feature: npt.NDArray[np.int32]
    """(nodes,): which feature a node looks at."""
    threshold: FloatArray
    """(nodes,): a feature that is at most this goes left."""
    left: npt.NDArray[np.int32]
    """(nodes,): next node; a leaf names itself."""
    right: npt.NDArray[np.int32]
    """(nodes,): next node; a leaf names itself."""
    value: FloatArray
    """(nodes,): prediction of a leaf."""
    depth: int
    """Steps from any root to its leaves at most."""
    settings: dict[str, Any]
    """What made it, JSON values."""

    @staticmethod
    def of(regressor: RandomForestRegressor, settings: dict[str, Any]) -> Forest:
        """Copy the trees of a fitted scikit-learn forest."""
        trees = [estimator.tree_ for estimator in regressor.estimators_]
        root = np.cumsum([0] + [tree.node_count for tree in trees])
        columns: dict[str, list[Any]] = {name: [] for name in _ARRAYS}
        for first, tree in zip(root, trees, strict=False):
            node = np.arange(tree.node_count)
            is_leaf = tree.children_left < 0
            columns["feature"].append(np.where(is_leaf, 0, tree.feature))
            columns["threshold"].append(tree.threshold)
            columns["left"].append(first + np.where(is_leaf, node, tree.children_left))
            columns["right"].append(first + np.where(is_leaf, node, tree.children_right))
            columns["value"].append(tree.value[:, 0, 0])
        columns["root"] = [root[:-1]]
        arrays = {name: np.concatenate(columns[name]).astype(t) for name, t in _ARRAYS.items()}
        return Forest(**arrays, depth=max(tree.max_depth for tree in trees), settings=settings)

    def predict(self, features: npt.NDArray[Any]) -> FloatArray:
        """Predict for each row of features (n, d); returns (n,), the median over the trees.

        Where the examples are of two minds, a median takes sides and a mean takes neither.
        """
        # scikit-learn compares float32 features, too.
        rows = np.asarray(features, dtype=np.float32)
        every = np.arange(len(rows))[:, None]
        node = np.broadcast_to(self.root, (len(rows), len(self.root)))
        for _ in range(self.depth):
            goes_left = rows[every, self.feature[node]] <= self.threshold[node]
            node = np.where(goes_left, self.left[node], self.right[node])
        return np.asarray(np.median(self.value[node], axis=1))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the forest as ``*.npz``, whole or not at all."""
        header = {"format_version": FORMAT_VERSION, "depth": self.depth, "settings": self.settings}
        content = io.BytesIO()
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
        np.savez_compressed(content, header=np.array(json.dumps(header)), **arrays)
        write_bytes_atomically(path, content.getvalue())


def load_forest(path: str | os.PathLike[str]) -> Forest:
    """Read a forest; nothing in the file is run.

    Raises:
        HybridClusterError: If the file is missing, damaged, or no forest.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            arrays = {name: np.asarray(file[name], dtype=kind) for name, kind in _ARRAYS.items()}
            forest = Forest(**arrays, depth=int(header["depth"]), settings=header["settings"])
        version = header["format_version"]
    except OSError as error:
        raise HybridClusterError(f"{path}: cannot read the forest: {error.strerror}") from None
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError) as error:
        raise HybridClusterError(f"{path}: not a forest: {error}") from None
    if version != FORMAT_VERSION:
        raise HybridClusterError(
            f"{path}: field 'format_version' is {version!r}; allowed: {FORMAT_VERSION}"
        )
    _check(forest, path)
    return forest


def _check(forest: Forest, path: str | os.PathLike[str]) -> None:
    """Refuse nodes that lead nowhere."""
    nodes, features = len(forest.feature), forest.settings.get("num_features")
    sound = (
        isinstance(features, int)
        and 0 <= forest.depth <= nodes
        and len(forest.root) > 0
        and all(len(getattr(forest, name)) == nodes for name in _ARRAYS if name != "root")
        and all(
            getattr(forest, name).min() >= 0 and getattr(forest, name).max() < limit
            for name, limit in (
                ("root", nodes),
                ("left", nodes),
                ("right", nodes),
                ("feature", features),
            )
        )
    )
    if not sound:
        raise HybridClusterError(f"{path}: not a forest: its arrays do not fit one another")
