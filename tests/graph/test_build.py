from __future__ import annotations

import gc
import json
import weakref

import numpy as np
import pytest

from tinygrad_nn import Tensor, grad, nn
from tinygrad_nn.core.observe import Observer, mode, observing
from tinygrad_nn.graph import Graph, graph, trace

from .networks import small, stack


def names(found, kind):
    return [node.name for node in found.nodes if node.kind == kind]


def group_paths(found):
    """Each node's name, and the titles of the groups around it."""
    return [(n.name, [found.group[g].title for g in found.around(n.group)]) for n in found.nodes]


def test_nodes_alone_give_operations_shapes_inputs_and_edges():
    x, w = Tensor(np.ones((3, 2))), Tensor(np.ones((2, 4)), requires_grad=True)
    found = graph((x @ w * 2).sum(axis=0), names={"w": w})
    assert [(n.kind, n.name, n.shape) for n in found.nodes] == [
        ("data", "", (3, 2)),
        ("parameter", "w", (2, 4)),
        ("operation", "matmul", (3, 4)),
        ("operation", "mul", (3, 4)),
        ("operation", "sum", (4,)),
        ("result", "result", (4,)),
    ]
    assert [(e.source, e.target, e.position, e.shape) for e in found.edges] == [
        (0, 2, 0, (3, 2)),
        (1, 2, 1, (2, 4)),
        (2, 3, 0, (3, 4)),
        (3, 4, 0, (3, 4)),
        (4, 5, 0, (4,)),
    ]
    assert found.nodes[3].attributes == {"input 1": "2"}
    assert found.nodes[4].attributes == {"axis": "0", "keepdims": "False"}
    assert not found.groups
    assert {n.dtype for n in found.nodes} == {"float64"}
    assert found.nodes[1].parameters == 8
    assert found.nodes[1].nbytes == 64


def test_an_array_used_twice_is_one_node_with_two_edges():
    x = Tensor([1.0, 2.0], requires_grad=True)
    c = np.ones(2, np.float32)
    found = graph(x * x + c + c)
    assert names(found, "parameter") == [""]
    assert names(found, "data") == [""]
    assert [e.position for e in found.uses[0]] == [0, 1]


def test_parameters_are_named_by_the_model():
    model, x, _ = small()
    found = graph(model(x), model=model)
    assert names(found, "parameter") == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_frozen_parameters_and_buffers_are_told_from_data():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)).eval()
    model[0].weight.requires_grad_(False)
    found = graph(model(Tensor(np.ones((4, 2), np.float32))), model=model)
    assert "0.weight" in names(found, "parameter")
    assert "1.running_mean" in names(found, "buffer")


def test_under_trace_modules_lines_and_the_users_names_are_known():
    model, inputs, target = small()
    criterion = nn.BCEWithLogitsLoss()
    with trace():
        loss = criterion(model(inputs), target)  # the line
    found = graph(loss)
    assert group_paths(found) == [
        ("inputs", []),
        ("0.weight", ["Sequential", "0 Linear"]),
        ("0.bias", ["Sequential", "0 Linear"]),
        ("linear", ["Sequential", "0 Linear"]),
        ("tanh", ["Sequential", "1 Tanh"]),
        ("2.weight", ["Sequential", "2 Linear"]),
        ("2.bias", ["Sequential", "2 Linear"]),
        ("linear", ["Sequential", "2 Linear"]),
        ("target", []),
        ("bce_with_logits", ["BCEWithLogitsLoss"]),
        ("result", []),
    ]
    assert found.groups[1].settings == "in_features=2, out_features=8, bias=True"
    tanh = found.nodes[4]
    assert tanh.file == __file__
    assert tanh.code == "loss = criterion(model(inputs), target)  # the line"


def test_a_target_in_an_attribute_is_an_input_too():
    logits = Tensor(np.zeros((2, 3)), requires_grad=True)
    truth = np.array([0, 2])
    with trace():
        loss = nn.CrossEntropyLoss()(logits, truth)
    found = graph(loss)
    (node,) = [n for n in found.nodes if n.kind == "data"]
    assert (node.name, node.shape, node.dtype) == ("truth", (2,), "int64")
    assert [e.name for e in found.uses[node.id]] == ["target"]


