"""A random forest as plain arrays: small files that run no code, and fast single predictions.

Why not skops: the same 100 trees (382,000 nodes) as scikit-learn's object, measured with timeit on
one core by `skops.io.dump`, `load` and the trees' `predict`, take 8 MB deflated (these arrays 3.6),
0.24 s to load (0.09), 19 ms a decision (1.1) and 4 s to import (0.3). And skops must be told to
trust scikit-learn's compiled `Tree`, which follows any node number: a forged file segfaults.
"""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cpu_gpu_env.checks import check_count, check_field, check_version
from cpu_gpu_env.errors import HybridClusterError, not_allowed
from cpu_gpu_env.io.atomic_files import write_bytes_atomically
from cpu_gpu_env.io.bounded_files import open_zip, parse_json, read_array
from cpu_gpu_env.model.tasks import FloatArray
from cpu_gpu_env.results.held_out import UsedEpisodes, read_used_episodes

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

FORMAT_VERSION = 1
MAX_HEADER_BYTES = 2**22
MAX_TREES = 10_000
MAX_DEPTH = 1_000
MAX_ARRAY_BYTES = 2**26
"""Eight million nodes, unless told otherwise; a forest of `train.py` has some hundred thousand."""
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

    @property
    def trained_on(self) -> tuple[UsedEpisodes, ...] | None:
        """Episodes whose labels it was fitted to; None if the file does not tell.

        Raises:
            HybridClusterError: If what the file tells of them is damaged.
        """
        return read_used_episodes(self.settings)

    def predict(self, features: npt.NDArray[Any]) -> FloatArray:
        """Predict for each row of features (n, d); returns (n,), the median over the trees.

        Where the examples are of two minds, a median takes sides and a mean takes neither.
        """
        return np.asarray(np.median(self.predict_trees(features), axis=1))

    def predict_trees(self, features: npt.NDArray[Any]) -> FloatArray:
        """What each tree predicts for each row of features (n, d); returns (n, trees)."""
        # scikit-learn compares float32 features, too.
        rows = np.asarray(features, dtype=np.float32)
        every = np.arange(len(rows))[:, None]
        node = np.broadcast_to(self.root, (len(rows), len(self.root)))
        for _ in range(self.depth):
            goes_left = rows[every, self.feature[node]] <= self.threshold[node]
            node = np.where(goes_left, self.left[node], self.right[node])
        return self.value[node]

    def steepened(self, centre: float, slope: float) -> Forest:
        """The same with a line through (`centre`, 1/2) on what leaves predict, cut off at 0 and 1.

        So that it is more decided about small differences, and leans to one side.
        """
        value = np.clip(0.5 + slope * (self.value - centre), 0.0, 1.0)
        settings = {**self.settings, "centre": centre, "slope": slope}
        return replace(self, value=value, settings=settings)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the forest as ``*.npz``, whole or not at all."""
        write_bytes_atomically(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """Make the content of the file that `save` writes."""
        header = {"format_version": FORMAT_VERSION, "settings": self.settings}
        content = io.BytesIO()
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
        arrays[_HEADER] = np.array(json.dumps(header))
        np.savez_compressed(content, **arrays)
        return content.getvalue()


def load_forest(
    path: str | os.PathLike[str] | bytes,
    num_features: int | None = None,
    max_bytes: int = MAX_ARRAY_BYTES,
) -> Forest:
    """Read a forest; nothing in the file is run, and no size that it claims is believed.

    Args:
        path: File that `Forest.save` wrote, or its content.
        num_features: Features that it will be given; None: as many as it wants.
        max_bytes: Bytes that an array of all nodes may have at most, and the file four times that.

    Raises:
        HybridClusterError: If the file is missing, damaged, too large, no forest, or one for other
            features.
    """
    limit = max_bytes, " (argument max_bytes)"
    with open_zip(path, 4 * max_bytes, "forest", "not a forest") as archive:
        settings = _parse_header(read_array(archive, _HEADER, MAX_HEADER_BYTES))
        wanted = check_count("field 'num_features'", settings.get("num_features"))
        if num_features is not None and wanted != num_features:
            raise not_allowed("field 'num_features'", wanted, str(num_features))
        arrays = {
            name: _check_column(name, read_array(archive, name, *limit), dtype)
            for name, dtype in _ARRAYS.items()
        }
        return Forest(**arrays, depth=_check_trees(arrays, wanted), settings=settings)


def _parse_header(header: npt.NDArray[Any]) -> dict[str, Any]:
    try:
        text = str(header).encode()
    except (ValueError, SystemError) as error:  # characters that there are none
        raise HybridClusterError(f"field {_HEADER!r} is no text: {error}") from None
    content = parse_json(text, f"field {_HEADER!r} is no JSON")
    check_version(f"field {_HEADER!r}", content, "format_version", FORMAT_VERSION)
    return check_field(_HEADER, content, "settings", dict)


def _check_column(name: str, array: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
    if array.dtype.newbyteorder("=") != np.dtype(dtype) or array.ndim != 1:
        found = f"{array.dtype} {array.shape}"
        raise not_allowed(f"field {name!r}", found, f"{np.dtype(dtype)}, one-dimensional")
    if not np.isfinite(array).all():
        raise HybridClusterError(f"field {name!r} holds nan or infinity; allowed: finite numbers")
    return array.astype(dtype)


def _check_trees(arrays: dict[str, npt.NDArray[Any]], num_features: int) -> int:
    """Refuse nodes that lead nowhere, or in a circle; return the depth of the deepest tree."""
    root, left, right = arrays["root"], arrays["left"], arrays["right"]
    nodes = len(arrays["feature"])
    check_count("number of trees in 'root'", len(root), MAX_TREES)
    check_count("number of nodes in 'feature'", nodes)
    for name in ("threshold", "left", "right", "value"):
        check_count(f"number of nodes in {name!r}", len(arrays[name]), nodes, low=nodes)
    for name in ("root", "left", "right", "feature"):
        limit = num_features if name == "feature" else nodes
        for end in (arrays[name].min(), arrays[name].max()):
            check_count(f"field {name!r}", int(end), limit - 1, low=0)
    node = np.arange(nodes)
    is_leaf = (left == node) & (right == node)
    inner = node[~is_leaf]
    named = np.bincount(np.concatenate([root, left[inner], right[inner]]), minlength=nodes)
    # Children that come after their parents cannot close a circle.
    if (np.minimum(left, right)[inner] <= inner).any() or (named != 1).any():
        raise HybridClusterError(
            "fields 'root', 'left' and 'right' are no trees; allowed: each node is a root or the "
            "child of one node before it, and a leaf names itself twice"
        )
    depth, level = 0, root
    while len(level := level[~is_leaf[level]]):
        depth, level = depth + 1, np.concatenate([left[level], right[level]])
        if depth > MAX_DEPTH:
            raise HybridClusterError(f"a tree is deeper than {MAX_DEPTH}, the most allowed")
    return depth
