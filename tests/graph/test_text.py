from __future__ import annotations

import numpy as np

from tinygrad_nn import Tensor, nn
from tinygrad_nn.graph import Graph, GraphNode, Group, graph, text, trace

from .networks import small, stack


def test_the_tree_of_a_small_network():
    model, inputs, target = small()
    with trace():
        loss = nn.BCEWithLogitsLoss()(model(inputs), target)
    assert (
        str(graph(loss))
        == """\
Sequential
├─ 0 Linear  2 → 8
│  └─ linear                         (16, 8)  ← inputs (16, 2), weight (8, 2), bias (8,)
├─ 1 Tanh
│  └─ tanh                           (16, 8)
└─ 2 Linear  8 → 1
   └─ linear                         (16, 1)  ← tanh, weight (1, 8), bias (1,)
BCEWithLogitsLoss  reduction='mean'
└─ bce_with_logits  scale=0.0625     ()       ← linear, target (16, 1)
→ result                             ()"""
    )


def test_gradients_and_ranges_are_columns():
    x = Tensor([1.0, 3.0], requires_grad=True)
    lines = str(graph((x * 2).sum(), values=True, gradients=True)).splitlines()
    assert lines[0].split() == ["mul", "2", "(2,)", "2", "…", "6", "gradient", "1.4", "←", "parameter", "(2,)"]
    assert lines[2].split() == ["→", "result", "8", "()", "8", "…", "8"]


def test_faults_are_named():
    x = Tensor([0.0], requires_grad=True)
    with np.errstate(all="ignore"):
        assert "infinity" in str(graph(x.log(), values=True)).splitlines()[0]


def test_levels_and_depth():
    model, x = stack(5)
    with trace():
        loss = model(x)
    assert text(graph(loss), depth=0).splitlines() == [
        "Stack  216 parameters  ()  ← x (6, 3)",
        "→ result               ()",
    ]
    modules = text(graph(loss), "modules")
    assert "0 Block × 5" in modules
    assert "inner Linear  4 → 4  20 parameters" in modules
    assert text(graph(loss), folded=False).count("Block") == 5


def test_hostile_names_stay_on_their_line():
    group = Group(0, None, "", 'a\n"<b>', "\x1b[31m")
    shown = str(Graph((GraphNode(0, "operation", "x\ty\r\n", (1,), group=0),), (), (group,)))
    assert shown.splitlines() == ['a\\n"<b>  \\x1b[31m', "└─ x\\ty\\r\\n        (1,)"]


def test_an_empty_graph():
    assert str(Graph((), ())) == "nothing"
