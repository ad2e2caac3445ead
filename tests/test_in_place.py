"""What is changed in place after it was saved for a gradient is found; what is changed elsewhere does not matter."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ops.strategies import cases
from tinygrad_nn import Tensor, detect_anomaly, grad, nn, no_grad
from tinygrad_nn.core.constants import constant
from tinygrad_nn.core.writes import note_write, saved, writes
from tinygrad_nn.ops import TABLE


def leaf(*values: float) -> Tensor:
    return Tensor(np.array(values), requires_grad=True)


def test_a_sum_collected_in_place_keeps_its_gradient():
    x = leaf(2.0)
    total = Tensor(np.zeros(1))
    for factor in (3.0, 4.0):
        total += x * factor
    total.sum().backward()
    assert x.grad.data.tolist() == [7.0]


def test_what_needs_a_gradient_is_not_written_into_an_array():
    x, buffer = leaf(2.0), Tensor(np.zeros(2))
    with pytest.raises(RuntimeError, match="requires gradients"):
        buffer[0] = x[0] * 3
    with no_grad():
        buffer[0] = x[0] * 3
    assert buffer.data.tolist() == [6, 0]


@pytest.mark.parametrize("saved", ["input", "output"])
def test_an_array_changed_after_it_was_saved_is_an_error(saved):
    x = leaf(1.0, 2.0)
    y = x.exp()
    z = (y * y).sum()
    changed = x if saved == "input" else y
    changed.data[0] = 5.0
    note_write(changed.data[:1])  # through a view of it
    with pytest.raises(RuntimeError, match=r"an array of shape \(2,\) that (mul|exp) saved .* changed in place"):
        z.backward()
    again = (x.exp() * 1.0).sum()  # what is computed after the write is right
    again.backward()
    np.testing.assert_allclose(x.grad.data, np.exp(x.data))


def test_a_write_to_an_array_is_a_write_to_its_views():
    x, w = Tensor(np.ones((2, 3))), leaf(1.0, 2.0, 3.0)
    y = (x[0] * w).sum()
    x += 1
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_of_an_array_that_is_gone_no_write_is_remembered():
    x = Tensor(np.ones(3))
    x += 1
    x += 1
    place = id(x.data)
    assert place in writes.times
    del x
    assert place not in writes.times


def test_a_write_elsewhere_or_before_is_no_matter():
    x, factor, other = leaf(1.0, 2.0), Tensor(np.ones(2)), Tensor(np.ones(2))
    factor += 1
    y = (x * factor * 3.0).sum()
    other += 1
    y.backward()
    assert x.grad.data.tolist() == [6, 6]


def test_nobody_can_write_to_a_constant_that_operations_share():
    with pytest.raises(ValueError, match="read-only"):
        constant(1, np.dtype(np.float32), 3)[:] = 2


# --- everything that an operation keeps is guarded: inputs, attributes that are arrays, its output


def float_leaves(tensors):
    return [t for t in tensors if isinstance(t, Tensor) and t.requires_grad]


@pytest.mark.parametrize("name", sorted(TABLE))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_everything_that_is_kept_is_guarded(name, data):
    """Each array is changed through the library after the forward pass: an error, or rules that do not read it."""
    case = data.draw(cases(name))
    inputs = case.tensors()
    y = case(*inputs)
    leaves, seed = float_leaves(inputs), np.ones(y.shape)
    expected = grad(y, leaves, seed, retain_graph=True)
    needed = list(saved(y.node))
    assert all(a in {id(b) for b in needed} for a in map(id, arrays_in(y.node.attrs)))
    for array in [*(a for a in y.node.arrays if isinstance(a, np.ndarray)), *arrays_in(y.node.attrs), y.node.output]:
        if not array.size or not array.flags.writeable:
            continue
        before, latest = array.copy(), y.node.order
        t = Tensor(array)
        t[...] = 1 - before if array.dtype.kind == "f" else before
        if any(array is a for a in needed):
            with pytest.raises(RuntimeError, match=r"saved for its gradient has been changed in\s+place"):
                grad(y, leaves, seed, retain_graph=True)
        else:
            for g, h in zip(grad(y, leaves, seed, retain_graph=True), expected, strict=True):
                np.testing.assert_array_equal(g.data, h.data)
        array[...] = before
        writes.times.clear()
        assert y.node.order == latest
        grad(y, leaves, seed, retain_graph=True)


@pytest.mark.parametrize("name", sorted(TABLE))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_detect_anomaly_sees_raw_writes_to_all_of_it(name, data):
    case = data.draw(cases(name))
    inputs = case.tensors()
    if name == "logsumexp" and not inputs[0].size:
        return  # of nothing it is -infinity, an anomaly of its own
    with detect_anomaly():
        y = case(*inputs)
        leaves, seed = float_leaves(inputs), np.ones(y.shape)
        grad(y, leaves, seed, retain_graph=True)
        for array in saved(y.node):
            if not array.size or not array.flags.writeable:
                continue
            before = array.copy()
            array[...] = 1 - before if array.dtype.kind in "fiu" else ~before
            if np.array_equal(array, before):
                continue
            with pytest.raises(RuntimeError, match="has been changed in place between forward and backward"):
                grad(y, leaves, seed, retain_graph=True)
            array[...] = before


def arrays_in(attrs):
    """The arrays among attributes; an index may be a tuple of them."""
    values = [v for value in attrs.values() for v in (value if isinstance(value, tuple) else (value,))]
    return [v for v in values if isinstance(v, np.ndarray)]


def test_an_index_or_a_target_changed_before_the_backward_pass_is_an_error():
    x, index, target = leaf(1.0, 2.0, 3.0), Tensor([0, 2]), Tensor([0, 1])
    logits = Tensor(np.ones((2, 3)), requires_grad=True)
    losses = [x[index].sum(), nn.CrossEntropyLoss()(logits, target), nn.NLLLoss()(logits.log_softmax(), target)]
    index[0] = 1
    target += 1
    for loss in losses:
        with pytest.raises(RuntimeError, match="changed in place"):
            loss.backward()


# --- in place on a tensor that passes gradients on: its own memory, the graph goes on from the result

OPERATORS = {
    "+=": (lambda t, u: t.__iadd__(u), lambda t, u: t + u),
    "-=": (lambda t, u: t.__isub__(u), lambda t, u: t - u),
    "*=": (lambda t, u: t.__imul__(u), lambda t, u: t * u),
    "/=": (lambda t, u: t.__itruediv__(u), lambda t, u: t / u),
    "**=": (lambda t, u: t.__ipow__(u), lambda t, u: t**u),
    "%=": (lambda t, u: t.__imod__(u), lambda t, u: t % u),
    "//=": (lambda t, u: t.__ifloordiv__(u), lambda t, u: t // u),
}


def test_every_operator_that_writes_is_one_of_these():
    """Python makes `t op= u` out of `t op u` where the method is missing, and binds the name to another tensor."""
    writing = {name for name in dir(operator) if name.startswith("__i") and hasattr(Tensor, "__" + name[3:])}
    writing -= {"__index__", "__inv__", "__invert__", "__iconcat__", "__imatmul__"}  # PyTorch has no @= either
    assert {name for name in writing if not hasattr(Tensor, name)} == set()


@pytest.mark.parametrize(
    ("change", "values"),
    [
        (lambda t: t.__iand__(Tensor([True, False, True])), [True, False, False]),
        (lambda t: t.__ior__(Tensor([True, False, True])), [True, True, True]),
        (lambda t: t.__ixor__(True), [False, False, True]),
        (lambda t: t.fill_(True), [True, True, True]),
    ],
)
def test_logic_in_place_writes_where_it_stands(change, values):
    t = Tensor(np.array([True, True, False]))
    memory = t.data
    assert change(t) is t
    assert t.data is memory
    assert t.tolist() == values


NAMED = {
    "clamp_": (lambda t: t.clamp_(1.5, 4.0), lambda t: t.clamp(1.5, 4.0)),
    "masked_fill_": (
        lambda t: t.masked_fill_(Tensor([True, False]), 7.0),
        lambda t: t.masked_fill(Tensor([True, False]), 7.0),
    ),
    "fill_": (lambda t: t.fill_(2.0), lambda t: t * 0 + 2),
    "zero_": (lambda t: t.zero_(), lambda t: t * 0),
    "copy_": (lambda t: t.copy_(Tensor([8.0, 9.0])), lambda t: t * 0 + Tensor([8.0, 9.0])),
    "div_, rounded": (lambda t: t.div_(2.0, rounding_mode="floor"), lambda t: t.div(2.0, rounding_mode="floor")),
}


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.parametrize("made", [False, True])
def test_a_method_in_place_keeps_the_memory_and_the_graph_goes_on(name, made):
    in_place, usual = NAMED[name]
    x = leaf(1.0, 2.0)
    t, start = (x.exp(), x.exp()) if made else (Tensor(np.array([5.0, 6.0])), Tensor(np.array([5.0, 6.0])))
    memory, wanted = t.data, usual(start)
    assert in_place(t) is t
    assert t.data is memory
    np.testing.assert_allclose(t.data, wanted.data)
    assert t.requires_grad is made
    if made:
        for g, h in zip(grad((t * t).sum(), [x]), grad((wanted * wanted).sum(), [x]), strict=True):
            np.testing.assert_allclose(g.data, h.data)
    with pytest.raises(RuntimeError, match="requires gradients cannot be changed in place"):
        in_place(x)
    with no_grad():
        in_place(x)
    np.testing.assert_allclose(x.data, usual(Tensor(np.array([1.0, 2.0]))).data)


def test_a_view_does_not_get_a_graph_that_what_it_looks_into_would_not_see():
    x, whole = leaf(1.0, 2.0), Tensor(np.ones((2, 2)))
    row = whole[0]
    with pytest.raises(RuntimeError, match="may share its memory with another one"):
        row += x
    assert whole.tolist() == [[1, 1], [1, 1]]
    alone = Tensor(np.ones((2, 2))).reshape(4)[:2]  # nobody else has that memory
    alone += x
    assert alone.requires_grad


def test_a_leaf_that_stopped_asking_gets_no_gradient():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    y = (x * w).sum()
    x.requires_grad_(False)
    y.backward()
    assert x.grad is None
    assert w.grad.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.__iadd__(Tensor(np.ones((3, 2)))), r"add of \(2,\) and \(3, 2\)"),
        (lambda t: t.__ipow__(Tensor(np.ones((3, 2)))), r"a result of shape \(3, 2\)"),
        (lambda t: t.__setitem__(0, [1.0, 2.0]), r"a value of shape \(2,\) in a part of a tensor of shape \(2,\)"),
        (lambda t: t.long().__ipow__(0.5), "float32 does not fit into this tensor of shape .* and int64"),
        (lambda t: t.long().__iadd__(0.5), "add of"),
        (lambda t: t.long().__setitem__(0, float("nan")), "int64 holds neither NaN nor infinity"),
        (lambda t: t.long().__setitem__(0, Tensor([np.inf])), "int64 holds neither NaN nor infinity"),
    ],
)
def test_what_does_not_fit_in_place_is_named(change, words):
    t = Tensor(np.array([5.0, 6.0]))
    with pytest.raises((TypeError, ValueError), match=words):
        change(t)
    assert t.tolist() == [5, 6]


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("made", [False, True])
def test_an_operation_in_place_within_a_function_is_seen_outside(operator, made):
    in_place, usual = OPERATORS[operator]
    x, u = leaf(1.0, 2.0), leaf(3.0, 4.0)
    t = x.exp() if made else Tensor(np.array([5.0, 6.0]))
    start = x.exp() if made else Tensor(np.array([5.0, 6.0]))
    memory, shared = t.data, t.detach()

    def function(argument):
        return in_place(argument, u)

    assert function(t) is t
    wanted = usual(start, u)
    assert t.data is memory
    assert t.tolist() == shared.tolist() == wanted.tolist()
    assert t.requires_grad
    leaves = [x, u] if made else [u]
    for g, h in zip(grad((t * t).sum(), leaves), grad((wanted * wanted).sum(), leaves), strict=True):
        np.testing.assert_allclose(g.data, h.data)


def test_in_place_as_pytorch_does_it():
    """Chains of operations in place: values and gradients, and what was saved before is an error."""
    torch = pytest.importorskip("torch", reason="PyTorch's meaning is compared with")
    rng = np.random.default_rng(0)
    for _ in range(50):
        x, w = rng.standard_normal((3, 2)), rng.standard_normal(2) + 3
        a, b = Tensor(x, requires_grad=True), Tensor(w, requires_grad=True)
        c, d = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
        t, u = a + b, c + d
        for step in rng.integers(0, 7, 4):
            for y, v in ((t, b), (u, d)):
                if step == 0:
                    y += v
                elif step == 1:
                    y *= v
                elif step == 2:
                    y /= v
                elif step == 3:
                    y -= 2
                elif step == 4:
                    y *= y.detach() if y is t else y.detach().clone()  # PyTorch refuses it without the copy
                elif step == 5:
                    y += y if y is t else y.clone()
                else:
                    y += v * v
        np.testing.assert_allclose(t.data, u.detach().numpy())
        (t * t).sum().backward()
        (u * u).sum().backward()
        np.testing.assert_allclose(a.grad.data, c.grad.numpy())
        np.testing.assert_allclose(b.grad.data, d.grad.numpy())


def test_what_was_computed_from_the_old_values_is_an_error_or_right():
    x, u = leaf(1.0, 2.0), leaf(3.0, 4.0)
    t = x.exp()
    square, same = (t * t).sum(), (t + 1).sum()
    t += u
    with pytest.raises(RuntimeError, match="changed in place"):
        square.backward()
    same.backward()  # a sum reads none of the values
    np.testing.assert_allclose(x.grad.data, np.exp([1, 2]))


@pytest.mark.parametrize("view", [lambda t: t.reshape(2, 1), lambda t: t[0:1], lambda t: t.swapaxes(0, 0)])
def test_a_view_is_not_changed_in_place(view):
    """Whose memory it looks into would lose the gradient of the change."""
    t = leaf(1.0, 2.0) * 1
    v = view(t)
    with pytest.raises(RuntimeError, match="share its memory"):
        v += leaf(1.0)


def test_a_view_of_what_was_changed_in_place_is_an_error():
    t, u = leaf(1.0, 2.0) * 1, leaf(3.0, 4.0)
    v = t.reshape(2, 1)
    t += u
    with pytest.raises(RuntimeError, match="changed in place"):
        (v * 2).sum().backward()


def test_in_place_keeps_shape_and_dtype():
    t, u = Tensor(np.ones(2, np.float32)), leaf(1.0, 2.0)
    t += u
    assert t.dtype == np.float32
    assert t.node is not None
    t.sum().backward()
    assert u.grad.tolist() == [1, 1]
    for wrong in (Tensor(np.ones(1)), Tensor(np.array([1, 2]))):
        with pytest.raises(ValueError, match="does not fit into this tensor"):
            wrong += u


def test_memory_that_is_not_to_be_written_is_not():
    """A broadcast view has one number in every place: to write one would write all."""
    for shape in ((3,), (2, 3)):
        x = Tensor(np.ones(1)).broadcast_to(shape)
        with pytest.raises(RuntimeError, match="cannot be written"):
            x += 1
        with pytest.raises(RuntimeError, match="cannot be written"):
            x[..., 0] = 5
        assert not x.data.flags.writeable
    g = grad(leaf(1.0, 2.0).sum(), y := leaf(1.0), allow_unused=True)[0]
    g += 1
    (h,) = grad((y * 2).broadcast_to((3,)).sum(), y)
    h += 1  # a gradient is its owner's
    assert h.tolist() == [7]


@pytest.mark.parametrize("name", [*OPERATORS, *NAMED])
def test_what_is_refused_in_place_leaves_the_tensor_as_it_was(name):
    """Its graph, too: a diagonal cannot be written, and goes on having a gradient."""
    change = NAMED[name][0] if name in NAMED else lambda t: OPERATORS[name][0](t, Tensor(np.array([3.0, 4.0])))
    matrix = leaf(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)
    t = matrix.reshape(2, 2, 2).diagonal(dim1=1, dim2=2).diagonal()
    before, node = t.tolist(), t.node
    with pytest.raises(RuntimeError, match="cannot be written"):
        change(t)
    assert t.tolist() == before
    assert t.node is node
    t.sum().backward()
    assert matrix.grad.tolist() == [1, 0, 0, 0, 0, 0, 0, 1]


def test_a_gradient_that_is_retained_is_that_of_what_the_tensor_has_become():
    x, p = leaf(2.0, 3.0), leaf(2.0, 2.0)
    t = x * 1
    seen = []
    t.register_hook(seen.append)
    t.retain_grad()
    t **= p
    (t * 5).sum().backward()
    assert t.grad.tolist() == [5, 5]
    assert [g.tolist() for g in seen] == [[20, 30]]  # a hook is about the values that it was made for
