"""Tree ensembles: the arrays of an ONNX node `TreeEnsembleClassifier` or `TreeEnsembleRegressor`, read and written.

Node i of the record stands before its children, and each tree's nodes stand together, the root first. Two nodes may
share a child: converters write tests of a set of categories so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

KINDS = {"TreeEnsembleClassifier": "class", "TreeEnsembleRegressor": "target"}
"""The operators that are read, and the prefix of their attributes about leaves."""
DOMAIN = "ai.onnx.ml"
MODES = ("LEAF", "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")
"""The comparisons by their code in `TreeEnsemble.mode`; 0 is a leaf."""
TRANSFORMS = ("NONE", "LOGISTIC", "SOFTMAX")
NOWHERE = -1
_TESTS = ("featureids", "values", "truenodeids", "falsenodeids", "modes", "missing_value_tracks_true")


@dataclass(frozen=True)
class TreeEnsemble:
    """The nodes of all trees in flat arrays (nodes,), and what happens to the sum of their leaves."""

    tree: Integers
    """The tree of each node, from 0, ascending."""
    mode: Integers
    """Index in MODES: a leaf, or how the feature is compared with the threshold."""
    feature: Integers
    """The column that a split reads; 0 in leaves."""
    threshold: Floats
    """0 in leaves."""
    missing: Flags
    """Whether NaN goes to `yes`."""
    yes: Integers
    """The child where the comparison holds, as an index into these arrays; NOWHERE in leaves."""
    no: Integers
    """The other child."""
    value: Floats
    """What a leaf adds to each output (nodes, outputs); 0 in splits."""
    given: Flags
    """(nodes, outputs): where the node writes a value. The runtime reads two classes by it."""
    base: Floats
    """What is added to the sum: (outputs,), or one number, or none."""
    averaged: bool
    """Whether the leaves' mean is taken and not their sum."""
    transform: str
    """What is done to the sum: one of TRANSFORMS."""
    classes: bool
    """Whether the outputs are classes."""

    @property
    def roots(self) -> Integers:
        """The first node of each tree."""
        return np.flatnonzero(np.diff(self.tree, prepend=-1))

    @property
    def trees(self) -> int:
        """How many trees there are."""
        return int(self.tree[-1]) + 1

    @property
    def nodes(self) -> int:
        """How many nodes they have together."""
        return len(self.tree)

    @property
    def outputs(self) -> int:
        """How many classes or targets there are."""
        return int(self.value.shape[1])

    @property
    def written(self) -> Integers:
        """The outputs that any leaf adds to. One of two classes: its sum decides between both."""
        return np.flatnonzero(self.given.any(axis=0))

    @property
    def leaf(self) -> Flags:
        """Which nodes are leaves."""
        return np.asarray(self.mode == 0)