def test_modules_nest_containers_too_and_a_module_called_twice_is_two_groups():
    class Twice(nn.Module):
        def __init__(self):
            self.inner = nn.ModuleList([nn.Sequential(nn.Linear(2, 2), nn.Tanh())])

        def forward(self, x):
            return self.inner[0](self.inner[0](x))

    model = Twice()
    with trace():
        y = model(Tensor(np.ones((1, 2), np.float32)))
    found = graph(y)
    around = [titles for name, titles in group_paths(found) if name == "linear"]
    assert around == [
        ["Twice", "inner ModuleList", "inner.0 Sequential", "inner.0.0 Linear"],
        ["Twice", "inner ModuleList", "inner.0 Sequential (call 2)", "inner.0.0 Linear (call 2)"],
    ]
    # Both calls use the parameters: they belong to what is around both.
    weights = [titles for name, titles in group_paths(found) if name.endswith("weight")]
    assert weights == [["Twice", "inner ModuleList"]]


def test_modules_in_a_loop_that_follow_each_other_at_once_are_told_apart():
    layer = nn.Tanh()
    x = Tensor(np.ones(2), requires_grad=True)
    with trace():
        for _ in range(3):
            x = layer(x)
    assert [g.call for g in graph(x).groups] == [1, 2, 3]


def test_what_is_made_of_data_alone_is_data_with_a_name_that_says_how():
    images = Tensor(np.ones((1, 1, 4, 4), np.float32))
    with trace():
        y = nn.Linear(16, 2)(images.flatten(1))
    assert names(graph(y), "data") == ["reshape(images)"]


def test_what_a_module_makes_is_its_own_and_what_it_is_given_is_not():
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5))
    x = Tensor(np.ones((4, 2), np.float32))
    with trace():
        y = model(x)
    data = {name: titles for name, titles in group_paths(graph(y)) if name in ("x", "mask")}
    assert data == {"x": [], "mask": ["Sequential", "1 Dropout"]}


def test_a_parameter_stays_in_its_module_when_a_penalty_uses_it_too():
    model = nn.Sequential(nn.Linear(2, 3))
    with trace():
        y = model(Tensor(np.ones((4, 2), np.float32))).sum() + (model[0].weight * model[0].weight).sum()
    assert dict(group_paths(graph(y)))["0.weight"] == ["Sequential", "0 Linear"]


def test_the_backward_pass_is_told_apart_and_belongs_to_the_modules_it_derives():
    model, inputs, target = small()
    parameters = dict(model.named_parameters())
    with trace():
        loss = nn.BCEWithLogitsLoss()(model(inputs), target)
        gradients = grad(loss, list(parameters.values()), create_graph=True)
    found = graph({"loss": loss, **{f"grad of {n}": g for n, g in zip(parameters, gradients, strict=True)}})
    operations = [n for n in found.nodes if n.kind == "operation"]
    backward = [n for n in operations if n.backward]
    assert len(operations) - len(backward) == 4
    assert {found.node[n.derives].name for n in backward} == {"bce_with_logits", "linear", "tanh"}
    for node in backward:
        titles = [found.group[g].title for g in found.around(node.group)]
        derived = [found.group[g].title for g in found.around(found.node[node.derives].group)]
        assert titles == ["backward pass", *derived]
    assert names(found, "result") == ["loss", *(f"grad of {n}" for n in parameters)]
    weight = next(n for n in found.nodes if n.name == "0.weight")
    assert found.group[weight.group].title == "0 Linear"


def test_values_and_gradients_are_those_of_autodiff_and_grad_is_left_alone():
    model, inputs, target = small()
    loss = nn.BCEWithLogitsLoss()(model(inputs), target)
    found = graph(loss, model=model, values=True, gradients=True)
    assert all(p.grad is None for p in model.parameters())
    loss.backward()
    for name, parameter in model.named_parameters():
        node = next(n for n in found.nodes if n.name == name)
        assert node.gradient == pytest.approx(np.linalg.norm(parameter.grad.data), rel=1e-6)
        assert (node.low, node.high) == (parameter.data.min(), parameter.data.max())
    assert found.nodes[-2].gradient == 1


