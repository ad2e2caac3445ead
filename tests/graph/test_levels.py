from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn import Tensor, nn
from tinygrad_nn.graph import Edge, Graph, GraphNode, Group, at_level, graph, trace
from tinygrad_nn.graph.fold import fold
from tinygrad_nn.graph.levels import LEVELS

from .networks import small, stack


def traced(blocks=5):
    model, x = stack(blocks)
    with trace():
        loss = model(x)
    return model, graph(loss, model=model, values=True, gradients=True)


def chain(names):
    """A chain of operations without modules."""
    nodes = [GraphNode(0, "data", "x", (2,)), *(GraphNode(i, "operation", n, (2,)) for i, n in enumerate(names, 1))]
    return Graph(tuple(nodes), tuple(Edge(i, i + 1, shape=(2,)) for i in range(len(names))))


def drawn(found):
    """(name, count) of the operations that are left."""
    return [(n.name, n.count) for n in found.nodes if n.kind == "operation"]


def test_equal_blocks_fold_into_the_first_with_a_count_and_the_gradients_of_both_ends():
    model, found = traced(5)
    folded = fold(found)
    blocks = [g for g in folded.groups if g.kind == "Block"]
    assert [(g.path, g.count, g.title) for g in blocks] == [("blocks.0", 5, "blocks.0 Block × 5")]
    inside = [n for n in folded.nodes if blocks[0].id in folded.around(n.group)]
    assert [n.name for n in inside if n.kind == "operation"] == ["linear", "relu", "linear", "add"]
    assert {n.count for n in inside} == {5}
    last = [n for n in found.nodes if n.name == "add"][-1]
    add = next(n for n in inside if n.name == "add")
    assert (add.gradient_last, add.shape) == (last.gradient, last.shape)
    total = next(n for n in folded.nodes if n.name == "sum")
    assert [e.source for e in folded.inputs[total.id]] == [add.id]
    entry = next(n for n in folded.nodes if n.name == "linear" and n.count == 1)
    assert {e.target for e in folded.uses[entry.id]} == {inside[0].id + 2, add.id}
    assert sum(n.parameters * n.count for n in folded.nodes) == sum(p.size for p in model.parameters())


def test_two_alike_are_not_worth_a_count():
    _, found = traced(2)
    assert fold(found) == found


def test_layers_of_a_flat_network_fold_two_by_two_beginning_with_the_layer():
    layers = [m for _ in range(6) for m in (nn.Linear(4, 4), nn.Tanh())]
    model = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), *layers, nn.Linear(4, 1))
    with trace():
        y = model(Tensor(np.ones((3, 2), np.float32)))
    folded = fold(graph(y))
    (repeat,) = [g for g in folded.groups if not g.kind]
    assert repeat.count == 6
    assert [g.title for g in folded.groups if g.parent == repeat.id] == ["2 Linear", "3 Tanh"]


def test_loops_of_operations_fold_and_loops_in_loops_too():
    assert drawn(fold(chain(["exp"] * 5))) == [("exp", 5)]
    assert drawn(fold(chain(["exp", "log", "abs"] * 4))) == [("exp", 4), ("log", 4), ("abs", 4)]
    folded = fold(chain((["exp"] * 3 + ["log"]) * 3))
    assert drawn(folded) == [("exp", 9), ("log", 3)]
    exp, log = folded.nodes[1:]
    assert [g.count for g in map(folded.group.get, folded.around(exp.group))] == [3, 3]
    assert [e.source for e in folded.inputs[log.id]] == [exp.id]
    assert drawn(fold(chain(["exp", "log", "exp", "exp"]))) == [("exp", 1), ("log", 1), ("exp", 1), ("exp", 1)]


def test_what_is_used_further_on_or_wired_otherwise_is_not_folded():
    used = chain(["exp"] * 4)
    used = Graph((*used.nodes, GraphNode(5, "operation", "add", (2,))), (*used.edges, Edge(4, 5, 0), Edge(2, 5, 1)))
    assert fold(used).nodes == used.nodes
    skips = Graph(chain(["exp"] * 5).nodes, (*chain(["exp"] * 5).edges, Edge(0, 4, 1)))
    assert len(fold(skips).nodes) == len(skips.nodes)
    apart = Graph(chain(["exp"] * 4).nodes, tuple(Edge(0, i) for i in range(1, 5)))
    assert fold(apart) == apart


def test_a_weight_that_all_share_stays_outside_and_own_ones_come_along():
    w, x = Tensor([0.5], requires_grad=True), Tensor([1.0], requires_grad=True)
    y = x
    for i in range(4):
        y = y * w + np.full(1, float(i), np.float32)
    folded = fold(graph(y, names={"w": w, "x": x}))
    assert drawn(folded) == [("mul", 4), ("add", 4)]
    by_name = {n.name: n for n in folded.nodes}
    assert by_name["w"].group is None
    assert by_name["x"].group is None
    assert by_name[""].group is not None  # the constants, one a turn
    assert len(folded.inputs[by_name["mul"].id]) == 2