def find_ensembles(proto: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The tree ensembles of the model's own graph, of any version."""
    return [node for node in proto.graph.node if node.domain == DOMAIN and node.op_type.startswith("TreeEnsemble")]


def read_ensemble(node: onnx.NodeProto) -> TreeEnsemble:
    """The record of a node.

    Raises:
        ValueError: the operator is another one, has no trees, takes the least or largest leaf, stores doubles, or ends
            in a function that is none of TRANSFORMS; the sentence says which.
    """
    if node.op_type not in KINDS:
        raise ValueError(f"{node.op_type} is not read, only {' and '.join(KINDS)}")
    found = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    if doubles := [name for name in found if name.endswith("_as_tensor")]:
        raise ValueError(f"it has {doubles[0]}: numbers in double precision are not read")
    averaged = found.get("aggregate_function", b"SUM")
    if averaged not in (b"SUM", b"AVERAGE"):
        raise ValueError(f"it takes the {averaged.decode()} of the leaves, and only SUM and AVERAGE are read")
    if (transform := found.get("post_transform", b"NONE").decode()) not in TRANSFORMS:
        raise ValueError(f"it ends in {transform}, and only {', '.join(TRANSFORMS)} are read")
    keys = list(zip(found.get("nodes_treeids", ()), found.get("nodes_nodeids", ()), strict=True))
    if not keys:
        raise ValueError("it has no trees")
    place = {key: at for at, key in enumerate(keys)}
    columns = {name: found.get(f"nodes_{name}") or [0] * len(keys) for name in _TESTS}
    mode = np.array([MODES.index(text.decode()) for text in columns["modes"]])
    yes, no = (_children(columns[name], mode, keys, place) for name in ("truenodeids", "falsenodeids"))
    value, given = _leaves(node, found, place)
    split = mode > 0
    read = TreeEnsemble(
        tree=np.unique([tree for tree, _ in keys], return_inverse=True)[1],
        mode=mode,
        feature=np.where(split, columns["featureids"], 0),
        threshold=np.where(split, columns["values"], 0).astype(np.float32),
        missing=np.array(columns["missing_value_tracks_true"], bool) & split,
        yes=yes,
        no=no,
        value=value,
        given=given,
        base=np.array(found.get("base_values", ()), np.float32),
        averaged=averaged == b"AVERAGE",
        transform=transform,
        classes=KINDS[node.op_type] == "class",
    )
    return take_nodes(read, _first_nodes(read))


def _children(ids: Sequence[int], mode: Integers, keys: Sequence[Any], place: dict[Any, int]) -> Integers:
    found = [place[tree, to] if code else NOWHERE for to, code, (tree, _) in zip(ids, mode, keys, strict=True)]
    return np.array(found)


def _leaves(node: onnx.NodeProto, found: dict[str, Any], place: dict[Any, int]) -> tuple[Floats, Flags]:
    """The leaves' values and where they are given, both (nodes, outputs)."""
    prefix = KINDS[node.op_type]
    labels = found.get("classlabels_int64s") or found.get("classlabels_strings") or ()
    outputs = found.get("n_targets", 1) if prefix == "target" else len(labels)
    value = np.zeros((len(place), outputs), np.float32)
    given = np.zeros(value.shape, bool)
    keys = zip(found[f"{prefix}_treeids"], found[f"{prefix}_nodeids"], strict=True)
    at = np.array([place[key] for key in keys]), np.array(found[f"{prefix}_ids"])
    np.add.at(value, at, np.array(found[f"{prefix}_weights"], np.float32))
    given[at] = True
    return value, given


def _first_nodes(ensemble: TreeEnsemble) -> Integers:
    """The root of each tree: the first of its nodes that is nobody's child."""
    child = np.zeros(ensemble.nodes, bool)
    split = ~ensemble.leaf
    child[ensemble.yes[split]] = child[ensemble.no[split]] = True
    roots = np.flatnonzero(~child)
    return roots[np.unique(ensemble.tree[roots], return_index=True)[1]]


def take_nodes(ensemble: TreeEnsemble, roots: Integers) -> TreeEnsemble:
    """The trees that begin at `roots`, in this order, with the nodes that are reached from there, and no others."""
    chosen: list[int] = []
    tree: list[int] = []
    new = np.full(ensemble.nodes, NOWHERE)
    for number, root in enumerate(roots):
        order = _parents_first(ensemble, int(root))
        new[order] = np.arange(len(chosen), len(chosen) + len(order))
        chosen += order
        tree += [number] * len(order)
    at = np.array(chosen)
    yes, no = (np.where(ensemble.leaf[at], NOWHERE, new[child[at]]) for child in (ensemble.yes, ensemble.no))
    return replace(
        ensemble,
        tree=np.array(tree),
        mode=ensemble.mode[at],
        feature=ensemble.feature[at],
        threshold=ensemble.threshold[at],
        missing=ensemble.missing[at],
        yes=yes,
        no=no,
        value=ensemble.value[at],
        given=ensemble.given[at],
    )


def _parents_first(ensemble: TreeEnsemble, root: int) -> list[int]:
    """A tree's nodes, each before its children (reversed postorder)."""
    done: set[int] = set()
    order: list[int] = []
    open_nodes = [(root, False)]
    while open_nodes:
        node, left = open_nodes.pop()
        if left:
            order.append(node)
        elif node not in done:
            done.add(node)
            open_nodes.append((node, True))
            if ensemble.mode[node]:
                open_nodes += [(int(ensemble.yes[node]), False), (int(ensemble.no[node]), False)]
    return order[::-1]


def write_ensemble(node: onnx.NodeProto, ensemble: TreeEnsemble) -> onnx.NodeProto:
    """A copy of the node with the record's trees; node ids begin at 0 in each tree, and nothing else is written."""
    prefix = KINDS[node.op_type]
    first = ensemble.roots[ensemble.tree]
    leaf, ids = ensemble.leaf, np.arange(ensemble.nodes) - first
    at, output = np.nonzero(ensemble.given)
    written: dict[str, Any] = {
        "nodes_treeids": ensemble.tree,
        "nodes_nodeids": ids,
        "nodes_featureids": ensemble.feature,
        "nodes_values": ensemble.threshold,
        "nodes_modes": [MODES[code] for code in ensemble.mode],
        "nodes_truenodeids": np.where(leaf, 0, ensemble.yes - first),
        "nodes_falsenodeids": np.where(leaf, 0, ensemble.no - first),
        f"{prefix}_treeids": ensemble.tree[at],
        f"{prefix}_nodeids": ids[at],
        f"{prefix}_ids": output,
        f"{prefix}_weights": ensemble.value[at, output],
    }
    if ensemble.missing.any():
        written["nodes_missing_value_tracks_true"] = ensemble.missing.astype(int)
    if len(ensemble.base):
        written["base_values"] = ensemble.base
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    drop = {*written, "nodes_hitrates", "nodes_missing_value_tracks_true", "base_values"}
    copy.attribute.extend(item for item in node.attribute if item.name not in drop)
    for name, values in sorted(written.items()):
        listed = values if isinstance(values, list) else values.tolist()
        copy.attribute.append(helper.make_attribute(name, listed))
    return copy