def test_where_no_gradient_passes_there_is_none_and_a_dead_one_is_zero():
    x = Tensor([-1.0, -2.0], requires_grad=True)
    logits = Tensor([[0.5, 1.0]], requires_grad=True)
    dead = graph((x.relu()).sum(), gradients=True)
    assert dead.nodes[0].gradient == 0
    softmax = graph(nn.CrossEntropyLoss()(logits, [0]), gradients=True)
    assert next(n for n in softmax.nodes if n.name == "log_softmax").gradient is None


def test_the_first_fault_is_marked_and_the_range_is_of_finite_values():
    x = Tensor([0.0, 1.0], requires_grad=True)
    with np.errstate(all="ignore"):
        found = graph((x.log() * 0 + 1).sum(), values=True)
    log, mul = found.nodes[1], found.nodes[2]
    assert (log.fault, log.first_fault, log.low, log.high) == ("infinity", True, 0, 0)
    assert (mul.fault, mul.first_fault) == ("NaN", False)
    assert not found.nodes[0].fault


def test_a_freed_graph_still_has_its_operations_and_gradients_say_why_not():
    model, inputs, target = small()
    loss = nn.BCEWithLogitsLoss()(model(inputs), target)
    loss.backward()
    found = graph(loss, model=model)
    assert names(found, "operation") == ["linear", "tanh", "linear", "bce_with_logits"]
    assert names(found, "parameter") == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert found.nodes[0].shape == (8, 2)  # a parameter is still there, what went by is not
    assert next(n for n in found.nodes if n.name == "tanh").shape is None
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        graph(loss, gradients=True)


def test_a_tensor_that_nothing_made():
    assert [n.kind for n in graph(Tensor([1.0])).nodes] == ["data", "result"]
    assert [n.kind for n in graph(Tensor([1.0], requires_grad=True)).nodes] == ["parameter", "result"]
    with pytest.raises(ValueError, match="no output"):
        graph([])


def test_several_outputs_share_their_nodes():
    x = Tensor([1.0], requires_grad=True)
    y = x * 2
    found = graph([y, y + 1])
    assert names(found, "operation") == ["mul", "add"]
    assert names(found, "result") == ["result 0", "result 1"]


def test_json_gives_the_same_graph_back():
    model, x = stack()
    with trace():
        loss = model(x)
    found = graph(loss, values=True, gradients=True)
    again = Graph.from_json(found.to_json())
    assert again == found
    assert isinstance(again.nodes[0].shape, tuple)


def test_json_takes_no_unfinite_numbers_from_us():
    x = Tensor([0.0], requires_grad=True)
    with np.errstate(all="ignore"):
        found = graph(x.log().sum(), values=True, gradients=True)
    json.loads(found.to_json(), parse_constant=lambda name: pytest.fail(name))
    assert Graph.from_json(found.to_json()) == found


@pytest.mark.parametrize("text", ["{}", "[]", '{"version": 2}', '{"version": 1, "nodes": [{"a": 1}]}', "nonsense"])
def test_json_that_is_no_graph(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the words differ, the kind is what callers catch
        Graph.from_json(text)


def test_trace_leaves_nothing_behind():
    model, inputs, _ = small()
    tracing = trace()
    with tracing:
        y = model(inputs)
        with tracing:
            pass
        y = y.sum()
    assert not mode.get().observers
    gone = weakref.ref(y.node)
    del y
    gc.collect()
    assert gone() is None


def test_an_observer_from_before_still_sees_everything():
    seen = []

    class Seeing(Observer):
        def operation(self, primitive, arrays, attrs, out):
            seen.append(primitive.name)

    with observing(Seeing()), trace():
        Tensor([1.0], requires_grad=True).exp()
    assert seen == ["exp"]
