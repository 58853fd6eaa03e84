"""A random forest as plain arrays: small files that run no code, and fast single predictions."""

from __future__ import annotations

import io
import json
import os
import reprlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.errors import HybridClusterError
from cpu_gpu_env.io.atomic_files import write_bytes_atomically
from cpu_gpu_env.io.bounded_zip import read_members
from cpu_gpu_env.model.tasks import FloatArray

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

FORMAT_VERSION = 1
MAX_HEADER_BYTES = 2**22
MAX_ARRAY_BYTES = 2**26
"""Eight million nodes; a forest of `train.py` has some hundred thousand."""
MAX_TREES = 10_000
MAX_DEPTH = 1_000
_HEADER = "header"
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
        header = {"format_version": FORMAT_VERSION, "settings": self.settings}
        content = io.BytesIO()
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
        arrays[_HEADER] = np.array(json.dumps(header))
        np.savez_compressed(content, **arrays)
        write_bytes_atomically(path, content.getvalue())


def load_forest(path: str | os.PathLike[str], num_features: int | None = None) -> Forest:
    """Read a forest; nothing in the file is run, and no size that it claims is believed.

    Args:
        path: File that `Forest.save` wrote.
        num_features: Features that it will be given; None: as many as it wants.

    Raises:
        HybridClusterError: If the file is missing, damaged, no forest, or one for other features.
    """
    limits = {f"{_HEADER}.npy": MAX_HEADER_BYTES}
    limits.update({f"{name}.npy": MAX_ARRAY_BYTES for name in _ARRAYS})
    members = read_members(path, limits, "forest")
    try:
        settings = _parse_header(_parse_array(_HEADER, members[f"{_HEADER}.npy"]))
        wanted = settings.get("num_features")
        if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
            raise _wrong("num_features", wanted, "a whole number >= 1")
        if num_features is not None and wanted != num_features:
            raise _wrong("num_features", wanted, str(num_features))
        arrays = {
            name: _check_column(name, _parse_array(name, members[f"{name}.npy"]), np.dtype(kind))
            for name, kind in _ARRAYS.items()
        }
        return Forest(**arrays, depth=_check_trees(arrays, wanted), settings=settings)
    except HybridClusterError as error:
        raise HybridClusterError(f"{path}: not a forest: {error}") from None


def _wrong(field: str, value: Any, allowed: str) -> HybridClusterError:
    return HybridClusterError(f"field {field!r} is {reprlib.repr(value)}; allowed: {allowed}")


def _parse_array(name: str, content: bytes) -> npt.NDArray[Any]:
    try:
        array: npt.NDArray[Any] = np.lib.format.read_array(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # a stranger's bytes make the parser raise whatever it likes
        reason = str(error).partition("\n")[0]
        raise HybridClusterError(f"field {name!r} is no array: {reason}") from None
    return array


def _parse_header(header: npt.NDArray[Any]) -> dict[str, Any]:
    if header.dtype.kind != "U" or header.ndim != 0:
        raise _wrong(_HEADER, header.dtype, "one text")
    try:
        content = json.loads(str(header))
    except (ValueError, RecursionError) as error:
        raise HybridClusterError(f"field {_HEADER!r} is no JSON: {error}") from None
    version = content.get("format_version") if isinstance(content, dict) else None
    if isinstance(version, bool) or version != FORMAT_VERSION:
        raise _wrong("format_version", version, str(FORMAT_VERSION))
    settings = content.get("settings")
    if not isinstance(settings, dict):
        raise _wrong("settings", settings, "a JSON object")
    return settings


def _check_column(name: str, array: npt.NDArray[Any], kind: np.dtype[Any]) -> npt.NDArray[Any]:
    if array.dtype.newbyteorder("=") != kind or array.ndim != 1:
        raise _wrong(name, f"{array.dtype} {array.shape}", f"{kind}, one-dimensional")
    if not np.isfinite(array).all():
        raise HybridClusterError(f"field {name!r} holds nan or infinity; allowed: finite numbers")
    return array.astype(kind)


def _check_trees(arrays: dict[str, npt.NDArray[Any]], num_features: int) -> int:
    """Refuse nodes that lead nowhere, or in a circle; return the depth of the deepest tree."""
    nodes, trees = len(arrays["feature"]), len(arrays["root"])
    if not 1 <= trees <= MAX_TREES:
        raise _wrong("root", trees, f"1 to {MAX_TREES} trees")
    for name in ("threshold", "left", "right", "value"):
        if len(arrays[name]) != nodes:
            raise _wrong(name, len(arrays[name]), f"as many nodes as 'feature' has, {nodes}")
    for name, limit in (("root", nodes), ("left", nodes), ("right", nodes)):
        _check_range(name, arrays[name], limit, "nodes")
    _check_range("feature", arrays["feature"], num_features, "features")
    node, left, right = np.arange(nodes), arrays["left"], arrays["right"]
    is_leaf = (left == node) & (right == node)
    children = np.concatenate([left[~is_leaf], right[~is_leaf]])
    parents = np.tile(node[~is_leaf], 2)
    named = np.bincount(np.concatenate([arrays["root"], children]), minlength=nodes)
    # Children that come after their parents cannot close a circle.
    if (children <= parents).any() or (named != 1).any():
        raise HybridClusterError(
            "fields 'root', 'left' and 'right' are no trees; allowed: each node is a root or the "
            "child of one node before it, and a leaf names itself twice"
        )
    depth, level = 0, arrays["root"]
    while not is_leaf[level].all():
        inner = level[~is_leaf[level]]
        depth, level = depth + 1, np.concatenate([left[inner], right[inner]])
        if depth > MAX_DEPTH:
            raise HybridClusterError(f"a tree is deeper than {MAX_DEPTH}, the most allowed")
    return depth


def _check_range(name: str, index: npt.NDArray[Any], limit: int, what: str) -> None:
    wrong = index[(index < 0) | (index >= limit)]
    if len(wrong):
        raise _wrong(name, int(wrong[0]), f"0 to {limit - 1}, the {what} there are")