def test_modules_level_has_a_node_for_each_innermost_module():
    model, found = traced(2)
    shown = at_level(found, "modules")
    assert [(n.kind, n.name) for n in shown.nodes] == [
        ("data", "x"),
        ("module", "entry Linear"),
        ("module", "blocks.0.inner Linear"),
        ("operation", "relu"),
        ("module", "blocks.0.outer Linear"),
        ("operation", "add"),
        ("module", "blocks.1.inner Linear"),
        ("operation", "relu"),
        ("module", "blocks.1.outer Linear"),
        ("operation", "add"),
        ("operation", "sum"),
        ("result", "result"),
    ]
    assert [g.title for g in shown.groups] == ["Stack", "blocks ModuleList", "blocks.0 Block", "blocks.1 Block"]
    entry = shown.nodes[1]
    assert entry.parameters == model.entry.weight.size + model.entry.bias.size
    assert entry.shape == (6, 4)
    add = shown.nodes[5]
    assert [(shown.node[e.source].name, e.shape) for e in shown.inputs[add.id]] == [
        ("entry Linear", (6, 4)),
        ("blocks.0.outer Linear", (6, 4)),
    ]


def test_depth_closes_what_is_deeper():
    model, found = traced(5)
    parameters = sum(p.size for p in model.parameters())
    whole = at_level(found, "operations", depth=0)
    assert [(n.kind, n.name) for n in whole.nodes] == [("data", "x"), ("module", "Stack"), ("result", "result")]
    assert whole.nodes[1].parameters == parameters
    blocks = at_level(found, "operations", depth=1)
    (block,) = [n for n in blocks.nodes if n.kind == "module" and n.name.startswith("blocks")]
    assert (block.name, block.count) == ("blocks ModuleList", 1)
    assert block.parameters == parameters - model.entry.weight.size - model.entry.bias.size
    (block,) = [n for n in at_level(found, "operations", depth=2).nodes if n.name.startswith("blocks")]
    assert (block.name, block.count) == ("blocks.0 Block × 5", 5)
    unfolded = at_level(found, "operations", depth=2, folded=False)
    assert sum(n.kind == "module" and "Block" in n.name for n in unfolded.nodes) == 5


def test_arrays_level_has_a_node_for_each_result_that_is_used():
    model, inputs, _ = small()
    loss = model(inputs).sum()
    found = graph(loss, model=model)
    shown = at_level(found, "arrays")
    arrays = [n for n in shown.nodes if n.kind == "array"]
    assert [(n.shape, n.nbytes) for n in arrays] == [((16, 8), 512), ((16, 8), 512), ((16, 1), 64)]
    assert len(shown.nodes) == len(found.nodes) + 3
    assert len(shown.edges) == len(found.edges) + 3


def test_without_a_level_there_is_as_much_as_can_be_read():
    _, found = traced(2)
    assert at_level(found) == at_level(found, "operations")
    model = nn.Sequential(*(nn.Sequential(nn.LayerNorm(i), nn.Linear(i, i + 1)) for i in range(2, 40)))
    with trace():
        y = model(Tensor(np.ones((2, 2), np.float32)))
    found = graph(y)
    assert len(found.nodes) > 400
    shown = at_level(found)
    assert {n.kind for n in shown.nodes} == {"data", "module", "result"}
    assert len(shown.nodes) == 2 + 2 * 38


def test_a_level_that_is_none():
    _, found = traced(1)
    with pytest.raises(ValueError, match="no level 'ops': choose from modules, operations, arrays"):
        at_level(found, "ops")
    with pytest.raises(ValueError, match="depth counts nested modules"):
        at_level(found, depth=-1)


@given(st.lists(st.sampled_from(["exp", "log"]), max_size=40))
def test_folding_loses_nothing(names):
    folded = fold(chain(names))
    assert sum(count for _, count in drawn(folded)) == len(names)
    left = [n for n in folded.nodes if n.kind == "operation"]
    assert all(len(folded.inputs[n.id]) == 1 for n in left)
    assert all(len(folded.uses[n.id]) >= 1 for n in left[:-1])


@st.composite
def networks(draw):
    """Groups in groups, and operations that each use one or two nodes before them."""
    groups = [Group(i, draw(st.sampled_from([None, *range(i)])), str(i), "M") for i in range(draw(st.integers(0, 4)))]
    nodes, edges = [GraphNode(0, "data", "x", (1,))], []
    for i in range(1, draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(["operation"] * 4 + ["parameter"]))
        group = draw(st.sampled_from([None, *range(len(groups))]))
        nodes.append(GraphNode(i, kind, draw(st.sampled_from(["exp", "add"])), (1,), group=group, parameters=i))
        if kind == "operation":
            edges += [
                Edge(draw(st.integers(max(0, i - 3), i - 1)), i, p, "", (1,)) for p in range(draw(st.integers(1, 2)))
            ]
    return Graph(tuple(nodes), tuple(edges), tuple(groups))


@given(networks(), st.sampled_from([None, *LEVELS]), st.sampled_from([None, 0, 1, 2]), st.booleans())
def test_every_level_of_every_graph_is_a_graph(found, level, depth, folded):
    shown = at_level(found, level, depth, folded)
    assert len(shown.node) == len(shown.nodes)
    assert {e.source for e in shown.edges} | {e.target for e in shown.edges} <= shown.node.keys()
    assert {n.group for n in shown.nodes} - {None} <= shown.group.keys()
    assert {g.parent for g in shown.groups} - {None} <= shown.group.keys()
    if level == "operations" and depth is None:
        counts = [n.count for n in shown.nodes if n.kind == "operation"]
        assert sum(counts) == sum(n.kind == "operation" for n in found.nodes)
    if not folded:
        assert sum(n.parameters for n in shown.nodes) == sum(n.parameters for n in found.nodes)
    if depth == 0 and level != "arrays":
        assert all(n.group is None or not shown.group[n.group].kind for n in shown.nodes)
